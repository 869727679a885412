//! Who holds how much: the sources of datagrams that are not whole, by weight.
//!
//! A source weighs the chunks and the datagrams it holds. Sources above their share lie in lists by the binary logarithm of their weight, so the heaviest is found in a fixed number
//! of steps, to within a factor of two. Those below it lie in none: they are never asked to make room before others are, then the oldest datagram of all goes. So one sender can't
//! push out the others, and a flood from many made-up senders pushes out what is oldest.

use super::list::{Link, List, claim, entry};
use sluice_core::HashKey;

/// Lists by weight.
const CLASSES: usize = 32;

/// One source. The datagrams it holds are a list through the trackers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Source {
    key: [u64; 2],
    pub weight: u32,
    /// Its list, from 1; 0 below its share.
    class: u32,
    /// Its datagrams, the oldest first.
    pub trackers: List,
    of_class: Link,
    bucket: u32,
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
    /// Binary logarithm of the share.
    share: u32,
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
            share: share.max(2).ilog2(),
        }
    }

    const fn class_of(&self, weight: u32) -> u32 {
        u32::BITS - (weight >> self.share).leading_zeros()
    }

    fn bucket(&self, key: &[u64; 2]) -> u32 {
        let [high, low] = *key;
        self.secret.hash3(&[high, low, 0]) as u32 & (self.buckets.len() as u32).wrapping_sub(1)
    }

    /// The source of this key, made when there is none; 0 when there is no room, which can't be while there are as many places as datagrams.
    pub(crate) fn of(&mut self, key: [u64; 2]) -> u32 {
        let bucket = self.bucket(&key);
        let head = self.buckets.get(bucket as usize).copied().unwrap_or(0);
        let mut number = head;
        while let Some(source) = entry(&mut self.all, number) {
            if source.key == key {
                return number;
            }
            number = source.next;
        }
        let Some(number) = claim(&mut self.all, &mut self.free, |source| source.next) else { return 0 };
        if let Some(source) = entry(&mut self.all, number) {
            *source = Source { key, bucket, next: head, ..Source::default() };
        }
        if let Some(head) = self.buckets.get_mut(bucket as usize) {
            *head = number;
        }
        number
    }

    pub(crate) fn get(&mut self, number: u32) -> Option<&mut Source> {
        entry(&mut self.all, number)
    }

    /// Moves the weight of a source; one of no weight is forgotten.
    #[inline(always)]
    pub(crate) fn weigh(&mut self, number: u32, more: u32, less: u32) {
        let Some(source) = entry(&mut self.all, number) else { return };
        source.weight = source.weight.saturating_add(more).saturating_sub(less);
        let (before, weight) = (source.class, source.weight);
        let class = self.class_of(weight);
        if class != before {
            self.reclass(number, before, class);
        }
        if weight == 0 {
            self.forget(number);
        }
    }

    /// Moves a source from list to list.
    #[cold]
    fn reclass(&mut self, number: u32, before: u32, class: u32) {
        let Self { all, classes, .. } = self;
        let place = |class: u32| (class as usize).wrapping_sub(1);
        if let Some(list) = classes.get_mut(place(before)) {
            list.remove(all, number, |source| &mut source.of_class);
        }
        if let Some(list) = classes.get_mut(place(class)) {
            list.push(all, number, |source| &mut source.of_class);
        }
        if let Some(source) = entry(all, number) {
            source.class = class;
        }
    }

    fn forget(&mut self, number: u32) {
        let Some(source) = entry(&mut self.all, number) else { return };
        let bucket = source.bucket;
        let after = std::mem::replace(&mut source.next, std::mem::replace(&mut self.free, number));
        let Some(head) = self.buckets.get_mut(bucket as usize) else { return };
        if *head == number {
            *head = after;
            return;
        }
        let mut at = *head;
        while let Some(source) = entry(&mut self.all, at) {
            if source.next == number {
                source.next = after;
                return;
            }
            at = source.next;
        }
    }

    /// The heaviest source that holds more than its share, by its oldest datagram; none when all keep to it.
    pub(crate) fn oldest_of_heaviest(&mut self) -> Option<u32> {
        let list = self.classes.iter().rev().find(|list| list.first != 0)?;
        let first = list.first;
        self.get(first).map(|source| source.trackers.first).filter(|tracker| *tracker != 0)
    }
}
