//! Urgent data in TCP streams: what hosts read apart does not part the words rules look for. Each hit has a silent twin.
//!
//! Source: RFC 6093 sections 2 and 3; the public configuration guide of the reference engine, "TCP Urgent Handling".
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{ACK, BOTH, Engine, Frame, Session, Setup, inline};
use sluice_core::Cause;
use sluice_flow::stream::UrgentPolicy;

const URG: u8 = 0x20;
const RULES: &str = "alert tcp any any -> any any (flow:established,to_server; content:\"malicious\"; sid:1;)
    alert http any any -> any any (http.uri; content:\"malicious\"; sid:2;)
    alert tcp any any -> any any (stream-event:reassembly_urgent_oob_limit_reached; sid:3;)";

/// A connection in which the client sends `before`, then `urgent` with the pointer behind its last byte, then `after`; what was said of all.
fn spoken(mut engine: Engine, family: harness::Family, flags: u8, urgent: &[u8]) -> (Vec<u32>, Option<Cause>, Engine) {
    let mut session = Session::between(Frame { ports: (40_000, 80), ..Frame::new(family) });
    session.handshake().iter().for_each(|frame| assert!(engine.feed(frame).is_empty()));
    let mut said = engine.feed(&session.client_sends(b"GET /malic"));
    let mut frame = session.client_sends(urgent);
    let tcp = frame.len() - urgent.len() - 20;
    frame[tcp + 13] = ACK | flags;
    frame[tcp + 18..tcp + 20].copy_from_slice(&(urgent.len() as u16).to_be_bytes());
    said.extend(engine.feed(&frame));
    let dropped = engine.dropped();
    said.extend(engine.feed(&session.client_sends(b"ious HTTP/1.1\r\nHost: a\r\n\r\n")));
    said.extend(engine.feed(&session.server_sends(b"")));
    said.extend(engine.feed(&session.client_sends(b"")));
    said.sort_unstable();
    (said, dropped, engine)
}

fn setup(passive: bool, urgent: UrgentPolicy) -> Setup<'static> {
    let mut setup = if passive { Setup::default() } else { inline() };
    setup.settings.streams.at_once = !passive;
    setup.settings.streams.urgent = urgent;
    setup
}

#[test]
fn an_urgent_byte_is_no_part_of_the_stream_and_one_without_the_flag_is() {
    for (family, passive) in BOTH.into_iter().flat_map(|family| [(family, true), (family, false)]) {
        let engine = || Engine::with(RULES, setup(passive, UrgentPolicy::OutOfBand));
        let (said, dropped, engine_after) = spoken(engine(), family, URG, b"X");
        assert_eq!((said, dropped), (vec![1, 2], None), "{family:?} passive {passive}");
        assert_eq!(engine_after.pipeline.counters.tcp_urgent_taken_out, 1);
        assert_eq!(spoken(engine(), family, 0, b"X").0, [0; 0], "without the flag it stays in");
        assert_eq!(spoken(engine(), family, URG, b"XY").0, [0; 0], "of two bytes one stays in");
    }
}

#[test]
fn of_two_urgent_bytes_the_last_is_left_out() {
    let rules = "alert tcp any any -> any any (flow:established,to_server; content:\"malicXious\"; sid:1;)";
    for family in BOTH {
        let engine = Engine::with(rules, setup(false, UrgentPolicy::OutOfBand));
        assert_eq!(spoken(engine, family, URG, b"XY").0, [1]);
    }
}

#[test]
fn other_policies_leave_it_in_or_stop_the_packet_and_passive_nothing_is_stopped() {
    for family in BOTH {
        let with = |passive, policy| spoken(Engine::with(RULES, setup(passive, policy)), family, URG, b"X");
        assert_eq!(with(false, UrgentPolicy::Inline).0, [0; 0]);
        let (said, dropped, _) = with(false, UrgentPolicy::Drop);
        assert_eq!((said.contains(&1), dropped), (false, Some(Cause::StreamUrgent)));
        let (said, dropped, _) = with(true, UrgentPolicy::Drop);
        assert_eq!((said, dropped), (vec![1, 2], None), "passive it is left out");
        assert!(!with(false, UrgentPolicy::Gap).0.contains(&1), "what stands behind a gap is no part of the word");
    }
}

#[test]
fn more_urgent_bytes_than_are_remembered_stop_inline_and_raise_an_event() {
    for passive in [true, false] {
        let mut engine = Engine::with(RULES, setup(passive, UrgentPolicy::OutOfBand));
        let mut session = Session::between(Frame { ports: (40_000, 9_090), ..Frame::new(BOTH[0]) });
        session.handshake().iter().for_each(|frame| assert!(engine.feed(frame).is_empty()));
        let mut said = Vec::new();
        for number in 0..16 {
            let mut frame = session.client_sends(b"X");
            let tcp = frame.len() - 21;
            frame[tcp + 13] = ACK | URG;
            frame[tcp + 19] = 1;
            said.extend(engine.feed(&frame));
            assert_eq!(engine.dropped().is_some(), !passive && number == 15, "{number}");
        }
        assert_eq!(engine.pipeline.counters.tcp_urgent_kept_in, 1);
        assert_eq!(said, if passive { vec![3] } else { vec![] }, "inline the packet is gone before rules see it");
    }
}
