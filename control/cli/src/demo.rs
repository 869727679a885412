//! `sluice demo`: to be written once the bundled capture is here.

use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_arguments: &Arguments) -> ExitCode {
    ExitCode::from(2)
}
