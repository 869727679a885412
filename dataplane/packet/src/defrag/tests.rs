//! Fragments against the published vectors and against a slow, obvious reference.

use super::*;
use crate::build::ethernet;
use crate::{DecodeConfig, DecodeEvent, Decoded, LinkType, checksum, decode};
use sluice_core::{HashKey, Nanos};

/// One fragment of a datagram between two hosts.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    pub six: bool,
    pub source: u8,
    pub id: u16,
    pub offset: usize,
    pub more: bool,
    pub data: Vec<u8>,
}

impl Shard {
    pub fn new(offset: usize, more: bool, data: &[u8]) -> Self {
        Self { six: false, source: 1, id: 7, offset, more, data: data.to_vec() }
    }

    pub fn packet(&self) -> Vec<u8> {
        let field = (self.offset as u16) | if self.six { u16::from(self.more) } else { 0 };
        if self.six {
            let mut packet = vec![0x60, 0, 0, 0];
            packet.extend(((8 + self.data.len()) as u16).to_be_bytes());
            packet.extend([44, 64]);
            packet.extend([[0xfd; 15], [0xfe; 15]].map(|half| [&half[..], &[self.source]].concat()).concat());
            packet.extend([17, 0]);
            packet.extend(field.to_be_bytes());
            packet.extend(u32::from(self.id).to_be_bytes());
            packet.extend(&self.data);
            return packet;
        }
        let mut header = vec![0x45, 0];
        header.extend(((20 + self.data.len()) as u16).to_be_bytes());
        header.extend(self.id.to_be_bytes());
        header.extend(((field / 8) | if self.more { 0x2000 } else { 0 }).to_be_bytes());
        header.extend([64, 17, 0, 0, 10, 0, 0, self.source, 10, 0, 0, 200]);
        let sum = checksum::compute(&header).to_be_bytes();
        header[10..12].copy_from_slice(&sum);
        [header, self.data.clone()].concat()
    }

    pub fn frame(&self) -> Vec<u8> {
        ethernet(if self.six { 0x86dd } else { 0x0800 }, &self.packet())
    }
}

/// A defragmenter and what it says.
pub(super) struct Bench {
    pub defrag: Defragmenter,
    pub inline: bool,
    pub now: Nanos,
    /// What was given up: why, and how many frames.
    pub gone: Vec<(Why, u32)>,
    pub whole: Whole,
}

impl Bench {
    pub fn new(inline: bool, policy: Policy) -> Self {
        Self::with(DefragSettings { inline, policies: Policies::new(Vec::new(), policy), ..small() })
    }

    pub fn with(settings: DefragSettings) -> Self {
        Self {
            inline: settings.inline,
            defrag: Defragmenter::new(&settings, HashKey::fixed()),
            now: Nanos(1),
            gone: Vec::new(),
            whole: Whole::new(settings.inline),
        }
    }

    /// Takes in a frame; the data of the datagram when it is whole.
    pub fn frame(&mut self, frame: &[u8]) -> (Inserted, Option<Vec<u8>>) {
        let mut around = Decoded::new();
        decode(frame, LinkType::Ethernet, &DecodeConfig::DEFAULT, &mut around);
        assert!(around.is_fragment());
        let fragment = Fragment { frame, headers: around.innermost(), depth: 0, way: 0, verify: true };
        let load = if self.inline { Load::Frame } else { Load::Data };
        let gone = &mut self.gone;
        let inserted = self.defrag.insert(fragment, load, self.now, &mut |lost| gone.push((lost.why, lost.frames)));
        let data = match inserted.taken {
            Taken::Whole { slot, .. } => {
                self.defrag.take(slot, frame, &around, &DecodeConfig::DEFAULT, &mut self.whole);
                let headers = self.whole.decoded().innermost();
                assert!(!headers.fragment.is_fragment && headers.source.pkt_src() == "defrag");
                Some(headers.ip_payload(self.whole.bytes()).to_vec())
            }
            _ => None,
        };
        (inserted, data)
    }

    pub fn shard(&mut self, shard: &Shard) -> (Inserted, Option<Vec<u8>>) {
        self.frame(&shard.frame())
    }

    /// The data of the datagram that these make, if they make one.
    pub fn all(&mut self, shards: &[Shard]) -> Option<Vec<u8>> {
        shards.iter().filter_map(|shard| self.shard(shard).1).next()
    }
}

pub(super) fn small() -> DefragSettings {
    DefragSettings { bytes: 2 << 20, trackers: 512, ..DefragSettings::default() }
}

/// Units of eight times the same letter.
fn units(begin: usize, count: usize, letter: char, more: bool) -> Shard {
    Shard::new(begin * 8, more, &vec![letter as u8; count * 8])
}

fn letters(data: &[u8]) -> String {
    data.chunks(8).map(|unit| if unit.iter().all(|byte| *byte == unit[0]) { unit[0] as char } else { '?' }).collect()
}

/// Shankar and Paxson, "Active Mapping", figure of overlapping fragments and the table of what hosts make of them.
#[test]
fn shankar_and_paxsons_fragments_are_put_together_as_each_kind_of_host_does() {
    let sent = [(0, 3, '1'), (4, 2, '2'), (6, 3, '3'), (1, 4, '4'), (6, 3, '5'), (9, 3, '6')];
    let wanted = [
        (Policy::First, "111422333666"),
        (Policy::Last, "144442555666"),
        (Policy::Bsd, "111442333666"),
        (Policy::BsdRight, "144422555666"),
        (Policy::Linux, "111442555666"),
        (Policy::Windows, "111422333666"),
        (Policy::Solaris, "111422333666"),
    ];
    for (policy, wanted) in wanted {
        let mut bench = Bench::new(false, policy);
        let shards: Vec<_> =
            sent.iter().map(|&(begin, count, letter)| units(begin, count, letter, letter != '6')).collect();
        assert_eq!(letters(&bench.all(&shards).unwrap()), wanted, "{policy:?}");
    }
}

#[test]
fn fragments_in_any_order_make_one_datagram_and_leave_nothing_behind() {
    let data: Vec<u8> = (0..3_001_usize).map(|n| (n * 7) as u8).collect();
    for (six, inline) in [(false, false), (false, true), (true, false), (true, true)] {
        for turn in 0..5 {
            let mut shards: Vec<Shard> = data
                .chunks(600)
                .enumerate()
                .map(|(n, part)| Shard { six, ..Shard::new(n * 600, (n + 1) * 600 < data.len(), part) })
                .collect();
            shards.rotate_left(turn);
            let mut bench = Bench::new(inline, Policy::Bsd);
            assert_eq!(bench.all(&shards), Some(data.clone()));
            assert!(bench.defrag.is_empty() && bench.defrag.bytes() == 0 && bench.gone.is_empty());
            let frames: Vec<Vec<u8>> = bench.whole.frames().map(<[u8]>::to_vec).collect();
            let sent: Vec<Vec<u8>> = shards.iter().map(Shard::frame).collect();
            assert_eq!(frames, if inline { sent } else { Vec::new() });
        }
    }
}

/// Novak's and Sturges' fragments, in units of eight bytes: where each begins, how many, and its letter; the last one ends the datagram.
const NOVAK: [(usize, usize, char); 17] = [
    (0, 3, 'A'),
    (4, 2, 'B'),
    (6, 3, 'C'),
    (10, 1, 'D'),
    (13, 2, 'E'),
    (15, 3, 'F'),
    (18, 2, 'G'),
    (20, 2, 'H'),
    (22, 1, 'I'),
    (1, 4, 'J'),
    (6, 3, 'K'),
    (9, 3, 'L'),
    (12, 3, 'M'),
    (16, 1, 'N'),
    (19, 1, 'O'),
    (20, 1, 'P'),
    (22, 2, 'Q'),
];

/// What each policy makes of them, worked out by hand from the policy's words in Novak, "Target-Based Fragmentation Reassembly": which of two fragments it favours.
#[test]
fn novaks_fragments_are_put_together_by_each_policy_as_its_words_say() {
    let wanted = [
        // The older one's, always.
        (Policy::First, "AAAJBBCCCLDLMEEFFFGGHHIQ"),
        // The newer one's, always.
        (Policy::Last, "AJJJJBKKKLLLMMMFNFGOPHQQ"),
        // The older one's, where it begins before or with the newer one.
        (Policy::Bsd, "AAAJJBCCCLLLMMMFFFGGHHIQ"),
        // The newer one's, where it begins behind or with the older one.
        (Policy::BsdRight, "AJJJBBKKKLDLMEEFNFGOPHQQ"),
        // The older one's, where it begins before the newer one.
        (Policy::Linux, "AAAJJBKKKLLLMMMFFFGGPHQQ"),
        // The newer one's, where it covers the older one and more on both sides.
        (Policy::Windows, "AAAJBBCCCLLLMEEFFFGGHHIQ"),
        // The newer one's, where it begins before the older one and ends with or behind it.
        (Policy::Solaris, "AAAJBBCCCLLLMMMFFFGGHHIQ"),
    ];
    for (policy, wanted) in wanted {
        let mut bench = Bench::new(false, policy);
        let shards: Vec<_> =
            NOVAK.iter().map(|&(begin, count, letter)| units(begin, count, letter, letter != 'Q')).collect();
        assert_eq!(letters(&bench.all(&shards).unwrap()), wanted, "{policy:?}");
        // IPv6 has one answer: none.
        let six: Vec<_> = shards.iter().map(|shard| Shard { six: true, ..shard.clone() }).collect();
        assert_eq!(Bench::new(false, policy).all(&six), None);
        assert_eq!(Bench::new(true, policy).all(&shards), None);
    }
}

#[test]
fn an_overlap_ends_its_datagram_inline_and_in_ipv6_and_what_still_comes_of_it_is_refused() {
    for (six, inline) in [(true, false), (true, true), (false, true)] {
        let mut bench = Bench::new(inline, Policy::Bsd);
        let piece = |begin, count, letter, more| Shard { six, ..units(begin, count, letter, more) };
        assert!(matches!(bench.shard(&piece(0, 3, 'A', true)).0.taken, Taken::Held { fresh: true, .. }));
        let (overlap, _) = bench.shard(&piece(2, 2, 'B', true));
        let event = if six { DecodeEvent::Ipv6FragmentOverlap } else { DecodeEvent::Ipv4FragmentOverlap };
        assert_eq!(overlap, Inserted { taken: Taken::Alone(Why::Overlap), event: Some(event) });
        assert_eq!(bench.gone, [(Why::Overlap, u32::from(inline))]);
        let (late, _) = bench.shard(&piece(3, 1, 'C', false));
        assert_eq!(late.taken, Taken::Alone(Why::Overlap));
        assert_eq!((bench.defrag.len(), bench.defrag.bytes()), (1, 0));
        // Once it is forgotten, the number is free again.
        bench.now = Nanos(61_000_000_000);
        assert_eq!(
            bench.all(&[piece(0, 1, 'D', true), piece(1, 1, 'E', false)]).map(|data| letters(&data)),
            Some("DE".into())
        );
    }
}

#[test]
fn an_exact_copy_is_left_out_and_the_datagram_still_becomes_whole() {
    for (six, inline) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut bench = Bench::new(inline, Policy::Last);
        let piece = |begin, count, letter, more| Shard { six, ..units(begin, count, letter, more) };
        bench.shard(&piece(0, 2, 'A', true));
        let (copy, _) = bench.shard(&piece(0, 2, 'A', true));
        assert_eq!(copy, Inserted { taken: Taken::Alone(Why::Duplicate), event: None });
        let (_, data) = bench.shard(&piece(2, 1, 'B', false));
        assert_eq!(letters(&data.unwrap()), "AAB");
        assert_eq!(bench.whole.frame_count(), if inline { 2 } else { 0 });
        // The same place with other data, or the same data with another end, is no copy.
        bench.shard(&piece(1, 2, 'A', true));
        let other = bench.shard(&piece(1, 2, 'A', false)).0.taken;
        assert_ne!(other, Taken::Alone(Why::Duplicate));
    }
}

#[test]
fn nothing_becomes_whole_before_its_last_hole_is_filled_or_with_data_beyond_its_end() {
    let mut bench = Bench::new(true, Policy::Bsd);
    assert_eq!(bench.all(&[units(2, 1, 'C', false), units(0, 1, 'A', true)]), None);
    assert_eq!(bench.all(&[units(1, 1, 'B', true)]).map(|data| letters(&data)), Some("ABC".into()));
    // The same number again begins anew: nothing of the first one is in it.
    assert_eq!(bench.all(&[units(1, 1, 'X', false)]), None);
    assert_eq!(bench.all(&[units(0, 1, 'Y', true)]).map(|data| letters(&data)), Some("YX".into()));
    // Data beyond the end, and a second end.
    for lie in [units(3, 1, 'Z', true), units(1, 1, 'Z', false), units(4, 1, 'Z', false)] {
        let mut bench = Bench::new(true, Policy::Bsd);
        bench.shard(&units(2, 1, 'C', false));
        let (lied, _) = bench.shard(&lie);
        assert_eq!(lied, Inserted { taken: Taken::Alone(Why::Overlap), event: Some(DecodeEvent::Ipv4FragmentIgnored) });
        assert_eq!(bench.gone, [(Why::Overlap, 1)]);
    }
}

#[test]
fn what_can_be_part_of_no_datagram_is_refused_with_its_event() {
    let refused = Taken::Alone(Why::Invalid);
    for (six, inline) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut bench = Bench::new(inline, Policy::Bsd);
        let huge = Shard { six, ..Shard::new(65_528, false, &[b'x'; 24]) };
        let event = if six { DecodeEvent::Ipv6FragmentTooLarge } else { DecodeEvent::Ipv4FragmentTooLarge };
        assert_eq!(bench.shard(&huge).0, Inserted { taken: refused, event: Some(event) });
        assert_eq!(bench.shard(&Shard { six, ..Shard::new(8, false, b"") }).0.taken, refused);
        assert_eq!(bench.shard(&Shard { six, ..Shard::new(8, true, b"nine bytes") }).0.taken, refused);
        assert!(bench.defrag.is_empty() && bench.gone.is_empty());
    }
    // Linux cuts them to a whole unit.
    let mut bench = Bench::new(false, Policy::Linux);
    assert_eq!(
        bench.all(&[Shard::new(0, true, b"ABCDEFGHI"), Shard::new(8, false, b"J")]),
        Some(b"ABCDEFGHJ".to_vec())
    );
    // A wrong header checksum: the other end never reads it.
    let mut frame = units(0, 1, 'A', true).frame();
    frame[24] ^= 1;
    assert_eq!(Bench::new(false, Policy::Bsd).frame(&frame).0.taken, refused);
}

#[test]
fn inline_the_first_ipv6_fragment_must_hold_all_headers() {
    let first = |data: &[u8]| Shard { six: true, ..Shard::new(0, true, data) };
    // UDP needs eight bytes: they are there.
    let mut bench = Bench::new(true, Policy::Bsd);
    assert!(matches!(bench.shard(&first(b"12345678")).0.taken, Taken::Held { .. }));
    // Destination options that go on in the next fragment.
    let mut frame = first(b"\x11\x01aaaaaa").frame();
    frame[14 + 40] = 60;
    for (inline, taken) in [(true, Taken::Alone(Why::Invalid)), (false, Taken::Held { slot: 1, fresh: true })] {
        assert_eq!(Bench::new(inline, Policy::Bsd).frame(&frame).0.taken, taken);
    }
}

#[test]
fn the_longest_datagram_is_put_together_from_the_most_fragments() {
    for (six, length) in [(false, 65_515_usize), (true, 65_535)] {
        let data: Vec<u8> = (0..length).map(|n| (n / 3) as u8).collect();
        let mut bench = Bench::with(DefragSettings { inline: true, bytes: 16 << 20, ..small() });
        let shards =
            data.chunks(8).enumerate().map(|(n, part)| Shard { six, ..Shard::new(n * 8, (n + 1) * 8 < length, part) });
        let whole = shards.filter_map(|shard| bench.shard(&shard).1).next();
        assert!(whole == Some(data), "six: {six}");
        assert_eq!((bench.whole.frame_count() as usize, bench.defrag.bytes()), (length.div_ceil(8), 0));
    }
    let mut bench = Bench::with(DefragSettings { inline: true, fragments: 16, ..small() });
    for begin in 0..16 {
        bench.shard(&units(begin, 1, 'A', true));
    }
    let (beyond, _) = bench.shard(&units(16, 1, 'A', false));
    assert_eq!((beyond.taken, &bench.gone[..]), (Taken::Alone(Why::Memory), &[(Why::Invalid, 16)][..]));
    assert_eq!(bench.defrag.counts().max_fragments, 1);
}

#[test]
fn what_does_not_become_whole_in_time_is_given_up_oldest_first() {
    let mut bench = Bench::with(DefragSettings { inline: true, timeout_s: 30, ..small() });
    let second = |n: u64| Nanos(n * 1_000_000_000);
    for (at, id) in [(1, 1), (2, 2), (3, 3)] {
        bench.now = second(at);
        bench.shard(&Shard { id, ..units(0, 1, 'A', true) });
    }
    let mut gone = Vec::new();
    bench.defrag.expire(second(32), usize::MAX, &mut |lost| gone.push((lost.why, lost.frames)));
    assert_eq!((gone.len(), bench.defrag.len(), bench.defrag.counts().timeouts), (2, 1, 2));
    bench.now = second(33);
    // Its last fragment comes too late: it begins another datagram.
    let (late, _) = bench.shard(&Shard { id: 3, ..units(1, 1, 'B', false) });
    assert!(matches!(late.taken, Taken::Held { fresh: true, .. }));
    assert_eq!(bench.gone, [(Why::Incomplete, 1)]);
    bench.defrag.finish(&mut |lost| gone.push((lost.why, lost.frames)));
    assert_eq!(gone, [(Why::Incomplete, 1); 3]);
    assert!(bench.defrag.is_empty() && bench.defrag.bytes() == 0);
}

#[test]
fn fragments_of_other_vlans_ways_tunnels_and_protocols_are_of_other_datagrams() {
    let (first, last) = (units(0, 1, 'A', true).frame(), units(1, 1, 'B', false).frame());
    let mut bench = Bench::new(true, Policy::Bsd);
    bench.frame(&first);
    let tagged = [&last[..12], &[0x81, 0, 0, 7], &last[12..]].concat();
    let mut other_protocol = last.clone();
    other_protocol[14 + 9] = 6;
    let sum = checksum::compute(&[&other_protocol[14..24], &[0, 0], &other_protocol[26..34]].concat());
    other_protocol[24..26].copy_from_slice(&sum.to_be_bytes());
    for frame in [tagged, other_protocol] {
        assert!(matches!(bench.frame(&frame).0.taken, Taken::Held { fresh: true, .. }));
    }
    let around = crate::build::decoded(&last, LinkType::Ethernet);
    for (depth, way) in [(1, 0), (0, 1)] {
        let fragment = Fragment { frame: &last, headers: around.innermost(), depth, way, verify: true };
        let inserted = bench.defrag.insert(fragment, Load::Frame, bench.now, &mut |_| panic!("there is room"));
        assert!(matches!(inserted.taken, Taken::Held { fresh: true, .. }));
    }
    assert!(bench.frame(&last).1.is_some());
}

#[test]
fn an_inner_datagram_takes_the_frames_of_the_one_around_it_with_it() {
    let mut bench = Bench::new(true, Policy::Bsd);
    let (frame, other) = (units(0, 1, 'A', true).frame(), units(1, 1, 'B', false).frame());
    bench.frame(&frame);
    assert!(bench.frame(&other).1.is_some());
    // As if it held the first fragment of another one.
    let inner = Shard { id: 99, ..units(0, 1, 'C', true) }.frame();
    let around = crate::build::decoded(&inner, LinkType::Ethernet);
    let fragment = Fragment { frame: &inner, headers: around.innermost(), depth: 0, way: 0, verify: true };
    let Bench { defrag, whole, now, .. } = &mut bench;
    let inserted = defrag.insert(fragment, Load::Frames(whole), *now, &mut |_| panic!("there is room"));
    assert!(matches!(inserted.taken, Taken::Held { fresh: true, .. }));
    let last = Shard { id: 99, ..units(1, 1, 'D', false) }.frame();
    assert_eq!(bench.frame(&last).1.map(|data| letters(&data)), Some("CD".into()));
    assert_eq!(bench.whole.frames().collect::<Vec<_>>(), [&frame[..], &other, &last]);
}

/// A fragment from a made-up source.
fn spoofed(number: u32) -> Vec<u8> {
    let mut frame = Shard { id: number as u16, ..units(0, 4, 'x', true) }.frame();
    frame[26..30].copy_from_slice(&(0x0b00_0000 + number).to_be_bytes());
    let sum = checksum::compute(&[&frame[14..24], &[0, 0], &frame[26..34]].concat());
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

#[test]
fn a_flood_from_many_senders_stays_within_bounds_and_spares_what_is_young() {
    let mut bench = Bench::with(DefragSettings { inline: true, bytes: 1 << 20, trackers: 1_000, ..small() });
    let (mut whole, mut held) = (0, 0_i64);
    for number in 0..20_000 {
        bench.frame(&spoofed(number));
        held += 1;
        // A victim's two fragments, with 500 of others between them.
        let shard = |id: u32| Shard { id: id as u16, ..units(0, 1, 'A', true) };
        if number % 100 == 0 {
            bench.shard(&shard(number / 100));
            held += 1;
        }
        if number % 100 == 0 && number >= 500 {
            let last = Shard { offset: 8, more: false, ..shard((number - 500) / 100) };
            whole += u32::from(bench.shard(&last).1.is_some());
            held -= 1;
        }
        held -= bench.gone.drain(..).map(|(_, frames)| i64::from(frames)).sum::<i64>();
        assert!(bench.defrag.bytes() <= 1 << 20 && bench.defrag.len() <= 1_000);
        assert!(held <= 1_000);
    }
    assert_eq!(whole, 195);
    assert!(bench.defrag.counts().max_trackers > 18_000);
}

#[test]
fn who_holds_most_makes_room_and_the_others_keep_what_they_have() {
    let mut bench = Bench::with(DefragSettings { inline: true, bytes: 1 << 20, trackers: 10_000, ..small() });
    for number in 0..50 {
        bench.frame(&spoofed(number));
    }
    // One sender fills all there is, many times over.
    for id in 0..3_000 {
        bench.shard(&Shard { source: 77, id, ..Shard::new(0, true, &[b'y'; 1_400]) });
    }
    assert!(bench.gone.len() > 2_000 && bench.gone.iter().all(|gone| *gone == (Why::Memory, 1)));
    let mut last = 0;
    for number in 0..50 {
        let mut frame = spoofed(number);
        frame[20] = 0;
        frame[21] = 4;
        let sum = checksum::compute(&[&frame[14..24], &[0, 0], &frame[26..34]].concat());
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        last += u32::from(bench.frame(&frame).1.is_some());
    }
    assert_eq!(last, 50);
}

#[test]
fn an_atomic_header_before_the_real_one_hides_no_fragment() {
    for inline in [false, true] {
        let mut bench = Bench::new(inline, Policy::Bsd);
        let frames = [(0, true), (1, false)].map(|(begin, more)| {
            let mut frame = Shard { six: true, ..units(begin, 1, 'A', more) }.frame();
            // The length is that of both headers.
            frame[14 + 5] += 8;
            frame.splice(14 + 40..14 + 40, [44, 0, 0, 0, 0, 0, 0, 5]);
            frame
        });
        assert_eq!(bench.frame(&frames[0]).1, None);
        let data = bench.frame(&frames[1]).1.unwrap();
        assert_eq!(letters(&data), "AA");
    }
}
