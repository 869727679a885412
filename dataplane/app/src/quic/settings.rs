//! Settings of the QUIC parser.
//!
//! A member of [`crate::AppSettings`]; set by `sluice-config`.

use crate::tls::Encryption;

/// Settings of the QUIC parser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuicSettings {
    /// What becomes of connections once their hellos are read.
    pub encryption: Encryption,
}
