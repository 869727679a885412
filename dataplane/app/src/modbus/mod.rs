//! Modbus over TCP.
//!
//! - `detect`: is it this protocol?
//! - [`parse`]: bytes to one message: header and function
//! - [`conversation`]: messages into transactions
//! - [`fields`]: what rules and records read of it
//!
//! Source: "MODBUS Messaging on TCP/IP Implementation Guide" V1.0b for the header, "MODBUS Application Protocol Specification" V1.1b3 for
//! functions and their lengths; words of rules and records as the rule documentation has them.

pub mod conversation;
mod detect;
pub mod fields;
pub mod parse;

pub use conversation::Conversation;
pub use detect::likeness;
pub use parse::{Message, frame, key};

#[cfg(test)]
mod tests;
