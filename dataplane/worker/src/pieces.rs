//! Fragments and the datagrams put together from them, judged.
//!
//! One step at a time, each with its [`Job`]: a frame as a piece, a datagram, a datagram as a piece of another one. Called by [`crate::fragments`], which does all steps one after the
//! other, and by [`crate::serve`], where each may be another worker's. A fragment that is dropped takes its datagram with it: who judges the fragments of a datagram notes that until
//! the datagram is whole.

use crate::{
    datagrams::{Datagram, Datagrams},
    gather::{cause_of, drop_held},
    inbox::{Job, View},
    pipeline::Pipeline,
};
use sluice_core::{Cause, Ledger, Nanos, Resource, Verdict};
use sluice_packet::{
    Decoded,
    defrag::{Inserted, Taken, Whole, Why},
};

/// Datagrams of which a fragment was dropped, and for which cause.
pub(crate) struct Condemned(Box<[u8]>);

impl Condemned {
    /// For datagrams up to number `trackers`.
    pub(crate) fn new(trackers: u32) -> Self {
        // The store has at least 16.
        Self(vec![0; trackers as usize + 17].into_boxed_slice())
    }

    /// What is known when a fragment comes: of the first one of its datagram nothing holds any more.
    fn hear(&mut self, job: &Job) {
        if let Some(Taken::Held { slot, fresh: true } | Taken::Whole { slot, fresh: true }) = taken(job) {
            self.set(slot, 0);
        }
    }

    /// A fragment was dropped.
    fn condemn(&mut self, slot: u32, cause: Cause) {
        if self.cause(slot).is_none() {
            self.set(slot, cause as u8 + 1);
        }
    }

    /// Why the datagram must not pass.
    pub(crate) fn cause(&self, slot: u32) -> Option<Cause> {
        let place = self.0.get(slot as usize)?.checked_sub(1)?;
        Cause::ALL.get(usize::from(place)).copied()
    }

    fn set(&mut self, slot: u32, value: u8) {
        // Number 0 is no datagram's.
        if let Some(place) = self.0.get_mut(slot as usize).filter(|_| slot != 0) {
            *place = value;
        }
    }
}

/// What became of the fragment that the job is about.
pub(crate) fn taken(job: &Job) -> Option<Taken> {
    job.fragment.map(|Inserted { taken, .. }| taken)
}

/// Whether the job ends with the last layer, which is the fragment's.
pub(crate) const fn is_last(job: &Job) -> bool {
    job.end == u8::MAX
}

/// What judging fragments needs.
pub(crate) struct Pieces<'a> {
    pub pipeline: &'a mut Pipeline,
    pub condemned: &'a mut Condemned,
    pub datagrams: &'a Datagrams,
    pub ledger: &'a mut Ledger,
}

impl Pieces<'_> {
    /// Judges what holds a fragment, which `decoded` tells of.
    #[inline(always)]
    pub(crate) fn piece(&mut self, decoded: &Decoded, bytes: &[u8], job: &Job) -> Verdict {
        self.condemned.hear(job);
        let mut verdict = self.pipeline.piece(decoded, bytes, job);
        if !is_last(job) {
            return verdict;
        }
        match (taken(job), verdict) {
            (Some(Taken::Alone(why)), Verdict::Pass) => verdict = self.alone(decoded, bytes, job, why),
            (Some(Taken::Held { slot, .. }), Verdict::Drop(cause)) => self.condemned.condemn(slot, cause),
            (Some(Taken::Whole { slot, .. }), Verdict::Pass) => {
                if let Some(cause) = self.condemned.cause(slot) {
                    verdict = Verdict::Drop(cause);
                }
            }
            _ => {}
        }
        verdict
    }

    /// A fragment that is not kept: refused, unless there is no room and the policy for that lets it pass.
    fn alone(&mut self, decoded: &Decoded, bytes: &[u8], job: &Job, why: Why) -> Verdict {
        match why {
            Why::Memory => self.pipeline.without_defrag_room(decoded, bytes, job.at),
            _ => self.pipeline.refuse(decoded, bytes, job.at, cause_of(why)),
        }
    }

    /// What the job is about was dropped before.
    pub(crate) fn lost(&mut self, job: &Job, cause: Cause) {
        self.condemned.hear(job);
        if let Some(Taken::Held { slot, .. }) = taken(job)
            && is_last(job)
        {
            self.condemned.condemn(slot, cause);
        }
    }

    /// Judges a datagram that holds a fragment of another one.
    #[cold]
    fn inner_piece(&mut self, whole: &Whole, job: &Job) -> Verdict {
        self.piece(whole.decoded(), whole.bytes(), job)
    }

    /// Judges a datagram.
    pub(crate) fn datagram(&mut self, datagram: &Datagram, job: &Job) -> Verdict {
        let whole = &datagram.whole;
        if job.view == View::Piece {
            return self.inner_piece(whole, job);
        }
        let key = self.pipeline.prefetch(whole.decoded());
        self.pipeline.process(whole.decoded(), key, whole.bytes(), job)
    }

    /// Whether frames that there was no room for may go unjudged; counts them.
    pub(crate) fn released(&mut self, datagram: &Datagram, slot: u32) -> Verdict {
        if let Some(cause) = self.condemned.cause(slot) {
            return Verdict::Drop(cause);
        }
        let frames = datagram.frame_count();
        let policy = self.pipeline.settings().exceptions.of(Resource::DefragMemcap);
        let counters = &mut self.pipeline.counters;
        counters.defrag_memcap += frames;
        counters.exceptions.raise_by(Resource::DefragMemcap, policy, frames);
        Verdict::Pass
    }

    /// What made `first` and those inside it whole was dropped: nothing of them is judged.
    pub(crate) fn lose(&mut self, first: Box<Datagram>, cause: Cause) {
        let mut next = Some(&*first);
        while let Some(datagram) = next {
            if let Some(job) = &datagram.job {
                self.lost(job, cause);
            }
            next = datagram.next.as_deref();
        }
        self.drop_all(first, cause);
    }

    /// Drops the frames of `datagram` and of those inside it.
    pub(crate) fn drop_all(&mut self, datagram: Box<Datagram>, cause: Cause) {
        let frames = datagram.frame_count();
        self.pipeline.count_fate(Verdict::Drop(cause), frames);
        drop_held(self.ledger, frames, cause);
        self.datagrams.give_back(datagram);
    }

    /// Sends the frames of `datagram`, which has passed: whether each was sent is `send`'s business.
    pub(crate) fn send_all(&mut self, datagram: Box<Datagram>, mut send: impl FnMut(&[u8], Nanos, &mut Ledger)) {
        self.pipeline.count_fate(Verdict::Pass, datagram.whole.frame_count());
        let time = datagram.job.map_or(Nanos(0), |job| job.at.time);
        for frame in datagram.whole.frames() {
            self.ledger.held = self.ledger.held.wrapping_sub(1);
            send(frame, time, self.ledger);
        }
        self.datagrams.give_back(datagram);
    }
}
