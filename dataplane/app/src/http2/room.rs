//! What the HTTP/2 parsers of one worker share: streams, and room to put headers together.
//!
//! Lies in [`crate::Room`], taken out of it while a parser reads, and put back. Everything is reserved at the start and touched as it is used.

use crate::{
    arena::Arena,
    http::{HttpRoom, sink::Sink},
    room::TxRef,
};

/// No stream.
pub(super) const NONE: u32 = u32::MAX;
/// Streams of all conversations.
const STREAMS: usize = 32_768;
/// Bytes of one header's name and value that are read; what is beyond is left out.
pub(super) const LONGEST_FIELD: usize = 32 << 10;
/// Bytes of headers that are put together as one.
const LARGEST: usize = 128 << 10;

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub id: u32,
    pub tx: TxRef,
    /// The bodies of both directions.
    pub sinks: [Sink; 2],
    /// Bits of the types of frames that came.
    pub kinds: [u16; 2],
    /// Numbers that were put down of it.
    pub noted: u16,
    /// Where its host stands among its fields: see [`crate::Desk::place`].
    pub host: u32,
    /// The headers in front of the body came; the body is a message of DNS; nothing more comes.
    pub headers: [bool; 2],
    pub is_dns: [bool; 2],
    pub ended: [bool; 2],
    /// Only frames that may not begin it came: see [`super::streams`].
    pub is_stray: bool,
    pub before: u32,
    pub next: u32,
}

impl Stream {
    /// Stream `id`, in no list.
    pub fn new(id: u32, tx: TxRef, is_stray: bool) -> Self {
        Self {
            id,
            tx,
            sinks: [Sink::default(), Sink::default()],
            kinds: [0; 2],
            noted: 0,
            host: NONE,
            headers: [false; 2],
            is_dns: [false; 2],
            ended: [false; 2],
            is_stray,
            before: NONE,
            next: NONE,
        }
    }
}

/// What the parsers share.
#[derive(Default)]
pub struct Http2Room {
    streams: Vec<Stream>,
    free: u32,
    /// Name and value of the header at hand; all headers; their names; cookies in pieces.
    pub(super) field: Vec<u8>,
    pub(super) whole: Vec<u8>,
    pub(super) names: Vec<u8>,
    pub(super) cookie: Vec<u8>,
}

impl Http2Room {
    /// The room of a worker.
    pub fn new() -> Self {
        Self {
            streams: Vec::with_capacity(STREAMS),
            free: NONE,
            field: Vec::with_capacity(LONGEST_FIELD),
            whole: Vec::with_capacity(LARGEST),
            names: Vec::with_capacity(LARGEST),
            cookie: Vec::with_capacity(LARGEST),
        }
    }

    pub(super) fn stream(&mut self, place: u32) -> Option<&mut Stream> {
        self.streams.get_mut(place as usize)
    }

    /// Takes a place for a stream; none when all are in use.
    pub(super) fn take(&mut self, fresh: Stream) -> Option<u32> {
        if let Some(found) = self.streams.get_mut(self.free as usize) {
            let place = std::mem::replace(&mut self.free, found.next);
            *found = fresh;
            return Some(place);
        }
        if self.streams.len() == self.streams.capacity() {
            return None;
        }
        self.streams.push(fresh);
        Some(self.streams.len() as u32 - 1)
    }

    /// Gives a place back.
    pub(super) fn free(&mut self, place: u32) {
        if let Some(found) = self.streams.get_mut(place as usize) {
            found.next = std::mem::replace(&mut self.free, place);
        }
    }

    /// Gives a place back, with what the bodies of its stream keep.
    pub(super) fn give(&mut self, place: u32, http: &mut HttpRoom, arena: &mut Arena) {
        if let Some(found) = self.streams.get_mut(place as usize) {
            found.sinks.iter_mut().for_each(|sink| sink.clear(http, arena));
            self.free(place);
        }
    }
}
