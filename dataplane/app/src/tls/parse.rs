//! TLS from bytes to transactions: records.
//!
//! Called by [`crate::applications`]. A connection is one transaction. Records may be cut anywhere, messages may be spread over records: of a record only the head is waited for, of a message
//! what came is kept until it is whole. When both ends encrypt, only heads of records are looked at.
//!
//! What is found wrong later, when the transaction is gone, is put into one of its own, of which no record is made.
//!
//! Sources: RFC 8446 section 5, RFC 5246 section 6, RFC 6520 (heartbeat), RFC 6101 appendix E (hellos of SSLv2).

use super::{
    handshake::{CLIENT_HELLO, state},
    hello::is_13,
    settings::Encryption,
};
use crate::{
    arena::{Arena, Buf},
    desk::Desk,
    event::AppEvent,
    field::Field,
    level,
    parser::{Fed, Parser},
    room::{Telling, TxRef},
};
use sluice_core::Direction;

/// A record that changes keys.
pub const CIPHER: u8 = 20;
/// A record with an alert.
pub const ALERT: u8 = 21;
/// A record with messages of the handshake.
pub const HANDSHAKE: u8 = 22;
/// A record with data.
pub const APPLICATION: u8 = 23;
/// A record with a heartbeat.
pub const HEARTBEAT: u8 = 24;
/// Not a kind: a record of SSLv2.
const VERSION_2: u8 = 0;

/// Bytes of a record, at most: 16 KiB and what encryption adds.
pub const MOST_RECORD: usize = (1 << 14) + 2_048;
/// Empty records one behind the other, at most: they only serve to wear an end down.
const MOST_EMPTY: u8 = 32;
/// Bytes of a record's head.
const HEAD: usize = 5;
/// Bytes of a heartbeat's padding, at least.
const PADDING: usize = 16;

/// What is known of one end.
#[derive(Debug, Default)]
pub struct End {
    /// Kind of the record at hand.
    kind: u8,
    /// Bytes of it that are to come.
    pub(super) left: u16,
    /// Bytes it has.
    length: u16,
    /// A message that is not whole yet, with its head.
    pub(super) message: Buf,
    /// Bytes of a message that is not read.
    pub(super) skip: u32,
    /// The first bytes of an alert or heartbeat.
    small: [u8; 3],
    small_used: u8,
    /// Empty records so far.
    empty: u8,
    /// It has begun to speak.
    began: bool,
    /// It speaks SSLv2.
    is_v2: bool,
    /// What it says is encrypted.
    pub(super) is_encrypted: bool,
    /// It changed keys before the other end's version was known: that means nothing in 1.3, where another hello may follow.
    has_changed: bool,
    /// Its last hello says that data follow at once, which the other end may refuse.
    pub(super) sends_early: bool,
    /// Nothing more of it is put down.
    done: bool,
    /// A hello of it was read.
    pub(super) has_hello: bool,
    /// Where the name in it stands among what was put down: see [`Desk::place`].
    pub(super) name_at: u32,
    /// It is the server.
    pub(super) is_server: bool,
    /// Messages of it that were seen, as bits of [`super::handshake::state`].
    pub(super) states: u8,
    /// A certificate of it was read, or tried.
    pub(super) has_certificate: bool,
    /// Bytes of its last encrypted heartbeat.
    heartbeat: u16,
}

/// One connection.
#[derive(Debug, Default)]
pub struct Conversation {
    pub(super) ends: [End; 2],
    pub(super) transaction: TxRef,
    /// The transaction was opened.
    opened: bool,
    /// The version the server chose; 0: none yet.
    pub(super) version: u16,
    /// The record may be made, or won't be.
    is_ready: bool,
    /// Events that were told, by bit.
    events: u32,
}

impl Conversation {
    pub(super) fn of_mut(&mut self, direction: Direction) -> &mut End {
        let [server, client] = &mut self.ends;
        if direction.index() == 0 { server } else { client }
    }

    pub(super) fn of(&self, direction: Direction) -> &End {
        let [server, client] = &self.ends;
        if direction.index() == 0 { server } else { client }
    }

    /// The transaction, opened if there was none yet.
    fn open(&mut self, desk: &mut Desk) {
        if !self.opened {
            self.opened = true;
            self.transaction = desk.open(0);
            desk.tell(self.transaction, Telling::Never);
        }
    }

    /// The handshake has told everything a record is made of.
    pub(super) fn ready(&mut self, desk: &mut Desk) {
        if !std::mem::replace(&mut self.is_ready, true) {
            desk.tell(self.transaction, Telling::Now);
        }
    }

    /// No record is to be made.
    pub(super) const fn keep_quiet(&mut self) {
        self.is_ready = true;
    }

    /// Notes that something is wrong, once a connection.
    pub(super) fn wrong(&mut self, desk: &mut Desk, event: AppEvent) {
        let bit =
            1_u32.checked_shl((event as u32).wrapping_sub(AppEvent::TlsCertificateInvalidAlgorithmidentifier as u32));
        let bit = bit.unwrap_or(0);
        if self.events & bit != 0 {
            return;
        }
        self.events |= bit;
        self.open(desk);
        let direction = desk.direction;
        if !self.of(direction).done {
            desk.event(self.transaction, direction, event);
            return;
        }
        // The direction was judged: what comes now has a transaction of its own.
        let late = desk.open(1);
        desk.tell(late, Telling::Never);
        desk.event(late, direction, event);
        Direction::ALL.into_iter().for_each(|direction| desk.reach(late, direction, level::DONE));
    }

    /// Nothing more of this end will be put down.
    fn done(&mut self, desk: &mut Desk) {
        let direction = desk.direction;
        self.of_mut(direction).done = true;
        desk.reach(self.transaction, direction, level::DONE);
        if self.ends.iter().all(|end| end.done) {
            // Whatever it came to: a hello without an answer is told of as well.
            if self.ends.iter().any(|end| end.has_hello) {
                self.ready(desk);
            }
            self.transaction = TxRef::NONE;
        }
    }

    /// What follows of this end is encrypted.
    fn encrypted(&mut self, desk: &mut Desk) {
        let direction = desk.direction;
        let end = self.of_mut(direction);
        end.is_encrypted = true;
        desk.forget(&mut end.message);
        end.skip = 0;
        if !end.done {
            self.settle_handshake(desk);
            self.done(desk);
        }
    }

    /// Whether nothing more is to be seen, and nobody wants to count.
    fn is_over(&self, desk: &Desk) -> bool {
        desk.settings.tls.encryption == Encryption::Bypass && self.ends.iter().all(|end| end.is_encrypted)
    }

    /// Reads a record's head; false: this is no record.
    fn head(&mut self, desk: &mut Desk, head: [u8; HEAD]) -> bool {
        let [kind, major, minor, high, low] = head;
        let length = u16::from_be_bytes([high, low]);
        if !(CIPHER..=HEARTBEAT).contains(&kind) {
            self.wrong(desk, AppEvent::TlsInvalidRecordType);
            return false;
        }
        if major != 3 && !self.is_draft_version(major, minor) {
            self.wrong(desk, AppEvent::TlsInvalidRecordVersion);
            return false;
        }
        if usize::from(length) > MOST_RECORD {
            self.wrong(desk, AppEvent::TlsInvalidTlsHeader);
            return false;
        }
        let direction = desk.direction;
        let end = self.of_mut(direction);
        (end.kind, end.length, end.left, end.small_used) = (kind, length, length, 0);
        if length == 0 {
            end.empty = end.empty.saturating_add(1);
            if end.empty > MOST_EMPTY {
                self.wrong(desk, AppEvent::TlsTooManyRecordsInPacket);
            }
            // Only data may come in pieces of nothing.
            if kind != APPLICATION {
                self.wrong(desk, AppEvent::TlsInvalidTlsHeader);
            }
            return true;
        }
        end.empty = 0;
        match kind {
            APPLICATION if !end.is_encrypted && !self.is_early(direction) => self.encrypted(desk),
            HEARTBEAT => self.heartbeat_begins(desk, length),
            _ => {}
        }
        true
    }

    /// Drafts of TLS 1.3 may put their own number into the head of records.
    fn is_draft_version(&self, major: u8, minor: u8) -> bool {
        self.version != 0 && self.version == u16::from_be_bytes([major, minor])
    }

    /// Whether data of this end are those it sends before the other one has answered. A server that asks for another hello passes over them (RFC 8446 section 4.2.10).
    fn is_early(&self, direction: Direction) -> bool {
        self.of(direction).sends_early && !self.of(direction.reverse()).has_hello
    }

    /// An end changes its keys. In 1.3 that means nothing (RFC 8446 appendix D.4), and whether it is 1.3 only the server's answer tells: until then the next record does.
    fn cipher_changes(&mut self, desk: &mut Desk) {
        if is_13(self.version) {
            return;
        }
        let direction = desk.direction;
        let is_answered = self.version != 0 || self.of(direction.reverse()).has_hello;
        let has_key = u64::from(self.of(direction).states) & state::CLIENT_KEY != 0;
        if is_answered || has_key {
            self.encrypted(desk);
        } else {
            self.of_mut(direction).has_changed = true;
        }
    }

    /// Whether the record with messages that begins with `bytes` is encrypted: keys were changed, and it is no hello.
    fn is_sealed(&self, direction: Direction, bytes: &[u8]) -> bool {
        let end = self.of(direction);
        let begins = end.left == end.length && end.message.is_empty() && end.skip == 0;
        let is_hello = bytes.first() == Some(&CLIENT_HELLO) && (self.version == 0 || is_13(self.version));
        end.has_changed && begins && !is_hello
    }

    fn heartbeat_begins(&mut self, desk: &mut Desk, length: u16) {
        self.wrong(desk, AppEvent::TlsHeartbeatMessage);
        let direction = desk.direction;
        if !self.of(direction).is_encrypted {
            return;
        }
        // An answer is as long as what was asked: more of it is memory that leaks.
        let asked = self.of(direction.reverse()).heartbeat;
        if asked != 0 && length > asked {
            self.wrong(desk, AppEvent::TlsDataleakHeartbeatMismatch);
        }
        self.of_mut(direction).heartbeat = length;
        self.of_mut(direction.reverse()).heartbeat = 0;
    }

    /// Reads `bytes` of the record at hand.
    fn content(&mut self, desk: &mut Desk, bytes: &[u8]) {
        let direction = desk.direction;
        let end = self.of_mut(direction);
        match (end.kind, end.is_encrypted) {
            (HANDSHAKE, false) if self.is_sealed(direction, bytes) => self.encrypted(desk),
            (HANDSHAKE, false) => self.messages(desk, bytes),
            (VERSION_2, false) => self.version_2(desk, bytes),
            (CIPHER, false) => self.cipher_changes(desk),
            (ALERT, false) => self.alert(desk, bytes),
            (HEARTBEAT, false) => self.heartbeat(desk, bytes),
            _ => {}
        }
    }

    /// Keeps the first bytes of a small message; true when they have just become as many as `wanted`, or the record ends.
    fn small(&mut self, direction: Direction, bytes: &[u8], wanted: usize) -> bool {
        let end = self.of_mut(direction);
        let before = usize::from(end.small_used);
        if before >= wanted {
            return false;
        }
        let room = end.small.get_mut(before..wanted).unwrap_or_default();
        let count = room.len().min(bytes.len());
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        end.small_used += count as u8;
        usize::from(end.small_used) == wanted
    }

    fn alert(&mut self, desk: &mut Desk, bytes: &[u8]) {
        let direction = desk.direction;
        if !self.small(direction, bytes, 2) {
            if self.of(direction).length == 1 {
                self.wrong(desk, AppEvent::TlsInvalidAlertMessage);
            }
            return;
        }
        let &End { small: [level, _, _], length, .. } = self.of(direction);
        // A longer one is encrypted: the change of keys was missed.
        let is_encrypted = length >= 16;
        if !is_encrypted && (length != 2 || !matches!(level, 1 | 2)) {
            self.wrong(desk, AppEvent::TlsInvalidAlertMessage);
        }
    }

    fn heartbeat(&mut self, desk: &mut Desk, bytes: &[u8]) {
        let direction = desk.direction;
        if !self.small(direction, bytes, 3) {
            if self.of(direction).length < 3 {
                self.wrong(desk, AppEvent::TlsInvalidHeartbeatMessage);
            }
            return;
        }
        let &End { small: [kind, high, low], length, .. } = self.of(direction);
        let (length, payload) = (usize::from(length), usize::from(u16::from_be_bytes([high, low])));
        if !matches!(kind, 1 | 2) {
            self.wrong(desk, AppEvent::TlsInvalidHeartbeatMessage);
        } else if 3 + payload > length {
            self.wrong(desk, AppEvent::TlsOverflowHeartbeatMessage);
        } else if 3 + payload + PADDING > length {
            self.wrong(desk, AppEvent::TlsInvalidHeartbeatMessage);
        }
    }

    /// Bytes of a record of SSLv2, which holds one message.
    fn version_2(&mut self, desk: &mut Desk, bytes: &[u8]) {
        let direction = desk.direction;
        let end = self.of_mut(direction);
        if end.left as usize == bytes.len() && end.message.is_empty() {
            self.message_2(desk, bytes);
            return;
        }
        let mut message = std::mem::take(&mut end.message);
        let kept = desk.keep(&mut message, bytes);
        let is_whole = self.of(direction).left as usize == bytes.len();
        if kept && is_whole {
            desk.release(&mut message, |desk, bytes| self.message_2(desk, bytes));
        } else if !kept {
            desk.forget(&mut message);
        }
        self.of_mut(direction).message = message;
    }

    /// The end of this direction begins to speak; false: more bytes are needed to tell how.
    fn begin(&mut self, desk: &mut Desk, bytes: &[u8]) -> bool {
        let direction = desk.direction;
        let is_v2 = match *bytes {
            [first, _, 1 | 4, ..] => first & 0x80 != 0,
            [first, _, _, ..] => first & 0x80 != 0 && self.of(direction.reverse()).is_v2,
            _ => return false,
        };
        self.open(desk);
        let end = self.of_mut(direction);
        (end.began, end.is_v2) = (true, is_v2);
        true
    }

    /// Leaves SSLv2: records of SSLv3 and later follow.
    pub(super) fn leave_v2(&mut self, direction: Direction) {
        self.of_mut(direction).is_v2 = false;
    }

    /// This end goes on in SSLv2, as the other one does.
    pub(super) fn stay_v2(&mut self, direction: Direction) {
        self.of_mut(direction).is_v2 = true;
    }

    /// Everything in SSLv2 from here on is encrypted or of no use.
    pub(super) fn close_v2(&mut self, desk: &mut Desk) {
        self.encrypted(desk);
    }
}

/// Whether somebody asks for records as they are.
fn wants_frames(desk: &Desk) -> bool {
    [Field::TlsPdu, Field::TlsHeader, Field::TlsData].into_iter().any(|field| desk.wants(field))
}

/// Bytes of the record with this head, if it is one.
fn frame_length([kind, major, _, high, low]: [u8; HEAD]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([high, low]));
    ((CIPHER..=HEARTBEAT).contains(&kind) && major == 3 && length <= MOST_RECORD).then_some(HEAD + length)
}

/// Puts down a record as a transaction of its own, of which no record is made.
fn put_frame(desk: &mut Desk, whole: &[u8]) {
    let direction = desk.direction;
    let at = desk.open(1);
    desk.tell(at, Telling::Never);
    let (head, data) = whole.split_at_checked(HEAD).unwrap_or((whole, &[]));
    for (field, bytes) in [(Field::TlsPdu, whole), (Field::TlsHeader, head), (Field::TlsData, data)] {
        desk.put_wanted(at, direction, field, bytes);
    }
    Direction::ALL.into_iter().for_each(|direction| desk.reach(at, direction, level::DONE));
}

impl Parser for Conversation {
    fn feed(&mut self, desk: &mut Desk, bytes: &[u8]) -> Fed {
        let direction = desk.direction;
        let mut rest = bytes;
        let used = |rest: &[u8]| bytes.len() - rest.len();
        while !rest.is_empty() {
            if self.of(direction).left > 0 {
                let count = rest.len().min(self.of(direction).left.into());
                let (here, behind) = rest.split_at_checked(count).unwrap_or((rest, &[]));
                self.content(desk, here);
                self.of_mut(direction).left -= count as u16;
                rest = behind;
                continue;
            }
            if !self.of(direction).began && !self.begin(desk, rest) {
                return Fed::Part { used: used(rest), wants: 3 };
            }
            if self.is_over(desk) {
                return Fed::Over;
            }
            if self.of(direction).is_v2 {
                let Some((&[high, low], behind)) = rest.split_first_chunk() else {
                    return Fed::Part { used: used(rest), wants: 2 };
                };
                // Without the highest bit a byte that tells the padding stands in front, which only what is encrypted has.
                let is_padded = high & 0x80 == 0;
                let mask = if is_padded { 0x3f } else { 0x7f };
                let length = u16::from_be_bytes([high & mask, low]) + u16::from(is_padded);
                if length == u16::from(is_padded) || (is_padded && !self.of(direction).is_encrypted) {
                    self.wrong(desk, AppEvent::TlsInvalidSslv2Header);
                    self.encrypted(desk);
                    return Fed::Broken;
                }
                let end = self.of_mut(direction);
                (end.kind, end.length, end.left) = (VERSION_2, length, length);
                rest = behind;
                continue;
            }
            let Some((&head, behind)) = rest.split_first_chunk::<HEAD>() else {
                return Fed::Part { used: used(rest), wants: HEAD };
            };
            if wants_frames(desk)
                && let Some(length) = frame_length(head)
            {
                let Some(whole) = rest.get(..length) else {
                    return Fed::Part { used: used(rest), wants: length };
                };
                put_frame(desk, whole);
            }
            if !self.head(desk, head) {
                self.wrong(desk, AppEvent::TlsInvalidSslRecord);
                self.encrypted(desk);
                return Fed::Broken;
            }
            rest = behind;
        }
        if self.is_over(desk) { Fed::Over } else { Fed::All }
    }

    fn ignores(&self, direction: Direction) -> usize {
        let end = self.of(direction);
        if end.is_encrypted { end.left.into() } else { 0 }
    }

    fn ignored(&mut self, direction: Direction, count: usize) {
        let end = self.of_mut(direction);
        end.left = end.left.saturating_sub(u16::try_from(count).unwrap_or(u16::MAX));
    }

    fn gap(&mut self, desk: &mut Desk, missing: u32) -> Fed {
        let direction = desk.direction;
        let end = self.of_mut(direction);
        if !end.began || missing > u32::from(end.left) {
            // Where the next record begins is not known.
            self.encrypted(desk);
            return Fed::Broken;
        }
        end.left -= missing as u16;
        if end.kind == HANDSHAKE || end.kind == VERSION_2 {
            // So is where the next message does, in this record; it is believed to begin with the next one.
            desk.forget(&mut end.message);
            end.skip = end.left.into();
        }
        Fed::All
    }

    fn end(&mut self, desk: &mut Desk, _waiting: &[u8]) {
        let direction = desk.direction;
        if !self.of(direction).done {
            self.settle_handshake(desk);
            self.done(desk);
        }
    }

    fn forget(&mut self, arena: &mut Arena) {
        self.ends.iter_mut().for_each(|end| arena.free(&mut end.message));
    }
}
