//! Frames of flows that nothing looks at any more: passed or dropped after a glance at their key fields, without decoding them.
//!
//! Called by [`crate::poll`] and [`crate::live`] for a whole burst, in three steps, so that memory is there when it is read: key, hash and bucket; the flow's cache
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
use sluice_core::{Action, Cause, Counters, Direction, Nanos, Verdict, event::FlowState};
use sluice_dpdk::{BURST, Burst};
use sluice_flow::{Candidate, Flow, tcp};
use sluice_packet::{LinkType, Plain, PlainKind, Traits};

/// What the first two steps found of one frame.
#[derive(Clone, Copy)]
pub struct Glance {
    plain: Plain,
    length: u32,
    /// None when the frame is not plain: then nothing else means anything.
    candidate: Candidate,
}

impl Glance {
    /// At nothing.
    pub const NONE: Self = Self { plain: Plain::NONE, length: 0, candidate: Candidate::NONE };

    /// The key of the frame's flow, for the long way; none when the decoder must tell.
    pub fn keyed(&self) -> Option<Keyed> {
        let Plain { key, hash, swapped, .. } = self.plain;
        let keyed = || Keyed { key, hash, swapped };
        self.candidate.is_some().then(keyed)
    }

    /// The hash of that key; means nothing when there is none.
    #[inline]
    pub const fn hash(&self) -> u64 {
        self.plain.hash
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
        let reads = pipeline.glances();
        let list = self.list.get_mut(..burst.len()).unwrap_or_default();
        for (glance, packet) in list.iter_mut().zip(burst.iter()) {
            if reads && !packet.is_chained() {
                pipeline.glance_at_key(packet.first_segment(), glance);
            } else {
                glance.candidate = Candidate::NONE;
            }
        }
        for glance in list {
            pipeline.glance_at_flow(glance);
        }
    }

    /// That of packet `place`.
    #[inline]
    pub fn of(&self, place: usize) -> Option<&Glance> {
        self.list.get(place)
    }

    /// Those of the packets, in order; behind them of packets of earlier bursts.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &Glance> {
        self.list.iter()
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
fn verdict_of(flow: &Flow, traits: Traits, settings: &Settings) -> Option<Verdict> {
    if flow.bypassed {
        return Some(Verdict::Pass);
    }
    match flow.action? {
        // Until it is established, packets move the connection on.
        Action::Pass => (traits.kind().is_udp() || flow.tcp.is_established()).then_some(Verdict::Pass),
        action if action.drops() && !settings.copies.drops => {
            Some(Verdict::decide(settings.mode, Some(Cause::FlowDrop)))
        }
        _ => None,
    }
}

impl Pipeline {
    /// Whether there is anything to be seen at a glance.
    fn glances(&self) -> bool {
        self.settings.link == LinkType::Ethernet && self.plain_reader.reads()
    }

    /// First step: the key fields of `frame`, if it is plain, and its bucket on the way into the cache.
    #[inline(always)]
    pub fn glance(&self, frame: &[u8], glance: &mut Glance) {
        glance.candidate = Candidate::NONE;
        if self.glances() {
            self.glance_at_key(frame, glance);
        }
    }

    #[inline(always)]
    fn glance_at_key(&self, frame: &[u8], glance: &mut Glance) {
        if self.plain_reader.read(frame, self.flows.secret(), &mut glance.plain) {
            glance.length = frame.len() as u32;
            self.flows.prefetch(glance.plain.hash, &mut glance.candidate);
        } else {
            glance.candidate = Candidate::NONE;
        }
    }

    /// Second step: the flow on the way into the cache.
    #[inline(always)]
    pub fn glance_at_flow(&self, glance: &mut Glance) {
        self.flows.prefetch_flow(glance.plain.hash, &mut glance.candidate);
    }

    /// Third step: what becomes of the packet, when its flow tells and nothing else needs to be known of it. `checksums`: what is done about
    /// those of the frame; until that is decided every frame goes the long way.
    #[inline(always)]
    pub fn short_cut(&mut self, glance: &Glance, checksums: impl FnOnce() -> Checksums, now: Nanos) -> Option<Verdict> {
        // While every flow is looked at, none is found for nothing.
        if !self.any_at_rest && self.settings.stages == Stages::Inspect {
            return None;
        }
        self.short_cut_of(glance, checksums(), now)
    }

    /// The same, where some flow may not be looked at.
    #[inline(never)]
    fn short_cut_of(&mut self, glance: &Glance, checksums: Checksums, now: Nanos) -> Option<Verdict> {
        let Self { flows, settings, counters, plain, shortest_idle_ns, .. } = self;
        let flow = match flows.confirm_candidate(&glance.plain.key, &glance.candidate) {
            Some(flow) => flow,
            None => return self.short_cut_elsewhere(glance, checksums, now),
        };
        let mut tally = Tally { plain, counters };
        advance(flow, glance, settings, (checksums, now, shortest_idle_ns), &mut tally)
    }

    /// The same, where the candidate is not the flow.
    #[inline(never)]
    fn short_cut_elsewhere(&mut self, glance: &Glance, checksums: Checksums, now: Nanos) -> Option<Verdict> {
        let Self { flows, settings, counters, plain, shortest_idle_ns, .. } = self;
        let flow = flows.confirm(&glance.plain.key, glance.plain.hash, &glance.candidate)?;
        let mut tally = Tally { plain, counters };
        advance(flow, glance, settings, (checksums, now, shortest_idle_ns), &mut tally)
    }
}

/// What is counted of the frames.
struct Tally<'a> {
    plain: &'a mut PlainTally,
    counters: &'a mut Counters,
}

/// Moves `flow` on by the frame of `glance`, if that needs no look at it.
#[inline(always)]
fn advance(
    flow: &mut Flow,
    glance: &Glance,
    settings: &Settings,
    (checksums, now, shortest_idle_ns): (Checksums, Nanos, &u64),
    tally: &mut Tally<'_>,
) -> Option<Verdict> {
    let Plain { swapped, traits, .. } = glance.plain;
    let direction = flow.direction(swapped);
    let answers = direction == Direction::ToClient && flow.state == FlowState::New && traits.kind().is_udp();
    // A time before that of the last packet counts as long ago.
    if answers || now.0.wrapping_sub(flow.last.0) > *shortest_idle_ns {
        return None;
    }
    let lookup = settings.stages == Stages::Lookup;
    let verdict = match lookup {
        true => Verdict::Pass,
        false if checksums.is_open() || traits.tcp_flags() & (tcp::SYN | tcp::FIN | tcp::RST) != 0 => {
            return None;
        }
        false => verdict_of(flow, traits, settings)?,
    };
    flow.count(direction, u64::from(glance.length));
    flow.last = now;
    if lookup {
        return Some(verdict);
    }
    if !traits.kind().is_udp() && !flow.bypassed && flow.action == Some(Action::Pass) {
        flow.tcp.note_flags(direction, traits.tcp_flags());
    }
    tally.plain.add(traits.kind(), glance.length);
    if flow.bypassed {
        tally.counters.flow_bypassed_pkts += 1;
        tally.counters.flow_bypassed_bytes += u64::from(glance.length);
    }
    match verdict {
        Verdict::Pass => tally.counters.ips_accepted += 1,
        Verdict::Drop(_) => tally.counters.ips_blocked += 1,
    }
    Some(verdict)
}
