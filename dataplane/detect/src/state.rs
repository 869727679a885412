//! State shared between flows: thresholds' tallies, host bits and pair bits.
//!
//! One for all workers, so that an attacker whose flows lie with several workers is counted once. Bounded: entries are given up oldest first. Divided
//! into shards by what they are about; a worker claims a shard for one operation, which happens only when a signature has matched otherwise, never
//! for every packet. Nobody sleeps for a claim: who does not get it within [`PATIENCE`] tries goes on without, which is counted.
//!
//! In a replay each operation waits until every packet before it is done ([`Turn`]), so that it says the same whatever the number of workers.

use crate::{
    check::{Owner, SharedBit},
    dataset::{Added, Dataset},
    ports::PortSets,
    threshold::{Outcome, Tally, Threshold},
};
use parking_lot::{Mutex, MutexGuard};
use sluice_core::{
    HashKey, Nanos,
    order::Turn,
    table::{Table, TableKey},
    time::NANOS_PER_SECOND,
};
use sluice_flow::marks::{TagLimit, TagsLeft};
use std::sync::Arc;

/// Tallies kept at once.
const TALLIES: usize = 16_384;
/// Host and pair bits kept at once.
const BITS: usize = 16_384;
/// Hosts whose packets are tagged at once.
const TAGS: usize = 4_096;
/// Pieces the state is divided into.
const SHARDS: usize = 16;
/// Tries for a claim: far longer than an operation takes, far less than a packet may wait.
const PATIENCE: u32 = 20_000;

/// What all workers share.
pub struct SharedState {
    shards: Box<[Mutex<Shard>]>,
    hash: HashKey,
}

struct Shard {
    tallies: Table<Tally>,
    bits: Table<BitUntil>,
    tags: Table<TagsLeft>,
    ports: PortSets,
}

/// One worker's hand on the shared state.
pub struct State {
    shared: Arc<SharedState>,
    /// The packet's turn.
    pub turn: Turn,
    /// Nothing is kept of what the packet at hand does.
    frozen: bool,
    /// What was lost in this worker's operations.
    pub losses: Losses,
}

/// What operations on the shared state lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Entries that had to make room.
    pub evicted: u64,
    /// Matches that counted without a look at their port, because no room was left to remember ports.
    pub ports_refused: u64,
    /// Operations that did not get hold of the state, and were answered without it.
    pub busy: u64,
}

#[derive(Clone, Copy, Default)]
struct BitUntil(Nanos);

/// Who a tally or bit belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Two words of address or flow id.
    pub words: [u64; 2],
    /// 4 or 6, so that an IPv4 address is never an IPv6 one; 0 for what is no address.
    pub ip_version: u8,
}

impl Subject {
    /// The owner's address or addresses in a packet from `src` to `dst`.
    pub fn of(owner: Owner, ip_version: u8, src: &[u8; 16], dst: &[u8; 16]) -> Self {
        let [source, destination] = [src, dst].map(|address| u128::from_be_bytes(*address));
        let number = match owner {
            Owner::Source => source,
            Owner::Destination => destination,
            // The same for both directions, and not zero for a pair of equals.
            Owner::Pair => source.min(destination).rotate_left(37).wrapping_add(source.max(destination)),
        };
        Self { words: [number as u64, (number >> 64) as u64], ip_version }
    }

    fn tags(self) -> TableKey {
        let [low, high] = self.words;
        [low, high, 3 << 40, u64::from(self.ip_version)]
    }

    fn key(self, owner: Owner, bit: SharedBit) -> [u64; 4] {
        let [low, high] = self.words;
        let (kind, number) = match bit {
            SharedBit::Host(number) => (1, number),
            SharedBit::X(number) => (2, number),
        };
        [low, high, (kind << 40) | (tag(owner) << 32) | u64::from(number), u64::from(self.ip_version)]
    }
}

impl SharedState {
    /// Empty state.
    pub fn new(hash: HashKey) -> Arc<Self> {
        let shard = |_| {
            Mutex::new(Shard {
                tallies: Table::new(TALLIES / SHARDS, hash),
                bits: Table::new(BITS / SHARDS, hash),
                tags: Table::new(TAGS / SHARDS, hash),
                ports: PortSets::with_sets(PortSets::SETS / SHARDS),
            })
        };
        Arc::new(Self { shards: (0..SHARDS).map(shard).collect(), hash })
    }

    /// Claims the shard of `key`; none when it is not to be had.
    fn claim(&self, key: &TableKey) -> Option<MutexGuard<'_, Shard>> {
        // The low bits choose the place within a shard's table.
        let place = (self.hash.hash4(key) >> 48) as usize % SHARDS;
        let shard = self.shards.get(place)?;
        for _ in 0..PATIENCE {
            // Never parks: no worker sleeps here, so giving the claim back never has to wake one.
            if let Some(guard) = shard.try_lock() {
                return Some(guard);
            }
            std::hint::spin_loop();
        }
        None
    }
}

impl Shard {
    /// Entries that had to make room so far, and matches that counted without a look at their port.
    fn losses(&self) -> (u64, u64) {
        (self.tallies.evicted() + self.bits.evicted() + self.tags.evicted(), self.ports.refused())
    }
}

impl State {
    /// The hand of one worker, whose turns are `turn`.
    pub fn new(shared: Arc<SharedState>, turn: Turn) -> Self {
        Self { shared, turn, frozen: false, losses: Losses::default() }
    }

    /// State of one's own: for one worker, and for tests.
    pub fn alone(hash: HashKey) -> Self {
        Self::new(SharedState::new(hash), Turn::default())
    }

    /// From now on nothing is kept, until this is taken back: for packets that the other end never reads.
    pub fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Does `work` on the shard of `key` when it is this packet's turn; `otherwise` when the shard is not to be had.
    fn with<T>(&mut self, key: &TableKey, otherwise: T, work: impl FnOnce(&mut Shard) -> T) -> T {
        self.turn.wait();
        match self.shared.claim(key) {
            Some(mut shard) => {
                let (evicted, refused) = shard.losses();
                let answer = work(&mut shard);
                let now = shard.losses();
                self.losses.evicted += now.0 - evicted;
                self.losses.ports_refused += now.1 - refused;
                answer
            }
            None => {
                self.losses.busy += 1;
                otherwise
            }
        }
    }

    /// Counts one match by `threshold`, which is number `place` of the signature `gid_sid`, for `subject`. `port` is the one that must differ.
    pub fn count(
        &mut self,
        threshold: &Threshold,
        subject: Subject,
        gid_sid: u64,
        place: u8,
        now: Nanos,
        port: u16,
    ) -> Outcome {
        let [low, high] = subject.words;
        let key = [low, high, gid_sid, (u64::from(place) << 8) | u64::from(subject.ip_version)];
        let frozen = self.frozen;
        // Better one alert too many than one too few.
        self.with(&key, Outcome::Speak, |shard| {
            if frozen {
                let mut tally = shard.tallies.get(&key).copied().unwrap_or_default();
                return Threshold { unique_on: None, ..*threshold }.count(&mut tally, &mut shard.ports, now, port);
            }
            match shard.tallies.get_or_insert(&key, now) {
                Some(tally) => threshold.count(tally, &mut shard.ports, now, port),
                None => Outcome::Speak,
            }
        })
    }

    /// Whether `bit` of `subject` is set at `now`.
    pub fn is_set(&mut self, subject: Subject, owner: Owner, bit: SharedBit, now: Nanos) -> bool {
        let key = subject.key(owner, bit);
        self.with(&key, false, |shard| shard.bits.get(&key).is_some_and(|until| until.0 > now))
    }

    /// Sets `bit` of `subject` for `seconds`.
    pub fn set(&mut self, subject: Subject, owner: Owner, bit: SharedBit, now: Nanos, seconds: u32) {
        if self.frozen {
            return;
        }
        let key = subject.key(owner, bit);
        self.with(&key, (), |shard| {
            if let Some(until) = shard.bits.get_or_insert(&key, now) {
                *until = BitUntil(Nanos(now.0.saturating_add(u64::from(seconds) * NANOS_PER_SECOND)));
            }
        });
    }

    /// Unsets `bit` of `subject`.
    pub fn unset(&mut self, subject: Subject, owner: Owner, bit: SharedBit) {
        if !self.frozen {
            let key = subject.key(owner, bit);
            self.with(&key, (), |shard| shard.bits.remove(&key));
        }
    }

    /// Tags the packets of `host` that follow.
    pub fn tag_host(&mut self, host: Subject, limit: TagLimit, now: Nanos) {
        if self.frozen {
            return;
        }
        let key = host.tags();
        self.with(&key, (), |shard| {
            if let Some(left) = shard.tags.get_or_insert(&key, now) {
                left.extend(limit, now);
            }
        });
    }

    /// Whether a packet of `host`, `length` bytes long, is tagged. It uses up its part.
    pub fn take_host_tag(&mut self, host: Subject, length: usize, now: Nanos) -> bool {
        let (key, frozen) = (host.tags(), self.frozen);
        self.with(&key, false, |shard| match shard.tags.get(&key) {
            Some(left) if frozen => { *left }.take(length, now),
            Some(left) => left.take(length, now),
            None => false,
        })
    }

    /// The number that goes with `value` in `set`, see [`Dataset::get`]; none when it is not in it.
    pub fn dataset_get(&mut self, set: &Dataset, value: &[u8]) -> Option<u32> {
        self.order(set);
        set.get(value)
    }

    /// Puts `value` into `set`.
    pub fn dataset_add(&mut self, set: &Dataset, value: &[u8]) -> Added {
        self.order(set);
        match self.frozen {
            false => set.add(value),
            true if set.get(value).is_some() => Added::Known,
            true => Added::New,
        }
    }

    /// Takes `value` out of `set`; whether it was in.
    pub fn dataset_remove(&mut self, set: &Dataset, value: &[u8]) -> bool {
        self.order(set);
        if self.frozen { set.get(value).is_some() } else { set.remove(value) }
    }

    /// Waits until it is this packet's turn, if what it meets in `set` depends on that.
    fn order(&mut self, set: &Dataset) {
        if set.is_written() {
            self.turn.wait();
        }
    }
}

/// A bit belongs to a host, whether the host was met as source or destination; a pair's bits are others.
const fn tag(owner: Owner) -> u64 {
    match owner {
        Owner::Source | Owner::Destination => 1,
        Owner::Pair => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, HashKey, Nanos, Owner, SharedBit, SharedState, State, Subject, Turn};

    const SEVEN: SharedBit = SharedBit::Host(7);

    fn address(last: u8) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[3] = last;
        bytes
    }

    #[test]
    fn a_host_keeps_its_bit_whichever_side_it_is_on_until_it_expires() {
        let mut state = State::alone(HashKey::fixed());
        let now = Nanos::from_seconds(100);
        let as_source = Subject::of(Owner::Source, 4, &address(1), &address(2));
        let as_destination = Subject::of(Owner::Destination, 4, &address(2), &address(1));
        state.set(as_source, Owner::Source, SEVEN, now, 10);
        assert!(state.is_set(as_destination, Owner::Destination, SEVEN, now));
        assert!(!state.is_set(as_destination, Owner::Destination, SharedBit::Host(8), now));
        assert!(!state.is_set(as_source, Owner::Source, SharedBit::X(7), now), "bits of the two keywords are apart");
        assert!(!state.is_set(as_source, Owner::Source, SEVEN, Nanos::from_seconds(111)));
    }

    #[test]
    fn workers_that_share_count_together() {
        use crate::threshold::{Kind, Outcome, Threshold, Track};
        let shared = SharedState::new(HashKey::fixed());
        let limit = Threshold { kind: Kind::Limit, track: Track::BySource, count: 100, seconds: 60, unique_on: None };
        let subject = Subject::of(Owner::Source, 4, &address(1), &address(2));
        let spoke: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|_| {
                    let mut state = State::new(Arc::clone(&shared), Turn::default());
                    scope.spawn(move || {
                        let now = Nanos::from_seconds(5);
                        let spoke = (0..1_000).filter(|_| state.count(&limit, subject, 1, 0, now, 0) == Outcome::Speak);
                        // A claim not got speaks: it is counted, and taken off here.
                        spoke.count() - state.losses.busy as usize
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(spoke, 100);
    }

    #[test]
    fn a_pair_is_the_same_both_ways_and_not_a_host() {
        let mut state = State::alone(HashKey::fixed());
        let now = Nanos::from_seconds(100);
        let there = Subject::of(Owner::Pair, 4, &address(1), &address(2));
        let back = Subject::of(Owner::Pair, 4, &address(2), &address(1));
        state.set(there, Owner::Pair, SEVEN, now, 10);
        assert!(state.is_set(back, Owner::Pair, SEVEN, now));
        let version6 = Subject { ip_version: 6, ..there };
        assert!(!state.is_set(version6, Owner::Pair, SEVEN, now));
    }

    #[test]
    fn a_packet_the_other_end_never_reads_sets_unsets_and_counts_nothing() {
        use crate::threshold::{Kind, Outcome, Threshold, Track};
        let mut state = State::alone(HashKey::fixed());
        let now = Nanos::from_seconds(100);
        let subject = Subject::of(Owner::Source, 4, &address(1), &address(2));
        let limit = Threshold { kind: Kind::Limit, track: Track::BySource, count: 1, seconds: 60, unique_on: None };
        state.freeze(true);
        state.set(subject, Owner::Source, SEVEN, now, 10);
        assert_eq!(state.count(&limit, subject, 1, 0, now, 0), Outcome::Speak);
        state.freeze(false);
        assert!(!state.is_set(subject, Owner::Source, SEVEN, now));
        assert_eq!(state.count(&limit, subject, 1, 0, now, 0), Outcome::Speak, "the first that counts");
        assert_ne!(state.count(&limit, subject, 1, 0, now, 0), Outcome::Speak);
        state.set(subject, Owner::Source, SEVEN, now, 10);
        state.freeze(true);
        state.unset(subject, Owner::Source, SEVEN);
        assert!(state.is_set(subject, Owner::Source, SEVEN, now));
    }
}
