//! Another connection on the ports of one that is over, or that its ends have given up; and a handshake as half-open slots keep it.
//!
//! Asked by `sluice-worker` before a packet moves its connection. Source: RFC 9293 section 3.6.1, RFC 6191.

use super::{
    offer::{Offer, OfferWords, Offers, lists, lists_mut},
    segment::{ACK, RST, SYN, SYN_ACK, TcpSegment},
    tracker::{Sight, TcpTracker},
};
use sluice_core::{Direction, event::TcpState};

/// Another connection on the ports of one that is over, or that its ends have given up.
#[derive(Clone, Copy, Debug)]
pub struct Anew {
    tcp: TcpTracker,
    /// Its SYN, when it came earlier.
    syn: Offer,
}

impl Anew {
    /// Puts the connection as it stands before the packet at hand into `tcp` and `offers`.
    pub fn begin(&self, tcp: &mut TcpTracker, offers: &mut OfferWords) {
        *tcp = self.tcp;
        if let Some(word) = lists_mut(offers).0.first_mut() {
            *word = self.syn.word();
        }
    }

    /// Where it stands.
    pub fn state(&self) -> TcpState {
        self.tcp.state
    }
}

/// Numbers of an open connection that has data and of another one on its ports that are closer than this, bytes, are taken for the same one's.
const CLOSE: u32 = 1 << 22;

impl TcpTracker {
    /// Whether `segment` begins another connection on the same ports, and that connection as it stands before `segment`.
    ///
    /// A SYN alone does so only behind the FINs of both ends. In any other state it may be one that never arrives: it is remembered, and the
    /// server's SYN-ACK to exactly that SYN begins the new connection. Until then, and when it never comes, packets are the old one's. Behind the FINs
    /// of both ends any SYN-ACK of the server does so: there is nothing left that it could answer, so its SYN has the old number or was lost on the way to us.
    pub fn begins_anew(&self, offers: &OfferWords, direction: Direction, segment: &TcpSegment) -> Option<Anew> {
        match segment.flags & (SYN | ACK | RST) {
            SYN if self.is_finished() => {
                let other = direction == Direction::ToClient || self.half(direction).initial != segment.seq;
                other.then(|| Anew { tcp: Self::default(), syn: Offer::default() })
            }
            SYN_ACK => self.answered_anew(offers, direction, segment),
            _ => None,
        }
    }

    /// Whether both ends have finished, and the end that finished last at least was told so.
    fn is_finished(&self) -> bool {
        matches!(self.state, TcpState::TimeWait | TcpState::Closed) && self.halves.iter().all(|half| half.finished)
    }

    fn answered_anew(&self, offers: &OfferWords, direction: Direction, segment: &TcpSegment) -> Option<Anew> {
        let (syns, _) = lists(offers);
        let asked = direction.reverse();
        let known =
            |offer: &Offer| offer.seq == self.half(asked).initial && segment.seq == self.half(direction).initial;
        let later = match self.syns.followed_by(syns, asked, segment.ack) {
            Some(offer) => Some(offer).filter(|offer| offer.later || asked == Direction::ToClient),
            None => Some(Offer { seq: segment.ack.wrapping_sub(1), ..Offer::default() }).filter(|_| {
                let perhaps_lost = self.is_finished() || (self.was_established && self.syns.forgot());
                perhaps_lost && direction == Direction::ToClient
            }),
        };
        // The handshake's own SYN-ACK, sent once more, is no other connection.
        let later = later.filter(|offer| !self.was_established || self.is_finished() || !known(offer))?;
        // Numbers close to where this connection stands would fit both, and what is split over them would be in neither. Hosts choose others (RFC 6528).
        let has_data = self.state == TcpState::Established && self.half(asked).next != self.first(asked);
        let distance = later.first().wrapping_sub(self.half(asked).next) as i32;
        if has_data && distance.unsigned_abs() < CLOSE {
            return None;
        }
        let syn = Offer { direction: Direction::ToServer, later: false, ..later };
        let mut tcp = Self { state: TcpState::SynSent, syns: Offers::ONE, ..Self::default() };
        tcp.open(Direction::ToServer, syn.seq, u32::from(syn.data));
        tcp.half_mut(Direction::ToServer).flags = SYN;
        Some(Anew { tcp, syn })
    }
}

/// A connection that was asked for and perhaps answered, each once: what a half-open slot has room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// The SYN.
    pub syn: Option<Offer>,
    /// The SYN-ACK.
    pub answer: Option<Offer>,
    /// Flags seen to the server and to the client.
    pub flags: [u8; 2],
}

impl Handshake {
    /// What it would be if `tcp` were no more than a handshake. Whether it is, [`Handshake::tracker`] tells.
    pub fn of(tcp: &TcpTracker, offers: &OfferWords) -> Self {
        let (syns, answers) = lists(offers);
        Self {
            syn: tcp.syns.list(syns).next(),
            answer: tcp.answers.list(answers).next(),
            flags: [tcp.flags(Direction::ToServer), tcp.flags(Direction::ToClient)],
        }
    }

    /// The tracker of a connection of which nothing else was seen, and the offers that go with it.
    pub fn tracker(&self, offers: &mut OfferWords) -> TcpTracker {
        let mut tcp = TcpTracker::default();
        let (syns, answers) = lists_mut(offers);
        if let (Some(syn), Some(place)) = (self.syn, syns.first_mut()) {
            tcp.open(Direction::ToServer, syn.seq, u32::from(syn.data));
            tcp.syns = Offers::ONE;
            *place = syn.word();
            tcp.state = TcpState::SynSent;
        }
        if let (Some(answer), Some(place)) = (self.answer, answers.first_mut()) {
            if let Some(syn) = self.syn {
                // Most servers take all the data of a SYN or there are none.
                tcp.expect_behind(Direction::ToServer, syn.seq, u32::from(syn.data));
            }
            tcp.open(Direction::ToClient, answer.seq, 0);
            tcp.answers = Offers::ONE;
            *place = answer.word();
            tcp.state = TcpState::SynReceived;
        }
        for (half, flags) in tcp.halves.iter_mut().zip(self.flags) {
            half.flags = flags;
        }
        debug_assert!(tcp.sight == Sight::Whole);
        tcp
    }
}

/// Whether the offers of two connections with equal trackers are the same.
pub(crate) fn same_offers(tcp: &TcpTracker, one: &OfferWords, other: &OfferWords) -> bool {
    let ((syns, answers), (other_syns, other_answers)) = (lists(one), lists(other));
    let same = |used: usize, one: &[_], other: &[_]| one.iter().zip(other).take(used).all(|(one, other)| one == other);
    same(tcp.syns.used(), syns, other_syns) && same(tcp.answers.used(), answers, other_answers)
}
