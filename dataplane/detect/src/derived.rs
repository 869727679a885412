//! Buffers made of buffers: a piece of a packet after its transforms, worked out once per packet.
//!
//! Owned by one worker's [`crate::Inspector`], asked by its rules. All room is taken when it is made: what a transform makes is cut at
//! [`LONGEST`] bytes (`detect.transform_cut`), and outcomes beyond [`KEPT`] bytes per packet are worked out again for each rule that asks
//! (`detect.transform_again`). A rule set without transforms takes no room.

use crate::{
    buffer::Buffer,
    regex::RegexScratch,
    transform::{Room, Tools, Transform},
};
use miniz_oxide::inflate::core::DecompressorOxide;
use pcre2::bytes::Regex;
use sluice_core::Counters;

/// Longest outcome of a transform, bytes.
pub const LONGEST: usize = 128 * 1024;
/// Outcomes kept for one packet, bytes.
pub const KEPT: usize = 512 * 1024;

/// A buffer and what is done to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Derived {
    /// The buffer.
    pub buffer: Buffer,
    /// The transforms, in order.
    pub transforms: Box<[Transform]>,
}

/// Where an outcome lies, and for which packet.
#[derive(Clone, Copy, Default)]
struct Place {
    packet: u64,
    start: usize,
    end: usize,
}

/// One worker's outcomes for the packet at hand.
pub struct Workshop {
    places: Box<[Place]>,
    kept: Box<[u8]>,
    used: usize,
    packet: u64,
    front: Box<[u8]>,
    back: Box<[u8]>,
    unpacker: Box<DecompressorOxide>,
}

impl Workshop {
    /// Room for `count` chains.
    pub fn new(count: usize) -> Self {
        let room = |bytes: usize| vec![0; if count == 0 { 0 } else { bytes }].into_boxed_slice();
        Self {
            places: vec![Place::default(); count].into_boxed_slice(),
            kept: room(KEPT),
            used: 0,
            packet: 0,
            front: room(LONGEST),
            back: room(LONGEST),
            unpacker: Box::default(),
        }
    }

    /// Another packet: nothing is kept of the one before.
    pub fn next_packet(&mut self) {
        self.packet += 1;
        self.used = 0;
    }

    /// What chain `number` makes of `input`. `once` says that the packet has no other input for it.
    pub fn derive(
        &mut self,
        number: u32,
        transforms: &[Transform],
        input: &[u8],
        once: bool,
        regexes: (&[Regex], &mut RegexScratch),
        counters: &mut Counters,
    ) -> &[u8] {
        let Self { places, kept, used, packet, front, back, unpacker } = self;
        if let Some(place) = places.get(number as usize).filter(|place| once && place.packet == *packet) {
            return kept.get(place.start..place.end).unwrap_or_default();
        }
        let mut tools = Tools { regexes: regexes.0, matches: regexes.1, unpacker };
        let (mut current, mut next) = (front, back);
        // Nothing is written before a transform changes something: then `current` holds the outcome.
        let mut length = None;
        for transform in transforms {
            let mut out = Room::new(next);
            let from = match length {
                None => input,
                Some(length) => current.get(..length).unwrap_or_default(),
            };
            if transform.apply(from, &mut out, &mut tools) {
                length = Some(out.len());
                counters.detect_transform_cut += u64::from(out.is_cut());
                std::mem::swap(&mut current, &mut next);
            }
        }
        let length = length.unwrap_or_else(|| {
            let mut out = Room::new(current);
            out.extend(input);
            counters.detect_transform_cut += u64::from(out.is_cut());
            out.len()
        });
        let made = current.get(..length).unwrap_or_default();
        if !once {
            return made;
        }
        match (places.get_mut(number as usize), kept.get_mut(*used..*used + length)) {
            (Some(place), Some(room)) => {
                room.copy_from_slice(made);
                *place = Place { packet: *packet, start: *used, end: *used + length };
                *used += length;
            }
            _ => counters.detect_transform_again += 1,
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derive<'w>(
        workshop: &'w mut Workshop,
        transforms: &[Transform],
        input: &[u8],
        counters: &mut Counters,
    ) -> &'w [u8] {
        workshop.derive(0, transforms, input, true, (&[], &mut RegexScratch::new(&[])), counters)
    }

    #[test]
    fn transforms_follow_one_another_and_the_outcome_is_kept_for_the_packet() {
        let (mut workshop, mut counters) = (Workshop::new(1), Counters::default());
        let chain = [Transform::StripWhitespace, Transform::ToUppercase, Transform::DotPrefix];
        workshop.next_packet();
        assert_eq!(derive(&mut workshop, &chain, b"a b", &mut counters), b".AB");
        assert_eq!(derive(&mut workshop, &chain, b"other", &mut counters), b".AB", "kept");
        workshop.next_packet();
        assert_eq!(derive(&mut workshop, &chain, b"other", &mut counters), b".OTHER");
        assert_eq!((counters.detect_transform_cut, counters.detect_transform_again), (0, 0));
    }

    #[test]
    fn a_chain_that_changes_nothing_gives_the_input() {
        let (mut workshop, mut counters) = (Workshop::new(1), Counters::default());
        workshop.next_packet();
        let chain = [Transform::FromBase64 { bytes: None, offset: 0, mode: crate::base64::Mode::Strict }];
        assert_eq!(derive(&mut workshop, &chain, b"not base64!", &mut counters), b"not base64!");
    }

    #[test]
    fn what_is_too_long_is_cut_and_what_can_not_be_kept_is_made_again_and_both_are_counted() {
        let (mut workshop, mut counters) = (Workshop::new(6), Counters::default());
        workshop.next_packet();
        let input = vec![b'a'; LONGEST + 7];
        for number in 0..6 {
            let made = workshop.derive(
                number,
                &[Transform::ToUppercase],
                &input,
                true,
                (&[], &mut RegexScratch::new(&[])),
                &mut counters,
            );
            assert_eq!(made, vec![b'A'; LONGEST]);
        }
        assert_eq!((counters.detect_transform_cut, counters.detect_transform_again), (6, 2));
    }
}
