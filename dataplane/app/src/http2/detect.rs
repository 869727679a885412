//! Whether bytes are the beginning of HTTP/2.
//!
//! Asked by [`crate::protocol`] with the first bytes of each end of a flow. A client says so in words no other protocol has; a server begins with its settings.

use super::frame::{self, Head, kind};
use crate::protocol::Likeness;
use sluice_core::Direction;

/// What a client says first (RFC 9113 section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The first line of it.
const LINE: usize = 16;

/// How much `bytes`, the first that went in `direction`, look like HTTP/2.
pub fn likeness(bytes: &[u8], direction: Direction) -> Likeness {
    match direction {
        Direction::ToServer => {
            let begins = PREFACE.iter().zip(bytes).take(LINE).all(|(wanted, byte)| wanted == byte);
            match bytes.len() {
                _ if !begins => Likeness::No,
                0..LINE => Likeness::More,
                _ => Likeness::Sure,
            }
        }
        Direction::ToClient => match Head::of(bytes) {
            None => {
                let begins = bytes.iter().take(2).all(|byte| *byte == 0);
                let may_be = bytes.get(3).is_none_or(|kind| *kind == kind::SETTINGS);
                if begins && may_be { Likeness::More } else { Likeness::No }
            }
            Some(head) => {
                let settings = head.kind == kind::SETTINGS && head.stream == 0 && head.flags & !frame::flag::END == 0;
                let fits = settings && head.length % 6 == 0 && head.length <= 6 * 16;
                if fits { Likeness::Fits } else { Likeness::No }
            }
        },
    }
}
