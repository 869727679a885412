//! Which streams frames open, and which they may not.
//!
//! Called by [`super::parse`] with the head of each frame that names a stream.
//!
//! Sources: RFC 9113 sections 5.1 (idle streams) and 5.1.1 (numbers of streams), RFC 7540 section 3.2 (stream 1 of an upgrade).

use super::{
    frame::{Head, kind},
    parse::{Bench, Conversation, MOST_STREAMS, State},
    room::NONE,
};
use crate::{AppEvent, Field, level};
use sluice_core::Direction;

/// Streams that are not followed any longer, at most, when one begins for which there is no place.
const MOST_GIVEN_UP: usize = 4;

impl Conversation {
    /// The place of stream `id` among the conversation's.
    pub(super) fn find(&self, bench: &Bench, id: u32) -> u32 {
        self.streams.find(&bench.desk.room.arena, id)
    }

    /// The highest stream that was begun of those that have even or odd numbers, as `id` has.
    fn highest_like(&mut self, id: u32) -> &mut u32 {
        let [even, odd] = &mut self.highest;
        if id.is_multiple_of(2) { even } else { odd }
    }

    /// Whether a frame with this head may not come as long as its stream is idle (RFC 9113 section 5.1), as far as is known: what the other end began may have been missed.
    pub(super) fn may_not_name(&mut self, direction: Direction, head: Head) -> bool {
        if head.stream <= *self.highest_like(head.stream) {
            return false;
        }
        let begins_it = if head.stream.is_multiple_of(2) { Direction::ToClient } else { Direction::ToServer };
        let end = self.end_of(begins_it);
        let is_known = begins_it == direction || (!end.is_closed && end.state != State::Start);
        // Stream 1 is begun by the request of HTTP/1 that asked for the upgrade.
        let is_upgraded = head.stream == 1 && direction == Direction::ToClient;
        head.kind != kind::PRIORITY && is_known && !is_upgraded
    }

    /// The stream that `head` names, opened if it is new. Only the frame that may begin it makes those below it count as over; any other one opens a stray.
    pub(super) fn find_or_open(&mut self, bench: &mut Bench, direction: Direction, head: Head) -> u32 {
        let id = head.stream;
        let begins = match (head.kind, direction) {
            (kind::HEADERS, Direction::ToServer) => !id.is_multiple_of(2),
            (kind::PUSH_PROMISE, Direction::ToClient) => id.is_multiple_of(2),
            _ => false,
        };
        let is_promise = head.kind == kind::PUSH_PROMISE;
        let place = self.find(bench, id);
        let is_begun = bench.room.stream(place).is_some_and(|stream| !stream.is_stray);
        let was_there = is_begun || id <= *self.highest_like(id);
        let event = match is_promise {
            // What the client asks of its own accord is never promised.
            true if !begins => Some(AppEvent::Http2InvalidFrameHeader),
            true if was_there => Some(AppEvent::Http2StreamIdReuse),
            false if place == NONE && was_there && head.kind == kind::HEADERS && direction == Direction::ToServer => {
                Some(AppEvent::Http2StreamIdReuse)
            }
            _ => None,
        };
        if let Some(event) = event {
            let at = self.aside(bench, direction);
            bench.desk.event(at, direction, event);
            self.done_aside(bench, at, direction);
            return NONE;
        }
        if place != NONE {
            if begins {
                let highest = self.highest_like(id);
                *highest = id.max(*highest);
                self.streams.begin(bench.room, place);
            }
            return place;
        }
        if was_there {
            // Frames that cross the stream's end are no news.
            return NONE;
        }
        self.open(bench, direction, head, begins)
    }

    /// Opens a stream that is not open.
    fn open(&mut self, bench: &mut Bench, direction: Direction, head: Head, begins: bool) -> u32 {
        let at = bench.desk.open(u64::from(head.stream));
        bench.desk.number(at, Direction::ToServer, Field::Http2StreamId, u64::from(head.stream));
        if !begins && self.may_not_name(direction, head) {
            bench.desk.event(at, direction, AppEvent::Http2InvalidFrameHeader);
        }
        if begins {
            *self.highest_like(head.stream) = head.stream;
        }
        let most = bench.desk.share().min(u64::from(MOST_STREAMS)) as usize;
        if self.streams.count() >= most {
            bench.desk.event(at, direction, AppEvent::Http2TooManyStreams);
        }
        for _ in 0..MOST_GIVEN_UP {
            if self.streams.count() >= most {
                let oldest = self.streams.oldest(!begins);
                Direction::ALL.into_iter().for_each(|way| self.end_stream(bench, oldest, way, false));
            }
        }
        // A stray takes nobody's place.
        let has_room = begins || self.streams.count() < most;
        let Bench { desk, room, .. } = bench;
        let place = match has_room {
            true => self.streams.open(room, &mut desk.room.arena, head.stream, at, !begins),
            false => None,
        };
        let Some(place) = place else {
            Direction::ALL.into_iter().for_each(|way| bench.desk.reach(at, way, level::DONE));
            return NONE;
        };
        for way in Direction::ALL {
            if self.end_of(way).is_closed {
                self.end_stream(bench, place, way, false);
            }
        }
        place
    }
}
