//! Marks that rules leave on a flow: flow bits, flow integers, and for how long its packets are tagged.
//!
//! Read and set by `sluice-detect` through [`FlowView`]. A mark is a number, given to its name by the control core. Every flow has room for
//! every number there is: traffic that sets many marks can't push out, or keep out, the one an attack would set. Names beyond the room are
//! refused when rules are compiled.
//!
//! Marks lie apart from the flows, under the same slot number, in memory that the system gives zeroed and only where it is written: a flow
//! without marks costs nothing here, and [`Flow::marked`] says whether what lies here is the flow's own. Never shared, never allocated later.

use crate::flow::Flow;
use sluice_core::{Nanos, time::NANOS_PER_SECOND};
use std::ops::{Deref, DerefMut};

/// Flow bits there can be.
pub const FLOW_BITS: usize = 1_024;
/// Flow integers there can be.
pub const FLOW_INTS: usize = 16;

const BIT_WORDS: usize = FLOW_BITS / 64;
/// Where the integers lie.
const INT_WORDS: std::ops::Range<usize> = BIT_WORDS..BIT_WORDS + FLOW_INTS;
/// Set in the word of an integer that was ever set; its value is in the low half.
const INT_IS_SET: u64 = 1 << 32;

/// Words of one flow's marks: bits, then integers, then two of tags. 272 bytes.
pub const MARK_WORDS: usize = BIT_WORDS + FLOW_INTS + 2;

/// For how long packets are tagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagLimit {
    /// So many packets.
    Packets(u32),
    /// Until so many bytes have passed.
    Bytes(u32),
    /// So many seconds.
    Seconds(u32),
}

/// What is left of the tags of a flow or a host. Tags of several rules do not add up: the longest of each kind counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagsLeft {
    packets: u32,
    bytes: u32,
    until: Nanos,
}

impl TagsLeft {
    /// Another tag, from the packet behind the one at hand on.
    pub fn extend(&mut self, limit: TagLimit, now: Nanos) {
        match limit {
            TagLimit::Packets(packets) => self.packets = self.packets.max(packets),
            TagLimit::Bytes(bytes) => self.bytes = self.bytes.max(bytes),
            TagLimit::Seconds(seconds) => {
                let until = now.0.saturating_add(u64::from(seconds).saturating_mul(NANOS_PER_SECOND));
                self.until = self.until.max(Nanos(until));
            }
        }
    }

    /// Whether a packet of `length` bytes at `now` is tagged. It uses up its part.
    pub fn take(&mut self, length: usize, now: Nanos) -> bool {
        let tagged = self.packets > 0 || self.bytes > 0 || self.until > now;
        self.packets = self.packets.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX));
        tagged
    }
}

/// One flow's marks, as they lie in memory.
pub type MarkWords = [u64; MARK_WORDS];

/// Room for the marks of as many flows as a table has slots.
pub struct Marks {
    words: Vec<u64>,
}

impl Marks {
    /// Room for none.
    pub const NONE: Self = Self { words: Vec::new() };

    /// Room for `flows`; memory is used where a mark is set.
    pub fn new(flows: usize) -> Self {
        Self { words: vec![0; flows.saturating_mul(MARK_WORDS)] }
    }

    /// The place of `slot`.
    #[inline]
    pub fn get_mut(&mut self, slot: usize) -> Option<&mut MarkWords> {
        self.words.as_chunks_mut().0.get_mut(slot)
    }
}

/// A flow and its marks.
pub struct FlowView<'a> {
    flow: &'a mut Flow,
    words: &'a mut MarkWords,
}

impl<'a> FlowView<'a> {
    /// `flow`, whose marks lie in `words`.
    pub fn new(flow: &'a mut Flow, words: &'a mut MarkWords) -> Self {
        Self { flow, words }
    }

    /// Whether a mark was ever left.
    #[inline]
    pub fn is_marked(&self) -> bool {
        self.flow.marked
    }

    /// Whether flow bit `id` is set; never for a number there is no room for.
    #[inline]
    pub fn bit(&self, id: u16) -> bool {
        self.flow.marked && self.bit_word(id).is_some_and(|word| word & (1 << (id % 64)) != 0)
    }

    /// Sets flow bit `id`; false for a number there is no room for.
    #[must_use]
    pub fn set_bit(&mut self, id: u16) -> bool {
        self.begin();
        self.bit_word_mut(id).map(|word| *word |= 1 << (id % 64)).is_some()
    }

    /// Unsets flow bit `id`.
    pub fn unset_bit(&mut self, id: u16) {
        if self.flow.marked
            && let Some(word) = self.bit_word_mut(id)
        {
            *word &= !(1 << (id % 64));
        }
    }

    /// The value of flow integer `id`, if it was ever set.
    pub fn int(&self, id: u16) -> Option<u32> {
        let word = self.words.get(INT_WORDS)?.get(usize::from(id))?;
        (self.flow.marked && word & INT_IS_SET != 0).then_some(*word as u32)
    }

    /// Sets flow integer `id` to `value`; false for a number there is no room for.
    #[must_use]
    pub fn set_int(&mut self, id: u16, value: u32) -> bool {
        self.begin();
        let word = self.words.get_mut(INT_WORDS).and_then(|words| words.get_mut(usize::from(id)));
        word.map(|word| *word = u64::from(value) | INT_IS_SET).is_some()
    }

    /// The flow bits that are set.
    pub fn bits(&self) -> impl Iterator<Item = u16> {
        let words = if self.flow.marked { self.words.get(..BIT_WORDS) } else { None }.unwrap_or_default();
        (0_u16..).zip(words).flat_map(|(place, &word)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| place * 64 + bit)
        })
    }

    /// The flow integers that were ever set, and their values.
    pub fn ints(&self) -> impl Iterator<Item = (u16, u32)> {
        (0..FLOW_INTS as u16).filter_map(|id| Some((id, self.int(id)?)))
    }

    /// Tags the packets that follow.
    pub fn tag(&mut self, limit: TagLimit, now: Nanos) {
        self.begin();
        let mut left = self.tags();
        left.extend(limit, now);
        self.set_tags(left);
    }

    /// Whether a packet of `length` bytes is tagged. It uses up its part.
    #[inline]
    pub fn take_tag(&mut self, length: usize, now: Nanos) -> bool {
        if !self.flow.marked {
            return false;
        }
        let mut left = self.tags();
        if left == TagsLeft::default() {
            return false;
        }
        let tagged = left.take(length, now);
        self.set_tags(left);
        tagged
    }

    fn tags(&self) -> TagsLeft {
        let [.., limits, until] = *self.words;
        TagsLeft { packets: limits as u32, bytes: (limits >> 32) as u32, until: Nanos(until) }
    }

    fn set_tags(&mut self, left: TagsLeft) {
        let [.., limits, until] = self.words;
        *limits = u64::from(left.packets) | u64::from(left.bytes) << 32;
        *until = left.until.0;
    }

    /// A copy of flow and marks, for what must leave nothing behind.
    pub fn copied(&self) -> FlowCopy {
        FlowCopy { flow: *self.flow, words: if self.flow.marked { *self.words } else { [0; MARK_WORDS] } }
    }

    /// Before the first mark: what an earlier flow left in this place goes.
    fn begin(&mut self) {
        if !self.flow.marked {
            *self.words = [0; MARK_WORDS];
            self.flow.marked = true;
        }
    }

    fn bit_word(&self, id: u16) -> Option<&u64> {
        self.words.get(..BIT_WORDS)?.get(usize::from(id / 64))
    }

    fn bit_word_mut(&mut self, id: u16) -> Option<&mut u64> {
        self.words.get_mut(..BIT_WORDS)?.get_mut(usize::from(id / 64))
    }
}

impl Deref for FlowView<'_> {
    type Target = Flow;

    fn deref(&self) -> &Flow {
        self.flow
    }
}

impl DerefMut for FlowView<'_> {
    fn deref_mut(&mut self) -> &mut Flow {
        self.flow
    }
}

/// A flow outside the table, with marks of its own: a copy, or one made for a test.
#[derive(Clone, Copy, Debug)]
pub struct FlowCopy {
    /// The flow.
    pub flow: Flow,
    words: MarkWords,
}

impl Default for FlowCopy {
    fn default() -> Self {
        Self { flow: Flow::default(), words: [0; MARK_WORDS] }
    }
}

impl FlowCopy {
    /// The flow and its marks.
    pub fn view(&mut self) -> FlowView<'_> {
        FlowView::new(&mut self.flow, &mut self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::{FLOW_BITS, FLOW_INTS, Flow, FlowCopy, FlowView, MARK_WORDS, Marks};

    #[test]
    fn all_bits_and_integers_fit_at_once_and_one_beyond_is_refused() {
        let (bits, ints) = (FLOW_BITS as u16, FLOW_INTS as u16);
        let mut copy = FlowCopy::default();
        let mut view = copy.view();
        assert!((0..bits).all(|id| !view.bit(id) && view.set_bit(id)));
        assert!((0..ints).all(|id| view.int(id).is_none() && view.set_int(id, u32::from(id) * 7)));
        view.unset_bit(64);
        view.unset_bit(bits);
        assert!((0..bits).all(|id| view.bit(id) == (id != 64)));
        assert!((0..ints).all(|id| view.int(id) == Some(u32::from(id) * 7)));
        assert!(!view.set_bit(bits) && !view.bit(bits));
        assert!(!view.set_int(ints, 1) && view.int(ints).is_none());
    }

    #[test]
    fn an_integer_set_to_nothing_is_set() {
        let mut copy = FlowCopy::default();
        assert!(copy.view().set_int(3, 4) && copy.view().set_int(3, 0));
        assert_eq!((copy.view().int(3), copy.view().int(2)), (Some(0), None));
    }

    #[test]
    fn a_reused_place_starts_without_marks() {
        let mut marks = Marks::new(2);
        let mut first = Flow::default();
        let mut view = FlowView::new(&mut first, marks.get_mut(1).unwrap());
        assert!(view.set_bit(9) && view.set_int(2, 5));
        let mut next = Flow::default();
        let mut view = FlowView::new(&mut next, marks.get_mut(1).unwrap());
        assert!(!view.bit(9) && view.int(2).is_none());
        view.unset_bit(9);
        assert!(!view.marked && view.set_bit(8));
        assert!(view.bit(8) && !view.bit(9) && view.int(2).is_none());
        assert!(marks.get_mut(2).is_none() && size_of::<[u64; MARK_WORDS]>() == 272);
    }

    #[test]
    fn a_copy_leaves_nothing_behind() {
        let mut copy = FlowCopy::default();
        assert!(copy.view().set_bit(1));
        let mut other = copy.view().copied();
        assert!(other.view().bit(1) && other.view().set_bit(2));
        other.view().alerted = true;
        assert!(!copy.view().bit(2) && !copy.flow.alerted);
    }

    #[test]
    fn a_tag_lasts_for_packets_bytes_or_seconds_and_the_longest_counts() {
        use super::{Nanos, TagLimit};
        let now = Nanos::from_seconds;
        let mut copy = FlowCopy::default();
        let mut view = copy.view();
        assert!(!view.take_tag(10, now(1)) && !view.marked, "no tag, no marks");
        view.tag(TagLimit::Packets(2), now(1));
        view.tag(TagLimit::Packets(1), now(1));
        assert_eq!([1, 1, 1].map(|second| view.take_tag(10, now(second))), [true, true, false]);
        view.tag(TagLimit::Bytes(100), now(1));
        assert_eq!([60, 60, 1].map(|length| view.take_tag(length, now(1))), [true, true, false]);
        view.tag(TagLimit::Seconds(5), now(1));
        view.tag(TagLimit::Packets(1), now(1));
        assert_eq!([2, 5, 6].map(|second| view.take_tag(10, now(second))), [true, true, false]);
        assert_eq!((view.int(15), view.bit(1_023)), (None, false), "other marks are apart");
    }
}
