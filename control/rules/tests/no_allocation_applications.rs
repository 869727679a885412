//! Messages of application protocols are read and judged without asking the allocator for memory. Alone in its file, for the allocator counts
//! what the whole process asks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Frame, Session, Setup};
use sluice_app::{AppProtocol, AppSettings};
use sluice_core::{Nanos, event::EventBody};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RULES: &str = r#"alert modbus any any -> any any (msg:"read"; modbus:access read holding, address 1; sid:1;)
alert modbus any any -> any any (msg:"answer"; flow:to_client; content:"|03 02 00 09|"; app-layer-protocol:modbus; sid:2;)
alert enip any any -> any any (msg:"identity"; enip_command:list_identity; sid:3;)
alert dnp3 any any -> any any (msg:"restart"; dnp3_func:13; sid:4;)
alert modbus any any -> any any (msg:"marked"; modbus:function 3; flowbits:set,read; noalert; sid:5;)
alert modbus any any -> any any (msg:"twice"; modbus:function 3; flowbits:isset,read; flow:to_server; sid:6;)
alert dns any any -> any any (msg:"name"; dns.query; content:"example.com"; endswith; sid:7;)
alert dns any any -> any any (msg:"alias"; dns.response.rrname; content:"cdn.example"; dns.rrtype:CNAME; sid:8;)
alert http2 any any -> any any (msg:"uri"; http.uri; content:"/index"; http.host; content:"example"; sid:9;)
alert http2 any any -> any any (msg:"body"; file.data; content:"hello"; sid:10;)
alert http2 any any -> any any (msg:"settings"; http2.settings:SETTINGS_MAX_CONCURRENT_STREAMS=100; sid:11;)"#;

const REQUEST: &[u8] = &[0, 7, 0, 0, 0, 6, 10, 3, 0, 0, 0, 1];
const RESPONSE: &[u8] = &[0, 7, 0, 0, 0, 5, 10, 3, 2, 0, 9];
const IDENTITY: &[u8] = &[0x63, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0];
const RESTART: &[u8] = &[5, 0x64, 8, 0xc4, 10, 0, 1, 0, 0xfc, 0x42, 0xc0, 0xc0, 13, 0x9c, 0x86];
const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
const ANSWER: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x03www\x07example\x03com\0\0\x05\0\x01\
    \xc0\x0c\0\x05\0\x01\0\0\0\x05\0\x06\x03cdn\xc0\x10";
/// Preface and settings; a request for /index.html whose authority is kept in the table.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
const GET: &[u8] = b"\0\0\x11\x01\x05\0\0\0\x01\x82\x86\x85\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
const FOUND: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x05\0\x01\0\0\0\x01hello";

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

#[test]
fn messages_are_judged_without_allocating() {
    let path = std::env::temp_dir().join(format!("sluice-no-allocation-{}", std::process::id()));
    std::fs::write(&path, "{\"n\":\"www.example.com\",\"who\":\"a record that goes with the alert\"}\n").unwrap();
    let set =
        format!("dataset:isset,names,type string,load {},format ndjson,value_key n,context_key who", path.display());
    let rules = format!("{RULES}\nalert dns any any -> any any (msg:\"known\"; dns.query; {set}; sid:12;)");
    for inline in [true, false] {
        let mut engine = Engine::with(&rules, setup(inline));
        let traffic = |round: u8| -> Vec<Vec<u8>> {
            let mut frames = Vec::new();
            for family in BOTH {
                for source in 1..40 {
                    let ports = (40_000 + u16::from(round), 502);
                    let mut session = Session::between(Frame { source, ports, ..Frame::new(family) });
                    frames.extend(session.handshake());
                    // A byte that is no part of the stream.
                    let mut urgent = session.client_sends(b"U");
                    let tcp = urgent.len() - 21;
                    (urgent[tcp + 13], urgent[tcp + 19]) = (0x30, 1);
                    frames.push(urgent);
                    for _ in 0..4 {
                        frames.push(session.client_sends(REQUEST));
                        frames.push(session.server_sends(RESPONSE));
                    }
                    frames.push(session.client_sends(&REQUEST[..usize::from(round) % REQUEST.len()]));
                    frames.push(session.client_sends(b"\x00\x01\x00\x09nonsense"));
                    let question = Frame { source, ports: (6_000, 53), ..Frame::new(family) };
                    frames.push(question.udp(QUERY));
                    frames.push(question.back().udp(ANSWER));
                    let mut session = Session::between(Frame { source, ports: (ports.0, 53), ..Frame::new(family) });
                    frames.extend(session.handshake());
                    for message in [QUERY, ANSWER] {
                        let framed = [&(message.len() as u16).to_be_bytes()[..], message].concat();
                        let (first, rest) = framed.split_at(9);
                        for part in [first, rest] {
                            frames.push(match message == QUERY {
                                true => session.client_sends(part),
                                false => session.server_sends(part),
                            });
                        }
                    }
                    frames.push(session.client_sends(b""));
                    frames.push(session.server_sends(b""));
                    let mut session = Session::between(Frame { source, ports: (ports.0, 80), ..Frame::new(family) });
                    frames.extend(session.handshake());
                    frames.push(session.client_sends(PREFACE));
                    frames.push(session.client_sends(GET));
                    frames.push(session.server_sends(FOUND));
                    frames.push(session.client_sends(b""));
                    frames.push(session.server_sends(b""));
                    let frame = Frame { source, ports: (5_000, 44_818), ..Frame::new(family) };
                    frames.push(frame.udp(IDENTITY));
                    frames.push(Frame { source, ports: (20_000, 20_000), ..Frame::new(family) }.udp(RESTART));
                }
            }
            frames
        };
        let rounds: Vec<_> = (0..6).map(traffic).collect();
        let mut spoken = [0_u64; 13];
        let mut with_records = 0_u64;
        let mut run = |engine: &mut Engine, second: u64, frames: &[Vec<u8>]| {
            for frame in frames {
                engine.judge(second, frame);
                engine.events(|body, ruleset| {
                    if let EventBody::Alert { rule, context, .. } = body {
                        with_records += u64::from(context.1 > 40);
                        spoken[ruleset.rule(*rule).unwrap().sid as usize] += 1;
                    }
                });
            }
            engine.pipeline.expire(Nanos::from_seconds(1_000_000 + second));
            engine.events(|_, _| {});
        };
        run(&mut engine, 0, &rounds[0]);
        let region = Region::new(ALLOCATOR);
        for (round, frames) in (1..).zip(&rounds[1..]) {
            run(&mut engine, round * 100, frames);
        }
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations, change.deallocations), (0, 0, 0), "{change:?}");
        let heard = |sid: usize| spoken[sid] > 300;
        assert!(with_records == spoken[12] && engine.pipeline.counters.tcp_urgent_taken_out > 300);
        assert!([1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12].into_iter().all(heard), "{spoken:?}");
        assert!(spoken.iter().sum::<u64>() > 3_000 && engine.pipeline.counters.app_transactions > 3_000, "{spoken:?}");
    }
    std::fs::remove_file(path).unwrap();
}
