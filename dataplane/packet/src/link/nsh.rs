//! Network service headers.
//!
//! Called by the walk. Metadata are skipped.
//!
//! Source: RFC 8300 section 2.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, Step};
use crate::seen::Protocol;

/// Reads base header and service path, skips the context, hands on what the header names.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Nsh);
    let Some(header) = input.head::<8>() else {
        return layer.fail(DecodeEvent::NshHeaderTooSmall, input);
    };
    if header[0] >> 6 != 0 {
        return layer.fail(DecodeEvent::NshUnsupportedVersion, input);
    }
    let words = usize::from(header[1] & 0x3f);
    let Some(rest) = input.after(words.saturating_mul(4)) else {
        return layer.fail(DecodeEvent::NshBadHeaderLength, input);
    };
    match header[2] & 0x0f {
        0 => return layer.fail(DecodeEvent::NshReservedType, input),
        1 if words != 6 => return layer.fail(DecodeEvent::NshBadHeaderLength, input),
        2 if words < 2 => return layer.fail(DecodeEvent::NshBadHeaderLength, input),
        1 | 2 => {}
        _ => return layer.fail(DecodeEvent::NshUnsupportedType, input),
    }
    match header[3] {
        1 => Next::Step(Step::Ipv4, rest),
        2 => Next::Step(Step::Ipv6, rest),
        3 => Next::Step(Step::Ethernet, rest),
        4 => Next::Step(Step::Nsh, rest),
        5 => Next::Step(Step::Mpls, rest),
        // Experiments (RFC 8300 section 9.1.4).
        0xfe | 0xff => layer.rest_is_payload(rest),
        _ => {
            layer.events.insert(DecodeEvent::NshUnknownPayload);
            layer.rest_is_payload(rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, udp};
    use crate::{DecodeEvent, LinkType};

    fn nsh(first: u8, words: u8, kind: u8, next: u8, context: usize) -> Vec<DecodeEvent> {
        let mut bytes = vec![first, words, kind, next, 0, 0, 1, 255];
        bytes.extend(std::iter::repeat_n(0, context));
        bytes.extend_from_slice(&ipv4(17, &udp(1, 2, b"x")));
        decoded(&ethernet(0x894f, &bytes), LinkType::Ethernet).innermost().events.as_slice().to_vec()
    }

    #[test]
    fn both_metadata_types_lead_to_ip() {
        assert_eq!(nsh(0, 6, 1, 1, 16), []);
        assert_eq!(nsh(0, 2, 2, 1, 0), []);
    }

    #[test]
    fn each_fault_has_its_event() {
        assert_eq!(nsh(0x40, 2, 2, 1, 0), [DecodeEvent::NshUnsupportedVersion]);
        assert_eq!(nsh(0, 63, 2, 1, 0), [DecodeEvent::NshBadHeaderLength]);
        assert_eq!(nsh(0, 5, 1, 1, 16), [DecodeEvent::NshBadHeaderLength]);
        assert_eq!(nsh(0, 1, 2, 1, 0), [DecodeEvent::NshBadHeaderLength]);
        assert_eq!(nsh(0, 2, 0, 1, 0), [DecodeEvent::NshReservedType]);
        assert_eq!(nsh(0, 2, 3, 1, 0), [DecodeEvent::NshUnsupportedType]);
        assert_eq!(nsh(0, 2, 2, 9, 0), [DecodeEvent::NshUnknownPayload]);
        let out = decoded(&ethernet(0x894f, &[0, 2, 2, 1, 0, 0, 1]), LinkType::Ethernet);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::NshHeaderTooSmall]);
    }
}
