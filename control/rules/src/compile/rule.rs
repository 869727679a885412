//! One rule.

use super::names::Names;
use super::{CompileOptions, CompiledRule, LimitKind, Refusal, app, check, hook, order, program};
use crate::{
    diagnostic::{Problem, Span},
    syntax::{
        header::{Action as SyntaxAction, Direction as SyntaxDirection, Endpoint},
        keyword::{
            flow::{FlowState as SyntaxState, FragmentChoice, Side, StreamChoice},
            tag::{Tag as SyntaxTag, TagLimit as SyntaxTagLimit, TagScope},
            threshold::{Threshold as SyntaxThreshold, ThresholdKind, Track as SyntaxTrack, UniqueOn as SyntaxUnique},
        },
        protocol::{Protocol as SyntaxProtocol, TcpScope},
        rule::{MatchKind, Report, Rule as Syntax},
    },
    variables::Resolver,
};
use sluice_core::{Action, AppProtocol, Direction};
use sluice_detect::{
    RulesetBuilder,
    address::AddressSet,
    app::{FlowProtocol, Protocols},
    buffer::Buffer,
    check::{Check, IntTest, Owner},
    program::Program,
    range::PortSet,
    rule::{Effect, Endpoints, FlowState, IntStep, Protocol, Rule, TagLimit, Unit},
    threshold::{Kind, Suppression, Threshold, Track, UniqueOn},
};
use std::collections::HashMap;

type Limits<'l> = HashMap<(Option<u32>, Option<u32>), Vec<&'l LimitKind>>;

/// Compiles one rule; where it can't be used, the place in its text and why.
pub(super) fn compile(
    syntax: &Syntax,
    options: &CompileOptions,
    limits: &Limits,
    resolver: &mut Resolver,
    names: &mut Names,
    builder: &mut RulesetBuilder,
) -> Result<CompiledRule, (Span, Refusal)> {
    let header = |refusal| (Span::new(0, 0), refusal);
    let action = match syntax.action {
        SyntaxAction::Alert => Action::Alert,
        SyntaxAction::Pass => Action::Pass,
        SyntaxAction::Drop => Action::Drop,
        SyntaxAction::RejectSource => Action::RejectSource,
        SyntaxAction::RejectDestination => Action::RejectDestination,
        SyntaxAction::RejectBoth => Action::RejectBoth,
        SyntaxAction::Config => return Err(header(Refusal::Needs("config rules"))),
    };
    let hook = syntax.hook.as_deref().map(|name| hook::compile(syntax.protocol, name)).transpose().map_err(header)?;
    let (protocol, mut unit) = protocol(syntax.protocol).map_err(header)?;
    let mut warnings = Vec::new();
    let program::Programs { programs, fast_pattern, replaces } =
        program::compile(syntax, &options.outside, names, builder)?;
    let (mut direction, mut flow_state) = (None, FlowState::Any);
    let (mut checks, mut effects, mut thresholds) = (Vec::new(), Vec::new(), Vec::new());
    if let Some((reached, way)) = hook {
        direction = Some(way);
        checks.push(Check::App(reached));
    }
    let mut ints: Vec<IntStep> = Vec::new();
    let mut tags = Vec::new();
    let (mut speaks_of_flow, mut speaks_of_direction) = (false, false);
    for found in &syntax.matches {
        let place = |refusal| (found.span, refusal);
        match &found.kind {
            MatchKind::Flow(flow) => {
                speaks_of_flow = true;
                speaks_of_direction |= flow.side.is_some() || !matches!(flow.state, Some(SyntaxState::Established));
                let side = flow.side.map(|side| match side {
                    Side::ToServer => Direction::ToServer,
                    Side::ToClient => Direction::ToClient,
                });
                direction = side.or(direction);
                flow_state = match flow.state {
                    Some(SyntaxState::Established) => FlowState::Established,
                    Some(SyntaxState::NotEstablished) => FlowState::NotEstablished,
                    Some(SyntaxState::Stateless) | None => FlowState::Any,
                };
                match flow.stream {
                    Some(StreamChoice::Only) => unit = Unit::Stream,
                    Some(StreamChoice::No) => unit = Unit::Packet,
                    None => {}
                }
                if flow.fragments == Some(FragmentChoice::Only) {
                    return Err(place(Refusal::Needs("defragmentation")));
                }
            }
            MatchKind::Threshold(threshold) => thresholds.push(self::threshold(threshold)),
            MatchKind::DetectionFilter(filter) => thresholds.insert(
                0,
                Threshold {
                    kind: Kind::DetectionFilter,
                    track: track(filter.track),
                    count: filter.count,
                    seconds: filter.seconds,
                    unique_on: filter.unique_on.map(unique),
                },
            ),
            MatchKind::Tag(tag) => tags.push(self::tag(tag)),
            kind if kind.buffer().is_some() => {}
            // Certificates are not written to files.
            MatchKind::App(app) if app.name == "tls.store" => {
                warnings.push(Problem::NotActedOn { keyword: "tls.store" });
            }
            kind => {
                let compiled = check::compile(kind, &options.outside, names).map_err(place)?;
                ints.extend(compiled.checks.iter().filter_map(|check| match check {
                    Check::FlowInt(id, test) => Some(IntStep::Test(*id, *test)),
                    _ => None,
                }));
                ints.extend(compiled.effects.iter().filter(|effect| is_int(effect)).cloned().map(IntStep::Change));
                checks.extend(compiled.checks);
                effects.extend(compiled.effects);
            }
        }
    }
    let tests = ints.iter().filter(|step| matches!(step, IntStep::Test(..))).count();
    if tests > 0 && tests < ints.len() {
        checks.retain(|check| !matches!(check, Check::FlowInt(..)));
        effects.retain(|effect| !is_int(effect));
    } else {
        ints.clear();
    }
    let (app, of_flow) = applications(syntax, &checks, &programs);
    if !app.is_empty() && direction.is_none() && syntax.direction != SyntaxDirection::Transaction {
        direction = side_of_buffers(syntax);
    }
    if replaces && !app.is_empty() {
        // A message is not judged where it stands in a packet.
        return Err(header(Refusal::Needs("replace in a rule about messages")));
    }
    checks.extend(of_flow.map(Check::FlowProtocol));
    let named = app.and(of_flow.map_or(app, |wanted| wanted.any));
    let is_on = |protocol| {
        options.applications.is_read(protocol) || app.is_empty() && options.applications.is_enabled(protocol)
    };
    if !named.each().any(is_on)
        && let Some(protocol) = named.each().next()
    {
        warnings.push(Problem::ParserOff { protocol: protocol.name() });
    }
    checks.sort_by_key(sluice_detect::check::Check::cost);
    let priority = syntax
        .priority
        .or_else(|| syntax.classtype.as_deref().and_then(options.class_priority))
        .unwrap_or(DEFAULT_PRIORITY);
    let silent = match syntax.report {
        Report::Never => true,
        Report::Always => false,
        Report::ByAction => action == Action::Pass,
    };
    let endpoints = endpoints(syntax, resolver, builder).map_err(|problem| header(Refusal::Wrong(problem)))?;
    let ports_any = [endpoints.0, endpoints.1] == [true, true];
    if replaces {
        // What is written over is the packet at hand.
        unit = Unit::Packet;
    }
    let addresses_only = checks.iter().all(Check::is_of_addresses)
        && ints.is_empty()
        && programs.is_empty()
        && !speaks_of_flow
        && ports_any
        && has_addresses(protocol);
    let is_of_marks = |check: &Check| match check {
        Check::FlowBitSet(_) => true,
        Check::FlowInt(_, test) => !matches!(test, IntTest::IsNotSet),
        _ => false,
    };
    let needs_marks = checks.iter().any(is_of_marks);
    let of_flow = programs.is_empty()
        && ints.is_empty()
        && !speaks_of_direction
        && has_addresses(protocol)
        // What is not known yet may be known with the next packet.
        && checks.iter().all(|check| matches!(check, Check::FlowProtocol(wanted) if !wanted.unknown));
    let of_protocol = of_flow && !checks.is_empty() && !speaks_of_flow && syntax.protocol.app().is_none();
    let needs_transport =
        has_decoded_transport(protocol) && !checks.iter().any(|check| matches!(check, Check::DecodeEvent(_)));
    let mut suppressions = Vec::new();
    let mut silenced = false;
    let (gid, sid) = (Some(syntax.gid), Some(syntax.sid));
    let matching = [(gid, sid), (None, sid), (gid, None), (None, None)];
    let of_key = |key| limits.get(key).into_iter().flatten().map(move |limit| (key, limit));
    for (key, limit) in matching.iter().flat_map(of_key) {
        let is_rate = |threshold: &Threshold| matches!(threshold.kind, Kind::Rate { .. });
        match limit {
            // What is said of all signatures holds for those of which nothing is said.
            LimitKind::Threshold(threshold)
                if !is_rate(threshold) && key.1.is_none() && !thresholds.iter().all(is_rate) => {}
            // A threshold of the file takes the place of the rule's own.
            LimitKind::Threshold(threshold) if !is_rate(threshold) => {
                thresholds.retain(|own| own.kind == Kind::DetectionFilter);
                thresholds.push(*threshold);
            }
            LimitKind::Threshold(rate) => thresholds.push(*rate),
            LimitKind::Suppress(Some(suppression)) => suppressions.push(Suppression::clone(suppression)),
            LimitKind::Suppress(None) => silenced = true,
        }
    }
    let rule = Rule {
        gid: syntax.gid,
        sid: syntax.sid,
        action,
        priority,
        protocol,
        endpoints: endpoints.2,
        direction,
        flow_state,
        unit,
        checks: checks.into_boxed_slice(),
        programs: programs.into_boxed_slice(),
        ints: ints.into_boxed_slice(),
        effects: effects.into_boxed_slice(),
        tags: tags.into_boxed_slice(),
        thresholds: thresholds.into_boxed_slice(),
        suppressions: suppressions.into_boxed_slice(),
        silent: silent || silenced,
        addresses_only,
        needs_marks,
        of_flow,
        of_protocol,
        since: 0,
        needs_transport,
        app,
    };
    let order = order::key(syntax, action, priority, &options.action_order);
    Ok(CompiledRule { rule, fast_pattern, order, warnings })
}

/// The direction of the first buffer that only one end fills.
fn side_of_buffers(syntax: &Syntax) -> Option<Direction> {
    let used = syntax.matches.iter().filter_map(|found| syntax.buffers.get(found.kind.buffer()?));
    used.filter_map(program::side_of).next()
}

/// The protocols about whose messages the rule asks something, and, when it asks nothing of messages, the one its header names.
fn applications(syntax: &Syntax, checks: &[Check], programs: &[Program]) -> (Protocols, Option<FlowProtocol>) {
    let of_checks = checks.iter().filter_map(|check| match check {
        Check::App(check) => Some(app::protocols_of(check)),
        _ => None,
    });
    let of_programs = programs.iter().filter_map(|program| match program.buffer {
        Buffer::App(field) => Some(app::protocols_of_field(field)),
        _ => None,
    });
    let asked = of_checks.chain(of_programs).reduce(Protocols::common).unwrap_or_default();
    let header = syntax.protocol.app().and_then(app::parsers_of);
    match header {
        Some(header) if asked.is_empty() => (asked, Some(FlowProtocol::of(header))),
        // Its transactions are those of HTTP/2, and the flow tells what they carry.
        Some(header) if header == Protocols::of(AppProtocol::Doh2) => {
            (asked.common(Protocols::of(AppProtocol::Http2)), Some(FlowProtocol::of(header)))
        }
        // A file may come by other protocols than HTTP; what the header names decides.
        Some(header) => (asked.common(header), None),
        None => (asked, None),
    }
}

/// Packets a tag without a limit of its own lasts for.
const TAGGED_PACKETS: u32 = 256;

fn tag(tag: &SyntaxTag) -> Effect {
    let limit = match tag.limit {
        None => TagLimit::Packets(TAGGED_PACKETS),
        Some(SyntaxTagLimit::Packets(packets)) => TagLimit::Packets(packets),
        Some(SyntaxTagLimit::Bytes(bytes)) => TagLimit::Bytes(bytes),
        Some(SyntaxTagLimit::Seconds(seconds)) => TagLimit::Seconds(seconds),
    };
    match tag.scope {
        TagScope::Session => Effect::TagFlow(limit),
        TagScope::Host(Side::ToServer) => Effect::TagHost(Owner::Source, limit),
        TagScope::Host(Side::ToClient) => Effect::TagHost(Owner::Destination, limit),
    }
}

fn is_int(effect: &Effect) -> bool {
    matches!(effect, Effect::SetFlowInt(..) | Effect::AddFlowInt(..) | Effect::SubtractFlowInt(..))
}

/// Priority of a rule that names neither priority nor a known class.
const DEFAULT_PRIORITY: u8 = 3;

fn has_addresses(protocol: Protocol) -> bool {
    !matches!(protocol, Protocol::PacketHeader | Protocol::Arp | Protocol::Ethernet)
}

/// Whether the decoder reads the header of `protocol`.
fn has_decoded_transport(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::AnyIcmp | Protocol::Upper(6 | 17 | 132) | Protocol::UpperOver(_, 1 | 58))
}

fn protocol(protocol: SyntaxProtocol) -> Result<(Protocol, Unit), Refusal> {
    let compiled = match protocol {
        SyntaxProtocol::Ip => Protocol::Ip,
        SyntaxProtocol::Ipv4 => Protocol::Ipv4,
        SyntaxProtocol::Ipv6 => Protocol::Ipv6,
        SyntaxProtocol::Tcp(_) => Protocol::Upper(6),
        SyntaxProtocol::Udp => Protocol::Upper(17),
        SyntaxProtocol::Icmp => Protocol::AnyIcmp,
        SyntaxProtocol::Icmpv4 => Protocol::UpperOver(4, 1),
        SyntaxProtocol::Icmpv6 => Protocol::UpperOver(6, 58),
        SyntaxProtocol::Sctp => Protocol::Upper(132),
        SyntaxProtocol::Igmp => Protocol::Upper(2),
        SyntaxProtocol::Gre => Protocol::Upper(47),
        SyntaxProtocol::Esp => Protocol::Upper(50),
        SyntaxProtocol::PacketHeader => Protocol::PacketHeader,
        SyntaxProtocol::Ether => Protocol::Ethernet,
        SyntaxProtocol::Arp => Protocol::Arp,
        // Over whatever its parser reads.
        SyntaxProtocol::App(named) if app::parsers_of(named).is_some() => Protocol::Ip,
        SyntaxProtocol::App(named) => return Err(Refusal::Needs(named.name())),
    };
    let unit = match protocol {
        SyntaxProtocol::Tcp(TcpScope::Packet) => Unit::Packet,
        SyntaxProtocol::Tcp(TcpScope::Stream) => Unit::Stream,
        _ => Unit::Either,
    };
    Ok((compiled, unit))
}

/// Whether source and destination ports are any, and the numbers of the header's sets.
fn endpoints(
    syntax: &Syntax,
    resolver: &mut Resolver,
    builder: &mut RulesetBuilder,
) -> Result<(bool, bool, Endpoints), Problem> {
    let mut end = |endpoint: &Endpoint| -> Result<(u32, u32, bool), Problem> {
        let addresses = resolver.addresses(&endpoint.address)?;
        let ports = resolver.ports(&endpoint.ports)?;
        let ports = PortSet::new(ports.ranges().to_vec());
        let any = ports.is_everything();
        Ok((
            builder.addresses(AddressSet::new(addresses.v4().to_vec(), addresses.v6().to_vec())),
            builder.ports(ports),
            any,
        ))
    };
    let (source, source_ports, source_any) = end(&syntax.source)?;
    let (destination, destination_ports, destination_any) = end(&syntax.destination)?;
    let both_ways = syntax.direction == SyntaxDirection::Both;
    let of_transaction = syntax.direction == SyntaxDirection::Transaction;
    let endpoints = Endpoints { source, source_ports, destination, destination_ports, both_ways, of_transaction };
    Ok((source_any, destination_any, endpoints))
}

/// A `threshold` of a rule or of `threshold.config`.
pub(super) fn threshold(threshold: &SyntaxThreshold) -> Threshold {
    let (kind, seconds) = match threshold.kind {
        ThresholdKind::Limit { seconds } => (Kind::Limit, seconds),
        ThresholdKind::Threshold { seconds } => (Kind::Threshold, seconds),
        ThresholdKind::Both { seconds } => (Kind::Both, seconds),
        ThresholdKind::Backoff { multiplier } => (Kind::Backoff { multiplier }, 0),
    };
    let unique_on = threshold.unique_on.map(unique);
    Threshold { kind, track: track(threshold.track), count: threshold.count, seconds, unique_on }
}

pub(super) fn track(track: SyntaxTrack) -> Track {
    match track {
        SyntaxTrack::Source => Track::BySource,
        SyntaxTrack::Destination => Track::ByDestination,
        SyntaxTrack::Pair => Track::ByPair,
        SyntaxTrack::Rule => Track::ByRule,
        SyntaxTrack::Flow => Track::ByFlow,
    }
}

fn unique(unique: SyntaxUnique) -> UniqueOn {
    match unique {
        SyntaxUnique::SourcePort => UniqueOn::SourcePort,
        SyntaxUnique::DestinationPort => UniqueOn::DestinationPort,
    }
}
