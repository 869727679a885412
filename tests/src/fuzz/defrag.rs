//! Target `defrag`: fragments of few datagrams, in whatever order and with whatever lies, in little room.
//!
//! The first byte chooses passive or inline, the policy, and how little room there is; then fragments, each of eight bytes: between whom and with which number, where it says it
//! belongs, how long it is, whether more follow, how much time has passed. Memory stays within its bound; every frame that is kept leaves or is given up, once; inline the frames that
//! leave hold each byte of the datagram once, so that nobody can read anything else in them.

use crate::traffic::{Ip, ip, link};
use sluice_core::{HashKey, Nanos};
use sluice_packet::{
    DecodeConfig, Decoded, LinkType, decode,
    defrag::{DefragSettings, Defragmenter, Fragment, Load, Policies, Policy, Taken, Whole},
};
use std::net::IpAddr;

/// Fragments of one input.
const MOST: usize = 1_024;
/// Little room, bytes: the least there is.
const ROOM: usize = 256 << 10;
/// Datagrams at once, the least there may be.
const TRACKERS: u32 = 16;

/// Runs one input.
pub fn run(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    let inline = choice & 1 != 0;
    let policy = Policy::ALL[usize::from(choice >> 1 & 7) % 7];
    let settings = DefragSettings {
        inline,
        bytes: ROOM,
        trackers: TRACKERS,
        fragments: if choice & 16 == 0 { 8_192 } else { 6 },
        timeout_s: 20,
        policies: Policies::new(Vec::new(), policy),
        ..DefragSettings::default()
    };
    let mut defrag = Defragmenter::new(&settings, HashKey::fixed());
    let mut whole = Whole::new(inline);
    let (mut kept, mut gone, mut left, mut now) = (0_u64, 0_u64, 0_u64, Nanos(1));
    let mut around = Decoded::new();
    for operation in rest.chunks_exact(8).take(MOST) {
        let [ends, id, high, low, length_high, length_low, flags, time] = operation else { continue };
        now = Nanos(now.0 + u64::from(*time) * 100_000_000);
        let frame = frame(*ends, *id, [*high, *low], [*length_high, *length_low], *flags);
        decode(&frame, LinkType::Ethernet, &DecodeConfig::DEFAULT, &mut around);
        if !around.is_fragment() {
            continue;
        }
        let fragment =
            Fragment { frame: &frame, headers: around.innermost(), depth: 0, way: flags >> 7, verify: flags & 64 == 0 };
        let load = if inline { Load::Frame } else { Load::Data };
        let inserted = defrag.insert(fragment, load, now, &mut |lost| gone += u64::from(lost.frames));
        if inline && !matches!(inserted.taken, Taken::Alone(_)) {
            kept += 1;
        }
        if let Taken::Whole { slot, .. } = inserted.taken {
            defrag.take(slot, &frame, &around, &DecodeConfig::DEFAULT, &mut whole);
            left += whole.frame_count();
            check(&whole, inline);
        }
        if flags & 32 != 0 {
            defrag.expire(now, usize::from(*time), &mut |lost| gone += u64::from(lost.frames));
        }
        assert!(defrag.len() <= TRACKERS && defrag.bytes() <= ROOM);
    }
    defrag.finish(&mut |lost| gone += u64::from(lost.frames));
    assert_eq!((kept, defrag.len(), defrag.bytes()), (gone + left, 0, 0));
}

/// The datagram is as long as its header says, and inline its frames hold each byte of it once.
fn check(whole: &Whole, inline: bool) {
    let headers = whole.decoded().outermost();
    assert!(!headers.fragment.is_fragment || headers.ip_version == 6);
    assert_eq!(headers.ip_offset as usize + headers.ip_len as usize, whole.bytes().len());
    if !inline {
        assert_eq!(whole.frame_count(), 0);
        return;
    }
    let mut pieces: Vec<(usize, usize, Vec<u8>)> = Vec::new();
    for frame in whole.frames() {
        let mut decoded = Decoded::new();
        decode(frame, LinkType::Ethernet, &DecodeConfig::DEFAULT, &mut decoded);
        let piece = decoded.innermost();
        let header_len = if piece.ip_version == 4 { 20 } else { 48 };
        let data = piece.ip_packet(frame)[header_len..].to_vec();
        pieces.push((usize::from(piece.fragment.offset_bytes), data.len(), data));
    }
    pieces.sort();
    let mut data = Vec::new();
    for (offset, _, bytes) in pieces {
        assert_eq!(offset, data.len());
        data.extend_from_slice(&bytes);
    }
    let header_len = if headers.ip_version == 4 { 20 } else { 40 };
    assert_eq!(headers.ip_packet(whole.bytes())[header_len..], data);
}

/// A fragment on Ethernet.
fn frame(ends: u8, id: u8, offset: [u8; 2], length: [u8; 2], flags: u8) -> Vec<u8> {
    let six = flags & 1 != 0;
    let host = |last: u8| match six {
        true => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)]),
        false => IpAddr::from([10, 0, 0, last]),
    };
    let header = Ip { id: u32::from(id & 3), ..Ip::between(host(1 + (ends & 15)), host(200 + (ends >> 6))) };
    // Mostly near the beginning, now and then where it can't be.
    let mask = if flags & 8 == 0 { 0x3f } else { 0x1fff };
    let offset = usize::from(u16::from_be_bytes(offset) & mask) * 8;
    let mask = if flags & 4 == 0 { 0x3f } else { 0x7ff };
    let length = usize::from(u16::from_be_bytes(length) & mask);
    // Whole units for the most part.
    let length = if flags & 16 == 0 { length.next_multiple_of(8) } else { length };
    let data: Vec<u8> = (0..length).map(|at| (at as u8) ^ ends ^ id).collect();
    let packet = header.fragment(ip::UDP, &data, offset, flags & 2 == 0);
    link::ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], &[], header.ether_type(), &packet)
}
