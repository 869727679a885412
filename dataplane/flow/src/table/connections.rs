//! The TCP connections of the flows in the table: moved on by their packets.
//!
//! Called by `sluice-worker` for each TCP packet. The state machine itself is in [`crate::tcp`]; here it meets its flow, the offers and bounds beside that, and the
//! flow's place in the timer wheel.

use super::{FlowRef, FlowTable, UNPACKED};
use crate::{
    flow::Flow,
    tcp::{Agreed, Anew, OfferWords, TcpBounds, TcpOutcome, TcpSegment, TcpSettings},
};
use sluice_core::{
    Direction, FlowKey, Nanos,
    event::{FlowState, TcpState},
};

/// A packet of a flow: what is looked up, and counted.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    /// The flow's key.
    pub key: &'a FlowKey,
    /// Its hash, from [`FlowTable::hash`].
    pub hash: u64,
    /// Whether the packet's endpoints were swapped to make the key.
    pub swapped: bool,
    /// The packet's time.
    pub now: Nanos,
    /// Bytes of its frame.
    pub length: u64,
}

impl FlowTable {
    /// Takes the usual packet of a usual flow: the next data, an acknowledgement or a FIN in order, on an open connection seen whole that is inspected and was
    /// not idle too long. It is counted and its connection moved on: [`FlowTable::lookup`], [`Flow::count`] and [`FlowTable::advance`] in one. `outcome` says what it did.
    /// None: it is another one, and nothing was done.
    ///
    /// # Cost
    /// One or two buckets of 64 bytes, the flow and the bounds of its connection.
    #[inline]
    pub fn take_usual(
        &mut self,
        packet: &Passing,
        segment: &TcpSegment,
        outcome: &mut TcpOutcome,
    ) -> Option<(FlowRef, Direction)> {
        let Passing { key, hash, swapped, now, length } = *packet;
        let flows = &self.flows;
        let slot = self.index.find(hash, |slot| flows.get(slot as usize).is_some_and(|flow| flow.key == *key))?;
        let idle_ns = self.open_idle_ns;
        let (entry, bounds) = (self.flows.get_mut(slot as usize)?, self.bounds.get_mut(slot as usize)?);
        let direction = entry.direction(swapped);
        if !entry.is_usual() || now.since(entry.last) > idle_ns || !entry.tcp.is_usual(bounds, direction, segment) {
            return None;
        }
        *outcome = TcpOutcome::default();
        entry.count(direction, length);
        entry.last = now;
        entry.tcp.note_flags(direction, segment.flags);
        entry.tcp.take_usual(bounds, direction, segment, outcome);
        let flow = FlowRef(slot);
        if entry.tcp.state() != TcpState::Established {
            self.follow(flow, FlowState::Established);
        }
        Some((flow, direction))
    }

    #[inline(always)]
    pub(super) fn tracked(&mut self, flow: FlowRef) -> Option<(&mut Flow, &mut OfferWords, &mut TcpBounds)> {
        if flow == UNPACKED {
            let unpacked = &mut *self.unpacked;
            return Some((&mut unpacked.flow, &mut unpacked.offers, &mut unpacked.bounds));
        }
        let slot = flow.0 as usize;
        if slot >= self.bounds.len() {
            self.reach(slot);
        }
        let entry = self.flows.get_mut(slot).filter(|flow| flow.live)?;
        Some((entry, self.offers.get_mut(slot)?, self.bounds.get_mut(slot)?))
    }

    /// Room for the bounds of a connection in `slot`.
    #[cold]
    fn reach(&mut self, slot: usize) {
        if slot < self.flows.len() {
            // Within the capacity it was made with.
            self.bounds.resize(slot + 1, TcpBounds::default());
        }
    }

    /// Moves the TCP connection of `flow` on by one packet, its state and idle time with it: where it stands now, and what the packet did.
    #[inline]
    pub fn advance(
        &mut self,
        flow: FlowRef,
        direction: Direction,
        segment: &TcpSegment,
        settings: &TcpSettings,
    ) -> Option<(TcpState, TcpOutcome)> {
        let (entry, offers, bounds) = self.tracked(flow)?;
        let outcome = entry.tcp.update(offers, bounds, direction, segment, settings);
        let was = entry.state;
        let now = entry.tcp.state();
        if now != TcpState::Established || was != FlowState::Established {
            self.follow(flow, was);
        }
        Some((now, outcome))
    }

    /// The state of `flow`, which `was` its own, and its idle time are those of its connection.
    #[inline(never)]
    fn follow(&mut self, flow: FlowRef, was: FlowState) {
        let Some((entry, ..)) = self.tracked(flow) else { return };
        if entry.tcp.is_closed() {
            entry.state = FlowState::Closed;
        } else if entry.tcp.is_established() {
            entry.state = FlowState::Established;
        }
        // A closed connection is forgotten sooner than an open one: its turn comes earlier than it was put down for.
        if entry.state == FlowState::Closed && was != FlowState::Closed && flow != UNPACKED {
            let due = self.due(flow.0);
            self.wheel.unschedule(&mut self.flows, flow.0);
            self.wheel.schedule(&mut self.flows, flow.0, due);
        }
    }

    /// What the ends of the open connection of `flow` agreed on and advertise.
    #[inline(always)]
    fn bounds_of(&self, flow: FlowRef) -> Option<&TcpBounds> {
        let entry = self.get(flow).filter(|entry| entry.tcp.is_established());
        let bounds = if flow == UNPACKED { Some(&self.unpacked.bounds) } else { self.bounds.get(flow.0 as usize) };
        entry.and(bounds)
    }

    /// Whether the ends of the open connection of `flow` are known to send no timestamps.
    #[inline(always)]
    pub fn sends_no_stamps(&self, flow: FlowRef) -> bool {
        self.bounds_of(flow).is_some_and(|bounds| !bounds.stamps)
    }

    /// What a TCP packet of the open connection of `flow` has to keep to, which goes in `direction` and acknowledges `ack`.
    #[inline]
    pub fn agreed(&self, flow: FlowRef, direction: Direction, ack: u32) -> Option<Agreed> {
        Some(self.bounds_of(flow)?.keeps_to(direction, ack))
    }

    /// The numbers of the TCP connection of `flow` were not followed: those of `segment` hold.
    pub fn catch_up(&mut self, flow: FlowRef, direction: Direction, segment: &TcpSegment) {
        if let Some((entry, _, bounds)) = self.tracked(flow) {
            entry.tcp.catch_up(bounds, direction, segment);
        }
    }

    /// Whether `segment` begins another connection on the ports of `flow`.
    pub fn begins_anew(&mut self, flow: FlowRef, direction: Direction, segment: &TcpSegment) -> Option<Anew> {
        let (entry, offers, _) = self.tracked(flow)?;
        entry.tcp.begins_anew(offers, direction, segment)
    }

    /// The connection of the new flow `flow` is `anew`.
    pub fn begin(&mut self, flow: FlowRef, anew: &Anew) {
        if let Some((entry, offers, _)) = self.tracked(flow) {
            anew.begin(&mut entry.tcp, offers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Passing;
    use crate::{
        FlowTable, Opening, Partitions, TableSettings, TcpOutcome, TcpSegment, TcpSettings, Timeouts,
        tcp::{ACK, FIN, RST, SYN},
    };
    use proptest::prelude::*;
    use sluice_core::{Action, Direction, FlowKey, HashKey, Nanos};

    const KEY: FlowKey = FlowKey([1, 2, 3, 4, 5, 6]);
    const FIRSTS: [u32; 2] = [100, u32::MAX - 3_000];

    fn open_connection() -> FlowTable {
        let (partitions, timeouts) = (Partitions::ONE, Timeouts::default());
        let mut table =
            FlowTable::new(TableSettings { capacity: 4, half_open: 0, partitions, timeouts }, HashKey::fixed());
        let hash = table.hash(&KEY);
        let flow = table.insert(Opening { key: KEY, hash, swapped: false, now: Nanos::from_seconds(5) }).unwrap();
        let [client, server] = FIRSTS;
        let handshake = [
            (Direction::ToServer, client.wrapping_sub(1), 0, SYN),
            (Direction::ToClient, server.wrapping_sub(1), client, SYN | ACK),
            (Direction::ToServer, client, server, ACK),
        ];
        for (direction, seq, ack, flags) in handshake {
            let segment = TcpSegment { seq, ack, flags, window: 9_000, ..TcpSegment::default() };
            table.advance(flow, direction, &segment, &TcpSettings::default());
        }
        table
    }

    proptest! {
        #[test]
        fn the_usual_way_comes_to_what_the_long_one_does(
            packets in prop::collection::vec((any::<bool>(), 0..12_u8, 0..900_u32, 0..400_u64), 1..40),
        ) {
            let (mut table, mut slow) = (open_connection(), open_connection());
            let hash = table.hash(&KEY);
            let mut now = Nanos::from_seconds(5);
            for (swapped, kind, payload_len, seconds) in packets {
                now = Nanos(now.0 + seconds * 2_000_000_000);
                let flow = slow.lookup(&KEY, hash).unwrap();
                let entry = *slow.get(flow).unwrap();
                let direction = entry.direction(swapped);
                let flags = match kind { 0 => FIN | ACK, 1 => RST | ACK, 2 => SYN, 3 => SYN | ACK, _ => ACK };
                let shift = if kind == 4 { 40 } else { 0 };
                let segment = TcpSegment {
                    seq: entry.tcp.next(direction).wrapping_sub(shift),
                    ack: entry.tcp.next(direction.reverse()).wrapping_sub(if kind > 8 { 0 } else { payload_len / 2 }),
                    flags,
                    payload_len,
                    window: 9_000,
                    ..TcpSegment::default()
                };
                match kind {
                    5 => [&mut table, &mut slow].into_iter().for_each(|table| table.get_mut(flow).unwrap().bypassed = true),
                    6 => [&mut table, &mut slow].into_iter().for_each(|table| table.get_mut(flow).unwrap().bypassed = false),
                    7 => [&mut table, &mut slow].into_iter().for_each(|table| table.get_mut(flow).unwrap().action = None),
                    8 if payload_len > 800 => [&mut table, &mut slow].into_iter().for_each(|table| table.get_mut(flow).unwrap().action = Some(Action::Pass)),
                    _ => {}
                }
                let before = *table.get(flow).unwrap();
                let idle = slow.is_idle(flow, now);
                let mut outcome = TcpOutcome::default();
                let packet = Passing { key: &KEY, hash, swapped, now, length: 60 };
                let usual = table.take_usual(&packet, &segment, &mut outcome);
                let entry = slow.get_mut(flow).unwrap();
                entry.count(direction, 60);
                entry.last = now;
                let (_, wanted) = slow.advance(flow, direction, &segment, &TcpSettings::default()).unwrap();
                match usual {
                    Some(found) => {
                        prop_assert!(!idle && !before.bypassed && before.action.is_none());
                        prop_assert_eq!((found, outcome), ((flow, direction), wanted));
                    }
                    None => {
                        prop_assert_eq!(*table.get(flow).unwrap(), before, "nothing was done");
                        let entry = table.get_mut(flow).unwrap();
                        entry.count(direction, 60);
                        entry.last = now;
                        table.advance(flow, direction, &segment, &TcpSettings::default());
                    }
                }
                prop_assert_eq!(table.get(flow), slow.get(flow));
            }
        }
    }

    #[test]
    fn a_key_that_is_not_there_has_no_usual_way() {
        let mut table = open_connection();
        let key = FlowKey([1, 9, 3, 4, 5, 6]);
        let packet =
            Passing { key: &key, hash: table.hash(&key), swapped: false, now: Nanos::from_seconds(6), length: 60 };
        let [client, server] = FIRSTS;
        let segment = TcpSegment { seq: client, ack: server, flags: ACK, ..TcpSegment::default() };
        let mut outcome = TcpOutcome::default();
        assert_eq!(table.take_usual(&packet, &segment, &mut outcome), None);
        let packet = Passing { key: &KEY, hash: table.hash(&KEY), ..packet };
        assert!(table.take_usual(&packet, &segment, &mut outcome).is_some());
    }
}
