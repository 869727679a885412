//! Cases of the starter rules for floods, scans, tunnels and IPv6: 9000022 to 9000030.

use super::{
    case::{Case, Expect, Run},
    payload,
};
use crate::traffic::{Clock, Ping, Record, Side, UdpExchange, Wire, ip, tcp, tcp::Tcp};

const INSIDE: &str = "10.20.0.9";
const OUTSIDE: &str = "203.0.113.80";

/// Single TCP packets from outside, 20 ms apart, one to each of `ports`.
pub fn probes(begin_ms: u64, flags: u8, ports: impl IntoIterator<Item = u16>) -> Vec<Record> {
    let mut wire = Wire::of(OUTSIDE, INSIDE);
    let mut clock = Clock::after_ms(begin_ms);
    let [src, dst] = wire.ends(Side::Client).map(|host| host.ip);
    let probe = |port| {
        let segment = Tcp { seq: 77_000, ..Tcp::new(50_000, port, flags) }.bytes(src, dst, b"");
        let record = Record { time: clock.now(), bytes: wire.send(Side::Client, ip::TCP, &segment) };
        clock.advance_us(20_000);
        record
    };
    ports.into_iter().map(probe).collect()
}

fn from_outside(port: u16, data: &[u8]) -> Vec<Record> {
    UdpExchange::new(Wire::of(OUTSIDE, INSIDE), 51_000, port).client(data).records()
}

/// Answers of `count` different devices to one victim.
pub fn ssdp_answers(begin_ms: u64, count: u64) -> Vec<Record> {
    let text =
        b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: upnp:rootdevice\r\nUSN: uuid:1::upnp:rootdevice\r\n\r\n";
    let answer = |device: u64| {
        let wire = Wire::of(&format!("203.0.113.{}", 100 + device), "10.20.0.77");
        let clock = Clock::after_ms(begin_ms + device * 50);
        UdpExchange::new(wire, 1_900, 40_123).starting(clock).client(text).records()
    };
    (0..count).flat_map(answer).collect()
}

/// A router advertisement from `source` to all nodes.
pub fn advertisement(begin_ms: u64, source: &str, hop_limit: u8) -> Vec<Record> {
    let mut wire = Wire::of(source, "ff02::1");
    wire.ttl = [hop_limit, hop_limit];
    let (rest, payload) = payload::router_advertisement();
    Ping::new(wire).starting(Clock::after_ms(begin_ms)).message(Side::Client, 134, 0, rest, &payload).records()
}

fn pings(begin_ms: u64, count: usize, size: usize) -> Vec<Record> {
    let ping = Ping::new(Wire::of("10.20.4.4", "198.51.100.44")).starting(Clock::after_ms(begin_ms));
    (0..count).fold(ping, |ping, _| ping.echo(&vec![0x61; size])).records()
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = floods();
    cases.extend(scans());
    cases
}

fn floods() -> Vec<Case> {
    let stats = b"\x00\x01\x00\x00\x00\x01\x00\x00stats\r\n";
    let asked = from_outside(11_211, stats);
    let mut memcached = Case::starter(
        "starter-memcached-stats",
        "Statistics asked over UDP from outside alert and, inline, do not get through; a key asked for does not.",
        vec![
            Run::alerts("hit", asked, 9_000_022, 1),
            Run::silent("quiet", from_outside(11_211, b"\x00\x01\x00\x00\x00\x01\x00\x00get page\r\n")),
        ],
    );
    let drop = Expect::event("drop").with("drop.reason", "rules").with("proto", "UDP");
    memcached.runs.push(Run::over("hit", None).inline(true).and(drop).forwards(0, &["stats"], &[]));
    vec![
        memcached,
        Case::starter(
            "starter-ntp-monlist",
            "A monitor list asked from outside alerts; the time, and another private request, do not.",
            vec![
                Run::alerts("hit", from_outside(123, &[0x17, 0, 3, 0x2a, 0, 0, 0, 0]), 9_000_023, 1),
                Run::silent(
                    "quiet",
                    [from_outside(123, &payload::ntp_request()), from_outside(123, &[0x17, 0, 3, 1, 0, 0, 0, 0])]
                        .concat(),
                ),
            ],
        ),
        Case::starter(
            "starter-ssdp-flood",
            "Twelve answers of as many devices in a second alert once; nine do not.",
            vec![
                Run::of("hit", ssdp_answers(0, 12))
                    .and(Expect::alert(9_000_024).with("dest_ip", "10.20.0.77"))
                    .at_most(1),
                Run::silent("quiet", ssdp_answers(0, 9)),
            ],
        ),
    ]
}

fn scans() -> Vec<Case> {
    let null_scan = probes(0, 0, [22, 80, 443]);
    let xmas_scan = probes(0, tcp::FIN | tcp::PSH | tcp::URG, [22, 80, 443]);
    let stray = probes(0, tcp::ACK, [22, 80, 443]);
    let odd = probes(0, tcp::FIN | tcp::PSH | tcp::ACK, [22, 80, 443]);
    let mut mixed = pings(0, 4, 600);
    mixed.extend(pings(5_000, 10, 56));
    let genuine = advertisement(0, "fe80::1", 255);
    let forged = [advertisement(0, "2001:db8:20::66", 255), advertisement(1_000, "fe80::66", 64), genuine.clone()];
    vec![
        Case::starter(
            "starter-syn-scan",
            "Of 45 connection attempts in five seconds those after the fortieth alert; forty do not.",
            vec![
                Run::of("hit", probes(0, tcp::SYN, 1_000..1_045))
                    .and(Expect::alert(9_000_025).with("src_ip", OUTSIDE).times(5))
                    .at_most(5),
                Run::silent("quiet", probes(0, tcp::SYN, 1_000..1_040)),
            ],
        ),
        Case::starter(
            "starter-null-scan",
            "Packets without flags alert once for their sender; stray acknowledgements do not.",
            vec![Run::alerts("hit", null_scan, 9_000_026, 1), Run::silent("quiet", stray)],
        ),
        Case::starter(
            "starter-xmas-scan",
            "FIN, PSH and URG alone alert once for their sender; FIN and PSH with ACK do not.",
            vec![Run::alerts("hit", xmas_scan, 9_000_027, 1), Run::silent("quiet", odd)],
        ),
        Case::starter(
            "starter-icmp-tunnel",
            "Six large echoes in six seconds alert once; four large ones among small ones do not.",
            vec![
                Run::of("hit", pings(0, 6, 600)).and(Expect::alert(9_000_028).with("icmp_type", 8)).at_most(1),
                Run::silent("quiet", mixed),
            ],
        ),
        Case::starter(
            "starter-router-advertisement",
            "An advertisement from a global address, and one that was forwarded, alert; a router's own passes (rule 9000029).",
            vec![Run::alerts("hit", forged.concat(), 9_000_030, 2), Run::silent("quiet", genuine)],
        ),
    ]
}
