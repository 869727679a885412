//! Nothing of what is done with fragments asks the allocator for memory: gathering, judging, making room, letting go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Family, Frame};
use sluice_core::{Ledger, Nanos};
use sluice_packet::{Decoded, LinkType, decode};
use sluice_worker::{Fragments, checksums::Checksums, fragments::With, inbox::Job, pipeline::At};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A datagram in pieces of `size` bytes, and some that overlap, come twice or lack their end.
fn traffic(round: u16) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for host in 1..40_u8 {
        for family in BOTH {
            let frame = Frame { source: host, ports: (40_000 + round, 80), ..Frame::new(family) };
            let whole = frame.udp(&[b'a'; 1_200]);
            let at = if family == Family::V4 { 34 } else { 54 };
            let (size, count) = (8 * (1 + usize::from(host) % 9 * 16), whole.len() - at);
            let pieces = whole[at..].chunks(size).enumerate();
            let pieces: Vec<Vec<u8>> = pieces
                .map(|(number, part)| {
                    piece(&whole[..at], family, round, number * size, (number + 1) * size < count, part)
                })
                .collect();
            let some = if host % 4 == 0 { pieces.len() - 1 } else { pieces.len() };
            frames.extend(pieces.iter().take(some).cloned());
            if host % 5 == 0 {
                frames.push(pieces[0].clone());
                frames.push(piece(&whole[..at], family, round, 8, true, &[b'b'; 16]));
            }
        }
    }
    frames
}

/// `part` at `offset` of the datagram whose headers are `before`.
fn piece(before: &[u8], family: Family, id: u16, offset: usize, more: bool, part: &[u8]) -> Vec<u8> {
    let mut frame = before.to_vec();
    let field = offset as u16 / 8;
    if family == Family::V4 {
        frame[16..18].copy_from_slice(&(20 + part.len() as u16).to_be_bytes());
        frame[18..20].copy_from_slice(&id.to_be_bytes());
        frame[20..22].copy_from_slice(&(field | if more { 0x2000 } else { 0 }).to_be_bytes());
    } else {
        frame[18..20].copy_from_slice(&(8 + part.len() as u16).to_be_bytes());
        frame[20] = 44;
        frame.extend([17, 0]);
        frame.extend((field << 3 | u16::from(more)).to_be_bytes());
        frame.extend(u32::from(id).to_be_bytes());
    }
    frame.extend(part);
    frame
}

#[test]
fn fragments_are_gathered_judged_and_let_go_without_allocating() {
    let mut setup = harness::inline();
    setup.settings.defrag.trackers = 30;
    let mut fragments = Fragments::new(&setup.settings, 1, sluice_core::HashKey::fixed());
    let mut engine = Engine::with(harness::BROAD, setup);
    let rounds: Vec<_> = (0..20).map(traffic).collect();
    let mut decoded = Box::<Decoded>::default();
    let (mut ledger, mut record, mut sent) = (Ledger::default(), 0_u64, 0_u64);
    let mut run = |engine: &mut Engine, frames: &[Vec<u8>]| {
        for frame in frames {
            record += 1;
            let now = Nanos::from_seconds(1_000_000 + record / 50);
            let config = engine.pipeline.settings().decode;
            decode(frame, LinkType::Ethernet, &config, &mut decoded);
            assert!(decoded.is_fragment());
            ledger.rx += 1;
            let mut job = Job::whole(At { time: now, now, record }, Checksums::Ignore);
            let mut with = With { pipeline: &mut engine.pipeline, ledger: &mut ledger, lane: 0 };
            match fragments.judge(&mut with, &mut decoded, frame, &mut job) {
                Some(sluice_core::Verdict::Drop(cause)) => ledger.drop_packet(cause),
                Some(sluice_core::Verdict::Pass) => ledger.tx += 1,
                None => {}
            }
            let mut with = With { pipeline: &mut engine.pipeline, ledger: &mut ledger, lane: 0 };
            fragments.leave(record, &mut with, |_, bytes, _, ledger| {
                sent += u64::from(!bytes.is_empty());
                ledger.tx += 1;
            });
            fragments.expire(job.at, 4, &mut ledger, &mut engine.pipeline.counters);
            engine.events(|_, _| ());
        }
    };
    run(&mut engine, &rounds[0]);
    let region = Region::new(ALLOCATOR);
    for frames in &rounds[1..] {
        run(&mut engine, frames);
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations, change.deallocations), (0, 0, 0), "{change:?}");
    assert_eq!(ledger.imbalance(), 0);
    fragments.finish(&mut ledger, &mut engine.pipeline.counters);
    assert_eq!((ledger.imbalance(), ledger.held), (0, 0));
    let counters = &engine.pipeline.counters;
    assert!(sent > 1_000 && counters.defrag_ipv6_reassembled > 100, "{sent} {counters:?}");
    assert!(counters.defrag_evicted > 50 && counters.defrag_overlaps > 50, "{counters:?}");
}
