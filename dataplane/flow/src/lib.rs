//! The flow table of one worker, and what it remembers of a flow.
//!
//! - [`index`]: from key to slot: two buckets of eight tags per key, no lock, no atomic
//! - [`flow`]: one flow
//! - [`marks`]: flow bits and flow integers, beside the flows
//! - [`tcp`]: the minimal TCP state that `flow` and `stream_size` need; reassembly is not here yet
//! - [`partition`]: what makes the answers the same for any number of workers
//! - [`table`]: lookup, insert, timers by budget, the answer when full
//!
//! Called by `sluice-worker` once per packet. Owned by one worker: nothing is shared or locked, nothing reads a clock, nothing
//! allocates after start.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod flow;
pub mod index;
pub mod marks;
pub mod partition;
pub mod table;
pub mod tcp;
pub mod timeouts;

pub use flow::Flow;
pub use marks::{FLOW_BITS, FLOW_INTS, FlowCopy, FlowView, Marks};
pub use partition::Partitions;
pub use table::{FlowRef, FlowTable, Opening, TableFull};
pub use tcp::{TcpSegment, TcpTracker};
pub use timeouts::Timeouts;
