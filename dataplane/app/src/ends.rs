//! What each end of a conversation says of its protocol, and whether the two fit together.
//!
//! Asked by [`crate::applications`] with the first bytes of an end whose other end has told the protocol. Beside the protocols with parsers it knows the greetings of some without: enough to say that an
//! end speaks something else, never what a flow's protocol is.
//!
//! Sources: RFC 4253 section 4.2 (SSH), RFC 5321 section 4.2 (SMTP), RFC 959 section 4.2 (FTP), RFC 6143 section 7.1.1 (RFB), RFC 1939 (POP3), RFC 9051 (IMAP), [MS-SMB2] section 2.2.1.

use crate::{
    applications::Input,
    protocol::{AppSettings, Recognised},
};
use sluice_core::{AppNews, AppOddity, AppProtocol, Direction};

/// Bytes that one end may say while the other is silent before nobody waits for a protocol any more.
pub(crate) const MOST_ALONE: u32 = 100_000;

/// What the first `bytes` of an end tell in a conversation whose other end speaks `protocol`.
pub(crate) fn news_of(settings: &AppSettings, protocol: AppProtocol, bytes: &[u8], input: &Input) -> AppNews {
    let mut news = AppNews::NONE;
    let fits = |found: AppProtocol| found == protocol || (protocol == AppProtocol::Doh2 && found == AppProtocol::Http2);
    if matches!(protocol, AppProtocol::Http2 | AppProtocol::Doh2) && input.direction == Direction::ToClient {
        // As with the reference engine: its client alone tells HTTP/2.
        return news;
    }
    match settings.recognise(bytes, input) {
        Recognised::Yes(found) if fits(found) => news.add(AppNews::known(input.direction)),
        // Too little to tell: it is taken at the other end's word.
        Recognised::More => news.add(AppNews::known(input.direction)),
        Recognised::Yes(_) => {
            news.add(AppNews::known(input.direction));
            news.add(AppNews::odd(AppOddity::Mismatch));
        }
        Recognised::No if input.datagram => {}
        Recognised::No if is_foreign(bytes, input.direction) => {
            news.add(AppNews::known(input.direction));
            news.add(AppNews::odd(AppOddity::Mismatch));
        }
        // Of other protocols both ends need not begin with something of their own.
        Recognised::No if matches!(protocol, AppProtocol::Http | AppProtocol::Tls) => {
            news.add(AppNews::odd(AppOddity::OneDirection));
        }
        Recognised::No => {}
    }
    news
}

/// Whether the end that must speak first in `protocol` did not: `first` is the direction of the flow's first bytes.
pub(crate) const fn is_wrong_way(protocol: AppProtocol, first: Direction) -> bool {
    matches!(protocol, AppProtocol::Tls | AppProtocol::Modbus) && matches!(first, Direction::ToClient)
}

/// The name, as records have it, of what the first `bytes` of an end speak in a conversation of `protocol`; none when it is the same, or not known.
pub(crate) fn other_name(
    settings: &AppSettings,
    protocol: AppProtocol,
    bytes: &[u8],
    input: &Input,
) -> Option<&'static str> {
    match settings.recognise(bytes, input) {
        Recognised::Yes(found) => (found != protocol).then(|| found.name()),
        _ => foreign(bytes, input.direction).map(|name| if name == "smtp" && is_ftp(input) { "ftp" } else { name }),
    }
}

/// Servers of mail and of files greet alike; the port tells them apart (RFC 959 section 8).
const fn is_ftp(input: &Input) -> bool {
    let [server, _] = input.ports;
    server == 21
}

/// Whether `bytes` begin like a protocol there is no parser for.
fn is_foreign(bytes: &[u8], direction: Direction) -> bool {
    foreign(bytes, direction).is_some()
}

/// The protocol without a parser that `bytes` begin like.
fn foreign(bytes: &[u8], direction: Direction) -> Option<&'static str> {
    let begins = |words: &[&[u8]]| words.iter().any(|word| bytes.starts_with(word));
    let is_smb = matches!(bytes.get(4..8), Some(b"\xffSMB" | b"\xfeSMB")) && bytes.first() == Some(&0);
    let to_client = direction == Direction::ToClient;
    match () {
        () if begins(&[b"SSH-1.", b"SSH-2.0-"]) => Some("ssh"),
        () if begins(&[b"RFB 003."]) => Some("rfb"),
        () if is_smb => Some("smb"),
        () if to_client && begins(&[b"220 ", b"220-"]) => Some("smtp"),
        () if to_client && begins(&[b"+OK "]) => Some("pop3"),
        () if to_client && begins(&[b"* OK ", b"* PREAUTH "]) => Some("imap"),
        () if !to_client && begins(&[b"EHLO ", b"HELO "]) => Some("smtp"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{AppNews, AppOddity, is_wrong_way, news_of, other_name};
    use crate::{AppSettings, Input};
    use sluice_core::{AppProtocol, Direction, Nanos};

    fn told(protocol: AppProtocol, bytes: &[u8]) -> AppNews {
        let input = Input {
            bytes,
            direction: Direction::ToClient,
            now: Nanos(0),
            ports: [80, 40_000],
            either: false,
            datagram: false,
        };
        news_of(&AppSettings::default(), protocol, bytes, &input)
    }

    #[test]
    fn ends_that_speak_different_protocols_are_odd_and_those_that_speak_one_are_not() {
        let known = AppNews::known(Direction::ToClient);
        let mut mismatch = known;
        mismatch.add(AppNews::odd(AppOddity::Mismatch));
        let http: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(told(AppProtocol::Http, http), known);
        for other in [b"SSH-2.0-OpenSSH_8.9\r\n".as_slice(), b"220 mail ESMTP\r\n", b"\0\0\0\x20\xfeSMB\x40\0"] {
            assert_eq!(told(AppProtocol::Http, other), mismatch);
        }
        assert_eq!(told(AppProtocol::Tls, http), mismatch);
        assert_eq!(told(AppProtocol::Http, b"plain words that go on"), AppNews::odd(AppOddity::OneDirection));
        // The first bytes of HTTP/2's server need not tell it, and DNS is told by requests.
        assert_eq!(told(AppProtocol::Http2, b"plain words that go on"), AppNews::NONE);
        assert_eq!(told(AppProtocol::Http, b"HT"), known);
    }

    #[test]
    fn what_an_end_speaks_that_is_not_the_flows_protocol_has_a_name() {
        let named = |bytes: &[u8], server_port: u16| {
            let (direction, ports) = (Direction::ToClient, [server_port, 40_000]);
            let input = Input { bytes, direction, now: Nanos(0), ports, either: false, datagram: false };
            other_name(&AppSettings::default(), AppProtocol::Tls, bytes, &input)
        };
        assert_eq!(named(b"HTTP/1.1 200 OK\r\n\r\n", 443), Some("http"));
        assert_eq!(named(b"SSH-2.0-OpenSSH_8.9\r\n", 443), Some("ssh"));
        assert_eq!([25, 21].map(|port| named(b"220 ready\r\n", port)), [Some("smtp"), Some("ftp")]);
        assert_eq!(named(b"plain words that go on", 443), None);
    }

    #[test]
    fn only_protocols_whose_client_speaks_first_have_a_wrong_direction() {
        assert!(is_wrong_way(AppProtocol::Tls, Direction::ToClient));
        assert!(!is_wrong_way(AppProtocol::Tls, Direction::ToServer));
        assert!(!is_wrong_way(AppProtocol::Http, Direction::ToClient));
    }
}
