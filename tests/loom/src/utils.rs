//! Stands in for `crossbeam::utils`.

use std::ops::Deref;

/// A value; in a model there are no cache lines.
#[derive(Debug, Default)]
pub struct CachePadded<T>(T);

impl<T> Deref for CachePadded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Waiting: lets another thread of the model go on.
#[derive(Debug, Default)]
pub struct Backoff;

impl Backoff {
    /// A new one.
    pub const fn new() -> Self {
        Self
    }

    /// Waits a little.
    pub fn snooze(&self) {
        loom::thread::yield_now();
    }
}
