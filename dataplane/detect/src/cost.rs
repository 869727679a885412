//! What each rule costs: how often it was judged, and how much was looked at for it.
//!
//! Counted by [`crate::Inspector`] for its worker, always: a few instructions for a rule that is judged, none for the others. No clock is read: steps and bytes are what a
//! rule costs on any machine.

/// What one rule cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCost {
    /// Times it was judged: its literal was found, or none holds it back.
    pub checked: u64,
    /// Times it matched.
    pub matched: u64,
    /// Steps its contents took.
    pub steps: u64,
    /// Bytes looked at for them.
    pub bytes: u64,
}

impl RuleCost {
    /// Adds what it cost another worker.
    pub const fn add(&mut self, other: &Self) {
        self.checked += other.checked;
        self.matched += other.matched;
        self.steps += other.steps;
        self.bytes += other.bytes;
    }

    /// For comparing rules: a check costs about as much as looking at a hundred bytes, a step as ten.
    pub const fn weight(&self) -> u64 {
        self.checked * 100 + self.steps * 10 + self.bytes
    }
}
