//! A burst: up to 32 packets that travel together.
//!
//! Filled by `RxQueue::receive`, read packet by packet without a C call, emptied by `TxQueue::transmit` or freed at once.
//! Lives on the worker's stack; never allocates. What it holds it owns.
//!
//! Sources: DPDK 22.11 rte_mbuf.h (`rte_pktmbuf_free_bulk`); 32 is the burst the design was measured with.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use dpdk_sys as sys;

use crate::mbuf::{Mbuf, MbufRef, OverwriteError, TrimError};

/// Most packets in a burst.
pub const BURST: usize = 32;

/// Up to [`BURST`] packets of ours, in order. Dropping it frees them with one call.
pub struct Burst {
    /// The first `len` point to packets we own; the others mean nothing.
    packets: [*mut sys::rte_mbuf; BURST],
    len: usize,
}

// SAFETY: it is a row of owned packets, and those may change thread (see `Mbuf`).
unsafe impl Send for Burst {}

impl Burst {
    /// An empty burst.
    pub const fn new() -> Self {
        Self { packets: [std::ptr::null_mut(); BURST], len: 0 }
    }

    /// How many packets it holds.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// It holds no packet.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// It holds [`BURST`] packets.
    #[inline]
    pub const fn is_full(&self) -> bool {
        self.len >= BURST
    }

    /// The first segment of packet `index`; no bytes when there is no such packet.
    #[inline]
    pub fn data(&self, index: usize) -> &[u8] {
        self.mbuf(index).map_or(&[], MbufRef::first_segment)
    }

    /// Packet `index`, if there is one.
    #[inline]
    pub fn mbuf(&self, index: usize) -> Option<MbufRef<'_>> {
        let raw = NonNull::new(*self.held().get(index)?)?;
        // SAFETY: `from_raw` needs a live packet that does not change: it is among those we own, and `&self` is held.
        Some(unsafe { MbufRef::from_raw(raw) })
    }

    /// As [`Mbuf::overwrite`] of packet `index`.
    ///
    /// # Errors
    /// The same; `Beyond` also when there is no such packet.
    pub fn overwrite(&mut self, index: usize, offset: usize, bytes: &[u8]) -> Result<(), OverwriteError> {
        let raw = self.held().get(index).copied().and_then(NonNull::new).ok_or(OverwriteError::Beyond)?;
        // SAFETY: `from_raw` needs a packet nobody else owns: it is among those we own, `&mut self` is held for as long as this handle to it lives,
        // and `ManuallyDrop` keeps the handle from freeing what the row goes on to own.
        let mut packet = ManuallyDrop::new(unsafe { Mbuf::from_raw(raw) });
        packet.overwrite(offset, bytes)
    }

    /// As [`Mbuf::trim`] of packet `index`.
    ///
    /// # Errors
    /// The same; also when there is no such packet.
    pub fn trim(&mut self, index: usize, length: usize) -> Result<(), TrimError> {
        let raw = self.held().get(index).copied().and_then(NonNull::new).ok_or(TrimError { bytes: 0 })?;
        // SAFETY: as in `overwrite`: the packet is among those we own, `&mut self` is held for as long as this handle to it lives, and
        // `ManuallyDrop` keeps the handle from freeing what the row goes on to own.
        let mut packet = ManuallyDrop::new(unsafe { Mbuf::from_raw(raw) });
        packet.trim(length)
    }

    /// All packets, in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = MbufRef<'_>> {
        self.held().iter().map(|&raw| {
            // SAFETY: `new_unchecked` needs a pointer that is not null: the first `len` point to packets.
            let raw = unsafe { NonNull::new_unchecked(raw) };
            // SAFETY: `from_raw` needs a live packet that does not change: it is among those we own, and `&self` is held.
            unsafe { MbufRef::from_raw(raw) }
        })
    }

    /// Takes the last packet out.
    #[inline]
    pub fn pop(&mut self) -> Option<Mbuf> {
        let last = self.len.checked_sub(1)?;
        let raw = NonNull::new(*self.packets.get(last)?)?;
        self.len = last;
        // SAFETY: `from_raw` needs a packet nobody else owns: it was ours, and the row does not name it any more.
        Some(unsafe { Mbuf::from_raw(raw) })
    }

    /// Takes packet `index` out; those behind it move up, so the order stays.
    #[inline]
    pub fn take(&mut self, index: usize) -> Option<Mbuf> {
        let raw = NonNull::new(*self.held().get(index)?)?;
        self.packets.copy_within(index + 1..self.len, index);
        self.len -= 1;
        // SAFETY: `from_raw` needs a packet nobody else owns: it was ours, and the row does not name it any more.
        Some(unsafe { Mbuf::from_raw(raw) })
    }

    /// Adds a packet at the end.
    ///
    /// # Errors
    /// Gives the packet back when the burst is full.
    #[inline]
    pub fn push(&mut self, packet: Mbuf) -> Result<(), Mbuf> {
        match self.packets.get_mut(self.len) {
            Some(place) => {
                *place = packet.into_raw().as_ptr();
                self.len += 1;
                Ok(())
            }
            None => Err(packet),
        }
    }

    /// Takes all packets out, in order. Those not asked for are freed when the iterator goes.
    #[inline]
    pub fn drain(&mut self) -> Drain<'_> {
        let end = self.len;
        // From here on the iterator owns them: a forgotten one leaks packets but never frees twice.
        self.len = 0;
        Drain { burst: self, next: 0, end }
    }

    /// Frees all packets with one call.
    #[inline]
    pub fn free_all(&mut self) {
        free(self.packets.get_mut(..self.len).unwrap_or_default());
        self.len = 0;
    }

    /// The row of pointers we own.
    #[inline]
    pub(crate) fn held(&self) -> &[*mut sys::rte_mbuf] {
        self.packets.get(..self.len).unwrap_or_default()
    }

    /// The places behind it.
    #[inline]
    pub(crate) fn room(&mut self) -> &mut [*mut sys::rte_mbuf] {
        self.packets.get_mut(self.len..).unwrap_or_default()
    }

    /// The pointers we own, for a call that takes the first of them.
    #[inline]
    pub(crate) fn held_mut(&mut self) -> &mut [*mut sys::rte_mbuf] {
        self.packets.get_mut(..self.len).unwrap_or_default()
    }

    /// Counts in `count` packets that were put into `room`.
    ///
    /// # Safety
    /// The first `count` places of `room` hold packets that nobody else owns.
    #[inline]
    pub(crate) unsafe fn grew(&mut self, count: usize) {
        self.len = (self.len + count).min(BURST);
    }

    /// Forgets the first `count` packets; the others move up.
    #[inline]
    pub(crate) fn gave(&mut self, count: usize) {
        let count = count.min(self.len);
        self.packets.copy_within(count..self.len, 0);
        self.len -= count;
    }
}

/// Frees packets that the caller owns and does not use again.
#[inline]
fn free(packets: &mut [*mut sys::rte_mbuf]) {
    if packets.is_empty() {
        return;
    }
    // SAFETY: `rte_pktmbuf_free_bulk` needs pointers to packets we own, as many as told: the callers in this file pass
    // owned ones and strike them off at once. It accepts chains, and packets of several pools.
    unsafe { sys::rte_pktmbuf_free_bulk(packets.as_mut_ptr(), packets.len() as u32) };
}

impl Default for Burst {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Burst {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

impl Drop for Burst {
    fn drop(&mut self) {
        self.free_all();
    }
}

/// The packets of a burst, on their way out.
#[derive(Debug)]
pub struct Drain<'a> {
    burst: &'a mut Burst,
    /// Packets `next..end` of the row are still ours.
    next: usize,
    end: usize,
}

impl Iterator for Drain<'_> {
    type Item = Mbuf;

    #[inline]
    fn next(&mut self) -> Option<Mbuf> {
        if self.next >= self.end {
            return None;
        }
        let raw = NonNull::new(*self.burst.packets.get(self.next)?)?;
        self.next += 1;
        // SAFETY: `from_raw` needs a packet nobody else owns: the burst gave it up in `drain`, and we have counted it out.
        Some(unsafe { Mbuf::from_raw(raw) })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Drain<'_> {}

impl Drop for Drain<'_> {
    fn drop(&mut self) {
        free(self.burst.packets.get_mut(self.next..self.end).unwrap_or_default());
    }
}
