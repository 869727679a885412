//! The pieces of a packet a program can look at.
//!
//! Application-layer buffers join this list with their parsers.

use sluice_packet::Headers;

/// A piece of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Buffer {
    /// Transport payload.
    Payload,
    /// `ether.hdr`
    EthernetHeader,
    /// `ipv4.hdr`, with options.
    Ipv4Header,
    /// `ipv6.hdr`, with extension headers.
    Ipv6Header,
    /// `tcp.hdr`, with options.
    TcpHeader,
    /// `udp.hdr`
    UdpHeader,
    /// `icmpv4.hdr`
    Icmpv4Header,
    /// `icmpv6.hdr`
    Icmpv6Header,
    /// `igmp.hdr`
    IgmpHeader,
    /// `sctp.hdr`
    SctpHeader,
}

impl Buffer {
    /// The bytes of this piece; none when the packet doesn't have it.
    #[inline]
    pub fn of<'f>(self, frame: &'f [u8], headers: &Headers) -> Option<&'f [u8]> {
        let when = |there: bool, bytes: &'f [u8]| (there && !bytes.is_empty()).then_some(bytes);
        match self {
            Self::Payload => when(true, headers.payload(frame)),
            Self::EthernetHeader => when(headers.has_ethernet, headers.ethernet(frame)),
            Self::Ipv4Header => when(headers.ip_version == 4, headers.ip_header(frame)),
            Self::Ipv6Header => when(headers.ip_version == 6, headers.ip_header(frame)),
            Self::TcpHeader => when(headers.is_tcp(), headers.transport_header(frame)),
            Self::UdpHeader => when(headers.is_udp(), headers.transport_header(frame)),
            Self::Icmpv4Header => when(headers.is_icmpv4(), headers.transport_header(frame)),
            Self::Icmpv6Header => when(headers.is_icmpv6(), headers.transport_header(frame)),
            Self::IgmpHeader => when(headers.protocol == 2 && headers.is_ip(), headers.ip_payload(frame)),
            Self::SctpHeader => when(headers.is_sctp(), headers.transport_header(frame)),
        }
    }
}
