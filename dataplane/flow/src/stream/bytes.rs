//! The bytes of streams: read where they are judged, given out in place of others, changed as rules ask.
//!
//! Called by `sluice-worker` and `sluice-detect`.

use super::{
    blocks::{BLOCK, number_behind, place_of},
    half::{State, earlier, is_after},
    store::{StreamRef, Streams},
    stretches::stretch_of,
};
use crate::shares::NOBODY;

impl Streams {
    /// Copies the bytes from offset `from` on into `room`. All must be there.
    pub fn read(&self, at: StreamRef, from: u32, room: &mut [u8]) {
        let (mut number, mut place) = place_of(from);
        let mut rest = room;
        while !rest.is_empty() {
            let (stretch, first) = stretch_of(number);
            let stretch = self.stretch_at(at, stretch).unwrap_or(NOBODY);
            let blocks = self.stretches.blocks(stretch).get(first..).unwrap_or_default();
            for &block in blocks {
                let there = self.blocks.bytes(block).get(place..).unwrap_or_default();
                let count = there.len().min(rest.len());
                let (Some(there), Some((part, behind))) = (there.get(..count), rest.split_at_mut_checked(count)) else {
                    return;
                };
                part.copy_from_slice(there);
                if behind.is_empty() {
                    return;
                }
                (rest, place) = (behind, 0);
            }
            number = number_behind(number, blocks.len() as u32);
        }
    }

    /// The first eight of `length` bytes from offset `from` on, as a little-endian number, with zeros in place of those behind them. All must be there.
    #[inline]
    pub fn head(&self, at: StreamRef, from: u32, length: u32) -> u64 {
        let (number, place) = place_of(from);
        let block = self.block_at(at, number).map(|block| self.blocks.bytes(block));
        if let Some(head) = block.and_then(|bytes| bytes.get(place..)?.first_chunk()) {
            let behind = 64_u32.saturating_sub(length.saturating_mul(8));
            return u64::from_le_bytes(*head) & u64::MAX.checked_shr(behind).unwrap_or(0);
        }
        let mut head = [0; 8];
        if let Some(room) = head.get_mut(..length.min(8) as usize) {
            self.read(at, from, room);
        }
        u64::from_le_bytes(head)
    }

    /// What is kept of this direction, from its first byte on, for people: as far as it is judged, or, with `all`, as far as it came. `put` is given bytes, or how many are missing in their place. At most `most`
    /// bytes.
    ///
    /// # Cost
    /// A step for each run of bytes in a block; for alerts.
    pub fn excerpt(&self, at: StreamRef, all: bool, most: usize, mut put: impl FnMut(Result<&[u8], u32>)) {
        let Some(half) = self.half(at) else { return };
        let to = if all || self.settings.at_once { half.highest } else { earlier(half.acked, half.highest) };
        let mut cursor = half.floor & !(BLOCK as u32 - 1);
        let (mut left, mut missing) = (most, 0);
        while is_after(to, cursor) && left > 0 {
            let (number, place) = place_of(cursor);
            let block = self.block_at(at, number);
            let in_order = !is_after(half.floor, cursor) && is_after(half.next, cursor);
            let end_of_block = cursor.wrapping_add((BLOCK - place) as u32);
            let last = earlier(end_of_block, to);
            let (is_there, end) = match block {
                Some(_) if in_order => (true, earlier(last, half.next)),
                Some(block) => {
                    let is_there = self.blocks.is_there(block, place);
                    let next = self.blocks.next_there(block, place, !is_there);
                    let end = earlier(cursor.wrapping_add((next - place) as u32), last);
                    (is_there, if is_after(half.floor, cursor) { earlier(end, half.floor) } else { end })
                }
                None => (false, last),
            };
            let count = (end.wrapping_sub(cursor) as usize).min(left);
            let bytes = block.and_then(|block| self.blocks.bytes(block).get(place..place + count));
            match bytes.filter(|_| is_there) {
                Some(bytes) => {
                    if missing > 0 {
                        put(Err(std::mem::take(&mut missing)));
                    }
                    put(Ok(bytes));
                    left -= count;
                }
                None => missing += end.wrapping_sub(cursor),
            }
            cursor = end;
        }
    }

    /// What the other end must be given in place of a payload that arrived: the bytes that came first; zeros for those that were acknowledged and are
    /// forgotten. `room` is as long as the payload and holds it.
    pub fn reread(&self, at: StreamRef, seq: u32, room: &mut [u8]) {
        if self.has_urgent(at) {
            self.runs(at, seq, room.len(), |first, place| {
                if let Some(part) = room.get_mut(place) {
                    self.reread_from(at, self.offset_of(at, first), part);
                }
            });
            return;
        }
        self.reread_from(at, self.offset_of(at, seq), room);
    }

    fn reread_from(&self, at: StreamRef, offset: u32, room: &mut [u8]) {
        let Some(half) = self.half(at) else { return };
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
        // GAP(urgent-replace): bytes behind an urgent one within what is written over are one off.
        let mut cursor = self.offset_of(at, seq);
        let (floor, highest) = (half.floor, half.highest);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (number, place) = place_of(cursor);
            let (part, behind) = rest.split_at(rest.len().min(BLOCK - place));
            if !is_after(floor, cursor)
                && is_after(highest, cursor)
                && let Some(block) = self.block_at(at, number)
            {
                self.blocks.write(block, place, part);
            }
            cursor = cursor.wrapping_add(part.len() as u32);
            rest = behind;
        }
    }
}
