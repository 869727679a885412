//! Buffers of packet headers, `bypass`, and the policy for connections without handshake: each hit has a twin that must stay silent.
//!
//! Source: the public rule documentation of the reference engine, and its "Exception Policies".
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{ACK, BOTH, Engine, Family, Frame, Session, hits};

/// A rule over frames: which match.
#[track_caller]
fn frames(rule: &str, hit: &[Vec<u8>], silent: &[Vec<u8>]) {
    for (number, frame) in hit.iter().enumerate() {
        assert!(hits(rule, frame), "{rule} is silent about frame {number}");
    }
    for (number, frame) in silent.iter().enumerate() {
        assert!(!hits(rule, frame), "{rule} speaks about frame {number}");
    }
}

fn v4() -> Frame {
    Frame::new(Family::V4)
}

/// An SCTP packet with these chunks.
fn sctp(chunks: &[(u8, &[u8])]) -> Vec<u8> {
    let mut packet = vec![0, 7, 0, 9, 0, 0, 0, 5, 0, 0, 0, 0];
    for (kind, value) in chunks {
        packet.extend([*kind, 3, 0, 4 + value.len() as u8]);
        packet.extend_from_slice(value);
        packet.resize(packet.len().next_multiple_of(4), 0);
    }
    packet
}

/// A DATA chunk's value: TSN, stream, sequence, payload protocol and user data.
fn data(user: &[u8]) -> Vec<u8> {
    [&[0; 12], user].concat()
}

#[test]
fn sctp_chunk_data_is_each_data_chunk_and_the_payload_is_the_first() {
    let (first, second) = (data(b"abcd"), data(b"efgh"));
    for family in BOTH {
        let packet = Frame::new(family).ip(132, &sctp(&[(3, b"abcd"), (0, &first), (0, &second)]));
        let silent = Frame::new(family).ip(132, &sctp(&[(3, b"efgh"), (0, &first)]));
        frames(
            "alert sctp any any -> any any (sctp.chunk_data; content:\"efgh\"; sid:1;)",
            std::slice::from_ref(&packet),
            std::slice::from_ref(&silent),
        );
        frames(
            "alert sctp any any -> any any (content:\"abcd\"; startswith; endswith; sid:1;)",
            std::slice::from_ref(&packet),
            &[],
        );
        frames(
            "alert sctp any any -> any any (sctp.hdr; content:\"|00 07 00 09|\"; startswith; content:\"efgh\"; sid:1;)",
            std::slice::from_ref(&packet),
            &[],
        );
        let none = Frame::new(family).ip(132, &sctp(&[(0, &first)]));
        frames("alert sctp any any -> any any (sctp.chunk_type:sack; sid:1;)", &[packet, silent], &[none]);
    }
    assert!(!harness::is_accepted("alert sctp any any -> any any (sctp.chunk_type:nonsense; sid:1;)"));
}

#[test]
fn addresses_are_buffers_of_four_or_sixteen_bytes() {
    for (family, size, other) in [(Family::V4, 4, 16), (Family::V6, 16, 4)] {
        let frame = Frame::new(family).udp(b"x");
        for buffer in ["ip.src", "ip.dst"] {
            assert!(hits(&format!("alert ip any any -> any any ({buffer}; bsize:{size}; sid:1;)"), &frame), "{buffer}");
            assert!(
                !hits(&format!("alert ip any any -> any any ({buffer}; bsize:{other}; sid:1;)"), &frame),
                "{buffer}"
            );
        }
    }
}

#[test]
fn the_mark_that_ends_ip_options_is_an_option_that_may_be_missing() {
    let with = |options: &[u8]| {
        let mut frame = v4();
        frame.options = options.to_vec();
        frame.udp(b"x")
    };
    frames(
        "alert ip any any -> any any (ipopts:eol; sid:1;)",
        &[with(&[148, 4, 0, 0, 0]), with(&[1, 1, 1, 0])],
        &[with(&[148, 4, 0, 0]), with(&[1, 1, 1, 1]), v4().udp(b"x")],
    );
}

#[test]
fn bypass_ends_the_looking_at_a_flow() {
    let rules = |option: &str| {
        format!(
            "alert udp any any -> any any (content:\"first\"; {option} sid:1;)\nalert udp any any -> any any (content:\"second\"; sid:2;)"
        )
    };
    for family in BOTH {
        let traffic = [
            Frame::new(family).udp(b"first"),
            Frame::new(family).udp(b"second"),
            Frame::new(family).back().udp(b"second"),
        ];
        assert_eq!(Engine::new(&rules("bypass;")).all(&traffic), [vec![1], vec![], vec![]]);
        assert_eq!(Engine::new(&rules("")).all(&traffic), [vec![1], vec![2], vec![2]]);
    }
}

#[test]
fn a_connection_without_handshake_meets_the_policy_and_one_with_it_does_not() {
    use sluice_core::{Cause, ExceptionPolicy as Policy, Resource};
    let rule = "alert tcp any any -> any any (content:\"abcd\"; sid:1;)";
    let judged = |policy, family| {
        let mut setup = harness::inline();
        setup.settings.exceptions = setup.settings.exceptions.with(Resource::Midstream, policy);
        let mut engine = Engine::with(rule, setup);
        let mut frame = Frame::new(family);
        frame.flags = ACK;
        let first = engine.feed(&frame.tcp(b"abcd"));
        let cause = engine.dropped();
        let second = engine.feed(&frame.tcp(b"abcd"));
        (first, cause, second, engine.dropped())
    };
    let (midstream, flow) = (Some(Cause::Midstream), Some(Cause::FlowDrop));
    for family in BOTH {
        assert_eq!(judged(Policy::Ignore, family), (vec![1], None, vec![1], None));
        assert_eq!(judged(Policy::DropFlow, family), (vec![], midstream, vec![], flow));
        assert_eq!(judged(Policy::Reject, family), (vec![], midstream, vec![], flow));
        assert_eq!(judged(Policy::DropPacket, family), (vec![], midstream, vec![], midstream));
        for policy in [Policy::PassFlow, Policy::PassPacket, Policy::Bypass] {
            assert_eq!(judged(policy, family), (vec![], None, vec![], None));
        }
        let mut setup = harness::inline();
        setup.settings.exceptions = setup.settings.exceptions.with(Resource::Midstream, Policy::DropFlow);
        let (mut engine, mut session) = (Engine::with(rule, setup), Session::new(family));
        engine.all(&session.handshake());
        assert_eq!(engine.feed(&session.client_sends(b"abcd")), [1]);
        assert_eq!(engine.dropped(), None);
    }
}
