//! ERSPAN type II: mirrored frames in GRE.
//!
//! Called by the walk at the start of the layer that `gre` opens. The VLAN of the mirror session becomes the first VLAN
//! of the mirrored frame's layer. Type I has no header of its own and goes straight to Ethernet.
//!
//! Source: the public ERSPAN draft (draft-foschiano-erspan), section 4.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, Step, be16};
use crate::seen::Protocol;

/// Reads the eight bytes of the type II header.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Erspan);
    let Some((header, frame)) = input.split::<8>() else {
        return layer.fail(DecodeEvent::ErspanHeaderTooSmall, input);
    };
    if header[0] >> 4 != 1 {
        return layer.fail(DecodeEvent::ErspanUnsupportedVersion, input);
    }
    let vlan = be16(header[0], header[1]) & 0x0fff;
    if vlan != 0 {
        let Some(place) = layer.vlan.get_mut(usize::from(layer.vlan_count)) else {
            return layer.fail(DecodeEvent::ErspanTooManyVlanLayers, input);
        };
        *place = vlan;
        layer.vlan_count = layer.vlan_count.wrapping_add(1);
    }
    Next::Step(Step::Ethernet, frame)
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, decoded_with, ethernet, ipv4, raw, udp};
    use crate::{DecodeConfig, DecodeEvent, LinkType, PacketSource};

    fn erspan(header: &[u8]) -> Vec<u8> {
        let frame = ethernet(0x0800, &ipv4(17, &udp(5, 6, b"inner")));
        raw(47, &[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1][..], header, &frame].concat())
    }

    #[test]
    fn the_sessions_vlan_is_the_first_of_the_mirrored_frame() {
        let out = decoded(&erspan(&[0x10, 23, 0, 1, 0, 0, 0, 0]), LinkType::Raw);
        let inner = out.innermost();
        assert_eq!((inner.source, inner.vlans(), inner.dst_port), (PacketSource::Erspan, &[23][..], 6));
        assert!(inner.events.is_empty());
        assert!(decoded(&erspan(&[0x10, 0, 0, 1, 0, 0, 0, 0]), LinkType::Raw).innermost().vlans().is_empty());
    }

    #[test]
    fn other_versions_and_cut_headers_are_invalid() {
        let out = decoded(&erspan(&[0x20, 23, 0, 1, 0, 0, 0, 0]), LinkType::Raw);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::ErspanUnsupportedVersion]);
        let out = decoded(&raw(47, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0]), LinkType::Raw);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::ErspanHeaderTooSmall]);
        assert!(out.innermost().invalid);
    }

    #[test]
    fn type_i_is_opened_only_when_asked_for() {
        let frame = ethernet(0x0800, &ipv4(17, &udp(5, 6, b"inner")));
        let packet = raw(47, &[&[0, 0, 0x88, 0xbe][..], &frame].concat());
        assert_eq!(decoded(&packet, LinkType::Raw).layers().len(), 1);
        let config = DecodeConfig { erspan_type_i: true, ..DecodeConfig::DEFAULT };
        assert_eq!(decoded_with(&packet, LinkType::Raw, &config).innermost().dst_port, 6);
    }
}
