//! Messages of application protocols: read from a packet, judged, told of; and what is left of them when their flow ends.
//!
//! A step of [`crate::pipeline`], behind the rules about packets. Inline, and for datagrams, a message is judged with the packet it came in.
//! A passive engine judges what one end of a connection sent at that end's next packet after the other end acknowledged it, or
//! when the flow ends: what was never acknowledged was perhaps never read, and the response is often known by then. So alerts name the later packet.
//! Nothing happens here while no parser is on, nor in flows of other protocols.

use crate::{
    pipeline::{InTable, Pipeline},
    report::Subject,
};
use sluice_app::{Segment, Turn};
use sluice_core::{Direction, Nanos, Verdict, verdict::Mode};
use sluice_detect::PacketView;
use sluice_packet::Headers;

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
            stream_events: self.tcp.events,
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
}
