//! The `enip` object.
//!
//! Called by [`super`]. Names and types are those of the reference engine's records, as far as the conformance cases show them.
//! GAP(names): vendors, and classes and services of vendors, are named by number unless they are among the few below.

use crate::json::Json;
use sluice_app::enip::{
    Header,
    fields::{device_services, first_message, identities, registered_version},
    parse::{Cip, SegmentKind, command_name, status_name},
};

/// Fills the object.
pub(super) fn object(json: &mut Json, request: Option<&[u8]>, response: Option<&[u8]>) {
    for (name, bytes) in [("request", request), ("response", response)] {
        if let Some((message, header)) = bytes.and_then(|bytes| Some((bytes, Header::of(bytes)?))) {
            json.nested(name, |json| self::message(json, message, &header));
        }
    }
}

fn message(json: &mut Json, message: &[u8], header: &Header) {
    match command_name(header.command) {
        Some(name) => json.text("command", name),
        None => json.number("command", header.command),
    }
    match status_name(header.status) {
        Some(name) => json.text("status", name),
        None => json.number("status", header.status),
    }
    if let Some(version) = registered_version(message) {
        json.nested("register_session", |json| json.number("protocol_version", version));
    }
    if let Some(identity) = identities(message).next() {
        json.nested("identity", |json| {
            json.number("protocol_version", identity.protocol_version);
            let [major, minor] = identity.revision;
            json.text("revision", &format!("{major}.{minor}"));
            json.text("vendor_id", &vendor(identity.vendor));
            json.number("device_type", identity.device_type);
            json.number("product_code", identity.product_code);
            json.number("status", identity.status);
            json.number("serial", identity.serial);
            json.bytes("product_name", identity.product_name);
            json.number("state", identity.state);
        });
    }
    if let Some(service) = device_services(message).next() {
        json.nested("list_services", |json| {
            json.number("protocol_version", service.protocol_version);
            json.number("capabilities", service.capabilities);
            json.bytes("service_name", service.name);
        });
    }
    if let Some(cip) = first_message(message) {
        json.nested("cip", |json| {
            self::cip(json, &cip);
            if cip.parts().next().is_some() {
                json.list("multiple", cip.parts(), |json, part| self::cip(json, &part));
            }
        });
    }
}

fn cip(json: &mut Json, cip: &Cip) {
    let Some(service) = cip.service() else { return };
    match service_name(service) {
        Some(name) => json.text("service", name),
        None => json.number("service", service),
    }
    if let Some(status) = cip.status() {
        json.number("status", status);
        if cip.extended_status().next().is_some() {
            json.numbers("status_extended", cip.extended_status());
        }
        return;
    }
    let named = || cip.segments().filter(|segment| segment.kind != SegmentKind::Other);
    if named().next().is_some() {
        json.list("path", named(), |json, segment| {
            json.text("segment_type", segment_name(segment.kind));
            json.number("value", segment.value);
        });
    }
    let class = named().find(|segment| segment.kind == SegmentKind::Class);
    if let Some(name) = class.and_then(|class| class_name(class.value)) {
        json.text("class_name", name);
    }
}

const fn segment_name(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Class => "class",
        SegmentKind::Instance => "instance",
        SegmentKind::Member => "member",
        SegmentKind::ConnectionPoint => "connection_point",
        SegmentKind::Attribute => "attribute",
        SegmentKind::Other => "other",
    }
}

fn vendor(number: u16) -> String {
    match number {
        1 => "Rockwell Automation/Allen-Bradley".to_owned(),
        other => other.to_string(),
    }
}

/// Services all classes share (volume 1, appendix A).
fn service_name(number: u8) -> Option<&'static str> {
    Some(match number {
        0x01 => "Get Attributes All",
        0x02 => "Set Attributes All",
        0x03 => "Get Attribute List",
        0x04 => "Set Attribute List",
        0x05 => "Reset",
        0x06 => "Start",
        0x07 => "Stop",
        0x08 => "Create",
        0x09 => "Delete",
        0x0a => "Multiple Service Packet",
        0x0d => "Apply Attributes",
        0x0e => "Get Attribute Single",
        0x10 => "Set Attribute Single",
        0x11 => "Find Next Object Instance",
        0x15 => "Restore",
        0x16 => "Save",
        0x17 => "No Operation",
        0x18 => "Get Member",
        0x19 => "Set Member",
        0x1a => "Insert Member",
        0x1b => "Remove Member",
        0x1c => "Group Sync",
        _ => return None,
    })
}

/// Public classes (volume 1, chapter 5).
fn class_name(number: u32) -> Option<&'static str> {
    Some(match number {
        0x01 => "Identity",
        0x02 => "Message Router",
        0x03 => "DeviceNet",
        0x04 => "Assembly",
        0x05 => "Connection",
        0x06 => "Connection Manager",
        0x07 => "Register",
        0x0f => "Parameter",
        0x37 => "File",
        0x47 => "Device Level Ring",
        0x48 => "QoS",
        0xf4 => "Port",
        0xf5 => "TCP/IP Interface",
        0xf6 => "Ethernet Link",
        _ => return None,
    })
}
