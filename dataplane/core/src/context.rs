//! What an alert tells besides its signature: texts by key, as they travel in the bytes of an event's slot.
//!
//! Written by `sluice-worker`, read by `sluice-events`, which puts them into `alert.context`. One entry behind the other: its kind (one byte), the
//! lengths of its key (two bytes) and of its text (four, both little-endian), the key, the text. An entry is there whole or not at all.

use crate::event::EventSlot;

/// Bytes in front of each entry's key.
const HEAD: usize = 7;

/// A text that goes with an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextText<'a> {
    /// Bytes of the traffic.
    Bytes(&'a [u8]),
    /// A JSON value, as it stands in a file the operator gave.
    Json(&'a str),
}

impl EventSlot {
    /// Adds `text` under `key`; its bytes in the slot, 0 when it has no room whole and is left out. Never allocates.
    pub fn add_context(&mut self, key: &str, text: ContextText) -> u32 {
        let (kind, bytes) = match text {
            ContextText::Bytes(bytes) => (0, bytes),
            ContextText::Json(text) => (1, text.as_bytes()),
        };
        let (Ok(key_length), Ok(length)) = (u16::try_from(key.len()), u32::try_from(bytes.len())) else { return 0 };
        if self.room() < HEAD + key.len() + bytes.len() {
            return 0;
        }
        let ([k0, k1], [t0, t1, t2, t3]) = (key_length.to_le_bytes(), length.to_le_bytes());
        let head = [kind, k0, k1, t0, t1, t2, t3];
        [&head, key.as_bytes(), bytes].into_iter().map(|part| self.add_bytes(part).1).sum()
    }
}

/// The entries in `bytes`, which [`EventSlot::add_context`] has written. Ends at what it can't have written.
pub fn entries(mut bytes: &[u8]) -> impl Iterator<Item = (&str, ContextText<'_>)> {
    std::iter::from_fn(move || {
        let ([kind, k0, k1, t0, t1, t2, t3], rest) = bytes.split_first_chunk::<HEAD>()?;
        let (key, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([*k0, *k1])))?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes([*t0, *t1, *t2, *t3]) as usize)?;
        bytes = rest;
        let text = match kind {
            0 => ContextText::Bytes(text),
            _ => ContextText::Json(std::str::from_utf8(text).ok()?),
        };
        Some((std::str::from_utf8(key).ok()?, text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_read_again_in_order() {
        let mut slot = EventSlot::with_capacity(64);
        slot.set_bytes(b"frame");
        let first = slot.add_context("host", ContextText::Json("{\"a\":1}"));
        let second = slot.add_context("", ContextText::Bytes(b"\xff\0"));
        let all: Vec<_> = entries(slot.piece((5, first + second))).collect();
        assert_eq!(all, [("host", ContextText::Json("{\"a\":1}")), ("", ContextText::Bytes(b"\xff\0"))]);
    }

    #[test]
    fn an_entry_without_room_for_all_of_it_is_left_out_and_a_smaller_one_still_fits() {
        let mut slot = EventSlot::with_capacity(HEAD + 4);
        assert_eq!(slot.add_context("key", ContextText::Bytes(b"ab")), 0);
        assert_eq!(slot.add_context("key", ContextText::Bytes(b"a")), HEAD as u32 + 4);
        assert_eq!(slot.add_context("", ContextText::Bytes(b"")), 0);
    }

    #[test]
    fn bytes_that_are_no_entries_end_the_list() {
        for bytes in [&b""[..], b"\0", b"\0\xff\0\0\0\0\0", b"\x01\0\0\x01\0\0\0\xff", b"\0\0\0\xff\xff\xff\xffabc"] {
            assert_eq!(entries(bytes).count(), 0, "{bytes:?}");
        }
    }
}
