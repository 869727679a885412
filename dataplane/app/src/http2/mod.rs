//! HTTP/2: with prior knowledge, after an upgrade, or inside of what was decrypted elsewhere.
//!
//! - [`detect`]: is it HTTP/2?
//! - [`frame`]: heads of frames; numbers of types, errors and settings in words
//! - [`parse`]: the two ends of a conversation, frame by frame; `headers`: what header blocks become
//! - `opening`: which streams frames open; `streams`: those that are open; `doh`: messages of DNS in bodies and addresses
//! - [`hpack`]: header blocks; [`table`]: the tables they refer to; [`huffman`]: their strings
//! - [`room`]: what the parsers of a worker share: streams, and room to put headers together
//!
//! Frames of a stream are one transaction; each frame of stream 0 is one of its own, with one side.

pub mod detect;
mod doh;
pub mod frame;
mod headers;
pub mod hpack;
pub mod huffman;
mod opening;
pub mod parse;
pub mod room;
mod streams;
pub mod table;
#[cfg(test)]
mod tests;

pub use detect::likeness;
pub use parse::Conversation;
pub use room::Http2Room;
