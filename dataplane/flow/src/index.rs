//! From key to slot number.
//!
//! Each key may stand in two buckets of eight tags, so a lookup reads at most two cache lines of tags and a removal leaves nothing
//! behind. At half load both buckets of a key are practically never full; if they are, that is an ordinary answer. Both buckets of a key lie
//! in the part of the index that belongs to its partition.

use crate::partition::Partitions;
use sluice_cell::{advise_huge_pages, equal_lanes, first_equal_lane, prefetch_element};

const WAYS: usize = 8;
/// Words of a bucket: eight tags and eight slot numbers, one cache line. A tag of 0 is a free place.
const BUCKET: usize = 2 * WAYS;

/// The index. Holds at least twice as many places as each partition asks for.
pub struct Index {
    /// Buckets, from `first` on, where a cache line begins. Zeroed by the system, used where keys come.
    words: Vec<u32>,
    first: usize,
    partitions: Partitions,
    /// Buckets of one partition.
    buckets: u64,
    /// Buckets of all partitions.
    all_buckets: u64,
}

impl Index {
    /// An index for up to `per_partition` keys in each partition.
    pub fn new(per_partition: usize, partitions: Partitions) -> Self {
        let buckets = (per_partition * 2).div_ceil(WAYS).max(2);
        let words = vec![0_u32; (buckets * partitions.count() + 1) * BUCKET];
        advise_huge_pages(&words);
        let first = words.as_ptr().align_offset(64).min(BUCKET);
        Self { words, first, partitions, buckets: buckets as u64, all_buckets: (buckets * partitions.count()) as u64 }
    }

    #[inline(always)]
    fn tag(hash: u64) -> u32 {
        // The low half; never 0, which marks a free place.
        (hash as u32) | 1
    }

    /// The first bucket of `hash`: from the top half, whose top bits are the partition, so it lies in that one. Whose a flow is must not be taken from
    /// the top half where a worker's table has one partition: its flows would share a few buckets.
    #[inline(always)]
    fn first_place(&self, hash: u64) -> usize {
        (((hash >> 32) * self.all_buckets) >> 32) as usize
    }

    /// The two buckets of `hash`, never the same: the second follows from the first and the tag alone.
    #[inline(always)]
    fn places(&self, hash: u64) -> [usize; 2] {
        let first = self.first_place(hash);
        let mixed = u64::from(Self::tag(hash).wrapping_mul(0x9e37_79b9));
        let step = 1 + ((mixed * (self.buckets - 1)) >> 32);
        let second = first as u64 + step;
        let end = (self.partitions.of(hash) as u64 + 1) * self.buckets;
        let second = if second < end { second } else { second - self.buckets };
        [first, second as usize]
    }

    #[inline(always)]
    fn all(&self) -> &[[u32; BUCKET]] {
        self.words.get(self.first..).unwrap_or_default().as_chunks().0
    }

    #[inline(always)]
    fn bucket(&self, place: usize) -> Option<&[u32; BUCKET]> {
        self.all().get(place)
    }

    #[inline(always)]
    fn bucket_mut(&mut self, place: usize) -> Option<&mut [u32; BUCKET]> {
        self.words.get_mut(self.first + place * BUCKET..)?.first_chunk_mut()
    }

    /// Hints that `hash` will be looked up soon; its first bucket.
    #[inline(always)]
    pub fn prefetch(&self, hash: u64) -> u32 {
        let first = self.first_place(hash);
        prefetch_element(self.all(), first);
        first as u32
    }

    /// The first slot under `hash` with an equal tag, of its first bucket, `bucket`, or else of its second: most likely the one looked for.
    #[inline(always)]
    pub fn candidate(&self, hash: u64, bucket: u32) -> Option<u32> {
        let (tags, slots) = split(self.bucket(bucket as usize)?);
        match first_equal_lane(tags, Self::tag(hash)) {
            Some(lane) => slots.get(lane).copied(),
            None => self.candidate_in_second(hash),
        }
    }

    // Not a call, which would take the registers of a loop over a burst.
    #[inline(always)]
    fn candidate_in_second(&self, hash: u64) -> Option<u32> {
        let [_, second] = self.places(hash);
        let (tags, slots) = split(self.bucket(second)?);
        slots.get(first_equal_lane(tags, Self::tag(hash))?).copied()
    }

    /// The slot under `hash` for which `is_it` holds.
    ///
    /// # Cost
    /// One bucket when the key stands in its first, two otherwise; `is_it` runs once per equal tag.
    #[inline(always)]
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = Self::tag(hash);
        let mut within = |place: usize| {
            let (tags, slots) = split(self.bucket(place)?);
            let mut hits = equal_lanes(tags, tag);
            while hits != 0 {
                if let Some(&slot) = slots.get(hits.trailing_zeros() as usize)
                    && is_it(slot)
                {
                    return Some(slot);
                }
                hits &= hits - 1;
            }
            None
        };
        within(self.first_place(hash)).or_else(|| {
            let [_, second] = self.places(hash);
            within(second)
        })
    }

    /// Enters `slot` under `hash` into the emptier of its two buckets; false when both are full.
    #[must_use]
    pub fn insert(&mut self, hash: u64, slot: u32) -> bool {
        let [first, second] = self.places(hash);
        let free = |place: usize| self.bucket(place).map_or(0, |bucket| equal_lanes(split(bucket).0, 0));
        let (mut place, mut holes) = (first, free(first));
        // The first is preferred while it has room to spare: most lookups then read one line.
        if holes.count_ones() as usize <= WAYS / 4 {
            let in_second = free(second);
            if in_second.count_ones() > holes.count_ones() {
                (place, holes) = (second, in_second);
            }
        }
        let way = holes.trailing_zeros() as usize;
        let tag = Self::tag(hash);
        let Some(bucket) = self.bucket_mut(place) else { return false };
        // Without a hole the way is 32: beyond the bucket.
        match bucket.get_mut(way + WAYS) {
            Some(number) if way < WAYS => *number = slot,
            _ => return false,
        }
        if let Some(place) = bucket.get_mut(way) {
            *place = tag;
        }
        true
    }

    /// Puts `new` in the place of `old`, which was entered under `hash`.
    pub fn replace(&mut self, hash: u64, old: u32, new: u32) {
        if let Some((bucket, way)) = self.entry(hash, old)
            && let Some(number) = bucket.get_mut(way + WAYS)
        {
            *number = new;
        }
    }

    /// Removes `slot`, which was entered under `hash`.
    pub fn remove(&mut self, hash: u64, slot: u32) {
        if let Some((bucket, way)) = self.entry(hash, slot)
            && let Some(tag) = bucket.get_mut(way)
        {
            *tag = 0;
        }
    }

    fn entry(&mut self, hash: u64, slot: u32) -> Option<(&mut [u32; BUCKET], usize)> {
        let tag = Self::tag(hash);
        for place in self.places(hash) {
            let (tags, slots) = split(self.bucket(place)?);
            let hits = equal_lanes(tags, tag) & equal_lanes(slots, slot);
            if hits != 0 {
                return Some((self.bucket_mut(place)?, hits.trailing_zeros() as usize));
            }
        }
        None
    }
}

#[inline(always)]
fn split(bucket: &[u32; BUCKET]) -> (&[u32; WAYS], &[u32; WAYS]) {
    const NONE: &[u32; WAYS] = &[0; WAYS];
    match bucket.as_chunks::<WAYS>().0 {
        [tags, slots] => (tags, slots),
        _ => (NONE, NONE),
    }
}

#[cfg(test)]
mod tests {
    use super::{Index, WAYS};
    use crate::partition::Partitions;
    use std::collections::BTreeMap;

    fn mix(n: u64) -> u64 {
        let n = (n ^ (n >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn the_index_agrees_with_a_plain_map_in_every_partition() {
        for partitions in [Partitions::ONE, Partitions::for_capacity(5_000)] {
            let mut index = Index::new(5_000 / partitions.count() * 2, partitions);
            let mut plain = BTreeMap::new();
            for n in 0..5_000_u32 {
                let hash = mix(u64::from(n));
                assert!(index.insert(hash, n));
                plain.insert(n, hash);
                let other = (n * 7) % (n + 1);
                if n % 3 == 0
                    && let Some(hash) = plain.remove(&other)
                {
                    index.remove(hash, other);
                }
            }
            for n in 0..5_000 {
                let found = index.find(mix(u64::from(n)), |slot| slot == n);
                assert_eq!(found, plain.get(&n).map(|_| n));
            }
        }
    }

    #[test]
    fn both_buckets_of_a_key_differ_and_lie_in_its_partition() {
        let partitions = Partitions::for_capacity(65_536);
        for per_partition in [1, 5, 300] {
            let index = Index::new(per_partition, partitions);
            for n in 0..2_000 {
                let hash = mix(n);
                let [first, second] = index.places(hash);
                let here = partitions.of(hash) * index.buckets as usize;
                let all = here..here + index.buckets as usize;
                assert!(first != second && all.contains(&first) && all.contains(&second));
            }
        }
    }

    #[test]
    fn a_key_without_a_place_is_refused_and_replaced_slots_are_found() {
        let mut index = Index::new(1, Partitions::ONE);
        let accepted = (0..100).filter(|&slot| index.insert(7, slot)).count();
        assert_eq!(accepted, 2 * WAYS);
        index.replace(7, 3, 300);
        assert!(index.find(7, |slot| slot == 300).is_some() && index.find(7, |slot| slot == 3).is_none());
        index.remove(7, 300);
        assert!(index.insert(7, 5_000) && !index.insert(7, 5_001));
    }
}
