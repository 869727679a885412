//! The flow key of a plain frame, read without decoding it.
//!
//! Called by `sluice-worker` for flows that nothing looks at any more, and for measuring lookup alone. Plain is: Ethernet, at most one VLAN tag,
//! IPv4 without options or IPv6 without extension headers, no fragment, TCP without options or with timestamps alone, or UDP that no tunnel
//! may be in, and every length sound. For anything else the answer is none, and the frame goes to [`crate::decode`]. When there is an answer, it is
//! that of the decoder: one layer, no event, the same key. Never allocates, never panics, keeps nothing.

use crate::{
    config::DecodeConfig,
    input::be16,
    seen::{Protocol, ProtocolSet},
};
use sluice_core::{
    FlowKey,
    key::{Endpoint, Lane},
};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Headers the decoder must be willing to read for any plain frame.
const HEADERS: u8 = 4;
/// Words of a set of ports.
const PORT_WORDS: usize = 65_536 / 64;

/// What is plain under one configuration.
pub struct PlainReader {
    /// UDP ports that a tunnel may be behind.
    tunnels: Box<[u64; PORT_WORDS]>,
    vlan_tracking: bool,
    /// Whether the configuration lets the decoder read all headers of a plain frame.
    reads: bool,
}

impl PlainReader {
    /// A reader that agrees with the decoder under `config`. `vlan_tracking`: VLAN ids are part of the key.
    pub fn new(config: &DecodeConfig, vlan_tracking: bool) -> Self {
        let mut tunnels = Box::new([0; PORT_WORDS]);
        for port in 0..=u16::MAX {
            let tunnel = config.vxlan_ports.contains(port)
                || config.geneve_ports.contains(port)
                || config.gtp_u_ports.contains(port)
                || config.teredo.wants(port, port);
            if let Some(word) = tunnels.get_mut(usize::from(port / 64)) {
                *word |= u64::from(tunnel) << (port % 64);
            }
        }
        Self { tunnels, vlan_tracking, reads: config.max_layers >= HEADERS }
    }

    #[inline(always)]
    fn is_tunnel(&self, port: u16) -> bool {
        self.tunnels.get(usize::from(port / 64)).is_none_or(|word| word >> (port % 64) & 1 != 0)
    }

    /// Reads `frame`, an Ethernet frame, when it is plain: its key goes into `key`.
    ///
    /// # Cost
    /// About 60 instructions; reads the first 78 bytes at most.
    #[inline(always)]
    pub fn read(&self, frame: &[u8], key: &mut FlowKey) -> Option<Plain> {
        let (ethernet, rest) = frame.split_first_chunk::<14>()?;
        if !self.reads {
            return None;
        }
        // Apart from the others, which would take its registers.
        match be16(ethernet[12], ethernet[13]) {
            IPV4 => self.ipv4(rest, None, key),
            other => self.read_other(other, rest, key),
        }
    }

    #[inline(never)]
    fn read_other(&self, ether_type: u16, rest: &[u8], key: &mut FlowKey) -> Option<Plain> {
        match ether_type {
            IPV6 => self.ipv6(rest, None, key),
            VLAN => {
                let (tag, rest) = rest.split_first_chunk::<4>()?;
                let id = Some(be16(tag[0], tag[1]) & 0x0fff);
                match be16(tag[2], tag[3]) {
                    IPV4 => self.ipv4(rest, id, key),
                    IPV6 => self.ipv6(rest, id, key),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn ipv4(&self, packet: &[u8], tag: Option<u16>, key: &mut FlowKey) -> Option<Plain> {
        let head = packet.first_chunk::<28>()?;
        let total_len = usize::from(be16(head[2], head[3]));
        if head[0] != 0x45 || be16(head[6], head[7]) & 0x3fff != 0 {
            return None;
        }
        let protocol = head[9];
        let tcp_flags = self.transport(packet.get(20..total_len)?, protocol)?;
        let (src, dst) = ([head[12], head[13], head[14], head[15]], [head[16], head[17], head[18], head[19]]);
        let ports = (be16(head[20], head[21]), be16(head[22], head[23]));
        let (made, swapped) = FlowKey::of_ipv4((src, ports.0), (dst, ports.1), self.lane(protocol, 4, tag));
        *key = made;
        Some(Plain { swapped, tcp_flags, kind: PlainKind::of(tag.is_some(), 4, protocol) })
    }

    #[inline(always)]
    fn ipv6(&self, packet: &[u8], tag: Option<u16>, key: &mut FlowKey) -> Option<Plain> {
        let (head, rest) = packet.split_first_chunk::<40>()?;
        let payload_len = usize::from(be16(head[4], head[5]));
        if head[0] >> 4 != 6 {
            return None;
        }
        let protocol = head[6];
        let segment = rest.get(..payload_len)?;
        let tcp_flags = self.transport(segment, protocol)?;
        let ports = segment.first_chunk::<4>()?;
        let (_, addresses) = head.split_first_chunk::<8>()?;
        let (src, dst) = addresses.split_first_chunk::<16>()?;
        let source = Endpoint { address: *src, port: be16(ports[0], ports[1]) };
        let destination = Endpoint { address: *dst.first_chunk()?, port: be16(ports[2], ports[3]) };
        let (made, swapped) = FlowKey::new(source, destination, self.lane(protocol, 6, tag));
        *key = made;
        Some(Plain { swapped, tcp_flags, kind: PlainKind::of(tag.is_some(), 6, protocol) })
    }

    #[inline(always)]
    fn lane(&self, protocol: u8, ip_version: u8, tag: Option<u16>) -> Lane {
        let vlan = tag.filter(|_| self.vlan_tracking).unwrap_or(0);
        Lane { protocol, ip_version, vlan: [vlan, 0], depth: 0 }
    }

    /// The TCP flags of a plain segment, 0 for a plain datagram.
    #[inline(always)]
    fn transport(&self, segment: &[u8], protocol: u8) -> Option<u8> {
        if protocol == TCP {
            let header = segment.first_chunk::<20>()?;
            match header[12] >> 4 {
                5 => Some(header[13]),
                8 if segment.get(20..24)? == [1, 1, 8, 10] && segment.len() >= 32 => Some(header[13]),
                _ => None,
            }
        } else if protocol == UDP {
            let header = segment.first_chunk::<8>()?;
            let length = usize::from(be16(header[4], header[5]));
            let tunnel = self.is_tunnel(be16(header[0], header[1])) | self.is_tunnel(be16(header[2], header[3]));
            (length >= 8 && length <= segment.len() && !tunnel).then_some(0)
        } else {
            None
        }
    }
}

/// What sort of plain frame: which counters it raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainKind(u8);

impl PlainKind {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// Every kind, in the order of [`PlainKind::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT as u8).map(Self)
    }

    fn of(tagged: bool, ip_version: u8, protocol: u8) -> Self {
        Self(u8::from(tagged) | u8::from(ip_version == 6) << 1 | u8::from(protocol == UDP) << 2)
    }

    /// Its number.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether it has a VLAN tag.
    pub const fn is_tagged(self) -> bool {
        self.0 & 1 != 0
    }

    /// 4 or 6.
    pub const fn ip_version(self) -> u8 {
        if self.0 & 2 == 0 { 4 } else { 6 }
    }

    /// Whether it is UDP; else it is TCP.
    pub const fn is_udp(self) -> bool {
        self.0 & 4 != 0
    }

    /// The protocols that the decoder meets in it.
    pub fn seen(self) -> ProtocolSet {
        let mut seen = ProtocolSet::default();
        seen.insert(Protocol::Ethernet);
        if self.is_tagged() {
            seen.insert(Protocol::Vlan);
        }
        seen.insert(if self.ip_version() == 4 { Protocol::Ipv4 } else { Protocol::Ipv6 });
        seen.insert(if self.is_udp() { Protocol::Udp } else { Protocol::Tcp });
        seen
    }
}

/// What flow lookup needs of a plain frame besides its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Whether the endpoints were swapped to make the key.
    pub swapped: bool,
    /// TCP flags; 0 for UDP.
    pub tcp_flags: u8,
    /// What sort of frame it is.
    pub kind: PlainKind,
}

impl Plain {
    /// That of no frame.
    pub const NONE: Self = Self { swapped: false, tcp_flags: 0, kind: PlainKind(0) };
}

#[cfg(test)]
mod tests {
    use super::PlainReader;
    use crate::build::{ethernet, ipv4, ipv4_with_options, ipv6, tcp, tcp_with_options, udp, vlan};
    use crate::{DecodeConfig, TcpFlags};
    use sluice_core::FlowKey;

    fn is_plain(frame: &[u8]) -> bool {
        PlainReader::new(&DecodeConfig::DEFAULT, true).read(frame, &mut FlowKey::default()).is_some()
    }

    #[test]
    fn plain_frames_are_read_and_others_left_to_the_decoder() {
        let timestamps = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
        for segment in [tcp(1, 2, TcpFlags::ACK, b""), tcp_with_options(1, 2, 16, &timestamps, b"x")] {
            let (four, six) = (ipv4(6, &segment), ipv6(6, &segment));
            assert!(is_plain(&ethernet(0x0800, &four)) && is_plain(&ethernet(0x86dd, &six)));
            assert!(is_plain(&ethernet(0x8100, &vlan(7, 0x0800, &four))));
            assert!(is_plain(&ethernet(0x8100, &vlan(7, 0x86dd, &six))));
            assert!(!is_plain(&ethernet(0x8100, &vlan(7, 0x8100, &vlan(8, 0x0800, &four)))));
            assert!(!is_plain(&ethernet(0x0800, &ipv4_with_options(6, &[1, 1, 1, 1], &segment))));
        }
        assert!(is_plain(&ethernet(0x0800, &ipv4(17, &udp(1, 2, b"")))));
        assert!(is_plain(&ethernet(0x86dd, &ipv6(17, &udp(1, 2, b"")))));
        for port in [4789, 6081, 2152, 3544] {
            assert!(!is_plain(&ethernet(0x0800, &ipv4(17, &udp(1, port, b"x")))), "{port}");
        }
        assert!(!is_plain(&ethernet(0x0800, &ipv4(1, &udp(1, 2, b"xxxxxxxxxxxxxxxx")))));
        let mut fragment = ipv4(17, &udp(1, 2, b"x"));
        fragment[6] = 0x20;
        assert!(!is_plain(&ethernet(0x0800, &fragment)));
        assert!(!is_plain(&ethernet(0x0800, &ipv4(6, &tcp_with_options(1, 2, 16, &[2, 4, 5, 0xb4], b"")))));
    }
}
