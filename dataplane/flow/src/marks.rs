//! Marks that rules leave on a flow: flow bits and flow integers.
//!
//! A mark is a number, given to its name by the control core. A flow has room for every number there is: traffic that sets many marks
//! can't push out, or keep out, the one an attack would set. Names beyond the room are refused when rules are compiled.

/// A set of numbers below `64 * WORDS`.
#[derive(Clone, Copy, Debug)]
pub struct BitSet<const WORDS: usize> {
    words: [u64; WORDS],
}

impl<const WORDS: usize> Default for BitSet<WORDS> {
    fn default() -> Self {
        Self { words: [0; WORDS] }
    }
}

impl<const WORDS: usize> BitSet<WORDS> {
    /// Whether `id` is set; never for a number there is no room for.
    #[inline]
    pub fn contains(&self, id: u16) -> bool {
        self.words.get(usize::from(id / 64)).is_some_and(|word| word & (1 << (id % 64)) != 0)
    }

    /// Sets `id`; false for a number there is no room for.
    #[must_use]
    pub fn insert(&mut self, id: u16) -> bool {
        self.words.get_mut(usize::from(id / 64)).map(|word| *word |= 1 << (id % 64)).is_some()
    }

    /// Unsets `id`.
    pub fn remove(&mut self, id: u16) {
        if let Some(word) = self.words.get_mut(usize::from(id / 64)) {
            *word &= !(1 << (id % 64));
        }
    }
}

/// Integers with numbers below `N`, which is at most 32.
#[derive(Clone, Copy, Debug)]
pub struct IntSet<const N: usize> {
    values: [u32; N],
    /// Which were ever set.
    set: u32,
}

impl<const N: usize> Default for IntSet<N> {
    fn default() -> Self {
        const { assert!(N <= 32) };
        Self { values: [0; N], set: 0 }
    }
}

impl<const N: usize> IntSet<N> {
    /// The value of `id`, if it was ever set.
    pub fn get(&self, id: u16) -> Option<u32> {
        self.values.get(usize::from(id)).copied().filter(|_| self.set & (1 << id) != 0)
    }

    /// Sets `id` to `value`; false for a number there is no room for.
    #[must_use]
    pub fn set(&mut self, id: u16, value: u32) -> bool {
        let Some(place) = self.values.get_mut(usize::from(id)) else { return false };
        *place = value;
        self.set |= 1 << id;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{BitSet, IntSet};

    #[test]
    fn all_bits_fit_at_once_and_one_beyond_is_refused() {
        let mut set = BitSet::<2>::default();
        assert!((0..128).all(|id| !set.contains(id) && set.insert(id)));
        set.remove(64);
        set.remove(999);
        assert!((0..128).all(|id| set.contains(id) == (id != 64)));
        assert!(!set.insert(128) && !set.contains(128));
    }

    #[test]
    fn integers_are_unset_at_first_and_replaced_in_place() {
        let mut set = IntSet::<32>::default();
        assert_eq!(set.get(31), None);
        assert!(set.set(31, 4) && set.set(31, 0));
        assert_eq!((set.get(31), set.get(30)), (Some(0), None));
        assert!(!set.set(32, 1));
        assert_eq!(set.get(32), None);
    }
}
