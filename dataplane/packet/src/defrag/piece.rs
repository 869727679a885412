//! The fragment fields of one layer, read from its bytes and checked.
//!
//! The decoder describes a fragment; here is what putting it together needs besides: where its data lie, and which header names what follows. Cold: called for fragments
//! alone.
//!
//! Sources: RFC 791 section 3.2, RFC 8200 section 4.5, RFC 7112 section 5.

use crate::headers::Headers;
use crate::network::extension;

/// Bytes of IPv6's fragment header.
const FRAGMENT_HEADER: u16 = 8;

/// One fragment. Offsets count from the IP header.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Piece {
    /// Bytes of the headers that each fragment repeats: without IPv6's fragment header.
    pub header_len: u16,
    /// Where the byte lies that names what follows those headers; IPv6.
    pub next_header_at: u16,
    /// What it names once the datagram is whole.
    pub next_header: u8,
    /// Where the data begin.
    pub data_at: u16,
    /// Bytes of data.
    pub data_len: u16,
    /// Where the data belong in the datagram, bytes.
    pub offset: u16,
    /// Whether more follow.
    pub more: bool,
}

impl Piece {
    /// Reads the fragment that `headers` describe; none when they do not describe one.
    #[inline(always)]
    pub(crate) fn read(packet: &[u8], headers: &Headers) -> Option<Self> {
        let fragment = &headers.fragment;
        let (header_len, next_header_at, next_header, data_at) = match headers.ip_version {
            4 => (headers.ip_header_len, 9, headers.protocol, headers.ip_header_len),
            6 => {
                let next_header = *packet.get(usize::from(fragment.header_at))?;
                (fragment.header_at, fragment.named_at, next_header, fragment.header_at.checked_add(FRAGMENT_HEADER)?)
            }
            _ => return None,
        };
        let data_len = packet.len().checked_sub(usize::from(data_at))? as u16;
        let (offset, more) = (fragment.offset_bytes, fragment.more);
        fragment.is_fragment.then_some(Self {
            header_len,
            next_header_at,
            next_header,
            data_at,
            data_len,
            offset,
            more,
        })
    }

    /// Whether it can be part of a datagram: it has data that fill whole units where more follow, and that end where a packet may.
    #[inline(always)]
    pub(crate) const fn is_sound(&self, version: u8) -> bool {
        self.data_len > 0 && (!self.more || self.data_len.is_multiple_of(8)) && !self.is_too_large(version)
    }

    /// Its data.
    pub(crate) fn data<'p>(&self, packet: &'p [u8]) -> &'p [u8] {
        let data = packet.get(usize::from(self.data_at)..).unwrap_or_default();
        data.get(..usize::from(self.data_len)).unwrap_or_default()
    }

    /// Behind the last byte of its data, in the datagram.
    pub(crate) const fn end(&self) -> u32 {
        self.offset as u32 + self.data_len as u32
    }

    /// Whether a datagram that reaches as far as this piece would be longer than a packet can be.
    pub(crate) const fn is_too_large(&self, version: u8) -> bool {
        // IPv6's length counts what is behind its header.
        let counted = if version == 4 { self.header_len } else { self.header_len.saturating_sub(40) };
        counted as u32 + self.end() > 65_535
    }

    /// Whether `data`, which begin the datagram, hold all headers up to and with the transport's (RFC 7112 section 5).
    pub(crate) fn holds_all_headers(&self, data: &[u8]) -> bool {
        let (mut kind, mut at) = (self.next_header, 0);
        while extension::is_extension(kind) {
            match extension_at(data, at, kind) {
                Some((next, length)) => (kind, at) = (next, at + length),
                None => return false,
            }
        }
        let rest = data.get(at..).unwrap_or_default();
        rest.len()
            >= match kind {
                6 => (usize::from(rest.get(12).copied().unwrap_or(0) >> 4) * 4).max(20),
                17 | 58 => 8,
                132 => 12,
                59 => 0,
                _ => 1,
            }
    }
}

/// What follows the extension header of this kind at `at`, and its length, when it is there as a whole.
fn extension_at(bytes: &[u8], at: usize, kind: u8) -> Option<(u8, usize)> {
    let header = bytes.get(at..)?;
    let length = extension::length(kind, *header.get(1)?);
    (extension::is_extension(kind) && header.len() >= length).then_some((*header.first()?, length))
}

/// Whether the IPv4 header's checksum is right; IPv6 has none.
pub(crate) fn header_is_sound(packet: &[u8], headers: &Headers) -> bool {
    headers.ip_version != 4
        || packet.get(..usize::from(headers.ip_header_len)).is_some_and(|header| crate::checksum::compute(header) == 0)
}
