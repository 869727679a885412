//! What is done with a fragment: kept, refused, or the last one that was missing.
//!
//! Inline there is one interpretation: what overlaps, and is no exact copy, ends its datagram, as IPv6 wants it anywhere (RFC 5722). Passive, overlapping IPv4 fragments count as the
//! target's policy says, and the event tells of them.

use super::arena::{Arena, chunks_for};
use super::key::{Key, source_of};
use super::piece::{self, Piece};
use super::policy::{Policies, Policy, Span};
use super::store::{self, DefragSettings, Found, Gone, Node, Store};
use super::whole::Whole;
use crate::config::DecodeConfig;
use crate::event::DecodeEvent;
use crate::headers::{Decoded, Headers};
use sluice_core::{HashKey, Nanos};

/// Units of eight bytes in the longest datagram.
const MOST_UNITS: usize = 8_192;
/// No piece has this number.
const NOBODY: u16 = u16::MAX;

/// A frame whose innermost layer is a fragment.
#[derive(Clone, Copy)]
pub struct Fragment<'a> {
    /// The frame.
    pub frame: &'a [u8],
    /// Its innermost layer.
    pub headers: &'a Headers,
    /// Number of that layer.
    pub depth: u8,
    /// By which way it came: 0 where there is one.
    pub way: u8,
    /// Whether a wrong IPv4 header checksum counts: such a fragment is never read by the other end.
    pub verify: bool,
}

/// What is kept of a fragment.
#[derive(Clone, Copy)]
pub enum Load<'a> {
    /// Its data: passive.
    Data,
    /// The frame.
    Frame,
    /// The frames of the datagram around it, which was put together itself; none when passive.
    Frames(&'a Whole),
}

/// Why a fragment or a datagram was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// An exact copy is there already.
    Duplicate,
    /// It overlaps another one, or is beyond the end that another one named; or its datagram was given up for that.
    Overlap,
    /// It can't be part of a datagram: too long, no data, an odd length, headers missing, a wrong checksum, too many pieces.
    Invalid,
    /// No room.
    Memory,
    /// It never became whole.
    Incomplete,
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is kept in datagram `slot`; `fresh`: as its first.
    Held {
        /// Number of the datagram.
        slot: u32,
        /// Its first fragment.
        fresh: bool,
    },
    /// Datagram `slot` is whole: to be fetched with [`Defragmenter::take`].
    Whole {
        /// Number of the datagram.
        slot: u32,
        /// Its first fragment.
        fresh: bool,
    },
    /// It is not kept.
    Alone(Why),
}

/// What became of a fragment, and what was odd about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// What became of it.
    pub taken: Taken,
    /// What was odd.
    pub event: Option<DecodeEvent>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DefragCounts {
    /// IPv4 fragments.
    pub ipv4_fragments: u64,
    /// IPv4 datagrams put together.
    pub ipv4_reassembled: u64,
    /// IPv6 fragments.
    pub ipv6_fragments: u64,
    /// IPv6 datagrams put together.
    pub ipv6_reassembled: u64,
    /// Datagrams for which another one had to go, since there were as many as there may be.
    pub max_trackers: u64,
    /// Fragments beyond the most of one datagram, or of all room.
    pub max_fragments: u64,
    /// Datagrams given up because room was needed.
    pub evicted: u64,
    /// Datagrams that did not become whole in time.
    pub timeouts: u64,
    /// Overlapping fragments.
    pub overlaps: u64,
}

/// Puts fragments together.
pub struct Defragmenter {
    store: Store,
    inline: bool,
    vlan_tracking: bool,
    most_pieces: u16,
    policies: Policies,
    scratch: Scratch,
    /// The fragment that made its datagram whole just now, when it is not kept but lies in its frame; passive.
    last: Option<Piece>,
    counts: DefragCounts,
}

/// Room to find out whose data count.
struct Scratch {
    owners: Box<[u16]>,
    spans: Box<[Span]>,
}

impl Defragmenter {
    /// Everything it needs later is allocated here.
    pub fn new(settings: &DefragSettings, secret: HashKey) -> Self {
        Self {
            store: Store::new(settings, secret),
            inline: settings.inline,
            vlan_tracking: settings.vlan_tracking,
            most_pieces: settings.fragments.clamp(2, MOST_UNITS as u16),
            policies: settings.policies.clone(),
            scratch: Scratch {
                owners: vec![NOBODY; MOST_UNITS].into_boxed_slice(),
                spans: vec![Span::default(); MOST_UNITS].into_boxed_slice(),
            },
            last: None,
            counts: DefragCounts::default(),
        }
    }

    /// What was counted.
    pub const fn counts(&self) -> &DefragCounts {
        &self.counts
    }

    /// Datagrams that are not whole.
    pub const fn len(&self) -> u32 {
        self.store.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.store.len() == 0
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// Takes a fragment in. `gone` is told of each datagram that is given up for it.
    ///
    /// # Cost
    /// A copy of the fragment; when it is not the one that is due, a step for each 64 of its units of eight bytes; with an overlap one for each fragment of the datagram. Making room ends as
    /// many datagrams as it takes, each of which was paid for when it came.
    pub fn insert(
        &mut self,
        fragment: Fragment<'_>,
        load: Load<'_>,
        now: Nanos,
        gone: &mut dyn FnMut(Gone<'_>),
    ) -> Inserted {
        let Fragment { frame, headers, depth, way, verify } = fragment;
        let four = headers.ip_version == 4;
        *if four { &mut self.counts.ipv4_fragments } else { &mut self.counts.ipv6_fragments } += 1;
        let packet = headers.ip_packet(frame);
        let Some(mut piece) = Piece::read(packet, headers) else { return alone(Why::Invalid, None) };
        if verify || !piece.is_sound(headers.ip_version) || (self.inline && !four && piece.offset == 0) {
            match self.looked_at(&piece, packet, headers, verify) {
                Ok(sound) => piece = sound,
                Err(event) => return alone(Why::Invalid, event),
            }
        }

        let key = Key::of(headers, depth, way, self.vlan_tracking);
        let bucket = self.store.bucket(&key);
        let found = self.store.find(&key, bucket, now);
        if let Found::Late(slot) = found {
            self.time_out(slot, gone);
        }
        let (slot, fresh) = match found {
            Found::Datagram(slot) => (Some(slot), false),
            Found::Late(_) | Found::Nothing => (self.begin((key, bucket), headers, now, gone), true),
        };
        let Some(slot) = slot else { return alone(Why::Memory, ignored(headers)) };
        let taken = match self.append(slot, &piece, packet, (headers, frame), load) {
            Some(is_whole) => Ok((is_whole, None)),
            None => self.insert_beside(slot, &piece, packet, &fragment, load, gone),
        };
        match taken {
            Ok((true, event)) => Inserted { taken: Taken::Whole { slot, fresh }, event },
            Ok((false, event)) => Inserted { taken: Taken::Held { slot, fresh }, event },
            Err(refused) => refused,
        }
    }

    /// The fragment, if it can be part of a datagram, cut to whole units where its host does so; else the event of what is odd about it.
    #[inline(never)]
    fn looked_at(
        &self,
        piece: &Piece,
        packet: &[u8],
        headers: &Headers,
        verify: bool,
    ) -> Result<Piece, Option<DecodeEvent>> {
        let four = headers.ip_version == 4;
        let mut piece = *piece;
        if verify && !piece::header_is_sound(packet, headers) {
            return Err(None);
        }
        if piece.is_too_large(headers.ip_version) {
            return Err(too_large(headers));
        }
        if piece.more && !piece.data_len.is_multiple_of(8) {
            // For IPv6 the decoder has told of it.
            if self.inline || !four || !self.policies.of(&headers.dst, 4).cuts_odd_lengths() {
                return Err(None);
            }
            piece.data_len &= !7;
        }
        let data = piece.data(packet);
        let lacks_headers = self.inline && !four && piece.offset == 0 && !piece.holds_all_headers(data);
        if data.is_empty() || lacks_headers { Err(None) } else { Ok(piece) }
    }

    /// Takes in the fragment that is due: nearly always, fragments come in their order. Whether its datagram is whole then; none when another one is due, or when there may be no room.
    #[inline(always)]
    fn append(
        &mut self,
        slot: u32,
        piece: &Piece,
        packet: &[u8],
        (headers, frame): (&Headers, &[u8]),
        load: Load<'_>,
    ) -> Option<bool> {
        let (bytes, ip_at) = match load {
            Load::Data => (packet, 0),
            Load::Frame => (frame, headers.ip_offset),
            Load::Frames(_) => return None,
        };
        let is_frame = matches!(load, Load::Frame);
        let has_room = self.store.room() >= chunks_for(bytes.len());
        let tracker = self.store.tracker(slot)?;
        let more = store::Growth { frames: usize::from(is_frame), bytes: bytes.len() };
        if !tracker.awaits(piece) || !has_room || tracker.is_full(self.most_pieces, more) {
            return None;
        }
        let extent = tracker.extent.with(piece);
        if !piece.more && extent.is_too_large(headers.ip_version) {
            return None;
        }
        tracker.advance(piece, extent);
        if !piece.more && !self.inline {
            // The last one is read from its frame.
            self.last = Some(*piece);
            return Some(true);
        }
        self.last = None;
        let node = Node { ip_at, piece: *piece, is_piece: true, is_frame, ..Node::default() };
        self.store.keep(slot, bytes, node).then_some(!piece.more)
    }

    /// Takes in a fragment that comes out of its order, or for which room must be made. Whether its datagram is whole then, and what is odd about it.
    #[inline(never)]
    fn insert_beside(
        &mut self,
        slot: u32,
        piece: &Piece,
        packet: &[u8],
        fragment: &Fragment<'_>,
        load: Load<'_>,
        gone: &mut dyn FnMut(Gone<'_>),
    ) -> Result<(bool, Option<DecodeEvent>), Inserted> {
        let headers = fragment.headers;
        let four = headers.ip_version == 4;
        let strict = self.inline || !four;
        let ignored = || ignored(headers);
        let Some(tracker) = self.store.tracker(slot) else { return Err(alone(Why::Memory, ignored())) };
        if tracker.is_dead {
            return Err(alone(Why::Overlap, ignored()));
        }
        tracker.leave_order();
        let end = piece.end();
        let (before, covered, overlaps) = (tracker.extent, tracker.covered(), tracker.overlaps);
        let holds_the_first_end = strict || tracker.policy.holds_the_first_end();
        let beyond = if holds_the_first_end {
            before.named.is_some_and(|known| end > known || (!piece.more && end != known))
                || (!piece.more && end < before.farthest)
        } else {
            // An end within a unit can't be moved: what is in the rest of the unit is not known.
            (!before.farthest.is_multiple_of(8) && end > before.farthest)
                || (!end.is_multiple_of(8) && end < before.farthest)
        };
        if beyond {
            return Err(match strict {
                true => self.end_by_overlap(slot, ignored(), gone),
                false => alone(Why::Overlap, ignored()),
            });
        }
        let span = Span { begin: piece.offset / 8, end: (end.div_ceil(8)) as u16 };
        let mut odd = None;
        // Nothing lies behind the farthest piece.
        if u32::from(piece.offset) < before.farthest && self.store.is_covered(slot, span) {
            if self.is_copy(slot, piece, piece.data(packet)) {
                return Err(self.copy_of(slot, ignored(), gone));
            }
            odd = event(headers, DecodeEvent::Ipv4FragmentOverlap, DecodeEvent::Ipv6FragmentOverlap);
            if strict {
                return Err(self.end_by_overlap(slot, odd, gone));
            }
            self.counts.overlaps += 1;
        }
        let extent = before.with(piece);
        let units = extent.units(holds_the_first_end);
        // Where nothing overlaps, the last one that was missing is read from its frame.
        let fits = !overlaps && odd.is_none() && units == Some(covered + span.units());
        self.last = Some(*piece).filter(|_| fits && !self.inline);
        if !self.keep(slot, fragment, load, piece, span, gone) {
            return Err(alone(if strict { Why::Memory } else { Why::Invalid }, ignored()));
        }
        let Some(tracker) = self.store.tracker(slot) else { return Err(alone(Why::Memory, ignored())) };
        tracker.overlaps |= odd.is_some();
        tracker.extent = extent;
        let whole = fits || units == Some(tracker.covered());
        if whole && extent.is_too_large(headers.ip_version) {
            self.store.kill(slot, Why::Invalid, gone);
            return Err(alone(Why::Invalid, too_large(headers)));
        }
        Ok((whole, odd))
    }

    /// Begins the datagram of `key`, with its bucket; none when there is no room.
    #[inline(always)]
    fn begin(&mut self, key: (Key, u32), headers: &Headers, now: Nanos, gone: &mut dyn FnMut(Gone<'_>)) -> Option<u32> {
        if !self.store.has_place() {
            self.counts.max_trackers += 1;
            self.evict(gone);
        }
        let strict = self.inline || headers.ip_version != 4;
        let policy = if strict { Policy::First } else { self.policies.of(&headers.dst, 4) };
        self.store.begin(key, source_of(headers), policy, now)
    }

    /// Gives a datagram up for a fragment that overlaps.
    #[cold]
    fn end_by_overlap(&mut self, slot: u32, event: Option<DecodeEvent>, gone: &mut dyn FnMut(Gone<'_>)) -> Inserted {
        self.counts.overlaps += 1;
        self.store.kill(slot, Why::Overlap, gone);
        Inserted { taken: Taken::Alone(Why::Overlap), event }
    }

    /// Whether the datagram has this very fragment.
    fn is_copy(&self, slot: u32, piece: &Piece, data: &[u8]) -> bool {
        let same = |node: &Node| {
            node.is_piece
                && node.piece.offset == piece.offset
                && node.piece.data_len == piece.data_len
                && node.piece.more == piece.more
        };
        let arena = self.store.arena();
        self.store
            .nodes(slot)
            .filter(|node| same(node))
            .any(|node| arena.equals(&node.bytes, node.ip_at as usize + usize::from(node.piece.data_at), data))
    }

    /// A copy of a fragment of the datagram: not kept. Looking for copies costs, so there may be so many of them.
    fn copy_of(&mut self, slot: u32, ignored: Option<DecodeEvent>, gone: &mut dyn FnMut(Gone<'_>)) -> Inserted {
        let Some(tracker) = self.store.tracker(slot) else { return alone(Why::Memory, ignored) };
        match tracker.duplicates.checked_add(1) {
            Some(more) => tracker.duplicates = more,
            None => {
                self.counts.max_fragments += 1;
                self.store.kill(slot, Why::Invalid, gone);
                return alone(Why::Invalid, ignored);
            }
        }
        alone(Why::Duplicate, None)
    }

    /// Keeps the fragment, and the frames it came in; false when it can't be kept: inline its datagram is given up then.
    fn keep(
        &mut self,
        slot: u32,
        fragment: &Fragment<'_>,
        load: Load<'_>,
        piece: &Piece,
        span: Span,
        gone: &mut dyn FnMut(Gone<'_>),
    ) -> bool {
        let Fragment { frame, headers, .. } = *fragment;
        let (whole_frame, frames) = match load {
            Load::Frames(whole) if self.inline => (false, Some(whole)),
            Load::Frame => (true, None),
            Load::Data | Load::Frames(_) => (false, None),
        };
        let bytes = if whole_frame { frame } else { headers.ip_packet(frame) };
        let mut more = store::Growth { frames: usize::from(whole_frame), bytes: bytes.len() };
        let mut chunks = chunks_for(bytes.len()) + self.store.pages_for(slot, span);
        if let Some(whole) = frames {
            for frame in whole.frames() {
                more.frames += 1;
                more.bytes += frame.len();
                chunks += chunks_for(frame.len());
            }
        }
        let Some(tracker) = self.store.tracker(slot) else { return false };
        if tracker.is_full(self.most_pieces, more) {
            self.counts.max_fragments += 1;
            if self.inline {
                self.store.kill(slot, Why::Invalid, gone);
            }
            return false;
        }
        while self.store.room() < chunks {
            self.counts.max_fragments += 1;
            let Some(victim) = self.store.victim() else { return false };
            self.counts.evicted += 1;
            self.store.give_up(victim, Why::Memory, gone);
            if victim == slot {
                return false;
            }
        }
        if self.last.is_some() {
            return true;
        }
        let ip_at = if whole_frame { headers.ip_offset } else { 0 };
        let node = Node { ip_at, piece: *piece, is_piece: true, is_frame: whole_frame, ..Node::default() };
        let mut kept = self.store.keep(slot, bytes, node);
        if let Some(whole) = frames {
            for frame in whole.frames() {
                kept &= self.store.keep(slot, frame, Node { is_frame: true, ..Node::default() });
            }
        }
        self.store.cover(slot, span);
        kept
    }

    fn evict(&mut self, gone: &mut dyn FnMut(Gone<'_>)) {
        if let Some(victim) = self.store.victim() {
            self.counts.evicted += 1;
            self.store.give_up(victim, Why::Memory, gone);
        }
    }

    fn time_out(&mut self, slot: u32, gone: &mut dyn FnMut(Gone<'_>)) {
        self.counts.timeouts += 1;
        self.store.give_up(slot, Why::Incomplete, gone);
    }

    /// Gives up, oldest first, at most `most` datagrams that did not become whole in time.
    pub fn expire(&mut self, now: Nanos, most: usize, gone: &mut dyn FnMut(Gone<'_>)) {
        for _ in 0..most {
            let Some(slot) = self.store.late(now) else { return };
            self.time_out(slot, gone);
        }
    }

    /// Gives up all datagrams: the run ends.
    pub fn finish(&mut self, gone: &mut dyn FnMut(Gone<'_>)) {
        while let Some(slot) = self.store.oldest() {
            self.store.give_up(slot, Why::Incomplete, gone);
        }
    }

    /// Forgets datagram `slot`, which is whole, without looking at it; how many frames it came in.
    pub fn forget(&mut self, slot: u32) -> u64 {
        let frames = self.store.frame_count(slot);
        self.store.forget(slot);
        frames
    }

    /// Puts datagram `slot`, which is whole, into `whole`, behind the headers of `frame`, the frame of its last fragment, which `around` describes; and forgets it.
    ///
    /// # Cost
    /// A copy of the datagram and, inline, of its frames.
    pub fn take(&mut self, slot: u32, frame: &[u8], around: &Decoded, config: &DecodeConfig, whole: &mut Whole) {
        whole.clear();
        let headers = around.innermost();
        let at = headers.ip_offset as usize;
        whole.bytes.extend_from_slice(frame.get(..at).unwrap_or_default());
        let (overlaps, policy, length) = match self.store.tracker(slot) {
            Some(tracker) => (tracker.overlaps, tracker.policy, tracker.extent.farthest as usize),
            None => (false, Policy::First, 0),
        };
        let last = self.last.take();
        let last = last.as_ref().map(|last| Part::InFrame(last, headers.ip_packet(frame)));
        match overlaps {
            true => self.settle(slot, policy, length, at, whole),
            false => self.join(slot, last, length, at, whole),
        }
        if self.inline {
            self.store.frames_into(slot, whole);
        }
        self.store.forget(slot);
        *if headers.ip_version == 4 { &mut self.counts.ipv4_reassembled } else { &mut self.counts.ipv6_reassembled } +=
            1;
        whole.decode(around, config);
    }

    /// Puts fragments of which none overlaps another one, `length` bytes of data, into `whole` from byte `at` on.
    fn join(&self, slot: u32, last: Option<Part<'_>>, length: usize, at: usize, whole: &mut Whole) {
        let kept = || self.store.nodes(slot).filter(|node| node.is_piece).map(Part::Kept);
        let begins = |part: &Part<'_>| part.piece().offset == 0;
        let Some(first) = kept().find(begins).or_else(|| last.filter(begins)) else { return };
        let header_len = usize::from(first.piece().header_len);
        first.read(self.store.arena(), 0, header_len, |run| whole.bytes.extend_from_slice(run));
        finish_header(whole.bytes.get_mut(at..).unwrap_or_default(), first.piece(), length);
        let data_at = at + header_len;
        let end = data_at + length;
        for part in kept() {
            self.put(part, data_at, end, whole);
        }
        if let Some(last) = last {
            self.put(last, data_at, end, whole);
        }
    }

    /// Puts the data of a fragment that overlaps none where they belong in `whole`, which ends at `end`.
    #[inline(always)]
    fn put(&self, part: Part<'_>, data_at: usize, end: usize, whole: &mut Whole) {
        // What comes in its order needs no zeros first.
        if !self.append_data(part, data_at, end, whole) && whole.fill_up(end) {
            self.copy_run(part, 0, usize::from(part.piece().data_len), data_at, whole);
        }
    }

    /// The same for fragments that overlap. They are all kept.
    #[cold]
    fn settle(&mut self, slot: u32, policy: Policy, length: usize, at: usize, whole: &mut Whole) {
        self.settle_owners(slot, policy);
        let parts = || self.store.nodes(slot).filter(|node| node.is_piece).enumerate();
        let begins = |number: usize, node: &Node| {
            node.piece.offset == 0 && self.scratch.owners.first() == Some(&(number as u16))
        };
        let Some((_, first)) = parts().find(|(number, node)| begins(*number, node)) else { return };
        let header_len = usize::from(first.piece.header_len);
        Part::Kept(first).read(self.store.arena(), 0, header_len, |run| whole.bytes.extend_from_slice(run));
        finish_header(whole.bytes.get_mut(at..).unwrap_or_default(), &first.piece, length);
        let data_at = at + header_len;
        if !whole.fill_up(data_at + length) {
            return;
        }
        for (number, node) in parts() {
            self.copy_owned(number as u16, Part::Kept(node), data_at, length, whole);
        }
    }

    /// Finds out, unit by unit, whose data count.
    fn settle_owners(&mut self, slot: u32, policy: Policy) {
        let Scratch { owners, spans } = &mut self.scratch;
        owners.fill(NOBODY);
        for (number, node) in self.store.nodes(slot).filter(|node| node.is_piece).enumerate() {
            let span = Span { begin: node.piece.offset / 8, end: node.piece.end().div_ceil(8) as u16 };
            if let Some(place) = spans.get_mut(number) {
                *place = span;
            }
            for owner in owners.iter_mut().take(usize::from(span.end)).skip(usize::from(span.begin)) {
                let older = spans.get(usize::from(*owner)).copied();
                if *owner == NOBODY || older.is_some_and(|older| policy.newer_wins(span, older)) {
                    *owner = number as u16;
                }
            }
        }
    }

    /// Copies the units that are fragment `number`'s.
    fn copy_owned(&self, number: u16, part: Part<'_>, data_at: usize, length: usize, whole: &mut Whole) {
        let owners = &self.scratch.owners;
        let (begin, end) = (usize::from(part.piece().offset), (part.piece().end() as usize).min(length));
        let mut unit = begin / 8;
        while unit * 8 < end {
            let run = owners.iter().skip(unit).take_while(|owner| **owner == number).count();
            if run == 0 {
                unit += 1;
                continue;
            }
            let stop = ((unit + run) * 8).min(end);
            self.copy_run(part, unit * 8 - begin, stop.saturating_sub(unit * 8), data_at, whole);
            unit += run;
        }
    }

    /// Adds the fragment's data, if they belong behind what is there and end before `end`; whether that was so.
    #[inline(always)]
    fn append_data(&self, part: Part<'_>, data_at: usize, end: usize, whole: &mut Whole) -> bool {
        let Piece { data_at: at, data_len, offset, .. } = *part.piece();
        let begin = data_at + usize::from(offset);
        let fits = begin == whole.bytes.len() && begin + usize::from(data_len) <= end && end <= whole.bytes.capacity();
        if fits {
            part.read(self.store.arena(), at.into(), data_len.into(), |run| whole.bytes.extend_from_slice(run));
        }
        fits
    }

    /// Copies `len` bytes of the fragment's data, from byte `from` of them on, to where they belong.
    #[inline(never)]
    fn copy_run(&self, part: Part<'_>, from: usize, len: usize, data_at: usize, whole: &mut Whole) {
        let mut to = data_at + usize::from(part.piece().offset) + from;
        part.read(self.store.arena(), usize::from(part.piece().data_at) + from, len, |run| {
            if let Some(place) = whole.bytes.get_mut(to..to + run.len()) {
                place.copy_from_slice(run);
            }
            to += run.len();
        });
    }
}

/// A fragment that is not kept, for this reason.
const fn alone(why: Why, event: Option<DecodeEvent>) -> Inserted {
    Inserted { taken: Taken::Alone(why), event }
}

/// The event of this version.
const fn event(headers: &Headers, of_four: DecodeEvent, of_six: DecodeEvent) -> Option<DecodeEvent> {
    Some(if headers.ip_version == 4 { of_four } else { of_six })
}

const fn ignored(headers: &Headers) -> Option<DecodeEvent> {
    event(headers, DecodeEvent::Ipv4FragmentIgnored, DecodeEvent::Ipv6FragmentIgnored)
}

const fn too_large(headers: &Headers) -> Option<DecodeEvent> {
    event(headers, DecodeEvent::Ipv4FragmentTooLarge, DecodeEvent::Ipv6FragmentTooLarge)
}

/// A fragment of a datagram that is whole.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// It is kept.
    Kept(&'a Node),
    /// It is the last one, in this packet.
    InFrame(&'a Piece, &'a [u8]),
}

impl<'a> Part<'a> {
    const fn piece(self) -> &'a Piece {
        match self {
            Self::Kept(node) => &node.piece,
            Self::InFrame(piece, _) => piece,
        }
    }

    /// Gives `len` bytes of its packet, from byte `from` on, to `each`, run by run.
    #[inline(always)]
    fn read(self, arena: &Arena, from: usize, len: usize, mut each: impl FnMut(&[u8])) {
        match self {
            Self::Kept(node) => arena.read(&node.bytes, node.ip_at as usize + from, len, each),
            Self::InFrame(_, packet) => each(packet.get(from..from + len).unwrap_or_default()),
        }
    }
}

/// Makes the header of a piece that of the whole datagram, whose data are `length` bytes.
#[inline(always)]
fn finish_header(header: &mut [u8], piece: &Piece, length: usize) {
    let counted = usize::from(piece.header_len) + length;
    match header {
        [first, _, _, _, high, low, ..] if *first >> 4 == 6 => {
            // IPv6's length counts what is behind its header.
            [*high, *low] = (counted.saturating_sub(40) as u16).to_be_bytes();
            if let Some(next_header) = header.get_mut(usize::from(piece.next_header_at)) {
                *next_header = piece.next_header;
            }
        }
        [_, _, high, low, _, _, flags, offset, _, _, sum_high, sum_low, ..] => {
            [*high, *low] = (counted as u16).to_be_bytes();
            (*flags, *offset, *sum_high, *sum_low) = (0, 0, 0, 0);
            let sum = crate::checksum::compute(header).to_be_bytes();
            if let Some(place) = header.get_mut(10..12) {
                place.copy_from_slice(&sum);
            }
        }
        _ => {}
    }
}
