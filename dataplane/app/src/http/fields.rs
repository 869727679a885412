//! The headers of a message as fields.
//!
//! Called by the parsers when a header block or a trailer is whole. Headers of one name become one, their values joined by `, `, as rules see them;
//! of several `Content-Length` the first one is that one, by which the body is read.
//!
//! Source: the reference engine's manual, "HTTP keywords".

use super::{head::Headers, known::Known};
use crate::{Field, desk::Desk, room::TxRef};
use sluice_core::Direction;

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
    let cookie = if is_request { Known::Cookie } else { Known::SetCookie };
    let (wants_each, wants_whole) = (desk.wants(each), desk.wants(Field::HttpHeader));
    // What is put down of the block as a whole.
    let texts = [Field::HttpHeader, Field::HttpStart].into_iter().filter(|field| desk.wants(*field)).count();
    let raws = usize::from(desk.wants(Field::HttpHeaderRaw));
    desk.reserve(at, direction, texts * headers.text().len() + raws * raw.len());
    for first in headers.firsts() {
        let mut header = (first.line, first.pair.value);
        // A length said again is no list: what the body is read by stands there, once.
        if !first.is_alone() && first.known != Some(Known::ContentLength) {
            line.clear();
            [first.pair.name, b": "].into_iter().for_each(|part| append(&mut line, part));
            let from = line.len();
            append(&mut line, first.pair.value);
            for value in headers.others(&first) {
                [b", ", value].into_iter().for_each(|part| append(&mut line, part));
            }
            let to = line.len();
            append(&mut line, b"\r\n");
            header = (&line, line.get(from..to).unwrap_or_default());
        }
        let (text, value) = header;
        if wants_each {
            desk.put(at, direction, each, text.strip_suffix(b"\r\n").unwrap_or(text));
        }
        if wants_whole && first.known != Some(cookie) {
            append(&mut whole, text);
        }
        if let Some(field) = first.known.filter(|_| first_line.is_some()).and_then(|known| known.field(direction)) {
            // Later parts of the parser look at these.
            desk.put_wanted(at, direction, field, value);
        }
    }
    if !whole.is_empty() {
        desk.put(at, direction, Field::HttpHeader, &whole);
    }
    desk.put_wanted(at, direction, Field::HttpHeaderRaw, raw);
    if let Some(first_line) = first_line {
        if desk.wants(Field::HttpHeaderNames) {
            whole.clear();
            append(&mut whole, b"\r\n");
            for first in headers.firsts().filter(|first| first.pair.has_colon) {
                [first.pair.name, b"\r\n"].into_iter().for_each(|part| append(&mut whole, part));
            }
            append(&mut whole, b"\r\n");
            desk.put(at, direction, Field::HttpHeaderNames, &whole);
        }
        if desk.wants(Field::HttpStart) {
            whole.clear();
            [first_line, b"\r\n", headers.text(), b"\r\n"].into_iter().for_each(|part| append(&mut whole, part));
            desk.put(at, direction, Field::HttpStart, &whole);
        }
    }
    (headers.line, headers.whole) = (line, whole);
}
