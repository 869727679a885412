//! Provider backbone bridging (802.1ah): service tag and the customer's Ethernet header.
//!
//! Called by the walk. The layer's Ethernet header becomes the customer's.
//!
//! Source: IEEE 802.1Q clause 9.7 (I-TAG).

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, Step};
use crate::seen::Protocol;

/// Skips the four bytes of the I-TAG.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Ieee8021ah);
    match input.split::<18>() {
        Some(_) => match input.after(4) {
            Some(customer) => Next::Step(Step::Ethernet, customer),
            None => layer.rest_is_payload(input),
        },
        None => layer.fail(DecodeEvent::Ieee8021ahHeaderTooSmall, input),
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, udp};
    use crate::{DecodeEvent, LinkType};

    #[test]
    fn the_customers_frame_is_decoded_and_a_cut_header_is_invalid() {
        let inner = [&[0, 0, 0, 1][..], &ethernet(0x0800, &ipv4(17, &udp(1, 2, b"x")))].concat();
        let out = decoded(&ethernet(0x88e7, &inner), LinkType::Ethernet);
        assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
        assert_eq!(out.innermost().ethernet_offset, 18);
        let out = decoded(&ethernet(0x88e7, &inner[..17]), LinkType::Ethernet);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::Ieee8021ahHeaderTooSmall]);
        assert!(out.innermost().invalid);
    }
}
