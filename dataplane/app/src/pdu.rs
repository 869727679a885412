//! One protocol data unit in the bytes of one end, and reading numbers from bytes.
//!
//! Used by every parser; those of plants walk over their units with [`walk`].

use crate::{event::AppEvent, parser::Fed};

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

/// Gives each unit in `bytes` to `unit`, with what is wrong in it; what is no unit is given as an empty one, and ends a stream.
pub fn walk(
    bytes: &[u8],
    datagram: bool,
    mut frame: impl FnMut(&[u8]) -> Framed,
    mut unit: impl FnMut(&[u8], Option<AppEvent>),
) -> Fed {
    let mut used = 0;
    while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
        match frame(rest) {
            Framed::Whole { bytes, wrong } => {
                unit(rest.get(..bytes).unwrap_or(rest), wrong);
                used += bytes.max(1);
            }
            Framed::Needs(more) if !datagram => return Fed::Part { used, wants: rest.len() + more.max(1) },
            Framed::Needs(_) => return Fed::All,
            Framed::Broken(event) => {
                unit(&[], Some(event));
                // Where the next one begins is not known: nobody may hide behind that.
                return Fed::Wrong;
            }
        }
    }
    Fed::All
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
