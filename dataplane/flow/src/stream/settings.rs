//! What can be chosen about streams.
//!
//! Set by `sluice-config`; each worker's copy is in [`super::store`].

use super::urgent::UrgentPolicy;
use crate::partition::Partitions;

/// Sizes and habits of a worker's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// Streams: as many as there are flows.
    pub streams: usize,
    /// Bytes kept of all streams together.
    pub memory: usize,
    /// Bytes kept of one direction of one stream.
    pub most: u32,
    /// Bytes of each direction that are judged; 0 for all.
    pub depth: u32,
    /// Bytes before those that are new to a judgement which take part in it.
    pub window: u32,
    /// Bytes are judged when they arrive, and the first that come for a place count: inline. Otherwise when they are acknowledged.
    pub at_once: bool,
    /// How the flow table is divided.
    pub partitions: Partitions,
    /// Lists of rules that wait.
    pub lists: usize,
    /// What is done with urgent data.
    pub urgent: UrgentPolicy,
    /// Secret of the index.
    pub seed: u64,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            streams: 1,
            memory: 256 << 20,
            most: 8 << 20,
            depth: 1 << 20,
            window: 2_560,
            at_once: false,
            partitions: Partitions::ONE,
            lists: 65_536,
            urgent: UrgentPolicy::default(),
            seed: 0,
        }
    }
}
