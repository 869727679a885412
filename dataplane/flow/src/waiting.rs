//! The half-open table: connections that ask to be let in, in order of their last packet.
//!
//! Used by [`crate::FlowTable`], which finds slots by its index. A list per partition keeps the slots in order, so the one idle longest is
//! always at hand: to be ended in time, or to make room. A flood of SYNs costs older SYNs, never a flow.

use crate::{
    flow::Flow,
    half_open::{Beside, HalfOpen},
    partition::Partitions,
    shares::{NOBODY, Shares},
    tcp::OfferWords,
};
use sluice_core::Nanos;

/// What orders a slot: beside it, so that moving its neighbours touches little memory.
#[derive(Clone, Copy, Debug)]
struct Age {
    last: Nanos,
    older: u32,
    /// In a free slot the next free one.
    newer: u32,
    /// Generation of the rules judged.
    generation: u32,
    /// Clock in the timestamps option of the SYN.
    stamp: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    oldest: u32,
    newest: u32,
}

/// The table.
pub(crate) struct Waiting {
    slots: Vec<HalfOpen>,
    ages: Vec<Age>,
    lists: Box<[Ends]>,
    shares: Shares,
}

impl Waiting {
    /// A table of `capacity` slots.
    pub fn new(capacity: usize, partitions: Partitions) -> Self {
        let empty = Ends { oldest: NOBODY, newest: NOBODY };
        Self {
            slots: Vec::with_capacity(capacity),
            ages: Vec::with_capacity(capacity),
            lists: vec![empty; partitions.count()].into_boxed_slice(),
            shares: Shares::new(capacity, partitions),
        }
    }

    /// Slots in use.
    pub fn len(&self) -> usize {
        self.shares.used()
    }

    /// The slot that `take` would give in `partition`; none when its share is used up.
    pub fn next(&self, partition: usize) -> Option<u32> {
        self.shares.next(partition)
    }

    /// The slot idle longest.
    pub fn oldest(&self, partition: usize) -> Option<u32> {
        self.lists.get(partition).map(|list| list.oldest).filter(|&slot| slot != NOBODY)
    }

    /// The connection in `slot`.
    #[inline]
    pub fn get(&self, slot: u32) -> Option<&HalfOpen> {
        self.slots.get(slot as usize)
    }

    /// Time of the last packet of `slot`.
    pub fn last(&self, slot: u32) -> Nanos {
        self.ages.get(slot as usize).map_or(Nanos(0), |age| age.last)
    }

    /// Takes the next slot of `partition` for a connection.
    pub fn take(&mut self, partition: usize, content: HalfOpen, beside: Beside) {
        let ages = &self.ages;
        let taken = self.shares.take(partition, |slot| ages.get(slot as usize).map_or(NOBODY, |age| age.newer));
        let Some(slot) = taken else { return };
        let Beside { last, generation, stamp } = beside;
        let age = Age { last, older: NOBODY, newer: NOBODY, generation, stamp };
        if slot as usize == self.slots.len() {
            self.slots.push(content);
            self.ages.push(age);
        } else if let (Some(place), Some(of)) = (self.slots.get_mut(slot as usize), self.ages.get_mut(slot as usize)) {
            (*place, *of) = (content, age);
        }
        self.link(partition, slot, last);
    }

    /// A packet at `beside.last` left `slot` with this content.
    pub fn update(&mut self, partition: usize, slot: u32, content: HalfOpen, beside: Beside) {
        let Beside { last, generation, stamp } = beside;
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = content;
        }
        if let Some(age) = self.ages.get_mut(slot as usize) {
            (age.generation, age.stamp) = (generation, stamp);
        }
        // A packet that is no sign of life, as an ICMP error, changes no order.
        if last != self.last(slot) {
            self.unlink(partition, slot);
            self.link(partition, slot, last);
        }
    }

    /// Frees `slot`.
    pub fn give_back(&mut self, partition: usize, slot: u32) {
        self.unlink(partition, slot);
        let next_free = self.shares.give_back(partition, slot);
        if let Some(age) = self.ages.get_mut(slot as usize) {
            age.newer = next_free;
        }
    }

    /// Unpacks `slot`.
    pub fn unpack(&self, slot: u32, id: u64, flow: &mut Flow, offers: &mut OfferWords) {
        if let (Some(content), Some(age)) = (self.get(slot), self.ages.get(slot as usize)) {
            let beside = Beside { last: age.last, generation: age.generation, stamp: age.stamp };
            content.unpack(id, beside, flow, offers);
        }
    }

    /// Forgets that any slot was ever used. To be called when all are free.
    pub fn reset(&mut self) {
        self.slots.clear();
        self.ages.clear();
        self.shares.reset();
    }

    /// Makes `slot`, which is in no list, the newest.
    fn link(&mut self, partition: usize, slot: u32, last: Nanos) {
        let Some(list) = self.lists.get_mut(partition) else { return };
        let older = std::mem::replace(&mut list.newest, slot);
        if older == NOBODY {
            list.oldest = slot;
        }
        if let Some(age) = self.ages.get_mut(older as usize) {
            age.newer = slot;
        }
        if let Some(age) = self.ages.get_mut(slot as usize) {
            *age = Age { last, older, newer: NOBODY, ..*age };
        }
    }

    fn unlink(&mut self, partition: usize, slot: u32) {
        let Some(Age { older, newer, .. }) = self.ages.get(slot as usize).copied() else { return };
        let Some(list) = self.lists.get_mut(partition) else { return };
        match self.ages.get_mut(older as usize) {
            Some(age) => age.newer = newer,
            None => list.oldest = newer,
        }
        match self.ages.get_mut(newer as usize) {
            Some(age) => age.older = older,
            None => list.newest = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Beside, HalfOpen, Nanos, Partitions, Waiting};

    fn at(last: u64) -> Beside {
        Beside { last: Nanos(last), ..Beside::default() }
    }

    #[test]
    fn the_one_idle_longest_is_at_hand_through_updates_and_reuse() {
        let mut waiting = Waiting::new(3, Partitions::ONE);
        for n in 0..3 {
            assert_eq!(waiting.next(0), Some(n));
            waiting.take(0, HalfOpen::default(), at(u64::from(n)));
        }
        assert_eq!((waiting.next(0), waiting.oldest(0), waiting.len()), (None, Some(0), 3));
        waiting.update(0, 0, HalfOpen::default(), at(5));
        assert_eq!((waiting.oldest(0), waiting.last(0)), (Some(1), Nanos(5)));
        waiting.give_back(0, 2);
        waiting.give_back(0, 1);
        assert_eq!((waiting.oldest(0), waiting.next(0)), (Some(0), Some(1)));
        waiting.take(0, HalfOpen::default(), at(6));
        waiting.take(0, HalfOpen::default(), at(7));
        for slot in [0, 1, 2] {
            assert_eq!(waiting.oldest(0), Some(slot));
            waiting.give_back(0, slot);
        }
        assert_eq!((waiting.oldest(0), waiting.len()), (None, 0));
    }
}
