//! What rules ask of a TLS transaction beyond the bytes of a field.
//!
//! Built by `sluice-rules`, asked by `sluice-detect`.

use super::hello::is_13;
use crate::{field::Field, log, view::TransactionView};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsTest {
    /// `tls.version`, `ssl_version`: one of these, or none of them. 1.3 is its drafts too.
    Version {
        /// The versions.
        any: Box<[u16]>,
        /// None of them.
        negated: bool,
    },
    /// `ssl_state`: a message among these bits of [`super::handshake::state`] was seen, or one that is not.
    State {
        /// The bits.
        bits: u64,
        /// Another one.
        negated: bool,
    },
    /// `tls_cert_notbefore`, `tls_cert_notafter`: a date from the first to the second, seconds since 1970.
    Date(Field, i64, i64),
    /// `tls_cert_expired`: the certificate was no longer valid.
    Expired,
    /// `tls_cert_valid`: it was valid.
    Valid,
    /// `tls.subject`, `tls.issuerdn`, `tls.fingerprint`: the field has these bytes in it, or is there and has not.
    Contains {
        /// The field.
        field: Field,
        /// The bytes.
        bytes: Box<[u8]>,
        /// It has not.
        negated: bool,
    },
}

impl TlsTest {
    /// The field it asks for; those it asks for besides are put down with it.
    pub const fn field(&self) -> Field {
        match self {
            Self::Version { .. } => Field::TlsVersion,
            Self::State { .. } => Field::TlsState,
            Self::Date(field, ..) | Self::Contains { field, .. } => *field,
            Self::Expired | Self::Valid => Field::TlsCertTime,
        }
    }

    /// The answer.
    pub fn holds(&self, view: &TransactionView) -> bool {
        match self {
            Self::Version { any, negated } => view.numbers(Field::TlsVersion).any(|found| {
                let same = |version: u16| u64::from(version) == found || (version == 0x0304 && is_13(found as u16));
                any.iter().any(|&version| same(version)) != *negated
            }),
            Self::State { bits, negated } => {
                let bits = if *negated { !bits } else { *bits };
                view.numbers(Field::TlsState).any(|found| found & bits != 0)
            }
            Self::Date(field, from, to) => {
                view.numbers(*field).any(|seconds| (*from..=*to).contains(&(seconds as i64)))
            }
            Self::Expired => validity(view).is_some_and(|[_, after, now]| after < now),
            Self::Valid => validity(view).is_some_and(|[before, after, now]| before <= now && now <= after),
            Self::Contains { field, bytes, negated } => {
                view.pieces(*field).any(|piece| contains(piece, bytes) != *negated)
            }
        }
    }
}

/// First and last moment at which the certificate is valid, and when it came.
fn validity(view: &TransactionView) -> Option<[i64; 3]> {
    let first = |field| view.pieces(field).next().map(|bytes| log::number(bytes) as i64);
    Some([first(Field::TlsNotBefore)?, first(Field::TlsNotAfter)?, first(Field::TlsCertTime)?])
}

/// Whether `wanted` stands in `bytes`; both are short.
fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || bytes.windows(wanted.len()).any(|part| part == wanted)
}
