//! DNP3 over TCP and UDP.
//!
//! - `detect`: is it this protocol?
//! - [`parse`]: bytes to one link frame, frames to one application fragment
//! - [`conversation`]: frames into fragments, those into transactions
//! - [`fields`]: what rules and records read of a fragment
//!
//! Requests and responses are transactions of their own here, as in the reference engine. What is kept of a message is the first eight bytes of
//! its first link frame, then its application fragment: put together from its frames, without checksums and transport bytes.
//!
//! Source: IEEE 1815-2012 (DNP3) as publicly described: data link (chapter 9), transport function (8), application layer (4) and the sizes of
//! objects (annex A); words of rules as the rule documentation has them.

pub mod conversation;
mod detect;
pub mod fields;
pub mod parse;

pub use conversation::Conversation;
pub use detect::likeness;
pub use parse::{Flat, frame};

#[cfg(test)]
pub(crate) mod tests;
