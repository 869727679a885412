//! The words every stage of the packet path shares.
//!
//! - [`time`]: packet time in nanoseconds; nothing here reads a clock
//! - [`direction`], [`key`]: which way a packet goes, and to which flow it belongs
//! - [`hash`]: the keyed hash of every table on the packet path
//! - [`table`]: a bounded, keyed table for state that outlives a packet
//! - [`verdict`]: what happens to a packet, and the closed list of causes
//! - [`severity`]: how severe an attack is, in the words of configurations and events
//! - [`exception`], [`resource`], [`fault`]: what is bounded or can be lost sight of, and the policies for that
//! - [`ledger`], [`counters`]: where every packet went
//! - [`event`], [`context`], [`ring`]: records from workers to the control core
//! - [`order`], [`leave`]: packet order among several workers; how they stop
//!
//! Called by every crate above it. Never does I/O, never reads a clock, never allocates after start.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod application;
pub mod context;
pub mod counters;
pub mod direction;
pub mod event;
pub mod exception;
pub mod fault;
pub mod hash;
pub mod key;
pub mod leave;
pub mod ledger;
pub mod order;
pub mod remark;
pub mod resource;
pub mod ring;
pub mod severity;
mod sync;
pub mod table;
pub mod time;
pub mod verdict;

pub use application::{AppFacts, AppLink, AppNews, AppOddity, AppProtocol, AppState};
pub use counters::Counters;
pub use direction::Direction;
pub use exception::ExceptionPolicy;
pub use hash::HashKey;
pub use key::FlowKey;
pub use ledger::Ledger;
pub use order::Position;
pub use remark::RemarkKind;
pub use resource::Resource;
pub use severity::Severity;
pub use time::Nanos;
pub use verdict::{Action, Cause, Verdict};
