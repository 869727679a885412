//! TCP segments.
//!
//! Source: RFC 9293 section 3.1.

use super::ip;
use std::net::IpAddr;

/// FIN.
pub const FIN: u8 = 0x01;
/// SYN.
pub const SYN: u8 = 0x02;
/// RST.
pub const RST: u8 = 0x04;
/// PSH.
pub const PSH: u8 = 0x08;
/// ACK.
pub const ACK: u8 = 0x10;
/// URG.
pub const URG: u8 = 0x20;

/// Fields of a segment.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// The low eight flags.
    pub flags: u8,
    /// Window.
    pub window: u16,
    /// Options; padded to a multiple of 4 with no-operations.
    pub options: Vec<u8>,
}

impl Tcp {
    /// A segment with `flags` and numbers 1 and 0.
    pub const fn new(src_port: u16, dst_port: u16, flags: u8) -> Self {
        Self { src_port, dst_port, seq: 1, ack: 0, flags, window: 64_240, options: Vec::new() }
    }

    /// The bytes, with the checksum for a packet from `src` to `dst`.
    pub fn bytes(&self, src: IpAddr, dst: IpAddr, payload: &[u8]) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 1);
        let offset = (5 + options.len() / 4) as u8;
        let middle = [offset << 4, self.flags];
        let mut bytes = [
            &self.src_port.to_be_bytes()[..],
            &self.dst_port.to_be_bytes(),
            &self.seq.to_be_bytes(),
            &self.ack.to_be_bytes(),
            &middle,
            &self.window.to_be_bytes(),
            &[0; 4],
            &options,
            payload,
        ]
        .concat();
        let sum = ip::transport_checksum(src, dst, ip::TCP, &bytes).to_be_bytes();
        for (to, from) in bytes.iter_mut().skip(16).zip(sum) {
            *to = from;
        }
        bytes
    }
}

/// The options of a SYN: largest segment, selective acknowledgements.
pub fn syn_options(mss: u16) -> Vec<u8> {
    let [high, low] = mss.to_be_bytes();
    vec![2, 4, high, low, 4, 2, 1, 1]
}
