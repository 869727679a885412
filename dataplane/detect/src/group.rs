//! Rules that can match one kind of packet: a protocol class in one direction, with the prefilter over payloads.
//!
//! A rule with a content of [`crate::literals::SHORTEST_LITERAL`] bytes or more is met only when the prefilter finds that content. Shorter literals, and runs of one
//! byte, make the prefilter several times slower for every packet, so their rules are met by port, or on each packet. No rule is ever missed: a property test compares with
//! judging every rule.

use crate::{
    address::AddressSet,
    address_index::AddressIndex,
    check::Check,
    gate::Gate,
    inspect::PacketView,
    literals::{DatabaseCache, FastPattern, Literals},
    range::PortSet,
    rule::Rule,
    ruleset::BuildError,
    scope::Scope,
};
use std::collections::BTreeMap;

/// Rules that name at most this many ports are found by port.
const FEW_PORTS: u32 = 2_048;
/// Rules that name at most this share of the address space (in 2^-32 of it) are found by address.
const FEW_ADDRESSES: u64 = 1 << 26;

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
    literals: Literals,
    by_destination_port: PortIndex,
    by_source_port: PortIndex,
    /// Rules judged on each packet.
    always: Box<[Gate]>,
    /// Rules judged on each packet that has an event.
    on_events: Box<[Gate]>,
    /// Rules judged when the flow's application protocol becomes known.
    on_protocol: Box<[u32]>,
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
    pub fn new(entries: &[Entry], cache: Option<&dyn DatabaseCache>) -> Result<Self, BuildError> {
        let mut of_literal: BTreeMap<(&[u8], bool), Vec<u32>> = BTreeMap::new();
        let (mut by_destination, mut by_source, mut always, mut once) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut on_events, mut on_protocol) = (Vec::new(), Vec::new());
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
            } else if entry.rule.of_protocol {
                on_protocol.push(entry.number);
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
        Ok(Self {
            literals: Literals::new(of_literal, cache)?,
            by_destination_port: PortIndex::new(&by_destination),
            by_source_port: PortIndex::new(&by_source),
            always: always.into_boxed_slice(),
            on_events: on_events.into_boxed_slice(),
            on_protocol: on_protocol.into_boxed_slice(),
            once_count: once.len() + once_by_source.len() + once_by_destination.len(),
            once_by_source: AddressIndex::new(&once_by_source),
            once_by_destination: AddressIndex::new(&once_by_destination),
            once: once.into_boxed_slice(),
        })
    }

    /// The prefilter over payloads.
    #[inline]
    pub(crate) fn literals(&self) -> &Literals {
        &self.literals
    }

    /// Rules that no prefilter can leave out for `packet`, each behind its gate.
    #[inline]
    pub(crate) fn unfiltered(&self, packet: &PacketView) -> [&[Gate]; 4] {
        let headers = packet.headers;
        let by_destination = self.by_destination_port.rules(headers.dst_port);
        let by_source = self.by_source_port.rules(headers.src_port);
        let has_events = !packet.stream_events.is_empty() || !headers.events.is_empty() || packet.app_news.is_odd();
        let on_events = if has_events { &*self.on_events } else { &[] };
        [by_destination, by_source, &self.always, on_events]
    }

    /// Rules judged when the flow's application protocol becomes known.
    #[inline]
    pub(crate) fn on_protocol(&self) -> &[u32] {
        &self.on_protocol
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
            self.literals.len(),
            by_port(&self.by_destination_port) + by_port(&self.by_source_port),
            self.always.len() + self.on_events.len(),
            self.once_count + self.on_protocol.len(),
        ]
    }
}
