//! Event records: what is told of a packet, its flow and the rules that matched.

use crate::{
    settings::{Copies, FileStoring},
    variables::FlowVariables,
};
use sluice_app::{BodyRef, Field, TransactionView, file::FileFacts, log};
use sluice_core::{
    Action, AppFacts, Cause, Counters, Direction, Nanos, Position, RemarkKind,
    event::{AnomalyKind, Ether, EventBody, EventSlot, FlowEnd, FlowFacts, PacketFacts, Spoken},
    remark,
    ring::EventSender,
};
use sluice_detect::{
    Finding,
    contexts::{ContextSource, Contexts},
    remarks::Remarks,
};
use sluice_flow::{FlowView, StreamEvents, StreamRef, Streams};
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
    /// The packet, as that with which a transaction or file came to its end.
    pub fn moment(&self) -> Moment {
        let headers = self.headers;
        let (pkt_src, ether) = (headers.source.pkt_src(), headers.mac_addresses(self.frame));
        Moment { time: self.time, record: self.record, pkt_src, ether }
    }

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

/// What of a stream travels with an alert as its payload.
#[derive(Clone, Copy)]
pub struct Excerpt<'a> {
    /// The streams.
    pub streams: &'a Streams,
    /// The direction that alerted.
    pub at: StreamRef,
    /// Also what was never acknowledged.
    pub all: bool,
}

/// Bytes of a stream that travel with an alert.
const STREAM_BYTES: usize = 4_096;

/// Puts an excerpt of a stream into `slot`, with a note in place of what is missing; where it lies.
fn excerpt(slot: &mut EventSlot, stream: Excerpt) -> (u32, u32) {
    let (start, mut length) = slot.add_bytes(&[]);
    stream.streams.excerpt(stream.at, stream.all, STREAM_BYTES, |part| match part {
        Ok(bytes) => length += slot.add_bytes(bytes).1,
        Err(missing) => {
            let mut digits = [0; 10];
            length += slot.add_bytes(b"[").1 + slot.add_bytes(decimal(missing, &mut digits)).1;
            length += slot.add_bytes(b" bytes missing]").1;
        }
    });
    (start, length)
}

/// `number` in decimal, in `room`.
fn decimal(number: u32, room: &mut [u8; 10]) -> &[u8] {
    let (mut left, mut first) = (number, room.len());
    for (place, digit) in room.iter_mut().enumerate().rev() {
        (*digit, left, first) = (b'0' + (left % 10) as u8, left / 10, place);
        if left == 0 {
            break;
        }
    }
    room.get(first..).unwrap_or_default()
}

/// Bytes of a body that travel with an event.
const BODY_BYTES: usize = 4_096;

/// Puts the fields of both directions of a transaction into `slot`, and behind them its bodies and files; of the files only `file`, if one is meant.
fn transaction(slot: &mut EventSlot, view: &TransactionView, file: Option<BodyRef>, store: FileStoring) -> AppFacts {
    let mut half = |direction: Direction| {
        let (start, mut length) = slot.add_bytes(view.log_of(direction));
        let mut add = |slot: &mut EventSlot, bytes: &[u8]| length += slot.add_bytes(bytes).1;
        for (at, body, bytes) in view.bodies_of(direction) {
            let is_meant = file.is_none_or(|file| file == at);
            if body.is_file && is_meant {
                let name = view.name_of(body);
                let facts = FileFacts::of(body, is_stored(view, direction, store)).to_bytes();
                add(slot, &log::head(Field::File, facts.len() + name.len()));
                add(slot, &facts);
                add(slot, name);
            }
            if file.is_none() {
                let first = bytes.get(..BODY_BYTES).unwrap_or(bytes);
                add(slot, &log::head(body.field, first.len()));
                add(slot, first);
            }
        }
        (length > 0).then_some((start, length))
    };
    let (request, response) = (half(Direction::ToServer), half(Direction::ToClient));
    AppFacts { protocol: view.protocol(), transaction: view.number(), request, response }
}

/// What is told with an alert beside the packet.
#[derive(Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The transaction that matched.
    pub app: Option<&'a TransactionView<'a>>,
    /// The stream, when that is its payload.
    pub stream: Option<Excerpt<'a>>,
    /// The marks of its flow.
    pub marks: Option<&'a FlowView<'a>>,
    /// What rules took out of the packet.
    pub remarks: Option<&'a Remarks>,
    /// What they took out of the flow before, and its id.
    pub(crate) variables: Option<(&'a FlowVariables, u64)>,
    /// Hardware addresses of the client and of the server.
    pub(crate) macs: Option<[&'a [[u8; 6]]; 2]>,
}

impl<'a> Beside<'a> {
    /// What is told of a flow in every record about it.
    pub(crate) fn of_flow(marks: Option<&'a FlowView<'a>>, variables: &'a FlowVariables) -> Self {
        Self { marks, variables: marks.map(|flow| (variables, flow.id)), ..Self::default() }
    }
}

/// Puts what is told of the packet and its flow with each of their records into `slot`; where it lies.
fn put_remarks(slot: &mut EventSlot, beside: &Beside) -> (u32, u32) {
    let (start, mut length) = slot.add_bytes(&[]);
    let mut add = |kind: RemarkKind, name: u16, bytes: &[u8]| {
        let head = remark::head(kind, name, bytes.len() as u16);
        if slot.room() >= head.len() + bytes.len() {
            length += slot.add_bytes(&head).1 + slot.add_bytes(bytes).1;
        }
    };
    if let Some(marks) = beside.marks.filter(|marks| marks.is_marked()) {
        marks.bits().for_each(|bit| add(RemarkKind::FlowBit, bit, &[]));
        marks.ints().for_each(|(id, value)| add(RemarkKind::FlowInt, id, &value.to_le_bytes()));
    }
    if let Some((variables, flow)) = beside.variables {
        variables.of(flow).for_each(|(kind, name, bytes)| add(kind, name, bytes));
    }
    for (kind, macs) in [RemarkKind::ClientMac, RemarkKind::ServerMac].into_iter().zip(beside.macs.unwrap_or_default())
    {
        macs.iter().for_each(|mac| add(kind, 0, mac));
    }
    if let Some(remarks) = beside.remarks {
        let told = remarks.all().filter(|(kind, ..)| *kind != RemarkKind::FlowText || beside.variables.is_none());
        told.for_each(|(kind, name, bytes)| add(kind, name, bytes));
        let entropies = remarks.entropies().iter().filter(|_| beside.variables.is_none());
        entropies.for_each(|(name, value)| add(RemarkKind::Entropy, *name, &value.to_le_bytes()));
    }
    (start, length)
}

/// Whether the files of `direction` are stored.
fn is_stored(view: &TransactionView, direction: Direction, store: FileStoring) -> bool {
    match store {
        FileStoring::Off => false,
        FileStoring::ByRules => view.stores(direction),
        FileStoring::All => true,
    }
}

/// What came of a packet's findings.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// Generation of the rule set.
    pub generation: u32,
    /// Whether the signature stopped the packet.
    pub blocked: bool,
    /// What all signatures together decided.
    pub verdict: Action,
    /// What the signatures tell besides, and under which keys.
    pub contexts: (&'a Contexts, &'a [ContextSource]),
}

/// A flow and the packet's direction in it.
pub type InFlow = Option<(FlowFacts, Direction)>;

/// With what a transaction or file came to its end.
#[derive(Clone, Copy)]
pub struct Moment {
    /// Time of the packet.
    pub time: Nanos,
    /// Number of the record in its capture, 0 for none.
    pub record: u64,
    /// Where the packet came from.
    pub pkt_src: &'static str,
    /// Its hardware addresses.
    pub ether: Option<Ether>,
}

/// The worker's mouth.
pub struct Reporter {
    sender: EventSender,
    copies: Copies,
    link: u16,
    position: Position,
    /// Texts of `alert.context` that had no room in their slot.
    contexts_cut: u64,
}

impl Reporter {
    /// A reporter that sends to `sender`.
    pub fn new(sender: EventSender, copies: Copies) -> Self {
        Self { sender, copies, link: 1, position: Position::default(), contexts_cut: 0 }
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
    pub fn alert(&mut self, subject: &Subject, flow: InFlow, finding: &Finding, outcome: Outcome, beside: Beside) {
        let Outcome { generation, blocked, verdict, contexts: (contexts, sources) } = outcome;
        let Beside { app, stream, .. } = beside;
        let headers = subject.headers;
        let (link, position) = (self.link, self.position);
        let (copy, store) = (self.copies.alerts, self.copies.store);
        let cut = &mut self.contexts_cut;
        self.sender.send(|slot| {
            slot.link = link;
            slot.position = position;
            if copy {
                slot.set_bytes(subject.frame);
            } else if subject.layer > 0 {
                slot.set_bytes(headers_of(subject.frame));
            } else {
                slot.set_bytes(&[]);
            }
            let (start, mut length) = slot.add_bytes(&[]);
            contexts.each(finding.context, sources, |key, text| {
                let added = slot.add_context(key, text);
                length += added;
                *cut += u64::from(added == 0);
            });
            let context = (start, length);
            let mut payload = (headers.payload_offset, headers.payload_len);
            if let Some(stream) = stream.filter(|_| copy) {
                payload = excerpt(slot, stream);
            }
            // In front of bodies, which may fill the slot.
            let remarks = put_remarks(slot, &beside);
            let app = app.map(|view| transaction(slot, view, None, store));
            slot.body = EventBody::Alert {
                packet: subject.facts(),
                flow,
                rule: finding.rule,
                generation,
                action: finding.action,
                blocked,
                verdict,
                on_stream: finding.on_stream,
                payload,
                app,
                remarks,
                context,
            };
        });
    }

    /// Tells of a transaction that is complete, or as complete as it will be.
    pub fn application(&mut self, flow: FlowFacts, at: Moment, view: &TransactionView, beside: &Beside) {
        if !self.copies.applications {
            return;
        }
        let position = self.position;
        self.sender.send(|slot| {
            slot.position = position;
            slot.set_bytes(&[]);
            // In front of bodies, which may fill the slot.
            let remarks = put_remarks(slot, beside);
            let app = transaction(slot, view, None, FileStoring::Off);
            let Moment { time, record, pkt_src, ether } = at;
            slot.body = EventBody::Application { time, record, pkt_src, flow, app, remarks, ether };
        });
    }

    /// Tells of a file that is over, or as whole as it will be.
    pub fn file(&mut self, flow: FlowFacts, at: Moment, view: &TransactionView, file: BodyRef, beside: &Beside) {
        let position = self.position;
        let direction = view.direction;
        let store = self.copies.store;
        if is_stored(view, direction, store) {
            self.file_bytes(flow.id, view, file);
        }
        if !self.copies.files {
            return;
        }
        self.sender.send(|slot| {
            slot.position = position;
            slot.set_bytes(&[]);
            let remarks = put_remarks(slot, beside);
            let app = transaction(slot, view, Some(file), store);
            let Moment { time, record, ether, .. } = at;
            slot.body = EventBody::File { time, record, flow, direction, app, remarks, ether };
        });
    }

    /// Sends the bytes of a file, as many as were kept of it, one slot after the other.
    fn file_bytes(&mut self, flow: u64, view: &TransactionView, file: BodyRef) {
        let Some((body, bytes)) = view.body(file) else { return };
        let (direction, number, position) = (view.direction, body.file_number, self.position);
        let mut sent = 0;
        loop {
            let rest = bytes.get(sent..).unwrap_or_default();
            let mut length = 0;
            let arrived = self.sender.send(|slot| {
                slot.position = position;
                let piece = slot.add_bytes(rest);
                length = piece.1 as usize;
                let (offset, last) = (sent as u64, length == rest.len());
                slot.body = EventBody::FileBytes { flow, direction, number, offset, bytes: piece, last };
            });
            sent += length;
            if !arrived || length == 0 || sent >= bytes.len() {
                return;
            }
        }
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
    pub fn packet(&mut self, subject: &Subject, flow: InFlow, beside: &Beside) {
        let headers = subject.headers;
        if self.copies.arp && headers.seen.contains(Protocol::Arp) && !headers.invalid {
            self.of_headers(subject, &Beside::default(), |_| EventBody::Arp { packet: subject.facts() });
        }
        if self.copies.anomalies {
            for event in headers.events.iter() {
                let (kind, event) = (AnomalyKind::Decode, event as u8);
                let packet = subject.facts();
                self.of_headers(subject, beside, |remarks| EventBody::Anomaly { packet, flow, kind, event, remarks });
            }
        }
    }

    /// Tells of what is odd about a packet given its connection, where that is wanted.
    pub fn stream_events(&mut self, subject: &Subject, flow: InFlow, events: StreamEvents, beside: &Beside) {
        if self.copies.stream_anomalies {
            for event in events.iter() {
                let (kind, event) = (AnomalyKind::Stream, event as u8);
                let packet = subject.facts();
                self.of_headers(subject, beside, |remarks| EventBody::Anomaly { packet, flow, kind, event, remarks });
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

    /// `body` is given the place of what is told beside.
    fn of_headers(&mut self, subject: &Subject, beside: &Beside, body: impl FnOnce((u32, u32)) -> EventBody) {
        let (link, position) = (self.link, self.position);
        self.sender.send(|slot| {
            slot.link = link;
            slot.position = position;
            slot.set_bytes(headers_of(subject.frame));
            let remarks = put_remarks(slot, beside);
            slot.body = body(remarks);
        });
    }

    /// Tells of a flow that ended.
    pub fn flow(&mut self, flow: FlowFacts, end: FlowEnd, spoken: Spoken, beside: &Beside) {
        if self.copies.flows {
            let position = self.position;
            self.sender.send(|slot| {
                slot.position = position;
                slot.set_bytes(&[]);
                let remarks = put_remarks(slot, beside);
                slot.body = EventBody::Flow { flow, end, spoken, remarks };
            });
        }
    }

    /// Moves the count of lost events into `counters`.
    pub fn publish(&mut self, counters: &mut Counters) {
        counters.events_lost_ring_full = self.sender.lost();
        counters.detect_context_full += std::mem::take(&mut self.contexts_cut);
    }
}
