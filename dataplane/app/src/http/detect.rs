//! Whether bytes are the beginning of HTTP/1.
//!
//! Asked by [`crate::protocol`] with the first bytes of each end of a flow. Requests of known methods and responses are believed on any port, and so is a line of three words of which the last is a version. Of a
//! line that is longer than is looked at, a word and a path are believed.

use super::text::{is_space, is_token, starts_with, trim, trim_start};
use crate::protocol::Likeness;
use sluice_core::Direction;

/// Methods that are believed before the line ends.
const METHODS: [&[u8]; 39] = [
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"CONNECT",
    b"TRACE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"VERSION-CONTROL",
    b"CHECKOUT",
    b"UNCHECKOUT",
    b"CHECKIN",
    b"UPDATE",
    b"LABEL",
    b"REPORT",
    b"MKWORKSPACE",
    b"MKACTIVITY",
    b"BASELINE-CONTROL",
    b"MERGE",
    b"SEARCH",
    b"ACL",
    b"BIND",
    b"UNBIND",
    b"REBIND",
    b"LINK",
    b"UNLINK",
    b"MKCALENDAR",
    b"ORDERPATCH",
    b"M-SEARCH",
    b"NOTIFY",
    b"SUBSCRIBE",
];
/// Bytes looked at, with the blanks in front of them. However many came at once, it is the same part.
const LONGEST_LINE: usize = 4_000;
/// Longest method that is waited for: what goes on longer without a blank is something else, and flows of other protocols are not held in doubt. Should it be one, the server's answer tells.
pub(super) const LONGEST_METHOD: usize = 255;

/// How much `bytes`, the first that went in `direction`, look like HTTP/1.
pub fn likeness(bytes: &[u8], direction: Direction) -> Likeness {
    let bytes = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
    let is_full = bytes.len() == LONGEST_LINE;
    let start = trim_start(bytes);
    if start.is_empty() {
        // Servers pass over blank lines, some of them over any number.
        return match is_full {
            false => Likeness::More,
            true if bytes.iter().all(|byte| is_space(*byte)) => Likeness::Fits,
            true => Likeness::No,
        };
    }
    match direction {
        Direction::ToClient => response(start),
        Direction::ToServer => request(start, is_full),
    }
}

fn response(bytes: &[u8]) -> Likeness {
    let word = b"HTTP/";
    if bytes.len() < word.len() {
        return if starts_with(word, bytes) { Likeness::More } else { Likeness::No };
    }
    match bytes.get(word.len()..).and_then(|rest| rest.first()) {
        _ if !bytes.starts_with(word) => Likeness::No,
        None => Likeness::More,
        Some(byte) if byte.is_ascii_digit() => Likeness::Sure,
        Some(_) => Likeness::No,
    }
}

fn request(bytes: &[u8], is_full: bool) -> Likeness {
    let end = bytes.iter().position(|byte| !is_token(*byte)).unwrap_or(bytes.len());
    let (method, rest) = bytes.split_at_checked(end).unwrap_or((bytes, b""));
    if rest.is_empty() && method.len() <= LONGEST_METHOD {
        return Likeness::More;
    }
    if method.is_empty() || method.len() > LONGEST_METHOD || !rest.first().is_some_and(|byte| is_space(*byte)) {
        return Likeness::No;
    }
    if METHODS.contains(&method) {
        // The preface of HTTP/2 is no method of ours, and other protocols have commands of these names.
        return match trim_start(rest).first() {
            None if is_full => Likeness::Sure,
            None => Likeness::More,
            Some(b'/' | b'*' | b'h' | b'H') => Likeness::Sure,
            Some(_) => line(bytes, rest, is_full),
        };
    }
    line(bytes, rest, is_full)
}

/// A line of some words, of which the last is a version; `rest` is what stands behind the first of them.
fn line(bytes: &[u8], rest: &[u8], is_full: bool) -> Likeness {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(_) if looks_like_request(bytes) => Likeness::Sure,
        Some(_) => Likeness::No,
        None if !is_full => Likeness::More,
        // Its end is too far away: a path is as good, and nothing but text makes it sure.
        None if !matches!(trim_start(rest).first(), Some(b'/' | b'h' | b'H')) => Likeness::No,
        None if rest.iter().any(|byte| byte.is_ascii_control()) => Likeness::Fits,
        None => Likeness::Sure,
    }
}

/// Whether the line `bytes` begin with is a request of a known method or with a version.
pub(super) fn looks_like_request(bytes: &[u8]) -> bool {
    let line = trim(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default());
    let mut words = line.split(|byte| is_space(*byte)).filter(|word| !word.is_empty());
    let Some(method) = words.next() else { return false };
    let last = words.next_back().unwrap_or_default();
    let has_target = words.next().is_some();
    if !method.iter().all(|byte| is_token(*byte)) || method == b"PRI" {
        return false;
    }
    let has_version =
        starts_with(last, b"HTTP/") && last.get(5..).is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit));
    has_version && (has_target || METHODS.contains(&method))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_LINE, likeness};
    use crate::protocol::Likeness;
    use sluice_core::Direction;

    #[test]
    fn requests_are_told_by_their_method_or_their_version() {
        for (bytes, wanted) in [
            (&b"GET / HTTP/1.0\r\n"[..], Likeness::Sure),
            (b"G", Likeness::More),
            (b"GET ", Likeness::More),
            (b"GET /", Likeness::Sure),
            (b"\r\nPOST /x", Likeness::Sure),
            (b"CONNECT abc:443 HTTP/1.1\r\n", Likeness::Sure),
            (b"FROBNICATE /x HTTP/1.1\r\n", Likeness::Sure),
            (b"FROBNICATE /x", Likeness::More),
            (b"EHLO mail\r\n", Likeness::No),
            (b"PRI * HTTP/2.0\r\n", Likeness::No),
            (b"\x16\x03\x01", Likeness::No),
            (b"SSH-2.0-OpenSSH\r\n", Likeness::No),
            (b"INVITE sip:a SIP/2.0\r\n", Likeness::No),
        ] {
            assert_eq!(likeness(bytes, Direction::ToServer), wanted, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn blanks_alone_tell_nothing_yet_and_then_fit() {
        for (byte, wanted) in [(b'\n', Likeness::Fits), (b' ', Likeness::Fits), (b'\0', Likeness::No)] {
            for length in [1, 64, 65, LONGEST_LINE - 1] {
                assert_eq!(likeness(&vec![byte; length], Direction::ToServer), Likeness::More, "{length}");
            }
            for length in [LONGEST_LINE, LONGEST_LINE + 1] {
                assert_eq!(likeness(&vec![byte; length], Direction::ToServer), wanted, "{length}");
            }
        }
        let request = [&b"\r\n".repeat(1_000)[..], b"FOO /x HTTP/1.1\r\n"].concat();
        assert_eq!(likeness(&request, Direction::ToServer), Likeness::Sure);
    }

    #[test]
    fn a_line_that_is_longer_than_is_looked_at_is_told_by_its_path() {
        let line = |front: &str, filler: &str| format!("{front}{} HTTP/1.1\r\n", filler.repeat(5_000)).into_bytes();
        for (bytes, wanted) in [
            (line("FOO /x?", "a"), Likeness::Sure),
            (line("FOO http://x/", "a"), Likeness::Sure),
            (line("FOO /x?", "\x01"), Likeness::Fits),
            (line("FOO x", "a"), Likeness::No),
            (line("GET x", "a"), Likeness::No),
            (line("GET", " "), Likeness::Sure),
            (line("", "a"), Likeness::No),
        ] {
            let front = bytes[..20].escape_ascii();
            assert_eq!(likeness(&bytes, Direction::ToServer), wanted, "{front}");
            assert_eq!(likeness(&bytes[..LONGEST_LINE], Direction::ToServer), wanted, "{front}");
            let before = likeness(&bytes[..LONGEST_LINE - 1], Direction::ToServer);
            assert!(before == Likeness::More || before == wanted, "{front}");
        }
        // The method may be long, too.
        let long = |length: usize| [&vec![b'A'; length], &b" /x HTTP/1.1\r\n"[..]].concat();
        assert_eq!(likeness(&long(255), Direction::ToServer), Likeness::Sure);
        assert_eq!(likeness(&long(255)[..255], Direction::ToServer), Likeness::More);
        assert_eq!(likeness(&long(256), Direction::ToServer), Likeness::No);
        assert_eq!(likeness(&long(256)[..256], Direction::ToServer), Likeness::No);
    }

    #[test]
    fn responses_are_told_by_their_version() {
        for (bytes, wanted) in [
            (&b"HTTP/1.1 200"[..], Likeness::Sure),
            (b"HTT", Likeness::More),
            (b"HTTP/", Likeness::More),
            (b"220 smtp", Likeness::No),
        ] {
            assert_eq!(likeness(bytes, Direction::ToClient), wanted);
        }
    }
}
