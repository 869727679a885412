//! Modbus messages into transactions: a request and the response with its transaction and unit.
//!
//! Called by [`crate::applications`]. Keeps nothing itself.

use super::parse::{Message, frame, key};
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

/// Requests without a response that are remembered.
pub const OPEN: u32 = 256;

/// One conversation.
#[derive(Debug, Default)]
pub struct Conversation {
    followed: Followed,
}

impl Parser for Conversation {
    fn feed(&mut self, desk: &mut Desk, bytes: &[u8]) -> Fed {
        let direction = desk.direction;
        self.followed.read(desk, bytes, |rest| frame(rest, direction), message)
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
    let answers = at.is_some();
    if answers {
        let asked = desk.field(at, Direction::ToServer, Field::Message).and_then(Message::of);
        let answered = Message::of(bytes);
        let fits = asked.zip(answered).is_none_or(|(asked, answered)| asked.function == answered.function);
        if !fits {
            desk.event(at, direction, AppEvent::ModbusValueMismatch);
        }
    } else {
        at = pdu::begin(desk, key, OPEN, AppEvent::ModbusFlooded);
        if is_response && !broken {
            desk.event(at, direction, AppEvent::ModbusUnsolicitedResponse);
        }
        if is_response || broken {
            desk.skip(at, direction.reverse());
        }
    }
    if !broken {
        desk.put(at, direction, Field::Message, bytes);
    }
    if let Some(event) = wrong {
        desk.event(at, direction, event);
    }
    desk.reach(at, direction, level::DONE);
}

#[cfg(test)]
mod tests {
    use super::OPEN;
    use crate::{
        AppSettings,
        protocol::Ports,
        testing::{Said, talk, talk_cut},
    };
    use sluice_core::{
        AppProtocol,
        Direction::{ToClient, ToServer},
    };

    fn settings() -> AppSettings {
        let mut settings = AppSettings::default();
        let modbus = settings.of_mut(AppProtocol::Modbus).unwrap();
        (modbus.enabled, modbus.ports) = (true, Ports::of(&[80]));
        settings
    }

    fn modbus(transaction: u8, pdu: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, transaction, 0, 0, 0, pdu.len() as u8 + 1, 10];
        bytes.extend(pdu);
        bytes
    }

    const READ: &[u8] = &[3, 0, 0, 0, 1];
    const ANSWER: &[u8] = &[3, 2, 0, 9];

    fn told(lines: &[String]) -> Vec<&str> {
        lines.iter().map(|line| line.split_once(' ').unwrap().1).filter(|line| !line.contains("level")).collect()
    }

    #[test]
    fn a_response_comes_to_the_request_with_its_number_whatever_the_order() {
        let requests = [modbus(1, READ), modbus(2, READ)].concat();
        let responses = [modbus(2, ANSWER), modbus(1, ANSWER)].concat();
        let lines = talk(settings(), &[(ToServer, &requests), (ToClient, &responses)]);
        let message = |number: u8, pdu| modbus(number, pdu).escape_ascii().to_string();
        assert_eq!(
            told(&lines),
            [
                format!("0 > (message) {}", message(1, READ)),
                format!("0 < (message) {}", message(1, ANSWER)),
                format!("1 > (message) {}", message(2, READ)),
                format!("1 < (message) {}", message(2, ANSWER)),
            ]
        );
        assert_eq!(lines.iter().filter(|line| line.ends_with("level 5")).count(), 4);
    }

    #[test]
    fn what_does_not_fit_its_request_or_has_none_is_told() {
        let events = |said: &[Said]| -> Vec<String> {
            let lines = talk(settings(), said);
            told(&lines)
                .iter()
                .filter_map(|line| line.split_once("(event) ").map(|(_, name)| name.to_owned()))
                .collect()
        };
        let request = modbus(1, READ);
        for (response, expected) in [
            (modbus(9, ANSWER), &["unsolicited_response"][..]),
            (modbus(1, &[4, 2, 0, 9]), &["value_mismatch"]),
            (modbus(1, ANSWER), &[]),
        ] {
            assert_eq!(events(&[(ToServer, &request), (ToClient, &response)]), expected);
        }
        for (rest, expected) in
            [(&[0, 2, 0, 9, 0, 6, 1][..], "invalid_protocol_id"), (&modbus(2, &[3, 0, 0]), "invalid_length")]
        {
            let all = [&request[..], rest].concat();
            assert_eq!(events(&[(ToServer, &all)]), [expected]);
        }
    }

    #[test]
    fn behind_a_hole_messages_are_looked_for_where_pieces_begin() {
        let (request, torn) = (modbus(1, READ), &[9, 9, 9, 9, 9, 9, 9, 9, 9][..]);
        let said = [(ToServer, &[][..]), (ToServer, torn), (ToServer, &request)];
        let lines = talk_cut(settings(), &[&[(ToServer, &request[..])], &said[..]].concat(), usize::MAX);
        let message = |number: u8| format!("{number} > (message) {}", request.escape_ascii());
        assert_eq!(told(&lines), [message(0), message(1)]);
    }

    #[test]
    fn a_flood_of_requests_is_told_and_does_not_grow() {
        let requests: Vec<u8> = (0..OPEN + 10).flat_map(|number| modbus(number as u8, READ)).collect();
        let lines = talk(settings(), &[(ToServer, &requests)]);
        assert_eq!(lines.iter().filter(|line| line.ends_with("(event) flooded")).count(), 10);
    }
}
