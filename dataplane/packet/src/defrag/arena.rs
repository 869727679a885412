//! Bytes of fragments, in chunks of one size that are linked into chains.
//!
//! One block of memory from the start, so the bound holds by itself; chunks are numbered from 1, 0 is none. Used by `store` alone.

use super::list::entry;

/// Bytes of a chunk.
pub(crate) const CHUNK: usize = 256;

/// A run of bytes in chunks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chain {
    pub first: u32,
    pub last: u32,
    /// Bytes.
    pub len: u32,
}

impl Chain {
    /// Chunks it takes.
    pub(crate) const fn chunks(&self) -> u32 {
        chunks_for(self.len as usize)
    }
}

/// Chunks that `bytes` bytes take; no bytes take one too.
pub(crate) const fn chunks_for(bytes: usize) -> u32 {
    let chunks = bytes.div_ceil(CHUNK) as u32;
    if chunks == 0 { 1 } else { chunks }
}

/// The block.
pub(crate) struct Arena {
    chunks: Box<[[u8; CHUNK]]>,
    next: Box<[u32]>,
    free: u32,
    /// Chunks that were ever used: those behind them have not been touched.
    fresh: u32,
    used: u32,
}

impl Arena {
    pub(crate) fn new(chunks: u32) -> Self {
        Self {
            chunks: vec![[0; CHUNK]; chunks as usize].into_boxed_slice(),
            next: vec![0; chunks as usize].into_boxed_slice(),
            free: 0,
            fresh: 0,
            used: 0,
        }
    }

    /// Chunks in all.
    pub(crate) fn capacity(&self) -> u32 {
        self.next.len() as u32
    }

    /// Chunks in use.
    pub(crate) const fn used(&self) -> u32 {
        self.used
    }

    /// Chunks that are free.
    pub(crate) fn room(&self) -> u32 {
        self.capacity() - self.used
    }

    fn take(&mut self) -> Option<u32> {
        let chunk = if self.free == 0 {
            if self.fresh == self.capacity() {
                return None;
            }
            self.fresh += 1;
            self.fresh
        } else {
            let chunk = self.free;
            self.free = self.link(chunk);
            chunk
        };
        self.used += 1;
        Some(chunk)
    }

    fn link(&self, chunk: u32) -> u32 {
        self.next.get((chunk as usize).wrapping_sub(1)).copied().unwrap_or(0)
    }

    fn set_link(&mut self, chunk: u32, next: u32) {
        if let Some(link) = entry(&mut self.next, chunk) {
            *link = next;
        }
    }

    fn chunk(&self, chunk: u32) -> &[u8] {
        self.chunks.get((chunk as usize).wrapping_sub(1)).map_or(&[], |chunk| chunk.as_slice())
    }

    /// Keeps a copy of `bytes`; none when there is no room for all of it: ask [`Arena::room`] first.
    #[inline(always)]
    pub(crate) fn store(&mut self, bytes: &[u8]) -> Option<Chain> {
        if bytes.len() > CHUNK {
            return self.store_long(bytes);
        }
        let chunk = self.take()?;
        self.fill(chunk, bytes);
        Some(Chain { first: chunk, last: chunk, len: bytes.len() as u32 })
    }

    /// The same for what takes several chunks.
    #[inline(never)]
    fn store_long(&mut self, bytes: &[u8]) -> Option<Chain> {
        if self.room() < chunks_for(bytes.len()) {
            return None;
        }
        let mut chain = Chain { first: 0, last: 0, len: bytes.len() as u32 };
        for part in bytes.chunks(CHUNK) {
            let chunk = self.take()?;
            self.fill(chunk, part);
            match chain.last {
                0 => chain.first = chunk,
                last => self.set_link(last, chunk),
            }
            chain.last = chunk;
        }
        Some(chain)
    }

    #[inline(always)]
    fn fill(&mut self, chunk: u32, part: &[u8]) {
        if let Some(place) = entry(&mut self.chunks, chunk).and_then(|place| place.get_mut(..part.len())) {
            place.copy_from_slice(part);
        }
    }

    /// Forgets the bytes of `chain`.
    pub(crate) fn release(&mut self, chain: Chain) {
        if chain.first != 0 {
            self.set_link(chain.last, self.free);
            self.free = chain.first;
            self.used = self.used.saturating_sub(chain.chunks());
        }
    }

    /// Gives bytes `from..from + len` of `chain` to `each`, run by run.
    #[inline(always)]
    pub(crate) fn read(&self, chain: &Chain, from: usize, len: usize, mut each: impl FnMut(&[u8])) {
        match self.chunk(chain.first).get(from..from + len) {
            Some(run) if from + len <= chain.len as usize => each(run),
            _ => self.read_runs(chain, from, len, each),
        }
    }

    /// The same for what lies in several chunks.
    #[inline(never)]
    fn read_runs(&self, chain: &Chain, from: usize, len: usize, mut each: impl FnMut(&[u8])) {
        let (mut chunk, mut skip, mut left) = (chain.first, from, len.min((chain.len as usize).saturating_sub(from)));
        while left > 0 {
            if skip < CHUNK {
                let part = (CHUNK - skip).min(left);
                each(self.chunk(chunk).get(skip..skip + part).unwrap_or_default());
                left -= part;
                skip = 0;
            } else {
                skip -= CHUNK;
            }
            chunk = self.link(chunk);
        }
    }

    /// Bits `number * 64..` of a chain of one chunk, the first one lowest.
    pub(crate) fn word(&self, chain: &Chain, number: usize) -> u64 {
        let (words, _) = self.chunk(chain.first).as_chunks();
        words.get(number).map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Sets those of [`Arena::word`] that `mask` has; what they were.
    pub(crate) fn set_bits(&mut self, chain: &Chain, number: usize, mask: u64) -> u64 {
        let Some(chunk) = entry(&mut self.chunks, chain.first) else { return 0 };
        let (words, _) = chunk.as_chunks_mut();
        words.get_mut(number).map_or(0, |bytes| {
            let was = u64::from_le_bytes(*bytes);
            *bytes = (was | mask).to_le_bytes();
            was
        })
    }

    /// Whether bytes from `from` on are `wanted`.
    pub(crate) fn equals(&self, chain: &Chain, from: usize, wanted: &[u8]) -> bool {
        let (mut rest, mut same) = (wanted, true);
        self.read(chain, from, wanted.len(), |part| {
            same &= rest.get(..part.len()) == Some(part);
            rest = rest.get(part.len()..).unwrap_or_default();
        });
        same && rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Arena, CHUNK};

    #[test]
    fn bytes_come_back_as_they_were_and_chunks_are_used_again() {
        let mut arena = Arena::new(4);
        let long: Vec<u8> = (0..CHUNK * 2 + 7).map(|n| n as u8).collect();
        for _ in 0..50 {
            let chain = arena.store(&long).unwrap();
            let short = arena.store(b"").unwrap();
            assert!(arena.room() == 0 && arena.store(b"x").is_none());
            let mut out = Vec::new();
            arena.read(&chain, 300, 250, |part| out.extend_from_slice(part));
            assert_eq!(out, long[300..519]);
            assert!(arena.equals(&chain, 1, &long[1..]) && !arena.equals(&chain, 0, &long[1..]));
            assert!(!arena.equals(&chain, 510, &[&long[510..], b"x"].concat()));
            arena.release(chain);
            arena.release(short);
            assert_eq!(arena.used(), 0);
        }
    }
}
