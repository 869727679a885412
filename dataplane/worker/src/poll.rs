//! The poll loop of one worker: the whole path of a packet on one screen.

use crate::{egress::Egress, frames::Frames, pipeline::Pipeline, settings::Stages};
use sluice_core::{Counters, Ledger, Nanos, Verdict};
use sluice_dpdk::{BURST, Burst, RxQueue};

/// Empty polls in a row after which a capture that gave fewer records than promised is taken to be over.
const PATIENCE: u32 = 10_000;

/// When a worker stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After this many records of a capture. What the driver delivers beyond is not taken: it is not in the capture.
    Records(u64),
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
    /// Flows in the table when the capture ended.
    pub live_flows: usize,
}

/// One worker: a queue to receive from, a pipeline, a way out.
pub struct Worker {
    /// The queue.
    pub rx: RxQueue,
    /// The stages.
    pub pipeline: Pipeline,
    /// The way out.
    pub egress: Egress,
}

impl Worker {
    /// Polls until `ending`.
    pub fn run(mut self, ending: Ending) -> Outcome {
        let Ending::Records(expected) = ending;
        let mut outcome = Outcome::default();
        let mut frames = Frames::default();
        let (mut received, mut passed) = (Burst::new(), Burst::new());
        let mut verdicts = [Verdict::Pass; BURST];
        let (mut record, mut now, mut empty) = (0_u64, Nanos(0), 0_u32);
        let stages = self.pipeline.settings().stages;
        let (link, decode) = (self.pipeline.settings().link, self.pipeline.settings().decode);

        while record < expected && empty < PATIENCE {
            if self.rx.receive(&mut received) == 0 {
                empty += 1;
                continue;
            }
            empty = 0;
            outcome.bursts += 1;
            let wanted = usize::try_from(expected - record).unwrap_or(BURST).min(received.len());
            outcome.ledger.rx += wanted as u64;

            if stages != Stages::Forward {
                frames.decode(&received, link, &decode);
                for place in 0..wanted {
                    if let Some(decoded) = frames.headers(place) {
                        self.pipeline.prefetch(decoded);
                    }
                }
            }
            for (place, verdict) in verdicts.iter_mut().enumerate().take(wanted) {
                record += 1;
                *verdict = Verdict::Pass;
                let Some(packet) = received.mbuf(place) else { continue };
                let time = Nanos::from_micros(packet.timestamp_us().unwrap_or(0));
                now = now.max(time);
                self.pipeline.counters.decoder_chained += u64::from(packet.is_chained());
                match stages {
                    Stages::Forward => {}
                    Stages::Lookup => {
                        if let Some((decoded, frame)) = frames.packet(&received, place) {
                            self.pipeline.lookup_only(decoded, frame, now);
                        }
                    }
                    Stages::Inspect => {
                        if let Some((decoded, frame)) = frames.packet(&received, place) {
                            *verdict = self.pipeline.process(decoded, frame, time, now, record);
                        }
                    }
                }
            }
            if wanted == received.len() && verdicts.iter().take(wanted).all(|verdict| *verdict == Verdict::Pass) {
                self.egress.send(&mut received, &mut outcome.ledger);
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
                self.egress.send(&mut passed, &mut outcome.ledger);
            }
            self.pipeline.expire(now);
        }
        outcome.live_flows = self.pipeline.live_flows();
        self.pipeline.finish();
        outcome.counters = self.pipeline.counters;
        outcome
    }
}
