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
