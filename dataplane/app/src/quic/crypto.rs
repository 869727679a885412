//! The stream of handshake messages in Initial packets: pieces in any order, put together.
//!
//! Used by [`super::parse`], one for each direction. Bounded in bytes and in pieces; where two pieces overlap the first one counts, as with servers that
//! take what is in order at once.

use crate::{arena::Buf, desk::Desk, parser::MOST_ASIDE, tls::hello::Reader};

/// Bytes of the stream that are looked at: a client's hello with keys of large groups has 2 to 4 KiB.
const MOST: usize = 16 << 10;
const _: () = assert!(MOST <= MOST_ASIDE);
/// Pieces apart from each other at a time. Browsers cut their hello into 10 to 20 and mix them.
const MOST_PIECES: usize = 24;

/// The pieces do not fit the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

/// A stream.
#[derive(Debug, Default)]
pub struct Stream {
    bytes: Buf,
    /// Pieces that came, from and to, in order and apart from each other.
    pieces: [(u16, u16); MOST_PIECES],
    count: u8,
}

impl Stream {
    /// Adds what stands at `offset`.
    pub fn add(&mut self, desk: &mut Desk, offset: u64, piece: &[u8]) -> Result<(), TooMuch> {
        let end = offset.saturating_add(piece.len() as u64);
        if end > MOST as u64 {
            return Err(TooMuch);
        }
        if piece.is_empty() {
            return Ok(());
        }
        let (from, to) = (offset as u16, end as u16);
        let (known, count) = (self.pieces, usize::from(self.count));
        self.note(from, to)?;
        let missing = usize::from(to).saturating_sub(self.bytes.len());
        if !desk.keep_zeroes(&mut self.bytes, missing) {
            return Err(TooMuch);
        }
        // Only what was not there is written: between the pieces that were.
        let bytes = desk.kept_mut(&self.bytes);
        let mut at = from;
        let end = (to, to);
        for &(low, high) in known.get(..count).unwrap_or_default().iter().chain([&end]) {
            let stop = low.clamp(at, to);
            let new = piece.get(usize::from(at - from)..usize::from(stop - from));
            if let (Some(place), Some(new)) = (bytes.get_mut(usize::from(at)..usize::from(stop)), new) {
                place.copy_from_slice(new);
            }
            at = high.clamp(at, to);
        }
        Ok(())
    }

    /// Notes that the bytes from `from` to `to` came.
    fn note(&mut self, from: u16, to: u16) -> Result<(), TooMuch> {
        let mut merged = (from, to);
        let mut kept = [(0, 0); MOST_PIECES];
        let mut count = 0;
        let mut placed = false;
        let mut put = |piece: (u16, u16)| {
            let place = kept.get_mut(count).ok_or(TooMuch)?;
            *place = piece;
            count += 1;
            Ok(())
        };
        for &piece in self.pieces.get(..usize::from(self.count)).unwrap_or_default() {
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
        (self.pieces, self.count) = (kept, count as u8);
        Ok(())
    }

    /// Bytes from the first one on without a hole.
    fn ready(&self) -> usize {
        match self.pieces.first() {
            Some(&(0, to)) if self.count > 0 => to.into(),
            _ => 0,
        }
    }

    /// Bytes of the first message, with its head, when all of it is there.
    pub fn message(&self, desk: &Desk) -> Option<usize> {
        let there = desk.kept(&self.bytes).get(..self.ready())?;
        let mut reader = Reader::of(there);
        reader.u8()?;
        let length = 4 + reader.u24()?;
        (there.len() >= length).then_some(length)
    }

    /// Lets `read` see what came, and forgets it.
    pub fn release<R>(&mut self, desk: &mut Desk, read: impl FnOnce(&mut Desk, &[u8]) -> R) -> R {
        self.count = 0;
        desk.release(&mut self.bytes, read)
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
    use super::{MOST_PIECES, Stream};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_what_a_row_of_flags_says(all in prop::collection::vec((0..120_u16, 1..20_u16), 1..40)) {
            let mut stream = Stream::default();
            let mut flags = [false; 160];
            for (from, length) in all {
                if stream.note(from, from + length).is_err() {
                    prop_assert!(usize::from(stream.count) + 1 > MOST_PIECES);
                    break;
                }
                flags[usize::from(from)..usize::from(from + length)].fill(true);
                let pieces = &stream.pieces[..usize::from(stream.count)];
                for (at, &flag) in flags.iter().enumerate() {
                    let inside = pieces.iter().any(|&(from, to)| (usize::from(from)..usize::from(to)).contains(&at));
                    prop_assert_eq!(inside, flag);
                }
                prop_assert!(pieces.windows(2).all(|pair| pair[0].1 < pair[1].0));
                prop_assert_eq!(stream.ready(), flags.iter().position(|&flag| !flag).unwrap_or(flags.len()));
            }
        }
    }
}
