//! HTTP/2.
//!
//! - [`detect`]: is it HTTP/2?
//! - [`parse`]: the state machine that reads it

pub mod detect;
pub mod parse;

pub use detect::likeness;
pub use parse::Conversation;
