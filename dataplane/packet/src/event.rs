//! Decoder events: what is odd about a frame, by the names that `decode-event` rules use.
//!
//! Raised by the decoders, read by `detect` (keyword `decode-event`) and by the anomaly record. An event says nothing
//! about what follows: whether decoding stopped is `Headers::invalid`.
//!
//! Names: Suricata's `rules/decoder-events.rules` and `rules/sctp-events.rules`. Those of fragments are raised by
//! defragmentation and those of the capture by `worker`, not here; they have names so that rules load.

macro_rules! events {
    ($($variant:ident $name:literal,)*) => {
        /// One decoder event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DecodeEvent { $(#[doc = concat!("`", $name, "`.")] $variant,)* }

        impl DecodeEvent {
            /// Every event, in the order of the discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name a rule uses, such as `ipv4.pkt_too_small`. EVE puts `decoder.` before it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The event of that name, exactly as a rule writes it (without `decoder.`). Cost: a search over all names,
            /// meant for loading rules.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

events! {
    Ipv4PacketTooSmall "ipv4.pkt_too_small",
    Ipv4HeaderTooSmall "ipv4.hlen_too_small",
    Ipv4LengthSmallerThanHeader "ipv4.iplen_smaller_than_hlen",
    Ipv4Truncated "ipv4.trunc_pkt",
    Ipv4OptionInvalid "ipv4.opt_invalid",
    Ipv4OptionInvalidLength "ipv4.opt_invalid_len",
    Ipv4OptionMalformed "ipv4.opt_malformed",
    Ipv4OptionPadRequired "ipv4.opt_pad_required",
    Ipv4OptionEolRequired "ipv4.opt_eol_required",
    Ipv4OptionDuplicate "ipv4.opt_duplicate",
    Ipv4OptionUnknown "ipv4.opt_unknown",
    Ipv4WrongVersion "ipv4.wrong_ip_version",
    Ipv4WithIcmpv6 "ipv4.icmpv6",
    Ipv4UnknownProtocol "ipv4.unknown_protocol",
    Ipv4FragmentTooLarge "ipv4.frag_pkt_too_large",
    Ipv4FragmentOverlap "ipv4.frag_overlap",
    Ipv4FragmentIgnored "ipv4.frag_ignored",
    Ipv6PacketTooSmall "ipv6.pkt_too_small",
    Ipv6Truncated "ipv6.trunc_pkt",
    Ipv6TruncatedExtension "ipv6.trunc_exthdr",
    Ipv6DuplicateFragmentHeader "ipv6.exthdr_dupl_fh",
    Ipv6UselessFragmentHeader "ipv6.exthdr_useless_fh",
    Ipv6DuplicateRoutingHeader "ipv6.exthdr_dupl_rh",
    Ipv6DuplicateHopByHop "ipv6.exthdr_dupl_hh",
    Ipv6DuplicateDestinationOptions "ipv6.exthdr_dupl_dh",
    Ipv6DuplicateAuthentication "ipv6.exthdr_dupl_ah",
    Ipv6DuplicateEsp "ipv6.exthdr_dupl_eh",
    Ipv6InvalidOptionLength "ipv6.exthdr_invalid_optlen",
    Ipv6WrongVersion "ipv6.wrong_ip_version",
    Ipv6AuthenticationReserved "ipv6.exthdr_ah_res_not_null",
    Ipv6HopByHopUnknownOption "ipv6.hopopts_unknown_opt",
    Ipv6HopByHopOnlyPadding "ipv6.hopopts_only_padding",
    Ipv6DestinationUnknownOption "ipv6.dstopts_unknown_opt",
    Ipv6DestinationOnlyPadding "ipv6.dstopts_only_padding",
    Ipv6RoutingType0 "ipv6.rh_type_0",
    Ipv6ZeroLengthPadN "ipv6.zero_len_padn",
    Ipv6FragmentReserved "ipv6.fh_non_zero_reserved_field",
    Ipv6DataAfterNone "ipv6.data_after_none_header",
    Ipv6UnknownNextHeader "ipv6.unknown_next_header",
    Ipv6WithIcmpv4 "ipv6.icmpv4",
    Ipv6FragmentTooLarge "ipv6.frag_pkt_too_large",
    Ipv6FragmentOverlap "ipv6.frag_overlap",
    Ipv6FragmentInvalidLength "ipv6.frag_invalid_length",
    Ipv6FragmentIgnored "ipv6.frag_ignored",
    Ipv4InIpv6TooSmall "ipv6.ipv4_in_ipv6_too_small",
    Ipv4InIpv6WrongVersion "ipv6.ipv4_in_ipv6_wrong_version",
    Ipv6InIpv6TooSmall "ipv6.ipv6_in_ipv6_too_small",
    Ipv6InIpv6WrongVersion "ipv6.ipv6_in_ipv6_wrong_version",
    Icmpv4PacketTooSmall "icmpv4.pkt_too_small",
    Icmpv4UnknownType "icmpv4.unknown_type",
    Icmpv4UnknownCode "icmpv4.unknown_code",
    Icmpv4QuoteTruncated "icmpv4.ipv4_trunc_pkt",
    Icmpv4QuoteUnknownVersion "icmpv4.ipv4_unknown_ver",
    Icmpv6PacketTooSmall "icmpv6.pkt_too_small",
    Icmpv6UnknownType "icmpv6.unknown_type",
    Icmpv6UnknownCode "icmpv6.unknown_code",
    Icmpv6QuoteTruncated "icmpv6.ipv6_trunc_pkt",
    Icmpv6QuoteUnknownVersion "icmpv6.ipv6_unknown_version",
    Icmpv6MldHopLimit "icmpv6.mld_message_with_invalid_hl",
    Icmpv6UnassignedType "icmpv6.unassigned_type",
    Icmpv6ExperimentationType "icmpv6.experimentation_type",
    TcpPacketTooSmall "tcp.pkt_too_small",
    TcpHeaderTooSmall "tcp.hlen_too_small",
    TcpHeaderPastEnd "tcp.invalid_optlen",
    TcpOptionInvalidLength "tcp.opt_invalid_len",
    TcpOptionDuplicate "tcp.opt_duplicate",
    UdpPacketTooSmall "udp.pkt_too_small",
    UdpHeaderTooSmall "udp.hlen_too_small",
    UdpHeaderInvalid "udp.hlen_invalid",
    UdpLengthInvalid "udp.len_invalid",
    SctpPacketTooSmall "sctp.pkt_too_small",
    SctpChunkTooSmall "sctp.chunk_too_small",
    SctpChunkLengthInvalid "sctp.chunk_len_invalid",
    SctpInitBundled "sctp.init_chunk_bundled",
    SctpInitWithTag "sctp.init_with_non_zero_vtag",
    SctpDataWithoutTag "sctp.data_with_zero_vtag",
    SctpTooManyChunks "sctp.too_many_chunks",
    SctpTooManyDataChunks "sctp.too_many_data_chunks",
    EspPacketTooSmall "esp.pkt_too_small",
    IgmpPacketTooSmall "igmp.pkt_too_small",
    IgmpV3PacketTooSmall "igmp.v3_pkt_too_small",
    IgmpMalformed "igmp.malformed",
    ArpPacketTooSmall "arp.pkt_too_small",
    ArpUnsupportedHardware "arp.unsupported_hardware",
    ArpUnsupportedProtocol "arp.unsupported_protocol",
    ArpInvalidPacket "arp.invalid_pkt",
    ArpInvalidHardwareSize "arp.invalid_hardware_size",
    ArpInvalidProtocolSize "arp.invalid_protocol_size",
    ArpUnsupportedOpcode "arp.unsupported_opcode",
    SllPacketTooSmall "sll.pkt_too_small",
    Sll2PacketTooSmall "sll2.pkt_too_small",
    EthernetPacketTooSmall "ethernet.pkt_too_small",
    EthernetUnknownType "ethernet.unknown_ethertype",
    PppPacketTooSmall "ppp.pkt_too_small",
    PppVjuPacketTooSmall "ppp.vju_pkt_too_small",
    PppIpv4PacketTooSmall "ppp.ip4_pkt_too_small",
    PppIpv6PacketTooSmall "ppp.ip6_pkt_too_small",
    PppWrongType "ppp.wrong_type",
    PppUnsupportedProtocol "ppp.unsup_proto",
    PppoePacketTooSmall "pppoe.pkt_too_small",
    PppoeWrongCode "pppoe.wrong_code",
    PppoeMalformedTags "pppoe.malformed_tags",
    GrePacketTooSmall "gre.pkt_too_small",
    GreWrongVersion "gre.wrong_version",
    GreV0Recursion "gre.version0_recur",
    GreV0Flags "gre.version0_flags",
    GreV0HeaderTooBig "gre.version0_hdr_too_big",
    GreV0MalformedSre "gre.version0_malformed_sre_hdr",
    GreV1Checksum "gre.version1_chksum",
    GreV1Route "gre.version1_route",
    GreV1StrictSourceRoute "gre.version1_ssr",
    GreV1Recursion "gre.version1_recur",
    GreV1Flags "gre.version1_flags",
    GreV1NoKey "gre.version1_no_key",
    GreV1WrongProtocol "gre.version1_wrong_protocol",
    GreV1MalformedSre "gre.version1_malformed_sre_hdr",
    GreV1HeaderTooBig "gre.version1_hdr_too_big",
    VlanHeaderTooSmall "vlan.header_too_small",
    VlanUnknownType "vlan.unknown_type",
    VlanTooManyLayers "vlan.too_many_layers",
    VntagHeaderTooSmall "vntag.header_too_small",
    VntagUnknownType "vntag.unknown_type",
    Ieee8021ahHeaderTooSmall "ieee8021ah.header_too_small",
    EtagHeaderTooSmall "etag.header_too_small",
    EtagUnknownType "etag.unknown_type",
    IpRawInvalidVersion "ipraw.invalid_ip_version",
    MplsHeaderTooSmall "mpls.header_too_small",
    MplsPacketTooSmall "mpls.pkt_too_small",
    MplsBadRouterAlert "mpls.bad_label_router_alert",
    MplsBadImplicitNull "mpls.bad_label_implicit_null",
    MplsReservedLabel "mpls.bad_label_reserved",
    MplsUnknownPayload "mpls.unknown_payload_type",
    NullPacketTooSmall "ltnull.pkt_too_small",
    NullUnsupportedType "ltnull.unsupported_type",
    ErspanHeaderTooSmall "erspan.header_too_small",
    ErspanUnsupportedVersion "erspan.unsupported_version",
    ErspanTooManyVlanLayers "erspan.too_many_vlan_layers",
    DcePacketTooSmall "dce.pkt_too_small",
    ChdlcPacketTooSmall "chdlc.pkt_too_small",
    NshHeaderTooSmall "nsh.header_too_small",
    NshUnsupportedVersion "nsh.unsupported_version",
    NshBadHeaderLength "nsh.bad_header_length",
    NshReservedType "nsh.reserved_type",
    NshUnsupportedType "nsh.unsupported_type",
    NshUnknownPayload "nsh.unknown_payload",
    VxlanUnknownPayload "vxlan.unknown_payload_type",
    GeneveUnknownPayload "geneve.unknown_payload_type",
    TooManyLayers "too_many_layers",
    CaptureTruncated "afpacket.trunc_pkt",
}

/// The events of one layer, in the order in which they were raised. The same event may be in it twice.
///
/// Holds the first [`EventSet::CAPACITY`]; later ones are lost. Repeats take at most half of that room, and
/// `Headers::invalid` does not depend on it.
#[derive(Clone, Copy)]
pub struct EventSet {
    count: u8,
    events: [DecodeEvent; Self::CAPACITY],
}

impl EventSet {
    /// Events one layer can hold.
    pub const CAPACITY: usize = 15;
    /// No events.
    pub const EMPTY: Self = Self { count: 0, events: [DecodeEvent::Ipv4PacketTooSmall; Self::CAPACITY] };

    /// Forgets all events. Cost: one byte written.
    #[inline]
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds an event behind those there. Does nothing when the set is full, or when it is half full and holds `event`
    /// already: a header repeated a hundred times must not push out what comes after it.
    #[cold]
    pub fn insert(&mut self, event: DecodeEvent) {
        if usize::from(self.count) > Self::CAPACITY / 2 && self.contains(event) {
            return;
        }
        if let Some(place) = self.events.get_mut(usize::from(self.count)) {
            *place = event;
            self.count = self.count.saturating_add(1);
        }
    }

    /// Whether `event` was raised. Cost: at most 15 compares.
    pub fn contains(&self, event: DecodeEvent) -> bool {
        self.as_slice().contains(&event)
    }

    /// Whether nothing was raised.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many were raised, repeats included.
    #[inline]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// The events, repeats included.
    pub fn as_slice(&self) -> &[DecodeEvent] {
        self.events.get(..usize::from(self.count)).unwrap_or(&self.events)
    }

    /// The events, repeats included.
    pub fn iter(&self) -> EventIter<'_> {
        self.as_slice().iter().copied()
    }
}

/// Iterator over an [`EventSet`].
pub type EventIter<'s> = std::iter::Copied<std::slice::Iter<'s, DecodeEvent>>;

impl<'s> IntoIterator for &'s EventSet {
    type Item = DecodeEvent;
    type IntoIter = EventIter<'s>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for EventSet {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for EventSet {}

impl Default for EventSet {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl std::fmt::Debug for EventSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(DecodeEvent::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back_to_their_event() {
        for &event in DecodeEvent::ALL {
            assert_eq!(DecodeEvent::from_name(event.name()), Some(event));
        }
        assert_eq!(DecodeEvent::from_name("decoder.ipv4.pkt_too_small"), None);
    }

    #[test]
    fn a_set_keeps_order_and_repeats() {
        let mut set = EventSet::EMPTY;
        set.insert(DecodeEvent::Ipv4OptionInvalidLength);
        set.insert(DecodeEvent::Ipv4OptionPadRequired);
        set.insert(DecodeEvent::Ipv4OptionInvalidLength);
        assert_eq!(set.len(), 3);
        assert_eq!(set.iter().filter(|&event| event == DecodeEvent::Ipv4OptionInvalidLength).count(), 2);
        assert!(!set.contains(DecodeEvent::TcpOptionDuplicate));
    }

    #[test]
    fn repeats_leave_room_for_other_events() {
        let mut set = EventSet::EMPTY;
        for _ in 0..100 {
            set.insert(DecodeEvent::Ipv6DuplicateFragmentHeader);
        }
        set.insert(DecodeEvent::Ipv6TruncatedExtension);
        assert_eq!(set.len(), 9);
        assert!(set.contains(DecodeEvent::Ipv6TruncatedExtension));
    }

    #[test]
    fn a_full_set_keeps_what_it_has() {
        let mut set = EventSet::EMPTY;
        for &event in DecodeEvent::ALL {
            set.insert(event);
        }
        assert_eq!(set.as_slice(), &DecodeEvent::ALL[..EventSet::CAPACITY]);
    }
}
