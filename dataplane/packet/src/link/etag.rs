//! E-TAG: bridge port extension.
//!
//! Called by the walk. The channel identifiers are not kept.
//!
//! Source: IEEE 802.1BR clause 7.5 (six bytes of tag, then an EtherType).

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16, ether_type_step};
use crate::seen::Protocol;

/// Reads the tag and the type after it.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    let Some((tag, rest)) = input.split::<8>() else {
        return layer.fail(DecodeEvent::EtagHeaderTooSmall, input);
    };
    layer.seen.insert(Protocol::Etag);
    layer.ether_type = be16(tag[6], tag[7]);
    match ether_type_step(layer.ether_type) {
        Some(step) => Next::Step(step, rest),
        None => layer.fail(DecodeEvent::EtagUnknownType, rest),
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, udp};
    use crate::{DecodeEvent, LinkType};

    #[test]
    fn a_tag_leads_to_ip_and_faults_have_events() {
        let bytes = [&[0, 0, 0, 1, 0, 0, 8, 0][..], &ipv4(17, &udp(1, 2, b"x"))].concat();
        let out = decoded(&ethernet(0x893f, &bytes), LinkType::Ethernet);
        assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
        let out = decoded(&ethernet(0x893f, &bytes[..7]), LinkType::Ethernet);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::EtagHeaderTooSmall]);
        let out = decoded(&ethernet(0x893f, &[0, 0, 0, 1, 0, 0, 0x12, 0x34]), LinkType::Ethernet);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::EtagUnknownType]);
        assert!(out.innermost().invalid);
    }
}
