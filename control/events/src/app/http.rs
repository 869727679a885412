//! The `http` object.
//!
//! Called by [`super`] with the fields of both directions, as part of alerts, in records of transactions and of files. Names are those of the reference engine's records.

use super::tls::Fields;
use crate::json::Json;
use sluice_app::{Field, log};

/// What stands for the target of a request that was not seen.
const NOT_SEEN: &[u8] = b"/libhtp::request_uri_not_seen";

/// Fills the object. `with_bodies`: the bodies' beginnings, too.
pub(super) fn object(json: &mut Json, request: Option<&[u8]>, response: Option<&[u8]>, with_bodies: bool) {
    let [client, server] = [request, response].map(Fields::of);
    if let Some(host) = client.first(Field::HttpHost) {
        json.bytes("hostname", host);
    }
    if let Some(port) = client.first(Field::HttpHostRaw).and_then(port) {
        json.number("http_port", port);
    }
    let method = client.first(Field::HttpMethod).filter(|method| !method.is_empty());
    match client.first(Field::HttpUriRaw) {
        Some(uri) => json.bytes("url", uri),
        None if method.is_none() => json.bytes("url", NOT_SEEN),
        None => {}
    }
    for (name, end, field) in [
        ("http_user_agent", client, Field::HttpUserAgent),
        ("xff", client, Field::HttpXff),
        ("http_content_type", server, Field::HttpContentType),
    ] {
        if let Some(value) = end.first(field) {
            // The type alone, without its parameters.
            let value = if field == Field::HttpContentType {
                value.split(|byte| matches!(byte, b';' | b' ')).next().unwrap_or_default()
            } else {
                value
            };
            json.bytes(name, value);
        }
    }
    if let Some(range) = server.first(Field::HttpContentRange) {
        json.nested("content_range", |json| content_range(json, range));
    }
    if let Some(referer) = client.first(Field::HttpReferer) {
        json.bytes("http_refer", referer);
    }
    if let Some(method) = method {
        json.bytes("http_method", method);
    }
    if let Some(protocol) = client.first(Field::HttpProtocol).or_else(|| server.first(Field::HttpProtocol)) {
        json.bytes("protocol", protocol);
    }
    if let Some(code) = server.first(Field::HttpStatCode).filter(|code| !code.is_empty()) {
        match std::str::from_utf8(code).ok().and_then(|code| code.parse::<u16>().ok()) {
            Some(status) => json.number("status", status),
            None => json.bytes("status_string", code),
        }
    }
    if let Some(location) = server.first(Field::HttpLocation) {
        json.bytes("redirect", location);
    }
    json.number("length", server.first(Field::HttpBodyLength).map_or(0, log::number));
    if with_bodies {
        bodies(json, client, server);
    }
}

/// All headers, one by one.
pub(super) fn headers(json: &mut Json, request: Option<&[u8]>, response: Option<&[u8]>) {
    for (name, log, field) in [
        ("request_headers", request, Field::HttpRequestHeader),
        ("response_headers", response, Field::HttpResponseHeader),
    ] {
        let fields = Fields::of(log);
        if fields.first(field).is_some() {
            json.list(name, fields.all(field), |json, header| {
                let end = header.windows(2).position(|two| two == b": ").unwrap_or(header.len());
                let (name, value) = header.split_at_checked(end).unwrap_or((header, b""));
                json.bytes("name", name);
                json.bytes("value", value.get(2..).unwrap_or_default());
            });
        }
    }
}

pub(super) fn bodies(json: &mut Json, client: Fields, server: Fields) {
    let bodies = [
        ("http_request_body_printable", "http_request_body", client.first(Field::HttpRequestBody)),
        ("http_response_body_printable", "http_response_body", server.first(Field::HttpResponseBody)),
    ];
    for (printable, encoded, body) in bodies {
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            json.bytes(printable, &crate::eve::printable(body));
            json.base64(encoded, body);
        }
    }
}

/// The port behind a host.
fn port(host: &[u8]) -> Option<u16> {
    let at = host.iter().rposition(|byte| *byte == b':')?;
    std::str::from_utf8(host.get(at + 1..)?).ok()?.parse().ok()
}

/// The parts of `bytes 0-67/68`.
fn content_range(json: &mut Json, value: &[u8]) {
    json.bytes("raw", value);
    if let Some((start, end, size)) = range(value) {
        for (name, number) in [("start", start), ("end", end), ("size", size)] {
            if let Some(number) = number {
                json.number(name, number);
            }
        }
    }
}

/// First and last byte and size of a content range, as far as they are known.
pub(super) fn range(value: &[u8]) -> Option<(Option<u64>, Option<u64>, Option<u64>)> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let rest = text.strip_prefix("bytes")?.trim_start();
    let (range, size) = rest.split_once('/')?;
    let number = |word: &str| word.trim().parse().ok();
    let (start, end) = range.split_once('-').map_or((None, None), |(start, end)| (number(start), number(end)));
    Some((start, end, number(size)))
}

#[cfg(test)]
mod tests {
    use super::{object, range};
    use crate::json::Json;
    use sluice_app::{Field, log};

    fn log_of(fields: &[(Field, &[u8])]) -> Vec<u8> {
        fields.iter().flat_map(|(field, bytes)| [&log::head(*field, bytes.len())[..], bytes].concat()).collect()
    }

    #[test]
    fn a_transaction_has_the_names_readers_know() {
        let request = log_of(&[
            (Field::HttpMethod, b"GET"),
            (Field::HttpUriRaw, b"/a%20b"),
            (Field::HttpProtocol, b"HTTP/1.1"),
            (Field::HttpHost, b"example.com"),
            (Field::HttpHostRaw, b"Example.com:8080"),
        ]);
        let response = log_of(&[
            (Field::HttpStatCode, b"206"),
            (Field::HttpContentType, b"text/html; charset=utf-8"),
            (Field::HttpContentRange, b"bytes 0-4/5"),
            (Field::HttpBodyLength, &5_u64.to_le_bytes()),
            (Field::HttpResponseBody, b"hello"),
        ]);
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        object(&mut json, Some(&request), Some(&response), true);
        json.end();
        let wanted = concat!(
            r#"{"hostname":"example.com","http_port":8080,"url":"/a%20b","http_content_type":"text/html","#,
            r#""content_range":{"raw":"bytes 0-4/5","start":0,"end":4,"size":5},"http_method":"GET","protocol":"HTTP/1.1","#,
            r#""status":206,"length":5,"http_response_body_printable":"hello","http_response_body":"aGVsbG8="}"#
        );
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn ranges_are_read_as_far_as_they_are_known() {
        assert_eq!(range(b"bytes 1-2/*"), Some((Some(1), Some(2), None)));
        assert_eq!(range(b"bytes */7"), Some((None, None, Some(7))));
        assert_eq!(range(b"lines 1-2/3"), None);
    }
}
