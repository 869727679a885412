//! Slots of a table, shared out among its partitions.
//!
//! Used by [`crate::FlowTable`] for flows and for half-open connections. Slot numbers are given out in the order of use, over all partitions, so
//! that memory is used densely whatever partitions a worker serves. Each partition has a share of its own and knows its slots in the order it
//! got them: what it meets never depends on another. Never allocates after start.

use crate::partition::Partitions;

/// No slot.
pub(crate) const NOBODY: u32 = u32::MAX;

/// One partition's share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// Slots it may have.
    limit: u32,
    /// Slots it has had so far.
    had: u32,
    /// Slots in use.
    used: u32,
    /// The first of its free slots; each names the next in memory of its owner.
    free: u32,
    /// Where its list of slots begins in [`Shares::members`].
    first: usize,
}

/// The shares of all partitions.
pub(crate) struct Shares {
    shares: Box<[Share]>,
    /// Slots of each partition, in the order it got them.
    members: Vec<u32>,
    /// Slots given out, over all partitions.
    given: u32,
    used: usize,
}

impl Shares {
    /// Shares of `capacity` slots. They differ by one at most.
    pub fn new(capacity: usize, partitions: Partitions) -> Self {
        let (even, odd) = (capacity / partitions.count(), capacity % partitions.count());
        let shares = (0..partitions.count()).map(|place| Share {
            limit: (even + usize::from(place < odd)) as u32,
            had: 0,
            used: 0,
            free: NOBODY,
            first: place * even + place.min(odd),
        });
        Self { shares: shares.collect(), members: vec![0; capacity], given: 0, used: 0 }
    }

    /// The largest share of `capacity` slots.
    pub fn largest(capacity: usize, partitions: Partitions) -> usize {
        capacity.div_ceil(partitions.count())
    }

    /// Slots in use.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Slots that `partition` has had so far: in use, or free again.
    pub fn had(&self, partition: usize) -> u32 {
        self.shares.get(partition).map_or(0, |share| share.had)
    }

    /// Whether all slots of `partition` are in use.
    #[inline]
    pub fn is_full(&self, partition: usize) -> bool {
        self.shares.get(partition).is_none_or(|share| share.used == share.limit)
    }

    /// The slot that [`Shares::take`] would give.
    #[inline]
    pub fn next(&self, partition: usize) -> Option<u32> {
        let share = self.shares.get(partition).filter(|share| share.used < share.limit)?;
        Some(if share.free == NOBODY { self.given } else { share.free })
    }

    /// Takes a slot; none when all are in use. `after` is the free slot that it names, for one that was in use before.
    #[inline]
    pub fn take(&mut self, partition: usize, after: impl FnOnce(u32) -> u32) -> Option<u32> {
        let share = self.shares.get_mut(partition).filter(|share| share.used < share.limit)?;
        let mut slot = share.free;
        if slot == NOBODY {
            slot = self.given;
            if let Some(member) = self.members.get_mut(share.first + share.had as usize) {
                *member = slot;
            }
            self.given += 1;
            share.had += 1;
        } else {
            share.free = after(slot);
        }
        share.used += 1;
        self.used += 1;
        Some(slot)
    }

    /// Gives `slot` back; the answer is the free slot that it must name.
    #[inline]
    pub fn give_back(&mut self, partition: usize, slot: u32) -> u32 {
        let Some(share) = self.shares.get_mut(partition) else { return NOBODY };
        share.used -= 1;
        self.used -= 1;
        std::mem::replace(&mut share.free, slot)
    }

    /// Slot number `place` of `partition`.
    #[inline]
    pub fn member(&self, partition: usize, place: u32) -> Option<u32> {
        let share = self.shares.get(partition).filter(|share| place < share.had)?;
        self.members.get(share.first + place as usize).copied()
    }

    /// All slots are as if never used.
    pub fn reset(&mut self) {
        (self.given, self.used) = (0, 0);
        for share in &mut self.shares {
            (share.had, share.used, share.free) = (0, 0, NOBODY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NOBODY, Shares};
    use crate::partition::Partitions;

    #[test]
    fn shares_add_up_and_a_partition_does_not_feel_the_others() {
        let partitions = Partitions::for_capacity(1_030);
        assert_eq!((partitions.count(), Shares::largest(1_030, partitions)), (4, 258));
        let mut shares = Shares::new(1_030, partitions);
        let mut taken = 0;
        for partition in (0..4).rev() {
            while shares.next(partition).is_some() {
                assert_eq!(shares.next(partition), Some(taken));
                assert_eq!(shares.take(partition, |_| NOBODY), Some(taken));
                taken += 1;
            }
            assert!(shares.is_full(partition) && (partition == 0 || !shares.is_full(0)));
        }
        assert_eq!((taken, shares.used()), (1_030, 1_030));
        assert_eq!(shares.give_back(3, 5), NOBODY);
        assert_eq!(shares.give_back(3, 9), 5);
        assert_eq!((shares.next(3), shares.next(2)), (Some(9), None));
        shares.take(3, |slot| if slot == 9 { 5 } else { NOBODY });
        assert_eq!((shares.next(3), shares.member(3, 0), shares.member(3, 257)), (Some(5), Some(0), None));
    }
}
