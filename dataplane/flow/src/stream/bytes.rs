//! The bytes of streams: read where they are judged, given out in place of others, changed as rules ask.
//!
//! Called by `sluice-worker` and `sluice-detect`.

use super::{
    blocks::{BLOCK, place_of},
    half::{State, is_after},
    store::{StreamRef, Streams},
};
use crate::shares::NOBODY;

impl Streams {
    /// Copies the bytes from offset `from` on into `room`. All must be there.
    pub fn read(&self, at: StreamRef, from: u32, room: &mut [u8]) {
        let mut cursor = from;
        let mut rest = room;
        while !rest.is_empty() {
            let (number, place) = place_of(cursor);
            let (part, behind) = rest.split_at_mut(rest.len().min(BLOCK - place));
            let last =
                self.half(at).filter(|half| half.last_number == number && half.last != NOBODY).map(|half| half.last);
            let block = last.or_else(|| self.blocks.find(at.owner(), number));
            match block.and_then(|block| self.blocks.bytes(block).get(place..place + part.len())) {
                Some(bytes) => part.copy_from_slice(bytes),
                None => part.fill(0),
            }
            cursor = cursor.wrapping_add(part.len() as u32);
            rest = behind;
        }
    }

    /// What the other end must be given in place of a payload that arrived: the bytes that came first; zeros for those that were acknowledged and are
    /// forgotten. `room` is as long as the payload and holds it.
    pub fn reread(&self, at: StreamRef, seq: u32, room: &mut [u8]) {
        let Some(half) = self.half(at) else { return };
        let offset = seq.wrapping_sub(half.origin);
        let forgotten = (half.floor.wrapping_sub(offset) as i32).clamp(0, room.len() as i32) as usize;
        let (blank, kept) = room.split_at_mut(forgotten);
        if half.floor != 0 {
            blank.fill(0);
        }
        self.read(at, offset.wrapping_add(forgotten as u32), kept);
    }

    /// Bytes of a payload were changed before they were forwarded: what is kept is what was forwarded.
    pub fn rewrite(&mut self, at: StreamRef, seq: u32, bytes: &[u8]) {
        let Some(half) = self.half(at).filter(|half| half.state == State::Open) else { return };
        let mut cursor = seq.wrapping_sub(half.origin);
        let (floor, highest) = (half.floor, half.highest);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (number, place) = place_of(cursor);
            let (part, behind) = rest.split_at(rest.len().min(BLOCK - place));
            if !is_after(floor, cursor)
                && is_after(highest, cursor)
                && let Some(block) = self.blocks.find(at.owner(), number)
            {
                self.blocks.write(block, place, part);
            }
            cursor = cursor.wrapping_add(part.len() as u32);
            rest = behind;
        }
    }
}
