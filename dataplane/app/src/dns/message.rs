//! One message of DNS, entry by entry.
//!
//! Read by [`super::parse`] on the packet path and again by the encoder of records off it, so that both see the same. Names are put together as rules and records show
//! them: labels with dots between, none behind, bytes as on the wire. Never allocates.
//!
//! What a message costs is bounded by its length: a name may point to another, and a thousand names to the same long one, so all names of a message together are
//! expanded up to [`WORTH`] bytes for each byte of the message and no further.
//!
//! Sources: RFC 1035 section 4, RFC 2181 section 11, RFC 6891 (EDNS).

use crate::pdu::{u8_at, u16_be};

/// Bytes of the header.
pub const HEADER: usize = 12;
/// Bytes of a name that are kept; RFC 1035 allows 255, and names longer than that are told up to here.
pub const LONGEST_NAME: usize = 1_025;
/// Labels and pointers of one name that are followed.
const MOST_LABELS: usize = 255;
const MOST_POINTERS: usize = 255;
/// Bytes of names for each byte of a message; those that are sent have one to three.
pub const WORTH: usize = 8;
/// Bytes of names any message may have besides.
const WORTH_ANY: usize = 8_192;

/// Flags, section 4.1.1 and RFC 2535 section 6.
pub mod flag {
    /// It is a response.
    pub const RESPONSE: u16 = 0x8000;
    /// The server is an authority.
    pub const AUTHORITATIVE: u16 = 0x0400;
    /// It was cut off.
    pub const TRUNCATED: u16 = 0x0200;
    /// Recursion is desired.
    pub const RECURSION_DESIRED: u16 = 0x0100;
    /// Recursion is available.
    pub const RECURSION_AVAILABLE: u16 = 0x0080;
    /// Must be zero.
    pub const ZERO: u16 = 0x0040;
}

/// The header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Number of the question.
    pub id: u16,
    /// Flags, opcode and response code.
    pub flags: u16,
    /// Entries of each section.
    pub counts: [u16; 4],
}

impl Header {
    /// The header at the beginning of `bytes`; none when there are too few.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let word = |at| u16_be(bytes, at);
        Some(Self { id: word(0)?, flags: word(2)?, counts: [word(4)?, word(6)?, word(8)?, word(10)?] })
    }

    /// What is asked for: 0 is a query.
    pub const fn opcode(self) -> u8 {
        (self.flags >> 11 & 15) as u8
    }

    /// How it went: 0 is well.
    pub const fn rcode(self) -> u8 {
        (self.flags & 15) as u8
    }

    /// Whether it is a response.
    pub const fn is_response(self) -> bool {
        self.flags & flag::RESPONSE != 0
    }

    /// Bytes that a message with so many entries has at least.
    pub fn least(self) -> usize {
        let [queries, records @ ..] = self.counts;
        let records: usize = records.into_iter().map(usize::from).sum();
        HEADER + 5 * usize::from(queries) + 11 * records
    }
}

/// Parts of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Questions.
    Queries,
    /// Answers.
    Answers,
    /// Servers that know.
    Authorities,
    /// What may be of use besides.
    Additionals,
}

impl Section {
    const ALL: [Self; 4] = [Self::Queries, Self::Answers, Self::Authorities, Self::Additionals];
}

/// What can be wrong in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Problem {
    /// A name's pointers lead nowhere.
    InfiniteLoop,
    /// A name is longer than is kept.
    NameTooLong,
    /// A name has more labels, or all names together more bytes, than are followed.
    TooManyLabels,
    /// The additional section can't be read.
    InvalidAdditionals,
    /// The authority section can't be read.
    InvalidAuthorities,
    /// Questions or answers can't be read.
    Malformed,
}

impl Problem {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::InfiniteLoop,
        Self::NameTooLong,
        Self::TooManyLabels,
        Self::InvalidAdditionals,
        Self::InvalidAuthorities,
        Self::Malformed,
    ];
}

/// Some problems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Problems(u8);

impl Problems {
    fn add(&mut self, problem: Problem) {
        self.0 |= 1 << problem as u8;
    }

    /// Whether `problem` is among them.
    pub const fn contains(self, problem: Problem) -> bool {
        self.0 & 1 << problem as u8 != 0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A name, put together.
#[derive(Clone, Debug)]
pub struct Name {
    bytes: [u8; LONGEST_NAME],
    length: usize,
    /// It is longer, or goes on where it could not be followed.
    pub truncated: bool,
}

impl Default for Name {
    fn default() -> Self {
        Self { bytes: [0; LONGEST_NAME], length: 0, truncated: false }
    }
}

impl Name {
    /// The name: labels with dots between.
    pub fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Appends a label, behind a dot where it is not the first; false: not all of it found room.
    fn push(&mut self, label: &[u8]) -> bool {
        if self.length > 0 {
            let Some(place) = self.bytes.get_mut(self.length) else { return false };
            *place = b'.';
            self.length += 1;
        }
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        let fits = label.len().min(room.len());
        if let (Some(to), Some(from)) = (room.get_mut(..fits), label.get(..fits)) {
            to.copy_from_slice(from);
        }
        self.length += fits;
        fits == label.len()
    }
}

/// An entry of a message; its name is in the [`Name`] given to [`Reader::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub section: Section,
    /// Type of the record.
    pub rrtype: u16,
    /// Class; 1 is the Internet.
    pub class: u16,
    /// How long it holds, seconds; 0 for a question.
    pub ttl: u32,
    /// Offset of its data in the message.
    pub start: usize,
    /// Bytes of its data.
    pub length: usize,
}

/// Reads a message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    message: &'a [u8],
    /// The header.
    pub header: Header,
    at: usize,
    section: usize,
    done: u16,
    budget: usize,
    problems: Problems,
}

impl<'a> Reader<'a> {
    /// Begins to read `message`; none when it is shorter than a header.
    pub fn of(message: &'a [u8]) -> Option<Self> {
        let header = Header::of(message)?;
        let budget = message.len() * WORTH + WORTH_ANY;
        Some(Self { message, header, at: HEADER, section: 0, done: 0, budget, problems: Problems::default() })
    }

    /// What was wrong so far.
    pub const fn problems(&self) -> Problems {
        self.problems
    }

    /// Whether all of the message was read and nothing stands behind it.
    pub const fn is_at_end(&self) -> bool {
        self.section >= 4 && self.at == self.message.len()
    }

    /// The message.
    pub const fn message(&self) -> &'a [u8] {
        self.message
    }

    /// The data of `entry`.
    pub fn data(&self, entry: &Entry) -> &'a [u8] {
        self.message.get(entry.start..entry.start + entry.length).unwrap_or_default()
    }

    /// The next entry, whose name goes to `name`. None at the end, or where the message can't be read any further.
    pub fn next(&mut self, name: &mut Name) -> Option<Entry> {
        loop {
            let section = *Section::ALL.get(self.section)?;
            if self.header.counts.get(self.section).is_none_or(|count| self.done >= *count) {
                (self.section, self.done) = (self.section + 1, 0);
                continue;
            }
            self.done += 1;
            let entry = self.entry(section, name);
            if entry.is_none() {
                self.problems.add(match section {
                    Section::Queries | Section::Answers => Problem::Malformed,
                    Section::Authorities => Problem::InvalidAuthorities,
                    Section::Additionals => Problem::InvalidAdditionals,
                });
                // Nothing behind it has a beginning that is known.
                self.section = Section::ALL.len();
                self.at = 0;
            }
            return entry;
        }
    }

    fn entry(&mut self, section: Section, name: &mut Name) -> Option<Entry> {
        let at = self.name(self.at, name)?;
        let word = |at| u16_be(self.message, at);
        let (rrtype, class) = (word(at)?, word(at + 2)?);
        let (ttl, start, length) = match section {
            Section::Queries => (0, at + 4, 0),
            _ => {
                let ttl = u32::from(word(at + 4)?) << 16 | u32::from(word(at + 6)?);
                (ttl, at + 10, usize::from(word(at + 8)?))
            }
        };
        if start + length > self.message.len() {
            return None;
        }
        self.at = start + length;
        Some(Entry { section, rrtype, class, ttl, start, length })
    }

    /// Puts together the name at `at`, and gives the offset behind it. None when it does not end in the message. What can't be followed is a problem and cuts the name off.
    ///
    /// # Cost
    /// A step for each label and pointer, up to 255 of each, and a copy of at most [`LONGEST_NAME`] bytes; all names of a message together cost no more than a fixed
    /// multiple of its length.
    pub fn name(&mut self, at: usize, name: &mut Name) -> Option<usize> {
        (name.length, name.truncated) = (0, false);
        let mut at = at;
        let mut end = None;
        let (mut labels, mut pointers) = (0, 0);
        loop {
            let length = usize::from(u8_at(self.message, at)?);
            let wrong = match length >> 6 {
                0 if length == 0 => return Some(end.unwrap_or(at + 1)),
                0 => {
                    let label = self.message.get(at + 1..at + 1 + length)?;
                    at += 1 + length;
                    if name.truncated {
                        // Only its end is looked for; that costs too, as the data of many records may begin names that run on into those behind.
                        self.budget = self.budget.checked_sub(1)?;
                        continue;
                    }
                    labels += 1;
                    let spent = self.budget.checked_sub(length + 1);
                    self.budget = spent.unwrap_or(0);
                    let fits = spent.is_some() && labels <= MOST_LABELS;
                    if !fits {
                        Some(Problem::TooManyLabels)
                    } else if name.push(label) {
                        None
                    } else {
                        Some(Problem::NameTooLong)
                    }
                }
                3 => {
                    let low = usize::from(u8_at(self.message, at + 1)?);
                    end.get_or_insert(at + 2);
                    at = (length & 0x3f) << 8 | low;
                    pointers += 1;
                    self.budget = self.budget.saturating_sub(1);
                    if pointers > MOST_POINTERS {
                        Some(Problem::InfiniteLoop)
                    } else if self.budget == 0 {
                        Some(Problem::TooManyLabels)
                    } else {
                        None
                    }
                }
                // RFC 6891 section 5: these kinds of labels are not used.
                _ => return None,
            };
            if let Some(problem) = wrong {
                self.problems.add(problem);
                name.truncated = true;
            }
            if name.truncated
                && let Some(end) = end
            {
                return Some(end);
            }
        }
    }
}

/// Where a name begins in the data of a record of this type, of those whose data are a name above all.
pub const fn name_offset(rrtype: u16) -> Option<usize> {
    match rrtype {
        // NS, CNAME, SOA (its first server), PTR.
        2 | 5 | 6 | 12 => Some(0),
        // MX: behind the preference.
        15 => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, Problem, Reader, Section};
    use proptest::prelude::*;

    /// A message with these counts and what stands behind the header.
    fn message(counts: [u16; 4], body: &[u8]) -> Vec<u8> {
        let mut message = vec![0, 7, 1, 0];
        counts.iter().for_each(|count| message.extend(count.to_be_bytes()));
        message.extend(body);
        message
    }

    fn names(message: &[u8]) -> (Vec<(Section, String, u16)>, super::Problems) {
        let mut reader = Reader::of(message).unwrap();
        let mut name = Name::default();
        let mut found = Vec::new();
        while let Some(entry) = reader.next(&mut name) {
            found.push((entry.section, name.get().escape_ascii().to_string(), entry.rrtype));
        }
        (found, reader.problems())
    }

    #[test]
    fn names_are_put_together_over_pointers() {
        let body = b"\x03www\x07Example\x03com\0\0\x01\0\x01\xc0\x10\0\x05\0\x01\0\0\0\x05\0\x02\xc0\x0c";
        let message = message([1, 1, 0, 0], body);
        let (found, problems) = names(&message);
        assert!(problems.is_empty());
        assert_eq!(
            found,
            [(Section::Queries, "www.Example.com".to_owned(), 1), (Section::Answers, "Example.com".to_owned(), 5)]
        );
        let mut reader = Reader::of(&message).unwrap();
        let mut name = Name::default();
        reader.next(&mut name);
        let entry = reader.next(&mut name).unwrap();
        assert_eq!(reader.name(entry.start, &mut name), Some(entry.start + 2));
        assert_eq!(name.get(), b"www.Example.com");
        assert!(reader.next(&mut name).is_none() && reader.is_at_end());
    }

    #[test]
    fn a_pointer_to_itself_ends_and_is_told() {
        let (found, problems) = names(&message([2, 0, 0, 0], b"\xc0\x0c\0\x01\0\x01\x01a\0\0\x01\0\x01"));
        assert!(problems.contains(Problem::InfiniteLoop));
        assert_eq!(found.last(), Some(&(Section::Queries, "a".to_owned(), 1)), "what follows is read");
    }

    #[test]
    fn a_long_name_is_cut_off_and_what_follows_is_read() {
        let mut body = Vec::new();
        (0..40).for_each(|_| body.extend([&[30][..], &[b'a'; 30]].concat()));
        body.extend(b"\0\0\x01\0\x01\x01b\0\0\x02\0\x01");
        let (found, problems) = names(&message([2, 0, 0, 0], &body));
        assert!(problems.contains(Problem::NameTooLong) && !problems.contains(Problem::Malformed));
        assert_eq!((found[0].1.len(), found[1].1.as_str()), (super::LONGEST_NAME, "b"));
    }

    #[test]
    fn a_broken_section_is_told_by_its_name() {
        for (counts, problem) in [
            ([2, 0, 0, 0], Problem::Malformed),
            ([1, 1, 0, 0], Problem::Malformed),
            ([1, 0, 1, 0], Problem::InvalidAuthorities),
            ([1, 0, 0, 1], Problem::InvalidAdditionals),
        ] {
            let (found, problems) = names(&message(counts, b"\x01a\0\0\x01\0\x01\0\0\x29\x10\0\0\0\0\0\x01\x02"));
            assert_eq!(found.len(), 1 + usize::from(counts[0] == 2), "{counts:?}");
            let expected = if counts[0] == 2 { problems.is_empty() } else { problems.contains(problem) };
            assert!(expected, "{counts:?} {problems:?}");
        }
        assert!(names(&message([1, 0, 0, 0], b"\x40a")).1.contains(Problem::Malformed));
    }

    #[test]
    fn a_thousand_names_that_point_to_a_long_one_cost_no_more_than_a_multiple_of_the_message() {
        for size in [1_000_usize, 2_000, 4_000, 8_000] {
            let mut body = Vec::new();
            (0..30).for_each(|_| body.extend([&[30][..], &[b'a'; 30]].concat()));
            body.extend(b"\0\0\x01\0\x01");
            (1..size).for_each(|_| body.extend(b"\xc0\x0c\0\x01\0\x01"));
            let message = message([size as u16, 0, 0, 0], &body);
            let (found, problems) = names(&message);
            assert!(problems.contains(Problem::TooManyLabels));
            assert_eq!(found.len(), size);
            let told: usize = found.iter().map(|(_, name, _)| name.len()).sum();
            assert!(told <= message.len() * super::WORTH + super::WORTH_ANY, "{told}");
        }
    }

    /// The same by recursion and without bounds; none for what has no end or is longer than may be.
    fn plain(message: &[u8], at: usize, depth: usize) -> Option<(Vec<Vec<u8>>, usize)> {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => Some((Vec::new(), at + 1)),
            1..=63 => {
                let label = message.get(at + 1..at + 1 + length)?.to_vec();
                let (mut rest, end) = plain(message, at + 1 + length, depth)?;
                rest.insert(0, label);
                Some((rest, end))
            }
            192.. => {
                let to = (length & 63) << 8 | usize::from(*message.get(at + 1)?);
                if depth > 20 { None } else { Some((plain(message, to, depth + 1)?.0, at + 2)) }
            }
            _ => None,
        }
    }

    proptest! {
        /// Against the plain reader, and no bytes whatever are a problem.
        #[test]
        fn names_are_those_of_a_plain_reader(
            body in prop::collection::vec(prop_oneof![4 => 0_u8..6, 1 => Just(0xc0_u8), 1 => any::<u8>(), 2 => 10_u8..40], 0..80),
            at in 0_usize..60
        ) {
            let message = message([1, 1, 1, 1], &body);
            let mut reader = Reader::of(&message).unwrap();
            let mut name = Name::default();
            let end = reader.name(at, &mut name);
            if let Some((labels, behind)) = plain(&message, at, 0) {
                prop_assert_eq!(end, Some(behind));
                prop_assert_eq!(name.get(), labels.join(&b"."[..]));
            }
            let mut count = 0;
            while reader.next(&mut name).is_some() {
                count += 1;
            }
            prop_assert!(count <= 4);
        }
    }
}
