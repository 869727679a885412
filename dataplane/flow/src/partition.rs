//! Partitions: the pieces a flow table is divided into, so that a flow's fate does not depend on how many workers there are.
//!
//! A replay divides its tables into up to 256 partitions by the flow's hash; each worker owns some of them whole. What a flow meets (a free slot,
//! somebody to make room, its turn to expire) then depends on its partition alone, and one, two or four workers tell the same. Live, each worker
//! has a table of one partition.

/// How many partitions there are: a power of two, 256 at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partitions {
    bits: u32,
}

impl Partitions {
    /// One: all flows together.
    pub const ONE: Self = Self { bits: 0 };
    /// Flows for which a partition of its own pays.
    const FEWEST_FLOWS: usize = 256;

    /// As many as a table for `capacity` flows bears: 256, fewer when they would be small.
    pub fn for_capacity(capacity: usize) -> Self {
        let bits = (capacity / Self::FEWEST_FLOWS).max(1).ilog2();
        Self { bits: bits.min(8) }
    }

    /// How many there are.
    pub const fn count(self) -> usize {
        1 << self.bits
    }

    /// The partition of a flow with this hash: from its top bits.
    #[inline]
    pub const fn of(self, hash: u64) -> usize {
        // Two shifts, because a shift by 64 is none.
        ((hash >> 1) >> (63 - self.bits)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Partitions;

    #[test]
    fn every_hash_has_a_partition_and_all_partitions_are_used() {
        for capacity in [1, 300, 1_000, 65_536, 1 << 20] {
            let partitions = Partitions::for_capacity(capacity);
            assert!(partitions.count() <= 256 && partitions.count() <= capacity);
            let mut seen = vec![false; partitions.count()];
            (0..=u8::MAX).for_each(|top| seen[partitions.of(u64::from(top) << 56 | 0xff)] = true);
            assert!(seen.into_iter().all(|seen| seen));
        }
        assert_eq!((Partitions::ONE.count(), Partitions::ONE.of(u64::MAX)), (1, 0));
        assert_eq!(Partitions::for_capacity(1 << 16).count(), 256);
    }
}
