//! Numbers for the names that outlive a rule set: flow bits, flow integers, host and pair bits.
//!
//! Interned process-wide: a name keeps its number from one generation to the next, so what a flow carries keeps its meaning.

use std::collections::HashMap;

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

/// The names met so far.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<(Kind, Box<str>), u16>,
    counts: HashMap<Kind, u32>,
}

impl Names {
    /// The number of `name`; none when 65,536 names of its kind are taken.
    pub fn number(&mut self, kind: Kind, name: &str) -> Option<u16> {
        if let Some(&number) = self.numbers.get(&(kind, name.into())) {
            return Some(number);
        }
        let count = self.counts.entry(kind).or_default();
        let number = u16::try_from(*count).ok()?;
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
}
