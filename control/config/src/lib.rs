//! Settings.
//!
//! Today: the settings a replay needs, given as `PATH=VALUE`; [`settings`] is the typed model, [`assign`] reads one assignment. The configuration tree with
//! Junos notation, SSR text and JSON joins this crate with tenants and profiles.
//!
//! Called by `sluice-cli`. Opens no file and applies nothing: it only says what was asked.
#![forbid(unsafe_code)]

pub mod assign;
mod defrag;
mod file_store;
mod http;
pub mod settings;
mod streams;
mod tls;

pub use assign::{Assigned, SetError};
pub use file_store::FileStoreSettings;
pub use settings::{
    ActionWord, CaptureDevice, Checksums, DefragSettings, Deployment, EveSettings, Pair, Settings, Stages, Variables,
};
