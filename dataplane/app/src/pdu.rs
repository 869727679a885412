//! One protocol data unit in the bytes of one end, and reading numbers from bytes.
//!
//! Used by every parser; Modbus and EtherNet/IP also walk over their units with [`Followed`] and pair them
//! with [`begin`] and [`asked`]. It never reads what is inside a unit.

use sluice_core::Direction;

use crate::{desk::Desk, event::AppEvent, level, parser::Fed, room::TxRef};

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// A whole unit of this many bytes, never 0 and never more than there are.
    Whole {
        /// Bytes it takes.
        bytes: usize,
        /// What is wrong inside of it; it is a unit all the same.
        wrong: Option<AppEvent>,
    },
    /// The beginning of a unit; this many more bytes are needed at least, never 0.
    Needs(usize),
    /// No unit: where the next one begins is not known.
    Broken(AppEvent),
}

/// Whether each end's units are followed: behind a hole one is believed only if it is whole and sound.
#[derive(Debug, Default)]
pub struct Followed {
    lost: [bool; 2],
}

impl Followed {
    /// Cuts `bytes`, which went in `desk.direction`, into units as `frame` says, and hands each to `unit`; one that can't be read is empty.
    pub fn read(
        &mut self,
        desk: &mut Desk,
        bytes: &[u8],
        mut frame: impl FnMut(&[u8]) -> Framed,
        mut unit: impl FnMut(&mut Desk, &[u8], Option<AppEvent>),
    ) -> Fed {
        if let Some(lost) = self.lost.get_mut(desk.direction.index())
            && *lost
        {
            match frame(bytes) {
                Framed::Whole { wrong: None, .. } => *lost = false,
                Framed::Needs(more) => return Fed::Part { used: 0, wants: bytes.len() + more },
                // Looked for anew in the next piece.
                _ => return Fed::Wrong,
            }
        }
        let datagram = desk.datagram;
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            match frame(rest) {
                Framed::Whole { bytes, wrong } => {
                    unit(desk, rest.get(..bytes).unwrap_or(rest), wrong);
                    used += bytes.max(1);
                }
                Framed::Needs(more) if !datagram => return Fed::Part { used, wants: rest.len() + more.max(1) },
                Framed::Needs(_) => return Fed::All,
                Framed::Broken(event) => {
                    unit(desk, &[], Some(event));
                    // Where the next one begins is not known: nobody may hide behind that.
                    return Fed::Wrong;
                }
            }
        }
        Fed::All
    }

    /// Bytes of `direction` are missing.
    pub fn lose(&mut self, direction: Direction) {
        if let Some(lost) = self.lost.get_mut(direction.index()) {
            *lost = true;
        }
    }
}

/// The request of `key` that waits for its response.
pub fn asked(desk: &Desk, key: u64) -> TxRef {
    desk.find(|known, levels| known == key && levels == [level::DONE, level::NOTHING])
}

/// Begins a transaction of `key`. Beyond `most` open ones the oldest is not waited for any longer, and that is `flood`.
pub fn begin(desk: &mut Desk, key: u64, most: u32, flood: AppEvent) -> TxRef {
    let flooded = u64::from(desk.open_count()) >= u64::from(most).min(desk.share());
    if flooded {
        let oldest = desk.find(|_, _| true);
        Direction::ALL.into_iter().for_each(|direction| desk.skip(oldest, direction));
    }
    let at = desk.open(key);
    if flooded {
        desk.event(at, desk.direction, flood);
    }
    at
}

/// Byte `at`.
#[inline]
pub fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// Two bytes at `at`, least significant first.
#[inline]
pub fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

/// Two bytes at `at`, most significant first.
#[inline]
pub fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// Four bytes at `at`, least significant first.
#[inline]
pub fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// Four bytes at `at`, most significant first.
#[inline]
pub fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}
