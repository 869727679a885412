//! Comparisons with whole numbers: the one notation most numeric keywords share.
//!
//! Called by many keyword files. Holds no knowledge of what is compared.
//!
//! Source: the public rule documentation, "Integer Keywords". Both ends of a range are outside it.
use crate::diagnostic::Problem;
use crate::syntax::value::{Fault, Int, Value};

/// What a number is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison<T> {
    /// `5`, `=5`, `==5`.
    Equal(T),
    /// `!5`, `!=5`.
    NotEqual(T),
    /// `<5`.
    Less(T),
    /// `<=5`, `=<5`.
    LessOrEqual(T),
    /// `>5`.
    Greater(T),
    /// `>=5`, `=>5`.
    GreaterOrEqual(T),
    /// `3<>7`, `3-7`: greater than the first and less than the second.
    Between(T, T),
    /// `!3<>7`, `!3-7`: not between them.
    NotBetween(T, T),
    /// `&mask=value`: the bits under the mask are these.
    Bits {
        /// Bits looked at.
        mask: T,
        /// What they must be.
        value: T,
    },
    /// `&mask!=value`.
    NotBits {
        /// Bits looked at.
        mask: T,
        /// What they must not be.
        value: T,
    },
}

impl<T: Int + Into<i128>> Comparison<T> {
    /// The least and the greatest number that can match, for checks against other keywords; negated forms answer
    /// with the whole range of `T`.
    pub fn bounds(self) -> (i128, i128) {
        match self {
            Self::Equal(n) => (n.into(), n.into()),
            Self::Less(n) => (T::LEAST, n.into() - 1),
            Self::LessOrEqual(n) => (T::LEAST, n.into()),
            Self::Greater(n) => (n.into() + 1, T::MOST),
            Self::GreaterOrEqual(n) => (n.into(), T::MOST),
            Self::Between(low, high) => (low.into() + 1, high.into() - 1),
            Self::NotEqual(_) | Self::NotBetween(..) | Self::Bits { .. } | Self::NotBits { .. } => (T::LEAST, T::MOST),
        }
    }
}

const FORM: &str = "a number, <n, >n, <=n, >=n, !n, a<>b or &mask=n";

impl<T: Int> Comparison<T> {
    /// Reads a comparison of any form. Numbers may be hexadecimal and may carry a unit (`KB`, `MiB`, ...), which
    /// multiplies by a power of 1024.
    pub fn parse(text: Value<'_>) -> Result<Self, Fault> {
        let text = text.trim();
        if text.is_empty() {
            return Err(text.malformed(FORM));
        }
        if let Some(rest) = text.strip("&") {
            return Self::bits(rest);
        }
        // Two-byte operators first.
        for (operator, make) in [
            ("<=", Self::LessOrEqual as fn(T) -> Self),
            ("=<", Self::LessOrEqual),
            (">=", Self::GreaterOrEqual),
            ("=>", Self::GreaterOrEqual),
            ("==", Self::Equal),
            ("!=", Self::NotEqual),
        ] {
            if let Some(rest) = text.strip(operator) {
                return number(rest).map(make);
            }
        }
        if let Some(rest) = text.strip("!") {
            return match range(rest)? {
                Some((low, high)) => Ok(Self::NotBetween(low, high)),
                None => number(rest).map(Self::NotEqual),
            };
        }
        if let Some((low, high)) = range(text)? {
            return Ok(Self::Between(low, high));
        }
        for (operator, make) in [("<", Self::Less as fn(T) -> Self), (">", Self::Greater), ("=", Self::Equal)] {
            if let Some(rest) = text.strip(operator) {
                return number(rest).map(make);
            }
        }
        number(text).map(Self::Equal)
    }

    fn bits(text: Value<'_>) -> Result<Self, Fault> {
        let (mask, value) = text.split_once(b'=').ok_or_else(|| text.malformed("&mask=value"))?;
        match mask.bytes() {
            [.., b'!'] => {
                let mask = number(mask.slice(0, mask.len() - 1).trim())?;
                Ok(Self::NotBits { mask, value: number(value)? })
            }
            _ => Ok(Self::Bits { mask: number(mask)?, value: number(value)? }),
        }
    }
}

/// `a<>b` or `a-b`, or nothing when the text is no range.
fn range<T: Int>(text: Value<'_>) -> Result<Option<(T, T)>, Fault> {
    let cut = text
        .bytes()
        .windows(2)
        .position(|w| w == b"<>")
        .map(|i| (i, 2))
        // A leading minus sign is no range.
        .or_else(|| text.bytes().iter().skip(1).position(|&b| b == b'-').map(|i| (i + 1, 1)));
    let Some((at, width)) = cut else { return Ok(None) };
    let (low, high) = (number::<T>(text.slice(0, at).trim())?, number::<T>(text.from(at + width).trim())?);
    if low >= high {
        return Err(text.fault(Problem::RangeReversed));
    }
    Ok(Some((low, high)))
}

fn number<T: Int>(text: Value<'_>) -> Result<T, Fault> {
    const UNITS: [(&str, i64); 7] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("kb", 1 << 10),
        ("mb", 1 << 20),
        ("gb", 1 << 30),
        ("b", 1),
    ];
    if !text.bytes().starts_with(b"0x") {
        for (unit, factor) in UNITS {
            let head = text.len().saturating_sub(unit.len());
            if text.len() > unit.len() && text.from(head).is(unit) {
                let n = text.slice(0, head).number(0, i64::MAX / factor)?;
                let wide = i128::from(n) * i128::from(factor);
                return T::from_wide(wide)
                    .ok_or_else(|| text.fault(Problem::OutOfRange { min: T::LEAST, max: T::MOST }));
            }
        }
    }
    text.int()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Comparison<u16>, Problem> {
        Comparison::parse(Value::new(text.as_bytes(), 0)).map_err(|f| f.problem)
    }

    #[test]
    fn every_form_is_read() {
        use Comparison::*;
        for (text, expected) in [
            ("5", Equal(5)),
            ("= 5", Equal(5)),
            ("!= 0", NotEqual(0)),
            ("!1000", NotEqual(1000)),
            ("<536", Less(536)),
            ("<= 8", LessOrEqual(8)),
            (">=439", GreaterOrEqual(439)),
            (">0", Greater(0)),
            ("123-456", Between(123, 456)),
            ("2 <> 4", Between(2, 4)),
            ("!123-456", NotBetween(123, 456)),
            ("&0xF=4", Bits { mask: 15, value: 4 }),
            ("&0xF!=4", NotBits { mask: 15, value: 4 }),
            ("0x403", Equal(0x403)),
            ("2KB", Equal(2048)),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn wrong_forms_are_refused() {
        assert_eq!(parse("7<>3"), Err(Problem::RangeReversed));
        assert_eq!(parse("65536"), Err(Problem::OutOfRange { min: 0, max: 65535 }));
        assert_eq!(parse("abc"), Err(Problem::NotANumber));
        assert!(parse("").is_err() && parse("&5").is_err() && parse("<").is_err());
    }
}
