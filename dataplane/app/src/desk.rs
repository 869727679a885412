//! Where a parser puts what it finds.
//!
//! Made by [`crate::applications`] for each piece of input, used by the parsers. What finds no room is counted, and the parser goes on: [`TxRef::NONE`] and [`BodyRef::NONE`] take everything
//! and keep nothing.

use crate::{
    arena::Buf,
    digest,
    event::AppEvent,
    field::{Field, Fields},
    log,
    parser::MOST_ASIDE,
    protocol::AppSettings,
    room::{Body, BodyRef, FileEnd, NONE, Room, Telling, TxRef},
};
use sluice_core::{AppProtocol, Direction, Nanos};

/// Transactions of one conversation, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// Transactions in it.
    pub(crate) count: u32,
    /// Transactions that ever began.
    pub(crate) opened: u64,
    /// Files that ever began.
    pub(crate) files: u32,
    /// Something of a direction may be to be judged, and some transaction told of or let go: nobody walks over all of them for nothing.
    pub(crate) news: [bool; 2],
    /// Messages of DNS travel in it.
    pub(crate) carries_dns: bool,
    pub(crate) changed: bool,
}

impl Thread {
    pub(crate) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
        count: 0,
        opened: 0,
        files: 0,
        news: [false; 2],
        carries_dns: false,
        changed: false,
    };

    /// Something is new in `direction`.
    #[inline]
    pub(crate) fn note(&mut self, direction: Direction) {
        if let Some(news) = self.news.get_mut(direction.index()) {
            *news = true;
        }
        self.changed = true;
    }
}

/// A parser's desk.
pub struct Desk<'a> {
    pub(crate) room: &'a mut Room,
    pub(crate) thread: &'a mut Thread,
    /// The protocol of the transactions that are opened.
    pub protocol: AppProtocol,
    /// The settings.
    pub settings: &'a AppSettings,
    /// Fields that rules or records ask for; others need not be put down.
    pub wants: &'a Fields,
    /// The direction of the bytes at hand.
    pub direction: Direction,
    /// Time of the packet at hand.
    pub now: Nanos,
    /// Ports of the server and of the client.
    pub ports: [u16; 2],
    /// Whether the bytes come in datagrams.
    pub datagram: bool,
}

impl Desk<'_> {
    /// Whether somebody asks for `field`.
    #[inline]
    pub fn wants(&self, field: Field) -> bool {
        self.wants.contains(field)
    }

    /// Messages of DNS travel in the conversation.
    pub const fn carries_dns(&mut self) {
        self.thread.carries_dns = true;
    }

    /// Begins a transaction, which the parser may find again by `key`. [`TxRef::NONE`] when there is no place, or none left for this conversation.
    pub fn open(&mut self, key: u64) -> TxRef {
        let number = self.thread.opened;
        // Who has twice his share, judged or not, gets no more: what is left is for others.
        let has_too_many = self.thread.count as usize >= 2 * self.room.share();
        let at = match has_too_many {
            true => self.room.refuse(),
            false => self.room.take_transaction(number, self.protocol, key),
        };
        self.thread.opened += 1;
        if at.is_some() {
            if let Some(transaction) = self.room.transactions.get_mut(at.0 as usize) {
                transaction.before = self.thread.last;
            }
            match self.room.transactions.get_mut(self.thread.last as usize) {
                Some(last) => last.next = at.0,
                None => self.thread.first = at.0,
            }
            self.thread.last = at.0;
            self.thread.count += 1;
        }
        at
    }

    /// Transactions that are open.
    pub const fn open_count(&self) -> u32 {
        self.thread.count
    }

    /// Transactions that a conversation may leave open now: fewer the fuller the worker's room is.
    pub fn share(&self) -> u64 {
        self.room.share() as u64
    }

    /// The oldest open transaction for which `wanted` holds: it is given the key and the levels to the server and to the client.
    ///
    /// # Cost
    /// A step for each open transaction.
    pub fn find(&self, mut wanted: impl FnMut(u64, [u8; 2]) -> bool) -> TxRef {
        let mut at = self.thread.first;
        while let Some(transaction) = self.room.transactions.get(at as usize) {
            let [server, client] = &transaction.halves;
            if wanted(transaction.key, [server.level, client.level]) {
                return TxRef(at);
            }
            at = transaction.next;
        }
        TxRef::NONE
    }

    /// What the parser knows `at` by.
    pub fn key(&self, at: TxRef) -> u64 {
        self.room.transaction(at).map_or(0, |found| found.key)
    }

    /// The oldest open transaction of key `from` or later for which `wanted` holds, as [`Desk::find`]; keys must rise.
    ///
    /// # Cost
    /// A step for each transaction of key `from` or later.
    pub fn find_from(&self, from: u64, mut wanted: impl FnMut([u8; 2]) -> bool) -> TxRef {
        let (mut at, mut found) = (self.thread.last, TxRef::NONE);
        while let Some(transaction) = self.room.transactions.get(at as usize).filter(|there| there.key >= from) {
            let [server, client] = &transaction.halves;
            if wanted([server.level, client.level]) {
                found = TxRef(at);
            }
            at = transaction.before;
        }
        found
    }

    /// How far `direction` of `at` is.
    pub fn level(&self, at: TxRef, direction: Direction) -> u8 {
        self.room.half(at, direction).map_or(0, |half| half.level)
    }

    /// `direction` of `at` has reached `level`. It never goes back.
    pub fn reach(&mut self, at: TxRef, direction: Direction, level: u8) {
        if let Some(half) = self.room.half_mut(at, direction).filter(|half| half.level < level) {
            half.level = level;
            half.is_new = true;
            self.thread.note(direction);
        }
    }

    /// Nothing will be known of `direction` of `at`: the transaction has one side only.
    pub fn skip(&mut self, at: TxRef, direction: Direction) {
        if let Some(half) = self.room.half_mut(at, direction) {
            half.level = crate::level::DONE;
            self.thread.changed = true;
        }
    }

    /// When the record of `at` is made; if not told otherwise, when it is complete or its flow ends.
    pub fn tell(&mut self, at: TxRef, when: Telling) {
        if let Some(transaction) = self.room.transactions.get_mut(at.0 as usize) {
            transaction.telling = when;
            self.thread.changed = true;
        }
    }

    /// So many bytes of fields are put down for `direction` of `at` soon: they find their room at once. Without it nothing is lost.
    pub fn reserve(&mut self, at: TxRef, direction: Direction, bytes: usize) {
        let Room { arena, transactions, .. } = &mut *self.room;
        if let Some(half) =
            transactions.get_mut(at.0 as usize).and_then(|found| found.halves.get_mut(direction.index()))
        {
            let _ = arena.reserve(&mut half.log, bytes);
        }
    }

    /// Puts down `field`, whatever is asked for.
    pub fn put(&mut self, at: TxRef, direction: Direction, field: Field, bytes: &[u8]) {
        self.put_parts(at, direction, field, [bytes]);
    }

    /// Puts down `field`, made of `parts`.
    #[inline]
    pub fn put_parts<const N: usize>(&mut self, at: TxRef, direction: Direction, field: Field, parts: [&[u8]; N]) {
        let Room { arena, transactions, counts, .. } = &mut *self.room;
        let half = transactions.get_mut(at.0 as usize).and_then(|found| found.halves.get_mut(direction.index()));
        let Some(half) = half else { return };
        match log::put(arena, &mut half.log, field, parts) {
            Ok(()) => {
                half.has.add(field);
                half.is_new = true;
                self.thread.note(direction);
            }
            Err(_) => counts.refused += 1,
        }
    }

    /// Puts down `field` if somebody asks for it.
    #[inline]
    pub fn put_wanted(&mut self, at: TxRef, direction: Direction, field: Field, bytes: &[u8]) {
        if self.wants(field) {
            self.put(at, direction, field, bytes);
        }
    }

    /// Puts down a number.
    pub fn number(&mut self, at: TxRef, direction: Direction, field: Field, number: u64) {
        self.put(at, direction, field, &number.to_le_bytes());
    }

    /// Something is wrong with `direction` of `at`. The same is noted once.
    ///
    /// # Cost
    /// That of a test of a bit when it was noted before, however much was put down: a hostile end says the same with every frame.
    pub fn event(&mut self, at: TxRef, direction: Direction, event: AppEvent) {
        let Some(half) = self.room.half(at, direction).filter(|half| !half.events.contains(event)) else { return };
        let before = half.log.len();
        self.number(at, direction, Field::Event, u64::from(event as u16));
        if let Some(half) = self.room.half_mut(at, direction).filter(|half| half.log.len() > before) {
            half.events.add(event);
        }
    }

    /// Where the next field of `direction` of `at` will stand: see [`Desk::field_at`].
    pub fn place(&self, at: TxRef, direction: Direction) -> u32 {
        self.room.half(at, direction).map_or(0, |half| half.log.len() as u32)
    }

    /// The `field` of `direction` of `at` that stands at `place`; none: another one does, or nothing.
    ///
    /// # Cost
    /// Does not grow with what was put down, other than [`Desk::field`].
    pub fn field_at(&self, at: TxRef, direction: Direction, field: Field, place: u32) -> Option<&[u8]> {
        let half = self.room.half(at, direction)?;
        let (found, bytes) = log::entries(self.room.arena.get(&half.log).get(place as usize..)?).next()?;
        (found == field).then_some(bytes)
    }

    /// What was put down for `direction` of `at`.
    pub fn entries(&self, at: TxRef, direction: Direction) -> log::Entries<'_> {
        log::entries(self.room.half(at, direction).map_or(&[], |half| self.room.arena.get(&half.log)))
    }

    /// The first `field` of `direction` of `at`.
    ///
    /// # Cost
    /// A step for each field in front of it, or nothing when there is none: for what is asked once, or stands in front. What is asked again and again remembers its
    /// [`Desk::place`].
    pub fn field(&self, at: TxRef, direction: Direction, field: Field) -> Option<&[u8]> {
        self.room.half(at, direction).filter(|half| half.has.contains(field))?;
        self.entries(at, direction).find(|(found, _)| *found == field).map(|(_, bytes)| bytes)
    }

    /// Begins a body of `direction` of `at`, of which `limit` bytes are looked at. As a file it has a `name`, perhaps an empty one.
    pub fn open_body(
        &mut self,
        at: TxRef,
        direction: Direction,
        field: Field,
        file: Option<&[u8]>,
        limit: u64,
    ) -> BodyRef {
        if !at.is_some() {
            return BodyRef::NONE;
        }
        if let Some(name) = file.filter(|name| !name.is_empty()) {
            self.put_wanted(at, direction, Field::FileName, name);
        }
        let body = self.room.take_body(field, limit);
        let Room { arena, transactions, bodies, digests, counts, .. } = &mut *self.room;
        let Some(taken) = bodies.get_mut(body.0 as usize) else { return body };
        if file.is_some() {
            let (place, is_full) = digests.take(self.wants);
            taken.digests = place;
            counts.refused += u64::from(is_full);
        }
        if let Some(name) = file {
            self.thread.files += 1;
            (taken.is_file, taken.file_number) = (true, self.thread.files);
            // A name that finds no room is left out: the file is looked at all the same.
            let _ = arena.push(&mut taken.name, name);
        }
        let half = transactions.get_mut(at.0 as usize).and_then(|found| found.halves.get_mut(direction.index()));
        if let Some(half) = half {
            match bodies.get_mut(half.last_body as usize) {
                Some(last) => last.next = body.0,
                None => half.first_body = body.0,
            }
            half.last_body = body.0;
            if half.untold == NONE {
                half.untold = body.0;
            }
        }
        body
    }

    /// More bytes of `body`, which is of `direction` of `at`.
    pub fn body(&mut self, at: TxRef, direction: Direction, body: BodyRef, bytes: &[u8]) {
        let Room { arena, transactions, bodies, counts, digests, .. } = &mut *self.room;
        let Some(Body { bytes: kept, total, limit, has_gaps, digests: of_file, .. }) = bodies.get_mut(body.0 as usize)
        else {
            return;
        };
        digests.update(*of_file, bytes);
        let room = limit.saturating_sub(*total).min(bytes.len() as u64) as usize;
        *total += bytes.len() as u64;
        let part = bytes.get(..room).unwrap_or(bytes);
        if part.is_empty() && (bytes.is_empty() || !self.wants.contains(Field::Pieces)) {
            return;
        }
        if !*has_gaps && arena.push(kept, part).is_err() {
            *has_gaps = true;
            counts.refused += 1;
        }
        if let Some(half) =
            transactions.get_mut(at.0 as usize).and_then(|found| found.halves.get_mut(direction.index()))
        {
            half.is_new = true;
            self.thread.note(direction);
        }
    }

    /// So many bytes of `body` are missing; none: how many is not known.
    pub fn body_gap(&mut self, body: BodyRef, missing: u64) {
        if let Some(found) = self.room.bodies.get_mut(body.0 as usize) {
            found.has_gaps = true;
            found.total += missing;
        }
    }

    /// `body` is over.
    pub fn close_body(&mut self, at: TxRef, direction: Direction, body: BodyRef, end: FileEnd) {
        if let Some(found) = self.room.bodies.get_mut(body.0 as usize) {
            found.end = end;
            let (place, number) = (std::mem::replace(&mut found.digests, digest::NONE), found.file_number);
            if place != digest::NONE {
                let made = self.room.digests.finish(place);
                for (field, made) in digest::FIELDS.into_iter().zip(made) {
                    if let Some((bytes, length)) = made {
                        let digest = bytes.get(..length).unwrap_or_default();
                        self.put_parts(at, direction, field, [&number.to_le_bytes(), digest]);
                    }
                }
            }
            if let Some(half) = self.room.half_mut(at, direction) {
                half.is_new = true;
                self.thread.note(direction);
            }
        }
    }

    /// So many things found no room in what a parser has of its own.
    pub fn refused(&mut self, count: u64) {
        self.room.counts.refused += count;
    }

    /// The bytes of `body`, when all of them were kept.
    pub fn whole_body(&self, body: BodyRef) -> Option<&[u8]> {
        let found = self.room.bodies.get(body.0 as usize).filter(|body| !body.has_gaps)?;
        let bytes = self.room.arena.get(&found.bytes);
        (bytes.len() as u64 == found.total).then_some(bytes)
    }

    /// Bytes of `body` that came so far.
    pub fn body_length(&self, body: BodyRef) -> u64 {
        self.room.bodies.get(body.0 as usize).map_or(0, |body| body.total)
    }

    /// Keeps `bytes` for the parser, behind what `buf` holds; false when there is no room. What a parser keeps it gives back with [`Desk::forget`].
    pub fn keep(&mut self, buf: &mut Buf, bytes: &[u8]) -> bool {
        let kept = self.room.arena.push(buf, bytes).is_ok();
        self.room.counts.refused += u64::from(!kept);
        kept
    }

    /// Lets `read` see what `buf` keeps, and gives it back. More than [`MOST_ASIDE`] bytes are not shown.
    ///
    /// # Cost
    /// A copy of the bytes, as `read` may put down more.
    pub fn release<R>(&mut self, buf: &mut Buf, read: impl FnOnce(&mut Self, &[u8]) -> R) -> R {
        let mut aside = std::mem::take(&mut self.room.aside);
        aside.clear();
        let bytes = self.kept(buf);
        aside.extend_from_slice(bytes.get(..MOST_ASIDE).unwrap_or(bytes));
        self.forget(buf);
        let told = read(self, &aside);
        self.room.aside = aside;
        told
    }

    /// Keeps `count` bytes that are 0; false when there is no room.
    pub fn keep_zeroes(&mut self, buf: &mut Buf, count: usize) -> bool {
        let kept = self.room.arena.grow(buf, count).map(|room| room.fill(0)).is_ok();
        self.room.counts.refused += u64::from(!kept);
        kept
    }

    /// The bytes a parser keeps, to be changed.
    pub fn kept_mut(&mut self, buf: &Buf) -> &mut [u8] {
        self.room.arena.get_mut(buf)
    }

    /// Lets `work` make text in a place of [`crate::room::MOST_TEXT`] bytes, whatever they hold.
    pub fn with_place(&mut self, work: impl FnOnce(&mut Self, &mut [u8])) {
        let mut place = std::mem::take(&mut self.room.text);
        work(self, &mut place);
        self.room.text = place;
    }

    /// Room for [`MOST_ASIDE`] bytes, to be given back with [`Desk::give_aside`] before anything is released.
    pub fn take_aside(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.room.aside)
    }

    /// Gives it back.
    pub fn give_aside(&mut self, aside: Vec<u8>) {
        self.room.aside = aside;
    }

    /// The bytes a parser keeps.
    pub fn kept(&self, buf: &Buf) -> &[u8] {
        self.room.arena.get(buf)
    }

    /// Gives back what a parser kept.
    pub fn forget(&mut self, buf: &mut Buf) {
        self.room.arena.free(buf);
    }
}
