//! Transforms of the language into those of the engine.

use super::{Refusal, program};
use crate::{
    diagnostic::Problem,
    syntax::keyword::transform::{Base64Mode, Transform as Syntax, XorKey as SyntaxKey},
};
use sluice_detect::{
    RulesetBuilder,
    base64::Mode,
    regex::Flags,
    transform::{Transform, XorKey},
};

/// The engine's transforms for `chain`.
pub(super) fn compile(chain: &[Syntax], builder: &mut RulesetBuilder) -> Result<Vec<Transform>, Refusal> {
    chain.iter().map(|transform| one(transform, builder)).collect()
}

fn one(transform: &Syntax, builder: &mut RulesetBuilder) -> Result<Transform, Refusal> {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(match transform {
        Syntax::DotPrefix => Transform::DotPrefix,
        Syntax::StripWhitespace => Transform::StripWhitespace,
        Syntax::CompressWhitespace => Transform::CompressWhitespace,
        Syntax::ToLowercase => Transform::ToLowercase,
        Syntax::ToUppercase => Transform::ToUppercase,
        Syntax::ToMd5 => Transform::ToMd5,
        Syntax::ToSha1 => Transform::ToSha1,
        Syntax::ToSha256 => Transform::ToSha256,
        Syntax::UrlDecode => Transform::UrlDecode,
        Syntax::HeaderLowercase => Transform::HeaderLowercase,
        Syntax::StripPseudoHeaders => Transform::StripPseudoHeaders,
        Syntax::Xor { offset, key } => Transform::Xor {
            offset: size(*offset),
            key: match key {
                SyntaxKey::Bytes(bytes) => XorKey::Bytes(bytes.clone()),
                SyntaxKey::Extract { length, offset } => {
                    XorKey::Extract { length: usize::from(*length), offset: size(*offset) }
                }
            },
        },
        Syntax::Pcre(expression) => {
            let number = builder.regex(expression, Flags::default()).map_err(program::wrong_expression)?;
            if builder.groups(number) == 0 {
                let reason = "it has no group, so there is nothing to put in place of the buffer";
                return Err(Refusal::Wrong(Problem::BadExpression { reason: reason.into() }));
            }
            Transform::Pcre(number)
        }
        Syntax::FromBase64 { bytes, offset, mode } => Transform::FromBase64 {
            bytes: bytes.map(size),
            offset: size(*offset),
            mode: match mode {
                Base64Mode::Rfc2045 => Mode::Rfc2045,
                Base64Mode::Rfc4648 => Mode::Rfc4648,
                Base64Mode::Strict => Mode::Strict,
            },
        },
        Syntax::Gunzip { max_size } => Transform::Gunzip { most: size(*max_size) },
        Syntax::Inflate { max_size } => Transform::Inflate { most: size(*max_size) },
        Syntax::Subslice { offset, count, truncate } => {
            Transform::Subslice { offset: *offset, count: *count, truncate: *truncate }
        }
        // Both need the public suffix list, whose licence does not fit.
        Syntax::Domain | Syntax::Tld => return Err(Refusal::Needs("public suffixes")),
        Syntax::Lua(_) => return Err(Refusal::Needs("lua")),
    })
}
