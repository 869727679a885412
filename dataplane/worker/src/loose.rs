//! Packets without a flow: fragments, what is no IP, what was not decoded.
//!
//! Steps of [`crate::pipeline`], which takes this way for them: rules and the policies for what was not seen hold as for all others, connections, streams, transactions and marks
//! there are none of.

use crate::{
    exception::{Losses, is_read},
    generation::Generation,
    inbox::Job,
    pipeline::Pipeline,
    report::{Beside, Subject},
};
use sluice_core::{AppNews, Nanos, Verdict};
use sluice_flow::TcpOutcome;
use sluice_packet::{Decoded, Headers, normalise::Action};

impl Pipeline {
    /// The verdict on a frame, or a datagram put together, that holds a fragment.
    #[inline(always)]
    pub(crate) fn piece(&mut self, decoded: &Decoded, frame: &[u8], job: &Job) -> Verdict {
        // Most fragments lie in no tunnel, and nothing is asked of them.
        if let ([headers], 0, 0) = (decoded.layers(), job.first, job.round)
            && self.is_let_by(headers)
        {
            self.count_bytes(frame);
            self.count_layer(headers, true);
            return Verdict::Pass;
        }
        self.process(decoded, None, frame, job)
    }

    /// Whether a fragment with these headers passes whoever looks at it: neither the normaliser nor records nor policies nor rules want anything of it.
    #[inline(always)]
    fn is_let_by(&mut self, headers: &Headers) -> bool {
        let Generation { ruleset, inspector } = &mut *self.generation;
        self.normaliser.is_off()
            && !self.settings.copies.of_packets()
            && self.faults.is_none()
            && is_read(headers)
            && inspector.passes_by(ruleset, headers, !headers.events.is_empty())
    }

    /// The verdict on a packet that has no flow and is not TCP, such as a fragment: `layer` and `in_flow` of [`crate::pipeline`] without what needs one.
    pub(crate) fn without_flow(&mut self, subject: &Subject, oddity: Option<Action>, now: Nanos) -> Verdict {
        self.normaliser.stops = oddity.is_some();
        self.tcp = TcpOutcome::default();
        if self.settings.copies.of_packets() {
            self.reporter.packet(subject, None, &Beside::default());
        }
        let verdict = self.judge_alone(subject, (oddity.is_none() && self.tcp.valid, false), now);
        match (oddity, verdict) {
            (Some(action), Verdict::Pass) => self.stop(action, subject, None),
            _ => verdict,
        }
    }

    /// Judges a packet that has neither flow nor stream, such as a fragment: `judge_packet` without what needs one.
    pub(crate) fn judge_alone(&mut self, subject: &Subject, state: (bool, bool), now: Nanos) -> Verdict {
        let losses = Losses::of(&self.counters);
        self.findings.clear();
        self.generation.inspector.begin();
        self.app_news = AppNews::NONE;
        let Generation { ruleset, inspector } = &mut *self.generation;
        let odd = !subject.headers.events.is_empty() || !self.tcp.events.is_empty();
        if !inspector.passes_by(ruleset, subject.headers, odd) {
            self.judge_piece(subject, None, state, now, None, true);
        }
        if !self.findings.is_empty() {
            self.findings.settle();
            let verdict = self.act(subject, None, state.0);
            if verdict != Verdict::Pass || self.findings.passes() {
                return verdict;
            }
        }
        if let Some(verdict) = self.unseen(subject, None, losses) {
            return verdict;
        }
        match self.applications.is_off() {
            true => Verdict::Pass,
            false => {
                let unread = (self.applications.broken, self.applications.refused());
                self.unread(subject, None, unread).unwrap_or(Verdict::Pass)
            }
        }
    }
}
