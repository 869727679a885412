//! DNS over UDP and TCP, and its kin on the local link: multicast DNS and LLMNR.
//!
//! - [`detect`]: is it DNS?
//! - [`message`]: one message, entry by entry, for the parser and for records
//! - [`names`]: numbers of types and codes in words
//! - [`parse`]: the state machine that reads it
//! - [`settings`]: what can be chosen

pub mod detect;
pub mod message;
pub mod names;
pub mod parse;
pub mod settings;

pub use detect::likeness;
pub use parse::Conversation;
pub(crate) use parse::message;
pub use settings::DnsSettings;
