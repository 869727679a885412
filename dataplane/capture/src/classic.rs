//! The classic format: a header of 24 bytes, then records.
//!
//! Source: draft-ietf-opsawg-pcap; for its older relatives, what the pcap library reads (pcap-savefile(5)).

use crate::{
    damage::{Damage, OpenError},
    order::ByteOrder,
    records::{Found, LONGEST, Resolution, cut},
    window::Window,
};

/// Bytes of the file's header, and of a record's.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// Bytes more in the headers of records written by old patched systems.
const MODIFIED: usize = 8;
/// Ethernet's link type, and the bytes of its header, which those systems did not count in what they kept.
const ETHERNET: (u32, u32) = (1, 14);
/// How packed files begin: captures often are.
const PACKED: [(&[u8], &str); 4] =
    [(&[0x1f, 0x8b], "gzip"), (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"), (b"\xfd7zXZ", "xz"), (b"BZh", "bzip2")];
/// Bits of the link type's field that tell it.
const LINK: u32 = 0x03ff_ffff;
const MICROS: u64 = 1_000_000;

/// What the file's header tells.
#[derive(Debug)]
pub struct Classic {
    order: ByteOrder,
    resolution: Resolution,
    header: usize,
    lengths: Lengths,
    /// Bytes of a record that are kept.
    most: u32,
    link: u32,
}

/// In which order both lengths of a record stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured, original.
    Usual,
    /// Original, captured: versions before 2.3.
    Swapped,
    /// Whichever is less was captured: version 2.3.
    Lesser,
}

impl Classic {
    /// Reads the header.
    pub fn open(window: &mut Window) -> Result<Self, OpenError> {
        let header = window.next(FILE_HEADER)?;
        let little = ByteOrder::Little.u32(header, 0);
        let kind = |magic: u32| match magic {
            0xa1b2_c3d4 => Some((Resolution::Micro, RECORD_HEADER)),
            0xa1b2_3c4d => Some((Resolution::Nano, RECORD_HEADER)),
            0xa1b2_cd34 => Some((Resolution::Micro, RECORD_HEADER + MODIFIED)),
            _ => None,
        };
        let little_kind = kind(little).map(|kind| (ByteOrder::Little, kind));
        let found = little_kind.or_else(|| kind(little.swap_bytes()).map(|kind| (ByteOrder::Big, kind)));
        let Some((order, (resolution, record_header))) = found else {
            if let Some((_, packer)) = PACKED.iter().find(|(first, _)| header.starts_with(first)) {
                return Err(OpenError::NotACapture(format!("it is packed by {packer}: unpack it first")));
            }
            return Err(OpenError::NotACapture(format!(
                "it begins with {little:#010x} and not like a pcap or pcapng file"
            )));
        };
        if header.len() < FILE_HEADER {
            return Err(OpenError::NotACapture(format!("its header of 24 bytes ends after {}", header.len())));
        }
        let (major, minor) = (order.u16(header, 4), order.u16(header, 6));
        if !(major == 2 && minor <= 4 || (major, minor) == (543, 0)) {
            return Err(OpenError::NotACapture(format!("version {major}.{minor} of the format is not known")));
        }
        let lengths = match (major, minor) {
            (2, 0..=2) => Lengths::Swapped,
            (2, 3) => Lengths::Lesser,
            _ => Lengths::Usual,
        };
        let kept = order.u32(header, 16);
        let most = if (1..=LONGEST).contains(&kept) { kept } else { LONGEST };
        let link = order.u32(header, 20) & LINK;
        let uncounted = if record_header > RECORD_HEADER && link == ETHERNET.0 { ETHERNET.1 } else { 0 };
        let most = most + uncounted;
        window.pass(FILE_HEADER);
        Ok(Self { order, resolution, header: record_header, lengths, most, link })
    }

    /// The number of the link type.
    pub const fn link(&self) -> u32 {
        self.link
    }

    /// The resolution of times.
    pub const fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// The header of the next record; none at the end.
    #[inline]
    pub fn next(&self, window: &mut Window) -> Result<Option<Found>, Damage> {
        if window.there().len() < self.header {
            let at = window.at();
            let there = window.next(self.header).map_err(|error| Damage { at, what: error.to_string() })?.len();
            if there < self.header {
                return if there == 0 { Ok(None) } else { Err(cut(at, self.header, there)) };
            }
        }
        let Some(numbers) = window.there().first_chunk::<RECORD_HEADER>() else { return Ok(None) };
        let [seconds, part, captured, original] = self.order.four(numbers);
        let stored = match self.lengths {
            Lengths::Usual => captured,
            Lengths::Swapped => original,
            Lengths::Lesser => captured.min(original),
        };
        if stored > LONGEST {
            return Err(too_long(window.at(), stored));
        }
        let part = if self.resolution == Resolution::Nano { part / 1_000 } else { part };
        Ok(Some(Found {
            time_us: u64::from(seconds) * MICROS + u64::from(part),
            from: self.header,
            length: stored.min(self.most) as usize,
            whole: self.header + stored as usize,
        }))
    }
}

#[cold]
fn too_long(at: u64, length: u32) -> Damage {
    Damage { at, what: format!("a record of {length} bytes is announced, and none is longer than {LONGEST}") }
}
