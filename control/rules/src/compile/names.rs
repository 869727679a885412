//! What outlives a rule set: numbers for the names of flow bits, flow integers, host and pair bits, data sets, and since when each rule is in
//! force.
//!
//! Interned process-wide: a name keeps its number from one generation to the next, so what a flow carries keeps its meaning.

use crate::dataset_file::{DatasetData, DatasetEntry, DatasetType};
use sluice_core::HashKey;
use sluice_detect::dataset::{self, Dataset};
use sluice_detect::rule::{FLOW_BITS, FLOW_INTS};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
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
    /// What expressions capture, and buffers whose entropy is told.
    Text,
}

impl Kind {
    /// Names there can be: as many as a flow has room for, so that no traffic fills it up; no more than 65,536.
    fn most(self) -> usize {
        match self {
            Self::FlowBit => FLOW_BITS,
            Self::FlowInt => FLOW_INTS,
            Self::HostBit | Self::XBit | Self::Text => 1 << 16,
        }
    }
}

/// The names met so far.
#[derive(Debug)]
pub struct Names {
    numbers: HashMap<(Kind, Box<str>), u16>,
    counts: HashMap<Kind, u32>,
    datasets: HashMap<Box<str>, Arc<Dataset>>,
    hash: HashKey,
    /// By what a rule says: the generations since when it is in force, and in which it was last.
    ages: HashMap<u64, (u32, u32)>,
}

impl Default for Names {
    /// No names yet; the fixed hash key of replays.
    fn default() -> Self {
        Self::new(HashKey::fixed())
    }
}

impl Names {
    /// No names yet. `hash` spreads the values of data sets, which come from the traffic: live it must be drawn at start.
    pub fn new(hash: HashKey) -> Self {
        Self { numbers: HashMap::new(), counts: HashMap::new(), datasets: HashMap::new(), hash, ages: HashMap::new() }
    }

    /// Brings the set that `data` describes up to date. One that rules have written to goes on, and gets what it lacks of the file; any
    /// other is made anew, and rule sets that are still in use keep theirs.
    pub(crate) fn learn_dataset(&mut self, data: &DatasetData, written: bool) {
        let kind = match data.kind {
            DatasetType::String => dataset::Kind::String,
            DatasetType::Md5 => dataset::Kind::Md5,
            DatasetType::Sha256 => dataset::Kind::Sha256,
            DatasetType::Ipv4 => dataset::Kind::Ipv4,
            DatasetType::Ip => dataset::Kind::Ip,
        };
        let values = data.entries.iter().map(|entry| (&*entry.value, u32::from(entry.reputation.unwrap_or(0))));
        if let Some(known) = self.datasets.get(&data.name)
            && known.is_written()
            && known.kind() == kind
        {
            for (value, _) in values {
                known.add(value);
            }
            return;
        }
        let record = |entry: &DatasetEntry| entry.context.is_some();
        let set = match data.entries.iter().any(record) {
            true => {
                let records =
                    data.entries.iter().map(|entry| (&*entry.value, entry.context.as_deref().unwrap_or("{}")));
                Dataset::with_records(&data.name, kind, records, self.hash)
            }
            false => Dataset::new(&data.name, kind, values, if written { data.room() } else { 0 }, self.hash),
        };
        self.datasets.insert(data.name.clone(), Arc::new(set));
    }

    /// The set of this name.
    pub(crate) fn known_dataset(&self, name: &str) -> Option<Arc<Dataset>> {
        self.datasets.get(name).cloned()
    }

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

    /// The names of `kind`, by number.
    pub fn of(&self, kind: Kind) -> Vec<String> {
        let mut names: Vec<(u16, &str)> = self
            .numbers
            .iter()
            .filter(|((of, _), _)| *of == kind)
            .map(|((_, name), number)| (*number, &**name))
            .collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name.to_owned()).collect()
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
    use super::{DatasetData, DatasetEntry, DatasetType, Kind, Names};
    use sluice_detect::dataset::Added;

    #[test]
    fn a_name_keeps_its_number_and_kinds_do_not_mix() {
        let mut names = Names::default();
        let first = names.number(Kind::FlowBit, "a");
        assert_ne!(first, names.number(Kind::FlowBit, "b"));
        assert_eq!(first, names.number(Kind::FlowBit, "a"));
        assert_eq!(names.number(Kind::XBit, "b"), Some(0));
    }

    #[test]
    fn a_set_that_rules_write_to_goes_on_and_any_other_is_read_anew() {
        let data = |value: &[u8]| DatasetData {
            name: "s".into(),
            entries: vec![DatasetEntry { value: value.into(), reputation: None, context: None }],
            ..DatasetData::new("s", DatasetType::String)
        };
        let mut names = Names::default();
        names.learn_dataset(&data(b"a"), false);
        let first = names.known_dataset("s").unwrap();
        names.learn_dataset(&data(b"b"), false);
        let second = names.known_dataset("s").unwrap();
        assert!(first.get(b"b").is_none() && second.get(b"a").is_none() && second.get(b"b").is_some());
        names.learn_dataset(&data(b"c"), true);
        let third = names.known_dataset("s").unwrap();
        assert_eq!(third.add(b"learnt"), Added::New);
        names.learn_dataset(&data(b"d"), false);
        let fourth = names.known_dataset("s").unwrap();
        assert!([&b"c"[..], b"learnt", b"d"].iter().all(|value| fourth.get(value).is_some()));
        names.learn_dataset(&DatasetData { kind: DatasetType::Md5, ..data(&[0; 16]) }, true);
        assert_eq!(names.known_dataset("s").unwrap().len(), 1, "another type is another set");
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
