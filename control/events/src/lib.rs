//! Event records made into words.
//!
//! - [`signature`]: what the writers need of a signature
//! - [`json`]: writing JSON without building a tree
//! - [`eve`]: EVE records: alert, drop, flow, stats
//! - [`community_id`]: a flow's name that other tools compute too
//! - `stats`, `transport`: parts of EVE records
//! - [`fast`]: one line per alert
//! - [`file_store`]: files of the traffic, by their digest
//! - [`names`]: numbers people know by name
//! - [`time`]: timestamps as EVE and fast.log print them
//! - [`sink`]: where the words go
//!
//! Called by `sluice-service` on the control core with records that workers sent. May allocate and do I/O; never runs on a packet worker.
//! EVE follows the field names and types of the reference engine exactly, because that is what every reader parses.
#![forbid(unsafe_code)]

pub mod app;
pub mod community_id;
pub mod eve;
pub mod fast;
pub mod file_store;
mod flow;
pub mod json;
pub mod names;
pub mod remarks;
pub mod signature;
pub mod sink;
pub mod stats;
pub mod time;
mod transport;
pub mod xff;

pub use eve::{EveOptions, EveWriter};
pub use remarks::MarkNames;
pub use signature::Signature;
pub use sink::Sinks;
