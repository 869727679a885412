//! Keywords of TLS and QUIC through a whole worker: each with what it finds and what it must not find.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at what they did not expect"
)]

mod harness;
mod secure;

use harness::{BOTH, Engine, Frame, Session, Setup};
use sluice_app::AppSettings;

/// The signatures that a whole connection meets.
fn found(rules: &str) -> Vec<u32> {
    let mut setup = Setup::default();
    setup.settings.applications = AppSettings::default();
    let mut engine = Engine::with(rules, setup);
    let mut session = Session::between(Frame { ports: (40_000, 4_443), ..Frame::new(BOTH[0]) });
    let mut spoken = Vec::new();
    for frame in session.handshake() {
        spoken.extend(engine.feed(&frame));
    }
    for (to_server, bytes) in secure::connection() {
        let frame = if to_server { session.client_sends(&bytes) } else { session.server_sends(&bytes) };
        spoken.extend(engine.feed(&frame));
    }
    for frame in [session.client_sends(b""), session.server_sends(b""), session.client_sends(b"")] {
        spoken.extend(engine.feed(&frame));
    }
    spoken.sort_unstable();
    spoken.dedup();
    spoken
}

/// Asserts that the first of each pair is found and the second is not.
fn pairs(pairs: &[(&str, &str)]) {
    for (hit, quiet) in pairs {
        let rules =
            format!("alert tls any any -> any any ({hit}; sid:1;)\nalert tls any any -> any any ({quiet}; sid:2;)");
        assert_eq!(found(&rules), [1], "{hit} | {quiet}");
    }
}

#[test]
fn names_and_versions_are_compared() {
    pairs(&[
        ("tls.sni; content:\"a.example\"; bsize:9", "tls.sni; content:\"b.example\""),
        ("tls.version:1.2", "tls.version:1.1"),
        ("tls.version:0x0303", "tls.version:!1.2"),
        ("ssl_version:tls1.1,tls1.2", "ssl_version:!tls1.2,!tls1.3"),
        ("ssl_state:client_hello", "ssl_state:client_keyx; flow:to_client"),
        ("ssl_state:server_hello; flow:to_client", "ssl_state:server_hello; flow:to_server"),
        ("ssl_state:client_keyx", "ssl_state:server_keyx; flow:to_server"),
        ("tls.alpn; content:\"h2\"; flow:to_client", "tls.alpn; content:\"http/1.1\"; flow:to_client"),
        (
            "tls.random; content:\"|07 07|\"; startswith; flow:to_server",
            "tls.random; content:\"|07 07|\"; flow:to_client",
        ),
    ]);
}

#[test]
fn certificates_are_compared() {
    pairs(&[
        ("tls.cert_subject; content:\"CN=SELKS\"", "tls.cert_subject; content:\"CN=other\""),
        ("tls.cert_issuer; content:\"O=Stamus\"", "tls.cert_issuer; content:\"O=stamus\""),
        ("tls.subject:\"C=FR, CN=SELKS\"", "tls.subject:!\"CN=SELKS\""),
        ("tls.issuerdn:!\"CN=other\"", "tls.issuerdn:\"CN=other\""),
        ("tls.cert_serial; content:\"00:97:e6\"", "tls.cert_serial; content:\"97:E7\""),
        ("tls.cert_chain_len:2", "tls.cert_chain_len:>2"),
        ("tls_cert_notbefore:<2000", "tls_cert_notbefore:>2000"),
        ("tls_cert_notafter:2049-12-31<>2050", "tls_cert_notafter:<2049-12-31 23:59:59"),
        ("tls_cert_valid", "tls_cert_expired"),
        ("tls.certs; content:\"|55 04 03|\"", "tls.certs; content:\"|55 04 99|\""),
        ("tls.subjectaltname; content:\"a.example\"", "tls.subjectaltname; content:\"b.example\""),
        ("tls.store; tls.sni; content:\"a.example\"", "tls.store; tls.sni; content:\"b\""),
    ]);
}

#[test]
fn fingerprints_match_in_either_case() {
    let fingerprint = secure::fingerprint();
    let upper = fingerprint.to_ascii_uppercase();
    pairs(&[
        (&format!("tls.cert_fingerprint; content:\"{upper}\""), "tls.cert_fingerprint; content:\"00:00:00:00\""),
        (&format!("tls.fingerprint:\"{fingerprint}\""), "tls.fingerprint:\"00:00:00:00\""),
        ("ja3.string; content:\"771,49199-47,0-16,,\"", "ja3.string; content:\"770,\""),
        ("ja3s.string; content:\"771,49199,16\"", "ja3s.string; content:\"770,\""),
        ("ja4.hash; content:\"T12D020\"", "ja4.hash; content:\"q13\""),
    ]);
}

#[test]
fn records_are_found_as_they_are() {
    pairs(&[
        (
            "frame:tls.pdu; content:\"|17 03 03|\"; startswith; flow:to_client",
            "frame:tls.pdu; content:\"|18 03 03|\"; startswith",
        ),
        ("frame:hdr; content:\"|00 3c|\"; endswith; bsize:5", "frame:hdr; content:\"|cc|\""),
        (
            "frame:tls.data; content:\"|cc cc|\"; startswith; flow:to_server",
            "frame:tls.data; content:\"|cc cc|\"; flow:to_client",
        ),
    ]);
}

#[test]
fn hooks_are_met_when_a_direction_is_that_far() {
    let rules = "alert tls:client_hello_done any any -> any any (tls.sni; content:\"a.example\"; sid:1;)
alert tls:client_hello_done any any -> any any (sid:2;)
alert tls:server_cert_done any any -> any any (tls.cert_subject; content:\"SELKS\"; sid:3;)
alert tls:server_handshake_done any any -> any any (sid:4;)
alert tls:client_hello_done any any -> any any (tls.sni; content:\"b.example\"; sid:5;)
alert http1:request_line any any -> any any (sid:6;)";
    assert_eq!(found(rules), [1, 2, 3, 4]);
    assert!(!harness::is_accepted("alert tls:nonsense any any -> any any (sid:1;)"));
}

#[test]
fn events_are_found_once() {
    let rules = "alert tls any any -> any any (app-layer-event:tls.invalid_record_type; sid:1;)\nalert tls any any -> any any (app-layer-event:tls.heartbeat_message; sid:2;)";
    assert!(found(rules).is_empty());
}

#[test]
fn hellos_of_quic_are_found() {
    const RULES: &str = r#"alert quic any any -> any any (quic.sni; content:"example.com"; sid:1;)
alert quic any any -> any any (quic.version; content:"|00 00 00 01|"; sid:2;)
alert quic any any -> any any (ja3.string; content:"771,4865-4866,"; sid:3;)
alert quic any any -> any any (ja4.hash; content:"q13d02"; startswith; sid:4;)
alert quic any any -> any any (quic.sni; content:"example.org"; sid:5;)
alert tls any any -> any any (ja3.string; content:"771,4865-4866,"; sid:6;)
alert quic any any -> any any (app-layer-event:quic.failed_decrypt; sid:7;)"#;
    for family in BOTH {
        let mut setup = Setup::default();
        setup.settings.applications = AppSettings::default();
        let mut engine = Engine::with(RULES, setup);
        let frame = Frame { ports: (40_000, 8_443), ..Frame::new(family) };
        let mut spoken = engine.feed(&frame.udp(&secure::quic_initial()));
        spoken.sort_unstable();
        assert_eq!(spoken, [1, 2, 3, 4]);
        let mut spoiled = secure::quic_initial();
        spoiled[600] ^= 1;
        // On its own port it is QUIC all the same; elsewhere only what can be decrypted is.
        for (port, wanted) in [(443, &[2, 7][..]), (8_443, &[])] {
            let frame = Frame { ports: (40_001, port), ..Frame::new(family) };
            let mut spoken = engine.feed(&frame.udp(&spoiled));
            spoken.sort_unstable();
            assert_eq!(spoken, wanted, "{family:?} {port}");
        }
    }
}
