//! Rules that wait for more bytes of a stream, and rules that have matched on some.
//!
//! Asked and told by `sluice-detect` while it judges a piece; the lists themselves are in `pending`.

use super::{
    pending::{MATCHED, Pending},
    store::{StreamRef, Streams},
};
use crate::shares::NOBODY;

impl Streams {
    pub(super) fn give_list_back(&mut self, at: StreamRef) {
        let Some(stream) = self.streams.get_mut(at.place as usize) else { return };
        let partition = usize::from(stream.partition);
        let Some(half) = stream.halves.get_mut(at.direction.index()) else { return };
        let list = std::mem::replace(&mut half.pending, NOBODY);
        if list != NOBODY {
            let next_free = self.list_shares.give_back(partition, list);
            if let Some(list) = self.lists.get_mut(list as usize) {
                list.generation = next_free;
            }
        }
    }

    /// No rule waits any more.
    pub fn forget_rules(&mut self, at: StreamRef) {
        self.give_list_back(at);
        if let Some(half) = self.half_mut(at) {
            half.crowded = false;
        }
    }

    /// Makes the list one of rule set `generation`. Whether the rules that wait are not known one by one, so that the window is to be scanned.
    pub fn is_crowded(&mut self, at: StreamRef, generation: u32) -> bool {
        let Some(stream) = self.streams.get_mut(at.place as usize) else { return false };
        let Some(half) = stream.halves.get_mut(at.direction.index()) else { return false };
        if let Some(list) = self.lists.get_mut(half.pending as usize)
            && list.generation != generation
        {
            list.generation = generation;
            list.retain(|waiting| waiting.rule & MATCHED != 0);
            half.crowded = true;
        }
        half.crowded
    }

    /// From now on the list is to be trusted: the window has been scanned and every literal in it brought to [`Streams::wait`], which comes next.
    pub fn restart_list(&mut self, at: StreamRef) {
        let list = self.half_mut(at).map_or(NOBODY, |half| {
            half.crowded = false;
            half.pending
        });
        if let Some(list) = self.lists.get_mut(list as usize) {
            list.retain(|waiting| waiting.rule & MATCHED != 0);
        }
    }

    /// A rule has matched bytes before `to`. `name` is the same for that rule in every rule set.
    pub fn matched(&mut self, at: StreamRef, name: u32, to: u32, generation: u32) {
        let crowded = self.half(at).is_some_and(|half| half.crowded);
        // Also in a list that is not to be trusted about those that wait.
        if let Some(half) = self.half_mut(at) {
            half.crowded = false;
        }
        self.wait(at, name | MATCHED, to, generation);
        let (gave_way, list) = self.half(at).map_or((false, NOBODY), |half| (half.crowded, half.pending));
        // A rule that waits gives way: the window is scanned for it again. Without a list the worst is that this one matches twice.
        if gave_way && let Some(list) = self.lists.get_mut(list as usize) {
            list.add_instead(name | MATCHED, to);
        }
        if let Some(half) = self.half_mut(at) {
            half.crowded = crowded || gave_way;
        }
    }

    /// Up to where the bytes go that do not count for a rule any more, if it has matched.
    pub fn matched_to(&self, at: StreamRef, name: u32) -> Option<u32> {
        let list = self.half(at).and_then(|half| self.lists.get(half.pending as usize))?;
        list.list().iter().find(|waiting| waiting.rule == name | MATCHED).map(|waiting| waiting.at)
    }

    /// Rule `rule` waits, whose literal ended at offset `end`.
    pub fn wait(&mut self, at: StreamRef, rule: u32, end: u32, generation: u32) {
        let Some(stream) = self.streams.get_mut(at.place as usize) else { return };
        let partition = usize::from(stream.partition);
        let Some(half) = stream.halves.get_mut(at.direction.index()) else { return };
        if half.crowded {
            return;
        }
        if half.pending == NOBODY {
            let lists = &self.lists;
            let taken = self
                .list_shares
                .take(partition, |list| lists.get(list as usize).map_or(NOBODY, |list| list.generation));
            let Some(list) = taken else {
                half.crowded = true;
                return;
            };
            let mut empty = Pending::default();
            empty.generation = generation;
            match self.lists.get_mut(list as usize) {
                Some(place) => *place = empty,
                // Within the capacity they were made with.
                None => self.lists.push(empty),
            }
            half.pending = list;
        }
        half.crowded = !self.lists.get_mut(half.pending as usize).is_some_and(|list| list.add(rule, end));
    }

    /// Whether a rule waits, or one that has matched is known.
    #[inline]
    pub fn remembers(&self, at: StreamRef) -> bool {
        self.half(at).is_some_and(|half| half.pending != NOBODY)
    }

    /// Rules that wait, also those whose literal was found in bytes that are not judged yet: it may stand in earlier ones as well.
    pub fn waiting(&self, at: StreamRef) -> impl Iterator<Item = u32> {
        let list = self.half(at).and_then(|half| self.lists.get(half.pending as usize));
        let waiting = list.map(Pending::list).unwrap_or_default();
        waiting.iter().filter(|waiting| waiting.rule & MATCHED == 0).map(|waiting| waiting.rule)
    }

    /// Rule `rule` was judged on the bytes before `to`, and waits for none of them any more. Where its literal was found behind them it still waits.
    pub fn waits_no_more(&mut self, at: StreamRef, rule: u32, to: u32) {
        let list = self.half(at).map_or(NOBODY, |half| half.pending);
        if let Some(list) = self.lists.get_mut(list as usize) {
            list.remove(rule, to);
        }
    }
}
