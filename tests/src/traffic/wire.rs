//! Two hosts and what lies between them.

use super::{
    ip::Ip,
    link::{self, Link, Tag},
    tunnel::Tunnel,
};
use std::net::IpAddr;

/// A host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Hardware address.
    pub mac: [u8; 6],
    /// IP address.
    pub ip: IpAddr,
}

impl Host {
    /// A host with a locally administered hardware address made of its IP address. Panics if `address` is none.
    #[expect(clippy::expect_used, reason = "addresses stand in the source of a test; a wrong one must stop it")]
    pub fn at(address: &str) -> Self {
        Self::new(address.parse().expect("an IP address"))
    }

    /// The same for an address that is one already.
    pub fn new(ip: IpAddr) -> Self {
        let [a, b, c, d] = match ip {
            IpAddr::V4(address) => address.octets(),
            IpAddr::V6(address) => {
                let [.., a, b, c, d] = address.octets();
                [a, b, c, d]
            }
        };
        let family = if ip.is_ipv4() { 4 } else { 6 };
        Self { mac: [2, family, a, b, c, d], ip }
    }
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one who began.
    Client,
    /// The other one.
    Server,
}

impl Side {
    /// The other side.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// 0 for the client, 1 for the server.
    pub const fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }
}

/// What frames between two hosts look like.
#[derive(Clone, Debug)]
pub struct Wire {
    /// Client and server.
    pub hosts: [Host; 2],
    /// VLAN tags, outermost first.
    pub tags: Vec<Tag>,
    /// What a record begins with.
    pub link: Link,
    /// A tunnel around every packet.
    pub tunnel: Option<Tunnel>,
    /// Time to live of packets, by who sends.
    pub ttl: [u8; 2],
    /// IPv4 options of every packet.
    pub options: Vec<u8>,
    /// IPv6 extension headers of every packet.
    pub extensions: Vec<(u8, Vec<u8>)>,
    /// Whether frames are padded to 60 bytes.
    pub padded: bool,
    id: [u32; 2],
}

impl Wire {
    /// Plain Ethernet between two hosts.
    pub fn between(client: Host, server: Host) -> Self {
        Self {
            hosts: [client, server],
            tags: Vec::new(),
            link: Link::Ethernet,
            tunnel: None,
            ttl: [64, 57],
            options: Vec::new(),
            extensions: Vec::new(),
            padded: false,
            id: [0x1000, 0x8000],
        }
    }

    /// Plain Ethernet between two addresses. Panics if one is none.
    pub fn of(client: &str, server: &str) -> Self {
        Self::between(Host::at(client), Host::at(server))
    }

    /// With VLAN tags, outermost first.
    #[must_use]
    pub fn tagged(self, tags: &[Tag]) -> Self {
        Self { tags: tags.to_vec(), ..self }
    }

    /// With another link type.
    #[must_use]
    pub fn on(self, link: Link) -> Self {
        Self { link, ..self }
    }

    /// Inside a tunnel.
    #[must_use]
    pub fn through(self, tunnel: Tunnel) -> Self {
        Self { tunnel: Some(tunnel), ..self }
    }

    /// Source and destination of packets that `from` sends.
    pub fn ends(&self, from: Side) -> [Host; 2] {
        let [client, server] = self.hosts;
        match from {
            Side::Client => [client, server],
            Side::Server => [server, client],
        }
    }

    /// The IP header of the next packet that `from` sends. Each has its own identification.
    pub fn header(&mut self, from: Side) -> Ip {
        let [src, dst] = self.ends(from);
        let [client_ttl, server_ttl] = self.ttl;
        let [client_id, server_id] = &mut self.id;
        let (ttl, id) = match from {
            Side::Client => (client_ttl, client_id),
            Side::Server => (server_ttl, server_id),
        };
        *id += 1;
        Ip {
            ttl,
            id: *id,
            dont_fragment: true,
            options: self.options.clone(),
            extensions: self.extensions.clone(),
            ..Ip::between(src.ip, dst.ip)
        }
    }

    /// The record of an IP packet that was made by hand.
    pub fn record(&self, from: Side, ether_type: u16, packet: Vec<u8>) -> Vec<u8> {
        let [src, dst] = self.ends(from);
        let (ether_type, packet) = match &self.tunnel {
            Some(tunnel) => {
                let (outer, packet) = tunnel.wrap(from == Side::Client, [src.mac, dst.mac], ether_type, &packet);
                (outer.ether_type(), packet)
            }
            None => (ether_type, packet),
        };
        match self.link {
            Link::Ethernet => {
                let frame = link::ethernet(src.mac, dst.mac, &self.tags, ether_type, &packet);
                if self.padded { link::padded(frame) } else { frame }
            }
            Link::Raw => packet,
            Link::Null => link::null(ether_type, &packet),
            Link::Cooked => link::cooked(src.mac, ether_type, &packet),
        }
    }

    /// The record of the next packet that `from` sends.
    pub fn send(&mut self, from: Side, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let header = self.header(from);
        self.record(from, header.ether_type(), header.packet(protocol, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_has_its_own_identification_and_both_ways_swap() {
        let mut wire = Wire::of("10.0.0.1", "10.0.0.2");
        let (first, second) = (wire.header(Side::Client), wire.header(Side::Client));
        assert_ne!(first.id, second.id);
        let back = wire.header(Side::Server);
        assert_eq!((back.src, back.dst), (first.dst, first.src));
    }

    #[test]
    fn every_link_type_decodes_to_the_same_packet() {
        for (link, kind) in [
            (Link::Ethernet, sluice_packet::LinkType::Ethernet),
            (Link::Raw, sluice_packet::LinkType::Raw),
            (Link::Null, sluice_packet::LinkType::Null),
            (Link::Cooked, sluice_packet::LinkType::LinuxCooked),
        ] {
            for (client, server) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] {
                let mut wire = Wire::of(client, server).on(link);
                let [src, dst] = wire.ends(Side::Client).map(|host| host.ip);
                let datagram = crate::traffic::udp::datagram(src, dst, 5, 6, b"same");
                let record = wire.send(Side::Client, crate::traffic::ip::UDP, &datagram);
                let mut out = sluice_packet::Decoded::new();
                sluice_packet::decode(&record, kind, &sluice_packet::DecodeConfig::DEFAULT, &mut out);
                assert_eq!(out.innermost().payload(&record), b"same", "{link:?} {client}");
            }
        }
    }
}
