//! GENEVE.
//!
//! Called by `over_udp`. Options and network identifier are skipped.
//!
//! Source: RFC 8926 section 3.4.

use crate::event::DecodeEvent;
use crate::headers::{Headers, PacketSource};
use crate::input::{Input, Next, be16, ether_type_step};
use crate::seen::Protocol;

/// Reads the header, skips options, opens what the protocol field names.
#[cold]
pub(crate) fn decode<'f>(layer: &mut Headers, payload: Input<'f>) -> Next<'f> {
    let Some((header, _)) = payload.split::<8>() else { return Next::Done };
    // Version 0 is the only one; reserved bits and the byte after the identifier must be 0.
    if header[0] >> 6 != 0 || header[1] & 0x3f != 0 || header[7] != 0 {
        return Next::Done;
    }
    let options = usize::from(header[0] & 0x3f).wrapping_mul(4);
    let Some(inner) = payload.after(options.wrapping_add(8)) else { return Next::Done };
    layer.seen.insert(Protocol::Geneve);
    let Some(step) = ether_type_step(be16(header[2], header[3])) else {
        layer.events.insert(DecodeEvent::GeneveUnknownPayload);
        return Next::Done;
    };
    Next::Tunnel(PacketSource::Geneve, step, inner)
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, udp};
    use crate::{DecodeEvent, Decoded, LinkType, PacketSource};

    fn geneve(first: u8, kind: u16, inner: &[u8]) -> Decoded {
        let [high, low] = kind.to_be_bytes();
        let options = vec![0; usize::from(first & 0x3f) * 4];
        let bytes = [&[first, 0, high, low, 0, 0, 9, 0][..], &options, inner].concat();
        decoded(&ethernet(0x0800, &ipv4(17, &udp(40000, 6081, &bytes))), LinkType::Ethernet)
    }

    #[test]
    fn ethernet_and_ip_are_opened_past_options() {
        let packet = ipv4(17, &udp(5, 6, b"inner"));
        for out in [geneve(2, 0x6558, &ethernet(0x0800, &packet)), geneve(0, 0x0800, &packet)] {
            let [outer, inner] = out.layers() else { panic!("{out:?}") };
            assert_eq!((inner.source, inner.dst_port), (PacketSource::Geneve, 6));
            assert!(outer.events.is_empty() && inner.events.is_empty());
        }
    }

    #[test]
    fn other_versions_and_unknown_payloads_stay_closed() {
        let packet = ipv4(17, &udp(5, 6, b"inner"));
        assert_eq!(geneve(0x40, 0x0800, &packet).layers().len(), 1);
        let out = geneve(0, 0x1234, &packet);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::GeneveUnknownPayload]);
    }
}
