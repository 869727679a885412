//! TCP streams: the bytes of each direction of a connection, put together once.
//!
//! - [`store`]: the streams of one worker: what arrives, what is kept
//! - [`turns`]: what is to be read and judged
//! - `bytes`: reading and changing them; `room`: taking and giving back room for them; `lists`: rules that wait for more of them
//! - `half`: one direction: where it stands
//! - `blocks`: the pool of bytes all streams share; `stretches`: which of them each direction has; `bits`: which bytes of a block are there
//! - `overlap`: whose bytes count when two segments tell different things
//! - `urgent`: bytes that are read apart from the others
//! - `pending`: one list of rules that wait
//!
//! Called by `sluice-worker` for each TCP packet of an open connection, read by `sluice-detect` when rules are judged on a stream. Bounded by the
//! pool, of which each partition of the flow table has a share. Never allocates after start, knows no clock and no rule.
//!
//! Positions in a stream are offsets: bytes since the first one, modulo 2^32, compared as sequence numbers are (RFC 9293 section 3.4).

mod bits;
mod blocks;
mod bytes;
mod half;
mod lists;
mod overlap;
mod pending;
mod room;
mod settings;
pub mod store;
mod stretches;
pub mod turns;
mod urgent;

pub use blocks::BLOCK;
pub use overlap::{OverlapPolicy, TargetPolicies};
pub use settings::StreamSettings;
pub use store::{Arrived, Refused, StreamRef, Streams};
pub use turns::{Due, SLICE, StreamTurn, Turned};
pub use urgent::{UrgentLimit, UrgentPolicy};
