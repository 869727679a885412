//! Why a file, or the rest of it, can't be read.

use std::fmt;

/// Why nothing of a file can be read.
#[derive(Debug)]
pub enum OpenError {
    /// The system does not give it.
    Unreadable(std::io::Error),
    /// It is no capture, or one of a kind nobody reads here.
    NotACapture(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "{error}"),
            Self::NotACapture(reason) => write!(f, "{reason}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Why a file can't be read from here on: what came before is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where in the file, bytes from its beginning.
    pub at: u64,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.what)
    }
}

impl std::error::Error for Damage {}
