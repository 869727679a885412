//! Whether bytes are the beginning of QUIC.
//!
//! Asked by [`crate::protocol`] with the first datagram of each end of a flow.

use super::version::{gquic, is_ietf};
use crate::{pdu::u32_be, protocol::Likeness};
use sluice_core::Direction;

/// Bytes of a connection identifier, at most (RFC 9000 section 17.2).
const MOST_ID: u8 = 20;

/// How much `bytes`, a datagram that went in `direction`, look like QUIC: a header that names a version there is. Packets without a version can't be told from any other traffic.
pub fn likeness(bytes: &[u8], _direction: Direction) -> Likeness {
    let Some(&first) = bytes.first() else { return Likeness::No };
    let fits = if first & 0x80 != 0 {
        let version = u32_be(bytes, 1).unwrap_or(0);
        let lengths_fit = || {
            let length = bytes.get(5).copied().unwrap_or(u8::MAX);
            let behind = bytes.get(6 + usize::from(length)).copied().unwrap_or(u8::MAX);
            length <= MOST_ID && behind <= MOST_ID
        };
        let old = gquic(version).is_some_and(|number| (44..=49).contains(&number));
        first & 0x40 != 0 && (old || (is_ietf(version) && lengths_fit()))
    } else {
        // gQUIC: version and connection are there.
        first & 0x09 == 0x09
            && first & 0x82 == 0
            && u32_be(bytes, 9).and_then(gquic).is_some_and(|number| (24..=43).contains(&number))
    };
    if fits { Likeness::Sure } else { Likeness::No }
}
