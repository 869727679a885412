//! Settings of the TLS parser.
//!
//! A member of [`crate::AppSettings`]; set by `sluice-config`.

/// What becomes of a connection when what follows is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Its records are still counted, by their heads.
    #[default]
    Track,
    /// Nothing more is looked at.
    Bypass,
    /// As `Track`; rules over the stream see it besides.
    Full,
}

/// Settings of the TLS parser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// What becomes of encrypted connections.
    pub encryption: Encryption,
}
