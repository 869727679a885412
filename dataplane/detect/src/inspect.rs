//! One packet against the rule set.
//!
//! Called by `sluice-worker` for each layer of each packet that is not passed or dropped by its flow. Gathers candidates (prefilter hits, rules found
//! by port, rules judged always or once per flow), then judges them in order of evaluation: header, flow, checks, programs, thresholds. Never allocates: all room is
//! made in [`Inspector::new`] for one rule set.

use crate::{
    buffer::Buffer,
    candidates::Candidates,
    check::{Check, Context, Owner},
    contexts::{ContextRange, Contexts},
    cost::RuleCost,
    derived::Workshop,
    endpoints::{endpoints_match, header_admits},
    gate::Facts,
    group::{Group, has_events},
    idle::{Ends, ends_of},
    inspect_stream::{Window, name_of, remember},
    program::{Absence, Program},
    regex::RegexScratch,
    remarks::Remarks,
    rewrite::Rewrites,
    rule::{Effect, IntStep, Rule, Unit},
    ruleset::{Class, Ruleset},
    run::{Bench, LONGEST_BASE64, Machine, Spent},
    state::{State, Subject},
    stream::{StreamPiece, StreamRoom},
    threshold::{Outcome, Track, UniqueOn},
};
use sluice_app::{TransactionView, TxRef};
use sluice_core::{Action, AppNews, AppState, Counters, Direction, Nanos};
use sluice_flow::{FlowView, StreamEvents};
use sluice_hyperscan::Scratch;
use sluice_packet::Headers;

/// Alerts one packet can raise; more are counted and left out.
pub const MOST_ALERTS: usize = 64;

/// Longest window on a stream, bytes.
pub const LONGEST_WINDOW: usize = 65_536;

/// A packet to be judged.
#[derive(Clone, Copy)]
pub struct PacketView<'a> {
    /// The frame.
    pub frame: &'a [u8],
    /// The layer of it that is judged.
    pub headers: &'a Headers,
    /// Direction in its flow; none without a flow.
    pub direction: Option<Direction>,
    /// Whether its connection is established, this packet included.
    pub established: bool,
    /// Time of the packet.
    pub now: Nanos,
    /// What is odd about it given its TCP connection.
    pub stream_events: StreamEvents,
    /// What became known of its application protocol.
    pub app_news: AppNews,
    /// The transaction that is judged, for [`Inspector::inspect_transaction`].
    pub app: Option<&'a TransactionView<'a>>,
}

/// A signature that matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Number of the rule.
    pub rule: u32,
    /// What is asked for, after rate filters.
    pub action: Action,
    /// Whether people are told.
    pub speaks: bool,
    /// Whether a drop or pass holds for the rest of the flow.
    pub whole_flow: bool,
    /// Whether it matched the stream, not the packet.
    pub on_stream: bool,
    /// What is asked for comes from a rate filter.
    pub by_rate: bool,
    /// The transaction it matched, and in which direction.
    pub app: Option<(TxRef, Direction)>,
    /// What it tells besides, in [`Findings::contexts`].
    pub context: ContextRange,
}

/// What was found in one packet, in order of evaluation.
#[derive(Clone, Debug)]
pub struct Findings {
    /// One place more than can speak: for what decides about the packet when all others are taken.
    list: [Finding; MOST_ALERTS + 1],
    used: usize,
    contexts: Contexts,
}

impl Default for Findings {
    fn default() -> Self {
        let nothing = Finding {
            rule: 0,
            action: Action::Alert,
            speaks: false,
            whole_flow: false,
            on_stream: false,
            by_rate: false,
            app: None,
            context: ContextRange::default(),
        };
        Self { list: [nothing; MOST_ALERTS + 1], used: 0, contexts: Contexts::default() }
    }
}

impl Findings {
    /// What was found.
    pub fn as_slice(&self) -> &[Finding] {
        self.list.get(..self.used).unwrap_or_default()
    }

    /// What the findings tell besides their signatures.
    pub const fn contexts(&self) -> &Contexts {
        &self.contexts
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether a signature that comes before rule `number` lets the packet pass.
    #[inline]
    pub fn passed_before(&self, number: u32) -> bool {
        self.used > 0 && self.as_slice().iter().any(|finding| finding.action == Action::Pass && finding.rule < number)
    }

    /// Puts what was found in several judgements of one packet into order of evaluation, and leaves out what stands behind a pass.
    #[inline]
    pub fn settle(&mut self) {
        if self.used < 2 {
            return;
        }
        let Some(list) = self.list.get_mut(..self.used) else { return };
        // Sorting in place, by insertion: there are few.
        list.sort_unstable_by_key(|finding| (finding.rule, finding.app.map(|(_, direction)| direction.index())));
        if let Some(pass) = list.iter().position(|finding| finding.action == Action::Pass) {
            self.used = pass + 1;
        }
    }

    /// Whether what was found decides about the packet: nothing else is to be looked at.
    #[inline]
    pub fn decides(&self) -> bool {
        self.used > 0 && self.as_slice().iter().any(|finding| finding.action == Action::Pass || finding.action.drops())
    }

    /// Whether a signature lets the packet pass.
    #[inline]
    pub fn passes(&self) -> bool {
        self.used > 0 && self.as_slice().iter().any(|finding| finding.action == Action::Pass)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.used = 0;
        self.contexts.clear();
    }

    /// The last finding, if it is of rule `number`, matched the stream.
    fn mark_on_stream(&mut self, number: u32) {
        let last = self.used.checked_sub(1).and_then(|last| self.list.get_mut(last));
        if let Some(finding) = last.filter(|finding| finding.rule == number) {
            finding.on_stream = true;
        }
    }

    /// Adds a finding; false when `most` are there already. The first beyond them that decides about the packet is kept without its
    /// voice: a limit on alerts must not let through what is to be dropped.
    fn push(&mut self, mut finding: Finding, most: usize) -> bool {
        let most = most.min(MOST_ALERTS);
        let fits = self.used < most;
        // What comes first in order of evaluation speaks first, also when it is found last.
        if !fits
            && let Some(last) = self.list.get_mut(..most).unwrap_or_default().iter_mut().max_by_key(|found| found.rule)
            && last.rule > finding.rule
            && last.action == Action::Alert
        {
            *last = finding;
            return false;
        }
        if !fits && (self.used > most || finding.action == Action::Alert) {
            return false;
        }
        finding.speaks &= fits;
        if let Some(place) = self.list.get_mut(self.used) {
            *place = finding;
            self.used += 1;
        }
        fits
    }
}

/// One worker's room for judging packets by one rule set.
pub struct Inspector {
    pub(crate) scratch: Option<Scratch>,
    pub(crate) regexes: RegexScratch,
    pub(crate) candidates: Candidates,
    pub(crate) workshop: Workshop,
    /// Room for what `base64_decode` gives; none when no rule asks.
    pub(crate) decoded: Vec<u8>,
    pub(crate) rewrites: Rewrites,
    pub(crate) remarks: Remarks,
    /// What the rule that is judged tells besides, should it match.
    pub(crate) contexts: Contexts,
    pub(crate) room: StreamRoom,
    pub(crate) most_alerts: usize,
    /// Rules that wait for more of a transaction.
    pub(crate) later: Vec<u32>,
    /// The addresses, of a packet without a flow, between which no rule about addresses holds.
    pub(crate) unlisted: Option<Ends>,
    /// What each rule cost.
    costs: Box<[RuleCost]>,
}

/// What came of judging a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It asks something of the header or the state that does not hold.
    No,
    /// Its contents are not there: not yet, on a stream.
    NotThere,
    /// It matches the packet.
    Packet,
    /// It matches the stream.
    Stream,
}

/// What a rule is judged on.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub packet: bool,
    pub stream: bool,
    pub anchored: bool,
}

impl Inspector {
    /// Room for `ruleset`, on the control core. `most_alerts` is `packet-alert-max`.
    ///
    /// # Errors
    /// The scratch allocator's words when memory is short.
    pub fn new(ruleset: &Ruleset, most_alerts: usize) -> Result<Self, String> {
        let of_fields = ruleset.fields().all().filter_map(|literals| literals.database());
        let of_payloads =
            ruleset.groups().iter().flat_map(|group| group.all_literals()).filter_map(|literals| literals.database());
        let databases: Vec<_> = of_payloads.chain(of_fields).collect();
        let scratch = match databases.is_empty() {
            true => None,
            false => Some(Scratch::for_databases(&databases).map_err(|error| error.to_string())?),
        };
        let rules = ruleset.rules().len();
        Ok(Self {
            scratch,
            regexes: RegexScratch::new(ruleset.regexes()),
            candidates: Candidates::new(rules),
            workshop: Workshop::new(ruleset.derived().len()),
            decoded: vec![0; if ruleset.decodes() { LONGEST_BASE64 } else { 0 }],
            rewrites: Rewrites::default(),
            remarks: Remarks::default(),
            contexts: Contexts::default(),
            room: StreamRoom::new(if ruleset.judges_streams() || ruleset.fields().judges() {
                LONGEST_WINDOW
            } else {
                0
            }),
            most_alerts: most_alerts.min(MOST_ALERTS),
            later: Vec::with_capacity(rules),
            unlisted: None,
            costs: vec![RuleCost::default(); rules].into_boxed_slice(),
        })
    }

    /// What each rule cost this worker since the rule set came into force.
    pub fn costs(&self) -> &[RuleCost] {
        &self.costs
    }

    /// Notes what judging rule `number` took.
    #[inline]
    pub(crate) fn charge(&mut self, number: u32, spent: Spent, matched: bool) {
        if let Some(cost) = self.costs.get_mut(number as usize) {
            cost.checked += 1;
            cost.matched += u64::from(matched);
            cost.steps += u64::from(spent.steps);
            cost.bytes += spent.bytes as u64;
        }
    }

    /// What the rules that matched the last packet ask to be written over.
    pub fn rewrites(&self) -> &Rewrites {
        &self.rewrites
    }

    /// What the rules that matched since [`Inspector::begin`] took out of the packet.
    pub fn remarks(&self) -> &Remarks {
        &self.remarks
    }

    /// Another packet, whose judgements follow.
    #[inline]
    pub fn begin(&mut self) {
        self.remarks.clear();
    }

    /// Judges `packet`; what is found is added to `findings`.
    pub fn inspect(
        &mut self,
        ruleset: &Ruleset,
        packet: &PacketView,
        mut flow: Option<&mut FlowView>,
        state: &mut State,
        counters: &mut Counters,
        findings: &mut Findings,
    ) {
        self.rewrites.clear();
        let Some(group) = ruleset.group(class_of(packet.headers), packet.direction.unwrap_or_default()) else { return };
        self.gather(ruleset, group, packet, flow.as_deref_mut(), counters);
        self.decide(ruleset, packet, flow, None, state, counters, findings);
    }

    /// Judges what became known of a flow's application protocol with a packet that never was: by rules about that alone.
    pub fn inspect_news(
        &mut self,
        ruleset: &Ruleset,
        packet: &PacketView,
        flow: &mut FlowView,
        state: &mut State,
        counters: &mut Counters,
        findings: &mut Findings,
    ) {
        let Some(group) = ruleset.group(class_of(packet.headers), packet.direction.unwrap_or_default()) else { return };
        let is_due = |rule: &&u32| ruleset.rule(**rule).is_some_and(|rule| is_due(rule, packet, 0));
        group.on_protocol().iter().filter(is_due).for_each(|&rule| self.candidates.add(rule));
        self.decide(ruleset, packet, Some(flow), None, state, counters, findings);
    }

    /// The slow reference of [`Inspector::inspect`]: every rule is a candidate, no prefilter and no grouping. For tests, which hold the two
    /// against each other.
    pub fn inspect_every_rule(
        &mut self,
        ruleset: &Ruleset,
        packet: &PacketView,
        mut flow: Option<&mut FlowView>,
        state: &mut State,
        counters: &mut Counters,
        findings: &mut Findings,
    ) {
        self.rewrites.clear();
        let judged = judged_before(packet, flow.as_deref_mut(), ruleset.generation);
        for (number, _) in (0..)
            .zip(ruleset.rules())
            .filter(|(_, rule)| rule.app.is_empty() && (!rule.addresses_only || rule.since > judged))
            .filter(|(_, rule)| !rule.of_protocol || is_due(rule, packet, judged))
        {
            self.candidates.add(number);
        }
        self.decide(ruleset, packet, flow, None, state, counters, findings);
    }

    /// Judges the candidates, in order of evaluation.
    #[expect(clippy::too_many_arguments, reason = "as `inspect`, with the stream")]
    pub(crate) fn decide(
        &mut self,
        ruleset: &Ruleset,
        packet: &PacketView,
        mut flow: Option<&mut FlowView>,
        mut piece: Option<&mut StreamPiece>,
        state: &mut State,
        counters: &mut Counters,
        findings: &mut Findings,
    ) {
        self.workshop.next_packet();
        if self.candidates.is_empty() {
            return;
        }
        let mut from = 0;
        // Most streams have no rule that waits or has matched.
        let mut remembers = piece.as_deref().is_some_and(|piece| piece.streams.remembers(piece.at));
        while let Some(number) = self.candidates.take_from(from) {
            from = number;
            let Some(rule) = ruleset.rule(number) else { continue };
            // A flow without marks has no bits that could be set.
            if findings.passed_before(number)
                || (rule.needs_marks && flow.as_deref().is_none_or(|flow| !flow.is_marked()))
            {
                continue;
            }
            let look = match piece.as_deref() {
                None => Look { packet: true, stream: false, anchored: false },
                Some(piece) => {
                    let scope = ruleset.scope(number);
                    let elsewhere =
                        piece.placed || (piece.refused && rule.unit == Unit::Stream) || (piece.again && scope.anchored);
                    Look {
                        packet: piece.with_packet && (scope.packet || !elsewhere),
                        stream: scope.stream && piece.turn.judges(),
                        anchored: scope.anchored,
                    }
                }
            };
            if !look.packet && !look.stream {
                continue;
            }
            let (noted, remarked) = (self.rewrites.len(), self.remarks.len());
            let mut judged = Judged::No;
            if header_admits(rule, packet) && endpoints_match(ruleset, rule, packet) {
                counters.detect_evaluated += 1;
                let mut spent = Spent::default();
                let whole = piece.as_deref();
                judged = self.judge(ruleset, rule, look, packet, flow.as_deref(), whole, state, counters, &mut spent);
                self.charge(number, spent, matches!(judged, Judged::Packet | Judged::Stream));
            }
            let matched = matches!(judged, Judged::Packet | Judged::Stream);
            if let Some(piece) = piece.as_deref_mut().filter(|_| matched || remembers)
                && ruleset.scope(number).stream
            {
                remember(rule, number, judged, look, piece, ruleset.generation);
                remembers = true;
            }
            if !matched {
                self.rewrites.keep(noted);
                self.remarks.keep(remarked);
                continue;
            }
            let about = None;
            let concluded =
                self.conclude(ruleset, rule, number, packet, flow.as_deref_mut(), about, state, counters, findings);
            match concluded {
                None => {
                    self.rewrites.keep(noted);
                    self.remarks.keep(remarked);
                }
                Some(action) => {
                    if judged == Judged::Stream {
                        findings.mark_on_stream(number);
                    }
                    if action == Action::Pass {
                        self.candidates.clear();
                    }
                }
            }
        }
    }

    /// What a match of `rule` leaves behind, and what is told of it. What is asked for; none when it is as if it had not matched.
    #[expect(clippy::too_many_arguments, reason = "everything a match may touch")]
    pub(crate) fn conclude(
        &mut self,
        _ruleset: &Ruleset,
        rule: &Rule,
        number: u32,
        packet: &PacketView,
        mut flow: Option<&mut FlowView>,
        app: Option<(TxRef, Direction)>,
        state: &mut State,
        counters: &mut Counters,
        findings: &mut Findings,
    ) -> Option<Action> {
        // It would speak of every packet that inline there would not be.
        if rule.of_flow && rule.action.drops() && flow.as_deref().is_some_and(|flow| flow.condemned) {
            return None;
        }
        if !rule.ints.is_empty() && !count(rule, packet, flow.as_deref_mut(), state, counters) {
            return None;
        }
        apply(&rule.effects, packet, flow.as_deref_mut(), state, counters);
        let Some(mut finding) = limit(rule, number, packet, flow.as_deref(), state) else {
            counters.detect_alerts_suppressed += 1;
            return None;
        };
        finding.app = app;
        finding.whole_flow = ((rule.addresses_only || rule.of_flow)
            && flow.as_deref().is_none_or(|flow| is_of(flow, packet)))
            || !rule.app.is_empty()
            || (packet.headers.is_tcp()
                && packet.established
                && !rule.programs.is_empty()
                && rule.unit != Unit::Packet);
        if rule.silent {
            finding.speaks = false;
        }
        if finding.speaks {
            apply(&rule.tags, packet, flow, state, counters);
        }
        if !finding.speaks && !finding.action.drops() && finding.action != Action::Pass {
            return Some(finding.action);
        }
        if finding.speaks && !self.contexts.is_empty() {
            finding.context = findings.contexts.append(&self.contexts);
            counters.detect_context_full += findings.contexts.take_full() + self.contexts.take_full();
        }
        if !findings.push(finding, self.most_alerts) {
            counters.detect_alert_queue_overflow += 1;
        }
        Some(finding.action)
    }

    /// Gathers candidates, each once.
    fn gather(
        &mut self,
        ruleset: &Ruleset,
        group: &Group,
        packet: &PacketView,
        flow: Option<&mut FlowView>,
        counters: &mut Counters,
    ) {
        let Self { scratch, candidates, unlisted, .. } = self;
        let headers = packet.headers;
        let payload = headers.payload(packet.frame);
        let app = flow.as_deref().map_or(AppState::Unseen, |flow| flow.app);
        let facts = Facts::new(headers, packet.direction, packet.established, payload, app);
        if headers.payload_len > 0 || group.asks_of_headers(headers, has_events(packet)) {
            candidates_unfiltered(ruleset, group, packet, &facts, candidates);
        }
        // Packets without a flow come in runs: fragments.
        let ends = ends_of(headers);
        if flow.is_some() || *unlisted != Some(ends) || !packet.app_news.is_empty() {
            let is_alone = flow.is_none();
            let judged = judged_before(packet, flow, ruleset.generation);
            let any = candidates_of_flow(ruleset, group, packet, judged, candidates);
            *unlisted = Some(ends).filter(|_| is_alone && !any);
        }
        if let Some(scratch) = scratch.as_mut().filter(|_| !payload.is_empty()) {
            group.literals(headers).scan(scratch, payload, counters, |rules, _end| {
                let open = ruleset.doors(rules).filter(|door| door.opens(&facts));
                open.for_each(|door| candidates.add(door.gate.rule));
            });
        }
    }

    /// Judges a rule whose header is right.
    #[expect(clippy::too_many_arguments, reason = "as `inspect`, with the stream")]
    fn judge(
        &mut self,
        ruleset: &Ruleset,
        rule: &Rule,
        look: Look,
        packet: &PacketView,
        flow: Option<&FlowView>,
        piece: Option<&StreamPiece>,
        state: &mut State,
        counters: &mut Counters,
        spent: &mut Spent,
    ) -> Judged {
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
        for check in &rule.checks {
            let shared = |bit, owner| {
                state.is_set(Subject::of(owner, headers.ip_version, &headers.src, &headers.dst), owner, bit, packet.now)
            };
            if !check.holds(&context, shared) {
                return Judged::No;
            }
        }
        if rule.programs.is_empty() {
            return Judged::Packet;
        }
        let Self { regexes, workshop, decoded, rewrites, remarks, contexts, room, .. } = self;
        let mut machine = Machine::new(ruleset.regexes(), regexes);
        machine.bench = Some(Bench { state, decoded, rewrites, remarks, contexts });
        let mut judged = Judged::NotThere;
        if look.packet
            && rule.programs.iter().all(|program| {
                in_buffer(program, packet, |buffer| run(program, buffer, ruleset, &mut machine, workshop, counters))
            })
        {
            judged = Judged::Packet;
        } else if look.stream
            && let Some(piece) = piece
        {
            machine.tells_nothing();
            let window = room.window(piece);
            let done = piece.streams.matched_to(piece.at, name_of(rule));
            let stream = Window { bytes: window, piece, done, anchored: look.anchored };
            let matched = rule.programs.iter().all(|program| match program.buffer {
                Buffer::Payload => stream.matches(program, &mut machine),
                _ => {
                    in_buffer(program, packet, |buffer| run(program, buffer, ruleset, &mut machine, workshop, counters))
                }
            });
            if matched {
                judged = Judged::Stream;
            }
        }
        *spent = machine.spent();
        counters.detect_pcre_limit += machine.regex_limits;
        counters.detect_dataset_full += machine.datasets_full;
        if machine.budget == 0 {
            counters.detect_step_limit += 1;
        }
        judged
    }
}

/// Whether `matches` says yes to a buffer that `program` is about, or the program to there being none.
pub(crate) fn in_buffer(program: &Program, packet: &PacketView, mut matches: impl FnMut(&[u8]) -> bool) -> bool {
    let mut there = false;
    let look = |buffer: &[u8]| {
        there = true;
        program.absence != Absence::Wanted && matches(buffer)
    };
    let found = program.buffer.any(packet.frame, packet.headers, look);
    found || (!there && program.absence != Absence::Fails)
}

/// Whether `program` matches `buffer`, after its transforms.
pub(crate) fn run(
    program: &Program,
    buffer: &[u8],
    ruleset: &Ruleset,
    machine: &mut Machine,
    workshop: &mut Workshop,
    counters: &mut Counters,
) -> bool {
    let Some(number) = program.derived else { return machine.run(program, buffer) };
    let Some(derived) = ruleset.derived().get(number as usize) else { return false };
    let once = !program.buffer.is_several();
    let regexes = (machine.regexes, &mut *machine.scratch);
    let made = workshop.derive(number, &derived.transforms, buffer, once, regexes, counters);
    machine.run(program, made)
}

/// The generation whose rules that look at addresses alone were judged for this flow and direction; those of later ones are to be judged, and that is
/// noted. 0 when none were.
pub(crate) fn judged_before(packet: &PacketView, flow: Option<&mut FlowView>, generation: u32) -> u32 {
    match flow {
        // An ICMP error in the flow it quotes has addresses of its own, and must not use up the flow's turn.
        Some(flow) if is_of(flow, packet) => {
            let judged = flow.addresses_judged.get_mut(packet.direction.unwrap_or_default().index());
            judged.map_or(0, |judged| std::mem::replace(judged, generation))
        }
        _ => 0,
    }
}

/// Adds the rules that no prefilter can leave out for `packet`.
#[inline]
pub(crate) fn candidates_unfiltered(
    ruleset: &Ruleset,
    group: &Group,
    packet: &PacketView,
    facts: &Facts,
    candidates: &mut Candidates,
) {
    group.unfiltered(packet, facts, |rule| {
        if ruleset.door(rule).is_some_and(|door| door.is_about_ports(facts)) {
            candidates.add(rule);
        }
    });
}

/// Adds the rules that are judged once per flow and direction: those about addresses, and those about what became known of its protocol. `judged` is the generation whose
/// rules about addresses were judged before. Whether any of those can hold between these addresses.
#[inline]
pub(crate) fn candidates_of_flow(
    ruleset: &Ruleset,
    group: &Group,
    packet: &PacketView,
    judged: u32,
    candidates: &mut Candidates,
) -> bool {
    let headers = packet.headers;
    let mut any = false;
    if judged < ruleset.generation {
        let is_new = |rule: &&u32| judged == 0 || ruleset.rule(**rule).is_some_and(|rule| rule.since > judged);
        for rules in group.once(headers.ip_version, &headers.src, &headers.dst) {
            any |= !rules.is_empty();
            rules.iter().filter(is_new).for_each(|&rule| candidates.add(rule));
        }
    }
    if judged < ruleset.generation || !packet.app_news.is_empty() {
        let is_due = |rule: &&u32| ruleset.rule(**rule).is_some_and(|rule| is_due(rule, packet, judged));
        group.on_protocol().iter().filter(is_due).for_each(|&rule| candidates.add(rule));
    }
    any
}

/// Whether `rule`, which is about a flow's protocol alone, is to be judged: what the packet's sender speaks has become known, or the rule is newer than that.
fn is_due(rule: &Rule, packet: &PacketView, judged: u32) -> bool {
    let known = AppNews::known(packet.direction.unwrap_or_default());
    packet.app_news.contains(known) || (judged != 0 && rule.since > judged)
}

/// Whether `packet` travels between the ends of `flow`: an ICMP error about it doesn't.
fn is_of(flow: &FlowView, packet: &PacketView) -> bool {
    flow.protocol() == packet.headers.protocol
}

/// The class of a packet.
pub(crate) fn class_of(headers: &Headers) -> Class {
    if headers.is_tcp() {
        Class::Tcp
    } else if headers.is_udp() {
        Class::Udp
    } else if headers.is_icmpv4() || headers.is_icmpv6() {
        Class::Icmp
    } else {
        Class::Other
    }
}

/// Changes and compares flow integers in the order of the rule; whether all comparisons hold.
fn count(
    rule: &Rule,
    packet: &PacketView,
    mut flow: Option<&mut FlowView>,
    state: &mut State,
    counters: &mut Counters,
) -> bool {
    rule.ints.iter().all(|step| match step {
        IntStep::Change(effect) => {
            apply(std::slice::from_ref(effect), packet, flow.as_deref_mut(), state, counters);
            true
        }
        IntStep::Test(id, test) => {
            let context = Context {
                frame: packet.frame,
                headers: packet.headers,
                flow: flow.as_deref(),
                now: packet.now,
                stream_events: packet.stream_events,
                app_news: packet.app_news,
                app: packet.app,
            };
            Check::FlowInt(*id, *test).holds(&context, |_, _| false)
        }
    })
}

/// Leaves behind what a match leaves behind.
fn apply(
    effects: &[Effect],
    packet: &PacketView,
    mut flow: Option<&mut FlowView>,
    state: &mut State,
    counters: &mut Counters,
) {
    let headers = packet.headers;
    let subject = |owner: Owner| Subject::of(owner, headers.ip_version, &headers.src, &headers.dst);
    for effect in effects {
        match (effect, flow.as_deref_mut()) {
            (Effect::SetFlowBit(bit), Some(flow)) => counters.flowbits_refused += u64::from(!flow.set_bit(*bit)),
            (Effect::UnsetFlowBit(bit), Some(flow)) => flow.unset_bit(*bit),
            (Effect::ToggleFlowBit(bit), Some(flow)) => {
                if flow.bit(*bit) {
                    flow.unset_bit(*bit);
                } else {
                    counters.flowbits_refused += u64::from(!flow.set_bit(*bit));
                }
            }
            (Effect::SetFlowInt(id, operand), Some(flow)) => {
                let value = operand.value(flow);
                counters.flowbits_refused += u64::from(value.is_some_and(|value| !flow.set_int(*id, value)));
            }
            (Effect::AddFlowInt(id, operand), Some(flow)) => {
                let value = operand.value(flow).map(|by| flow.int(*id).unwrap_or(0).saturating_add(by));
                counters.flowbits_refused += u64::from(value.is_some_and(|value| !flow.set_int(*id, value)));
            }
            (Effect::SubtractFlowInt(id, operand), Some(flow)) => {
                let value = operand.value(flow).map(|by| flow.int(*id).unwrap_or(0).saturating_sub(by));
                counters.flowbits_refused += u64::from(value.is_some_and(|value| !flow.set_int(*id, value)));
            }
            (Effect::BypassFlow, Some(flow)) => flow.bypassed = true,
            (Effect::TagFlow(limit), Some(flow)) => flow.tag(*limit, packet.now),
            (Effect::TagHost(owner, limit), _) => state.tag_host(subject(*owner), *limit, packet.now),
            (Effect::SetSharedBit { bit, owner, seconds }, _) => {
                state.set(subject(*owner), *owner, *bit, packet.now, *seconds);
            }
            (Effect::UnsetSharedBit { bit, owner }, _) => state.unset(subject(*owner), *owner, *bit),
            (Effect::ToggleSharedBit { bit, owner, seconds }, _) => {
                if state.is_set(subject(*owner), *owner, *bit, packet.now) {
                    state.unset(subject(*owner), *owner, *bit);
                } else {
                    state.set(subject(*owner), *owner, *bit, packet.now, *seconds);
                }
            }
            (_, None) => {}
        }
    }
}

/// What thresholds and suppressions leave of a match; nothing when it is as if the rule had not matched.
fn limit(rule: &Rule, number: u32, packet: &PacketView, flow: Option<&FlowView>, state: &mut State) -> Option<Finding> {
    let headers = packet.headers;
    let mut finding = Finding {
        rule: number,
        action: rule.action,
        speaks: true,
        whole_flow: false,
        on_stream: false,
        by_rate: false,
        app: None,
        context: ContextRange::default(),
    };
    let id = (u64::from(rule.gid) << 32) | u64::from(rule.sid);
    for (place, threshold) in (0_u8..).zip(&rule.thresholds) {
        let subject = match (threshold.track, threshold.track.owner()) {
            (_, Some(owner)) => Subject::of(owner, headers.ip_version, &headers.src, &headers.dst),
            (Track::ByFlow, None) => Subject { words: [flow.map_or(0, |flow| flow.id), 0], ip_version: 0 },
            (_, None) => Subject { words: [0, 0], ip_version: 0 },
        };
        let port = match threshold.unique_on {
            Some(UniqueOn::SourcePort) => headers.src_port,
            Some(UniqueOn::DestinationPort) => headers.dst_port,
            None => 0,
        };
        match state.count(threshold, subject, id, place, packet.now, port) {
            Outcome::Speak => {}
            Outcome::Silent => finding.speaks = false,
            Outcome::NoMatch => return None,
            Outcome::Change(action) => {
                finding.action = action;
                finding.by_rate = true;
                finding.speaks &= action != Action::Pass;
            }
        }
    }
    let suppressed = rule.suppressions.iter().any(|suppression| {
        let is = |address: &[u8; 16]| suppression.addresses.contains(headers.ip_version, address);
        match suppression.owner {
            Owner::Source => is(&headers.src),
            Owner::Destination => is(&headers.dst),
            Owner::Pair => is(&headers.src) || is(&headers.dst),
        }
    });
    finding.speaks &= !suppressed;
    Some(finding)
}
