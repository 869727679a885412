//! `tag`: packets recorded after an alert. Each hit has a silent twin.
//!
//! Source: the public rule documentation of the reference engine, "Tag".
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Family, Frame, Session};
use sluice_core::event::EventBody;

/// Whether `frame` alerted, and whether it was recorded for an earlier alert.
fn at(engine: &mut Engine, second: u64, frame: &[u8]) -> (bool, bool) {
    engine.judge(second, frame);
    let (mut alerted, mut tagged) = (false, false);
    engine.events(|body, _| match body {
        EventBody::Alert { .. } => alerted = true,
        EventBody::Tagged { packet, .. } => {
            assert!(packet.record > 0);
            tagged = true;
        }
        _ => {}
    });
    (alerted, tagged)
}

fn tagged(engine: &mut Engine, second: u64, frame: &[u8]) -> bool {
    at(engine, second, frame).1
}

#[test]
fn packets_of_the_session_are_recorded_in_both_directions_up_to_the_number() {
    for family in BOTH {
        let mut engine = Engine::new("alert tcp any any -> any any (content:\"evil\"; tag:session,3,packets; sid:1;)");
        let mut session = Session::new(family);
        for frame in session.handshake() {
            assert_eq!(at(&mut engine, 0, &frame), (false, false));
        }
        assert_eq!(
            at(&mut engine, 0, &session.client_sends(b"evil")),
            (true, false),
            "the alert itself is recorded as such"
        );
        assert!(tagged(&mut engine, 0, &session.server_sends(b"a")));
        let other = Session::between(Frame { ports: (41_000, 80), ..Frame::new(family) }).syn();
        assert!(!tagged(&mut engine, 0, &other), "another session");
        assert!(
            tagged(&mut engine, 0, &session.client_sends(b"b")) && tagged(&mut engine, 0, &session.client_sends(b"c"))
        );
        assert!(!tagged(&mut engine, 0, &session.client_sends(b"d")));
        assert_eq!(engine.pipeline.counters.detect_tagged, 3);
        // Again.
        assert_eq!(at(&mut engine, 0, &session.client_sends(b"evil")), (true, false));
        assert_eq!(at(&mut engine, 0, &session.client_sends(b"evil")), (true, true));
    }
}

#[test]
fn seconds_and_bytes_are_limits_too_and_without_one_it_is_256_packets() {
    let udp = |payload: &[u8]| Frame::new(Family::V6).udp(payload);
    let rule = |tag: &str| format!("alert udp any any -> any any (content:\"evil\"; tag:{tag}; sid:1;)");
    let mut engine = Engine::new(&rule("session,10,seconds"));
    assert_eq!(at(&mut engine, 0, &udp(b"evil")), (true, false));
    assert_eq!([1, 9, 10].map(|second| tagged(&mut engine, second, &udp(b"x"))), [true, true, false]);
    let mut engine = Engine::new(&rule("session,200,bytes"));
    engine.feed(&udp(b"evil"));
    assert_eq!([100, 100, 1].map(|length| tagged(&mut engine, 0, &udp(&vec![0; length]))), [true, true, false]);
    let mut engine = Engine::new(&rule("session"));
    engine.feed(&udp(b"evil"));
    assert_eq!((0..300).filter(|_| tagged(&mut engine, 0, &udp(b"x"))).count(), 256);
}

#[test]
fn a_host_is_followed_over_all_its_flows() {
    for family in BOTH {
        for (side, host) in [("src", 1), ("dst", 2)] {
            let rule = format!("alert udp any any -> any any (content:\"evil\"; tag:host,3,packets,{side}; sid:1;)");
            let mut engine = Engine::new(&rule);
            let frame = Frame::new(family);
            assert_eq!(at(&mut engine, 0, &frame.udp(b"evil")), (true, false));
            let other = Frame { source: 9, destination: 8, ..frame.clone() };
            assert!(!tagged(&mut engine, 0, &other.udp(b"x")), "another host");
            let with = Frame { source: host, destination: 8, ports: (7, 7), ..frame.clone() };
            assert!(
                tagged(&mut engine, 0, &with.udp(b"x")) && tagged(&mut engine, 0, &with.back().tcp(b"x")),
                "{side}"
            );
            assert!(tagged(&mut engine, 0, &with.ping(b"x")) && !tagged(&mut engine, 0, &with.udp(b"x")));
        }
    }
}

#[test]
fn an_alert_that_nobody_is_told_of_tags_nothing() {
    let udp = |payload: &[u8]| Frame::new(Family::V4).udp(payload);
    for option in ["noalert", "detection_filter:track by_src, count 9, seconds 60"] {
        let mut engine = Engine::new(&format!(
            "alert udp any any -> any any (content:\"evil\"; tag:session,9,packets; {option}; sid:1;)"
        ));
        assert_eq!(at(&mut engine, 0, &udp(b"evil")), (false, false));
        assert!(!tagged(&mut engine, 0, &udp(b"x")), "{option}");
    }
}
