//! The headers of a message as fields.
//!
//! Called by the parsers when a header block or a trailer is whole. Headers of one name become one, their values joined by `, `, as rules see them;
//! of several `Content-Length` the first one is that one, by which the body is read.
//!
//! Source: the reference engine's manual, "HTTP keywords".

use super::head::{Headers, Pair};
use crate::{Field, desk::Desk, room::TxRef};
use sluice_core::Direction;

/// Headers with a field of their own: name, field in a request, field in a response.
const NAMED: [(&[u8], Option<Field>, Option<Field>); 16] = {
    use Field::*;
    [
        (b"host", Some(HttpHostRaw), None),
        (b"user-agent", Some(HttpUserAgent), None),
        (b"referer", Some(HttpReferer), None),
        (b"accept", Some(HttpAccept), None),
        (b"accept-encoding", Some(HttpAcceptEnc), None),
        (b"accept-language", Some(HttpAcceptLang), None),
        (b"cookie", Some(HttpCookie), None),
        (b"set-cookie", None, Some(HttpCookie)),
        (b"x-forwarded-for", Some(HttpXff), None),
        (b"location", None, Some(HttpLocation)),
        (b"server", None, Some(HttpServer)),
        (b"connection", Some(HttpConnection), Some(HttpConnection)),
        (b"content-length", Some(HttpContentLen), Some(HttpContentLen)),
        (b"content-type", Some(HttpContentType), Some(HttpContentType)),
        (b"content-range", None, Some(HttpContentRange)),
        (b"range", Some(HttpContentRange), None),
    ]
};

/// Appends `bytes` to `out` as far as there is room.
fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    let room = out.capacity() - out.len();
    out.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
}

/// Puts down the headers of `direction` of `at`. `raw` is the block as it came; `first_line` stands in front of it, and is missing for trailers.
pub(super) fn put(
    desk: &mut Desk,
    headers: &mut Headers,
    at: TxRef,
    direction: Direction,
    raw: &[u8],
    first_line: Option<&[u8]>,
) {
    let is_request = direction == Direction::ToServer;
    let (mut line, mut whole) = (std::mem::take(&mut headers.line), std::mem::take(&mut headers.whole));
    whole.clear();
    let each = if is_request { Field::HttpRequestHeader } else { Field::HttpResponseHeader };
    for number in 0..headers.firsts() {
        let Some((pair, others)) = headers.first(number) else { continue };
        line.clear();
        append(&mut line, pair.name);
        let from = if pair.has_colon {
            append(&mut line, b": ");
            line.len()
        } else {
            line.len()
        };
        append(&mut line, pair.value);
        // A length said again is no list: what the body is read by stands there, once.
        let is_length = named(&pair, b"content-length");
        for value in others.filter(|_| !is_length) {
            append(&mut line, b", ");
            append(&mut line, value);
        }
        let value = line.get(from..).unwrap_or_default();
        desk.put_wanted(at, direction, each, &line);
        let is_cookie = named(&pair, if is_request { b"cookie" } else { b"set-cookie" });
        if !is_cookie {
            append(&mut whole, &line);
            append(&mut whole, b"\r\n");
        }
        if first_line.is_some() && pair.has_colon {
            put_named(desk, at, direction, &pair, value);
        }
    }
    if !whole.is_empty() {
        desk.put_wanted(at, direction, Field::HttpHeader, &whole);
    }
    desk.put_wanted(at, direction, Field::HttpHeaderRaw, raw);
    if let Some(first_line) = first_line {
        if desk.wants(Field::HttpHeaderNames) {
            whole.clear();
            append(&mut whole, b"\r\n");
            for number in 0..headers.firsts() {
                let Some((pair, _)) = headers.first(number).filter(|(pair, _)| pair.has_colon) else { continue };
                append(&mut whole, pair.name);
                append(&mut whole, b"\r\n");
            }
            append(&mut whole, b"\r\n");
            desk.put(at, direction, Field::HttpHeaderNames, &whole);
        }
        if desk.wants(Field::HttpStart) {
            whole.clear();
            append(&mut whole, first_line);
            append(&mut whole, b"\r\n");
            for pair in headers.iter() {
                append(&mut whole, pair.name);
                if pair.has_colon {
                    append(&mut whole, b": ");
                }
                append(&mut whole, pair.value);
                append(&mut whole, b"\r\n");
            }
            append(&mut whole, b"\r\n");
            desk.put(at, direction, Field::HttpStart, &whole);
        }
    }
    (headers.line, headers.whole) = (line, whole);
}

fn named(pair: &Pair, name: &[u8]) -> bool {
    pair.has_colon && pair.name.eq_ignore_ascii_case(name)
}

/// The field of the header called `name`, in a message that goes in `direction`.
pub(crate) fn field_of(name: &[u8], direction: Direction) -> Option<Field> {
    let (_, request, response) = NAMED.iter().find(|(known, _, _)| name.eq_ignore_ascii_case(known))?;
    if direction == Direction::ToServer { *request } else { *response }
}

fn put_named(desk: &mut Desk, at: TxRef, direction: Direction, pair: &Pair, value: &[u8]) {
    if let Some(field) = field_of(pair.name, direction) {
        // Later parts of the parser look at these.
        desk.put_wanted(at, direction, field, value);
    }
}
