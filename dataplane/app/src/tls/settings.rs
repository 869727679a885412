//! Settings of the TLS parser.
//!
//! A member of [`crate::AppSettings`]; set by `sluice-config`.

use crate::field::{Field, Fields};

/// What records of hellos are made of when they list everything.
const OF_HANDSHAKE: &[Field] =
    &[Field::TlsHelloVersion, Field::TlsCipher, Field::TlsCiphers, Field::TlsExtensions, Field::TlsSignatures];

const OF_JA3: &[Field] = &[Field::Ja3Hash, Field::Ja3String, Field::Ja3sHash, Field::Ja3sString];

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// What becomes of encrypted connections.
    pub encryption: Encryption,
    /// Records list the ciphers, extensions and signature algorithms of hellos.
    pub log_handshake: bool,
    /// Records tell certificates whole.
    pub log_certificates: bool,
    /// Records tell of the client's certificate, and wait for it.
    pub log_client: bool,
    /// Records are made of sessions that go on, which show no certificate.
    pub log_resumed: bool,
    /// JA3 and JA3S are made, also for QUIC, when something asks for them.
    pub ja3: bool,
    /// JA4 is made, also for QUIC, when something asks for it.
    pub ja4: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            encryption: Encryption::Track,
            log_handshake: false,
            log_certificates: false,
            log_client: false,
            log_resumed: true,
            ja3: true,
            ja4: true,
        }
    }
}

impl TlsSettings {
    /// What is put down of what is asked for.
    pub fn limit(&self, wants: &mut Fields) {
        if self.log_handshake {
            OF_HANDSHAKE.iter().for_each(|&field| wants.add(field));
        }
        if self.log_certificates {
            wants.add(Field::TlsChain);
        }
        if !self.ja3 {
            OF_JA3.iter().for_each(|&field| wants.remove(field));
        }
        if !self.ja4 {
            wants.remove(Field::Ja4Hash);
        }
    }
}
