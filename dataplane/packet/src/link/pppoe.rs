//! PPP over Ethernet: discovery and sessions.
//!
//! Called by the walk. Discovery is checked and kept as payload; a session hands on to PPP.
//!
//! Source: RFC 2516 sections 4 to 6, appendix A for tags.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, Step, be16};
use crate::seen::Protocol;

/// Reads the six bytes of a session header.
pub(crate) fn decode_session<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Pppoe);
    let Some((header, rest)) = input.split::<6>() else {
        return layer.fail(DecodeEvent::PppoePacketTooSmall, input);
    };
    let length = usize::from(be16(header[4], header[5]));
    if length > rest.len() {
        return layer.fail(DecodeEvent::PppoePacketTooSmall, rest);
    }
    Next::Step(Step::Ppp, rest.clip(length))
}

/// Reads a discovery packet and walks its tags.
pub(crate) fn decode_discovery<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Pppoe);
    let Some((header, rest)) = input.split::<6>() else {
        return layer.fail(DecodeEvent::PppoePacketTooSmall, input);
    };
    // PADI, PADO, PADR, PADS, PADT.
    if !matches!(header[1], 0x09 | 0x07 | 0x19 | 0x65 | 0xa7) {
        return layer.fail(DecodeEvent::PppoeWrongCode, rest);
    }
    let length = usize::from(be16(header[4], header[5]));
    if length > rest.len() {
        return layer.fail(DecodeEvent::PppoeMalformedTags, rest);
    }
    let tags = rest.clip(length);
    let mut left = tags;
    while let Some((tag, value)) = left.split::<4>() {
        // A tag of type 0 ends the list.
        if be16(tag[0], tag[1]) == 0 {
            break;
        }
        let Some(next) = value.after(usize::from(be16(tag[2], tag[3]))) else {
            return layer.fail(DecodeEvent::PppoeMalformedTags, left);
        };
        left = next;
    }
    layer.rest_is_payload(tags)
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ethernet, ipv4, udp};
    use crate::{DecodeEvent, LinkType};

    fn discovery(bytes: &[u8]) -> Vec<DecodeEvent> {
        decoded(&ethernet(0x8863, bytes), LinkType::Ethernet).innermost().events.as_slice().to_vec()
    }

    #[test]
    fn a_session_leads_to_ip_and_padding_is_left_out() {
        let inner = [&[0, 0x21][..], &ipv4(17, &udp(1, 2, b"x"))].concat();
        let mut bytes = vec![0x11, 0, 0, 1, 0, inner.len() as u8];
        bytes.extend_from_slice(&inner);
        bytes.extend_from_slice(&[0; 9]);
        let out = decoded(&ethernet(0x8864, &bytes), LinkType::Ethernet);
        assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
    }

    #[test]
    fn discovery_with_sound_tags_is_silent() {
        assert_eq!(discovery(&[0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0, 0, 0, 0]), []);
        assert_eq!(discovery(&[0x11, 0xa7, 0, 0, 0, 0]), []);
    }

    #[test]
    fn each_fault_has_its_event() {
        assert_eq!(discovery(&[0x11, 9, 0, 0, 0]), [DecodeEvent::PppoePacketTooSmall]);
        assert_eq!(discovery(&[0x11, 1, 0, 0, 0, 0]), [DecodeEvent::PppoeWrongCode]);
        assert_eq!(discovery(&[0x11, 9, 0, 0, 0, 9]), [DecodeEvent::PppoeMalformedTags]);
        assert_eq!(discovery(&[0x11, 9, 0, 0, 0, 4, 1, 1, 0, 1]), [DecodeEvent::PppoeMalformedTags]);
        let out = decoded(&ethernet(0x8864, &[0x11, 0, 0, 1, 0, 9, 0]), LinkType::Ethernet);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::PppoePacketTooSmall]);
    }
}
