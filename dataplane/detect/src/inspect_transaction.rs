//! One direction of a transaction against the rules about its protocol.
//!
//! The third entrance of [`crate::inspect`]. What parsers have put down since the last time is scanned, each field by the matcher over its name; rules whose literals are found, those that wait
//! from before and those that no literal holds back are judged. A rule matches once in each direction of a transaction; it waits as long as something it asks for may still come. Never allocates.

use crate::{
    buffer::Buffer,
    check::{Check, Context},
    endpoints::{endpoints_match, header_admits},
    field_groups::{Stage, field_of, is_body, is_file, is_shared},
    inspect::{Findings, Inspector, PacketView, in_buffer, run},
    inspect_stream::name_of,
    program::{Absence, Program},
    rule::Rule,
    ruleset::Ruleset,
    run::{Bench, Machine, Spent},
    state::{State, Subject},
    stream::StreamPiece,
};
use sluice_app::{Body, Field, Room, TransactionView, TxRef, level, log};
use sluice_core::{Counters, Direction};
use sluice_flow::FlowView;
use sluice_hyperscan::LONGEST_PLAIN;

/// Bytes of a body before those that are new which take part in a judgement, as long as it is not whole.
const WINDOW: u64 = 4_096;
/// Bodies up to this size are judged from their first byte on, every time.
const FROM_START: u64 = 16_384;
/// Bytes before those to be scanned that a literal may begin in.
const CARRY: u64 = LONGEST_PLAIN as u64 - 1;

/// A direction of a transaction to be judged.
pub struct TransactionTurn<'a> {
    /// The transactions.
    pub room: &'a mut Room,
    /// The one that is meant.
    pub at: TxRef,
    /// Its direction.
    pub direction: Direction,
    /// The piece of the stream at hand, if there is one.
    pub piece: Option<&'a StreamPiece<'a>>,
}

/// What came of judging a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It matches.
    Yes,
    /// It can't match any more.
    No,
    /// Something it asks for may still come.
    NotYet,
}

impl Inspector {
    /// Judges what is new of `turn` at `packet`, which goes the way the transaction's direction does; what is found is added to `findings`.
    #[expect(clippy::too_many_arguments, reason = "as `inspect`, with the transaction")]
    pub fn inspect_transaction(
        &mut self,
        ruleset: &Ruleset,
        packet: &PacketView,
        turn: &mut TransactionTurn,
        mut flow: Option<&mut FlowView>,
        state: &mut State,
        counters: &mut Counters,
        findings: &mut Findings,
    ) {
        let TransactionTurn { at, direction, .. } = *turn;
        let Some(judging) = turn.room.judge(at, direction, ruleset.generation) else { return };
        let Some(view) = TransactionView::of(turn.room, at, direction) else { return };
        self.workshop.next_packet();
        self.gather_transaction(ruleset, &view, judging.scanned, turn.room, at, counters);
        self.later.clear();
        let mut from = 0;
        while let Some(number) = self.candidates.take_from(from) {
            from = number;
            let Some(rule) = ruleset.rule(number) else { continue };
            let Stage { always, last } = ruleset.fields().stage(number);
            // A flow without marks has no bits that could be set; rules that set some were judged before. Others are met again only if they wait.
            let in_vain = always && rule.needs_marks && flow.as_deref().is_none_or(|flow| !flow.is_marked());
            if findings.passed_before(number) || in_vain {
                continue;
            }
            let name = name_of(rule);
            let matched_before = match rule.endpoints.of_transaction {
                true => Direction::ALL.into_iter().any(|way| turn.room.has_matched(at, way, name)),
                false => turn.room.has_matched(at, direction, name),
            };
            let Some(view) = TransactionView::of(turn.room, at, direction) else { continue };
            if matched_before && !rule.of_pieces(&view) {
                continue;
            }
            let is_about_it = rule.app.contains(view.protocol())
                && rule.direction.is_none_or(|wanted| wanted == view.direction)
                && header_admits(rule, packet)
                && endpoints_match(ruleset, rule, packet);
            if !is_about_it {
                continue;
            }
            counters.detect_evaluated += 1;
            let packet = PacketView { app: Some(&view), ..*packet };
            let mut spent = Spent::default();
            let remarked = self.remarks.len();
            let flow_now = flow.as_deref();
            let told = self.judge_transaction(
                ruleset, rule, last, &packet, &view, flow_now, turn.piece, state, counters, &mut spent,
            );
            self.charge(number, spent, told == Told::Yes);
            if told != Told::Yes {
                self.remarks.keep(remarked);
            }
            match told {
                Told::No => continue,
                Told::NotYet => {
                    if !always {
                        self.later.push(number);
                    }
                    continue;
                }
                Told::Yes => {}
            }
            let about = Some((at, direction));
            let added =
                self.conclude(ruleset, rule, number, &packet, flow.as_deref_mut(), about, state, counters, findings);
            if added.is_some() && rule.checks.iter().any(Check::stores_files) {
                turn.room.store_files(at, direction);
            }
            if !matched_before {
                turn.room.add_matched(at, direction, name);
            }
            if added == Some(sluice_core::Action::Pass) {
                self.candidates.clear();
            }
        }
        turn.room.leave(at, direction, &self.later);
    }

    /// Gathers candidates, each once.
    fn gather_transaction(
        &mut self,
        ruleset: &Ruleset,
        view: &TransactionView,
        scanned: usize,
        room: &Room,
        at: TxRef,
        counters: &mut Counters,
    ) {
        let groups = ruleset.fields();
        let mut there = *view.has();
        for (body, _) in view.bodies().filter(|(_, bytes)| !bytes.is_empty()) {
            there.add(body.field);
            if body.is_file {
                there.add(Field::FileData);
            }
        }
        let always = groups.always(view.protocol(), view.direction);
        always.iter().filter(|met| met.may_match(&there)).for_each(|met| self.candidates.add(met.rule));
        room.waiting(at, view.direction).for_each(|rule| self.candidates.add(rule));
        let new = view.log_of(view.direction).get(scanned..).unwrap_or_default();
        for (field, bytes) in log::entries(new) {
            if !bytes.is_empty() {
                self.scan_field(ruleset, field, bytes, counters);
            }
        }
        for (body, bytes) in view.bodies() {
            let from = body.scanned.saturating_sub(CARRY).max(body.start) - body.start;
            let there = body.start + bytes.len() as u64;
            if there > body.scanned
                && let Some(new) = bytes.get(from as usize..)
            {
                if body.is_file || is_shared(body.field) {
                    self.scan_body(ruleset, new, counters);
                }
                if body.is_file {
                    self.scan_field(ruleset, Field::FileData, new, counters);
                }
                if body.field != Field::FileData {
                    self.scan_field(ruleset, body.field, new, counters);
                }
            }
        }
    }

    /// Rules about files and about bodies alike: whose name it is not has none of the kind to be judged on.
    fn scan_body(&mut self, ruleset: &Ruleset, bytes: &[u8], counters: &mut Counters) {
        let Self { scratch, candidates, .. } = self;
        let Some(scratch) = scratch.as_mut() else { return };
        ruleset.fields().of_bodies().scan(scratch, bytes, counters, |rules, _end| {
            rules.iter().for_each(|&rule| candidates.add(rule));
        });
    }

    fn scan_field(&mut self, ruleset: &Ruleset, field: Field, bytes: &[u8], counters: &mut Counters) {
        let Self { scratch, candidates, workshop, regexes, .. } = self;
        let Some(scratch) = scratch.as_mut() else { return };
        for group in ruleset.fields().of(field) {
            let looked_at =
                match group.derived.and_then(|number| Some((number, ruleset.derived().get(number as usize)?))) {
                    None => bytes,
                    Some((number, derived)) => {
                        let tools = (ruleset.regexes(), &mut *regexes);
                        workshop.derive(number, &derived.transforms, bytes, false, tools, counters)
                    }
                };
            group.literals.scan(scratch, looked_at, counters, |rules, _end| {
                rules.iter().for_each(|&rule| candidates.add(rule));
            });
        }
    }

    #[expect(clippy::too_many_arguments, reason = "as `inspect`, with the transaction")]
    fn judge_transaction(
        &mut self,
        ruleset: &Ruleset,
        rule: &Rule,
        last: u8,
        packet: &PacketView,
        view: &TransactionView,
        flow: Option<&FlowView>,
        piece: Option<&StreamPiece>,
        state: &mut State,
        counters: &mut Counters,
        spent: &mut Spent,
    ) -> Told {
        self.contexts.clear();
        let headers = packet.headers;
        let context = Context {
            frame: packet.frame,
            headers,
            flow,
            now: packet.now,
            stream_events: packet.stream_events,
            app_news: packet.app_news,
            app: packet.app,
        };
        let at_level = |level: u8| if view.level() >= level { Told::No } else { Told::NotYet };
        for check in &rule.checks {
            let shared = |bit, owner| {
                state.is_set(Subject::of(owner, headers.ip_version, &headers.src, &headers.dst), owner, bit, packet.now)
            };
            if !check.holds(&context, shared) {
                return match check {
                    Check::App(check) => at_level(check.level()),
                    _ => at_level(last),
                };
            }
        }
        let Self { regexes, workshop, decoded, rewrites, remarks, contexts, room, .. } = self;
        let mut machine = Machine::new(ruleset.regexes(), regexes);
        machine.bench = Some(Bench { state, decoded, rewrites, remarks, contexts });
        let mut told = Told::Yes;
        for program in &rule.programs {
            // A rule about both directions looks at each in its own.
            let turned = program.side.filter(|side| *side != view.direction).and_then(|side| view.towards(side));
            let view = turned.as_ref().unwrap_or(view);
            let at_level = |level: u8| if view.level() >= level { Told::No } else { Told::NotYet };
            let mut matches = |bytes: &[u8]| run(program, bytes, ruleset, &mut machine, workshop, counters);
            let found = match field_of(program) {
                Some(field) if is_body(field) => match in_bodies(program, field, view, &mut matches) {
                    Told::Yes => true,
                    other => {
                        told = other;
                        break;
                    }
                },
                Some(field) => in_field(program, field, view, &mut matches),
                None if program.buffer == Buffer::Payload && headers.is_tcp() => {
                    piece.is_some_and(|piece| matches(room.window(piece)))
                }
                None => in_buffer(program, packet, &mut matches),
            };
            if !found {
                told = match program.buffer {
                    Buffer::App(field) => at_level(field.level()),
                    Buffer::Payload => at_level(level::DONE),
                    _ => Told::No,
                };
                break;
            }
        }
        *spent = machine.spent();
        counters.detect_pcre_limit += machine.regex_limits;
        counters.detect_dataset_full += machine.datasets_full;
        counters.detect_step_limit += u64::from(machine.budget == 0);
        told
    }
}

/// Whether `program` matches one of the pieces called `field`, or there is none and that is right: which is known when no more come.
fn in_field(program: &Program, field: Field, view: &TransactionView, matches: &mut impl FnMut(&[u8]) -> bool) -> bool {
    let mut there = false;
    let found = view.any_piece(field, |piece| {
        there = true;
        program.absence != Absence::Wanted && matches(piece)
    });
    found || (!there && program.absence != Absence::Fails && view.level() >= field.level())
}

/// The same for bodies, of which there may be only a part yet.
fn in_bodies(program: &Program, field: Field, view: &TransactionView, matches: &mut impl FnMut(&[u8]) -> bool) -> Told {
    let (mut there, mut all_whole) = (false, true);
    for (body, bytes) in view.bodies().filter(|(body, _)| is_called(body, field)) {
        let whole = body.is_whole() || view.level() >= level::BODY;
        all_whole &= whole;
        if bytes.is_empty() {
            continue;
        }
        there = true;
        if program.absence == Absence::Wanted {
            return Told::No;
        }
        if !whole && program.needs_whole() {
            continue;
        }
        let from = if whole || body.total <= FROM_START || program.is_anchored(|_| true) {
            0
        } else {
            body.judged.saturating_sub(WINDOW).saturating_sub(body.start)
        };
        if bytes.get(from as usize..).is_some_and(&mut *matches) {
            return Told::Yes;
        }
    }
    match view.level() >= level::BODY && all_whole {
        false => Told::NotYet,
        true if !there && program.absence != Absence::Fails => Told::Yes,
        true => Told::No,
    }
}

/// Whether rules call `body` so: a body that is a file has two names.
fn is_called(body: &Body, field: Field) -> bool {
    body.field == field || (is_file(field) && body.is_file)
}
