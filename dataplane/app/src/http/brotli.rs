//! Brotli, by a library.
//!
//! Used by [`super::decode`]. The library allocates as it goes: a window of up to 16 MiB a body and some tables. How many bodies are undone at once is bounded there, and windows larger than RFC 7932 allows
//! are refused. Memory goes back to the system when a body is over.
//!
//! Source: RFC 7932.

use super::decode::Told;
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

type State = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// One decompressor.
pub(super) struct Brotli {
    state: Option<Box<State>>,
    made: usize,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let mut brotli = Self { state: None, made: 0 };
        brotli.begin();
        brotli
    }

    /// From the beginning again.
    pub(super) fn begin(&mut self) {
        let [a, b, c] = [StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default()];
        (self.state, self.made) = (Some(Box::new(State::new_strict(a, b, c))), 0);
    }

    /// Gives its memory back.
    pub(super) fn forget(&mut self) {
        self.state = None;
    }

    /// Bytes read, bytes written, and what is next.
    pub(super) fn run(&mut self, bytes: &[u8], out: &mut [u8]) -> (usize, usize, Told) {
        let Some(state) = &mut self.state else { return (bytes.len(), 0, Told::Bad) };
        let (mut left, mut used, mut room, mut made) = (bytes.len(), 0, out.len(), 0);
        let result =
            BrotliDecompressStream(&mut left, &mut used, bytes, &mut room, &mut made, out, &mut self.made, state);
        let told = match result {
            BrotliResult::ResultSuccess => Told::End,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Told::More,
            BrotliResult::ResultFailure => Told::Bad,
        };
        (used, made, told)
    }
}
