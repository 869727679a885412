//! From key to slot number.
//!
//! Each key may stand in two buckets of eight tags, so a lookup reads at most two cache lines of tags and a removal leaves nothing
//! behind. At half load both buckets of a key are practically never full; if they are, that is an ordinary answer.

use sluice_cell::prefetch_read;

const WAYS: usize = 8;

/// One cache line: eight tags and eight slot numbers. A tag of 0 is a free place.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    tags: [u32; WAYS],
    slots: [u32; WAYS],
}

/// The index. Holds at least twice as many places as `capacity` asks for.
pub struct Index {
    buckets: Box<[Bucket]>,
    mask: usize,
}

impl Index {
    /// An index for `capacity` keys.
    pub fn new(capacity: usize) -> Self {
        let buckets = (capacity * 2 / WAYS).next_power_of_two().max(2);
        Self { buckets: vec![Bucket::default(); buckets].into_boxed_slice(), mask: buckets - 1 }
    }

    #[inline(always)]
    fn tag(hash: u64) -> u32 {
        // The top half; never 0, which marks a free place.
        ((hash >> 32) as u32) | 1
    }

    #[inline(always)]
    fn places(&self, hash: u64) -> [usize; 2] {
        let first = hash as usize & self.mask;
        // The second bucket depends on the tag alone, and is never the first.
        let step = ((hash >> 40) as usize).wrapping_mul(0x9e37_79b9) | 1;
        [first, first.wrapping_add(step) & self.mask]
    }

    /// Hints that `hash` will be looked up soon.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let [first, _] = self.places(hash);
        if let Some(bucket) = self.buckets.get(first) {
            prefetch_read(bucket);
        }
    }

    /// The slot under `hash` for which `is_it` holds.
    ///
    /// # Cost
    /// One bucket when the key stands in its first, two otherwise; `is_it` runs once per equal tag.
    #[inline]
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = Self::tag(hash);
        for place in self.places(hash) {
            let bucket = self.buckets.get(place)?;
            for (&candidate, &slot) in bucket.tags.iter().zip(&bucket.slots) {
                if candidate == tag && is_it(slot) {
                    return Some(slot);
                }
            }
        }
        None
    }

    /// Enters `slot` under `hash` into the emptier of its two buckets; false when both are full.
    #[must_use]
    pub fn insert(&mut self, hash: u64, slot: u32) -> bool {
        let tag = Self::tag(hash);
        let [first, second] = self.places(hash);
        let load = |place: usize| {
            self.buckets.get(place).map_or(WAYS, |bucket| bucket.tags.iter().filter(|&&tag| tag != 0).count())
        };
        // The first is preferred while it has room to spare: most lookups then read one line.
        let place = if load(first) <= load(second) || load(first) < WAYS / 2 { first } else { second };
        let Some(bucket) = self.buckets.get_mut(place) else { return false };
        for (candidate, number) in bucket.tags.iter_mut().zip(&mut bucket.slots) {
            if *candidate == 0 {
                *candidate = tag;
                *number = slot;
                return true;
            }
        }
        false
    }

    /// Removes `slot`, which was entered under `hash`.
    pub fn remove(&mut self, hash: u64, slot: u32) {
        let tag = Self::tag(hash);
        for place in self.places(hash) {
            let Some(bucket) = self.buckets.get_mut(place) else { continue };
            for (candidate, number) in bucket.tags.iter_mut().zip(&mut bucket.slots) {
                if *candidate == tag && *number == slot {
                    *candidate = 0;
                    return;
                }
            }
        }
    }
}
