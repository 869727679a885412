//! What of a text the matcher must see: a quick look that leaves out where no literal can be.
//!
//! Built with each large matcher by [`crate::literals`], asked for each payload and body before it. Every literal gives one row of four bytes, its rarest (three, where there are
//! literals of three); where one of those stands, and the literal's ends with it, there is a region for the matcher. A literal that is in the text is in a region: a property test holds that against a search for each. Where regions would
//! be dense the rest of the text is one, so nobody can make this dearer than the matcher alone by more than a fixed share.

use sluice_cell::Grams;
use std::{
    collections::BTreeMap,
    ops::{ControlFlow, Range},
};

/// Literals from which on looking first pays.
const WORTH_A_LOOK: usize = 24;
/// Literals told apart at one place; with more, the place is a region whatever stands around it.
const MOST_AT_A_PLACE: usize = 4;
/// Longest literal, bytes.
const LONGEST: usize = sluice_hyperscan::LONGEST_PLAIN;
/// A place that may begin a region is allowed for each so many bytes; with more of them there is one region to the end.
const BYTES_A_PLACE: usize = 16;
/// Places allowed in any text.
const PLACES_ALLOWED: usize = 8;

/// Literals by some of their bytes.
pub(crate) struct Sieve {
    grams: Grams,
    /// Lists by those bytes, in a table with free places: a power of two.
    rows: Box<[Row]>,
    ends: Box<[Ends]>,
}

/// The literals found by the same bytes.
#[derive(Clone, Copy, Default)]
struct Row {
    folded: u32,
    /// Where its literals lie: none when both are equal.
    start: u32,
    end: u32,
    /// There are too many of them: no end is looked at.
    crowded: bool,
}

/// What is known of a literal without looking at all its bytes.
#[derive(Clone, Copy)]
struct Ends {
    /// Where its bytes stand in it.
    before: u8,
    length: u8,
    /// Its first bytes and its last, eight at the most, letters small.
    first: u64,
    last: u64,
    /// Which of them count.
    mask: u64,
}

/// Makes letters small, and changes other bytes: both sides of a comparison alike.
const FOLD: u64 = 0x2020_2020_2020_2020;

/// Eight bytes from `at` on, zeros behind the end of `text`.
#[inline]
fn eight(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => rest.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte)),
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

impl Ends {
    fn of(literal: &[u8], before: usize) -> Self {
        let counted = literal.len().min(8);
        Self {
            before: before as u8,
            length: literal.len() as u8,
            first: eight(literal, 0) | FOLD,
            last: eight(literal, literal.len() - counted) | FOLD,
            mask: u64::MAX >> ((8 - counted) * 8),
        }
    }

    /// Where the literal may lie in `text`, of which its bytes stand at `place`.
    #[inline]
    fn region(&self, text: &[u8], place: usize) -> Option<Range<usize>> {
        let start = place.checked_sub(usize::from(self.before))?;
        let length = usize::from(self.length);
        let differs = |bytes: u64, wanted: u64| ((bytes | FOLD) ^ wanted) & self.mask != 0;
        if start + length > text.len()
            || differs(eight(text, start), self.first)
            || differs(eight(text, start + length - length.min(8)), self.last)
        {
            return None;
        }
        Some(start..start + length)
    }
}

impl Sieve {
    /// A sieve for `literals`. None when a look would not pay: there are few, one is too short, or the processor is slow at it.
    pub(crate) fn new<'a>(literals: impl ExactSizeIterator<Item = &'a [u8]> + Clone) -> Option<Self> {
        if literals.len() < WORTH_A_LOOK {
            return None;
        }
        let width = literals.clone().map(<[u8]>::len).min()?.min(4);
        if width < 3 {
            return None;
        }
        let mut of_row: BTreeMap<u32, Vec<Ends>> = BTreeMap::new();
        for literal in literals {
            if literal.len() > LONGEST {
                return None;
            }
            let rows = literal.windows(width).enumerate();
            let rows = rows.filter_map(|(before, bytes)| Some((Grams::folded(bytes, width)?, before, bytes)));
            let (row, before, _) = rows.min_by_key(|(row, _, bytes)| {
                let crowd = of_row.get(row).map_or(0, Vec::len) / MOST_AT_A_PLACE;
                (crowd, bytes.iter().map(|byte| commonness(*byte)).product::<u32>())
            })?;
            of_row.entry(row).or_default().push(Ends::of(literal, before));
        }
        let grams = Grams::new(of_row.keys().copied(), width)?;
        let mut rows = vec![Row::default(); (of_row.len() * 4).next_power_of_two()];
        let mut ends = Vec::new();
        for (folded, of_it) in of_row {
            let start = ends.len() as u32;
            let crowded = of_it.len() > MOST_AT_A_PLACE;
            ends.extend(of_it);
            let mut at = Self::hash(folded, rows.len());
            while rows.get(at).is_some_and(|row| row.start != row.end) {
                at = (at + 1) % rows.len();
            }
            if let Some(row) = rows.get_mut(at) {
                *row = Row { folded, start, end: ends.len() as u32, crowded };
            }
        }
        Some(Self { grams, rows: rows.into_boxed_slice(), ends: ends.into_boxed_slice() })
    }

    #[inline]
    const fn hash(folded: u32, rows: usize) -> usize {
        ((folded.wrapping_mul(0x9e37_79b1) >> 8) as usize) & rows.wrapping_sub(1)
    }

    #[inline]
    fn row(&self, folded: u32) -> Option<&Row> {
        let mut at = Self::hash(folded, self.rows.len());
        // A quarter of the places is taken at the most: there is an end.
        while let Some(row) = self.rows.get(at).filter(|row| row.start != row.end) {
            if row.folded == folded {
                return Some(row);
            }
            at = (at + 1) & self.rows.len().wrapping_sub(1);
        }
        None
    }

    /// Gives `give` the parts of `text` that the matcher must see: in order, apart from each other.
    ///
    /// # Cost
    /// About 1.3 instructions a byte, and some 50 for each place that has such bytes of a literal.
    #[inline]
    pub(crate) fn regions(&self, text: &[u8], mut give: impl FnMut(Range<usize>)) {
        // A region that may still grow.
        let mut waiting: Option<Range<usize>> = None;
        let mut places = 0;
        self.grams.each(text, |place| {
            places += 1;
            if places > PLACES_ALLOWED + place / BYTES_A_PLACE {
                let from = waiting.take().map_or(place, |waiting| waiting.start);
                waiting = Some(from.min(place.saturating_sub(LONGEST))..text.len());
                return ControlFlow::Break(());
            }
            if let Some(region) = self.region(text, place) {
                waiting = Some(match waiting.take() {
                    // What is found later can't reach into what was given before.
                    Some(done) if region.start.saturating_sub(LONGEST) > done.end => {
                        give(done);
                        region
                    }
                    Some(waiting) => waiting.start.min(region.start)..waiting.end.max(region.end),
                    None => region,
                });
            }
            ControlFlow::Continue(())
        });
        if let Some(last) = waiting {
            give(last);
        }
    }

    /// Where the literals lie whose bytes stand at `place`.
    #[inline]
    fn region(&self, text: &[u8], place: usize) -> Option<Range<usize>> {
        let row = self.row(Grams::folded(text.get(place..)?, self.grams.width())?)?;
        if row.crowded {
            return Some(place.saturating_sub(LONGEST)..(place + LONGEST).min(text.len()));
        }
        let ends = self.ends.get(row.start as usize..row.end as usize)?;
        let mut found: Option<Range<usize>> = None;
        for region in ends.iter().filter_map(|ends| ends.region(text, place)) {
            found = Some(match found {
                Some(found) => found.start.min(region.start)..found.end.max(region.end),
                None => region,
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES_A_PLACE, LONGEST, Sieve};
    use proptest::prelude::*;

    fn sieve(literals: &[Vec<u8>]) -> Option<Sieve> {
        Sieve::new(literals.iter().map(Vec::as_slice))
    }

    fn regions(sieve: &Sieve, text: &[u8]) -> Vec<std::ops::Range<usize>> {
        let mut regions = Vec::new();
        sieve.regions(text, |region| regions.push(region));
        regions
    }

    proptest! {
        #[test]
        fn every_literal_of_the_text_lies_in_a_region_and_regions_are_apart(
            literals in (3..=4_usize).prop_flat_map(|shortest| {
                let bytes = prop::sample::select(b"abAB\0 x".to_vec());
                prop::collection::vec(prop::collection::vec(bytes, shortest..=LONGEST), 24..60)
            }),
            plants in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize), 0..12),
            filler in prop::sample::select(vec![b".".to_vec(), b"ab".to_vec(), b"a".to_vec(), b"\0\0 ".to_vec(), b"qrstuvw".to_vec()]),
        ) {
            let Some(sieve) = sieve(&literals) else { return Ok(()) };
            let mut text = Vec::new();
            for (which, gap) in plants {
                text.extend(filler.iter().cycle().take(gap));
                text.extend(which.get(&literals));
            }
            text.extend(filler.iter().cycle().take(20));
            let regions = regions(&sieve, &text);
            for pair in regions.windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
            for literal in &literals {
                for (start, part) in text.windows(literal.len()).enumerate() {
                    if part.eq_ignore_ascii_case(literal) {
                        let within = |region: &std::ops::Range<usize>| region.start <= start && start + literal.len() <= region.end;
                        prop_assert!(regions.iter().any(within), "{} at {start}: {regions:?}", literal.escape_ascii());
                    }
                }
            }
        }
    }

    #[test]
    fn a_text_full_of_beginnings_is_one_region() {
        let literals: Vec<Vec<u8>> = (10..50).map(|n| format!("qzxq{n}").into_bytes()).collect();
        let Some(sieve) = sieve(&literals) else { return };
        let text: Vec<u8> = b"qzx".iter().copied().cycle().take(10_000).collect();
        let regions = regions(&sieve, &text);
        assert_eq!(regions.last().map(|region| region.end), Some(text.len()));
        assert!(regions.len() < 4, "{regions:?}");
    }

    #[test]
    fn a_text_without_any_is_left_out() {
        let literals: Vec<Vec<u8>> = (0..40_u8).map(|n| format!("needle-{n}").into_bytes()).collect();
        let Some(sieve) = sieve(&literals) else { return };
        let text: Vec<u8> = b"nothing of the kind, ".iter().copied().cycle().take(BYTES_A_PLACE * 1_000).collect();
        assert!(regions(&sieve, &text).is_empty());
    }

    #[test]
    fn few_literals_and_short_ones_are_not_worth_a_look() {
        assert!(sieve(&[b"needle".to_vec()]).is_none());
        assert!(sieve(&vec![b"ab".to_vec(); 40]).is_none());
    }
}
