//! Transactions and bodies of one worker, and the memory behind them.
//!
//! Written by parsers through [`crate::Desk`], read by detection through [`crate::TransactionView`], looked after by [`crate::applications`]. All places are
//! allocated at the start; what finds none is counted and left out.

use crate::{
    arena::{Arena, Buf},
    digest::Digests,
    event::Events,
    field::{Field, Fields},
    http::HttpRoom,
    http2::Http2Room,
    level,
    parser::MOST_ASIDE,
    protocol::AppSettings,
};
use sluice_core::{AppProtocol, Direction};

/// Bytes of text that are made of what a message holds, at most.
pub(crate) const MOST_TEXT: usize = 4_096;

/// No place.
pub(crate) const NONE: u32 = u32::MAX;

/// A transaction, by its place. [`TxRef::NONE`] takes everything and keeps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxRef(pub(crate) u32);

impl TxRef {
    /// None: there was no room for it.
    pub const NONE: Self = Self(NONE);

    /// Whether there is one.
    pub const fn is_some(self) -> bool {
        self.0 != NONE
    }
}

impl Default for TxRef {
    fn default() -> Self {
        Self::NONE
    }
}

/// A body or file of a transaction, by its place. [`BodyRef::NONE`] takes everything and keeps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyRef(pub(crate) u32);

impl BodyRef {
    /// None.
    pub const NONE: Self = Self(NONE);

    /// Whether there is one.
    pub const fn is_some(self) -> bool {
        self.0 != NONE
    }
}

impl Default for BodyRef {
    fn default() -> Self {
        Self::NONE
    }
}

/// How a file ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileEnd {
    /// It is still coming.
    #[default]
    Open,
    /// All of it came.
    Closed,
    /// The rest never came, or was not looked at.
    Truncated,
}

/// Bytes of a transaction that come bit by bit.
#[derive(Debug)]
pub struct Body {
    /// What rules call it.
    pub field: Field,
    /// Whether rules about files see it, and a record tells of it.
    pub is_file: bool,
    /// The file's name; empty when it has none.
    pub name: Buf,
    /// The bytes that are kept, and where the first of them stands.
    pub bytes: Buf,
    /// Offset of the first byte kept.
    pub start: u64,
    /// Bytes that came.
    pub total: u64,
    /// Bytes looked at, at most.
    pub limit: u64,
    /// How it ended.
    pub end: FileEnd,
    /// Bytes are missing in it, or were not kept for want of room.
    pub has_gaps: bool,
    /// Offset up to which literals were looked for.
    pub scanned: u64,
    /// Offset up to which it was judged.
    pub judged: u64,
    /// Number of the file in its flow, from 1; 0 for what is none.
    pub file_number: u32,
    /// Place of its digests.
    pub(crate) digests: u32,
    /// A record was made of it.
    pub(crate) told: bool,
    /// The next one of the same direction.
    pub(crate) next: u32,
}

impl Body {
    const NOTHING: Self = Self {
        field: Field::FileData,
        is_file: false,
        name: Buf::EMPTY,
        bytes: Buf::EMPTY,
        start: 0,
        total: 0,
        limit: 0,
        end: FileEnd::Open,
        has_gaps: false,
        scanned: 0,
        judged: 0,
        file_number: 0,
        digests: NONE,
        told: false,
        next: NONE,
    };

    /// Whether nothing more of it will be looked at.
    pub const fn is_whole(&self) -> bool {
        !matches!(self.end, FileEnd::Open) || self.total >= self.limit
    }
}

/// One direction of a transaction.
#[derive(Debug)]
pub struct Half {
    /// Its fields.
    pub(crate) log: Buf,
    /// The names among them.
    pub(crate) has: Fields,
    /// What is wrong with it, as the log says it.
    pub(crate) events: Events,
    /// How far it is: see [`level`].
    pub(crate) level: u8,
    /// Something is new since it was judged.
    pub(crate) is_new: bool,
    /// Its bodies, first and last.
    pub(crate) first_body: u32,
    pub(crate) last_body: u32,
    /// In front of it there is no file of which nothing was told yet.
    pub(crate) untold: u32,
    /// Detection: bytes of the log that were scanned; rules that wait for more, by number; rules that have matched, by name.
    pub(crate) scanned: u32,
    pub(crate) waiting: Buf,
    pub(crate) matched: Buf,
    /// The generation of the rule set whose rules wait.
    pub(crate) generation: u32,
    /// A rule asks for its files to be stored.
    pub(crate) stores: bool,
}

impl Half {
    const NOTHING: Self = Self {
        log: Buf::EMPTY,
        has: Fields::NONE,
        events: Events::NONE,
        level: level::NOTHING,
        is_new: false,
        first_body: NONE,
        last_body: NONE,
        untold: NONE,
        scanned: 0,
        waiting: Buf::EMPTY,
        matched: Buf::EMPTY,
        generation: 0,
        stores: false,
    };
}

/// When a record is made of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// When it is complete, or its flow ends.
    #[default]
    Complete,
    /// Now: what is still missing is not part of the record.
    Now,
    /// Never, unless the parser says otherwise.
    Never,
}

/// Bodies of one direction of a transaction that are kept when they are done with.
const KEPT_FILES: usize = 16;

/// A question and its answer, or whatever the protocol has in their place.
#[derive(Debug)]
pub struct Transaction {
    /// Number in its flow, from 0.
    pub(crate) number: u64,
    pub(crate) protocol: AppProtocol,
    pub(crate) halves: [Half; 2],
    /// A record was made of it.
    pub(crate) told: bool,
    /// When a record is made of it.
    pub(crate) telling: Telling,
    /// What the parser knows it by.
    pub(crate) key: u64,
    pub(crate) before: u32,
    pub(crate) next: u32,
}

/// What was left out for want of room, and what is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomCounts {
    /// Transactions, bodies or fields for which there was none.
    pub refused: u64,
    /// Transactions that began.
    pub transactions: u64,
}

/// Transactions, bodies and their memory.
pub struct Room {
    /// The memory.
    pub arena: Arena,
    pub(crate) transactions: Vec<Transaction>,
    free_transaction: u32,
    most_transactions: usize,
    used_transactions: usize,
    pub(crate) bodies: Vec<Body>,
    free_body: u32,
    most_bodies: usize,
    /// Where what came in pieces is read, while the arena is written to.
    pub(crate) aside: Vec<u8>,
    /// Where text is made: see [`MOST_TEXT`].
    pub(crate) text: Box<[u8]>,
    /// What was counted.
    pub counts: RoomCounts,
    /// Digests of files.
    pub(crate) digests: Digests,
    /// What parsers of HTTP share; away while one of them reads.
    pub(crate) http: Option<Box<HttpRoom>>,
    /// What parsers of HTTP/2 share besides.
    pub(crate) http2: Http2Room,
}

impl Room {
    /// Room for so many transactions, half as many bodies, and so many bytes.
    pub fn new(transactions: usize, bytes: usize) -> Self {
        Self {
            arena: Arena::new(bytes),
            transactions: Vec::with_capacity(transactions),
            free_transaction: NONE,
            most_transactions: transactions,
            used_transactions: 0,
            bodies: Vec::with_capacity(transactions / 2),
            free_body: NONE,
            most_bodies: transactions / 2,
            aside: Vec::with_capacity(if transactions == 0 { 0 } else { MOST_ASIDE }),
            text: vec![0; if transactions == 0 { 0 } else { MOST_TEXT }].into_boxed_slice(),
            counts: RoomCounts::default(),
            digests: Digests::new(transactions == 0),
            http: None,
            http2: Http2Room::default(),
        }
    }

    /// With what the parsers of the protocols that are on share.
    #[must_use]
    pub fn for_protocols(mut self, settings: &AppSettings) -> Self {
        if settings.is_read(AppProtocol::Http2) {
            self.http2 = Http2Room::new();
        }
        if settings.is_read(AppProtocol::Http) || settings.is_read(AppProtocol::Http2) {
            self.http = Some(Box::new(HttpRoom::new(&settings.http)));
        }
        self
    }

    /// Places in use.
    pub fn used(&self) -> usize {
        let free = |mut at: u32, next: &dyn Fn(u32) -> u32| {
            let mut count = 0;
            while at != NONE {
                (count, at) = (count + 1, next(at));
            }
            count
        };
        self.transactions.len()
            - free(self.free_transaction, &|at| self.transactions.get(at as usize).map_or(NONE, |found| found.next))
    }

    /// Transactions that one conversation may leave open now: a 32nd of what is free, at least one. What is complete and waits to be judged comes
    /// on top, up to as many again. So conversations that leave many open never take all there are: of `n` such a part of 16 in `16 + n` stays free for others.
    ///
    /// Source: A. Choudhury and E. Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998.
    pub(crate) fn share(&self) -> usize {
        (self.most_transactions.saturating_sub(self.used_transactions) / 32).max(1)
    }

    /// There is no place for a transaction.
    pub(crate) fn refuse(&mut self) -> TxRef {
        self.counts.refused += 1;
        TxRef::NONE
    }

    pub(crate) fn take_transaction(&mut self, number: u64, protocol: AppProtocol, key: u64) -> TxRef {
        let fresh = Transaction {
            number,
            protocol,
            halves: [Half::NOTHING, Half::NOTHING],
            told: false,
            telling: Telling::default(),
            key,
            before: NONE,
            next: NONE,
        };
        self.counts.transactions += 1;
        if let Some(place) = self.transactions.get_mut(self.free_transaction as usize) {
            let taken = std::mem::replace(&mut self.free_transaction, place.next);
            *place = fresh;
            self.used_transactions += 1;
            return TxRef(taken);
        }
        if self.transactions.len() >= self.most_transactions {
            return self.refuse();
        }
        self.used_transactions += 1;
        self.transactions.push(fresh);
        TxRef(self.transactions.len() as u32 - 1)
    }

    pub(crate) fn give_transaction(&mut self, at: TxRef) {
        let Self { arena, transactions, .. } = self;
        let Some(transaction) = transactions.get_mut(at.0 as usize) else { return };
        let mut bodies = [NONE; 2];
        for (half, first) in transaction.halves.iter_mut().zip(&mut bodies) {
            [&mut half.log, &mut half.waiting, &mut half.matched].into_iter().for_each(|buf| arena.free(buf));
            *first = half.first_body;
            *half = Half::NOTHING;
        }
        transaction.next = self.free_transaction;
        self.free_transaction = at.0;
        self.used_transactions = self.used_transactions.saturating_sub(1);
        for mut body in bodies {
            while body != NONE {
                let next = self.bodies.get(body as usize).map_or(NONE, |body| body.next);
                self.give_body(body);
                body = next;
            }
        }
    }

    pub(crate) fn take_body(&mut self, field: Field, limit: u64) -> BodyRef {
        let fresh = Body { field, limit, ..Body::NOTHING };
        if let Some(place) = self.bodies.get_mut(self.free_body as usize) {
            let taken = std::mem::replace(&mut self.free_body, place.next);
            *place = fresh;
            return BodyRef(taken);
        }
        if self.bodies.len() >= self.most_bodies {
            self.counts.refused += 1;
            return BodyRef::NONE;
        }
        self.bodies.push(fresh);
        BodyRef(self.bodies.len() as u32 - 1)
    }

    /// See [`crate::Applications::untold_file`].
    pub(crate) fn untold_file(
        &mut self,
        at: TxRef,
        direction: Direction,
        judged: bool,
        flow_ends: bool,
    ) -> Option<BodyRef> {
        let Room { transactions, bodies, .. } = self;
        let half = transactions.get_mut(at.0 as usize)?.halves.get_mut(direction.index())?;
        if judged && half.is_new && !flow_ends {
            return None;
        }
        while let Some(found) = bodies.get(half.untold as usize).filter(|found| found.told || !found.is_file) {
            half.untold = found.next;
        }
        let mut body = half.untold;
        while let Some(found) = bodies.get_mut(body as usize) {
            if found.is_file && !found.told && (flow_ends || found.end != FileEnd::Open) {
                found.told = true;
                return Some(BodyRef(body));
            }
            body = found.next;
        }
        None
    }

    /// Gives up files of `at` that are over, judged and told of, but for the last [`KEPT_FILES`] bodies of each direction.
    pub(crate) fn prune_files(&mut self, at: TxRef) {
        for direction in Direction::ALL {
            let Some(half) = self.half(at, direction).filter(|half| !half.is_new) else { continue };
            let first = half.first_body;
            let next_of = |bodies: &[Body], at: u32| bodies.get(at as usize).map(|body| body.next);
            let all = std::iter::successors(Some(first), |&at| next_of(&self.bodies, at));
            let mut count = all.take_while(|&at| at != NONE).count();
            let (mut before, mut place) = (NONE, first);
            while let Some(body) = self.bodies.get(place as usize).filter(|_| count > KEPT_FILES) {
                let next = body.next;
                if !(body.is_file && body.told && body.end != FileEnd::Open) {
                    (before, place) = (place, next);
                    continue;
                }
                match self.bodies.get_mut(before as usize) {
                    Some(before) => before.next = next,
                    None => {
                        if let Some(half) = self.half_mut(at, direction) {
                            half.first_body = next;
                        }
                    }
                }
                if let Some(half) = self.half_mut(at, direction) {
                    if next == NONE {
                        half.last_body = before;
                    }
                    if half.untold == place {
                        half.untold = next;
                    }
                }
                self.give_body(place);
                count -= 1;
                place = next;
            }
        }
    }

    fn give_body(&mut self, at: u32) {
        let Self { arena, bodies, free_body, digests, .. } = self;
        let Some(body) = bodies.get_mut(at as usize) else { return };
        digests.give(body.digests);
        arena.free(&mut body.name);
        arena.free(&mut body.bytes);
        *body = Body { next: *free_body, ..Body::NOTHING };
        *free_body = at;
    }

    /// A rule asks for the files of `direction` of `at` to be stored, also of those that come later.
    pub fn store_files(&mut self, at: TxRef, direction: Direction) {
        if let Some(half) = self.half_mut(at, direction) {
            half.stores = true;
        }
    }

    #[inline]
    pub(crate) fn transaction(&self, at: TxRef) -> Option<&Transaction> {
        self.transactions.get(at.0 as usize)
    }

    #[inline]
    pub(crate) fn half(&self, at: TxRef, direction: Direction) -> Option<&Half> {
        self.transactions.get(at.0 as usize)?.halves.get(direction.index())
    }

    #[inline]
    pub(crate) fn half_mut(&mut self, at: TxRef, direction: Direction) -> Option<&mut Half> {
        self.transactions.get_mut(at.0 as usize)?.halves.get_mut(direction.index())
    }
}

#[cfg(test)]
mod tests {
    use super::{FileEnd, KEPT_FILES, Room};
    use crate::{AppSettings, Desk, Field, Fields, desk::Thread};
    use proptest::prelude::*;
    use sluice_core::{AppProtocol, Direction, Nanos};

    const HERE: Direction = Direction::ToServer;

    proptest! {
        /// Against a plain list of files, each open, over, or told of: every file is told of once, the oldest first, whatever was given up in between.
        #[test]
        fn files_are_told_of_as_in_a_plain_list(steps in prop::collection::vec((0..5_u8, any::<prop::sample::Index>()), 1..120)) {
            let (mut room, mut thread) = (Room::new(64, 1 << 20), Thread::EMPTY);
            let (settings, wants) = (AppSettings::off(), Fields::NONE);
            let mut files = Vec::new();
            let at = room.take_transaction(0, AppProtocol::Http, 0);
            for (what, which) in steps {
                let mut desk = Desk {
                    room: &mut room,
                    thread: &mut thread,
                    protocol: AppProtocol::Http,
                    settings: &settings,
                    wants: &wants,
                    direction: HERE,
                    now: Nanos(0),
                    ports: [80, 40_000],
                    datagram: false,
                };
                match what {
                    0 | 1 => {
                        let name: Option<&[u8]> = (what == 0 || which.index(4) > 0).then_some(b"");
                        let body = desk.open_body(at, HERE, Field::FileData, name, 10);
                        if body.is_some() && name.is_some() {
                            files.push((body, FileEnd::Open, false));
                        }
                    }
                    2 if !files.is_empty() => {
                        let place = which.index(files.len());
                        let file = &mut files[place];
                        if file.1 == FileEnd::Open {
                            desk.close_body(at, HERE, file.0, FileEnd::Closed);
                            file.1 = FileEnd::Closed;
                        }
                    }
                    3 => {
                        let wanted = files.iter_mut().find(|(_, end, told)| *end != FileEnd::Open && !told);
                        let wanted = wanted.map(|file| {
                            file.2 = true;
                            file.0
                        });
                        prop_assert_eq!(room.untold_file(at, HERE, false, false), wanted);
                    }
                    4 => {
                        room.half_mut(at, HERE).unwrap().is_new = false;
                        let before: Vec<_> = files.iter().map(|file| file.0).collect();
                        room.prune_files(at);
                        let mut kept = Vec::new();
                        let mut body = room.half(at, HERE).unwrap().first_body;
                        while let Some(found) = room.bodies.get(body as usize) {
                            kept.push(crate::BodyRef(body));
                            body = found.next;
                        }
                        prop_assert!(before.len() <= KEPT_FILES || files.iter().all(|(body, _, told)| *told || kept.contains(body)));
                        files.retain(|(body, ..)| kept.contains(body));
                    }
                    _ => {}
                }
            }
            // When the flow ends, those that are open as well.
            let left: Vec<_> = files.iter().filter(|(_, _, told)| !told).map(|(body, ..)| *body).collect();
            let told: Vec<_> = std::iter::from_fn(|| room.untold_file(at, HERE, true, true)).collect();
            prop_assert_eq!(told, left);
        }
    }
}
