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
use sluice_core::{FlowKey, HashKey, key::Lane};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Headers the decoder must be willing to read for any plain frame.
const HEADERS: u8 = 4;
/// Bytes of the shortest plain frame: UDP in IPv4.
const SHORTEST: usize = 14 + 20 + 8;
/// Words of a set of ports.
const PORT_WORDS: usize = 65_536 / 64;

/// What is plain under one configuration.
pub struct PlainReader {
    /// UDP ports that a tunnel may be behind.
    tunnels: Box<[u64; PORT_WORDS]>,
    /// The same, of each port bits 8 to 13 alone: nearly always enough, and no memory is read.
    sieve: u64,
    vlan_tracking: bool,
    /// Whether the configuration lets the decoder read all headers of a plain frame.
    reads: bool,
}

impl PlainReader {
    /// A reader that agrees with the decoder under `config`. `vlan_tracking`: VLAN ids are part of the key.
    pub fn new(config: &DecodeConfig, vlan_tracking: bool) -> Self {
        let (mut tunnels, mut sieve) = (Box::new([0; PORT_WORDS]), 0);
        for port in 0..=u16::MAX {
            let tunnel = config.vxlan_ports.contains(port)
                || config.geneve_ports.contains(port)
                || config.gtp_u_ports.contains(port)
                || config.teredo.wants(port, port);
            if let Some(word) = tunnels.get_mut(usize::from(port / 64)) {
                *word |= u64::from(tunnel) << (port % 64);
            }
            sieve |= u64::from(tunnel) << ((port >> 8) % 64);
        }
        Self { tunnels, sieve, vlan_tracking, reads: config.max_layers >= HEADERS }
    }

    /// Whether a tunnel may be behind one of these ports, by the sieve.
    #[inline(always)]
    fn may_be_tunnel(&self, [source, _, destination, _]: [u8; 4]) -> bool {
        self.sieve & (1 << (source % 64) | 1 << (destination % 64)) != 0
    }

    #[inline(always)]
    fn is_tunnel(&self, ports @ [a, b, c, d]: [u8; 4]) -> bool {
        let is_in =
            |port: u16| self.tunnels.get(usize::from(port / 64)).is_none_or(|word| word >> (port % 64) & 1 != 0);
        self.may_be_tunnel(ports) && (is_in(be16(a, b)) || is_in(be16(c, d)))
    }

    /// Whether any frame is plain. If not, [`PlainReader::read`] must not be asked.
    pub const fn reads(&self) -> bool {
        self.reads
    }

    /// Reads `frame`, an Ethernet frame, when it is plain: what it says goes into `out`, the key hashed with `secret`. Else false, and what `out` holds
    /// means nothing.
    ///
    /// # Cost
    /// About 60 instructions for IPv4; reads the first 78 bytes at most.
    #[inline(always)]
    pub fn read(&self, frame: &[u8], secret: &HashKey, out: &mut Plain) -> bool {
        if frame.len() < SHORTEST {
            return false;
        }
        let Some((ethernet, rest)) = frame.split_first_chunk::<14>() else { return false };
        // Apart from the others, which would take its registers.
        let ether_type = be16(ethernet[12], ethernet[13]);
        if ether_type != IPV4 {
            return self.read_other(frame, secret, out);
        }
        let mut again = false;
        let first_look = |ports| {
            again = self.may_be_tunnel(ports);
            again
        };
        match self.ipv4(rest, None, secret, first_look) {
            None if again => self.read_other(frame, secret, out),
            plain => put(plain, out),
        }
    }

    #[inline(never)]
    fn read_other(&self, frame: &[u8], secret: &HashKey, out: &mut Plain) -> bool {
        let Some((ethernet, rest)) = frame.split_first_chunk::<14>() else { return false };
        let is_tunnel = |ports| self.is_tunnel(ports);
        let plain = match be16(ethernet[12], ethernet[13]) {
            IPV4 => self.ipv4(rest, None, secret, is_tunnel),
            IPV6 => self.ipv6(rest, None, secret),
            VLAN => {
                let Some((tag, rest)) = rest.split_first_chunk::<4>() else { return false };
                let id = Some(be16(tag[0], tag[1]) & 0x0fff);
                match be16(tag[2], tag[3]) {
                    IPV4 => self.ipv4(rest, id, secret, is_tunnel),
                    IPV6 => self.ipv6(rest, id, secret),
                    _ => None,
                }
            }
            _ => None,
        };
        put(plain, out)
    }

    #[inline(always)]
    fn ipv4(
        &self,
        packet: &[u8],
        tag: Option<u16>,
        secret: &HashKey,
        mut is_tunnel: impl FnMut([u8; 4]) -> bool,
    ) -> Option<Plain> {
        let head = packet.first_chunk::<28>()?;
        let total_len = usize::from(be16(head[2], head[3]));
        let fragment = u16::from_be_bytes(*head.get(6..)?.first_chunk()?);
        if head[0] != 0x45 || fragment & 0x3fff != 0 || total_len > packet.len() {
            return None;
        }
        let addresses = *head.get(12..)?.first_chunk()?;
        let ports = *head.get(20..)?.first_chunk()?;
        let (protocol, traits) = match head[9] {
            UDP => {
                let length = usize::from(be16(head[24], head[25]));
                if length < 8 || length + 20 > total_len || is_tunnel(ports) {
                    return None;
                }
                (UDP, Traits::of_udp(tag.is_some(), false))
            }
            TCP => (TCP, Traits::of_tcp(tag.is_some(), false, tcp_flags(packet.get(20..total_len)?)?)),
            _ => return None,
        };
        let (key, swapped) = FlowKey::of_ipv4(addresses, ports, self.lane(protocol, 4, tag));
        Some(Plain { key, hash: key.hash(secret), swapped, traits })
    }

    #[inline(always)]
    fn ipv6(&self, packet: &[u8], tag: Option<u16>, secret: &HashKey) -> Option<Plain> {
        let head = packet.first_chunk::<48>()?;
        let payload_len = usize::from(be16(head[4], head[5]));
        if head[0] >> 4 != 6 || payload_len + 40 > packet.len() {
            return None;
        }
        let (_, rest) = head.split_first_chunk::<8>()?;
        let (addresses, [a, b, c, d, x, y, ..]) = rest.split_first_chunk::<32>()? else { return None };
        let ports = [*a, *b, *c, *d];
        let (protocol, traits) = match head[6] {
            UDP => {
                let length = usize::from(be16(*x, *y));
                if length < 8 || length > payload_len || self.is_tunnel(ports) {
                    return None;
                }
                (UDP, Traits::of_udp(tag.is_some(), true))
            }
            TCP => (TCP, Traits::of_tcp(tag.is_some(), true, tcp_flags(packet.get(40..payload_len + 40)?)?)),
            _ => return None,
        };
        let (key, swapped) = FlowKey::of_ipv6(addresses, ports, self.lane(protocol, 6, tag));
        Some(Plain { key, hash: key.hash(secret), swapped, traits })
    }

    #[inline(always)]
    fn lane(&self, protocol: u8, ip_version: u8, tag: Option<u16>) -> Lane {
        let vlan = tag.filter(|_| self.vlan_tracking).unwrap_or(0);
        Lane { protocol, ip_version, vlan: [vlan, 0], depth: 0 }
    }
}

/// The TCP flags of a plain segment.
#[inline(always)]
fn tcp_flags(segment: &[u8]) -> Option<u8> {
    let header = segment.first_chunk::<20>()?;
    match header[12] >> 4 {
        5 => Some(header[13]),
        8 if segment.get(20..24)? == [1, 1, 8, 10] && segment.len() >= 32 => Some(header[13]),
        _ => None,
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

    const fn of(tagged: bool, six: bool, udp: bool) -> Self {
        Self(tagged as u8 | (six as u8) << 1 | (udp as u8) << 2)
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// The key of its flow.
    pub key: FlowKey,
    /// The hash of the key.
    pub hash: u64,
    /// Whether the endpoints were swapped to make the key.
    pub swapped: bool,
    /// The rest.
    pub traits: Traits,
}

impl Plain {
    /// That of no frame.
    pub const NONE: Self = Self { key: FlowKey([0; 6]), hash: 0, swapped: false, traits: Traits(0) };
}

/// Kind and TCP flags of a plain frame, a byte each: put down at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits(u16);

impl Traits {
    #[inline(always)]
    const fn of_udp(tagged: bool, six: bool) -> Self {
        Self(PlainKind::of(tagged, six, true).0 as u16)
    }

    #[inline(always)]
    const fn of_tcp(tagged: bool, six: bool, flags: u8) -> Self {
        Self(PlainKind::of(tagged, six, false).0 as u16 | (flags as u16) << 8)
    }

    /// What sort of frame it is.
    #[inline(always)]
    pub const fn kind(self) -> PlainKind {
        PlainKind(self.0 as u8)
    }

    /// TCP flags; 0 for UDP.
    #[inline(always)]
    pub const fn tcp_flags(self) -> u8 {
        (self.0 >> 8) as u8
    }
}

#[inline(always)]
fn put(plain: Option<Plain>, out: &mut Plain) -> bool {
    let Some(plain) = plain else { return false };
    *out = plain;
    true
}

#[cfg(test)]
mod tests {
    use super::{Plain, PlainReader};
    use crate::build::{ethernet, ipv4, ipv4_with_options, ipv6, tcp, tcp_with_options, udp, vlan};
    use crate::{DecodeConfig, TcpFlags};
    use sluice_core::HashKey;

    fn is_plain(frame: &[u8]) -> bool {
        let mut plain = Plain::NONE;
        PlainReader::new(&DecodeConfig::DEFAULT, true).read(frame, &HashKey::fixed(), &mut plain)
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
