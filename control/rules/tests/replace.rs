//! `replace`: what is written over, when, and when not. Each has a silent twin.
//!
//! Source: the public rule documentation of the reference engine, "Payload Keywords: replace".
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Frame, Session, Setup, inline, is_accepted};
use sluice_core::Verdict;

/// The payload of the frame after it went through, inline.
fn through(engine: &mut Engine, frame: &[u8]) -> Vec<u8> {
    let mut out = frame.to_vec();
    assert_eq!(engine.judge(0, frame), Verdict::Pass);
    engine.events(|_, _| ());
    engine.pipeline.rewrite(|at, bytes| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        true
    });
    out
}

#[track_caller]
fn becomes(rules: &str, payload: &[u8], expected: &[u8]) {
    for family in BOTH {
        let mut engine = Engine::with(rules, inline());
        let out = through(&mut engine, &Frame::new(family).udp(payload));
        assert!(out.ends_with(expected), "{rules}: {:?}", String::from_utf8_lossy(&out));
        assert_eq!(engine.pipeline.counters.ips_replaced, u64::from(payload != expected));
    }
}

#[test]
fn the_bytes_that_matched_are_written_over_and_no_others() {
    let rule = "alert udp any any -> any any (content:\"abcd\"; replace:\"WXYZ\"; sid:1;)";
    becomes(rule, b"..abcd..abcd", b"..WXYZ..abcd");
    becomes(rule, b"..abce..", b"..abce..");
    // The place that let the rest of the rule match counts, not the first one.
    let rule = "alert udp any any -> any any (content:\"ab\"; nocase; replace:\"..\"; content:\"cd\"; distance:0; within:2; replace:\"!!\"; sid:1;)";
    becomes(rule, b"ab-AbCd-ABcd", b"ab-AbCd-..!!");
    becomes(rule, b"ab-cd", b"ab-cd");
}

#[test]
fn a_rule_that_does_not_match_after_all_changes_nothing() {
    becomes(
        "alert udp any any -> any any (content:\"abcd\"; replace:\"WXYZ\"; content:!\"efgh\"; sid:1;)",
        b"abcd efgh",
        b"abcd efgh",
    );
    becomes(
        "alert udp any any -> any any (content:\"abcd\"; replace:\"WXYZ\"; udp.hdr; content:\"|ff ff|\"; sid:1;)",
        b"abcd",
        b"abcd",
    );
    becomes(
        "alert udp any any -> any any (content:\"abcd\"; replace:\"WXYZ\"; detection_filter:track by_src, count 5, seconds 60; sid:1;)",
        b"abcd",
        b"abcd",
    );
    becomes(
        "pass udp any any -> any any (content:\"ab\"; sid:2;)\nalert udp any any -> any any (content:\"abcd\"; replace:\"WXYZ\"; sid:1;)",
        b"abcd",
        b"abcd",
    );
}

#[test]
fn a_silent_rule_writes_too_and_where_two_rules_write_the_later_one_stays() {
    becomes("alert udp any any -> any any (content:\"abcd\"; replace:\"WXYZ\"; noalert; sid:1;)", b"abcd", b"WXYZ");
    let rules = "alert udp any any -> any any (content:\"abcd\"; replace:\"WXYZ\"; priority:1; sid:1;)\n\
                 alert udp any any -> any any (content:\"cdef\"; replace:\"1234\"; priority:2; sid:2;)";
    becomes(rules, b"abcdef", b"WX1234");
}

#[test]
fn tcp_in_both_directions_is_written_over() {
    for family in BOTH {
        let rule = "alert tcp any any -> any any (flow:established; content:\"abcd\"; replace:\"WXYZ\"; sid:1;)";
        let (mut engine, mut session) = (Engine::with(rule, inline()), Session::new(family));
        session.handshake().iter().for_each(|frame| assert_eq!(through(&mut engine, frame), *frame));
        assert!(through(&mut engine, &session.client_sends(b"an abcd")).ends_with(b"an WXYZ"));
        assert!(through(&mut engine, &session.server_sends(b"abcd")).ends_with(b"WXYZ"));
        let plain = session.server_sends(b"abce");
        assert_eq!(through(&mut engine, &plain), plain);
    }
}

#[test]
fn passive_and_dropped_packets_are_left_alone() {
    let rule = "alert udp any any -> any any (content:\"abcd\"; replace:\"WXYZ\"; sid:1;)";
    for family in BOTH {
        let frame = Frame::new(family).udp(b"abcd");
        let mut engine = Engine::with(rule, Setup::default());
        assert_eq!(engine.feed(&frame), [1]);
        engine.pipeline.rewrite(|_, _| panic!("passive"));
        let mut engine =
            Engine::with(&format!("{rule}\ndrop udp any any -> any any (content:\"ab\"; sid:2;)"), inline());
        engine.judge(0, &frame);
        assert!(engine.dropped().is_some());
        engine.pipeline.rewrite(|_, _| panic!("dropped"));
    }
}

#[test]
fn what_can_not_be_mended_is_let_go_as_it_is_and_counted() {
    let rule = "alert ip any any -> any any (content:\"abcd\"; replace:\"WXYZ\"; sid:1;)";
    let later = Frame { fragment: 1, ..Frame::new(BOTH[0]) }.ip(17, b"abcdefgh");
    let mut engine = Engine::with(rule, inline());
    assert_eq!(through(&mut engine, &later), later);
    assert_eq!((engine.pipeline.counters.ips_replaced, engine.pipeline.counters.ips_replace_refused), (0, 1));
    assert_eq!(engine.feed(&later), [1], "it is told of all the same");
}

#[test]
fn only_the_payload_as_it_is_can_be_written_over() {
    for options in [
        "tcp.hdr; content:\"ab\"; replace:\"cd\";",
        "pkt_data; to_lowercase; content:\"ab\"; replace:\"cd\";",
        "base64_decode; base64_data; content:\"ab\"; replace:\"cd\";",
        "content:\"ab\"; replace:\"c\";",
    ] {
        assert!(!is_accepted(&format!("alert tcp any any -> any any ({options} sid:1;)")), "{options}");
    }
}
