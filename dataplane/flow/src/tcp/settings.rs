//! What can be chosen about the state machine.
//!
//! Set by `sluice-config`, the same for all workers.

/// Most SYNs of one connection that are remembered besides the first.
pub const MAX_SYN_QUEUED: u8 = 10;
/// Most SYN-ACKs of one connection that are remembered besides the first.
pub const MAX_SYN_ACK_QUEUED: u8 = 5;

/// Settings of the state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSettings {
    /// `stream.midstream`: connections are picked up without their handshake.
    pub midstream: bool,
    /// `stream.async-oneside`: connections of which only one direction is seen are followed.
    pub async_oneside: bool,
    /// Set by the worker from its mode. Every packet passes through us: nothing gets lost on the way here, so what was not seen was not sent.
    pub inline: bool,
    /// `stream.max-syn-queued`: SYNs remembered besides the first, at most [`MAX_SYN_QUEUED`].
    pub max_syn_queued: u8,
    /// `stream.max-synack-queued`: SYN-ACKs remembered besides the first, at most [`MAX_SYN_ACK_QUEUED`].
    pub max_syn_ack_queued: u8,
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self {
            midstream: false,
            async_oneside: false,
            inline: false,
            max_syn_queued: MAX_SYN_QUEUED,
            max_syn_ack_queued: MAX_SYN_ACK_QUEUED,
        }
    }
}
