//! The flow table of one worker, and what it remembers of a flow.
//!
//! - [`index`]: from key to slot: two buckets of eight tags per key, no lock, no atomic
//! - [`flow`]: one flow
//! - [`marks`]: flow bits and flow integers, beside the flows
//! - `half_open`: one connection that asks to be let in, in 64 bytes; `waiting`: the table of them
//! - [`tcp`]: the state machine of TCP and the names of its events
//! - [`stream`]: the bytes of TCP connections, put together
//! - [`partition`]: what makes the answers the same for any number of workers
//! - `shares`: slots shared out among partitions; `wheel`: timers
//! - [`table`]: lookup, insert, expiry by budget, the answer when full
//!
//! Called by `sluice-worker` once per packet. Owned by one worker: nothing is shared or locked, nothing reads a clock, nothing
//! allocates after start.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod flow;
mod half_open;
pub mod index;
pub mod marks;
pub mod partition;
mod shares;
pub mod stream;
pub mod table;
pub mod tcp;
pub mod timeouts;
mod waiting;
mod wheel;

pub use flow::Flow;
pub use marks::{FLOW_BITS, FLOW_INTS, FlowCopy, FlowView, Marks};
pub use partition::Partitions;
pub use stream::{StreamRef, StreamSettings, Streams};
pub use table::{Candidate, FlowRef, FlowTable, Opening, TableFull, TableSettings, connections::Passing};
pub use tcp::{Anew, StreamEvent, StreamEvents, TcpOutcome, TcpSegment, TcpSettings, TcpTracker};
pub use timeouts::Timeouts;
