//! The target of a request: its parts, and the form in which rules look at it.
//!
//! Called once per request. `http.uri` is the path with escapes undone, `\` turned into `/`, several `/` made one and dot segments taken out, and behind a `?` the query and behind a
//! `#` the fragment with their escapes undone. No browser sends a fragment; who sends one all the same wants it read. Writes into memory it is given; cost is linear in the target's length.
//!
//! Sources: RFC 3986 sections 3 and 5.2.4; the reference engine's manual, "HTTP keywords" (http.uri) and "libhtp" (personality IDS).

use super::text::{hex, number, split_once};
use memchr::{memchr, memchr_iter, memchr2};

/// The parts of a request's target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// The host in it, when it has one.
    pub host: Option<&'a [u8]>,
    /// The port behind the host.
    pub port: Port,
    /// From the first `/` on, without query and fragment.
    pub path: &'a [u8],
    /// Behind the `?`.
    pub query: Option<&'a [u8]>,
    /// Behind the `#`.
    pub fragment: Option<&'a [u8]>,
}

/// A port behind a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Port {
    /// None is given.
    #[default]
    None,
    /// This one.
    Is(u16),
    /// What is there is no port.
    Bad,
}

/// Splits `host[:port]`. A host in brackets keeps them.
pub fn split_host(authority: &[u8]) -> (&[u8], Port) {
    let from = match authority.first() {
        Some(b'[') => authority.iter().position(|byte| *byte == b']').unwrap_or(0),
        _ => 0,
    };
    let Some(at) = authority.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b':')) else {
        return (authority, Port::None);
    };
    let (host, rest) = authority.split_at_checked(from + at).unwrap_or((authority, b""));
    let port = match number(rest.get(1..).unwrap_or_default()) {
        Some((port, b"")) => u16::try_from(port).ok().filter(|port| *port != 0).map_or(Port::Bad, Port::Is),
        _ => Port::Bad,
    };
    (host, port)
}

/// Whether `host` is a name or address as it may stand in a URI.
pub fn is_host(host: &[u8]) -> bool {
    if let Some(address) = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
        return address.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'%'));
    }
    !host.is_empty()
        && host.len() <= 255
        && host.split(|byte| *byte == b'.').enumerate().all(|(label, part)| {
            part.len() <= 63
                && (!part.is_empty() || (label > 0 && host.ends_with(b".")))
                && part.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

impl<'a> Target<'a> {
    /// The parts of `uri`, the target of `CONNECT` when `authority`.
    pub fn of(uri: &'a [u8], authority: bool) -> Self {
        if authority {
            let (host, port) = split_host(uri);
            return Self { host: Some(host), port, path: b"", ..Self::default() };
        }
        let mut target = Self::default();
        let mut rest = uri;
        if uri.first().is_some_and(u8::is_ascii_alphabetic)
            && let Some((scheme, behind)) = split_once(uri, b':')
            && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            && let Some(behind) = behind.strip_prefix(b"//")
        {
            let end = behind.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(behind.len());
            let (authority, path) = behind.split_at_checked(end).unwrap_or((behind, b""));
            let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or(authority);
            let (host, port) = split_host(host);
            (target.host, target.port) = (Some(host), port);
            rest = path;
        }
        let (rest, fragment) = split_once(rest, b'#').map_or((rest, None), |(front, behind)| (front, Some(behind)));
        target.fragment = fragment;
        (target.path, target.query) = split_once(rest, b'?').map_or((rest, None), |(path, query)| (path, Some(query)));
        target
    }

    /// Writes the form rules look at into `out`, which has room for as many bytes as the target has and is not made longer. Whether something in it is still escaped.
    pub fn normalise(&self, out: &mut Vec<u8>) -> bool {
        out.clear();
        let mut twice = false;
        if is_plain(self.path) {
            append(out, self.path);
        } else {
            unescape(self.path, out, true);
            twice = has_escape(out);
            segments(out);
        }
        for (mark, part) in [(b'?', self.query), (b'#', self.fragment)] {
            let Some(part) = part else { continue };
            put(out, mark);
            if memchr(b'%', part).is_none() {
                append(out, part);
                continue;
            }
            let from = out.len();
            unescape(part, out, false);
            twice |= has_escape(out.get(from..).unwrap_or_default());
        }
        twice
    }
}

/// Appends `byte`, if there is room.
fn put(out: &mut Vec<u8>, byte: u8) {
    if out.len() < out.capacity() {
        out.push(byte);
    }
}

/// Appends `bytes`, as many as there is room for.
fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    let room = out.capacity() - out.len();
    out.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
}

/// Whether `path` is in the form rules look at: nothing in it is escaped, no `\` is to become a `/`, and no segment is empty or begins with a dot.
fn is_plain(path: &[u8]) -> bool {
    path.first().is_none_or(|first| *first == b'/')
        && memchr2(b'%', b'\\', path).is_none()
        && memchr_iter(b'/', path).all(|at| !matches!(path.get(at + 1), Some(b'/' | b'.')))
}

/// Whether there is an escape in `bytes`.
fn has_escape(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|three| matches!(three, [b'%', a, b] if hex(*a).is_some() && hex(*b).is_some()))
}

/// Undoes the escapes of `from`. What looks like one and is none stays. In a path `\` becomes `/`, and several `/` become one.
fn unescape(from: &[u8], out: &mut Vec<u8>, is_path: bool) {
    let mut rest = from;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let mut byte = byte;
        if byte == b'%' {
            if let [b'u' | b'U', a, b, c, d, behind @ ..] = rest
                && let (Some(a), Some(b), Some(c), Some(d)) = (hex(*a), hex(*b), hex(*c), hex(*d))
            {
                let code = u16::from(a) << 12 | u16::from(b) << 8 | u16::from(c) << 4 | u16::from(d);
                byte = narrow(code);
                rest = behind;
            } else if let [a, b, behind @ ..] = rest
                && let (Some(a), Some(b)) = (hex(*a), hex(*b))
            {
                byte = a << 4 | b;
                rest = behind;
            }
        }
        if is_path {
            if byte == b'\\' {
                byte = b'/';
            }
            if byte == b'/' && out.last() == Some(&b'/') {
                continue;
            }
        }
        put(out, byte);
    }
}

/// The byte that servers make of a code point: the best fit for what looks like a Latin character, else `?`.
const fn narrow(code: u16) -> u8 {
    match code {
        0..=0xff => code as u8,
        // Full width forms of ASCII.
        0xff01..=0xff5e => (code - 0xff01 + 0x21) as u8,
        0x2215 | 0x2044 => b'/',
        0x2216 => b'\\',
        _ => b'?',
    }
}

/// Takes `.` and `..` segments out of a path, in place (RFC 3986 section 5.2.4).
fn segments(path: &mut Vec<u8>) {
    let mut write = 0;
    let mut read = 0;
    let length = path.len();
    while read < length {
        let end = path
            .get(read + 1..)
            .and_then(|rest| rest.iter().position(|byte| *byte == b'/'))
            .map_or(length, |at| read + 1 + at);
        let segment = path.get(read..end).unwrap_or_default();
        let name = segment.strip_prefix(b"/").unwrap_or(segment);
        let rooted = segment.len() > name.len();
        let last = end == length;
        match name {
            b"." if rooted || !last => {
                if last && let Some(place) = path.get_mut(write) {
                    *place = b'/';
                    write += 1;
                }
            }
            b".." if rooted => {
                let before = path.get(..write).and_then(|front| front.iter().rposition(|byte| *byte == b'/'));
                write = before.unwrap_or(0);
                if last && let Some(place) = path.get_mut(write) {
                    *place = b'/';
                    write += 1;
                }
            }
            _ => {
                path.copy_within(read..end, write);
                write += end - read;
            }
        }
        read = end;
    }
    path.truncate(write);
}

#[cfg(test)]
mod tests {
    use super::{Port, Target, is_host, split_host};
    use proptest::prelude::*;

    fn normalised(uri: &[u8]) -> String {
        let mut out = Vec::with_capacity(uri.len() + 1);
        Target::of(uri, false).normalise(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn paths_are_brought_into_one_form() {
        for (uri, wanted) in [
            ("/../a/b/../c/./d.html", "/a/c/d.html"),
            ("/./././images.gif", "/images.gif"),
            ("/a//b///c", "/a/b/c"),
            ("/a\\b", "/a/b"),
            ("/a%2fb%5Cc", "/a/b/c"),
            ("/normalized%20uri", "/normalized uri"),
            ("/%u0041%uff21%zz%4", "/AA%zz%4"),
            ("/a/..", "/"),
            ("/a/b/.", "/a/b/"),
            ("/a?b=/../c//d%20e", "/a?b=/../c//d e"),
            ("http://User@Host:80/a/../b?c#d", "/b?c#d"),
            ("/v0/b/.app/#@", "/v0/b/.app/#@"),
            ("/a?b=<i%20c=\"#\">%41", "/a?b=<i c=\"#\">A"),
            ("/a#?b/../c", "/a#?b/../c"),
            ("http://host", ""),
            ("*", "*"),
            ("/a b", "/a b"),
            ("/%2e%2e/x", "/x"),
            ("/%252e", "/%2e"),
        ] {
            assert_eq!(normalised(uri.as_bytes()), wanted, "{uri}");
        }
    }

    #[test]
    fn what_is_escaped_twice_is_noticed() {
        let mut out = Vec::with_capacity(100);
        assert!(Target::of(b"/a%2541", false).normalise(&mut out));
        assert!(Target::of(b"/a?%2541", false).normalise(&mut out));
        assert!(!Target::of(b"/a%41?%20", false).normalise(&mut out));
    }

    #[test]
    fn hosts_and_ports_are_told_apart() {
        assert_eq!(split_host(b"a:80"), (&b"a"[..], Port::Is(80)));
        assert_eq!(split_host(b"[::1]:8080"), (&b"[::1]"[..], Port::Is(8080)));
        assert_eq!(split_host(b"a:"), (&b"a"[..], Port::Bad));
        assert_eq!(split_host(b"a:99999"), (&b"a"[..], Port::Bad));
        assert!(is_host(b"www.example.com."));
        assert!(is_host(b"[fe80::1]"));
        assert!(!is_host(b"a b"));
        assert!(!is_host(b""));
    }

    proptest! {
        /// What is plain stays as it is, as it would if it were brought into the form.
        #[test]
        fn plain_paths_are_in_their_form(uri in "(/|\\.|a|%2e|%|b/|\\\\){0,12}") {
            let path = uri.as_bytes();
            let mut out = Vec::with_capacity(path.len() + 1);
            super::unescape(path, &mut out, true);
            super::segments(&mut out);
            prop_assert!(!super::is_plain(path) || out == path);
        }

        /// Nothing it makes has a dot segment, and it is never longer.
        #[test]
        fn no_dot_segment_is_left(uri in "(/|\\.|a|%2e|%2f|\\\\){0,30}") {
            let path = format!("/{uri}");
            let out = normalised(path.as_bytes());
            prop_assert!(out.len() <= path.len());
            for segment in out.split('/') {
                prop_assert!(segment != "." && segment != "..", "{path} became {out}");
            }
            prop_assert!(!out.contains("//"), "{} became {}", path, out);
        }
    }
}
