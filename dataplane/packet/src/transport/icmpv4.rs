//! ICMP over IPv4.
//!
//! Called by `over_ipv4`. Errors are read for the packet they quote, so that `flow` can join them to its flow; whether
//! that quote is honest is judged there.
//!
//! Sources: RFC 792, RFC 950, RFC 1256, RFC 1812 section 5.2.7, RFC 8335, IANA ICMP parameters.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16};
use crate::seen::Protocol;
use crate::transport::quoted;

/// Reads the header of eight bytes.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Icmpv4);
    let Some((header, rest)) = input.split::<8>() else {
        return layer.fail(DecodeEvent::Icmpv4PacketTooSmall, input);
    };
    layer.has_transport = true;
    (layer.icmp_type, layer.icmp_code) = (header[0], header[1]);
    match last_code(header[0]) {
        None => layer.events.insert(DecodeEvent::Icmpv4UnknownType),
        // Mobile IP agents advertise themselves with code 16 (RFC 5944).
        Some(_) if (header[0], header[1]) == (9, 16) => {}
        Some(last) if header[1] > last => layer.events.insert(DecodeEvent::Icmpv4UnknownCode),
        Some(_) => {}
    }
    match header[0] {
        0 | 8 | 13..=18 => {
            layer.has_icmp_id = true;
            layer.icmp_id = be16(header[4], header[5]);
            layer.icmp_seq = be16(header[6], header[7]);
        }
        3 | 4 | 5 | 11 | 12 => match quoted::ipv4(rest) {
            Ok(embedded) => layer.embedded = Some(embedded),
            Err(quoted::Fault::Truncated) => layer.events.insert(DecodeEvent::Icmpv4QuoteTruncated),
            Err(quoted::Fault::Version) => layer.events.insert(DecodeEvent::Icmpv4QuoteUnknownVersion),
        },
        _ => {}
    }
    let whole = header_len(header).min(input.len());
    layer.l4_header_len = whole as u16;
    layer.rest_is_payload(rest)
}

/// Bytes that the type's own fields take. Those past the eighth are payload too: the header is what keyword `icmpv4.hdr`
/// sees (Suricata's public case `icmp-hdr-01` looks into a router advertisement), the payload is what `content` sees.
fn header_len(header: &[u8; 8]) -> usize {
    match header[0] {
        // Count and size in words of the advertised addresses (RFC 1256 section 3).
        9 => usize::from(header[4]).wrapping_mul(usize::from(header[5])).wrapping_mul(4).wrapping_add(8),
        13 | 14 => 20,
        17 | 18 => 12,
        _ => 8,
    }
}

/// The highest code of a known type.
const fn last_code(kind: u8) -> Option<u8> {
    Some(match kind {
        3 => 15,
        5 => 3,
        11 => 1,
        12 => 2,
        40 => 5,
        43 => 4,
        0 | 4 | 8 | 9 | 10 | 13..=18 | 42 => 0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::DecodeEvent::{self, *};
    use crate::LinkType;
    use crate::build::{decoded, ipv4, raw, tcp};

    fn events(bytes: &[u8]) -> Vec<DecodeEvent> {
        decoded(&raw(1, bytes), LinkType::Raw).innermost().events.as_slice().to_vec()
    }

    #[test]
    fn an_echo_has_identifier_and_sequence() {
        let frame = raw(1, &[8, 0, 0, 0, 0x55, 0x15, 0, 7, b'a', b'b']);
        let out = decoded(&frame, LinkType::Raw);
        let layer = out.innermost();
        assert!(layer.is_icmpv4() && layer.events.is_empty() && layer.has_icmp_id);
        assert_eq!((layer.icmp_type, layer.icmp_id, layer.icmp_seq), (8, 0x5515, 7));
        assert_eq!(layer.payload(&frame), b"ab");
    }

    #[test]
    fn the_header_of_some_types_reaches_into_the_payload() {
        let advertisement = [9, 0, 0, 0, 1, 2, 0, 10, 14, 80, 84, 66, 0, 0, 0, 0, b'x'];
        let frame = raw(1, &advertisement);
        let out = decoded(&frame, LinkType::Raw);
        assert_eq!(out.innermost().transport_header(&frame), &advertisement[..16]);
        assert_eq!(out.innermost().payload(&frame), &advertisement[8..]);
        let frame = raw(1, &[9, 0, 0, 0, 255, 255, 0, 10]);
        assert_eq!(decoded(&frame, LinkType::Raw).innermost().l4_header_len, 8);
    }

    #[test]
    fn an_error_gives_the_packet_it_quotes() {
        let inner = ipv4(6, &tcp(1234, 80, 2, b""));
        let frame = raw(1, &[&[3, 3, 0, 0, 0, 0, 0, 0][..], &inner[..28]].concat());
        let out = decoded(&frame, LinkType::Raw);
        let embedded = out.innermost().embedded.unwrap();
        assert_eq!((embedded.ip_version, embedded.protocol, embedded.ip_offset), (4, 6, 28));
        assert_eq!((embedded.has_ports, embedded.src_port, embedded.dst_port), (true, 1234, 80));
        assert_eq!(embedded.source(&frame)[..5], [10, 0, 0, 1, 0]);
        assert_eq!(embedded.destination(&frame)[..5], [10, 0, 0, 2, 0]);
        assert!(out.innermost().events.is_empty());
    }

    #[test]
    fn each_fault_has_its_event() {
        assert_eq!(events(&[8, 0, 0, 0, 0, 0, 0]), [Icmpv4PacketTooSmall]);
        assert_eq!(events(&[7, 0, 0, 0, 0, 0, 0, 0]), [Icmpv4UnknownType]);
        assert_eq!(events(&[8, 1, 0, 0, 0, 0, 0, 0]), [Icmpv4UnknownCode]);
        assert_eq!(events(&[9, 16, 0, 0, 0, 0, 0, 0]), []);
        assert_eq!(events(&[3, 3, 0, 0, 0, 0, 0, 0, 0x45, 0]), [Icmpv4QuoteTruncated]);
        let six = [&[3, 3, 0, 0, 0, 0, 0, 0, 0x65][..], &[0; 39]].concat();
        assert_eq!(events(&six), [Icmpv4QuoteUnknownVersion]);
    }
}
