//! Idle times after which a flow is forgotten.
//!
//! Defaults are those of the reference engine's stock configuration, which its users' flow records rest on.

use sluice_core::event::FlowState;

/// Idle times of one protocol, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleTimes {
    /// Before both directions were seen or the handshake finished.
    pub new_s: u32,
    /// Established.
    pub established_s: u32,
    /// Ended by its own protocol.
    pub closed_s: u32,
}

/// Idle times by protocol and state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP.
    pub tcp: IdleTimes,
    /// UDP.
    pub udp: IdleTimes,
    /// ICMP and ICMPv6.
    pub icmp: IdleTimes,
    /// Everything else.
    pub other: IdleTimes,
}

impl Default for Timeouts {
    fn default() -> Self {
        let datagram = IdleTimes { new_s: 30, established_s: 300, closed_s: 0 };
        Self {
            tcp: IdleTimes { new_s: 60, established_s: 600, closed_s: 60 },
            udp: datagram,
            icmp: datagram,
            other: datagram,
        }
    }
}

impl Timeouts {
    /// The shortest of all, seconds: who was idle for less need not be asked for protocol and state.
    pub fn shortest_s(&self) -> u32 {
        // Only TCP ends by itself.
        let open = |times: &IdleTimes| times.new_s.min(times.established_s);
        let all = [&self.tcp, &self.udp, &self.icmp, &self.other].map(open);
        all.into_iter().fold(self.tcp.closed_s, u32::min)
    }

    /// Seconds a flow of `protocol` may be idle in `state`.
    pub fn idle_s(&self, protocol: u8, state: FlowState) -> u32 {
        let times = match protocol {
            6 => &self.tcp,
            17 => &self.udp,
            1 | 58 => &self.icmp,
            _ => &self.other,
        };
        match state {
            FlowState::New => times.new_s,
            FlowState::Established => times.established_s,
            FlowState::Closed => times.closed_s,
        }
    }
}
