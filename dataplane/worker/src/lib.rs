//! The one crate that knows the order of the stages.
//!
//! - [`poll`]: the loops: receive, judge, transmit, report; one screen each
//! - [`live`]: the loop of a worker between live ports
//! - [`reader`], [`owner`], [`inbox`]: a replay's records spread over several workers
//! - [`generation`]: how a new rule set comes and the old one goes
//! - [`checksums`]: whether checksums count
//! - [`feed`]: what gives the records of a capture
//! - [`frames`]: the bytes of a burst, decoded
//! - [`fragments`]: fragments, and the datagrams they make
//! - [`pipeline`]: one packet through flow, rules and verdict
//! - `in_table`: the flow of a packet: found, created, counted, settled
//! - `tcp`: a packet's connection: moved on, odd packets told and stopped
//! - `application`: messages of application protocols, and rules about them; what is left of them when a flow ends
//! - `exception`: what becomes of a packet when the engine can't do with it all that it should
//! - [`glance`]: frames of flows that nothing looks at any more, without decoding them
//! - `usual`: the way of the usual TCP packet
//! - [`flows`]: which flow a packet belongs to
//! - [`report`]: event records
//! - [`reject`]: resets and unreachables
//! - [`rewrite`]: bytes that rules write over
//! - `normalise`: odd packets put right, or stopped, so that every end reads them as we did
//! - [`egress`]: where packets go
//! - [`settings`]: what the control core decides before start
//!
//! Run by `sluice-service` on an EAL lcore. No lock, no allocation, no system call, no log line and no clock read per packet.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod application;
pub mod checksums;
pub mod datagrams;
pub mod egress;
mod ending;
mod exception;
pub mod feed;
pub mod flows;
pub mod fragments;
pub mod frames;
mod gather;
pub mod generation;
pub mod glance;
mod in_table;
pub mod inbox;
pub mod live;
mod loose;
mod macs;
mod normalise;
pub mod owner;
mod pieces;
pub mod pipeline;
pub mod poll;
pub mod reader;
pub mod reject;
pub mod report;
pub mod rewrite;
pub mod serve;
pub mod settings;
mod stream;
mod tally;
mod tcp;
mod usual;
mod variables;

pub use datagrams::Datagrams;
pub use egress::{Egress, Sent};
pub use feed::{Feed, FileFeed};
pub use fragments::Fragments;
pub use generation::{Generation, Mailbox, Parcel, Post, mailbox};
pub use inbox::{Handovers, Inboxes};
pub use live::{Lane, LaneMeter, Live, LiveClock, Together};
pub use owner::Owners;
pub use pipeline::Pipeline;
pub use poll::{Meter, Source, Worker};
pub use reader::Reader;
pub use report::Reporter;
pub use serve::Serving;
pub use settings::{ChecksumMode, Copies, FileStoring, Settings, Stages};
