//! What happens to a packet, and why.
//!
//! A rule asks for an [`Action`]; the worker turns all that asked, the mode and the [`Cause`] into one [`Verdict`]. Passive never drops:
//! [`Verdict::decide`] is the one place that says so, and a test holds it to it.

/// What a signature asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Let the packet and the rest of its flow go without further rules.
    Pass,
    /// Drop the packet and the rest of its flow.
    Drop,
    /// Drop, and tell the sender (RST or ICMP unreachable).
    RejectSource,
    /// Drop, and tell the receiver.
    RejectDestination,
    /// Drop, and tell both.
    RejectBoth,
    /// Tell people, nothing else.
    Alert,
}

impl Action {
    /// Whether the action stops the packet.
    pub const fn drops(self) -> bool {
        matches!(self, Self::Drop | Self::RejectSource | Self::RejectDestination | Self::RejectBoth)
    }

    /// Whether the action sends resets or unreachables.
    pub const fn rejects(self) -> bool {
        matches!(self, Self::RejectSource | Self::RejectDestination | Self::RejectBoth)
    }

    /// Rank in the order of evaluation: pass, drop, reject, alert.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Drop => 1,
            Self::RejectSource | Self::RejectDestination | Self::RejectBoth => 2,
            Self::Alert => 3,
        }
    }
}

/// Why a packet was not forwarded as it came. One closed list: a counter, an EVE `drop.reason` and a policy each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Cause {
    /// A signature with drop or reject matched this packet.
    Rules,
    /// An earlier packet of the flow was dropped by a signature that drops the flow.
    FlowDrop,
    /// A connection whose handshake was not seen, and the policy for that is to drop.
    Midstream,
    /// The flow table had no room, and the policy for that is to drop.
    FlowTableFull,
    /// The transmit queue took no more packets.
    TransmitFull,
    /// The worker that has the packet's flow had no room for it.
    OwnerBusy,
    /// The frame did not arrive whole: what is missing can't be judged.
    FrameCut,
    /// What a connection leaves behind could not be kept, and the policy for that is to drop.
    StreamMemcap,
    /// No room to put data in order, and the policy for that is to drop.
    StreamReassembly,
    /// No room for a fragment, and the policy for that is to drop.
    DefragMemcap,
    /// Data that are no message of their application protocol, and the policy for that is to drop.
    AppLayerError,
    /// No room for a conversation of an application protocol, and the policy for that is to drop.
    AppLayerMemcap,
    /// Headers that can't be decoded, and the policy for that is to drop.
    DecodeError,
    /// More layers than are looked at, and the policy for that is to drop.
    TooManyLayers,
    /// A limit of detection was reached, and the policy for that is to drop.
    DetectLimit,
    /// No end would make the same of the packet: the normaliser stops such.
    Normalise,
    /// A fragment that can't be part of a datagram.
    DefragError,
    /// A fragment that overlaps others of its datagram, or one of a datagram in which some did: each host makes something else of it.
    DefragOverlap,
    /// A fragment of a datagram that never became whole.
    DefragIncomplete,
    /// A copy of a fragment that is there already.
    DefragDuplicate,
    /// A TCP packet that the other end throws away, and `stream.drop-invalid` says to stop such.
    StreamError,
    /// A signature whose rate filter says to drop matched this packet.
    RateFilter,
    /// Urgent data, and the policy for that is to drop.
    StreamUrgent,
}

impl Cause {
    /// Number of causes.
    pub const COUNT: usize = 23;
    /// Every cause, in the order of its number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Rules,
        Self::FlowDrop,
        Self::Midstream,
        Self::FlowTableFull,
        Self::TransmitFull,
        Self::OwnerBusy,
        Self::FrameCut,
        Self::StreamMemcap,
        Self::StreamReassembly,
        Self::DefragMemcap,
        Self::AppLayerError,
        Self::AppLayerMemcap,
        Self::DecodeError,
        Self::TooManyLayers,
        Self::DetectLimit,
        Self::Normalise,
        Self::DefragError,
        Self::DefragOverlap,
        Self::DefragIncomplete,
        Self::DefragDuplicate,
        Self::StreamError,
        Self::RateFilter,
        Self::StreamUrgent,
    ];

    /// The words in EVE's `drop.reason`, which has blanks where the counters have underscores.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::FlowDrop => "flow drop",
            Self::Midstream => "stream midstream",
            Self::FlowTableFull => "flow memcap",
            Self::TransmitFull => "tx ring full",
            Self::OwnerBusy => "owner ring full",
            Self::FrameCut => "frame cut",
            Self::StreamMemcap => "stream memcap",
            Self::StreamReassembly => "stream reassembly",
            Self::DefragMemcap => "defrag memcap",
            Self::AppLayerError => "applayer error",
            Self::AppLayerMemcap => "applayer memcap",
            Self::DecodeError => "decode error",
            Self::TooManyLayers => "too many layers",
            Self::DetectLimit => "detect limit",
            Self::Normalise => "normalise",
            Self::DefragError => "defrag error",
            Self::DefragOverlap => "defrag overlap",
            Self::DefragIncomplete => "defrag incomplete",
            Self::DefragDuplicate => "defrag duplicate",
            Self::StreamError => "stream error",
            // The reference engine's words for it.
            Self::RateFilter => "threshold detection_filter",
            Self::StreamUrgent => "stream urgent",
        }
    }

    /// The name of the counter under `ips.drop_reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::FlowDrop => "flow_drop",
            Self::Midstream => "stream_midstream",
            Self::FlowTableFull => "flow_memcap",
            Self::TransmitFull => "tx_ring_full",
            Self::OwnerBusy => "owner_ring_full",
            Self::FrameCut => "frame_cut",
            Self::StreamMemcap => "stream_memcap",
            Self::StreamReassembly => "stream_reassembly",
            Self::DefragMemcap => "defrag_memcap",
            Self::AppLayerError => "applayer_error",
            Self::AppLayerMemcap => "applayer_memcap",
            Self::DecodeError => "decode_error",
            Self::TooManyLayers => "too_many_layers",
            Self::DetectLimit => "detect_limit",
            Self::Normalise => "normalise",
            Self::DefragError => "defrag_error",
            Self::DefragOverlap => "defrag_overlap",
            Self::DefragIncomplete => "defrag_incomplete",
            Self::DefragDuplicate => "defrag_duplicate",
            Self::StreamError => "stream_error",
            Self::RateFilter => "threshold_detection_filter",
            Self::StreamUrgent => "stream_urgent",
        }
    }
}

/// Whether the product stands in the path of the traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Sees a copy: never drops, says what it would have done.
    #[default]
    Passive,
    /// Stands between two ports: a dropped packet does not leave.
    Inline,
}

/// What becomes of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Forwarded (inline) or consumed (passive).
    #[default]
    Pass,
    /// Stopped.
    Drop(Cause),
}

impl Verdict {
    /// The verdict for a packet for which `wanted` is the reason to drop, if there is one.
    ///
    /// Passive never drops, whatever was wanted.
    pub const fn decide(mode: Mode, wanted: Option<Cause>) -> Self {
        match (mode, wanted) {
            (Mode::Inline, Some(cause)) => Self::Drop(cause),
            (Mode::Inline, None) | (Mode::Passive, _) => Self::Pass,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Cause, Mode, Verdict};

    #[test]
    fn passive_never_drops_whatever_the_cause() {
        for cause in Cause::ALL {
            assert_eq!(Verdict::decide(Mode::Passive, Some(cause)), Verdict::Pass);
            assert_eq!(Verdict::decide(Mode::Inline, Some(cause)), Verdict::Drop(cause));
        }
        assert_eq!(Verdict::decide(Mode::Inline, None), Verdict::Pass);
    }

    #[test]
    fn every_cause_has_its_own_name_and_number() {
        for (number, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, number);
            assert_eq!(Cause::ALL.iter().filter(|other| other.name() == cause.name()).count(), 1);
        }
    }

    #[test]
    fn pass_is_judged_first_and_alert_last() {
        assert!(Action::Pass.rank() < Action::Drop.rank());
        assert!(Action::Drop.rank() < Action::RejectBoth.rank());
        assert!(Action::RejectSource.rank() < Action::Alert.rank());
        assert!(Action::RejectBoth.drops() && !Action::Pass.drops());
    }
}
