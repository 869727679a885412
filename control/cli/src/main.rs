//! The `sluice` command.
//!
//! One file per command; [`exit`] holds the exit statuses, which scripts rely on. Reads arguments, calls `sluice-service`, prints. Never touches a packet.
#![forbid(unsafe_code)]

/// Prints a line. A reader that went away (`sluice check | head`) is nobody's loss.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// Prints a line to standard error, likewise.
macro_rules! tell {
    ($($words:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}

mod check;
mod config;
mod demo;
mod doctor;
mod exit;
mod explain;
mod progress;
mod replay;
mod rules;
mod run;

use clap::{Parser, Subcommand};
use std::{io::IsTerminal, process::ExitCode};

/// Intrusion detection and prevention on DPDK.
#[derive(Parser)]
#[command(name = "sluice", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Replay captures through the engine and write what it sees.
    Replay(replay::Arguments),
    /// Look at, and stop, traffic between live ports.
    Run(run::Arguments),
    /// Read rules and say what is wrong with them, and which wait for what.
    Check(check::Arguments),
    /// Load, check and commit the configuration.
    Config(config::Arguments),
    /// Replay a bundled capture with bundled rules and show what is found.
    Demo(demo::Arguments),
    /// Say what this machine can do, and what to change.
    Doctor(doctor::Arguments),
}

fn main() -> ExitCode {
    let colour = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SLUICE_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .without_time()
        .with_target(false)
        .init();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Printing to a closed pipe is nobody's loss.
            let _ = error.print();
            return if error.use_stderr() { exit::Exit::Misuse } else { exit::Exit::Sound }.into();
        }
    };
    match arguments.command {
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
    }
}
