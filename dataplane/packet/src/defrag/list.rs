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

/// Number of a place that is free (`free` is the first of those, `next` the one behind it) or was never used; none when all are taken. What lies there is to be written over. Never
/// allocates.
#[inline(always)]
pub(crate) fn claim<T: Default>(all: &mut Vec<T>, free: &mut u32, next: impl Fn(&T) -> u32) -> Option<u32> {
    if let Some(place) = entry(all, *free) {
        return Some(std::mem::replace(free, next(place)));
    }
    (all.len() < all.capacity()).then(|| {
        all.push(T::default());
        all.len() as u32
    })
}

impl List {
    /// Puts `number`, which is in no list of this kind, at the end; what its link must be from now on.
    #[inline(always)]
    pub(crate) fn append<T>(&mut self, all: &mut [T], number: u32, link: impl Fn(&mut T) -> &mut Link) -> Link {
        let before = std::mem::replace(&mut self.last, number);
        match entry(all, before) {
            Some(last) => link(last).behind = number,
            None => self.first = number,
        }
        Link { before, behind: 0 }
    }

    /// Puts `number`, which is in no list of this kind, at the end.
    pub(crate) fn push<T>(&mut self, all: &mut [T], number: u32, link: impl Fn(&mut T) -> &mut Link) {
        let mine = self.append(all, number, &link);
        if let Some(entry) = entry(all, number) {
            *link(entry) = mine;
        }
    }

    /// Takes `number`, which is in this list, out.
    #[inline(always)]
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
