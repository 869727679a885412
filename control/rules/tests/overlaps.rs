//! Segments that tell different things about the same place: all relations that two and three of them can have, in every order.
//!
//! Inline there is one interpretation: whatever of it leaves tells the same bytes for each place, whichever segment the other end believes, and they are the
//! bytes that rules were judged on. Passive, pairs are read as the target reads them.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod harness;

use harness::{BOTH, Engine, Family, Frame, Setup};
use sluice_core::{Verdict, event::EventBody, verdict::Mode};
use sluice_flow::{
    stream::{OverlapPolicy, TargetPolicies},
    tcp::{ACK, PSH, SYN},
};
use std::{collections::BTreeSet, fmt::Write};

/// Bytes of one place.
const UNIT: usize = 4;
/// Places of a stream: the first is filled last, and so is the one behind all chunks.
const PLACES: usize = 8;
/// What chunks, in order of their number, and fillers are made of.
const LETTERS: [u8; 4] = *b"ABCz";

type Chunk = (usize, usize);

/// How two intervals lie to each other (Allen 1983): the signs of the differences of their ends.
fn relation(one: Chunk, other: Chunk) -> [i8; 4] {
    let sign = |a: usize, b: usize| (a as i64 - b as i64).signum() as i8;
    [sign(one.0, other.0), sign(one.0, other.1), sign(one.1, other.0), sign(one.1, other.1)]
}

fn intervals() -> Vec<Chunk> {
    (1..PLACES - 1).flat_map(|from| (from + 1..PLACES).map(move |to| (from, to))).collect()
}

fn pairs() -> Vec<Vec<Chunk>> {
    let mut seen = BTreeSet::new();
    let all = intervals();
    let both = all.iter().flat_map(|&one| all.iter().map(move |&other| vec![one, other]));
    both.filter(|pair| seen.insert(relation(pair[0], pair[1]))).collect()
}

fn triples() -> Vec<Vec<Chunk>> {
    let mut seen = BTreeSet::new();
    let all = intervals();
    let mut triples = Vec::new();
    for &one in &all {
        for &two in &all {
            for &three in &all {
                if seen.insert([relation(one, two), relation(two, three), relation(one, three)]) {
                    triples.push(vec![one, two, three]);
                }
            }
        }
    }
    triples
}

/// A rule for each letter in each place of a stream: which of them match says what was judged.
fn rules() -> String {
    let mut rules = String::new();
    for place in 0..PLACES {
        for (letter, &byte) in LETTERS.iter().enumerate() {
            let content = String::from_utf8(vec![byte; UNIT]).unwrap();
            let sid = 100 + place * 10 + letter;
            let offset = place * UNIT;
            writeln!(
                rules,
                "alert tcp any any -> any any (flow:established,only_stream; content:\"{content}\"; offset:{offset}; depth:{UNIT}; sid:{sid};)"
            )
            .unwrap();
        }
    }
    rules
}

fn engine(setup: impl FnOnce(&mut Setup)) -> Engine {
    let mut settings = Setup { most_alerts: 64, ..Setup::default() };
    settings.settings.flow_capacity = 16_384;
    setup(&mut settings);
    Engine::with(&rules(), settings)
}

/// What was judged, and what left.
struct Told {
    judged: Vec<u8>,
    /// For each place, what the segments told that left.
    left: [BTreeSet<u8>; PLACES],
}

/// Plays `chunks` in this order, fills what is open, acknowledges it and ends the flow.
fn play(engine: &mut Engine, family: Family, port: u16, chunks: &[Chunk], order: &[usize]) -> Told {
    let client = Frame { window: 4_000, ports: (port, 80), seq: u32::MAX - 10, ..Frame::new(family) };
    let server = Frame { seq: 5_000, ..client.back() };
    engine.feed(&Frame { flags: SYN, ack: 0, ..client.clone() }.tcp(b""));
    let client = Frame { seq: client.seq.wrapping_add(1), ack: 5_001, ..client };
    engine.feed(&Frame { flags: SYN | ACK, ack: client.seq, ..server.clone() }.tcp(b""));
    engine.feed(&client.tcp(b""));
    let mut told = Told { judged: Vec::new(), left: Default::default() };
    let fill = [(1, PLACES), (0, 1)];
    let mut sids = Vec::new();
    let chunks = order.iter().map(|&number| (chunks[number], LETTERS[number]));
    for ((from, to), letter) in chunks.chain(fill.into_iter().map(|chunk| (chunk, b'z'))) {
        let payload = vec![letter; (to - from) * UNIT];
        let seq = client.seq.wrapping_add((from * UNIT) as u32);
        let mut frame = Frame { seq, flags: PSH | ACK, ..client.clone() }.tcp(&payload);
        let verdict = engine.judge(0, &frame);
        engine.pipeline.rewrite(|at, bytes| {
            frame[at..at + bytes.len()].copy_from_slice(bytes);
            true
        });
        if verdict == Verdict::Pass {
            let sent = &frame[frame.len() - payload.len()..];
            for (place, bytes) in (from..to).zip(sent.chunks(UNIT)) {
                assert!(bytes.iter().all(|byte| *byte == bytes[0]));
                told.left[place].insert(bytes[0]);
            }
        }
    }
    let all = client.seq.wrapping_add((PLACES * UNIT) as u32);
    let server = Frame { seq: 5_001, ack: all, ..server };
    engine.judge(0, &server.tcp(b""));
    engine.judge(0, &Frame { seq: all, ..client }.tcp(b""));
    engine.events(|body, ruleset| {
        if let EventBody::Alert { rule, .. } = body {
            sids.push(ruleset.rule(*rule).unwrap().sid as usize - 100);
        }
    });
    sids.sort_unstable();
    for (number, sid) in sids.iter().enumerate() {
        assert_eq!(sid / 10, number, "each place is judged once, as one thing: {sids:?}");
        told.judged.push(LETTERS[sid % 10]);
    }
    told
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 2 {
        return vec![vec![0, 1], vec![1, 0]];
    }
    vec![vec![0, 1, 2], vec![0, 2, 1], vec![1, 0, 2], vec![1, 2, 0], vec![2, 0, 1], vec![2, 1, 0]]
}

#[test]
fn there_are_13_relations_of_two_and_409_of_three() {
    assert_eq!((pairs().len(), triples().len()), (13, 409));
}

#[test]
fn inline_what_leaves_tells_one_thing_for_each_place_and_that_was_judged() {
    let mut engine = engine(|setup| setup.settings.mode = Mode::Inline);
    let mut port = 1_000;
    for chunks in pairs().into_iter().chain(triples()) {
        for order in orders(chunks.len()) {
            for family in BOTH {
                port += 1;
                let told = play(&mut engine, family, port, &chunks, &order);
                let left: Vec<Vec<u8>> = told.left.iter().map(|bytes| bytes.iter().copied().collect()).collect();
                let judged: Vec<Vec<u8>> = told.judged.iter().map(|byte| vec![*byte]).collect();
                assert_eq!(left, judged, "{chunks:?} in the order {order:?}");
                // The first that comes for a place is the one that counts.
                for (place, &byte) in told.judged.iter().enumerate() {
                    let first = order.iter().find(|&&number| (chunks[number].0..chunks[number].1).contains(&place));
                    assert_eq!(byte, first.map_or(b'z', |&number| LETTERS[number]), "{chunks:?} {order:?} {place}");
                }
            }
        }
    }
}

/// Whether the later of two segments counts where they overlap: the table of `spec`'s section on policies, in words of its own.
fn later_counts(policy: &str, new: Chunk, old: Chunk) -> bool {
    match policy {
        "first" => false,
        "last" => true,
        "bsd" => new.0 < old.0,
        "linux" => new.0 < old.0 || (new.0 == old.0 && new.1 > old.1),
        "old-linux" => new.0 < old.0 || (new.0 == old.0 && new.1 >= old.1),
        "solaris" => new.1 >= old.1,
        _ => panic!("{policy}"),
    }
}

#[test]
fn passive_pairs_are_read_as_the_target_reads_them() {
    for policy in ["first", "last", "bsd", "linux", "old-linux", "solaris"] {
        let mut engine = engine(|setup| {
            setup.settings.streams.at_once = false;
            setup.settings.targets = TargetPolicies::all(OverlapPolicy::from_name(policy).unwrap());
        });
        let mut port = 1_000;
        for chunks in pairs() {
            for order in orders(2) {
                for family in BOTH {
                    port += 1;
                    let told = play_pair(&mut engine, family, port, &chunks, &order);
                    let (old, new) = (chunks[order[0]], chunks[order[1]]);
                    for (place, &byte) in told.iter().enumerate() {
                        let (in_old, in_new) = ((old.0..old.1).contains(&place), (new.0..new.1).contains(&place));
                        let wanted = match (in_old, in_new) {
                            (true, true) if later_counts(policy, new, old) => order[1],
                            (true, _) => order[0],
                            (false, true) => order[1],
                            // Nobody but the fillers, which overlap as well.
                            (false, false) => continue,
                        };
                        assert_eq!(byte, LETTERS[wanted], "{policy}: {chunks:?} {order:?} place {place}");
                    }
                }
            }
        }
    }
}

/// As [`play`], but holes are filled exactly, so that fillers overlap nothing.
fn play_pair(engine: &mut Engine, family: Family, port: u16, chunks: &[Chunk], order: &[usize]) -> Vec<u8> {
    let client = Frame { window: 4_000, ports: (port, 80), seq: 100, ..Frame::new(family) };
    let server = Frame { seq: 5_000, ..client.back() };
    engine.feed(&Frame { flags: SYN, ack: 0, ..client.clone() }.tcp(b""));
    let client = Frame { seq: 101, ack: 5_001, ..client };
    engine.feed(&Frame { flags: SYN | ACK, ack: 101, ..server.clone() }.tcp(b""));
    engine.feed(&client.tcp(b""));
    let open = (0..PLACES).filter(|place| !chunks.iter().any(|chunk| (chunk.0..chunk.1).contains(place)));
    let segments = order.iter().map(|&number| (chunks[number], LETTERS[number]));
    for ((from, to), letter) in segments.chain(open.map(|place| ((place, place + 1), b'z'))) {
        let seq = 101 + (from * UNIT) as u32;
        engine.judge(0, &Frame { seq, flags: PSH | ACK, ..client.clone() }.tcp(&vec![letter; (to - from) * UNIT]));
    }
    let all = 101 + (PLACES * UNIT) as u32;
    engine.judge(0, &Frame { seq: 5_001, ack: all, ..server }.tcp(b""));
    engine.judge(0, &Frame { seq: all, ..client }.tcp(b""));
    let mut sids = Vec::new();
    engine.events(|body, ruleset| {
        if let EventBody::Alert { rule, .. } = body {
            sids.push(ruleset.rule(*rule).unwrap().sid as usize - 100);
        }
    });
    sids.sort_unstable();
    assert_eq!(sids.iter().map(|sid| sid / 10).collect::<Vec<_>>(), (0..PLACES).collect::<Vec<_>>(), "{chunks:?}");
    sids.iter().map(|sid| LETTERS[sid % 10]).collect()
}
