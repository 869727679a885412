//! Notations, and the way from a file to a tree.
//!
//! Called by everything that loads or prints a configuration. [`read`] makes a tree of bytes, [`apply`] changes a tree by what bytes say, [`write`] makes text.

use super::{
    build::Builder,
    include::{Files, MOST_BYTES},
    json, junos, lex,
    node::Tree,
    pcli,
    place::Span,
    problem::{Problems, Reason},
    raw::Raw,
    schema::{ROOT, Section},
    set,
};
use std::{fmt, str::FromStr, sync::Arc};

/// A notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Junos with braces: the native one.
    Junos,
    /// Junos' `set` lines.
    Set,
    /// SSR's PCLI text.
    Pcli,
    /// JSON, with what Junos writes beside a statement in members that begin with `@`.
    Json,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Junos, Self::Set, Self::Pcli, Self::Json];

    /// Its word on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Junos => "junos",
            Self::Set => "set",
            Self::Pcli => "pcli",
            Self::Json => "json",
        }
    }

    /// The notation a text seems to be in: by its first word, past comments.
    pub fn detect(text: &str) -> Self {
        let mut problems = Problems::new();
        let file = Arc::from("");
        let mut lexer = lex::Lexer::new(text, &file, lex::Style::Braces);
        let mut last: Option<(bool, u32)> = None;
        for _ in 0..64 {
            match (lexer.next(&mut problems), last) {
                (Some((lex::Token::Comment(..), _)), _) => {}
                (Some((lex::Token::Open, _)), None) => return Self::Json,
                // A list as the whole text is no configuration; JSON says so best.
                (Some((lex::Token::ListOpen, _)), None) => last = Some((false, 0)),
                (Some((lex::Token::Word(word, _), span)), None) => {
                    match word.as_str() {
                        "config" | "configure" => return Self::Pcli,
                        "include" => {}
                        word if set::COMMANDS.contains(&word) => return Self::Set,
                        _ => {}
                    }
                    last = Some((true, span.line));
                }
                // Two words in two lines and nothing between them: only PCLI has that.
                (Some((lex::Token::Word(..), span)), Some((true, line))) if span.line > line => return Self::Pcli,
                (Some((lex::Token::Word(..), span)), _) => last = Some((true, span.line)),
                (Some(_), _) => last = Some((false, 0)),
                (None, _) => break,
            }
        }
        Self::Junos
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No notation has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat(pub String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no notation; write junos, set, pcli or json", self.0)
    }
}

impl std::error::Error for UnknownFormat {}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Statements of `bytes`, which stand in `section`.
pub(super) fn statements(
    bytes: &[u8],
    format: Option<Format>,
    file: &Arc<str>,
    section: &'static Section,
    problems: &mut Problems,
) -> Vec<Raw> {
    if bytes.len() > MOST_BYTES {
        problems.error(&Span::whole(file), "", Reason::TooLarge { most: MOST_BYTES });
        return Vec::new();
    }
    let text = lex::decode(bytes, file, problems);
    match format.unwrap_or_else(|| Format::detect(&text)) {
        Format::Junos => junos::read(&text, file, problems),
        Format::Set => set::read(&text, file, problems),
        Format::Pcli => pcli::read(&text, file, section, problems),
        Format::Json => json::read(&text, file, section, problems),
    }
}

/// What `bytes` of `file` make of an empty tree. Without a notation it is found out. What is wrong is left out of the tree and told of.
///
/// Cost: linear in the bytes read, with those of included files.
pub fn read(bytes: &[u8], format: Option<Format>, file: &str, files: &dyn Files) -> (Tree, Problems) {
    apply(Tree::default(), bytes, format, file, files)
}

/// What `bytes` of `file` make of `tree`: statements are added, values replaced; `set` lines can also take out, deactivate and move.
pub fn apply(tree: Tree, bytes: &[u8], format: Option<Format>, file: &str, files: &dyn Files) -> (Tree, Problems) {
    let mut problems = Problems::new();
    let name = Arc::from(file);
    let statements = statements(bytes, format, &name, &ROOT, &mut problems);
    let tree = Builder::new(&mut problems, files, file, bytes.len()).build(tree, statements);
    (tree, problems)
}

/// A tree as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// Inactive statements and comments that the notation can't hold: 0 for all but PCLI.
    pub left_out: usize,
}

/// `tree` in a notation. Read again it is the same tree; of PCLI the same without what is inactive and without comments.
pub fn write(tree: &Tree, format: Format) -> Written {
    let (text, left_out) = match format {
        Format::Junos => (junos::write(tree), 0),
        Format::Set => (set::write(tree), 0),
        Format::Pcli => pcli::write(tree),
        Format::Json => (json::write(tree), 0),
    };
    Written { text, left_out }
}
