//! Models of what goes round in queues: event slots, rule sets, frames on their way from worker to worker.

use loom::thread;
use sluice_loom::{
    Inspector, Mbuf, Ruleset,
    generation::{Generation, Parcel, Post, mailbox},
    inbox::Handovers,
    leave::Leave,
    order::Order,
    queue::ArrayQueue,
    ring::{WhenFull, event_ring},
};
use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

#[test]
fn a_sender_that_waits_loses_no_event_and_keeps_their_order() {
    loom::model(|| {
        let (mut sender, receiver) = event_ring(0, 1, 0, WhenFull::Wait);
        let worker = thread::spawn(move || (1..=3).for_each(|record| assert!(sender.send(|slot| slot.record = record))));
        let mut seen = Vec::new();
        while seen.len() < 3 {
            if !receiver.receive(|slot| seen.push((slot.sequence, slot.record))) {
                thread::yield_now();
            }
        }
        worker.join().unwrap();
        assert_eq!(seen, [(1, 1), (2, 2), (3, 3)]);
    });
}

#[test]
fn a_sender_that_loses_counts_every_event_that_does_not_arrive() {
    loom::model(|| {
        let (mut sender, receiver) = event_ring(0, 1, 0, WhenFull::Lose);
        let worker = thread::spawn(move || {
            for record in 1..=3 {
                sender.send(|slot| slot.record = record);
            }
            sender.lost()
        });
        let mut seen: Vec<u64> = Vec::new();
        receiver.receive(|slot| seen.push(slot.sequence));
        let lost = worker.join().unwrap();
        while receiver.receive(|slot| seen.push(slot.sequence)) {}
        assert_eq!(seen.len() as u64 + lost, 3);
        assert!(seen.is_sorted_by(|a, b| a < b));
    });
}

fn generation(number: u32, freed: &Arc<AtomicU32>) -> Parcel {
    let inspector = Inspector { freed_by_worker: Arc::clone(freed), disarmed: false };
    Box::new(Generation { ruleset: Arc::new(Ruleset(number)), inspector })
}

#[test]
fn every_rule_set_comes_back_to_the_control_core_and_no_worker_frees_one() {
    const LAST: u32 = 3;
    loom::model(|| {
        let freed = Arc::new(AtomicU32::new(0));
        let (post, mailbox) = mailbox();
        let mut current = generation(0, &freed);
        let worker = thread::spawn(move || {
            // Looks between bursts, until the last one is here.
            while current.ruleset.0 < LAST {
                if !mailbox.exchange(&mut current) {
                    thread::yield_now();
                }
            }
            current
        });
        let mut back = Vec::new();
        let fetch = |post: &Post, back: &mut Vec<u32>| {
            if let Some(mut old) = post.returned() {
                old.inspector.disarm();
                back.push(old.ruleset.0);
            }
        };
        for number in 1..=LAST {
            let mut parcel = generation(number, &freed);
            // The publisher does not wait for what comes back: it comes again at once.
            while let Err(refused) = post.publish(parcel) {
                parcel = refused;
                fetch(&post, &mut back);
                thread::yield_now();
            }
        }
        let mut current = worker.join().unwrap();
        current.inspector.disarm();
        fetch(&post, &mut back);
        drop(current);
        assert_eq!(freed.load(Ordering::Relaxed), 0, "a worker freed a rule set");
        assert_eq!(back, [0, 1, 2]);
    });
}

fn frame(number: u32) -> Option<Mbuf> {
    NonZeroU32::new(number).map(Mbuf)
}

#[test]
fn a_frame_promised_comes_or_is_known_to_be_gone() {
    loom::model(|| {
        let (order, handovers) = (Order::new(2), Handovers::with_places(2));
        let places = [1, 2].map(|_| handovers.reserve(&order).unwrap());
        let first = {
            let handovers = Arc::clone(&handovers);
            thread::spawn(move || {
                handovers.pass_on(places[0], frame(7));
                handovers.pass_on(places[1], None);
            })
        };
        assert_eq!(handovers.receive(places[0], || false), frame(7));
        assert_eq!(handovers.receive(places[1], || false), None);
        first.join().unwrap();
        // Both places are free again, and empty.
        for _ in 0..4 {
            let place = handovers.reserve(&order).unwrap();
            handovers.pass_on(place, frame(9));
            assert_eq!(handovers.receive(place, || false), frame(9));
        }
    });
}

#[test]
fn workers_that_stop_leave_no_packet_behind() {
    // Worker 0 has one packet for worker 1, which hands it back: in worker 0 it is done.
    const HANDS: u32 = 2;
    loom::model(|| {
        let leave = Arc::new(Leave::new(2, HANDS as usize));
        let inboxes: Arc<[ArrayQueue<u32>; 2]> = Arc::new([ArrayQueue::new(2), ArrayQueue::new(2)]);
        let work_off = |worker: usize, leave: &Leave, inboxes: &[ArrayQueue<u32>; 2]| {
            let mut done = 0;
            leave.work_off(|| {
                let Some(hands) = inboxes[worker].pop() else { return false };
                if hands < HANDS {
                    inboxes[1 - worker].push(hands + 1).unwrap();
                } else {
                    done += 1;
                }
                true
            });
            done
        };
        let other = {
            let (leave, inboxes) = (Arc::clone(&leave), Arc::clone(&inboxes));
            thread::spawn(move || work_off(1, &leave, &inboxes))
        };
        inboxes[1].push(1).unwrap();
        let done = work_off(0, &leave, &inboxes);
        assert_eq!(done + other.join().unwrap(), 1);
        assert!(inboxes.iter().all(ArrayQueue::is_empty));
    });
}
