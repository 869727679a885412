//! Cases of fragments: put together, judged as one, kept until then; and what no datagram is made of.

use super::case::{Case, Expect, Run};
use crate::traffic::{Ip, Record, Tunnel, clock::BEGIN, ip, link, tunnel::Kind, udp};
use std::net::IpAddr;

const RULE: &str = r#"drop udp any any -> any 9999 (msg:"marked"; content:"EVIL-MARK"; sid:1; rev:1;)"#;
const EVENTS: &str = r#"alert pkthdr any any -> any any (msg:"IPv4 overlap"; decode-event:ipv4.frag_overlap; sid:1; rev:1;)
alert pkthdr any any -> any any (msg:"IPv6 overlap"; decode-event:ipv6.frag_overlap; sid:2; rev:1;)
alert pkthdr any any -> any any (msg:"IPv4 too large"; decode-event:ipv4.frag_pkt_too_large; sid:3; rev:1;)
alert pkthdr any any -> any any (msg:"IPv6 too large"; decode-event:ipv6.frag_pkt_too_large; sid:4; rev:1;)
alert pkthdr any any -> any any (msg:"IPv6 odd length"; decode-event:ipv6.frag_invalid_length; sid:5; rev:1;)"#;
/// The mark lies across the end of the first fragment of 16 bytes.
const MARKED: &[u8] = b"12345EVIL-MARK and some more";
const PLAIN: &[u8] = b"12345GOOD-MARK and some more";

fn ends(six: bool) -> [IpAddr; 2] {
    match six {
        true => [[0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10], [0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x20_u16]].map(IpAddr::from),
        false => [[10, 1, 0, 10], [10, 2, 0, 20_u8]].map(IpAddr::from),
    }
}

/// Frames on Ethernet, a millisecond apart.
fn frames(ether_type: u16, packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<Record> {
    (0_u64..)
        .zip(packets)
        .map(|(number, packet)| Record {
            time: BEGIN + number * 1_000_000,
            bytes: link::ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], &[], ether_type, &packet),
        })
        .collect()
}

fn header(six: bool) -> Ip {
    let [src, dst] = ends(six);
    Ip { id: 0x4242, ..Ip::between(src, dst) }
}

fn datagram(six: bool, data: &[u8]) -> Vec<u8> {
    let [src, dst] = ends(six);
    udp::datagram(src, dst, 40_000, 9_999, data)
}

/// Fragments of 16 bytes with `data`, in the order that `order` makes of them.
fn split(six: bool, data: &[u8], order: impl Fn(&mut Vec<Vec<u8>>)) -> Vec<Record> {
    let header = header(six);
    let mut packets = header.fragments(ip::UDP, &datagram(six, data), 16);
    order(&mut packets);
    frames(header.ether_type(), packets)
}

/// The same inside a tunnel: the inner packet is in fragments.
fn tunnelled(kind: Kind, data: &[u8]) -> Vec<Record> {
    let gateways = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|octets: [u8; 4]| octets.into());
    let tunnel = Tunnel { kind, gateways };
    let pieces = header(false).fragments(ip::UDP, &datagram(false, data), 16);
    let wrap = |piece: Vec<u8>| tunnel.wrap(true, [[2; 6], [4; 6]], link::IPV4, &piece).1;
    frames(link::IPV4, pieces.into_iter().map(wrap))
}

/// GRE in fragments around GRE around UDP in fragments.
fn nested(data: &[u8]) -> Vec<Record> {
    let gateway = |last| IpAddr::from([192, 0, 2, last]);
    let inner = Tunnel { kind: Kind::Gre, gateways: [gateway(3), gateway(4)] };
    let mut packets = Vec::new();
    for (number, piece) in (0_u32..).zip(header(false).fragments(ip::UDP, &datagram(false, data), 16)) {
        let (_, inside) = inner.wrap(true, [[2; 6], [4; 6]], link::IPV4, &piece);
        let outer = Ip { id: 100 + number, ..Ip::between(gateway(1), gateway(2)) };
        packets.extend(outer.fragments(ip::GRE, &[&[0, 0, 8, 0], &inside[..]].concat(), 32));
    }
    frames(link::IPV4, packets)
}

/// The mark sits in the older of two fragments that overlap; in the newer one there is none.
fn overlapping(six: bool) -> Vec<Record> {
    let header = header(six);
    let (evil, good) = (datagram(six, MARKED), datagram(six, PLAIN));
    let packets = [
        header.fragment(ip::UDP, &evil[..24], 0, true),
        header.fragment(ip::UDP, &good[8..24], 8, true),
        header.fragment(ip::UDP, &evil[24..], 24, false),
    ];
    frames(header.ether_type(), packets)
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = whole();
    cases.extend(odd());
    cases
}

fn whole() -> Vec<Case> {
    let reverse = |packets: &mut Vec<Vec<u8>>| packets.reverse();
    let twice = |packets: &mut Vec<Vec<u8>>| packets.insert(1, packets[0].clone());
    let as_is = |_: &mut Vec<Vec<u8>>| ();
    let alert = || Expect::alert(1).with("pkt_src", "defrag").with("dest_port", 9_999);
    vec![
        Case::engine(
            "defrag-ipv4-fragments",
            "What lies across IPv4 fragments is found in the datagram; inline none of its frames leaves, and all of a clean one do, as they came.",
            RULE,
            vec![
                Run::of("hit", split(false, MARKED, as_is)).and(alert()).at_most(1),
                Run::of("hit-last-first", split(false, MARKED, reverse)).and(alert()).at_most(1),
                Run::of("hit-inline", split(false, MARKED, reverse)).inline(true).and(alert()).at_most(1).forwards(
                    0,
                    &["MARK"],
                    &[],
                ),
                Run::silent("quiet", split(false, PLAIN, as_is)),
                Run::silent("quiet-inline", split(false, PLAIN, reverse)).inline(true).forwards(3, &[], &["more"]),
                // An exact copy of a fragment is no overlap: it alone stays behind.
                Run::silent("quiet-inline-copy", split(false, PLAIN, twice)).inline(true).forwards(3, &[], &[]),
            ],
        ),
        Case::engine(
            "defrag-ipv6-fragments",
            "The same in IPv6.",
            RULE,
            vec![
                Run::of("hit", split(true, MARKED, as_is)).and(alert()).at_most(1),
                Run::of("hit-inline", split(true, MARKED, reverse)).inline(true).and(alert()).at_most(1).forwards(
                    0,
                    &["MARK"],
                    &[],
                ),
                Run::silent("quiet", split(true, PLAIN, as_is)),
                Run::silent("quiet-inline", split(true, PLAIN, reverse)).inline(true).forwards(3, &[], &["more"]),
            ],
        ),
        Case::engine(
            "defrag-in-tunnels",
            "Fragments inside GRE and VXLAN, and fragments inside GRE inside fragments, are put together where they are.",
            RULE,
            vec![
                Run::of("hit-gre", tunnelled(Kind::Gre, MARKED))
                    .and(alert().with("tunnel.src_ip", "192.0.2.1"))
                    .at_most(1),
                Run::of("hit-vxlan-inline", tunnelled(Kind::Vxlan(7), MARKED))
                    .inline(true)
                    .and(alert())
                    .at_most(1)
                    .forwards(0, &["MARK"], &[]),
                Run::of("hit-nested", nested(MARKED)).and(alert()).at_most(1),
                Run::of("hit-nested-inline", nested(MARKED)).inline(true).and(alert()).at_most(1).forwards(
                    0,
                    &["MARK"],
                    &[],
                ),
                Run::silent("quiet-gre-inline", tunnelled(Kind::Gre, PLAIN)).inline(true).forwards(3, &[], &["more"]),
                Run::silent("quiet-nested-inline", nested(PLAIN)).inline(true).forwards(6, &[], &["more"]),
            ],
        ),
    ]
}

fn odd() -> Vec<Case> {
    let overlap = |six| overlapping(six);
    let cut = |six: bool| split(six, PLAIN, |packets| drop(packets.pop()));
    let beyond = |six: bool| {
        let header = header(six);
        frames(header.ether_type(), [header.fragment(ip::UDP, &[b'x'; 64], 65_520, false)])
    };
    let odd_length = {
        let header = header(true);
        frames(header.ether_type(), [header.fragment(ip::UDP, &datagram(true, PLAIN)[..21], 0, true)])
    };
    let sound = |six| split(six, PLAIN, |_| ());
    vec![
        Case::engine(
            "defrag-overlap",
            "Overlapping fragments: passive the target's policy says whose data count in IPv4; inline, and in IPv6 anywhere, the datagram ends.",
            RULE,
            vec![
                Run::of("hit-first", overlap(false))
                    .set("detection.defrag.policy=last,first:10.2.0.0/16")
                    .and(Expect::alert(1))
                    .at_most(1),
                Run::silent("quiet-last", overlap(false)).set("detection.defrag.policy=first,last:10.2.0.20"),
                Run::silent("quiet-inline", overlap(false)).inline(true).forwards(0, &[], &[]),
                Run::silent("quiet-six", overlap(true)),
                Run::silent("quiet-six-inline", overlap(true)).inline(true).forwards(0, &[], &[]),
                Run::silent("quiet-incomplete-inline", cut(false)).inline(true).forwards(0, &[], &[]),
            ],
        ),
        Case::engine(
            "defrag-events",
            "Each odd fragment has its event; sound ones have none.",
            EVENTS,
            vec![
                Run::of("hit-overlap", overlap(false)).and(Expect::alert(1)).at_most(1),
                Run::of("hit-overlap-six", overlap(true)).and(Expect::alert(2)).at_most(1),
                Run::of("hit-large", beyond(false)).and(Expect::alert(3)).at_most(1),
                Run::of("hit-large-six", beyond(true)).and(Expect::alert(4)).at_most(1),
                Run::of("hit-odd-six", odd_length).and(Expect::alert(5)).at_most(1),
                Run::silent("quiet", sound(false)),
                Run::silent("quiet-six", sound(true)),
            ],
        ),
    ]
}
