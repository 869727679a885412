//! Rules that wait for more bytes of a stream.
//!
//! The prefilter met a rule's literal, but not all of the rule was there. It is looked at again with each piece of the stream that is judged, while
//! the literal is within the window. Lists are kept for the streams that have such rules. A list that is full, or one that can't be had, is no loss:
//! then the whole window is scanned again with each piece, until a list suffices.

use super::half::is_after;

/// Rules in a list.
const MOST: usize = 15;

/// A rule that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Its number; of a rule that has matched [`MATCHED`] and a name that outlives rule sets.
    pub rule: u32,
    /// Where its literal ended, or up to where the bytes went that it matched.
    pub at: u32,
}

/// Set for a rule that has matched: bytes it was judged on then do not count for it again.
pub(super) const MATCHED: u32 = 1 << 31;

/// The rules that wait in one direction of a stream. Two cache lines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    /// The rule set whose numbers these are.
    pub generation: u32,
    used: u32,
    list: [Waiting; MOST],
}

impl Pending {
    /// The rules.
    pub fn list(&self) -> &[Waiting] {
        self.list.get(..self.used as usize).unwrap_or_default()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Adds a rule; one that waits already waits from the later place on. False when the list is full.
    pub fn add(&mut self, rule: u32, at: u32) -> bool {
        let used = self.used as usize;
        if let Some(waiting) = self.list.iter_mut().take(used).find(|waiting| waiting.rule == rule) {
            if is_after(at, waiting.at) {
                waiting.at = at;
            }
            return true;
        }
        let Some(place) = self.list.get_mut(used) else { return false };
        *place = Waiting { rule, at };
        self.used += 1;
        true
    }

    /// Adds a rule that has matched to a full list, in the place of one that waits, or of the one that matched furthest back.
    pub fn add_instead(&mut self, rule: u32, at: u32) {
        let oldest = |waiting: &&mut Waiting| at.wrapping_sub(waiting.at) as i32;
        let matched = |waiting: &&mut Waiting| waiting.rule & MATCHED != 0;
        let place = self.list.iter_mut().max_by_key(|waiting| (!matched(waiting), oldest(waiting)));
        if let Some(place) = place {
            *place = Waiting { rule, at };
        }
    }

    /// Takes out rule `rule` unless it waits from behind `to` on.
    pub fn remove(&mut self, rule: u32, to: u32) {
        let used = self.used as usize;
        let Some(place) = self.list().iter().position(|waiting| waiting.rule == rule) else { return };
        if self.list.get(place).is_some_and(|waiting| !is_after(waiting.at, to)) {
            self.list.copy_within(place + 1..used, place);
            self.used -= 1;
        }
    }

    /// Keeps the rules that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(Waiting) -> bool) {
        let mut kept = 0;
        for place in 0..self.used as usize {
            let Some(&waiting) = self.list.get(place) else { break };
            if keep(waiting) {
                if let Some(to) = self.list.get_mut(kept) {
                    *to = waiting;
                }
                kept += 1;
            }
        }
        self.used = kept as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::{MATCHED, MOST, Pending, Waiting};

    #[test]
    fn a_rule_waits_once_and_a_full_list_says_so() {
        let mut pending = Pending::default();
        assert!((0..MOST as u32).all(|rule| pending.add(rule, 5)));
        assert!(pending.add(3, 9) && !pending.add(99, 9));
        assert!(pending.add(3, 7), "what ends earlier does not change it");
        assert_eq!((pending.list().len(), pending.list()[3]), (MOST, Waiting { rule: 3, at: 9 }));
        pending.retain(|waiting| waiting.at == 9);
        assert_eq!(pending.list(), [Waiting { rule: 3, at: 9 }]);
        assert!(!pending.is_empty() && pending.add(99, 9) && pending.add(7, 11));
        pending.remove(3, 8);
        pending.remove(5, 100);
        assert_eq!(pending.list().len(), 3, "one waits from behind that on, the other is not there");
        pending.remove(3, 9);
        pending.remove(7, 11);
        assert_eq!(pending.list(), [Waiting { rule: 99, at: 9 }]);
    }

    #[test]
    fn in_a_full_list_a_match_takes_the_place_of_a_rule_that_waits_and_then_of_the_oldest_match() {
        let mut pending = Pending::default();
        assert!((0..MOST as u32).all(|rule| pending.add(rule, 1_000 - rule)));
        (0..MOST as u32).for_each(|rule| pending.add_instead(rule | MATCHED, 2_000 + rule));
        assert!(pending.list().iter().all(|waiting| waiting.rule & MATCHED != 0));
        pending.add_instead(99 | MATCHED, 3_000);
        assert!(pending.list().contains(&Waiting { rule: 99 | MATCHED, at: 3_000 }));
        assert!(!pending.list().iter().any(|waiting| waiting.rule == MATCHED), "the first of them is forgotten");
    }
}
