//! The header block of a message: where it ends, and the headers in it.
//!
//! Used for requests, responses and trailers. Lenient, as clients and servers are: lines end with LF, with or without CR; a bare CR ends a line when a header follows it; a blank line with
//! something in it ends the block when no header follows. Everything is written into memory allocated at the start ([`Headers`]).
//!
//! Sources: RFC 9112 sections 2.2 and 5; the HTTP evader's cases, for what clients put up with.

use super::{
    known::Known,
    text::{chomp, is_blank, is_token, trim, trim_end, trim_start},
};
use memchr::{memchr, memchr_iter};

/// Longest name looked at to tell whether a header follows a blank line.
const LONGEST_GUESS: usize = 4 << 10;

/// How far a block was looked at, so that it is looked at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    /// Where the line at hand begins.
    line: u32,
    /// Up to where there is no line end in it.
    looked: u32,
    /// Bytes of a name behind the blank line at hand.
    name: u32,
}

/// Where a block ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockEnd {
    /// Not in what came so far.
    More,
    /// Here.
    At {
        /// Bytes of headers.
        headers: usize,
        /// Bytes with the line that ends them.
        all: usize,
    },
}

/// What follows a blank line.
enum Follows {
    Unknown,
    Header,
    Other,
}

impl Scan {
    /// Looks for the end of the block `bytes` begin with. `bytes` only grow from call to call. `last`: no more come.
    pub fn find_end(&mut self, bytes: &[u8], last: bool) -> BlockEnd {
        loop {
            let looked = self.looked as usize;
            let Some(at) = bytes.get(looked..).and_then(|rest| memchr(b'\n', rest)) else {
                self.looked = bytes.len() as u32;
                return BlockEnd::More;
            };
            let line = self.line as usize;
            let end = looked + at + 1;
            let content = chomp(bytes.get(line..end).unwrap_or_default());
            if content.is_empty() {
                return BlockEnd::At { headers: line, all: end };
            }
            if is_blank(content) {
                match follows(bytes.get(end..).unwrap_or_default(), &mut self.name) {
                    Follows::Unknown if !last => {
                        self.looked = (end - 1) as u32;
                        return BlockEnd::More;
                    }
                    Follows::Other | Follows::Unknown => return BlockEnd::At { headers: line, all: end },
                    Follows::Header => self.name = 0,
                }
            }
            (self.line, self.looked) = (end as u32, end as u32);
        }
    }

    /// The length of the line `bytes` begin with, with its end.
    pub fn find_line(&mut self, bytes: &[u8]) -> Option<usize> {
        let looked = self.looked as usize;
        match bytes.get(looked..).and_then(|rest| memchr(b'\n', rest)) {
            Some(at) => Some(looked + at + 1),
            None => {
                self.looked = bytes.len() as u32;
                None
            }
        }
    }

    /// Looks at the line `bytes` begin with, of headers that are thrown away: its length, and whether it ends them. None: it is not whole, or what follows must be seen to tell.
    pub fn find_last(&mut self, bytes: &[u8], last: bool) -> Option<(usize, bool)> {
        let end = self.find_line(bytes)?;
        let content = chomp(bytes.get(..end).unwrap_or_default());
        if content.is_empty() || !is_blank(content) {
            return Some((end, content.is_empty()));
        }
        match follows(bytes.get(end..).unwrap_or_default(), &mut self.name) {
            Follows::Unknown if !last => None,
            Follows::Other | Follows::Unknown => Some((end, true)),
            Follows::Header => Some((end, false)),
        }
    }

    /// Bytes of the line at hand so far.
    pub const fn line_length(&self) -> usize {
        self.looked.saturating_sub(self.line) as usize
    }
}

/// What `rest`, which is behind a blank line, begins with. `known`: so many bytes of it are a name, which need not be looked at again.
fn follows(rest: &[u8], known: &mut u32) -> Follows {
    match rest {
        [] | [b'\r'] => return Follows::Unknown,
        // A line that ends the block, or the rest of a folded value.
        [b'\n' | b' ' | b'\t', ..] | [b'\r', b'\n' | b'\r', ..] => return Follows::Header,
        _ => {}
    }
    // The same part whatever came with it.
    let front = rest.get(..LONGEST_GUESS).unwrap_or(rest);
    let from = *known as usize;
    match front.get(from..).unwrap_or_default().iter().position(|byte| !is_token(*byte)).map(|at| from + at) {
        Some(at) if at > 0 && front.get(at) == Some(&b':') => Follows::Header,
        None if front.len() < LONGEST_GUESS => {
            *known = front.len() as u32;
            Follows::Unknown
        }
        _ => Follows::Other,
    }
}

/// Whether `bytes` begin with a name and a colon.
pub fn is_header(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| !is_token(*byte)).unwrap_or(bytes.len());
    end > 0
        && bytes.get(end..).is_some_and(|rest| rest.iter().find(|byte| !matches!(byte, b' ' | b'\t')) == Some(&b':'))
}

/// What is wrong with headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// A line without a colon.
    pub no_colon: bool,
    /// A name that is none.
    pub bad_name: bool,
    /// A folded line that continues nothing.
    pub bad_fold: bool,
    /// More headers than are kept.
    pub too_many: bool,
    /// A line too long.
    pub too_long: bool,
    /// The same name too often.
    pub repeated: bool,
}

/// Headers of one name that are kept apart before that is an event.
const MOST_REPETITIONS: u32 = 64;

/// One header, by where its parts lie.
#[derive(Clone, Copy, Debug)]
struct Header {
    name: [u32; 2],
    value: [u32; 2],
    has_colon: bool,
    /// Which one it is by its name as it stands, and by its name without NUL.
    known: Option<Known>,
    read_as: Option<Known>,
    hash: u32,
    /// The next one of the same name, and for a first one the last.
    next: u32,
    last: u32,
    count: u32,
    is_first: bool,
}

/// Headers that say where a message ends, what it is, and to whom it goes: they count even when there is no room for more.
const FRAMING: [Known; 7] = [
    Known::ContentLength,
    Known::TransferEncoding,
    Known::ContentEncoding,
    Known::ContentType,
    Known::Connection,
    Known::Upgrade,
    Known::Host,
];
/// Those of one such name that are kept when there is no room for more.
const MOST_BEYOND: usize = 8;

/// Bytes that a line of headers is made longer by, at most.
const MOST_ADDED: usize = 4;
const NONE: u32 = u32::MAX;
/// Heads of lists of headers by the hash of their names.
const HEADS: usize = 4_096;
/// Names looked at in one such list: who sends more that meet there has his headers of one name told apart.
const MOST_MEETING: usize = 64;

/// The head of the list that names with this hash are in.
const fn place_of(hash: u32) -> usize {
    (hash ^ (hash >> 16)) as usize % HEADS
}

/// The headers of one message.
#[derive(Default)]
pub struct Headers {
    /// The headers one behind the other, each as `name: value`, or without a colon as it is, and a line end.
    text: Vec<u8>,
    list: Vec<Header>,
    heads: Vec<u32>,
    chain: Vec<u32>,
    /// Where pieces are put together.
    pub(super) line: Vec<u8>,
    pub(super) whole: Vec<u8>,
    /// Headers that are kept, and of each name in `FRAMING` those kept beside.
    most: usize,
    beyond: [u8; FRAMING.len()],
    /// The last header was not kept: what continues it is not, either.
    is_left_out: bool,
    /// A bit for each header that is read as one that is known.
    there: u32,
    /// What is wrong with them.
    pub wrong: Wrong,
}

/// A header's name and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The name, trimmed.
    pub name: &'a [u8],
    /// The value, trimmed, folded lines joined by a space.
    pub value: &'a [u8],
    /// Whether there was a colon.
    pub has_colon: bool,
}

/// The first header of a name, or a line without a colon.
pub(super) struct First<'a> {
    pub(super) pair: Pair<'a>,
    /// Name and value with a line end.
    pub(super) line: &'a [u8],
    /// Which one it is.
    pub(super) known: Option<Known>,
    next: u32,
}

impl First<'_> {
    /// Whether it is the only one of its name.
    pub(super) const fn is_alone(&self) -> bool {
        self.next == NONE
    }
}

impl Headers {
    /// Room for blocks of so many bytes and headers.
    pub fn new(bytes: usize, headers: usize) -> Self {
        Self {
            // A line of a colon and its end becomes twice as long; a last one may lack its end.
            text: Vec::with_capacity(2 * bytes + MOST_ADDED),
            list: Vec::with_capacity(headers + FRAMING.len() * MOST_BEYOND),
            heads: vec![NONE; HEADS],
            chain: Vec::with_capacity(headers + FRAMING.len() * MOST_BEYOND),
            line: Vec::with_capacity(2 * bytes),
            whole: Vec::with_capacity(2 * bytes),
            most: headers,
            beyond: [0; FRAMING.len()],
            is_left_out: false,
            there: 0,
            wrong: Wrong::default(),
        }
    }

    /// Reads `block`. In a response a folded line that looks like a header is one.
    pub fn read(&mut self, block: &[u8], is_response: bool, line_limit: usize, most: usize) {
        // As many as there were, not as many as there may be.
        for first in self.list.iter().filter(|header| header.is_first) {
            if let Some(head) = self.heads.get_mut(place_of(first.hash)) {
                *head = NONE;
            }
        }
        self.text.clear();
        self.list.clear();
        self.chain.clear();
        (self.beyond, self.is_left_out, self.there) = ([0; FRAMING.len()], false, 0);
        self.wrong = Wrong::default();
        let mut left = block;
        while !left.is_empty() {
            let end = memchr(b'\n', left).map_or(left.len(), |at| at + 1);
            let (line, behind) = left.split_at_checked(end).unwrap_or((left, b""));
            left = behind;
            self.wrong.too_long |= line.len() > line_limit;
            let mut rest = line;
            // A bare CR in front of a header ends a line, too.
            while let Some(at) = bare_cr(rest) {
                let (front, behind) = rest.split_at_checked(at).unwrap_or((rest, b""));
                self.line(front, is_response, most);
                rest = behind.get(1..).unwrap_or_default();
            }
            self.line(rest, is_response, most);
        }
        self.link();
    }

    fn line(&mut self, as_it_came: &[u8], is_response: bool, most: usize) {
        let line = trim_end(as_it_came);
        let content = trim_start(line);
        if content.is_empty() {
            return;
        }
        let colon = memchr(b':', content);
        let begins_fold = match line.first() {
            Some(b' ' | b'\t') => true,
            // Seen with a NUL in front of the rest of a value.
            Some(0) => colon.is_none(),
            _ => false,
        };
        if begins_fold {
            let continues = !self.list.is_empty();
            self.wrong.bad_fold |= !continues;
            if continues && !(is_response && is_header(content)) {
                if !self.is_left_out {
                    self.fold(content);
                }
                return;
            }
        }
        // More than is usual is told; nothing may hide behind it as long as there is room.
        self.wrong.too_many |= self.list.len() >= most;
        let (name, value) = match colon {
            Some(at) => {
                let (name, rest) = content.split_at_checked(at).unwrap_or((content, b""));
                // Servers have been seen with two.
                let rest = rest.get(1..).unwrap_or_default();
                (trim_end(name), trim(rest.strip_prefix(b":").unwrap_or(rest)))
            }
            None => (content, &b""[..]),
        };
        self.is_left_out = self.list.len() >= self.most && !(colon.is_some() && self.takes_beyond(name));
        if self.is_left_out {
            return;
        }
        self.wrong.no_colon |= colon.is_none();
        self.wrong.bad_name |= colon.is_some() && (name.is_empty() || !name.iter().all(|byte| is_token(*byte)));
        let (name, value) = if is_in_form(as_it_came, name, value) {
            let [from, to] = self.put(as_it_came);
            let end = from + name.len() as u32;
            ([from, end], [end + 2, to - 2])
        } else {
            let name = self.put(name);
            if colon.is_some() {
                self.put(b": ");
            }
            let value = self.put(value);
            self.put(b"\r\n");
            (name, value)
        };
        self.list.push(Header {
            name,
            value,
            has_colon: colon.is_some(),
            known: None,
            read_as: None,
            hash: 0,
            next: NONE,
            last: NONE,
            count: 1,
            is_first: false,
        });
    }

    /// Whether a header called `name` is kept though there is no room for more.
    fn takes_beyond(&mut self, name: &[u8]) -> bool {
        let known = Known::of(name).or_else(|| Known::without_nul(name));
        let place = FRAMING.iter().position(|framing| Some(*framing) == known);
        let Some(count) = place.and_then(|place| self.beyond.get_mut(place)) else { return false };
        let takes = usize::from(*count) < MOST_BEYOND;
        *count += u8::from(takes);
        takes
    }

    /// Appends to the last header, which lies at the end of the text.
    fn fold(&mut self, content: &[u8]) {
        let Some(mut header) = self.list.pop() else { return };
        // Its line end comes behind what is added.
        self.text.truncate(header.value[1] as usize);
        let (name, value) = match memchr(b':', content) {
            // Its colon comes on a line of its own.
            Some(at) if !header.has_colon => content.split_at_checked(at).unwrap_or((content, b"")),
            _ => (&b""[..], content),
        };
        if !header.has_colon {
            if let [b':', value @ ..] = value {
                let name = trim(name);
                if !name.is_empty() {
                    self.put(b" ");
                    self.put(name);
                }
                header.name = [header.name[0], self.text.len() as u32];
                self.put(b": ");
                header.value = self.put(trim(value));
                header.has_colon = true;
            } else {
                self.put(b" ");
                self.put(content);
                header.name = [header.name[0], self.text.len() as u32];
                header.value = [self.text.len() as u32; 2];
            }
        } else {
            if header.value[0] != header.value[1] {
                self.put(b" ");
            }
            self.put(content);
            header.value = [header.value[0], self.text.len() as u32];
        }
        self.put(b"\r\n");
        self.list.push(header);
    }

    /// Finds headers of the same name.
    fn link(&mut self) {
        let Self { text, list, heads, chain, wrong, there, .. } = self;
        let slice = |range: [u32; 2]| text.get(range[0] as usize..range[1] as usize).unwrap_or_default();
        for at in 0..list.len() {
            chain.push(NONE);
            let Some(header) = list.get_mut(at).filter(|header| header.has_colon) else { continue };
            let name = slice(header.name);
            header.known = Known::of(name);
            header.read_as = header.known.or_else(|| Known::without_nul(name));
            *there |= header.read_as.map_or(0, Known::bit);
            let hash = hash_of(name);
            let Some(head) = heads.get_mut(place_of(hash)) else { continue };
            let mut first = *head;
            let mut looked_at = 0;
            while let Some(other) = list.get(first as usize) {
                if other.hash == hash && slice(other.name).eq_ignore_ascii_case(name) {
                    break;
                }
                looked_at += 1;
                first =
                    if looked_at < MOST_MEETING { chain.get(first as usize).copied().unwrap_or(NONE) } else { NONE };
            }
            if let Some(found) = list.get_mut(first as usize) {
                found.count += 1;
                wrong.repeated |= found.count > MOST_REPETITIONS;
                let last = std::mem::replace(&mut found.last, at as u32);
                if let Some(last) = list.get_mut(last as usize) {
                    last.next = at as u32;
                }
            } else {
                if let Some(place) = chain.get_mut(at) {
                    *place = std::mem::replace(head, at as u32);
                }
                if let Some(header) = list.get_mut(at) {
                    (header.hash, header.last, header.is_first) = (hash, at as u32, true);
                }
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) -> [u32; 2] {
        let start = self.text.len() as u32;
        let room = self.text.capacity() - self.text.len();
        self.text.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        [start, self.text.len() as u32]
    }

    fn pair(&self, header: &Header) -> Pair<'_> {
        let slice = |range: [u32; 2]| self.text.get(range[0] as usize..range[1] as usize).unwrap_or_default();
        Pair { name: slice(header.name), value: slice(header.value), has_colon: header.has_colon }
    }

    /// All headers, in their order, each with a line end.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The first headers of each name, and lines without a colon.
    pub(super) fn firsts(&self) -> impl Iterator<Item = First<'_>> {
        self.list.iter().filter(|header| header.is_first || !header.has_colon).map(|header| {
            let end = self.text.len().min(header.value[1] as usize + b"\r\n".len());
            First {
                pair: self.pair(header),
                line: self.text.get(header.name[0] as usize..end).unwrap_or_default(),
                known: header.known,
                next: header.next,
            }
        })
    }

    /// The values of the others of the name of `first`.
    pub(super) fn others(&self, first: &First) -> impl Iterator<Item = &[u8]> {
        std::iter::successors(self.list.get(first.next as usize), |found| self.list.get(found.next as usize))
            .map(|found| self.pair(found).value)
    }

    /// The values of the headers that are `known`; NUL in their names does not count.
    pub(super) fn values(&self, known: Known) -> impl Iterator<Item = &[u8]> {
        let list = if self.there & known.bit() == 0 { &[][..] } else { &self.list };
        list.iter().filter(move |header| header.read_as == Some(known)).map(|header| self.pair(header).value)
    }

    /// The value of the first header that is `known`.
    pub(super) fn value(&self, known: Known) -> Option<&[u8]> {
        self.values(known).next()
    }
}

/// Whether `line`, which has this `name` and `value`, is just `name: value` and a line end, as it is kept.
fn is_in_form(line: &[u8], name: &[u8], value: &[u8]) -> bool {
    line.len() == name.len() + value.len() + 4
        && line.get(name.len()..name.len() + 2) == Some(b": ")
        && line.ends_with(b"\r\n")
}

/// Spreads the letters of a name over 32 bits, whatever their case.
fn hash_of(name: &[u8]) -> u32 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    // Capital and small letters differ in one bit.
    const FOLD: u64 = 0x2020_2020_2020_2020;
    let mut hash = name.len() as u64;
    let mut add = |letters: u64| hash = (hash.rotate_left(29) ^ (letters | FOLD)).wrapping_mul(SPREAD);
    let (words, rest) = name.as_chunks();
    words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
    add(rest.iter().fold(0, |letters, byte| letters << 8 | u64::from(*byte)));
    (hash >> 32) as u32
}

/// Where a bare CR with a header behind it is.
pub(super) fn bare_cr(line: &[u8]) -> Option<usize> {
    let line = chomp(line);
    memchr_iter(b'\r', line).find(|at| line.get(at + 1..).is_some_and(is_header))
}

#[cfg(test)]
mod tests {
    use super::{BlockEnd, Headers, Known, LONGEST_GUESS, MOST_BEYOND, Scan};

    fn read(block: &[u8], is_response: bool) -> Vec<(String, String)> {
        let mut headers = Headers::new(block.len() + 10, 100);
        headers.read(block, is_response, 1_000, 100);
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        headers.list.iter().map(|header| headers.pair(header)).map(|pair| (text(pair.name), text(pair.value))).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn end_of(bytes: &[u8]) -> BlockEnd {
        let whole = Scan::default().find_end(bytes, false);
        let mut scan = Scan::default();
        let mut last = BlockEnd::More;
        for length in 1..=bytes.len() {
            last = scan.find_end(&bytes[..length], false);
            if last != BlockEnd::More {
                break;
            }
        }
        assert_eq!(last, whole);
        whole
    }

    #[test]
    fn a_block_ends_at_an_empty_line() {
        assert_eq!(end_of(b"A: b\r\n\r\nbody"), BlockEnd::At { headers: 6, all: 8 });
        assert_eq!(end_of(b"A: b\n\nbody"), BlockEnd::At { headers: 5, all: 6 });
        assert_eq!(end_of(b"\r\nbody"), BlockEnd::At { headers: 0, all: 2 });
        assert_eq!(end_of(b"A: b\r\nB: c"), BlockEnd::More);
    }

    #[test]
    fn a_blank_line_with_something_in_it_ends_a_block_when_no_header_follows() {
        assert_eq!(end_of(b"A: b\n \nX5@"), BlockEnd::At { headers: 5, all: 7 });
        assert_eq!(end_of(b"A: b\n \n\nX5O!"), BlockEnd::At { headers: 7, all: 8 });
        assert_eq!(end_of(b"A: b\r\n \r\nC: d\r\n\r\n"), BlockEnd::At { headers: 15, all: 17 });
        assert_eq!(end_of(b"A: b\n\r\r\n4\r\n"), BlockEnd::At { headers: 5, all: 8 });
        assert_eq!(end_of(b"A: b\n\r\r\n\r\n4"), BlockEnd::At { headers: 8, all: 10 });
        assert_eq!(end_of(b"A: b\n \n"), BlockEnd::More);
    }

    #[test]
    fn a_long_name_behind_a_blank_line_is_a_header_however_it_comes() {
        let block = |length: usize| [b"A: b\r\n \r\n", &vec![b'x'; length][..], b": y\r\n\r\n"].concat();
        for length in [1, 255, 256, 300, LONGEST_GUESS - 1] {
            assert_eq!(end_of(&block(length)), BlockEnd::At { headers: length + 14, all: length + 16 }, "{length}");
        }
        // A body without spaces is not waited for.
        for length in [LONGEST_GUESS, LONGEST_GUESS + 1] {
            assert_eq!(end_of(&block(length)), BlockEnd::At { headers: 6, all: 9 }, "{length}");
        }
    }

    #[test]
    fn headers_that_say_where_a_message_ends_count_when_there_is_no_room_for_more() {
        let many =
            [&b"A: 1\r\n".repeat(10)[..], b"Transfer-Encoding: chunked\r\nB: 1\r\ncontent-length: 5\r\nC: 2\r\n 3\r\n"]
                .concat();
        let mut headers = Headers::new(1_000, 10);
        headers.read(&many, false, 100, 10);
        assert_eq!(headers.value(Known::TransferEncoding), Some(&b"chunked"[..]));
        assert_eq!(headers.value(Known::ContentLength), Some(&b"5"[..]));
        assert_eq!(headers.list.len(), 12);
        assert!(headers.wrong.too_many);
        // One of them in great number does not hide the others, nor take room without end.
        let many = [&b"Host: a\r\n".repeat(50)[..], b"Content-Length: 5\r\n"].concat();
        headers.read(&many, false, 100, 10);
        assert_eq!(headers.value(Known::ContentLength), Some(&b"5"[..]));
        assert_eq!(headers.list.len(), 10 + MOST_BEYOND + 1);
    }

    #[test]
    fn headers_are_read_as_lenient_clients_read_them() {
        assert_eq!(read(b"A: b\r\nC : d \r\nE:f\n", false), pairs(&[("A", "b"), ("C", "d"), ("E", "f")]));
        assert_eq!(read(b"A: \r\n \r\n b \r\n \r\nC:: d\r\n", true), pairs(&[("A", "b"), ("C", "d")]));
        assert_eq!(read(b"A: b\rC: d\rhello\r\n", true), pairs(&[("A", "b"), ("C", "d\\rhello")]));
        assert_eq!(read(b"A\r\n :\r\n b\r\n", true), pairs(&[("A", "b")]));
        assert_eq!(read(b"A: b\r\n C: d\r\n", true), pairs(&[("A", "b"), ("C", "d")]));
        assert_eq!(read(b"A: b\r\n C: d\r\n", false), pairs(&[("A", "b C: d")]));
        assert_eq!(read(b"A:\n\0b\r\nnothing\r\n", true), pairs(&[("A", "b"), ("nothing", "")]));
    }

    #[test]
    fn names_with_nul_in_them_are_found() {
        let mut headers = Headers::new(100, 10);
        headers.read(b"Transfer\0-encoding: x\r\nTransfer-Encoding\0: y\r\n", true, 100, 10);
        let found: Vec<_> = headers.values(Known::TransferEncoding).collect();
        assert_eq!(found, [b"x", b"y"]);
    }

    #[test]
    fn headers_of_one_name_are_found_together() {
        let mut headers = Headers::new(100, 10);
        headers.read(b"A: 1\r\nB: 2\r\na: 3\r\nA: 4\r\n", true, 100, 10);
        let firsts: Vec<_> = headers.firsts().collect();
        assert_eq!([0, 1].map(|at: usize| firsts[at].line), [b"A: 1\r\n", b"B: 2\r\n"]);
        assert_eq!(headers.others(&firsts[0]).collect::<Vec<_>>(), [b"3", b"4"]);
        assert!(firsts.len() == 2 && firsts[1].is_alone() && !firsts[0].is_alone());
    }

    #[test]
    fn what_is_wrong_is_noted() {
        let mut headers = Headers::new(1_000, 2);
        headers.read(b"A: 1\r\nB\r\nC: 2\r\n", true, 10, 2);
        assert!(headers.wrong.too_many && headers.wrong.no_colon && !headers.wrong.too_long);
        let mut roomy = Headers::new(1_000, 3);
        roomy.read(b"A: 1\r\nB\r\nC: 2\r\n", true, 10, 2);
        assert!(roomy.wrong.too_many && roomy.list.len() == 3, "more than is usual hides nothing");
        headers.read(b"A b: 0123456789\r\n", true, 10, 10);
        assert!(headers.wrong.bad_name && headers.wrong.too_long);
    }
}
