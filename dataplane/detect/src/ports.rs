//! Sets of different ports, exact: what `unique_on` counts by.
//!
//! Each tally keeps its first [`FEW`] ports itself; who meets more borrows one of a pool's sets of 65,536 bits, until its period is over. Owned by
//! one shard of the shared state, bounded, allocated at the start. With the pool empty a port counts although it may have been
//! met before, which is counted: the signature then speaks early rather than late.

use sluice_core::Nanos;

/// Ports a tally remembers by itself.
const FEW: usize = 8;
/// Sets looked at for one that is free.
const LOOK: usize = 16;
const WORDS: usize = 1_024;

/// The ports one tally has met in its period.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    few: [u16; FEW],
    used: u8,
    /// Number of the borrowed set, and of the loan.
    borrowed: Option<(u16, u64)>,
}

#[derive(Clone, Copy, Default)]
struct Loan {
    /// 0 before the first.
    number: u64,
    /// When the period of the borrower is over.
    until: Nanos,
}

/// The pool.
pub struct PortSets {
    loans: Box<[Loan]>,
    bits: Box<[u64]>,
    hand: usize,
    made: u64,
    refused: u64,
}

impl Default for PortSets {
    fn default() -> Self {
        Self::with_sets(Self::SETS)
    }
}

impl PortSets {
    /// Sets of all pools together, of 8 KiB each.
    pub const SETS: usize = 512;

    /// A pool of `sets` sets.
    pub fn with_sets(sets: usize) -> Self {
        Self {
            loans: vec![Loan::default(); sets].into_boxed_slice(),
            bits: vec![0; sets * WORDS].into_boxed_slice(),
            hand: 0,
            made: 0,
            refused: 0,
        }
    }

    /// Whether `ports` did not hold `port`; holds it from now on. `until` is the end of the period.
    ///
    /// # Cost
    /// A few compares; 8 KiB written when a set is borrowed. Never allocates.
    pub fn is_new(&mut self, ports: &mut Ports, port: u16, now: Nanos, until: Nanos) -> bool {
        if let Some(words) = self.borrowed(ports) {
            return insert(words, port);
        }
        let used = usize::from(ports.used).min(FEW);
        if ports.few.iter().take(used).any(|&other| other == port) {
            return false;
        }
        if let Some(place) = ports.few.get_mut(used) {
            *place = port;
            ports.used += 1;
            return true;
        }
        match self.borrow(ports, now, until) {
            Some(words) => {
                for &other in &ports.few {
                    insert(words, other);
                }
                insert(words, port)
            }
            None => {
                self.refused += 1;
                true
            }
        }
    }

    /// Gives back what `ports` borrowed and forgets its ports: a new period.
    pub fn clear(&mut self, ports: &mut Ports) {
        if self.borrowed(ports).is_some()
            && let Some(loan) = ports.borrowed.and_then(|(place, _)| self.loans.get_mut(usize::from(place)))
        {
            *loan = Loan::default();
        }
        *ports = Ports::default();
    }

    /// Ports that counted without being looked for, because all sets were lent.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The set `ports` borrowed, while nobody else has it: a tally given up for another never gives its set back.
    fn borrowed(&mut self, ports: &Ports) -> Option<&mut [u64]> {
        let (place, number) = ports.borrowed?;
        let place = usize::from(place);
        self.loans.get(place).filter(|loan| loan.number == number)?;
        self.bits.get_mut(place * WORDS..(place + 1) * WORDS)
    }

    fn borrow(&mut self, ports: &mut Ports, now: Nanos, until: Nanos) -> Option<&mut [u64]> {
        for _ in 0..LOOK {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.loans.len().max(1);
            let Some(loan) = self.loans.get_mut(place) else { continue };
            if loan.number == 0 || loan.until < now {
                self.made += 1;
                *loan = Loan { number: self.made, until };
                ports.borrowed = Some((place as u16, self.made));
                let words = self.bits.get_mut(place * WORDS..(place + 1) * WORDS)?;
                words.fill(0);
                return Some(words);
            }
        }
        None
    }
}

/// Sets the bit of `port`; whether it was not set.
fn insert(words: &mut [u64], port: u16) -> bool {
    let Some(word) = words.get_mut(usize::from(port / 64)) else { return true };
    let bit = 1 << (port % 64);
    let new = *word & bit == 0;
    *word |= bit;
    new
}

#[cfg(test)]
mod tests {
    use super::{FEW, PortSets, Ports};
    use sluice_core::Nanos;

    const NOW: Nanos = Nanos(5);
    const END: Nanos = Nanos(10);

    #[test]
    fn every_port_is_new_once() {
        let (mut sets, mut ports) = (PortSets::default(), Ports::default());
        assert!((0..=u16::MAX).all(|port| sets.is_new(&mut ports, port, NOW, END)));
        assert!((0..=u16::MAX).all(|port| !sets.is_new(&mut ports, port, NOW, END)));
        sets.clear(&mut ports);
        assert!(sets.is_new(&mut ports, 7, NOW, END));
        assert_eq!(sets.refused(), 0);
    }

    #[test]
    fn without_a_free_set_ports_count_and_that_is_counted_until_periods_are_over() {
        let mut sets = PortSets::default();
        let mut all = vec![Ports::default(); PortSets::SETS + 1];
        for ports in &mut all {
            assert!((0..=FEW as u16).all(|port| sets.is_new(ports, port, NOW, END)));
        }
        assert_eq!(sets.refused(), 1);
        let [first, .., last] = &mut *all else { panic!("two") };
        assert!(sets.is_new(last, 8, NOW, END), "not known to be met before");
        assert!(!sets.is_new(last, 7, NOW, END), "the first few are");
        assert!(sets.is_new(last, 9, Nanos(11), Nanos(20)) && !sets.is_new(last, 9, Nanos(11), Nanos(20)));
        assert!(sets.is_new(first, 9, Nanos(11), Nanos(20)), "its set is another's by now");
        assert!(!sets.is_new(last, 9, Nanos(11), Nanos(20)), "and is not touched");
    }
}
