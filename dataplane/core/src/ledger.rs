//! The packet ledger: where every packet went.
//!
//! `rx + generated = tx + dropped[cause] + consumed + held` closes exactly on every run. Written by one worker, read by
//! the control core when the worker has stopped.

use crate::verdict::Cause;

/// Packets of one worker (or, summed, of all).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Received from ports.
    pub rx: u64,
    /// Made by us: resets, unreachables.
    pub generated: u64,
    /// Handed to a port or to the writer of forwarded packets.
    pub tx: u64,
    /// Stopped, by cause.
    pub dropped: [u64; Cause::COUNT],
    /// Looked at and let go without transmitting: passive mode.
    pub consumed: u64,
    /// Still with us.
    pub held: u64,
}

impl Ledger {
    /// Counts one packet stopped for `cause`.
    #[inline]
    pub fn drop_packet(&mut self, cause: Cause) {
        if let Some(count) = self.dropped.get_mut(cause as usize) {
            *count += 1;
        }
    }

    /// Packets stopped, whatever the cause.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// What went in less what came out: 0 when the ledger closes.
    pub fn imbalance(&self) -> i128 {
        let came = i128::from(self.rx) + i128::from(self.generated);
        let went =
            i128::from(self.tx) + i128::from(self.dropped_total()) + i128::from(self.consumed) + i128::from(self.held);
        came - went
    }

    /// Adds the packets of another worker.
    pub fn add(&mut self, other: &Self) {
        self.rx += other.rx;
        self.generated += other.generated;
        self.tx += other.tx;
        self.consumed += other.consumed;
        // What one holds another may let go: only the sum counts.
        self.held = self.held.wrapping_add(other.held);
        for (mine, theirs) in self.dropped.iter_mut().zip(other.dropped) {
            *mine += theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Ledger};

    #[test]
    fn ledger_closes_only_when_every_packet_is_somewhere() {
        let mut ledger = Ledger { rx: 3, tx: 1, consumed: 1, ..Ledger::default() };
        assert_eq!(ledger.imbalance(), 1);
        ledger.drop_packet(Cause::Rules);
        assert_eq!(ledger.imbalance(), 0);
        let mut sum = Ledger::default();
        sum.add(&ledger);
        sum.add(&ledger);
        assert_eq!((sum.rx, sum.dropped_total(), sum.imbalance()), (6, 2, 0));
    }
}
