//! Cases of decoding: tags, IP versions, tunnels, padding, options.

use super::case::{Case, Expect, Run};
use crate::traffic::{
    Ping, Record, Side, TcpSession, Tunnel, UdpExchange, Wire,
    link::{self, Tag},
    tunnel::Kind,
};

const CLIENT: &str = "10.1.0.10";
const SERVER: &str = "10.2.0.20";
const MARKED: &[u8] = b"GET /marked-page HTTP/1.1\r\nHost: a.example\r\n\r\n";
const PLAIN: &[u8] = b"GET /plain-page HTTP/1.1\r\nHost: a.example\r\n\r\n";
const TCP_RULE: &str = r#"alert tcp any any -> any 80 (msg:"marked page"; flow:established,to_server; content:"/marked-page"; sid:1; rev:1;)"#;

/// A connection in which the client says `data`.
fn session(wire: Wire, data: &[u8]) -> Vec<Record> {
    TcpSession::new(wire, 42_000, 80).handshake().client(data).close(Side::Client).records()
}

fn tunnelled(kind: Kind, data: &[u8]) -> Vec<Record> {
    let gateways = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|octets: [u8; 4]| octets.into());
    session(Wire::of(CLIENT, SERVER).through(Tunnel { kind, gateways }), data)
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = tags();
    cases.extend(tunnels());
    cases.extend(versions());
    cases.push(padding());
    cases
}

fn tags() -> Vec<Case> {
    let tagged = |tags: &[Tag], data| session(Wire::of(CLIENT, SERVER).tagged(tags), data);
    let one = [Tag::vlan(110)];
    let two = [Tag::service(100), Tag::vlan(200)];
    let both = [tagged(&[Tag::vlan(110)], MARKED), tagged(&[Tag::vlan(120)], PLAIN)].concat();
    vec![
        Case::engine(
            "decode-vlan-tag",
            "A request inside a VLAN alerts and the alert names the VLAN.",
            TCP_RULE,
            vec![
                Run::of("hit", tagged(&one, MARKED)).and(Expect::alert(1).with("vlan[0]", 110)).at_most(1),
                Run::silent("quiet", tagged(&one, PLAIN)),
            ],
        ),
        Case::engine(
            "decode-qinq-tags",
            "Under a service tag and a customer tag the alert names both, outermost first.",
            TCP_RULE,
            vec![
                Run::of("hit", tagged(&two, MARKED))
                    .and(Expect::alert(1).with("vlan[0]", 100).with("vlan[1]", 200))
                    .at_most(1),
                Run::silent("quiet", tagged(&two, PLAIN)),
            ],
        ),
        Case::engine(
            "decode-vlan-tells-flows-apart",
            "The same endpoints in two VLANs are two flows.",
            TCP_RULE,
            vec![
                Run::of("both", both)
                    .and(Expect::event("flow").times(2))
                    .and(Expect::event("flow").with("vlan[0]", 110).with("flow.alerted", true))
                    .and(Expect::event("flow").with("vlan[0]", 120).with("flow.alerted", false))
                    .at_most(1),
            ],
        ),
    ]
}

fn tunnels() -> Vec<Case> {
    let case = |name, about, kind, proto: &str| {
        let alert = Expect::alert(1).with("src_ip", CLIENT).with("dest_port", 80);
        let alert = alert.with("tunnel.src_ip", "192.0.2.1").with("tunnel.proto", proto);
        let hit = Run::of("hit", tunnelled(kind, MARKED)).and(alert).at_most(1);
        Case::engine(name, about, TCP_RULE, vec![hit, Run::silent("quiet", tunnelled(kind, PLAIN))])
    };
    vec![
        case("decode-vxlan-inner", "A request inside VXLAN alerts with its own addresses.", Kind::Vxlan(5001), "UDP"),
        case("decode-gre-inner", "A request inside GRE alerts with its own addresses.", Kind::Gre, "GRE"),
        case("decode-ipip-inner", "A request inside IP in IP alerts with its own addresses.", Kind::IpInIp, "IP-in-IP"),
    ]
}

fn versions() -> Vec<Case> {
    let six = || Wire::of("2001:db8:1::10", "2001:db8:2::20");
    let four = || Wire::of(CLIENT, SERVER);
    let address = "2001:0db8:0001:0000:0000:0000:0000:0010";
    let mut walked = six();
    walked.extensions = vec![(0, vec![0, 1, 4, 0, 0, 0, 0]), (60, vec![0, 1, 4, 0, 0, 0, 0])];
    let mut optioned = four();
    optioned.options = vec![0x94, 4, 0, 0];
    let rules = r#"
alert tcp any any -> any any (msg:"marked page over TCP"; content:"marked-page"; sid:1; rev:1;)
alert udp any any -> any any (msg:"marked page over UDP"; content:"marked-page"; sid:2; rev:1;)
alert icmp any any -> any any (msg:"marked page over ICMP"; content:"marked-page"; sid:3; rev:1;)
"#;
    let datagram = |wire, data: &[u8]| UdpExchange::new(wire, 42_000, 53_000).client(data).records();
    let message = |wire, data: &[u8]| Ping::new(wire).message(Side::Client, 3, 1, [0; 4], data).records();
    let echo = |wire, data: &[u8]| Ping::new(wire).echo(data).records();
    let quiet = |wire: Wire| [session(wire.clone(), PLAIN), datagram(wire.clone(), PLAIN), echo(wire, PLAIN)].concat();
    vec![
        Case::engine(
            "decode-ipv6-as-ipv4",
            "What alerts over IPv4 alerts over IPv6, and over IPv6 with extension headers.",
            TCP_RULE,
            vec![
                Run::of("hit-ipv4", session(four(), MARKED)).and(Expect::alert(1).with("ip_v", 4)).at_most(1),
                Run::of("hit-ipv6", session(six(), MARKED))
                    .and(Expect::alert(1).with("src_ip", address).with("ip_v", 6))
                    .at_most(1),
                Run::of("hit-extensions", session(walked, MARKED))
                    .and(Expect::alert(1).with("src_ip", address))
                    .at_most(1),
                Run::of("hit-options", session(optioned, MARKED))
                    .and(Expect::alert(1).with("src_ip", CLIENT))
                    .at_most(1),
                Run::silent("quiet", [session(four(), PLAIN), session(six(), PLAIN)].concat()),
            ],
        ),
        Case::engine(
            "decode-udp-and-icmp-as-tcp",
            "Content is found over TCP, UDP, ICMP and their IPv6 twins, each by the rule of its protocol alone.",
            rules,
            vec![
                Run::alerts("hit-tcp", session(four(), MARKED), 1, 1),
                Run::alerts("hit-udp", datagram(four(), MARKED), 2, 1),
                Run::alerts("hit-icmp", echo(four(), MARKED), 3, 2),
                Run::alerts("hit-udp-ipv6", datagram(six(), MARKED), 2, 1),
                Run::alerts("hit-icmpv6", echo(six(), MARKED), 3, 2),
                Run::silent("quiet", [quiet(four()), quiet(six())].concat()),
                Run::silent("quiet-unreachable", message(four(), PLAIN)),
            ],
        ),
    ]
}

fn padding() -> Case {
    let rules = r#"
alert udp any any -> any any (msg:"two bytes"; dsize:2; sid:1; rev:1;)
alert udp any any -> any any (msg:"padding taken for data"; content:"|00 00|"; sid:2; rev:1;)
"#;
    let mut wire = Wire::of(CLIENT, SERVER);
    wire.padded = true;
    let sent = |data: &[u8]| UdpExchange::new(wire.clone(), 42_000, 42_001).client(data).records();
    let by_hand = |frame: &[u8]| Record { time: crate::traffic::clock::BEGIN, bytes: frame.to_vec() };
    let question = link::arp(1, ([2; 6], [10, 1, 0, 10]), ([0; 6], [10, 2, 0, 20]));
    let arp = by_hand(&link::padded(link::ethernet([2; 6], [0xff; 6], &[], link::ARP, &question)));
    Case::engine(
        "decode-padding-is-no-payload",
        "The padding of a short frame counts neither for dsize nor for content.",
        rules,
        vec![Run::alerts("hit", sent(b"ab"), 1, 1), Run::silent("quiet", [sent(b"abc"), vec![arp]].concat())],
    )
}
