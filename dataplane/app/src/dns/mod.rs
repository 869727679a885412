//! DNS over UDP and TCP.
//!
//! - [`detect`]: is it DNS?
//! - [`parse`]: the state machine that reads it

pub mod detect;
pub mod parse;

pub use detect::likeness;
pub use parse::Conversation;
