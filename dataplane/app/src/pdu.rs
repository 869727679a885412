//! One protocol data unit in the bytes of one end, and reading numbers from bytes.
//!
//! Used by every parser and by [`crate::store`], which walks over the units of a segment.

use crate::event::AppEvent;

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
