//! Whole conversations, with the examples of RFC 9001 and packets sealed here.

use super::{
    keys::Keys,
    likeness,
    version::{VERSION_1, VERSION_2},
};
use crate::{AppSettings, protocol::Likeness, testing::datagrams};
use proptest::prelude::*;
use sluice_core::Direction::{self, ToClient, ToServer};

const PORTS: [u16; 2] = [443, 40_000];
/// The client's identifier in appendix A.
const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
/// The client's frame in appendix A.2.
const CLIENT: &str = "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff";
/// The server's packet in appendix A.3.
const SERVER: &str = "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn number(value: usize) -> [u8; 4] {
    (value as u32 | 0x8000_0000).to_be_bytes()
}

/// An Initial packet of `version` with `frames`, from the client to `id`, with keys made from `key_id`.
fn initial(version: u32, key_id: &[u8], id: &[u8], is_client: bool, frames: &[u8]) -> Vec<u8> {
    let mut plain = frames.to_vec();
    plain.resize(plain.len().max(64), 0);
    let first = if version == VERSION_2 { 0xd3 } else { 0xc3 };
    let length = number(plain.len() + 4 + 16);
    let header =
        [&[first][..], &version.to_be_bytes(), &[id.len() as u8], id, &[0, 0], &length, &[0, 0, 0, 2]].concat();
    Keys::of(version, key_id, is_client).unwrap().seal(&header, &plain)
}

/// A CRYPTO frame.
fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    [&[6][..], &number(offset), &number(bytes.len()), bytes].concat()
}

/// The client's message in appendix A.2, without the frame around it.
fn hello() -> Vec<u8> {
    hex(CLIENT)[4..].to_vec()
}

fn server_hello() -> Vec<u8> {
    hex(
        "020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304",
    )
}

fn told(said: &[(Direction, Vec<u8>)]) -> Vec<String> {
    let said: Vec<_> = said.iter().map(|(way, bytes)| (*way, &bytes[..])).collect();
    datagrams(AppSettings::default(), PORTS, &said)
}

fn has(told: &[String], line: &str) -> bool {
    told.iter().any(|found| found == line)
}

#[test]
fn the_example_of_rfc_9001_is_sealed_and_opened() {
    let mut plain = hex(CLIENT);
    plain.resize(1_162, 0);
    let packet =
        Keys::of(VERSION_1, &ID, true).unwrap().seal(&hex("c300000001088394c8f03e5157080000449e00000002"), &plain);
    assert_eq!(packet.len(), 1_200);
    assert_eq!(packet[..32], hex("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11"));
    assert_eq!(packet[1_184..], hex("e221af44860018ab0856972e194cd934"));
    assert_eq!(likeness(&packet, ToServer), Likeness::Sure);
    let told = told(&[(ToServer, packet), (ToClient, hex(SERVER))]);
    for line in [
        "quic 0 > quic.version \\x00\\x00\\x00\\x01",
        "quic 0 > quic.sni example.com",
        "quic 0 > tls.alpn alpn",
        "quic 0 > ja3.string 771,4865-4866,0-65281-10-16-5-51-43-13-45-28-57,29-23-24,",
        "quic 0 > level 5",
        "quic 1 < ja3s.string 771,4865,51-43",
        "quic 1 < level 5",
    ] {
        assert!(has(&told, line), "{line}\n{told:#?}");
    }
    assert!(!told.iter().any(|line| line.contains("(event)")));
}

#[test]
fn every_version_has_its_salt() {
    for version in [VERSION_1, VERSION_2, 0xff00_0016, 0xff00_0017, 0xff00_001d, 0xff00_0022] {
        let told = told(&[
            (ToServer, initial(version, &ID, &ID, true, &crypto(0, &hello()))),
            (ToClient, initial(version, &ID, b"", false, &crypto(0, &server_hello()))),
        ]);
        assert!(has(&told, "quic 0 > quic.sni example.com"), "{version:x}");
        assert!(has(&told, "quic 1 < ja3s.string 771,4865,51-43"), "{version:x}");
    }
    assert!(Keys::of(0xff00_0001, &ID, true).is_none());
}

#[test]
fn a_hello_in_pieces_in_any_order_is_put_together() {
    let hello = hello();
    let piece = |from: usize, to: usize| crypto(from, &hello[from..to]);
    let packets = [
        initial(VERSION_1, &ID, &ID, true, &[piece(200, hello.len()), vec![0, 1, 0], piece(90, 150)].concat()),
        initial(VERSION_1, &ID, &ID, true, &[piece(0, 60), piece(140, 200)].concat()),
        initial(VERSION_1, &ID, &ID, true, &piece(50, 100)),
    ];
    let whole = told(&[(ToServer, initial(VERSION_1, &ID, &ID, true, &crypto(0, &hello)))]);
    let said: Vec<_> = packets.iter().map(|packet| (ToServer, packet.clone())).collect();
    assert_eq!(told(&said), whole);
    // Without one of them nothing is told, and nothing is wrong.
    assert!(told(&said[..2]).is_empty());
    // Several packets in one datagram are read as well.
    assert_eq!(told(&[(ToServer, packets.concat())]), whole);
}

#[test]
fn after_a_retry_the_keys_come_from_the_servers_identifier() {
    let other = [7; 20];
    let retry = [&[0xf0, 0, 0, 0, 1, 0, 20][..], &other, b"token and sixteen bytes"].concat();
    let told = told(&[
        (ToServer, initial(VERSION_1, &ID, &ID, true, &crypto(0, &hello()))),
        (ToClient, retry.clone()),
        (ToServer, initial(VERSION_1, &other, &other, true, &crypto(0, &hello()))),
        // A second retry is not followed.
        (ToClient, [&retry[..7], &[9; 20], &retry[27..]].concat()),
        (ToClient, initial(VERSION_1, &other, b"", false, &crypto(0, &server_hello()))),
    ]);
    assert!(has(&told, "quic 0 > quic.sni example.com"));
    assert!(has(&told, "quic 1 > quic.sni example.com"));
    assert!(has(&told, "quic 2 < level 5"));
    assert!(!told.iter().any(|line| line.contains("(event)")));
}

#[test]
fn after_a_negotiation_the_client_begins_anew() {
    let negotiation = [&[0x80, 0, 0, 0, 0, 0, 8][..], &ID, &VERSION_2.to_be_bytes()].concat();
    let told = told(&[
        (ToServer, initial(VERSION_1, &ID, &ID, true, &crypto(0, &hello()[..50]))),
        (ToClient, negotiation),
        (ToServer, initial(VERSION_2, &ID, &ID, true, &crypto(0, &hello()))),
    ]);
    assert!(has(&told, "quic 0 > quic.version k3C\\xcf"), "{told:#?}");
    assert!(has(&told, "quic 0 > quic.sni example.com"));
}

/// The hello with another name of as many bytes.
fn named(name: &[u8; 11]) -> Vec<u8> {
    let mut bytes = hello();
    let at = bytes.windows(11).position(|part| part == b"example.com").unwrap();
    bytes[at..at + 11].copy_from_slice(name);
    bytes
}

/// The names in what was told.
fn names(told: &[String]) -> Vec<&str> {
    told.iter().filter_map(|line| line.split_once(" > quic.sni ").map(|(_, name)| name)).collect()
}

/// A packet of the client with a part of `hello`.
fn part(id: &[u8], hello: &[u8], from: usize, to: usize) -> (Direction, Vec<u8>) {
    (ToServer, initial(VERSION_1, id, id, true, &crypto(from, &hello[from..to.min(hello.len())])))
}

#[test]
fn a_list_of_versions_clears_no_hello_whoever_sends_it() {
    let hello = named(b"evil000.com");
    let list = [&[0xc0, 0, 0, 0, 0, 1, 1, 1, 2][..], &VERSION_1.to_be_bytes()].concat();
    let retry = [&[0xf0, 0, 0, 0, 1, 0, 8][..], &[7; 8], b"token and sixteen bytes"].concat();
    for (direction, between) in [(ToServer, &list), (ToClient, &list), (ToServer, &retry), (ToClient, &retry)] {
        let said = [part(&ID, &hello, 0, 100), (direction, between.clone()), part(&ID, &hello, 100, 999)];
        assert_eq!(names(&told(&said)), ["evil000.com"], "{direction:?}");
    }
}

#[test]
fn connections_between_the_same_ports_are_kept_apart() {
    let (one, two) = (named(b"one0000.com"), named(b"two0000.com"));
    let other = [9; 8];
    // One behind the other, with their answers in between; mixed; the first one goes on behind packets that say nothing.
    let answer = |id: &[u8]| (ToClient, initial(VERSION_1, id, b"", false, &crypto(0, &server_hello())));
    let in_turn = told(&[part(&ID, &one, 0, 999), answer(&ID), part(&other, &two, 0, 999), answer(&other)]);
    assert_eq!(names(&in_turn), ["one0000.com", "two0000.com"]);
    assert_eq!(in_turn.iter().filter(|line| line.contains("< ja3s.string")).count(), 2);
    let mixed =
        [part(&ID, &one, 0, 100), part(&other, &two, 50, 999), part(&ID, &one, 100, 999), part(&other, &two, 0, 60)];
    let both = [&mixed[..], &[answer(&other), answer(&ID)]].concat();
    let told_both = told(&both);
    assert_eq!(names(&told_both), ["one0000.com", "two0000.com"]);
    assert_eq!(told_both.iter().filter(|line| line.contains("< ja3s.string")).count(), 2);
    assert!(!told_both.iter().any(|line| line.contains("(event)")), "{told_both:#?}");
    let mut said = vec![part(&ID, &one, 0, 100)];
    said.extend((0..20_u8).map(|id| (ToServer, initial(VERSION_1, &[id; 8], &[id; 8], true, b"\x01"))));
    said.push(part(&ID, &one, 100, 999));
    assert_eq!(names(&told(&said)), ["one0000.com"]);
}

#[test]
fn any_number_of_connections_may_follow_each_other() {
    let all: Vec<_> = (0..40_u8)
        .map(|id| part(&[id; 8], &named(format!("name{id:03}.com").as_bytes().try_into().unwrap()), 0, 999))
        .collect();
    let wanted: Vec<_> = (0..40).map(|id| format!("name{id:03}.com")).collect();
    assert_eq!(names(&told(&all)), wanted);
    // Said again, each is told once.
    assert_eq!(names(&told(&[&all[..3], &all[..3]].concat())), wanted[..3]);
}

#[test]
fn a_piece_that_is_too_far_off_hides_no_hello() {
    let hello = named(b"evil000.com");
    let said = [
        part(&ID, &hello, 0, 100),
        (ToServer, initial(VERSION_1, &ID, &ID, true, &crypto(40_000, b"x"))),
        part(&ID, &hello, 100, 999),
    ];
    let told = told(&said);
    assert_eq!(names(&told), ["evil000.com"]);
    assert!(has(&told, "quic 0 > (event) crypto_frag_too_long"));
}

#[test]
fn other_packets_in_front_of_it_in_a_datagram_hide_no_hello() {
    let mut bad = initial(VERSION_1, &ID, &ID, true, &[1]);
    *bad.last_mut().unwrap() ^= 1;
    // Packets of the handshake without anything in them, and such that can't be decrypted.
    let handshake = [&[0xe0, 0, 0, 0, 1, 8][..], &ID, &[0, 1, 0]].concat();
    let whole = initial(VERSION_1, &ID, &ID, true, &crypto(0, &named(b"evil000.com")));
    for front in [handshake.repeat(20), bad.repeat(20)] {
        assert_eq!(names(&told(&[(ToServer, [&front[..], &whole].concat())])), ["evil000.com"]);
    }
    // A packet for somebody else is passed over by who reads the datagram.
    let other = initial(VERSION_1, &[9; 8], &[9; 8], true, &crypto(0, &named(b"other00.com")));
    assert_eq!(names(&told(&[(ToServer, [&whole[..], &other].concat())])), ["evil000.com"]);
}

#[test]
fn a_server_may_answer_in_another_version() {
    let told = told(&[
        (ToServer, initial(VERSION_1, &ID, &ID, true, &crypto(0, &hello()))),
        (ToClient, initial(VERSION_2, &ID, b"", false, &crypto(0, &server_hello()))),
    ]);
    for line in ["quic 1 < quic.version k3C\\xcf", "quic 1 < ja3s.string 771,4865,51-43"] {
        assert!(has(&told, line), "{line} {told:#?}");
    }
}

/// A packet of the client that names itself, and of the server that names both.
fn with_ids(first: u8, destination: &[u8], source: &[u8], key_id: &[u8], is_client: bool, frames: &[u8]) -> Vec<u8> {
    let mut plain = frames.to_vec();
    plain.resize(plain.len().max(64), 0);
    let length = number(plain.len() + 4 + 16);
    let ids = [&[destination.len() as u8][..], destination, &[source.len() as u8], source, &[0]].concat();
    let header = [&[first][..], &VERSION_1.to_be_bytes(), &ids, &length, &[0, 0, 0, 2]].concat();
    Keys::of(VERSION_1, key_id, is_client).unwrap().seal(&header, &plain)
}

#[test]
fn a_client_that_goes_on_under_the_servers_identifier_is_known() {
    let hello = named(b"evil000.com");
    let (client, server) = ([4; 5], [5; 6]);
    let of_client =
        |destination: &[u8], frames: &[u8]| (ToServer, with_ids(0xc3, destination, &client, &ID, true, frames));
    let acknowledged = with_ids(0xc3, &client, &server, &ID, false, &[2, 0, 0, 0, 0]);
    let answered = with_ids(0xc3, &client, &server, &ID, false, &crypto(0, &server_hello()));
    let parts = [crypto(0, &hello[..100]), crypto(100, &hello[100..])];
    // With the server's packet in between, and without it.
    for between in [vec![(ToClient, acknowledged)], vec![]] {
        let said = [
            &[of_client(&ID, &parts[0])][..],
            &between,
            &[of_client(&server, &parts[1]), (ToClient, answered.clone()), of_client(&server, b"\x01")],
        ]
        .concat();
        let told = told(&said);
        assert_eq!(names(&told), ["evil000.com"]);
        assert!(told.iter().any(|line| line.contains("< ja3s.string")));
        assert!(!told.iter().any(|line| line.contains("(event)")), "{told:#?}");
    }
}

#[test]
fn what_cannot_be_decrypted_is_told_once() {
    let mut bad = initial(VERSION_1, &ID, &ID, true, &crypto(0, &hello()));
    *bad.last_mut().unwrap() ^= 1;
    let told = told(&[(ToServer, bad.clone()), (ToServer, bad)]);
    assert_eq!(told.iter().filter(|line| line.ends_with("(event) failed_decrypt")).count(), 1);
}

#[test]
fn frames_that_cannot_be_are_told() {
    for (frames, event) in [
        (&[0x30, 1][..], "error_on_data"),
        (&crypto(40_000, b"x"), "crypto_frag_too_long"),
        (&crypto(0, b"\x05\0\0\x01x"), "error_on_data"),
        (&[2, 0, 0, 0x3f, 0], "error_on_data"),
    ] {
        let mut frames = frames.to_vec();
        if event == "error_on_data" && frames[0] == 2 {
            frames.resize(64, 0xff);
        }
        let told = told(&[(ToServer, initial(VERSION_1, &ID, &ID, true, &frames))]);
        assert!(has(&told, &format!("quic 0 > (event) {event}")), "{event} {told:#?}");
    }
}

#[test]
fn nothing_more_is_decrypted_when_both_have_said_hello() {
    let mut bad = initial(VERSION_1, &ID, &ID, true, &[]);
    *bad.last_mut().unwrap() ^= 1;
    let said = [
        (ToServer, initial(VERSION_1, &ID, &ID, true, &crypto(0, &hello()))),
        (ToClient, initial(VERSION_1, &ID, b"", false, &crypto(0, &server_hello()))),
    ];
    let mut more = said.to_vec();
    more.push((ToServer, bad));
    assert_eq!(told(&more), told(&said));
}

#[test]
fn a_server_whose_client_was_not_seen_says_nothing() {
    assert!(told(&[(ToClient, hex(SERVER))]).is_empty());
}

/// A packet of gQUIC with a hello of these tags.
fn gquic(version: &[u8; 4], tags: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut hello = [&b"CHLO"[..], &(tags.len() as u16).to_le_bytes(), &[0, 0]].concat();
    let mut end = 0;
    for (name, value) in tags {
        end += value.len() as u32;
        hello.extend(**name);
        hello.extend(end.to_le_bytes());
    }
    tags.iter().for_each(|(_, value)| hello.extend(*value));
    let frames = [&[0; 12][..], &[0xa0, 1], &(hello.len() as u16).to_le_bytes(), &hello].concat();
    let new = version > b"Q043";
    let front: Vec<u8> = if new {
        [&[0xc3][..], version, &[0x50], &ID, &[0, 0, 0, 1]].concat()
    } else {
        [&[0x0d][..], &ID, version, &[1]].concat()
    };
    [front, frames].concat()
}

#[test]
fn hellos_of_gquic_tell_name_agent_and_tags() {
    for version in [b"Q039", b"Q043", b"Q046"] {
        let packet = gquic(
            version,
            &[(b"PAD\0", &[0; 40]), (b"SNI\0", b"a.example"), (b"VER\0", version), (b"UAID", b"Chrome")],
        );
        assert_eq!(likeness(&packet, ToServer), Likeness::Sure);
        let told = told(&[(ToServer, packet)]);
        let number = std::str::from_utf8(&version[2..]).unwrap();
        for line in [
            format!("quic 0 > quic.version {}", version.escape_ascii()),
            "quic 0 > quic.sni a.example".into(),
            "quic 0 > quic.ua Chrome".into(),
            format!("quic 0 > quic.cyu.string {number},PAD-SNI-VER-UAID"),
        ] {
            assert!(has(&told, &line), "{line} {told:#?}");
        }
        assert!(told.iter().any(|line| line.starts_with("quic 0 > quic.cyu.hash ")));
    }
}

#[test]
fn other_datagrams_are_not_quic() {
    for bytes in
        [&b""[..], &[0xc0], &[0x40; 40], b"\xc3\0\0\0\x07\x08aaaaaaaa\0", &[0xff; 60], b"GET / HTTP/1.1\r\n\r\n"]
    {
        assert_eq!(likeness(bytes, ToServer), Likeness::No, "{bytes:02x?}");
    }
}

/// A client's first datagram, as long as it must be.
fn first_datagram(name: &[u8; 11]) -> Vec<u8> {
    let mut frames = crypto(0, &named(name));
    frames.resize(1_200, 0);
    initial(VERSION_1, &ID, &ID, true, &frames)
}

/// What is told of datagrams to and from a server on `port`.
fn told_on(port: u16, said: &[(Direction, Vec<u8>)]) -> Vec<String> {
    let said: Vec<_> = said.iter().map(|(way, bytes)| (*way, &bytes[..])).collect();
    datagrams(AppSettings::default(), [port, 40_000], &said)
}

#[test]
fn datagrams_in_front_of_a_true_first_packet_hide_it_on_no_port() {
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01".to_vec();
    let true_one = first_datagram(b"evil000.com");
    assert_eq!(likeness(&true_one, ToServer), Likeness::Sure);
    let fronts = [
        // Nothing, words, what has the form of the header alone, a question of DNS, an answer that is none.
        vec![],
        vec![(ToServer, b"x".to_vec()); 50],
        vec![(ToServer, [&true_one[..40], &[0; 1_200]].concat()); 3],
        vec![(ToServer, question.clone())],
        vec![(ToServer, b"x".to_vec()), (ToClient, b"y".to_vec()), (ToClient, b"z".to_vec())],
    ];
    for (at, front) in fronts.iter().enumerate() {
        for port in [443, 8_443, 53, 5_353] {
            let said = [&front[..], &[(ToServer, true_one.clone())]].concat();
            assert_eq!(names(&told_on(port, &said)), ["evil000.com"], "front {at}, port {port}");
        }
    }
}

#[test]
fn the_form_of_a_header_alone_hides_no_other_protocol() {
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01".to_vec();
    let short = initial(VERSION_1, &ID, &ID, true, &crypto(0, &hello()));
    let broken = [&first_datagram(b"evil000.com")[..40], &[0; 1_200]].concat();
    for front in [short, broken] {
        assert_eq!(likeness(&front, ToServer), Likeness::Fits);
        let told = told_on(53, &[(ToServer, front), (ToServer, question.clone())]);
        assert!(told.iter().any(|line| line.ends_with("www.example.com")), "{told:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However packets are put into datagrams, and whatever else comes between.
    #[test]
    fn hellos_are_told_whatever_lies_between(
        cuts in prop::collection::btree_set(1..240_usize, 0..8),
        order in any::<prop::sample::Index>(),
        junk in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..50)), 0..9),
    ) {
        let hello = named(b"evil000.com");
        let bounds: Vec<_> = [0].into_iter().chain(cuts).chain([hello.len()]).collect();
        let mut parts: Vec<_> = bounds.windows(2).map(|pair| part(&ID, &hello, pair[0], pair[1])).collect();
        let count = parts.len();
        parts.rotate_left(order.index(count));
        let mut said = vec![];
        let mut junk = junk.into_iter();
        for packet in parts {
            said.push(packet);
            said.extend(junk.next().map(|(to_server, bytes)| (if to_server { ToServer } else { ToClient }, bytes)));
        }
        let apart = told(&said);
        prop_assert_eq!(names(&apart), ["evil000.com"]);
        let whole: Vec<u8> = said.iter().filter(|(_, bytes)| bytes.len() > 80).flat_map(|(_, bytes)| bytes.clone()).collect();
        let together = told(&[(ToServer, whole)]);
        prop_assert_eq!(names(&together), ["evil000.com"]);
    }

    #[test]
    fn hostile_frames_are_borne(frames in prop::collection::vec(any::<u8>(), 0..400), more in prop::collection::vec(any::<u8>(), 0..100)) {
        told(&[
            (ToServer, initial(VERSION_1, &ID, &ID, true, &frames)),
            (ToServer, initial(VERSION_1, &ID, &ID, true, &crypto(0, &more))),
            (ToServer, more),
        ]);
    }

    #[test]
    fn a_hello_that_is_changed_or_cut_is_borne(at in 0..300_usize, byte: u8, cut in 0..300_usize) {
        let mut hello = hello();
        if let Some(place) = hello.get_mut(at) {
            *place = byte;
        }
        hello.truncate(cut.max(1));
        told(&[(ToServer, initial(VERSION_1, &ID, &ID, true, &crypto(0, &hello)))]);
        let packet = initial(VERSION_1, &ID, &ID, true, &crypto(0, &hello));
        told(&[(ToServer, packet[..cut.min(packet.len())].to_vec())]);
        let old = gquic(b"Q046", &[(b"SNI\0", &hello)]);
        told(&[(ToServer, old[..cut.min(old.len())].to_vec())]);
    }
}
