//! Sets of addresses.

/// Sorted, disjoint, inclusive ranges of IPv4 and of IPv6 addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressSet {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
    everything: bool,
}

impl AddressSet {
    /// The set of these ranges, which must be sorted and disjoint.
    pub fn new(v4: Vec<(u32, u32)>, v6: Vec<(u128, u128)>) -> Self {
        let everything = v4.first() == Some(&(0, u32::MAX)) && v6.first() == Some(&(0, u128::MAX));
        Self { v4: v4.into_boxed_slice(), v6: v6.into_boxed_slice(), everything }
    }

    /// All addresses.
    pub fn everything() -> Self {
        Self::new(vec![(0, u32::MAX)], vec![(0, u128::MAX)])
    }

    /// Whether all addresses are inside.
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// The IPv4 ranges.
    pub fn v4(&self) -> &[(u32, u32)] {
        &self.v4
    }

    /// The IPv6 ranges.
    pub fn v6(&self) -> &[(u128, u128)] {
        &self.v6
    }

    /// How much of the address space is inside: the larger share of the two, in 2^-32 of an address space.
    pub fn share(&self) -> u64 {
        let v4: u64 = self.v4.iter().map(|&(low, high)| u64::from(high - low) + 1).sum();
        let v6: u128 = self.v6.iter().fold(0, |sum: u128, &(low, high)| sum.saturating_add((high - low) >> 96));
        v4.max(u64::try_from(v6).unwrap_or(u64::MAX))
    }

    /// Whether `address` is inside: IPv4 in the first four bytes when `ip_version` is 4.
    ///
    /// # Cost
    /// Nothing for the set of everything, else a binary search.
    #[inline]
    pub fn contains(&self, ip_version: u8, address: &[u8; 16]) -> bool {
        if self.everything {
            return true;
        }
        match ip_version {
            4 => {
                let [a, b, c, d, ..] = *address;
                inside(&self.v4, u32::from_be_bytes([a, b, c, d]))
            }
            6 => inside(&self.v6, u128::from_be_bytes(*address)),
            _ => false,
        }
    }
}

fn inside<T: Copy + Ord>(ranges: &[(T, T)], number: T) -> bool {
    let after = ranges.partition_point(|&(low, _)| low <= number);
    after.checked_sub(1).and_then(|place| ranges.get(place)).is_some_and(|&(_, high)| number <= high)
}

#[cfg(test)]
mod tests {
    use super::AddressSet;

    fn v4(a: u8, b: u8, c: u8, d: u8) -> [u8; 16] {
        let mut address = [0; 16];
        address[..4].copy_from_slice(&[a, b, c, d]);
        address
    }

    #[test]
    fn ends_of_ranges_are_inside_and_gaps_are_not() {
        let set = AddressSet::new(vec![(0x0a00_0000, 0x0aff_ffff), (0xc0a8_0000, 0xc0a8_ffff)], vec![]);
        assert!(set.contains(4, &v4(10, 0, 0, 0)) && set.contains(4, &v4(10, 255, 255, 255)));
        assert!(set.contains(4, &v4(192, 168, 1, 1)));
        assert!(!set.contains(4, &v4(11, 0, 0, 0)) && !set.contains(4, &v4(9, 255, 255, 255)));
        assert!(!set.contains(6, &v4(10, 0, 0, 0)), "an IPv6 address is never in an IPv4 range");
    }

    #[test]
    fn packets_without_ip_are_only_in_everything() {
        assert!(AddressSet::everything().contains(0, &[0; 16]));
        assert!(!AddressSet::new(vec![(0, 5)], vec![(0, 5)]).contains(0, &[0; 16]));
    }
}
