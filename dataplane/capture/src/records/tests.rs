//! Files of both formats, sound and damaged, against the pcap library: what it reads is what is read here.

use super::{OpenError, Records, Resolution};
use proptest::prelude::*;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Time and bytes of the records, and whether the rest is damaged.
type Read<Time> = (Vec<(Time, Vec<u8>)>, bool);

/// A file of this test's own; gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(bytes: &[u8]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sluice-records-{}-{number}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn ours(path: &Path) -> Result<Read<u64>, OpenError> {
    let mut records = Records::open(path)?;
    let mut all = Vec::new();
    let damaged = loop {
        match records.peek() {
            Ok(Some(record)) => all.push((record.time_us, record.bytes.to_vec())),
            Ok(None) => break false,
            Err(_) => break true,
        }
        records.pass();
    };
    Ok((all, damaged))
}

fn theirs(path: &Path) -> Option<Read<Option<u64>>> {
    let mut capture = pcap::Capture::from_file(path).ok()?;
    let is_classic = !fs::read(path).unwrap().starts_with(&[10, 13, 13, 10]);
    let mut all = Vec::new();
    let damaged = loop {
        match capture.next_packet() {
            Ok(packet) => {
                let at = packet.header.ts;
                // The library takes seconds of a classic file for negative from 2038 on, and does not ask whether a fraction is one.
                let seconds = if is_classic { u64::from(at.tv_sec as u32) } else { at.tv_sec as u64 };
                let is_fraction = (0..1_000_000).contains(&at.tv_usec);
                let time = seconds.wrapping_mul(1_000_000).wrapping_add(at.tv_usec as u64);
                all.push((is_fraction.then_some(time), packet.data.to_vec()));
            }
            Err(pcap::Error::NoMorePackets) => break false,
            Err(_) => break true,
        }
    };
    Some((all, damaged))
}

/// Numbers in the order of a file.
#[derive(Clone, Copy, Debug)]
struct Order(bool);

impl Order {
    fn two(self, number: u16) -> [u8; 2] {
        if self.0 { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn four(self, number: u32) -> [u8; 4] {
        if self.0 { number.to_be_bytes() } else { number.to_le_bytes() }
    }
}

fn classic(order: Order, (magic, minor, kept, link): (u32, u16, u32, u32), records: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = [&order.four(magic)[..], &order.two(2), &order.two(minor), &[0; 8]].concat();
    file.extend([order.four(kept), order.four(link)].concat());
    for (seconds, part, bytes) in records {
        let length = order.four(bytes.len() as u32);
        file.extend([order.four(*seconds), order.four(*part), length, length].concat());
        file.extend(if magic == 0xa1b2_cd34 { vec![0; 8] } else { Vec::new() });
        file.extend(bytes);
    }
    file
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = order.four(padded as u32 + 12);
    [&order.four(kind)[..], &length, body, &vec![0; padded - body.len()], &length].concat()
}

fn section(order: Order) -> Vec<u8> {
    block(order, 0x0a0d_0d0a, &[&order.four(0x1a2b_3c4d)[..], &order.two(1), &order.two(0), &[0xff; 8]].concat())
}

fn interface(order: Order, link: u16, kept: u32, resolution: Option<u8>, offset: Option<u32>) -> Vec<u8> {
    let mut body = [&order.two(link)[..], &[0; 2], &order.four(kept)].concat();
    if let Some(resolution) = resolution {
        body.extend([&order.two(9)[..], &order.two(1), &[resolution, 0, 0, 0]].concat());
    }
    if let Some(offset) = offset {
        let seconds = if order.0 { u64::from(offset).to_be_bytes() } else { u64::from(offset).to_le_bytes() };
        body.extend([&order.two(14)[..], &order.two(8), &seconds].concat());
    }
    body.extend([0; 4]);
    block(order, 1, &body)
}

fn packet(order: Order, kind: u32, number: u16, time: u64, bytes: &[u8]) -> Vec<u8> {
    let length = order.four(bytes.len() as u32);
    let times = [order.four((time >> 32) as u32), order.four(time as u32)].concat();
    let body = match kind {
        6 => [&order.four(u32::from(number))[..], &times, &length, &length, bytes].concat(),
        2 => [&order.two(number)[..], &[0; 2], &times, &length, &length, bytes].concat(),
        _ => [&length[..], bytes].concat(),
    };
    block(order, kind, &body)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => 0..100_usize, 1 => 0..3_000_usize]
        .prop_flat_map(|length| prop::collection::vec(any::<u8>(), length))
}

/// A classic file.
fn classic_file() -> impl Strategy<Value = Vec<u8>> {
    let magic = prop::sample::select(vec![0xa1b2_c3d4_u32, 0xa1b2_3c4d, 0xa1b2_cd34]);
    let kept = prop::sample::select(vec![0_u32, 40, 65_535, 262_144, u32::MAX]);
    let link = prop::sample::select(vec![1_u32, 101, 228, 0xf000_0001]);
    let record = (0..0x7fff_ffff_u32, 0..1_000_000_u32, bytes());
    let header = (magic, prop::sample::select(vec![4_u16, 4, 3, 2]), kept, link);
    (any::<bool>(), header, prop::collection::vec(record, 0..8))
        .prop_map(|(big, header, records)| classic(Order(big), header, &records))
}

/// A newer one, with interfaces that tell the time in all ways.
fn ng_file() -> impl Strategy<Value = Vec<u8>> {
    let resolution = prop::option::of(prop::sample::select(vec![0_u8, 3, 6, 9, 12, 0x80 | 10, 0x80 | 20, 0x80 | 32]));
    let interface_of = (resolution, prop::option::of(0..1_000_000_u32));
    let part = prop_oneof![
        6 => (prop::sample::select(vec![6_u32, 6, 6, 2, 3]), 0..3_u16, 0..1_u64 << 52, bytes()).prop_map(Some),
        1 => Just(None),
    ];
    let parts = prop::collection::vec(part, 0..10);
    (any::<bool>(), prop::sample::select(vec![0_u32, 64, 262_144]), prop::collection::vec(interface_of, 1..4), parts)
        .prop_map(|(big, kept, interfaces, parts)| {
            let order = Order(big);
            let mut file = section(order);
            for (resolution, offset) in interfaces {
                file.extend(interface(order, 1, kept, resolution, offset));
            }
            for part in parts {
                file.extend(match part {
                    Some((kind, number, time, bytes)) => packet(order, kind, number, time, &bytes),
                    None => block(order, 5, b"statistics"),
                });
            }
            file
        })
}

/// The same with some bytes changed, and perhaps cut.
fn damaged(file: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), prop::sample::select(vec![0_u8, 1, 4, 0x7f, 0xff]));
    let changes = prop::collection::vec(change, 0..3);
    (file, changes, prop::option::of(any::<prop::sample::Index>())).prop_map(|(mut file, changes, cut)| {
        for (place, value) in changes {
            let place = place.index(file.len());
            file[place] = value;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        file
    })
}

/// What the library reads is read here; where it finds the file sound, nothing else. (Here more is read of some damaged files.)
fn assert_same(file: &[u8]) -> Result<(), TestCaseError> {
    let scratch = Scratch::new(file);
    let Some((theirs, damaged)) = theirs(&scratch.0) else { return Ok(()) };
    let (ours, damaged_ours) = ours(&scratch.0).unwrap();
    prop_assert!(damaged || (!damaged_ours && ours.len() == theirs.len()), "{} of {}", ours.len(), theirs.len());
    prop_assert!(ours.len() >= theirs.len(), "{} of {}", ours.len(), theirs.len());
    for ((time, bytes), (same_time, same_bytes)) in ours.iter().zip(&theirs) {
        prop_assert!(bytes == same_bytes, "{} and {}", bytes.len(), same_bytes.len());
        prop_assert_eq!(*time, same_time.unwrap_or(*time));
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_sound_classic_file_is_read_to_its_end(file in classic_file()) {
        assert_same(&file)?;
        prop_assert!(!ours(&Scratch::new(&file).0).unwrap().1);
    }

    #[test]
    fn of_a_classic_file_is_read_what_the_library_reads(file in damaged(classic_file())) {
        assert_same(&file)?;
    }

    #[test]
    fn of_a_newer_file_is_read_what_the_library_reads(file in prop_oneof![ng_file(), damaged(ng_file())]) {
        assert_same(&file)?;
    }
}

#[test]
fn a_record_stays_at_hand_until_it_is_passed() {
    let file =
        classic(Order(false), (0xa1b2_c3d4, 4, 65_535, 1), &[(1, 2, b"first".to_vec()), (3, 4, b"second".to_vec())]);
    let scratch = Scratch::new(&file);
    let mut records = Records::open(&scratch.0).unwrap();
    for _ in 0..2 {
        let record = records.peek().unwrap().unwrap();
        assert_eq!((record.time_us, record.bytes), (1_000_002, &b"first"[..]));
    }
    records.pass();
    assert_eq!(records.peek().unwrap().unwrap().bytes, b"second");
    records.pass();
    records.pass();
    assert_eq!(records.peek().unwrap(), None);
}

#[test]
fn records_longer_than_what_is_read_at_a_time_are_whole() {
    let long: Vec<u8> = (0..262_144_u32).map(|place| (place % 251) as u8).collect();
    let records: Vec<_> = (0..5).map(|second| (second, 0, long.clone())).collect();
    let scratch = Scratch::new(&classic(Order(true), (0xa1b2_c3d4, 4, 262_144, 1), &records));
    let (all, damaged) = ours(&scratch.0).unwrap();
    assert!(!damaged && all.len() == 5 && all.iter().all(|(_, bytes)| *bytes == long));
}

#[test]
fn damage_is_told_with_its_place() {
    let mut file = classic(Order(false), (0xa1b2_c3d4, 4, 65_535, 1), &[(1, 0, b"sound".to_vec())]);
    file.extend([[0; 8], [0xff; 8]].concat());
    let mut records = Records::open(&Scratch::new(&file).0).unwrap();
    assert!(records.peek().unwrap().is_some());
    records.pass();
    let said = records.peek().unwrap_err().to_string();
    assert_eq!(said, "byte 45: a record of 4294967295 bytes is announced, and none is longer than 262144");
    file.truncate(50);
    let mut records = Records::open(&Scratch::new(&file).0).unwrap();
    records.peek().unwrap();
    records.pass();
    let said = records.peek().unwrap_err().to_string();
    assert_eq!(said, "byte 45: the file ends inside a record: 16 bytes are announced, 5 are there");
}

#[test]
fn what_is_no_capture_is_told_why() {
    let said = |bytes: &[u8]| Records::open(&Scratch::new(bytes).0).unwrap_err().to_string();
    assert_eq!(said(b""), "it has 0 bytes, and a capture 24 at the least");
    assert_eq!(said(b"text"), "it begins with 0x74786574 and not like a pcap or pcapng file");
    assert_eq!(said(&[0x1f, 0x8b, 8, 0, 0]), "it is packed by gzip: unpack it first");
    assert_eq!(said(&[0x28, 0xb5, 0x2f, 0xfd]), "it is packed by zstd: unpack it first");
    assert_eq!(said(&section(Order(false))), "it tells of no interface");
    let other = [section(Order(false)), interface(Order(false), 1, 0, None, None)].concat();
    assert_eq!(Records::open(&Scratch::new(&other).0).unwrap().resolution(), Resolution::PerInterface);
}

#[test]
fn interfaces_of_two_link_types_are_damage_that_names_them() {
    let order = Order(false);
    let parts = [section(order), interface(order, 1, 0, None, None), interface(order, 101, 0, None, None)];
    let mut records = Records::open(&Scratch::new(&parts.concat()).0).unwrap();
    assert!(records.peek().unwrap_err().to_string().contains("link type 101 beside the first, of 1"));
}
