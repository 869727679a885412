//! Bytes to one link frame, and what it carries without checksums.

use crate::{
    event::AppEvent,
    pdu::{Framed, u8_at, u16_le},
};

/// Bytes every frame begins with.
pub const START: [u8; 2] = [0x05, 0x64];
/// Bytes of a frame's header, its checksum among them.
pub const HEADER: usize = 10;
/// Bytes of a header that are kept in front of a fragment: all but the checksum.
pub const KEPT_HEADER: usize = 8;
/// Bytes between checksums.
const BLOCK: usize = 16;
/// User data of the longest frame.
const MOST_DATA: usize = 250;

/// The checksum of one byte, for each byte: polynomial 0x3d65, lowest bit first.
const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u16;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 0 { sum >> 1 } else { (sum >> 1) ^ 0xa6bc };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "evaluated when compiled: `byte` is below 256")]
        {
            table[byte] = sum;
        }
        byte += 1;
    }
    table
}

/// The checksum of `bytes`.
pub fn checksum(bytes: &[u8]) -> u16 {
    let step = |sum: u16, byte: &u8| (sum >> 8) ^ TABLE.get(usize::from((sum as u8) ^ byte)).copied().unwrap_or(0);
    !bytes.iter().fold(0, step)
}

/// Whether `bytes` begin with the header of a frame whose checksum is right.
pub fn header_is_sound(bytes: &[u8]) -> bool {
    bytes.starts_with(&START)
        && u8_at(bytes, 2).is_some_and(|length| length >= 5)
        && bytes.get(..KEPT_HEADER).is_some_and(|header| u16_le(bytes, KEPT_HEADER) == Some(checksum(header)))
}

/// The frame at the beginning of `bytes`.
pub fn frame(bytes: &[u8]) -> Framed {
    if bytes.len() < HEADER {
        let begins = START.iter().zip(bytes).all(|(wanted, byte)| wanted == byte);
        return if begins { Framed::Needs(HEADER - bytes.len()) } else { Framed::Broken(AppEvent::Dnp3BadLinkCrc) };
    }
    let length = u8_at(bytes, 2).unwrap_or(0);
    if length < 5 {
        return Framed::Broken(AppEvent::Dnp3LenTooSmall);
    }
    if !header_is_sound(bytes) {
        return Framed::Broken(AppEvent::Dnp3BadLinkCrc);
    }
    let data = usize::from(length) - 5;
    let whole = HEADER + data + 2 * data.div_ceil(BLOCK);
    match whole.checked_sub(bytes.len()) {
        None | Some(0) => {
            let frame = bytes.get(..whole).unwrap_or_default();
            Framed::Whole { bytes: whole, wrong: wrong(frame, data) }
        }
        Some(missing) => Framed::Needs(missing),
    }
}

fn wrong(frame: &[u8], data: usize) -> Option<AppEvent> {
    // Transport byte, application control and function.
    if carries_data(frame) && data < 3 {
        return Some(AppEvent::Dnp3LenTooSmall);
    }
    let mut blocks = frame.get(HEADER..).unwrap_or_default().chunks(BLOCK + 2);
    let sound = |block: &[u8]| {
        let end = block.len().saturating_sub(2);
        u16_le(block, end) == block.get(..end).map(checksum)
    };
    (!blocks.all(sound)).then_some(AppEvent::Dnp3BadTransportCrc)
}

/// Offset, not 0, from which on `bytes` may go on with a frame: where a sound header stands, or the beginning of one is not there yet.
pub fn next_frame(bytes: &[u8]) -> usize {
    let may_begin = |rest: &[u8]| {
        let begins = START.iter().zip(rest).all(|(wanted, byte)| wanted == byte);
        begins && (rest.len() < HEADER || header_is_sound(rest))
    };
    (1..bytes.len()).find(|&at| bytes.get(at..).is_some_and(may_begin)).unwrap_or(bytes.len())
}

/// Whether a frame carries user data: from the primary station, confirmed or not.
pub fn carries_data(frame: &[u8]) -> bool {
    u8_at(frame, 3).is_some_and(|control| control & 0x40 != 0 && matches!(control & 0x0f, 3 | 4))
}

/// The user data of a frame, without checksums.
pub struct Flat {
    bytes: [u8; MOST_DATA],
    length: usize,
}

impl Flat {
    /// What `frame` carries; nothing when it carries no user data.
    pub fn of(frame: &[u8]) -> Option<Self> {
        if !carries_data(frame) {
            return None;
        }
        let mut flat = Self { bytes: [0; MOST_DATA], length: 0 };
        for block in frame.get(HEADER..)?.chunks(BLOCK + 2) {
            let data = block.get(..block.len().checked_sub(2)?)?;
            flat.bytes.get_mut(flat.length..flat.length + data.len())?.copy_from_slice(data);
            flat.length += data.len();
        }
        Some(flat)
    }

    /// Begins a fragment.
    pub fn is_first(&self) -> bool {
        self.transport() & 0x40 != 0
    }

    /// Ends a fragment.
    pub fn is_last(&self) -> bool {
        self.transport() & 0x80 != 0
    }

    /// Number of the segment, 0 to 63.
    pub fn sequence(&self) -> u8 {
        self.transport() & 0x3f
    }

    fn transport(&self) -> u8 {
        self.bytes.first().copied().unwrap_or(0)
    }

    /// The piece of the fragment.
    pub fn piece(&self) -> &[u8] {
        self.bytes.get(1..self.length).unwrap_or_default()
    }
}
