//! `content`, `uricontent` and the modifiers that follow them.
//!
//! Called through the keyword table. A modifier acts on the last content of the rule, whichever buffer it is in;
//! what the combination means is checked in `check` once all modifiers are known.
//!
//! Source: the public rule documentation, "Payload Keywords" and "Prefiltering Keywords".
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::keyword::buffer_table::buffer;
use crate::syntax::lexer::unescape;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::{Fault, Value};

/// A number, or the name of a variable that `byte_extract` or `byte_math` fills.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// The number.
    Number(i64),
    /// The name.
    Variable(Box<str>),
}

impl Operand {
    /// The number, unless it is only known while matching.
    pub const fn known(&self) -> Option<i64> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Variable(_) => None,
        }
    }
}

/// Bytes to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// The bytes, escapes and hexadecimal resolved; never empty, at most 65,535.
    pub pattern: Box<[u8]>,
    /// `!`: must not be there.
    pub negated: bool,
    /// `nocase`: ASCII letters match in either case.
    pub nocase: bool,
    /// `rawbytes`.
    pub rawbytes: bool,
    /// First byte of the buffer looked at.
    pub offset: Option<Operand>,
    /// Bytes looked at from `offset`; at least the length of the pattern when known.
    pub depth: Option<Operand>,
    /// Bytes skipped since the end of the last match.
    pub distance: Option<Operand>,
    /// Bytes looked at from there; at least the length of the pattern when known.
    pub within: Option<Operand>,
    /// The pattern stands at the start of the buffer.
    pub startswith: bool,
    /// The pattern stands at the end of the buffer.
    pub endswith: bool,
    /// Chosen by the author as the pattern the rule is found by.
    pub fast_pattern: Option<FastPattern>,
    /// `replace`: the bytes put in its place, as many as the pattern has.
    pub replace: Option<Box<[u8]>>,
}

impl Content {
    /// Whether it counts from the end of the last match of the buffer.
    pub const fn is_relative(&self) -> bool {
        self.distance.is_some() || self.within.is_some()
    }
}

/// What of the pattern is used to find the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastPattern {
    /// All of it.
    Whole,
    /// `only`: and the content is not looked at again.
    Only,
    /// `offset,length`: this part of it, which lies inside the pattern.
    Part {
        /// First byte.
        offset: u16,
        /// Number of bytes, not 0.
        length: u16,
    },
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("content", "payload", content),
    plain("uricontent", "http", uricontent),
    plain("nocase", "payload", nocase),
    plain("rawbytes", "payload", rawbytes),
    plain("offset", "payload", offset),
    plain("depth", "payload", depth),
    plain("distance", "payload", distance),
    plain("within", "payload", within),
    plain("startswith", "payload", startswith),
    plain("endswith", "payload", endswith),
    plain("fast_pattern", "payload", fast_pattern),
    plain("replace", "replace", replace),
];

fn content(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let parsed = parse(option, rule.current())?;
    rule.push(option, MatchKind::Content(parsed));
    Ok(())
}

fn uricontent(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let index = rule.buffer_index(buffer("http.uri"), option.span());
    let parsed = parse(option, index)?;
    rule.push(option, MatchKind::Content(parsed));
    Ok(())
}

fn parse(option: Use<'_>, buffer: usize) -> Result<Content, Fault> {
    let value = option.value("text in double quotes")?;
    let (negated, text) = value.negation();
    let text = text.quoted()?;
    let pattern = pattern(text)?;
    if pattern.len() > usize::from(u16::MAX) {
        return Err(text.fault(Problem::OutOfRange { min: 1, max: 65_535 }));
    }
    Ok(Content {
        buffer,
        pattern: pattern.into(),
        negated,
        nocase: false,
        rawbytes: false,
        offset: None,
        depth: None,
        distance: None,
        within: None,
        startswith: false,
        endswith: false,
        fast_pattern: None,
        replace: None,
    })
}

/// The bytes a content means: `|0d 0a|` is hexadecimal, a backslash escapes `"`, `;`, `:`, `\` and `|`.
pub(super) fn pattern(text: Value<'_>) -> Result<Vec<u8>, Fault> {
    if text.is_empty() {
        return Err(text.fault(Problem::EmptyContent));
    }
    let bytes = text.bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut hex: Option<usize> = None;
    let mut half: Option<(usize, u32)> = None;
    let mut escaped = false;
    for (i, &b) in bytes.iter().enumerate() {
        if hex.is_some() {
            match (b, char::from(b).to_digit(16)) {
                (b'|', _) => {
                    if let Some((at, _)) = half {
                        return Err(text.slice(at, i).fault(Problem::HexIncomplete));
                    }
                    hex = None;
                }
                (_, Some(digit)) => match half.take() {
                    Some((_, high)) => out.push(u8::try_from(high * 16 + digit).unwrap_or_default()),
                    None => half = Some((i, digit)),
                },
                // A space may even part the two digits of a byte; the reference reads `|3 a20|` as 3A 20.
                (b' ' | b'\t', _) => {}
                _ => return Err(text.slice(i, i + 1).fault(Problem::HexInvalid)),
            }
        } else if escaped {
            if !matches!(b, b'"' | b';' | b':' | b'\\' | b'|') {
                return Err(text.slice(i - 1, i + 1).fault(Problem::EscapeInvalid));
            }
            out.push(b);
            escaped = false;
        } else {
            match b {
                b'|' => hex = Some(i),
                b'\\' => escaped = true,
                _ => out.push(b),
            }
        }
    }
    if let Some(at) = hex {
        return Err(text.from(at).fault(Problem::HexNotClosed));
    }
    if escaped {
        return Err(text.from(text.len().saturating_sub(1)).fault(Problem::EscapeInvalid));
    }
    if out.is_empty() {
        return Err(text.fault(Problem::EmptyContent));
    }
    Ok(out)
}

/// A content's pattern as the language writes it: printable bytes as they are, the rest in hexadecimal.
pub fn write_pattern(pattern: &[u8]) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut hex = false;
    for &b in pattern {
        let plain = (b.is_ascii_graphic() || b == b' ') && !matches!(b, b'"' | b';' | b':' | b'\\' | b'|');
        if plain {
            if hex {
                out.push('|');
            }
            out.push(char::from(b));
        } else {
            out.push(if hex { ' ' } else { '|' });
            for digit in [b >> 4, b & 15] {
                out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        hex = !plain;
    }
    if hex {
        out.push('|');
    }
    out
}

fn last<'b>(rule: &'b mut Builder<'_>, option: Use<'_>) -> Result<&'b mut Content, Fault> {
    rule.last_content().ok_or_else(|| option.fault(Problem::NoContentBefore))
}

fn flag(rule: &mut Builder<'_>, option: Use<'_>, field: fn(&mut Content) -> &mut bool) -> Result<(), Fault> {
    option.no_value()?;
    let content = last(rule, option)?;
    let flag = field(content);
    if *flag {
        return Err(option.fault(Problem::Repeated { keyword: option.keyword.name }));
    }
    *flag = true;
    Ok(())
}

fn nocase(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    flag(rule, option, |c| &mut c.nocase)
}

fn rawbytes(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    flag(rule, option, |c| &mut c.rawbytes)
}

fn startswith(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    flag(rule, option, |c| &mut c.startswith)
}

fn endswith(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    flag(rule, option, |c| &mut c.endswith)
}

fn number(
    rule: &mut Builder<'_>,
    option: Use<'_>,
    range: (i64, i64),
    field: fn(&mut Content) -> &mut Option<Operand>,
) -> Result<(), Fault> {
    let value = option.value("a number or the name of a byte_extract variable")?.unquoted()?;
    let operand = rule.operand(value, range)?;
    let content = last(rule, option)?;
    let place = field(content);
    if place.is_some() {
        return Err(option.fault(Problem::Repeated { keyword: option.keyword.name }));
    }
    *place = Some(operand);
    Ok(())
}

fn offset(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    number(rule, option, (0, 65_535), |c| &mut c.offset)
}

fn depth(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    number(rule, option, (0, 65_535), |c| &mut c.depth)
}

fn distance(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    number(rule, option, (-1_048_576, 1_048_576), |c| &mut c.distance)
}

fn within(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    number(rule, option, (-1_048_576, 1_048_576), |c| &mut c.within)
}

fn fast_pattern(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "fast_pattern, fast_pattern:only or fast_pattern:offset,length";
    let chosen = match option.value {
        None => FastPattern::Whole,
        Some(value) if value.is("only") => FastPattern::Only,
        Some(value) => {
            let (offset, length) = value.split_once(b',').ok_or_else(|| value.malformed(FORM))?;
            let (start, count) = (offset.int::<u16>()?, length.int::<u16>()?);
            if count == 0 {
                return Err(length.fault(Problem::OutOfRange { min: 1, max: 65_535 }));
            }
            let known = last(rule, option)?.pattern.len();
            if usize::from(start) + usize::from(count) > known {
                return Err(value.fault(Problem::NeverMatches {
                    limit: i64::try_from(known).unwrap_or(i64::MAX),
                    needed: i64::from(start) + i64::from(count),
                }));
            }
            FastPattern::Part { offset: start, length: count }
        }
    };
    rule.choose_fast_pattern(option, chosen)
}

fn replace(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let text = option.value("text in double quotes")?.quoted()?;
    let bytes = pattern(text)?;
    let content = last(rule, option)?;
    if content.replace.is_some() {
        return Err(option.fault(Problem::Repeated { keyword: "replace" }));
    }
    if content.negated {
        return Err(option.fault(Problem::Conflict { with: "a negated content".into() }));
    }
    if bytes.len() != content.pattern.len() {
        return Err(text.malformed("as many bytes as the content has"));
    }
    content.replace = Some(bytes.into());
    Ok(())
}

/// Text of a keyword that is shown to people: quotes and escapes taken away.
pub(super) fn shown_text(value: Value<'_>) -> Result<Box<str>, Fault> {
    Ok(String::from_utf8_lossy(&unescape(value.unquoted()?.bytes())).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of(text: &str) -> Result<Vec<u8>, Problem> {
        pattern(Value::new(text.as_bytes(), 0)).map_err(|f| f.problem)
    }

    #[test]
    fn hexadecimal_and_escapes_become_bytes() {
        assert_eq!(bytes_of("GET |2f 3F|x"), Ok(b"GET /?x".to_vec()));
        assert_eq!(bytes_of("|0d0a|"), Ok(b"\r\n".to_vec()));
        assert_eq!(bytes_of("|3 a20|"), Ok(b": ".to_vec()));
        assert_eq!(bytes_of(r#"a\"b\;c\\d\:"#), Ok(br#"a"b;c\d:"#.to_vec()));
    }

    #[test]
    fn incomplete_hexadecimal_is_refused() {
        assert_eq!(bytes_of("|22 2 22|"), Err(Problem::HexIncomplete));
        assert_eq!(bytes_of("|2g|"), Err(Problem::HexInvalid));
        assert_eq!(bytes_of("|22"), Err(Problem::HexNotClosed));
        assert_eq!(bytes_of(""), Err(Problem::EmptyContent));
        assert_eq!(bytes_of("||"), Err(Problem::EmptyContent));
        assert_eq!(bytes_of(r"\n"), Err(Problem::EscapeInvalid));
    }

    proptest! {
        #[test]
        fn a_pattern_written_out_is_read_back(bytes in prop::collection::vec(any::<u8>(), 1..64)) {
            prop_assert_eq!(bytes_of(&write_pattern(&bytes)), Ok(bytes));
        }
    }
}
