//! Worker lcores, two of them, on the one processor every machine has.
#![cfg(test)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use sluice_dpdk::{Burst, Mempool};
use support::{start, turn};

fn options() -> sluice_dpdk::EalOptions {
    support::options(2, &["net_null0"])
}

#[test]
fn worker_lcores_run_closures_and_can_be_taken_again() {
    let (eal, _turn) = turn(options);
    for _ in 0..3 {
        let lcores = eal.worker_lcores();
        assert_eq!(lcores.iter().map(|lcore| lcore.id()).collect::<Vec<_>>(), [1, 2]);
        assert!(eal.worker_lcores().is_empty(), "an lcore has one holder");
        let handles: Vec<_> = lcores
            .into_iter()
            .map(|lcore| {
                let id = lcore.id();
                lcore.launch(move || (id, std::thread::current().id())).expect("an idle lcore")
            })
            .collect();
        let main = std::thread::current().id();
        for handle in handles {
            let lcore = handle.id();
            let (id, thread) = handle.join().expect("no panic");
            assert_eq!(id, lcore);
            assert_ne!(thread, main);
        }
    }
}

#[test]
fn a_panic_on_an_lcore_is_reported_by_join_and_the_lcore_lives() {
    let (eal, _turn) = turn(options);
    let mut lcores = eal.worker_lcores();
    let lcore = lcores.pop().expect("an idle lcore");
    let handle = lcore.launch(|| -> u32 { std::panic::panic_any(13_u64) }).expect("an idle lcore");
    let payload = handle.join().expect_err("a panic");
    assert_eq!(payload.downcast_ref::<u64>(), Some(&13));
    drop(lcores);
    let again = eal.worker_lcores();
    assert_eq!(again.len(), 2);
    for lcore in again {
        assert_eq!(lcore.launch(|| 7).expect("an idle lcore").join().expect("no panic"), 7);
    }
}

#[test]
fn an_lcore_whose_handle_was_dropped_is_free_when_its_closure_ends() {
    let (eal, _turn) = turn(options);
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let mut lcores = eal.worker_lcores();
    let lcore = lcores.pop().expect("an idle lcore");
    let handle = lcore
        .launch(move || {
            while !told.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        })
        .expect("an idle lcore");
    assert!(!handle.is_finished());
    drop((handle, lcores));
    let one = eal.worker_lcores();
    assert_eq!(one.len(), 1);
    drop(one);
    stop.store(true, Ordering::Relaxed);
    loop {
        let lcores = eal.worker_lcores();
        if lcores.len() == 2 {
            break;
        }
        drop(lcores);
        std::thread::yield_now();
    }
}

#[test]
fn queues_work_on_another_lcore_and_the_pool_is_whole_when_they_are_gone() {
    let (eal, _turn) = turn(options);
    let pool = Mempool::create(eal, "lcores", 8191, 256, None).expect("there is memory for a pool");
    let (port, mut rx, mut tx) = start(eal, "net_null0", &pool);
    let left = Arc::new(Mutex::new(None));
    let place = Arc::clone(&left);
    let lcore = eal.worker_lcores().pop().expect("an idle lcore");
    let handle = lcore
        .launch(move || {
            let mut burst = Burst::new();
            let mut sent = 0;
            for _ in 0..1_000 {
                rx.receive(&mut burst);
                sent += tx.transmit(&mut burst);
            }
            rx.receive(&mut burst);
            *place.lock().unwrap() = burst.pop();
            sent
        })
        .expect("an idle lcore");
    assert_eq!(handle.join().expect("no panic"), 32_000);
    assert_eq!(port.stats().expect("counters").tx_packets, 32_000);
    assert_eq!(pool.in_use(), 1, "the packet that came out of the closure");
    drop(left.lock().unwrap().take());
    drop(port);
    assert_eq!((pool.in_use(), pool.available()), (0, 8191));
}
