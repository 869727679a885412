//! What a flow speaks: rules about that alone, ends that do not fit together, and DNS over HTTP/2, through a whole worker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Family, Frame, Session, Setup};
use sluice_app::AppSettings;

fn setup(inline: bool) -> Setup<'static> {
    let mut setup = if inline { harness::inline() } else { Setup::default() };
    setup.settings.applications = AppSettings::default();
    setup.settings.streams.at_once = inline;
    setup
}

/// What speaks about a connection in which each end says one thing, and all of that is acknowledged; sorted.
fn spoken(rules: &str, family: Family, inline: bool, client: &[u8], server: &[u8]) -> Vec<u32> {
    let mut engine = Engine::with(rules, setup(inline));
    let mut session = Session::between(Frame { ports: (40_000, 80), ..Frame::new(family) });
    let mut frames = session.handshake();
    frames.push(session.client_sends(client));
    frames.push(session.server_sends(server));
    frames.push(session.client_sends(b""));
    frames.push(session.server_sends(b""));
    frames.push(session.client_sends(b""));
    let mut all: Vec<u32> = engine.all(&frames).concat();
    engine.pipeline.finish();
    engine.events(|body, ruleset| {
        if let sluice_core::event::EventBody::Alert { rule, .. } = body {
            all.push(ruleset.rule(*rule).unwrap().sid);
        }
    });
    all.sort_unstable();
    all
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

const ALONE: &str = r#"alert tcp any any -> any any (app-layer-protocol:http; sid:1;)
alert tcp any any -> any any (app-layer-protocol:tls; sid:2;)
alert tcp any any -> any any (app-layer-protocol:!http; sid:3;)
alert tcp any any -> any any (app-layer-protocol:!tls; sid:4;)
alert tcp any any -> any 80 (app-layer-protocol:http1; prefilter; sid:5;)
alert tcp any any -> any any (app-layer-protocol:http,original; app-layer-protocol:http2,final; sid:6;)"#;

#[test]
fn a_rule_about_the_protocol_alone_speaks_once_for_each_end_that_tells_it() {
    for family in BOTH {
        for inline in [true, false] {
            assert_eq!(spoken(ALONE, family, inline, GET, OK), [1, 1, 4, 4, 5], "{family:?} {inline}");
            // The server's words are none of HTTP.
            assert_eq!(spoken(ALONE, family, inline, GET, b"plain words that go on"), [1, 4, 5]);
            assert_eq!(spoken(ALONE, family, inline, &[b'~'; 900], &[b'~'; 900]), [3, 3, 4, 4]);
        }
    }
}

const ODD: &str = r#"alert ip any any -> any any (flow:established; app-layer-event:applayer_mismatch_protocol_both_directions; sid:1;)
alert ip any any -> any any (flow:established; app-layer-event:applayer_wrong_direction_first_data; sid:2;)
alert ip any any -> any any (flow:established; app-layer-event:applayer_detect_protocol_only_one_direction; sid:3;)
alert ip any any -> any any (app-layer-event:applayer_proto_detection_skipped; sid:4;)
alert ip any any -> any any (app-layer-event:applayer_no_tls_after_starttls; sid:5;)
alert ip any any -> any any (app-layer-event:applayer_unexpected_protocol; sid:6;)"#;

#[test]
fn ends_that_do_not_speak_the_same_are_told_of_and_those_that_do_are_not() {
    for family in BOTH {
        for inline in [true, false] {
            let told = |client: &[u8], server: &[u8]| spoken(ODD, family, inline, client, server);
            assert_eq!(told(GET, b"SSH-2.0-OpenSSH_9.0\r\n"), [1]);
            assert_eq!(told(b"\x16\x03\x01\0\x05\x01\0\0\x01\0", OK), [1]);
            assert_eq!(told(GET, b"plain words that go on"), [3]);
            assert_eq!(told(GET, OK), [0; 0]);
            assert_eq!(told(&[b'~'; 900], &[b'~'; 900]), [0; 0]);
        }
    }
}

#[test]
fn an_upgrade_to_something_else_than_was_announced_is_told_of() {
    const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n";
    const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    for inline in [true, false] {
        for (then, wanted) in [(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), vec![]), (GET, vec![6])] {
            let mut engine = Engine::with(ODD, setup(inline));
            let mut session = Session::between(Frame { ports: (40_000, 80), ..Frame::new(BOTH[0]) });
            let mut frames = session.handshake();
            for (of_client, bytes) in [(true, ASK), (false, SWITCH), (true, then), (false, b""), (true, b"")] {
                frames.push(if of_client { session.client_sends(bytes) } else { session.server_sends(bytes) });
            }
            assert_eq!(engine.all(&frames).concat(), wanted, "{inline}");
        }
    }
}

#[test]
fn a_hundred_thousand_bytes_without_an_answer_are_told_of_once() {
    let mut engine = Engine::with(ODD, setup(true));
    let mut session = Session::new(BOTH[0]);
    session.handshake().iter().for_each(|frame| assert!(engine.feed(frame).is_empty()));
    let mut told = Vec::new();
    for _ in 0..120 {
        told.extend(engine.feed(&session.client_sends(&[b'~'; 1_000])));
        engine.feed(&session.server_sends(b""));
    }
    assert_eq!(told, [4]);
}

/// A frame of HTTP/2 with headers as they stand, without compression.
fn request(path: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [(b":method".as_slice(), b"GET".as_slice()), (b":path", path), (b":authority", b"dns.example")]
    {
        block.push(0);
        for part in [name, value] {
            block.push(part.len() as u8);
            block.extend_from_slice(part);
        }
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    bytes.extend_from_slice(&[0, 0, block.len() as u8, 1, 5, 0, 0, 0, 1]);
    bytes.extend_from_slice(&block);
    bytes
}

const DOH: &str = r#"alert tcp any any -> any any (app-layer-protocol:dns; sid:1;)
alert tcp any any -> any any (app-layer-protocol:dns,exact; sid:2;)
alert tcp any any -> any any (app-layer-protocol:doh2,exact; sid:3;)
alert tcp any any -> any any (app-layer-protocol:http2; sid:4;)
alert tcp any any -> any any (app-layer-protocol:http2,exact; sid:5;)
alert tcp any any -> any any (app-layer-protocol:!dns; sid:6;)
alert doh2 any any -> any any (http.uri; content:"/dns-query"; sid:7;)
alert http2 any any -> any any (http.host; content:"dns.example"; sid:8;)
alert dns any any -> any any (dns.query; content:"www.example.com"; sid:9;)"#;

#[test]
fn http2_that_carries_dns_is_both_unless_exactly_one_is_asked_for() {
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    for family in BOTH {
        for inline in [true, false] {
            let told = |path: &[u8]| spoken(DOH, family, inline, &request(path), SETTINGS);
            assert_eq!(
                told(b"/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"),
                [1, 3, 4, 7, 8, 9],
                "{family:?} {inline}"
            );
            assert_eq!(told(b"/other?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"), [4, 5, 6, 8]);
        }
    }
}

#[test]
fn in_the_middle_of_a_connection_what_only_servers_say_tells_who_is_the_server() {
    let rules = r#"alert http any any -> any any (flow:to_client; http.stat_code; content:"200"; sid:1;)
        alert tcp any any -> any any (flow:to_server; content:"GET /"; sid:2;)"#;
    for family in BOTH {
        for (first, wanted) in [(OK, vec![1]), (b"plain words that go on".as_slice(), vec![])] {
            let mut setup = setup(true);
            setup.settings.tcp.midstream = true;
            let mut engine = Engine::with(rules, setup);
            let mut session = Session::between(Frame { ports: (40_000, 8_080), ..Frame::new(family) });
            session.handshake();
            assert_eq!(engine.feed(&session.server_sends(first)), wanted, "{family:?}");
        }
    }
}

const HOOKS: &str = r#"alert http1:response_body any any -> any any (sid:1;)
alert http1:response_headers any any -> any any (sid:2;)
alert http1:response_complete any any -> any any (sid:3;)
alert http1:response_body any any -> any any (http.stat_code; content:"404"; sid:4;)
alert http1:response_body any any -> any any (http.stat_code; content:"200"; sid:5;)"#;

#[test]
fn the_hook_of_a_body_speaks_of_each_piece_and_every_other_one_once() {
    for family in BOTH {
        let mut engine = Engine::with(HOOKS, setup(true));
        let mut session = Session::between(Frame { ports: (40_000, 80), ..Frame::new(family) });
        let mut frames = session.handshake();
        frames.push(session.client_sends(GET));
        engine.all(&frames);
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";
        assert_eq!(engine.feed(&session.server_sends(head)), [1, 2, 5], "{family:?}");
        for piece in 0..299 {
            let told = engine.feed(&session.server_sends(&[b'x'; 1_000]));
            assert_eq!(told, [1], "piece {piece}: also of what is not kept");
            assert!(engine.feed(&session.client_sends(b"")).is_empty());
        }
        assert_eq!(engine.feed(&session.server_sends(&[b'x'; 1_000])), [3]);
    }
}

#[test]
fn passive_a_drop_about_the_flow_alone_speaks_once() {
    let rules = r#"drop http any any -> any any (sid:1;)
        alert http any any -> any any (sid:2;)
        drop tls any any -> any any (sid:3;)"#;
    for family in BOTH {
        let told = spoken(rules, family, false, GET, OK);
        assert_eq!(told.iter().filter(|sid| **sid == 1).count(), 1, "{family:?} {told:?}");
        assert!(told.iter().filter(|sid| **sid == 2).count() > 1 && !told.contains(&3), "{told:?}");
    }
}

#[test]
fn of_a_connection_picked_up_in_the_middle_of_which_one_side_is_heard_nothing_waits_for_the_other() {
    let rules = r#"alert http any any -> any any (flow:to_server,established; content:"GET /"; sid:1;)"#;
    for family in BOTH {
        for (asynchronous, heard, wanted) in [(true, false, vec![1]), (false, false, vec![]), (true, true, vec![])] {
            let mut setup = setup(false);
            (setup.settings.tcp.midstream, setup.settings.tcp.async_oneside) = (true, asynchronous);
            let mut engine = Engine::with(rules, setup);
            let mut session = Session::between(Frame { ports: (40_000, 80), ..Frame::new(family) });
            session.handshake();
            assert!(engine.feed(&session.client_sends(b"")).is_empty());
            if heard {
                assert!(engine.feed(&session.server_sends(b"")).is_empty());
            }
            assert_eq!(engine.feed(&session.client_sends(GET)), wanted, "{family:?} {asynchronous} {heard}");
        }
    }
}

#[test]
fn what_nobody_can_tell_and_what_is_not_known_yet_can_be_asked_for() {
    let rules = r#"alert tcp any any -> any any (app-layer-protocol:failed; sid:1;)
        alert tcp any any -> any any (app-layer-protocol:!failed; sid:2;)
        alert tcp any any -> any any (flow:to_server,established; dsize:>0; app-layer-protocol:unknown; sid:3;)
        alert tcp any any -> any any (app-layer-protocol:failed|http; sid:4;)"#;
    for family in BOTH {
        assert_eq!(spoken(rules, family, true, &[b'~'; 900], &[b'~'; 900]), [1, 1, 3, 4, 4], "{family:?}");
        assert_eq!(spoken(rules, family, true, GET, OK), [2, 2, 4, 4], "{family:?}");
    }
}
