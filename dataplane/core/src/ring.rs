//! The ring of event records from one worker to the control core.
//!
//! Two bounded queues and a fixed set of slots that go round: a worker takes an empty slot, fills it, sends it; the control core
//! renders it and gives it back. Nothing is allocated after start. When no slot is free the event is lost and counted (live) or
//! the worker waits (replay, where the capture waits too): the caller chooses by [`WhenFull`].

use crate::{event::EventSlot, sync::yield_now};
use crossbeam::queue::ArrayQueue;
use std::sync::Arc;

/// What a sender does when every slot is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Count the loss and go on: live traffic does not wait.
    Lose,
    /// Wait for the control core: a capture has time.
    Wait,
}

struct Shared {
    free: ArrayQueue<Box<EventSlot>>,
    full: ArrayQueue<Box<EventSlot>>,
}

/// The worker's end.
pub struct EventSender {
    shared: Arc<Shared>,
    when_full: WhenFull,
    worker: u16,
    sequence: u64,
    lost: u64,
}

/// The control core's end.
pub struct EventReceiver {
    shared: Arc<Shared>,
}

/// A ring of `slots` slots that carry up to `slot_bytes` bytes of a packet each.
pub fn event_ring(worker: u16, slots: usize, slot_bytes: usize, when_full: WhenFull) -> (EventSender, EventReceiver) {
    let slots = slots.max(1);
    let shared = Arc::new(Shared { free: ArrayQueue::new(slots), full: ArrayQueue::new(slots) });
    for _ in 0..slots {
        // The queue has a place for each slot, so a push can't fail.
        let _ = shared.free.push(Box::new(EventSlot::with_capacity(slot_bytes)));
    }
    let sender = EventSender { shared: Arc::clone(&shared), when_full, worker, sequence: 0, lost: 0 };
    (sender, EventReceiver { shared })
}

impl EventSender {
    /// Fills a free slot and sends it; false when it was lost.
    ///
    /// # Cost
    /// Two queue operations. Per event, never per packet.
    pub fn send(&mut self, fill: impl FnOnce(&mut EventSlot)) -> bool {
        self.sequence += 1;
        let Some(mut slot) = self.take() else {
            self.lost += 1;
            return false;
        };
        slot.worker = self.worker;
        slot.sequence = self.sequence;
        slot.set_bytes(&[]);
        fill(&mut slot);
        self.shared.full.push(slot).is_ok()
    }

    /// Events lost so far because no slot was free.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn take(&self) -> Option<Box<EventSlot>> {
        loop {
            match (self.shared.free.pop(), self.when_full) {
                (Some(slot), _) => return Some(slot),
                (None, WhenFull::Lose) => return None,
                (None, WhenFull::Wait) => yield_now(),
            }
        }
    }
}

impl EventReceiver {
    /// Hands the next record to `read` and gives its slot back; false when there is none.
    pub fn receive(&self, read: impl FnOnce(&EventSlot)) -> bool {
        let Some(slot) = self.take() else { return false };
        read(&slot);
        self.give_back(slot);
        true
    }

    /// The next record. To be given back: the worker has no other slots.
    pub fn take(&self) -> Option<Box<EventSlot>> {
        self.shared.full.pop()
    }

    /// Gives the slot of a record back.
    pub fn give_back(&self, slot: Box<EventSlot>) {
        // The queue has a place for each slot of this ring; another ring's would be freed here.
        drop(self.shared.free.push(slot));
    }
}

#[cfg(test)]
mod tests {
    use super::{WhenFull, event_ring};

    #[test]
    fn records_arrive_in_order_with_dense_numbers() {
        let (mut sender, receiver) = event_ring(3, 4, 8, WhenFull::Lose);
        for n in 0..4_u8 {
            assert!(sender.send(|slot| slot.set_bytes(&[n])));
        }
        let mut seen = Vec::new();
        while receiver.receive(|slot| seen.push((slot.worker, slot.sequence, slot.bytes().to_vec()))) {}
        assert_eq!(seen, (1..5).map(|n| (3, n, vec![n as u8 - 1])).collect::<Vec<_>>());
    }

    #[test]
    fn a_full_ring_loses_counts_and_leaves_a_gap_in_the_numbers() {
        let (mut sender, receiver) = event_ring(0, 2, 0, WhenFull::Lose);
        assert!(sender.send(|_| {}) && sender.send(|_| {}));
        assert!(!sender.send(|_| {}));
        assert_eq!(sender.lost(), 1);
        assert!(receiver.receive(|_| {}));
        assert!(sender.send(|_| {}));
        let mut numbers = Vec::new();
        while receiver.receive(|slot| numbers.push(slot.sequence)) {}
        assert_eq!(numbers, [2, 4]);
    }

    #[test]
    fn bytes_beyond_the_capacity_are_cut_not_grown() {
        let (mut sender, receiver) = event_ring(0, 1, 4, WhenFull::Lose);
        sender.send(|slot| slot.set_bytes(&[9; 100]));
        receiver.receive(|slot| assert_eq!(slot.bytes(), [9; 4]));
    }

    #[test]
    fn a_waiting_sender_goes_on_when_a_slot_comes_back() {
        let (mut sender, receiver) = event_ring(0, 1, 0, WhenFull::Wait);
        let worker = std::thread::spawn(move || (0..1000).all(|_| sender.send(|_| {})));
        let mut seen = 0;
        while seen < 1000 {
            seen += u32::from(receiver.receive(|_| {}));
        }
        assert!(worker.join().unwrap());
    }
}
