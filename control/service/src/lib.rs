//! Boot and replay: EAL, ports, workers, the control core. The service of a running appliance joins this crate later.
//!
//! - [`capture`]: what a capture file holds, found out before it is replayed
//! - [`cache`]: compiled matchers, kept from one start to the next
//! - [`rules`]: rule files to a compiled rule set and the texts of its signatures
//! - [`replay`]: captures through the real engine
//! - [`run`]: traffic between live ports
//! - [`team`]: the workers of a run, and what ties them to the control core
//! - [`drain`]: what workers tell and forward, in the order of their packets
//! - [`publish`], [`swaps`]: new rule sets on their way to the workers
//! - [`forwarded`]: the packets that would have been forwarded, as a capture
//! - [`cores`]: which processors do what
//! - [`doctor`]: what this machine can do, and what to change
//!
//! Called by `sluice-cli`. Runs on the control core: may block, allocate and log.
#![forbid(unsafe_code)]

pub mod cache;
pub mod capture;
pub mod cores;
pub mod doctor;
pub mod drain;
pub mod forwarded;
pub mod publish;
pub mod replay;
pub mod rules;
pub mod run;
pub mod swaps;
pub mod team;

pub use replay::{Replay, ReplayError, Report};
pub use rules::{LoadedRules, RuleLoader, RuleSources};
pub use run::{Run, RunReport};
