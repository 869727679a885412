//! Target `http`: a conversation of HTTP/1.
//!
//! The first byte chooses the size of the pieces and the settings. What follows is pieces: a byte with the direction and whether so many bytes are lost instead, one with the length, and the bytes.
//! Nothing panics, all memory comes back, and no more comes out of a body than its limit allows.

use sluice_app::{AppProtocol, AppSettings, Applications, Fields, Input, TransactionView};
use sluice_core::{AppLink, Direction, Nanos};

/// Runs one input.
pub fn run(input: &[u8]) {
    let [choice, rest @ ..] = input else { return };
    let mut settings = AppSettings::off();
    (settings.transactions, settings.memory) = (256, 4 << 20);
    if let Some(http) = settings.of_mut(AppProtocol::Http) {
        http.enabled = true;
    }
    settings.http.decompress_layers = choice & 3;
    settings.http.bomb_limit = 64 << 10;
    settings.http.most_open = 32;
    settings.http.lzma_memory = 64 << 10;
    let size = [1, 7, 1_000, usize::MAX][usize::from(choice >> 2 & 3)];
    let mut applications = Applications::new(settings, 4);
    applications.set_wants(Fields::ALL);
    let mut link = AppLink::default();
    let of = |direction, bytes| Input {
        bytes,
        direction,
        now: Nanos(0),
        ports: [80, 4_000],
        either: false,
        datagram: false,
    };
    let mut rest = rest;
    while let [what, length, behind @ ..] = rest {
        let direction = if what & 1 == 0 { Direction::ToServer } else { Direction::ToClient };
        // Lengths up to 255, or up to eight times as much.
        let length = usize::from(*length) << (what >> 1 & 3);
        if what & 0xf0 == 0xf0 {
            applications.gap(&mut link, &of(direction, &[]), length as u32 + 1);
            rest = behind;
            continue;
        }
        let (bytes, behind) = behind.split_at(length.min(behind.len()));
        bytes.chunks(size).for_each(|piece| applications.feed(&mut link, &of(direction, piece)));
        settle(&mut applications, link);
        rest = behind;
    }
    for direction in Direction::ALL {
        applications.finish(&mut link, &of(direction, &[]));
    }
    settle(&mut applications, link);
    applications.end(&mut link);
    assert_eq!(applications.memory(), 0, "something was kept");
}

/// Looks at everything as rules do, and lets go what is over.
fn settle(applications: &mut Applications, link: AppLink) {
    let mut at = applications.first(link);
    while at.is_some() {
        let next = applications.next(at);
        for direction in Direction::ALL {
            let Some(view) = TransactionView::of(&applications.room, at, direction) else { continue };
            assert!(view.entries().map(|(_, bytes)| bytes.len()).sum::<usize>() < 1 << 20);
            for (body, bytes) in view.bodies() {
                assert!(bytes.len() as u64 <= body.limit && bytes.len() as u64 <= body.total);
            }
            applications.judged(at, direction);
        }
        applications.tell(at, false);
        applications.settle(link, at);
        at = next;
    }
}
