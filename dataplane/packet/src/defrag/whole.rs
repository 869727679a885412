//! A datagram put together: its bytes behind the headers around it, its own headers, and the frames it came in.
//!
//! Made once and used again and again: room for the longest datagram is there from the start. Filled by `defragmenter`, judged by `sluice-worker`, which sends the frames
//! when the datagram passes.

use super::store::MOST_FRAME_BYTES;
use crate::config::DecodeConfig;
use crate::decode::decode_datagram;
use crate::headers::Decoded;

/// Longest run of headers around a datagram, bytes: that of a frame.
const MOST_AROUND: usize = 65_535 + 64;
/// Longest datagram, bytes: IPv6's length does not count its header.
const MOST_DATAGRAM: usize = 65_535 + 40;
/// Frames one datagram may come in.
pub(crate) const MOST_FRAMES: usize = 16_384;

/// A datagram put together.
pub struct Whole {
    pub(crate) bytes: Vec<u8>,
    frames: Vec<u8>,
    ends: Vec<u32>,
    decoded: Box<Decoded>,
    /// Number of the datagram's own layer.
    layer: u8,
}

impl Whole {
    /// An empty one. `inline`: with room for the frames.
    pub fn new(inline: bool) -> Self {
        let (frames, ends) = if inline { (MOST_FRAME_BYTES, MOST_FRAMES) } else { (0, 0) };
        Self {
            bytes: Vec::with_capacity(MOST_AROUND + MOST_DATAGRAM),
            frames: Vec::with_capacity(frames),
            ends: Vec::with_capacity(ends),
            decoded: Box::new(Decoded::new()),
            layer: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
        self.ends.clear();
    }

    /// Adds a frame of `len` bytes, which `fill` writes; whether there was room.
    pub(crate) fn push_frame(&mut self, len: usize, fill: impl FnOnce(&mut Vec<u8>)) -> bool {
        let fits = self.frames.len() + len <= self.frames.capacity() && self.ends.len() < self.ends.capacity();
        if fits {
            fill(&mut self.frames);
            self.ends.push(self.frames.len() as u32);
        }
        fits
    }

    /// Adds zeros up to `len` bytes; whether there is room for that many.
    pub(crate) fn fill_up(&mut self, len: usize) -> bool {
        let fits = len <= self.bytes.capacity();
        if fits {
            self.bytes.resize(len, 0);
        }
        fits
    }

    /// Reads the headers of the datagram, which lies behind those of `around`, the last fragment's frame.
    pub(crate) fn decode(&mut self, around: &Decoded, config: &DecodeConfig) {
        decode_datagram(&self.bytes, around, config, &mut self.decoded);
        self.layer = around.layers().len().saturating_sub(1) as u8;
    }

    /// The headers around it as they lay around its last fragment, and the datagram behind them. Lengths and checksums around it are those of that fragment.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its headers, and those around it.
    pub fn decoded(&self) -> &Decoded {
        &self.decoded
    }

    /// The same, to add what putting an inner datagram together brings about.
    pub fn parts(&mut self) -> (&[u8], &mut Decoded) {
        (&self.bytes, &mut self.decoded)
    }

    /// Number of its own layer: those around it have been judged with its fragments.
    pub const fn layer(&self) -> u8 {
        self.layer
    }

    /// How many frames it came in; none when passive.
    pub fn frame_count(&self) -> u64 {
        self.ends.len() as u64
    }

    /// The frames are kept elsewhere.
    pub fn forget_frames(&mut self) {
        self.frames.clear();
        self.ends.clear();
    }

    /// The frames it came in, in the order in which they came.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, &end)| self.frames.get(begin as usize..end as usize).unwrap_or_default())
    }
}

impl std::fmt::Debug for Whole {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Whole({} bytes, {} frames)", self.bytes.len(), self.ends.len())
    }
}
