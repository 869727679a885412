//! Header keywords and reads of state into checks.

use super::{
    Outside, Refusal,
    names::{Kind, Names},
    program::range,
};
use crate::{
    diagnostic::Problem,
    syntax::{
        comparison::Comparison,
        keyword::{
            app::{AppMatch, AppValue},
            bits::{BitOperation, BitOwner, FlowInt, IntOperation, IntValue},
            dataset::{IpReputation, Reputation, ReputationSide},
            event::{Event, EventSource},
            flow::{Counted, CountedSide, FlowCounter, Side},
            icmp::IcmpTest,
            ip::{BitMode, ChecksumOf as SyntaxChecksum, GeoSide, IpOption, IpTest},
            tcp::{FlagMode, TcpTest},
        },
        rule::MatchKind,
    },
};
use sluice_core::AppOddity;
use sluice_detect::{
    check::{Check, ChecksumOf, Ends, FlagMatch, IntOperand, IntTest, Owner, ScoreTest, SharedBit, Side as Sides},
    range::Range,
    rule::Effect,
};
use sluice_flow::StreamEvent;
use sluice_packet::DecodeEvent;
use std::{ops::BitAnd, sync::Arc};

/// What one match asks and leaves behind.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) checks: Vec<Check>,
    pub(super) effects: Vec<Effect>,
}

impl Compiled {
    fn check(check: Check) -> Self {
        Self { checks: vec![check], effects: Vec::new() }
    }

    fn effect(effect: Effect) -> Self {
        Self { checks: Vec::new(), effects: vec![effect] }
    }
}

/// Compiles a match that looks at no buffer; nothing for what is handled elsewhere.
pub(super) fn compile(kind: &MatchKind, outside: &Outside, names: &mut Names) -> Result<Compiled, Refusal> {
    let check = match kind {
        MatchKind::Tcp(test) => tcp(test)?,
        MatchKind::Ip(IpTest::Country { side, codes, negated }) => Check::Country {
            table: Arc::clone(outside.countries.as_ref().ok_or(Refusal::Wrong(Problem::NotConfigured {
                what: "database of countries",
                setting: "detection.geoip-database",
            }))?),
            ends: match side {
                GeoSide::Source => Ends::Source,
                GeoSide::Destination => Ends::Destination,
                GeoSide::Any => Ends::Either,
                GeoSide::Both => Ends::Both,
            },
            codes: codes.as_slice().into(),
            negated: *negated,
        },
        MatchKind::Ip(test) => ip(test)?,
        MatchKind::Icmp(test) => icmp(test)?,
        MatchKind::StreamSize(size) => Check::StreamSize(side(size.side), range(size.size)),
        MatchKind::FlowCounter(counter) => flow_counter(counter)?,
        MatchKind::Event(event) => self::event(event)?,
        MatchKind::App(app) => self::app(app)?,
        MatchKind::FlowBits(bits) => {
            let numbers = numbers(names, Kind::FlowBit, &bits.names)?;
            return Ok(match bits.operation {
                BitOperation::IsSet => Compiled::check(Check::FlowBitSet(numbers.into())),
                BitOperation::IsNotSet => Compiled::check(Check::FlowBitNotSet(numbers.into())),
                BitOperation::Set => effects(&numbers, Effect::SetFlowBit),
                BitOperation::Unset => effects(&numbers, Effect::UnsetFlowBit),
                BitOperation::Toggle => effects(&numbers, Effect::ToggleFlowBit),
            });
        }
        MatchKind::FlowInt(int) => return flow_int(int, names),
        MatchKind::HostBits(bits) => {
            let owner = match bits.side {
                // Without a side the reference engine takes the source.
                None | Some(Side::ToServer) => Owner::Source,
                Some(Side::ToClient) => Owner::Destination,
            };
            let numbers = numbers(names, Kind::HostBit, &bits.names)?;
            return Ok(shared(
                bits.operation,
                numbers.into_iter().map(SharedBit::Host).collect(),
                owner,
                HOSTBIT_SECONDS,
            ));
        }
        MatchKind::XBits(bits) => {
            let owner = match bits.owner {
                BitOwner::Source => Owner::Source,
                BitOwner::Destination => Owner::Destination,
                BitOwner::Pair => Owner::Pair,
                BitOwner::Transaction => return Err(Refusal::Needs("transactions")),
            };
            let number = names.number(Kind::XBit, &bits.name).ok_or(too_many(Kind::XBit))?;
            return Ok(shared(bits.operation, vec![SharedBit::X(number)], owner, bits.expire_s));
        }
        MatchKind::Bypass => return Ok(Compiled::effect(Effect::BypassFlow)),
        MatchKind::IpReputation(reputation) => self::reputation(reputation, outside)?,
        MatchKind::Elephant(_) => return Err(Refusal::Needs("flow.elephant")),
        MatchKind::AppLayerProtocol(wanted) => Check::FlowProtocol(super::app::flow_protocol(wanted)?),
        MatchKind::ProtocolDetection(_) => return Err(Refusal::Needs("app-layer")),
        _ => return Ok(Compiled::default()),
    };
    Ok(Compiled::check(check))
}

/// How long a host bit lasts, seconds.
const HOSTBIT_SECONDS: u32 = 300;

const fn too_many(kind: Kind) -> Refusal {
    Refusal::Needs(match kind {
        Kind::FlowBit => "more than 1,024 names of flow bits",
        Kind::FlowInt => "more than 16 names of flow integers",
        Kind::HostBit => "more than 65,536 names of host bits",
        Kind::XBit => "more than 65,536 names of xbits",
        Kind::Text => "more than 65,536 names of captures",
    })
}

fn numbers(names: &mut Names, kind: Kind, list: &[Box<str>]) -> Result<Vec<u16>, Refusal> {
    list.iter().map(|name| names.number(kind, name).ok_or(too_many(kind))).collect()
}

fn effects(numbers: &[u16], make: fn(u16) -> Effect) -> Compiled {
    Compiled { checks: Vec::new(), effects: numbers.iter().copied().map(make).collect() }
}

fn shared(operation: BitOperation, bits: Vec<SharedBit>, owner: Owner, seconds: u32) -> Compiled {
    let effects = |make: &dyn Fn(SharedBit) -> Effect| Compiled {
        checks: Vec::new(),
        effects: bits.iter().copied().map(make).collect(),
    };
    match operation {
        BitOperation::IsSet => Compiled::check(Check::SharedBit { any: bits.into(), owner, set: true }),
        BitOperation::IsNotSet => Compiled::check(Check::SharedBit { any: bits.into(), owner, set: false }),
        BitOperation::Set => effects(&|bit| Effect::SetSharedBit { bit, owner, seconds }),
        BitOperation::Unset => effects(&|bit| Effect::UnsetSharedBit { bit, owner }),
        BitOperation::Toggle => effects(&|bit| Effect::ToggleSharedBit { bit, owner, seconds }),
    }
}

fn reputation(reputation: &IpReputation, outside: &Outside) -> Result<Check, Refusal> {
    let not_configured =
        || Refusal::Wrong(Problem::NotConfigured { what: "file of categories", setting: "detection.iprep-categories" });
    let known = outside.reputations.as_ref().ok_or_else(not_configured)?;
    let category = known.categories.get(&*reputation.category).copied();
    Ok(Check::Reputation {
        table: Arc::clone(&known.table),
        ends: match reputation.side {
            ReputationSide::Any => Ends::Either,
            ReputationSide::Source => Ends::Source,
            ReputationSide::Destination => Ends::Destination,
            ReputationSide::Both => Ends::Both,
        },
        category: category.ok_or(Refusal::Wrong(Problem::UnknownCategory))?,
        wanted: match reputation.reputation {
            Reputation::IsSet => ScoreTest::IsSet,
            Reputation::IsNotSet => ScoreTest::IsNotSet,
            Reputation::Value(value) => ScoreTest::In(range(value)),
        },
    })
}

fn flow_int(int: &FlowInt, names: &mut Names) -> Result<Compiled, Refusal> {
    let id = names.number(Kind::FlowInt, &int.name).ok_or(too_many(Kind::FlowInt))?;
    let mut operand = |value: &IntValue| match value {
        IntValue::Number(number) => Ok(IntOperand::Number(*number)),
        IntValue::Variable(name) => {
            names.number(Kind::FlowInt, name).map(IntOperand::Of).ok_or(too_many(Kind::FlowInt))
        }
    };
    let test = match &int.operation {
        IntOperation::Assign(value) => return Ok(Compiled::effect(Effect::SetFlowInt(id, operand(value)?))),
        IntOperation::Add(value) => return Ok(Compiled::effect(Effect::AddFlowInt(id, operand(value)?))),
        IntOperation::Subtract(value) => return Ok(Compiled::effect(Effect::SubtractFlowInt(id, operand(value)?))),
        IntOperation::IsSet => IntTest::IsSet,
        IntOperation::IsNotSet => IntTest::IsNotSet,
        IntOperation::Equal(value) => IntTest::Equal(operand(value)?),
        IntOperation::NotEqual(value) => IntTest::NotEqual(operand(value)?),
        IntOperation::Less(value) => IntTest::Less(operand(value)?),
        IntOperation::LessOrEqual(value) => IntTest::LessOrEqual(operand(value)?),
        IntOperation::Greater(value) => IntTest::Greater(operand(value)?),
        IntOperation::GreaterOrEqual(value) => IntTest::GreaterOrEqual(operand(value)?),
    };
    Ok(Compiled::check(Check::FlowInt(id, test)))
}

fn tcp(test: &TcpTest) -> Result<Check, Refusal> {
    Ok(match test {
        TcpTest::Flags(flags) => Check::TcpFlags {
            value: flags.set,
            ignored: flags.ignored,
            how: match flags.mode {
                FlagMode::Exactly => FlagMatch::Exactly,
                FlagMode::AtLeast => FlagMatch::All,
                FlagMode::AnyOf => FlagMatch::Any,
                FlagMode::NoneOf => FlagMatch::None,
            },
        },
        TcpTest::Sequence(number) => Check::TcpSeq(range(*number)),
        TcpTest::Acknowledgement(number) => Check::TcpAck(range(*number)),
        TcpTest::Window(number) => Check::TcpWindow(range(*number)),
        TcpTest::Mss(number) => Check::TcpMss(range(*number)),
        TcpTest::WindowScale(number) => Check::TcpWindowScale(range(*number)),
    })
}

fn ip(test: &IpTest) -> Result<Check, Refusal> {
    Ok(match test {
        IpTest::PayloadSize(size) => {
            let Range { low, high, negated, mask } = range(*size);
            Check::PayloadSize(Range { low: u32::from(low), high: u32::from(high), negated, mask: mask.map(u32::from) })
        }
        IpTest::Ttl(number) => Check::Ttl(range(*number)),
        IpTest::Tos(number) => Check::Tos(range(*number)),
        IpTest::Id(number) => Check::IpId(range(*number)),
        IpTest::IpProto(number) => Check::IpProtocol(range(*number)),
        IpTest::Option(IpOption::Any) => Check::IpOption(None),
        IpTest::Option(IpOption::Type(kind)) => Check::IpOption(Some(*kind)),
        IpTest::FragmentBits { mode, bits } => Check::FragmentBits {
            value: *bits,
            how: match mode {
                BitMode::Exactly => FlagMatch::Exactly,
                BitMode::AtLeast => FlagMatch::All,
                BitMode::AnyOf => FlagMatch::Any,
                BitMode::NoneOf => FlagMatch::None,
            },
        },
        IpTest::FragmentOffset(number) => Check::FragmentOffset(range(*number)),
        IpTest::SameAddress => Check::SameAddress,
        // Needs what is outside of the rule: see `compile`.
        IpTest::Country { .. } => return Err(Refusal::Needs("geoip")),
        IpTest::Checksum { of, valid } => Check::Checksum {
            of: match of {
                SyntaxChecksum::Ipv4 => ChecksumOf::Ipv4,
                SyntaxChecksum::TcpV4 => ChecksumOf::Transport(4, 6),
                SyntaxChecksum::TcpV6 => ChecksumOf::Transport(6, 6),
                SyntaxChecksum::UdpV4 => ChecksumOf::Transport(4, 17),
                SyntaxChecksum::UdpV6 => ChecksumOf::Transport(6, 17),
                SyntaxChecksum::IcmpV4 => ChecksumOf::Transport(4, 1),
                SyntaxChecksum::IcmpV6 => ChecksumOf::Transport(6, 58),
                SyntaxChecksum::Igmp => ChecksumOf::Transport(4, 2),
                SyntaxChecksum::Sctp => ChecksumOf::Sctp,
            },
            valid: *valid,
        },
        IpTest::VlanId { id, layer } => Check::VlanId(range(*id), *layer),
        IpTest::VlanLayers(number) => Check::VlanLayers(range(*number)),
    })
}

fn icmp(test: &IcmpTest) -> Result<Check, Refusal> {
    Ok(match test {
        IcmpTest::Type(number) => Check::IcmpType(range(*number)),
        IcmpTest::Code(number) => Check::IcmpCode(range(*number)),
        IcmpTest::Id(number) => Check::IcmpId(range(*number)),
        IcmpTest::Sequence(number) => Check::IcmpSeq(range(*number)),
        IcmpTest::V6Mtu(number) => Check::Icmpv6Mtu(range(*number)),
        IcmpTest::IgmpType(number) => Check::IgmpType(range(*number)),
    })
}

fn side(side: CountedSide) -> Sides {
    match side {
        CountedSide::ToServer => Sides::ToServer,
        CountedSide::ToClient => Sides::ToClient,
        CountedSide::Sum => Sides::Sum,
        CountedSide::Both => Sides::Both,
        CountedSide::Either => Sides::Either,
    }
}

fn flow_counter(counter: &FlowCounter) -> Result<Check, Refusal> {
    let range = range(counter.value);
    Ok(match counter.counted {
        Counted::Packets => Check::FlowPackets(side(counter.side), range),
        Counted::Bytes => Check::FlowBytes(side(counter.side), range),
        Counted::AgeSeconds => Check::FlowAge(range),
    })
}

fn event(event: &Event) -> Result<Check, Refusal> {
    match event.source {
        EventSource::Decoder => match DecodeEvent::from_name(&event.name) {
            Some(event) => Ok(Check::DecodeEvent(event)),
            None => Err(Refusal::Wrong(Problem::UnknownEvent { name: event.name.clone() })),
        },
        EventSource::Stream => match StreamEvent::from_name(&event.name) {
            Some(event) => Ok(Check::StreamEvent(event)),
            None => Err(Refusal::Wrong(Problem::UnknownEvent { name: event.name.clone() })),
        },
        EventSource::Application if let Some(oddity) = AppOddity::from_name(&event.name) => {
            Ok(Check::AppOddity(oddity))
        }
        EventSource::Application => super::app::event(&event.name).map(Check::App),
        EventSource::Engine => Err(Refusal::Needs("engine events")),
    }
}

/// Keywords kept in the general form: those of SCTP, and those of application protocols.
fn app(app: &AppMatch) -> Result<Check, Refusal> {
    if let ("sctp.chunk_type", AppValue::Text { bytes, negated }) = (app.name, &app.value) {
        let kind = chunk_type(bytes).ok_or(UNKNOWN_CHUNK)?;
        return Ok(Check::SctpChunkType(Range { negated: *negated, ..Range::exactly(kind) }));
    }
    let AppValue::Number(number) = app.value else { return super::app::check(app).map(Check::App) };
    let small = narrow(number);
    Ok(match app.name {
        "sctp.vtag" => Check::SctpTag(small),
        "sctp.chunk_cnt" => Check::SctpChunks(cut(small)),
        "sctp.chunk_type" => Check::SctpChunkType(cut(small)),
        _ => Check::App(super::app::check(app)?),
    })
}

const UNKNOWN_CHUNK: Refusal =
    Refusal::Wrong(Problem::UnknownWord { expected: "a type of SCTP chunk, such as data, init or sack" });

/// The number of an SCTP chunk type (IANA, "Chunk Types").
fn chunk_type(name: &[u8]) -> Option<u8> {
    Some(match name {
        b"data" => 0,
        b"init" => 1,
        b"init_ack" => 2,
        b"sack" => 3,
        b"heartbeat" | b"hb" => 4,
        b"heartbeat_ack" | b"hb_ack" => 5,
        b"abort" => 6,
        b"shutdown" => 7,
        b"shutdown_ack" => 8,
        b"error" => 9,
        b"cookie_echo" => 10,
        b"cookie_ack" => 11,
        b"ecne" => 12,
        b"cwr" => 13,
        b"shutdown_complete" => 14,
        b"auth" => 15,
        b"i_data" => 64,
        b"asconf_ack" => 128,
        b"re_config" => 130,
        b"pad" => 132,
        b"forward_tsn" => 192,
        b"asconf" => 193,
        b"i_forward_tsn" => 194,
        _ => return None,
    })
}

/// A comparison of large numbers as a range of 32 bits.
fn narrow(comparison: Comparison<u64>) -> Range<u32> {
    cut_from(range(comparison))
}

/// A range of smaller numbers that holds the same of them.
fn cut_from<T>(range: Range<u64>) -> Range<T>
where
    T: TryFrom<u64> + Copy + PartialOrd + BitAnd<Output = T> + super::program::Bounds,
{
    let Range { low, high, negated, mask } = range;
    let (low, high) = match (T::try_from(low), T::try_from(high)) {
        (Ok(low), Ok(high)) => (low, high),
        (Ok(low), Err(_)) => (low, T::MOST),
        (Err(_), _) => (T::MOST, T::LEAST),
    };
    // Bits beyond the number are never set.
    let mask = mask.map(T::low_bits);
    Range { low, high, negated, mask }
}

fn cut<T>(range: Range<u32>) -> Range<T>
where
    T: TryFrom<u64> + Copy + PartialOrd + BitAnd<Output = T> + super::program::Bounds,
{
    let Range { low, high, negated, mask } = range;
    cut_from(Range { low: u64::from(low), high: u64::from(high), negated, mask: mask.map(u64::from) })
}
