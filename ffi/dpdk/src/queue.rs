//! Receive and transmit queues, one owner each.
//!
//! Made by `Port::configure`, moved to the worker that polls them. One C call per burst. A queue keeps its port running.
//!
//! Sources: DPDK 22.11 rte_ethdev.h: a queue may be used by one thread at a time, different queues by different threads.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use dpdk_sys as sys;

use crate::burst::Burst;
use crate::port::PortInner;

/// A receive queue of a started port. `Send`, not `Sync`, not `Clone`.
///
/// ```compile_fail,E0277
/// fn shared<T: Sync>() {}
/// shared::<sluice_dpdk::RxQueue>();
/// ```
/// ```
/// fn moved<T: Send>() {}
/// moved::<sluice_dpdk::RxQueue>();
/// moved::<sluice_dpdk::TxQueue>();
/// moved::<sluice_dpdk::Burst>();
/// moved::<sluice_dpdk::Mbuf>();
/// ```
#[derive(Debug)]
pub struct RxQueue {
    port: Arc<PortInner>,
    id: u16,
    one_thread: PhantomData<Cell<()>>,
}

/// A transmit queue of a started port. `Send`, not `Sync`, not `Clone`.
///
/// ```compile_fail,E0277
/// fn shared<T: Sync>() {}
/// shared::<sluice_dpdk::TxQueue>();
/// ```
#[derive(Debug)]
pub struct TxQueue {
    port: Arc<PortInner>,
    id: u16,
    one_thread: PhantomData<Cell<()>>,
}

impl RxQueue {
    /// `id` must be a queue of the port, and this its only handle: `Port::configure` sees to both.
    pub(crate) fn new(port: Arc<PortInner>, id: u16) -> Self {
        Self { port, id, one_thread: PhantomData }
    }

    /// Number of the queue in its port, from 0.
    pub fn id(&self) -> u16 {
        self.id
    }

    /// DPDK's number of the port.
    pub fn port_id(&self) -> u16 {
        self.port.id()
    }

    /// Receives packets into the free places of `burst`, behind those it holds, and tells how many came. Some drivers give
    /// fewer than there are, or none, when there are less than 4 free places: pass an empty burst.
    ///
    /// 0 means "none now"; a capture that is at its end says so for ever.
    ///
    /// # Cost
    /// One C call. Never blocks, never allocates, never panics.
    #[inline]
    pub fn receive(&mut self, burst: &mut Burst) -> usize {
        let room = burst.room();
        // SAFETY: `rte_eth_rx_burst` needs a started queue, a sole caller for that queue, and room for the number told.
        // - started: a queue is only made by `Port::configure` after the start, and `self.port` keeps the port running;
        // - sole caller: the queue is neither `Clone` nor `Sync`, and this method takes `&mut self`;
        // - room: the pointer and the count are those of one slice, of at most 32 places.
        let count = unsafe { sys::shim_rx_burst(self.port.id(), self.id, room.as_mut_ptr(), room.len() as u16) };
        // SAFETY: `grew` needs that many packets of ours in the room: the driver has put them there and given them to us.
        unsafe { burst.grew(usize::from(count)) };
        usize::from(count)
    }
}

impl TxQueue {
    /// `id` must be a queue of the port, and this its only handle: `Port::configure` sees to both.
    pub(crate) fn new(port: Arc<PortInner>, id: u16) -> Self {
        Self { port, id, one_thread: PhantomData }
    }

    /// Number of the queue in its port, from 0.
    pub fn id(&self) -> u16 {
        self.id
    }

    /// DPDK's number of the port.
    pub fn port_id(&self) -> u16 {
        self.port.id()
    }

    /// Transmits the packets of `burst` from the first on and tells how many went. Those that did not (the queue is full) stay
    /// in the burst, in order.
    ///
    /// # Cost
    /// One C call. Never blocks, never allocates, never panics.
    #[inline]
    pub fn transmit(&mut self, burst: &mut Burst) -> usize {
        let held = burst.held_mut();
        // SAFETY: `rte_eth_tx_burst` needs a started queue, a sole caller for that queue, and packets that are ours.
        // - started: a queue is only made by `Port::configure` after the start, and `self.port` keeps the port running;
        // - sole caller: the queue is neither `Clone` nor `Sync`, and this method takes `&mut self`;
        // - packets: the burst owns each of those it holds, and gives up the first `count` below.
        let count = unsafe { sys::shim_tx_burst(self.port.id(), self.id, held.as_mut_ptr(), held.len() as u16) };
        burst.gave(usize::from(count));
        usize::from(count)
    }
}
