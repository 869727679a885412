//! Whether bytes are the beginning of TLS.
//!
//! Asked by [`crate::protocol`] with the first bytes of each end of a flow.

use crate::protocol::Likeness;
use sluice_core::Direction;

/// How much `bytes`, the first that went in `direction`, look like TLS.
pub fn likeness(_bytes: &[u8], _direction: Direction) -> Likeness {
    Likeness::No
}
