//! What servers say.
//!
//! Called by [`super::parse`] with bytes to the client. A response belongs to the oldest request that has none; without one it makes a transaction of its own.
//!
//! Sources: RFC 9112 sections 4 and 6; RFC 9110 section 15; the HTTP evader's cases, for what clients put up with.

use super::{
    body::{BodyStep, Framing},
    head::{BlockEnd, Scan},
    known::Known,
    multipart::{LONGEST_NAME, parameter},
    parse::{Behind, Bench, Conversation, End, HeadersAt, State, Step, Version, finish, is_full, path_of},
    request::{number_of, version_of},
    sink::Kind,
    text::{chomp, contains_word, is_blank, is_space, number, starts_with, trim, trim_end, trim_start},
};
use crate::{AppEvent, Field, desk::Desk, level, room::TxRef};
use sluice_core::{AppProtocol, Direction};

const HERE: Direction = Direction::ToClient;
/// Bytes without a line end before a status line that make them a body.
const LONGEST_DOUBT: usize = 1_024;

/// The parts of a status line.
struct Line<'a> {
    protocol: &'a [u8],
    code: &'a [u8],
    message: &'a [u8],
}

fn split(line: &[u8]) -> Line<'_> {
    let line = trim(line);
    let is_end = |byte: &u8| is_space(*byte) || *byte == 0;
    let end = line.iter().position(is_end).unwrap_or(line.len());
    let (protocol, rest) = line.split_at_checked(end).unwrap_or((line, b""));
    let rest = trim_start(rest);
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    let (code, message) = rest.split_at_checked(end).unwrap_or((rest, b""));
    Line { protocol, code, message: trim(message) }
}

/// Whether `bytes` begin with a status line; none: there are too few of them.
fn is_status(bytes: &[u8]) -> Option<bool> {
    let start = trim_start(bytes);
    let word = b"HTTP/";
    if start.len() < word.len() {
        return starts_with(word, start).then_some(()).map_or(Some(false), |()| None);
    }
    Some(starts_with(start, word))
}

impl Conversation {
    pub(super) fn read_response(&mut self, bench: &mut Bench, bytes: &[u8]) -> Step {
        match self.response.state {
            State::Line | State::Whole => self.status_line(bench, bytes),
            State::Interim => self.interim(bench, bytes),
            State::Headers => self.response_headers(bench, bytes),
            State::Skip => match self.response.skip_headers(bench.last, bytes) {
                None => Step::More,
                Some((used, true)) => self.behind_response_headers(bench, used),
                Some((used, false)) => Step::Used(used),
            },
            State::Perhaps => {
                let doubt = bytes.get(..LONGEST_DOUBT).unwrap_or(bytes);
                match is_status(doubt) {
                    None if !bench.last && doubt.len() < LONGEST_DOUBT => return Step::More,
                    Some(true) => self.end_response(bench, true),
                    _ => self.response.state = State::Body,
                }
                Step::Used(0)
            }
            State::Body => match self.response.read_body(bench, HERE, bytes) {
                BodyStep::Used(used) => Step::Used(used),
                BodyStep::More => Step::More,
                BodyStep::Over(used) => {
                    self.is_answered = matches!(self.response.framing, Framing::Length(_));
                    self.end_response(bench, true);
                    Step::Used(used)
                }
                BodyStep::Trailer(used) => {
                    bench.desk.reach(self.response.tx, HERE, level::BODY);
                    (self.response.state, self.response.scan) = (State::Trailer, Scan::default());
                    Step::Used(used)
                }
            },
            State::Trailer => {
                // A server that leaves the empty line out goes on with its next response.
                if starts_with(bytes, b"HTTP/") {
                    self.end_response(bench, true);
                    return Step::Used(0);
                }
                match self.response.read_trailer(bench, HERE, bytes) {
                    Some(used) => {
                        if self.response.state == State::Trailer {
                            self.end_response(bench, true);
                        }
                        Step::Used(used)
                    }
                    None => Step::More,
                }
            }
            State::Bare | State::Wait | State::Tunnel => Step::More,
            State::Lost => match self.response.find_line(false, bytes) {
                Some(used) if is_status(bytes.get(..used).unwrap_or(bytes)) == Some(true) => {
                    (self.response.state, self.response.scan) = (State::Line, Scan::default());
                    Step::Used(0)
                }
                Some(used) => {
                    self.response.scan = Scan::default();
                    Step::Used(used)
                }
                None => Step::More,
            },
        }
    }

    fn status_line(&mut self, bench: &mut Bench, bytes: &[u8]) -> Step {
        let limit = bench.desk.settings.http.line_limit as usize;
        // Blanks in front of it do not count, however many there are.
        let front = bytes.iter().take_while(|byte| is_space(**byte)).count();
        if front > 0 {
            self.response.scan = Scan::default();
            return Step::Used(front);
        }
        // The same part whatever came with it.
        let doubt = bytes.get(..LONGEST_DOUBT).unwrap_or(bytes);
        let may_wait = |part: &[u8]| !bench.last && part.len() < LONGEST_DOUBT;
        match is_status(doubt) {
            Some(true) => {}
            None if may_wait(doubt) => return Step::More,
            _ if is_blank(doubt) => return Step::Used(doubt.len()),
            _ => {
                // A line in front of a status line is left out; anything else is a body without headers, as clients show it.
                match doubt.iter().position(|byte| *byte == b'\n').map(|at| at + 1) {
                    // What goes on behind a body that should have ended is no such line.
                    _ if self.is_answered => {}
                    Some(end) => {
                        let rest = bytes.get(end..).unwrap_or_default();
                        let rest = rest.get(..LONGEST_DOUBT).unwrap_or(rest);
                        match is_status(rest) {
                            Some(true) => return Step::Used(end),
                            None if may_wait(rest) => return Step::More,
                            _ if is_blank(doubt.get(..end).unwrap_or_default()) => return Step::Used(end),
                            _ => {}
                        }
                    }
                    None if may_wait(doubt) => return Step::More,
                    None => {}
                }
                self.begin_stray(bench.desk);
                return self.body_without_headers(bench);
            }
        }
        // Nor does NUL.
        let front = bytes.len() - trim_start(bytes).len();
        if front > 0 {
            self.response.scan = Scan::default();
            return Step::Used(front);
        }
        let Some(used) = self.response.find_line(bench.last, bytes) else { return Step::More };
        let whole = bytes.get(..used).unwrap_or(bytes);
        // A bare CR in front of a header ends the line, too.
        let (line, used) = match super::head::bare_cr(whole) {
            Some(at) => (whole.get(..at).unwrap_or(whole), at + 1),
            None => (chomp(whole), used),
        };
        let parts = split(line);
        let status = match number(parts.code) {
            Some((status, _)) if (100..1_000).contains(&status) => status as u16,
            _ => 0,
        };
        self.response.scan = Scan::default();
        if (100..200).contains(&status) && status != 101 && self.response.state == State::Line {
            // Another response follows, unless this one has a body.
            (self.response.state, self.response.status, self.response.line) = (State::Interim, status, used as u32);
            return Step::Used(0);
        }
        self.begin_response(bench.desk);
        let tx = self.response.tx;
        let desk = &mut *bench.desk;
        if used > limit {
            desk.event(tx, HERE, AppEvent::HttpResponseFieldTooLong);
        }
        let version = version_of(parts.protocol);
        if version == Version::Unknown {
            desk.event(tx, HERE, AppEvent::HttpResponseInvalidProtocol);
        }
        if parts.code.len() != 3 || status == 0 {
            desk.event(tx, HERE, AppEvent::HttpResponseInvalidStatus);
        }
        desk.put(tx, HERE, Field::HttpProtocol, parts.protocol);
        desk.put(tx, HERE, Field::HttpStatCode, parts.code);
        desk.put(tx, HERE, Field::HttpStatMsg, parts.message);
        desk.put_wanted(tx, HERE, Field::HttpResponseLine, trim_end(line));
        desk.reach(tx, HERE, level::LINE);
        (self.response.version, self.response.status) = (version, status);
        self.response.state = State::Headers;
        Step::Used(used)
    }

    /// A response in front of the response: it is passed over, unless it has a body.
    fn interim(&mut self, bench: &mut Bench, bytes: &[u8]) -> Step {
        let line = self.response.line as usize;
        let rest = bytes.get(line..).unwrap_or_default();
        let is_full = is_full(bytes);
        let found = match self.response.scan.find_end(rest, bench.last && !is_full) {
            BlockEnd::At { headers, all } => HeadersAt { headers, all, cut: false },
            BlockEnd::More if is_full => HeadersAt { headers: rest.len(), all: rest.len(), cut: true },
            BlockEnd::More if bench.last => {
                (self.response.state, self.response.scan) = (State::Whole, Scan::default());
                return Step::Used(0);
            }
            BlockEnd::More => return Step::More,
        };
        let settings = bench.desk.settings.http;
        let block = rest.get(..found.headers).unwrap_or_default();
        let read = &mut bench.room.headers;
        read.read(block, true, settings.line_limit as usize, usize::from(settings.header_limit));
        let has_body = read.values(Known::TransferEncoding).next().is_some()
            || read.values(Known::ContentLength).any(|value| number_of(value).is_some_and(|(length, _)| length > 0));
        let status = self.response.status;
        self.response = End::default();
        if has_body {
            self.response.state = State::Whole;
            return Step::Used(0);
        }
        if status == 100 {
            let tx = self.waiting(bench.desk);
            if std::mem::replace(&mut self.continued, true) {
                bench.desk.event(tx, HERE, AppEvent::Http100ContinueAlreadySeen);
            }
        }
        if found.cut {
            (self.response.state, self.response.behind) = (State::Skip, Behind::Nothing);
            self.response.torn = !bytes.ends_with(b"\n");
        }
        Step::Used(line + found.all)
    }

    /// The oldest request without a response.
    fn waiting(&self, desk: &Desk) -> TxRef {
        desk.find_from(self.unanswered, |[_, client]| client == level::NOTHING)
    }

    /// Finds the transaction of the response that begins.
    fn begin_response(&mut self, desk: &mut Desk) {
        let mut tx = self.waiting(desk);
        if tx.is_some() {
            self.unanswered = desk.key(tx) + 1;
        } else {
            tx = desk.open(self.next);
            self.next += 1;
            self.unanswered = self.next;
            desk.event(tx, HERE, AppEvent::HttpUnableToMatchResponseToRequest);
            desk.skip(tx, Direction::ToServer);
        }
        self.response.tx = tx;
        (self.continued, self.is_answered) = (false, false);
    }

    /// Finds the transaction of a body without headers. What comes behind a response that had its length answers nothing.
    fn begin_stray(&mut self, desk: &mut Desk) {
        if !self.is_answered {
            self.begin_response(desk);
            return;
        }
        // Requests that wait go on waiting.
        let unanswered = self.unanswered;
        self.unanswered = u64::MAX;
        self.begin_response(desk);
        self.unanswered = unanswered;
    }

    fn body_without_headers(&mut self, bench: &mut Bench) -> Step {
        let tx = self.response.tx;
        let mut name = [0; LONGEST_NAME + 1];
        let name = path_of(bench.desk, tx, &mut name);
        self.response.sink.begin(bench.desk, Kind::Response, name);
        self.response.framing = Framing::Stray { at_line: false };
        self.response.state = State::Body;
        self.response.is_stray = bench.desk.field(tx, Direction::ToServer, Field::HttpMethod).is_none();
        bench.desk.reach(tx, HERE, level::HEADERS);
        Step::Used(0)
    }

    fn response_headers(&mut self, bench: &mut Bench, bytes: &[u8]) -> Step {
        let Some(found) = self.response.find_headers(bench.last, bytes) else {
            self.response.tell_long_line(bench.desk, HERE);
            return Step::More;
        };
        self.response.scan = Scan::default();
        self.response.read_headers(bench, HERE, bytes, &found);
        let behind = self.response_body(bench);
        bench.desk.reach(self.response.tx, HERE, level::HEADERS);
        self.response.behind = self.changes(bench).map_or(behind, Behind::Protocol);
        let is_tunnel = matches!(self.response.behind, Behind::Protocol(_));
        if !is_tunnel && matches!(self.request.state, State::Wait | State::Tunnel) {
            // A refused tunnel: the client goes on with requests.
            self.request.state = State::Line;
        }
        if found.cut {
            self.response.state = State::Skip;
            return Step::Used(found.all);
        }
        self.behind_response_headers(bench, found.all)
    }

    /// The headers of a response are over, behind `used` bytes.
    fn behind_response_headers(&mut self, bench: &mut Bench, used: usize) -> Step {
        match self.response.behind {
            Behind::Body => self.response.state = State::Body,
            Behind::Perhaps => self.response.state = State::Perhaps,
            Behind::Nothing => self.end_response(bench, true),
            Behind::Protocol(protocol) => {
                self.end_response(bench, true);
                if self.request.state == State::Body {
                    self.end_request(bench, false);
                }
                return Step::Becomes(used, protocol);
            }
        }
        Step::Used(used)
    }

    /// What the headers say of the body.
    fn response_body(&mut self, bench: &mut Bench) -> Behind {
        let tx = self.response.tx;
        let Bench { desk, room, .. } = bench;
        let headers = &room.headers;
        let status = self.response.status;
        let has_coding = headers.value(Known::TransferEncoding).is_some();
        let chunked = headers.values(Known::TransferEncoding).any(|value| contains_word(value, b"chunked"));
        if has_coding && !chunked {
            desk.event(tx, HERE, AppEvent::HttpInvalidTransferEncodingValueInResponse);
        }
        if chunked {
            if headers.values(Known::TransferEncoding).any(|value| !value.eq_ignore_ascii_case(b"chunked")) {
                desk.event(tx, HERE, AppEvent::HttpResponseAbnormalTransferEncoding);
            }
            if self.response.version == Version::Old {
                desk.event(tx, HERE, AppEvent::HttpResponseChunkedOldProto);
            }
        }
        // Of several lengths the largest counts, so that nothing of the body is left out.
        let mut length: Option<u64> = None;
        for (number, value) in headers.values(Known::ContentLength).enumerate() {
            if number == 1 {
                desk.event(tx, HERE, AppEvent::HttpDuplicateContentLengthFieldInResponse);
            }
            let Some((found, exact)) = number_of(value) else {
                desk.event(tx, HERE, AppEvent::HttpInvalidContentLengthFieldInResponse);
                continue;
            };
            let mut found = found;
            if !exact {
                desk.event(tx, HERE, AppEvent::HttpInvalidContentLengthFieldInResponse);
                found = largest_number(value);
            }
            length = Some(length.map_or(found, |length: u64| length.max(found)));
        }
        if headers.value(Known::ContentType).is_some_and(|value| starts_with(value, b"multipart/byteranges")) {
            desk.event(tx, HERE, AppEvent::HttpResponseMultipartByteranges);
        }
        if let Some(range) = headers.value(Known::ContentRange)
            && !is_range(range)
        {
            desk.event(tx, HERE, AppEvent::HttpRangeInvalid);
        }
        let method = desk.field(tx, Direction::ToServer, Field::HttpMethod).unwrap_or_default();
        let is_head = method == b"HEAD";
        let is_tunnel = method == b"CONNECT" && (200..300).contains(&status);
        let bodiless = status == 204 || status == 304 || (100..200).contains(&status);
        self.response.framing = match length {
            _ if is_head || is_tunnel => Framing::None,
            _ if chunked => Framing::ChunkSize,
            Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
            None if bodiless => Framing::None,
            None => Framing::Close,
        };
        if self.response.framing == Framing::None {
            return Behind::Nothing;
        }
        for value in headers.values(Known::ContentEncoding) {
            let layers = usize::from(desk.settings.http.decompress_layers);
            let refused = self.response.sink.stack.add(&mut room.decoders, value, layers);
            desk.refused(refused);
        }
        let faults = self.response.sink.stack.faults;
        // The rules that ask for these look at what goes to the server, whichever side they are of.
        if faults.too_many {
            desk.event(tx, Direction::ToServer, AppEvent::HttpTooManyEncodingLayers);
        }
        if faults.abnormal {
            desk.event(tx, Direction::ToServer, AppEvent::HttpAbnormalCeHeader);
        }
        let mut path = [0; LONGEST_NAME + 1];
        let name = match headers.value(Known::ContentDisposition).and_then(|value| parameter(value, b"filename")) {
            Some(name) if !name.is_empty() => name,
            _ => path_of(desk, tx, &mut path),
        };
        self.response.sink.begin(desk, Kind::Response, name);
        if bodiless { Behind::Perhaps } else { Behind::Body }
    }

    /// The protocol that follows, when this response changes it.
    fn changes(&self, bench: &Bench) -> Option<Option<AppProtocol>> {
        let method = bench.desk.field(self.response.tx, Direction::ToServer, Field::HttpMethod).unwrap_or_default();
        if method == b"CONNECT" && (200..300).contains(&self.response.status) {
            return Some(None);
        }
        let upgrade = bench.room.headers.value(Known::Upgrade).filter(|_| self.response.status == 101)?;
        Some(contains_word(upgrade, b"h2c").then_some(AppProtocol::Http2))
    }

    pub(super) fn end_response(&mut self, bench: &mut Bench, whole: bool) {
        let tx = self.response.tx;
        let raw = self.response.sink.raw;
        self.response.sink.end(bench.desk, bench.room, tx, HERE, whole);
        bench.desk.number(tx, HERE, Field::HttpBodyLength, raw);
        finish(bench.desk, tx, HERE);
        self.response = End::default();
    }
}

/// The largest number in `value`.
fn largest_number(value: &[u8]) -> u64 {
    value.split(|byte| !byte.is_ascii_digit()).filter_map(number).map(|(number, _)| number).max().unwrap_or(0)
}

/// Whether `value` is that of a `Content-Range`: `bytes 0-67/68`, with `*` for what is not known.
fn is_range(value: &[u8]) -> bool {
    if !starts_with(value, b"bytes") {
        return false;
    }
    let value = trim(value.get(5..).unwrap_or_default());
    let Some((range, size)) = super::text::split_once(value, b'/') else { return false };
    let exact = |word: &[u8]| number(word).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number);
    let size_fits = size == b"*" || exact(size).is_some();
    let range_fits = range == b"*"
        || super::text::split_once(range, b'-')
            .is_some_and(|(from, to)| matches!((exact(from), exact(to)), (Some(from), Some(to)) if from <= to));
    size_fits && range_fits
}
