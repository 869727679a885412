//! Application protocols: how they are recognised, read and put into transactions.
//!
//! - [`protocol`]: which parsers are on, and which protocol a flow speaks
//! - [`applications`]: the conversations of one worker, each with its parser
//! - `ends`: whether both ends speak the same
//! - [`parser`]: what a parser is; [`desk`]: where it puts what it finds
//! - [`field`]: what is found, by name; [`file`]: files, for records; [`event`]: what is wrong; [`level`]: how far a transaction is
//! - [`room`]: transactions and bodies, bounded; [`arena`]: the memory behind them; [`log`]: how fields lie in it
//! - [`view`]: what rules and records see of a transaction; [`judging`]: what detection remembers of it
//! - [`pdu`]: units with a length in front; reading numbers from bytes
//! - one folder per protocol, all with the same files: `detect` (is it this protocol?), `parse` (the state machine), and what else it needs
//!
//! Called by `sluice-worker` with the bytes of flows, in order; read by `sluice-detect` (rules) and by `sluice-events` (records, off the packet path). Never allocates after
//! start, never panics, never reads beyond a length; what a byte costs is bounded.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod applications;
pub mod arena;
pub mod desk;
pub mod digest;
pub mod dnp3;
pub mod dns;
mod ends;
pub mod enip;
pub mod event;
pub mod field;
pub mod file;
pub mod http;
pub mod http2;
pub mod judging;
pub mod level;
pub mod log;
pub mod modbus;
pub mod parser;
pub mod pdu;
pub mod protocol;
pub mod quic;
pub mod room;
#[cfg(test)]
pub(crate) mod testing;
pub mod tls;
mod unread;
pub mod view;

pub use applications::{Applications, Input};
pub use desk::Desk;
pub use event::AppEvent;
pub use field::{Field, Fields};
pub use parser::{Fed, Parser};
pub use protocol::AppSettings;
pub use room::{Body, BodyRef, FileEnd, Room, TxRef};
pub use sluice_core::{AppLink, AppNews, AppOddity, AppProtocol, AppState};
pub use view::TransactionView;
