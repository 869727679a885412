//! Doubly linked lists through the entries of one array, by their number from 1; 0 is nobody.
//!
//! Used by `store` and `sources` to keep entries in order of age without moving them.

/// An entry's neighbours.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    pub before: u32,
    pub behind: u32,
}

/// A list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct List {
    pub first: u32,
    pub last: u32,
}

/// Entry number `number` of `all`.
#[inline]
pub(crate) fn entry<T>(all: &mut [T], number: u32) -> Option<&mut T> {
    all.get_mut((number as usize).wrapping_sub(1))
}

/// Puts `value` into a place that is free (`free` is the first of those, `next` the one behind it) or was never used; none when all are taken. Never allocates.
pub(crate) fn place<T>(all: &mut Vec<T>, free: &mut u32, next: impl Fn(&T) -> u32, value: T) -> Option<u32> {
    if let Some(place) = entry(all, *free) {
        let number = std::mem::replace(free, next(place));
        *place = value;
        return Some(number);
    }
    (all.len() < all.capacity()).then(|| {
        all.push(value);
        all.len() as u32
    })
}

impl List {
    /// Puts `number`, which is in no list of this kind, at the end.
    pub(crate) fn push<T>(&mut self, all: &mut [T], number: u32, link: impl Fn(&mut T) -> &mut Link) {
        if let Some(mine) = entry(all, number) {
            *link(mine) = Link { before: self.last, behind: 0 };
        }
        match entry(all, self.last) {
            Some(last) => link(last).behind = number,
            None => self.first = number,
        }
        self.last = number;
    }

    /// Takes `number`, which is in this list, out.
    pub(crate) fn remove<T>(&mut self, all: &mut [T], number: u32, link: impl Fn(&mut T) -> &mut Link) {
        let Some(Link { before, behind }) = entry(all, number).map(|mine| std::mem::take(link(mine))) else { return };
        match entry(all, before) {
            Some(before) => link(before).behind = behind,
            None => self.first = behind,
        }
        match entry(all, behind) {
            Some(behind) => link(behind).before = before,
            None => self.last = before,
        }
    }
}
