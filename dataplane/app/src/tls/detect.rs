//! Whether bytes are the beginning of TLS.
//!
//! Asked by [`crate::protocol`] with the first bytes of each end of a flow.

use super::parse::{ALERT, APPLICATION, CIPHER, HANDSHAKE, MOST_RECORD};
use crate::protocol::Likeness;
use sluice_core::Direction;

/// How much `bytes`, the first that went in `direction`, look like TLS: a record's head with a version there is, and what must stand behind it. Either end may speak first, as a connection may be
/// picked up in the middle.
pub fn likeness(bytes: &[u8], _direction: Direction) -> Likeness {
    let Some(&first) = bytes.first() else { return Likeness::More };
    if first & 0x80 != 0 {
        return v2(bytes);
    }
    if !(CIPHER..=APPLICATION).contains(&first) || bytes.get(1).is_some_and(|&major| major != 3) {
        return Likeness::No;
    }
    if bytes.get(2).is_some_and(|&minor| minor > 4) {
        return Likeness::No;
    }
    let &[kind, _, _, high, low, ref behind @ ..] = bytes else { return Likeness::More };
    let length = usize::from(high) << 8 | usize::from(low);
    let fits = (1..=MOST_RECORD).contains(&length);
    match (kind, behind.first()) {
        (CIPHER, _) if length != 1 => Likeness::No,
        (ALERT, _) if length != 2 && length < 16 => Likeness::No,
        // An empty one is wrong, and of nothing else.
        (HANDSHAKE, _) if length == 0 => Likeness::Sure,
        (_, _) if kind != HANDSHAKE && !fits => Likeness::No,
        (CIPHER | HANDSHAKE, None) => Likeness::More,
        (CIPHER, Some(1)) | (ALERT | APPLICATION, _) => Likeness::Sure,
        // The length of a hello's record is checked by the parser, which tells what is wrong.
        (HANDSHAKE, Some(1 | 2)) => Likeness::Sure,
        (HANDSHAKE, Some(0..=24)) if fits => Likeness::Sure,
        _ => Likeness::No,
    }
}

/// How much they look like a hello of SSLv2.
fn v2(bytes: &[u8]) -> Likeness {
    let known = |high: u8, low: u8| matches!((high, low), (0, 2) | (3, 0..=3));
    match *bytes {
        [_, low, 1, version, minor, a, b, c, d, e, f, ..] => {
            let length = usize::from(bytes.first().map_or(0, |high| high & 0x7f)) << 8 | usize::from(low);
            let [ciphers, session, challenge] =
                [[a, b], [c, d], [e, f]].map(|pair| usize::from(u16::from_be_bytes(pair)));
            let whole = 9 + ciphers + session + challenge;
            let fits = known(version, minor) && length == whole && ciphers > 0 && ciphers % 3 == 0 && challenge >= 16;
            if fits { Likeness::Sure } else { Likeness::No }
        }
        // The server's: whether the session goes on, kind of certificate, version.
        [_, _, 4, 0 | 1, 0 | 1, 0, 2, ..] => Likeness::Sure,
        [_, _, 4, 0 | 1, 0 | 1, 0] | [_, _, 4, 0 | 1, 0 | 1] | [_, _, 4, 0 | 1] | [_, _, 4] => Likeness::More,
        [_, _, 1, 0 | 3, ..] | [_, _, 1] | [_, _] | [_] => Likeness::More,
        _ => Likeness::No,
    }
}
