//! What `replace` asks to be written over, in one packet.
//!
//! Filled by [`crate::run`] while a rule is judged, kept by [`crate::inspect`] when the rule matches, carried out by the worker. Of a fixed size:
//! what finds no room is left out, and [`Rewrites::note`] says so.
//!
//! Source: the rule documentation of the reference engine, "Payload Keywords: replace".

/// Places one packet can be written over in.
pub const MOST: usize = 64;
/// Bytes one packet can have written over.
pub const MOST_BYTES: usize = 4_096;

/// A place and the bytes to be written there.
#[derive(Clone, Copy, Debug, Default)]
struct Rewrite {
    offset: usize,
    start: usize,
    end: usize,
}

/// What is to be written over, in the order the rules matched: where two overlap, the later one stays.
pub struct Rewrites {
    list: [Rewrite; MOST],
    used: usize,
    bytes: Box<[u8; MOST_BYTES]>,
    refused: bool,
}

impl Default for Rewrites {
    fn default() -> Self {
        Self { list: [Rewrite::default(); MOST], used: 0, bytes: Box::new([0; MOST_BYTES]), refused: false }
    }
}

impl Rewrites {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.used = 0;
        self.refused = false;
    }

    /// How many there are: for [`Rewrites::keep`].
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether one found no room.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// Keeps the first `count`: the rule the others were of did not match after all.
    pub fn keep(&mut self, count: usize) {
        self.used = self.used.min(count);
    }

    /// Notes that `bytes` go to `offset` of the payload.
    pub fn note(&mut self, offset: usize, bytes: &[u8]) {
        let start = self.used.checked_sub(1).and_then(|last| self.list.get(last)).map_or(0, |last| last.end);
        let end = start + bytes.len();
        match (self.list.get_mut(self.used), self.bytes.get_mut(start..end)) {
            (Some(place), Some(room)) => {
                room.copy_from_slice(bytes);
                *place = Rewrite { offset, start, end };
                self.used += 1;
            }
            _ => self.refused = true,
        }
    }

    /// Offsets in the payload and the bytes that go there.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.list
            .iter()
            .take(self.used)
            .map(|rewrite| (rewrite.offset, self.bytes.get(rewrite.start..rewrite.end).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, MOST_BYTES, Rewrites};

    #[test]
    fn what_a_rule_noted_goes_when_it_does_not_match() {
        let mut rewrites = Rewrites::default();
        rewrites.note(3, b"abc");
        rewrites.note(9, b"no");
        rewrites.keep(1);
        rewrites.note(1, b"de");
        assert_eq!(rewrites.iter().collect::<Vec<_>>(), [(3, &b"abc"[..]), (1, b"de")]);
    }

    #[test]
    fn what_finds_no_room_is_left_out_and_told() {
        let mut rewrites = Rewrites::default();
        rewrites.note(0, &[0; MOST_BYTES]);
        assert!(!rewrites.is_refused());
        rewrites.note(0, b"x");
        assert!(rewrites.is_refused() && rewrites.len() == 1);
        rewrites.clear();
        (0..=MOST).for_each(|place| rewrites.note(place, b"x"));
        assert!(rewrites.is_refused() && rewrites.len() == MOST);
    }
}
