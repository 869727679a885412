//! Target `application`: one conversation of an application protocol.
//!
//! The first byte chooses the protocol, and datagrams or a stream; then come pieces of what goes either way, each with its direction and length in front. Nothing panics; memory stays within its bound and all of it
//! comes back. What the parsers of DNS, HTTP/2 and the protocols of plants tell of a stream does not depend on how it is cut.

use sluice_app::{AppSettings, Applications, Fields, Input, TransactionView, protocol::Ports};
use sluice_core::{AppLink, AppProtocol, Direction, Nanos};

/// Memory for transactions, bytes.
const MEMORY: usize = 1 << 20;
/// The server's port.
const PORT: u16 = 7_777;
/// Marks datagrams.
pub const DATAGRAM: u8 = 0x80;

/// Runs one input.
pub fn run(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    let protocol = AppProtocol::ALL[usize::from(choice & !DATAGRAM) % AppProtocol::ALL.len()];
    let datagram = choice & DATAGRAM != 0;
    let mut said = Vec::new();
    let mut rest = rest;
    while let Some((&[high, low], behind)) = rest.split_first_chunk() {
        let length = (usize::from(high & 0x7f) << 8 | usize::from(low)).min(behind.len());
        let (bytes, behind) = behind.split_at(length);
        said.push((Direction::ALL[usize::from(high >> 7)], bytes));
        rest = behind;
    }
    let whole = told(protocol, datagram, &said, usize::MAX);
    if !datagram && !matches!(protocol, AppProtocol::Http | AppProtocol::Tls | AppProtocol::Quic) {
        assert_eq!(told(protocol, datagram, &said, 1), whole, "byte by byte");
    }
}

/// What the conversation leaves: what was put down of each transaction.
fn told(protocol: AppProtocol, datagram: bool, said: &[(Direction, &[u8])], size: usize) -> Vec<Vec<u8>> {
    let mut settings = AppSettings::off();
    (settings.transactions, settings.memory) = (1_024, MEMORY);
    let own = settings.of_mut(protocol).unwrap();
    (own.enabled, own.ports) = (true, Ports::of(&[PORT]));
    let mut applications = Applications::new(settings, 2);
    applications.set_wants(Fields::ALL);
    let mut link = AppLink::default();
    let input =
        |direction, bytes| Input { bytes, direction, now: Nanos(0), ports: [PORT, 40_000], either: false, datagram };
    for &(direction, bytes) in said {
        for piece in bytes.chunks(if datagram { usize::MAX } else { size }) {
            applications.feed(&mut link, &input(direction, piece));
        }
        assert!(applications.memory() <= 4 * MEMORY, "more than there is");
    }
    for direction in Direction::ALL {
        applications.finish(&mut link, &input(direction, &[]));
    }
    let mut all = Vec::new();
    let mut at = applications.first(link);
    while at.is_some() {
        for direction in Direction::ALL {
            if let Some(view) = TransactionView::of(&applications.room, at, direction) {
                all.push(view.log_of(direction).to_vec());
                all.extend(view.bodies_of(direction).map(|(_, _, bytes)| bytes.to_vec()));
            }
        }
        at = applications.next(at);
    }
    applications.end(&mut link);
    assert_eq!(applications.memory(), 0, "something was kept");
    // What is told with the first byte of a piece, or with its last, may change places with what the other end says meanwhile.
    all.sort();
    all
}
