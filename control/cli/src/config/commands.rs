//! What `sluice config` can be asked.

use sluice_config::{store::history::MOST_MINUTES, tree::Format};
use std::path::PathBuf;

/// Arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of the configuration; without it $XDG_STATE_HOME/sluice/configuration, or .local/state/sluice/configuration in the user's home.
    #[arg(long, value_name = "DIR", global = true)]
    pub folder: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

/// Commands.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a file the candidate, if it can be read without an error.
    Load {
        /// The file.
        file: PathBuf,
        /// Its notation: junos, set, pcli or json; without it, it is found out.
        #[arg(long, value_name = "NOTATION")]
        format: Option<Format>,
        /// Change the candidate by what the file says instead of replacing it.
        #[arg(long)]
        merge: bool,
    },
    /// Say all that is wrong with the candidate, or with a file.
    Check {
        /// The file; without it, the candidate.
        file: Option<PathBuf>,
        /// Its notation.
        #[arg(long, value_name = "NOTATION")]
        format: Option<Format>,
    },
    /// Print the candidate, or a commit.
    Show {
        /// The notation to print in.
        #[arg(long, value_name = "NOTATION", default_value = "junos")]
        format: Format,
        /// Print the commit so many back instead: 0 is what is in force.
        #[arg(long, value_name = "N")]
        rollback: Option<usize>,
    },
    /// Print what the candidate changes.
    Diff {
        /// Compare with the commit so many back.
        #[arg(long, value_name = "N", default_value_t = 0)]
        rollback: usize,
    },
    /// Put the candidate in force; a commit that waits is confirmed by it.
    Commit {
        #[command(subcommand)]
        how: Option<How>,
        /// What to remember about it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Make the commit so many back the candidate.
    Rollback {
        /// 0 is what is in force, which forgets what was edited.
        back: usize,
    },
    /// List commits.
    History,
}

/// How to commit.
#[derive(clap::Subcommand)]
pub enum How {
    /// To be confirmed by another commit within so many minutes, or it is rolled back.
    Confirmed {
        /// Minutes.
        #[arg(default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_MINUTES)))]
        minutes: u32,
    },
}
