//! Datagrams that are not whole, found by their key; their fragments; who goes first when there is no room.
//!
//! Used by `defragmenter`, which knows what fragments mean; here it is known where they lie. Everything is allocated at the start. Datagrams are numbered from 1, and a number is
//! one datagram's until that is gone.

use super::arena::{Arena, CHUNK, Chain};
use super::key::Key;
use super::list::{Link, List, claim, entry};
use super::piece::Piece;
use super::policy::{Policies, Policy, Span};
use super::sources::Sources;
use super::whole::MOST_FRAMES;
use super::{Whole, Why};
use sluice_core::{HashKey, Nanos, time::NANOS_PER_SECOND};

/// Units of eight bytes whose coverage stands in the tracker itself.
const NEAR_UNITS: usize = 256;
/// Units one chunk tells the coverage of.
const PAGE_UNITS: usize = CHUNK * 8;
/// Words of 64 bits of such a chunk.
const PAGE_WORDS: usize = PAGE_UNITS / 64;
/// A source may hold this part of all room before it has to go before others.
const SHARES: u32 = 64;
/// No fragment belongs there.
const NOWHERE: u32 = u32::MAX;
/// Bytes of frames that one datagram may consist of.
pub(crate) const MOST_FRAME_BYTES: usize = 1 << 20;

/// What the control core decides at the start.
#[derive(Clone, Debug)]
pub struct DefragSettings {
    /// Inline: the frames themselves are kept, to be sent once their datagram has been judged.
    pub inline: bool,
    /// Bytes of fragments, and of what has to be remembered of them, in all.
    pub bytes: usize,
    /// Datagrams at once.
    pub trackers: u32,
    /// Fragments of one datagram.
    pub fragments: u16,
    /// How long after its first fragment a datagram is given up, seconds.
    pub timeout_s: u32,
    /// Whether VLAN ids tell datagrams apart.
    pub vlan_tracking: bool,
    /// Whose data count in overlapping IPv4 fragments; passive.
    pub policies: Policies,
}

impl Default for DefragSettings {
    fn default() -> Self {
        Self {
            inline: false,
            bytes: 32 << 20,
            trackers: 65_535,
            fragments: 8_192,
            timeout_s: 60,
            vlan_tracking: true,
            policies: Policies::default(),
        }
    }
}

/// A datagram that is given up, just before it is forgotten.
pub struct Gone<'a> {
    /// Why.
    pub why: Why,
    /// Its number.
    pub slot: u32,
    /// The hash of its key, as [`owner_hash`](super::owner_hash) gives it.
    pub hash: u64,
    /// Frames that were kept of it; none when passive.
    pub frames: u32,
    first: u32,
    nodes: &'a [Node],
    arena: &'a Arena,
}

impl Gone<'_> {
    /// Copies the frames, in the order in which they came, into `whole`; whether they all fit.
    pub fn frames_into(&self, whole: &mut Whole) -> bool {
        whole.clear();
        copy_frames(self.nodes, self.first, self.arena, whole)
    }
}

fn copy_frames(nodes: &[Node], first: u32, arena: &Arena, whole: &mut Whole) -> bool {
    let mut at = first;
    let mut fit = true;
    while let Some(node) = nodes.get((at as usize).wrapping_sub(1)) {
        if node.is_frame {
            fit &= whole.push_frame(node.bytes.len as usize, |out| {
                arena.read(&node.bytes, 0, node.bytes.len as usize, |part| out.extend_from_slice(part));
            });
        }
        at = node.next;
    }
    fit
}

/// Bytes that are kept: a fragment, a frame to be sent, or both in one. It has the number of its first chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Node {
    pub bytes: Chain,
    pub next: u32,
    /// Where the IP header lies in them.
    pub ip_at: u32,
    pub piece: Piece,
    pub is_piece: bool,
    pub is_frame: bool,
}

/// What a fragment adds to its datagram.
#[derive(Clone, Copy)]
pub(crate) struct Growth {
    pub frames: usize,
    pub bytes: usize,
}

/// What the pieces of a datagram say about its length.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// Behind the last byte of any piece.
    pub farthest: u32,
    /// The piece that reaches there says that no more follow.
    is_final: bool,
    /// The length that a last piece has named.
    pub named: Option<u32>,
    /// Longest header of a piece that begins the datagram.
    pub header_len: u16,
}

impl Extent {
    /// With another piece.
    #[inline(always)]
    pub(crate) fn with(mut self, piece: &Piece) -> Self {
        let end = piece.end();
        if end > self.farthest || (end == self.farthest && !piece.more) {
            (self.farthest, self.is_final) = (end, !piece.more);
        }
        if !piece.more && self.named.is_none() {
            self.named = Some(end);
        }
        if piece.offset == 0 {
            self.header_len = self.header_len.max(piece.header_len);
        }
        self
    }

    /// Whether all of it would be longer than a packet can be.
    pub(crate) const fn is_too_large(&self, version: u8) -> bool {
        // IPv6's length counts what is behind its header.
        let counted = if version == 4 { self.header_len } else { self.header_len.saturating_sub(40) };
        self.farthest + counted as u32 > 65_535
    }

    /// Units of the whole datagram, when that is known. `holds_the_first_end`: the length that was named first counts.
    pub(crate) fn units(&self, holds_the_first_end: bool) -> Option<u32> {
        let named = if holds_the_first_end { self.named } else { None };
        let length = named.or(self.is_final.then_some(self.farthest));
        length.map(|length| length.div_ceil(8))
    }
}

/// A datagram that is not whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracker {
    key: Key,
    bucket: u32,
    /// The next one in the bucket, or among the free ones.
    chain: u32,
    age: Link,
    of_source: Link,
    source: u32,
    weight: u32,
    began: Nanos,
    first_node: u32,
    last_node: u32,
    /// Where the fragment that is due begins, while all came in their order; else nowhere.
    due: u32,
    /// Units at the beginning that came in their order.
    in_order: u32,
    /// Units that are covered besides: which ones is told by `near` and `pages`.
    beside: u32,
    near: [u64; NEAR_UNITS / 64],
    pages: [Chain; 4],
    pieces: u16,
    frames: u32,
    /// Bytes that are kept.
    kept_bytes: u32,
    pub extent: Extent,
    pub overlaps: bool,
    pub duplicates: u8,
    /// Given up; its number is kept, so that what still comes of it is known.
    pub is_dead: bool,
    pub policy: Policy,
}

impl Default for Tracker {
    #[inline(always)]
    fn default() -> Self {
        Self {
            key: Key::default(),
            bucket: 0,
            chain: 0,
            age: Link { before: 0, behind: 0 },
            of_source: Link { before: 0, behind: 0 },
            source: 0,
            weight: 0,
            began: Nanos(0),
            first_node: 0,
            last_node: 0,
            due: 0,
            in_order: 0,
            beside: 0,
            near: [0; NEAR_UNITS / 64],
            pages: [Chain { first: 0, last: 0, len: 0 }; 4],
            pieces: 0,
            frames: 0,
            kept_bytes: 0,
            extent: Extent { farthest: 0, is_final: false, named: None, header_len: 0 },
            overlaps: false,
            duplicates: 0,
            is_dead: false,
            policy: Policy::First,
        }
    }
}

impl Tracker {
    /// Whether `piece` is the one that is due: it lies behind all others, which came in their order, and none of them was the last.
    #[inline(always)]
    pub(crate) const fn awaits(&self, piece: &Piece) -> bool {
        self.due == piece.offset as u32
    }

    /// Takes in the piece that is due; `extent` is that with it.
    #[inline(always)]
    pub(crate) const fn advance(&mut self, piece: &Piece, extent: Extent) {
        self.extent = extent;
        self.in_order = extent.farthest.div_ceil(8);
        self.due = if piece.more { extent.farthest } else { NOWHERE };
    }

    /// Another piece came: from now on it is told unit by unit what is covered.
    pub(crate) const fn leave_order(&mut self) {
        self.due = NOWHERE;
    }

    /// Units that are covered.
    pub(crate) const fn covered(&self) -> u32 {
        self.in_order + self.beside
    }

    /// Whether another piece, with these frames and bytes, is more than one datagram may consist of.
    #[inline(always)]
    pub(crate) const fn is_full(&self, most_pieces: u16, more: Growth) -> bool {
        self.pieces >= most_pieces
            || self.frames as usize + more.frames > MOST_FRAMES
            || self.kept_bytes as usize + more.bytes > MOST_FRAME_BYTES
    }
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its datagram.
    Datagram(u32),
    /// A datagram that began too long ago.
    Late(u32),
    /// There is none.
    Nothing,
}

/// The words of 64 units that `span` touches, and which units of each are its own.
fn words_of(span: Span) -> impl Iterator<Item = (usize, u64)> {
    let (begin, end) = (usize::from(span.begin), usize::from(span.end));
    (begin / 64..end.div_ceil(64)).map(move |word| {
        let (from, to) = (begin.max(word * 64), end.min(word * 64 + 64));
        let units = to.saturating_sub(from);
        let mask = if units == 0 { 0 } else { u64::MAX >> (64 - units) << (from % 64) };
        (word, mask)
    })
}

/// Where all of it lies.
pub(crate) struct Store {
    arena: Arena,
    nodes: Vec<Node>,
    trackers: Vec<Tracker>,
    free_trackers: u32,
    live: u32,
    buckets: Box<[u32]>,
    age: List,
    sources: Sources,
    secret: HashKey,
    timeout_ns: u64,
}

impl Store {
    pub(crate) fn new(settings: &DefragSettings, secret: HashKey) -> Self {
        let chunks = u32::try_from(settings.bytes / CHUNK).unwrap_or(u32::MAX).max(1_024);
        let trackers = settings.trackers.max(16);
        Self {
            arena: Arena::new(chunks),
            nodes: Vec::with_capacity(chunks as usize),
            trackers: Vec::with_capacity(trackers as usize),
            free_trackers: 0,
            live: 0,
            buckets: vec![0; (trackers as usize * 2).next_power_of_two()].into_boxed_slice(),
            age: List::default(),
            sources: Sources::new(trackers, (chunks / SHARES).max(2), secret),
            secret,
            timeout_ns: u64::from(settings.timeout_s) * NANOS_PER_SECOND,
        }
    }

    /// Datagrams in it.
    pub(crate) const fn len(&self) -> u32 {
        self.live
    }

    /// Bytes in use.
    pub(crate) fn bytes(&self) -> usize {
        self.arena.used() as usize * CHUNK
    }

    /// The bucket of this key.
    pub(crate) fn bucket(&self, key: &Key) -> u32 {
        key.hash(&self.secret) as u32 & (self.buckets.len() as u32).wrapping_sub(1)
    }

    #[inline(always)]
    pub(crate) fn tracker(&mut self, slot: u32) -> Option<&mut Tracker> {
        entry(&mut self.trackers, slot)
    }

    /// The datagram of this key, which is in `bucket` if there is one.
    #[inline(always)]
    pub(crate) fn find(&mut self, key: &Key, bucket: u32, now: Nanos) -> Found {
        let timeout = self.timeout_ns;
        let mut slot = self.buckets.get(bucket as usize).copied().unwrap_or(0);
        while let Some(tracker) = entry(&mut self.trackers, slot) {
            if tracker.key == *key {
                let is_late = now.0.saturating_sub(tracker.began.0) >= timeout;
                return if is_late { Found::Late(slot) } else { Found::Datagram(slot) };
            }
            slot = tracker.chain;
        }
        Found::Nothing
    }

    /// Whether the datagram began too long ago.
    fn is_late(&mut self, slot: u32, now: Nanos) -> bool {
        let timeout = self.timeout_ns;
        self.tracker(slot).is_some_and(|tracker| now.0.saturating_sub(tracker.began.0) >= timeout)
    }

    /// The oldest datagram, when it began too long ago.
    pub(crate) fn late(&mut self, now: Nanos) -> Option<u32> {
        let oldest = self.age.first;
        (oldest != 0 && self.is_late(oldest, now)).then_some(oldest)
    }

    /// The oldest datagram.
    pub(crate) const fn oldest(&self) -> Option<u32> {
        if self.age.first == 0 { None } else { Some(self.age.first) }
    }

    /// Whether another datagram finds a place.
    pub(crate) fn has_place(&self) -> bool {
        self.free_trackers != 0 || self.trackers.len() < self.trackers.capacity()
    }

    /// Chunks that are free.
    pub(crate) fn room(&self) -> u32 {
        // Each node has a chunk, so nodes never run out before chunks do.
        self.arena.room()
    }

    /// Who goes first when there is no room.
    pub(crate) fn victim(&mut self) -> Option<u32> {
        self.sources.oldest_of_heaviest().or_else(|| self.oldest())
    }

    /// Begins a datagram in the bucket of its key; ask [`Store::has_place`] first.
    pub(crate) fn begin(
        &mut self,
        (key, bucket): (Key, u32),
        source: [u64; 2],
        policy: Policy,
        now: Nanos,
    ) -> Option<u32> {
        let owner = self.sources.of(source);
        let slot = claim(&mut self.trackers, &mut self.free_trackers, |tracker| tracker.chain)?;
        self.live += 1;
        let chain = self.buckets.get_mut(bucket as usize).map_or(0, |head| std::mem::replace(head, slot));
        let age = self.age.append(&mut self.trackers, slot, |tracker| &mut tracker.age);
        let of_source = self.sources.get(owner).map_or(Link::default(), |source| {
            source.trackers.append(&mut self.trackers, slot, |tracker| &mut tracker.of_source)
        });
        let tracker = entry(&mut self.trackers, slot)?;
        *tracker = Tracker {
            key,
            bucket,
            chain,
            age,
            of_source,
            source: owner,
            weight: 1,
            began: now,
            policy,
            ..Tracker::default()
        };
        self.sources.weigh(owner, 1, 0);
        Some(slot)
    }

    /// Keeps `bytes` for the datagram, as `node` says; whether there was room.
    pub(crate) fn keep(&mut self, slot: u32, bytes: &[u8], node: Node) -> bool {
        let Some(tracker) = entry(&mut self.trackers, slot) else { return false };
        let Some(chain) = self.arena.store(bytes) else { return false };
        let number = chain.first;
        if self.nodes.len() < number as usize {
            // There is a place for each chunk: nothing is allocated.
            self.nodes.resize(number as usize, Node::default());
        }
        if let Some(place) = entry(&mut self.nodes, number) {
            *place = Node { bytes: chain, next: 0, ..node };
        }
        match entry(&mut self.nodes, std::mem::replace(&mut tracker.last_node, number)) {
            Some(last) => last.next = number,
            None => tracker.first_node = number,
        }
        tracker.pieces += u16::from(node.is_piece);
        tracker.frames += u32::from(node.is_frame);
        tracker.kept_bytes += chain.len;
        let chunks = chain.chunks();
        tracker.weight += chunks;
        self.sources.weigh(tracker.source, chunks, 0);
        true
    }

    /// The fragments and frames of the datagram, in the order in which they came.
    pub(crate) fn nodes(&self, slot: u32) -> impl Iterator<Item = &Node> {
        let mut next = self.trackers.get((slot as usize).wrapping_sub(1)).map_or(0, |tracker| tracker.first_node);
        std::iter::from_fn(move || {
            let node = self.nodes.get((next as usize).wrapping_sub(1))?;
            next = node.next;
            Some(node)
        })
    }

    pub(crate) const fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Copies the frames of the datagram into `whole`.
    pub(crate) fn frames_into(&self, slot: u32, whole: &mut Whole) {
        let first = self.trackers.get((slot as usize).wrapping_sub(1)).map_or(0, |tracker| tracker.first_node);
        copy_frames(&self.nodes, first, &self.arena, whole);
    }

    /// Frames of the datagram.
    pub(crate) fn frame_count(&self, slot: u32) -> u64 {
        self.trackers.get((slot as usize).wrapping_sub(1)).map_or(0, |tracker| u64::from(tracker.frames))
    }

    /// Chunks that marking `span` as covered takes.
    pub(crate) fn pages_for(&mut self, slot: u32, span: Span) -> u32 {
        let Some(tracker) = self.tracker(slot) else { return 0 };
        if usize::from(span.end) <= NEAR_UNITS {
            return 0;
        }
        let (first, last) = (usize::from(span.begin) / PAGE_UNITS, (usize::from(span.end) - 1) / PAGE_UNITS);
        tracker.pages.iter().take(last + 1).skip(first).filter(|page| page.len == 0).count() as u32
    }

    /// Whether any unit of `span` is covered. A step for each 64 units.
    pub(crate) fn is_covered(&self, slot: u32, span: Span) -> bool {
        let Some(tracker) = self.trackers.get((slot as usize).wrapping_sub(1)) else { return false };
        u32::from(span.begin) < tracker.in_order
            || words_of(span).any(|(word, mask)| match tracker.near.get(word) {
                Some(near) => near & mask != 0,
                None => tracker
                    .pages
                    .get(word / PAGE_WORDS)
                    .is_some_and(|page| self.arena.word(page, word % PAGE_WORDS) & mask != 0),
            })
    }

    /// Marks the units of `span`, which did not come in their order, as covered; there must be room for [`Store::pages_for`] chunks. A step for each 64 units.
    pub(crate) fn cover(&mut self, slot: u32, span: Span) {
        let Some(tracker) = entry(&mut self.trackers, slot) else { return };
        // What is covered already is not counted again.
        let span = Span { begin: span.begin.max(tracker.in_order as u16), ..span };
        if span.units() == 0 {
            return;
        }
        let mut chunks = 0;
        for (word, mask) in words_of(span) {
            let was = if let Some(near) = tracker.near.get_mut(word) {
                std::mem::replace(near, *near | mask)
            } else if let Some(page) = tracker.pages.get_mut(word / PAGE_WORDS) {
                if page.len == 0 {
                    let Some(fresh) = self.arena.store(&[0; CHUNK]) else { continue };
                    *page = fresh;
                    chunks += 1;
                }
                self.arena.set_bits(page, word % PAGE_WORDS, mask)
            } else {
                continue;
            };
            tracker.beside += (mask & !was).count_ones();
        }
        if chunks > 0 {
            tracker.weight += chunks;
            self.sources.weigh(tracker.source, chunks, 0);
        }
    }

    /// Gives the datagram up: tells `gone` and forgets its bytes, but keeps its number and key.
    pub(crate) fn kill(&mut self, slot: u32, why: Why, gone: &mut dyn FnMut(Gone<'_>)) {
        let Some(tracker) = self.trackers.get((slot as usize).wrapping_sub(1)) else { return };
        gone(Gone {
            why,
            slot,
            hash: tracker.key.hash(&self.secret),
            frames: tracker.frames,
            first: tracker.first_node,
            nodes: &self.nodes,
            arena: &self.arena,
        });
        self.empty(slot);
        if let Some(tracker) = self.tracker(slot) {
            tracker.is_dead = true;
            tracker.leave_order();
        }
    }

    /// Gives the datagram up and forgets it.
    pub(crate) fn give_up(&mut self, slot: u32, why: Why, gone: &mut dyn FnMut(Gone<'_>)) {
        self.kill(slot, why, gone);
        self.forget(slot);
    }

    /// Frees what is kept of the datagram, but for its number.
    fn empty(&mut self, slot: u32) {
        let Some((source, weight)) = self.release(slot) else { return };
        self.sources.weigh(source, 0, weight);
    }

    /// Frees what is kept of the datagram. Its source, and what that weighs less, the number of the datagram apart.
    #[inline(always)]
    fn release(&mut self, slot: u32) -> Option<(u32, u32)> {
        let tracker = entry(&mut self.trackers, slot)?;
        let (source, weight) = (tracker.source, tracker.weight.saturating_sub(1));
        tracker.weight = 1;
        (tracker.frames, tracker.kept_bytes, tracker.pieces) = (0, 0, 0);
        if tracker.beside > 0 {
            for page in tracker.pages.iter_mut().filter(|page| page.len > 0) {
                self.arena.release(std::mem::take(page));
            }
        }
        let mut at = std::mem::take(&mut tracker.first_node);
        tracker.last_node = 0;
        while let Some(node) = entry(&mut self.nodes, at) {
            self.arena.release(node.bytes);
            at = node.next;
        }
        Some((source, weight))
    }

    /// Forgets the datagram.
    pub(crate) fn forget(&mut self, slot: u32) {
        let Some((owner, weight)) = self.release(slot) else { return };
        self.age.remove(&mut self.trackers, slot, |tracker| &mut tracker.age);
        if let Some(source) = self.sources.get(owner) {
            source.trackers.remove(&mut self.trackers, slot, |tracker| &mut tracker.of_source);
        }
        self.sources.weigh(owner, 0, weight + 1);
        let Some(tracker) = entry(&mut self.trackers, slot) else { return };
        let bucket = tracker.bucket;
        let after = std::mem::replace(&mut tracker.chain, std::mem::replace(&mut self.free_trackers, slot));
        self.live -= 1;
        self.unlink(slot, bucket, after);
    }

    #[inline(always)]
    fn unlink(&mut self, slot: u32, bucket: u32, after: u32) {
        let Some(head) = self.buckets.get_mut(bucket as usize) else { return };
        if *head == slot {
            *head = after;
            return;
        }
        let mut at = *head;
        while let Some(tracker) = entry(&mut self.trackers, at) {
            if tracker.chain == slot {
                tracker.chain = after;
                return;
            }
            at = tracker.chain;
        }
    }
}
