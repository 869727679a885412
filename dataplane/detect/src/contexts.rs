//! What signatures that matched tell besides themselves: records of data sets, and bytes that were captured.
//!
//! Filled by [`crate::run`] while a rule is judged, kept with the finding by [`crate::inspect`] when the rule matches, read by the worker when it
//! tells of the alert. Of a fixed size: what finds no room is left out and counted (`detect.context_full`); the alert itself is not. Never allocates
//! after it is made. A record is not copied: its number goes along, and the text stays with its set.
//!
//! Source: the rule documentation of the reference engine, "Datasets: dataset with JSON".

use crate::dataset::Dataset;
use sluice_core::context::ContextText;
use std::sync::Arc;

/// Texts one packet's alerts can carry together.
const MOST: usize = 64;
/// Captured bytes they can carry together.
const MOST_BYTES: usize = 8_192;

/// Under which key something is told, and where its text is found. Rule sets have a list of them, [`crate::Ruleset::context_sources`].
#[derive(Clone, Debug)]
pub struct ContextSource {
    /// The key.
    pub key: Box<str>,
    /// The set whose records are told; none: bytes of the traffic are.
    pub set: Option<Arc<Dataset>>,
}

impl PartialEq for ContextSource {
    fn eq(&self, other: &Self) -> bool {
        let same_set = match (&self.set, &other.set) {
            (Some(set), Some(other)) => Arc::ptr_eq(set, other),
            (None, None) => true,
            _ => false,
        };
        same_set && self.key == other.key
    }
}

/// Texts of one finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContextRange {
    start: u16,
    count: u16,
}

#[derive(Clone, Copy, Debug)]
enum Text {
    /// The record with this number in the set of its source.
    Record(u32),
    /// Where the bytes lie.
    Bytes(u32, u32),
}

/// Texts to be told.
#[derive(Clone, Debug)]
pub struct Contexts {
    list: [(u16, Text); MOST],
    used: usize,
    bytes: Box<[u8; MOST_BYTES]>,
    filled: usize,
    /// Texts that found no room.
    full: u64,
}

impl Default for Contexts {
    fn default() -> Self {
        let nothing = (0, Text::Record(0));
        Self { list: [nothing; MOST], used: 0, bytes: Box::new([0; MOST_BYTES]), filled: 0, full: 0 }
    }
}

impl Contexts {
    /// Forgets all texts.
    #[inline]
    pub fn clear(&mut self) {
        (self.used, self.filled) = (0, 0);
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// How much there is: for [`Contexts::keep`].
    pub fn mark(&self) -> (usize, usize) {
        (self.used, self.filled)
    }

    /// Keeps what was there at `mark`: what the rule looked at behind it did not match after all.
    pub fn keep(&mut self, (used, filled): (usize, usize)) {
        (self.used, self.filled) = (self.used.min(used), self.filled.min(filled));
    }

    /// Adds the record with number `record` of the set of `source`.
    pub fn add_record(&mut self, source: u16, record: u32) {
        self.add(source, Text::Record(record));
    }

    /// Adds `bytes` under the key of `source`; all of them or none.
    pub fn add_bytes(&mut self, source: u16, bytes: &[u8]) {
        let start = self.filled;
        let end = start + bytes.len();
        match self.bytes.get_mut(start..end) {
            Some(room) if self.used < MOST => {
                room.copy_from_slice(bytes);
                self.filled = end;
                self.add(source, Text::Bytes(start as u32, bytes.len() as u32));
            }
            _ => self.full += 1,
        }
    }

    fn add(&mut self, source: u16, text: Text) {
        match self.list.get_mut(self.used) {
            Some(place) => {
                *place = (source, text);
                self.used += 1;
            }
            None => self.full += 1,
        }
    }

    /// Texts that found no room since this was last asked.
    pub fn take_full(&mut self) -> u64 {
        std::mem::take(&mut self.full)
    }

    /// Appends what `other` holds; where it is.
    pub fn append(&mut self, other: &Self) -> ContextRange {
        let start = self.used;
        for (source, text) in other.list.iter().take(other.used) {
            match *text {
                Text::Record(record) => self.add_record(*source, record),
                Text::Bytes(start, length) => self.add_bytes(*source, other.captured(start, length)),
            }
        }
        ContextRange { start: start as u16, count: (self.used - start) as u16 }
    }

    fn captured(&self, start: u32, length: u32) -> &[u8] {
        self.bytes.get(start as usize..(start as usize).saturating_add(length as usize)).unwrap_or_default()
    }

    /// Calls `tell` with the key and text of everything in `range`. `sources` are those of the rule set in force.
    pub fn each<'a>(
        &'a self,
        range: ContextRange,
        sources: &'a [ContextSource],
        mut tell: impl FnMut(&'a str, ContextText<'a>),
    ) {
        let end = usize::from(range.start) + usize::from(range.count);
        for (source, text) in self.list.get(usize::from(range.start)..end.min(self.used)).unwrap_or_default() {
            let Some(source) = sources.get(usize::from(*source)) else { continue };
            match *text {
                Text::Bytes(start, length) => tell(&source.key, ContextText::Bytes(self.captured(start, length))),
                Text::Record(record) => {
                    if let Some(json) = source.set.as_ref().and_then(|set| set.record(record)) {
                        tell(&source.key, ContextText::Json(json));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(contexts: &Contexts, range: ContextRange) -> Vec<(String, Vec<u8>)> {
        let sources = ["a", "b"].map(|key| ContextSource { key: key.into(), set: None });
        let mut told = Vec::new();
        contexts.each(range, &sources, |key, text| {
            let ContextText::Bytes(bytes) = text else { panic!("no records here") };
            told.push((key.to_owned(), bytes.to_vec()));
        });
        told
    }

    #[test]
    fn each_finding_tells_its_own_texts_and_what_did_not_match_tells_nothing() {
        let (mut all, mut of_rule) = (Contexts::default(), Contexts::default());
        of_rule.add_bytes(0, b"one");
        let mark = of_rule.mark();
        of_rule.add_bytes(1, b"gone");
        of_rule.keep(mark);
        of_rule.add_bytes(1, b"two");
        let first = all.append(&of_rule);
        of_rule.clear();
        of_rule.add_bytes(0, b"three");
        let second = all.append(&of_rule);
        assert_eq!(told(&all, first), [("a".into(), b"one".to_vec()), ("b".into(), b"two".to_vec())]);
        assert_eq!(told(&all, second), [("a".into(), b"three".to_vec())]);
        assert_eq!(told(&all, ContextRange::default()), []);
        assert_eq!((all.take_full(), of_rule.take_full()), (0, 0));
    }

    #[test]
    fn what_finds_no_room_is_counted_and_what_is_there_stays() {
        let mut contexts = Contexts::default();
        contexts.add_bytes(0, &[b'x'; MOST_BYTES]);
        contexts.add_bytes(0, b"y");
        assert_eq!(contexts.take_full(), 1);
        (0..MOST).for_each(|_| contexts.add_bytes(1, b""));
        assert_eq!((contexts.take_full(), contexts.mark()), (1, (MOST, MOST_BYTES)));
        let mut copy = Contexts::default();
        let range = copy.append(&contexts);
        assert_eq!(told(&copy, range).len(), MOST);
    }

    #[test]
    fn a_source_that_is_not_there_tells_nothing() {
        let mut contexts = Contexts::default();
        contexts.add_bytes(9, b"text");
        contexts.add_record(0, 1);
        assert_eq!(told(&contexts, ContextRange { start: 0, count: 2 }), []);
    }
}
