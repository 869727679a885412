//! For tests of parsers: whole conversations through [`crate::applications`], and what they put down in words.
//!
//! A parser must tell the same however its input is cut: [`talk`] asserts it.

use crate::{AppSettings, Applications, Field, Fields, Input, TransactionView, field::Kind, log};
use sluice_core::{AppLink, Direction, Nanos};

/// What goes in one direction.
pub type Said<'a> = (Direction, &'a [u8]);

/// Ports of server and client.
const PORTS: [u16; 2] = [80, 40_000];

/// What a conversation left, in words: a line for each field of each transaction, in the order they were put down, and one for each body.
///
/// # Panics
/// It differs when every byte comes alone, or pieces of three bytes.
pub fn talk(settings: AppSettings, said: &[Said]) -> Vec<String> {
    let whole = talk_cut(settings, said, usize::MAX);
    for size in [1, 3] {
        assert_eq!(talk_cut(settings, said, size), whole, "in pieces of {size}");
    }
    whole
}

/// All fields but those that have transactions of their own, which would be between the others.
fn wants() -> Fields {
    let mut wants = Fields::ALL;
    [Field::TlsPdu, Field::TlsHeader, Field::TlsData].into_iter().for_each(|field| wants.remove(field));
    wants
}

/// The same, for datagrams.
pub fn datagrams(settings: AppSettings, ports: [u16; 2], said: &[Said]) -> Vec<String> {
    let mut applications = Applications::new(settings, 4);
    applications.set_wants(wants());
    let mut link = AppLink::default();
    for &(direction, bytes) in said {
        applications.feed(&mut link, &Input { bytes, direction, now: Nanos(0), ports, either: false, datagram: true });
    }
    told(&applications, link)
}

/// The conversation in pieces of at most `size` bytes; where nothing is said, 100 bytes are missing.
pub fn talk_cut(settings: AppSettings, said: &[Said], size: usize) -> Vec<String> {
    talk_pieces(settings, said, &[size])
}

/// The same in pieces of `sizes`, one after the other and again from the first.
pub fn talk_pieces(settings: AppSettings, said: &[Said], sizes: &[usize]) -> Vec<String> {
    let mut sizes = sizes.iter().copied().cycle();
    let mut applications = Applications::new(settings, 4);
    applications.set_wants(wants());
    let mut link = AppLink::default();
    let input =
        |direction, bytes| Input { bytes, direction, now: Nanos(0), ports: PORTS, either: false, datagram: false };
    for &(direction, bytes) in said {
        if bytes.is_empty() {
            applications.gap(&mut link, &input(direction, &[]), 100);
        }
        let mut rest = bytes;
        while let Some(size) = sizes.next().filter(|_| !rest.is_empty()) {
            let (piece, behind) = rest.split_at_checked(size).unwrap_or((rest, b""));
            applications.feed(&mut link, &input(direction, piece));
            rest = behind;
        }
    }
    for direction in Direction::ALL {
        applications.finish(&mut link, &input(direction, &[]));
    }
    let told = told(&applications, link);
    applications.end(&mut link);
    assert_eq!(applications.memory(), 0, "something was kept");
    told
}

fn told(applications: &Applications, link: AppLink) -> Vec<String> {
    let mut lines = Vec::new();
    let mut at = applications.first(link);
    while at.is_some() {
        for direction in Direction::ALL {
            let Some(view) = TransactionView::of(&applications.room, at, direction) else { continue };
            let way = if direction == Direction::ToServer { ">" } else { "<" };
            let front = format!("{} {} {way}", view.protocol().name(), view.number());
            for (field, bytes) in view.entries() {
                let value = match (field, field.kind()) {
                    (Field::Event, _) => {
                        crate::AppEvent::from_number(log::number(bytes)).map_or("?", |event| event.name()).to_owned()
                    }
                    (_, Kind::Number) => log::number(bytes).to_string(),
                    _ => bytes.escape_ascii().to_string(),
                };
                lines.push(format!("{front} {} {value}", field.name()));
            }
            for (body, bytes) in view.bodies() {
                let name = view.name_of(body).escape_ascii();
                let file = if body.is_file { format!(" file {} '{name}'", body.file_number) } else { String::new() };
                let (field, end, total) = (body.field.name(), body.end, body.total);
                lines.push(format!("{front} {field} {end:?} {total}{file} {}", bytes.escape_ascii()));
            }
            lines.push(format!("{front} level {}", view.level()));
        }
        at = applications.next(at);
    }
    lines
}
