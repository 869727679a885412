//! Cases of the normaliser: what no end may read does not leave, what ends read differently is stopped; what is usual leaves as it came.

use super::case::{Case, Expect, Run};
use crate::traffic::{Record, Side, TcpSession, UdpExchange, Wire, tcp};

const ENDS: [(&str, &str); 2] = [("10.1.0.10", "10.2.0.20"), ("2001:db8:1::10", "2001:db8:2::20")];

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![odd_packets()]
}

/// With bytes behind the packet.
fn with_tail(mut records: Vec<Record>) -> Vec<Record> {
    records.iter_mut().for_each(|record| {
        record.bytes.extend(b"covert behind the packet, and long enough that no frame need be so long")
    });
    records
}

fn odd(client: &str, server: &str) -> Vec<Record> {
    let session = |port| TcpSession::new(Wire::of(client, server), port, 80);
    let datagram = |port| UdpExchange::new(Wire::of(client, server), port, 5_001).client(b"fine").records();
    [
        session(42_000).raw(Side::Client, tcp::SYN, b"covert on a SYN").records(),
        session(42_001)
            .handshake()
            .client(b"fine")
            .raw(Side::Server, tcp::RST | tcp::ACK, b"covert on a RST")
            .records(),
        with_tail(datagram(5_000)),
        session(42_002).raw(Side::Client, 0, b"covert without flags").records(),
        session(42_003).raw(Side::Client, tcp::SYN | tcp::FIN, b"").records(),
    ]
    .concat()
}

/// A datagram that asks to go by another way.
fn source_routed() -> Vec<Record> {
    let mut wire = Wire::of(ENDS[0].0, ENDS[0].1);
    wire.options = vec![131, 7, 4, 10, 9, 9, 9, 0];
    UdpExchange::new(wire, 5_002, 5_001).client(b"covert by another way").records()
}

fn usual(client: &str, server: &str) -> Vec<Record> {
    let mut padded = Wire::of(client, server);
    padded.padded = true;
    let session = TcpSession::new(padded.clone(), 43_000, 80).handshake().client(b"fine").server(b"fine");
    [
        session.close(Side::Client).records(),
        TcpSession::new(padded.clone(), 43_001, 80).handshake().client(b"fine").reset(Side::Server).records(),
        UdpExchange::new(padded, 5_000, 5_001).client(b"fine").server(b"fine").records(),
    ]
    .concat()
}

fn odd_packets() -> Case {
    let rules = r#"alert ip any any -> any any (msg:"never"; content:"nowhere"; sid:1; rev:1;)"#;
    let both = |of: fn(&str, &str) -> Vec<Record>| ENDS.map(|(client, server)| of(client, server)).concat();
    let stats = |trailing: u64, syn: u64, rst: u64, flags: u64, route: u64| {
        Expect::event("stats")
            .with("stats.normalise.trailing_bytes", trailing)
            .with("stats.normalise.tcp_syn_data", syn)
            .with("stats.normalise.tcp_rst_data", rst)
            .with("stats.normalise.tcp_flags", flags)
            .with("stats.normalise.ipv4_source_route", route)
    };
    let dropped = |count| Expect::event("drop").with("drop.reason", "normalise").times(count);
    let records = [both(odd), source_routed()].concat();
    Case::engine(
        "normalise-odd-packets",
        "Inline, bytes that no end may read do not leave, packets that ends read differently are stopped, and the rest leaves with right checksums; passive nothing is changed.",
        rules,
        vec![
            Run::silent("odd", records)
                .inline(true)
                .and(stats(2, 2, 2, 4, 1))
                .and(dropped(5))
                .and(Expect::event("drop").times(5))
                .forwards(16, &["covert"], &["fine"])
                .forwards_soundly(),
            Run::over("odd", None).at_most(0).and(Expect::event("drop").times(0)),
            Run::over("odd", None).inline(true).set("detection.normalise=off").at_most(0).and(dropped(0)).forwards(
                19,
                &[],
                &["covert on a SYN", "covert on a RST", "covert behind", "covert by another way"],
            ),
            Run::silent("usual", both(usual))
                .inline(true)
                .and(stats(0, 0, 0, 0, 0))
                .and(dropped(0))
                .forwards(36, &[], &["fine"])
                .forwards_soundly(),
        ],
    )
}
