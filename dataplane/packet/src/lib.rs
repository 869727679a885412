//! Decoder of frames: from the bytes of one frame to the headers of each layer, outermost first.
//!
//! Called by `worker::pipeline` for every received frame and by defragmentation for every datagram it puts together; `normalise` says what must change in a packet before it leaves.
//! Pure: no I/O, no clock, no allocation, no state between frames; the answer is a function of frame, link type and
//! configuration. It never judges: what is odd becomes a [`DecodeEvent`], what cannot be followed sets
//! [`Headers::invalid`], and policy for both lives elsewhere. The decoder never reassembles: a fragment is described, not joined; joining is `defrag/`.
//!
//! `fast.rs` reads the flow key of plain frames without decoding them. `decode.rs` walks a frame; `link/`, `network/`, `transport/` and `tunnel/` hold one protocol a file, each a function
//! from bytes to fields of [`Headers`] and the step that follows. No recursion: the walk is a loop with a budget.
//!
//! Names of events, and where decoding stops, follow Suricata's rule files and public tests, because rule sets are
//! written against them. Headers are read as fixed-size arrays: an index into such an array is checked by the compiler.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod checksum;
mod config;
mod decode;
pub mod defrag;
mod event;
mod fast;
mod headers;
mod input;
mod link;
mod network;
pub mod normalise;
mod options;
mod seen;
mod transport;
mod tunnel;

#[cfg(test)]
mod build;
#[cfg(test)]
mod proptests;
#[cfg(test)]
mod reference;

pub use config::{DecodeConfig, PortList, Teredo};
pub use decode::decode;
pub use event::{DecodeEvent, EventIter, EventSet};
pub use fast::{Plain, PlainKind, PlainReader, Traits};
pub use headers::{
    Decoded, Embedded, Fragment, Headers, MAX_LAYERS, PacketSource, SctpFields, TcpFields, TcpFlags, TcpOptions,
    TcpTimestamps,
};
pub use link::LinkType;
pub use link::arp::{Arp, arp};
pub use options::{
    ExtensionHeader, ExtensionHeaders, OptionIter, SctpChunk, SctpChunks, extension_headers, ip_options, sctp_chunks,
    tcp_options,
};
pub use seen::{Protocol, ProtocolSet};
