//! PPP frames: IPv4, IPv6 and the control protocols.
//!
//! Called by the walk for captures of link type 9 and 50, for PPPoE sessions and for GRE version 1 (PPTP). Address and
//! control bytes are skipped when there; a protocol field of one byte (RFC 1661 section 6.5) is read.
//!
//! Sources: RFC 1661 section 2, RFC 1662 section 3.1, IANA PPP protocol numbers. Van Jacobson compressed headers
//! (RFC 1144) are not expanded.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, Step, be16};
use crate::seen::Protocol;

const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;
const VJ_UNCOMPRESSED: u16 = 0x002f;
const MPLS_UNICAST: u16 = 0x0281;

/// Reads the protocol field and hands on what it names.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Ppp);
    let framed = match input.head::<2>() {
        Some([0xff, 0x03]) => input.after(2),
        _ => Some(input),
    };
    let read = framed.and_then(|rest| match rest.byte(0)? {
        // The last byte of a protocol number is odd, and only that one.
        short if short & 1 == 1 => Some((u16::from(short), rest.after(1)?)),
        _ => rest.split::<2>().map(|(number, rest)| (be16(number[0], number[1]), rest)),
    });
    let Some((protocol, rest)) = read else {
        return layer.fail(DecodeEvent::PppPacketTooSmall, input);
    };
    match protocol {
        IPV4 if rest.len() < 20 => layer.fail(DecodeEvent::PppIpv4PacketTooSmall, rest),
        IPV4 => Next::Step(Step::Ipv4, rest),
        IPV6 if rest.len() < 40 => layer.fail(DecodeEvent::PppIpv6PacketTooSmall, rest),
        IPV6 => Next::Step(Step::Ipv6, rest),
        VJ_UNCOMPRESSED if rest.len() < 20 => layer.fail(DecodeEvent::PppVjuPacketTooSmall, rest),
        // An uncompressed header is an IPv4 header with the connection number in the protocol field; it stays opaque.
        VJ_UNCOMPRESSED => unsupported(layer, rest),
        MPLS_UNICAST => Next::Step(Step::Mpls, rest),
        // Link and network control, authentication, quality, compression control: negotiation, nothing to report.
        0x8000..=0xffff => layer.rest_is_payload(rest),
        0x0001..=0x00ff => unsupported(layer, rest),
        _ => layer.fail(DecodeEvent::PppWrongType, rest),
    }
}

fn unsupported<'f>(layer: &mut Headers, rest: Input<'f>) -> Next<'f> {
    layer.events.insert(DecodeEvent::PppUnsupportedProtocol);
    layer.rest_is_payload(rest)
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ipv4, ipv6, udp};
    use crate::{DecodeEvent, LinkType};

    fn events(frame: &[u8]) -> Vec<DecodeEvent> {
        decoded(frame, LinkType::Ppp).innermost().events.as_slice().to_vec()
    }

    #[test]
    fn all_forms_of_the_header_lead_to_ip() {
        let (four, six) = (ipv4(17, &udp(1, 2, b"x")), ipv6(17, &udp(1, 2, b"x")));
        for head in [&[0xff, 3, 0, 0x21][..], &[0, 0x21], &[0x21], &[0xff, 3, 0x21]] {
            let out = decoded(&[head, &four].concat(), LinkType::Ppp);
            assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
        }
        assert_eq!(decoded(&[&[0, 0x57][..], &six].concat(), LinkType::Ppp).innermost().ip_version, 6);
    }

    #[test]
    fn control_protocols_are_silent() {
        for protocol in [[0xc0, 0x21], [0xc0, 0x23], [0xc2, 0x23], [0x80, 0x21], [0x80, 0x57]] {
            assert_eq!(events(&[&protocol[..], &[1, 1, 0, 4]].concat()), []);
        }
    }

    #[test]
    fn each_fault_has_its_event() {
        assert_eq!(events(&[0xff, 3, 0]), [DecodeEvent::PppPacketTooSmall]);
        assert_eq!(events(&[0, 0x21, 0x45]), [DecodeEvent::PppIpv4PacketTooSmall]);
        assert_eq!(events(&[0, 0x57, 0x60]), [DecodeEvent::PppIpv6PacketTooSmall]);
        assert_eq!(events(&[0, 0x2f, 0x45]), [DecodeEvent::PppVjuPacketTooSmall]);
        assert_eq!(events(&[0, 0x2b, 0x45]), [DecodeEvent::PppUnsupportedProtocol]);
        assert_eq!(events(&[0x40, 0x22, 0x45]), [DecodeEvent::PppWrongType]);
    }
}
