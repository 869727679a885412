//! The candidates of one packet: a set of rule numbers, read out in order of evaluation.
//!
//! Called by [`crate::inspect`]. A bit per rule and, above it, a bit per word of 64 rules: adding twice costs nothing, reading out is in order
//! without sorting, and an empty stretch of 4,096 rules is skipped at once. Reading out empties the set.

/// A set of rule numbers.
pub(crate) struct Candidates {
    rules: Box<[u64]>,
    words: Box<[u64]>,
    /// Something was added since it was last found empty.
    any: bool,
}

impl Candidates {
    /// An empty set for rules numbered below `rules`.
    pub(crate) fn new(rules: usize) -> Self {
        let words = rules.div_ceil(64).max(1);
        Self {
            rules: vec![0; words].into_boxed_slice(),
            words: vec![0; words.div_ceil(64)].into_boxed_slice(),
            any: false,
        }
    }

    /// Adds rule `number`; what is not below the limit is left out.
    #[inline(always)]
    pub(crate) fn add(&mut self, number: u32) {
        let word = number as usize / 64;
        if let (Some(rules), Some(words)) = (self.rules.get_mut(word), self.words.get_mut(word / 64)) {
            *rules |= 1 << (number % 64);
            *words |= 1 << (word % 64);
            self.any = true;
        }
    }

    /// Whether it is known that nothing is in it.
    #[inline(always)]
    pub(crate) const fn is_empty(&self) -> bool {
        !self.any
    }

    /// Takes out the lowest number at or above `from`, below which nothing is left.
    ///
    /// # Cost
    /// A few instructions, and one read for each 4,096 rules skipped; one question when nothing was added.
    #[inline]
    pub(crate) fn take_from(&mut self, from: u32) -> Option<u32> {
        if !self.any {
            return None;
        }
        let first = from as usize / 64 / 64;
        for (place, words) in self.words.iter_mut().enumerate().skip(first) {
            if *words == 0 {
                continue;
            }
            let word = place * 64 + words.trailing_zeros() as usize;
            let rules = self.rules.get_mut(word)?;
            let bit = rules.trailing_zeros();
            *rules &= rules.wrapping_sub(1);
            if *rules == 0 {
                *words &= words.wrapping_sub(1);
            }
            return Some(word as u32 * 64 + bit);
        }
        self.any = false;
        None
    }

    /// Empties the set.
    pub(crate) fn clear(&mut self) {
        let mut from = 0;
        while let Some(number) = self.take_from(from) {
            from = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Candidates;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn numbers_come_out_once_in_order_and_leave_nothing_behind(numbers in prop::collection::vec(0..20_000_u32, 0..200)) {
            let mut set = Candidates::new(20_000);
            numbers.iter().for_each(|&number| set.add(number));
            let mut out = Vec::new();
            let mut from = 0;
            while let Some(number) = set.take_from(from) {
                out.push(number);
                from = number;
            }
            prop_assert_eq!(out, numbers.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(set.take_from(0), None);
        }
    }
}
