//! Messages of application protocols through a whole worker: found, and judged when it is their turn.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Frame, Session, Setup};
use sluice_app::{AppProtocol, AppSettings};
use sluice_core::event::EventBody;

const RULES: &str = r#"alert modbus any any -> any any (msg:"read"; modbus:access read holding, address 1; sid:1;)
alert modbus any any -> any any (msg:"answer"; flow:to_client; content:"|03 02 00 09|"; app-layer-protocol:modbus; sid:2;)
alert enip any any -> any any (msg:"identity"; enip_command:list_identity; sid:3;)
alert dnp3 any any -> any any (msg:"restart"; dnp3_func:13; sid:4;)
alert modbus any any -> any any (msg:"marked"; modbus:function 3; flowbits:set,read; noalert; sid:5;)
alert modbus any any -> any any (msg:"twice"; modbus:function 3; flowbits:isset,read; flow:to_server; sid:6;)"#;

const REQUEST: &[u8] = &[0, 7, 0, 0, 0, 6, 10, 3, 0, 0, 0, 1];
const RESPONSE: &[u8] = &[0, 7, 0, 0, 0, 5, 10, 3, 2, 0, 9];

fn setup(inline: bool) -> Setup<'static> {
    let mut setup = if inline { harness::inline() } else { Setup::default() };
    let mut applications = AppSettings::default();
    for protocol in AppProtocol::ALL {
        applications.of_mut(protocol).unwrap().enabled = true;
    }
    setup.settings.applications = applications;
    setup.settings.streams.at_once = inline;
    setup.settings.copies.applications = true;
    setup.settings.copies.flows = true;
    setup
}

fn modbus(family: harness::Family, source: u8) -> Session {
    Session::between(Frame { source, ports: (40_000, 502), ..Frame::new(family) })
}

#[test]
fn inline_a_request_is_judged_with_its_packet_and_passive_behind_its_acknowledgement() {
    for family in BOTH {
        for inline in [true, false] {
            let mut engine = Engine::with(RULES, setup(inline));
            let mut session = modbus(family, 1);
            for frame in session.handshake() {
                assert!(engine.feed(&frame).is_empty());
            }
            // Rules that ask for marks come first.
            let spoken = engine.feed(&session.client_sends(REQUEST));
            assert_eq!(spoken, if inline { vec![6, 1] } else { vec![] }, "{family:?}");
            let spoken = engine.feed(&session.server_sends(RESPONSE));
            assert_eq!(spoken, if inline { vec![2] } else { vec![] });
            let spoken = engine.feed(&session.client_sends(b""));
            assert_eq!(spoken, if inline { vec![] } else { vec![6, 1] });
            let spoken = engine.feed(&session.server_sends(b""));
            assert_eq!(spoken, if inline { vec![] } else { vec![2] });
        }
    }
}

#[test]
fn what_waits_is_judged_when_its_flow_ends() {
    let mut engine = Engine::with(RULES, setup(false));
    let mut session = modbus(BOTH[0], 1);
    session.handshake().iter().for_each(|frame| assert!(engine.feed(frame).is_empty()));
    assert!(engine.feed(&session.client_sends(REQUEST)).is_empty());
    engine.pipeline.finish();
    let (mut alerts, mut told, mut ended) = (Vec::new(), 0, 0);
    engine.events(|body, ruleset| match body {
        EventBody::Alert { rule, flow, app, .. } => {
            alerts.push(ruleset.rule(*rule).unwrap().sid);
            assert!(flow.is_some() && app.is_some());
        }
        EventBody::Application { app, .. } => {
            told += 1;
            assert!(app.request.is_some() && app.response.is_none());
        }
        EventBody::Flow { flow, .. } => {
            ended += 1;
            assert!(flow.alerted);
        }
        _ => {}
    });
    assert_eq!((alerts, told, ended), (vec![6, 1], 1, 1));
}

#[test]
fn what_waits_when_its_flow_ends_is_judged_with_the_marks_of_its_flow() {
    const MARKED: &str = r#"alert modbus any any -> any any (msg:"marked"; modbus:function 3; flowbits:set,read; noalert; sid:1;)
alert modbus any any -> any any (msg:"later"; modbus:function 6; flowbits:isset,read; flow:to_server; sid:2;)"#;
    const WRITE: &[u8] = &[0, 8, 0, 0, 0, 6, 10, 6, 0, 0, 0, 1];
    for reads in [true, false] {
        let mut engine = Engine::with(MARKED, setup(false));
        let mut session = modbus(BOTH[0], 1);
        session.handshake().iter().for_each(|frame| assert!(engine.feed(frame).is_empty()));
        if reads {
            engine.feed(&session.client_sends(REQUEST));
            engine.feed(&session.server_sends(RESPONSE));
            engine.feed(&session.client_sends(b""));
        }
        assert!(engine.feed(&session.client_sends(WRITE)).is_empty());
        engine.pipeline.finish();
        let (mut alerts, mut told) = (0, 0);
        engine.events(|body, _| match body {
            EventBody::Alert { remarks, .. } => alerts += usize::from(remarks.1 > 0),
            EventBody::Flow { remarks, .. } => told += usize::from(remarks.1 > 0),
            _ => {}
        });
        assert_eq!((alerts, told), (usize::from(reads), usize::from(reads)));
    }
}

const NAMES: &str = r#"alert mdns any any -> any any (msg:"asked"; mdns.queries.rrname; content:"example.com"; sid:1;)
alert mdns any any -> any any (msg:"told"; mdns.response.rrname; content:"cdn.example.com"; sid:2;)
alert llmnr any any -> any any (msg:"asked"; flow:to_server; llmnr.queries.rrname; content:"example.com"; sid:3;)
alert llmnr any any -> any any (msg:"told"; flow:to_client; llmnr.answers.rrname; content:"example.com"; sid:4;)
alert dns any any -> any any (msg:"told"; flow:to_client; dns.rrtype:CNAME; dns.response.rrname; content:"cdn"; sid:5;)
alert dns any any -> any any (msg:"asked"; dns.query; content:"example.com"; sid:6;)
alert dns any any -> any any (msg:"odd"; app-layer-event:dns.z_flag_set; sid:7;)"#;

const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
const ANSWER: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x03www\x07example\x03com\0\0\x05\0\x01\
    \xc0\x0c\0\x05\0\x01\0\0\0\x05\0\x06\x03cdn\xc0\x10";

#[test]
fn names_are_found_by_their_protocol_and_lone_answers_come_from_the_server() {
    for family in BOTH {
        for inline in [true, false] {
            let mut engine = Engine::with(NAMES, setup(inline));
            let frame = |ports| Frame { ports, ..Frame::new(family) };
            let mut heard = |ports, bytes: &[u8]| engine.feed(&frame(ports).udp(bytes));
            assert_eq!(heard((5_353, 5_353), QUERY), [1], "{family:?}");
            assert_eq!(heard((5_353, 5_353), ANSWER), [1, 2]);
            assert_eq!(heard((40_000, 5_355), QUERY), [3]);
            // The question went to many; the answer is a flow of its own.
            assert_eq!(heard((5_355, 40_001), ANSWER), [4]);
            assert_eq!(heard((40_002, 53), QUERY), [6]);
            assert_eq!(heard((53, 40_003), ANSWER), [5]);
            let mut odd = QUERY.to_vec();
            odd[3] |= 0x40;
            assert_eq!(heard((40_004, 53), &odd), [6, 7]);
            // Another protocol on the port.
            assert_eq!(heard((40_005, 53), b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x10hello"), [0; 0]);
        }
    }
}
