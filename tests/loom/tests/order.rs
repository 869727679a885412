//! Models of `core/src/order.rs`: turns of workers and the merge of what they tell.

use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};
use sluice_loom::{
    order::{InOrder, Order, Position, Seat, Turn},
    queue::ArrayQueue,
};
use std::sync::Arc;

type Inbox = Arc<ArrayQueue<u64>>;

/// What records change, unguarded but for the order: loom reports two threads in it at once, and who is there without seeing what was done before.
#[derive(Default)]
struct SharedState {
    touched: UnsafeCell<()>,
    last: AtomicU64,
}

impl SharedState {
    fn touch(&self, record: u64) {
        self.touched.with_mut(|_| ());
        assert_eq!(self.last.load(Relaxed), record - 1, "record {record} sees all before it");
        self.last.store(record, Relaxed);
    }
}

/// The loop of `Worker::serve`, without what it does to packets. Ends behind record `last`.
fn serve(inbox: &Inbox, seat: &Seat, last: u64, mut work: impl FnMut(u64)) {
    loop {
        let dispatched = seat.dispatched();
        let Some(record) = inbox.pop() else {
            seat.stand_at(dispatched + 1);
            if dispatched == last || seat.is_abandoned() {
                return;
            }
            thread::yield_now();
            continue;
        };
        seat.stand_at(record);
        work(record);
    }
}

/// The reader's thread is worker 0's too, the other thread is worker 1's: with a third thread that spins loom follows schedules in which two yield to each
/// other for ever. Record `n` belongs to worker `to[n - 1]`.
fn turns(to: &'static [usize]) {
    loom::model(move || {
        let order = Order::new(2);
        let inboxes: [Inbox; 2] = [Arc::new(ArrayQueue::new(2)), Arc::new(ArrayQueue::new(2))];
        let state = Arc::new(SharedState::default());
        let worker = |number: usize| {
            let (seat, inbox) = (Seat::new(Arc::clone(&order), number), Arc::clone(&inboxes[number]));
            let state = Arc::clone(&state);
            move || {
                let mut turn = Turn::new(Some(seat.clone()));
                serve(&inbox, &seat, to.len() as u64, |record| {
                    turn.begin(record);
                    turn.wait();
                    state.touch(record);
                });
            }
        };
        let other = thread::spawn(worker(1));
        for (record, &worker) in (1..).zip(to) {
            inboxes[worker].push(record).expect("room");
            order.dispatch(record);
        }
        worker(0)();
        other.join().unwrap();
        assert_eq!(state.last.load(Relaxed), to.len() as u64);
    });
}

#[test]
fn a_worker_whose_turn_it_is_sees_what_earlier_records_of_others_did() {
    turns(&[1, 0]);
    turns(&[0, 1]);
}

#[test]
fn turns_come_round_when_workers_have_several_records() {
    turns(&[0, 1, 0]);
    turns(&[1, 0, 1]);
}

#[test]
fn a_worker_without_records_holds_nobody_up() {
    turns(&[0, 0]);
    turns(&[1, 1]);
}

#[test]
fn nobody_waits_for_ever_for_a_worker_that_is_gone() {
    loom::model(|| {
        let order = Order::new(2);
        let inbox: Inbox = Arc::new(ArrayQueue::new(2));
        let gone = {
            let order = Arc::clone(&order);
            // Takes record 1 and never stands behind it.
            thread::spawn(move || {
                Seat::new(Arc::clone(&order), 0).stand_at(1);
                order.abandon();
            })
        };
        inbox.push(2).unwrap();
        order.dispatch(2);
        let seat = Seat::new(Arc::clone(&order), 1);
        let mut turn = Turn::new(Some(seat.clone()));
        serve(&inbox, &seat, 2, |record| {
            turn.begin(record);
            turn.wait();
            assert!(seat.is_abandoned(), "let go before record 1 was done");
        });
        gone.join().unwrap();
    });
}

#[test]
fn what_workers_tell_comes_out_in_the_order_of_their_records() {
    // The control core's thread is worker 0's too: its record 2 is done and told. Worker 1 has record 1.
    loom::model(|| {
        let order = Order::new(2);
        let inbox: Inbox = Arc::new(ArrayQueue::new(2));
        let rings = vec![Arc::new(ArrayQueue::new(2)), Arc::new(ArrayQueue::new(2))];
        let seat = Seat::new(Arc::clone(&order), 0);
        let other = {
            let seat = Seat::new(Arc::clone(&order), 1);
            let (inbox, ring): (Inbox, Inbox) = (Arc::clone(&inbox), Arc::clone(&rings[1]));
            thread::spawn(move || {
                serve(&inbox, &seat, 2, |record| ring.push(record).unwrap());
                // The end of a worker: what it tells behind all records, then its leave.
                ring.push(Position::END.record).unwrap();
                seat.stand_at(u64::MAX);
            })
        };
        inbox.push(1).unwrap();
        order.dispatch(1);
        rings[0].push(2).unwrap();
        order.dispatch(2);
        seat.stand_at(u64::MAX);
        let mut merged = InOrder::new(rings, Some(order));
        let mut told = Vec::new();
        let mut next = |merged: &mut InOrder<Inbox, u64>| {
            let taken = merged.next(|ring| ring.pop(), |&record| Position::layer(record, 0)).map(|(_, record)| record);
            told.extend(taken);
            taken.is_some()
        };
        // Now and then while they work, and to the end when they are done.
        for _ in 0..3 {
            if !next(&mut merged) {
                thread::yield_now();
            }
        }
        other.join().unwrap();
        merged.finish();
        while next(&mut merged) {}
        assert_eq!(told, [1, 2, Position::END.record]);
    });
}
