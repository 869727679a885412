//! ICMP and ICMPv6 messages.
//!
//! Sources: RFC 792, RFC 4443, RFC 4861.

use super::ip;
use sluice_packet::checksum;
use std::net::IpAddr;

/// A message: `rest` is the second word of its header, what the type makes of it. Over IPv6 the checksum covers the addresses.
pub fn message(src: IpAddr, dst: IpAddr, kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let head = [kind, code, 0, 0];
    let mut bytes = [&head[..], &rest, payload].concat();
    let sum = match src {
        IpAddr::V4(_) => checksum::compute(&bytes),
        IpAddr::V6(_) => ip::transport_checksum(src, dst, ip::ICMPV6, &bytes),
    };
    for (to, from) in bytes.iter_mut().skip(2).zip(sum.to_be_bytes()) {
        *to = from;
    }
    bytes
}

/// The second word of an echo.
pub fn echo(id: u16, sequence: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (id.to_be_bytes(), sequence.to_be_bytes());
    [a, b, c, d]
}

/// Protocol number of ICMP for a packet from `src`.
pub const fn protocol(src: IpAddr) -> u8 {
    if src.is_ipv4() { ip::ICMP } else { ip::ICMPV6 }
}
