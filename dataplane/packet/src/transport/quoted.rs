//! The packet that an ICMP error quotes.
//!
//! Called by `icmpv4` and `icmpv6`. The quote is cut short by nature: lengths inside it are not held against it, and a
//! missing transport header leaves `has_ports` unset.
//!
//! Sources: RFC 792, RFC 1812 section 4.3.2.3, RFC 4443 section 2.4.

use crate::headers::Embedded;
use crate::input::{Input, be16};
use crate::network::extension;

/// Why a quote could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Fewer bytes than an IP header.
    Truncated,
    /// Another IP version.
    Version,
}

/// Reads a quoted IPv4 packet.
pub(crate) fn ipv4(input: Input<'_>) -> Result<Embedded, Fault> {
    let header = input.head::<20>().ok_or(Fault::Truncated)?;
    if header[0] >> 4 != 4 {
        return Err(Fault::Version);
    }
    let header_len = usize::from(header[0] & 0x0f).wrapping_mul(4).max(20);
    let first_piece = be16(header[6], header[7]) & 0x1fff == 0;
    Ok(transport(input, 4, header[9], input.after(header_len), first_piece))
}

/// Reads a quoted IPv6 packet.
pub(crate) fn ipv6(input: Input<'_>) -> Result<Embedded, Fault> {
    let (header, mut rest) = input.split::<40>().ok_or(Fault::Truncated)?;
    if header[0] >> 4 != 6 {
        return Err(Fault::Version);
    }
    let mut protocol = header[6];
    let mut first_piece = true;
    while extension::is_extension(protocol) {
        let Some(head) = rest.head::<4>() else { break };
        let Some(after) = rest.after(extension::length(protocol, head[1])) else { break };
        if protocol == 44 {
            first_piece &= be16(head[2], head[3]) & 0xfff8 == 0;
        }
        protocol = head[0];
        rest = after;
        if !first_piece {
            break;
        }
    }
    Ok(transport(input, 6, protocol, Some(rest), first_piece))
}

fn transport(ip: Input<'_>, ip_version: u8, protocol: u8, rest: Option<Input<'_>>, first_piece: bool) -> Embedded {
    let mut embedded = Embedded {
        ip_offset: ip.start,
        l4_offset: rest.map_or(ip.end(), |rest| rest.start),
        ip_version,
        protocol,
        has_ports: false,
        has_icmp_id: false,
        src_port: 0,
        dst_port: 0,
        icmp_id: 0,
        icmp_type: 0,
    };
    match (protocol, rest.filter(|_| first_piece)) {
        (6 | 17 | 132, Some(rest)) => {
            if let Some(ports) = rest.head::<4>() {
                embedded.has_ports = true;
                embedded.src_port = be16(ports[0], ports[1]);
                embedded.dst_port = be16(ports[2], ports[3]);
            }
        }
        (1 | 58, Some(rest)) => {
            if let Some(header) = rest.head::<6>() {
                embedded.icmp_type = header[0];
                embedded.has_icmp_id = matches!((protocol, header[0]), (1, 0 | 8 | 13..=18) | (58, 128 | 129));
                if embedded.has_icmp_id {
                    embedded.icmp_id = be16(header[4], header[5]);
                }
            }
        }
        _ => {}
    }
    embedded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{ipv4 as packet, ipv6 as packet6, udp};

    #[test]
    fn a_quoted_later_fragment_has_no_ports() {
        let mut bytes = packet(17, &udp(5, 6, b"x"));
        bytes[7] = 3;
        assert!(!ipv4(Input::new(&bytes)).unwrap().has_ports);
        bytes[7] = 0;
        assert!(ipv4(Input::new(&bytes)).unwrap().has_ports);
    }

    #[test]
    fn a_quoted_echo_has_its_identifier() {
        let embedded = ipv4(Input::new(&packet(1, &[8, 0, 0, 0, 1, 2, 0, 0]))).unwrap();
        assert_eq!((embedded.has_icmp_id, embedded.icmp_id, embedded.icmp_type), (true, 0x0102, 8));
    }

    #[test]
    fn extension_headers_in_a_quote_are_passed() {
        let bytes = packet6(60, &[&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp(5, 6, b"x")].concat());
        let embedded = ipv6(Input::new(&bytes)).unwrap();
        assert_eq!((embedded.protocol, embedded.src_port, embedded.l4_offset), (17, 5, 48));
    }
}
