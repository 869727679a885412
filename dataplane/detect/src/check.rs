//! Header keywords and reads of state: questions with a yes or no, judged before any program runs.
//!
//! Compiled by `sluice-rules`, judged by [`crate::inspect`], cheap ones first.

use crate::{
    app::{AppCheck, FlowProtocol},
    prefix::{Countries, Country, Reputations},
    range::Range,
};
use sluice_app::TransactionView;
use sluice_core::{AppNews, AppOddity, Direction};
use sluice_flow::{FlowView, StreamEvent, StreamEvents, tcp};
use sluice_packet::{DecodeEvent, Headers, checksum};
use std::sync::Arc;

/// How `flags` compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagMatch {
    /// These and no others.
    Exactly,
    /// These, and perhaps others (`+`).
    All,
    /// At least one of these (`*`).
    Any,
    /// None of these (`!`).
    None,
}

/// What `flowint` compares with or counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntOperand {
    /// A number of the rule.
    Number(u32),
    /// Another flow integer; where that was never set nothing holds and nothing changes.
    Of(u16),
}

impl IntOperand {
    /// The number, in `flow`.
    pub fn value(self, flow: &FlowView) -> Option<u32> {
        match self {
            Self::Number(number) => Some(number),
            Self::Of(id) => flow.int(id),
        }
    }
}

/// Comparison of `flowint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntTest {
    /// `==`
    Equal(IntOperand),
    /// `!=`
    NotEqual(IntOperand),
    /// `<`
    Less(IntOperand),
    /// `<=`
    LessOrEqual(IntOperand),
    /// `>`
    Greater(IntOperand),
    /// `>=`
    GreaterOrEqual(IntOperand),
    /// `isset`
    IsSet,
    /// `notset`
    IsNotSet,
}

/// Whose bit `hostbits` and `xbits` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The packet's source address.
    Source,
    /// The packet's destination address.
    Destination,
    /// Both addresses together, whichever way round.
    Pair,
}

/// A bit that hangs on a host or a pair of hosts. The two keywords have names, and so numbers, of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SharedBit {
    /// Of `hostbits`.
    Host(u16),
    /// Of `xbits`.
    X(u16),
}

/// Which checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumOf {
    /// Of the IPv4 header.
    Ipv4,
    /// Of the transport header with this IP version and protocol number.
    Transport(u8, u8),
    /// Of an SCTP packet.
    Sctp,
}

/// Which way round sizes are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What goes to the server.
    ToServer,
    /// What goes to the client.
    ToClient,
    /// The sum of both must match.
    Sum,
    /// Both must match.
    Both,
    /// One must match.
    Either,
}

/// Which address of a packet is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// The source.
    Source,
    /// The destination.
    Destination,
    /// One of the two.
    Either,
    /// Both.
    Both,
}

impl Ends {
    fn hold(self, headers: &Headers, mut wanted: impl FnMut(&[u8; 16]) -> bool) -> bool {
        headers.is_ip()
            && match self {
                Self::Source => wanted(&headers.src),
                Self::Destination => wanted(&headers.dst),
                Self::Either => wanted(&headers.src) || wanted(&headers.dst),
                Self::Both => wanted(&headers.src) && wanted(&headers.dst),
            }
    }
}

/// What `iprep` asks of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreTest {
    /// There is one.
    IsSet,
    /// There is none.
    IsNotSet,
    /// There is one in this range.
    In(Range<u8>),
}

/// A question about one packet and its flow.
#[derive(Clone, Debug)]
pub enum Check {
    /// Something of the message of an application protocol.
    App(AppCheck),
    /// The application protocol of the flow.
    FlowProtocol(FlowProtocol),
    /// `flags`
    TcpFlags {
        /// The flags asked for.
        value: u8,
        /// Flags that don't count (the mask after the comma).
        ignored: u8,
        /// How they are compared.
        how: FlagMatch,
    },
    /// `dsize`
    PayloadSize(Range<u32>),
    /// `ttl`
    Ttl(Range<u8>),
    /// `tos`
    Tos(Range<u8>),
    /// `id`
    IpId(Range<u16>),
    /// `ip_proto`: all must hold.
    IpProtocol(Range<u8>),
    /// `ipopts`: the option kind; none asks for any option at all.
    IpOption(Option<u8>),
    /// `fragbits`: bits 4 reserved, 2 don't, 1 more.
    FragmentBits {
        /// The bits asked for.
        value: u8,
        /// How they are compared.
        how: FlagMatch,
    },
    /// `fragoffset`, in units of eight bytes.
    FragmentOffset(Range<u16>),
    /// `sameip`
    SameAddress,
    /// `seq`
    TcpSeq(Range<u32>),
    /// `ack`
    TcpAck(Range<u32>),
    /// `window`
    TcpWindow(Range<u16>),
    /// `tcp.mss`
    TcpMss(Range<u16>),
    /// `tcp.wscale`
    TcpWindowScale(Range<u8>),
    /// `itype`
    IcmpType(Range<u8>),
    /// `icode`
    IcmpCode(Range<u8>),
    /// `icmp_id`
    IcmpId(Range<u16>),
    /// `icmp_seq`
    IcmpSeq(Range<u16>),
    /// `icmpv6.mtu`
    Icmpv6Mtu(Range<u32>),
    /// `igmp.type`
    IgmpType(Range<u8>),
    /// `sctp.vtag`
    SctpTag(Range<u32>),
    /// `sctp.chunk_cnt`
    SctpChunks(Range<u16>),
    /// `sctp.chunk_type`: of any chunk.
    SctpChunkType(Range<u8>),
    /// `decode-event`
    DecodeEvent(DecodeEvent),
    /// `stream-event`
    StreamEvent(StreamEvent),
    /// `app-layer-event`, about the protocols of the flow's two ends.
    AppOddity(AppOddity),
    /// `ipv4-csum` and its like.
    Checksum {
        /// Which one.
        of: ChecksumOf,
        /// Whether a good one is asked for.
        valid: bool,
    },
    /// `vlan.layers`
    VlanLayers(Range<u8>),
    /// `vlan.id`, in the given layer (from 0 outside, or from -1 inside) or in any.
    VlanId(Range<u16>, Option<i8>),
    /// `stream_size`
    StreamSize(Side, Range<u32>),
    /// `flow.pkts`
    FlowPackets(Side, Range<u64>),
    /// `flow.bytes`
    FlowBytes(Side, Range<u64>),
    /// `flow.age`, seconds.
    FlowAge(Range<u64>),
    /// `flowbits:isset`: one of them.
    FlowBitSet(Box<[u16]>),
    /// `flowbits:isnotset`: one of them is not set.
    FlowBitNotSet(Box<[u16]>),
    /// `iprep`
    Reputation {
        /// The reputations.
        table: Arc<Reputations>,
        /// Of which address.
        ends: Ends,
        /// In which category.
        category: u8,
        /// What is asked.
        wanted: ScoreTest,
    },
    /// `geoip`: the country of an address is one of these. An address whose country is unknown matches neither way.
    Country {
        /// The countries of addresses.
        table: Arc<Countries>,
        /// Which address.
        ends: Ends,
        /// The countries.
        codes: Box<[Country]>,
        /// Whether it must be none of these.
        negated: bool,
    },
    /// `flowint`
    FlowInt(u16, IntTest),
    /// `hostbits:isset`, `xbits:isset` and their opposites.
    SharedBit {
        /// The bits.
        any: Box<[SharedBit]>,
        /// Whose.
        owner: Owner,
        /// Whether one of them must be set, or one of them not be set.
        set: bool,
    },
}

/// What the answers rest on.
pub struct Context<'a> {
    /// The frame.
    pub frame: &'a [u8],
    /// Headers of the layer.
    pub headers: &'a Headers,
    /// The flow, if the packet has one.
    pub flow: Option<&'a FlowView<'a>>,
    /// Time of the packet.
    pub now: sluice_core::Nanos,
    /// What is odd about the packet given its connection.
    pub stream_events: StreamEvents,
    /// What became known of the flow's application protocol.
    pub app_news: AppNews,
    /// The message of an application protocol that is judged.
    pub app: Option<&'a TransactionView<'a>>,
}

impl Check {
    /// Whether the rule asks for the files it matches to be stored.
    pub const fn stores_files(&self) -> bool {
        matches!(self, Self::App(AppCheck::File(sluice_app::file::FileTest::Any)))
    }

    /// The answer; `shared_bit` answers for bits that hang on hosts.
    pub fn holds(&self, context: &Context, mut shared_bit: impl FnMut(SharedBit, Owner) -> bool) -> bool {
        let headers = context.headers;
        let flow = context.flow;
        match self {
            Self::App(check) => context.app.is_some_and(|view| check.holds(view)),
            Self::FlowProtocol(wanted) => flow.is_some_and(|flow| wanted.holds(flow.app, flow.app_first)),
            Self::TcpFlags { value, ignored, how } => {
                headers.is_tcp() && flags_match(headers.tcp.flags & !ignored, *value, *how)
            }
            Self::PayloadSize(range) => headers.is_ip() && range.matches(headers.payload_len),
            Self::Ttl(range) => headers.is_ip() && range.matches(headers.ttl),
            Self::Tos(range) => headers.is_ip() && range.matches(headers.tos),
            Self::IpId(id) => {
                headers.ip_version == 4 && u16::try_from(headers.fragment.id).is_ok_and(|found| id.matches(found))
            }
            Self::IpProtocol(range) => headers.is_ip() && range.matches(headers.protocol),
            Self::IpOption(kind) => {
                headers.ip_version == 4
                    && sluice_packet::ip_options(context.frame, headers)
                        .any(|(found, _)| kind.is_none_or(|kind| kind == found))
            }
            Self::FragmentBits { value, how } => {
                let fragment = &headers.fragment;
                let bits =
                    (u8::from(fragment.reserved) << 2) | (u8::from(fragment.dont) << 1) | u8::from(fragment.more);
                headers.ip_version == 4 && flags_match(bits, *value, *how)
            }
            Self::FragmentOffset(range) => headers.is_ip() && range.matches(headers.fragment.offset_bytes / 8),
            Self::SameAddress => headers.is_ip() && headers.src == headers.dst,
            Self::TcpSeq(seq) => headers.is_tcp() && seq.matches(headers.tcp.seq),
            Self::TcpAck(ack) => headers.is_tcp() && ack.matches(headers.tcp.ack),
            Self::TcpWindow(range) => headers.is_tcp() && range.matches(headers.tcp.window),
            Self::TcpMss(range) => headers.is_tcp() && headers.tcp.options.mss.is_some_and(|mss| range.matches(mss)),
            Self::TcpWindowScale(range) => {
                headers.is_tcp() && headers.tcp.options.window_scale.is_some_and(|scale| range.matches(scale))
            }
            Self::IcmpType(range) => is_icmp(headers) && range.matches(headers.icmp_type),
            Self::IcmpCode(range) => is_icmp(headers) && range.matches(headers.icmp_code),
            Self::IcmpId(id) => is_icmp(headers) && headers.has_icmp_id && id.matches(headers.icmp_id),
            Self::IcmpSeq(seq) => is_icmp(headers) && headers.has_icmp_id && seq.matches(headers.icmp_seq),
            Self::Icmpv6Mtu(range) => headers.icmpv6_mtu.is_some_and(|mtu| range.matches(mtu)),
            Self::IgmpType(range) => headers.is_ip() && headers.protocol == 2 && range.matches(headers.icmp_type),
            Self::SctpTag(range) => headers.is_sctp() && range.matches(headers.sctp.verification_tag),
            Self::SctpChunks(range) => headers.is_sctp() && range.matches(headers.sctp.chunk_count),
            Self::SctpChunkType(range) => {
                headers.is_sctp()
                    && sluice_packet::sctp_chunks(context.frame, headers).any(|chunk| range.matches(chunk.kind))
            }
            Self::DecodeEvent(event) => headers.events.contains(*event),
            Self::AppOddity(oddity) => context.app_news.contains(AppNews::odd(*oddity)),
            Self::StreamEvent(event) => context.stream_events.contains(*event),
            Self::Checksum { of, valid } => checksum_is(*of, *valid, context),
            Self::VlanLayers(range) => range.matches(headers.vlan_count),
            Self::VlanId(range, layer) => match layer {
                Some(layer) => {
                    let vlans = headers.vlans();
                    let place = match usize::try_from(*layer) {
                        Ok(place) => Some(place),
                        Err(_) => vlans.len().checked_sub(usize::from(layer.unsigned_abs())),
                    };
                    place.and_then(|place| vlans.get(place)).is_some_and(|&id| range.matches(id))
                }
                None => headers.vlans().iter().any(|&id| range.matches(id)),
            },
            Self::StreamSize(side, range) => {
                headers.is_tcp()
                    && flow.is_some_and(|flow| {
                        let [server, client] =
                            [Direction::ToServer, Direction::ToClient].map(|way| flow.tcp.bytes(way));
                        side.holds(range.matches(server), range.matches(client))
                    })
            }
            Self::FlowPackets(side, range) => flow.is_some_and(|flow| {
                let [server, client] = flow.packets;
                side.holds_sum(range, server, client)
            }),
            Self::FlowBytes(side, range) => flow.is_some_and(|flow| {
                let [server, client] = flow.bytes;
                side.holds_sum(range, server, client)
            }),
            Self::FlowAge(range) => {
                flow.is_some_and(|flow| range.matches(context.now.seconds().saturating_sub(flow.start.seconds())))
            }
            Self::Reputation { table, ends, category, wanted } => ends.hold(headers, |address| {
                let score = table.score(headers.ip_version, address, *category);
                match wanted {
                    ScoreTest::IsSet => score.is_some(),
                    ScoreTest::IsNotSet => score.is_none(),
                    ScoreTest::In(range) => score.is_some_and(|score| range.matches(score)),
                }
            }),
            Self::Country { table, ends, codes, negated } => ends.hold(headers, |address| {
                let country = table.of(headers.ip_version, address);
                country.is_some_and(|country| codes.contains(&country) != *negated)
            }),
            Self::FlowBitSet(any) => flow.is_some_and(|flow| any.iter().any(|&bit| flow.bit(bit))),
            Self::FlowBitNotSet(any) => flow.is_some_and(|flow| any.iter().any(|&bit| !flow.bit(bit))),
            Self::FlowInt(id, test) => flow.is_some_and(|flow| {
                let value = flow.int(*id);
                let holds = |operand: &IntOperand, compare: fn(u32, u32) -> bool| {
                    value.zip(operand.value(flow)).is_some_and(|(value, wanted)| compare(value, wanted))
                };
                match test {
                    IntTest::IsSet => value.is_some(),
                    IntTest::IsNotSet => value.is_none(),
                    IntTest::Equal(operand) => holds(operand, |value, wanted| value == wanted),
                    IntTest::NotEqual(operand) => holds(operand, |value, wanted| value != wanted),
                    IntTest::Less(operand) => holds(operand, |value, wanted| value < wanted),
                    IntTest::LessOrEqual(operand) => holds(operand, |value, wanted| value <= wanted),
                    IntTest::Greater(operand) => holds(operand, |value, wanted| value > wanted),
                    IntTest::GreaterOrEqual(operand) => holds(operand, |value, wanted| value >= wanted),
                }
            }),
            Self::SharedBit { any, owner, set } => {
                headers.is_ip() && any.iter().any(|bit| shared_bit(*bit, *owner) == *set)
            }
        }
    }

    /// Whether the answer rests on the addresses alone, and so is the same for each packet of a flow and direction.
    pub fn is_of_addresses(&self) -> bool {
        matches!(self, Self::Reputation { .. } | Self::Country { .. })
    }

    /// Whether it can hold only for a packet that has an event of the decoder, of its connection, or of the recognition of protocols.
    pub fn is_of_events(&self) -> bool {
        matches!(self, Self::DecodeEvent(_) | Self::StreamEvent(_) | Self::AppOddity(_))
    }

    /// The one upper protocol that it asks for, if it asks for one.
    pub fn ip_protocol(&self) -> Option<u8> {
        match self {
            Self::IpProtocol(range) if !range.negated && range.mask.is_none() && range.low == range.high => {
                Some(range.low)
            }
            _ => None,
        }
    }

    /// Rough cost, for ordering: numbers in the headers first, then what walks bytes.
    pub fn cost(&self) -> u8 {
        match self {
            Self::TcpFlags { .. }
            | Self::PayloadSize(_)
            | Self::DecodeEvent(_)
            | Self::StreamEvent(_)
            | Self::AppOddity(_)
            | Self::IcmpType(_) => 0,
            Self::FlowBitSet(_) | Self::FlowBitNotSet(_) | Self::FlowInt(..) => 2,
            Self::SharedBit { .. } | Self::Reputation { .. } | Self::Country { .. } => 3,
            Self::App(_) | Self::IpOption(_) | Self::SctpChunkType(_) | Self::Checksum { .. } => 4,
            _ => 1,
        }
    }
}

impl Side {
    fn holds(self, server: bool, client: bool) -> bool {
        match self {
            Self::ToServer => server,
            Self::ToClient => client,
            Self::Both | Self::Sum => server && client,
            Self::Either => server || client,
        }
    }

    fn holds_sum(self, range: &Range<u64>, server: u64, client: u64) -> bool {
        match self {
            Self::Sum => range.matches(server + client),
            other => other.holds(range.matches(server), range.matches(client)),
        }
    }
}

fn is_icmp(headers: &Headers) -> bool {
    headers.is_icmpv4() || headers.is_icmpv6()
}

fn flags_match(flags: u8, value: u8, how: FlagMatch) -> bool {
    match how {
        FlagMatch::Exactly => flags == value,
        FlagMatch::All => flags & value == value,
        FlagMatch::Any => flags & value != 0,
        FlagMatch::None => flags & value == 0,
    }
}

fn checksum_is(of: ChecksumOf, valid: bool, context: &Context) -> bool {
    let headers = context.headers;
    let found = match of {
        ChecksumOf::Ipv4 if headers.ip_version == 4 => checksum::ipv4_header(context.frame, headers),
        ChecksumOf::Transport(version, protocol) if headers.ip_version == version && headers.protocol == protocol => {
            checksum::transport(context.frame, headers)
        }
        ChecksumOf::Sctp if headers.is_sctp() => checksum::sctp(context.frame, headers),
        _ => return false,
    };
    match found {
        checksum::Checksum::Valid => valid,
        checksum::Checksum::Invalid => !valid,
        // No checksum at all counts as a good one; what can't be judged matches neither.
        checksum::Checksum::NotPresent => valid,
        checksum::Checksum::NotApplicable => false,
    }
}

/// The flag bits by the letters of the `flags` keyword.
pub const FLAG_LETTERS: [(u8, u8); 8] = [
    (b'F', tcp::FIN),
    (b'S', tcp::SYN),
    (b'R', tcp::RST),
    (b'P', tcp::PSH),
    (b'A', tcp::ACK),
    (b'U', tcp::URG),
    (b'E', 0x40),
    (b'C', 0x80),
];
