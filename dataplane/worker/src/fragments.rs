//! The fragments of a worker that puts them together by itself: of the one worker of a replay, or of a live one.
//!
//! Passive, a frame with a fragment goes its way at once and its data are kept. Inline the frame leaves its buffer and is kept as a copy: when the datagram passes, its frames leave,
//! byte for byte, in the order in which they came; when it is dropped, all of them are. A frame that waits counts as held in the ledger. So what leaves is what was judged.
//!
//! Live, a datagram goes on to the worker that has its flow, and one that holds a fragment of an inner datagram to the worker that the fragments of that go to.

use crate::{
    datagrams::{Datagram, Datagrams},
    gather::{Around, Gather, RELEASES, Released},
    inbox::{Job, View},
    owner::Owners,
    pieces::{Condemned, Pieces, taken},
    pipeline::{At, Pipeline},
    settings::Settings,
};
use sluice_core::{Cause, Counters, HashKey, Ledger, Nanos, Resource, Verdict, verdict::Mode};
use sluice_packet::{Decoded, defrag::Taken};
use std::{collections::VecDeque, sync::Arc};

/// Datagrams under way: one for each frame of a burst until it ends, and those at hand, one inside the other.
pub const DATAGRAMS: usize = sluice_dpdk::BURST + 8;
/// The same where fragments without room may go: each frame can drive some out.
const DATAGRAMS_RELEASED: usize = DATAGRAMS + sluice_dpdk::BURST * RELEASES;

/// The fragments of one worker.
pub struct Fragments {
    gather: Gather,
    condemned: Condemned,
    datagrams: Arc<Datagrams>,
    /// The one that was free last: most are judged before the next is needed.
    spare: Option<Box<Datagram>>,
    /// What has passed, on its way out.
    leaving: VecDeque<Box<Datagram>>,
    /// What there was no room for, until it is known whether it may go.
    released: Vec<Released>,
    /// What goes on to other workers.
    handing: VecDeque<(u16, Box<Datagram>)>,
    /// Whose a datagram is, and who I am; none when all are mine.
    route: Option<(Owners, u16)>,
    inline: bool,
}

/// A worker's own things, and where the frame came in.
pub struct With<'a> {
    /// What judges.
    pub pipeline: &'a mut Pipeline,
    /// Where packets went.
    pub ledger: &'a mut Ledger,
    /// The port it came in by; live.
    pub lane: usize,
}

impl Fragments {
    /// With one part of `parts` of the room that `settings` give to all workers. Everything it needs later is allocated here.
    pub fn new(settings: &Settings, parts: usize, hash: HashKey) -> Self {
        let inline = settings.mode == Mode::Inline;
        let passes = inline && !settings.exceptions.of(Resource::DefragMemcap).drops();
        let datagrams = if passes { DATAGRAMS_RELEASED } else { DATAGRAMS };
        Self {
            gather: Gather::new(settings, parts, hash),
            condemned: Condemned::new(settings.defrag.trackers),
            datagrams: Datagrams::new(datagrams, inline),
            spare: None,
            leaving: VecDeque::with_capacity(datagrams),
            released: Vec::with_capacity(RELEASES),
            handing: VecDeque::with_capacity(datagrams),
            route: None,
            inline,
        }
    }

    /// Shares `datagrams` with the other workers of a live run, among which this one is `worker`.
    pub(crate) fn share(&mut self, datagrams: Arc<Datagrams>, owners: Owners, worker: u16) {
        self.leaving.reserve(datagrams.count());
        self.handing.reserve(datagrams.count());
        self.datagrams = datagrams;
        self.route = Some((owners, worker));
        self.gather.one_by_one();
    }

    /// Judges a frame whose innermost layer is a fragment, and the datagram that it makes whole. The verdict on the frame; none when it is kept: its buffer is free.
    /// `job` is told what became of the fragment.
    pub fn judge(
        &mut self,
        with: &mut With<'_>,
        decoded: &mut Decoded,
        frame: &[u8],
        job: &mut Job,
    ) -> Option<Verdict> {
        let made = self.gathered(with, job.at, |gather, around| gather.frame(decoded, frame, job, around));
        let verdict = self.pieces(with).piece(decoded, frame, job);
        let alone = matches!(taken(job), Some(Taken::Alone(_)));
        if alone || !self.inline {
            with.pipeline.count_fate(verdict, 1);
        }
        match (made, verdict) {
            (Some(made), Verdict::Drop(cause)) => self.pieces(with).lose(made, cause),
            (Some(made), Verdict::Pass) => self.datagram(with, made),
            (None, _) => {}
        }
        (alone || !self.inline).then_some(verdict)
    }

    fn pieces<'a>(&'a mut self, with: &'a mut With<'_>) -> Pieces<'a> {
        let Self { condemned, datagrams, .. } = self;
        Pieces { pipeline: with.pipeline, condemned, datagrams, ledger: with.ledger }
    }

    /// Gathers, and settles what was driven out by that.
    #[inline(always)]
    fn gathered<T>(
        &mut self,
        with: &mut With<'_>,
        at: At,
        gather: impl FnOnce(&mut Gather, &mut Around<'_>) -> T,
    ) -> T {
        let Self { gather: mine, datagrams, spare, released, .. } = self;
        let With { pipeline, ledger, lane } = with;
        let mut around = Around {
            at,
            ledger,
            counters: &mut pipeline.counters,
            supply: Some(&mut || spare.take().or_else(|| datagrams.take())),
            release: Some(&mut |one| released.push(one)),
            lane: *lane,
            releases: RELEASES,
        };
        let done = gather(mine, &mut around);
        if !self.released.is_empty() {
            self.settle_released(with);
        }
        done
    }

    /// Lets go what was driven out, or drops it.
    #[cold]
    fn settle_released(&mut self, with: &mut With<'_>) {
        let Self { datagrams, released, condemned, leaving, .. } = self;
        let mut pieces = Pieces { pipeline: with.pipeline, condemned, datagrams, ledger: with.ledger };
        for Released { datagram, slot, .. } in released.drain(..) {
            match pieces.released(&datagram, slot) {
                Verdict::Pass => leaving.push_back(datagram),
                Verdict::Drop(cause) => pieces.drop_all(datagram, cause),
            }
        }
    }

    /// Judges a datagram and those that it makes whole, as far as they are mine.
    pub(crate) fn datagram(&mut self, with: &mut With<'_>, made: Box<Datagram>) {
        let mut datagram = made;
        while let Some(mut job) = datagram.job {
            let mut onward = None;
            if let Some((owners, worker)) = &self.route {
                let whose = owners.of(datagram.whole.decoded(), datagram.whole.bytes());
                let Some(stretch) = whose.stretch(job.first) else { break };
                if stretch.owner != *worker {
                    return self.handing.push_back((stretch.owner, datagram));
                }
                onward = whose.stretch(stretch.end);
                job = Job { end: stretch.end, onward: onward.map(|_| 0), ..job };
                if onward.is_none() && job.view == View::Piece && job.fragment.is_none() {
                    self.gathered(with, job.at, |gather, around| gather.inner(&mut datagram, around));
                    job.fragment = datagram.job.and_then(|job| job.fragment);
                }
            }
            let mut pieces = self.pieces(with);
            if let Verdict::Drop(cause) = pieces.datagram(&datagram, &job) {
                if let Some(next) = datagram.next.take() {
                    pieces.lose(next, cause);
                }
                return pieces.drop_all(datagram, cause);
            }
            if let Some(stretch) = onward {
                datagram.job = Some(Job { first: stretch.first, end: u8::MAX, onward: None, ..job });
                return self.handing.push_back((stretch.owner, datagram));
            }
            match datagram.next.take() {
                Some(next) => self.datagrams.give_back(std::mem::replace(&mut datagram, next)),
                None if datagram.whole.frame_count() > 0 => return self.leaving.push_back(datagram),
                None => break,
            }
        }
        match self.spare {
            None if datagram.next.is_none() => self.spare = Some(datagram),
            _ => self.datagrams.give_back(datagram),
        }
    }

    /// The next datagram that goes on to another worker.
    pub(crate) fn next_handing(&mut self) -> Option<(u16, Box<Datagram>)> {
        self.handing.pop_front()
    }

    /// Another worker has no room for the datagram: its frames go unjudged, or are dropped.
    pub(crate) fn refused(&mut self, with: &mut With<'_>, datagram: Box<Datagram>) {
        match with.pipeline.passes_unjudged() {
            true => self.leaving.push_back(datagram),
            false => self.pieces(with).drop_all(datagram, Cause::OwnerBusy),
        }
    }

    /// Whether datagrams wait to leave.
    pub fn has_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Gives the frames of the datagrams that became whole with records up to `record` to `send`, with the port that the last one came in by; whether each was sent is its
    /// business.
    pub fn leave(&mut self, record: u64, with: &mut With<'_>, mut send: impl FnMut(usize, &[u8], Nanos, &mut Ledger)) {
        let due = |job: Option<Job>| job.is_none_or(|job| job.at.record <= record);
        while self.leaving.front().is_some_and(|datagram| due(datagram.job)) {
            let Some(datagram) = self.leaving.pop_front() else { return };
            let lane = datagram.lane;
            self.pieces(with).send_all(datagram, |frame, time, ledger| send(lane, frame, time, ledger));
        }
    }

    /// Gives up what did not become whole in time, at most `most` datagrams.
    pub fn expire(&mut self, at: At, most: usize, ledger: &mut Ledger, counters: &mut Counters) {
        self.gather.expire(at.now, most, &mut Around::dropping(at, ledger, counters));
    }

    /// Gives up everything: the run ends.
    pub fn finish(&mut self, ledger: &mut Ledger, counters: &mut Counters) {
        let at = At { time: Nanos(0), now: Nanos(0), record: 0 };
        self.gather.finish(&mut Around::dropping(at, ledger, counters));
        self.publish(counters);
    }

    /// Brings `counters` up to date.
    pub fn publish(&self, counters: &mut Counters) {
        self.gather.publish(counters);
    }
}
