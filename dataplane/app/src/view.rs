//! What rules and records see of a transaction: one of its directions.
//!
//! Made for each judgement from what parsers put down; read by `sluice-detect` and `sluice-worker`.

use crate::{
    dnp3, enip,
    event::AppEvent,
    field::{Field, Fields},
    log, modbus,
    room::{Body, BodyRef, Half, Room, Transaction, TxRef},
};
use sluice_core::{AppProtocol, Direction};

/// One direction of a transaction.
#[derive(Clone, Copy)]
pub struct TransactionView<'a> {
    room: &'a Room,
    transaction: &'a Transaction,
    half: &'a Half,
    /// Which direction is judged.
    pub direction: Direction,
}

impl<'a> TransactionView<'a> {
    /// `direction` of `at`; none when there is no such transaction.
    pub fn of(room: &'a Room, at: TxRef, direction: Direction) -> Option<Self> {
        let transaction = room.transaction(at)?;
        Some(Self { room, transaction, half: transaction.halves.get(direction.index())?, direction })
    }

    /// The other direction of the transaction, or the same.
    pub fn towards(&self, direction: Direction) -> Option<Self> {
        Some(Self { half: self.transaction.halves.get(direction.index())?, direction, ..*self })
    }

    /// The protocol.
    pub const fn protocol(&self) -> AppProtocol {
        self.transaction.protocol
    }

    /// Number of the transaction in its flow, from 0.
    pub const fn number(&self) -> u64 {
        self.transaction.number
    }

    /// How far the direction is: see [`crate::level`].
    pub const fn level(&self) -> u8 {
        self.half.level
    }

    /// The names of what was put down.
    pub const fn has(&self) -> &'a Fields {
        &self.half.has
    }

    /// Everything that was put down in `direction`, as it is written: see [`log::entries`].
    pub fn log_of(&self, direction: Direction) -> &'a [u8] {
        self.transaction.halves.get(direction.index()).map_or(&[], |half| self.room.arena.get(&half.log))
    }

    /// Everything that was put down.
    pub fn entries(&self) -> log::Entries<'a> {
        log::entries(self.room.arena.get(&self.half.log))
    }

    /// The pieces called `field`.
    pub fn pieces(&self, field: Field) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let entries = if self.half.has.contains(field) { self.entries() } else { log::entries(&[]) };
        entries.filter(move |(found, _)| *found == field).map(|(_, bytes)| bytes)
    }

    /// The numbers called `field`.
    pub fn numbers(&self, field: Field) -> impl Iterator<Item = u64> + use<'a> {
        self.pieces(field).map(log::number)
    }

    /// The whole unit, of protocols whose transactions have one a direction.
    pub fn message(&self) -> &'a [u8] {
        self.pieces(Field::Message).next().unwrap_or_default()
    }

    /// Whether `wanted` holds for one of the numbers called `field`.
    pub fn any_number(&self, field: Field, wanted: impl FnMut(u64) -> bool) -> bool {
        match self.protocol() {
            AppProtocol::Enip => enip::fields::any_number(self.message(), field, wanted),
            _ => self.numbers(field).any(wanted),
        }
    }

    /// Whether `wanted` holds for one of the pieces called `field`.
    pub fn any_piece(&self, field: Field, mut wanted: impl FnMut(&[u8]) -> bool) -> bool {
        self.pieces(field).any(&mut wanted)
    }

    /// Whether a service of the message is as `test` asks.
    pub fn cip_service(&self, test: &enip::fields::ServiceTest) -> bool {
        self.protocol() == AppProtocol::Enip && test.holds(self.message())
    }

    /// Whether the message is a request as `test` asks.
    pub fn modbus(&self, test: &modbus::fields::ModbusTest) -> bool {
        self.protocol() == AppProtocol::Modbus && self.direction == Direction::ToServer && test.holds(self.message())
    }

    /// Whether the message is as `test` asks.
    pub fn dnp3(&self, test: dnp3::fields::Dnp3Test) -> bool {
        self.protocol() == AppProtocol::Dnp3 && test.holds(self.message())
    }

    /// Whether `event` was raised.
    pub fn has_event(&self, event: AppEvent) -> bool {
        self.half.events.contains(event)
    }

    /// The bodies, in the order they began, each with its bytes.
    pub fn bodies(&self) -> impl Iterator<Item = (&'a Body, &'a [u8])> + use<'a> {
        self.bodies_of(self.direction).map(|(_, body, bytes)| (body, bytes))
    }

    /// The bodies of `direction`, each with its place.
    pub fn bodies_of(&self, direction: Direction) -> impl Iterator<Item = (BodyRef, &'a Body, &'a [u8])> + use<'a> {
        let room = self.room;
        let first = self.transaction.halves.get(direction.index()).map_or(u32::MAX, |half| half.first_body);
        let body = move |at: u32| room.bodies.get(at as usize).map(|body| (BodyRef(at), body));
        std::iter::successors(body(first), move |(_, found)| body(found.next))
            .map(move |(at, found)| (at, found, room.arena.get(&found.bytes)))
    }

    /// Whether a rule asks for the files of `direction` to be stored.
    pub fn stores(&self, direction: Direction) -> bool {
        self.transaction.halves.get(direction.index()).is_some_and(|half| half.stores)
    }

    /// One body with its bytes.
    pub fn body(&self, at: BodyRef) -> Option<(&'a Body, &'a [u8])> {
        let body = self.room.bodies.get(at.0 as usize)?;
        Some((body, self.room.arena.get(&body.bytes)))
    }

    /// The name of a file.
    pub fn name_of(&self, body: &'a Body) -> &'a [u8] {
        self.room.arena.get(&body.name)
    }
}
