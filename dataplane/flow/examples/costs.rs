//! What a flow costs: memory, and ticks of the time stamp counter for entering, finding and ending one, at sizes from 10 thousand to 2 million.
//!
//! `costs` prints a table; `costs N` does one size, for counting instructions:
//! `valgrind --tool=callgrind --toggle-collect='*enter_flows*' costs 100000` and so on with `end_flows`, `find_flows`, `flood`, `follow`.
//! Ticks are no cycles where the clock varies, and depend on what else runs: read ratios within one run.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool for people, which stops at what it did not expect"
)]

use sluice_cell::timestamp_counter;
use sluice_core::{Direction, FlowKey, HashKey, Nanos, key::Lane};
use sluice_flow::{
    Candidate, FlowRef, FlowTable, Opening, Partitions, TableSettings, TcpSegment, TcpSettings, Timeouts,
    tcp::{ACK, SYN, Timestamps},
};

const BURST: usize = 32;

fn key(n: u32, protocol: u8) -> FlowKey {
    let lane = Lane { protocol, ip_version: 4, ..Lane::default() };
    let [a, b, c, d] = (0x0a00_0000 | n).to_be_bytes();
    FlowKey::of_ipv4([a, b, c, d, 11, 0, 0, 1], [0x03, 0xe8, 0, 53], lane).0
}

fn table(flows: usize) -> FlowTable {
    let settings = TableSettings {
        capacity: flows,
        half_open: 65_536,
        partitions: Partitions::ONE,
        timeouts: Timeouts::default(),
    };
    FlowTable::new(settings, HashKey::fixed())
}

#[inline(never)]
fn enter_flows(table: &mut FlowTable, flows: u32) {
    for n in 0..flows {
        let key = key(n, 17);
        let hash = table.hash(&key);
        // Spread over a second, as packets are.
        let now = Nanos(1_000_000_000_000 + u64::from(n));
        table.insert(Opening { key, hash, swapped: false, now }).expect("room");
    }
}

/// Finds flows in random order, a burst at a time, and counts a packet in each.
#[inline(never)]
fn find_flows(table: &mut FlowTable, flows: u32, rounds: u32) -> u64 {
    let (mut found, mut state) = (0, 0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..rounds {
        let mut burst = [(FlowKey::default(), 0, Candidate::NONE); BURST];
        for (key_at, hash_at, candidate) in &mut burst {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            *key_at = key(((state >> 33) % u64::from(flows)) as u32, 17);
            *hash_at = table.hash(key_at);
            table.prefetch(*hash_at, candidate);
        }
        for (_, hash, candidate) in &mut burst {
            table.prefetch_flow(*hash, candidate);
        }
        for (key, hash, candidate) in &burst {
            if let Some(flow) = table.confirm(key, *hash, candidate) {
                flow.count(Direction::ToServer, 64);
                found += 1;
            }
        }
    }
    found
}

#[inline(never)]
fn end_flows(table: &mut FlowTable) -> u32 {
    let mut ended = 0;
    table.expire_all(Nanos::from_seconds(1_100), |_, _| ended += 1);
    ended
}

/// SYNs of as many made-up connections.
#[inline(never)]
fn flood(table: &mut FlowTable, syns: u32) -> u32 {
    let mut forced = 0;
    for n in 0..syns {
        let key = key(n, 6);
        let hash = table.hash(&key);
        let now = Nanos(2_000_000_000_000 + u64::from(n) * 1_000);
        if table.lookup(&key, hash).is_some() {
            continue;
        }
        let opening = Opening { key, hash, swapped: false, now };
        let flow = table.insert_half_open(opening, |_| forced += 1).expect("room");
        let entry = table.get_mut(flow).expect("the connection");
        entry.count(Direction::ToServer, 60);
        let segment = TcpSegment { seq: n, ack: 0, flags: SYN, payload_len: 0, window: 1_000, ..TcpSegment::default() };
        table.advance(flow, Direction::ToServer, &segment, &TcpSettings::default()).expect("the connection");
        table.settle(flow, |_| ()).expect("a slot");
    }
    forced
}

/// Data and acknowledgements in order on one open connection, with timestamps.
#[inline(never)]
fn talk(table: &mut FlowTable, packets: u32) -> u32 {
    let key = key(1, 6);
    let hash = table.hash(&key);
    let now = Nanos(3_000_000_000_000);
    let flow = table.insert(Opening { key, hash, swapped: false, now }).expect("room");
    let settings = TcpSettings { inline: true, ..TcpSettings::default() };
    let segment = |seq, ack, flags, payload_len, clock| TcpSegment {
        seq,
        ack,
        flags,
        payload_len,
        window: 60_000,
        timestamps: Some(Timestamps { value: clock, echo: clock }),
        ..TcpSegment::default()
    };
    for (direction, seq, ack, flags) in
        [(Direction::ToServer, 0, 0, SYN), (Direction::ToClient, 0, 1, SYN | ACK), (Direction::ToServer, 1, 1, ACK)]
    {
        let segment = segment(seq, ack, flags, 0, 1);
        table.advance(flow, direction, &segment, &settings).expect("the connection");
    }
    follow(table, flow, packets, &settings, segment)
}

/// The part of it to count instructions in.
#[inline(never)]
fn follow(
    table: &mut FlowTable,
    flow: FlowRef,
    packets: u32,
    settings: &TcpSettings,
    segment: impl Fn(u32, u32, u8, u32, u32) -> TcpSegment,
) -> u32 {
    let (mut sent, mut good) = (1_u32, 0);
    for n in 0..packets / 2 {
        let data = segment(sent, 1, ACK, 1_000, n + 2);
        sent = sent.wrapping_add(1_000);
        let answer = segment(1, sent, ACK, 0, n + 2);
        for (direction, segment) in [(Direction::ToServer, data), (Direction::ToClient, answer)] {
            let (_, outcome) = table.advance(flow, direction, &segment, settings).expect("the connection");
            good += u32::from(outcome.valid && outcome.events.is_empty());
        }
    }
    good
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn ticks<T>(count: u32, act: impl FnOnce() -> T) -> (u64, T) {
    let before = timestamp_counter();
    let answer = act();
    ((timestamp_counter() - before) / u64::from(count.max(1)), answer)
}

fn main() {
    let sizes = match std::env::args().nth(1).and_then(|size| size.parse().ok()) {
        Some(size) => vec![size],
        None => vec![10_000, 100_000, 1_000_000, 2_000_000],
    };
    println!(
        "{:>10} {:>12} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "flows", "bytes/flow", "enter", "find", "end", "syn", "follow"
    );
    for flows in sizes {
        let before = resident_bytes();
        let mut table = table(flows as usize);
        let (enter, ()) = ticks(flows, || enter_flows(&mut table, flows));
        let bytes = resident_bytes().saturating_sub(before) / u64::from(flows);
        // So many lookups that each size takes part in equal numbers.
        let rounds = if std::env::args().nth(1).is_some() { 10_000 } else { 100_000 };
        find_flows(&mut table, flows, 1_000);
        let (find, found) = ticks(rounds * BURST as u32, || find_flows(&mut table, flows, rounds));
        assert_eq!(found, u64::from(rounds) * BURST as u64);
        let (end, ended) = ticks(flows, || end_flows(&mut table));
        assert_eq!((ended, table.len()), (flows, 0));
        let (syn, forced) = ticks(flows, || flood(&mut table, flows));
        assert_eq!(forced, flows.saturating_sub(65_536));
        let packets = 1_000_000;
        let (follow, good) = ticks(packets, || talk(&mut table, packets));
        assert_eq!(good, packets);
        println!("{flows:>10} {bytes:>12} {enter:>8} {find:>8} {end:>8} {syn:>8} {follow:>8}");
    }
}
