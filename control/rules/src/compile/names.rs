//! What outlives a rule set: numbers for the names of flow bits, flow integers, host and pair bits, and since when each rule is in force.
//!
//! Interned process-wide: a name keeps its number from one generation to the next, so what a flow carries keeps its meaning.

use sluice_detect::rule::{FLOW_BITS, FLOW_INTS};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A flow bit.
    FlowBit,
    /// A flow integer.
    FlowInt,
    /// A host bit.
    HostBit,
    /// A bit of `xbits`.
    XBit,
}

impl Kind {
    /// Names there can be: as many as a flow has room for, so that no traffic fills it up; no more than 65,536.
    fn most(self) -> usize {
        match self {
            Self::FlowBit => FLOW_BITS,
            Self::FlowInt => FLOW_INTS,
            Self::HostBit | Self::XBit => 1 << 16,
        }
    }
}

/// The names met so far.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<(Kind, Box<str>), u16>,
    counts: HashMap<Kind, u32>,
    /// By what a rule says: the generations since when it is in force, and in which it was last.
    ages: HashMap<u64, (u32, u32)>,
}

impl Names {
    /// The generation since which a rule with this `text` has been in force without a gap, it being in `generation`.
    pub(super) fn since(&mut self, text: &[u8], generation: u32) -> u32 {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let (since, last) = self.ages.entry(hasher.finish()).or_insert((generation, generation));
        if *last + 1 < generation {
            *since = generation;
        }
        *last = generation;
        *since
    }

    /// Forgets rules that were not in `generation`.
    pub(super) fn forget_rules_not_in(&mut self, generation: u32) {
        self.ages.retain(|_, (_, last)| *last == generation);
    }

    /// The number of `name`; none when all numbers of its kind are taken.
    // GAP(reload): names of rules that are gone keep their numbers until the process ends.
    pub fn number(&mut self, kind: Kind, name: &str) -> Option<u16> {
        if let Some(&number) = self.numbers.get(&(kind, name.into())) {
            return Some(number);
        }
        let count = self.counts.entry(kind).or_default();
        let number = u16::try_from(*count).ok().filter(|number| usize::from(*number) < kind.most())?;
        *count += 1;
        self.numbers.insert((kind, name.into()), number);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Names};

    #[test]
    fn a_name_keeps_its_number_and_kinds_do_not_mix() {
        let mut names = Names::default();
        let first = names.number(Kind::FlowBit, "a");
        assert_ne!(first, names.number(Kind::FlowBit, "b"));
        assert_eq!(first, names.number(Kind::FlowBit, "a"));
        assert_eq!(names.number(Kind::XBit, "b"), Some(0));
    }

    #[test]
    fn a_rule_keeps_its_age_until_it_is_left_out() {
        let mut names = Names::default();
        assert_eq!((names.since(b"a", 1), names.since(b"b", 1)), (1, 1));
        assert_eq!((names.since(b"a", 2), names.since(b"c", 2)), (1, 2));
        names.forget_rules_not_in(2);
        assert_eq!((names.since(b"a", 3), names.since(b"b", 3), names.since(b"c", 3)), (1, 3, 2));
        assert_eq!(names.since(b"b", 5), 5, "it was not in generation 4");
    }

    #[test]
    fn names_of_flow_marks_end_where_a_flow_has_no_room() {
        let mut names = Names::default();
        assert!((0..1_024).all(|n| names.number(Kind::FlowBit, &n.to_string()) == Some(n)));
        assert_eq!(names.number(Kind::FlowBit, "one more"), None);
        assert_eq!(names.number(Kind::FlowBit, "7"), Some(7), "known names stay");
        assert!((0..16).all(|n| names.number(Kind::FlowInt, &n.to_string()) == Some(n)));
        assert_eq!(names.number(Kind::FlowInt, "one more"), None);
        assert!((0..=u16::MAX).all(|n| names.number(Kind::XBit, &n.to_string()) == Some(n)));
        assert_eq!(names.number(Kind::XBit, "one more"), None);
    }
}
