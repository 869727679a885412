//! Settings and configuration.
//!
//! - [`settings`], [`assign`]: what a replay or a run is told as `PATH=VALUE`
//! - [`tree`]: the configuration as one tree, in Junos' notation, `set` lines, SSR's PCLI and JSON
//! - [`authority`]: the typed model of what stands below `authority`, the mode, and the validator
//! - [`store`]: the configuration on disk: candidate, commits, rollback
//!
//! Called by `sluice-cli`. Opens no file but those of the store and those a configuration includes, and applies nothing: it says what was asked and what is
//! wrong with it.
#![forbid(unsafe_code)]

pub mod assign;
pub mod authority;
mod defrag;
mod feed;
mod file_store;
mod http;
pub mod settings;
pub mod store;
mod streams;
mod tls;
pub mod tree;

pub use assign::{Assigned, SetError};
pub use file_store::FileStoreSettings;
pub use settings::{
    ActionWord, CaptureDevice, Checksums, DefragSettings, Deployment, EveSettings, Pair, Settings, Stages, Variables,
};
