//! Sets of values kept outside the rules: `dataset` and `datarep`.
//!
//! Made by `sluice-rules` from files, held by rule sets through `Arc`, shared by all workers and outliving a rule set. Asked and changed by
//! workers through [`crate::state::State`] alone, which knows when a packet may see what another flow has left. All room is taken when a
//! set is made: a value that finds none is not put in, and counted (`detect.dataset_full`).
//!
//! No lock and no waiting: values hang in chains that only grow at their head. A value taken out leaves its place to the next one of its
//! bucket; a reader that meets a place while it is filled anew sees its version change and takes it for another value. Two workers that put
//! in the same value at the same moment may both be told that it is new; `State` keeps that from happening where a replay must repeat.
//!
//! Source: the rule documentation of the reference engine, "Datasets".

use sluice_core::HashKey;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Longest value, bytes.
pub const LONGEST_VALUE: usize = 65_535;
/// Values a set that rules write to has room for beyond those of its file, unless its `memcap` says otherwise.
pub const ROOM_VALUES: usize = 65_536;
/// Most values room is made for beyond those of the file, whatever `memcap` says.
pub const MOST_ROOM: usize = 1 << 20;
/// Room for strings: bytes for each value.
const ROOM_BYTES_EACH: usize = 32;

/// What a set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    String,
    /// Digests of 16 bytes.
    Md5,
    /// Digests of 32 bytes.
    Sha256,
    /// IPv4 addresses.
    Ipv4,
    /// Addresses of either family. IPv4 written as IPv6 (`::ffff:0:0/96`) is IPv4.
    Ip,
}

impl Kind {
    /// `bytes` as a value of this kind; none when they can't be one.
    fn value(self, bytes: &[u8]) -> Option<&[u8]> {
        let fits = match self {
            Self::String => bytes.len() <= LONGEST_VALUE,
            Self::Md5 => bytes.len() == 16,
            Self::Sha256 => bytes.len() == 32,
            Self::Ipv4 => bytes.len() == 4,
            Self::Ip => match bytes {
                [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, v4 @ ..] if v4.len() == 4 => return Some(v4),
                _ => matches!(bytes.len(), 4 | 16),
            },
        };
        fits.then_some(bytes)
    }
}

/// What became of a value to be put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is in now, and was not before.
    New,
    /// It was in already, or can't be a value of this set.
    Known,
    /// There is no room.
    Full,
}

const DEAD: u32 = 0;
const LIVE: u32 = 1;
const FILLING: u32 = 2;
/// One version up; the lower two bits are one of the states above.
const VERSION: u32 = 4;

/// A place for a value.
#[derive(Default)]
struct Entry {
    state: AtomicU32,
    next: AtomicU32,
    hash: AtomicU64,
    /// First word of the value, and how many words its place has.
    start: AtomicU32,
    capacity: AtomicU32,
    /// Bytes of the value.
    length: AtomicU32,
    /// Its reputation, or the number of its record.
    number: AtomicU32,
}

/// A set.
pub struct Dataset {
    name: Box<str>,
    kind: Kind,
    written: bool,
    key: HashKey,
    /// For each bucket the number of its first entry, from 1.
    buckets: Box<[AtomicU32]>,
    entries: Box<[Entry]>,
    used: AtomicU32,
    words: Box<[AtomicU64]>,
    words_used: AtomicU32,
    records: Records,
}

/// The records of a set, one text behind the other.
#[derive(Default)]
struct Records {
    texts: Box<str>,
    /// Where each ends.
    ends: Box<[usize]>,
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dataset({})", self.name)
    }
}

impl Dataset {
    /// A set with the values of `loaded` and their numbers (reputations, or see [`Dataset::with_records`]), and room for `room` more. Without room
    /// nothing can be put in later. Of equal values the first counts.
    pub fn new<'v>(
        name: &str,
        kind: Kind,
        loaded: impl Iterator<Item = (&'v [u8], u32)> + Clone,
        room: usize,
        key: HashKey,
    ) -> Self {
        let room = room.min(MOST_ROOM);
        let (count, words) =
            loaded.clone().fold((0, 0), |(count, words), (value, _)| (count + 1, words + value.len().div_ceil(8)));
        let each = match kind {
            Kind::String => ROOM_BYTES_EACH / 8,
            Kind::Md5 | Kind::Ip => 2,
            Kind::Sha256 => 4,
            Kind::Ipv4 => 1,
        };
        let entries = count + room;
        let buckets = entries.next_power_of_two().max(16);
        let set = Self {
            name: name.into(),
            kind,
            written: room > 0,
            key,
            buckets: std::iter::repeat_with(AtomicU32::default).take(buckets).collect(),
            entries: std::iter::repeat_with(Entry::default).take(entries).collect(),
            used: AtomicU32::new(0),
            words: std::iter::repeat_with(AtomicU64::default).take(words + room * each).collect(),
            words_used: AtomicU32::new(0),
            records: Records::default(),
        };
        for (value, number) in loaded {
            set.put(value, number);
        }
        set
    }

    /// A set that is only read, of the values of `loaded` and the record of each.
    pub fn with_records<'v>(
        name: &str,
        kind: Kind,
        loaded: impl Iterator<Item = (&'v [u8], &'v str)> + Clone,
        key: HashKey,
    ) -> Self {
        let numbered = (1..).zip(loaded.clone()).map(|(number, (value, _))| (value, number));
        let mut texts = String::with_capacity(loaded.clone().map(|(_, text)| text.len()).sum());
        let ends = loaded.map(|(_, text)| {
            texts.push_str(text);
            texts.len()
        });
        let ends = ends.collect();
        Self { records: Records { texts: texts.into_boxed_str(), ends }, ..Self::new(name, kind, numbered, 0, key) }
    }

    /// The text of record `number`, from 1.
    pub fn record(&self, number: u32) -> Option<&str> {
        let place = (number as usize).checked_sub(1)?;
        let start = place.checked_sub(1).map_or(Some(0), |before| self.records.ends.get(before).copied())?;
        self.records.texts.get(start..*self.records.ends.get(place)?)
    }

    /// Whether its values have records.
    pub fn has_records(&self) -> bool {
        !self.records.ends.is_empty()
    }

    /// Its name in rules.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether rules write to it. What they don't write to is the same at any moment: looking needs no order among packets.
    pub fn is_written(&self) -> bool {
        self.written
    }

    /// Values in it.
    ///
    /// # Cost
    /// One look at each place.
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.state.load(Ordering::Relaxed) & 3 == LIVE).count()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number that goes with `bytes`: their reputation, or that of their record ([`Dataset::record`]), 0 where the file gives neither; none when
    /// they are not in the set.
    ///
    /// # Cost
    /// One hash of the bytes and a walk along one chain, of one entry on average.
    pub fn get(&self, bytes: &[u8]) -> Option<u32> {
        let value = self.kind.value(bytes)?;
        let hash = self.hash(value);
        self.chain(hash).find_map(|entry| {
            let state = entry.state.load(Ordering::Acquire);
            let there = state & 3 == LIVE && self.holds(entry, hash, value);
            let number = entry.number.load(Ordering::Relaxed);
            // What was read belongs together only if nobody has filled the place in between.
            fence(Ordering::Acquire);
            (there && entry.state.load(Ordering::Relaxed) == state).then_some(number)
        })
    }

    /// Puts `bytes` in.
    ///
    /// # Cost
    /// As [`Dataset::get`], and one write of the bytes.
    pub fn add(&self, bytes: &[u8]) -> Added {
        if self.written { self.put(bytes, 0) } else { Added::Full }
    }

    /// Takes `bytes` out; whether they were in.
    pub fn remove(&self, bytes: &[u8]) -> bool {
        let Some(value) = self.kind.value(bytes) else { return false };
        let hash = self.hash(value);
        let mut removed = false;
        for entry in self.chain(hash) {
            let state = entry.state.load(Ordering::Acquire);
            if state & 3 == LIVE && self.holds(entry, hash, value) {
                let dead = (state & !3) | DEAD;
                removed |= entry.state.compare_exchange(state, dead, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            }
        }
        removed
    }

    /// Calls `tell` with each value. For writing it to a file, when no worker changes it any more.
    pub fn for_each(&self, mut tell: impl FnMut(&[u8])) {
        let mut value = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.state.load(Ordering::Acquire) & 3 == LIVE) {
            let start = entry.start.load(Ordering::Relaxed) as usize;
            let length = entry.length.load(Ordering::Relaxed) as usize;
            value.clear();
            let words = self.words.get(start..start + length.div_ceil(8)).unwrap_or_default();
            words.iter().for_each(|word| value.extend(word.load(Ordering::Relaxed).to_le_bytes()));
            value.truncate(length);
            tell(&value);
        }
    }

    fn put(&self, bytes: &[u8], number: u32) -> Added {
        let Some(value) = self.kind.value(bytes) else { return Added::Known };
        let hash = self.hash(value);
        if self.is_in(hash, value) {
            return Added::Known;
        }
        let words = value.len().div_ceil(8) as u32;
        for entry in self.chain(hash) {
            let state = entry.state.load(Ordering::Acquire);
            let fits = state & 3 == DEAD && entry.capacity.load(Ordering::Relaxed) >= words;
            let filling = state.wrapping_add(VERSION) | FILLING;
            if fits && entry.state.compare_exchange(state, filling, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                // Nobody may see a new word and take the old state for current.
                fence(Ordering::Release);
                self.fill(entry, hash, value, number);
                entry.state.store((filling & !3) | LIVE, Ordering::Release);
                return Added::New;
            }
        }
        let (Some(start), Some(place)) =
            (take(&self.words_used, words, self.words.len()), take(&self.used, 1, self.entries.len()))
        else {
            return Added::Full;
        };
        let (Some(entry), Some(head)) = (self.entries.get(place as usize), self.bucket(hash)) else {
            return Added::Full;
        };
        entry.start.store(start, Ordering::Relaxed);
        entry.capacity.store(words, Ordering::Relaxed);
        self.fill(entry, hash, value, number);
        entry.state.store(VERSION | LIVE, Ordering::Relaxed);
        let mut first = head.load(Ordering::Acquire);
        let mut added = Added::New;
        loop {
            entry.next.store(first, Ordering::Relaxed);
            // Release: who finds the entry finds its value.
            match head.compare_exchange(first, place + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return added,
                Err(other) => first = other,
            }
            if added == Added::New && self.is_in(hash, value) {
                // Somebody was faster: the place is kept for the next value of the bucket.
                entry.state.store(VERSION | DEAD, Ordering::Relaxed);
                added = Added::Known;
            }
        }
    }

    fn is_in(&self, hash: u64, value: &[u8]) -> bool {
        self.chain(hash).any(|entry| entry.state.load(Ordering::Acquire) & 3 == LIVE && self.holds(entry, hash, value))
    }

    fn fill(&self, entry: &Entry, hash: u64, value: &[u8], number: u32) {
        let start = entry.start.load(Ordering::Relaxed) as usize;
        for (word, place) in words_of(value).zip(self.words.get(start..).unwrap_or_default()) {
            place.store(word, Ordering::Relaxed);
        }
        entry.hash.store(hash, Ordering::Relaxed);
        entry.length.store(value.len() as u32, Ordering::Relaxed);
        entry.number.store(number, Ordering::Relaxed);
    }

    fn holds(&self, entry: &Entry, hash: u64, value: &[u8]) -> bool {
        let start = entry.start.load(Ordering::Relaxed) as usize;
        entry.hash.load(Ordering::Relaxed) == hash
            && entry.length.load(Ordering::Relaxed) as usize == value.len()
            && words_of(value)
                .zip(self.words.get(start..).unwrap_or_default())
                .all(|(word, place)| place.load(Ordering::Relaxed) == word)
    }

    fn bucket(&self, hash: u64) -> Option<&AtomicU32> {
        self.buckets.get(hash as usize & (self.buckets.len() - 1))
    }

    /// The entries of a bucket.
    fn chain(&self, hash: u64) -> impl Iterator<Item = &Entry> {
        let mut number = self.bucket(hash).map_or(0, |head| head.load(Ordering::Acquire));
        std::iter::from_fn(move || {
            let entry = self.entries.get((number as usize).checked_sub(1)?)?;
            number = entry.next.load(Ordering::Relaxed);
            Some(entry)
        })
    }

    fn hash(&self, value: &[u8]) -> u64 {
        let mut words = words_of(value);
        let mut hash = value.len() as u64;
        while let Some(first) = words.next() {
            let mut next = || words.next().unwrap_or(0);
            hash = self.key.hash4(&[hash, first, next(), next()]);
        }
        hash
    }
}

/// Takes `count` off what is left of `most`; the first of them.
fn take(used: &AtomicU32, count: u32, most: usize) -> Option<u32> {
    let after = |used: u32| used.checked_add(count).filter(|&used| used as usize <= most);
    used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after).ok()
}

/// The bytes in words, the last filled up with zeros.
fn words_of(value: &[u8]) -> impl Iterator<Item = u64> {
    value.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};
    use std::collections::BTreeSet;

    fn set(kind: Kind, loaded: &[&[u8]], room: usize) -> Dataset {
        let loaded = loaded.iter().map(|value| (*value, 0));
        Dataset::new("names", kind, loaded, room, HashKey::fixed())
    }

    #[test]
    fn values_go_in_and_out_and_only_new_ones_are_new() {
        let set = set(Kind::String, &[b"loaded", b""], 4);
        assert_eq!(
            (set.get(b"loaded"), set.get(b""), set.get(b"load"), set.get(b"loaded\0")),
            (Some(0), Some(0), None, None)
        );
        assert_eq!((set.add(b"new"), set.add(b"new"), set.add(b"loaded")), (Added::New, Added::Known, Added::Known));
        assert!(set.remove(b"new") && !set.remove(b"new") && set.get(b"new").is_none());
        assert_eq!(set.add(b"new"), Added::New);
        assert_eq!(set.len(), 3);
    }

    #[test]
    fn the_first_record_of_a_value_counts_and_each_is_found_by_its_number() {
        let loaded = [(&b"a"[..], "{\"n\":1}"), (b"b", ""), (b"a", "{\"n\":3}"), (b"c", "{\"n\":4}")];
        let set = Dataset::with_records("names", Kind::String, loaded.into_iter(), HashKey::fixed());
        let record = |value: &[u8]| set.get(value).and_then(|number| set.record(number));
        assert_eq!((record(b"a"), record(b"b"), record(b"c")), (Some("{\"n\":1}"), Some(""), Some("{\"n\":4}")));
        assert_eq!((record(b"d"), set.record(0), set.record(5)), (None, None, None));
        assert!(set.has_records() && set.add(b"d") == Added::Full);
    }

    #[test]
    fn a_full_set_takes_no_more_until_a_value_of_the_bucket_leaves() {
        let set = set(Kind::Ipv4, &[], 2);
        assert_eq!((set.add(b"aaaa"), set.add(b"bbbb"), set.add(b"cccc")), (Added::New, Added::New, Added::Full));
        assert_eq!(set.get(b"cccc"), None);
        assert!(set.remove(b"aaaa"));
        assert_eq!(set.add(b"aaaa"), Added::New, "its place was kept");
        assert_eq!(set.len(), 2);
    }

    #[test]
    fn strings_are_bounded_by_their_bytes() {
        let set = set(Kind::String, &[], 4);
        assert_eq!(set.add(&[b'a'; 4 * ROOM_BYTES_EACH + 1]), Added::Full);
        assert_eq!(set.add(&[b'a'; 4 * ROOM_BYTES_EACH]), Added::New);
        assert_eq!(set.add(b"b"), Added::Full);
        assert_eq!(set.add(&[b'a'; LONGEST_VALUE + 1]), Added::Known, "too long to be a value");
    }

    #[test]
    fn a_set_without_room_is_only_read() {
        let set = set(Kind::String, &[b"a"], 0);
        assert!(!set.is_written());
        assert_eq!(set.add(b"b"), Added::Full);
    }

    #[test]
    fn values_have_the_length_of_their_kind_and_an_address_has_one_form() {
        for (kind, length) in [(Kind::Md5, 16), (Kind::Sha256, 32), (Kind::Ipv4, 4)] {
            let set = set(kind, &[], 3);
            assert_eq!(set.add(&vec![1; length]), Added::New);
            assert_eq!(set.add(&vec![1; length + 1]), Added::Known);
            assert!(set.get(&vec![1; length]).is_some() && set.get(&vec![1; length - 1]).is_none());
        }
        let set = set(Kind::Ip, &[&[10, 0, 0, 1]], 3);
        assert!(set.get(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1]).is_some());
        assert!(set.get(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1]).is_none());
        assert_eq!(set.add(&[0xfd; 16]), Added::New);
    }

    #[test]
    fn workers_share_a_set_without_losing_values() {
        let set = set(Kind::String, &[], 4_000);
        std::thread::scope(|scope| {
            for worker in 0..4_u32 {
                let set = &set;
                scope.spawn(move || {
                    for number in 0..1_000_u32 {
                        let own = (worker * 1_000 + number).to_le_bytes();
                        assert_ne!(set.add(&own), Added::Full);
                        set.add(b"everybody's");
                        if number % 2 == 0 {
                            assert!(set.remove(&own));
                        }
                        assert_eq!(set.get(&own).is_some(), number % 2 == 1);
                    }
                });
            }
        });
        assert!((2_001..2_005).contains(&set.len()), "one value may be in more than once");
    }

    proptest! {
        #[test]
        fn a_set_is_a_set(steps in vec((0..3_u8, vec(0..3_u8, 0..10)), 0..200)) {
            let (set, mut reference) = (set(Kind::String, &[], 300), BTreeSet::new());
            for (step, value) in steps {
                match step {
                    0 => prop_assert_eq!(set.add(&value) == Added::New, reference.insert(value)),
                    1 => prop_assert_eq!(set.remove(&value), reference.remove(&value)),
                    _ => prop_assert_eq!(set.get(&value).is_some(), reference.contains(&value)),
                }
            }
            let mut found = BTreeSet::new();
            set.for_each(|value| { found.insert(value.to_vec()); });
            prop_assert_eq!(found, reference);
        }
    }
}
