//! Exit statuses, the same for every command: scripts and CI rely on them.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Sound,
    /// The input or the rules are not sound.
    Unsound,
    /// Wrong use, or something that is needed is missing.
    Misuse,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Sound => 0,
            Exit::Unsound => 1,
            Exit::Misuse => 2,
        })
    }
}
