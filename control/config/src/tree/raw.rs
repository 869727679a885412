//! Statements as a notation has them, before the schema is asked.
//!
//! Each reader makes a list of these, `build` makes the tree of them. So what words mean is decided in one place for all notations.

use super::{
    node::Value,
    place::{Span, Word},
};

/// Levels that are read; what lies deeper is a problem. The schema needs 16.
pub const DEEPEST: usize = 48;

/// One statement.
#[derive(Clone, Debug)]
pub struct Raw {
    /// What is to be done with it.
    pub op: Op,
    /// Key words, names and values, one after the other.
    pub words: Vec<Word>,
    /// What stands behind them.
    pub body: Body,
    /// `inactive:` or `active:` before it.
    pub inactive: Option<bool>,
    /// Comments that belong to it.
    pub comments: Vec<String>,
    /// Where it begins.
    pub span: Span,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// It is there; said again it adds, a value said again replaces the first, with a warning.
    State,
    /// The same on purpose: `set` in a list of commands replaces a value without a word.
    Set,
    /// It is taken out.
    Delete,
    /// It stays and has no effect.
    Deactivate,
    /// It has effect again.
    Activate,
    /// A comment for it.
    Annotate(String),
    /// An entry of a list moves before or behind another.
    Insert {
        /// Before it, else behind.
        before: bool,
        /// The name of the other.
        other: Vec<Word>,
    },
}

/// What stands behind the words.
#[derive(Clone, Debug)]
pub enum Body {
    /// Nothing.
    None,
    /// Statements.
    Block(Vec<Raw>),
    /// Values.
    List(Vec<Value>),
}

impl Raw {
    /// A statement without a body.
    pub fn new(op: Op, words: Vec<Word>, span: Span) -> Self {
        Self { op, words, body: Body::None, inactive: None, comments: Vec::new(), span }
    }
}

/// A comment as it is kept: without blanks around it, and without what would end it early in any notation.
pub fn comment(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.replace("*/", "* /").lines() {
        let mut line = line.trim();
        // The stars that begin the lines of a long comment are decoration.
        while let Some(rest) = line.strip_prefix("* ") {
            line = rest.trim_start();
        }
        let line = if line == "*" { "" } else { line };
        if !kept.is_empty() {
            kept.push('\n');
        }
        kept.extend(line.chars().filter(|letter| !letter.is_control()));
    }
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::comment;

    #[test]
    fn a_comment_is_kept_in_a_form_that_every_notation_can_hold() {
        assert_eq!(comment("  a  "), "a");
        assert_eq!(comment("first\r\n * second\n *\n third "), "first\nsecond\n\nthird");
        assert_eq!(comment("a */ b"), "a * / b");
        assert_eq!(comment("a\u{7}b"), "ab");
        for text in ["* a", "**/", "* * x", "\n\n* a\n"] {
            let once = comment(text);
            assert_eq!(comment(&once), once, "{text:?}");
        }
    }
}
