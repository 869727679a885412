//! From the first packet to the end of the handshake: three-way, split in four or five, simultaneous, with data, one-sided, or not seen.
//!
//! Steps of [`super::TcpTracker::update`]. Several SYNs and SYN-ACKs are remembered side by side; the one that the other end answers counts.
//!
//! Sources: RFC 9293 sections 3.5 and 3.10.7, RFC 7413 (Fast Open), RFC 7323 section 3.2 (echoes).

use super::{
    TcpBounds, TcpSettings,
    event::StreamEvent,
    offer::{ANSWERS, Added, Offer, OfferWord, OfferWords, SYNS, lists_mut},
    outcome::{Accepted, FastOpen, TcpOutcome, TcpStep},
    segment::{ACK, FIN, RST, SYN, SYN_ACK, TcpSegment, within},
    tracker::{Sight, TcpTracker},
};
use sluice_core::{Direction, event::TcpState};

/// Where a connection has no window yet, what lies within the largest one without scaling counts.
const FIRST_WINDOW: u32 = 0xffff;
/// Ticks that may pass between a SYN and its repetition that is answered.
const ECHO_RANGE: u32 = 1 << 28;

/// What the steps work on besides the tracker.
struct Step<'a> {
    syns: &'a mut [OfferWord],
    answers: &'a mut [OfferWord],
    bounds: &'a mut TcpBounds,
    direction: Direction,
    segment: &'a TcpSegment,
    settings: &'a TcpSettings,
    out: &'a mut TcpOutcome,
}

impl TcpTracker {
    /// A packet of a connection whose handshake is not complete.
    pub(super) fn of_handshake(
        &mut self,
        offers: &mut OfferWords,
        bounds: &mut TcpBounds,
        direction: Direction,
        segment: &TcpSegment,
        settings: &TcpSettings,
        out: &mut TcpOutcome,
    ) {
        let (syns, answers) = lists_mut(offers);
        let mut step = Step { syns, answers, bounds, direction, segment, settings, out };
        if segment.has(SYN | FIN) {
            // Some hosts take it as a SYN, others throw it away.
            step.out.events.insert(StreamEvent::FinSyn);
            if settings.inline {
                step.out.valid = false;
                return;
            }
        }
        let first = self.state == TcpState::None;
        match segment.flags & (SYN | ACK | RST) {
            flags if flags & RST != 0 && first => step.out.events.insert(StreamEvent::RstButNoSession),
            flags if flags & RST != 0 => self.reset_early(&mut step),
            SYN if first => self.ask_first(&mut step),
            SYN => self.ask(&mut step),
            SYN_ACK if first => self.answer_first(&mut step),
            SYN_ACK => self.answer(&mut step),
            ACK if first => self.pick_up(&mut step),
            ACK => self.confirm(&mut step),
            _ if first && segment.has(FIN) => step.out.events.insert(StreamEvent::FinButNoSession),
            _ if first => {}
            // Neither end takes a packet without one of the three.
            _ => step.out.valid = false,
        }
    }

    fn ask_first(&mut self, step: &mut Step) {
        let Step { direction, segment, .. } = *step;
        self.open(direction, segment.seq, segment.payload_len);
        self.syns.add(step.syns, SYNS, Offer::of_segment(direction, segment, false));
        self.state = TcpState::SynSent;
        step.out.step = TcpStep::Began;
        step.offer_data();
    }

    /// A SYN-ACK with nothing before it.
    fn answer_first(&mut self, step: &mut Step) {
        let Step { direction, segment, settings, .. } = *step;
        if !settings.midstream && !settings.async_oneside {
            return;
        }
        self.sight = if settings.midstream { Sight::Midstream } else { Sight::OneSided };
        self.open(direction, segment.seq, segment.payload_len);
        self.answers.add(step.answers, ANSWERS, Offer::of_segment(direction, segment, true));
        self.expect(direction.reverse(), segment.ack);
        self.state = TcpState::SynReceived;
        step.out.step = TcpStep::PickedUp;
        step.offer_data();
    }

    /// A packet of a connection whose handshake was not seen.
    fn pick_up(&mut self, step: &mut Step) {
        let Step { direction, segment, settings, .. } = *step;
        if !settings.midstream {
            if segment.has(FIN) {
                step.out.events.insert(StreamEvent::FinButNoSession);
            }
            return;
        }
        self.sight = Sight::Midstream;
        self.expect(direction, segment.seq);
        self.expect(direction.reverse(), segment.ack);
        step.out.step = TcpStep::PickedUp;
        *step.bounds = TcpBounds::unknown();
        self.become_established(step);
        self.of_segment(step.bounds, direction, segment, settings, step.out);
    }

    /// A SYN behind the first packet.
    fn ask(&mut self, step: &mut Step) {
        let Step { direction, segment, settings, .. } = *step;
        let open = matches!(self.state, TcpState::SynSent | TcpState::SynReceived);
        let first_way = self.syns.list(step.syns).next().map(|first| first.direction);
        // One the other way round is an answer: both ends open at once, or the server pretends to.
        if open && first_way.is_some_and(|way| way != direction) {
            let answer = Offer { is_syn: true, ..Offer::of_segment(direction, segment, true) };
            let known = self.answers.list(step.answers).any(|other| other.is_syn && other.seq == answer.seq);
            if self.state == TcpState::SynReceived && !known {
                step.out.refuse(StreamEvent::ThreeWhsSynToClientOnSynReceived);
                return;
            }
            self.keep_answer(step, answer);
            return;
        }
        let offer = Offer { later: !open, ..Offer::of_segment(direction, segment, false) };
        let known = self.syns.with_seq(step.syns, direction, segment.seq).is_some();
        if self.state == TcpState::SynReceived && !known {
            step.out.events.insert(StreamEvent::ThreeWhsSynResendDifferentSeqOnSynReceived);
        }
        let most = usize::from(settings.max_syn_queued) + 1;
        if self.syns.add(step.syns, most, offer) == Added::Forgotten {
            // Not refused: a host that tries again and again on one port sends as many.
            step.out.events.insert(StreamEvent::ThreeWhsSynFlood);
        } else if open {
            step.offer_data();
        }
    }

    fn keep_answer(&mut self, step: &mut Step, answer: Offer) {
        let most = usize::from(step.settings.max_syn_ack_queued) + 1;
        if self.answers.add(step.answers, most, answer) == Added::Forgotten {
            step.out.events.insert(StreamEvent::ThreeWhsSynAckFlood);
        }
    }

    /// A SYN-ACK: it acknowledges a SYN, or the SYN and the data that came with it, and so chooses.
    fn answer(&mut self, step: &mut Step) {
        let Step { direction, segment, .. } = *step;
        if direction == Direction::ToServer {
            return self.answer_split(step);
        }
        let chosen = self.syns.followed_by(step.syns, direction.reverse(), segment.ack).filter(|offer| !offer.later);
        let answered = self.state == TcpState::SynReceived;
        let Some(chosen) = chosen else {
            if self.syns.forgot() || (answered && self.sight != Sight::Whole) {
                self.expect(direction.reverse(), segment.ack);
                return self.take_answer(step);
            }
            return step.out.refuse(match answered {
                true => StreamEvent::ThreeWhsSynAckResendDifferentAck,
                false => StreamEvent::ThreeWhsSynAckWrongAck,
            });
        };
        if !self.echo_fits(step, true) {
            return step.out.refuse(StreamEvent::InvalidTimestamp);
        }
        self.expect_behind(direction.reverse(), chosen.seq, segment.ack.wrapping_sub(chosen.first()));
        let taken = segment.ack != chosen.first();
        if chosen.data > 0 {
            step.out.fast_open = if taken { FastOpen::Taken } else { FastOpen::Ignored };
            if !taken && chosen.fast_open && segment.fast_open {
                step.out.events.insert(StreamEvent::ThreeWhsSynAckFastOpenDataIgnored);
            }
        }
        step.out.acknowledges = Some(segment.ack);
        if answered && self.answers.with_seq(step.answers, direction, segment.seq).is_none() {
            step.out.events.insert(StreamEvent::ThreeWhsSynAckResendDifferentSeq);
        }
        self.take_answer(step);
    }

    /// The server's SYN-ACK counts for now.
    fn take_answer(&mut self, step: &mut Step) {
        let Step { direction, segment, .. } = *step;
        self.open(direction, segment.seq, 0);
        self.half_mut(direction).next = segment.payload_end();
        self.keep_answer(step, Offer::of_segment(direction, segment, true));
        self.state = TcpState::SynReceived;
        step.offer_data();
    }

    /// A SYN-ACK of the client: it answers a SYN of the server, else it is nothing.
    fn answer_split(&mut self, step: &mut Step) {
        let Step { direction, segment, .. } = *step;
        if !self.is_split(step) {
            return step.out.refuse(match self.state {
                TcpState::SynReceived => StreamEvent::ThreeWhsSynAckToServerOnSynReceived,
                _ => StreamEvent::ThreeWhsSynAckInWrongDirection,
            });
        }
        let server = self.answers.followed_by(step.answers, direction.reverse(), segment.ack);
        let client = self.syns.with_seq(step.syns, direction, segment.seq);
        let (Some(server), Some(client)) = (server, client) else {
            return step.out.refuse(match client {
                Some(_) => StreamEvent::FourWhsSynAckWrongAck,
                None => StreamEvent::FourWhsSynAckWrongSyn,
            });
        };
        self.open(direction, client.seq, u32::from(client.data));
        self.open(direction.reverse(), server.seq, 0);
        self.state = TcpState::SynReceived;
    }

    /// Whether the server sent a SYN of its own.
    fn is_split(&self, step: &Step) -> bool {
        self.answers.list(step.answers).any(|offer| offer.is_syn)
    }

    /// Whether the timestamps of a packet from the server can be an answer to a SYN (RFC 7323 section 3.2). A host that did not offer
    /// timestamps may be given some in a SYN-ACK, which it ignores.
    fn echo_fits(&self, step: &Step, syn_ack: bool) -> bool {
        let Some(stamps) = step.segment.timestamps else { return true };
        let fits = |offer: Offer| match offer.stamped {
            true => stamps.echo == 0 || stamps.echo.wrapping_sub(offer.stamp) <= ECHO_RANGE,
            false => syn_ack,
        };
        self.syns.forgot() || self.syns.used() == 0 || self.syns.list(step.syns).any(fits)
    }

    /// An acknowledgement: the client's completes the handshake with the SYN-ACK it acknowledges.
    fn confirm(&mut self, step: &mut Step) {
        let Step { direction, segment, settings, .. } = *step;
        let to_client = direction == Direction::ToClient;
        if to_client && self.state != TcpState::SynReceived && !self.echo_fits(step, false) {
            return step.out.refuse(StreamEvent::InvalidTimestamp);
        }
        match self.state {
            TcpState::SynReceived | TcpState::Closed if to_client => self.confirm_to_client(step),
            TcpState::SynReceived | TcpState::Closed => self.confirm_to_server(step),
            _ if !to_client && settings.async_oneside => self.one_sided(step),
            // In a five-way handshake the server's first packet is an acknowledgement, which means nothing yet.
            _ if to_client && !segment.has(FIN) && segment.payload_len == 0 => {}
            _ if !settings.inline && !segment.has(FIN) && segment.payload_len == 0 => {}
            _ => step.out.valid = false,
        }
    }

    fn confirm_to_server(&mut self, step: &mut Step) {
        let Step { direction, segment, settings, .. } = *step;
        let server = self.answers.followed_by(step.answers, Direction::ToClient, segment.ack);
        let client = self.syns.followed_by(step.syns, direction, segment.seq).filter(|offer| !offer.later);
        let asked = self.half(direction);
        // The acknowledgement itself may be lost on the way to us, and this one come with later data.
        let near = within(segment.seq, asked.next, asked.next.wrapping_add(FIRST_WINDOW)) && !settings.inline;
        let right_seq = client.is_some() || near || self.syns.forgot() || self.sight != Sight::Whole;
        if server.is_none() && !self.answers.forgot() {
            return step.out.refuse(match right_seq {
                true => StreamEvent::ThreeWhsRightSeqWrongAck,
                false => StreamEvent::ThreeWhsWrongSeqWrongAck,
            });
        }
        if !right_seq {
            return step.out.refuse(StreamEvent::EstablishedOutOfWindow);
        }
        let client = client.or_else(|| self.syns.list(step.syns).find(|offer| offer.seq == asked.initial));
        match server {
            Some(server) => self.choose(Direction::ToClient, server),
            None => self.expect(Direction::ToClient, segment.ack),
        }
        self.establish(step, client, server);
    }

    /// The server's half of a handshake: `offer` counts.
    fn choose(&mut self, direction: Direction, offer: Offer) {
        if self.half(direction).initial != offer.seq || !self.half(direction).known {
            self.open(direction, offer.seq, u32::from(offer.data));
        }
    }

    /// A packet of the server before the client has acknowledged its SYN.
    fn confirm_to_client(&mut self, step: &mut Step) {
        let Step { direction, segment, settings, .. } = *step;
        let asked = *self.half(Direction::ToServer);
        if self.is_split(step) {
            let server = self.answers.followed_by(step.answers, direction, segment.seq);
            let client = self.syns.followed_by(step.syns, Direction::ToServer, segment.ack);
            return match (server, client) {
                (Some(server), Some(client)) => {
                    self.choose(Direction::ToServer, client);
                    self.choose(direction, server);
                    self.establish(step, Some(client), Some(server));
                }
                (None, _) => step.out.refuse(StreamEvent::FourWhsWrongSeq),
                (_, None) => step.out.refuse(StreamEvent::FourWhsInvalidAck),
            };
        }
        let near = |offer: &Offer| segment.seq.wrapping_sub(offer.first()) <= FIRST_WINDOW;
        let server = self.answers.list(step.answers).find(|offer| offer.direction == direction && near(offer));
        let acks = segment.ack == asked.next;
        // With Fast Open the server may answer at once.
        let fast = asked.acked != asked.initial.wrapping_add(1);
        // Else the client's acknowledgement was lost on the way to us, which can't be inline.
        let missed = !settings.inline || self.sight != Sight::Whole;
        let beyond = within(segment.ack, asked.next.wrapping_add(1), asked.next.wrapping_add(FIRST_WINDOW));
        let speaks = segment.payload_len > 0 || segment.has(FIN);
        if let Some(server) = server
            && ((fast && acks && speaks) || (missed && (beyond || (acks && speaks))))
        {
            let client = self.syns.list(step.syns).find(|offer| offer.seq == asked.initial);
            self.choose(direction, server);
            return self.establish(step, client, Some(server));
        }
        if segment.payload_len > 0 && settings.inline {
            step.out.refuse(StreamEvent::ThreeWhsAckDataInject);
        } else {
            step.out.events.insert(StreamEvent::ThreeWhsAckInWrongDirection);
            step.out.valid = !speaks;
        }
    }

    /// The client goes on without an answer that we see.
    fn one_sided(&mut self, step: &mut Step) {
        let Step { direction, segment, settings, .. } = *step;
        if self.syns.followed_by(step.syns, direction, segment.seq).is_none() && !self.syns.forgot() {
            return step.out.refuse(StreamEvent::ThreeWhsAsyncWrongSeq);
        }
        self.sight = Sight::OneSided;
        self.expect(direction, segment.seq);
        self.expect(direction.reverse(), segment.ack);
        *step.bounds = TcpBounds::unknown();
        self.become_established(step);
        self.of_segment(step.bounds, direction, segment, settings, step.out);
    }

    /// The handshake is complete; the packet that completes it is one of the open connection.
    fn establish(&mut self, step: &mut Step, client: Option<Offer>, server: Option<Offer>) {
        let Step { direction, segment, settings, .. } = *step;
        *step.bounds = match self.sight {
            Sight::Whole => {
                let bases = [self.half(Direction::ToServer).next, self.half(Direction::ToClient).next];
                TcpBounds::agreed(client, server, bases)
            }
            Sight::Midstream | Sight::OneSided => TcpBounds::unknown(),
        };
        self.become_established(step);
        self.of_segment(step.bounds, direction, segment, settings, step.out);
    }

    fn become_established(&mut self, step: &mut Step) {
        (self.syns, self.answers) = Default::default();
        self.state = TcpState::Established;
        self.was_established = true;
        step.out.opened = true;
    }

    /// A reset before the handshake is complete. It never takes back what was offered: the other end may not have seen it.
    fn reset_early(&mut self, step: &mut Step) {
        let Step { direction, segment, .. } = *step;
        if segment.signed && !self.syns.list(step.syns).any(|offer| offer.signed) {
            return step.out.refuse(StreamEvent::SuspectedRstInject);
        }
        if direction == Direction::ToClient && !self.echo_fits(step, false) {
            return step.out.refuse(StreamEvent::InvalidTimestamp);
        }
        let half = self.half(direction);
        let follows = |offer: Offer| offer.seq == segment.seq || offer.is_followed_by(segment.seq);
        let fits = match direction {
            Direction::ToServer => self.syns.forgot() || self.syns.list(step.syns).any(follows),
            Direction::ToClient => {
                let acks = self.syns.followed_by(step.syns, direction.reverse(), segment.ack).is_some();
                (segment.has(ACK) && (acks || self.syns.forgot())) || (half.known && segment.seq == half.next)
            }
        };
        if fits || self.sight != Sight::Whole {
            self.end_by_reset(direction, step.out);
        } else {
            step.out.refuse(StreamEvent::RstInvalidAck);
        }
    }
}

impl Step<'_> {
    /// Data that come with a SYN or SYN-ACK.
    fn offer_data(&mut self) {
        self.out.accepted = Accepted { seq: self.segment.payload_seq(), skip: 0, len: self.segment.payload_len };
    }
}
