//! Bytes to one encapsulated message: header, items, CIP services.
//!
//! Everything is read in place; each walk over items, services or path segments only moves forward, so it ends with the bytes.

use crate::{
    event::AppEvent,
    pdu::{Framed, u8_at, u16_le, u32_le},
};

/// Bytes of the encapsulation header.
pub const HEADER: usize = 24;

/// Commands.
pub mod command {
    /// Nothing; may carry any bytes.
    pub const NOP: u16 = 0x00;
    /// Asks for the services of a device.
    pub const LIST_SERVICES: u16 = 0x04;
    /// Asks who a device is.
    pub const LIST_IDENTITY: u16 = 0x63;
    /// Asks for other interfaces of a device.
    pub const LIST_INTERFACES: u16 = 0x64;
    /// Begins a session.
    pub const REGISTER_SESSION: u16 = 0x65;
    /// Ends a session.
    pub const UNREGISTER_SESSION: u16 = 0x66;
    /// Request and response without a CIP connection.
    pub const SEND_RR_DATA: u16 = 0x6f;
    /// A message of a CIP connection.
    pub const SEND_UNIT_DATA: u16 = 0x70;
    /// Not in use any more.
    pub const INDICATE_STATUS: u16 = 0x72;
    /// Not in use any more.
    pub const CANCEL: u16 = 0x73;
}

/// The rule language's word for a command.
pub const fn command_name(number: u16) -> Option<&'static str> {
    Some(match number {
        command::NOP => "nop",
        command::LIST_SERVICES => "list_services",
        command::LIST_IDENTITY => "list_identity",
        command::LIST_INTERFACES => "list_interfaces",
        command::REGISTER_SESSION => "register_session",
        command::UNREGISTER_SESSION => "unregister_session",
        command::SEND_RR_DATA => "send_rr_data",
        command::SEND_UNIT_DATA => "send_unit_data",
        command::INDICATE_STATUS => "indicate_status",
        command::CANCEL => "cancel",
        _ => return None,
    })
}

/// The command of this word.
pub fn command_of(name: &[u8]) -> Option<u16> {
    (0..=0x73).find(|&number| command_name(number).is_some_and(|known| known.as_bytes().eq_ignore_ascii_case(name)))
}

/// The rule language's word for a status.
pub const fn status_name(number: u32) -> Option<&'static str> {
    Some(match number {
        0x00 => "success",
        0x01 => "invalid_cmd",
        0x02 => "no_resources",
        0x03 => "invalid_data",
        0x64 => "invalid_session",
        0x65 => "invalid_length",
        0x69 => "unsupported_prot_rev",
        0x6a => "encap_header_error",
        _ => return None,
    })
}

/// The status of this word.
pub fn status_of(name: &[u8]) -> Option<u32> {
    (0..=0x6a).find(|&number| status_name(number).is_some_and(|known| known.as_bytes().eq_ignore_ascii_case(name)))
}

/// Whether `number` is a status that has been given a meaning.
pub const fn status_is_known(number: u32) -> bool {
    status_name(number).is_some()
}

/// The encapsulation header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Command.
    pub command: u16,
    /// Bytes behind the header.
    pub length: u16,
    /// Handle of the session, 0 without one.
    pub session: u32,
    /// Status.
    pub status: u32,
    /// Chosen by the asker, given back with the response.
    pub context: [u8; 8],
    /// Must be 0.
    pub options: u32,
}

impl Header {
    /// The header at the beginning of `bytes`.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            command: u16_le(bytes, 0)?,
            length: u16_le(bytes, 2)?,
            session: u32_le(bytes, 4)?,
            status: u32_le(bytes, 8)?,
            context: *bytes.get(12..)?.first_chunk()?,
            options: u32_le(bytes, 20)?,
        })
    }
}

/// The message at the beginning of `bytes`.
pub fn frame(bytes: &[u8]) -> Framed {
    let Some(header) = Header::of(bytes) else { return Framed::Needs(HEADER.saturating_sub(bytes.len()).max(1)) };
    // Who sends something else here does not speak EtherNet/IP, or where a message begins is not known any more.
    if command_name(header.command).is_none() {
        return Framed::Broken(AppEvent::EnipInvalidPdu);
    }
    let whole = HEADER + usize::from(header.length);
    match whole.checked_sub(bytes.len()) {
        None | Some(0) => {
            let wrong = (!is_sound(bytes.get(..whole).unwrap_or_default())).then_some(AppEvent::EnipInvalidPdu);
            Framed::Whole { bytes: whole, wrong }
        }
        Some(missing) => Framed::Needs(missing),
    }
}

/// Whether the items of a message, where it has some, end within it.
fn is_sound(message: &[u8]) -> bool {
    let Some(header) = Header::of(message) else { return false };
    match header.command {
        command::SEND_RR_DATA | command::SEND_UNIT_DATA => {
            let mut items = Items::of(message);
            let wanted = items.left;
            let found = items.by_ref().count();
            u16_le(message, HEADER + 6).is_some() && found == usize::from(wanted)
        }
        _ => true,
    }
}

/// What a response shares with its request: command, session, context, and the number of a message within its connection.
pub fn key(message: &[u8]) -> u64 {
    let Some(header) = Header::of(message) else { return 0 };
    let sequence = if header.command == command::SEND_UNIT_DATA {
        Items::of(message).find(|item| item.kind == item::CONNECTED).and_then(|item| u16_le(item.data(), 0))
    } else {
        None
    };
    // A client that registers does not know its session yet; the context alone then tells.
    let session = if header.command == command::REGISTER_SESSION { 0 } else { header.session };
    let mut key = u64::from(header.command) << 48 | u64::from(sequence.unwrap_or(0)) << 32 | u64::from(session);
    if header.command != command::SEND_UNIT_DATA {
        key ^= u64::from_le_bytes(header.context).rotate_left(17);
    }
    key
}

/// Whether a response follows `message`.
pub fn expects_response(message: &[u8]) -> bool {
    Header::of(message).is_some_and(|header| {
        !matches!(
            header.command,
            command::NOP | command::UNREGISTER_SESSION | command::INDICATE_STATUS | command::CANCEL
        )
    })
}

/// Types of items.
pub mod item {
    /// Who a device is.
    pub const IDENTITY: u16 = 0x0c;
    /// A message of a connection: its number, then CIP.
    pub const CONNECTED: u16 = 0xb1;
    /// A message without a connection: CIP.
    pub const UNCONNECTED: u16 = 0xb2;
    /// Services of a device.
    pub const SERVICES: u16 = 0x0100;
}

/// One item of the common packet format.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Its type.
    pub kind: u16,
    /// Type, length and data.
    pub whole: &'a [u8],
}

impl<'a> Item<'a> {
    /// Its data.
    pub fn data(&self) -> &'a [u8] {
        self.whole.get(4..).unwrap_or_default()
    }
}

/// The items of a message, up to the first that does not end within it.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
    left: u16,
}

impl<'a> Items<'a> {
    /// The items of `message`; none for commands that carry none.
    pub fn of(message: &'a [u8]) -> Self {
        let at = match Header::of(message).map(|header| header.command) {
            // Behind the interface handle and the timeout.
            Some(command::SEND_RR_DATA | command::SEND_UNIT_DATA) => HEADER + 6,
            Some(command::LIST_IDENTITY | command::LIST_SERVICES | command::LIST_INTERFACES) => HEADER,
            _ => return Self { rest: &[], left: 0 },
        };
        let left = u16_le(message, at).unwrap_or(0);
        Self { rest: message.get(at + 2..).unwrap_or_default(), left }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (kind, length) = (u16_le(self.rest, 0)?, u16_le(self.rest, 2)?);
        let (whole, rest) = self.rest.split_at_checked(4 + usize::from(length))?;
        self.rest = rest;
        Some(Item { kind, whole })
    }
}

/// Service numbers.
pub mod service {
    /// Reads attributes by a list.
    pub const GET_ATTRIBUTE_LIST: u8 = 0x03;
    /// Writes attributes by a list.
    pub const SET_ATTRIBUTE_LIST: u8 = 0x04;
    /// Several services in one message.
    pub const MULTIPLE: u8 = 0x0a;
}

/// One CIP service: a request, or a response to one.
#[derive(Clone, Copy, Debug)]
pub struct Cip<'a> {
    /// Its bytes, from the service on.
    pub bytes: &'a [u8],
}

impl<'a> Cip<'a> {
    /// The service, without the mark of a response.
    pub fn service(&self) -> Option<u8> {
        Some(u8_at(self.bytes, 0)? & 0x7f)
    }

    /// Whether it is a response.
    pub fn is_response(&self) -> bool {
        u8_at(self.bytes, 0).is_some_and(|service| service & 0x80 != 0)
    }

    /// The path of a request.
    pub fn path(&self) -> &'a [u8] {
        if self.is_response() {
            return &[];
        }
        let bytes = usize::from(u8_at(self.bytes, 1).unwrap_or(0)) * 2;
        self.bytes.get(2..2 + bytes).unwrap_or_default()
    }

    /// Segments of the path of a request.
    pub fn segments(&self) -> Segments<'a> {
        Segments { rest: self.path() }
    }

    /// The general status of a response.
    pub fn status(&self) -> Option<u8> {
        u8_at(self.bytes, 2).filter(|_| self.is_response())
    }

    /// The additional status of a response, in words.
    pub fn extended_status(&self) -> impl Iterator<Item = u16> + use<'a> {
        let words = if self.is_response() { usize::from(u8_at(self.bytes, 3).unwrap_or(0)) } else { 0 };
        let bytes = self.bytes.get(4..4 + words * 2).unwrap_or_default();
        bytes.chunks_exact(2).filter_map(|word| u16_le(word, 0))
    }

    /// What stands behind path or status.
    pub fn data(&self) -> &'a [u8] {
        let start = if self.is_response() {
            4 + usize::from(u8_at(self.bytes, 3).unwrap_or(0)) * 2
        } else {
            2 + usize::from(u8_at(self.bytes, 1).unwrap_or(0)) * 2
        };
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Attributes a request names: in its path, and in the list it carries.
    pub fn attributes(&self) -> impl Iterator<Item = u32> + use<'a> {
        let of_path = self.segments().filter(|segment| segment.kind == SegmentKind::Attribute);
        let listed = match self.service() {
            Some(service::GET_ATTRIBUTE_LIST) if !self.is_response() => u16_le(self.data(), 0).unwrap_or(0),
            // Only the first can be found: the others stand behind values of unknown length.
            Some(service::SET_ATTRIBUTE_LIST) if !self.is_response() => u16_le(self.data(), 0).unwrap_or(0).min(1),
            _ => 0,
        };
        let list = self.data().get(2..).unwrap_or_default().chunks_exact(2).take(usize::from(listed));
        of_path.map(|segment| segment.value).chain(list.filter_map(|word| u16_le(word, 0)).map(u32::from))
    }

    /// The services within a multiple service packet; none in others. Places that do not ascend end the list.
    pub fn parts(&self) -> impl Iterator<Item = Self> + use<'a> {
        let data = if self.service() == Some(service::MULTIPLE) { self.data() } else { &[] };
        let count = usize::from(u16_le(data, 0).unwrap_or(0));
        let table = data.get(2..2 + count * 2).unwrap_or_default();
        let place = move |number: usize| match u16_le(table, number * 2) {
            Some(place) if number < count => usize::from(place),
            _ => data.len(),
        };
        let mut from = 2 + count * 2;
        (0..table.len() / 2)
            .map_while(move |number| {
                let (start, end) = (place(number), place(number + 1));
                let ascends = start >= from && end > start;
                from = end;
                if ascends { data.get(start..end) } else { None }
            })
            .map(|bytes| Self { bytes })
    }
}

/// The CIP messages of an encapsulated message, without those inside of them.
pub fn messages(message: &[u8]) -> impl Iterator<Item = Cip<'_>> {
    Items::of(message).filter_map(|item| {
        let bytes = match item.kind {
            item::CONNECTED => item.data().get(2..)?,
            item::UNCONNECTED => item.data(),
            _ => return None,
        };
        (!bytes.is_empty()).then_some(Cip { bytes })
    })
}

/// Every CIP service: the messages, each followed by the services inside of it.
pub fn services(message: &[u8]) -> impl Iterator<Item = Cip<'_>> {
    messages(message).flat_map(|cip| std::iter::once(cip).chain(cip.parts()))
}

/// What a path segment names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// A class of objects.
    Class,
    /// An object of a class.
    Instance,
    /// A part of something.
    Member,
    /// A point of connection.
    ConnectionPoint,
    /// An attribute of an object.
    Attribute,
    /// Something else, which has no number.
    Other,
}

/// One segment of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathSegment {
    /// What it names.
    pub kind: SegmentKind,
    /// Its number.
    pub value: u32,
}

/// The segments of a path, up to the first that is not understood.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    rest: &'a [u8],
}

impl Iterator for Segments<'_> {
    type Item = PathSegment;

    fn next(&mut self) -> Option<PathSegment> {
        let first = u8_at(self.rest, 0)?;
        let (found, bytes) = match first >> 5 {
            // Port and address behind it.
            0 => {
                let link = if first & 0x10 == 0 { 1 } else { 1 + usize::from(u8_at(self.rest, 1)?) };
                let port = if first & 0x0f == 0x0f { 2 } else { 0 };
                (None, even(1 + port + link))
            }
            // A number of 8, 16 or 32 bits; the wider ones behind a filling byte.
            1 => {
                let kind = match (first >> 2) & 7 {
                    0 => SegmentKind::Class,
                    1 => SegmentKind::Instance,
                    2 => SegmentKind::Member,
                    3 => SegmentKind::ConnectionPoint,
                    4 => SegmentKind::Attribute,
                    // An electronic key: its format, then eight bytes.
                    5 if first & 3 == 0 => return self.skip(10),
                    _ => return None,
                };
                let (value, bytes) = match first & 3 {
                    0 => (u32::from(u8_at(self.rest, 1)?), 2),
                    1 => (u32::from(u16_le(self.rest, 2)?), 4),
                    2 => (u32_le(self.rest, 2)?, 6),
                    _ => return None,
                };
                (Some(PathSegment { kind, value }), bytes)
            }
            // Symbols, and data with their length in words or bytes.
            3 => (None, even(1 + usize::from(first & 0x1f))),
            4 if first == 0x80 => (None, 2 + 2 * usize::from(u8_at(self.rest, 1)?)),
            4 if first == 0x91 => (None, even(2 + usize::from(u8_at(self.rest, 1)?))),
            _ => return None,
        };
        let found = found.unwrap_or(PathSegment { kind: SegmentKind::Other, value: 0 });
        self.rest = self.rest.get(bytes..)?;
        Some(found)
    }
}

impl Segments<'_> {
    fn skip(&mut self, bytes: usize) -> Option<PathSegment> {
        self.rest = self.rest.get(bytes..)?;
        Some(PathSegment { kind: SegmentKind::Other, value: 0 })
    }
}

const fn even(bytes: usize) -> usize {
    bytes + bytes % 2
}
