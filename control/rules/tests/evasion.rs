//! What an attacker sends beside the attack so that a rule does not see it, and that the rule sees it all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{ACK, Engine, FIN, Family, Frame, RST, SYN, Session, Setup};
use sluice_core::event::{EventBody, FlowEnd};

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
