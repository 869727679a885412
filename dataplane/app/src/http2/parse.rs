//! HTTP/2 from bytes to transactions.
//!
//! Called by [`crate::applications`]. Bodies are used as they come; other frames, and header blocks over several of them, wait until they are whole, within bounds. What a header block comes to is bounded by what
//! was received. After damage, or a gap outside of a body, nothing more is read in that direction: the tables of headers would not be those of the other end.
//!
//! Sources: RFC 9113, RFC 7541; the reference engine's manual for what a transaction is.

use super::{
    detect::PREFACE,
    doh,
    frame::{self, HEAD, Head, flag, kind},
    headers::{HeadersFault, begin_message},
    hpack::BlockFault,
    room::{Http2Room, NONE},
    streams::Streams,
    table::Table,
};
use crate::{
    AppEvent, Field, Room,
    arena::{Arena, Buf},
    desk::Desk,
    http::HttpRoom,
    level,
    parser::{Fed, Parser},
    pdu::u8_at,
    room::{Telling, TxRef},
};
use sluice_core::Direction;

/// Streams of a conversation that are open at once; most servers allow 100 to 256 (RFC 9113 section 6.5.2 advises no fewer than 100).
pub const MOST_STREAMS: u16 = 256;
/// Bytes of a frame other than DATA that are read.
const LONGEST_FRAME: u32 = 64 << 10;
/// Bytes of a header block over several frames.
const LONGEST_BLOCK: usize = 96 << 10;
/// Bytes of headers that may come of each byte received, and of any conversation besides.
const WORTH: u64 = 128;
const WORTH_ANY: u64 = 256 << 10;
/// Numbers of frames that are put down of one stream.
const MOST_NOTED: u16 = 64;
/// The longest message of DNS.
const LONGEST_DNS: u64 = 65_535;

/// Where an end is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing came yet.
    #[default]
    Start,
    /// The head of a frame comes.
    Head,
    /// Bytes of a body: so many of them and of padding behind them, of this stream.
    Body { stream: u32, left: u32, padding: u32, ends: bool },
    /// Bytes that are not looked at.
    Skip(u32),
}

/// One end.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) state: State,
    table: Table,
    /// A header block that goes on, the head of its first frame with the stream it is of, and the stream its frames name.
    block: Buf,
    block_of: Option<Head>,
    block_on: u32,
    /// Bytes received, and bytes of headers that came of them.
    received: u64,
    spent: u64,
    /// Nothing more is read of it.
    pub(super) is_closed: bool,
}

/// One conversation.
#[derive(Debug, Default)]
pub struct Conversation {
    ends: [End; 2],
    /// Its streams.
    pub(super) streams: Streams,
    /// The highest streams the server and the client began, by the numbers each of them uses: even and odd.
    pub(super) highest: [u32; 2],
}

/// What a parser works with beside itself.
pub(super) struct Bench<'a, 'b> {
    pub(super) desk: &'a mut Desk<'b>,
    pub(super) room: &'a mut Http2Room,
    pub(super) http: &'a mut HttpRoom,
}

impl Bench<'_, '_> {
    /// Puts down a number of a stream, unless it has too many.
    pub(super) fn note(&mut self, at: TxRef, direction: Direction, place: u32, field: Field, number: u64) {
        if let Some(stream) = self.room.stream(place) {
            stream.noted = stream.noted.saturating_add(1);
            if stream.noted > MOST_NOTED {
                self.desk.event(at, direction, AppEvent::Http2TooManyFrames);
                return;
            }
        }
        self.desk.number(at, direction, field, number);
    }
}

impl Parser for Conversation {
    fn feed(&mut self, desk: &mut Desk, bytes: &[u8]) -> Fed {
        self.with_room(desk, |this, bench| this.run(bench, bytes)).unwrap_or(Fed::Broken)
    }

    fn gap(&mut self, desk: &mut Desk, missing: u32) -> Fed {
        self.with_room(desk, |this, bench| {
            let direction = bench.desk.direction;
            let Some(end) = this.ends.get_mut(direction.index()) else { return Fed::Broken };
            match end.state {
                // Where the next frame begins is known as long as the hole is inside of this one, also when it ends with it.
                State::Body { stream, left, padding, ends } if missing <= left + padding => {
                    let lost = left.min(missing);
                    let place = this.find(bench, stream);
                    if let Some(stream) = bench.room.stream(place)
                        && let Some(sink) = stream.sinks.get_mut(direction.index())
                    {
                        sink.gap(bench.desk, stream.tx, direction, u64::from(lost));
                    }
                    this.body_is_read(bench, direction, stream, (left - lost, padding - (missing - lost), ends));
                    Fed::All
                }
                State::Skip(left) if missing <= left => {
                    end.state = skip(left - missing);
                    Fed::All
                }
                _ => {
                    this.close(bench, direction);
                    Fed::Broken
                }
            }
        })
        .unwrap_or(Fed::Broken)
    }

    fn end(&mut self, desk: &mut Desk, _waiting: &[u8]) {
        self.with_room(desk, |this, bench| {
            let direction = bench.desk.direction;
            this.close(bench, direction);
        });
    }

    fn forget(&mut self, arena: &mut Arena) {
        for end in &mut self.ends {
            end.table.forget(arena);
            arena.free(&mut end.block);
        }
    }

    fn release(&mut self, room: &mut Room) {
        let Some(http) = &mut room.http else { return };
        while self.streams.any() != NONE {
            self.streams.close(&mut room.http2, http, &mut room.arena, self.streams.any());
        }
        self.streams.forget(&mut room.arena);
    }
}

impl Conversation {
    /// Lets `work` read with what lies in the room; none without that, when nothing of HTTP is read.
    fn with_room<T>(&mut self, desk: &mut Desk, work: impl FnOnce(&mut Self, &mut Bench) -> T) -> Option<T> {
        let mut http = desk.room.http.take()?;
        let mut room = std::mem::take(&mut desk.room.http2);
        let told = work(self, &mut Bench { desk, room: &mut room, http: &mut http });
        (desk.room.http2, desk.room.http) = (room, Some(http));
        Some(told)
    }

    pub(super) fn end_of(&mut self, direction: Direction) -> &mut End {
        let [server, client] = &mut self.ends;
        if direction == Direction::ToServer { server } else { client }
    }

    fn run(&mut self, bench: &mut Bench, bytes: &[u8]) -> Fed {
        let direction = bench.desk.direction;
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            match self.end_of(direction).state {
                State::Start if direction == Direction::ToClient => self.end_of(direction).state = State::Head,
                State::Start => {
                    if !PREFACE.iter().zip(rest).all(|(wanted, byte)| wanted == byte) {
                        let at = self.aside(bench, direction);
                        bench.desk.event(at, direction, AppEvent::Http2InvalidClientMagic);
                        self.done_aside(bench, at, direction);
                        return Fed::Broken;
                    }
                    if rest.len() < PREFACE.len() {
                        return Fed::Part { used, wants: PREFACE.len() };
                    }
                    self.end_of(direction).state = State::Head;
                    used += PREFACE.len();
                }
                State::Head => {
                    let Some(head) = Head::of(rest) else { return Fed::Part { used, wants: HEAD } };
                    match self.head(bench, direction, head, rest) {
                        Ok(count) => used += count,
                        Err(Fed::Part { wants, .. }) => return Fed::Part { used, wants },
                        Err(fed) => return fed,
                    }
                }
                State::Body { stream, left, padding, ends } => {
                    let count = rest.len().min(left as usize);
                    let part = rest.get(..count).unwrap_or(rest);
                    self.body(bench, direction, stream, part);
                    used += count;
                    self.body_is_read(bench, direction, stream, (left - count as u32, padding, ends));
                }
                State::Skip(left) => {
                    let count = rest.len().min(left as usize);
                    used += count;
                    self.end_of(direction).state = skip(left - count as u32);
                }
            }
        }
        Fed::All
    }

    /// Bytes of a body of stream `id` were read: `left` of it and `padding` are still to come.
    fn body_is_read(&mut self, bench: &mut Bench, direction: Direction, id: u32, rest: (u32, u32, bool)) {
        let (left, padding, ends) = rest;
        self.end_of(direction).state =
            if left == 0 { skip(padding) } else { State::Body { stream: id, left, padding, ends } };
        if left == 0 && ends {
            let place = self.find(bench, id);
            self.end_stream(bench, place, direction, true);
        }
    }

    /// A transaction that belongs to no stream.
    pub(super) fn aside(&self, bench: &mut Bench, direction: Direction) -> TxRef {
        let at = bench.desk.open(0);
        bench.desk.number(at, direction, Field::Http2StreamId, 0);
        at
    }

    pub(super) fn done_aside(&self, bench: &mut Bench, at: TxRef, direction: Direction) {
        bench.desk.reach(at, direction, level::DONE);
        bench.desk.skip(at, direction.reverse());
    }

    /// Something is wrong with a frame: an event of its stream, or of no stream.
    fn wrong(&mut self, bench: &mut Bench, direction: Direction, stream: u32, event: AppEvent) {
        let place = self.find(bench, stream);
        match bench.room.stream(place).map(|found| found.tx) {
            Some(at) => bench.desk.event(at, direction, event),
            None => {
                let at = self.aside(bench, direction);
                bench.desk.event(at, direction, event);
                self.done_aside(bench, at, direction);
            }
        }
    }

    /// Reads a frame whose head is at the beginning of `rest`; the bytes read, or what to say instead.
    fn head(&mut self, bench: &mut Bench, direction: Direction, head: Head, rest: &[u8]) -> Result<usize, Fed> {
        let end = self.end_of(direction);
        if let Some(of) = end.block_of
            && (head.kind != kind::CONTINUATION || head.stream != end.block_on)
        {
            // Nothing may come between the parts of a block; the tables are not known any more.
            self.wrong(bench, direction, of.stream, AppEvent::Http2InvalidFrameHeader);
            self.close(bench, direction);
            return Err(Fed::Broken);
        }
        if head.kind == kind::DATA {
            return self.data(bench, direction, head, rest);
        }
        if head.kind > kind::CONTINUATION || head.length > LONGEST_FRAME {
            if head.length > LONGEST_FRAME {
                self.wrong(bench, direction, head.stream, AppEvent::Http2LongFrameData);
            }
            if matches!(head.kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION) {
                self.close(bench, direction);
                return Err(Fed::Broken);
            }
            self.end_of(direction).state = skip(head.length);
            return Ok(HEAD);
        }
        let whole = HEAD + head.length as usize;
        let Some(payload) = rest.get(HEAD..whole) else { return Err(Fed::Part { used: 0, wants: whole }) };
        self.end_of(direction).received += whole as u64;
        if self.frame(bench, direction, head, payload) {
            Ok(whole)
        } else {
            self.close(bench, direction);
            Err(Fed::Broken)
        }
    }

    fn data(&mut self, bench: &mut Bench, direction: Direction, head: Head, rest: &[u8]) -> Result<usize, Fed> {
        let is_padded = head.has(flag::PADDED);
        let padding = match (is_padded, u8_at(rest, HEAD)) {
            (false, _) => 0,
            (true, Some(padding)) => u32::from(padding),
            (true, None) if head.length > 0 => return Err(Fed::Part { used: 0, wants: HEAD + 1 }),
            (true, None) => 0,
        };
        let place = if head.stream == 0 { NONE } else { self.find(bench, head.stream) };
        let front = u32::from(is_padded);
        let left = head.length.checked_sub(front + padding);
        let event = match left {
            _ if head.stream == 0 => Some(AppEvent::Http2DataStreamZero),
            None => Some(AppEvent::Http2InvalidFrameData),
            _ if place == NONE && self.may_not_name(direction, head) => Some(AppEvent::Http2InvalidFrameHeader),
            Some(_) => None,
        };
        if let Some(event) = event {
            self.wrong(bench, direction, head.stream, event);
        }
        let known = bench.room.stream(place).is_some();
        if known {
            self.mark(bench, place, direction, kind::DATA);
        }
        let ends = head.has(flag::END);
        self.end_of(direction).state = match left {
            Some(left) if known && left > 0 => State::Body { stream: head.stream, left, padding, ends },
            _ => {
                if ends && known {
                    self.end_stream(bench, place, direction, true);
                }
                let rest = head.length.saturating_sub(front);
                skip(rest)
            }
        };
        Ok(HEAD + if head.length > 0 { front as usize } else { 0 })
    }

    /// Bytes of a body.
    fn body(&mut self, bench: &mut Bench, direction: Direction, id: u32, bytes: &[u8]) {
        let place = self.find(bench, id);
        let Bench { desk, room, http } = bench;
        let Some(stream) = room.stream(place) else { return };
        let (tx, is_dns) = (stream.tx, stream.is_dns.get(direction.index()) == Some(&true));
        let Some(sink) = stream.sinks.get_mut(direction.index()) else { return };
        sink.put(desk, http, tx, direction, bytes);
        if is_dns && sink.raw > LONGEST_DNS {
            desk.event(
                tx,
                direction,
                match direction {
                    Direction::ToServer => AppEvent::Http2DnsRequestTooLong,
                    Direction::ToClient => AppEvent::Http2DnsResponseTooLong,
                },
            );
        }
    }

    /// Reads a whole frame; false when nothing more can be read in its direction.
    fn frame(&mut self, bench: &mut Bench, direction: Direction, head: Head, payload: &[u8]) -> bool {
        let fits = match head.kind {
            kind::PRIORITY => head.length == 5,
            kind::RST_STREAM | kind::WINDOW_UPDATE => head.length == 4,
            kind::SETTINGS => head.length.is_multiple_of(6),
            kind::PING => head.length == 8,
            kind::GOAWAY => head.length >= 8,
            _ => true,
        };
        if !fits {
            self.wrong(bench, direction, head.stream, AppEvent::Http2InvalidFrameLength);
            return true;
        }
        if head.stream == 0 {
            return self.frame_for_all(bench, direction, head, payload);
        }
        match head.kind {
            kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION => {
                self.block_frame(bench, direction, head, payload)
            }
            kind::SETTINGS | kind::PING | kind::GOAWAY => {
                self.wrong(bench, direction, head.stream, AppEvent::Http2InvalidFrameHeader);
                true
            }
            _ => {
                let place = self.find_or_open(bench, direction, head);
                let Some(at) = bench.room.stream(place).map(|stream| stream.tx) else { return true };
                self.mark(bench, place, direction, head.kind);
                if let Some((field, number)) = number_of(head.kind, payload) {
                    bench.note(at, direction, place, field, number);
                }
                if head.kind == kind::RST_STREAM {
                    Direction::ALL.into_iter().for_each(|way| self.end_stream(bench, place, way, false));
                }
                true
            }
        }
    }

    /// A frame about the whole conversation: a transaction of its own.
    fn frame_for_all(&mut self, bench: &mut Bench, direction: Direction, head: Head, payload: &[u8]) -> bool {
        let at = self.aside(bench, direction);
        let desk = &mut *bench.desk;
        desk.number(at, direction, Field::Http2FrameType, u64::from(head.kind));
        match head.kind {
            kind::SETTINGS => {
                for &[a, b, c, d, e, f] in payload.as_chunks::<6>().0.iter().take(usize::from(MOST_NOTED)) {
                    let (id, value) = (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]));
                    desk.number(at, direction, Field::Http2Settings, u64::from(id) << 32 | u64::from(value));
                    if id == 1 {
                        // How large the table of what goes the other way may be.
                        self.end_of(direction.reverse()).table.set_most(value);
                    }
                }
            }
            kind::PING => {}
            kind::GOAWAY | kind::WINDOW_UPDATE => {
                if let Some((field, number)) = number_of(head.kind, payload) {
                    desk.number(at, direction, field, number);
                }
            }
            _ => desk.event(at, direction, AppEvent::Http2InvalidFrameHeader),
        }
        let says = head.kind == kind::GOAWAY || head.kind == kind::SETTINGS && !payload.is_empty();
        let is_sound = desk.field(at, direction, Field::Event).is_none();
        if !says && is_sound {
            // A record would have nothing in it.
            desk.tell(at, Telling::Never);
        }
        let goes_on = !matches!(head.kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION);
        self.done_aside(bench, at, direction);
        goes_on
    }

    /// A frame with a header block, or more of one.
    fn block_frame(&mut self, bench: &mut Bench, direction: Direction, head: Head, payload: &[u8]) -> bool {
        let is_more = head.kind == kind::CONTINUATION;
        let part = if is_more { Some(payload) } else { frame::unpadded(head, payload) };
        let (mut part, mut of) = match part {
            Some(part) => (part, head),
            None => {
                self.wrong(bench, direction, head.stream, AppEvent::Http2InvalidFrameData);
                return false;
            }
        };
        let mut weight = None;
        match head.kind {
            kind::HEADERS if head.has(flag::PRIORITY) => match part.split_at_checked(5) {
                Some((front, rest)) => (weight, part) = (u8_at(front, 4), rest),
                None => {
                    self.wrong(bench, direction, head.stream, AppEvent::Http2InvalidFrameData);
                    return false;
                }
            },
            kind::PUSH_PROMISE => match part.split_first_chunk() {
                Some((id, rest)) => {
                    // What is promised is a request, though the server sends it.
                    of.stream = u32::from_be_bytes(*id) & 0x7fff_ffff;
                    part = rest;
                }
                None => {
                    self.wrong(bench, direction, head.stream, AppEvent::Http2InvalidFrameData);
                    return false;
                }
            },
            kind::CONTINUATION => match self.end_of(direction).block_of {
                Some(first) => of = first,
                None => {
                    self.wrong(bench, direction, head.stream, AppEvent::Http2InvalidFrameHeader);
                    return false;
                }
            },
            _ => {}
        }
        if !is_more {
            let place = self.find_or_open(bench, direction, of);
            if place == NONE {
                // The tables are kept up; what comes of the block belongs to no stream.
                of.stream = 0;
            }
            self.mark(bench, place, direction, head.kind);
            if let (Some(weight), Some(at)) = (weight, bench.room.stream(place).map(|stream| stream.tx)) {
                bench.note(at, direction, place, Field::Http2Priority, u64::from(weight));
            }
        } else {
            let place = self.find(bench, of.stream);
            self.mark(bench, place, direction, head.kind);
        }
        if head.has(flag::END_HEADERS) && !is_more {
            return self.block(bench, direction, of, part) && self.block_ends(bench, direction, of);
        }
        let end = self.end_of(direction);
        if end.block.len() + part.len() > LONGEST_BLOCK {
            self.wrong(bench, direction, of.stream, AppEvent::Http2ReassemblyLimitReached);
            return false;
        }
        if !bench.desk.keep(&mut end.block, part) {
            return false;
        }
        (end.block_of, end.block_on) = (Some(of), head.stream);
        if !head.has(flag::END_HEADERS) {
            return true;
        }
        end.block_of = None;
        let mut block = std::mem::take(&mut end.block);
        let mut aside = std::mem::take(&mut bench.desk.room.aside);
        aside.clear();
        aside.extend_from_slice(bench.desk.kept(&block));
        bench.desk.forget(&mut block);
        let goes_on = self.block(bench, direction, of, &aside);
        bench.desk.room.aside = aside;
        goes_on && self.block_ends(bench, direction, of)
    }

    /// The stream may end with a header block.
    fn block_ends(&mut self, bench: &mut Bench, direction: Direction, of: Head) -> bool {
        let is_promise = of.kind == kind::PUSH_PROMISE;
        if is_promise || of.has(flag::END) {
            let place = self.find(bench, of.stream);
            let way = if is_promise { Direction::ToServer } else { direction };
            self.end_stream(bench, place, way, true);
        }
        true
    }

    /// A whole header block of the stream that `of` names.
    fn block(&mut self, bench: &mut Bench, direction: Direction, of: Head, bytes: &[u8]) -> bool {
        let place = self.find(bench, of.stream);
        let is_promise = of.kind == kind::PUSH_PROMISE;
        let way = if is_promise { Direction::ToServer } else { direction };
        let mut at = TxRef::NONE;
        let mut is_first = false;
        if let Some(stream) = bench.room.stream(place) {
            at = stream.tx;
            is_first = stream.headers.get(way.index()) == Some(&false);
        }
        let end = self.end_of(direction);
        let mut allowed = (WORTH_ANY + end.received.saturating_mul(WORTH)).saturating_sub(end.spent);
        let before = allowed;
        let told = bench.headers(&mut end.table, (at, way, place), bytes, &mut allowed);
        end.spent += before - allowed;
        let meaning = match told {
            Ok(meaning) => meaning,
            Err(fault) => {
                let event = match fault {
                    HeadersFault::TooMuch => AppEvent::Http2CompressionBomb,
                    HeadersFault::Block(BlockFault::IntegerOverflow) => AppEvent::Http2HeaderIntegerOverflow,
                    HeadersFault::Block(BlockFault::CutOff) => AppEvent::Http2ExtraHeaderData,
                    HeadersFault::Block(_) => AppEvent::Http2InvalidHeader,
                };
                self.wrong(bench, direction, of.stream, event);
                return false;
            }
        };
        if is_first && !meaning.is_informational {
            begin_message(bench, place, at, way, meaning);
        }
        true
    }

    /// Notes that a frame of this type came.
    fn mark(&mut self, bench: &mut Bench, place: u32, direction: Direction, kind: u8) {
        let Some(stream) = bench.room.stream(place) else { return };
        let Some(kinds) = stream.kinds.get_mut(direction.index()) else { return };
        let bit = 1 << kind;
        if *kinds & bit == 0 {
            *kinds |= bit;
            bench.desk.number(stream.tx, direction, Field::Http2FrameType, u64::from(kind));
        }
    }

    /// Nothing more comes of the stream in `direction`; `whole`: as it was to end.
    pub(super) fn end_stream(&mut self, bench: &mut Bench, place: u32, direction: Direction, whole: bool) {
        let Bench { desk, room, http } = bench;
        let Some(stream) = room.stream(place) else { return };
        let Some(ended) = stream.ended.get_mut(direction.index()) else { return };
        if std::mem::replace(ended, true) {
            return;
        }
        let (tx, is_over) = (stream.tx, stream.ended == [true; 2]);
        let carries_dns = whole && stream.is_dns.get(direction.index()) == Some(&true);
        if let Some(sink) = stream.sinks.get_mut(direction.index()) {
            let (length, body) = (sink.raw, sink.body());
            sink.end(desk, http, tx, direction, whole);
            if carries_dns {
                doh::of_body(desk, direction, body);
            }
            if direction == Direction::ToClient && stream.headers == [true; 2] {
                desk.number(tx, direction, Field::HttpBodyLength, length);
            }
        }
        desk.reach(tx, direction, level::DONE);
        if is_over {
            self.streams.close(room, http, &mut desk.room.arena, place);
        }
    }

    /// Nothing more is read in `direction`: bodies end as far as they came.
    fn close(&mut self, bench: &mut Bench, direction: Direction) {
        let end = self.end_of(direction);
        (end.block_of, end.is_closed) = (None, true);
        bench.desk.forget(&mut end.block);
        let mut at = self.streams.next(bench.room, NONE);
        while at != NONE {
            let next = self.streams.next(bench.room, at);
            self.end_stream(bench, at, direction, false);
            at = next;
        }
    }
}

/// So many bytes are not looked at.
const fn skip(count: u32) -> State {
    if count == 0 { State::Head } else { State::Skip(count) }
}

/// The number a frame says.
fn number_of(kind: u8, payload: &[u8]) -> Option<(Field, u64)> {
    let word = |at: usize| payload.get(at..)?.first_chunk().map(|bytes| u64::from(u32::from_be_bytes(*bytes)));
    Some(match kind {
        kind::PRIORITY => (Field::Http2Priority, u64::from(u8_at(payload, 4)?)),
        kind::RST_STREAM => (Field::Http2ErrorCode, word(0)?),
        kind::GOAWAY => (Field::Http2ErrorCode, word(4)?),
        kind::WINDOW_UPDATE => (Field::Http2Window, word(0)? & 0x7fff_ffff),
        _ => return None,
    })
}
