//! `tag`: packets logged after the one that matched.
//!
//! Called through the keyword table. Source: the public rule documentation, "Tag".
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::keyword::flow::Side;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::Fault;

/// `tag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Whose packets.
    pub scope: TagScope,
    /// How many; absent: as the settings say.
    pub limit: Option<TagLimit>,
}

/// Whose packets are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagScope {
    /// The flow's.
    Session,
    /// All of the source (`ToServer`) or destination (`ToClient`) of the packet that matched.
    Host(Side),
}

/// When tagging ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagLimit {
    /// After so many packets.
    Packets(u32),
    /// After so many bytes.
    Bytes(u32),
    /// After so many seconds.
    Seconds(u32),
}

pub(super) const KEYWORDS: &[Keyword] = &[plain("tag", "tag", tag)];

fn tag(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "session|host [, n, packets|bytes|seconds [, src|dst]]";
    let value = option.value(FORM)?;
    let parts = value.list();
    let (kind, limit, side) = match parts.as_slice() {
        [kind] => (*kind, None, None),
        [kind, n, unit] => (*kind, Some((*n, *unit)), None),
        [kind, n, unit, side] => (*kind, Some((*n, *unit)), Some(*side)),
        _ => return Err(value.malformed(FORM)),
    };
    let side = match side {
        None => None,
        Some(word) if word.is("src") => Some(Side::ToServer),
        Some(word) if word.is("dst") => Some(Side::ToClient),
        Some(word) => return Err(word.fault(Problem::UnknownWord { expected: "src or dst" })),
    };
    let scope = match (kind.text(), side) {
        ("session", None) => TagScope::Session,
        ("host", Some(side)) => TagScope::Host(side),
        ("session" | "host", _) => return Err(value.malformed(FORM)),
        _ => return Err(kind.fault(Problem::UnknownWord { expected: "session or host" })),
    };
    let limit = match limit {
        None => None,
        Some((n, unit)) => {
            let n = u32::try_from(n.number(1, i64::from(u32::MAX))?).unwrap_or(1);
            Some(match unit.text() {
                "packets" => TagLimit::Packets(n),
                "bytes" => TagLimit::Bytes(n),
                "seconds" => TagLimit::Seconds(n),
                _ => return Err(unit.fault(Problem::UnknownWord { expected: "packets, bytes or seconds" })),
            })
        }
    };
    rule.push(option, MatchKind::Tag(Tag { scope, limit }));
    Ok(())
}
