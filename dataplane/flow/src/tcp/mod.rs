//! TCP: where a connection stands, what of a packet counts, and what is odd about it.
//!
//! - [`event`]: names of stream events, and sets of them
//! - [`tracker`]: the state machine
//!
//! Called by [`crate::FlowTable`] for each TCP packet whose checksum is right. Reassembly reads from here and never moves a connection.

pub mod event;
pub mod tracker;

pub use event::{StreamEvent, StreamEvents};
pub use tracker::*;
