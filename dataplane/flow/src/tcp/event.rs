//! Stream events: what is odd about a TCP packet given its connection, by the names that `stream-event` rules use.
//!
//! Raised by the state machine of this folder and by reassembly (the names that begin with `reassembly_`); read by `sluice-detect` (keyword
//! `stream-event`) and by the anomaly record. An event says nothing about what becomes of the packet.
//!
//! Names: the reference engine's `stream-events.rules` and its list of anomaly events.

macro_rules! events {
    ($($variant:ident $name:literal,)*) => {
        /// One stream event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum StreamEvent { $(#[doc = concat!("`", $name, "`.")] $variant,)* }

        impl StreamEvent {
            /// Every event, in the order of the discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name a rule uses, such as `3whs_ack_in_wrong_dir`. EVE puts `stream.` before it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The event of that name, exactly as a rule writes it (without `stream.`). Cost: a search over all names, meant for loading
            /// rules.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

events! {
    ThreeWhsAckInWrongDirection "3whs_ack_in_wrong_dir",
    ThreeWhsAsyncWrongSeq "3whs_async_wrong_seq",
    ThreeWhsRightSeqWrongAck "3whs_right_seq_wrong_ack_evasion",
    ThreeWhsSynAckInWrongDirection "3whs_synack_in_wrong_direction",
    ThreeWhsSynAckResendDifferentAck "3whs_synack_resend_with_different_ack",
    ThreeWhsSynAckResendDifferentSeq "3whs_synack_resend_with_diff_seq",
    ThreeWhsSynAckToServerOnSynReceived "3whs_synack_toserver_on_syn_recv",
    ThreeWhsSynAckWrongAck "3whs_synack_with_wrong_ack",
    ThreeWhsSynAckFlood "3whs_synack_flood",
    ThreeWhsSynFlood "3whs_syn_flood",
    ThreeWhsSynResendDifferentSeqOnSynReceived "3whs_syn_resend_diff_seq_on_syn_recv",
    ThreeWhsSynToClientOnSynReceived "3whs_syn_toclient_on_syn_recv",
    ThreeWhsWrongSeqWrongAck "3whs_wrong_seq_wrong_ack",
    ThreeWhsAckDataInject "3whs_ack_data_inject",
    ThreeWhsSynAckFastOpenDataIgnored "3whs_synack_tfo_data_ignored",
    FourWhsSynAckWrongAck "4whs_synack_with_wrong_ack",
    FourWhsSynAckWrongSyn "4whs_synack_with_wrong_syn",
    FourWhsWrongSeq "4whs_wrong_seq",
    FourWhsInvalidAck "4whs_invalid_ack",
    EstablishedOutOfWindow "est_packet_out_of_window",
    EstablishedBeforeLastAck "est_pkt_before_last_ack",
    EstablishedSynAckResend "est_synack_resend",
    EstablishedSynAckResendDifferentAck "est_synack_resend_with_different_ack",
    EstablishedSynAckResendDifferentSeq "est_synack_resend_with_diff_seq",
    EstablishedSynAckToServer "est_synack_toserver",
    EstablishedSynResend "est_syn_resend",
    EstablishedSynResendDifferentSeq "est_syn_resend_diff_seq",
    EstablishedSynToClient "est_syn_toclient",
    EstablishedInvalidAck "est_invalid_ack",
    FinInvalidAck "fin_invalid_ack",
    FinButNoSession "fin_but_no_session",
    FinOutOfWindow "fin_out_of_window",
    FinSyn "fin_syn",
    Fin1AckWrongSeq "fin1_ack_wrong_seq",
    Fin1FinWrongSeq "fin1_fin_wrong_seq",
    Fin1InvalidAck "fin1_invalid_ack",
    Fin2AckWrongSeq "fin2_ack_wrong_seq",
    Fin2FinWrongSeq "fin2_fin_wrong_seq",
    Fin2InvalidAck "fin2_invalid_ack",
    CloseWaitAckOutOfWindow "closewait_ack_out_of_window",
    CloseWaitFinOutOfWindow "closewait_fin_out_of_window",
    CloseWaitBeforeLastAck "closewait_pkt_before_last_ack",
    CloseWaitInvalidAck "closewait_invalid_ack",
    ClosingAckWrongSeq "closing_ack_wrong_seq",
    ClosingInvalidAck "closing_invalid_ack",
    LastAckAckWrongSeq "lastack_ack_wrong_seq",
    LastAckInvalidAck "lastack_invalid_ack",
    TimeWaitAckWrongSeq "timewait_ack_wrong_seq",
    TimeWaitInvalidAck "timewait_invalid_ack",
    ShutdownSynResend "shutdown_syn_resend",
    RstButNoSession "rst_but_no_session",
    RstInvalidAck "rst_invalid_ack",
    SuspectedRstInject "suspected_rst_inject",
    InvalidTimestamp "pkt_invalid_timestamp",
    InvalidAck "pkt_invalid_ack",
    BrokenAck "pkt_broken_ack",
    BadWindowUpdate "pkt_bad_window_update",
    Retransmission "pkt_retransmission",
    SpuriousRetransmission "pkt_spurious_retransmission",
    WrongThread "wrong_thread",
    ReassemblySegmentBeforeBaseSeq "reassembly_segment_before_base_seq",
    ReassemblyNoSegment "reassembly_no_segment",
    ReassemblySeqGap "reassembly_seq_gap",
    ReassemblyOverlapDifferentData "reassembly_overlap_different_data",
    ReassemblyUrgentOobLimitReached "reassembly_urgent_oob_limit_reached",
    ReassemblyDepthReached "reassembly_depth_reached",
    ReassemblyInsertMemcap "reassembly_insert_memcap",
    ReassemblyInsertLimit "reassembly_insert_limit",
    ReassemblyInsertInvalid "reassembly_insert_invalid",
}

/// A set of stream events. In two words, so that the common one, the empty set, costs no wide arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamEvents([u64; 2]);

const _: () = assert!(StreamEvent::ALL.len() <= 128);

impl StreamEvents {
    /// No event.
    pub const NONE: Self = Self([0, 0]);

    /// The set of one event.
    pub fn of(event: StreamEvent) -> Self {
        let mut set = Self::NONE;
        set.insert(event);
        set
    }

    /// Adds `event`.
    #[inline]
    pub fn insert(&mut self, event: StreamEvent) {
        let number = event as u8;
        let [low, high] = &mut self.0;
        *if number < 64 { low } else { high } |= 1 << (number % 64);
    }

    /// Adds all of `other`.
    #[inline]
    pub fn add(&mut self, other: Self) {
        let ([low, high], [more_low, more_high]) = (&mut self.0, other.0);
        *low |= more_low;
        *high |= more_high;
    }

    /// Whether `event` is in it.
    #[inline]
    pub fn contains(&self, event: StreamEvent) -> bool {
        let number = event as u8;
        let [low, high] = self.0;
        (if number < 64 { low } else { high }) >> (number % 64) & 1 != 0
    }

    /// Whether there is none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        let [low, high] = self.0;
        low | high == 0
    }

    /// The events, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = StreamEvent> {
        let [mut low, mut high] = self.0;
        std::iter::from_fn(move || {
            let (word, first) = if low != 0 { (&mut low, 0) } else { (&mut high, 64) };
            let number = first + word.trailing_zeros() as usize;
            *word &= word.wrapping_sub(1);
            StreamEvent::ALL.get(number).copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{StreamEvent, StreamEvents};

    #[test]
    fn every_event_is_found_by_its_name_and_alone_in_its_set() {
        for (number, event) in StreamEvent::ALL.iter().copied().enumerate() {
            assert_eq!(event as usize, number);
            assert_eq!(StreamEvent::from_name(event.name()), Some(event));
            let set = StreamEvents::of(event);
            assert!(!set.is_empty());
            assert_eq!(set.iter().collect::<Vec<_>>(), [event]);
        }
        assert_eq!(StreamEvent::from_name("stream.3whs_syn_flood"), None);
    }

    #[test]
    fn sets_add_up() {
        let mut all = StreamEvents::NONE;
        assert!(all.is_empty());
        for event in StreamEvent::ALL {
            assert!(!all.contains(*event));
            all.add(StreamEvents::of(*event));
            all.insert(*event);
        }
        assert_eq!(all.iter().count(), StreamEvent::ALL.len());
    }
}
