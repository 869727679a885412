//! SCTP common header and chunks.
//!
//! Called by `over_ipv4` and `over_ipv6`. Chunks are counted and checked in one pass; DATA is not put together and the
//! checksum (CRC32c) is not verified. Chunk faults are events and do not make the packet invalid.
//!
//! Source: RFC 9260 sections 3 and 6.10. The limits of `too_many_chunks` and `too_many_data_chunks` are ours: Suricata's
//! are not documented, its public test has 16,143 chunks in one packet.

use crate::event::DecodeEvent;
use crate::headers::{Headers, SctpFields};
use crate::input::{Input, Next, be16};
use crate::options::SctpChunks;
use crate::seen::Protocol;

const DATA: u8 = 0;
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const SHUTDOWN_COMPLETE: u8 = 14;
const I_DATA: u8 = 64;

/// Bytes of a chunk before its value.
const CHUNK_HEADER: usize = 4;
/// Bytes of a DATA chunk's value before the user data: TSN, stream, sequence, payload protocol (RFC 9260 section 3.3.1).
const DATA_FIELDS: usize = 12;

/// Chunks in one packet above which `too_many_chunks` is raised; a 9,000-byte frame of one-byte DATA chunks holds 448.
const MANY_CHUNKS: u16 = 512;
/// Likewise for DATA chunks.
const MANY_DATA_CHUNKS: u16 = 448;

/// Reads the common header and counts the chunks.
pub(crate) fn decode<'f>(layer: &mut Headers, input: Input<'f>) -> Next<'f> {
    layer.seen.insert(Protocol::Sctp);
    let Some((header, rest)) = input.split::<12>() else {
        return layer.fail(DecodeEvent::SctpPacketTooSmall, input);
    };
    layer.has_transport = true;
    layer.l4_header_len = 12;
    layer.src_port = be16(header[0], header[1]);
    layer.dst_port = be16(header[2], header[3]);
    let tag = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let mut fields = SctpFields { verification_tag: tag, ..SctpFields::default() };
    let mut user_data = None;
    let mut chunks = SctpChunks::new(rest.bytes, rest.start);
    for chunk in chunks.by_ref() {
        if fields.chunk_count == 0 {
            fields.first_chunk_type = chunk.kind;
        }
        fields.chunk_count = fields.chunk_count.saturating_add(1);
        if chunk.kind <= SHUTDOWN_COMPLETE {
            fields.chunk_types |= 1u16.wrapping_shl(u32::from(chunk.kind));
        }
        if chunk.kind == DATA && user_data.is_none() {
            user_data = chunk.offset.checked_sub(rest.start).map(|at| (at as usize, chunk.data.len()));
        }
        if matches!(chunk.kind, DATA | I_DATA) {
            fields.data_chunk_count = fields.data_chunk_count.saturating_add(1);
        }
    }
    if let Some(event) = chunks.fault() {
        layer.events.insert(event);
    }
    layer.sctp = fields;
    check(layer);
    // The payload is what the first DATA chunk carries; without one, all chunks.
    let first = user_data.and_then(|(at, length)| {
        let length = length.checked_sub(DATA_FIELDS)?;
        Some(rest.after(at.checked_add(CHUNK_HEADER + DATA_FIELDS)?)?.clip(length))
    });
    layer.rest_is_payload(first.unwrap_or(rest))
}

fn check(layer: &mut Headers) {
    let fields = layer.sctp;
    let holds = |kind: u8| fields.chunk_types >> kind & 1 == 1;
    let alone = holds(INIT) || holds(INIT_ACK) || holds(SHUTDOWN_COMPLETE);
    if alone && fields.chunk_count > 1 {
        layer.events.insert(DecodeEvent::SctpInitBundled);
    }
    if holds(INIT) && fields.verification_tag != 0 {
        layer.events.insert(DecodeEvent::SctpInitWithTag);
    }
    if fields.data_chunk_count > 0 && fields.verification_tag == 0 {
        layer.events.insert(DecodeEvent::SctpDataWithoutTag);
    }
    if fields.chunk_count > MANY_CHUNKS {
        layer.events.insert(DecodeEvent::SctpTooManyChunks);
    }
    if fields.data_chunk_count > MANY_DATA_CHUNKS {
        layer.events.insert(DecodeEvent::SctpTooManyDataChunks);
    }
}

#[cfg(test)]
mod tests {
    use crate::DecodeEvent::{self, *};
    use crate::build::{decoded, raw};
    use crate::{LinkType, sctp_chunks};

    fn packet(tag: u32, chunks: &[u8]) -> Vec<u8> {
        raw(132, &[&[0, 7, 0, 9][..], &tag.to_be_bytes(), &[0; 4], chunks].concat())
    }

    fn events(tag: u32, chunks: &[u8]) -> Vec<DecodeEvent> {
        let out = decoded(&packet(tag, chunks), LinkType::Raw);
        assert!(out.innermost().is_sctp() && !out.innermost().invalid);
        out.innermost().events.as_slice().to_vec()
    }

    const INIT: [u8; 4] = [1, 0, 0, 4];
    const DATA: [u8; 8] = [0, 3, 0, 5, b'x', 0, 0, 0];

    #[test]
    fn chunks_are_counted_and_listed_without_padding() {
        let frame = packet(5, &[DATA, DATA].concat());
        let out = decoded(&frame, LinkType::Raw);
        let layer = out.innermost();
        assert!(layer.events.is_empty());
        assert_eq!((layer.src_port, layer.dst_port, layer.sctp.verification_tag), (7, 9, 5));
        assert_eq!((layer.sctp.chunk_count, layer.sctp.data_chunk_count, layer.sctp.chunk_types), (2, 2, 1));
        let listed: Vec<_> = sctp_chunks(&frame, layer).map(|chunk| (chunk.kind, chunk.flags, chunk.data)).collect();
        assert_eq!(listed, [(0, 3, &b"x"[..]), (0, 3, b"x")]);
    }

    #[test]
    fn each_fault_has_its_event() {
        assert_eq!(events(0, &INIT), []);
        assert_eq!(events(5, &[1, 0, 0]), [SctpChunkTooSmall]);
        assert_eq!(events(5, &[3, 0, 0, 3]), [SctpChunkLengthInvalid]);
        assert_eq!(events(5, &[3, 0, 0, 9]), [SctpChunkLengthInvalid]);
        assert_eq!(events(0, &[INIT, [10, 0, 0, 4]].concat()), [SctpInitBundled]);
        assert_eq!(events(5, &INIT), [SctpInitWithTag]);
        assert_eq!(events(0, &DATA), [SctpDataWithoutTag]);
        assert_eq!(events(5, &[3, 0, 0, 4].repeat(513)), [SctpTooManyChunks]);
        assert_eq!(events(5, &DATA.repeat(449)), [SctpTooManyDataChunks]);
        assert_eq!(events(5, &DATA.repeat(448)), []);
    }

    #[test]
    fn a_cut_header_is_invalid() {
        let out = decoded(&raw(132, &[0; 11]), LinkType::Raw);
        assert!(out.innermost().invalid);
        assert_eq!(out.innermost().events.as_slice(), [SctpPacketTooSmall]);
    }
}
