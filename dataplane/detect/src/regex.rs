//! Regular expressions: PCRE2 with its JIT, bounded.
//!
//! Compiled by `sluice-rules` through [`compile`], run by [`crate::run`]. Each worker holds its own room for matches, so matching takes no lock and
//! allocates nothing. Work per match is bounded by the limits below, which are the reference engine's defaults.
//!
//! Source: pcre2pattern(3) for the leading verbs and inline options.

use pcre2::bytes::{CaptureLocations, Regex, RegexBuilder};

/// Bound on internal match calls.
const MATCH_LIMIT: u32 = 3_500;
/// Bound on backtracking depth.
const DEPTH_LIMIT: u32 = 1_500;

/// Flags of a `pcre` option that change what the expression means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flags {
    /// `i`
    pub caseless: bool,
    /// `m`
    pub multi_line: bool,
    /// `s`
    pub dot_matches_newline: bool,
    /// `x`
    pub extended: bool,
    /// `A`
    pub anchored: bool,
    /// `E`: `$` only at the very end, not before a final newline.
    pub dollar_end_only: bool,
    /// `G`: quantifiers are lazy unless followed by `?`.
    pub ungreedy: bool,
}

/// Whether it matters for `expression` where the bytes begin: it asks for their start.
pub fn is_anchored(expression: &[u8], flags: Flags) -> bool {
    let starts = |place: usize| {
        let before = place.checked_sub(1).and_then(|before| expression.get(before));
        !matches!(before, Some(b'[' | b'\\'))
    };
    let mut carets = expression.iter().enumerate().filter(|(_, byte)| **byte == b'^');
    flags.anchored || carets.any(|(place, _)| starts(place)) || expression.windows(2).any(|pair| pair == b"\\A")
}

/// Why an expression was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegexError {
    /// The crate takes text, and this isn't UTF-8; write the bytes as `\xNN`.
    NotText,
    /// PCRE2's own words.
    Syntax(String),
}

/// Compiles `expression`.
///
/// # Errors
/// [`RegexError`] with PCRE2's reason.
pub fn compile(expression: &[u8], flags: Flags) -> Result<Regex, RegexError> {
    // The binding takes `str` but matches bytes: other bytes are written as escapes, which mean the same.
    let mut text = format!("(*LIMIT_MATCH={MATCH_LIMIT})(*LIMIT_DEPTH={DEPTH_LIMIT})");
    if flags.ungreedy {
        text.push_str("(?U)");
    }
    let body = escape_high_bytes(expression);
    let body = if flags.dollar_end_only && !flags.multi_line { dollar_to_end(&body) } else { body };
    let mut before = text.len();
    if flags.anchored {
        // Not `\G`, which moves along when a match is tried again further on.
        text.push_str("\\A(?:");
        before = text.len();
        text.push_str(&body);
        text.push_str(if flags.extended { "\n)" } else { ")" });
    } else {
        text.push_str(&body);
    }
    RegexBuilder::new()
        .caseless(flags.caseless)
        .multi_line(flags.multi_line)
        .dotall(flags.dot_matches_newline)
        .extended(flags.extended)
        .jit_if_available(true)
        .build(&text)
        .map_err(|error| RegexError::Syntax(reason(&error, before)))
}

/// PCRE2's words, with the offset counted in the expression as given instead of behind the `before` bytes we put in front.
fn reason(error: &pcre2::Error, before: usize) -> String {
    let words = error.to_string();
    let words = words.rsplit_once(": ").map_or(&*words, |(_, words)| words);
    match error.offset() {
        Some(offset) => format!("{words} at offset {}", offset.saturating_sub(before)),
        None => words.to_owned(),
    }
}

/// Bytes from 0x80 as `\xNN`: without the UTF option the expression matches single bytes.
fn escape_high_bytes(expression: &[u8]) -> String {
    let mut text = String::with_capacity(expression.len());
    for &byte in expression {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// `$` outside classes and escapes as `\z`.
fn dollar_to_end(body: &str) -> String {
    let mut text = String::with_capacity(body.len());
    let mut in_class = false;
    let mut characters = body.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                text.push('\\');
                text.extend(characters.next());
            }
            '$' if !in_class => text.push_str("\\z"),
            other => {
                in_class = match other {
                    '[' => true,
                    ']' => false,
                    _ => in_class,
                };
                text.push(other);
            }
        }
    }
    text
}

/// One worker's room for matches, a place for each expression of a rule set.
pub struct RegexScratch {
    places: Vec<CaptureLocations>,
}

/// A match ran into its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached;

impl RegexScratch {
    /// Room for `regexes`.
    pub fn new(regexes: &[Regex]) -> Self {
        Self { places: regexes.iter().map(Regex::capture_locations).collect() }
    }

    /// First match of expression `number` in `subject` that begins at `start` or later.
    ///
    /// # Errors
    /// [`LimitReached`] when the match limits stopped it; also for a number that isn't in the set.
    pub fn find(
        &mut self,
        regexes: &[Regex],
        number: u32,
        subject: &[u8],
        start: usize,
    ) -> Result<Option<(usize, usize)>, LimitReached> {
        let (Some(regex), Some(place)) = (regexes.get(number as usize), self.places.get_mut(number as usize)) else {
            return Err(LimitReached);
        };
        if start > subject.len() {
            return Ok(None);
        }
        match regex.captures_read_at(place, subject, start) {
            Ok(found) => Ok(found.map(|found| (found.start(), found.end()))),
            Err(_) => Err(LimitReached),
        }
    }

    /// Where `group` of what was matched last by expression `number` stands; none when it has no part in it.
    pub fn group(&self, number: u32, group: u8) -> Option<(usize, usize)> {
        self.places.get(number as usize)?.get(usize::from(group))
    }

    /// Where the first group of the first match of expression `number` stands in `subject`; none without a match, when the group has no
    /// part in it, or when the match limits stopped it.
    pub fn first_group(&mut self, regexes: &[Regex], number: u32, subject: &[u8]) -> Option<(usize, usize)> {
        self.find(regexes, number, subject, 0).ok()??;
        self.places.get(number as usize)?.get(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Flags, RegexScratch, compile};

    fn find(expression: &[u8], flags: Flags, subject: &[u8]) -> Result<Option<(usize, usize)>, super::LimitReached> {
        let regexes = [compile(expression, flags).unwrap()];
        RegexScratch::new(&regexes).find(&regexes, 0, subject, 0)
    }

    #[test]
    fn bytes_above_ascii_match_as_single_bytes() {
        assert_eq!(find(b"\xff\xfe", Flags::default(), b"a\xff\xfe"), Ok(Some((1, 3))));
        assert_eq!(find(br"\xff.", Flags::default(), b"\xff\x80"), Ok(Some((0, 2))));
    }

    #[test]
    fn flags_mean_what_they_say() {
        let flags = |change: fn(&mut Flags)| {
            let mut flags = Flags::default();
            change(&mut flags);
            flags
        };
        assert_eq!(find(b"AB", flags(|f| f.caseless = true), b"xab"), Ok(Some((1, 3))));
        assert_eq!(find(b"b", flags(|f| f.anchored = true), b"ab"), Ok(None));
        assert_eq!(find(b"a$", Flags::default(), b"a\n"), Ok(Some((0, 1))));
        assert_eq!(find(b"a$", flags(|f| f.dollar_end_only = true), b"a\n"), Ok(None));
        assert_eq!(find(b"a+", flags(|f| f.ungreedy = true), b"aaa"), Ok(Some((0, 1))));
        assert_eq!(find(b"a.b", flags(|f| f.dot_matches_newline = true), b"a\nb"), Ok(Some((0, 3))));
        assert_eq!(find(b"^b", flags(|f| f.multi_line = true), b"a\nb"), Ok(Some((2, 3))));
    }

    #[test]
    fn a_catastrophic_expression_stops_at_its_limit() {
        let mut subject = [b'a'; 200];
        subject[199] = b'!';
        assert_eq!(find(b"^(a+)+(a+)+$", Flags::default(), &subject), Err(super::LimitReached));
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        let refused = |flags| compile(b"a(", flags).unwrap_err();
        let expected = super::RegexError::Syntax("missing closing parenthesis at offset 2".into());
        assert_eq!(refused(Flags::default()), expected);
        let pairs = [Flags { ungreedy: true, ..Flags::default() }, Flags { caseless: true, ..Flags::default() }];
        assert!(pairs.into_iter().all(|flags| refused(flags) == expected));
    }
}
