//! Cases of the starter rules for logins, old protocols, DNS and miners: 9000012 to 9000021, 9000031, 9000032.

use super::{
    case::{Case, Expect, Run},
    payload,
};
use crate::traffic::{Record, Side, TcpSession, UdpExchange, Wire};

const INSIDE: &str = "10.20.5.15";
const OUTSIDE: &str = "198.51.100.25";

fn tcp(port: u16) -> TcpSession {
    TcpSession::new(Wire::of(INSIDE, OUTSIDE), 41_000, port).handshake()
}

fn said_by_client(port: u16, data: &[u8]) -> Vec<Record> {
    tcp(port).client(data).server(b"\r\n").close(Side::Client).records()
}

fn said_by_server(port: u16, data: &[u8]) -> Vec<Record> {
    tcp(port).server(data).client(b"\r\n").close(Side::Client).records()
}

fn datagram(port: u16, data: &[u8]) -> Vec<Record> {
    UdpExchange::new(Wire::of(INSIDE, OUTSIDE), 41_000, port).client(data).records()
}

fn pair(name: &'static str, about: &'static str, sid: u64, hit: Vec<Record>, quiet: Vec<Record>) -> Case {
    Case::starter(name, about, vec![Run::alerts("hit", hit, sid, 1), Run::silent("quiet", quiet)])
}

fn ftp(user: &str) -> Vec<Record> {
    let session = tcp(21).server(b"220 files.example ready\r\n");
    session.client(user.as_bytes()).server(b"331 Password required\r\n").close(Side::Client).records()
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = logins();
    cases.extend(old_protocols());
    cases.extend(dns());
    cases.extend(miners());
    cases
}

fn logins() -> Vec<Case> {
    vec![
        pair(
            "starter-ftp-root",
            "USER root alerts in any case of letters; a name that begins with root does not.",
            9_000_012,
            ftp("user Root\r\n"),
            ftp("USER rootbeer\r\n"),
        ),
        pair(
            "starter-ftp-long-user",
            "300 bytes of name without an end of line alert; 150 bytes, and a short name before a long line, do not.",
            9_000_013,
            ftp(&format!("USER {}\r\n", "A".repeat(300))),
            [ftp(&format!("USER {}\r\n", "A".repeat(150))), {
                let wire = Wire::of(INSIDE, OUTSIDE);
                let line = format!("USER anna\r\nSTOR {}\r\n", "b".repeat(250));
                TcpSession::new(wire, 41_001, 21).handshake().client(line.as_bytes()).close(Side::Client).records()
            }]
            .concat(),
        ),
        pair(
            "starter-telnet-root",
            "A root prompt at the end of a packet alerts; a person's prompt, a root prompt with a command after it, and another prompt after root's address, do not.",
            9_000_014,
            said_by_server(23, b"Last login: Mon Mar  2 on tty1\r\nroot@edge1:~# "),
            [
                said_by_server(23, b"anna@edge1:~$ "),
                TcpSession::new(Wire::of(INSIDE, OUTSIDE), 41_001, 23)
                    .handshake()
                    .server(b"root@edge1:~# reboot\r\n")
                    .server(b"Write to root@edge1 when lost.\r\nlevel # ")
                    .close(Side::Client)
                    .records(),
            ]
            .concat(),
        ),
        pair(
            "starter-ssh-1",
            "An SSH 1.5 banner alerts; 1.99, which speaks version 2, and 2.0 do not.",
            9_000_015,
            said_by_server(22, b"SSH-1.5-Cisco-1.25\n"),
            TcpSession::new(Wire::of(INSIDE, OUTSIDE), 41_001, 22)
                .handshake()
                .server(b"SSH-1.99-Switch_3\r\n")
                .client(b"SSH-2.0-client\r\n")
                .close(Side::Client)
                .records(),
        ),
    ]
}

fn old_protocols() -> Vec<Case> {
    let heartbeat =
        |length: u16, data: &[u8]| payload::tls_record(24, 0x0302, &[&[1], &length.to_be_bytes()[..], data].concat());
    let padded = [&b"ping"[..], &[7; 16]].concat();
    vec![
        pair(
            "starter-smb-1",
            "A negotiation that offers SMB 1 alone alerts; one that offers SMB 2 as well does not.",
            9_000_016,
            said_by_client(445, &payload::smb_negotiate(&["PC NETWORK PROGRAM 1.0", "LANMAN1.0", "NT LM 0.12"])),
            said_by_client(445, &payload::smb_negotiate(&["NT LM 0.12", "SMB 2.002", "SMB 2.???"])),
        ),
        pair(
            "starter-tls-1-0",
            "A ClientHello of TLS 1.0 alerts; one of TLS 1.2 in a record of the same version does not.",
            9_000_017,
            said_by_client(443, &payload::client_hello(0x0301, "old.example")),
            said_by_client(443, &payload::client_hello(0x0303, "new.example")),
        ),
        pair(
            "starter-heartbleed",
            "A heartbeat that asks for 16,384 bytes and sends none alerts; one that sends its four bytes does not.",
            9_000_018,
            said_by_client(443, &heartbeat(16_384, b"")),
            said_by_client(443, &heartbeat(4, &padded)),
        ),
        pair(
            "starter-snmp-public",
            "The community public alerts once a minute; another community, and version 3, do not.",
            9_000_019,
            UdpExchange::new(Wire::of(INSIDE, OUTSIDE), 41_000, 161)
                .client(&payload::snmp_get(1, "public"))
                .client(&payload::snmp_get(0, "public"))
                .records(),
            UdpExchange::new(Wire::of(INSIDE, OUTSIDE), 41_000, 161)
                .client(&payload::snmp_get(1, "publik"))
                .client(&payload::snmp_get(3, "public"))
                .records(),
        ),
    ]
}

fn dns() -> Vec<Case> {
    let long = "a".repeat(55);
    let tunnelled = format!("{long}.{}.t.example", "b".repeat(58));
    let single = format!("{long}.{}.{}.cdn.example", "c".repeat(30), "d".repeat(30));
    let transfer = payload::dns_over_tcp(&payload::dns_query(7, "corp.example", payload::AXFR));
    let plain = payload::dns_over_tcp(&payload::dns_query(7, "www.corp.example", payload::A));
    let over_tcp = |client: &str, port: u16, query: &[u8]| {
        let session = TcpSession::new(Wire::of(client, "10.20.0.53"), port, 53).handshake();
        session.client(query).close(Side::Client).records()
    };
    let mut six = Run::alerts(
        "hit-ipv6",
        UdpExchange::new(Wire::of("2001:db8:20::15", "2001:db8:53::1"), 41_000, 53)
            .client(&payload::dns_query(9, &tunnelled, payload::TXT))
            .records(),
        9_000_020,
        1,
    );
    six.expect.push(Expect::event("alert").with("ip_v", 6));
    let mut tunnel = pair(
        "starter-dns-long-labels",
        "A query whose first two labels are longer than 50 bytes alerts; one long label among shorter ones does not.",
        9_000_020,
        datagram(53, &payload::dns_query(9, &tunnelled, payload::TXT)),
        datagram(53, &payload::dns_query(9, &single, payload::A)),
    );
    tunnel.runs.push(six);
    vec![
        tunnel,
        pair(
            "starter-dns-zone-transfer",
            "A zone transfer asked from outside alerts; a plain query from outside, and a transfer inside, do not.",
            9_000_021,
            over_tcp("203.0.113.53", 41_000, &transfer),
            [over_tcp("203.0.113.53", 41_000, &plain), over_tcp("10.20.0.54", 41_002, &transfer)].concat(),
        ),
    ]
}

fn miners() -> Vec<Case> {
    vec![
        pair(
            "starter-miner-login",
            "A stratum login that names its agent alerts; a login of another JSON protocol does not.",
            9_000_031,
            said_by_client(
                3_333,
                b"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"48abc\",\"pass\":\"x\",\"agent\":\"miner/6.2\"}}\n",
            ),
            said_by_client(
                3_333,
                b"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"user\":\"anna\",\"pass\":\"x\"}}\n",
            ),
        ),
        pair(
            "starter-miner-subscribe",
            "A stratum subscription alerts; a notice of the same protocol does not.",
            9_000_032,
            said_by_client(3_334, b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"miner/4.1\"]}\n"),
            said_by_client(3_334, b"{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"bf\"]}\n"),
        ),
    ]
}
