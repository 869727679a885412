//! EtherNet/IP and the Common Industrial Protocol (CIP) in it.
//!
//! - `detect`: is it this protocol?
//! - [`parse`]: bytes to one encapsulated message
//! - [`conversation`]: messages into transactions
//! - [`fields`]: what rules and records read of it
//!
//! Source: ODVA, "The CIP Networks Library", volume 1 (CIP) and volume 2 (EtherNet/IP adaptation), as publicly described; names of commands
//! and states as the rule documentation has them.

pub mod conversation;
mod detect;
pub mod fields;
pub mod parse;

pub use conversation::Conversation;
pub use detect::likeness;
pub use parse::{Header, expects_response, frame, key};

#[cfg(test)]
mod tests;
