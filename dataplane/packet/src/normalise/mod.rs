//! The normaliser: what must be changed in a packet, or stop it, so that every end reads it as we did.
//!
//! - [`action`]: what it can do, by name, and what is chosen
//! - [`look`]: the checks of one layer; `ip` and `tcp` hold them
//! - [`edits`]: the changes, and the checksums that follow them
//!
//! Called by `sluice-worker`, inline only. Pure: headers and bytes of a frame, and what its flow knows, in; changes, or the reason to stop it, out. It never
//! changes data that leave, save that data no end may read (on a RST, on a SYN without Fast Open) are cut off.

pub mod action;
pub mod edits;
mod ip;
pub mod look;
mod tcp;
#[cfg(test)]
mod tests;

pub use action::{Action, ActionSet, Switch, Switches};
pub use edits::{Edits, Wire};
pub use look::{Known, Look, look, look_in_connection};
