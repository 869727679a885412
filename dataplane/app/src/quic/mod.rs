//! QUIC.
//!
//! - [`detect`]: is it QUIC?
//! - [`parse`]: the state machine that reads it

pub mod detect;
pub mod parse;
pub mod settings;

pub use detect::likeness;
pub use parse::Conversation;
pub use settings::QuicSettings;
