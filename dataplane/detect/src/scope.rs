//! What the contents of a rule are judged on: packets, the stream, or both.
//!
//! Worked out once for each rule when a rule set is built, asked in [`crate::inspect`] for each candidate in a TCP connection whose bytes are put together.
//! Where there is no stream (no TCP, no connection yet, bytes that found no room) every rule is judged on the packet.
//!
//! Source: the reference engine's rule documentation, "Payload Keywords" and "Flow Keywords".

use crate::{
    buffer::Buffer,
    check::Check,
    rule::{Rule, Unit},
};

/// What the contents of a rule are judged on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// On the packet.
    pub packet: bool,
    /// On the stream.
    pub stream: bool,
    /// It matters where the bytes begin.
    pub anchored: bool,
}

/// Whether a check looks at the header of the packet at hand, so that the rule is about that packet.
const fn is_about_packet(check: &Check) -> bool {
    matches!(
        check,
        Check::TcpFlags { .. }
            | Check::PayloadSize(_)
            | Check::Ttl(_)
            | Check::Tos(_)
            | Check::IpId(_)
            | Check::IpOption(_)
            | Check::FragmentBits { .. }
            | Check::FragmentOffset(_)
            | Check::TcpSeq(_)
            | Check::TcpAck(_)
            | Check::TcpWindow(_)
            | Check::TcpMss(_)
            | Check::TcpWindowScale(_)
            | Check::DecodeEvent(_)
            | Check::StreamEvent(_)
            | Check::Checksum { .. }
    )
}

impl Scope {
    /// The scope of `rule`. `regex_is_anchored` tells whether it matters for an expression where the bytes begin.
    pub fn of(rule: &Rule, regex_is_anchored: impl Fn(u32) -> bool) -> Self {
        let on_packet = Self { packet: true, ..Self::default() };
        let mut payload = rule.programs.iter().filter(|program| program.buffer == Buffer::Payload).peekable();
        if payload.peek().is_none() || rule.unit == Unit::Packet {
            return on_packet;
        }
        let programs = || rule.programs.iter().filter(|program| program.buffer == Buffer::Payload);
        let anchored = programs().any(|program| program.is_anchored(&regex_is_anchored));
        if rule.unit == Unit::Stream {
            return Self { packet: false, stream: true, anchored };
        }
        // GAP(stream-transforms): what transforms make of a stream is not looked at, only of a packet.
        let of_packet = programs().any(|program| program.replaces() || program.derived.is_some());
        if of_packet || rule.checks.iter().any(is_about_packet) {
            return on_packet;
        }
        let sizes = rule.checks.iter().any(|check| matches!(check, Check::StreamSize(..)));
        Self { packet: anchored || sizes, stream: true, anchored }
    }
}
