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

/// Whether `bytes` begin like a protocol there is no parser for.
fn is_foreign(bytes: &[u8], direction: Direction) -> bool {
    let begins = |words: &[&[u8]]| words.iter().any(|word| bytes.starts_with(word));
    let is_smb = matches!(bytes.get(4..8), Some(b"\xffSMB" | b"\xfeSMB")) && bytes.first() == Some(&0);
    let either = begins(&[b"SSH-1.", b"SSH-2.0-", b"RFB 003."]) || is_smb;
    let from_server = || begins(&[b"220 ", b"220-", b"+OK ", b"* OK ", b"* PREAUTH "]);
    let from_client = || begins(&[b"EHLO ", b"HELO "]);
    either
        || match direction {
            Direction::ToClient => from_server(),
            Direction::ToServer => from_client(),
        }
}

#[cfg(test)]
mod tests {
    use super::{AppNews, AppOddity, is_wrong_way, news_of};
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
    fn only_protocols_whose_client_speaks_first_have_a_wrong_direction() {
        assert!(is_wrong_way(AppProtocol::Tls, Direction::ToClient));
        assert!(!is_wrong_way(AppProtocol::Tls, Direction::ToServer));
        assert!(!is_wrong_way(AppProtocol::Http, Direction::ToClient));
    }
}
