//! A packet's flow: found or created, counted, its TCP connection moved on, settled.
//!
//! Steps of [`crate::pipeline`]. Nothing here judges: what becomes of a packet for whose flow there is no room is decided there.

use crate::{
    flows::{self, Keyed},
    pipeline::{InTable, Pipeline},
    report::Subject,
    tcp::segment_of,
};
use sluice_core::{
    Action, Direction, Nanos, Resource,
    event::{FlowEnd, FlowState, TcpState},
};
use sluice_flow::{FlowRef, Marks, Opening, TableFull, tcp};
use sluice_packet::Headers;

impl Pipeline {
    /// The flow of a layer, found or created, with the packet counted in it; none for packets that have no flow.
    pub(crate) fn flow_of(
        &mut self,
        subject: &Subject,
        keyed: Option<&Keyed>,
        sound: bool,
        now: Nanos,
    ) -> Result<InTable, TableFull> {
        let Some(keyed) = keyed else { return Ok(None) };
        let Subject { frame, headers, layer, .. } = *subject;
        // An error message belongs to the flow it is about, when that is known, and never makes one: anybody can send errors.
        let is_error = flows::is_icmp_error(headers);
        let (flow, swapped) = if is_error {
            let vlan_tracking = self.settings.vlan_tracking;
            let quoted = flows::key_of_quoted(headers, frame, layer, vlan_tracking, |key| self.flows.hash(key));
            match quoted.and_then(|keyed| self.find(&keyed, now).map(|flow| (flow, keyed.swapped))) {
                Some(known) => known,
                None => return Ok(None),
            }
        } else {
            (self.find_or_create(frame, headers, keyed, sound, now)?, keyed.swapped)
        };
        let Some(entry) = self.flows.get_mut(flow) else { return Ok(None) };
        let direction = entry.direction(swapped);
        let length = frame.len().saturating_sub(headers.frame_start as usize) as u64;
        let place = direction.index();
        entry.count(direction, length);
        if let Some(icmp) = entry.icmp.get_mut(place)
            && entry.packets.get(place) == Some(&1)
        {
            *icmp = (headers.icmp_type, headers.icmp_code);
        }
        if let Some(macs) = self.macs.as_mut().filter(|_| !is_error)
            && let Some(ether) = headers.mac_addresses(frame)
        {
            macs.see(entry.id, ether, keyed.swapped);
        }
        if !is_error {
            entry.last = now;
            if entry.protocol() != 6 && entry.state == FlowState::New && direction == Direction::ToClient {
                entry.state = FlowState::Established;
            }
        }
        Ok(Some((flow, direction)))
    }

    /// The flow under `keyed`, unless it has been idle too long: then it is ended.
    fn find(&mut self, keyed: &Keyed, now: Nanos) -> Option<FlowRef> {
        let flow = self.flows.lookup(&keyed.key, keyed.hash)?;
        if self.flows.is_idle(flow, now) {
            self.end(flow, FlowEnd::Timeout);
            return None;
        }
        Some(flow)
    }

    fn end(&mut self, flow: FlowRef, end: FlowEnd) {
        if let Some(gone) = self.flows.remove(flow) {
            let (flows, mut ending) = self.ending(gone.last);
            ending.marks = flows.lend_marks();
            ending.flow(&gone, end);
            flows.take_back(ending.marks);
        }
    }

    fn find_or_create(
        &mut self,
        frame: &[u8],
        headers: &Headers,
        keyed: &Keyed,
        sound: bool,
        now: Nanos,
    ) -> Result<FlowRef, TableFull> {
        let mut anew = None;
        if let Some(flow) = self.find(keyed, now) {
            // What is dropped never arrives, so nothing in it ends the connection for the other end; nor does what has no SYN.
            if sound
                && headers.is_tcp()
                && headers.tcp.flags & tcp::SYN != 0
                && let Some(entry) = self.flows.get(flow).filter(|flow| !flow.action.is_some_and(Action::drops))
            {
                let direction = entry.direction(keyed.swapped);
                anew = self.flows.begins_anew(flow, direction, &segment_of(headers));
            }
            if anew.is_none() {
                return Ok(flow);
            }
            self.end(flow, FlowEnd::TcpReuse);
        }
        if self.fails(Resource::FlowMemcap) {
            return Err(TableFull);
        }
        let flow = self.create(headers, keyed, now)?;
        self.counters.flow_total += 1;
        match headers.protocol {
            6 => self.counters.flow_tcp += 1,
            17 => self.counters.flow_udp += 1,
            1 => self.counters.flow_icmpv4 += 1,
            58 => self.counters.flow_icmpv6 += 1,
            _ => {}
        }
        let Some(entry) = self.flows.get_mut(flow) else { return Err(TableFull) };
        entry.vlan = headers.vlan;
        entry.vlan_count = headers.vlan_count;
        // A SYN-ACK comes from the server: the handshake's first packet was not seen.
        let is_syn_ack = headers.is_tcp() && headers.tcp.flags & (tcp::SYN | tcp::ACK) == tcp::SYN | tcp::ACK;
        // So does an answer of DNS, whose question went another way or to many, and in the middle of a connection what only servers say.
        let is_answer = || {
            let ports = [headers.src_port, headers.dst_port];
            let payload = headers.payload(frame);
            match headers.is_tcp() {
                // A SYN is the client's, whatever comes with it.
                true if headers.tcp.flags & tcp::SYN != 0 => false,
                true => !payload.is_empty() && self.applications.is_server(ports, payload),
                false => headers.is_udp() && self.applications.is_answer(ports, payload),
            }
        };
        if is_syn_ack || is_answer() {
            entry.opened_swapped = !keyed.swapped;
        }
        if let Some(anew) = anew {
            self.flows.begin(flow, &anew);
            self.counters.tcp_sessions += u64::from(anew.state() == TcpState::SynSent);
        }
        Ok(flow)
    }

    /// A new flow, half open when its first packet is a SYN.
    fn create(&mut self, headers: &Headers, keyed: &Keyed, now: Nanos) -> Result<FlowRef, TableFull> {
        let (flows, mut ending) = self.ending(now);
        let Keyed { key, swapped, hash } = *keyed;
        let opening = Opening { key, hash, swapped, now };
        // Data with a SYN are kept with the flow, for which a half-open slot has no room.
        let asks = headers.is_tcp() && headers.tcp.flags & (tcp::SYN | tcp::ACK | tcp::RST) == tcp::SYN;
        if asks && headers.payload_len == 0 {
            let half_open = flows.insert_half_open(opening, |gone| {
                ending.counters.flow_half_open_evicted += 1;
                ending.flow(gone, FlowEnd::Forced);
            });
            if half_open.is_ok() {
                return half_open;
            }
        }
        flows.insert(opening).or_else(|full| {
            let gone = flows.evict(hash).ok_or(full)?;
            ending.counters.flow_evicted += 1;
            ending.marks = flows.lend_marks();
            ending.flow(&gone, FlowEnd::Forced);
            flows.take_back(std::mem::replace(&mut ending.marks, Marks::NONE));
            flows.insert(opening)
        })
    }

    /// A half-open connection becomes a flow at once.
    // GAP(forced-marks): of a flow that makes room for it the marks are not at hand: rules that ask for them do not match what is left of it, and its last records don't tell them.
    pub(crate) fn promote(&mut self, flow: FlowRef, now: Nanos) -> Result<FlowRef, TableFull> {
        let (flows, mut ending) = self.ending(now);
        flows.promote(flow, |gone| {
            ending.counters.flow_evicted += 1;
            ending.flow(gone, FlowEnd::Forced);
        })
    }

    /// Puts what the packet left of its flow where it stays.
    pub(crate) fn settle(&mut self, found: InTable, now: Nanos) -> Result<(), TableFull> {
        // What is in the table stays where it is.
        let Some((flow, _)) = found.filter(|(flow, _)| self.flows.slot(*flow).is_none()) else { return Ok(()) };
        let (flows, mut ending) = self.ending(now);
        flows.settle(flow, |gone| {
            ending.counters.flow_evicted += 1;
            ending.flow(gone, FlowEnd::Forced);
        })
    }
}
