//! The poll loop of one worker: the whole path of a packet on one screen.

use crate::{
    egress::Egress,
    frames::Frames,
    pipeline::{At, Pipeline},
    settings::Stages,
};
use sluice_core::{Counters, Ledger, Nanos, Verdict};
use sluice_dpdk::{BURST, Burst, Mempool, RxQueue};
use sluice_packet::LinkType;

/// Empty polls in a row after which a capture that gave fewer records than promised is taken to be over.
const PATIENCE: u32 = 10_000;

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
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Where the packets went.
    pub ledger: Ledger,
    /// What was counted.
    pub counters: Counters,
    /// Bursts that held at least one packet.
    pub bursts: u64,
    /// Records taken, over all captures: the number of the next one, less one.
    pub records: u64,
    /// Latest packet time.
    pub now: Nanos,
    /// Flows in the table when the last capture ended.
    pub live_flows: usize,
}

/// One worker: a pipeline and a way out.
pub struct Worker {
    pipeline: Pipeline,
    egress: Egress,
    /// Buffers for packets of our own making.
    pool: Mempool,
    frames: Frames,
    outcome: Outcome,
}

impl Worker {
    /// A worker that has seen nothing yet.
    pub fn new(pipeline: Pipeline, egress: Egress, pool: Mempool) -> Self {
        Self { pipeline, egress, pool, frames: Frames::default(), outcome: Outcome::default() }
    }

    /// Ends every flow and tells what was done.
    pub fn finish(mut self) -> Outcome {
        self.outcome.live_flows = self.pipeline.live_flows();
        self.pipeline.finish();
        self.outcome.counters = self.pipeline.counters;
        self.outcome
    }

    /// Polls until all records of `source` have come, or the driver has nothing more to give.
    pub fn replay(&mut self, source: Source) {
        let Source { mut rx, link, link_number, records: expected } = source;
        let Self { pipeline, egress, pool, frames, outcome } = self;
        pipeline.set_link(link, link_number);
        let (mut received, mut passed) = (Burst::new(), Burst::new());
        let mut verdicts = [Verdict::Pass; BURST];
        let mut keys = [None; BURST];
        let (mut taken, mut empty) = (0_u64, 0_u32);
        let stages = pipeline.settings().stages;
        let decode = pipeline.settings().decode;

        while taken < expected && empty < PATIENCE {
            if rx.receive(&mut received) == 0 {
                empty += 1;
                continue;
            }
            empty = 0;
            outcome.bursts += 1;
            let wanted = usize::try_from(expected - taken).unwrap_or(BURST).min(received.len());
            outcome.ledger.rx += wanted as u64;

            if stages != Stages::Forward {
                frames.decode(&received, link, &decode);
                for (place, key) in keys.iter_mut().enumerate().take(wanted) {
                    *key = frames.headers(place).and_then(|decoded| pipeline.prefetch(decoded));
                }
            }
            for (place, (verdict, key)) in verdicts.iter_mut().zip(keys).enumerate().take(wanted) {
                taken += 1;
                outcome.records += 1;
                *verdict = Verdict::Pass;
                let Some(packet) = received.mbuf(place) else { continue };
                let time = Nanos::from_micros(packet.timestamp_us().unwrap_or(0));
                outcome.now = outcome.now.max(time);
                pipeline.counters.decoder_chained += u64::from(packet.is_chained());
                match stages {
                    Stages::Forward => {}
                    Stages::Lookup => {
                        if let Some((decoded, frame)) = frames.packet(&received, place) {
                            pipeline.lookup_only(decoded, key, frame, outcome.now);
                        }
                    }
                    Stages::Inspect => {
                        if let Some((decoded, frame)) = frames.packet(&received, place) {
                            *verdict = pipeline.process(
                                decoded,
                                key,
                                frame,
                                At { time, now: outcome.now, record: outcome.records },
                            );
                        }
                    }
                }
            }
            if wanted == received.len() && verdicts.iter().take(wanted).all(|verdict| *verdict == Verdict::Pass) {
                egress.send(&mut received, &mut outcome.ledger);
            } else {
                for (place, packet) in received.drain().enumerate() {
                    match verdicts.get(place) {
                        // Beyond the capture's end: neither received nor judged.
                        _ if place >= wanted => drop(packet),
                        Some(Verdict::Drop(cause)) => {
                            outcome.ledger.drop_packet(*cause);
                            drop(packet);
                        }
                        _ => drop(passed.push(packet)),
                    }
                }
                egress.send(&mut passed, &mut outcome.ledger);
            }
            pipeline.take_answers(|answer| {
                // Without a free buffer an answer is not sent: the packet it is about is dropped all the same.
                if let Ok(mut packet) = pool.take()
                    && packet.append(answer.bytes()).is_ok()
                {
                    egress.send_generated(packet, answer.time, &mut outcome.ledger);
                }
            });
            pipeline.expire(outcome.now);
        }
    }
}
