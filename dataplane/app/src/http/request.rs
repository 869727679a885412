//! What clients say.
//!
//! Called by [`super::parse`] with bytes to the server. Opens a transaction with each request line.
//!
//! Sources: RFC 9112 sections 2, 3 and 6; RFC 1945 (simple requests); the reference engine's event rules, for what is an event.

use super::{
    body::{BodyStep, Framing},
    detect::looks_like_request,
    head::{Scan, is_header},
    known::Known,
    multipart::{Multipart, is_form},
    parse::{Bench, Conversation, End, State, Step, Version, finish, path_of},
    sink::Kind,
    text::{chomp, contains_word, is_blank, is_space, is_token, number, starts_with, trim, trim_end, trim_start},
    uri::{Port, Target, is_host, split_host},
};
use crate::{AppEvent, Field, desk::Desk, level};
use sluice_core::Direction;

const HERE: Direction = Direction::ToServer;
/// How far the name of a header is looked for behind a request line without a version.
const LONGEST_NAME: usize = 64;
/// How far the host of a target is looked for.
const LONGEST_WITH_HOST: usize = 2_048;
/// Requests that are not waited for any longer, at most, when one comes for which there is no place.
const MOST_GIVEN_UP: usize = 4;

/// The parts of a request line.
struct Line<'a> {
    method: &'a [u8],
    uri: &'a [u8],
    protocol: &'a [u8],
    /// The byte behind the method, and whether one behind the target is odd.
    odd_method_end: bool,
    odd_uri_end: bool,
}

/// Splits a request line. The target may have spaces in it: what is behind the last one is the version if it looks like one.
fn split(line: &[u8]) -> Line<'_> {
    let line = trim(line);
    let method_end = line.iter().position(|byte| is_space(*byte)).unwrap_or(line.len());
    let (method, rest) = line.split_at_checked(method_end).unwrap_or((line, b""));
    let odd_method_end = rest.first().is_some_and(|byte| *byte != b' ');
    let rest = trim_start(rest);
    let last = rest.iter().rposition(|byte| is_space(*byte)).map_or(0, |at| at + 1);
    let (front, word) = rest.split_at_checked(last).unwrap_or((rest, b""));
    if starts_with(word, b"HTTP/") && !front.is_empty() {
        let odd_uri_end = front.last().is_some_and(|byte| *byte != b' ');
        return Line { method, uri: trim_end(front), protocol: word, odd_method_end, odd_uri_end };
    }
    Line { method, uri: rest, protocol: b"", odd_method_end, odd_uri_end: false }
}

impl Conversation {
    pub(super) fn read_request(&mut self, bench: &mut Bench, bytes: &[u8]) -> Step {
        match self.request.state {
            State::Line => self.request_line(bench, bytes),
            State::Bare => {
                // Headers may follow all the same; what is looked at must not depend on how much came.
                let front = bytes.get(..LONGEST_NAME).unwrap_or(bytes);
                let name = front.iter().position(|byte| !is_token(*byte)).unwrap_or(front.len());
                let behind = front.get(name..).unwrap_or_default();
                let is_cut = behind.iter().all(|byte| matches!(byte, b' ' | b'\t'));
                if is_cut && bytes.len() < LONGEST_NAME && !bench.last {
                    return Step::More;
                }
                if is_header(front) {
                    self.request.state = State::Headers;
                } else {
                    self.end_request(bench, true);
                }
                Step::Used(0)
            }
            State::Headers => self.request_headers(bench, bytes),
            State::Skip => match self.request.skip_headers(bench.last, bytes) {
                None => Step::More,
                Some((used, is_last)) => {
                    if is_last {
                        self.behind_request_headers(bench);
                    }
                    Step::Used(used)
                }
            },
            State::Body => match self.request.read_body(bench, HERE, bytes) {
                BodyStep::Used(used) => Step::Used(used),
                BodyStep::More => Step::More,
                BodyStep::Over(used) => {
                    self.end_request(bench, true);
                    Step::Used(used)
                }
                BodyStep::Trailer(used) => {
                    bench.desk.reach(self.request.tx, HERE, level::BODY);
                    (self.request.state, self.request.scan) = (State::Trailer, Scan::default());
                    Step::Used(used)
                }
            },
            State::Trailer => match self.request.read_trailer(bench, HERE, bytes) {
                Some(used) => {
                    if self.request.state == State::Trailer {
                        self.end_request(bench, true);
                    }
                    Step::Used(used)
                }
                None => Step::More,
            },
            // Servers that refuse a tunnel read what was sent behind its request as the next one, and have run it when their refusal is seen.
            State::Wait => {
                let blank = bytes.iter().take_while(|byte| is_space(**byte)).count();
                if blank > 0 {
                    self.request.scan = Scan::default();
                    return Step::Used(blank);
                }
                let Some(_) = self.request.find_line(false, bytes) else { return Step::More };
                let is_request = looks_like_request(bytes);
                (self.request.state, self.request.scan) =
                    (if is_request { State::Line } else { State::Tunnel }, Scan::default());
                Step::Used(0)
            }
            State::Perhaps | State::Interim | State::Whole | State::Tunnel => Step::More,
            State::Lost => match self.request.find_line(false, bytes) {
                Some(used) if looks_like_request(bytes.get(..used).unwrap_or(bytes)) => {
                    (self.request.state, self.request.scan) = (State::Line, Scan::default());
                    Step::Used(0)
                }
                Some(used) => {
                    self.request.scan = Scan::default();
                    Step::Used(used)
                }
                None => Step::More,
            },
        }
    }

    fn request_line(&mut self, bench: &mut Bench, bytes: &[u8]) -> Step {
        let limit = bench.desk.settings.http.line_limit as usize;
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank > 0 {
            self.request.scan = Scan::default();
            return Step::Used(blank);
        }
        let Some(used) = self.request.find_line(bench.last, bytes) else { return Step::More };
        self.request.scan = Scan::default();
        let line = chomp(bytes.get(..used).unwrap_or(bytes));
        if is_blank(line) {
            return Step::Used(used);
        }
        let cut = !bytes.get(..used).unwrap_or_default().ends_with(b"\n");
        let Bench { desk, room, .. } = bench;
        self.make_room(desk);
        let tx = desk.open(self.next);
        self.next += 1;
        self.request.tx = tx;
        if line.first().is_some_and(|byte| is_space(*byte)) {
            desk.event(tx, HERE, AppEvent::HttpRequestLineLeadingWhitespace);
        }
        let parts = split(line);
        if cut && bench.last {
            desk.event(tx, HERE, AppEvent::HttpRequestLineIncomplete);
        }
        if used > limit {
            desk.event(tx, HERE, AppEvent::HttpRequestFieldTooLong);
        }
        if parts.odd_method_end {
            desk.event(tx, HERE, AppEvent::HttpMethodDelimNonCompliant);
        }
        if parts.odd_uri_end {
            desk.event(tx, HERE, AppEvent::HttpUriDelimNonCompliant);
        }
        if parts.method.is_empty() || !parts.method.iter().all(|byte| is_token(*byte)) {
            desk.event(tx, HERE, AppEvent::HttpRequestLineInvalid);
        }
        let is_connect = parts.method == b"CONNECT";
        let target = Target::of(parts.uri, is_connect);
        // The target is put down in two forms.
        desk.reserve(tx, HERE, line.len() + parts.uri.len());
        desk.put(tx, HERE, Field::HttpMethod, parts.method);
        if is_connect {
            desk.put(tx, HERE, Field::HttpUri, parts.uri);
        } else {
            if target.normalise(&mut room.uri) {
                desk.event(tx, HERE, AppEvent::HttpDoubleEncodedUri);
            }
            desk.put(tx, HERE, Field::HttpUri, &room.uri);
        }
        desk.put(tx, HERE, Field::HttpUriRaw, parts.uri);
        if !parts.protocol.is_empty() {
            desk.put(tx, HERE, Field::HttpProtocol, parts.protocol);
        }
        desk.put_wanted(tx, HERE, Field::HttpRequestLine, trim_end(line));
        if let Some(host) = target.host {
            if !is_host(host) {
                desk.event(tx, HERE, AppEvent::HttpRequestUriHostInvalid);
            }
            match target.port {
                Port::Bad if is_connect => desk.event(tx, HERE, AppEvent::HttpInvalidAuthorityPort),
                Port::Bad => desk.event(tx, HERE, AppEvent::HttpInvalidServerPortInRequest),
                _ => {}
            }
        }
        desk.reach(tx, HERE, level::LINE);
        self.request.version = version_of(parts.protocol);
        self.request.framing = Framing::None;
        if parts.protocol.is_empty() {
            if !parts.method.is_empty() {
                desk.event(tx, HERE, AppEvent::HttpRequestLineMissingProtocol);
            }
            self.request.state = State::Bare;
        } else {
            self.request.state = State::Headers;
        }
        Step::Used(used)
    }

    /// When too many requests wait for their responses the oldest waits no longer.
    fn make_room(&mut self, desk: &mut Desk) {
        let most = u64::from(desk.settings.http.most_open).min(desk.share());
        for _ in 0..MOST_GIVEN_UP {
            // Transactions that are complete are open until they were judged: they don't count.
            if self.next.saturating_sub(self.unanswered) < most {
                return;
            }
            let answering = self.response.tx;
            let oldest =
                desk.find_from(self.unanswered, |[server, client]| server == level::DONE && client == level::NOTHING);
            if !oldest.is_some() || oldest == answering {
                return;
            }
            desk.event(oldest, HERE, AppEvent::HttpTooManyWarnings);
            desk.skip(oldest, Direction::ToClient);
            self.unanswered = desk.key(oldest) + 1;
        }
    }

    fn request_headers(&mut self, bench: &mut Bench, bytes: &[u8]) -> Step {
        let Some(found) = self.request.find_headers(bench.last, bytes) else {
            self.request.tell_long_line(bench.desk, HERE);
            return Step::More;
        };
        self.request.scan = Scan::default();
        self.request.read_headers(bench, HERE, bytes, &found);
        self.request_host(bench);
        self.request_body(bench);
        bench.desk.reach(self.request.tx, HERE, level::HEADERS);
        if found.cut {
            self.request.state = State::Skip;
        } else {
            self.behind_request_headers(bench);
        }
        Step::Used(found.all)
    }

    /// The headers of a request are over.
    fn behind_request_headers(&mut self, bench: &mut Bench) {
        if self.request.framing != Framing::None {
            self.request.state = State::Body;
            return;
        }
        let connects = bench.desk.field(self.request.tx, HERE, Field::HttpMethod) == Some(b"CONNECT");
        self.end_request(bench, true);
        if connects {
            self.request.state = State::Wait;
        }
    }

    /// The host of a request, from its target or its header.
    fn request_host(&mut self, bench: &mut Bench) {
        let tx = self.request.tx;
        let Bench { desk, room, .. } = bench;
        // As long as the longest header: rules ask whether a host is too long to be one.
        let mut lower = std::mem::take(&mut room.headers.line);
        let headers = &room.headers;
        let uri = desk.field(tx, HERE, Field::HttpUriRaw).unwrap_or_default();
        room.uri.clear();
        room.uri.extend_from_slice(uri.get(..LONGEST_WITH_HOST).unwrap_or(uri));
        let is_connect = desk.field(tx, HERE, Field::HttpMethod) == Some(b"CONNECT");
        let target = Target::of(&room.uri, is_connect);
        let header = headers.value(Known::Host);
        if header.is_none() && self.request.version == Version::Current {
            desk.event(tx, HERE, AppEvent::HttpMissingHostHeader);
        }
        let from_header = header.map(split_host);
        if let Some((host, port)) = from_header {
            if !is_host(host) {
                desk.event(tx, HERE, AppEvent::HttpRequestHeaderHostInvalid);
            }
            if target.host.is_some_and(|other| !other.eq_ignore_ascii_case(host)) {
                desk.event(tx, HERE, AppEvent::HttpHostHeaderAmbiguous);
            }
            match port {
                Port::Bad => desk.event(tx, HERE, AppEvent::HttpRequestHeaderHostInvalid),
                Port::Is(port) if target.host.is_none() && port != desk.ports[0] => {
                    desk.event(tx, HERE, AppEvent::HttpRequestServerPortTcpPortMismatch);
                }
                _ => {}
            }
        }
        let host = target.host.or(from_header.map(|(host, _)| host));
        if let Some(host) = host {
            let length = host.len().min(lower.capacity());
            lower.clear();
            lower.extend_from_slice(host.get(..length).unwrap_or_default());
            lower.make_ascii_lowercase();
            desk.put_wanted(tx, HERE, Field::HttpHost, &lower);
            if header.is_none() {
                desk.put_wanted(tx, HERE, Field::HttpHostRaw, host);
            }
        }
        if let Some(scheme) = headers.value(Known::Authorization) {
            let known = [&b"basic"[..], b"digest", b"bearer"].iter().any(|word| starts_with(scheme, word));
            if !known {
                desk.event(tx, HERE, AppEvent::HttpRequestAuthUnrecognized);
            }
        }
        room.headers.line = lower;
    }

    /// What the headers say of the body.
    fn request_body(&mut self, bench: &mut Bench) {
        let tx = self.request.tx;
        let Bench { desk, room, .. } = bench;
        let headers = &room.headers;
        // A server that does not know a coding reads the body by its length: only the word itself is this one, and anything beside it is told.
        let chunked = headers.values(Known::TransferEncoding).any(has_chunked);
        if headers.values(Known::TransferEncoding).any(|value| !value.eq_ignore_ascii_case(b"chunked")) {
            desk.event(tx, HERE, AppEvent::HttpInvalidTransferEncodingValueInRequest);
        }
        let mut length = None;
        for (number, value) in headers.values(Known::ContentLength).enumerate() {
            if number == 1 {
                desk.event(tx, HERE, AppEvent::HttpDuplicateContentLengthFieldInRequest);
            }
            match number_of(value) {
                Some((value, exact)) => {
                    if !exact {
                        desk.event(tx, HERE, AppEvent::HttpInvalidContentLengthFieldInRequest);
                    }
                    length = length.or(Some(value));
                }
                None => desk.event(tx, HERE, AppEvent::HttpInvalidContentLengthFieldInRequest),
            }
        }
        self.request.framing = match length {
            _ if chunked => Framing::ChunkSize,
            Some(0) | None => Framing::None,
            Some(length) => Framing::Length(length),
        };
        if self.request.framing == Framing::None {
            return;
        }
        for value in headers.values(Known::ContentEncoding) {
            let layers = usize::from(desk.settings.http.decompress_layers);
            let refused = self.request.sink.stack.add(&mut room.decoders, value, layers);
            desk.refused(refused);
        }
        let faults = self.request.sink.stack.faults;
        if faults.too_many {
            desk.event(tx, HERE, AppEvent::HttpTooManyEncodingLayers);
        }
        if faults.abnormal {
            desk.event(tx, HERE, AppEvent::HttpAbnormalCeHeader);
        }
        let method = desk.field(tx, HERE, Field::HttpMethod).unwrap_or_default();
        let (is_post, is_put) = (method == b"POST", method == b"PUT");
        let content_type = headers.value(Known::ContentType).unwrap_or_default();
        let mut name = [0; super::multipart::LONGEST_NAME + 1];
        let kind = if is_post && is_form(content_type) {
            match Multipart::of(desk, content_type) {
                Some(form) => Kind::Form(form),
                None => {
                    desk.event(tx, HERE, AppEvent::HttpMultipartGenericError);
                    Kind::Plain
                }
            }
        } else if is_post || is_put {
            Kind::Upload
        } else {
            Kind::Plain
        };
        let name = if matches!(kind, Kind::Upload) { path_of(desk, tx, &mut name) } else { b"" };
        self.request.sink.begin(desk, kind, name);
    }

    pub(super) fn end_request(&mut self, bench: &mut Bench, whole: bool) {
        let tx = self.request.tx;
        self.request.sink.end(bench.desk, bench.room, tx, HERE, whole);
        finish(bench.desk, tx, HERE);
        self.request = End::default();
    }
}

/// Whether `chunked` is among the codings in `value`, without regard to its case, parameters and NUL.
pub(super) fn has_chunked(value: &[u8]) -> bool {
    let mut codings = value.split(|byte| matches!(byte, b',' | b';')).map(trim);
    codings.any(|word| word.iter().filter(|byte| **byte != 0).count() == 7 && contains_word(word, b"chunked"))
}

/// The version a word says.
pub(super) fn version_of(word: &[u8]) -> Version {
    let Some(rest) = word.get(5..).filter(|_| starts_with(word, b"HTTP/")) else { return Version::Unknown };
    match rest {
        b"1.1" | b"1.2" => Version::Current,
        b"1.0" | b"0.9" => Version::Old,
        _ => Version::Unknown,
    }
}

/// The number in a value, and whether there is nothing else in it.
pub(super) fn number_of(value: &[u8]) -> Option<(u64, bool)> {
    let start = value.iter().position(u8::is_ascii_digit)?;
    let (found, rest) = number(value.get(start..)?)?;
    Some((found, start == 0 && rest.is_empty()))
}

/// Copies as much of `from` as fits; how much.
pub(super) fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let length = from.len().min(to.len());
    if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
        to.copy_from_slice(from);
    }
    length
}
