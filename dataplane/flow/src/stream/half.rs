//! One direction of a stream: where it stands.
//!
//! Kept by [`super::store`]. Offsets are bytes since the first one, modulo 2^32.

use super::{blocks::BLOCK, urgent::NO_LIST};
use crate::shares::NOBODY;
use sluice_core::Direction;

/// Whether offset `one` lies behind `other`.
#[inline(always)]
pub(super) const fn is_after(one: u32, other: u32) -> bool {
    one.wrapping_sub(other) as i32 > 0
}

/// The earlier of two offsets.
#[inline(always)]
pub(super) const fn earlier(one: u32, other: u32) -> u32 {
    if is_after(one, other) { other } else { one }
}

/// The later of two offsets.
#[inline(always)]
pub(super) const fn later(one: u32, other: u32) -> u32 {
    if is_after(one, other) { one } else { other }
}

/// What becomes of the bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// None came yet.
    #[default]
    Unopened,
    /// They are put together.
    Open,
    /// As many as are to be looked at have been.
    Spent,
    /// Some are lost that were forwarded.
    Lost,
}

/// One direction of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    /// Sequence number of offset 0.
    pub origin: u32,
    /// The first byte that is not there.
    pub next: u32,
    /// One past the last byte that was judged, and that was scanned for literals.
    pub judged: u32,
    pub scanned: u32,
    /// One past the last byte that a parser has read.
    pub read: u32,
    /// One past the last byte that the other end has acknowledged.
    pub acked: u32,
    /// The first byte that is kept.
    pub floor: u32,
    /// One past the last byte that came.
    pub highest: u32,
    /// Where its last two turns to speak began, the later one last.
    pub turns: [u32; 2],
    /// Its blocks: the first in the list of their stretches, how many.
    pub head: u32,
    pub held: u16,
    /// Its list of rules that wait.
    pub pending: u32,
    pub state: State,
    /// More rules wait than there is room for.
    pub crowded: bool,
    /// No parser reads it any more.
    pub left_unread: bool,
}

impl Half {
    pub const UNOPENED: Self = Self {
        origin: 0,
        next: 0,
        judged: 0,
        scanned: 0,
        read: 0,
        acked: 0,
        floor: 0,
        highest: 0,
        turns: [0; 2],
        head: NOBODY,
        held: 0,
        pending: NOBODY,
        state: State::Unopened,
        crowded: false,
        left_unread: false,
    };

    /// Whether parsers may read it.
    #[inline]
    pub fn is_read(&self) -> bool {
        self.state == State::Open && !self.left_unread
    }

    /// Whether it may hold a block more when `most` bytes are kept of it.
    #[inline]
    pub const fn may_grow(&self, most: u32) -> bool {
        self.held < u16::MAX && (self.held as u32 + 1) * BLOCK as u32 <= most
    }
}

/// Both directions. Two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Stream {
    pub halves: [Half; 2],
    /// Its partition of the flow table.
    pub partition: u16,
    /// Who spoke last.
    pub speaker: Direction,
    /// Its list of urgent bytes.
    pub urgent: u16,
}

impl Stream {
    pub const EMPTY: Self =
        Self { halves: [Half::UNOPENED; 2], partition: 0, speaker: Direction::ToServer, urgent: NO_LIST };
}

#[cfg(test)]
mod tests {
    use super::{Stream, earlier, is_after, later};

    #[test]
    fn offsets_are_compared_around_the_end_of_their_numbers() {
        assert!(is_after(3, u32::MAX - 3) && !is_after(u32::MAX - 3, 3) && !is_after(7, 7));
        assert_eq!((earlier(3, u32::MAX - 3), later(3, u32::MAX - 3)), (u32::MAX - 3, 3));
    }

    #[test]
    fn a_stream_takes_two_cache_lines() {
        assert_eq!(size_of::<Stream>(), 128);
    }
}
