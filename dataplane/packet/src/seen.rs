//! Which protocols a layer was made of, for counters such as `decoder.vlan`.
//!
//! Filled by `decode.rs` and the decoders, read by `worker` when it counts. Never used for decisions in this crate.

macro_rules! protocols {
    ($($variant:ident $name:literal,)*) => {
        /// A protocol that the decoder met. The name is that of Suricata's `decoder.*` counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Protocol { $(#[doc = concat!("Counter `decoder.", $name, "`.")] $variant,)* }

        impl Protocol {
            /// Every protocol, in the order of the discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The counter's last word, such as `vlan`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

protocols! {
    Ethernet "ethernet", Vlan "vlan", VlanQinq "vlan_qinq", VlanQinqinq "vlan_qinqinq", Arp "arp", Mpls "mpls",
    Pppoe "pppoe", Ppp "ppp", Chdlc "chdlc", Null "null", Sll "sll", Sll2 "sll2", Ieee8021ah "ieee8021ah",
    Vntag "vntag", Etag "etag", Dce "dce", Nsh "nsh", Raw "raw", Ipv4 "ipv4", Ipv6 "ipv6", Tcp "tcp", Udp "udp",
    Icmpv4 "icmpv4", Icmpv6 "icmpv6", Igmp "igmp", Sctp "sctp", Esp "esp", Gre "gre", Erspan "erspan",
    Teredo "teredo", Vxlan "vxlan", Geneve "geneve", GtpU "gtp_u", Ipv4InIpv4 "ipv4_in_ipv4",
    Ipv6InIpv4 "ipv6_in_ipv4", Ipv4InIpv6 "ipv4_in_ipv6", Ipv6InIpv6 "ipv6_in_ipv6",
    UnknownEtherType "unknown_ethertype",
}

/// A set of [`Protocol`]s in one word. A protocol met twice in a layer is in it once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProtocolSet(u64);

impl ProtocolSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Adds a protocol.
    #[inline]
    pub fn insert(&mut self, protocol: Protocol) {
        self.0 |= 1u64.wrapping_shl(protocol as u32);
    }

    /// Whether the layer held `protocol`.
    #[inline]
    pub const fn contains(self, protocol: Protocol) -> bool {
        self.0 & 1u64.wrapping_shl(protocol as u32) != 0
    }

    /// The set as bits: bit *n* is `Protocol::ALL[n]`.
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The protocols in it, in the order of [`Protocol::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Protocol> {
        Protocol::ALL.iter().copied().filter(move |&protocol| self.contains(protocol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_has_its_own_bit() {
        assert!(Protocol::ALL.len() <= 64);
        for (index, &protocol) in Protocol::ALL.iter().enumerate() {
            let mut set = ProtocolSet::EMPTY;
            set.insert(protocol);
            assert_eq!(set.bits(), 1 << index);
            assert_eq!(set.iter().collect::<Vec<_>>(), [protocol]);
        }
    }
}
