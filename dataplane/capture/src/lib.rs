//! Capture files: the records of a pcap or pcapng file, one after the other.
//!
//! Called by `sluice-service`, which looks through a capture before it is replayed, and by `sluice-worker`, which replays it. Knows formats, not protocols: what a record's bytes mean is told
//! by `sluice-packet`. Never writes, and keeps no more of a file in memory than a window over it.
#![forbid(unsafe_code)]

mod classic;
mod damage;
mod ng;
mod order;
mod records;
mod window;

pub use damage::{Damage, OpenError};
pub use records::{Record, Records, Resolution};
