//! Linux cooked captures, versions 1 and 2.
//!
//! Called by the walk for captures of link types 113 and 276. A protocol without a decoder is payload, without an event.
//!
//! Source: tcpdump.org link types LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16, ether_type_step};
use crate::seen::Protocol;

/// Reads the 16 bytes of a version 1 header: the EtherType is at the end.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Sll);
    match input.split::<16>() {
        Some((header, rest)) => by_type(layer, be16(header[14], header[15]), rest),
        None => layer.fail(DecodeEvent::SllPacketTooSmall, input),
    }
}

/// Reads the 20 bytes of a version 2 header: the EtherType is at the start.
pub(crate) fn decode2<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Sll2);
    match input.split::<20>() {
        Some((header, rest)) => by_type(layer, be16(header[0], header[1]), rest),
        None => layer.fail(DecodeEvent::Sll2PacketTooSmall, input),
    }
}

fn by_type<'f>(layer: &mut Headers, ether_type: u16, rest: Input<'f>) -> Next<'f> {
    layer.ether_type = ether_type;
    match ether_type_step(ether_type) {
        Some(step) => Next::Step(step, rest),
        None => layer.rest_is_payload(rest),
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ipv4, ipv6, udp};
    use crate::{DecodeEvent, LinkType};

    #[test]
    fn both_versions_lead_to_ip() {
        let mut frame = vec![0; 14];
        frame.extend_from_slice(&[8, 0]);
        frame.extend_from_slice(&ipv4(17, &udp(1, 2, b"x")));
        assert!(decoded(&frame, LinkType::LinuxCooked).innermost().is_udp());
        let mut frame = vec![0x86, 0xdd];
        frame.extend_from_slice(&[0; 18]);
        frame.extend_from_slice(&ipv6(17, &udp(1, 2, b"x")));
        assert!(decoded(&frame, LinkType::LinuxCooked2).innermost().is_udp());
    }

    #[test]
    fn cut_headers_are_invalid() {
        let out = decoded(&[0; 15], LinkType::LinuxCooked);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::SllPacketTooSmall]);
        let out = decoded(&[0; 19], LinkType::LinuxCooked2);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::Sll2PacketTooSmall]);
        assert!(out.innermost().invalid);
    }
}
