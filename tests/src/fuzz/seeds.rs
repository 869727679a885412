//! The inputs fuzzing begins with: our captures, our rules, and hostile ones by hand.
//!
//! Written to `tests/fuzz/corpus` by `SLUICE_BLESS=1 cargo test -p sluice-tests --test fuzz_corpus`, as files `seed-*`; everything else there is a
//! regression and stays.

use super::evaluate::MARKER;
use crate::cases;
use sluice_core::AppProtocol;
use sluice_packet::LinkType;

/// Name and bytes of one seed.
pub type Seed = (String, Vec<u8>);

/// Longest frame that is made a seed of, bytes.
const LONGEST: usize = 700;

/// The seeds of the target `name`.
pub fn of(name: &str) -> Vec<Seed> {
    match name {
        "application" => application(),
        "config" => config(),
        "decode" => decode(),
        "defrag" => defrag(),
        "evaluate" => evaluate(),
        "flow" => flow(),
        "http" => http(),
        "json" => tree("json"),
        "junos" => tree("junos"),
        "pcli" => tree("pcli"),
        "quic" => quic(),
        "rule" => rule(),
        "set" => tree("set"),
        "stream" => stream(),
        "tls" => tls(),
        _ => Vec::new(),
    }
}

/// A client's hello of TLS with a name and what most have.
pub(crate) fn client_hello() -> Vec<u8> {
    let extensions = [
        &[0, 0, 0, 14, 0, 12, 0, 0, 9][..],
        b"a.example",
        &[0, 10, 0, 4, 0, 2, 0, 0x1d, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3, 0, 16, 0, 5, 0, 3, 2],
        b"h2",
        &[0, 43, 0, 3, 2, 3, 4, 0x0a, 0x0a, 0, 0],
    ]
    .concat();
    let front = [&[3, 3][..], &[7; 32], &[0, 0, 4, 0x13, 1, 0x0a, 0x0a, 1, 0, 0, extensions.len() as u8]].concat();
    let length = (front.len() + extensions.len()) as u8;
    [&[1, 0, 0, length][..], &front, &extensions].concat()
}

/// A server's hello, of TLS 1.2 or 1.3.
pub(crate) fn server_hello(is_13: bool) -> Vec<u8> {
    let extensions: &[u8] = if is_13 { &[0, 43, 0, 2, 3, 4] } else { &[0xff, 1, 0, 1, 0] };
    let front = [&[3, 3][..], &[9; 32], &[0, 0x13, 1, 0, 0, extensions.len() as u8]].concat();
    [&[2, 0, 0, (front.len() + extensions.len()) as u8][..], &front, extensions].concat()
}

fn tls() -> Vec<Seed> {
    let record = |kind: u8, bytes: &[u8]| [&[kind, 3, 3, 0, bytes.len() as u8][..], bytes].concat();
    let said = |parts: &[(bool, Vec<u8>)]| {
        let piece = |&(to_client, ref bytes): &(bool, Vec<u8>)| {
            let head = |part: &[u8]| (part.len() as u8 - 1) | if to_client { 0x80 } else { 0 };
            bytes.chunks(128).flat_map(|part| [&[head(part)][..], part].concat()).collect::<Vec<u8>>()
        };
        parts.iter().flat_map(piece).collect::<Vec<u8>>()
    };
    let name = b"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01a";
    let times = b"\x30\x1e\x17\x0d250101000000Z\x17\x0d350101000000Z";
    let algorithm = b"\x30\x04\x06\x02\x2a\x03";
    let alternative = b"\xa3\x14\x30\x12\x30\x10\x06\x03\x55\x1d\x11\x04\x09\x30\x07\x82\x05a.b.c";
    let body =
        [&b"\xa0\x03\x02\x01\x02\x02\x01\x05"[..], algorithm, name, times, name, b"\x30\x00", alternative].concat();
    let inner = [&[0x30, body.len() as u8][..], &body, algorithm, b"\x03\x01\x00"].concat();
    let certificate = [&[0x30, 0x81, inner.len() as u8][..], &inner].concat();
    let length = certificate.len() as u8;
    let chain = [&[11, 0, 0, length + 6, 0, 0, length + 3, 0, 0, length][..], &certificate].concat();
    let keys = [record(20, &[1]), record(22, &[0xaa; 40])].concat();
    let server = [record(22, &server_hello(false)), record(22, &chain), record(22, &[14, 0, 0, 0])].concat();
    let hello = (false, record(22, &client_hello()));
    let old = [&b"\x80\x1f\x01\x03\x01\x00\x06\x00\x00\x00\x10\x00\x00\x2f\x07\x00\xc0"[..], &[5; 16]].concat();
    let data = |to_client| (to_client, record(23, &[0xbb; 60]));
    vec![
        (
            "handshake-12".into(),
            said(&[hello.clone(), (true, server.clone()), (false, keys.clone()), (true, keys.clone()), data(false)]),
        ),
        (
            "handshake-13".into(),
            said(&[hello.clone(), (true, record(22, &server_hello(true))), data(true), data(false)]),
        ),
        (
            "resumed".into(),
            said(&[
                hello.clone(),
                (true, [record(22, &server_hello(false)), keys.clone()].concat()),
                (false, keys.clone()),
            ]),
        ),
        ("hello-of-sslv2".into(), said(&[(false, old), (true, server.clone()), (false, keys)])),
        (
            "one-byte-records".into(),
            said(&[(false, client_hello().iter().flat_map(|&byte| record(22, &[byte])).collect())]),
        ),
        (
            "heartbeats".into(),
            said(&[hello, (false, record(24, &[1, 0x40, 0, 0])), (true, server), (true, record(21, &[2, 40]))]),
        ),
    ]
}

fn quic() -> Vec<Seed> {
    let sealed = |direction: u8, frames: &[u8]| [&[0x40 | direction, frames.len() as u8][..], frames].concat();
    let crypto = |offset: u8, bytes: &[u8]| [&[6, 0x40, offset, 0x40, bytes.len() as u8][..], bytes].concat();
    let (client, server) = (client_hello(), server_hello(true));
    let (first, second) = client.split_at(40);
    let both = |choice: u8, parts: &[Vec<u8>]| [&[choice][..], &parts.concat()].concat();
    let retry = [&[0xf0, 0, 0, 0, 1, 0, 8][..], b"otheridsand a token with its check"].concat();
    let retry = [&[0x80, retry.len() as u8][..], &retry].concat();
    let old = [
        &b"\xc3Q046\x50sluiceid\0\0\0\x01"[..],
        &[0; 12],
        b"\xa0\x01\0\x24CHLO\x02\0\0\0SNI\0\x09\0\0\0UAID\x0b\0\0\0a.exampleme",
    ]
    .concat();
    vec![
        ("version-1".into(), both(0, &[sealed(0, &crypto(0, &client)), sealed(0x80, &crypto(0, &server))])),
        ("version-2".into(), both(1, &[sealed(0, &crypto(0, &client)), sealed(0x80, &crypto(0, &server))])),
        (
            "pieces".into(),
            both(
                0,
                &[sealed(0, &[crypto(40, second), vec![0, 1, 2, 0, 0, 0, 0]].concat()), sealed(0, &crypto(0, first))],
            ),
        ),
        ("retry".into(), both(0, &[sealed(0, &crypto(0, &client)), retry, sealed(0, &crypto(0, &client))])),
        ("gquic".into(), both(0, &[[&[0, old.len() as u8][..], &old].concat()])),
    ]
}

/// Small conversations of each protocol, and hostile ones.
fn application() -> Vec<Seed> {
    let number = |protocol: AppProtocol| protocol as u8;
    // To the server, to the client, and so on.
    let seed = |name: &str, choice: u8, said: &[&[u8]]| {
        let mut bytes = vec![choice];
        for (turn, part) in said.iter().enumerate() {
            bytes.extend([(turn as u8 & 1) << 7 | (part.len() >> 8) as u8, part.len() as u8]);
            bytes.extend(*part);
        }
        (name.to_owned(), bytes)
    };
    let query: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
    let answer: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\x01\x03www\x07example\x03com\0\0\x05\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\0\x05\0\x06\x03cdn\xc0\x10\0\0\x29\x10\0\0\0\0\0\0\0";
    let framed = |message: &[u8]| [&(message.len() as u16).to_be_bytes()[..], message].concat();
    let circle: &[u8] = b"\x12\x34\x01\0\0\x02\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01\x01a\xc0\x12\0\x01\0\x01";
    let preface: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
    let get = b"\0\0\x11\x01\x05\0\0\0\x01\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    let found: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x05\0\x01\0\0\0\x01hello";
    let read: &[u8] = b"\x05\x64\x0b\xc4\x0a\0\x01\0\x9b\x18\xc0\xc0\x01\x3c\x02\x06\x2d\x1b";
    let coils: &[u8] = b"\0\x01\0\0\0\x06\x0a\x03\0\0\0\x01";
    let register: &[u8] = b"\x65\0\x04\0\0\0\0\0\0\0\0\0contexts\0\0\0\0\x01\0\0\0";
    vec![
        seed("dns", number(AppProtocol::Dns) | super::application::DATAGRAM, &[query, answer, circle]),
        seed("dns-stream", number(AppProtocol::Dns), &[&framed(query).repeat(3), &framed(answer)]),
        seed("dns-circle", number(AppProtocol::Dns), &[&framed(query), &framed(answer), &framed(circle)]),
        seed("llmnr", number(AppProtocol::Llmnr) | super::application::DATAGRAM, &[query, answer]),
        seed("mdns", number(AppProtocol::Mdns) | super::application::DATAGRAM, &[answer]),
        seed("http2", number(AppProtocol::Http2), &[&[preface, get].concat(), found]),
        seed("http2-again", number(AppProtocol::Http2), &[&[preface, get, get, &[0xff; 40]].concat(), found]),
        seed(
            "http",
            number(AppProtocol::Http),
            &[b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"],
        ),
        seed("dnp3", number(AppProtocol::Dnp3), &[&read.repeat(2), read]),
        seed("modbus", number(AppProtocol::Modbus), &[coils, b"\0\x01\0\0\0\x05\x0a\x03\x02\0\x09", &coils[..7]]),
        seed("enip", number(AppProtocol::Enip), &[register, register, &[0xff; 30]]),
    ]
}

/// Captures of the golden cases: name, link type, frames.
fn captures() -> Vec<(String, LinkType, Vec<Vec<u8>>)> {
    let mut found = Vec::new();
    for case in cases::all() {
        for run in &case.runs {
            if let Some((link, frames)) = run.capture.as_deref().and_then(records) {
                found.push((format!("{}-{}", case.name, run.name), link, frames));
            }
        }
    }
    found
}

/// Link type and frames of a classic capture in this machine's order; none of what is cut.
fn records(file: &[u8]) -> Option<(LinkType, Vec<Vec<u8>>)> {
    let word = |at: usize| file.get(at..at + 4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let link = LinkType::from_pcap(word(20)? as i32)?;
    let (mut frames, mut at) = (Vec::new(), 24);
    while let Some(length) = word(at + 8) {
        let Some(frame) = file.get(at + 16..at + 16 + length as usize) else { break };
        frames.push(frame.to_vec());
        at += 16 + length as usize;
    }
    Some((link, frames))
}

/// Conversations of HTTP: ordinary, odd, in pieces of each size, with holes.
fn http() -> Vec<Seed> {
    let say = |way: u8, bytes: &[u8]| {
        let pieces = bytes.chunks(255).flat_map(|piece| [&[way, piece.len() as u8][..], piece].concat());
        pieces.collect::<Vec<u8>>()
    };
    let get =
        say(0, b"GET /a%20b/../c?d=e HTTP/1.1\r\nHost: Example.com:80\r\nCookie: a=b\r\nRange: bytes=0-9\r\n\r\n");
    let form = b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=xx\r\nContent-Length: 120\r\n\r\n--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"one.txt\"\r\n\r\nline\r\n--xx--\r\n";
    let chunked = b"HTTP/1.1 200 ok\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip, deflate\r\n\r\n5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n";
    let odd = b"junk\r\n HTTP/1.1 200 ok\rA: b\n\rTransfer-Encoding\r\n :\r\n chu\0nked\r\n \r\n4 x\nX5O!\n0\n\n";
    let gzip = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\x01";
    let lzma = b"HTTP/1.1 200 OK\r\nContent-Encoding: lzma\r\n\r\n\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x33\x98\x4a\x11\x8e\x94\xc3\xf2\xef";
    let tunnel = b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n";
    let bodies: [(&str, Vec<u8>); 7] = [
        ("chunked", [get.clone(), say(1, chunked)].concat()),
        ("odd", [get.clone(), say(1, odd)].concat()),
        ("gzip", [get.clone(), say(1, gzip)].concat()),
        ("lzma", [get.clone(), say(1, lzma)].concat()),
        ("form", [say(0, form), say(1, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n")].concat()),
        ("tunnel", [say(0, tunnel), say(1, b"HTTP/1.1 200 OK\r\n\r\n"), get.clone(), say(1, chunked)].concat()),
        (
            "hole",
            [
                get.clone(),
                say(1, b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\nab"),
                vec![0xf1, 99],
                get,
                vec![0xf1, 255],
            ]
            .concat(),
        ),
    ];
    let choices = [0x02_u8, 0x06, 0x0f];
    let seeds = bodies
        .iter()
        .flat_map(|(name, body)| choices.map(|choice| (format!("{name}-{choice}"), [&[choice][..], body].concat())));
    seeds.collect()
}

/// Segments of six streams in a fixed disorder: passive and inline, each policy, little and much room, to the depth and beyond.
fn stream() -> Vec<Seed> {
    let seed = |choice: u8| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(choice) + 1);
        let operations = (0..600).flat_map(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let [_, _, which, high, low, length, letter, flags] = state.to_le_bytes();
            // Ends are rare.
            let flags = if flags & 0x1e == 0 && letter > 8 { flags | 2 } else { flags };
            [which, high & 0xf, low, length, letter, flags]
        });
        (format!("choice-{choice}"), [choice].into_iter().chain(operations).collect())
    };
    (0..8).flat_map(|choice| [choice << 1, choice << 1 | 1, 0x31 | choice << 1, 0x70 | choice << 1]).map(seed).collect()
}

/// Fragments that make datagrams, overlap, lie about the end, fill all room; a datagram of whole units from each policy's view.
fn defrag() -> Vec<Seed> {
    let plain = |begin: u8, units: u8, last: bool| [1, 0, 0, begin, 0, units * 8, if last { 2 } else { 0 }, 1];
    let novak = [(0, 3), (4, 2), (6, 3), (1, 4), (6, 3), (9, 3)].map(|(begin, units)| plain(begin, units, begin == 9));
    let mut seeds = Vec::new();
    for policy in 0..7_u8 {
        let choice = policy << 1 | policy & 1;
        seeds.push((format!("overlap-{policy}"), [&[choice][..], &novak.concat()].concat()));
    }
    let ordered = [plain(0, 3, false), plain(3, 3, false), plain(6, 1, true)];
    let reversed: Vec<[u8; 8]> = ordered.iter().rev().copied().collect();
    seeds.push(("ordered".into(), [&[1][..], &ordered.concat()].concat()));
    seeds.push(("reversed".into(), [&[1][..], &reversed.concat()].concat()));
    let six: Vec<[u8; 8]> =
        ordered.iter().map(|[a, b, c, d, e, f, flags, time]| [*a, *b, *c, *d, *e, *f, flags | 1, *time]).collect();
    seeds.push(("six".into(), [&[1][..], &six.concat()].concat()));
    let many: Vec<u8> = (0..200_u8).flat_map(|n| [n, n >> 4, 0, n & 7, 3, 0xff, 4 | (n & 32), n & 3]).collect();
    seeds.push(("room".into(), [&[1][..], &many].concat()));
    seeds
}

fn decode() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, link, frames) in captures() {
        let wanted = ["decode", "capture-link", "flow-record", "action-reject", "starter-router"];
        if !wanted.iter().any(|part| name.contains(part)) {
            continue;
        }
        let number = LinkType::ALL.iter().position(|other| *other == link).unwrap_or_default() as u8;
        // The longest short one: most layers, most data.
        if let Some(frame) = frames.iter().filter(|frame| frame.len() <= LONGEST).max_by_key(|frame| frame.len()) {
            seeds.push((name, [&[number, 0], &frame[..]].concat()));
        }
    }
    let ethernet = LinkType::ALL.iter().position(|link| *link == LinkType::Ethernet).unwrap_or_default() as u8;
    let mac = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    let hostile: [(&str, &[u8]); 7] = [
        ("tags-without-end", &[0x81, 0, 0, 1].repeat(40)),
        ("labels-without-end", &[&[0x88, 0x47][..], &[0, 1, 0, 64].repeat(60)].concat()),
        ("extensions-without-end", &[&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 200, 0, 64][..], &[0; 232]].concat()),
        ("header-longer-than-packet", &[8, 0, 0x4f, 0, 0, 21, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1]),
        ("length-beyond-frame", &[8, 0, 0x45, 0, 0xff, 0xff, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]),
        (
            "last-fragment-beyond-64k",
            &[8, 0, 0x45, 0, 0, 28, 0, 1, 0x1f, 0xff, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "gre-of-gre",
            &[
                &[8, 0, 0x45, 0, 0, 100, 0, 0, 0, 0, 64, 47, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2][..],
                &[0, 0, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 47, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2].repeat(4),
            ]
            .concat(),
        ),
    ];
    seeds.extend(hostile.map(|(name, rest)| (format!("hostile-{name}"), [&[ethernet, 2], &mac[..], rest].concat())));
    seeds
}

const HOSTILE_RULES: &[(&str, &str)] = &[
    (
        "continued",
        "alert tcp any any \\\n -> any any \\\r\n (msg:\"a\\;b\"; \\\n sid:1;)\n#alert tcp any any -> any any (sid:2;)",
    ),
    (
        "escapes",
        "alert tcp any any -> any any (msg:\"\\\"\\\\\\:\\;\"; content:\"a|3b 7C|\\;\\\"b\"; pcre:\"/a\\/\\\"(b|c)+?/Ri\"; sid:1;)",
    ),
    ("groups", "alert tcp [$HOME_NET,!10.0.0.0/31,[1.2.3.4,!1.2.3.0/30]] [1:,!80:90] <> !$EXTERNAL_NET any (sid:1;)"),
    (
        "numbers",
        "alert udp any any -> any any (byte_test:4,>,0xffffffff,65535,relative,little,dce; byte_math:bytes 4,offset -5,oper <<,rvalue 31,result v; dsize:1<>65535; sid:4294967295;)",
    ),
    (
        "transforms",
        "alert udp any any -> any any (pkt_data; url_decode; xor:\"0d0ac8ff\"; to_md5; content:\"|00 01|\"; base64_decode:bytes 9,offset 3,relative; base64_data; content:\"x\"; sid:1;)",
    ),
    (
        "lists",
        "alert ip any any -> any any (ip.src; dataset:set,a,type ip,memcap 1000,hashsize 8; iprep:src,Bad,>,10; geoip:dst,FR,DE; sid:1;)",
    ),
    (
        "thresholds",
        "alert ip any any -> any any (threshold:type both,track by_both,count 4294967295,seconds 1; detection_filter:track by_rule,count 1,seconds 0; flowint:x,+,99; xbits:toggle,y,track ip_pair; sid:1;)",
    ),
    (
        "not-text",
        "alert tcp any any -> any any (content:\"\u{fffd}\u{0}\u{7f}\"; msg:\"\t\u{1f600}\"; sid:1;)\nalert\u{0}",
    ),
    ("open-ended", "alert tcp any any -> any any (msg:\"no end"),
    (
        "deep",
        "alert tcp [[[[[[[[[[[[[[[[10.0.0.1]]]]]]]]]]]]]]]] any -> any any (pcre:\"/((((((((((a+)+)+)+)+)+)+)+)+)+)+b/\"; sid:1;)",
    ),
];

fn starter() -> Vec<String> {
    let file = include_str!("../../../control/rules/starter/sluice-starter.rules");
    file.lines().filter(|line| line.starts_with("alert")).map(str::to_owned).collect()
}

fn rule() -> Vec<Seed> {
    let mut seeds: Vec<Seed> =
        HOSTILE_RULES.iter().map(|(name, text)| (format!("hostile-{name}"), (*text).into())).collect();
    seeds.extend(
        starter().into_iter().enumerate().step_by(2).map(|(number, line)| (format!("starter-{number}"), line.into())),
    );
    seeds
}

fn evaluate() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let rules = starter().join("\n");
    let packets = |frames: &[Vec<u8>], link: LinkType| {
        let link = match link {
            LinkType::Raw => 1,
            LinkType::LinuxCooked => 2,
            LinkType::Null => 3,
            _ => 0,
        };
        let short = frames.iter().filter(|frame| frame.len() <= LONGEST).take(6);
        short
            .flat_map(|frame| [&(frame.len() as u16).to_be_bytes()[..], &[link << 6 | 0x0e], frame].concat())
            .collect::<Vec<u8>>()
    };
    for (name, link, frames) in captures().into_iter().step_by(5) {
        let packets = packets(&frames, link);
        if packets.is_empty() {
            continue;
        }
        // A few rules of the file, others each time.
        let few: Vec<&str> = rules.lines().skip(seeds.len() % 20).step_by(7).collect();
        seeds.push((name, [few.join("\n").as_bytes(), MARKER, &packets].concat()));
    }
    let udp = |payload: &[u8]| {
        use crate::traffic::{Ip, ip, udp};
        let [src, dst] = ["10.0.0.1", "10.0.0.2"].map(|address| address.parse().expect("an address"));
        let frame = Ip::between(src, dst).packet(ip::UDP, &udp::datagram(src, dst, 40_000, 80, payload));
        packets(&[frame], LinkType::Raw)
    };
    for (name, rule, payload) in [
        (
            "backtracking",
            "content:\"a\"; content:\"a\"; distance:0; content:\"a\"; distance:0; content:\"b\"; distance:0;",
            &[b'a'; 400][..],
        ),
        ("expression", "pcre:\"/(a+)+b/\";", &[b'a'; 300]),
        ("negated", "content:!\"a\"; content:\"bb\"; content:!\"c\"; within:3;", b"bbbbabbcbb"),
        ("overlap", "content:\"abab\"; content:\"abab\"; distance:-2; within:4; isdataat:!1,relative;", b"abababab"),
        (
            "extract",
            "byte_extract:1,0,n; content:\"abcd\"; offset:n; depth:n; byte_jump:1,n,relative; byte_test:1,!=,n,0,relative;",
            b"\x04\x04abcdabcdabcd",
        ),
        (
            "short-literals",
            "content:\"a\"; nocase; content:\"B\"; fast_pattern; content:\"|00|\"; distance:-3;",
            b"\0bAB\0a",
        ),
        (
            "transformed",
            "pkt_data; url_decode; to_lowercase; content:\"get\"; pkt_data; gunzip; content:!\"x\";",
            b"%47%45%54+%%4",
        ),
    ] {
        let rule = format!("alert udp any any -> any any ({rule} sid:1;)");
        seeds.push((format!("hostile-{name}"), [rule.as_bytes(), MARKER, &udp(payload), &udp(payload)].concat()));
    }
    seeds
}

/// Operations of target `flow`, in words.
fn flow() -> Vec<Seed> {
    let handshake = [[0, 8, 0, 0], [1, 0x28, 0, 0], [2, 8, 0, 0]];
    let conversation = |who: u8| {
        let mut operations: Vec<[u8; 4]> =
            handshake.map(|[what, back, time, number]| [what, back & 0x20 | who, time, number]).to_vec();
        operations.extend([
            [4, who, 0, 2],
            [4, who | 0x20, 3, 4],
            [6, who, 0, 0],
            [6, who | 0x20, 0, 0],
            [2, who, 0, 0],
        ]);
        operations
    };
    let seed = |name: &str, mode: u8, more: u8, operations: Vec<[u8; 4]>| {
        (name.to_owned(), [&[mode, more][..], &operations.concat()].concat())
    };
    let everyone =
        |what: u8| (0..=255).map(|number: u8| [what, number & 0x1f | number & 0xc0, 0, number]).collect::<Vec<_>>();
    vec![
        seed("conversation", 0, 0, conversation(8)),
        seed("conversation-inline-ipv6", 1, 1, conversation(0x4c)),
        seed("passed-connection", 5, 0, conversation(0x88)),
        seed("rejected-connection", 5, 0, conversation(0xc8)),
        seed("reused-ports", 1, 0, [conversation(8), conversation(8)].concat()),
        seed("syn-flood", 1, 0, everyone(0)),
        seed("datagram-flood", 1, 1, everyone(9)),
        seed("flood-then-conversation", 1, 0, [everyone(9), conversation(0x4c), everyone(0)].concat()),
        seed("midstream", 2, 0, vec![[4, 8, 0, 2], [4, 0x28, 0, 4], [7, 8, 0, 0], [4, 8, 0, 2]]),
        seed("errors", 0, 0, vec![[9, 8, 0, 0], [12, 0x28, 0, 0], [12, 8, 0, 1], [12, 0x2c, 0, 0], [9, 8, 7, 0]]),
        seed(
            "wrong-sums",
            1 | 4,
            0,
            [conversation(8), vec![[0x2f, 8, 0, 39], [0x2f, 8, 0, 30], [4, 8, 0, 2]]].concat(),
        ),
        seed("automatic-sums", 1 | 8, 0, [vec![[0x2f, 8, 0, 39]; 8], conversation(8), vec![[4, 8, 0, 2]; 40]].concat()),
        seed(
            "resets",
            1,
            0,
            [&conversation(8)[..4], &[[7, 8, 0, 0xff], [7, 8, 0, 0], [4, 8, 1, 2], [0, 8, 5, 0]]].concat(),
        ),
        seed("everything", 3, 1, (0..=255).map(|n: u8| [n, n.wrapping_mul(37), n >> 3, n.wrapping_mul(91)]).collect()),
        seed("tunnels-and-fragments", 1, 0, (0..64).map(|n: u8| [13 + n % 2, n, 0, n]).collect()),
    ]
}

/// One example in the notation, and a hostile text.
fn tree(notation: &str) -> Vec<Seed> {
    let (example, hostile) = match notation {
        "junos" => (
            include_str!("../../../control/config/tests/examples/exceptions.conf"),
            "[edit services ids]\ninactive: rule \"a b\" { /* c */ term t { from { source-address 10.0.0.0/8 except; source-address-range low ::1 high ::2; } then syn-cookie { mss 127; } } }\n\
             include \"x\";\n}} interfaces { ge-0/0/0 unit 0; } policy-options { prefix-list p { 10.0.0.0/8; apply-path \"x \\\" y\"; } } detection { a { b [ c \"@\" ]; exit; } a 5; } /* end",
        ),
        "set" => (
            include_str!("../../../control/config/tests/examples/exceptions.set"),
            "set authority tenant a\nannotate authority tenant a \"*/ x\"\ndeactivate authority tenant a\nset authority service s address [ 10.0.0.0/8 ::/0 ]\ndelete authority service s address ::/0\n\
             insert authority tenant a after tenant b\nset detection x y z\nset detection x [ a\nset services ids rule r term t from source-address 10.0.0.0/8 except\ndelete authority\nfrobnicate",
        ),
        "pcli" => (
            include_str!("../../../control/config/tests/examples/exceptions.pcli"),
            "config\n authority\n  tennant x\n   y z\n  exit\n  tenant \"exit\"\n   name \"exit\"\n  exit # said\n  router r\n   routing\n    a b\n    c\n     d [ e f ]\n    exit\n   exit\n exit\nexit\nexit\nservices\n ids\n",
        ),
        _ => (
            include_str!("../../../control/config/tests/examples/exceptions.json"),
            "{\"@\": {\"comment\": \"a */\"}, \"authority\": {\"@\": {\"inactive\": true}, \"name\": 5, \"@name\": {\"comment\": [\"\\u00e4\\ud83e\\udd80\"]}, \"service\": [{\"name\": \"s\", \"address\": [\"::1\", 7], \
             \"@address\": [null, {\"inactive\": true}]}, \"t\", 4, []], \"tenant\": {}}, \"detection\": {\"a\": {\"b\": [1, true, null]}, \"a\": \"\\u0001\"}, \"x\": [[[}",
        ),
    };
    [("example", example), ("hostile", hostile)].map(|(name, text)| (name.to_owned(), text.into())).into()
}

fn config() -> Vec<Seed> {
    let files: [(&str, u8, &str); 13] = [
        (
            "threshold",
            0,
            "threshold gen_id 1, sig_id 2, type limit, track by_src, count 1, seconds 60\nrate_filter gen_id 1, sig_id 0, track by_rule, count 3, seconds 5, new_action drop, timeout 9\n",
        ),
        (
            "suppress",
            0,
            "suppress gen_id 1, sig_id 2, track by_either, ip [10.0.0.0/8,!10.1.0.0/16]\nsuppress gen_id 0, sig_id 0, track by_src, ip $HOME_NET\n",
        ),
        (
            "threshold-hostile",
            0,
            "event_filter gen_id 99999999999, sig_id -1, type both, track by_both, count 0, seconds 0\nthreshold\n\\\n  suppress gen_id 1, \\",
        ),
        (
            "classification",
            1,
            "# c\nconfig classification: bad-unknown,Potentially Bad Traffic, 2\nconfig classification: a,b,\nconfig classification",
        ),
        (
            "reference",
            2,
            "config reference: cve       http://cve.mitre.org/cgi-bin/cvename.cgi?name=\nconfig reference: url http://\nconfig reference:",
        ),
        ("categories", 3, "1,BadHosts,Known bad hosts\n61,x,y\n0,,\n,,,\n"),
        ("scores", 4, "10.0.0.1,1,50\nfd00::/64,2,7\n10.0.0.0/33,1,1\n::1/129,60,127\n1.2.3.4,1,128\n"),
        ("countries", 5, "\u{0}\u{0}\u{1}abc"),
        (
            "settings",
            6,
            "system.workers=4\ndetection.packet-alert-max=64\nvars.address-groups.HOME_NET=[10.0.0.0/8]\nmeasure.swaps=3\n",
        ),
        (
            "settings-ports",
            6,
            "system.ports.pair.a.inside=net_tap0\nsystem.ports.pair.a.outside=0000:3b:00.0\nsystem.ports.pair.a.deployment=inline\nsystem.ports.pair..inside=",
        ),
        (
            "settings-events",
            6,
            "events.eve.types=alert,flow,dns\nevents.eve.community-id-seed=65536\nevents.eve.payload=yes\n",
        ),
        (
            "settings-policies",
            6,
            "detection.exception-policy=drop-flow\ndetection.stream.midstream-policy=pass-packet\nstream.midstream=true\naction-order=pass,drop,reject,alert\n",
        ),
        (
            "settings-hostile",
            6,
            "=\n==\ndetection\ndetection.flow-capacity=99999999999999999999\nsystem.workers=-1\ndetection.flow-capacity=0\nmeasure.stop-after-idle=18446744073709551615",
        ),
    ];
    files.map(|(name, kind, text)| (name.to_owned(), [&[kind], text.as_bytes()].concat())).to_vec()
}
