//! The key of a flow: everything that says two packets belong to the same conversation.
//!
//! Made by `sluice-worker` from decoded headers; looked up in `sluice-flow`. Both directions give the same key because
//! the two endpoints are stored in a sorted order (that of their words, not that of the numbers in them); [`FlowKey::new`] says which way round
//! they came.
//!
//! Layout, in words of 64 bits, lowest bits first:
//! - IPv4: 0 and 1 are the endpoints: port, 16; address, 32. 2 to 4 are 0.
//! - IPv6: 0 to 3 are the addresses, 4 the ports, 2 x 16
//! - 5: protocol, 8; IP version, 8; depth, 8; none, 8; VLAN ids, 2 x 16
//!
//! Addresses and ports stand as on the wire, first byte lowest, so that making a key turns no bytes around.

use crate::hash::HashKey;

/// Key of a flow: two endpoints in sorted order, VLANs, protocol, tunnel depth. 48 bytes.
#[derive(Clone, Copy, Debug, Default, Eq)]
pub struct FlowKey(pub [u64; 6]);

impl PartialEq for FlowKey {
    /// Without a call; of IPv4 keys three words tell.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let ([a, b, c, d, e, lane], [g, h, i, j, k, other]) = (self.0, other.0);
        a == g && b == h && lane == other && (is_short(lane) || (c ^ i) | (d ^ j) | (e ^ k) == 0)
    }
}

/// One end of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// IPv6 address, or IPv4 address in the first four bytes and zeros behind.
    pub address: [u8; 16],
    /// Port of TCP, UDP and SCTP; the message type of ICMP (paired so that a reply finds its request); else 0.
    pub port: u16,
}

/// What besides the endpoints tells conversations apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// IP protocol number.
    pub protocol: u8,
    /// 4 or 6.
    pub ip_version: u8,
    /// VLAN ids, outermost first, 0 where absent.
    pub vlan: [u16; 2],
    /// 0 on the wire, 1 inside a tunnel, 2 inside two.
    pub depth: u8,
}

impl FlowKey {
    /// The key of a packet from `source` to `destination`, and whether the endpoints had to be swapped.
    #[inline]
    pub fn new(source: Endpoint, destination: Endpoint, lane: Lane) -> (Self, bool) {
        let [[a, b], [c, d]] = [source.port.to_be_bytes(), destination.port.to_be_bytes()];
        let ports = [a, b, c, d];
        if is_short(lane.word()) {
            let ([a, b, c, d, ..], [e, f, g, h, ..]) = (source.address, destination.address);
            return Self::of_ipv4([a, b, c, d, e, f, g, h], ports, lane);
        }
        let mut long = [0; 32];
        if let ([from, to], _) = long.as_chunks_mut() {
            (*from, *to) = (source.address, destination.address);
        }
        Self::of_ipv6(&long, ports, lane)
    }

    /// The key of an IPv4 packet with these addresses and ports, source first, as on the wire.
    #[inline(always)]
    pub const fn of_ipv4(addresses: [u8; 8], ports: [u8; 4], lane: Lane) -> (Self, bool) {
        let (addresses, ports) = (u64::from_le_bytes(addresses), u32::from_le_bytes(ports));
        let from = (addresses & 0xffff_ffff) << 16 | (ports & 0xffff) as u64;
        let to = addresses >> 32 << 16 | (ports >> 16) as u64;
        let swapped = from > to;
        let (low, high) = if swapped { (to, from) } else { (from, to) };
        (Self([low, high, 0, 0, 0, lane.word()]), swapped)
    }

    /// The same of an IPv6 packet.
    #[inline(always)]
    pub const fn of_ipv6(addresses: &[u8; 32], ports: [u8; 4], lane: Lane) -> (Self, bool) {
        let (halves, _) = addresses.as_chunks::<16>();
        let [from, to] = halves else { return (Self([0; 6]), false) };
        let (from, to) = (u128::from_le_bytes(*from), u128::from_le_bytes(*to));
        let ports = u32::from_le_bytes(ports);
        let swapped = from > to || (from == to && ports & 0xffff > ports >> 16);
        let (low, high) = if swapped { (to, from) } else { (from, to) };
        let ports = if swapped { ports.rotate_left(16) } else { ports } as u64;
        (Self([low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64, ports, lane.word()]), swapped)
    }

    /// Its hash under `secret`: the place of the flow in tables, and whose it is.
    ///
    /// # Cost
    /// Two multiplications for IPv4, four for IPv6.
    #[inline(always)]
    pub const fn hash(&self, secret: &HashKey) -> u64 {
        let Self([low, high, .., lane]) = *self;
        if is_short(lane) { secret.hash3(&[low, high, lane]) } else { secret.hash6(&self.0) }
    }

    /// The two endpoints, in the order of the key. For ICMP the ports hold message types.
    pub const fn endpoints(&self) -> [Endpoint; 2] {
        let Self([a, b, c, d, ports, lane]) = *self;
        if is_short(lane) {
            return [
                Endpoint { address: whole(a >> 16, 0), port: (a as u16).to_be() },
                Endpoint { address: whole(b >> 16, 0), port: (b as u16).to_be() },
            ];
        }
        [
            Endpoint { address: whole(a, b), port: (ports as u16).to_be() },
            Endpoint { address: whole(c, d), port: ((ports >> 16) as u16).to_be() },
        ]
    }

    /// IP protocol number.
    #[inline]
    pub const fn protocol(&self) -> u8 {
        let Self([.., lane]) = *self;
        lane as u8
    }

    /// What besides the endpoints is in the key.
    pub const fn lane(&self) -> Lane {
        let Self([.., lane]) = *self;
        Lane {
            protocol: lane as u8,
            ip_version: (lane >> 8) as u8,
            vlan: [(lane >> 32) as u16, (lane >> 48) as u16],
            depth: (lane >> 16) as u8,
        }
    }
}

impl Lane {
    #[inline(always)]
    const fn word(self) -> u64 {
        let [outer, inner] = self.vlan;
        self.protocol as u64
            | (self.ip_version as u64) << 8
            | (self.depth as u64) << 16
            | (outer as u64) << 32
            | (inner as u64) << 48
    }
}

/// Whether a key with this last word has its endpoints in the first two: of the versions only 6 has this bit.
#[inline(always)]
const fn is_short(lane: u64) -> bool {
    lane & 2 << 8 == 0
}

const fn whole(first: u64, second: u64) -> [u8; 16] {
    ((first as u128) | ((second as u128) << 64)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, FlowKey, Lane};
    use crate::hash::HashKey;

    fn endpoint(last: u8, port: u16) -> Endpoint {
        let mut address = [0; 16];
        address[3] = last;
        Endpoint { address, port }
    }

    #[test]
    fn both_directions_have_one_key() {
        let lane = Lane { protocol: 6, ip_version: 4, ..Lane::default() };
        let (there, a) = FlowKey::new(endpoint(1, 40_000), endpoint(2, 80), lane);
        let (back, b) = FlowKey::new(endpoint(2, 80), endpoint(1, 40_000), lane);
        assert_eq!(there, back);
        assert_ne!(a, b);
    }

    #[test]
    fn keys_of_both_families_order_their_ends_alike_and_hash_alike_both_ways() {
        let secret = HashKey::fixed();
        for (version, address, port) in [(4, 3, 0), (6, 15, 0), (6, 0, 0), (4, 0, 1), (6, 0, 1)] {
            let lane = Lane { protocol: 17, ip_version: version, vlan: [0, 9], depth: 2 };
            let (mut one, mut other) = (endpoint(7, 50), endpoint(7, 50 + port));
            other.address[address] ^= u8::from(port == 0);
            let ((there, a), (back, b)) = (FlowKey::new(one, other, lane), FlowKey::new(other, one, lane));
            assert!(there == back && a != b && there.hash(&secret) == back.hash(&secret));
            assert!([[one, other], [other, one]].contains(&there.endpoints()) && there.lane() == lane);
            std::mem::swap(&mut one, &mut other);
            assert!(!FlowKey::new(one, one, lane).1);
        }
    }

    #[test]
    fn a_key_tells_what_it_was_made_of() {
        let lane = Lane { protocol: 17, ip_version: 6, vlan: [7, 4095], depth: 3 };
        let (mut low, mut high) = (endpoint(1, 50), endpoint(9, 40));
        // On the wire the last byte is the highest of a word.
        (low.address[0], high.address[15]) = (200, 3);
        let (key, swapped) = FlowKey::new(high, low, lane);
        assert!(swapped && key.endpoints() == [low, high]);
        assert_eq!((key.lane(), key.protocol()), (lane, 17));
    }

    #[test]
    fn version_protocol_vlan_depth_and_ports_tell_flows_apart() {
        let base = Lane { protocol: 6, ip_version: 4, ..Lane::default() };
        let (one, _) = FlowKey::new(endpoint(1, 1), endpoint(2, 2), base);
        for lane in [
            Lane { protocol: 17, ..base },
            Lane { ip_version: 6, ..base },
            Lane { vlan: [5, 0], ..base },
            Lane { vlan: [0, 5], ..base },
            Lane { depth: 1, ..base },
        ] {
            assert_ne!(one, FlowKey::new(endpoint(1, 1), endpoint(2, 2), lane).0);
        }
        assert_ne!(one, FlowKey::new(endpoint(1, 2), endpoint(2, 1), base).0);
    }
}
