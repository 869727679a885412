//! The flow table of one worker.
//!
//! Fixed capacity. Lookup never creates. Flows and half-open connections share one index; a half-open connection is unpacked into a flow outside
//! the table while its packet is judged, and [`FlowTable::settle`] packs it again or gives it a slot among the flows. Everything a flow meets
//! depends on its partition alone, so one table for all partitions and several for some each give the same answers. `connections`: the TCP connections of flows.

pub mod connections;

use crate::{
    flow::Flow,
    half_open::{self, HalfOpen},
    index::Index,
    marks::{FlowView, MARK_WORDS, MarkWords, Marks},
    partition::Partitions,
    shares::{NOBODY, Shares},
    stream::StreamRef,
    tcp::{OfferWords, TcpBounds},
    timeouts::Timeouts,
    waiting::Waiting,
    wheel::{WHEEL, Wheel},
};
use sluice_cell::{advise_huge_pages, prefetch_read, prefetch_two_lines};
use sluice_core::{
    Direction, FlowKey, HashKey, Nanos,
    event::{FlowEnd, FlowState},
    time::NANOS_PER_SECOND,
};

/// Flows looked at per call of [`FlowTable::expire`].
const EXPIRE_BUDGET: usize = 256;
/// Flows looked at per call of [`FlowTable::evict`].
const EVICT_BUDGET: u32 = 16;
const TCP: u8 = 6;
/// Set in the index in front of the slot of a half-open connection.
const HALF: u32 = 1 << 31;

/// No slot is free, or both buckets of the key are full. A normal answer: the caller applies the policy for `Cause::FlowTableFull`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFull;

/// A flow in the table. Valid until the flow is removed; that of a half-open connection until it is settled or another one is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRef(u32);

/// Where a key is most likely found.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    bucket: u32,
    slot: u32,
}

impl Candidate {
    /// Nowhere: of a key that is not looked for.
    pub const NONE: Self = Self { bucket: NOBODY, slot: NOBODY };

    /// Whether a key is looked for at all.
    #[inline(always)]
    pub const fn is_some(&self) -> bool {
        self.bucket != NOBODY
    }
}

/// The half-open connection at hand.
const UNPACKED: FlowRef = FlowRef(NOBODY - 1);

/// What the first packet of a flow tells.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// The key.
    pub key: FlowKey,
    /// Its hash, from [`FlowTable::hash`].
    pub hash: u64,
    /// Whether the packet's endpoints were swapped to make the key.
    pub swapped: bool,
    /// The packet's time.
    pub now: Nanos,
}

/// Sizes and times of a table.
#[derive(Clone, Copy, Debug)]
pub struct TableSettings {
    /// Flows it holds, at least 1.
    pub capacity: usize,
    /// Half-open connections it holds besides; with 0 every SYN makes a flow.
    pub half_open: usize,
    /// How it is divided.
    pub partitions: Partitions,
    /// Idle times.
    pub timeouts: Timeouts,
}

/// A half-open connection while its packet is judged.
struct Unpacked {
    flow: Flow,
    marks: MarkWords,
    offers: OfferWords,
    bounds: TcpBounds,
    hash: u64,
    /// Its slot among the half-open ones; [`NOBODY`] when there is none at hand.
    slot: u32,
    /// Its first packet is at hand.
    fresh: bool,
}

/// The flow table of one worker.
pub struct FlowTable {
    index: Index,
    flows: Vec<Flow>,
    marks: Marks,
    /// Offers of each flow's handshake: memory is used by handshakes that do not fit a half-open slot.
    offers: Vec<OfferWords>,
    /// Windows and clocks of each flow's connection: as long as the TCP connection in the highest slot so far asks for.
    bounds: Vec<TcpBounds>,
    shares: Shares,
    /// Where [`FlowTable::evict`] looks next, and flows opened so far, by partition.
    partitions: Box<[Partition]>,
    partition_of: Partitions,
    waiting: Waiting,
    unpacked: Box<Unpacked>,
    wheel: Wheel,
    hash: HashKey,
    timeouts: Timeouts,
    /// How long an open TCP connection may be idle.
    open_idle_ns: u64,
    /// The second for which half-open connections were ended, and the partition that is next for the one after.
    waiting_ended_to: u64,
    waiting_partition: usize,
}

#[derive(Clone, Copy, Default)]
struct Partition {
    hand: u32,
    opened: u64,
}

impl FlowTable {
    /// An empty table. All memory is reserved here and used as flows come.
    pub fn new(settings: TableSettings, hash: HashKey) -> Self {
        let partitions = settings.partitions;
        let capacity = settings.capacity.clamp(1, (HALF - 1) as usize);
        let half_open = settings.half_open.min((HALF - 2) as usize);
        let per_partition = Shares::largest(capacity, partitions) + Shares::largest(half_open, partitions);
        let mut flows = Vec::with_capacity(capacity);
        advise_huge_pages(flows.spare_capacity_mut());
        Self {
            index: Index::new(per_partition, partitions),
            flows,
            marks: Marks::new(capacity),
            offers: vec![OfferWords::default(); capacity],
            bounds: Vec::with_capacity(capacity),
            shares: Shares::new(capacity, partitions),
            partitions: vec![Partition::default(); partitions.count()].into_boxed_slice(),
            partition_of: partitions,
            waiting: Waiting::new(half_open, partitions),
            unpacked: Box::new(Unpacked {
                flow: Flow::default(),
                marks: [0; MARK_WORDS],
                offers: OfferWords::default(),
                bounds: TcpBounds::default(),
                hash: 0,
                slot: NOBODY,
                fresh: false,
            }),
            wheel: Wheel::new(),
            hash,
            timeouts: settings.timeouts,
            open_idle_ns: u64::from(settings.timeouts.idle_s(TCP, FlowState::Established)) * NANOS_PER_SECOND,
            waiting_ended_to: 0,
            waiting_partition: 0,
        }
    }

    /// Hash of `key`, for the other calls.
    #[inline(always)]
    pub fn hash(&self, key: &FlowKey) -> u64 {
        key.hash(&self.hash)
    }

    /// The secret of [`FlowTable::hash`].
    #[inline(always)]
    pub fn secret(&self) -> &HashKey {
        &self.hash
    }

    /// Hints that `hash` will be looked up soon.
    #[inline]
    pub fn hint(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// The same, as the first of the three steps of a burst's lookups.
    #[inline(always)]
    pub fn prefetch(&self, hash: u64, candidate: &mut Candidate) {
        // The slot of an earlier key may stay: keys are compared.
        candidate.bucket = self.index.prefetch(hash);
    }

    /// Finds the flow that is most likely the one under `hash`, and hints that it will be looked at soon. Second step: the bucket is in the cache
    /// by now. Nothing rests on the answer: [`FlowTable::confirm`] compares keys.
    #[inline(always)]
    pub fn prefetch_flow(&self, hash: u64, candidate: &mut Candidate) {
        let Some(slot) = self.index.candidate(hash, candidate.bucket) else { return };
        candidate.slot = slot;
        if (slot as usize) < self.flows.len() {
            // Its key, and behind that its counters.
            prefetch_two_lines(&self.flows, slot as usize);
        } else if let Some(half_open) = self.waiting.get(slot ^ HALF) {
            prefetch_read(half_open);
        }
    }

    /// The flow of `key` that is no half-open connection. Third step: its line is in the cache by now. Never creates, unpacks nothing; true
    /// whatever happened to the table since the first two steps. None for [`Candidate::NONE`].
    ///
    /// # Cost
    /// The first line of the flow when the candidate is the one, else as [`FlowTable::lookup`].
    #[inline(always)]
    pub fn confirm(&mut self, key: &FlowKey, hash: u64, candidate: &Candidate) -> Option<&mut Flow> {
        let mut slot = candidate.slot as usize;
        if self.flows.get(slot).is_none_or(|flow| flow.key != *key) {
            slot = self.lookup_flow(key, hash, candidate)? as usize;
        }
        self.flows.get_mut(slot)
    }

    /// The candidate, if it is the flow of `key`: nearly always when there is one. Else ask [`FlowTable::confirm`].
    #[inline(always)]
    pub fn confirm_candidate(&mut self, key: &FlowKey, candidate: &Candidate) -> Option<&mut Flow> {
        // A slot that is free has no key.
        self.flows.get_mut(candidate.slot as usize).filter(|flow| flow.key == *key)
    }

    /// Flows in the table, half-open connections included.
    pub fn len(&self) -> usize {
        self.shares.used() + self.waiting.len()
    }

    /// Half-open connections in the table.
    pub fn half_open(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the table holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(never)]
    fn lookup_flow(&self, key: &FlowKey, hash: u64, candidate: &Candidate) -> Option<u32> {
        if !candidate.is_some() {
            return None;
        }
        self.index.find(hash, |slot| self.flows.get(slot as usize).is_some_and(|flow| flow.key == *key))
    }

    /// Finds the flow of `key`. Never creates. An idle flow is found too: ask [`FlowTable::is_idle`].
    ///
    /// # Cost
    /// One or two buckets of 64 bytes and the first line of the flow, or a half-open slot and unpacking it.
    #[inline]
    pub fn lookup(&mut self, key: &FlowKey, hash: u64) -> Option<FlowRef> {
        let found = self.index.find(hash, |slot| match self.flows.get(slot as usize) {
            Some(flow) => flow.key == *key,
            None => self.waiting.get(slot ^ HALF).is_some_and(|half_open| half_open.key() == *key),
        })?;
        if found & HALF == 0 {
            return Some(FlowRef(found));
        }
        self.unpack(found ^ HALF, hash);
        Some(UNPACKED)
    }

    fn unpack(&mut self, slot: u32, hash: u64) {
        let last = self.waiting.last(slot);
        let start = self.waiting.get(slot).map_or(Nanos(0), |half_open| half_open.start(last));
        let unpacked = &mut *self.unpacked;
        self.waiting.unpack(slot, half_open::id_of(&self.hash, hash, start), &mut unpacked.flow, &mut unpacked.offers);
        (unpacked.hash, unpacked.slot, unpacked.fresh) = (hash, slot, false);
    }

    /// The flow behind `flow`.
    #[inline(always)]
    pub fn get(&self, flow: FlowRef) -> Option<&Flow> {
        if flow == UNPACKED {
            return Some(&self.unpacked.flow).filter(|_| self.unpacked.slot != NOBODY);
        }
        self.flows.get(flow.0 as usize).filter(|flow| flow.live)
    }

    /// The flow behind `flow`, to be changed.
    #[inline(always)]
    pub fn get_mut(&mut self, flow: FlowRef) -> Option<&mut Flow> {
        if flow == UNPACKED {
            return Some(&mut self.unpacked.flow).filter(|_| self.unpacked.slot != NOBODY);
        }
        self.flows.get_mut(flow.0 as usize).filter(|flow| flow.live)
    }

    /// One direction of the stream of `flow`; none while it is half open.
    #[inline]
    pub fn stream(&self, flow: FlowRef, direction: Direction) -> Option<StreamRef> {
        (flow != UNPACKED).then(|| StreamRef::new(flow.0, direction))
    }

    /// Its slot, which is the number of its stream; none while it is half open.
    #[inline]
    pub fn slot(&self, flow: FlowRef) -> Option<u32> {
        (flow != UNPACKED).then_some(flow.0)
    }

    /// The partition of `flow`.
    pub fn partition_of(&self, flow: &Flow) -> usize {
        self.partition_of.of(flow.key.hash(&self.hash))
    }

    /// The flow behind `flow`, with its marks.
    #[inline]
    pub fn view(&mut self, flow: FlowRef) -> Option<FlowView<'_>> {
        if flow == UNPACKED {
            let unpacked = &mut *self.unpacked;
            let there = unpacked.slot != NOBODY;
            return there.then(|| FlowView::new(&mut unpacked.flow, &mut unpacked.marks));
        }
        let slot = flow.0 as usize;
        let flow = self.flows.get_mut(slot).filter(|flow| flow.live)?;
        Some(FlowView::new(flow, self.marks.get_mut(slot)?))
    }

    /// Whether the flow has been idle at `now` for longer than its state allows.
    #[inline]
    pub fn is_idle(&self, flow: FlowRef, now: Nanos) -> bool {
        self.get(flow).is_some_and(|flow| now.since(flow.last) > self.idle_ns(flow))
    }

    #[inline]
    fn idle_ns(&self, flow: &Flow) -> u64 {
        u64::from(self.timeouts.idle_s(flow.protocol(), flow.state)) * NANOS_PER_SECOND
    }

    /// The second after which `slot` will have been idle too long if nothing more comes.
    fn due(&self, slot: u32) -> u64 {
        self.flows.get(slot as usize).map_or(0, |flow| flow.last.seconds() + self.idle_ns(flow) / NANOS_PER_SECOND + 1)
    }

    /// Adds a flow, whose key must be absent.
    ///
    /// # Errors
    /// [`TableFull`] when all slots of its partition are in use or both buckets of the key are full.
    ///
    /// # Cost
    /// Two buckets and one flow. Never allocates.
    pub fn insert(&mut self, opening: Opening) -> Result<FlowRef, TableFull> {
        let Opening { key, hash, swapped, now } = opening;
        let slot = self.shares.next(self.partition_of.of(hash)).ok_or(TableFull)?;
        if !self.index.insert(hash, slot) {
            return Err(TableFull);
        }
        let partition = self.partition_of.of(hash);
        let opened = self.partitions.get_mut(partition).map_or(0, |partition| {
            partition.opened += 1;
            partition.opened
        });
        // 53 bits, so that readers which know only floating point keep it whole.
        let id = (self.hash.hash4(&[hash, now.0, opened, 0]) >> 11) | 1;
        let flow = Flow { key, id, start: now, last: now, opened_swapped: swapped, live: true, ..Flow::default() };
        self.place(partition, slot, flow);
        Ok(FlowRef(slot))
    }

    /// Takes `slot`, which is the next of `partition`, for `flow`.
    fn place(&mut self, partition: usize, slot: u32, flow: Flow) {
        let flows = &self.flows;
        self.shares.take(partition, |slot| flows.get(slot as usize).map_or(NOBODY, |flow| flow.wheel_next));
        let now = flow.last.seconds();
        match self.flows.get_mut(slot as usize) {
            Some(place) => *place = flow,
            // Within the capacity it was made with.
            None => self.flows.push(flow),
        }
        if self.wheel.turned_to == 0 {
            self.wheel.turned_to = now;
        }
        let due = self.due(slot);
        self.wheel.schedule(&mut self.flows, slot, due);
    }

    /// Adds a half-open connection, whose key must be absent and whose first packet is a SYN. The connection idle longest makes room and is
    /// handed over. To be settled when the packet is judged.
    ///
    /// # Errors
    /// [`TableFull`] when there is no half-open table or both buckets of the key are full: a flow may still fit.
    ///
    /// # Cost
    /// Two buckets and one slot of 64 bytes. Never allocates.
    pub fn insert_half_open(&mut self, opening: Opening, forced: impl FnOnce(&Flow)) -> Result<FlowRef, TableFull> {
        let Opening { key, hash, swapped, now } = opening;
        let partition = self.partition_of.of(hash);
        if self.waiting.next(partition).is_none() {
            let oldest = self.waiting.oldest(partition).ok_or(TableFull)?;
            let gone = self.waiting.get(oldest).map_or(0, |half_open| half_open.key().hash(&self.hash));
            self.unpack(oldest, gone);
            forced(&self.unpacked.flow);
            self.remove(UNPACKED);
        }
        let slot = self.waiting.next(partition).ok_or(TableFull)?;
        if !self.index.insert(hash, slot | HALF) {
            return Err(TableFull);
        }
        // Slots keep microseconds, as captures and events do.
        let start = Nanos::from_micros(now.0 / 1_000);
        let id = half_open::id_of(&self.hash, hash, start);
        let flow = Flow { key, id, start, last: now, opened_swapped: swapped, live: true, ..Flow::default() };
        let unpacked = &mut *self.unpacked;
        (unpacked.flow, unpacked.hash, unpacked.slot, unpacked.fresh) = (flow, hash, slot, true);
        let (packed, beside) = HalfOpen::pack_unchecked(&flow, &unpacked.offers);
        self.waiting.take(partition, packed, beside);
        Ok(UNPACKED)
    }

    /// The packet of `flow` is judged: a half-open connection goes back to its slot, or becomes a flow when it is established or has more to
    /// remember than a slot has room for. A flow that had to make room is handed over. Nothing is done for a flow in the table.
    ///
    /// # Errors
    /// [`TableFull`] when it has to become a flow and there is no room: then it stands as before the packet, which must not arrive at the other
    /// end. A connection that began with the packet is handed over too.
    pub fn settle(&mut self, flow: FlowRef, forced: impl FnMut(&Flow)) -> Result<(), TableFull> {
        let slot = self.unpacked.slot;
        if flow != UNPACKED || slot == NOBODY {
            return Ok(());
        }
        let hash = self.unpacked.hash;
        let partition = self.partition_of.of(hash);
        let Unpacked { flow: entry, offers, .. } = &mut *self.unpacked;
        // Rules of older generations are judged again, so that they were is not worth remembering.
        let generation = half_open::generation_of(entry);
        entry.addresses_judged.iter_mut().filter(|judged| **judged != generation).for_each(|judged| *judged = 0);
        if let Some((packed, beside)) = HalfOpen::pack(entry, offers) {
            self.waiting.update(partition, slot, packed, beside);
            self.unpacked.slot = NOBODY;
            return Ok(());
        }
        self.promote(UNPACKED, forced).map(|_| ())
    }

    /// A half-open connection becomes a flow before its packet is judged: its data need a stream. A flow that had to make room is handed over.
    /// Nothing is done for a flow in the table.
    ///
    /// # Errors
    /// As [`FlowTable::settle`].
    pub fn promote(&mut self, flow: FlowRef, mut forced: impl FnMut(&Flow)) -> Result<FlowRef, TableFull> {
        let slot = self.unpacked.slot;
        if flow != UNPACKED || slot == NOBODY {
            return Ok(flow);
        }
        let hash = self.unpacked.hash;
        let partition = self.partition_of.of(hash);
        if let Some(gone) = self.evict(hash) {
            forced(&gone);
        }
        let Some(place) = self.shares.next(partition) else {
            if self.unpacked.fresh {
                forced(&self.unpacked.flow);
                self.remove(UNPACKED);
            }
            self.unpacked.slot = NOBODY;
            return Err(TableFull);
        };
        self.index.replace(hash, slot | HALF, place);
        self.waiting.give_back(partition, slot);
        let flow = self.unpacked.flow;
        self.place(partition, place, flow);
        if flow.marked
            && let Some(marks) = self.marks.get_mut(place as usize)
        {
            *marks = self.unpacked.marks;
        }
        self.unpacked.slot = NOBODY;
        let (offers, bounds) = (self.unpacked.offers, self.unpacked.bounds);
        if let Some((flow, room, edges)) = self.tracked(FlowRef(place)) {
            *edges = bounds;
            if !flow.tcp.is_established() {
                *room = offers;
            }
        }
        Ok(FlowRef(place))
    }

    /// Makes room in a partition without a free slot, that of `hash`: ends a flow that only one side has spoken in, about the one opened longest
    /// ago, because slots are looked at in turn and a new flow takes the slot just passed. Where there is none, the closed connection or flow
    /// without connections goes that was idle longest. An established connection never pays. None when there is room, or when none of the next
    /// [`EVICT_BUDGET`] flows may go.
    ///
    /// # Cost
    /// At most [`EVICT_BUDGET`] flows; only when the partition is full.
    pub fn evict(&mut self, hash: u64) -> Option<Flow> {
        let partition = self.partition_of.of(hash);
        if !self.shares.is_full(partition) {
            return None;
        }
        let had = self.shares.had(partition);
        let mut longest_idle: Option<(Nanos, u32)> = None;
        for _ in 0..EVICT_BUDGET {
            let hand = self.partitions.get_mut(partition).map(|partition| &mut partition.hand)?;
            let place = *hand;
            *hand = if place + 1 < had { place + 1 } else { 0 };
            let slot = self.shares.member(partition, place)?;
            let Some(flow) = self.flows.get(slot as usize) else { continue };
            match flow.state {
                FlowState::New => return self.remove(FlowRef(slot)),
                FlowState::Established if flow.protocol() == TCP => {}
                // Among equals the one looked at first.
                FlowState::Established | FlowState::Closed => {
                    if longest_idle.is_none_or(|(last, _)| flow.last < last) {
                        longest_idle = Some((flow.last, slot));
                    }
                }
            }
        }
        longest_idle.and_then(|(_, slot)| self.remove(FlowRef(slot)))
    }

    /// Takes the marks out, for as long as flows are ended: what a flow had when it left the table lies under [`Flow::left_slot`] until another takes the slot.
    /// [`FlowTable::take_back`] puts them back before the next flow is looked at.
    #[must_use]
    pub const fn lend_marks(&mut self) -> Marks {
        std::mem::replace(&mut self.marks, Marks::NONE)
    }

    /// Puts back what [`FlowTable::lend_marks`] gave.
    pub fn take_back(&mut self, marks: Marks) {
        self.marks = marks;
    }

    /// Removes a flow and returns it as it ended. Its slot can be used again at once.
    pub fn remove(&mut self, flow: FlowRef) -> Option<Flow> {
        if flow == UNPACKED {
            let slot = std::mem::replace(&mut self.unpacked.slot, NOBODY);
            if slot == NOBODY {
                return None;
            }
            self.index.remove(self.unpacked.hash, slot | HALF);
            self.waiting.give_back(self.partition_of.of(self.unpacked.hash), slot);
            return Some(self.unpacked.flow);
        }
        let slot = flow.0;
        let gone = *self.flows.get(slot as usize).filter(|flow| flow.live)?;
        let hash = gone.key.hash(&self.hash);
        self.index.remove(hash, slot);
        self.wheel.unschedule(&mut self.flows, slot);
        let next_free = self.shares.give_back(self.partition_of.of(hash), slot);
        if let Some(flow) = self.flows.get_mut(slot as usize) {
            (flow.live, flow.key, flow.wheel_next) = (false, FlowKey::default(), next_free);
        }
        Some(Flow { wheel_next: slot + 1, ..gone })
    }

    /// Hands over flows that were idle too long at `now`. Does a bounded piece of work and goes on at the next call: for live traffic.
    ///
    /// # Cost
    /// At most [`EXPIRE_BUDGET`] flows; nothing when no second has passed.
    pub fn expire(&mut self, now: Nanos, ended: impl FnMut(&Flow, FlowEnd)) {
        self.expire_some(now, EXPIRE_BUDGET, ended);
    }

    /// Hands over every flow whose turn has come at `now`: for replay, at each new second, so that what is there does not depend on how much there
    /// is. The order within one call is not promised.
    pub fn expire_all(&mut self, now: Nanos, ended: impl FnMut(&Flow, FlowEnd)) {
        self.expire_some(now, usize::MAX, ended);
    }

    fn expire_some(&mut self, now: Nanos, mut budget: usize, mut ended: impl FnMut(&Flow, FlowEnd)) {
        let second = now.seconds();
        // The second alone decides, not which packet came first in it.
        let now = Nanos::from_seconds(second);
        if second > self.waiting_ended_to {
            self.expire_half_open(now, &mut budget, &mut ended);
        }
        if self.wheel.turned_to == 0 || second <= self.wheel.turned_to {
            return;
        }
        // A gap longer than the wheel visits each place once.
        if second - self.wheel.turned_to > WHEEL as u64 {
            self.wheel.turned_to = second - WHEEL as u64;
        }
        while self.wheel.turned_to < second && budget > 0 {
            let slot = self.wheel.first(self.wheel.turned_to);
            let Some(flow) = self.flows.get(slot as usize) else {
                self.wheel.turned_to += 1;
                continue;
            };
            budget -= 1;
            if now.since(flow.last) > self.idle_ns(flow) {
                if let Some(gone) = self.remove(FlowRef(slot)) {
                    ended(&gone, FlowEnd::Timeout);
                }
            } else {
                let due = self.due(slot);
                self.wheel.unschedule(&mut self.flows, slot);
                self.wheel.schedule(&mut self.flows, slot, due);
            }
        }
    }

    fn expire_half_open(&mut self, now: Nanos, budget: &mut usize, ended: &mut impl FnMut(&Flow, FlowEnd)) {
        let idle_ns = u64::from(self.timeouts.idle_s(TCP, FlowState::New)) * NANOS_PER_SECOND;
        while self.waiting_partition < self.partition_of.count() {
            while let Some(slot) = self.waiting.oldest(self.waiting_partition)
                && now.since(self.waiting.last(slot)) > idle_ns
            {
                if *budget == 0 {
                    return;
                }
                *budget -= 1;
                self.end_half_open(slot, FlowEnd::Timeout, ended);
            }
            self.waiting_partition += 1;
        }
        self.waiting_partition = 0;
        self.waiting_ended_to = now.seconds();
    }

    fn end_half_open(&mut self, slot: u32, end: FlowEnd, ended: &mut impl FnMut(&Flow, FlowEnd)) {
        let hash = self.waiting.get(slot).map_or(0, |half_open| half_open.key().hash(&self.hash));
        self.unpack(slot, hash);
        ended(&self.unpacked.flow, end);
        self.remove(UNPACKED);
    }

    /// Hands over every flow that is left, in the order of its slot, then every half-open connection, and empties the table.
    pub fn drain(&mut self, mut ended: impl FnMut(&Flow, FlowEnd)) {
        for slot in 0..self.flows.len() as u32 {
            if let Some(flow) = self.remove(FlowRef(slot)) {
                ended(&flow, FlowEnd::Shutdown);
            }
        }
        for partition in 0..self.partition_of.count() {
            while let Some(slot) = self.waiting.oldest(partition) {
                self.end_half_open(slot, FlowEnd::Shutdown, &mut ended);
            }
        }
        self.flows.clear();
        self.shares.reset();
        self.waiting.reset();
        self.wheel.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::{FlowTable, Opening, TableFull, TableSettings};
    use crate::{partition::Partitions, timeouts::Timeouts};
    use proptest::prelude::*;
    use sluice_core::{
        FlowKey, HashKey, Nanos,
        event::{FlowEnd, FlowState},
    };
    use std::collections::BTreeMap;

    /// From here on keys are of TCP, below of UDP.
    const TCP_FROM: u64 = 1_000_000;

    fn key(n: u64) -> FlowKey {
        FlowKey([n, 1, 2, 3, 4, if n >= TCP_FROM { 6 } else { 17 }])
    }

    fn table(capacity: usize) -> FlowTable {
        let settings =
            TableSettings { capacity, half_open: 0, partitions: Partitions::ONE, timeouts: Timeouts::default() };
        FlowTable::new(settings, HashKey::fixed())
    }

    fn open(table: &mut FlowTable, n: u64, now: Nanos) -> Result<super::FlowRef, TableFull> {
        let key = key(n);
        let hash = table.hash(&key);
        table.insert(Opening { key, hash, swapped: false, now })
    }

    fn find(table: &mut FlowTable, n: u64) -> Option<super::FlowRef> {
        table.lookup(&key(n), table.hash(&key(n)))
    }

    #[test]
    fn a_full_table_answers_and_keeps_what_it_has() {
        let mut table = table(1000);
        let accepted = (0..2000).filter(|&n| open(&mut table, n, Nanos::from_seconds(1)).is_ok()).count();
        assert_eq!(accepted, 1000);
        assert_eq!(table.len(), 1000);
        assert!((0..1000).all(|n| find(&mut table, n).is_some()));
        assert!((1000..2000).all(|n| find(&mut table, n).is_none()));
    }

    #[test]
    fn a_full_table_makes_room_among_unanswered_flows_oldest_first() {
        let mut table = table(20);
        for n in 0..20 {
            let n = if n < 5 { TCP_FROM + n } else { n };
            let flow = open(&mut table, n, Nanos::from_seconds(1)).unwrap();
            assert!(n == 19 || table.evict(0).is_none(), "there is room");
            if n >= TCP_FROM {
                table.get_mut(flow).unwrap().state = FlowState::Established;
            }
        }
        for n in 20..60 {
            assert_eq!(open(&mut table, n, Nanos::from_seconds(2)), Err(TableFull));
            let gone = match table.evict(0) {
                Some(gone) => gone,
                // Sixteen established flows in a row would be an answer too; five are not.
                None => panic!("no room for {n}"),
            };
            assert_eq!(gone.key, key(n - 15));
            open(&mut table, n, Nanos::from_seconds(2)).unwrap();
        }
        assert!((0..5).all(|n| find(&mut table, TCP_FROM + n).is_some()), "established connections stay");
        assert_eq!(table.len(), 20);
    }

    #[test]
    fn a_full_table_gives_up_answered_datagrams_and_closed_connections_but_no_established_one() {
        let mut table = table(4);
        let numbers = [TCP_FROM, 1, TCP_FROM + 2, TCP_FROM + 3];
        for (age, n) in (0..).zip(numbers) {
            let flow = open(&mut table, n, Nanos::from_seconds(10 - age)).unwrap();
            let closed = n == TCP_FROM + 2;
            table.get_mut(flow).unwrap().state = if closed { FlowState::Closed } else { FlowState::Established };
        }
        for gone in [TCP_FROM + 2, 1] {
            assert_eq!(table.evict(0).map(|flow| flow.key), Some(key(gone)));
            let flow = open(&mut table, TCP_FROM + gone + 10, Nanos::from_seconds(20)).unwrap();
            table.get_mut(flow).unwrap().state = FlowState::Established;
        }
        assert!(table.evict(0).is_none() && table.len() == 4);
    }

    #[test]
    fn idle_flows_leave_and_touched_ones_stay() {
        let mut table = table(10);
        open(&mut table, 1, Nanos::from_seconds(100)).unwrap();
        let kept = open(&mut table, 2, Nanos::from_seconds(100)).unwrap();
        table.get_mut(kept).unwrap().last = Nanos::from_seconds(125);
        let mut gone = Vec::new();
        for second in 101..=140 {
            table.expire(Nanos::from_seconds(second), |flow, end| gone.push((second, flow.key, end)));
        }
        assert_eq!(gone, [(132, key(1), FlowEnd::Timeout)]);
        assert!(find(&mut table, 1).is_none() && find(&mut table, 2).is_some());
    }

    #[test]
    fn a_jump_in_time_longer_than_the_wheel_still_ends_idle_flows() {
        let mut table = table(10);
        open(&mut table, 1, Nanos::from_seconds(100)).unwrap();
        let mut gone = 0;
        table.expire(Nanos::from_seconds(1_000_000), |_, _| gone += 1);
        assert_eq!(gone, 1);
        assert!(table.is_empty());
    }

    #[test]
    fn ids_are_below_two_to_the_53_and_never_zero() {
        let mut table = table(100);
        for n in 0..100 {
            let flow = open(&mut table, n, Nanos(n)).unwrap();
            let id = table.get_mut(flow).unwrap().id;
            assert!(id > 0 && id < 1 << 53);
        }
    }

    proptest! {
        /// The table against the standard library's map, through inserts, removals and lookups in any order.
        #[test]
        fn table_agrees_with_a_plain_map(steps in prop::collection::vec((0..3_u8, 0..60_u64), 1..400)) {
            let mut table = table(40);
            let mut plain = BTreeMap::new();
            let mut now = 1;
            for (step, n) in steps {
                now += 1;
                table.expire(Nanos::from_seconds(now), |flow, _| {
                    plain.remove(&flow.key.0[0]);
                });
                match step {
                    0 if !plain.contains_key(&n) => {
                        if let Ok(flow) = open(&mut table, n, Nanos::from_seconds(now)) {
                            plain.insert(n, table.get_mut(flow).unwrap().id);
                        } else {
                            prop_assert!(plain.len() >= 8, "refused with only {} flows", plain.len());
                        }
                    }
                    1 => {
                        let removed = find(&mut table, n).and_then(|flow| table.remove(flow)).map(|flow| flow.id);
                        prop_assert_eq!(removed, plain.remove(&n));
                    }
                    _ => {
                        let found = find(&mut table, n);
                        prop_assert_eq!(found.and_then(|flow| table.get_mut(flow)).map(|flow| flow.id), plain.get(&n).copied());
                    }
                }
            }
        }
    }
}
