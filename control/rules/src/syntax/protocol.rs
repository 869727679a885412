//! Protocols a rule header can name: network and transport ones, and application protocols.
//!
//! Used by `header`, `app-layer-protocol` and the check that a keyword belongs to the rule's protocol.
//! What the engine can decode is not known here.
//!
//! Source: the public rule documentation, "Rules Format: Protocol", and the corpora.

/// How much of TCP a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TcpScope {
    /// `tcp`: packets and the reassembled stream.
    Any,
    /// `tcp-pkt`: packets only.
    Packet,
    /// `tcp-stream`: the reassembled stream only.
    Stream,
}

/// The protocol field of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `ip`, `any`: every IP packet.
    Ip,
    /// `ipv4`, `ip4`.
    Ipv4,
    /// `ipv6`, `ip6`.
    Ipv6,
    /// `tcp`, `tcp-pkt`, `tcp-stream`.
    Tcp(TcpScope),
    /// `udp`.
    Udp,
    /// `icmp`: ICMP of either version.
    Icmp,
    /// `icmpv4`.
    Icmpv4,
    /// `icmpv6`.
    Icmpv6,
    /// `sctp`.
    Sctp,
    /// `igmp`.
    Igmp,
    /// `gre`.
    Gre,
    /// `esp`.
    Esp,
    /// `pkthdr`: every packet, also one that could not be decoded.
    PacketHeader,
    /// `ether`: every Ethernet frame.
    Ether,
    /// `arp`.
    Arp,
    /// An application protocol, whatever the port.
    App(AppProtocol),
}

const PLAIN: [(&str, Protocol); 22] = [
    ("ip", Protocol::Ip),
    ("any", Protocol::Ip),
    ("ipv4", Protocol::Ipv4),
    ("ip4", Protocol::Ipv4),
    ("ipv6", Protocol::Ipv6),
    ("ip6", Protocol::Ipv6),
    ("tcp", Protocol::Tcp(TcpScope::Any)),
    ("tcp-pkt", Protocol::Tcp(TcpScope::Packet)),
    ("tcp-stream", Protocol::Tcp(TcpScope::Stream)),
    ("udp", Protocol::Udp),
    ("icmp", Protocol::Icmp),
    ("icmpv4", Protocol::Icmpv4),
    ("icmp4", Protocol::Icmpv4),
    ("icmpv6", Protocol::Icmpv6),
    ("icmp6", Protocol::Icmpv6),
    ("sctp", Protocol::Sctp),
    ("igmp", Protocol::Igmp),
    ("gre", Protocol::Gre),
    ("esp", Protocol::Esp),
    ("pkthdr", Protocol::PacketHeader),
    ("ether", Protocol::Ether),
    ("arp", Protocol::Arp),
];

impl Protocol {
    /// The protocol of this name, ASCII case aside.
    pub fn from_name(name: &str) -> Option<Self> {
        PLAIN
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|&(_, p)| p)
            .or_else(|| AppProtocol::from_name(name).map(Self::App))
    }

    /// Every name, aliases included.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PLAIN.iter().map(|&(n, _)| n).chain(AppProtocol::ALL.iter().map(|&(n, _)| n))
    }

    /// The application protocol, if it is one.
    pub const fn app(self) -> Option<AppProtocol> {
        match self {
            Self::App(app) => Some(app),
            _ => None,
        }
    }
}

macro_rules! app_protocols {
    ($($(#[$doc:meta])* $variant:ident = $name:literal $(| $alias:literal)*;)*) => {
        /// An application protocol by its name in the rule language.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum AppProtocol { $($(#[$doc])* $variant,)* }

        impl AppProtocol {
            /// Every name with its protocol; aliases follow the canonical name.
            pub const ALL: &'static [(&'static str, AppProtocol)] =
                &[$(($name, AppProtocol::$variant), $(($alias, AppProtocol::$variant),)*)*];

            /// The canonical name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

app_protocols! {
    /// HTTP of any version.
    Http = "http";
    /// HTTP/1.x and older.
    Http1 = "http1";
    /// HTTP/2.
    Http2 = "http2";
    /// DNS over HTTP/2.
    Doh2 = "doh2";
    /// TLS and SSL.
    Tls = "tls" | "ssl";
    /// DNS over UDP or TCP.
    Dns = "dns";
    /// Multicast DNS.
    Mdns = "mdns";
    /// Link-local multicast name resolution.
    Llmnr = "llmnr";
    /// SMTP.
    Smtp = "smtp";
    /// IMAP.
    Imap = "imap";
    /// POP3.
    Pop3 = "pop3";
    /// FTP control.
    Ftp = "ftp";
    /// FTP data.
    FtpData = "ftp-data";
    /// TFTP.
    Tftp = "tftp";
    /// SSH.
    Ssh = "ssh";
    /// SMB of any version.
    Smb = "smb";
    /// DCE/RPC.
    Dcerpc = "dcerpc";
    /// NFS.
    Nfs = "nfs";
    /// Kerberos 5.
    Krb5 = "krb5";
    /// LDAP.
    Ldap = "ldap";
    /// SNMP.
    Snmp = "snmp";
    /// NTP.
    Ntp = "ntp";
    /// DHCP.
    Dhcp = "dhcp";
    /// SIP.
    Sip = "sip";
    /// RDP.
    Rdp = "rdp";
    /// RFB (VNC).
    Rfb = "rfb";
    /// MQTT.
    Mqtt = "mqtt";
    /// QUIC.
    Quic = "quic";
    /// IKE.
    Ike = "ike" | "ikev2" | "ikev1";
    /// Modbus.
    Modbus = "modbus";
    /// DNP3.
    Dnp3 = "dnp3";
    /// EtherNet/IP.
    Enip = "enip";
    /// PostgreSQL.
    Pgsql = "pgsql";
    /// Telnet.
    Telnet = "telnet";
    /// WebSocket.
    WebSocket = "websocket";
    /// BitTorrent's distributed hash table.
    BittorrentDht = "bittorrent-dht";
    /// IRC.
    Irc = "irc";
    /// Jabber.
    Jabber = "jabber";
    /// MSN messenger.
    Msn = "msn";
    /// The example protocol of the reference.
    Template = "template";
    /// Traffic whose protocol could not be told (`app-layer-protocol` only).
    Failed = "failed";
    /// Traffic whose protocol is not known yet (`app-layer-protocol` only).
    Unknown = "unknown";
}

impl AppProtocol {
    /// The protocol of this name, ASCII case aside.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|&(_, p)| p)
    }

    /// Whether traffic of `other` can be seen by a rule for `self`: `http` takes in both versions, and DNS over
    /// HTTP/2 is both of its parts.
    pub fn covers(self, other: Self) -> bool {
        self == other
            || match self {
                Self::Http => matches!(other, Self::Http1 | Self::Http2 | Self::Doh2),
                Self::Dns | Self::Http2 => matches!(other, Self::Doh2),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_lead_to_one_protocol() {
        assert_eq!(Protocol::from_name("ssl"), Some(Protocol::App(AppProtocol::Tls)));
        assert_eq!(Protocol::from_name("IP"), Some(Protocol::Ip));
        assert_eq!(Protocol::from_name("vxlan"), None);
        assert_eq!(AppProtocol::Tls.name(), "tls");
    }
}
