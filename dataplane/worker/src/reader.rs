//! The reader of a replay with several workers.
//!
//! Polls the capture's device on a core of its own, finds out whose each layer of each frame is, and puts the frames into the inboxes of their owners.
//! Everything that depends on the order of records (the time, the clock's ticks, whether checksums count) is decided here, once.

use crate::{
    checksums::ChecksumJudge,
    frames::Frames,
    inbox::{Handovers, Inboxes, Item, Job},
    owner::Owners,
    pipeline::At,
    poll::{Meter, PATIENCE, Source},
    settings::Settings,
};
use sluice_core::Nanos;
use sluice_dpdk::{Burst, Mbuf, Mempool};
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
    checksums: ChecksumJudge,
    clock: Clock,
    meter: Meter,
}

/// The time of a capture: never runs backwards, and ticks when its second changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    now: Nanos,
}

impl Clock {
    /// The time, after a packet of `time`; and whether a second has begun.
    #[inline]
    pub fn advance(&mut self, time: Nanos) -> (Nanos, bool) {
        let before = self.now.seconds();
        self.now = self.now.max(time);
        (self.now, self.now.seconds() != before)
    }
}

impl Reader {
    /// A reader that fills `inboxes`. `buffers_wanted` buffers of `pool` are free before the device is asked for frames.
    pub fn new(
        settings: Settings,
        owners: Owners,
        inboxes: Inboxes,
        handovers: Arc<Handovers>,
        pool: Mempool,
        buffers_wanted: u32,
    ) -> Self {
        Self {
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
            if source.rx.receive(&mut received) == 0 {
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
        self.meter
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
        if tick {
            self.to_all(|| Item::Clock { record, now });
        }
        let at = At { time, now, record };
        let Self { frames, owners, checksums, .. } = self;
        let Some((decoded, frame)) = frames.of(place, packet.view()) else { return };
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
                (Some(packet), _) => Item::Frame(packet, job),
                (None, Some(place)) => Item::Promise(place, job),
                // No place: a worker is gone.
                (None, None) => break,
            };
            self.inboxes.put(usize::from(stretch.owner), item);
            promised = onward;
        }
        self.inboxes.order().dispatch(record);
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
