//! Transactions of application protocols in EVE records: as part of an alert, and as a record of their own.
//!
//! Called by [`crate::eve`]. The messages travel as bytes and are read again here, off the packet path, by the parsers that detection uses.
//! One file per protocol.

pub(crate) mod anomaly;
mod dnp3;
mod dnp3_points;
mod dns;
mod enip;
pub(crate) mod file;
mod http;
mod http2;
mod modbus;
mod quic;
mod tls;

pub(crate) use tls::Fields;

pub use dns::DnsRecords;

use crate::{
    community_id, eve,
    json::Json,
    names,
    remarks::{self, MarkNames},
    time,
};
use sluice_app::{Field, log};
use sluice_core::{
    AppFacts, AppProtocol, Direction, Nanos,
    event::{Ether, EventSlot, FlowFacts},
};

/// Which of the records about one transaction is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    /// What those of DNS tell.
    pub dns: &'a DnsRecords,
    /// Its number.
    pub part: usize,
    /// Whether all headers of requests, and of responses, stand in records of HTTP.
    pub headers: [bool; 2],
}

/// How many records are made of a transaction.
pub(crate) fn records(slot: &EventSlot, app: &AppFacts, dns: &DnsRecords) -> usize {
    let [request, response] = [app.request, app.response].map(|place| place.map(|place| slot.piece(place)));
    match app.protocol {
        AppProtocol::Dns => dns::records(dns, request.and_then(message_of), response.and_then(message_of)),
        _ => 1,
    }
}

/// Appends the object of a transaction, under its protocol's name; for an alert also its bodies and files.
pub(crate) fn transaction(json: &mut Json, slot: &EventSlot, app: &AppFacts, is_alert: bool) {
    let [request, response] = [app.request, app.response].map(|place| place.map(|place| slot.piece(place)));
    if app.protocol == AppProtocol::Tls && tls::frame(json, request, response) {
        return;
    }
    json.nested(record_type(app.protocol), |json| match app.protocol {
        AppProtocol::Enip => enip::object(json, request.and_then(message_of), response.and_then(message_of)),
        AppProtocol::Modbus => {
            modbus::object(json, app.transaction, request.and_then(message_of), response.and_then(message_of));
        }
        AppProtocol::Dnp3 => dnp3::object(json, request.and_then(message_of), response.and_then(message_of)),
        AppProtocol::Dns => {
            dns::object(json, app.transaction, request.and_then(message_of), response.and_then(message_of));
        }
        AppProtocol::Mdns | AppProtocol::Llmnr => {
            dns::object_on_link(json, app.transaction, request.and_then(message_of), response.and_then(message_of));
        }
        AppProtocol::Tls => tls::object(json, request, response),
        AppProtocol::Http => http::object(json, request, response, is_alert),
        AppProtocol::Http2 | AppProtocol::Doh2 => http2::object(json, request, response, is_alert),
        AppProtocol::Quic => quic::object(json, request, response),
    });
    if is_alert {
        file::list(json, app.transaction, request, response);
    }
}

/// The whole unit among the fields of a direction, for protocols that put it down.
fn message_of(log: &[u8]) -> Option<&[u8]> {
    log::entries(log).find(|(field, _)| *field == Field::Message).map(|(_, bytes)| bytes)
}

/// The `event_type` of a record about a transaction of `protocol`, and the name of its object.
pub const fn record_type(protocol: AppProtocol) -> &'static str {
    match protocol {
        AppProtocol::Http2 | AppProtocol::Doh2 => AppProtocol::Http.name(),
        other => other.name(),
    }
}

/// What stands in every record about a flow.
#[derive(Clone, Copy)]
pub(crate) struct Common<'a> {
    /// Seed of `community_id`.
    pub community_seed: Option<u16>,
    /// `suricata_version`
    pub version: Option<&'a str>,
    /// Hardware addresses, from and to.
    pub ether: Option<Ether>,
    /// The flow's marks.
    pub remarks: &'a [u8],
    /// Their names.
    pub names: &'a MarkNames,
}

/// Begins the line of a record of `kind` about `flow`, as something that went in `direction`; `ended`: when, and with which record of the capture.
pub(crate) fn begin<'o>(
    out: &'o mut Vec<u8>,
    kind: &str,
    flow: &FlowFacts,
    direction: Direction,
    ended: (Nanos, u64),
    pkt_src: Option<&str>,
    common: &Common,
) -> Json<'o> {
    let mut json = Json::object(out);
    json.text("timestamp", &time::eve(ended.0));
    json.number("flow_id", flow.id);
    if ended.1 > 0 {
        json.number("pcap_cnt", ended.1);
    }
    json.text("event_type", kind);
    eve::vlan(&mut json, &flow.vlan, flow.vlan_count);
    let ends = [(&flow.client, flow.client_port), (&flow.server, flow.server_port)];
    let [source, destination] = if direction == Direction::ToServer { ends } else { [ends[1], ends[0]] };
    json.text("src_ip", &names::address(flow.ip_version, source.0));
    json.number("src_port", source.1);
    json.text("dest_ip", &names::address(flow.ip_version, destination.0));
    json.number("dest_port", destination.1);
    json.text("proto", &names::protocol(flow.protocol));
    json.number("ip_v", flow.ip_version);
    if let Some(pkt_src) = pkt_src {
        json.text("pkt_src", pkt_src);
    }
    if let Some(seed) = common.community_seed {
        json.text("community_id", &community_id::of_flow(flow, seed));
    }
    if let Some((source, destination)) = common.ether {
        eve::ether(&mut json, source, destination);
    }
    if let Some(version) = common.version {
        json.text("suricata_version", version);
    }
    remarks::metadata(&mut json, common.remarks, common.names);
    json
}

/// Appends the line of a transaction that is complete; `ended`: when, and with which record of the capture.
pub(crate) fn record(
    out: &mut Vec<u8>,
    slot: &EventSlot,
    flow: &FlowFacts,
    ended: (Nanos, u64, &str),
    common: &Common,
    app: &AppFacts,
    part: Part,
) {
    // A response of DNS, which is a transaction of its own, is told of as it went; those of other protocols, and in the form of version 2 those over TCP, as their flow went.
    let is_dns = matches!(app.protocol, AppProtocol::Dns | AppProtocol::Mdns | AppProtocol::Llmnr);
    let is_response =
        is_dns && app.request.is_none() && app.response.is_some() && !(part.dns.version == 2 && flow.protocol == 6);
    let direction = if is_response { Direction::ToClient } else { Direction::ToServer };
    let (kind, at) = (record_type(app.protocol), (ended.0, ended.1));
    let mut json = begin(out, kind, flow, direction, at, Some(ended.2), common);
    json.number("tx_id", app.transaction);
    if app.protocol == AppProtocol::Dns && part.dns.version == 2 {
        let [request, response] = [app.request, app.response].map(|place| place.map(|place| slot.piece(place)));
        let messages = [request, response].map(|log| log.and_then(message_of));
        json.nested("dns", |json| dns::object_2(json, part, app.transaction, messages));
    } else if app.protocol == AppProtocol::Http {
        let [request, response] = [app.request, app.response].map(|place| place.map(|place| slot.piece(place)));
        json.nested("http", |json| {
            http::object(json, request, response, false);
            let [of_request, of_response] = part.headers;
            http::headers(json, request.filter(|_| of_request), response.filter(|_| of_response));
        });
    } else {
        transaction(&mut json, slot, app, false);
    }
    json.end();
    out.push(b'\n');
}
