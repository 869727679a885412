//! Packets: an owned one, a borrowed view of one, and the pieces of a chain.
//!
//! Used for every packet by `sluice-worker`, through `Burst`. A view reads fields at the offsets the C compiler gave to
//! `dpdk-sys`: no C call. The length a driver claims for the whole packet (`pkt_len`) is told but never trusted: net_pcap
//! gives a record of 70,000 bytes three short segments and a `pkt_len` of 70,000. Lengths here are those of the segments.
//!
//! Sources: DPDK 22.11 rte_mbuf_core.h, guide "Mbuf Library", rte_mbuf_dyn.h for the time stamp.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use dpdk_sys as sys;

/// A field of `rte_mbuf`: its type, and where it lies.
struct Field<T> {
    offset: usize,
    kind: PhantomData<T>,
}

impl<T> Field<T> {
    const fn at(offset: sys::mbuf_offsets) -> Self {
        Self { offset: offset as usize, kind: PhantomData }
    }
}

// The types are those of rte_mbuf_core.h; they have not changed since DPDK 17.11.
const BUF_ADDR: Field<*mut u8> = Field::at(sys::MBUF_BUF_ADDR);
const DATA_OFF: Field<u16> = Field::at(sys::MBUF_DATA_OFF);
const REFCNT: Field<u16> = Field::at(sys::MBUF_REFCNT);
const NB_SEGS: Field<u16> = Field::at(sys::MBUF_NB_SEGS);
const PORT: Field<u16> = Field::at(sys::MBUF_PORT);
const OL_FLAGS: Field<u64> = Field::at(sys::MBUF_OL_FLAGS);
const PKT_LEN: Field<u32> = Field::at(sys::MBUF_PKT_LEN);
const DATA_LEN: Field<u16> = Field::at(sys::MBUF_DATA_LEN);
const NEXT: Field<*mut sys::rte_mbuf> = Field::at(sys::MBUF_NEXT);

/// A packet, or a segment of one, that somebody owns for at least `'a`.
///
/// Made from `Mbuf` and `Burst` only, so the pointer is that of a live packet buffer nobody writes to meanwhile.
#[derive(Clone, Copy)]
pub struct MbufRef<'a> {
    raw: NonNull<sys::rte_mbuf>,
    owner: PhantomData<&'a Mbuf>,
}

impl<'a> MbufRef<'a> {
    /// # Safety
    /// `raw` is a live packet buffer, and for `'a` it is neither freed nor changed.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: NonNull<sys::rte_mbuf>) -> Self {
        Self { raw, owner: PhantomData }
    }

    #[inline]
    fn get<T: Copy>(self, field: Field<T>) -> T {
        let place = self.raw.as_ptr().cast::<u8>().wrapping_add(field.offset).cast::<T>();
        // SAFETY: a read needs a live, initialised, aligned T: `raw` is a live packet buffer (promise of `from_raw`), and each
        // `Field` above is a field of it with the offset the C compiler computed and the type the header declares.
        unsafe { place.read() }
    }

    /// Length in bytes that the driver claims for the whole packet. May be more than the segments hold: do not index with it.
    #[inline]
    pub fn pkt_len(self) -> u32 {
        self.get(PKT_LEN)
    }

    /// Length in bytes of the first segment.
    #[inline]
    pub fn data_len(self) -> u16 {
        self.get(DATA_LEN)
    }

    /// Length in bytes of all segments together: what is really there.
    #[inline]
    pub fn chain_len(self) -> usize {
        if self.is_chained() { self.segments().map(<[u8]>::len).sum() } else { usize::from(self.data_len()) }
    }

    /// The packet has more than one segment.
    #[inline]
    pub fn is_chained(self) -> bool {
        self.get(NB_SEGS) > 1
    }

    /// DPDK's number of the port it came in by; 65,535 when it came by none.
    #[inline]
    pub fn port(self) -> u16 {
        self.get(PORT)
    }

    /// The bytes of the first segment. No C call.
    #[inline]
    pub fn first_segment(self) -> &'a [u8] {
        let start = self.data_start();
        // SAFETY: the slice needs `data_len` initialised bytes that nobody writes for `'a`. DPDK keeps data_off + data_len
        // within the segment's buffer, which lives as long as the packet buffer; buffers are set to zero memory at the least
        // when EAL maps them; and the promise of `from_raw` covers the data as well.
        unsafe { std::slice::from_raw_parts(start, usize::from(self.data_len())) }
    }

    /// The bytes of each segment, in order.
    #[inline]
    pub fn segments(self) -> Segments<'a> {
        Segments { next: Some(self), left: self.get(NB_SEGS) }
    }

    /// Copies the packet from its first byte on into `out`, as much as fits, and tells how many bytes that was.
    pub fn copy_to(self, out: &mut [u8]) -> usize {
        let mut done = 0;
        for segment in self.segments() {
            let room = out.get_mut(done..).unwrap_or_default();
            let count = segment.len().min(room.len());
            if let (Some(to), Some(from)) = (room.get_mut(..count), segment.get(..count)) {
                to.copy_from_slice(from);
            }
            done += count;
            if count < segment.len() {
                break;
            }
        }
        done
    }

    /// Fills `out` with the bytes of the packet from byte `offset` on, from whatever segments they lie in; whether all were there.
    pub fn read_at(self, offset: usize, out: &mut [u8]) -> bool {
        let Some(end) = offset.checked_add(out.len()) else { return false };
        let mut start = 0;
        for segment in self.segments() {
            let (from, to) = (offset.max(start), end.min(start + segment.len()));
            if from < to
                && let (Some(place), Some(bytes)) =
                    (out.get_mut(from - offset..to - offset), segment.get(from - start..to - start))
            {
                place.copy_from_slice(bytes);
            }
            start += segment.len();
            if start >= end {
                break;
            }
        }
        start >= end
    }

    /// When the packet was captured, if its driver says so. net_pcap: microseconds since 1970, of the capture file. Other
    /// drivers count in a clock of their own.
    #[inline]
    pub fn timestamp_us(self) -> Option<u64> {
        // Relaxed: both numbers are set once, before the first packet of a port that stamps can be received.
        let offset = TIMESTAMP_OFFSET.load(Ordering::Relaxed);
        let flag = TIMESTAMP_FLAG.load(Ordering::Relaxed);
        if self.get(OL_FLAGS) & flag == 0 {
            return None;
        }
        let offset = u32::try_from(offset).ok()?;
        Some(self.get(Field::at(offset as sys::mbuf_offsets)))
    }

    /// Whether another packet refers to the bytes of this segment, or they lie in a buffer that is not the pool's.
    fn is_shared(self) -> bool {
        self.get(OL_FLAGS) & (sys::MBUF_FLAG_INDIRECT | sys::MBUF_FLAG_EXTERNAL) != 0 || self.get(REFCNT) != 1
    }

    #[inline]
    fn data_start(self) -> *mut u8 {
        self.get(BUF_ADDR).wrapping_add(usize::from(self.get(DATA_OFF)))
    }

    #[inline]
    fn next(self) -> Option<Self> {
        // SAFETY: `from_raw` needs a live packet buffer for `'a`: the segments of a chain belong to its first and live as long.
        NonNull::new(self.get(NEXT)).map(|raw| unsafe { Self::from_raw(raw) })
    }
}

impl fmt::Debug for MbufRef<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths: Vec<usize> = self.segments().map(<[u8]>::len).collect();
        out.debug_struct("MbufRef").field("pkt_len", &self.pkt_len()).field("segments", &lengths).finish()
    }
}

/// The segments of a packet, in order: as many as are really chained.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    next: Option<MbufRef<'a>>,
    left: u16,
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        // Counting spares packets of one segment the second cache line, where the link lies.
        self.left = self.left.checked_sub(1)?;
        let segment = self.next?;
        self.next = if self.left > 0 { segment.next() } else { None };
        Some(segment.first_segment())
    }
}

/// A packet of ours. Dropping it gives it back to its pool.
#[repr(transparent)]
pub struct Mbuf {
    raw: NonNull<sys::rte_mbuf>,
}

// SAFETY: a packet may be freed and read by any thread; there is one owner, and pools accept packets from all threads.
unsafe impl Send for Mbuf {}
// SAFETY: through a shared reference it is only read.
unsafe impl Sync for Mbuf {}

/// Somebody else can see the packet's bytes (a copy by reference, or a driver's buffer), so they must not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedData;

impl fmt::Display for SharedData {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the packet's bytes are shared with somebody else")
    }
}

impl std::error::Error for SharedData {}

/// The bytes do not fit behind those in the packet's last segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendError {
    /// How many bytes were to be added.
    pub bytes: usize,
}

impl fmt::Display for AppendError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes do not fit behind the packet; make the pool's data room larger", self.bytes)
    }
}

impl std::error::Error for AppendError {}

/// The packet can't be made shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrimError {
    /// How many bytes were to go.
    pub bytes: usize,
}

impl fmt::Display for TrimError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes can't be cut off: they are more than the last segment's, or shared", self.bytes)
    }
}

impl std::error::Error for TrimError {}

/// Bytes of a packet that can't be written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverwriteError {
    /// Somebody else can see them.
    Shared,
    /// The packet ends before them.
    Beyond,
}

impl fmt::Display for OverwriteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => SharedData.fmt(out),
            Self::Beyond => write!(out, "the packet ends before the bytes that were to be written over"),
        }
    }
}

impl std::error::Error for OverwriteError {}

impl Mbuf {
    /// # Safety
    /// `raw` is a live packet buffer that nobody else owns.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: NonNull<sys::rte_mbuf>) -> Self {
        Self { raw }
    }

    /// Gives the packet away without freeing it.
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<sys::rte_mbuf> {
        ManuallyDrop::new(self).raw
    }

    /// A view of the packet, to copy around.
    #[inline]
    pub fn view(&self) -> MbufRef<'_> {
        // SAFETY: `from_raw` needs a live packet that does not change: we own it, and `&self` is held for the view's life.
        unsafe { MbufRef::from_raw(self.raw) }
    }

    /// As [`MbufRef::pkt_len`].
    #[inline]
    pub fn pkt_len(&self) -> u32 {
        self.view().pkt_len()
    }

    /// As [`MbufRef::data_len`].
    #[inline]
    pub fn data_len(&self) -> u16 {
        self.view().data_len()
    }

    /// As [`MbufRef::chain_len`].
    #[inline]
    pub fn chain_len(&self) -> usize {
        self.view().chain_len()
    }

    /// As [`MbufRef::is_chained`].
    #[inline]
    pub fn is_chained(&self) -> bool {
        self.view().is_chained()
    }

    /// As [`MbufRef::first_segment`].
    #[inline]
    pub fn first_segment(&self) -> &[u8] {
        self.view().first_segment()
    }

    /// As [`MbufRef::segments`].
    #[inline]
    pub fn segments(&self) -> Segments<'_> {
        self.view().segments()
    }

    /// As [`MbufRef::timestamp_us`].
    #[inline]
    pub fn timestamp_us(&self) -> Option<u64> {
        self.view().timestamp_us()
    }

    /// As [`MbufRef::copy_to`].
    pub fn copy_to(&self, out: &mut [u8]) -> usize {
        self.view().copy_to(out)
    }

    /// The bytes of the first segment, to be changed.
    ///
    /// # Errors
    /// `SharedData` when another packet refers to the same bytes, or they lie in a buffer that is not the pool's.
    #[inline]
    pub fn first_segment_mut(&mut self) -> Result<&mut [u8], SharedData> {
        let view = self.view();
        if view.is_shared() {
            return Err(SharedData);
        }
        let (start, length) = (view.data_start(), usize::from(view.data_len()));
        // SAFETY: the slice needs `length` bytes that only we can reach: they lie in this packet's own buffer (not indirect,
        // not external), one reference to the packet exists and it is ours, and `&mut self` is held for the slice's life.
        Ok(unsafe { std::slice::from_raw_parts_mut(start, length) })
    }

    /// Writes `bytes` over those of the packet from byte `offset` on, in whatever segments these lie.
    ///
    /// # Errors
    /// `OverwriteError`, and nothing is changed.
    pub fn overwrite(&mut self, offset: usize, bytes: &[u8]) -> Result<(), OverwriteError> {
        let end = offset.checked_add(bytes.len()).ok_or(OverwriteError::Beyond)?;
        // First a look at all segments, then the writing.
        for write in [false, true] {
            let (mut start, mut next, mut left) = (0, Some(self.view()), self.view().get(NB_SEGS));
            while start < end {
                let segment = next.filter(|_| left > 0).ok_or(OverwriteError::Beyond)?;
                let length = usize::from(segment.data_len());
                let (from, to) = (offset.max(start), end.min(start + length));
                if from < to {
                    if segment.is_shared() {
                        return Err(OverwriteError::Shared);
                    }
                    let part = bytes.get(from - offset..to - offset).unwrap_or_default();
                    let place = segment.data_start().wrapping_add(from - start);
                    if write {
                        // SAFETY: the copy needs `part.len()` writable bytes at `place`, apart from `part`, that nobody else uses: they lie within
                        // the `data_len` bytes of a segment of our packet, in its own buffer (not indirect, not external) with one reference, and
                        // `&mut self` is held, so no slice given out by us reaches them.
                        unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), place, part.len()) };
                    }
                }
                start += length;
                left -= 1;
                next = if left > 0 { segment.next() } else { None };
            }
        }
        Ok(())
    }

    /// Cuts off what lies behind the first `length` bytes. Nothing is done to a packet that is not longer.
    ///
    /// # Errors
    /// `TrimError` when more than the last segment would go, or somebody else can see the packet; it is as before.
    pub fn trim(&mut self, length: usize) -> Result<(), TrimError> {
        let surplus = self.chain_len().saturating_sub(length);
        let bytes = u16::try_from(surplus).map_err(|_| TrimError { bytes: surplus })?;
        if bytes > 0 && self.view().is_shared() {
            return Err(TrimError { bytes: surplus });
        }
        // SAFETY: `rte_pktmbuf_trim` needs a packet nobody else uses: we own it, and hold `&mut self`. It looks itself whether the last segment
        // has so many bytes.
        let done = unsafe { sys::shim_mbuf_trim(self.raw.as_ptr(), bytes) };
        if done == 0 { Ok(()) } else { Err(TrimError { bytes: surplus }) }
    }

    /// Adds `bytes` behind the packet's last one.
    ///
    /// # Errors
    /// `AppendError` when the last segment has no room for all of them; the packet is as before.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), AppendError> {
        let refused = AppendError { bytes: bytes.len() };
        let count = u16::try_from(bytes.len()).map_err(|_| refused)?;
        // SAFETY: `rte_pktmbuf_append` needs a packet nobody else uses: we own it, and hold `&mut self`.
        let tail = unsafe { sys::shim_mbuf_append(self.raw.as_ptr(), count) };
        if tail.is_null() {
            return Err(refused);
        }
        // SAFETY: the copy needs `count` writable bytes at `tail`, apart from `bytes`: DPDK made that room in the last
        // segment's own buffer, behind its data, where no slice given out by us reaches.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), tail.cast::<u8>(), bytes.len()) };
        Ok(())
    }
}

impl Mbuf {
    /// Notes when the packet was captured, microseconds since 1970. Nothing is noted before [`Eal::stamp_packets`](crate::Eal::stamp_packets).
    #[inline]
    pub fn stamp_us(&mut self, time_us: u64) {
        // Relaxed: as in `timestamp_us`.
        let offset = TIMESTAMP_OFFSET.load(Ordering::Relaxed);
        let flag = TIMESTAMP_FLAG.load(Ordering::Relaxed);
        let Ok(offset) = u32::try_from(offset) else { return };
        self.set(OL_FLAGS, self.view().get(OL_FLAGS) | flag);
        self.set(Field::at(offset as sys::mbuf_offsets), time_us);
    }

    #[inline]
    fn set<T: Copy>(&mut self, field: Field<T>, value: T) {
        let place = self.raw.as_ptr().cast::<u8>().wrapping_add(field.offset).cast::<T>();
        // SAFETY: a write needs a live, aligned place for a T that nobody else uses: we own the packet buffer and hold `&mut self`, and each `Field` is a
        // field of it with the offset the C compiler computed, or DPDK gave out, and its type.
        unsafe { place.write(value) };
    }

    /// Adds the segments of `tail` behind the packet's last one.
    ///
    /// # Errors
    /// `tail`, when the packet would have more segments than DPDK can count; the packet is as before.
    pub fn chain(&mut self, tail: Self) -> Result<(), Self> {
        // SAFETY: `rte_pktmbuf_chain` needs two packets nobody else uses, neither of them part of the other: both are owned, one by `&mut self` and
        // one by value.
        let refused = unsafe { sys::shim_mbuf_chain(self.raw.as_ptr(), tail.raw.as_ptr()) };
        if refused != 0 {
            return Err(tail);
        }
        // The segments are this packet's now and go with it.
        let _ = tail.into_raw();
        Ok(())
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(out)
    }
}

impl Drop for Mbuf {
    fn drop(&mut self) {
        let mut raw = self.raw.as_ptr();
        // SAFETY: `rte_pktmbuf_free_bulk` needs `1` pointer to a packet we own: `raw`; it is not used again.
        unsafe { sys::rte_pktmbuf_free_bulk(&mut raw, 1) };
    }
}

/// Where drivers put the time stamp, in bytes into the packet buffer; -1: no driver has asked for that field.
static TIMESTAMP_OFFSET: AtomicI32 = AtomicI32::new(-1);
/// The flag that tells a stamped packet; 0: none is.
static TIMESTAMP_FLAG: AtomicU64 = AtomicU64::new(0);

/// Asks for the time stamp field. Whether DPDK has room for it.
pub(crate) fn register_timestamp_field() -> bool {
    let null = std::ptr::null_mut();
    // SAFETY: `rte_mbuf_dyn_rx_timestamp_register` needs a started EAL, and takes null for what the caller does not want to be told.
    let refused = unsafe { sys::rte_mbuf_dyn_rx_timestamp_register(null, null.cast()) };
    find_timestamp_field();
    refused == 0
}

/// Looks up the time stamp field. Called after a port has started or we have asked ourselves, since the field is there from then on; it never moves.
pub(crate) fn find_timestamp_field() {
    // SAFETY: `rte_mbuf_dynfield_lookup` needs a NUL-terminated name and allows no place for the details.
    let offset = unsafe { sys::rte_mbuf_dynfield_lookup(c"rte_dynfield_timestamp".as_ptr(), std::ptr::null_mut()) };
    // SAFETY: `rte_mbuf_dynflag_lookup` likewise.
    let bit = unsafe { sys::rte_mbuf_dynflag_lookup(c"rte_dynflag_rx_timestamp".as_ptr(), std::ptr::null_mut()) };
    let flag = u32::try_from(bit).ok().and_then(|bit| 1_u64.checked_shl(bit)).unwrap_or(0);
    if offset >= 0 {
        // Relaxed: the queues of the port are handed to their threads after this, which orders it.
        TIMESTAMP_OFFSET.store(offset, Ordering::Relaxed);
        TIMESTAMP_FLAG.store(flag, Ordering::Relaxed);
    }
}
