//! Messages of DNP3, put together from their frames.
//!
//! Part of [`super::Store`]. A message is put together in the cell where it is kept; without room, in the cell behind all others, and then only
//! when it lies in one frame.

use super::{CELL, Message, NONE, Segment, Store, TRANSACTIONS, Turn, Walk, cell_of};
use crate::{
    dnp3,
    event::{AppEvent, AppEvents},
};
use sluice_core::{AppProtocol, Counters, Direction};

/// Requests without a response that are no flood yet.
const UNANSWERED: u16 = 32;

/// Where a message is put together, and what must come next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assembly {
    /// Place of its transaction.
    pub place: u32,
    /// Number of its transaction in the flow: the place may have been given to another.
    pub number: u64,
    /// Number of the frame that came last, 0 to 63.
    pub sequence: u8,
    /// Bytes so far.
    pub length: u16,
}

impl Assembly {
    /// Nothing is put together.
    pub const NONE: Self = Self { place: u32::MAX, number: 0, sequence: 0, length: 0 };

    /// Whether the frame of this number is the next.
    pub const fn is_followed_by(&self, sequence: u8) -> bool {
        (self.sequence + 1) & 0x3f == sequence
    }
}

impl Store {
    /// Adds a frame of DNP3 to its message; the turn of the message when that is whole.
    pub(super) fn assemble(
        &mut self,
        walk: &Walk,
        segment: &Segment,
        frame: &[u8],
        counters: &mut Counters,
    ) -> Option<Turn> {
        let flat = dnp3::Flat::of(frame)?;
        let (direction, way) = (segment.direction, segment.direction.index());
        let conversation = self.conversations.get(walk.conversation as usize);
        let mut assembly =
            conversation.and_then(|found| found.ends.get(way)).map_or(Assembly::NONE, |end| end.assembly);
        let mut events = AppEvents::default();
        if flat.is_first() {
            if self.is_assembled_at(walk, &assembly) {
                counters.app_pdu_incomplete += 1;
                self.close(assembly.place);
            }
            let place = self.open(walk, 0, &mut events, counters);
            counters.app_no_room += u64::from(place == NONE);
            let place = if place == NONE { TRANSACTIONS as u32 } else { place };
            let number = self.transactions.get(place as usize).map_or(0, |found| found.number);
            assembly = Assembly { place, number, sequence: flat.sequence(), length: 0 };
            let header = frame.get(..dnp3::parse::KEPT_HEADER).unwrap_or_default();
            assembly.length = self.append(&assembly, way, header);
        } else if self.is_assembled_at(walk, &assembly) && assembly.is_followed_by(flat.sequence()) {
            assembly.sequence = flat.sequence();
        } else {
            counters.app_pdu_incomplete += 1;
            return None;
        }
        assembly.length = self.append(&assembly, way, flat.piece());
        if let Some(end) =
            self.conversations.get_mut(walk.conversation as usize).and_then(|found| found.ends.get_mut(way))
        {
            end.assembly = if flat.is_last() { Assembly::NONE } else { assembly };
        }
        if !flat.is_last() {
            return None;
        }
        let spare = assembly.place == TRANSACTIONS as u32;
        let cell = cell_of(assembly.place, way);
        let message = self.bytes.get(cell..cell + usize::from(assembly.length)).and_then(dnp3::fields::Message::of);
        let mut expects = false;
        if let Some(message) = message {
            events.add_all(message.events(self.settings.dnp3_max_objects, self.settings.dnp3_max_points));
            // Neither confirmations nor requests that say so are answered.
            expects = !matches!(message.function(), None | Some(0 | 6 | 8 | 10 | 12));
        }
        if let Some(conversation) = self.conversations.get_mut(walk.conversation as usize) {
            if direction == Direction::ToClient {
                conversation.unanswered = 0;
            } else if expects {
                conversation.unanswered = conversation.unanswered.saturating_add(1);
                if conversation.unanswered == UNANSWERED + 1 {
                    events.add(AppEvent::Dnp3Flooded);
                }
            }
        }
        let judge = segment.at_once || spare;
        let end = walk.seq.wrapping_add(walk.at as u32);
        if let Some(transaction) = self.transactions.get_mut(assembly.place as usize) {
            transaction.told = true;
            if let Some(message) = transaction.messages.get_mut(way) {
                *message = Message { there: true, judged: judge, length: assembly.length, end, events };
            }
        }
        let conversation = self.conversations.get_mut(walk.conversation as usize);
        if let (Some(end), false) = (conversation.and_then(|found| found.ends.get_mut(way)), judge) {
            end.waiting += 1;
        }
        Some(Turn {
            direction,
            judge,
            complete: true,
            protocol: AppProtocol::Dnp3,
            place: if spare { NONE } else { assembly.place },
            number: assembly.number,
            events,
            in_payload: None,
            in_spare: if spare { assembly.length } else { 0 },
        })
    }

    /// Whether the message that `assembly` stands for is still where it was.
    fn is_assembled_at(&self, walk: &Walk, assembly: &Assembly) -> bool {
        self.transactions.get(assembly.place as usize).is_some_and(|transaction| {
            transaction.conversation == walk.conversation
                && transaction.number == assembly.number
                && transaction.messages.iter().all(|message| !message.there)
        })
    }

    /// Appends to the message that is put together; its length then. What does not fit is left out.
    fn append(&mut self, assembly: &Assembly, way: usize, bytes: &[u8]) -> u16 {
        let length = usize::from(assembly.length);
        let bytes = bytes.get(..bytes.len().min(CELL.saturating_sub(length))).unwrap_or_default();
        let cell = cell_of(assembly.place, way) + length;
        if let Some(room) = self.bytes.get_mut(cell..cell + bytes.len()) {
            room.copy_from_slice(bytes);
        }
        (length + bytes.len()) as u16
    }
}
