//! The state machine, row by row of the table of techniques, and against made-up traffic.

mod anew;

use super::{ACK, FIN, OfferWords, PSH, RST, SYN, StreamEvent, TcpBounds, TcpOutcome, TcpSegment, TcpSettings};
use super::{FastOpen, TcpStep, TcpTracker, Timestamps, URG, segment::after};
use proptest::prelude::*;
use sluice_core::{Direction, event::TcpState};
use std::ops::Deref;

const TO_SERVER: Direction = Direction::ToServer;
const TO_CLIENT: Direction = Direction::ToClient;
/// Initial numbers of the usual connection: the server's numbers wrap.
const CLIENT: u32 = 100;
const SERVER: u32 = u32::MAX;

/// A connection with its room, which holds rubbish at first.
#[derive(Clone)]
struct Tcp {
    tcp: TcpTracker,
    offers: OfferWords,
    bounds: TcpBounds,
    settings: TcpSettings,
}

impl Default for Tcp {
    fn default() -> Self {
        let mut bounds = TcpBounds::unknown();
        bounds.signed = Some(true);
        let settings = TcpSettings::default();
        Self { tcp: TcpTracker::default(), offers: [[[0x5555_5555_5555_5555; 2]; 9]; 2], bounds, settings }
    }
}

impl Tcp {
    fn inline() -> Self {
        Self { settings: TcpSettings { inline: true, ..TcpSettings::default() }, ..Self::default() }
    }

    fn midstream() -> Self {
        Self { settings: TcpSettings { midstream: true, ..TcpSettings::default() }, ..Self::default() }
    }

    fn update(&mut self, direction: Direction, segment: &TcpSegment) -> TcpOutcome {
        let mut slow = self.clone();
        slow.tcp.half_mut(direction).flags |= segment.flags;
        let long = slow.tcp.update_any(
            &mut slow.offers,
            &mut slow.bounds,
            direction,
            segment,
            &self.settings,
            TcpOutcome::default(),
        );
        let out = self.tcp.update(&mut self.offers, &mut self.bounds, direction, segment, &self.settings);
        // The short cut leads where the long way does.
        assert_eq!((out, self.tcp, self.bounds), (long, slow.tcp, slow.bounds), "{segment:?}");
        for half in &self.tcp.halves {
            assert!(!after(half.acked, half.next), "{:?} behind {segment:?}", self.tcp);
        }
        assert!(out.valid || out.accepted.len == 0);
        out
    }

    /// The packet is good, and nothing is odd about it.
    fn good(&mut self, direction: Direction, segment: TcpSegment) -> TcpOutcome {
        let out = self.update(direction, &segment);
        assert!(out.valid && out.events.is_empty(), "{segment:?}: {:?}", out.events.iter().collect::<Vec<_>>());
        assert_eq!(out.accepted.len, segment.payload_len);
        out
    }

    /// The packet is thrown away for `event` and changes nothing but flags.
    fn refused(&mut self, direction: Direction, segment: TcpSegment, event: StreamEvent) {
        let mut before = self.clone();
        let out = self.update(direction, &segment);
        assert!(!out.valid && out.events.contains(event), "{:?}", out.events.iter().collect::<Vec<_>>());
        for (half, now) in before.tcp.halves.iter_mut().zip(&self.tcp.halves) {
            half.flags = now.flags;
        }
        assert_eq!((before.tcp, before.bounds), (self.tcp, self.bounds), "{segment:?}");
    }

    fn begins_anew(&self, direction: Direction, segment: &TcpSegment) -> Option<Self> {
        let anew = self.tcp.begins_anew(&self.offers, direction, segment)?;
        let mut tcp = Self { settings: self.settings, ..Self::default() };
        anew.begin(&mut tcp.tcp, &mut tcp.offers);
        Some(tcp)
    }

    fn open(mut self) -> Self {
        assert_eq!(self.good(TO_SERVER, packet(CLIENT, 0, SYN, 0)).step, TcpStep::Began);
        self.good(TO_CLIENT, packet(SERVER, CLIENT + 1, SYN | ACK, 0));
        assert!(!self.is_established());
        assert!(self.good(TO_SERVER, client(0, 0, 0)).opened);
        assert!(self.is_established());
        self
    }
}

impl Deref for Tcp {
    type Target = TcpTracker;

    fn deref(&self) -> &TcpTracker {
        &self.tcp
    }
}

fn packet(seq: u32, ack: u32, flags: u8, payload_len: u32) -> TcpSegment {
    TcpSegment { seq, ack, flags, payload_len, window: 1_000, ..TcpSegment::default() }
}

/// An acknowledgement of the client at `seq` bytes of its stream, of `ack` bytes of the other, with `len` bytes.
fn client(seq: u32, ack: u32, len: u32) -> TcpSegment {
    packet((CLIENT + 1).wrapping_add(seq), SERVER.wrapping_add(1).wrapping_add(ack), ACK, len)
}

fn server(seq: u32, ack: u32, len: u32) -> TcpSegment {
    packet(SERVER.wrapping_add(1).wrapping_add(seq), (CLIENT + 1).wrapping_add(ack), ACK, len)
}

fn with(flags: u8, segment: TcpSegment) -> TcpSegment {
    TcpSegment { flags: segment.flags | flags, ..segment }
}

fn stamped(value: u32, echo: u32, segment: TcpSegment) -> TcpSegment {
    TcpSegment { timestamps: Some(Timestamps { value, echo }), ..segment }
}

fn established() -> Tcp {
    Tcp::default().open()
}

/// Passive and inline.
fn both() -> [Tcp; 2] {
    [Tcp::default().open(), Tcp::inline().open()]
}

#[test]
fn handshake_establishes_and_sizes_count_across_the_wrap() {
    let mut tcp = established();
    tcp.update(TO_CLIENT, &packet(0, 101, ACK, 10));
    tcp.update(TO_SERVER, &packet(101, 10, ACK, 5));
    assert_eq!((tcp.bytes(TO_SERVER), tcp.bytes(TO_CLIENT)), (5, 10));
    tcp.update(TO_SERVER, &packet(101, 10, ACK, 5));
    assert_eq!(tcp.bytes(TO_SERVER), 5, "a retransmission adds nothing");
}

#[test]
fn data_without_a_handshake_is_no_connection_unless_midstream_is_allowed() {
    let mut tcp = Tcp::default();
    tcp.update(TO_SERVER, &packet(5, 9, ACK, 100));
    assert_eq!(tcp.state(), TcpState::None);
    let mut tcp = Tcp::midstream();
    assert_eq!(tcp.good(TO_SERVER, packet(5, 9, ACK, 100)).step, TcpStep::PickedUp);
    assert!(tcp.is_established() && tcp.is_midstream());
    assert_eq!(tcp.bytes(TO_SERVER), 100);
}

#[test]
fn a_syn_ack_for_another_syn_does_not_open() {
    let mut tcp = Tcp::default();
    tcp.update(TO_SERVER, &packet(100, 0, SYN, 0));
    tcp.update(TO_CLIENT, &packet(900, 5_000, SYN | ACK, 0));
    assert_eq!(tcp.state(), TcpState::SynSent);
}

#[test]
fn both_ends_must_finish_and_a_reset_ends_at_once() {
    let mut tcp = established();
    tcp.update(TO_SERVER, &packet(101, 0, FIN | ACK, 0));
    assert_eq!(tcp.state(), TcpState::CloseWait);
    tcp.update(TO_CLIENT, &packet(0, 102, FIN | ACK, 0));
    assert_eq!((tcp.state(), tcp.is_closed()), (TcpState::LastAck, true));
    assert!(tcp.begins_anew(TO_SERVER, &packet(7_000, 0, SYN, 0)).is_none());
    tcp.update(TO_SERVER, &packet(102, 1, ACK, 0));
    assert_eq!((tcp.state(), tcp.is_closed()), (TcpState::Closed, true));
    assert!(tcp.begins_anew(TO_SERVER, &packet(7_000, 0, SYN, 0)).is_some());
    let mut tcp = established();
    assert!(tcp.begins_anew(TO_SERVER, &packet(7_000, 0, SYN, 0)).is_none());
    tcp.update(TO_CLIENT, &packet(0, 101, RST, 0));
    assert_eq!(tcp.state(), TcpState::Closed);
    assert!(tcp.is_established(), "data behind a reset, perhaps a forged one, is still judged as the connection's");
    let mut tcp = Tcp::default();
    tcp.update(TO_SERVER, &packet(100, 0, SYN, 0));
    tcp.update(TO_CLIENT, &packet(0, 101, RST | ACK, 0));
    assert_eq!((tcp.state(), tcp.is_established()), (TcpState::Closed, false));
}

#[test]
fn the_server_chooses_among_syns_and_the_client_among_syn_acks() {
    for real in [100, 200, 300] {
        let mut tcp = Tcp::default();
        for seq in [100, 200, 300] {
            tcp.update(TO_SERVER, &packet(seq, 0, SYN, 0));
        }
        for seq in [7_000, u32::MAX, 9_000] {
            tcp.update(TO_CLIENT, &packet(seq, real + 1, SYN | ACK, 0));
            assert_eq!(tcp.state(), TcpState::SynReceived);
        }
        tcp.update(TO_SERVER, &packet(real + 1, 0, ACK, 0));
        assert!(tcp.is_established());
        tcp.update(TO_SERVER, &packet(real + 1, 0, ACK, 5));
        tcp.update(TO_CLIENT, &packet(0, real + 6, ACK, 7));
        assert_eq!((tcp.bytes(TO_SERVER), tcp.bytes(TO_CLIENT)), (5, 7));
    }
}

#[test]
fn more_syns_than_are_remembered_do_not_hide_the_real_one() {
    let mut tcp = Tcp::default();
    for seq in 1..20 {
        tcp.update(TO_SERVER, &packet(seq * 1_000, 0, SYN, 0));
    }
    tcp.update(TO_CLIENT, &packet(50, 1_001, SYN | ACK, 0));
    for seq in 1..14 {
        tcp.update(TO_CLIENT, &packet(seq * 0x1000_0000, 1_001, SYN | ACK, 0));
    }
    tcp.update(TO_SERVER, &packet(1_001, 51, ACK, 0));
    assert!(tcp.is_established());
}

#[test]
fn a_reset_that_the_other_end_never_sees_does_not_stop_the_handshake() {
    let mut tcp = Tcp::default();
    tcp.update(TO_SERVER, &packet(100, 0, SYN, 0));
    tcp.update(TO_SERVER, &packet(101, 0, RST, 0));
    tcp.update(TO_SERVER, &packet(900, 0, SYN, 0));
    let syn_ack = packet(500, 101, SYN | ACK, 0);
    assert!(tcp.begins_anew(TO_CLIENT, &syn_ack).is_none());
    tcp.update(TO_CLIENT, &syn_ack);
    tcp.update(TO_SERVER, &packet(101, 0, RST, 0));
    assert_eq!(tcp.state(), TcpState::Closed);
    tcp.update(TO_SERVER, &packet(101, 501, ACK, 0));
    assert!(tcp.is_established());
}

// Row 13: resets.

#[test]
fn only_the_exact_reset_ends_a_connection_and_one_in_the_window_does_nothing() {
    for mut tcp in both() {
        tcp.good(TO_CLIENT, server(0, 0, 100));
        let exact = TcpSegment { flags: RST, ..server(100, 0, 0) };
        for distance in [1, 5, 900] {
            let out = tcp.clone().update(TO_CLIENT, &TcpSegment { seq: exact.seq + distance, ..exact });
            assert!(out.valid && !out.reset, "{distance}");
        }
        for seq in [exact.seq.wrapping_sub(101), exact.seq.wrapping_add(70_000), 0x8000_0000] {
            let out = tcp.clone().update(TO_CLIENT, &TcpSegment { seq, ..exact });
            assert!(!out.valid && !out.reset, "{seq}");
        }
        assert!(tcp.update(TO_CLIENT, &exact).reset);
        assert_eq!((tcp.state(), tcp.is_closed()), (TcpState::Closed, true));
    }
}

#[test]
fn a_reset_at_what_is_not_acknowledged_yet_may_be_exact() {
    let mut tcp = established();
    tcp.good(TO_CLIENT, server(0, 0, 100));
    assert!(tcp.update(TO_CLIENT, &with(RST, server(50, 0, 0))).reset);
}

#[test]
fn a_reset_behind_which_its_sender_goes_on_is_taken_back() {
    for mut tcp in both() {
        tcp.good(TO_SERVER, client(0, 0, 10));
        assert!(tcp.update(TO_SERVER, &with(RST, client(10, 0, 0))).reset);
        assert!(tcp.is_closed());
        // Of the other end there may be more on its way.
        tcp.good(TO_CLIENT, server(0, 10, 30));
        assert!(tcp.is_closed());
        let out = tcp.update(TO_SERVER, &client(10, 30, 5));
        assert!(out.valid && out.accepted.len == 5 && out.events.contains(StreamEvent::SuspectedRstInject));
        assert_eq!(tcp.state(), TcpState::Established);
        tcp.good(TO_SERVER, client(15, 30, 5));
    }
}

#[test]
fn a_reset_with_a_signature_nobody_agreed_on_is_nothing() {
    for mut tcp in both() {
        let reset = TcpSegment { signed: true, ..with(RST, client(0, 0, 0)) };
        tcp.refused(TO_SERVER, reset, StreamEvent::SuspectedRstInject);
    }
    let mut tcp = Tcp::default();
    let signed = |segment| TcpSegment { signed: true, ..segment };
    tcp.good(TO_SERVER, signed(packet(CLIENT, 0, SYN, 0)));
    tcp.good(TO_CLIENT, signed(packet(SERVER, CLIENT + 1, SYN | ACK, 0)));
    tcp.good(TO_SERVER, signed(client(0, 0, 0)));
    assert!(!tcp.update(TO_SERVER, &client(0, 0, 9)).valid, "without the signature both agreed on");
    assert!(!tcp.update(TO_SERVER, &with(RST, client(0, 0, 0))).valid);
    assert!(tcp.update(TO_SERVER, &signed(with(RST, client(0, 0, 0)))).reset);
}

#[test]
fn a_reset_with_an_ack_of_what_was_never_sent_is_nothing() {
    for mut tcp in both() {
        tcp.refused(TO_SERVER, with(RST, client(0, 70_000, 0)), StreamEvent::RstInvalidAck);
    }
    let mut tcp = Tcp::inline().open();
    tcp.refused(TO_SERVER, with(RST, client(0, 1, 0)), StreamEvent::RstInvalidAck);
}

#[test]
fn resets_and_fins_whose_timestamps_answer_no_syn_are_nothing() {
    // Public cases: the client offers timestamps, and does not.
    for syn in [stamped(1_821_165_629, 0, packet(CLIENT, 0, SYN, 0)), packet(CLIENT, 0, SYN, 0)] {
        for mut tcp in [Tcp::default(), Tcp::inline()] {
            tcp.good(TO_SERVER, syn);
            for flags in [RST | ACK, FIN | ACK] {
                tcp.refused(
                    TO_CLIENT,
                    stamped(100, 100, packet(0, CLIENT + 1, flags, 0)),
                    StreamEvent::InvalidTimestamp,
                );
            }
            tcp.good(
                TO_CLIENT,
                TcpSegment {
                    timestamps: syn.timestamps.map(|of| Timestamps { value: 7, echo: of.value + 9 }),
                    ..packet(SERVER, CLIENT + 1, SYN | ACK, 0)
                },
            );
            tcp.good(TO_SERVER, client(0, 0, 0));
            assert!(tcp.is_established());
        }
    }
}

#[test]
fn a_reset_that_answers_no_syn_does_not_refuse_the_connection() {
    let mut tcp = Tcp::default();
    tcp.good(TO_SERVER, packet(CLIENT, 0, SYN, 0));
    tcp.refused(TO_CLIENT, packet(0, CLIENT + 2, RST | ACK, 0), StreamEvent::RstInvalidAck);
    tcp.refused(TO_CLIENT, packet(0, 0, RST, 0), StreamEvent::RstInvalidAck);
    tcp.refused(TO_SERVER, packet(CLIENT + 2, 0, RST, 0), StreamEvent::RstInvalidAck);
    assert!(tcp.update(TO_CLIENT, &packet(0, CLIENT + 1, RST | ACK, 0)).reset);
}

// Row 15: acknowledgements of what was never sent.

#[test]
fn inline_nothing_counts_of_a_packet_that_acknowledges_what_was_never_sent() {
    let mut tcp = Tcp::inline().open();
    tcp.refused(TO_SERVER, client(0, 1, 10), StreamEvent::EstablishedInvalidAck);
    tcp.refused(TO_SERVER, client(0, 0x8000_0000, 10), StreamEvent::InvalidAck);
    tcp.good(TO_CLIENT, server(0, 0, 5));
    tcp.good(TO_SERVER, client(0, 5, 10));
}

#[test]
fn passive_an_acknowledgement_ahead_of_what_was_seen_waits_for_data_that_show_it_was_sent() {
    let mut tcp = established();
    let out = tcp.update(TO_SERVER, &client(0, 500, 10));
    assert!(out.valid && out.acks_unseen && out.accepted.len == 10);
    assert_eq!((tcp.acked(TO_CLIENT), tcp.next(TO_CLIENT)), (0, 0));
    tcp.good(TO_CLIENT, server(500, 10, 5));
    tcp.good(TO_SERVER, client(10, 505, 0));
    assert_eq!((tcp.acked(TO_CLIENT), tcp.next(TO_CLIENT)), (505, 505));
    tcp.refused(TO_SERVER, client(10, 200_000, 10), StreamEvent::EstablishedInvalidAck);
}

#[test]
fn an_acknowledgement_older_than_the_largest_window_is_refused() {
    for mut tcp in both() {
        for place in 0..100 {
            tcp.good(TO_CLIENT, server(place * 1_000, 0, 1_000));
            tcp.good(TO_SERVER, client(0, place * 1_000 + 1_000, 0));
        }
        tcp.refused(TO_SERVER, client(0, 100_000 - 65_536, 10), StreamEvent::EstablishedInvalidAck);
        tcp.good(TO_SERVER, client(0, 100_000 - 65_535, 10));
        assert_eq!(tcp.acked(TO_CLIENT), 100_000);
    }
}

// Rows 16 and 17: several SYNs and SYN-ACKs.

#[test]
fn ten_more_syns_are_remembered_and_each_beyond_them_is_reported() {
    let mut tcp = Tcp::default();
    let mut floods = 0;
    for number in 0..24 {
        // As in the public capture: the real one is the 13th, the 20th and the 24th.
        let seq = if [12, 19, 23].contains(&number) { CLIENT } else { 1_000_000 * (number + 1) };
        let out = tcp.update(TO_SERVER, &packet(seq, 7, SYN, 0));
        floods += u32::from(out.events.contains(StreamEvent::ThreeWhsSynFlood));
        assert!(out.valid);
    }
    assert_eq!(floods, 13);
    tcp.good(TO_CLIENT, packet(SERVER, CLIENT + 1, SYN | ACK, 0));
    assert!(tcp.good(TO_SERVER, client(0, 0, 0)).opened);
    tcp.good(TO_SERVER, client(0, 0, 400));
}

#[test]
fn each_of_six_syn_acks_can_be_the_one() {
    for real in 0..6 {
        let mut tcp = Tcp::inline();
        tcp.good(TO_SERVER, packet(CLIENT, 0, SYN, 0));
        for number in 0..8_u32 {
            let out = tcp.update(TO_CLIENT, &packet(number * 1_000_000, CLIENT + 1, SYN | ACK, 0));
            assert_eq!(out.events.contains(StreamEvent::ThreeWhsSynAckResendDifferentSeq), number > 0);
            assert_eq!(out.events.contains(StreamEvent::ThreeWhsSynAckFlood), number > 5);
        }
        let first = real * 1_000_000 + 1;
        assert!(tcp.good(TO_SERVER, packet(CLIENT + 1, first, ACK, 9)).opened);
        assert_eq!(tcp.first(TO_CLIENT), first);
        tcp.good(TO_CLIENT, packet(first, CLIENT + 10, ACK, 5));
    }
}

#[test]
fn answers_that_fit_no_syn_are_refused() {
    let mut tcp = Tcp::inline();
    tcp.good(TO_SERVER, packet(CLIENT, 0, SYN, 0));
    tcp.refused(TO_CLIENT, packet(SERVER, CLIENT + 2, SYN | ACK, 0), StreamEvent::ThreeWhsSynAckWrongAck);
    tcp.refused(TO_SERVER, packet(5, 9, SYN | ACK, 0), StreamEvent::ThreeWhsSynAckInWrongDirection);
    tcp.good(TO_CLIENT, packet(SERVER, CLIENT + 1, SYN | ACK, 0));
    tcp.good(TO_CLIENT, packet(SERVER, CLIENT + 1, SYN | ACK, 0));
    tcp.refused(TO_CLIENT, packet(SERVER, CLIENT + 2, SYN | ACK, 0), StreamEvent::ThreeWhsSynAckResendDifferentAck);
    tcp.refused(TO_SERVER, packet(5, 9, SYN | ACK, 0), StreamEvent::ThreeWhsSynAckToServerOnSynReceived);
    tcp.refused(TO_CLIENT, packet(77, 0, SYN, 0), StreamEvent::ThreeWhsSynToClientOnSynReceived);
    tcp.refused(TO_SERVER, client(0, 1, 20), StreamEvent::ThreeWhsRightSeqWrongAck);
    tcp.refused(TO_SERVER, client(90_000, 1, 20), StreamEvent::ThreeWhsWrongSeqWrongAck);
    tcp.refused(TO_SERVER, client(90_000, 0, 20), StreamEvent::EstablishedOutOfWindow);
    tcp.refused(TO_CLIENT, server(0, 0, 20), StreamEvent::ThreeWhsAckDataInject);
    let out = tcp.update(TO_SERVER, &packet(CLIENT + 9, 0, SYN, 0));
    assert!(out.valid && out.events.contains(StreamEvent::ThreeWhsSynResendDifferentSeqOnSynReceived));
    assert!(tcp.good(TO_SERVER, client(0, 0, 20)).opened);
}

#[test]
fn passive_the_clients_acknowledgement_may_have_been_lost_on_the_way_to_us() {
    let asked = || {
        let mut tcp = Tcp::default();
        tcp.good(TO_SERVER, packet(CLIENT, 0, SYN, 0));
        tcp.good(TO_CLIENT, packet(SERVER, CLIENT + 1, SYN | ACK, 0));
        tcp
    };
    let mut tcp = asked();
    assert!(tcp.update(TO_CLIENT, &server(0, 0, 0)).events.contains(StreamEvent::ThreeWhsAckInWrongDirection));
    assert!(!tcp.is_established());
    assert!(tcp.good(TO_CLIENT, server(0, 0, 40)).opened);
    let mut tcp = asked();
    assert!(tcp.update(TO_CLIENT, &server(0, 300, 0)).opened);
    let mut tcp = asked();
    assert!(tcp.update(TO_SERVER, &client(300, 0, 10)).opened, "and the first data with it");
}

// Row 18: split handshakes, both ends at once.

#[test]
fn split_handshakes_open_with_the_roles_of_the_first_syn() {
    for mut tcp in [Tcp::default(), Tcp::inline()] {
        for five in [false, true] {
            tcp = Tcp { settings: tcp.settings, ..Tcp::default() };
            tcp.good(TO_SERVER, packet(1_000, 0, SYN, 0));
            if five {
                tcp.good(TO_CLIENT, packet(2_000, 1_001, ACK, 0));
            }
            tcp.good(TO_CLIENT, packet(3_000, 0, SYN, 0));
            tcp.refused(TO_SERVER, packet(1_000, 3_002, SYN | ACK, 0), StreamEvent::FourWhsSynAckWrongAck);
            tcp.refused(TO_SERVER, packet(1_009, 3_001, SYN | ACK, 0), StreamEvent::FourWhsSynAckWrongSyn);
            tcp.good(TO_SERVER, packet(1_000, 3_001, SYN | ACK, 0));
            tcp.refused(TO_CLIENT, packet(3_002, 1_001, ACK, 0), StreamEvent::FourWhsWrongSeq);
            tcp.refused(TO_CLIENT, packet(3_001, 1_002, ACK, 0), StreamEvent::FourWhsInvalidAck);
            assert!(tcp.good(TO_CLIENT, packet(3_001, 1_001, ACK, 0)).opened);
            tcp.good(TO_SERVER, packet(1_001, 3_001, ACK, 4));
            tcp.good(TO_CLIENT, packet(3_001, 1_005, ACK, 9));
            assert_eq!((tcp.bytes(TO_SERVER), tcp.bytes(TO_CLIENT)), (4, 9));
        }
    }
}

#[test]
fn both_ends_may_open_at_once() {
    for mut tcp in [Tcp::default(), Tcp::inline()] {
        tcp.good(TO_SERVER, packet(1_000, 0, SYN, 0));
        tcp.good(TO_CLIENT, packet(3_000, 0, SYN, 0));
        tcp.good(TO_SERVER, packet(1_000, 3_001, SYN | ACK, 0));
        tcp.good(TO_CLIENT, packet(3_000, 1_001, SYN | ACK, 0));
        assert!(tcp.good(TO_SERVER, packet(1_001, 3_001, ACK, 4)).opened);
        tcp.good(TO_CLIENT, packet(3_001, 1_005, ACK, 9));
    }
}

// Row 19: data with the SYN.

#[test]
fn data_of_a_syn_count_when_the_syn_ack_acknowledges_them() {
    for (acked, told) in [(3, FastOpen::Taken), (2, FastOpen::Taken), (0, FastOpen::Ignored)] {
        for mut tcp in [Tcp::default(), Tcp::inline()] {
            let syn = TcpSegment { fast_open: true, ..packet(CLIENT, 0, SYN, 3) };
            let out = tcp.good(TO_SERVER, syn);
            assert_eq!((out.accepted.seq, out.accepted.len), (CLIENT + 1, 3));
            let answer = TcpSegment { fast_open: true, ..packet(SERVER, CLIENT + 1 + acked, SYN | ACK, 0) };
            let out = tcp.update(TO_CLIENT, &answer);
            assert_eq!(out.fast_open, told);
            let ignored = out.events.contains(StreamEvent::ThreeWhsSynAckFastOpenDataIgnored);
            assert_eq!(ignored, told == FastOpen::Ignored);
            assert_eq!((tcp.acked(TO_SERVER), tcp.next(TO_SERVER)), (CLIENT + 1 + acked, CLIENT + 1 + acked));
            assert!(tcp.good(TO_SERVER, client(acked, 0, 5)).opened);
        }
    }
}

#[test]
fn a_server_that_took_the_data_of_the_syn_may_answer_at_once() {
    for mut tcp in [Tcp::default(), Tcp::inline()] {
        tcp.good(TO_SERVER, TcpSegment { fast_open: true, ..packet(CLIENT, 0, SYN, 3) });
        tcp.good(TO_CLIENT, packet(SERVER, CLIENT + 4, SYN | ACK, 0));
        assert!(tcp.good(TO_CLIENT, server(0, 3, 40)).opened);
        tcp.good(TO_SERVER, client(3, 40, 0));
    }
}

// Row 20: odd flags.

#[test]
fn every_set_of_flags_in_every_state_is_answered_and_none_ends_an_open_connection_for_good() {
    let asked = |mut tcp: Tcp| {
        tcp.good(TO_SERVER, packet(CLIENT, 0, SYN, 0));
        tcp
    };
    let answered = |tcp: Tcp| {
        let mut tcp = asked(tcp);
        tcp.good(TO_CLIENT, packet(SERVER, CLIENT + 1, SYN | ACK, 0));
        tcp
    };
    let then = |tcp: Tcp, packets: &[(Direction, TcpSegment)]| {
        let mut tcp = tcp.open();
        for (direction, segment) in packets {
            tcp.update(*direction, segment);
        }
        tcp
    };
    let client_fin = (TO_SERVER, with(FIN, client(0, 0, 0)));
    let server_fin = (TO_CLIENT, with(FIN, server(0, 0, 0)));
    let states: [(TcpState, &dyn Fn(Tcp) -> Tcp); 11] = [
        (TcpState::None, &|tcp| tcp),
        (TcpState::SynSent, &asked),
        (TcpState::SynReceived, &answered),
        (TcpState::Established, &|tcp| then(tcp, &[])),
        (TcpState::CloseWait, &|tcp| then(tcp, &[client_fin])),
        (TcpState::LastAck, &|tcp| then(tcp, &[client_fin, (TO_CLIENT, with(FIN, server(0, 1, 0)))])),
        (TcpState::FinWait1, &|tcp| then(tcp, &[server_fin])),
        (TcpState::FinWait2, &|tcp| then(tcp, &[server_fin, (TO_SERVER, client(0, 1, 0))])),
        (TcpState::Closing, &|tcp| then(tcp, &[server_fin, client_fin])),
        (TcpState::TimeWait, &|tcp| then(tcp, &[server_fin, (TO_SERVER, with(FIN, client(0, 1, 0)))])),
        (TcpState::Closed, &|tcp| then(tcp, &[(TO_SERVER, with(RST, client(0, 0, 0)))])),
    ];
    for (state, reach) in states {
        for base in [Tcp::default(), Tcp::inline(), Tcp::midstream()] {
            for flags in 0..=u8::MAX {
                for direction in [TO_SERVER, TO_CLIENT] {
                    let mut tcp = reach(base.clone());
                    assert_eq!(tcp.state(), state);
                    let next = match direction {
                        TO_SERVER => client(0, 0, 7),
                        TO_CLIENT => server(0, 0, 7),
                    };
                    let was = tcp.is_established();
                    let out = tcp.update(direction, &TcpSegment { flags, ..next });
                    assert_eq!(out.urgent.is_some(), flags & URG != 0);
                    assert!(!was || tcp.is_established());
                    if was && flags & (SYN | RST | ACK) != ACK {
                        assert!(out.accepted.len == 0, "{state:?} {flags:#x}");
                        assert_eq!(tcp.next(direction), reach(base.clone()).next(direction));
                    }
                    if state == TcpState::Established {
                        let fine = tcp.update(TO_SERVER, &client(7, 0, 9));
                        assert!(fine.valid || flags & FIN != 0, "{flags:#x}");
                        assert_ne!(tcp.state(), TcpState::None);
                    }
                }
            }
        }
    }
}

#[test]
fn syn_with_fin_is_reported_and_inline_thrown_away() {
    let mut tcp = Tcp::default();
    let out = tcp.update(TO_SERVER, &packet(CLIENT, 0, SYN | FIN, 0));
    assert!(out.valid && out.events.contains(StreamEvent::FinSyn));
    assert_eq!(tcp.state(), TcpState::SynSent);
    let mut tcp = Tcp::inline();
    tcp.refused(TO_SERVER, packet(CLIENT, 0, SYN | FIN, 0), StreamEvent::FinSyn);
}

#[test]
fn without_a_connection_fin_and_rst_have_their_events() {
    let mut tcp = Tcp::default();
    assert!(tcp.update(TO_SERVER, &packet(5, 0, FIN, 0)).events.contains(StreamEvent::FinButNoSession));
    assert!(tcp.update(TO_SERVER, &packet(5, 5, FIN | ACK, 0)).events.contains(StreamEvent::FinButNoSession));
    assert!(tcp.update(TO_SERVER, &packet(5, 0, RST, 0)).events.contains(StreamEvent::RstButNoSession));
    assert_eq!(tcp.state(), TcpState::None);
}

#[test]
fn data_without_ack_are_thrown_away() {
    for mut tcp in both() {
        tcp.refused(TO_SERVER, TcpSegment { flags: PSH, ..client(0, 5, 7) }, StreamEvent::BrokenAck);
        assert!(!tcp.update(TO_SERVER, &packet(CLIENT + 1, 0, FIN, 7)).valid);
        assert_eq!(tcp.next(TO_SERVER), CLIENT + 1);
    }
}

// Row 23: windows.

#[test]
fn data_beyond_the_window_are_refused_and_a_probe_of_a_closed_one_is_not() {
    for mut tcp in both() {
        // 65,535 bytes are allowed before the first acknowledgement of the server, then what it says.
        tcp.refused(TO_SERVER, client(65_535, 0, 2), StreamEvent::EstablishedOutOfWindow);
        tcp.refused(TO_SERVER, client(0x7fff_0000, 0, 2), StreamEvent::EstablishedOutOfWindow);
        tcp.refused(TO_SERVER, client(0x8000_0000, 0, 2), StreamEvent::EstablishedOutOfWindow);
        tcp.good(TO_SERVER, client(0, 0, 65_535));
        tcp.good(TO_CLIENT, TcpSegment { window: 0, ..server(0, 65_535, 0) });
        tcp.refused(TO_SERVER, client(65_535, 0, 2), StreamEvent::EstablishedOutOfWindow);
        tcp.refused(TO_SERVER, client(65_536, 0, 1), StreamEvent::EstablishedOutOfWindow);
        tcp.good(TO_SERVER, client(65_535, 0, 0));
        tcp.clone().good(TO_SERVER, client(65_535, 0, 1));
        tcp.good(TO_CLIENT, TcpSegment { window: 10, ..server(0, 65_535, 0) });
        let out = tcp.update(TO_SERVER, &client(65_535, 0, 11));
        assert!(out.valid && out.events.contains(StreamEvent::EstablishedOutOfWindow) && out.accepted.len == 11);
    }
}

#[test]
fn windows_are_scaled_by_what_both_ends_agreed_on() {
    for (scales, allowed) in [([Some(2), Some(3)], 8_000), ([Some(2), None], 1_000), ([None, Some(3)], 1_000)] {
        let mut tcp = Tcp::inline();
        let [client_scale, server_scale] = scales;
        tcp.good(TO_SERVER, TcpSegment { window_scale: client_scale, ..packet(CLIENT, 0, SYN, 0) });
        tcp.good(TO_CLIENT, TcpSegment { window_scale: server_scale, ..packet(SERVER, CLIENT + 1, SYN | ACK, 0) });
        tcp.good(TO_SERVER, client(0, 0, 65_000));
        tcp.good(TO_SERVER, client(65_000, 0, 535));
        tcp.good(TO_CLIENT, server(0, 65_535, 0));
        tcp.refused(TO_SERVER, client(65_535 + allowed, 0, 2), StreamEvent::EstablishedOutOfWindow);
        tcp.good(TO_SERVER, client(65_535 + allowed - 2, 0, 2));
    }
}

#[test]
fn what_was_acknowledged_long_ago_is_refused_and_what_was_lately_is_a_retransmission() {
    for mut tcp in both() {
        for place in 0..100 {
            tcp.good(TO_SERVER, client(place * 1_000, 0, 1_000));
            tcp.good(TO_CLIENT, server(0, place * 1_000 + 1_000, 0));
        }
        tcp.refused(TO_SERVER, client(20_000, 0, 1_000), StreamEvent::EstablishedOutOfWindow);
        let out = tcp.update(TO_SERVER, &client(98_000, 0, 1_000));
        assert!(out.valid && out.events.contains(StreamEvent::SpuriousRetransmission));
        assert!(out.events.contains(StreamEvent::EstablishedBeforeLastAck));
        tcp.good(TO_SERVER, client(100_000, 0, 1_000));
        let out = tcp.update(TO_SERVER, &client(100_000, 0, 1_000));
        assert!(out.valid && out.events == super::StreamEvents::of(StreamEvent::Retransmission));
    }
}

// Row 24: timestamps.

fn with_stamps(mut tcp: Tcp) -> Tcp {
    tcp.good(TO_SERVER, stamped(1_000, 0, packet(CLIENT, 0, SYN, 0)));
    tcp.good(TO_CLIENT, stamped(u32::MAX, 1_000, packet(SERVER, CLIENT + 1, SYN | ACK, 0)));
    tcp.good(TO_SERVER, stamped(1_010, u32::MAX, client(0, 0, 10)));
    tcp.good(TO_CLIENT, stamped(3, 1_010, server(0, 10, 0)));
    tcp
}

#[test]
fn a_clock_behind_the_one_the_other_end_echoed_is_refused_but_for_one_tick() {
    for base in [Tcp::default(), Tcp::inline()] {
        let mut tcp = with_stamps(base);
        tcp.refused(TO_SERVER, stamped(1_008, 3, client(10, 0, 5)), StreamEvent::InvalidTimestamp);
        tcp.refused(TO_SERVER, stamped(0, 3, client(10, 0, 5)), StreamEvent::InvalidTimestamp);
        tcp.refused(TO_SERVER, stamped(900, 3, with(RST, client(10, 0, 0))), StreamEvent::InvalidTimestamp);
        tcp.refused(TO_SERVER, stamped(1_011, 900, with(RST, client(10, 0, 0))), StreamEvent::InvalidTimestamp);
        tcp.good(TO_SERVER, stamped(1_009, 3, client(10, 0, 5)));
        tcp.good(TO_SERVER, client(15, 0, 5));
        tcp.good(TO_SERVER, stamped(1_020, 3, client(20, 0, 5)));
    }
}

#[test]
fn a_made_up_clock_that_the_other_end_does_not_echo_blinds_nobody() {
    for base in [Tcp::default(), Tcp::inline()] {
        let mut tcp = with_stamps(base);
        tcp.good(TO_SERVER, stamped(900_000, 3, client(10, 0, 5)));
        tcp.good(TO_CLIENT, stamped(5, 1_010, server(0, 10, 0)));
        let out = tcp.update(TO_SERVER, &stamped(1_015, 3, client(10, 0, 5)));
        assert!(out.valid && out.accepted.len == 5);
    }
}

#[test]
fn timestamps_that_were_not_agreed_on_mean_nothing() {
    for mut tcp in both() {
        tcp.good(TO_SERVER, stamped(5_000, 1, client(0, 0, 5)));
        tcp.good(TO_CLIENT, stamped(1, 5_000, server(0, 5, 5)));
        tcp.good(TO_SERVER, stamped(9, 1, client(5, 5, 5)));
        tcp.good(TO_SERVER, stamped(0, 0, client(10, 5, 5)));
    }
}

// Row 27: from the middle, one-sided.

#[test]
fn from_the_middle_both_directions_are_followed_whatever_was_under_way() {
    let mut tcp = Tcp::midstream();
    assert!(tcp.good(TO_SERVER, packet(5_000, 900, ACK, 100)).opened);
    // 300 bytes of the server were under way; it has not seen the last 100 of the client.
    tcp.good(TO_CLIENT, packet(1_200, 5_000, ACK, 50));
    tcp.good(TO_SERVER, packet(5_100, 1_250, ACK, 10));
    assert_eq!((tcp.acked(TO_CLIENT), tcp.acked(TO_SERVER)), (1_250, 5_000));
    tcp.good(TO_CLIENT, packet(1_250, 5_110, ACK | FIN, 0));
    assert_eq!(tcp.state(), TcpState::FinWait1);
    let mut tcp = Tcp::midstream();
    assert_eq!(tcp.good(TO_CLIENT, packet(700, 300, SYN | ACK, 0)).step, TcpStep::PickedUp);
    tcp.update(TO_CLIENT, &packet(701, 381, ACK, 0));
    tcp.update(TO_CLIENT, &packet(701, 381, ACK, 259));
    tcp.update(TO_CLIENT, &packet(960, 382, FIN | ACK, 0));
    assert_eq!((tcp.is_established(), tcp.state()), (true, TcpState::FinWait1));
}

#[test]
fn one_direction_alone_is_followed_only_when_asked_for() {
    let mut tcp = Tcp::default();
    tcp.good(TO_SERVER, packet(CLIENT, 0, SYN, 0));
    tcp.update(TO_SERVER, &client(0, 50, 10));
    assert!(!tcp.is_established());
    let mut tcp = Tcp::default();
    tcp.settings.async_oneside = true;
    tcp.good(TO_SERVER, packet(CLIENT, 0, SYN, 0));
    tcp.refused(TO_SERVER, client(500, 50, 10), StreamEvent::ThreeWhsAsyncWrongSeq);
    assert!(tcp.good(TO_SERVER, client(0, 50, 0)).opened);
    for place in 0..200 {
        tcp.good(TO_SERVER, client(place * 1_000, 50 + place, 1_000));
        assert_eq!(tcp.acked(TO_SERVER), CLIENT + 1 + place * 1_000 + 1_000);
    }
    assert!(tcp.is_one_sided());
}

// Row 29 and the end of a connection.

#[test]
fn each_way_to_close_goes_through_its_states() {
    use TcpState::{CloseWait, Closed, Closing, FinWait1, FinWait2, LastAck, TimeWait};
    let (c, s) = (|segment| (TO_SERVER, segment), |segment| (TO_CLIENT, segment));
    let fin = |segment| with(FIN, segment);
    let by_client = [c(fin(client(0, 0, 5))), s(server(0, 6, 3)), s(fin(server(3, 6, 0))), c(client(6, 4, 0))];
    let by_server = [s(fin(server(0, 0, 0))), c(client(0, 1, 0)), c(fin(client(0, 1, 0))), s(server(1, 1, 0))];
    let at_once = [s(fin(server(0, 0, 0))), c(fin(client(0, 0, 0))), c(client(1, 1, 0)), s(server(1, 1, 0))];
    for (packets, states) in [
        (by_client, [CloseWait, CloseWait, LastAck, Closed]),
        (by_server, [FinWait1, FinWait2, TimeWait, Closed]),
        (at_once, [FinWait1, Closing, TimeWait, Closed]),
    ] {
        let mut tcp = Tcp::inline().open();
        for ((direction, segment), state) in packets.into_iter().zip(states) {
            tcp.good(direction, segment);
            assert_eq!(tcp.state(), state);
        }
    }
}

#[test]
fn data_behind_a_fin_count_only_while_the_fin_may_have_been_made_up() {
    let mut tcp = established();
    tcp.good(TO_SERVER, with(FIN, client(0, 0, 5)));
    assert_eq!(tcp.fin(TO_SERVER), Some(CLIENT + 6));
    let out = tcp.update(TO_SERVER, &client(5, 0, 10));
    assert!(out.valid && out.accepted.len == 10);
    assert_eq!((tcp.fin(TO_SERVER), tcp.state()), (None, TcpState::Established));
    tcp.good(TO_SERVER, with(FIN, client(15, 0, 0)));
    tcp.good(TO_CLIENT, server(0, 16, 0));
    tcp.refused(TO_SERVER, client(16, 0, 10), StreamEvent::CloseWaitFinOutOfWindow);
    let mut tcp = Tcp::inline().open();
    tcp.good(TO_SERVER, with(FIN, client(0, 0, 5)));
    tcp.refused(TO_SERVER, client(5, 0, 10), StreamEvent::CloseWaitFinOutOfWindow);
    tcp.update(TO_SERVER, &with(FIN, client(5, 0, 0)));
    assert_eq!(tcp.fin(TO_SERVER), Some(CLIENT + 6), "the FIN sent again");
}

// Row 30: signs of life.

#[test]
fn signs_of_life_change_nothing_and_say_nothing() {
    for mut tcp in both() {
        tcp.good(TO_SERVER, client(0, 0, 100));
        tcp.good(TO_CLIENT, server(0, 100, 0));
        let before = tcp.tcp;
        for len in [0, 1] {
            let out = tcp.update(TO_SERVER, &client(99, 0, len));
            assert!(out.valid && out.events.is_empty() && out.accepted.len == 0);
            tcp.good(TO_CLIENT, server(0, 100, 0));
        }
        assert_eq!(before, tcp.tcp);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever comes: numbers stay in order, and an established connection stays one.
    #[test]
    fn numbers_stay_in_order_whatever_comes(
        (inline, midstream, async_oneside) in any::<(bool, bool, bool)>(),
        steps in prop::collection::vec(
            (any::<bool>(), prop::sample::select(vec![0_u32, 1, 2, 5, 60, 70_000, 0x7fff_ffff, 0x8000_0000, u32::MAX]), 0..9_u32, any::<u8>(), 0..5_u32, any::<u16>(), any::<(u8, u8)>()),
            0..40
        ),
    ) {
        let mut tcp = Tcp { settings: TcpSettings { inline, midstream, async_oneside, ..TcpSettings::default() }, ..Tcp::default() };
        let mut established = false;
        for (back, seq, ack, flags, payload, window, (value, echo)) in steps {
            let base = if back { server(seq, ack, payload) } else { client(seq, ack, payload) };
            let segment = TcpSegment { flags, window, ..base };
            let segment = if value & 1 == 0 { stamped(u32::from(value), u32::from(echo), segment) } else { segment };
            tcp.update(if back { TO_CLIENT } else { TO_SERVER }, &segment);
            prop_assert!(!established || tcp.is_established());
            established = tcp.is_established();
        }
    }

    /// The same session with and without packets that the other end throws away: every good packet is answered the same.
    #[test]
    fn what_the_other_end_throws_away_changes_nothing_for_good_packets(
        inline in any::<bool>(),
        lengths in prop::collection::vec((any::<bool>(), 1..1_000_u32), 1..20),
        forged in prop::collection::vec((0..20_usize, any::<bool>(), prop::sample::select(vec![SYN, RST, FIN | ACK, RST | ACK, PSH, PSH | ACK, 0]), 70_000..0x7fff_0000_u32, any::<bool>()), 1..20),
    ) {
        let mut plain = if inline { Tcp::inline() } else { Tcp::default() }.open();
        let mut troubled = plain.clone();
        let (mut to_server, mut to_client) = (0_u32, 0_u32);
        for (place, (back, length)) in lengths.into_iter().enumerate() {
            for &(_, back, flags, away, ahead) in forged.iter().filter(|forged| forged.0 == place) {
                let away = if ahead { away } else { away.wrapping_neg() };
                let (base, direction) = if back { (server(to_client, to_server, 9), TO_CLIENT) } else { (client(to_server, to_client, 9), TO_SERVER) };
                let out = troubled.update(direction, &TcpSegment { seq: base.seq.wrapping_add(away), flags, ..base });
                prop_assert!(!out.reset && out.accepted.len == 0, "{:?} {flags:#x} {away:#x}", out);
            }
            let (segment, direction) = if back { (server(to_client, to_server, length), TO_CLIENT) } else { (client(to_server, to_client, length), TO_SERVER) };
            *(if back { &mut to_client } else { &mut to_server }) += length;
            prop_assert_eq!(plain.update(direction, &segment), troubled.update(direction, &segment));
            prop_assert_eq!((plain.next(direction), plain.acked(direction), plain.fin(direction)), (troubled.next(direction), troubled.acked(direction), troubled.fin(direction)));
            prop_assert_eq!(plain.state(), troubled.state());
        }
    }
}
