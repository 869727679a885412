//! What becomes of traffic the engine can't follow: one list of policies, and the table that says what each means in each mode.
//!
//! Chosen by `sluice-config`, put into force by `sluice-service` with [`ExceptionPolicy::in_force`], acted on by `sluice-worker`, which
//! notes it on the flow for the flow's record.
//!
//! Source: the reference engine's documentation, "Exception Policies".

use crate::verdict::Mode;

/// A policy for traffic that can't be followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExceptionPolicy {
    /// `auto`: inline as [`ExceptionPolicy::DropFlow`], passive as [`ExceptionPolicy::Ignore`].
    #[default]
    Auto,
    /// `ignore`: go on as if nothing were amiss.
    Ignore,
    /// `drop-flow`: this packet and all later ones of its flow.
    DropFlow,
    /// `drop-packet`: this packet.
    DropPacket,
    /// `reject`: as `drop-flow`, and the sender is told.
    Reject,
    /// `pass-flow`: no rules for this packet and all later ones of its flow.
    PassFlow,
    /// `pass-packet`: no rules for this packet.
    PassPacket,
    /// `bypass`: nothing looks at the flow any more.
    Bypass,
}

impl ExceptionPolicy {
    /// The policy of this name in the settings.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "auto" => Self::Auto,
            "ignore" => Self::Ignore,
            "drop-flow" => Self::DropFlow,
            "drop-packet" => Self::DropPacket,
            "reject" => Self::Reject,
            "pass-flow" => Self::PassFlow,
            "pass-packet" => Self::PassPacket,
            "bypass" => Self::Bypass,
            _ => return None,
        })
    }

    /// The word in flow records and counters.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ignore => "ignore",
            Self::DropFlow => "drop_flow",
            Self::DropPacket => "drop_packet",
            Self::Reject => "reject",
            Self::PassFlow => "pass_flow",
            Self::PassPacket => "pass_packet",
            Self::Bypass => "bypass",
        }
    }

    /// What holds for connections whose handshake was not seen. `picked_up`: the settings ask to follow them, so what was not chosen by
    /// hand ignores. Passive never drops.
    pub const fn in_force(self, mode: Mode, picked_up: bool) -> Self {
        match (self, mode) {
            (Self::Auto, _) if picked_up => Self::Ignore,
            (Self::Auto, Mode::Inline) => Self::DropFlow,
            (Self::Auto | Self::DropFlow | Self::DropPacket | Self::Reject, Mode::Passive) => Self::Ignore,
            (other, _) => other,
        }
    }

    /// Whether it makes sense to follow connections in the middle and do this with them.
    pub const fn fits_picking_up(self) -> bool {
        matches!(self, Self::Auto | Self::Ignore | Self::PassFlow)
    }
}

#[cfg(test)]
mod tests {
    use super::{ExceptionPolicy as Policy, Mode};

    #[test]
    fn auto_drops_inline_and_ignores_where_it_can_not_or_need_not() {
        assert_eq!(Policy::Auto.in_force(Mode::Inline, false), Policy::DropFlow);
        assert_eq!(Policy::Auto.in_force(Mode::Inline, true), Policy::Ignore);
        assert_eq!(Policy::Auto.in_force(Mode::Passive, false), Policy::Ignore);
    }

    #[test]
    fn passive_never_drops_and_other_policies_stay() {
        for policy in [Policy::DropFlow, Policy::DropPacket, Policy::Reject] {
            assert_eq!(policy.in_force(Mode::Passive, false), Policy::Ignore);
            assert_eq!(policy.in_force(Mode::Inline, false), policy);
        }
        for policy in [Policy::PassFlow, Policy::PassPacket, Policy::Bypass, Policy::Ignore] {
            assert_eq!(policy.in_force(Mode::Passive, false), policy);
        }
    }

    #[test]
    fn names_are_those_of_the_settings() {
        assert_eq!(Policy::from_name("drop-flow").map(Policy::word), Some("drop_flow"));
        assert_eq!(Policy::from_name("drop"), None);
    }
}
