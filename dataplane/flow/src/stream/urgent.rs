//! Urgent data: bytes that their receiver reads apart from the others, if at all.
//!
//! A host without SO_OOBINLINE takes the byte in front of the urgent pointer out of what its application reads. Left in, it would part a word that the
//! application sees whole. So it gets no offset: sequence numbers behind it stand for one offset less. Which numbers these are is kept in a list of each
//! stream that has any, from a pool shared out among the partitions. Numbers of bytes that are not kept any longer are folded into the stream's first number.
//!
//! Called by [`super::store`] and `sluice-worker`. Never allocates after start.
//!
//! GAP(urgent-reordered): a byte behind which others have come already stays in.
//!
//! Sources: RFC 6093 sections 2 and 3 (hosts take the pointer to stand behind the last byte of urgent data, and one byte to be out of band).

use super::{
    half::{State, is_after},
    overlap::OverlapPolicy,
    store::{Arrived, Refused, StreamRef, Streams},
};
use crate::shares::NOBODY;

/// Urgent bytes of one direction known at once.
const MOST: usize = 15;
/// Lists of a worker.
pub(super) const LISTS: usize = 4_096;
/// No list.
pub(super) const NO_LIST: u16 = u16::MAX;

/// What is done with urgent data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UrgentPolicy {
    /// Its last byte is no part of the stream.
    #[default]
    OutOfBand,
    /// It is data as others are.
    Inline,
    /// Its last byte is missing.
    Gap,
    /// Packets with URG are dropped; passive as out of band.
    Drop,
}

impl UrgentPolicy {
    /// The policy of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "oob" | "out-of-band" => Self::OutOfBand,
            "inline" => Self::Inline,
            "gap" => Self::Gap,
            "drop" => Self::Drop,
            _ => return None,
        })
    }
}

/// There is no room for another urgent byte: it stays in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrgentLimit;

/// Sequence numbers of urgent bytes, of each direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct UrgentList {
    seqs: [[u32; MOST]; 2],
    used: [u8; 2],
    /// In a list that is free: the next one.
    next_free: u32,
}

impl UrgentList {
    const EMPTY: Self = Self { seqs: [[0; MOST]; 2], used: [0; 2], next_free: NOBODY };

    fn of(&self, at: StreamRef) -> &[u32] {
        let way = at.direction.index();
        let used = self.used.get(way).copied().unwrap_or(0);
        self.seqs.get(way).and_then(|seqs| seqs.get(..usize::from(used))).unwrap_or_default()
    }

    fn add(&mut self, at: StreamRef, seq: u32) -> bool {
        let way = at.direction.index();
        let (Some(seqs), Some(used)) = (self.seqs.get_mut(way), self.used.get_mut(way)) else { return false };
        let Some(place) = seqs.get_mut(usize::from(*used)) else { return false };
        (*place, *used) = (seq, *used + 1);
        true
    }

    /// Forgets the first `count`.
    fn forget(&mut self, at: StreamRef, count: usize) {
        let way = at.direction.index();
        if let (Some(seqs), Some(used)) = (self.seqs.get_mut(way), self.used.get_mut(way)) {
            let count = count.min(usize::from(*used));
            seqs.rotate_left(count);
            *used -= count as u8;
        }
    }
}

impl Streams {
    fn urgent_list(&self, at: StreamRef) -> Option<&UrgentList> {
        let number = self.streams.get(at.place as usize)?.urgent;
        if number == NO_LIST { None } else { self.urgent.get(usize::from(number)) }
    }

    /// The offset that sequence number `seq` stands for: of an urgent byte the one of the byte behind it.
    #[inline]
    pub(super) fn offset_of(&self, at: StreamRef, seq: u32) -> u32 {
        let offset = seq.wrapping_sub(self.half(at).map_or(0, |half| half.origin));
        let Some(list) = self.urgent_list(at).filter(|_| self.settings.urgent != UrgentPolicy::Gap) else {
            return offset;
        };
        offset.wrapping_sub(list.of(at).iter().filter(|&&urgent| is_after(seq, urgent)).count() as u32)
    }

    /// Whether a byte of this stream was urgent.
    #[inline]
    pub(super) fn has_urgent(&self, at: StreamRef) -> bool {
        self.streams.get(at.place as usize).is_some_and(|stream| stream.urgent != NO_LIST)
    }

    /// Calls `each` with the runs of a payload from `seq` on that are no urgent bytes: the first number and where in the payload it is.
    pub(super) fn runs(
        &self,
        at: StreamRef,
        seq: u32,
        length: usize,
        mut each: impl FnMut(u32, std::ops::Range<usize>),
    ) {
        let list = self.urgent_list(at).map(|list| list.of(at)).unwrap_or_default();
        let mut from = 0;
        while from < length {
            let ahead = |urgent: &u32| urgent.wrapping_sub(seq) as usize;
            let next = list.iter().map(ahead).filter(|place| (from..length).contains(place)).min();
            let to = next.unwrap_or(length);
            if to > from {
                each(seq.wrapping_add(from as u32), from..to);
            }
            from = to + 1;
        }
    }

    /// The byte with sequence number `seq` is urgent data, as the policy means it; whether that is new.
    ///
    /// # Errors
    /// [`UrgentLimit`] when too many are known at once.
    #[cold]
    pub fn mark_urgent(&mut self, at: StreamRef, seq: u32) -> Result<bool, UrgentLimit> {
        let Some(&half) = self.half(at).filter(|half| half.state == State::Open) else { return Ok(false) };
        let known = self.urgent_list(at).map(|list| list.of(at)).unwrap_or_default();
        if known.contains(&seq) {
            return Ok(false);
        }
        let behind_all = known.last().is_none_or(|last| is_after(seq, *last));
        // Offsets of what is there stay as they are.
        if !behind_all || is_after(half.highest, self.offset_of(at, seq)) {
            return Ok(false);
        }
        if known.len() == MOST {
            self.fold_urgent(at);
        }
        let number = match self.streams.get(at.place as usize).map(|stream| (stream.urgent, stream.partition)) {
            Some((NO_LIST, partition)) => self.take_urgent_list(at, usize::from(partition)).ok_or(UrgentLimit)?,
            Some((number, _)) => number,
            None => return Ok(false),
        };
        let added = self.urgent.get_mut(usize::from(number)).is_some_and(|list| list.add(at, seq));
        if added { Ok(true) } else { Err(UrgentLimit) }
    }

    /// Forgets numbers of bytes that are not kept any longer.
    fn fold_urgent(&mut self, at: StreamRef) {
        let Some(&half) = self.half(at) else { return };
        let Some(list) = self.urgent_list(at) else { return };
        let is_old = |seq: &&u32| is_after(half.floor, self.offset_of(at, **seq));
        let old = list.of(at).iter().take_while(is_old).count();
        let shift = if self.settings.urgent == UrgentPolicy::Gap { 0 } else { old as u32 };
        let number = self.streams.get(at.place as usize).map_or(NO_LIST, |stream| stream.urgent);
        if let Some(list) = self.urgent.get_mut(usize::from(number)) {
            list.forget(at, old);
        }
        if let Some(half) = self.half_mut(at) {
            half.origin = half.origin.wrapping_add(shift);
        }
    }

    fn take_urgent_list(&mut self, at: StreamRef, partition: usize) -> Option<u16> {
        let list = self.urgent_shares.next(partition)?;
        let number = u16::try_from(list).ok().filter(|&number| number != NO_LIST)?;
        let urgent = &self.urgent;
        self.urgent_shares.take(partition, |list| urgent.get(list as usize).map_or(NOBODY, |list| list.next_free));
        match self.urgent.get_mut(list as usize) {
            Some(place) => *place = UrgentList::EMPTY,
            // Within the capacity they were made with.
            None => self.urgent.push(UrgentList::EMPTY),
        }
        self.streams.get_mut(at.place as usize)?.urgent = number;
        Some(number)
    }

    /// Nothing of the stream is urgent any more.
    pub(super) fn forget_urgent(&mut self, place: u32) {
        let Some(stream) = self.streams.get_mut(place as usize) else { return };
        let (number, partition) = (std::mem::replace(&mut stream.urgent, NO_LIST), usize::from(stream.partition));
        if number != NO_LIST {
            let next_free = self.urgent_shares.give_back(partition, u32::from(number));
            if let Some(list) = self.urgent.get_mut(usize::from(number)) {
                list.next_free = next_free;
            }
        }
    }

    /// As [`Streams::arrive`], without the urgent bytes in `payload`.
    #[cold]
    pub(super) fn arrive_around(
        &mut self,
        at: StreamRef,
        seq: u32,
        payload: &[u8],
        policy: Option<OverlapPolicy>,
    ) -> Result<Arrived, Refused> {
        // Between any two runs there is an urgent byte.
        let mut runs = [(0, 0, 0); MOST + 1];
        let mut count = 0;
        self.runs(at, seq, payload.len(), |first, place| {
            if let Some(run) = runs.get_mut(count) {
                *run = (first, place.start, place.end);
                count += 1;
            }
        });
        let mut whole = Arrived { placed: true, in_order: true, ..Arrived::default() };
        let mut length = 0;
        for &(first, start, end) in runs.iter().take(count) {
            let part = payload.get(start..end).unwrap_or_default();
            let arrived = self.arrive_at(at, self.offset_of(at, first), part, policy)?;
            whole.placed &= arrived.placed;
            whole.in_order &= arrived.in_order;
            whole.repeats |= arrived.repeats;
            whole.differs |= arrived.differs;
            whole.adds |= arrived.adds;
            whole.forgotten += arrived.forgotten;
            length += part.len();
        }
        // What is scanned of the stream is not all of the payload.
        whole.in_order &= length == payload.len();
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::StreamSettings;
    use proptest::prelude::*;
    use sluice_core::Direction;

    const AT: StreamRef = StreamRef::new(2, Direction::ToClient);
    const FIRST: u32 = u32::MAX - 20;

    fn streams(urgent: UrgentPolicy) -> Streams {
        let mut streams = Streams::new(StreamSettings {
            streams: 4,
            memory: 1 << 20,
            at_once: true,
            urgent,
            ..StreamSettings::default()
        });
        streams.open(AT, FIRST, 0);
        streams
    }

    fn arrive(streams: &mut Streams, offset: u32, bytes: &[u8]) -> Arrived {
        streams.arrive(AT, FIRST.wrapping_add(offset), bytes, None).unwrap()
    }

    fn read(streams: &mut Streams) -> Vec<u8> {
        let turn = streams.turn(AT, false).unwrap();
        let mut bytes = vec![0; turn.judge.1.wrapping_sub(turn.window) as usize];
        streams.read(AT, turn.window, &mut bytes);
        bytes
    }

    #[test]
    fn an_urgent_byte_is_left_out_and_what_comes_behind_it_follows_what_came_before() {
        let mut streams = streams(UrgentPolicy::OutOfBand);
        arrive(&mut streams, 0, b"GET /malic");
        streams.mark_urgent(AT, FIRST.wrapping_add(11)).unwrap();
        assert!(!arrive(&mut streams, 10, b"XY").in_order);
        assert!(arrive(&mut streams, 12, b"ious").in_order);
        assert_eq!(read(&mut streams), b"GET /malicXious");
        // Sent again in one piece, without URG: nothing differs, and what is given out in its place is the same.
        let again = arrive(&mut streams, 5, b"malicXYious");
        assert!(again.repeats && !again.differs && again.placed);
        let mut room = *b"malicXYious";
        streams.reread(AT, FIRST.wrapping_add(5), &mut room);
        assert_eq!(&room, b"malicXYious");
        let other = arrive(&mut streams, 5, b"malicXZiouS");
        assert!(other.differs);
        let mut room = *b"malicXZiouS";
        streams.reread(AT, FIRST.wrapping_add(5), &mut room);
        assert_eq!(&room, b"malicXZious", "the urgent byte is nobody's business");
    }

    #[test]
    fn with_other_policies_it_is_there_or_missing() {
        let mut gap = streams(UrgentPolicy::Gap);
        arrive(&mut gap, 0, b"malic");
        gap.mark_urgent(AT, FIRST.wrapping_add(5)).unwrap();
        arrive(&mut gap, 5, b"Xious");
        assert_eq!(read(&mut gap), b"malic");
        gap.turned(
            AT,
            &gap.half(AT)
                .map(|_| crate::stream::StreamTurn { scan: (0, 5), judge: (0, 5), ..Default::default() })
                .unwrap(),
        );
        gap.acknowledge(AT, FIRST.wrapping_add(10));
        assert!(gap.turn(AT, false).unwrap().gap);
        // Not marked: inline.
        let mut inline = streams(UrgentPolicy::Inline);
        arrive(&mut inline, 0, b"malicXious");
        assert_eq!(read(&mut inline), b"malicXious");
    }

    #[test]
    fn a_byte_that_is_there_already_stays_and_a_list_that_is_full_says_so() {
        let mut streams = streams(UrgentPolicy::OutOfBand);
        arrive(&mut streams, 0, b"ab");
        streams.mark_urgent(AT, FIRST.wrapping_add(1)).unwrap();
        assert!(!streams.has_urgent(AT));
        for number in 0..MOST as u32 {
            streams.mark_urgent(AT, FIRST.wrapping_add(2 + 2 * number)).unwrap();
        }
        assert_eq!(streams.mark_urgent(AT, FIRST.wrapping_add(100)), Err(UrgentLimit));
        streams.end(AT.place);
        assert!(!streams.has_urgent(AT));
        streams.open(AT, FIRST, 0);
        assert_eq!(streams.mark_urgent(AT, FIRST.wrapping_add(100)), Ok(true));
    }

    #[test]
    fn lists_are_given_back_and_their_number_is_bounded() {
        let settings =
            StreamSettings { streams: LISTS + 2, memory: 1 << 20, at_once: true, ..StreamSettings::default() };
        let mut streams = Streams::new(settings);
        let at = |place| StreamRef::new(place, Direction::ToServer);
        for place in 0..LISTS as u32 + 1 {
            streams.open(at(place), 0, 0);
            assert_eq!(streams.mark_urgent(at(place), 5).is_err(), place == LISTS as u32);
        }
        streams.end(7);
        streams.open(at(7), 0, 0);
        assert_eq!(streams.mark_urgent(at(LISTS as u32), 5), Ok(true));
        assert_eq!(streams.mark_urgent(at(7), 5), Err(UrgentLimit));
    }

    proptest! {
        /// Any cut of a stream with urgent bytes gives the same bytes, also far behind as many as are known at once.
        #[test]
        fn what_is_read_is_the_stream_without_its_urgent_bytes(
            pieces in prop::collection::vec((250_usize..700, any::<bool>(), 0_usize..30), 1..60),
        ) {
            let mut streams = streams(UrgentPolicy::OutOfBand);
            let (mut sent, mut expected, mut judged) = (Vec::new(), Vec::new(), Vec::new());
            for (length, is_urgent, back) in pieces {
                let start = sent.len();
                let bytes: Vec<u8> = (0..length).map(|number| ((start + number) * 31 % 251) as u8).collect();
                sent.extend(&bytes);
                let kept = if is_urgent { &bytes[..length - 1] } else { &bytes[..] };
                if is_urgent {
                    let marked = streams.mark_urgent(AT, FIRST.wrapping_add(sent.len() as u32 - 1));
                    prop_assert_eq!(marked, Ok(true));
                }
                expected.extend(kept);
                // Some of what came before comes with it once more.
                let from = start - back.min(start);
                let arrived = arrive(&mut streams, from as u32, &sent[from..]);
                prop_assert!(!arrived.differs);
                streams.acknowledge(AT, FIRST.wrapping_add(sent.len() as u32));
                while let Some(turn) = streams.turn(AT, false) {
                    prop_assert!(!turn.gap);
                    let mut new = vec![0; turn.judge.1.wrapping_sub(turn.judge.0) as usize];
                    streams.read(AT, turn.judge.0, &mut new);
                    judged.extend(new);
                    streams.turned(AT, &turn);
                }
            }
            prop_assert_eq!(judged, expected);
        }
    }
}
