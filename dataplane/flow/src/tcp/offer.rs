//! SYNs and SYN-ACKs of a handshake, until one of each is chosen.
//!
//! Only one of several SYNs counts: the one that the other end answers. Anybody can send others that never arrive there, so neither the first
//! nor the last can be trusted; the same holds for SYN-ACKs. Kept by [`super::TcpTracker`] in words beside the flow, which are touched in handshakes only.

use super::segment::TcpSegment;
use super::settings::{MAX_SYN_ACK_QUEUED, MAX_SYN_QUEUED};
use sluice_core::Direction;

/// Places of SYNs.
pub(crate) const SYNS: usize = MAX_SYN_QUEUED as usize + 1;
/// Places of SYN-ACKs.
pub(crate) const ANSWERS: usize = MAX_SYN_ACK_QUEUED as usize + 1;

/// One place.
pub(crate) type OfferWord = [u64; 2];
/// Room for the SYNs and SYN-ACKs of one connection, SYNs first. What it holds counts as far as the tracker says, so it needs no clearing.
///
/// In two rows, because only short arrays of zeros are made without touching their memory.
pub type OfferWords = [[OfferWord; ROW]; 2];
const ROW: usize = (SYNS + ANSWERS).div_ceil(2);

/// The places of SYNs and those of SYN-ACKs.
pub(crate) fn lists(words: &OfferWords) -> (&[OfferWord], &[OfferWord]) {
    let (syns, answers) = words.as_flattened().split_at(SYNS);
    (syns, answers.split_at(ANSWERS.min(answers.len())).0)
}

/// The same, to be changed.
pub(crate) fn lists_mut(words: &mut OfferWords) -> (&mut [OfferWord], &mut [OfferWord]) {
    let (syns, answers) = words.as_flattened_mut().split_at_mut(SYNS);
    let most = ANSWERS.min(answers.len());
    (syns, answers.split_at_mut(most).0)
}

/// No window scale option.
const NO_SCALE: u64 = 15;
/// RFC 7323 section 2.3: larger shifts count as this one.
pub(crate) const LARGEST_SCALE: u8 = 14;

/// A SYN or SYN-ACK that the other end has not chosen yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Its sequence number.
    pub seq: u32,
    /// The clock in its timestamps option; only of SYNs.
    pub stamp: u32,
    /// Bytes that came with it.
    pub data: u16,
    /// Window scale, at most [`LARGEST_SCALE`].
    pub scale: Option<u8>,
    /// Whether it had timestamps.
    pub stamped: bool,
    /// Whether it had a Fast Open option.
    pub fast_open: bool,
    /// Whether it had a TCP-MD5 or TCP-AO option.
    pub signed: bool,
    /// Which way it went.
    pub direction: Direction,
    /// It came when the connection was open or over: it asks for another one on the same ports.
    pub later: bool,
    /// In the list of answers: a SYN of the server, not a SYN-ACK (RFC 9293 section 3.5, simultaneous open).
    pub is_syn: bool,
}

impl Offer {
    /// What `segment` offers.
    pub fn of_segment(direction: Direction, segment: &TcpSegment, is_answer: bool) -> Self {
        Self {
            seq: segment.seq,
            stamp: segment.timestamps.filter(|_| !is_answer).map_or(0, |stamps| stamps.value),
            data: u16::try_from(segment.payload_len).unwrap_or(u16::MAX),
            scale: segment.window_scale.map(|shift| shift.min(LARGEST_SCALE)),
            stamped: segment.timestamps.is_some(),
            fast_open: segment.fast_open,
            signed: segment.signed,
            direction,
            later: false,
            is_syn: is_answer && segment.flags & super::segment::ACK == 0,
        }
    }

    /// Whether `number` is the first byte behind it, or one within the data that came with it.
    pub fn is_followed_by(&self, number: u32) -> bool {
        number.wrapping_sub(self.seq).wrapping_sub(1) <= u32::from(self.data)
    }

    /// Number of the first byte behind it.
    pub const fn first(&self) -> u32 {
        self.seq.wrapping_add(1)
    }

    pub fn word(&self) -> OfferWord {
        let bit = |set: bool, place: u32| u64::from(set) << place;
        let word = u64::from(self.seq)
            | u64::from(self.data) << 32
            | self.scale.map_or(NO_SCALE, u64::from) << 48
            | bit(self.stamped, 52)
            | bit(self.fast_open, 53)
            | bit(self.signed, 54)
            | bit(self.direction == Direction::ToClient, 55)
            | bit(self.later, 56)
            | bit(self.is_syn, 57);
        [word, u64::from(self.stamp)]
    }

    pub fn of([word, stamp]: OfferWord) -> Self {
        let bit = |place: u32| word >> place & 1 != 0;
        let scale = word >> 48 & 15;
        Self {
            seq: word as u32,
            stamp: stamp as u32,
            data: (word >> 32) as u16,
            scale: (scale != NO_SCALE).then_some(scale as u8),
            stamped: bit(52),
            fast_open: bit(53),
            signed: bit(54),
            direction: if bit(55) { Direction::ToClient } else { Direction::ToServer },
            later: bit(56),
            is_syn: bit(57),
        }
    }

    /// The same one sent again, perhaps with other options: the widest reading holds.
    fn merged(self, again: Self) -> Self {
        Self {
            data: self.data.max(again.data),
            scale: self.scale.max(again.scale),
            stamp: if self.stamped { self.stamp } else { again.stamp },
            stamped: self.stamped || again.stamped,
            fast_open: self.fast_open || again.fast_open,
            signed: self.signed || again.signed,
            ..self
        }
    }
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It was there.
    Known,
    /// It has a place.
    Kept,
    /// There was no place: an answer to an unknown number may be the answer to this one.
    Forgotten,
}

/// How many offers of a list count; beyond the list's room, some were forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offers(u8);

const FORGOT: u8 = 0x80;

impl Offers {
    /// A list of one.
    pub const ONE: Self = Self(1);

    /// Whether one had to be forgotten.
    pub const fn forgot(self) -> bool {
        self.0 & FORGOT != 0
    }

    /// How many there are.
    pub const fn used(self) -> usize {
        (self.0 & !FORGOT) as usize
    }

    pub fn list(self, words: &[OfferWord]) -> impl Iterator<Item = Offer> + Clone {
        words.iter().take(self.used()).map(|&word| Offer::of(word))
    }

    /// Adds `offer`, unless there are `most` already.
    pub fn add(&mut self, words: &mut [OfferWord], most: usize, offer: Offer) -> Added {
        let known =
            |other: &Offer| (other.seq, other.direction, other.is_syn) == (offer.seq, offer.direction, offer.is_syn);
        let found = (0..).zip(self.list(words)).find(|(_, other)| known(other));
        let (place, word, added) = match found {
            Some((place, other)) => (place, other.merged(offer).word(), Added::Known),
            None if self.used() < most.min(words.len()) => {
                self.0 += 1;
                (self.used() - 1, offer.word(), Added::Kept)
            }
            None => {
                self.0 |= FORGOT;
                return Added::Forgotten;
            }
        };
        if let Some(at) = words.get_mut(place) {
            *at = word;
        }
        added
    }

    /// The one that went in `direction` and that `number` follows.
    pub fn followed_by(self, words: &[OfferWord], direction: Direction, number: u32) -> Option<Offer> {
        self.list(words).find(|offer| offer.direction == direction && offer.is_followed_by(number))
    }

    /// The one that went in `direction` with number `seq`.
    pub fn with_seq(self, words: &[OfferWord], direction: Direction, seq: u32) -> Option<Offer> {
        self.list(words).find(|offer| offer.direction == direction && offer.seq == seq)
    }
}

#[cfg(test)]
mod tests {
    use super::{Added, Direction, Offer, Offers, SYNS};

    #[test]
    fn an_offer_comes_back_from_its_word() {
        for (direction, scale) in [(Direction::ToServer, None), (Direction::ToClient, Some(14))] {
            let set = direction == Direction::ToClient;
            let offer = Offer {
                seq: u32::MAX - 1,
                stamp: 0x8000_0001,
                data: 1_400,
                scale,
                stamped: set,
                fast_open: !set,
                signed: set,
                direction,
                later: !set,
                is_syn: set,
            };
            assert_eq!(Offer::of(offer.word()), offer);
        }
    }

    #[test]
    fn beyond_its_room_a_list_forgets_the_newest_and_says_so() {
        let (mut offers, mut words) = (Offers::default(), [[7; 2]; SYNS]);
        for seq in 0..SYNS as u32 {
            assert_eq!(offers.add(&mut words, SYNS, Offer { seq, ..Offer::default() }), Added::Kept);
        }
        assert!(!offers.forgot());
        assert_eq!(offers.add(&mut words, SYNS, Offer { seq: 99, ..Offer::default() }), Added::Forgotten);
        assert_eq!(offers.add(&mut words, SYNS, Offer { seq: 3, scale: Some(2), ..Offer::default() }), Added::Known);
        assert!(offers.forgot() && offers.used() == SYNS);
        assert_eq!(offers.with_seq(&words, Direction::ToServer, 3).and_then(|offer| offer.scale), Some(2));
        assert_eq!(offers.with_seq(&words, Direction::ToServer, 99), None);
    }
}
