//! Keywords about how much is there: `isdataat`, `bsize`, `urilen`, `absent`, `entropy`.
//!
//! Called through the keyword table. `dsize` is a test of the packet and lives in `ip`.
//!
//! Source: the public rule documentation, "Payload Keywords" and "HTTP Keywords: urilen".
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::comparison::Comparison;
use crate::syntax::keyword::buffer_table::buffer;
use crate::syntax::keyword::content::Operand;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::{Fault, Value};

/// `isdataat`: there is a byte at this place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsDataAt {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// The place, counted from 1 after the start, or after the last match.
    pub position: Operand,
    /// `!`: there is none.
    pub negated: bool,
    /// Counted from the end of the last match.
    pub relative: bool,
    /// `rawbytes`.
    pub rawbytes: bool,
}

/// `bsize` and `urilen`: the length of a buffer in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferSize {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// The length.
    pub size: Comparison<u64>,
}

/// `absent`: the buffer does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// `or_else`: or the other matches in it hold.
    pub or_else: bool,
}

/// `entropy`: Shannon entropy of a part of a buffer, in bits per byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Entropy {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// First byte looked at.
    pub offset: u32,
    /// Number of bytes looked at; 0 means all.
    pub bytes: u32,
    /// What it is compared with, from 0.0 to 8.0.
    pub value: EntropyValue,
}

/// Comparison with a fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EntropyValue {
    /// `= v`.
    Equal(f64),
    /// `!= v`.
    NotEqual(f64),
    /// `< v`.
    Less(f64),
    /// `<= v`.
    LessOrEqual(f64),
    /// `> v`.
    Greater(f64),
    /// `>= v`.
    GreaterOrEqual(f64),
    /// `a-b`.
    Between(f64, f64),
    /// `!a-b`.
    NotBetween(f64, f64),
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("isdataat", "payload", isdataat),
    plain("bsize", "payload", bsize),
    plain("urilen", "http", urilen),
    plain("absent", "payload", absent),
    plain("entropy", "entropy", entropy),
];

fn isdataat(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let parts = option.value("[!]number[,relative][,rawbytes]")?.unquoted()?.list();
    let mut parts = parts.into_iter();
    let (negated, position) = parts.next().map(Value::negation).unwrap_or((false, option.name));
    let position = rule.operand(position, (0, 65_535))?;
    let (mut relative, mut rawbytes) = (false, false);
    for word in parts {
        match word.text() {
            "relative" => relative = true,
            "rawbytes" => rawbytes = true,
            _ => return Err(word.fault(Problem::UnknownWord { expected: "relative or rawbytes" })),
        }
    }
    let buffer = rule.buffer_for(relative);
    rule.push(option, MatchKind::IsDataAt(IsDataAt { buffer, position, negated, relative, rawbytes }));
    Ok(())
}

fn bsize(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let size = Comparison::parse(option.value("a number, <n, >n or a<>b")?)?;
    if !rule.in_sticky_buffer() {
        return Err(option.fault(Problem::NothingBefore));
    }
    let buffer = rule.current();
    rule.push(option, MatchKind::BufferSize(BufferSize { buffer, size }));
    Ok(())
}

fn urilen(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let value = option.value("a number, <n, >n or a<>b, then ,raw or ,norm")?;
    let (size, name) = match value.split_once(b',') {
        Some((size, kind)) if kind.is("raw") => (size, "http.uri.raw"),
        Some((size, kind)) if kind.is("norm") => (size, "http.uri"),
        Some((_, kind)) => return Err(kind.fault(Problem::UnknownWord { expected: "raw or norm" })),
        None => (value, "http.uri"),
    };
    let size = Comparison::<u16>::parse(size)?;
    let index = rule.buffer_index(buffer(name), option.span());
    let size = widen(size);
    rule.push(option, MatchKind::BufferSize(BufferSize { buffer: index, size }));
    Ok(())
}

fn widen(narrow: Comparison<u16>) -> Comparison<u64> {
    use Comparison as C;
    let w = u64::from;
    match narrow {
        C::Equal(n) => C::Equal(w(n)),
        C::NotEqual(n) => C::NotEqual(w(n)),
        C::Less(n) => C::Less(w(n)),
        C::LessOrEqual(n) => C::LessOrEqual(w(n)),
        C::Greater(n) => C::Greater(w(n)),
        C::GreaterOrEqual(n) => C::GreaterOrEqual(w(n)),
        C::Between(a, b) => C::Between(w(a), w(b)),
        C::NotBetween(a, b) => C::NotBetween(w(a), w(b)),
        C::Bits { mask, value } => C::Bits { mask: w(mask), value: w(value) },
        C::NotBits { mask, value } => C::NotBits { mask: w(mask), value: w(value) },
    }
}

fn absent(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let or_else = match option.value {
        None => false,
        Some(value) if value.is("or_else") => true,
        Some(value) => return Err(value.fault(Problem::UnknownWord { expected: "or_else, or no value" })),
    };
    if !rule.in_sticky_buffer() {
        return Err(option.fault(Problem::NothingBefore));
    }
    let buffer = rule.current();
    if rule.matches_in(buffer).next().is_some() {
        return Err(option.fault(Problem::Conflict { with: "matches before it in the buffer".into() }));
    }
    rule.push(option, MatchKind::Absent(Absent { buffer, or_else }));
    Ok(())
}

fn entropy(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "[bytes n,] [offset n,] value >= 4.5";
    let text = option.value(FORM)?;
    let (mut offset, mut bytes, mut value) = (0, 0, None);
    for part in text.list() {
        let (name, rest) = part.word();
        match name.text() {
            "offset" => offset = rest.int()?,
            "bytes" => bytes = rest.int()?,
            "value" => value = Some(entropy_value(rest)?),
            _ => return Err(part.fault(Problem::UnknownWord { expected: FORM })),
        }
    }
    let value = value.ok_or_else(|| text.malformed(FORM))?;
    let buffer = rule.current();
    rule.push(option, MatchKind::Entropy(Entropy { buffer, offset, bytes, value }));
    Ok(())
}

fn entropy_value(text: Value<'_>) -> Result<EntropyValue, Fault> {
    let number = |t: Value<'_>| {
        let t = t.trim();
        t.text()
            .parse::<f64>()
            .ok()
            .filter(|v| (0.0..=8.0).contains(v))
            .ok_or_else(|| t.fault(Problem::OutOfRange { min: 0, max: 8 }))
    };
    for (operator, make) in [
        ("<=", EntropyValue::LessOrEqual as fn(f64) -> EntropyValue),
        (">=", EntropyValue::GreaterOrEqual),
        ("!=", EntropyValue::NotEqual),
        ("<", EntropyValue::Less),
        (">", EntropyValue::Greater),
        ("=", EntropyValue::Equal),
    ] {
        if let Some(rest) = text.strip(operator) {
            return number(rest).map(make);
        }
    }
    let (negated, rest) = text.negation();
    let pair = match rest.split_once(b'-') {
        Some((low, high)) => Some((number(low)?, number(high)?)),
        None => None,
    };
    Ok(match (negated, pair) {
        (false, Some((low, high))) => EntropyValue::Between(low, high),
        (true, Some((low, high))) => EntropyValue::NotBetween(low, high),
        (false, None) => EntropyValue::Equal(number(rest)?),
        (true, None) => EntropyValue::NotEqual(number(rest)?),
    })
}
