//! Times of the flow table: key and hash, finding, not finding, entering and ending, a flood of SYNs. `perf/README.md` says how to run them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool for people, which stops at what it did not expect"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sluice_core::{FlowKey, HashKey, Nanos, key::Lane};
use sluice_flow::{FlowTable, Opening, Partitions, TableSettings, TcpSegment, TcpSettings, Timeouts, tcp::SYN};
use std::hint::black_box;

fn key(n: u32, protocol: u8) -> FlowKey {
    let lane = Lane { protocol, ip_version: 4, ..Lane::default() };
    let [a, b, c, d] = (0x0a00_0000 | n).to_be_bytes();
    FlowKey::of_ipv4([a, b, c, d, 11, 0, 0, 1], [0x03, 0xe8, 0, 53], lane).0
}

fn table(capacity: usize) -> FlowTable {
    let (half_open, partitions, timeouts) = (65_536, Partitions::ONE, Timeouts::default());
    FlowTable::new(TableSettings { capacity, half_open, partitions, timeouts }, HashKey::fixed())
}

fn enter(table: &mut FlowTable, flows: u32, now: Nanos) {
    for n in 0..flows {
        let key = key(n, 17);
        let hash = table.hash(&key);
        table.insert(Opening { key, hash, swapped: false, now }).expect("room");
    }
}

fn benches(criterion: &mut Criterion) {
    let small = table(1);
    let mut n = 0;
    criterion.bench_function("key and hash", |bench| {
        bench.iter(|| {
            n += 1;
            small.hash(&black_box(key(n, 17)))
        });
    });
    for flows in [10_000, 1_000_000] {
        let mut table = table(flows as usize);
        enter(&mut table, flows, Nanos::from_seconds(1_000));
        for (name, from) in [("find", 0), ("miss", 0x80_0000)] {
            let mut n = 0_u32;
            criterion.bench_function(&format!("{name} among {flows}"), |bench| {
                bench.iter(|| {
                    n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let key = key(from | ((n >> 8) % flows), 17);
                    let hash = table.hash(&key);
                    table.lookup(&key, hash)
                });
            });
        }
    }
    let mut group = criterion.benchmark_group("enter and end");
    group.sample_size(10);
    for flows in [10_000, 100_000, 2_000_000] {
        let mut table = table(flows as usize);
        let mut second = 1_000;
        group.throughput(Throughput::Elements(u64::from(flows)));
        group.bench_function(BenchmarkId::from_parameter(flows), |bench| {
            bench.iter(|| {
                enter(&mut table, flows, Nanos::from_seconds(second));
                second += 100;
                let mut ended = 0;
                table.expire_all(Nanos::from_seconds(second), |_, _| ended += 1);
                assert_eq!(ended, flows);
            });
        });
    }
    group.finish();
    let mut table = table(1_000);
    let mut n = 0_u32;
    criterion.bench_function("a SYN of a flood", |bench| {
        bench.iter(|| {
            n += 1;
            let key = key(n & 0xff_ffff, 6);
            let hash = table.hash(&key);
            if table.lookup(&key, hash).is_none() {
                let opening = Opening { key, hash, swapped: false, now: Nanos(u64::from(n) * 1_000) };
                let flow = table.insert_half_open(opening, |_| ()).expect("room");
                let segment =
                    TcpSegment { seq: n, ack: 0, flags: SYN, payload_len: 0, window: 1_000, ..TcpSegment::default() };
                table
                    .advance(flow, sluice_core::Direction::ToServer, &segment, &TcpSettings::default())
                    .expect("the connection");
                table.settle(flow, |_| ()).expect("a slot");
            }
        });
    });
}

criterion_group!(all, benches);
criterion_main!(all);
