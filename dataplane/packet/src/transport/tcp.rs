//! TCP headers and options.
//!
//! Called by `over_ipv4` and `over_ipv6`. Checks the header's own lengths only: flags, sequence numbers and checksums are
//! judged by `flow` and `checksum`. A faulty option is an event and does not make the packet invalid.
//!
//! Sources: RFC 9293 section 3.1 and 3.2, RFC 7323 (window scale, timestamps), RFC 2018 (SACK), RFC 2385 and RFC 5925
//! (signatures), RFC 7413 (Fast Open). A SACK option without blocks is passed in silence, as in Suricata's public test
//! `tcp-empty-sack`.

use crate::event::DecodeEvent;
use crate::headers::{Headers, TcpTimestamps};
use crate::input::{Input, Next, be16};
use crate::seen::Protocol;

/// Reads the header and its options; what follows is the payload.
#[inline(always)]
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Tcp);
    let Some(header) = input.head::<20>() else {
        return layer.fail(DecodeEvent::TcpPacketTooSmall, input);
    };
    let header_len = usize::from(header[12] >> 4).wrapping_mul(4);
    if header_len < 20 {
        return layer.fail(DecodeEvent::TcpHeaderTooSmall, input);
    }
    let Some(payload) = input.after(header_len) else {
        return layer.fail(DecodeEvent::TcpHeaderPastEnd, input);
    };
    layer.has_transport = true;
    layer.l4_header_len = header_len as u16;
    layer.src_port = be16(header[0], header[1]);
    layer.dst_port = be16(header[2], header[3]);
    read_fixed(layer, input);
    if header_len > 20 {
        read_options(layer, input.bytes.get(20..header_len).unwrap_or_default());
    }
    layer.rest_is_payload(payload)
}

/// Copies the fixed fields; does nothing when there are fewer than 20 bytes.
#[inline(always)]
pub(crate) fn read_fixed(layer: &mut Headers, input: Input<'_>) {
    let Some(header) = input.head::<20>() else { return };
    layer.tcp.seq = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    layer.tcp.ack = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    layer.tcp.reserved = header[12] & 0x0f;
    layer.tcp.flags = header[13];
    layer.tcp.window = be16(header[14], header[15]);
    layer.tcp.urgent_pointer = be16(header[18], header[19]);
}

/// Most segments of a connection carry timestamps and nothing else.
#[inline(always)]
fn read_options(layer: &mut Headers, options: &[u8]) {
    layer.tcp.options.length = options.len() as u8;
    if let [1, 1, 8, 10, a, b, c, d, e, f, g, h] = *options {
        let (value, echo) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        layer.tcp.options.timestamps = Some(TcpTimestamps { value, echo });
    } else {
        walk_options(layer, options);
    }
}

fn walk_options(layer: &mut Headers, options: &[u8]) {
    let mut rest = options;
    loop {
        let option = match rest {
            [] | [0, ..] => return,
            [1, after @ ..] => {
                rest = after;
                continue;
            }
            [_, length, ..] if *length >= 2 => rest.split_at_checked(usize::from(*length)),
            _ => None,
        };
        let Some((option, after)) = option else {
            layer.events.insert(DecodeEvent::TcpOptionInvalidLength);
            return;
        };
        rest = after;
        read_option(layer, option);
    }
}

fn read_option(layer: &mut Headers, option: &[u8]) {
    let options = &mut layer.tcp.options;
    let known = match *option {
        [2, 4, high, low] => first(&mut options.mss, be16(high, low)),
        [3, 3, shift] => first(&mut options.window_scale, shift),
        [4, 2] => first_flag(&mut options.sack_permitted),
        [5, 2] => Ok(()),
        [5, 10 | 18 | 26 | 34, ..] => first_flag(&mut options.sack),
        [8, 10, a, b, c, d, e, f, g, h] => first(
            &mut options.timestamps,
            TcpTimestamps { value: u32::from_be_bytes([a, b, c, d]), echo: u32::from_be_bytes([e, f, g, h]) },
        ),
        [19, 18, ..] => first_flag(&mut options.signature),
        [29, 4..=40, ..] => first_flag(&mut options.signature),
        // A cookie of 4 to 16 bytes, or an empty one that asks for it.
        [34, 2 | 6..=18, ..] => first_flag(&mut options.fast_open),
        [2..=5 | 8 | 19 | 29 | 34, ..] => Err(DecodeEvent::TcpOptionInvalidLength),
        _ => Ok(()),
    };
    if let Err(event) = known {
        layer.events.insert(event);
    }
}

fn first<T>(place: &mut Option<T>, value: T) -> Result<(), DecodeEvent> {
    if place.is_some() {
        return Err(DecodeEvent::TcpOptionDuplicate);
    }
    *place = Some(value);
    Ok(())
}

fn first_flag(place: &mut bool) -> Result<(), DecodeEvent> {
    if std::mem::replace(place, true) { Err(DecodeEvent::TcpOptionDuplicate) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use crate::DecodeEvent::{self, *};
    use crate::build::{decoded, ipv4, tcp, tcp_with_options};
    use crate::{LinkType, TcpFlags, TcpOptions, TcpTimestamps};

    fn options(options: &[u8]) -> (TcpOptions, Vec<DecodeEvent>) {
        let frame = ipv4(6, &tcp_with_options(1, 2, 2, options, b"payload"));
        let out = decoded(&frame, LinkType::Raw);
        let layer = out.innermost();
        assert!(layer.is_tcp() && !layer.invalid);
        assert_eq!(layer.payload(&frame), b"payload");
        assert_eq!(usize::from(layer.tcp.options.length), options.len());
        (layer.tcp.options, layer.events.as_slice().to_vec())
    }

    fn events(change: impl Fn(&mut Vec<u8>)) -> Vec<DecodeEvent> {
        let mut segment = tcp(1, 2, 2, b"");
        change(&mut segment);
        let out = decoded(&ipv4(6, &segment), LinkType::Raw);
        assert_eq!(out.innermost().invalid, !out.innermost().events.is_empty());
        assert_eq!(out.innermost().is_tcp(), out.innermost().events.is_empty());
        out.innermost().events.as_slice().to_vec()
    }

    #[test]
    fn the_fixed_fields_are_read() {
        let mut segment = tcp(1234, 80, 0x1b, b"x");
        segment[12] |= 0x01;
        segment[19] = 7;
        let frame = ipv4(6, &segment);
        let out = decoded(&frame, LinkType::Raw);
        let layer = out.innermost();
        assert_eq!((layer.src_port, layer.dst_port, layer.l4_header_len), (1234, 80, 20));
        assert_eq!((layer.tcp.seq, layer.tcp.ack, layer.tcp.window), (0x0102_0304, 0x0506_0708, 0x2000));
        assert_eq!(layer.tcp.flags, TcpFlags::FIN | TcpFlags::SYN | TcpFlags::PSH | TcpFlags::ACK);
        assert_eq!((layer.tcp.reserved, layer.tcp.urgent_pointer), (1, 7));
        assert_eq!(layer.transport_header(&frame).len(), 20);
    }

    #[test]
    fn each_bad_length_has_its_event() {
        assert_eq!(events(|_| ()), []);
        assert_eq!(events(|segment| segment.truncate(19)), [TcpPacketTooSmall]);
        assert_eq!(events(|segment| segment[12] = 0x40), [TcpHeaderTooSmall]);
        assert_eq!(events(|segment| segment[12] = 0x60), [TcpHeaderPastEnd]);
    }

    #[test]
    fn the_options_of_a_handshake_are_read() {
        let (read, events) = options(&[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 1, 3, 3, 7]);
        assert_eq!(events, []);
        assert_eq!((read.mss, read.window_scale, read.sack_permitted), (Some(1460), Some(7), true));
        assert_eq!(read.timestamps, Some(TcpTimestamps { value: 9, echo: 8 }));
    }

    #[test]
    fn lone_timestamps_are_read() {
        let (read, events) = options(&[1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8]);
        assert_eq!((read.timestamps, events), (Some(TcpTimestamps { value: 9, echo: 8 }), vec![]));
    }

    #[test]
    fn bad_lengths_have_an_event_and_the_rest_is_still_read() {
        let (read, events) = options(&[2, 3, 0, 3, 3, 7, 1, 1]);
        assert_eq!((read.mss, read.window_scale, events), (None, Some(7), vec![TcpOptionInvalidLength]));
        assert_eq!(options(&[2, 9, 0, 0]).1, [TcpOptionInvalidLength]);
        assert_eq!(options(&[99, 0, 0, 0]).1, [TcpOptionInvalidLength]);
        assert_eq!(options(&[1, 1, 1, 2]).1, [TcpOptionInvalidLength]);
        assert_eq!(options(&[5, 3, 0, 0]).1, [TcpOptionInvalidLength]);
    }

    #[test]
    fn a_repeated_option_has_an_event_and_the_first_counts() {
        let (read, events) = options(&[2, 4, 0, 1, 2, 4, 0, 2]);
        assert_eq!((read.mss, events), (Some(1), vec![TcpOptionDuplicate]));
    }

    #[test]
    fn an_empty_sack_and_unknown_kinds_are_silent() {
        assert_eq!(options(&[5, 2, 0, 0]).1, []);
        assert_eq!(options(&[254, 4, 1, 2]).1, []);
        assert!(options(&[34, 2, 0, 0]).0.fast_open);
    }
}
