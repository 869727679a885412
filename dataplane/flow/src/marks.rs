//! Marks that rules leave on a flow: flow bits and flow integers.
//!
//! Ids are names interned by the control core. Small fixed sets inside the flow: a rule that asks for more than fits is refused and
//! the worker counts it, so a flow never grows.

/// A small set of ids.
#[derive(Clone, Copy, Debug)]
pub struct IdSet<const N: usize> {
    ids: [u16; N],
    used: u8,
}

impl<const N: usize> Default for IdSet<N> {
    fn default() -> Self {
        Self { ids: [0; N], used: 0 }
    }
}

impl<const N: usize> IdSet<N> {
    /// The ids in the set, in the order they were set.
    pub fn ids(&self) -> &[u16] {
        self.ids.get(..usize::from(self.used)).unwrap_or_default()
    }

    /// Whether `id` is set.
    pub fn contains(&self, id: u16) -> bool {
        self.ids().contains(&id)
    }

    /// Sets `id`; false when there is no room for it.
    #[must_use]
    pub fn insert(&mut self, id: u16) -> bool {
        if self.contains(id) {
            return true;
        }
        match self.ids.get_mut(usize::from(self.used)) {
            Some(place) => {
                *place = id;
                self.used += 1;
                true
            }
            None => false,
        }
    }

    /// Unsets `id`.
    pub fn remove(&mut self, id: u16) {
        if let Some(place) = self.ids().iter().position(|&other| other == id) {
            self.ids.copy_within(place + 1..usize::from(self.used), place);
            self.used -= 1;
        }
    }
}

/// A small set of named integers.
#[derive(Clone, Copy, Debug)]
pub struct IntSet<const N: usize> {
    values: [(u16, u32); N],
    used: u8,
}

impl<const N: usize> Default for IntSet<N> {
    fn default() -> Self {
        Self { values: [(0, 0); N], used: 0 }
    }
}

impl<const N: usize> IntSet<N> {
    fn used(&self) -> &[(u16, u32)] {
        self.values.get(..usize::from(self.used)).unwrap_or_default()
    }

    /// The value of `id`, if it was ever set.
    pub fn get(&self, id: u16) -> Option<u32> {
        self.used().iter().find(|(other, _)| *other == id).map(|(_, value)| *value)
    }

    /// Sets `id` to `value`; false when there is no room for it.
    #[must_use]
    pub fn set(&mut self, id: u16, value: u32) -> bool {
        let place = self.used().iter().position(|(other, _)| *other == id).unwrap_or(usize::from(self.used));
        let Some(entry) = self.values.get_mut(place) else { return false };
        *entry = (id, value);
        if place == usize::from(self.used) {
            self.used += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{IdSet, IntSet};

    #[test]
    fn a_full_set_refuses_and_keeps_what_it_has() {
        let mut set = IdSet::<2>::default();
        assert!(set.insert(5) && set.insert(6) && set.insert(5));
        assert!(!set.insert(7));
        set.remove(5);
        assert!(!set.contains(5) && set.contains(6));
        assert!(set.insert(7));
        assert_eq!(set.ids(), [6, 7]);
    }

    #[test]
    fn integers_are_replaced_in_place() {
        let mut set = IntSet::<1>::default();
        assert_eq!(set.get(1), None);
        assert!(set.set(1, 4) && set.set(1, 5));
        assert_eq!(set.get(1), Some(5));
        assert!(!set.set(2, 1));
    }
}
