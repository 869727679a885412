//! A bounded, keyed table for state that outlives a packet: thresholds, host bits, tags.
//!
//! Used by `sluice-detect`; owned by one worker. A key may stand in any of [`PROBES`] neighbouring places, so a lookup
//! has a fixed cost and removal leaves nothing behind. When all are taken, the place touched longest ago is given up
//! and counted: a flood of new keys costs old state, never memory.

use crate::{hash::HashKey, time::Nanos};

/// Places in which a key may stand.
pub const PROBES: usize = 16;

/// A key of four words.
pub type TableKey = [u64; 4];

#[derive(Clone, Copy, Default)]
struct Slot<V> {
    key: TableKey,
    touched: Nanos,
    used: bool,
    value: V,
}

/// The table. Fixed size from the start.
pub struct Table<V> {
    slots: Box<[Slot<V>]>,
    mask: usize,
    hash: HashKey,
    evicted: u64,
    used: usize,
}

impl<V: Copy + Default> Table<V> {
    /// A table of at least `capacity` places, rounded up to a power of two.
    pub fn new(capacity: usize, hash: HashKey) -> Self {
        let size = capacity.next_power_of_two().max(PROBES);
        Self { slots: vec![Slot::default(); size].into_boxed_slice(), mask: size - 1, hash, evicted: 0, used: 0 }
    }

    /// Keys that had to make room for others so far.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Keys in the table.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether the table holds nothing.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The value of `key`.
    ///
    /// # Cost
    /// At most [`PROBES`] slot reads.
    pub fn get(&mut self, key: &TableKey) -> Option<&mut V> {
        let place = self.find(key)?;
        self.slots.get_mut(place).map(|slot| &mut slot.value)
    }

    /// The value of `key`, made afresh when absent, touched at `now`.
    pub fn get_or_insert(&mut self, key: &TableKey, now: Nanos) -> Option<&mut V> {
        let place = match self.find(key) {
            Some(place) => place,
            None => {
                let place = self.room(key);
                let slot = self.slots.get_mut(place)?;
                if slot.used {
                    self.evicted += 1;
                } else {
                    self.used += 1;
                }
                *slot = Slot { key: *key, touched: now, used: true, value: V::default() };
                place
            }
        };
        let slot = self.slots.get_mut(place)?;
        slot.touched = now;
        Some(&mut slot.value)
    }

    /// Forgets `key`.
    pub fn remove(&mut self, key: &TableKey) {
        if let Some(slot) = self.find(key).and_then(|place| self.slots.get_mut(place)) {
            *slot = Slot::default();
            self.used -= 1;
        }
    }

    fn home(&self, key: &TableKey) -> usize {
        self.hash.hash4(key) as usize
    }

    fn find(&self, key: &TableKey) -> Option<usize> {
        let home = self.home(key);
        (0..PROBES)
            .map(|step| home.wrapping_add(step) & self.mask)
            .find(|&place| self.slots.get(place).is_some_and(|slot| slot.used && slot.key == *key))
    }

    /// A free place for `key`, or the one touched longest ago.
    fn room(&self, key: &TableKey) -> usize {
        let home = self.home(key);
        let mut best = home & self.mask;
        let mut oldest = Nanos(u64::MAX);
        for step in 0..PROBES {
            let place = home.wrapping_add(step) & self.mask;
            match self.slots.get(place) {
                Some(slot) if !slot.used => return place,
                Some(slot) if slot.touched < oldest => {
                    oldest = slot.touched;
                    best = place;
                }
                _ => {}
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::{HashKey, Nanos, PROBES, Table};

    #[test]
    fn a_value_is_found_again_until_removed() {
        let mut table: Table<u32> = Table::new(64, HashKey::fixed());
        *table.get_or_insert(&[1, 2, 3, 4], Nanos(1)).unwrap() = 7;
        assert_eq!(table.get(&[1, 2, 3, 4]).copied(), Some(7));
        assert_eq!(table.get(&[1, 2, 3, 5]), None);
        table.remove(&[1, 2, 3, 4]);
        assert_eq!(table.get(&[1, 2, 3, 4]), None);
        assert!(table.is_empty());
    }

    #[test]
    fn a_full_table_gives_up_the_oldest_and_counts_it() {
        let mut table: Table<u64> = Table::new(PROBES, HashKey::fixed());
        for n in 0..100_u64 {
            *table.get_or_insert(&[n, 0, 0, 0], Nanos(n)).unwrap() = n;
        }
        assert_eq!(table.len(), PROBES);
        assert_eq!(table.evicted(), 100 - PROBES as u64);
        assert_eq!(table.get(&[99, 0, 0, 0]).copied(), Some(99));
        assert_eq!(table.get(&[0, 0, 0, 0]), None);
    }
}
