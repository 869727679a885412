//! VN-Tag: the tag of Cisco fabric extenders.
//!
//! Called by the walk. The virtual interface numbers are not kept.
//!
//! Source: the public 802.1Qbh draft (four bytes of tag, then an EtherType).

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16, ether_type_step};
use crate::seen::Protocol;

/// Reads the tag and the type after it.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    let Some((tag, rest)) = input.split::<6>() else {
        return layer.fail(DecodeEvent::VntagHeaderTooSmall, input);
    };
    layer.seen.insert(Protocol::Vntag);
    layer.ether_type = be16(tag[4], tag[5]);
    match ether_type_step(layer.ether_type) {
        Some(step) => Next::Step(step, rest),
        None => layer.fail(DecodeEvent::VntagUnknownType, rest),
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, udp};
    use crate::{DecodeEvent, LinkType};

    #[test]
    fn a_tag_leads_to_ip_and_faults_have_events() {
        let bytes = [&[0, 1, 0, 2, 8, 0][..], &ipv4(17, &udp(1, 2, b"x"))].concat();
        let out = decoded(&ethernet(0x8926, &bytes), LinkType::Ethernet);
        assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
        let out = decoded(&ethernet(0x8926, &bytes[..5]), LinkType::Ethernet);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::VntagHeaderTooSmall]);
        let out = decoded(&ethernet(0x8926, &[0, 1, 0, 2, 0x12, 0x34]), LinkType::Ethernet);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::VntagUnknownType]);
        assert!(out.innermost().invalid);
    }
}
