//! VLAN tags: 802.1Q, 802.1ad and the older 0x9100.
//!
//! Called by the walk, once per tag; keeps up to three identifiers.
//!
//! Source: IEEE 802.1Q clause 9.6. Priority and drop-eligible bits are left in the frame.

use crate::config::DecodeConfig;
use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16, ether_type_step};
use crate::network::ipv4;
use crate::seen::Protocol;

/// Reads the four bytes after a tag's EtherType: control information and the next type.
#[inline(always)]
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>, config: &DecodeConfig) -> Next<'f> {
    apart(layer, input.bytes, input.start, config)
}

#[inline(never)]
fn apart<'f>(layer: &mut Headers, bytes: &'f [u8], start: u32, config: &DecodeConfig) -> Next<'f> {
    let input = Input { bytes, start };
    let counter = match layer.vlan_count {
        0 => Protocol::Vlan,
        1 => Protocol::VlanQinq,
        2 => Protocol::VlanQinqinq,
        _ => return layer.fail(DecodeEvent::VlanTooManyLayers, input),
    };
    let Some((tag, rest)) = input.split::<4>() else {
        return layer.fail(DecodeEvent::VlanHeaderTooSmall, input);
    };
    layer.seen.insert(counter);
    if let Some(place) = layer.vlan.get_mut(usize::from(layer.vlan_count)) {
        *place = be16(tag[0], tag[1]) & 0x0fff;
        layer.vlan_count = layer.vlan_count.wrapping_add(1);
    }
    layer.ether_type = be16(tag[2], tag[3]);
    if layer.ether_type == 0x0800 {
        return ipv4::decode(layer, rest, config);
    }
    match ether_type_step(layer.ether_type) {
        Some(step) => Next::Step(step, rest),
        None => layer.fail(DecodeEvent::VlanUnknownType, rest),
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, udp, vlan};
    use crate::{DecodeEvent, LinkType};

    fn tagged(tags: u16) -> Vec<u8> {
        let mut bytes = vlan(tags, 0x0800, &ipv4(17, &udp(1, 2, b"x")));
        for id in (1..tags).rev() {
            bytes = vlan(0xe000 | id, 0x8100, &bytes);
        }
        ethernet(0x8100, &bytes)
    }

    #[test]
    fn three_tags_are_kept_outermost_first_without_priority() {
        let out = decoded(&tagged(3), LinkType::Ethernet);
        assert_eq!(out.innermost().vlans(), [1, 2, 3]);
        assert_eq!(out.innermost().ether_type, 0x0800);
        assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
    }

    #[test]
    fn a_fourth_tag_is_invalid() {
        let out = decoded(&tagged(4), LinkType::Ethernet);
        assert!(out.innermost().invalid);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::VlanTooManyLayers]);
    }

    #[test]
    fn a_cut_tag_is_invalid() {
        let out = decoded(&ethernet(0x88a8, &[0, 1, 8]), LinkType::Ethernet);
        assert!(out.innermost().invalid);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::VlanHeaderTooSmall]);
    }

    #[test]
    fn an_unknown_type_after_a_tag_is_invalid() {
        let out = decoded(&ethernet(0x8100, &vlan(7, 0x1234, b"abc")), LinkType::Ethernet);
        assert!(out.innermost().invalid);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::VlanUnknownType]);
        assert_eq!(out.innermost().vlans(), [7]);
    }
}
