//! `anomaly` records of what parsers found wrong in a transaction.
//!
//! Called by [`crate::eve`] with the transaction's fields, among which its events are. Names are those of the reference engine's records: in capitals where its parsers have them so.

use super::{Common, tls::Fields};
use sluice_app::{AppEvent, Field, log};
use sluice_core::{
    AppFacts, AppProtocol, Direction, Nanos,
    event::{EventSlot, FlowFacts},
};

/// Appends a line for each event of a transaction; `ended`: when it was complete, and with which record of the capture.
pub(crate) fn records(
    out: &mut Vec<u8>,
    slot: &EventSlot,
    flow: &FlowFacts,
    ended: (Nanos, u64),
    common: &Common,
    app: &AppFacts,
) {
    for (place, direction) in [(app.request, Direction::ToServer), (app.response, Direction::ToClient)] {
        let fields = Fields::of(place.map(|place| slot.piece(place)));
        for event in fields.all(Field::Event).filter_map(|bytes| AppEvent::from_number(log::number(bytes))) {
            let mut json = super::begin(out, "anomaly", flow, direction, ended, None, common);
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
