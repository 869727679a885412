//! A slice of rule text that knows where it stands.
//!
//! Every keyword parser receives its value as a [`Value`] and cuts smaller values from it, so a fault always
//! points at the very bytes that are wrong. Never allocates, except in the methods that return owned text.
use crate::diagnostic::{Problem, Span};

/// What is wrong, and where in the rule's text. The file, line and sid are added by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The offending bytes.
    pub span: Span,
    /// The facts.
    pub problem: Problem,
}

/// A part of a rule's text together with its offset in that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Value<'a> {
    /// A value that begins `at` bytes into the rule's text.
    pub const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The bytes as written.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether nothing is left.
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// Length in bytes.
    pub const fn len(self) -> usize {
        self.bytes.len()
    }

    /// Where these bytes lie in the rule's text.
    pub fn span(self) -> Span {
        Span::new(self.at, self.at.saturating_add(self.bytes.len()))
    }

    /// A fault about exactly these bytes.
    pub fn fault(self, problem: Problem) -> Fault {
        Fault { span: self.span(), problem }
    }

    /// The fault for a value that is not of the `expected` form.
    pub fn malformed(self, expected: &'static str) -> Fault {
        self.fault(if self.is_empty() { Problem::ValueMissing { expected } } else { Problem::Malformed { expected } })
    }

    /// The bytes from `start` up to, not including, `end`; clipped to what is there.
    pub fn slice(self, start: usize, end: usize) -> Self {
        let end = end.min(self.bytes.len());
        let start = start.min(end);
        Self { bytes: self.bytes.get(start..end).unwrap_or_default(), at: self.at.saturating_add(start) }
    }

    /// Everything from `start` on.
    pub fn from(self, start: usize) -> Self {
        self.slice(start, self.bytes.len())
    }

    /// Without white space at either end.
    pub fn trim(self) -> Self {
        let start = self.bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(self.bytes.len());
        let end = self.bytes.iter().rposition(|b| !b.is_ascii_whitespace()).map_or(start, |i| i + 1);
        self.slice(start, end)
    }

    /// What follows `prefix`, trimmed, if the value starts with it.
    pub fn strip(self, prefix: &str) -> Option<Self> {
        self.bytes.starts_with(prefix.as_bytes()).then(|| self.from(prefix.len()).trim())
    }

    /// Whether the value starts with `!`, and what follows it.
    pub fn negation(self) -> (bool, Self) {
        let value = self.trim();
        match value.strip("!") {
            Some(rest) => (true, rest),
            None => (false, value),
        }
    }

    /// The parts before and after the first `byte`, both trimmed.
    pub fn split_once(self, byte: u8) -> Option<(Self, Self)> {
        let i = self.bytes.iter().position(|&b| b == byte)?;
        Some((self.slice(0, i).trim(), self.from(i + 1).trim()))
    }

    /// All parts between `byte`s, trimmed; an empty value has one empty part.
    pub fn split(self, byte: u8) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut rest = self;
        while let Some(i) = rest.bytes.iter().position(|&b| b == byte) {
            parts.push(rest.slice(0, i).trim());
            rest = rest.from(i + 1);
        }
        parts.push(rest.trim());
        parts
    }

    /// The parts between commas.
    pub fn list(self) -> Vec<Self> {
        self.split(b',')
    }

    /// The first word and what follows it, split at white space.
    pub fn word(self) -> (Self, Self) {
        let value = self.trim();
        let end = value.bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
        (value.slice(0, end), value.from(end).trim())
    }

    /// All words.
    pub fn words(self) -> Vec<Self> {
        let mut words = Vec::new();
        let mut rest = self;
        loop {
            let (word, tail) = rest.word();
            if word.is_empty() {
                return words;
            }
            words.push(word);
            rest = tail;
        }
    }

    /// As text, `""` if the bytes are not UTF-8. For comparing with words of the language.
    pub fn text(self) -> &'a str {
        std::str::from_utf8(self.bytes).unwrap_or_default()
    }

    /// Whether the value is this word, ASCII case aside.
    pub fn is(self, word: &str) -> bool {
        self.bytes.eq_ignore_ascii_case(word.as_bytes())
    }

    /// As owned text; bytes that are not UTF-8 become U+FFFD.
    pub fn lossy(self) -> Box<str> {
        String::from_utf8_lossy(self.bytes).into()
    }

    /// The text between double quotes, which must be there.
    pub fn quoted(self) -> Result<Self, Fault> {
        let value = self.trim();
        match value.bytes {
            [b'"', .., b'"'] => Ok(value.slice(1, value.len() - 1)),
            _ => Err(value.fault(Problem::NotQuoted)),
        }
    }

    /// The text between double quotes, or the whole value when it begins with none.
    pub fn unquoted(self) -> Result<Self, Fault> {
        let value = self.trim();
        match value.bytes {
            [b'"', .., b'"'] => Ok(value.slice(1, value.len() - 1)),
            [b'"', ..] => Err(value.fault(Problem::NotQuoted)),
            _ => Ok(value),
        }
    }

    /// A whole number, decimal or `0x` hexadecimal, between `min` and `max` inclusive.
    pub fn number(self, min: i64, max: i64) -> Result<i64, Fault> {
        let value = self.trim();
        let wide = value.integer().ok_or_else(|| value.fault(Problem::NotANumber))?;
        match i64::try_from(wide) {
            Ok(n) if n >= min && n <= max => Ok(n),
            _ => Err(value.fault(Problem::OutOfRange { min: i128::from(min), max: i128::from(max) })),
        }
    }

    /// A whole number that fits `T`; the fault tells the range.
    pub fn int<T: Int>(self) -> Result<T, Fault> {
        let value = self.trim();
        let wide = value.integer().ok_or_else(|| value.fault(Problem::NotANumber))?;
        T::from_wide(wide).ok_or_else(|| value.fault(Problem::OutOfRange { min: T::LEAST, max: T::MOST }))
    }

    fn integer(self) -> Option<i128> {
        let (negative, digits) = match self.bytes {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            all => (false, all),
        };
        let (radix, digits) = match digits {
            [b'0', b'x' | b'X', rest @ ..] => (16, rest),
            all => (10, all),
        };
        if digits.is_empty() || digits.len() > 30 {
            return None;
        }
        let mut n: i128 = 0;
        for &d in digits {
            let digit = char::from(d).to_digit(radix)?;
            n = n.checked_mul(i128::from(radix))?.checked_add(i128::from(digit))?;
        }
        Some(if negative { -n } else { n })
    }

    /// Whether this could name a variable: a letter or underscore, then letters, digits, `_`, `.` or `-`.
    pub fn is_name(self) -> bool {
        match self.bytes {
            [first, rest @ ..] => {
                (first.is_ascii_alphabetic() || *first == b'_')
                    && rest.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
            }
            [] => false,
        }
    }
}

/// Integer types a value can be read as.
pub trait Int: Copy + PartialOrd {
    /// The least value of the type.
    const LEAST: i128;
    /// The greatest value of the type.
    const MOST: i128;
    /// The number, if it fits.
    fn from_wide(n: i128) -> Option<Self>;
}

macro_rules! int {
    ($($t:ty)*) => {$(
        impl Int for $t {
            const LEAST: i128 = <$t>::MIN as i128;
            const MOST: i128 = <$t>::MAX as i128;
            fn from_wide(n: i128) -> Option<Self> {
                <$t>::try_from(n).ok()
            }
        }
    )*};
}
int!(u8 u16 u32 u64 i32 i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_value_keeps_its_place_in_the_rule() {
        let value = Value::new(b" type limit , count 3 ", 10);
        let parts = value.list();
        assert_eq!(parts[1].bytes(), b"count 3");
        assert_eq!(parts[1].span(), Span::new(24, 31));
        assert_eq!(parts[1].word().1.int::<u32>(), Ok(3));
    }

    #[test]
    fn numbers_out_of_range_name_the_range() {
        let fault = Value::new(b"256", 0).int::<u8>().unwrap_err();
        assert_eq!(fault.problem, Problem::OutOfRange { min: 0, max: 255 });
        assert_eq!(Value::new(b"0x1F", 0).int::<u8>(), Ok(31));
        assert_eq!(Value::new(b"09901001", 0).int::<u32>(), Ok(9_901_001));
        assert!(Value::new(b"", 0).int::<u8>().is_err());
    }
}
