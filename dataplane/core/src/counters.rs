//! Counters of one worker, named as Suricata names them in `stats` records.
//!
//! Plain numbers: one writer, published by the worker at the end of a burst, summed by the control core.

use crate::resource::ExceptionTally;

/// Counts by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally<const N: usize>([u64; N]);

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Tally<N> {
    /// Raises the count of `number`; nothing beyond the last place.
    #[inline]
    pub fn raise(&mut self, number: usize) {
        if let Some(count) = self.0.get_mut(number) {
            *count += 1;
        }
    }

    /// Raises the count of `number` by `more`; nothing beyond the last place.
    pub fn raise_by(&mut self, number: usize, more: u64) {
        if let Some(count) = self.0.get_mut(number) {
            *count += more;
        }
    }

    /// The count of `number`.
    pub fn get(&self, number: usize) -> u64 {
        self.0.get(number).copied().unwrap_or(0)
    }

    /// Numbers there is a place for.
    pub const fn places(&self) -> usize {
        N
    }

    fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $field:ident => $name:literal),+ $(,)?) => {
        /// Counters of one worker. Each is raised somewhere: `tests` looks for one that never is.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $doc])* pub $field: u64,)+
            /// Packets with each protocol the decoder met, by its number; names are the decoder's.
            pub protocols: Tally<64>,
            /// Decoder events, by their number; names are the decoder's.
            pub decoder_events: Tally<160>,
            /// Stream events, by their number; names are the state machine's.
            pub stream_events: Tally<128>,
            /// What the normaliser did, by number; names are its own.
            pub normalised: Tally<64>,
            /// Flows of each application protocol over TCP and over UDP, by its number times two; names are the protocols'.
            pub app_flows: Tally<64>,
            /// Transactions that were told of, in the same places.
            pub app_told: Tally<64>,
            /// Directions of flows that could not be read any further, in the same places.
            pub app_errors: Tally<64>,
            /// What was done about exceptions.
            pub exceptions: ExceptionTally,
        }

        impl Counters {
            /// Dotted `stats` names, in the order of [`Counters::values`].
            pub const NAMES: &'static [&'static str] = &[$($name),+];
            /// Names of the fields, in the same order.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),+];

            /// The values, in the order of [`Counters::NAMES`].
            pub fn values(&self) -> [u64; Self::NAMES.len()] {
                [$(self.$field),+]
            }

            /// Adds the counters of another worker; the largest packet stays the largest.
            pub fn add(&mut self, other: &Self) {
                let largest = self.decoder_max_pkt_size.max(other.decoder_max_pkt_size);
                $(self.$field += other.$field;)+
                self.protocols.add(&other.protocols);
                self.decoder_events.add(&other.decoder_events);
                self.stream_events.add(&other.stream_events);
                self.normalised.add(&other.normalised);
                self.app_flows.add(&other.app_flows);
                self.app_told.add(&other.app_told);
                self.app_errors.add(&other.app_errors);
                self.exceptions.add(&other.exceptions);
                self.decoder_max_pkt_size = largest;
            }
        }
    };
}

counters! {
    /// Frames received, and packets unwrapped from tunnels.
    decoder_pkts => "decoder.pkts",
    /// Bytes of the frames received.
    decoder_bytes => "decoder.bytes",
    /// Packets in which decoding stopped with an error.
    decoder_invalid => "decoder.invalid",
    /// IPv4 packets.
    decoder_ipv4 => "decoder.ipv4",
    /// IPv6 packets.
    decoder_ipv6 => "decoder.ipv6",
    /// Frames with an Ethernet header.
    decoder_ethernet => "decoder.ethernet",
    /// ARP frames.
    decoder_arp => "decoder.arp",
    /// TCP packets.
    decoder_tcp => "decoder.tcp",
    /// UDP packets.
    decoder_udp => "decoder.udp",
    /// SCTP packets.
    decoder_sctp => "decoder.sctp",
    /// ICMPv4 packets.
    decoder_icmpv4 => "decoder.icmpv4",
    /// ICMPv6 packets.
    decoder_icmpv6 => "decoder.icmpv6",
    /// Frames with at least one VLAN tag.
    decoder_vlan => "decoder.vlan",
    /// Largest frame, bytes.
    decoder_max_pkt_size => "decoder.max_pkt_size",
    /// Frames whose bytes came in several segments.
    decoder_chained => "decoder.chained",
    /// Frames that did not arrive whole: not judged, and dropped inline.
    decoder_cut => "decoder.cut",
    /// IPv4 fragments.
    defrag_ipv4_fragments => "defrag.ipv4.fragments",
    /// IPv4 datagrams put together from fragments.
    defrag_ipv4_reassembled => "defrag.ipv4.reassembled",
    /// IPv6 fragments.
    defrag_ipv6_fragments => "defrag.ipv6.fragments",
    /// IPv6 datagrams put together from fragments.
    defrag_ipv6_reassembled => "defrag.ipv6.reassembled",
    /// Datagrams for which another one had to go: there were as many as there may be.
    defrag_max_trackers => "defrag.max_trackers_reached",
    /// Fragments for which there was no room, or that were too many for one datagram.
    defrag_max_fragments => "defrag.max_frags_reached",
    /// Datagrams given up, since room was needed for others.
    defrag_evicted => "defrag.tracker_hard_reuse",
    /// Datagrams that did not become whole in time.
    defrag_timeouts => "defrag.wrk.tracker_timeout",
    /// Fragments that overlap others of their datagram.
    defrag_overlaps => "defrag.overlaps",
    /// Transactions that became whole, or as whole as they would.
    app_transactions => "app.transactions",
    /// Directions of flows that could not be read any further.
    app_broken => "app.broken",
    /// Conversations, transactions, fields or bodies for which there was no room.
    app_no_room => "app.no_room",
    /// Flows created.
    flow_total => "flow.total",
    /// TCP flows created.
    flow_tcp => "flow.tcp",
    /// UDP flows created.
    flow_udp => "flow.udp",
    /// ICMPv4 flows created.
    flow_icmpv4 => "flow.icmpv4",
    /// ICMPv6 flows created.
    flow_icmpv6 => "flow.icmpv6",
    /// Packets for which the flow table had no room.
    flow_memcap => "flow.memcap",
    /// Flows ended to make room: unanswered ones first, never an established connection.
    flow_evicted => "flow.evicted",
    /// Half-open connections ended to make room for others: the one idle longest.
    flow_half_open_evicted => "flow.half_open_evicted",
    /// Packets of flows that are passed without a look.
    flow_bypassed_pkts => "flow_bypassed.local_pkts",
    /// Bytes of those.
    flow_bypassed_bytes => "flow_bypassed.local_bytes",
    /// Names of flow bits that did not fit into their flow.
    flowbits_refused => "flow.flowbits_refused",
    /// SYN packets.
    tcp_syn => "tcp.syn",
    /// SYN-ACK packets.
    tcp_synack => "tcp.synack",
    /// RST packets.
    tcp_rst => "tcp.rst",
    /// TCP packets with the urgent flag.
    tcp_urg => "tcp.urg",
    /// Urgent bytes that were taken out of their stream, or said to be missing.
    tcp_urgent_taken_out => "tcp.urgent_oob_data",
    /// Urgent bytes that stayed in their stream, because there was no room to remember which they are.
    tcp_urgent_kept_in => "tcp.urgent_oob_refused",
    /// TCP packets that acknowledge data we have not seen.
    tcp_ack_unseen_data => "tcp.ack_unseen_data",
    /// TCP sessions begun.
    tcp_sessions => "tcp.sessions",
    /// TCP sessions picked up in the middle.
    tcp_midstream_pickups => "tcp.midstream_pickups",
    /// TCP packets with a wrong checksum.
    tcp_invalid_checksum => "tcp.invalid_checksum",
    /// Segments that hold bytes which came before.
    tcp_overlap => "tcp.overlap",
    /// Segments of which some bytes differ from those that came before.
    tcp_overlap_diff_data => "tcp.overlap_diff_data",
    /// Segments whose bytes were written over with those that came before, or with zeros where those are not kept any longer.
    tcp_rewritten => "tcp.rewritten",
    /// Streams that go on behind bytes which were never seen.
    tcp_reassembly_gap => "tcp.reassembly_gap",
    /// Streams of which as many bytes were judged as are to be.
    tcp_stream_depth_reached => "tcp.stream_depth_reached",
    /// Packets that show that their connection's handshake was not seen.
    tcp_midstream_seen => "tcp.midstream_seen",
    /// Connections of which something could not be kept: no room outside the half-open table.
    tcp_ssn_memcap_drop => "tcp.ssn_memcap_drop",
    /// Segments for whose data there was no room.
    tcp_segment_memcap_drop => "tcp.segment_memcap_drop",
    /// Fragments for which there was no room.
    defrag_memcap => "defrag.memcap",
    /// Packets that could not be changed as they should have been.
    normalise_refused => "normalise.refused",
    /// Packets whose worker had no room for them.
    live_owner_ring_full => "live.owner_ring_full",
    /// Alerts written.
    detect_alert => "detect.alert",
    /// Alerts beyond `packet-alert-max` of their packet.
    detect_alert_queue_overflow => "detect.alert_queue_overflow",
    /// Alerts held back by thresholds and suppressions.
    detect_alerts_suppressed => "detect.alerts_suppressed",
    /// Buffers scanned by the prefilter.
    detect_scans => "detect.scans",
    /// Scans that failed: a defect, since each one is a packet not looked at.
    detect_scans_failed => "detect.scans_failed",
    /// Windows on streams scanned once more, because more rules waited for bytes than a list holds.
    detect_stream_rescans => "detect.stream_rescans",
    /// Signatures judged in full.
    detect_evaluated => "detect.evaluated",
    /// Regular expressions stopped by their match limit: counted as no match.
    detect_pcre_limit => "detect.pcre_limit",
    /// Evaluations stopped by the step limit: counted as no match.
    detect_step_limit => "detect.step_limit",
    /// Outcomes of transforms that were too long and cut.
    detect_transform_cut => "detect.transform_cut",
    /// Outcomes of transforms that found no room to be kept, and are worked out again for each rule.
    detect_transform_again => "detect.transform_again",
    /// Values that found no room in their data set.
    detect_dataset_full => "detect.dataset_full",
    /// Texts of `alert.context` that were left out of an alert for want of room.
    detect_context_full => "detect.context_full",
    /// Packets recorded because an earlier alert tagged them.
    detect_tagged => "detect.tagged",
    /// Packets that a `replace` would have changed, had their checksum been within reach.
    ips_replace_refused => "ips.replace_refused",
    /// Packets that a `replace` changed.
    ips_replaced => "ips.replaced",
    /// Entries of shared state (thresholds, host bits) that had to make room.
    detect_state_evicted => "detect.state_evicted",
    /// Matches that counted for `unique_on` although their port may have been met before: no room to remember ports.
    detect_ports_refused => "detect.unique_ports_refused",
    /// Operations on shared state that did not get hold of it in time and were answered without it.
    detect_state_busy => "detect.state_busy",
    /// Packets let through.
    ips_accepted => "ips.accepted",
    /// Packets stopped.
    ips_blocked => "ips.blocked",
    /// Packets stopped with a reset or an unreachable.
    ips_rejected => "ips.rejected",
    /// Event records that found no free slot.
    events_lost_ring_full => "events.lost_ring_full",
}

#[cfg(test)]
mod tests {
    use super::Counters;

    #[test]
    fn adding_sums_all_but_the_largest_packet() {
        let mut sum = Counters { decoder_pkts: 2, decoder_max_pkt_size: 60, ..Counters::default() };
        sum.add(&Counters { decoder_pkts: 3, decoder_max_pkt_size: 1500, ..Counters::default() });
        assert_eq!((sum.decoder_pkts, sum.decoder_max_pkt_size), (5, 1500));
        assert_eq!(Counters::NAMES.len(), sum.values().len());
    }
}
