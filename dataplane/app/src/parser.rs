//! What a parser of a protocol is.
//!
//! Implemented once per protocol folder, called by [`crate::applications`]. A parser is a state machine: it is given the bytes of both directions in order, as they come, and puts what it finds on
//! the [`crate::Desk`]. It never allocates, never looks at bytes twice without need, and bounds everything it keeps.

use crate::{arena::Arena, desk::Desk, protocol::Likeness, room::Room};
use sluice_core::{AppProtocol, Direction};

/// What a parser did with the bytes it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// It has read all of them.
    All,
    /// It has read so many; it wants the rest again when there are at least `wants` bytes from there on. More than [`MOST_WAITING`] are never kept: a parser
    /// that wants more is not fed any longer.
    Part {
        /// Bytes read.
        used: usize,
        /// Bytes it wants to see together, from there on; more than there are now.
        wants: usize,
    },
    /// It could not read these bytes, but may read what comes in the next piece: units begin where senders begin to write.
    Wrong,
    /// This can't be the protocol, or can't be followed any further: nothing more is read in this direction.
    Broken,
    /// Nothing more is to be seen in either direction, for instance because the rest is encrypted.
    Over,
    /// It has read so many; what follows, in both directions, speaks another protocol; none: whichever it looks like.
    Becomes {
        /// Bytes read.
        used: usize,
        /// The other protocol.
        protocol: Option<AppProtocol>,
    },
}

/// Bytes that wait for more, of one direction, at most.
pub const MOST_WAITING: usize = 128 << 10;

/// Bytes that are read aside, at most: the longest message that a parser keeps until it is whole, a hello of TLS with all its lists full.
pub const MOST_ASIDE: usize = 132 << 10;
const _: () = assert!(MOST_WAITING <= MOST_ASIDE);

/// A parser of one conversation.
pub trait Parser {
    /// Reads `bytes`, which went in `desk.direction`. Over datagrams each call is one datagram, and what is not used is thrown away.
    fn feed(&mut self, desk: &mut Desk, bytes: &[u8]) -> Fed;

    /// How many of the next bytes that go in `direction` it would not look at, whatever they are: they need not be brought here.
    fn ignores(&self, _direction: Direction) -> usize {
        0
    }

    /// So many of them were left out.
    fn ignored(&mut self, _direction: Direction, _count: usize) {}

    /// So many bytes are missing in `desk.direction`. Whatever waited was thrown away. [`Fed::All`]: go on behind them.
    fn gap(&mut self, desk: &mut Desk, missing: u32) -> Fed;

    /// No more bytes come in `desk.direction`; `waiting` is what was not used.
    fn end(&mut self, desk: &mut Desk, waiting: &[u8]);

    /// The conversation is over: gives back what the parser keeps.
    fn forget(&mut self, arena: &mut Arena);

    /// The conversation is over: gives back what it took from pools in the room. Called with [`Parser::forget`].
    fn release(&mut self, _room: &mut Room) {}
}

/// How much bytes look like the beginning of a protocol.
pub type Recognise = fn(bytes: &[u8], direction: Direction) -> Likeness;
