//! VXLAN.
//!
//! Called by `over_udp`. The network identifier is not kept: Suricata does not tell tenants apart by it either.
//! GAP(packet): two tenants with the same inner addresses share a flow.
//!
//! Source: RFC 7348 section 5.

use crate::event::DecodeEvent;
use crate::headers::{Headers, PacketSource};
use crate::input::{Input, Next, Step, be16, ether_type_step};
use crate::seen::Protocol;

/// Reads the eight bytes of the header; opens the tunnel when the inner EtherType has a decoder.
#[cold]
pub(crate) fn decode<'f>(layer: &mut Headers, payload: Input<'f>) -> Next<'f> {
    let Some((header, inner)) = payload.split::<8>() else { return Next::Done };
    // The I flag says that the identifier is there; without it this is something else on the port.
    if header[0] & 0x08 == 0 {
        return Next::Done;
    }
    let Some(ethernet) = inner.head::<14>() else { return Next::Done };
    layer.seen.insert(Protocol::Vxlan);
    if ether_type_step(be16(ethernet[12], ethernet[13])).is_none() {
        layer.events.insert(DecodeEvent::VxlanUnknownPayload);
        return Next::Done;
    }
    Next::Tunnel(PacketSource::Vxlan, Step::Ethernet, inner)
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, udp};
    use crate::{DecodeEvent, LinkType, PacketSource};

    fn vxlan(flags: u8, inner_type: u16) -> Vec<u8> {
        let inner = ethernet(inner_type, &ipv4(17, &udp(5, 6, b"inner")));
        let bytes = [&[flags, 0, 0, 0, 0, 0, 9, 0][..], &inner].concat();
        ethernet(0x0800, &ipv4(17, &udp(40000, 4789, &bytes)))
    }

    #[test]
    fn the_inner_frame_is_a_layer_of_its_own() {
        let frame = vxlan(8, 0x0800);
        let out = decoded(&frame, LinkType::Ethernet);
        let [outer, inner] = out.layers() else { panic!("{out:?}") };
        assert_eq!((outer.dst_port, inner.dst_port), (4789, 6));
        assert_eq!((inner.source, inner.frame_start, inner.ethernet_offset), (PacketSource::Vxlan, 50, 50));
        assert_eq!(inner.payload(&frame), b"inner");
        assert_eq!(outer.payload(&frame).len(), 8 + 14 + 20 + 8 + 5);
        assert!(outer.events.is_empty() && inner.events.is_empty());
    }

    #[test]
    fn without_the_i_flag_or_a_known_type_the_payload_stays() {
        assert_eq!(decoded(&vxlan(0, 0x0800), LinkType::Ethernet).layers().len(), 1);
        let out = decoded(&vxlan(8, 0x1234), LinkType::Ethernet);
        assert_eq!(out.layers().len(), 1);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::VxlanUnknownPayload]);
        assert!(!out.innermost().invalid);
    }
}
