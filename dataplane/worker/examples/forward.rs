//! Forwarding of 64-byte frames with a lookup among many flows: DPDK's null device, the worker's own steps, the null device.
//!
//! `forward [FLOWS [BURSTS [KIND]]]`, 1,000,000 flows, 200,000 bursts of 32 and `udp4` when not given; other kinds: `tcp4`, `vlan4`, `udp6`.
//! The null device gives frames without content, so a flow's header is written into each between receiving and looking; that is
//! the traffic, not the engine, and stands outside the three functions that count: `receive`, `look_up`, `transmit`.
//!
//! Prints ticks of the time stamp counter a packet (no cycles where the clock varies), best of ten parts, and what the measuring itself costs.
//! Instructions: `valgrind --tool=callgrind --toggle-collect='forward::receive*' --toggle-collect='forward::look_up*'
//! --toggle-collect='forward::transmit*' forward 100000 1000`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool for people, which stops at what it did not expect"
)]

use sluice_cell::timestamp_counter;
use sluice_core::{
    HashKey, Nanos,
    ring::{WhenFull, event_ring},
};
use sluice_detect::{Inspector, ruleset::RulesetBuilder, state::State};
use sluice_dpdk::{BURST, Burst, Eal, EalOptions, Mempool, Port, PortConfig, RxQueue, TxQueue};
use sluice_packet::{DecodeConfig, Decoded, LinkType, decode};
use sluice_worker::{
    ChecksumMode, Pipeline, Reporter, Settings, Stages, checksums::Checksums, generation::Generation, glance::Glances,
};
use std::sync::Arc;

const LENGTH: usize = 64;
const PARTS: u64 = 10;

/// A frame of `kind`; the last three bytes of its source address are the flow's number.
fn frame(kind: &str) -> ([u8; LENGTH], usize) {
    let six = kind.ends_with('6');
    let (mut bytes, mut at) = ([0; LENGTH], 12);
    let mut put = |more: &[u8]| {
        bytes[at..at + more.len()].copy_from_slice(more);
        at += more.len();
        at
    };
    if kind.starts_with("vlan") {
        put(&[0x81, 0, 0, 100]);
    }
    let header = put(if six { &[0x86, 0xdd] } else { &[0x08, 0x00] });
    let left = (LENGTH - header) as u8;
    let protocol = if kind.starts_with("tcp") { 6 } else { 17 };
    if six {
        let rest = left - 40;
        put(&[0x60, 0, 0, 0, 0, rest, protocol, 64, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        put(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    } else {
        put(&[0x45, 0, 0, left, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 0, 11, 0, 0, 1]);
    }
    let segment = header + if six { 40 } else { 20 };
    put(&[0x03, 0xe8, 0, 53]);
    if protocol == 6 {
        // IPv6 leaves no room for a whole TCP header in 64 bytes with a tag; without one there are ten bytes too few.
        put(&[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10][..(LENGTH - segment - 4).min(10)]);
    } else {
        put(&[0, (LENGTH - segment) as u8, 0, 0]);
    }
    (bytes, if six { header + 8 + 13 } else { header + 12 + 1 })
}

fn pipeline(flows: usize) -> Pipeline {
    let ruleset = RulesetBuilder::default().build(1).expect("an empty rule set");
    let inspector = Inspector::new(&ruleset, 15).expect("room");
    let settings = Settings {
        flow_capacity: flows,
        half_open_capacity: 1_024,
        checksums: ChecksumMode::Off,
        stages: Stages::Lookup,
        ..Settings::default()
    };
    let (sender, _) = event_ring(0, 16, 64, WhenFull::Lose);
    let reporter = Reporter::new(sender, settings.copies);
    let generation = Box::new(Generation { ruleset: Arc::new(ruleset), inspector });
    let mut pipeline = Pipeline::new(settings, generation, State::alone(HashKey::fixed()), HashKey::fixed(), reporter);
    pipeline.set_link(LinkType::Ethernet, 1);
    pipeline
}

fn number(place: &mut [u8], n: u64) {
    place.copy_from_slice(&(n as u32).to_be_bytes()[1..]);
}

#[inline(never)]
fn receive(rx: &mut RxQueue, burst: &mut Burst) -> usize {
    rx.receive(burst)
}

/// The worker's steps, as its loop takes them.
#[inline(never)]
fn look_up(pipeline: &mut Pipeline, glances: &mut Glances, burst: &Burst, now: Nanos) -> usize {
    glances.take(pipeline, burst);
    let all = glances.iter().take(burst.len());
    all.filter(|glance| pipeline.short_cut(glance, || Checksums::Ignore, now).is_some()).count()
}

#[inline(never)]
fn transmit(tx: &mut TxQueue, burst: &mut Burst) -> usize {
    tx.transmit(burst)
}

/// What ought to have come with the frames.
#[inline(never)]
fn write_headers(burst: &mut Burst, made: &mut Burst, template: &[u8; LENGTH], at: usize, state: &mut u64, flows: u64) {
    for mut packet in burst.drain() {
        *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let bytes = packet.first_segment_mut().expect("data of our own");
        bytes.copy_from_slice(template);
        number(&mut bytes[at..at + 3], (*state >> 33) % flows);
        assert!(made.push(packet).is_ok(), "room");
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let (flows, bursts) = (next("1000000").parse().expect("flows"), next("200000").parse::<u64>().expect("bursts"));
    let (template, at) = frame(&next("udp4"));
    let options = EalOptions { vdevs: vec![format!("net_null0,size={LENGTH}")], ..EalOptions::default() };
    let eal = Eal::start(&options).expect("DPDK");
    let pool = Mempool::create(&eal, "frames", 16_383, 2_048 + 128, None).expect("buffers");
    let port = Port::by_name(&eal, "net_null0").expect("the null device");
    let config = PortConfig { promiscuous: false, ..PortConfig::default() };
    let (_port, mut rx, mut tx) = port.configure(&config, &pool).expect("a started port");
    let (mut rx, mut tx) = (rx.pop().expect("a queue"), tx.pop().expect("a queue"));

    let mut pipeline = pipeline(flows as usize);
    let (mut frame, mut decoded, now) = (template, Decoded::new(), Nanos::from_seconds(1_000));
    for n in 0..flows {
        number(&mut frame[at..at + 3], n);
        decode(&frame, LinkType::Ethernet, &DecodeConfig::DEFAULT, &mut decoded);
        let key = pipeline.prefetch(&decoded);
        pipeline.lookup_only(&decoded, key, &frame, now);
    }
    assert_eq!(pipeline.live_flows() as u64, flows);

    let (mut burst, mut made, mut glances) = (Burst::new(), Burst::new(), Glances::default());
    let (mut state, mut best) = (1, [u64::MAX; 4]);
    for _ in 0..PARTS {
        let (mut spent, mut packets) = ([0; 4], 0);
        for _ in 0..bursts / PARTS {
            let start = timestamp_counter();
            let received = receive(&mut rx, &mut burst);
            spent[0] += timestamp_counter() - start;
            write_headers(&mut burst, &mut made, &template, at, &mut state, flows);
            let start = timestamp_counter();
            let found = look_up(&mut pipeline, &mut glances, &made, now);
            spent[1] += timestamp_counter() - start;
            assert_eq!((received, found), (BURST, BURST));
            let start = timestamp_counter();
            transmit(&mut tx, &mut made);
            let end = timestamp_counter();
            spent[2] += end - start;
            spent[3] += timestamp_counter() - end;
            packets += received as u64;
        }
        for (best, spent) in best.iter_mut().zip(spent) {
            *best = (*best).min(spent * 10 / packets);
        }
    }
    let tenths = |value: u64| format!("{}.{}", value / 10, value % 10);
    let [receive, look_up, transmit, clock] = best;
    println!(
        "ticks a packet: receive {} + look up {} + transmit {} = {}; each with one reading of the counter, {}",
        tenths(receive),
        tenths(look_up),
        tenths(transmit),
        tenths(receive + look_up + transmit),
        tenths(clock),
    );
}
