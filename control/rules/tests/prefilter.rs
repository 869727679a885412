//! No rule is ever missed: the inspector, with its prefilter, port index and groups, against judging every rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Frame};
use proptest::{prelude::*, sample::select};
use sluice_core::{AppNews, Counters, Direction, FlowKey, HashKey, Nanos};
use sluice_detect::{Findings, Inspector, PacketView, state::State};
use sluice_flow::StreamEvents;
use sluice_flow::{FlowCopy, FlowView};
use sluice_packet::{DecodeConfig, Decoded, LinkType, decode};

/// Few bytes, so that literals meet; NUL, high bytes, letters of both cases and their neighbours in the code table.
const ALPHABET: &[u8] = b"aAbB\0\xff@`";

fn bytes(least: usize, most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(ALPHABET), least..most)
}

/// Zeros with little between: what all traffic is full of.
const COMMON: [&[u8]; 5] = [&[0, 0, 0, b'a'], &[b'a', 0, 0, 0], &[0, b'b', 0, 0], &[0, 0, 0, b'A', 0, 0], &[0; 5]];

fn pattern() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => bytes(1, 8), 1 => select(&COMMON[..]).prop_map(<[u8]>::to_vec)]
}

#[derive(Clone, Debug)]
struct Piece {
    pattern: Vec<u8>,
    nocase: bool,
    negated: bool,
    place: u8,
    number: u8,
    fast: u8,
}

fn piece() -> impl Strategy<Value = Piece> {
    (pattern(), any::<bool>(), prop::bool::weighted(0.2), 0..8_u8, 0..12_u8, 0..8_u8).prop_map(
        |(pattern, nocase, negated, place, number, fast)| Piece { pattern, nocase, negated, place, number, fast },
    )
}

#[derive(Clone, Debug)]
struct Signature {
    head: String,
    pieces: Vec<Piece>,
    rest: &'static str,
}

fn signature() -> impl Strategy<Value = Signature> {
    let head = (
        select(&["ip", "tcp", "udp", "icmp", "tcp-pkt", "tcp-stream", "pkthdr"][..]),
        select(&["any", "10.0.0.1", "!10.0.0.1", "fd00::1", "[10.0.0.0/8,!10.0.0.2]"][..]),
        select(&["any", "80", "!80", "[1:1024]", "[80,40000]", "1025:"][..]),
        select(&["->", "<>"][..]),
        select(&["any", "10.0.0.2", "fd00::/16"][..]),
        select(&["any", "80", "!80", "[1:1024]", "40000", "2000:"][..]),
    )
        .prop_map(|(protocol, source, ports, way, destination, others)| {
            let bare = matches!(protocol, "icmp" | "pkthdr");
            let (ports, others) = if bare { ("any", "any") } else { (ports, others) };
            format!("alert {protocol} {source} {ports} {way} {destination} {others}")
        });
    let rest = select(
        &[
            "",
            "",
            "flow:to_server;",
            "flow:to_client;",
            "flow:established;",
            "flow:not_established;",
            "dsize:>3;",
            "ttl:64;",
            "flags:S;",
            "flags:A+;",
            "ip_proto:6;",
            "ip_proto:!17;",
            "itype:8;",
            "itype:>3;",
        ][..],
    );
    (head, prop::collection::vec(piece(), 0..4), rest).prop_map(|(head, pieces, rest)| Signature { head, pieces, rest })
}

impl Signature {
    fn text(&self, sid: usize) -> String {
        let mut options = String::new();
        let mut chosen = false;
        for (number, piece) in self.pieces.iter().enumerate() {
            let hex: Vec<String> = piece.pattern.iter().map(|byte| format!("{byte:02x}")).collect();
            options.push_str(&format!("content:{}\"|{}|\";", if piece.negated { "!" } else { "" }, hex.join(" ")));
            if piece.nocase {
                options.push_str("nocase;");
            }
            let (n, length) = (piece.number, piece.pattern.len());
            match piece.place {
                0 => options.push_str(&format!("offset:{n};")),
                1 => options.push_str(&format!("depth:{};", usize::from(n) + length)),
                2 if number > 0 => options.push_str(&format!("distance:{n};")),
                3 if number > 0 => options.push_str(&format!("within:{};", usize::from(n) + length)),
                4 if number > 0 => options.push_str(&format!("distance:-{n};")),
                // In one place alone, among the first bytes.
                5 => options.push_str(&format!("offset:{0};depth:{length};", n % 5)),
                6 => options.push_str("startswith;"),
                _ => {}
            }
            // One choice a rule; parts also of short ones.
            if !piece.negated && !chosen && piece.fast < 2 {
                chosen = true;
                let part = usize::from(piece.fast) < length && length > 1;
                options.push_str(&if part {
                    format!("fast_pattern:1,{};", length - 1)
                } else {
                    "fast_pattern;".into()
                });
            }
        }
        format!("{} ({options}{} sid:{sid};)", self.head, self.rest)
    }
}

#[derive(Clone, Debug)]
struct Packet {
    protocol: u8,
    six: bool,
    back: bool,
    ports: (u16, u16),
    payload: Vec<u8>,
    /// Which rule's patterns are planted in the payload, in which case.
    planted: (usize, bool, usize),
    direction: Option<Direction>,
    established: bool,
    with_flow: bool,
}

fn packet() -> impl Strategy<Value = Packet> {
    (
        (select(&[6_u8, 6, 17, 1, 47][..]), any::<bool>(), any::<bool>()),
        (select(&[40_000_u16, 80, 1024][..]), select(&[80_u16, 81, 40_000, 0][..])),
        bytes(0, 24),
        (0..12_usize, any::<bool>(), 0..24_usize),
        select(&[None, Some(Direction::ToServer), Some(Direction::ToClient)][..]),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|((protocol, six, back), ports, payload, planted, direction, established, with_flow)| Packet {
            protocol,
            six,
            back,
            ports,
            payload,
            planted,
            direction,
            established,
            with_flow,
        })
}

impl Packet {
    fn frame(&self, signatures: &[Signature]) -> Vec<u8> {
        let mut payload = self.payload.clone();
        let (which, flip, at) = self.planted;
        if let Some(signature) = signatures.get(which) {
            let mut at = at.min(payload.len());
            for piece in signature.pieces.iter().filter(|piece| !piece.negated) {
                let swapped = |byte: u8| if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { byte };
                let pattern: Vec<u8> =
                    piece.pattern.iter().map(|&byte| if flip && piece.nocase { swapped(byte) } else { byte }).collect();
                payload.splice(at..at, pattern.iter().copied());
                at += pattern.len();
            }
        }
        let frame = Frame { ports: self.ports, ..Frame::new(BOTH[usize::from(self.six)]) };
        let frame = if self.back { frame.back() } else { frame };
        match self.protocol {
            6 => frame.tcp(&payload),
            17 => frame.udp(&payload),
            1 => frame.ping(&payload),
            other => frame.ip(other, &payload),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_rule_is_missed_and_none_is_made_up(
        signatures in prop::collection::vec(signature(), 1..12),
        packets in prop::collection::vec(packet(), 1..24),
    ) {
        let text: Vec<String> = signatures.iter().enumerate().map(|(n, signature)| signature.text(n + 1)).collect();
        let text: Vec<String> = text.into_iter().filter(|line| harness::is_accepted(line)).collect();
        let ruleset = harness::ruleset(&text.join("\n"), "", Default::default());
        let mut one = Side::new(&ruleset);
        let mut other = Side::new(&ruleset);
        let mut decoded = Decoded::new();
        for (number, packet) in packets.iter().enumerate() {
            let frame = packet.frame(&signatures);
            decode(&frame, LinkType::Ethernet, &DecodeConfig::default(), &mut decoded);
            let headers = decoded.innermost();
            let view = PacketView {
                frame: &frame,
                headers,
                direction: packet.direction,
                established: packet.direction.is_some() && packet.established,
                stream_events: StreamEvents::NONE, app_news: AppNews::NONE,
                app: None,
                now: Nanos::from_seconds(1000 + number as u64),
            };
            let protocol = headers.protocol;
            let quick = one.judge(packet.with_flow.then_some(protocol), |side, flow| {
                // As the worker does: nobody judges what no rule asks anything of.
                let passes_by = match &flow {
                    None => view.direction.is_none() && side.inspector.passes_by(&ruleset, headers, !headers.events.is_empty()),
                    Some(flow) => Inspector::passes_by_in_flow(&ruleset, &view, flow),
                };
                if !passes_by {
                    side.inspector.inspect(&ruleset, &view, flow, &mut side.state, &mut side.counters, &mut side.findings);
                }
            });
            let slow = other.judge(packet.with_flow.then_some(protocol), |side, flow| {
                side.inspector.inspect_every_rule(&ruleset, &view, flow, &mut side.state, &mut side.counters, &mut side.findings)
            });
            prop_assert_eq!(quick, slow, "rules:\n{}\npacket {:?}", text.join("\n"), packet);
        }
    }
}

struct Side {
    inspector: Inspector,
    state: State,
    counters: Counters,
    findings: Findings,
    flow: FlowCopy,
}

impl Side {
    fn new(ruleset: &sluice_detect::Ruleset) -> Self {
        Self {
            inspector: Inspector::new(ruleset, 64).unwrap(),
            state: State::alone(HashKey::fixed()),
            counters: Counters::default(),
            findings: Findings::default(),
            flow: FlowCopy::default(),
        }
    }

    fn judge(&mut self, flow_of: Option<u8>, judge: impl FnOnce(&mut Self, Option<&mut FlowView>)) -> Vec<u32> {
        let mut flow = self.flow;
        flow.flow.key = FlowKey([0, 0, 0, 0, 0, u64::from(flow_of.unwrap_or(0))]);
        let mut view = flow_of.map(|_| flow.view());
        judge(self, view.as_mut());
        self.flow = flow;
        self.findings.as_slice().iter().map(|finding| finding.rule).collect()
    }
}
