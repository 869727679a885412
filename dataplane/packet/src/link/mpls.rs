//! MPLS label stacks.
//!
//! Called by the walk. What follows the last label is found from that label where it is a reserved one, else from the
//! first four bits: 4 and 6 are IP, 0 is the control word of an Ethernet pseudowire (RFC 4385, RFC 4448). A pseudowire
//! without control word is not recognised: its first byte is part of a hardware address.
//!
//! Sources: RFC 3032 section 2.1, RFC 4182, IANA special-purpose label values.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, Step};
use crate::seen::Protocol;

const IPV4_EXPLICIT_NULL: u32 = 0;
const ROUTER_ALERT: u32 = 1;
const IPV6_EXPLICIT_NULL: u32 = 2;
const IMPLICIT_NULL: u32 = 3;
const LAST_RESERVED: u32 = 15;

/// Reads labels up to the bottom of the stack. Cost: one step a label, bounded by the bytes of the frame.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Mpls);
    let mut input = input;
    let (label, rest) = loop {
        let Some((entry, rest)) = input.split::<4>() else {
            return layer.fail(DecodeEvent::MplsHeaderTooSmall, input);
        };
        if entry[2] & 1 == 1 {
            break (u32::from_be_bytes(*entry) >> 12, rest);
        }
        input = rest;
    };
    let event = match label {
        IPV4_EXPLICIT_NULL => return by_size(layer, Step::Ipv4, 20, rest),
        IPV6_EXPLICIT_NULL => return by_size(layer, Step::Ipv6, 40, rest),
        ROUTER_ALERT => DecodeEvent::MplsBadRouterAlert,
        IMPLICIT_NULL => DecodeEvent::MplsBadImplicitNull,
        4..=LAST_RESERVED => DecodeEvent::MplsReservedLabel,
        _ => match rest.byte(0).map(|byte| byte >> 4) {
            Some(4) => return Next::Step(Step::Ipv4, rest),
            Some(6) => return Next::Step(Step::Ipv6, rest),
            Some(0) => match rest.after(4) {
                Some(frame) => return Next::Step(Step::Ethernet, frame),
                None => return layer.fail(DecodeEvent::MplsPacketTooSmall, rest),
            },
            Some(_) => DecodeEvent::MplsUnknownPayload,
            None => return layer.fail(DecodeEvent::MplsPacketTooSmall, rest),
        },
    };
    layer.events.insert(event);
    layer.rest_is_payload(rest)
}

fn by_size<'f>(layer: &mut Headers, step: Step, least: usize, rest: Input<'f>) -> Next<'f> {
    if rest.len() < least { layer.fail(DecodeEvent::MplsPacketTooSmall, rest) } else { Next::Step(step, rest) }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, ipv6, udp};
    use crate::{DecodeEvent, Decoded, LinkType};

    fn label(value: u32, bottom: bool) -> [u8; 4] {
        (value << 12 | u32::from(bottom) << 8 | 64).to_be_bytes()
    }

    fn stack(labels: &[u32], rest: &[u8]) -> Decoded {
        let mut bytes = Vec::new();
        for (index, &value) in labels.iter().enumerate() {
            bytes.extend_from_slice(&label(value, index + 1 == labels.len()));
        }
        bytes.extend_from_slice(rest);
        decoded(&ethernet(0x8847, &bytes), LinkType::Ethernet)
    }

    #[test]
    fn labels_lead_to_ip_and_to_ethernet_pseudowires() {
        let (four, six) = (ipv4(17, &udp(1, 2, b"x")), ipv6(17, &udp(1, 2, b"x")));
        assert_eq!(stack(&[100, 200], &four).innermost().ip_version, 4);
        assert_eq!(stack(&[100], &six).innermost().ip_version, 6);
        assert_eq!(stack(&[0], &four).innermost().ip_version, 4);
        assert_eq!(stack(&[1, 2], &six).innermost().ip_version, 6);
        let wire = [&[0; 4][..], &ethernet(0x0800, &four)].concat();
        let out = stack(&[100], &wire);
        assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
        assert_eq!(out.innermost().ethernet_offset, 22);
    }

    #[test]
    fn each_bad_label_has_its_event() {
        assert_eq!(stack(&[1], b"x").innermost().events.as_slice(), [DecodeEvent::MplsBadRouterAlert]);
        assert_eq!(stack(&[3], b"x").innermost().events.as_slice(), [DecodeEvent::MplsBadImplicitNull]);
        assert_eq!(stack(&[7], b"x").innermost().events.as_slice(), [DecodeEvent::MplsReservedLabel]);
        assert_eq!(stack(&[99], b"\x90").innermost().events.as_slice(), [DecodeEvent::MplsUnknownPayload]);
    }

    #[test]
    fn cut_stacks_and_cut_payloads_are_invalid() {
        let out = decoded(&ethernet(0x8847, &label(5, false)), LinkType::Ethernet);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::MplsHeaderTooSmall]);
        assert!(out.innermost().invalid);
        for (value, rest) in [(0, &b"E"[..]), (99, b""), (99, b"\0\0\0")] {
            let out = stack(&[value], rest);
            assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::MplsPacketTooSmall]);
        }
    }
}
