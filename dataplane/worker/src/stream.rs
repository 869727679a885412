//! The stream a TCP packet belongs to: its bytes put in order, and what of them is to be judged.
//!
//! A step of [`crate::pipeline`], between the connection's state and the rules. Inline, bytes are judged when they come and before they go, and a
//! segment that tells other bytes than those that went before it is written over with those: there is one interpretation. Passive, bytes are judged at
//! their sender's next packet after the other end acknowledged them, or when their flow ends.
//!
//! Not here: how bytes are kept (`sluice_flow::stream`), how rules are judged on them (`sluice_detect::stream`).

use crate::{
    inbox::View,
    pipeline::{InTable, OfFlow, Pipeline},
    report::Subject,
};
use sluice_core::{Cause, Direction, Resource, Verdict, verdict::Mode};
use sluice_flow::{
    Flow, StreamEvent, StreamRef, Streams, TcpTracker,
    stream::{Arrived, Refused, StreamTurn, Turned, UrgentLimit, UrgentPolicy},
    tcp::{self, Accepted, FastOpen},
};
use sluice_packet::{Headers, checksum};

/// Longest frame that is written over.
const LONGEST: usize = crate::frames::LONGEST_FRAME;

/// A packet whose connection has a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streamed {
    /// The direction of the stream that the packet goes in.
    pub at: StreamRef,
    /// The payload has its place there.
    pub placed: bool,
    /// The other end throws the payload away: it is no part of the stream.
    pub refused: bool,
    /// The payload is new and in order: what is scanned of the stream ends with it.
    pub in_order: bool,
    /// All of the payload came before, some of it with other bytes; inline it leaves with those.
    pub differs: bool,
}

impl Streamed {
    /// A packet that brings nothing to its direction of the stream.
    #[inline]
    const fn unplaced(at: StreamRef) -> Self {
        Self { at, placed: false, refused: false, in_order: false, differs: false }
    }
}

/// A frame whose payload was written over.
#[derive(Default)]
pub(crate) struct Mended {
    /// The frame; empty when the packet at hand stays as it is.
    frame: Vec<u8>,
    /// Where its payload begins and its checksum lies.
    payload: usize,
    checksum: usize,
}

impl Mended {
    /// Room for any frame.
    pub fn new() -> Self {
        Self { frame: Vec::with_capacity(LONGEST), payload: 0, checksum: 0 }
    }

    /// The packet at hand stays as it is.
    #[inline]
    pub fn clear(&mut self) {
        self.frame.clear();
    }

    /// The frame as it is to leave, if that is another one than came.
    #[inline]
    pub fn frame(&self) -> Option<&[u8]> {
        (!self.frame.is_empty()).then_some(&*self.frame)
    }

    /// Takes `frame` with its payload as the stream has it.
    fn take(&mut self, frame: &[u8], headers: &Headers, streams: &Streams, at: StreamRef, accepted: Accepted) {
        let Accepted { seq, skip, len } = accepted;
        self.frame.clear();
        // Longer ones are refused long before.
        self.frame.extend_from_slice(frame.get(..LONGEST).unwrap_or(frame));
        self.payload = headers.payload_offset as usize + skip as usize;
        self.checksum = headers.l4_offset as usize + 16;
        let end = self.payload + len as usize;
        let Some(payload) = self.frame.get_mut(self.payload..end) else { return };
        streams.reread(at, seq, payload);
        let old = frame.get(self.payload..end).unwrap_or_default();
        let sum = frame.get(self.checksum..self.checksum + 2).and_then(|bytes| bytes.first_chunk()).copied();
        let mut sum = u16::from_be_bytes(sum.unwrap_or_default());
        // The payload lies at an even distance: TCP headers are whole words. Only bytes of a SYN's number may come before the part that counts.
        let word =
            |pair: &[u8]| u16::from_be_bytes([pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)]);
        for (old, new) in old.chunks(2).zip(payload.chunks(2)).filter(|(old, new)| old != new) {
            sum = checksum::update16(sum, word(old), word(new));
        }
        if let Some(place) = self.frame.get_mut(self.checksum..self.checksum + 2) {
            place.copy_from_slice(&sum.to_be_bytes());
        }
    }

    /// Writes what differs through `write`, which is given offsets in the frame; whether all of it was written.
    pub fn carry_out(&self, mut write: impl FnMut(usize, &[u8]) -> bool) -> bool {
        let checksum = self.frame.get(self.checksum..self.checksum + 2).unwrap_or_default();
        let payload = self.frame.get(self.payload..).unwrap_or_default();
        write(self.payload, payload) && write(self.checksum, checksum)
    }
}

impl Pipeline {
    /// Puts the payload of a TCP packet of an open connection into its stream. None when there is no stream; an error is the verdict on a packet that
    /// finds no place in it.
    #[inline]
    pub(crate) fn arrive(&mut self, subject: &Subject, found: InTable) -> Result<Option<Streamed>, Verdict> {
        let Some((flow, direction)) = found.filter(|_| self.follows_streams) else { return Ok(None) };
        let Some(at) = self.flows.stream(flow, direction) else { return Ok(None) };
        if let Some(number) = self.tcp.acknowledges {
            self.streams.acknowledge(at.reverse(), number);
        }
        if self.tcp.accepted.len > 0 {
            return self.arrive_payload(subject, (flow, direction), at);
        }
        let refused = subject.headers.payload_len > 0;
        Ok((refused || self.streams.is_open(at)).then_some(Streamed { refused, ..Streamed::unplaced(at) }))
    }

    /// The same, of a payload that the other end takes.
    fn arrive_payload(
        &mut self,
        subject: &Subject,
        (flow, direction): OfFlow,
        at: StreamRef,
    ) -> Result<Option<Streamed>, Verdict> {
        let found = Some((flow, direction));
        let headers = subject.headers;
        let Accepted { seq, skip, len } = self.tcp.accepted;
        let payload = headers.payload(subject.frame).get(skip as usize..).unwrap_or_default();
        let payload = payload.get(..len as usize).unwrap_or(payload);
        if self.streams.is_unopened(at) {
            let Some(entry) = self.flows.get(flow) else { return Ok(None) };
            let origin = origin(&entry.tcp, direction, seq);
            let partition = self.flows.partition_of(entry);
            self.streams.open(at, origin, partition);
        }
        if self.tcp.urgent.is_some()
            && let Some(verdict) = self.urgent(subject, found, at)
        {
            return Err(verdict);
        }
        let inline = self.streams.settings().at_once;
        let policy = (!inline).then(|| self.settings.targets.of(headers.ip_version, &headers.dst));
        let arrived = match self.streams.arrive(at, seq, payload, policy) {
            Ok(arrived) if !self.fails(Resource::Reassembly) => arrived,
            refused => return self.arrives_nowhere(subject, found, at, refused.err()),
        };
        // Of a connection that is heard from one side alone no acknowledgement ever comes.
        let asynchronous = self.settings.tcp.async_oneside;
        if arrived.in_order && self.flows.get(flow).is_some_and(|entry| hears_one_side(entry, direction, asynchronous))
        {
            self.streams.acknowledge(at, seq.wrapping_add(payload.len() as u32));
        }
        if arrived.repeats
            && let Some(verdict) = self.arrives_again(subject, found, at, arrived)
        {
            return Err(verdict);
        }
        let placed = arrived.placed || self.streams.is_spent(at);
        let Arrived { in_order, differs, adds, .. } = arrived;
        Ok(Some(Streamed { placed, in_order, differs: differs && !adds, ..Streamed::unplaced(at) }))
    }

    /// A payload has no place in its stream: what the policy says.
    #[cold]
    fn arrives_nowhere(
        &mut self,
        subject: &Subject,
        found: InTable,
        at: StreamRef,
        refused: Option<Refused>,
    ) -> Result<Option<Streamed>, Verdict> {
        let event = match refused {
            Some(Refused::TooFar) => StreamEvent::ReassemblyInsertInvalid,
            Some(Refused::TooMuch) => StreamEvent::ReassemblyInsertLimit,
            Some(Refused::NoRoom | Refused::Lost) | None => StreamEvent::ReassemblyInsertMemcap,
        };
        self.raise(subject, found, event);
        let verdict = self.without(Resource::Reassembly, subject, found);
        verdict.map_or(Ok(Some(Streamed::unplaced(at))), Err)
    }

    /// Some of a payload came before: told, and inline the packet leaves with what came first. A verdict when it can't.
    #[cold]
    fn arrives_again(&mut self, subject: &Subject, found: InTable, at: StreamRef, arrived: Arrived) -> Option<Verdict> {
        let changes = arrived.differs || arrived.forgotten > 0;
        self.counters.tcp_overlap += 1;
        self.counters.tcp_overlap_diff_data += u64::from(arrived.differs);
        if arrived.differs {
            self.raise(subject, found, StreamEvent::ReassemblyOverlapDifferentData);
        }
        if arrived.forgotten > 0 {
            self.raise(subject, found, StreamEvent::ReassemblySegmentBeforeBaseSeq);
        }
        if self.settings.mode != Mode::Inline || !changes {
            return None;
        }
        // What was put together from fragments leaves as it came, or not at all.
        if self.view != View::Frame {
            return self.without(Resource::Rewrite, subject, found);
        }
        self.mended.take(subject.frame, subject.headers, &self.streams, at, self.tcp.accepted);
        self.counters.tcp_rewritten += 1;
        None
    }

    /// What the policy says of a packet with urgent data: a verdict, or where they are is noted.
    #[cold]
    fn urgent(&mut self, subject: &Subject, found: InTable, at: StreamRef) -> Option<Verdict> {
        let (tcp, policy) = (&subject.headers.tcp, self.streams.settings().urgent);
        if policy == UrgentPolicy::Drop && self.settings.mode == Mode::Inline {
            return self.stop_urgent(subject, found);
        }
        // A pointer stands behind the last byte of urgent data; at the first byte there is none.
        if policy == UrgentPolicy::Inline || tcp.urgent_pointer == 0 {
            return None;
        }
        let last = tcp.seq.wrapping_add(u32::from(tcp.urgent_pointer) - 1);
        match self.streams.mark_urgent(at, last) {
            Ok(new) => self.counters.tcp_urgent_taken_out += u64::from(new),
            Err(UrgentLimit) => {
                self.counters.tcp_urgent_kept_in += 1;
                self.raise(subject, found, StreamEvent::ReassemblyUrgentOobLimitReached);
                // What the other end leaves out would stay in.
                return self.stop_urgent(subject, found);
            }
        }
        None
    }

    /// Stops a packet with urgent data; passive it goes on.
    fn stop_urgent(&mut self, subject: &Subject, found: InTable) -> Option<Verdict> {
        let verdict = Verdict::decide(self.settings.mode, Some(Cause::StreamUrgent));
        let Verdict::Drop(cause) = verdict else { return None };
        let facts = found.and_then(|(flow, direction)| Some((self.flows.get(flow)?.facts(), direction)));
        self.reporter.drop_packet(subject, facts, cause, None, self.generation.ruleset.generation);
        Some(verdict)
    }

    /// Data that come with a SYN or SYN-ACK (RFC 7413) are kept at the beginning of their stream, to be judged as data of an open connection are, and
    /// given up when the other end threw them away. None when there are none, or no room for them: they are judged as a packet.
    // GAP(early-data): of several SYNs with data only the first one's are kept; those of another one that the server takes are judged as a packet.
    #[cold]
    pub(crate) fn arrive_early(&mut self, subject: &Subject, found: InTable) -> Option<Streamed> {
        let (flow, direction) = found.filter(|_| self.follows_streams)?;
        let (at, entry) = (self.flows.stream(flow, direction)?, self.flows.get(flow)?);
        if self.tcp.fast_open == FastOpen::Ignored
            && let Some(place) = self.flows.slot(flow)
        {
            self.streams.end(place);
        }
        let Accepted { seq, skip, len } = self.tcp.accepted;
        let mut kept = None;
        if len > 0 && entry.tcp.first(direction) == seq {
            if self.streams.is_unopened(at) {
                self.streams.open(at, seq, self.flows.partition_of(entry));
            }
            let headers = subject.headers;
            let policy =
                (!self.streams.settings().at_once).then(|| self.settings.targets.of(headers.ip_version, &headers.dst));
            let payload = headers.payload(subject.frame).get(skip as usize..).unwrap_or_default();
            // What finds no room is a hole.
            if let Ok(arrived) = self.streams.arrive(at, seq, payload, policy) {
                let Arrived { placed, in_order, .. } = arrived;
                kept = Some(Streamed { placed, in_order, ..Streamed::unplaced(at) });
            }
        }
        if let Some(number) = self.tcp.acknowledges {
            self.streams.acknowledge(at.reverse(), number);
        }
        kept
    }

    /// What is to be judged of the stream now; what is left of it is to be asked for once more.
    pub(crate) fn next_turn(&mut self, subject: &Subject, found: InTable, at: StreamRef) -> Option<StreamTurn> {
        let turn = self.streams.turn(at, false)?;
        if turn.gap {
            self.counters.tcp_reassembly_gap += 1;
            self.raise(subject, found, StreamEvent::ReassemblySeqGap);
        }
        Some(turn)
    }

    /// The turn is done: what became of the stream with it.
    #[inline]
    pub(crate) fn turned(&mut self, subject: &Subject, found: InTable, at: StreamRef, turn: &StreamTurn) -> Turned {
        let turned = self.streams.turned(at, turn);
        if turned == Turned::Spent {
            self.counters.tcp_stream_depth_reached += 1;
            self.raise(subject, found, StreamEvent::ReassemblyDepthReached);
        }
        turned
    }

    /// Bytes of the payload at hand were written over by rules: the stream is what goes out.
    pub(crate) fn keep_rewrites(&mut self, headers: &Headers, at: StreamRef) {
        let seq = headers.tcp.seq.wrapping_add(u32::from(headers.tcp.flags & tcp::SYN != 0));
        let Self { streams, generation, .. } = self;
        for (offset, bytes) in generation.inspector.rewrites().iter() {
            streams.rewrite(at, seq.wrapping_add(offset as u32), bytes);
        }
    }
}

/// Number of the first byte of a stream whose first segment begins with `seq`. Data of a SYN that were taken and not kept are left out; a segment
/// from before the first byte moves nothing.
fn origin(tcp: &TcpTracker, direction: Direction, seq: u32) -> u32 {
    let (first, acked) = (tcp.first(direction), tcp.acked(direction));
    let behind = |one: u32, other: u32| one.wrapping_sub(other) as i32;
    if behind(acked, first) > 0 && behind(seq, acked) >= 0 { acked } else { first }
}

/// Both directions of the stream of the flow with this slot.
pub(crate) fn directions(place: u32) -> [(StreamRef, Direction); 2] {
    Direction::ALL.map(|direction| (StreamRef::new(place, direction), direction))
}

/// Whether of `flow` nothing but what goes in `direction` is heard, as is expected where that is `asynchronous`: also when it was picked up in the middle.
fn hears_one_side(flow: &Flow, direction: Direction, asynchronous: bool) -> bool {
    flow.tcp.is_one_sided()
        || (asynchronous && flow.tcp.is_midstream() && flow.packets.get(direction.reverse().index()) == Some(&0))
}
