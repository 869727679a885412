//! What the HTTP parsers of one worker share: decompressors, and room to put headers together.
//!
//! Lies in [`crate::Room`], taken out of it while a parser reads, and put back. Everything is reserved at the start.

use super::{decode::Decoders, head::Headers, settings::HttpSettings};

/// Headers kept of one block: as many as servers read that count bytes alone.
const MOST_HEADERS: usize = 16_384;

/// Bytes of a header block that are read; what is beyond is left out.
pub const LARGEST_BLOCK: usize = 96 << 10;
/// Bytes of a part's headers and of a body's piece that are looked at together in a multipart body.
pub const PIECE: usize = 24 << 10;
/// Decompressors of a worker.
const DECODERS: usize = 512;

/// What the parsers share.
#[derive(Default)]
pub struct HttpRoom {
    pub(crate) decoders: Decoders,
    pub(super) headers: Headers,
    /// Where a URI is normalised.
    pub(super) uri: Vec<u8>,
    /// Where what was kept of a body and what follows are put together.
    pub(super) piece: Vec<u8>,
}

impl HttpRoom {
    /// The room of a worker; nothing when HTTP is not read.
    pub fn new(settings: &HttpSettings) -> Self {
        let lzma_memory = if settings.lzma { settings.lzma_memory as usize } else { 0 };
        Self {
            decoders: Decoders::new(DECODERS, lzma_memory),
            headers: Headers::new(LARGEST_BLOCK, MOST_HEADERS),
            uri: Vec::with_capacity(LARGEST_BLOCK),
            piece: Vec::with_capacity(2 * PIECE),
        }
    }
}
