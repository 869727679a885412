//! One of several workers of a replay: does what the reader puts into its inbox.
//!
//! Run by `sluice-service` on an EAL lcore of its own. A frame comes whole or, when another worker judged its outer layers, from that one. A frame with a fragment is judged as a
//! piece by the worker that the fragments of its datagram go to; the datagram that it makes whole travels with it and goes on to the worker that has its flow.

use crate::{
    datagrams::{Datagram, Datagrams, Packet},
    frames::is_whole,
    glance::Glance,
    inbox::{Handovers, Item, Job, View},
    normalise::Alone,
    pieces::{Condemned, Pieces, is_last, taken},
    poll::{Worker, send_copy},
    settings::Stages,
};
use crossbeam::{queue::ArrayQueue, utils::Backoff};
use sluice_core::{Cause, Ledger, Nanos, Position, Verdict, order::Seat};
use sluice_dpdk::Mbuf;
use sluice_packet::defrag::Taken;

/// What a worker needs besides itself.
pub struct Serving<'a> {
    /// Where its work lies.
    pub inbox: &'a ArrayQueue<Item>,
    /// Its place in the order.
    pub seat: &'a Seat,
    /// Where frames lie between workers.
    pub handovers: &'a Handovers,
    /// Where datagrams go back to.
    pub datagrams: &'a Datagrams,
}

impl Worker {
    /// Does what the reader puts into the inbox, until it says that there is no more or a worker is gone.
    pub fn serve(&mut self, serving: &Serving<'_>) {
        let Serving { inbox, seat, handovers, .. } = *serving;
        let mut condemned = Condemned::new(self.pipeline.settings().defrag.trackers);
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
            let (packet, job) = match item {
                Item::Link(link, number) => {
                    self.pipeline.set_link(link, number);
                    continue;
                }
                Item::Clock { record, now } => {
                    self.pipeline.tick(record, now);
                    continue;
                }
                Item::End => {
                    // All its records are done; flows still end.
                    seat.stand_at(Position::END.record);
                    return;
                }
                Item::Frame(packet, job) => (packet, job),
                Item::Promise(place, job) => {
                    let packet = handovers.receive(place, || seat.is_abandoned());
                    (packet.unwrap_or(Packet::Gone(Cause::OwnerBusy)), job)
                }
            };
            let onward = match packet {
                Packet::Frame(frame) => self.job(frame, &job),
                Packet::Piece(frame, made) => self.piece(frame, made, &job, &mut condemned, serving.datagrams),
                Packet::Whole(datagram) => self.datagram(datagram, &job, &mut condemned, serving.datagrams),
                Packet::Gone(cause) => {
                    self.pieces(&mut condemned, serving.datagrams).lost(&job, cause);
                    Some(Packet::Gone(cause))
                }
            };
            if let Some(place) = job.onward {
                handovers.pass_on(place, onward);
            }
        }
    }

    /// Judges one frame, or some of its layers, and sends it on its way: to the next worker, or out.
    fn job(&mut self, mut packet: Mbuf, job: &Job) -> Option<Packet> {
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
        if let Some(verdict) = pipeline.short_cut(&glance, || job.checksums, job.at.now) {
            self.send(packet, job.at.record, verdict);
            return None;
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
            (Some(_), Verdict::Pass) => Some(Packet::Frame(packet)),
            (_, verdict) => {
                self.send(packet, job.at.record, verdict);
                Some(Packet::Gone(cause_or(verdict)))
            }
        }
    }

    fn pieces<'a>(&'a mut self, condemned: &'a mut Condemned, datagrams: &'a Datagrams) -> Pieces<'a> {
        let Self { pipeline, meter, .. } = self;
        Pieces { pipeline, condemned, datagrams, ledger: &mut meter.ledger }
    }

    /// Judges a frame with a fragment, or some of its layers. Inline, one that is kept is the reader's: the frame itself is let go.
    fn piece(
        &mut self,
        frame: Mbuf,
        made: Option<Box<Datagram>>,
        job: &Job,
        condemned: &mut Condemned,
        datagrams: &Datagrams,
    ) -> Option<Packet> {
        let Self { pipeline, frames, meter, .. } = self;
        meter.judged += 1;
        meter.now = job.at.now;
        let (link, decode) = (pipeline.settings().link, pipeline.settings().decode);
        if job.first == 0 {
            pipeline.counters.decoder_chained += u64::from(frame.is_chained());
        }
        let (decoded, bytes) = frames.single(frame.view(), link, &decode);
        decoded.make_piece(job.fragment.and_then(|fragment| fragment.event));
        let mut pieces = Pieces { pipeline, condemned, datagrams, ledger: &mut meter.ledger };
        let verdict = pieces.piece(decoded, bytes, job);
        if verdict == Verdict::Pass && !is_last(job) {
            return Some(Packet::Piece(frame, made));
        }
        let alone = matches!(taken(job), Some(Taken::Alone(_)));
        let kept = pieces.pipeline.settings().mode == sluice_core::verdict::Mode::Inline && !alone;
        if !kept {
            pieces.pipeline.count_fate(verdict, 1);
        }
        let onward = match (verdict, made) {
            (Verdict::Pass, made) => made.map(Packet::Whole),
            (Verdict::Drop(cause), made) => {
                if let Some(made) = made {
                    pieces.drop_all(made, cause);
                }
                Some(Packet::Gone(cause))
            }
        };
        match kept {
            true => {
                drop(frame);
                self.send_answers(job.at.record);
            }
            false => self.send(frame, job.at.record, verdict),
        }
        onward
    }

    /// Judges a datagram, or some of its layers, and sends its frames when it passes and is the last.
    fn datagram(
        &mut self,
        mut datagram: Box<Datagram>,
        job: &Job,
        condemned: &mut Condemned,
        datagrams: &Datagrams,
    ) -> Option<Packet> {
        let Self { pipeline, egress, pool, meter, .. } = self;
        meter.judged += 1;
        meter.now = job.at.now;
        let mut pieces = Pieces { pipeline, condemned, datagrams, ledger: &mut meter.ledger };
        let verdict = match (job.view, taken(job)) {
            (View::Released, Some(Taken::Held { slot, .. })) => pieces.released(&datagram, slot),
            (View::Released, _) => Verdict::Pass,
            _ => pieces.datagram(&datagram, job),
        };
        let onward = match verdict {
            Verdict::Drop(cause) => {
                pieces.drop_all(datagram, cause);
                Some(Packet::Gone(cause))
            }
            Verdict::Pass if !is_last(job) => return Some(Packet::Whole(datagram)),
            Verdict::Pass => match datagram.next.take() {
                Some(next) => {
                    datagrams.give_back(datagram);
                    return Some(Packet::Whole(next));
                }
                None => {
                    let link = pieces.pipeline.link_number();
                    let position = match job.view {
                        View::Released => Position::clock(job.at.record),
                        _ => Position::layer(job.at.record, 0),
                    };
                    pieces.send_all(datagram, |frame: &[u8], time: Nanos, ledger: &mut Ledger| {
                        send_copy(egress, pool, frame, (time, position, link), ledger);
                    });
                    None
                }
            },
        };
        self.send_answers(job.at.record);
        onward
    }
}

/// The cause of a drop; for a frame that went its way, none that anybody asks for.
const fn cause_or(verdict: Verdict) -> Cause {
    match verdict {
        Verdict::Drop(cause) => cause,
        Verdict::Pass => Cause::Rules,
    }
}
