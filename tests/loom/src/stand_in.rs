//! Types that travel through the queues, as small as a model wants them.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// A rule set: its number.
#[derive(Debug)]
pub struct Ruleset(pub u32);

/// Room for judging: tells when it is freed by a thread that may not free.
#[derive(Debug)]
pub struct Inspector {
    /// Counts those freed while set aside for nobody: see [`Inspector::disarm`].
    pub freed_by_worker: Arc<AtomicU32>,
    /// Whether the control core has it.
    pub disarmed: bool,
}

impl Inspector {
    /// The control core has it back and may free it.
    pub fn disarm(&mut self) {
        self.disarmed = true;
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        if !self.disarmed {
            self.freed_by_worker.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Mbuf(pub NonZeroU32);

/// A time.
#[derive(Clone, Copy, Debug)]
pub struct Nanos(pub u64);

/// A link type.
#[derive(Clone, Copy, Debug)]
pub struct LinkType;

/// Stands in for `sluice_worker::checksums`.
pub mod checksums {
    /// What is done about checksums.
    #[derive(Clone, Copy, Debug)]
    pub struct Checksums;
}

/// Stands in for `sluice_worker::datagrams`.
pub mod datagrams {
    /// What workers hand to each other: here a frame.
    pub type Packet = super::Mbuf;
}

/// Stands in for `sluice_packet::defrag`.
pub mod defrag {
    /// What became of a fragment.
    #[derive(Clone, Copy, Debug)]
    pub struct Inserted;
}

/// Stands in for `sluice_worker::pipeline`.
pub mod pipeline {
    /// Where a packet was.
    #[derive(Clone, Copy, Debug)]
    pub struct At {
        /// Its record.
        pub record: u64,
    }
}

/// Stands in for `sluice_core::event`.
pub mod event {
    /// A slot for one record.
    #[derive(Debug, Default)]
    pub struct EventSlot {
        /// The worker.
        pub worker: u16,
        /// The number.
        pub sequence: u64,
        /// What it carries here: the number of a packet.
        pub record: u64,
    }

    impl EventSlot {
        /// A slot.
        pub fn with_capacity(_: usize) -> Self {
            Self::default()
        }

        /// Bytes are left out.
        pub fn set_bytes(&mut self, _: &[u8]) {}
    }
}
