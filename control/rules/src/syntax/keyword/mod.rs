//! The keyword table: every name of an option, and what reads it.
//!
//! Called by `syntax::parse` for each option. Each family of keywords lives in a file of its own, with the same
//! inner order: the types it yields, its rows of the table, its parsers.
pub mod app;
pub mod base64;
pub mod bits;
pub mod buffer;
pub mod buffer_table;
pub mod byte;
pub mod content;
pub mod dataset;
pub mod event;
pub mod flow;
pub mod icmp;
pub mod ip;
pub mod meta;
pub mod pcre;
pub mod protocol;
pub mod requires;
pub mod size;
pub mod tag;
pub mod tcp;
pub mod threshold;
pub mod transform;

mod table;

pub(crate) use table::{Keyword, Target, Use, find, names};
use table::{alias, plain};
