//! EtherNet/IP messages into transactions: a request and the response with its command, session, context and number.
//!
//! Called by [`crate::applications`]. Keeps nothing itself.

use super::{
    fields::any_bytes,
    parse::{expects_response, frame, key},
};
use crate::{
    arena::Arena,
    desk::Desk,
    event::AppEvent,
    field::Field,
    level,
    parser::{Fed, Parser},
    pdu::{self, Followed},
    room::TxRef,
};
use sluice_core::Direction;

/// What rules look into, besides numbers.
const PIECES: [Field; 7] = [
    Field::EnipProductName,
    Field::EnipServiceName,
    Field::EnipPdu,
    Field::EnipHeader,
    Field::EnipData,
    Field::EnipItem,
    Field::EnipCip,
];
/// Requests without a response that are remembered.
pub const OPEN: u32 = 256;

/// One conversation.
#[derive(Debug, Default)]
pub struct Conversation {
    followed: Followed,
}

impl Parser for Conversation {
    fn feed(&mut self, desk: &mut Desk, bytes: &[u8]) -> Fed {
        self.followed.read(desk, bytes, frame, message)
    }

    fn gap(&mut self, desk: &mut Desk, _missing: u32) -> Fed {
        self.followed.lose(desk.direction);
        Fed::All
    }

    fn end(&mut self, _desk: &mut Desk, _waiting: &[u8]) {}

    fn forget(&mut self, _arena: &mut Arena) {}
}

fn message(desk: &mut Desk, bytes: &[u8], wrong: Option<AppEvent>) {
    let direction = desk.direction;
    let is_response = direction == Direction::ToClient;
    let (key, broken) = (key(bytes), bytes.is_empty());
    let mut at = TxRef::NONE;
    if is_response && !broken {
        at = pdu::asked(desk, key);
    }
    if !at.is_some() {
        at = pdu::begin(desk, key, OPEN, AppEvent::EnipTooManyTransactions);
        if is_response || broken || !expects_response(bytes) {
            desk.skip(at, direction.reverse());
        }
    }
    if !broken {
        desk.put(at, direction, Field::Message, bytes);
        for field in PIECES {
            if desk.wants(field) {
                any_bytes(bytes, field, |piece| {
                    desk.put(at, direction, field, piece);
                    false
                });
            }
        }
    }
    if let Some(event) = wrong {
        desk.event(at, direction, event);
    }
    desk.reach(at, direction, level::DONE);
}

#[cfg(test)]
mod tests {
    use crate::{
        AppSettings,
        protocol::Ports,
        testing::{datagrams, talk},
    };
    use sluice_core::{
        AppProtocol,
        Direction::{ToClient, ToServer},
    };

    fn settings() -> AppSettings {
        let mut settings = AppSettings::default();
        let enip = settings.of_mut(AppProtocol::Enip).unwrap();
        (enip.enabled, enip.ports) = (true, Ports::of(&[80, 44_818]));
        settings
    }

    fn message(command: u16, context: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = command.to_le_bytes().to_vec();
        bytes.extend((data.len() as u16).to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend([context, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(data);
        bytes
    }

    #[test]
    fn a_response_comes_to_the_request_with_its_context_and_notices_stand_alone() {
        let register = message(0x65, 1, &[1, 0, 0, 0]);
        let identity = message(0x63, 2, &[]);
        let leave = message(0x66, 3, &[]);
        let requests = [&register[..], &identity, &leave].concat();
        let responses = [&identity[..], &register].concat();
        let lines = talk(settings(), &[(ToServer, &requests), (ToClient, &responses)]);
        let messages: Vec<_> = lines.iter().filter(|line| line.contains("(message)")).collect();
        let starts = ["enip 0 >", "enip 0 <", "enip 1 >", "enip 1 <", "enip 2 >"];
        assert_eq!(messages.len(), starts.len());
        assert!(messages.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{messages:?}");
        assert_eq!(lines.iter().filter(|line| line.ends_with("level 5")).count(), 6);
        let told = datagrams(settings(), [44_818, 4_000], &[(ToServer, &identity), (ToClient, &identity)]);
        assert_eq!(told.iter().filter(|line| line.contains("(message)")).count(), 2);
    }

    #[test]
    fn what_is_no_message_is_told_and_hides_nothing_of_what_comes_in_the_next_piece() {
        let register = message(0x65, 1, &[1, 0, 0, 0]);
        let said = [&register[..], &[0xff; 40], &register].map(|bytes| (ToServer, bytes));
        let lines = crate::testing::talk_cut(settings(), &said, usize::MAX);
        assert_eq!(lines.iter().filter(|line| line.ends_with("(event) invalid_pdu")).count(), 1);
        assert_eq!(lines.iter().filter(|line| line.contains("(message)")).count(), 2);
        let told = datagrams(
            settings(),
            [44_818, 4_000],
            &[(ToServer, &register), (ToServer, &[0xff; 40]), (ToServer, &register)],
        );
        assert_eq!(told.iter().filter(|line| line.contains("(message)")).count(), 2);
    }
}
