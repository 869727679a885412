//! The quickest look at a rule: can it match this packet at all?
//!
//! Rules that no prefilter can leave out are met on many packets that they have nothing to do with. A gate holds, in one small record, what of a rule can be
//! asked of numbers that are known before: protocol, direction, state, TCP flags, size of the payload. It never turns away a rule that would match: what it
//! can't express it lets through. Built by [`crate::ruleset`], stored in [`crate::group`], asked in [`crate::inspect`].

use crate::{
    buffer::Buffer,
    check::{Check, FlagMatch},
    program::{Absence, Program, Step},
    rule::{FlowState, Protocol, Rule, Unit},
    scope::Scope,
};
use sluice_core::Direction;
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

/// What gates look at, once per packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    bits: u16,
    protocol: u16,
    tcp_flags: u8,
    payload_len: u32,
    /// Bytes that rules about packets, and those about streams, are judged on.
    packet_len: u32,
    stream_len: u32,
}

impl Facts {
    /// The facts of a packet.
    pub(crate) fn new(headers: &Headers, direction: Option<Direction>, established: bool) -> Self {
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
        let icmp =
            (headers.ip_version == 4 && headers.protocol == 1) || (headers.ip_version == 6 && headers.protocol == 58);
        Self {
            bits: bit(headers.is_ip(), IP)
                | bit(headers.ip_version == 4, V4)
                | bit(headers.ip_version == 6, V6)
                | bit(headers.ether_type == 0x0806, ARP)
                | bit(headers.has_ethernet, ETHERNET)
                | bit(icmp, ICMP)
                | bit(headers.is_tcp(), TCP)
                | way
                | state,
            protocol: u16::from(headers.protocol),
            tcp_flags: headers.tcp.flags,
            payload_len: headers.payload_len,
            packet_len: headers.payload_len,
            stream_len: headers.payload_len,
        }
    }

    /// The packet has a stream: of that, `stream` bytes are judged; of the packet itself, `packet` bytes.
    pub(crate) fn with_stream(self, packet: u32, stream: u32) -> Self {
        Self { packet_len: packet, stream_len: stream, ..self }
    }
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
    flag_mask: u8,
    flags: u8,
    /// Whether its contents are judged on packets, and on streams.
    of_packet: bool,
    of_stream: bool,
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
            of_packet: scope.packet,
            of_stream: scope.stream,
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
            }
        }
        gate
    }

    /// Takes in one check, if it is one that a gate can ask.
    fn check(&mut self, check: &Check) {
        match check {
            Check::PayloadSize(range) if !range.negated && range.mask.is_none() => {
                self.bits |= IP;
                self.least_payload = self.least_payload.max(range.low);
                self.most_payload = self.most_payload.min(range.high);
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
            _ => {}
        }
    }

    /// Whether the rule may match a packet with these facts.
    ///
    /// # Cost
    /// About ten instructions.
    #[inline(always)]
    pub(crate) fn admits(&self, facts: &Facts) -> bool {
        let of = |is: bool, length: u32| if is { length } else { 0 };
        let length = of(self.of_packet, facts.packet_len).max(of(self.of_stream, facts.stream_len));
        self.bits & facts.bits == self.bits
            && (self.protocol == ANY || self.protocol == facts.protocol)
            && length >= self.least_payload
            && facts.payload_len <= self.most_payload
            && facts.tcp_flags & self.flag_mask == self.flags
    }
}
