//! HTTP/1.x and older.
//!
//! - [`detect`]: is it HTTP/1?
//! - [`parse`]: the state machine that reads it

pub mod detect;
pub mod parse;

pub use detect::likeness;
pub use parse::Conversation;
