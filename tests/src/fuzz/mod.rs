//! What is asked of hostile input, one function a target: bytes in, a panic when a promise is broken.
//!
//! Called by the fuzz targets in `tests/fuzz` and, for every file of their corpora, by `tests/tests/fuzz_corpus.rs`; so a corpus runs without libFuzzer too.
//! Each target bounds its work by cutting its input: what may take how long and how much memory is told beside it, in [`Target`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken promise must stop the fuzzer"
)]

pub mod application;
pub mod config;
pub mod decode;
pub mod defrag;
pub mod evaluate;
pub mod flow;
pub mod http;
pub mod quic;
pub mod rule;
pub mod seeds;
pub mod stream;
pub mod tls;
pub mod tree;

mod rules;

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Runs one input.
    pub run: fn(&[u8]),
    /// Longest input that is looked at, bytes; the rest is cut off.
    pub longest: usize,
    /// Most bytes that one input may ask of the allocator, all requests together.
    pub most_allocated: usize,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "application", run: application::run, longest: 64 << 10, most_allocated: 512 << 20 },
    Target { name: "config", run: config::run, longest: 64 << 10, most_allocated: 64 << 20 },
    Target { name: "decode", run: decode::run, longest: 64 << 10, most_allocated: 1 << 20 },
    Target { name: "defrag", run: defrag::run, longest: 8 << 10, most_allocated: 64 << 20 },
    Target { name: "evaluate", run: evaluate::run, longest: 64 << 10, most_allocated: 512 << 20 },
    Target { name: "http", run: http::run, longest: 8 << 10, most_allocated: 256 << 20 },
    Target { name: "flow", run: flow::run, longest: 4 << 10, most_allocated: 128 << 20 },
    Target { name: "json", run: tree::json, longest: 16 << 10, most_allocated: 256 << 20 },
    Target { name: "junos", run: tree::junos, longest: 16 << 10, most_allocated: 256 << 20 },
    Target { name: "pcli", run: tree::pcli, longest: 16 << 10, most_allocated: 256 << 20 },
    Target { name: "quic", run: quic::run, longest: 8 << 10, most_allocated: 64 << 20 },
    Target { name: "rule", run: rule::run, longest: 16 << 10, most_allocated: 512 << 20 },
    Target { name: "set", run: tree::set, longest: 16 << 10, most_allocated: 256 << 20 },
    Target { name: "stream", run: stream::run, longest: 6 << 10, most_allocated: 64 << 20 },
    Target { name: "tls", run: tls::run, longest: 8 << 10, most_allocated: 64 << 20 },
];

/// Runs `input` through the target `name`.
///
/// # Panics
/// When a promise is broken, or there is no such target.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    (target.run)(&input[..input.len().min(target.longest)]);
}
