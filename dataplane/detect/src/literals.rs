//! Literals and the rules that wait for them: a database of the multi-pattern matcher.
//!
//! One in each [`crate::group`], over payloads, and one in [`crate::field_groups`] for each field of transactions. Built once with a rule set, read by all workers.

use crate::{
    gram_index::{GramIndex, Needle},
    ruleset::BuildError,
};
use sha2::{Digest, Sha256};
use sluice_app::{Field, field::Kind};
use sluice_core::Counters;
use sluice_hyperscan::{Database, LONGEST_PLAIN, Literal, Mode, Next, Scratch};
use std::collections::BTreeMap;

/// Shortest literal the prefilter over payloads takes, bytes.
pub const SHORTEST_LITERAL: usize = 4;
/// The same over bodies.
pub const SHORTEST_IN_BODY: usize = 3;

/// A literal that must be in the payload for its rule to match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FastPattern {
    /// The bytes; in small letters when `nocase`.
    pub bytes: Vec<u8>,
    /// Capital and small ASCII letters are the same.
    pub nocase: bool,
    /// The field of transactions it is in, and the chain of transforms before; none: the payload.
    pub of: Option<(Field, Option<u32>)>,
}

impl FastPattern {
    /// The part of it that the prefilter looks for: none when it is too short, or a run of one byte, which padding and zeros in any
    /// traffic would report over and over. Long ones are cut: a part filters as well, and keeps clear of the library's defect.
    pub fn literal(&self) -> Option<&[u8]> {
        self.part(SHORTEST_LITERAL, false)
    }

    /// Three bytes to look for where there is no longer literal, if they are rare: for rules that would be judged on every packet that brings bytes.
    pub fn short_literal(&self) -> Option<&[u8]> {
        let is_rare = |byte: &u8| !matches!(byte | 0x20, 0x20 | 0xff);
        self.part(SHORTEST_IN_BODY, false).filter(|part| part.iter().all(is_rare))
    }

    /// As [`FastPattern::literal`] for a field of transactions. Fields are short, so shorter literals and runs do no harm but in bodies.
    pub fn literal_in(&self, field: Field) -> Option<&[u8]> {
        match field.kind() {
            Kind::Body => self.part(SHORTEST_IN_BODY, false),
            _ => self.part(1, true),
        }
    }

    fn part(&self, shortest: usize, runs: bool) -> Option<&[u8]> {
        let bytes = &*self.bytes;
        let first = bytes.get(..LONGEST_PLAIN).unwrap_or(bytes);
        let last = bytes.get(bytes.len().saturating_sub(LONGEST_PLAIN)..).unwrap_or(bytes);
        // Zeros and blanks are as good as the same: they are equal to who looks for both sizes of letters at once.
        let is_run = |part: &[u8]| part.windows(2).all(|pair| matches!(pair, [a, b] if a | 0x20 == b | 0x20));
        [first, last].into_iter().find(|part| part.len() >= shortest && (runs || !is_run(part)))
    }
}

/// Whether binary protocols of any kind are full of `literal`: zeros, with a small number between here and there.
pub(crate) fn is_common(literal: &[u8]) -> bool {
    literal.windows(4).all(|four| four.iter().filter(|byte| **byte == 0).count() >= 3)
}

/// Where compiled matchers are kept from one start to the next: compiling them is most of what loading rules costs.
///
/// Implemented by `sluice-service`. What is read back is trusted: keep it where nobody else can write.
pub trait DatabaseCache {
    /// What was kept under `key`; none when there is nothing, or it is damaged.
    fn load(&self, key: &[u8; 32]) -> Option<Vec<u8>>;
    /// Keeps `bytes` under `key`. Failing is no harm.
    fn store(&self, key: &[u8; 32], bytes: &[u8]);
}

/// A matcher's key: everything that decides what it finds and where it may run.
fn key_of(literals: &[Literal], processor: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(processor.as_bytes());
    for literal in literals {
        hash.update((literal.bytes.len() as u64).to_le_bytes());
        hash.update(&literal.bytes);
        hash.update([u8::from(literal.caseless), u8::from(literal.single_match)]);
        hash.update(literal.id.to_le_bytes());
    }
    hash.finalize().into()
}

/// The matcher of `literals`, from `cache` where it has one.
fn database(literals: &[Literal], cache: Option<&dyn DatabaseCache>) -> Result<Database, BuildError> {
    // Small ones are compiled as fast as they are read.
    let cache = cache.filter(|_| literals.len() >= WORTH_KEEPING);
    let key = key_of(literals, &sluice_hyperscan::version_and_features());
    let kept = cache.and_then(|cache| cache.load(&key)).and_then(|bytes| Database::deserialize(&bytes).ok());
    if let Some(database) = kept.filter(|database| find_each_in_itself(database, literals).is_ok()) {
        return Ok(database);
    }
    let compiled = Database::compile_literals(literals, Mode::Block);
    let database = compiled.map_err(|error| BuildError::Prefilter(error.to_string()))?;
    find_each_in_itself(&database, literals)?;
    if let Some(cache) = cache {
        cache.store(&key, &database.serialize());
    }
    Ok(database)
}

/// Literals from which on a matcher is worth keeping.
const WORTH_KEEPING: usize = 64;

/// Literals, each with the rules that wait for it.
#[derive(Default)]
pub(crate) struct Literals {
    database: Option<Database>,
    /// What finds them faster where traffic holds few of their bytes.
    index: Option<GramIndex>,
    /// For each literal: where its rules begin in `rules_of`; one more at the end.
    starts: Vec<u32>,
    rules_of: Vec<u32>,
}

impl Literals {
    /// None.
    pub const NOTHING: Self = Self { database: None, index: None, starts: Vec::new(), rules_of: Vec::new() };

    /// These literals, caseless or not, and for each the numbers of its rules.
    ///
    /// # Errors
    /// [`BuildError`] when the matcher can't be compiled, or does not find one of its own.
    pub fn new(
        of_literal: BTreeMap<(&[u8], bool), Vec<u32>>,
        cache: Option<&dyn DatabaseCache>,
    ) -> Result<Self, BuildError> {
        let mut starts = vec![0];
        let mut rules_of = Vec::new();
        let mut literals = Vec::new();
        for (id, ((bytes, caseless), rules)) in of_literal.into_iter().enumerate() {
            literals.push(Literal { bytes: bytes.to_vec(), id: id as u32, caseless, single_match: false });
            rules_of.extend(rules);
            starts.push(rules_of.len() as u32);
        }
        let database = if literals.is_empty() { None } else { Some(database(&literals, cache)?) };
        let needles: Vec<Needle> = literals
            .iter()
            .map(|literal| Needle { bytes: &literal.bytes, nocase: literal.caseless, id: literal.id })
            .collect();
        let index = GramIndex::new(&needles).filter(|_| !needles.is_empty());
        if let Some(blind) = index.as_ref().and_then(|index| needles.iter().find(|needle| !index.finds(needle))) {
            return Err(BuildError::BlindPrefilter { literal: blind.bytes.to_vec() });
        }
        Ok(Self { database, index, starts, rules_of })
    }

    /// Gives `found` the rules of each literal that is in `text`, with the place behind it, in no particular order; a literal of one or two bytes may be told once for all its places.
    ///
    /// # Cost
    /// About one instruction a byte where none is; the matcher's, some six a byte, from where on much looks like them.
    pub fn scan(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        counters: &mut Counters,
        mut found: impl FnMut(&[u32], usize),
    ) {
        let Some(database) = self.database.as_ref().filter(|_| !text.is_empty()) else { return };
        counters.detect_scans += 1;
        let from = match &self.index {
            None => 0,
            Some(index) => match index.find(text, |id, end| found(self.rules_of(id), end)) {
                None => return,
                // A literal may begin before what was not looked at.
                Some(dense) => dense.saturating_sub(LONGEST_PLAIN),
            },
        };
        let scanned = database.scan(scratch, text.get(from..).unwrap_or_default(), |id, end| {
            found(self.rules_of(id), from + end);
            Next::Continue
        });
        // A failed scan would blind the engine: it is counted, and a replay that has one is not sound.
        counters.detect_scans_failed += u64::from(scanned.is_err());
    }

    /// The database; none without literals.
    #[inline]
    pub const fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// Rules that wait for literal `id`.
    #[inline]
    fn rules_of(&self, id: u32) -> &[u32] {
        let start = self.starts.get(id as usize).copied().unwrap_or(0) as usize;
        let end = self.starts.get(id as usize + 1).copied().unwrap_or(0) as usize;
        self.rules_of.get(start..end).unwrap_or_default()
    }

    /// Literals in it.
    pub const fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}

/// Every literal must be found in itself: a prefilter that is blind to one of its rules is not put to use.
fn find_each_in_itself(database: &Database, literals: &[Literal]) -> Result<(), BuildError> {
    let mut scratch = Scratch::for_databases(&[database]).map_err(|error| BuildError::Prefilter(error.to_string()))?;
    for literal in literals {
        let mut found = false;
        let scanned = database.scan(&mut scratch, &literal.bytes, |id, _| {
            found |= id == literal.id;
            Next::Continue
        });
        if !found || scanned.is_err() {
            return Err(BuildError::BlindPrefilter { literal: literal.bytes.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FastPattern, is_common};

    fn literal(bytes: &[u8]) -> Option<Vec<u8>> {
        FastPattern { bytes: bytes.to_vec(), nocase: false, of: None }.literal().map(<[u8]>::to_vec)
    }

    #[test]
    fn short_literals_and_runs_are_not_for_the_prefilter() {
        assert_eq!(literal(b"abc"), None);
        assert_eq!(literal(&[0; 40]), None);
        assert_eq!(literal(b" \0\0\0\0"), None);
        assert_eq!(literal(b"aaab"), Some(b"aaab".to_vec()));
    }

    #[test]
    fn three_rare_bytes_are_looked_for_where_there_is_nothing_else() {
        let short =
            |bytes: &[u8]| FastPattern { bytes: bytes.to_vec(), nocase: false, of: None }.short_literal().is_some();
        assert!(short(b"|u0"));
        assert!(!short(b"ab") && !short(b"aAa") && !short(b"a\0b") && !short(b"\xffu0"));
    }

    #[test]
    fn little_but_zeros_is_in_all_traffic() {
        assert!(is_common(&[0, 1, 0, 0]) && is_common(&[5, 0, 0, 0, 0, 0, 0, 1]));
        assert!(!is_common(b"W\0i\0n\0") && !is_common(&[0, 1, 0, 0, 0, 8, 0, 7]));
    }

    #[test]
    fn a_long_literal_is_cut_to_a_part_that_is_no_run() {
        let mut bytes = vec![b'A'; 40];
        bytes.extend(b"end");
        let part = literal(&bytes).unwrap();
        assert_eq!(part.len(), 32);
        assert!(part.ends_with(b"end"));
    }
}
