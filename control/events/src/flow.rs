//! What records say of flows: the `flow` record, and the parts of it in others.
//!
//! Called by [`crate::eve`]. Names and types are those of the reference engine's public schema: `flow`, `tcp`, `app_proto` and its kin, `ether` with lists of addresses.

use crate::{
    app::Common,
    community_id,
    eve::{EveOptions, ends, has_ports, mac, vlan},
    json::Json,
    names, remarks, time,
};
use sluice_core::{
    Action, AppState, RemarkKind,
    event::{FlowEnd, FlowFacts, Spoken},
    remark,
};

/// The flow as alerts carry it.
pub(crate) fn in_alert(json: &mut Json, flow: &FlowFacts) {
    json.nested("flow", |json| {
        counts(json, flow);
        json.text("start", &time::eve(flow.start));
        json.text("src_ip", &names::address(flow.ip_version, &flow.client));
        json.text("dest_ip", &names::address(flow.ip_version, &flow.server));
        if has_ports(flow.protocol) {
            json.number("src_port", flow.client_port);
            json.number("dest_port", flow.server_port);
        }
    });
}

fn counts(json: &mut Json, flow: &FlowFacts) {
    json.number("pkts_toserver", flow.packets[0]);
    json.number("pkts_toclient", flow.packets[1]);
    json.number("bytes_toserver", flow.bytes[0]);
    json.number("bytes_toclient", flow.bytes[1]);
}

/// `app_proto`, and what each end spoke where that was something else.
pub(crate) fn app_proto(json: &mut Json, flow: &FlowFacts, spoken: &Spoken) {
    match flow.app {
        AppState::Known(protocol) => json.text("app_proto", protocol.name()),
        // Both ends spoke, and neither what there is a parser for.
        AppState::None if flow.packets.iter().all(|count| *count > 0) => json.text("app_proto", "failed"),
        _ => {}
    }
    for (name, spoke) in ["app_proto_ts", "app_proto_tc"].into_iter().zip(spoken.ends) {
        if let Some(spoke) = spoke {
            json.text(name, spoke);
        }
    }
    if let Some(first) = flow.app_first.filter(|first| Some(*first) != flow.app.protocol()) {
        json.text("app_proto_orig", first.name());
    }
}

/// Appends the record of a flow that ended.
pub(crate) fn record(
    out: &mut Vec<u8>,
    flow: &FlowFacts,
    (end, spoken): (FlowEnd, &Spoken),
    options: &EveOptions,
    common: &Common,
) {
    let mut json = Json::object(out);
    json.text("timestamp", &time::eve(flow.last));
    json.number("flow_id", flow.id);
    json.text("event_type", "flow");
    vlan(&mut json, &flow.vlan, flow.vlan_count);
    let (client, server) = ((&flow.client, flow.client_port), (&flow.server, flow.server_port));
    ends(&mut json, flow.ip_version, flow.protocol, client, server);
    if let Some(seed) = options.community_id {
        json.text("community_id", &community_id::of_flow(flow, seed));
    }
    if let Some(version) = common.version {
        json.text("suricata_version", version);
    }
    ethers(&mut json, common.remarks);
    remarks::metadata(&mut json, common.remarks, common.names);
    if matches!(flow.protocol, 1 | 58) {
        let [(kind, code), (response_kind, response_code)] = flow.icmp;
        json.number("icmp_type", kind);
        json.number("icmp_code", code);
        if flow.packets[1] > 0 {
            json.number("response_icmp_type", response_kind);
            json.number("response_icmp_code", response_code);
        }
    }
    app_proto(&mut json, flow, spoken);
    json.nested("flow", |json| {
        counts(json, flow);
        json.text("start", &time::eve(flow.start));
        json.text("end", &time::eve(flow.last));
        json.number("age", flow.last.seconds().saturating_sub(flow.start.seconds()));
        json.text("state", if flow.bypassed { "bypassed" } else { flow.state.name() });
        json.text("reason", end.name());
        json.flag("alerted", flow.alerted);
        if spoken.transactions > 0 {
            json.number("tx_cnt", spoken.transactions);
        }
        match flow.action {
            Some(Action::Pass) => json.text("action", "pass"),
            Some(action) if action.drops() => json.text("action", "drop"),
            _ => {}
        }
        if !flow.exceptions.is_empty() {
            json.list("exception_policy", flow.exceptions.targets(), |json, (target, resource)| {
                json.text("target", target);
                json.text("policy", options.exceptions.of(resource).word());
            });
        }
    });
    if flow.protocol == 6 {
        json.nested("tcp", |json| {
            let [to_server, to_client] = flow.tcp_flags;
            // Without a connection no flags were followed.
            let known = flow.tcp_state.name().is_some();
            let all = if known { to_server | to_client } else { 0 };
            json.text("tcp_flags", &format!("{all:02x}"));
            json.text("tcp_flags_ts", &format!("{:02x}", if known { to_server } else { 0 }));
            json.text("tcp_flags_tc", &format!("{:02x}", if known { to_client } else { 0 }));
            let letters = [
                ("syn", 0x02),
                ("fin", 0x01),
                ("rst", 0x04),
                ("psh", 0x08),
                ("ack", 0x10),
                ("urg", 0x20),
                ("ecn", 0x40),
                ("cwr", 0x80),
            ];
            for (name, bit) in letters {
                if all & bit != 0 {
                    json.flag(name, true);
                }
            }
            if let Some(state) = flow.tcp_state.name() {
                json.text("state", state);
            }
        });
    }
    json.end();
}

/// `ether` of a flow: all addresses that its ends had.
fn ethers(json: &mut Json, remarks: &[u8]) {
    let of = |wanted: RemarkKind| -> Vec<String> {
        let its = remark::entries(remarks).filter(|(kind, ..)| *kind == wanted);
        its.filter_map(|(.., bytes)| Some(mac(*bytes.first_chunk()?))).collect()
    };
    let (client, server) = (of(RemarkKind::ClientMac), of(RemarkKind::ServerMac));
    if !client.is_empty() || !server.is_empty() {
        json.nested("ether", |json| {
            json.texts("src_macs", &client);
            json.texts("dest_macs", &server);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::record;
    use crate::{app::Common, eve::EveOptions, remarks::MarkNames};
    use sluice_core::{
        Action, AppProtocol, AppState, RemarkKind,
        event::{FlowEnd, FlowFacts, Spoken, TcpState},
        remark,
    };

    fn told(flow: &FlowFacts, spoken: &Spoken, remarks: &[u8]) -> String {
        let names =
            MarkNames { bits: vec!["traffic/id/mozilla".to_owned(), "seen".to_owned()], ..MarkNames::default() };
        let common = Common { community_seed: None, version: Some("Sluice 1"), ether: None, remarks, names: &names };
        let mut out = Vec::new();
        record(&mut out, flow, (FlowEnd::Timeout, spoken), &EveOptions::default(), &common);
        String::from_utf8(out).unwrap()
    }

    fn flow(app: AppState) -> FlowFacts {
        let tcp_state = TcpState::Closed;
        FlowFacts { id: 1, protocol: 6, ip_version: 4, packets: [2, 2], app, tcp_state, ..FlowFacts::default() }
    }

    #[test]
    fn a_flow_tells_what_each_end_spoke_what_it_spoke_first_and_how_often() {
        let spoken = Spoken { transactions: 3, ends: [None, Some("ssh")], first: None };
        let known = FlowFacts { app_first: Some(AppProtocol::Http), ..flow(AppState::Known(AppProtocol::Http2)) };
        let line = told(&known, &spoken, &[]);
        for part in [
            r#""app_proto":"http2","app_proto_tc":"ssh","app_proto_orig":"http""#,
            r#""tx_cnt":3"#,
            r#""suricata_version":"Sluice 1""#,
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_was_not_there() {
        let silent = told(&flow(AppState::Unseen), &Spoken::default(), &[]);
        for word in ["app_proto", "tx_cnt", "metadata", "traffic", "ether"] {
            assert!(!silent.contains(word), "{word} in {silent}");
        }
        let one_way = FlowFacts { packets: [2, 0], ..flow(AppState::None) };
        assert!(!told(&one_way, &Spoken::default(), &[]).contains("app_proto"));
    }

    #[test]
    fn a_protocol_that_nobody_knows_is_told_as_failed() {
        assert!(told(&flow(AppState::None), &Spoken::default(), &[]).contains(r#""app_proto":"failed""#));
    }

    #[test]
    fn marks_and_hardware_addresses_stand_in_the_record_of_their_flow() {
        let mut remarks = Vec::new();
        for (kind, number, own) in [
            (RemarkKind::FlowBit, 0, &b""[..]),
            (RemarkKind::FlowBit, 1, b""),
            (RemarkKind::ClientMac, 0, &[1; 6]),
            (RemarkKind::ClientMac, 0, &[2; 6]),
            (RemarkKind::ServerMac, 0, &[3; 6]),
        ] {
            remarks.extend_from_slice(&remark::head(kind, number, own.len() as u16));
            remarks.extend_from_slice(own);
        }
        let dropped = FlowFacts { action: Some(Action::Drop), ..flow(AppState::Unseen) };
        let line = told(&dropped, &Spoken::default(), &remarks);
        for part in [
            r#""ether":{"src_macs":["01:01:01:01:01:01","02:02:02:02:02:02"],"dest_macs":["03:03:03:03:03:03"]}"#,
            r#""metadata":{"flowbits":["seen"]},"traffic":{"id":["mozilla"]}"#,
            r#""action":"drop""#,
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}
