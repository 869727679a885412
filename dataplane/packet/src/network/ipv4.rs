//! IPv4 headers.
//!
//! Called by the walk. Bytes past the total length are padding and out of everybody's sight; a total length past the
//! captured bytes ends the layer. Never joins fragments.
//!
//! Source: RFC 791 section 3.1.

use crate::config::DecodeConfig;
use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16};
use crate::network::ipv4_options;
use crate::seen::Protocol;
use crate::transport;

/// Reads the header and its options, then the transport header.
#[inline(always)]
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>, config: &DecodeConfig) -> Next<'f> {
    layer.seen.insert(Protocol::Ipv4);
    let Some(header) = input.head::<20>() else {
        return layer.fail(DecodeEvent::Ipv4PacketTooSmall, input);
    };
    let header_len = usize::from(header[0] & 0x0f).wrapping_mul(4);
    let total_len = usize::from(be16(header[2], header[3]));
    if header[0] >> 4 != 4 || header_len < 20 || total_len < header_len || total_len > input.len() {
        return layer.fail(fault(header[0] >> 4, header_len, total_len), input);
    }
    let packet = input.clip(total_len);
    layer.ip_version = 4;
    layer.ip_offset = input.start;
    layer.ip_header_len = header_len as u16;
    layer.ip_len = total_len as u32;
    layer.tos = header[1];
    layer.ttl = header[8];
    layer.protocol = header[9];
    [layer.src[0], layer.src[1], layer.src[2], layer.src[3]] = [header[12], header[13], header[14], header[15]];
    [layer.dst[0], layer.dst[1], layer.dst[2], layer.dst[3]] = [header[16], header[17], header[18], header[19]];
    let fragment = be16(header[6], header[7]);
    layer.fragment.id = u32::from(be16(header[4], header[5]));
    layer.fragment.dont = fragment & 0x4000 != 0;
    layer.fragment.reserved = fragment & 0x8000 != 0;
    let Some(rest) = packet.after(header_len) else {
        return layer.fail(DecodeEvent::Ipv4LengthSmallerThanHeader, input);
    };
    layer.l4_offset = rest.start;
    if fragment & 0x3fff != 0 {
        layer.fragment.is_fragment = true;
        layer.fragment.offset_bytes = (fragment & 0x1fff).wrapping_mul(8);
        layer.fragment.more = fragment & 0x2000 != 0;
    }
    if header_len > 20 && !ipv4_options::check(layer, packet.clip(header_len)) {
        layer.invalid = true;
        return layer.rest_is_payload(rest);
    }
    if layer.fragment.is_fragment {
        return transport::fragment(layer, rest);
    }
    transport::over_ipv4(layer, rest, config)
}

/// Which check failed, in the order in which they matter.
#[cold]
fn fault(version: u8, header_len: usize, total_len: usize) -> DecodeEvent {
    if version != 4 {
        DecodeEvent::Ipv4WrongVersion
    } else if header_len < 20 {
        DecodeEvent::Ipv4HeaderTooSmall
    } else if total_len < header_len {
        DecodeEvent::Ipv4LengthSmallerThanHeader
    } else {
        DecodeEvent::Ipv4Truncated
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, raw, tcp, udp};
    use crate::{DecodeEvent, LinkType};

    fn events(change: impl Fn(&mut Vec<u8>)) -> Vec<DecodeEvent> {
        let mut packet = ipv4(17, &udp(1, 2, b"hello"));
        change(&mut packet);
        let out = decoded(&ethernet(0x0800, &packet), LinkType::Ethernet);
        assert_eq!(out.innermost().invalid, !out.innermost().events.is_empty());
        assert_eq!(out.innermost().is_ip(), out.innermost().events.is_empty());
        out.innermost().events.as_slice().to_vec()
    }

    #[test]
    fn a_sound_header_is_read_whole() {
        let frame = ethernet(0x0800, &ipv4(6, &tcp(1234, 80, 0x18, b"GET")));
        let out = decoded(&frame, LinkType::Ethernet);
        let layer = out.innermost();
        assert_eq!((layer.ip_version, layer.ip_offset, layer.ip_header_len, layer.ip_len), (4, 14, 20, 43));
        assert_eq!((&layer.src[..5], &layer.dst[..5]), (&[10, 0, 0, 1, 0][..], &[10, 0, 0, 2, 0][..]));
        assert_eq!((layer.ttl, layer.tos, layer.protocol), (64, 0, 6));
        assert_eq!(layer.payload(&frame), b"GET");
        assert_eq!(layer.ip_payload(&frame).len(), 23);
    }

    #[test]
    fn each_bad_length_has_its_event() {
        assert_eq!(events(|_| ()), []);
        assert_eq!(events(|packet| packet.truncate(19)), [DecodeEvent::Ipv4PacketTooSmall]);
        assert_eq!(events(|packet| packet[0] = 0x44), [DecodeEvent::Ipv4HeaderTooSmall]);
        assert_eq!(events(|packet| packet[0] = 0x55), [DecodeEvent::Ipv4WrongVersion]);
        assert_eq!(events(|packet| packet[3] = 19), [DecodeEvent::Ipv4LengthSmallerThanHeader]);
        assert_eq!(events(|packet| packet[3] += 1), [DecodeEvent::Ipv4Truncated]);
    }

    #[test]
    fn padding_is_not_payload() {
        let mut packet = ipv4(17, &udp(1, 2, b"hello"));
        packet.extend_from_slice(&[0; 13]);
        let frame = ethernet(0x0800, &packet);
        let out = decoded(&frame, LinkType::Ethernet);
        assert!(out.innermost().events.is_empty());
        assert_eq!(out.innermost().payload(&frame), b"hello");
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let mut packet = ipv4(17, &udp(1, 2, b"hello"));
        packet[6..8].copy_from_slice(&0x2003u16.to_be_bytes());
        let out = decoded(&packet, LinkType::Raw);
        let layer = out.innermost();
        assert!(layer.fragment.is_fragment && layer.fragment.more && !layer.has_transport && !layer.invalid);
        assert_eq!((layer.fragment.offset_bytes, layer.src_port, layer.payload_len), (24, 0, 13));
    }

    #[test]
    fn a_first_fragment_has_ports_and_no_events() {
        let mut packet = ipv4(17, &udp(5, 6, b"hello"));
        packet[6] = 0x20;
        packet[25] = 200; // UDP length of the whole datagram
        let out = decoded(&packet, LinkType::Raw);
        let layer = out.innermost();
        assert!(layer.fragment.is_fragment && layer.is_udp() && layer.events.is_empty());
        assert_eq!((layer.src_port, layer.dst_port), (5, 6));
        assert_eq!(layer.payload(&packet), b"hello");
    }

    #[test]
    fn an_unknown_protocol_and_icmpv6_have_events() {
        let out = decoded(&raw(253, b"abc"), LinkType::Raw);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::Ipv4UnknownProtocol]);
        assert!(!out.innermost().invalid);
        let out = decoded(&raw(58, b"abc"), LinkType::Raw);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::Ipv4WithIcmpv6]);
        assert!(decoded(&raw(51, b"abc"), LinkType::Raw).innermost().events.is_empty());
    }
}
