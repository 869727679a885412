//! A packet's TCP connection: moved on, its oddities told, packets that its other end throws away stopped.
//!
//! Steps of [`crate::pipeline`]. What the packet did is left in `Pipeline::tcp` for the stages behind: reassembly, `stream-event` rules, the
//! verdict. The state machine itself is `sluice-flow`'s; nothing here judges by rules.

use crate::{
    checksums::Checksums,
    pipeline::{InTable, Pipeline},
    report::{Beside, Subject},
    settings::{PickUp, Settings},
};
use sluice_core::{Action, Cause, Direction, Verdict, event::TcpState, resource::PoliciesInForce};
use sluice_flow::{
    FlowRef, StreamEvent, StreamEvents, TcpSegment,
    tcp::{ACK, FIN, RST, SYN, TcpOutcome, TcpStep, Timestamps},
};
use sluice_packet::Headers;

impl Pipeline {
    /// Connections whose handshake was not seen are picked up from now on; what held before.
    pub(crate) fn pick_up(&mut self, begin: &PickUp) -> (bool, PoliciesInForce) {
        let Settings { tcp, exceptions, .. } = &mut self.settings;
        (std::mem::replace(&mut tcp.midstream, true), std::mem::replace(exceptions, begin.exceptions))
    }

    /// What held before holds again.
    pub(crate) fn pick_up_no_longer(&mut self, (midstream, policies): (bool, PoliciesInForce)) {
        self.settings.tcp.midstream = midstream;
        self.settings.exceptions = policies;
    }

    /// Moves the connection on; whether the packet shows that the handshake was not seen: it picks the connection up, or there still is
    /// none and the packet would be of one.
    #[inline]
    pub(crate) fn advance_tcp(&mut self, subject: &Subject, flow: FlowRef, direction: Direction) -> bool {
        let headers = subject.headers;
        let segment = segment_of(headers);
        if self.flows.get(flow).is_some_and(|flow| flow.action == Some(Action::Pass) && flow.tcp.is_established()) {
            self.advance_passed(flow, direction, &segment);
            return false;
        }
        let Some((state, outcome)) = self.flows.advance(flow, direction, &segment, &self.settings.tcp) else {
            return false;
        };
        self.tcp = outcome;
        let nothing = state == TcpState::None;
        let plain = outcome.events.is_empty() && outcome.step == TcpStep::None && !outcome.acks_unseen;
        if !plain || outcome.urgent.is_some() {
            self.count_tcp(subject, flow, direction, &outcome);
        }
        let of_connection = nothing && headers.tcp.flags & RST == 0 && headers.tcp.flags & ACK != 0;
        outcome.step == TcpStep::PickedUp || of_connection
    }

    /// A packet of a connection that rules let pass: its numbers are not followed, only how it ends, as [`crate::glance`] has it.
    #[cold]
    fn advance_passed(&mut self, flow: FlowRef, direction: Direction, segment: &TcpSegment) {
        if segment.flags & (SYN | FIN | RST) != 0 {
            self.flows.catch_up(flow, direction, segment);
            self.flows.advance(flow, direction, segment, &self.settings.tcp);
        } else if let Some(flow) = self.flows.get_mut(flow) {
            flow.tcp.note_flags(direction, segment.flags);
        }
    }

    #[cold]
    fn count_tcp(&mut self, subject: &Subject, flow: FlowRef, direction: Direction, outcome: &TcpOutcome) {
        let counters = &mut self.counters;
        counters.tcp_urg += u64::from(outcome.urgent.is_some());
        counters.tcp_ack_unseen_data += u64::from(outcome.acks_unseen);
        counters.tcp_sessions += u64::from(outcome.step != TcpStep::None);
        counters.tcp_midstream_pickups += u64::from(outcome.step == TcpStep::PickedUp);
        if !outcome.events.is_empty() {
            self.tell_stream_events(subject, Some((flow, direction)), outcome.events);
        }
    }

    /// Counts stream events and tells of them: those of the state machine here, reassembly's from there.
    #[cold]
    pub(crate) fn tell_stream_events(&mut self, subject: &Subject, found: InTable, events: StreamEvents) {
        events.iter().for_each(|event| self.counters.stream_events.raise(event as usize));
        if self.settings.copies.stream_anomalies && !events.is_empty() {
            let Self { flows, reporter, variables, .. } = self;
            let marks = found.and_then(|(flow, _)| flows.view(flow));
            let facts = marks.as_ref().zip(found).map(|(flow, (_, direction))| (flow.facts(), direction));
            let beside = Beside::of_flow(marks.as_ref(), variables);
            reporter.stream_events(subject, facts, events, &beside);
        }
    }

    /// Reassembly finds `event` in the packet at hand.
    #[cold]
    pub(crate) fn raise(&mut self, subject: &Subject, found: InTable, event: StreamEvent) {
        self.tcp.events.insert(event);
        self.tell_stream_events(subject, found, StreamEvents::of(event));
    }

    /// Whether a TCP packet, which no rule stopped, is stopped because its other end throws it away.
    #[inline(always)]
    pub(crate) fn is_refused(&self) -> bool {
        // Where wrong checksums may be the card's, a packet that moved nothing may be why this one looks odd.
        !self.tcp.valid && self.settings.drop_invalid && self.checksums != Checksums::Doubt
    }

    /// Stops a TCP packet that its other end throws away; passive it goes on.
    #[cold]
    pub(crate) fn refuse_segment(&mut self, subject: &Subject, found: InTable) -> Verdict {
        let verdict = Verdict::decide(self.settings.mode, Some(Cause::StreamError));
        if let Verdict::Drop(cause) = verdict {
            let facts = found.and_then(|(flow, direction)| Some((self.flows.get(flow)?.facts(), direction)));
            self.reporter.drop_packet(subject, facts, cause, None, self.generation.ruleset.generation);
        }
        verdict
    }
}

/// What the state machine needs of the packet.
#[inline(always)]
pub(crate) fn segment_of(headers: &Headers) -> TcpSegment {
    let tcp = &headers.tcp;
    let options = &tcp.options;
    TcpSegment {
        seq: tcp.seq,
        ack: tcp.ack,
        flags: tcp.flags,
        payload_len: headers.payload_len,
        window: tcp.window,
        urgent_pointer: tcp.urgent_pointer,
        timestamps: options.timestamps.map(|stamps| Timestamps { value: stamps.value, echo: stamps.echo }),
        window_scale: options.window_scale,
        fast_open: options.fast_open,
        signed: options.signature,
    }
}
