//! BSD and OpenBSD loopback headers: four bytes of address family.
//!
//! Called by the walk for captures of link types 0 and 108. Both byte orders are read, because the file does not say
//! which machine wrote it.
//!
//! Source: tcpdump.org link types LINKTYPE_NULL and LINKTYPE_LOOP; the families of the BSDs, Darwin and Linux.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, Step};
use crate::seen::Protocol;

/// Reads the address family.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Null);
    let Some((family, rest)) = input.split::<4>() else {
        return layer.fail(DecodeEvent::NullPacketTooSmall, input);
    };
    let (little, big) = (u32::from_le_bytes(*family), u32::from_be_bytes(*family));
    match little.min(big) {
        2 => Next::Step(Step::Ipv4, rest),
        10 | 24 | 28 | 30 => Next::Step(Step::Ipv6, rest),
        _ => layer.fail(DecodeEvent::NullUnsupportedType, rest),
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ipv4, ipv6, udp};
    use crate::{DecodeEvent, LinkType};

    #[test]
    fn both_byte_orders_are_read() {
        for family in [[2, 0, 0, 0], [0, 0, 0, 2]] {
            let frame = [&family[..], &ipv4(17, &udp(1, 2, b"x"))].concat();
            assert!(decoded(&frame, LinkType::Null).innermost().is_udp());
        }
        for family in [10, 24, 28, 30] {
            let frame = [&[family, 0, 0, 0][..], &ipv6(17, &udp(1, 2, b"x"))].concat();
            assert_eq!(decoded(&frame, LinkType::Loop).innermost().ip_version, 6);
        }
    }

    #[test]
    fn other_families_and_cut_headers_are_invalid() {
        let out = decoded(&[7, 0, 0, 0, 1], LinkType::Null);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::NullUnsupportedType]);
        let out = decoded(&[2, 0, 0], LinkType::Null);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::NullPacketTooSmall]);
        assert!(out.innermost().invalid);
    }
}
