//! Headers that mean something to the parser, or that rules see as a field of their own, by name.
//!
//! Asked once for each header; from then on a header is known by a number.
//!
//! Source: RFC 9110; the reference engine's manual, "HTTP keywords".

use crate::Field;
use sluice_core::Direction;

/// A header that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Accept,
    AcceptEncoding,
    AcceptLanguage,
    Authorization,
    Connection,
    ContentDisposition,
    ContentEncoding,
    ContentLength,
    ContentRange,
    ContentType,
    Cookie,
    Host,
    Location,
    Range,
    Referer,
    Server,
    SetCookie,
    TransferEncoding,
    Upgrade,
    UserAgent,
    XForwardedFor,
}

/// Bytes of the longest name of one.
const LONGEST: usize = b"content-disposition".len();

impl Known {
    /// The header called `name`, whatever the case of its letters.
    pub fn of(name: &[u8]) -> Option<Self> {
        // No two of them have the same length and the same last letter.
        let (known, word): (Self, &[u8]) = match (name.len(), name.last()?.to_ascii_lowercase()) {
            (4, b't') => (Self::Host, b"Host"),
            (5, b'e') => (Self::Range, b"Range"),
            (6, b't') => (Self::Accept, b"Accept"),
            (6, b'e') => (Self::Cookie, b"Cookie"),
            (6, b'r') => (Self::Server, b"Server"),
            (7, b'r') => (Self::Referer, b"Referer"),
            (7, b'e') => (Self::Upgrade, b"Upgrade"),
            (8, b'n') => (Self::Location, b"Location"),
            (10, b'n') => (Self::Connection, b"Connection"),
            (10, b'e') => (Self::SetCookie, b"Set-Cookie"),
            (10, b't') => (Self::UserAgent, b"User-Agent"),
            (12, b'e') => (Self::ContentType, b"Content-Type"),
            (13, b'n') => (Self::Authorization, b"Authorization"),
            (13, b'e') => (Self::ContentRange, b"Content-Range"),
            (14, b'h') => (Self::ContentLength, b"Content-Length"),
            (15, b'g') => (Self::AcceptEncoding, b"Accept-Encoding"),
            (15, b'e') => (Self::AcceptLanguage, b"Accept-Language"),
            (15, b'r') => (Self::XForwardedFor, b"X-Forwarded-For"),
            (16, b'g') => (Self::ContentEncoding, b"Content-Encoding"),
            (17, b'g') => (Self::TransferEncoding, b"Transfer-Encoding"),
            (LONGEST, b'n') => (Self::ContentDisposition, b"Content-Disposition"),
            _ => return None,
        };
        // As most write it, first.
        (name == word || name.eq_ignore_ascii_case(word)).then_some(known)
    }

    /// The header called `name`, which has NUL in it, where that does not count, as lenient readers take it.
    pub fn without_nul(name: &[u8]) -> Option<Self> {
        memchr::memchr(0, name)?;
        let mut letters = [0; LONGEST];
        let mut count = 0;
        for letter in name.iter().filter(|byte| **byte != 0) {
            *letters.get_mut(count)? = *letter;
            count += 1;
        }
        Self::of(letters.get(..count)?)
    }

    /// A bit of its own.
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Its field in a message that goes in `direction`.
    pub const fn field(self, direction: Direction) -> Option<Field> {
        let is_request = matches!(direction, Direction::ToServer);
        Some(match self {
            Self::Connection => Field::HttpConnection,
            Self::ContentLength => Field::HttpContentLen,
            Self::ContentType => Field::HttpContentType,
            Self::Accept if is_request => Field::HttpAccept,
            Self::AcceptEncoding if is_request => Field::HttpAcceptEnc,
            Self::AcceptLanguage if is_request => Field::HttpAcceptLang,
            Self::Cookie if is_request => Field::HttpCookie,
            Self::Host if is_request => Field::HttpHostRaw,
            Self::Range if is_request => Field::HttpContentRange,
            Self::Referer if is_request => Field::HttpReferer,
            Self::UserAgent if is_request => Field::HttpUserAgent,
            Self::XForwardedFor if is_request => Field::HttpXff,
            Self::ContentRange if !is_request => Field::HttpContentRange,
            Self::Location if !is_request => Field::HttpLocation,
            Self::Server if !is_request => Field::HttpServer,
            Self::SetCookie if !is_request => Field::HttpCookie,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Known;
    use crate::Field;
    use sluice_core::Direction::{ToClient, ToServer};

    #[test]
    fn headers_are_known_whatever_the_case_of_their_letters_and_no_others_are() {
        let all: [(&[u8], Known); 21] = [
            (b"accept", Known::Accept),
            (b"accept-encoding", Known::AcceptEncoding),
            (b"accept-language", Known::AcceptLanguage),
            (b"authorization", Known::Authorization),
            (b"connection", Known::Connection),
            (b"content-disposition", Known::ContentDisposition),
            (b"content-encoding", Known::ContentEncoding),
            (b"content-length", Known::ContentLength),
            (b"content-range", Known::ContentRange),
            (b"content-type", Known::ContentType),
            (b"cookie", Known::Cookie),
            (b"host", Known::Host),
            (b"location", Known::Location),
            (b"range", Known::Range),
            (b"referer", Known::Referer),
            (b"server", Known::Server),
            (b"set-cookie", Known::SetCookie),
            (b"transfer-encoding", Known::TransferEncoding),
            (b"upgrade", Known::Upgrade),
            (b"user-agent", Known::UserAgent),
            (b"x-forwarded-for", Known::XForwardedFor),
        ];
        for (name, known) in all {
            assert_eq!(Known::of(name), Some(known));
            assert_eq!(Known::of(&name.to_ascii_uppercase()), Some(known));
            assert_eq!(Known::of(&name[1..]), None);
            assert_eq!(Known::of(&[b"x", &name[1..]].concat()), (name[0] == b'x').then_some(known));
            let with_nul = [&name[..1], b"\0", &name[1..], b"\0"].concat();
            assert_eq!((Known::of(&with_nul), Known::without_nul(&with_nul)), (None, Some(known)));
            assert_eq!(Known::without_nul(&[&with_nul, &b"x"[..]].concat()), None);
        }
        assert_eq!((Known::of(b""), Known::without_nul(b"\0"), Known::without_nul(b"host")), (None, None, None));
        assert_eq!(Known::without_nul(&b"x\0".repeat(100)), None);
    }

    #[test]
    fn a_header_is_a_field_where_it_belongs() {
        assert_eq!(Known::Cookie.field(ToServer), Some(Field::HttpCookie));
        assert_eq!(Known::Cookie.field(ToClient), None);
        assert_eq!(Known::SetCookie.field(ToClient), Some(Field::HttpCookie));
        assert_eq!([ToServer, ToClient].map(|way| Known::Host.field(way)), [Some(Field::HttpHostRaw), None]);
        assert_eq!(Known::Upgrade.field(ToServer), None);
    }
}
