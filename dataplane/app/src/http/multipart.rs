//! Files in the body of a form.
//!
//! Fed by [`super::sink`] with a request's body. Each part with a file name becomes a file. Keeps what may be the beginning of a boundary, or a header that is not whole; the line of a boundary and the headers of
//! a part may be of any length.
//!
//! Sources: RFC 2046 section 5.1, RFC 7578, RFC 6266 (names of files).

use super::{
    request::copy,
    room::PIECE,
    text::{chomp, find, is_space, split_once, starts_with, trim},
};
use crate::{
    AppEvent, Field,
    arena::{Arena, Buf},
    desk::Desk,
    http::settings::HttpSettings,
    room::{BodyRef, FileEnd, TxRef},
};
use memchr::memchr;
use sluice_core::Direction;

/// Longest boundary followed; RFC 2046 allows 70.
const LONGEST_BOUNDARY: usize = 200;
/// Bytes of a header of a part that are looked at.
const LONGEST_HEADER: usize = 8 << 10;
/// Longest name of a file.
pub(super) const LONGEST_NAME: usize = 512;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before a boundary.
    #[default]
    Between,
    /// Behind one, in its line.
    Boundary,
    /// Behind its line.
    Headers,
    /// In a header that is longer than is looked at.
    LongHeader,
    /// In a part.
    Data,
    /// Behind the last boundary.
    Over,
}

/// A form.
#[derive(Debug, Default)]
pub struct Multipart {
    boundary: Buf,
    state: State,
    /// Bytes that wait for more.
    carry: Buf,
    /// Bytes of them in which no end of a header is.
    looked: u32,
    /// The header at hand is the one with the name of a file.
    names: bool,
    /// Name of the file whose headers come, when it has one.
    name: Buf,
    /// What waits begins a line.
    at_line: bool,
    file: BodyRef,
    /// The part at hand is a file of which nothing came yet.
    is_empty: bool,
}

impl Multipart {
    /// The form whose type is `content_type`; none without a boundary.
    pub fn of(desk: &mut Desk, content_type: &[u8]) -> Option<Self> {
        let boundary = parameter(content_type, b"boundary").filter(|found| !found.is_empty())?;
        let mut form = Self { at_line: true, ..Self::default() };
        (boundary.len() <= LONGEST_BOUNDARY && desk.keep(&mut form.boundary, boundary)).then_some(form)
    }

    /// More of the body. `piece` is room to put it together.
    pub fn put(&mut self, desk: &mut Desk, piece: &mut Vec<u8>, at: TxRef, direction: Direction, bytes: &[u8]) {
        for part in bytes.chunks(PIECE / 2) {
            if self.state == State::Over {
                return;
            }
            piece.clear();
            piece.extend_from_slice(desk.kept(&self.carry));
            let room = piece.capacity() - piece.len();
            piece.extend_from_slice(part.get(..room).unwrap_or(part));
            let used = self.read(desk, piece, at, direction);
            desk.forget(&mut self.carry);
            desk.keep(&mut self.carry, piece.get(used..).unwrap_or_default());
        }
    }

    /// Reads `bytes`; how many are done with.
    fn read(&mut self, desk: &mut Desk, bytes: &[u8], at: TxRef, direction: Direction) -> usize {
        let mut buffer = [0; LONGEST_BOUNDARY + 2];
        let boundary = {
            let kept = desk.kept(&self.boundary);
            let length = kept.len() + 2;
            let (dashes, rest) = buffer.split_at_mut(2);
            dashes.copy_from_slice(b"--");
            if let Some(place) = rest.get_mut(..kept.len()) {
                place.copy_from_slice(kept);
            }
            buffer.get(..length).unwrap_or_default()
        };
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            match self.state {
                State::Over => return bytes.len(),
                State::Between | State::Data => match find_boundary(rest, boundary, self.at_line) {
                    Found::No(sure) => {
                        self.data(desk, at, direction, rest.get(..sure).unwrap_or_default());
                        if sure > 0 {
                            self.at_line = rest.get(sure - 1) == Some(&b'\n');
                        }
                        return used + sure;
                    }
                    Found::At { data, boundary: start } => {
                        let behind = rest.get(start + boundary.len()..).unwrap_or_default();
                        self.data(desk, at, direction, rest.get(..data).unwrap_or_default());
                        if behind.len() < 2 {
                            // It may be the last one; the line end in front of it is its own.
                            self.at_line = true;
                            return used + start;
                        }
                        self.close(desk, at, direction, FileEnd::Closed);
                        if behind.starts_with(b"--") {
                            self.state = State::Over;
                            return bytes.len();
                        }
                        self.state = State::Boundary;
                        used += start + boundary.len();
                    }
                },
                State::Boundary | State::LongHeader => {
                    let Some(end) = memchr(b'\n', rest) else { return bytes.len() };
                    (self.state, self.looked) = (State::Headers, 0);
                    used += end + 1;
                }
                State::Headers => {
                    // The same part whatever came with it.
                    let front = rest.get(..LONGEST_HEADER).unwrap_or(rest);
                    let looked = self.looked as usize;
                    let end = memchr(b'\n', front.get(looked..).unwrap_or_default());
                    let Some(end) = end.map(|end| looked + end + 1) else {
                        if front.len() < LONGEST_HEADER {
                            self.looked = front.len() as u32;
                            return used;
                        }
                        desk.event(at, direction, AppEvent::HttpMultipartInvalidHeader);
                        self.header(desk, at, direction, front);
                        self.state = State::LongHeader;
                        used += front.len();
                        continue;
                    };
                    let line = chomp(front.get(..end).unwrap_or_default());
                    self.looked = 0;
                    used += end;
                    if line.is_empty() {
                        self.open(desk, at, direction);
                        (self.state, self.at_line) = (State::Data, true);
                    } else {
                        self.header(desk, at, direction, line);
                    }
                }
            }
        }
    }

    fn data(&mut self, desk: &mut Desk, at: TxRef, direction: Direction, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.is_empty = false;
            desk.body(at, direction, self.file, bytes);
        }
    }

    /// A header of the part that begins.
    fn header(&mut self, desk: &mut Desk, at: TxRef, direction: Direction, line: &[u8]) {
        // A header may go on in the next line.
        let is_fold = matches!(line.first(), Some(b' ' | b'\t'));
        let value = match split_once(line, b':') {
            _ if is_fold => line,
            Some((name, value)) => {
                self.names = trim(name).eq_ignore_ascii_case(b"content-disposition");
                value
            }
            None => {
                self.names = false;
                if !trim(line).is_empty() {
                    desk.event(at, direction, AppEvent::HttpMultipartInvalidHeader);
                }
                return;
            }
        };
        if !self.names {
            return;
        }
        if let Some(name) = parameter(value, b"filename").filter(|name| !name.is_empty()) {
            if name.len() > LONGEST_NAME {
                desk.event(at, direction, AppEvent::HttpFileNameTooLong);
            }
            desk.forget(&mut self.name);
            desk.keep(&mut self.name, name.get(..LONGEST_NAME).unwrap_or(name));
        }
    }

    /// The headers of a part are over.
    fn open(&mut self, desk: &mut Desk, at: TxRef, direction: Direction) {
        self.names = false;
        if self.name.is_empty() {
            return;
        }
        let mut name = [0; LONGEST_NAME];
        let length = copy(&mut name, desk.kept(&self.name));
        desk.forget(&mut self.name);
        let limit = HttpSettings::limit(desk.settings.http.request_body_limit);
        self.file = desk.open_body(at, direction, Field::FileData, name.get(..length), limit);
        self.is_empty = true;
    }

    fn close(&mut self, desk: &mut Desk, at: TxRef, direction: Direction, end: FileEnd) {
        if self.is_empty {
            desk.event(at, direction, AppEvent::HttpMultipartNoFiledata);
            self.is_empty = false;
        }
        desk.close_body(at, direction, self.file, end);
        self.file = BodyRef::NONE;
    }

    /// So many bytes are missing.
    pub fn gap(&mut self, desk: &mut Desk, missing: u64) {
        desk.body_gap(self.file, missing);
    }

    /// The body is over.
    pub fn end(&mut self, desk: &mut Desk, piece: &mut Vec<u8>, at: TxRef, direction: Direction, end: FileEnd) {
        if self.state == State::Data {
            piece.clear();
            piece.extend_from_slice(desk.kept(&self.carry));
            self.data(desk, at, direction, piece);
        }
        // Without its last boundary a file is not whole.
        let end = if self.state == State::Over { end } else { FileEnd::Truncated };
        self.close(desk, at, direction, end);
    }

    /// Gives back what is kept.
    pub fn forget(&mut self, arena: &mut Arena) {
        arena.free(&mut self.boundary);
        arena.free(&mut self.carry);
        arena.free(&mut self.name);
    }
}

enum Found {
    /// So many bytes can't be the beginning of one.
    No(usize),
    /// Data end here, and the boundary begins there.
    At { data: usize, boundary: usize },
}

/// Looks for `boundary` at the beginning of a line of `bytes`; `at_line`: they begin one.
fn find_boundary(bytes: &[u8], boundary: &[u8], at_line: bool) -> Found {
    let mut start = 0;
    let mut begins = at_line;
    loop {
        let rest = bytes.get(start..).unwrap_or_default();
        if begins {
            let line_end = bytes.get(..start).map_or(0, |front| match front {
                [.., b'\r', b'\n'] => 2,
                [.., b'\n'] => 1,
                _ => 0,
            });
            if rest.starts_with(boundary) {
                return Found::At { data: start - line_end, boundary: start };
            }
            if boundary.starts_with(rest) {
                return Found::No(start - line_end);
            }
        }
        match memchr(b'\n', rest) {
            Some(at) => (start, begins) = (start + at + 1, true),
            None => {
                // A line end at the end may be the boundary's.
                let held = usize::from(bytes.ends_with(b"\r"));
                return Found::No(bytes.len() - held);
            }
        }
    }
}

/// The parameter `name` of a header's value, without its quotes.
pub(super) fn parameter<'a>(value: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = value;
    loop {
        let at = find(rest, name)?;
        let before = at.checked_sub(1).and_then(|before| rest.get(before));
        let behind = rest.get(at + name.len()..)?;
        rest = behind;
        // A word of its own, with `=` behind it.
        if !before.is_none_or(|byte| is_space(*byte) || matches!(byte, b';' | b',')) {
            continue;
        }
        let Some(text) = trim(behind).strip_prefix(b"=") else { continue };
        let text = trim(text);
        let Some(quoted) = text.strip_prefix(b"\"") else {
            let end = text.iter().position(|byte| is_space(*byte) || *byte == b';').unwrap_or(text.len());
            return text.get(..end);
        };
        let mut escaped = false;
        let end = quoted.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        return quoted.get(..end.unwrap_or(quoted.len()));
    }
}

/// Whether `content_type` is that of a form with files.
pub(super) fn is_form(content_type: &[u8]) -> bool {
    starts_with(content_type, b"multipart/form-data")
}

#[cfg(test)]
mod tests {
    use super::{Found, find_boundary, parameter};

    #[test]
    fn parameters_are_found_with_and_without_quotes() {
        let value = b"attachment; xfilename=no; filename=\"a \\\"b\\\".txt\"; size=3";
        assert_eq!(parameter(value, b"filename"), Some(&b"a \\\"b\\\".txt"[..]));
        assert_eq!(parameter(value, b"size"), Some(&b"3"[..]));
        assert_eq!(parameter(b"multipart/form-data; boundary=abc", b"boundary"), Some(&b"abc"[..]));
        assert_eq!(parameter(b"attachment; filename*=x", b"filename"), None);
        assert_eq!(parameter(b"attachment; filename=\"eicar.txt", b"filename"), Some(&b"eicar.txt"[..]));
    }

    #[test]
    fn boundaries_stand_at_the_beginning_of_a_line() {
        let found = |bytes: &[u8], at_line| match find_boundary(bytes, b"--b", at_line) {
            Found::No(sure) => (None, sure),
            Found::At { data, boundary } => (Some(boundary), data),
        };
        assert_eq!(found(b"--b\r\n", true), (Some(0), 0));
        assert_eq!(found(b"x--b\r\n", true), (None, 4));
        assert_eq!(found(b"data\r\n--b", true), (Some(6), 4));
        assert_eq!(found(b"data\n--b", true), (Some(5), 4));
        assert_eq!(found(b"data\r\n-", true), (None, 4));
        assert_eq!(found(b"data\r", true), (None, 4));
    }
}
