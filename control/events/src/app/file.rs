//! Files: the `fileinfo` record, and the list `files` of alerts.
//!
//! Called by [`crate::eve`] and [`super`]. Facts of files travel among the fields of their transactions ([`sluice_app::file`]).

use super::{Common, http, tls::Fields};
use crate::json::Json;
use sluice_app::{Field, file::FileFacts, room::FileEnd};
use sluice_core::{
    AppFacts, AppProtocol, Direction, Nanos,
    event::{EventSlot, FlowFacts},
};

/// Fills the object of one file.
fn object(
    json: &mut Json,
    (facts, name): (&FileFacts, &[u8]),
    transaction: u64,
    content_range: Option<&[u8]>,
    log: Option<&[u8]>,
) {
    json.bytes("filename", name);
    json.flag("gaps", facts.has_gaps);
    json.text(
        "state",
        match facts.end {
            FileEnd::Closed if facts.has_gaps => "TRUNCATED",
            FileEnd::Closed => "CLOSED",
            FileEnd::Truncated => "TRUNCATED",
            FileEnd::Open => "UNKNOWN",
        },
    );
    let digests = [("md5", Field::FileMd5), ("sha1", Field::FileSha1), ("sha256", Field::FileSha256)];
    for (name, field) in digests {
        let number = facts.number.to_le_bytes();
        if let Some(digest) = Fields::of(log).all(field).find_map(|entry| entry.strip_prefix(&number)) {
            json.text(name, &digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        }
    }
    let open = facts.end == FileEnd::Open;
    json.flag("stored", facts.stored && !open);
    if facts.stored && open {
        json.flag("storing", true);
    }
    json.number("size", facts.size);
    json.number("tx_id", transaction);
    if let Some((Some(start), Some(end), _)) = content_range.and_then(http::range) {
        json.number("start", start);
        json.number("end", end);
    }
}

/// The files in a log.
fn files(log: Option<&[u8]>) -> impl Iterator<Item = (FileFacts, &[u8])> {
    Fields::of(log).all(Field::File).filter_map(FileFacts::from_bytes)
}

/// Appends the list of a transaction's files to an alert, if it has any.
pub(super) fn list(json: &mut Json, transaction: u64, request: Option<&[u8]>, response: Option<&[u8]>) {
    let of = |log| files(log).map(move |file| (file, log));
    let mut all = of(request).chain(of(response)).peekable();
    if all.peek().is_some() {
        json.list("files", all, |json, ((facts, name), log)| object(json, (&facts, name), transaction, None, log));
    }
}

/// Appends the line of a file that is over.
pub(crate) fn record(
    out: &mut Vec<u8>,
    slot: &EventSlot,
    flow: &FlowFacts,
    ended: (Nanos, u64),
    direction: Direction,
    common: &Common,
    app: &AppFacts,
) {
    let [request, response] = [app.request, app.response].map(|place| place.map(|place| slot.piece(place)));
    let log = if direction == Direction::ToServer { request } else { response };
    let Some((facts, name)) = files(log).next() else { return };
    let mut json = super::begin(out, "fileinfo", flow, direction, ended, None, common);
    super::transaction(&mut json, slot, app, false);
    json.text("app_proto", app.protocol.name());
    let is_http = matches!(app.protocol, AppProtocol::Http | AppProtocol::Http2);
    let range = is_http.then(|| Fields::of(response).first(Field::HttpContentRange)).flatten();
    json.nested("fileinfo", |json| object(json, (&facts, name), app.transaction, range, log));
    json.end();
    out.push(b'\n');
}
