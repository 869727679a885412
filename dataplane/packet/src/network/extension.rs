//! The chain of IPv6 extension headers.
//!
//! Called by `ipv6` when the first next header is not a transport. The walk ends at the upper layer, at a later fragment,
//! or where the chain is cut. Each header costs one step; the payload length bounds them.
//!
//! Sources: RFC 8200 section 4, RFC 4302 (authentication), RFC 5095 (type 0 routing), RFC 6946 (atomic fragments),
//! RFC 6275 (mobility), RFC 7401 (HIP), RFC 5533 (Shim6), IANA option types.

use crate::event::DecodeEvent;
use crate::headers::{Fragment, Headers};
use crate::input::{Input, be16};

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NONE: u8 = 59;
const DESTINATION: u8 = 60;

/// Where the byte lies in the IPv6 header that names what follows it.
const NEXT_HEADER: u16 = 6;

/// Whether `protocol` is an extension header with a next header and a length. ESP hides what follows and is not.
#[inline]
pub(crate) const fn is_extension(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION | 135 | 139 | 140)
}

/// Length in bytes of the extension header `kind` that begins with `first` two bytes.
#[inline]
pub(crate) fn length(kind: u8, second: u8) -> usize {
    match kind {
        FRAGMENT => 8,
        AUTHENTICATION => usize::from(second).wrapping_add(2).wrapping_mul(4),
        _ => usize::from(second).wrapping_add(1).wrapping_mul(8),
    }
}

/// How often each kind was met.
#[derive(Default)]
struct Met {
    hop_by_hop: bool,
    routing: bool,
    fragment: bool,
    authentication: bool,
    destination: u8,
}

/// Walks the chain from `layer.protocol`; answers what follows it, or `None` when the layer is complete or broken.
#[inline(always)]
pub(crate) fn walk<'f>(layer: &mut Headers, input: Input<'f>) -> Option<Input<'f>> {
    let mut rest = input;
    let mut met = Met::default();
    // Where the byte lies that names the header at hand.
    let mut named_at = NEXT_HEADER;
    while is_extension(layer.protocol) {
        let kind = layer.protocol;
        let cut = match rest.head::<2>() {
            Some(head) => rest.bytes.split_at_checked(length(kind, head[1])).map(|(header, _)| header),
            None => None,
        };
        // 40 bytes and the chain must fit the 16 bits of `ip_header_len`.
        let header_len = cut.and_then(|header| layer.ip_header_len.checked_add(header.len() as u16));
        let (Some(header), Some(header_len), Some(&next)) = (cut, header_len, rest.bytes.first()) else {
            layer.fail(DecodeEvent::Ipv6TruncatedExtension, rest);
            return None;
        };
        let after = rest.after(header.len())?;
        let at = layer.ip_header_len;
        let offset_before = layer.fragment.offset_bytes;
        match kind {
            HOP_BY_HOP => {
                once(layer, &mut met.hop_by_hop, DecodeEvent::Ipv6DuplicateHopByHop);
                check_options(layer, header, true);
            }
            DESTINATION => {
                // Once before a routing header, once before the upper layer.
                if met.destination >= 2 {
                    layer.events.insert(DecodeEvent::Ipv6DuplicateDestinationOptions);
                }
                met.destination = met.destination.saturating_add(1);
                check_options(layer, header, false);
            }
            ROUTING => {
                once(layer, &mut met.routing, DecodeEvent::Ipv6DuplicateRoutingHeader);
                check_routing(layer, header);
            }
            AUTHENTICATION => {
                once(layer, &mut met.authentication, DecodeEvent::Ipv6DuplicateAuthentication);
                check_authentication(layer, header);
            }
            FRAGMENT => {
                once(layer, &mut met.fragment, DecodeEvent::Ipv6DuplicateFragmentHeader);
                read_fragment(layer, header, after, (at, named_at));
            }
            _ => {}
        }
        layer.protocol = next;
        layer.ip_header_len = header_len;
        layer.l4_offset = after.start;
        (rest, named_at) = (after, at);
        if layer.fragment.offset_bytes != 0 && offset_before == 0 {
            return Some(rest);
        }
    }
    if layer.protocol == NONE {
        if rest.len() > 0 {
            layer.events.insert(DecodeEvent::Ipv6DataAfterNone);
        }
        layer.rest_is_payload(rest);
        return None;
    }
    // Not even the first two bytes of the upper layer are there: Suricata's public cases `ipv6-malformed-fragments-26`
    // and `-28` want this to be a cut chain.
    if rest.len() < 2 && !layer.fragment.is_fragment && rest.start != input.start {
        layer.fail(DecodeEvent::Ipv6TruncatedExtension, rest);
        return None;
    }
    Some(rest)
}

fn once(layer: &mut Headers, met: &mut bool, event: DecodeEvent) {
    if std::mem::replace(met, true) {
        layer.events.insert(event);
    }
}

/// Hop-by-hop and destination options.
fn check_options(layer: &mut Headers, header: &[u8], hop_by_hop: bool) {
    let mut rest = header.get(2..).unwrap_or_default();
    let mut only_padding = true;
    loop {
        let (kind, length, value) = match rest {
            [] => break,
            [0, 0, 0, 0, after @ ..] | [0, after @ ..] => {
                rest = after;
                continue;
            }
            [kind, length, value @ ..] => (*kind, *length, value),
            [_] => {
                layer.events.insert(DecodeEvent::Ipv6InvalidOptionLength);
                return;
            }
        };
        let Some(after) = value.get(usize::from(length)..) else {
            layer.events.insert(DecodeEvent::Ipv6InvalidOptionLength);
            return;
        };
        rest = after;
        let wanted = match kind {
            1 => {
                if length == 0 {
                    layer.events.insert(DecodeEvent::Ipv6ZeroLengthPadN);
                }
                continue;
            }
            0x05 => 2,  // router alert (RFC 2711)
            0xc2 => 4,  // jumbo payload (RFC 2675)
            0xc9 => 16, // home address (RFC 6275)
            _ => {
                only_padding = false;
                layer.events.insert(if hop_by_hop {
                    DecodeEvent::Ipv6HopByHopUnknownOption
                } else {
                    DecodeEvent::Ipv6DestinationUnknownOption
                });
                continue;
            }
        };
        only_padding = false;
        if length != wanted {
            layer.events.insert(DecodeEvent::Ipv6InvalidOptionLength);
        }
    }
    if only_padding {
        layer.events.insert(if hop_by_hop {
            DecodeEvent::Ipv6HopByHopOnlyPadding
        } else {
            DecodeEvent::Ipv6DestinationOnlyPadding
        });
    }
}

fn check_routing(layer: &mut Headers, header: &[u8]) {
    if let [_, _, kind, segments_left, ..] = header {
        layer.routed = *segments_left != 0;
        if *kind == 0 {
            layer.events.insert(DecodeEvent::Ipv6RoutingType0);
        }
    }
}

fn check_authentication(layer: &mut Headers, header: &[u8]) {
    match header {
        [_, _, high, low, _, _, _, _, _, _, _, _, ..] => {
            if (*high, *low) != (0, 0) {
                layer.events.insert(DecodeEvent::Ipv6AuthenticationReserved);
            }
        }
        _ => layer.events.insert(DecodeEvent::Ipv6TruncatedExtension),
    }
}

/// Keeps the fields of the first fragment header that is not atomic: an atomic one changes nothing for the other end. Checks all of them. `header_at` and `named_at` are those of
/// [`Fragment`].
fn read_fragment(layer: &mut Headers, header: &[u8], after: Input<'_>, (header_at, named_at): (u16, u16)) {
    let Some(header) = header.first_chunk::<8>() else { return };
    let field = be16(header[2], header[3]);
    let (offset_bytes, more) = (field & 0xfff8, field & 1 != 0);
    if header[1] != 0 {
        layer.events.insert(DecodeEvent::Ipv6FragmentReserved);
    }
    if offset_bytes == 0 && !more {
        layer.events.insert(DecodeEvent::Ipv6UselessFragmentHeader);
    }
    if more && after.len() & 7 != 0 {
        layer.events.insert(DecodeEvent::Ipv6FragmentInvalidLength);
    }
    if !layer.fragment.is_fragment {
        layer.fragment = Fragment {
            id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            offset_bytes,
            more,
            is_fragment: more || offset_bytes != 0,
            dont: false,
            reserved: false,
            header_at,
            named_at,
        };
    }
}

#[cfg(test)]
mod tests {
    use crate::DecodeEvent::{self, *};
    use crate::LinkType;
    use crate::build::{decoded, ipv6, udp};

    const PAD: [u8; 6] = [1, 4, 0, 0, 0, 0];
    const ALERT: [u8; 6] = [5, 2, 0, 0, 0, 0];

    /// A chain of headers `(kind, six bytes after next header and length)` before UDP.
    fn chain(headers: &[(u8, [u8; 6])]) -> (Vec<DecodeEvent>, bool, bool) {
        let mut bytes = Vec::new();
        for (index, (kind, body)) in headers.iter().enumerate() {
            bytes.push(headers.get(index + 1).map_or(17, |(next, _)| *next));
            bytes.push(if *kind == 51 { 1 } else { 0 });
            bytes.extend_from_slice(body);
            if *kind == 51 {
                bytes.extend_from_slice(&[0; 4]);
            }
        }
        bytes.extend_from_slice(&udp(1, 2, b"x"));
        let packet = ipv6(headers[0].0, &bytes);
        let out = decoded(&packet, LinkType::Raw);
        let layer = out.innermost();
        if !layer.fragment.is_fragment && !layer.invalid {
            assert_eq!(usize::from(layer.ip_header_len), packet.len() - 9);
        }
        (layer.events.as_slice().to_vec(), layer.is_udp(), layer.invalid)
    }

    #[test]
    fn sound_chains_are_silent_and_end_at_the_transport() {
        let all = [(0, ALERT), (60, ALERT), (43, [4, 0, 0, 0, 0, 0]), (51, [0; 6]), (60, ALERT)];
        assert_eq!(chain(&all), (vec![], true, false));
        assert_eq!(chain(&[(135, [0; 6])]), (vec![], true, false));
    }

    #[test]
    fn repeated_headers_have_events_and_are_passed() {
        assert_eq!(chain(&[(0, ALERT), (0, ALERT)]), (vec![Ipv6DuplicateHopByHop], true, false));
        let routing = [4, 0, 0, 0, 0, 0];
        assert_eq!(chain(&[(43, routing), (43, routing)]), (vec![Ipv6DuplicateRoutingHeader], true, false));
        assert_eq!(chain(&[(51, [0; 6]), (51, [0; 6])]), (vec![Ipv6DuplicateAuthentication], true, false));
        let three = [(60, ALERT), (60, ALERT), (60, ALERT)];
        assert_eq!(chain(&three), (vec![Ipv6DuplicateDestinationOptions], true, false));
        assert_eq!(chain(&three[..2]), (vec![], true, false));
    }

    #[test]
    fn options_are_checked() {
        assert_eq!(chain(&[(0, PAD)]), (vec![Ipv6HopByHopOnlyPadding], true, false));
        assert_eq!(chain(&[(60, PAD)]), (vec![Ipv6DestinationOnlyPadding], true, false));
        assert_eq!(chain(&[(0, [0x1e, 4, 0, 0, 0, 0])]), (vec![Ipv6HopByHopUnknownOption], true, false));
        assert_eq!(chain(&[(60, [0x1e, 4, 0, 0, 0, 0])]), (vec![Ipv6DestinationUnknownOption], true, false));
        assert_eq!(chain(&[(0, [5, 2, 0, 0, 1, 0])]), (vec![Ipv6ZeroLengthPadN], true, false));
        assert_eq!(chain(&[(0, [5, 4, 0, 0, 0, 0])]), (vec![Ipv6InvalidOptionLength], true, false));
        assert_eq!(chain(&[(0, [5, 9, 0, 0, 0, 0])]), (vec![Ipv6InvalidOptionLength], true, false));
    }

    #[test]
    fn routing_type_0_and_reserved_fields_have_events() {
        assert_eq!(chain(&[(43, [0; 6])]), (vec![Ipv6RoutingType0], true, false));
        assert_eq!(chain(&[(51, [1, 0, 0, 0, 0, 0])]), (vec![Ipv6AuthenticationReserved], true, false));
    }

    #[test]
    fn an_atomic_fragment_is_useless_but_decoded() {
        assert_eq!(chain(&[(44, [0; 6])]), (vec![Ipv6UselessFragmentHeader], true, false));
        let twice = vec![Ipv6UselessFragmentHeader, Ipv6DuplicateFragmentHeader, Ipv6UselessFragmentHeader];
        assert_eq!(chain(&[(44, [0; 6]), (44, [0; 6])]), (twice, true, false));
    }

    #[test]
    fn behind_an_atomic_fragment_header_a_real_one_counts() {
        let bytes = [&[44, 0, 0, 0, 0, 0, 0, 9][..], &[17, 0, 0, 9, 0, 0, 0, 1], b"12345678"].concat();
        let out = decoded(&ipv6(44, &bytes), LinkType::Raw);
        let layer = out.innermost();
        assert!(layer.fragment.is_fragment && !layer.has_transport);
        assert_eq!((layer.fragment.id, layer.fragment.offset_bytes, layer.fragment.more), (1, 8, true));
        assert_eq!(layer.events.as_slice(), [Ipv6UselessFragmentHeader, Ipv6DuplicateFragmentHeader]);
    }

    #[test]
    fn a_later_fragment_ends_the_walk() {
        assert_eq!(chain(&[(44, [0, 8, 0, 0, 0, 1]), (60, PAD)]), (vec![], false, false));
    }

    #[test]
    fn a_fragment_with_more_to_come_must_fill_eight_byte_units() {
        let (events, transport, _) = chain(&[(44, [0, 1, 0, 0, 0, 1])]);
        assert_eq!((events, transport), (vec![Ipv6FragmentInvalidLength], true));
    }

    #[test]
    fn a_reserved_byte_in_the_fragment_header_has_an_event() {
        let bytes = [&[17, 9, 0, 8, 0, 0, 0, 1][..], &udp(1, 2, b"x")].concat();
        let out = decoded(&ipv6(44, &bytes), LinkType::Raw);
        assert_eq!(out.innermost().events.as_slice(), [Ipv6FragmentReserved]);
    }

    #[test]
    fn cut_headers_are_invalid() {
        for (kind, bytes) in [(0, &[17u8][..]), (60, &[17, 1, 0, 0, 0, 0, 0, 0]), (44, &[17, 0, 0, 0]), (51, &[17, 9])]
        {
            let out = decoded(&ipv6(kind, bytes), LinkType::Raw);
            assert!(out.innermost().invalid);
            assert_eq!(out.innermost().events.as_slice(), [Ipv6TruncatedExtension]);
        }
    }

    #[test]
    fn an_upper_layer_of_one_byte_after_an_extension_header_is_a_cut_chain() {
        let out = decoded(&ipv6(44, &[6, 0, 0, 0, 0, 0, 0, 1, 0]), LinkType::Raw);
        assert_eq!(out.innermost().events.as_slice(), [Ipv6UselessFragmentHeader, Ipv6TruncatedExtension]);
        assert!(out.innermost().invalid);
    }

    #[test]
    fn data_after_no_next_header_have_an_event() {
        assert_eq!(decoded(&ipv6(59, b"x"), LinkType::Raw).innermost().events.as_slice(), [Ipv6DataAfterNone]);
        let out = decoded(&ipv6(59, b""), LinkType::Raw);
        assert!(out.innermost().events.is_empty() && out.innermost().protocol == 59);
    }
}
