//! The quickest look at a rule: can it match this packet at all?
//!
//! Rules that no prefilter can leave out are met on many packets that they have nothing to do with. A gate holds, in one small record, what of a rule can be
//! asked of numbers that are known before: protocol, direction, state, TCP flags, size of the payload. It never turns away a rule that would match: what it
//! can't express it lets through. Built by [`crate::ruleset`], stored in [`crate::group`], asked in [`crate::inspect`].

use crate::{
    app::Protocols,
    buffer::Buffer,
    check::{Check, FlagMatch},
    door::Ports,
    program::{Absence, Content, Number, Place, Program, Step},
    rule::{FlowState, Protocol, Rule, Unit},
    scope::Scope,
};
use sluice_core::{AppState, Direction};
use sluice_packet::Headers;

const IP: u16 = 1;
const V4: u16 = 1 << 1;
const V6: u16 = 1 << 2;
const ARP: u16 = 1 << 3;
const ETHERNET: u16 = 1 << 4;
const ICMP: u16 = 1 << 5;
const TCP: u16 = 1 << 6;
const TO_SERVER: u16 = 1 << 7;
const TO_CLIENT: u16 = 1 << 8;
const ESTABLISHED: u16 = 1 << 9;
const NOT_ESTABLISHED: u16 = 1 << 10;
/// Any upper-layer protocol.
const ANY: u16 = u16::MAX;

/// The flags that packets of a connection under way have: an acknowledgement, with a push or without.
const USUAL_FLAGS: [u8; 2] = [0x10, 0x18];

/// Whether these are other TCP flags than the packets of a connection under way have.
#[inline]
pub(crate) const fn has_rare_flags(flags: u8) -> bool {
    let [first, second] = USUAL_FLAGS;
    flags != first && flags != second
}

/// What gates look at, once per packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    bits: u16,
    protocol: u16,
    /// TCP flags; of an ICMP message its type.
    flags: u8,
    payload_len: u32,
    /// Bytes that rules are judged on, by [`Gate::judged_on`].
    lengths: [u32; 4],
    /// The application protocol of its flow: a bit.
    app: u32,
    /// The first bytes of what is judged: of the packet, and where rules may find a start in its stream.
    heads: [u64; HEADS],
    /// Its ports, for [`crate::door`].
    pub(crate) ports: Ports,
}

/// What contents are judged on.
const ON_PACKETS: u8 = 1;
const ON_STREAMS: u8 = 2;

/// Places with a first byte.
const HEADS: usize = 4;

/// Bytes for a rule that is judged on nothing, on `packet` bytes of the packet, on `stream` bytes of the stream, on both.
#[inline]
const fn lengths(packet: u32, stream: u32) -> [u32; 4] {
    [0, packet, stream, if packet > stream { packet } else { stream }]
}

/// The first eight bytes of `bytes`, with zeros behind its end.
pub(crate) fn head_of(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(first) => u64::from_le_bytes(*first),
        None => bytes.iter().rev().fold(0, |head, &byte| head << 8 | u64::from(byte)),
    }
}

impl Facts {
    /// The facts of a packet with `payload`, in a flow of which `app` is known.
    #[inline]
    pub(crate) fn new(
        headers: &Headers,
        direction: Option<Direction>,
        established: bool,
        payload: &[u8],
        app: AppState,
    ) -> Self {
        let bit = |there: bool, bit: u16| if there { bit } else { 0 };
        let way = match direction {
            Some(Direction::ToServer) => TO_SERVER,
            Some(Direction::ToClient) => TO_CLIENT,
            None => 0,
        };
        let state = match (direction, established) {
            (None, _) => 0,
            (_, true) => ESTABLISHED,
            (_, false) => NOT_ESTABLISHED,
        };
        let version = match headers.ip_version {
            4 => bit(headers.is_ip(), IP) | V4,
            6 => bit(headers.is_ip(), IP) | V6,
            _ => bit(headers.is_ip(), IP) | bit(headers.ether_type == 0x0806, ARP),
        };
        let icmp = matches!((headers.ip_version, headers.protocol), (4, 1) | (6, 58));
        Self {
            bits: version
                | bit(headers.has_ethernet, ETHERNET)
                | bit(icmp, ICMP)
                | bit(headers.is_tcp(), TCP)
                | way
                | state,
            protocol: u16::from(headers.protocol),
            flags: if icmp { headers.icmp_type } else { headers.tcp.flags },
            payload_len: headers.payload_len,
            lengths: lengths(headers.payload_len, headers.payload_len),
            app: app.protocol().map_or(0, |protocol| Protocols::of(protocol).bits()),
            heads: [head_of(payload); HEADS],
            ports: Ports::of(headers),
        }
    }

    /// Whether there is anything to be found in it.
    #[inline]
    pub(crate) const fn has_bytes(&self) -> bool {
        let [_, _, _, longest] = self.lengths;
        longest > 0
    }

    /// The first bytes of each place where a rule may find a start, each once.
    #[inline]
    pub(crate) fn distinct_heads(&self, mut meet: impl FnMut(u64)) {
        let [of_packet, first, second, third] = self.heads;
        // Those of a stream lie in front, and what is left over repeats the packet's.
        meet(of_packet);
        if first != of_packet {
            meet(first);
        }
        if second != of_packet && second != first {
            meet(second);
        }
        if third != of_packet && third != first && third != second {
            meet(third);
        }
    }

    /// The packet has a stream: of that, `stream` bytes are judged; of the packet itself, `packet` bytes.
    #[inline]
    pub(crate) const fn with_stream(mut self, packet: u32, stream: u32) -> Self {
        self.lengths = lengths(packet, stream);
        self
    }

    /// The same, and where rules may find a start in its stream.
    #[inline]
    pub(crate) fn with_heads(mut self, heads: [Option<u64>; HEADS - 1]) -> Self {
        let ([of_packet, ..], [first, second, third]) = (self.heads, heads);
        let or_packet = |head: Option<u64>| head.unwrap_or(of_packet);
        self.heads = [of_packet, or_packet(first), or_packet(second), or_packet(third)];
        self
    }
}

/// Four bytes that must stand at the beginning of what is judged, as a little-endian number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Bytes 0 to 3.
    First(u32),
    /// Bytes 4 to 7.
    Second(u32),
}

/// A rule, and what lets it through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Gate {
    /// Number of the rule.
    pub(crate) rule: u32,
    least_payload: u32,
    most_payload: u32,
    bits: u16,
    protocol: u16,
    /// Which of the TCP flags count, and which of them there must be; for rules about ICMP the type.
    flag_mask: u8,
    flags: u8,
    /// Application protocols, one of which the flow must speak; 0: any or none.
    app: u32,
    /// Bytes that must stand at the beginning, and which of those count.
    head: u64,
    head_mask: u64,
    /// What its contents are judged on: packets, streams, or both.
    judged_on: u8,
}

impl Gate {
    /// The gate of rule `number`.
    pub(crate) fn new(number: u32, rule: &Rule, scope: Scope) -> Self {
        let (mut bits, protocol) = match rule.protocol {
            Protocol::Ip => (IP, ANY),
            Protocol::Ipv4 => (V4, ANY),
            Protocol::Ipv6 => (V6, ANY),
            Protocol::Upper(number) => (IP, u16::from(number)),
            Protocol::UpperOver(4, number) => (V4, u16::from(number)),
            Protocol::UpperOver(_, number) => (V6, u16::from(number)),
            Protocol::AnyIcmp => (ICMP, ANY),
            Protocol::PacketHeader => (0, ANY),
            Protocol::Arp => (ARP, ANY),
            Protocol::Ethernet => (ETHERNET, ANY),
        };
        bits |= match rule.direction {
            Some(Direction::ToServer) => TO_SERVER,
            Some(Direction::ToClient) => TO_CLIENT,
            None => 0,
        };
        bits |= match rule.flow_state {
            FlowState::Any => 0,
            FlowState::Established => ESTABLISHED,
            FlowState::NotEstablished => NOT_ESTABLISHED,
        };
        if rule.unit == Unit::Stream {
            bits |= TCP | ESTABLISHED;
        }
        let mut gate = Self {
            rule: number,
            least_payload: 0,
            most_payload: u32::MAX,
            bits,
            protocol,
            flag_mask: 0,
            flags: 0,
            app: 0,
            head: 0,
            head_mask: 0,
            judged_on: if scope.packet { ON_PACKETS } else { 0 } | if scope.stream { ON_STREAMS } else { 0 },
        };
        for check in &rule.checks {
            gate.check(check);
        }
        // What transforms leave of a payload may be longer than it.
        let plain = |program: &&Program| program.buffer == Buffer::Payload && program.derived.is_none();
        let payload = rule.programs.iter().filter(plain);
        // Where there are no bytes, there is nothing to be found.
        if payload.clone().any(|program| program.absence == Absence::Fails) {
            gate.least_payload = gate.least_payload.max(1);
        }
        for step in payload.flat_map(|program| program.steps()) {
            if let Step::Content(content) = step
                && !content.negated
            {
                let length = u32::try_from(content.pattern().len()).unwrap_or(u32::MAX);
                gate.least_payload = gate.least_payload.max(length);
                gate.take_head(content);
            }
        }
        gate
    }

    /// Whether it lets packets with this upper protocol through.
    #[inline]
    pub(crate) fn asks_for(&self, protocol: u8) -> bool {
        self.protocol == ANY || self.protocol == u16::from(protocol)
    }

    /// Whether the rule can match only where there are bytes.
    pub(crate) const fn needs_bytes(&self) -> bool {
        self.least_payload > 0
    }

    /// Whether the rule can match only where there are other TCP flags than those of a connection under way.
    pub(crate) fn needs_flags(&self) -> bool {
        USUAL_FLAGS.iter().all(|flags| flags & self.flag_mask != self.flags)
    }

    /// Whether its contents are judged on packets.
    #[inline]
    pub(crate) const fn is_of_packets(&self) -> bool {
        self.judged_on & ON_PACKETS != 0
    }

    /// Whether its contents are judged on streams.
    #[inline]
    pub(crate) const fn is_of_streams(&self) -> bool {
        self.judged_on & ON_STREAMS != 0
    }

    /// Whether the rule asks for some of the first bytes.
    pub(crate) const fn asks_for_start(&self) -> bool {
        self.head_mask != 0
    }

    /// The first byte there must be, if the rule asks for it.
    pub(crate) const fn first_byte(&self) -> Option<u8> {
        if self.head_mask & 0xff == 0xff { Some(self.head as u8) } else { None }
    }

    /// The four bytes that the rule can be found by, if it asks for such.
    pub(crate) const fn start(&self) -> Option<Start> {
        const HALF: u64 = u32::MAX as u64;
        match (self.head_mask & HALF, self.head_mask >> 32) {
            (HALF, _) => Some(Start::First(self.head as u32)),
            (_, HALF) => Some(Start::Second((self.head >> 32) as u32)),
            _ => None,
        }
    }

    /// Where among the first bytes `content` stands, if it can stand in one place alone: bytes of the head from there on.
    fn room_of(content: &Content) -> Option<usize> {
        let pattern = content.pattern();
        let Place::Absolute { offset: Number::Constant(offset), depth: Some(Number::Constant(depth)) } = content.place
        else {
            return None;
        };
        let cased = content.nocase && pattern.iter().any(u8::is_ascii_alphabetic);
        if cased || content.negated || usize::try_from(depth) != Ok(pattern.len()) {
            return None;
        }
        usize::try_from(offset).ok().and_then(|offset| 8_usize.checked_sub(offset))
    }

    /// Whether a gate asks for `content` at the beginning.
    pub(crate) fn stands_at_start(content: &Content) -> bool {
        Self::room_of(content).is_some()
    }

    /// Takes in a content that stands in one place among the first bytes.
    fn take_head(&mut self, content: &Content) {
        let Some(room) = Self::room_of(content).filter(|_| self.head_mask == 0) else { return };
        let pattern = content.pattern();
        let first = pattern.get(..pattern.len().min(room)).unwrap_or_default();
        for (place, byte) in (8 - room..).zip(first) {
            self.head |= u64::from(*byte) << (place * 8);
            self.head_mask |= 0xff << (place * 8);
        }
    }

    /// Takes in one check, if it is one that a gate can ask.
    fn check(&mut self, check: &Check) {
        match check {
            Check::PayloadSize(range) if !range.negated && range.mask.is_none() => {
                self.bits |= IP;
                self.least_payload = self.least_payload.max(range.low);
                self.most_payload = self.most_payload.min(range.high);
            }
            Check::IpProtocol(_) if check.ip_protocol().is_some() => {
                self.bits |= IP;
                if self.protocol == ANY {
                    self.protocol = check.ip_protocol().map_or(ANY, u16::from);
                }
            }
            Check::FlowProtocol(wanted) if !(wanted.negated || wanted.original || wanted.failed || wanted.unknown) => {
                self.app = wanted.any.bits();
            }
            Check::TcpFlags { value, ignored, how: FlagMatch::Exactly } => {
                self.bits |= TCP;
                self.flag_mask = !ignored;
                self.flags = *value;
            }
            Check::TcpFlags { value, how: FlagMatch::All, ignored } if value & ignored == 0 => {
                self.bits |= TCP;
                self.flag_mask = *value;
                self.flags = *value;
            }
            Check::IcmpType(range) if range.low == range.high && !range.negated && range.mask.is_none() => {
                self.bits |= ICMP;
                self.flag_mask = u8::MAX;
                self.flags = range.low;
            }
            _ => {}
        }
    }

    /// Whether what it asks for stands at the beginning somewhere: all places at once.
    #[inline(always)]
    const fn stands_first(&self, facts: &Facts) -> bool {
        let [of_packet, first, second, third] = facts.heads;
        (of_packet & self.head_mask == self.head)
            | (first & self.head_mask == self.head)
            | (second & self.head_mask == self.head)
            | (third & self.head_mask == self.head)
    }

    /// Whether the rule may match a packet with these facts.
    ///
    /// # Cost
    /// About ten instructions; for what must stand at the beginning one compare more for each place where that may be.
    #[inline(always)]
    pub(crate) fn admits(&self, facts: &Facts) -> bool {
        let length = || facts.lengths.get(usize::from(self.judged_on & 3)).map_or(0, |&length| length);
        // What turns away most comes first.
        (self.head_mask == 0 || self.stands_first(facts))
            && length() >= self.least_payload
            && self.bits & facts.bits == self.bits
            && (self.protocol == ANY || self.protocol == facts.protocol)
            && facts.payload_len <= self.most_payload
            && facts.flags & self.flag_mask == self.flags
            && (self.app == 0 || self.app & facts.app != 0)
    }
}
