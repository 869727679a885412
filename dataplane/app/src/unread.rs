//! What one end of a conversation has said that was not read yet.
//!
//! Kept by [`crate::applications`]: while no protocol is known the first bytes of each end wait here, and what does not fit is counted, so that the parser learns of a hole; later what a parser wants to see together.

use crate::arena::{Arena, Buf};

/// Bytes of one end that are looked at to recognise a protocol, at most.
pub(crate) const MOST_DOUBT: usize = 4_096;
/// Ends of lines in front of what tells the protocol that are kept: clients of text send some, servers pass over any number of them, and no other protocol begins with so many.
const MOST_BLANK: usize = 64;

/// What one end has said that was not read yet.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    pub(crate) bytes: Buf,
    /// Bytes the parser wants to see together.
    pub(crate) wants: u32,
    /// Nothing more of this end is read.
    pub(crate) over: bool,
    /// Its bytes tell no protocol.
    pub(crate) doubtful: bool,
    /// What it speaks was compared with what the other end does.
    pub(crate) compared: bool,
    /// Bytes it said while no protocol was known.
    pub(crate) said: u32,
    /// Bytes of those that were not kept, behind those that were.
    pub(crate) dropped: u32,
    /// What it speaks, where that is not what the flow does.
    pub(crate) spoke: Option<&'static str>,
}

impl Unread {
    /// Keeps what fits of `bytes`, which this end said while no protocol was known; false: there was no room in `waiting`.
    pub(crate) fn doubt(&mut self, waiting: &mut Arena, bytes: &[u8]) -> bool {
        let room = if self.dropped > 0 { 0 } else { self.room() };
        let part = bytes.get(..room).unwrap_or(bytes);
        let fits = part.is_empty() || waiting.push(&mut self.bytes, part).is_ok();
        self.drop(bytes.len() - if fits { part.len() } else { 0 });
        fits
    }

    /// So many bytes are not kept.
    pub(crate) fn drop(&mut self, count: usize) {
        self.dropped = self.dropped.saturating_add(count.min(u32::MAX as usize) as u32);
    }

    /// Bytes that may be kept while no protocol is known.
    pub(crate) const fn room(&self) -> usize {
        MOST_DOUBT.saturating_sub(self.bytes.len())
    }

    /// How many of `bytes`, which this end says next, are ends of lines that need not be kept because so many came before.
    pub(crate) fn blanks(&self, waiting: &Arena, bytes: &[u8]) -> usize {
        let is_blank = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let kept = waiting.get(&self.bytes);
        if kept.len() > MOST_BLANK || kept.iter().any(|byte| !is_blank(&byte)) {
            return 0;
        }
        let all = bytes.iter().take_while(is_blank).count();
        all.saturating_sub(MOST_BLANK - kept.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{Arena, MOST_DOUBT, Unread};

    #[test]
    fn what_does_not_fit_is_counted_and_nothing_is_kept_behind_it() {
        let (mut waiting, mut end) = (Arena::new(1 << 20), Unread::default());
        assert!(end.doubt(&mut waiting, &[1; 4_000]) && end.dropped == 0);
        assert!(end.doubt(&mut waiting, &[2; 100]));
        assert_eq!((end.bytes.len(), end.dropped), (MOST_DOUBT, 4));
        waiting.drop_front(&mut end.bytes, 1_000);
        assert!(end.doubt(&mut waiting, &[3; 10]));
        assert_eq!((end.bytes.len(), end.dropped), (MOST_DOUBT - 1_000, 14), "a hole is never in the middle");
        waiting.free(&mut end.bytes);
    }

    #[test]
    fn only_ends_of_lines_that_come_first_are_left_out() {
        let (mut waiting, mut end) = (Arena::new(1 << 20), Unread::default());
        assert_eq!(end.blanks(&waiting, b"\r\nGET"), 0);
        assert_eq!(end.blanks(&waiting, &[b'\n'; 100]), 36);
        assert!(end.doubt(&mut waiting, &[b'\r'; 60]));
        assert_eq!(end.blanks(&waiting, b"\n\n\n\n\n\nGET"), 2);
        assert_eq!(end.blanks(&waiting, b"GET\n\n\n\n\n\n"), 0);
        assert!(end.doubt(&mut waiting, b"G"));
        assert_eq!(end.blanks(&waiting, &[b'\n'; 100]), 0);
        waiting.free(&mut end.bytes);
    }
}
