//! Rules that can match one kind of packet: a protocol class in one direction, with the prefilter over payloads.
//!
//! A rule whose content must stand among the first bytes is found by those. Another one with a content of [`crate::literals::SHORTEST_LITERAL`] bytes or more is met only when
//! the prefilter finds that content. Shorter literals, and runs of one byte, make the prefilter several times slower for every packet, so their rules are met by port, or on each
//! packet. No rule is ever missed: a property test compares with judging every rule.

use crate::{
    address::AddressSet,
    address_index::AddressIndex,
    check::Check,
    gate::{Facts, Gate, has_rare_flags},
    inspect::PacketView,
    literals::{DatabaseCache, FastPattern, Literals, is_common},
    matchers::{Matchers, Waiting},
    port_index::PortIndex,
    range::PortSet,
    rule::Rule,
    ruleset::BuildError,
    scope::Scope,
    start_index::{StartIndex, start_of},
};
use sluice_packet::Headers;

/// Rules that name at most this many ports are found by port.
const FEW_PORTS: u32 = 2_048;
/// Rules that name at most this share of the address space (in 2^-32 of it) are found by address.
const FEW_ADDRESSES: u64 = 1 << 26;

/// Rules for one kind of packet.
pub struct Group {
    matchers: Matchers,
    by_start: StartIndex,
    by_destination_port: PortIndex<Gate>,
    by_source_port: PortIndex<Gate>,
    /// Rules judged on each packet, and on each that brings bytes, or whose stream has some.
    always: Box<[Gate]>,
    always_with_bytes: Box<[Gate]>,
    /// Those that ask for flags that the packets of a connection under way do not have.
    on_flags: Box<[Gate]>,
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

/// Whether something odd is known of it.
#[inline]
pub(crate) fn has_events(packet: &PacketView) -> bool {
    !packet.stream_events.is_empty() || !packet.headers.events.is_empty() || packet.app_news.is_odd()
}

/// Gives `meet` the rules of `gates` that let what has these facts through.
#[inline(never)]
fn look_through(gates: &[Gate], facts: &Facts, meet: &mut impl FnMut(u32)) {
    // Without bytes nobody behind the first that asks for some is met.
    for gate in gates.iter().take_while(|gate| facts.has_bytes() || !gate.needs_bytes()) {
        if gate.admits(facts) {
            meet(gate.rule);
        }
    }
}

impl Group {
    /// The group of `entries`, which come in order of evaluation.
    ///
    /// # Errors
    /// [`BuildError::Prefilter`] when the prefilter can't be compiled.
    pub fn new(entries: &[Entry], cache: Option<&dyn DatabaseCache>) -> Result<Self, BuildError> {
        let (mut waiting, mut by_start) = (Vec::new(), Vec::new());
        let (mut by_destination, mut by_source, mut always, mut once) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut on_events, mut on_protocol) = (Vec::new(), Vec::new());
        let (mut once_by_source, mut once_by_destination) = (Vec::new(), Vec::new());
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
                continue;
            }
            if entry.rule.of_protocol {
                on_protocol.push(entry.number);
                continue;
            }
            let gate = Gate::new(entry.number, entry.rule, entry.scope);
            let few = |ports: Option<&'_ PortSet>| ports.is_some_and(|ports| ports.len() <= FEW_PORTS);
            let has_few = few(entry.destination_ports) || few(entry.source_ports);
            let is_anywhere = !has_few && !gate.asks_for_start() && !entry.rule.checks.iter().any(Check::is_of_events);
            let literal = entry.fast_pattern.and_then(|pattern| {
                let short = || pattern.short_literal().filter(|_| is_anywhere);
                Some((pattern.literal().or_else(short)?, pattern.nocase))
            });
            // What is in all traffic is not looked for where there is a start to find the rule by, or a port and some of a start.
            let rare = literal.map(|(literal, _)| literal).filter(|literal| !is_common(literal));
            let literal = literal.filter(|_| rare.is_some() || !has_few || !gate.asks_for_start());
            if let Some(start) = start_of(entry.rule, &gate, rare) {
                by_start.push((start, gate));
            } else if let Some(literal) = literal {
                waiting.push(Waiting {
                    literal,
                    rule: entry.number,
                    source_ports: entry.source_ports.filter(|ports| few(Some(ports))),
                    destination_ports: entry.destination_ports.filter(|ports| few(Some(ports))),
                });
            } else if entry.rule.checks.iter().any(Check::is_of_events) {
                on_events.push(gate);
            } else if let Some(ports) = entry.destination_ports.filter(|ports| few(Some(ports))) {
                by_destination.push((gate, ports));
            } else if let Some(ports) = entry.source_ports.filter(|ports| few(Some(ports))) {
                by_source.push((gate, ports));
            } else {
                always.push(gate);
            }
        }
        // In each list first those that ask for no bytes.
        by_destination.sort_by_key(|(gate, _)| gate.needs_bytes());
        by_source.sort_by_key(|(gate, _)| gate.needs_bytes());
        let (on_flags, always): (Vec<Gate>, Vec<Gate>) = always.into_iter().partition(Gate::needs_flags);
        let (with_bytes, always): (Vec<Gate>, Vec<Gate>) = always.into_iter().partition(Gate::needs_bytes);
        let (by_first, with_bytes): (Vec<Gate>, Vec<Gate>) =
            with_bytes.into_iter().partition(|gate| gate.first_byte().is_some());
        Ok(Self {
            matchers: Matchers::new(&waiting, cache)?,
            by_start: StartIndex::new(by_start, by_first),
            by_destination_port: PortIndex::new(by_destination),
            by_source_port: PortIndex::new(by_source),
            always: always.into_boxed_slice(),
            always_with_bytes: with_bytes.into_boxed_slice(),
            on_flags: on_flags.into_boxed_slice(),
            on_events: on_events.into_boxed_slice(),
            on_protocol: on_protocol.into_boxed_slice(),
            once_count: once.len() + once_by_source.len() + once_by_destination.len(),
            once_by_source: AddressIndex::new(&once_by_source),
            once_by_destination: AddressIndex::new(&once_by_destination),
            once: once.into_boxed_slice(),
        })
    }

    /// The prefilter over payloads of packets with these ports.
    #[inline]
    pub(crate) fn literals(&self, headers: &Headers) -> &Literals {
        self.matchers.of(headers)
    }

    /// Everything the prefilter consists of.
    pub(crate) fn all_literals(&self) -> impl Iterator<Item = &Literals> {
        self.matchers.all()
    }

    /// Whether rules that ask for no bytes may be met by a packet with these headers, of which something odd is known where it `has_events`.
    ///
    /// # Cost
    /// A look into two tables, and one at each rule for all packets of its class: few.
    #[inline]
    pub(crate) fn asks_of_headers(&self, headers: &Headers, has_events: bool) -> bool {
        // In each list those that ask for no bytes come first.
        let asks = |gates: &[Gate]| gates.first().is_some_and(|gate| !gate.needs_bytes());
        self.always.iter().any(|gate| gate.asks_for(headers.protocol))
            || (!self.on_flags.is_empty() && has_rare_flags(headers.tcp.flags))
            || (!self.on_events.is_empty() && has_events)
            || asks(self.by_destination_port.of(headers.dst_port))
            || asks(self.by_source_port.of(headers.src_port))
    }

    /// Gives `meet` the rules that no prefilter can leave out for `packet` and whose gates let it through.
    #[inline]
    pub(crate) fn unfiltered(&self, packet: &PacketView, facts: &Facts, mut meet: impl FnMut(u32)) {
        let headers = packet.headers;
        let has_bytes = facts.has_bytes();
        // Most packets meet none of them.
        let mut look = |gates: &[Gate], due: bool| {
            if due && !gates.is_empty() {
                look_through(gates, facts, &mut meet);
            }
        };
        look(self.by_destination_port.of(headers.dst_port), true);
        look(self.by_source_port.of(headers.src_port), true);
        look(&self.always, true);
        look(&self.always_with_bytes, has_bytes);
        look(&self.on_flags, has_rare_flags(headers.tcp.flags));
        look(&self.on_events, has_events(packet));
        if has_bytes {
            self.by_start.meet(facts, meet);
        }
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
    pub fn once(&self, ip_version: u8, source: &[u8; 16], destination: &[u8; 16]) -> [&[u32]; 3] {
        let by_source = self.once_by_source.rules(ip_version, source);
        let by_destination = self.once_by_destination.rules(ip_version, destination);
        [by_source, by_destination, &self.once]
    }

    /// Literals in the prefilter, rules found by port, rules judged on each packet, rules judged once per flow.
    pub fn sizes(&self) -> [usize; 4] {
        let by_port = |index: &PortIndex<Gate>| index.lists().iter().map(|list| list.len()).sum::<usize>();
        [
            self.matchers.len(),
            by_port(&self.by_destination_port) + by_port(&self.by_source_port),
            self.by_start.len()
                + self.always.len()
                + self.always_with_bytes.len()
                + self.on_flags.len()
                + self.on_events.len(),
            self.once_count + self.on_protocol.len(),
        ]
    }
}
