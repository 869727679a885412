//! Nothing on the packet path asks the allocator for memory: decode, flow, rules, events, timers.
//!
//! Counts what Rust asks for. Memory that the C libraries (Hyperscan, PCRE2) take through `malloc` is not seen here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{ACK, BOTH, Engine, FIN, Frame, PSH, RST, SYN, Session, Setup};
use sluice_core::Nanos;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Flows opened, fed, closed, flooded and quoted, tagged and torn, over both IP versions.
fn traffic(round: u8) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for family in BOTH {
        for host in 1..60_u8 {
            let ports = (40_000 + u16::from(round), 80 + u16::from(host % 3));
            let frame = Frame {
                source: host,
                ports,
                vlans: vec![u16::from(host % 4); usize::from(host % 3)],
                ..Frame::new(family)
            };
            let mut session = Session::between(frame.clone());
            frames.extend(session.handshake());
            frames.push(session.client_sends(b"GET /index.html?user=abcd HTTP/1.1\r\nHost: a\r\n\r\n"));
            frames.push(session.server_sends(b"HTTP/1.1 200 OK\r\n\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
            frames.push(session.client_frame(|frame| frame.flags = if host % 2 == 0 { FIN | ACK } else { RST }));
            frames.push(session.server_frame(|frame| frame.flags = FIN | PSH | ACK));
            frames.push(frame.udp(b"\x02-abcd \xff\x00"));
            frames.push(frame.back().udp(b"efgh"));
            frames.push(frame.ping(b"abcdefgh"));
            frames.push(Frame { fragment: 0x2000, ..frame.clone() }.udp(b"12345678"));
            let quoted = frame.udp(b"x");
            let at = quoted.len() - if family == BOTH[0] { 29 } else { 49 };
            frames.push(frame.back().icmp(3, 1, [0; 4], &quoted[at..]));
            // One after the other until the table is full.
            frames.push(
                Frame { flags: SYN, seq: u32::from(round), destination: round, ports: (u16::from(host), 9), ..frame }
                    .tcp(b""),
            );
        }
    }
    // Bytes behind the packet.
    frames.extend_from_within(..);
    frames.iter_mut().take(20).for_each(|frame| frame.extend([7; 90]));
    for length in 0..frames[3].len() {
        frames.push(frames[3][..length].to_vec());
    }
    frames
}

#[test]
fn packets_are_judged_without_allocating() {
    let mut setup = Setup {
        thresholds: "suppress gen_id 1, sig_id 3, track by_src, ip 10.0.0.1\nrate_filter gen_id 1, sig_id 4, track by_src, count 1, seconds 1, new_action drop, timeout 1",
        ..harness::inline()
    };
    setup.settings.copies = sluice_worker::Copies {
        alerts: true,
        flows: true,
        drops: true,
        arp: true,
        anomalies: true,
        stream_anomalies: true,
        applications: true,
        files: true,
        store: sluice_worker::FileStoring::All,
        headers: true,
        tagged: true,
        ethernet: true,
    };
    setup.settings.normalise = sluice_packet::normalise::Switches::default();
    let mut engine = Engine::with(harness::BROAD, setup);
    let mut out = Vec::with_capacity(70_000);
    let rounds: Vec<_> = (0..20).map(traffic).collect();
    let mut alerts = 0_u64;
    let mut run = |engine: &mut Engine, second: u64, frames: &[Vec<u8>]| {
        for frame in frames {
            engine.judge(second, frame);
            engine.pipeline.rewrite(|_, bytes| !bytes.is_empty());
            out.clear();
            out.extend_from_slice(frame);
            engine.pipeline.put_right(engine.verdict, &mut out);
            engine.events(|_, _| alerts += 1);
        }
        engine.pipeline.expire(Nanos::from_seconds(1_000_000 + second));
        engine.events(|_, _| alerts += 1);
    };
    run(&mut engine, 0, &rounds[0]);
    let region = Region::new(ALLOCATOR);
    for (round, frames) in (1..).zip(&rounds[1..]) {
        run(&mut engine, round * 40, frames);
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations, change.deallocations), (0, 0, 0), "{change:?}");
    let counters = &engine.pipeline.counters;
    assert!(
        counters.decoder_pkts > 20_000 && counters.flow_evicted > 0 && counters.detect_evaluated > 20_000,
        "{counters:?}"
    );
    assert!(alerts > 5_000, "{alerts} events");
    let put_right = counters.normalised.get(sluice_packet::normalise::Action::TrailingBytes as usize);
    let kept = [counters.ips_replaced, counters.detect_tagged, put_right];
    assert!(kept.iter().all(|count| *count > 100), "{counters:?}");
}
