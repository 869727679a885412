//! Whether bytes are the beginning of QUIC.
//!
//! Asked by [`crate::protocol`] with the first datagram of each end of a flow, and with later ones while none told its protocol, or another one.
//!
//! Source: RFC 9000 sections 14.1 (how long the client's first datagrams are) and 17.2.

use super::{
    parse::is_opened,
    version::{gquic, is_ietf},
};
use crate::{pdu::u32_be, protocol::Likeness};
use sluice_core::Direction;

/// Bytes of a connection identifier, at most (RFC 9000 section 17.2).
const MOST_ID: u8 = 20;
/// Bytes of a datagram with a client's first packet, at least: servers throw shorter ones away.
const LEAST_FIRST: usize = 1_200;

/// Whether `bytes` begin with a long header of a version whose first packets anybody can open.
fn is_long(bytes: &[u8]) -> bool {
    let length = bytes.get(5).copied().unwrap_or(u8::MAX);
    let behind = bytes.get(6 + usize::from(length)).copied().unwrap_or(u8::MAX);
    let has_version = || is_ietf(u32_be(bytes, 1).unwrap_or(0));
    bytes.first().is_some_and(|first| first & 0xc0 == 0xc0) && length <= MOST_ID && behind <= MOST_ID && has_version()
}

/// Whether `bytes` are a client's first datagram, as what it holds can be decrypted: nobody makes such bytes by chance, and nothing is found in any others.
///
/// # Cost
/// A few compares, and decryption of what has the form.
pub fn is_certain(bytes: &[u8]) -> bool {
    bytes.len() >= LEAST_FIRST && is_long(bytes) && is_opened(bytes)
}

/// How much `bytes`, a datagram that went in `direction`, look like QUIC: a header that names a version there is. Packets without a version can't be told from any other traffic.
///
/// Of a client the header alone is believed on the port of QUIC: whoever put it in front of something else would hide that.
pub fn likeness(bytes: &[u8], direction: Direction) -> Likeness {
    let Some(&first) = bytes.first() else { return Likeness::No };
    if is_long(bytes) && direction == Direction::ToServer && !is_certain(bytes) {
        return Likeness::Fits;
    }
    let fits = if first & 0x80 != 0 {
        let old = gquic(u32_be(bytes, 1).unwrap_or(0)).is_some_and(|number| (44..=49).contains(&number));
        first & 0x40 != 0 && old || is_long(bytes)
    } else {
        // gQUIC: version and connection are there.
        first & 0x09 == 0x09
            && first & 0x82 == 0
            && u32_be(bytes, 9).and_then(gquic).is_some_and(|number| (24..=43).contains(&number))
    };
    if fits { Likeness::Sure } else { Likeness::No }
}
