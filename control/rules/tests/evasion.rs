//! What an attacker sends beside the attack so that a rule does not see it, and that the rule sees it all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{ACK, BOTH, Engine, FIN, Family, Frame, RST, SYN, Session, Setup, inline};
use sluice_core::{
    event::{EventBody, FlowEnd},
    verdict::Mode,
};
use sluice_worker::ChecksumMode;

const ATTACK: &str = "alert tcp any any -> any any (flow:established,to_server; content:\"attack\"; sid:1;)";

/// An engine that tells of flows, and a connection established in it.
fn opened(rules: &str) -> (Engine, Session) {
    let mut setup = Setup::default();
    setup.settings.copies.flows = true;
    let (mut engine, mut session) = (Engine::with(rules, setup), Session::new(Family::V4));
    engine.all(&session.handshake());
    (engine, session)
}

/// How flows ended that ended with this frame.
fn ends(engine: &mut Engine, frame: &[u8]) -> Vec<FlowEnd> {
    let mut ends = Vec::new();
    engine.judge(0, frame);
    engine.events(|body, _| {
        if let EventBody::Flow { end, .. } = body {
            ends.push(*end);
        }
    });
    ends
}

fn v4() -> Frame {
    Frame::new(Family::V4)
}

#[test]
fn a_second_syn_that_never_arrives_does_not_hide_the_connection() {
    for later in [false, true] {
        let (mut engine, mut session) = (Engine::new(ATTACK), Session::new(Family::V4));
        let fake = Frame { flags: SYN, seq: 77_000, ack: 0, ttl: 1, ..v4() }.tcp(b"");
        let syn = session.syn();
        engine.all(&if later { [syn, fake] } else { [fake, syn] });
        engine.all(&[session.syn_ack(), session.ack()]);
        assert_eq!(engine.feed(&session.client_sends(b"attack")), [1]);
    }
}

#[test]
fn a_syn_behind_a_forged_end_does_not_replace_the_connection() {
    for end in [FIN | ACK, RST] {
        let (mut engine, mut session) = opened(ATTACK);
        engine.feed(&Frame { flags: end, seq: 900_000, ttl: 1, ..v4() }.tcp(b""));
        assert_eq!(ends(&mut engine, &Frame { flags: SYN, seq: 77_000, ack: 0, ttl: 1, ..v4() }.tcp(b"")), []);
        assert_eq!(engine.feed(&session.client_sends(b"attack")), [1]);
    }
}

#[test]
fn the_servers_answer_begins_a_flow_of_its_own_on_ports_used_before() {
    let pass = "pass tcp any any -> any any (flow:established,to_server; content:\"good\"; sid:2;)";
    let (mut engine, mut session) = opened(&format!("{ATTACK}\n{pass}"));
    engine.feed(&session.client_sends(b"good"));
    assert!(engine.feed(&session.client_sends(b"attack")).is_empty(), "the flow was passed");
    engine.feed(&session.client_frame(|frame| frame.flags = RST));
    engine.feed(&Frame { flags: SYN, seq: 66_000, ack: 0, ..v4() }.tcp(b""));
    let syn_ack = Frame { flags: SYN | ACK, seq: 7_000, ack: 66_001, ..v4().back() }.tcp(b"");
    assert_eq!(ends(&mut engine, &syn_ack), [FlowEnd::TcpReuse]);
    let client = Frame { seq: 66_001, ack: 7_001, ..v4() };
    engine.feed(&client.tcp(b""));
    assert_eq!(engine.feed(&client.tcp(b"attack")), [1]);
}

#[test]
fn many_harmless_marks_do_not_keep_out_the_one_that_counts() {
    let mut rules = String::new();
    for n in 0..100 {
        rules.push_str(&format!(
            "alert udp any any -> any any (content:\"fill{n:03}\"; flowbits:set,f{n}; noalert; sid:{};)\n",
            n + 10
        ));
    }
    for n in 0..15 {
        rules.push_str(&format!(
            "alert udp any any -> any any (content:\"fill{n:03}\"; flowint:i{n},=,1; noalert; sid:{};)\n",
            n + 200
        ));
    }
    rules
        .push_str("alert udp any any -> any any (content:\"first\"; flowbits:set,a; flowint:b,=,1; noalert; sid:1;)\n");
    rules.push_str("alert udp any any -> any any (content:\"second\"; flowbits:isset,a; flowint:b,==,1; sid:2;)");
    let mut engine = Engine::new(&rules);
    for n in 0..100 {
        engine.feed(&v4().udp(format!("fill{n:03}").as_bytes()));
    }
    engine.feed(&v4().udp(b"first"));
    assert_eq!(engine.feed(&v4().udp(b"second")), [2]);
    assert_eq!(engine.pipeline.counters.flowbits_refused, 0);
}

#[test]
fn host_bits_and_xbits_of_any_number_are_apart() {
    // Once, the numbers of xbits began behind 32,768 host bits.
    let mut rules = String::new();
    for n in 0..=32_768 {
        rules.push_str(&format!("alert udp any any -> any 9 (hostbits:set,h{n},src; noalert; sid:{};)\n", n + 10));
    }
    rules.push_str("alert udp any any -> any any (xbits:isset,x,track ip_src; sid:1;)");
    let mut engine = Engine::new(&rules);
    assert!(engine.feed(&Frame { ports: (1, 9), ..v4() }.udp(b"")).is_empty());
    assert!(engine.feed(&v4().udp(b"")).is_empty());
}

#[test]
fn a_header_that_can_not_be_decoded_is_of_no_protocol_unless_a_rule_asks_for_the_event() {
    let rules = "alert tcp any any -> any any (sid:1;)
alert tcp any any -> any any (ttl:64; sid:2;)
alert udp any any -> any any (ttl:64; sid:3;)
alert icmp any any -> any any (ttl:64; sid:4;)
alert tcp any any -> any any (decode-event:tcp.pkt_too_small; sid:5;)
alert ip any any -> any any (ttl:64; sid:6;)";
    for (protocol, expected) in [(6, &[5, 6][..]), (17, &[6]), (1, &[6])] {
        assert_eq!(Engine::new(rules).feed(&v4().ip(protocol, &[0; 3])), expected, "protocol {protocol}");
    }
    assert_eq!(Engine::new(rules).feed(&v4().tcp(b"")), [1, 2, 6]);
}

#[test]
fn errors_make_no_flow_keep_none_alive_and_are_no_answer() {
    let state = "alert udp any any -> any any (flow:established; sid:1;)";
    let mut engine = Engine::new(state);
    let asked = v4().udp(b"question");
    let error = v4().back().icmp(3, 3, [0; 4], &asked[14..]);
    engine.feed(&error);
    assert_eq!(engine.pipeline.live_flows(), 0, "an error about an unknown flow");
    engine.feed(&asked);
    engine.feed(&error);
    assert!(engine.feed(&asked).is_empty(), "an error is no answer");
    for seconds in 1..10 {
        engine.judge(seconds * 20, &error);
        for _ in 0..3 {
            engine.pipeline.expire(sluice_core::Nanos::from_seconds(1_000_000 + seconds * 20));
        }
    }
    assert_eq!(engine.pipeline.live_flows(), 0, "errors keep no flow alive");
    engine.feed_at(200, &asked);
    assert_eq!(engine.feed_at(200, &v4().back().udp(b"answer")), [1]);
}

#[test]
fn inline_a_packet_with_a_wrong_checksum_is_judged_but_leaves_nothing_behind() {
    let rules = "alert tcp any any -> any any (content:\"unset\"; flowbits:unset,a; xbits:unset,x,track ip_src; sid:1;)
alert tcp any any -> any any (content:\"mark\"; flowbits:set,a; xbits:set,x,track ip_src; sid:2;)
alert tcp any any -> any any (content:\"ask\"; flowbits:isset,a; xbits:isset,x,track ip_src; sid:3;)
alert tcp any any -> any any (content:\"limited\"; threshold:type limit, track by_src, count 1, seconds 60; sid:4;)
alert tcp any any -> any any (content:\"count\"; flowint:n,+,1; flowint:n,==,1; sid:5;)
alert tcp any any -> any 80 (flow:established; flow.pkts:toserver,>0; sid:6;)";
    let mut setup = Setup::default();
    setup.settings.mode = Mode::Inline;
    setup.settings.checksums = ChecksumMode::On;
    let (mut engine, mut session) = (Engine::with(rules, setup), Session::new(Family::V4));
    engine.all(&session.handshake().iter().map(|frame| summed(frame)).collect::<Vec<_>>());
    for mark in [&b"mark"[..], b"limited", b"count"] {
        // It never arrives, so what follows has its numbers.
        let frame = session.clone().client_sends(mark);
        assert_eq!(engine.feed(&frame).len(), 2, "judged all the same");
        assert_eq!(engine.feed(&frame).len(), 2, "and nothing is kept");
    }
    let send = |session: &mut Session, payload: &[u8]| summed(&session.client_sends(payload));
    assert_eq!(engine.feed(&send(&mut session, b"ask")), [6]);
    assert_eq!(engine.feed(&send(&mut session, b"mark")), [2, 6]);
    engine.feed(&session.clone().client_sends(b"unset"));
    assert_eq!(engine.feed(&send(&mut session, b"ask")), [3, 6]);
    assert_eq!(engine.feed(&send(&mut session, b"limited")), [4, 6]);
    assert_eq!(engine.feed(&send(&mut session, b"count")), [5, 6]);
}

#[test]
fn a_wrong_checksum_keeps_its_marks_while_it_is_open_whether_checksums_mean_anything() {
    let rules = "alert tcp any any -> any any (content:\"mark\"; flowbits:set,a; sid:1;)
alert tcp any any -> any any (content:\"ask\"; flowbits:isset,a; sid:2;)";
    let mut setup = Setup::default();
    setup.settings.checksums = ChecksumMode::Auto;
    let (mut engine, mut session) = (Engine::with(rules, setup), Session::new(Family::V4));
    engine.all(&session.handshake().iter().map(|frame| summed(frame)).collect::<Vec<_>>());
    engine.feed(&session.clone().client_sends(b"mark"));
    assert_eq!(engine.feed(&summed(&session.client_sends(b"ask"))), [2]);
}

/// A TCP frame over IPv4 with its checksum put right.
fn summed(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let segment = &frame[34..];
    let mut pseudo = frame[26..34].to_vec();
    pseudo.extend([0, 6]);
    pseudo.extend((segment.len() as u16).to_be_bytes());
    pseudo.extend(segment);
    let sum = sluice_packet::checksum::compute(&pseudo).to_be_bytes();
    frame[50..52].copy_from_slice(&sum);
    frame
}

/// A connection that was asked for and answered: the client and the server as they go on.
fn answered(engine: &mut Engine, family: Family) -> (Frame, Frame) {
    let client = Frame { window: 60_000, seq: 100, ..Frame::new(family) };
    let server = Frame { seq: 5_000, ..client.back() };
    engine.feed(&Frame { flags: SYN, ack: 0, ..client.clone() }.tcp(b""));
    engine.feed(&Frame { flags: SYN | ACK, ack: 101, ..server.clone() }.tcp(b""));
    (Frame { seq: 101, ack: 5_001, flags: ACK, ..client }, Frame { seq: 5_001, ack: 101, flags: ACK, ..server })
}

const SPLIT: &str = "alert tcp any any -> any any (flow:established; content:\"EVILPAYLOAD\"; sid:1;)";

fn at(frame: &Frame, seq: u32) -> Frame {
    Frame { seq: frame.seq.wrapping_add(seq), ..frame.clone() }
}

#[test]
fn data_with_the_packet_that_completes_the_handshake_are_in_the_stream() {
    for family in BOTH {
        let mut engine = Engine::with(SPLIT, inline());
        let (client, _) = answered(&mut engine, family);
        assert!(engine.feed(&client.tcp(b"EVILP")).is_empty());
        assert_eq!(engine.feed(&at(&client, 5).tcp(b"AYLOAD")), [1], "{family:?}");
        // Its twin is silent.
        let mut engine = Engine::with(SPLIT, inline());
        let (client, _) = answered(&mut engine, family);
        engine.feed(&client.tcp(b"EVILP"));
        assert!(engine.feed(&at(&client, 5).tcp(b"ayload")).is_empty());
    }
}

#[test]
fn a_segment_from_before_the_first_byte_hides_nothing() {
    for offset in [-5, -16, -900_i32] {
        let mut engine = Engine::with(SPLIT, inline());
        let (client, server) = answered(&mut engine, Family::V4);
        engine.feed(&client.tcp(b""));
        engine.feed(&at(&client, offset as u32).tcp(b"XXXXX"));
        engine.feed(&at(&client, 0).tcp(b"EVILP"));
        let spoken = engine.feed(&at(&client, 5).tcp(b"AYLOAD"));
        assert_eq!(spoken, [1], "{offset}");
        engine.feed(&server.tcp(b""));
    }
}

#[test]
fn passive_what_was_acknowledged_is_not_replaced() {
    let mut setup = Setup::default();
    setup.settings.streams.at_once = false;
    let mut engine = Engine::with(SPLIT, setup);
    let (client, server) = answered(&mut engine, Family::V4);
    engine.feed(&client.tcp(b""));
    engine.feed(&client.tcp(b"q"));
    engine.feed(&at(&client, 1).tcp(b"EVILPAYLOAD"));
    engine.feed(&Frame { ack: client.seq + 12, ..server }.tcp(b""));
    assert_eq!(engine.feed(&client.tcp(b"qXXXXXXXXXXX")), [1]);
}

#[test]
fn the_answer_that_completes_a_handshake_belongs_to_it_unless_it_brings_data() {
    for family in BOTH {
        let rules = "alert tcp any any -> any any (flow:not_established; flags:A; sid:1;)
            alert tcp any any -> any any (flow:established; flags:A+; sid:2;)";
        let (mut engine, mut session) = (Engine::new(rules), Session::new(family));
        assert_eq!(engine.all(&session.handshake()), [vec![], vec![], vec![1]]);
        assert_eq!(engine.feed(&session.client_frame(|frame| frame.flags = ACK)), [2]);
        let (mut engine, mut session) = (Engine::new(rules), Session::new(family));
        engine.feed(&session.syn());
        engine.feed(&session.syn_ack());
        assert_eq!(engine.feed(&session.client_sends(b"data")), [2]);
    }
}

#[test]
fn inline_a_segment_sent_again_with_other_bytes_is_told_of_as_it_leaves_and_a_plain_copy_is_not() {
    let rules = "alert tcp-stream any any -> any any (content:\"EVILPAYLOAD\"; sid:1;)
        alert tcp-stream any any -> any any (content:\"GOODPAYLOAD\"; sid:2;)";
    for family in BOTH {
        let mut engine = Engine::with(rules, inline());
        let (client, _) = answered(&mut engine, family);
        engine.feed(&client.tcp(b""));
        assert_eq!(engine.feed(&client.tcp(b"GOODPAYLOAD")), [2]);
        assert_eq!(engine.feed(&client.tcp(b"EVILPAYLOAD")), [2], "{family:?}: what leaves is what came first");
        assert!(engine.feed(&client.tcp(b"GOODPAYLOAD")).is_empty(), "a copy is nothing new");
        // What is new behind bytes that differ is judged once.
        assert_eq!(engine.feed(&at(&client, 4).tcp(b"payloadGOODPAYLOAD")), [2]);
        assert!(engine.feed(&at(&client, 22).tcp(b".")).is_empty());
    }
}

#[test]
fn a_fin_with_the_number_of_a_byte_ends_nothing() {
    let mut engine = Engine::with(SPLIT, inline());
    let (client, server) = answered(&mut engine, Family::V4);
    engine.feed(&client.tcp(b""));
    engine.feed(&client.tcp(b"pp"));
    engine.feed(&Frame { flags: FIN | ACK, ..at(&client, 1) }.tcp(b""));
    engine.feed(&Frame { ack: client.seq + 2, ..server }.tcp(b""));
    engine.feed(&at(&client, 2).tcp(b"EVILP"));
    assert_eq!(engine.feed(&at(&client, 7).tcp(b"AYLOAD")), [1]);
}

#[test]
fn another_connection_on_the_ports_of_an_open_one_does_not_begin_where_that_stands() {
    for (passive, mode) in [(true, Mode::Passive), (false, Mode::Inline)] {
        let mut setup = Setup::default();
        setup.settings.mode = mode;
        setup.settings.streams.at_once = !passive;
        let mut engine = Engine::with(SPLIT, setup);
        let (client, server) = answered(&mut engine, Family::V4);
        engine.feed(&client.tcp(b""));
        engine.feed(&client.tcp(b"EVILP"));
        engine.feed(&Frame { ack: client.seq + 5, ..server.clone() }.tcp(b""));
        // Both hosts go on with what they have.
        engine.feed(&Frame { flags: SYN, ack: 0, ..at(&client, 4) }.tcp(b""));
        engine.feed(&Frame { flags: SYN | ACK, ack: client.seq + 5, seq: 5_000, ..server.clone() }.tcp(b""));
        let mut spoken = engine.feed(&at(&client, 5).tcp(b"AYLOAD"));
        engine.feed(&Frame { ack: client.seq + 11, ..server }.tcp(b""));
        spoken.extend(engine.feed(&at(&client, 11).tcp(b"")));
        assert_eq!(spoken, [1], "{mode:?}");
    }
}
