//! One packet through its stages: flow, TCP, rules, verdict.
//!
//! Called by [`crate::poll`] for each packet of a burst. Each layer of a tunnelled packet is judged as a packet of its own; the strictest verdict
//! holds for the frame.

use crate::{
    application::Reading,
    checksums::Checksums,
    exception::Losses,
    flows::{self, Keyed},
    generation::{Generation, Parcel},
    glance::PlainTally,
    inbox::{Job, View},
    macs::Macs,
    normalise::Normaliser,
    reject::{self, Answer},
    report::{Beside, Excerpt, InFlow, Outcome, Reporter, Subject},
    rewrite::Plan,
    settings::Settings,
    stream::{Mended, Streamed},
    tally::KindTally,
    variables::FlowVariables,
};
use sluice_app::{Applications, TransactionView};
use sluice_core::{
    Action, AppNews, Cause, Counters, Direction, HashKey, Nanos, Position, Resource, Verdict, event::FlowState,
    fault::Faults, time::NANOS_PER_SECOND, verdict::Mode,
};
use sluice_detect::{Finding, Findings, Inspector, PacketView, state::State, stream::StreamPiece, tagged::is_tagged};
use sluice_flow::{
    Flow, FlowCopy, FlowRef, FlowTable, FlowView, StreamSettings, Streams, TableFull, TableSettings, TcpOutcome,
    stream::{Due, StreamTurn, Turned},
    tcp::{FastOpen, TcpStep},
};
use sluice_packet::{Decoded, Headers, LinkType, PlainReader, checksum, normalise};

/// Answers one burst can cause: two for each packet.
const MOST_ANSWERS: usize = 64;

/// Places in a record for what is told of the layers of one frame; those of datagrams put together from it follow, one such run for each.
const ROUND: u8 = 16;

/// When and where a packet was.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The packet's own time.
    pub time: Nanos,
    /// The latest time so far: it never runs backwards.
    pub now: Nanos,
    /// Number of the record in its capture, from 1; 0 when live.
    pub record: u64,
}

/// A flow in the table and the packet's direction in it.
pub(crate) type OfFlow = (FlowRef, Direction);
/// The same, for a packet that may have none.
pub(crate) type InTable = Option<OfFlow>;

/// One worker's state and the order of its stages.
pub struct Pipeline {
    pub(crate) settings: Settings,
    /// The rules, and the room to judge by them. Exchanged by the worker between bursts.
    pub generation: Parcel,
    pub(crate) state: State,
    pub(crate) flows: FlowTable,
    pub(crate) findings: Findings,
    pub(crate) reporter: Reporter,
    /// Resets and unreachables to be sent with the burst; never more than [`MOST_ANSWERS`].
    answers: Vec<Answer>,
    /// Whether rules that matched the layer at hand ask for bytes to be written over.
    pub(crate) asks_rewrite: bool,
    /// What is to be written over in the packet judged last.
    rewrite: Option<Plan>,
    /// What was counted.
    pub counters: Counters,
    /// What is done about the checksums of the packet at hand.
    pub(crate) checksums: Checksums,
    /// No flow is idle too long before this, nanoseconds.
    pub(crate) shortest_idle_ns: u64,
    /// Reads plain frames.
    pub(crate) plain_reader: PlainReader,
    /// Some flow was ever let go, or dropped: frames of it need no more than a glance.
    pub(crate) any_at_rest: bool,
    /// Frames that were not decoded, not counted yet.
    pub(crate) plain: PlainTally,
    /// Layers that were decoded, not counted yet.
    kinds: KindTally,
    /// Conversations in application protocols.
    pub(crate) applications: Applications,
    /// Usual packets take their own way.
    pub(crate) usual_way: bool,
    /// Anybody asks for streams: rules, or parsers.
    pub(crate) follows_streams: bool,
    /// Room for what they read.
    pub(crate) reading: Reading,
    /// The bytes of TCP connections.
    pub(crate) streams: Streams,
    /// Where the packet at hand belongs in them.
    pub(crate) streamed: Option<Streamed>,
    /// What of the packet at hand is judged.
    pub(crate) view: View,
    /// The packet at hand as it is to leave.
    pub(crate) mended: Mended,
    /// What became known of the application protocol of the flow of the packet at hand.
    pub(crate) app_news: AppNews,
    /// What the TCP packet at hand did to its connection.
    pub(crate) tcp: TcpOutcome,
    /// What is changed in packets, and stops them, so that every end reads them as we did.
    pub(crate) normaliser: Normaliser,
    /// What expressions captured for flows.
    pub(crate) variables: FlowVariables,
    /// Hardware addresses of flows, when their records tell of them.
    pub(crate) macs: Option<Macs>,
    /// Faults made up for tests.
    pub(crate) faults: Option<Box<Faults>>,
}

impl Pipeline {
    /// A pipeline. Everything it needs later is allocated here.
    pub fn new(mut settings: Settings, generation: Parcel, state: State, hash: HashKey, reporter: Reporter) -> Self {
        settings.tcp.inline = settings.mode == Mode::Inline;
        let applications = Applications::new(settings.applications, settings.flow_capacity);
        let mut pipeline = Self {
            flows: FlowTable::new(
                TableSettings {
                    capacity: settings.flow_capacity,
                    half_open: settings.half_open_capacity,
                    partitions: settings.partitions,
                    timeouts: settings.timeouts,
                },
                hash,
            ),
            checksums: Checksums::default(),
            shortest_idle_ns: u64::from(settings.timeouts.shortest_s()) * NANOS_PER_SECOND,
            plain_reader: PlainReader::new(&settings.decode, settings.vlan_tracking),
            any_at_rest: false,
            plain: PlainTally::default(),
            kinds: KindTally::default(),
            reading: Reading::new(&applications),
            applications,
            usual_way: false,
            follows_streams: false,
            streams: Streams::new(StreamSettings {
                streams: settings.flow_capacity,
                partitions: settings.partitions,
                seed: hash.hash3(&[0, 0, 0]),
                ..settings.streams
            }),
            streamed: None,
            view: View::Frame,
            mended: Mended::new(),
            app_news: AppNews::NONE,
            tcp: TcpOutcome::default(),
            variables: FlowVariables::new(hash),
            macs: (settings.copies.ethernet && settings.copies.flows).then(|| Macs::new(settings.flow_capacity, hash)),
            normaliser: Normaliser::new(settings.mode, settings.normalise),
            faults: (!settings.faults.is_empty()).then(|| Box::new(settings.faults)),
            settings,
            generation,
            state,
            findings: Findings::default(),
            reporter,
            answers: Vec::with_capacity(MOST_ANSWERS),
            asks_rewrite: false,
            rewrite: None,
            counters: Counters::default(),
        };
        pipeline.usual_way = pipeline.has_usual_way();
        pipeline.meet_generation();
        pipeline
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The frames that follow have this link type, under this number in their capture.
    pub fn set_link(&mut self, link: LinkType, number: u16) {
        self.settings.link = link;
        self.reporter.set_link(number);
    }

    /// The key of the innermost layer's flow, whose bucket is brought into the cache. To be given to [`Pipeline::process`].
    #[inline]
    pub fn prefetch(&self, decoded: &Decoded) -> Option<Keyed> {
        let keyed = self.key_of(decoded.innermost(), depth_of(decoded))?;
        self.flows.hint(keyed.hash);
        Some(keyed)
    }

    #[inline]
    fn key_of(&self, headers: &Headers, depth: u8) -> Option<Keyed> {
        flows::key_of(headers, depth, self.settings.vlan_tracking, |key| self.flows.hash(key))
    }

    #[inline(never)]
    fn key_of_outer(&self, headers: &Headers, depth: u8) -> Option<Keyed> {
        self.key_of(headers, depth)
    }

    /// Looks up, and creates, the flow of the innermost layer and counts the packet in it: for measuring this stage alone.
    pub fn lookup_only(&mut self, decoded: &Decoded, keyed: Option<Keyed>, frame: &[u8], now: Nanos) {
        let subject = Subject { frame, headers: decoded.innermost(), layer: depth_of(decoded), time: now, record: 0 };
        let found = self.flow_of(&subject, keyed.as_ref(), true, now);
        if found.and_then(|found| self.settle(found, now)).is_err() {
            self.counters.flow_memcap += 1;
        }
    }

    /// The link type of the frames, as their capture numbers it.
    pub const fn link_number(&self) -> u16 {
        self.reporter.link()
    }

    /// Another frame is judged.
    #[inline(always)]
    pub(crate) fn begin(&mut self, record: u64, checksums: Checksums, view: View) {
        self.checksums = checksums;
        self.view = view;
        self.state.turn.begin(record);
        self.rewrite = None;
        self.mended.clear();
        self.normaliser.begin();
    }

    /// Judges the layers `job` names of one frame, whose innermost flow key is `keyed`.
    pub fn process(&mut self, decoded: &Decoded, keyed: Option<Keyed>, frame: &[u8], job: &Job) -> Verdict {
        let At { time, now, record } = job.at;
        if job.first == job.base {
            self.count_frame(decoded, frame, job);
        }
        self.begin(record, job.checksums, job.view);
        let mut verdict = Verdict::Pass;
        let last = depth_of(decoded);
        let mut layer = job.first;
        while layer < job.end
            && let Some(headers) = decoded.layers().get(usize::from(layer))
        {
            self.reporter.stand_at(Position::layer(record, layer + job.round * ROUND));
            let subject = Subject { frame, headers, layer, time, record };
            self.normaliser.stand_at(decoded, frame, layer);
            let outer;
            let keyed = match layer == last {
                true => keyed.as_ref(),
                false => {
                    outer = self.key_of_outer(headers, layer);
                    outer.as_ref()
                }
            };
            if let Verdict::Drop(cause) = self.layer(&subject, keyed, now) {
                verdict = Verdict::Drop(cause);
                break;
            }
            if self.asks_rewrite {
                self.plan_rewrite(decoded, &subject, layer == last && job.view == View::Frame);
            }
            layer += 1;
        }
        if job.view != View::Frame && verdict == Verdict::Pass {
            verdict = self.out_of_reach(&innermost_of(decoded, frame, job.at));
        }
        if job.view == View::Frame && (job.onward.is_none() || verdict != Verdict::Pass) {
            self.count_fate(verdict, 1);
        }
        self.normaliser.accepted = job.onward.is_none();
        self.normaliser.end(decoded, frame);
        verdict
    }

    /// Plans what rules ask to be written over in the layer judged last. What was put together lies in several frames, which are not `within_reach`.
    #[cold]
    pub(crate) fn plan_rewrite(&mut self, decoded: &Decoded, subject: &Subject, within_reach: bool) {
        let rewrites = self.generation.inspector.rewrites();
        let as_sent = self.mended.frame().unwrap_or(subject.frame);
        self.rewrite = Plan::new(decoded, as_sent, rewrites).filter(|_| within_reach);
        self.counters.ips_replace_refused += u64::from(self.rewrite.is_none() || rewrites.is_refused());
        if let (Some(_), Some(streamed)) = (self.rewrite, self.streamed) {
            self.keep_rewrites(subject.headers, streamed.at);
        }
    }

    /// Counts what became of `frames` frames.
    pub(crate) const fn count_fate(&mut self, verdict: Verdict, frames: u64) {
        match verdict {
            Verdict::Pass => self.counters.ips_accepted += frames,
            Verdict::Drop(_) => self.counters.ips_blocked += frames,
        }
    }

    /// Refuses a fragment for `cause`; passive it passes.
    pub(crate) fn refuse(&mut self, decoded: &Decoded, frame: &[u8], at: At, cause: Cause) -> Verdict {
        let verdict = Verdict::decide(self.settings.mode, Some(cause));
        if verdict != Verdict::Pass {
            let generation = self.generation.ruleset.generation;
            self.reporter.drop_packet(&innermost_of(decoded, frame, at), None, cause, None, generation);
        }
        verdict
    }

    /// What becomes of a fragment for which there is no room.
    pub(crate) fn without_defrag_room(&mut self, decoded: &Decoded, frame: &[u8], at: At) -> Verdict {
        self.without(Resource::DefragMemcap, &innermost_of(decoded, frame, at), None).unwrap_or(Verdict::Pass)
    }

    /// Writes what rules ask to be written over into the packet judged last, which must have passed: `write` is given offsets in the frame.
    #[inline]
    pub fn rewrite(&mut self, mut write: impl FnMut(usize, &[u8]) -> bool) {
        if self.mended.frame().is_some() {
            self.normaliser.refused |= !self.mended.carry_out(&mut write);
            self.mended.clear();
        }
        if let Some(plan) = self.rewrite.take() {
            match plan.carry_out(self.generation.inspector.rewrites(), write) {
                true => self.counters.ips_replaced += 1,
                false => self.counters.ips_replace_refused += 1,
            }
        }
    }

    /// Ends idle flows, within a budget: live.
    pub fn expire(&mut self, now: Nanos) {
        let (flows, mut ending) = self.ending(now);
        ending.marks = flows.lend_marks();
        flows.expire(now, |flow, end| ending.flow(flow, end));
        flows.take_back(ending.marks);
    }

    /// A second has begun, just before `record` of a capture: ends every flow that is idle.
    pub fn tick(&mut self, record: u64, now: Nanos) {
        let (flows, mut ending) = self.ending_by_clock(record, now);
        ending.marks = flows.lend_marks();
        flows.expire_all(now, |flow, end| ending.flow(flow, end));
        flows.take_back(ending.marks);
    }

    /// Ends all flows: the engine stops.
    pub fn finish(&mut self) {
        let (flows, mut ending) = self.ending_by_clock(Position::END.record, Nanos(0));
        ending.marks = flows.lend_marks();
        flows.drain(|flow, end| ending.flow(flow, end));
        flows.take_back(ending.marks);
        self.publish();
    }

    /// Brings counters kept elsewhere up to date.
    pub fn publish(&mut self) {
        self.plain.count(&mut self.counters);
        self.kinds.settle(&mut self.counters);
        self.reporter.publish(&mut self.counters);
        let losses = &self.state.losses;
        self.counters.detect_state_evicted = losses.evicted;
        self.counters.detect_ports_refused = losses.ports_refused;
        self.counters.detect_state_busy = losses.busy;
    }

    /// Flows in the table.
    pub fn live_flows(&self) -> usize {
        self.flows.len()
    }

    // Inlined, the loop over layers would keep the addresses of some twenty fields at hand for one round.
    #[inline(never)]
    pub(crate) fn layer(&mut self, subject: &Subject, keyed: Option<&Keyed>, now: Nanos) -> Verdict {
        self.asks_rewrite = false;
        self.streamed = None;
        let Subject { frame, headers, .. } = *subject;
        // A packet that the other end never reads moves no connection and leaves no marks.
        let right = !headers.is_tcp() || self.checksum_allows(headers, frame);
        let oddity = self.oddity(subject, right);
        if right
            && oddity.is_none()
            && let Some(usual) = self.take_usual(subject, keyed, now)
        {
            return self.in_usual_flow(subject, Some(usual), now);
        }
        self.layer_of_any(subject, keyed, (right, oddity), now)
    }

    /// The long way, for any packet.
    #[inline(never)]
    fn layer_of_any(
        &mut self,
        subject: &Subject,
        keyed: Option<&Keyed>,
        (right, oddity): (bool, Option<normalise::Action>),
        now: Nanos,
    ) -> Verdict {
        let headers = subject.headers;
        let sound = right && oddity.is_none();
        let found = match self.flow_of(subject, keyed, sound, now) {
            Ok(found) => found,
            Err(TableFull) => match self.without(Resource::FlowMemcap, subject, None) {
                Some(verdict) => return verdict,
                None => None,
            },
        };
        if found.is_none() && !headers.is_tcp() && self.mended.frame().is_none() {
            return self.without_flow(subject, oddity, now);
        }
        let oddity = if sound { self.oddity_in_connection(subject, found) } else { oddity };
        self.normaliser.stops = oddity.is_some();
        let mut found = found;
        let mut verdict = self.in_flow(subject, &mut found, right && oddity.is_none(), now);
        if verdict == Verdict::Pass && self.is_refused() {
            verdict = self.refuse_segment(subject, found);
        }
        if let Some(action) = oddity
            && verdict == Verdict::Pass
        {
            verdict = self.stop(action, subject, found);
        }
        self.leave(found);
        // What the packet left behind could not be kept.
        let full = self.settle(found, now).is_err() || (found.is_some() && self.fails(Resource::StreamMemcap));
        if full && verdict == Verdict::Pass {
            return self.without(Resource::StreamMemcap, subject, None).unwrap_or(verdict);
        }
        verdict
    }

    /// The packet is judged: what its flow came to holds for it and for what follows.
    #[inline]
    pub(crate) fn leave(&mut self, found: InTable) {
        self.leave_alone(found);
        if !self.any_at_rest {
            let flow = found.and_then(|(flow, _)| self.flows.get(flow));
            self.any_at_rest = flow.is_some_and(|flow| flow.bypassed || flow.action.is_some());
        }
    }

    fn in_flow(&mut self, subject: &Subject, in_table: &mut InTable, sound: bool, now: Nanos) -> Verdict {
        let found = *in_table;
        let Subject { frame, headers, .. } = *subject;
        self.tcp = TcpOutcome::default();
        if self.settings.copies.of_packets() {
            let Self { flows, reporter, variables, .. } = self;
            let marks = found.and_then(|(flow, _)| flows.view(flow));
            let facts = marks.as_ref().zip(found).map(|(flow, (_, direction))| (flow.facts(), direction));
            reporter.packet(subject, facts, &Beside::of_flow(marks.as_ref(), variables));
        }
        if let Some((flow, direction)) = found {
            match self.flows.get_mut(flow) {
                Some(flow) if flow.bypassed => {
                    self.counters.flow_bypassed_pkts += 1;
                    self.counters.flow_bypassed_bytes += frame.len() as u64;
                    return Verdict::Pass;
                }
                // What is dropped doesn't move its connection.
                Some(flow) if flow.action.is_some_and(Action::drops) => {
                    let verdict = Verdict::decide(self.settings.mode, Some(Cause::FlowDrop));
                    if let Verdict::Drop(cause) = verdict {
                        let facts = Some((flow.facts(), direction));
                        self.reporter.drop_packet(subject, facts, cause, None, self.generation.ruleset.generation);
                    }
                    return verdict;
                }
                _ => {}
            }
            if headers.is_tcp()
                && sound
                && (self.advance_tcp(subject, flow, direction) || self.fails(Resource::Midstream))
                && let Some(verdict) = self.without(Resource::Midstream, subject, found)
            {
                return verdict;
            }
        }
        // The packet that completes a handshake may bring data: they belong into the stream too.
        if self.tcp.opened
            && self.tcp.accepted.len > 0
            && let Some((flow, direction)) = found
        {
            match self.promote(flow, now) {
                Ok(flow) => *in_table = Some((flow, direction)),
                Err(TableFull) => return self.without(Resource::StreamMemcap, subject, None).unwrap_or(Verdict::Pass),
            }
        }
        let found = *in_table;
        let followed = sound;
        let sound = sound && self.tcp.valid;
        let entry = found.and_then(|(flow, _)| self.flows.get(flow));
        let established =
            entry.is_some_and(|flow| flow.state != FlowState::New && (!headers.is_tcp() || flow.tcp.is_established()));
        if entry.and_then(|flow| flow.action) == Some(Action::Pass) {
            self.tcp.valid = true;
            return Verdict::Pass;
        }
        let early = !established && (self.tcp.accepted.len > 0 || self.tcp.fast_open != FastOpen::Silent);
        let streamed = match headers.is_tcp() && followed && established {
            true => match self.arrive(subject, found) {
                Ok(streamed) => streamed,
                Err(verdict) => return verdict,
            },
            false if early => self.arrive_early(subject, found),
            false => None,
        };
        // Inline, what a server may take with the SYN is judged before it gets there.
        let with_syn = streamed.is_some() && headers.tcp.options.fast_open && self.settings.mode == Mode::Inline;
        // The answer that completes a handshake and brings nothing is still a part of it, for rules.
        let in_handshake = self.tcp.opened && self.tcp.step != TcpStep::PickedUp;
        let completes = in_handshake && headers.payload_len == 0 && streamed.is_none();
        let established = (established && !completes) || with_syn;
        self.streamed = streamed;
        self.judge_as_sent(subject, found, (sound, established), now)
    }

    /// Judges the packet as it is to leave.
    #[inline]
    pub(crate) fn judge_as_sent(
        &mut self,
        subject: &Subject,
        found: InTable,
        state: (bool, bool),
        now: Nanos,
    ) -> Verdict {
        if self.mended.frame().is_none() {
            return self.judge_packet(subject, found, state, now);
        }
        // What is judged is what leaves.
        let mended = std::mem::take(&mut self.mended);
        let as_sent = Subject { frame: mended.frame().unwrap_or(subject.frame), ..*subject };
        let verdict = self.judge_packet(&as_sent, found, state, now);
        self.mended = mended;
        verdict
    }

    /// Judges the packet, and what is to be judged of the stream it belongs to.
    fn judge_packet(&mut self, subject: &Subject, found: InTable, state: (bool, bool), now: Nanos) -> Verdict {
        let Some((flow, direction)) = found else { return self.judge_alone(subject, state, now) };
        let due = self.streamed.map_or(Due::default(), |streamed| self.streams.due(streamed.at));
        if !due.is_any() && self.passes_quietly(subject, (flow, direction), state.1, now) {
            return Verdict::Pass;
        }
        self.judge_due(subject, (flow, direction), due, state, now)
    }

    /// Judges the packet of a flow, of whose stream is to be done what is `due`.
    fn judge_due(
        &mut self,
        subject: &Subject,
        (flow, direction): OfFlow,
        due: Due,
        state: (bool, bool),
        now: Nanos,
    ) -> Verdict {
        let found = Some((flow, direction));
        let losses = Losses::of(&self.counters);
        let unread = (self.applications.broken, self.applications.refused());
        let reads = !self.applications.is_off();
        let mut turn = match self.streamed {
            Some(streamed) if due.turn => self.next_turn(subject, found, streamed.at),
            _ => None,
        };
        let mut with_packet = true;
        // Bytes that were judged leave once more in place of others: who sees the packet is told of it again.
        let again = turn.is_none() && self.settings.mode == Mode::Inline && self.streamed.is_some_and(|s| s.differs);
        if let Some(streamed) = self.streamed.as_mut().filter(|_| again) {
            streamed.placed = false;
        }
        self.findings.clear();
        self.generation.inspector.begin();
        self.app_news = AppNews::NONE;
        if reads {
            match self.streamed {
                Some(streamed) => {
                    // What the packet acknowledges came before what it brings.
                    if due.read_reverse {
                        self.read_stream(subject, found, streamed.at.reverse(), direction.reverse(), 0);
                    }
                    // What was lost is told of before what stands behind it.
                    let missing =
                        turn.as_mut().filter(|turn| turn.gap).map_or(0, |turn| std::mem::take(&mut turn.missing));
                    if due.read || missing > 0 {
                        self.read_stream(subject, found, streamed.at, direction, missing);
                    }
                }
                None if state.0 => self.read_datagram(subject, found),
                None => {}
            }
        }
        let mut link = if reads { self.conversation_of(flow, direction) } else { None };
        loop {
            if let (true, Some(turn), Some(streamed)) =
                (reads && turn.is_some_and(|turn| turn.gap && turn.missing > 0), turn, self.streamed)
            {
                self.read_stream(subject, found, streamed.at, direction, turn.missing);
                link = self.flows.get(flow).and_then(Flow::conversation);
            }
            if turn.is_some() || again || !self.passes_by(subject, (flow, direction), state.1, now) {
                self.judge_piece(subject, found, state, now, turn.as_ref(), with_packet);
            }
            if let Some(link) = link
                && !self.findings.passes()
                && self.applications.take_news(link, direction)
            {
                self.judge_transactions(subject, (flow, direction), link, state, now, turn.as_ref());
            }
            let (Some(done), Some(streamed)) = (turn.as_ref(), self.streamed) else { break };
            if self.turned(subject, found, streamed.at, done) != Turned::More || self.findings.decides() {
                break;
            }
            turn = self.next_turn(subject, found, streamed.at);
            if turn.is_none() {
                break;
            }
            with_packet = false;
        }
        self.findings.settle();
        let remarks = self.generation.inspector.remarks();
        if !remarks.is_empty()
            && let Some(entry) = self.flows.get(flow)
        {
            self.variables.keep(entry.id, remarks);
        }
        let verdict = if self.findings.is_empty() { Verdict::Pass } else { self.act(subject, found, state.0) };
        if let Some(link) = link
            && self.applications.take_changed(link)
        {
            self.settle_transactions(subject, flow, link);
        }
        if verdict != Verdict::Pass || self.findings.passes() {
            return verdict;
        }
        if let Some(verdict) = self.unseen(subject, found, losses) {
            return verdict;
        }
        match reads {
            true => self.unread(subject, found, unread).unwrap_or(Verdict::Pass),
            false => Verdict::Pass,
        }
    }

    /// The packet at hand, for rules.
    #[inline(always)]
    pub(crate) const fn view_of<'a>(
        &self,
        subject: &Subject<'a>,
        direction: Option<Direction>,
        established: bool,
        now: Nanos,
    ) -> PacketView<'a> {
        PacketView {
            frame: subject.frame,
            headers: subject.headers,
            direction,
            established,
            now,
            stream_events: self.tcp.events,
            app_news: self.app_news,
            app: None,
        }
    }

    /// Whether no rule asks for anything of a packet that brings nothing: most acknowledgements.
    #[inline]
    pub(crate) fn passes_by(&mut self, subject: &Subject, of: OfFlow, established: bool, now: Nanos) -> bool {
        let (flow, direction) = of;
        if subject.headers.payload_len > 0 {
            return false;
        }
        let packet = self.view_of(subject, Some(direction), established, now);
        let Some(flow) = self.flows.view(flow) else { return false };
        Inspector::passes_by_in_flow(&self.generation.ruleset, &packet, &flow)
    }

    /// Judges one piece: the packet, unless that is done, and `turn` of its stream.
    pub(crate) fn judge_piece(
        &mut self,
        subject: &Subject,
        found: InTable,
        (sound, established): (bool, bool),
        now: Nanos,
        turn: Option<&StreamTurn>,
        with_packet: bool,
    ) {
        let headers = subject.headers;
        let direction = found.map(|(_, direction)| direction);
        let packet = self.view_of(subject, direction, established, now);
        let mut flow = found.and_then(|(flow, _)| self.flows.view(flow));
        // Inline, marks of a packet that is not sound go onto a copy, unless its sums may be wrong because the card fills them in later.
        // Passive they stay, as with the reference engine.
        let may_be_sound = self.checksums.is_open() && self.tcp.valid && !self.normaliser.stops;
        let leaves_marks = sound || may_be_sound || self.settings.mode == Mode::Passive;
        let mut copy = if leaves_marks { None } else { flow.as_ref().map(FlowView::copied) };
        let mut copied = copy.as_mut().map(FlowCopy::view);
        let mut flow = if leaves_marks { flow.as_mut() } else { copied.as_mut() };
        self.state.freeze(!leaves_marks);
        let Self { generation, state, counters, findings, streams, reporter, streamed, .. } = self;
        let Generation { ruleset, inspector } = &mut **generation;
        if with_packet && is_tagged(ruleset, &packet, flow.as_deref_mut(), state) {
            counters.detect_tagged += 1;
            let facts = flow.as_deref().map(|flow| flow.facts()).zip(direction);
            reporter.tagged(subject, facts);
        }
        match *streamed {
            None => inspector.inspect(ruleset, &packet, flow, state, counters, findings),
            Some(Streamed { at, placed, refused, in_order, differs }) => {
                let turn = turn.copied().unwrap_or_default();
                // What is too long for one turn is scanned in several.
                let covers_payload = in_order && with_packet && turn.scan_len() >= headers.payload_len;
                let again = differs && !placed;
                let mut piece = StreamPiece { streams, at, turn, covers_payload, placed, refused, with_packet, again };
                inspector.inspect_stream(ruleset, &packet, flow, &mut piece, state, counters, findings);
            }
        }
        self.asks_rewrite |= self.settings.mode == Mode::Inline && !inspector.rewrites().is_empty();
    }

    /// Turns what was found into events and a verdict. A packet that is not `sound` does not buy its flow free: the other end never
    /// reads it.
    pub(crate) fn act(&mut self, subject: &Subject, found: InTable, sound: bool) -> Verdict {
        let generation = self.generation.ruleset.generation;
        let inline = self.settings.mode == Mode::Inline;
        let flow = found.and_then(|(flow, _)| self.flows.get_mut(flow));
        let mut done_with = false;
        let dropping = self.findings.as_slice().iter().find(|finding| finding.action.drops()).copied();
        let passes = self.findings.as_slice().iter().find(|finding| finding.action == Action::Pass);
        if let Some(flow) = flow {
            if self.findings.as_slice().iter().any(|finding| finding.speaks) {
                flow.alerted = true;
            }
            // Nothing is judged behind a pass, so a drop beside it was judged before it and decides.
            if sound && dropping.is_none() && passes.is_some_and(|finding| finding.whole_flow) {
                flow.action = Some(Action::Pass);
            } else if inline && self.tcp.valid && dropping.is_some_and(|finding| finding.whole_flow) {
                // What the other end throws away does not end the connection either: anybody can send it.
                flow.action = Some(Action::Drop);
            } else if sound && dropping.is_some_and(|finding| finding.whole_flow) {
                flow.condemned = true;
            }
            done_with = flow.action.is_some() || flow.bypassed;
        }
        let flow = found.and_then(|(flow, _)| self.flows.get(flow));
        let facts = facts_of(flow, found.map(|(_, direction)| direction));
        let passed = self.findings.as_slice().iter().any(|finding| finding.action == Action::Pass);
        let verdict_word = match (dropping, inline) {
            (Some(finding), true) => finding.action,
            _ if passed => Action::Pass,
            _ => Action::Alert,
        };
        // Where a flow has one transaction, what is found in its packets is told of with it.
        let link = flow.map(|flow| flow.app_link()).filter(|link| link.place != 0);
        let only = link.map(|link| self.applications.first(link)).filter(|at| !self.applications.next(*at).is_some());
        let only = only.zip(found.map(|(_, direction)| direction));
        let marks = found.and_then(|(flow, _)| self.flows.view(flow));
        for finding in self.findings.as_slice() {
            if finding.speaks {
                let blocked = finding.action.drops() && inline;
                self.counters.detect_alert += 1;
                let contexts = (self.findings.contexts(), self.generation.ruleset.context_sources());
                let outcome = Outcome { generation, blocked, verdict: verdict_word, contexts };
                let view = finding
                    .app
                    .or(only)
                    .and_then(|(at, direction)| TransactionView::of(&self.applications.room, at, direction));
                // Bytes of the stream that left once more.
                let scope = self.generation.ruleset.scope(finding.rule);
                let again = self.streamed.is_some_and(|s| s.differs && !s.placed) && scope.stream && !scope.packet;
                let finding = &Finding { on_stream: finding.on_stream || again, ..*finding };
                let of_stream = finding.on_stream || view.is_some();
                let stream = self.streamed.filter(|_| of_stream).map(|streamed| Excerpt {
                    streams: &self.streams,
                    at: streamed.at,
                    all: false,
                });
                let variables = facts.as_ref().map(|(facts, _)| (&self.variables, facts.id));
                let remarks = Some(self.generation.inspector.remarks());
                let marks = marks.as_ref();
                let beside = Beside { app: view.as_ref(), stream, marks, remarks, variables, macs: None };
                self.reporter.alert(subject, facts, finding, outcome, beside);
            }
        }
        // Nothing looks at it any more.
        if done_with
            && let Some((flow, _)) = found
            && let Some(place) = self.flows.slot(flow)
        {
            self.streams.end(place);
            self.streamed = None;
        }
        let cause = |by_rate| if by_rate { Cause::RateFilter } else { Cause::Rules };
        let verdict = Verdict::decide(self.settings.mode, dropping.map(|finding| cause(finding.by_rate)));
        if let (Verdict::Drop(cause), Some(finding)) = (verdict, dropping) {
            if finding.action.rejects() {
                self.counters.ips_rejected += 1;
                self.reject(subject, finding.action);
            }
            let rule = Some((finding.rule, finding.action));
            self.reporter.drop_packet(subject, facts, cause, rule, generation);
        }
        verdict
    }

    /// Prepares the answers to a rejected packet. Only packets on the wire are answered, not those in tunnels.
    pub(crate) fn reject(&mut self, subject: &Subject, action: Action) {
        if subject.layer > 0 {
            return;
        }
        let answers = &mut self.answers;
        let about = (subject.time, subject.record);
        reject::answer(action, subject.frame, subject.headers, about, |answer| {
            if answers.len() < MOST_ANSWERS {
                answers.push(*answer);
            }
        });
    }

    /// Whether there are answers to be sent.
    #[inline]
    pub const fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Hands over the answers to packets up to `record`.
    #[inline]
    pub fn take_answers(&mut self, record: u64, mut send: impl FnMut(&Answer)) {
        if self.has_answers() {
            self.answers.retain(|answer| {
                let due = answer.record <= record;
                if due {
                    send(answer);
                }
                !due
            });
        }
    }

    /// Whether the checksum of a TCP packet lets it move its connection.
    fn checksum_allows(&mut self, headers: &Headers, frame: &[u8]) -> bool {
        if self.checksums == Checksums::Ignore || checksum::transport(frame, headers) != checksum::Checksum::Invalid {
            return true;
        }
        self.counters.tcp_invalid_checksum += 1;
        false
    }

    #[inline(always)]
    pub(crate) fn count_frame(&mut self, decoded: &Decoded, frame: &[u8], job: &Job) {
        if job.round == 0 {
            self.count_bytes(frame);
        }
        let layers = decoded.layers().get(usize::from(job.base)..).unwrap_or_default();
        for (inside, headers) in layers.iter().enumerate() {
            // A datagram was received as its fragments.
            self.count_layer(headers, job.round == 0 || inside > 0);
        }
    }

    /// Counts the bytes of a frame that was received.
    #[inline(always)]
    pub(crate) fn count_bytes(&mut self, frame: &[u8]) {
        let length = frame.len() as u64;
        self.counters.decoder_bytes += length;
        self.counters.decoder_max_pkt_size = self.counters.decoder_max_pkt_size.max(length);
    }

    /// Counts a layer.
    #[inline(always)]
    pub(crate) fn count_layer(&mut self, headers: &Headers, received: bool) {
        let Self { counters, kinds, .. } = self;
        counters.decoder_pkts += u64::from(received);
        kinds.add(headers, received, counters);
        if !headers.events.is_empty() {
            headers.events.iter().for_each(|event| counters.decoder_events.raise(event as usize));
        }
    }
}

fn innermost_of<'a>(decoded: &'a Decoded, frame: &'a [u8], at: At) -> Subject<'a> {
    let At { time, record, .. } = at;
    Subject { frame, headers: decoded.innermost(), layer: depth_of(decoded), time, record }
}

fn depth_of(decoded: &Decoded) -> u8 {
    u8::try_from(decoded.layers().len().saturating_sub(1)).unwrap_or(u8::MAX)
}

fn facts_of(flow: Option<&Flow>, direction: Option<Direction>) -> InFlow {
    Some((flow?.facts(), direction?))
}
