//! HTTP/1.x and older.
//!
//! - [`detect`]: is it HTTP/1?
//! - [`parse`]: the two ends of a conversation; `request` and `response` read what each says
//! - [`head`]: header blocks and the headers in them; `known`: those with a meaning; `fields`: what becomes of them
//! - [`body`]: where a body ends; [`decode`]: its content encodings; `sink`: where its bytes go; `multipart`: files in forms
//! - [`uri`]: targets of requests
//! - [`text`]: small pieces of grammar
//! - [`room`]: what the parsers of a worker share
//! - [`settings`]

pub mod body;
mod brotli;
#[cfg(test)]
mod cuts;
pub mod decode;
pub mod detect;
pub(crate) mod fields;
pub mod head;
pub(crate) mod known;
pub mod lzma;
mod multipart;
pub mod parse;
mod request;
mod response;
pub mod room;
pub mod settings;
pub(crate) mod sink;
#[cfg(test)]
mod tests;
pub mod text;
pub mod uri;

pub use detect::likeness;
pub use parse::Conversation;
pub use room::HttpRoom;
pub use settings::HttpSettings;
