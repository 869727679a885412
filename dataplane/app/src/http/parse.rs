//! HTTP/1 from bytes to transactions: the two ends of a conversation and what they know of each other.
//!
//! Called by [`crate::applications`]. `request` reads what clients say, `response` what servers say; requests wait in the order they came for their responses.

use super::{
    body::{Asks, BodyStep, ChunkFaults, Framing},
    head::{BlockEnd, Headers, Scan},
    request::{has_chunked, number_of},
    room::{HttpRoom, LARGEST_BLOCK},
    settings::HttpSettings,
    sink::Sink,
    text::{split_once, trim},
};
use crate::{
    AppEvent, Field,
    arena::Arena,
    desk::Desk,
    level,
    parser::{Fed, Parser},
    room::{BodyRef, FileEnd, Room, TxRef},
};
use sluice_core::{AppProtocol, Direction};

/// What an end is to say next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// The first line of a message.
    #[default]
    Line,
    /// Behind a request without a version: headers, perhaps.
    Bare,
    /// Headers.
    Headers,
    /// Headers beyond what is kept.
    Skip,
    /// Headers of an interim response.
    Interim,
    /// The first line of what looked like an interim response and has a body.
    Whole,
    /// Behind the headers of a response that should have no body but says how long it is: the next message, or a body.
    Perhaps,
    /// A body.
    Body,
    /// Headers behind a body.
    Trailer,
    /// Another request, or nothing until the other end has answered: another protocol may follow.
    Wait,
    /// Nothing until the other end has answered.
    Tunnel,
    /// Behind a hole: whatever looks like the beginning of a message.
    Lost,
}

/// One end of a conversation.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) state: State,
    pub(super) tx: TxRef,
    pub(super) scan: Scan,
    pub(super) framing: Framing,
    pub(super) sink: Sink,
    /// The version is 1.1 or newer, is 1.0 or older, or is not known.
    pub(super) version: Version,
    /// What the response means beside its body.
    pub(super) status: u16,
    /// What was kept of the headers ends within a line: what follows is the rest of that.
    pub(super) torn: bool,
    /// What follows headers.
    pub(super) behind: Behind,
    /// Bytes of the first line of an interim response.
    pub(super) line: u32,
    /// A body without headers, which answers nothing.
    pub(super) is_stray: bool,
    /// The message as it comes, when rules ask for it.
    frame: BodyRef,
}

/// What follows the headers of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Behind {
    /// Its body.
    #[default]
    Body,
    /// It should end here, but says how long it is.
    Perhaps,
    /// The next message.
    Nothing,
    /// Another protocol.
    Protocol(Option<AppProtocol>),
}

/// A version, as far as it matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Version {
    #[default]
    Unknown,
    Old,
    Current,
}

/// One conversation.
#[derive(Debug, Default)]
pub struct Conversation {
    pub(super) request: End,
    pub(super) response: End,
    /// The number the next request gets, and that from which on requests wait for a response.
    pub(super) next: u64,
    pub(super) unanswered: u64,
    /// Whether a 100 was seen for the request that waits.
    pub(super) continued: bool,
    /// The server spoke last, and its response had the length it said: what follows and is no response answers nothing.
    pub(super) is_answered: bool,
}

/// What a step did.
pub(super) enum Step {
    /// It read so many bytes.
    Used(usize),
    /// It wants more than there are.
    More,
    /// Another protocol follows behind so many bytes.
    Becomes(usize, Option<AppProtocol>),
}

/// What a parser works with beside itself.
pub(super) struct Bench<'a, 'b> {
    pub(super) desk: &'a mut Desk<'b>,
    pub(super) room: &'a mut HttpRoom,
    /// No more bytes come.
    pub(super) last: bool,
}

impl Conversation {
    /// Lets `work` read with what lies in the room; none without that, when nothing of HTTP is read.
    fn with_room<T>(
        &mut self,
        desk: &mut Desk,
        last: bool,
        work: impl FnOnce(&mut Self, &mut Bench) -> T,
    ) -> Option<T> {
        let mut room = desk.room.http.take()?;
        let told = work(self, &mut Bench { desk, room: &mut room, last });
        desk.room.http = Some(room);
        Some(told)
    }

    fn run(&mut self, bench: &mut Bench, bytes: &[u8]) -> Fed {
        let to_server = bench.desk.direction == Direction::ToServer;
        if !to_server && !bytes.is_empty() {
            self.settle_request(bench);
        }
        if to_server && !bytes.is_empty() {
            self.settle_response(bench);
        }
        let mut used = 0;
        let mut idle = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let end = if to_server { &self.request } else { &self.response };
            let before = (end.tx, end.frame);
            let rest = most(rest);
            let step = if to_server { self.read_request(bench, rest) } else { self.read_response(bench, rest) };
            if let Step::Used(count) | Step::Becomes(count, _) = step {
                self.frame(bench, before, rest.get(..count).unwrap_or_default());
            }
            match step {
                Step::Used(count) => {
                    // States follow each other without bytes a few times at most.
                    idle = if count == 0 { idle + 1 } else { 0 };
                    if idle > 8 {
                        debug_assert!(false, "no progress");
                        return Fed::Broken;
                    }
                    used += count;
                }
                Step::More => return Fed::Part { used, wants: bytes.len() - used + 1 },
                Step::Becomes(count, protocol) => {
                    return Fed::Becomes { used: used + count, protocol };
                }
            }
        }
        Fed::All
    }

    /// Adds `bytes`, which were read, to the message they belong to; `before`: the one that was read before them.
    fn frame(&mut self, bench: &mut Bench, before: (TxRef, BodyRef), bytes: &[u8]) {
        let direction = bench.desk.direction;
        let (end, field) = match direction {
            Direction::ToServer => (&mut self.request, Field::HttpRequestFrame),
            Direction::ToClient => (&mut self.response, Field::HttpResponseFrame),
        };
        if !bench.desk.wants(field) {
            return;
        }
        let (mut tx, mut frame) = before;
        if end.tx.is_some() && end.tx != tx {
            (tx, frame) = (end.tx, BodyRef::NONE);
        }
        if tx.is_some() && !frame.is_some() && !bytes.is_empty() {
            let settings = &bench.desk.settings.http;
            let limit = if direction == Direction::ToServer {
                settings.request_body_limit
            } else {
                settings.response_body_limit
            };
            frame = bench.desk.open_body(tx, direction, field, None, HttpSettings::limit(limit));
        }
        bench.desk.body(tx, direction, frame, bytes);
        if end.tx == tx {
            end.frame = frame;
        } else {
            bench.desk.close_body(tx, direction, frame, FileEnd::Closed);
        }
    }

    /// The server speaks: a request that could have had more has none.
    fn settle_request(&mut self, bench: &mut Bench) {
        if self.request.state == State::Bare {
            self.end_request(bench, true);
        }
    }

    /// The client speaks again: a response that could have had a body has none, and what answered nothing is over.
    fn settle_response(&mut self, bench: &mut Bench) {
        self.is_answered = false;
        if self.response.state == State::Perhaps || self.response.is_stray {
            self.end_response(bench, true);
        }
    }
}

impl Parser for Conversation {
    fn feed(&mut self, desk: &mut Desk, bytes: &[u8]) -> Fed {
        self.with_room(desk, false, |this, bench| this.run(bench, bytes)).unwrap_or(Fed::Broken)
    }

    fn gap(&mut self, desk: &mut Desk, missing: u32) -> Fed {
        self.with_room(desk, false, |this, bench| {
            let to_server = bench.desk.direction == Direction::ToServer;
            let end = if to_server { &mut this.request } else { &mut this.response };
            let missing = u64::from(missing);
            let skipped = match &mut end.framing {
                _ if end.state != State::Body => false,
                Framing::Close => true,
                Framing::Stray { at_line } => {
                    *at_line = false;
                    true
                }
                Framing::Length(left) | Framing::ChunkData(left) if *left > missing => {
                    *left -= missing;
                    true
                }
                Framing::Length(left) if *left == missing => {
                    *left = 0;
                    true
                }
                framing if *framing == Framing::ChunkData(missing) => {
                    (*framing, end.scan) = (Framing::ChunkSize, Scan::default());
                    true
                }
                _ => false,
            };
            if skipped {
                end.sink.gap(bench.desk, end.tx, bench.desk.direction, missing);
                if end.framing == Framing::Length(0) {
                    if to_server { this.end_request(bench, false) } else { this.end_response(bench, false) }
                }
                return Fed::All;
            }
            // The hole hides where the message ends.
            if end.state == State::Body {
                let lost = if let Framing::Length(left) = end.framing { left } else { 0 };
                end.sink.gap(bench.desk, end.tx, bench.desk.direction, lost);
            }
            if !end.state.is_between() {
                if to_server { this.end_request(bench, false) } else { this.end_response(bench, false) }
            }
            let end = if to_server { &mut this.request } else { &mut this.response };
            (end.state, end.scan) = (State::Lost, Scan::default());
            Fed::All
        })
        .unwrap_or(Fed::Broken)
    }

    fn end(&mut self, desk: &mut Desk, waiting: &[u8]) {
        self.with_room(desk, true, |this, bench| {
            let to_server = bench.desk.direction == Direction::ToServer;
            let mut rest = waiting;
            // Everything that waited for more is read as it is; each turn reads something or is the last.
            for _ in 0..waiting.len() + 8 {
                if rest.is_empty() {
                    break;
                }
                let end = if to_server { &this.request } else { &this.response };
                let before = (end.tx, end.frame);
                let (part, all) = (most(rest), rest.len());
                bench.last = part.len() == all;
                let step = if to_server { this.read_request(bench, part) } else { this.read_response(bench, part) };
                if let Step::Used(count) = step {
                    this.frame(bench, before, rest.get(..count).unwrap_or_default());
                }
                match step {
                    Step::Used(used) => rest = rest.get(used..).unwrap_or_default(),
                    Step::More | Step::Becomes(..) => break,
                }
            }
            let end = if to_server { &this.request } else { &this.response };
            let whole = match end.state {
                state if state.is_between() => return,
                State::Body => matches!(end.framing, Framing::Close | Framing::ChunkSize | Framing::Stray { .. }),
                State::Bare | State::Perhaps | State::Trailer => true,
                _ => false,
            };
            if to_server { this.end_request(bench, whole) } else { this.end_response(bench, whole) }
        });
    }

    fn forget(&mut self, _arena: &mut Arena) {}

    fn release(&mut self, room: &mut Room) {
        let Some(http) = &mut room.http else { return };
        self.request.sink.clear(http, &mut room.arena);
        self.response.sink.clear(http, &mut room.arena);
    }
}

impl State {
    /// Whether no message is begun.
    const fn is_between(self) -> bool {
        matches!(self, Self::Line | Self::Interim | Self::Whole | Self::Wait | Self::Tunnel | Self::Lost)
    }
}

impl End {
    /// Reads from a body as much as there is of it.
    pub(super) fn read_body(&mut self, bench: &mut Bench, direction: Direction, bytes: &[u8]) -> BodyStep {
        let Self { framing, scan, sink, tx, .. } = self;
        let asks = Asks { direction, last: bench.last };
        let Bench { desk, room, .. } = bench;
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let mut faults = ChunkFaults::default();
            let step =
                framing.step(scan, rest, asks, &mut faults, &mut |bytes| sink.put(desk, room, *tx, direction, bytes));
            if faults != ChunkFaults::default() {
                tell_chunk(desk, faults, *tx, direction);
            }
            match step {
                BodyStep::Used(count) => used += count,
                BodyStep::More if used > 0 => break,
                BodyStep::More => return BodyStep::More,
                BodyStep::Over(count) => return BodyStep::Over(used + count),
                BodyStep::Trailer(count) => return BodyStep::Trailer(used + count),
            }
        }
        BodyStep::Used(used)
    }

    /// Looks for the end of the headers `bytes` begin with. What is larger than is kept is cut, always in the same place: how it came in pieces must not
    /// tell where.
    pub(super) fn find_headers(&mut self, last: bool, bytes: &[u8]) -> Option<HeadersAt> {
        let is_full = is_full(bytes);
        match self.scan.find_end(bytes, last && !is_full) {
            BlockEnd::At { headers, all } => Some(HeadersAt { headers, all, cut: false }),
            BlockEnd::More if is_full => Some(HeadersAt { headers: bytes.len(), all: bytes.len(), cut: true }),
            BlockEnd::More if last => Some(HeadersAt { headers: bytes.len(), all: bytes.len(), cut: false }),
            BlockEnd::More => None,
        }
    }

    /// Reads the headers that `bytes` begin with and puts them down, with the first line in front of them.
    pub(super) fn read_headers(&mut self, bench: &mut Bench, direction: Direction, bytes: &[u8], found: &HeadersAt) {
        let is_response = direction == Direction::ToClient;
        let line_of = match is_response {
            false => [Field::HttpMethod, Field::HttpUriRaw, Field::HttpProtocol],
            true => [Field::HttpProtocol, Field::HttpStatCode, Field::HttpStatMsg],
        };
        let block = bytes.get(..found.headers).unwrap_or_default();
        let Bench { desk, room, .. } = bench;
        let settings = desk.settings.http;
        room.headers.read(block, is_response, settings.line_limit as usize, usize::from(settings.header_limit));
        // In front of what else is wrong, as when it was told while the line still came.
        // The blank line that ends them may be the one.
        let is_long = found.all - found.headers > settings.line_limit as usize;
        if found.cut || is_long || room.headers.wrong.too_long {
            desk.event(self.tx, direction, too_long(direction));
        }
        tell_wrong(desk, &room.headers, self.tx, direction);
        self.torn = found.cut && !block.ends_with(b"\n");
        let mut line = std::mem::take(&mut room.uri);
        line.clear();
        for (number, field) in line_of.into_iter().enumerate() {
            let part = desk.field(self.tx, direction, field).unwrap_or_default();
            let room = line.capacity() - line.len();
            if part.len() < room && !part.is_empty() {
                if number > 0 {
                    line.push(b' ');
                }
                line.extend_from_slice(part);
            }
        }
        super::fields::put(desk, &mut room.headers, self.tx, direction, block, Some(&line));
        room.uri = line;
    }

    /// Tells of a line of headers that is too long while it still comes: no end of the block was found so far.
    pub(super) fn tell_long_line(&self, desk: &mut Desk, direction: Direction) {
        if self.scan.line_length() > desk.settings.http.line_limit as usize {
            desk.event(self.tx, direction, too_long(direction));
        }
    }

    /// The first line of `bytes`, with its end; cut where it is longer than is kept, or where nothing follows.
    pub(super) fn find_line(&mut self, last: bool, bytes: &[u8]) -> Option<usize> {
        self.scan.find_line(bytes).or((last || is_full(bytes)).then_some(bytes.len()))
    }

    /// Throws a line away; its length, and whether it was the one that ends headers. None: it is not whole.
    pub(super) fn skip_headers(&mut self, last: bool, bytes: &[u8]) -> Option<(usize, bool)> {
        let is_full = is_full(bytes);
        let found = match self.torn {
            // What is left of a line that was cut is no blank line.
            true => self.scan.find_line(bytes).map(|end| (end, false)),
            false => self.scan.find_last(bytes, last && !is_full),
        };
        if found.is_none() && !is_full {
            return None;
        }
        if let Some((end, false)) = found.filter(|_| !self.torn) {
            self.reframe(bytes.get(..end).unwrap_or_default());
        }
        (self.scan, self.torn) = (Scan::default(), found.is_none() && !bytes.ends_with(b"\n"));
        found.or(Some((bytes.len(), false)))
    }

    /// What a header that is thrown away says of the end of the body counts all the same: servers read more headers than are kept here.
    fn reframe(&mut self, line: &[u8]) {
        let Some((name, value)) = split_once(line, b':').map(|(name, value)| (trim(name), trim(value))) else { return };
        let is_open = matches!(self.framing, Framing::None | Framing::Close) && self.behind == Behind::Body;
        if name.eq_ignore_ascii_case(b"transfer-encoding") && has_chunked(value) {
            if is_open || matches!(self.framing, Framing::Length(_)) {
                self.framing = Framing::ChunkSize;
            }
        } else if let Some((length, _)) = number_of(value).filter(|(length, _)| is_open && *length > 0)
            && name.eq_ignore_ascii_case(b"content-length")
        {
            self.framing = Framing::Length(length);
        }
    }

    /// Reads the trailers `bytes` begin with. Those beyond what is kept are to be skipped then.
    pub(super) fn read_trailer(&mut self, bench: &mut Bench, direction: Direction, bytes: &[u8]) -> Option<usize> {
        let found = self.find_headers(bench.last, bytes)?;
        let block = bytes.get(..found.headers).unwrap_or_default();
        if !block.is_empty() {
            let settings = bench.desk.settings.http;
            let headers = &mut bench.room.headers;
            let is_response = direction == Direction::ToClient;
            headers.read(block, is_response, settings.line_limit as usize, usize::from(settings.header_limit));
            tell_wrong(bench.desk, headers, self.tx, direction);
            super::fields::put(bench.desk, headers, self.tx, direction, block, None);
        }
        if found.cut {
            (self.state, self.scan, self.torn) = (State::Skip, Scan::default(), !block.ends_with(b"\n"));
            (self.framing, self.behind) = (Framing::None, Behind::Nothing);
        }
        Some(found.all)
    }
}

/// What a line of headers beyond the limit is called.
const fn too_long(direction: Direction) -> AppEvent {
    match direction {
        Direction::ToServer => AppEvent::HttpRequestFieldTooLong,
        Direction::ToClient => AppEvent::HttpResponseFieldTooLong,
    }
}

/// As much of `bytes` as is looked at together. Everything that reads HTTP/1 is handed this: what is told must not depend on how much came at once.
fn most(bytes: &[u8]) -> &[u8] {
    bytes.get(..LARGEST_BLOCK).unwrap_or(bytes)
}

/// Whether `bytes` are as many as are looked at together: waiting for more is of no use.
pub(super) const fn is_full(bytes: &[u8]) -> bool {
    bytes.len() >= LARGEST_BLOCK
}

/// Where headers end.
pub(super) struct HeadersAt {
    pub(super) headers: usize,
    pub(super) all: usize,
    /// There are more than are kept.
    pub(super) cut: bool,
}

/// Raises the events of what is wrong with headers.
pub(super) fn tell_wrong(desk: &mut Desk, headers: &Headers, tx: TxRef, direction: Direction) {
    use AppEvent::*;
    let wrong = headers.wrong;
    let events = [
        (wrong.no_colon, HttpRequestFieldMissingColon, HttpResponseFieldMissingColon),
        (wrong.bad_name, HttpRequestHeaderInvalid, HttpResponseHeaderInvalid),
        (wrong.too_many, HttpRequestTooManyHeaders, HttpResponseTooManyHeaders),
        (wrong.too_long, HttpRequestFieldTooLong, HttpResponseFieldTooLong),
        (wrong.repeated, HttpRequestHeaderRepetition, HttpResponseHeaderRepetition),
        (wrong.bad_fold, HttpInvalidRequestFieldFolding, HttpInvalidResponseFieldFolding),
    ];
    for (is_wrong, request, response) in events {
        if is_wrong {
            desk.event(tx, direction, if direction == Direction::ToServer { request } else { response });
        }
    }
}

/// Raises the events of what is odd about chunks.
#[cold]
fn tell_chunk(desk: &mut Desk, faults: ChunkFaults, tx: TxRef, direction: Direction) {
    use AppEvent::*;
    let events = [
        (faults.bad_size, HttpInvalidRequestChunkLen, HttpInvalidResponseChunkLen),
        (faults.extension, HttpRequestChunkExtension, HttpResponseChunkExtension),
    ];
    for (is_odd, request, response) in events {
        if is_odd {
            desk.event(tx, direction, if direction == Direction::ToServer { request } else { response });
        }
    }
}

/// Ends `direction` of `tx`.
pub(super) fn finish(desk: &mut Desk, tx: TxRef, direction: Direction) {
    desk.reach(tx, direction, level::DONE);
}

/// The path of the URI rules look at, of the request of `tx`, copied into `copy`; nothing when no request was seen.
pub(super) fn path_of<'a>(desk: &Desk, tx: TxRef, copy: &'a mut [u8]) -> &'a [u8] {
    let uri = desk.field(tx, Direction::ToServer, Field::HttpUri).unwrap_or(b"/libhtp::request_uri_not_seen");
    let path = uri.split(|byte| *byte == b'?').next().unwrap_or_default();
    let length = path.len().min(copy.len());
    let Some(place) = copy.get_mut(..length) else { return b"" };
    place.copy_from_slice(path.get(..length).unwrap_or_default());
    place
}
