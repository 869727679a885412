//! The poll loops of a worker: the whole path of a packet on one screen.
//!
//! [`Worker::replay`] polls a capture's device alone; [`Worker::serve`] is one of several workers of a replay, which a [`crate::reader`] feeds. The loop of live traffic is in [`crate::live`].

use crate::{
    checksums::ChecksumJudge,
    egress::{Egress, Sent},
    frames::{Frames, is_whole},
    generation::Mailbox,
    glance::{Glance, Glances},
    inbox::{Handovers, Item, Job},
    normalise::{Alone, InBurst},
    pipeline::{At, Pipeline},
    reader::Clock,
    settings::Stages,
};
use crossbeam::{queue::ArrayQueue, utils::Backoff};
use sluice_core::{Counters, Ledger, Nanos, Position, Verdict, order::Seat};
use sluice_dpdk::{BURST, Burst, Mbuf, Mempool, RxQueue};
use sluice_packet::LinkType;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Empty polls in a row after which a capture that gave fewer records than promised is taken to be over.
pub const PATIENCE: u32 = 10_000;

/// One capture to be replayed.
pub struct Source {
    /// The queue that gives its records.
    pub rx: RxQueue,
    /// Its link type.
    pub link: LinkType,
    /// Its link type as the capture numbers it: several numbers may mean one type.
    pub link_number: u16,
    /// Its records. What the driver delivers beyond them is not taken: it is not in the capture.
    pub records: u64,
    /// Number of the record, over all captures, behind which the control core wants to do something first.
    pub gate: Arc<AtomicU64>,
}

impl Source {
    /// Whether the capture waits behind `records` records. Relaxed: the number alone counts.
    #[inline]
    pub fn waits(&self, records: u64) -> bool {
        records >= self.gate.load(Ordering::Relaxed)
    }
}

/// What a worker or a reader did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    /// Where the packets went.
    pub ledger: Ledger,
    /// What was counted.
    pub counters: Counters,
    /// Bursts that held at least one packet.
    pub bursts: u64,
    /// Records taken, over all captures: the number of the next one, less one.
    pub records: u64,
    /// Frames of which this worker judged a layer.
    pub judged: u64,
    /// Rule sets taken after the first.
    pub swaps: u64,
    /// Latest packet time.
    pub now: Nanos,
    /// Flows in the table when the last capture ended.
    pub live_flows: usize,
}

impl Meter {
    /// Adds what another one did.
    pub fn add(&mut self, other: &Self) {
        self.ledger.add(&other.ledger);
        self.counters.add(&other.counters);
        self.bursts += other.bursts;
        self.records += other.records;
        self.judged += other.judged;
        self.swaps += other.swaps;
        self.now = self.now.max(other.now);
        self.live_flows += other.live_flows;
    }
}

/// One worker: a pipeline and a way out.
pub struct Worker {
    pub(crate) pipeline: Pipeline,
    egress: Egress,
    /// Buffers for packets of our own making.
    pub(crate) pool: Mempool,
    mailbox: Mailbox,
    pub(crate) frames: Frames,
    pub(crate) glances: Glances,
    pub(crate) checksums: ChecksumJudge,
    clock: Clock,
    pub(crate) meter: Meter,
}

impl Worker {
    /// A worker that has seen nothing yet.
    pub fn new(pipeline: Pipeline, egress: Egress, pool: Mempool, mailbox: Mailbox) -> Self {
        let checksums = ChecksumJudge::new(pipeline.settings().checksums);
        let (frames, glances) = (Frames::default(), Glances::default());
        let (clock, meter) = (Clock::default(), Meter::default());
        Self { pipeline, egress, pool, mailbox, frames, glances, checksums, clock, meter }
    }

    /// Ends every flow and tells what was done.
    pub fn finish(mut self) -> Meter {
        self.meter.live_flows = self.pipeline.live_flows();
        self.pipeline.finish();
        self.meter.counters = self.pipeline.counters;
        self.meter
    }

    /// Takes a new rule set, if there is one.
    #[inline]
    pub(crate) fn take_rules(&mut self) {
        self.meter.swaps += u64::from(self.mailbox.exchange(&mut self.pipeline.generation));
    }

    /// Polls until all records of `source` have come, or the driver has nothing more to give.
    pub fn replay(&mut self, mut source: Source) {
        let Source { link, link_number, records: expected, .. } = source;
        self.pipeline.set_link(link, link_number);
        let mut received = Burst::new();
        let mut verdicts = [Verdict::Pass; BURST];
        let (mut taken, mut empty) = (0_u64, 0_u32);
        let stages = self.pipeline.settings().stages;
        let decode = self.pipeline.settings().decode;

        while taken < expected && empty < PATIENCE {
            self.take_rules();
            if source.waits(self.meter.records) {
                std::thread::yield_now();
                continue;
            }
            if source.rx.receive(&mut received) == 0 {
                empty += 1;
                continue;
            }
            empty = 0;
            let Self { pipeline, frames, glances, checksums, clock, meter, .. } = self;
            meter.bursts += 1;
            let wanted = usize::try_from(expected - taken).unwrap_or(BURST).min(received.len());
            let before = meter.records;
            taken += wanted as u64;
            meter.records += wanted as u64;
            meter.judged += wanted as u64;
            meter.ledger.rx += wanted as u64;

            if stages != Stages::Forward {
                glances.take(pipeline, &received);
            }
            for (place, (verdict, glance)) in verdicts.iter_mut().zip(glances.iter()).enumerate().take(wanted) {
                *verdict = Verdict::Pass;
                let Some(packet) = received.mbuf(place) else { continue };
                let record = before + place as u64 + 1;
                let time = Nanos::from_micros(packet.timestamp_us().unwrap_or(0));
                let (now, tick) = clock.advance(time);
                meter.now = now;
                if tick {
                    pipeline.tick(record, now);
                }
                pipeline.counters.decoder_chained += u64::from(packet.is_chained());
                if !is_whole(packet) {
                    *verdict = pipeline.cut();
                    continue;
                }
                if stages == Stages::Forward {
                    continue;
                }
                if let Some(short) = pipeline.short_cut(glance, checksums.next(), now) {
                    *verdict = short;
                    continue;
                }
                let (decoded, frame) = frames.single(packet, link, &decode);
                let key = glance.keyed().or_else(|| pipeline.prefetch(decoded));
                if stages == Stages::Lookup {
                    pipeline.lookup_only(decoded, key, frame, now);
                    continue;
                }
                let at = At { time, now, record };
                let checksums = checksums.judge(decoded, frame);
                let job = Job { at, checksums, first: 0, end: u8::MAX, onward: None };
                *verdict = pipeline.process(decoded, key, frame, &job);
                pipeline.rewrite(|offset, bytes| received.overwrite(place, offset, bytes).is_ok());
                *verdict = pipeline.put_right(*verdict, &mut InBurst { burst: &mut received, place });
            }
            let all_pass = verdicts.iter().take(wanted).all(|verdict| *verdict == Verdict::Pass);
            if all_pass && wanted == received.len() && !self.egress.wants_order() && !self.pipeline.has_answers() {
                self.egress.send(&mut received, &mut self.meter.ledger);
                continue;
            }
            for (place, packet) in received.drain().enumerate() {
                // Beyond the capture's end: neither received nor judged.
                if place >= wanted {
                    break;
                }
                let record = before + place as u64 + 1;
                self.send(packet, record, verdicts.get(place).copied().unwrap_or_default());
            }
        }
    }

    /// Does what the reader puts into `inbox`, until it says that there is no more or a worker is gone.
    pub fn serve(&mut self, inbox: &ArrayQueue<Item>, seat: &Seat, handovers: &Handovers) {
        let backoff = Backoff::new();
        loop {
            self.take_rules();
            // Read before the inbox: when that is found empty, everything up to this record is done.
            let dispatched = seat.dispatched();
            let Some(item) = inbox.pop() else {
                seat.stand_at(dispatched + 1);
                if seat.is_abandoned() {
                    return;
                }
                backoff.snooze();
                continue;
            };
            backoff.reset();
            if let Some(record) = item.record() {
                seat.stand_at(record);
            }
            match item {
                Item::Link(link, number) => self.pipeline.set_link(link, number),
                Item::Clock { record, now } => self.pipeline.tick(record, now),
                Item::Frame(packet, job) => self.job(packet, &job, handovers),
                Item::Promise(place, job) => match handovers.receive(place, || seat.is_abandoned()) {
                    Some(packet) => self.job(packet, &job, handovers),
                    None => {
                        if let Some(onward) = job.onward {
                            handovers.pass_on(onward, None);
                        }
                    }
                },
                Item::End => {
                    // All its records are done; flows still end.
                    seat.stand_at(Position::END.record);
                    return;
                }
            }
        }
    }

    /// Judges one frame, or some of its layers, and sends it on its way.
    fn job(&mut self, mut packet: Mbuf, job: &Job, handovers: &Handovers) {
        let Self { pipeline, frames, meter, .. } = self;
        meter.judged += 1;
        meter.now = job.at.now;
        let (link, decode) = (pipeline.settings().link, pipeline.settings().decode);
        let stages = pipeline.settings().stages;
        if job.first == 0 {
            pipeline.counters.decoder_chained += u64::from(packet.is_chained());
        }
        let whole = is_whole(packet.view());
        let mut glance = Glance::NONE;
        if whole && !packet.is_chained() && stages != Stages::Forward {
            pipeline.glance(packet.view().first_segment(), &mut glance);
        }
        if let Some(verdict) = pipeline.short_cut(&glance, job.checksums, job.at.now) {
            self.send(packet, job.at.record, verdict);
            return;
        }
        let (decoded, frame) = frames.single(packet.view(), link, &decode);
        let key = glance.keyed().or_else(|| pipeline.prefetch(decoded));
        let verdict = match stages {
            Stages::Forward => Verdict::Pass,
            // Told of once, by the owner of the outermost layer.
            _ if !whole && job.first == 0 => pipeline.cut(),
            _ if !whole => Verdict::Pass,
            Stages::Lookup => {
                pipeline.lookup_only(decoded, key, frame, job.at.now);
                Verdict::Pass
            }
            Stages::Inspect => pipeline.process(decoded, key, frame, job),
        };
        pipeline.rewrite(|offset, bytes| packet.overwrite(offset, bytes).is_ok());
        let verdict = pipeline.put_right(verdict, &mut Alone(&mut packet));
        match (job.onward, verdict) {
            (Some(onward), Verdict::Pass) => handovers.pass_on(onward, Some(packet)),
            (onward, verdict) => {
                if let Some(onward) = onward {
                    handovers.pass_on(onward, None);
                }
                self.send(packet, job.at.record, verdict);
            }
        }
    }

    /// Sends or drops one packet, and behind it the answers to it.
    fn send(&mut self, packet: Mbuf, record: u64, verdict: Verdict) {
        let Self { pipeline, egress, pool, meter, .. } = self;
        let link = pipeline.link_number();
        match verdict {
            Verdict::Pass => {
                let time = Nanos::from_micros(packet.timestamp_us().unwrap_or(0));
                let position = Position::layer(record, 0);
                egress.send_one(Sent { packet, time, position, link }, &mut meter.ledger);
            }
            Verdict::Drop(cause) => {
                meter.ledger.drop_packet(cause);
                drop(packet);
            }
        }
        pipeline.take_answers(record, |answer| {
            // Without a free buffer an answer is not sent: the packet it is about is dropped all the same.
            if let Ok(mut packet) = pool.take()
                && packet.append(answer.bytes()).is_ok()
            {
                let position = Position::layer(record, u8::MAX);
                meter.ledger.generated += 1;
                egress.send_one(Sent { packet, time: answer.time, position, link }, &mut meter.ledger);
            }
        });
    }
}
