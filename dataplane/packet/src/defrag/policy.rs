//! Whose data count where IPv4 fragments overlap: by the way of the host they are sent to. Passive only; inline, overlapping fragments are dropped.
//!
//! The older fragment is compared with the newer one, unit of eight bytes by unit, each with where it begins and ends. IPv6 needs no policy: RFC 5722 drops what overlaps.
//!
//! Source: Novak, "Target-Based Fragmentation Reassembly" (2005); Shankar and Paxson, "Active Mapping" (2003).

use std::net::IpAddr;

/// Where a fragment begins and ends in its datagram, in units of eight bytes; the end is behind the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub begin: u16,
    pub end: u16,
}

impl Span {
    /// How many units.
    pub(crate) const fn units(self) -> u32 {
        (self.end as u32).saturating_sub(self.begin as u32)
    }
}

/// Whose data count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// `first`: the older fragment's.
    First,
    /// `last`: the newer fragment's.
    Last,
    /// `bsd`: the older fragment's, unless the newer one begins before it.
    #[default]
    Bsd,
    /// `bsd-right`: the newer fragment's, unless it begins before the older one.
    BsdRight,
    /// `linux`: the older fragment's, unless the newer one begins before or with it.
    Linux,
    /// `windows`: the older fragment's, unless the newer one begins before and ends behind it.
    Windows,
    /// `solaris`: the older fragment's, unless the newer one begins before and ends behind or with it.
    Solaris,
}

impl Policy {
    /// Every policy.
    pub const ALL: [Self; 7] =
        [Self::First, Self::Last, Self::Bsd, Self::BsdRight, Self::Linux, Self::Windows, Self::Solaris];

    /// The policy of this name in the settings: its own, or that of a system that does so.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "first" | "macos" | "hpux11" | "old-solaris" => Self::First,
            "last" => Self::Last,
            "bsd" | "irix" | "hpux10" => Self::Bsd,
            "bsd-right" => Self::BsdRight,
            "linux" | "old-linux" => Self::Linux,
            "windows" | "windows2k3" | "vista" => Self::Windows,
            "solaris" => Self::Solaris,
            _ => return None,
        })
    }

    /// Whether `newer`'s data replace `older`'s where both have some.
    #[inline]
    pub(crate) const fn newer_wins(self, newer: Span, older: Span) -> bool {
        match self {
            Self::First => false,
            Self::Last => true,
            Self::Bsd => newer.begin < older.begin,
            Self::BsdRight => newer.begin >= older.begin,
            Self::Linux => newer.begin <= older.begin,
            Self::Windows => newer.begin < older.begin && newer.end > older.end,
            Self::Solaris => newer.begin < older.begin && newer.end >= older.end,
        }
    }

    /// Whether a fragment that goes beyond the end another one named is ignored; else the farthest end counts.
    pub(crate) const fn holds_the_first_end(self) -> bool {
        matches!(self, Self::Linux | Self::First)
    }

    /// Whether a fragment with more to come that fills no whole unit is cut to one that does; else it is ignored.
    pub(crate) const fn cuts_odd_lengths(self) -> bool {
        matches!(self, Self::Linux)
    }
}

/// A network of IPv4 or IPv6 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    address: u128,
    mask: u128,
    /// 4 or 6.
    version: u8,
}

impl Prefix {
    /// The network of `address` (IPv4 in the first four bytes, `version` 4) whose first `length` bits count; none when it has not that many bits.
    pub fn new(address: [u8; 16], version: u8, length: u8) -> Option<Self> {
        let most = if version == 4 { 32 } else { 128 };
        let mask = if length == 0 { 0 } else { u128::MAX << (128 - u32::from(length.min(128))) };
        (length <= most).then_some(Self { address: u128::from_be_bytes(address) & mask, mask, version })
    }

    /// The network of `address` whose first `length` bits count; none when it has not that many bits.
    pub fn of(address: IpAddr, length: u8) -> Option<Self> {
        let (wide, version) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 4),
            IpAddr::V6(address) => (address.to_bits(), 6),
        };
        Self::new(wide.to_be_bytes(), version, length)
    }

    fn contains(&self, address: u128, version: u8) -> bool {
        version == self.version && address & self.mask == self.address
    }
}

/// Policies by the address of the host that fragments are sent to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// The longest prefix first.
    list: Vec<(Prefix, Policy)>,
    /// What holds elsewhere.
    other: Policy,
}

impl Policies {
    /// Also `policy` for `prefix`, before what was said of it earlier.
    pub fn add(&mut self, prefix: Prefix, policy: Policy) {
        let place = self.list.iter().position(|(other, _)| other.mask <= prefix.mask).unwrap_or(self.list.len());
        self.list.insert(place, (prefix, policy));
    }

    /// `other` where no network of `list` has the address; of those that have it the smallest counts, then the first.
    pub fn new(mut list: Vec<(Prefix, Policy)>, other: Policy) -> Self {
        list.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.mask));
        Self { list, other }
    }

    /// The policy for `target`. Cost: a walk over the list, once for each datagram.
    pub fn of(&self, target: &[u8; 16], version: u8) -> Policy {
        let address = u128::from_be_bytes(*target);
        let found = self.list.iter().find(|(prefix, _)| prefix.contains(address, version));
        found.map_or(self.other, |(_, policy)| *policy)
    }
}

#[cfg(test)]
mod tests {
    use super::{Policies, Policy, Prefix};

    fn v4(address: [u8; 4]) -> [u8; 16] {
        let mut wide = [0; 16];
        wide[..4].copy_from_slice(&address);
        wide
    }

    #[test]
    fn the_smallest_network_that_has_the_address_decides() {
        let prefix = |address, length| Prefix::new(v4(address), 4, length).unwrap();
        let policies = Policies::new(
            vec![
                (prefix([10, 0, 0, 0], 8), Policy::Linux),
                (prefix([10, 1, 0, 0], 16), Policy::Windows),
                (Prefix::new([0x20; 16], 6, 64).unwrap(), Policy::Last),
            ],
            Policy::First,
        );
        assert_eq!(policies.of(&v4([10, 2, 0, 1]), 4), Policy::Linux);
        assert_eq!(policies.of(&v4([10, 1, 0, 1]), 4), Policy::Windows);
        assert_eq!(policies.of(&v4([11, 1, 0, 1]), 4), Policy::First);
        assert_eq!(policies.of(&[0x20; 16], 6), Policy::Last);
        assert_eq!(policies.of(&[0x20; 16], 4), Policy::First);
        assert_eq!(Prefix::new(v4([10, 0, 0, 0]), 4, 33), None);
        let everything = Policies::new(vec![(prefix([0; 4], 0), Policy::Solaris)], Policy::First);
        assert_eq!(everything.of(&v4([1, 2, 3, 4]), 4), Policy::Solaris);
    }

    #[test]
    fn names_of_systems_mean_the_policy_they_follow() {
        assert_eq!(Policy::from_name("macos"), Some(Policy::First));
        assert_eq!(Policy::from_name("irix"), Some(Policy::Bsd));
        assert_eq!(Policy::from_name("bsd-right"), Some(Policy::BsdRight));
        assert_eq!(Policy::from_name("beos"), None);
    }
}
