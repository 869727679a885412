//! Messages of the handshake: putting them together and putting down what stands in them.
//!
//! Called by [`super::parse`] with the bytes of records. Only hellos and certificates are kept until they are whole; of all others the head is enough.
//!
//! Sources: RFC 8446 section 4, RFC 5246 section 7.4, RFC 6101 appendix E for messages of SSLv2.

use super::{
    fingerprint,
    hello::{ClientHello, Reader, ServerHello, extension, is_13},
    parse::Conversation,
    text::Text,
    x509::{self, Alternative, Certificate},
};
use crate::{desk::Desk, event::AppEvent, field::Field, level, parser::MOST_ASIDE};
use sluice_core::Direction;

/// Bytes of a hello, at most: version, random, session, ciphers, compressions and extensions, each list as long as its length can say (RFC 8446 section 4.1.2). Usual ones have 4 KiB, but servers
/// read any, and what is longer is none. Until it is whole it takes up to 256 KiB of [`crate::AppSettings::memory`]: the most that an end may hold here.
pub(super) const MOST_HELLO: usize = 2 + 32 + 1 + 32 + 2 + 65_534 + 1 + 255 + 2 + 65_535;
const _: () = assert!(HEAD + MOST_HELLO <= MOST_ASIDE && HEAD + MOST_MESSAGE <= MOST_ASIDE);
/// Bytes of any other message, at most: chains of large certificates.
const MOST_MESSAGE: usize = 64 << 10;
/// Bytes of a message's head.
const HEAD: usize = 4;

pub(super) const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const RETRY_OF_DRAFTS: u8 = 6;
const CERTIFICATE: u8 = 11;
const SERVER_KEY: u8 = 12;
const SERVER_DONE: u8 = 14;
const CLIENT_KEY: u8 = 16;

/// Bits of [`Field::TlsState`].
pub mod state {
    /// The client's hello.
    pub const CLIENT_HELLO: u64 = 1;
    /// The server's hello.
    pub const SERVER_HELLO: u64 = 2;
    /// The client's key exchange.
    pub const CLIENT_KEY: u64 = 4;
    /// The server's key exchange.
    pub const SERVER_KEY: u64 = 8;
    /// Another message.
    pub const UNKNOWN: u64 = 16;
}

/// Whether there is such a message.
const fn is_known(kind: u8) -> bool {
    matches!(kind, 0..=6 | 8 | 11..=16 | 20..=24 | 25 | 67 | 254)
}

impl Conversation {
    /// Bytes of a record with messages.
    pub(super) fn messages(&mut self, desk: &mut Desk, bytes: &[u8]) {
        let direction = desk.direction;
        let record = self.of_mut(direction).left.into();
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = self.of_mut(direction);
            if end.skip > 0 {
                let count = rest.len().min(end.skip as usize);
                end.skip -= count as u32;
                rest = rest.get(count..).unwrap_or_default();
                continue;
            }
            if end.message.is_empty() {
                match message_length(rest) {
                    // It lies here in one piece.
                    Some(length) if wanted(length) && rest.len() >= HEAD + length.bytes => {
                        let (message, behind) = rest.split_at_checked(HEAD + length.bytes).unwrap_or((rest, &[]));
                        self.message(desk, length.kind, message.get(HEAD..).unwrap_or_default());
                        rest = behind;
                        continue;
                    }
                    Some(length) if !wanted(length) => {
                        rest = rest.get(HEAD..).unwrap_or_default();
                        self.pass(desk, length, left_of(record, bytes, rest));
                        continue;
                    }
                    _ => {}
                }
            }
            let end = self.of_mut(direction);
            let mut message = std::mem::take(&mut end.message);
            let needed = match message_length(desk.kept(&message)) {
                Some(length) => HEAD + length.bytes,
                None => HEAD,
            };
            let count = rest.len().min(needed - message.len().min(needed));
            let (here, behind) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = behind;
            if !desk.keep(&mut message, here) {
                // No room: the message is left out, or the rest of the record where its length is not known yet.
                let kept = message.len();
                let length = message_length(if kept == 0 { here } else { desk.kept(&message) });
                desk.forget(&mut message);
                match length {
                    Some(length) if wanted(length) => {
                        let there = kept + here.len();
                        self.of_mut(direction).skip = (HEAD + length.bytes).saturating_sub(there) as u32;
                    }
                    Some(length) => self.pass(desk, length, left_of(record, bytes, rest)),
                    None => self.of_mut(direction).skip = left_of(record, bytes, rest) as u32,
                }
                continue;
            }
            match message_length(desk.kept(&message)) {
                Some(length) if !wanted(length) => {
                    desk.forget(&mut message);
                    self.pass(desk, length, left_of(record, bytes, rest));
                }
                Some(length) if message.len() >= HEAD + length.bytes => {
                    desk.release(&mut message, |desk, bytes| {
                        self.message(desk, length.kind, bytes.get(HEAD..).unwrap_or_default());
                    });
                }
                _ => {}
            }
            self.of_mut(direction).message = message;
        }
    }

    /// A message of which only the head is read; `left`: bytes of the record behind it.
    fn pass(&mut self, desk: &mut Desk, length: Length, left: usize) {
        let direction = desk.direction;
        self.of_mut(direction).skip = length.bytes as u32;
        if !is_known(length.kind) {
            self.wrong(desk, AppEvent::TlsInvalidHandshakeMessage);
            // Its length tells nothing.
            self.of_mut(direction).skip = left as u32;
            return;
        }
        if length.bytes > most(length.kind) {
            self.wrong(desk, AppEvent::TlsHandshakeInvalidLength);
            return;
        }
        match length.kind {
            SERVER_KEY => self.state(desk, state::SERVER_KEY),
            CLIENT_KEY => {
                self.state(desk, state::CLIENT_KEY);
                desk.reach(self.transaction, direction, level::HEADERS);
                if desk.settings.tls.log_client && self.of(direction.reverse()).is_server {
                    self.ready(desk);
                }
            }
            SERVER_DONE => {
                desk.reach(self.transaction, direction, level::HEADERS);
                if !desk.settings.tls.log_client {
                    self.ready(desk);
                }
            }
            RETRY_OF_DRAFTS => self.state(desk, state::SERVER_HELLO),
            _ => self.state(desk, state::UNKNOWN),
        }
    }

    /// A whole message.
    fn message(&mut self, desk: &mut Desk, kind: u8, body: &[u8]) {
        match kind {
            CLIENT_HELLO => match ClientHello::of(body) {
                Some(hello) => self.client_hello(desk, &hello),
                None => self.broken_message(desk, AppEvent::TlsHandshakeInvalidLength),
            },
            SERVER_HELLO => match ServerHello::of(body) {
                Some(hello) => self.server_hello(desk, &hello),
                None => self.broken_message(desk, AppEvent::TlsHandshakeInvalidLength),
            },
            CERTIFICATE => match Reader::of(body).list24() {
                Some(list) => self.certificates(desk, list),
                None => self.broken_message(desk, AppEvent::TlsCertificateInvalidLength),
            },
            _ => {}
        }
    }

    fn broken_message(&mut self, desk: &mut Desk, event: AppEvent) {
        self.wrong(desk, event);
        self.wrong(desk, AppEvent::TlsInvalidHandshakeMessage);
    }

    /// A message of SSLv2, whole.
    pub(super) fn message_2(&mut self, desk: &mut Desk, bytes: &[u8]) {
        let direction = desk.direction;
        let Some((&kind, body)) = bytes.split_first() else { return };
        match kind {
            0 => self.wrong(desk, AppEvent::TlsErrorMessageEncountered),
            1 => match ClientHello::of_v2(body) {
                Some(hello) => {
                    self.client_hello(desk, &hello);
                    if hello.version >= 0x0300 {
                        self.leave_v2(direction);
                    }
                }
                None => self.wrong(desk, AppEvent::TlsInvalidSslv2Header),
            },
            2 => {
                self.state(desk, state::CLIENT_KEY);
                self.close_v2(desk);
            }
            4 => {
                self.server_hello_2(desk, body);
                self.stay_v2(direction.reverse());
                self.close_v2(desk);
            }
            _ => {}
        }
    }

    /// Puts down a client's hello. Of a second one, which a server has asked for, only another name: that is the one the server goes by.
    fn client_hello(&mut self, desk: &mut Desk, hello: &ClientHello) {
        let direction = desk.direction;
        let tx = self.transaction;
        let named = hello.server_name();
        self.of_mut(direction).sends_early = hello.extensions.get(extension::EARLY_DATA).is_some();
        if std::mem::replace(&mut self.of_mut(direction).has_hello, true) {
            let known = desk.field_at(tx, direction, Field::TlsSni, self.of(direction).name_at);
            if let Some(name) = named.name.filter(|name| known != Some(*name)) {
                self.name(desk, name);
            }
            return;
        }
        self.state(desk, state::CLIENT_HELLO);
        if let Some(name) = named.name {
            self.name(desk, name);
        }
        for (is_wrong, event) in [
            (named.wrong.kind, AppEvent::TlsInvalidSniType),
            (named.wrong.length, AppEvent::TlsInvalidSniLength),
            (named.wrong.several, AppEvent::TlsMultipleSniExtensions),
        ] {
            if is_wrong {
                self.wrong(desk, event);
            }
        }
        desk.number(tx, direction, Field::TlsVersion, hello.highest().into());
        if desk.wants(Field::TlsAlpn) {
            hello.alpn().for_each(|name| desk.put(tx, direction, Field::TlsAlpn, name));
        }
        random(desk, tx, hello.random);
        if desk.wants(Field::TlsHelloVersion) {
            desk.number(tx, direction, Field::TlsHelloVersion, hello.version.into());
        }
        if hello.extensions.get(extension::ECH).is_some() {
            desk.number(tx, direction, Field::TlsEch, 1);
        }
        if !hello.is_v2 {
            desk.put_wanted(tx, direction, Field::TlsCiphers, hello.ciphers);
        }
        extension_list(desk, tx, hello.extensions);
        desk.put_wanted(tx, direction, Field::TlsSignatures, hello.signatures());
        client_fingerprints(desk, tx, hello, false);
        desk.reach(tx, direction, level::LINE);
    }

    /// Puts down the name in a hello, and where it stands.
    fn name(&mut self, desk: &mut Desk, name: &[u8]) {
        let (tx, direction) = (self.transaction, desk.direction);
        self.of_mut(direction).name_at = desk.place(tx, direction);
        desk.put_wanted(tx, direction, Field::TlsSni, name);
    }

    fn server_hello(&mut self, desk: &mut Desk, hello: &ServerHello) {
        let direction = desk.direction;
        if hello.is_retry() {
            // The version is chosen, and it is not 1.2: a second hello of the client comes.
            self.version = hello.chosen();
            return;
        }
        let end = self.of_mut(direction);
        if std::mem::replace(&mut end.has_hello, true) {
            return;
        }
        end.is_server = true;
        self.version = hello.chosen();
        self.state(desk, state::SERVER_HELLO);
        let tx = self.transaction;
        desk.number(tx, direction, Field::TlsVersion, self.version.into());
        if desk.wants(Field::TlsAlpn) {
            let chosen = super::hello::Alpn::of(hello.extensions);
            chosen.for_each(|name| desk.put(tx, direction, Field::TlsAlpn, name));
        }
        random(desk, tx, hello.random);
        if desk.wants(Field::TlsHelloVersion) {
            desk.number(tx, direction, Field::TlsHelloVersion, hello.version.into());
        }
        if desk.wants(Field::TlsCipher) {
            desk.number(tx, direction, Field::TlsCipher, hello.cipher.into());
        }
        extension_list(desk, tx, hello.extensions);
        server_fingerprints(desk, tx, hello);
        let is_13 = is_13(self.version);
        desk.reach(tx, direction, if is_13 { level::HEADERS } else { level::LINE });
        if is_13 {
            self.ready(desk);
        }
    }

    /// A server's hello of SSLv2: what it is stands before its parts.
    fn server_hello_2(&mut self, desk: &mut Desk, body: &[u8]) {
        let direction = desk.direction;
        let mut reader = Reader::of(body);
        let (Some(_), Some(version), Some(length)) = (reader.take(2), reader.u16(), reader.u16()) else {
            self.wrong(desk, AppEvent::TlsInvalidSslv2Header);
            return;
        };
        let Some(certificate) = reader.take(4).and_then(|_| reader.take(length.into())) else {
            self.wrong(desk, AppEvent::TlsInvalidSslv2Header);
            return;
        };
        let end = self.of_mut(direction);
        (end.has_hello, end.is_server) = (true, true);
        self.version = version;
        self.state(desk, state::SERVER_HELLO);
        desk.number(self.transaction, direction, Field::TlsVersion, version.into());
        if !certificate.is_empty() {
            self.of_mut(direction).has_certificate = true;
            self.certificate(desk, certificate);
        }
    }

    /// Puts down the certificates of an end: of the first what stands in it.
    fn certificates(&mut self, desk: &mut Desk, list: &[u8]) {
        let direction = desk.direction;
        if std::mem::replace(&mut self.of_mut(direction).has_certificate, true) {
            return;
        }
        let tx = self.transaction;
        let mut reader = Reader::of(list);
        let mut length: u64 = 0;
        while !reader.rest().is_empty() {
            let Some(certificate) = reader.list24() else {
                self.broken_message(desk, AppEvent::TlsCertificateInvalidLength);
                break;
            };
            desk.put_wanted(tx, direction, Field::TlsCerts, certificate);
            desk.put_wanted(tx, direction, Field::TlsChain, certificate);
            if length == 0 {
                self.certificate(desk, certificate);
            }
            length += 1;
        }
        if length > 0 && desk.wants(Field::TlsChainLength) {
            desk.number(tx, direction, Field::TlsChainLength, length);
        }
        desk.reach(tx, direction, level::HEADERS);
    }

    fn certificate(&mut self, desk: &mut Desk, bytes: &[u8]) {
        let (tx, direction) = (self.transaction, desk.direction);
        if desk.wants(Field::TlsCertFingerprint) {
            desk.put(tx, direction, Field::TlsCertFingerprint, x509::fingerprint(bytes).get());
        }
        let certificate = match Certificate::of(bytes) {
            Ok(certificate) => certificate,
            Err(event) => return self.broken_message(desk, event),
        };
        if desk.wants(Field::TlsCertSubject) {
            desk.with_place(|desk, place| {
                desk.put(tx, direction, Field::TlsCertSubject, certificate.subject(place).get());
            });
        }
        if desk.wants(Field::TlsCertIssuer) {
            desk.with_place(|desk, place| {
                desk.put(tx, direction, Field::TlsCertIssuer, certificate.issuer(place).get());
            });
        }
        if desk.wants(Field::TlsCertSerial) {
            desk.put(tx, direction, Field::TlsCertSerial, certificate.serial().get());
        }
        if desk.wants(Field::TlsSubjectAltName) {
            for name in certificate.alternatives() {
                match name {
                    Alternative::Text(text) => desk.put(tx, direction, Field::TlsSubjectAltName, text),
                    Alternative::Address(bytes) => {
                        desk.put(tx, direction, Field::TlsSubjectAltName, address(bytes).get());
                    }
                }
            }
        }
        // Rules about validity ask for several of these together.
        desk.number(tx, direction, Field::TlsNotBefore, certificate.not_before as u64);
        desk.number(tx, direction, Field::TlsNotAfter, certificate.not_after as u64);
        desk.number(tx, direction, Field::TlsCertTime, desk.now.seconds());
    }

    /// An end has seen this message.
    fn state(&mut self, desk: &mut Desk, bit: u64) {
        let direction = desk.direction;
        let end = self.of_mut(direction);
        if u64::from(end.states) & bit == 0 {
            end.states |= bit as u8;
            desk.number(self.transaction, direction, Field::TlsState, bit);
        }
    }

    /// The end at hand says nothing more that can be read.
    pub(super) fn settle_handshake(&mut self, desk: &mut Desk) {
        let direction = desk.direction;
        let version = self.version;
        let end = self.of_mut(direction);
        if !end.is_server {
            return;
        }
        let has_certificate = end.has_certificate;
        if !has_certificate && end.is_encrypted && !is_13(version) {
            desk.number(self.transaction, direction, Field::TlsResumed, 1);
            if desk.settings.tls.log_resumed { self.ready(desk) } else { self.keep_quiet() }
        } else if has_certificate && !desk.settings.tls.log_client {
            self.ready(desk);
        }
    }
}

/// What stands in a message's head.
#[derive(Clone, Copy, Debug)]
struct Length {
    kind: u8,
    bytes: usize,
}

/// Bytes of a record from `rest` on, with which `bytes` end; when those begin it has `record` left.
const fn left_of(record: usize, bytes: &[u8], rest: &[u8]) -> usize {
    record.saturating_sub(bytes.len() - rest.len())
}

fn message_length(bytes: &[u8]) -> Option<Length> {
    let mut reader = Reader::of(bytes);
    Some(Length { kind: reader.u8()?, bytes: reader.u24()? })
}

/// Whether the message is read as a whole.
const fn wanted(length: Length) -> bool {
    matches!(length.kind, CLIENT_HELLO | SERVER_HELLO | CERTIFICATE) && length.bytes <= most(length.kind)
}

/// Bytes of a message of this kind, at most.
const fn most(kind: u8) -> usize {
    if matches!(kind, CLIENT_HELLO | SERVER_HELLO) { MOST_HELLO } else { MOST_MESSAGE }
}

fn random(desk: &mut Desk, tx: crate::TxRef, random: &[u8]) {
    let direction = desk.direction;
    desk.put_wanted(tx, direction, Field::TlsRandom, random);
    if let Some((time, bytes)) = random.split_at_checked(4) {
        desk.put_wanted(tx, direction, Field::TlsRandomTime, time);
        desk.put_wanted(tx, direction, Field::TlsRandomBytes, bytes);
    }
}

fn extension_list(desk: &mut Desk, tx: crate::TxRef, extensions: super::hello::Extensions) {
    if desk.wants(Field::TlsExtensions) {
        let mut list = Text::<512>::default();
        extensions.for_each(|(number, _)| list.push(&number.to_be_bytes()));
        let direction = desk.direction;
        desk.put(tx, direction, Field::TlsExtensions, list.get());
    }
}

/// Puts down the fingerprints of a client's hello.
pub(crate) fn client_fingerprints(desk: &mut Desk, tx: crate::TxRef, hello: &ClientHello, over_quic: bool) {
    let direction: Direction = desk.direction;
    if !hello.is_v2 && (desk.wants(Field::Ja3Hash) || desk.wants(Field::Ja3String)) {
        desk.with_place(|desk, place| {
            let ja3 = fingerprint::ja3(hello, place);
            desk.put_wanted(tx, direction, Field::Ja3String, ja3.text.get());
            if desk.wants(Field::Ja3Hash) {
                desk.put(tx, direction, Field::Ja3Hash, ja3.hash().get());
            }
        });
    }
    if desk.wants(Field::Ja4Hash) {
        desk.put(tx, direction, Field::Ja4Hash, fingerprint::ja4(hello, over_quic).get());
    }
}

/// Puts down the fingerprints of a server's hello.
pub(crate) fn server_fingerprints(desk: &mut Desk, tx: crate::TxRef, hello: &ServerHello) {
    let direction = desk.direction;
    if desk.wants(Field::Ja3sHash) || desk.wants(Field::Ja3sString) {
        desk.with_place(|desk, place| {
            let ja3s = fingerprint::ja3s(hello, place);
            desk.put_wanted(tx, direction, Field::Ja3sString, ja3s.text.get());
            if desk.wants(Field::Ja3sHash) {
                desk.put(tx, direction, Field::Ja3sHash, ja3s.hash().get());
            }
        });
    }
}

/// An address in words.
fn address(bytes: &[u8]) -> Text<48> {
    use std::{
        io::Write,
        net::{Ipv4Addr, Ipv6Addr},
    };
    let mut room = [0_u8; 48];
    let mut rest = &mut room[..];
    let written = match (bytes.first_chunk::<16>(), bytes.first_chunk::<4>()) {
        (Some(long), _) => write!(rest, "{}", Ipv6Addr::from(*long)),
        (None, Some(short)) => write!(rest, "{}", Ipv4Addr::from(*short)),
        (None, None) => Ok(()),
    };
    let left = rest.len();
    let mut text = Text::default();
    if written.is_ok() {
        text.push(room.get(..room.len() - left).unwrap_or_default());
    }
    text
}
