//! Flows that end: what is left of their streams and messages is judged and told of, and then their end.
//!
//! Called by [`crate::pipeline`] and its steps for every flow that leaves the table, whatever the reason. What was not judged before, because it was never
//! acknowledged or because its sender never spoke again, is judged now; nothing is left that could be stopped.

use crate::{
    application::{Reading, count_protocol, place_of},
    generation::{Generation, Parcel},
    macs::Macs,
    pipeline::Pipeline,
    report::{Beside, Excerpt, Moment, Outcome, Reporter, Subject},
    stream,
    variables::FlowVariables,
};
use sluice_app::{Applications, Input, TransactionView};
use sluice_core::{
    Action, AppLink, AppNews, Counters, Direction, Nanos, Position,
    event::{FlowEnd, Spoken},
};
use sluice_detect::{
    Findings, PacketView, Ruleset, inspect_transaction::TransactionTurn, state::State, stream::StreamPiece,
};
use sluice_flow::{Flow, FlowCopy, FlowTable, FlowView, Marks, StreamEvents, StreamRef, Streams, stream::StreamTurn};
use sluice_packet::{Headers, PacketSource};

/// TCP in the header of IP (IANA).
const IP_TCP: u8 = 6;

impl Pipeline {
    /// The flows, and what is to be done about those that end.
    pub(crate) fn ending(&mut self, now: Nanos) -> (&mut FlowTable, Ending<'_>) {
        let Self {
            flows, applications, reading, streams, generation, state, findings, reporter, variables, macs, ..
        } = self;
        let macs = macs.as_ref();
        let (counters, by_clock) = (&mut self.counters, false);
        let (marks, copy) = (Marks::NONE, FlowCopy::default());
        let ending = Ending {
            applications,
            reading,
            streams,
            generation,
            state,
            findings,
            reporter,
            variables,
            macs,
            counters,
            marks,
            copy,
            now,
            by_clock,
        };
        (flows, ending)
    }

    /// The same, for flows that the clock ends just before `record`. In a replay several workers do that at once, so what is judged then keeps
    /// nothing in the state they share.
    // GAP(clock-thresholds): a threshold is read, not counted, for a message that is judged when the clock ends its flow.
    pub(crate) fn ending_by_clock(&mut self, record: u64, now: Nanos) -> (&mut FlowTable, Ending<'_>) {
        self.reporter.stand_at(Position::clock(record));
        self.state.turn.begin(record);
        let (flows, ending) = self.ending(now);
        (flows, Ending { by_clock: true, ..ending })
    }
}

/// What is done about a flow that ends.
pub(crate) struct Ending<'a> {
    applications: &'a mut Applications,
    reading: &'a mut Reading,
    streams: &'a mut Streams,
    generation: &'a mut Parcel,
    state: &'a mut State,
    findings: &'a mut Findings,
    reporter: &'a mut Reporter,
    variables: &'a mut FlowVariables,
    macs: Option<&'a Macs>,
    pub(crate) counters: &'a mut Counters,
    /// The marks of the table, lent while flows end: see [`FlowTable::lend_marks`].
    pub(crate) marks: Marks,
    /// The flow that ends, with its marks.
    copy: FlowCopy,
    now: Nanos,
    by_clock: bool,
}

impl Ending<'_> {
    /// Tells of the end of `flow`, and before that reads, judges and tells of what is left of its stream and transactions.
    pub(crate) fn flow(&mut self, flow: &Flow, end: FlowEnd) {
        let mut alerted = false;
        let mut link = flow.app_link();
        let mut spoken = Spoken::default();
        self.copy = self.with_marks(flow);
        if let Some(place) = flow.left_slot().filter(|_| flow.protocol() == 6) {
            alerted = self.stream(flow, place, &mut link);
        }
        if flow.protocol() == 6 && !link.news.is_empty() && flow.action.is_none() && !flow.bypassed {
            // An end whose protocol became known and that did not speak again.
            for direction in Direction::ALL {
                alerted |= self.judge(flow, direction, &mut link, None);
            }
        }
        if link.place != 0 {
            spoken = self.applications.spoken(link);
            alerted |= self.transactions(flow, &mut link);
        }
        let mut facts = flow.facts();
        facts.alerted |= alerted;
        facts.app = link.state;
        // Passive: what a rule would have dropped.
        facts.action = facts.action.or(flow.condemned.then_some(Action::Drop));
        facts.app_first = facts.app_first.or(spoken.first);
        let marks = self.copy.view();
        let macs = self.macs.map(|macs| macs.of(flow));
        let beside = Beside { macs, ..Beside::of_flow(Some(&marks), self.variables) };
        self.reporter.flow(facts, end, spoken, &beside);
    }

    /// A copy of a flow that has left the table, with the marks it had there.
    fn with_marks(&mut self, flow: &Flow) -> FlowCopy {
        let mut flow = *flow;
        let words = flow.left_slot().and_then(|slot| self.marks.get_mut(slot as usize));
        match words {
            Some(words) => FlowView::new(&mut flow, words).copied(),
            None => without_marks(&flow),
        }
    }

    /// Reads and judges what is left of its stream, also what was never acknowledged, and gives it up; whether a signature alerted.
    fn stream(&mut self, flow: &Flow, place: u32, link: &mut AppLink) -> bool {
        let mut alerted = false;
        if flow.action.is_none() && !flow.bypassed {
            for (at, direction) in stream::directions(place) {
                while let Some(turn) = self.streams.turn(at, true) {
                    self.counters.tcp_reassembly_gap += u64::from(turn.gap);
                    if self.applications.listens(*link, direction) {
                        let before = link.state;
                        let input = self.input(flow, direction);
                        if turn.gap {
                            self.applications.gap(link, &input, turn.missing);
                        }
                        while let Some((from, to)) = self.streams.unread(at, true) {
                            let bytes = self.reading.of(self.streams, at, (from, to));
                            self.applications.feed(link, &Input { bytes, ..input });
                            self.streams.was_read(at, to);
                        }
                        count_protocol(self.counters, before, link.state, true);
                    }
                    alerted |= self.judge(flow, direction, link, Some((at, turn)));
                    self.streams.turned(at, &turn);
                }
            }
        }
        self.streams.end(place);
        alerted
    }

    /// Judges and tells of what is left of its transactions; whether a signature alerted.
    fn transactions(&mut self, flow: &Flow, link: &mut AppLink) -> bool {
        let mut alerted = false;
        for direction in Direction::ALL {
            let input = self.input(flow, direction);
            self.applications.finish(link, &input);
        }
        if flow.action.is_none() && !flow.bypassed {
            for direction in Direction::ALL {
                alerted |= self.judge(flow, direction, link, None);
            }
        }
        let mut at = self.applications.first(*link);
        while at.is_some() {
            for direction in Direction::ALL {
                while let Some(file) = self.applications.untold_file(at, direction, false, true) {
                    if let Some(view) = TransactionView::of(&self.applications.room, at, direction) {
                        let marks = self.copy.view();
                        let beside = Beside::of_flow(Some(&marks), self.variables);
                        self.reporter.file(flow.facts(), at_end(flow), &view, file, &beside);
                    }
                }
            }
            // What was dropped never came to its end.
            if !flow.action.is_some_and(Action::drops)
                && self.applications.tell(at, true)
                && let Some(view) = TransactionView::of(&self.applications.room, at, Direction::ToServer)
            {
                self.counters.app_transactions += 1;
                let is_tcp = flow.facts().protocol == IP_TCP;
                self.counters.app_told.raise(place_of(view.protocol(), is_tcp));
                let marks = self.copy.view();
                let beside = Beside::of_flow(Some(&marks), self.variables);
                self.reporter.application(flow.facts(), at_end(flow), &view, &beside);
            }
            at = self.applications.next(at);
        }
        self.applications.end(link);
        alerted
    }

    /// What a parser is told besides the bytes.
    fn input<'i>(&self, flow: &Flow, direction: Direction) -> Input<'i> {
        let facts = flow.facts();
        Input {
            bytes: &[],
            direction,
            now: flow.last,
            ports: [facts.server_port, facts.client_port],
            either: flow.tcp.is_midstream(),
            datagram: flow.protocol() != 6,
        }
    }

    /// Judges a piece of the stream, if there is one, and the transactions that go that way; whether a signature alerted.
    fn judge(
        &mut self,
        flow: &Flow,
        direction: Direction,
        link: &mut AppLink,
        turn: Option<(StreamRef, StreamTurn)>,
    ) -> bool {
        let headers = headers_of(flow, direction);
        let packet = PacketView { app_news: link.news.take(direction), ..self.packet_of(flow, &headers, direction) };
        self.copy.flow.app = link.state;
        self.state.freeze(self.by_clock);
        let Self { applications, streams, generation, state, counters, findings, reporter, copy, variables, .. } = self;
        let Generation { ruleset, inspector } = &mut ***generation;
        findings.clear();
        inspector.begin();
        let mut piece = turn.map(|(at, turn)| StreamPiece {
            streams,
            at,
            turn,
            covers_payload: false,
            placed: true,
            refused: false,
            with_packet: false,
            again: false,
        });
        if let Some(piece) = &mut piece {
            inspector.inspect_stream(ruleset, &packet, Some(&mut copy.view()), piece, state, counters, findings);
        }
        if !packet.app_news.is_empty() {
            inspector.inspect_news(ruleset, &packet, &mut copy.view(), state, counters, findings);
        }
        let mut at = applications.first(*link);
        while at.is_some() {
            if applications.is_due(at, direction) {
                applications.judged(at, direction);
                let mut turn = TransactionTurn { room: &mut applications.room, at, direction, piece: piece.as_ref() };
                let marks = &mut copy.view();
                inspector.inspect_transaction(ruleset, &packet, &mut turn, Some(marks), state, counters, findings);
            }
            at = applications.next(at);
        }
        findings.settle();
        let stream = flow.left_slot().filter(|_| flow.protocol() == 6).map(|place| StreamRef::new(place, direction));
        let stream = stream.map(|at| Excerpt { streams, at, all: true });
        variables.keep(flow.id, inspector.remarks());
        let marks = copy.view();
        let beside = Beside { remarks: Some(inspector.remarks()), stream, ..Beside::of_flow(Some(&marks), variables) };
        tell(reporter, counters, findings, (flow, direction), &packet, (ruleset, applications, beside))
    }

    /// A packet that never was, for what is judged when `flow` ends.
    fn packet_of<'h>(&self, flow: &Flow, headers: &'h Headers, direction: Direction) -> PacketView<'h> {
        let now = self.now.max(flow.last);
        PacketView {
            frame: &[],
            headers,
            direction: Some(direction),
            established: true,
            now,
            stream_events: StreamEvents::NONE,
            app_news: AppNews::NONE,
            app: None,
        }
    }
}

/// What comes to its end with the flow.
fn at_end(flow: &Flow) -> Moment {
    Moment { time: flow.last, record: 0, pkt_src: PacketSource::FlowEnd.pkt_src(), ether: None }
}

fn without_marks(flow: &Flow) -> FlowCopy {
    let mut copy = FlowCopy::default();
    copy.flow = *flow;
    copy.flow.forget_marks();
    copy
}

/// Tells of what was found; whether a signature alerted.
fn tell(
    reporter: &mut Reporter,
    counters: &mut Counters,
    findings: &Findings,
    (flow, direction): (&Flow, Direction),
    packet: &PacketView,
    (ruleset, applications, beside): (&Ruleset, &Applications, Beside),
) -> bool {
    let subject = Subject { frame: &[], headers: packet.headers, layer: 0, time: packet.now, record: 0 };
    let facts = Some((flow.facts(), direction));
    let mut alerted = false;
    for finding in findings.as_slice().iter().filter(|finding| finding.speaks) {
        alerted = true;
        counters.detect_alert += 1;
        // Nothing is left that could be stopped.
        let contexts = (findings.contexts(), ruleset.context_sources());
        let outcome = Outcome { generation: ruleset.generation, blocked: false, verdict: Action::Alert, contexts };
        let view = finding.app.and_then(|(at, direction)| TransactionView::of(&applications.room, at, direction));
        let stream = beside.stream.filter(|_| finding.on_stream || view.is_some());
        let beside = Beside { app: view.as_ref(), stream, ..beside };
        reporter.alert(&subject, facts, finding, outcome, beside);
    }
    alerted
}

/// Headers as a packet of `flow` in `direction` would have them.
fn headers_of(flow: &Flow, direction: Direction) -> Headers {
    let facts = flow.facts();
    let client = (facts.client, facts.client_port);
    let server = (facts.server, facts.server_port);
    let (source, destination) = if direction == Direction::ToServer { (client, server) } else { (server, client) };
    Headers {
        ip_version: facts.ip_version,
        protocol: facts.protocol,
        src: source.0,
        dst: destination.0,
        src_port: source.1,
        dst_port: destination.1,
        vlan: facts.vlan,
        vlan_count: facts.vlan_count,
        has_transport: true,
        source: PacketSource::FlowEnd,
        ..Headers::EMPTY
    }
}
