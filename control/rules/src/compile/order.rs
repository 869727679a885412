//! The order in which rules are judged: by action, then those that leave marks before those that read them, then by priority, then as written.
//!
//! Source: the reference engine's documentation ("action-order", "flowbits").

use crate::syntax::{
    keyword::bits::{BitOperation, IntOperation},
    rule::{MatchKind, Rule},
};
use sluice_core::Action;

/// Actions, the one judged first in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionOrder(pub [Action; 4]);

impl Default for ActionOrder {
    fn default() -> Self {
        Self([Action::Pass, Action::Drop, Action::RejectSource, Action::Alert])
    }
}

impl ActionOrder {
    fn rank(&self, action: Action) -> u8 {
        let same = |other: &Action| other.rank() == action.rank();
        self.0.iter().position(same).map_or(u8::MAX, |place| place as u8)
    }
}

/// Ranks, lower first.
pub(crate) type Key = [u8; 5];

/// The place of a rule among others.
pub(crate) fn key(rule: &Rule, action: Action, priority: u8, order: &ActionOrder) -> Key {
    let (mut flow_bits, mut flow_ints, mut shared) = (Marks::default(), Marks::default(), Marks::default());
    for found in &rule.matches {
        match &found.kind {
            MatchKind::FlowBits(bits) => flow_bits.note(bits.operation),
            MatchKind::HostBits(bits) => shared.note(bits.operation),
            MatchKind::XBits(bits) => shared.note(bits.operation),
            MatchKind::FlowInt(int) => match int.operation {
                IntOperation::Assign(_) | IntOperation::Add(_) | IntOperation::Subtract(_) => flow_ints.leaves = true,
                _ => flow_ints.reads = true,
            },
            _ => {}
        }
    }
    [order.rank(action), flow_bits.rank(), flow_ints.rank(), shared.rank(), priority]
}

#[derive(Default)]
struct Marks {
    leaves: bool,
    reads: bool,
}

impl Marks {
    fn note(&mut self, operation: BitOperation) {
        match operation {
            BitOperation::Set | BitOperation::Unset | BitOperation::Toggle => self.leaves = true,
            BitOperation::IsSet | BitOperation::IsNotSet => self.reads = true,
        }
    }

    fn rank(&self) -> u8 {
        match (self.leaves, self.reads) {
            (true, false) => 0,
            (true, true) => 1,
            (false, true) => 2,
            (false, false) => 3,
        }
    }
}
