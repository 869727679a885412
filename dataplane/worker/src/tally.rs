//! What the decoder met, counted by kind.
//!
//! Most layers of a capture are of a few kinds: the same protocols, the same flags. A kind is counted with one addition; what it means for each counter is told when another
//! kind takes its place, or when counters are published. Filled and settled by [`crate::pipeline`]. Never decides anything.

use sluice_core::Counters;
use sluice_flow::tcp;
use sluice_packet::{Headers, Protocol};

/// Kinds that are counted side by side: a power of two.
const PLACES: usize = 16;

const INVALID: u32 = 1;
const ETHERNET: u32 = 1 << 1;
const VLAN: u32 = 1 << 2;
const V4: u32 = 1 << 3;
const V6: u32 = 1 << 4;
const TRANSPORT: u32 = 1 << 5;

/// All that counters ask of a layer, but for its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kind {
    /// Its protocols.
    seen: u64,
    /// What else is known of it; the upper protocol from bit 8 on, its TCP flags from bit 16 on.
    traits: u32,
}

impl Kind {
    #[inline(always)]
    fn of(headers: &Headers, received: bool) -> Self {
        let bit = |there: bool, bit: u32| if there { bit } else { 0 };
        // A datagram was received as its fragments: the links around it have been counted with them.
        let links = bit(headers.has_ethernet, ETHERNET) | bit(headers.vlan_count > 0, VLAN);
        Self {
            seen: headers.seen.bits(),
            traits: bit(headers.invalid, INVALID)
                | bit(received, links)
                | bit(headers.ip_version == 4, V4)
                | bit(headers.ip_version == 6, V6)
                | bit(headers.has_transport, TRANSPORT)
                | u32::from(headers.protocol) << 8
                | u32::from(headers.tcp.flags & (tcp::SYN | tcp::ACK | tcp::RST)) << 16,
        }
    }

    #[inline(always)]
    const fn place(self) -> usize {
        let word = self.seen ^ (self.traits as u64) << 40 ^ self.traits as u64;
        (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize
    }

    const fn has(self, traits: u32) -> bool {
        self.traits & traits == traits
    }

    /// Counts `layers` layers of this kind.
    #[cold]
    fn count(self, layers: u64, counters: &mut Counters) {
        let if_so = |so: bool| if so { layers } else { 0 };
        let transport = if self.has(TRANSPORT) { self.traits >> 8 & 0xff } else { 0 };
        let mut protocols = self.seen;
        while protocols != 0 {
            counters.protocols.raise_by(protocols.trailing_zeros() as usize, layers);
            protocols &= protocols - 1;
        }
        counters.decoder_invalid += if_so(self.has(INVALID));
        counters.decoder_ethernet += if_so(self.has(ETHERNET));
        counters.decoder_vlan += if_so(self.has(VLAN));
        counters.decoder_ipv4 += if_so(self.has(V4));
        counters.decoder_ipv6 += if_so(self.has(V6));
        counters.decoder_arp += if_so(self.seen >> (Protocol::Arp as u32) & 1 != 0);
        counters.decoder_sctp += if_so(transport == 132);
        counters.decoder_udp += if_so(transport == 17);
        counters.decoder_icmpv4 += if_so(transport == 1 && self.has(V4));
        counters.decoder_icmpv6 += if_so(transport == 58 && self.has(V6));
        if transport == 6 {
            let flags = (self.traits >> 16) as u8;
            counters.decoder_tcp += layers;
            counters.tcp_syn += if_so(flags & (tcp::SYN | tcp::ACK) == tcp::SYN);
            counters.tcp_synack += if_so(flags & (tcp::SYN | tcp::ACK) == tcp::SYN | tcp::ACK);
            counters.tcp_rst += if_so(flags & tcp::RST != 0);
        }
    }
}

/// Layers by kind, not counted yet.
#[derive(Debug, Default)]
pub(crate) struct KindTally([(Kind, u64); PLACES]);

impl KindTally {
    /// Notes a layer. `received`: it did not come as a datagram put together from fragments. A kind that has to make room is counted in `counters`.
    #[inline(always)]
    pub(crate) fn add(&mut self, headers: &Headers, received: bool, counters: &mut Counters) {
        let kind = Kind::of(headers, received);
        if let Some((at, layers)) = self.0.get_mut(kind.place()) {
            if *at != kind {
                at.count(std::mem::take(layers), counters);
                *at = kind;
            }
            *layers += 1;
        }
    }

    /// Counts all that was noted, once.
    pub(crate) fn settle(&mut self, counters: &mut Counters) {
        for (kind, layers) in &mut self.0 {
            kind.count(std::mem::take(layers), counters);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KindTally;
    use proptest::prelude::*;
    use sluice_core::Counters;
    use sluice_flow::tcp;
    use sluice_packet::{Headers, Protocol};

    /// One addition for each counter.
    fn count(headers: &Headers, received: bool, counters: &mut Counters) {
        headers.seen.iter().for_each(|protocol| counters.protocols.raise(protocol as usize));
        counters.decoder_invalid += u64::from(headers.invalid);
        counters.decoder_ethernet += u64::from(headers.has_ethernet && received);
        counters.decoder_vlan += u64::from(headers.vlan_count > 0 && received);
        counters.decoder_ipv4 += u64::from(headers.ip_version == 4);
        counters.decoder_ipv6 += u64::from(headers.ip_version == 6);
        counters.decoder_arp += u64::from(headers.seen.contains(Protocol::Arp));
        counters.decoder_sctp += u64::from(headers.is_sctp());
        counters.decoder_udp += u64::from(headers.is_udp());
        counters.decoder_icmpv4 += u64::from(headers.is_icmpv4());
        counters.decoder_icmpv6 += u64::from(headers.is_icmpv6());
        counters.decoder_tcp += u64::from(headers.is_tcp());
        if headers.is_tcp() {
            let flags = headers.tcp.flags;
            counters.tcp_syn += u64::from(flags & (tcp::SYN | tcp::ACK) == tcp::SYN);
            counters.tcp_synack += u64::from(flags & (tcp::SYN | tcp::ACK) == tcp::SYN | tcp::ACK);
            counters.tcp_rst += u64::from(flags & tcp::RST != 0);
        }
    }

    fn layers() -> impl Strategy<Value = (Headers, bool)> {
        let protocols = prop::collection::vec(0..Protocol::ALL.len(), 0..4);
        let upper = prop::sample::select(vec![0_u8, 1, 6, 17, 47, 58, 132]);
        let version = prop::sample::select(vec![0_u8, 4, 6]);
        (protocols, upper, version, any::<[bool; 5]>(), any::<u8>()).prop_map(
            |(protocols, protocol, ip_version, [invalid, ethernet, vlan, transport, received], flags)| {
                let mut headers = Headers { protocol, ip_version, invalid, ..Headers::EMPTY };
                (headers.has_ethernet, headers.has_transport, headers.vlan_count) =
                    (ethernet, transport, u8::from(vlan));
                headers.tcp.flags = flags;
                protocols.iter().for_each(|&protocol| headers.seen.insert(Protocol::ALL[protocol]));
                (headers, received)
            },
        )
    }

    proptest! {
        #[test]
        fn kinds_count_as_one_addition_for_each_counter_does(
            layers in prop::collection::vec(layers(), 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
        ) {
            let (mut tally, mut settled, mut expected) =
                (KindTally::default(), Counters::default(), Counters::default());
            for index in order {
                let (headers, received) = index.get(&layers);
                tally.add(headers, *received, &mut settled);
                count(headers, *received, &mut expected);
            }
            tally.settle(&mut settled);
            prop_assert_eq!(settled, expected);
            tally.settle(&mut settled);
            prop_assert_eq!(settled, expected);
        }
    }
}
