//! Tunnels: a packet inside a packet.
//!
//! Sources: RFC 7348 (VXLAN), RFC 2784 (GRE), RFC 2003 and RFC 4213 (IP in IP).

use super::{
    ip::{self, Ip},
    link, udp,
};
use std::net::IpAddr;

/// UDP port of VXLAN.
pub const VXLAN_PORT: u16 = 4789;

/// What wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// VXLAN with this network id; wraps an Ethernet frame.
    Vxlan(u32),
    /// GRE without key or checksum; wraps an IP packet.
    Gre,
    /// The packet follows the outer header at once.
    IpInIp,
}

/// A tunnel between two gateways, the first on the client's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// How it wraps.
    pub kind: Kind,
    /// The gateways.
    pub gateways: [IpAddr; 2],
}

impl Tunnel {
    /// The outer IP header and its whole packet around `packet`, an IP packet of EtherType `inner`.
    pub fn wrap(&self, from_client: bool, macs: [[u8; 6]; 2], inner: u16, packet: &[u8]) -> (Ip, Vec<u8>) {
        let [near, far] = self.gateways;
        let (src, dst) = if from_client { (near, far) } else { (far, near) };
        let outer = Ip::between(src, dst);
        let (protocol, payload) = match self.kind {
            Kind::Vxlan(network) => {
                let [src_mac, dst_mac] = macs;
                let [_, a, b, c] = network.to_be_bytes();
                let header = [8, 0, 0, 0, a, b, c, 0];
                let inside = [&header[..], &link::ethernet(src_mac, dst_mac, &[], inner, packet)].concat();
                (ip::UDP, udp::datagram(src, dst, 49_152, VXLAN_PORT, &inside))
            }
            Kind::Gre => (ip::GRE, [&[0, 0], &inner.to_be_bytes()[..], packet].concat()),
            Kind::IpInIp => (if inner == link::IPV4 { ip::IPIP } else { ip::IPV6 }, packet.to_vec()),
        };
        let whole = outer.packet(protocol, &payload);
        (outer, whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_packet::{DecodeConfig, Decoded, LinkType, decode};

    #[test]
    fn what_a_tunnel_wraps_is_found_inside_it() {
        let (src, dst) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let inner = Ip::between(src, dst).packet(ip::UDP, &udp::datagram(src, dst, 5, 6, b"inside"));
        for kind in [Kind::Vxlan(77), Kind::Gre, Kind::IpInIp] {
            let tunnel = Tunnel { kind, gateways: ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()] };
            let (_, packet) = tunnel.wrap(true, [[1; 6], [2; 6]], link::IPV4, &inner);
            let mut out = Decoded::new();
            decode(&packet, LinkType::Raw, &DecodeConfig::DEFAULT, &mut out);
            assert_eq!(out.layers().len(), 2, "{kind:?}");
            assert_eq!(out.innermost().payload(&packet), b"inside", "{kind:?}");
        }
    }
}
