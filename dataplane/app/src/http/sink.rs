//! Where the bytes of a body go: decoded, into a transaction's bodies and files.
//!
//! Used by both directions. A response has one body, which is a file, too; a request has its body as it is, and a file when something is uploaded.

use super::{decode::Stack, multipart::Multipart, room::HttpRoom, settings::HttpSettings};
use crate::{
    AppEvent, Field,
    arena::{Arena, Buf},
    desk::Desk,
    room::{BodyRef, FileEnd, TxRef},
};
use sluice_core::{AppProtocol, Direction};

/// What a body is beside itself.
#[derive(Debug, Default)]
pub enum Kind {
    /// A request's: nothing.
    #[default]
    Plain,
    /// A response's: a file.
    Response,
    /// A request's: a file as a whole.
    Upload,
    /// A request's: a form with files in it.
    Form(Multipart),
}

/// The body of one direction.
#[derive(Debug, Default)]
pub struct Sink {
    /// Its encodings.
    pub stack: Stack,
    kind: Kind,
    /// Name of the file, when it is one.
    name: Buf,
    body: BodyRef,
    file: BodyRef,
    /// Whether a byte came.
    begun: bool,
    /// Bytes as they came, and whether some are missing.
    pub raw: u64,
    has_gap: bool,
}

impl Sink {
    /// A body of `kind` is to come; `name` is that of its file.
    pub fn begin(&mut self, desk: &mut Desk, kind: Kind, name: &[u8]) {
        self.kind = kind;
        desk.keep(&mut self.name, name);
    }

    /// Where the body lies, once there is something of it.
    pub const fn body(&self) -> BodyRef {
        self.body
    }

    /// Bytes of the body as they came.
    pub fn put(&mut self, desk: &mut Desk, room: &mut HttpRoom, at: TxRef, direction: Direction, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.raw += bytes.len() as u64;
        if self.has_gap && !self.stack.is_empty() {
            // Compressed bytes behind a hole can't be undone.
            return;
        }
        self.through(desk, room, at, direction, bytes, false);
    }

    fn through(
        &mut self,
        desk: &mut Desk,
        room: &mut HttpRoom,
        at: TxRef,
        direction: Direction,
        bytes: &[u8],
        last: bool,
    ) {
        if self.stack.is_empty() {
            self.decoded(desk, &mut room.piece, at, direction, bytes);
            return;
        }
        let bomb_limit = u64::from(desk.settings.http.bomb_limit);
        let mut stack = std::mem::take(&mut self.stack);
        let HttpRoom { decoders, piece, .. } = room;
        let mut sink = |bytes: &[u8]| self.decoded(desk, piece, at, direction, bytes);
        if last {
            stack.finish(decoders, bomb_limit, &mut sink);
        } else {
            stack.push(decoders, bytes, bomb_limit, &mut sink);
        }
        let is_2 = desk.protocol == AppProtocol::Http2;
        if stack.faults.failed {
            let [old, new] = [AppEvent::HttpGzipDecompressionFailed, AppEvent::Http2FailedDecompression];
            desk.event(at, direction, if is_2 { new } else { old });
        }
        if stack.faults.bomb {
            let [old, new] = [AppEvent::HttpCompressionBomb, AppEvent::Http2CompressionBomb];
            desk.event(at, direction, if is_2 { new } else { old });
        }
        if stack.faults.lzma_memory {
            desk.event(at, direction, AppEvent::HttpLzmaMemlimitReached);
        }
        (stack.faults.failed, stack.faults.lzma_memory) = (false, false);
        self.stack = stack;
    }

    /// Bytes of the body with its encodings undone.
    fn decoded(&mut self, desk: &mut Desk, piece: &mut Vec<u8>, at: TxRef, direction: Direction, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if !self.begun {
            self.open(desk, at, direction);
        }
        desk.body(at, direction, self.body, bytes);
        match &mut self.kind {
            Kind::Plain | Kind::Response => {}
            Kind::Upload => desk.body(at, direction, self.file, bytes),
            Kind::Form(form) => form.put(desk, piece, at, direction, bytes),
        }
    }

    /// Opens the body and its file: there is something of them.
    fn open(&mut self, desk: &mut Desk, at: TxRef, direction: Direction) {
        self.begun = true;
        let settings = &desk.settings.http;
        let name = std::mem::take(&mut self.name);
        // The name is copied: what is kept lies where files lie, too.
        let mut copy = [0; 512];
        let length = desk.kept(&name).len().min(copy.len());
        if let (Some(to), Some(from)) = (copy.get_mut(..length), desk.kept(&name).get(..length)) {
            to.copy_from_slice(from);
        }
        let short = copy.get(..length).unwrap_or_default();
        if desk.kept(&name).len() > copy.len() {
            desk.event(at, direction, AppEvent::HttpFileNameTooLong);
        }
        self.name = name;
        let limit = |bytes| HttpSettings::limit(bytes);
        if matches!(self.kind, Kind::Response) {
            let limit = limit(settings.response_body_limit);
            self.body = desk.open_body(at, direction, Field::HttpResponseBody, Some(short), limit);
        } else {
            let limit = limit(settings.request_body_limit);
            self.body = desk.open_body(at, direction, Field::HttpRequestBody, None, limit);
            if matches!(self.kind, Kind::Upload) {
                self.file = desk.open_body(at, direction, Field::FileData, Some(short), limit);
            }
        }
    }

    /// So many bytes of the body are missing.
    pub fn gap(&mut self, desk: &mut Desk, at: TxRef, direction: Direction, missing: u64) {
        if missing > 0 && !self.begun {
            self.open(desk, at, direction);
        }
        self.has_gap = true;
        self.raw += missing;
        desk.body_gap(self.body, missing);
        desk.body_gap(self.file, missing);
        if let Kind::Form(form) = &mut self.kind {
            form.gap(desk, missing);
        }
    }

    /// The body is over; `whole`: as it was to end.
    pub fn end(&mut self, desk: &mut Desk, room: &mut HttpRoom, at: TxRef, direction: Direction, whole: bool) {
        if !self.stack.is_empty() && !self.has_gap {
            self.through(desk, room, at, direction, &[], true);
        }
        let end = if whole && !self.has_gap && !self.stack.faults.bomb { FileEnd::Closed } else { FileEnd::Truncated };
        if let Kind::Form(form) = &mut self.kind {
            form.end(desk, &mut room.piece, at, direction, end);
        }
        desk.close_body(at, direction, self.body, end);
        desk.close_body(at, direction, self.file, end);
        self.clear(room, &mut desk.room.arena);
    }

    /// Gives back what is kept.
    pub fn clear(&mut self, room: &mut HttpRoom, arena: &mut Arena) {
        self.stack.give_back(&mut room.decoders);
        arena.free(&mut self.name);
        if let Kind::Form(form) = &mut self.kind {
            form.forget(arena);
        }
        *self = Self::default();
    }
}
