//! `requires`: the conditions under which a rule is looked at at all.
//!
//! Called by `syntax::parse` before anything else of the rule, header included, so that a rule written for a later
//! version is skipped and not refused. A condition of an unknown kind does not hold.
//!
//! Source: the public rule documentation, "Meta Keywords: requires".
use crate::syntax::keyword::find;
use crate::syntax::value::Value;
use std::collections::BTreeSet;

/// A version number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number, 0 when absent.
    pub minor: u32,
    /// Third number, 0 when absent.
    pub patch: u32,
}

impl Version {
    /// Reads `8`, `8.0` or `8.0.1`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|p| p.parse::<u32>().ok());
        let version = Self {
            major: parts.next()??,
            minor: parts.next().unwrap_or(Some(0))?,
            patch: parts.next().unwrap_or(Some(0))?,
        };
        parts.next().is_none().then_some(version)
    }
}

/// Which conditions hold: the language version we speak and the features rules may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    /// Version of the rule language, counted as Suricata counts.
    pub version: Version,
    /// Names that `requires: feature` may ask for, for example `ja4`.
    pub features: BTreeSet<String>,
}

impl Default for Language {
    /// Version 9.0.0, with `ja3` and `ja4`.
    fn default() -> Self {
        Self { version: Version { major: 9, minor: 0, patch: 0 }, features: ["ja3", "ja4"].map(String::from).into() }
    }
}

impl Language {
    /// Whether all conditions of one `requires` value hold.
    pub fn meets(&self, value: Value<'_>) -> bool {
        value.list().into_iter().all(|condition| {
            let (kind, rest) = condition.word();
            match kind.text() {
                "version" => rest.split(b'|').into_iter().any(|range| self.in_range(range)),
                "feature" => self.features.contains(rest.text()),
                "keyword" => find(rest.text()).is_some(),
                _ => false,
            }
        })
    }

    /// `>= 7.0.3 < 8`: all comparisons hold.
    fn in_range(&self, range: Value<'_>) -> bool {
        let mut rest = range.trim();
        if rest.is_empty() {
            return false;
        }
        while !rest.is_empty() {
            let end = rest.bytes().iter().position(|b| b.is_ascii_digit()).unwrap_or(rest.len());
            let operator = rest.slice(0, end).trim();
            let (number, tail) = {
                let tail = rest.from(end);
                let stop = tail.bytes().iter().position(|b| !b.is_ascii_digit() && *b != b'.').unwrap_or(tail.len());
                (tail.slice(0, stop), tail.from(stop).trim())
            };
            let Some(version) = Version::parse(number.text()) else { return false };
            let holds = match operator.text() {
                ">=" => self.version >= version,
                ">" => self.version > version,
                "<=" => self.version <= version,
                "<" => self.version < version,
                "=" | "==" => self.version == version,
                _ => false,
            };
            if !holds {
                return false;
            }
            rest = tail;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(text: &str) -> bool {
        Language::default().meets(Value::new(text.as_bytes(), 0))
    }

    #[test]
    fn versions_are_compared_and_alternatives_suffice() {
        assert!(meets("version >= 9.0.0") && meets("version >= 8.0.0, keyword sid"));
        assert!(!meets("version >= 7 < 8") && !meets("version >= 10"));
        assert!(!meets("version >= 7.0.3 < 8 | >= 9.0.99") && meets("version >= 7.0.3 < 8 | >= 9"));
    }

    #[test]
    fn unknown_conditions_do_not_hold() {
        assert!(meets("feature ja4") && meets("keyword email.body_md5"));
        assert!(!meets("foo bar") && !meets("keyword foobar") && !meets("feature lua") && !meets("version"));
    }
}
