//! ICMP over IPv6.
//!
//! Called by `over_ipv6`. As with ICMPv4, errors are read for the packet they quote. Neighbour discovery is not tracked.
//!
//! Sources: RFC 4443, RFC 2710 and RFC 3810 (MLD), RFC 4861, RFC 4884, IANA ICMPv6 parameters.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16};
use crate::seen::Protocol;
use crate::transport::quoted;

/// Reads the header: eight bytes where the type has them, else four.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Icmpv6);
    let Some((header, rest)) = input.split::<8>() else {
        return layer.fail(DecodeEvent::Icmpv6PacketTooSmall, input);
    };
    layer.has_transport = true;
    layer.l4_header_len = 8;
    (layer.icmp_type, layer.icmp_code) = (header[0], header[1]);
    check_code(layer);
    match header[0] {
        1..=4 => {
            if header[0] == 2 {
                layer.icmpv6_mtu = Some(u32::from_be_bytes([header[4], header[5], header[6], header[7]]));
            }
            match quoted::ipv6(rest) {
                Ok(embedded) => layer.embedded = Some(embedded),
                Err(quoted::Fault::Truncated) => layer.events.insert(DecodeEvent::Icmpv6QuoteTruncated),
                Err(quoted::Fault::Version) => layer.events.insert(DecodeEvent::Icmpv6QuoteUnknownVersion),
            }
        }
        128 | 129 => {
            layer.has_icmp_id = true;
            layer.icmp_id = be16(header[4], header[5]);
            layer.icmp_seq = be16(header[6], header[7]);
        }
        // MLD is link-local: a hop limit other than 1 is forged (RFC 2710 section 3).
        130..=132 | 143 if layer.ttl != 1 => layer.events.insert(DecodeEvent::Icmpv6MldHopLimit),
        _ => {}
    }
    layer.rest_is_payload(rest)
}

fn check_code(layer: &mut Headers) {
    let last = match layer.icmp_type {
        1 => 8,
        3 => 1,
        4 => 10,
        2 | 128..=137 => 0,
        // Router renumbering has codes 0, 1 and 255 (RFC 2894).
        138 => 255,
        139 | 140 => 2,
        141..=161 => 255,
        100 | 101 | 200 | 201 => {
            layer.events.insert(DecodeEvent::Icmpv6ExperimentationType);
            return;
        }
        // 127 and 255 are kept for a larger type field (RFC 4443 section 2.1).
        127 | 255 => {
            layer.events.insert(DecodeEvent::Icmpv6UnknownType);
            return;
        }
        _ => {
            layer.events.insert(DecodeEvent::Icmpv6UnassignedType);
            return;
        }
    };
    if layer.icmp_code > last {
        layer.events.insert(DecodeEvent::Icmpv6UnknownCode);
    }
}

#[cfg(test)]
mod tests {
    use crate::DecodeEvent::{self, *};
    use crate::LinkType;
    use crate::build::{decoded, ipv6, udp};

    fn events(bytes: &[u8]) -> Vec<DecodeEvent> {
        decoded(&ipv6(58, bytes), LinkType::Raw).innermost().events.as_slice().to_vec()
    }

    #[test]
    fn an_echo_has_identifier_and_sequence() {
        let frame = ipv6(58, &[128, 0, 0, 0, 0, 9, 0, 7, b'a']);
        let out = decoded(&frame, LinkType::Raw);
        let layer = out.innermost();
        assert!(layer.is_icmpv6() && layer.events.is_empty() && layer.has_icmp_id);
        assert_eq!((layer.icmp_id, layer.icmp_seq), (9, 7));
        assert_eq!(layer.payload(&frame), b"a");
    }

    #[test]
    fn packet_too_big_gives_its_mtu_and_the_packet_it_quotes() {
        let inner = ipv6(17, &udp(5, 6, b"x"));
        let frame = ipv6(58, &[&[2, 0, 0, 0, 0, 0, 5, 0][..], &inner].concat());
        let out = decoded(&frame, LinkType::Raw);
        let embedded = out.innermost().embedded.unwrap();
        assert_eq!(out.innermost().icmpv6_mtu, Some(1280));
        assert_eq!((embedded.protocol, embedded.src_port, embedded.dst_port), (17, 5, 6));
        assert_eq!(embedded.destination(&frame)[15], 2);
        assert!(out.innermost().events.is_empty());
    }

    #[test]
    fn each_fault_has_its_event() {
        assert_eq!(events(&[128, 0, 0, 0, 0, 0, 0]), [Icmpv6PacketTooSmall]);
        assert_eq!(events(&[128, 1, 0, 0, 0, 0, 0, 0]), [Icmpv6UnknownCode]);
        assert_eq!(events(&[100, 0, 0, 0, 0, 0, 0, 0]), [Icmpv6ExperimentationType]);
        assert_eq!(events(&[99, 0, 0, 0, 0, 0, 0, 0]), [Icmpv6UnassignedType]);
        assert_eq!(events(&[255, 0, 0, 0, 0, 0, 0, 0]), [Icmpv6UnknownType]);
        assert_eq!(events(&[1, 0, 0, 0, 0, 0, 0, 0, 0x60]), [Icmpv6QuoteTruncated]);
        let four = [&[1, 0, 0, 0, 0, 0, 0, 0, 0x45][..], &[0; 39]].concat();
        assert_eq!(events(&four), [Icmpv6QuoteUnknownVersion]);
    }

    #[test]
    fn mld_beyond_one_hop_has_an_event() {
        assert_eq!(events(&[131, 0, 0, 0, 0, 0, 0, 0]), [Icmpv6MldHopLimit]);
        let mut packet = ipv6(58, &[131, 0, 0, 0, 0, 0, 0, 0]);
        packet[7] = 1;
        assert!(decoded(&packet, LinkType::Raw).innermost().events.is_empty());
    }
}
