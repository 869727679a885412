//! Boot and replay: EAL, ports, workers, the control core. The service of a running appliance joins this crate later.
//!
//! - [`capture`]: what a capture file holds, found out before it is replayed
//! - [`rules`]: rule files to a compiled rule set and the texts of its signatures
//! - [`replay`]: captures through the real engine
//! - [`forwarded`]: the packets that would have been forwarded, as a capture
//! - [`cores`]: which processors do what
//! - [`doctor`]: what this machine can do, and what to change
//!
//! Called by `sluice-cli`. Runs on the control core: may block, allocate and log.
#![forbid(unsafe_code)]

pub mod capture;
pub mod cores;
pub mod doctor;
pub mod forwarded;
pub mod replay;
pub mod rules;

pub use replay::{Replay, ReplayError, Report};
pub use rules::{LoadedRules, RuleSources};
