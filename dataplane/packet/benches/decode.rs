//! Times of the decoder on plain frames, a tag, IPv6 and a tunnel, and of reading a plain frame's key and its hash alone. `perf/README.md` says how to run them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool for people, which stops at what it did not expect"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use sluice_core::HashKey;
use sluice_packet::{DecodeConfig, Decoded, LinkType, Plain, PlainReader, decode};
use std::hint::black_box;

fn udp(port: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (8 + payload.len() as u16).to_be_bytes();
    [&[0x9c, 0x40, 0, port, high, low, 0, 0][..], payload].concat()
}

fn ipv4(payload: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + payload.len() as u16).to_be_bytes();
    [&[0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2][..], payload].concat()
}

fn ipv6(payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    let address = |last| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    [&[0x60, 0, 0, 0, high, low, 17, 64][..], &address(1), &address(2), payload].concat()
}

fn ethernet(kind: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], kind, payload].concat()
}

fn benches(criterion: &mut Criterion) {
    let payload = [7; 18];
    let plain = ethernet(&[8, 0], &ipv4(&udp(53, &payload)));
    let mut vxlan = udp(0, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &plain].concat());
    vxlan[2..4].copy_from_slice(&4_789_u16.to_be_bytes());
    let frames = [
        ("plain", plain),
        ("vlan", ethernet(&[0x81, 0, 0, 100, 8, 0], &ipv4(&udp(53, &payload)))),
        ("ipv6", ethernet(&[0x86, 0xdd], &ipv6(&udp(53, &payload)))),
        ("vxlan", ethernet(&[8, 0], &ipv4(&vxlan))),
    ];
    let mut decoded = Decoded::new();
    for (name, frame) in &frames {
        criterion.bench_function(&format!("decode {name}"), |bench| {
            bench.iter(|| decode(black_box(frame), LinkType::Ethernet, &DecodeConfig::DEFAULT, &mut decoded));
        });
    }
    let reader = PlainReader::new(&DecodeConfig::DEFAULT, true);
    let (secret, mut plain) = (HashKey::fixed(), Plain::NONE);
    for (name, frame) in frames.iter().filter(|(name, _)| *name != "vxlan") {
        assert!(reader.reads() && reader.read(frame, &secret, &mut plain), "a plain frame");
        criterion.bench_function(&format!("key and hash alone, {name}"), |bench| {
            bench.iter(|| reader.read(black_box(frame), &secret, &mut plain));
        });
    }
}

criterion_group!(all, benches);
criterion_main!(all);
