//! Application protocols by number: what a flow, an event and a rule say of them.
//!
//! Here, below everything else, because flows and events carry them. How a protocol is recognised and read is in `sluice-app`.
//! A flow holds these numbers and never a pointer into a rule set, so rule sets may come and go.

use crate::Direction;

/// An application protocol that has a parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AppProtocol {
    /// HTTP/1.x and older.
    Http,
    /// HTTP/2.
    Http2,
    /// HTTP/2 that carries messages of DNS: its transactions are those of HTTP/2.
    Doh2,
    /// TLS and SSL.
    Tls,
    /// QUIC.
    Quic,
    /// DNS on the local link, by multicast.
    Mdns,
    /// Link-local multicast name resolution.
    Llmnr,
    /// DNS over UDP or TCP.
    Dns,
    /// EtherNet/IP with the Common Industrial Protocol in it.
    Enip,
    /// Modbus over TCP.
    Modbus,
    /// DNP3 over TCP or UDP.
    Dnp3,
}

impl AppProtocol {
    /// All of them, by number.
    pub const ALL: [Self; 11] = [
        Self::Http,
        Self::Http2,
        Self::Doh2,
        Self::Tls,
        Self::Quic,
        Self::Mdns,
        Self::Llmnr,
        Self::Dns,
        Self::Enip,
        Self::Modbus,
        Self::Dnp3,
    ];

    /// Its name in rules, settings and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Doh2 => "doh2",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Mdns => "mdns",
            Self::Llmnr => "llmnr",
            Self::Dns => "dns",
            Self::Enip => "enip",
            Self::Modbus => "modbus",
            Self::Dnp3 => "dnp3",
        }
    }

    /// The protocol of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

/// What is known of a flow's application protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppState {
    /// No data were looked at.
    #[default]
    Unseen,
    /// Data of one end were looked at and tell nothing; the other end's may.
    Doubtful,
    /// None of the protocols there are parsers for.
    None,
    /// This one.
    Known(AppProtocol),
}

impl AppState {
    /// The protocol, if it is known.
    #[inline]
    pub const fn protocol(self) -> Option<AppProtocol> {
        match self {
            Self::Known(protocol) => Some(protocol),
            _ => None,
        }
    }
}

/// What became known of a flow's application protocol and was not judged yet: a few bits.
///
/// What an end speaks is told with the next packet that this end sends; what is odd with the packet at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppNews(u8);

impl AppNews {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// What is spoken in `direction`.
    pub const fn known(direction: Direction) -> Self {
        Self(1 << direction.index())
    }

    /// `oddity`.
    pub const fn odd(oddity: AppOddity) -> Self {
        Self(4 << oddity as u8)
    }

    /// Whether there is nothing.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `others` is among it.
    #[inline]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether it is what is spoken in `direction`, and nothing else.
    pub const fn is_plain(self, direction: Direction) -> bool {
        self.0 == Self::known(direction).0
    }

    /// Whether something odd is among it.
    #[inline]
    pub const fn is_odd(self) -> bool {
        self.0 >= 4
    }

    /// Adds `others`.
    pub const fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// Takes what a packet that goes in `direction` tells: all but what is spoken in the other one.
    #[inline]
    pub const fn take(&mut self, direction: Direction) -> Self {
        let later = self.0 & Self::known(direction.reverse()).0;
        let told = self.0 & !later;
        self.0 = later;
        Self(told)
    }
}

/// What is odd about the protocols of a flow's two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AppOddity {
    /// The ends speak different protocols.
    Mismatch,
    /// The end that must not speak first did.
    WrongDirection,
    /// One end tells its protocol, what the other says is none.
    OneDirection,
    /// So much came that nobody looks for the protocol any more.
    Skipped,
    /// STARTTLS was agreed on, and what follows is not TLS.
    NoTls,
    /// The protocol that was changed to is not the one that was announced.
    Unexpected,
}

impl AppOddity {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Mismatch, Self::WrongDirection, Self::OneDirection, Self::Skipped, Self::NoTls, Self::Unexpected];

    /// Its name in `app-layer-event`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mismatch => "applayer_mismatch_protocol_both_directions",
            Self::WrongDirection => "applayer_wrong_direction_first_data",
            Self::OneDirection => "applayer_detect_protocol_only_one_direction",
            Self::Skipped => "applayer_proto_detection_skipped",
            Self::NoTls => "applayer_no_tls_after_starttls",
            Self::Unexpected => "applayer_unexpected_protocol",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|oddity| oddity.name() == name)
    }
}

/// A flow's part in the parsers: a few bytes and one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppLink {
    /// What is known of the protocol.
    pub state: AppState,
    /// Place of its conversation in the worker's store, counted from 1; 0 for none.
    pub place: u32,
    /// What became known and was not judged yet.
    pub news: AppNews,
}

/// A transaction as an event carries it: the bytes of its two messages travel in the slot, behind the packet's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppFacts {
    /// The protocol.
    pub protocol: AppProtocol,
    /// Number of the transaction in its flow, from 0.
    pub transaction: u64,
    /// Where the request lies in the slot's bytes: start and length.
    pub request: Option<(u32, u32)>,
    /// Where the response lies.
    pub response: Option<(u32, u32)>,
}

#[cfg(test)]
mod tests {
    use super::{AppProtocol, AppState};

    #[test]
    fn names_lead_back_and_the_state_of_a_flow_takes_one_byte() {
        for protocol in AppProtocol::ALL {
            assert_eq!(AppProtocol::from_name(protocol.name()), Some(protocol));
        }
        assert_eq!(size_of::<AppState>(), 1);
        assert_eq!(AppState::Known(AppProtocol::Modbus).protocol(), Some(AppProtocol::Modbus));
        assert_eq!(AppState::None.protocol(), None);
    }
}
