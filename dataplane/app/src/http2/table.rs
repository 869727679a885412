//! The tables header blocks refer to: one for all, and one of each direction that grows as headers come.
//!
//! Used by [`super::hpack`]. The second lies in the arena: its entries' bytes one behind the other, oldest first, and where each begins. What was evicted is taken out when it is half of that.
//!
//! Source: RFC 7541 sections 2.3 and 4, appendix A.

use crate::arena::{Arena, Buf};

/// Bytes an entry counts for besides its own.
const OVERHEAD: usize = 32;
/// Bytes the table may hold unless settings say otherwise.
pub const USUAL: u32 = 4_096;
/// Bytes it may hold at most, whatever the settings say.
pub const MOST: u32 = 65_536;
/// Bytes in front of an entry: lengths of name and value.
const FRONT: usize = 8;

/// The table all know, from number 1.
const STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

/// A table that grows.
#[derive(Debug)]
pub struct Table {
    /// Entries, and the offset of each in the whole of what was ever written.
    bytes: Buf,
    offsets: Buf,
    /// Offset of the first byte kept.
    start: u32,
    /// Offsets in front of that of the oldest entry.
    evicted: u32,
    /// Bytes it counts for, may count for, and may be told to count for.
    size: u32,
    limit: u32,
    most: u32,
}

impl Default for Table {
    fn default() -> Self {
        Self { bytes: Buf::EMPTY, offsets: Buf::EMPTY, start: 0, evicted: 0, size: 0, limit: USUAL, most: USUAL }
    }
}

/// A name and its value.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

impl Table {
    /// Entries in it.
    fn count(&self) -> usize {
        (self.offsets.len() / 4).saturating_sub(self.evicted as usize)
    }

    /// The entry of this number: first those all know, then the newest.
    pub fn get<'a>(&self, arena: &'a Arena, number: u32) -> Option<Pair<'a>> {
        let place = (number as usize).checked_sub(1)?;
        match place.checked_sub(STATIC.len()) {
            None => STATIC.get(place).copied(),
            Some(newest) => {
                let place = self.evicted as usize + self.count().checked_sub(newest + 1)?;
                self.entry(arena, place)
            }
        }
    }

    fn entry<'a>(&self, arena: &'a Arena, place: usize) -> Option<Pair<'a>> {
        let offset =
            arena.get(&self.offsets).get(place * 4..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
        let bytes = arena.get(&self.bytes).get(offset.wrapping_sub(self.start) as usize..)?;
        let (&[a, b, c, d, e, f, g, h], rest) = bytes.split_first_chunk::<FRONT>()?;
        let (name, rest) = rest.split_at_checked(u32::from_le_bytes([a, b, c, d]) as usize)?;
        Some((name, rest.get(..u32::from_le_bytes([e, f, g, h]) as usize)?))
    }

    /// Adds an entry; what no longer fits goes, oldest first. One that is larger than the table empties it.
    pub fn add(&mut self, arena: &mut Arena, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + OVERHEAD;
        let room = (self.limit as usize).checked_sub(size);
        self.evict(arena, room.unwrap_or(0) as u32);
        if room.is_none() {
            return;
        }
        let offset = self.start.wrapping_add(self.bytes.len() as u32);
        let Ok(place) = arena.grow(&mut self.bytes, FRONT + name.len() + value.len()) else { return };
        let parts = [&(name.len() as u32).to_le_bytes()[..], &(value.len() as u32).to_le_bytes(), name, value];
        place.iter_mut().zip(parts.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
        if arena.push(&mut self.offsets, &offset.to_le_bytes()).is_ok() {
            self.size += size as u32;
        }
    }

    /// Lets the oldest entries go until those left count for no more than `left`.
    fn evict(&mut self, arena: &mut Arena, left: u32) {
        while self.size > left {
            let Some((name, value)) = self.entry(arena, self.evicted as usize) else { break };
            self.size = self.size.saturating_sub((name.len() + value.len() + OVERHEAD) as u32);
            self.evicted += 1;
        }
        if self.count() == 0 {
            self.forget(arena);
        } else if self.evicted as usize > self.count() {
            let first = arena.get(&self.offsets).get(self.evicted as usize * 4..).and_then(|rest| rest.first_chunk());
            let first = first.map_or(self.start, |bytes| u32::from_le_bytes(*bytes));
            arena.drop_front(&mut self.bytes, first.wrapping_sub(self.start) as usize);
            arena.drop_front(&mut self.offsets, self.evicted as usize * 4);
            (self.start, self.evicted) = (first, 0);
        }
    }

    /// The encoder says how much it uses; false when that is more than it may.
    pub fn resize(&mut self, arena: &mut Arena, limit: u64) -> bool {
        let fits = limit <= u64::from(self.most);
        self.limit = limit.min(u64::from(self.most)) as u32;
        self.evict(arena, self.limit);
        fits
    }

    /// The decoder's settings say how much the encoder may use.
    pub fn set_most(&mut self, most: u32) {
        self.most = most.clamp(USUAL, MOST);
    }

    /// Gives everything back.
    pub fn forget(&mut self, arena: &mut Arena) {
        arena.free(&mut self.bytes);
        arena.free(&mut self.offsets);
        (self.start, self.evicted, self.size) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::{OVERHEAD, STATIC, Table, USUAL};
    use crate::arena::Arena;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn the_first_numbers_are_those_all_know() {
        let (arena, table) = (Arena::new(1), Table::default());
        assert_eq!(table.get(&arena, 2), Some((&b":method"[..], &b"GET"[..])));
        assert_eq!(table.get(&arena, 61), Some((&b"www-authenticate"[..], &b""[..])));
        assert_eq!((table.get(&arena, 0), table.get(&arena, 62)), (None, None));
    }

    proptest! {
        /// Against a plain queue.
        #[test]
        fn entries_are_those_of_a_plain_queue(steps in prop::collection::vec((0_usize..400, 0_usize..1_500, prop::option::weighted(0.1, 0_u64..6_000)), 1..200)) {
            let (mut arena, mut table) = (Arena::new(1 << 20), Table::default());
            let mut plain: VecDeque<(Vec<u8>, Vec<u8>)> = VecDeque::new();
            let mut limit = USUAL as usize;
            let shrink = |plain: &mut VecDeque<(Vec<u8>, Vec<u8>)>, left: usize| {
                while plain.iter().map(|(name, value)| name.len() + value.len() + OVERHEAD).sum::<usize>() > left {
                    plain.pop_back();
                }
            };
            for (number, (name, value, resize)) in steps.into_iter().enumerate() {
                if let Some(size) = resize {
                    prop_assert_eq!(table.resize(&mut arena, size), size <= u64::from(USUAL));
                    limit = (size as usize).min(USUAL as usize);
                    shrink(&mut plain, limit);
                }
                let (name, value) = (vec![number as u8; name], vec![!(number as u8); value]);
                table.add(&mut arena, &name, &value);
                let size = name.len() + value.len() + OVERHEAD;
                shrink(&mut plain, limit.saturating_sub(size));
                if size <= limit {
                    plain.push_front((name, value));
                } else {
                    plain.clear();
                }
                for (place, (name, value)) in plain.iter().enumerate() {
                    let number = (STATIC.len() + 1 + place) as u32;
                    prop_assert_eq!(table.get(&arena, number), Some((&name[..], &value[..])));
                }
                prop_assert_eq!(table.get(&arena, (STATIC.len() + 1 + plain.len()) as u32), None);
                prop_assert!(arena.used() < 64 << 10, "what was evicted goes");
            }
            table.forget(&mut arena);
            prop_assert_eq!(arena.used(), 0);
        }
    }
}
