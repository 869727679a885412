//! What is kept of a connection that asks to be let in: one cache line.
//!
//! Packed and unpacked by [`crate::FlowTable`]. A slot holds all that a flow holds after a SYN, its repetitions and one SYN-ACK. What is more
//! than that does not fit, and [`HalfOpen::pack`] says so by unpacking what it packed and comparing: nothing is ever lost, whatever fields a
//! flow may get.
//!
//! Layout, in words of 64 bits, lowest bits first:
//! - 0 to 3: as in the key
//! - 4: low half as in the key, 32; number of the SYN, 32
//! - 5: number of the SYN-ACK, 32; bytes to the server, 13, and to the client, 12; packets to the server, 6; alerted, 1
//! - 6: microseconds from the first packet to the last, 36; options of the SYN, 7, and of the SYN-ACK, 7; 2 unused; packets to the client, 6;
//!   VLANs, 2; depth, 2; IPv6, 1; opened swapped, 1
//! - 7: VLAN ids, 3 x 12; bytes with the SYN, 11; flags to the server and to the client, 2 x 5; addresses judged, 2; asked, answered, VLANs in
//!   the key, 3 x 1
//!
//! Options are the window scale, 4, timestamps, Fast Open, and a signature, 3 x 1.

use crate::{
    flow::Flow,
    tcp::{self, Handshake, OfferWords, offer::Offer},
};
use sluice_core::{Direction, FlowKey, HashKey, Nanos, event::FlowState};

const TCP: u8 = 6;

/// A half-open connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(64))]
pub(crate) struct HalfOpen([u64; 8]);

const _: () = assert!(size_of::<HalfOpen>() <= 64);

/// The latest generation whose rules on addresses alone were judged: kept beside the slot.
pub(crate) fn generation_of(flow: &Flow) -> u32 {
    let [out, back] = flow.addresses_judged;
    out.max(back)
}

/// What is kept of a half-open connection beside its slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// Time of the last packet.
    pub last: Nanos,
    /// Generation of the rules judged.
    pub generation: u32,
    /// Clock in the timestamps option of the SYN.
    pub stamp: u32,
}

/// Puts numbers beside each other, lowest first.
struct Packer {
    word: u64,
    used: u32,
}

impl Packer {
    const fn new() -> Self {
        Self { word: 0, used: 0 }
    }

    #[inline(always)]
    const fn put(self, value: u64, bits: u32) -> Self {
        Self { word: self.word | (value & ((1 << bits) - 1)) << self.used, used: self.used + bits }
    }
}

/// Takes them apart again.
struct Taker(u64);

impl Taker {
    #[inline(always)]
    const fn take(&mut self, bits: u32) -> u64 {
        let value = self.0 & ((1 << bits) - 1);
        self.0 >>= bits;
        value
    }

    #[inline(always)]
    const fn bit(&mut self) -> bool {
        self.take(1) != 0
    }
}

/// FIN, PSH, URG, ECE and CWR side by side: SYN and ACK follow from the packet's kind, and RST never fits.
const fn other_flags(flags: u8) -> u64 {
    ((flags & 1) | ((flags >> 2) & 2) | ((flags >> 3) & 0x1c)) as u64
}

const fn flags_of(packed: u64) -> u8 {
    let packed = packed as u8;
    (packed & 1) | ((packed & 2) << 2) | ((packed & 0x1c) << 3)
}

/// Bits for the time between the first packet and the last: 19 hours.
const LASTED_BITS: u32 = 36;
const OPTION_BITS: u32 = 7;
/// A window scale that no option asks for.
const NO_SCALE: u8 = 15;

fn options_of(offer: &Offer) -> u64 {
    u64::from(offer.scale.unwrap_or(NO_SCALE))
        | u64::from(offer.stamped) << 4
        | u64::from(offer.fast_open) << 5
        | u64::from(offer.signed) << 6
}

fn with_options(packed: u64, offer: Offer) -> Offer {
    let mut taker = Taker(packed);
    let scale = taker.take(4) as u8;
    Offer {
        scale: (scale != NO_SCALE).then_some(scale),
        stamped: taker.bit(),
        fast_open: taker.bit(),
        signed: taker.bit(),
        ..offer
    }
}

/// The id of a flow that began half open: the same each time it is unpacked. Below 2^53, so that readers which know only floating point keep
/// it whole, and never 0.
pub(crate) fn id_of(key: &HashKey, hash: u64, start: Nanos) -> u64 {
    (key.hash4(&[hash, start.0, 0, 1]) >> 11) | 1
}

impl HalfOpen {
    /// The slot for `flow`, and what goes beside it; none when it has more to remember than a slot has room for.
    pub fn pack(flow: &Flow, offers: &OfferWords) -> Option<(Self, Beside)> {
        // Nothing of an open connection is kept in a slot.
        if flow.tcp.is_established() {
            return None;
        }
        let (slot, beside) = Self::pack_unchecked(flow, offers);
        let (mut unpacked, mut same) = (Flow::default(), OfferWords::default());
        slot.unpack(flow.id, beside, &mut unpacked, &mut same);
        (unpacked == *flow && tcp::same_offers(&flow.tcp, offers, &same)).then_some((slot, beside))
    }

    /// The slot for `flow`, of which it is known that it fits, and what goes beside it.
    pub fn pack_unchecked(flow: &Flow, offers: &OfferWords) -> (Self, Beside) {
        let FlowKey([zero, one, two, three, four, _]) = flow.key;
        let lane = flow.key.lane();
        let handshake = Handshake::of(&flow.tcp, offers);
        let (syn, answer) = (handshake.syn.unwrap_or_default(), handshake.answer.unwrap_or_default());
        let [flags_to_server, flags_to_client] = handshake.flags;
        let ([packets_out, packets_in], [bytes_out, bytes_in]) = (flow.packets, flow.bytes);
        let [outer, middle, inner] = flow.vlan;
        let [judged_out, judged_in] = flow.addresses_judged;
        let beside = Beside { last: flow.last, generation: generation_of(flow), stamp: syn.stamp };
        let lasted = (flow.last.0 / 1_000).wrapping_sub(flow.start.0 / 1_000);
        let slot = Self([
            zero,
            one,
            two,
            three,
            Packer::new().put(four, 32).put(u64::from(syn.seq), 32).word,
            Packer::new()
                .put(u64::from(answer.seq), 32)
                .put(bytes_out, 13)
                .put(bytes_in, 12)
                .put(packets_out, 6)
                .put(u64::from(flow.alerted), 1)
                .word,
            Packer::new()
                .put(lasted, LASTED_BITS)
                .put(options_of(&syn), OPTION_BITS)
                .put(options_of(&answer), OPTION_BITS)
                .put(0, 2)
                .put(packets_in, 6)
                .put(u64::from(flow.vlan_count), 2)
                .put(u64::from(lane.depth), 2)
                .put(u64::from(lane.ip_version == 6), 1)
                .put(u64::from(flow.opened_swapped), 1)
                .word,
            Packer::new()
                .put(u64::from(outer), 12)
                .put(u64::from(middle), 12)
                .put(u64::from(inner), 12)
                .put(u64::from(syn.data), 11)
                .put(other_flags(flags_to_server), 5)
                .put(other_flags(flags_to_client), 5)
                .put(u64::from(judged_out != 0), 1)
                .put(u64::from(judged_in != 0), 1)
                .put(u64::from(handshake.syn.is_some()), 1)
                .put(u64::from(handshake.answer.is_some()), 1)
                .put(u64::from(lane.vlan != [0, 0]), 1)
                .word,
        ]);
        (slot, beside)
    }

    /// The key of the flow.
    #[inline]
    pub fn key(&self) -> FlowKey {
        let Self([zero, one, two, three, four, _, six, seven]) = *self;
        let mut six = Taker(six >> 60);
        let (depth, version) = (six.take(2), if six.bit() { 6 } else { 4 });
        // The bit above the flags says whether the two outer VLAN ids are in the key.
        let vlans = if seven & (1 << 61) == 0 { 0 } else { seven };
        let vlans = (vlans & 0xfff) << 32 | ((vlans >> 12) & 0xfff) << 48;
        let lane = u64::from(TCP) | version << 8 | depth << 16 | vlans;
        FlowKey([zero, one, two, three, four & 0xffff_ffff, lane])
    }

    /// Time of the first packet, when that of the last is `last`.
    pub fn start(&self, last: Nanos) -> Nanos {
        let Self([.., six, _]) = *self;
        Nanos::from_micros((last.0 / 1_000).wrapping_sub(Taker(six).take(LASTED_BITS)))
    }

    /// Writes the flow into `flow` and the offers of its handshake into `offers`. `id` and `beside` are what a slot does not keep.
    pub fn unpack(&self, id: u64, beside: Beside, flow: &mut Flow, offers: &mut OfferWords) {
        let Beside { last, generation, stamp } = beside;
        let Self([_, _, _, _, four, five, six, seven]) = *self;
        let (mut four, mut five, mut six, mut seven) = (Taker(four), Taker(five), Taker(six), Taker(seven));
        four.take(32);
        let seq = four.take(32) as u32;
        let answer = five.take(32) as u32;
        let bytes = [five.take(13), five.take(12)];
        let packets_out = five.take(6);
        let alerted = five.bit();
        let start = self.start(last);
        six.take(LASTED_BITS);
        let (of_syn, of_answer) = (six.take(OPTION_BITS), six.take(OPTION_BITS));
        six.take(2);
        let packets_in = six.take(6);
        let vlan_count = six.take(2) as u8;
        six.take(3);
        let opened_swapped = six.bit();
        let vlan = [seven.take(12) as u16, seven.take(12) as u16, seven.take(12) as u16];
        let data = seven.take(11) as u16;
        let (flags_to_server, flags_to_client) = (flags_of(seven.take(5)), flags_of(seven.take(5)));
        let addresses_judged = [seven.bit(), seven.bit()].map(|judged| if judged { generation } else { 0 });
        let (asked, answered) = (seven.bit(), seven.bit());
        let handshake = Handshake {
            syn: asked.then(|| with_options(of_syn, Offer { seq, data, stamp, ..Offer::default() })),
            answer: answered.then(|| {
                with_options(of_answer, Offer { seq: answer, direction: Direction::ToClient, ..Offer::default() })
            }),
            flags: [
                flags_to_server | if asked { tcp::SYN } else { 0 },
                flags_to_client | if answered { tcp::SYN | tcp::ACK } else { 0 },
            ],
        };
        *flow = Flow {
            key: self.key(),
            last,
            state: FlowState::New,
            opened_swapped,
            live: true,
            alerted,
            packets: [packets_out, packets_in],
            bytes,
            id,
            start,
            vlan,
            vlan_count,
            addresses_judged,
            tcp: handshake.tracker(offers),
            ..Flow::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Flow, HalfOpen, OfferWords};
    use crate::tcp::{self, ACK, RST, SYN, TcpBounds, TcpSegment, TcpSettings, TcpTracker, Timestamps};
    use proptest::prelude::*;
    use sluice_core::{
        Action, Direction, FlowKey, Nanos, Resource,
        event::FlowState,
        key::{Endpoint, Lane},
        resource::FlowExceptions,
    };

    fn flow(six: bool, vlan: [u16; 3], count: u8, tracked: bool, depth: u8, swapped: bool) -> Flow {
        let end = |last: u8, port| {
            let mut address = [0; 16];
            address[if six { 15 } else { 3 }] = last;
            address[0] = 10;
            Endpoint { address, port }
        };
        let in_key = if tracked { [vlan[0], vlan[1]] } else { [0, 0] };
        let lane = Lane { protocol: 6, ip_version: if six { 6 } else { 4 }, vlan: in_key, depth };
        Flow {
            key: FlowKey::new(end(1, 40_000), end(2, 443), lane).0,
            id: 77,
            live: true,
            start: Nanos(1_700_000_000_123_456_000),
            last: Nanos(1_700_000_001_123_456_789),
            opened_swapped: swapped,
            vlan,
            vlan_count: count,
            ..Flow::default()
        }
    }

    fn again(flow: &Flow, offers: &OfferWords) -> Option<(Flow, OfferWords)> {
        let (slot, beside) = HalfOpen::pack(flow, offers)?;
        assert_eq!((slot.key(), slot.start(flow.last)), (flow.key, flow.start));
        let (mut out, mut unpacked) = (Flow::default(), [[[9; 2]; 9]; 2]);
        slot.unpack(flow.id, beside, &mut out, &mut unpacked);
        Some((out, unpacked))
    }

    fn segment(seq: u32, ack: u32, flags: u8, payload_len: u32) -> TcpSegment {
        TcpSegment { seq, ack, flags, payload_len, ..TcpSegment::default() }
    }

    /// The segment with every option a handshake has.
    fn options(segment: TcpSegment) -> TcpSegment {
        let timestamps = Some(Timestamps { value: segment.seq ^ 0x8000_0007, echo: 9 ^ 0x8000_0000 });
        TcpSegment { timestamps, window_scale: Some(9), fast_open: true, signed: true, ..segment }
    }

    fn update(tcp: &mut TcpTracker, offers: &mut OfferWords, direction: Direction, segment: &TcpSegment) {
        tcp.update(offers, &mut TcpBounds::default(), direction, segment, &TcpSettings::default());
    }

    #[test]
    fn a_syn_its_repetition_and_the_answer_fit_and_the_acknowledgement_does_not() {
        for (seq, data, extra) in [(0, 0, 0), (u32::MAX, 1_400, 0xc0), (7, 1, tcp::PSH | tcp::URG)] {
            let mut offers = [[[0x77; 2]; 9]; 2];
            let mut flow = flow(true, [4095, 2, 3], 3, true, 3, false);
            for flags in [SYN, SYN | extra] {
                update(&mut flow.tcp, &mut offers, Direction::ToServer, &options(segment(seq, 0, flags, data)));
                assert_eq!(again(&flow, &offers).unwrap().0, flow);
            }
            let ack = seq.wrapping_add(1).wrapping_add(data);
            update(&mut flow.tcp, &mut offers, Direction::ToClient, &options(segment(99, ack, SYN | ACK | extra, 0)));
            let (mut out, mut unpacked) = again(&flow, &offers).unwrap();
            assert_eq!(out, flow);
            for (tcp, offers) in [(&mut flow.tcp, &mut offers), (&mut out.tcp, &mut unpacked)] {
                update(tcp, offers, Direction::ToServer, &segment(ack, 100, ACK, 0));
            }
            assert!(out == flow && flow.tcp.is_established());
            assert!(again(&flow, &offers).is_none());
        }
    }

    #[test]
    fn what_has_no_room_is_refused() {
        let mut plain = flow(false, [0; 3], 0, true, 0, false);
        let mut offers = OfferWords::default();
        assert!(again(&plain, &offers).is_some(), "a SYN with a wrong checksum moves nothing");
        update(&mut plain.tcp, &mut offers, Direction::ToServer, &segment(5, 0, SYN, 0));
        let fits = |flow: &Flow| HalfOpen::pack(flow, &offers).is_some();
        let mut met = FlowExceptions::NONE;
        met.insert(Resource::Midstream);
        assert!(fits(&plain));
        assert!(fits(&Flow { alerted: true, addresses_judged: [3, 3], ..plain }));
        assert!(fits(&Flow { addresses_judged: [0, u32::MAX], ..plain }));
        assert!(fits(&Flow { packets: [63, 63], bytes: [8_191, 4_095], ..plain }));
        for refused in [
            Flow { action: Some(Action::Drop), ..plain },
            Flow { action: Some(Action::Pass), ..plain },
            Flow { bypassed: true, ..plain },
            Flow { marked: true, ..plain },
            Flow { exceptions: met, ..plain },
            Flow { state: FlowState::Closed, ..plain },
            Flow { packets: [64, 0], ..plain },
            Flow { packets: [0, 64], ..plain },
            Flow { bytes: [8_192, 0], ..plain },
            Flow { bytes: [0, 4_096], ..plain },
            Flow { vlan: [4_096, 0, 0], vlan_count: 1, ..plain },
            Flow { icmp: [(0, 1), (0, 0)], ..plain },
            Flow { start: Nanos(1), ..plain },
            Flow { addresses_judged: [2, 3], ..plain },
        ] {
            assert!(!fits(&refused), "{refused:?}");
        }
        for (direction, other) in [
            (Direction::ToServer, segment(6, 0, SYN, 0)),
            (Direction::ToClient, segment(6, 0, SYN, 0)),
            (Direction::ToClient, segment(6, 6, SYN | ACK, 9)),
            (Direction::ToClient, segment(6, 6, ACK, 0)),
            (Direction::ToServer, segment(6, 6, ACK, 0)),
            (Direction::ToClient, segment(6, 6, RST | ACK, 0)),
            (Direction::ToServer, segment(5, 0, SYN, 2_048)),
        ] {
            let (mut flow, mut offers) = (plain, offers);
            update(&mut flow.tcp, &mut offers, direction, &other);
            assert!(again(&flow, &offers).is_none(), "{other:?}");
        }
    }

    proptest! {
        /// Whatever is packed comes back as it was.
        #[test]
        fn what_fits_comes_back_as_it_was(
            (six, tracked, swapped, alerted) in any::<(bool, bool, bool, bool)>(),
            vlan in prop::array::uniform3(0..5_000_u16), count in 0..5_u8, depth in 0..5_u8,
            packets in prop::array::uniform2(0..80_u64), bytes in prop::array::uniform2(0..9_000_u64),
            steps in prop::collection::vec((any::<bool>(), 0..4_u32, 0..4_u32, any::<u8>(), 0..3_u32), 0..5),
        ) {
            let mut flow = flow(six, vlan, count, tracked, depth, swapped);
            (flow.alerted, flow.packets, flow.bytes) = (alerted, packets, bytes);
            let mut offers = [[[3; 2]; 9]; 2];
            for (back, seq, ack, flags, payload) in steps {
                let direction = if back { Direction::ToClient } else { Direction::ToServer };
                let segment = segment(seq, ack, flags, payload);
                update(&mut flow.tcp, &mut offers, direction, &if flags & 8 != 0 { options(segment) } else { segment });
            }
            if let Some((out, unpacked)) = again(&flow, &offers) {
                prop_assert_eq!(out, flow);
                prop_assert!(tcp::same_offers(&flow.tcp, &offers, &unpacked));
            }
        }
    }
}
