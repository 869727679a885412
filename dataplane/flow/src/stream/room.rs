//! Room for the bytes of streams: taken from the pool, given back, and made where there is none.
//!
//! Called by [`super::store`]; the pool itself is in `blocks`.

use super::{
    blocks::{BLOCK, number_behind, place_of},
    half::{Half, State, earlier, later},
    store::{Refused, StreamRef, Streams},
};
use crate::shares::NOBODY;
use sluice_core::Direction;

/// Streams looked at to make room for one block.
const RECLAIM_BUDGET: u32 = 64;

impl Streams {
    /// The block with the bytes of number `number`; taken when there is none.
    #[inline(never)]
    pub(super) fn find_or_take_block(&mut self, at: StreamRef, partition: usize, number: u32) -> Result<u32, Refused> {
        let (most, owner) = (self.settings.most, at.owner());
        let block = match self.blocks.locate(owner, number) {
            Ok(block) => block,
            Err(mut vacant) => {
                let too_much = |half: &Half| half.held == u16::MAX || (u32::from(half.held) + 1) * BLOCK as u32 > most;
                if self.half(at).is_none_or(too_much) {
                    return Err(Refused::TooMuch);
                }
                if self.blocks.is_full(partition) {
                    self.reclaim(partition, at);
                    vacant = self.blocks.locate(owner, number).err().ok_or(Refused::NoRoom)?;
                }
                let Self { streams, blocks, .. } = self;
                let stream = streams.get_mut(at.place as usize).ok_or(Refused::NoRoom)?;
                let half = stream.halves.get_mut(at.direction.index()).ok_or(Refused::NoRoom)?;
                let block = blocks.take(partition, (owner, number), vacant, &mut half.head).ok_or(Refused::NoRoom)?;
                half.held += 1;
                block
            }
        };
        if let Some(half) = self.half_mut(at) {
            (half.last, half.last_number) = (block, number);
        }
        Ok(block)
    }

    pub(super) fn give_block_back(&mut self, at: StreamRef, partition: usize, block: u32) {
        let half =
            self.streams.get_mut(at.place as usize).and_then(|stream| stream.halves.get_mut(at.direction.index()));
        if let Some(half) = half {
            self.blocks.give_back(partition, block, &mut half.head);
            half.held -= 1;
            if half.last == block {
                half.last = NOBODY;
            }
        }
    }

    /// Gives up whole blocks before `keep`.
    pub(super) fn drop_before(&mut self, at: StreamRef, keep: u32) {
        let Some(stream) = self.streams.get(at.place as usize) else { return };
        let partition = usize::from(stream.partition);
        let Some(&half) = self.half(at) else { return };
        let (mut number, (last, _)) = (place_of(half.floor).0, place_of(keep));
        // Beyond as many as it has there is none.
        let mut budget = u32::from(half.held) + self.settings.most / BLOCK as u32;
        let mut block = self.blocks.find(at.owner(), number);
        while number != last && budget > 0 {
            number = number_behind(number);
            let following = self.blocks.find_next(at.owner(), number, block);
            if let Some(block) = std::mem::replace(&mut block, following) {
                self.give_block_back(at, partition, block);
            }
            budget -= 1;
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
        while let Some(block) = self.half(at).map(|half| half.head).filter(|&head| head != NOBODY) {
            self.give_block_back(at, partition, block);
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
