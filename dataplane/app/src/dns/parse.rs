//! DNS, multicast DNS and LLMNR from bytes to transactions.
//!
//! Called by [`crate::applications`]. Each message is a transaction of its own, with one side: a question need not have one answer, over multicast it has many. Over TCP a length of
//! two bytes stands in front of each message; behind a gap the next message is looked for where bytes go on. Nothing is kept from one message to the next.

use super::{
    detect,
    message::{self, Name, Problem, Reader, Section},
};
use crate::{
    arena::Arena,
    desk::Desk,
    event::AppEvent,
    field::Field,
    level,
    parser::{Fed, Parser},
    pdu::u16_be,
    protocol::Likeness,
    room::TxRef,
};
use sluice_core::{AppProtocol, Direction};

/// Opcodes from here on are not assigned (7 and more: RFC 1035, RFC 2136, RFC 8490).
const FIRST_UNKNOWN_OPCODE: u8 = 7;
/// Types of records put down of one message; those behind are told by the record only.
const MOST_TYPES: usize = 64;

/// One conversation.
#[derive(Debug, Default)]
pub struct Conversation {
    /// Bytes were lost in this direction, so a message may not begin where bytes go on.
    lost: [bool; 2],
}

impl Parser for Conversation {
    fn feed(&mut self, desk: &mut Desk, bytes: &[u8]) -> Fed {
        if desk.datagram {
            message(desk, bytes);
            return Fed::All;
        }
        if let Some(lost) = self.lost.get_mut(desk.direction.index())
            && *lost
        {
            match detect::likeness(bytes, false) {
                Likeness::No => return Fed::Broken,
                Likeness::More => return Fed::Part { used: 0, wants: (bytes.len() + 1).max(2 + message::HEADER) },
                Likeness::Fits | Likeness::Sure => *lost = false,
            }
        }
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let Some(length) = u16_be(rest, 0) else { return Fed::Part { used, wants: 2 } };
            let whole = 2 + usize::from(length);
            let Some(found) = rest.get(2..whole) else { return Fed::Part { used, wants: whole } };
            message(desk, found);
            used += whole;
        }
        Fed::All
    }

    fn gap(&mut self, desk: &mut Desk, _missing: u32) -> Fed {
        if let Some(lost) = self.lost.get_mut(desk.direction.index()) {
            *lost = true;
        }
        Fed::All
    }

    fn end(&mut self, _desk: &mut Desk, _waiting: &[u8]) {}

    fn forget(&mut self, _arena: &mut Arena) {}
}

/// The fields of a protocol, for names: of its questions (only those that ask), of each section, and of all answers.
struct Names {
    asked: Option<Field>,
    sections: [Field; 4],
    answers: Field,
}

impl Names {
    const fn of(protocol: AppProtocol) -> Self {
        match protocol {
            AppProtocol::Mdns => Self {
                asked: None,
                sections: [
                    Field::MdnsQueriesName,
                    Field::MdnsAnswersName,
                    Field::MdnsAuthoritiesName,
                    Field::MdnsAdditionalsName,
                ],
                answers: Field::MdnsResponseName,
            },
            AppProtocol::Llmnr => Self {
                asked: None,
                sections: [
                    Field::LlmnrQueriesName,
                    Field::LlmnrAnswersName,
                    Field::LlmnrAuthoritiesName,
                    Field::LlmnrAdditionalsName,
                ],
                answers: Field::LlmnrResponseName,
            },
            _ => Self {
                asked: Some(Field::DnsQuery),
                sections: [
                    Field::DnsQueriesName,
                    Field::DnsAnswersName,
                    Field::DnsAuthoritiesName,
                    Field::DnsAdditionalsName,
                ],
                answers: Field::DnsResponseName,
            },
        }
    }
}

/// Puts down one message, of the desk's protocol and direction.
pub(crate) fn message(desk: &mut Desk, bytes: &[u8]) {
    let direction = desk.direction;
    let reader = Reader::of(bytes);
    let at = desk.open(reader.map_or(0, |reader| u64::from(reader.header.id)));
    desk.put_wanted(at, direction, Field::Message, bytes);
    if desk.protocol == AppProtocol::Dns {
        desk.put_wanted(at, direction, Field::DnsPdu, bytes);
    }
    match reader {
        Some(reader) => entries(desk, at, direction, reader),
        None => desk.event(at, direction, of_problem(desk.protocol, Problem::Malformed)),
    }
    desk.reach(at, direction, level::DONE);
    desk.skip(at, direction.reverse());
}

fn entries(desk: &mut Desk, at: TxRef, direction: Direction, mut reader: Reader) {
    let header = reader.header;
    let is_dns = desk.protocol == AppProtocol::Dns;
    let names = Names::of(desk.protocol);
    if is_dns {
        for (field, number) in [(Field::DnsOpcode, header.opcode()), (Field::DnsRcode, header.rcode())] {
            if desk.wants(field) {
                desk.number(at, direction, field, u64::from(number));
            }
        }
    }
    let wants_types = is_dns && desk.wants(Field::DnsType);
    let wants_answers = header.is_response() && desk.wants(names.answers);
    let mut types = [0_u16; MOST_TYPES];
    let mut type_count = 0;
    let mut name = Name::default();
    while let Some(entry) = reader.next(&mut name) {
        let [queries, answers, authorities, additionals] = names.sections;
        let field = match entry.section {
            Section::Queries => queries,
            Section::Answers => answers,
            Section::Authorities => authorities,
            Section::Additionals => additionals,
        };
        let is_query = entry.section == Section::Queries;
        desk.put_wanted(at, direction, field, name.get());
        if is_query
            && !header.is_response()
            && let Some(asked) = names.asked
        {
            desk.put_wanted(at, direction, asked, name.get());
        }
        if wants_types
            && matches!(entry.section, Section::Queries | Section::Answers)
            && !types.iter().take(type_count).any(|known| *known == entry.rrtype)
            && let Some(place) = types.get_mut(type_count)
        {
            *place = entry.rrtype;
            type_count += 1;
            desk.number(at, direction, Field::DnsType, u64::from(entry.rrtype));
        }
        if wants_answers && !is_query {
            desk.put(at, direction, names.answers, name.get());
            // The names that records lead to.
            if let Some(offset) = message::name_offset(entry.rrtype).filter(|offset| *offset < entry.length)
                && reader.name(entry.start + offset, &mut name).is_some()
            {
                desk.put(at, direction, names.answers, name.get());
            }
        }
    }
    events(desk, at, direction, &reader);
}

fn events(desk: &mut Desk, at: TxRef, direction: Direction, reader: &Reader) {
    let (header, protocol) = (reader.header, desk.protocol);
    let [opcode, zero, not_request, not_response] = match protocol {
        AppProtocol::Mdns => {
            [AppEvent::MdnsInvalidOpcode, AppEvent::MdnsZFlagSet, AppEvent::MdnsNotRequest, AppEvent::MdnsNotResponse]
        }
        AppProtocol::Llmnr => [
            AppEvent::LlmnrInvalidOpcode,
            AppEvent::LlmnrZFlagSet,
            AppEvent::LlmnrNotRequest,
            AppEvent::LlmnrNotResponse,
        ],
        _ => [AppEvent::DnsInvalidOpcode, AppEvent::DnsZFlagSet, AppEvent::DnsNotRequest, AppEvent::DnsNotResponse],
    };
    if header.opcode() >= FIRST_UNKNOWN_OPCODE {
        desk.event(at, direction, opcode);
    }
    if header.flags & message::flag::ZERO != 0 {
        desk.event(at, direction, zero);
    }
    // On the link, questions and answers go the same way.
    if protocol == AppProtocol::Dns {
        match direction {
            Direction::ToServer if header.is_response() => desk.event(at, direction, not_request),
            Direction::ToClient if !header.is_response() => desk.event(at, direction, not_response),
            _ => {}
        }
    }
    for problem in Problem::ALL {
        if reader.problems().contains(problem) {
            desk.event(at, direction, of_problem(protocol, problem));
        }
    }
}

const fn of_problem(protocol: AppProtocol, problem: Problem) -> AppEvent {
    let [mdns, llmnr, dns] = match problem {
        Problem::InfiniteLoop => [AppEvent::MdnsInfiniteLoop, AppEvent::LlmnrInfiniteLoop, AppEvent::DnsInfiniteLoop],
        Problem::NameTooLong => [AppEvent::MdnsNameTooLong, AppEvent::LlmnrNameTooLong, AppEvent::DnsNameTooLong],
        Problem::TooManyLabels => {
            [AppEvent::MdnsTooManyLabels, AppEvent::LlmnrTooManyLabels, AppEvent::DnsTooManyLabels]
        }
        Problem::InvalidAdditionals => {
            [AppEvent::MdnsInvalidAdditionals, AppEvent::LlmnrInvalidAdditionals, AppEvent::DnsInvalidAdditionals]
        }
        Problem::InvalidAuthorities => {
            [AppEvent::MdnsInvalidAuthorities, AppEvent::LlmnrInvalidAuthorities, AppEvent::DnsInvalidAuthorities]
        }
        Problem::Malformed => [AppEvent::MdnsMalformedData, AppEvent::LlmnrMalformedData, AppEvent::DnsMalformedData],
    };
    match protocol {
        AppProtocol::Mdns => mdns,
        AppProtocol::Llmnr => llmnr,
        _ => dns,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
