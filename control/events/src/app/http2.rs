//! The `http` object of a transaction of HTTP/2.
//!
//! Called by [`super`] with what the parser put down. Names and types are those of the reference engine's records.

use super::tls::Fields;
use crate::json::Json;
use sluice_app::{
    Field,
    http2::frame::{error_name, setting_name},
    log,
};

/// Fills the object. `with_bodies`: the bodies' beginnings, too.
pub(super) fn object(json: &mut Json, request: Option<&[u8]>, response: Option<&[u8]>, with_bodies: bool) {
    let (request, response) = (request.unwrap_or_default(), response.unwrap_or_default());
    let text = |json: &mut Json, name: &str, log, field| {
        if let Some(value) = first(log, field) {
            json.bytes(name, value);
        }
    };
    text(json, "hostname", request, Field::HttpHost);
    text(json, "url", request, Field::HttpUri);
    text(json, "http_user_agent", request, Field::HttpUserAgent);
    text(json, "xff", request, Field::HttpXff);
    text(json, "http_content_type", response, Field::HttpContentType);
    text(json, "http_refer", request, Field::HttpReferer);
    text(json, "http_method", request, Field::HttpMethod);
    json.text("version", "2");
    let status = first(response, Field::HttpStatCode);
    if let Some(status) = status.and_then(|value| std::str::from_utf8(value).ok()?.parse::<u16>().ok()) {
        json.number("status", status);
    }
    text(json, "redirect", response, Field::HttpLocation);
    if let Some(length) = first(response, Field::HttpBodyLength) {
        json.number("length", log::number(length));
    }
    super::http::headers(json, Some(request), Some(response));
    if with_bodies {
        super::http::bodies(json, Fields::of(Some(request)), Fields::of(Some(response)));
    }
    json.nested("http2", |json| {
        let stream = [request, response].into_iter().find_map(|log| first(log, Field::Http2StreamId));
        json.number("stream_id", stream.map_or(0, log::number));
        for (name, log) in [("request", request), ("response", response)] {
            json.nested(name, |json| frames(json, log));
        }
    });
}

/// What frames of one direction say besides headers and bodies.
fn frames(json: &mut Json, log: &[u8]) {
    if let Some(priority) = first(log, Field::Http2Priority) {
        json.number("priority", log::number(priority));
    }
    if let Some(error) = first(log, Field::Http2ErrorCode).map(|bytes| log::number(bytes) as u32) {
        match error_name(error) {
            Some(name) => json.text("error_code", name),
            None => json.number("error_code", error),
        }
    }
    if all(log, Field::Http2Settings).next().is_some() {
        json.list("settings", all(log, Field::Http2Settings).map(log::number), |json, setting| {
            let (id, value) = ((setting >> 32) as u32, setting as u32);
            match setting_name(id) {
                Some(name) => json.text("settings_id", name),
                None => json.number("settings_id", id),
            }
            json.number("settings_value", value);
        });
    }
}

fn all(log: &[u8], field: Field) -> impl Iterator<Item = &[u8]> {
    log::entries(log).filter(move |(found, _)| *found == field).map(|(_, bytes)| bytes)
}

fn first(log: &[u8], field: Field) -> Option<&[u8]> {
    all(log, field).next()
}

#[cfg(test)]
mod tests {
    use super::object;
    use crate::json::Json;
    use serde_json::{Value, json};
    use sluice_app::{Field, log};

    fn log_of(entries: &[(Field, &[u8])]) -> Vec<u8> {
        entries.iter().flat_map(|(field, bytes)| [&log::head(*field, bytes.len())[..], bytes].concat()).collect()
    }

    fn told(request: &[(Field, &[u8])], response: &[(Field, &[u8])]) -> Value {
        let (request, response) = (log_of(request), log_of(response));
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        object(&mut json, Some(&request), Some(&response), false);
        json.end();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_stream_is_told_as_http_with_its_headers() {
        let told = told(
            &[
                (Field::Http2StreamId, &3_u64.to_le_bytes()),
                (Field::HttpMethod, b"GET"),
                (Field::HttpUri, b"/a"),
                (Field::HttpHost, b"example.com"),
                (Field::HttpRequestHeader, b":path: /a"),
                (Field::Http2Priority, &255_u64.to_le_bytes()),
            ],
            &[
                (Field::HttpStatCode, b"404"),
                (Field::HttpBodyLength, &5_u64.to_le_bytes()),
                (Field::Http2ErrorCode, &2_u64.to_le_bytes()),
            ],
        );
        let expected = json!({
            "hostname": "example.com", "url": "/a", "http_method": "GET", "version": "2", "status": 404, "length": 5,
            "request_headers": [{"name": ":path", "value": "/a"}],
            "http2": {"stream_id": 3, "request": {"priority": 255}, "response": {"error_code": "INTERNALERROR"}}
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn settings_are_named_where_they_have_a_name() {
        let settings = [(3_u64 << 32 | 100).to_le_bytes(), (77_u64 << 32 | 1).to_le_bytes()];
        let told = told(&[], &[(Field::Http2Settings, &settings[0]), (Field::Http2Settings, &settings[1])]);
        let expected = json!({"stream_id": 0, "request": {}, "response": {"settings": [
            {"settings_id": "SETTINGSMAXCONCURRENTSTREAMS", "settings_value": 100}, {"settings_id": 77, "settings_value": 1}
        ]}});
        assert_eq!(told["http2"], expected);
    }
}
