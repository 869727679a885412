//! Whole-system tests of Sluice and the traffic they are made of.
//!
//! - [`traffic`]: frames, sessions and captures, built byte by byte
//! - [`cases`]: the golden cases: for each its traffic, its rules and what must come out
//! - [`demo`]: the capture `sluice demo` plays
//! - [`fuzz`]: what is asked of hostile input, for fuzzers and for `tests/fuzz_corpus.rs`
//! - [`golden`]: runs the `sluice` binary over a case and counts what it wrote
//! - [`hostile`]: conversations that ask for memory and never end
//! - [`tangle`]: traffic of any kind, for comparing one run with another
//!
//! Nothing here is part of the product. Time is passed in, randomness is seeded: the same source makes the same bytes.
#![forbid(unsafe_code)]

pub mod cases;
pub mod demo;
pub mod fuzz;
pub mod golden;
pub mod hostile;
pub mod tangle;
pub mod traffic;
