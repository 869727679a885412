//! Packets of an open connection, until both ends have finished.
//!
//! Steps of [`super::TcpTracker::update`]. A packet that the other end throws away moves nothing: outside its window, with an acknowledgement of
//! what was never sent, with a clock behind one it took, without ACK. What can be told depends on where we stand: inline all packets pass
//! through us, so what was not seen was not sent; passive it may have been lost on the way to us.
//!
//! Sources: RFC 9293 sections 3.6, 3.8.6 and 3.10.7.4, RFC 5961 (blind attacks), RFC 7323 section 5 (PAWS), RFC 2385 section 2 (signatures).

use super::{
    TcpBounds, TcpSettings,
    bounds::UNKNOWN_WINDOW,
    event::StreamEvent,
    offer::{Offer, OfferWords, SYNS, lists_mut},
    outcome::{Accepted, TcpOutcome},
    segment::{ACK, FIN, RST, SYN, SYN_ACK, TcpSegment, URG, after, within},
    tracker::{Sight, TcpTracker},
};
use sluice_core::{Direction, event::TcpState};

impl TcpTracker {
    /// A packet of an open connection.
    #[inline(always)]
    pub(super) fn of_open(
        &mut self,
        offers: &mut OfferWords,
        bounds: &mut TcpBounds,
        direction: Direction,
        segment: &TcpSegment,
        settings: &TcpSettings,
        out: &mut TcpOutcome,
    ) {
        match segment.flags & (SYN | ACK | RST) {
            ACK => self.of_segment(bounds, direction, segment, settings, out),
            flags if flags & RST != 0 => self.reset(bounds, direction, segment, settings, out),
            SYN => self.ask_again(offers, direction, segment, settings, out),
            SYN_ACK => self.answer_again(direction, segment, out),
            _ => {
                if segment.ack != 0 {
                    out.events.insert(StreamEvent::BrokenAck);
                }
                out.valid = false;
            }
        }
    }

    /// Whether it is what nearly all packets are: the next data, an acknowledgement or a FIN in order, within the window, on an open or closing connection
    /// seen whole. Only a shorter way to the same answer: `of_segment` knows all there is to know.
    #[inline(always)]
    pub(crate) fn is_usual(&self, bounds: &TcpBounds, direction: Direction, segment: &TcpSegment) -> bool {
        let (mine, other) = (self.half(direction), self.half(direction.reverse()));
        let (own, _) = bounds.split_ref(direction);
        let stale = segment.timestamps.is_some_and(|stamps| bounds.stamps && own.is_stale(stamps.value));
        let behind_fin = mine.finished && (segment.payload_len > 0 || segment.has(FIN));
        matches!(self.state, TcpState::Established | TcpState::CloseWait | TcpState::FinWait1 | TcpState::FinWait2)
            && !behind_fin
            && may_be_usual(segment.flags)
            && self.sight == Sight::Whole
            && !mine.reset
            && segment.seq == mine.next
            && within(segment.ack, other.acked, other.next)
            && own.window_end.wrapping_sub(segment.seq) as i32 >= segment.payload_len as i32
            && bounds.signed == Some(segment.signed)
            && !stale
    }

    /// What such a packet changes.
    #[inline(always)]
    pub(crate) fn take_usual(
        &mut self,
        bounds: &mut TcpBounds,
        direction: Direction,
        segment: &TcpSegment,
        out: &mut TcpOutcome,
    ) {
        let (fin, half) = (segment.has(FIN), self.half_mut(direction));
        half.next = half.next.wrapping_add(segment.payload_len + u32::from(fin));
        half.finished |= fin;
        self.half_mut(direction.reverse()).acked = segment.ack;
        let stamps = segment.timestamps.filter(|_| bounds.stamps);
        let (own, opposite) = bounds.split(direction);
        if let Some(stamps) = stamps {
            own.sent(stamps.value);
            opposite.echoed(stamps.echo);
        }
        opposite.allow(segment.ack, u32::from(segment.window) << own.scale);
        own.spoke = true;
        out.accepted = Accepted { seq: segment.seq, skip: 0, len: segment.payload_len };
        out.acknowledges = Some(segment.ack);
        if fin || self.state != TcpState::Established {
            self.closing(direction);
        }
    }

    /// A packet with ACK and without SYN or RST.
    #[inline]
    pub(super) fn of_segment(
        &mut self,
        bounds: &mut TcpBounds,
        direction: Direction,
        segment: &TcpSegment,
        settings: &TcpSettings,
        out: &mut TcpOutcome,
    ) {
        let fin = segment.has(FIN);
        let length = segment.payload_len.wrapping_add(u32::from(fin));
        let end = segment.seq.wrapping_add(length);
        if let Some(signed) = bounds.signed
            && signed != segment.signed
            && (signed || settings.inline)
        {
            // Hosts that agreed on signatures take no packet without; of the others some throw one away that has it.
            out.valid = false;
            return;
        }
        let stamps = segment.timestamps.filter(|_| bounds.stamps);
        let (own, opposite) = bounds.split(direction);
        let mine = *self.half(direction);
        if !self.takes_numbers(own, direction, segment, end, out) {
            return;
        }
        if let Some(stamps) = stamps
            && own.is_stale(stamps.value)
        {
            out.refuse(StreamEvent::InvalidTimestamp);
            return;
        }
        if mine.finished && after(end, mine.next) && !self.goes_on_behind_fin(direction, settings, out) {
            return;
        }
        // What the ACK says.
        let other = self.half(direction.reverse());
        let unseen = after(segment.ack, other.next);
        if unseen {
            if !self.acks_what_may_have_been_sent(opposite, direction, segment, settings, out) {
                return;
            }
        } else if after(segment.ack, other.acked) {
            self.half_mut(direction.reverse()).acked = segment.ack;
        } else if !opposite.is_recent(segment.ack, other.acked) {
            refuse_ack(self.state, fin, out);
            return;
        }
        // Nothing is against it.
        out.acknowledges = Some(self.half(direction.reverse()).acked);
        if let Some(stamps) = stamps {
            own.sent(stamps.value);
            opposite.echoed(stamps.echo);
        }
        opposite.allow(segment.ack, u32::from(segment.window) << own.scale);
        own.spoke = true;
        out.accepted.seq = segment.seq;
        let half = self.half_mut(direction);
        if length > 0 {
            if after(end, half.next) {
                half.next = end;
                // Nothing tells what the other end took: what lies far enough behind.
                if !own.window_known && end.wrapping_sub(half.acked) > UNKNOWN_WINDOW {
                    half.acked = end.wrapping_sub(UNKNOWN_WINDOW);
                }
            } else if segment.payload_len > 0 {
                out.events.insert(StreamEvent::Retransmission);
            }
            let skip = half.initial.wrapping_add(1).wrapping_sub(segment.seq);
            let skip = if skip as i32 > 0 { skip.min(segment.payload_len) } else { 0 };
            out.accepted =
                Accepted { seq: segment.seq.wrapping_add(skip), skip, len: segment.payload_len.wrapping_sub(skip) };
            if own.window_known && segment.payload_len > 1 && after(end.wrapping_sub(u32::from(fin)), own.window_end) {
                out.events.insert(StreamEvent::EstablishedOutOfWindow);
            }
        }
        // A FIN with the number of a byte that was sent before is none: both cannot be.
        if fin && !mine.finished && after(mine.next, end.wrapping_sub(1)) {
            out.events.insert(StreamEvent::FinOutOfWindow);
        } else if fin {
            self.finish(direction, end, out);
        }
        if self.state != TcpState::Established {
            self.closing(direction);
        }
    }

    /// Whether the other end takes a packet with these sequence numbers. Also refuses nothing and takes nothing of what it has had before.
    #[inline(always)]
    fn takes_numbers(
        &self,
        own: &super::bounds::HalfBounds,
        direction: Direction,
        segment: &TcpSegment,
        end: u32,
        out: &mut TcpOutcome,
    ) -> bool {
        let mine = self.half(direction);
        if !own.window_known || self.sight == Sight::OneSided {
            let near = segment.seq.wrapping_sub(mine.next.wrapping_sub(UNKNOWN_WINDOW)) <= 2 * UNKNOWN_WINDOW;
            if !near {
                out.refuse(out_of_window(self.state, segment.has(FIN)));
            }
            return near;
        }
        // The usual: it begins where data are awaited.
        if segment.seq.wrapping_sub(mine.acked) < own.window_end.wrapping_sub(mine.acked) && end != mine.acked {
            return true;
        }
        self.takes_odd_numbers(own, direction, segment, end, out)
    }

    fn takes_odd_numbers(
        &self,
        own: &super::bounds::HalfBounds,
        direction: Direction,
        segment: &TcpSegment,
        end: u32,
        out: &mut TcpOutcome,
    ) -> bool {
        let mine = self.half(direction);
        let empty = end == segment.seq;
        if after(segment.seq, mine.acked) || segment.seq == mine.acked {
            // At the edge: an acknowledgement, a FIN, the single byte of a probe. Beyond it nothing.
            let at_edge = segment.seq == own.window_end && segment.payload_len <= 1;
            if at_edge || !after(segment.seq, own.window_end) && segment.seq != own.window_end {
                return true;
            }
            out.refuse(out_of_window(self.state, segment.has(FIN)));
            return false;
        }
        if after(end, mine.acked) {
            return true;
        }
        // All of it was acknowledged before: sent again, or a sign of life.
        if !own.is_recent(end, mine.acked) {
            out.refuse(out_of_window(self.state, segment.has(FIN)));
            return false;
        }
        let sign_of_life = segment.payload_len <= 1 && end.wrapping_add(1).wrapping_sub(mine.acked) <= 1;
        if end == mine.acked && empty {
            return true;
        }
        if !sign_of_life {
            out.events.insert(match self.state {
                TcpState::CloseWait => StreamEvent::CloseWaitBeforeLastAck,
                _ => StreamEvent::EstablishedBeforeLastAck,
            });
            if segment.payload_len > 0 {
                out.events.insert(StreamEvent::SpuriousRetransmission);
                out.accepted = Accepted { seq: segment.seq, skip: 0, len: segment.payload_len };
            }
        }
        false
    }

    /// Data or another FIN behind a FIN. Inline the FIN has passed, so nothing counts behind it. Passive it may have been made up, until the
    /// other end acknowledges it.
    #[cold]
    fn goes_on_behind_fin(&mut self, direction: Direction, settings: &TcpSettings, out: &mut TcpOutcome) -> bool {
        let state = self.state;
        let half = self.half_mut(direction);
        if settings.inline || half.acked == half.next {
            out.refuse(out_of_window(state, true));
            return false;
        }
        half.finished = false;
        half.next = half.next.wrapping_sub(1);
        out.events.insert(StreamEvent::FinOutOfWindow);
        self.state = TcpState::Established;
        self.closing(direction);
        true
    }

    /// The packet acknowledges more than was seen. Whether it can be the other end's all the same.
    #[cold]
    fn acks_what_may_have_been_sent(
        &mut self,
        opposite: &mut super::bounds::HalfBounds,
        direction: Direction,
        segment: &TcpSegment,
        settings: &TcpSettings,
        out: &mut TcpOutcome,
    ) -> bool {
        let other = *self.half(direction.reverse());
        let ahead = segment.ack.wrapping_sub(other.next);
        if self.sight != Sight::Whole {
            if ahead <= UNKNOWN_WINDOW {
                // What was under way when it was picked up was not seen. Once the other end has spoken, it must speak first.
                let other = self.half_mut(direction.reverse());
                if !other.finished && !opposite.spoke {
                    (other.next, other.acked) = (segment.ack, segment.ack);
                } else {
                    out.acks_unseen = true;
                }
                return true;
            }
        } else if !settings.inline && (!opposite.window_known || !after(segment.ack, opposite.window_end)) {
            // Lost on the way to us. It counts once later data show that it was sent.
            out.acks_unseen = true;
            return true;
        }
        let shrinks = u32::from(segment.window) < opposite.window;
        if shrinks && segment.payload_len == 0 && after(segment.seq, self.half(direction).next) {
            out.refuse(StreamEvent::BadWindowUpdate);
        } else {
            refuse_ack(self.state, segment.has(FIN), out);
        }
        false
    }

    /// A FIN whose number is before `end`.
    #[inline(never)]
    fn finish(&mut self, direction: Direction, end: u32, out: &mut TcpOutcome) {
        let state = self.state;
        let half = self.half_mut(direction);
        if half.next != end {
            // Data were sent behind it.
            out.events.insert(match state {
                TcpState::FinWait1 => StreamEvent::Fin1FinWrongSeq,
                TcpState::FinWait2 => StreamEvent::Fin2FinWrongSeq,
                TcpState::CloseWait => StreamEvent::CloseWaitFinOutOfWindow,
                _ => StreamEvent::FinOutOfWindow,
            });
            return;
        }
        half.finished = true;
        self.closing(direction);
    }

    /// The state that follows from the FINs and what is acknowledged of them.
    pub(super) fn closing(&mut self, _direction: Direction) {
        if self.state == TcpState::Closed && self.halves.iter().any(|half| half.reset) {
            return;
        }
        let [client, server] = &self.halves;
        let acked = |half: &super::tracker::Half| half.acked == half.next;
        self.state = match (client.finished, server.finished) {
            (false, false) => TcpState::Established,
            (true, false) => TcpState::CloseWait,
            (false, true) if acked(server) => TcpState::FinWait2,
            (false, true) => TcpState::FinWait1,
            (true, true) if acked(server) && acked(client) => TcpState::Closed,
            (true, true) => match self.state {
                TcpState::FinWait1 | TcpState::Closing if !acked(server) => TcpState::Closing,
                TcpState::FinWait1 | TcpState::FinWait2 | TcpState::Closing | TcpState::TimeWait => TcpState::TimeWait,
                _ if acked(server) => TcpState::Closed,
                _ => TcpState::LastAck,
            },
        };
    }

    /// A reset. The exact number ends the connection; another one in the window makes a host answer and wait for the exact one, and the rest
    /// is nothing (RFC 5961 section 3.2). What the other end awaits lies between what it acknowledged and what was sent.
    #[cold]
    fn reset(
        &mut self,
        bounds: &mut TcpBounds,
        direction: Direction,
        segment: &TcpSegment,
        settings: &TcpSettings,
        out: &mut TcpOutcome,
    ) {
        if segment.has(SYN) && settings.inline {
            out.valid = false;
            return;
        }
        if bounds.signed.is_some_and(|signed| signed != segment.signed) {
            return out.refuse(StreamEvent::SuspectedRstInject);
        }
        let stamps = segment.timestamps.filter(|_| bounds.stamps);
        let (own, opposite) = bounds.split(direction);
        if let Some(stamps) = stamps {
            let never_sent = opposite.sent_known && stamps.echo != 0 && after(stamps.echo, opposite.stamp_sent);
            if own.is_stale(stamps.value) || never_sent {
                return out.refuse(StreamEvent::InvalidTimestamp);
            }
        }
        let (mine, other) = (*self.half(direction), *self.half(direction.reverse()));
        let loose = self.sight != Sight::Whole;
        let exact = within(segment.seq, mine.acked, mine.next) || (loose && !own.window_known);
        let in_window = own.window_known && within(segment.seq, mine.acked, own.window_end);
        if !exact && !in_window {
            out.valid = false;
            return;
        }
        if segment.has(ACK) && !loose {
            let most = if settings.inline || !opposite.window_known { other.next } else { opposite.window_end };
            let sent = !after(segment.ack, other.next) || !after(segment.ack, most);
            if !sent || (!after(segment.ack, other.acked) && !opposite.is_recent(segment.ack, other.acked)) {
                return out.refuse(StreamEvent::RstInvalidAck);
            }
            if exact && after(segment.ack, other.acked) && !after(segment.ack, other.next) {
                self.half_mut(direction.reverse()).acked = segment.ack;
                out.acknowledges = Some(segment.ack);
            }
        }
        if exact {
            self.end_by_reset(direction, out);
        }
    }

    /// A SYN on an open connection: the other end answers it and changes nothing (RFC 5961 section 4.2). It may ask for another connection.
    #[cold]
    fn ask_again(
        &mut self,
        offers: &mut OfferWords,
        direction: Direction,
        segment: &TcpSegment,
        settings: &TcpSettings,
        out: &mut TcpOutcome,
    ) {
        out.events.insert(match self.state {
            TcpState::Established if direction == Direction::ToClient => StreamEvent::EstablishedSynToClient,
            TcpState::Established if segment.seq == self.half(direction).initial => StreamEvent::EstablishedSynResend,
            TcpState::Established => StreamEvent::EstablishedSynResendDifferentSeq,
            _ => StreamEvent::ShutdownSynResend,
        });
        if segment.has(FIN) {
            out.events.insert(StreamEvent::FinSyn);
            if settings.inline {
                out.valid = false;
                return;
            }
        }
        let (syns, _) = lists_mut(offers);
        let offer = Offer { later: true, ..Offer::of_segment(direction, segment, false) };
        self.syns.add(syns, SYNS, offer);
    }

    /// A SYN-ACK on an open connection that begins no other one.
    #[cold]
    fn answer_again(&mut self, direction: Direction, segment: &TcpSegment, out: &mut TcpOutcome) {
        let (mine, other) = (self.half(direction), self.half(direction.reverse()));
        let same_seq = segment.seq == mine.initial;
        let same_ack = within(segment.ack, other.initial.wrapping_add(1), other.acked);
        match direction {
            Direction::ToServer if same_seq && same_ack => {}
            Direction::ToServer => out.refuse(StreamEvent::EstablishedSynAckToServer),
            Direction::ToClient if !same_seq => out.refuse(StreamEvent::EstablishedSynAckResendDifferentSeq),
            Direction::ToClient if !same_ack => out.refuse(StreamEvent::EstablishedSynAckResendDifferentAck),
            Direction::ToClient => out.events.insert(StreamEvent::EstablishedSynAckResend),
        }
    }
}

/// Whether a packet with these flags may be what nearly all packets of an open connection are: data, an acknowledgement, a FIN.
#[inline(always)]
pub const fn may_be_usual(flags: u8) -> bool {
    flags & (SYN | RST | URG | ACK) == ACK
}

/// The name of a number outside the window, by state.
fn out_of_window(state: TcpState, fin: bool) -> StreamEvent {
    match (state, fin) {
        (TcpState::CloseWait, false) => StreamEvent::CloseWaitAckOutOfWindow,
        (TcpState::CloseWait, true) => StreamEvent::CloseWaitFinOutOfWindow,
        (TcpState::FinWait1, false) => StreamEvent::Fin1AckWrongSeq,
        (TcpState::FinWait1, true) => StreamEvent::Fin1FinWrongSeq,
        (TcpState::FinWait2, false) => StreamEvent::Fin2AckWrongSeq,
        (TcpState::FinWait2, true) => StreamEvent::Fin2FinWrongSeq,
        (TcpState::Closing, _) => StreamEvent::ClosingAckWrongSeq,
        (TcpState::LastAck, _) => StreamEvent::LastAckAckWrongSeq,
        (TcpState::TimeWait, _) => StreamEvent::TimeWaitAckWrongSeq,
        (_, true) => StreamEvent::FinOutOfWindow,
        (_, false) => StreamEvent::EstablishedOutOfWindow,
    }
}

/// An acknowledgement that the other end does not take.
#[cold]
fn refuse_ack(state: TcpState, fin: bool, out: &mut TcpOutcome) {
    out.refuse(StreamEvent::InvalidAck);
    out.refuse(match state {
        TcpState::CloseWait => StreamEvent::CloseWaitInvalidAck,
        TcpState::FinWait1 => StreamEvent::Fin1InvalidAck,
        TcpState::FinWait2 => StreamEvent::Fin2InvalidAck,
        TcpState::Closing => StreamEvent::ClosingInvalidAck,
        TcpState::LastAck => StreamEvent::LastAckInvalidAck,
        TcpState::TimeWait => StreamEvent::TimeWaitInvalidAck,
        _ if fin => StreamEvent::FinInvalidAck,
        _ => StreamEvent::EstablishedInvalidAck,
    });
}
