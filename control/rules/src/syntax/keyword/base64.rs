//! `base64_decode`: decodes a part of the payload into the buffer `base64_data`. And `asn1`.
//!
//! Called through the keyword table. Source: the public rule documentation, "Base64 keywords".
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::Fault;

/// `base64_decode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base64Decode {
    /// Index into [`crate::Rule::buffers`] of the text that is decoded.
    pub buffer: usize,
    /// Bytes of text to decode at most; all when absent.
    pub bytes: Option<u32>,
    /// First byte.
    pub offset: u32,
    /// Counted from the end of the last match.
    pub relative: bool,
}

pub(super) const KEYWORDS: &[Keyword] = &[plain("base64_decode", "base64", base64_decode)];

fn base64_decode(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let (mut bytes, mut offset, mut relative) = (None, 0, false);
    if let Some(value) = option.value {
        for part in value.list() {
            let (word, argument) = part.word();
            match word.text() {
                "bytes" => bytes = Some(u32::try_from(argument.number(1, 65_535)?).unwrap_or(u32::MAX)),
                "offset" => offset = u32::try_from(argument.number(0, 65_535)?).unwrap_or(0),
                "relative" if argument.is_empty() => relative = true,
                _ => {
                    return Err(part.fault(Problem::UnknownWord { expected: "bytes n, offset n, relative" }));
                }
            }
        }
    }
    let buffer = rule.buffer_for(relative);
    rule.push(option, MatchKind::Base64Decode(Base64Decode { buffer, bytes, offset, relative }));
    Ok(())
}
