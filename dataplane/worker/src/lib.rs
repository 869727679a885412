//! The one crate that knows the order of the stages.
//!
//! - [`poll`]: the loop: receive, judge, transmit, report; one screen
//! - [`frames`]: the bytes of a burst, decoded
//! - [`pipeline`]: one packet through flow, rules and verdict
//! - [`flows`]: which flow a packet belongs to
//! - [`report`]: event records
//! - [`reject`]: resets and unreachables
//! - [`egress`]: where packets go
//! - [`settings`]: what the control core decides before start
//!
//! Run by `sluice-service` on an EAL lcore. No lock, no allocation, no system call, no log line and no clock read per packet.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod egress;
pub mod flows;
pub mod frames;
pub mod pipeline;
pub mod poll;
pub mod reject;
pub mod report;
pub mod settings;

pub use egress::{Egress, Forwarded};
pub use pipeline::Pipeline;
pub use poll::{Outcome, Source, Worker};
pub use report::Reporter;
pub use settings::{ChecksumMode, Copies, Settings, Stages};
