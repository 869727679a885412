//! The streams of one conversation that are open: found by number, given up in the order they came.
//!
//! Held by [`super::parse`]; the streams themselves lie in [`super::room`]. A stream is *begun* when the frame that may begin it came (RFC 9113 section 5.1.1), else *stray*: a frame named it too early, or
//! one that may not. A stray makes no other stream count as over, and never takes the place of one that was begun.

use super::room::{Http2Room, NONE, Stream};
use crate::{
    arena::{Arena, Buf},
    http::HttpRoom,
    room::TxRef,
};

/// Bytes of an entry of the index: number and place.
const ENTRY: usize = 8;

/// The first and the last of a list.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
}

/// The streams that are open.
#[derive(Debug)]
pub(super) struct Streams {
    /// Number and place of each, by number.
    index: Buf,
    /// Those that were begun, and strays, each in the order they came.
    lists: [Ends; 2],
}

impl Default for Streams {
    fn default() -> Self {
        Self { index: Buf::EMPTY, lists: [Ends { first: NONE, last: NONE }; 2] }
    }
}

/// Where `id` stands in the index, or would.
fn position(index: &[u8], id: u32) -> Result<usize, usize> {
    let (entries, _) = index.as_chunks::<ENTRY>();
    entries.binary_search_by_key(&id, |&[a, b, c, d, ..]| u32::from_le_bytes([a, b, c, d]))
}

impl Streams {
    /// How many are open.
    pub fn count(&self) -> usize {
        self.index.len() / ENTRY
    }

    /// The place of stream `id`; [`NONE`]: it is not open.
    ///
    /// # Cost
    /// A step each time the number of open streams doubles.
    pub fn find(&self, arena: &Arena, id: u32) -> u32 {
        let index = arena.get(&self.index);
        let found = position(index, id).ok().and_then(|at| index.as_chunks::<ENTRY>().0.get(at));
        found.map_or(NONE, |&[.., a, b, c, d]| u32::from_le_bytes([a, b, c, d]))
    }

    /// Opens stream `id`, which must not be open; none: there is no room.
    ///
    /// # Cost
    /// A move of what is behind it in the index, 8 bytes for each stream with a higher number: usually there is none.
    pub fn open(&mut self, room: &mut Http2Room, arena: &mut Arena, id: u32, tx: TxRef, is_stray: bool) -> Option<u32> {
        let at = position(arena.get(&self.index), id).err()?;
        let place = room.take(Stream::new(id, tx, is_stray))?;
        if arena.grow(&mut self.index, ENTRY).is_err() {
            room.free(place);
            return None;
        }
        let (number, where_it_is) = (id.to_le_bytes(), place.to_le_bytes());
        if let Some(behind) = arena.get_mut(&self.index).get_mut(at * ENTRY..) {
            behind.copy_within(..behind.len() - ENTRY, ENTRY);
            behind.iter_mut().zip(number.into_iter().chain(where_it_is)).for_each(|(to, from)| *to = from);
        }
        self.append(room, place, is_stray);
        Some(place)
    }

    /// The stray at `place` was begun.
    pub fn begin(&mut self, room: &mut Http2Room, place: u32) {
        if room.stream(place).is_some_and(|stream| stream.is_stray) {
            self.unlink(room, place);
            self.append(room, place, false);
        }
    }

    /// The one that is given up first when another one begins: the oldest stray, else, unless that is one too, the oldest of all.
    pub fn oldest(&self, for_stray: bool) -> u32 {
        let [begun, strays] = self.lists;
        if for_stray || strays.first != NONE { strays.first } else { begun.first }
    }

    /// Some stream that is open.
    pub fn any(&self) -> u32 {
        self.oldest(false)
    }

    /// The stream at `place` is over; what its bodies keep is given back.
    ///
    /// # Cost
    /// As of [`Streams::open`].
    pub fn close(&mut self, room: &mut Http2Room, http: &mut HttpRoom, arena: &mut Arena, place: u32) {
        let Some(id) = room.stream(place).map(|stream| stream.id) else { return };
        self.unlink(room, place);
        room.give(place, http, arena);
        if let Ok(at) = position(arena.get(&self.index), id) {
            if let Some(from_here) = arena.get_mut(&self.index).get_mut(at * ENTRY..) {
                from_here.copy_within(ENTRY.., 0);
            }
            let left = self.index.len() - ENTRY;
            arena.truncate(&mut self.index, left);
        }
    }

    /// The stream behind the one at `place`, of all of them.
    pub fn next(&self, room: &mut Http2Room, place: u32) -> u32 {
        let [begun, strays] = self.lists;
        match room.stream(place) {
            Some(stream) if stream.next == NONE && stream.is_stray => begun.first,
            Some(stream) => stream.next,
            None if strays.first != NONE => strays.first,
            None => begun.first,
        }
    }

    /// Gives back the index; streams are closed before.
    pub fn forget(&mut self, arena: &mut Arena) {
        arena.free(&mut self.index);
    }

    fn append(&mut self, room: &mut Http2Room, place: u32, is_stray: bool) {
        let [begun, strays] = &mut self.lists;
        let list = if is_stray { strays } else { begun };
        let before = std::mem::replace(&mut list.last, place);
        match room.stream(before) {
            Some(found) => found.next = place,
            None => list.first = place,
        }
        if let Some(stream) = room.stream(place) {
            (stream.before, stream.next, stream.is_stray) = (before, NONE, is_stray);
        }
    }

    fn unlink(&mut self, room: &mut Http2Room, place: u32) {
        let Some((before, next, is_stray)) = room.stream(place).map(|found| (found.before, found.next, found.is_stray))
        else {
            return;
        };
        let [begun, strays] = &mut self.lists;
        let list = if is_stray { strays } else { begun };
        match room.stream(before) {
            Some(found) => found.next = next,
            None => list.first = next,
        }
        match room.stream(next) {
            Some(found) => found.before = before,
            None => list.last = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Streams;
    use crate::{
        arena::Arena,
        http::HttpRoom,
        http2::room::{Http2Room, NONE},
        room::TxRef,
    };
    use proptest::prelude::*;

    proptest! {
        /// Against a plain list of number and whether it is a stray, in the order they came.
        #[test]
        fn streams_are_found_and_given_up_as_in_a_plain_list(steps in prop::collection::vec((0..5_u8, 1..40_u32), 1..200)) {
            let (mut room, mut http, mut arena) = (Http2Room::new(), HttpRoom::default(), Arena::new(1));
            let (mut streams, mut plain) = (Streams::default(), Vec::<(u32, bool)>::new());
            for (what, id) in steps {
                let known = plain.iter().position(|(known, _)| *known == id);
                let place = streams.find(&arena, id);
                prop_assert_eq!(place != NONE, known.is_some());
                match (what, known) {
                    (0 | 1, None) => {
                        prop_assert!(streams.open(&mut room, &mut arena, id, TxRef::NONE, what == 1).is_some());
                        plain.push((id, what == 1));
                    }
                    (0 | 1, Some(_)) => {
                        prop_assert!(streams.open(&mut room, &mut arena, id, TxRef::NONE, what == 1).is_none());
                    }
                    (2, Some(at)) => {
                        streams.begin(&mut room, place);
                        if plain[at].1 {
                            plain.remove(at);
                            plain.push((id, false));
                        }
                    }
                    (3, Some(at)) => {
                        streams.close(&mut room, &mut http, &mut arena, place);
                        plain.remove(at);
                    }
                    _ => {}
                }
                prop_assert_eq!(streams.count(), plain.len());
                let mut of = |place: u32| room.stream(place).filter(|_| place != NONE).map(|stream| (stream.id, stream.is_stray));
                let stray = plain.iter().find(|(_, is_stray)| *is_stray).copied();
                prop_assert_eq!(of(streams.oldest(true)), stray);
                prop_assert_eq!(of(streams.oldest(false)), stray.or(plain.first().copied()));
                let (mut all, mut at) = (Vec::new(), streams.next(&mut room, NONE));
                while at != NONE {
                    all.push(room.stream(at).map(|stream| (stream.id, stream.is_stray)).unwrap());
                    at = streams.next(&mut room, at);
                }
                let (strays, begun): (Vec<_>, Vec<_>) = plain.iter().copied().partition(|(_, is_stray)| *is_stray);
                prop_assert_eq!(all, [strays, begun].concat());
            }
            while streams.any() != NONE {
                let place = streams.any();
                streams.close(&mut room, &mut http, &mut arena, place);
            }
            streams.forget(&mut arena);
            prop_assert_eq!(arena.used(), 0);
        }
    }
}
