//! Cases of capture files: link types, time, damage, sizes.

use super::case::{Case, Expect, Run};
use crate::traffic::{Capture, Clock, Link, Record, Resolution, Side, TcpSession, UdpExchange, Wire};

const CLIENT: &str = "10.1.0.10";
const SERVER: &str = "10.2.0.20";
const MARKED: &[u8] = b"GET /marked-page HTTP/1.1\r\n\r\n";
const PLAIN: &[u8] = b"GET /plain-page HTTP/1.1\r\n\r\n";
const RULE: &str = r#"alert ip any any -> any any (msg:"marked page"; content:"/marked-page"; sid:1; rev:1;)"#;

fn session(link: Link, data: &[u8]) -> Vec<Record> {
    let wire = Wire::of(CLIENT, SERVER).on(link);
    TcpSession::new(wire, 42_000, 80).handshake().client(data).close(Side::Client).records()
}

fn file(link: Link, records: Vec<Record>) -> Option<Vec<u8>> {
    let mut capture = Capture::new(link);
    capture.add(records);
    Some(capture.to_bytes())
}

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![link_types(), nanoseconds(), truncated(), empty(), large()]
}

fn link_types() -> Case {
    let hit = |name, link| {
        Run::over(name, file(link, session(link, MARKED))).and(Expect::alert(1).with("src_ip", CLIENT)).at_most(1)
    };
    let quiet = |name, link| Run::over(name, file(link, session(link, PLAIN))).at_most(0);
    Case::engine(
        "capture-link-types",
        "Captures of raw IP, BSD loopback and Linux cooked mode are decoded as what they are.",
        RULE,
        vec![
            hit("hit-raw", Link::Raw),
            hit("hit-null", Link::Null),
            hit("hit-cooked", Link::Cooked),
            quiet("quiet-raw", Link::Raw),
            quiet("quiet-null", Link::Null),
            quiet("quiet-cooked", Link::Cooked),
        ],
    )
}

fn nanoseconds() -> Case {
    let mut clock = Clock::new();
    clock.advance_ns(123_456_789);
    let records = |data: &[u8]| {
        let mut capture = Capture::of(
            UdpExchange::new(Wire::of(CLIENT, SERVER), 5_000, 5_001).starting(clock).client(data).records(),
        );
        capture.resolution = Resolution::Nano;
        Some(capture.to_bytes())
    };
    Case::engine(
        "capture-nanoseconds",
        "In a capture with nanoseconds the alert has the time of the packet, cut to microseconds.",
        RULE,
        vec![
            Run::over("hit", records(MARKED))
                .and(Expect::alert(1).with("timestamp", "2026-03-02T13:00:00.123456+0000"))
                .at_most(1),
            Run::over("quiet", records(PLAIN)).at_most(0),
        ],
    )
}

fn truncated() -> Case {
    let cut = |data: &[u8], bytes: usize| {
        let mut whole = file(Link::Ethernet, session(Link::Ethernet, data)).unwrap_or_default();
        whole.truncate(whole.len() - bytes);
        Some(whole)
    };
    Case::engine(
        "capture-truncated-tail",
        "A capture that ends inside a record, or inside a record's header, is judged up to there, with status 0.",
        RULE,
        vec![
            Run::over("hit", cut(MARKED, 10)).and(Expect::alert(1)).at_most(1),
            Run::over("hit-header", cut(MARKED, 60)).and(Expect::alert(1)).at_most(1),
            Run::over("quiet", cut(PLAIN, 10)).at_most(0),
        ],
    )
}

fn empty() -> Case {
    Case::engine(
        "capture-empty",
        "A capture without records is no error and says nothing.",
        RULE,
        vec![
            Run::over("quiet", file(Link::Ethernet, Vec::new()))
                .and(Expect::event("flow").times(0))
                .and(Expect::event("drop").times(0))
                .at_most(0),
        ],
    )
}

/// Records of 9,000 and 65,535 bytes: larger than one buffer of the driver.
fn large() -> Case {
    let rule = r#"alert udp any any -> any any (msg:"the last bytes"; content:"last-bytes"; endswith; sid:1; rev:1;)"#;
    let sized = |record: usize, tail: &[u8]| {
        let mut data = vec![b'.'; record - 14 - 20 - 8 - tail.len()];
        data.extend_from_slice(tail);
        UdpExchange::new(Wire::of(CLIENT, SERVER), 5_000, 5_001).client(&data).records()
    };
    Case::engine(
        "capture-large-records",
        "Content in the last bytes of a record of 9,000 and of 65,535 bytes is found.",
        rule,
        vec![
            Run::alerts("hit-9000", sized(9_000, b"last-bytes"), 1, 1),
            Run::alerts("hit-65535", sized(65_535, b"last-bytes"), 1, 1),
            Run::silent("quiet-9000", sized(9_000, b"last-byte!")),
            Run::silent("quiet-65535", sized(65_535, b"last-byte!")),
        ],
    )
}
