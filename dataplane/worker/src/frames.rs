//! The bytes of the packets of a burst, decoded.
//!
//! A packet in one segment is read where it lies. One in several segments is copied together first: rules see one run of bytes whatever the
//! card or driver made of it. The real chain counts, never the length the driver claims.

use sluice_dpdk::{BURST, Burst, MbufRef};
use sluice_packet::{DecodeConfig, Decoded, LinkType};

/// Longest frame that is looked at, bytes: the longest IP packet there is and 64 bytes of link headers. DPDK's capture device delivers what is about 2,000 bytes
/// longer, and then parts of it only.
pub const LONGEST_FRAME: usize = 65_535 + 64;

/// Headers of a burst, and room for one packet in several segments.
pub struct Frames {
    decoded: Box<[Decoded]>,
    lone: Box<Decoded>,
    joined: Box<[u8]>,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            decoded: vec![Decoded::new(); BURST].into_boxed_slice(),
            lone: Box::new(Decoded::new()),
            joined: vec![0; LONGEST_FRAME].into_boxed_slice(),
        }
    }
}

impl Frames {
    /// Decodes every packet of `burst`.
    pub fn decode(&mut self, burst: &Burst, link: LinkType, config: &DecodeConfig) {
        let Self { decoded, joined, .. } = self;
        for (packet, headers) in burst.iter().zip(decoded.iter_mut()) {
            sluice_packet::decode(bytes_of(packet, joined), link, config, headers);
        }
    }

    /// The headers and the bytes of `packet`, which was number `place` of the burst.
    pub fn of<'a>(&'a mut self, place: usize, packet: MbufRef<'a>) -> Option<(&'a mut Decoded, &'a [u8])> {
        let Self { decoded, joined, .. } = self;
        Some((decoded.get_mut(place)?, bytes_of(packet, joined)))
    }

    /// Decodes `packet` alone: its headers and its bytes.
    pub fn single<'a>(
        &'a mut self,
        packet: MbufRef<'a>,
        link: LinkType,
        config: &DecodeConfig,
    ) -> (&'a mut Decoded, &'a [u8]) {
        let Self { lone, joined, .. } = self;
        let frame = bytes_of(packet, joined);
        sluice_packet::decode(frame, link, config, lone);
        (lone, frame)
    }
}

/// Whether all bytes of `packet` are there (a driver can claim more than it delivers) and not too many.
#[inline]
pub fn is_whole(packet: MbufRef) -> bool {
    let length = packet.pkt_len() as usize;
    length <= LONGEST_FRAME && length == if packet.is_chained() { length_of(packet) } else { packet.data_len().into() }
}

#[cold]
fn length_of(packet: MbufRef) -> usize {
    packet.chain_len()
}

#[inline]
fn bytes_of<'a>(packet: MbufRef<'a>, joined: &'a mut [u8]) -> &'a [u8] {
    if packet.is_chained() { join(packet, joined) } else { packet.first_segment() }
}

#[cold]
fn join<'a>(packet: MbufRef<'_>, joined: &'a mut [u8]) -> &'a [u8] {
    let length = packet.copy_to(joined);
    joined.get(..length).unwrap_or_default()
}
