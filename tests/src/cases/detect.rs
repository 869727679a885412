//! Cases of detection: direction, state of the connection, thresholds, variables.

use super::case::{Case, Expect, Run};
use crate::traffic::{Clock, Record, Side, TcpSession, UdpExchange, Wire, tcp};

const CLIENT: &str = "10.1.0.10";
const SERVER: &str = "10.2.0.20";

fn session(port: u16) -> TcpSession {
    TcpSession::new(Wire::of(CLIENT, SERVER), port, 8_000)
}

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![directions(), established(), limits(), variables(), one_packet()]
}

fn directions() -> Case {
    let rules = r#"
alert tcp any any -> any any (msg:"to the server"; flow:established,to_server; content:"the-word"; sid:1; rev:1;)
alert tcp any any -> any any (msg:"to the client"; flow:established,to_client; content:"the-word"; sid:2; rev:1;)
alert tcp any any <> any 8000 (msg:"either way"; content:"the-word"; sid:3; rev:1;)
alert tcp any any -> any 8000 (msg:"by the header"; content:"the-word"; sid:4; rev:1;)
"#;
    let asked = session(42_000).handshake().client(b"the-word").server(b"yes").close(Side::Client).records();
    let answered = session(42_000).handshake().client(b"what").server(b"the-word").close(Side::Client).records();
    let neither = session(42_000).handshake().client(b"the-wort").server(b"the-wort").close(Side::Client).records();
    Case::engine(
        "detect-direction",
        "flow, the arrow and the two-way arrow each see the direction they name.",
        rules,
        vec![
            Run::of("asked", asked)
                .and(Expect::alert(1).with("direction", "to_server"))
                .and(Expect::alert(2).times(0))
                .and(Expect::alert(3))
                .and(Expect::alert(4)),
            Run::of("answered", answered)
                .and(Expect::alert(1).times(0))
                .and(Expect::alert(2).with("direction", "to_client"))
                .and(Expect::alert(3))
                .and(Expect::alert(4).times(0)),
            Run::silent("quiet", neither),
        ],
    )
}

fn established() -> Case {
    let rules = r#"
alert tcp any any -> any any (msg:"established"; flow:established; content:"the-word"; sid:1; rev:1;)
alert tcp any any -> any any (msg:"any packet"; content:"the-word"; sid:2; rev:1;)
"#;
    let stray = session(42_000).raw(Side::Client, tcp::PSH | tcp::ACK, b"the-word").records();
    let half = session(42_000).raw(Side::Client, tcp::SYN, b"").raw(Side::Client, tcp::PSH | tcp::ACK, b"the-word");
    let whole = session(42_000).handshake().client(b"the-word").records();
    let pick_up = "detection.stream.midstream=true";
    Case::engine(
        "detect-established",
        "Without its handshake data is not established, unless sessions may be picked up in the middle.",
        rules,
        vec![
            Run::of("whole", whole).and(Expect::alert(1)).and(Expect::alert(2)),
            Run::of("stray", stray).and(Expect::alert(1).times(0)).and(Expect::alert(2)),
            Run::of("half", half.records()).and(Expect::alert(1).times(0)).and(Expect::alert(2)),
            Run::over("stray", None).set(pick_up).and(Expect::alert(1)).and(Expect::alert(2)),
        ],
    )
}

fn limits() -> Case {
    let rules = r#"
alert udp any any -> any 5001 (msg:"limit"; content:"knock"; threshold:type limit, track by_src, count 2, seconds 60; sid:1; rev:1;)
alert udp any any -> any 5002 (msg:"every third"; content:"knock"; threshold:type threshold, track by_src, count 3, seconds 60; sid:2; rev:1;)
alert udp any any -> any 5003 (msg:"once"; content:"knock"; threshold:type both, track by_dst, count 3, seconds 60; sid:3; rev:1;)
alert udp any any -> any 5004 (msg:"after three"; content:"knock"; detection_filter:track by_src, count 3, seconds 60; sid:4; rev:1;)
"#;
    let knocks = |client: &str, port: u16, begin_ms: u64, count: usize| -> Vec<Record> {
        let exchange = UdpExchange::new(Wire::of(client, SERVER), 5_000, port).starting(Clock::after_ms(begin_ms));
        (0..count).fold(exchange, |exchange, _| exchange.client(b"knock")).records()
    };
    let mut hit = Vec::new();
    for port in 5_001..=5_004 {
        hit.extend(knocks(CLIENT, port, 0, 7));
    }
    hit.extend(knocks("10.1.0.11", 5_001, 100, 3));
    let mut later = knocks(CLIENT, 5_001, 0, 5);
    later.extend(knocks(CLIENT, 5_001, 70_000, 5));
    let quiet = [knocks(CLIENT, 5_002, 0, 2), knocks(CLIENT, 5_003, 0, 2), knocks(CLIENT, 5_004, 0, 3)].concat();
    Case::engine(
        "detect-thresholds",
        "limit, threshold, both and detection_filter say what they should of seven matches, per source and per period.",
        rules,
        vec![
            Run::of("hit", hit)
                .and(Expect::alert(1).with("src_ip", CLIENT).times(2))
                .and(Expect::alert(1).with("src_ip", "10.1.0.11").times(2))
                .and(Expect::alert(2).times(2))
                .and(Expect::alert(3).times(1))
                .and(Expect::alert(4).times(4))
                .at_most(11),
            Run::alerts("later", later, 1, 4),
            Run::silent("quiet", quiet),
        ],
    )
}

fn variables() -> Case {
    let rules = r#"
alert udp $HOME_NET any -> $EXTERNAL_NET $SLUICE_PORTS (msg:"going out"; content:"word"; sid:1; rev:1;)
"#;
    let sent = |client: &str, server: &str, port: u16| {
        UdpExchange::new(Wire::of(client, server), 5_000, port).client(b"word").records()
    };
    let out = [sent("192.0.2.9", "203.0.113.9", 7_000), sent("10.1.0.10", "203.0.113.9", 7_000)].concat();
    let ports = "detection.variables.port.SLUICE_PORTS=[7000:7010,!7005]";
    Case::engine(
        "detect-variables",
        "Address and port variables are what --set made them.",
        rules,
        vec![
            Run::of("out", out).set(ports).and(Expect::alert(1).with("src_ip", "10.1.0.10")).at_most(1),
            Run::over("out", None)
                .set(ports)
                .set("detection.variables.address.HOME_NET=[192.0.2.0/24]")
                .and(Expect::alert(1).with("src_ip", "192.0.2.9"))
                .at_most(1),
            Run::silent("quiet", [sent(CLIENT, "203.0.113.9", 7_005), sent(CLIENT, SERVER, 7_000)].concat()).set(ports),
        ],
    )
}

/// Until there is reassembly: what is split is not found by a packet rule, and never will be by `tcp-pkt`.
fn one_packet() -> Case {
    let rules = r#"
alert tcp-pkt any any -> any any (msg:"in one packet"; flow:established,to_server; content:"the-word"; sid:1; rev:1;)
"#;
    let whole = session(42_000).handshake().client(b"say the-word now").close(Side::Client).records();
    let split = session(42_000).mss(8).handshake().client(b"say the-word now").close(Side::Client).records();
    Case::engine(
        "detect-tcp-pkt-sees-one-packet",
        "A tcp-pkt rule finds a word inside one segment, and not one that is split over two.",
        rules,
        vec![Run::alerts("hit", whole, 1, 1), Run::silent("quiet", split)],
    )
}
