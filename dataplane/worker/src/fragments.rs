//! Fragments: judged as packets, kept until their datagram is whole, which is then judged as one.
//!
//! Used by [`crate::poll`] where one worker polls alone and by [`crate::live`]. Passive, a frame with a fragment goes its way at once and its data are kept. Inline the frame leaves its
//! buffer and is kept as a copy: when the datagram passes, its frames leave, byte for byte, in the order in which they came; when it is dropped, all of them are. A frame that waits
//! counts as held in the ledger. So what leaves is what was judged.
//!
//! What a datagram holds may be a fragment again, of one inside a tunnel: then that is waited for, and the frames with it.
//! A fragment that a rule drops takes its datagram with it.

use crate::{
    inbox::{Job, View},
    pipeline::{At, Pipeline},
    settings::Settings,
};
use sluice_core::{Cause, Counters, ExceptionPolicy, HashKey, Ledger, Nanos, Resource, Verdict};
use sluice_packet::{
    DecodeConfig, Decoded,
    defrag::{Defragmenter, Fragment, Gone, Inserted, Load, Taken, Whole, Why},
};

/// Datagrams that may wait for the end of their burst, and those at hand.
const SPARE: usize = sluice_dpdk::BURST + 8;

/// A datagram that has passed, on its way out.
#[derive(Debug)]
struct Leaving {
    record: u64,
    time: Nanos,
    whole: Box<Whole>,
}

/// The fragments of one worker.
pub struct Fragments {
    defrag: Defragmenter,
    condemned: Condemned,
    spare: Vec<Box<Whole>>,
    leaving: Vec<Leaving>,
    settings: FragmentSettings,
}

/// What the worker needs to know of its settings.
#[derive(Clone, Copy, Debug)]
struct FragmentSettings {
    inline: bool,
    /// What becomes of fragments for which there is no room.
    memcap: ExceptionPolicy,
    decode: DecodeConfig,
}

/// Datagrams of which a rule has dropped a fragment, and for which cause.
pub(crate) struct Condemned(Box<[u8]>);

impl Condemned {
    /// For datagrams up to number `trackers`.
    pub(crate) fn new(trackers: u32) -> Self {
        Self(vec![0; trackers as usize + 17].into_boxed_slice())
    }

    /// A datagram of this number begins.
    pub(crate) fn acquit(&mut self, slot: u32) {
        self.set(slot, 0);
    }

    /// A fragment of it was dropped.
    pub(crate) fn condemn(&mut self, slot: u32, cause: Cause) {
        if self.cause(slot).is_none() {
            self.set(slot, cause as u8 + 1);
        }
    }

    /// Why it must not pass.
    pub(crate) fn cause(&self, slot: u32) -> Option<Cause> {
        let place = self.0.get(slot as usize)?.checked_sub(1)?;
        Cause::ALL.get(usize::from(place)).copied()
    }

    fn set(&mut self, slot: u32, value: u8) {
        if let Some(place) = self.0.get_mut(slot as usize) {
            *place = value;
        }
    }
}

/// A fragment that is not kept: refused, unless there is no room and the policy for that lets it pass. `verdict`: what rules said of it.
pub(crate) fn alone(
    pipeline: &mut Pipeline,
    decoded: &Decoded,
    frame: &[u8],
    at: At,
    why: Why,
    verdict: Verdict,
) -> Verdict {
    match (verdict, why) {
        (Verdict::Drop(_), _) => verdict,
        (Verdict::Pass, Why::Memory) => pipeline.without_defrag_room(decoded, frame, at),
        (Verdict::Pass, _) => pipeline.refuse(decoded, frame, at, cause_of(why)),
    }
}

/// What refuses a fragment.
pub(crate) const fn cause_of(why: Why) -> Cause {
    match why {
        Why::Duplicate => Cause::DefragDuplicate,
        Why::Overlap => Cause::DefragOverlap,
        Why::Invalid => Cause::DefragError,
        Why::Memory => Cause::DefragMemcap,
        Why::Incomplete => Cause::DefragIncomplete,
    }
}

impl Fragments {
    /// With one part of `parts` of the room that `settings` give to all workers. Everything it needs later is allocated here.
    pub fn new(settings: &Settings, parts: usize, hash: HashKey) -> Self {
        let (memcap, decode) = (settings.exceptions.of(Resource::DefragMemcap), settings.decode);
        let settings = &settings.defrag_part(parts);
        let inline = settings.inline;
        Self {
            defrag: Defragmenter::new(settings, hash),
            condemned: Condemned::new(settings.trackers),
            spare: (0..SPARE).map(|_| Box::new(Whole::new(inline))).collect(),
            leaving: Vec::with_capacity(SPARE),
            settings: FragmentSettings { inline, memcap, decode },
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
        let load = if self.settings.inline { Load::Frame } else { Load::Data };
        let inserted = match pipeline.fails(Resource::DefragMemcap) {
            true => Inserted { taken: Taken::Alone(Why::Memory), event: None },
            false => self.insert(decoded, frame, load, job, ledger, &mut pipeline.counters),
        };
        decoded.make_piece(inserted.event);
        let verdict = pipeline.process(decoded, None, frame, &Job { view: View::Piece, ..*job });
        let slot = match inserted.taken {
            Taken::Alone(why) => {
                let verdict = alone(pipeline, decoded, frame, job.at, why, verdict);
                pipeline.count_fate(verdict, 1);
                return Some(verdict);
            }
            Taken::Held { slot, .. } => {
                self.condemn(slot, verdict);
                None
            }
            Taken::Whole { slot, .. } => {
                self.condemn(slot, verdict);
                Some(slot)
            }
        };
        if !self.settings.inline {
            pipeline.count_fate(verdict, 1);
        }
        ledger.held += u64::from(self.settings.inline);
        if let Some(slot) = slot {
            self.whole(pipeline, slot, decoded, frame, job, ledger);
        }
        (!self.settings.inline).then_some(verdict)
    }

    fn condemn(&mut self, slot: u32, verdict: Verdict) {
        if let Verdict::Drop(cause) = verdict {
            self.condemned.condemn(slot, cause);
        }
    }

    /// Takes a fragment in and settles what is given up for it.
    fn insert(
        &mut self,
        decoded: &Decoded,
        frame: &[u8],
        load: Load<'_>,
        job: &Job,
        ledger: &mut Ledger,
        counters: &mut Counters,
    ) -> Inserted {
        let depth = decoded.layers().len().saturating_sub(1) as u8;
        let verify = job.checksums == crate::checksums::Checksums::Verify;
        let fragment = Fragment { frame, headers: decoded.innermost(), depth, verify };
        let (defrag, mut settle) = self.settling(job.at, ledger, counters);
        let inserted = defrag.insert(fragment, load, job.at.now, &mut |gone| settle.gone(&gone));
        if let Taken::Held { slot, fresh: true } | Taken::Whole { slot, fresh: true } = inserted.taken {
            self.condemned.acquit(slot);
        }
        inserted
    }

    fn settling<'a>(
        &'a mut self,
        at: At,
        ledger: &'a mut Ledger,
        counters: &'a mut Counters,
    ) -> (&'a mut Defragmenter, Settle<'a>) {
        let Self { defrag, condemned, spare, leaving, settings } = self;
        (defrag, Settle { condemned, spare, leaving, memcap: settings.memcap, at, ledger, counters })
    }

    /// Judges datagram `slot`, which is whole, and those inside it.
    fn whole(
        &mut self,
        pipeline: &mut Pipeline,
        slot: u32,
        around: &Decoded,
        frame: &[u8],
        job: &Job,
        ledger: &mut Ledger,
    ) {
        let Some(mut whole) = self.spare.pop() else {
            // There are as many as a burst can need.
            release(ledger, self.defrag.forget(slot), Cause::DefragMemcap);
            return;
        };
        self.defrag.take(slot, frame, around, &self.settings.decode, &mut whole);
        let mut condemned = self.condemned.cause(slot);
        for round in 1.. {
            if let Some(cause) = condemned {
                self.let_go(pipeline, whole, Verdict::Drop(cause), job.at, ledger);
                return;
            }
            let base = whole.layer();
            let mine = Job { view: View::Datagram, round, base, first: base, ..*job };
            if !whole.decoded().is_fragment() {
                let key = pipeline.prefetch(whole.decoded());
                let verdict = pipeline.process(whole.decoded(), key, whole.bytes(), &mine);
                self.let_go(pipeline, whole, verdict, job.at, ledger);
                return;
            }
            let load = Load::Frames(&whole);
            let inserted = self.insert(whole.decoded(), whole.bytes(), load, job, ledger, &mut pipeline.counters);
            let (bytes, decoded) = whole.parts();
            decoded.make_piece(inserted.event);
            let verdict = pipeline.process(decoded, None, bytes, &Job { view: View::Piece, ..mine });
            match inserted.taken {
                Taken::Alone(why) => {
                    let (decoded, bytes) = (whole.decoded(), whole.bytes());
                    let verdict = alone(pipeline, decoded, bytes, job.at, why, verdict);
                    self.let_go(pipeline, whole, verdict, job.at, ledger);
                    return;
                }
                Taken::Held { slot, .. } => {
                    self.condemn(slot, verdict);
                    self.spare.push(whole);
                    return;
                }
                Taken::Whole { slot, .. } => {
                    self.condemn(slot, verdict);
                    condemned = self.condemned.cause(slot);
                    let Some(mut next) = self.spare.pop() else {
                        release(ledger, self.defrag.forget(slot), Cause::DefragMemcap);
                        self.spare.push(whole);
                        return;
                    };
                    self.defrag.take(slot, whole.bytes(), whole.decoded(), &self.settings.decode, &mut next);
                    self.spare.push(std::mem::replace(&mut whole, next));
                }
            }
        }
    }

    /// The frames of `whole` leave, or do not.
    fn let_go(&mut self, pipeline: &mut Pipeline, whole: Box<Whole>, verdict: Verdict, at: At, ledger: &mut Ledger) {
        let frames = whole.frame_count();
        match verdict {
            Verdict::Pass if frames > 0 => {
                pipeline.count_fate(verdict, frames);
                self.leaving.push(Leaving { record: at.record, time: at.time, whole });
                return;
            }
            Verdict::Pass => {}
            Verdict::Drop(cause) => {
                pipeline.count_fate(verdict, frames);
                release(ledger, frames, cause);
            }
        }
        self.spare.push(whole);
    }

    /// Whether datagrams wait to leave.
    pub fn has_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Gives the frames of the datagrams that became whole with records up to `record` to `send`; whether each was sent is its business. `held` counts them no longer.
    pub fn leave(&mut self, record: u64, ledger: &mut Ledger, mut send: impl FnMut(&[u8], Nanos, &mut Ledger)) {
        while self.leaving.first().is_some_and(|leaving| leaving.record <= record) {
            let Leaving { whole, time, .. } = self.leaving.remove(0);
            for frame in whole.frames() {
                ledger.held = ledger.held.wrapping_sub(1);
                send(frame, time, ledger);
            }
            self.spare.push(whole);
        }
    }

    /// Gives up what did not become whole in time, at most `most` datagrams.
    pub fn expire(&mut self, at: At, most: usize, ledger: &mut Ledger, counters: &mut Counters) {
        let (defrag, mut settle) = self.settling(at, ledger, counters);
        defrag.expire(at.now, most, &mut |gone| settle.gone(&gone));
    }

    /// Gives up everything: the run ends.
    pub fn finish(&mut self, ledger: &mut Ledger, counters: &mut Counters) {
        let at = At { time: Nanos(0), now: Nanos(0), record: 0 };
        let (defrag, mut settle) = self.settling(at, ledger, counters);
        defrag.finish(&mut |gone| settle.gone(&gone));
        self.publish(counters);
    }

    /// Brings `counters` up to date.
    pub fn publish(&self, counters: &mut Counters) {
        publish(&self.defrag, counters);
    }
}

/// Copies what was counted of `defrag`.
pub(crate) fn publish(defrag: &Defragmenter, counters: &mut Counters) {
    let counts = defrag.counts();
    counters.defrag_ipv4_fragments = counts.ipv4_fragments;
    counters.defrag_ipv4_reassembled = counts.ipv4_reassembled;
    counters.defrag_ipv6_fragments = counts.ipv6_fragments;
    counters.defrag_ipv6_reassembled = counts.ipv6_reassembled;
    counters.defrag_max_trackers = counts.max_trackers;
    counters.defrag_max_fragments = counts.max_fragments;
    counters.defrag_evicted = counts.evicted;
    counters.defrag_timeouts = counts.timeouts;
    counters.defrag_overlaps = counts.overlaps;
}

/// `frames` frames that were held are dropped.
pub(crate) fn release(ledger: &mut Ledger, frames: u64, cause: Cause) {
    ledger.held = ledger.held.wrapping_sub(frames);
    if let Some(count) = ledger.dropped.get_mut(cause as usize) {
        *count += frames;
    }
}

/// Settles datagrams that are given up.
struct Settle<'a> {
    condemned: &'a Condemned,
    spare: &'a mut Vec<Box<Whole>>,
    leaving: &'a mut Vec<Leaving>,
    memcap: ExceptionPolicy,
    at: At,
    ledger: &'a mut Ledger,
    counters: &'a mut Counters,
}

impl Settle<'_> {
    fn gone(&mut self, gone: &Gone<'_>) {
        let frames = u64::from(gone.frames);
        if frames == 0 {
            return;
        }
        let cause = self.condemned.cause(gone.slot).unwrap_or(cause_of(gone.why));
        if cause == Cause::DefragMemcap {
            self.counters.defrag_memcap += frames;
            self.counters.exceptions.raise_by(Resource::DefragMemcap, self.memcap, frames);
            if !self.memcap.drops() && self.pass(gone) {
                self.counters.ips_accepted += frames;
                return;
            }
        }
        self.counters.ips_blocked += frames;
        release(self.ledger, frames, cause);
    }

    /// The frames leave without having been judged together, if there is room to keep them until then.
    fn pass(&mut self, gone: &Gone<'_>) -> bool {
        let Some(mut whole) = self.spare.pop() else { return false };
        let fit = gone.frames_into(&mut whole);
        match fit {
            true => self.leaving.push(Leaving { record: self.at.record, time: self.at.time, whole }),
            false => self.spare.push(whole),
        }
        fit
    }
}
