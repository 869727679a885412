//! Transports and what else sits on IP, one protocol a file.
//!
//! Called by `ipv4` and `ipv6` once the IP header is sound. A protocol without a decoder leaves its bytes as payload.

pub(crate) mod esp;
pub(crate) mod icmpv4;
pub(crate) mod icmpv6;
pub(crate) mod igmp;
pub(crate) mod quoted;
pub(crate) mod sctp;
pub(crate) mod tcp;
pub(crate) mod udp;

use crate::config::DecodeConfig;
use crate::event::DecodeEvent;
use crate::headers::{Headers, PacketSource};
use crate::input::{Input, Next, Step, be16};
use crate::seen::Protocol;
use crate::tunnel;

/// What sits on IPv4, by `layer.protocol`.
#[inline(always)]
pub(crate) fn over_ipv4<'f>(layer: &mut Headers, rest: Input<'f>, config: &DecodeConfig) -> Next<'f> {
    match layer.protocol {
        6 => tcp::decode(layer, rest),
        17 => udp::decode(layer, rest, config),
        _ => other_over_ipv4(layer, rest.bytes, rest.start, config),
    }
}

#[inline(never)]
fn other_over_ipv4<'f>(layer: &mut Headers, bytes: &'f [u8], start: u32, config: &DecodeConfig) -> Next<'f> {
    let rest = Input { bytes, start };
    match layer.protocol {
        1 => icmpv4::decode(layer, rest),
        2 => igmp::decode(layer, rest),
        4 => tunnel_of(layer, Protocol::Ipv4InIpv4, PacketSource::Ipv4InIpv4, Step::Ipv4, rest),
        41 => tunnel_of(layer, Protocol::Ipv6InIpv4, PacketSource::Ipv6InIpv4, Step::Ipv6, rest),
        47 => tunnel::gre::decode(layer, rest, config),
        50 => esp::decode(layer, rest),
        51 => layer.rest_is_payload(rest),
        58 => layer.fail(DecodeEvent::Ipv4WithIcmpv6, rest),
        132 => sctp::decode(layer, rest),
        _ => {
            layer.events.insert(DecodeEvent::Ipv4UnknownProtocol);
            layer.rest_is_payload(rest)
        }
    }
}

/// What sits on IPv6, by `layer.protocol`.
#[inline(always)]
pub(crate) fn over_ipv6<'f>(layer: &mut Headers, rest: Input<'f>, config: &DecodeConfig) -> Next<'f> {
    match layer.protocol {
        6 => tcp::decode(layer, rest),
        17 => udp::decode(layer, rest, config),
        _ => other_over_ipv6(layer, rest.bytes, rest.start, config),
    }
}

#[inline(never)]
fn other_over_ipv6<'f>(layer: &mut Headers, bytes: &'f [u8], start: u32, config: &DecodeConfig) -> Next<'f> {
    let rest = Input { bytes, start };
    let version = rest.byte(0).map(|byte| byte >> 4);
    match layer.protocol {
        58 => icmpv6::decode(layer, rest),
        4 if rest.len() < 20 => layer.fail(DecodeEvent::Ipv4InIpv6TooSmall, rest),
        4 if version != Some(4) => layer.fail(DecodeEvent::Ipv4InIpv6WrongVersion, rest),
        4 => tunnel_of(layer, Protocol::Ipv4InIpv6, PacketSource::Ipv4InIpv6, Step::Ipv4, rest),
        41 if rest.len() < 40 => layer.fail(DecodeEvent::Ipv6InIpv6TooSmall, rest),
        41 if version != Some(6) => layer.fail(DecodeEvent::Ipv6InIpv6WrongVersion, rest),
        41 => tunnel_of(layer, Protocol::Ipv6InIpv6, PacketSource::Ipv6InIpv6, Step::Ipv6, rest),
        47 => tunnel::gre::decode(layer, rest, config),
        50 => esp::decode(layer, rest),
        132 => sctp::decode(layer, rest),
        1 => {
            layer.events.insert(DecodeEvent::Ipv6WithIcmpv4);
            layer.rest_is_payload(rest)
        }
        _ => {
            layer.events.insert(DecodeEvent::Ipv6UnknownNextHeader);
            layer.rest_is_payload(rest)
        }
    }
}

/// IP in IP: the outer layer's payload is the inner packet.
fn tunnel_of<'f>(
    layer: &mut Headers,
    protocol: Protocol,
    source: PacketSource,
    step: Step,
    rest: Input<'f>,
) -> Next<'f> {
    layer.seen.insert(protocol);
    layer.rest_is_payload(rest);
    Next::Tunnel(source, step, rest)
}

/// A piece of a datagram. The first piece has ports and a transport header when that header is whole; nothing in it is
/// checked and no event is raised, because the datagram is decoded again once it is put together. Tunnels stay closed.
#[inline(always)]
pub(crate) fn fragment<'f>(layer: &mut Headers, rest: Input<'f>) -> Next<'f> {
    fragment_apart(layer, rest.bytes, rest.start)
}

#[cold]
fn fragment_apart<'f>(layer: &mut Headers, bytes: &'f [u8], start: u32) -> Next<'f> {
    let rest = Input { bytes, start };
    layer.rest_is_payload(rest);
    if layer.fragment.offset_bytes != 0 {
        return Next::Done;
    }
    let header_len = match layer.protocol {
        6 => usize::from(rest.byte(12).unwrap_or_default() >> 4).wrapping_mul(4),
        17 => 8,
        132 => 12,
        1 if layer.ip_version == 4 => 8,
        58 if layer.ip_version == 6 => 8,
        _ => return Next::Done,
    };
    if layer.protocol == 6 && header_len < 20 {
        return Next::Done;
    }
    let (Some(payload), Some(head)) = (rest.after(header_len), rest.head::<8>()) else {
        return Next::Done;
    };
    layer.has_transport = true;
    layer.l4_header_len = header_len as u16;
    if matches!(layer.protocol, 1 | 58) {
        (layer.icmp_type, layer.icmp_code) = (head[0], head[1]);
    } else {
        layer.src_port = be16(head[0], head[1]);
        layer.dst_port = be16(head[2], head[3]);
    }
    if layer.protocol == 6 {
        tcp::read_fixed(layer, rest);
    }
    layer.rest_is_payload(payload)
}
