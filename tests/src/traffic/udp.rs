//! UDP datagrams.
//!
//! Source: RFC 768.

use super::ip;
use sluice_packet::checksum;
use std::net::IpAddr;

/// A datagram with its checksum. Its length field wraps beyond 65,535 bytes, as it would on the wire.
pub fn datagram(src: IpAddr, dst: IpAddr, src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    let ports = [src_port.to_be_bytes(), dst_port.to_be_bytes()].concat();
    let mut bytes = [&ports[..], &length.to_be_bytes(), &[0, 0], payload].concat();
    let sum = checksum::udp_field(ip::transport_checksum(src, dst, ip::UDP, &bytes)).to_be_bytes();
    for (to, from) in bytes.iter_mut().skip(6).zip(sum) {
        *to = from;
    }
    bytes
}
