//! QUIC: RFC 9000 with its drafts, version 2, and gQUIC.
//!
//! - [`detect`]: is it QUIC?
//! - [`version`]: versions, and what differs between them
//! - [`parse`]: the state machine over datagrams; [`keys`]: those of Initial packets; [`crypto`]: the handshake's stream
//! - [`gquic`]: hellos that are not those of TLS
//! - [`settings`]

pub mod crypto;
pub mod detect;
pub mod gquic;
pub mod keys;
pub mod parse;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod version;

pub use detect::{is_certain, likeness};
pub use parse::Conversation;
pub use settings::QuicSettings;
