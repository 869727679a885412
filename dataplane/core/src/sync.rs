//! The atomics that [`crate::order`] and its neighbours are built from, under one name.
//!
//! The models in `tests/loom` compile the very same sources with a `sync` module of their own, which takes these names from loom. Used by this crate alone;
//! nothing but re-exports belongs here.

pub use std::{sync::atomic, thread::yield_now};
