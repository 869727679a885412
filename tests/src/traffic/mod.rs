//! A builder of frames, sessions and captures.
//!
//! - [`link`], [`ip`], [`tcp`], [`udp`], [`icmp`], [`tunnel`]: one layer a file, each from fields to bytes, checksums right
//! - [`wire`]: two hosts and what lies between them: tags, tunnel, link type
//! - [`session`], [`exchange`]: conversations on a wire
//! - [`clock`], [`random`]: time and chance, both given
//! - [`capture`]: conversations merged by time, as a pcap file
//!
//! Used by `cases`, `demo` and any test that wants packets. Never reads a clock, never draws a number that was not seeded.

pub mod capture;
pub mod clock;
pub mod exchange;
pub mod icmp;
pub mod ip;
pub mod link;
pub mod random;
pub mod session;
pub mod tcp;
pub mod tunnel;
pub mod udp;
pub mod wire;

pub use capture::{Capture, Record, Resolution};
pub use clock::Clock;
pub use exchange::{Ping, UdpExchange};
pub use ip::Ip;
pub use link::Link;
pub use random::Random;
pub use session::TcpSession;
pub use tunnel::Tunnel;
pub use wire::{Host, Side, Wire};
