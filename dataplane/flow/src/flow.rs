//! One flow.
//!
//! Made and kept by [`crate::FlowTable`], filled by `sluice-worker`, read by `sluice-detect`. What the key tells is not kept a second time. What
//! only few flows need lies beside it: marks, and the offers of a handshake. Lookup reads the first cache line, each packet the second.

use crate::tcp::TcpTracker;
use sluice_core::{
    Action, AppLink, AppNews, AppProtocol, AppState, Direction, FlowKey, Nanos,
    event::{FlowFacts, FlowState},
    key::Endpoint,
    resource::FlowExceptions,
};

/// One flow: what is remembered between its packets. Three cache lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Flow {
    /// Its key.
    pub key: FlowKey,
    /// Time of the last packet.
    pub last: Nanos,
    /// State for events and idle times.
    pub state: FlowState,
    /// Pass: no more rules; Drop: no more packets.
    pub action: Option<Action>,
    /// Nothing looks at it any more: `bypass`.
    pub bypassed: bool,
    /// Whether the endpoints of the packet that opened the flow came in reverse order of the key.
    pub opened_swapped: bool,
    pub(crate) live: bool,
    /// Whether a mark was ever left: what lies under its number in [`crate::Marks`] is its own.
    pub(crate) marked: bool,
    /// A signature alerted.
    pub alerted: bool,
    /// The exceptions it has met.
    pub exceptions: FlowExceptions,

    /// Packets to the server and to the client.
    pub packets: [u64; 2],
    /// Bytes of frames to the server and to the client.
    pub bytes: [u64; 2],
    /// Stable id for events, below 2^53, never 0.
    pub id: u64,
    /// Time of the first packet.
    pub start: Nanos,
    /// VLAN ids of the packet that opened the flow.
    pub vlan: [u16; 3],
    /// Used places of `vlan`.
    pub vlan_count: u8,
    /// What is known of its application protocol.
    pub app: AppState,
    /// The generation whose rules that look at addresses and protocol alone were judged last, per direction; 0 for none.
    pub addresses_judged: [u32; 2],

    /// TCP state.
    pub tcp: TcpTracker,
    /// ICMP type and code, per direction.
    pub icmp: [(u8, u8); 2],
    /// Place of its conversation in the worker's store of application protocols, counted from 1; 0 for none.
    pub app_place: u32,
    /// Neighbours in the same place of the timer wheel, and the place. In a free slot the first is the next free one.
    pub(crate) wheel_next: u32,
    pub(crate) wheel_previous: u32,
    pub(crate) wheel_place: u16,
    /// The application protocol it spoke before it spoke another.
    pub app_first: Option<AppProtocol>,
    /// What became known of its application protocol and was not judged yet.
    pub app_news: AppNews,
    /// Passive: a rule asked for it to be dropped, so inline nothing more of it would be seen.
    pub condemned: bool,
}

impl Flow {
    /// The direction of a packet whose endpoints came in the order `swapped`.
    #[inline]
    pub fn direction(&self, swapped: bool) -> Direction {
        if swapped == self.opened_swapped { Direction::ToServer } else { Direction::ToClient }
    }

    /// Counts one packet of `length` bytes.
    #[inline(always)]
    pub fn count(&mut self, direction: Direction, length: u64) {
        let ([packets_out, packets_in], [bytes_out, bytes_in]) = (&mut self.packets, &mut self.bytes);
        let (packets, bytes) = match direction {
            Direction::ToServer => (packets_out, bytes_out),
            Direction::ToClient => (packets_in, bytes_in),
        };
        *packets += 1;
        *bytes += length;
    }

    /// Whether it is open and inspected.
    #[inline(always)]
    pub(crate) fn is_usual(&self) -> bool {
        self.state == FlowState::Established && self.action.is_none() && !self.bypassed
    }

    /// Its part in the parsers of application protocols.
    #[inline]
    pub const fn app_link(&self) -> AppLink {
        AppLink { state: self.app, place: self.app_place, news: self.app_news }
    }

    /// The same, when it has a conversation there.
    #[inline]
    pub fn conversation(&self) -> Option<AppLink> {
        (self.app_place != 0).then(|| self.app_link())
    }

    /// Sets its part in the parsers of application protocols.
    #[inline]
    pub fn set_app_link(&mut self, link: AppLink) {
        let grew =
            matches!((self.app, link.state), (AppState::Known(AppProtocol::Http2), AppState::Known(AppProtocol::Doh2)));
        if self.app != link.state && self.app_first.is_none() && !grew {
            self.app_first = self.app.protocol();
        }
        self.app = link.state;
        self.app_place = link.place;
        self.app_news = link.news;
    }

    /// Forgets that marks were left: for a copy without them.
    pub const fn forget_marks(&mut self) {
        self.marked = false;
    }

    /// The slot that a flow had which has left the table; none of one that was half open.
    pub const fn left_slot(&self) -> Option<u32> {
        self.wheel_next.checked_sub(1)
    }

    /// IP protocol number.
    #[inline]
    pub fn protocol(&self) -> u8 {
        self.key.protocol()
    }

    /// Its client and its server.
    #[inline]
    fn ends(&self) -> [Endpoint; 2] {
        let [low, high] = self.key.endpoints();
        if self.opened_swapped { [high, low] } else { [low, high] }
    }

    /// The ports of its server and its client, where it has any.
    #[inline]
    pub fn ports(&self) -> [u16; 2] {
        let [client, server] = self.ends();
        // The key of an ICMP flow has message types in place of ports.
        if matches!(self.protocol(), 6 | 17 | 132) { [server.port, client.port] } else { [0, 0] }
    }

    /// A copy of what events say of the flow.
    pub fn facts(&self) -> FlowFacts {
        let [client, server] = self.ends();
        let (lane, [server_port, client_port]) = (self.key.lane(), self.ports());
        FlowFacts {
            id: self.id,
            start: self.start,
            last: self.last,
            packets: self.packets,
            bytes: self.bytes,
            client: client.address,
            server: server.address,
            client_port,
            server_port,
            protocol: lane.protocol,
            ip_version: lane.ip_version,
            vlan: self.vlan,
            vlan_count: self.vlan_count,
            icmp: self.icmp,
            state: self.state,
            tcp_state: self.tcp.state(),
            tcp_flags: [self.tcp.flags(Direction::ToServer), self.tcp.flags(Direction::ToClient)],
            alerted: self.alerted,
            action: self.action,
            exceptions: self.exceptions,
            bypassed: self.bypassed,
            app: self.app,
            app_first: self.app_first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Flow;
    use std::mem::offset_of;

    #[test]
    fn a_flow_takes_three_cache_lines_and_what_lookup_needs_is_in_the_first() {
        assert_eq!(size_of::<Flow>(), 192);
        assert_eq!((offset_of!(Flow, packets), offset_of!(Flow, tcp)), (64, 128));
    }
}
