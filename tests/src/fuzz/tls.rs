//! Target `tls`: a conversation of records, cut in any way.
//!
//! Pieces, each behind a byte with its direction and length. What is put down must not depend on how the bytes are cut, and everything that was kept is given back.

use sluice_app::{AppProtocol, AppSettings, Applications, Fields, Input, TransactionView};
use sluice_core::{AppLink, Direction, Nanos};

/// What the parser put down, and how far each direction is.
type Told = Vec<(u64, Direction, u8, Vec<u8>)>;

/// Runs one input.
pub fn run(input: &[u8]) {
    let mut said: Vec<(Direction, &[u8])> = Vec::new();
    let mut rest = input;
    while let Some((&head, behind)) = rest.split_first() {
        let length = usize::from(head & 0x7f) + 1;
        let (piece, behind) = behind.split_at(length.min(behind.len()));
        said.push((if head & 0x80 == 0 { Direction::ToServer } else { Direction::ToClient }, piece));
        rest = behind;
    }
    let whole = told(&said, usize::MAX);
    assert_eq!(told(&said, 1), whole, "byte by byte");
    assert_eq!(told(&said, 5), whole, "in pieces of 5");
}

/// Little memory: it must be enough, or be refused.
pub(super) fn applications() -> Applications {
    let mut settings = AppSettings::off();
    for protocol in [AppProtocol::Tls, AppProtocol::Quic] {
        settings.of_mut(protocol).expect("a protocol").enabled = true;
    }
    (settings.transactions, settings.memory) = (64, 1 << 20);
    let mut applications = Applications::new(settings, 2);
    applications.set_wants(Fields::ALL);
    applications
}

/// What is left of a conversation, which is ended.
pub(super) fn left(applications: &mut Applications, link: &mut AppLink) -> Told {
    let mut told = Vec::new();
    let mut at = applications.first(*link);
    while at.is_some() {
        for direction in Direction::ALL {
            let view = TransactionView::of(&applications.room, at, direction).expect("a transaction");
            let log = view.log_of(direction).to_vec();
            assert_eq!(view.entries().map(|(_, bytes)| bytes.len() + sluice_app::log::HEAD).sum::<usize>(), log.len());
            told.push((view.number(), direction, view.level(), log));
        }
        at = applications.next(at);
    }
    applications.end(link);
    assert_eq!(applications.memory(), 0, "something was kept");
    told
}

fn told(said: &[(Direction, &[u8])], size: usize) -> Told {
    let mut applications = applications();
    let mut link = AppLink::default();
    let input = |direction, bytes| Input {
        bytes,
        direction,
        now: Nanos(0),
        ports: [443, 40_000],
        either: false,
        datagram: false,
    };
    for &(direction, bytes) in said {
        for piece in bytes.chunks(size) {
            applications.feed(&mut link, &input(direction, piece));
        }
    }
    for direction in Direction::ALL {
        applications.finish(&mut link, &input(direction, &[]));
    }
    left(&mut applications, &mut link)
}
