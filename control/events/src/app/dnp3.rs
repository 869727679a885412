//! The `dnp3` object.
//!
//! Called by [`super`]. Names and types are those of the reference engine's records.

use super::dnp3_points::Points;
use crate::json::Json;
use sluice_app::dnp3::fields::Message;

/// Fills the object; of the two messages one is there.
pub(super) fn object(json: &mut Json, request: Option<&[u8]>, response: Option<&[u8]>) {
    for (kind, bytes) in [("request", request), ("response", response)] {
        let Some(message) = bytes.and_then(Message::of) else { continue };
        let unsolicited = message.function() == Some(0x82);
        json.text("type", if unsolicited { "unsolicited_response" } else { kind });
        let link = message.link_control;
        json.nested("control", |json| {
            json.flag("dir", link & 0x80 != 0);
            json.flag("pri", link & 0x40 != 0);
            json.flag("fcb", link & 0x20 != 0);
            json.flag("fcv", link & 0x10 != 0);
            json.number("function_code", link & 0x0f);
        });
        json.number("src", message.source);
        json.number("dst", message.destination);
        json.nested("application", |json| application(json, &message));
        if let Some(bits) = message.indications() {
            json.nested("iin", |json| json.texts("indicators", indicators(bits)));
        }
    }
}

fn application(json: &mut Json, message: &Message) {
    let (Some(control), Some(function)) = (message.control(), message.function()) else { return };
    json.nested("control", |json| {
        json.flag("fir", control & 0x80 != 0);
        json.flag("fin", control & 0x40 != 0);
        json.flag("con", control & 0x20 != 0);
        json.flag("uns", control & 0x10 != 0);
        json.number("sequence", control & 0x0f);
    });
    json.number("function_code", function);
    let mut objects = message.objects();
    let objects = std::iter::from_fn(|| objects.next_with_points());
    json.list("objects", objects, |json, (object, data)| {
        json.number("group", object.group);
        json.number("variation", object.variation);
        json.number("qualifier", object.qualifier);
        json.number("prefix_code", object.prefix_code());
        json.number("range_code", object.range_code());
        json.number("start", object.start);
        json.number("stop", object.stop);
        json.number("count", object.count);
        let mut points = Points::of(&object, data).peekable();
        if points.peek().is_some() {
            json.list("points", points, |json, point| point.write(json, &object));
        }
    });
    json.flag("complete", true);
}

/// The words of the bits that are set.
fn indicators(bits: u16) -> impl Iterator<Item = &'static str> {
    sluice_app::dnp3::fields::INDICATIONS
        .iter()
        .enumerate()
        .filter(move |(bit, _)| bits & (1 << bit) != 0)
        .map(|(_, word)| *word)
}
