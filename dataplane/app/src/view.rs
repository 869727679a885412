//! What rules and records see of a transaction: one of its messages, and the other one beside it.
//!
//! Made by [`crate::store`] for each judgement, read by `sluice-detect`.

use crate::{
    dnp3, enip,
    event::{AppEvent, AppEvents},
    field::{AppBuffer, AppField},
    modbus,
};
use sluice_core::{AppProtocol, Direction};

/// One message of a transaction, which is judged, and its counterpart.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The protocol.
    pub protocol: AppProtocol,
    /// Number of the transaction in its flow, from 0.
    pub transaction: u64,
    /// Which of the messages is judged: to the server the request.
    pub direction: Direction,
    /// Request and response, as far as they are known.
    pub messages: [Option<&'a [u8]>; 2],
    /// What is wrong with the one that is judged.
    pub events: AppEvents,
}

impl<'a> View<'a> {
    /// The message that is judged; empty when there is none.
    #[inline]
    pub fn message(&self) -> &'a [u8] {
        self.messages.get(self.direction.index()).copied().flatten().unwrap_or_default()
    }

    /// Whether `wanted` holds for one of the numbers called `field`.
    pub fn any_number(&self, field: AppField, wanted: impl FnMut(u64) -> bool) -> bool {
        self.protocol == AppProtocol::Enip && enip::fields::any_number(self.message(), field, wanted)
    }

    /// Whether `wanted` holds for one of the pieces called `buffer`.
    pub fn any_bytes(&self, buffer: AppBuffer, mut wanted: impl FnMut(&[u8]) -> bool) -> bool {
        if self.protocol != buffer.protocol() {
            return false;
        }
        match self.protocol {
            AppProtocol::Enip => enip::fields::any_bytes(self.message(), buffer, wanted),
            AppProtocol::Dnp3 => dnp3::fields::Message::of(self.message())
                .is_some_and(|message| !message.fragment.is_empty() && wanted(message.fragment)),
            AppProtocol::Modbus => false,
        }
    }

    /// Whether a service of the message is as `test` asks.
    pub fn cip_service(&self, test: &enip::fields::ServiceTest) -> bool {
        self.protocol == AppProtocol::Enip && test.holds(self.message())
    }

    /// Whether the message is a request as `test` asks.
    pub fn modbus(&self, test: &modbus::fields::ModbusTest) -> bool {
        self.protocol == AppProtocol::Modbus && self.direction == Direction::ToServer && test.holds(self.message())
    }

    /// Whether the message is as `test` asks.
    pub fn dnp3(&self, test: dnp3::fields::Dnp3Test) -> bool {
        self.protocol == AppProtocol::Dnp3 && test.holds(self.message())
    }

    /// Whether `event` was raised about the message.
    pub fn has_event(&self, event: AppEvent) -> bool {
        self.events.contains(event)
    }
}
