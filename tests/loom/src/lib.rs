//! The lock-free sources of Sluice, compiled against loom.
//!
//! The files are those of the product, taken by their path; only what they import is another: `sync` gives loom's atomics, and this crate stands in for
//! `crossbeam` and for the types that travel through the queues. So a change in the product is modelled as it is made. The models are in `tests/`.
#![forbid(unsafe_code)]

extern crate self as crossbeam;
extern crate self as sluice_core;
extern crate self as sluice_detect;
extern crate self as sluice_dpdk;
extern crate self as sluice_packet;

pub mod queue;
pub mod stand_in;
pub mod sync;
pub mod utils;

#[path = "../../../dataplane/worker/src/generation.rs"]
pub mod generation;
#[path = "../../../dataplane/worker/src/inbox.rs"]
pub mod inbox;
#[path = "../../../dataplane/core/src/leave.rs"]
pub mod leave;
#[path = "../../../dataplane/core/src/order.rs"]
pub mod order;
#[path = "../../../dataplane/core/src/ring.rs"]
pub mod ring;

pub use stand_in::{Inspector, datagrams, defrag, LinkType, Mbuf, Nanos, Ruleset, checksums, event, pipeline};
