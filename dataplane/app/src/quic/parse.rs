//! QUIC from datagrams to transactions.
//!
//! Called by [`crate::applications`]. Only Initial packets are read, whose keys anybody can work out; of all others the head, to find the next one in the datagram. Each hello is a transaction of its
//! own with one side. When both ends have said theirs nothing more is decrypted.
//!
//! Sources: RFC 9000 section 12 and 17, RFC 9001 section 5, RFC 9369.

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
/// Packets in one datagram that are looked at: Initial, Early, Handshake and one with a short header are usual.
const MOST_PACKETS: usize = 8;
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

/// One conversation.
#[derive(Debug, Default)]
pub struct Conversation {
    ends: [End; 2],
    /// The connection identifier that the keys come from, and the version.
    id: [u8; MOST_ID],
    id_length: u8,
    version: u32,
    /// The server had the client try again.
    retried: bool,
    /// Events that were told, by bit.
    events: u8,
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
    fn of_mut(&mut self, direction: Direction) -> &mut End {
        let [server, client] = &mut self.ends;
        if direction.index() == 0 { server } else { client }
    }

    fn is_done(&self) -> bool {
        self.ends.iter().all(|end| end.done)
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
        let mut rest = bytes;
        for _ in 0..MOST_PACKETS {
            let Some(header) = Header::of(rest) else {
                return;
            };
            if header.version == NEGOTIATION {
                // The client begins anew, with another version.
                self.begin_anew(desk);
                return;
            }
            match header.kind {
                Kind::Retry if desk.direction == Direction::ToClient => {
                    // A client follows the first one only.
                    if !std::mem::replace(&mut self.retried, true) && !self.of_mut(Direction::ToClient).done {
                        self.begin_anew(desk);
                        self.take_id(header.source, header.version);
                    }
                    return;
                }
                Kind::Initial => self.initial(desk, &header, rest),
                _ => {}
            }
            rest = rest.get(header.length..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
        }
    }

    fn begin_anew(&mut self, desk: &mut Desk) {
        self.ends.iter_mut().for_each(|end| {
            end.stream.clear(desk);
            end.done = false;
        });
        (self.id_length, self.version) = (0, 0);
    }

    fn take_id(&mut self, id: &[u8], version: u32) {
        self.id.iter_mut().zip(id).for_each(|(place, byte)| *place = *byte);
        self.id_length = id.len().min(MOST_ID) as u8;
        self.version = version;
    }

    /// An Initial packet at the beginning of `bytes`.
    fn initial(&mut self, desk: &mut Desk, header: &Header, bytes: &[u8]) {
        let direction = desk.direction;
        let is_client = direction == Direction::ToServer;
        if self.of_mut(direction).done {
            return;
        }
        let Some(packet) = bytes.get(..header.length).filter(|packet| packet.len() <= MOST_PACKET) else { return };
        let mut aside = desk.take_aside();
        let known: ([u8; MOST_ID], usize, u32) = (self.id, self.id_length.into(), self.version);
        let (id, length, version) = known;
        let mut plain = id
            .get(..length)
            .filter(|_| version != 0)
            .and_then(|id| open(&mut aside, packet, header, (version, id, is_client)));
        if plain.is_none() && is_client && (version, id.get(..length)) != (header.version, Some(header.destination)) {
            // The first one, or the client began anew after a retry that was not seen.
            plain = open(&mut aside, packet, header, (header.version, header.destination, true));
            if plain.is_some() || version == 0 {
                self.take_id(header.destination, header.version);
            }
            if plain.is_some() && version != 0 {
                self.of_mut(direction).stream.clear(desk);
            }
        }
        match plain {
            Some((from, to)) => {
                let frames = aside.get(from..to).unwrap_or_default();
                let told = if header.version == GQUIC_50 {
                    self.frames_of_gquic(desk, frames)
                } else {
                    self.frames(desk, frames)
                };
                if let Err(event) = told {
                    self.of_mut(direction).done = event == AppEvent::QuicCryptoFragTooLong;
                    self.wrong(desk, event);
                }
            }
            // Without the client's first packet the server's can't be read.
            None if is_client || version != 0 => self.wrong(desk, AppEvent::QuicFailedDecrypt),
            None => {}
        }
        desk.give_aside(aside);
        self.read_hello(desk);
    }

    /// The frames of an Initial packet.
    fn frames(&mut self, desk: &mut Desk, frames: &[u8]) -> Result<(), AppEvent> {
        const BROKEN: AppEvent = AppEvent::QuicErrorOnData;
        let direction = desk.direction;
        let mut reader = Reader::of(frames);
        while let Some(kind) = reader.u8() {
            match kind {
                // Padding, ping.
                0 | 1 => {}
                2 | 3 => {
                    let mut next = || varint(&mut reader).ok_or(BROKEN);
                    let (_largest, _delay, ranges, _first) = (next()?, next()?, next()?, next()?);
                    for _ in 0..ranges {
                        next()?;
                        next()?;
                    }
                    if kind == 3 {
                        for _ in 0..3 {
                            next()?;
                        }
                    }
                }
                6 => {
                    let offset = varint(&mut reader).ok_or(BROKEN)?;
                    let length = varint(&mut reader).ok_or(BROKEN)?;
                    let piece = usize::try_from(length).ok().and_then(|length| reader.take(length)).ok_or(BROKEN)?;
                    let stream = &mut self.of_mut(direction).stream;
                    stream.add(desk, offset, piece).map_err(|_| AppEvent::QuicCryptoFragTooLong)?;
                }
                // The connection is closed; nothing follows that matters.
                0x1c => return Ok(()),
                _ => return Err(BROKEN),
            }
        }
        Ok(())
    }

    /// The frames of an Initial packet of Q050, of which one carries the client's hello.
    fn frames_of_gquic(&mut self, desk: &mut Desk, frames: &[u8]) -> Result<(), AppEvent> {
        let start = frames.windows(4).position(|name| name == b"CHLO");
        if let Some(hello) = start.and_then(|at| frames.get(at..)).and_then(gquic::Hello::of) {
            self.hello_of_gquic(desk, &hello, GQUIC_50);
        }
        Ok(())
    }

    /// Reads the hello of the direction at hand once it is whole.
    fn read_hello(&mut self, desk: &mut Desk) {
        let direction = desk.direction;
        let version = self.version;
        let end = self.of_mut(direction);
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
fn open(room: &mut Vec<u8>, packet: &[u8], header: &Header, key: (u32, &[u8], bool)) -> Option<(usize, usize)> {
    let (version, id, is_client) = key;
    let keys = Keys::of(version, id, is_client)?;
    room.clear();
    room.extend_from_slice(packet);
    let length = keys.open(room, header.number_at)?.len();
    let number_length = usize::from(room.first()? & 3) + 1;
    let from = header.number_at + number_length;
    Some((from, from + length))
}

fn extensions(desk: &mut Desk, tx: TxRef, all: Extensions) {
    let direction = desk.direction;
    if !desk.wants(Field::QuicExtension) {
        return;
    }
    for (number, bytes) in all {
        let told: &[u8] = if matches!(number, extension::SERVER_NAME | extension::ALPN) { bytes } else { &[] };
        desk.put_parts(tx, direction, Field::QuicExtension, &[&number.to_be_bytes(), told]);
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

impl Parser for Conversation {
    fn feed(&mut self, desk: &mut Desk, bytes: &[u8]) -> Fed {
        if self.is_done() {
            return if desk.settings.quic.encryption == Encryption::Bypass { Fed::Over } else { Fed::All };
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
        } else if first & 0x09 == 0x09 && desk.direction == Direction::ToServer && self.id_length == 0 {
            let number_length = [1, 2, 4, 6].get(usize::from(first >> 4 & 3)).copied().unwrap_or(1);
            if let Some(version) = crate::pdu::u32_be(bytes, 9).filter(|&version| gquic_number(version).is_some()) {
                self.gquic(desk, version, bytes.get(13 + number_length..).unwrap_or_default());
            }
        }
        let is_over = self.is_done() && desk.settings.quic.encryption == Encryption::Bypass;
        if is_over { Fed::Over } else { Fed::All }
    }

    fn gap(&mut self, _desk: &mut Desk, _missing: u32) -> Fed {
        Fed::All
    }

    fn end(&mut self, _desk: &mut Desk, _waiting: &[u8]) {}

    fn forget(&mut self, arena: &mut Arena) {
        self.ends.iter_mut().for_each(|end| arena.free(end.stream.buf()));
    }
}
