//! Header blocks: one field after the other.
//!
//! Called by `headers`, which says what becomes of the fields. What fields come to together is bounded by the caller: a byte may stand for an entry of kilobytes.
//!
//! Source: RFC 7541 sections 5 and 6.

use super::{huffman, table::Table};
use crate::arena::Arena;

/// Why a header block can't be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockFault {
    /// A number is larger than any that makes sense.
    IntegerOverflow,
    /// A reference to an entry that there is not.
    UnknownEntry,
    /// A string that is none.
    BadString,
    /// It ends within a field.
    CutOff,
    /// The table is to be larger than the settings allow.
    TableTooLarge,
}

/// What stands in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A field: its name, so many bytes, and its value are in the buffer.
    Field {
        /// Bytes of the name.
        name: usize,
    },
    /// The table is to hold so many bytes.
    SizeUpdate(u64),
}

/// Reads a block.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    rest: &'a [u8],
}

impl<'a> Block<'a> {
    /// The block `bytes`.
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next item; its bytes are put into `buffer`, which never grows: what finds no room is left out.
    pub fn next(
        &mut self,
        table: &mut Table,
        arena: &mut Arena,
        buffer: &mut Vec<u8>,
    ) -> Option<Result<Item, BlockFault>> {
        let first = *self.rest.first()?;
        buffer.clear();
        Some(self.item(first, table, arena, buffer))
    }

    fn item(
        &mut self,
        first: u8,
        table: &mut Table,
        arena: &mut Arena,
        buffer: &mut Vec<u8>,
    ) -> Result<Item, BlockFault> {
        if first & 0x80 != 0 {
            let number = self.integer(7)?;
            let (name, value) = entry(table, arena, number)?;
            append(buffer, name);
            let name = buffer.len();
            append(buffer, value);
            return Ok(Item::Field { name });
        }
        if first & 0xe0 == 0x20 {
            let size = self.integer(5)?;
            return match table.resize(arena, size) {
                true => Ok(Item::SizeUpdate(size)),
                false => Err(BlockFault::TableTooLarge),
            };
        }
        let is_kept = first & 0x40 != 0;
        let number = self.integer(if is_kept { 6 } else { 4 })?;
        if number == 0 {
            self.string(buffer)?;
        } else {
            append(buffer, entry(table, arena, number)?.0);
        }
        let name = buffer.len();
        self.string(buffer)?;
        if is_kept && let Some((name, value)) = buffer.split_at_checked(name) {
            table.add(arena, name, value);
        }
        Ok(Item::Field { name })
    }

    /// A number whose first bits are the last `bits` of the next byte.
    fn integer(&mut self, bits: u32) -> Result<u64, BlockFault> {
        let (first, mut rest) = self.rest.split_first().ok_or(BlockFault::CutOff)?;
        let most = (1_u64 << bits) - 1;
        let mut number = u64::from(*first) & most;
        if number == most {
            let mut shift = 0;
            loop {
                let (byte, behind) = rest.split_first().ok_or(BlockFault::CutOff)?;
                rest = behind;
                // No number here is larger than 32 bits hold, and none needs more than five bytes behind the first.
                if shift > 28 {
                    return Err(BlockFault::IntegerOverflow);
                }
                number += u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            if number > u64::from(u32::MAX) {
                return Err(BlockFault::IntegerOverflow);
            }
        }
        self.rest = rest;
        Ok(number)
    }

    fn string(&mut self, buffer: &mut Vec<u8>) -> Result<(), BlockFault> {
        let is_coded = self.rest.first().is_some_and(|first| first & 0x80 != 0);
        let length = self.integer(7)? as usize;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(BlockFault::CutOff)?;
        self.rest = rest;
        if is_coded {
            huffman::decode(bytes, buffer).map_err(|_| BlockFault::BadString)
        } else {
            append(buffer, bytes);
            Ok(())
        }
    }
}

fn entry<'a>(table: &Table, arena: &'a Arena, number: u64) -> Result<(&'a [u8], &'a [u8]), BlockFault> {
    u32::try_from(number).ok().and_then(|number| table.get(arena, number)).ok_or(BlockFault::UnknownEntry)
}

/// Appends `bytes` as far as there is room.
pub(super) fn append(buffer: &mut Vec<u8>, bytes: &[u8]) {
    let room = buffer.capacity() - buffer.len();
    buffer.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
}

#[cfg(test)]
mod tests {
    use super::{Block, BlockFault, Item};
    use crate::{arena::Arena, http2::table::Table};
    use proptest::prelude::*;

    struct Decoder {
        arena: Arena,
        table: Table,
    }

    impl Decoder {
        fn new() -> Self {
            Self { arena: Arena::new(1 << 20), table: Table::default() }
        }

        fn read(&mut self, bytes: &[u8]) -> Result<Vec<(String, String)>, BlockFault> {
            let mut buffer = Vec::with_capacity(4_096);
            let mut block = Block::of(bytes);
            let mut found = Vec::new();
            while let Some(item) = block.next(&mut self.table, &mut self.arena, &mut buffer) {
                if let Item::Field { name } = item? {
                    let (name, value) = buffer.split_at(name);
                    found.push((name.escape_ascii().to_string(), value.escape_ascii().to_string()));
                }
            }
            Ok(found)
        }
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_requests_of_the_rfc_are_read() {
        // Appendix C.4: with strings in the code, the table growing from request to request.
        let mut decoder = Decoder::new();
        let first = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
        let bytes = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(decoder.read(bytes), Ok(pairs(&first)));
        let second = [&first[..], &[("cache-control", "no-cache")]].concat();
        assert_eq!(decoder.read(b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf"), Ok(pairs(&second)));
        let third = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ];
        let bytes = b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
        assert_eq!(decoder.read(bytes), Ok(pairs(&third)));
    }

    #[test]
    fn what_can_not_be_is_refused() {
        for (bytes, fault) in [
            (&b"\xff\xff\xff\xff\xff\xff\xff\x01"[..], BlockFault::IntegerOverflow),
            (b"\xff\x80\x80\x80\x80\x80\x80", BlockFault::IntegerOverflow),
            (b"\x80", BlockFault::UnknownEntry),
            (b"\xbe", BlockFault::UnknownEntry),
            (b"\x40\x05ab", BlockFault::CutOff),
            (b"\x40", BlockFault::CutOff),
            (b"\x40\x81\xff\x01a", BlockFault::BadString),
            (b"\x3f\xff\xff\x03", BlockFault::TableTooLarge),
        ] {
            assert_eq!(Decoder::new().read(bytes), Err(fault), "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
            let mut decoder = Decoder::new();
            for block in blocks {
                let _ = decoder.read(&block);
                prop_assert!(decoder.arena.used() < 64 << 10);
            }
            decoder.table.forget(&mut decoder.arena);
            prop_assert_eq!(decoder.arena.used(), 0);
        }
    }
}
