//! Pools of packet buffers.
//!
//! Made by the control side before ports are configured; read by metrics; packets go back to them by themselves.
//!
//! A pool is never given back to DPDK. A thread may be inside the call that returns a pool's last packet while another drops
//! the pool's last handle, and DPDK has no way to tell; so a pool without handles is parked, and `create` hands a parked pool
//! out again when it has the shape asked for and is whole. Memory is bounded by the number of different shapes in use at once.
//!
//! Sources: DPDK 22.11 rte_mempool.h, rte_mbuf.h; guide "Mempool Library" (caches, sizes of 2^n - 1).

use std::ffi::CString;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use dpdk_sys as sys;

use crate::burst::Burst;
use crate::control;
use crate::eal::Eal;
use crate::mbuf::Mbuf;

/// A pool of packet buffers of one size. Cloning gives another handle to the same pool.
#[derive(Clone, Debug)]
pub struct Mempool {
    handle: Arc<PoolHandle>,
}

/// Parks the pool when the last handle goes.
#[derive(Debug)]
struct PoolHandle {
    pool: PoolInner,
}

/// A pool of DPDK's and what it was made for.
#[derive(Clone, Debug)]
pub(crate) struct PoolInner {
    raw: NonNull<sys::rte_mempool>,
    name: String,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    count: u32,
    data_room: u16,
    socket: Option<u32>,
}

// SAFETY: DPDK's pools are made for use from several threads (ring_mp_mc, a cache for each lcore), and are never freed here.
unsafe impl Send for PoolInner {}
// SAFETY: as above; only functions that are safe from several threads are called through a shared reference.
unsafe impl Sync for PoolInner {}

/// Why there is no pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MempoolError {
    /// The name holds a NUL byte.
    BadName {
        /// The name asked for.
        name: String,
    },
    /// A pool needs a packet, and a packet needs a byte.
    Empty {
        /// Packets asked for.
        count: u32,
        /// Bytes for each.
        data_room: u16,
    },
    /// More bytes for each packet than DPDK can count.
    DataRoomTooLarge {
        /// Bytes asked for.
        data_room: u16,
        /// The most there can be.
        most: u16,
    },
    /// DPDK said no: usually the memory given to EAL is used up, or the name is taken or too long.
    Refused {
        /// The name asked for.
        name: String,
        /// Packets asked for.
        count: u32,
        /// Bytes for each.
        data_room: u16,
        /// DPDK's error number (errno(3)).
        errno: i32,
    },
}

impl fmt::Display for MempoolError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName { name } => write!(out, "the pool name {name:?} holds a NUL byte"),
            Self::Empty { count, data_room } => {
                write!(out, "a pool of {count} packets of {data_room} bytes is of no use; ask for at least one of each")
            }
            Self::DataRoomTooLarge { data_room, most } => {
                write!(out, "{data_room} bytes a packet buffer are too many; ask for {most} at most")
            }
            Self::Refused { name, count, data_room, errno } => {
                let reason = std::io::Error::from_raw_os_error(*errno);
                write!(
                    out,
                    "pool {name} of {count} packets of {data_room} bytes was refused: {reason}; \
                     give EAL more memory or ask for fewer packets"
                )
            }
        }
    }
}

impl std::error::Error for MempoolError {}

/// The pool has no free packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolEmpty;

impl fmt::Display for PoolEmpty {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the pool has no free packet")
    }
}

impl std::error::Error for PoolEmpty {}

impl Mempool {
    /// Makes a pool of `count` packet buffers (best: a power of two less one) with room for `data_room` bytes each, besides
    /// the headroom of 128 bytes. `socket` is the NUMA node; `None` leaves it to DPDK.
    ///
    /// A parked pool of the same shape is given out again, under the name it was made with.
    ///
    /// # Errors
    /// See [`MempoolError`].
    ///
    /// # Cost
    /// About `count * (data_room + 320)` bytes of EAL's memory. Control side only.
    pub fn create(
        _eal: &Eal,
        name: &str,
        count: u32,
        data_room: u16,
        socket: Option<u32>,
    ) -> Result<Self, MempoolError> {
        const HEADROOM: u16 = sys::RTE_PKTMBUF_HEADROOM as u16;
        if count == 0 || data_room == 0 {
            return Err(MempoolError::Empty { count, data_room });
        }
        let Some(room) = data_room.checked_add(HEADROOM) else {
            return Err(MempoolError::DataRoomTooLarge { data_room, most: u16::MAX - HEADROOM });
        };
        let c_name = CString::new(name).map_err(|_| MempoolError::BadName { name: name.to_owned() })?;
        let shape = Shape { count, data_room, socket };

        let mut control = control::lock();
        let reusable = control.parked.iter().position(|pool| pool.shape == shape && pool.in_use() == 0);
        if let Some(index) = reusable {
            let pool = control.parked.swap_remove(index);
            return Ok(Self { handle: Arc::new(PoolHandle { pool }) });
        }
        // Packets in a lcore's cache are out of reach for the others: small pools have none.
        let cache = match count {
            8192.. => 256,
            1024.. => 32,
            _ => 0,
        };
        let socket = socket.map_or(-1, |node| node as i32);
        // SAFETY: `rte_pktmbuf_pool_create` needs a started EAL (`_eal`), a NUL-terminated name (`c_name`) and no other
        // control call at the same time (the lock). It checks the numbers itself.
        let raw = unsafe { sys::rte_pktmbuf_pool_create(c_name.as_ptr(), count, cache, 0, room, socket) };
        let Some(raw) = NonNull::new(raw) else {
            // SAFETY: `shim_errno` reads a variable of this thread.
            let errno = unsafe { sys::shim_errno() };
            return Err(MempoolError::Refused { name: name.to_owned(), count, data_room, errno });
        };
        let pool = PoolInner { raw, name: name.to_owned(), shape };
        Ok(Self { handle: Arc::new(PoolHandle { pool }) })
    }

    /// The name the pool was made with.
    pub fn name(&self) -> &str {
        &self.handle.pool.name
    }

    /// How many packets it has, free and in use.
    pub fn count(&self) -> u32 {
        self.handle.pool.shape.count
    }

    /// Bytes of data that fit in one packet buffer; longer packets are chains.
    pub fn data_room(&self) -> u16 {
        self.handle.pool.shape.data_room
    }

    /// Packets that are out: in a queue, a burst, a driver's ring or a hand. Exact only while no other thread works on the
    /// pool. Costs a look at every lcore's cache: for tests and metrics.
    pub fn in_use(&self) -> u32 {
        self.handle.pool.in_use()
    }

    /// Free packets; with [`in_use`](Self::in_use) it sums up to [`count`](Self::count). The same reservation.
    pub fn available(&self) -> u32 {
        // SAFETY: `rte_mempool_avail_count` needs a live pool: pools are never freed.
        unsafe { sys::rte_mempool_avail_count(self.raw()) }
    }

    /// Takes one empty packet out.
    ///
    /// # Errors
    /// `PoolEmpty`: none is free. A normal answer under load.
    ///
    /// # Cost
    /// One C call; no system call, no lock. Never panics.
    pub fn take(&self) -> Result<Mbuf, PoolEmpty> {
        // SAFETY: `rte_pktmbuf_alloc` needs a live pool of packet buffers: it was made as one and is never freed.
        let raw = unsafe { sys::shim_mbuf_alloc(self.raw()) };
        let raw = NonNull::new(raw).ok_or(PoolEmpty)?;
        // SAFETY: `from_raw` needs a packet nobody else owns: DPDK took it out of the pool for us.
        Ok(unsafe { Mbuf::from_raw(raw) })
    }

    /// Fills the free places of `burst` with empty packets.
    ///
    /// # Errors
    /// `PoolEmpty`: not so many are free, and none was taken.
    ///
    /// # Cost
    /// One C call; no system call, no lock. Never panics.
    #[inline]
    pub fn fill(&self, burst: &mut Burst) -> Result<(), PoolEmpty> {
        let room = burst.room();
        let count = room.len();
        // SAFETY: `rte_pktmbuf_alloc_bulk` needs a live pool of packet buffers (it was made as one and is never freed), and room for the number told: pointer and count are those of one slice, of at most 32 places.
        let refused = unsafe { sys::shim_mbuf_alloc_bulk(self.raw(), room.as_mut_ptr(), count as u16) };
        if refused != 0 {
            return Err(PoolEmpty);
        }
        // SAFETY: `grew` needs that many packets of ours in the room: DPDK has taken them out of the pool for us.
        unsafe { burst.grew(count) };
        Ok(())
    }

    /// Takes a packet that holds `bytes`, in several segments when they are more than [`data_room`](Self::data_room).
    ///
    /// # Errors
    /// `PoolEmpty`: not enough are free, or a packet can't have that many segments.
    ///
    /// # Cost
    /// [`take`](Self::take) and a copy for each segment.
    pub fn packet(&self, bytes: &[u8]) -> Result<Mbuf, PoolEmpty> {
        let mut packet: Option<Mbuf> = None;
        for part in bytes.chunks(usize::from(self.data_room())) {
            let mut segment = self.take()?;
            segment.append(part).map_err(|_| PoolEmpty)?;
            match &mut packet {
                Some(packet) => packet.chain(segment).map_err(|_| PoolEmpty)?,
                None => packet = Some(segment),
            }
        }
        packet.map_or_else(|| self.take(), Ok)
    }

    pub(crate) fn raw(&self) -> *mut sys::rte_mempool {
        self.handle.pool.raw.as_ptr()
    }
}

impl PoolInner {
    fn in_use(&self) -> u32 {
        // SAFETY: `rte_mempool_in_use_count` needs a live pool: pools are never freed.
        unsafe { sys::rte_mempool_in_use_count(self.raw.as_ptr()) }
    }
}

impl Drop for PoolHandle {
    fn drop(&mut self) {
        control::lock().parked.push(self.pool.clone());
    }
}
