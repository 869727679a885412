//! Sticky buffers, the modifiers that move a content into a buffer, and `prefilter`.
//!
//! Called through the keyword table, which is filled from `buffer_table`.
//!
//! Source: the public rule documentation, "Modifier Keywords and sticky buffers", "Prefiltering Keywords".
use super::buffer_table::{BUFFERS, MODIFIERS, STICKY_ALIASES, buffer};
use super::{Keyword, Target, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::keyword::content::FastPattern;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::Fault;

pub(super) const KEYWORDS: &[Keyword] = &[plain("prefilter", "payload", prefilter), plain("bypass", "bypass", bypass)];

/// The keywords of all buffers.
pub(super) fn keywords() -> impl Iterator<Item = Keyword> {
    let sticky = BUFFERS.iter().map(|b| (b.name, b)).chain(STICKY_ALIASES.iter().map(|&(a, name)| (a, buffer(name))));
    let sticky = sticky.map(|(name, buffer)| Keyword {
        name,
        canonical: buffer.name,
        feature: buffer.feature,
        parse: sticky_buffer,
        target: Target::Buffer(buffer),
    });
    let modifiers = MODIFIERS.iter().map(|&(name, of)| {
        let buffer = buffer(of);
        Keyword {
            name,
            canonical: buffer.name,
            feature: buffer.feature,
            parse: modifier,
            target: Target::Buffer(buffer),
        }
    });
    sticky.chain(modifiers)
}

fn sticky_buffer(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let Target::Buffer(buffer) = option.keyword.target else { return Ok(()) };
    let argument = match (buffer.name, option.value) {
        ("frame", None) => return Err(option.fault(Problem::ValueMissing { expected: "the name of a frame" })),
        ("frame", Some(value)) => {
            let value = value.unquoted()?;
            let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
            if value.is_empty() || !value.bytes().iter().all(word) {
                return Err(value.malformed("the name of a frame"));
            }
            Some(value.lossy())
        }
        (_, None) => None,
        // In a transactional rule a buffer of both halves says which it means.
        (_, Some(value)) if value.is("to_server") || value.is("to_client") => Some(value.lossy()),
        (_, Some(value)) => return Err(value.fault(Problem::ValueUnexpected)),
    };
    if buffer.name == "base64_data" && !rule.has(|kind| matches!(kind, MatchKind::Base64Decode(_))) {
        return Err(option.fault(Problem::NothingBefore));
    }
    rule.choose_buffer(option, buffer, argument)
}

fn modifier(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let Target::Buffer(buffer) = option.keyword.target else { return Ok(()) };
    option.no_value()?;
    let current = rule.last_content().ok_or_else(|| option.fault(Problem::NoContentBefore))?.buffer;
    if rule.in_sticky_buffer() && current != 0 {
        return Err(option.fault(Problem::Conflict { with: "the buffer before it".into() }));
    }
    let chosen = rule.buffer_index(buffer, option.span());
    if current != 0 && current != chosen {
        return Err(option.fault(Problem::Conflict { with: "another modifier of the same content".into() }));
    }
    let content = rule.last_content().ok_or_else(|| option.fault(Problem::NoContentBefore))?;
    if content.rawbytes {
        return Err(option.fault(Problem::Conflict { with: "rawbytes".into() }));
    }
    content.buffer = chosen;
    rule.use_feature(buffer.feature);
    Ok(())
}

fn prefilter(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    option.no_value()?;
    match rule.last_match() {
        None => Err(option.fault(Problem::NothingBefore)),
        Some(MatchKind::Content(_)) => rule.choose_fast_pattern(option, FastPattern::Whole),
        Some(MatchKind::AppLayerProtocol(m)) if m.protocols.len() > 1 => {
            Err(option.fault(Problem::Conflict { with: "a list of protocols".into() }))
        }
        Some(_) => {
            rule.mark_prefilter();
            Ok(())
        }
    }
}

fn bypass(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    option.no_value()?;
    rule.push(option, MatchKind::Bypass);
    Ok(())
}
