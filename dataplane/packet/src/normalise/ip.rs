//! The checks of IP headers, and of what lies behind the packet.
//!
//! Called by [`super::look`]. Sources: with each action in [`super::action`].

use super::{
    action::Action,
    look::{Look, Say},
};
use crate::{event::DecodeEvent, headers::Headers, options::extension_headers};

/// Most extension headers that are let pass.
const MOST_EXTENSIONS: usize = 8;
/// An Ethernet frame without its check sequence has at least so many bytes, and four more for each VLAN tag.
const SHORTEST_ETHERNET: usize = 60;

pub(super) fn look(look: &Look, say: &mut Say) {
    let headers = look.headers;
    if say.switches.wants(Action::Martians) && is_martian(headers) {
        say.found(Action::Martians);
    }
    ttl(look, say);
    match headers.ip_version {
        4 => ipv4(look, say),
        _ => extensions(look, say),
    }
}

/// Whether the packet's addresses can't be those of a packet on a wire.
fn is_martian(headers: &Headers) -> bool {
    let ([source, ..], [destination, ..]) = (headers.src, headers.dst);
    if headers.ip_version == 4 {
        let everybody = headers.dst.starts_with(&[255; 4]);
        return source == 127 || source >= 224 || destination == 127 || (destination >= 240 && !everybody);
    }
    let loopback = 1_u128.to_be_bytes();
    source == 0xff || headers.src == loopback || headers.dst == loopback
}

/// Whether the destination is a group of hosts.
fn is_group(headers: &Headers) -> bool {
    let [first, ..] = headers.dst;
    if headers.ip_version == 4 { first >= 224 } else { first == 0xff }
}

fn ttl(look: &Look, say: &mut Say) {
    let headers = look.headers;
    let least = say.switches.min_ttl();
    // Traceroute counts on packets that do not arrive; routing protocols on neighbours being near.
    let measures = match headers.protocol {
        6 | 132 => false,
        17 => headers.is_udp() && (33_434..=33_534).contains(&headers.dst_port),
        _ => true,
    };
    if headers.ttl >= least || headers.ttl == 0 || measures || is_group(headers) {
        return;
    }
    if say.found(Action::MinTtl) {
        let at = headers.ip_offset as usize + if headers.ip_version == 4 { 8 } else { 7 };
        say.edits.fill(Action::MinTtl, at, 1, least);
    }
}

fn ipv4(look: &Look, say: &mut Say) {
    let Look { frame, headers, .. } = *look;
    let start = headers.ip_offset as usize;
    if let Some(&flags) = frame.get(start + 6) {
        let mut new = flags;
        let mut why = None;
        if headers.fragment.reserved && say.found(Action::Ipv4ReservedBit) {
            new &= 0x7f;
            why = Some(Action::Ipv4ReservedBit);
        }
        if headers.fragment.dont && say.found(Action::Ipv4DontFragment) {
            new &= 0xbf;
            why = Some(Action::Ipv4DontFragment);
        }
        if let Some(action) = why {
            say.edits.fill(action, start + 6, 1, new);
        }
    }
    if headers.ip_header_len > 20 {
        options(headers.ip_header(frame).get(20..).unwrap_or_default(), start + 20, say);
    }
}

fn options(all: &[u8], at: usize, say: &mut Say) {
    let mut rest = all;
    loop {
        let place = at + all.len() - rest.len();
        match rest {
            [] => return,
            [0, padding @ ..] => {
                if padding.iter().any(|byte| *byte != 0) && say.found(Action::Ipv4OptionPadding) {
                    say.edits.fill(Action::Ipv4OptionPadding, place + 1, padding.len(), 0);
                }
                return;
            }
            [1, after @ ..] => rest = after,
            [kind, length, ..] => {
                let length = usize::from(*length);
                // A length that breaks the walk makes the packet undecodable, which has a policy of its own.
                let Some(after) = rest.get(length..).filter(|_| length >= 2) else { return };
                let action = if matches!(kind, 131 | 137) { Action::Ipv4SourceRoute } else { Action::Ipv4Options };
                if say.switches.wants(action) && say.found(action) {
                    say.edits.fill(action, place, length, 1);
                }
                rest = after;
            }
            [_] => return,
        }
    }
}

fn extensions(look: &Look, say: &mut Say) {
    let Look { frame, headers, .. } = *look;
    if headers.ip_header_len <= 40 {
        return;
    }
    let duplicates = [
        DecodeEvent::Ipv6DuplicateHopByHop,
        DecodeEvent::Ipv6DuplicateRoutingHeader,
        DecodeEvent::Ipv6DuplicateFragmentHeader,
        DecodeEvent::Ipv6DuplicateAuthentication,
        DecodeEvent::Ipv6DuplicateDestinationOptions,
    ];
    if headers.events.contains(DecodeEvent::Ipv6RoutingType0) {
        say.found(Action::Ipv6RoutingType0);
    }
    if duplicates.into_iter().any(|event| headers.events.contains(event)) {
        say.found(Action::Ipv6DuplicateExtension);
    }
    for (number, header) in extension_headers(frame, headers).enumerate() {
        if number >= MOST_EXTENSIONS {
            say.found(Action::Ipv6ExtensionCount);
            return;
        }
        if number > 0 && header.kind == 0 {
            say.found(Action::Ipv6ExtensionOrder);
        }
        if matches!(header.kind, 0 | 60) {
            let start = header.offset as usize + 2;
            let end = start + usize::from(header.len).saturating_sub(2);
            padding(frame.get(start..end).unwrap_or_default(), start, say);
        }
    }
}

/// Data in the padding of hop-by-hop and destination options.
fn padding(all: &[u8], at: usize, say: &mut Say) {
    let mut rest = all;
    while let [kind, after_kind @ ..] = rest {
        if *kind == 0 {
            rest = after_kind;
            continue;
        }
        let place = at + all.len() - rest.len();
        let Some((&length, value)) = after_kind.split_first() else { return };
        let Some((value, after)) = value.split_at_checked(usize::from(length)) else { return };
        if *kind == 1 && value.iter().any(|byte| *byte != 0) && say.found(Action::Ipv6Padding) {
            say.edits.fill(Action::Ipv6Padding, place + 2, value.len(), 0);
        }
        rest = after;
    }
}

/// What lies between the end of the IP packet and of what carries it.
///
/// The outermost packet is cut to its length, but not below the shortest Ethernet frame, and only where nothing between Ethernet and IP has a length of
/// its own. What may not be cut off becomes zero. Inside tunnels only the padding of a whole Ethernet frame is looked at: what follows an IP packet
/// there may mean something to the tunnel (RFC 6081, trailers of Teredo).
pub(super) fn trailing(look: &Look, say: &mut Say) {
    let Look { frame, headers, end: carried_to, layer, .. } = *look;
    let packet_end = (headers.ip_offset as usize).saturating_add(headers.ip_len as usize);
    let Some(trailing) = frame.get(packet_end..carried_to.min(frame.len())).filter(|bytes| !bytes.is_empty()) else {
        return;
    };
    if layer > 0 && !headers.has_ethernet {
        return;
    }
    let keep = if layer > 0 { carried_to } else { shortest(look).max(packet_end).min(frame.len()) };
    let kept = trailing.get(..keep.saturating_sub(packet_end)).unwrap_or(trailing);
    let zero = kept.iter().all(|byte| *byte == 0);
    if (!zero || keep < carried_to) && say.found(Action::TrailingBytes) {
        if !zero {
            say.edits.fill(Action::TrailingBytes, packet_end, kept.len(), 0);
        }
        if keep < carried_to {
            say.edits.trim_to(Action::TrailingBytes, keep);
        }
    }
}

/// Bytes that the frame must have.
pub(super) fn shortest(look: &Look) -> usize {
    let headers = look.headers;
    let tags = 4 * usize::from(headers.vlan_count);
    let ip = headers.ip_offset as usize;
    if headers.has_ethernet && headers.ethernet_offset == 0 && ip == 14 + tags {
        SHORTEST_ETHERNET + tags
    } else if !headers.has_ethernet && ip == 0 {
        0
    } else {
        look.frame.len()
    }
}
