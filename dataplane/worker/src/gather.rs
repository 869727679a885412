//! Fragments gathered until their datagram is whole.
//!
//! Called for each frame with a fragment, in the order of the frames: by the reader of a replay with several workers, or by the worker itself. Finds out what is to be judged: the
//! frame as a piece, the datagram that it makes whole, that as a piece again when it holds a fragment of an inner datagram, and so on. Nothing is judged here. What is given up is
//! settled here: its frames leave the ledger's `held`.

use crate::{
    checksums::Checksums,
    datagrams::Datagram,
    inbox::{Job, View},
    pipeline::At,
    settings::Settings,
};
use sluice_core::{Cause, Counters, ExceptionPolicy, HashKey, Ledger, Nanos, Resource, fault::Faults, verdict::Mode};
use sluice_packet::{
    DecodeConfig, Decoded,
    defrag::{Defragmenter, Fragment, Gone, Inserted, Load, Taken, Why},
};

/// Fragments of frames to come.
pub(crate) struct Gather {
    defrag: Defragmenter,
    inline: bool,
    /// What becomes of fragments for which there is no room.
    memcap: ExceptionPolicy,
    decode: DecodeConfig,
    faults: Faults,
    /// Fragments of inner datagrams are left to who judges them: they may be another worker's.
    one_by_one: bool,
}

/// Frames of a datagram that was given up, to be let go unjudged.
pub(crate) struct Released {
    /// The frames.
    pub datagram: Box<Datagram>,
    /// Number the datagram had.
    pub slot: u32,
    /// Its hash: tells whose it was.
    pub hash: u64,
}

/// What gathering needs of its surroundings.
pub(crate) struct Around<'a> {
    /// When and where.
    pub at: At,
    pub ledger: &'a mut Ledger,
    pub counters: &'a mut Counters,
    /// Gives a free datagram.
    pub supply: Option<&'a mut dyn FnMut() -> Option<Box<Datagram>>>,
    /// Lets frames go unjudged.
    pub release: Option<&'a mut dyn FnMut(Released)>,
    /// The port that the frame came in by; live.
    pub lane: usize,
    /// Datagrams that may still be let go so.
    pub releases: usize,
}

/// Datagrams that one fragment can drive out unjudged; more are dropped. A bound that does not depend on how many workers there are.
pub(crate) const RELEASES: usize = 4;

impl<'a> Around<'a> {
    fn supply(&mut self) -> Option<Box<Datagram>> {
        self.supply.as_mut()?()
    }

    fn release(&mut self, released: Released) {
        if let Some(release) = &mut self.release {
            release(released);
        }
    }

    /// Where nothing is put together and nothing is let go.
    pub(crate) fn dropping(at: At, ledger: &'a mut Ledger, counters: &'a mut Counters) -> Self {
        Self { at, ledger, counters, supply: None, release: None, lane: 0, releases: 0 }
    }
}

impl Gather {
    /// With one part of `parts` of the room that `settings` give to all workers. Everything it needs later is allocated here.
    pub(crate) fn new(settings: &Settings, parts: usize, hash: HashKey) -> Self {
        Self {
            defrag: Defragmenter::new(&settings.defrag_part(parts), hash),
            inline: settings.mode == Mode::Inline,
            memcap: settings.exceptions.of(Resource::DefragMemcap),
            decode: settings.decode,
            faults: settings.faults,
            one_by_one: false,
        }
    }

    /// From now on datagrams that hold a fragment are left to [`Gather::inner`].
    pub(crate) const fn one_by_one(&mut self) {
        self.one_by_one = true;
    }

    /// Takes in the fragment of a frame: `job` is told what became of it. The datagram that it makes whole, with those that this makes whole behind it.
    #[inline(always)]
    pub(crate) fn frame(
        &mut self,
        decoded: &mut Decoded,
        frame: &[u8],
        job: &mut Job,
        around: &mut Around<'_>,
    ) -> Option<Box<Datagram>> {
        let load = if self.inline { Load::Frame } else { Load::Data };
        let inserted = match self.faults.fails(Resource::DefragMemcap) {
            true => Inserted { taken: Taken::Alone(Why::Memory), event: None },
            false => self.insert(decoded, frame, load, job, around),
        };
        decoded.make_piece(inserted.event);
        if self.inline && !matches!(inserted.taken, Taken::Alone(_)) {
            around.ledger.held = around.ledger.held.wrapping_add(1);
        }
        (job.view, job.fragment) = (View::Piece, Some(inserted));
        let Taken::Whole { slot, .. } = inserted.taken else { return None };
        let made = self.whole(slot, decoded, frame, job, 1, around);
        if made.is_none() {
            // Settled without having been put together.
            job.fragment = Some(Inserted { taken: Taken::Held { slot: 0, fresh: false }, ..inserted });
        }
        made
    }

    /// Puts datagram `slot` together, and those that it makes whole.
    fn whole(
        &mut self,
        slot: u32,
        decoded: &Decoded,
        bytes: &[u8],
        job: &Job,
        round: u8,
        around: &mut Around<'_>,
    ) -> Option<Box<Datagram>> {
        let Some(mut datagram) = around.supply() else {
            let frames = self.defrag.forget(slot);
            settle(frames, Cause::DefragMemcap, around);
            return None;
        };
        self.defrag.take(slot, bytes, decoded, &self.decode, &mut datagram.whole);
        datagram.lane = around.lane;
        let base = datagram.whole.layer();
        let mut mine = Job { view: View::Datagram, round, base, first: base, fragment: None, ..*job };
        let holds_fragment = datagram.whole.decoded().is_fragment();
        if holds_fragment {
            mine.view = View::Piece;
        }
        datagram.job = Some(mine);
        if holds_fragment && !self.one_by_one {
            self.inner(&mut datagram, around);
        }
        Some(datagram)
    }

    /// Takes in the fragment that `datagram` holds, which was put together itself, and its frames with it.
    pub(crate) fn inner(&mut self, datagram: &mut Datagram, around: &mut Around<'_>) {
        let Some(job) = datagram.job else { return };
        let whole = &datagram.whole;
        let mut inserted = self.insert(whole.decoded(), whole.bytes(), Load::Frames(whole), &job, around);
        datagram.whole.parts().1.make_piece(inserted.event);
        if !matches!(inserted.taken, Taken::Alone(_)) {
            // They are kept with the inner datagram.
            datagram.whole.forget_frames();
        }
        if let Taken::Whole { slot, .. } = inserted.taken {
            let whole = &datagram.whole;
            let round = job.round.saturating_add(1);
            datagram.next = self.whole(slot, whole.decoded(), whole.bytes(), &job, round, around);
            if datagram.next.is_none() {
                inserted.taken = Taken::Held { slot: 0, fresh: false };
            }
        }
        datagram.job = Some(Job { fragment: Some(inserted), ..job });
    }

    fn insert(
        &mut self,
        decoded: &Decoded,
        frame: &[u8],
        load: Load<'_>,
        job: &Job,
        around: &mut Around<'_>,
    ) -> Inserted {
        let depth = decoded.layers().len().saturating_sub(1) as u8;
        let verify = job.checksums == Checksums::Verify;
        let fragment = Fragment { frame, headers: decoded.innermost(), depth, way: around.lane as u8, verify };
        let memcap = self.memcap;
        self.defrag.insert(fragment, load, job.at.now, &mut |gone| given_up(&gone, memcap, around))
    }

    /// Gives up what did not become whole in time, at most `most` datagrams.
    pub(crate) fn expire(&mut self, now: Nanos, most: usize, around: &mut Around<'_>) {
        let memcap = self.memcap;
        self.defrag.expire(now, most, &mut |gone| given_up(&gone, memcap, around));
    }

    /// Gives up everything: the run ends.
    pub(crate) fn finish(&mut self, around: &mut Around<'_>) {
        let memcap = self.memcap;
        self.defrag.finish(&mut |gone| given_up(&gone, memcap, around));
    }

    /// Brings `counters` up to date.
    pub(crate) fn publish(&self, counters: &mut Counters) {
        let counts = self.defrag.counts();
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

/// Settles a datagram that is given up.
fn given_up(gone: &Gone<'_>, memcap: ExceptionPolicy, around: &mut Around<'_>) {
    let frames = u64::from(gone.frames);
    if frames == 0 {
        return;
    }
    if gone.why == Why::Memory {
        if !memcap.drops()
            && around.releases > 0
            && let Some(mut datagram) = around.supply()
        {
            around.releases -= 1;
            if gone.frames_into(&mut datagram.whole) {
                let at = Job::whole(around.at, Checksums::Ignore);
                (datagram.job, datagram.lane) = (Some(Job { view: View::Released, ..at }), around.lane);
                around.release(Released { datagram, slot: gone.slot, hash: gone.hash });
                return;
            }
        }
        around.counters.defrag_memcap += frames;
        around.counters.exceptions.raise_by(Resource::DefragMemcap, memcap, frames);
    }
    settle(frames, cause_of(gone.why), around);
}

fn settle(frames: u64, cause: Cause, around: &mut Around<'_>) {
    around.counters.ips_blocked += frames;
    drop_held(around.ledger, frames, cause);
}

/// `frames` frames that were held are dropped.
pub(crate) fn drop_held(ledger: &mut Ledger, frames: u64, cause: Cause) {
    ledger.held = ledger.held.wrapping_sub(frames);
    if let Some(count) = ledger.dropped.get_mut(cause as usize) {
        *count += frames;
    }
}
