//! What the process knows about DPDK as a whole, behind one lock: claimed ports, idle lcores, parked pools.
//!
//! Used by the control side of this crate (start, attach, create, configure, launch, drop); never by a queue or a packet.
//! DPDK's control functions are not safe against each other, so every one of them is called with this lock held.

use std::sync::{Mutex, MutexGuard, PoisonError};

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
