//! `anomaly` records of what parsers found wrong in a transaction.
//!
//! Called by [`crate::eve`] with the transaction's fields, among which its events are. Names are those of the reference engine's records: in capitals where its parsers have them so.

use super::tls::Fields;
use crate::{community_id, eve, json::Json, names, time};
use sluice_app::{AppEvent, Field, log};
use sluice_core::{
    AppFacts, AppProtocol, Nanos,
    event::{EventSlot, FlowFacts},
};

/// Appends a line for each event of a transaction; `ended`: when it was complete, and with which record of the capture.
pub(crate) fn records(
    out: &mut Vec<u8>,
    slot: &EventSlot,
    flow: &FlowFacts,
    ended: (Nanos, u64),
    community_seed: Option<u16>,
    app: &AppFacts,
) {
    let ends = [(&flow.client, flow.client_port), (&flow.server, flow.server_port)];
    for (place, [source, destination]) in [(app.request, ends), (app.response, [ends[1], ends[0]])] {
        let fields = Fields::of(place.map(|place| slot.piece(place)));
        for event in fields.all(Field::Event).filter_map(|bytes| AppEvent::from_number(log::number(bytes))) {
            let mut json = Json::object(out);
            json.text("timestamp", &time::eve(ended.0));
            json.number("flow_id", flow.id);
            if ended.1 > 0 {
                json.number("pcap_cnt", ended.1);
            }
            json.text("event_type", "anomaly");
            eve::vlan(&mut json, &flow.vlan, flow.vlan_count);
            json.text("src_ip", &names::address(flow.ip_version, source.0));
            json.number("src_port", source.1);
            json.text("dest_ip", &names::address(flow.ip_version, destination.0));
            json.number("dest_port", destination.1);
            json.text("proto", &names::protocol(flow.protocol));
            json.number("ip_v", flow.ip_version);
            if let Some(seed) = community_seed {
                json.text("community_id", &community_id::of_flow(flow, seed));
            }
            json.number("tx_id", app.transaction);
            json.nested("anomaly", |json| {
                json.text("app_proto", app.protocol.name());
                json.text("type", "applayer");
                json.text("event", &name(event));
                json.text("layer", "proto_parser");
            });
            json.end();
            out.push(b'\n');
        }
    }
}

fn name(event: AppEvent) -> String {
    match event.protocol() {
        AppProtocol::Http | AppProtocol::Tls | AppProtocol::Dnp3 => event.name().to_uppercase(),
        _ => event.name().to_owned(),
    }
}
