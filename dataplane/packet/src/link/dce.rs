//! Cisco FabricPath (data centre ethernet): two bytes of tag, then the frame it carries.
//!
//! Called by the walk. The layer's Ethernet header becomes that of the carried frame.
//!
//! Source: Cisco's published FabricPath frame format (forwarding tag of ten bits, time to live of six).

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, Step};
use crate::seen::Protocol;

/// Skips the tag.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Dce);
    match input.split::<2>() {
        Some((_, frame)) if frame.len() >= 14 => Next::Step(Step::Ethernet, frame),
        _ => layer.fail(DecodeEvent::DcePacketTooSmall, input),
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, udp};
    use crate::{DecodeEvent, LinkType};

    #[test]
    fn the_carried_frame_is_decoded_and_a_cut_one_is_invalid() {
        let bytes = [&[0, 1][..], &ethernet(0x0800, &ipv4(17, &udp(1, 2, b"x")))].concat();
        let out = decoded(&ethernet(0x8903, &bytes), LinkType::Ethernet);
        assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
        let out = decoded(&ethernet(0x8903, &bytes[..15]), LinkType::Ethernet);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::DcePacketTooSmall]);
        assert!(out.innermost().invalid);
    }
}
