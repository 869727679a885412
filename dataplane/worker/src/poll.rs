//! The poll loops of a worker: the whole path of a packet on one screen.
//!
//! [`Worker::replay`] polls a capture's device alone. One of several workers of a replay, which a [`crate::reader`] feeds, does as in [`crate::serve`]; the loop of live traffic is in [`crate::live`].

use crate::{
    checksums::ChecksumJudge,
    egress::{Egress, Sent},
    feed::Feed,
    fragments::{Fragments, With},
    frames::{Frames, is_whole},
    generation::Mailbox,
    glance::Glances,
    inbox::Job,
    normalise::InBurst,
    pipeline::{At, Pipeline},
    reader::Clock,
    settings::Stages,
};
use crossbeam::utils::Backoff;
use sluice_core::{Cause, Counters, Ledger, Nanos, Position, Verdict};
use sluice_detect::cost::RuleCost;
use sluice_dpdk::{BURST, Burst, Mbuf, Mempool};
use sluice_packet::LinkType;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Empty polls in a row after which a capture that gave fewer records than promised is taken to be over.
pub const PATIENCE: u32 = 10_000;

/// One capture to be replayed.
pub struct Source {
    /// What gives its records.
    pub feed: Feed,
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
#[derive(Clone, Debug, Default)]
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
    /// What each rule of the rule set in force cost, by its number; empty until the worker ends.
    pub costs: Vec<RuleCost>,
}

impl Meter {
    /// Adds what another one did.
    pub fn add(&mut self, other: &Self) {
        self.ledger.add(&other.ledger);
        self.counters.add(&other.counters);
        self.bursts += other.bursts;
        self.records += other.records;
        self.costs.resize(self.costs.len().max(other.costs.len()), RuleCost::default());
        self.costs.iter_mut().zip(&other.costs).for_each(|(cost, more)| cost.add(more));
        self.judged += other.judged;
        self.swaps += other.swaps;
        self.now = self.now.max(other.now);
        self.live_flows += other.live_flows;
    }
}

/// One worker: a pipeline and a way out.
pub struct Worker {
    pub(crate) pipeline: Pipeline,
    pub(crate) egress: Egress,
    /// Buffers for packets of our own making.
    pub(crate) pool: Mempool,
    mailbox: Mailbox,
    pub(crate) frames: Frames,
    pub(crate) fragments: Option<Fragments>,
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
        Self { pipeline, egress, pool, mailbox, frames, fragments: None, glances, checksums, clock, meter }
    }

    /// Puts fragments together by itself, with what `fragments` has room for.
    pub fn with_fragments(mut self, fragments: Fragments) -> Self {
        self.fragments = Some(fragments);
        self
    }

    /// Ends every flow and tells what was done.
    pub fn finish(mut self) -> Meter {
        self.meter.live_flows = self.pipeline.live_flows();
        if let Some(fragments) = &mut self.fragments {
            fragments.finish(&mut self.meter.ledger, &mut self.pipeline.counters);
        }
        self.pipeline.finish();
        self.meter.costs = self.pipeline.generation.inspector.costs().to_vec();
        self.meter.counters = self.pipeline.counters;
        self.meter
    }

    /// Takes a new rule set, if there is one.
    #[inline]
    pub(crate) fn take_rules(&mut self) {
        if self.mailbox.exchange(&mut self.pipeline.generation) {
            self.meter.swaps += 1;
            self.pipeline.meet_generation();
        }
    }

    /// Polls until all records of `source` have come, or the driver has nothing more to give.
    pub fn replay(&mut self, mut source: Source) {
        let Source { link, link_number, records: expected, .. } = source;
        self.pipeline.set_link(link, link_number);
        let mut received = Burst::new();
        let (mut taken, mut empty) = (0_u64, 0_u32);

        while taken < expected && empty < PATIENCE {
            self.take_rules();
            if source.waits(self.meter.records) {
                std::thread::yield_now();
                continue;
            }
            if source.feed.receive(&mut received) == 0 {
                empty += 1;
                continue;
            }
            empty = 0;
            let wanted = usize::try_from(expected - taken).unwrap_or(BURST).min(received.len());
            taken += wanted as u64;
            self.burst(&mut received, wanted, link);
        }
    }

    /// Judges and sends the first `wanted` packets of `received`.
    fn burst(&mut self, received: &mut Burst, wanted: usize, link: LinkType) {
        let Self { pipeline, glances, meter, .. } = self;
        let before = meter.records;
        meter.bursts += 1;
        meter.records += wanted as u64;
        meter.judged += wanted as u64;
        meter.ledger.rx += wanted as u64;
        if pipeline.settings().stages != Stages::Forward {
            glances.take(pipeline, received);
        }
        let mut verdicts = [Verdict::Pass; BURST];
        let (mut kept, mut all_pass) = (0_u64, true);
        for (place, verdict) in verdicts.iter_mut().enumerate().take(wanted) {
            let record = before + place as u64 + 1;
            match self.judge(received, place, record, link) {
                Some(Verdict::Pass) => {}
                Some(drop) => (*verdict, all_pass) = (drop, false),
                None => kept |= 1 << place,
            }
        }
        self.meter.now = self.clock.now();

        let plain = kept == 0 && !self.fragments.as_ref().is_some_and(Fragments::has_leaving);
        if all_pass && plain && wanted == received.len() && !self.egress.wants_order() && !self.pipeline.has_answers() {
            return self.egress.send(received, &mut self.meter.ledger);
        }
        for (place, packet) in received.drain().enumerate() {
            // Beyond the capture's end: neither received nor judged.
            if place >= wanted {
                break;
            }
            let record = before + place as u64 + 1;
            match kept >> place & 1 {
                0 => self.send(packet, record, verdicts.get(place).copied().unwrap_or_default()),
                _ => drop(packet),
            }
            self.leave(record);
        }
    }

    /// The verdict on packet `place` of `received`; none when it is kept: a fragment.
    #[inline(never)]
    fn judge(&mut self, received: &mut Burst, place: usize, record: u64, link: LinkType) -> Option<Verdict> {
        let Some(packet) = received.mbuf(place) else { return Some(Verdict::Pass) };
        let time = Nanos::from_micros(packet.timestamp_us().unwrap_or(0));
        let (now, tick) = self.clock.advance(time);
        let at = At { time, now, record };
        if tick {
            self.tick(at);
        }
        let Self { pipeline, frames, fragments, glances, checksums, meter, .. } = self;
        pipeline.counters.decoder_chained += u64::from(packet.is_chained());
        if !is_whole(packet) {
            return Some(pipeline.cut());
        }
        let stages = pipeline.settings().stages;
        let Some(glance) = glances.of(place).filter(|_| stages != Stages::Forward) else { return Some(Verdict::Pass) };
        if let Some(short) = pipeline.short_cut(glance, || checksums.next(), now) {
            return Some(short);
        }
        let (decoded, frame) = frames.single(packet, link, &pipeline.settings().decode);
        if stages == Stages::Lookup {
            let key = glance.keyed().or_else(|| pipeline.prefetch(decoded));
            pipeline.lookup_only(decoded, key, frame, now);
            return Some(Verdict::Pass);
        }
        let checksums = checksums.judge(decoded, frame);
        let key = match (glance.keyed(), fragments) {
            // A plain frame is no fragment.
            (None, Some(fragments)) if decoded.is_fragment() => {
                let mut job = Job::whole(at, checksums);
                let mut with = With { pipeline, ledger: &mut meter.ledger, lane: 0 };
                return fragments.judge(&mut with, decoded, frame, &mut job);
            }
            (None, _) => pipeline.prefetch(decoded),
            (keyed, _) => keyed,
        };
        let verdict = pipeline.process_whole(decoded, key, frame, at, checksums);
        pipeline.rewrite(|offset, bytes| received.overwrite(place, offset, bytes).is_ok());
        Some(pipeline.put_right(verdict, &mut InBurst { burst: received, place }))
    }

    /// A second has begun.
    #[cold]
    fn tick(&mut self, at: At) {
        let Self { pipeline, fragments, meter, .. } = self;
        pipeline.tick(at.record, at.now);
        if let Some(fragments) = fragments {
            fragments.expire(at, usize::MAX, &mut meter.ledger, &mut pipeline.counters);
        }
    }

    /// Sends the frames of the datagrams that have passed with records up to `record`, and the answers to those that have not.
    fn leave(&mut self, record: u64) {
        let Self { pipeline, egress, pool, fragments, meter, .. } = self;
        let Some(fragments) = fragments else { return };
        let link = pipeline.link_number();
        let mut with = With { pipeline, ledger: &mut meter.ledger, lane: 0 };
        fragments.leave(record, &mut with, |_, frame, time, ledger| {
            let position = Position::layer(record, 0);
            send_copy(egress, pool, frame, (time, position, link), ledger);
        });
        self.send_answers(record);
    }

    /// Sends or drops one packet, and behind it the answers to it.
    pub(crate) fn send(&mut self, packet: Mbuf, record: u64, verdict: Verdict) {
        let Self { pipeline, egress, meter, .. } = self;
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
        self.send_answers(record);
    }

    /// Sends the answers to packets up to `record`.
    pub(crate) fn send_answers(&mut self, record: u64) {
        let Self { pipeline, egress, pool, meter, .. } = self;
        let link = pipeline.link_number();
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

/// Sends a copy of `frame`. A capture has time: there a free buffer is waited for.
pub(crate) fn send_copy(
    egress: &mut Egress,
    pool: &Mempool,
    frame: &[u8],
    (time, position, link): (Nanos, Position, u16),
    ledger: &mut Ledger,
) {
    let backoff = Backoff::new();
    loop {
        match pool.packet(frame) {
            Ok(packet) => return egress.send_one(Sent { packet, time, position, link }, ledger),
            Err(_) if egress.wants_order() => backoff.snooze(),
            Err(_) => return ledger.drop_packet(Cause::TransmitFull),
        }
    }
}
