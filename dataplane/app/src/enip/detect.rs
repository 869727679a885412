//! Whether bytes are the beginning of EtherNet/IP.
//!
//! Asked by [`crate::protocol`] once per end of a flow.

use super::parse::{self, Header, command};
use crate::{pdu::u16_le, protocol::Likeness};

/// How much `bytes`, the first of one end, look like EtherNet/IP.
///
/// The header must be there, with a known command and status and without options. On any port it is believed when the length ends with
/// the bytes as well and a session or a sender's context is named; an empty NOP is 24 zeros, which others send too.
pub fn likeness(bytes: &[u8]) -> Likeness {
    let Some(header) = Header::of(bytes) else {
        let begins = u16_le(bytes, 0).is_none_or(|command| parse::command_name(command).is_some());
        return if begins { Likeness::More } else { Likeness::No };
    };
    if parse::command_name(header.command).is_none() || header.options != 0 || !parse::status_is_known(header.status) {
        return Likeness::No;
    }
    let whole = usize::from(header.length) + parse::HEADER;
    if bytes.len() < whole {
        return Likeness::More;
    }
    let ends = whole == bytes.len();
    let speaks = header.session != 0 || header.command == command::REGISTER_SESSION;
    if ends && speaks && header.command != command::NOP { Likeness::Sure } else { Likeness::Fits }
}
