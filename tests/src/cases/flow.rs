//! Cases of flow records: counts, states, ends.

use super::case::{Case, Expect, Run};
use crate::traffic::{Clock, Ping, Record, Side, TcpSession, UdpExchange, Wire};

const CLIENT: &str = "10.1.0.10";
const SERVER: &str = "10.2.0.20";
const RULE: &str = r#"alert tcp any any -> any any (msg:"the word"; content:"the-word"; sid:1; rev:1;)"#;

fn wire() -> Wire {
    Wire::of(CLIENT, SERVER)
}

fn session(port: u16) -> TcpSession {
    TcpSession::new(wire(), port, 80)
}

/// Bytes of the records that `from` sent on [`wire`].
fn bytes_of(records: &[Record], from: Side) -> u64 {
    let [source, _] = wire().ends(from);
    let sent = records.iter().filter(|record| record.bytes.get(6..12) == Some(&source.mac));
    sent.map(|record| record.bytes.len() as u64).sum()
}

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![counts(), states(), datagrams(), reuse(), marks(), mismatch()]
}

fn counts() -> Case {
    let records = session(42_000).handshake().client(b"the-word").server(&[b'x'; 4_000]).close(Side::Client).records();
    let flow = Expect::event("flow").with("src_ip", CLIENT).with("dest_port", 80).with("proto", "TCP");
    // Client: SYN, ACK, data, two acknowledgements, FIN, ACK. Server: SYN-ACK, ACK, three pieces, FIN.
    let flow = flow.with("flow.pkts_toserver", 7).with("flow.pkts_toclient", 6);
    let flow = flow.with("flow.bytes_toserver", bytes_of(&records, Side::Client));
    let flow = flow.with("flow.bytes_toclient", bytes_of(&records, Side::Server));
    let flow = flow.with("flow.state", "closed").with("flow.alerted", true).with("tcp.syn", true).with("tcp.fin", true);
    Case::engine(
        "flow-record-counts",
        "A flow record counts packets and bytes of both directions, with client and server the right way round.",
        RULE,
        vec![Run::alerts("one", records, 1, 1).and(flow).and(Expect::event("flow").times(1))],
    )
}

fn states() -> Case {
    let open = session(42_000).handshake().client(b"hello").records();
    let tried = session(42_001).raw(Side::Client, crate::traffic::tcp::SYN, b"").records();
    let reset = session(42_002).handshake().client(b"hello").reset(Side::Server).records();
    let with = |port: u16, state: &str| Expect::event("flow").with("src_port", port).with("flow.state", state);
    Case::engine(
        "flow-record-states",
        "An open connection is established, one that was never answered new, one that was reset closed.",
        RULE,
        vec![
            Run::silent("three", [open, tried, reset].concat())
                .and(with(42_000, "established").with("flow.alerted", false))
                .and(with(42_001, "new").with("flow.pkts_toclient", 0))
                .and(with(42_002, "closed").with("tcp.rst", true))
                .and(Expect::event("flow").times(3)),
        ],
    )
}

fn datagrams() -> Case {
    let asked = UdpExchange::new(wire(), 5_000, 53).client(b"a").records();
    let answered = UdpExchange::new(wire(), 5_001, 53).client(b"a").server(b"b").client(b"c").records();
    let echo = Ping::new(wire()).echo(b"abc").echo(b"abc").records();
    let udp = |port: u16, state: &str| Expect::event("flow").with("src_port", port).with("flow.state", state);
    Case::engine(
        "flow-record-datagrams",
        "UDP and ICMP flows are established once both sides spoke; an echo and its reply are one flow.",
        RULE,
        vec![
            Run::silent("three", [asked, answered, echo].concat())
                .and(udp(5_000, "new").with("flow.pkts_toserver", 1).with("flow.pkts_toclient", 0))
                .and(udp(5_001, "established").with("flow.pkts_toserver", 2).with("flow.pkts_toclient", 1))
                .and(
                    Expect::event("flow")
                        .with("proto", "ICMP")
                        .with("flow.pkts_toserver", 2)
                        .with("flow.pkts_toclient", 2)
                        .with("flow.state", "established")
                        .with("icmp_type", 8)
                        .with("response_icmp_type", 0),
                )
                .and(Expect::event("flow").times(3)),
        ],
    )
}

fn marks() -> Case {
    let rules = r#"
alert tcp any any -> any any (msg:"the word"; content:"the-word"; flowbits:set,traffic/id/words; flowbits:set,seen; sid:1; rev:1;)
"#;
    let ask = b"GET /the-word HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let said = session(42_000).handshake().client(ask).server(answer).close(Side::Client).records();
    let other = b"GET /another HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let unsaid = session(42_000).handshake().client(other).server(answer).close(Side::Client).records();
    let marked =
        |kind: &str| Expect::event(kind).with("metadata.flowbits[0]", "seen").with("traffic.id[0]", "words").times(1);
    let unmarked = |kind: &str| Expect::event(kind).exists("metadata", false).exists("traffic", false).times(1);
    Case::engine(
        "flow-record-marks",
        "Flow bits stand in every record about their flow, also in that of its end, beside the addresses of its ends; a flow without marks tells of none.",
        rules,
        vec![
            Run::alerts("marked", said, 1, 1)
                .set("events.eve.ethernet=true")
                .and(marked("http"))
                .and(marked("fileinfo"))
                .and(
                    marked("flow")
                        .with("flow.tx_cnt", 1)
                        .exists("ether.src_macs[0]", true)
                        .exists("ether.dest_macs[0]", true),
                ),
            Run::silent("unmarked", unsaid)
                .and(unmarked("http"))
                .and(unmarked("fileinfo"))
                .and(unmarked("flow").exists("ether", false)),
        ],
    )
}

fn mismatch() -> Case {
    let ask = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let odd = session(42_000).handshake().client(ask).server(b"SSH-2.0-OpenSSH_8.9\r\n").close(Side::Client).records();
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let same = session(42_000).handshake().client(ask).server(answer).close(Side::Client).records();
    let flow = || Expect::event("flow").with("app_proto", "http").exists("app_proto_ts", false).times(1);
    Case::engine(
        "flow-record-mismatch",
        "A flow whose server speaks another protocol than its client tells both; one whose ends agree tells one.",
        RULE,
        vec![
            Run::silent("odd", odd).and(flow().with("app_proto_tc", "ssh")),
            Run::silent("same", same).and(flow().exists("app_proto_tc", false)),
        ],
    )
}

fn reuse() -> Case {
    let first = session(42_000).handshake().client(b"hello").close(Side::Client).records();
    let second = session(42_000).isns(77_000, 88_000).starting(Clock::after_ms(5_000)).handshake().client(b"the-word");
    Case::engine(
        "flow-ports-used-again",
        "A new connection on the ports of a closed one is a flow of its own.",
        RULE,
        vec![
            Run::alerts("twice", [first, second.records()].concat(), 1, 1)
                .and(Expect::event("flow").with("flow.state", "closed").with("flow.alerted", false))
                .and(Expect::event("flow").with("flow.state", "established").with("flow.alerted", true))
                .and(Expect::event("flow").times(2)),
        ],
    )
}
