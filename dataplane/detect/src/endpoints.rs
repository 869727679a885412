//! Whether a rule is about a packet, by its header: protocol, direction, state of the connection, addresses and ports.
//!
//! Asked by [`crate::inspect`] and [`crate::inspect_transaction`] for each candidate, before anything is judged. Never allocates.

use crate::{
    inspect::PacketView,
    rule::{FlowState, Protocol, Rule, Unit},
    ruleset::Ruleset,
};
use sluice_core::Direction;
use sluice_packet::Headers;

/// Protocol, direction and state of the connection: what needs no set to look at.
#[inline]
pub(crate) fn header_admits(rule: &Rule, packet: &PacketView) -> bool {
    let headers = packet.headers;
    let protocol = match rule.protocol {
        Protocol::Ip => headers.is_ip(),
        Protocol::Ipv4 => headers.ip_version == 4,
        Protocol::Ipv6 => headers.ip_version == 6,
        Protocol::Upper(number) => headers.is_ip() && headers.protocol == number,
        Protocol::UpperOver(version, number) => headers.ip_version == version && headers.protocol == number,
        Protocol::AnyIcmp => {
            (headers.ip_version == 4 && headers.protocol == 1) || (headers.ip_version == 6 && headers.protocol == 58)
        }
        Protocol::PacketHeader => true,
        Protocol::Arp => headers.ether_type == 0x0806,
        Protocol::Ethernet => headers.has_ethernet,
    };
    protocol
        && (!rule.needs_transport || headers.has_transport)
        && (rule.unit != Unit::Stream || (headers.is_tcp() && packet.established))
        && rule.direction.is_none_or(|wanted| packet.direction == Some(wanted))
        && match rule.flow_state {
            FlowState::Any => true,
            FlowState::Established => packet.direction.is_some() && packet.established,
            FlowState::NotEstablished => packet.direction.is_some() && !packet.established,
        }
}

/// What is known of the addresses between which packets travel: each set is asked once, not by each rule that names it.
///
/// Those of one rule set; packets come in runs between the same two addresses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownEnds {
    ip_version: u8,
    addresses: [[u8; 16]; 2],
    /// The packet at hand goes from the second to the first.
    is_back: bool,
    /// For each address: the sets that were asked, and those of them it is in. A bit each; what has a higher number is asked each time.
    asked: [u64; 2],
    inside: [u64; 2],
}

impl KnownEnds {
    /// A packet with these headers is judged next.
    #[inline]
    pub(crate) fn meet(&mut self, headers: &Headers) {
        self.go_between(headers.ip_version, [headers.src, headers.dst]);
    }

    #[inline]
    fn go_between(&mut self, ip_version: u8, addresses: [[u8; 16]; 2]) {
        let [source, destination] = addresses;
        let same = self.ip_version == ip_version;
        let there = same && self.addresses == addresses;
        self.is_back = same && !there && self.addresses == [destination, source];
        if !there && !self.is_back {
            *self = Self { ip_version, addresses, ..Self::default() };
        }
    }

    /// Whether one of the packet's addresses, its source or not, is in set `number`: `ask` tells where it is not known.
    #[inline]
    fn is_in(&mut self, number: u32, is_source: bool, ask: impl FnOnce(u8, &[u8; 16]) -> bool) -> bool {
        let end = usize::from(is_source == self.is_back);
        let (Some(address), Some(asked), Some(inside)) =
            (self.addresses.get(end), self.asked.get_mut(end), self.inside.get_mut(end))
        else {
            return false;
        };
        let bit = 1_u64.checked_shl(number).unwrap_or(0);
        if *asked & bit == 0 {
            let found = ask(self.ip_version, address);
            *asked |= bit;
            *inside |= if found { bit } else { 0 };
            return found;
        }
        *inside & bit != 0
    }

    /// Whether addresses and ports of `packet`, which is the one [met](KnownEnds::meet) last, are those `rule` is about.
    pub(crate) fn admit(&mut self, ruleset: &Ruleset, rule: &Rule, packet: &PacketView) -> bool {
        let headers = packet.headers;
        let ends = &rule.endpoints;
        let port = |set: u32, port: u16| {
            ruleset.ports(set).is_some_and(|set| set.is_everything() || (headers.has_transport && set.contains(port)))
        };
        let mut address = |number: u32, is_source: bool| {
            self.is_in(number, is_source, |version, address| {
                ruleset.addresses(number).is_some_and(|set| set.contains(version, address))
            })
        };
        let mut one_way = |turned: bool| {
            let (source_port, destination_port) = match turned {
                false => (headers.src_port, headers.dst_port),
                true => (headers.dst_port, headers.src_port),
            };
            port(ends.destination_ports, destination_port)
                && port(ends.source_ports, source_port)
                && address(ends.source, !turned)
                && address(ends.destination, turned)
        };
        if ends.of_transaction && packet.direction == Some(Direction::ToClient) {
            return one_way(true);
        }
        one_way(false) || (ends.both_ways && one_way(true))
    }
}

#[cfg(test)]
mod tests {
    use super::KnownEnds;
    use proptest::prelude::*;

    /// Whether set `number` holds an address: any answer will do that depends on all three.
    fn holds(number: u32, version: u8, address: &[u8; 16]) -> bool {
        (u32::from(address[0]) * 7 + u32::from(version) * 3 + number * 5).is_multiple_of(3)
    }

    proptest! {
        #[test]
        fn what_is_known_is_what_the_sets_say(
            packets in prop::collection::vec((prop::sample::select(vec![4_u8, 6]), 0..3_u8, 0..3_u8), 1..40),
            asked in prop::collection::vec((0..70_u32, any::<bool>()), 1..40),
        ) {
            let mut ends = KnownEnds::default();
            for (ip_version, from, to) in packets {
                let addresses = [[from; 16], [to; 16]];
                ends.go_between(ip_version, addresses);
                for &(number, is_source) in &asked {
                    let address = addresses[usize::from(!is_source)];
                    let told = ends.is_in(number, is_source, |version, address| holds(number, version, address));
                    prop_assert_eq!(told, holds(number, ip_version, &address));
                }
            }
        }
    }

    #[test]
    fn a_set_is_asked_once_for_both_ways() {
        let mut ends = KnownEnds::default();
        ends.go_between(4, [[1; 16], [2; 16]]);
        assert!(ends.is_in(7, true, |_, address| *address == [1; 16]));
        ends.go_between(4, [[2; 16], [1; 16]]);
        assert!(ends.is_in(7, false, |_, _| panic!("it is known")));
    }
}
