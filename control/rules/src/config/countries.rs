//! Countries of addresses, from a database in the MaxMind format that the operator brings, for `geoip`.
//!
//! Called by the service and the checker. The database is walked once and becomes a table of ranges: nothing of its format is left for the
//! packet path. No database comes with the product.
//!
//! Source: the MaxMind DB file format specification, version 2.0; `country.iso_code` of the GeoIP2 and GeoLite2 databases.
use maxminddb::{MaxMindDbError, Metadata, PathElement, Reader};
use sluice_detect::prefix::{Countries, Country, Network};
use std::collections::BTreeMap;

/// Reads a database.
///
/// # Errors
/// Why it is none, or that no network in it has a country, in words.
pub fn read(bytes: Vec<u8>) -> Result<Countries, String> {
    let reader = Reader::from_source(&bytes[..]).map_err(words)?;
    if !walk_is_short(reader.metadata(), &bytes) {
        return Err("its tree comes back to the same nodes again and again: the file is damaged".into());
    }
    let mut networks = Vec::new();
    for found in reader.networks(Default::default()).map_err(words)? {
        let found = found.map_err(words)?;
        let code =
            found.decode_path::<&str>(&[PathElement::Key("country"), PathElement::Key("iso_code")]).map_err(words)?;
        let Some(code) = code.and_then(letters) else { continue };
        let network = found.network().map_err(words)?;
        networks.extend(of_both_kinds(network.ip(), network.prefix()).map(|network| (network, code)));
    }
    if networks.is_empty() {
        return Err("no network in it has a country".into());
    }
    Ok(Countries::new(networks))
}

/// Whether the walk over the tree takes a time in keeping with its size. In a damaged or hostile file nodes may have several parents, and a walk of 128 steps down
/// then has as many ways as there are addresses. Counts the ways level by level, without going them one by one.
///
/// # Cost
/// One visit of each node of a sound tree.
fn walk_is_short(metadata: &Metadata, tree: &[u8]) -> bool {
    // Writers may share equal parts of the tree, so more than one visit for each node is borne.
    const VISITS_EACH: u64 = 64;
    let (nodes, size) = (metadata.node_count as usize, usize::from(metadata.record_size));
    let child = |node: usize, side: usize| -> Option<usize> {
        let bytes = tree.get(node * size / 4..(node + 1) * size / 4)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        let found = match (bytes, side) {
            // 28 bits: the middle byte holds the highest four of both.
            ([a, b, c, middle, ..], 0) if size == 28 => usize::from(middle >> 4) << 24 | number(&[*a, *b, *c]),
            ([_, _, _, middle, d, e, f], _) if size == 28 => usize::from(middle & 15) << 24 | number(&[*d, *e, *f]),
            (_, 0) => number(bytes.get(..size / 8)?),
            _ => number(bytes.get(size / 8..)?),
        };
        (found < nodes).then_some(found)
    };
    let bits = if metadata.ip_version == 6 { 128 } else { 32 };
    let start_of_v4 = (0..96).try_fold(0, |node, _| child(node, 0)).filter(|node| bits == 128 && *node != 0);
    let (mut level, mut visits) = (BTreeMap::from([(0, 1_u64)]), 0_u64);
    for depth in 1..=bits {
        let mut below = BTreeMap::new();
        for (&node, &ways) in &level {
            for next in [child(node, 0), child(node, 1)].into_iter().flatten() {
                // Other ways to the IPv4 part are its aliases, which are left out of the walk.
                if Some(next) == start_of_v4 && depth != 96 {
                    continue;
                }
                let all: &mut u64 = below.entry(next).or_default();
                *all = if Some(next) == start_of_v4 { 1 } else { all.saturating_add(ways) };
            }
        }
        visits = below.values().fold(visits, |sum, ways| sum.saturating_add(*ways));
        if visits > VISITS_EACH.saturating_mul(nodes as u64 + 1) {
            return false;
        }
        level = below;
    }
    true
}

fn words(error: MaxMindDbError) -> String {
    error.to_string()
}

fn letters(code: &str) -> Option<Country> {
    <[u8; 2]>::try_from(code.as_bytes()).ok().map(|code| code.map(|letter| letter.to_ascii_uppercase()))
}

/// The network, and in a tree of IPv6 addresses the IPv4 network that its first 96 zero bits stand for.
fn of_both_kinds(address: std::net::IpAddr, length: u8) -> impl Iterator<Item = Network> {
    let as_v4 = match address {
        std::net::IpAddr::V6(v6) => match (v6.octets(), length.checked_sub(96)) {
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d], Some(length)) => {
                Network::new([a, b, c, d].into(), length)
            }
            _ => None,
        },
        std::net::IpAddr::V4(_) => None,
    };
    as_v4.or(Network::new(address, length)).into_iter()
}

#[cfg(test)]
mod tests {
    use super::read;
    use sluice_detect::prefix::Countries;

    /// A database: a tree over `bits` of addresses with 24-bit records, then the data of the networks.
    pub(crate) fn database(ip_version: u8, networks: &[(u128, u8, &str)]) -> Vec<u8> {
        // Each node: left and right, as a node, nothing or a place in the data.
        #[derive(Clone, Copy, PartialEq)]
        enum Way {
            Nothing,
            Node(usize),
            Data(usize),
        }
        let (mut nodes, mut data) = (vec![[Way::Nothing; 2]], Vec::new());
        let bits = if ip_version == 4 { 32 } else { 128 };
        for &(address, length, code) in networks {
            let place = data.len();
            // { "country": { "iso_code": code } }
            data.extend([0xe1, 0x47]);
            data.extend(b"country");
            data.extend([0xe1, 0x48]);
            data.extend(b"iso_code");
            data.push(0x40 + code.len() as u8);
            data.extend(code.as_bytes());
            let mut node = 0;
            for depth in 0..length {
                let side = (address >> (bits - 1 - u32::from(depth)) & 1) as usize;
                if depth + 1 == length {
                    nodes[node][side] = Way::Data(place);
                } else {
                    if nodes[node][side] == Way::Nothing {
                        nodes.push([Way::Nothing; 2]);
                        nodes[node][side] = Way::Node(nodes.len() - 1);
                    }
                    let Way::Node(next) = nodes[node][side] else { panic!("networks may not lie in each other") };
                    node = next;
                }
            }
        }
        let count = nodes.len();
        let mut file = Vec::new();
        for way in nodes.into_iter().flatten() {
            let record = match way {
                Way::Nothing => count,
                Way::Node(node) => node,
                Way::Data(place) => count + 16 + place,
            };
            file.extend(&(record as u32).to_be_bytes()[1..]);
        }
        file.extend([0; 16]);
        file.extend(data);
        file.extend(b"\xab\xcd\xefMaxMind.com");
        let text = |text: &str| [&[0x40 + text.len() as u8][..], text.as_bytes()].concat();
        let number = |kind: u8, value: u32| [&[kind << 5 | 4][..], &value.to_be_bytes()].concat();
        let short = |value: u16| [&[5 << 5 | 2][..], &value.to_be_bytes()].concat();
        file.push(0xe9);
        for (key, value) in [
            ("node_count", number(6, count as u32)),
            ("record_size", short(24)),
            ("ip_version", short(u16::from(ip_version))),
            ("database_type", text("Test-Country")),
            ("languages", vec![0x00, 0x04]),
            ("binary_format_major_version", short(2)),
            ("binary_format_minor_version", short(0)),
            ("build_epoch", vec![0x01, 0x02, 0x01]),
            ("description", vec![0xe0]),
        ] {
            file.extend(text_of_key(key));
            file.extend(value);
        }
        file
    }

    fn text_of_key(key: &str) -> Vec<u8> {
        [&[0x40 + key.len().min(28) as u8][..], key.as_bytes()].concat()
    }

    fn of(table: &Countries, version: u8, address: u128) -> Option<[u8; 2]> {
        let bytes = if version == 4 { address << 96 } else { address };
        table.of(version, &bytes.to_be_bytes())
    }

    #[test]
    fn networks_of_both_families_are_read() {
        let fd = 0xfd_u128 << 120;
        let both = read(database(6, &[(0x0a00_0000, 104, "de"), (0x0b01_0000, 112, "FR"), (fd, 8, "IT")])).unwrap();
        assert_eq!(
            (of(&both, 4, 0x0a01_0203), of(&both, 4, 0x0b01_0001), of(&both, 4, 0x0b02_0001)),
            (Some(*b"DE"), Some(*b"FR"), None)
        );
        assert_eq!((of(&both, 6, fd | 1), of(&both, 6, 1 << 120)), (Some(*b"IT"), None));
        let v4 = read(database(4, &[(0x0a00_0000, 8, "DE")])).unwrap();
        assert_eq!((of(&v4, 4, 0x0aff_ffff), of(&v4, 4, 0x0b00_0000), of(&v4, 6, 1)), (Some(*b"DE"), None, None));
    }

    #[test]
    fn what_is_no_database_is_refused_with_words() {
        let whole = database(4, &[(0x0a00_0000, 8, "DE")]);
        for wrong in [&b""[..], b"no database", &whole[..whole.len() / 2], &whole[40..]] {
            assert!(!read(wrong.to_vec()).unwrap_err().is_empty());
        }
        assert_eq!(read(database(4, &[(0x0a00_0000, 8, "Europe")])).unwrap_err(), "no network in it has a country");
    }

    /// Found by fuzzing: 128 nodes, each the only child of the one before on both sides, kept the walk busy for ever.
    #[test]
    fn a_tree_with_more_ways_than_nodes_is_refused_at_once() {
        let sound = database(6, &[(0x2001 << 112, 16, "DE")]);
        assert!(read(sound.clone()).is_ok());
        let rest = sound.iter().rposition(|byte| *byte == 0xab).unwrap();
        let mut file: Vec<u8> =
            (1..=128_u32).flat_map(|next| [next.to_be_bytes(); 2]).flat_map(|[_, a, b, c]| [a, b, c]).collect();
        file.extend([0; 16]);
        file.extend(&sound[rest..]);
        let count = file.windows(10).position(|window| window == b"node_count").unwrap() + 11;
        file[count..count + 4].copy_from_slice(&128_u32.to_be_bytes());
        let why = read(file).unwrap_err();
        assert!(why.contains("again and again"), "{why}");
    }
}
