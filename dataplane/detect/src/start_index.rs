//! Rules whose bytes must stand at the very beginning of what is judged, found by those bytes.
//!
//! Built by [`crate::group`] for one kind of packet, asked for each packet and each place where a stream may begin. What is found here needs no search: a look
//! at four bytes instead of a literal in the matcher, and at one byte where a rule has nothing better.

use crate::{
    buffer::Buffer,
    gate::{Facts, Gate, Start},
    program::{Content, Program, Step},
    rule::Rule,
};
use std::collections::BTreeMap;

/// Rules by four of their first eight bytes, or by the first.
#[derive(Default)]
pub(crate) struct StartIndex {
    /// By bytes 0 to 3, and by bytes 4 to 7.
    by: [Table; 2],
    /// A bit for each first byte that one of the others asks for, and those.
    first_bytes: [u64; 4],
    others: Box<[Gate]>,
}

/// Lists of rules by a number, in a table with free places: a power of two.
#[derive(Default)]
struct Table {
    places: Box<[Place]>,
    gates: Box<[Gate]>,
}

#[derive(Clone, Copy, Default)]
struct Place {
    key: u32,
    /// Where its rules lie: none when both are equal.
    start: u32,
    end: u32,
}

impl Table {
    fn new(of_key: BTreeMap<u32, Vec<Gate>>) -> Self {
        if of_key.is_empty() {
            return Self::default();
        }
        let mut places = vec![Place::default(); (of_key.len() * 4).next_power_of_two()];
        let mut gates = Vec::new();
        for (key, of_it) in of_key {
            let start = gates.len() as u32;
            gates.extend(of_it);
            let mut at = Self::hash(key, places.len());
            while places.get(at).is_some_and(|place| place.start != place.end) {
                at = (at + 1) % places.len();
            }
            if let Some(place) = places.get_mut(at) {
                *place = Place { key, start, end: gates.len() as u32 };
            }
        }
        Self { places: places.into_boxed_slice(), gates: gates.into_boxed_slice() }
    }

    #[inline]
    const fn hash(key: u32, places: usize) -> usize {
        ((key.wrapping_mul(0x9e37_79b1) >> 8) as usize) & places.wrapping_sub(1)
    }

    #[inline]
    fn of(&self, key: u32) -> &[Gate] {
        let mut at = Self::hash(key, self.places.len());
        // A quarter of the places is taken at the most: there is an end.
        while let Some(place) = self.places.get(at).filter(|place| place.start != place.end) {
            if place.key == key {
                return self.gates.get(place.start as usize..place.end as usize).unwrap_or_default();
            }
            at = (at + 1) & self.places.len().wrapping_sub(1);
        }
        &[]
    }
}

impl StartIndex {
    /// These rules, each behind its gate, and `others` by their first byte.
    pub(crate) fn new(rules: impl IntoIterator<Item = (Start, Gate)>, others: Vec<Gate>) -> Self {
        let mut by = [BTreeMap::<u32, Vec<Gate>>::new(), BTreeMap::new()];
        for (start, gate) in rules {
            let (table, key) = match start {
                Start::First(key) => (&mut by[0], key),
                Start::Second(key) => (&mut by[1], key),
            };
            table.entry(key).or_default().push(gate);
        }
        let mut first_bytes = [0; 4];
        for byte in others.iter().filter_map(Gate::first_byte) {
            if let Some(word) = first_bytes.get_mut(usize::from(byte / 64)) {
                *word |= 1 << (byte % 64);
            }
        }
        Self { by: by.map(Table::new), first_bytes, others: others.into_boxed_slice() }
    }

    /// Gives `meet` the rules that the first bytes of what is judged let through.
    ///
    /// # Cost
    /// Two looks into a table, and one at a bit, for each place where a start may be, which is one for most packets.
    #[inline]
    pub(crate) fn meet(&self, facts: &Facts, mut meet: impl FnMut(u32)) {
        let [by_first, by_second] = &self.by;
        let mut any = false;
        facts.distinct_heads(|head| {
            let byte = head as u8;
            any |= self.first_bytes.get(usize::from(byte / 64)).is_some_and(|word| word >> (byte % 64) & 1 != 0);
            for gates in [by_first.of(head as u32), by_second.of((head >> 32) as u32)] {
                for gate in gates {
                    if gate.admits(facts) {
                        meet(gate.rule);
                    }
                }
            }
        });
        if any {
            self.others.iter().filter(|gate| gate.admits(facts)).for_each(|gate| meet(gate.rule));
        }
    }

    /// Rules in it.
    pub(crate) fn len(&self) -> usize {
        self.by.iter().map(|table| table.gates.len()).sum::<usize>() + self.others.len()
    }
}

/// Where `rule` is found here: it asks for bytes at the beginning, and nothing better is known of it than `literal`, if anything.
pub(crate) fn start_of(rule: &Rule, gate: &Gate, literal: Option<&[u8]>) -> Option<Start> {
    let start = gate.start()?;
    let Some(literal) = literal else { return Some(start) };
    let holds = |content: &Content| {
        Gate::stands_at_start(content) && content.pattern().windows(literal.len()).any(|part| part == literal)
    };
    let plain = |program: &&Program| program.buffer == Buffer::Payload && program.derived.is_none();
    let mut steps = rule.programs.iter().filter(plain).flat_map(|program| program.steps());
    steps.any(|step| matches!(step, Step::Content(content) if holds(content))).then_some(start)
}
