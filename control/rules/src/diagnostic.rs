//! What is wrong with a rule, told so that the operator can fix it.
//!
//! Made by every parser of this crate and printed as it stands. A diagnostic carries facts (file, line, column,
//! sid, the offending text and a [`Problem`]); the sentence and the remedy are derived from the facts when shown.
//! Never refers to the engine: whether a feature exists is told to the parser by its caller.
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A range of bytes in the text of one rule: continuation lines joined, offsets from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span from `start` up to `end`. Offsets beyond 4 GiB are clipped; no rule is that long.
    pub fn new(start: usize, end: usize) -> Self {
        let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: clip(start), end: clip(end) }
    }

    /// The bytes of `text` under this span, or nothing when it lies outside.
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Wrong in the language: the rule is refused, and a strict load fails.
    Error,
    /// Valid, but it needs something this engine does not have; the rule is left out.
    Unsupported {
        /// What is missing, for example `lua`.
        feature: &'static str,
    },
    /// Suspicious; the rule is loaded.
    Warning,
}

/// One finding about one place of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the caller named it.
    pub file: Arc<Path>,
    /// Line in the file, from 1; 0 when the finding is about the whole file.
    pub line: u32,
    /// Column in bytes, from 1; 0 when the finding is about the whole file.
    pub column: u32,
    /// The rule, when its sid could be read.
    pub sid: Option<u32>,
    /// The offending text, at most 80 bytes of it; bytes that are not UTF-8 become U+FFFD.
    pub value: Box<str>,
    /// The facts.
    pub problem: Problem,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        match self.severity {
            Severity::Error => write!(f, ": error: ")?,
            Severity::Unsupported { .. } => write!(f, ": unsupported: ")?,
            Severity::Warning => write!(f, ": warning: ")?,
        }
        if let Some(sid) = self.sid {
            write!(f, "rule {sid}: ")?;
        }
        if !self.value.is_empty() {
            write!(f, "`{}`: ", self.value)?;
        }
        write!(f, "{}; {}", self.problem, self.problem.remedy())
    }
}

/// The facts of a finding. `Display` gives the reason, [`Problem::remedy`] the smallest change that helps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A file or folder could not be read.
    Unreadable {
        /// What the system said.
        kind: std::io::ErrorKind,
    },
    /// The header ends before this field.
    HeaderIncomplete {
        /// The first missing field.
        missing: &'static str,
    },
    /// The header has more fields than seven.
    HeaderTooLong,
    /// No such action.
    UnknownAction,
    /// No such protocol.
    UnknownProtocol {
        /// The nearest name there is.
        nearest: Option<&'static str>,
    },
    /// The direction is none of `->`, `<>`, `=>`.
    UnknownDirection,
    /// A bracket of an address or port list is not closed, or closed twice.
    UnbalancedBrackets,
    /// A list or a member of a list is empty.
    EmptyMember,
    /// Not an address, network or range of addresses.
    NotAnAddress,
    /// Prefix length or netmask is not one.
    NotANetmask,
    /// The end of a range lies before its start.
    RangeReversed,
    /// Not a port or a range of ports.
    NotAPort,
    /// The variable is not defined.
    UnknownVariable {
        /// Its name, without the dollar sign.
        name: Box<str>,
    },
    /// The regular expression can't be compiled.
    BadExpression {
        /// The compiler's words.
        reason: Box<str>,
    },
    /// The rule is in use, but this part of it does nothing yet.
    NotActedOn {
        /// The keyword.
        keyword: &'static str,
    },
    /// The rule is in use, but the settings leave off the parser it needs.
    ParserOff {
        /// The protocol.
        protocol: &'static str,
    },
    /// The rule asks for a file that the settings do not name.
    NotConfigured {
        /// What the file is.
        what: &'static str,
        /// The setting that names it.
        setting: &'static str,
    },
    /// A database that can't be read.
    NotADatabase {
        /// The reader's words.
        reason: Box<str>,
    },
    /// No such category of reputations.
    UnknownCategory,
    /// No such event.
    UnknownEvent {
        /// Its name.
        name: Box<str>,
    },
    /// The definition of the variable leads back to itself.
    RecursiveVariable {
        /// Its name, without the dollar sign.
        name: Box<str>,
    },
    /// `!any`, or a variable that means the same.
    NegatedAny,
    /// Nothing is left after the negated members are taken away.
    EmptySet,
    /// No `(` after the header.
    OptionsNotOpened,
    /// No `)` at the end.
    OptionsNotClosed,
    /// An option has no `;`.
    OptionNotTerminated,
    /// Text after the closing `)`.
    TextAfterRule,
    /// No such keyword.
    UnknownKeyword {
        /// The nearest name there is.
        nearest: Option<&'static str>,
    },
    /// The keyword takes a value.
    ValueMissing {
        /// The form of the value.
        expected: &'static str,
    },
    /// The keyword takes no value.
    ValueUnexpected,
    /// The value must be in double quotes, and has none or only one.
    NotQuoted,
    /// Not a whole number.
    NotANumber,
    /// The number does not fit.
    OutOfRange {
        /// Least value allowed.
        min: i128,
        /// Greatest value allowed.
        max: i128,
    },
    /// The value does not have the form the keyword takes.
    Malformed {
        /// The form.
        expected: &'static str,
    },
    /// A word the keyword does not know.
    UnknownWord {
        /// The words it knows, or their kind.
        expected: &'static str,
    },
    /// An empty `content` would match everything.
    EmptyContent,
    /// A hexadecimal byte has one digit.
    HexIncomplete,
    /// A byte between `|` is no hexadecimal digit.
    HexInvalid,
    /// The closing `|` is missing.
    HexNotClosed,
    /// A backslash stands before a byte that cannot be escaped.
    EscapeInvalid,
    /// A modifier has no `content` to modify.
    NoContentBefore,
    /// The keyword acts on the match before it, and there is none it could act on.
    NothingBefore,
    /// The keyword may be given once only.
    Repeated {
        /// The keyword.
        keyword: &'static str,
    },
    /// Two keywords that exclude one another.
    Conflict {
        /// The one this place cannot stand with.
        with: Box<str>,
    },
    /// The match can never succeed.
    NeverMatches {
        /// The number of bytes there may be at most.
        limit: i64,
        /// The number of bytes needed.
        needed: i64,
    },
    /// `byte_*` variable that no earlier keyword of the rule defines.
    UnknownByteVariable,
    /// The rule has no sid, or sid 0.
    SidMissing,
    /// Another rule has this gid and sid.
    DuplicateSid {
        /// The other's file.
        other_file: Arc<Path>,
        /// The other's line.
        other_line: u32,
        /// The other's revision.
        other_rev: u32,
    },
    /// A sticky buffer that nothing is matched in.
    UnusedBuffer,
    /// The keyword belongs to another protocol than the rule does.
    WrongProtocol {
        /// What the rule is limited to.
        rule: Box<str>,
    },
    /// The keyword looks at the other direction than `flow` allows.
    WrongDirection {
        /// The direction the keyword looks at: `to_server` or `to_client`.
        keyword: &'static str,
    },
    /// The classification is in no file that was read.
    UnknownClasstype,
    /// Distance or within with nothing before it in the buffer: it counts from the start of the buffer.
    RelativeToStart,
    /// The buffer cannot hold the fast pattern.
    NoFastPattern,
    /// The transform could never produce this pattern.
    NeverTransformed {
        /// The transform.
        transform: &'static str,
    },
    /// A data set that this place may not write, or may not read from there.
    DatasetRefused {
        /// Why.
        reason: &'static str,
    },
    /// A line of a data set's file is not of its type.
    DatasetLine {
        /// Its number, from 1.
        line: u32,
        /// The type.
        expected: &'static str,
    },
    /// Text that the keyword overlooks, most likely the rest of a lost `;`.
    Ignored {
        /// The keyword.
        by: &'static str,
    },
    /// Counts from a content that is not looked at.
    RelativeToFastPatternOnly,
    /// Not in this engine.
    Unsupported {
        /// What is missing.
        feature: &'static str,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { kind } => write!(f, "cannot be read ({kind})"),
            Self::HeaderIncomplete { missing } => write!(f, "the header ends before the {missing}"),
            Self::HeaderTooLong => write!(f, "the header has more than seven fields"),
            Self::UnknownAction => write!(f, "no such action"),
            Self::BadExpression { reason } => write!(f, "the regular expression does not compile: {reason}"),
            Self::NotActedOn { keyword } => write!(f, "the rule is in use, but `{keyword}` does nothing yet"),
            Self::ParserOff { protocol } => write!(f, "the rule never matches: {protocol} is not looked for"),
            Self::UnknownEvent { name } => write!(f, "no event is called {name}"),
            Self::UnknownProtocol { .. } => write!(f, "no such protocol"),
            Self::UnknownDirection => write!(f, "no such direction"),
            Self::UnbalancedBrackets => write!(f, "brackets do not pair"),
            Self::EmptyMember => write!(f, "a list has an empty member"),
            Self::NotAnAddress => write!(f, "not an address, network or range"),
            Self::NotANetmask => write!(f, "not a prefix length or netmask"),
            Self::RangeReversed => write!(f, "the range ends before it starts"),
            Self::NotAPort => write!(f, "not a port or range of ports"),
            Self::UnknownVariable { name } => write!(f, "variable {name} is not defined"),
            Self::RecursiveVariable { name } => write!(f, "variable {name} is defined by itself"),
            Self::NegatedAny => write!(f, "negated any matches nothing"),
            Self::EmptySet => write!(f, "nothing is left after negation"),
            Self::OptionsNotOpened => write!(f, "no `(` after the header"),
            Self::OptionsNotClosed => write!(f, "no `)` at the end"),
            Self::OptionNotTerminated => write!(f, "the option does not end in `;`"),
            Self::TextAfterRule => write!(f, "text after the closing `)`"),
            Self::UnknownKeyword { .. } => write!(f, "no such keyword"),
            Self::ValueMissing { .. } => write!(f, "the keyword needs a value"),
            Self::ValueUnexpected => write!(f, "the keyword takes no value"),
            Self::NotQuoted => write!(f, "the value is not in double quotes"),
            Self::NotANumber => write!(f, "not a whole number"),
            Self::OutOfRange { min, max } => write!(f, "not between {min} and {max}"),
            Self::Malformed { .. } => write!(f, "not of the form the keyword takes"),
            Self::UnknownWord { .. } => write!(f, "no such word here"),
            Self::EmptyContent => write!(f, "an empty content would match everything"),
            Self::HexIncomplete => write!(f, "a hexadecimal byte has only one digit"),
            Self::HexInvalid => write!(f, "not a hexadecimal digit"),
            Self::HexNotClosed => write!(f, "the closing `|` is missing"),
            Self::EscapeInvalid => write!(f, "this byte cannot be escaped"),
            Self::NoContentBefore => write!(f, "no content before it to modify"),
            Self::NothingBefore => write!(f, "no match before it that it could act on"),
            Self::Repeated { keyword } => write!(f, "{keyword} may be given once only"),
            Self::Conflict { with } => write!(f, "cannot stand together with {with}"),
            Self::NeverMatches { limit, needed } => {
                write!(f, "can never match: at most {limit} bytes, {needed} needed")
            }
            Self::UnknownByteVariable => write!(f, "no byte_extract or byte_math before it defines this name"),
            Self::SidMissing => write!(f, "the rule has no sid"),
            Self::DuplicateSid { other_file, other_line, other_rev } => {
                write!(f, "same sid as {}:{other_line} (rev {other_rev})", other_file.display())
            }
            Self::UnusedBuffer => write!(f, "nothing is matched in this buffer"),
            Self::WrongProtocol { rule } => write!(f, "does not belong to the rule's protocol ({rule})"),
            Self::WrongDirection { keyword } => write!(f, "looks at {keyword} traffic, which the rule leaves out"),
            Self::UnknownClasstype => write!(f, "no such classification"),
            Self::RelativeToStart => write!(f, "nothing before it in this buffer, so it counts from the start"),
            Self::NoFastPattern => write!(f, "this buffer cannot hold the fast pattern"),
            Self::NeverTransformed { transform } => write!(f, "{transform} never produces this pattern"),
            Self::NotConfigured { what, .. } => write!(f, "there is no {what}"),
            Self::NotADatabase { reason } => write!(f, "not a database of countries: {reason}"),
            Self::UnknownCategory => write!(f, "the file of categories has no such category"),
            Self::DatasetRefused { reason } => write!(f, "{reason}"),
            Self::DatasetLine { line, expected } => write!(f, "line {line} of the file is not {expected}"),
            Self::Ignored { by } => write!(f, "{by} overlooks this"),
            Self::RelativeToFastPatternOnly => {
                write!(f, "counts from a content with fast_pattern:only, which has no place")
            }
            Self::Unsupported { feature } => write!(f, "this engine has no {feature}"),
        }
    }
}

impl Problem {
    /// The smallest change that makes the place right, as a sentence without a full stop.
    pub fn remedy(&self) -> String {
        let near = |n: &Option<&'static str>, what: &str| match n {
            Some(n) => format!("did you mean `{n}`?"),
            None => format!("use a {what} of the manual's list"),
        };
        match self {
            Self::Unreadable { .. } => "check the path and its permissions".into(),
            Self::HeaderIncomplete { .. } | Self::HeaderTooLong => {
                "write: action protocol source ports -> destination ports (options)".into()
            }
            Self::UnknownAction => "use alert, pass, drop, reject, rejectsrc, rejectdst, rejectboth or config".into(),
            Self::UnknownProtocol { nearest } => near(nearest, "protocol"),
            Self::UnknownDirection => "use ->, <> or =>".into(),
            Self::BadExpression { .. } => "correct the expression; pcre2pattern(3) has the syntax".into(),
            Self::NotActedOn { .. } => "nothing to change: its alerts are complete".into(),
            Self::ParserOff { protocol } => {
                format!("switch it on: --set detection.applications.{protocol}.enabled=true")
            }
            Self::UnknownEvent { .. } => "use a name of the manual's list of events".into(),
            Self::UnbalancedBrackets => "close each `[` with one `]`".into(),
            Self::EmptyMember => "remove the extra comma".into(),
            Self::NotAnAddress => "use any, an address, a network such as 10.0.0.0/8, or a-b".into(),
            Self::NotANetmask => "use 0 to 32 (IPv6: 0 to 128) or a netmask such as 255.255.0.0".into(),
            Self::RangeReversed => "swap the two ends".into(),
            Self::NotAPort => "use any, 0 to 65535, a:b, :b or a:".into(),
            Self::UnknownVariable { name } => format!("define {name} in the settings"),
            Self::RecursiveVariable { .. } => "break the circle in the settings".into(),
            Self::NegatedAny => "name what is to be left out".into(),
            Self::EmptySet => "leave out less".into(),
            Self::OptionsNotOpened => "put the options in ( )".into(),
            Self::OptionsNotClosed => "end the rule with `)`".into(),
            Self::OptionNotTerminated => "end the option with `;`".into(),
            Self::TextAfterRule => "remove it, or put it on its own line".into(),
            Self::UnknownKeyword { nearest } => near(nearest, "keyword"),
            Self::ValueMissing { expected } | Self::Malformed { expected } => format!("write {expected}"),
            Self::ValueUnexpected => "remove the colon and the value".into(),
            Self::NotQuoted => "put the value in double quotes".into(),
            Self::NotANumber => "write a number".into(),
            Self::OutOfRange { min, max } => format!("use {min} to {max}"),
            Self::UnknownWord { expected } => format!("use {expected}"),
            Self::EmptyContent => "give at least one byte".into(),
            Self::HexIncomplete => "write two digits for each byte".into(),
            Self::HexInvalid => "use 0 to 9 and A to F".into(),
            Self::HexNotClosed => "close the bytes with `|`, or write |7C| for the character".into(),
            Self::EscapeInvalid => "write the byte in hexadecimal".into(),
            Self::NoContentBefore => "put it after its content".into(),
            Self::NothingBefore => "put it after the match it belongs to".into(),
            Self::Repeated { .. } => "remove one of them".into(),
            Self::Conflict { .. } => "remove one of the two".into(),
            Self::NeverMatches { needed, .. } => format!("allow {needed} bytes or more"),
            Self::UnknownByteVariable => "define it earlier in the rule, or write a number".into(),
            Self::SidMissing => "add a sid from 1 to 4294967295".into(),
            Self::DuplicateSid { .. } => "give one of them another sid, or the newer a greater rev".into(),
            Self::UnusedBuffer => "add a content after it, or remove it".into(),
            Self::WrongProtocol { .. } => "change the protocol in the header, or remove the keyword".into(),
            Self::WrongDirection { .. } => "change the direction in flow, or remove the keyword".into(),
            Self::UnknownClasstype => "add it to classification.config".into(),
            Self::RelativeToStart => "use offset or depth".into(),
            Self::NoFastPattern => "put fast_pattern on a content of another buffer".into(),
            Self::NeverTransformed { .. } => "write the pattern as the transform leaves it".into(),
            Self::NotConfigured { setting, .. } => format!("name it with {setting}, or disable the rule"),
            Self::NotADatabase { .. } => "name a country database in the MaxMind format (.mmdb)".into(),
            Self::UnknownCategory => "add it to the file of categories, or use one of its short names".into(),
            Self::DatasetRefused { .. } => "change the path or the setting".into(),
            Self::DatasetLine { .. } => "correct that line".into(),
            Self::Ignored { .. } => "remove it, or put a `;` before it".into(),
            Self::RelativeToFastPatternOnly => "use fast_pattern without only".into(),
            Self::Unsupported { .. } => "disable the rule".into(),
        }
    }
}
