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
alert modbus any any -> any any (msg:"twice"; modbus:function 3; flowbits:isset,read; flow:to_server; sid:6;)"#;

const REQUEST: &[u8] = &[0, 7, 0, 0, 0, 6, 10, 3, 0, 0, 0, 1];
const RESPONSE: &[u8] = &[0, 7, 0, 0, 0, 5, 10, 3, 2, 0, 9];
const IDENTITY: &[u8] = &[0x63, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0];
const RESTART: &[u8] = &[5, 0x64, 8, 0xc4, 10, 0, 1, 0, 0xfc, 0x42, 0xc0, 0xc0, 13, 0x9c, 0x86];

fn setup(inline: bool) -> Setup<'static> {
    let mut setup = if inline { harness::inline() } else { Setup::default() };
    let mut applications = AppSettings::default();
    for protocol in AppProtocol::ALL {
        applications.of_mut(protocol).unwrap().enabled = true;
    }
    setup.settings.applications = applications;
    setup.settings.copies.applications = true;
    setup.settings.copies.flows = true;
    setup
}

#[test]
fn messages_are_judged_without_allocating() {
    for inline in [true, false] {
        let mut engine = Engine::with(RULES, setup(inline));
        let traffic = |round: u8| -> Vec<Vec<u8>> {
            let mut frames = Vec::new();
            for family in BOTH {
                for source in 1..40 {
                    let ports = (40_000 + u16::from(round), 502);
                    let mut session = Session::between(Frame { source, ports, ..Frame::new(family) });
                    frames.extend(session.handshake());
                    for _ in 0..4 {
                        frames.push(session.client_sends(REQUEST));
                        frames.push(session.server_sends(RESPONSE));
                    }
                    frames.push(session.client_sends(&REQUEST[..usize::from(round) % REQUEST.len()]));
                    frames.push(session.client_sends(b"\x00\x01\x00\x09nonsense"));
                    let frame = Frame { source, ports: (5_000, 44_818), ..Frame::new(family) };
                    frames.push(frame.udp(IDENTITY));
                    frames.push(Frame { source, ports: (20_000, 20_000), ..Frame::new(family) }.udp(RESTART));
                }
            }
            frames
        };
        let rounds: Vec<_> = (0..6).map(traffic).collect();
        let mut spoken = 0_u64;
        let mut run = |engine: &mut Engine, second: u64, frames: &[Vec<u8>]| {
            for frame in frames {
                engine.judge(second, frame);
                engine.events(|body, _| spoken += u64::from(matches!(body, EventBody::Alert { .. })));
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
        assert!(spoken > 3_000 && engine.pipeline.counters.app_transactions > 3_000, "{spoken}");
    }
}
