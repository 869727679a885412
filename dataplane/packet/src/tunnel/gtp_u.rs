//! GTP-U: user traffic of mobile networks.
//!
//! Called by `over_udp`. Only G-PDU messages of version 1 carry user packets; the tunnel endpoint identifier is not kept.
//!
//! Source: 3GPP TS 29.281 sections 5.1 and 5.2.

use crate::headers::{Headers, PacketSource};
use crate::input::{Input, Next, Step, be16};
use crate::seen::Protocol;

const G_PDU: u8 = 255;

/// Reads the header and its extension headers, opens the IP packet.
#[cold]
pub(crate) fn decode<'f>(layer: &mut Headers, payload: Input<'f>) -> Next<'f> {
    match user_packet(payload) {
        Some((step, inner)) => {
            layer.seen.insert(Protocol::GtpU);
            Next::Tunnel(PacketSource::GtpU, step, inner)
        }
        None => Next::Done,
    }
}

fn user_packet(payload: Input<'_>) -> Option<(Step, Input<'_>)> {
    let (header, rest) = payload.split::<8>()?;
    // Version 1, protocol type GTP.
    if header[0] & 0xf0 != 0x30 || header[1] != G_PDU {
        return None;
    }
    let length = usize::from(be16(header[2], header[3]));
    if length > rest.len() {
        return None;
    }
    let mut rest = rest.clip(length);
    if header[0] & 0x07 != 0 {
        // Sequence number, N-PDU number and type of the first extension header come together.
        let (optional, after) = rest.split::<4>()?;
        rest = after;
        let mut kind = if header[0] & 0x04 != 0 { optional[3] } else { 0 };
        while kind != 0 {
            let words = usize::from(rest.byte(0)?);
            let bytes = words.wrapping_mul(4);
            // The last byte of an extension header names the next one.
            kind = rest.byte(bytes.checked_sub(1)?)?;
            rest = rest.after(bytes)?;
        }
    }
    let step = match rest.byte(0)? >> 4 {
        4 => Step::Ipv4,
        6 => Step::Ipv6,
        _ => return None,
    };
    Some((step, rest))
}

#[cfg(test)]
mod tests {
    use crate::build::{decoded, ipv4, udp};
    use crate::{Decoded, LinkType, PacketSource};

    fn gtp(flags: u8, message: u8, optional: &[u8]) -> Decoded {
        let inner = [optional, &ipv4(17, &udp(5, 6, b"inner"))].concat();
        let bytes = [&[flags, message, 0, inner.len() as u8, 0, 0, 0, 1][..], &inner].concat();
        decoded(&ipv4(17, &udp(2152, 2152, &bytes)), LinkType::Raw)
    }

    #[test]
    fn user_packets_are_opened_past_extension_headers() {
        for (flags, optional) in [(0x30, &b""[..]), (0x32, &[0, 1, 0, 0]), (0x34, &[0, 0, 0, 0x85, 1, 0, 9, 0])] {
            let out = gtp(flags, 255, optional);
            assert_eq!((out.layers().len(), out.innermost().dst_port), (2, 6));
            assert_eq!(out.innermost().source, PacketSource::GtpU);
        }
    }

    #[test]
    fn other_messages_and_broken_extension_headers_stay_closed() {
        assert_eq!(gtp(0x30, 1, b"").layers().len(), 1);
        assert_eq!(gtp(0x50, 255, b"").layers().len(), 1);
        assert_eq!(gtp(0x34, 255, &[0, 0, 0, 0x85, 0, 0, 9, 0]).layers().len(), 1);
    }
}
