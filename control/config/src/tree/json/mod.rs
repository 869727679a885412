//! JSON: sections are objects, lists are lists of objects with their names as members, values are strings, numbers or booleans.
//!
//! What Junos writes beside a statement stands in members that begin with `@`: `"@": {"inactive": true, "comment": ["..."]}` in an object for that object, `"@mode": {...}` beside
//! `"mode"`, and for a list of values `"@address": [null, {...}]`, one for each value. A flag is `true`.
//!
//! A reader of our own, since every part needs its place and order counts in lists: [`parse`] makes values of text, [`read`] statements of those, [`write`] text of a tree.
//!
//! Sources: RFC 8259; for `@` Junos' own JSON and RFC 7952 section 5.2.

mod parse;
mod read;
mod write;

pub use read::read;
pub use write::write;
