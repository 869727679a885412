//! What of a stream is due: to be read by parsers, to be scanned and judged by rules.
//!
//! Asked by `sluice-worker` for each packet of a stream ([`Streams::due`], [`Streams::turn`]), which says when it is done ([`Streams::turned`]). Inline that is everything that came in
//! order, else what the other end has acknowledged.

use super::{
    blocks::{BLOCK, place_of},
    half::{Half, State, earlier, is_after, later},
    settings::StreamSettings,
    store::{StreamRef, Streams},
};
use sluice_core::Direction;

/// Bytes judged or scanned at once, at most: more is done in several turns.
pub const SLICE: usize = 65_536;
/// Bytes a passive engine waits for acknowledgements of, before it takes it that they are not to be seen.
const UNACKNOWLEDGED: u32 = 1 << 20;

/// What is to be done with one direction now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamTurn {
    /// Bytes to be scanned for literals: from and to.
    pub scan: (u32, u32),
    /// Bytes to be judged: from and to.
    pub judge: (u32, u32),
    /// The first byte of the window around them.
    pub window: u32,
    /// Where an end began to speak: the start of the stream and two later ones.
    pub starts: [u32; 3],
    /// Bytes in front were lost.
    pub gap: bool,
    /// So many.
    pub missing: u32,
}

impl StreamTurn {
    /// Bytes to be scanned.
    #[inline]
    pub const fn scan_len(&self) -> u32 {
        self.scan.1.wrapping_sub(self.scan.0)
    }

    /// Whether there is something to be judged.
    #[inline]
    pub const fn judges(&self) -> bool {
        self.judge.0 != self.judge.1
    }
}

/// What there is to be done for one direction, and for parsers of the other one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// There may be a turn.
    pub turn: bool,
    /// A parser may read.
    pub read: bool,
    /// The parser of the other direction may.
    pub read_reverse: bool,
}

impl Due {
    /// Whether there is anything.
    #[inline(always)]
    pub const fn is_any(self) -> bool {
        self.turn || self.read || self.read_reverse
    }
}

/// What became of a stream with a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Nothing is left to be done.
    Done,
    /// There may be another turn.
    More,
    /// As many bytes as are to be looked at have been.
    Spent,
}

impl Streams {
    /// The first byte behind the hole at the front.
    fn behind_hole(&mut self, at: StreamRef) -> Option<u32> {
        let &half = self.half(at)?;
        let mut from = half.next;
        while is_after(half.highest, from) {
            let (number, place) = place_of(from);
            if let Some(block) = self.block_at(at, number) {
                let found = self.blocks.there(block).map_or(BLOCK, |there| there.next(place, true));
                if found < BLOCK {
                    return Some(from.wrapping_add((found - place) as u32));
                }
            }
            from = from.wrapping_add((BLOCK - place) as u32);
        }
        None
    }

    /// Gives up the hole at the front: the other end has what was in it.
    fn skip_hole(&mut self, at: StreamRef, to: u32) {
        self.forget_rules(at);
        self.mark_there(at);
        if let Some(half) = self.half_mut(at) {
            (half.next, half.judged, half.scanned, half.turns, half.read) = (to, to, to, [to; 2], to);
        }
        self.drop_before(at, to);
        if let Some(half) = self.half_mut(at) {
            half.floor = to;
        }
        self.absorb(at);
    }

    /// Marks the bytes of the last block in order as there: behind a hole, that is not told from the places any more.
    fn mark_there(&mut self, at: StreamRef) {
        let Some(&half) = self.half(at) else { return };
        if !is_after(half.next, half.floor) {
            return;
        }
        let (number, last) = place_of(half.next.wrapping_sub(1));
        let (first_number, first) = place_of(half.floor);
        let from = if first_number == number { first } else { 0 };
        if let Some(there) = self.block_at(at, number).and_then(|block| self.blocks.there(block)) {
            there.set(from, last + 1);
        }
    }

    /// Up to where bytes are to be read and judged: inline everything that came in order, else what the other end has acknowledged; `all`: also what it has not.
    #[inline(always)]
    fn limit(&self, half: &Half, all: bool) -> u32 {
        let patience = half.next.wrapping_sub(half.acked) as i32 > UNACKNOWLEDGED as i32;
        if self.settings.at_once || all || patience { half.next } else { earlier(half.acked, half.next) }
    }

    /// What there is to be done behind a packet of direction `at`.
    #[inline]
    pub fn due(&self, at: StreamRef) -> Due {
        let Some(stream) = self.streams.get(at.place as usize) else { return Due::default() };
        let [to_server, to_client] = &stream.halves;
        let (own, other) = match at.direction {
            Direction::ToServer => (to_server, to_client),
            Direction::ToClient => (to_client, to_server),
        };
        let is_unread = |half: &Half| half.is_read() && is_after(self.limit(half, false), half.read);
        let turn = own.state == State::Open && self.has_turn(own);
        Due { turn, read: is_unread(own), read_reverse: is_unread(other) }
    }

    /// Whether there may be a turn.
    #[inline(always)]
    fn has_turn(&self, half: &Half) -> bool {
        let behind_hole = half.highest != half.next && is_after(half.acked, half.next);
        half.scanned != half.next || is_after(self.limit(half, false), half.judged) || behind_hole
    }

    /// What a parser may read now, and has not read: from and to. `all`: also what the other end has not acknowledged.
    pub fn unread(&self, at: StreamRef, all: bool) -> Option<(u32, u32)> {
        let half = self.half(at).filter(|half| half.is_read())?;
        let to = earlier(self.limit(half, all), half.read.wrapping_add(SLICE as u32));
        is_after(to, half.read).then_some((half.read, to))
    }

    /// No parser will ever read this connection: nothing of it is due to be read any more.
    pub fn leave_unread(&mut self, at: StreamRef) {
        if let Some(stream) = self.streams.get_mut(at.place as usize) {
            stream.halves.iter_mut().for_each(|half| half.left_unread = true);
        }
    }

    /// Nobody reads this direction now: what came is as good as read.
    pub fn pass_over(&mut self, at: StreamRef) {
        if let Some(half) = self.half_mut(at) {
            half.read = half.next;
        }
    }

    /// A parser has read up to `to`.
    pub fn was_read(&mut self, at: StreamRef, to: u32) {
        if let Some(half) = self.half_mut(at) {
            half.read = later(half.read, to);
        }
    }

    /// What is to be scanned and judged now; none when nothing is. `all`: also what was not acknowledged.
    pub fn turn(&mut self, at: StreamRef, all: bool) -> Option<StreamTurn> {
        let mut half = self.half(at).filter(|half| half.state == State::Open)?;
        let mut missing = 0;
        if half.judged == half.next && half.highest != half.next && (all || is_after(half.acked, half.next)) {
            missing = self.pass_hole(at, all);
            half = self.half(at)?;
        }
        let limit = self.limit(half, all);
        let scanned_to = earlier(half.next, half.scanned.wrapping_add(SLICE as u32));
        let judged_to = earlier(later(limit, half.judged), earlier(half.judged.wrapping_add(SLICE as u32), scanned_to));
        let turn = StreamTurn {
            scan: (half.scanned, scanned_to),
            judge: (half.judged, later(judged_to, half.judged)),
            window: later(half.floor, half.judged.wrapping_sub(self.settings.window)),
            starts: [if half.floor == 0 { 0 } else { half.judged }, half.turns[0], half.turns[1]],
            gap: missing > 0,
            missing,
        };
        (turn.scan.0 != turn.scan.1 || turn.judges() || turn.gap).then_some(turn)
    }

    /// Gives up the hole at the front if the other end has what is behind it; `all`: also if not. So many bytes are missing.
    #[cold]
    fn pass_hole(&mut self, at: StreamRef, all: bool) -> u32 {
        let Some(&Half { acked, next, .. }) = self.half(at) else { return 0 };
        let Some(first) = self.behind_hole(at).filter(|&first| all || !is_after(first, acked)) else { return 0 };
        self.skip_hole(at, first);
        first.wrapping_sub(next)
    }

    /// `turn` is done.
    pub fn turned(&mut self, at: StreamRef, turn: &StreamTurn) -> Turned {
        let Streams { settings, lists, .. } = self;
        let StreamSettings { window, at_once, depth, .. } = *settings;
        let stream = self.streams.get_mut(at.place as usize);
        let Some(half) = stream.and_then(|stream| stream.halves.get_mut(at.direction.index())) else {
            return Turned::Done;
        };
        half.scanned = turn.scan.1;
        half.judged = turn.judge.1;
        // Parsers read before rules judge; where there are none what is judged is done with.
        half.read = later(half.read, half.judged);
        let oldest = half.judged.wrapping_sub(window);
        let mut done_waiting = false;
        if let Some(list) = lists.get_mut(half.pending as usize) {
            list.retain(|waiting| is_after(waiting.at, oldest));
            done_waiting = list.is_empty();
        }
        let keep = if at_once { earlier(half.acked, oldest) } else { oldest };
        let keep = later(half.floor, keep);
        let (spent, done_with) = (depth != 0 && half.judged >= depth, keep.wrapping_sub(half.floor));
        if done_waiting {
            self.give_list_back(at);
        }
        if done_with as usize >= BLOCK {
            self.drop_before(at, keep);
        }
        if spent {
            self.end_half(at, State::Spent);
            return Turned::Spent;
        }
        match self.half(at) {
            Some(half) if half.state == State::Open && self.has_turn(half) => Turned::More,
            _ => Turned::Done,
        }
    }
}
