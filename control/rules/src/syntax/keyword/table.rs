//! Looking up keywords by name.
//!
//! Filled once, on first use, from the rows of the keyword files.
use super::app::AppKeyword;
use super::buffer_table::Buffer;
use crate::diagnostic::{Problem, Span};
use crate::syntax::builder::Builder;
use crate::syntax::value::{Fault, Value};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Reads one option into the rule.
pub(crate) type Parse = fn(&mut Builder<'_>, Use<'_>) -> Result<(), Fault>;

/// One name an option can have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyword {
    /// As written.
    pub name: &'static str,
    /// The one name all its aliases share.
    pub canonical: &'static str,
    /// What the engine must have.
    pub feature: &'static str,
    /// Its parser.
    pub parse: Parse,
    /// What the parser is about, when many keywords share it.
    pub target: Target,
}

/// The row a shared parser works for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// The parser knows.
    Own,
    /// A buffer.
    Buffer(&'static Buffer),
    /// A keyword kept in a general form.
    App(&'static AppKeyword),
}

/// A keyword with a parser of its own.
pub(super) const fn plain(name: &'static str, feature: &'static str, parse: Parse) -> Keyword {
    Keyword { name, canonical: name, feature, parse, target: Target::Own }
}

/// Another name of a keyword.
pub(super) const fn alias(name: &'static str, canonical: &'static str, feature: &'static str, parse: Parse) -> Keyword {
    Keyword { name, canonical, feature, parse, target: Target::Own }
}

static TABLE: LazyLock<HashMap<&'static str, Keyword>> = LazyLock::new(|| {
    let families = [
        super::base64::KEYWORDS,
        super::bits::KEYWORDS,
        super::buffer::KEYWORDS,
        super::byte::KEYWORDS,
        super::content::KEYWORDS,
        super::dataset::KEYWORDS,
        super::event::KEYWORDS,
        super::flow::KEYWORDS,
        super::icmp::KEYWORDS,
        super::ip::KEYWORDS,
        super::meta::KEYWORDS,
        super::pcre::KEYWORDS,
        super::protocol::KEYWORDS,
        super::size::KEYWORDS,
        super::tag::KEYWORDS,
        super::tcp::KEYWORDS,
        super::threshold::KEYWORDS,
        super::transform::KEYWORDS,
    ];
    let rows = families.into_iter().flatten().copied();
    rows.chain(super::app::keywords()).chain(super::buffer::keywords()).map(|k| (k.name, k)).collect()
});

/// The keyword of this name. Names are told apart by case, as in the reference.
pub(crate) fn find(name: &str) -> Option<&'static Keyword> {
    TABLE.get(name)
}

/// Every name, in no order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.keys().copied()
}

/// An option whose keyword is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use<'a> {
    /// The keyword.
    pub keyword: &'static Keyword,
    /// The name in the text.
    pub name: Value<'a>,
    /// The value, trimmed; absent without a colon.
    pub value: Option<Value<'a>>,
}

impl<'a> Use<'a> {
    /// The whole option.
    pub fn span(&self) -> Span {
        let name = self.name.span();
        Span { start: name.start, end: self.value.map_or(name.end, |v| v.span().end.max(name.end)) }
    }

    /// A fault about the whole option.
    pub fn fault(&self, problem: Problem) -> Fault {
        Fault { span: self.span(), problem }
    }

    /// The value, which must be there and not empty.
    pub fn value(&self, expected: &'static str) -> Result<Value<'a>, Fault> {
        match self.value {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(self.fault(Problem::ValueMissing { expected })),
        }
    }

    /// Refuses a value.
    pub fn no_value(&self) -> Result<(), Fault> {
        match self.value {
            Some(value) if !value.is_empty() => Err(value.fault(Problem::ValueUnexpected)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_share_a_canonical_name() {
        for (alias, name) in [("http_uri", "http.uri"), ("file_data", "file.data"), ("flags", "tcp.flags")] {
            assert_eq!(find(alias).unwrap().canonical, name);
        }
        assert!(find("contnet").is_none() && find("CONTENT").is_none());
    }

    #[test]
    fn no_name_is_listed_twice() {
        let rows = super::super::app::keywords().chain(super::super::buffer::keywords()).count();
        let families: usize = [
            super::super::base64::KEYWORDS.len(),
            super::super::bits::KEYWORDS.len(),
            super::super::buffer::KEYWORDS.len(),
            super::super::byte::KEYWORDS.len(),
            super::super::content::KEYWORDS.len(),
            super::super::dataset::KEYWORDS.len(),
            super::super::event::KEYWORDS.len(),
            super::super::flow::KEYWORDS.len(),
            super::super::icmp::KEYWORDS.len(),
            super::super::ip::KEYWORDS.len(),
            super::super::meta::KEYWORDS.len(),
            super::super::pcre::KEYWORDS.len(),
            super::super::protocol::KEYWORDS.len(),
            super::super::size::KEYWORDS.len(),
            super::super::tag::KEYWORDS.len(),
            super::super::tcp::KEYWORDS.len(),
            super::super::threshold::KEYWORDS.len(),
            super::super::transform::KEYWORDS.len(),
        ]
        .iter()
        .sum();
        assert_eq!(names().count(), rows + families);
    }
}
