//! Conversations and transactions of one worker.
//!
//! `sluice-worker` hands over the data of each packet ([`Store::begin`], [`Store::next`]), judges what it gets back as a [`Turn`] through
//! its [`View`], and says so ([`Store::judged`]). A transaction keeps the bytes of its two messages, so that rules and records can read one beside
//! the other, and so that a message can be judged later than it came: a passive engine judges what one end sent at that end's next packet
//! after the other end has acknowledged it, as the reference engine does, and then often knows the response already.
//!
//! All room is taken at start, and none when no parser is on. Nothing is lost for detection when it is used up: what finds no room, or is longer
//! than [`CELL`], is judged at once from the packet (`app.no_room`). Belongs to one worker: nothing is shared or locked.
//!
//! GAP(reassembly): data are read segment by segment. A message that lies in two segments is not seen (`app.pdu_incomplete`); its
//! rest is left out, so that the next message is found again. Data that come out of order are read in the order they come.

mod assembly;
mod places;
#[cfg(test)]
mod tests;

use self::assembly::Assembly;
use crate::{
    dnp3, enip,
    event::{AppEvent, AppEvents},
    modbus,
    pdu::Framed,
    protocol::AppSettings,
    view::View,
};
use sluice_core::{AppLink, AppProtocol, AppState, Counters, Direction};

/// Conversations there is room for.
pub const CONVERSATIONS: usize = 65_536;
/// Transactions there is room for, of all conversations together.
pub const TRANSACTIONS: usize = 4_096;
/// Bytes of a message that are kept.
pub const CELL: usize = 2_048;
/// Transactions one conversation may have open.
pub const OPEN: u16 = 256;

/// No place.
const NONE: u32 = u32::MAX;

/// Data of one packet.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The data; may be empty.
    pub payload: &'a [u8],
    /// Which way they go.
    pub direction: Direction,
    /// Sequence and acknowledgement number of a TCP segment; none for a datagram.
    pub tcp: Option<(u32, u32)>,
    /// Ports on which the server may be.
    pub server_ports: &'a [u16],
    /// Judge now: inline, and datagrams.
    pub at_once: bool,
}

/// One end of a conversation.
#[derive(Clone, Copy, Debug)]
struct End {
    /// Sequence number of the byte after those read.
    next: u32,
    /// Bytes to leave out: the rest of a message whose beginning was not whole.
    skip: u32,
    /// What the other end has acknowledged.
    acked: u32,
    /// Whether `next` is known.
    begun: bool,
    /// Whether `acked` is known.
    heard: bool,
    /// Messages kept and not judged.
    waiting: u16,
    /// A message of which frames are still to come.
    assembly: Assembly,
}

/// A flow with a known protocol.
#[derive(Clone, Copy, Debug)]
struct Conversation {
    ends: [End; 2],
    /// Transactions so far.
    opened: u64,
    first: u32,
    last: u32,
    open: u16,
    /// Requests since the last response, where that is looked at.
    unanswered: u16,
    next_free: u32,
}

const NO_CONVERSATION: Conversation = Conversation {
    ends: [End { next: 0, skip: 0, acked: 0, begun: false, heard: false, waiting: 0, assembly: Assembly::NONE }; 2],
    opened: 0,
    first: NONE,
    last: NONE,
    open: 0,
    unanswered: 0,
    next_free: NONE,
};

/// One message of a transaction.
#[derive(Clone, Copy, Debug, Default)]
struct Message {
    there: bool,
    judged: bool,
    length: u16,
    /// Sequence number behind its last byte.
    end: u32,
    events: AppEvents,
}

#[derive(Clone, Copy, Debug)]
struct Transaction {
    protocol: AppProtocol,
    conversation: u32,
    number: u64,
    key: u64,
    messages: [Message; 2],
    expects_response: bool,
    told: bool,
    /// Neighbours in the conversation.
    previous: u32,
    next: u32,
    /// Neighbours by age; in a free place the second is the next free one.
    older: u32,
    newer: u32,
}

/// A message to be judged, or to be told of.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Which message of the transaction.
    pub direction: Direction,
    /// Whether it is to be judged now.
    pub judge: bool,
    /// Whether its transaction is complete with it, and records may tell of it.
    pub complete: bool,
    protocol: AppProtocol,
    place: u32,
    number: u64,
    events: AppEvents,
    /// Where the message lies in the payload, when it is read there.
    in_payload: Option<(usize, usize)>,
    /// Bytes of it that lie in the cell behind all others, when there was no room for it.
    in_spare: u16,
}

/// Where the reading of a segment stands.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    protocol: AppProtocol,
    conversation: u32,
    at: usize,
    /// Sequence number of the first byte of the payload.
    seq: u32,
}

/// The store.
pub struct Store {
    settings: AppSettings,
    off: bool,
    conversations: Vec<Conversation>,
    free_conversation: u32,
    transactions: Vec<Transaction>,
    free_transaction: u32,
    oldest: u32,
    newest: u32,
    bytes: Vec<u8>,
}

impl Store {
    /// A store for the parsers that are on.
    pub fn new(settings: AppSettings) -> Self {
        let read = AppProtocol::ALL.into_iter().any(|protocol| settings.is_read(protocol));
        let (conversations, transactions) = if read { (CONVERSATIONS, TRANSACTIONS) } else { (0, 0) };
        Self {
            settings,
            off: settings.is_off(),
            conversations: Vec::with_capacity(conversations),
            free_conversation: NONE,
            transactions: Vec::with_capacity(transactions),
            free_transaction: NONE,
            oldest: NONE,
            newest: NONE,
            bytes: vec![0; if read { (TRANSACTIONS + 1) * 2 * CELL } else { 0 }],
        }
    }

    /// Whether no parser is on.
    #[inline]
    pub const fn is_off(&self) -> bool {
        self.off
    }

    /// Looks for the protocol of a flow in `segment`, where it is not known yet.
    ///
    /// # Cost
    /// A compare once it is known or given up, after the first data of each end.
    #[inline]
    pub fn recognise(&self, link: &mut AppLink, segment: &Segment, counters: &mut Counters) {
        if matches!(link.state, AppState::Unseen | AppState::Doubtful) && !segment.payload.is_empty() {
            self.look(link, segment, counters);
        }
    }

    fn look(&self, link: &mut AppLink, segment: &Segment, counters: &mut Counters) {
        let found = self.settings.recognise(segment.payload, segment.direction, segment.server_ports);
        let Some(protocol) = found else {
            // What a client says first may be anything's; the server's answer may tell. More is not looked at.
            link.state = if link.state == AppState::Unseen { AppState::Doubtful } else { AppState::None };
            return;
        };
        link.state = AppState::Known(protocol);
        match (protocol, segment.tcp) {
            (AppProtocol::Enip, Some(_)) => counters.app_flow_enip_tcp += 1,
            (AppProtocol::Enip, None) => counters.app_flow_enip_udp += 1,
            (AppProtocol::Modbus, _) => counters.app_flow_modbus += 1,
            (AppProtocol::Dnp3, _) => counters.app_flow_dnp3 += 1,
        }
    }

    /// Begins to read `segment`, whose flow is behind `link`; none when nothing in it is new or its protocol is not read.
    pub fn begin(&mut self, link: &mut AppLink, segment: &Segment, counters: &mut Counters) -> Option<Walk> {
        let protocol = link.state.protocol().filter(|&protocol| self.settings.is_read(protocol))?;
        if link.place == 0 && !segment.payload.is_empty() {
            link.place = self.take_conversation().map_or(0, |place| place + 1);
        }
        let mut walk = Walk { protocol, conversation: NONE, at: 0, seq: segment.tcp.map_or(0, |(seq, _)| seq) };
        let way = segment.direction.index();
        let Some(place) = link.place.checked_sub(1) else {
            counters.app_no_room += u64::from(!segment.payload.is_empty());
            return (!segment.payload.is_empty()).then_some(walk);
        };
        walk.conversation = place;
        let conversation = self.conversations.get_mut(place as usize)?;
        if let Some((seq, ack)) = segment.tcp {
            if let Some(other) = conversation.ends.get_mut(1 - way)
                && (!other.heard || is_before(other.acked, ack))
            {
                (other.acked, other.heard) = (ack, true);
            }
            if segment.payload.is_empty() {
                return None;
            }
            walk.at = conversation.ends.get_mut(way)?.take(seq, segment.payload.len());
        }
        (walk.at < segment.payload.len()).then_some(walk)
    }

    /// Reads the next message of `segment`; none at its end.
    pub fn next(&mut self, walk: &mut Walk, segment: &Segment, counters: &mut Counters) -> Option<Turn> {
        loop {
            let rest = segment.payload.get(walk.at..).filter(|rest| !rest.is_empty())?;
            let start = walk.at;
            let framed = match walk.protocol {
                AppProtocol::Enip => enip::frame(rest),
                AppProtocol::Modbus => modbus::frame(rest, segment.direction),
                AppProtocol::Dnp3 => dnp3::frame(rest),
            };
            let (length, wrong) = match framed {
                Framed::Whole { bytes, wrong } => {
                    walk.at += bytes.max(1);
                    (bytes, wrong)
                }
                Framed::Needs(more) => {
                    counters.app_pdu_incomplete += 1;
                    walk.at = segment.payload.len();
                    let conversation = self.conversations.get_mut(walk.conversation as usize);
                    let end = conversation.and_then(|found| found.ends.get_mut(segment.direction.index()));
                    if let (Some(end), true) = (end, segment.tcp.is_some()) {
                        end.skip = u32::try_from(more).unwrap_or(u32::MAX);
                    }
                    return None;
                }
                Framed::Broken(event) => {
                    counters.app_pdu_broken += 1;
                    walk.at = segment.payload.len();
                    (0, Some(event))
                }
            };
            counters.app_pdu += 1;
            let mut events = AppEvents::default();
            if let Some(event) = wrong {
                events.add(event);
            }
            let bytes = rest.get(..length).unwrap_or_default();
            if walk.protocol != AppProtocol::Dnp3 {
                return Some(self.keep(walk, segment, (start, bytes), events, counters));
            }
            // What is wrong with a frame leaves nothing of it to be read.
            if wrong.is_some() {
                return Some(self.keep(walk, segment, (start, &[]), events, counters));
            }
            if let Some(turn) = self.assemble(walk, segment, bytes, counters) {
                return Some(turn);
            }
        }
    }

    /// Puts a message into its transaction.
    fn keep(
        &mut self,
        walk: &Walk,
        segment: &Segment,
        (start, bytes): (usize, &[u8]),
        mut events: AppEvents,
        counters: &mut Counters,
    ) -> Turn {
        let (protocol, direction) = (walk.protocol, segment.direction);
        let key = key_of(protocol, bytes);
        let is_response = direction == Direction::ToClient;
        let broken = bytes.is_empty();
        let mut place = if is_response && !broken { self.request_for(walk.conversation, key) } else { NONE };
        if place == NONE {
            if is_response && !broken && protocol == AppProtocol::Modbus {
                events.add(AppEvent::ModbusUnsolicitedResponse);
            }
            place = self.open(walk, key, &mut events, counters);
        } else if let Some(event) = self.mismatch(place, bytes) {
            events.add(event);
        }
        let too_long = bytes.len() > CELL;
        let judge = segment.at_once || place == NONE || too_long;
        let mut turn = Turn {
            direction,
            judge,
            complete: false,
            protocol,
            place,
            number: 0,
            events,
            in_payload: judge.then_some((start, bytes.len())),
            in_spare: 0,
        };
        counters.app_no_room += u64::from(place == NONE || (too_long && !segment.at_once));
        let way = direction.index();
        let Some(transaction) = self.transactions.get_mut(place as usize) else {
            turn.number = self.conversations.get(walk.conversation as usize).map_or(0, |found| found.opened);
            return turn;
        };
        let kept = bytes.get(..bytes.len().min(CELL)).unwrap_or_default();
        let end = walk.seq.wrapping_add((start + bytes.len()) as u32);
        if let Some(message) = transaction.messages.get_mut(way) {
            *message = Message { there: true, judged: judge, length: kept.len() as u16, end, events };
        }
        if !is_response {
            transaction.expects_response = !broken && expects_response(protocol, bytes);
        }
        turn.number = transaction.number;
        let [request, response] = transaction.messages;
        turn.complete =
            !transaction.told && !broken && (response.there || (request.there && !transaction.expects_response));
        transaction.told |= turn.complete || broken;
        let cell = cell_of(place, way);
        if let Some(room) = self.bytes.get_mut(cell..cell + kept.len()) {
            room.copy_from_slice(kept);
        }
        if !judge
            && let Some(conversation) = self.conversations.get_mut(walk.conversation as usize)
            && let Some(end) = conversation.ends.get_mut(way)
        {
            end.waiting += 1;
        }
        turn
    }

    /// The oldest request with this key and without a response.
    fn request_for(&self, conversation: u32, key: u64) -> u32 {
        let mut place = self.conversations.get(conversation as usize).map_or(NONE, |found| found.first);
        // No longer than a conversation may have transactions.
        while let Some(transaction) = self.transactions.get(place as usize) {
            let [request, response] = transaction.messages;
            if request.there && !response.there && transaction.expects_response && transaction.key == key {
                break;
            }
            place = transaction.next;
        }
        place
    }

    /// What of a response does not fit its request.
    fn mismatch(&self, place: u32, response: &[u8]) -> Option<AppEvent> {
        let transaction = self.transactions.get(place as usize)?;
        if transaction.protocol != AppProtocol::Modbus {
            return None;
        }
        let request = modbus::Message::of(self.message_of(place, Direction::ToServer)?)?;
        let response = modbus::Message::of(response)?;
        (request.function != response.function).then_some(AppEvent::ModbusValueMismatch)
    }

    fn message_of(&self, place: u32, direction: Direction) -> Option<&[u8]> {
        let message = self.transactions.get(place as usize)?.messages.get(direction.index())?;
        let cell = cell_of(place, direction.index());
        self.bytes.get(cell..cell + usize::from(message.length)).filter(|_| message.there)
    }

    /// The next message of `direction` that waits and may be judged now: the other end has acknowledged it, or `all` are to be.
    pub fn due(&self, link: AppLink, direction: Direction, all: bool) -> Option<Turn> {
        let conversation = self.conversations.get(link.place.checked_sub(1)? as usize)?;
        let end = conversation.ends.get(direction.index())?;
        if end.waiting == 0 {
            return None;
        }
        let mut place = conversation.first;
        while let Some(transaction) = self.transactions.get(place as usize) {
            let message = transaction.messages.get(direction.index())?;
            if message.there && !message.judged && (all || (end.heard && !is_before(end.acked, message.end))) {
                return Some(Turn {
                    direction,
                    judge: true,
                    complete: false,
                    protocol: transaction.protocol,
                    place,
                    number: transaction.number,
                    events: message.events,
                    in_payload: None,
                    in_spare: 0,
                });
            }
            place = transaction.next;
        }
        None
    }

    /// What is seen in `turn`, a message of `payload` or one that was kept.
    pub fn view<'a>(&'a self, turn: &Turn, payload: &'a [u8]) -> View<'a> {
        let mut messages = [Direction::ToServer, Direction::ToClient].map(|way| self.message_of(turn.place, way));
        if let (Some((start, length)), Some(message)) = (turn.in_payload, messages.get_mut(turn.direction.index())) {
            *message = payload.get(start..start + length);
        }
        if turn.in_spare > 0
            && let Some(message) = messages.get_mut(turn.direction.index())
        {
            let cell = cell_of(TRANSACTIONS as u32, turn.direction.index());
            *message = self.bytes.get(cell..cell + usize::from(turn.in_spare));
        }
        View {
            protocol: turn.protocol,
            transaction: turn.number,
            direction: turn.direction,
            messages,
            events: turn.events,
        }
    }

    /// `turn` is over: what was to be judged is, and what was to be told is. A transaction of which nothing more is to be expected goes.
    pub fn judged(&mut self, turn: &Turn) {
        let Some(transaction) = self.transactions.get_mut(turn.place as usize) else { return };
        let conversation = transaction.conversation;
        let way = turn.direction.index();
        let Some(message) = transaction.messages.get_mut(way) else { return };
        if turn.judge && !message.judged {
            message.judged = true;
            let end = self.conversations.get_mut(conversation as usize).and_then(|found| found.ends.get_mut(way));
            if let Some(end) = end {
                end.waiting = end.waiting.saturating_sub(1);
            }
        }
        let settled = transaction.messages.iter().all(|message| message.judged || !message.there);
        let [_, response] = transaction.messages;
        if settled && transaction.told && (response.there || !transaction.expects_response) {
            self.close(turn.place);
        }
    }

    /// The next transaction of a flow that ends of which nothing was told yet; it is told of now.
    pub fn untold(&mut self, link: AppLink) -> Option<Turn> {
        let conversation = self.conversations.get(link.place.checked_sub(1)? as usize)?;
        let mut place = conversation.first;
        while let Some(transaction) = self.transactions.get_mut(place as usize) {
            if !transaction.told {
                transaction.told = true;
                return Some(Turn {
                    direction: Direction::ToServer,
                    judge: false,
                    complete: true,
                    protocol: transaction.protocol,
                    place,
                    number: transaction.number,
                    events: AppEvents::default(),
                    in_payload: None,
                    in_spare: 0,
                });
            }
            place = transaction.next;
        }
        None
    }

    /// The flow behind `link` is gone: so is its conversation.
    pub fn end(&mut self, link: AppLink) {
        let Some(place) = link.place.checked_sub(1) else { return };
        while let Some(first) = self.conversations.get(place as usize).map(|found| found.first).filter(|&at| at != NONE)
        {
            self.close(first);
        }
        if let Some(conversation) = self.conversations.get_mut(place as usize) {
            *conversation = Conversation { next_free: self.free_conversation, ..NO_CONVERSATION };
            self.free_conversation = place;
        }
    }
}

impl End {
    /// Where in a segment of `length` bytes from `seq` on the bytes begin that were not read before.
    ///
    /// A segment ahead of what was read is read as it comes, and moves nothing: anybody can send one that never arrives, and what truly comes
    /// next must still be read then. What the other end has acknowledged was sent, seen here or not.
    fn take(&mut self, seq: u32, length: usize) -> usize {
        let behind = seq.wrapping_add(length as u32);
        if !self.begun {
            (self.begun, self.next) = (true, seq);
        }
        if self.heard && is_before(self.next, self.acked) && !is_before(seq, self.acked) {
            let lost = self.acked.wrapping_sub(self.next);
            self.skip = self.skip.saturating_sub(lost);
            self.next = self.acked;
        }
        let ahead = seq.wrapping_sub(self.next) as i32;
        if ahead > 0 {
            return 0;
        }
        let known = ahead.unsigned_abs() as usize;
        if known >= length {
            return length;
        }
        self.next = behind;
        let new = length - known;
        let skipped = new.min(self.skip as usize);
        self.skip -= skipped as u32;
        known + skipped
    }
}

fn cell_of(place: u32, way: usize) -> usize {
    (place as usize * 2 + way) * CELL
}

/// Whether sequence number `a` comes before `b` (RFC 9293 section 3.4).
const fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

fn key_of(protocol: AppProtocol, bytes: &[u8]) -> u64 {
    match protocol {
        AppProtocol::Enip => enip::key(bytes),
        AppProtocol::Modbus => modbus::key(bytes),
        AppProtocol::Dnp3 => 0,
    }
}

fn expects_response(protocol: AppProtocol, bytes: &[u8]) -> bool {
    match protocol {
        AppProtocol::Enip => enip::expects_response(bytes),
        // To unit 0 requests may go as broadcasts, but over TCP the unit often means nothing.
        AppProtocol::Modbus => true,
        AppProtocol::Dnp3 => false,
    }
}
