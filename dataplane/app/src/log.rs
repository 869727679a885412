//! The fields of one direction of a transaction, one behind the other in a buffer.
//!
//! Written by [`crate::Desk`]; read by detection while the transaction lives, and by the encoders of records, to whom the bytes travel as they are. Each
//! entry is the field's number, three bytes that are 0, the length (little endian, 32 bits) and the bytes; a number has 8 of them, little endian.

use crate::{
    arena::{Arena, Buf, Full},
    field::Field,
};

/// Bytes in front of each entry's own.
pub const HEAD: usize = 8;

/// The head of an entry of `length` bytes.
#[inline]
pub const fn head(field: Field, length: usize) -> [u8; HEAD] {
    let [a, b, c, d] = (length as u32).to_le_bytes();
    [field as u8, 0, 0, 0, a, b, c, d]
}

/// Appends the entry of `field` whose bytes are `parts`, one behind the other.
///
/// # Errors
/// No room; nothing is written.
#[inline]
pub fn put<const N: usize>(arena: &mut Arena, log: &mut Buf, field: Field, parts: [&[u8]; N]) -> Result<(), Full> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let room = arena.grow(log, HEAD + length)?;
    let (front, mut rest) = room.split_at_mut(HEAD);
    front.copy_from_slice(&head(field, length));
    for part in parts {
        let (here, behind) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = behind;
    }
    Ok(())
}

/// The entries of a log.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

/// The entries in `bytes`, which begin with one.
pub const fn entries(bytes: &[u8]) -> Entries<'_> {
    Entries { rest: bytes }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Field, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (front, rest) = self.rest.split_first_chunk::<HEAD>()?;
        let &[number, _, _, _, a, b, c, d] = front;
        let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes([a, b, c, d]) as usize)?;
        self.rest = rest;
        Some((Field::from_number(number)?, bytes))
    }
}

/// The number in an entry.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::{entries, put};
    use crate::{
        arena::{Arena, Buf},
        field::Field,
    };

    #[test]
    fn entries_come_back_as_they_were_put() {
        let mut arena = Arena::new(1);
        let mut log = Buf::EMPTY;
        put(&mut arena, &mut log, Field::HttpUri, [b"/a", b"", b"?b"]).unwrap();
        put(&mut arena, &mut log, Field::HttpMethod, []).unwrap();
        put(&mut arena, &mut log, Field::HttpBodyLength, [&7_u64.to_le_bytes()]).unwrap();
        let found: Vec<_> = entries(arena.get(&log)).collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], (Field::HttpUri, &b"/a?b"[..]));
        assert_eq!(found[1], (Field::HttpMethod, &b""[..]));
        assert_eq!((found[2].0, super::number(found[2].1)), (Field::HttpBodyLength, 7));
        // What is cut off ends the list.
        let bytes = arena.get(&log);
        assert_eq!(entries(&bytes[..bytes.len() - 1]).count(), 2);
    }
}
