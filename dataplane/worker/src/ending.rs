//! Flows that end: what is left of their streams and messages is judged and told of, and then their end.
//!
//! Called by [`crate::pipeline`] and its steps for every flow that leaves the table, whatever the reason. What was not judged before, because it was never
//! acknowledged or because its sender never spoke again, is judged now; nothing is left that could be stopped.

use crate::{
    generation::{Generation, Parcel},
    pipeline::Pipeline,
    report::{Outcome, Reporter, Subject},
    stream,
};
use sluice_app::{Store, Turn};
use sluice_core::{Action, AppLink, Counters, Direction, Nanos, Position, event::FlowEnd};
use sluice_detect::{Findings, PacketView, state::State, stream::StreamPiece};
use sluice_flow::{Flow, FlowCopy, FlowTable, StreamEvents, StreamRef, Streams, stream::store::StreamTurn};
use sluice_packet::{Headers, PacketSource};

impl Pipeline {
    /// The flows, and what is to be done about those that end.
    pub(crate) fn ending(&mut self, now: Nanos) -> (&mut FlowTable, Ending<'_>) {
        let Self { flows, applications, streams, generation, state, findings, reporter, counters, .. } = self;
        let by_clock = false;
        (flows, Ending { applications, streams, generation, state, findings, reporter, counters, now, by_clock })
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
    applications: &'a mut Store,
    streams: &'a mut Streams,
    generation: &'a mut Parcel,
    state: &'a mut State,
    findings: &'a mut Findings,
    reporter: &'a mut Reporter,
    pub(crate) counters: &'a mut Counters,
    now: Nanos,
    by_clock: bool,
}

impl Ending<'_> {
    /// Tells of the end of `flow`, and before that judges and tells of what is left of its messages.
    pub(crate) fn flow(&mut self, flow: &Flow, end: FlowEnd) {
        let mut alerted = false;
        if let Some(place) = flow.left_slot().filter(|_| flow.protocol() == 6) {
            alerted = self.stream(flow, place);
        }
        if flow.app_place != 0 {
            alerted |= self.messages(flow);
        }
        let mut facts = flow.facts();
        facts.alerted |= alerted;
        self.reporter.flow(facts, end);
    }

    /// Judges what is left of its stream, also what was never acknowledged, and gives it up; whether a signature alerted.
    fn stream(&mut self, flow: &Flow, place: u32) -> bool {
        let mut alerted = false;
        if flow.action.is_none() && !flow.bypassed {
            for (at, direction) in stream::directions(place) {
                while let Some(turn) = self.streams.turn(at, true) {
                    self.counters.tcp_reassembly_gap += u64::from(turn.gap);
                    alerted |= self.judge_stream(flow, at, direction, turn);
                    self.streams.turned(at, &turn);
                }
            }
        }
        self.streams.end(place);
        alerted
    }

    fn judge_stream(&mut self, flow: &Flow, at: StreamRef, direction: Direction, turn: StreamTurn) -> bool {
        let headers = headers_of(flow, direction);
        let packet = self.packet_of(flow, &headers, direction);
        let mut copy = without_marks(flow);
        self.state.freeze(self.by_clock);
        let Self { streams, generation, state, counters, findings, reporter, .. } = self;
        let Generation { ruleset, inspector } = &mut ***generation;
        let mut piece =
            StreamPiece { streams, at, turn, covers_payload: false, placed: true, refused: false, with_packet: false };
        inspector.inspect_stream(ruleset, &packet, Some(&mut copy.view()), &mut piece, state, counters, findings);
        tell(reporter, counters, findings, (flow, direction), &packet, ruleset.generation)
    }

    /// Judges what waits; whether a signature alerted.
    // GAP(ended-marks): the flow's bits and integers are gone by now, so rules that ask for them do not match here.
    fn messages(&mut self, flow: &Flow) -> bool {
        let link = flow.app_link();
        let mut alerted = false;
        for direction in Direction::ALL {
            while let Some(turn) = self.applications.due(link, direction, true) {
                alerted |= self.judge_message(flow, &turn);
                self.applications.judged(&turn);
            }
        }
        while let Some(turn) = self.applications.untold(link) {
            let view = self.applications.view(&turn, &[]);
            self.reporter.application(flow.facts(), flow.last, 0, &view);
        }
        self.applications.end(AppLink { state: link.state, place: link.place });
        alerted
    }

    fn judge_message(&mut self, flow: &Flow, turn: &Turn) -> bool {
        let direction = turn.direction;
        let headers = headers_of(flow, direction);
        let view = self.applications.view(turn, &[]);
        let packet = PacketView { app: Some(&view), ..self.packet_of(flow, &headers, direction) };
        let mut copy = without_marks(flow);
        self.state.freeze(self.by_clock);
        let Generation { ruleset, inspector } = &mut **self.generation;
        let (state, counters, findings) = (&mut *self.state, &mut *self.counters, &mut *self.findings);
        inspector.inspect_app(ruleset, &packet, Some(&mut copy.view()), state, counters, findings);
        tell(self.reporter, counters, findings, (flow, direction), &packet, ruleset.generation)
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
            app: None,
        }
    }
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
    generation: u32,
) -> bool {
    let subject = Subject { frame: &[], headers: packet.headers, layer: 0, time: packet.now, record: 0 };
    let facts = Some((flow.facts(), direction));
    let mut alerted = false;
    for finding in findings.as_slice().iter().filter(|finding| finding.speaks) {
        alerted = true;
        counters.detect_alert += 1;
        // Nothing is left that could be stopped.
        let outcome = Outcome { generation, blocked: false, verdict: Action::Alert };
        reporter.alert(&subject, facts, finding, outcome, packet.app);
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
