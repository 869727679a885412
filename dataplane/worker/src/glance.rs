//! Frames of flows that nothing looks at any more: passed or dropped after a glance at their key fields, without decoding them.
//!
//! Called by [`crate::poll`] for a whole burst, in three steps, so that memory is there when it is read: key, hash and bucket; the flow's cache
//! line; the answer. The first two for all frames of a burst, the third in order of the frames, because each may change what the next one meets.
//! Also the whole of the path when only lookup is measured.
//!
//! What the long path would do is done here or the answer is none, and then the frame goes the long way:
//! - a plain frame has one layer and no decoder event, so there is nothing to report of it;
//! - packets, bytes, the time of the last packet and the counters of the decoder are kept;
//! - SYN, FIN and RST always go the long way: they may begin another connection, or end this one;
//! - so does a packet that would change its flow's state, and one of a flow that has been idle too long;
//! - a dropped packet goes the long way where records of dropped packets are wanted;
//! - of a passed or bypassed connection later sequence numbers are not followed: nothing asks for them any more. Checksums of its packets are
//!   not verified, so `tcp.invalid_checksum` does not count them.

use crate::{
    checksums::Checksums,
    flows::Keyed,
    pipeline::Pipeline,
    settings::{Settings, Stages},
};
use sluice_core::{Action, Cause, Counters, Direction, Nanos, Verdict, event::FlowState};
use sluice_dpdk::{BURST, Burst};
use sluice_flow::{Candidate, Flow, FlowRef, tcp};
use sluice_packet::{LinkType, Plain, PlainKind};

/// What the first two steps found of one frame.
#[derive(Clone, Copy)]
pub struct Glance {
    plain: Plain,
    hash: u64,
    length: u32,
    candidate: Candidate,
}

impl Glance {
    /// The key of the frame's flow, for the long way.
    pub const fn keyed(&self) -> Keyed {
        Keyed { key: self.plain.key, hash: self.hash, swapped: self.plain.swapped }
    }
}

/// The glances of a burst.
pub struct Glances {
    list: [Option<Glance>; BURST],
}

impl Default for Glances {
    fn default() -> Self {
        Self { list: [None; BURST] }
    }
}

impl Glances {
    /// Takes a glance at each packet of `burst`: the first two steps. Packets in several segments are none.
    #[inline]
    pub fn take(&mut self, pipeline: &Pipeline, burst: &Burst) {
        for (place, packet) in self.list.iter_mut().zip(burst.iter()) {
            *place = if packet.is_chained() { None } else { pipeline.glance(packet.first_segment()) };
        }
        for glance in self.list.iter_mut().take(burst.len()).flatten() {
            pipeline.glance_at_flow(glance);
        }
    }

    /// That of packet `place`.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&Glance> {
        self.list.get(place)?.as_ref()
    }
}

/// Plain frames that were not decoded, by kind, until they are counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlainTally {
    frames: [u64; PlainKind::COUNT],
    bytes: u64,
    longest: u64,
}

impl PlainTally {
    #[inline(always)]
    fn add(&mut self, kind: PlainKind, length: u32) {
        if let Some(frames) = self.frames.get_mut(kind.index()) {
            *frames += 1;
        }
        self.bytes += u64::from(length);
        self.longest = self.longest.max(u64::from(length));
    }

    /// Counts them as the decoder would have, once.
    pub fn count(&mut self, counters: &mut Counters) {
        for (kind, frames) in PlainKind::all().zip(self.frames) {
            counters.decoder_pkts += frames;
            counters.decoder_ethernet += frames;
            counters.decoder_vlan += if kind.is_tagged() { frames } else { 0 };
            *if kind.ip_version() == 4 { &mut counters.decoder_ipv4 } else { &mut counters.decoder_ipv6 } += frames;
            *if kind.is_udp() { &mut counters.decoder_udp } else { &mut counters.decoder_tcp } += frames;
            let mut protocols = kind.seen().bits();
            while protocols != 0 {
                counters.protocols.raise_by(protocols.trailing_zeros() as usize, frames);
                protocols &= protocols - 1;
            }
        }
        counters.decoder_bytes += self.bytes;
        counters.decoder_max_pkt_size = counters.decoder_max_pkt_size.max(self.longest);
        *self = Self::default();
    }
}

/// What becomes of a packet of `flow` without a look at it; none when it must be looked at.
#[inline(always)]
fn verdict_of(flow: &Flow, plain: &Plain, settings: &Settings) -> Option<Verdict> {
    if flow.bypassed {
        return Some(Verdict::Pass);
    }
    match flow.action? {
        // Until it is established, packets move the connection on.
        Action::Pass => (plain.kind.is_udp() || flow.tcp.is_established()).then_some(Verdict::Pass),
        action if action.drops() && !settings.copies.drops => {
            Some(Verdict::decide(settings.mode, Some(Cause::FlowDrop)))
        }
        _ => None,
    }
}

impl Pipeline {
    /// First step: the key fields of `frame`, if it is plain, and its bucket on the way into the cache.
    #[inline(always)]
    pub fn glance(&self, frame: &[u8]) -> Option<Glance> {
        let settings = self.settings();
        if settings.link != LinkType::Ethernet {
            return None;
        }
        let plain = sluice_packet::plain(frame, &settings.decode, settings.vlan_tracking)?;
        let hash = self.flows.hash(&plain.key);
        Some(Glance { plain, hash, length: frame.len() as u32, candidate: self.flows.prefetch(hash) })
    }

    /// Second step: the flow on the way into the cache.
    #[inline(always)]
    pub fn glance_at_flow(&self, glance: &mut Glance) {
        self.flows.prefetch_flow(glance.hash, &mut glance.candidate);
    }

    /// Third step: what becomes of the packet, when its flow tells and nothing else needs to be known of it. `checksums`: what is done about
    /// those of the frame; until that is decided every frame goes the long way.
    #[inline]
    pub fn short_cut(&mut self, glance: &Glance, checksums: Checksums, now: Nanos) -> Option<Verdict> {
        let Glance { plain, .. } = glance;
        if self.settings.stages == Stages::Lookup {
            return self.lookup_glance(glance, now).then_some(Verdict::Pass);
        }
        if checksums == Checksums::Try {
            return None;
        }
        if plain.tcp_flags & (tcp::SYN | tcp::FIN | tcp::RST) != 0 {
            return None;
        }
        let flow = self.flows.confirm(&plain.key, glance.hash, &glance.candidate)?;
        let verdict = verdict_of(self.flows.get(flow)?, plain, &self.settings)?;
        if !self.count_plain(flow, glance, now) {
            return None;
        }
        self.plain.add(plain.kind, glance.length);
        match verdict {
            Verdict::Pass => self.counters.ips_accepted += 1,
            Verdict::Drop(_) => self.counters.ips_blocked += 1,
        }
        Some(verdict)
    }

    /// Third step when lookup is all there is to do: whether the flow was there, and the packet counted in it.
    #[inline(always)]
    fn lookup_glance(&mut self, glance: &Glance, now: Nanos) -> bool {
        let found = self.flows.confirm(&glance.plain.key, glance.hash, &glance.candidate);
        found.is_some_and(|flow| self.count_plain(flow, glance, now))
    }

    /// Counts the packet in its flow, unless the flow is idle or would change its state.
    #[inline(always)]
    fn count_plain(&mut self, flow: FlowRef, glance: &Glance, now: Nanos) -> bool {
        let Glance { plain, length, .. } = glance;
        let shortest_idle_ns = self.shortest_idle_ns;
        let Some(entry) = self.flows.get(flow) else { return false };
        if now.since(entry.last) > shortest_idle_ns && self.flows.is_idle(flow, now) {
            return false;
        }
        let Some(entry) = self.flows.get_mut(flow) else { return false };
        let direction = entry.direction(plain.swapped);
        if plain.kind.is_udp() {
            if entry.state == FlowState::New && direction == Direction::ToClient {
                return false;
            }
        } else if !entry.bypassed && !entry.action.is_some_and(Action::drops) {
            entry.tcp.note_flags(direction, plain.tcp_flags);
        }
        entry.count(direction, u64::from(*length));
        entry.last = now;
        true
    }
}
