//! Settings of HTTP/1.
//!
//! Read by the parser, set by `sluice-config` (`detection.applications.http.NAME` and the reference engine's `app-layer.protocols.http.libhtp.default-config.NAME`).

/// Settings of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Bytes of a request's body that are looked at; 0: all.
    pub request_body_limit: u32,
    /// Bytes of a response's body that are looked at; 0: all.
    pub response_body_limit: u32,
    /// Content encodings of a response that are undone, one upon the other, at most.
    pub decompress_layers: u8,
    /// Bytes that come out of a decompressor before its ratio is looked at.
    pub bomb_limit: u32,
    /// Whether LZMA is undone.
    pub lzma: bool,
    /// Bytes LZMA may look back, at most; beyond it is not followed.
    pub lzma_memory: u32,
    /// Longest line, bytes.
    pub line_limit: u32,
    /// Headers of a message, at most.
    pub header_limit: u16,
    /// Requests of a conversation that wait for their responses, at most.
    pub most_open: u16,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            request_body_limit: 100 << 10,
            response_body_limit: 100 << 10,
            decompress_layers: 2,
            bomb_limit: 1 << 20,
            lzma: true,
            lzma_memory: 1 << 20,
            line_limit: 18_000,
            header_limit: 1_024,
            most_open: 512,
        }
    }
}

impl HttpSettings {
    /// A limit as bodies have it.
    pub(crate) const fn limit(bytes: u32) -> u64 {
        if bytes == 0 { u64::MAX } else { bytes as u64 }
    }
}
