//! Datagrams put together, on their way from who put them together to who judges them, and the pool they come from and go back to.
//!
//! Made at the start, as many as can be under way; handed about in boxes, so that queues move a pointer. Used by [`crate::gather`], [`crate::fragments`] and
//! [`crate::pieces`].

use crate::inbox::Job;
use crossbeam::{queue::ArrayQueue, utils::Backoff};
use sluice_core::{Cause, order::Order};
use sluice_dpdk::Mbuf;
use sluice_packet::defrag::Whole;
use std::sync::Arc;

/// What the reader and the workers of a replay hand to each other.
#[derive(Debug)]
pub enum Packet {
    /// A frame.
    Frame(Mbuf),
    /// A frame that holds a fragment, and the datagram that it makes whole.
    Piece(Mbuf, Option<Box<Datagram>>),
    /// A datagram.
    Whole(Box<Datagram>),
    /// What it was has been dropped.
    Gone(Cause),
}

/// A datagram put together.
#[derive(Debug)]
pub struct Datagram {
    /// Its bytes and frames.
    pub whole: Whole,
    /// What is to be done with it.
    pub job: Option<Job>,
    /// The port its last fragment came in by; live.
    pub lane: usize,
    /// The datagram that it, holding a fragment, makes whole.
    pub next: Option<Box<Self>>,
}

impl Datagram {
    /// Frames that it and those inside it consist of.
    pub fn frame_count(&self) -> u64 {
        let mut count = self.whole.frame_count();
        let mut next = &self.next;
        while let Some(inner) = next {
            count += inner.whole.frame_count();
            next = &inner.next;
        }
        count
    }
}

/// Datagrams that are free.
#[derive(Debug)]
pub struct Datagrams {
    free: ArrayQueue<Box<Datagram>>,
}

impl Datagrams {
    /// A pool of `count`. `inline`: with room for frames. Their pages are touched when they are first used.
    pub fn new(count: usize, inline: bool) -> Arc<Self> {
        let free = ArrayQueue::new(count.max(1));
        for _ in 0..count.max(1) {
            // As many as there is room for.
            drop(free.push(Box::new(Datagram { whole: Whole::new(inline), job: None, lane: 0, next: None })));
        }
        Arc::new(Self { free })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.free.capacity()
    }

    /// One that is free.
    pub fn take(&self) -> Option<Box<Datagram>> {
        self.free.pop()
    }

    /// One that is free; waits for it. None when a worker is gone.
    pub fn wait(&self, order: &Order) -> Option<Box<Datagram>> {
        let backoff = Backoff::new();
        loop {
            if let Some(datagram) = self.take() {
                return Some(datagram);
            }
            if order.is_abandoned() {
                return None;
            }
            backoff.snooze();
        }
    }

    /// Gives one back, and those inside it.
    pub fn give_back(&self, datagram: Box<Datagram>) {
        let mut next = Some(datagram);
        while let Some(mut datagram) = next {
            next = datagram.next.take();
            // There is a place for each.
            drop(self.free.push(datagram));
        }
    }
}
