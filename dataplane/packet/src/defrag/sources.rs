//! Who holds how much: the sources of datagrams that are not whole, by weight.
//!
//! A source weighs the chunks and the datagrams it holds. Sources lie in lists by the binary logarithm of their weight, so the heaviest is found in a fixed number of
//! steps, to within a factor of two. Those below their share are never asked to make room before others are: then the oldest datagram of all goes. So one sender can't push out
//! the others, and a flood from many made-up senders pushes out what is oldest.

use super::list::{Link, List, entry, place};
use sluice_core::HashKey;

/// Lists by weight.
const CLASSES: usize = 32;

/// One source. The datagrams it holds are a list through the trackers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Source {
    key: [u64; 2],
    pub weight: u32,
    class: usize,
    /// Its datagrams, the oldest first.
    pub trackers: List,
    of_class: Link,
    /// The next one in its bucket, or among the free ones.
    next: u32,
}

/// All sources.
pub(crate) struct Sources {
    all: Vec<Source>,
    free: u32,
    buckets: Box<[u32]>,
    classes: [List; CLASSES],
    secret: HashKey,
    /// Sources of this class and above hold more than their share.
    heavy: usize,
}

fn class_of(weight: u32) -> usize {
    weight.checked_ilog2().unwrap_or(0) as usize
}

impl Sources {
    /// Room for `most` sources; `share`: the weight from which one is heavy.
    pub(crate) fn new(most: u32, share: u32, secret: HashKey) -> Self {
        Self {
            all: Vec::with_capacity(most as usize),
            free: 0,
            buckets: vec![0; (most as usize * 2).next_power_of_two()].into_boxed_slice(),
            classes: [List::default(); CLASSES],
            secret,
            heavy: class_of(share).max(1),
        }
    }

    fn bucket(&mut self, key: &[u64; 2]) -> Option<&mut u32> {
        let [high, low] = *key;
        let place = self.secret.hash3(&[high, low, 0]) as usize & (self.buckets.len() - 1);
        self.buckets.get_mut(place)
    }

    /// The source of this key, made when there is none; 0 when there is no room, which can't be while there are as many places as datagrams.
    pub(crate) fn of(&mut self, key: [u64; 2]) -> u32 {
        let head = self.bucket(&key).map_or(0, |head| *head);
        let mut number = head;
        while let Some(source) = entry(&mut self.all, number) {
            if source.key == key {
                return number;
            }
            number = source.next;
        }
        let fresh = Source { key, next: head, ..Source::default() };
        let Some(number) = place(&mut self.all, &mut self.free, |source| source.next, fresh) else { return 0 };
        if let Some(head) = self.bucket(&key) {
            *head = number;
        }
        if let Some(class) = self.classes.first_mut() {
            class.push(&mut self.all, number, |source| &mut source.of_class);
        }
        number
    }

    pub(crate) fn get(&mut self, number: u32) -> Option<&mut Source> {
        entry(&mut self.all, number)
    }

    /// Moves the weight of a source; one of no weight is forgotten.
    pub(crate) fn weigh(&mut self, number: u32, more: u32, less: u32) {
        let Some(source) = entry(&mut self.all, number) else { return };
        source.weight = source.weight.saturating_add(more).saturating_sub(less);
        let (before, key, weight) = (source.class, source.key, source.weight);
        let class = class_of(weight);
        source.class = class;
        if weight > 0 && class == before {
            return;
        }
        if let Some(list) = self.classes.get_mut(before) {
            list.remove(&mut self.all, number, |source| &mut source.of_class);
        }
        match self.classes.get_mut(class) {
            Some(list) if weight > 0 => list.push(&mut self.all, number, |source| &mut source.of_class),
            _ => self.forget(number, &key),
        }
    }

    fn forget(&mut self, number: u32, key: &[u64; 2]) {
        let after = entry(&mut self.all, number).map_or(0, |source| source.next);
        let mut at = self.bucket(key).map_or(0, |head| *head);
        if at == number {
            if let Some(head) = self.bucket(key) {
                *head = after;
            }
        } else {
            while let Some(source) = entry(&mut self.all, at) {
                if source.next == number {
                    source.next = after;
                    break;
                }
                at = source.next;
            }
        }
        let free = std::mem::replace(&mut self.free, number);
        if let Some(source) = entry(&mut self.all, number) {
            *source = Source { next: free, ..Source::default() };
        }
    }

    /// The heaviest source that holds more than its share, by its oldest datagram; none when all keep to it.
    pub(crate) fn oldest_of_heaviest(&mut self) -> Option<u32> {
        let list = self.classes.iter().skip(self.heavy).rev().find(|list| list.first != 0)?;
        let first = list.first;
        self.get(first).map(|source| source.trackers.first).filter(|tracker| *tracker != 0)
    }
}
