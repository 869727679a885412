//! The answer of the decoder: one [`Headers`] for each layer of a frame.
//!
//! Written by the decoders only; read by every later stage. Holds offsets, never pieces of the frame, so it can be
//! copied, queued and kept apart from the packet. It never checks that the frame given to an accessor is the one that
//! was decoded: with another frame the accessors answer other bytes or none, and do not panic.

use crate::event::{DecodeEvent, EventSet};
use crate::seen::ProtocolSet;

/// Layers one frame can have: the outermost and three tunnels inside each other.
pub const MAX_LAYERS: usize = 4;

/// How a layer came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PacketSource {
    /// The frame itself.
    #[default]
    Wire,
    /// GRE (RFC 2784, RFC 2890, RFC 2637).
    Gre,
    /// ERSPAN inside GRE.
    Erspan,
    /// IPv4 in IPv4 (RFC 2003).
    Ipv4InIpv4,
    /// IPv6 in IPv4 (RFC 4213).
    Ipv6InIpv4,
    /// IPv4 in IPv6 (RFC 2473).
    Ipv4InIpv6,
    /// IPv6 in IPv6 (RFC 2473).
    Ipv6InIpv6,
    /// Teredo (RFC 4380).
    Teredo,
    /// VXLAN (RFC 7348).
    Vxlan,
    /// GENEVE (RFC 8926).
    Geneve,
    /// GTP-U (3GPP TS 29.281).
    GtpU,
    /// Put together from fragments.
    Defrag,
    /// No packet: a flow ended, and what was left of its data was judged.
    FlowEnd,
}

impl PacketSource {
    /// The word EVE uses in `pkt_src`. GTP-U has none in Suricata, which does not open it.
    pub const fn pkt_src(self) -> &'static str {
        match self {
            Self::Wire => "wire/pcap",
            Self::Gre | Self::Erspan => "gre tunnel",
            Self::Ipv4InIpv4 | Self::Ipv6InIpv4 => "ipv4 tunnel",
            Self::Ipv4InIpv6 | Self::Ipv6InIpv6 => "ipv6 tunnel",
            Self::Teredo => "teredo tunnel",
            Self::Vxlan => "vxlan encapsulation",
            Self::Geneve => "geneve encapsulation",
            Self::GtpU => "gtp-u tunnel",
            Self::Defrag => "defrag",
            Self::FlowEnd => "stream (flow timeout)",
        }
    }
}

/// Fragment fields of the IPv4 header (RFC 791) or the IPv6 fragment header (RFC 8200 section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6. IPv4 has one in every packet; IPv6 in those with the header.
    pub id: u32,
    /// Where the fragment's data belong, in bytes from the start of the datagram's data; a multiple of 8.
    pub offset_bytes: u16,
    /// Whether more fragments follow.
    pub more: bool,
    /// Whether this is a piece: `more`, or an offset that is not 0. An IPv6 atomic fragment is not.
    pub is_fragment: bool,
    /// Don't-fragment bit of IPv4.
    pub dont: bool,
    /// Reserved bit of IPv4, which RFC 791 wants 0.
    pub reserved: bool,
    /// IPv6: where the fragment header begins, in bytes from that of the packet.
    pub header_at: u16,
    /// IPv6: where the byte lies that names the fragment header, likewise.
    pub named_at: u16,
}

impl Fragment {
    /// Those of a packet that has none.
    pub const NONE: Self = Self {
        id: 0,
        offset_bytes: 0,
        more: false,
        is_fragment: false,
        dont: false,
        reserved: false,
        header_at: 0,
        named_at: 0,
    };
}

/// The flag bits of a TCP header's 14th byte.
pub struct TcpFlags;

impl TcpFlags {
    /// No more data from sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgment field counts.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer counts.
    pub const URG: u8 = 0x20;
    /// ECN echo (RFC 3168).
    pub const ECE: u8 = 0x40;
    /// Congestion window reduced (RFC 3168).
    pub const CWR: u8 = 0x80;
}

/// Timestamps option (RFC 7323 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpTimestamps {
    /// TSval.
    pub value: u32,
    /// TSecr.
    pub echo: u32,
}

/// What the options of a TCP header said. The first of a repeated option counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TcpOptions {
    /// Timestamps (kind 8).
    pub timestamps: Option<TcpTimestamps>,
    /// Maximum segment size (kind 2), in bytes.
    pub mss: Option<u16>,
    /// Window scale (kind 3): a shift, as sent; RFC 7323 section 2.3 caps its use at 14.
    pub window_scale: Option<u8>,
    /// Selective acknowledgement permitted (kind 4).
    pub sack_permitted: bool,
    /// A selective acknowledgement option with blocks (kind 5).
    pub sack: bool,
    /// A TCP Fast Open option (kind 34).
    pub fast_open: bool,
    /// A TCP-MD5 (kind 19) or TCP-AO (kind 29) option.
    pub signature: bool,
    /// Bytes of options, padding included: header length less 20.
    pub length: u8,
}

/// Fields of a TCP header (RFC 9293). All 0 when the layer is not TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TcpFields {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number, also when ACK is not set.
    pub ack: u32,
    /// Window as sent, not scaled.
    pub window: u16,
    /// Urgent pointer, also when URG is not set.
    pub urgent_pointer: u16,
    /// Flags: [`TcpFlags`].
    pub flags: u8,
    /// The four bits between data offset and flags; the lowest was ECN-nonce (NS).
    pub reserved: u8,
    /// Options.
    pub options: TcpOptions,
}

/// Fields of an SCTP packet (RFC 9260). All 0 when the layer is not SCTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SctpFields {
    /// Verification tag.
    pub verification_tag: u32,
    /// Whole chunks in the packet.
    pub chunk_count: u16,
    /// Type of the first chunk; 0 (DATA) when there is none, so look at `chunk_count` too.
    pub first_chunk_type: u8,
    /// Chunk types met among 0 to 14, bit *n* for type *n* (bit 1 is INIT).
    pub chunk_types: u16,
    /// DATA chunks in the packet.
    pub data_chunk_count: u16,
}

/// The packet that an ICMP error quotes. Offsets count from the start of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Start of the quoted IP header.
    pub ip_offset: u32,
    /// Start of the quoted transport header; the end of the quoted IP header when nothing follows.
    pub l4_offset: u32,
    /// 4 or 6.
    pub ip_version: u8,
    /// Upper-layer protocol, after IPv6 extension headers as far as they are quoted.
    pub protocol: u8,
    /// Whether the ports below were quoted (TCP, UDP, SCTP, first fragment only).
    pub has_ports: bool,
    /// Whether `icmp_id` was quoted: the error answers an echo or another query.
    pub has_icmp_id: bool,
    /// Source port of the quoted packet.
    pub src_port: u16,
    /// Destination port of the quoted packet.
    pub dst_port: u16,
    /// Identifier of a quoted ICMP query.
    pub icmp_id: u16,
    /// ICMP type of the quoted packet, when its protocol is ICMP and it was quoted.
    pub icmp_type: u8,
}

impl Embedded {
    /// Source address of the quoted packet; IPv4 in the first four bytes, as in [`Headers::src`].
    pub fn source(&self, frame: &[u8]) -> [u8; 16] {
        self.address(frame, 12, 8)
    }

    /// Destination address of the quoted packet.
    pub fn destination(&self, frame: &[u8]) -> [u8; 16] {
        self.address(frame, 16, 24)
    }

    fn address(&self, frame: &[u8], at_v4: usize, at_v6: usize) -> [u8; 16] {
        let header = frame.get(self.ip_offset as usize..).unwrap_or_default();
        let v4 = self.ip_version == 4;
        let bytes = header.get(if v4 { at_v4 } else { at_v6 }..).unwrap_or_default();
        let mut address = [0; 16];
        let length = if v4 { 4 } else { 16 };
        for (to, from) in address.iter_mut().zip(bytes.iter().take(length)) {
            *to = *from;
        }
        address
    }
}

/// The headers of one layer. Offsets count from the start of the frame, in bytes.
///
/// A field that the layer has no header for is 0, `false` or `None`: nothing is left over from an earlier frame.
#[derive(Clone, Copy, Debug)]
pub struct Headers {
    /// Source address; IPv4 in the first four bytes, the rest 0.
    pub src: [u8; 16],
    /// Destination address, likewise.
    pub dst: [u8; 16],
    /// Where this layer's own frame or IP packet begins: 0 for the outermost.
    pub frame_start: u32,
    /// Start of the innermost Ethernet header of this layer; meaningful when `has_ethernet`.
    pub ethernet_offset: u32,
    /// Start of the IP header; meaningful when `ip_version` is not 0.
    pub ip_offset: u32,
    /// The whole IP packet as its header declares it, cut to what the frame holds.
    pub ip_len: u32,
    /// Start of the transport header; for IP without one, the end of the IP header.
    pub l4_offset: u32,
    /// Start of the payload: of the transport, or of IP when the transport is unknown or this is a later fragment, or
    /// what follows the last header understood when there is no IP.
    pub payload_offset: u32,
    /// Bytes of payload; Ethernet padding and bytes past the IP or UDP length are not part of it.
    pub payload_len: u32,
    /// IPv4: IHL in bytes. IPv6: 40 and all extension headers before the upper layer.
    pub ip_header_len: u16,
    /// Bytes of transport header, options included; meaningful when `has_transport`. ICMPv4 router advertisements,
    /// timestamps and address masks have longer headers, whose bytes past the eighth are in the payload too.
    pub l4_header_len: u16,
    /// Source port of TCP, UDP and SCTP, else 0.
    pub src_port: u16,
    /// Destination port of TCP, UDP and SCTP, else 0.
    pub dst_port: u16,
    /// EtherType of what follows the VLAN tags (and other tags). 0 when the layer has none.
    pub ether_type: u16,
    /// VLAN identifiers, 12 bits, outermost first. The first `vlan_count` are meaningful.
    pub vlan: [u16; 3],
    /// VLAN tags seen in this layer, at most 3.
    pub vlan_count: u8,
    /// 4, 6, or 0 for no IP.
    pub ip_version: u8,
    /// Upper-layer protocol after IPv6 extension headers (IANA numbers). 59 is none. 0 without IP.
    pub protocol: u8,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Type of service or traffic class.
    pub tos: u8,
    /// How the layer came to be.
    pub source: PacketSource,
    /// Whether this layer has an Ethernet header.
    pub has_ethernet: bool,
    /// Whether a transport header was found whole and sound.
    pub has_transport: bool,
    /// Decoding stopped with an error: the layer must not create a flow.
    pub invalid: bool,
    /// Whether the routing header says the packet still has hops to visit, so that `dst` is not the last destination.
    pub routed: bool,
    /// ICMP or ICMPv6 type, IGMP type. Meaningful when `has_transport`.
    pub icmp_type: u8,
    /// ICMP or ICMPv6 code.
    pub icmp_code: u8,
    /// Whether `icmp_id` and `icmp_seq` are meaningful: echo, timestamp, information and mask messages.
    pub has_icmp_id: bool,
    /// ICMP identifier.
    pub icmp_id: u16,
    /// ICMP sequence number.
    pub icmp_seq: u16,
    /// MTU of an ICMPv6 packet-too-big message.
    pub icmpv6_mtu: Option<u32>,
    /// Fragment fields.
    pub fragment: Fragment,
    /// TCP fields.
    pub tcp: TcpFields,
    /// SCTP fields.
    pub sctp: SctpFields,
    /// The packet an ICMP error quotes.
    pub embedded: Option<Embedded>,
    /// Protocols this layer was made of, for counters.
    pub seen: ProtocolSet,
    /// What was odd.
    pub events: EventSet,
}

impl Headers {
    /// Headers of a layer of which nothing is known.
    pub const EMPTY: Self = Self {
        src: [0; 16],
        dst: [0; 16],
        frame_start: 0,
        ethernet_offset: 0,
        ip_offset: 0,
        ip_len: 0,
        l4_offset: 0,
        payload_offset: 0,
        payload_len: 0,
        ip_header_len: 0,
        l4_header_len: 0,
        src_port: 0,
        dst_port: 0,
        ether_type: 0,
        vlan: [0; 3],
        vlan_count: 0,
        ip_version: 0,
        protocol: 0,
        ttl: 0,
        tos: 0,
        source: PacketSource::Wire,
        has_ethernet: false,
        has_transport: false,
        invalid: false,
        routed: false,
        icmp_type: 0,
        icmp_code: 0,
        has_icmp_id: false,
        icmp_id: 0,
        icmp_seq: 0,
        icmpv6_mtu: None,
        fragment: Fragment::NONE,
        tcp: TcpFields {
            seq: 0,
            ack: 0,
            window: 0,
            urgent_pointer: 0,
            flags: 0,
            reserved: 0,
            options: TcpOptions {
                timestamps: None,
                mss: None,
                window_scale: None,
                sack_permitted: false,
                sack: false,
                fast_open: false,
                signature: false,
                length: 0,
            },
        },
        sctp: SctpFields {
            verification_tag: 0,
            chunk_count: 0,
            first_chunk_type: 0,
            chunk_types: 0,
            data_chunk_count: 0,
        },
        embedded: None,
        seen: ProtocolSet::EMPTY,
        events: EventSet::EMPTY,
    };

    /// Makes the layer one of which nothing is known. Field by field on purpose: bytes behind an empty `Option` or an empty
    /// event list are not written, and neighbours become wide stores. The pattern names every field, so that a new one
    /// cannot be forgotten.
    #[inline(always)]
    pub(crate) fn reset(&mut self, source: PacketSource, frame_start: u32) {
        let Self {
            src,
            dst,
            frame_start: own_start,
            ethernet_offset,
            ip_offset,
            ip_len,
            l4_offset,
            payload_offset,
            payload_len,
            ip_header_len,
            l4_header_len,
            src_port,
            dst_port,
            ether_type,
            vlan,
            vlan_count,
            ip_version,
            protocol,
            ttl,
            tos,
            source: own_source,
            has_ethernet,
            has_transport,
            invalid,
            routed,
            icmp_type,
            icmp_code,
            has_icmp_id,
            icmp_id,
            icmp_seq,
            icmpv6_mtu,
            fragment,
            tcp,
            sctp,
            embedded,
            seen,
            events,
        } = self;
        (*src, *dst) = ([0; 16], [0; 16]);
        (*own_start, *ethernet_offset) = (frame_start, 0);
        (*ip_offset, *ip_len, *l4_offset, *payload_offset, *payload_len) = (0, 0, 0, 0, 0);
        (*ip_header_len, *l4_header_len, *src_port, *dst_port, *ether_type) = (0, 0, 0, 0, 0);
        (*vlan, *vlan_count) = ([0; 3], 0);
        (*ip_version, *protocol, *ttl, *tos) = (0, 0, 0, 0);
        *own_source = source;
        (*has_ethernet, *has_transport, *invalid, *routed) = (false, false, false, false);
        (*icmp_type, *icmp_code, *has_icmp_id, *icmp_id, *icmp_seq) = (0, 0, false, 0, 0);
        *icmpv6_mtu = None;
        *fragment = Fragment::NONE;
        *tcp = Self::EMPTY.tcp;
        *sctp = Self::EMPTY.sctp;
        *embedded = None;
        *seen = ProtocolSet::EMPTY;
        events.clear();
    }

    /// The transport payload, or what `payload_offset` says when there is no transport.
    #[inline]
    pub fn payload<'f>(&self, frame: &'f [u8]) -> &'f [u8] {
        cut(frame, self.payload_offset, self.payload_len as usize)
    }

    /// The IP header with options or extension headers; empty without IP.
    #[inline]
    pub fn ip_header<'f>(&self, frame: &'f [u8]) -> &'f [u8] {
        cut(frame, self.ip_offset, usize::from(self.ip_header_len))
    }

    /// The IP packet from its first header byte, `ip_len` long; empty without IP.
    #[inline]
    pub fn ip_packet<'f>(&self, frame: &'f [u8]) -> &'f [u8] {
        cut(frame, self.ip_offset, self.ip_len as usize)
    }

    /// What follows the IP header and its extension headers, up to `ip_len`; empty without IP.
    #[inline]
    pub fn ip_payload<'f>(&self, frame: &'f [u8]) -> &'f [u8] {
        self.ip_packet(frame).get(usize::from(self.ip_header_len)..).unwrap_or_default()
    }

    /// The transport header with its options; empty when there is none.
    #[inline]
    pub fn transport_header<'f>(&self, frame: &'f [u8]) -> &'f [u8] {
        if self.has_transport { cut(frame, self.l4_offset, usize::from(self.l4_header_len)) } else { &[] }
    }

    /// The Ethernet header of this layer, 14 bytes; empty when there is none.
    #[inline]
    pub fn ethernet<'f>(&self, frame: &'f [u8]) -> &'f [u8] {
        if self.has_ethernet { cut(frame, self.ethernet_offset, 14) } else { &[] }
    }

    /// Source and destination hardware addresses; `None` without Ethernet.
    pub fn mac_addresses(&self, frame: &[u8]) -> Option<([u8; 6], [u8; 6])> {
        let (destination, rest) = self.ethernet(frame).split_first_chunk()?;
        Some((*rest.first_chunk()?, *destination))
    }

    /// The VLAN identifiers, outermost first.
    pub fn vlans(&self) -> &[u16] {
        self.vlan.get(..usize::from(self.vlan_count)).unwrap_or(&self.vlan)
    }

    /// Whether the layer has an IP header that was understood.
    #[inline]
    pub const fn is_ip(&self) -> bool {
        self.ip_version != 0
    }

    /// Whether the layer has a sound TCP header.
    #[inline]
    pub const fn is_tcp(&self) -> bool {
        self.has_transport && self.protocol == 6
    }

    /// Whether the layer has a sound UDP header.
    #[inline]
    pub const fn is_udp(&self) -> bool {
        self.has_transport && self.protocol == 17
    }

    /// Whether the layer has a sound SCTP header.
    #[inline]
    pub const fn is_sctp(&self) -> bool {
        self.has_transport && self.protocol == 132
    }

    /// Whether the layer has a sound ICMP header in IPv4.
    #[inline]
    pub const fn is_icmpv4(&self) -> bool {
        self.has_transport && self.protocol == 1 && self.ip_version == 4
    }

    /// Whether the layer has a sound ICMPv6 header in IPv6.
    #[inline]
    pub const fn is_icmpv6(&self) -> bool {
        self.has_transport && self.protocol == 58 && self.ip_version == 6
    }
}

/// `len` bytes of `frame` from `offset`, or as many as there are.
#[inline]
fn cut(frame: &[u8], offset: u32, len: usize) -> &[u8] {
    let rest = frame.get(offset as usize..).unwrap_or_default();
    rest.get(..len).unwrap_or(rest)
}

/// The layers of one frame, outermost first. Made once and reused: `decode` writes only the layers the frame has.
#[derive(Clone, Debug)]
pub struct Decoded {
    pub(crate) layers: [Headers; MAX_LAYERS],
    pub(crate) count: u8,
}

impl Decoded {
    /// One layer of which nothing is known.
    pub const fn new() -> Self {
        Self { layers: [Headers::EMPTY; MAX_LAYERS], count: 1 }
    }

    /// The layers, outermost first; at least one, at most [`MAX_LAYERS`]. A frame that could not be decoded has one layer
    /// that carries the events.
    #[inline]
    pub fn layers(&self) -> &[Headers] {
        self.layers.get(..usize::from(self.count)).unwrap_or(&self.layers)
    }

    /// The outermost layer.
    #[inline]
    pub const fn outermost(&self) -> &Headers {
        let [first, ..] = &self.layers;
        first
    }

    /// The innermost layer: the last of [`Self::layers`].
    #[inline]
    pub fn innermost(&self) -> &Headers {
        self.layers().last().unwrap_or(self.outermost())
    }
}

impl Decoded {
    /// Whether the innermost layer is a fragment. Only that one can be: nothing is decoded inside of one.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        self.innermost().fragment.is_fragment
    }

    /// Makes the innermost layer a piece: its ports and data count once its datagram is whole. `event`: what was odd about it.
    pub fn make_piece(&mut self, event: Option<DecodeEvent>) {
        let last = usize::from(self.count).saturating_sub(1);
        let Some(layer) = self.layers.get_mut(last) else { return };
        layer.has_transport = false;
        (layer.src_port, layer.dst_port, layer.l4_header_len) = (0, 0, 0);
        (layer.icmp_type, layer.icmp_code) = (0, 0);
        (layer.tcp, layer.payload_len) = (Headers::EMPTY.tcp, 0);
        if let Some(event) = event {
            layer.events.insert(event);
        }
    }
}

impl Default for Decoded {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accessors_answer_nothing_for_a_frame_that_is_too_short() {
        let headers = Headers {
            ip_offset: 14,
            ip_len: 40,
            ip_header_len: 20,
            payload_offset: 54,
            payload_len: 10,
            ..Headers::EMPTY
        };
        assert_eq!(headers.payload(&[0; 20]), b"");
        assert_eq!(headers.ip_header(&[0; 20]).len(), 6);
        assert_eq!(headers.ip_payload(&[0; 20]), b"");
        assert_eq!(headers.mac_addresses(&[0; 20]), None);
    }

    #[test]
    fn a_fresh_answer_has_one_empty_layer() {
        assert_eq!(Decoded::new().layers().len(), 1);
        assert!(!Decoded::new().innermost().is_ip());
    }
}
