//! What `sluice_core::sync` gives the sources, from loom.

pub use loom::{sync::atomic, thread::yield_now};
