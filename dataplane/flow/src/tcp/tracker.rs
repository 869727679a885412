//! The minimal TCP state: enough for `flow:established`, `stream_size` and flow records.
//!
//! Called by `sluice-worker` for each TCP packet. Not here: windows, RST validation, reassembly, overlap policies. Until those exist,
//! a signature sees TCP data packet by packet.
//!
//! Source: RFC 9293 section 3.3.2.

use sluice_core::{Direction, event::TcpState};

/// FIN.
pub const FIN: u8 = 0x01;
/// SYN.
pub const SYN: u8 = 0x02;
/// RST.
pub const RST: u8 = 0x04;
/// PSH.
pub const PSH: u8 = 0x08;
/// ACK.
pub const ACK: u8 = 0x10;
/// URG.
pub const URG: u8 = 0x20;

/// What the tracker needs of one TCP packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpSegment {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags, the low eight.
    pub flags: u8,
    /// Bytes of payload.
    pub payload_len: u32,
}

const SYN_ACK: u8 = SYN | ACK;

/// Numbers remembered of SYNs, and of SYN-ACKs, while it is open which of them counts.
const OFFERS: usize = 4;

/// Room for the SYNs and SYN-ACKs of one connection. It lies beside the flow and is touched in handshakes only; what it holds counts as far as
/// the tracker says, so it needs no clearing.
pub type OfferWords = [u64; 2 * OFFERS];

/// A SYN or SYN-ACK that the other end has not chosen yet.
#[derive(Clone, Copy, Debug, Default)]
struct Offer {
    /// Its sequence number.
    seq: u32,
    /// Bytes that came with it.
    data: u16,
    /// Which way it went.
    direction: Direction,
    /// It came when the connection was open or over: it asks for another one on the same ports.
    later: bool,
}

impl Offer {
    /// Whether `number` is the first byte behind it, or one within the data that came with it.
    fn is_followed_by(&self, number: u32) -> bool {
        number.wrapping_sub(self.seq).wrapping_sub(1) <= u32::from(self.data)
    }

    fn segment(&self) -> TcpSegment {
        TcpSegment { seq: self.seq, ack: 0, flags: 0, payload_len: u32::from(self.data) }
    }

    fn word(&self) -> u64 {
        u64::from(self.seq)
            | u64::from(self.data) << 32
            | u64::from(self.direction == Direction::ToClient) << 48
            | u64::from(self.later) << 49
    }

    fn of(word: u64) -> Self {
        Self {
            seq: word as u32,
            data: (word >> 32) as u16,
            direction: if word & (1 << 48) == 0 { Direction::ToServer } else { Direction::ToClient },
            later: word & (1 << 49) != 0,
        }
    }
}

/// SYNs or SYN-ACKs of which only one counts: the one that the other end answers. Anybody can send others that never arrive there, so
/// neither the first nor the last can be trusted. The numbers themselves are in the list's half of [`OfferWords`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Offers {
    used: u8,
    /// Where the next one goes when all places are taken.
    next: u8,
    /// One had to go: an answer to an unknown number may be the answer to that one.
    forgot: bool,
}

impl Offers {
    fn list(self, words: &[u64; OFFERS]) -> impl Iterator<Item = Offer> + Clone {
        words.iter().take(usize::from(self.used)).map(|&word| Offer::of(word))
    }

    fn add(&mut self, words: &mut [u64; OFFERS], offer: Offer) {
        let known = |other: &Offer| (other.seq, other.direction) == (offer.seq, offer.direction);
        let found = (0..).zip(self.list(words)).find(|(_, other)| known(other));
        if let Some((place, other)) = found {
            set(words, place, Offer { data: other.data.max(offer.data), ..other });
        } else if usize::from(self.used) < OFFERS {
            set(words, usize::from(self.used), offer);
            self.used += 1;
        } else {
            set(words, usize::from(self.next) % OFFERS, offer);
            self.next = (self.next + 1) % OFFERS as u8;
            self.forgot = true;
        }
    }

    /// The one that went in `direction` and that `number` follows.
    fn followed_by(self, words: &[u64; OFFERS], direction: Direction, number: u32) -> Option<Offer> {
        self.list(words).find(|offer| offer.direction == direction && offer.is_followed_by(number))
    }
}

fn set(words: &mut [u64; OFFERS], place: usize, offer: Offer) {
    if let Some(word) = words.get_mut(place) {
        *word = offer.word();
    }
}

/// The places of SYNs and of SYN-ACKs.
fn halves_of(words: &OfferWords) -> [[u64; OFFERS]; 2] {
    let [a, b, c, d, e, f, g, h] = *words;
    [[a, b, c, d], [e, f, g, h]]
}

fn syns_of(words: &OfferWords) -> [u64; OFFERS] {
    let [syns, _] = halves_of(words);
    syns
}

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
        if let Some(word) = offers.first_mut() {
            *word = self.syn.word();
        }
    }

    /// Where it stands.
    pub fn state(&self) -> TcpState {
        self.tcp.state
    }
}

/// Places of SYNs and of SYN-ACKs.
type Lists<'a> = [&'a mut [u64; OFFERS]; 2];

/// One direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Half {
    /// Sequence number of the SYN, or one before the first byte seen.
    initial: u32,
    /// One past the highest byte seen.
    next: u32,
    /// Whether `initial` is known.
    known: bool,
    /// Whether a FIN was seen.
    finished: bool,
    /// Flags seen.
    flags: u8,
}

/// State of one connection. Offers of its handshake lie in [`OfferWords`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpTracker {
    state: TcpState,
    /// Whether the handshake was ever complete.
    was_established: bool,
    halves: [Half; 2],
    midstream: bool,
    /// SYNs, of which a SYN-ACK chooses one.
    syns: Offers,
    /// SYN-ACKs, of which the client's acknowledgement chooses one.
    answers: Offers,
}

/// A connection that was asked for and perhaps answered, each once: what a half-open slot has room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// Sequence number of the SYN, and bytes that came with it.
    pub syn: Option<(u32, u16)>,
    /// Sequence number of the SYN-ACK.
    pub answer: Option<u32>,
    /// Flags seen to the server and to the client.
    pub flags: [u8; 2],
}

impl Handshake {
    /// What it would be if `tcp` were no more than a handshake. Whether it is, [`Handshake::tracker`] tells.
    pub fn of(tcp: &TcpTracker, offers: &OfferWords) -> Self {
        let [syns, answers] = halves_of(offers);
        let syn = tcp.syns.list(&syns).next().map(|offer| (offer.seq, offer.data));
        let answer = tcp.answers.list(&answers).next().map(|offer| offer.seq);
        Self { syn, answer, flags: [tcp.flags(Direction::ToServer), tcp.flags(Direction::ToClient)] }
    }

    /// The tracker of a connection of which nothing else was seen, and the offers that go with it.
    pub fn tracker(&self, offers: &mut OfferWords) -> TcpTracker {
        let mut tcp = TcpTracker::default();
        let [syn_place, .., answer_place, _, _, _] = offers;
        if let Some((seq, data)) = self.syn {
            let syn = TcpSegment { seq, payload_len: u32::from(data), ..TcpSegment::default() };
            tcp.open(Direction::ToServer, &syn);
            tcp.syns.used = 1;
            *syn_place = offer_of(Direction::ToServer, &syn).word();
            tcp.state = TcpState::SynSent;
        }
        if let Some(seq) = self.answer {
            let answer = TcpSegment { seq, ..TcpSegment::default() };
            tcp.open(Direction::ToClient, &answer);
            tcp.answers.used = 1;
            *answer_place = offer_of(Direction::ToClient, &answer).word();
            tcp.state = TcpState::SynReceived;
        }
        for (half, flags) in tcp.halves.iter_mut().zip(self.flags) {
            half.flags = flags;
        }
        tcp
    }
}

/// Whether the offers of two connections with equal trackers are the same.
pub(crate) fn same_offers(tcp: &TcpTracker, one: &OfferWords, other: &OfferWords) -> bool {
    let ([syns, answers], [other_syns, other_answers]) = (halves_of(one), halves_of(other));
    let same = |control: Offers, one: &[u64; OFFERS], other: &[u64; OFFERS]| {
        one.iter().zip(other).take(usize::from(control.used)).all(|(one, other)| one == other)
    };
    same(tcp.syns, &syns, &other_syns) && same(tcp.answers, &answers, &other_answers)
}

/// What a packet did to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpStep {
    /// Nothing worth counting.
    None,
    /// A session began with a SYN.
    Began,
    /// A session was picked up in the middle.
    PickedUp,
}

impl TcpTracker {
    /// Where the connection stands.
    pub fn state(&self) -> TcpState {
        self.state
    }

    /// Whether the handshake is complete.
    ///
    /// A reset does not take it back: resets are not checked against the window, so a forged one, which the other end ignores,
    /// would end the judging of everything behind it.
    pub fn is_established(&self) -> bool {
        self.was_established || matches!(self.state, TcpState::Established | TcpState::FinWait | TcpState::TimeWait)
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, TcpState::Closed | TcpState::TimeWait)
    }

    /// Flags seen in `direction`.
    pub fn flags(&self, direction: Direction) -> u8 {
        self.half(direction).flags
    }

    /// Bytes sent in `direction` so far, as sequence numbers tell; 0 before the first is known.
    pub fn bytes(&self, direction: Direction) -> u32 {
        let half = self.half(direction);
        if half.known { half.next.wrapping_sub(half.initial).wrapping_sub(1) } else { 0 }
    }

    /// Sequence number of the first byte sent in `direction`.
    pub fn first(&self, direction: Direction) -> u32 {
        self.half(direction).initial.wrapping_add(1)
    }

    /// Notes flags of a packet of which nothing else is followed.
    #[inline]
    pub fn note_flags(&mut self, direction: Direction, flags: u8) {
        self.half_mut(direction).flags |= flags;
    }

    fn half(&self, direction: Direction) -> &Half {
        let [server, client] = &self.halves;
        match direction {
            Direction::ToServer => server,
            Direction::ToClient => client,
        }
    }

    fn half_mut(&mut self, direction: Direction) -> &mut Half {
        let [server, client] = &mut self.halves;
        match direction {
            Direction::ToServer => server,
            Direction::ToClient => client,
        }
    }

    /// Whether `segment` begins another connection on the same ports, and that connection as it stands before `segment`.
    ///
    /// A SYN alone does so only behind the FINs of both ends. In any other state it may be one that never arrives: it is remembered, and the
    /// server's SYN-ACK to exactly that SYN begins the new connection. Until then, and when it never comes, packets are the old one's.
    pub fn begins_anew(&self, offers: &OfferWords, direction: Direction, segment: &TcpSegment) -> Option<Anew> {
        let asked = direction.reverse();
        match segment.flags & (SYN | ACK | RST) {
            SYN if self.state == TcpState::TimeWait => {
                let other = direction == Direction::ToClient || self.half(direction).initial != segment.seq;
                other.then(|| Anew { tcp: Self::default(), syn: Offer::default() })
            }
            SYN_ACK => {
                let known = |offer: &Offer| {
                    offer.seq == self.half(asked).initial && segment.seq == self.half(direction).initial
                };
                let later = match self.syns.followed_by(&syns_of(offers), asked, segment.ack) {
                    Some(offer) => Some(offer).filter(|offer| offer.later || asked == Direction::ToClient),
                    None => Some(Offer { seq: segment.ack.wrapping_sub(1), ..Offer::default() })
                        .filter(|_| self.was_established && self.syns.forgot),
                };
                // The handshake's own SYN-ACK, sent once more, is no other connection.
                let later = later.filter(|offer| !self.was_established || !known(offer));
                later.map(|offer| {
                    let syns = Offers { used: 1, ..Offers::default() };
                    let mut tcp = Self { state: TcpState::SynSent, syns, ..Self::default() };
                    tcp.open(Direction::ToServer, &offer.segment());
                    tcp.half_mut(Direction::ToServer).flags = SYN;
                    Anew { tcp, syn: Offer { direction: Direction::ToServer, later: false, ..offer } }
                })
            }
            _ => None,
        }
    }

    /// Whether it was picked up without its handshake: who asked whom is a guess.
    pub const fn is_midstream(&self) -> bool {
        self.midstream
    }

    /// Moves the connection on by one packet. `midstream` allows to pick one up without its handshake. `offers` is always the same room.
    ///
    /// # Cost
    /// `offers` is touched by SYNs, and by the packets that answer them.
    pub fn update(
        &mut self,
        offers: &mut OfferWords,
        direction: Direction,
        segment: &TcpSegment,
        midstream: bool,
    ) -> TcpStep {
        let of_handshake = segment.flags & SYN != 0 || !self.was_established;
        let step = if of_handshake {
            let [mut syns, mut answers] = halves_of(offers);
            let step = self.step([&mut syns, &mut answers], direction, segment, midstream);
            let ([a, b, c, d], [e, f, g, h]) = (syns, answers);
            *offers = [a, b, c, d, e, f, g, h];
            step
        } else {
            self.step([&mut [0; OFFERS], &mut [0; OFFERS]], direction, segment, midstream)
        };
        self.was_established = self.is_established();
        step
    }

    fn step(&mut self, offers: Lists, direction: Direction, segment: &TcpSegment, midstream: bool) -> TcpStep {
        let [syns, answers] = offers;
        let flags = segment.flags;
        self.half_mut(direction).flags |= flags;
        let mut step = TcpStep::None;
        match self.state {
            TcpState::None => {
                if flags & (SYN | ACK | RST) == SYN {
                    self.open(direction, segment);
                    self.syns.add(syns, offer_of(direction, segment));
                    self.state = TcpState::SynSent;
                    step = TcpStep::Began;
                } else if midstream && flags & RST == 0 {
                    self.midstream = true;
                    step = TcpStep::PickedUp;
                    if flags & (SYN | ACK) == SYN | ACK {
                        self.open(direction, segment);
                        self.answers.add(answers, offer_of(direction, segment));
                        self.expect(direction.reverse(), segment.ack);
                        self.state = TcpState::SynReceived;
                    } else {
                        self.expect(direction, segment.seq);
                        if flags & ACK != 0 {
                            self.expect(direction.reverse(), segment.ack);
                        }
                        self.state = TcpState::Established;
                        self.advance(direction, segment);
                    }
                }
                return step;
            }
            _ if flags & RST != 0 => {}
            _ if flags & (SYN | ACK) == SYN => self.asked([syns, answers], direction, segment),
            _ if self.was_established => {}
            // Also behind a reset: the other end may never have seen it.
            TcpState::SynSent | TcpState::SynReceived | TcpState::Closed if flags & (SYN | ACK) == SYN | ACK => {
                self.answered([syns, answers], direction, segment);
            }
            TcpState::SynReceived | TcpState::Closed if flags & (SYN | ACK) == ACK => {
                self.confirmed([syns, answers], direction, segment);
            }
            _ => {}
        }
        if flags & RST != 0 {
            self.state = TcpState::Closed;
            return step;
        }
        if flags & SYN == 0 && self.is_established() {
            self.advance(direction, segment);
        }
        if flags & FIN != 0 && self.state != TcpState::Closed && self.state != TcpState::SynSent {
            self.half_mut(direction).finished = true;
            let [server, client] = &self.halves;
            self.state = if server.finished && client.finished { TcpState::TimeWait } else { TcpState::FinWait };
        }
        step
    }

    /// A SYN behind the first packet.
    fn asked(&mut self, [syns, answers]: Lists, direction: Direction, segment: &TcpSegment) {
        let offer = offer_of(direction, segment);
        if !self.was_established && matches!(self.state, TcpState::SynSent | TcpState::SynReceived) {
            // One the other way round is an answer: both ends open at once (RFC 9293 section 3.5).
            let is_answer = self.syns.list(syns).next().is_some_and(|first| first.direction != direction);
            if is_answer { self.answers.add(answers, offer) } else { self.syns.add(syns, offer) }
        } else {
            self.syns.add(syns, Offer { later: true, ..offer });
        }
    }

    /// A SYN-ACK before the connection is established: it acknowledges a SYN, or the SYN and the data that came with it, and so chooses.
    fn answered(&mut self, [syns, answers]: Lists, direction: Direction, segment: &TcpSegment) {
        if direction != Direction::ToClient {
            return;
        }
        let chosen = self.syns.followed_by(syns, direction.reverse(), segment.ack).filter(|offer| !offer.later);
        match chosen {
            Some(offer) => self.open(direction.reverse(), &offer.segment()),
            None if self.syns.forgot => self.expect(direction.reverse(), segment.ack),
            None => return,
        }
        self.open(direction, segment);
        self.answers.add(answers, offer_of(direction, segment));
        self.state = TcpState::SynReceived;
    }

    /// An acknowledgement before the connection is established: the client's completes the handshake with the SYN-ACK it acknowledges.
    fn confirmed(&mut self, [syns, answers]: Lists, direction: Direction, segment: &TcpSegment) {
        if direction != Direction::ToServer {
            return;
        }
        let offers = self.answers.list(answers).filter(|offer| offer.direction == Direction::ToClient);
        let chosen = self
            .answers
            .followed_by(answers, Direction::ToClient, segment.ack)
            // The acknowledgement itself may be lost, and this one cover data as well.
            .or_else(|| offers.min_by_key(|offer| segment.ack.wrapping_sub(offer.seq)))
            .filter(|offer| segment.ack.wrapping_sub(offer.seq) as i32 >= 1);
        match chosen {
            Some(offer) => self.open(Direction::ToClient, &offer.segment()),
            None if self.answers.forgot => self.expect(Direction::ToClient, segment.ack),
            None => return,
        }
        if let Some(offer) = self.syns.followed_by(syns, direction, segment.seq) {
            self.open(direction, &offer.segment());
        }
        (self.syns, self.answers) = (Offers::default(), Offers::default());
        self.state = TcpState::Established;
    }

    /// The first byte of `direction` comes after the SYN in `segment` (and after data that came with it).
    fn open(&mut self, direction: Direction, segment: &TcpSegment) {
        let half = self.half_mut(direction);
        half.initial = segment.seq;
        half.next = segment.seq.wrapping_add(1).wrapping_add(segment.payload_len);
        half.known = true;
    }

    /// The next byte of `direction` has number `seq`.
    fn expect(&mut self, direction: Direction, seq: u32) {
        let half = self.half_mut(direction);
        half.initial = seq.wrapping_sub(1);
        half.next = seq;
        half.known = true;
    }

    fn advance(&mut self, direction: Direction, segment: &TcpSegment) {
        let half = self.half_mut(direction);
        let end = segment.seq.wrapping_add(segment.payload_len);
        if half.known && end.wrapping_sub(half.next) as i32 > 0 {
            half.next = end;
        }
    }
}

fn offer_of(direction: Direction, segment: &TcpSegment) -> Offer {
    let data = u16::try_from(segment.payload_len).unwrap_or(u16::MAX);
    Offer { seq: segment.seq, data, direction, later: false }
}

#[cfg(test)]
mod tests {
    use super::{ACK, Direction, FIN, OfferWords, RST, SYN, TcpSegment, TcpState, TcpStep, TcpTracker};
    use std::ops::Deref;

    const TO_SERVER: Direction = Direction::ToServer;
    const TO_CLIENT: Direction = Direction::ToClient;

    /// A connection with its room for offers, which holds rubbish at first.
    struct Tcp {
        tcp: TcpTracker,
        offers: OfferWords,
    }

    impl Default for Tcp {
        fn default() -> Self {
            Self { tcp: TcpTracker::default(), offers: [0x5555_5555_5555_5555; 8] }
        }
    }

    impl Tcp {
        fn update(&mut self, direction: Direction, segment: &TcpSegment, midstream: bool) -> TcpStep {
            self.tcp.update(&mut self.offers, direction, segment, midstream)
        }

        fn begins_anew(&self, direction: Direction, segment: &TcpSegment) -> Option<Self> {
            let anew = self.tcp.begins_anew(&self.offers, direction, segment)?;
            let mut tcp = Self::default();
            anew.begin(&mut tcp.tcp, &mut tcp.offers);
            Some(tcp)
        }
    }

    impl Deref for Tcp {
        type Target = TcpTracker;

        fn deref(&self) -> &TcpTracker {
            &self.tcp
        }
    }

    fn packet(seq: u32, ack: u32, flags: u8, payload_len: u32) -> TcpSegment {
        TcpSegment { seq, ack, flags, payload_len }
    }

    fn established() -> Tcp {
        let mut tcp = Tcp::default();
        assert_eq!(tcp.update(TO_SERVER, &packet(100, 0, SYN, 0), false), TcpStep::Began);
        tcp.update(TO_CLIENT, &packet(u32::MAX, 101, SYN | ACK, 0), false);
        tcp.update(TO_SERVER, &packet(101, 0, ACK, 0), false);
        assert!(tcp.is_established());
        tcp
    }

    #[test]
    fn handshake_establishes_and_sizes_count_across_the_wrap() {
        let mut tcp = established();
        tcp.update(TO_CLIENT, &packet(0, 101, ACK, 10), false);
        tcp.update(TO_SERVER, &packet(101, 10, ACK, 5), false);
        assert_eq!((tcp.bytes(TO_SERVER), tcp.bytes(TO_CLIENT)), (5, 10));
        tcp.update(TO_SERVER, &packet(101, 10, ACK, 5), false);
        assert_eq!(tcp.bytes(TO_SERVER), 5, "a retransmission adds nothing");
    }

    #[test]
    fn data_without_a_handshake_is_no_connection_unless_midstream_is_allowed() {
        let mut tcp = Tcp::default();
        tcp.update(TO_SERVER, &packet(5, 9, ACK, 100), false);
        assert_eq!(tcp.state(), TcpState::None);
        assert_eq!(tcp.update(TO_SERVER, &packet(5, 9, ACK, 100), true), TcpStep::PickedUp);
        assert!(tcp.is_established());
        assert_eq!(tcp.bytes(TO_SERVER), 100);
    }

    #[test]
    fn a_syn_ack_for_another_syn_does_not_open() {
        let mut tcp = Tcp::default();
        tcp.update(TO_SERVER, &packet(100, 0, SYN, 0), false);
        tcp.update(TO_CLIENT, &packet(900, 5_000, SYN | ACK, 0), false);
        assert_eq!(tcp.state(), TcpState::SynSent);
    }

    #[test]
    fn both_ends_must_finish_and_a_reset_ends_at_once() {
        let mut tcp = established();
        tcp.update(TO_SERVER, &packet(101, 0, FIN | ACK, 0), false);
        assert_eq!(tcp.state(), TcpState::FinWait);
        tcp.update(TO_CLIENT, &packet(0, 102, FIN | ACK, 0), false);
        assert_eq!(tcp.state(), TcpState::TimeWait);
        assert!(tcp.begins_anew(TO_SERVER, &packet(7_000, 0, SYN, 0)).is_some());
        let mut tcp = established();
        assert!(tcp.begins_anew(TO_SERVER, &packet(7_000, 0, SYN, 0)).is_none());
        tcp.update(TO_CLIENT, &packet(0, 101, RST, 0), false);
        assert_eq!(tcp.state(), TcpState::Closed);
        assert!(tcp.is_established(), "data behind a reset, perhaps a forged one, is still judged as the connection's");
        let mut tcp = Tcp::default();
        tcp.update(TO_SERVER, &packet(100, 0, SYN, 0), false);
        tcp.update(TO_CLIENT, &packet(0, 101, RST | ACK, 0), false);
        assert_eq!((tcp.state(), tcp.is_established()), (TcpState::Closed, false));
    }

    #[test]
    fn the_server_chooses_among_syns_and_the_client_among_syn_acks() {
        for real in [100, 200, 300] {
            let mut tcp = Tcp::default();
            for seq in [100, 200, 300] {
                tcp.update(TO_SERVER, &packet(seq, 0, SYN, 0), false);
            }
            for seq in [7_000, u32::MAX, 9_000] {
                tcp.update(TO_CLIENT, &packet(seq, real + 1, SYN | ACK, 0), false);
                assert_eq!(tcp.state(), TcpState::SynReceived);
            }
            tcp.update(TO_SERVER, &packet(real + 1, 0, ACK, 0), false);
            assert!(tcp.is_established());
            tcp.update(TO_SERVER, &packet(real + 1, 0, ACK, 5), false);
            tcp.update(TO_CLIENT, &packet(0, real + 6, ACK, 7), false);
            assert_eq!((tcp.bytes(TO_SERVER), tcp.bytes(TO_CLIENT)), (5, 7));
        }
    }

    #[test]
    fn more_syns_than_are_remembered_do_not_hide_the_real_one() {
        let mut tcp = Tcp::default();
        for seq in 1..20 {
            tcp.update(TO_SERVER, &packet(seq * 1_000, 0, SYN, 0), false);
        }
        tcp.update(TO_CLIENT, &packet(50, 1_001, SYN | ACK, 0), false);
        for seq in 1..14 {
            tcp.update(TO_CLIENT, &packet(seq * 0x1000_0000, 1_001, SYN | ACK, 0), false);
        }
        tcp.update(TO_SERVER, &packet(1_001, 51, ACK, 0), false);
        assert!(tcp.is_established());
    }

    #[test]
    fn a_reset_that_the_other_end_never_sees_does_not_stop_the_handshake() {
        let mut tcp = Tcp::default();
        tcp.update(TO_SERVER, &packet(100, 0, SYN, 0), false);
        tcp.update(TO_SERVER, &packet(101, 0, RST, 0), false);
        tcp.update(TO_SERVER, &packet(900, 0, SYN, 0), false);
        let syn_ack = packet(500, 101, SYN | ACK, 0);
        assert!(tcp.begins_anew(TO_CLIENT, &syn_ack).is_none());
        tcp.update(TO_CLIENT, &syn_ack, false);
        tcp.update(TO_SERVER, &packet(101, 0, RST, 0), false);
        assert_eq!(tcp.state(), TcpState::Closed);
        tcp.update(TO_SERVER, &packet(101, 501, ACK, 0), false);
        assert!(tcp.is_established());
    }

    #[test]
    fn only_the_servers_answer_to_a_later_syn_begins_another_connection() {
        for end in [FIN | ACK, RST, ACK] {
            let mut tcp = established();
            tcp.update(TO_SERVER, &packet(60_000, 0, end, 0), false);
            let syn = packet(7_000, 0, SYN, 0);
            assert!(tcp.begins_anew(TO_SERVER, &syn).is_none());
            tcp.update(TO_SERVER, &syn, false);
            assert!(tcp.is_established());
            tcp.update(TO_SERVER, &packet(100, 0, SYN, 0), false);
            for (seq, ack) in [(u32::MAX, 101), (5, 7_000), (5, 7_002)] {
                assert!(tcp.begins_anew(TO_CLIENT, &packet(seq, ack, SYN | ACK, 0)).is_none());
            }
            let same_number = tcp.begins_anew(TO_CLIENT, &packet(5, 101, SYN | ACK, 0));
            assert!(same_number.is_some(), "another SYN-ACK to a SYN of the same number is another connection");
            let syn_ack = packet(5, 7_001, SYN | ACK, 0);
            let mut anew = tcp.begins_anew(TO_CLIENT, &syn_ack).unwrap();
            assert!(!anew.is_established());
            anew.update(TO_CLIENT, &syn_ack, false);
            anew.update(TO_SERVER, &packet(7_001, 6, ACK, 0), false);
            assert!(anew.is_established());
        }
    }

    #[test]
    fn a_stray_syn_ack_before_the_handshake_does_not_turn_the_connection_round() {
        // The stray packet of the attacker makes a flow whose client is the server.
        let mut tcp = Tcp::default();
        tcp.update(TO_CLIENT, &packet(1, 1, SYN | ACK, 0), false);
        tcp.update(TO_CLIENT, &packet(100, 0, SYN, 0), false);
        let mut anew = tcp.begins_anew(TO_SERVER, &packet(500, 101, SYN | ACK, 0)).unwrap();
        anew.update(TO_CLIENT, &packet(500, 101, SYN | ACK, 0), false);
        anew.update(TO_SERVER, &packet(101, 501, ACK, 0), false);
        assert!(anew.is_established());
    }
}
