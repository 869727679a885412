//! Keywords about the flow: `flow`, `flow.pkts`, `flow.bytes`, `flow.age`, `flow.elephant`, `stream_size`.
//!
//! Called through the keyword table. Source: the public rule documentation, "Flow Keywords".
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::comparison::Comparison;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::{Fault, Value};

/// A direction within a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What `flow` says of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowState {
    /// `established`.
    Established,
    /// `not_established`.
    NotEstablished,
    /// `stateless`: whatever the state, also without a flow.
    Stateless,
}

/// `only_stream` and `no_stream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamChoice {
    /// Reassembled data only.
    Only,
    /// Packets only.
    No,
}

/// `only_frag` and `no_frag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentChoice {
    /// Packets put together from fragments only.
    Only,
    /// Other packets only.
    No,
}

/// `flow`; an absent part was not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Direction of the packet.
    pub side: Option<Side>,
    /// State of the connection.
    pub state: Option<FlowState>,
    /// Stream or packets.
    pub stream: Option<StreamChoice>,
    /// Reassembled from fragments or not.
    pub fragments: Option<FragmentChoice>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Packets.
    Packets,
    /// Bytes.
    Bytes,
    /// Seconds since the first packet.
    AgeSeconds,
}

/// Which side of the flow is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedSide {
    /// Packets to the server.
    ToServer,
    /// Packets to the client.
    ToClient,
    /// The sum of both.
    Sum,
    /// Each must match.
    Both,
    /// One of them must match.
    Either,
}

/// `flow.pkts`, `flow.bytes` and their like, `flow.age`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowCounter {
    /// What.
    pub counted: Counted,
    /// Where; `Sum` for the age.
    pub side: CountedSide,
    /// How much.
    pub value: Comparison<u64>,
}

/// `flow.elephant`: the side of the flow that carries very much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elephant(pub CountedSide);

/// `stream_size`: bytes seen of a TCP stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSize {
    /// Which stream; `Sum` never.
    pub side: CountedSide,
    /// How many.
    pub size: Comparison<u32>,
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("flow", "flow", flow),
    plain("flow.age", "flow", age),
    plain("flow.pkts", "flow", packets),
    plain("flow.pkts_toserver", "flow", packets_to_server),
    plain("flow.pkts_toclient", "flow", packets_to_client),
    plain("flow.bytes", "flow", bytes),
    plain("flow.bytes_toserver", "flow", bytes_to_server),
    plain("flow.bytes_toclient", "flow", bytes_to_client),
    plain("flow.elephant", "flow", elephant),
    plain("stream_size", "tcp", stream_size),
];

fn flow(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "to_server, to_client, from_server, from_client, established, not_established, stateless, \
                        only_stream, no_stream, only_frag or no_frag, separated by commas";
    rule.once(option)?;
    let mut flow = Flow::default();
    for word in option.value(FORM)?.list() {
        match word.text() {
            "to_server" | "from_client" => set(&mut flow.side, Side::ToServer, word)?,
            "to_client" | "from_server" => set(&mut flow.side, Side::ToClient, word)?,
            "established" => set(&mut flow.state, FlowState::Established, word)?,
            "not_established" => set(&mut flow.state, FlowState::NotEstablished, word)?,
            "stateless" => set(&mut flow.state, FlowState::Stateless, word)?,
            "only_stream" => set(&mut flow.stream, StreamChoice::Only, word)?,
            "no_stream" => set(&mut flow.stream, StreamChoice::No, word)?,
            "only_frag" => set(&mut flow.fragments, FragmentChoice::Only, word)?,
            "no_frag" => set(&mut flow.fragments, FragmentChoice::No, word)?,
            _ => return Err(word.fault(Problem::UnknownWord { expected: FORM })),
        }
    }
    rule.push(option, MatchKind::Flow(flow));
    Ok(())
}

/// Two words about the same thing exclude one another, and the same word twice is a slip.
fn set<T>(place: &mut Option<T>, value: T, word: Value<'_>) -> Result<(), Fault> {
    if place.replace(value).is_some() {
        return Err(word.fault(Problem::Conflict { with: "an earlier word of the same option".into() }));
    }
    Ok(())
}

fn side_of(word: Value<'_>) -> Result<CountedSide, Fault> {
    match word.text() {
        "toserver" | "to_server" => Ok(CountedSide::ToServer),
        "toclient" | "to_client" => Ok(CountedSide::ToClient),
        "both" => Ok(CountedSide::Both),
        "either" => Ok(CountedSide::Either),
        _ => Err(word.fault(Problem::UnknownWord { expected: "toserver, toclient, both or either" })),
    }
}

fn counter(rule: &mut Builder<'_>, option: Use<'_>, counted: Counted, side: Option<CountedSide>) -> Result<(), Fault> {
    let value = option.value("a number, <n, >n or a<>b")?;
    let (side, number) = match side {
        Some(side) => (side, value),
        None => match value.split_once(b',') {
            Some((side, number)) => (side_of(side)?, number),
            None => (CountedSide::Sum, value),
        },
    };
    let value = Comparison::parse(number)?;
    rule.push(option, MatchKind::FlowCounter(FlowCounter { counted, side, value }));
    Ok(())
}

fn age(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    counter(rule, option, Counted::AgeSeconds, Some(CountedSide::Sum))
}

fn packets(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    counter(rule, option, Counted::Packets, None)
}

fn packets_to_server(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    counter(rule, option, Counted::Packets, Some(CountedSide::ToServer))
}

fn packets_to_client(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    counter(rule, option, Counted::Packets, Some(CountedSide::ToClient))
}

fn bytes(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    counter(rule, option, Counted::Bytes, None)
}

fn bytes_to_server(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    counter(rule, option, Counted::Bytes, Some(CountedSide::ToServer))
}

fn bytes_to_client(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    counter(rule, option, Counted::Bytes, Some(CountedSide::ToClient))
}

fn elephant(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let side = side_of(option.value("toserver, toclient, both or either")?)?;
    rule.push(option, MatchKind::Elephant(Elephant(side)));
    Ok(())
}

fn stream_size(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "server|client|both|either, operator, bytes";
    let value = option.value(FORM)?;
    let (side, rest) = value.split_once(b',').ok_or_else(|| value.malformed(FORM))?;
    let side = match side.text() {
        "server" => CountedSide::ToClient,
        "client" => CountedSide::ToServer,
        "both" => CountedSide::Both,
        "either" => CountedSide::Either,
        _ => return Err(side.fault(Problem::UnknownWord { expected: "server, client, both or either" })),
    };
    let (operator, number) = rest.split_once(b',').ok_or_else(|| value.malformed(FORM))?;
    let n: u32 = number.int()?;
    let size = match operator.text() {
        "<" => Comparison::Less(n),
        "<=" => Comparison::LessOrEqual(n),
        ">" => Comparison::Greater(n),
        ">=" => Comparison::GreaterOrEqual(n),
        "=" | "==" => Comparison::Equal(n),
        "!=" => Comparison::NotEqual(n),
        _ => return Err(operator.fault(Problem::UnknownWord { expected: "<, <=, >, >=, = or !=" })),
    };
    rule.push(option, MatchKind::StreamSize(StreamSize { side, size }));
    Ok(())
}
