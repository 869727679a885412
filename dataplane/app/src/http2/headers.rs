//! What a header block becomes.
//!
//! Called by [`super::parse`] when a block is whole. Rules see each header as `name: value`, those with a leading colon among them, and the fields of HTTP/1 that have the same meaning; cookies that came in
//! pieces are one, with `; ` between, as RFC 9113 section 8.2.3 has it.
//!
//! Source: RFC 9113 section 8.3 (pseudo-headers); the reference engine's manual, "HTTP2 keywords".

use super::{
    doh,
    hpack::{Block, BlockFault, Item, append},
    parse::Bench,
    table::Table,
};
use crate::{
    AppEvent, Field,
    http::{known::Known, sink::Kind, uri::split_host},
    level,
    room::TxRef,
};
use sluice_core::Direction;

/// What a block says of the message it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// The response goes on with another one.
    pub is_informational: bool,
    /// The body is a message of DNS.
    pub is_dns: bool,
    /// Encodings that are undone were found for the body.
    pub encodings: usize,
}

/// Bytes that a field costs besides its own.
const EACH: u64 = 32;

/// Why a block was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadersFault {
    /// It is none.
    Block(BlockFault),
    /// It comes to more than is read of one conversation.
    TooMuch,
}

impl Bench<'_, '_> {
    /// Puts down the headers in `block`, of `direction` of `at`; `place` is that of the stream, and at most `allowed` bytes may come of it. What it cost is taken from that.
    pub(super) fn headers(
        &mut self,
        table: &mut Table,
        (at, direction, place): (TxRef, Direction, u32),
        block: &[u8],
        allowed: &mut u64,
    ) -> Result<Meaning, HeadersFault> {
        let mut buffer = std::mem::take(&mut self.room.field);
        self.room.whole.clear();
        self.room.cookie.clear();
        self.room.names.clear();
        append(&mut self.room.names, b"\r\n");
        let mut meaning = Meaning::default();
        let mut fault = None;
        let mut items = Block::of(block);
        while let Some(item) = items.next(table, &mut self.desk.room.arena, &mut buffer) {
            match item {
                Ok(Item::Field { name }) => {
                    let cost = buffer.len() as u64 + EACH;
                    if cost > *allowed {
                        fault = Some(HeadersFault::TooMuch);
                        break;
                    }
                    *allowed -= cost;
                    let (name, value) = buffer.split_at_checked(name).unwrap_or((&buffer, b""));
                    self.header(at, direction, place, (name, value), &mut meaning);
                }
                Ok(Item::SizeUpdate(size)) => self.note(at, direction, place, Field::Http2SizeUpdate, size),
                Err(found) => {
                    fault = Some(HeadersFault::Block(found));
                    break;
                }
            }
        }
        self.room.field = buffer;
        self.all(at, direction);
        fault.map_or(Ok(meaning), Err)
    }

    /// What all headers together are.
    fn all(&mut self, at: TxRef, direction: Direction) {
        let Self { desk, room, .. } = self;
        desk.put_wanted(at, direction, Field::HttpHeader, &room.whole);
        desk.put_wanted(at, direction, Field::HttpHeaderRaw, &room.whole);
        if desk.wants(Field::HttpHeaderNames) {
            append(&mut room.names, b"\r\n");
            desk.put(at, direction, Field::HttpHeaderNames, &room.names);
        }
        if !room.cookie.is_empty() {
            desk.put_wanted(at, direction, Field::HttpCookie, &room.cookie);
        }
    }

    fn header(
        &mut self,
        at: TxRef,
        direction: Direction,
        place: u32,
        (name, value): (&[u8], &[u8]),
        meaning: &mut Meaning,
    ) {
        let Self { desk, room, http } = self;
        let is_request = direction == Direction::ToServer;
        let each = if is_request { Field::HttpRequestHeader } else { Field::HttpResponseHeader };
        // Records of HTTP/2 list the headers, other than those of HTTP/1, always.
        if desk.wants(each) || desk.wants(Field::Http2StreamId) {
            desk.put_parts(at, direction, each, [name, b": ", value]);
        }
        desk.put_wanted(at, direction, Field::Http2HeaderName, name);
        if desk.wants(Field::HttpHeader) || desk.wants(Field::HttpHeaderRaw) {
            [name, b": ", value, b"\r\n"].into_iter().for_each(|part| append(&mut room.whole, part));
        }
        if desk.wants(Field::HttpHeaderNames) {
            [name, b"\r\n"].into_iter().for_each(|part| append(&mut room.names, part));
        }
        match name {
            b":method" => desk.put(at, direction, Field::HttpMethod, value),
            b":path" => {
                desk.put(at, direction, Field::HttpUri, value);
                desk.put_wanted(at, direction, Field::HttpUriRaw, value);
            }
            b":status" => {
                desk.put(at, direction, Field::HttpStatCode, value);
                meaning.is_informational = value.first() == Some(&b'1');
            }
            b":authority" => {
                if value.contains(&b'@') {
                    desk.event(at, direction, AppEvent::Http2UserinfoInUri);
                }
                self.host(at, direction, place, value);
            }
            b"host" if is_request => self.host(at, direction, place, value),
            b"cookie" if is_request => {
                if !room.cookie.is_empty() {
                    append(&mut room.cookie, b"; ");
                }
                append(&mut room.cookie, value);
            }
            b"content-encoding" => {
                let most = usize::from(desk.settings.http.decompress_layers);
                if let Some(sink) = room.stream(place).and_then(|stream| stream.sinks.get_mut(direction.index())) {
                    sink.stack.add(&mut http.decoders, value, most);
                    meaning.encodings += 1;
                }
            }
            _ => {
                if name == b"content-type" {
                    let media = value.split(|byte| *byte == b';').next().unwrap_or_default();
                    meaning.is_dns = media.trim_ascii().eq_ignore_ascii_case(b"application/dns-message");
                }
                if let Some(field) = Known::of(name).and_then(|known| known.field(direction)) {
                    desk.put_wanted(at, direction, field, value);
                }
            }
        }
    }

    /// The host of a request, from the pseudo-header or the one of HTTP/1.
    fn host(&mut self, at: TxRef, direction: Direction, place: u32, value: &[u8]) {
        let desk = &mut *self.desk;
        let host = split_host(value).0;
        let mut lower = [0; 1_024];
        let length = host.len().min(lower.len());
        if let (Some(to), Some(from)) = (lower.get_mut(..length), host.get(..length)) {
            to.copy_from_slice(from);
            to.make_ascii_lowercase();
        }
        let lower = lower.get(..length).unwrap_or_default();
        // A byte may stand for a host: it is not looked for among all that came before.
        let Some(known) = self.room.stream(place).map(|stream| &mut stream.host) else { return };
        match desk.field_at(at, direction, Field::HttpHost, *known).map(|known| known == lower) {
            None => {
                *known = desk.place(at, direction);
                desk.put(at, direction, Field::HttpHost, lower);
                desk.put_wanted(at, direction, Field::HttpHostRaw, value);
            }
            Some(false) => desk.event(at, direction, AppEvent::Http2AuthorityHostMismatch),
            Some(true) => {}
        }
    }
}

/// The headers in front of a body are there: what it will be.
pub(super) fn begin_message(bench: &mut Bench, place: u32, at: TxRef, direction: Direction, meaning: Meaning) {
    let Bench { desk, room, .. } = bench;
    desk.put_wanted(at, direction, Field::HttpProtocol, b"HTTP/2");
    let mut name = [0; 512];
    let path = desk.field(at, Direction::ToServer, Field::HttpUri).unwrap_or_default();
    let asks_dns = direction == Direction::ToServer && path.starts_with(doh::QUERY);
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    let length = path.len().min(name.len());
    if let (Some(to), Some(from)) = (name.get_mut(..length), path.get(..length)) {
        to.copy_from_slice(from);
    }
    if asks_dns || meaning.is_dns {
        desk.carries_dns();
    }
    if asks_dns {
        doh::of_path(desk, at);
    }
    if let Some(stream) = room.stream(place) {
        let way = direction.index();
        if let (Some(headers), Some(is_dns)) = (stream.headers.get_mut(way), stream.is_dns.get_mut(way)) {
            (*headers, *is_dns) = (true, meaning.is_dns);
        }
        let kind = if direction == Direction::ToClient { Kind::Response } else { Kind::Upload };
        if let Some(sink) = stream.sinks.get_mut(way) {
            sink.begin(desk, kind, name.get(..length).unwrap_or_default());
        }
    }
    desk.reach(at, direction, level::HEADERS);
}
