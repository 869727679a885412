//! What becomes of a packet when the engine can't do with it all that it should: [`Pipeline::without`] is the one place that says so.
//!
//! Called by every stage that finds a resource full or loses sight of something, with the [`Resource`] in question. The policy was chosen before
//! the start; passive it never drops. Nothing here finds out that a resource is full, save for faults made up for tests (`measure.fail`).
//!
//! Source: the reference engine's documentation, "Exception Policies".

use crate::{
    pipeline::{InTable, Pipeline},
    report::Subject,
};
use sluice_core::{
    Action, Cause, Counters, ExceptionPolicy, Resource, Verdict, fault::Faults, resource::PoliciesInForce,
    verdict::Mode,
};
use sluice_packet::{DecodeEvent, Headers};

/// Where detection stood before a packet: what it lost of the packet follows from where it stands behind it. The low half of each number tells: no packet loses 4,294,967,296 of a kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Losses([u32; 4]);

impl Losses {
    /// What the numbers are about.
    const OF: [Resource; 4] =
        [Resource::AlertQueue, Resource::ScanFailed, Resource::RuleLimit, Resource::TransformLimit];

    #[inline(always)]
    pub(crate) fn of(counters: &Counters) -> Self {
        Self([
            counters.detect_alert_queue_overflow as u32,
            counters.detect_scans_failed as u32,
            counters.detect_step_limit.wrapping_add(counters.detect_pcre_limit) as u32,
            counters.detect_transform_cut as u32,
        ])
    }
}

impl Pipeline {
    /// What becomes of the packet of `subject`, in the flow `found`, for want of `resource`; none: it goes on as if nothing were amiss. Tells of a
    /// packet that is dropped, and leaves the policy's mark on the flow.
    #[inline(never)]
    pub(crate) fn without(&mut self, resource: Resource, subject: &Subject, found: InTable) -> Option<Verdict> {
        self.count(resource);
        let policy = self.settings.exceptions.of(resource);
        let of_flow = resource.entry().target.is_some();
        if let Some((flow, _)) = found
            && of_flow
            && let Some(entry) = self.flows.get_mut(flow)
        {
            entry.exceptions.insert(resource);
            match policy {
                ExceptionPolicy::PassFlow => entry.action = Some(Action::Pass),
                ExceptionPolicy::DropFlow | ExceptionPolicy::Reject => entry.action = Some(Action::Drop),
                ExceptionPolicy::Bypass => entry.bypassed = true,
                _ => {}
            }
        }
        let verdict = decide(resource, &self.settings.exceptions, self.settings.mode, &mut self.counters)?;
        if let Verdict::Drop(cause) = verdict {
            if policy == ExceptionPolicy::Reject {
                self.counters.ips_rejected += 1;
                self.reject(subject, Action::RejectSource);
            }
            let facts =
                found.and_then(|(flow, direction)| self.flows.get_mut(flow).map(|entry| (entry.facts(), direction)));
            self.reporter.drop_packet(subject, facts, cause, None, self.generation.ruleset.generation);
        }
        Some(verdict)
    }

    /// Raises the counter that says that it happened, where no stage does.
    fn count(&mut self, resource: Resource) {
        let counters = &mut self.counters;
        match resource {
            Resource::FlowMemcap => counters.flow_memcap += 1,
            Resource::StreamMemcap => counters.tcp_ssn_memcap_drop += 1,
            Resource::Reassembly => counters.tcp_segment_memcap_drop += 1,
            Resource::DefragMemcap => counters.defrag_memcap += 1,
            Resource::Midstream => counters.tcp_midstream_seen += 1,
            Resource::Rewrite => counters.normalise_refused += 1,
            _ => {}
        }
    }

    /// The verdict on a packet that no rule stopped, if something of it was not seen; `before`: where detection stood before it.
    #[inline(always)]
    pub(crate) fn unseen(&mut self, subject: &Subject, found: InTable, before: Losses) -> Option<Verdict> {
        let headers = subject.headers;
        if before == Losses::of(&self.counters) && is_read(headers) && self.faults.is_none() {
            return None;
        }
        self.unseen_of(subject, found, before)
    }

    #[cold]
    #[inline(never)]
    fn unseen_of(&mut self, subject: &Subject, found: InTable, before: Losses) -> Option<Verdict> {
        let headers = subject.headers;
        if headers.events.contains(DecodeEvent::TooManyLayers) || self.fails(Resource::TooManyLayers) {
            let verdict = self.without(Resource::TooManyLayers, subject, found);
            if verdict.is_some() {
                return verdict;
            }
        }
        if headers.invalid || self.fails(Resource::Undecodable) {
            let verdict = self.without(Resource::Undecodable, subject, found);
            if verdict.is_some() {
                return verdict;
            }
        }
        let now = Losses::of(&self.counters);
        for ((resource, count), count_before) in Losses::OF.into_iter().zip(now.0).zip(before.0) {
            if count != count_before || self.fails(resource) {
                let verdict = self.without(resource, subject, found);
                if verdict.is_some() {
                    return verdict;
                }
            }
        }
        None
    }

    /// The verdict on a frame that did not arrive whole.
    pub fn cut(&mut self) -> Verdict {
        self.counters.decoder_cut += 1;
        let Self { settings, counters, .. } = self;
        decide(Resource::FrameCut, &settings.exceptions, settings.mode, counters).unwrap_or(Verdict::Pass)
    }

    /// The verdict on a packet that could not be changed as it should have been.
    pub(crate) fn not_rewritten(&mut self) -> Verdict {
        self.count(Resource::Rewrite);
        let Self { settings, counters, .. } = self;
        decide(Resource::Rewrite, &settings.exceptions, settings.mode, counters).unwrap_or(Verdict::Pass)
    }

    /// Whether a packet whose worker has no room for it goes on unseen; else it is dropped.
    pub(crate) fn passes_unjudged(&mut self) -> bool {
        self.counters.live_owner_ring_full += 1;
        let Self { settings, counters, .. } = self;
        let policy = settings.exceptions.of(Resource::OwnerRing);
        counters.exceptions.raise(Resource::OwnerRing, policy);
        policy == ExceptionPolicy::PassPacket
    }

    /// Whether a test wants `resource` to be found wanting now.
    #[inline(always)]
    pub(crate) fn fails(&mut self, resource: Resource) -> bool {
        self.faults.as_deref_mut().is_some_and(|faults: &mut Faults| faults.fails(resource))
    }
}

/// Whether the decoder read the layer to its end.
#[inline(always)]
pub(crate) fn is_read(headers: &Headers) -> bool {
    !headers.invalid && !headers.events.contains(DecodeEvent::TooManyLayers)
}

/// What the policy for `resource` says; none: go on. Counts what is done.
fn decide(resource: Resource, policies: &PoliciesInForce, mode: Mode, counters: &mut Counters) -> Option<Verdict> {
    let policy = policies.of(resource);
    if matches!(policy, ExceptionPolicy::Ignore | ExceptionPolicy::Auto) {
        return None;
    }
    counters.exceptions.raise(resource, policy);
    let cause: Option<Cause> = if policy.drops() { resource.entry().cause } else { None };
    Some(Verdict::decide(mode, cause))
}
