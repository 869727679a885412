//! Application protocols: what of a stream or datagram is read, which transactions are judged, and what is told of them.
//!
//! A step of [`crate::pipeline`]. What is to be judged of a stream is read first, so that rules see the transactions it completes; inline that is when it comes and before it goes, passive at
//! its sender's next packet after the other end acknowledged it. Transactions are judged with the packets that go their way, and let go when both ways are judged.
//!
//! Not here: how protocols are read (`sluice_app`), how rules are judged (`sluice_detect::inspect_transaction`), flows that end (`crate::ending`).

use crate::{
    pipeline::{InTable, OfFlow, Pipeline},
    report::{Beside, Subject},
    settings::FileStoring,
};
use sluice_app::{Applications, Field, Fields, Input, TransactionView};
use sluice_core::{AppLink, AppProtocol, AppState, Counters, Direction, Nanos, Resource, Verdict, verdict::Mode};
use sluice_detect::{inspect_transaction::TransactionTurn, stream::StreamPiece};
use sluice_flow::{
    FlowCopy, FlowRef, FlowView, StreamRef, Streams,
    stream::{SLICE, StreamTurn},
};

/// Room for a piece of a stream on its way to a parser.
pub(crate) struct Reading(Box<[u8]>);

impl Reading {
    /// Room for the longest piece; none when no protocol is read.
    pub fn new(applications: &Applications) -> Self {
        Self(vec![0; if applications.is_off() { 0 } else { SLICE }].into_boxed_slice())
    }

    /// The bytes of a stream from one offset to another.
    pub fn of(&mut self, streams: &Streams, at: StreamRef, (from, to): (u32, u32)) -> &[u8] {
        let length = (to.wrapping_sub(from) as usize).min(self.0.len());
        let room = self.0.get_mut(..length).unwrap_or_default();
        streams.read(at, from, room);
        room
    }
}

/// The place of a protocol over TCP or UDP in what is counted of applications.
pub(crate) const fn place_of(protocol: AppProtocol, is_tcp: bool) -> usize {
    protocol as usize * 2 + !is_tcp as usize
}

/// What is counted when the protocol of a flow becomes known.
pub(crate) fn count_protocol(counters: &mut Counters, before: AppState, after: AppState, is_tcp: bool) {
    if before.protocol() == after.protocol() {
        return;
    }
    if let Some(protocol) = after.protocol() {
        counters.app_flows.raise(place_of(protocol, is_tcp));
    }
}

impl Pipeline {
    /// Has the parsers know what the rules that are in force from now on ask for.
    pub(crate) fn meet_generation(&mut self) {
        let (ruleset, copies) = (&self.generation.ruleset, &self.settings.copies);
        let mut of_records = if copies.applications || copies.alerts { Fields::of_records() } else { Fields::NONE };
        if copies.headers {
            [Field::HttpRequestHeader, Field::HttpResponseHeader].into_iter().for_each(|field| of_records.add(field));
        }
        self.applications.set_wants(ruleset.fields().wants().and(of_records));
        self.follows_streams = ruleset.judges_streams() || !self.applications.is_off();
    }

    /// Where the parsers stand with the packet's flow; none when they don't care.
    fn link(&mut self, found: InTable, direction: Direction) -> Option<(AppLink, [u16; 2], bool)> {
        let entry = self.flows.get_mut(found?.0)?;
        let link = entry.app_link();
        // Each datagram may be the first that makes sense.
        let may_begin = entry.protocol() == 17 && link.state == AppState::None;
        let listens = may_begin || self.applications.listens(link, direction);
        listens.then(|| (link, entry.ports(), entry.tcp.is_midstream()))
    }

    /// Has the parser read what may be read of one direction of the stream. `missing`: so many bytes in front of it were lost.
    pub(crate) fn read_stream(
        &mut self,
        subject: &Subject,
        found: InTable,
        at: StreamRef,
        direction: Direction,
        missing: u32,
    ) {
        let Some((mut link, ports, either)) = self.link(found, direction) else {
            let entry = found.and_then(|(flow, _)| self.flows.get(flow));
            // What speaks no protocol of ours over TCP never will.
            match entry.is_some_and(|entry| entry.app == AppState::None) {
                true => self.streams.leave_unread(at),
                false => self.streams.pass_over(at),
            }
            return;
        };
        let before = link.state;
        let Self { reading, streams, applications, .. } = self;
        let input = Input { bytes: &[], direction, now: subject.time, ports, either, datagram: false };
        if missing > 0 {
            applications.gap(&mut link, &input, missing);
        }
        while let Some((from, to)) = streams.unread(at, false) {
            if applications.pass_over(link, direction, to.wrapping_sub(from) as usize) {
                streams.was_read(at, to);
                continue;
            }
            let bytes = reading.of(streams, at, (from, to));
            applications.feed(&mut link, &Input { bytes, ..input });
            streams.was_read(at, to);
        }
        count_protocol(&mut self.counters, before, link.state, true);
        if let Some(entry) = found.and_then(|(flow, _)| self.flows.get_mut(flow)) {
            entry.set_app_link(link);
        }
    }

    /// The conversation of a flow, if it has one. What became known of its protocol is told with the packet at hand, as far as that is its.
    #[inline]
    pub(crate) fn conversation_of(&mut self, flow: FlowRef, direction: Direction) -> Option<AppLink> {
        let entry = self.flows.get_mut(flow)?;
        if !entry.app_news.is_empty() {
            self.app_news = entry.app_news.take(direction);
        }
        entry.conversation()
    }

    /// Has the parser read a datagram.
    pub(crate) fn read_datagram(&mut self, subject: &Subject, found: InTable) {
        let Some((flow, direction)) = found else { return };
        let headers = subject.headers;
        if !headers.is_udp() || headers.payload_len == 0 {
            return;
        }
        let Some((mut link, ports, either)) = self.link(found, direction) else { return };
        let before = link.state;
        let bytes = headers.payload(subject.frame);
        let input = Input { bytes, direction, now: subject.time, ports, either, datagram: true };
        self.applications.feed(&mut link, &input);
        count_protocol(&mut self.counters, before, link.state, false);
        if let Some(entry) = self.flows.get_mut(flow) {
            entry.set_app_link(link);
        }
    }

    /// Judges what is new of the transactions that go the way of the packet; what is found is added to the findings.
    #[inline(never)]
    pub(crate) fn judge_transactions(
        &mut self,
        subject: &Subject,
        (flow, direction): OfFlow,
        link: AppLink,
        (sound, established): (bool, bool),
        now: Nanos,
        turn: Option<&StreamTurn>,
    ) {
        let mut at = self.applications.first(link);
        while at.is_some() {
            let next = self.applications.next(at);
            if self.applications.is_due(at, direction) {
                self.applications.judged(at, direction);
                let packet = self.view_of(subject, Some(direction), established, now);
                let leaves_marks = sound || self.settings.mode == Mode::Passive;
                let mut view = self.flows.view(flow);
                let mut copy = if leaves_marks { None } else { view.as_ref().map(FlowView::copied) };
                let mut copied = copy.as_mut().map(FlowCopy::view);
                let marks = if leaves_marks { view.as_mut() } else { copied.as_mut() };
                self.state.freeze(!leaves_marks);
                let Self { generation, state, counters, findings, streams, applications, streamed, .. } = self;
                let piece = streamed.zip(turn).map(|(streamed, turn)| StreamPiece {
                    streams,
                    at: streamed.at,
                    turn: *turn,
                    covers_payload: false,
                    placed: true,
                    refused: false,
                    with_packet: false,
                    again: false,
                });
                let mut turn = TransactionTurn { room: &mut applications.room, at, direction, piece: piece.as_ref() };
                let generation = &mut **generation;
                let (ruleset, inspector) = (&generation.ruleset, &mut generation.inspector);
                inspector.inspect_transaction(ruleset, &packet, &mut turn, marks, state, counters, findings);
            }
            at = next;
        }
    }

    /// Tells of the transactions of the packet's flow that are complete, and lets those go that are judged.
    #[inline(never)]
    pub(crate) fn settle_transactions(&mut self, subject: &Subject, flow: FlowRef, link: AppLink) {
        let mut at = self.applications.first(link);
        while at.is_some() {
            let next = self.applications.next(at);
            let marks = self.flows.view(flow);
            let Some(entry) = marks.as_ref() else { return };
            let beside = Beside::of_flow(marks.as_ref(), &self.variables);
            // What rules say of a file decides whether it is stored.
            let judged = self.settings.copies.store == FileStoring::ByRules;
            for direction in Direction::ALL {
                while let Some(file) = self.applications.untold_file(at, direction, judged, false) {
                    if let Some(view) = TransactionView::of(&self.applications.room, at, direction) {
                        self.reporter.file(entry.facts(), subject.moment(), &view, file, &beside);
                    }
                }
            }
            if self.applications.tell(at, false)
                && let Some(view) = TransactionView::of(&self.applications.room, at, Direction::ToServer)
            {
                self.counters.app_transactions += 1;
                self.counters.app_told.raise(place_of(view.protocol(), subject.headers.is_tcp()));
                self.reporter.application(entry.facts(), subject.moment(), &view, &beside);
            }
            self.applications.settle(link, at);
            at = next;
        }
        if self.applications.leaves(link)
            && let Some(entry) = self.flows.get_mut(flow)
        {
            entry.bypassed = true;
        }
    }

    /// What becomes of the packet when its parser could not go on, or found no room. `before`: directions broken and refusals before it.
    #[inline(always)]
    pub(crate) fn unread(&mut self, subject: &Subject, found: InTable, before: (u64, u64)) -> Option<Verdict> {
        if before == (self.applications.broken, self.applications.refused()) && self.faults.is_none() {
            return None;
        }
        self.unread_of(subject, found, before)
    }

    #[cold]
    #[inline(never)]
    fn unread_of(&mut self, subject: &Subject, found: InTable, before: (u64, u64)) -> Option<Verdict> {
        let (broken, refused) = (self.applications.broken, self.applications.refused());
        self.counters.app_broken += broken - before.0;
        self.counters.app_no_room += refused - before.1;
        if broken != before.0
            && let Some((flow, _)) = found
            && let Some(protocol) = self.flows.get(flow).and_then(|entry| entry.app_link().state.protocol())
        {
            self.counters.app_errors.raise(place_of(protocol, subject.headers.is_tcp()));
        }
        let policies = [
            (broken != before.0 || self.fails(Resource::AppLayerError), Resource::AppLayerError),
            (refused != before.1 || self.fails(Resource::AppLayerMemcap), Resource::AppLayerMemcap),
        ];
        for (_, resource) in policies.into_iter().filter(|(happened, _)| *happened) {
            let verdict = self.without(resource, subject, found);
            if verdict.is_some() {
                return verdict;
            }
        }
        None
    }
}
