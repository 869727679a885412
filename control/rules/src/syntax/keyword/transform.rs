//! Transforms: what is done to the bytes of a buffer before they are matched.
//!
//! Called through the keyword table. A transform before the first match of a buffer belongs to it; one after a
//! match begins a new use of the same buffer with all transforms so far and the new one.
//!
//! Source: the public rule documentation, "Transformations".
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::lexer::unescape;
use crate::syntax::value::{Fault, Value};

/// One transform.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transform {
    /// `dotprefix`: a dot is put in front.
    DotPrefix,
    /// `strip_whitespace`.
    StripWhitespace,
    /// `compress_whitespace`: each run becomes one space.
    CompressWhitespace,
    /// `to_lowercase`.
    ToLowercase,
    /// `to_uppercase`.
    ToUppercase,
    /// `to_md5`: the raw digest.
    ToMd5,
    /// `to_sha1`.
    ToSha1,
    /// `to_sha256`.
    ToSha256,
    /// `url_decode`.
    UrlDecode,
    /// `header_lowercase`: names of HTTP headers.
    HeaderLowercase,
    /// `strip_pseudo_headers`: of HTTP/2.
    StripPseudoHeaders,
    /// `domain`: the registered domain of a host name.
    Domain,
    /// `tld`: its public suffix.
    Tld,
    /// `xor` with a repeated key.
    Xor {
        /// First byte that is changed.
        offset: u32,
        /// The key.
        key: XorKey,
    },
    /// `pcrexform`: the first captured group.
    Pcre(Box<[u8]>),
    /// `from_base64`.
    FromBase64 {
        /// Bytes of text decoded at most.
        bytes: Option<u32>,
        /// First byte.
        offset: u32,
        /// How strict.
        mode: Base64Mode,
    },
    /// `gunzip`.
    Gunzip {
        /// Output at most, 1024 bytes unless given.
        max_size: u32,
    },
    /// `zlib_deflate`: inflates.
    Inflate {
        /// Output at most, 1024 bytes unless given.
        max_size: u32,
    },
    /// `subslice`.
    Subslice {
        /// First byte; negative counts from the end.
        offset: i64,
        /// Number of bytes; negative leaves so many out at the end; absent: all.
        count: Option<i64>,
        /// `truncate`: an offset before the start means the start.
        truncate: bool,
    },
    /// `luaxform`: a script.
    Lua(Box<str>),
}

impl Transform {
    /// The keyword.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DotPrefix => "dotprefix",
            Self::StripWhitespace => "strip_whitespace",
            Self::CompressWhitespace => "compress_whitespace",
            Self::ToLowercase => "to_lowercase",
            Self::ToUppercase => "to_uppercase",
            Self::ToMd5 => "to_md5",
            Self::ToSha1 => "to_sha1",
            Self::ToSha256 => "to_sha256",
            Self::UrlDecode => "url_decode",
            Self::HeaderLowercase => "header_lowercase",
            Self::StripPseudoHeaders => "strip_pseudo_headers",
            Self::Domain => "domain",
            Self::Tld => "tld",
            Self::Xor { .. } => "xor",
            Self::Pcre(_) => "pcrexform",
            Self::FromBase64 { .. } => "from_base64",
            Self::Gunzip { .. } => "gunzip",
            Self::Inflate { .. } => "zlib_deflate",
            Self::Subslice { .. } => "subslice",
            Self::Lua(_) => "luaxform",
        }
    }

    /// Whether the transform can leave these bytes behind. `nocase` patterns count as either case.
    pub fn can_produce(&self, pattern: &[u8], nocase: bool) -> bool {
        let space = |b: &u8| b.is_ascii_whitespace() || *b == 0x0B;
        match self {
            Self::StripWhitespace => !pattern.iter().any(space),
            Self::CompressWhitespace => !pattern.windows(2).any(|w| w.iter().all(space)),
            Self::ToLowercase => nocase || !pattern.iter().any(u8::is_ascii_uppercase),
            Self::ToUppercase => nocase || !pattern.iter().any(u8::is_ascii_lowercase),
            Self::ToMd5 => pattern.len() <= 16,
            Self::ToSha1 => pattern.len() <= 20,
            Self::ToSha256 => pattern.len() <= 32,
            _ => true,
        }
    }
}

/// The key of `xor`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum XorKey {
    /// These bytes, 1 to 255.
    Bytes(Box<[u8]>),
    /// `extract length offset`: bytes of the buffer itself.
    Extract {
        /// Number of bytes, not 0.
        length: u16,
        /// First byte.
        offset: u32,
    },
}

/// How strict `from_base64` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base64Mode {
    /// `rfc2045`: other bytes are skipped.
    Rfc2045,
    /// `rfc4648`: stops at the first other byte.
    Rfc4648,
    /// `strict`: any other byte is a failure.
    Strict,
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("dotprefix", "transform", simple),
    plain("strip_whitespace", "transform", simple),
    plain("compress_whitespace", "transform", simple),
    plain("to_lowercase", "transform", simple),
    plain("to_uppercase", "transform", simple),
    plain("to_md5", "transform", simple),
    plain("to_sha1", "transform", simple),
    plain("to_sha256", "transform", simple),
    plain("url_decode", "transform", simple),
    plain("header_lowercase", "transform", simple),
    plain("strip_pseudo_headers", "transform", simple),
    plain("domain", "transform", simple),
    plain("tld", "transform", simple),
    plain("xor", "transform", xor),
    plain("pcrexform", "transform", pcre),
    plain("from_base64", "transform", from_base64),
    plain("gunzip", "transform", gunzip),
    plain("zlib_deflate", "transform", inflate),
    plain("subslice", "transform", subslice),
    plain("luaxform", "lua", lua),
];

fn simple(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    option.no_value()?;
    let transform = match option.keyword.name {
        "dotprefix" => Transform::DotPrefix,
        "strip_whitespace" => Transform::StripWhitespace,
        "compress_whitespace" => Transform::CompressWhitespace,
        "to_lowercase" => Transform::ToLowercase,
        "to_uppercase" => Transform::ToUppercase,
        "to_md5" => Transform::ToMd5,
        "to_sha1" => Transform::ToSha1,
        "to_sha256" => Transform::ToSha256,
        "url_decode" => Transform::UrlDecode,
        "header_lowercase" => Transform::HeaderLowercase,
        "strip_pseudo_headers" => Transform::StripPseudoHeaders,
        "domain" => Transform::Domain,
        _ => Transform::Tld,
    };
    rule.transform(option, transform)
}

fn xor(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "[offset n,] \"hexadecimal key\" or extract length offset";
    let value = option.value(FORM)?;
    let (mut offset, mut key) = (None, None);
    for part in value.list() {
        let (word, argument) = part.word();
        match word.text() {
            "offset" if offset.is_none() => offset = Some(argument.int()?),
            "extract" if key.is_none() => {
                let (length, place) = argument.word();
                let length = u16::try_from(length.number(1, 255)?).unwrap_or(1);
                key = Some(XorKey::Extract { length, offset: place.int()? });
            }
            _ if key.is_none() => key = Some(XorKey::Bytes(hex_key(part.quoted()?)?)),
            _ => return Err(part.malformed(FORM)),
        }
    }
    let key = key.ok_or_else(|| value.malformed(FORM))?;
    rule.transform(option, Transform::Xor { offset: offset.unwrap_or(0), key })
}

fn hex_key(text: Value<'_>) -> Result<Box<[u8]>, Fault> {
    if !text.len().is_multiple_of(2) {
        return Err(text.fault(Problem::HexIncomplete));
    }
    if text.is_empty() || text.len() > 510 {
        return Err(text.malformed("1 to 255 bytes in hexadecimal"));
    }
    text.bytes()
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .filter(|p| p.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|p| u8::from_str_radix(p, 16).ok())
                .ok_or_else(|| text.fault(Problem::HexInvalid))
        })
        .collect()
}

fn pcre(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let text = option.value("an expression in double quotes")?.quoted()?;
    if text.is_empty() {
        return Err(text.fault(Problem::EmptyContent));
    }
    rule.transform(option, Transform::Pcre(unescape_semicolons(text.bytes()).into()))
}

/// Only the escape the option list needs is taken away; the rest belongs to the expression.
fn unescape_semicolons(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match rest {
            [b'\\', b';', tail @ ..] => {
                out.push(b';');
                rest = tail;
            }
            [b'\\', b, tail @ ..] => {
                out.extend_from_slice(&[b'\\', *b]);
                rest = tail;
            }
            [b, tail @ ..] => {
                out.push(*b);
                rest = tail;
            }
            [] => return out,
        }
    }
}

fn from_base64(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "[bytes n] [, offset n] [, mode rfc2045|rfc4648|strict]";
    let (mut bytes, mut offset, mut mode) = (None, 0, Base64Mode::Rfc4648);
    for part in option.value.map(Value::list).unwrap_or_default() {
        let (word, argument) = part.word();
        match (word.text(), argument.text()) {
            ("bytes", _) => bytes = Some(u32::try_from(argument.number(1, 65_535)?).unwrap_or(1)),
            ("offset", _) => offset = u32::try_from(argument.number(0, 65_535)?).unwrap_or(0),
            ("mode", "rfc2045") => mode = Base64Mode::Rfc2045,
            ("mode", "rfc4648") => mode = Base64Mode::Rfc4648,
            ("mode", "strict") => mode = Base64Mode::Strict,
            _ => return Err(part.fault(Problem::UnknownWord { expected: FORM })),
        }
    }
    rule.transform(option, Transform::FromBase64 { bytes, offset, mode })
}

fn max_size(option: Use<'_>) -> Result<u32, Fault> {
    let Some(value) = option.value else { return Ok(1024) };
    let (word, argument) = value.word();
    if !word.is("max-size") {
        return Err(value.fault(Problem::UnknownWord { expected: "max-size n" }));
    }
    Ok(u32::try_from(argument.number(1, 16 << 20)?).unwrap_or(1024))
}

fn gunzip(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let max_size = max_size(option)?;
    rule.transform(option, Transform::Gunzip { max_size })
}

fn inflate(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let max_size = max_size(option)?;
    rule.transform(option, Transform::Inflate { max_size })
}

fn subslice(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "offset [, count] [, truncate]";
    const RANGE: (i64, i64) = (-65_535, 65_535);
    let value = option.value(FORM)?;
    let parts = value.list();
    let (parts, truncate) = match parts.split_last() {
        Some((last, rest)) if last.is("truncate") => (rest, true),
        _ => (parts.as_slice(), false),
    };
    let (offset, count) = match parts {
        [offset] => (offset.number(RANGE.0, RANGE.1)?, None),
        [offset, count] => {
            let n = count.number(RANGE.0, RANGE.1)?;
            if n == 0 {
                return Err(count.fault(Problem::NeverMatches { limit: 0, needed: 1 }));
            }
            (offset.number(RANGE.0, RANGE.1)?, Some(n))
        }
        _ => return Err(value.malformed(FORM)),
    };
    rule.transform(option, Transform::Subslice { offset, count, truncate })
}

fn lua(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let script = option.value("the name of a script")?;
    let script = String::from_utf8_lossy(&unescape(script.unquoted()?.bytes())).into();
    rule.transform(option, Transform::Lua(script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_semicolon_in_an_expression_loses_its_backslash() {
        assert_eq!(unescape_semicolons(br"a\;b\d"), br"a;b\d");
        assert_eq!(unescape_semicolons(br"\s+(.*)"), br"\s+(.*)");
    }

    #[test]
    fn patterns_no_transform_produces_are_known() {
        assert!(!Transform::StripWhitespace.can_produce(b"a b", false));
        assert!(Transform::CompressWhitespace.can_produce(b"a b", false));
        assert!(!Transform::CompressWhitespace.can_produce(b"a  b", false));
        assert!(!Transform::ToLowercase.can_produce(b"aB", false) && Transform::ToLowercase.can_produce(b"aB", true));
    }
}
