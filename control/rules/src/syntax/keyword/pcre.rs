//! `pcre`: a regular expression, its flags and the variables it captures into.
//!
//! Called through the keyword table. The expression is not compiled here; `compile` reports what its matcher
//! cannot take.
//!
//! Source: the public rule documentation, "pcre (Perl Compatible Regular Expressions)".
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::keyword::buffer_table::buffer;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::{Fault, Value};

/// A regular expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pcre {
    /// Index into [`crate::Rule::buffers`]; flags such as `U` choose it.
    pub buffer: usize,
    /// The expression between the slashes, as written; `\/` and `\;` mean what they mean to PCRE.
    pub expression: Box<[u8]>,
    /// `!`: must not match.
    pub negated: bool,
    /// `R`: starts after the last match of the buffer.
    pub relative: bool,
    /// `i`.
    pub caseless: bool,
    /// `m`.
    pub multi_line: bool,
    /// `s`.
    pub dot_all: bool,
    /// `x`.
    pub extended: bool,
    /// `A`.
    pub anchored: bool,
    /// `E`.
    pub dollar_end_only: bool,
    /// `G`.
    pub ungreedy: bool,
    /// `B`.
    pub rawbytes: bool,
    /// `O`: the match limit of the settings does not apply.
    pub override_limit: bool,
    /// Where the captured groups go, in order.
    pub captures: Vec<Capture>,
}

/// A variable that takes a captured group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capture {
    /// `flow:name`: lasts as long as the flow.
    Flow(Box<str>),
    /// `pkt:name`: lasts as long as the packet.
    Packet(Box<str>),
    /// `alert:name`: shown with the alert.
    Alert(Box<str>),
}

pub(super) const KEYWORDS: &[Keyword] = &[plain("pcre", "pcre", pcre)];

const FORM: &str = "/expression/flags";

/// The flags that choose a buffer.
const BUFFERS: [(u8, &str); 13] = [
    (b'U', "http.uri"),
    (b'I', "http.uri.raw"),
    (b'P', "http.request_body"),
    (b'Q', "http.response_body"),
    (b'H', "http.header"),
    (b'D', "http.header.raw"),
    (b'M', "http.method"),
    (b'C', "http.cookie"),
    (b'S', "http.stat_code"),
    (b'Y', "http.stat_msg"),
    (b'V', "http.user_agent"),
    (b'W', "http.host"),
    (b'Z', "http.host.raw"),
];

fn pcre(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let (negated, text) = option.value(FORM)?.negation();
    let text = text.unquoted()?.trim();
    let body = match text.bytes() {
        [b'/', ..] => text.from(1),
        _ => return Err(text.malformed(FORM)),
    };
    let end = body.bytes().iter().rposition(|&b| b == b'/').ok_or_else(|| text.malformed(FORM))?;
    let expression = body.slice(0, end);
    if expression.is_empty() {
        return Err(text.fault(Problem::EmptyContent));
    }
    let tail = body.from(end + 1);
    let (flags, captures) = match tail.split_once(b',') {
        Some((flags, list)) => (flags, Some(list)),
        None => (tail.trim(), None),
    };
    let mut parsed = Pcre {
        buffer: rule.current(),
        expression: expression.bytes().into(),
        negated,
        relative: false,
        caseless: false,
        multi_line: false,
        dot_all: false,
        extended: false,
        anchored: false,
        dollar_end_only: false,
        ungreedy: false,
        rawbytes: false,
        override_limit: false,
        captures: captures.map_or_else(|| Ok(Vec::new()), capture_list)?,
    };
    let mut chosen: Option<&'static str> = None;
    for (i, &flag) in flags.bytes().iter().enumerate() {
        let place = flags.slice(i, i + 1);
        match flag {
            b'i' => parsed.caseless = true,
            b'm' => parsed.multi_line = true,
            b's' => parsed.dot_all = true,
            b'x' => parsed.extended = true,
            b'A' => parsed.anchored = true,
            b'E' => parsed.dollar_end_only = true,
            b'G' => parsed.ungreedy = true,
            b'R' => parsed.relative = true,
            b'B' => parsed.rawbytes = true,
            b'O' => parsed.override_limit = true,
            _ => {
                let Some(&(_, name)) = BUFFERS.iter().find(|(f, _)| *f == flag) else {
                    return Err(place.fault(Problem::UnknownWord { expected: "the flags imsxAEGRBOUIPQHDMCSYVWZ" }));
                };
                if let Some(other) = chosen
                    && other != name
                {
                    return Err(place.fault(Problem::Conflict { with: other.into() }));
                }
                // In a sticky buffer the flag may only repeat what is already chosen.
                let repeats = rule.current_is(name) || (flag == b'Q' && rule.current_is("file.data"));
                if rule.in_sticky_buffer() && !repeats {
                    return Err(place.fault(Problem::Conflict { with: "the buffer before it".into() }));
                }
                chosen = Some(name);
            }
        }
    }
    if let Some(name) = chosen {
        if parsed.rawbytes {
            return Err(flags.fault(Problem::Conflict { with: "flag B".into() }));
        }
        if !rule.in_sticky_buffer() {
            parsed.buffer = rule.buffer_index(buffer(name), option.span());
        }
    }
    rule.push(option, MatchKind::Pcre(parsed));
    Ok(())
}

fn capture_list(list: Value<'_>) -> Result<Vec<Capture>, Fault> {
    const FORM: &str = "flow:name, pkt:name or alert:name";
    list.list()
        .into_iter()
        .map(|item| {
            let (kind, name) = item.split_once(b':').ok_or_else(|| item.malformed(FORM))?;
            if !name.is_name() {
                return Err(name.malformed(FORM));
            }
            match kind.text() {
                "flow" => Ok(Capture::Flow(name.lossy())),
                "pkt" => Ok(Capture::Packet(name.lossy())),
                "alert" => Ok(Capture::Alert(name.lossy())),
                _ => Err(kind.fault(Problem::UnknownWord { expected: FORM })),
            }
        })
        .collect()
}
