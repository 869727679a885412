//! The configuration on disk: candidate, commits, rollback.
//!
//! - [`history`]: [`Store`], which one writer at a time has, and [`boot`], which needs no lock
//! - [`record`]: one commit as a file, with what tells damage
//! - [`disk`]: files that are there whole or not at all
//! - [`diff`]: what two trees differ in, as Junos shows it
//!
//! A folder holds `commits/NNNNNNNN.conf`, one file for each commit and never changed; the highest number is in force. So a commit is one rename, and a process that is killed
//! at any moment leaves the old or the new. `NNNNNNNN.confirmed` beside a file says that a commit that had to be confirmed was; `candidate` is what is being edited;
//! `lock` is locked by who may write. Files are 0600, folders 0700.

pub mod diff;
mod disk;
pub mod history;
pub mod record;

pub use diff::diff;
pub use history::{Boot, Committed, Entry, Store, StoreError, boot};
