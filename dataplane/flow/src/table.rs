//! The flow table of one worker.
//!
//! Fixed capacity. Lookup never creates. A timer wheel of one-second places holds each flow once; a flow that was touched since it was
//! put there is put further on when its place comes round, so packets never touch the wheel.

use crate::{
    flow::Flow,
    index::Index,
    marks::{FlowView, Marks},
    timeouts::Timeouts,
};
use sluice_core::{
    FlowKey, HashKey, Nanos,
    event::{FlowEnd, FlowState},
    time::NANOS_PER_SECOND,
};

const WHEEL: usize = 1024;
const NOBODY: u32 = u32::MAX;
/// Flows looked at per call of [`FlowTable::expire`].
const EXPIRE_BUDGET: usize = 256;
/// Flows looked at per call of [`FlowTable::evict`].
const EVICT_BUDGET: usize = 16;
const TCP: u8 = 6;

/// No slot is free, or both buckets of the key are full. A normal answer: the caller applies the policy for `Cause::FlowTableFull`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFull;

/// A flow in the table. Valid until the flow is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRef(u32);

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

/// The flow table of one worker.
pub struct FlowTable {
    index: Index,
    flows: Vec<Flow>,
    marks: Marks,
    free: Vec<u32>,
    capacity: usize,
    hash: HashKey,
    timeouts: Timeouts,
    wheel: Box<[u32]>,
    /// The second up to which the wheel has been turned.
    turned_to: u64,
    opened: u64,
    /// Where [`FlowTable::evict`] looks next.
    hand: u32,
}

impl FlowTable {
    /// A table for `capacity` flows, of which memory is used as flows come.
    pub fn new(capacity: usize, hash: HashKey, timeouts: Timeouts) -> Self {
        let capacity = capacity.clamp(1, (NOBODY - 1) as usize);
        Self {
            index: Index::new(capacity),
            flows: Vec::with_capacity(capacity),
            marks: Marks::new(capacity),
            free: Vec::with_capacity(capacity),
            capacity,
            hash,
            timeouts,
            wheel: vec![NOBODY; WHEEL].into_boxed_slice(),
            turned_to: 0,
            opened: 0,
            hand: 0,
        }
    }

    /// Hash of `key`, for the other calls.
    #[inline]
    pub fn hash(&self, key: &FlowKey) -> u64 {
        self.hash.hash6(&key.0)
    }

    /// Hints that `hash` will be looked up soon.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Flows in the table.
    pub fn len(&self) -> usize {
        self.flows.len() - self.free.len()
    }

    /// Whether the table holds no flow.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds the flow of `key`. Never creates. An idle flow is found too: ask [`FlowTable::is_idle`].
    ///
    /// # Cost
    /// One or two buckets of 64 bytes and the first line of the flow.
    #[inline]
    pub fn lookup(&self, key: &FlowKey, hash: u64) -> Option<FlowRef> {
        self.index.find(hash, |slot| self.flows.get(slot as usize).is_some_and(|flow| flow.key == *key)).map(FlowRef)
    }

    /// The flow behind `flow`.
    #[inline]
    pub fn get_mut(&mut self, flow: FlowRef) -> Option<&mut Flow> {
        self.flows.get_mut(flow.0 as usize).filter(|flow| flow.live)
    }

    /// The flow behind `flow`, with its marks.
    #[inline]
    pub fn view(&mut self, flow: FlowRef) -> Option<FlowView<'_>> {
        let slot = flow.0 as usize;
        let flow = self.flows.get_mut(slot).filter(|flow| flow.live)?;
        Some(FlowView::new(flow, self.marks.get_mut(slot)?))
    }

    /// Whether the flow has been idle at `now` for longer than its state allows.
    pub fn is_idle(&self, flow: FlowRef, now: Nanos) -> bool {
        self.flows.get(flow.0 as usize).is_some_and(|flow| now.since(flow.last) > self.idle_ns(flow))
    }

    fn idle_ns(&self, flow: &Flow) -> u64 {
        u64::from(self.timeouts.idle_s(flow.protocol, flow.state)) * NANOS_PER_SECOND
    }

    /// Adds a flow, whose key must be absent.
    ///
    /// # Errors
    /// [`TableFull`] when all `capacity` slots are in use or both buckets of the key are full.
    ///
    /// # Cost
    /// Two buckets and one flow. Never allocates.
    pub fn insert(&mut self, opening: Opening) -> Result<FlowRef, TableFull> {
        let Opening { key, hash, swapped, now } = opening;
        let slot = match self.free.last() {
            Some(&slot) => slot,
            None if self.flows.len() < self.capacity => self.flows.len() as u32,
            None => return Err(TableFull),
        };
        if !self.index.insert(hash, slot) {
            return Err(TableFull);
        }
        self.opened += 1;
        // 53 bits, so that readers which know only floating point keep it whole.
        let id = (self.hash.hash4(&[hash, now.0, self.opened, 0]) >> 11) | 1;
        let flow = Flow { key, id, start: now, last: now, opened_swapped: swapped, live: true, ..Flow::default() };
        if self.free.pop().is_some() {
            if let Some(place) = self.flows.get_mut(slot as usize) {
                *place = flow;
            }
        } else {
            self.flows.push(flow);
        }
        if self.turned_to == 0 {
            self.turned_to = now.seconds();
        }
        self.schedule(slot, now.seconds() + 1);
        Ok(FlowRef(slot))
    }

    /// Makes room in a table without a free slot: ends a flow that only one side has spoken in, about the one opened longest ago, because
    /// slots are looked at in turn and a new flow takes the slot just passed. Where there is none, the closed connection or flow without
    /// connections goes that was idle longest. An established connection never pays. None when there is room, or when none of the next
    /// [`EVICT_BUDGET`] flows may go.
    ///
    /// # Cost
    /// At most [`EVICT_BUDGET`] flows; only when the table is full.
    pub fn evict(&mut self) -> Option<Flow> {
        if !self.free.is_empty() || self.flows.len() < self.capacity {
            return None;
        }
        let mut longest_idle: Option<(Nanos, u32)> = None;
        for _ in 0..EVICT_BUDGET {
            let slot = self.hand;
            self.hand = if slot as usize + 1 < self.flows.len() { slot + 1 } else { 0 };
            let Some(flow) = self.flows.get(slot as usize) else { continue };
            match flow.state {
                FlowState::New => return self.remove(FlowRef(slot)),
                FlowState::Established if flow.protocol == TCP => {}
                FlowState::Established | FlowState::Closed => {
                    longest_idle = Some(longest_idle.map_or((flow.last, slot), |best| best.min((flow.last, slot))));
                }
            }
        }
        longest_idle.and_then(|(_, slot)| self.remove(FlowRef(slot)))
    }

    /// Removes a flow and returns it as it ended. Its slot can be used again at once.
    pub fn remove(&mut self, flow: FlowRef) -> Option<Flow> {
        let entry = self.flows.get_mut(flow.0 as usize).filter(|flow| flow.live)?;
        entry.live = false;
        let gone = *entry;
        let hash = self.hash.hash6(&gone.key.0);
        self.index.remove(hash, flow.0);
        self.unschedule(flow.0, &gone);
        self.free.push(flow.0);
        Some(gone)
    }

    /// Puts `slot`, which is in no list, at the head of the list of `second`.
    fn schedule(&mut self, slot: u32, second: u64) {
        let place = second as usize % WHEEL;
        let Some(head) = self.wheel.get_mut(place) else { return };
        let next = std::mem::replace(head, slot);
        if let Some(flow) = self.flows.get_mut(next as usize) {
            flow.wheel_previous = slot;
        }
        if let Some(flow) = self.flows.get_mut(slot as usize) {
            flow.wheel_next = next;
            flow.wheel_previous = NOBODY;
            flow.wheel_place = place as u16;
        }
    }

    /// Takes `slot`, whose content is `flow`, out of its list.
    fn unschedule(&mut self, slot: u32, flow: &Flow) {
        match self.flows.get_mut(flow.wheel_previous as usize) {
            Some(previous) => previous.wheel_next = flow.wheel_next,
            None => {
                if let Some(head) = self.wheel.get_mut(usize::from(flow.wheel_place)).filter(|head| **head == slot) {
                    *head = flow.wheel_next;
                }
            }
        }
        if let Some(next) = self.flows.get_mut(flow.wheel_next as usize) {
            next.wheel_previous = flow.wheel_previous;
        }
    }

    /// Turns the wheel to `now`, handing over flows that were idle too long. Does a bounded piece of work and goes on at the next call.
    ///
    /// # Cost
    /// At most [`EXPIRE_BUDGET`] flows; nothing when no second has passed.
    pub fn expire(&mut self, now: Nanos, mut ended: impl FnMut(&Flow, FlowEnd)) {
        let second = now.seconds();
        if self.turned_to == 0 || second <= self.turned_to {
            return;
        }
        // A gap longer than the wheel visits each place once.
        if second - self.turned_to > WHEEL as u64 {
            self.turned_to = second - WHEEL as u64;
        }
        let mut budget = EXPIRE_BUDGET;
        while self.turned_to < second && budget > 0 {
            let slot = self.wheel.get(self.turned_to as usize % WHEEL).copied().unwrap_or(NOBODY);
            let Some(flow) = self.flows.get(slot as usize).copied() else {
                self.turned_to += 1;
                continue;
            };
            budget -= 1;
            if now.since(flow.last) > self.idle_ns(&flow) {
                ended(&flow, FlowEnd::Timeout);
                self.remove(FlowRef(slot));
            } else {
                let due = flow.last.seconds() + self.idle_ns(&flow) / NANOS_PER_SECOND + 1;
                self.unschedule(slot, &flow);
                // Never back into the place being emptied: it would be met again at once.
                self.schedule(slot, due.clamp(self.turned_to + 1, self.turned_to + WHEEL as u64 - 1));
            }
        }
    }

    /// Turns the wheel to `now` however long it takes: for replay, which has the time.
    pub fn expire_all(&mut self, now: Nanos, mut ended: impl FnMut(&Flow, FlowEnd)) {
        while self.turned_to != 0 && self.turned_to < now.seconds() {
            self.expire(now, &mut ended);
        }
    }

    /// Hands over every flow that is left, in the order of its slot, and empties the table.
    pub fn drain(&mut self, mut ended: impl FnMut(&Flow, FlowEnd)) {
        for slot in 0..self.flows.len() as u32 {
            if let Some(flow) = self.remove(FlowRef(slot)) {
                ended(&flow, FlowEnd::Shutdown);
            }
        }
        self.flows.clear();
        self.free.clear();
        self.wheel.fill(NOBODY);
        self.turned_to = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{FlowTable, Opening, TableFull};
    use crate::timeouts::Timeouts;
    use proptest::prelude::*;
    use sluice_core::{
        FlowKey, HashKey, Nanos,
        event::{FlowEnd, FlowState},
    };
    use std::collections::BTreeMap;

    fn key(n: u64) -> FlowKey {
        FlowKey([n, 1, 2, 3, 4, 17])
    }

    fn table(capacity: usize) -> FlowTable {
        FlowTable::new(capacity, HashKey::fixed(), Timeouts::default())
    }

    fn open(table: &mut FlowTable, n: u64, now: Nanos) -> Result<super::FlowRef, TableFull> {
        let key = key(n);
        let hash = table.hash(&key);
        let flow = table.insert(Opening { key, hash, swapped: false, now })?;
        table.get_mut(flow).unwrap().protocol = 17;
        Ok(flow)
    }

    fn find(table: &FlowTable, n: u64) -> Option<super::FlowRef> {
        table.lookup(&key(n), table.hash(&key(n)))
    }

    #[test]
    fn a_full_table_answers_and_keeps_what_it_has() {
        let mut table = table(1000);
        let accepted = (0..2000).filter(|&n| open(&mut table, n, Nanos::from_seconds(1)).is_ok()).count();
        assert_eq!(accepted, 1000);
        assert_eq!(table.len(), 1000);
        assert!((0..1000).all(|n| find(&table, n).is_some()));
        assert!((1000..2000).all(|n| find(&table, n).is_none()));
    }

    #[test]
    fn a_full_table_makes_room_among_unanswered_flows_oldest_first() {
        let mut table = table(20);
        for n in 0..20 {
            let flow = open(&mut table, n, Nanos::from_seconds(1)).unwrap();
            assert!(n == 19 || table.evict().is_none(), "there is room");
            if n < 5 {
                table.get_mut(flow).unwrap().state = FlowState::Established;
                table.get_mut(flow).unwrap().protocol = 6;
            }
        }
        for n in 20..60 {
            assert_eq!(open(&mut table, n, Nanos::from_seconds(2)), Err(TableFull));
            let gone = match table.evict() {
                Some(gone) => gone,
                // Sixteen established flows in a row would be an answer too; five are not.
                None => panic!("no room for {n}"),
            };
            assert_eq!(gone.key, key(n - 15));
            open(&mut table, n, Nanos::from_seconds(2)).unwrap();
        }
        assert!((0..5).all(|n| find(&table, n).is_some()), "established connections stay");
        assert_eq!(table.len(), 20);
    }

    #[test]
    fn a_full_table_gives_up_answered_datagrams_and_closed_connections_but_no_established_one() {
        let mut table = table(4);
        for n in 0..4 {
            let flow = open(&mut table, n, Nanos::from_seconds(10 - n)).unwrap();
            let flow = table.get_mut(flow).unwrap();
            flow.state = if n == 2 { FlowState::Closed } else { FlowState::Established };
            flow.protocol = if n == 1 { 17 } else { 6 };
        }
        for gone in [2, 1] {
            assert_eq!(table.evict().map(|flow| flow.key), Some(key(gone)));
            let flow = open(&mut table, gone + 10, Nanos::from_seconds(20)).unwrap();
            let flow = table.get_mut(flow).unwrap();
            (flow.state, flow.protocol) = (FlowState::Established, 6);
        }
        assert!(table.evict().is_none() && table.len() == 4);
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
        assert!(find(&table, 1).is_none() && find(&table, 2).is_some());
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
                        let removed = find(&table, n).and_then(|flow| table.remove(flow)).map(|flow| flow.id);
                        prop_assert_eq!(removed, plain.remove(&n));
                    }
                    _ => {
                        let found = find(&table, n);
                        prop_assert_eq!(found.and_then(|flow| table.get_mut(flow)).map(|flow| flow.id), plain.get(&n).copied());
                    }
                }
            }
        }
    }
}
