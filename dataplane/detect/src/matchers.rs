//! The matchers over payloads of one kind of packet: one for each set of ports that many rules ask for, and one for all other ports.
//!
//! Built by [`crate::group`]. A rule that names few ports would have its literal looked for in everybody's traffic; here it is looked for on its ports alone. Every
//! matcher holds the literals of the rules about all ports too, so one scan is enough.

use crate::{
    literals::{DatabaseCache, Literals},
    port_index::PortIndex,
    range::PortSet,
    ruleset::BuildError,
};
use sluice_packet::Headers;
use std::collections::BTreeMap;

/// A rule that waits for a literal.
pub(crate) struct Waiting<'a> {
    /// Its literal, and whether capital and small letters are the same.
    pub literal: (&'a [u8], bool),
    /// Number of the rule.
    pub rule: u32,
    /// The ports it is about, when those are few.
    pub source_ports: Option<&'a PortSet>,
    pub destination_ports: Option<&'a PortSet>,
}

/// Rules from which on a set of ports has a matcher of its own. Each costs some 0.1 s when rules are loaded for the first time.
const WORTH_A_MATCHER: usize = 32;

/// The matchers.
#[derive(Default)]
pub(crate) struct Matchers {
    /// By source port, or by destination port.
    by_source: bool,
    /// For each port the number of its matcher; empty when there is but one.
    of_port: Box<[u8]>,
    /// The first one is for all ports that have none.
    list: Box<[Literals]>,
}

impl Matchers {
    /// The matchers of `rules`.
    ///
    /// # Errors
    /// [`BuildError`] when a matcher can't be compiled.
    pub(crate) fn new<'a>(rules: &[Waiting<'a>], cache: Option<&dyn DatabaseCache>) -> Result<Self, BuildError> {
        let count = |side: fn(&Waiting<'a>) -> bool| rules.iter().filter(|rule| side(rule)).count();
        let by_source = count(|rule| rule.source_ports.is_some()) > count(|rule| rule.destination_ports.is_some());
        let ports_of = |rule: &Waiting<'a>| if by_source { rule.source_ports } else { rule.destination_ports };
        let mut of_ports: BTreeMap<&PortSet, usize> = BTreeMap::new();
        for ports in rules.iter().filter_map(&ports_of) {
            *of_ports.entry(ports).or_default() += 1;
        }
        let own = |rule: &&Waiting<'a>| {
            ports_of(rule).is_some_and(|ports| of_ports.get(ports).is_some_and(|count| *count >= WORTH_A_MATCHER))
        };
        let with_ports = rules.iter().enumerate().filter(|(_, rule)| own(rule));
        let index = PortIndex::new(with_ports.filter_map(|(place, rule)| Some((place, ports_of(rule)?))));
        // More lists than a matcher's number can tell: no port has its own.
        let lists = if index.lists().len() < usize::from(u8::MAX) { index.lists() } else { &[] };
        let is_split = !lists.is_empty();
        let common = || rules.iter().filter(|rule| !is_split || !own(rule));
        let build = |list: &[usize]| {
            let mut of_literal: BTreeMap<(&[u8], bool), Vec<u32>> = BTreeMap::new();
            for rule in common().chain(list.iter().filter_map(|&place| rules.get(place))) {
                of_literal.entry(rule.literal).or_default().push(rule.rule);
            }
            Literals::new(of_literal, cache)
        };
        let mut list = vec![build(&[])?];
        for own in lists {
            list.push(build(own)?);
        }
        let of_port = match is_split {
            true => (0..=u16::MAX).map(|port| index.number(port) as u8).collect(),
            false => Box::default(),
        };
        Ok(Self { by_source, of_port, list: list.into_boxed_slice() })
    }

    /// The matcher for packets with these ports.
    #[inline]
    pub(crate) fn of(&self, headers: &Headers) -> &Literals {
        static NOTHING: Literals = Literals::NOTHING;
        let port = if self.by_source { headers.src_port } else { headers.dst_port };
        let number = self.of_port.get(usize::from(port)).map_or(0, |&number| usize::from(number));
        self.list.get(number).unwrap_or(&NOTHING)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Literals> {
        self.list.iter()
    }

    /// Literals in the largest of them.
    pub(crate) fn len(&self) -> usize {
        self.list.iter().map(Literals::len).max().unwrap_or(0)
    }
}
