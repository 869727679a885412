//! The order of packets among the workers of a replay.
//!
//! A reader hands the records of a capture to workers in rising order; each worker says where it stands. From that follows when every record before
//! another one is done: then state shared between flows may be used ([`Turn`]), and then what workers tell may be written ([`InOrder`]). So a replay
//! says the same whatever the number of workers. Live traffic has no order: a [`Turn`] without a seat never waits.
//!
//! Used by `sluice-worker` and by the control core. Plain atomics, no lock: one writer each; modelled in `tests/loom`.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crossbeam::utils::{Backoff, CachePadded};
use std::sync::Arc;

/// Where in a run something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Number of the record, from 1, over all captures of the run.
    pub record: u64,
    /// Within the record: 0 for what the clock did before it, then its layers from the outermost on.
    pub stage: u8,
}

impl Position {
    /// What the clock did just before `record`.
    pub const fn clock(record: u64) -> Self {
        Self { record, stage: 0 }
    }

    /// What layer `layer` of `record` did.
    pub const fn layer(record: u64, layer: u8) -> Self {
        Self { record, stage: layer.saturating_add(1) }
    }

    /// Behind all records.
    pub const END: Self = Self::clock(u64::MAX - 1);

    /// Whether this is the clock's doing.
    pub const fn is_clock(self) -> bool {
        self.stage == 0
    }
}

/// Who stands where.
#[derive(Debug)]
pub struct Order {
    /// Every record up to this one has been handed over.
    dispatched: CachePadded<AtomicU64>,
    /// For each worker: all its records below this number are done, and all that was to be told of them has been sent.
    next: Box<[CachePadded<AtomicU64>]>,
    /// Somebody is gone: nobody waits any more.
    abandoned: AtomicBool,
}

impl Order {
    /// For `workers` workers; nothing handed over yet.
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            dispatched: CachePadded::default(),
            next: (0..workers).map(|_| CachePadded::default()).collect(),
            abandoned: AtomicBool::new(false),
        })
    }

    /// The reader's word: everything up to `record` lies with its worker.
    pub fn dispatch(&self, record: u64) {
        // Release: who sees this number also finds the records in the rings they were pushed to before.
        self.dispatched.store(record, Ordering::Release);
    }

    /// A worker is gone without having finished: whoever waits for it stops waiting, and the run is not sound.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    /// To be held by whoever others wait for, while it works: when it panics, it is gone.
    pub fn attend(self: &Arc<Self>) -> Attendance {
        Attendance(Arc::clone(self))
    }

    /// Whether a worker is gone.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Records of `worker` below this number are done.
    fn next(&self, worker: usize) -> u64 {
        // Acquire: what the worker did and sent before it stored the number is seen.
        self.next.get(worker).map_or(u64::MAX, |next| next.load(Ordering::Acquire))
    }

    /// Whether every record before `record` is done.
    fn all_done_before(&self, record: u64) -> bool {
        (0..self.next.len()).all(|worker| self.next(worker) >= record)
    }
}

/// Makes known that its holder is gone when that panics. Only the one who panics can tell that from having finished, at once and for certain.
#[derive(Debug)]
pub struct Attendance(Arc<Order>);

impl Drop for Attendance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandon();
        }
    }
}

/// A worker's place in the order.
#[derive(Clone, Debug)]
pub struct Seat {
    order: Arc<Order>,
    worker: usize,
}

impl Seat {
    /// The place of worker number `worker`.
    pub fn new(order: Arc<Order>, worker: usize) -> Self {
        Self { order, worker }
    }

    /// Everything up to this record has been handed over. To be read before looking whether there is work.
    pub fn dispatched(&self) -> u64 {
        self.order.dispatched.load(Ordering::Acquire)
    }

    /// All records of this worker below `record` are done, and what was to be told of them is sent.
    pub fn stand_at(&self, record: u64) {
        if let Some(next) = self.order.next.get(self.worker) {
            // Release: see `Order::next`. The one writer of this number.
            next.store(record, Ordering::Release);
        }
    }

    /// Whether a worker is gone.
    pub fn is_abandoned(&self) -> bool {
        self.order.is_abandoned()
    }

    fn wait_for_all_before(&self, record: u64) {
        let backoff = Backoff::new();
        while !self.order.all_done_before(record) && !self.is_abandoned() {
            // Yields after some spins: workers may outnumber processors in a replay.
            backoff.snooze();
        }
    }
}

/// The right to use state shared between flows, packet by packet.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    seat: Option<Seat>,
    record: u64,
    taken: bool,
}

impl Turn {
    /// Turns of the worker in `seat`; without one every turn is at once.
    pub const fn new(seat: Option<Seat>) -> Self {
        Self { seat, record: 0, taken: false }
    }

    /// The packet at hand is `record`.
    #[inline]
    pub const fn begin(&mut self, record: u64) {
        self.taken = self.seat.is_none() || (self.taken && record == self.record);
        self.record = record;
    }

    /// Waits until every packet before this one is done. At once when there is one worker, when live, and from the second call on.
    #[inline]
    pub fn wait(&mut self) {
        if !self.taken {
            self.taken = true;
            if let Some(seat) = &self.seat {
                seat.wait_for_all_before(self.record);
            }
        }
    }
}

/// What several workers told, in the order of their packets.
pub struct InOrder<S, T> {
    sources: Vec<(S, Option<T>)>,
    order: Option<Arc<Order>>,
}

impl<S, T> InOrder<S, T> {
    /// Reads `sources`, one for each worker of `order`. Without an order there is nothing to wait for.
    pub fn new(sources: Vec<S>, order: Option<Arc<Order>>) -> Self {
        Self { sources: sources.into_iter().map(|source| (source, None)).collect(), order }
    }

    /// Whether nothing has been taken from a source without having been handed out.
    pub fn holds_nothing(&self) -> bool {
        self.sources.iter().all(|(_, head)| head.is_none())
    }

    /// All workers are done: from now on nothing is waited for.
    pub fn finish(&mut self) {
        self.order = None;
    }

    /// The next in order, with the place of its source, if it is certain that none comes before it.
    pub fn next(&mut self, take: impl Fn(&S) -> Option<T>, position: impl Fn(&T) -> Position) -> Option<(&S, T)> {
        let mut first: Option<(Position, usize)> = None;
        // Nothing at or behind this record is certain yet.
        let mut certain_below = u64::MAX;
        for (place, (source, head)) in self.sources.iter_mut().enumerate() {
            // The number is read before the ring: what was told of records below it is then in the ring or already here.
            let next = self.order.as_ref().map_or(u64::MAX, |order| order.next(place));
            if head.is_none() {
                *head = take(source);
            }
            match head {
                Some(head) => first = [first, Some((position(head), place))].into_iter().flatten().min(),
                None => certain_below = certain_below.min(next),
            }
        }
        let (position, place) = first?;
        if position.record >= certain_below && certain_below != u64::MAX {
            return None;
        }
        let (source, head) = self.sources.get_mut(place)?;
        Some((source, head.take()?))
    }
}

#[cfg(test)]
mod tests {
    use super::{InOrder, Order, Position, Seat, Turn};
    use crossbeam::queue::ArrayQueue;
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    #[test]
    fn what_the_clock_did_comes_before_the_layers_of_its_record() {
        let order =
            [Position::clock(3), Position::layer(3, 0), Position::layer(3, 1), Position::clock(4), Position::END];
        assert!(order.is_sorted());
        assert!(Position::END.is_clock() && !Position::layer(3, 0).is_clock());
    }

    #[test]
    fn a_turn_without_a_seat_never_waits() {
        let mut turn = Turn::default();
        turn.begin(7);
        turn.wait();
    }

    #[test]
    fn nothing_is_handed_out_while_something_before_it_may_come() {
        let order = Order::new(2);
        let queues = [Arc::new(ArrayQueue::new(8)), Arc::new(ArrayQueue::new(8))];
        let seats = [0, 1].map(|worker| Seat::new(Arc::clone(&order), worker));
        let mut merged = InOrder::new(queues.to_vec(), Some(Arc::clone(&order)));
        let next = |merged: &mut InOrder<Arc<ArrayQueue<u64>>, u64>| {
            merged.next(|queue| queue.pop(), |&record| Position::layer(record, 0)).map(|(_, record)| record)
        };
        queues[1].push(2).unwrap();
        assert_eq!(next(&mut merged), None, "worker 0 may still tell of record 1");
        seats[0].stand_at(2);
        assert_eq!(next(&mut merged), None, "worker 0 may still tell of record 2 itself");
        queues[0].push(1).unwrap();
        assert_eq!(next(&mut merged), Some(1));
        seats[0].stand_at(3);
        assert_eq!(next(&mut merged), Some(2));
        queues[0].push(9).unwrap();
        queues[1].push(8).unwrap();
        merged.finish();
        assert_eq!([next(&mut merged), next(&mut merged), next(&mut merged)], [Some(8), Some(9), None]);
    }

    #[test]
    fn workers_take_turns_in_the_order_of_their_records() {
        const WORKERS: usize = 4;
        const RECORDS: u64 = 4_000;
        let order = Order::new(WORKERS);
        let inboxes: Vec<_> = (0..WORKERS).map(|_| Arc::new(ArrayQueue::new(16))).collect();
        let last = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for (worker, inbox) in inboxes.iter().enumerate() {
                let (seat, last) = (Seat::new(Arc::clone(&order), worker), &last);
                scope.spawn(move || {
                    let mut turn = Turn::new(Some(seat.clone()));
                    loop {
                        let dispatched = seat.dispatched();
                        let Some(record) = inbox.pop() else {
                            seat.stand_at(dispatched + 1);
                            std::thread::yield_now();
                            if dispatched == RECORDS && inbox.is_empty() {
                                break;
                            }
                            continue;
                        };
                        seat.stand_at(record);
                        turn.begin(record);
                        if record % 3 == 0 {
                            turn.wait();
                            assert!(last.swap(record, Ordering::Relaxed) < record);
                        }
                    }
                });
            }
            for record in 1..=RECORDS {
                let inbox = &inboxes[(record * 7 % 5) as usize % WORKERS];
                while inbox.push(record).is_err() {
                    std::thread::yield_now();
                }
                order.dispatch(record);
            }
        });
        assert_eq!(last.into_inner(), RECORDS / 3 * 3);
    }

    #[test]
    fn nobody_waits_for_a_worker_that_is_gone() {
        let order = Order::new(2);
        let mut turn = Turn::new(Some(Seat::new(Arc::clone(&order), 0)));
        order.abandon();
        turn.begin(5);
        turn.wait();
    }

    #[test]
    fn who_panics_is_gone_and_who_finishes_is_not() {
        let order = Order::new(2);
        let attends = order.attend();
        std::thread::spawn(move || drop(attends)).join().unwrap();
        assert!(!order.is_abandoned());
        let attends = order.attend();
        let gone = std::thread::spawn(move || {
            let _attends = attends;
            panic!("a defect");
        });
        let mut turn = Turn::new(Some(Seat::new(Arc::clone(&order), 0)));
        turn.begin(5);
        turn.wait();
        assert!(gone.join().is_err() && order.is_abandoned());
    }
}
