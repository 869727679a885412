//! The pool of bytes all streams share, in blocks.
//!
//! A block holds [`BLOCK`] bytes of one direction of one stream, from an offset that is a multiple of that. A small index finds a block by its owner and
//! number, so that no order of arrival costs more than another: an attacker's segments with holes between them are as cheap as others. Each
//! partition of the flow table has a share of the pool.

use super::bits::Bits;
use crate::{
    partition::Partitions,
    shares::{NOBODY, Shares},
};

/// Bytes of a block.
pub const BLOCK: usize = 512;
/// Bits of an offset that say where in its block a byte is.
const SHIFT: u32 = BLOCK.trailing_zeros();

/// What is known of a block.
#[derive(Clone, Copy, Debug)]
struct Meta {
    /// Stream and direction.
    owner: u32,
    /// Offset of its first byte, divided by [`BLOCK`].
    number: u32,
    /// Its neighbours among the blocks of its owner. In a free block the first is the next free one.
    next: u32,
    previous: u32,
    /// Bytes that came before those in front of them did.
    there: Bits,
    /// Bytes at which a segment began.
    starts: Bits,
}

/// A free place of the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vacant(usize);

/// The pool.
pub(super) struct Blocks {
    bytes: Vec<[u8; BLOCK]>,
    metas: Vec<Meta>,
    shares: Shares,
    /// Blocks by owner and number, one more than their place; 0 where there is none.
    index: Box<[u32]>,
    seed: u64,
}

/// The number of the block with the byte at `offset`, and its place there.
#[inline]
pub(super) const fn place_of(offset: u32) -> (u32, usize) {
    (offset >> SHIFT, offset as usize % BLOCK)
}

/// The number of the block behind number `number`.
#[inline]
pub(super) const fn number_behind(number: u32) -> u32 {
    number.wrapping_add(1) & (u32::MAX >> SHIFT)
}

impl Blocks {
    /// A pool of `count` blocks. Memory is used as blocks are.
    pub fn new(count: usize, partitions: Partitions, seed: u64) -> Self {
        Self {
            bytes: Vec::with_capacity(count),
            metas: Vec::with_capacity(count),
            shares: Shares::new(count, partitions),
            index: vec![0; (count * 2).next_power_of_two().max(2)].into_boxed_slice(),
            seed: seed | 1,
        }
    }

    /// Blocks in use.
    pub fn used(&self) -> usize {
        self.shares.used()
    }

    /// Whether no block is left for `partition`.
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

    #[inline]
    fn home(&self, owner: u32, number: u32) -> usize {
        let word = (u64::from(owner) << 32 | u64::from(number)) ^ self.seed;
        let mixed =
            (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.seed.rotate_left(23)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed >> 32) as usize & (self.index.len() - 1)
    }

    #[inline]
    fn indexed(&self, at: usize) -> Option<(u32, &Meta)> {
        let block = self.index.get(at)?.checked_sub(1)?;
        Some((block, self.metas.get(block as usize)?))
    }

    /// The block of `owner` with this number; an error is the place of the index where it is to be entered.
    ///
    /// # Cost
    /// One or two places of the index and the block's record.
    #[inline]
    pub fn locate(&self, owner: u32, number: u32) -> Result<u32, Vacant> {
        let mut at = self.home(owner, number);
        // At most half of the index is in use.
        while let Some((block, meta)) = self.indexed(at) {
            if meta.owner == owner && meta.number == number {
                return Ok(block);
            }
            at = (at + 1) & (self.index.len() - 1);
        }
        Err(Vacant(at))
    }

    /// The block of `owner` with this number.
    #[inline(never)]
    pub fn find(&self, owner: u32, number: u32) -> Option<u32> {
        self.locate(owner, number).ok()
    }

    /// The same, where `before` was found for the number before.
    ///
    /// # Cost
    /// The record of the neighbour, when bytes came in order.
    #[inline]
    pub fn find_next(&self, owner: u32, number: u32, before: Option<u32>) -> Option<u32> {
        let newer = before.and_then(|before| self.metas.get(before as usize)).map_or(NOBODY, |before| before.previous);
        match self.metas.get(newer as usize) {
            Some(meta) if meta.number == number => Some(newer),
            _ => self.find(owner, number),
        }
    }

    /// Takes a block for bytes of `owner`, whose blocks begin with `head`, and enters it where [`Blocks::locate`] has just said. None when the partition has
    /// used up its share.
    #[inline]
    pub fn take(
        &mut self,
        partition: usize,
        (owner, number): (u32, u32),
        Vacant(vacant): Vacant,
        head: &mut u32,
    ) -> Option<u32> {
        let block = self.shares.next(partition)?;
        let metas = &self.metas;
        self.shares.take(partition, |block| metas.get(block as usize).map_or(NOBODY, |meta| meta.next));
        let next = std::mem::replace(head, block);
        let meta = Meta { owner, number, next, previous: NOBODY, there: Bits::default(), starts: Bits::default() };
        match self.metas.get_mut(block as usize) {
            Some(place) => *place = meta,
            // Within the capacity they were made with.
            None => {
                self.metas.push(meta);
                self.bytes.push([0; BLOCK]);
            }
        }
        if let Some(next) = self.metas.get_mut(next as usize) {
            next.previous = block;
        }
        if let Some(entry) = self.index.get_mut(vacant) {
            *entry = block + 1;
        }
        Some(block)
    }

    /// Gives `block`, one of those that begin with `head`, back.
    pub fn give_back(&mut self, partition: usize, block: u32, head: &mut u32) {
        let Some(&Meta { owner, number, next, previous, .. }) = self.metas.get(block as usize) else { return };
        self.unindex(owner, number, block);
        match self.metas.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => *head = next,
        }
        if let Some(next) = self.metas.get_mut(next as usize) {
            next.previous = previous;
        }
        let next_free = self.shares.give_back(partition, block);
        if let Some(meta) = self.metas.get_mut(block as usize) {
            (meta.owner, meta.next) = (NOBODY, next_free);
        }
    }

    /// Takes a block out of the index, and moves those behind it that were pushed on by it.
    fn unindex(&mut self, owner: u32, number: u32, block: u32) {
        let last = self.index.len() - 1;
        let mut hole = self.home(owner, number);
        while self.index.get(hole).is_some_and(|&entry| entry != block + 1) {
            hole = (hole + 1) & last;
        }
        let mut at = (hole + 1) & last;
        while let Some((_, meta)) = self.indexed(at) {
            let home = self.home(meta.owner, meta.number);
            // Whether the hole lies between its home and where it is.
            if (at.wrapping_sub(home) & last) >= (at.wrapping_sub(hole) & last) {
                self.index.swap(hole, at);
                hole = at;
            }
            at = (at + 1) & last;
        }
        if let Some(entry) = self.index.get_mut(hole) {
            *entry = 0;
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

#[cfg(test)]
mod tests {
    use super::{Blocks, NOBODY};
    use crate::partition::Partitions;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// The index and the lists against the standard library's map.
        #[test]
        fn the_pool_agrees_with_a_plain_map(steps in prop::collection::vec((any::<bool>(), 0..6_u32, 0..9_u32), 1..200)) {
            let mut blocks = Blocks::new(24, Partitions::ONE, 77);
            let mut heads = [NOBODY; 6];
            let mut plain = BTreeMap::new();
            for (take, owner, number) in steps {
                let head = &mut heads[owner as usize];
                let found = blocks.find(owner, number);
                prop_assert_eq!(found, plain.get(&(owner, number)).copied());
                match found {
                    Some(block) if !take => {
                        blocks.give_back(0, block, head);
                        plain.remove(&(owner, number));
                    }
                    None if take => match blocks.take(0, (owner, number), blocks.locate(owner, number).unwrap_err(), head) {
                        Some(block) => {
                            prop_assert!(plain.insert((owner, number), block).is_none());
                        }
                        None => prop_assert_eq!(plain.len(), 24),
                    },
                    _ => {}
                }
                let before = number.checked_sub(1).and_then(|number| blocks.find(owner, number));
                prop_assert_eq!(blocks.find_next(owner, number, before), plain.get(&(owner, number)).copied());
                prop_assert_eq!(blocks.used(), plain.len());
                for (owner, head) in heads.iter().enumerate() {
                    let mut listed = Vec::new();
                    let mut at = *head;
                    while at != NOBODY {
                        listed.push(at);
                        at = blocks.metas[at as usize].next;
                    }
                    listed.sort_unstable();
                    let mut wanted: Vec<_> = plain.iter().filter(|((of, _), _)| *of == owner as u32).map(|(_, block)| *block).collect();
                    wanted.sort_unstable();
                    prop_assert_eq!(listed, wanted);
                }
            }
        }
    }
}
