//! Rule sets swapped during a replay, evenly spread over its records: to see that a swap loses nothing and changes nothing.
//!
//! Stepped by the control core of [`crate::replay`]. The capture waits at each gate until the next rule set is in force everywhere; live traffic
//! does not wait, see [`crate::run`].

use crate::{
    publish::{self, Published},
    replay::ReplayError,
    rules::RuleLoader,
};
use sluice_events::Sinks;
use sluice_worker::Post;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The swaps of one replay.
pub struct Swaps {
    wanted: u64,
    total: u64,
    /// Number of the record before which the capture waits.
    gate: Arc<AtomicU64>,
    under_way: Option<Published>,
    /// The rule set that all workers use; 0 before the first swap.
    in_force: u32,
    /// How long each took, from publishing until the last worker had exchanged.
    pub retired: Vec<Duration>,
}

impl Swaps {
    /// `wanted` swaps, spread over `total` records.
    pub fn new(wanted: u64, total: u64, gate: Arc<AtomicU64>) -> Self {
        let swaps = Self { wanted, total, gate, under_way: None, in_force: 0, retired: Vec::new() };
        swaps.open();
        swaps
    }

    /// Opens the gate as far as the next swap.
    fn open(&self) {
        let done = self.retired.len() as u64;
        let next = if done < self.wanted { self.total * (done + 1) / (self.wanted + 1) } else { u64::MAX };
        // Relaxed: the number alone counts, nothing else is published with it.
        self.gate.store(next, Ordering::Relaxed);
    }

    /// Everything told so far is written: events of rule sets that nobody uses any more don't come.
    pub fn all_written(&self, sinks: &mut Sinks) {
        if self.under_way.is_none() {
            sinks.forget_signatures_before(self.in_force);
        }
    }

    /// Does a piece of work: loads and publishes the next rule set, or looks whether the last one is in force.
    ///
    /// # Errors
    /// When a rule set can't be built or there is no room to judge by it.
    pub fn step(
        &mut self,
        loader: &mut RuleLoader,
        sinks: &mut Sinks,
        posts: &[Post],
        most_alerts: usize,
    ) -> Result<(), ReplayError> {
        match self.under_way.take() {
            Some(published) => match published.quiesced(posts) {
                Ok(retired) => {
                    self.retired.push(retired.took);
                    self.in_force = retired.number;
                    self.open();
                }
                Err(published) => self.under_way = Some(published),
            },
            None if (self.retired.len() as u64) < self.wanted => {
                let rules = loader.load().map_err(ReplayError::Rules)?;
                sinks.add_signatures(rules.ruleset.generation, Arc::clone(&rules.signatures), &rules.names);
                let staged = publish::stage(&rules, posts.len(), most_alerts).map_err(ReplayError::Scratch)?;
                self.under_way = Some(staged.publish(posts));
            }
            None => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Swaps;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        time::Duration,
    };

    #[test]
    fn the_capture_waits_for_each_swap_evenly_spread_over_its_records() {
        let gate = Arc::new(AtomicU64::new(0));
        let mut swaps = Swaps::new(3, 100, Arc::clone(&gate));
        let mut gates = vec![gate.load(Ordering::Relaxed)];
        for _ in 0..3 {
            swaps.retired.push(Duration::ZERO);
            swaps.open();
            gates.push(gate.load(Ordering::Relaxed));
        }
        assert_eq!(gates, [25, 50, 75, u64::MAX]);
    }
}
