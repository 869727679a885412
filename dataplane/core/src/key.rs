//! The key of a flow: everything that says two packets belong to the same conversation.
//!
//! Made by `sluice-worker` from decoded headers; looked up in `sluice-flow`. Both directions give the same key because
//! the two endpoints are stored in sorted order; [`FlowKey::new`] says which way round they came.

/// Key of a flow: two endpoints in sorted order, VLANs, protocol, tunnel depth. 48 bytes.
#[derive(Clone, Copy, Debug, Default, Eq)]
pub struct FlowKey(pub [u64; 6]);

impl PartialEq for FlowKey {
    /// Without a branch and without a call: most keys that are compared are equal.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.0, other.0);
        (a ^ g) | (b ^ h) | (c ^ i) | (d ^ j) | (e ^ k) | (f ^ l) == 0
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
        // One wide comparison instead of a call: the order only has to be the same each time.
        let rank = |end: &Endpoint| (u128::from_be_bytes(end.address), end.port);
        let swapped = rank(&source) > rank(&destination);
        let (low, high) = if swapped { (destination, source) } else { (source, destination) };
        let [low_a, low_b] = halves(low.address);
        let [high_a, high_b] = halves(high.address);
        let [vlan_outer, vlan_inner] = lane.vlan;
        let ports = (u64::from(low.port) << 16)
            | u64::from(high.port)
            | (u64::from(vlan_outer) << 32)
            | (u64::from(vlan_inner) << 48);
        let rest = u64::from(lane.protocol) | (u64::from(lane.ip_version) << 8) | (u64::from(lane.depth) << 16);
        (Self([low_a, low_b, high_a, high_b, ports, rest]), swapped)
    }

    /// The key of an IPv4 packet between these addresses and ports: what [`FlowKey::new`] makes of them, in fewer steps.
    #[inline(always)]
    pub const fn of_ipv4(source: ([u8; 4], u16), destination: ([u8; 4], u16), lane: Lane) -> (Self, bool) {
        let ((from, from_port), (to, to_port)) = (source, destination);
        let from_rank = ((u32::from_be_bytes(from) as u64) << 16) | from_port as u64;
        let to_rank = ((u32::from_be_bytes(to) as u64) << 16) | to_port as u64;
        let swapped = from_rank > to_rank;
        let (low, high) = if swapped { (to_rank, from_rank) } else { (from_rank, to_rank) };
        let [vlan_outer, vlan_inner] = lane.vlan;
        let vlans = (vlan_outer as u64) << 32 | (vlan_inner as u64) << 48;
        let ports = (low & 0xffff) << 16 | (high & 0xffff) | vlans;
        let rest = lane.protocol as u64 | (lane.ip_version as u64) << 8 | (lane.depth as u64) << 16;
        let (low, high) = ((low >> 16) as u32, (high >> 16) as u32);
        (Self([low.swap_bytes() as u64, 0, high.swap_bytes() as u64, 0, ports, rest]), swapped)
    }

    /// The two endpoints, in sorted order. For ICMP the ports hold message types.
    pub const fn endpoints(&self) -> [Endpoint; 2] {
        let Self([low_a, low_b, high_a, high_b, ports, _]) = *self;
        [
            Endpoint { address: whole(low_a, low_b), port: (ports >> 16) as u16 },
            Endpoint { address: whole(high_a, high_b), port: ports as u16 },
        ]
    }

    /// IP protocol number.
    #[inline]
    pub const fn protocol(&self) -> u8 {
        let Self([.., rest]) = *self;
        rest as u8
    }

    /// What besides the endpoints is in the key.
    pub const fn lane(&self) -> Lane {
        let Self([.., ports, rest]) = *self;
        Lane {
            protocol: rest as u8,
            ip_version: (rest >> 8) as u8,
            vlan: [(ports >> 32) as u16, (ports >> 48) as u16],
            depth: (rest >> 16) as u8,
        }
    }
}

const fn whole(first: u64, second: u64) -> [u8; 16] {
    ((first as u128) | ((second as u128) << 64)).to_le_bytes()
}

#[inline(always)]
fn halves(address: [u8; 16]) -> [u64; 2] {
    let wide = u128::from_le_bytes(address);
    [wide as u64, (wide >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, FlowKey, Lane};

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
    fn a_key_made_in_fewer_steps_is_the_same() {
        let ends = [(0, 0), (1, 1), (1, 2), (200, 1), (255, u16::MAX)];
        for (from, to) in ends.iter().flat_map(|from| ends.iter().map(move |to| (from, to))) {
            let lane = Lane { protocol: 17, ip_version: 4, vlan: [7, 4095], depth: 1 };
            let short = |end: &(u8, u16)| ([end.0, 2, 1, end.0 / 2], end.1);
            let long = |end: &(u8, u16)| {
                let (mut address, (start, port)) = ([0; 16], short(end));
                address[..4].copy_from_slice(&start);
                Endpoint { address, port }
            };
            assert_eq!(FlowKey::of_ipv4(short(from), short(to), lane), FlowKey::new(long(from), long(to), lane));
        }
    }

    #[test]
    fn a_key_tells_what_it_was_made_of() {
        let lane = Lane { protocol: 17, ip_version: 6, vlan: [7, 4095], depth: 3 };
        let (mut low, mut high) = (endpoint(1, 50), endpoint(9, 40));
        (low.address[15], high.address[0]) = (3, 200);
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
