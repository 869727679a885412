//! One tree, several notations.
//!
//! - [`node`], [`place`]: the tree; where its parts stood
//! - [`schema`]: which words stand where, and what they take
//! - [`format`]: notations; [`junos`] braces, [`set`] lines, [`pcli`] SSR's text, [`json`]
//! - [`lex`], [`raw`], [`build`], [`draft`]: from bytes to words, statements, and the tree
//! - [`include`]: files that include others
//! - [`problem`]: what is wrong, all of it at once
//!
//! Called by `authority` and `store`, and by whoever loads or prints a configuration. Decides nothing about what a configuration means.

mod build;
mod draft;
pub mod format;
pub mod include;
mod json;
mod junos;
mod lex;
pub mod node;
mod pcli;
pub mod place;
pub mod problem;
mod raw;
pub mod schema;
mod set;

pub use format::{Format, Written, apply, read, write};
pub use include::{Disk, Files, NoFiles};
pub use junos::{head as statement_head, inside as statements_in, one_statement};
pub use lex::path as shown_path;
pub use node::{Content, Node, Tree, Value};
pub use place::{Span, Word};
pub use problem::{Level, Problem, Problems, Reason};
