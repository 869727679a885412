//! What can be chosen for DNS, besides whether it is looked for and on which ports.
//!
//! Set from settings files, asked by [`crate::protocol`].

use crate::protocol::Ports;

/// Settings of DNS, each for UDP and TCP apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsSettings {
    /// Whether it is looked for in datagrams.
    pub udp: bool,
    /// Whether it is looked for in streams.
    pub tcp: bool,
    /// Ports of servers in datagrams, instead of those for both; none: those for both.
    pub udp_ports: Option<Ports>,
    /// Ports of servers in streams, instead of those for both; none: those for both.
    pub tcp_ports: Option<Ports>,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self { udp: true, tcp: true, udp_ports: None, tcp_ports: None }
    }
}

impl DnsSettings {
    /// Whether it is looked for.
    pub const fn is_on(&self, datagram: bool) -> bool {
        if datagram { self.udp } else { self.tcp }
    }

    /// The ports, if they are others than those for both.
    pub const fn ports(&self, datagram: bool) -> Option<Ports> {
        if datagram { self.udp_ports } else { self.tcp_ports }
    }
}
