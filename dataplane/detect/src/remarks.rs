//! What rules take out of one packet for the records of all its alerts: groups of expressions, and the entropy of buffers. What one alert alone tells is in [`crate::contexts`].
//!
//! Filled by [`crate::run`] while a rule is judged, kept by [`crate::inspect`] and its kin when the rule matches, told of by the worker. Of a fixed size: what finds no room is left out, for it
//! is told with an alert and decides about nothing.
//!
//! Source: the rule documentation of the reference engine, "Payload Keywords: pcre", "entropy".

use sluice_core::RemarkKind;

/// Remarks one packet can have.
pub const MOST: usize = 64;
/// Bytes of all of them.
pub const MOST_BYTES: usize = 8_192;
/// Bytes of one; longer ones are cut.
pub const LONGEST: usize = 1_024;
/// Buffers whose entropy is told.
const MOST_ENTROPIES: usize = 16;

/// Where a group of an expression goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapturedFor {
    /// The flow, or the packet: a text under the name of this number.
    All(RemarkKind, u16),
    /// The alert of the rule alone: by this number of [`crate::Ruleset::context_sources`].
    Alert(u16),
}

/// A group of an expression that is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The group, from 1.
    pub group: u8,
    /// Where it goes.
    pub to: CapturedFor,
}

#[derive(Clone, Copy, Debug)]
struct Remark {
    kind: RemarkKind,
    name: u16,
    start: usize,
    end: usize,
}

/// What was taken out of the packet at hand.
pub struct Remarks {
    list: Vec<Remark>,
    bytes: Vec<u8>,
    entropies: Vec<(u16, f64)>,
}

impl Default for Remarks {
    fn default() -> Self {
        Self {
            list: Vec::with_capacity(MOST),
            bytes: Vec::with_capacity(MOST_BYTES),
            entropies: Vec::with_capacity(MOST_ENTROPIES),
        }
    }
}

impl Remarks {
    /// Forgets all: another packet.
    #[inline]
    pub fn clear(&mut self) {
        self.list.clear();
        self.bytes.clear();
        self.entropies.clear();
    }

    /// How many there are: for [`Remarks::keep`].
    #[inline]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.entropies.is_empty()
    }

    /// Keeps the first `count`: the rule the others were of did not match after all.
    #[inline]
    pub fn keep(&mut self, count: usize) {
        if self.list.len() > count {
            self.list.truncate(count);
            self.bytes.truncate(self.list.last().map_or(0, |last| last.end));
        }
    }

    /// Notes what a group captured.
    pub fn note(&mut self, kind: RemarkKind, name: u16, text: &[u8]) {
        let text = text.get(..LONGEST).unwrap_or(text);
        let start = self.bytes.len();
        if self.list.len() < MOST && start + text.len() <= MOST_BYTES {
            self.bytes.extend_from_slice(text);
            self.list.push(Remark { kind, name, start, end: self.bytes.len() });
        }
    }

    /// Notes the entropy of the buffer of this name; the last one counts, whether its rule matches or not.
    pub fn entropy(&mut self, name: u16, value: f64) {
        let place = self.entropies.iter().position(|(known, _)| *known == name).unwrap_or(self.entropies.len());
        match self.entropies.get_mut(place) {
            Some((_, known)) => *known = value,
            None if place < MOST_ENTROPIES => self.entropies.push((name, value)),
            None => {}
        }
    }

    /// What is told with each alert of the packet.
    pub fn all(&self) -> impl Iterator<Item = (RemarkKind, u16, &[u8])> {
        let text = |remark: &Remark| self.bytes.get(remark.start..remark.end).unwrap_or_default();
        self.list.iter().map(move |remark| (remark.kind, remark.name, text(remark)))
    }

    /// What is for the flow.
    pub fn of_flow(&self) -> impl Iterator<Item = (RemarkKind, u16, &[u8])> {
        self.all().filter(|(kind, ..)| *kind == RemarkKind::FlowText)
    }

    /// The entropies, by name.
    pub fn entropies(&self) -> &[(u16, f64)] {
        &self.entropies
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MOST, MOST_BYTES, Remarks};
    use sluice_core::RemarkKind;

    #[test]
    fn what_a_rule_took_that_did_not_match_is_forgotten() {
        let mut remarks = Remarks::default();
        remarks.note(RemarkKind::PacketText, 1, b"one");
        remarks.note(RemarkKind::FlowText, 2, b"all's");
        remarks.note(RemarkKind::PacketText, 3, b"no match");
        remarks.keep(2);
        remarks.note(RemarkKind::PacketText, 3, b"another");
        let all: Vec<_> = remarks.all().map(|(_, name, text)| (name, text)).collect();
        assert_eq!(all, [(1, b"one".as_slice()), (2, b"all's"), (3, b"another")]);
        assert_eq!(remarks.of_flow().count(), 1);
    }

    #[test]
    fn what_finds_no_room_is_left_out() {
        let mut remarks = Remarks::default();
        let long = vec![b'a'; LONGEST + 1];
        for _ in 0..MOST_BYTES / LONGEST + 1 {
            remarks.note(RemarkKind::PacketText, 1, &long);
        }
        assert_eq!(remarks.len(), MOST_BYTES / LONGEST);
        remarks.clear();
        (0..=MOST).for_each(|_| remarks.note(RemarkKind::PacketText, 1, b""));
        assert_eq!(remarks.len(), MOST);
        (0..100).for_each(|name| remarks.entropy(name, f64::from(name)));
        remarks.entropy(0, 5.0);
        assert_eq!((remarks.entropies().len(), remarks.entropies().first()), (16, Some(&(0, 5.0))));
    }
}
