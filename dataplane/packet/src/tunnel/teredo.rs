//! Teredo: IPv6 in UDP.
//!
//! Called by `over_udp`. Anything that is not exactly one IPv6 packet is left alone: the port is not reserved.
//!
//! Source: RFC 4380 section 5.1.1 (authentication and origin indications).

use crate::headers::{Headers, PacketSource};
use crate::input::{Input, Next, Step, be16};
use crate::seen::Protocol;

/// Skips the indications and opens the IPv6 packet.
#[cold]
pub(crate) fn decode<'f>(layer: &mut Headers, payload: Input<'f>) -> Next<'f> {
    let Some(inner) = past_indications(payload) else { return Next::Done };
    let Some(header) = inner.head::<40>() else { return Next::Done };
    let length = usize::from(be16(header[4], header[5])).wrapping_add(40);
    if header[0] >> 4 != 6 || length != inner.len() {
        return Next::Done;
    }
    layer.seen.insert(Protocol::Teredo);
    Next::Tunnel(PacketSource::Teredo, Step::Ipv6, inner)
}

fn past_indications(payload: Input<'_>) -> Option<Input<'_>> {
    let mut rest = payload;
    if let Some([0, 1, identifier, value]) = rest.head::<4>() {
        // Four bytes, identifier, value, nonce of eight, confirmation.
        rest = rest.after(usize::from(*identifier).wrapping_add(usize::from(*value)).wrapping_add(13))?;
    }
    if let Some([0, 0]) = rest.head::<2>() {
        rest = rest.after(8)?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, decoded_with, ipv4, ipv6, udp};
    use crate::{DecodeConfig, LinkType, PacketSource, PortList, Teredo};

    fn teredo(port: u16, indications: &[u8]) -> Vec<u8> {
        let inner = ipv6(17, &udp(5, 6, b"inner"));
        ipv4(17, &udp(40000, port, &[indications, &inner].concat()))
    }

    #[test]
    fn all_indications_are_passed() {
        let authentication = [0, 1, 1, 2, 9, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let origin = [0, 0, 1, 2, 3, 4, 5, 6];
        for head in [&b""[..], &authentication, &origin, &[&authentication[..], &origin].concat()] {
            let out = decoded(&teredo(3544, head), LinkType::Raw);
            assert_eq!(out.layers().len(), 2, "{head:?}");
            assert_eq!(out.innermost().source, PacketSource::Teredo);
            assert_eq!((out.innermost().ip_version, out.innermost().dst_port), (6, 6));
        }
    }

    #[test]
    fn ports_are_those_of_the_configuration() {
        assert_eq!(decoded(&teredo(3545, b""), LinkType::Raw).layers().len(), 1);
        let layers = |teredo_on, port| {
            let config = DecodeConfig { teredo: teredo_on, ..DecodeConfig::DEFAULT };
            decoded_with(&teredo(port, b""), LinkType::Raw, &config).layers().len()
        };
        assert_eq!(layers(Teredo::AnyPort, 3545), 2);
        assert_eq!(layers(Teredo::Off, 3544), 1);
        assert_eq!(layers(Teredo::Ports(PortList::one(3545)), 3545), 2);
    }

    #[test]
    fn a_payload_that_is_not_one_ipv6_packet_is_left_alone() {
        let mut frame = teredo(3544, b"");
        frame[28 + 5] += 1; // inner payload length
        assert_eq!(decoded(&frame, LinkType::Raw).layers().len(), 1);
    }
}
