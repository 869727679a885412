//! Whole conversations: hand-made ones, and the example of RFC 8448.

use super::{
    Encryption,
    detect::likeness,
    x509::{Alternative, Certificate},
};
use crate::{
    AppEvent, AppProtocol, AppSettings, Applications, Fields, Input,
    protocol::Likeness,
    testing::{talk, talk_cut, talk_pieces},
};
use proptest::prelude::*;
use sluice_core::{
    AppLink,
    Direction::{self, ToClient, ToServer},
    Nanos,
};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The client's hello in RFC 8448 section 3.
fn client_hello_13() -> Vec<u8> {
    hex(
        "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d00020101001c00024001",
    )
}

/// The server's.
fn server_hello_13() -> Vec<u8> {
    hex(
        "020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304",
    )
}

fn record(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

fn list16(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn extension(number: u16, bytes: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &list16(bytes)].concat()
}

fn sni(name: &[u8]) -> Vec<u8> {
    extension(0, &list16(&[&[0][..], &list16(name)].concat()))
}

fn alpn(names: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = names.iter().flat_map(|name| [&[name.len() as u8][..], name].concat()).collect();
    extension(16, &list16(&list))
}

/// A hello of the client.
fn client_hello(extensions: &[u8]) -> Vec<u8> {
    let front = [&[3, 3][..], &[7; 32], &[0], &list16(&[0xc0, 0x2f, 0x0a, 0x0a, 0, 0x2f]), &[1, 0]].concat();
    message(1, &[front, list16(extensions)].concat())
}

/// A hello of the server, of TLS 1.2.
fn server_hello(extensions: &[u8]) -> Vec<u8> {
    let front = [&[3, 3][..], &[9; 32], &[0, 0xc0, 0x2f, 0]].concat();
    message(2, &[front, list16(extensions)].concat())
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let length = value.len();
    let head = match length {
        0..=127 => vec![tag, length as u8],
        128..=255 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, value].concat()
}

fn name(parts: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
    let sets: Vec<u8> = parts
        .iter()
        .flat_map(|(object, tag, value)| der(0x31, &[&der(0x30, &[&der(6, &[object]), &der(*tag, &[value])])]))
        .collect();
    der(0x30, &[&sets])
}

/// Parts of a certificate, each of which a test may spoil.
struct Made {
    version: Vec<u8>,
    serial: Vec<u8>,
    algorithm: Vec<u8>,
    issuer: Vec<u8>,
    validity: Vec<u8>,
    subject: Vec<u8>,
    extensions: Vec<u8>,
}

impl Default for Made {
    fn default() -> Self {
        let country: (&[u8], u8, &[u8]) = (&[0x55, 4, 6], 0x13, b"FR");
        let names = [
            &der(0x82, &[b"a.example"])[..],
            &der(0x81, &[b"me@a.example"]),
            &der(0x87, &[&[192, 0, 2, 1]]),
            &der(0x87, &[&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]),
            &der(0x88, &[&[1, 2]]),
        ]
        .concat();
        let alternatives =
            der(0x30, &[&der(6, &[&[0x55, 0x1d, 0x11]]), &der(1, &[&[0xff]]), &der(4, &[&der(0x30, &[&names])])]);
        Self {
            version: der(0xa0, &[&der(2, &[&[2]])]),
            serial: der(2, &[&[0, 0x97, 0xe6]]),
            algorithm: der(0x30, &[&der(6, &[&[0x2a, 3]])]),
            issuer: name(&[country, (&[0x55, 4, 10], 0x0c, b"Stamus\0x"), (&[0x2b, 0x81, 0x01], 4, &[1, 0xfe])]),
            validity: der(0x30, &[&der(0x17, &[b"691231000000Z"]), &der(0x18, &[b"20491231235959Z"])]),
            subject: name(&[country, (&[0x55, 4, 3], 0x13, b"SELKS")]),
            extensions: der(0xa3, &[&der(0x30, &[&alternatives])]),
        }
    }
}

impl Made {
    fn der(&self) -> Vec<u8> {
        let key = der(0x30, &[]);
        let body = [
            &self.version[..],
            &self.serial,
            &self.algorithm,
            &self.issuer,
            &self.validity,
            &self.subject,
            &key,
            &self.extensions,
        ];
        der(0x30, &[&der(0x30, &body), &self.algorithm, &der(3, &[&[0]])])
    }
}

fn certificates(all: &[&[u8]]) -> Vec<u8> {
    let list24 = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[1..], bytes].concat();
    let list: Vec<u8> = all.iter().flat_map(|one| list24(one)).collect();
    message(11, &list24(&list))
}

/// What is said, in words.
fn told(said: &[(Direction, Vec<u8>)]) -> Vec<String> {
    let said: Vec<_> = said.iter().map(|(way, bytes)| (*way, &bytes[..])).collect();
    talk(AppSettings::default(), &said)
}

fn has(told: &[String], line: &str) -> bool {
    told.iter().any(|found| found == line)
}

fn assert_has(told: &[String], lines: &[&str]) {
    for line in lines {
        assert!(has(told, line), "{line} is not in\n{told:#?}");
    }
}

/// A handshake of TLS 1.2 up to the data.
fn handshake_12() -> Vec<(Direction, Vec<u8>)> {
    let certificate = Made::default().der();
    let server =
        [server_hello(&alpn(&[b"h2"])), certificates(&[&certificate, b"0"]), message(12, b"key"), message(14, b"")];
    vec![
        (ToServer, record(22, &client_hello(&[sni(b"a.example"), alpn(&[b"h2", b"http/1.1"])].concat()))),
        (ToClient, record(22, &server.concat())),
        (ToServer, [record(22, &message(16, b"key")), record(20, &[1]), record(22, &[0xaa; 40])].concat()),
        (ToClient, [record(20, &[1]), record(22, &[0xbb; 40])].concat()),
        (ToServer, record(23, b"secret data")),
        (ToClient, record(23, b"secret answer")),
    ]
}

#[test]
fn the_example_of_rfc_8448_tells_both_hellos() {
    let told = told(&[
        (ToServer, record(22, &client_hello_13())),
        (ToClient, [record(22, &server_hello_13()), record(20, &[1]), record(23, &[0; 674])].concat()),
        (ToServer, [record(20, &[1]), record(23, &[0; 53])].concat()),
    ]);
    assert_has(
        &told,
        &[
            "tls 0 > tls.sni server",
            "tls 0 > tls.version 772",
            "tls 0 > (tls.hello_version) 771",
            "tls 0 > ja3.string 771,4865-4867-4866,0-65281-10-35-51-43-13-45-28,29-23-24-25-256-257-258-259-260,",
            "tls 0 > ja4.hash t13d030900_55b375c5d22e_59cd3dafc54d",
            "tls 0 > level 5",
            "tls 0 < tls.version 772",
            "tls 0 < ja3s.string 771,4865,51-43",
            "tls 0 < level 5",
        ],
    );
    assert!(!told.iter().any(|line| line.contains("(event)")));
}

#[test]
fn certificates_are_told_as_the_reference_prints_them() {
    let told = told(&handshake_12());
    assert_has(
        &told,
        &[
            "tls 0 > tls.sni a.example",
            "tls 0 > tls.alpn h2",
            "tls 0 > tls.alpn http/1.1",
            "tls 0 > ja3.string 771,49199-47,0-16,,",
            "tls 0 < tls.alpn h2",
            "tls 0 < tls.cert_subject C=FR, CN=SELKS",
            "tls 0 < tls.cert_issuer C=FR, O=Stamus\\x00x, 1.3.129=01FE",
            "tls 0 < tls.cert_serial 00:97:E6",
            "tls 0 < tls.subjectaltname a.example",
            "tls 0 < tls.subjectaltname me@a.example",
            "tls 0 < tls.subjectaltname 192.0.2.1",
            "tls 0 < tls.subjectaltname 2001:db8::1",
            &format!("tls 0 < tls_cert_notbefore {}", -86_400_i64 as u64),
            "tls 0 < tls_cert_notafter 2524607999",
            "tls 0 < tls.cert_chain_len 2",
            "tls 0 < ssl_state 8",
            "tls 0 > ssl_state 4",
        ],
    );
    assert_eq!(told.iter().filter(|line| line.starts_with("tls 0 < tls.certs ")).count(), 2);
    assert!(!told.iter().any(|line| line.contains("(event)") || line.contains("resumed")));
}

#[test]
fn the_fingerprint_is_that_of_the_bytes() {
    assert_eq!(super::x509::fingerprint(b"abc").get(), b"a9:99:3e:36:47:06:81:6a:ba:3e:25:71:78:50:c2:6c:9c:d0:d8:9d");
}

#[test]
fn messages_may_be_spread_over_records_and_records_may_hold_several() {
    let mut said = handshake_12();
    let whole = told(&said);
    for (_, bytes) in said.iter_mut().take(2) {
        // The same bytes, a few in each record.
        let inner = bytes[5..].to_vec();
        *bytes = inner.chunks(7).flat_map(|part| record(22, part)).collect();
    }
    assert_eq!(told(&said), whole);
}

#[test]
fn a_session_that_goes_on_is_told_as_resumed() {
    let told = told(&[
        (ToServer, record(22, &client_hello(&[]))),
        (ToClient, [record(22, &server_hello(&[])), record(20, &[1]), record(22, &[0xbb; 40])].concat()),
        (ToServer, [record(20, &[1]), record(22, &[0xbb; 40])].concat()),
    ]);
    assert_has(&told, &["tls 0 < (tls.session_resumed) 1", "tls 0 < level 5", "tls 0 > level 5"]);
}

/// After how many of what is said a record is due.
fn record_after(settings: AppSettings, said: &[(Direction, Vec<u8>)]) -> Option<usize> {
    let mut applications = Applications::new(settings, 1);
    applications.set_wants(Fields::ALL);
    let mut link = AppLink::default();
    said.iter().position(|(direction, bytes)| {
        let (direction, ports) = (*direction, [443, 40_000]);
        applications.feed(&mut link, &Input { bytes, direction, now: Nanos(0), ports, either: false, datagram: false });
        let at = applications.first(link);
        at.is_some() && applications.tell(at, false)
    })
}

#[test]
fn records_are_made_when_the_server_is_done_or_as_the_settings_say() {
    let settings = AppSettings::default();
    assert_eq!(record_after(settings, &handshake_12()), Some(1));
    let mut with_client = settings;
    with_client.tls.log_client = true;
    assert_eq!(record_after(with_client, &handshake_12()), Some(2));
    let resumed = [
        (ToServer, record(22, &client_hello(&[]))),
        (ToClient, [record(22, &server_hello(&[])), record(20, &[1])].concat()),
        (ToServer, record(20, &[1])),
    ];
    assert_eq!(record_after(settings, &resumed), Some(1));
    let mut without = settings;
    without.tls.log_resumed = false;
    assert_eq!(record_after(without, &resumed), None);
}

#[test]
fn certificates_of_the_client_are_told_in_its_direction() {
    let mut said = handshake_12();
    let certificate = Made { subject: name(&[(&[0x55, 4, 3], 0x0c, b"Jane")]), ..Made::default() }.der();
    said[2].1 = [record(22, &certificates(&[&certificate])), said[2].1.clone()].concat();
    assert_has(&told(&said), &["tls 0 > tls.cert_subject CN=Jane", "tls 0 < tls.cert_subject C=FR, CN=SELKS"]);
}

#[test]
fn a_second_hello_after_a_retry_is_not_told_again() {
    let mut retry = server_hello_13();
    retry[6..38].copy_from_slice(&hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"));
    let told = told(&[
        (ToServer, record(22, &client_hello_13())),
        (ToClient, record(22, &retry)),
        (ToServer, [record(20, &[1]), record(22, &client_hello_13())].concat()),
        (ToClient, record(22, &server_hello_13())),
    ]);
    assert_eq!(told.iter().filter(|line| line.starts_with("tls 0 > tls.sni")).count(), 1);
    assert_eq!(told.iter().filter(|line| line.starts_with("tls 0 < tls.random ")).count(), 1);
    assert_has(&told, &["tls 0 < tls.version 772"]);
    assert!(!told.iter().any(|line| line.contains("(event)")));
}

#[test]
fn another_name_in_the_hello_that_a_server_has_asked_for_is_told() {
    let mut retry = server_hello_13();
    retry[6..38].copy_from_slice(&hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"));
    let told = told(&[
        (ToServer, record(22, &client_hello(&sni(b"good.example")))),
        (ToClient, record(22, &retry)),
        (ToServer, record(22, &client_hello(&sni(b"evil.example")))),
    ]);
    assert_has(&told, &["tls 0 > tls.sni good.example", "tls 0 > tls.sni evil.example"]);
}

/// A request of the server for another hello.
fn retry() -> Vec<u8> {
    let mut retry = server_hello_13();
    retry[6..38].copy_from_slice(&hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"));
    retry
}

#[test]
fn what_comes_before_the_server_asks_for_another_hello_hides_that_one_not() {
    let first = |more: &[u8]| record(22, &client_hello(&[&sni(b"good.example"), more].concat()));
    let second = record(22, &client_hello(&sni(b"evil.example")));
    let (change, early) = (record(20, &[1]), record(23, &[0xee; 40]));
    let offer = extension(42, b"");
    for (in_front, between) in [
        // A change of keys in front of the second hello, and as some send it: behind the first one.
        (first(b""), change.clone()),
        ([first(b""), change.clone()].concat(), vec![]),
        ([first(b""), change.clone()].concat(), change.clone()),
        // Data that the server refuses, before and after the client hears of it.
        ([first(&offer), early.clone()].concat(), vec![]),
        ([first(&offer), change, early.clone()].concat(), early.clone()),
    ] {
        let told = told(&[
            (ToServer, in_front),
            (ToClient, record(22, &retry())),
            (ToServer, [&between[..], &second].concat()),
            (ToClient, [record(22, &server_hello_13()), record(20, &[1]), early.clone()].concat()),
            (ToServer, early.clone()),
        ]);
        assert_has(&told, &["tls 0 > tls.sni good.example", "tls 0 > tls.sni evil.example", "tls 0 < tls.version 772"]);
        assert_has(&told, &["tls 0 > level 5", "tls 0 < level 5"]);
        assert!(!told.iter().any(|line| line.contains("(event)")), "{told:#?}");
    }
}

#[test]
fn a_change_of_keys_counts_where_no_other_hello_may_follow() {
    let sealed = record(22, &[0xaa; 40]);
    let change = record(20, &[1]);
    let hello = record(22, &client_hello(&sni(b"a.example")));
    let key = record(22, &message(16, b"key"));
    let events = |said: &[(Direction, Vec<u8>)]| {
        let told = told(said);
        told.into_iter().filter(|line| line.contains("(event)")).collect::<Vec<_>>()
    };
    // The client alone: a session taken up again, a full handshake, and one that was picked up in its middle.
    for client in [
        [&hello[..], &change, &sealed].concat(),
        [&hello[..], &key, &change, &record(22, &[1; 40])].concat(),
        [&change[..], &sealed].concat(),
    ] {
        assert_eq!(events(&[(ToServer, client)]), [""; 0]);
    }
    // What no change of keys is in front of can be read, and is wrong.
    assert!(!events(&[(ToServer, [&hello[..], &sealed].concat())]).is_empty());
}

#[test]
fn names_of_servers_that_cannot_be_are_told() {
    let name = |kind: u8, name: &[u8]| [&[kind][..], &list16(name)].concat();
    for (extensions, event) in [
        ([sni(b"a"), sni(b"b")].concat(), Some("multiple_sni_extensions")),
        (extension(0, &list16(&name(1, b"a"))), Some("invalid_sni_type")),
        (extension(0, &list16(&name(0, b""))), Some("invalid_sni_length")),
        (extension(0, &list16(&name(0, &[b'a'; 256]))), Some("invalid_sni_length")),
        (extension(0, &[0, 9, 0, 0, 1, b'a']), Some("invalid_sni_length")),
        (extension(0, &list16(&[0, 0, 9, b'a'])), Some("invalid_sni_length")),
        (sni(&[b'a'; 255]), None),
    ] {
        let told = told(&[(ToServer, record(22, &client_hello(&extensions)))]);
        let found: Vec<_> = told.iter().filter_map(|line| line.strip_prefix("tls 0 > (event) ")).collect();
        assert_eq!(found, Vec::from_iter(event), "{extensions:02x?}");
    }
}

#[test]
fn certificates_that_cannot_be_are_told_by_what_is_wrong() {
    use AppEvent as E;
    let of = |spoil: &dyn Fn(&mut Made)| {
        let mut made = Made::default();
        spoil(&mut made);
        Certificate::of(&made.der()).err()
    };
    let dates = |first: &[u8]| der(0x30, &[&der(0x17, &[first]), &der(0x17, &[b"250101000000Z"])]);
    assert_eq!(of(&|_| {}), None);
    assert_eq!(of(&|made| made.version.clear()), None);
    assert_eq!(of(&|made| made.version = der(0xa0, &[&der(2, &[&[9]])])), Some(E::TlsCertificateInvalidVersion));
    assert_eq!(of(&|made| made.serial = der(4, &[&[1]])), Some(E::TlsCertificateInvalidSerial));
    assert_eq!(of(&|made| made.algorithm = der(0x30, &[&[5, 0]])), Some(E::TlsCertificateInvalidAlgorithmidentifier));
    assert_eq!(of(&|made| made.issuer = der(0x31, &[])), Some(E::TlsCertificateInvalidIssuer));
    assert_eq!(of(&|made| made.subject = der(0x30, &[&[5, 0]])), Some(E::TlsCertificateInvalidX509name));
    assert_eq!(of(&|made| made.subject = der(4, &[])), Some(E::TlsCertificateInvalidSubject));
    assert_eq!(of(&|made| made.validity = der(0x30, &[])), Some(E::TlsCertificateInvalidValidity));
    assert_eq!(of(&|made| made.validity = dates(b"251301000000Z")), Some(E::TlsCertificateInvalidDate));
    assert_eq!(of(&|made| made.validity = dates(b"2501010000+0100")), None);
    assert_eq!(of(&|made| made.extensions = der(0xa3, &[&[4, 0]])), Some(E::TlsCertificateInvalidExtensions));
    assert_eq!(of(&|made| made.extensions.clear()), None);
    assert_eq!(Certificate::of(&[]).err(), Some(E::TlsCertificateInvalidLength));
    assert_eq!(Certificate::of(&[4, 0]).err(), Some(E::TlsCertificateInvalidDer));
    assert_eq!(Certificate::of(&[0x30, 6, 0x30, 0x84, 0xff, 0xff, 0xff, 0xfa]).err(), Some(E::TlsInvalidCertificate));
    assert_eq!(Certificate::of(&[0x30, 5, 0x30, 0x84, 0xff, 0xff, 0xff]).err(), Some(E::TlsCertificateInvalidLength));
}

#[test]
fn alternative_names_of_other_kinds_are_left_out() {
    let bytes = Made::default().der();
    let names: Vec<_> = Certificate::of(&bytes).unwrap().alternatives().collect();
    assert_eq!(names.len(), 4);
    assert_eq!(names[0], Alternative::Text(b"a.example"));
}

#[test]
fn a_chain_that_is_cut_off_is_told() {
    let mut chain = certificates(&[&Made::default().der()]);
    let at = chain.len();
    chain.extend([0, 9, 9, 1]);
    chain[3] += 4;
    chain[6] += 4;
    let _ = at;
    let told = told(&[(ToClient, record(22, &[server_hello(&[]), chain].concat()))]);
    assert_has(
        &told,
        &[
            "tls 0 < (event) certificate_invalid_length",
            "tls 0 < (event) invalid_handshake_message",
            "tls 0 < tls.cert_subject C=FR, CN=SELKS",
        ],
    );
}

#[test]
fn records_that_cannot_be_are_told() {
    let hello = record(22, &client_hello(&[]));
    for (more, event) in [
        (vec![9, 3, 3, 0, 1, 0], "invalid_record_type"),
        (vec![23, 4, 3, 0, 1, 0], "invalid_record_version"),
        (vec![23, 3, 3, 0xff, 0xff, 0], "invalid_tls_header"),
        (vec![22, 3, 3, 0, 0], "invalid_tls_header"),
        (record(22, &[99, 0, 0, 1, 1]), "invalid_handshake_message"),
        (record(22, &[11, 1, 0, 1]), "handshake_invalid_length"),
        (record(22, &message(2, b"short")), "handshake_invalid_length"),
        (record(21, &[1]), "invalid_alert_message"),
        (record(21, &[7, 0]), "invalid_alert_message"),
        (record(24, &[1, 0x40, 0, 0]), "overflow_heartbeat_message"),
        (record(24, &[1, 0, 1, 0]), "invalid_heartbeat_message"),
        (record(24, &[9, 0, 0]), "invalid_heartbeat_message"),
        (record(24, &[1, 0]), "invalid_heartbeat_message"),
        ([23, 3, 3, 0, 0].repeat(40), "too_many_records_in_packet"),
    ] {
        let told = told(&[(ToServer, [&hello[..], &more].concat())]);
        assert!(told.iter().any(|line| line.ends_with(&format!("(event) {event}"))), "{event} {told:#?}");
    }
    let sound = [record(21, &[2, 40]), record(24, &[&[1, 0, 1][..], &[0; 17]].concat())].concat();
    let told = told(&[(ToServer, [hello, sound].concat())]);
    let events: Vec<_> = told.iter().filter(|line| line.contains("(event)")).collect();
    assert_eq!(events, ["tls 0 > (event) heartbeat_message"]);
}

#[test]
fn an_encrypted_heartbeat_that_is_answered_with_more_is_told_when_the_rest_was_told() {
    let mut said = handshake_12();
    said.push((ToServer, record(24, &[0; 40])));
    said.push((ToClient, record(24, &[0; 400])));
    let told = told(&said);
    assert_has(
        &told,
        &["tls 1 > (event) heartbeat_message", "tls 2 < (event) dataleak_heartbeat_mismatch", "tls 2 > level 5"],
    );
    let mut silent = handshake_12();
    silent.push((ToServer, record(24, &[0; 40])));
    silent.push((ToClient, record(24, &[0; 40])));
    assert!(!self::told(&silent).iter().any(|line| line.contains("mismatch")));
}

/// A client's hello of SSLv2.
fn hello_of_v2(version: [u8; 2]) -> Vec<u8> {
    let body = [&[1][..], &version, &[0, 6, 0, 0, 0, 16], &[0, 0, 0x2f, 7, 0, 0xc0], &[5; 16]].concat();
    [&[0x80, body.len() as u8][..], &body].concat()
}

#[test]
fn a_hello_of_sslv2_may_begin_a_later_version() {
    let mut said = handshake_12();
    said[0].1 = hello_of_v2([3, 1]);
    let told = told(&said);
    assert_has(
        &told,
        &[
            "tls 0 > tls.version 769",
            "tls 0 > tls.random \\x05\\x05\\x05\\x05\\x05\\x05\\x05\\x05\\x05\\x05\\x05\\x05\\x05\\x05\\x05\\x05",
            "tls 0 < tls.cert_subject C=FR, CN=SELKS",
        ],
    );
    assert!(!told.iter().any(|line| line.contains("(event)") || line.contains("ja3.")));
}

#[test]
fn a_server_of_sslv2_shows_its_certificate() {
    let certificate = Made::default().der();
    let length = (certificate.len() as u16).to_be_bytes();
    let body = [&[4, 0, 1, 0, 2][..], &length, &[0, 3, 0, 1], &certificate, &[7, 0, 0xc0, 9]].concat();
    let record = |body: &[u8]| [&[0x80 | (body.len() >> 8) as u8, body.len() as u8][..], body].concat();
    let told = told(&[
        (ToServer, hello_of_v2([0, 2])),
        (ToClient, record(&body)),
        (ToServer, record(&[2; 30])),
        (ToServer, [&[0, 30, 2][..], &[0xaa; 30]].concat()),
        (ToClient, record(&[0xbb; 30])),
    ]);
    assert_has(&told, &["tls 0 < tls.version 2", "tls 0 < tls.cert_subject C=FR, CN=SELKS", "tls 0 > ssl_state 4"]);
    assert!(!told.iter().any(|line| line.contains("(event)")), "{told:#?}");
}

#[test]
fn an_error_of_sslv2_is_told() {
    let told = told(&[(ToServer, [hello_of_v2([0, 2]), vec![0x80, 3, 0, 0, 1]].concat())]);
    assert_has(&told, &["tls 0 > (event) error_message_encountered"]);
}

#[test]
fn nothing_is_read_of_encrypted_data_when_it_is_bypassed() {
    let mut settings = AppSettings::default();
    settings.tls.encryption = Encryption::Bypass;
    let mut said = handshake_12();
    said.push((ToServer, vec![0xff; 100]));
    let said: Vec<_> = said.iter().map(|(way, bytes)| (*way, &bytes[..])).collect();
    assert!(!talk(settings, &said).iter().any(|line| line.contains("(event)")));
    // What is not bypassed is still looked at.
    assert!(talk(AppSettings::default(), &said).iter().any(|line| line.ends_with("(event) invalid_record_type")));
}

#[test]
fn what_is_encrypted_need_not_be_brought() {
    let mut applications = Applications::new(AppSettings::default(), 1);
    applications.set_wants(Fields::NONE);
    let mut link = AppLink::default();
    let feed = |applications: &mut Applications, link: &mut AppLink, direction, bytes: &[u8]| {
        let ports = [443, 40_000];
        applications.feed(link, &Input { bytes, direction, now: Nanos(0), ports, either: false, datagram: false });
    };
    for (direction, bytes) in handshake_12() {
        assert!(!applications.pass_over(link, direction, 1));
        feed(&mut applications, &mut link, direction, &bytes);
    }
    let data = record(23, &[0; 1_000]);
    feed(&mut applications, &mut link, ToServer, &data[..100]);
    assert!(!applications.pass_over(link, ToServer, 906), "the next head is to be seen");
    assert!(applications.pass_over(link, ToServer, 900));
    assert!(applications.pass_over(link, ToServer, 5));
    assert!(!applications.pass_over(link, ToServer, 1));
    assert!(!applications.pass_over(link, ToClient, 1));
    // What follows is read where it stands.
    feed(&mut applications, &mut link, ToServer, &[99, 3, 3, 0, 1]);
    assert!(!applications.listens(link, ToServer) && applications.listens(link, ToClient));
}

#[test]
fn tls_behind_a_tunnel_and_a_stray_end_of_a_line_is_recognised() {
    let connect = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n\n".to_vec();
    let mut applications = Applications::new(AppSettings::default(), 1);
    let mut link = AppLink::default();
    for (direction, bytes) in [
        (ToServer, connect),
        (ToClient, b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        (ToServer, record(22, &client_hello(&[]))),
    ] {
        let (bytes, ports) = (&bytes[..], [8_080, 40_000]);
        applications.feed(&mut link, &Input { bytes, direction, now: Nanos(0), ports, either: false, datagram: false });
    }
    assert_eq!(link.state.protocol(), Some(AppProtocol::Tls));
}

#[test]
fn hellos_of_old_drafts_are_read() {
    for (version, chosen) in [([3, 4], 0x7f01), ([0x7f, 0x12], 0x7f12)] {
        let body = [&version[..], &[9; 32], &[0x13, 1], &list16(&extension(51, &[0; 4]))].concat();
        let told = told(&[
            (ToServer, record(22, &client_hello(&[]))),
            (ToClient, [record(22, &message(2, &body)), record(23, &[1; 30])].concat()),
        ]);
        assert_has(&told, &[&format!("tls 0 < tls.version {chosen}")]);
        assert!(!told.iter().any(|line| line.contains("(event)")));
    }
}

#[test]
fn what_begins_tls_is_recognised_and_nothing_else() {
    let hello = record(22, &client_hello(&[]));
    for length in 1..6 {
        assert_eq!(likeness(&hello[..length], ToServer), Likeness::More, "{length}");
    }
    assert_eq!(likeness(&hello, ToServer), Likeness::Sure);
    assert_eq!(likeness(&hello, ToClient), Likeness::Sure);
    assert_eq!(likeness(&record(22, b""), ToServer), Likeness::Sure);
    assert_eq!(likeness(&record(21, &[2, 40]), ToClient), Likeness::Sure);
    assert_eq!(likeness(&record(23, &[0; 40]), ToClient), Likeness::Sure);
    let old = hello_of_v2([3, 0]);
    for length in 1..5 {
        assert_eq!(likeness(&old[..length], ToServer), Likeness::More, "{length}");
    }
    assert_eq!(likeness(&old, ToServer), Likeness::Sure);
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        &[0x16, 2, 0],
        &[0x16, 3, 9],
        &[0x80, 0x2e, 9, 9, 9],
        &[20, 3, 3, 0, 2, 1, 1],
        &[22, 3, 3, 0, 4, 99],
    ] {
        assert_eq!(likeness(other, ToServer), Likeness::No, "{other:02x?}");
    }
}

/// A hello with lists as long as their lengths can say.
fn longest_hello(name: &[u8]) -> Vec<u8> {
    let ciphers = list16(&[0x13, 1].repeat(32_767));
    let name = sni(name);
    let padding = extension(21, &vec![0; 65_535 - name.len() - 4]);
    let session = [&[32][..], &[5; 32]].concat();
    let compressions = [&[255][..], &[0; 255]].concat();
    let body = [&[3, 3][..], &[7; 32], &session, &ciphers, &compressions, &list16(&[padding, name].concat())].concat();
    assert_eq!(body.len(), super::handshake::MOST_HELLO);
    message(1, &body)
}

#[test]
fn the_longest_hello_there_can_be_is_read() {
    let records: Vec<u8> = longest_hello(b"evil.example").chunks(16_384).flat_map(|part| record(22, part)).collect();
    for size in [1, 1_400, 65_536, usize::MAX] {
        let told = talk_cut(AppSettings::default(), &[(ToServer, &records)], size);
        assert_has(&told, &["tls 0 > tls.sni evil.example"]);
        assert!(!told.iter().any(|line| line.contains("(event)")));
    }
    // Records of one byte of it each.
    let records: Vec<u8> = longest_hello(b"evil.example").chunks(1).flat_map(|part| record(22, part)).collect();
    assert_has(&talk_cut(AppSettings::default(), &[(ToServer, &records)], 1_400), &["tls 0 > tls.sni evil.example"]);
}

#[test]
fn a_message_for_which_there_is_no_room_hides_none_behind_it() {
    let first = record(22, &client_hello(&sni(b"first.example")));
    let second = record(22, &client_hello(&sni(b"a.example")));
    let long: Vec<u8> = longest_hello(b"first.example").chunks(16_384).flat_map(|part| record(22, part)).collect();
    // Cut in the head of the message, right behind it, and further on; over several records as well.
    // With a spare block the head finds room, and what is behind it does not.
    let cuts = [
        (&first, 7, 0),
        (&first, 9, 0),
        (&first, 12, 0),
        (&first, 40, 0),
        (&first, 75, 1),
        (&long, 12, 0),
        (&long, 3_000, 1),
    ];
    for (first, cut, spare) in cuts {
        let mut settings = AppSettings::default();
        settings.memory = 1;
        let mut applications = Applications::new(settings, 1);
        let mut wants = Fields::NONE;
        wants.add(crate::Field::TlsSni);
        applications.set_wants(wants);
        let mut link = AppLink::default();
        let mut feed = |applications: &mut Applications, bytes: &[u8]| {
            let (direction, ports) = (ToServer, [443, 40_000]);
            let input = Input { bytes, direction, now: Nanos(0), ports, either: false, datagram: false };
            applications.feed(&mut link, &input);
        };
        feed(&mut applications, &first[..5]);
        let mut rest = Vec::new();
        let mut buf = crate::arena::Buf::EMPTY;
        while applications.room.arena.grow(&mut buf, 64).is_ok() {
            rest.push(std::mem::take(&mut buf));
        }
        rest.iter_mut().take(spare).for_each(|buf| applications.room.arena.free(buf));
        feed(&mut applications, &first[5..cut]);
        rest.iter_mut().for_each(|buf| applications.room.arena.free(buf));
        feed(&mut applications, &[&first[cut..], &second].concat());
        let at = applications.first(link);
        let view = crate::TransactionView::of(&applications.room, at, ToServer).unwrap();
        let names: Vec<_> = view.pieces(crate::Field::TlsSni).collect();
        assert_eq!(names, [b"a.example"], "{cut} of {}", first.len());
    }
}

#[test]
fn a_message_with_more_than_is_read_is_passed_over() {
    let big = message(1, &vec![0; super::handshake::MOST_HELLO + 1]);
    let records: Vec<u8> = big.chunks(16_384).flat_map(|part| record(22, part)).collect();
    let said = [(ToServer, &records[..]), (ToServer, &record(22, &client_hello(&sni(b"a.example")))[..])];
    let told = talk_cut(AppSettings::default(), &said, 1_400);
    assert_has(&told, &["tls 0 > (event) handshake_invalid_length", "tls 0 > tls.sni a.example"]);
}

#[test]
fn long_lists_are_borne() {
    // Ciphers and extensions as many as fit a hello: the text of JA3 is cut, its digest is not.
    let ciphers: Vec<u8> = (0..4_000_u16).flat_map(u16::to_be_bytes).collect();
    let extensions: Vec<u8> = (100..2_000_u16).flat_map(|number| extension(number, b"")).collect();
    let body = [&[3, 3][..], &[7; 32], &[0], &list16(&ciphers), &[1, 0], &list16(&extensions)].concat();
    let hello = message(1, &body);
    let records: Vec<u8> = hello.chunks(16_384).flat_map(|part| record(22, part)).collect();
    let told = talk_cut(AppSettings::default(), &[(ToServer, &records)], 1_400);
    let text = told.iter().find_map(|line| line.strip_prefix("tls 0 > ja3.string ")).unwrap();
    assert_eq!(text.len(), super::fingerprint::MOST_JA3);
    let join = |numbers: &mut dyn Iterator<Item = u16>| {
        let known = numbers.filter(|&number| !super::hello::is_grease(number));
        known.map(|number| number.to_string()).collect::<Vec<_>>().join("-")
    };
    let whole = format!("771,{},{},,", join(&mut (0..4_000)), join(&mut (100..2_000)));
    assert!(whole.starts_with(text));
    let digest = <md5::Md5 as md5::Digest>::digest(&whole);
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(told.contains(&format!("tls 0 > ja3.hash {hash}")));
    assert!(told.iter().any(|line| line.starts_with("tls 0 > ja4.hash t12i9999")));
}

#[test]
fn text_that_is_cut_says_so() {
    let made = Made { subject: name(&[(&[0x55, 4, 3], 0x0c, &[b'a'; 5_000])]), ..Made::default() };
    let bytes = made.der();
    let mut place = [0; super::x509::MOST_NAME + 1];
    let certificate = Certificate::of(&bytes).unwrap();
    let subject = certificate.subject(&mut place);
    assert!(subject.is_cut() && subject.get().len() == super::x509::MOST_NAME);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_records_are_borne_and_tell_the_same_in_any_pieces(
        parts in prop::collection::vec((20..26_u8, prop::collection::vec(any::<u8>(), 0..60)), 1..12),
        sizes in prop::collection::vec(1..100_usize, 1..20),
    ) {
        let bytes: Vec<u8> = parts.iter().flat_map(|(kind, bytes)| record(*kind, bytes)).collect();
        let hello = record(22, &client_hello(&[]));
        let client = [hello, bytes.clone()].concat();
        let whole = told(&[(ToServer, client.clone()), (ToClient, bytes.clone())]);
        prop_assert_eq!(talk_pieces(AppSettings::default(), &[(ToServer, &client), (ToClient, &bytes)], &sizes), whole);
    }

    /// Parts of handshakes in any order: retries, changes of keys, early data, hellos over several records.
    #[test]
    fn parts_of_handshakes_in_any_order_tell_the_same_in_any_pieces(
        parts in prop::collection::vec((any::<bool>(), 0..9_usize), 1..14),
        sizes in prop::collection::vec(1..100_usize, 1..20),
    ) {
        let hello = client_hello(&[sni(b"a.example"), extension(42, b"")].concat());
        let other = client_hello(&sni(b"b.example"));
        let certificate = certificates(&[&Made::default().der()]);
        let pieces = [
            record(22, &hello),
            [record(22, &other[..9]), record(22, &other[9..])].concat(),
            record(22, &retry()),
            record(22, &server_hello_13()),
            record(22, &[server_hello(&[]), certificate].concat()),
            record(20, &[1]),
            record(23, &[0xee; 30]),
            record(22, &[0xaa; 40]),
            record(22, &message(16, b"key")),
        ];
        let mut said = vec![(ToServer, pieces[0].clone())];
        said.extend(parts.iter().map(|(to_server, at)| (if *to_server { ToServer } else { ToClient }, pieces[*at].clone())));
        let whole = told(&said);
        let said: Vec<_> = said.iter().map(|(way, bytes)| (*way, &bytes[..])).collect();
        prop_assert_eq!(talk_pieces(AppSettings::default(), &said, &sizes), whole);
    }

    #[test]
    fn a_handshake_that_is_changed_is_borne(which in 0..3_usize, at in 0..900_usize, byte: u8, cut in 0..900_usize) {
        let mut said = handshake_12();
        let bytes = &mut said[which].1;
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(bytes.len().min(cut.max(8)));
        told(&said);
    }

    #[test]
    fn any_certificate_is_borne(at in 0..400_usize, byte: u8, cut in 0..400_usize) {
        let mut bytes = Made::default().der();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(cut);
        if let Ok(certificate) = Certificate::of(&bytes) {
            let mut place = [0; 64];
            certificate.subject(&mut place);
            certificate.issuer(&mut place);
            certificate.serial();
            certificate.alternatives().count();
        }
    }
}
