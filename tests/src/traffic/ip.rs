//! IPv4 and IPv6 headers and fragments.
//!
//! Sources: RFC 791, RFC 8200.

use sluice_packet::checksum;
use std::net::IpAddr;

/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of IPv4 in IP.
pub const IPIP: u8 = 4;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of IPv6 in IP.
pub const IPV6: u8 = 41;
/// Protocol number of the IPv6 fragment header.
const FRAGMENT: u8 = 44;
/// Protocol number of GRE.
pub const GRE: u8 = 47;
/// Protocol number of ICMPv6.
pub const ICMPV6: u8 = 58;

/// Fields of an IP header; which version follows from the addresses, which must be of one family.
#[derive(Clone, Debug)]
pub struct Ip {
    /// Source.
    pub src: IpAddr,
    /// Destination.
    pub dst: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// Identification: of the IPv4 header, and of fragments.
    pub id: u32,
    /// IPv4 "don't fragment".
    pub dont_fragment: bool,
    /// IPv4 options; padded to a multiple of 4 with end-of-list.
    pub options: Vec<u8>,
    /// IPv6 extension headers: their number and their bytes without the next-header field, as `(60, [0, 1, 4, 0, 0, 0, 0])`.
    pub extensions: Vec<(u8, Vec<u8>)>,
}

/// Place of a fragment in its datagram.
#[derive(Clone, Copy)]
struct Place {
    /// Bytes before it, a multiple of 8.
    offset: usize,
    more: bool,
}

impl Ip {
    /// A header from `src` to `dst` with a time to live of 64.
    pub const fn between(src: IpAddr, dst: IpAddr) -> Self {
        Self { src, dst, ttl: 64, tos: 0, id: 0, dont_fragment: false, options: Vec::new(), extensions: Vec::new() }
    }

    /// EtherType of its version.
    pub const fn ether_type(&self) -> u16 {
        if self.src.is_ipv4() { super::link::IPV4 } else { super::link::IPV6 }
    }

    /// The whole packet.
    pub fn packet(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        self.piece(protocol, payload, None)
    }

    /// The packet in fragments whose payload has at most `size` bytes, rounded down to a multiple of 8 (at least 8).
    pub fn fragments(&self, protocol: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
        let size = (size / 8 * 8).max(8);
        let pieces = payload.chunks(size).enumerate();
        pieces
            .map(|(number, piece)| {
                let offset = number * size;
                self.piece(protocol, piece, Some(Place { offset, more: offset + piece.len() < payload.len() }))
            })
            .collect()
    }

    /// One fragment that says that its payload belongs `offset` bytes into the datagram, true or not.
    pub fn fragment(&self, protocol: u8, payload: &[u8], offset: usize, more: bool) -> Vec<u8> {
        self.piece(protocol, payload, Some(Place { offset, more }))
    }

    fn piece(&self, protocol: u8, payload: &[u8], place: Option<Place>) -> Vec<u8> {
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => self.v4(src.octets(), dst.octets(), protocol, payload, place),
            _ => self.v6(octets16(self.src), octets16(self.dst), protocol, payload, place),
        }
    }

    fn v4(&self, src: [u8; 4], dst: [u8; 4], protocol: u8, payload: &[u8], place: Option<Place>) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let length = (20 + options.len() + payload.len()) as u16;
        let mut flags = if self.dont_fragment { 0x4000 } else { 0 };
        if let Some(place) = place {
            flags |= (place.offset / 8) as u16 | if place.more { 0x2000 } else { 0 };
        }
        let header = |sum: u16| {
            let first = [0x40 | (5 + options.len() / 4) as u8, self.tos];
            let second = [self.ttl, protocol];
            [
                &first[..],
                &length.to_be_bytes(),
                &(self.id as u16).to_be_bytes(),
                &flags.to_be_bytes(),
                &second,
                &sum.to_be_bytes(),
                &src,
                &dst,
                &options,
            ]
            .concat()
        };
        [header(checksum::compute(&header(0))), payload.to_vec()].concat()
    }

    fn v6(&self, src: [u8; 16], dst: [u8; 16], protocol: u8, payload: &[u8], place: Option<Place>) -> Vec<u8> {
        let mut headers = self.extensions.clone();
        if let Some(place) = place {
            let field = (place.offset as u16 & 0xfff8) | u16::from(place.more);
            headers.push((FRAGMENT, [&[0][..], &field.to_be_bytes(), &self.id.to_be_bytes()].concat()));
        }
        let mut rest = Vec::new();
        let following = headers.iter().skip(1).map(|(number, _)| *number).chain([protocol]);
        for ((_, bytes), next) in headers.iter().zip(following) {
            rest.push(next);
            rest.extend_from_slice(bytes);
        }
        rest.extend_from_slice(payload);
        let first = 0x6000_0000_u32 | u32::from(self.tos) << 20;
        let next = headers.first().map_or(protocol, |(number, _)| *number);
        let tail = [next, self.ttl];
        [&first.to_be_bytes()[..], &(rest.len() as u16).to_be_bytes(), &tail, &src, &dst, &rest].concat()
    }
}

/// The address in 16 bytes, IPv4 mapped.
fn octets16(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The checksum of a transport packet whose field is 0, with the pseudo header of its addresses.
pub fn transport_checksum(src: IpAddr, dst: IpAddr, protocol: u8, packet: &[u8]) -> u16 {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => checksum::compute_v4(src.octets(), dst.octets(), protocol, packet),
        _ => checksum::compute_v6(octets16(src), octets16(dst), protocol, packet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_packet::{DecodeConfig, Decoded, LinkType, decode};

    fn decoded(packet: &[u8]) -> Box<Decoded> {
        let mut out = Box::new(Decoded::new());
        decode(packet, LinkType::Raw, &DecodeConfig::DEFAULT, &mut out);
        out
    }

    fn ip(src: &str, dst: &str) -> Ip {
        Ip::between(src.parse().unwrap(), dst.parse().unwrap())
    }

    #[test]
    fn an_ipv4_header_with_options_decodes_and_sums_right() {
        let header = Ip { options: vec![0x94, 4, 0, 0, 1], ttl: 9, ..ip("10.0.0.1", "10.0.0.2") };
        let packet = header.packet(253, b"abc");
        let out = decoded(&packet);
        let layer = out.innermost();
        assert!(!layer.invalid);
        assert_eq!((layer.ip_header_len, layer.ttl, layer.ip_len), (28, 9, 31));
        assert_eq!(checksum::ipv4_header(&packet, layer), checksum::Checksum::Valid);
    }

    #[test]
    fn an_ipv6_packet_walks_over_its_extension_headers() {
        let options = vec![0, 1, 4, 0, 0, 0, 0];
        let header = Ip { extensions: vec![(0, options.clone()), (60, options)], ..ip("2001:db8::1", "2001:db8::2") };
        let udp = crate::traffic::udp::datagram(header.src, header.dst, 1, 2, b"x");
        let out = decoded(&header.packet(UDP, &udp));
        assert!(out.innermost().is_udp() && !out.innermost().invalid);
    }

    #[test]
    fn fragments_of_both_versions_cover_the_payload_once() {
        for (header, overhead) in [(ip("10.0.0.1", "10.0.0.2"), 20), (ip("2001:db8::1", "2001:db8::2"), 48)] {
            let header = Ip { id: 77, ..header };
            let pieces = header.fragments(UDP, &[7; 100], 45);
            let sizes: Vec<_> = pieces.iter().map(|piece| piece.len() - overhead).collect();
            assert_eq!(sizes, [40, 40, 20]);
            for piece in &pieces {
                assert!(decoded(piece).innermost().fragment.is_fragment);
            }
        }
    }
}
