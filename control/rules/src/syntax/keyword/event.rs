//! Events the engine raises about the traffic: `decode-event`, `stream-event`, `app-layer-event`, `engine-event`.
//!
//! Called through the keyword table. The names are kept as written, without their prefix; which of them exist is
//! known to `compile`.
//!
//! Source: the event rules of the corpora, and the public rule documentation.
use super::{Keyword, Use, plain};
use crate::syntax::builder::Builder;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::Fault;

/// Who raises the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventSource {
    /// The decoder of packets.
    Decoder,
    /// TCP reassembly.
    Stream,
    /// A protocol parser, or protocol detection.
    Application,
    /// The engine itself.
    Engine,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who raises it.
    pub source: EventSource,
    /// Its name, for example `ipv4.opt_invalid_len` or `http.file_name_too_long`.
    pub name: Box<str>,
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("decode-event", "event", decoder),
    plain("stream-event", "event", stream),
    plain("app-layer-event", "event", application),
    plain("engine-event", "event", engine),
];

fn event(rule: &mut Builder<'_>, option: Use<'_>, source: EventSource) -> Result<(), Fault> {
    const FORM: &str = "the name of an event";
    let value = option.value(FORM)?.unquoted()?;
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if value.is_empty() || !value.bytes().iter().all(word) {
        return Err(value.malformed(FORM));
    }
    rule.push(option, MatchKind::Event(Event { source, name: value.lossy() }));
    Ok(())
}

fn decoder(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    event(rule, option, EventSource::Decoder)
}

fn stream(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    event(rule, option, EventSource::Stream)
}

fn application(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    event(rule, option, EventSource::Application)
}

fn engine(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    event(rule, option, EventSource::Engine)
}
