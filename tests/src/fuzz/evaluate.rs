//! Target `evaluate`: rules and packets.
//!
//! Rules as text, the marker [`MARKER`], then packets: each two bytes of length (big endian, at most what is left), one byte of what is known of the packet, and the frame. The
//! inspector with its prefilter, indexes and groups says the same of each packet as judging every rule one by one, and counts the same.

use super::rules;
use sluice_core::{AppNews, Counters, Direction, FlowKey, HashKey, Nanos};
use sluice_detect::{Findings, Inspector, PacketView, Ruleset, state::State};
use sluice_flow::StreamEvents;
use sluice_flow::{FlowCopy, FlowView};
use sluice_packet::{DecodeConfig, Decoded, LinkType, decode};

/// Between rules and packets.
pub const MARKER: &[u8] = b"\n----\n";
/// Rules of one input.
const MOST_RULES: usize = 24;
/// Packets of one input.
const MOST_PACKETS: usize = 16;

const LINKS: [LinkType; 4] = [LinkType::Ethernet, LinkType::Raw, LinkType::LinuxCooked, LinkType::Null];

/// Runs one input.
pub fn run(input: &[u8]) {
    let Some(at) = input.windows(MARKER.len()).position(|window| window == MARKER) else { return };
    let (text, mut rest) = (&input[..at], &input[at + MARKER.len()..]);
    let set = rules::load(text);
    // Two rule sets of their own: data sets belong to a rule set.
    let [quick, slow] = [(); 2].map(|()| rules::compiled(&set, MOST_RULES).ruleset);
    let (mut one, mut other) = (Hand::new(&quick), Hand::new(&slow));
    let mut decoded = Decoded::new();
    for number in 0..MOST_PACKETS as u64 {
        let [high, low, known, more @ ..] = rest else { return };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(more.len());
        let (frame, after) = more.split_at(length);
        rest = after;
        decode(frame, LINKS[usize::from(known >> 6)], &DecodeConfig::default(), &mut decoded);
        let headers = decoded.innermost();
        let direction = match known & 3 {
            0 => None,
            1 => Some(Direction::ToClient),
            _ => Some(Direction::ToServer),
        };
        let established = direction.is_some() && known & 4 != 0;
        let now = Nanos::from_seconds(1_000 + number * u64::from(known >> 3 & 7));
        let view = PacketView {
            frame,
            headers,
            direction,
            established,
            now,
            stream_events: StreamEvents::NONE,
            app_news: AppNews::NONE,
            app: None,
        };
        let protocol = (known & 3 != 0).then_some(headers.protocol);
        let told = one.judge(protocol, |hand, flow| {
            let Hand { inspector, state, counters, findings, .. } = hand;
            inspector.inspect(&quick, &view, flow, state, counters, findings);
        });
        let expected = other.judge(protocol, |hand, flow| {
            let Hand { inspector, state, counters, findings, .. } = hand;
            inspector.inspect_every_rule(&slow, &view, flow, state, counters, findings);
        });
        assert_eq!(told, expected, "packet {number} of rules\n{}", String::from_utf8_lossy(text));
    }
}

struct Hand {
    inspector: Inspector,
    state: State,
    counters: Counters,
    findings: Findings,
    flow: FlowCopy,
}

impl Hand {
    fn new(ruleset: &Ruleset) -> Self {
        Self {
            inspector: Inspector::new(ruleset, 64).expect("room to inspect"),
            state: State::alone(HashKey::fixed()),
            counters: Counters::default(),
            findings: Findings::default(),
            flow: FlowCopy::default(),
        }
    }

    /// What was found: which rules, and whether they speak.
    fn judge(&mut self, flow_of: Option<u8>, judge: impl FnOnce(&mut Self, Option<&mut FlowView>)) -> Vec<(u32, bool)> {
        let mut flow = self.flow;
        flow.flow.key = FlowKey([0, 0, 0, 0, 0, u64::from(flow_of.unwrap_or(0))]);
        let mut view = flow_of.map(|_| flow.view());
        judge(self, view.as_mut());
        self.flow = flow;
        self.findings.as_slice().iter().map(|finding| (finding.rule, finding.speaks)).collect()
    }
}
