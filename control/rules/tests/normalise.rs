//! The normaliser in the pipeline: what leaves inline, what is stopped, and that it changes nothing about what is judged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{ACK, BOTH, Engine, FIN, Family, Frame, PSH, RST, SYN, Session, Setup};
use sluice_core::{Cause, ExceptionPolicy as Policy, Resource, Verdict};
use sluice_packet::{
    Decoded, LinkType, checksum, decode,
    normalise::{Action, Switches},
};
use sluice_worker::ChecksumMode;

const RULE: &str = "alert tcp any any -> any any (content:\"abcd\"; sid:1;)";

fn setup(inline: bool) -> Setup<'static> {
    let mut setup = if inline { harness::inline() } else { Setup::default() };
    setup.settings.normalise = Switches::default();
    setup.settings.streams.at_once = true;
    setup
}

/// Judges `frame`; what was said, and the bytes that leave, unless it is stopped.
fn sent(engine: &mut Engine, frame: &[u8]) -> (Vec<u32>, Result<Vec<u8>, Cause>) {
    let spoke = engine.feed(frame);
    let mut out = frame.to_vec();
    engine.pipeline.rewrite(|at, bytes| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        true
    });
    match engine.pipeline.put_right(engine.verdict, &mut out) {
        Verdict::Pass => (spoke, Ok(out)),
        Verdict::Drop(cause) => (spoke, Err(cause)),
    }
}

fn decoded(frame: &[u8]) -> Box<Decoded> {
    let mut decoded = Box::new(Decoded::new());
    decode(frame, LinkType::Ethernet, &sluice_packet::DecodeConfig::default(), &mut decoded);
    decoded
}

/// The TCP header of `frame` changed by `change`, with its checksum right.
fn with(frame: &[u8], change: impl Fn(&mut [u8])) -> Vec<u8> {
    let at = decoded(frame).innermost().l4_offset as usize;
    let mut out = frame.to_vec();
    change(&mut out[at..]);
    out[at + 16..at + 18].fill(0);
    let headers = *decoded(&out).innermost();
    let segment = headers.ip_payload(&out);
    let sum = match headers.ip_version {
        4 => {
            checksum::compute_v4(headers.src[..4].try_into().unwrap(), headers.dst[..4].try_into().unwrap(), 6, segment)
        }
        _ => checksum::compute_v6(headers.src, headers.dst, 6, segment),
    };
    out[at + 16..at + 18].copy_from_slice(&sum.to_be_bytes());
    out
}

#[test]
fn inline_an_odd_packet_leaves_put_right_and_passive_and_plain_ones_as_they_came() {
    for family in BOTH {
        for inline in [true, false] {
            let (mut engine, mut session) = (Engine::with(RULE, setup(inline)), Session::new(family));
            engine.all(&session.handshake());
            let plain = with(&session.client_sends(b"abcd"), |_| ());
            assert_eq!(sent(&mut engine, &plain), (vec![1], Ok(plain.clone())), "{inline}");
            let odd = with(&session.client_sends(b"abcd"), |header| header[12] |= 0x0e);
            let (spoke, out) = sent(&mut engine, &odd);
            assert_eq!(spoke, [1]);
            let out = out.unwrap();
            assert_eq!(out != odd, inline);
            if inline {
                assert_eq!(decoded(&out).innermost().tcp.reserved, 0);
                assert_eq!(checksum::transport(&out, decoded(&out).innermost()), checksum::Checksum::Valid);
            }
            let count = engine.pipeline.counters.normalised.get(Action::TcpReserved as usize);
            assert_eq!(count, u64::from(inline));
        }
    }
}

#[test]
fn a_packet_that_is_stopped_is_judged_but_moves_no_connection() {
    for family in BOTH {
        let (mut engine, mut session) = (Engine::with(RULE, setup(true)), Session::new(family));
        engine.all(&session.handshake());
        let next = session.client_sends(b"abcd");
        // Flags that would begin, end or reset the connection, were they not nonsense.
        for flags in [SYN | FIN, SYN | RST, FIN, 0, PSH] {
            let odd = with(&next, |header| header[13] = flags);
            assert_eq!(sent(&mut engine, &odd), (vec![1], Err(Cause::Normalise)), "{flags:02x}");
        }
        assert_eq!(engine.pipeline.counters.normalised.get(Action::TcpFlags as usize), 5);
        assert_eq!(engine.pipeline.counters.ips_blocked, 5);
        // Nor is it of the flow that it would be stopped with.
        assert_eq!(sent(&mut engine, &next), (vec![1], Ok(next.clone())));
        assert_eq!(engine.pipeline.counters.tcp_sessions, 1);
    }
}

#[test]
fn a_wrong_checksum_stops_a_packet_where_checksums_count() {
    for (mode, stopped) in [(ChecksumMode::On, true), (ChecksumMode::Off, false), (ChecksumMode::Auto, false)] {
        let mut setup = setup(true);
        setup.settings.checksums = mode;
        let mut engine = Engine::with("alert udp any any -> any any (content:\"abcd\"; sid:1;)", setup);
        let mut frame = Frame::new(Family::V6).udp(b"abcd");
        let at = decoded(&frame).innermost().l4_offset as usize;
        frame[at + 6..at + 8].copy_from_slice(&[0x12, 0x34]);
        let (spoke, out) = sent(&mut engine, &frame);
        assert_eq!((spoke, out.is_err()), (vec![1], stopped), "{mode:?}");
    }
}

#[test]
fn bytes_that_rules_write_over_and_odd_headers_are_put_right_together() {
    let rule = "drop tcp any any -> any any (content:\"none\"; sid:2;)\nalert tcp any any -> any any (content:\"abcd\"; replace:\"wxyz\"; sid:1;)";
    for family in BOTH {
        let (mut engine, mut session) = (Engine::with(rule, setup(true)), Session::new(family));
        engine.all(&session.handshake());
        let odd = with(&session.client_sends(b"abcd"), |header| {
            header[12] |= 0x0e;
            header[18..20].copy_from_slice(&[1, 2]);
        });
        let (spoke, out) = sent(&mut engine, &odd);
        let out = out.unwrap();
        let after = decoded(&out);
        assert_eq!(spoke, [1]);
        assert_eq!((after.innermost().payload(&out), after.innermost().tcp.reserved), (&b"wxyz"[..], 0));
        assert_eq!(after.innermost().tcp.urgent_pointer, 0);
        assert_eq!(checksum::transport(&out, after.innermost()), checksum::Checksum::Valid);
    }
}

#[test]
fn what_can_not_be_changed_meets_its_policy() {
    for (policy, cause) in [(Policy::DropPacket, Some(Cause::Normalise)), (Policy::Ignore, None)] {
        let mut setup = setup(true);
        setup.settings.exceptions = setup.settings.exceptions.with(Resource::Rewrite, policy);
        setup.settings.faults.set(Resource::Rewrite, 1);
        let (mut engine, mut session) = (Engine::with(RULE, setup), Session::new(Family::V4));
        engine.all(&session.handshake());
        let plain = with(&session.client_sends(b"x"), |_| ());
        assert_eq!(sent(&mut engine, &plain).1, Ok(plain.clone()), "nothing is to be changed");
        let (accepted, blocked) = (engine.pipeline.counters.ips_accepted, engine.pipeline.counters.ips_blocked);
        let odd = with(&session.client_sends(b"x"), |header| header[12] |= 0x0e);
        assert_eq!(sent(&mut engine, &odd).1.err(), cause);
        let dropped = u64::from(cause.is_some());
        let counters = &engine.pipeline.counters;
        assert_eq!((counters.ips_accepted, counters.ips_blocked), (accepted + 1 - dropped, blocked + dropped));
        assert_eq!(counters.normalise_refused, 1);
        assert_eq!(counters.exceptions.get(Resource::Rewrite, policy), dropped);
        assert_eq!(counters.normalised.get(Action::TcpReserved as usize), 0);
    }
}

#[test]
fn a_flow_that_nothing_looks_at_any_more_is_left_alone() {
    for rule in [
        "alert tcp any any -> any any (content:\"first\"; bypass; sid:1;)",
        "pass tcp any any -> any any (content:\"first\"; sid:1;)",
    ] {
        let (mut engine, mut session) = (Engine::with(rule, setup(true)), Session::new(Family::V4));
        engine.all(&session.handshake());
        engine.feed(&session.client_sends(b"first"));
        let odd = with(&session.client_sends(b"abcd"), |header| header[13] = SYN | FIN | ACK);
        assert_eq!(sent(&mut engine, &odd), (vec![], Ok(odd.clone())));
        let odd = with(&session.client_sends(b"abcd"), |header| header[12] |= 0x0e);
        assert_eq!(sent(&mut engine, &odd), (vec![], Ok(odd.clone())));
    }
}

/// The frame of a SYN, SYN-ACK or segment with these TCP options.
fn with_options(frame: &[u8], options: &[u8]) -> Vec<u8> {
    let decoded = decoded(frame);
    let headers = decoded.innermost();
    let (ip, at) = (headers.ip_offset as usize, headers.l4_offset as usize);
    let mut out = [&frame[..at + 20], options, &frame[headers.payload_offset as usize..]].concat();
    let length = headers.ip_len as usize - usize::from(headers.l4_header_len) + 20 + options.len();
    match headers.ip_version {
        4 => out[ip + 2..ip + 4].copy_from_slice(&(length as u16).to_be_bytes()),
        _ => out[ip + 4..ip + 6].copy_from_slice(&(length as u16 - 40).to_be_bytes()),
    }
    out[at + 12] = (5 + options.len() as u8 / 4) << 4;
    if headers.ip_version == 4 {
        out[ip + 10..ip + 12].fill(0);
        let sum = checksum::compute(&out[ip..ip + 20]);
        out[ip + 10..ip + 12].copy_from_slice(&sum.to_be_bytes());
    }
    with(&out, |_| ())
}

#[test]
fn timestamps_that_were_not_agreed_on_are_made_nops_and_those_that_were_stay() {
    let stamps = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0];
    for family in BOTH {
        for agreed in [false, true] {
            let (mut engine, mut session) = (Engine::with(RULE, setup(true)), Session::new(family));
            for frame in session.handshake() {
                let frame = if agreed { with_options(&frame, &stamps) } else { with(&frame, |_| ()) };
                assert_eq!(sent(&mut engine, &frame).1, Ok(frame));
            }
            let stamped = with_options(&session.client_sends(b"abcd"), &stamps);
            let (spoke, out) = sent(&mut engine, &stamped);
            let out = out.unwrap();
            assert_eq!((spoke, out == stamped), (vec![1], agreed));
            let after = decoded(&out);
            assert_eq!(after.innermost().tcp.options.timestamps.is_some(), agreed);
            assert_eq!(checksum::transport(&out, after.innermost()), checksum::Checksum::Valid);
        }
    }
}

#[test]
fn a_window_that_is_taken_back_leaves_as_it_was_announced_where_that_is_asked_for() {
    for asked in [true, false] {
        let mut setup = setup(true);
        if asked {
            setup.settings.normalise.set(Action::TcpWindowWithdrawal, sluice_packet::normalise::Switch::On);
        }
        let (mut engine, mut session) = (Engine::with(RULE, setup), Session::new(Family::V4));
        engine.all(&session.handshake());
        let window = |window: u16| move |header: &mut [u8]| header[14..16].copy_from_slice(&window.to_be_bytes());
        // Enough is sent that the edge is one that was announced.
        let mut all = Vec::new();
        for _ in 0..50 {
            all.push(with(&session.client_sends(&[b'x'; 1_400]), window(60_000)));
            all.push(with(&session.server_sends(b"y"), window(60_000)));
        }
        for frame in &all {
            assert_eq!(sent(&mut engine, frame).1.as_ref(), Ok(frame));
        }
        let back = with(&session.server_sends(b"y"), window(10));
        let out = sent(&mut engine, &back).1.unwrap();
        assert_eq!(decoded(&out).innermost().tcp.window, if asked { 60_000 } else { 10 });
    }
}
