//! Time of packets that are built: it starts where told and moves when told.

/// Monday, 2 March 2026, 13:00:00 UTC, in nanoseconds since 1970: when every golden capture begins.
pub const BEGIN: u64 = 1_772_456_400 * 1_000_000_000;

/// A clock that moves by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock(u64);

impl Clock {
    /// A clock at [`BEGIN`].
    pub const fn new() -> Self {
        Self(BEGIN)
    }

    /// A clock `millis` after [`BEGIN`].
    pub const fn after_ms(millis: u64) -> Self {
        Self(BEGIN + millis * 1_000_000)
    }

    /// Nanoseconds since 1970.
    pub const fn now(self) -> u64 {
        self.0
    }

    /// Moves on by microseconds.
    pub const fn advance_us(&mut self, micros: u64) {
        self.0 += micros * 1_000;
    }

    /// Moves on by nanoseconds.
    pub const fn advance_ns(&mut self, nanos: u64) {
        self.0 += nanos;
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, Clock};

    #[test]
    fn a_clock_moves_only_by_hand() {
        let mut clock = Clock::after_ms(2);
        assert_eq!(clock.now(), BEGIN + 2_000_000);
        clock.advance_us(3);
        clock.advance_ns(4);
        assert_eq!(clock.now(), BEGIN + 2_003_004);
    }
}
