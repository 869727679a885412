//! ARP and RARP for IPv4 over Ethernet.
//!
//! Called by the walk; [`arp`] is called by the EVE record. Never creates state: whether an answer was asked for is not
//! asked here.
//!
//! Sources: RFC 826, RFC 903, operation numbers from IANA's ARP parameters.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16};
use crate::seen::Protocol;

const ETHER_TYPE: u16 = 0x0806;

/// Reads an ARP packet and keeps it as the layer's payload, 28 bytes without padding.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Arp);
    let Some(packet) = input.head::<28>() else {
        return layer.fail(DecodeEvent::ArpPacketTooSmall, input);
    };
    let event = if be16(packet[0], packet[1]) != 1 {
        DecodeEvent::ArpUnsupportedHardware
    } else if be16(packet[2], packet[3]) != 0x0800 {
        DecodeEvent::ArpUnsupportedProtocol
    } else if packet[4] != 6 {
        DecodeEvent::ArpInvalidHardwareSize
    } else if packet[5] != 4 {
        DecodeEvent::ArpInvalidProtocolSize
    } else if !matches!(be16(packet[6], packet[7]), 1..=10) {
        DecodeEvent::ArpUnsupportedOpcode
    } else {
        return layer.rest_is_payload(input.clip(28));
    };
    layer.fail(event, input)
}

/// Fields of an ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Operation: 1 request, 2 reply, and on to 10 (IANA).
    pub opcode: u16,
    /// Sender hardware address.
    pub source_mac: [u8; 6],
    /// Sender protocol address.
    pub source_ip: [u8; 4],
    /// Target hardware address.
    pub destination_mac: [u8; 6],
    /// Target protocol address.
    pub destination_ip: [u8; 4],
}

/// The ARP packet of a layer; `None` when the layer is not a sound one.
pub fn arp(frame: &[u8], headers: &Headers) -> Option<Arp> {
    if headers.invalid || headers.is_ip() || headers.ether_type != ETHER_TYPE {
        return None;
    }
    let (head, rest) = headers.payload(frame).split_first_chunk::<8>()?;
    let (source_mac, rest) = rest.split_first_chunk()?;
    let (source_ip, rest) = rest.split_first_chunk()?;
    let (destination_mac, rest) = rest.split_first_chunk()?;
    Some(Arp {
        opcode: be16(head[6], head[7]),
        source_mac: *source_mac,
        source_ip: *source_ip,
        destination_mac: *destination_mac,
        destination_ip: *rest.first_chunk()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinkType;
    use crate::build::{decoded, ethernet};

    const REQUEST: [u8; 28] = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];

    fn events(at: usize, value: u8) -> Vec<DecodeEvent> {
        let mut packet = REQUEST;
        packet[at] = value;
        decoded(&ethernet(0x0806, &packet), LinkType::Ethernet).innermost().events.as_slice().to_vec()
    }

    #[test]
    fn a_request_is_read_and_padding_is_left_out() {
        let mut frame = ethernet(0x0806, &REQUEST);
        frame.extend_from_slice(&[0; 18]);
        let out = decoded(&frame, LinkType::Ethernet);
        assert!(out.innermost().events.is_empty());
        assert_eq!(out.innermost().payload_len, 28);
        let arp = arp(&frame, out.innermost()).unwrap();
        assert_eq!((arp.opcode, arp.source_ip, arp.destination_ip), (1, [10, 0, 0, 1], [10, 0, 0, 2]));
        assert_eq!(arp.source_mac, [2, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn each_odd_field_has_its_event() {
        assert_eq!(events(1, 6), [DecodeEvent::ArpUnsupportedHardware]);
        assert_eq!(events(2, 9), [DecodeEvent::ArpUnsupportedProtocol]);
        assert_eq!(events(4, 5), [DecodeEvent::ArpInvalidHardwareSize]);
        assert_eq!(events(5, 16), [DecodeEvent::ArpInvalidProtocolSize]);
        assert_eq!(events(7, 99), [DecodeEvent::ArpUnsupportedOpcode]);
        assert_eq!(events(7, 2), []);
    }

    #[test]
    fn a_cut_packet_is_invalid() {
        let frame = ethernet(0x0806, &REQUEST[..27]);
        let out = decoded(&frame, LinkType::Ethernet);
        assert!(out.innermost().invalid);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::ArpPacketTooSmall]);
        assert_eq!(arp(&frame, out.innermost()), None);
    }
}
