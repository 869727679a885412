//! QUIC from datagrams to transactions.
//!
//! Called by [`crate::applications`]. Only Initial packets are read, whose keys anybody can work out; of all others the head, to find the next one in the datagram. Each hello is a transaction of its
//! own with one side. When both ends of a connection have said theirs nothing more of it is decrypted.
//!
//! Connections may follow each other between the same ports, or mix; a client's first packet tells its keys itself, so each is known whatever came before. Some of them are kept apart
//! ([`MOST_CONNECTIONS`]), each with what came of its hellos.
//!
//! Sources: RFC 9000 sections 6, 7.2, 12 and 17, RFC 9001 section 5, RFC 9368 (the server may answer in another version), RFC 9369.

use super::{
    crypto::Stream,
    gquic,
    keys::Keys,
    version::{GQUIC_50, Kind, NEGOTIATION, gquic as gquic_number, is_ietf},
};
use crate::{
    arena::Arena,
    desk::Desk,
    event::AppEvent,
    field::Field,
    level,
    parser::{Fed, MOST_ASIDE, Parser},
    room::{Telling, TxRef},
    tls::{
        Encryption,
        fingerprint::hex,
        handshake::{client_fingerprints, server_fingerprints},
        hello::{Alpn, ClientHello, Extensions, Reader, ServerHello, extension},
    },
};
use md5::Digest;
use sluice_core::Direction;

/// Bytes of a connection identifier, at most (RFC 9000 section 17.2).
const MOST_ID: usize = 20;
/// Connections of one conversation that are kept apart at a time. Any number of them may follow each other.
const MOST_CONNECTIONS: usize = 4;
/// Keys that are tried for the packets of one datagram besides those its destination tells.
const MOST_TRIALS: u8 = 8;
/// Bytes of an Initial packet that is decrypted, at most: those of a jumbo frame.
const MOST_PACKET: usize = 9_216;
const _: () = assert!(MOST_PACKET <= MOST_ASIDE);

/// What an end has said.
#[derive(Debug, Default)]
struct End {
    stream: Stream,
    /// Its hello was read, or can't be.
    done: bool,
}

/// A connection identifier.
#[derive(Clone, Copy, Debug, Default)]
struct Id {
    bytes: [u8; MOST_ID],
    length: u8,
}

impl Id {
    fn of(id: &[u8]) -> Self {
        let mut bytes = [0; MOST_ID];
        bytes.iter_mut().zip(id).for_each(|(place, byte)| *place = *byte);
        Self { bytes, length: id.len().min(MOST_ID) as u8 }
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }
}

/// One connection, or one try of the client for one: after a retry, or with another version, it begins anew under another identifier.
#[derive(Debug, Default)]
struct Connection {
    ends: [End; 2],
    version: u32,
    /// The identifier that the client chose for the server, from which the keys come; those the client and the server chose for themselves, the last as soon as it is known.
    first: Id,
    client: Id,
    server: Id,
}

impl Connection {
    fn end(&self, direction: Direction) -> &End {
        let [server, client] = &self.ends;
        if direction.index() == 0 { server } else { client }
    }

    fn end_mut(&mut self, direction: Direction) -> &mut End {
        let [server, client] = &mut self.ends;
        if direction.index() == 0 { server } else { client }
    }

    fn is_done(&self) -> bool {
        self.ends.iter().all(|end| end.done)
    }

    /// How little is lost when it is given up: connections whose hellos were read go first, then those of which nothing is kept.
    fn worth(&self) -> u8 {
        let hello = self.end(Direction::ToServer);
        match () {
            () if self.is_done() => 0,
            () if !hello.done && hello.stream.is_empty() => 1,
            () if hello.done => 2,
            () => 3,
        }
    }
}

/// One conversation.
#[derive(Debug, Default)]
pub struct Conversation {
    /// Its connections, oldest first.
    connections: [Connection; MOST_CONNECTIONS],
    count: u8,
    /// The version spoken last.
    version: u32,
    /// Events that were told, by bit.
    events: u8,
}

/// What is known while the packets of one datagram are read.
#[derive(Default)]
struct Datagram {
    /// The keys that the destination of its packets tells, as all of them have the same (RFC 9000 section 12.2), and the connection they are of, when it was known.
    keys: Option<(Option<usize>, Keys)>,
    /// Other keys that were tried.
    trials: u8,
}

/// A long header.
#[derive(Clone, Copy, Debug)]
struct Header<'a> {
    kind: Kind,
    version: u32,
    destination: &'a [u8],
    source: &'a [u8],
    /// Where the packet's number stands.
    number_at: usize,
    /// Bytes of the packet.
    length: usize,
}

/// A number of variable length (RFC 9000 section 16).
fn varint(reader: &mut Reader) -> Option<u64> {
    let first = reader.u8()?;
    let rest = reader.take((1 << (first >> 6)) - 1)?;
    Some(rest.iter().fold(u64::from(first & 0x3f), |sum, &byte| sum << 8 | u64::from(byte)))
}

impl<'a> Header<'a> {
    /// The header at the beginning of `bytes`; none: it has no such header, or not all of it is there.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::of(bytes);
        let first = reader.u8().filter(|first| first & 0x80 != 0)?;
        let version = u32::from(reader.u16()?) << 16 | u32::from(reader.u16()?);
        if version != NEGOTIATION && !is_ietf(version) {
            return None;
        }
        let destination = reader.list8().filter(|id| id.len() <= MOST_ID)?;
        let source = reader.list8().filter(|id| id.len() <= MOST_ID)?;
        let kind = Kind::of(version, first);
        let whole = Self { kind, version, destination, source, number_at: 0, length: bytes.len() };
        if version == NEGOTIATION || kind == Kind::Retry {
            return Some(whole);
        }
        if kind == Kind::Initial {
            let token = usize::try_from(varint(&mut reader)?).ok()?;
            reader.take(token)?;
        }
        let length = usize::try_from(varint(&mut reader)?).ok()?;
        let number_at = bytes.len() - reader.rest().len();
        let length = number_at.checked_add(length).filter(|&length| length <= bytes.len())?;
        Some(Self { number_at, length, ..whole })
    }
}

impl Conversation {
    fn connections(&self) -> &[Connection] {
        self.connections.get(..self.count.into()).unwrap_or_default()
    }

    /// Whether nobody wants to see more: both ends of a connection have said hello, and what is encrypted is let be.
    fn is_over(&self, desk: &Desk) -> bool {
        desk.settings.quic.encryption == Encryption::Bypass && self.connections().iter().any(Connection::is_done)
    }

    /// Opens the transaction of a hello in the direction at hand.
    fn open(desk: &mut Desk, version: u32) -> TxRef {
        let direction = desk.direction;
        let tx = desk.open(0);
        desk.skip(tx, direction.reverse());
        desk.put(tx, direction, Field::QuicVersion, &version.to_be_bytes());
        tx
    }

    /// Notes that something is wrong, once a conversation.
    fn wrong(&mut self, desk: &mut Desk, event: AppEvent) {
        let bit = 1_u8 << ((event as u16).wrapping_sub(AppEvent::QuicCryptoFragTooLong as u16) & 7);
        if self.events & bit != 0 {
            return;
        }
        self.events |= bit;
        let direction = desk.direction;
        let tx = Self::open(desk, self.version);
        desk.tell(tx, Telling::Never);
        desk.event(tx, direction, event);
        desk.reach(tx, direction, level::DONE);
    }

    /// A datagram with packets that have long headers.
    fn datagram(&mut self, desk: &mut Desk, bytes: &[u8]) {
        let mut state = Datagram::default();
        let mut destination = None;
        let mut rest = bytes;
        while let Some(header) = Header::of(rest) {
            // Neither a list of versions nor a retry changes anything here, whoever sends it: the client begins anew under another version or identifier, by which its hello is known. A list that
            // comes late, or from the client, is no reason to do so (RFC 9000 section 6.2).
            if header.version == NEGOTIATION || header.kind == Kind::Retry {
                return;
            }
            // A receiver passes over packets for another destination than the first one's.
            let is_ours = *destination.get_or_insert(header.destination) == header.destination;
            if header.kind == Kind::Initial && is_ours {
                self.initial(desk, &header, rest, &mut state);
            }
            rest = rest.get(header.length..).unwrap_or_default();
        }
    }

    /// The place of the connection that an Initial packet with `header` names as its own.
    fn named(&self, direction: Direction, header: &Header) -> Option<usize> {
        let is_it = |found: &Connection| {
            let server = found.server.get();
            let is_server = |id: &[u8]| !server.is_empty() && server == id;
            match direction {
                Direction::ToServer => {
                    let is_first = found.first.get() == header.destination;
                    found.version == header.version && (is_first || is_server(header.destination))
                }
                Direction::ToClient => is_server(header.source) && found.client.get() == header.destination,
            }
        };
        self.connections().iter().rposition(is_it)
    }

    /// A place for the connection that `header` begins.
    fn begin(&mut self, desk: &mut Desk, header: &Header) -> usize {
        if usize::from(self.count) == MOST_CONNECTIONS {
            let least = (0..).zip(&self.connections).min_by_key(|(_, found)| found.worth()).map_or(0, |(at, _)| at);
            if let Some(from_there) = self.connections.get_mut(least..) {
                if let Some(found) = from_there.first_mut() {
                    found.ends.iter_mut().for_each(|end| end.stream.clear(desk));
                }
                from_there.rotate_left(1);
            }
            self.count -= 1;
        }
        let at = usize::from(self.count);
        if let Some(place) = self.connections.get_mut(at) {
            let (first, client) = (Id::of(header.destination), Id::of(header.source));
            *place = Connection { version: header.version, first, client, ..Connection::default() };
            self.count += 1;
        }
        at
    }

    /// An Initial packet at the beginning of `bytes`.
    ///
    /// # Cost
    /// Decryption; keys are made once for a datagram, and [`MOST_TRIALS`] times besides at most.
    fn initial(&mut self, desk: &mut Desk, header: &Header, bytes: &[u8], state: &mut Datagram) {
        let direction = desk.direction;
        let is_client = direction == Direction::ToServer;
        let Some(packet) = bytes.get(..header.length).filter(|packet| packet.len() <= MOST_PACKET) else { return };
        self.version = header.version;
        let named = self.named(direction, header);
        if named.and_then(|at| self.connections.get(at)).is_some_and(|found| found.end(direction).done) {
            return;
        }
        let mut aside = desk.take_aside();
        let mut opened = None;
        let id = named.and_then(|at| self.connections.get(at)).map_or(Id::of(header.destination), |found| found.first);
        if is_client || named.is_some() {
            if state.keys.as_ref().is_none_or(|(of, _)| *of != named) {
                state.keys = Keys::of(header.version, id.get(), is_client).map(|keys| (named, keys));
            }
            let plain = state.keys.as_ref().and_then(|(_, keys)| open(&mut aside, packet, header, keys));
            opened = plain.map(|plain| (named, plain));
        }
        // The server's first packet, or one of the client for an identifier of the server that was not seen: another connection of the same client.
        let mut is_of_done = false;
        if opened.is_none() && named.is_none() {
            let client = if is_client { header.source } else { header.destination };
            for (at, found) in self.connections().iter().enumerate().rev() {
                // A server may answer in another version, with keys of that one.
                let fits = !is_client || found.version == header.version;
                if !fits || found.client.get() != client {
                    continue;
                }
                if found.end(direction).done {
                    is_of_done = true;
                } else if state.trials < MOST_TRIALS {
                    state.trials += 1;
                    let keys = Keys::of(header.version, found.first.get(), is_client);
                    let plain = keys.and_then(|keys| open(&mut aside, packet, header, &keys));
                    opened = plain.map(|plain| (Some(at), plain));
                }
                if opened.is_some() {
                    break;
                }
            }
        }
        match opened {
            Some((known, (from, to))) => {
                let at = known.unwrap_or_else(|| self.begin(desk, header));
                let frames = aside.get(from..to).unwrap_or_default();
                let fault = match self.connections.get_mut(at) {
                    Some(_) if header.version == GQUIC_50 => {
                        self.frames_of_gquic(desk, frames);
                        None
                    }
                    Some(found) => {
                        if !is_client {
                            found.server = Id::of(header.source);
                        }
                        read_frames(desk, &mut found.end_mut(direction).stream, frames)
                    }
                    None => None,
                };
                desk.give_aside(aside);
                if let Some(event) = fault {
                    self.wrong(desk, event);
                }
                self.read_hello(desk, at);
            }
            None => {
                desk.give_aside(aside);
                // Without the client's first packet the server's can't be read.
                if !is_of_done && (is_client || self.count > 0) {
                    self.wrong(desk, AppEvent::QuicFailedDecrypt);
                }
            }
        }
    }

    /// The frames of an Initial packet of Q050, of which one carries the client's hello.
    fn frames_of_gquic(&mut self, desk: &mut Desk, frames: &[u8]) {
        let start = frames.windows(4).position(|name| name == b"CHLO");
        if let Some(hello) = start.and_then(|at| frames.get(at..)).and_then(gquic::Hello::of) {
            self.hello_of_gquic(desk, &hello, GQUIC_50);
        }
    }

    /// Reads the hello that the connection at `at` says in the direction at hand, once it is whole.
    fn read_hello(&mut self, desk: &mut Desk, at: usize) {
        let direction = desk.direction;
        let Some(found) = self.connections.get_mut(at) else { return };
        let version = self.version;
        let end = found.end_mut(direction);
        let Some(length) = end.stream.message(desk) else { return };
        end.done = true;
        let sound = end.stream.release(desk, |desk, bytes| {
            let (kind, body) = (bytes.first().copied(), bytes.get(4..length)?);
            match (kind, direction) {
                (Some(1), Direction::ToServer) => client_hello(desk, version, &ClientHello::of(body)?),
                (Some(2), Direction::ToClient) => server_hello(desk, version, &ServerHello::of(body)?),
                _ => return None,
            }
            Some(())
        });
        if sound.is_none() {
            self.wrong(desk, AppEvent::QuicErrorOnData);
        }
    }

    /// A packet of gQUIC that is not encrypted.
    fn gquic(&mut self, desk: &mut Desk, version: u32, body: &[u8]) {
        self.version = version;
        if let Some(hello) = gquic::hello(body) {
            self.hello_of_gquic(desk, &hello, version);
        }
    }

    fn hello_of_gquic(&mut self, desk: &mut Desk, hello: &gquic::Hello, version: u32) {
        let direction = desk.direction;
        let tx = Self::open(desk, version);
        for (name, field) in [(b"SNI\0", Field::QuicSni), (b"UAID", Field::QuicUa)] {
            if let Some(value) = hello.tag(name) {
                desk.put(tx, direction, field, value);
            }
        }
        let cyu = hello.cyu(gquic_number(version).unwrap_or(0));
        desk.put_wanted(tx, direction, Field::QuicCyuString, cyu.get());
        if desk.wants(Field::QuicCyuHash) {
            desk.put(tx, direction, Field::QuicCyuHash, hex::<32>(&md5::Md5::digest(cyu.get())).get());
        }
        desk.reach(tx, direction, level::DONE);
    }
}

/// Takes the protection off `packet`; gives where what it carries stands in `room`.
fn open(room: &mut Vec<u8>, packet: &[u8], header: &Header, keys: &Keys) -> Option<(usize, usize)> {
    room.clear();
    room.extend_from_slice(packet);
    let length = keys.open(room, header.number_at)?.len();
    let number_length = usize::from(room.first()? & 3) + 1;
    let from = header.number_at + number_length;
    Some((from, from + length))
}

/// Whether `bytes`, a datagram, hold an Initial packet of a client that anybody can open: then they are QUIC for certain.
///
/// # Cost
/// Keys are made once, and up to [`MOST_TRIALS`] packets decrypted, in a room of [`MOST_PACKET`] bytes on the stack.
pub(super) fn is_opened(bytes: &[u8]) -> bool {
    let mut room = [0; MOST_PACKET];
    let mut rest = bytes;
    let mut keys = None;
    let mut trials = 0;
    while trials < MOST_TRIALS
        && let Some(header) = Header::of(rest)
    {
        let (packet, behind) = rest.split_at_checked(header.length).unwrap_or((rest, &[]));
        if header.kind == Kind::Initial && header.version != NEGOTIATION {
            trials += 1;
            if keys.is_none() {
                keys = Keys::of(header.version, header.destination, true);
            }
            if let (Some(place), Some(keys)) = (room.get_mut(..packet.len()), &keys) {
                place.copy_from_slice(packet);
                if keys.open(place, header.number_at).is_some() {
                    return true;
                }
            }
        }
        rest = behind;
    }
    false
}

/// Reads the frames of an Initial packet; what is wrong with them.
fn read_frames(desk: &mut Desk, stream: &mut Stream, frames: &[u8]) -> Option<AppEvent> {
    const BROKEN: AppEvent = AppEvent::QuicErrorOnData;
    let mut reader = Reader::of(frames);
    let mut fault = None;
    let mut read = |kind: u8, reader: &mut Reader| -> Option<()> {
        match kind {
            // Padding, ping.
            0 | 1 => {}
            2 | 3 => {
                let (_largest, _delay, ranges, _first) =
                    (varint(reader)?, varint(reader)?, varint(reader)?, varint(reader)?);
                let counts = if kind == 3 { 3 } else { 0 };
                for _ in 0..ranges.saturating_mul(2).saturating_add(counts) {
                    varint(reader)?;
                }
            }
            6 => {
                let offset = varint(reader)?;
                let length = usize::try_from(varint(reader)?).ok()?;
                // What is too far off, or finds no room, is left out: what else comes may be whole without it.
                if stream.add(desk, offset, reader.take(length)?).is_err() {
                    fault = Some(AppEvent::QuicCryptoFragTooLong);
                }
            }
            // The connection is closed; nothing follows that matters.
            0x1c => *reader = Reader::of(&[]),
            _ => return None,
        }
        Some(())
    };
    while let Some(kind) = reader.u8() {
        if read(kind, &mut reader).is_none() {
            return Some(BROKEN);
        }
    }
    fault
}

fn extensions(desk: &mut Desk, tx: TxRef, all: Extensions) {
    let direction = desk.direction;
    if !desk.wants(Field::QuicExtension) {
        return;
    }
    for (number, bytes) in all {
        let told: &[u8] = if matches!(number, extension::SERVER_NAME | extension::ALPN) { bytes } else { &[] };
        desk.put_parts(tx, direction, Field::QuicExtension, [&number.to_be_bytes(), told]);
    }
}

fn client_hello(desk: &mut Desk, version: u32, hello: &ClientHello) {
    let direction = desk.direction;
    let tx = Conversation::open(desk, version);
    if let Some(name) = hello.server_name().name {
        desk.put_wanted(tx, direction, Field::QuicSni, name);
    }
    if desk.wants(Field::TlsAlpn) {
        hello.alpn().for_each(|name| desk.put(tx, direction, Field::TlsAlpn, name));
    }
    extensions(desk, tx, hello.extensions);
    client_fingerprints(desk, tx, hello, true);
    desk.reach(tx, direction, level::DONE);
}

fn server_hello(desk: &mut Desk, version: u32, hello: &ServerHello) {
    let direction = desk.direction;
    let tx = Conversation::open(desk, version);
    if desk.wants(Field::TlsAlpn) {
        Alpn::of(hello.extensions).for_each(|name| desk.put(tx, direction, Field::TlsAlpn, name));
    }
    extensions(desk, tx, hello.extensions);
    server_fingerprints(desk, tx, hello);
    desk.reach(tx, direction, level::DONE);
}

/// A worker has room for one with each flow: it is to be no larger than those of other protocols.
const _: () = assert!(size_of::<Conversation>() <= 440);

impl Parser for Conversation {
    fn feed(&mut self, desk: &mut Desk, bytes: &[u8]) -> Fed {
        if self.is_over(desk) {
            return Fed::Over;
        }
        let Some(&first) = bytes.first() else { return Fed::All };
        if first & 0x80 != 0 {
            let version = crate::pdu::u32_be(bytes, 1).unwrap_or(0);
            if gquic_number(version).is_some_and(|number| number < 50) {
                // Lengths of both identifiers in one byte, each less by 3 where it is there; a number of one to four bytes.
                let lengths = bytes.get(5).copied().unwrap_or(0);
                let id = |length: u8| if length == 0 { 0 } else { usize::from(length) + 3 };
                let at = 6 + id(lengths >> 4) + id(lengths & 15) + usize::from(first & 3) + 1;
                self.gquic(desk, version, bytes.get(at..).unwrap_or_default());
            } else {
                self.datagram(desk, bytes);
            }
        } else if first & 0x09 == 0x09 && desk.direction == Direction::ToServer && self.count == 0 {
            let number_length = [1, 2, 4, 6].get(usize::from(first >> 4 & 3)).copied().unwrap_or(1);
            if let Some(version) = crate::pdu::u32_be(bytes, 9).filter(|&version| gquic_number(version).is_some()) {
                self.gquic(desk, version, bytes.get(13 + number_length..).unwrap_or_default());
            }
        }
        if self.is_over(desk) { Fed::Over } else { Fed::All }
    }

    fn gap(&mut self, _desk: &mut Desk, _missing: u32) -> Fed {
        Fed::All
    }

    fn end(&mut self, _desk: &mut Desk, _waiting: &[u8]) {}

    fn forget(&mut self, arena: &mut Arena) {
        let ends = self.connections.iter_mut().flat_map(|found| &mut found.ends);
        ends.for_each(|end| arena.free(end.stream.buf()));
    }
}
