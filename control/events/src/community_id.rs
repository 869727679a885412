//! The Community ID of a flow, version 1: the same for every tool that sees the flow, in either direction.
//!
//! Called by `eve`. SHA-1 here is a format, not a protection.
//!
//! Source: the Community ID specification (github.com/corelight/community-id-spec), version 1.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};
use sluice_core::event::FlowFacts;

/// The identifier of `flow` under `seed`.
pub fn of_flow(flow: &FlowFacts, seed: u16) -> String {
    let [(kind, code), _] = flow.icmp;
    let (source_port, destination_port, one_way) = match flow.protocol {
        6 | 17 | 132 => (flow.client_port, flow.server_port, false),
        1 => icmp(kind, code, ICMP_PAIRS),
        58 => icmp(kind, code, ICMPV6_PAIRS),
        _ => (0, 0, false),
    };
    let has_ports = matches!(flow.protocol, 1 | 6 | 17 | 58 | 132);
    let length = if flow.ip_version == 4 { 4 } else { 16 };
    let end = |address: &[u8; 16], port: u16| (address.iter().take(length).copied().collect::<Vec<u8>>(), port);
    let (client, server) = (end(&flow.client, source_port), end(&flow.server, destination_port));
    let ordered = one_way || client <= server;
    let (first, second) = if ordered { (client, server) } else { (server, client) };
    let mut digest = Sha1::new();
    digest.update(seed.to_be_bytes());
    digest.update(&first.0);
    digest.update(&second.0);
    digest.update([flow.protocol, 0]);
    if has_ports {
        digest.update(first.1.to_be_bytes());
        digest.update(second.1.to_be_bytes());
    }
    format!("1:{}", STANDARD.encode(digest.finalize()))
}

/// Types that ask and answer each other.
const ICMP_PAIRS: &[(u8, u8)] = &[(0, 8), (9, 10), (13, 14), (15, 16), (17, 18)];
const ICMPV6_PAIRS: &[(u8, u8)] = &[(128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)];

/// Type and counterpart in the place of ports; where there is no counterpart, the code, and the direction counts.
fn icmp(kind: u8, code: u8, pairs: &[(u8, u8)]) -> (u16, u16, bool) {
    let counterpart = pairs.iter().find_map(|&(left, right)| match kind {
        _ if kind == left => Some(right),
        _ if kind == right => Some(left),
        _ => None,
    });
    match counterpart {
        Some(other) => (u16::from(kind), u16::from(other), false),
        None => (u16::from(kind), u16::from(code), true),
    }
}

#[cfg(test)]
mod tests {
    use super::of_flow;
    use sluice_core::event::FlowFacts;

    fn flow(protocol: u8, client: [u8; 4], client_port: u16, server: [u8; 4], server_port: u16) -> FlowFacts {
        let wide = |address: [u8; 4]| {
            let mut bytes = [0; 16];
            for (to, from) in bytes.iter_mut().zip(address) {
                *to = from;
            }
            bytes
        };
        FlowFacts {
            protocol,
            ip_version: 4,
            client: wide(client),
            server: wide(server),
            client_port,
            server_port,
            ..FlowFacts::default()
        }
    }

    /// The value is the specification's own example.
    #[test]
    fn the_example_of_the_specification_holds_in_both_directions() {
        let there = flow(6, [128, 232, 110, 120], 34855, [66, 35, 250, 204], 80);
        let back = flow(6, [66, 35, 250, 204], 80, [128, 232, 110, 120], 34855);
        assert_eq!(of_flow(&there, 0), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(of_flow(&back, 0), of_flow(&there, 0));
        assert_ne!(of_flow(&there, 1), of_flow(&there, 0));
    }

    #[test]
    fn an_echo_is_one_flow_and_an_error_has_its_direction() {
        let mut request = flow(1, [192, 168, 0, 89], 0, [192, 168, 0, 1], 0);
        request.icmp[0] = (8, 0);
        assert_eq!(of_flow(&request, 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        let mut reply = flow(1, [192, 168, 0, 1], 0, [192, 168, 0, 89], 0);
        reply.icmp[0] = (0, 0);
        assert_eq!(of_flow(&reply, 0), of_flow(&request, 0));
        let mut error = flow(1, [192, 168, 0, 89], 0, [192, 168, 0, 1], 0);
        error.icmp[0] = (3, 1);
        let mut other = flow(1, [192, 168, 0, 1], 0, [192, 168, 0, 89], 0);
        other.icmp[0] = (3, 1);
        assert_ne!(of_flow(&error, 0), of_flow(&other, 0));
    }
}
