//! Which flow a packet belongs to.
//!
//! Called for each layer that was decoded soundly. An ICMP error belongs to the flow whose packet it quotes, when that flow is known.

use sluice_core::{
    FlowKey,
    key::{Endpoint, Lane},
};
use sluice_packet::Headers;

/// The key of a layer's flow.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    /// The key.
    pub key: FlowKey,
    /// Its hash in the worker's flow table.
    pub hash: u64,
    /// Whether the endpoints were swapped to make it.
    pub swapped: bool,
}

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const IP_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;

/// The key of the flow that `headers` belong to; none for what has no flow: no IP, undecodable, fragments, other protocols.
#[inline]
pub fn key_of(headers: &Headers, depth: u8, vlan_tracking: bool, hash: impl FnOnce(&FlowKey) -> u64) -> Option<Keyed> {
    let tunnel = matches!(headers.protocol, IP_IN_IP | IPV6_IN_IP) && !headers.fragment.is_fragment;
    if headers.invalid || !headers.is_ip() || !(headers.has_transport || tunnel) {
        return None;
    }
    let (source_port, destination_port) = match headers.protocol {
        6 | 17 | 132 => (headers.src_port, headers.dst_port),
        // A reply has its request's number on both ends, so both directions meet in one flow.
        ICMP => both(request_of_icmp(headers.icmp_type)),
        ICMPV6 => both(request_of_icmpv6(headers.icmp_type)),
        _ if tunnel => (0, 0),
        _ => return None,
    };
    let source = Endpoint { address: headers.src, port: source_port };
    let destination = Endpoint { address: headers.dst, port: destination_port };
    let (key, swapped) =
        FlowKey::new(source, destination, lane(headers, headers.protocol, headers.ip_version, depth, vlan_tracking));
    Some(Keyed { key, hash: hash(&key), swapped })
}

/// Whether `headers` are those of an ICMP message about another packet (RFC 792, RFC 4443 section 2.1).
pub fn is_icmp_error(headers: &Headers) -> bool {
    (headers.is_icmpv4() && matches!(headers.icmp_type, 3 | 4 | 5 | 11 | 12))
        || (headers.is_icmpv6() && headers.icmp_type < 128)
}

/// The key of the flow whose packet an ICMP error quotes, with the error's own direction: against the quoted packet.
pub fn key_of_quoted(
    headers: &Headers,
    frame: &[u8],
    depth: u8,
    vlan_tracking: bool,
    hash: impl FnOnce(&FlowKey) -> u64,
) -> Option<Keyed> {
    let quoted = headers.embedded.filter(|quoted| quoted.has_ports)?;
    let source = Endpoint { address: quoted.source(frame), port: quoted.src_port };
    let destination = Endpoint { address: quoted.destination(frame), port: quoted.dst_port };
    let lane = lane(headers, quoted.protocol, quoted.ip_version, depth, vlan_tracking);
    let (key, swapped) = FlowKey::new(source, destination, lane);
    Some(Keyed { key, hash: hash(&key), swapped: !swapped })
}

fn lane(headers: &Headers, protocol: u8, ip_version: u8, depth: u8, vlan_tracking: bool) -> Lane {
    let [outer, inner, _] = headers.vlan;
    let vlan = match (vlan_tracking, headers.vlan_count) {
        (false, _) | (_, 0) => [0, 0],
        (true, 1) => [outer, 0],
        (true, _) => [outer, inner],
    };
    Lane { protocol, ip_version, vlan, depth }
}

const fn both(kind: u8) -> (u16, u16) {
    (kind as u16, kind as u16)
}

/// RFC 792, RFC 950: echo, router discovery, timestamp, information, address mask.
const fn request_of_icmp(kind: u8) -> u8 {
    match kind {
        0 => 8,
        9 => 10,
        14 => 13,
        16 => 15,
        18 => 17,
        other => other,
    }
}

/// RFC 4443, RFC 4861, RFC 2710: echo, router and neighbour discovery, listener queries.
const fn request_of_icmpv6(kind: u8) -> u8 {
    match kind {
        129 => 128,
        134 => 133,
        136 => 135,
        131 => 130,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::Keyed;
    use sluice_packet::Headers;

    fn key_of(headers: &Headers, depth: u8, vlan_tracking: bool) -> Option<Keyed> {
        super::key_of(headers, depth, vlan_tracking, |_| 0)
    }

    fn icmp(kind: u8, src: u8, dst: u8) -> Headers {
        let mut headers =
            Headers { ip_version: 4, protocol: 1, has_transport: true, icmp_type: kind, ..Headers::EMPTY };
        headers.src[3] = src;
        headers.dst[3] = dst;
        headers
    }

    #[test]
    fn an_echo_reply_meets_its_request() {
        let request = key_of(&icmp(8, 1, 2), 0, true).unwrap();
        let reply = key_of(&icmp(0, 2, 1), 0, true).unwrap();
        assert_eq!(request.key, reply.key);
        assert_ne!(request.swapped, reply.swapped);
        assert_ne!(request.key, key_of(&icmp(13, 1, 2), 0, true).unwrap().key);
    }

    #[test]
    fn undecodable_packets_have_no_flow() {
        assert!(key_of(&Headers { invalid: true, ..icmp(8, 1, 2) }, 0, true).is_none());
        assert!(key_of(&Headers { has_transport: false, ..icmp(8, 1, 2) }, 0, true).is_none());
        assert!(key_of(&Headers::EMPTY, 0, true).is_none());
    }

    #[test]
    fn a_tunnel_of_ip_in_ip_is_a_flow_of_its_own() {
        let outer = |protocol| Headers { protocol, has_transport: false, ..icmp(0, 1, 2) };
        assert!(key_of(&outer(4), 0, true).is_some());
        assert_ne!(key_of(&outer(4), 0, true).unwrap().key, key_of(&outer(41), 0, true).unwrap().key);
        assert!(key_of(&outer(47), 0, true).is_none());
    }

    #[test]
    fn vlans_tell_flows_apart_only_when_tracked() {
        let plain = icmp(8, 1, 2);
        let mut tagged = plain;
        tagged.vlan = [7, 0, 0];
        tagged.vlan_count = 1;
        assert_ne!(key_of(&plain, 0, true).unwrap().key, key_of(&tagged, 0, true).unwrap().key);
        assert_eq!(key_of(&plain, 0, false).unwrap().key, key_of(&tagged, 0, false).unwrap().key);
    }
}
