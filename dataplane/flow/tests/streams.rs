//! Streams against a slow obvious model: a map from offset to byte.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use proptest::prelude::*;
use sluice_core::Direction;
use sluice_flow::{
    Partitions, StreamRef, StreamSettings, Streams,
    stream::{OverlapPolicy, Refused, StreamTurn, Turned, UrgentPolicy},
};

const AT: StreamRef = StreamRef::new(3, Direction::ToServer);

fn streams(at_once: bool, memory: usize) -> Streams {
    let partitions = Partitions::ONE;
    let mut streams = Streams::new(StreamSettings {
        streams: 16,
        memory,
        most: 1 << 20,
        depth: 0,
        window: 100,
        at_once,
        partitions,
        lists: 4,
        urgent: UrgentPolicy::default(),
        seed: 99,
    });
    streams.open(AT, u32::MAX - 700, 0);
    streams
}

/// Each byte of the stream: what it is, by the model.
struct Model {
    bytes: Vec<Option<u8>>,
}

impl Default for Model {
    fn default() -> Self {
        Self { bytes: vec![None; 100_000] }
    }
}

impl Model {
    fn arrive(&mut self, offset: u32, bytes: &[u8], floor: u32) -> bool {
        let mut differs = false;
        for (at, &byte) in (offset..).zip(bytes) {
            if at >= floor {
                let kept = *self.bytes[at as usize].get_or_insert(byte);
                differs |= kept != byte;
            }
        }
        differs
    }

    fn next(&self) -> u32 {
        self.bytes.iter().position(Option::is_none).unwrap() as u32
    }
}

fn take_turns(streams: &mut Streams, all: bool, judged: &mut Vec<u8>) -> Vec<StreamTurn> {
    let mut turns = Vec::new();
    loop {
        let due = streams.due(AT);
        assert_eq!(due.read, streams.unread(AT, false).is_some());
        let Some(turn) = streams.turn(AT, all) else { break };
        assert!(due.turn || all, "a turn that was not due");
        let (from, to) = turn.judge;
        assert_eq!(from as usize, judged.len(), "each byte is judged once and in order");
        let mut bytes = vec![0; (to - from) as usize];
        streams.read(AT, from, &mut bytes);
        judged.extend(&bytes);
        // The window is there too.
        let mut window = vec![0; (to - turn.window) as usize];
        streams.read(AT, turn.window, &mut window);
        assert_eq!(window, judged[turn.window as usize..]);
        for (place, rest) in (0..window.len()).map(|place| (place as u32, &window[place..])) {
            let head = rest.iter().take(8).rev().fold(0, |head, &byte| head << 8 | u64::from(byte));
            assert_eq!(streams.head(AT, turn.window + place, rest.len() as u32), head);
        }
        if streams.turned(AT, &turn) != Turned::More && !all {
            assert_eq!(streams.turn(AT, false), None, "something was left");
        }
        turns.push(turn);
    }
    turns
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Inline: whatever order segments come in, and whatever they say the second time, the bytes judged are those that came first, and what is
    /// forwarded for a segment are the same bytes.
    #[test]
    fn what_came_first_is_judged_and_forwarded(
        segments in prop::collection::vec((0..3_000_u32, 1..900_usize, any::<u8>(), 0..3_u8), 1..60),
    ) {
        let mut streams = streams(true, 1 << 20);
        let mut model = Model::default();
        let mut judged = Vec::new();
        for (place, length, salt, kind) in segments {
            // Often right behind what is there.
            let offset = if kind == 0 { model.next() } else { place };
            let bytes: Vec<u8> = (0..length).map(|at| (offset as usize + at) as u8 ^ if kind == 2 { salt } else { 0 }).collect();
            let seq = (u32::MAX - 700).wrapping_add(offset);
            let arrived = streams.arrive(AT, seq, &bytes, None).unwrap();
            prop_assert!(arrived.placed);
            let differs = model.arrive(offset, &bytes, 0);
            prop_assert_eq!(arrived.differs, differs);
            let mut forwarded = bytes.clone();
            streams.reread(AT, seq, &mut forwarded);
            let wanted: Vec<u8> = (offset..).take(length).map(|at| model.bytes[at as usize].unwrap()).collect();
            prop_assert!(forwarded == wanted);
            take_turns(&mut streams, false, &mut judged);
            let front: Vec<u8> = (0..model.next()).map(|at| model.bytes[at as usize].unwrap()).collect();
            prop_assert!(judged == front);
        }
        streams.end(3);
        prop_assert_eq!(streams.memory(), 0);
    }

    /// Inline, with acknowledgements: memory is given back, and bytes that are not kept any longer never go out as other ones.
    #[test]
    fn acknowledged_bytes_are_given_up_and_go_out_as_they_were_or_as_zeros(
        segments in prop::collection::vec((0..4_u8, 1..1_500_usize, 0..4_000_u32), 1..60),
    ) {
        let mut streams = streams(true, 1 << 20);
        let mut model = Model::default();
        let mut judged = Vec::new();
        for (kind, length, back) in segments {
            let next = model.next();
            let offset = if kind == 0 { next.saturating_sub(back) } else { next };
            let bytes: Vec<u8> = (0..length).map(|at| (offset as usize + at) as u8 ^ u8::from(kind == 0)).collect();
            let seq = (u32::MAX - 700).wrapping_add(offset);
            let arrived = streams.arrive(AT, seq, &bytes, None).unwrap();
            model.arrive(offset, &bytes, 0);
            let mut forwarded = bytes.clone();
            streams.reread(AT, seq, &mut forwarded);
            for (place, &byte) in forwarded.iter().enumerate() {
                let is_forgotten = place < arrived.forgotten as usize;
                prop_assert_eq!(byte, if is_forgotten { 0 } else { model.bytes[offset as usize + place].unwrap() });
            }
            take_turns(&mut streams, false, &mut judged);
            streams.acknowledge(AT, (u32::MAX - 700).wrapping_add(model.next()));
            let (_, behind) = (streams.turn(AT, false), streams.memory());
            prop_assert!(behind <= 6 * 512 + length, "{}", behind);
        }
    }

    /// Passive: what is acknowledged is judged, each byte once, and the policy decides only about what was not judged.
    #[test]
    fn a_passive_stream_judges_what_is_acknowledged(
        segments in prop::collection::vec((0..2_000_u32, 1..600_usize, any::<bool>(), 0..500_u32), 1..50),
        last in any::<bool>(),
    ) {
        let policy = if last { OverlapPolicy::Last } else { OverlapPolicy::First };
        let mut streams = streams(false, 1 << 20);
        let mut model = Model::default();
        let mut judged = Vec::new();
        let mut acked = 0;
        for (number, (place, length, in_order, more)) in segments.into_iter().enumerate() {
            let next = model.next();
            let offset = if in_order { next } else { place };
            let bytes = vec![number as u8; length];
            streams.arrive(AT, (u32::MAX - 700).wrapping_add(offset), &bytes, Some(policy)).unwrap();
            for at in offset..offset + length as u32 {
                let place = &mut model.bytes[at as usize];
                if place.is_none() || (last && at >= judged.len() as u32) {
                    *place = Some(number as u8);
                }
            }
            acked = (acked + more).min(model.next());
            streams.acknowledge(AT, (u32::MAX - 700).wrapping_add(acked));
            take_turns(&mut streams, false, &mut judged);
            let front: Vec<u8> = (0..acked).map(|at| model.bytes[at as usize].unwrap()).collect();
            prop_assert!(judged == front);
        }
        take_turns_to_the_end(&mut streams);
        streams.end(3);
        prop_assert_eq!(streams.memory(), 0);
    }
}

fn take_turns_to_the_end(streams: &mut Streams) {
    let mut turns = 0;
    while let Some(turn) = streams.turn(AT, true) {
        streams.turned(AT, &turn);
        turns += 1;
        assert!(turns < 1_000, "no end");
    }
}

#[test]
fn memory_never_passes_its_bound_and_streams_with_holes_pay_first() {
    let mut streams = Streams::new(StreamSettings {
        streams: 64,
        memory: 40 * 512,
        most: 1 << 20,
        window: 2_560,
        at_once: true,
        depth: 0,
        ..StreamSettings::default()
    });
    let at = |place| StreamRef::new(place, Direction::ToServer);
    // One with holes takes all there is.
    streams.open(at(0), 0, 0);
    let mut refused = 0;
    for hole in 0..60 {
        refused += u32::from(streams.arrive(at(0), 1_000 + hole * 512, &[7], None) == Err(Refused::NoRoom));
    }
    assert_eq!((refused, streams.memory()), (20, 40 * 512));
    // An honest one finds room all the same, and goes on finding it.
    streams.open(at(1), 0, 0);
    for segment in 0..100_u32 {
        assert!(streams.arrive(at(1), segment * 1_460, &[1; 1_460], None).unwrap().in_order, "segment {segment}");
        let turn = streams.turn(at(1), false).unwrap();
        streams.turned(at(1), &turn);
        streams.acknowledge(at(1), (segment + 1) * 1_460);
        assert!(streams.memory() <= 40 * 512);
    }
    assert_eq!(streams.arrive(at(0), 0, &[7], None), Err(Refused::Lost));
}

#[test]
fn a_hole_the_other_end_has_filled_is_passed_over() {
    let mut streams = streams(false, 1 << 20);
    let origin = u32::MAX - 700;
    streams.arrive(AT, origin, b"front", Some(OverlapPolicy::Bsd)).unwrap();
    streams.arrive(AT, origin.wrapping_add(2_000), b"behind", Some(OverlapPolicy::Bsd)).unwrap();
    streams.acknowledge(AT, origin.wrapping_add(2_006));
    let turn = streams.turn(AT, false).unwrap();
    assert_eq!((turn.judge, turn.gap), ((0, 5), false));
    streams.turned(AT, &turn);
    let turn = streams.turn(AT, false).unwrap();
    assert_eq!((turn.judge, turn.window, turn.gap), ((2_000, 2_006), 2_000, true));
    let mut bytes = [0; 6];
    streams.read(AT, 2_000, &mut bytes);
    assert_eq!(&bytes, b"behind");
    streams.turned(AT, &turn);
    assert_eq!(streams.turn(AT, false), None);
}

#[test]
fn rules_wait_while_their_literal_is_in_the_window_and_a_crowd_is_told() {
    let mut streams = streams(true, 1 << 20);
    let origin = u32::MAX - 700;
    let mut next = 0;
    let mut send = |streams: &mut Streams, length: usize| {
        streams.arrive(AT, origin.wrapping_add(next), &vec![1; length], None).unwrap();
        next += length as u32;
        let turn = streams.turn(AT, false).unwrap();
        streams.turned(AT, &turn);
    };
    send(&mut streams, 10);
    streams.wait(AT, 7, 5, 1);
    assert!(!streams.is_crowded(AT, 1));
    assert_eq!(streams.waiting(AT).collect::<Vec<_>>(), [7]);
    send(&mut streams, 90);
    assert_eq!(streams.waiting(AT).collect::<Vec<_>>(), [7]);
    send(&mut streams, 10);
    assert_eq!(streams.waiting(AT).count(), 0, "out of the window");
    for rule in 0..40 {
        streams.wait(AT, rule, 105, 1);
    }
    assert!(streams.is_crowded(AT, 1));
    streams.restart_list(AT);
    streams.wait(AT, 9, 105, 1);
    streams.matched(AT, 77, 108, 1);
    assert!(!streams.is_crowded(AT, 1));
    assert!(streams.is_crowded(AT, 2), "numbers of another rule set mean other rules");
    assert_eq!((streams.waiting(AT).count(), streams.matched_to(AT, 77)), (0, Some(108)));
}

#[test]
fn a_rule_that_was_judged_still_waits_for_what_was_found_behind_the_bytes_it_was_judged_on() {
    let mut streams = streams(false, 1 << 20);
    for (rule, found) in [(1, 80), (2, 120)] {
        streams.wait(AT, rule, found, 1);
        streams.waits_no_more(AT, rule, 100);
    }
    assert_eq!(streams.waiting(AT).collect::<Vec<_>>(), [2]);
    streams.waits_no_more(AT, 2, 120);
    assert_eq!(streams.waiting(AT).count(), 0);
}

#[test]
fn a_match_is_remembered_in_a_crowd() {
    let mut streams = streams(true, 1 << 20);
    (0..40).for_each(|rule| streams.wait(AT, rule, 5, 1));
    assert!(streams.is_crowded(AT, 1));
    streams.matched(AT, 77, 10, 1);
    assert_eq!(streams.matched_to(AT, 77), Some(10), "else it is told of the same bytes again");
    assert!(streams.is_crowded(AT, 1), "those that wait are still to be looked for");
    streams.restart_list(AT);
    (0..14).for_each(|rule| streams.wait(AT, rule, 12, 1));
    assert!(!streams.is_crowded(AT, 1));
    streams.matched(AT, 78, 12, 1);
    assert_eq!((streams.matched_to(AT, 77), streams.matched_to(AT, 78)), (Some(10), Some(12)));
    assert!(streams.is_crowded(AT, 1), "one that waited made room");
}

#[test]
fn what_no_parser_reads_is_judged_all_the_same_and_a_new_connection_is_read_again() {
    let mut streams = streams(true, 1 << 16);
    streams.arrive(AT, u32::MAX - 700, &[7; 600], None).unwrap();
    assert!(streams.due(AT).read && streams.due(AT.reverse()).read_reverse);
    streams.leave_unread(AT);
    let due = streams.due(AT);
    assert!(due.turn && !due.read && !streams.due(AT.reverse()).read_reverse);
    assert_eq!(streams.unread(AT, true), None);
    let turn = streams.turn(AT, false).unwrap();
    assert_eq!(turn.judge, (0, 600));
    streams.end(3);
    streams.open(AT, 1, 0);
    streams.arrive(AT, 1, &[7; 6], None).unwrap();
    assert!(streams.due(AT).read);
}
