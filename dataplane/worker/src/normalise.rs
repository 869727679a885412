//! Odd packets put right, or stopped, so that every end reads them as we did: what `sluice_packet::normalise` says is done here.
//!
//! Steps of [`crate::pipeline`], inline only. What stops a packet is found before its flow is looked at, so that it moves no connection, and takes effect
//! behind the rules, which see the packet as it came. Changes are carried out on the packet itself once nobody looks at its frame any more, by
//! [`crate::poll`] and [`crate::live`]. A packet that was to be changed and can't be meets the policy of [`Resource::Rewrite`].

use crate::{
    checksums::Checksums,
    inbox::View,
    pipeline::{InTable, Pipeline},
    report::Subject,
};
use sluice_core::{Cause, Resource, Verdict, verdict::Mode};
use sluice_dpdk::{Burst, Mbuf};
use sluice_flow::tcp::Agreed;
use sluice_packet::{
    Decoded, TcpFlags,
    normalise::{self, Action, Edits, Known, Look, Switches, Wire},
};

/// The normaliser's part of a pipeline.
pub(crate) struct Normaliser {
    switches: Switches,
    edits: Edits,
    /// Where what carries the layer at hand ends.
    carried_to: usize,
    /// The layer at hand is stopped.
    pub stops: bool,
    /// Something of the packet judged last could not be changed.
    pub refused: bool,
    /// The packet judged last was counted as let through.
    pub accepted: bool,
}

impl Normaliser {
    /// A normaliser; passive one that does nothing.
    pub fn new(mode: Mode, switches: Switches) -> Self {
        let switches = if mode == Mode::Inline { switches } else { Switches::OFF };
        Self { switches, edits: Edits::new(), carried_to: 0, stops: false, refused: false, accepted: false }
    }

    /// Whether it does nothing.
    #[inline(always)]
    pub const fn is_off(&self) -> bool {
        self.switches.is_off()
    }

    /// A new frame.
    #[inline(always)]
    pub fn begin(&mut self) {
        self.refused = false;
        if !self.edits.is_empty() {
            self.edits.clear();
        }
    }

    /// The layer at hand is `layer`.
    #[inline(always)]
    pub fn stand_at(&mut self, decoded: &Decoded, frame: &[u8], layer: u8) {
        if !self.switches.is_off() {
            self.carried_to = carried_to(decoded, frame, layer);
        }
    }

    /// Whether it looks at what the ends of a connection agreed on.
    #[inline(always)]
    pub fn asks_of_connections(&self) -> bool {
        self.switches.wants(Action::TcpTimestamps) || self.switches.wants(Action::TcpWindowWithdrawal)
    }

    /// The frame is judged: what is to be changed in it stands.
    #[inline(always)]
    pub fn end(&mut self, decoded: &Decoded, frame: &[u8]) {
        if !self.edits.is_empty() {
            self.edits.find_checksums(decoded, frame);
        }
    }

    fn look_of<'a>(&self, subject: &Subject<'a>, checksums: Checksums, sound: bool) -> Look<'a> {
        Look {
            frame: subject.frame,
            headers: subject.headers,
            layer: subject.layer,
            end: self.carried_to,
            verify: checksums == Checksums::Verify,
            tcp_sound: sound,
        }
    }
}

impl Pipeline {
    /// Looks for what is odd in a layer; the answer is what stops the packet.
    #[inline(always)]
    pub(crate) fn oddity(&mut self, subject: &Subject, sound: bool) -> Option<Action> {
        if self.normaliser.is_off() {
            return None;
        }
        let look = self.normaliser.look_of(subject, self.checksums, sound);
        normalise::look(&look, &self.normaliser.switches, &mut self.normaliser.edits)
    }

    /// Looks for what is odd in a TCP packet given what its connection agreed on.
    #[inline(always)]
    pub(crate) fn oddity_in_connection(&mut self, subject: &Subject, found: InTable) -> Option<Action> {
        let (switches, tcp) = (&self.normaliser.switches, &subject.headers.tcp);
        let stamped = tcp.options.timestamps.is_some() && switches.wants(Action::TcpTimestamps);
        if !(stamped || switches.wants(Action::TcpWindowWithdrawal))
            || tcp.flags & TcpFlags::SYN != 0
            || !subject.headers.is_tcp()
        {
            return None;
        }
        let (flow, direction) = found?;
        if !switches.wants(Action::TcpWindowWithdrawal) && !self.flows.sends_no_stamps(flow) {
            return None;
        }
        let Agreed { timestamps, least_window } = self.flows.agreed(flow, direction, subject.headers.tcp.ack)?;
        let look = self.normaliser.look_of(subject, self.checksums, true);
        let Normaliser { switches, edits, .. } = &mut self.normaliser;
        normalise::look_in_connection(&look, Known { timestamps, least_window }, switches, edits)
    }

    /// The verdict on a packet that no rule stopped and that `action` stops.
    #[cold]
    pub(crate) fn stop(&mut self, action: Action, subject: &Subject, found: InTable) -> Verdict {
        if self.is_let_go(found) {
            return Verdict::Pass;
        }
        let facts =
            found.and_then(|(flow, direction)| self.flows.get_mut(flow).map(|entry| (entry.facts(), direction)));
        self.counters.normalised.raise(action as usize);
        let verdict = Verdict::decide(self.settings.mode, Some(Cause::Normalise));
        if let Verdict::Drop(cause) = verdict {
            self.reporter.drop_packet(subject, facts, cause, None, self.generation.ruleset.generation);
        }
        verdict
    }

    /// Forgets the changes to a packet of a flow that nothing looks at any more: most of its packets never get here.
    #[inline(always)]
    pub(crate) fn leave_alone(&mut self, found: InTable) {
        if !self.normaliser.edits.is_empty() && self.is_let_go(found) {
            self.normaliser.edits.clear();
        }
    }

    #[cold]
    fn is_let_go(&self, found: InTable) -> bool {
        let flow = found.and_then(|(flow, _)| self.flows.get(flow));
        flow.is_some_and(|flow| flow.bypassed || flow.action == Some(sluice_core::Action::Pass))
    }

    /// The verdict on a fragment, or on a datagram put together from some, which leave as they came: what its connection must not read otherwise can't be
    /// changed, so it meets the policy for that. Headers of a fragment alone and what lies behind the packet change nothing that is read.
    #[inline(never)]
    pub(crate) fn out_of_reach(&mut self, subject: &Subject) -> Verdict {
        if self.normaliser.edits.is_empty() && self.mended.frame().is_none() {
            return Verdict::Pass;
        }
        let matters = |action: Action| !matches!(action, Action::TrailingBytes | Action::MinTtl);
        let matter = self.view == View::Datagram && self.normaliser.edits.actions().iter().any(matters);
        self.normaliser.edits.clear();
        let mended = self.mended.frame().is_some();
        self.mended.clear();
        if matter || mended {
            self.without(Resource::Rewrite, subject, None).unwrap_or(Verdict::Pass)
        } else {
            Verdict::Pass
        }
    }

    /// Makes the changes that the packet judged last needs before it leaves; the verdict on it, which was `verdict`. Behind [`Pipeline::rewrite`].
    #[inline]
    pub fn put_right(&mut self, verdict: Verdict, wire: &mut impl Wire) -> Verdict {
        if verdict != Verdict::Pass || (self.normaliser.edits.is_empty() && !self.normaliser.refused) {
            return verdict;
        }
        self.put_right_now(wire)
    }

    #[cold]
    fn put_right_now(&mut self, wire: &mut impl Wire) -> Verdict {
        let fails = self.fails(Resource::Rewrite);
        let Self { normaliser: Normaliser { edits, refused, accepted, .. }, counters, .. } = self;
        if !std::mem::take(refused) && !fails && edits.carry_out(wire) {
            edits.actions().iter().for_each(|action| counters.normalised.raise(action as usize));
            edits.clear();
            return Verdict::Pass;
        }
        edits.clear();
        let accepted = std::mem::take(accepted);
        let verdict = self.not_rewritten();
        if verdict != Verdict::Pass {
            self.counters.ips_accepted -= u64::from(accepted);
            self.counters.ips_blocked += 1;
        }
        verdict
    }
}

/// Where what carries `layer` ends.
fn carried_to(decoded: &Decoded, frame: &[u8], layer: u8) -> usize {
    let around = usize::from(layer).checked_sub(1).and_then(|around| decoded.layers().get(around));
    around.map_or(frame.len(), |around| (around.payload_offset as usize).saturating_add(around.payload_len as usize))
}

/// A packet of a burst.
pub(crate) struct InBurst<'a> {
    /// The burst.
    pub burst: &'a mut Burst,
    /// The packet's place.
    pub place: usize,
}

impl Wire for InBurst<'_> {
    fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        self.burst.mbuf(self.place).is_some_and(|packet| packet.read_at(offset, out))
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> bool {
        self.burst.overwrite(self.place, offset, bytes).is_ok()
    }

    fn trim(&mut self, length: usize) -> bool {
        self.burst.trim(self.place, length).is_ok()
    }
}

/// A packet alone.
pub(crate) struct Alone<'a>(pub &'a mut Mbuf);

impl Wire for Alone<'_> {
    fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        self.0.view().read_at(offset, out)
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> bool {
        self.0.overwrite(offset, bytes).is_ok()
    }

    fn trim(&mut self, length: usize) -> bool {
        self.0.trim(length).is_ok()
    }
}
