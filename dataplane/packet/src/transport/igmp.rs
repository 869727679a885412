//! IGMP versions 1 to 3, and RGMP.
//!
//! Called by `over_ipv4`. The message is a header without payload; membership is not tracked.
//!
//! Sources: RFC 1112 appendix I, RFC 2236 section 2, RFC 3376 section 4, RFC 3488.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16};
use crate::seen::Protocol;

/// Reads the type and checks the counts of version 3.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Igmp);
    let Some((header, rest)) = input.split::<8>() else {
        return layer.fail(DecodeEvent::IgmpPacketTooSmall, input);
    };
    let sound = match header[0] {
        // A query of version 3 is told by its length (RFC 3376 section 7.1).
        0x11 if rest.len() > 0 => match rest.split::<4>() {
            Some((more, sources)) => sources.len() >= usize::from(be16(more[2], more[3])).wrapping_mul(4),
            None => return layer.fail(DecodeEvent::IgmpV3PacketTooSmall, input),
        },
        0x22 => match group_records(rest, be16(header[6], header[7])) {
            Some(sound) => sound,
            None => return layer.fail(DecodeEvent::IgmpV3PacketTooSmall, input),
        },
        _ => true,
    };
    if !sound {
        return layer.fail(DecodeEvent::IgmpMalformed, input);
    }
    layer.has_transport = true;
    (layer.icmp_type, layer.icmp_code) = (header[0], header[1]);
    layer.l4_header_len = input.len() as u16;
    match input.after(input.len()) {
        Some(nothing) => layer.rest_is_payload(nothing),
        None => Next::Done,
    }
}

/// Whether `count` records fit; `None` when not even the first one's fixed part does.
fn group_records(records: Input<'_>, count: u16) -> Option<bool> {
    let mut rest = records;
    for index in 0..count {
        let Some((record, after)) = rest.split::<8>() else {
            return if index == 0 { None } else { Some(false) };
        };
        let auxiliary = usize::from(record[1]).wrapping_mul(4);
        let sources = usize::from(be16(record[2], record[3])).wrapping_mul(4);
        match after.after(sources.wrapping_add(auxiliary)) {
            Some(after) => rest = after,
            None => return Some(false),
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use crate::DecodeEvent::{self, *};
    use crate::LinkType;
    use crate::build::{decoded, raw};

    fn events(bytes: &[u8]) -> Vec<DecodeEvent> {
        let out = decoded(&raw(2, bytes), LinkType::Raw);
        assert_eq!(out.innermost().invalid, !out.innermost().events.is_empty());
        out.innermost().events.as_slice().to_vec()
    }

    #[test]
    fn a_message_is_all_header() {
        let frame = raw(2, &[0x16, 0, 0, 0, 224, 0, 0, 9]);
        let out = decoded(&frame, LinkType::Raw);
        let layer = out.innermost();
        assert!(layer.events.is_empty() && layer.has_transport);
        assert_eq!((layer.icmp_type, layer.payload_len, layer.l4_header_len), (0x16, 0, 8));
    }

    #[test]
    fn sound_version_3_messages_are_silent() {
        assert_eq!(events(&[0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4]), []);
        assert_eq!(events(&[0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 224, 0, 0, 9]), []);
    }

    #[test]
    fn each_fault_has_its_event() {
        assert_eq!(events(&[0x16, 0, 0, 0, 224, 0, 0]), [IgmpPacketTooSmall]);
        assert_eq!(events(&[0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [IgmpV3PacketTooSmall]);
        assert_eq!(events(&[0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0]), [IgmpV3PacketTooSmall]);
        assert_eq!(events(&[0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 3, 4]), [IgmpMalformed]);
        assert_eq!(events(&[0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 1, 224, 0, 0, 9]), [IgmpMalformed]);
    }
}
