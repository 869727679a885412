//! The fragments of a worker that puts them together by itself: of the one worker of a replay, or of a live one.
//!
//! Passive, a frame with a fragment goes its way at once and its data are kept. Inline the frame leaves its buffer and is kept as a copy: when the datagram passes, its frames leave,
//! byte for byte, in the order in which they came; when it is dropped, all of them are. A frame that waits counts as held in the ledger. So what leaves is what was judged.

use crate::{
    datagrams::{Datagram, Datagrams},
    gather::{Around, Gather, RELEASES, Released},
    inbox::{Job, View},
    pieces::{Condemned, Pieces},
    pipeline::{At, Pipeline},
    settings::Settings,
};
use sluice_core::{Cause, Counters, HashKey, Ledger, Nanos, Resource, Verdict, verdict::Mode};
use sluice_packet::{Decoded, defrag::Taken};
use std::{collections::VecDeque, sync::Arc};

/// Datagrams under way: one for each frame of a burst until it ends, and those at hand, one inside the other.
const DATAGRAMS: usize = sluice_dpdk::BURST + 8;
/// The same where fragments without room may go: each frame can drive some out.
const DATAGRAMS_RELEASED: usize = DATAGRAMS + sluice_dpdk::BURST * RELEASES;

/// The fragments of one worker.
pub struct Fragments {
    gather: Gather,
    condemned: Condemned,
    datagrams: Arc<Datagrams>,
    /// What has passed, on its way out.
    leaving: VecDeque<Box<Datagram>>,
    /// What there was no room for, until it is known whether it may go.
    released: Vec<Released>,
    inline: bool,
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
            leaving: VecDeque::with_capacity(datagrams),
            released: Vec::with_capacity(RELEASES),
            inline,
        }
    }

    /// Judges a frame whose innermost layer is a fragment, and the datagram that it makes whole. The verdict on the frame; none when it is kept: its buffer is free.
    pub fn judge(
        &mut self,
        pipeline: &mut Pipeline,
        decoded: &mut Decoded,
        frame: &[u8],
        job: &Job,
        ledger: &mut Ledger,
    ) -> Option<Verdict> {
        let Self { gather, condemned, datagrams, leaving, released, inline } = self;
        let mut around = Around {
            at: job.at,
            ledger,
            counters: &mut pipeline.counters,
            supply: Some(&mut || datagrams.take()),
            release: Some(&mut |one| released.push(one)),
            releases: RELEASES,
        };
        let (inserted, made) = gather.frame(decoded, frame, job, &mut around);
        let mut pieces = Pieces { pipeline, condemned, datagrams, ledger };
        for Released { datagram, slot, .. } in released.drain(..) {
            match pieces.released(&datagram, slot) {
                Verdict::Pass => leaving.push_back(datagram),
                Verdict::Drop(cause) => pieces.drop_all(datagram, cause),
            }
        }
        let mine = Job { view: View::Piece, fragment: Some(inserted), ..*job };
        let verdict = pieces.piece(decoded, frame, &mine);
        let alone = matches!(inserted.taken, Taken::Alone(_));
        if alone || !*inline {
            pieces.pipeline.count_fate(verdict, 1);
        }
        if let Some(made) = made {
            datagram(&mut pieces, made, verdict, leaving);
        }
        (alone || !*inline).then_some(verdict)
    }

    /// Whether datagrams wait to leave.
    pub fn has_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Gives the frames of the datagrams that became whole with records up to `record` to `send`; whether each was sent is its business.
    pub fn leave(
        &mut self,
        record: u64,
        pipeline: &mut Pipeline,
        ledger: &mut Ledger,
        mut send: impl FnMut(&[u8], Nanos, &mut Ledger),
    ) {
        let due = |datagram: &Box<Datagram>| datagram.job.is_none_or(|job| job.at.record <= record);
        while self.leaving.front().is_some_and(due) {
            let Some(datagram) = self.leaving.pop_front() else { return };
            let Self { condemned, datagrams, .. } = self;
            Pieces { pipeline, condemned, datagrams, ledger }.send_all(datagram, &mut send);
        }
    }

    /// Gives up what did not become whole in time, at most `most` datagrams.
    pub fn expire(&mut self, at: At, most: usize, ledger: &mut Ledger, counters: &mut Counters) {
        let mut around = Around::dropping(at, ledger, counters);
        self.gather.expire(at.now, most, &mut around);
    }

    /// Gives up everything: the run ends.
    pub fn finish(&mut self, ledger: &mut Ledger, counters: &mut Counters) {
        let at = At { time: Nanos(0), now: Nanos(0), record: 0 };
        let mut around = Around::dropping(at, ledger, counters);
        self.gather.finish(&mut around);
        self.publish(counters);
    }

    /// Brings `counters` up to date.
    pub fn publish(&self, counters: &mut Counters) {
        self.gather.publish(counters);
    }
}

/// Judges a datagram and those that it makes whole; `before`: the verdict on the piece that made it whole.
fn datagram(pieces: &mut Pieces<'_>, made: Box<Datagram>, before: Verdict, leaving: &mut VecDeque<Box<Datagram>>) {
    if let Verdict::Drop(cause) = before {
        lost(pieces, Some(&made), cause);
        return pieces.drop_all(made, cause);
    }
    let mut datagram = made;
    while let Some(job) = datagram.job {
        let verdict = pieces.datagram(&datagram, &job);
        if let Verdict::Drop(cause) = verdict {
            lost(pieces, datagram.next.as_deref(), cause);
            return pieces.drop_all(datagram, cause);
        }
        match datagram.next.take() {
            Some(next) => pieces.datagrams.give_back(std::mem::replace(&mut datagram, next)),
            None if datagram.whole.frame_count() > 0 => return leaving.push_back(datagram),
            None => return pieces.datagrams.give_back(datagram),
        }
    }
}

/// What was to be judged from `first` on was dropped before.
fn lost(pieces: &mut Pieces<'_>, first: Option<&Datagram>, cause: Cause) {
    let mut next = first;
    while let Some(datagram) = next {
        if let Some(job) = &datagram.job {
            pieces.lost(job, cause);
        }
        next = datagram.next.as_deref();
    }
}
