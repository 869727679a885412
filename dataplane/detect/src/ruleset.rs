//! All signatures, ready to be read by workers. Immutable once built.
//!
//! Built by `sluice-rules` on the control core; read by `sluice-worker`.

use crate::{
    address::AddressSet,
    buffer::Buffer,
    check::Check,
    contexts::ContextSource,
    derived::Derived,
    door::Door,
    field_groups::FieldGroups,
    group::{Entry, Group},
    literals::{DatabaseCache, FastPattern},
    program::Step,
    range::PortSet,
    regex::{self, Flags, RegexError},
    rule::{Effect, Protocol, Rule},
    scope::Scope,
    transform::Transform,
};
use pcre2::bytes::Regex;
use sluice_core::Direction;
use std::collections::BTreeMap;

/// Packets by the rules that can match them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP and ICMPv6.
    Icmp,
    /// Everything else, also without IP and undecodable.
    Other,
}

impl Class {
    /// All, in the order of the groups of a rule set.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Icmp, Self::Other];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Other => "other",
        }
    }

    /// Whether `rule` can match packets of this class.
    fn admits(self, rule: &Rule) -> bool {
        if !rule.app.is_empty() {
            return false;
        }
        // A header that could not be decoded leaves its protocol's packets among the others, where only rules about that look for them.
        let others = self == Self::Other && !rule.needs_transport;
        let carries = |number: u8| match number {
            6 => self == Self::Tcp || others,
            17 => self == Self::Udp || others,
            1 | 58 => self == Self::Icmp || others,
            _ => self == Self::Other,
        };
        let of_header = match rule.protocol {
            Protocol::Ip | Protocol::Ipv4 | Protocol::Ipv6 | Protocol::PacketHeader | Protocol::Ethernet => true,
            Protocol::Upper(number) | Protocol::UpperOver(_, number) => carries(number),
            Protocol::AnyIcmp => self == Self::Icmp || others,
            Protocol::Arp => self == Self::Other,
        };
        of_header && rule.checks.iter().filter_map(Check::ip_protocol).all(carries)
    }
}

/// Why a rule set could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The prefilter's compiler refused; its words.
    Prefilter(String),
    /// The compiled prefilter does not find this literal of its own.
    BlindPrefilter {
        /// The literal.
        literal: Vec<u8>,
    },
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prefilter(reason) => write!(f, "the prefilter could not be compiled: {reason}"),
            Self::BlindPrefilter { literal } => {
                write!(f, "the prefilter does not find `{}`; the rules are not put to use", literal.escape_ascii())
            }
        }
    }
}

impl std::error::Error for BuildError {}

/// The rule set.
pub struct Ruleset {
    /// Which of the rule sets of this run it is, from 1.
    pub generation: u32,
    rules: Box<[Rule]>,
    /// What the contents of each rule are judged on.
    scopes: Box<[Scope]>,
    /// What lets each rule through where its literal was found.
    doors: Box<[Door]>,
    judges_streams: bool,
    /// What the prefilter looks for, for each rule.
    patterns: Box<[Option<FastPattern>]>,
    addresses: Box<[AddressSet]>,
    ports: Box<[PortSet]>,
    regexes: Box<[Regex]>,
    derived: Box<[Derived]>,
    context_sources: Box<[ContextSource]>,
    decodes: bool,
    tags_hosts: bool,
    groups: Box<[Group]>,
    /// Rules about transactions.
    fields: FieldGroups,
}

impl Ruleset {
    /// Rules in order of evaluation.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Rule number `number`.
    #[inline]
    pub fn rule(&self, number: u32) -> Option<&Rule> {
        self.rules.get(number as usize)
    }

    /// What the contents of rule number `number` are judged on.
    #[inline]
    pub fn scope(&self, number: u32) -> Scope {
        self.scopes.get(number as usize).copied().unwrap_or_default()
    }

    /// What lets rule number `number` through.
    #[inline(always)]
    pub(crate) fn door(&self, number: u32) -> Option<&Door> {
        self.doors.get(number as usize)
    }

    /// What lets the rules of these numbers through where their literal was found.
    #[inline(always)]
    pub(crate) fn doors<'a>(&'a self, numbers: &'a [u32]) -> impl Iterator<Item = &'a Door> {
        numbers.iter().filter_map(|&number| self.door(number))
    }

    /// Whether a rule is judged on streams.
    pub const fn judges_streams(&self) -> bool {
        self.judges_streams
    }

    /// What the prefilter looks for before rule number `number` is judged, if it may hold the rule back at all.
    pub fn pattern(&self, number: u32) -> Option<&FastPattern> {
        self.patterns.get(number as usize)?.as_ref()
    }

    /// The regular expressions.
    pub fn regexes(&self) -> &[Regex] {
        &self.regexes
    }

    /// Buffers with transforms.
    pub fn derived(&self) -> &[Derived] {
        &self.derived
    }

    /// Under which keys rules tell something besides their signature, by number.
    pub fn context_sources(&self) -> &[ContextSource] {
        &self.context_sources
    }

    /// Whether a rule tags packets of hosts: then each packet has to be asked for.
    pub fn tags_hosts(&self) -> bool {
        self.tags_hosts
    }

    /// Whether a rule decodes base64.
    pub fn decodes(&self) -> bool {
        self.decodes
    }

    /// Address set number `number`; what is not there matches nothing.
    #[inline]
    pub fn addresses(&self, number: u32) -> Option<&AddressSet> {
        self.addresses.get(number as usize)
    }

    /// Port set number `number`.
    #[inline]
    pub fn ports(&self, number: u32) -> Option<&PortSet> {
        self.ports.get(number as usize)
    }

    /// Whether `rule` is met for packets of `class`.
    pub fn admits(&self, class: Class, rule: &Rule) -> bool {
        class.admits(rule)
    }

    /// The group for packets of `class` in `direction`.
    #[inline]
    pub fn group(&self, class: Class, direction: Direction) -> Option<&Group> {
        self.groups.get(class as usize * 2 + direction.index())
    }

    /// Rules about transactions.
    #[inline]
    pub const fn fields(&self) -> &FieldGroups {
        &self.fields
    }

    /// All groups: for each class, to the server and to the client.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
}

/// Gathers what a rule set is made of.
#[derive(Default)]
pub struct RulesetBuilder {
    rules: Vec<(Rule, Option<FastPattern>)>,
    addresses: Vec<AddressSet>,
    address_numbers: BTreeMap<AddressSet, u32>,
    ports: Vec<PortSet>,
    regexes: Vec<Regex>,
    regex_numbers: BTreeMap<(Vec<u8>, Flags), u32>,
    derived: BTreeMap<Derived, u32>,
    context_sources: Vec<ContextSource>,
}

impl RulesetBuilder {
    /// The number of `set`, the same for equal sets.
    pub fn addresses(&mut self, set: AddressSet) -> u32 {
        if let Some(&number) = self.address_numbers.get(&set) {
            return number;
        }
        let number = self.addresses.len() as u32;
        self.addresses.push(set.clone());
        self.address_numbers.insert(set, number);
        number
    }

    /// The number of `set`, the same for equal sets.
    pub fn ports(&mut self, set: PortSet) -> u32 {
        if let Some(number) = self.ports.iter().position(|other| *other == set) {
            return number as u32;
        }
        self.ports.push(set);
        self.ports.len() as u32 - 1
    }

    /// The number of `expression`, compiled; the same for equal ones.
    ///
    /// # Errors
    /// [`RegexError`] with PCRE2's reason.
    pub fn regex(&mut self, expression: &[u8], flags: Flags) -> Result<u32, RegexError> {
        let key = (expression.to_vec(), flags);
        if let Some(&number) = self.regex_numbers.get(&key) {
            return Ok(number);
        }
        let number = self.regexes.len() as u32;
        self.regexes.push(regex::compile(expression, flags)?);
        self.regex_numbers.insert(key, number);
        Ok(number)
    }

    /// Groups of expression `number`; 0 for one that isn't there.
    pub fn groups(&self, number: u32) -> usize {
        self.regexes.get(number as usize).map_or(0, |regex| regex.captures_len().saturating_sub(1))
    }

    /// The groups of expression `number` that have names, from 1.
    pub fn named_groups(&self, number: u32) -> impl Iterator<Item = (u8, &str)> {
        let names = self.regexes.get(number as usize).map_or(&[][..], |regex| regex.capture_names());
        (0_u8..=u8::MAX).zip(names).filter_map(|(group, name)| Some((group, name.as_deref()?)))
    }

    /// The number of `buffer` after `transforms`, the same for equal ones.
    pub fn derived(&mut self, buffer: Buffer, transforms: Vec<Transform>) -> u32 {
        let next = self.derived.len() as u32;
        *self.derived.entry(Derived { buffer, transforms: transforms.into_boxed_slice() }).or_insert(next)
    }

    /// The number of `source`, the same for equal ones; none when there are 65,536 already.
    pub fn context_source(&mut self, source: ContextSource) -> Option<u16> {
        if let Some(number) = self.context_sources.iter().position(|other| *other == source) {
            return u16::try_from(number).ok();
        }
        let number = u16::try_from(self.context_sources.len()).ok()?;
        self.context_sources.push(source);
        Some(number)
    }

    /// How many expressions and chains of transforms there are: for [`RulesetBuilder::forget`].
    pub fn mark(&self) -> (usize, usize) {
        (self.regexes.len(), self.derived.len())
    }

    /// Keeps what was there at `mark`: what came behind was of a rule that turned out not to be usable.
    pub fn forget(&mut self, (regexes, derived): (usize, usize)) {
        self.regexes.truncate(regexes);
        self.regex_numbers.retain(|_, number| (*number as usize) < regexes);
        self.derived.retain(|_, number| (*number as usize) < derived);
    }

    /// Adds a rule. Rules are judged in the order they are added.
    pub fn rule(&mut self, rule: Rule, fast_pattern: Option<FastPattern>) {
        self.rules.push((rule, fast_pattern));
    }

    /// Builds the rule set.
    ///
    /// # Errors
    /// [`BuildError`] when a prefilter can't be compiled.
    pub fn build(self, generation: u32) -> Result<Ruleset, BuildError> {
        self.build_with(generation, None)
    }

    /// The same, with matchers from `cache` where it has them.
    ///
    /// # Errors
    /// As [`RulesetBuilder::build`].
    pub fn build_with(self, generation: u32, cache: Option<&dyn DatabaseCache>) -> Result<Ruleset, BuildError> {
        let anchored: Vec<bool> = {
            let mut anchored = vec![false; self.regexes.len()];
            for ((expression, flags), number) in &self.regex_numbers {
                if let Some(place) = anchored.get_mut(*number as usize) {
                    *place = regex::is_anchored(expression, *flags);
                }
            }
            anchored
        };
        let is_anchored = |number: u32| anchored.get(number as usize).copied().unwrap_or(true);
        let scopes: Box<[Scope]> = self.rules.iter().map(|(rule, _)| Scope::of(rule, is_anchored)).collect();
        let one_way = |rule: &Rule, number: u32| {
            let one_way = !rule.endpoints.both_ways && !rule.endpoints.of_transaction;
            self.ports.get(number as usize).filter(|set| one_way && !set.is_everything())
        };
        let doors = (0_u32..).zip(&self.rules).zip(&scopes).map(|((number, (rule, _)), scope)| {
            let ends = &rule.endpoints;
            Door::new(number, rule, *scope, one_way(rule, ends.source_ports), one_way(rule, ends.destination_ports))
        });
        let doors: Box<[Door]> = doors.collect();
        let judges_streams = scopes.iter().any(|scope| scope.stream);
        let mut groups = Vec::new();
        for class in Class::ALL {
            for direction in Direction::ALL {
                let entries: Vec<Entry> = (0_u32..)
                    .zip(&self.rules)
                    .filter(|(_, (rule, _))| class.admits(rule) && rule.direction.is_none_or(|way| way == direction))
                    .map(|(number, (rule, fast_pattern))| {
                        let one_way = !rule.endpoints.both_ways;
                        let ports =
                            |number: u32| self.ports.get(number as usize).filter(|set| one_way && !set.is_everything());
                        Entry {
                            number,
                            rule,
                            scope: scopes.get(number as usize).copied().unwrap_or_default(),
                            fast_pattern: fast_pattern.as_ref(),
                            source_ports: ports(rule.endpoints.source_ports),
                            destination_ports: ports(rule.endpoints.destination_ports),
                            once: rule.addresses_only.then(|| {
                                let set = |number: u32| self.addresses.get(number as usize).filter(|_| one_way);
                                set(rule.endpoints.source).zip(set(rule.endpoints.destination))
                            }),
                        }
                    })
                    .collect();
                groups.push(Group::new(&entries, cache)?);
            }
        }
        let fields = FieldGroups::new(&self.rules, cache)?;
        let is_base64 = |step: &Step| matches!(step, Step::Base64 { .. });
        let mut rules = self.rules.iter();
        let decodes = rules.any(|(rule, _)| rule.programs.iter().flat_map(|program| program.steps()).any(is_base64));
        let is_host = |effect: &Effect| matches!(effect, Effect::TagHost(..));
        let tags_hosts = self.rules.iter().any(|(rule, _)| rule.tags.iter().any(is_host));
        let mut derived: Vec<_> = self.derived.into_iter().collect();
        derived.sort_by_key(|(_, number)| *number);
        Ok(Ruleset {
            generation,
            scopes,
            doors,
            judges_streams,
            derived: derived.into_iter().map(|(chain, _)| chain).collect(),
            context_sources: self.context_sources.into_boxed_slice(),
            decodes,
            tags_hosts,
            patterns: self.rules.iter().map(|(_, pattern)| pattern.clone()).collect(),
            rules: self.rules.into_iter().map(|(rule, _)| rule).collect(),
            addresses: self.addresses.into_boxed_slice(),
            ports: self.ports.into_boxed_slice(),
            regexes: self.regexes.into_boxed_slice(),
            groups: groups.into_boxed_slice(),
            fields,
        })
    }
}
