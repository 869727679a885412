//! IPv6 headers.
//!
//! Called by the walk. As with IPv4, bytes past the payload length are padding and a payload length past the captured
//! bytes ends the layer. Jumbograms (RFC 2675) are not read: their payload length of 0 leaves nothing to decode.
//!
//! Source: RFC 8200 section 3.

use crate::config::DecodeConfig;
use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16};
use crate::network::extension;
use crate::seen::Protocol;
use crate::transport;

/// Reads the header and its extension headers, then the transport header.
#[inline(always)]
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>, config: &DecodeConfig) -> Next<'f> {
    apart(layer, input.bytes, input.start, config)
}

#[inline(never)]
fn apart<'f>(layer: &mut Headers, bytes: &'f [u8], start: u32, config: &DecodeConfig) -> Next<'f> {
    let input = Input { bytes, start };
    layer.seen.insert(Protocol::Ipv6);
    let Some((header, rest)) = input.split::<40>() else {
        return layer.fail(DecodeEvent::Ipv6PacketTooSmall, input);
    };
    if header[0] >> 4 != 6 {
        return layer.fail(DecodeEvent::Ipv6WrongVersion, input);
    }
    let payload_len = usize::from(be16(header[4], header[5]));
    if payload_len > rest.len() {
        return layer.fail(DecodeEvent::Ipv6Truncated, input);
    }
    let rest = rest.clip(payload_len);
    layer.ip_version = 6;
    layer.ip_offset = input.start;
    layer.ip_header_len = 40;
    layer.ip_len = (payload_len as u32).wrapping_add(40);
    layer.tos = header[0] << 4 | header[1] >> 4;
    layer.protocol = header[6];
    layer.ttl = header[7];
    if let (Some(src), Some(dst)) = (header.get(8..24), header.last_chunk()) {
        layer.src = *src.first_chunk().unwrap_or(&[0; 16]);
        layer.dst = *dst;
    }
    layer.l4_offset = rest.start;
    // TCP, UDP and ICMPv6 need no look at extension headers.
    if matches!(header[6], 6 | 17 | 58) {
        return transport::over_ipv6(layer, rest, config);
    }
    let Some(rest) = extension::walk(layer, rest) else {
        return Next::Done;
    };
    if layer.fragment.is_fragment {
        transport::fragment(layer, rest)
    } else {
        transport::over_ipv6(layer, rest, config)
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv6, tcp, udp};
    use crate::{DecodeEvent, LinkType};

    fn events(change: impl Fn(&mut Vec<u8>)) -> Vec<DecodeEvent> {
        let mut packet = ipv6(17, &udp(1, 2, b"hello"));
        change(&mut packet);
        let out = decoded(&ethernet(0x86dd, &packet), LinkType::Ethernet);
        out.innermost().events.as_slice().to_vec()
    }

    #[test]
    fn a_sound_header_is_read_whole() {
        let mut packet = ipv6(6, &tcp(1234, 80, 0x18, b"GET"));
        packet[0] = 0x6a;
        packet[1] = 0xb0;
        packet.push(0xff); // padding
        let frame = ethernet(0x86dd, &packet);
        let out = decoded(&frame, LinkType::Ethernet);
        let layer = out.innermost();
        assert!(layer.is_tcp() && layer.events.is_empty());
        assert_eq!((layer.ip_version, layer.ip_offset, layer.ip_header_len, layer.ip_len), (6, 14, 40, 63));
        assert_eq!((layer.tos, layer.ttl, layer.protocol), (0xab, 64, 6));
        assert_eq!((layer.src[0], layer.src[15], layer.dst[15]), (0x20, 1, 2));
        assert_eq!(layer.payload(&frame), b"GET");
    }

    #[test]
    fn each_bad_length_has_its_event() {
        assert_eq!(events(|_| ()), []);
        assert_eq!(events(|packet| packet.truncate(39)), [DecodeEvent::Ipv6PacketTooSmall]);
        assert_eq!(events(|packet| packet[0] = 0x40), [DecodeEvent::Ipv6WrongVersion]);
        assert_eq!(events(|packet| packet[5] += 1), [DecodeEvent::Ipv6Truncated]);
    }

    #[test]
    fn icmpv4_and_unknown_headers_have_events() {
        assert_eq!(events(|packet| packet[6] = 1), [DecodeEvent::Ipv6WithIcmpv4]);
        assert_eq!(events(|packet| packet[6] = 253), [DecodeEvent::Ipv6UnknownNextHeader]);
    }
}
