//! One packet and a piece of its stream against the rule set.
//!
//! The second entrance of [`crate::inspect`], for connections whose bytes are put together: what is scanned, which rules wait for more bytes, and how a rule is
//! judged on a window. The order of rules, their checks and what a match leaves behind are the first one's. Never allocates.

use crate::{
    gate::Facts,
    group::{Group, has_events},
    inspect::{
        Findings, Inspector, Judged, Look, PacketView, candidates_of_flow, candidates_unfiltered, class_of,
        judged_before,
    },
    program::{Program, Step},
    rule::Rule,
    ruleset::Ruleset,
    run::Machine,
    state::State,
    stream::StreamPiece,
};
use sluice_core::{AppState, Counters};
use sluice_flow::FlowView;

impl Inspector {
    /// Judges `packet` and a piece of the stream it belongs to.
    #[expect(clippy::too_many_arguments, reason = "as `inspect`, with the stream")]
    pub fn inspect_stream(
        &mut self,
        ruleset: &Ruleset,
        packet: &PacketView,
        mut flow: Option<&mut FlowView>,
        piece: &mut StreamPiece,
        state: &mut State,
        counters: &mut Counters,
        findings: &mut Findings,
    ) {
        if piece.with_packet {
            self.rewrites.clear();
        }
        self.room.clear();
        let Some(group) = ruleset.group(class_of(packet.headers), packet.direction.unwrap_or_default()) else { return };
        self.gather_stream(ruleset, group, packet, flow.as_deref_mut(), piece, counters);
        self.decide(ruleset, packet, flow, Some(piece), state, counters, findings);
    }

    /// As [`Inspector::gather`], with a piece of a stream. What is new of it is scanned once, when it comes; rules whose literals are found wait until
    /// their bytes are judged, which passive may be later.
    fn gather_stream(
        &mut self,
        ruleset: &Ruleset,
        group: &Group,
        packet: &PacketView,
        flow: Option<&mut FlowView>,
        piece: &mut StreamPiece,
        counters: &mut Counters,
    ) {
        let Self { scratch, candidates, room, .. } = self;
        let headers = packet.headers;
        let generation = ruleset.generation;
        let of_packet = if piece.with_packet { headers.payload_len } else { 0 };
        // A payload without a place is judged by all rules as a packet.
        let of_stream = if piece.placed { 0 } else { of_packet }.max(piece.window_len());
        let app = flow.as_deref().map_or(AppState::Unseen, |flow| flow.app);
        let payload = headers.payload(packet.frame);
        let facts = Facts::new(headers, packet.direction, packet.established, payload, app);
        let facts = facts.with_stream(of_packet, of_stream);
        // Where there are no bytes nobody asks for the first ones.
        let facts = if facts.has_bytes() { facts.with_heads(piece.heads()) } else { facts };
        if facts.has_bytes()
            || ((piece.with_packet || piece.turn.judges()) && group.asks_of_headers(headers, has_events(packet)))
        {
            candidates_unfiltered(ruleset, group, packet, &facts, candidates);
        }
        if piece.with_packet {
            let judged = judged_before(packet, flow, generation);
            candidates_of_flow(ruleset, group, packet, judged, candidates);
        }
        let Some(scratch) = scratch.as_mut() else { return };
        let literals = group.literals(headers);
        if piece.with_packet && !piece.covers_payload && headers.payload_len > 0 {
            let placed = piece.placed;
            literals.scan(scratch, payload, counters, |rules, _end| {
                let of_packet = ruleset.doors(rules).filter(|door| !placed || door.gate.is_of_packets());
                of_packet.filter(|door| door.opens(&facts)).for_each(|door| candidates.add(door.gate.rule));
            });
        }
        let (scan_from, scan_to) = piece.turn.scan;
        if scan_from == scan_to && !piece.turn.judges() {
            return;
        }
        let crowded = piece.streams.is_crowded(piece.at, generation);
        if scan_from != scan_to {
            let (bytes, base) = room.scan(piece);
            let StreamPiece { streams, at, covers_payload, .. } = piece;
            literals.scan(scratch, bytes, counters, |rules, end| {
                let end = base.wrapping_add(end as u32);
                for door in ruleset.doors(rules).filter(|door| door.is_about_ports(&facts)) {
                    // A literal that ends in the carry was found before.
                    if door.gate.is_of_streams() && end.wrapping_sub(scan_from) as i32 > 0 {
                        streams.wait(*at, door.gate.rule, end, generation);
                    }
                    if *covers_payload && door.gate.is_of_packets() && door.gate.admits(&facts) {
                        candidates.add(door.gate.rule);
                    }
                }
            });
        }
        if !piece.turn.judges() {
            return;
        }
        if !crowded && !piece.streams.is_crowded(piece.at, generation) {
            piece.streams.waiting(piece.at).for_each(|rule| candidates.add(rule));
            return;
        }
        // More rules wait than a list holds: all literals of the window are found once more.
        counters.detect_stream_rescans += 1;
        let window = room.window(piece);
        let StreamPiece { streams, at, turn, .. } = piece;
        // What lies behind the window was scanned already, and would be forgotten.
        let all_there = turn.scan.1 == turn.judge.1;
        if all_there {
            streams.restart_list(*at);
        }
        literals.scan(scratch, window, counters, |rules, end| {
            let about_ports = ruleset.doors(rules).filter(|door| door.is_about_ports(&facts));
            for door in about_ports.filter(|door| door.gate.is_of_streams()) {
                candidates.add(door.gate.rule);
                if all_there {
                    streams.wait(*at, door.gate.rule, turn.window.wrapping_add(end as u32), generation);
                }
            }
        });
    }
}

/// A name of `rule` that it has in every rule set: 31 bits.
pub(crate) const fn name_of(rule: &Rule) -> u32 {
    (rule.sid ^ rule.gid.rotate_left(20)) & (u32::MAX >> 1)
}

/// What the stream remembers of a rule that was judged.
pub(crate) fn remember(rule: &Rule, number: u32, judged: Judged, look: Look, piece: &mut StreamPiece, generation: u32) {
    let StreamPiece { streams, at, turn, placed, .. } = piece;
    match judged {
        // Its contents may still come.
        Judged::NotThere => {}
        Judged::No => {
            if look.stream {
                streams.waits_no_more(*at, number, turn.judge.1);
            }
        }
        Judged::Stream => {
            streams.waits_no_more(*at, number, turn.judge.1);
            streams.matched(*at, name_of(rule), turn.judge.1, generation);
        }
        Judged::Packet => {
            if *placed {
                streams.waits_no_more(*at, number, turn.scan.1);
                streams.matched(*at, name_of(rule), turn.scan.1, generation);
            }
        }
    }
}

/// The window on a stream, for one rule.
pub(crate) struct Window<'a> {
    pub bytes: &'a [u8],
    pub piece: &'a StreamPiece<'a>,
    /// Bytes before this offset do not count: the rule has matched on them.
    pub done: Option<u32>,
    pub anchored: bool,
}

impl Window<'_> {
    /// Whether `program` matches, with at least one byte that is new.
    pub fn matches(&self, program: &Program, machine: &mut Machine) -> bool {
        let window = self.piece.turn.window;
        let new = self.piece.turn.judge.0.wrapping_sub(window) as usize;
        let done = self.done.map_or(0, |done| (done.wrapping_sub(window) as i32).max(0) as usize);
        let is_new = |machine: &Machine, from: usize| machine.reach == 0 || from + machine.reach > new;
        if self.anchored {
            return self.piece.starts().filter(|&start| start >= done).any(|start| {
                self.bytes.get(start..).is_some_and(|bytes| machine.run(program, bytes)) && is_new(machine, start)
            });
        }
        // A content alone can't begin so early that it ends before what is new.
        let mut from = match program.steps() {
            [Step::Content(content)] => new.saturating_sub(content.pattern().len().saturating_sub(1)),
            _ => 0,
        };
        from = from.max(done);
        while let Some(bytes) = self.bytes.get(from..).filter(|bytes| !bytes.is_empty()) {
            if !machine.run(program, bytes) {
                return false;
            }
            if is_new(machine, from) {
                return true;
            }
            from += machine.reach;
        }
        false
    }
}
