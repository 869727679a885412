//! Builders of packets for tests: the smallest sound packet of each kind, in bytes.

use crate::{DecodeConfig, Decoded, LinkType, decode};

/// Decodes with the default configuration.
pub fn decoded(frame: &[u8], link: LinkType) -> Decoded {
    decoded_with(frame, link, &DecodeConfig::DEFAULT)
}

/// Decodes with `config`.
pub fn decoded_with(frame: &[u8], link: LinkType, config: &DecodeConfig) -> Decoded {
    let mut out = Decoded::new();
    decode(frame, link, config, &mut out);
    out
}

/// An Ethernet frame from 02:…:01 to 02:…:02.
pub fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let head = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    [&head[..], &ether_type.to_be_bytes(), payload].concat()
}

/// What follows the EtherType of a VLAN tag.
pub fn vlan(id: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &ether_type.to_be_bytes(), payload].concat()
}

/// IPv4 from 10.0.0.1 to 10.0.0.2.
pub fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with_options(protocol, &[], payload)
}

/// The same, named for payloads that are no transport.
pub fn raw(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4(protocol, payload)
}

/// IPv4 with options, whose length must be a multiple of 4.
pub fn ipv4_with_options(protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = (20 + options.len() + payload.len()) as u16;
    let words = (5 + options.len() / 4) as u8;
    let [high, low] = total.to_be_bytes();
    let head = [0x40 | words, 0, high, low, 0, 7, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&head[..], options, payload].concat()
}

/// IPv6 from 2001:db8::1 to 2001:db8::2.
pub fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    let mut bytes = vec![0x60, 0, 0, 0, high, low, next, 64];
    for last in [1, 2] {
        bytes.extend_from_slice(&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// A TCP segment without options.
pub fn tcp(src: u16, dst: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    tcp_with_options(src, dst, flags, &[], payload)
}

/// A TCP segment with options, whose length must be a multiple of 4.
pub fn tcp_with_options(src: u16, dst: u16, flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let offset = ((5 + options.len() / 4) << 4) as u8;
    let rest = [1, 2, 3, 4, 5, 6, 7, 8, offset, flags, 0x20, 0, 0, 0, 0, 0];
    [&src.to_be_bytes()[..], &dst.to_be_bytes(), &rest, options, payload].concat()
}

/// A UDP datagram.
pub fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    [&src.to_be_bytes()[..], &dst.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}
