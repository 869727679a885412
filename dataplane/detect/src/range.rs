//! Ranges of numbers, as header keywords compare them.

use std::ops::BitAnd;

/// An inclusive range, perhaps the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<T> {
    /// Lowest number inside.
    pub low: T,
    /// Highest number inside.
    pub high: T,
    /// Whether numbers outside match instead.
    pub negated: bool,
    /// Bits that count; none: all.
    pub mask: Option<T>,
}

impl<T: Copy + PartialOrd + BitAnd<Output = T>> Range<T> {
    /// Exactly `number`.
    pub const fn exactly(number: T) -> Self {
        Self::between(number, number)
    }

    /// From `low` to `high`, both inside.
    pub const fn between(low: T, high: T) -> Self {
        Self { low, high, negated: false, mask: None }
    }

    /// Whether `number` matches.
    #[inline]
    pub fn matches(&self, number: T) -> bool {
        let number = self.mask.map_or(number, |mask| number & mask);
        (number >= self.low && number <= self.high) != self.negated
    }
}

/// Sorted, disjoint, inclusive ranges of ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortSet {
    ranges: Box<[(u16, u16)]>,
    everything: bool,
}

impl PortSet {
    /// The set of `ranges`, which must be sorted and disjoint.
    pub fn new(ranges: Vec<(u16, u16)>) -> Self {
        let everything = ranges.first() == Some(&(0, u16::MAX));
        Self { ranges: ranges.into_boxed_slice(), everything }
    }

    /// All ports.
    pub fn everything() -> Self {
        Self::new(vec![(0, u16::MAX)])
    }

    /// Whether all ports are inside.
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// The ranges.
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }

    /// Number of ports inside.
    pub fn len(&self) -> u32 {
        self.ranges.iter().map(|&(low, high)| u32::from(high - low) + 1).sum()
    }

    /// Whether no port is inside.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether `port` is inside.
    #[inline]
    pub fn contains(&self, port: u16) -> bool {
        self.everything || self.ranges.iter().any(|&(low, high)| port >= low && port <= high)
    }
}

#[cfg(test)]
mod tests {
    use super::{PortSet, Range};

    #[test]
    fn ends_of_a_range_are_inside() {
        let range = Range::between(5_u8, 7);
        assert_eq!((4..=8).map(|n| range.matches(n)).collect::<Vec<_>>(), [false, true, true, true, false]);
        assert!(!Range { negated: true, ..range }.matches(6));
    }

    #[test]
    fn only_the_bits_under_a_mask_count() {
        let range = Range { mask: Some(0x0f_u8), ..Range::exactly(4) };
        assert!(range.matches(0x14) && range.matches(0xf4) && !range.matches(0x15));
        assert!(Range { negated: true, ..range }.matches(0x15));
    }

    #[test]
    fn everything_is_known_without_looking() {
        assert!(PortSet::everything().is_everything());
        let some = PortSet::new(vec![(0, 79), (81, u16::MAX)]);
        assert!(!some.is_everything() && !some.contains(80) && some.contains(81));
        assert_eq!(some.len(), 65_535);
    }
}
