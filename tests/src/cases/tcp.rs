//! Cases of TCP connections: what their ends throw away moves nothing, hides nothing and, inline, does not pass.

use super::case::{Case, Expect, Run};
use crate::traffic::{
    Record, Side, TcpSession, Wire,
    tcp::{ACK, FIN, PSH, RST, SYN, Tcp},
};

const RULE: &str =
    r#"drop tcp any any -> any 80 (msg:"marked"; flow:to_server,established; content:"EVIL-MARK"; sid:1; rev:1;)"#;
/// The mark lies across two segments, so only who follows the connection finds it.
const MARKED: [&[u8]; 2] = [b"GET /EVIL-", b"MARK HTTP/1.1\r\n\r\n"];
const PLAIN: [&[u8]; 2] = [b"GET /GOOD-", b"MARK HTTP/1.1\r\n\r\n"];
const IPV6: [&str; 2] = ["2001:db8::10", "2001:db8:f::20"];
const IPV4: [&str; 2] = ["10.1.0.10", "10.2.0.20"];

fn session([client, server]: [&str; 2]) -> TcpSession {
    TcpSession::new(Wire::of(client, server), 42_000, 80)
}

/// The two halves, each acknowledged, and the end of the connection.
fn say(session: TcpSession, [first, second]: [&[u8]; 2]) -> Vec<Record> {
    session.client(first).client(second).server(b"HTTP/1.1 200 OK\r\n\r\n").close(Side::Client).records()
}

/// A rule for each of `events`, from number 10 on.
fn rules(events: &[&str]) -> &'static str {
    let rule = |(sid, event): (usize, &&str)| {
        format!("\nalert tcp any any -> any any (msg:\"{event}\"; stream-event:{event}; sid:{sid}; rev:1;)")
    };
    (RULE.to_owned() + &(10..).zip(events).map(rule).collect::<String>()).leak()
}

fn refused(count: u64) -> Expect {
    Expect::event("drop").with("drop.reason", "stream error").times(count)
}

/// A signature of TCP-MD5 (RFC 2385).
fn signed(tcp: &mut Tcp) {
    tcp.options = [&[19, 18][..], &[7; 16]].concat();
}

fn stamped(tcp: &mut Tcp, value: u32, echo: u32) {
    tcp.options = [&[1, 1, 8, 10][..], &value.to_be_bytes(), &echo.to_be_bytes()].concat();
}

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![forged_resets(), forged_ends(), many_syns(), split_handshake(), fast_open(), old_clocks(), told(), one_sided()]
}

fn forged_resets() -> Case {
    let forge = |ends| {
        let session = session(ends).handshake();
        // In the window, outside it, signed, with an acknowledgement of what was never sent.
        let session = session.aside(Side::Client, RST, b"", |tcp| tcp.seq += 5);
        let session = session.aside(Side::Client, RST, b"", |tcp| tcp.seq += 0x1000_0000);
        let session = session.aside(Side::Client, RST | ACK, b"", signed);
        session.aside(Side::Client, RST | ACK, b"", |tcp| tcp.ack += 0x1000_0000)
    };
    let mut runs = Vec::new();
    for (marked, plain, inline, names) in [
        (IPV4, IPV4, false, ["hit", "quiet"]),
        (IPV4, IPV4, true, ["hit-inline", "quiet-inline"]),
        (IPV6, IPV6, true, ["hit-ipv6", "quiet-ipv6"]),
    ] {
        let events = || [Expect::alert(10).times(1), Expect::alert(11).times(1)];
        let dropped = if inline { 3 } else { 0 };
        let [hit, quiet] = names;
        let hit = Run::of(hit, say(forge(marked), MARKED)).and(Expect::alert(1)).inline(inline).and(refused(dropped));
        let quiet = Run::of(quiet, say(forge(plain), PLAIN)).at_most(2).inline(inline).and(refused(dropped));
        runs.push(events().into_iter().fold(hit, Run::and).at_most(3));
        runs.push(events().into_iter().fold(quiet, Run::and).and(Expect::event("flow").with("flow.state", "closed")));
    }
    runs.push(Run::silent("unharmed", say(session(IPV4).handshake(), PLAIN)).inline(true).and(refused(0)));
    Case::engine(
        "stream-forged-resets",
        "A reset that its receiver ignores hides nothing of what follows; inline it goes no further.",
        rules(&["suspected_rst_inject", "rst_invalid_ack"]),
        runs,
    )
}

fn forged_ends() -> Case {
    // A FIN and data outside the window, data without ACK, an acknowledgement of what was never sent, a SYN.
    let forge = || {
        let session = session(IPV4).handshake();
        let session = session.aside(Side::Client, FIN | ACK, b"", |tcp| tcp.seq += 0x1000_0000);
        let session = session.aside(Side::Client, PSH | ACK, b"GET /GOOD!", |tcp| tcp.seq += 0x1000_0000);
        let session = session.aside(Side::Client, PSH, b"GET /GOOD!", |tcp| tcp.ack = 0);
        let session = session.aside(Side::Client, PSH | ACK, b"GET /GOOD!", |tcp| tcp.ack += 0x1000_0000);
        session.aside(Side::Client, SYN, b"", |tcp| tcp.seq += 0x1000_0000)
    };
    // Who knows none of a connection's numbers must not be able to end it.
    let blind = || {
        let session = session(IPV4).handshake();
        say(session.aside(Side::Client, PSH | ACK, b"EVIL-MARK", |tcp| tcp.seq += 0x1000_0000), PLAIN)
    };
    let by = |reason: &str, count| Expect::event("drop").with("drop.reason", reason).times(count);
    let events = |run: Run| (10..=13).fold(run, |run, sid| run.and(Expect::alert(sid)));
    Case::engine(
        "stream-forged-ends",
        "Packets that their receiver throws away take no place in the stream: what is hidden behind them is found.",
        rules(&["fin_out_of_window", "est_packet_out_of_window", "est_invalid_ack", "est_syn_resend_diff_seq"]),
        vec![
            events(Run::of("hit", say(forge(), MARKED))).and(Expect::alert(1)).at_most(5),
            events(Run::of("quiet", say(forge(), PLAIN))).at_most(4),
            events(Run::of("hit-inline", say(forge(), MARKED)))
                .inline(true)
                .and(Expect::alert(1))
                .at_most(5)
                .and(refused(3))
                .and(by("normalise", 1)),
            Run::of("blind-inline", blind())
                .inline(true)
                .and(by("rules", 1))
                .and(by("flow drop", 0))
                .and(Expect::event("flow").with("flow.state", "closed").exists("flow.action", false)),
            Run::silent("unharmed", say(session(IPV4).handshake(), PLAIN)).inline(true).and(refused(0)),
        ],
    )
}

fn many_syns() -> Case {
    let storm = |ends| {
        let forged = |session: TcpSession, number: u32| {
            session.aside(Side::Client, SYN, b"", |tcp| tcp.seq = number * 0x0f00_0000)
        };
        let session = (1..16).fold(session(ends), forged).raw(Side::Client, SYN, b"");
        let forged = |session: TcpSession, number: u32| {
            session.aside(Side::Server, SYN | ACK, b"", |tcp| tcp.seq = number * 0x0f00_0000)
        };
        (1..4).fold(session, forged).raw(Side::Server, SYN | ACK, b"").raw(Side::Client, ACK, b"")
    };
    let run = |name, ends, inline, marked: bool| {
        let said = if marked { MARKED } else { PLAIN };
        let run = Run::of(name, say(storm(ends), said)).inline(inline).and(Expect::alert(10).times(5)).and(refused(0));
        if marked { run.and(Expect::alert(1)).at_most(6) } else { run.at_most(5) }
    };
    Case::engine(
        "stream-many-syns",
        "Among many SYNs and SYN-ACKs with made-up numbers, those that were answered count.",
        rules(&["3whs_syn_flood"]),
        vec![
            run("hit", IPV4, false, true),
            run("quiet", IPV4, false, false),
            run("hit-inline", IPV6, true, true),
            run("quiet-inline", IPV6, true, false),
        ],
    )
}

fn split_handshake() -> Case {
    let split = |five: bool, ends| {
        let mut session = session(ends).raw(Side::Client, SYN, b"");
        if five {
            session = session.aside(Side::Server, ACK, b"", |tcp| tcp.seq = 9);
        }
        let session = session.raw(Side::Server, SYN, b"");
        // The client answers with its own number once more.
        let session = session.aside(Side::Client, SYN | ACK, b"", |tcp| tcp.seq -= 1);
        session.raw(Side::Server, ACK, b"")
    };
    let run = |name, five, ends, marked: bool| {
        let said = if marked { MARKED } else { PLAIN };
        let run = Run::of(name, say(split(five, ends), said)).inline(five).and(refused(0));
        let flow = Expect::event("flow")
            .with("src_port", 42_000)
            .with("flow.state", if marked && five { "established" } else { "closed" });
        if marked { run.and(Expect::alert(1)).at_most(1).and(flow) } else { run.at_most(0).and(flow) }
    };
    Case::engine(
        "stream-split-handshake",
        "A handshake in four or five packets opens a connection whose client is who asked first.",
        RULE,
        vec![
            run("hit-four", false, IPV4, true),
            run("quiet-four", false, IPV4, false),
            run("hit-five-inline", true, IPV6, true),
            run("quiet-five-inline", true, IPV6, false),
        ],
    )
}

fn fast_open() -> Case {
    let cookie = |tcp: &mut Tcp| tcp.options = vec![34, 10, 1, 2, 3, 4, 5, 6, 7, 8];
    let taken = |[first, second]: [&[u8]; 2]| {
        let session = session(IPV4).raw_as(Side::Client, SYN, first, cookie);
        session
            .raw(Side::Server, SYN | ACK, b"")
            .raw(Side::Client, ACK, b"")
            .client(second)
            .close(Side::Client)
            .records()
    };
    // The server takes the SYN alone, and the client begins anew behind it.
    let ignored = |[first, second]: [&[u8]; 2], in_syn: &[u8]| {
        let session = session(IPV4).aside(Side::Client, SYN, in_syn, cookie).raw(Side::Client, SYN, b"");
        let session = session.raw(Side::Server, SYN | ACK, b"").raw(Side::Client, ACK, b"");
        session.client(first).client(second).close(Side::Client).records()
    };
    Case::engine(
        "stream-fast-open",
        "Data that came with a SYN count when the server takes them, and else not.",
        RULE,
        vec![
            Run::alerts("hit", taken(MARKED), 1, 1),
            Run::silent("quiet", taken(PLAIN)),
            Run::alerts("hit-inline", taken(MARKED), 1, 1).inline(true),
            Run::silent("quiet-inline", taken(PLAIN)).inline(true).and(refused(0)),
            Run::alerts("ignored", ignored(MARKED, b"GET /GOOD!"), 1, 1),
            Run::silent("ignored-quiet", ignored([MARKED[1], PLAIN[1]], MARKED[0])),
            Run::alerts("ignored-inline", ignored(MARKED, b"GET /GOOD!"), 1, 1).inline(true),
            Run::silent("ignored-quiet-inline", ignored([MARKED[1], PLAIN[1]], MARKED[0])).inline(true).and(refused(0)),
        ],
    )
}

fn old_clocks() -> Case {
    // The attacker hides the mark: a segment that PAWS throws away tells other bytes in the same place.
    let talk = |[first, second]: [&[u8]; 2], forged: bool| {
        let session = session(IPV4).raw_as(Side::Client, SYN, b"", |tcp| stamped(tcp, 5_000, 0));
        let session = session.raw_as(Side::Server, SYN | ACK, b"", |tcp| stamped(tcp, 900, 5_000));
        let session = session.raw_as(Side::Client, ACK, b"", |tcp| stamped(tcp, 5_010, 900));
        let session = session.raw_as(Side::Client, PSH | ACK, first, |tcp| stamped(tcp, 5_020, 900));
        let mut session = session.raw_as(Side::Server, ACK, b"", |tcp| stamped(tcp, 910, 5_020));
        if forged {
            let other = vec![b'x'; second.len()];
            session = session.aside(Side::Client, PSH | ACK, &other, |tcp| stamped(tcp, 4_000, 910));
        }
        let session = session.raw_as(Side::Client, PSH | ACK, second, |tcp| stamped(tcp, 5_030, 910));
        let session = session.raw_as(Side::Server, ACK, b"", |tcp| stamped(tcp, 920, 5_030));
        session.close(Side::Client).records()
    };
    Case::engine(
        "stream-old-timestamps",
        "A segment whose timestamp is older than one its receiver has taken is no part of the stream.",
        rules(&["pkt_invalid_timestamp"]),
        vec![
            Run::of("hit", talk(MARKED, true)).and(Expect::alert(1)).and(Expect::alert(10)).at_most(2),
            Run::of("quiet", talk(PLAIN, true)).and(Expect::alert(10)).at_most(1),
            Run::silent("unharmed", talk(PLAIN, false)),
            Run::of("hit-inline", talk(MARKED, true))
                .inline(true)
                .and(Expect::alert(1))
                .and(Expect::alert(10))
                .at_most(2)
                .and(refused(1)),
        ],
    )
}

fn told() -> Case {
    let records = || {
        let session = session(IPV4).handshake().client(PLAIN[0]);
        say(session.aside(Side::Server, SYN | ACK, b"", |tcp| tcp.seq += 999), PLAIN)
    };
    let anomaly = Expect::event("anomaly")
        .with("anomaly.type", "stream")
        .with("anomaly.event", "stream.est_synack_resend_with_diff_seq")
        .with("src_port", 80);
    let counted = Expect::event("stats").with("stats.stream.est_synack_resend_with_diff_seq", 1);
    Case::engine(
        "stream-events-are-told",
        "What is odd about a packet given its connection is an anomaly record, and a counter, when asked for.",
        RULE,
        vec![
            Run::silent("asked", records())
                .set("events.eve.anomaly-stream=true")
                .set("stats.stream-events=true")
                .and(anomaly.clone())
                .and(Expect::event("anomaly").with("anomaly.type", "stream").times(1))
                .and(counted),
            Run::silent("not-asked", records())
                .and(Expect::event("anomaly").with("anomaly.type", "stream").times(0))
                .and(Expect::event("stats").exists("stats.stream", false)),
        ],
    )
}

fn one_sided() -> Case {
    let client = |said| {
        let records = say(session(IPV4).handshake(), said);
        let from = |record: &Record| record.bytes.get(34..36) == Some(&42_000_u16.to_be_bytes());
        records.into_iter().filter(from).collect::<Vec<_>>()
    };
    Case::engine(
        "stream-one-sided",
        "A connection of which only one direction is seen is followed when that is asked for.",
        RULE,
        vec![
            Run::alerts("hit", client(MARKED), 1, 1).set("stream.async-oneside=true"),
            Run::silent("quiet", client(PLAIN)).set("stream.async-oneside=true"),
            Run::silent("not-asked", client(MARKED)),
        ],
    )
}
