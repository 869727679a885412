//! UDP headers, and which tunnels they may carry.
//!
//! Called by `over_ipv4` and `over_ipv6`. The UDP length may be shorter than the IP payload: what follows is out of
//! sight (RFC 9868 puts options there), without an event, as in Suricata since 2023.
//!
//! Source: RFC 768.

use crate::config::DecodeConfig;
use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16};
use crate::seen::Protocol;
use crate::tunnel;

/// Reads the header; what follows is the payload, and perhaps a tunnel.
#[inline(always)]
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>, config: &DecodeConfig) -> Next<'f> {
    layer.seen.insert(Protocol::Udp);
    let Some(header) = input.head::<8>() else {
        return layer.fail(DecodeEvent::UdpHeaderTooSmall, input);
    };
    let length = usize::from(be16(header[4], header[5]));
    if length > input.len() {
        return layer.fail(DecodeEvent::UdpPacketTooSmall, input);
    }
    let Some(payload) = input.clip(length).after(8) else {
        return layer.fail(DecodeEvent::UdpLengthInvalid, input);
    };
    layer.has_transport = true;
    layer.l4_header_len = 8;
    layer.src_port = be16(header[0], header[1]);
    layer.dst_port = be16(header[2], header[3]);
    layer.rest_is_payload(payload);
    if tunnel::may_be_over_udp(layer, config) {
        return tunnel::over_udp(layer, payload.bytes, payload.start, config);
    }
    Next::Done
}

#[cfg(test)]
mod tests {
    use crate::DecodeEvent::{self, *};
    use crate::LinkType;
    use crate::build::{decoded, ipv4, udp};

    fn events(change: impl Fn(&mut Vec<u8>)) -> Vec<DecodeEvent> {
        let mut datagram = udp(53, 54, b"hello");
        change(&mut datagram);
        let out = decoded(&ipv4(17, &datagram), LinkType::Raw);
        assert_eq!(out.innermost().invalid, !out.innermost().events.is_empty());
        assert_eq!(out.innermost().is_udp(), out.innermost().events.is_empty());
        out.innermost().events.as_slice().to_vec()
    }

    #[test]
    fn each_bad_length_has_its_event() {
        assert_eq!(events(|_| ()), []);
        assert_eq!(events(|datagram| datagram.truncate(7)), [UdpHeaderTooSmall]);
        assert_eq!(events(|datagram| datagram[5] += 1), [UdpPacketTooSmall]);
        assert_eq!(events(|datagram| datagram[5] = 7), [UdpLengthInvalid]);
    }

    #[test]
    fn bytes_past_the_udp_length_are_not_payload() {
        let mut datagram = udp(53, 54, b"hello");
        datagram.extend_from_slice(b"surplus");
        let frame = ipv4(17, &datagram);
        let out = decoded(&frame, LinkType::Raw);
        assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
        assert_eq!((out.innermost().src_port, out.innermost().dst_port), (53, 54));
        assert_eq!(out.innermost().payload(&frame), b"hello");
    }
}
