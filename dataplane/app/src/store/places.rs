//! Places of conversations and transactions: taken, given back, given to another.
//!
//! Part of [`super::Store`]. Two lists lead through the transactions: those of one conversation, and all of them by age.

use super::{Message, NO_CONVERSATION, NONE, OPEN, Store, Transaction, Walk};
use crate::event::{AppEvent, AppEvents};
use sluice_core::{AppProtocol, Counters};

impl Store {
    pub(super) fn take_conversation(&mut self) -> Option<u32> {
        let place = self.free_conversation;
        if let Some(conversation) = self.conversations.get_mut(place as usize) {
            self.free_conversation = conversation.next_free;
            *conversation = NO_CONVERSATION;
            return Some(place);
        }
        if self.conversations.len() == self.conversations.capacity() {
            return None;
        }
        self.conversations.push(NO_CONVERSATION);
        Some(self.conversations.len() as u32 - 1)
    }

    /// A new transaction, or [`NONE`] when there is no room. The oldest goes when all places are taken and it waits for no judgement.
    pub(super) fn open(&mut self, walk: &Walk, key: u64, events: &mut AppEvents, counters: &mut Counters) -> u32 {
        let Some(conversation) = self.conversations.get(walk.conversation as usize) else { return NONE };
        if conversation.open >= OPEN {
            match walk.protocol {
                AppProtocol::Enip => events.add(AppEvent::EnipTooManyTransactions),
                AppProtocol::Modbus => events.add(AppEvent::ModbusFlooded),
                AppProtocol::Dnp3 => {}
            }
            if !self.evict(conversation.first, counters) {
                return NONE;
            }
        }
        let at_limit = self.transactions.len() == self.transactions.capacity();
        if self.free_transaction == NONE && at_limit && !self.evict(self.oldest, counters) {
            return NONE;
        }
        let Some(conversation) = self.conversations.get_mut(walk.conversation as usize) else { return NONE };
        let transaction = Transaction {
            protocol: walk.protocol,
            conversation: walk.conversation,
            number: conversation.opened,
            key,
            messages: [Message::default(); 2],
            expects_response: false,
            told: false,
            previous: conversation.last,
            next: NONE,
            older: self.newest,
            newer: NONE,
        };
        conversation.opened += 1;
        conversation.open += 1;
        let place = self.free_transaction;
        let place = if let Some(free) = self.transactions.get_mut(place as usize) {
            self.free_transaction = free.newer;
            *free = transaction;
            place
        } else {
            self.transactions.push(transaction);
            self.transactions.len() as u32 - 1
        };
        if conversation.first == NONE {
            conversation.first = place;
        }
        if let Some(last) = self.transactions.get_mut(conversation.last as usize) {
            last.next = place;
        }
        conversation.last = place;
        if self.oldest == NONE {
            self.oldest = place;
        }
        if let Some(newest) = self.transactions.get_mut(self.newest as usize) {
            newest.newer = place;
        }
        self.newest = place;
        counters.app_transactions += 1;
        place
    }

    /// Gives the place of a transaction away, unless one of its messages waits to be judged.
    fn evict(&mut self, place: u32, counters: &mut Counters) -> bool {
        let Some(transaction) = self.transactions.get(place as usize) else { return false };
        if transaction.messages.iter().any(|message| message.there && !message.judged) {
            return false;
        }
        counters.app_transactions_evicted += 1;
        self.close(place);
        true
    }

    /// Takes a transaction out of both lists and frees its place.
    pub(super) fn close(&mut self, place: u32) {
        let Some(gone) = self.transactions.get(place as usize).copied() else { return };
        let Some(conversation) = self.conversations.get_mut(gone.conversation as usize) else { return };
        conversation.open = conversation.open.saturating_sub(1);
        for (end, message) in conversation.ends.iter_mut().zip(gone.messages) {
            end.waiting = end.waiting.saturating_sub(u16::from(message.there && !message.judged));
        }
        match self.transactions.get_mut(gone.previous as usize) {
            Some(previous) => previous.next = gone.next,
            None => conversation.first = gone.next,
        }
        match self.transactions.get_mut(gone.next as usize) {
            Some(next) => next.previous = gone.previous,
            None => conversation.last = gone.previous,
        }
        match self.transactions.get_mut(gone.older as usize) {
            Some(older) => older.newer = gone.newer,
            None => self.oldest = gone.newer,
        }
        match self.transactions.get_mut(gone.newer as usize) {
            Some(newer) => newer.older = gone.older,
            None => self.newest = gone.older,
        }
        if let Some(free) = self.transactions.get_mut(place as usize) {
            // No list leads here any more.
            free.messages = [Message::default(); 2];
            free.newer = self.free_transaction;
        }
        self.free_transaction = place;
    }
}
