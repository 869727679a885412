//! GRE versions 0 and 1.
//!
//! Called by `over_ipv4` and `over_ipv6`. The optional checksum is not verified. A protocol without a decoder leaves the
//! tunnel closed, without an event.
//!
//! Sources: RFC 2784 and RFC 2890 (version 0), RFC 1701 (routing), RFC 2637 section 4.1 (version 1, PPTP).

use crate::config::DecodeConfig;
use crate::event::DecodeEvent;
use crate::headers::{Headers, PacketSource};
use crate::input::{Input, Next, Step, be16, ether_type_step};
use crate::seen::Protocol;

const CHECKSUM: u8 = 0x80;
const ROUTING: u8 = 0x40;
const KEY: u8 = 0x20;
const SEQUENCE: u8 = 0x10;
const STRICT: u8 = 0x08;
const RECURSION: u8 = 0x07;

const PPP: u16 = 0x880b;
const ERSPAN: u16 = 0x88be;

/// Reads the header and opens what its protocol names.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>, config: &DecodeConfig) -> Next<'f> {
    layer.seen.insert(Protocol::Gre);
    layer.rest_is_payload(input);
    let Some(header) = input.head::<4>() else {
        return layer.fail(DecodeEvent::GrePacketTooSmall, input);
    };
    let opened = match header[1] & 0x07 {
        0 => version_0(*header, input, config),
        1 => version_1(*header, input),
        _ => Err(DecodeEvent::GreWrongVersion),
    };
    match opened {
        Ok(next) => next,
        Err(event) => layer.fail(event, input),
    }
}

fn version_0<'f>(header: [u8; 4], input: Input<'f>, config: &DecodeConfig) -> Result<Next<'f>, DecodeEvent> {
    let [flags, more_flags, high, low] = header;
    if flags & RECURSION != 0 {
        return Err(DecodeEvent::GreV0Recursion);
    }
    if more_flags & 0xf8 != 0 {
        return Err(DecodeEvent::GreV0Flags);
    }
    // Checksum and offset are both there when either flag is set (RFC 1701).
    let mut length = 4usize;
    for present in [flags & (CHECKSUM | ROUTING), flags & KEY, flags & SEQUENCE] {
        length = length.wrapping_add(if present != 0 { 4 } else { 0 });
    }
    let mut rest = input.after(length).ok_or(DecodeEvent::GreV0HeaderTooBig)?;
    if flags & ROUTING != 0 {
        rest = past_routing(rest).ok_or(DecodeEvent::GreV0MalformedSre)?;
    }
    let tunnel = |step| Next::Tunnel(PacketSource::Gre, step, rest);
    Ok(match be16(high, low) {
        PPP => tunnel(Step::Ppp),
        ERSPAN if flags & SEQUENCE != 0 => Next::Tunnel(PacketSource::Erspan, Step::Erspan, rest),
        ERSPAN if config.erspan_type_i => Next::Tunnel(PacketSource::Erspan, Step::Ethernet, rest),
        other => ether_type_step(other).map_or(Next::Done, tunnel),
    })
}

/// Skips source route entries up to the empty one.
fn past_routing(input: Input<'_>) -> Option<Input<'_>> {
    let mut rest = input;
    loop {
        let (entry, after) = rest.split::<4>()?;
        if entry[3] == 0 {
            return Some(after);
        }
        rest = after.after(usize::from(entry[3]))?;
    }
}

fn version_1(header: [u8; 4], input: Input<'_>) -> Result<Next<'_>, DecodeEvent> {
    let [flags, more_flags, high, low] = header;
    if flags & CHECKSUM != 0 {
        return Err(DecodeEvent::GreV1Checksum);
    }
    if flags & ROUTING != 0 {
        return Err(DecodeEvent::GreV1Route);
    }
    if flags & STRICT != 0 {
        return Err(DecodeEvent::GreV1StrictSourceRoute);
    }
    if flags & RECURSION != 0 {
        return Err(DecodeEvent::GreV1Recursion);
    }
    if more_flags & 0x78 != 0 {
        return Err(DecodeEvent::GreV1Flags);
    }
    if be16(high, low) != PPP {
        return Err(DecodeEvent::GreV1WrongProtocol);
    }
    if flags & KEY == 0 {
        return Err(DecodeEvent::GreV1NoKey);
    }
    // Payload length and call id, then sequence and acknowledgment numbers if there.
    let mut length = 8usize;
    for present in [flags & SEQUENCE, more_flags & 0x80] {
        length = length.wrapping_add(if present != 0 { 4 } else { 0 });
    }
    let rest = input.after(length).ok_or(DecodeEvent::GreV1HeaderTooBig)?;
    let carried = input.byte(4).zip(input.byte(5)).map_or(0, |(high, low)| usize::from(be16(high, low)));
    // An acknowledgment alone carries nothing.
    if flags & SEQUENCE == 0 || rest.len() == 0 || carried == 0 {
        return Ok(Next::Done);
    }
    Ok(Next::Tunnel(PacketSource::Gre, Step::Ppp, rest.clip(carried)))
}

#[cfg(test)]
mod tests {
    use crate::DecodeEvent::{self, *};
    use crate::build::{decoded, ipv4, raw, udp};
    use crate::{Decoded, LinkType, PacketSource};

    fn gre(header: &[u8]) -> Decoded {
        decoded(&raw(47, &[header, &ipv4(17, &udp(5, 6, b"inner"))].concat()), LinkType::Raw)
    }

    fn events(header: &[u8]) -> Vec<DecodeEvent> {
        let out = decoded(&raw(47, header), LinkType::Raw);
        assert_eq!(out.outermost().invalid, !out.outermost().events.is_empty());
        out.outermost().events.as_slice().to_vec()
    }

    #[test]
    fn version_0_is_opened_past_its_optional_fields() {
        let plain = [0, 0, 8, 0];
        let all = [0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        let routing = [0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0];
        for header in [&plain[..], &all, &routing] {
            let out = gre(header);
            assert_eq!((out.layers().len(), out.innermost().dst_port), (2, 6));
            assert_eq!(out.innermost().source, PacketSource::Gre);
            assert!(out.layers().iter().all(|layer| layer.events.is_empty()));
        }
    }

    #[test]
    fn version_1_is_opened_up_to_its_length() {
        let packet = ipv4(17, &udp(5, 6, b"inner"));
        let length = packet.len() as u8 + 4;
        let header = [0x30, 0x81, 0x88, 0x0b, 0, length, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21];
        assert_eq!(gre(&header).innermost().dst_port, 6);
        assert_eq!(gre(&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 1]).layers().len(), 1);
    }

    #[test]
    fn an_unknown_protocol_is_payload() {
        let out = gre(&[0, 0, 0x12, 0x34]);
        assert_eq!((out.layers().len(), out.innermost().invalid), (1, false));
    }

    #[test]
    fn each_fault_has_its_event() {
        assert_eq!(events(&[0, 0, 8]), [GrePacketTooSmall]);
        assert_eq!(events(&[0, 2, 8, 0]), [GreWrongVersion]);
        assert_eq!(events(&[1, 0, 8, 0]), [GreV0Recursion]);
        assert_eq!(events(&[0, 8, 8, 0]), [GreV0Flags]);
        assert_eq!(events(&[0x20, 0, 8, 0]), [GreV0HeaderTooBig]);
        assert_eq!(events(&[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4]), [GreV0MalformedSre]);
        let key = [0, 0, 0, 1];
        for (head, event) in [
            ([0xa0, 1, 0x88, 0x0b], GreV1Checksum),
            ([0x60, 1, 0x88, 0x0b], GreV1Route),
            ([0x28, 1, 0x88, 0x0b], GreV1StrictSourceRoute),
            ([0x21, 1, 0x88, 0x0b], GreV1Recursion),
            ([0x20, 9, 0x88, 0x0b], GreV1Flags),
            ([0x20, 1, 0x08, 0x00], GreV1WrongProtocol),
            ([0x00, 1, 0x88, 0x0b], GreV1NoKey),
            ([0x30, 1, 0x88, 0x0b], GreV1HeaderTooBig),
        ] {
            assert_eq!(events(&[head, key].concat()), [event]);
        }
        assert_eq!(events(&[0x20, 1, 0x88, 0x0b, 0, 0, 0, 1]), []);
    }
}
