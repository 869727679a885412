//! The `modbus` object.
//!
//! Called by [`super`]. Names and types are those of the reference engine's records.

use crate::json::Json;
use sluice_app::modbus::{
    Message,
    fields::{Access, function_name},
    parse::Values,
};
use sluice_core::Direction;

/// Fills the object; `transaction` counts from 0, records from 1.
pub(super) fn object(json: &mut Json, transaction: u64, request: Option<&[u8]>, response: Option<&[u8]>) {
    json.number("id", transaction + 1);
    for (name, direction, bytes) in
        [("request", Direction::ToServer, request), ("response", Direction::ToClient, response)]
    {
        if let Some(message) = bytes.and_then(Message::of) {
            json.nested(name, |json| self::message(json, &message, direction));
        }
    }
}

fn message(json: &mut Json, message: &Message, direction: Direction) {
    json.number("transaction_id", message.transaction);
    json.number("protocol_id", message.protocol);
    json.number("unit_id", message.unit);
    json.number("function_raw", message.function | if message.exception { 0x80 } else { 0 });
    json.text("function_code", function_name(message.function));
    json.text("access_type", &words(message.access()));
    json.text("category", message.category().name());
    json.text("error_flags", if message.wrong(direction).is_some() { "DATA_VALUE" } else { "NONE" });
    if let Some(code) = message.exception_code() {
        json.nested("exception", |json| {
            json.number("raw", code);
            json.text("code", exception_name(code));
        });
        return;
    }
    if let Some(sub) = message.subfunction() {
        json.nested(if message.function == 43 { "mei" } else { "diagnostic" }, |json| json.number("raw", sub));
    }
    if direction == Direction::ToClient {
        return;
    }
    if let Some((address, quantity)) = message.read_range() {
        json.nested("read", |json| {
            json.number("address", address);
            json.number("quantity", quantity);
        });
    }
    if let Some(write) = message.write() {
        json.nested("write", |json| {
            json.number("address", write.address);
            match write.values {
                Values::Registers(_) if write.count == 1 => {
                    json.number("data", write.value_at(u32::from(write.address)).unwrap_or(0));
                }
                Values::Masks(and, or) => {
                    json.number("and_mask", and);
                    json.number("or_mask", or);
                }
                Values::Coils(bytes) | Values::Registers(bytes) => {
                    json.number("quantity", write.count);
                    json.numbers("data", bytes.iter().copied());
                }
            }
        });
    }
}

fn words(access: Access) -> String {
    let mut words = String::new();
    access.words(|word| words.push_str(word));
    words
}

/// Specification V1.1b3, section 7.
fn exception_name(code: u8) -> &'static str {
    match code {
        1 => "IllegalFunction",
        2 => "IllegalDataAddr",
        3 => "IllegalDataValue",
        4 => "ServerDeviceFail",
        5 => "Ack",
        6 => "ServerDeviceBusy",
        7 => "NegAck",
        8 => "MemParityErr",
        10 => "GatewayPathUnavailable",
        11 => "GatewayTargetFailToResp",
        _ => "Unknown",
    }
}
