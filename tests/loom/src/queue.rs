//! Stands in for `crossbeam::queue::ArrayQueue`: the same algorithm over loom's atomics, and as weak.
//!
//! A bounded queue after D. Vyukov, as crossbeam's is: a slot's stamp says whose turn it is. What a reader can know of a slot it knows through that stamp (acquire)
//! alone, so a model sees an item as late as the real queue would show it. The value itself lies in a mutex that nobody ever waits for, since no unsafe code is
//! wanted here; that crossbeam moves it soundly is crossbeam's own model's matter.

use loom::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

struct Slot<T> {
    /// `2 * lap` when it can be filled in that lap, one more when it is full.
    stamp: AtomicUsize,
    value: Mutex<Option<T>>,
}

/// A bounded queue.
pub struct ArrayQueue<T> {
    slots: Box<[Slot<T>]>,
    head: AtomicUsize,
    tail: AtomicUsize,
}

impl<T> std::fmt::Debug for ArrayQueue<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ArrayQueue").field("capacity", &self.slots.len()).finish_non_exhaustive()
    }
}

impl<T> ArrayQueue<T> {
    /// Room for `capacity` items.
    pub fn new(capacity: usize) -> Self {
        let slot = |_| Slot { stamp: AtomicUsize::new(0), value: Mutex::new(None) };
        Self { slots: (0..capacity).map(slot).collect(), head: AtomicUsize::new(0), tail: AtomicUsize::new(0) }
    }

    /// The slot of the item with this number, and the lap it is in.
    fn slot(&self, number: usize) -> (&Slot<T>, usize) {
        (&self.slots[number % self.slots.len()], number / self.slots.len())
    }

    /// Puts `value` in, or gives it back when the queue is full.
    pub fn push(&self, value: T) -> Result<(), T> {
        let mut number = self.tail.load(Ordering::Relaxed);
        loop {
            let (slot, lap) = self.slot(number);
            if slot.stamp.load(Ordering::Acquire) != 2 * lap {
                let now = self.tail.load(Ordering::Relaxed);
                if now == number {
                    return Err(value);
                }
                number = now;
                continue;
            }
            match self.tail.compare_exchange(number, number + 1, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => {
                    *slot.value.lock().unwrap() = Some(value);
                    slot.stamp.store(2 * lap + 1, Ordering::Release);
                    return Ok(());
                }
                Err(now) => number = now,
            }
        }
    }

    /// Takes the oldest item.
    pub fn pop(&self) -> Option<T> {
        let mut number = self.head.load(Ordering::Relaxed);
        loop {
            let (slot, lap) = self.slot(number);
            if slot.stamp.load(Ordering::Acquire) != 2 * lap + 1 {
                let now = self.head.load(Ordering::Relaxed);
                if now == number {
                    return None;
                }
                number = now;
                continue;
            }
            match self.head.compare_exchange(number, number + 1, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => {
                    let value = slot.value.lock().unwrap().take();
                    slot.stamp.store(2 * (lap + 1), Ordering::Release);
                    return value;
                }
                Err(now) => number = now,
            }
        }
    }

    /// Whether there was nothing in it.
    pub fn is_empty(&self) -> bool {
        let head = self.head.load(Ordering::SeqCst);
        self.tail.load(Ordering::SeqCst) == head
    }
}
