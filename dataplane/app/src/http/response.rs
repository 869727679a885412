//! What servers say.
//!
//! Called by [`super::parse`] with bytes to the client. A response belongs to the oldest request that has none; without one it makes a transaction of its own.
//!
//! Sources: RFC 9112 sections 4 and 6; RFC 9110 section 15; the HTTP evader's cases, for what clients put up with.

use super::{
    body::{BodyStep, Framing},
    head::Scan,
    multipart::{LONGEST_NAME, parameter},
    parse::{Bench, Conversation, End, State, Step, Version, finish, path_of},
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

/// How many of the bytes behind a body are no response.
fn surplus(bytes: &[u8]) -> usize {
    if is_blank(bytes) {
        return bytes.len();
    }
    if is_status(bytes) != Some(false) {
        return 0;
    }
    let next = bytes.windows(6).position(|six| six == b"\nHTTP/");
    next.map_or(bytes.len(), |at| at + 1)
}

impl Conversation {
    pub(super) fn read_response(&mut self, bench: &mut Bench, bytes: &[u8]) -> Step {
        match self.response.state {
            State::Line => self.status_line(bench, bytes),
            State::Headers => self.response_headers(bench, bytes),
            State::Skip => match self.response.skip_headers(bytes) {
                (0, _) => Step::More,
                (used, true) => {
                    self.response.state = State::Body;
                    if self.response.framing == Framing::None {
                        self.end_response(bench, true);
                    }
                    Step::Used(used)
                }
                (used, false) => Step::Used(used),
            },
            State::Perhaps => {
                match is_status(bytes) {
                    None if !bench.last => return Step::More,
                    Some(true) => self.end_response(bench, true),
                    _ => self.response.state = State::Body,
                }
                Step::Used(0)
            }
            State::Body => match self.response.read_body(bench, HERE, bytes) {
                BodyStep::Used(used) => Step::Used(used),
                BodyStep::More => Step::More,
                BodyStep::Over(used) => {
                    // What came with the end of the body and is no response still belongs to it.
                    let behind = bytes.get(used..).unwrap_or_default();
                    let extra = if matches!(self.response.framing, Framing::Length(_)) { surplus(behind) } else { 0 };
                    if extra > 0 {
                        let Bench { desk, room, .. } = bench;
                        let tx = self.response.tx;
                        self.response.sink.put(desk, room, tx, HERE, behind.get(..extra).unwrap_or_default());
                    }
                    self.end_response(bench, true);
                    Step::Used(used + extra)
                }
                BodyStep::Trailer(used) => {
                    bench.desk.reach(self.response.tx, HERE, level::BODY);
                    (self.response.state, self.response.scan) = (State::Trailer, Scan::default());
                    Step::Used(used)
                }
            },
            State::Trailer => {
                // A server that leaves the empty line out goes on with its next response.
                if is_status(bytes) == Some(true) {
                    self.end_response(bench, true);
                    return Step::Used(0);
                }
                match self.response.read_trailer(bench, HERE, bytes) {
                    Some(used) => {
                        self.end_response(bench, true);
                        Step::Used(used)
                    }
                    None => Step::More,
                }
            }
            State::Bare | State::Wait => Step::More,
            State::Lost => match self.response.find_line(false, bytes) {
                Some(_) if is_status(bytes) == Some(true) => {
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
        let looks = is_status(bytes);
        if looks.is_none() && !bench.last && bytes.len() < LONGEST_DOUBT {
            return Step::More;
        }
        if looks != Some(true) {
            // A line in front of a status line is left out; anything else is a body without headers, as clients show it.
            let doubt = bytes.get(..LONGEST_DOUBT).unwrap_or(bytes);
            let end = doubt.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            match end.map(|end| (end, bytes.get(end..).unwrap_or_default())) {
                Some((end, rest)) => match is_status(rest) {
                    Some(true) => return Step::Used(end),
                    None if !bench.last && rest.len() < LONGEST_DOUBT => return Step::More,
                    _ if is_blank(bytes.get(..end).unwrap_or_default()) => return Step::Used(end),
                    _ => {}
                },
                None if !bench.last && bytes.len() < LONGEST_DOUBT => return Step::More,
                None if is_blank(bytes) => return Step::Used(bytes.len()),
                None => {}
            }
            self.begin_response(bench.desk);
            return self.body_without_headers(bench);
        }
        // What stands in front of it on its line does not count.
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
        if (100..200).contains(&status) && status != 101 {
            // Another response follows, unless this one has a body.
            let Some(step) = self.interim(bench, bytes, used, status) else { return Step::More };
            if let Some(all) = step {
                return Step::Used(all);
            }
        }
        self.response.scan = Scan::default();
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

    /// A response in front of the response: its length when nothing else is to be seen in it; nothing when it has a body; none when not all of it came.
    fn interim(&mut self, bench: &mut Bench, bytes: &[u8], line: usize, status: u16) -> Option<Option<usize>> {
        let rest = bytes.get(line..).unwrap_or_default();
        // Short, and rare: looked at from its beginning each time.
        let mut scan = Scan::default();
        let super::head::BlockEnd::At { headers, all } = scan.find_end(rest, bench.last) else {
            return if bench.last || rest.len() > LONGEST_DOUBT * 8 { Some(None) } else { None };
        };
        let settings = bench.desk.settings.http;
        let read = &mut bench.room.headers;
        read.read(
            rest.get(..headers).unwrap_or_default(),
            true,
            settings.line_limit as usize,
            usize::from(settings.header_limit),
        );
        let has_body = read.values(b"transfer-encoding").next().is_some()
            || read.values(b"content-length").any(|value| number_of(value).is_some_and(|(length, _)| length > 0));
        if has_body {
            return Some(None);
        }
        if status == 100 {
            let tx = self.waiting(bench.desk);
            if std::mem::replace(&mut self.continued, true) {
                bench.desk.event(tx, HERE, AppEvent::Http100ContinueAlreadySeen);
            }
        }
        self.response.scan = Scan::default();
        Some(Some(line + all))
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
        self.continued = false;
    }

    fn body_without_headers(&mut self, bench: &mut Bench) -> Step {
        let tx = self.response.tx;
        let mut name = [0; LONGEST_NAME + 1];
        let name = path_of(bench.desk, tx, &mut name);
        self.response.sink.begin(bench.desk, Kind::Response, name);
        self.response.framing = Framing::Close;
        self.response.state = State::Body;
        self.response.is_stray = bench.desk.field(tx, Direction::ToServer, Field::HttpMethod).is_none();
        bench.desk.reach(tx, HERE, level::HEADERS);
        Step::Used(0)
    }

    fn response_headers(&mut self, bench: &mut Bench, bytes: &[u8]) -> Step {
        let Some(found) = self.response.find_headers(bench.last, bytes) else {
            self.response.tell_long_line(bench.desk, HERE, bytes);
            return Step::More;
        };
        self.response.scan = Scan::default();
        self.response.read_headers(bench, HERE, bytes, &found);
        let ends = self.response_body(bench);
        bench.desk.reach(self.response.tx, HERE, level::HEADERS);
        if let Some(protocol) = self.changes(bench) {
            self.end_response(bench, true);
            if self.request.state == State::Body {
                self.end_request(bench, false);
            }
            return Step::Becomes(found.all, protocol);
        }
        // A refused tunnel: the client goes on with requests.
        if self.request.state == State::Wait {
            self.request.state = State::Line;
        }
        match ends {
            Ends::Now => self.end_response(bench, true),
            Ends::Perhaps => self.response.state = State::Perhaps,
            Ends::Later => self.response.state = State::Body,
        }
        if found.cut && !matches!(ends, Ends::Now) {
            self.response.state = State::Skip;
        }
        Step::Used(found.all)
    }

    /// What the headers say of the body.
    fn response_body(&mut self, bench: &mut Bench) -> Ends {
        let tx = self.response.tx;
        let Bench { desk, room, .. } = bench;
        let headers = &room.headers;
        let status = self.response.status;
        let has_coding = headers.value(b"transfer-encoding").is_some();
        let chunked = headers.values(b"transfer-encoding").any(|value| contains_word(value, b"chunked"));
        if has_coding && !chunked {
            desk.event(tx, HERE, AppEvent::HttpInvalidTransferEncodingValueInResponse);
        }
        if chunked {
            if headers.values(b"transfer-encoding").any(|value| !value.eq_ignore_ascii_case(b"chunked")) {
                desk.event(tx, HERE, AppEvent::HttpResponseAbnormalTransferEncoding);
            }
            if self.response.version == Version::Old {
                desk.event(tx, HERE, AppEvent::HttpResponseChunkedOldProto);
            }
        }
        // Of several lengths the largest counts, so that nothing of the body is left out.
        let mut length: Option<u64> = None;
        for (number, value) in headers.values(b"content-length").enumerate() {
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
        if headers.value(b"content-type").is_some_and(|value| starts_with(value, b"multipart/byteranges")) {
            desk.event(tx, HERE, AppEvent::HttpResponseMultipartByteranges);
        }
        if let Some(range) = headers.value(b"content-range")
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
            return Ends::Now;
        }
        for value in headers.values(b"content-encoding") {
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
        let name = match headers.value(b"content-disposition").and_then(|value| parameter(value, b"filename")) {
            Some(name) if !name.is_empty() => name,
            _ => path_of(desk, tx, &mut path),
        };
        self.response.sink.begin(desk, Kind::Response, name);
        if bodiless { Ends::Perhaps } else { Ends::Later }
    }

    /// The protocol that follows, when this response changes it.
    fn changes(&self, bench: &Bench) -> Option<Option<AppProtocol>> {
        let method = bench.desk.field(self.response.tx, Direction::ToServer, Field::HttpMethod).unwrap_or_default();
        if method == b"CONNECT" && (200..300).contains(&self.response.status) {
            return Some(None);
        }
        let upgrade = bench.room.headers.value(b"upgrade").filter(|_| self.response.status == 101)?;
        Some(contains_word(upgrade, b"h2c").then_some(AppProtocol::Http2))
    }

    pub(super) fn end_response(&mut self, bench: &mut Bench, whole: bool) {
        let tx = self.response.tx;
        let mut sink = std::mem::take(&mut self.response.sink);
        let raw = sink.raw;
        sink.end(bench.desk, bench.room, tx, HERE, whole);
        bench.desk.number(tx, HERE, Field::HttpBodyLength, raw);
        finish(bench.desk, tx, HERE);
        self.response = End::default();
    }
}

/// When a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Now,
    Later,
    /// It should end now, but says how long it is.
    Perhaps,
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
