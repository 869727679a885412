//! Frames that go by a glance at their key fields meet what they would meet on the long way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{ACK, BOTH, Engine, FIN, Frame, PSH, RST, SYN, Session, Setup};
use proptest::{collection::vec, prelude::*, sample::select};
use sluice_core::{Nanos, event::EventBody, verdict::Mode};
use sluice_worker::ChecksumMode;

/// Rules after which nothing looks at a flow any more.
const RULES: &str = "pass udp any any -> any 53 (content:\"pass\"; sid:1;)
    pass tcp any any -> any any (flow:established; content:\"pass\"; sid:2;)
    drop tcp any any -> any any (flow:established; content:\"drop\"; sid:3;)
    drop ip any any -> 10.0.0.7 any (sid:4;)
    alert tcp any any -> any any (content:\"easy\"; bypass; sid:5;)
    alert ip any any -> any any (content:\"word\"; sid:6;)";

/// Feeds `frames` twice, once with glances: the numbers of frames that needed no more, and that everything else is the same.
fn twice(mode: Mode, drops: bool, seconds: &[u64], frames: &[Vec<u8>]) -> Result<usize, TestCaseError> {
    let [mut long, mut short] = [0, 1].map(|_| {
        let mut setup = Setup::default();
        setup.settings.mode = mode;
        setup.settings.flow_capacity = 16;
        setup.settings.half_open_capacity = 8;
        setup.settings.copies.drops = drops;
        setup.settings.copies.flows = true;
        setup.settings.checksums = ChecksumMode::Off;
        Engine::with(RULES, setup)
    });
    let (mut now, mut glances) = (0, 0);
    for (number, frame) in frames.iter().enumerate() {
        now += seconds[number % seconds.len()];
        let by_long = long.judge(now, frame);
        let (by_short, glanced) = short.judge_by_glance(now, frame);
        glances += usize::from(glanced);
        prop_assert_eq!(by_long, by_short, "frame {}", number);
        let [one, other] = [&mut long, &mut short].map(|engine| {
            engine.pipeline.tick(0, Nanos::from_seconds(1_000_000 + now));
            let mut told = Vec::new();
            engine.events(|body, _| told.push(format!("{body:?}")));
            told
        });
        prop_assert_eq!(one, other, "frame {}", number);
    }
    let [one, other] = [&mut long, &mut short].map(|engine| {
        engine.pipeline.finish();
        let mut ended = Vec::new();
        engine.events(|body, _| {
            if let EventBody::Flow { flow, .. } = body {
                ended.push(format!("{flow:?}"));
            }
        });
        (ended, engine.pipeline.counters)
    });
    prop_assert_eq!(one, other);
    Ok(glances)
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let words = select(&["", "pass", "drop", "easy", "word", "none"][..]);
    let flags = select(&[ACK, ACK, ACK, ACK | PSH, ACK | PSH, SYN, SYN | ACK, FIN | ACK, RST][..]);
    let shape = (select(&BOTH[..]), 0..4_u8, any::<bool>(), any::<bool>(), 0..3_usize);
    (shape, flags, words, 0..30_u32).prop_map(|((family, host, back, udp, tags), flags, word, seq)| {
        let destination = if host == 3 { 7 } else { 2 };
        let ports = if udp { (5_000, 53) } else { (5_000, 80) };
        // Most frames are of the session that was opened.
        let tags = if tags == 2 { vec![9] } else { Vec::new() };
        let client = Frame { source: 1, destination, ports, flags, seq, ack: 1, vlans: tags, ..Frame::new(family) };
        let frame = if back { client.back() } else { client };
        if udp { frame.udp(word.as_bytes()) } else { frame.tcp(word.as_bytes()) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_glance_and_a_look_lead_to_the_same(
        inline in any::<bool>(), drops in any::<bool>(),
        seconds in vec(select(&[0_u64, 0, 0, 1, 40, 2_000][..]), 1..9),
        frames in vec(frame(), 1..80),
    ) {
        let mut all = Vec::new();
        for family in BOTH {
            all.extend(Session::between(Frame { ports: (5_000, 80), ..Frame::new(family) }).handshake());
        }
        all.extend(frames);
        twice(if inline { Mode::Inline } else { Mode::Passive }, drops, &seconds, &all)?;
    }
}

#[test]
fn passed_bypassed_and_dropped_flows_need_no_more_than_a_glance() {
    for (word, mode) in [("pass", Mode::Passive), ("easy", Mode::Passive), ("drop", Mode::Inline)] {
        for family in BOTH {
            let mut session = Session::new(family);
            let mut frames = session.handshake();
            frames.push(session.client_sends(word.as_bytes()));
            for _ in 0..5 {
                frames.push(session.client_sends(b"word"));
                frames.push(session.server_sends(b"word"));
            }
            assert_eq!(twice(mode, false, &[0], &frames).unwrap(), 10, "{word}");
            let told = if mode == Mode::Inline { 0 } else { 10 };
            assert_eq!(twice(mode, true, &[0], &frames).unwrap(), told, "{word}");
        }
    }
}
