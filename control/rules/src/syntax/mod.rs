//! The rule language: from the text of one rule to its typed tree.
//!
//! `lexer` cuts lines and options, `header` and `endpoint` read the part before the parenthesis, `keyword` holds
//! one file per family of options, `builder` collects what they yield, `check` looks at the whole.
pub mod builder;
pub mod check;
pub mod comparison;
pub mod endpoint;
pub mod header;
pub mod keyword;
pub mod lexer;
pub mod nearest;
pub mod parse;
pub mod protocol;
pub mod rule;
pub mod value;
