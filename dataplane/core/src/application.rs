//! Application protocols by number: what a flow, an event and a rule say of them.
//!
//! Here, below everything else, because flows and events carry them. How a protocol is recognised and read is in `sluice-app`.
//! A flow holds these numbers and never a pointer into a rule set, so rule sets may come and go.

/// An application protocol that has a parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AppProtocol {
    /// HTTP/1.x and older.
    Http,
    /// HTTP/2.
    Http2,
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
    pub const ALL: [Self; 10] = [
        Self::Http,
        Self::Http2,
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

/// A flow's part in the parsers: one byte and one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppLink {
    /// What is known of the protocol.
    pub state: AppState,
    /// Place of its conversation in the worker's store, counted from 1; 0 for none.
    pub place: u32,
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
