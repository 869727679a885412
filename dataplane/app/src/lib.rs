//! Application protocols: how they are recognised, read and put into transactions.
//!
//! - [`protocol`]: which parsers are on, and which protocol a flow speaks
//! - [`pdu`]: one protocol data unit in the bytes of one end; reading numbers from bytes
//! - [`event`]: what parsers find wrong
//! - [`store`]: conversations and transactions of one worker, bounded
//! - [`view`]: what rules and records see of a transaction; [`field`]: its numbers and pieces by name
//! - [`enip`], [`modbus`], [`dnp3`]: one folder per protocol, all with the same files: `detect` (is it this protocol?), `parse` (bytes to a
//!   PDU), `fields` (what rules and records read)
//!
//! Called by `sluice-worker` for the data of flows whose protocol is known or not looked for yet; read by `sluice-detect` (rules) and by
//! `sluice-events` (records, off the packet path). A parser keeps nothing: it reads the bytes of a PDU each time it is asked, and what it
//! costs is bounded by their number. Never allocates after start, never panics, never reads beyond a length.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod dnp3;
pub mod enip;
pub mod event;
pub mod field;
pub mod modbus;
pub mod pdu;
pub mod protocol;
pub mod store;
pub mod view;

pub use event::{AppEvent, AppEvents};
pub use field::{AppBuffer, AppField};
pub use protocol::AppSettings;
pub use sluice_core::{AppLink, AppProtocol, AppState};
pub use store::{Segment, Store, Turn};
pub use view::View;
