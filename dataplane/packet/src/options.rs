//! Iterators over lists inside headers: IPv4 and TCP options, IPv6 extension headers, SCTP chunks.
//!
//! Called by `detect` (keywords such as `ipopts`, `tcp.hdr`, `sctp.chunk_type`), by normalisation and by EVE records. Each
//! stops at the first item that does not fit; what is wrong with it was said by the decoder. Never allocates.
//!
//! Sources: RFC 791 section 3.1, RFC 9293 section 3.2, RFC 8200 section 4, RFC 9260 section 3.2.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::be16;
use crate::network::extension;

/// Options of one header as `(kind, data)`, data without kind and length. Padding of one byte is given as kind 1 with no
/// data, the mark that ends the list as kind 0; a list that ends with its header has none.
#[derive(Clone, Debug)]
pub struct OptionIter<'f> {
    rest: &'f [u8],
}

impl<'f> Iterator for OptionIter<'f> {
    type Item = (u8, &'f [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        match self.rest {
            [] => None,
            [0, ..] => {
                self.rest = &[];
                Some((0, &[]))
            }
            [1, after @ ..] => {
                self.rest = after;
                Some((1, &[]))
            }
            [kind, length, ..] => {
                let (option, after) = self.rest.split_at_checked(usize::from(*length))?;
                self.rest = after;
                Some((*kind, option.get(2..)?))
            }
            [_] => None,
        }
    }
}

/// The options of a layer's IPv4 header; none when it has no IPv4.
pub fn ip_options<'f>(frame: &'f [u8], headers: &Headers) -> OptionIter<'f> {
    let header = if headers.ip_version == 4 { headers.ip_header(frame) } else { &[] };
    OptionIter { rest: header.get(20..).unwrap_or_default() }
}

/// The options of a layer's TCP header; none when it has no TCP.
pub fn tcp_options<'f>(frame: &'f [u8], headers: &Headers) -> OptionIter<'f> {
    let header = if headers.is_tcp() { headers.transport_header(frame) } else { &[] };
    OptionIter { rest: header.get(20..).unwrap_or_default() }
}

/// One IPv6 extension header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionHeader {
    /// Its number: 0 hop-by-hop, 43 routing, 44 fragment, 51 authentication, 60 destination, 135, 139, 140.
    pub kind: u8,
    /// Start of it, from the start of the frame.
    pub offset: u32,
    /// Bytes of it.
    pub len: u16,
}

/// Iterator over the extension headers of one layer.
#[derive(Clone, Debug)]
pub struct ExtensionHeaders<'f> {
    kind: u8,
    offset: u32,
    rest: &'f [u8],
}

impl Iterator for ExtensionHeaders<'_> {
    type Item = ExtensionHeader;

    fn next(&mut self) -> Option<Self::Item> {
        if !extension::is_extension(self.kind) {
            return None;
        }
        let (&[next, second], _) = self.rest.split_first_chunk()?;
        let len = extension::length(self.kind, second);
        self.rest = self.rest.get(len..)?;
        let header = ExtensionHeader { kind: self.kind, offset: self.offset, len: len as u16 };
        self.kind = next;
        self.offset = self.offset.wrapping_add(len as u32);
        Some(header)
    }
}

/// The extension headers that the decoder passed in a layer; none when it has no IPv6.
pub fn extension_headers<'f>(frame: &'f [u8], headers: &Headers) -> ExtensionHeaders<'f> {
    let header = if headers.ip_version == 6 { headers.ip_header(frame) } else { &[] };
    ExtensionHeaders {
        kind: header.get(6).copied().unwrap_or(59),
        offset: headers.ip_offset.wrapping_add(40),
        rest: header.get(40..).unwrap_or_default(),
    }
}

/// One SCTP chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpChunk<'f> {
    /// Chunk type (IANA).
    pub kind: u8,
    /// Chunk flags.
    pub flags: u8,
    /// Start of the chunk's own header, from the start of the frame.
    pub offset: u32,
    /// What follows the four bytes of that header, without padding.
    pub data: &'f [u8],
}

impl<'f> SctpChunk<'f> {
    /// The user data of a DATA chunk (RFC 9260 section 3.3.1); none for other chunks and for one cut short.
    pub fn user_data(&self) -> Option<&'f [u8]> {
        if self.kind == 0 { self.data.get(12..) } else { None }
    }
}

/// Iterator over the whole chunks of one layer.
#[derive(Clone, Debug)]
pub struct SctpChunks<'f> {
    rest: &'f [u8],
    offset: u32,
}

impl<'f> SctpChunks<'f> {
    pub(crate) const fn new(rest: &'f [u8], offset: u32) -> Self {
        Self { rest, offset }
    }

    /// What is wrong with the chunk at which the iterator stopped; `None` at the end of the packet.
    pub(crate) fn fault(&self) -> Option<DecodeEvent> {
        match self.rest {
            [] => None,
            [_, _, _, _, ..] => Some(DecodeEvent::SctpChunkLengthInvalid),
            _ => Some(DecodeEvent::SctpChunkTooSmall),
        }
    }
}

impl<'f> Iterator for SctpChunks<'f> {
    type Item = SctpChunk<'f>;

    fn next(&mut self) -> Option<Self::Item> {
        let &[kind, flags, high, low, ..] = self.rest else { return None };
        let length = usize::from(be16(high, low));
        let data = self.rest.get(4..length)?;
        let chunk = SctpChunk { kind, flags, offset: self.offset, data };
        let padded = length.next_multiple_of(4);
        // The padding of the last chunk may be missing.
        self.rest = self.rest.get(padded..).unwrap_or_default();
        self.offset = self.offset.wrapping_add(padded as u32);
        Some(chunk)
    }
}

/// The chunks of a layer's SCTP packet; none when it has no SCTP.
pub fn sctp_chunks<'f>(frame: &'f [u8], headers: &Headers) -> SctpChunks<'f> {
    let packet = if headers.is_sctp() { headers.ip_payload(frame) } else { &[] };
    let header = usize::from(headers.l4_header_len);
    SctpChunks::new(packet.get(header..).unwrap_or_default(), headers.l4_offset.wrapping_add(header as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinkType;
    use crate::build::{decoded, ipv4_with_options, ipv6, tcp_with_options, udp};

    #[test]
    fn options_come_with_their_data() {
        let frame = ipv4_with_options(17, &[148, 4, 0, 0, 1, 1, 1, 0], &udp(1, 2, b"x"));
        let out = decoded(&frame, LinkType::Raw);
        let all: Vec<_> = ip_options(&frame, out.innermost()).collect();
        assert_eq!(all, [(148, &[0, 0][..]), (1, &[]), (1, &[]), (1, &[]), (0, &[])]);
        assert_eq!(tcp_options(&frame, out.innermost()).count(), 0);
        let frame = ipv4_with_options(6, &[], &tcp_with_options(1, 2, 2, &[2, 4, 5, 0xb4], b""));
        let out = decoded(&frame, LinkType::Raw);
        assert_eq!(tcp_options(&frame, out.innermost()).collect::<Vec<_>>(), [(2, &[5, 0xb4][..])]);
    }

    #[test]
    fn extension_headers_come_with_their_place() {
        let bytes = [&[60, 0, 1, 4, 0, 0, 0, 0][..], &[17, 0, 1, 4, 0, 0, 0, 0], &udp(1, 2, b"x")].concat();
        let frame = ipv6(0, &bytes);
        let out = decoded(&frame, LinkType::Raw);
        let all: Vec<_> = extension_headers(&frame, out.innermost()).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[1], ExtensionHeader { kind: 60, offset: 48, len: 8 });
    }
}
