//! Which parsers are on, and which protocol a flow speaks.
//!
//! Asked by [`crate::applications`] with the first data of each end of a flow. A protocol is told by its bytes; the server's port decides where the bytes
//! alone would fit by chance.

use crate::{
    applications::Input,
    dnp3,
    dns::{self, DnsSettings},
    enip, http, http2, modbus, quic, tls,
};
use sluice_core::{AppProtocol, Direction};

/// How sure a parser is that some bytes are the beginning of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// They can't be.
    No,
    /// There are too few of them to tell.
    More,
    /// They fit, as others might: believed on the protocol's port.
    Fits,
    /// Nothing else looks like it: believed on any port.
    Sure,
}

/// One parser's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolSettings {
    /// Whether the protocol is looked for.
    pub enabled: bool,
    /// Whether it is only recognised, not read.
    pub detection_only: bool,
    /// Ports of its servers.
    pub ports: Ports,
}

/// Up to four ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    list: [u16; 4],
}

impl Ports {
    /// These ports; those beyond the fourth are left out, 0 is none.
    pub fn of(ports: &[u16]) -> Self {
        let mut list = [0; 4];
        list.iter_mut().zip(ports).for_each(|(place, port)| *place = *port);
        Self { list }
    }

    /// Whether `port` is among them.
    pub fn contains(self, port: u16) -> bool {
        port != 0 && self.list.contains(&port)
    }
}

/// What the first bytes of an end tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// Nothing.
    No,
    /// Nothing yet.
    More,
    /// They are of this protocol.
    Yes(AppProtocol),
}

/// Settings of all parsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppSettings {
    protocols: [ProtocolSettings; AppProtocol::ALL.len()],
    /// Transactions open at once, of one worker.
    pub transactions: usize,
    /// Bytes kept of transactions, of one worker; a fourth of it besides for input that waits.
    pub memory: usize,
    /// DNS.
    pub dns: DnsSettings,
    /// Of TLS.
    pub tls: tls::TlsSettings,
    /// Of QUIC.
    pub quic: quic::QuicSettings,
    /// Objects a message of DNP3 may have before that is an event.
    pub dnp3_max_objects: u32,
    /// Points an object of DNP3 may have before that is an event.
    pub dnp3_max_points: u32,
    /// Digests made of every file, whatever rules ask for: MD5, SHA-1, SHA-256.
    pub digests: [bool; 3],
    /// HTTP/1.
    pub http: http::HttpSettings,
}

impl Default for AppSettings {
    fn default() -> Self {
        let of = |protocol: AppProtocol| {
            // Those of plants are off unless told otherwise, as in the reference engine's stock configuration.
            let (enabled, ports): (bool, &[u16]) = match protocol {
                AppProtocol::Http | AppProtocol::Http2 | AppProtocol::Doh2 => (true, &[80]),
                AppProtocol::Tls | AppProtocol::Quic => (true, &[443]),
                AppProtocol::Mdns => (true, &[5353]),
                AppProtocol::Llmnr => (true, &[5355]),
                AppProtocol::Dns => (true, &[53]),
                AppProtocol::Enip => (false, &[44_818]),
                AppProtocol::Modbus => (false, &[502]),
                AppProtocol::Dnp3 => (false, &[20_000]),
            };
            ProtocolSettings { enabled, detection_only: false, ports: Ports::of(ports) }
        };
        Self {
            protocols: AppProtocol::ALL.map(of),
            transactions: 65_536,
            memory: 128 << 20,
            dns: DnsSettings::default(),
            tls: tls::TlsSettings::default(),
            quic: quic::QuicSettings::default(),
            dnp3_max_objects: 2_048,
            dnp3_max_points: 16_384,
            digests: [false; 3],
            http: http::HttpSettings::default(),
        }
    }
}

impl AppSettings {
    /// No protocol is looked for.
    pub fn off() -> Self {
        let mut settings = Self::default();
        settings.protocols.iter_mut().for_each(|protocol| protocol.enabled = false);
        settings
    }

    /// The settings of `protocol`.
    pub fn of(&self, protocol: AppProtocol) -> Option<&ProtocolSettings> {
        self.protocols.get(protocol as usize)
    }

    /// The settings of `protocol`, to be changed.
    pub fn of_mut(&mut self, protocol: AppProtocol) -> Option<&mut ProtocolSettings> {
        self.protocols.get_mut(protocol as usize)
    }

    /// Whether connections of `protocol` are let be when the rest of them is encrypted.
    pub fn bypasses(&self, protocol: AppProtocol) -> bool {
        let encryption = match protocol {
            AppProtocol::Tls => self.tls.encryption,
            AppProtocol::Quic => self.quic.encryption,
            _ => return false,
        };
        encryption == tls::Encryption::Bypass
    }

    /// Whether `protocol` is looked for.
    pub fn is_enabled(&self, protocol: AppProtocol) -> bool {
        self.of(protocol).is_some_and(|settings| settings.enabled)
    }

    /// Whether `protocol` is read, not only recognised.
    pub fn is_read(&self, protocol: AppProtocol) -> bool {
        self.of(protocol).is_some_and(|settings| settings.enabled && !settings.detection_only)
    }

    /// Whether one of `ports` is that of a protocol that is on.
    pub fn has_port(&self, ports: [u16; 2]) -> bool {
        let mut on = self.protocols.iter().filter(|settings| settings.enabled);
        on.any(|settings| ports.iter().any(|&port| settings.ports.contains(port)))
    }

    /// Whether no protocol is looked for.
    pub fn is_off(&self) -> bool {
        self.protocols.iter().all(|settings| !settings.enabled)
    }

    /// Whether a datagram, or the first of a stream, from the first of these ports to the second is a response of DNS, or of its kin where one end alone is a server.
    pub fn is_dns_answer(&self, [from, to]: [u16; 2], bytes: &[u8], datagram: bool) -> bool {
        let is_server = |protocol: AppProtocol| {
            let settings = self.of(protocol).filter(|settings| settings.enabled);
            let ports = |settings: &ProtocolSettings| match protocol {
                AppProtocol::Dns => self.dns.ports(datagram).unwrap_or(settings.ports),
                _ => settings.ports,
            };
            settings.map(ports).is_some_and(|ports| ports.contains(from) && !ports.contains(to))
        };
        // Over TCP two bytes of length stand in front.
        let flags = if datagram { bytes.get(2) } else { bytes.get(4) };
        let is_response = flags.is_some_and(|flags| flags & 0x80 != 0);
        is_response
            && (is_server(AppProtocol::Dns) && self.dns.is_on(datagram) || datagram && is_server(AppProtocol::Llmnr))
            && dns::likeness(bytes, datagram) >= Likeness::Fits
    }

    /// Whether `bytes`, a datagram, begin a connection of QUIC for certain, whatever came before.
    pub fn begins_quic(&self, bytes: &[u8]) -> bool {
        self.is_read(AppProtocol::Quic) && quic::is_certain(bytes)
    }

    /// Whether `bytes` begin what only a server of HTTP/1 or TLS says.
    pub fn is_server(&self, bytes: &[u8]) -> bool {
        let of_http = || http::likeness(bytes, Direction::ToClient) == Likeness::Sure;
        let of_tls =
            || matches!(bytes, [22, 3, _, _, _, 2, ..]) && tls::likeness(bytes, Direction::ToClient) == Likeness::Sure;
        (self.is_enabled(AppProtocol::Http) && of_http()) || (self.is_enabled(AppProtocol::Tls) && of_tls())
    }

    /// The protocol of which `bytes`, the first of the end that speaks in `input`, are the beginning.
    ///
    /// # Cost
    /// A few compares for each protocol that is on.
    pub fn recognise(&self, bytes: &[u8], input: &Input) -> Recognised {
        let direction = input.direction;
        let [server, client] = input.ports;
        let mut told = Recognised::No;
        for protocol in AppProtocol::ALL {
            let Some(settings) = self.of(protocol).filter(|settings| settings.enabled) else { continue };
            let datagram = input.datagram;
            let is_dns = protocol == AppProtocol::Dns;
            let ports = if is_dns { self.dns.ports(datagram) } else { None }.unwrap_or(settings.ports);
            // A response may be the first that is seen, or come alone to whom a multicast question was asked.
            let either = input.either || datagram;
            let on_port = || ports.contains(server) || (either && ports.contains(client));
            let likeness = match protocol {
                AppProtocol::Http if !datagram => http::likeness(bytes, direction),
                AppProtocol::Http2 if !datagram => http2::likeness(bytes, direction),
                AppProtocol::Tls if !datagram => tls::likeness(bytes, direction),
                AppProtocol::Quic if datagram => quic::likeness(bytes, direction),
                AppProtocol::Mdns | AppProtocol::Llmnr if datagram && on_port() => dns::likeness(bytes, true),
                AppProtocol::Dns if self.dns.is_on(datagram) => dns::likeness(bytes, datagram),
                AppProtocol::Enip => enip::likeness(bytes),
                AppProtocol::Modbus => modbus::likeness(bytes, direction),
                AppProtocol::Dnp3 => dnp3::likeness(bytes),
                _ => Likeness::No,
            };
            match likeness {
                Likeness::No => {}
                Likeness::More => told = Recognised::More,
                Likeness::Fits if !on_port() => {}
                Likeness::Fits | Likeness::Sure => return Recognised::Yes(protocol),
            }
        }
        told
    }
}
