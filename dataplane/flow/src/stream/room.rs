//! Room for the bytes of streams: taken from the pool, given back, and made where there is none.
//!
//! Called by [`super::store`]; the pool itself is in `blocks`.

use super::{
    blocks::{BLOCK, number_behind, numbers_between, place_of},
    half::{Half, State, earlier, later},
    store::{Refused, StreamRef, Streams},
    stretches::{STRETCH, stretch_of},
};
use crate::shares::NOBODY;
use sluice_core::Direction;
use std::ops::Range;

/// Streams looked at to make room for one block.
const RECLAIM_BUDGET: u32 = 64;

impl Streams {
    /// The stretch of this direction with this number.
    #[inline]
    pub(super) fn stretch_at(&self, at: StreamRef, number: u32) -> Option<u32> {
        self.stretches.find_near(at.owner(), number, self.half(at)?.head)
    }

    /// The block with this number, if it was taken.
    #[inline]
    pub(super) fn block_at(&self, at: StreamRef, number: u32) -> Option<u32> {
        let (stretch, place) = stretch_of(number);
        let stretch = self.stretch_at(at, stretch)?;
        self.stretches.blocks(stretch).get(place).copied().filter(|&block| block != NOBODY)
    }

    /// The block with this number; taken when there is none.
    pub(super) fn block_for(&mut self, at: StreamRef, partition: usize, number: u32) -> Result<u32, Refused> {
        let (owner, (stretch_number, place)) = (at.owner(), stretch_of(number));
        let stretch = self.stretch_at(at, stretch_number);
        let block = stretch.and_then(|stretch| self.stretches.blocks(stretch).get(place).copied());
        if let Some(block) = block.filter(|&block| block != NOBODY) {
            return Ok(block);
        }
        if self.half(at).is_none_or(|half| !half.may_grow(self.settings.most)) {
            return Err(Refused::TooMuch);
        }
        if self.blocks.is_full(partition) {
            self.reclaim(partition, at);
        }
        let Self { streams, blocks, stretches, .. } = self;
        let stream = streams.get_mut(at.place as usize).ok_or(Refused::NoRoom)?;
        let half = stream.halves.get_mut(at.direction.index()).ok_or(Refused::NoRoom)?;
        let block = blocks.take(partition, owner).ok_or(Refused::NoRoom)?;
        half.held += 1;
        let stretch = stretch.unwrap_or_else(|| stretches.take(owner, stretch_number, &mut half.head));
        if let Some(entry) = stretches.blocks_mut(stretch).and_then(|blocks| blocks.get_mut(place)) {
            *entry = block;
        }
        Ok(block)
    }

    /// Writes as much of `payload` as there is room for in the stretch with the byte at `offset`, if that is one used last, taking blocks as they are needed: what is left of it. Takes no
    /// stretch, nor makes it room.
    #[inline]
    pub(super) fn append_nearby<'a>(
        &mut self,
        at: StreamRef,
        partition: usize,
        offset: u32,
        payload: &'a [u8],
    ) -> &'a [u8] {
        let most = self.settings.most;
        let (number, mut place) = place_of(offset);
        let (stretch, first) = stretch_of(number);
        let Self { streams, blocks, stretches, .. } = self;
        let half = streams.get_mut(at.place as usize).and_then(|stream| stream.halves.get_mut(at.direction.index()));
        let Some(half) = half else { return payload };
        let Some(entries) = stretches.blocks_nearby(stretch, half.head) else { return payload };
        let mut rest = payload;
        for entry in entries.iter_mut().skip(first) {
            if *entry == NOBODY {
                let block = if half.may_grow(most) { blocks.take(partition, at.owner()) } else { None };
                let Some(block) = block else { break };
                (*entry, half.held) = (block, half.held + 1);
            }
            let (part, behind) = rest.split_at(rest.len().min(BLOCK - place));
            blocks.write(*entry, place, part);
            (rest, place) = (behind, 0);
            if rest.is_empty() {
                break;
            }
        }
        rest
    }

    /// Gives back the blocks at `places` of one of its stretches, and the stretch when none is left.
    fn give_back(&mut self, at: StreamRef, partition: usize, stretch: u32, places: Range<usize>) {
        let Self { streams, blocks, stretches, .. } = self;
        let half = streams.get_mut(at.place as usize).and_then(|stream| stream.halves.get_mut(at.direction.index()));
        let (Some(half), Some(taken)) = (half, stretches.blocks_mut(stretch)) else { return };
        for entry in taken.get_mut(places).unwrap_or_default() {
            let block = std::mem::replace(entry, NOBODY);
            if block != NOBODY {
                blocks.give_back(partition, block);
                half.held -= 1;
            }
        }
        if *taken == [NOBODY; STRETCH] {
            stretches.give_back(stretch, &mut half.head);
        }
    }

    /// Gives up whole blocks before `keep`.
    pub(super) fn drop_before(&mut self, at: StreamRef, keep: u32) {
        let Some(stream) = self.streams.get(at.place as usize) else { return };
        let partition = usize::from(stream.partition);
        let Some(&half) = self.half(at) else { return };
        let (mut number, (last, _)) = (place_of(half.floor).0, place_of(keep));
        // Beyond as many as it has there is none.
        let budget = u32::from(half.held) + self.settings.most / BLOCK as u32;
        let mut left = numbers_between(number, last).min(budget);
        while left > 0 {
            let (stretch, place) = stretch_of(number);
            let count = left.min((STRETCH - place) as u32);
            if let Some(stretch) = self.stretch_at(at, stretch) {
                self.give_back(at, partition, stretch, place..place + count as usize);
            }
            number = number_behind(number, count);
            left -= count;
        }
        if let Some(half) = self.half_mut(at) {
            half.floor = later(half.floor, last.wrapping_mul(BLOCK as u32));
        }
    }

    /// Makes room in a full partition: gives up what others keep of bytes that are judged and acknowledged; where there is none, what came too early in the
    /// stream that holds most of that. Those bytes were forwarded, inline, so such a stream is lost.
    pub(super) fn reclaim(&mut self, partition: usize, asking: StreamRef) {
        let had = self.blocks.had(partition);
        let mut heaviest: Option<(u16, StreamRef)> = None;
        for _ in 0..RECLAIM_BUDGET.min(had) {
            let Some(hand) = self.hands.get_mut(partition) else { return };
            let place = *hand;
            *hand = if place + 1 < had { place + 1 } else { 0 };
            let Some(owner) = self.blocks.owner(partition, place) else { continue };
            let at = StreamRef::of_owner(owner);
            if at == asking {
                continue;
            }
            let Some(&half) = self.half(at) else { continue };
            let done = if self.settings.at_once { earlier(half.acked, half.judged) } else { half.judged };
            let before = half.held;
            self.drop_before(at, later(half.floor, done));
            if self.half(at).is_some_and(|half| half.held < before) {
                return;
            }
            if half.highest != half.next && heaviest.is_none_or(|(held, _)| half.held > held) {
                heaviest = Some((half.held, at));
            }
        }
        if let Some((_, at)) = heaviest {
            self.end_half(at, State::Lost);
        }
    }

    /// Gives all up that is kept of one direction.
    pub(super) fn end_half(&mut self, at: StreamRef, state: State) {
        self.forget_rules(at);
        let Some(stream) = self.streams.get(at.place as usize) else { return };
        let partition = usize::from(stream.partition);
        while let Some(stretch) = self.half(at).map(|half| half.head).filter(|&head| head != NOBODY) {
            self.give_back(at, partition, stretch, 0..STRETCH);
        }
        if let Some(half) = self.half_mut(at) {
            *half = Half { origin: half.origin, next: half.next, state, ..Half::UNOPENED };
        }
    }

    /// The flow with this slot is over.
    pub fn end(&mut self, place: u32) {
        if (place as usize) < self.streams.len() {
            for direction in Direction::ALL {
                self.end_half(StreamRef::new(place, direction), State::Unopened);
            }
            self.forget_urgent(place);
        }
    }
}
