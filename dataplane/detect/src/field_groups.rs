//! Rules about transactions: the prefilter over each field, and the rules that no literal can hold back.
//!
//! Built once with a rule set; read by [`crate::inspect_transaction`]. A rule with a literal in one of its fields is met only when the literal is found there. The others are met
//! in each transaction of their protocols.

use crate::{
    app::Protocols,
    buffer::Buffer,
    check::Check,
    literals::{DatabaseCache, FastPattern, Literals},
    program::{Absence, Program},
    rule::Rule,
    ruleset::BuildError,
};
use sluice_app::{AppProtocol, Field, Fields, field::Kind, level};
use sluice_core::Direction;
use std::collections::BTreeMap;

/// When a rule about transactions can be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// It is met in every transaction.
    pub always: bool,
    /// How far a direction is when all it asks for has come, or never will.
    pub last: u8,
}

/// The prefilter over one field, perhaps after transforms.
pub(crate) struct FieldGroup {
    /// The chain of transforms.
    pub derived: Option<u32>,
    pub literals: Literals,
}

/// A rule met in every transaction that has what it needs.
#[derive(Clone, Copy)]
pub(crate) struct AlwaysMet {
    pub rule: u32,
    /// Without these fields it can't match.
    needs: Fields,
}

impl AlwaysMet {
    fn new(number: u32, rule: &Rule) -> Self {
        let mut needs = Fields::NONE;
        // What writes does so also where something else is missing.
        if !rule.programs.iter().any(Program::writes) {
            let own = rule.programs.iter().filter(|program| program.side.is_none() && may_filter(program.absence));
            own.filter_map(field_of).for_each(|field| needs.add(field));
        }
        Self { rule: number, needs }
    }

    /// Whether it may match where there are these fields.
    #[inline]
    pub(crate) fn may_match(&self, there: &Fields) -> bool {
        there.contains_all(&self.needs)
    }
}

/// All of them.
#[derive(Default)]
pub struct FieldGroups {
    of_field: Box<[Box<[FieldGroup]>]>,
    /// The prefilter over bodies as they are, whatever they are called: a body of HTTP is a file too, and is looked through once.
    of_bodies: Literals,
    /// Rules met in every transaction: by protocol and direction.
    always: Box<[Box<[AlwaysMet]>]>,
    stages: Box<[Stage]>,
    wants: Fields,
    /// Some rule is about transactions.
    any: bool,
}

/// The field of transactions a program looks at.
pub(crate) const fn field_of(program: &Program) -> Option<Field> {
    match program.buffer {
        Buffer::App(field) => Some(field),
        _ => None,
    }
}

/// Bodies under one name are looked at under the other too.
pub(crate) const fn is_file(field: Field) -> bool {
    matches!(field, Field::FileData)
}

/// Bodies that come under several names, of which rules take one: they are looked through once for all.
pub(crate) const fn is_shared(field: Field) -> bool {
    matches!(field, Field::FileData | Field::HttpRequestBody | Field::HttpResponseBody)
}

impl FieldGroups {
    /// The groups of `rules`, which are in order of evaluation, with what the author or length chose for the prefilter.
    ///
    /// # Errors
    /// [`BuildError`] when a matcher can't be compiled.
    pub(crate) fn new(
        rules: &[(Rule, Option<FastPattern>)],
        cache: Option<&dyn DatabaseCache>,
    ) -> Result<Self, BuildError> {
        type OfLiteral<'r> = BTreeMap<(&'r [u8], bool), Vec<u32>>;
        let mut of_field: BTreeMap<(Field, Option<u32>), OfLiteral> = BTreeMap::new();
        let mut of_bodies = OfLiteral::new();
        let mut always: Vec<Vec<AlwaysMet>> = vec![Vec::new(); AppProtocol::ALL.len() * 2];
        let mut stages = vec![Stage::default(); rules.len()];
        let mut wants = Fields::NONE;
        let mut any = false;
        for ((number, (rule, pattern)), stage) in (0_u32..).zip(rules).zip(&mut stages) {
            if rule.app.is_empty() {
                continue;
            }
            any = true;
            rule.programs.iter().filter_map(field_of).for_each(|field| wants.add(field));
            for check in &rule.checks {
                if let Check::App(check) = check {
                    check.fields().into_iter().for_each(|field| wants.add(field));
                }
            }
            stage.last = last_level(rule);
            let literal = pattern.as_ref().filter(|_| !rule.endpoints.of_transaction).and_then(|pattern| {
                let (field, derived) = pattern.of?;
                Some(((field, derived), (pattern.literal_in(field)?, pattern.nocase)))
            });
            match literal {
                Some(((field, None), literal)) if is_shared(field) => {
                    of_bodies.entry(literal).or_default().push(number)
                }
                Some((place, literal)) => of_field.entry(place).or_default().entry(literal).or_default().push(number),
                None => {
                    stage.always = true;
                    for protocol in rule.app.each() {
                        for direction in Direction::ALL {
                            if rule.direction.is_none_or(|wanted| wanted == direction)
                                && let Some(list) = always.get_mut(protocol as usize * 2 + direction.index())
                            {
                                list.push(AlwaysMet::new(number, rule));
                            }
                        }
                    }
                }
            }
        }
        let mut groups: Vec<Vec<FieldGroup>> = Field::ALL.iter().map(|_| Vec::new()).collect();
        for ((field, derived), of_literal) in of_field {
            if let Some(place) = groups.get_mut(field as usize) {
                place.push(FieldGroup { derived, literals: Literals::new(of_literal, cache)? });
            }
        }
        Ok(Self {
            of_field: groups.into_iter().map(Vec::into_boxed_slice).collect(),
            of_bodies: Literals::new(of_bodies, cache)?,
            always: always.into_iter().map(Vec::into_boxed_slice).collect(),
            stages: stages.into_boxed_slice(),
            wants,
            any,
        })
    }

    /// The prefilters over `field`: without transforms, unless it is shared, and one for each chain of them.
    #[inline]
    pub(crate) fn of(&self, field: Field) -> &[FieldGroup] {
        self.of_field.get(field as usize).map_or(&[], |groups| groups)
    }

    /// The prefilter over bodies under one or the other [name](is_shared), without transforms.
    pub(crate) const fn of_bodies(&self) -> &Literals {
        &self.of_bodies
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Literals> {
        self.of_field.iter().flatten().map(|group| &group.literals).chain([&self.of_bodies])
    }

    /// Rules met in every transaction of `protocol`, in `direction`.
    #[inline]
    pub(crate) fn always(&self, protocol: AppProtocol, direction: Direction) -> &[AlwaysMet] {
        self.always.get(protocol as usize * 2 + direction.index()).map_or(&[], |rules| rules)
    }

    /// When rule `number` can be judged.
    #[inline]
    pub fn stage(&self, number: u32) -> Stage {
        self.stages.get(number as usize).copied().unwrap_or_default()
    }

    /// The fields that rules ask for.
    pub const fn wants(&self) -> Fields {
        self.wants
    }

    /// Whether a rule is about transactions.
    pub const fn judges(&self) -> bool {
        self.any
    }
}

/// How far a direction is when nothing more comes of what `rule` asks for.
fn last_level(rule: &Rule) -> u8 {
    let of_program = |program: &Program| match program.buffer {
        Buffer::App(field) => field.level(),
        // The stream goes on as long as the transaction does.
        Buffer::Payload => level::DONE,
        _ => level::NOTHING,
    };
    let of_check = |check: &Check| match check {
        Check::App(check) => check.level(),
        _ => level::NOTHING,
    };
    rule.programs.iter().map(of_program).chain(rule.checks.iter().map(of_check)).max().unwrap_or(level::NOTHING)
}

/// Whether a literal of `program` may hold its rule back: where the field may be absent it may not.
pub fn may_filter(program_absence: Absence) -> bool {
    program_absence == Absence::Fails
}

/// The protocols in whose transactions `field` is found.
pub fn protocols_of(field: Field) -> Protocols {
    let one = Protocols::of(field.protocol());
    match (field, field.protocol()) {
        (Field::Ja3Hash | Field::Ja3String | Field::Ja3sHash | Field::Ja3sString | Field::Ja4Hash, _) => {
            one.and(Protocols::of(AppProtocol::Quic))
        }
        (_, AppProtocol::Http) => one.and(Protocols::of(AppProtocol::Http2)),
        _ => one,
    }
}

/// Whether `field` comes bit by bit.
pub(crate) fn is_body(field: Field) -> bool {
    field.kind() == Kind::Body
}
