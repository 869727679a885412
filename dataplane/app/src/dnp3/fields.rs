//! What rules and records read of a message.

use super::parse::KEPT_HEADER;
use crate::{
    event::AppEvent,
    pdu::{u8_at, u16_le, u32_le},
};

/// Functions from this one on are responses, with internal indications.
const RESPONSES: u8 = 0x81;

/// A message: what is kept of its first link frame, and its application fragment.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Link control.
    pub link_control: u8,
    /// Station it goes to.
    pub destination: u16,
    /// Station it comes from.
    pub source: u16,
    /// The application fragment.
    pub fragment: &'a [u8],
}

impl<'a> Message<'a> {
    /// The message that `bytes` are, as they are kept.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        Some(Self {
            link_control: u8_at(bytes, 3)?,
            destination: u16_le(bytes, 4)?,
            source: u16_le(bytes, 6)?,
            fragment: bytes.get(KEPT_HEADER..)?,
        })
    }

    /// Application control.
    pub fn control(&self) -> Option<u8> {
        u8_at(self.fragment, 0)
    }

    /// Function.
    pub fn function(&self) -> Option<u8> {
        u8_at(self.fragment, 1)
    }

    /// Internal indications of a response: its first byte is the high one.
    pub fn indications(&self) -> Option<u16> {
        self.function().filter(|&function| function >= RESPONSES)?;
        Some(u16::from(u8_at(self.fragment, 2)?) << 8 | u16::from(u8_at(self.fragment, 3)?))
    }

    /// The objects, up to the first whose end can't be told.
    pub fn objects(&self) -> Objects<'a> {
        let function = self.function().unwrap_or(0);
        let start = if function >= RESPONSES { 4 } else { 2 };
        Objects {
            rest: self.fragment.get(start..).unwrap_or_default(),
            with_data: carries_points(function),
            lost: false,
        }
    }

    /// Gives what is wrong with its objects to `event`; the same perhaps several times.
    pub fn events(&self, most_objects: u32, most_points: u32, mut event: impl FnMut(AppEvent)) {
        let mut objects = self.objects();
        let mut count = 0;
        for object in objects.by_ref() {
            count += 1;
            if count > most_objects {
                event(AppEvent::Dnp3TooManyObjects);
                return;
            }
            if object.count > most_points {
                event(AppEvent::Dnp3TooManyPoints);
            }
        }
        if objects.lost {
            event(AppEvent::Dnp3UnknownObject);
        }
    }
}

/// Whether the objects of a message with this function come with points: requests to read, to freeze and about classes name objects only.
const fn carries_points(function: u8) -> bool {
    matches!(function, 2..=6 | 25..=33 | RESPONSES..)
}

/// The header of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Group.
    pub group: u8,
    /// Variation.
    pub variation: u8,
    /// Qualifier.
    pub qualifier: u8,
    /// First index, where it is named.
    pub start: u32,
    /// Last index, where it is named.
    pub stop: u32,
    /// Number of points.
    pub count: u32,
}

impl Object {
    /// How points are prefixed.
    pub const fn prefix_code(&self) -> u8 {
        (self.qualifier >> 4) & 7
    }

    /// How the range is given.
    pub const fn range_code(&self) -> u8 {
        self.qualifier & 0x0f
    }
}

/// The objects of a message.
#[derive(Clone, Debug)]
pub struct Objects<'a> {
    rest: &'a [u8],
    with_data: bool,
    /// Whether an object was met whose end can't be told.
    lost: bool,
}

impl Iterator for Objects<'_> {
    type Item = Object;

    fn next(&mut self) -> Option<Object> {
        self.next_with_points().map(|(object, _)| object)
    }
}

impl<'a> Objects<'a> {
    /// The next object, and the bytes of its points with their prefixes: none where they are not sent, or where their end can't be told.
    pub fn next_with_points(&mut self) -> Option<(Object, &'a [u8])> {
        if self.rest.is_empty() || self.lost {
            return None;
        }
        let (object, length) = self.header().or_else(|| {
            self.lost = true;
            None
        })?;
        let rest = self.rest.get(length..).unwrap_or_default();
        let points = if self.with_data { points_length(&object, rest) } else { Some(0) };
        match points.and_then(|points| rest.split_at_checked(points)) {
            Some((points, rest)) => {
                self.rest = rest;
                Some((object, points))
            }
            None => {
                self.lost = true;
                Some((object, &[]))
            }
        }
    }

    /// The header at the beginning of the rest, and its length.
    fn header(&self) -> Option<(Object, usize)> {
        let bytes = self.rest;
        let (group, variation, qualifier) = (u8_at(bytes, 0)?, u8_at(bytes, 1)?, u8_at(bytes, 2)?);
        let byte = |at: usize| u8_at(bytes, at).map(u32::from);
        let word = |at: usize| u16_le(bytes, at).map(u32::from);
        let (start, stop, count, length) = match qualifier & 0x0f {
            0 | 3 => (byte(3)?, byte(4)?, None, 5),
            1 | 4 => (word(3)?, word(5)?, None, 7),
            2 | 5 => (u32_le(bytes, 3)?, u32_le(bytes, 7)?, None, 11),
            6 => (0, 0, Some(0), 3),
            7 | 11 => (0, 0, Some(byte(3)?), 4),
            8 => (0, 0, Some(word(3)?), 5),
            9 => (0, 0, Some(u32_le(bytes, 3)?), 7),
            _ => return None,
        };
        // A range whose end comes before its start holds nothing that could be told.
        let count = match count {
            Some(count) => count,
            None => stop.checked_sub(start)?.saturating_add(1),
        };
        Some((Object { group, variation, qualifier, start, stop, count }, length))
    }
}

/// Bytes that the points of `object` take at the beginning of `rest`; none when it can't be told.
fn points_length(object: &Object, rest: &[u8]) -> Option<usize> {
    let count = object.count as usize;
    let prefix = match object.prefix_code() {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        // The prefix is the size of the point behind it.
        code @ 4..=6 => return sized_length(count, code, rest),
        _ => return None,
    };
    match size_of(object.group, object.variation)? {
        Size::Bits(bits) if prefix == 0 => Some(count.checked_mul(bits)?.div_ceil(8)),
        Size::Bits(_) => count.checked_mul(prefix + 1),
        Size::Bytes(bytes) => count.checked_mul(prefix + bytes),
    }
}

fn sized_length(count: usize, code: u8, rest: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    for _ in 0..count {
        let (size, width) = match code {
            4 => (u32::from(u8_at(rest, at)?), 1),
            5 => (u32::from(u16_le(rest, at)?), 2),
            _ => (u32_le(rest, at)?, 4),
        };
        at = at.checked_add(width + size as usize)?;
        if at > rest.len() {
            return None;
        }
    }
    Some(at)
}

enum Size {
    Bits(usize),
    Bytes(usize),
}

/// Size of one point of an object.
const fn size_of(group: u8, variation: u8) -> Option<Size> {
    let bytes = match (group, variation) {
        (1 | 10, 1) | (12, 3) | (80, 1) => return Some(Size::Bits(1)),
        (3, 1) => return Some(Size::Bits(2)),
        (1 | 3 | 10, 2) | (2 | 4 | 11 | 13, 1) | (102, 1) => 1,
        (2 | 4 | 11 | 13, 2) => 7,
        (2 | 4, 3) => 3,
        (12, 1 | 2) => 11,
        (20, 1 | 3) | (21..=23, 1 | 3) => 5,
        (20, 2 | 4) | (21..=23, 2 | 4) => 3,
        (20, 5 | 7) | (21, 9 | 11) => 4,
        (20, 6 | 8) | (21, 10 | 12) => 2,
        (21..=23, 5 | 7) => 11,
        (21..=23, 6 | 8) => 9,
        (30, 1 | 5) | (31, 1 | 7) | (32 | 33, 1 | 5) => 5,
        (30..=33, 2) => 3,
        (30, 3) | (31, 5) => 4,
        (30, 4) | (31, 6) => 2,
        (30, 6) | (31, 4 | 8) | (32 | 33, 4 | 6) => 9,
        (31, 3) | (32 | 33, 3 | 7) => 11,
        (32 | 33, 8) => 15,
        (34, 1) => 2,
        (34, 2 | 3) => 4,
        (40 | 41, 1 | 3) | (42 | 43, 1 | 5) => 5,
        (40..=43, 2) => 3,
        (40 | 41, 4) | (42 | 43, 4 | 6) => 9,
        (42 | 43, 3 | 7) => 11,
        (42 | 43, 8) => 15,
        (50 | 51, 1) | (50, 3) | (51, 2) => 6,
        (50, 2) => 10,
        (50, 4) => 11,
        (52, 1 | 2) => 2,
        (60, 1..=4) => 0,
        (101, 1) => 2,
        (101, 2) => 4,
        (101, 3) => 8,
        // Strings as long as their variation says.
        (110..=113, length) => length as usize,
        _ => return None,
    };
    Some(Size::Bytes(bytes))
}

/// The function of this word.
pub fn function_of(name: &str) -> Option<u8> {
    const REQUESTS: [&str; 34] = [
        "confirm",
        "read",
        "write",
        "select",
        "operate",
        "direct_operate",
        "direct_operate_nr",
        "immed_freeze",
        "immed_freeze_nr",
        "freeze_clear",
        "freeze_clear_nr",
        "freeze_at_time",
        "freeze_at_time_nr",
        "cold_restart",
        "warm_restart",
        "initialize_data",
        "initialize_appl",
        "start_appl",
        "stop_appl",
        "save_config",
        "enable_unsolicited",
        "disable_unsolicited",
        "assign_class",
        "delay_measure",
        "record_current_time",
        "open_file",
        "close_file",
        "delete_file",
        "get_file_info",
        "authenticate_file",
        "abort_file",
        "activate_config",
        "authenticate_req",
        "authenticate_err",
    ];
    const ANSWERS: [&str; 3] = ["response", "unsolicited_response", "authenticate_resp"];
    let place = |list: &[&str]| list.iter().position(|known| known.eq_ignore_ascii_case(name)).map(|place| place as u8);
    place(&REQUESTS).or_else(|| place(&ANSWERS).map(|place| RESPONSES + place))
}

/// Words of the internal indications, by bit.
pub const INDICATIONS: [&str; 16] = [
    "no_func_code_support",
    "object_unknown",
    "parameter_error",
    "event_buffer_overflow",
    "already_executing",
    "config_corrupt",
    "reserved_2",
    "reserved_1",
    "all_stations",
    "class_1_events",
    "class_2_events",
    "class_3_events",
    "need_time",
    "local_control",
    "device_trouble",
    "device_restart",
];

/// The bit of the internal indications that this word names.
pub fn indication_of(name: &str) -> Option<u16> {
    INDICATIONS.iter().position(|known| known.eq_ignore_ascii_case(name)).map(|place| 1 << place)
}

/// What a rule asks of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dnp3Test {
    /// `dnp3_func`
    Function(u8),
    /// `dnp3_ind`: one of these bits.
    Indications(u16),
    /// `dnp3_obj`: group and variation.
    Object(u8, u8),
}

impl Dnp3Test {
    /// Whether the message `bytes`, as it is kept, is such a one.
    pub fn holds(self, bytes: &[u8]) -> bool {
        let Some(message) = Message::of(bytes) else { return false };
        match self {
            Self::Function(function) => message.function() == Some(function),
            Self::Indications(bits) => message.indications().is_some_and(|found| found & bits != 0),
            Self::Object(group, variation) => {
                message.objects().any(|object| (object.group, object.variation) == (group, variation))
            }
        }
    }
}
