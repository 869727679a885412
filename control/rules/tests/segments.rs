//! However a stream is cut into segments, repeated and reordered, the same signatures are found in it: passive and inline, over IPv4 and IPv6, both ways.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod harness;

use harness::{BOTH, Engine, Family, Frame, Setup};
use proptest::prelude::*;
use sluice_core::{event::EventBody, verdict::Mode};
use sluice_flow::tcp::{ACK, PSH, SYN};
use std::{collections::BTreeSet, fmt::Write};

/// Rules whose contents lie within the window. Those that ask for a place ask it of the stream alone: what begins a packet depends on how it is cut.
fn rules() -> String {
    let mut rules = String::from(
        r#"alert tcp any any -> any any (flow:established; content:"alpha"; sid:1;)
alert tcp any any -> any any (flow:established; content:"beta"; content:"tail"; distance:1; within:60; sid:2;)
alert tcp any any -> any any (flow:established; content:"GAMMA"; nocase; pcre:"/gam+a[0-9]{3}/i"; sid:3;)
alert tcp any any -> any any (flow:established,only_stream; content:"HELLO"; depth:5; sid:4;)
alert tcp any any -> any any (flow:established,only_stream; content:"at20"; offset:20; depth:30; sid:5;)
alert tcp any any -> any any (flow:established; content:"|01 02|"; sid:6;)
alert tcp any any -> any any (flow:established; pcre:"/q[0-9]+z/"; sid:7;)
alert tcp any any -> any any (flow:established; content:"len"; byte_jump:1,0,relative; content:"hit"; within:3; sid:8;)
alert tcp any any -> any 80 (flow:established,only_stream; content:"|00 00 00 07|"; depth:4; content:"alpha"; sid:9;)
alert tcp any 80 -> any any (flow:established,only_stream; content:"|00 00 00 07|"; depth:4; content:"alpha"; sid:10;)
"#,
    );
    // More than a list of rules that wait has room for: all are met by one literal, each wants another number behind it.
    for number in 0..24 {
        writeln!(
            rules,
            r#"alert tcp any any -> any any (flow:established; content:"mark"; content:"N{number:02}"; distance:0; sid:{};)"#,
            100 + number
        )
        .unwrap();
    }
    rules
}

/// Pieces a stream is made of.
const PIECES: [&str; 17] = [
    "\0\0\0\u{7}",
    "alpha",
    "beta",
    "tail",
    "gammma123",
    "Gamma",
    "HELLO",
    "at20",
    "\u{1}\u{2}",
    "q77z",
    "q",
    "len\u{4}....hit",
    "mark",
    "N03",
    "N17",
    "N23",
    "................................",
];

fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((0..PIECES.len(), 0..40_usize), 1..40).prop_map(|pieces| {
        let mut stream = Vec::new();
        for (piece, filler) in pieces {
            stream.extend(PIECES[piece].as_bytes());
            stream.extend(std::iter::repeat_n(b'.', filler));
        }
        stream.truncate(2_400);
        stream
    })
}

/// The two ends, as far as numbers go, and what the receiver has.
struct Play {
    engine: Engine,
    sender: Frame,
    receiver: Frame,
    /// Bytes the receiver holds.
    held: Vec<bool>,
    found: BTreeSet<u32>,
}

impl Play {
    fn new(family: Family, inline: bool, to_server: bool) -> Self {
        let mut setup = Setup::default();
        setup.settings.mode = if inline { Mode::Inline } else { Mode::Passive };
        setup.settings.streams.at_once = inline;
        let mut engine = Engine::with(&rules(), setup);
        let client = Frame { window: 65_535, seq: u32::MAX - 300, ..Frame::new(family) };
        let server = Frame { seq: 5_000, ..client.back() };
        engine.feed(&Frame { flags: SYN, ack: 0, ..client.clone() }.tcp(b""));
        let client = Frame { seq: client.seq.wrapping_add(1), ack: 5_001, ..client };
        engine.feed(&Frame { flags: SYN | ACK, ack: client.seq, ..server.clone() }.tcp(b""));
        let server = Frame { seq: 5_001, ack: client.seq, ..server };
        engine.feed(&client.tcp(b""));
        let (sender, receiver) = if to_server { (client, server) } else { (server, client) };
        Self { engine, sender, receiver, held: Vec::new(), found: BTreeSet::new() }
    }

    /// A segment of `stream`, and the receiver's acknowledgement.
    fn segment(&mut self, stream: &[u8], from: usize, to: usize) {
        self.held.resize(stream.len(), false);
        let frame = Frame { flags: PSH | ACK, seq: self.sender.seq.wrapping_add(from as u32), ..self.sender.clone() };
        self.found.extend(self.engine.feed(&frame.tcp(&stream[from..to])));
        self.held[from..to].fill(true);
        let has = self.held.iter().position(|held| !held).unwrap_or(stream.len());
        let ack = self.sender.seq.wrapping_add(has as u32);
        self.found.extend(self.engine.feed(&Frame { ack, ..self.receiver.clone() }.tcp(b"")));
    }

    fn end(mut self) -> BTreeSet<u32> {
        self.engine.pipeline.finish();
        let found = &mut self.found;
        self.engine.events(|body, ruleset| {
            if let EventBody::Alert { rule, .. } = body {
                found.insert(ruleset.rule(*rule).unwrap().sid);
            }
        });
        self.found
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_same_signatures_are_found_however_a_stream_is_cut_repeated_and_reordered(
        stream in stream(),
        cuts in prop::collection::vec(1..300_usize, 1..30),
        tiny in any::<bool>(),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), 1..6_usize), 0..20),
        repeats in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..400_usize), 0..8),
    ) {
        let mut segments = Vec::new();
        let mut from = 0;
        for cut in cuts.iter().cycle() {
            let to = (from + if tiny { 1 + cut % 7 } else { *cut }).min(stream.len());
            segments.push((from, to));
            from = to;
            if from == stream.len() {
                break;
            }
        }
        for (at, by) in &swaps {
            let at = at.index(segments.len());
            let other = (at + by).min(segments.len() - 1);
            segments.swap(at, other);
        }
        for (at, place, length) in &repeats {
            let from = place.index(stream.len());
            segments.insert(at.index(segments.len() + 1), (from, (from + length).min(stream.len())));
        }
        for family in BOTH {
            for (inline, to_server) in [(true, true), (true, false), (false, true), (false, false)] {
                let mut whole = Play::new(family, inline, to_server);
                whole.segment(&stream, 0, stream.len());
                let wanted = whole.end();
                let mut cut = Play::new(family, inline, to_server);
                for &(from, to) in &segments {
                    cut.segment(&stream, from, to);
                }
                prop_assert_eq!(cut.end(), wanted, "{:?}, inline {}, to the server {}", family, inline, to_server);
            }
        }
    }
}
