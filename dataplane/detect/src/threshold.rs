//! Thresholds: how often a signature may speak, and from when on.
//!
//! Source: the reference engine's documentation of `threshold`, `detection_filter` and `threshold.config` (rate_filter, suppress).

use crate::{
    address::AddressSet,
    check::Owner,
    ports::{PortSets, Ports},
};
use sluice_core::{Action, Nanos, time::NANOS_PER_SECOND};

/// Over what a threshold counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// Per source address.
    BySource,
    /// Per destination address.
    ByDestination,
    /// Per pair of addresses.
    ByPair,
    /// Once for the signature.
    ByRule,
    /// Per flow.
    ByFlow,
}

impl Track {
    /// The address this counts by, if it is one.
    pub fn owner(self) -> Option<Owner> {
        match self {
            Self::BySource => Some(Owner::Source),
            Self::ByDestination => Some(Owner::Destination),
            Self::ByPair => Some(Owner::Pair),
            Self::ByRule | Self::ByFlow => None,
        }
    }
}

/// What a threshold does with matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first `count` in each period speak.
    Limit,
    /// Every `count`-th speaks.
    Threshold,
    /// One speaks in each period, once `count` were seen.
    Both,
    /// From the one after `count` on, all speak (`detection_filter`).
    DetectionFilter,
    /// Every `count`-th speaks, with a pause after it (`backoff`): 10, 100, 1000 times the count.
    Backoff {
        /// Factor.
        multiplier: u32,
    },
    /// Beyond `count` in a period, the action is another for a time (`rate_filter`).
    Rate {
        /// The other action.
        action: Action,
        /// For how long, seconds.
        timeout_s: u32,
    },
}

/// A count over a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// What it does.
    pub kind: Kind,
    /// Over what it counts.
    pub track: Track,
    /// How many.
    pub count: u32,
    /// In how many seconds.
    pub seconds: u32,
    /// Count different ports only.
    pub unique_on: Option<UniqueOn>,
}

/// Which port must differ for a match to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniqueOn {
    /// Source port.
    SourcePort,
    /// Destination port.
    DestinationPort,
}

/// Never speak for these addresses.
#[derive(Clone, Debug)]
pub struct Suppression {
    /// Which address of the packet.
    pub owner: Owner,
    /// The addresses; `owner` `Pair` means either of the two.
    pub addresses: AddressSet,
}

/// What was counted so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Begin of the period; none before the first match.
    started: Option<Nanos>,
    /// Matches in the period.
    count: u32,
    /// Until when a rate filter acts.
    until: Option<Nanos>,
    /// Next count that speaks, for a backoff.
    next: u32,
    /// Ports met, when they must differ.
    ports: Ports,
}

/// What a threshold says of one match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Speak.
    Speak,
    /// Be silent, but act.
    Silent,
    /// As if the signature had not matched.
    NoMatch,
    /// Speak, with this action instead.
    Change(Action),
}

impl Threshold {
    /// Counts one match at `now` with `port` (when ports must differ, by means of `sets`).
    pub fn count(&self, tally: &mut Tally, sets: &mut PortSets, now: Nanos, port: u16) -> Outcome {
        if self.unique_on.is_some() {
            if self.is_over(tally, now) {
                sets.clear(&mut tally.ports);
                self.start_afresh(tally, now);
            }
            let until = Nanos(tally.started.unwrap_or(now).0.saturating_add(self.nanos()));
            if !sets.is_new(&mut tally.ports, port, now, until) {
                return self.when_not_counted(tally);
            }
        }
        match self.kind {
            Kind::Limit => {
                self.start_afresh_when_over(tally, now);
                tally.count = tally.count.saturating_add(1);
                if tally.count <= self.count { Outcome::Speak } else { Outcome::Silent }
            }
            Kind::Threshold => {
                self.start_afresh_when_over(tally, now);
                tally.count = tally.count.saturating_add(1);
                if tally.count >= self.count {
                    tally.count = 0;
                    Outcome::Speak
                } else {
                    Outcome::NoMatch
                }
            }
            Kind::Both => {
                self.start_afresh_when_over(tally, now);
                tally.count = tally.count.saturating_add(1);
                match tally.count.cmp(&self.count) {
                    std::cmp::Ordering::Less => Outcome::NoMatch,
                    std::cmp::Ordering::Equal => Outcome::Speak,
                    std::cmp::Ordering::Greater => Outcome::Silent,
                }
            }
            Kind::DetectionFilter => {
                self.start_afresh_when_over(tally, now);
                tally.count = tally.count.saturating_add(1);
                if tally.count > self.count { Outcome::Speak } else { Outcome::NoMatch }
            }
            Kind::Backoff { multiplier } => {
                tally.count = tally.count.saturating_add(1);
                if tally.next == 0 {
                    tally.next = self.count;
                }
                if tally.count == tally.next {
                    tally.next = tally.next.saturating_mul(multiplier);
                    Outcome::Speak
                } else {
                    Outcome::Silent
                }
            }
            Kind::Rate { action, timeout_s } => {
                if let Some(until) = tally.until {
                    if now < until {
                        return Outcome::Change(action);
                    }
                    tally.until = None;
                    self.start_afresh(tally, now);
                }
                self.start_afresh_when_over(tally, now);
                tally.count = tally.count.saturating_add(1);
                if tally.count > self.count {
                    // No timeout means until the engine stops.
                    let hold = if timeout_s == 0 { u64::MAX / 2 } else { u64::from(timeout_s) * NANOS_PER_SECOND };
                    tally.until = Some(Nanos(now.0.saturating_add(hold)));
                    Outcome::Change(action)
                } else {
                    Outcome::Speak
                }
            }
        }
    }

    fn when_not_counted(&self, tally: &Tally) -> Outcome {
        match self.kind {
            Kind::DetectionFilter if tally.count > self.count => Outcome::Speak,
            Kind::DetectionFilter | Kind::Threshold | Kind::Both => Outcome::NoMatch,
            _ => Outcome::Silent,
        }
    }

    fn nanos(&self) -> u64 {
        u64::from(self.seconds) * NANOS_PER_SECOND
    }

    fn is_over(&self, tally: &Tally, now: Nanos) -> bool {
        tally.started.is_none_or(|started| now.since(started) > self.nanos())
    }

    /// A new period. Ports stay: who counts by them has cleared them.
    fn start_afresh(&self, tally: &mut Tally, now: Nanos) {
        *tally = Tally { started: Some(now), until: tally.until, ports: tally.ports, ..Tally::default() };
    }

    fn start_afresh_when_over(&self, tally: &mut Tally, now: Nanos) {
        if self.is_over(tally, now) {
            self.start_afresh(tally, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Kind, Nanos, Outcome, PortSets, Tally, Threshold, Track, UniqueOn};

    fn threshold(kind: Kind, count: u32) -> Threshold {
        Threshold { kind, track: Track::BySource, count, seconds: 60, unique_on: None }
    }

    fn outcomes(threshold: Threshold, seconds: &[u64]) -> Vec<Outcome> {
        outcomes_from(1_000, threshold, seconds)
    }

    fn outcomes_from(first: u64, threshold: Threshold, seconds: &[u64]) -> Vec<Outcome> {
        let (mut tally, mut sets) = (Tally::default(), PortSets::default());
        let at = |s: &u64| Nanos::from_seconds(first + s);
        seconds.iter().map(|s| threshold.count(&mut tally, &mut sets, at(s), 0)).collect()
    }

    #[test]
    fn limit_speaks_for_the_first_of_each_period() {
        use Outcome::{Silent, Speak};
        assert_eq!(
            outcomes(threshold(Kind::Limit, 2), &[0, 1, 2, 59, 61, 62]),
            [Speak, Speak, Silent, Silent, Speak, Speak]
        );
    }

    #[test]
    fn threshold_speaks_for_every_nth() {
        use Outcome::{NoMatch, Speak};
        assert_eq!(outcomes(threshold(Kind::Threshold, 2), &[0, 1, 2, 3]), [NoMatch, Speak, NoMatch, Speak]);
    }

    #[test]
    fn both_speaks_once_in_a_period_after_n() {
        use Outcome::{NoMatch, Silent, Speak};
        assert_eq!(outcomes(threshold(Kind::Both, 2), &[0, 1, 2, 61, 62]), [NoMatch, Speak, Silent, NoMatch, Speak]);
    }

    #[test]
    fn detection_filter_speaks_from_the_one_after_n_on() {
        use Outcome::{NoMatch, Speak};
        assert_eq!(
            outcomes(threshold(Kind::DetectionFilter, 2), &[0, 1, 2, 3, 90]),
            [NoMatch, NoMatch, Speak, Speak, NoMatch]
        );
    }

    #[test]
    fn a_rate_filter_changes_the_action_and_changes_it_back() {
        let rate = threshold(Kind::Rate { action: Action::Drop, timeout_s: 10 }, 1);
        assert_eq!(
            outcomes(rate, &[0, 1, 5, 12]),
            [Outcome::Speak, Outcome::Change(Action::Drop), Outcome::Change(Action::Drop), Outcome::Speak]
        );
    }

    #[test]
    fn only_different_ports_count_when_they_must_differ() {
        let filter = Threshold { unique_on: Some(UniqueOn::DestinationPort), ..threshold(Kind::DetectionFilter, 1) };
        let (mut tally, mut sets) = (Tally::default(), PortSets::default());
        let now = Nanos::from_seconds(5);
        let mut count = |port| filter.count(&mut tally, &mut sets, now, port);
        assert_eq!([80, 80, 81].map(&mut count), [Outcome::NoMatch, Outcome::NoMatch, Outcome::Speak]);
    }

    #[test]
    fn ports_a_multiple_of_1024_apart_differ_and_more_than_1024_are_counted() {
        let filter = Threshold { unique_on: Some(UniqueOn::SourcePort), ..threshold(Kind::DetectionFilter, 60_000) };
        let (mut tally, mut sets) = (Tally::default(), PortSets::default());
        let mut count = |second, port| filter.count(&mut tally, &mut sets, Nanos::from_seconds(second), port);
        assert!((0..60_000).all(|port| count(5, port) == Outcome::NoMatch && count(5, port) == Outcome::NoMatch));
        assert_eq!(count(5, 60_000), Outcome::Speak);
        assert_eq!(count(90, 60_000), Outcome::NoMatch, "a new period");
        assert!((1..60_000).all(|port| count(90, port) == Outcome::NoMatch));
        assert_eq!(count(90, 60_001), Outcome::Speak);
    }

    #[test]
    fn a_match_at_time_zero_begins_the_period() {
        use Outcome::{Silent, Speak};
        assert_eq!(
            outcomes_from(0, threshold(Kind::Limit, 1), &[0, 0, 1, 60, 61]),
            [Speak, Silent, Silent, Silent, Speak]
        );
    }
}
