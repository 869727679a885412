//! Versions of QUIC, and where packets of each have what.
//!
//! Sources: RFC 9000 section 17, RFC 9369 section 3, the drafts of QUIC-Transport; for gQUIC the published "QUIC Wire Layout Specification" (Google).

/// RFC 9000.
pub const VERSION_1: u32 = 1;
/// RFC 9369.
pub const VERSION_2: u32 = 0x6b33_43cf;
/// The last of gQUIC, whose first packets are encrypted.
pub const GQUIC_50: u32 = 0x5130_3530;
/// The server tells which versions it has.
pub const NEGOTIATION: u32 = 0;

/// The number of a draft.
pub const fn draft(version: u32) -> Option<u8> {
    if version >> 8 == 0x00ff_0000 { Some(version as u8) } else { None }
}

/// The number of a version of gQUIC: of Q046, 46.
pub const fn gquic(version: u32) -> Option<u8> {
    match version.to_be_bytes() {
        [b'Q', b'0', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some((tens - b'0') * 10 + ones - b'0'),
        _ => None,
    }
}

/// Whether Initial packets of this version can be read, and are laid out as in RFC 9000.
pub const fn is_ietf(version: u32) -> bool {
    matches!(version, VERSION_1 | VERSION_2 | GQUIC_50) || matches!(draft(version), Some(21..=34))
}

/// What a packet with a long header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first ones.
    Initial,
    /// Data before the handshake is over.
    Early,
    /// The rest of the handshake.
    Handshake,
    /// The client is to try again.
    Retry,
}

impl Kind {
    /// That of a packet with this first byte.
    pub const fn of(version: u32, first: u8) -> Self {
        let bits = first >> 4 & 3;
        // Version 2 has them turned by one, so that nobody relies on them.
        match if version == VERSION_2 { bits.wrapping_sub(1) & 3 } else { bits } {
            0 => Self::Initial,
            1 => Self::Early,
            2 => Self::Handshake,
            _ => Self::Retry,
        }
    }
}
