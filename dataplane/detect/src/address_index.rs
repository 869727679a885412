//! Rules found by an address: for rules that ask for few addresses, thousands of them.
//!
//! Built and read by [`crate::group`]. The address space is cut at every end of every rule's ranges; each piece knows the rules that hold on all of it. A
//! lookup is one binary search among the pieces that begin with the address's first byte. Rules that ask for most of the address space on both sides are not here.

use crate::address::AddressSet;
use std::collections::BTreeMap;

/// Pieces of one address space, by their first address, and the rules of each.
struct Pieces<T> {
    starts: Box<[T]>,
    /// For each piece where its rules begin in `rules`; one more at the end.
    first: Box<[u32]>,
    rules: Box<[u32]>,
    /// For each first byte of an address the first piece that begins with that byte or a higher one; one more at the end.
    by_byte: Box<[u32]>,
}

impl<T: Copy + Ord> Pieces<T> {
    fn new(ranges: &[(T, T, u32)], next: impl Fn(T) -> Option<T>, first_byte: impl Fn(T) -> u8) -> Self {
        let mut changes: BTreeMap<T, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
        for &(low, high, rule) in ranges {
            changes.entry(low).or_default().0.push(rule);
            if let Some(after) = next(high) {
                changes.entry(after).or_default().1.push(rule);
            }
        }
        let (mut starts, mut first, mut rules) = (Vec::new(), vec![0], Vec::new());
        let mut holding: std::collections::BTreeSet<u32> = std::collections::BTreeSet::new();
        for (start, (begin, end)) in changes {
            for rule in end {
                holding.remove(&rule);
            }
            holding.extend(begin);
            starts.push(start);
            rules.extend(&holding);
            first.push(rules.len() as u32);
        }
        let below = |byte: u16| starts.partition_point(|&start| u16::from(first_byte(start)) < byte) as u32;
        let by_byte = (0..=256).map(below).collect();
        Self { starts: starts.into(), first: first.into(), rules: rules.into(), by_byte }
    }

    #[inline]
    fn rules(&self, address: T, first_byte: u8) -> &[u32] {
        let Some([low, high, ..]) = self.by_byte.get(usize::from(first_byte)..) else { return &[] };
        let near = self.starts.get(*low as usize..*high as usize).unwrap_or_default();
        let behind = *low as usize + near.partition_point(|&start| start <= address);
        let Some(piece) = behind.checked_sub(1) else { return &[] };
        let from = self.first.get(piece).copied().unwrap_or(0) as usize;
        let to = self.first.get(piece + 1).copied().unwrap_or(0) as usize;
        self.rules.get(from..to).unwrap_or_default()
    }
}

/// Numbers of rules, found by an address.
pub(crate) struct AddressIndex {
    v4: Pieces<u32>,
    v6: Pieces<u128>,
}

impl AddressIndex {
    /// The index of `rules` by their sets, which must not hold a rule twice.
    pub(crate) fn new(rules: &[(u32, &AddressSet)]) -> Self {
        let v4: Vec<_> =
            rules.iter().flat_map(|(rule, set)| set.v4().iter().map(|&(low, high)| (low, high, *rule))).collect();
        let v6: Vec<_> =
            rules.iter().flat_map(|(rule, set)| set.v6().iter().map(|&(low, high)| (low, high, *rule))).collect();
        Self {
            v4: Pieces::new(&v4, |high| high.checked_add(1), |start| (start >> 24) as u8),
            v6: Pieces::new(&v6, |high| high.checked_add(1), |start| (start >> 120) as u8),
        }
    }

    /// Rules whose set holds `address`.
    #[inline]
    pub(crate) fn rules(&self, ip_version: u8, address: &[u8; 16]) -> &[u32] {
        match ip_version {
            4 => {
                let [a, b, c, d, ..] = *address;
                self.v4.rules(u32::from_be_bytes([a, b, c, d]), a)
            }
            6 => self.v6.rules(u128::from_be_bytes(*address), address[0]),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AddressIndex;
    use crate::address::AddressSet;
    use proptest::prelude::*;

    fn v4(address: u32) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&address.to_be_bytes());
        bytes
    }

    /// Up to three disjoint, sorted ranges of small numbers.
    fn ranges() -> impl Strategy<Value = Vec<(u32, u32)>> {
        prop::collection::btree_set(0..40_u32, 0..6).prop_map(|ends| {
            ends.into_iter().collect::<Vec<_>>().chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
        })
    }

    proptest! {
        #[test]
        fn the_index_agrees_with_asking_every_set(
            sets in prop::collection::vec((ranges(), ranges()), 0..12),
            // Within one first byte, and over many.
            (by4, by6) in prop::sample::select(vec![(0, 0), (23, 119), (26, 122)]),
        ) {
            let near = |(low, high): (u32, u32)| (low << by4, high << by4);
            let wide = |(low, high): (u32, u32)| (u128::from(low) << by6, u128::from(high) << by6);
            let sets: Vec<AddressSet> = sets
                .into_iter()
                .map(|(v4, v6)| AddressSet::new(v4.into_iter().map(near).collect(), v6.into_iter().map(wide).collect()))
                .collect();
            let rules: Vec<(u32, &AddressSet)> = (0..).zip(&sets).collect();
            let index = AddressIndex::new(&rules);
            for address in 0..45_u32 {
                let six = (u128::from(address) << by6).to_be_bytes();
                for (version, bytes) in [(4, v4(address << by4)), (6, six)] {
                    let expected: Vec<u32> =
                        rules.iter().filter(|(_, set)| set.contains(version, &bytes)).map(|(rule, _)| *rule).collect();
                    prop_assert_eq!(index.rules(version, &bytes), expected);
                }
            }
        }
    }

    #[test]
    fn the_last_address_has_no_next_and_is_found() {
        let set = AddressSet::new(vec![(u32::MAX - 1, u32::MAX)], vec![(0, u128::MAX)]);
        let index = AddressIndex::new(&[(7, &set)]);
        assert_eq!(index.rules(4, &v4(u32::MAX)), [7]);
        assert!(index.rules(4, &v4(5)).is_empty() && index.rules(0, &v4(5)).is_empty());
        assert_eq!(index.rules(6, &[0xff; 16]), [7]);
    }
}
