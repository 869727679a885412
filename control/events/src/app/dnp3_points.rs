//! Points of DNP3 objects in `dnp3` records.
//!
//! Called by [`super::dnp3`] for each object of a message. Names are those of the reference engine's records. Objects that are not among these have no points in records.
//!
//! Source: IEEE 1815-2012, annex A.

use crate::json::Json;
use sluice_app::dnp3::fields::Object;

/// Points of one object that are told.
const MOST: usize = 512;

/// A part of a point.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// One byte: names and sizes of its bits, the lowest first.
    Bits(&'static [(&'static str, u32)]),
    /// Numbers without sign, so many bytes.
    Unsigned(&'static str, usize),
    /// Numbers with a sign, so many bytes.
    Signed(&'static str, usize),
    /// Floating point, 4 or 8 bytes.
    Float(&'static str, usize),
    /// Text, of as many bytes as an earlier number says; none: the rest.
    Text(&'static str, Option<&'static str>),
}
use Part::{Bits, Float, Signed, Text, Unsigned};

const ONLINE: [(&str, u32); 5] =
    [("online", 1), ("restart", 1), ("comm_lost", 1), ("remote_forced", 1), ("local_forced", 1)];

/// The flags of a kind of point: the five all have, and three bits more.
macro_rules! flags {
    ($($more:tt)*) => {
        Bits(&[ONLINE[0], ONLINE[1], ONLINE[2], ONLINE[3], ONLINE[4], $($more)*])
    };
}

const INPUT: Part = flags![("chatter_filter", 1), ("reserved", 1), ("state", 1)];
const DOUBLE: Part = flags![("chatter_filter", 1), ("state", 2)];
const OUTPUT: Part = flags![("reserved0", 1), ("reserved1", 1), ("state", 1)];
const COUNTER: Part = flags![("rollover", 1), ("discontinuity", 1), ("reserved0", 1)];
const ANALOG: Part = flags![("over_range", 1), ("reference_err", 1), ("reserved0", 1)];
const TIME: Part = Unsigned("timestamp", 6);
const CONTROL: [Part; 5] = [
    Bits(&[("op_type", 4), ("qu", 1), ("cr", 1), ("tcc", 2)]),
    Unsigned("count", 1),
    Unsigned("ontime", 4),
    Unsigned("offtime", 4),
    Bits(&[("status_code", 7), ("reserved", 1)]),
];

/// The parts of a point, where they are known.
fn parts(group: u8, variation: u8) -> Option<&'static [Part]> {
    Some(match (group, variation) {
        (1, 2) | (2, 1) => &[INPUT],
        (2, 2) => &[INPUT, TIME],
        (2, 3) => &[INPUT, Unsigned("timestamp", 2)],
        (3, 2) | (4, 1) => &[DOUBLE],
        (4, 2) => &[DOUBLE, TIME],
        (4, 3) => &[DOUBLE, Unsigned("timestamp", 2)],
        (10, 2) | (11, 1) => &[OUTPUT],
        (11, 2) => &[OUTPUT, TIME],
        (12, 1 | 2) => &CONTROL,
        (13, 1) => &[Bits(&[("status_code", 7), ("commanded_state", 1)])],
        (13, 2) => &[Bits(&[("status_code", 7), ("commanded_state", 1)]), TIME],
        (20..=23, 1) => &[COUNTER, Unsigned("count", 4)],
        (20..=23, 2) => &[COUNTER, Unsigned("count", 2)],
        (21..=23, 5) => &[COUNTER, Unsigned("count", 4), TIME],
        (21..=23, 6) => &[COUNTER, Unsigned("count", 2), TIME],
        (20, 5) | (21, 9) => &[Unsigned("count", 4)],
        (20, 6) | (21, 10) => &[Unsigned("count", 2)],
        (30, 1) | (31, 1) | (32, 1) | (33, 1) | (40, 1) | (42, 1) => &[ANALOG, Signed("value", 4)],
        (30, 2) | (31, 2) | (32, 2) | (33, 2) | (40, 2) | (42, 2) => &[ANALOG, Signed("value", 2)],
        (30, 3) | (31, 5) => &[Signed("value", 4)],
        (30, 4) | (31, 6) => &[Signed("value", 2)],
        (30, 5) | (31, 7) | (32, 5) | (33, 5) | (40, 3) | (42, 5) => &[ANALOG, Float("value", 4)],
        (30, 6) | (31, 8) | (32, 6) | (33, 6) | (40, 4) | (42, 6) => &[ANALOG, Float("value", 8)],
        (31, 3) | (32, 3) | (33, 3) | (42, 3) => &[ANALOG, Signed("value", 4), TIME],
        (31, 4) | (32, 4) | (33, 4) | (42, 4) => &[ANALOG, Signed("value", 2), TIME],
        (32, 7) | (33, 7) | (42, 7) => &[ANALOG, Float("value", 4), TIME],
        (32, 8) | (33, 8) | (42, 8) => &[ANALOG, Float("value", 8), TIME],
        (34, 1) => &[Unsigned("deadband_value", 2)],
        (34, 2) => &[Unsigned("deadband_value", 4)],
        (34, 3) => &[Float("deadband_value", 4)],
        (41, 1) => &[Signed("value", 4), Unsigned("control_status", 1)],
        (41, 2) => &[Signed("value", 2), Unsigned("control_status", 1)],
        (41, 3) => &[Float("value", 4), Unsigned("control_status", 1)],
        (41, 4) => &[Float("value", 8), Unsigned("control_status", 1)],
        (43, 1) => &[Bits(&[("status_code", 8)]), Signed("commanded_value", 4)],
        (43, 2) => &[Bits(&[("status_code", 8)]), Signed("commanded_value", 2)],
        (50, 1 | 3) | (51, 1 | 2) => &[TIME],
        (50, 2) => &[TIME, Unsigned("interval", 4)],
        (50, 4) => &[TIME, Unsigned("interval_count", 4), Unsigned("interval_units", 1)],
        (52, 1) => &[Unsigned("delay_secs", 2)],
        (52, 2) => &[Unsigned("delay_ms", 2)],
        (70, 3) => &[
            Unsigned("filename_offset", 2),
            Unsigned("filename_size", 2),
            Unsigned("created", 6),
            Unsigned("permissions", 2),
            Unsigned("authentication_key", 4),
            Unsigned("file_size", 4),
            Unsigned("operational_mode", 2),
            Unsigned("maximum_block_size", 2),
            Unsigned("request_id", 2),
            Text("filename", Some("filename_size")),
        ],
        (70, 4) => &[
            Unsigned("file_handle", 4),
            Unsigned("file_size", 4),
            Unsigned("maximum_block_size", 2),
            Unsigned("request_id", 2),
            Unsigned("status_code", 1),
            Text("optional_text", None),
        ],
        (70, 5) => &[Unsigned("file_handle", 4), Unsigned("block_number", 4), Text("file_data", None)],
        (70, 6) => &[
            Unsigned("file_handle", 4),
            Unsigned("block_number", 4),
            Unsigned("status_code", 1),
            Text("optional_text", None),
        ],
        _ => return None,
    })
}

/// Bits of a point of the objects that pack several into a byte.
const fn packed(group: u8, variation: u8) -> Option<usize> {
    match (group, variation) {
        (1 | 10 | 80, 1) | (12, 3) => Some(1),
        (3, 1) => Some(2),
        _ => None,
    }
}

/// One point.
pub(super) struct Point<'a> {
    /// What stands in front of it, and its number.
    prefix: u32,
    index: u32,
    what: What<'a>,
}

enum What<'a> {
    State(u8),
    Parts(&'a [u8]),
}

/// The points of an object.
pub(super) struct Points<'a> {
    object: Object,
    data: &'a [u8],
    number: u32,
    /// Bits read, of packed points.
    bits: usize,
}

impl<'a> Points<'a> {
    /// The points of `object` in `data`.
    pub(super) fn of(object: &Object, data: &'a [u8]) -> Self {
        Self { object: *object, data, number: 0, bits: 0 }
    }
}

impl<'a> Iterator for Points<'a> {
    type Item = Point<'a>;

    fn next(&mut self) -> Option<Point<'a>> {
        let Object { group, variation, start, count, .. } = self.object;
        if self.number >= count || self.number as usize >= MOST {
            return None;
        }
        let place = start.saturating_add(self.number);
        if let Some(width) = packed(group, variation).filter(|_| self.object.prefix_code() == 0) {
            let byte = *self.data.get(self.bits / 8)?;
            let state = byte >> (self.bits % 8) & ((1 << width) - 1);
            self.bits += width;
            self.number += 1;
            return Some(Point { prefix: 0, index: place, what: What::State(state) });
        }
        let parts = parts(group, variation)?;
        let width = [0, 1, 2, 4, 1, 2, 4, 0].get(usize::from(self.object.prefix_code())).copied().unwrap_or(0);
        let (front, rest) = self.data.split_at_checked(width)?;
        let prefix = unsigned(front) as u32;
        let is_size = self.object.prefix_code() >= 4;
        let length = if is_size { prefix as usize } else { parts.iter().map(length).sum() };
        let (own, rest) = rest.split_at_checked(length)?;
        self.data = rest;
        self.number += 1;
        // A prefix that is no size is the point's number.
        let index = if width > 0 && !is_size { prefix } else { place };
        Some(Point { prefix, index, what: What::Parts(own) })
    }
}

const fn length(part: &Part) -> usize {
    match part {
        Bits(_) => 1,
        Unsigned(_, bytes) | Signed(_, bytes) | Float(_, bytes) => *bytes,
        Text(..) => 0,
    }
}

/// The number of some bytes, the least first.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Point<'_> {
    /// Fills the object of the point.
    pub(super) fn write(&self, json: &mut Json, object: &Object) {
        json.number("prefix", self.prefix);
        json.number("index", self.index);
        if object.prefix_code() >= 4 {
            json.number("size", self.prefix);
        }
        match &self.what {
            What::State(state) => json.number("state", *state),
            What::Parts(bytes) => {
                write(json, parts(object.group, object.variation).unwrap_or_default(), bytes);
            }
        }
    }
}

fn write(json: &mut Json, parts: &[Part], bytes: &[u8]) {
    let mut rest = bytes;
    let mut numbers: Vec<(&str, u64)> = Vec::new();
    for part in parts {
        let Some((own, behind)) = rest.split_at_checked(length(part)) else { return };
        rest = behind;
        match part {
            Bits(list) => {
                let mut byte = unsigned(own) as u32;
                for (name, bits) in *list {
                    json.number(name, byte & ((1 << bits) - 1));
                    byte >>= bits;
                }
            }
            Unsigned(name, _) => {
                numbers.push((name, unsigned(own)));
                json.number(name, unsigned(own));
            }
            Signed(name, bytes) => {
                let shift = 64 - 8 * *bytes as u32;
                json.number(name, (unsigned(own) << shift) as i64 >> shift);
            }
            Float(name, 4) => json.float(name, f64::from(f32::from_bits(unsigned(own) as u32))),
            Float(name, _) => json.float(name, f64::from_bits(unsigned(own))),
            Text(name, size) => {
                let size = size.and_then(|size| numbers.iter().find(|(name, _)| *name == size));
                let length = size.map_or(rest.len(), |(_, size)| *size as usize).min(rest.len());
                let (own, behind) = rest.split_at_checked(length).unwrap_or((rest, b""));
                rest = behind;
                json.bytes(name, own);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Points;
    use crate::json::Json;
    use serde_json::{Value, json};
    use sluice_app::dnp3::fields::Message;

    fn points(object: &[u8]) -> Value {
        let message = [&[5, 0x64, 0, 0xc4, 1, 0, 2, 0, 0xc0, 0x81, 0, 0][..], object].concat();
        let message = Message::of(&message).unwrap();
        let (object, data) = message.objects().next_with_points().unwrap();
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        json.list("points", Points::of(&object, data), |json, point| point.write(json, &object));
        json.end();
        serde_json::from_slice::<Value>(&out).unwrap()["points"].clone()
    }

    #[test]
    fn points_are_told_by_what_they_are() {
        let told = points(&[10, 1, 0, 3, 5, 0b101]);
        assert_eq!(
            told,
            json!([
                {"prefix": 0, "index": 3, "state": 1}, {"prefix": 0, "index": 4, "state": 0}, {"prefix": 0, "index": 5, "state": 1}
            ])
        );
        let told = points(&[12, 1, 0x28, 1, 0, 9, 0, 0x43, 1, 100, 0, 0, 0, 50, 0, 0, 0, 0]);
        assert_eq!(
            told,
            json!([{
                "prefix": 9, "index": 9, "op_type": 3, "qu": 0, "cr": 0, "tcc": 1, "count": 1, "ontime": 100, "offtime": 50,
                "status_code": 0, "reserved": 0
            }])
        );
        let told = points(&[30, 4, 0, 0, 0, 0xff, 0xff]);
        assert_eq!(told, json!([{"prefix": 0, "index": 0, "value": -1}]));
        let told = points(&[70, 4, 0x5b, 1, 15, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 4, 0, 5, b'o', b'k']);
        assert_eq!(
            told,
            json!([{
                "prefix": 15, "index": 0, "size": 15, "file_handle": 1, "file_size": 2, "maximum_block_size": 3, "request_id": 4,
                "status_code": 5, "optional_text": "ok"
            }])
        );
        assert_eq!(points(&[110, 3, 0, 0, 0, 1, 2, 3]), json!([]), "what is not known has none");
        assert_eq!(points(&[70, 4, 0x5b, 1, 2, 0, 1, 2]), json!([{"prefix": 2, "index": 0, "size": 2}]), "too short");
    }
}
