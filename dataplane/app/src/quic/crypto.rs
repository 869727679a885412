//! The stream of handshake messages in Initial packets: pieces in any order, put together.
//!
//! Used by [`super::parse`], one for each direction. Bounded in bytes and in pieces; where two pieces overlap the first one counts, as with servers that
//! take what is in order at once.

use crate::{arena::Buf, desk::Desk, parser::MOST_ASIDE, tls::hello::Reader};

/// Bytes of the stream that are looked at: a client's hello with keys of large groups has 2 to 4 KiB.
const MOST: usize = 16 << 10;
const _: () = assert!(MOST + 4 * MOST_PIECES <= MOST_ASIDE);
/// Pieces apart from each other at a time. Browsers cut their hello into 10 to 20 and mix them.
const MOST_PIECES: usize = 24;

/// The pieces do not fit the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

/// Pieces that came: from and to, in order and apart from each other.
#[derive(Clone, Copy, Debug, Default)]
struct Pieces {
    list: [(u16, u16); MOST_PIECES],
    count: u8,
}

/// Bytes of a piece in the table.
const ENTRY: usize = 4;
/// Bytes of the table that stands in front of what is kept.
const TABLE: usize = MOST_PIECES * ENTRY;

impl Pieces {
    /// Those in a table.
    fn of(table: &[u8], count: u8) -> Self {
        let mut pieces = Self { count, ..Self::default() };
        for (piece, &[a, b, c, d]) in pieces.list.iter_mut().zip(table.as_chunks::<ENTRY>().0) {
            *piece = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        }
        pieces
    }

    /// Writes them into a table.
    fn write(&self, table: &mut [u8]) {
        for ((from, to), place) in self.list.iter().zip(table.as_chunks_mut::<ENTRY>().0) {
            let ([a, b], [c, d]) = (from.to_le_bytes(), to.to_le_bytes());
            *place = [a, b, c, d];
        }
    }

    fn get(&self) -> &[(u16, u16)] {
        self.list.get(..usize::from(self.count)).unwrap_or_default()
    }

    /// With the bytes from `from` to `to`.
    fn with(&self, from: u16, to: u16) -> Result<Self, TooMuch> {
        let mut merged = (from, to);
        let mut kept = Self::default();
        let mut placed = false;
        let mut put = |piece: (u16, u16)| {
            let place = kept.list.get_mut(usize::from(kept.count)).ok_or(TooMuch)?;
            *place = piece;
            kept.count += 1;
            Ok(())
        };
        for &piece in self.get() {
            if piece.1 < merged.0 {
                put(piece)?;
            } else if piece.0 > merged.1 {
                if !std::mem::replace(&mut placed, true) {
                    put(merged)?;
                }
                put(piece)?;
            } else {
                merged = (merged.0.min(piece.0), merged.1.max(piece.1));
            }
        }
        if !placed {
            put(merged)?;
        }
        Ok(kept)
    }

    /// Bytes from the first one on without a hole.
    fn ready(&self) -> usize {
        match self.get().first() {
            Some(&(0, to)) => to.into(),
            _ => 0,
        }
    }
}

/// A stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// The table of pieces, and the bytes behind it.
    bytes: Buf,
    /// Pieces that came.
    count: u8,
}

impl Stream {
    /// Whether nothing came.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn pieces(&self, desk: &Desk) -> Pieces {
        Pieces::of(desk.kept(&self.bytes).get(..TABLE).unwrap_or_default(), self.count)
    }

    /// Adds what stands at `offset`.
    ///
    /// # Errors
    /// It does not fit the bounds, or there is no room; nothing is added.
    pub fn add(&mut self, desk: &mut Desk, offset: u64, piece: &[u8]) -> Result<(), TooMuch> {
        let end = offset.saturating_add(piece.len() as u64);
        if end > MOST as u64 {
            return Err(TooMuch);
        }
        if piece.is_empty() {
            return Ok(());
        }
        let (from, to) = (offset as u16, end as u16);
        let known = self.pieces(desk);
        let all = known.with(from, to)?;
        let missing = (TABLE + usize::from(to)).saturating_sub(self.bytes.len());
        if !desk.keep_zeroes(&mut self.bytes, missing) {
            return Err(TooMuch);
        }
        self.count = all.count;
        let Some((table, bytes)) = desk.kept_mut(&self.bytes).split_at_mut_checked(TABLE) else { return Err(TooMuch) };
        all.write(table);
        // Only what was not there is written: between the pieces that were.
        let mut at = from;
        let end = (to, to);
        for &(low, high) in known.get().iter().chain([&end]) {
            let stop = low.clamp(at, to);
            let new = piece.get(usize::from(at - from)..usize::from(stop - from));
            if let (Some(place), Some(new)) = (bytes.get_mut(usize::from(at)..usize::from(stop)), new) {
                place.copy_from_slice(new);
            }
            at = high.clamp(at, to);
        }
        Ok(())
    }

    /// Bytes of the first message, with its head, when all of it is there.
    pub fn message(&self, desk: &Desk) -> Option<usize> {
        let there = desk.kept(&self.bytes).get(TABLE..TABLE + self.pieces(desk).ready())?;
        let mut reader = Reader::of(there);
        reader.u8()?;
        let length = 4 + reader.u24()?;
        (there.len() >= length).then_some(length)
    }

    /// Lets `read` see what came, and forgets it.
    pub fn release<R>(&mut self, desk: &mut Desk, read: impl FnOnce(&mut Desk, &[u8]) -> R) -> R {
        self.count = 0;
        desk.release(&mut self.bytes, |desk, bytes| read(desk, bytes.get(TABLE..).unwrap_or_default()))
    }

    /// Forgets what came.
    pub fn clear(&mut self, desk: &mut Desk) {
        self.count = 0;
        desk.forget(&mut self.bytes);
    }

    /// What is kept, to be given back.
    pub const fn buf(&mut self) -> &mut Buf {
        &mut self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_PIECES, Pieces, TABLE};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_what_a_row_of_flags_says(all in prop::collection::vec((0..120_u16, 1..20_u16), 1..40)) {
            let mut known = Pieces::default();
            let mut flags = [false; 160];
            for (from, length) in all {
                let Ok(all) = known.with(from, from + length) else {
                    prop_assert!(usize::from(known.count) + 1 > MOST_PIECES);
                    break;
                };
                let mut table = [0; TABLE];
                all.write(&mut table);
                known = Pieces::of(&table, all.count);
                flags[usize::from(from)..usize::from(from + length)].fill(true);
                let pieces = known.get();
                for (at, &flag) in flags.iter().enumerate() {
                    let inside = pieces.iter().any(|&(from, to)| (usize::from(from)..usize::from(to)).contains(&at));
                    prop_assert_eq!(inside, flag);
                }
                prop_assert!(pieces.windows(2).all(|pair| pair[0].1 < pair[1].0));
                prop_assert_eq!(known.ready(), flags.iter().position(|&flag| !flag).unwrap_or(flags.len()));
            }
        }
    }
}
