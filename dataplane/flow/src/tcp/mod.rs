//! TCP: where a connection stands, what of a packet counts, and what is odd about it.
//!
//! - [`event`]: names of stream events, and sets of them
//! - [`segment`]: what is asked of a packet; [`outcome`]: what is told about it; [`settings`]
//! - [`tracker`]: one connection; `handshake`, `open` and `anew`: its steps
//! - [`offer`], [`bounds`]: what lies beside the flow
//!
//! Called by [`crate::FlowTable`] for each TCP packet whose checksum is right. Reassembly reads from here and never moves a connection.

mod anew;
pub mod bounds;
pub mod event;
mod handshake;
pub mod offer;
mod open;
pub mod outcome;
pub mod segment;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod tracker;

pub use anew::Anew;
pub(crate) use anew::{Handshake, same_offers};
pub use bounds::{Agreed, TcpBounds};
pub use event::{StreamEvent, StreamEvents};
pub use offer::OfferWords;
pub use open::may_be_usual;
pub use outcome::{Accepted, FastOpen, TcpOutcome, TcpStep};
pub use segment::{ACK, FIN, PSH, RST, SYN, TcpSegment, Timestamps, URG};
pub use settings::TcpSettings;
pub use tracker::TcpTracker;
