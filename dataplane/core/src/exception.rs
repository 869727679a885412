//! What becomes of traffic the engine can't follow: one list of policies.
//!
//! What they are policies for, and which of them fits what, is in [`crate::resource`]; what they mean for a packet and its flow, in `sluice-worker`'s
//! `exception.rs`.
//!
//! Source: the reference engine's documentation, "Exception Policies".

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
    /// Number of policies.
    pub const COUNT: usize = 8;
    /// Every policy, in the order of its number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Auto,
        Self::Ignore,
        Self::DropFlow,
        Self::DropPacket,
        Self::Reject,
        Self::PassFlow,
        Self::PassPacket,
        Self::Bypass,
    ];

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

    /// Whether it stops the packet.
    pub const fn drops(self) -> bool {
        matches!(self, Self::DropFlow | Self::DropPacket | Self::Reject)
    }

    /// Whether it makes sense to follow connections in the middle and do this with them.
    pub const fn fits_picking_up(self) -> bool {
        matches!(self, Self::Auto | Self::Ignore | Self::PassFlow)
    }
}

#[cfg(test)]
mod tests {
    use super::ExceptionPolicy as Policy;

    #[test]
    fn names_are_those_of_the_settings() {
        for policy in Policy::ALL {
            assert_eq!(Policy::from_name(&policy.word().replace('_', "-")), Some(policy));
        }
        assert_eq!(Policy::from_name("drop"), None);
    }

    #[test]
    fn what_stops_a_packet_does_not_fit_following_a_connection_from_the_middle() {
        assert!(Policy::ALL.iter().all(|policy| !(policy.drops() && policy.fits_picking_up())));
    }
}
