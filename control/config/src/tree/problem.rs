//! What is wrong with a configuration: each problem with its place, path, value, reason and remedy.
//!
//! Gathered by readers, by the schema and by the checks; nobody stops at the first. Printed to the operator as it stands.

use super::place::Span;
use std::fmt;

/// Problems that are kept; more are counted.
pub const MOST_PROBLEMS: usize = 1_000;
/// Bytes of a value that are printed.
const LONGEST_VALUE: usize = 80;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Said, and not in the way of a commit.
    Warning,
    /// Stops a commit.
    Error,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub level: Level,
    /// Where it stands.
    pub place: Span,
    /// Key words and names from the outermost level on, as a `set` line has them; empty: none.
    pub path: String,
    /// The reason, with the value and the remedy.
    pub reason: Reason,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A file can't be read.
    Unreadable {
        /// What the system said.
        why: String,
    },
    /// More bytes than are read.
    TooLarge {
        /// Most, bytes.
        most: usize,
    },
    /// Bytes that are no UTF-8.
    NotUtf8,
    /// A control character in the text.
    Control {
        /// Which.
        character: char,
    },
    /// A text in quotes has no end in its line.
    OpenQuote,
    /// A comment has no end.
    OpenComment,
    /// A bracket or block has no end.
    Unclosed {
        /// What would end it.
        with: &'static str,
    },
    /// An end of what was not begun.
    Unopened {
        /// What stands there.
        what: &'static str,
    },
    /// Something else should stand here.
    Expected {
        /// What.
        what: &'static str,
        /// What stands there.
        found: String,
    },
    /// Sections within sections beyond all sense.
    TooDeep {
        /// Most levels.
        most: usize,
    },
    /// Nobody knows the word here.
    UnknownWord {
        /// As written.
        word: String,
        /// The nearest that is known here.
        nearest: Option<&'static str>,
        /// All that are known here.
        known: Vec<&'static str>,
    },
    /// An entry of a list without the name that tells it apart.
    NoName {
        /// The list.
        word: &'static str,
        /// What the name is called.
        key: &'static str,
    },
    /// The name in the entry is another than before it.
    NameDiffers {
        /// What the name is called.
        key: String,
        /// In the entry.
        inside: String,
        /// Before it.
        before: String,
    },
    /// A key word without its value.
    NoValue {
        /// What it takes.
        wants: String,
    },
    /// More than a key word takes.
    TooMuch {
        /// What stands beyond.
        extra: String,
        /// What it takes.
        wants: &'static str,
    },
    /// The value is not of the kind that is wanted.
    BadValue {
        /// As written.
        value: String,
        /// What is wanted.
        wants: String,
        /// The nearest word, where words are wanted.
        nearest: Option<&'static str>,
    },
    /// One value, said twice; the last counts.
    Twice {
        /// The first.
        first: String,
        /// Where it stands.
        place: Span,
    },
    /// What is to be changed is not there.
    NotThere,
    /// A tag or command that is known and not supported here.
    Unsupported {
        /// As written.
        what: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// Files that include each other.
    IncludeCycle {
        /// From the first on.
        chain: Vec<String>,
    },
    /// More includes than are followed.
    TooManyIncludes {
        /// Most.
        most: usize,
        /// Of what.
        what: &'static str,
    },
    /// A setting of `detection`, `events`, `system` or `measure` was refused.
    Setting {
        /// What it said.
        why: String,
    },
    /// The typed model could not be made.
    Model {
        /// Why.
        why: String,
    },
    /// A check of the validator.
    Check {
        /// Its number in the specification.
        number: u8,
        /// The value it is about.
        value: String,
        /// Why that is a problem.
        why: String,
        /// The smallest change.
        fix: String,
    },
}

/// At most [`LONGEST_VALUE`] bytes of `text`, in quotes.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut end = self.0.len().min(LONGEST_VALUE);
        while !self.0.is_char_boundary(end) {
            end -= 1;
        }
        let shown = self.0.get(..end).unwrap_or_default();
        let more = if end < self.0.len() { "..." } else { "" };
        write!(f, "\"{shown}{more}\"")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { why } => write!(f, "can't be read: {why}; give a file that this user may read"),
            Self::TooLarge { most } => write!(f, "is larger than {most} bytes with what it includes; divide it"),
            Self::NotUtf8 => write!(f, "bytes that are no UTF-8; save the file as UTF-8"),
            Self::Control { character } => {
                write!(f, "control character U+{:04X}; take it out", u32::from(*character))
            }
            Self::OpenQuote => write!(f, "the text in quotes has no end in this line; add \""),
            Self::OpenComment => write!(f, "the comment has no end; add */"),
            Self::Unclosed { with } => write!(f, "is never closed; add {with}"),
            Self::Unopened { what } => write!(f, "{what} closes nothing; take it out"),
            Self::Expected { what, found } => write!(f, "{what} is expected, {} stands there", Short(found)),
            Self::TooDeep { most } => write!(f, "lies deeper than {most} levels; the rest of it is not read"),
            Self::UnknownWord { word, nearest, known } => {
                write!(f, "unknown word {}; ", Short(word))?;
                match (nearest, known.as_slice()) {
                    (Some(nearest), _) => write!(f, "did you mean {nearest}?")?,
                    (None, []) => write!(f, "nothing stands here")?,
                    (None, _) => {}
                }
                if !known.is_empty() {
                    let space = if nearest.is_some() { " " } else { "" };
                    write!(f, "{space}known here: {}", known.join(", "))?;
                }
                Ok(())
            }
            Self::NoName { word, key } => {
                write!(f, "an entry of {word} needs its {key}; write {word} {}", key.to_uppercase())
            }
            Self::NameDiffers { key, inside, before } => write!(
                f,
                "{key} is {} here and {} before it; write {} or leave the line out",
                Short(inside),
                Short(before),
                Short(before)
            ),
            Self::NoValue { wants } => write!(f, "has no value; give {wants}"),
            Self::TooMuch { extra, wants } => write!(f, "{} is too much: {wants}", Short(extra)),
            Self::BadValue { value, wants, nearest } => {
                write!(f, "{} is refused; give {wants}", Short(value))?;
                nearest.map_or(Ok(()), |nearest| write!(f, " (nearest: {nearest})"))
            }
            Self::Twice { first, place } => {
                write!(f, "said twice, first {} at {place}; the last counts, take one out", Short(first))
            }
            Self::NotThere => write!(f, "is not there; nothing is changed"),
            Self::Unsupported { what, instead } => write!(f, "{} is not supported; {instead}", Short(what)),
            Self::IncludeCycle { chain } => write!(f, "includes itself: {}; take one include out", chain.join(" -> ")),
            Self::TooManyIncludes { most, what } => write!(f, "more than {most} {what}; put files together"),
            Self::Setting { why } | Self::Model { why } => f.write_str(why),
            Self::Check { number, value, why, fix } => {
                if !value.is_empty() {
                    write!(f, "{}: ", Short(value))?;
                }
                write!(f, "{why}; {fix} [check {number}]")
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{level}: {}: ", self.place)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.reason)
    }
}

/// All that is wrong, in the order it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// At most [`MOST_PROBLEMS`].
    pub list: Vec<Problem>,
    /// What was found beyond those.
    pub more: usize,
    /// Whether one of those beyond was an error.
    more_errors: bool,
}

impl Problems {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn push(&mut self, problem: Problem) {
        if self.list.len() < MOST_PROBLEMS {
            self.list.push(problem);
        } else {
            self.more += 1;
            self.more_errors |= problem.level == Level::Error;
        }
    }

    /// An error at a place.
    pub fn error(&mut self, place: &Span, path: impl Into<String>, reason: Reason) {
        self.push(Problem { level: Level::Error, place: place.clone(), path: path.into(), reason });
    }

    /// A warning at a place.
    pub fn warning(&mut self, place: &Span, path: impl Into<String>, reason: Reason) {
        self.push(Problem { level: Level::Warning, place: place.clone(), path: path.into(), reason });
    }

    /// Whether a commit must not be.
    pub fn has_errors(&self) -> bool {
        self.more_errors || self.list.iter().any(|problem| problem.level == Level::Error)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes over those of another list.
    pub fn extend(&mut self, other: Self) {
        for problem in other.list {
            self.push(problem);
        }
        self.more += other.more;
        self.more_errors |= other.more_errors;
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            writeln!(f, "{problem}")?;
        }
        if self.more > 0 {
            writeln!(f, "and {} more", self.more)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn shown(reason: Reason) -> String {
        let place = Span::new(&Arc::from("a.conf"), 2, 5);
        Problem { level: Level::Error, place, path: "authority".into(), reason }.to_string()
    }

    #[test]
    fn a_problem_tells_place_path_value_reason_and_remedy() {
        assert_eq!(
            shown(Reason::UnknownWord {
                word: "tennant".into(),
                nearest: Some("tenant"),
                known: vec!["service", "tenant"]
            }),
            "error: a.conf:2:5: authority: unknown word \"tennant\"; did you mean tenant? known here: service, tenant"
        );
        assert_eq!(
            shown(Reason::BadValue { value: "hubb".into(), wants: "auto or hub".into(), nearest: Some("hub") }),
            "error: a.conf:2:5: authority: \"hubb\" is refused; give auto or hub (nearest: hub)"
        );
        assert_eq!(
            shown(Reason::NoName { word: "tenant", key: "name" }),
            "error: a.conf:2:5: authority: an entry of tenant needs its name; write tenant NAME"
        );
        assert_eq!(
            shown(Reason::Check {
                number: 7,
                value: "x".into(),
                why: "two answers".into(),
                fix: "take one out".into()
            }),
            "error: a.conf:2:5: authority: \"x\": two answers; take one out [check 7]"
        );
        assert_eq!(
            shown(Reason::Twice { first: "auto".into(), place: Span::nowhere() }),
            "error: a.conf:2:5: authority: said twice, first \"auto\" at configuration; the last counts, take one out"
        );
        assert_eq!(
            shown(Reason::Control { character: '\u{7}' }),
            "error: a.conf:2:5: authority: control character U+0007; take it out"
        );
    }

    #[test]
    fn a_long_value_is_cut_at_a_letter() {
        let long = "ä".repeat(100);
        assert_eq!(Short(&long).to_string(), format!("\"{}...\"", "ä".repeat(40)));
    }

    #[test]
    fn problems_beyond_the_bound_are_counted_and_errors_among_them_are_not_forgotten() {
        let mut problems = Problems::new();
        for _ in 0..MOST_PROBLEMS {
            problems.warning(&Span::nowhere(), "", Reason::NotThere);
        }
        assert!(!problems.has_errors());
        problems.error(&Span::nowhere(), "", Reason::NotUtf8);
        assert!(problems.has_errors());
        assert_eq!((problems.list.len(), problems.more), (MOST_PROBLEMS, 1));
    }
}
