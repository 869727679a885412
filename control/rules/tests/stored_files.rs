//! Files that rules ask to be stored: their bytes travel to the control core, whole, and those of others don't.
//!
//! Source: the public rule documentation of the reference engine, "File Keywords: filestore".
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Frame, Session, Setup, inline};
use sluice_core::{Direction, event::EventBody};
use sluice_worker::FileStoring;

const RULES: &str = "alert http any any -> any any (flow:to_client; file.data; content:\"evil\"; filestore; sid:1;)
    alert http any any -> any any (flow:to_client; file.data; content:\"good\"; sid:2;)";

fn setup(passive: bool, store: FileStoring) -> Setup<'static> {
    let mut setup = if passive { Setup::default() } else { inline() };
    setup.settings.streams.at_once = !passive;
    setup.settings.copies.store = store;
    setup
}

/// The file that was sent when `body` was the answer to a request, with the sizes of its parts; what was said.
fn stored(family: harness::Family, setup: Setup, body: &[u8]) -> (Option<Vec<u8>>, usize, Vec<u32>) {
    let mut engine = Engine::with(RULES, setup);
    let mut session = Session::between(Frame { ports: (40_000, 80), ..Frame::new(family) });
    let mut frames = session.handshake();
    frames.push(session.client_sends(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
    frames.push(session.server_sends(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes()));
    body.chunks(400).for_each(|part| frames.push(session.server_sends(part)));
    frames.push(session.client_sends(b""));
    frames.push(session.server_sends(b""));
    frames.iter().for_each(|frame| {
        engine.judge(0, frame);
    });
    engine.pipeline.finish();
    let (mut file, mut parts, mut said, mut whole) = (Vec::new(), 0, Vec::new(), false);
    engine.slots(|slot, ruleset| match slot.body {
        EventBody::FileBytes { flow, direction, number, offset, bytes, last } => {
            assert!(flow != 0 && direction == Direction::ToClient && number == 1 && !whole);
            assert_eq!(offset, file.len() as u64);
            file.extend_from_slice(slot.piece(bytes));
            parts += 1;
            whole = last;
        }
        EventBody::Alert { rule, .. } => said.push(ruleset.rule(rule).unwrap().sid),
        _ => {}
    });
    assert_eq!(whole, parts > 0);
    (whole.then_some(file), parts, said)
}

#[test]
fn a_file_that_a_rule_asks_for_is_sent_whole_in_parts_and_no_other_is() {
    for (family, passive) in BOTH.into_iter().flat_map(|family| [(family, true), (family, false)]) {
        let by_rules = || setup(passive, FileStoring::ByRules);
        let large: Vec<u8> = (0..3_000_u32).map(|number| number as u8).chain(*b"evil").collect();
        for body in [&b"an evil file"[..], &large] {
            let (file, parts, said) = stored(family, by_rules(), body);
            assert_eq!((file.as_deref(), &*said), (Some(body), &[1][..]), "{family:?} passive {passive}");
            assert!(parts > body.len() / 300, "slots are small");
        }
        assert_eq!(stored(family, by_rules(), b"a good file"), (None, 0, vec![2]));
    }
}

#[test]
fn all_files_are_sent_when_that_is_asked_and_none_when_nothing_is_to_be_stored() {
    for passive in [true, false] {
        let all = stored(BOTH[0], setup(passive, FileStoring::All), b"plain");
        assert_eq!(all, (Some(b"plain".to_vec()), 1, vec![]));
        assert_eq!(stored(BOTH[0], setup(passive, FileStoring::Off), b"an evil file"), (None, 0, vec![1]));
    }
}
