//! What the process knows about DPDK as a whole, behind one lock: claimed ports, idle lcores, parked pools.
//!
//! Used by the control side of this crate (start, attach, create, configure, launch, drop); never by a queue or a packet.
//! DPDK's control functions are not safe against each other, so every one of them is called with this lock held.

use std::ffi::c_char;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dpdk_sys as sys;

use crate::mempool::PoolInner;

/// State shared by all handles.
pub(crate) struct Control {
    /// Ports that a `Port` or its successors hold.
    pub(crate) claimed: Vec<u16>,
    /// Worker lcores that nobody holds.
    pub(crate) idle: Vec<u32>,
    /// Worker lcores whose handle was dropped while they ran.
    pub(crate) detached: Vec<u32>,
    /// Pools whose last handle went. They are given out again, never freed: see `mempool`.
    pub(crate) parked: Vec<PoolInner>,
}

static CONTROL: Mutex<Control> =
    Mutex::new(Control { claimed: Vec::new(), idle: Vec::new(), detached: Vec::new(), parked: Vec::new() });

/// Takes the lock. Nothing that takes it again may be dropped while it is held.
pub(crate) fn lock() -> MutexGuard<'static, Control> {
    // A panic elsewhere leaves lists that are still true: each change is one push or one removal.
    CONTROL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Control {
    /// Runs `work` and gives what DPDK logged meanwhile, which then does not reach standard error.
    ///
    /// The whole process has one log: lines of other threads land here too.
    pub(crate) fn with_log<T>(&mut self, work: impl FnOnce() -> T) -> (T, String) {
        // SAFETY: `shim_log_capture` must not run twice at once: `&mut self` is behind the lock, and is held until the release.
        let _without_log = unsafe { sys::shim_log_capture() };
        let answer = work();
        (answer, captured_log())
    }
}

/// What was logged since `shim_log_capture`; the log goes to its usual place again.
fn captured_log() -> String {
    let mut text: *mut c_char = std::ptr::null_mut();
    // SAFETY: `shim_log_release` needs a place for one pointer: `text`.
    let length = unsafe { sys::shim_log_release(&mut text) };
    if text.is_null() {
        return String::new();
    }
    // SAFETY: it gave us `length` bytes at `text`, ours until freed below, and nothing else writes them.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
    let log = String::from_utf8_lossy(bytes).trim().to_owned();
    // SAFETY: `shim_text_free` takes what `shim_log_release` gave, once; `bytes` is not used again.
    unsafe { sys::shim_text_free(text) };
    log
}
