//! The reader of a replay with several workers.
//!
//! Polls the capture's device on a core of its own, finds out whose each layer of each frame is, and puts the frames into the inboxes of their owners.
//! Everything that depends on the order of records (the time, the clock's ticks, whether checksums count) is decided here, once.

use crate::{
    checksums::ChecksumJudge,
    datagrams::{Datagram, Datagrams, Packet},
    frames::{Frames, is_whole},
    gather::{Around, Gather, RELEASES, Released},
    inbox::{Handovers, Inboxes, Item, Job},
    owner::{LayerOwners, Owners},
    pipeline::At,
    poll::{Meter, PATIENCE, Source},
    settings::{Settings, Stages},
};
use sluice_core::{Nanos, time::NANOS_PER_SECOND};
use sluice_dpdk::{Burst, Mbuf, Mempool};
use sluice_packet::{
    MAX_LAYERS,
    defrag::{Inserted, Taken},
};
use std::sync::Arc;

/// The reader.
pub struct Reader {
    settings: Settings,
    owners: Owners,
    inboxes: Inboxes,
    handovers: Arc<Handovers>,
    /// Buffers the device takes frames from, and how many must be free before it is asked: it drops what it finds no buffer for.
    pool: Mempool,
    buffers_wanted: u32,
    frames: Frames,
    gather: Gather,
    datagrams: Arc<Datagrams>,
    /// What there was no room for, until the fragment it made way for is taken in.
    released: Vec<Released>,
    checksums: ChecksumJudge,
    clock: Clock,
    meter: Meter,
}

/// Datagrams under way between the reader and the workers.
pub const DATAGRAMS: usize = 32;

/// The time of a capture: never runs backwards, and ticks when its second changes.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    now: Nanos,
    /// When the next second begins.
    next: Nanos,
}

impl Default for Clock {
    fn default() -> Self {
        Self { now: Nanos(0), next: Nanos(NANOS_PER_SECOND) }
    }
}

impl Clock {
    /// The time of the latest packet.
    pub const fn now(&self) -> Nanos {
        self.now
    }

    /// The time, after a packet of `time`; and whether a second has begun.
    #[inline]
    pub fn advance(&mut self, time: Nanos) -> (Nanos, bool) {
        self.now = self.now.max(time);
        let ticks = self.now >= self.next;
        if ticks {
            self.next = Nanos((self.now.seconds() + 1).saturating_mul(NANOS_PER_SECOND));
        }
        (self.now, ticks)
    }
}

impl Reader {
    /// A reader that fills `inboxes`, with datagrams of `datagrams`. `buffers_wanted` buffers of `pool` are free before the device is asked for frames.
    pub fn new(
        settings: Settings,
        owners: Owners,
        inboxes: Inboxes,
        handovers: Arc<Handovers>,
        datagrams: Arc<Datagrams>,
        pool: Mempool,
        buffers_wanted: u32,
    ) -> Self {
        Self {
            gather: Gather::new(&settings, 1, owners.secret()),
            datagrams,
            released: Vec::with_capacity(RELEASES),
            checksums: ChecksumJudge::new(settings.checksums),
            settings,
            owners,
            inboxes,
            handovers,
            pool,
            buffers_wanted,
            frames: Frames::default(),
            clock: Clock::default(),
            meter: Meter::default(),
        }
    }

    /// Polls until all records of `source` have come, or the driver has nothing more to give, or a worker is gone.
    pub fn replay(&mut self, mut source: Source) {
        let Source { link, link_number, records: expected, .. } = source;
        self.to_all(|| Item::Link(link, link_number));
        let mut received = Burst::new();
        let (mut taken, mut empty) = (0_u64, 0_u32);
        while taken < expected && empty < PATIENCE && !self.inboxes.order().is_abandoned() {
            if source.waits(self.meter.records) || self.pool.available() < self.buffers_wanted {
                std::thread::yield_now();
                continue;
            }
            if source.feed.receive(&mut received) == 0 {
                empty += 1;
                continue;
            }
            empty = 0;
            self.meter.bursts += 1;
            self.frames.decode(&received, link, &self.settings.decode);
            for (place, packet) in received.drain().enumerate() {
                // Beyond the capture's end: not in the file, so neither received nor judged.
                if taken < expected {
                    taken += 1;
                    self.frame(place, packet);
                }
            }
        }
    }

    /// Ends all inboxes and tells what was read.
    pub fn finish(self) -> Meter {
        self.to_all(|| Item::End);
        let at = At { time: Nanos(0), now: Nanos(0), record: 0 };
        let Self { mut gather, mut meter, .. } = self;
        let Meter { ledger, counters, .. } = &mut meter;
        gather.finish(&mut Around::dropping(at, ledger, counters));
        gather.publish(&mut meter.counters);
        meter
    }

    fn to_all(&self, item: impl Fn() -> Item) {
        for worker in 0..self.inboxes.len() {
            self.inboxes.put(worker, item());
        }
    }

    fn frame(&mut self, place: usize, packet: Mbuf) {
        self.meter.ledger.rx += 1;
        self.meter.records += 1;
        let record = self.meter.records;
        let time = Nanos::from_micros(packet.timestamp_us().unwrap_or(0));
        let (now, tick) = self.clock.advance(time);
        self.meter.now = now;
        let at = At { time, now, record };
        if tick {
            self.to_all(|| Item::Clock { record, now });
            let Self { gather, meter: Meter { ledger, counters, .. }, .. } = self;
            let mut around = Around::dropping(at, ledger, counters);
            gather.expire(now, usize::MAX, &mut around);
        }
        let Self { frames, owners, checksums, .. } = self;
        let Some((decoded, frame)) = frames.of(place, packet.view()) else { return };
        if decoded.is_fragment() && is_whole(packet.view()) && self.settings.stages == Stages::Inspect {
            self.fragment(place, packet, at);
            self.inboxes.order().dispatch(record);
            return;
        }
        let layer_owners = owners.of(decoded, frame);
        let checksums = checksums.judge(decoded, frame);
        let mut packet = Some(packet);
        let mut promised = None;
        let mut next = layer_owners.stretch(0);
        while let Some(stretch) = next {
            next = layer_owners.stretch(stretch.end);
            let onward = match next {
                Some(_) => self.handovers.reserve(self.inboxes.order()),
                None => None,
            };
            let job = Job { first: stretch.first, end: stretch.end, onward, ..Job::whole(at, checksums) };
            let item = match (packet.take(), promised) {
                (Some(packet), _) => Item::Frame(Packet::Frame(packet), job),
                (None, Some(place)) => Item::Promise(place, job),
                // No place: a worker is gone.
                (None, None) => break,
            };
            self.inboxes.put(usize::from(stretch.owner), item);
            promised = onward;
        }
        self.inboxes.order().dispatch(record);
    }

    /// A frame with a fragment: its steps, and those of the datagram that it makes whole.
    fn fragment(&mut self, place: usize, packet: Mbuf, at: At) {
        let Self { frames, owners, checksums, gather, datagrams, released, inboxes, meter, .. } = self;
        let Some((decoded, frame)) = frames.of(place, packet.view()) else { return };
        let mut job = Job::whole(at, checksums.judge(decoded, frame));
        let Meter { ledger, counters, .. } = meter;
        let mut around = Around {
            at,
            ledger,
            counters,
            supply: Some(&mut || datagrams.wait(inboxes.order())),
            release: Some(&mut |one| released.push(one)),
            lane: 0,
            releases: RELEASES,
        };
        let made = gather.frame(decoded, frame, &mut job, &mut around);
        let mut steps = Steps::default();
        steps.add(owners.of(decoded, frame), job);
        let mut next = made.as_deref();
        while let Some(Datagram { whole, job: Some(job), next: inner, .. }) = next {
            steps.add(owners.of(whole.decoded(), whole.bytes()), *job);
            next = inner.as_deref();
        }
        let mut released = std::mem::take(&mut self.released);
        for Released { datagram, slot, hash } in released.drain(..) {
            self.release(datagram, slot, self.owners.of_hash(hash), at);
        }
        // With its room.
        self.released = released;
        self.hand_out(Packet::Piece(packet, made), &steps);
    }

    /// Frames that may go unjudged: the worker that had their fragments knows whether one was dropped; one and the same sends all of them.
    fn release(&self, datagram: Box<Datagram>, slot: u32, owner: u16, at: At) {
        let Some(job) = datagram.job else { return };
        let Some(place) = self.handovers.reserve(self.inboxes.order()) else { return };
        let fragment = Some(Inserted { taken: Taken::Held { slot, fresh: false }, event: None });
        let asked = Job { at, fragment, end: 0, onward: Some(place), ..job };
        self.inboxes.put(usize::from(owner), Item::Frame(Packet::Whole(datagram), asked));
        self.inboxes.put(0, Item::Promise(place, Job { at, ..job }));
    }

    /// Puts `packet` into the inbox of the first of `steps`, and a promise of what follows into those of the others.
    fn hand_out(&self, packet: Packet, steps: &Steps) {
        let mut packet = Some(packet);
        let mut promised = None;
        let mut next = steps.next(Some((0, 0)));
        while let Some((step, first)) = next {
            let Some((owners, job)) = steps.get(step) else { return };
            let Some(stretch) = owners.stretch(first) else { return };
            next = steps.next(Some((step, stretch.end)));
            let onward = match next {
                Some(_) => self.handovers.reserve(self.inboxes.order()),
                None => None,
            };
            let job = Job { first: stretch.first, end: stretch.end, onward, ..*job };
            let item = match (packet.take(), promised) {
                (Some(packet), _) => Item::Frame(packet, job),
                (None, Some(place)) => Item::Promise(place, job),
                // No place: a worker is gone.
                (None, None) => return,
            };
            self.inboxes.put(usize::from(stretch.owner), item);
            promised = onward;
        }
    }
}

/// What is to be judged, one after the other: a frame, and the datagrams that it makes whole, each by the owners of its layers.
#[derive(Default)]
struct Steps {
    list: [Option<(LayerOwners, Job)>; MAX_LAYERS + 1],
    count: usize,
}

impl Steps {
    fn add(&mut self, owners: LayerOwners, job: Job) {
        if let Some(place) = self.list.get_mut(self.count) {
            *place = Some((owners, job));
            self.count += 1;
        }
    }

    fn get(&self, step: usize) -> Option<&(LayerOwners, Job)> {
        self.list.get(step)?.as_ref()
    }

    /// Where to go on from layer `layer` of step `step`: there, or with the first layer of the one behind.
    fn next(&self, from: Option<(usize, u8)>) -> Option<(usize, u8)> {
        let (step, layer) = from?;
        let (owners, job) = self.get(step)?;
        let layer = layer.max(job.base);
        if owners.stretch(layer).is_some() {
            return Some((step, layer));
        }
        let behind = step + 1;
        self.get(behind).map(|(_, job)| (behind, job.base))
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Nanos};

    #[test]
    fn time_never_runs_backwards_and_ticks_once_a_second() {
        let mut clock = Clock::default();
        let times = [1_500, 1_600, 900, 2_000, 1_999, 3_100].map(|ms| Nanos(ms * 1_000_000));
        let seen: Vec<_> =
            times.into_iter().map(|time| clock.advance(time)).map(|(now, tick)| (now.0 / 1_000_000, tick)).collect();
        assert_eq!(seen, [(1_500, true), (1_600, false), (1_600, false), (2_000, true), (2_000, false), (3_100, true)]);
    }
}
