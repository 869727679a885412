//! Memory for what parsers keep: growing byte buffers, all of them out of one piece that is allocated at the start.
//!
//! Used by [`crate::desk`] and [`crate::store`] for unread input, the fields of transactions and bodies. A buddy allocator: blocks of 64 bytes times a power of two, so that a
//! buffer lies in one piece and grows by moving into a block twice as large. Never asks the system for memory after start, never moves a buffer of somebody else.
//!
//! Source: D. Knuth, "The Art of Computer Programming", volume 1, section 2.5 (buddy system).

/// Bytes of the smallest block.
const UNIT: usize = 64;
/// Classes of blocks: class `n` has `UNIT << n` bytes, the largest 1 MiB.
const CLASSES: usize = 15;
/// Largest buffer, bytes.
pub const LARGEST: usize = UNIT << (CLASSES - 1);
const NONE: u32 = u32::MAX;
/// State of a unit: the first of a free block of class `state`; anything else is `TAKEN`.
const TAKEN: u8 = u8::MAX;

/// A buffer in an [`Arena`]. Owned by one: it is given back with [`Arena::free`].
#[derive(Debug, PartialEq, Eq)]
pub struct Buf {
    unit: u32,
    len: u32,
    class: u8,
}

impl Default for Buf {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Buf {
    /// Nothing.
    pub const EMPTY: Self = Self { unit: NONE, len: 0, class: 0 };

    /// Bytes in it.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes for which there is room without moving it.
    #[inline]
    const fn room(&self) -> usize {
        if self.unit == NONE { 0 } else { UNIT << self.class }
    }
}

/// The memory is used up, or a buffer would be larger than [`LARGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The memory.
pub struct Arena {
    bytes: Vec<u8>,
    /// For each unit its state, and for free blocks the places before and behind it in their list.
    states: Vec<u8>,
    links: Vec<(u32, u32)>,
    free: [u32; CLASSES],
    used: usize,
}

impl Arena {
    /// Memory of `bytes`, rounded up to a largest block. Pages are touched as they are used.
    pub fn new(bytes: usize) -> Self {
        let largest = bytes.div_ceil(LARGEST).clamp(1, (u32::MAX as usize - 1) / (1 << (CLASSES - 1)));
        let units = largest << (CLASSES - 1);
        let mut arena = Self {
            bytes: vec![0; units * UNIT],
            states: vec![0; units],
            links: vec![(0, 0); units],
            free: [NONE; CLASSES],
            used: 0,
        };
        for block in (0..largest).rev() {
            arena.put((block << (CLASSES - 1)) as u32, CLASSES - 1);
        }
        arena
    }

    /// Bytes taken, with what is lost in rounding up.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Bytes there are.
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of `buf`.
    #[inline]
    pub fn get(&self, buf: &Buf) -> &[u8] {
        if buf.unit == NONE {
            return &[];
        }
        let start = buf.unit as usize * UNIT;
        self.bytes.get(start..start + buf.len as usize).unwrap_or_default()
    }

    /// The bytes of `buf`, to be changed.
    #[inline]
    pub fn get_mut(&mut self, buf: &Buf) -> &mut [u8] {
        if buf.unit == NONE {
            return &mut [];
        }
        let start = buf.unit as usize * UNIT;
        self.bytes.get_mut(start..start + buf.len as usize).unwrap_or_default()
    }

    /// Makes `buf` longer by `more` bytes and gives those to be written.
    ///
    /// # Errors
    /// [`Full`]; the buffer is as before.
    ///
    /// # Cost
    /// A copy of the buffer each time it doubles.
    #[inline]
    pub fn grow(&mut self, buf: &mut Buf, more: usize) -> Result<&mut [u8], Full> {
        let old = buf.len as usize;
        let wanted = old + more;
        if buf.unit == NONE && more == 0 {
            return Ok(&mut []);
        }
        if wanted > buf.room() {
            self.reserve(buf, more)?;
        }
        buf.len = wanted as u32;
        let start = buf.unit as usize * UNIT;
        self.bytes.get_mut(start + old..start + wanted).ok_or(Full)
    }

    /// Makes room for `more` bytes behind those of `buf`, which is moved once then, not each time it doubles.
    ///
    /// # Errors
    /// [`Full`]; the buffer is as before.
    pub fn reserve(&mut self, buf: &mut Buf, more: usize) -> Result<(), Full> {
        let old = buf.len as usize;
        let wanted = old + more;
        if wanted <= buf.room() {
            return Ok(());
        }
        if wanted > LARGEST {
            return Err(Full);
        }
        let class = class_of(wanted);
        let unit = self.take(class).ok_or(Full)?;
        if buf.unit != NONE {
            let from = buf.unit as usize * UNIT;
            self.bytes.copy_within(from..from + old, unit as usize * UNIT);
            self.give(buf.unit, usize::from(buf.class));
        }
        (buf.unit, buf.class) = (unit, class as u8);
        Ok(())
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Full`]; the buffer is as before.
    #[inline]
    pub fn push(&mut self, buf: &mut Buf, bytes: &[u8]) -> Result<(), Full> {
        self.grow(buf, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Takes the first `count` bytes out.
    pub fn drop_front(&mut self, buf: &mut Buf, count: usize) {
        let length = buf.len as usize;
        if count >= length {
            self.free(buf);
            return;
        }
        let start = buf.unit as usize * UNIT;
        self.bytes.copy_within(start + count..start + length, start);
        buf.len = (length - count) as u32;
    }

    /// Keeps the first `count` bytes.
    pub fn truncate(&mut self, buf: &mut Buf, count: usize) {
        if count < buf.len as usize {
            buf.len = count as u32;
        }
    }

    /// Gives `buf` back; it is empty then.
    pub fn free(&mut self, buf: &mut Buf) {
        if buf.unit != NONE {
            self.give(buf.unit, usize::from(buf.class));
        }
        *buf = Buf::EMPTY;
    }

    fn take(&mut self, class: usize) -> Option<u32> {
        let mut at = class;
        while *self.free.get(at)? == NONE {
            at += 1;
        }
        let unit = *self.free.get(at)?;
        self.unlink(unit, at);
        while at > class {
            at -= 1;
            self.put(unit + (1 << at), at);
        }
        if let Some(state) = self.states.get_mut(unit as usize) {
            *state = TAKEN;
        }
        self.used += UNIT << class;
        Some(unit)
    }

    fn give(&mut self, unit: u32, class: usize) {
        self.used -= UNIT << class;
        let (mut unit, mut class) = (unit, class);
        while class < CLASSES - 1 {
            let buddy = unit ^ (1 << class);
            if self.states.get(buddy as usize).copied() != Some(class as u8) {
                break;
            }
            self.unlink(buddy, class);
            // What is inside a block is not the first of one.
            if let Some(state) = self.states.get_mut(unit.max(buddy) as usize) {
                *state = TAKEN;
            }
            unit = unit.min(buddy);
            class += 1;
        }
        self.put(unit, class);
    }

    fn put(&mut self, unit: u32, class: usize) {
        let Some(first) = self.free.get_mut(class) else { return };
        let behind = std::mem::replace(first, unit);
        if let Some(state) = self.states.get_mut(unit as usize) {
            *state = class as u8;
        }
        if let Some(links) = self.links.get_mut(unit as usize) {
            *links = (NONE, behind);
        }
        if let Some(links) = self.links.get_mut(behind as usize) {
            links.0 = unit;
        }
    }

    fn unlink(&mut self, unit: u32, class: usize) {
        let Some(&(before, behind)) = self.links.get(unit as usize) else { return };
        match self.links.get_mut(before as usize) {
            Some(links) => links.1 = behind,
            None => {
                if let Some(first) = self.free.get_mut(class) {
                    *first = behind;
                }
            }
        }
        if let Some(links) = self.links.get_mut(behind as usize) {
            links.0 = before;
        }
    }
}

/// The class of the smallest block with room for `bytes`.
const fn class_of(bytes: usize) -> usize {
    let units = bytes.div_ceil(UNIT);
    if units <= 1 { 0 } else { (units - 1).ilog2() as usize + 1 }
}

#[cfg(test)]
mod tests {
    use super::{Arena, Buf, LARGEST, class_of};
    use proptest::prelude::*;

    #[test]
    fn classes_are_the_smallest_that_fit() {
        for (bytes, class) in [(1, 0), (64, 0), (65, 1), (128, 1), (129, 2), (LARGEST, 14)] {
            assert_eq!(class_of(bytes), class, "{bytes}");
        }
    }

    proptest! {
        /// Buffers against plain vectors, and all memory comes back in one piece.
        #[test]
        fn buffers_are_what_was_written_and_nothing_is_lost(
            steps in prop::collection::vec((0..12_usize, 0..5_u8, 0..70_000_usize, any::<u8>()), 1..200)
        ) {
            let mut arena = Arena::new(LARGEST);
            let mut bufs: Vec<Buf> = (0..12).map(|_| Buf::EMPTY).collect();
            let mut plain = vec![Vec::new(); 12];
            for (which, what, count, byte) in steps {
                let (buf, model) = (&mut bufs[which], &mut plain[which]);
                match what {
                    0 | 1 => {
                        if arena.push(buf, &vec![byte; count]).is_ok() {
                            model.extend(std::iter::repeat_n(byte, count));
                        }
                    }
                    4 => {
                        let before = arena.get(buf).len();
                        if arena.reserve(buf, count).is_ok() {
                            let used = arena.used();
                            prop_assert!(arena.push(buf, &vec![byte; count]).is_ok());
                            prop_assert!(arena.used() == used && before == model.len());
                            model.extend(std::iter::repeat_n(byte, count));
                        }
                    }
                    2 => {
                        arena.drop_front(buf, count);
                        model.drain(..count.min(model.len()));
                    }
                    _ => {
                        arena.free(buf);
                        model.clear();
                    }
                }
                for (buf, model) in bufs.iter().zip(&plain) {
                    prop_assert_eq!(arena.get(buf), &model[..]);
                }
                prop_assert!(arena.used() <= arena.capacity());
            }
            bufs.iter_mut().for_each(|buf| arena.free(buf));
            prop_assert_eq!(arena.used(), 0);
            let mut all = Buf::EMPTY;
            prop_assert!(arena.grow(&mut all, LARGEST).is_ok());
        }
    }
}
