//! What one packet did to its connection, and what of it counts.
//!
//! Made by [`super::TcpTracker::update`], read by `sluice-worker` (verdict, counters, events) and by reassembly (which bytes to keep).

use super::event::{StreamEvent, StreamEvents};

/// What a packet did to the connection as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TcpStep {
    /// Nothing worth counting.
    #[default]
    None,
    /// A session began with a SYN.
    Began,
    /// A session was picked up in the middle.
    PickedUp,
}

/// What became of data that came with a SYN (RFC 7413).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FastOpen {
    /// The packet tells nothing about it.
    #[default]
    Silent,
    /// The SYN-ACK acknowledges data of the SYN: they are the first bytes of the stream, as far as `acked` tells.
    Taken,
    /// The SYN-ACK acknowledges the SYN alone: the other end threw its data away.
    Ignored,
}

/// Bytes of a packet's payload that the other end takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Sequence number of the first.
    pub seq: u32,
    /// Bytes of payload in front of it that don't count.
    pub skip: u32,
    /// How many; 0 for none.
    pub len: u32,
}

/// The answer of the state machine to one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOutcome {
    /// What is odd about it.
    pub events: StreamEvents,
    /// Payload to put into the stream of its direction. For a SYN: what it offers; [`FastOpen`] in the outcome of the SYN-ACK says whether it counts.
    pub accepted: Accepted,
    /// The number up to which the other direction is acknowledged behind this packet, when its ACK is acceptable.
    pub acknowledges: Option<u32>,
    /// Urgent pointer, when URG is set: offset from the first byte of payload, not yet interpreted.
    pub urgent: Option<u16>,
    /// What it did to the connection as a whole.
    pub step: TcpStep,
    /// What became of the SYN's data.
    pub fast_open: FastOpen,
    /// Whether the other end takes notice of it. One that is not valid moved nothing; inline it is dropped when `stream.drop-invalid` says so.
    pub valid: bool,
    /// A reset that ends the connection, unless later packets show that it never arrived.
    pub reset: bool,
    /// It acknowledges data that were not seen: they were lost on the way to us, or never sent.
    pub acks_unseen: bool,
    /// The handshake became complete with it, or the connection was picked up.
    pub opened: bool,
}

impl Default for TcpOutcome {
    fn default() -> Self {
        Self {
            events: StreamEvents::NONE,
            accepted: Accepted::default(),
            acknowledges: None,
            urgent: None,
            step: TcpStep::None,
            fast_open: FastOpen::Silent,
            valid: true,
            reset: false,
            acks_unseen: false,
            opened: false,
        }
    }
}

impl TcpOutcome {
    /// The other end throws it away, and `event` says why.
    pub(crate) fn refuse(&mut self, event: StreamEvent) {
        self.events.insert(event);
        self.valid = false;
        self.accepted = Accepted::default();
    }
}
