//! Connections of TLS and QUIC are read, decrypted and judged without asking the allocator for memory. Alone in its file, for the allocator counts what the
//! whole process asks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;
mod secure;

use harness::{BOTH, Engine, Frame, Session, Setup};
use sluice_app::AppSettings;
use sluice_core::{Nanos, event::EventBody};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RULES: &str = r#"alert tls any any -> any any (tls.sni; content:"a.example"; sid:1;)
alert tls any any -> any any (tls.cert_subject; content:"SELKS"; sid:2;)
alert tls any any -> any any (tls.certs; content:"|55 04 03|"; tls_cert_valid; sid:3;)
alert tls any any -> any any (ja3.hash; content:"0"; ja4.hash; content:"t12"; sid:4;)
alert quic any any -> any any (quic.sni; content:"example.com"; ja3.hash; content:"0"; sid:5;)"#;

/// What is said, in pieces of so many bytes.
fn traffic(round: u8) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for family in BOTH {
        for source in 1..20 {
            let ports = (40_000 + u16::from(round), 443);
            let mut session = Session::between(Frame { source, ports, ..Frame::new(family) });
            frames.extend(session.handshake());
            for (to_server, bytes) in secure::connection() {
                for piece in bytes.chunks(100 + usize::from(round) * 100) {
                    frames.push(if to_server { session.client_sends(piece) } else { session.server_sends(piece) });
                }
            }
            frames.push(session.client_sends(b""));
            frames.push(Frame { source, ports, ..Frame::new(family) }.udp(&secure::quic_initial()));
        }
    }
    frames
}

#[test]
fn secure_connections_are_read_without_allocating() {
    for inline in [true, false] {
        let mut setup = if inline { harness::inline() } else { Setup::default() };
        setup.settings.applications = AppSettings::default();
        setup.settings.copies.applications = true;
        let mut engine = Engine::with(RULES, setup);
        let rounds: Vec<_> = (0..5).map(traffic).collect();
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
        assert!(spoken > 500 && engine.pipeline.counters.app_transactions > 300, "{spoken}");
    }
}
