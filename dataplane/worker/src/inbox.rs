//! What the reader of a replay hands to several workers, and what they hand to each other.
//!
//! Each worker has an inbox that holds its records in rising order. A frame whose layers belong to several workers lies whole in the inbox of the
//! outermost layer's owner and as a promise in those of the others: who comes to a promise waits until the one before has judged its layers and passed
//! the frame on. Records are rising everywhere, so the lowest one that is not done can always go on, and nobody waits for ever.

use crate::{checksums::Checksums, datagrams::Packet, pipeline::At};
use crossbeam::{queue::ArrayQueue, utils::Backoff};
use sluice_core::{Nanos, order::Order};
use sluice_packet::{LinkType, defrag::Inserted};
use std::sync::Arc;

/// Most records waiting for one worker.
pub const INBOX: usize = 256;
/// Most frames on their way from worker to worker.
const HANDOVERS: u16 = 1_024;

/// What of a packet is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The frame.
    #[default]
    Frame,
    /// A frame, or a datagram put together, that holds a fragment: it is counted when it is known what becomes of it.
    Piece,
    /// A datagram put together from fragments.
    Datagram,
    /// Nothing: there was no room for its fragments, and they may go all the same.
    Released,
}

/// What a worker is to do with a frame.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// When and where it was.
    pub at: At,
    /// Whether its checksums count.
    pub checksums: Checksums,
    /// What of it is judged.
    pub view: View,
    /// What became of the fragment that it holds.
    pub fragment: Option<Inserted>,
    /// How often its fragments have been put together before.
    pub round: u8,
    /// The first layer that anybody judges: 0, but of a datagram put together its own.
    pub base: u8,
    /// First layer to be judged.
    pub first: u8,
    /// The layer behind the last one.
    pub end: u8,
    /// Where it is to be passed on to the owner of the layer behind, if there is one.
    pub onward: Option<u16>,
}

impl Job {
    /// All layers of a frame.
    pub const fn whole(at: At, checksums: Checksums) -> Self {
        Self {
            at,
            checksums,
            view: View::Frame,
            fragment: None,
            round: 0,
            base: 0,
            first: 0,
            end: u8::MAX,
            onward: None,
        }
    }
}

/// One thing in an inbox.
#[derive(Debug)]
pub enum Item {
    /// The frames that follow have this link type, and this number in their capture.
    Link(LinkType, u16),
    /// Time has come to this, just before this record.
    Clock {
        /// The record.
        record: u64,
        /// The time.
        now: Nanos,
    },
    /// A frame.
    Frame(Packet, Job),
    /// A frame that comes from another worker.
    Promise(u16, Job),
    /// There is no more.
    End,
}

impl Item {
    /// The record it is about.
    pub fn record(&self) -> Option<u64> {
        match self {
            Self::Link(..) | Self::End => None,
            Self::Clock { record, .. } => Some(*record),
            Self::Frame(_, job) | Self::Promise(_, job) => Some(job.at.record),
        }
    }
}

/// The places where frames lie between two workers.
#[derive(Debug)]
pub struct Handovers {
    places: Box<[ArrayQueue<Option<Packet>>]>,
    free: ArrayQueue<u16>,
}

impl Handovers {
    /// Empty places, as many as a replay needs.
    pub fn new() -> Arc<Self> {
        Self::with_places(HANDOVERS)
    }

    /// Empty places, at least one: with few the reader waits more.
    pub fn with_places(places: u16) -> Arc<Self> {
        let places = places.max(1);
        let free = ArrayQueue::new(usize::from(places));
        let places = (0..places)
            .map(|place| {
                // As many numbers as there is room for.
                let _ = free.push(place);
                ArrayQueue::new(1)
            })
            .collect();
        Arc::new(Self { places, free })
    }

    /// A place that is free; the reader waits for one. None when a worker is gone.
    pub fn reserve(&self, order: &Order) -> Option<u16> {
        let backoff = Backoff::new();
        loop {
            if let Some(place) = self.free.pop() {
                return Some(place);
            }
            if order.is_abandoned() {
                return None;
            }
            backoff.snooze();
        }
    }

    /// Passes a frame on, or the word that it is gone: dropped by a layer around.
    pub fn pass_on(&self, place: u16, frame: Option<Packet>) {
        if let Some(place) = self.places.get(usize::from(place)) {
            // A place is reserved for one frame, so it is empty.
            drop(place.push(frame));
        }
    }

    /// Waits for the frame of `place` and frees the place; nothing when the frame is gone, or a worker is.
    pub fn receive(&self, place: u16, gone: impl Fn() -> bool) -> Option<Packet> {
        let backoff = Backoff::new();
        let queue = self.places.get(usize::from(place))?;
        loop {
            if let Some(frame) = queue.pop() {
                // As many numbers as there is room for.
                let _ = self.free.push(place);
                return frame;
            }
            if gone() {
                return None;
            }
            backoff.snooze();
        }
    }
}

/// The reader's end of all inboxes.
#[derive(Debug)]
pub struct Inboxes {
    queues: Vec<Arc<ArrayQueue<Item>>>,
    order: Arc<Order>,
}

impl Inboxes {
    /// One inbox for each of `workers`.
    pub fn new(workers: usize, order: Arc<Order>) -> Self {
        Self { queues: (0..workers).map(|_| Arc::new(ArrayQueue::new(INBOX))).collect(), order }
    }

    /// The worker's end of inbox `worker`.
    pub fn of(&self, worker: usize) -> Option<Arc<ArrayQueue<Item>>> {
        self.queues.get(worker).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.queues.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// The order the items are handed out in.
    pub fn order(&self) -> &Arc<Order> {
        &self.order
    }

    /// Puts `item` into inbox `worker`, waiting for room: a capture has time. False when a worker is gone; the item is then freed.
    pub fn put(&self, worker: usize, item: Item) -> bool {
        let Some(queue) = self.queues.get(worker) else { return false };
        let backoff = Backoff::new();
        let mut waiting = item;
        while let Err(back) = queue.push(waiting) {
            if self.order.is_abandoned() {
                return false;
            }
            waiting = back;
            backoff.snooze();
        }
        true
    }
}
