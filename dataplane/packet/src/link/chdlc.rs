//! Cisco HDLC: address, control, EtherType.
//!
//! Called by the walk for captures of link type 104. Keepalives (SLARP) and CDP are payload, without an event.
//!
//! Source: RFC 1547 section 4.3.1, tcpdump.org link type LINKTYPE_C_HDLC.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::{Input, Next, be16, ether_type_step};
use crate::seen::Protocol;

/// Reads the four bytes of the header.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Chdlc);
    let Some((header, rest)) = input.split::<4>() else {
        return layer.fail(DecodeEvent::ChdlcPacketTooSmall, input);
    };
    layer.ether_type = be16(header[2], header[3]);
    match ether_type_step(layer.ether_type) {
        Some(step) => Next::Step(step, rest),
        None => layer.rest_is_payload(rest),
    }
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ipv4, udp};
    use crate::{DecodeEvent, LinkType};

    #[test]
    fn a_header_leads_to_ip_and_a_cut_one_is_invalid() {
        let frame = [&[0x0f, 0, 8, 0][..], &ipv4(17, &udp(1, 2, b"x"))].concat();
        let out = decoded(&frame, LinkType::ChdlcHdlc);
        assert!(out.innermost().is_udp() && out.innermost().events.is_empty());
        let out = decoded(&frame[..3], LinkType::ChdlcHdlc);
        assert_eq!(out.innermost().events.as_slice(), [DecodeEvent::ChdlcPacketTooSmall]);
        assert!(out.innermost().invalid);
    }
}
