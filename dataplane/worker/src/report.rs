//! Event records: what is told of a packet, its flow and the rules that matched.

use crate::settings::Copies;
use sluice_app::View;
use sluice_core::{
    Action, AppFacts, Cause, Counters, Direction, Nanos, Position,
    event::{AnomalyKind, EventBody, EventSlot, FlowEnd, FlowFacts, PacketFacts},
    ring::EventSender,
};
use sluice_detect::Finding;
use sluice_flow::StreamEvents;
use sluice_packet::{Headers, Protocol};

/// Bytes of a packet that travel with an event that tells of its headers only: a dropped packet, or the tunnel around one that alerted.
const HEADER_BYTES: usize = 256;

fn headers_of(frame: &[u8]) -> &[u8] {
    frame.get(..HEADER_BYTES).unwrap_or(frame)
}

/// A packet as events name it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The frame.
    pub frame: &'a [u8],
    /// The layer.
    pub headers: &'a Headers,
    /// Number of the layer.
    pub layer: u8,
    /// Time of the packet.
    pub time: Nanos,
    /// Number of the record in its capture.
    pub record: u64,
}

impl Subject<'_> {
    fn facts(&self) -> PacketFacts {
        let headers = self.headers;
        PacketFacts {
            time: self.time,
            record: self.record,
            src: headers.src,
            dst: headers.dst,
            src_port: headers.src_port,
            dst_port: headers.dst_port,
            protocol: headers.protocol,
            ip_version: headers.ip_version,
            ether_type: headers.ether_type,
            icmp_type: headers.icmp_type,
            icmp_code: headers.icmp_code,
            vlan: headers.vlan,
            vlan_count: headers.vlan_count,
            pkt_src: headers.source.pkt_src(),
            layer: self.layer,
            has_transport: headers.has_transport,
        }
    }
}

/// Puts the messages of a transaction into `slot`.
fn transaction(slot: &mut EventSlot, view: &View) -> AppFacts {
    let [request, response] = view.messages.map(|message| message.map(|bytes| slot.add_bytes(bytes)));
    AppFacts { protocol: view.protocol, transaction: view.transaction, request, response }
}

/// What came of a packet's findings.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Generation of the rule set.
    pub generation: u32,
    /// Whether the signature stopped the packet.
    pub blocked: bool,
    /// What all signatures together decided.
    pub verdict: Action,
}

/// A flow and the packet's direction in it.
pub type InFlow = Option<(FlowFacts, Direction)>;

/// The worker's mouth.
pub struct Reporter {
    sender: EventSender,
    copies: Copies,
    link: u16,
    position: Position,
}

impl Reporter {
    /// A reporter that sends to `sender`.
    pub fn new(sender: EventSender, copies: Copies) -> Self {
        Self { sender, copies, link: 1, position: Position::default() }
    }

    /// The capture link type of the frames that follow.
    pub fn set_link(&mut self, link: u16) {
        self.link = link;
    }

    /// The capture link type of the frames, as captures number it.
    pub const fn link(&self) -> u16 {
        self.link
    }

    /// What is told from now on happened there.
    #[inline]
    pub const fn stand_at(&mut self, position: Position) {
        self.position = position;
    }

    /// Tells of a signature that matched.
    pub fn alert(&mut self, subject: &Subject, flow: InFlow, finding: &Finding, outcome: Outcome, app: Option<&View>) {
        let Outcome { generation, blocked, verdict } = outcome;
        let headers = subject.headers;
        let (link, position) = (self.link, self.position);
        let copy = self.copies.alerts;
        self.sender.send(|slot| {
            slot.link = link;
            slot.position = position;
            if copy {
                slot.set_bytes(subject.frame);
            } else if subject.layer > 0 {
                slot.set_bytes(headers_of(subject.frame));
            } else if app.is_some() {
                slot.set_bytes(&[]);
            }
            let app = app.map(|view| transaction(slot, view));
            slot.body = EventBody::Alert {
                packet: subject.facts(),
                flow,
                rule: finding.rule,
                generation,
                action: finding.action,
                blocked,
                verdict,
                on_stream: finding.on_stream,
                payload: (headers.payload_offset, headers.payload_len),
                app,
            };
        });
    }

    /// Tells of a transaction that is complete, or as complete as it will be.
    pub fn application(&mut self, flow: FlowFacts, time: Nanos, record: u64, view: &View) {
        if !self.copies.applications {
            return;
        }
        let position = self.position;
        self.sender.send(|slot| {
            slot.position = position;
            slot.set_bytes(&[]);
            let app = transaction(slot, view);
            slot.body = EventBody::Application { time, record, flow, app };
        });
    }

    /// Tells of a packet that was stopped.
    pub fn drop_packet(
        &mut self,
        subject: &Subject,
        flow: InFlow,
        cause: Cause,
        rule: Option<(u32, Action)>,
        generation: u32,
    ) {
        if !self.copies.drops {
            return;
        }
        let (link, position) = (self.link, self.position);
        self.sender.send(|slot| {
            slot.link = link;
            slot.position = position;
            slot.set_bytes(headers_of(subject.frame));
            slot.body = EventBody::Drop { packet: subject.facts(), flow, cause, rule, generation };
        });
    }

    /// Tells of an ARP packet, and of what is odd in a packet, where that is wanted.
    pub fn packet(&mut self, subject: &Subject, flow: InFlow) {
        let headers = subject.headers;
        if self.copies.arp && headers.seen.contains(Protocol::Arp) && !headers.invalid {
            self.of_headers(subject, EventBody::Arp { packet: subject.facts() });
        }
        if self.copies.anomalies {
            for event in headers.events.iter() {
                let kind = AnomalyKind::Decode;
                let event = event as u8;
                self.of_headers(subject, EventBody::Anomaly { packet: subject.facts(), flow, kind, event });
            }
        }
    }

    /// Tells of what is odd about a packet given its connection, where that is wanted.
    pub fn stream_events(&mut self, subject: &Subject, flow: InFlow, events: StreamEvents) {
        if self.copies.stream_anomalies {
            for event in events.iter() {
                let kind = AnomalyKind::Stream;
                let event = event as u8;
                self.of_headers(subject, EventBody::Anomaly { packet: subject.facts(), flow, kind, event });
            }
        }
    }

    /// Tells of a packet that an earlier alert has tagged, with all its bytes.
    pub fn tagged(&mut self, subject: &Subject, flow: InFlow) {
        if !self.copies.tagged {
            return;
        }
        let (link, position) = (self.link, self.position);
        self.sender.send(|slot| {
            slot.link = link;
            slot.position = position;
            slot.set_bytes(subject.frame);
            slot.body = EventBody::Tagged { packet: subject.facts(), flow };
        });
    }

    fn of_headers(&mut self, subject: &Subject, body: EventBody) {
        let (link, position) = (self.link, self.position);
        self.sender.send(|slot| {
            slot.link = link;
            slot.position = position;
            slot.set_bytes(headers_of(subject.frame));
            slot.body = body;
        });
    }

    /// Tells of a flow that ended.
    pub fn flow(&mut self, flow: FlowFacts, end: FlowEnd) {
        if self.copies.flows {
            let position = self.position;
            self.sender.send(|slot| {
                slot.position = position;
                slot.body = EventBody::Flow { flow, end };
            });
        }
    }

    /// Moves the count of lost events into `counters`.
    pub fn publish(&self, counters: &mut Counters) {
        counters.events_lost_ring_full = self.sender.lost();
    }
}
