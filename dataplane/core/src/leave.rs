//! How workers that hand packets to each other stop without losing one.
//!
//! Used by live workers when they are told to stop. A packet goes through several hands (a tunnel's layers may belong to several workers), so an empty inbox says
//! nothing while another worker still works on one that it will hand on. But no packet changes hands more than `hands` times. So all go through as many
//! rounds together: a packet that has changed hands `n` times is handed on, if at all, before the end of round `n + 1`.

use crate::sync::{
    atomic::{AtomicBool, AtomicUsize, Ordering},
    yield_now,
};

/// Who has come how far in stopping.
#[derive(Debug)]
pub struct Leave {
    workers: usize,
    hands: usize,
    /// Rounds begun, of all workers together.
    begun: AtomicUsize,
    /// A worker is gone that will not come to a round: nobody waits for it.
    abandoned: AtomicBool,
}

/// Makes known that a worker is gone when it panics.
#[derive(Debug)]
pub struct Attendance<'a>(&'a Leave);

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandon();
        }
    }
}

impl Leave {
    /// For `workers` workers that hand a packet on at most `hands` times.
    pub fn new(workers: usize, hands: usize) -> Self {
        Self { workers, hands, begun: AtomicUsize::new(0), abandoned: AtomicBool::new(false) }
    }

    /// To be held by a worker while it works.
    pub fn attend(&self) -> Attendance<'_> {
        Attendance(self)
    }

    /// A worker is gone: nobody waits for it, and what lies in its inbox is lost.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    /// Called once by each worker when it takes in nothing new: works off its inbox by `work`, which says whether there was something, until nobody
    /// can put anything into it any more, or a worker is gone. Waits for workers that have not called it.
    pub fn work_off(&self, mut work: impl FnMut() -> bool) {
        for round in 1..=self.hands {
            // Release: who sees this worker in the round sees what it handed over before. Acquire: for those who see it through a later worker's step.
            self.begun.fetch_add(1, Ordering::AcqRel);
            loop {
                // Read before the inbox: what was handed over before the last one began the round is then found in it.
                let all = self.begun.load(Ordering::Acquire) >= self.workers * round
                    || self.abandoned.load(Ordering::Acquire);
                if work() {
                    continue;
                }
                if all {
                    break;
                }
                yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Leave;
    use crossbeam::queue::ArrayQueue;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn nobody_waits_for_a_worker_that_panicked() {
        let leave = Leave::new(2, 4);
        std::thread::scope(|scope| {
            let gone = scope.spawn(|| {
                let _attends = leave.attend();
                panic!("a defect");
            });
            leave.work_off(|| false);
            assert!(gone.join().is_err());
        });
    }

    #[test]
    fn packets_handed_on_several_times_while_workers_stop_are_all_judged() {
        const WORKERS: usize = 3;
        const HANDS: usize = 3;
        for _ in 0..200 {
            let leave = Leave::new(WORKERS, HANDS);
            let inboxes: Vec<_> = (0..WORKERS).map(|_| ArrayQueue::new(64)).collect();
            let judged = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for worker in 0..WORKERS {
                    let (leave, inboxes, judged) = (&leave, &inboxes, &judged);
                    scope.spawn(move || {
                        for packet in 0..8 {
                            inboxes[(worker + packet) % WORKERS].push(1).unwrap();
                        }
                        leave.work_off(|| {
                            let Some(hands) = inboxes[worker].pop() else { return false };
                            if hands == HANDS {
                                judged.fetch_add(1, Ordering::Relaxed);
                            } else {
                                inboxes[(worker + 1) % WORKERS].push(hands + 1).unwrap();
                            }
                            true
                        });
                    });
                }
            });
            assert_eq!(judged.into_inner(), WORKERS * 8);
            assert!(inboxes.iter().all(ArrayQueue::is_empty));
        }
    }
}
