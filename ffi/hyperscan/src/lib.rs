//! Byte literals compiled into a Hyperscan database, and block scans with it.
//!
//! Called by `sluice-rules` (compile, serialise) and `sluice-detect` (scan). The only crate that calls `hyperscan-sys`. Runs with
//! Hyperscan 5.4 and, by design, with Vectorscan 5.4, which have one binary interface.
//!
//! Over `hyperscan-sys` alone, not the `hyperscan` crate: that one keeps a literal in a `String`, so bytes that are not UTF-8
//! cannot be given; its scan takes a boxed or cloned closure; and its scratch does not know which databases it is large enough
//! for, which Hyperscan checks in part only. Nothing of it was left to use.
//!
//! Not here yet: regular expressions, streams, vectored scans, start of match.
//!
//! Sources: Hyperscan developer reference 5.4 (hs_compile.h, hs_runtime.h, hs_common.h).
#![allow(unsafe_code)]

mod compile;
mod database;
mod platform;
mod scan;
mod scratch;

pub use compile::{CompileError, LONGEST_PLAIN, Literal, Mode};
pub use database::{Database, DeserializeError};
pub use platform::{Platform, UnsupportedCpu, platform, version, version_and_features};
pub use scan::{Next, Outcome, ScanError};
pub use scratch::{Scratch, ScratchError};
