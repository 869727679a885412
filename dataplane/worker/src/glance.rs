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
//! - so does a packet that would change its flow's state, and one of a flow that has been idle so long that it may be over;
//! - a dropped packet goes the long way where records of dropped packets are wanted;
//! - of a passed or bypassed connection later sequence numbers are not followed: nothing asks for them any more. Checksums of its packets are
//!   not verified, so `tcp.invalid_checksum` does not count them.

use crate::{
    checksums::Checksums,
    flows::Keyed,
    pipeline::Pipeline,
    settings::{Settings, Stages},
};
use sluice_core::{Action, Cause, Counters, Direction, FlowKey, Nanos, Verdict, event::FlowState};
use sluice_dpdk::{BURST, Burst};
use sluice_flow::{Candidate, Flow, tcp};
use sluice_packet::{LinkType, Plain, PlainKind};

/// What the first two steps found of one frame.
#[derive(Clone, Copy)]
pub struct Glance {
    key: FlowKey,
    hash: u64,
    candidate: Candidate,
    length: u32,
    plain: Plain,
    /// Whether the frame is plain: nothing else means anything if it is not.
    is_plain: bool,
}

impl Glance {
    /// At nothing.
    pub const NONE: Self = Self {
        key: FlowKey([0; 6]),
        hash: 0,
        candidate: Candidate::NONE,
        length: 0,
        plain: Plain::NONE,
        is_plain: false,
    };

    /// The key of the frame's flow, for the long way; none when the decoder must tell.
    pub fn keyed(&self) -> Option<Keyed> {
        self.is_plain.then_some(Keyed { key: self.key, hash: self.hash, swapped: self.plain.swapped })
    }
}

/// The glances of a burst.
pub struct Glances {
    list: [Glance; BURST],
}

impl Default for Glances {
    fn default() -> Self {
        Self { list: [Glance::NONE; BURST] }
    }
}

impl Glances {
    /// Takes a glance at each packet of `burst`: the first two steps. Packets in several segments get none.
    #[inline]
    pub fn take(&mut self, pipeline: &Pipeline, burst: &Burst) {
        let ethernet = pipeline.settings().link == LinkType::Ethernet;
        for (glance, packet) in self.list.iter_mut().zip(burst.iter()) {
            glance.is_plain = false;
            if ethernet && !packet.is_chained() {
                pipeline.glance_at_key(packet.first_segment(), glance);
            }
        }
        for glance in self.list.iter_mut().take(burst.len()) {
            pipeline.glance_at_flow(glance);
        }
    }

    /// That of packet `place`.
    #[inline]
    pub fn get(&self, place: usize) -> &Glance {
        const NONE: &Glance = &Glance::NONE;
        self.list.get(place).unwrap_or(NONE)
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
    pub fn glance(&self, frame: &[u8], glance: &mut Glance) {
        glance.is_plain = false;
        if self.settings.link == LinkType::Ethernet {
            self.glance_at_key(frame, glance);
        }
    }

    #[inline(always)]
    fn glance_at_key(&self, frame: &[u8], glance: &mut Glance) {
        if let Some(plain) = self.plain_reader.read(frame, &mut glance.key) {
            glance.hash = self.flows.hash(&glance.key);
            glance.candidate = self.flows.prefetch(glance.hash);
            (glance.plain, glance.length, glance.is_plain) = (plain, frame.len() as u32, true);
        }
    }

    /// Second step: the flow on the way into the cache.
    #[inline(always)]
    pub fn glance_at_flow(&self, glance: &mut Glance) {
        if glance.is_plain {
            self.flows.prefetch_flow(glance.hash, &mut glance.candidate);
        }
    }

    /// Third step: what becomes of the packet, when its flow tells and nothing else needs to be known of it. `checksums`: what is done about
    /// those of the frame; until that is decided every frame goes the long way.
    #[inline]
    pub fn short_cut(&mut self, glance: &Glance, checksums: Checksums, now: Nanos) -> Option<Verdict> {
        let Glance { plain, .. } = glance;
        if !glance.is_plain {
            return None;
        }
        let flow = self.flows.confirm(&glance.key, glance.hash, &glance.candidate)?;
        let verdict = match self.settings.stages {
            Stages::Lookup => Some(Verdict::Pass),
            _ if checksums == Checksums::Try || plain.tcp_flags & (tcp::SYN | tcp::FIN | tcp::RST) != 0 => None,
            _ => verdict_of(flow, plain, &self.settings),
        }?;
        let direction = flow.direction(plain.swapped);
        let answers = plain.kind.is_udp() && flow.state == FlowState::New && direction == Direction::ToClient;
        if answers || now.since(flow.last) > self.shortest_idle_ns {
            return None;
        }
        if !plain.kind.is_udp() && !flow.bypassed && flow.action == Some(Action::Pass) {
            flow.tcp.note_flags(direction, plain.tcp_flags);
        }
        flow.count(direction, u64::from(glance.length));
        flow.last = now;
        if self.settings.stages == Stages::Lookup {
            return Some(verdict);
        }
        self.plain.add(plain.kind, glance.length);
        match verdict {
            Verdict::Pass => self.counters.ips_accepted += 1,
            Verdict::Drop(_) => self.counters.ips_blocked += 1,
        }
        Some(verdict)
    }
}
