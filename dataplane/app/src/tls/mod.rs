//! TLS and SSL.
//!
//! - [`detect`]: is it TLS?
//! - [`parse`]: the state machine that reads it

pub mod detect;
pub mod parse;

pub use detect::likeness;
pub use parse::Conversation;
