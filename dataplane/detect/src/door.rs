//! The look at a rule whose literal was found: can it match here at all?
//!
//! Most literals are found in packets that their rules are not about: the port is another one, or the size. A door is a [`Gate`] with the rule's ports. It never turns away a rule that would match. One for each rule, built by
//! [`crate::ruleset`], asked where literals are found.

use crate::{
    gate::{Facts, Gate},
    range::PortSet,
    rule::Rule,
    scope::Scope,
};
use sluice_packet::Headers;

/// Sets of more ports let each port through.
const MOST_PORTS: u32 = 4_096;

/// What is known of `port`: its bit, the same for one number in 64.
#[inline]
const fn bit_of(port: u16) -> u64 {
    1 << (port & 63)
}

/// The bits of `ports`; all for every port, or when they are many.
fn bits_of(ports: Option<&PortSet>) -> u64 {
    match ports.filter(|ports| ports.len() <= MOST_PORTS) {
        None => u64::MAX,
        Some(ports) => {
            ports.ranges().iter().flat_map(|&(low, high)| low..=high).fold(0, |bits, port| bits | bit_of(port))
        }
    }
}

/// What is known of two ports, source and destination: of a packet's, or of those a rule is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    source: u64,
    destination: u64,
}

impl Ports {
    /// Those of a packet.
    #[inline]
    pub(crate) const fn of(headers: &Headers) -> Self {
        match headers.has_transport {
            true => Self::of_two(headers.src_port, headers.dst_port),
            // Left to the rule.
            false => Self { source: u64::MAX, destination: u64::MAX },
        }
    }

    #[inline]
    const fn of_two(source: u16, destination: u16) -> Self {
        Self { source: bit_of(source), destination: bit_of(destination) }
    }

    /// Those a rule is about: none where any will do, or the rule goes both ways.
    fn of_rule(source: Option<&PortSet>, destination: Option<&PortSet>) -> Self {
        Self { source: bits_of(source), destination: bits_of(destination) }
    }

    /// Whether they may be the same on both sides.
    #[inline(always)]
    const fn meet(self, other: Self) -> bool {
        (self.source & other.source != 0) & (self.destination & other.destination != 0)
    }
}

/// A rule's ports and its gate.
pub(crate) struct Door {
    ports: Ports,
    pub(crate) gate: Gate,
}

impl Door {
    /// The door of rule `number`, with its ports: none where any will do, or the rule goes both ways.
    pub(crate) fn new(
        number: u32,
        rule: &Rule,
        scope: Scope,
        source: Option<&PortSet>,
        destination: Option<&PortSet>,
    ) -> Self {
        Self { ports: Ports::of_rule(source, destination), gate: Gate::new(number, rule, scope) }
    }

    /// Whether the rule may be about the ports of a packet with these facts.
    #[inline(always)]
    pub(crate) const fn is_about_ports(&self, facts: &Facts) -> bool {
        self.ports.meet(facts.ports)
    }

    /// Whether the rule may match a packet with these facts.
    #[inline(always)]
    pub(crate) fn opens(&self, facts: &Facts) -> bool {
        self.is_about_ports(facts) && self.gate.admits(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::Ports;
    use crate::range::PortSet;

    #[test]
    fn every_port_of_a_rule_finds_its_door_open() {
        let set = PortSet::new(vec![(0, 0), (80, 82), (65_000, u16::MAX)]);
        let of_rule = Ports::of_rule(None, Some(&set));
        assert!((0..=u16::MAX).filter(|&port| set.contains(port)).all(|port| of_rule.meet(Ports::of_two(1, port))));
    }

    #[test]
    fn most_other_ports_find_it_shut_on_either_side() {
        let set = PortSet::new(vec![(8_074, 8_074)]);
        let (from, to) = (Ports::of_rule(Some(&set), None), Ports::of_rule(None, Some(&set)));
        assert!((0..=u16::MAX).filter(|&port| from.meet(Ports::of_two(port, 9))).count() == 1_024);
        assert!((0..=u16::MAX).filter(|&port| to.meet(Ports::of_two(9, port))).count() == 1_024);
    }
}
