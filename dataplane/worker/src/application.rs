//! Messages of application protocols: read from a packet, judged, told of; and what is left of them when their flow ends.
//!
//! A step of [`crate::pipeline`], behind the rules about packets. Inline, and for datagrams, a message is judged with the packet it came in.
//! A passive engine judges what one end of a connection sent at that end's next packet after the other end acknowledged it, or
//! when the flow ends: what was never acknowledged was perhaps never read, and the response is often known by then. So alerts name the later packet.
//! Nothing happens here while no parser is on, nor in flows of other protocols.

use crate::{
    generation::Parcel,
    pipeline::{InTable, Pipeline},
    report::{Outcome, Reporter, Subject},
};
use sluice_app::{Segment, Store, Turn};
use sluice_core::{Action, AppLink, Counters, Direction, Nanos, Position, Verdict, event::FlowEnd, verdict::Mode};
use sluice_detect::{Findings, PacketView, state::State};
use sluice_flow::StreamEvents;
use sluice_flow::{Flow, FlowCopy, FlowTable};
use sluice_packet::{Headers, PacketSource};

/// The data of a packet for the parsers. Connections picked up in the middle do not tell who the server is.
fn segment<'a>(subject: &Subject<'a>, direction: Direction, ports: &'a [u16], inline: bool) -> Segment<'a> {
    let headers = subject.headers;
    Segment {
        payload: headers.payload(subject.frame),
        direction,
        tcp: headers.is_tcp().then_some((headers.tcp.seq, headers.tcp.ack)),
        server_ports: ports,
        at_once: inline || !headers.is_tcp(),
    }
}

/// Ports on which the server of the packet's flow may be.
fn server_ports(headers: &Headers, direction: Direction, picked_up: bool) -> [u16; 2] {
    let [server, client] = match direction {
        Direction::ToServer => [headers.dst_port, headers.src_port],
        Direction::ToClient => [headers.src_port, headers.dst_port],
    };
    [server, if picked_up { client } else { 0 }]
}

impl Pipeline {
    /// Looks for the application protocol of the packet's flow, where it is not known yet. `readable`: the other end reads the data.
    pub(crate) fn recognise(&mut self, subject: &Subject, found: InTable, readable: bool) {
        let headers = subject.headers;
        let Some((flow, direction)) = found else { return };
        if !(readable && headers.is_tcp() || headers.is_udp()) {
            return;
        }
        let Some(flow) = self.flows.get_mut(flow) else { return };
        let mut link = flow.app_link();
        let ports = server_ports(headers, direction, flow.tcp.is_midstream());
        let segment = segment(subject, direction, &ports, false);
        self.applications.recognise(&mut link, &segment, &mut self.counters);
        flow.app = link.state;
    }

    /// Reads the messages of a packet and judges those whose turn it is.
    pub(crate) fn application(
        &mut self,
        subject: &Subject,
        found: InTable,
        sound: bool,
        established: bool,
        now: Nanos,
    ) -> Verdict {
        let Some((flow, direction)) = found else { return Verdict::Pass };
        let Some(entry) = self.flows.get_mut(flow) else { return Verdict::Pass };
        let mut link = entry.app_link();
        let readable = subject.headers.is_udp() || (subject.headers.is_tcp() && established && sound);
        if link.state.protocol().is_none() || !readable {
            return Verdict::Pass;
        }
        let inline = self.settings.mode == Mode::Inline;
        let segment = segment(subject, direction, &[], inline);
        let walk = self.applications.begin(&mut link, &segment, &mut self.counters);
        entry.set_app_link(link);
        let mut verdict = Verdict::Pass;
        if let Some(mut walk) = walk {
            while let Some(turn) = self.applications.next(&mut walk, &segment, &mut self.counters) {
                if turn.complete
                    && let Some(entry) = self.flows.get(flow)
                {
                    let view = self.applications.view(&turn, segment.payload);
                    self.reporter.application(entry.facts(), subject.time, subject.record, &view);
                }
                if turn.judge {
                    verdict = self.judge(subject, found, established, now, &turn);
                }
                self.applications.judged(&turn);
                if verdict != Verdict::Pass || self.findings.passes() {
                    return verdict;
                }
            }
        }
        while let Some(turn) = self.applications.due(link, direction, false) {
            verdict = self.judge(subject, found, established, now, &turn);
            self.applications.judged(&turn);
            if verdict != Verdict::Pass || self.findings.passes() {
                break;
            }
        }
        verdict
    }

    /// Judges one message at a packet.
    fn judge(&mut self, subject: &Subject, found: InTable, established: bool, now: Nanos, turn: &Turn) -> Verdict {
        let Subject { frame, headers, .. } = *subject;
        let view = self.applications.view(turn, headers.payload(frame));
        let direction = Some(turn.direction);
        let packet = PacketView {
            frame,
            headers,
            direction,
            established,
            now,
            stream_events: StreamEvents::NONE,
            app: Some(&view),
        };
        let mut flow = found.and_then(|(flow, _)| self.flows.view(flow));
        let generation = &mut *self.generation;
        generation.inspector.inspect_app(
            &generation.ruleset,
            &packet,
            flow.as_mut(),
            &mut self.state,
            &mut self.counters,
            &mut self.findings,
        );
        if self.findings.is_empty() {
            return Verdict::Pass;
        }
        self.act(subject, found, true, Some(turn))
    }

    /// The flows, and what is to be done about those that end.
    pub(crate) fn ending(&mut self, now: Nanos) -> (&mut FlowTable, Ending<'_>) {
        let Self { flows, applications, generation, state, findings, reporter, counters, .. } = self;
        (flows, Ending { applications, generation, state, findings, reporter, counters, now, by_clock: false })
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
        if flow.app_place != 0 {
            alerted = self.messages(flow);
        }
        let mut facts = flow.facts();
        facts.alerted |= alerted;
        self.reporter.flow(facts, end);
    }

    /// Judges what waits; whether a signature alerted.
    // GAP(ended-marks): the flow's bits and integers are gone by now, so rules that ask for them do not match here.
    fn messages(&mut self, flow: &Flow) -> bool {
        let link = flow.app_link();
        let mut alerted = false;
        for direction in Direction::ALL {
            while let Some(turn) = self.applications.due(link, direction, true) {
                alerted |= self.judge(flow, &turn);
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

    fn judge(&mut self, flow: &Flow, turn: &Turn) -> bool {
        let headers = headers_of(flow, turn.direction);
        let view = self.applications.view(turn, &[]);
        let now = self.now.max(flow.last);
        let direction = Some(turn.direction);
        let packet = PacketView {
            frame: &[],
            headers: &headers,
            direction,
            established: true,
            now,
            stream_events: StreamEvents::NONE,
            app: Some(&view),
        };
        let mut copy = FlowCopy::default();
        copy.flow = *flow;
        copy.flow.forget_marks();
        let generation = &mut **self.generation;
        let ruleset = &generation.ruleset;
        let flow_view = &mut copy.view();
        self.state.freeze(self.by_clock);
        generation.inspector.inspect_app(ruleset, &packet, Some(flow_view), self.state, self.counters, self.findings);
        let subject = Subject { frame: &[], headers: &headers, layer: 0, time: now, record: 0 };
        let facts = Some((flow.facts(), turn.direction));
        let mut alerted = false;
        for finding in self.findings.as_slice().iter().filter(|finding| finding.speaks) {
            alerted = true;
            self.counters.detect_alert += 1;
            // Nothing is left that could be stopped.
            let outcome = Outcome { generation: ruleset.generation, blocked: false, verdict: Action::Alert };
            self.reporter.alert(&subject, facts, finding, outcome, Some(&view));
        }
        alerted
    }
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
