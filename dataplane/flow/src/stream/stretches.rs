//! Which blocks each direction of a stream has, in stretches.
//!
//! A stretch is [`STRETCH`] blocks of one direction beside each other, of which those are taken that have bytes. A small index finds it by its owner and number, so that no order of
//! arrival costs more than another: an attacker's segments with holes between them are as cheap as others. There are as many stretches as blocks, so that none is ever lacking.

use crate::shares::NOBODY;

/// Blocks of a stretch.
pub(super) const STRETCH: usize = 8;

/// Some blocks of one direction beside each other. A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Stretch {
    /// Stream and direction.
    owner: u32,
    /// Number of its first block, divided by [`STRETCH`].
    number: u32,
    /// Its neighbours among the stretches of its owner, the one taken before it first. In a free one the first is the next free one.
    next: u32,
    previous: u32,
    /// Its blocks; nobody where there is none.
    blocks: [u32; STRETCH],
}

/// The stretches of all streams.
pub(super) struct Stretches {
    stretches: Vec<Stretch>,
    /// The first of the free ones.
    free: u32,
    /// Stretches by owner and number, one more than their place; 0 where there is none.
    index: Box<[u32]>,
    seed: u64,
}

/// The number of the stretch with block number `number`, and the block's place there.
#[inline]
pub(super) const fn stretch_of(number: u32) -> (u32, usize) {
    (number / STRETCH as u32, number as usize % STRETCH)
}

impl Stretches {
    /// Room for `count` stretches. Memory is used as they are.
    pub fn new(count: usize, seed: u64) -> Self {
        Self {
            stretches: Vec::with_capacity(count),
            free: NOBODY,
            index: vec![0; (count * 2).next_power_of_two().max(2)].into_boxed_slice(),
            seed: seed | 1,
        }
    }

    #[inline]
    fn home(&self, owner: u32, number: u32) -> usize {
        let word = (u64::from(owner) << 32 | u64::from(number)) ^ self.seed;
        let mixed =
            (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.seed.rotate_left(23)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed >> 32) as usize & (self.index.len() - 1)
    }

    #[inline]
    fn indexed(&self, at: usize) -> Option<(u32, &Stretch)> {
        let stretch = self.index.get(at)?.checked_sub(1)?;
        Some((stretch, self.stretches.get(stretch as usize)?))
    }

    /// The stretch of `owner` with this number; an error is the place of the index where it is to be entered.
    ///
    /// # Cost
    /// One or two places of the index and the stretch.
    #[inline]
    fn locate(&self, owner: u32, number: u32) -> Result<u32, usize> {
        let mut at = self.home(owner, number);
        // At most half of the index is in use.
        while let Some((place, stretch)) = self.indexed(at) {
            if stretch.owner == owner && stretch.number == number {
                return Ok(place);
            }
            at = (at + 1) & (self.index.len() - 1);
        }
        Err(at)
    }

    #[inline(never)]
    fn find(&self, owner: u32, number: u32) -> Option<u32> {
        self.locate(owner, number).ok()
    }

    /// The stretch of `owner` with this number. `near` is any of its stretches; nobody when it has none.
    ///
    /// # Cost
    /// A look at `near` and the next one when bytes came in order.
    #[inline]
    pub fn find_near(&self, owner: u32, number: u32, near: u32) -> Option<u32> {
        let stretch = self.stretches.get(near as usize)?;
        if stretch.number == number {
            return Some(near);
        }
        let next = self.stretches.get(stretch.next as usize).filter(|next| next.number == number);
        next.map(|_| stretch.next).or_else(|| self.find(owner, number))
    }

    /// The blocks of the stretch with this number, if that is `near`, to be changed.
    #[inline]
    pub fn blocks_nearby(&mut self, number: u32, near: u32) -> Option<&mut [u32; STRETCH]> {
        let stretch = self.stretches.get_mut(near as usize).filter(|stretch| stretch.number == number)?;
        Some(&mut stretch.blocks)
    }

    /// Takes a stretch with this number for `owner`, which has none and whose stretches begin with `head`.
    pub fn take(&mut self, owner: u32, number: u32, head: &mut u32) -> u32 {
        let vacant = match self.locate(owner, number) {
            Ok(place) => return place,
            Err(vacant) => vacant,
        };
        let next = *head;
        let stretch = Stretch { owner, number, next, previous: NOBODY, blocks: [NOBODY; STRETCH] };
        let taken = match self.stretches.get_mut(self.free as usize) {
            Some(place) => {
                let free = std::mem::replace(&mut self.free, place.next);
                *place = stretch;
                free
            }
            // Within the capacity they were made with.
            None => {
                self.stretches.push(stretch);
                self.stretches.len() as u32 - 1
            }
        };
        *head = taken;
        if let Some(next) = self.stretches.get_mut(next as usize) {
            next.previous = taken;
        }
        if let Some(entry) = self.index.get_mut(vacant) {
            *entry = taken + 1;
        }
        taken
    }

    /// Gives `place`, one of those that begin with `head`, back.
    pub fn give_back(&mut self, place: u32, head: &mut u32) {
        let Some(&Stretch { owner, number, next, previous, .. }) = self.stretches.get(place as usize) else { return };
        self.unindex(owner, number, place);
        match self.stretches.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => *head = next,
        }
        if let Some(next) = self.stretches.get_mut(next as usize) {
            next.previous = previous;
        }
        if let Some(stretch) = self.stretches.get_mut(place as usize) {
            (stretch.owner, stretch.next) = (NOBODY, std::mem::replace(&mut self.free, place));
        }
    }

    /// Takes a stretch out of the index, and moves those behind it that were pushed on by it.
    fn unindex(&mut self, owner: u32, number: u32, place: u32) {
        let last = self.index.len() - 1;
        let mut hole = self.home(owner, number);
        while self.index.get(hole).is_some_and(|&entry| entry != place + 1) {
            hole = (hole + 1) & last;
        }
        let mut at = (hole + 1) & last;
        while let Some((_, stretch)) = self.indexed(at) {
            let home = self.home(stretch.owner, stretch.number);
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

    /// The blocks of a stretch: nobody where there is none.
    #[inline]
    pub fn blocks(&self, stretch: u32) -> &[u32; STRETCH] {
        self.stretches.get(stretch as usize).map_or(&[NOBODY; STRETCH], |stretch| &stretch.blocks)
    }

    /// The same, to be changed.
    #[inline]
    pub fn blocks_mut(&mut self, stretch: u32) -> Option<&mut [u32; STRETCH]> {
        self.stretches.get_mut(stretch as usize).map(|stretch| &mut stretch.blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::{NOBODY, STRETCH, Stretches};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// The index and the lists against the standard library's map.
        #[test]
        fn the_stretches_agree_with_a_plain_map(
            steps in prop::collection::vec((any::<bool>(), 0..6_u32, 0..9_u32, 0..9_u32), 1..200),
        ) {
            let mut stretches = Stretches::new(24, 77);
            let mut heads = [NOBODY; 6];
            let mut plain = BTreeMap::new();
            for (take, owner, number, other) in steps {
                let head = &mut heads[owner as usize];
                let found = stretches.find(owner, number);
                prop_assert_eq!(found, plain.get(&(owner, number)).copied());
                match found {
                    Some(stretch) if !take => {
                        stretches.give_back(stretch, head);
                        plain.remove(&(owner, number));
                    }
                    None if take && plain.len() < 24 => {
                        let stretch = stretches.take(owner, number, head);
                        prop_assert_eq!(stretches.blocks(stretch), &[NOBODY; STRETCH]);
                        prop_assert!(plain.insert((owner, number), stretch).is_none());
                    }
                    _ => {}
                }
                for near in plain.iter().filter(|((of, _), _)| *of == owner).map(|(_, place)| *place) {
                    prop_assert_eq!(stretches.find_near(owner, other, near), plain.get(&(owner, other)).copied());
                }
                prop_assert!(stretches.stretches.len() <= 24);
                for (owner, head) in heads.iter().enumerate() {
                    let mut listed = Vec::new();
                    let mut at = *head;
                    while at != NOBODY {
                        listed.push(at);
                        at = stretches.stretches[at as usize].next;
                    }
                    listed.sort_unstable();
                    let mut wanted: Vec<_> = plain.iter().filter(|((of, _), _)| *of == owner as u32).map(|(_, place)| *place).collect();
                    wanted.sort_unstable();
                    prop_assert_eq!(listed, wanted);
                }
            }
        }
    }
}
