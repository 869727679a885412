//! Worker lcores: EAL's own threads, pinned to a processor, that run one closure at a time.
//!
//! Used by the control core to start packet workers. A panic in the closure is caught on its thread and given to whoever joins;
//! it never crosses C. An lcore that was joined, or dropped unused, can be taken again.
//!
//! Sources: DPDK 22.11 rte_launch.h. A lcore keeps the id that its mempool caches go by, which a foreign thread has not.

use std::any::Any;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use dpdk_sys as sys;

use crate::control;
use crate::eal::Eal;

/// The right to run something on one idle worker lcore.
#[derive(Debug)]
pub struct Lcore {
    id: u32,
}

/// A closure that runs, or has run, on an lcore. Dropping it lets the closure run on; its lcore is free when it ends.
#[derive(Debug)]
pub struct LcoreHandle<T> {
    id: u32,
    answer: Receiver<thread::Result<T>>,
    joined: bool,
}

/// DPDK did not start the closure, which was dropped. Not expected: an `Lcore` is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaunchError {
    /// The lcore.
    pub lcore: u32,
    /// DPDK's error number (errno(3)).
    pub errno: i32,
}

impl fmt::Display for LaunchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = std::io::Error::from_raw_os_error(self.errno);
        write!(out, "worker lcore {} could not be started: {reason}", self.lcore)
    }
}

impl std::error::Error for LaunchError {}

impl Eal {
    /// Takes all worker lcores that are idle and in nobody's hand, in rising order.
    pub fn worker_lcores(&self) -> Vec<Lcore> {
        let mut control = control::lock();
        let mut ids = std::mem::take(&mut control.idle);
        control.detached.retain(|&id| {
            let ended = is_waiting(id);
            if ended {
                ids.push(id);
            }
            !ended
        });
        ids.sort_unstable();
        ids.into_iter().map(|id| Lcore { id }).collect()
    }
}

/// The lcore runs nothing.
fn is_waiting(id: u32) -> bool {
    // SAFETY: `rte_eal_get_lcore_state` needs the id of an lcore of EAL's: ids come from EAL's own list.
    let state = unsafe { sys::rte_eal_get_lcore_state(id) };
    state == sys::WAIT
}

impl Lcore {
    /// EAL's number of the lcore.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// NUMA node of the lcore's processor.
    pub fn socket(&self) -> u32 {
        // SAFETY: `rte_lcore_to_socket_id` needs the id of an lcore of EAL's: ids come from EAL's own list.
        unsafe { sys::rte_lcore_to_socket_id(self.id) }
    }

    /// Runs `work` on the lcore's thread.
    ///
    /// # Errors
    /// `LaunchError` when DPDK did not start it.
    pub fn launch<T, F>(self, work: F) -> Result<LcoreHandle<T>, LaunchError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (sender, answer) = sync_channel(1);
        let job: Box<Job> = Box::new(Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            // Nobody waits any more when the handle was dropped.
            let _unheard = sender.send(result);
        }));
        let job = Box::into_raw(job);
        // SAFETY: `rte_eal_remote_launch` needs a worker lcore that waits, a sole caller for it, and a function that does not
        // unwind. `self` is the only right to this lcore and is idle; `run_job` catches everything and takes the box back.
        let result = unsafe { sys::rte_eal_remote_launch(Some(run_job), job.cast::<c_void>(), self.id) };
        if result != 0 {
            // SAFETY: `from_raw` needs the pointer `into_raw` gave, once: the lcore did not start, so nobody else takes it.
            drop(unsafe { Box::from_raw(job) });
            return Err(LaunchError { lcore: self.id, errno: -result });
        }
        let id = self.id;
        // The handle has the lcore now.
        std::mem::forget(self);
        Ok(LcoreHandle { id, answer, joined: false })
    }
}

impl Drop for Lcore {
    fn drop(&mut self) {
        control::lock().idle.push(self.id);
    }
}

impl<T> LcoreHandle<T> {
    /// EAL's number of the lcore.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The closure has ended.
    pub fn is_finished(&self) -> bool {
        is_waiting(self.id)
    }

    /// Waits, without turning, for the closure to end. The lcore can then be taken again.
    ///
    /// # Errors
    /// What the closure panicked with.
    pub fn join(mut self) -> Result<T, Box<dyn Any + Send + 'static>> {
        let answer = self.answer.recv();
        // SAFETY: `rte_eal_wait_lcore` needs the id of a worker lcore, and must not be called on that lcore: the answer is
        // there, so the closure is past its end. It turns for the moment the lcore takes to say so.
        let _return_value = unsafe { sys::rte_eal_wait_lcore(self.id) };
        self.joined = true;
        control::lock().idle.push(self.id);
        answer.unwrap_or_else(|_| Err(Box::new("the worker ended without an answer")))
    }
}

impl<T> Drop for LcoreHandle<T> {
    fn drop(&mut self) {
        if !self.joined {
            control::lock().detached.push(self.id);
        }
    }
}

/// What travels through C: a thin pointer to it.
type Job = Box<dyn FnOnce() + Send + 'static>;

/// Runs on the lcore's thread.
extern "C" fn run_job(argument: *mut c_void) -> c_int {
    // SAFETY: `from_raw` needs the pointer `launch` made with `into_raw`, once: EAL calls this once for each launch.
    let job = unsafe { Box::from_raw(argument.cast::<Job>()) };
    // The closure's own panics are caught inside the job; this holds those of what it drops. The payload is leaked, because
    // dropping it might panic again.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(job)) {
        std::mem::forget(payload);
        return -1;
    }
    0
}
