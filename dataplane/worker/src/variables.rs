//! What expressions captured for flows (`pcre` with `flow:name`), and the entropies of their buffers, for as long as there is room.
//!
//! Written when a rule matches and read when an alert of the flow is told, by [`crate::pipeline`]. Each value has four places it may lie in; the one written longest ago goes. A value is told with
//! alerts and decides about nothing, so a loss is not counted.

use sluice_core::{HashKey, RemarkKind};
use sluice_detect::remarks::Remarks;

/// Sets of four values.
const SETS: usize = 512;
/// Bytes of a value; longer ones are cut.
const LONGEST: usize = 240;

#[derive(Clone, Copy)]
struct Value {
    /// The flow's id, never 0; 0 for a free place.
    flow: u64,
    name: u16,
    kind: RemarkKind,
    length: u8,
    bytes: [u8; LONGEST],
}

const FREE: Value = Value { flow: 0, name: 0, kind: RemarkKind::FlowText, length: 0, bytes: [0; LONGEST] };

/// The values of a worker's flows. Half a MiB, made when the first is written: only rule sets that capture for flows use it.
pub(crate) struct FlowVariables {
    sets: Box<[[Value; 4]]>,
    /// One more than the highest name that was written.
    names: u16,
    hash: HashKey,
}

impl FlowVariables {
    /// No values yet.
    pub fn new(hash: HashKey) -> Self {
        Self { sets: vec![[FREE; 4]; SETS].into_boxed_slice(), names: 0, hash }
    }

    fn set(&self, flow: u64, name: u16) -> usize {
        self.hash.hash3(&[flow, u64::from(name), 0]) as usize % SETS
    }

    /// The variable `name` of `flow` is `bytes`; the entropy of a buffer of that name is another one.
    pub fn write(&mut self, flow: u64, kind: RemarkKind, name: u16, bytes: &[u8]) {
        let at = self.set(flow, name);
        let Some(set) = self.sets.get_mut(at) else { return };
        let is_it = |value: &Value| value.flow == flow && value.name == name && value.kind == kind;
        // The first place is the youngest.
        let place = set.iter().position(is_it).unwrap_or(set.len() - 1);
        if let Some(younger) = set.get_mut(..=place) {
            younger.rotate_right(1);
        }
        let [first, ..] = set;
        let length = bytes.len().min(LONGEST);
        (first.flow, first.name, first.kind, first.length) = (flow, name, kind, length as u8);
        if let (Some(to), Some(from)) = (first.bytes.get_mut(..length), bytes.get(..length)) {
            to.copy_from_slice(from);
        }
        self.names = self.names.max(name.saturating_add(1));
    }

    /// The variables of `flow`.
    ///
    /// # Cost
    /// One look for each name that was ever written, of at most 64.
    pub fn of(&self, flow: u64) -> impl Iterator<Item = (RemarkKind, u16, &[u8])> {
        (0..self.names.min(64)).flat_map(move |name| {
            let set = self.sets.get(self.set(flow, name)).map_or(&[][..], |set| &set[..]);
            let its = set.iter().filter(move |value| value.flow == flow && value.name == name);
            its.map(move |value| (value.kind, name, value.bytes.get(..usize::from(value.length)).unwrap_or_default()))
        })
    }

    /// Writes what a packet's rules noted for `flow`.
    pub fn keep(&mut self, flow: u64, remarks: &Remarks) {
        remarks.of_flow().for_each(|(kind, name, text)| self.write(flow, kind, name, text));
        let entropies = remarks.entropies().iter();
        entropies.for_each(|(name, value)| self.write(flow, RemarkKind::Entropy, *name, &value.to_le_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::{FlowVariables, LONGEST, RemarkKind, SETS};
    use sluice_core::HashKey;

    #[test]
    fn a_value_is_its_flows_own_the_last_one_counts_and_long_ones_are_cut() {
        let mut variables = FlowVariables::new(HashKey::fixed());
        variables.write(7, RemarkKind::FlowText, 1, b"old");
        variables.write(7, RemarkKind::FlowText, 1, b"new");
        variables.write(8, RemarkKind::FlowText, 1, &[b'x'; 500]);
        assert_eq!(variables.of(7).collect::<Vec<_>>(), [(RemarkKind::FlowText, 1, b"new".as_slice())]);
        variables.write(7, RemarkKind::Entropy, 1, b"8 bytes.");
        assert_eq!(variables.of(7).count(), 2, "the entropy of a buffer of that name is another one");
        assert_eq!(variables.of(8).map(|(.., bytes)| bytes.len()).collect::<Vec<_>>(), [LONGEST]);
        assert_eq!(variables.of(9).count(), 0);
    }

    #[test]
    fn a_full_table_keeps_what_was_written_last() {
        let mut variables = FlowVariables::new(HashKey::fixed());
        for flow in 1..=(SETS as u64 * 8) {
            variables.write(flow, RemarkKind::FlowText, 0, b"v");
            assert_eq!(variables.of(flow).count(), 1);
        }
    }
}
