//! Whether bytes are the beginning of Modbus.
//!
//! Asked by [`crate::protocol`] once per end of a flow.

use super::parse::{self, Message};
use crate::{pdu::Framed, protocol::Likeness};
use sluice_core::Direction;

/// How much `bytes`, the first that went in `direction`, look like Modbus. The header holds little that others could not send by chance, so
/// it is believed on the protocol's port only, and when the function has the length it must have.
pub fn likeness(bytes: &[u8], direction: Direction) -> Likeness {
    let length = match parse::frame(bytes, direction) {
        Framed::Whole { bytes, wrong: None } => bytes,
        Framed::Needs(_) if bytes.iter().skip(2).take(2).all(|byte| *byte == 0) => return Likeness::More,
        _ => return Likeness::No,
    };
    let message = bytes.get(..length).and_then(Message::of);
    if message.is_some_and(|message| message.function != 0) { Likeness::Fits } else { Likeness::No }
}
