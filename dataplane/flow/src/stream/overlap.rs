//! Whose bytes count when two segments tell different things about the same place.
//!
//! Inline there is no question: the bytes that were forwarded first. A passive engine must guess what the target does, by its operating system.
//!
//! Source: the table in Shankar and Paxson, "Active Mapping", 2003, and Novak, "Target-Based TCP Stream Reassembly", 2007, as far as pairs of segments go. A
//! stored segment here is what is left of it: it ends where another one begins.

use std::net::IpAddr;

/// What a target keeps where segments overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverlapPolicy {
    /// BSD, Windows, macOS and their kin: the later segment only where it begins earlier.
    #[default]
    Bsd,
    /// As BSD, and the later segment where both begin together and it is longer.
    Linux,
    /// Linux 2.0: as Linux, and also where both are the same.
    OldLinux,
    /// Solaris and HP-UX 11: the later segment where it ends no earlier.
    Solaris,
    /// The first always: Vista.
    First,
    /// The last always.
    Last,
}

impl OverlapPolicy {
    /// The policy of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "bsd" | "windows" | "windows2k3" | "win2k3" | "irix" | "hpux10" | "macos" => Self::Bsd,
            "linux" => Self::Linux,
            "old-linux" => Self::OldLinux,
            "solaris" | "old-solaris" | "hpux11" => Self::Solaris,
            "vista" | "first" => Self::First,
            "last" => Self::Last,
            _ => return None,
        })
    }

    /// Whether the later segment `new` counts where it overlaps the stored segment `old`: each from its first byte to one past its last, relative
    /// to one point.
    pub(super) fn takes_new(self, new: (i32, i32), old: (i32, i32)) -> bool {
        let ((new_start, new_end), (old_start, old_end)) = (new, old);
        match self {
            Self::First => false,
            Self::Last => true,
            Self::Bsd => new_start < old_start,
            Self::Linux => new_start < old_start || (new_start == old_start && new_end > old_end),
            Self::OldLinux => new_start < old_start || (new_start == old_start && new_end >= old_end),
            Self::Solaris => new_end >= old_end,
        }
    }
}

/// The policy of each host, by the longest prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetPolicies {
    /// Longest prefixes first: IP version, address, bits.
    hosts: Vec<(u8, u128, u32, OverlapPolicy)>,
    /// Of all others.
    default: OverlapPolicy,
}

fn masked(address: u128, bits: u32) -> u128 {
    // Two shifts, because a shift by 128 is none.
    if bits == 0 { 0 } else { address >> (128 - bits) << (128 - bits) }
}

impl TargetPolicies {
    /// `default` for all hosts.
    pub const fn all(default: OverlapPolicy) -> Self {
        Self { hosts: Vec::new(), default }
    }

    /// `policy` for hosts whose address begins with the first `bits` bits of `address`.
    pub fn add(&mut self, address: IpAddr, bits: u8, policy: OverlapPolicy) {
        let (version, address, width) = match address {
            IpAddr::V4(address) => (4, u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (6, address.to_bits(), 128),
        };
        let bits = u32::from(bits).min(width);
        if bits == 0 {
            self.default = policy;
            return;
        }
        self.hosts.push((version, masked(address, bits), bits, policy));
        self.hosts.sort_by_key(|&(_, _, bits, _)| std::cmp::Reverse(bits));
    }

    /// The policy of the host with this address, as it stands in a packet's headers: IPv4 in the first four bytes.
    ///
    /// # Cost
    /// One compare for each prefix; asked only where segments differ.
    pub fn of(&self, ip_version: u8, address: &[u8; 16]) -> OverlapPolicy {
        let address = u128::from_be_bytes(*address);
        let found = self
            .hosts
            .iter()
            .find(|&&(version, prefix, bits, _)| version == ip_version && masked(address, bits) == prefix);
        found.map_or(self.default, |&(.., policy)| policy)
    }
}

#[cfg(test)]
mod tests {
    use super::{OverlapPolicy, TargetPolicies};

    #[test]
    fn pairs_of_segments_end_as_the_table_says() {
        use OverlapPolicy::{Bsd, First, Last, Linux, OldLinux, Solaris};
        let old = (10, 20);
        // Same start and longer; the same; before and into it; around it; inside and beyond it.
        let cases = [(10, 25), (10, 20), (5, 15), (5, 25), (15, 25)];
        let table = [
            (Bsd, [false, false, true, true, false]),
            (Linux, [true, false, true, true, false]),
            (OldLinux, [true, true, true, true, false]),
            (Solaris, [true, true, false, true, true]),
            (First, [false; 5]),
            (Last, [true; 5]),
        ];
        for (policy, wanted) in table {
            assert_eq!(cases.map(|new| policy.takes_new(new, old)), wanted, "{policy:?}");
        }
    }

    #[test]
    fn the_longest_prefix_names_a_hosts_policy() {
        let mut targets = TargetPolicies::default();
        targets.add("10.0.0.0".parse().unwrap(), 8, OverlapPolicy::Linux);
        targets.add("10.1.0.0".parse().unwrap(), 16, OverlapPolicy::Solaris);
        targets.add("2001:db8::".parse().unwrap(), 32, OverlapPolicy::Last);
        let v4 = |bytes: [u8; 4]| {
            let mut address = [0; 16];
            address[..4].copy_from_slice(&bytes);
            targets.of(4, &address)
        };
        assert_eq!(v4([10, 1, 2, 3]), OverlapPolicy::Solaris);
        assert_eq!(v4([10, 2, 2, 3]), OverlapPolicy::Linux);
        assert_eq!(v4([11, 2, 2, 3]), OverlapPolicy::Bsd);
        let six: std::net::Ipv6Addr = "2001:db8::1".parse().unwrap();
        assert_eq!(targets.of(6, &six.octets()), OverlapPolicy::Last);
        assert_eq!(targets.of(4, &six.octets()), OverlapPolicy::Bsd);
    }
}
