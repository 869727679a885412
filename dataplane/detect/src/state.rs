//! State shared between flows: thresholds' tallies, host bits and pair bits.
//!
//! One worker's for now, bounded, given up oldest first. Sharing between workers comes with several workers.

use crate::{
    check::{Owner, SharedBit},
    ports::PortSets,
    threshold::{Outcome, Tally, Threshold},
};
use sluice_core::{HashKey, Nanos, table::Table, time::NANOS_PER_SECOND};

/// Tallies kept at once.
const TALLIES: usize = 16_384;
/// Host and pair bits kept at once.
const BITS: usize = 16_384;

/// The shared state.
pub struct State {
    tallies: Table<Tally>,
    bits: Table<BitUntil>,
    ports: PortSets,
    /// Nothing is kept of what the packet at hand does.
    frozen: bool,
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

    fn key(self, owner: Owner, bit: SharedBit) -> [u64; 4] {
        let [low, high] = self.words;
        let (kind, number) = match bit {
            SharedBit::Host(number) => (1, number),
            SharedBit::X(number) => (2, number),
        };
        [low, high, (kind << 40) | (tag(owner) << 32) | u64::from(number), u64::from(self.ip_version)]
    }
}

impl State {
    /// Empty state.
    pub fn new(hash: HashKey) -> Self {
        Self {
            tallies: Table::new(TALLIES, hash),
            bits: Table::new(BITS, hash),
            ports: PortSets::default(),
            frozen: false,
        }
    }

    /// From now on nothing is kept, until this is taken back: for packets that the other end never reads.
    pub fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
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
        if self.frozen {
            let mut tally = self.tallies.get(&key).copied().unwrap_or_default();
            return Threshold { unique_on: None, ..*threshold }.count(&mut tally, &mut self.ports, now, port);
        }
        match self.tallies.get_or_insert(&key, now) {
            Some(tally) => threshold.count(tally, &mut self.ports, now, port),
            None => Outcome::Speak,
        }
    }

    /// Matches that counted without a look at their port, because no room was left to remember ports.
    pub fn ports_refused(&self) -> u64 {
        self.ports.refused()
    }

    /// Whether `bit` of `subject` is set at `now`.
    pub fn is_set(&mut self, subject: Subject, owner: Owner, bit: SharedBit, now: Nanos) -> bool {
        self.bits.get(&subject.key(owner, bit)).is_some_and(|until| until.0 > now)
    }

    /// Sets `bit` of `subject` for `seconds`.
    pub fn set(&mut self, subject: Subject, owner: Owner, bit: SharedBit, now: Nanos, seconds: u32) {
        if self.frozen {
            return;
        }
        if let Some(until) = self.bits.get_or_insert(&subject.key(owner, bit), now) {
            *until = BitUntil(Nanos(now.0.saturating_add(u64::from(seconds) * NANOS_PER_SECOND)));
        }
    }

    /// Unsets `bit` of `subject`.
    pub fn unset(&mut self, subject: Subject, owner: Owner, bit: SharedBit) {
        if !self.frozen {
            self.bits.remove(&subject.key(owner, bit));
        }
    }

    /// Entries that had to make room so far.
    pub fn evicted(&self) -> u64 {
        self.tallies.evicted() + self.bits.evicted()
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
    use super::{HashKey, Nanos, Owner, SharedBit, State, Subject};

    const SEVEN: SharedBit = SharedBit::Host(7);

    fn address(last: u8) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[3] = last;
        bytes
    }

    #[test]
    fn a_host_keeps_its_bit_whichever_side_it_is_on_until_it_expires() {
        let mut state = State::new(HashKey::fixed());
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
    fn a_pair_is_the_same_both_ways_and_not_a_host() {
        let mut state = State::new(HashKey::fixed());
        let now = Nanos::from_seconds(100);
        let there = Subject::of(Owner::Pair, 4, &address(1), &address(2));
        let back = Subject::of(Owner::Pair, 4, &address(2), &address(1));
        state.set(there, Owner::Pair, SEVEN, now, 10);
        assert!(state.is_set(back, Owner::Pair, SEVEN, now));
        let version6 = Subject { ip_version: 6, ..there };
        assert!(!state.is_set(version6, Owner::Pair, SEVEN, now));
    }
}
