//! Where one TCP connection stands: both directions, from the first SYN to the last acknowledgement.
//!
//! Kept in each flow and moved on by [`TcpTracker::update`], once per packet. Before the handshake is complete the steps of `handshake` apply,
//! afterwards those of `open`; `anew` tells when another connection begins on the same ports.
//!
//! Nothing that one packet says is final while the other end can still contradict it: a reset that later packets ignore is taken back, and so is
//! a FIN behind which data go on, because both may have been made up and never have arrived.
//!
//! Source: RFC 9293 section 3.3.2. States are named from the server's side, as the reference engine names them.

use super::{
    TcpBounds, TcpSettings,
    event::StreamEvent,
    offer::{OfferWords, Offers},
    outcome::TcpOutcome,
    segment::{ACK, RST, SYN, TcpSegment, URG, after},
};
use sluice_core::{Direction, event::TcpState};

/// One direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Half {
    /// Sequence number of the SYN, or one before the first byte seen.
    pub initial: u32,
    /// One past the highest number seen, that of a FIN included.
    pub next: u32,
    /// The highest number acknowledged; never beyond `next`.
    pub acked: u32,
    /// Flags seen.
    pub flags: u8,
    /// Whether the numbers are known.
    pub known: bool,
    /// Whether a FIN was seen: it is the number before `next`.
    pub finished: bool,
    /// Whether this direction sent a reset behind which it fell silent so far.
    pub reset: bool,
}

/// What of a connection is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sight {
    /// From its SYN on.
    #[default]
    Whole,
    /// Picked up without its handshake: who asked whom is a guess.
    Midstream,
    /// One direction only.
    OneSided,
}

/// State of one connection. What its handshake offers lies in [`OfferWords`], what its ends agreed on in [`TcpBounds`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpTracker {
    pub(crate) halves: [Half; 2],
    pub(crate) state: TcpState,
    /// State before a reset, to go back to when the reset turns out to be ignored.
    pub(crate) before: TcpState,
    pub(crate) sight: Sight,
    /// Whether the handshake was ever complete.
    pub(crate) was_established: bool,
    /// SYNs, of which a SYN-ACK chooses one.
    pub(crate) syns: Offers,
    /// SYN-ACKs, of which the client's acknowledgement chooses one.
    pub(crate) answers: Offers,
}

const _: () = assert!(size_of::<TcpTracker>() <= 40);

impl TcpTracker {
    /// Where the connection stands.
    pub fn state(&self) -> TcpState {
        self.state
    }

    /// Whether the handshake is complete, or was when the connection ended.
    #[inline(always)]
    pub const fn is_established(&self) -> bool {
        self.was_established
    }

    /// Whether the connection is over: both ends have finished, or one has reset it. Packets may still come: acknowledgements, and data that show
    /// that a reset was ignored; then it is open again.
    #[inline(always)]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, TcpState::LastAck | TcpState::TimeWait | TcpState::Closed)
    }

    /// Whether it was picked up without its handshake: who asked whom is a guess.
    pub fn is_midstream(&self) -> bool {
        self.sight == Sight::Midstream
    }

    /// Whether only one direction of it is seen (`stream.async-oneside`): nothing tells what the other end took.
    pub fn is_one_sided(&self) -> bool {
        self.sight == Sight::OneSided
    }

    /// Whether the numbers of `direction` are known; without that [`TcpTracker::first`], `next` and `acked` mean nothing.
    pub fn is_known(&self, direction: Direction) -> bool {
        self.half(direction).known
    }

    /// Number of the first byte of `direction`.
    #[inline]
    pub fn first(&self, direction: Direction) -> u32 {
        self.half(direction).initial.wrapping_add(1)
    }

    /// One past the highest number sent in `direction`; a FIN counts as one.
    #[inline]
    pub fn next(&self, direction: Direction) -> u32 {
        self.half(direction).next
    }

    /// The number up to which the other end has acknowledged what was sent in `direction`. Where only one direction is seen, all of it.
    #[inline]
    pub fn acked(&self, direction: Direction) -> u32 {
        let half = self.half(direction);
        if self.sight == Sight::OneSided { half.next } else { half.acked }
    }

    /// Number of the FIN of `direction`: one past its last byte.
    #[inline]
    pub fn fin(&self, direction: Direction) -> Option<u32> {
        let half = self.half(direction);
        half.finished.then(|| half.next.wrapping_sub(1))
    }

    /// Flags seen in `direction`.
    pub fn flags(&self, direction: Direction) -> u8 {
        self.half(direction).flags
    }

    /// Bytes sent in `direction` so far, as sequence numbers tell; 0 before the first is known.
    pub fn bytes(&self, direction: Direction) -> u32 {
        let half = self.half(direction);
        let counted = half.next.wrapping_sub(half.initial).wrapping_sub(1);
        if half.known { counted.wrapping_sub(u32::from(half.finished)) } else { 0 }
    }

    /// Notes flags of a packet of which nothing else is followed.
    #[inline]
    pub fn note_flags(&mut self, direction: Direction, flags: u8) {
        self.half_mut(direction).flags |= flags;
    }

    #[inline(always)]
    pub(crate) fn half(&self, direction: Direction) -> &Half {
        let [server, client] = &self.halves;
        match direction {
            Direction::ToServer => server,
            Direction::ToClient => client,
        }
    }

    #[inline(always)]
    pub(crate) fn half_mut(&mut self, direction: Direction) -> &mut Half {
        let [server, client] = &mut self.halves;
        match direction {
            Direction::ToServer => server,
            Direction::ToClient => client,
        }
    }

    /// The SYN of `direction` has number `seq`, and `data` bytes came with it.
    pub(crate) fn open(&mut self, direction: Direction, seq: u32, data: u32) {
        let half = self.half_mut(direction);
        half.initial = seq;
        half.acked = seq.wrapping_add(1);
        half.next = half.acked.wrapping_add(data);
        half.known = true;
    }

    /// The same, and the other end has taken the data.
    pub(crate) fn expect_behind(&mut self, direction: Direction, seq: u32, data: u32) {
        self.open(direction, seq, data);
        let half = self.half_mut(direction);
        half.acked = half.next;
    }

    /// The next byte of `direction` has number `seq`.
    pub(crate) fn expect(&mut self, direction: Direction, seq: u32) {
        self.open(direction, seq.wrapping_sub(1), 0);
    }

    /// Numbers of later packets were not followed: those of `segment` hold.
    pub(crate) fn catch_up(&mut self, bounds: &mut TcpBounds, direction: Direction, segment: &TcpSegment) {
        let half = self.half_mut(direction);
        if after(segment.seq, half.next) && !half.finished {
            (half.next, half.acked) = (segment.seq, segment.seq);
        }
        let other = self.half_mut(direction.reverse());
        if segment.flags & ACK != 0 && after(segment.ack, other.next) && !other.finished {
            (other.next, other.acked) = (segment.ack, segment.ack);
        }
        *bounds = TcpBounds::unknown();
    }

    /// Moves the connection on by one packet whose checksum is right. `offers` and `bounds` are always the same room of this connection.
    ///
    /// # Cost
    /// A packet of an open connection touches `bounds`, one of a handshake `offers`. Never allocates.
    #[inline]
    pub fn update(
        &mut self,
        offers: &mut OfferWords,
        bounds: &mut TcpBounds,
        direction: Direction,
        segment: &TcpSegment,
        settings: &TcpSettings,
    ) -> TcpOutcome {
        let mut out = TcpOutcome::default();
        self.half_mut(direction).flags |= segment.flags;
        if self.is_usual(bounds, direction, segment) {
            self.take_usual(bounds, direction, segment, &mut out);
            return out;
        }
        self.update_any(offers, bounds, direction, segment, settings, out)
    }

    /// The whole of it, of which the above is a short cut.
    #[inline(never)]
    pub(crate) fn update_any(
        &mut self,
        offers: &mut OfferWords,
        bounds: &mut TcpBounds,
        direction: Direction,
        segment: &TcpSegment,
        settings: &TcpSettings,
        mut out: TcpOutcome,
    ) -> TcpOutcome {
        if segment.flags & URG != 0 {
            out.urgent = Some(segment.urgent_pointer);
        }
        if self.was_established {
            self.of_open(offers, bounds, direction, segment, settings, &mut out);
        } else {
            self.of_handshake(offers, bounds, direction, segment, settings, &mut out);
        }
        if self.half(direction).reset && out.valid && segment.flags & (RST | SYN) == 0 {
            self.take_reset_back(direction, &mut out);
        }
        debug_assert!(self.halves.iter().all(|half| !after(half.acked, half.next)));
        out
    }

    /// A regular packet of the same sender as the reset before: it was not its reset.
    #[cold]
    fn take_reset_back(&mut self, direction: Direction, out: &mut TcpOutcome) {
        self.half_mut(direction).reset = false;
        out.events.insert(StreamEvent::SuspectedRstInject);
        if self.state == TcpState::Closed && self.was_established && self.before != TcpState::None {
            self.state = self.before;
            self.closing(direction);
        }
    }

    /// Notes a reset.
    pub(crate) fn end_by_reset(&mut self, direction: Direction, out: &mut TcpOutcome) {
        if self.state != TcpState::Closed {
            self.before = self.state;
        }
        self.state = TcpState::Closed;
        self.half_mut(direction).reset = true;
        out.reset = true;
    }
}
