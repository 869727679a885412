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
        header.extend((field / 8 | if self.more { 0x2000 } else { 0 }).to_be_bytes());
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
        let fragment = Fragment { frame, headers: around.innermost(), depth: 0, verify: true };
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
