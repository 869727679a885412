//! A piece of a stream to be judged, with the window around it.
//!
//! Handed by `sluice-worker` to [`crate::inspect`] together with the packet at hand. A rule is judged on the window: bytes that are new and those before
//! them, as many as the window holds. It matches when at least one byte of what it found is new, so nothing is found twice.

use sluice_flow::{
    StreamRef, Streams,
    stream::{SLICE, StreamTurn},
};
use sluice_hyperscan::LONGEST_PLAIN;

/// Bytes before those to be scanned that a literal may begin in.
const CARRY: u32 = LONGEST_PLAIN as u32 - 1;

/// A piece of a stream to be judged.
pub struct StreamPiece<'a> {
    /// The streams.
    pub streams: &'a mut Streams,
    /// The one that is meant.
    pub at: StreamRef,
    /// What is to be scanned and judged of it.
    pub turn: StreamTurn,
    /// The packet's payload is the last part of what is to be scanned.
    pub covers_payload: bool,
    /// The packet's payload has its place in the stream.
    pub placed: bool,
    /// The other end throws the packet's payload away, so that it is no part of any stream.
    pub refused: bool,
    /// The packet itself is judged as well.
    pub with_packet: bool,
    /// The packet's payload leaves once more in place of other bytes: rules about streams are judged on it, but for those that ask for a place.
    pub again: bool,
}

impl StreamPiece<'_> {
    /// Bytes of the window.
    pub fn window_len(&self) -> u32 {
        if self.turn.judges() { self.turn.judge.1.wrapping_sub(self.turn.window) } else { 0 }
    }

    /// The first bytes at each place where a rule may find a start; none for one that lies outside the window.
    #[inline]
    pub(crate) fn heads(&self) -> [Option<u64>; 3] {
        let (window, length) = (self.turn.window, self.window_len());
        let head = |start: u32| {
            let left = length.checked_sub(start.wrapping_sub(window)).filter(|&left| left > 0)?;
            Some(self.streams.head(self.at, start, left))
        };
        let [first, second, third] = self.turn.starts;
        [head(first), head(second), head(third)]
    }

    /// Where a rule that asks for a start may find one: places in the window.
    pub fn starts(&self) -> impl Iterator<Item = usize> {
        let (window, length) = (self.turn.window, self.window_len());
        let places = self.turn.starts.map(|start| start.wrapping_sub(window));
        let [first, second, third] = places;
        // What stands there already is put behind the end.
        let second_once = if second == first { u32::MAX } else { second };
        let third_once = if third == first || third == second { u32::MAX } else { third };
        [first, second_once, third_once].into_iter().filter(move |place| *place < length).map(|place| place as usize)
    }
}

/// Room for the bytes of one piece.
pub(crate) struct StreamRoom {
    scan: Box<[u8]>,
    window: Box<[u8]>,
    /// Bytes of the window that was read, if one was.
    window_len: Option<usize>,
}

impl StreamRoom {
    /// Room for windows of `window` bytes.
    pub fn new(window: usize) -> Self {
        Self {
            scan: vec![0; SLICE + LONGEST_PLAIN].into_boxed_slice(),
            window: vec![0; SLICE + window].into_boxed_slice(),
            window_len: None,
        }
    }

    /// Forgets the window.
    pub fn clear(&mut self) {
        self.window_len = None;
    }

    /// The bytes to be scanned, and the offset of the first.
    pub fn scan(&mut self, piece: &StreamPiece) -> (&[u8], u32) {
        let (from, to) = piece.turn.scan;
        let before = from.wrapping_sub(piece.turn.window).min(CARRY);
        let from = from.wrapping_sub(before);
        let length = (to.wrapping_sub(from) as usize).min(self.scan.len());
        let room = self.scan.get_mut(..length).unwrap_or_default();
        piece.streams.read(piece.at, from, room);
        (room, from)
    }

    /// The window.
    pub fn window(&mut self, piece: &StreamPiece) -> &[u8] {
        let length = match self.window_len {
            Some(length) => length,
            None => {
                let length = (piece.window_len() as usize).min(self.window.len());
                if let Some(room) = self.window.get_mut(..length) {
                    piece.streams.read(piece.at, piece.turn.window, room);
                }
                self.window_len = Some(length);
                length
            }
        };
        self.window.get(..length).unwrap_or_default()
    }
}
