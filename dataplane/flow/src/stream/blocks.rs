//! The pool of bytes all streams share, in blocks.
//!
//! A block holds [`BLOCK`] bytes of one direction of one stream, from an offset that is a multiple of that. Which blocks a direction has is told by `stretches`.
//! Each partition of the flow table has a share of the pool.

use super::bits::Bits;
use crate::{
    partition::Partitions,
    shares::{NOBODY, Shares},
};

/// Bytes of a block.
pub const BLOCK: usize = 512;
/// Bits of an offset that say where in its block a byte is.
const SHIFT: u32 = BLOCK.trailing_zeros();
/// Blocks of the longest stream have numbers below this: offsets go around.
const NUMBERS: u32 = 1 << (u32::BITS - SHIFT);

/// What is known of a block.
#[derive(Clone, Copy, Debug)]
struct Meta {
    /// Stream and direction; nobody for a free block.
    owner: u32,
    /// In a free block the next free one.
    next_free: u32,
    /// Bytes that came before those in front of them did.
    there: Bits,
    /// Bytes at which a segment began.
    starts: Bits,
}

/// The pool.
pub(super) struct Blocks {
    bytes: Vec<[u8; BLOCK]>,
    metas: Vec<Meta>,
    shares: Shares,
}

/// The number of the block with the byte at `offset`, and its place there.
#[inline]
pub(super) const fn place_of(offset: u32) -> (u32, usize) {
    (offset >> SHIFT, offset as usize % BLOCK)
}

/// The number of the block `count` behind number `number`.
#[inline]
pub(super) const fn number_behind(number: u32, count: u32) -> u32 {
    number.wrapping_add(count) % NUMBERS
}

/// From block number `from` it takes so many steps on to block number `to`.
#[inline]
pub(super) const fn numbers_between(from: u32, to: u32) -> u32 {
    to.wrapping_sub(from) % NUMBERS
}

impl Blocks {
    /// A pool of `count` blocks. Memory is used as blocks are.
    pub fn new(count: usize, partitions: Partitions) -> Self {
        Self {
            bytes: Vec::with_capacity(count),
            metas: Vec::with_capacity(count),
            shares: Shares::new(count, partitions),
        }
    }

    /// Blocks in use.
    pub fn used(&self) -> usize {
        self.shares.used()
    }

    /// Whether no block is left for `partition`.
    #[inline]
    pub fn is_full(&self, partition: usize) -> bool {
        self.shares.is_full(partition)
    }

    /// The owner of block `place` among those that `partition` has had; none behind the last, or of a free one.
    pub fn owner(&self, partition: usize, place: u32) -> Option<u32> {
        let block = self.shares.member(partition, place)?;
        self.metas.get(block as usize).map(|meta| meta.owner).filter(|&owner| owner != NOBODY)
    }

    /// Blocks that `partition` has had so far.
    pub fn had(&self, partition: usize) -> u32 {
        self.shares.had(partition)
    }

    /// Takes a block for bytes of `owner`. None when the partition has used up its share.
    #[inline]
    pub fn take(&mut self, partition: usize, owner: u32) -> Option<u32> {
        let metas = &self.metas;
        let block =
            self.shares.take(partition, |block| metas.get(block as usize).map_or(NOBODY, |meta| meta.next_free))?;
        match self.metas.get_mut(block as usize) {
            Some(meta) => (meta.owner, meta.there, meta.starts) = (owner, Bits::default(), Bits::default()),
            // Within the capacity they were made with.
            None => {
                self.metas.push(Meta { owner, next_free: NOBODY, there: Bits::default(), starts: Bits::default() });
                self.bytes.push([0; BLOCK]);
            }
        }
        Some(block)
    }

    /// Gives `block` back.
    #[inline]
    pub fn give_back(&mut self, partition: usize, block: u32) {
        let next_free = self.shares.give_back(partition, block);
        if let Some(meta) = self.metas.get_mut(block as usize) {
            (meta.owner, meta.next_free) = (NOBODY, next_free);
        }
    }

    /// The bytes of a block; zeros where there is none.
    #[inline]
    pub fn bytes(&self, block: u32) -> &[u8; BLOCK] {
        self.bytes.get(block as usize).unwrap_or(&[0; BLOCK])
    }

    /// Writes `bytes` into a block, from `at` on.
    #[inline]
    pub fn write(&mut self, block: u32, at: usize, bytes: &[u8]) {
        let room = self.bytes.get_mut(block as usize).and_then(|block| block.get_mut(at..at + bytes.len()));
        if let Some(room) = room {
            room.copy_from_slice(bytes);
        }
    }

    /// Whether the byte at `at` of a block is marked as there.
    pub fn is_there(&self, block: u32, at: usize) -> bool {
        self.metas.get(block as usize).is_some_and(|meta| meta.there.get(at))
    }

    /// The first byte from `at` on of which that is, or is not, so; the block's end when there is none.
    pub fn next_there(&self, block: u32, at: usize, there: bool) -> usize {
        self.metas.get(block as usize).map_or(BLOCK, |meta| meta.there.next(at, there))
    }

    /// The bytes that are there although some in front of them were missing.
    pub fn there(&mut self, block: u32) -> Option<&mut Bits> {
        self.metas.get_mut(block as usize).map(|meta| &mut meta.there)
    }

    /// A segment began at `at` of a block.
    #[inline]
    pub fn begin_segment(&mut self, block: u32, at: usize) {
        if let Some(meta) = self.metas.get_mut(block as usize) {
            meta.starts.set_one(at);
        }
    }

    /// The bytes at which segments began.
    pub fn starts(&mut self, block: u32) -> Option<&mut Bits> {
        self.metas.get_mut(block as usize).map(|meta| &mut meta.starts)
    }
}
