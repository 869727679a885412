//! What is to be done to the bytes of one frame, and the checksums that must follow.
//!
//! Filled by the checks of this folder, carried out by `sluice-worker` on the packet itself through [`Wire`]. Bounded, without heap. An edit says what
//! lies where afterwards; the bytes before it are read when it is carried out, so that what others wrote over in between is taken into account.
//!
//! Checksums are mended by the difference, innermost first: a wrong one stays wrong, and the change of an inner one is a change to those around it.
//! A checksum that the sender left out stays out.
//!
//! Sources: RFC 1624 equation 3, RFC 768, RFC 2784 section 2.1.

use super::action::{Action, ActionSet};
use crate::headers::{Decoded, Headers, MAX_LAYERS};

/// A packet that can be changed.
pub trait Wire {
    /// Fills `out` with the bytes from `offset` on; whether all are there.
    fn read(&self, offset: usize, out: &mut [u8]) -> bool;
    /// Writes `bytes` over those from `offset` on; whether that could be done.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> bool;
    /// Cuts off what lies behind `length` bytes; whether that could be done.
    fn trim(&mut self, length: usize) -> bool;
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    /// `length` bytes from `at` on become `byte`.
    Fill { at: u32, length: u32, byte: u8 },
    /// Two bytes at `at` become `value`.
    Word { at: u32, value: u16 },
    /// The transport packet of `layer` is shorter by `by`: its pseudo header says so.
    Shorter { layer: u8, by: u16 },
}

/// A checksum field and what it covers.
#[derive(Clone, Copy, Debug)]
struct Field {
    at: u32,
    start: u32,
    end: u32,
    layer: u8,
    /// It is UDP's: 0 would mean none.
    udp: bool,
    /// It covers a pseudo header with the length.
    pseudo: bool,
}

impl Field {
    const NONE: Self = Self { at: 0, start: 0, end: 0, layer: 0, udp: false, pseudo: false };

    const fn covers(&self, at: u32) -> bool {
        self.start <= at && at < self.end
    }

    /// The word that a byte at `at` stands for in the sum.
    const fn word(&self, at: u32, byte: u8) -> u32 {
        if (at - self.start).is_multiple_of(2) { (byte as u32) << 8 } else { byte as u32 }
    }
}

/// Fields one frame can have: an IPv4 header's and a transport's in each layer.
const FIELDS: usize = 2 * MAX_LAYERS;
/// Changes one frame can need; more are refused.
const MOST: usize = 48;
/// Bytes read and written at once.
const PIECE: usize = 64;
/// The modulus of one's complement sums of 16 bits.
const MODULUS: u32 = 0xffff;

/// The changes to one frame.
#[derive(Clone, Debug)]
pub struct Edits {
    list: [Edit; MOST],
    count: usize,
    refused: bool,
    done: ActionSet,
    /// Bytes of the frame that stay.
    trim: Option<u32>,
    fields: [Field; FIELDS],
    field_count: usize,
}

impl Default for Edits {
    fn default() -> Self {
        Self::new()
    }
}

impl Edits {
    /// No changes.
    pub const fn new() -> Self {
        Self {
            list: [Edit::Word { at: 0, value: 0 }; MOST],
            count: 0,
            refused: false,
            done: ActionSet::NONE,
            trim: None,
            fields: [Field::NONE; FIELDS],
            field_count: 0,
        }
    }

    /// Forgets all changes.
    pub const fn clear(&mut self) {
        (self.count, self.refused, self.done, self.trim, self.field_count) = (0, false, ActionSet::NONE, None, 0);
    }

    /// Whether nothing is to be changed.
    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// What changed something.
    pub const fn actions(&self) -> ActionSet {
        self.done
    }

    fn push(&mut self, action: Action, edit: Edit) {
        self.done.insert(action);
        match self.list.get_mut(self.count) {
            Some(place) => {
                *place = edit;
                self.count += 1;
            }
            None => self.refused = true,
        }
    }

    pub(super) fn fill(&mut self, action: Action, at: usize, length: usize, byte: u8) {
        self.push(action, Edit::Fill { at: at as u32, length: length as u32, byte });
    }

    pub(super) fn word(&mut self, action: Action, at: usize, value: u16) {
        self.push(action, Edit::Word { at: at as u32, value });
    }

    pub(super) fn shorter(&mut self, action: Action, layer: u8, by: usize) {
        self.push(action, Edit::Shorter { layer, by: by as u16 });
    }

    pub(super) fn trim_to(&mut self, action: Action, length: usize) {
        self.done.insert(action);
        let length = length as u32;
        self.trim = Some(self.trim.map_or(length, |other| other.min(length)));
    }

    /// Notes where the checksums of the frame lie. To be called once the frame's changes are known, before they are carried out.
    #[cold]
    pub fn find_checksums(&mut self, decoded: &Decoded, frame: &[u8]) {
        self.field_count = 0;
        for (layer, headers) in decoded.layers().iter().enumerate().rev().filter(|(_, headers)| headers.is_ip()) {
            let fields = [transport_field(headers, frame), header_field(headers)];
            for field in fields.into_iter().flatten() {
                if let Some(place) = self.fields.get_mut(self.field_count) {
                    *place = Field { layer: layer as u8, ..field };
                    self.field_count += 1;
                }
            }
        }
    }

    /// Carries the changes out; whether all could be. If not, the packet may be changed in part and must not leave.
    #[cold]
    pub fn carry_out(&self, wire: &mut impl Wire) -> bool {
        if self.refused {
            return false;
        }
        let mut deltas = [0_u32; FIELDS];
        for edit in self.list.iter().take(self.count) {
            let written = match *edit {
                Edit::Fill { at, length, byte } => self.fill_on(wire, at, length, byte, &mut deltas),
                Edit::Word { at, value } => self.change(wire, at, &value.to_be_bytes(), &mut deltas),
                Edit::Shorter { layer, by } => {
                    for (field, delta) in self.fields().zip(&mut deltas).filter(|(field, _)| field.layer == layer) {
                        if field.pseudo {
                            *delta = (*delta + MODULUS - u32::from(by)) % MODULUS;
                        }
                    }
                    true
                }
            };
            if !written {
                return false;
            }
        }
        for number in 0..self.field_count {
            let (Some(field), Some(&delta)) = (self.fields.get(number), deltas.get(number)) else { break };
            if delta == 0 {
                continue;
            }
            let mut old = [0; 2];
            if !wire.read(field.at as usize, &mut old) {
                return false;
            }
            let new = mend(u16::from_be_bytes(old), delta);
            let new = if field.udp && new == 0 { 0xffff } else { new };
            // A field is no part of its own sum here: the ones around it are.
            let (_, around) = deltas.split_at_mut(number + 1);
            if !self.change_for(wire, field.at, &new.to_be_bytes(), number + 1, around) {
                return false;
            }
        }
        self.trim.is_none_or(|length| wire.trim(length as usize))
    }

    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().take(self.field_count)
    }

    fn fill_on(&self, wire: &mut impl Wire, at: u32, length: u32, byte: u8, deltas: &mut [u32; FIELDS]) -> bool {
        let piece = [byte; PIECE];
        let mut done = 0;
        while done < length {
            let count = (length - done).min(PIECE as u32);
            let part = piece.get(..count as usize).unwrap_or_default();
            if !self.change(wire, at + done, part, deltas) {
                return false;
            }
            done += count;
        }
        true
    }

    /// Writes `new`, at most [`PIECE`] bytes, at `at`, and notes the difference for all checksums that cover them.
    fn change(&self, wire: &mut impl Wire, at: u32, new: &[u8], deltas: &mut [u32; FIELDS]) -> bool {
        self.change_for(wire, at, new, 0, deltas)
    }

    /// The same, for the checksums from number `first` on.
    fn change_for(&self, wire: &mut impl Wire, at: u32, new: &[u8], first: usize, deltas: &mut [u32]) -> bool {
        let mut room = [0; PIECE];
        let Some(old) = room.get_mut(..new.len()) else { return false };
        if !wire.read(at as usize, old) || !wire.write(at as usize, new) {
            return false;
        }
        for (field, delta) in self.fields().skip(first).zip(deltas) {
            for ((place, old), new) in (at..).zip(old.iter()).zip(new) {
                if field.covers(place) {
                    let change = field.word(place, *new) + MODULUS - field.word(place, *old) % MODULUS;
                    *delta = (*delta + change) % MODULUS;
                }
            }
        }
        true
    }
}

/// `checksum` after the sum it stands for grew by `delta`.
fn mend(checksum: u16, delta: u32) -> u16 {
    let sum = u32::from(!checksum) + delta;
    let sum = (sum >> 16) + (sum & 0xffff);
    !(sum as u16)
}

fn header_field(headers: &Headers) -> Option<Field> {
    let start = headers.ip_offset;
    (headers.ip_version == 4).then(|| Field {
        at: start + 10,
        start,
        end: start + u32::from(headers.ip_header_len),
        ..Field::NONE
    })
}

/// The checksum of the transport packet of a layer; none where there is none, or it is no sum.
fn transport_field(headers: &Headers, frame: &[u8]) -> Option<Field> {
    let start = headers.l4_offset;
    let end = headers.ip_offset + headers.ip_len;
    let later = headers.fragment.is_fragment && headers.fragment.offset_bytes > 0;
    let (at, udp, pseudo) = match (headers.protocol, headers.ip_version) {
        _ if later => return None,
        (6, _) if headers.has_transport => (16, false, true),
        (17, _) if headers.has_transport => (6, true, true),
        (1 | 2, 4) if headers.has_transport => (2, false, false),
        (58, 6) if headers.has_transport => (2, false, true),
        // GRE: the first bit says that there is one.
        (47, _) if frame.get(start as usize).is_some_and(|first| first & 0x80 != 0) => (4, false, false),
        _ => return None,
    };
    let at = start + at;
    if udp && frame.get(at as usize..at as usize + 2) == Some(&[0, 0]) {
        return None;
    }
    // UDP may end before the IP packet does.
    let end = if udp { end.min(headers.payload_offset + headers.payload_len) } else { end };
    Some(Field { at, start, end, layer: 0, udp, pseudo })
}

/// A frame in memory: for tests and for tools.
impl Wire for Vec<u8> {
    fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        let bytes = self.get(offset..offset.saturating_add(out.len()));
        bytes.map(|bytes| out.copy_from_slice(bytes)).is_some()
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> bool {
        let place = self.get_mut(offset..offset.saturating_add(bytes.len()));
        place.map(|place| place.copy_from_slice(bytes)).is_some()
    }

    fn trim(&mut self, length: usize) -> bool {
        self.truncate(length);
        true
    }
}
