//! Whether bytes are the beginning of DNS.
//!
//! Asked by [`crate::protocol`] with the first bytes of each end of a flow.

use crate::protocol::Likeness;
use sluice_core::Direction;

/// How much `bytes`, the first that went in `direction`, look like DNS; over TCP a length stands in front of each message.
pub fn likeness(_bytes: &[u8], _direction: Direction, _datagram: bool) -> Likeness {
    Likeness::No
}
