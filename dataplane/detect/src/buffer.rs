//! The pieces of a packet a program can look at.
//!
//! Pieces of the messages of application protocols are found by their parsers: see [`Buffer::App`].

use sluice_app::Field;
use sluice_packet::Headers;

/// The ether type of ARP.
const ARP: u16 = 0x0806;

fn address(ip_version: u8, bytes: &[u8; 16]) -> Option<&[u8]> {
    match ip_version {
        4 => bytes.get(..4),
        6 => Some(bytes),
        _ => None,
    }
}

/// A piece of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// `sctp.hdr`, with all chunks.
    SctpHeader,
    /// `sctp.chunk_data`: the user data of a DATA chunk; one of several.
    SctpChunkData,
    /// `arp.hdr`
    ArpHeader,
    /// `ip.src`: the bytes of the address.
    SourceAddress,
    /// `ip.dst`
    DestinationAddress,
    /// A piece of the message that is judged: there is one only while rules about messages are.
    App(Field),
}

impl Buffer {
    /// The bytes of this piece; none when the packet doesn't have it.
    #[inline]
    fn of<'f>(self, frame: &'f [u8], headers: &'f Headers) -> Option<&'f [u8]> {
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
            Self::SctpHeader => when(headers.is_sctp(), headers.ip_payload(frame)),
            Self::SctpChunkData | Self::App(_) => None,
            Self::ArpHeader => {
                when(!headers.is_ip() && headers.ether_type == ARP && !headers.invalid, headers.payload(frame))
            }
            Self::SourceAddress => address(headers.ip_version, &headers.src),
            Self::DestinationAddress => address(headers.ip_version, &headers.dst),
        }
    }

    /// Whether a packet can have several of this piece.
    pub const fn is_several(self) -> bool {
        matches!(self, Self::SctpChunkData | Self::App(_))
    }

    /// Whether `wanted` holds for one instance of this piece. Most have one.
    #[inline]
    pub fn any(self, frame: &[u8], headers: &Headers, wanted: impl FnMut(&[u8]) -> bool) -> bool {
        match self {
            Self::SctpChunkData => {
                sluice_packet::sctp_chunks(frame, headers).filter_map(|chunk| chunk.user_data()).any(wanted)
            }
            one => one.of(frame, headers).is_some_and(wanted),
        }
    }
}
