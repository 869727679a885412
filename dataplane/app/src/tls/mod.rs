//! TLS and SSL.
//!
//! - [`detect`]: is it TLS?
//! - [`parse`]: the state machine over records; [`handshake`]: messages of the handshake, and what is put down of them
//! - [`hello`]: what stands in hellos, also those of QUIC; [`fingerprint`]: JA3, JA3S, JA4
//! - [`x509`]: certificates; [`der`]: their encoding
//! - [`fields`]: what rules ask; [`text`]: text of fixed size; [`settings`]

pub mod der;
pub mod detect;
pub mod fields;
pub mod fingerprint;
pub mod handshake;
pub mod hello;
pub mod parse;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod text;
pub mod x509;

pub use detect::likeness;
pub use parse::Conversation;
pub use settings::{Encryption, TlsSettings};
