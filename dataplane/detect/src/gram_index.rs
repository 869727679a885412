//! Literals found by four of their bytes: the prefilter's quick way.
//!
//! Built with each set of literals by [`crate::literals`], asked for each payload and field. Every literal stands in a table under its rarest four bytes; where those stand in a text, the literal is compared, byte for byte. So it
//! finds what the multi-pattern matcher finds, for a fraction of the price where traffic holds few of those bytes: a property test holds it against a search for each. Where they are dense it stops and tells so, and the rest is
//! the matcher's: nobody can make this dearer than the matcher alone by more than a fixed share.

use memchr::memchr2_iter;
use sluice_cell::Grams;
use sluice_hyperscan::LONGEST_PLAIN;
use std::collections::{BTreeMap, BTreeSet};

/// Places and comparisons that are paid for by each text, and for so many bytes of it one more; with more of them the rest is left to the matcher.
const COMPARISONS: usize = 32;
const BYTES_A_COMPARISON: usize = 6;
/// Bytes compared together.
const WORD: usize = 8;
/// Literals of one or two bytes at the most.
const MOST_SHORT: usize = 32;

/// A literal, as it is to be found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needle<'a> {
    /// Its bytes; in small letters where `nocase`.
    pub bytes: &'a [u8],
    /// Capital and small ASCII letters are the same.
    pub nocase: bool,
    /// What is told when it is found.
    pub id: u32,
}

/// Literals by some of their bytes.
pub(crate) struct GramIndex {
    grams: Grams,
    whole: Rows,
    /// Of literals of three bytes.
    open: Rows,
    entries: Box<[Entry]>,
    /// Bytes of long literals that are not in their entries.
    words: Box<[Word]>,
    short: Box<[Short]>,
}

/// A literal in a row.
#[derive(Clone, Copy)]
struct Entry {
    /// Its last eight bytes, or all of them.
    last: Word,
    /// Where the others lie.
    others: u32,
    id: u32,
    /// Where the bytes of the row stand in it.
    before: u8,
    length: u8,
}

/// Eight bytes of a literal.
#[derive(Clone, Copy, Default)]
struct Word {
    /// The bytes, letters small where their size does not count.
    bytes: u64,
    /// What makes such letters small: set where there is one.
    fold: u64,
}

/// Eight bytes from `at` on, zeros behind the end of `text`.
#[inline]
fn eight(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => rest.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte)),
    }
}

impl Word {
    fn of(needle: &Needle, at: usize) -> Self {
        let is_letter = |byte: &u8| needle.nocase && byte.is_ascii_alphabetic();
        let fold: Vec<u8> = needle.bytes.iter().map(|byte| if is_letter(byte) { 0x20 } else { 0 }).collect();
        Self { bytes: eight(needle.bytes, at) | eight(&fold, at), fold: eight(&fold, at) }
    }

    /// What differs from `text`: none where it is the same.
    #[inline]
    const fn differs(self, text: u64) -> u64 {
        (text | self.fold) ^ self.bytes
    }
}

impl Entry {
    /// Where the literal ends in `text`, of which its bytes stand at `place`, if it is there.
    #[inline]
    fn end(&self, words: &[Word], text: &[u8], place: usize) -> Option<usize> {
        let start = place.checked_sub(usize::from(self.before))?;
        let length = usize::from(self.length);
        let end = start + length;
        if end > text.len() {
            return None;
        }
        if length <= WORD {
            let beyond = (WORD - length) * WORD;
            return (self.last.differs(eight(text, start)) << beyond == 0).then_some(end);
        }
        if self.last.differs(eight(text, end - WORD)) != 0 {
            return None;
        }
        let others = words.get(self.others as usize..).unwrap_or_default();
        let count = (length - 1) / WORD;
        let same = |(number, word): (usize, &Word)| word.differs(eight(text, start + number * WORD)) == 0;
        others.iter().take(count).enumerate().all(same).then_some(end)
    }
}

/// Lists of entries by a number, in a table with free places: a power of two.
#[derive(Default)]
struct Rows {
    table: Box<[Row]>,
    /// What of a spread number tells the place.
    shift: u32,
}

#[derive(Clone, Copy, Default)]
struct Row {
    key: u32,
    /// What may stand in front of the four bytes and behind them: a bit for the lower five bits of each byte.
    front: u32,
    behind: u32,
    /// Where its entries begin, and how many there are: none where the place is free.
    start: u32,
    count: u32,
}

/// The bit of a byte, whether capital or small.
#[inline]
const fn bit_of(byte: u8) -> u32 {
    1 << (byte & 31)
}

/// A literal in a row, while the table is made.
type Draft<'a> = (&'a [u8], Entry);

impl Rows {
    /// `lists` behind each other go to the end of `entries`.
    fn new(lists: BTreeMap<u32, Vec<Draft<'_>>>, entries: &mut Vec<Entry>) -> Self {
        if lists.is_empty() {
            return Self::default();
        }
        let size = (lists.len() * 4).next_power_of_two();
        let mut rows = Self { table: vec![Row::default(); size].into_boxed_slice(), shift: 32 - size.ilog2() };
        for (key, list) in lists {
            let mut row = Row { key, front: 0, behind: 0, start: entries.len() as u32, count: list.len() as u32 };
            for (bytes, entry) in list {
                let before = usize::from(entry.before);
                let bit = |place: Option<usize>| {
                    place.and_then(|place| bytes.get(place)).map_or(u32::MAX, |&byte| bit_of(byte))
                };
                row.front |= bit(before.checked_sub(1));
                row.behind |= bit(Some(before + 4));
                entries.push(entry);
            }
            let mut at = rows.place(key);
            while rows.table.get(at).is_some_and(|row| row.count > 0) {
                at = (at + 1) % size;
            }
            if let Some(place) = rows.table.get_mut(at) {
                *place = row;
            }
        }
        rows
    }

    #[inline]
    const fn place(&self, key: u32) -> usize {
        (key.wrapping_mul(0x85eb_ca6b) >> self.shift) as usize
    }

    /// The row of `key`.
    #[inline(always)]
    fn of(&self, key: u32) -> Option<&Row> {
        let mut at = self.place(key);
        loop {
            let row = self.table.get(at)?;
            // A quarter of the places is taken at the most: there is an end.
            if row.count == 0 {
                return None;
            }
            if row.key == key {
                return Some(row);
            }
            at = (at + 1) & (self.table.len() - 1);
        }
    }
}

/// A literal of one or two bytes: in fields alone, which are short. Each is searched for by itself.
struct Short {
    /// Its bytes, each small and capital; the second may be any.
    first: [u8; 2],
    second: Option<[u8; 2]>,
    id: u32,
}

impl Short {
    fn of(needle: &Needle) -> Option<Self> {
        let sizes = |byte: &u8| [*byte, if needle.nocase { byte.to_ascii_uppercase() } else { *byte }];
        let second = needle.bytes.get(1).map(sizes);
        Some(Self { first: sizes(needle.bytes.first()?), second, id: needle.id })
    }

    /// Behind its first place in `text`.
    fn end(&self, text: &[u8]) -> Option<usize> {
        let [small, capital] = self.first;
        let mut places = memchr2_iter(small, capital, text);
        match self.second {
            None => Some(places.next()? + 1),
            Some(second) => {
                Some(places.find(|place| text.get(place + 1).is_some_and(|byte| second.contains(byte)))? + 2)
            }
        }
    }
}

/// How often a byte is met, roughly: the larger, the more often. For texts, headers and binary protocols alike.
const fn commonness(byte: u8) -> u32 {
    match byte | 0x20 {
        // Zeros and spaces, then what lines end with, then what texts are made of.
        0x20 => 40,
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 12,
        b'-' | b'*' | b'/' | b'.' | b':' | b'=' | b'0' | b'1' | 0xff => 10,
        b'j' | b'q' | b'x' | b'z' => 2,
        b'b' | b'f' | b'g' | b'k' | b'p' | b'v' | b'w' | b'y' => 5,
        b'a'..=b'z' | b'2'..=b'9' => 8,
        0x21..=0x40 | 0x7b..=0x7f => 4,
        _ => 1,
    }
}

/// What most traffic holds: no place to find a literal by, if it has another.
const USUAL: &[u8] = b"GET / HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en-US,en;q=0.5\r\nConnection: keep-alive\r\nReferer: http://www.\r\n\
Cookie: \r\nCache-Control: no-cache, no-store, must-revalidate, max-age=0\r\nPragma: no-cache\r\nPOST /index.php?id=1 HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n\
HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nServer: Apache/2.4 (Unix)\r\nLast-Modified: \r\nETag: \"\r\nAccept-Ranges: bytes\r\nVary: Accept-Encoding\r\nSet-Cookie: PHPSESSID=; path=/; \
expires=\r\nTransfer-Encoding: chunked\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"\r\nLocation: https://\r\n\
<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\r\n<html lang=\"en\">\n<head>\n<title></title>\n<meta http-equiv=\"content-type\" \
content=\"text/html; charset=utf-8\" name=\"description\" />\n<link rel=\"stylesheet\" type=\"text/css\" href=\"/style.css\" />\n<script type=\"text/javascript\" src=\"http://.js\"></script>\n<style></style></head>\
<body>\n<div class=\"\" id=\"\"><a href=\"http://www..com/\"><img src=\"images/.gif\" width=\"1\" height=\"1\" border=\"0\" alt=\"\"></a><span><br /><p></p><table><tr><td></td></tr></table><input type=\"hidden\" \
value=\"\"><form action=\"\" method=\"post\"></form></div>\n</body></html>\r\nfunction(){var document.write(window.location);return this.}.com.net.org.html.php.jpg.png.xml.txt.exe\r\n220 SMTP ESMTP\r\n250 OK\r\nMAIL FROM:<\r\n\
RCPT TO:<\r\nDATA\r\nSubject: \r\nMIME-Version: 1.0\r\nThis program cannot be run in DOS mode.\xff\xff\xff\xff\xffSMB\xfeSMB\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x01\x01\x00\x00";

/// How much more often a piece of [`USUAL`] is met than its bytes tell.
const USUAL_WEIGHT: u32 = 200;

/// The literals of one index while it is made.
struct Lists<'a> {
    whole: BTreeMap<u32, Vec<Draft<'a>>>,
    open: BTreeMap<u32, Vec<Draft<'a>>>,
    words: Vec<Word>,
    usual: BTreeSet<u32>,
}

/// Of four bytes the first three.
const THREE: u32 = 0x00ff_ffff;

impl<'a> Lists<'a> {
    fn new() -> Self {
        let usual = USUAL.windows(4).map(Grams::folded).collect();
        Self { whole: BTreeMap::new(), open: BTreeMap::new(), words: Vec::new(), usual }
    }

    /// How often these bytes are met, roughly.
    fn commonness(&self, bytes: &[u8]) -> u32 {
        let is_run = |count: usize| {
            bytes.windows(count).any(|part| part.windows(2).all(|pair| matches!(pair, [a, b] if a | 0x20 == b | 0x20)))
        };
        let usual = self.usual.contains(&Grams::folded(bytes)) || is_run(4);
        let usual = if usual {
            USUAL_WEIGHT
        } else if is_run(3) {
            USUAL_WEIGHT / 10
        } else {
            1
        };
        bytes.iter().map(|byte| commonness(*byte)).product::<u32>().saturating_mul(usual)
    }

    /// Enters a literal of three bytes or more.
    fn enter(&mut self, needle: &Needle<'a>) {
        let bytes = needle.bytes;
        let length = bytes.len();
        let last = Word::of(needle, length.saturating_sub(WORD));
        let others = self.words.len() as u32;
        if length > WORD {
            self.words.extend((0..(length - 1) / WORD).map(|number| Word::of(needle, number * WORD)));
        }
        let entry =
            |before: usize| (bytes, Entry { last, others, id: needle.id, before: before as u8, length: length as u8 });
        let rows = bytes.windows(4).enumerate().map(|(before, four)| {
            let row = Grams::folded(four);
            let crowd = self.whole.get(&row).map_or(0, Vec::len) / 4;
            (crowd, self.commonness(four), before, row)
        });
        match rows.min() {
            Some((.., before, row)) => self.whole.entry(row).or_default().push(entry(before)),
            None => self.open.entry(Grams::folded(bytes) & THREE).or_default().push(entry(0)),
        }
    }
}

impl GramIndex {
    /// An index of `needles`. None where a look would not pay: the processor is slow at it, or there are many of one or two bytes.
    pub(crate) fn new(needles: &[Needle]) -> Option<Self> {
        let (short, long): (Vec<Needle>, Vec<Needle>) = needles.iter().partition(|needle| needle.bytes.len() < 3);
        if short.len() > MOST_SHORT || long.iter().any(|needle| needle.bytes.len() > LONGEST_PLAIN) {
            return None;
        }
        let mut lists = Lists::new();
        long.iter().for_each(|needle| lists.enter(needle));
        let keys = |lists: &BTreeMap<u32, Vec<Draft>>| lists.keys().copied().collect::<Vec<_>>();
        let grams = Grams::new(&keys(&lists.whole), &keys(&lists.open))?;
        let mut entries = Vec::new();
        Some(Self {
            grams,
            whole: Rows::new(lists.whole, &mut entries),
            open: Rows::new(lists.open, &mut entries),
            entries: entries.into_boxed_slice(),
            words: lists.words.into_boxed_slice(),
            short: short.iter().filter_map(Short::of).collect(),
        })
    }

    /// Whether it finds `needle` in itself.
    pub(crate) fn finds(&self, needle: &Needle) -> bool {
        let mut found = false;
        let dense = self.find(needle.bytes, |id, end| found |= id == needle.id && end == needle.bytes.len());
        // With many that look alike it leaves itself to the matcher.
        found || dense.is_some()
    }

    /// Gives `give` the literals of `row` that are in `text`, with the row's bytes at `place`. How many it compared.
    #[inline]
    fn compare(&self, row: &Row, text: &[u8], place: usize, give: &mut impl FnMut(u32, usize)) -> usize {
        let bit = |place: usize| text.get(place).map_or(u32::MAX, |&byte| bit_of(byte));
        if row.behind & bit(place + 4) == 0 || row.front & bit(place.wrapping_sub(1)) == 0 {
            return 0;
        }
        let (start, count) = (row.start as usize, row.count as usize);
        for entry in self.entries.get(start..start + count).unwrap_or_default() {
            if let Some(end) = entry.end(&self.words, text, place) {
                give(entry.id, end);
            }
        }
        count
    }

    /// Gives `give` each literal that is in `text`, with the place behind it, in no particular order; one of one or two bytes once. Where there is too much to be compared: the place from which on nothing was looked
    /// for. What ends behind that place may not have been given.
    ///
    /// # Cost
    /// What [`Grams::search`] costs, and some 40 instructions for each place that has such bytes of a literal.
    #[inline]
    pub(crate) fn find(&self, text: &[u8], mut give: impl FnMut(u32, usize)) -> Option<usize> {
        for short in &self.short {
            if let Some(end) = short.end(text) {
                give(short.id, end);
            }
        }
        if self.entries.is_empty() {
            return None;
        }
        let has_open = !self.open.table.is_empty();
        let mut compared = 0;
        let mut search = self.grams.search(text);
        while let Some(blocks) = search.next_blocks() {
            for place in blocks.iter().copied().flatten() {
                let key = Grams::folded(text.get(place..).unwrap_or_default());
                compared += 1;
                if let Some(row) = self.whole.of(key) {
                    compared += self.compare(row, text, place, &mut give);
                }
                if has_open && let Some(row) = self.open.of(key & THREE) {
                    compared += self.compare(row, text, place, &mut give);
                }
                if compared > COMPARISONS && compared > COMPARISONS + place / BYTES_A_COMPARISON {
                    return Some(place + 1);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{GramIndex, Needle};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Literals and their cases.
    type Literals = [(Vec<u8>, bool)];

    fn index(literals: &Literals) -> Option<GramIndex> {
        let needle = |(id, (bytes, nocase)): (usize, &'_ (Vec<u8>, bool))| (id as u32, bytes.clone(), *nocase);
        let owned: Vec<_> = literals.iter().enumerate().map(needle).collect();
        let needles: Vec<_> =
            owned.iter().map(|(id, bytes, nocase)| Needle { bytes, nocase: *nocase, id: *id }).collect();
        GramIndex::new(&needles)
    }

    fn found(index: &GramIndex, text: &[u8]) -> (BTreeSet<(u32, usize)>, Option<usize>) {
        let mut found = BTreeSet::new();
        let dense = index.find(text, |id, end| {
            found.insert((id, end));
        });
        (found, dense)
    }

    /// Everything that is there, each literal at each place.
    fn there(literals: &Literals, text: &[u8]) -> BTreeSet<(u32, usize)> {
        let mut there = BTreeSet::new();
        for (id, (bytes, nocase)) in literals.iter().enumerate() {
            for (start, part) in text.windows(bytes.len()).enumerate() {
                if if *nocase { part.eq_ignore_ascii_case(bytes) } else { part == bytes } {
                    there.insert((id as u32, start + bytes.len()));
                }
            }
        }
        there
    }

    fn literals(shortest: usize) -> impl Strategy<Value = Vec<(Vec<u8>, bool)>> {
        let byte = prop::sample::select(b"abzAB\0 x@`".to_vec());
        let literal = (prop::collection::vec(byte, shortest..=32), any::<bool>());
        prop::collection::vec(literal, 1..60).prop_map(|mut literals| {
            literals.iter_mut().filter(|(_, nocase)| *nocase).for_each(|(bytes, _)| bytes.make_ascii_lowercase());
            literals
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_a_search_for_each_finds_and_nothing_else(
            literals in (1..=6_usize).prop_flat_map(literals),
            plants in prop::collection::vec((any::<prop::sample::Index>(), 0..200_usize, any::<bool>()), 0..12),
            filler in prop::sample::select(vec![b".".to_vec(), b"ab".to_vec(), b"\0\0 ".to_vec(), b"qrstuvw".to_vec()]),
        ) {
            let Some(index) = index(&literals) else { return Ok(()) };
            let mut text = Vec::new();
            for (which, gap, capital) in plants {
                text.extend(filler.iter().cycle().take(gap));
                let plant = &which.get(&literals).0;
                text.extend(if capital { plant.to_ascii_uppercase() } else { plant.clone() });
            }
            let (found, dense) = found(&index, &text);
            let there = there(&literals, &text);
            prop_assert!(found.is_subset(&there), "{:?}", found.difference(&there));
            let is_short = |id: u32| literals[id as usize].0.len() < 3;
            for (id, end) in there {
                let told = if is_short(id) { found.iter().any(|(one, _)| *one == id) } else { found.contains(&(id, end)) };
                prop_assert!(told || dense.is_some_and(|from| end > from), "{id} at {end}, dense from {dense:?}");
            }
        }
    }

    #[test]
    fn a_text_full_of_beginnings_is_left_to_the_matcher() {
        let literals: Vec<_> = (10..50).map(|n| (format!("qzxq{n}").into_bytes(), false)).collect();
        let Some(index) = index(&literals) else { return };
        let text: Vec<u8> = b"qzxq1".iter().copied().cycle().take(10_000).collect();
        assert!(found(&index, &text).1.is_some_and(|from| from < 500));
    }

    #[test]
    fn sparse_texts_are_looked_through_to_the_end() {
        let literals: Vec<_> = (0..40_u8).map(|n| (format!("needle-{n}").into_bytes(), true)).collect();
        let Some(index) = index(&literals) else { return };
        let mut text = b"nothing of the kind, ".repeat(1_000);
        assert_eq!(found(&index, &text), (BTreeSet::new(), None));
        let end = text.len() + 8;
        text.extend(b"NEEDLE-7");
        assert_eq!(found(&index, &text), (BTreeSet::from([(7, end)]), None));
    }
}
