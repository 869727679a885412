//! Whether bytes are the beginning of DNP3.
//!
//! Asked by [`crate::protocol`] once per end of a flow.

use super::parse::{HEADER, START, header_is_sound};
use crate::protocol::Likeness;

/// How much `bytes`, the first of one end, look like DNP3: two bytes that begin every frame, and a checksum.
pub fn likeness(bytes: &[u8]) -> Likeness {
    if bytes.len() < HEADER {
        let begins = START.iter().zip(bytes).all(|(wanted, byte)| wanted == byte);
        return if begins { Likeness::More } else { Likeness::No };
    }
    if header_is_sound(bytes) { Likeness::Sure } else { Likeness::No }
}
