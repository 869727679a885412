//! The streams of one worker.
//!
//! `sluice-worker` brings what arrives ([`Streams::arrive`]) and what is acknowledged, asks what there is to be judged and says when that is
//! done (`turns`); `sluice-detect` reads the bytes meanwhile. A stream has the number of its flow's slot.
//!
//! What is kept: all that was not judged, the window before that, and inline all that the other end has not acknowledged, so that nobody can send other bytes
//! in place of those that were judged and forwarded.

use super::{
    blocks::{BLOCK, Blocks, place_of},
    half::{Half, State, Stream, earlier, is_after, later},
    overlap::OverlapPolicy,
    pending::Pending,
    settings::StreamSettings,
    stretches::Stretches,
    urgent::{LISTS, NO_LIST, UrgentList},
};
use crate::shares::Shares;
use sluice_core::Direction;

/// One direction of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamRef {
    pub(super) place: u32,
    pub(super) direction: Direction,
}

impl StreamRef {
    /// The stream of the flow with this slot.
    #[inline]
    pub const fn new(place: u32, direction: Direction) -> Self {
        Self { place, direction }
    }

    /// The other direction.
    #[inline]
    pub const fn reverse(self) -> Self {
        Self { place: self.place, direction: self.direction.reverse() }
    }

    #[inline]
    pub(super) const fn owner(self) -> u32 {
        self.place << 1 | (self.direction as u32 & 1)
    }

    pub(super) const fn of_owner(owner: u32) -> Self {
        let direction = if owner & 1 == Direction::ToServer as u32 { Direction::ToServer } else { Direction::ToClient };
        Self { place: owner >> 1, direction }
    }
}

/// What a payload was to its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// It has a place in the stream: it is judged there.
    pub placed: bool,
    /// All of it is new and in order.
    pub in_order: bool,
    /// Some of it was there before.
    pub repeats: bool,
    /// Some of it differs from what was there before.
    pub differs: bool,
    /// Some of it was not there before.
    pub adds: bool,
    /// So many of its first bytes were acknowledged long ago and are not kept any longer.
    pub forgotten: u32,
}

/// Why a payload has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The pool is used up.
    NoRoom,
    /// The stream's part of it is.
    TooMuch,
    /// It is further ahead than is ever kept.
    TooFar,
    /// Bytes of the stream were lost that were forwarded.
    Lost,
}

/// The streams of one worker.
pub struct Streams {
    pub(super) streams: Vec<Stream>,
    pub(super) blocks: Blocks,
    pub(super) stretches: Stretches,
    pub(super) lists: Vec<Pending>,
    pub(super) list_shares: Shares,
    pub(super) urgent: Vec<UrgentList>,
    pub(super) urgent_shares: Shares,
    /// Where [`Streams::reclaim`] looks next, by partition.
    pub(super) hands: Box<[u32]>,
    pub(super) settings: StreamSettings,
}

impl Streams {
    /// No stream yet. All memory is reserved here and used as streams come.
    pub fn new(settings: StreamSettings) -> Self {
        let partitions = settings.partitions;
        let blocks = (settings.memory / BLOCK).clamp(1, 1 << 30);
        Self {
            streams: Vec::with_capacity(settings.streams),
            blocks: Blocks::new(blocks, partitions),
            stretches: Stretches::new(blocks, settings.seed),
            lists: Vec::with_capacity(settings.lists),
            list_shares: Shares::new(settings.lists, partitions),
            urgent: Vec::with_capacity(LISTS),
            urgent_shares: Shares::new(LISTS, partitions),
            hands: vec![0; partitions.count()].into_boxed_slice(),
            settings,
        }
    }

    /// The settings.
    pub const fn settings(&self) -> &StreamSettings {
        &self.settings
    }

    /// Bytes in use.
    pub fn memory(&self) -> usize {
        self.blocks.used() * BLOCK
    }

    #[inline]
    pub(super) fn half(&self, at: StreamRef) -> Option<&Half> {
        self.streams.get(at.place as usize)?.halves.get(at.direction.index())
    }

    #[inline]
    pub(super) fn half_mut(&mut self, at: StreamRef) -> Option<&mut Half> {
        self.streams.get_mut(at.place as usize)?.halves.get_mut(at.direction.index())
    }

    /// Whether nothing has come in this direction yet: [`Streams::open`] is to be called before anything may.
    #[inline]
    pub fn is_unopened(&self, at: StreamRef) -> bool {
        self.half(at).is_none_or(|half| half.state == State::Unopened)
    }

    /// Whether bytes of either direction are put together.
    #[inline]
    pub fn is_open(&self, at: StreamRef) -> bool {
        let stream = self.streams.get(at.place as usize);
        stream.is_some_and(|stream| stream.halves.iter().any(|half| half.state == State::Open))
    }

    /// Whether as many bytes as are to be looked at have been.
    #[inline]
    pub fn is_spent(&self, at: StreamRef) -> bool {
        self.half(at).is_some_and(|half| half.state == State::Spent)
    }

    /// Bytes of this direction are put together from now on; the first has sequence number `origin`. The flow is of `partition`.
    pub fn open(&mut self, at: StreamRef, origin: u32, partition: usize) {
        let place = at.place as usize;
        if place >= self.settings.streams {
            return;
        }
        if place >= self.streams.len() {
            // Within the capacity it was made with.
            self.streams.resize(place + 1, Stream::EMPTY);
        }
        if let Some(stream) = self.streams.get_mut(place) {
            stream.partition = partition as u16;
            if let Some(half) = stream.halves.get_mut(at.direction.index()) {
                *half = Half { origin, state: State::Open, ..Half::UNOPENED };
            }
        }
    }

    /// The other end has acknowledged what comes before sequence number `ack`.
    #[inline]
    pub fn acknowledge(&mut self, at: StreamRef, ack: u32) {
        let Some(stream) = self.streams.get(at.place as usize) else { return };
        let Some(half) = stream.halves.get(at.direction.index()).filter(|half| half.state == State::Open) else {
            return;
        };
        let offset = if stream.urgent == NO_LIST { ack.wrapping_sub(half.origin) } else { self.offset_of(at, ack) };
        if is_after(offset, half.acked)
            && let Some(half) = self.half_mut(at)
        {
            half.acked = offset;
        }
    }

    /// A payload whose first byte has sequence number `seq`. `policy` says whose bytes count where they differ; none: those that came first.
    ///
    /// # Errors
    /// The payload, or a part of it, has no place in the stream.
    ///
    /// # Cost
    /// A copy of the payload; a look at each of its blocks besides.
    pub fn arrive(
        &mut self,
        at: StreamRef,
        seq: u32,
        payload: &[u8],
        policy: Option<OverlapPolicy>,
    ) -> Result<Arrived, Refused> {
        let Some(stream) = self.streams.get(at.place as usize) else { return Ok(Arrived::default()) };
        if stream.urgent != NO_LIST {
            return self.arrive_around(at, seq, payload, policy);
        }
        let origin = stream.halves.get(at.direction.index()).map_or(0, |half| half.origin);
        self.arrive_at(at, seq.wrapping_sub(origin), payload, policy)
    }

    /// The same, of a payload whose first byte belongs to `offset`.
    #[inline]
    pub(super) fn arrive_at(
        &mut self,
        at: StreamRef,
        offset: u32,
        payload: &[u8],
        policy: Option<OverlapPolicy>,
    ) -> Result<Arrived, Refused> {
        let most = self.settings.most;
        let Some(stream) = self.streams.get_mut(at.place as usize) else { return Ok(Arrived::default()) };
        let partition = usize::from(stream.partition);
        let speaks_anew = stream.speaker != at.direction;
        let Some(half) = stream.halves.get_mut(at.direction.index()) else { return Ok(Arrived::default()) };
        match half.state {
            State::Open if !payload.is_empty() => {}
            State::Lost => return Err(Refused::Lost),
            _ => return Ok(Arrived::default()),
        }
        let end = offset.wrapping_add(payload.len() as u32);
        if is_after(end, half.next.wrapping_add(most)) {
            return Err(Refused::TooFar);
        }
        if speaks_anew && !is_after(half.next, offset) {
            let [_, turn] = half.turns;
            // Also when what it begins with comes later.
            half.turns = [turn, half.next];
            stream.speaker = at.direction;
        }
        if offset == half.next && half.highest == half.next {
            self.append(at, partition, offset, payload)?;
            return Ok(Arrived { placed: true, in_order: true, adds: true, ..Arrived::default() });
        }
        self.insert(at, partition, offset, payload, policy)
    }

    /// Writes what comes next, where nothing is behind it.
    fn append(&mut self, at: StreamRef, partition: usize, offset: u32, payload: &[u8]) -> Result<(), Refused> {
        let mut rest = payload;
        let mut cursor = offset;
        while !rest.is_empty() {
            let mut behind = self.append_nearby(at, partition, cursor, rest);
            if behind.len() == rest.len() {
                let (number, place) = place_of(cursor);
                let block = self.block_for(at, partition, number)?;
                let (part, others) = rest.split_at(rest.len().min(BLOCK - place));
                self.blocks.write(block, place, part);
                behind = others;
            }
            cursor = cursor.wrapping_add((rest.len() - behind.len()) as u32);
            rest = behind;
        }
        let (number, place) = place_of(offset);
        if let Some(block) = self.block_at(at, number) {
            self.blocks.begin_segment(block, place);
        }
        if let Some(half) = self.half_mut(at) {
            (half.next, half.highest) = (cursor, cursor);
        }
        Ok(())
    }

    /// Puts a payload where some of it may be there already.
    fn insert(
        &mut self,
        at: StreamRef,
        partition: usize,
        offset: u32,
        payload: &[u8],
        policy: Option<OverlapPolicy>,
    ) -> Result<Arrived, Refused> {
        let mut arrived = Arrived { placed: true, ..Arrived::default() };
        let Some(&half) = self.half(at) else { return Ok(arrived) };
        let end = offset.wrapping_add(payload.len() as u32);
        let start = later(offset, half.floor);
        if start != offset {
            let forgotten = start.wrapping_sub(offset).min(payload.len() as u32);
            // Before the first byte nothing was ever there.
            arrived.forgotten = if half.floor == 0 { 0 } else { forgotten };
            arrived.repeats = true;
        }
        if !is_after(end, start) {
            arrived.placed = half.floor != 0;
            return Ok(arrived);
        }
        let mut cursor = start;
        while cursor != end {
            let (number, place) = place_of(cursor);
            let room = (BLOCK - place).min(end.wrapping_sub(cursor) as usize);
            let block = self.block_for(at, partition, number)?;
            let mut from = place;
            while from < place + room {
                let here = cursor.wrapping_add((from - place) as u32);
                let Some(there) = self.blocks.there(block) else { break };
                let (is_there, to) = if is_after(half.next, here) {
                    (true, from + half.next.wrapping_sub(here) as usize)
                } else {
                    let is_there = there.get(from);
                    (is_there, there.next(from, !is_there))
                };
                let to = to.min(place + room);
                let part = here.wrapping_sub(offset) as usize;
                let part = payload.get(part..part + (to - from)).unwrap_or_default();
                if is_there {
                    arrived.repeats = true;
                    if self.blocks.bytes(block).get(from..to) != Some(part) {
                        arrived.differs = true;
                        self.settle(at, (offset, end), (block, from), here, part, policy);
                    }
                } else {
                    arrived.adds = true;
                    if let Some(there) = self.blocks.there(block) {
                        there.set(from, to);
                    }
                    if here == offset || from != place {
                        self.blocks.begin_segment(block, from);
                    }
                    self.blocks.write(block, from, part);
                }
                from = to;
            }
            cursor = cursor.wrapping_add(room as u32);
        }
        if let Some(half) = self.half_mut(at) {
            half.highest = later(half.highest, end);
            if !is_after(offset, half.next) && is_after(end, half.next) {
                half.next = end;
            }
        }
        self.absorb(at);
        Ok(arrived)
    }

    /// Bytes that differ from those that are there: decides whose count. `part` begins at `from` of `block`, which is at offset `here`.
    fn settle(
        &mut self,
        at: StreamRef,
        new: (u32, u32),
        (block, from): (u32, usize),
        here: u32,
        part: &[u8],
        policy: Option<OverlapPolicy>,
    ) {
        let Some(policy) = policy else { return };
        let Some(&half) = self.half(at) else { return };
        let mut done = 0;
        while done < part.len() {
            let offset = here.wrapping_add(done as u32);
            let place = from + done;
            let next_start = self.blocks.starts(block).map_or(BLOCK, |starts| starts.next(place + 1, true));
            let to = (next_start - from).min(part.len());
            // What was judged is not judged again, and what was acknowledged the other end has.
            let judged = later(half.judged, half.acked);
            let to = match judged.wrapping_sub(offset) as i32 {
                left @ 1.. => to.min(done + left as usize),
                _ => to,
            };
            let old = self.segment_around(at, &half, offset);
            let relative = |at: u32| at.wrapping_sub(offset) as i32;
            let new = (relative(new.0), relative(new.1));
            if policy.takes_new(new, (relative(old.0), relative(old.1))) && !is_after(judged, offset) {
                self.blocks.write(block, place, part.get(done..to).unwrap_or_default());
                if let Some(half) = self.half_mut(at) {
                    half.scanned = later(half.judged, earlier(half.scanned, offset));
                }
            }
            done = to;
        }
    }

    /// What is left of the segment that the byte at `offset` came with: from its first byte to one past its last. Looks no further than 64 KiB.
    fn segment_around(&mut self, at: StreamRef, half: &Half, offset: u32) -> (u32, u32) {
        let (number, place) = place_of(offset);
        let furthest = 65_536 / BLOCK as u32;
        let mut start = half.floor;
        for back in 0..furthest {
            let Some(block) = self.block_at(at, number.wrapping_sub(back)) else { break };
            let from = if back == 0 { place } else { BLOCK - 1 };
            if let Some(found) = self.blocks.starts(block).and_then(|starts| starts.last(from)) {
                start = offset.wrapping_sub(place as u32).wrapping_sub(back * BLOCK as u32).wrapping_add(found as u32);
                break;
            }
        }
        let mut end = half.highest;
        for on in 0..furthest {
            let Some(block) = self.block_at(at, number.wrapping_add(on)) else { break };
            let base = offset.wrapping_sub(place as u32).wrapping_add(on * BLOCK as u32);
            let from = if on == 0 { place + 1 } else { 0 };
            let next = self.blocks.starts(block).map_or(BLOCK, |starts| starts.next(from, true));
            // A hole ends it as well.
            let known = half.next.wrapping_sub(base) as i32;
            let from = if known > 0 { (known as usize).min(BLOCK) } else { place * usize::from(on == 0) };
            let hole = self.blocks.there(block).map_or(BLOCK, |there| there.next(from, false));
            let found = next.min(hole);
            if found < BLOCK {
                end = base.wrapping_add(found as u32);
                break;
            }
        }
        (start, earlier(end, half.highest))
    }

    /// What came too early and is in order now.
    pub(super) fn absorb(&mut self, at: StreamRef) {
        let Some(&half) = self.half(at) else { return };
        let mut next = half.next;
        while is_after(half.highest, next) {
            let (number, place) = place_of(next);
            let Some(block) = self.block_at(at, number) else { break };
            let hole = self.blocks.there(block).map_or(place, |there| there.next(place, false));
            next = next.wrapping_add((hole - place) as u32);
            if hole < BLOCK {
                break;
            }
        }
        if let Some(half) = self.half_mut(at) {
            half.next = earlier(next, half.highest);
        }
    }
}
