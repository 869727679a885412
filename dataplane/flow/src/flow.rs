//! One flow.

use crate::tcp::TcpTracker;
use sluice_core::{
    Action, Direction, ExceptionPolicy, FlowKey, Nanos,
    event::{FlowFacts, FlowState},
};

/// One flow: what is remembered between its packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// Its key.
    pub key: FlowKey,
    /// Stable id for events, below 2^53, never 0.
    pub id: u64,
    /// Time of the first packet.
    pub start: Nanos,
    /// Time of the last packet.
    pub last: Nanos,
    /// Packets to the server and to the client.
    pub packets: [u64; 2],
    /// Bytes of frames to the server and to the client.
    pub bytes: [u64; 2],
    /// TCP state.
    pub tcp: TcpTracker,
    /// State for events and idle times.
    pub state: FlowState,
    /// Whether the endpoints of the packet that opened the flow came in reverse order of the key.
    pub opened_swapped: bool,
    /// Protocol number.
    pub protocol: u8,
    /// 4 or 6.
    pub ip_version: u8,
    /// Address of the client.
    pub client: [u8; 16],
    /// Address of the server.
    pub server: [u8; 16],
    /// Port of the client.
    pub client_port: u16,
    /// Port of the server.
    pub server_port: u16,
    /// VLAN ids of the packet that opened the flow.
    pub vlan: [u16; 3],
    /// Used places of `vlan`.
    pub vlan_count: u8,
    /// ICMP type and code, per direction.
    pub icmp: [(u8, u8); 2],
    /// Whether a mark was ever left: what lies under its number in [`crate::Marks`] is its own.
    pub(crate) marked: bool,
    /// A signature alerted.
    pub alerted: bool,
    /// Pass: no more rules; Drop: no more packets.
    pub action: Option<Action>,
    /// The policy applied because its handshake was not seen.
    pub midstream: Option<ExceptionPolicy>,
    /// Nothing looks at it any more: `bypass`.
    pub bypassed: bool,
    /// The generation whose rules that look at addresses and protocol alone were judged last, per direction; 0 for none.
    pub addresses_judged: [u32; 2],
    /// Neighbours in the same place of the timer wheel, and the place.
    pub(crate) wheel_next: u32,
    pub(crate) wheel_previous: u32,
    pub(crate) wheel_place: u16,
    pub(crate) live: bool,
}

impl Flow {
    /// The direction of a packet whose endpoints came in the order `swapped`.
    #[inline]
    pub fn direction(&self, swapped: bool) -> Direction {
        if swapped == self.opened_swapped { Direction::ToServer } else { Direction::ToClient }
    }

    /// A copy of what events say of the flow.
    pub fn facts(&self) -> FlowFacts {
        FlowFacts {
            id: self.id,
            start: self.start,
            last: self.last,
            packets: self.packets,
            bytes: self.bytes,
            client: self.client,
            server: self.server,
            client_port: self.client_port,
            server_port: self.server_port,
            protocol: self.protocol,
            ip_version: self.ip_version,
            vlan: self.vlan,
            vlan_count: self.vlan_count,
            icmp: self.icmp,
            state: self.state,
            tcp_state: self.tcp.state(),
            tcp_flags: [self.tcp.flags(Direction::ToServer), self.tcp.flags(Direction::ToClient)],
            alerted: self.alerted,
            action: self.action,
            midstream: self.midstream,
            bypassed: self.bypassed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Flow;

    #[test]
    fn a_flow_takes_the_bytes_that_the_architecture_page_says() {
        assert_eq!(size_of::<Flow>(), 280);
    }
}
