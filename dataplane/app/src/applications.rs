//! The conversations of one worker: which protocol each flow speaks, and its parser.
//!
//! Fed by `sluice-worker` with what went in each direction, in order; asked by it which transactions are to be judged and told of. Protocols are recognised from
//! the first bytes of each end, on any port; until then those bytes wait here.

use crate::{
    arena::Arena,
    desk::{Desk, Thread},
    dnp3, dns, ends, enip,
    field::{Field, Fields},
    http, http2, level, modbus,
    parser::{Fed, MOST_WAITING, Parser},
    protocol::{AppSettings, Recognised},
    quic,
    room::{BodyRef, NONE, Room, Telling, TxRef},
    tls,
    unread::Unread,
};
use sluice_core::{AppLink, AppNews, AppOddity, AppProtocol, AppState, Direction, Nanos, event::Spoken};

/// What went in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The direction.
    pub direction: Direction,
    /// Time of the packet at hand.
    pub now: Nanos,
    /// Ports of the server and of the client.
    pub ports: [u16; 2],
    /// Whether either port may be the server's: the connection was picked up in the middle.
    pub either: bool,
    /// The bytes are a datagram.
    pub datagram: bool,
}

/// The parser of one conversation.
#[derive(Debug, Default)]
enum AnyParser {
    /// Not known which.
    #[default]
    None,
    Http(http::Conversation),
    Http2(http2::Conversation),
    Tls(tls::Conversation),
    Quic(quic::Conversation),
    Dns(dns::Conversation),
    Enip(enip::Conversation),
    Modbus(modbus::Conversation),
    Dnp3(dnp3::Conversation),
}

impl AnyParser {
    fn of(protocol: AppProtocol) -> Self {
        match protocol {
            AppProtocol::Http => Self::Http(http::Conversation::default()),
            AppProtocol::Http2 | AppProtocol::Doh2 => Self::Http2(http2::Conversation::default()),
            AppProtocol::Tls => Self::Tls(tls::Conversation::default()),
            AppProtocol::Quic => Self::Quic(quic::Conversation::default()),
            AppProtocol::Dns | AppProtocol::Mdns | AppProtocol::Llmnr => Self::Dns(dns::Conversation::default()),
            AppProtocol::Enip => Self::Enip(enip::Conversation::default()),
            AppProtocol::Modbus => Self::Modbus(modbus::Conversation::default()),
            AppProtocol::Dnp3 => Self::Dnp3(dnp3::Conversation::default()),
        }
    }

    fn get(&mut self) -> Option<&mut dyn Parser> {
        Some(match self {
            Self::None => return None,
            Self::Http(parser) => parser,
            Self::Http2(parser) => parser,
            Self::Tls(parser) => parser,
            Self::Quic(parser) => parser,
            Self::Dns(parser) => parser,
            Self::Enip(parser) => parser,
            Self::Modbus(parser) => parser,
            Self::Dnp3(parser) => parser,
        })
    }
}

#[derive(Debug)]
struct Conversation {
    parser: AnyParser,
    thread: Thread,
    ends: [Unread; 2],
    /// Which way the first bytes went.
    first: Option<Direction>,
    /// Its protocol was announced by another one.
    announced: bool,
    /// The protocol it spoke before it spoke another.
    spoke_first: Option<AppProtocol>,
    /// Nothing more of the flow is to be looked at.
    leaves: bool,
    /// Transactions are told of and gone as the flow is.
    next_free: u32,
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            parser: AnyParser::None,
            thread: Thread::EMPTY,
            ends: [Unread::default(), Unread::default()],
            first: None,
            announced: false,
            spoke_first: None,
            leaves: false,
            next_free: NONE,
        }
    }
}

/// All conversations of a worker.
pub struct Applications {
    settings: AppSettings,
    wants: Fields,
    conversations: Vec<Conversation>,
    free: u32,
    most: usize,
    /// Input that waits.
    waiting: Arena,
    /// Transactions.
    pub room: Room,
    /// Conversations for which there was no place, or no room for what waits.
    refused: u64,
    /// Directions that could not be read any further.
    pub broken: u64,
}

impl Applications {
    /// Room for so many conversations. Everything is reserved here, and touched as it is used.
    pub fn new(settings: AppSettings, conversations: usize) -> Self {
        let most = if settings.is_off() { 0 } else { conversations };
        let (transactions, memory) = if settings.is_off() { (0, 0) } else { (settings.transactions, settings.memory) };
        Self {
            settings,
            wants: Fields::NONE,
            conversations: Vec::with_capacity(most),
            free: NONE,
            most,
            waiting: Arena::new(memory / 4),
            room: Room::new(transactions, memory).for_protocols(&settings),
            refused: 0,
            broken: 0,
        }
    }

    /// Whether no protocol is looked for.
    pub const fn is_off(&self) -> bool {
        self.most == 0
    }

    /// The settings.
    pub const fn settings(&self) -> &AppSettings {
        &self.settings
    }

    /// Whether a datagram, from the first of `ports` to the second, comes from a server though nothing went to it: it answers a question of DNS that was not seen.
    pub fn is_answer(&self, [from, to]: [u16; 2], bytes: &[u8]) -> bool {
        !self.is_off() && self.settings.is_dns_answer([from, to], bytes, true)
    }

    /// Whether `bytes`, the first that are seen of a connection in its middle, from the first of `ports` to the second, are what only a server says.
    pub fn is_server(&self, ports: [u16; 2], bytes: &[u8]) -> bool {
        !self.is_off() && (self.settings.is_server(bytes) || self.settings.is_dns_answer(ports, bytes, false))
    }

    /// From now on these fields are asked for.
    pub fn set_wants(&mut self, wants: Fields) {
        let mut wants = wants;
        for (field, is_set) in crate::digest::FIELDS.into_iter().zip(self.settings.digests) {
            if is_set {
                wants.add(field);
            }
        }
        self.wants = wants;
        self.settings.tls.limit(&mut self.wants);
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        self.waiting.used() + self.room.arena.used()
    }

    /// Whether bytes of `direction` of the flow behind `link` are of use.
    #[inline]
    pub fn listens(&self, link: AppLink, direction: Direction) -> bool {
        match link.state {
            AppState::None => false,
            AppState::Unseen | AppState::Doubtful => !self.is_off(),
            AppState::Known(_) => link.place.checked_sub(1).is_some_and(|place| {
                self.conversations
                    .get(place as usize)
                    .is_some_and(|found| found.ends.get(direction.index()).is_some_and(|end| !end.over))
            }),
        }
    }

    /// Reads `input` of the flow behind `link`.
    pub fn feed(&mut self, link: &mut AppLink, input: &Input) {
        if input.bytes.is_empty() || self.is_off() {
            return;
        }
        if matches!(link.state, AppState::None) {
            // A server throws away datagrams it can't read and goes on: so do we, on the ports of protocols, and on any where it is certain.
            let goes_on = || self.settings.has_port(input.ports) || self.settings.begins_quic(input.bytes);
            if !(input.datagram && goes_on()) {
                return;
            }
            link.state = AppState::Unseen;
        }
        if link.place == 0 {
            if link.state.protocol().is_some() {
                // It is over, or there was no place for it.
                return;
            }
            match self.take() {
                Some(place) => link.place = place + 1,
                None => {
                    self.refused += 1;
                    return;
                }
            }
        }
        let place = link.place - 1;
        if link.state.protocol().is_none() {
            self.recognise(place, link, input);
        } else {
            self.leave_for_quic(place, link, input);
            self.compare(place, link, input);
            self.read(place, link, input, input.bytes);
        }
    }

    /// Compares the first bytes of an end with what the other end speaks.
    fn compare(&mut self, place: u32, link: &mut AppLink, input: &Input) {
        let Some(conversation) = self.conversations.get_mut(place as usize) else { return };
        let Conversation { ends, announced, .. } = conversation;
        let end = ends.get_mut(input.direction.index()).filter(|end| !end.compared);
        if let (Some(end), Some(protocol)) = (end, link.state.protocol()) {
            end.compared = true;
            let bytes = if end.bytes.is_empty() { input.bytes } else { self.waiting.get(&end.bytes) };
            let news = ends::news_of(&self.settings, protocol, bytes, input);
            if news.contains(AppNews::odd(AppOddity::Mismatch)) {
                end.spoke = ends::other_name(&self.settings, protocol, bytes, input);
            }
            let is_other = *announced && input.direction == Direction::ToServer && !news.is_plain(input.direction);
            link.news.add(if is_other { AppNews::odd(AppOddity::Unexpected) } else { news });
        }
    }

    /// Looks for the protocol in what an end has said so far, and reads it when it is known.
    fn recognise(&mut self, place: u32, link: &mut AppLink, input: &Input) {
        let Self { settings, conversations, waiting, .. } = self;
        let Some(conversation) = conversations.get_mut(place as usize) else { return };
        let first = *conversation.first.get_or_insert(input.direction);
        let [this, other] = both(&mut conversation.ends, input.direction);
        this.said = this.said.saturating_add(input.bytes.len().min(u32::MAX as usize) as u32);
        if this.doubtful && !input.datagram {
            // Nothing more of this end tells it; the other one may.
            if this.said > ends::MOST_ALONE && other.said == 0 && !this.compared {
                this.compared = true;
                link.news.add(AppNews::odd(AppOddity::Skipped));
            }
            self.refused += u64::from(!this.doubt(waiting, input.bytes));
            return;
        }
        let blanks = if input.datagram { 0 } else { this.blanks(waiting, input.bytes) };
        let input = &Input { bytes: input.bytes.get(blanks..).unwrap_or_default(), ..*input };
        // However it is cut, the same bytes are looked at.
        let in_waiting = !this.bytes.is_empty();
        let room = this.room();
        let (part, rest) = match input.datagram {
            true => (input.bytes, &b""[..]),
            false => input.bytes.split_at_checked(room).unwrap_or((input.bytes, b"")),
        };
        let told = if in_waiting {
            let is_kept = waiting.push(&mut this.bytes, part).is_ok();
            match settings.recognise(waiting.get(&this.bytes), input) {
                _ if !is_kept => {
                    self.refused += 1;
                    this.drop(part.len());
                    Recognised::No
                }
                Recognised::More if !rest.is_empty() => Recognised::No,
                told => told,
            }
        } else {
            match settings.recognise(part, input) {
                Recognised::More if !rest.is_empty() => Recognised::No,
                told => told,
            }
        };
        match told {
            Recognised::Yes(protocol) => {
                link.state = AppState::Known(protocol);
                link.news.add(AppNews::known(input.direction));
                if ends::is_wrong_way(protocol, first) {
                    link.news.add(AppNews::odd(AppOddity::WrongDirection));
                }
                this.compared = true;
                let of_other = waiting.get(&other.bytes);
                if !of_other.is_empty() {
                    other.compared = true;
                    let reverse = Input { direction: input.direction.reverse(), ..*input };
                    let news = ends::news_of(settings, protocol, of_other, &reverse);
                    if news.contains(AppNews::odd(AppOddity::Mismatch)) {
                        other.spoke = ends::other_name(settings, protocol, of_other, &reverse);
                    }
                    link.news.add(news);
                }
                conversation.parser =
                    if settings.is_read(protocol) { AnyParser::of(protocol) } else { AnyParser::None };
                if matches!(conversation.parser, AnyParser::None) {
                    self.end(link);
                    return;
                }
                // What the other end said before is read first: it came first.
                let (other_waits, dropped) = (!other.bytes.is_empty(), std::mem::take(&mut other.dropped));
                let reverse = Input { direction: input.direction.reverse(), ..*input };
                if other_waits {
                    self.read(place, link, &reverse, &[]);
                }
                if dropped > 0 {
                    self.gap(link, &reverse, dropped);
                }
                self.read(place, link, input, if in_waiting { rest } else { input.bytes });
            }
            Recognised::More if in_waiting => {}
            Recognised::More | Recognised::No => {
                if input.datagram || matches!(told, Recognised::No) {
                    // Of datagrams each is whole, and one that tells nothing may come before those that do; two of them are enough.
                    let again = input.datagram && this.doubtful;
                    this.doubtful = true;
                    link.state = AppState::Doubtful;
                    if other.doubtful || again {
                        link.state = AppState::None;
                        Direction::ALL.into_iter().for_each(|way| link.news.add(AppNews::known(way)));
                        self.end(link);
                        return;
                    }
                }
                if !input.datagram {
                    let bytes = if in_waiting { rest } else { input.bytes };
                    self.refused += u64::from(!this.doubt(waiting, bytes));
                }
            }
        }
    }

    /// Lets the parser read what waits and `bytes` behind it.
    fn read(&mut self, place: u32, link: &mut AppLink, input: &Input, bytes: &[u8]) {
        let Self { settings, wants, conversations, waiting, room, refused, broken, .. } = self;
        let Some(conversation) = conversations.get_mut(place as usize) else { return };
        let Conversation { parser, thread, ends, leaves, .. } = conversation;
        let Some(end) = ends.get_mut(input.direction.index()).filter(|end| !end.over) else { return };
        let from_waiting = !end.bytes.is_empty();
        if from_waiting {
            if waiting.push(&mut end.bytes, bytes).is_err() {
                *refused += 1;
                end.over = true;
                waiting.free(&mut end.bytes);
                return;
            }
            if end.bytes.len() < end.wants as usize {
                return;
            }
        }
        let all = if from_waiting { waiting.get(&end.bytes) } else { bytes };
        let mut used = 0;
        let mut becomes = None;
        let (mut over, mut all_over) = (false, false);
        end.wants = 0;
        while let Some(rest) = all.get(used..).filter(|rest| !rest.is_empty()) {
            let Some(protocol) = link.state.protocol() else { break };
            let Some(active) = parser.get() else { break };
            let mut desk = desk(room, thread, settings, wants, protocol, input);
            match active.feed(&mut desk, rest) {
                Fed::All => used = all.len(),
                Fed::Part { used: more, wants } => {
                    used += more.min(rest.len());
                    let left = rest.len() - more.min(rest.len());
                    if input.datagram {
                        break;
                    }
                    if wants <= left {
                        // A parser that asks for what it has would ask for ever.
                        debug_assert!(more > 0, "{protocol:?} wants {wants} of {left} bytes");
                        if more == 0 {
                            over = true;
                            break;
                        }
                        continue;
                    }
                    end.wants = wants.min(u32::MAX as usize) as u32;
                    over = wants > MOST_WAITING;
                    break;
                }
                Fed::Wrong => {
                    *broken += 1;
                    used = all.len();
                }
                Fed::Broken => {
                    over = true;
                    break;
                }
                Fed::Over => {
                    all_over = true;
                    break;
                }
                Fed::Becomes { used: more, protocol } => {
                    used += more.min(rest.len());
                    active.forget(&mut room.arena);
                    active.release(room);
                    becomes = Some(protocol);
                    break;
                }
            }
        }
        if std::mem::take(&mut thread.carries_dns)
            && link.state.protocol() == Some(AppProtocol::Http2)
            && settings.is_enabled(AppProtocol::Doh2)
        {
            link.state = AppState::Known(AppProtocol::Doh2);
        }
        *broken += u64::from(over);
        if over || all_over || input.datagram {
            end.over |= over || all_over;
            waiting.free(&mut end.bytes);
        } else if from_waiting {
            waiting.drop_front(&mut end.bytes, used);
        } else if let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty())
            && waiting.push(&mut end.bytes, rest).is_err()
        {
            *refused += 1;
            end.over = true;
        }
        if all_over {
            *leaves = link.state.protocol().is_some_and(|protocol| settings.bypasses(protocol));
            thread.changed |= *leaves;
            for end in ends.iter_mut() {
                end.over = true;
                waiting.free(&mut end.bytes);
            }
        }
        if let Some(protocol) = becomes {
            self.become_another(place, link, input, protocol);
        }
    }

    /// From what is unread on, the conversation speaks `protocol`, or whichever is recognised.
    fn become_another(&mut self, place: u32, link: &mut AppLink, input: &Input, protocol: Option<AppProtocol>) {
        let Some(conversation) = self.conversations.get_mut(place as usize) else { return };
        conversation.parser = AnyParser::None;
        conversation.spoke_first = conversation.spoke_first.or(link.state.protocol());
        // What the ends spoke before is no news any more.
        link.news = AppNews::NONE;
        // Transactions are counted from the beginning again, as of another conversation.
        conversation.thread.opened = 0;
        conversation.ends.iter_mut().for_each(|end| {
            (end.over, end.doubtful, end.compared, end.wants, end.said, end.dropped) = (false, false, false, 0, 0, 0);
            end.spoke = None;
        });
        match protocol {
            Some(protocol) => {
                link.state = AppState::Known(protocol);
                conversation.announced = true;
                conversation.parser = AnyParser::of(protocol);
                self.read(place, link, input, &[]);
            }
            None => {
                link.state = AppState::Unseen;
                // Ends of lines that wait belong to what was spoken before.
                for end in &mut conversation.ends {
                    let ends_of_lines = |byte: &&u8| matches!(byte, b'\r' | b'\n');
                    let count = self.waiting.get(&end.bytes).iter().take_while(ends_of_lines).count();
                    if count > 0 {
                        self.waiting.drop_front(&mut end.bytes, count);
                    }
                }
            }
        }
    }

    /// What was taken for another protocol is QUIC for certain: datagrams that somebody sent in front of it hide nothing.
    fn leave_for_quic(&mut self, place: u32, link: &mut AppLink, input: &Input) {
        let is_other = input.datagram && link.state.protocol() != Some(AppProtocol::Quic);
        if !is_other || !self.settings.begins_quic(input.bytes) {
            return;
        }
        if let Some(active) = self.conversations.get_mut(place as usize).and_then(|found| found.parser.get()) {
            active.forget(&mut self.room.arena);
            active.release(&mut self.room);
        }
        self.become_another(place, link, input, Some(AppProtocol::Quic));
    }

    /// Passes over the next `count` bytes of `direction` if the parser of the flow behind `link` would not look at any of them; false: it wants to see them.
    pub fn pass_over(&mut self, link: AppLink, direction: Direction, count: usize) -> bool {
        let place = link.place.checked_sub(1).filter(|_| link.state.protocol().is_some());
        let conversation = place.and_then(|place| self.conversations.get_mut(place as usize));
        let Some(Conversation { parser, ends, .. }) = conversation.filter(|_| !self.wants.contains(Field::Pieces))
        else {
            return false;
        };
        let waits = ends.get(direction.index()).is_none_or(|end| end.over || !end.bytes.is_empty());
        let Some(parser) = parser.get().filter(|_| !waits) else { return false };
        let ignored = count <= parser.ignores(direction);
        if ignored {
            parser.ignored(direction, count);
        }
        ignored
    }

    /// Bytes are missing in `direction`: they were lost, or are not looked at.
    pub fn gap(&mut self, link: &mut AppLink, input: &Input, missing: u32) {
        let Some(place) = link.place.checked_sub(1) else { return };
        let Self { settings, wants, conversations, waiting, room, .. } = self;
        let Some(conversation) = conversations.get_mut(place as usize) else { return };
        let Conversation { parser, thread, ends, .. } = conversation;
        let Some(end) = ends.get_mut(input.direction.index()).filter(|end| !end.over) else { return };
        waiting.free(&mut end.bytes);
        (end.wants, end.dropped) = (0, 0);
        let Some((protocol, parser)) = link.state.protocol().zip(parser.get()) else { return };
        let mut desk = desk(room, thread, settings, wants, protocol, input);
        match parser.gap(&mut desk, missing) {
            Fed::All | Fed::Part { .. } | Fed::Wrong => {}
            Fed::Broken => end.over = true,
            Fed::Over | Fed::Becomes { .. } => ends.iter_mut().for_each(|end| end.over = true),
        }
    }

    /// No more bytes come in `input.direction`.
    pub fn finish(&mut self, link: &mut AppLink, input: &Input) {
        let Some(place) = link.place.checked_sub(1) else { return };
        let Self { settings, wants, conversations, waiting, room, .. } = self;
        let Some(conversation) = conversations.get_mut(place as usize) else { return };
        let Conversation { parser, thread, ends, .. } = conversation;
        let Some(end) = ends.get_mut(input.direction.index()).filter(|end| !end.over) else { return };
        end.over = true;
        if let Some((protocol, parser)) = link.state.protocol().zip(parser.get()) {
            let mut desk = desk(room, thread, settings, wants, protocol, input);
            parser.end(&mut desk, waiting.get(&end.bytes));
        }
        waiting.free(&mut end.bytes);
    }

    /// Transactions, fields, bodies and conversations for which there was no room.
    pub const fn refused(&self) -> u64 {
        self.refused + self.room.counts.refused
    }

    /// The next file of `direction` of `at` that is over, or all of it that comes has come, and of which nothing was told yet; it is told of now. `judged`: only
    /// when rules have said what they say of it.
    ///
    /// # Cost
    /// A step for each file that is still open, however many were told of.
    pub fn untold_file(&mut self, at: TxRef, direction: Direction, judged: bool, flow_ends: bool) -> Option<BodyRef> {
        self.room.untold_file(at, direction, judged, flow_ends)
    }

    /// Whether something of `direction` of the flow behind `link` may be to be judged; it is taken that it is judged now.
    pub fn take_news(&mut self, link: AppLink, direction: Direction) -> bool {
        let conversation = link.place.checked_sub(1).and_then(|place| self.conversations.get_mut(place as usize));
        let Some(thread) = conversation.map(|found| &mut found.thread) else { return false };
        let news = thread.news.get_mut(direction.index()).is_some_and(std::mem::take);
        // What is judged may go.
        thread.changed |= news;
        news
    }

    /// Whether a transaction of the flow behind `link` may be told of or let go; it is taken that this happens now.
    pub fn take_changed(&mut self, link: AppLink) -> bool {
        let conversation = link.place.checked_sub(1).and_then(|place| self.conversations.get_mut(place as usize));
        conversation.is_some_and(|found| std::mem::take(&mut found.thread.changed))
    }

    /// Whether nothing of the flow behind `link` waits to be told of or let go, nor to be judged in `direction`.
    #[inline]
    pub fn is_quiet(&self, link: AppLink, direction: Direction) -> bool {
        let conversation = link.place.checked_sub(1).and_then(|place| self.conversations.get(place as usize));
        conversation.is_none_or(|found| {
            !found.thread.changed && found.thread.news.get(direction.index()).is_none_or(|news| !news)
        })
    }

    /// The oldest open transaction of the flow behind `link`.
    pub fn first(&self, link: AppLink) -> TxRef {
        let conversation = link.place.checked_sub(1).and_then(|place| self.conversations.get(place as usize));
        TxRef(conversation.map_or(NONE, |found| found.thread.first))
    }

    /// What the ends of the flow behind `link` spoke, and how many transactions it had.
    pub fn spoken(&self, link: AppLink) -> Spoken {
        let conversation = link.place.checked_sub(1).and_then(|place| self.conversations.get(place as usize));
        conversation.map_or(Spoken::default(), |found| {
            let [server, client] = &found.ends;
            let (transactions, first) = (found.thread.opened, found.spoke_first);
            Spoken { transactions, ends: [server.spoke, client.spoke], first }
        })
    }

    /// Whether nothing more of the flow behind `link` is to be looked at, by its parser's settings, and everything that was is judged.
    pub fn leaves(&self, link: AppLink) -> bool {
        let conversation = link.place.checked_sub(1).and_then(|place| self.conversations.get(place as usize));
        conversation.is_some_and(|found| found.leaves && found.thread.first == NONE)
    }

    /// The one that began behind `at`.
    pub fn next(&self, at: TxRef) -> TxRef {
        TxRef(self.room.transaction(at).map_or(NONE, |found| found.next))
    }

    /// Whether something of `direction` of `at` is to be judged.
    pub fn is_due(&self, at: TxRef, direction: Direction) -> bool {
        self.room.half(at, direction).is_some_and(|half| half.is_new)
    }

    /// `direction` of `at` was judged as far as it is.
    pub fn judged(&mut self, at: TxRef, direction: Direction) {
        if let Some(half) = self.room.half_mut(at, direction) {
            half.is_new = false;
        }
    }

    /// Whether nothing more of `at` comes, and no record was made of it yet; one is made now.
    pub fn tell(&mut self, at: TxRef, flow_ends: bool) -> bool {
        let Some(transaction) = self.room.transactions.get_mut(at.0 as usize) else { return false };
        let complete = transaction.halves.iter().all(|half| half.level == level::DONE);
        let due = match transaction.telling {
            Telling::Complete => complete || flow_ends,
            Telling::Now => true,
            Telling::Never => false,
        };
        !transaction.told && due && {
            transaction.told = true;
            true
        }
    }

    /// Lets `at`, of the flow behind `link`, go when it is complete and both its directions are judged.
    pub fn settle(&mut self, link: AppLink, at: TxRef) {
        let Some(conversation) = link.place.checked_sub(1).and_then(|place| self.conversations.get_mut(place as usize))
        else {
            return;
        };
        let Some(transaction) = self.room.transaction(at) else { return };
        if !transaction.halves.iter().all(|half| half.level == level::DONE && !half.is_new) {
            self.room.prune_files(at);
            return;
        }
        let (before, next) = (transaction.before, transaction.next);
        let thread = &mut conversation.thread;
        match self.room.transactions.get_mut(before as usize) {
            Some(found) => found.next = next,
            None => thread.first = next,
        }
        match self.room.transactions.get_mut(next as usize) {
            Some(found) => found.before = before,
            None => thread.last = before,
        }
        thread.count -= 1;
        self.room.give_transaction(at);
    }

    /// The flow behind `link` is gone, or its protocol is not read: so is its conversation.
    pub fn end(&mut self, link: &mut AppLink) {
        let Some(place) = link.place.checked_sub(1) else { return };
        link.place = 0;
        let Self { conversations, waiting, room, free, .. } = self;
        let Some(conversation) = conversations.get_mut(place as usize) else { return };
        if let Some(parser) = conversation.parser.get() {
            parser.forget(&mut room.arena);
            parser.release(room);
        }
        let mut at = conversation.thread.first;
        while let Some(next) = room.transactions.get(at as usize).map(|found| found.next) {
            room.give_transaction(TxRef(at));
            at = next;
        }
        conversation.ends.iter_mut().for_each(|end| waiting.free(&mut end.bytes));
        *conversation = Conversation { next_free: *free, ..Conversation::default() };
        *free = place;
    }

    fn take(&mut self) -> Option<u32> {
        if let Some(conversation) = self.conversations.get_mut(self.free as usize) {
            let next = std::mem::replace(&mut conversation.next_free, NONE);
            return Some(std::mem::replace(&mut self.free, next));
        }
        if self.conversations.len() >= self.most {
            return None;
        }
        self.conversations.push(Conversation::default());
        Some(self.conversations.len() as u32 - 1)
    }
}

/// The end that speaks in `direction`, and the other one.
fn both(ends: &mut [Unread; 2], direction: Direction) -> [&mut Unread; 2] {
    let [server, client] = ends;
    if direction.index() == 0 { [server, client] } else { [client, server] }
}

fn desk<'a>(
    room: &'a mut Room,
    thread: &'a mut Thread,
    settings: &'a AppSettings,
    wants: &'a Fields,
    protocol: AppProtocol,
    input: &Input,
) -> Desk<'a> {
    Desk {
        room,
        thread,
        // Messages of DNS travel in transactions of HTTP/2.
        protocol: if protocol == AppProtocol::Doh2 { AppProtocol::Http2 } else { protocol },
        settings,
        wants,
        direction: input.direction,
        now: input.now,
        ports: input.ports,
        datagram: input.datagram,
    }
}
