//! The poll loop of a live worker: its queue of each port, packets other workers hand to it, its timers.
//!
//! Run by `sluice-service` on an EAL lcore until it is told to stop. A packet whose flow another worker has goes to that worker's inbox, and that worker
//! transmits it: a card's hashing can't see into tunnels, fragments or ICMP errors, and some devices have no hashing at all. The clock is read
//! once per burst.

use crate::{
    checksums::Checksums,
    datagrams::{Datagrams, Packet},
    egress::{Egress, Sent},
    fragments::{DATAGRAMS, Fragments, With},
    frames::is_whole,
    inbox::Job,
    normalise::{Alone, InBurst},
    owner::{Owners, Stretch},
    pipeline::{At, Pipeline},
    poll::{Meter, Worker, send_copy},
    settings::Stages,
};
use crossbeam::queue::ArrayQueue;
use parking_lot::Mutex;
use sluice_core::{Cause, Nanos, Position, Verdict, leave::Leave};
use sluice_dpdk::{BURST, Burst, Mbuf, Mempool, RxQueue};
use sluice_packet::{Decoded, MAX_LAYERS};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// Packets that may wait for one worker.
const INBOX: usize = 1_024;
/// Empty polls in a row after which the processor is offered to others between polls.
const PATIENCE: u32 = 10_000;
/// Datagrams that did not become whole in time and are given up at once.
const EXPIRE_FRAGMENTS: usize = 64;
/// Empty polls in a row after which the clock is read for the timers.
const CLOCK_EVERY: u32 = 64;

/// One port as a worker sees it.
pub struct Lane {
    /// The worker's receive queue; none when the device has fewer queues than there are workers.
    pub rx: Option<RxQueue>,
    /// The way out of this port.
    pub tx: Egress,
    /// The lane of the port its packets leave by.
    pub other: usize,
    /// The device spreads flows over its queues by itself, both directions of one to the same queue.
    pub spreads: bool,
    /// What went through it.
    pub meter: LaneMeter,
}

/// Packets of one worker on one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneMeter {
    /// Received by this worker.
    pub received: u64,
    /// Handed to other workers.
    pub handed: u64,
    /// Transmitted by this worker, or let go where the port is only listened to.
    pub sent: u64,
}

/// A packet on its way to the worker that has its flow.
#[derive(Debug)]
struct Handed {
    packet: Packet,
    /// The port it came in by.
    lane: usize,
    /// The first layer that has not been judged.
    first: u8,
    now: Nanos,
}

/// The time of a live run: the wall clock's at the start, and steady from there on.
#[derive(Clone, Copy, Debug)]
pub struct LiveClock {
    started: Instant,
    at_start: Nanos,
}

impl LiveClock {
    /// A clock that showed `wall` at `started`.
    pub const fn new(started: Instant, wall: Nanos) -> Self {
        Self { started, at_start: wall }
    }

    /// The time. One read of the processor's counter, no system call.
    pub fn now(&self) -> Nanos {
        let passed = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Nanos(self.at_start.0.saturating_add(passed))
    }
}

/// What all workers of a live run share.
#[derive(Debug)]
pub struct Together {
    inboxes: Vec<ArrayQueue<Handed>>,
    stop: AtomicBool,
    /// How they stop. Each layer of a packet may be another worker's, and each of a datagram that fragments in it make whole, one inside the other: it changes hands that often at
    /// most.
    leave: Leave,
    /// Datagrams put together from fragments.
    datagrams: Arc<Datagrams>,
    /// A copy of each worker's meter, about a second old.
    boards: Vec<Mutex<Meter>>,
}

impl Together {
    /// For `workers` workers. `inline`: frames of fragments are kept.
    pub fn new(workers: usize, inline: bool) -> Arc<Self> {
        Arc::new(Self {
            inboxes: (0..workers).map(|_| ArrayQueue::new(INBOX)).collect(),
            stop: AtomicBool::new(false),
            leave: Leave::new(workers, MAX_LAYERS * (MAX_LAYERS + 1)),
            datagrams: Datagrams::new(workers * DATAGRAMS, inline),
            boards: (0..workers).map(|_| Mutex::default()).collect(),
        })
    }

    /// Puts `handed` into the inbox of `owner`; gives it back when there is no room.
    fn hand(&self, owner: u16, handed: Handed) -> Option<Handed> {
        match self.inboxes.get(usize::from(owner)) {
            Some(inbox) => inbox.push(handed).err(),
            None => Some(handed),
        }
    }

    /// Tells the workers to stop. They judge and transmit what they have received.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// The sum of what the workers have done, as of about a second ago.
    pub fn sum(&self) -> Meter {
        let mut sum = Meter::default();
        self.boards.iter().for_each(|board| sum.add(&board.lock()));
        sum
    }
}

/// What a live worker works with, besides its pipeline.
pub struct Live {
    /// Its ports.
    pub lanes: Vec<Lane>,
    /// Whose a packet is.
    pub owners: Owners,
    /// Number of this worker.
    pub worker: u16,
    /// What it shares with the others.
    pub together: Arc<Together>,
    /// The time.
    pub clock: LiveClock,
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pass,
    Drop(Cause),
    /// It is kept with the other fragments of its datagram.
    Kept,
    /// Its layers from `first` on are another worker's.
    Hand {
        owner: u16,
        first: u8,
    },
}

impl Fate {
    /// The fate of a packet about which something more is done while it is not dropped.
    fn unless_dropped(self, more: impl FnOnce() -> Verdict) -> Self {
        match self {
            Self::Drop(_) => self,
            _ => match more() {
                Verdict::Drop(cause) => Self::Drop(cause),
                Verdict::Pass => self,
            },
        }
    }
}

impl From<Verdict> for Fate {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Drop(cause) => Self::Drop(cause),
        }
    }
}

impl Worker {
    /// Polls until told to stop; then what was done, and through which port.
    pub fn run(mut self, mut live: Live) -> (Meter, Vec<LaneMeter>) {
        let together = Arc::clone(&live.together);
        let _attends = together.leave.attend();
        if let Some(fragments) = &mut self.fragments {
            fragments.share(Arc::clone(&together.datagrams), live.owners, live.worker);
        }
        let mut received = Burst::new();
        let (mut idle, mut second) = (0_u32, 0);
        let begin = self.pipeline.settings().pick_up;
        let usual = begin.map(|begin| self.pipeline.pick_up(&begin));
        let begun = live.clock.now();
        let mut usual = usual.zip(begin.map(|begin| Nanos::from_seconds(u64::from(begin.seconds))));
        while !together.stop.load(Ordering::Acquire) {
            self.take_rules();
            let mut busy = false;
            for lane in 0..live.lanes.len() {
                busy |= self.poll_lane(&mut live, lane, &mut received);
            }
            busy |= self.poll_inbox(&mut live);
            idle = if busy { 0 } else { idle.saturating_add(1) };
            if idle > 0 && idle.is_multiple_of(CLOCK_EVERY) {
                let now = live.clock.now();
                self.expire(now);
                self.meter.now = now;
                if idle > PATIENCE {
                    std::thread::yield_now();
                }
            }
            if self.meter.now.seconds() != second {
                second = self.meter.now.seconds();
                self.post(&live);
                if let Some((policies, length)) = usual
                    && self.meter.now.since(begun) >= length.0
                {
                    self.pipeline.pick_up_no_longer(policies);
                    usual = None;
                }
            }
        }
        // Others may still hand over what they received, and hand on what they were handed.
        together.leave.work_off(|| self.poll_inbox(&mut live));
        let lanes = live.lanes.iter().map(|lane| lane.meter).collect();
        (self.finish(), lanes)
    }

    /// Copies the meter to where the control core reads it, unless that is reading right now.
    fn post(&mut self, live: &Live) {
        self.pipeline.publish();
        if let Some(fragments) = &self.fragments {
            fragments.publish(&mut self.pipeline.counters);
        }
        self.meter.counters = self.pipeline.counters;
        if let Some(mut board) = live.together.boards.get(usize::from(live.worker)).and_then(Mutex::try_lock) {
            // Costs are told at the end: nothing is allocated here.
            *board = self.meter.clone();
        }
    }

    /// One burst of one port; whether there was one.
    fn poll_lane(&mut self, live: &mut Live, number: usize, received: &mut Burst) -> bool {
        let Some(lane) = live.lanes.get_mut(number) else { return false };
        let Some(rx) = lane.rx.as_mut() else { return false };
        if rx.receive(received) == 0 {
            return false;
        }
        let now = live.clock.now();
        let count = received.len();
        lane.meter.received += count as u64;
        let spreads = lane.spreads;
        let Self { pipeline, frames, fragments, glances, checksums, meter, .. } = self;
        meter.bursts += 1;
        meter.ledger.rx += count as u64;
        meter.records += count as u64;
        meter.now = now;
        let mut fates = [Fate::Pass; BURST];
        let (stages, link, decode) = (pipeline.settings().stages, pipeline.settings().link, pipeline.settings().decode);
        if stages != Stages::Forward {
            glances.take(pipeline, received);
            for (place, (fate, glance)) in fates.iter_mut().zip(glances.iter()).enumerate().take(count) {
                let Some(packet) = received.mbuf(place) else { continue };
                pipeline.counters.decoder_chained += u64::from(packet.is_chained());
                if !is_whole(packet) {
                    if let Verdict::Drop(cause) = pipeline.cut() {
                        *fate = Fate::Drop(cause);
                    }
                    continue;
                }
                // Only a plain frame is asked about, and that has one layer: it is mine as a whole or not at all.
                let mine = spreads || stages == Stages::Lookup || live.owners.of_hash(glance.hash()) == live.worker;
                if mine && let Some(verdict) = pipeline.short_cut(glance, || checksums.next(), now) {
                    *fate = Fate::from(verdict);
                    meter.judged += u64::from(stages == Stages::Inspect);
                    continue;
                }
                let (decoded, frame) = frames.single(packet, link, &decode);
                let key = glance.keyed().or_else(|| pipeline.prefetch(decoded));
                if stages == Stages::Lookup {
                    pipeline.lookup_only(decoded, key, frame, now);
                    continue;
                }
                let mut whose = live.owners.of(decoded, frame);
                // A card may bring the fragments of one datagram to several workers.
                if spreads && !decoded.outermost().fragment.is_fragment {
                    whose.claim_outermost(live.worker);
                }
                let at = At { time: now, now, record: 0 };
                let checksums = checksums.judge(decoded, frame);
                if let Some(fragments) = gathers(fragments, decoded, whose.stretch(0), live.worker) {
                    let mut with = With { pipeline, ledger: &mut meter.ledger, lane: number };
                    let mut job = Job::whole(at, checksums);
                    *fate = fragments.judge(&mut with, decoded, frame, &mut job).map_or(Fate::Kept, Fate::from);
                    meter.judged += 1;
                    continue;
                }
                let step = Step { pipeline, checksums, worker: live.worker, at };
                *fate = step.judge(
                    whose.stretch(0),
                    |end| whose.stretch(end),
                    |pipeline, job| pipeline.process(decoded, key, frame, job),
                );
                pipeline.rewrite(|offset, bytes| received.overwrite(place, offset, bytes).is_ok());
                let wire = &mut InBurst { burst: received, place };
                *fate = fate.unless_dropped(|| pipeline.put_right(Verdict::Pass, wire));
                meter.judged += u64::from(!matches!(fate, Fate::Hand { first: 0, .. }));
            }
        }
        let all_pass = fates.iter().take(count).all(|fate| *fate == Fate::Pass);
        if all_pass && !self.pipeline.has_answers() {
            let other = live.lanes.get(number).map_or(number, |lane| lane.other);
            if let Some(out) = live.lanes.get_mut(other) {
                out.meter.sent += count as u64;
                out.tx.send(received, &mut self.meter.ledger);
            }
        } else {
            for (packet, fate) in received.drain().zip(fates) {
                self.settle(live, packet, number, now, fate);
            }
            self.answer(live, number, now);
        }
        self.fragments_out(live, now);
        self.expire(now);
        true
    }

    fn expire(&mut self, now: Nanos) {
        let Self { pipeline, fragments, meter, .. } = self;
        pipeline.expire(now);
        if let Some(fragments) = fragments {
            let at = At { time: now, now, record: 0 };
            fragments.expire(at, EXPIRE_FRAGMENTS, &mut meter.ledger, &mut pipeline.counters);
        }
    }

    /// A few packets that others handed over; whether there were any.
    fn poll_inbox(&mut self, live: &mut Live) -> bool {
        let together = Arc::clone(&live.together);
        let Some(inbox) = together.inboxes.get(usize::from(live.worker)) else { return false };
        let mut any = false;
        for _ in 0..BURST {
            let Some(Handed { packet, lane, first, now }) = inbox.pop() else { break };
            any = true;
            // Bursts of different workers are not in the order of their times.
            let now = now.max(self.meter.now);
            let Self { pipeline, frames, fragments, checksums, meter, .. } = self;
            meter.now = now;
            meter.judged += 1;
            let mut packet = match packet {
                Packet::Frame(packet) | Packet::Piece(packet, _) => packet,
                Packet::Whole(datagram) => {
                    if let Some(fragments) = fragments {
                        fragments.datagram(&mut With { pipeline, ledger: &mut meter.ledger, lane }, datagram);
                    }
                    self.fragments_out(live, now);
                    self.answer(live, lane, now);
                    continue;
                }
                Packet::Gone(_) => continue,
            };
            let (link, decode) = (pipeline.settings().link, pipeline.settings().decode);
            let (decoded, frame) = frames.single(packet.view(), link, &decode);
            let key = pipeline.prefetch(decoded);
            let mut whose = live.owners.of(decoded, frame);
            if first == 0 {
                whose.claim_outermost(live.worker);
            }
            let at = At { time: now, now, record: 0 };
            let checksums = checksums.judge(decoded, frame);
            if let Some(fragments) = gathers(fragments, decoded, whose.stretch(first), live.worker) {
                let mut with = With { pipeline, ledger: &mut meter.ledger, lane };
                let mut job = Job { first, ..Job::whole(at, checksums) };
                let fate = fragments.judge(&mut with, decoded, frame, &mut job).map_or(Fate::Kept, Fate::from);
                self.settle(live, packet, lane, now, fate);
                self.fragments_out(live, now);
                self.answer(live, lane, now);
                continue;
            }
            let step = Step { pipeline, checksums, worker: live.worker, at };
            let fate = step.judge(
                whose.stretch(first),
                |end| whose.stretch(end),
                |pipeline, job| pipeline.process(decoded, key, frame, job),
            );
            pipeline.rewrite(|offset, bytes| packet.overwrite(offset, bytes).is_ok());
            let fate = fate.unless_dropped(|| pipeline.put_right(Verdict::Pass, &mut Alone(&mut packet)));
            self.settle(live, packet, lane, now, fate);
            self.answer(live, lane, now);
        }
        any
    }

    /// Sends, drops or hands over one packet that came in by `lane`.
    fn settle(&mut self, live: &mut Live, packet: Mbuf, lane: usize, now: Nanos, fate: Fate) {
        match fate {
            Fate::Pass => {
                let other = live.lanes.get(lane).map_or(lane, |lane| lane.other);
                if let Some(out) = live.lanes.get_mut(other) {
                    out.meter.sent += 1;
                    let sent = Sent { packet, time: now, position: Position::default(), link: 1 };
                    out.tx.send_one(sent, &mut self.meter.ledger);
                }
            }
            Fate::Drop(cause) => {
                self.meter.ledger.drop_packet(cause);
                drop(packet);
            }
            Fate::Kept => drop(packet),
            Fate::Hand { owner, first } => {
                if let Some(lane) = live.lanes.get_mut(lane) {
                    lane.meter.handed += 1;
                }
                let handed = Handed { packet: Packet::Frame(packet), lane, first, now };
                if let Some(Handed { packet: Packet::Frame(packet), lane, .. }) = live.together.hand(owner, handed) {
                    if self.pipeline.passes_unjudged() {
                        self.settle(live, packet, lane, now, Fate::Pass);
                    } else {
                        self.meter.ledger.drop_packet(Cause::OwnerBusy);
                        drop(packet);
                    }
                }
            }
        }
    }

    /// Datagrams put together go on to their workers; the frames of those that have passed leave.
    fn fragments_out(&mut self, live: &mut Live, now: Nanos) {
        let Self { pipeline, pool, fragments: Some(fragments), meter, .. } = self else { return };
        let mut with = With { pipeline, ledger: &mut meter.ledger, lane: 0 };
        while let Some((owner, datagram)) = fragments.next_handing() {
            let (lane, first) = (datagram.lane, 0);
            let handed = Handed { packet: Packet::Whole(datagram), lane, first, now };
            if let Some(Handed { packet: Packet::Whole(datagram), .. }) = live.together.hand(owner, handed) {
                fragments.refused(&mut with, datagram);
            }
        }
        fragments.leave(u64::MAX, &mut with, |lane, frame, _, ledger| {
            let other = live.lanes.get(lane).map_or(lane, |lane| lane.other);
            if let Some(out) = live.lanes.get_mut(other) {
                out.meter.sent += 1;
                send_copy(&mut out.tx, pool, frame, (now, Position::default(), 1), ledger);
            }
        });
    }

    /// Sends the answers to packets that came in by `lane`: back to their sender, or on to their receiver.
    fn answer(&mut self, live: &mut Live, lane: usize, now: Nanos) {
        let Self { pipeline, pool, meter, .. } = self;
        let other = live.lanes.get(lane).map_or(lane, |lane| lane.other);
        pipeline.take_answers(0, |answer| {
            let way = if answer.to_source { lane } else { other };
            if let (Some(packet), Some(out)) = (answer_packet(pool, answer.bytes()), live.lanes.get_mut(way)) {
                meter.ledger.generated += 1;
                let sent = Sent { packet, time: now, position: Position::default(), link: 1 };
                out.tx.send_one(sent, &mut meter.ledger);
            }
        });
    }
}

/// The fragments, when the frame holds one and all that is left of it is mine.
fn gathers<'a>(
    fragments: &'a mut Option<Fragments>,
    decoded: &Decoded,
    rest: Option<Stretch>,
    worker: u16,
) -> Option<&'a mut Fragments> {
    let mine = rest.is_some_and(|rest| rest.owner == worker && rest.end == u8::MAX);
    fragments.as_mut().filter(|_| mine && decoded.is_fragment())
}

/// A packet of our own making. Without a free buffer none is sent: the packet it is about is dropped all the same.
fn answer_packet(pool: &Mempool, bytes: &[u8]) -> Option<Mbuf> {
    let mut packet = pool.take().ok()?;
    packet.append(bytes).ok()?;
    Some(packet)
}

/// One packet's stay with one worker.
struct Step<'a> {
    pipeline: &'a mut Pipeline,
    checksums: Checksums,
    worker: u16,
    at: At,
}

impl Step<'_> {
    /// Judges the layers of `mine`, if it is mine, and says what becomes of the packet.
    fn judge(
        self,
        mine: Option<Stretch>,
        next: impl Fn(u8) -> Option<Stretch>,
        process: impl FnOnce(&mut Pipeline, &Job) -> Verdict,
    ) -> Fate {
        let Some(stretch) = mine else { return Fate::Pass };
        if stretch.owner != self.worker {
            return Fate::Hand { owner: stretch.owner, first: stretch.first };
        }
        let onward = next(stretch.end);
        let job = Job {
            first: stretch.first,
            end: stretch.end,
            onward: onward.map(|_| 0),
            ..Job::whole(self.at, self.checksums)
        };
        match (process(self.pipeline, &job), onward) {
            (Verdict::Drop(cause), _) => Fate::Drop(cause),
            (Verdict::Pass, Some(onward)) => Fate::Hand { owner: onward.owner, first: onward.first },
            (Verdict::Pass, None) => Fate::Pass,
        }
    }
}
