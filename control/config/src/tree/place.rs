//! Where a thing stands in the text it came from, and words with their places.
//!
//! Made by the readers of the notations, kept in every node of the tree, printed with every problem. Never opens a file.

use std::{fmt, sync::Arc};

/// A place in a text: file, line and column, both from 1; the column counts bytes. Line 0: the whole file, or no file at all.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file as the caller named it.
    pub file: Arc<str>,
    /// From 1; 0: no place in the file.
    pub line: u32,
    /// From 1, in bytes; 0: no place in the line.
    pub column: u32,
}

impl Span {
    /// A place in `file`.
    pub fn new(file: &Arc<str>, line: u32, column: u32) -> Self {
        Self { file: Arc::clone(file), line, column }
    }

    /// All of `file`.
    pub fn whole(file: &Arc<str>) -> Self {
        Self::new(file, 0, 0)
    }

    /// What no file said.
    pub fn nowhere() -> Self {
        Self { file: Arc::from(""), line: 0, column: 0 }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.is_empty(), self.line, self.column) {
            (true, 0, _) => write!(f, "configuration"),
            (false, 0, _) => write!(f, "{}", self.file),
            (_, line, 0) => write!(f, "{}:{line}", self.file),
            (_, line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A word and where it stands. Equal to any word of the same text.
#[derive(Clone, Debug)]
pub struct Word {
    /// Without quotes, escapes resolved.
    pub text: String,
    /// Where it begins.
    pub span: Span,
}

impl Word {
    /// A word at a place.
    pub fn new(text: impl Into<String>, span: Span) -> Self {
        Self { text: text.into(), span }
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Word {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_printed_as_compilers_do() {
        let file = Arc::from("branch.conf");
        assert_eq!(Span::new(&file, 3, 7).to_string(), "branch.conf:3:7");
        assert_eq!(Span::new(&file, 3, 0).to_string(), "branch.conf:3");
        assert_eq!(Span::whole(&file).to_string(), "branch.conf");
        assert_eq!(Span::nowhere().to_string(), "configuration");
    }
}
