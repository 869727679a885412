//! Packet time.
//!
//! Every stage is told the time; none asks for it. `now` is the burst's time when live and the capture's in replay, so
//! a replay gives the same answer on any machine on any day.

/// Nanoseconds since 1970-01-01 00:00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: u64 = 1_000_000_000;

impl Nanos {
    /// The time `seconds` after the epoch.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// The time `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> u64 {
        self.0 / NANOS_PER_SECOND
    }

    /// Microseconds within the second.
    pub const fn subsecond_micros(self) -> u32 {
        ((self.0 % NANOS_PER_SECOND) / 1_000) as u32
    }

    /// Nanoseconds from `earlier` to `self`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Nanos;

    #[test]
    fn time_never_runs_below_zero() {
        assert_eq!(Nanos(5).since(Nanos(9)), 0);
        assert_eq!(Nanos::from_micros(1_500_000).seconds(), 1);
        assert_eq!(Nanos::from_micros(1_500_000).subsecond_micros(), 500_000);
    }
}
