//! Whether a rule is about a packet, by its header: protocol, direction, state of the connection, addresses and ports.
//!
//! Asked by [`crate::inspect`] and [`crate::inspect_transaction`] for each candidate, before anything is judged. Never allocates.

use crate::{
    inspect::PacketView,
    rule::{FlowState, Protocol, Rule, Unit},
    ruleset::Ruleset,
};
use sluice_core::Direction;

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

/// Addresses and ports of the header.
pub(crate) fn endpoints_match(ruleset: &Ruleset, rule: &Rule, packet: &PacketView) -> bool {
    let headers = packet.headers;
    let ends = &rule.endpoints;
    let address = |set: u32, address: &[u8; 16]| {
        ruleset.addresses(set).is_some_and(|set| set.contains(headers.ip_version, address))
    };
    let port = |set: u32, port: u16| {
        ruleset.ports(set).is_some_and(|set| set.is_everything() || (headers.has_transport && set.contains(port)))
    };
    let one_way = |src: &[u8; 16], src_port: u16, dst: &[u8; 16], dst_port: u16| {
        port(ends.destination_ports, dst_port)
            && port(ends.source_ports, src_port)
            && address(ends.source, src)
            && address(ends.destination, dst)
    };
    if ends.of_transaction && packet.direction == Some(Direction::ToClient) {
        return one_way(&headers.dst, headers.dst_port, &headers.src, headers.src_port);
    }
    one_way(&headers.src, headers.src_port, &headers.dst, headers.dst_port)
        || (ends.both_ways && one_way(&headers.dst, headers.dst_port, &headers.src, headers.src_port))
}
