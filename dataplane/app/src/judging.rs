//! What detection remembers of one direction of a transaction between two judgements: how far it has looked, which rules wait for more, which have matched.
//!
//! Kept with the transaction in [`crate::room`], so that it goes when the transaction does; used by `sluice-detect` alone. Rules are known by number as long as their rule set
//! is in force, and by a name of their own beyond.

use crate::room::{Room, TxRef};
use sluice_core::Direction;

/// Where judging goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judging {
    /// Bytes of the log that were looked at.
    pub scanned: usize,
    /// Nothing was looked at yet, by the rule set in force.
    pub first: bool,
}

impl Room {
    /// Begins to judge `direction` of `at` by rule set `generation`. What an older one remembers is forgotten, but not which rules have matched.
    pub fn judge(&mut self, at: TxRef, direction: Direction, generation: u32) -> Option<Judging> {
        let Self { arena, transactions, bodies, .. } = self;
        let half = transactions.get_mut(at.0 as usize)?.halves.get_mut(direction.index())?;
        let first = half.generation != generation;
        if first {
            half.generation = generation;
            half.scanned = 0;
            arena.free(&mut half.waiting);
            let mut body = half.first_body;
            while let Some(found) = bodies.get_mut(body as usize) {
                (found.scanned, found.judged) = (0, 0);
                body = found.next;
            }
        }
        Some(Judging { scanned: half.scanned as usize, first })
    }

    /// Everything that is there was looked at. `waiting` are the rules that wait for more. Where there is no room for them everything is looked at anew next time.
    pub fn leave(&mut self, at: TxRef, direction: Direction, waiting: &[u32]) {
        let Self { arena, transactions, bodies, counts, .. } = self;
        let half = transactions.get_mut(at.0 as usize).and_then(|found| found.halves.get_mut(direction.index()));
        let Some(half) = half else { return };
        half.scanned = half.log.len() as u32;
        arena.truncate(&mut half.waiting, 0);
        if !waiting.is_empty() {
            match arena.grow(&mut half.waiting, waiting.len() * 4) {
                Ok(room) => {
                    room.chunks_exact_mut(4)
                        .zip(waiting)
                        .for_each(|(place, rule)| place.copy_from_slice(&rule.to_le_bytes()));
                }
                Err(_) => {
                    counts.refused += 1;
                    half.generation = 0;
                }
            }
        }
        let mut body = half.first_body;
        while let Some(found) = bodies.get_mut(body as usize) {
            let there = found.start + found.bytes.len() as u64;
            (found.scanned, found.judged) = (there, there);
            body = found.next;
        }
    }

    /// The rules that wait.
    pub fn waiting(&self, at: TxRef, direction: Direction) -> impl Iterator<Item = u32> {
        numbers(self.half(at, direction).map_or(&[], |half| self.arena.get(&half.waiting)))
    }

    /// Whether the rule of this name has matched.
    pub fn has_matched(&self, at: TxRef, direction: Direction, name: u32) -> bool {
        numbers(self.half(at, direction).map_or(&[], |half| self.arena.get(&half.matched))).any(|found| found == name)
    }

    /// The rule of this name has matched. Where there is no room for that it may match again.
    pub fn add_matched(&mut self, at: TxRef, direction: Direction, name: u32) {
        let Self { arena, transactions, counts, .. } = self;
        let half = transactions.get_mut(at.0 as usize).and_then(|found| found.halves.get_mut(direction.index()));
        if let Some(half) = half {
            counts.refused += u64::from(arena.push(&mut half.matched, &name.to_le_bytes()).is_err());
        }
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).filter_map(|four| four.first_chunk().map(|four| u32::from_le_bytes(*four)))
}
