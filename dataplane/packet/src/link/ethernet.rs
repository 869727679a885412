//! Ethernet II headers.
//!
//! Called by the walk for frames, for VXLAN, GENEVE, ERSPAN and GRE payloads, and for MPLS pseudowires.
//!
//! Source: IEEE 802.3 clause 3. A frame whose type field is a length (802.2) has no decoder and counts as an unknown
//! EtherType, as in Suricata.

use crate::config::DecodeConfig;
use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16, ether_type_step};
use crate::link::vlan;
use crate::network::{ipv4, ipv6};
use crate::seen::Protocol;

/// Reads the 14 bytes of an Ethernet header.
#[inline(always)]
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>, config: &DecodeConfig) -> Next<'f> {
    let Some((header, rest)) = input.split::<14>() else {
        return layer.fail(DecodeEvent::EthernetPacketTooSmall, input);
    };
    layer.seen.insert(Protocol::Ethernet);
    layer.has_ethernet = true;
    layer.ethernet_offset = input.start;
    layer.ether_type = be16(header[12], header[13]);
    match layer.ether_type {
        0x0800 => ipv4::decode(layer, rest, config),
        0x86dd => ipv6::decode(layer, rest, config),
        0x8100 => vlan::decode(layer, rest, config),
        _ => other_type(layer, rest.bytes, rest.start),
    }
}

#[cold]
fn other_type<'f>(layer: &mut Headers, bytes: &'f [u8], start: u32) -> Next<'f> {
    let rest = Input { bytes, start };
    match ether_type_step(layer.ether_type) {
        Some(step) => Next::Step(step, rest),
        None => {
            layer.seen.insert(Protocol::UnknownEtherType);
            layer.events.insert(DecodeEvent::EthernetUnknownType);
            layer.rest_is_payload(rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, udp};
    use crate::{DecodeEvent, LinkType, Protocol};

    #[test]
    fn a_short_header_is_invalid_and_a_whole_one_is_not() {
        let out = decoded(&[0; 13], LinkType::Ethernet);
        assert!(out.innermost().invalid);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::EthernetPacketTooSmall]);
        let out = decoded(&ethernet(0x0800, &ipv4(17, &udp(1, 2, b"x"))), LinkType::Ethernet);
        assert!(out.innermost().events.is_empty() && !out.innermost().invalid);
    }

    #[test]
    fn an_unknown_type_is_an_event_and_its_bytes_are_payload() {
        let frame = ethernet(0x1234, b"payload");
        let out = decoded(&frame, LinkType::Ethernet);
        let layer = out.innermost();
        assert_eq!(layer.events.as_slice(), [DecodeEvent::EthernetUnknownType]);
        assert!(!layer.invalid && layer.seen.contains(Protocol::UnknownEtherType));
        assert_eq!(layer.payload(&frame), b"payload");
    }

    #[test]
    fn hardware_addresses_are_those_of_the_header() {
        let frame = ethernet(0x0800, &ipv4(17, &udp(1, 2, b"x")));
        let out = decoded(&frame, LinkType::Ethernet);
        assert_eq!(out.innermost().mac_addresses(&frame), Some(([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])));
    }
}
