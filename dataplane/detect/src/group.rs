//! Rules that can match one kind of packet: a protocol class in one direction, with the prefilter over payloads.
//!
//! A rule with a content of [`SHORTEST_LITERAL`] bytes or more is met only when the prefilter finds that content. Shorter literals, and runs of one
//! byte, make the prefilter several times slower for every packet, so their rules are met by port, or on each packet. No rule is ever missed: a property test compares with
//! judging every rule.

use crate::{
    address::AddressSet, address_index::AddressIndex, check::Check, gate::Gate, inspect::PacketView, range::PortSet,
    rule::Rule, ruleset::BuildError, scope::Scope,
};
use sluice_hyperscan::{Database, LONGEST_PLAIN, Literal, Mode, Next, Scratch};
use std::collections::BTreeMap;

/// Shortest literal the prefilter takes, bytes.
pub const SHORTEST_LITERAL: usize = 4;
/// Rules that name at most this many ports are found by port.
const FEW_PORTS: u32 = 2_048;
/// Rules that name at most this share of the address space (in 2^-32 of it) are found by address.
const FEW_ADDRESSES: u64 = 1 << 26;

/// A literal that must be in the payload for its rule to match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FastPattern {
    /// The bytes; in small letters when `nocase`.
    pub bytes: Vec<u8>,
    /// Capital and small ASCII letters are the same.
    pub nocase: bool,
}

impl FastPattern {
    /// The part of it that the prefilter looks for: none when it is too short, or a run of one byte, which padding and zeros in any
    /// traffic would report over and over. Long ones are cut: a part filters as well, and keeps clear of the library's defect.
    pub fn literal(&self) -> Option<&[u8]> {
        let bytes = &*self.bytes;
        let first = bytes.get(..LONGEST_PLAIN).unwrap_or(bytes);
        let last = bytes.get(bytes.len().saturating_sub(LONGEST_PLAIN)..).unwrap_or(bytes);
        let is_run = |part: &[u8]| part.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
        [first, last].into_iter().find(|part| part.len() >= SHORTEST_LITERAL && !is_run(part))
    }
}

/// Numbers of rules, found by a port.
#[derive(Default)]
struct PortIndex {
    /// For each port the number of its list; 0 is the empty list. Empty when no rule is here.
    list_of: Box<[u16]>,
    lists: Vec<Box<[Gate]>>,
}

impl PortIndex {
    fn new(rules: &[(Gate, PortSet)]) -> Self {
        if rules.is_empty() {
            return Self::default();
        }
        let mut of_port: BTreeMap<u16, Vec<Gate>> = BTreeMap::new();
        for (rule, ports) in rules {
            for &(low, high) in ports.ranges() {
                for port in low..=high {
                    of_port.entry(port).or_default().push(*rule);
                }
            }
        }
        let mut numbers: BTreeMap<Vec<Gate>, u16> = BTreeMap::from([(Vec::new(), 0)]);
        let mut lists: Vec<Box<[Gate]>> = vec![Box::default()];
        let mut list_of = vec![0_u16; 1 << 16];
        for (port, rules) in of_port {
            let number = *numbers.entry(rules.clone()).or_insert_with(|| {
                lists.push(rules.into_boxed_slice());
                u16::try_from(lists.len() - 1).unwrap_or(u16::MAX)
            });
            if let Some(place) = list_of.get_mut(usize::from(port)) {
                *place = number;
            }
        }
        Self { list_of: list_of.into_boxed_slice(), lists }
    }

    #[inline]
    fn rules(&self, port: u16) -> &[Gate] {
        self.list_of.get(usize::from(port)).and_then(|&list| self.lists.get(usize::from(list))).map_or(&[], |list| list)
    }
}

/// Rules for one kind of packet.
pub struct Group {
    database: Option<Database>,
    /// For each literal: where its rules begin in `rules_of`; one more at the end.
    starts: Box<[u32]>,
    rules_of: Box<[u32]>,
    by_destination_port: PortIndex,
    by_source_port: PortIndex,
    /// Rules judged on each packet.
    always: Box<[Gate]>,
    /// Rules judged on each packet that has an event.
    on_events: Box<[Gate]>,
    /// Rules judged once per flow and direction, found by source or by destination, and those that ask for most addresses on both sides.
    once_by_source: AddressIndex,
    once_by_destination: AddressIndex,
    once: Box<[u32]>,
    once_count: usize,
}

/// What the builder knows of one rule when it enters a group.
pub struct Entry<'a> {
    /// Number of the rule, in order of evaluation.
    pub number: u32,
    /// The rule.
    pub rule: &'a Rule,
    /// What its contents are judged on.
    pub scope: Scope,
    /// Its literal for the prefilter.
    pub fast_pattern: Option<&'a FastPattern>,
    /// Source ports, unless the rule goes both ways.
    pub source_ports: Option<&'a PortSet>,
    /// Destination ports, unless the rule goes both ways.
    pub destination_ports: Option<&'a PortSet>,
    /// Judged once per flow and direction: its source and destination addresses, unless the rule goes both ways.
    pub once: Option<Option<(&'a AddressSet, &'a AddressSet)>>,
}

impl Group {
    /// The group of `entries`, which come in order of evaluation.
    ///
    /// # Errors
    /// [`BuildError::Prefilter`] when the prefilter can't be compiled.
    pub fn new(entries: &[Entry]) -> Result<Self, BuildError> {
        let mut of_literal: BTreeMap<(&[u8], bool), Vec<u32>> = BTreeMap::new();
        let (mut by_destination, mut by_source, mut always, mut once) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut on_events = Vec::new();
        let (mut once_by_source, mut once_by_destination) = (Vec::new(), Vec::new());
        let few = |ports: &PortSet| ports.len() <= FEW_PORTS;
        for entry in entries {
            if let Some(addresses) = entry.once {
                match addresses.map(|(source, destination)| (source, source.share(), destination, destination.share()))
                {
                    Some((source, share, _, other)) if share <= other && share <= FEW_ADDRESSES => {
                        once_by_source.push((entry.number, source));
                    }
                    Some((_, _, destination, share)) if share <= FEW_ADDRESSES => {
                        once_by_destination.push((entry.number, destination));
                    }
                    _ => once.push(entry.number),
                }
            } else if let Some(literal) =
                entry.fast_pattern.and_then(|pattern| Some((pattern.literal()?, pattern.nocase)))
            {
                of_literal.entry(literal).or_default().push(entry.number);
            } else if entry.rule.checks.iter().any(Check::is_of_events) {
                on_events.push(Gate::new(entry.number, entry.rule, entry.scope));
            } else if let Some(ports) = entry.destination_ports.filter(|ports| few(ports)) {
                by_destination.push((Gate::new(entry.number, entry.rule, entry.scope), ports.clone()));
            } else if let Some(ports) = entry.source_ports.filter(|ports| few(ports)) {
                by_source.push((Gate::new(entry.number, entry.rule, entry.scope), ports.clone()));
            } else {
                always.push(Gate::new(entry.number, entry.rule, entry.scope));
            }
        }
        let mut starts = vec![0];
        let mut rules_of = Vec::new();
        let mut literals = Vec::new();
        for (id, ((bytes, caseless), rules)) in of_literal.into_iter().enumerate() {
            literals.push(Literal { bytes: bytes.to_vec(), id: id as u32, caseless, single_match: false });
            rules_of.extend(rules);
            starts.push(rules_of.len() as u32);
        }
        let database = if literals.is_empty() {
            None
        } else {
            let compiled = Database::compile_literals(&literals, Mode::Block);
            let database = compiled.map_err(|error| BuildError::Prefilter(error.to_string()))?;
            find_each_in_itself(&database, &literals)?;
            Some(database)
        };
        Ok(Self {
            database,
            starts: starts.into_boxed_slice(),
            rules_of: rules_of.into_boxed_slice(),
            by_destination_port: PortIndex::new(&by_destination),
            by_source_port: PortIndex::new(&by_source),
            always: always.into_boxed_slice(),
            on_events: on_events.into_boxed_slice(),
            once_count: once.len() + once_by_source.len() + once_by_destination.len(),
            once_by_source: AddressIndex::new(&once_by_source),
            once_by_destination: AddressIndex::new(&once_by_destination),
            once: once.into_boxed_slice(),
        })
    }

    /// The prefilter's database, if any rule needs it.
    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// Rules that wait for literal `id`.
    #[inline]
    pub fn rules_of_literal(&self, id: u32) -> &[u32] {
        let start = self.starts.get(id as usize).copied().unwrap_or(0) as usize;
        let end = self.starts.get(id as usize + 1).copied().unwrap_or(0) as usize;
        self.rules_of.get(start..end).unwrap_or_default()
    }

    /// Rules that no prefilter can leave out for `packet`, each behind its gate.
    #[inline]
    pub(crate) fn unfiltered(&self, packet: &PacketView) -> [&[Gate]; 4] {
        let headers = packet.headers;
        let by_destination = self.by_destination_port.rules(headers.dst_port);
        let by_source = self.by_source_port.rules(headers.src_port);
        let has_events = !packet.stream_events.is_empty() || !headers.events.is_empty();
        let on_events = if has_events { &*self.on_events } else { &[] };
        [by_destination, by_source, &self.always, on_events]
    }

    /// Rules judged once per flow and direction that can hold between these addresses.
    ///
    /// # Cost
    /// Two binary searches, then one step per rule.
    pub fn once(&self, ip_version: u8, source: &[u8; 16], destination: &[u8; 16]) -> impl Iterator<Item = u32> {
        let by_source = self.once_by_source.rules(ip_version, source);
        let by_destination = self.once_by_destination.rules(ip_version, destination);
        by_source.iter().chain(by_destination).chain(self.once.iter()).copied()
    }

    /// Literals in the prefilter, rules found by port, rules judged on each packet, rules judged once per flow.
    pub fn sizes(&self) -> [usize; 4] {
        let by_port = |index: &PortIndex| index.lists.iter().map(|list| list.len()).sum::<usize>();
        [
            self.starts.len() - 1,
            by_port(&self.by_destination_port) + by_port(&self.by_source_port),
            self.always.len() + self.on_events.len(),
            self.once_count,
        ]
    }
}

/// Every literal must be found in itself: a prefilter that is blind to one of its rules is not put to use.
fn find_each_in_itself(database: &Database, literals: &[Literal]) -> Result<(), BuildError> {
    let mut scratch = Scratch::for_databases(&[database]).map_err(|error| BuildError::Prefilter(error.to_string()))?;
    for literal in literals {
        let mut found = false;
        let scanned = database.scan(&mut scratch, &literal.bytes, |id, _| {
            found |= id == literal.id;
            Next::Continue
        });
        if !found || scanned.is_err() {
            return Err(BuildError::BlindPrefilter { literal: literal.bytes.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::FastPattern;

    fn literal(bytes: &[u8]) -> Option<Vec<u8>> {
        FastPattern { bytes: bytes.to_vec(), nocase: false }.literal().map(<[u8]>::to_vec)
    }

    #[test]
    fn short_literals_and_runs_are_not_for_the_prefilter() {
        assert_eq!(literal(b"abc"), None);
        assert_eq!(literal(&[0; 40]), None);
        assert_eq!(literal(b"aaab"), Some(b"aaab".to_vec()));
    }

    #[test]
    fn a_long_literal_is_cut_to_a_part_that_is_no_run() {
        let mut bytes = vec![b'A'; 40];
        bytes.extend(b"end");
        let part = literal(&bytes).unwrap();
        assert_eq!(part.len(), 32);
        assert!(part.ends_with(b"end"));
    }
}
