//! What is known of addresses by network: reputations (`iprep`) and countries (`geoip`).
//!
//! Built by `sluice-rules` from the operator's files, shared by rule sets, asked by [`crate::check`]. Immutable. Where networks lie inside
//! each other the longest prefix counts, which is settled when the table is built: what remains is sorted and a lookup is one search.

use std::collections::BTreeMap;

/// A country by its two letters (ISO 3166-1), or what the database says in their place.
pub type Country = [u8; 2];

/// A number for each network.
#[derive(Clone, Debug, Default)]
pub struct PrefixTable {
    /// First addresses of ranges and what holds from there to the next.
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u32)]>,
}

/// No value.
const NOTHING: u32 = u32::MAX;

/// A network: IP version, first address in the high bits of it (IPv4 in the lowest 32), last address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    /// 4 or 6.
    pub version: u8,
    /// First address.
    pub first: u128,
    /// Last address.
    pub last: u128,
}

impl Network {
    /// The network of `address`, whose first `length` bits count; none for lengths there can't be.
    pub fn new(address: std::net::IpAddr, length: u8) -> Option<Self> {
        let (version, bits, number) = match address {
            std::net::IpAddr::V4(v4) => (4, 32, u128::from(u32::from(v4))),
            std::net::IpAddr::V6(v6) => (6, 128, u128::from(v6)),
        };
        let free = u32::checked_sub(bits, u32::from(length))?;
        let inside = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        Some(Self { version, first: number & !inside, last: number | inside })
    }
}

impl PrefixTable {
    /// The table of `networks`, which hold one another or are apart; `merge` makes what holds inside of an outer and an inner value.
    pub fn new<T: Clone + Ord>(networks: Vec<(Network, T)>, merge: impl Fn(&T, &T) -> T) -> (Self, Vec<T>) {
        let mut numbers: BTreeMap<T, u32> = BTreeMap::new();
        let mut values = Vec::new();
        let mut number = |value: Option<T>| {
            let Some(value) = value else { return NOTHING };
            *numbers.entry(value).or_insert_with_key(|value| {
                values.push(value.clone());
                values.len() as u32 - 1
            })
        };
        let (mut v4, mut v6) = (networks.clone(), networks);
        v4.retain(|(network, _)| network.version == 4);
        v6.retain(|(network, _)| network.version == 6);
        // What begins behind the last address is the end of the last range.
        let of_v4 = |(first, value)| Some((u32::try_from(first).ok()?, value));
        let v4 =
            flatten(v4, &merge).into_iter().filter_map(of_v4).map(|(first, value)| (first, number(value))).collect();
        let v6 = flatten(v6, &merge).into_iter().map(|(first, value)| (first, number(value))).collect();
        (Self { v4, v6 }, values)
    }

    /// The number of what holds for `address`.
    ///
    /// # Cost
    /// A binary search.
    pub fn get(&self, ip_version: u8, address: &[u8; 16]) -> Option<u32> {
        let number = match ip_version {
            4 => {
                let [a, b, c, d, ..] = *address;
                at(&self.v4, u32::from_be_bytes([a, b, c, d]))
            }
            6 => at(&self.v6, u128::from_be_bytes(*address)),
            _ => None,
        };
        number.filter(|number| *number != NOTHING)
    }
}

fn at<T: Copy + Ord>(ranges: &[(T, u32)], address: T) -> Option<u32> {
    let after = ranges.partition_point(|&(first, _)| first <= address);
    after.checked_sub(1).and_then(|place| ranges.get(place)).map(|&(_, number)| number)
}

/// From where on what holds.
fn flatten<T: Clone + PartialEq>(
    mut networks: Vec<(Network, T)>,
    merge: &impl Fn(&T, &T) -> T,
) -> Vec<(u128, Option<T>)> {
    // Outer before inner; those of one size in the order given.
    networks.sort_by(|(a, _), (b, _)| a.first.cmp(&b.first).then(b.last.cmp(&a.last)));
    let mut out: Vec<(u128, Option<T>)> = Vec::new();
    let mut begin = |first: u128, value: Option<T>| {
        if out.last().is_some_and(|(last, _)| *last == first) {
            out.pop();
        }
        if out.last().is_none_or(|(_, before)| *before != value) {
            out.push((first, value));
        }
    };
    let mut open: Vec<(Network, T)> = Vec::new();
    let close = |open: &mut Vec<(Network, T)>, before: Option<u128>, begin: &mut dyn FnMut(u128, Option<T>)| {
        while let Some((network, _)) = open.last()
            && before.is_none_or(|first| network.last < first)
        {
            let next = network.last.checked_add(1);
            open.pop();
            if let Some(next) = next {
                begin(next, open.last().map(|(_, value)| value.clone()));
            }
        }
    };
    for (network, value) in networks {
        close(&mut open, Some(network.first), &mut begin);
        let value = open.last().map_or(value.clone(), |(_, outer)| merge(outer, &value));
        begin(network.first, Some(value.clone()));
        open.push((network, value));
    }
    close(&mut open, None, &mut begin);
    out
}

/// Reputations: for each network a score for each category.
#[derive(Debug)]
pub struct Reputations {
    table: PrefixTable,
    /// Categories and scores, sorted by category.
    scores: Vec<Vec<(u8, u8)>>,
}

impl Reputations {
    /// The table of `networks`, each with one category and its score, 1 to 127, or 0 for none. The longest prefix that names a category counts for it;
    /// of equal ones the last.
    pub fn new(networks: Vec<(Network, u8, u8)>) -> Self {
        let networks =
            networks.into_iter().map(|(network, category, score)| (network, vec![(category, score)])).collect();
        let (table, scores) = PrefixTable::new(networks, |outer: &Vec<(u8, u8)>, inner| {
            let mut merged: BTreeMap<u8, u8> = outer.iter().copied().collect();
            merged.extend(inner.iter().copied());
            merged.into_iter().collect()
        });
        Self { table, scores }
    }

    /// The score of `address` in `category`.
    ///
    /// # Cost
    /// Two binary searches.
    pub fn score(&self, ip_version: u8, address: &[u8; 16], category: u8) -> Option<u8> {
        let scores = self.scores.get(self.table.get(ip_version, address)? as usize)?;
        let place = scores.binary_search_by_key(&category, |&(category, _)| category).ok()?;
        scores.get(place).map(|&(_, score)| score).filter(|&score| score > 0)
    }
}

/// Countries of networks.
#[derive(Debug)]
pub struct Countries {
    table: PrefixTable,
    codes: Vec<Country>,
}

impl Countries {
    /// The table of `networks`.
    pub fn new(networks: Vec<(Network, Country)>) -> Self {
        let (table, codes) = PrefixTable::new(networks, |_, inner| *inner);
        Self { table, codes }
    }

    /// The country of `address`.
    ///
    /// # Cost
    /// A binary search.
    pub fn of(&self, ip_version: u8, address: &[u8; 16]) -> Option<Country> {
        self.codes.get(self.table.get(ip_version, address)? as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};
    use std::net::IpAddr;

    fn network(text: &str) -> Network {
        let (address, length) = text.split_once('/').unwrap();
        Network::new(address.parse().unwrap(), length.parse().unwrap()).unwrap()
    }

    fn bytes(text: &str) -> (u8, [u8; 16]) {
        match text.parse().unwrap() {
            IpAddr::V4(v4) => {
                let mut bytes = [0; 16];
                bytes[..4].copy_from_slice(&v4.octets());
                (4, bytes)
            }
            IpAddr::V6(v6) => (6, v6.octets()),
        }
    }

    #[test]
    fn for_each_category_the_longest_prefix_counts() {
        let table = Reputations::new(vec![
            (network("10.0.0.0/8"), 1, 10),
            (network("10.1.0.0/16"), 2, 20),
            (network("10.1.1.1/32"), 1, 99),
            (network("10.1.1.1/32"), 3, 30),
            (network("fd00::/8"), 1, 40),
            (network("fd00::7/128"), 1, 41),
        ]);
        let score = |address: &str, category| {
            let (version, address) = bytes(address);
            table.score(version, &address, category)
        };
        assert_eq!((score("10.9.9.9", 1), score("10.9.9.9", 2)), (Some(10), None));
        assert_eq!((score("10.1.2.3", 1), score("10.1.2.3", 2)), (Some(10), Some(20)));
        assert_eq!((score("10.1.1.1", 1), score("10.1.1.1", 2), score("10.1.1.1", 3)), (Some(99), Some(20), Some(30)));
        assert_eq!((score("10.1.1.2", 1), score("9.255.255.255", 1), score("11.0.0.0", 1)), (Some(10), None, None));
        assert_eq!((score("fd00::7", 1), score("fd00::8", 1), score("fe00::", 1)), (Some(41), Some(40), None));
        assert_eq!(table.score(0, &[10; 16], 1), None);
    }

    #[test]
    fn the_ends_of_the_address_space_are_inside() {
        let all = Countries::new(vec![
            (network("0.0.0.0/0"), *b"AA"),
            (network("255.255.255.255/32"), *b"ZZ"),
            (network("::/0"), *b"BB"),
        ]);
        for (address, code) in
            [("0.0.0.0", b"AA"), ("255.255.255.254", b"AA"), ("255.255.255.255", b"ZZ"), ("ffff::", b"BB")]
        {
            let (version, address) = bytes(address);
            assert_eq!(all.of(version, &address), Some(*code));
        }
        assert_eq!(Network::new("10.0.0.1".parse().unwrap(), 33), None);
    }

    proptest! {
        #[test]
        fn lookups_agree_with_trying_all_prefixes(
            networks in vec((0..16_u32, 26..33_u8, 0..5_u8), 0..12),
            probes in vec(0..128_u32, 20),
        ) {
            let list: Vec<(Network, Country)> = networks
                .iter()
                .map(|&(start, length, code)| (Network::new(IpAddr::V4((start * 8).into()), length).unwrap(), [code, code]))
                .collect();
            let table = Countries::new(list.clone());
            for probe in probes {
                let inside = list.iter().filter(|(n, _)| (n.first..=n.last).contains(&u128::from(probe)));
                // The smallest; of equals the last.
                let slow = inside.rev().min_by_key(|(n, _)| n.last - n.first).map(|(_, code)| *code);
                let mut address = [0; 16];
                address[..4].copy_from_slice(&probe.to_be_bytes());
                prop_assert_eq!(table.of(4, &address), slow);
            }
        }
    }
}
