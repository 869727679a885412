//! `sluice config`: candidate, checks, commits and rollback of the configuration on disk.
//!
//! [`commands`] says what can be asked, [`run`](fn@run) does it. Prints problems and texts; decides nothing: that is `sluice-config`'s.

mod commands;
mod run;

pub use commands::Arguments;
pub use run::run;
