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

/// What flow lookup needs of a plain frame.
#[derive(Clone, Copy, Debug)]
pub struct Plain {
    /// The key of its flow.
    pub key: FlowKey,
    /// Whether the endpoints were swapped to make it.
    pub swapped: bool,
    /// TCP flags; 0 for UDP.
    pub tcp_flags: u8,
    /// What sort of frame it is.
    pub kind: PlainKind,
}

/// The key fields of `frame`, an Ethernet frame, when it is plain. `vlan_tracking`: VLAN ids are part of the key.
///
/// # Cost
/// About 50 instructions; reads the first 78 bytes at most.
#[inline(always)]
pub fn plain(frame: &[u8], config: &DecodeConfig, vlan_tracking: bool) -> Option<Plain> {
    let (ethernet, rest) = frame.split_first_chunk::<14>()?;
    let ether_type = be16(ethernet[12], ethernet[13]);
    if config.max_layers < HEADERS {
        return None;
    }
    match ether_type {
        IPV4 => ipv4(rest, config, None, vlan_tracking),
        IPV6 => ipv6(rest, config, None, vlan_tracking),
        VLAN => {
            let (tag, rest) = rest.split_first_chunk::<4>()?;
            let id = Some(be16(tag[0], tag[1]) & 0x0fff);
            match be16(tag[2], tag[3]) {
                IPV4 => ipv4(rest, config, id, vlan_tracking),
                IPV6 => ipv6(rest, config, id, vlan_tracking),
                _ => None,
            }
        }
        _ => None,
    }
}

#[inline(always)]
fn ipv4(packet: &[u8], config: &DecodeConfig, tag: Option<u16>, vlan_tracking: bool) -> Option<Plain> {
    let head = packet.first_chunk::<28>()?;
    let total_len = usize::from(be16(head[2], head[3]));
    if head[0] != 0x45 || total_len > packet.len() || be16(head[6], head[7]) & 0x3fff != 0 {
        return None;
    }
    let protocol = head[9];
    let tcp_flags = transport(packet.get(20..total_len)?, protocol, config)?;
    let lane = lane(protocol, 4, tag, vlan_tracking);
    let (src, dst) = ([head[12], head[13], head[14], head[15]], [head[16], head[17], head[18], head[19]]);
    let ports = (be16(head[20], head[21]), be16(head[22], head[23]));
    let (key, swapped) = FlowKey::of_ipv4((src, ports.0), (dst, ports.1), lane);
    Some(Plain { key, swapped, tcp_flags, kind: PlainKind::of(tag.is_some(), 4, protocol) })
}

#[inline(always)]
fn ipv6(packet: &[u8], config: &DecodeConfig, tag: Option<u16>, vlan_tracking: bool) -> Option<Plain> {
    let (head, rest) = packet.split_first_chunk::<40>()?;
    let payload_len = usize::from(be16(head[4], head[5]));
    if head[0] >> 4 != 6 {
        return None;
    }
    let protocol = head[6];
    let segment = rest.get(..payload_len)?;
    let tcp_flags = transport(segment, protocol, config)?;
    let ports = segment.first_chunk::<4>()?;
    let (_, addresses) = head.split_first_chunk::<8>()?;
    let (src, dst) = addresses.split_first_chunk::<16>()?;
    let source = Endpoint { address: *src, port: be16(ports[0], ports[1]) };
    let destination = Endpoint { address: *dst.first_chunk()?, port: be16(ports[2], ports[3]) };
    let (key, swapped) = FlowKey::new(source, destination, lane(protocol, 6, tag, vlan_tracking));
    Some(Plain { key, swapped, tcp_flags, kind: PlainKind::of(tag.is_some(), 6, protocol) })
}

#[inline(always)]
fn lane(protocol: u8, ip_version: u8, tag: Option<u16>, vlan_tracking: bool) -> Lane {
    let vlan = tag.filter(|_| vlan_tracking).unwrap_or(0);
    Lane { protocol, ip_version, vlan: [vlan, 0], depth: 0 }
}

/// The TCP flags of a plain segment, 0 for a plain datagram.
#[inline(always)]
fn transport(segment: &[u8], protocol: u8, config: &DecodeConfig) -> Option<u8> {
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
        let (source, destination) = (be16(header[0], header[1]), be16(header[2], header[3]));
        let tunnel = config.vxlan_ports.contains(destination)
            | config.geneve_ports.contains(destination)
            | config.gtp_u_ports.contains(destination)
            | config.teredo.wants(source, destination);
        (length >= 8 && length <= segment.len() && !tunnel).then_some(0)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::plain;
    use crate::build::{ethernet, ipv4, ipv4_with_options, ipv6, tcp, tcp_with_options, udp, vlan};
    use crate::{DecodeConfig, TcpFlags};

    fn is_plain(frame: &[u8]) -> bool {
        plain(frame, &DecodeConfig::DEFAULT, true).is_some()
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
