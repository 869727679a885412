//! The registry of exceptions: everything that is bounded, and everything the engine can lose sight of, in one closed list.
//!
//! For each: its name in the settings, the policies that fit it, what `auto` means inline, the counter that says that it happened, the counters of
//! what was done about it, the cause of a packet dropped for it, and its word in flow records. Chosen by `sluice-config`, put into force with
//! [`Exceptions::in_force`], acted on in one place: `sluice-worker`'s `exception.rs`. A new bound belongs here and in the table of ARCHITECTURE.md;
//! tests go through the list.
//!
//! Source of the first six, their names and their counters: the reference engine's documentation, "Exception Policies".

use crate::{
    exception::ExceptionPolicy::{self, Auto, Bypass, DropFlow, DropPacket, Ignore, PassFlow, PassPacket, Reject},
    verdict::{Cause, Mode},
};

/// Something that is bounded, or that the engine can lose sight of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Resource {
    /// The flow table has no room.
    FlowMemcap,
    /// What a connection leaves behind can't be kept: no room for it outside the half-open table.
    StreamMemcap,
    /// No room for data that wait to be put in order.
    Reassembly,
    /// A connection whose handshake was not seen.
    Midstream,
    /// No room for a fragment.
    DefragMemcap,
    /// Data that can't be a message of their flow's application protocol.
    AppLayerError,
    /// No room for a conversation or a transaction of an application protocol.
    AppLayerMemcap,
    /// Headers that can't be decoded.
    Undecodable,
    /// More layers in a frame than are looked at.
    TooManyLayers,
    /// A frame that did not arrive whole.
    FrameCut,
    /// More alerts than a packet can raise.
    AlertQueue,
    /// The prefilter could not scan.
    ScanFailed,
    /// A rule or a regular expression ended at its limit.
    RuleLimit,
    /// A transform's outcome was too long.
    TransformLimit,
    /// A packet that was to be changed can't be.
    Rewrite,
    /// The worker that has the packet's flow has no room for it.
    OwnerRing,
    /// The transmit queue of a port is full.
    TransmitQueue,
    /// No free slot for an event, live.
    EventSlots,
    /// The half-open table is full.
    HalfOpen,
    /// The tables of thresholds and of bits of hosts are full.
    SharedState,
    /// Shared state did not answer in time.
    SharedStateBusy,
    /// No room for ports that count once.
    UniquePorts,
    /// A data set is full.
    Dataset,
    /// No place for the name of a flow bit.
    FlowBits,
}

/// Policies for what concerns a flow.
const FLOW: &[ExceptionPolicy] = &[Ignore, DropFlow, DropPacket, Reject, PassFlow, PassPacket, Bypass];
/// Policies for what concerns one packet.
const PACKET: &[ExceptionPolicy] = &[Ignore, DropPacket, Reject, PassPacket];
/// Policies for a packet whose headers are not known.
const BLIND: &[ExceptionPolicy] = &[Ignore, DropPacket];
/// Nothing to choose: the answer is the table's own.
const FIXED: &[ExceptionPolicy] = &[Ignore];

/// What the registry says of one resource.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name: `detection.exceptions.NAME`, `measure.fail.NAME`.
    pub name: &'static str,
    /// The reference engine's setting; empty when it has none.
    pub alias: &'static str,
    /// The policies that fit, besides `auto`.
    pub fits: &'static [ExceptionPolicy],
    /// What `auto` means inline. Passive it is `ignore`.
    pub inline: ExceptionPolicy,
    /// Whether the policy for everything, `exception-policy`, holds for it: it does where traffic can't be followed.
    pub by_master: bool,
    /// The counter that says how often it happened.
    pub happened: &'static str,
    /// What the counters of the policies begin with.
    pub counters: &'static str,
    /// The cause of a packet dropped for it; none where no packet is.
    pub cause: Option<Cause>,
    /// The word in a flow record's `exception_policy`, and its place in [`FlowExceptions`]; none for what concerns no flow.
    pub target: Option<(&'static str, u8)>,
}

impl Entry {
    const fn flow(name: &'static str, target: (&'static str, u8), cause: Cause) -> Self {
        Self {
            name,
            alias: "",
            fits: FLOW,
            inline: DropFlow,
            by_master: true,
            happened: "",
            counters: "",
            cause: Some(cause),
            target: Some(target),
        }
    }

    const fn packet(name: &'static str, cause: Cause) -> Self {
        Self {
            name,
            alias: "",
            fits: PACKET,
            inline: DropPacket,
            by_master: true,
            happened: "",
            counters: "",
            cause: Some(cause),
            target: None,
        }
    }

    const fn fixed(name: &'static str, happened: &'static str) -> Self {
        Self {
            name,
            alias: "",
            fits: FIXED,
            inline: Ignore,
            by_master: false,
            happened,
            counters: "",
            cause: None,
            target: None,
        }
    }

    const fn counted(self, happened: &'static str, counters: &'static str) -> Self {
        Self { happened, counters, ..self }
    }

    const fn alias(self, alias: &'static str) -> Self {
        Self { alias, ..self }
    }

    /// It is a limit of one's own: `auto` ignores it, and the policy for everything does not hold.
    const fn own_limit(self) -> Self {
        Self { inline: Ignore, by_master: false, ..self }
    }

    /// `policy`, or what comes nearest to it among those that fit: one for flows becomes that for packets.
    const fn fitting(&self, policy: ExceptionPolicy) -> ExceptionPolicy {
        if self.fits_exactly(policy) {
            return policy;
        }
        let nearest = match policy {
            DropFlow | Reject => DropPacket,
            PassFlow | Bypass => PassPacket,
            other => other,
        };
        if self.fits_exactly(nearest) { nearest } else { Ignore }
    }

    /// Whether `policy` is among those that fit.
    pub const fn fits_exactly(&self, policy: ExceptionPolicy) -> bool {
        let mut place = 0;
        while place < self.fits.len() {
            if let Some((_, rest)) = self.fits.split_at_checked(place)
                && let Some(one) = rest.first()
                && *one as u8 == policy as u8
            {
                return true;
            }
            place += 1;
        }
        false
    }
}

impl Resource {
    /// Number of resources.
    pub const COUNT: usize = 24;
    /// Every resource, in the order of its number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::FlowMemcap,
        Self::StreamMemcap,
        Self::Reassembly,
        Self::Midstream,
        Self::DefragMemcap,
        Self::AppLayerError,
        Self::AppLayerMemcap,
        Self::Undecodable,
        Self::TooManyLayers,
        Self::FrameCut,
        Self::AlertQueue,
        Self::ScanFailed,
        Self::RuleLimit,
        Self::TransformLimit,
        Self::Rewrite,
        Self::OwnerRing,
        Self::TransmitQueue,
        Self::EventSlots,
        Self::HalfOpen,
        Self::SharedState,
        Self::SharedStateBusy,
        Self::UniquePorts,
        Self::Dataset,
        Self::FlowBits,
    ];

    /// What the registry says of it.
    pub const fn entry(self) -> Entry {
        match self {
            Self::FlowMemcap => Entry::packet("flow-memcap", Cause::FlowTableFull)
                .counted("flow.memcap", "exception_policy.flow.memcap")
                .alias("flow.memcap-policy"),
            Self::StreamMemcap => Entry::flow("stream-memcap", ("stream_memcap", 0), Cause::StreamMemcap)
                .counted("tcp.ssn_memcap_drop", "exception_policy.tcp.ssn_memcap")
                .alias("stream.memcap-policy"),
            Self::Reassembly => {
                Entry::flow("reassembly-memcap", ("stream_reassembly_memcap", 1), Cause::StreamReassembly)
                    .counted("tcp.segment_memcap_drop", "exception_policy.tcp.reassembly")
                    .alias("stream.reassembly.memcap-policy")
            }
            Self::Midstream => Entry::flow("midstream", ("stream_midstream", 2), Cause::Midstream)
                .counted("tcp.midstream_seen", "exception_policy.tcp.midstream")
                .alias("stream.midstream-policy"),
            Self::DefragMemcap => Entry::packet("defrag-memcap", Cause::DefragMemcap)
                .counted("defrag.memcap", "exception_policy.defrag.memcap")
                .alias("defrag.memcap-policy"),
            Self::AppLayerError => Entry::flow("app-layer-error", ("app_layer_error", 3), Cause::AppLayerError)
                .counted("app.broken", "exception_policy.app_layer.error")
                .alias("app-layer.error-policy"),
            Self::AppLayerMemcap => Entry::flow("app-layer-memcap", ("app_layer_memcap", 4), Cause::AppLayerMemcap)
                .counted("app.no_room", "exception_policy.app_layer.memcap")
                .own_limit(),
            Self::Undecodable => Entry::packet("undecodable", Cause::DecodeError)
                .counted("decoder.invalid", "exception_policy.decoder.undecodable"),
            Self::TooManyLayers => Entry::packet("too-many-layers", Cause::TooManyLayers)
                .counted("decoder.too_many_layers", "exception_policy.decoder.too_many_layers"),
            Self::FrameCut => Entry { fits: BLIND, ..Entry::packet("frame-cut", Cause::FrameCut) }
                .counted("decoder.cut", "exception_policy.decoder.frame_cut"),
            Self::AlertQueue => Entry::flow("alert-queue", ("detect_alert_queue", 5), Cause::DetectLimit)
                .counted("detect.alert_queue_overflow", "exception_policy.detect.alert_queue")
                .own_limit(),
            Self::ScanFailed => {
                let entry = Entry::flow("scan-failed", ("detect_scan", 6), Cause::DetectLimit)
                    .counted("detect.scans_failed", "exception_policy.detect.scan_failed");
                Entry { inline: DropPacket, ..entry }
            }
            Self::RuleLimit => Entry::flow("rule-limit", ("detect_limit", 7), Cause::DetectLimit)
                .counted("detect.step_limit", "exception_policy.detect.rule_limit")
                .own_limit(),
            Self::TransformLimit => Entry::flow("transform-limit", ("detect_limit", 7), Cause::DetectLimit)
                .counted("detect.transform_cut", "exception_policy.detect.transform_limit")
                .own_limit(),
            Self::Rewrite => Entry { fits: BLIND, ..Entry::packet("rewrite", Cause::Normalise) }
                .counted("normalise.refused", "exception_policy.normalise.refused"),
            Self::OwnerRing => {
                let entry = Entry::packet("owner-ring", Cause::OwnerBusy)
                    .counted("live.owner_ring_full", "exception_policy.live.owner_ring");
                Entry { fits: &[DropPacket, PassPacket], by_master: false, ..entry }
            }
            Self::TransmitQueue => Entry::fixed("transmit-queue", "ips.drop_reason.tx_ring_full"),
            Self::EventSlots => Entry::fixed("event-slots", "events.lost_ring_full"),
            Self::HalfOpen => Entry::fixed("half-open", "flow.half_open_evicted"),
            Self::SharedState => Entry::fixed("shared-state", "detect.state_evicted"),
            Self::SharedStateBusy => Entry::fixed("shared-state-busy", "detect.state_busy"),
            Self::UniquePorts => Entry::fixed("unique-ports", "detect.unique_ports_refused"),
            Self::Dataset => Entry::fixed("dataset", "detect.dataset_full"),
            Self::FlowBits => Entry::fixed("flow-bits", "flow.flowbits_refused"),
        }
    }

    /// The resource of this name in the settings, or that the reference engine's setting is about.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.entry().name == name)
    }

    /// The resource that the reference engine's setting `path` is about.
    pub fn from_alias(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| !path.is_empty() && resource.entry().alias == path)
    }

    /// Whether a policy can be chosen.
    pub const fn has_choice(self) -> bool {
        self.entry().fits.len() > 1
    }
}

/// How often each policy was applied for each resource. `ignore` is not counted here: the resource's own counter tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExceptionTally([[u64; ExceptionPolicy::COUNT]; Resource::COUNT]);

impl Default for ExceptionTally {
    fn default() -> Self {
        Self([[0; ExceptionPolicy::COUNT]; Resource::COUNT])
    }
}

impl ExceptionTally {
    /// Counts one use of `policy`.
    pub fn raise(&mut self, resource: Resource, policy: ExceptionPolicy) {
        self.raise_by(resource, policy, 1);
    }

    /// Counts several uses of `policy`.
    pub fn raise_by(&mut self, resource: Resource, policy: ExceptionPolicy, uses: u64) {
        if let Some(count) = self.0.get_mut(resource as usize).and_then(|row| row.get_mut(policy as usize)) {
            *count += uses;
        }
    }

    /// Uses of `policy`.
    pub fn get(&self, resource: Resource, policy: ExceptionPolicy) -> u64 {
        self.0.get(resource as usize).and_then(|row| row.get(policy as usize)).copied().unwrap_or(0)
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        let counts = self.0.as_flattened_mut().iter_mut();
        counts.zip(other.0.as_flattened()).for_each(|(count, more)| *count += more);
    }

    /// Dotted names of `stats` and their values: what fits a resource and acts.
    pub fn named(&self) -> impl Iterator<Item = (String, u64)> {
        Resource::ALL.into_iter().filter(|resource| resource.has_choice()).flat_map(move |resource| {
            let entry = resource.entry();
            entry
                .fits
                .iter()
                .filter(|policy| **policy != Ignore)
                .map(move |&policy| (format!("{}.{}", entry.counters, policy.word()), self.get(resource, policy)))
        })
    }
}

/// The exceptions that a flow has met: what its record tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowExceptions(u8);

impl FlowExceptions {
    /// None.
    pub const NONE: Self = Self(0);

    /// Notes one; whether it is the first of its kind.
    pub const fn insert(&mut self, resource: Resource) -> bool {
        let Some((_, place)) = resource.entry().target else { return false };
        let fresh = self.0 & (1 << (place & 7)) == 0;
        self.0 |= 1 << (place & 7);
        fresh
    }

    /// Whether there is one.
    pub const fn contains(self, resource: Resource) -> bool {
        match resource.entry().target {
            Some((_, place)) => self.0 & (1 << (place & 7)) != 0,
            None => false,
        }
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Words of flow records, each once, with the resource whose policy goes with it.
    pub fn targets(self) -> impl Iterator<Item = (&'static str, Resource)> {
        let mut before = "";
        Resource::ALL.into_iter().filter(move |resource| self.contains(*resource)).filter_map(move |resource| {
            let (word, _) = resource.entry().target.filter(|(word, _)| *word != before)?;
            before = word;
            Some((word, resource))
        })
    }
}

/// The policies chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceptions {
    /// The one for everything that can't be followed: `exception-policy`.
    pub master: ExceptionPolicy,
    chosen: [Option<ExceptionPolicy>; Resource::COUNT],
}

impl Default for Exceptions {
    fn default() -> Self {
        Self { master: Auto, chosen: [None; Resource::COUNT] }
    }
}

impl Exceptions {
    /// Chooses `policy` for `resource`; whether it fits.
    pub fn choose(&mut self, resource: Resource, policy: ExceptionPolicy) -> bool {
        let fits = resource.has_choice() && (policy == Auto || resource.entry().fits_exactly(policy));
        if fits && let Some(place) = self.chosen.get_mut(resource as usize) {
            *place = Some(policy);
        }
        fits
    }

    /// The policy for `resource` as chosen, for it or for everything.
    pub fn wish(&self, resource: Resource) -> ExceptionPolicy {
        let by_master = if resource.entry().by_master { self.master } else { Auto };
        self.chosen.get(resource as usize).copied().flatten().unwrap_or(by_master)
    }

    /// Whether the policy for `resource` was chosen for it alone.
    pub fn is_chosen(&self, resource: Resource) -> bool {
        self.chosen.get(resource as usize).is_some_and(Option::is_some)
    }

    /// What holds in `mode`. `picked_up`: connections whose handshake was not seen are followed, so what stops them does not hold, and `auto` ignores.
    pub fn in_force(&self, mode: Mode, picked_up: bool) -> PoliciesInForce {
        let mut policies = [Ignore; Resource::COUNT];
        for (place, resource) in policies.iter_mut().zip(Resource::ALL) {
            let entry = resource.entry();
            let follows = resource == Resource::Midstream && picked_up;
            let wish = self.wish(resource);
            *place = match (wish, mode) {
                (Auto, Mode::Inline) if !follows => entry.inline,
                (Auto, _) => Ignore,
                (wish, _) if follows && !wish.fits_picking_up() => Ignore,
                (wish, Mode::Passive) if wish.drops() => Ignore,
                (wish, _) => entry.fitting(wish),
            };
        }
        PoliciesInForce(policies)
    }
}

/// The policies in force, one for each resource; none is `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoliciesInForce([ExceptionPolicy; Resource::COUNT]);

impl Default for PoliciesInForce {
    /// Those of a passive engine: everything is ignored.
    fn default() -> Self {
        Self([Ignore; Resource::COUNT])
    }
}

impl PoliciesInForce {
    /// The one for `resource`.
    pub fn of(&self, resource: Resource) -> ExceptionPolicy {
        self.0.get(resource as usize).copied().unwrap_or(Ignore)
    }

    /// These, with `policy` for `resource`.
    #[must_use]
    pub fn with(mut self, resource: Resource, policy: ExceptionPolicy) -> Self {
        if let Some(place) = self.0.get_mut(resource as usize) {
            *place = policy;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{ExceptionPolicy as Policy, ExceptionTally, Exceptions, FlowExceptions, Mode, Resource};
    use crate::Counters;

    #[test]
    fn every_resource_has_names_a_counter_and_a_default_of_its_own() {
        for (number, resource) in Resource::ALL.into_iter().enumerate() {
            let entry = resource.entry();
            assert_eq!(resource as usize, number);
            assert_eq!(Resource::from_name(entry.name), Some(resource));
            assert!(!entry.happened.is_empty(), "{resource:?}");
            // Two are counted by number and one by the ledger; `sluice-events` looks for them.
            let elsewhere =
                entry.happened == "decoder.too_many_layers" || entry.happened.starts_with("ips.drop_reason.");
            assert!(elsewhere || Counters::NAMES.contains(&entry.happened), "{}", entry.happened);
            assert!(entry.fits_exactly(entry.inline), "{resource:?}");
            if resource.has_choice() {
                assert!(entry.counters.starts_with("exception_policy."));
                assert!(entry.cause.is_some(), "{resource:?}");
                let same = |other: &Resource| other.entry().counters == entry.counters;
                assert_eq!(Resource::ALL.iter().filter(|other| same(other)).count(), 1);
            }
            if !entry.alias.is_empty() {
                assert_eq!(Resource::from_alias(entry.alias), Some(resource));
            }
        }
        assert_eq!(Resource::from_alias(""), None);
    }

    #[test]
    fn passive_nothing_in_force_drops_whatever_is_chosen() {
        for policy in Policy::ALL {
            let mut chosen = Exceptions { master: policy, ..Exceptions::default() };
            for resource in Resource::ALL {
                let in_force = chosen.in_force(Mode::Passive, false).of(resource);
                assert!(!in_force.drops(), "{resource:?} {policy:?}");
                assert_ne!(in_force, Policy::Auto);
                chosen.choose(resource, policy);
                assert!(!chosen.in_force(Mode::Passive, false).of(resource).drops(), "{resource:?} {policy:?}");
            }
        }
    }

    #[test]
    fn auto_stops_inline_what_can_not_be_followed_and_leaves_limits_of_its_own_alone() {
        let auto = Exceptions::default().in_force(Mode::Inline, false);
        assert_eq!(auto.of(Resource::Reassembly), Policy::DropFlow);
        assert_eq!(auto.of(Resource::FlowMemcap), Policy::DropPacket);
        assert_eq!(auto.of(Resource::DefragMemcap), Policy::DropPacket);
        assert_eq!(auto.of(Resource::AlertQueue), Policy::Ignore);
        assert_eq!(auto.of(Resource::HalfOpen), Policy::Ignore);
        assert_eq!(Exceptions::default().in_force(Mode::Inline, true).of(Resource::Midstream), Policy::Ignore);
    }

    #[test]
    fn the_policy_for_everything_gives_way_to_one_of_its_own_and_to_what_fits() {
        let mut chosen = Exceptions { master: Policy::Bypass, ..Exceptions::default() };
        let inline = chosen.in_force(Mode::Inline, false);
        assert_eq!(inline.of(Resource::StreamMemcap), Policy::Bypass);
        assert_eq!(inline.of(Resource::FlowMemcap), Policy::PassPacket);
        assert_eq!(inline.of(Resource::FrameCut), Policy::Ignore);
        assert_eq!(inline.of(Resource::AlertQueue), Policy::Ignore);
        assert!(chosen.choose(Resource::AlertQueue, Policy::DropFlow));
        assert!(chosen.choose(Resource::FlowMemcap, Policy::DropPacket));
        assert!(!chosen.choose(Resource::FlowMemcap, Policy::DropFlow));
        assert!(!chosen.choose(Resource::HalfOpen, Policy::DropPacket));
        let inline = chosen.in_force(Mode::Inline, false);
        assert_eq!(inline.of(Resource::AlertQueue), Policy::DropFlow);
        assert_eq!(inline.of(Resource::FlowMemcap), Policy::DropPacket);
        // Who follows connections from the middle does not stop them.
        chosen.master = Policy::Reject;
        assert_eq!(chosen.in_force(Mode::Inline, true).of(Resource::Midstream), Policy::Ignore);
        assert_eq!(chosen.in_force(Mode::Inline, false).of(Resource::Midstream), Policy::Reject);
    }

    #[test]
    fn a_flow_tells_each_of_its_exceptions_once() {
        let mut met = FlowExceptions::NONE;
        assert!(met.insert(Resource::Midstream) && !met.insert(Resource::Midstream));
        assert!(!met.insert(Resource::FlowMemcap));
        assert!(met.insert(Resource::RuleLimit));
        let words: Vec<_> = met.targets().collect();
        assert_eq!(words, [("stream_midstream", Resource::Midstream), ("detect_limit", Resource::RuleLimit)]);
        let places: Vec<u8> = Resource::ALL.iter().filter_map(|one| Some(one.entry().target?.1)).collect();
        assert!(places.iter().all(|place| *place < 8));
    }

    #[test]
    fn a_tally_names_what_fits_and_acts() {
        let mut tally = ExceptionTally::default();
        tally.raise(Resource::Midstream, Policy::PassFlow);
        let mut sum = tally;
        sum.add(&tally);
        let named: Vec<_> = sum.named().collect();
        assert!(named.contains(&("exception_policy.tcp.midstream.pass_flow".to_owned(), 2)));
        assert!(named.contains(&("exception_policy.flow.memcap.drop_packet".to_owned(), 0)));
        assert!(
            !named.iter().any(|(name, _)| name == "exception_policy.flow.memcap.drop_flow" || name.ends_with("ignore"))
        );
    }
}
