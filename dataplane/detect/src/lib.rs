//! The immutable rule set the workers read, and what judging a packet by it means.
//!
//! - [`range`], [`address`]: number ranges and address sets
//! - [`rule`]: one compiled signature
//! - [`check`]: header keywords and reads of state
//! - [`program`], [`run`]: contents, regular expressions and byte operations over one buffer
//! - [`buffer`]: the pieces of a packet a program can look at; [`transform`], [`derived`], [`base64`]: what is made of them first
//! - [`entropy`], [`dataset`], [`prefix`], [`rewrite`]: what single keywords need; [`contexts`]: what a match tells besides its signature
//! - `gate`, `door`, `address_index`, `candidates`: a quick look at a rule, and with its ports; rules found by an address; the rules a packet may match, in order; `idle`: packets that no rule asks of
//! - [`ruleset`], [`group`]: all signatures, grouped by protocol and direction, each group with its prefilter
//! - [`app`]: what is asked of the messages of application protocols
//! - [`state`]: thresholds, host bits and pair bits shared between flows
//! - [`inspect`]: one packet against the rule set; `inspect_stream`: the same with a piece of its stream; [`inspect_transaction`]: a transaction
//! - [`tagged`]: packets that an earlier alert tagged; [`cost`]: what each rule costs
//! - [`literals`]: the multi-pattern matcher, `gram_index` in front of it; [`group`]: over payloads; [`field_groups`]: over fields of transactions
//!
//! Built by `sluice-rules`, read by `sluice-worker`. Never does I/O, never reads a clock; allocates only when a rule set is built
//! and when an [`Inspector`] is made for it.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod address;
mod address_index;
pub mod app;
pub mod base64;
pub mod buffer;
mod candidates;
pub mod check;
pub mod contexts;
pub mod cost;
pub mod dataset;
pub mod derived;
mod door;
mod endpoints;
pub mod entropy;
pub mod field_groups;
mod gate;
mod gram_index;
mod group;
mod idle;
pub mod inspect;
mod inspect_stream;
pub mod inspect_transaction;
pub mod literals;
mod matchers;
mod port_index;
pub mod ports;
pub mod prefix;
pub mod program;
pub mod range;
pub mod regex;
pub mod remarks;
pub mod rewrite;
pub mod rule;
pub mod ruleset;
pub mod run;
pub mod scope;
mod start_index;
pub mod state;
pub mod stream;
pub mod tagged;
pub mod threshold;
pub mod transform;

pub use inspect::{Finding, Findings, Inspector, PacketView};
pub use rule::Rule;
pub use ruleset::{Ruleset, RulesetBuilder};
