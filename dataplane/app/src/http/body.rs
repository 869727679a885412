//! Where a body ends: by its length, by its chunks, or with the connection.
//!
//! Fed with the bytes behind the headers; gives those of the body to a sink as they come. A chunk size that is none ends the pretence of chunks: what follows is body as it is, as clients show it,
//! up to a line that begins the next message.
//!
//! Source: RFC 9112 sections 6 and 7.

use super::{
    detect::{LONGEST_METHOD, looks_like_request},
    head::Scan,
    text::{hex, is_blank, is_space, is_token, starts_with, trim_start},
};
use memchr::memchr;
use sluice_core::Direction;

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// So many bytes are to come.
    Length(u64),
    /// A line with the size of a chunk is to come.
    ChunkSize,
    /// The rest of the line with this size of a chunk is to come.
    ChunkExtension(u64),
    /// So many bytes of a chunk are to come.
    ChunkData(u64),
    /// All that comes.
    Close,
    /// All that comes up to a line that begins a message.
    Stray {
        /// What comes begins a line.
        at_line: bool,
    },
}

/// How far the size of a chunk is looked for in its line; what stands behind it may be of any length.
const LONGEST_SIZE: usize = 8 << 10;
/// Longest line that is looked at to tell whether it begins a message.
const LONGEST_FIRST_LINE: usize = 8 << 10;
/// Digits of the size of a chunk, leading zeros aside.
const MOST_DIGITS: usize = 8;

/// What is odd about chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkFaults {
    /// A size that is none.
    pub bad_size: bool,
    /// Something behind a `;`.
    pub extension: bool,
}

/// What became of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyStep {
    /// So many were read, and more may be.
    Used(usize),
    /// More are wanted to go on.
    More,
    /// So many were read; the body is over.
    Over(usize),
    /// So many were read; the body is over, and trailers follow.
    Trailer(usize),
}

/// Who asks for the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asks {
    /// The way the body goes: it tells what its next message begins with.
    pub direction: Direction,
    /// No more bytes come.
    pub last: bool,
}

impl Framing {
    /// Reads from `bytes`.
    ///
    /// # Cost
    /// Linear in the bytes, however they are cut: what waits for more is at most [`LONGEST_SIZE`] bytes.
    pub fn step(
        &mut self,
        scan: &mut Scan,
        bytes: &[u8],
        asks: Asks,
        faults: &mut ChunkFaults,
        sink: &mut dyn FnMut(&[u8]),
    ) -> BodyStep {
        match self {
            Self::None => BodyStep::Over(0),
            Self::Close => {
                sink(bytes);
                BodyStep::Used(bytes.len())
            }
            Self::Length(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                sink(bytes.get(..used).unwrap_or(bytes));
                *left -= used as u64;
                if *left == 0 { BodyStep::Over(used) } else { BodyStep::Used(used) }
            }
            Self::ChunkData(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                sink(bytes.get(..used).unwrap_or(bytes));
                *left -= used as u64;
                if *left == 0 {
                    *self = Self::ChunkSize;
                    *scan = Scan::default();
                }
                BodyStep::Used(used)
            }
            Self::ChunkSize => self.chunk_size(scan, bytes, asks.last, faults),
            Self::ChunkExtension(size) => {
                let end = memchr(b'\n', bytes).map(|at| at + 1);
                let used = end.unwrap_or(bytes.len());
                faults.extension |= bytes.get(..used).unwrap_or(bytes).contains(&b';');
                if end.is_none() {
                    return BodyStep::Used(used);
                }
                let size = *size;
                self.begin_chunk(size, used)
            }
            Self::Stray { at_line } => {
                if *at_line {
                    match begins_message(scan, bytes, asks) {
                        Some(true) => return BodyStep::Over(0),
                        Some(false) => *scan = Scan::default(),
                        None => return BodyStep::More,
                    }
                }
                let end = memchr(b'\n', bytes).map(|at| at + 1);
                *at_line = end.is_some();
                let used = end.unwrap_or(bytes.len());
                sink(bytes.get(..used).unwrap_or(bytes));
                BodyStep::Used(used)
            }
        }
    }

    fn chunk_size(&mut self, scan: &mut Scan, bytes: &[u8], last: bool, faults: &mut ChunkFaults) -> BodyStep {
        // The same part whatever came with it.
        let front = bytes.get(..LONGEST_SIZE).unwrap_or(bytes);
        // What can't be a size is told from its first characters, without waiting for the line's end.
        let start = trim_start(front);
        let no_size = start.first().is_some_and(|byte| hex(*byte).is_none());
        if no_size && !is_blank(front.split(|byte| *byte == b'\n').next().unwrap_or_default()) {
            return self.no_chunk(scan, faults);
        }
        let (line, is_whole) = match scan.find_line(front) {
            Some(end) => (front.get(..end).unwrap_or(front), true),
            None if front.len() == LONGEST_SIZE => (front, false),
            None if last => (front, true),
            None => return BodyStep::More,
        };
        match size_of(line, &mut faults.extension) {
            Size::Blank if is_whole => {
                *scan = Scan::default();
                BodyStep::Used(line.len())
            }
            Size::Is(size, _) if is_whole => {
                *scan = Scan::default();
                self.begin_chunk(size, line.len())
            }
            Size::Is(size, true) => {
                *scan = Scan::default();
                *self = Self::ChunkExtension(size);
                BodyStep::Used(line.len())
            }
            _ => self.no_chunk(scan, faults),
        }
    }

    /// What should be a size is none.
    fn no_chunk(&mut self, scan: &mut Scan, faults: &mut ChunkFaults) -> BodyStep {
        faults.bad_size = true;
        *scan = Scan::default();
        *self = Self::Stray { at_line: true };
        BodyStep::Used(0)
    }

    /// The line with the `size` of a chunk ends behind `used` bytes.
    const fn begin_chunk(&mut self, size: u64, used: usize) -> BodyStep {
        if size == 0 {
            return BodyStep::Trailer(used);
        }
        *self = Self::ChunkData(size);
        BodyStep::Used(used)
    }
}

/// Whether the line `bytes` begin with is the first of a message; none: there are too few of them.
fn begins_message(scan: &mut Scan, bytes: &[u8], asks: Asks) -> Option<bool> {
    let front = bytes.get(..LONGEST_FIRST_LINE).unwrap_or(bytes);
    let is_all = asks.last || front.len() == LONGEST_FIRST_LINE;
    if asks.direction == Direction::ToClient {
        let word = b"HTTP/";
        return match front.get(word.len()) {
            Some(byte) => Some(starts_with(front, word) && byte.is_ascii_digit()),
            None if is_all || !starts_with(word, front.get(..word.len()).unwrap_or(front)) => Some(false),
            None => None,
        };
    }
    let method = front.get(..=LONGEST_METHOD).unwrap_or(front);
    match method.iter().position(|byte| !is_token(*byte)) {
        Some(at) if at == 0 || !method.get(at).is_some_and(|byte| is_space(*byte)) => return Some(false),
        None if method.len() > LONGEST_METHOD => return Some(false),
        _ => {}
    }
    match scan.find_line(front) {
        Some(_) => Some(looks_like_request(front)),
        None if is_all => Some(looks_like_request(front)),
        None => None,
    }
}

enum Size {
    /// A line end left over from the chunk before.
    Blank,
    /// This, and whether something stands behind its digits.
    Is(u64, bool),
    Bad,
}

/// The size in `line`. What stands behind the digits does not count.
fn size_of(line: &[u8], extension: &mut bool) -> Size {
    let line = trim_start(line);
    if line.is_empty() {
        return Size::Blank;
    }
    // Written as programs do.
    let line = match line {
        [b'0', b'x' | b'X', digit, ..] if hex(*digit).is_some() => line.get(2..).unwrap_or_default(),
        _ => line,
    };
    let digits = line.iter().position(|byte| hex(*byte).is_none()).unwrap_or(line.len());
    let (number, rest) = line.split_at_checked(digits).unwrap_or((line, b""));
    if number.is_empty() {
        return Size::Bad;
    }
    *extension |= rest.contains(&b';');
    let zeros = number.iter().position(|digit| *digit != b'0').unwrap_or(number.len());
    let number = number.get(zeros..).unwrap_or_default();
    if number.len() > MOST_DIGITS {
        return Size::Bad;
    }
    Size::Is(number.iter().fold(0, |size, digit| size << 4 | u64::from(hex(*digit).unwrap_or(0))), !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Asks, BodyStep, ChunkFaults, Framing, LONGEST_SIZE};
    use crate::http::head::Scan;
    use sluice_core::Direction::{self, ToClient, ToServer};

    /// The body in `bytes`, what is left of them, and what was odd; fed in pieces of `size`.
    fn read(framing: Framing, bytes: &[u8], size: usize) -> (Vec<u8>, Vec<u8>, ChunkFaults) {
        read_of(ToClient, framing, bytes, size)
    }

    fn read_of(
        direction: Direction,
        mut framing: Framing,
        bytes: &[u8],
        size: usize,
    ) -> (Vec<u8>, Vec<u8>, ChunkFaults) {
        let (mut scan, mut faults, mut body, mut waiting) = (Scan::default(), ChunkFaults::default(), vec![], vec![]);
        let mut pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        pieces.push(b"");
        let last = pieces.len() - 1;
        let mut over = false;
        for (number, piece) in pieces.into_iter().enumerate() {
            waiting.extend_from_slice(piece);
            while !over && !waiting.is_empty() {
                let asks = Asks { direction, last: number == last };
                let step = framing.step(&mut scan, &waiting, asks, &mut faults, &mut |bytes| body.extend(bytes));
                match step {
                    BodyStep::Used(used) => drop(waiting.drain(..used)),
                    BodyStep::More => break,
                    BodyStep::Over(used) | BodyStep::Trailer(used) => {
                        waiting.drain(..used);
                        over = true;
                    }
                }
            }
        }
        (body, waiting, faults)
    }

    fn chunks(bytes: &[u8]) -> (String, String, ChunkFaults) {
        let whole = read(Framing::ChunkSize, bytes, usize::MAX);
        for size in [1, 2, 5] {
            assert_eq!(read(Framing::ChunkSize, bytes, size), whole, "in pieces of {size}");
        }
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        (text(&whole.0), text(&whole.1), whole.2)
    }

    #[test]
    fn chunks_are_put_together_in_all_their_forms() {
        for bytes in [
            &b"5\r\nhello\r\n0\r\n"[..],
            b"5\nhello\n0\n",
            b"05\r\r\nhello\r\n00\n",
            b" \t5 x\r\nhello\r\n0",
            b"5,\r\nhello\r\n0\r\n",
            b"\r\n5\r\nhello\r\n\r\n0\r\n",
            b"\r5\r\nhello0\r\n",
            b"0x5\r\nhello\r\n0\r\n",
            b"000000000000005\r\nhello\r\n0\r\n",
            b"2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n",
        ] {
            let (body, rest, faults) = chunks(bytes);
            assert_eq!((body.as_str(), rest.as_str()), ("hello", ""), "{}", bytes.escape_ascii());
            assert!(!faults.bad_size);
        }
    }

    #[test]
    fn what_is_no_chunk_is_body_as_it_is() {
        for bytes in [&b"X5O!P%@AP"[..], b"EICAR-test", b"hello\r\nyou", b"fffffffff\r\nhello"] {
            let (body, _, faults) = chunks(bytes);
            if bytes == b"EICAR-test" {
                // Its first letter is a digit: only the end of the line could tell, and none comes.
                continue;
            }
            assert_eq!(body, bytes.escape_ascii().to_string());
            assert!(faults.bad_size);
        }
    }

    #[test]
    fn a_length_is_not_exceeded() {
        let (body, rest, _) = read(Framing::Length(5), b"helloHTTP", 2);
        assert_eq!((body, rest), (b"hello".to_vec(), b"HTTP".to_vec()));
    }

    #[test]
    fn what_stands_behind_a_size_may_be_of_any_length() {
        for length in [0, LONGEST_SIZE - 3, LONGEST_SIZE - 2, LONGEST_SIZE - 1, LONGEST_SIZE, 20_000] {
            let line = [b"5;", &vec![b'a'; length][..], b"\r\nhello\r\n0\r\n"].concat();
            let (body, rest, faults) = chunks(&line);
            assert_eq!((body.as_str(), rest.as_str()), ("hello", ""), "{length}");
            assert!(faults.extension && !faults.bad_size);
            // A semicolon that comes late is one, too.
            let line = [b"5 ", &vec![b'a'; length][..], b";\r\nhello\r\n0\r\n"].concat();
            assert!(chunks(&line).2.extension, "{length}");
            let line = [b"0 ", &vec![b'a'; length][..], b"\r\n"].concat();
            let (body, rest, faults) = chunks(&line);
            assert_eq!((body.as_str(), rest.as_str(), faults), ("", "", ChunkFaults::default()), "{length}");
        }
        // Digits without end are no size.
        assert!(chunks(&[b'0'; LONGEST_SIZE + 10]).2.bad_size);
        assert!(chunks(&[b' '; LONGEST_SIZE + 10]).2.bad_size);
    }

    #[test]
    fn behind_what_is_no_chunk_the_next_message_is_found() {
        let ends = |direction, bytes: &[u8]| {
            let whole = read_of(direction, Framing::ChunkSize, bytes, usize::MAX);
            for size in [1, 2, 5] {
                assert_eq!(read_of(direction, Framing::ChunkSize, bytes, size), whole, "in pieces of {size}");
            }
            (String::from_utf8(whole.0).unwrap(), String::from_utf8(whole.1).unwrap())
        };
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        let next = "GET /b HTTP/1.1\r\n\r\n";
        assert_eq!(ends(ToServer, format!("zz\r\nhello\r\n{next}").as_bytes()), pair("zz\r\nhello\r\n", next));
        assert_eq!(ends(ToServer, next.as_bytes()), pair("", next));
        let next = "HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(ends(ToClient, format!("zz\nhello\n{next}").as_bytes()), pair("zz\nhello\n", next));
        // What only looks like the next message stays.
        for (direction, text) in [
            (ToServer, "zz: GET /b HTTP/1.1\r\n"),
            (ToServer, "zz\r\nGET is a word\r\n"),
            (ToServer, "zz\r\nGET"),
            (ToClient, "zz HTTP/1.1 200 OK\r\n"),
            (ToClient, "zz\nHTTP/x"),
            (ToClient, "zz\nHTTP"),
            (ToClient, "zz\nGET /b HTTP/1.1\r\n"),
        ] {
            assert_eq!(ends(direction, text.as_bytes()), pair(text, ""));
        }
        let long = format!("zz\r\nGET {}", "a".repeat(20_000));
        assert_eq!(ends(ToServer, long.as_bytes()), pair(&long, ""));
    }
}
