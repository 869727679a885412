//! Conversations as they come, whole and in pieces, and hostile ones.

use super::{
    frame::{flag, kind},
    parse::MOST_STREAMS,
};
use crate::{
    AppSettings,
    testing::{Said, talk, talk_cut, talk_pieces},
};
use proptest::prelude::*;
use sluice_core::Direction::{ToClient, ToServer};

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block whose fields are written out and not kept.
fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.push(0);
        for text in [name, value] {
            bytes.push(text.len() as u8);
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

fn preface() -> Vec<u8> {
    [&super::detect::PREFACE[..], &frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])].concat()
}

fn told(said: &[Said]) -> Vec<String> {
    talk(AppSettings::default(), said)
}

/// The values of `field` in `lines`, as told.
fn values<'a>(lines: &'a [String], field: &str) -> Vec<&'a str> {
    let field = format!(" {field} ");
    lines.iter().filter_map(|line| line.split_once(&field).map(|(_, value)| value)).collect()
}

fn request() -> Vec<u8> {
    block(&[
        (":method", "GET"),
        (":path", "/a/b.html?c"),
        (":authority", "Example.com:8080"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("user-agent", "x/1"),
    ])
}

#[test]
fn a_request_and_its_response_are_one_transaction_and_each_frame_for_all_its_own() {
    let client = [preface(), frame(kind::HEADERS, flag::END | flag::END_HEADERS, 1, &request())].concat();
    let server = [
        frame(kind::SETTINGS, flag::END, 0, b""),
        frame(kind::HEADERS, flag::END_HEADERS, 1, &block(&[(":status", "200"), ("server", "s")])),
        frame(kind::DATA, flag::PADDED, 1, b"\x02hello \0\0"),
        frame(kind::DATA, flag::END, 1, b"world"),
    ]
    .concat();
    let lines = told(&[(ToServer, &client), (ToClient, &server)]);
    for line in [
        "http2 0 > http2.settings 12884901988",
        "http2 0 < level 5",
        "http2 1 > (http2.stream_id) 1",
        "http2 1 > http2.frametype 1",
        "http2 1 > http.method GET",
        "http2 1 > http.uri /a/b.html?c",
        "http2 1 > http.host example.com",
        "http2 1 > http.host.raw Example.com:8080",
        "http2 1 > http.user_agent x/1",
        "http2 1 > http.cookie a=1; b=2",
        "http2 1 > http.request_header :method: GET",
        "http2 1 < http.stat_code 200",
        "http2 1 < http.server s",
        "http2 1 < http.header :status: 200\\r\\nserver: s\\r\\n",
        "http2 1 < http.header_names \\r\\n:status\\r\\nserver\\r\\n\\r\\n",
        "http2 1 < (http.length) 11",
        "http2 1 < http.response_body Closed 11 file 1 '/a/b.html' hello world",
        "http2 1 < level 5",
        "http2 2 < http2.frametype 4",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line}\n{lines:#?}");
    }
    assert!(values(&lines, "(event)").is_empty());
}

#[test]
fn a_block_over_several_frames_is_one_and_nothing_may_come_between() {
    let block = request();
    let [first, second, third] = [&block[..7], &block[7..30], &block[30..]];
    let parts = |between: &[u8]| {
        [
            &preface()[..],
            &frame(kind::HEADERS, flag::END | flag::PRIORITY, 1, &[&[0, 0, 0, 0, 255], first].concat()),
            &frame(kind::CONTINUATION, 0, 1, second),
            between,
            &frame(kind::CONTINUATION, flag::END_HEADERS, 1, third),
        ]
        .concat()
    };
    let lines = told(&[(ToServer, &parts(b""))]);
    assert_eq!(values(&lines, "http.uri"), ["/a/b.html?c"]);
    assert_eq!(values(&lines, "http2.priority"), ["255"]);
    assert_eq!(values(&lines, "http2.frametype"), ["4", "1", "9"]);
    let lines = told(&[(ToServer, &parts(&frame(kind::PING, 0, 0, &[0; 8])))]);
    assert_eq!(values(&lines, "(event)"), ["invalid_frame_header"]);
}

#[test]
fn what_is_wrong_is_told_by_its_name() {
    let events = |client: &[Vec<u8>]| -> Vec<String> {
        let client = [&preface()[..], &client.concat()].concat();
        values(&told(&[(ToServer, &client)]), "(event)").iter().map(|&name| name.to_owned()).collect()
    };
    let get = |stream| frame(kind::HEADERS, flag::END | flag::END_HEADERS, stream, &request());
    let header = |pairs: &[(&str, &str)]| frame(kind::HEADERS, flag::END | flag::END_HEADERS, 1, &block(pairs));
    assert_eq!(events(&[get(1), get(3)]), [""; 0], "the silent twin");
    assert_eq!(events(&[frame(kind::DATA, 0, 0, b"a"), get(1)]), ["data_stream_zero"]);
    assert_eq!(events(&[frame(kind::HEADERS, flag::PADDED | flag::END_HEADERS, 1, b"\x09a")]), ["invalid_frame_data"]);
    assert_eq!(events(&[frame(kind::WINDOW_UPDATE, 0, 0, b"abc"), get(1)]), ["invalid_frame_length"]);
    assert_eq!(events(&[frame(kind::PRIORITY, 0, 0, &[0; 5]), get(1)]), ["invalid_frame_header"]);
    assert_eq!(
        events(&[frame(kind::HEADERS, flag::END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff\x7f")]),
        ["header_integer_overflow"]
    );
    assert_eq!(events(&[frame(kind::HEADERS, flag::END_HEADERS, 1, b"\xfe")]), ["invalid_header"]);
    assert_eq!(events(&[frame(kind::HEADERS, flag::END_HEADERS, 1, b"\x40\x05a")]), ["extra_header_data"]);
    assert_eq!(events(&[frame(kind::PING, 0, 0, &vec![0; 70_000]), get(1)]), ["long_frame_data"]);
    assert_eq!(events(&[header(&[(":authority", "a@b")])]), ["userinfo_in_uri"]);
    assert_eq!(events(&[header(&[(":authority", "a"), ("host", "b")])]), ["authority_host_mismatch"]);
    assert_eq!(events(&[header(&[(":authority", "A:1"), ("host", "a:1")])]), [""; 0]);
    let rest = frame(kind::CONTINUATION, 0, 1, &[0; 16_000]).repeat(7);
    assert_eq!(events(&[frame(kind::HEADERS, 0, 1, b""), rest]), ["reassembly_limit_reached"]);
    let dns = frame(kind::HEADERS, flag::END_HEADERS, 1, &block(&[("content-type", "application/dns-message")]));
    let body = frame(kind::DATA, 0, 1, &[0; 16_384]).repeat(5);
    assert_eq!(events(&[dns, body]), ["dns_request_too_long"]);
    let again = talk(
        AppSettings::default(),
        &[
            (ToServer, &[preface(), get(1)].concat()),
            (ToClient, &frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 2])),
            (ToServer, &get(1)),
        ],
    );
    assert_eq!(values(&again, "(event)"), ["stream_id_reuse"]);
    assert_eq!(values(&again, "http2.errorcode"), ["2"]);
    assert_eq!(values(&told(&[(ToServer, b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")]), "(event)"), ["invalid_client_magic"]);
}

#[test]
fn a_promised_request_is_the_requests_half_of_its_stream() {
    let client = [preface(), frame(kind::HEADERS, flag::END | flag::END_HEADERS, 1, &request())].concat();
    let promise = [&2_u32.to_be_bytes()[..], &block(&[(":method", "GET"), (":path", "/pushed")])].concat();
    let server = [
        frame(kind::PUSH_PROMISE, 0, 1, &promise[..9]),
        frame(kind::CONTINUATION, flag::END_HEADERS, 1, &promise[9..]),
        frame(kind::HEADERS, flag::END | flag::END_HEADERS, 2, &block(&[(":status", "204")])),
    ]
    .concat();
    let lines = told(&[(ToServer, &client), (ToClient, &server)]);
    assert!(lines.contains(&"http2 2 > http.uri /pushed".to_owned()), "{lines:#?}");
    assert!(lines.contains(&"http2 2 < http.stat_code 204".to_owned()));
    assert_eq!(lines.iter().filter(|line| line.starts_with("http2 2") && line.ends_with("level 5")).count(), 2);
}

#[test]
fn streams_are_bounded_and_the_oldest_goes() {
    let mut client = preface();
    for number in 0..u32::from(MOST_STREAMS) + 5 {
        client.extend(frame(kind::HEADERS, flag::END_HEADERS, 2 * number + 1, &block(&[(":path", "/")])));
    }
    let lines = talk_cut(AppSettings::default(), &[(ToServer, &client)], usize::MAX);
    assert_eq!(values(&lines, "(event)"), ["too_many_streams"; 5]);
}

#[test]
fn a_small_block_that_stands_for_megabytes_is_given_up_early() {
    // An entry as large as the table, then referred to by a byte each.
    let mut large = vec![0x40, 1, b'a', 127];
    large.extend([0x80 | 33, 30]);
    large.extend(vec![b'x'; 4_000]);
    let mut client = preface();
    client.extend(frame(kind::HEADERS, flag::END_HEADERS, 1, &large));
    for number in 1..50 {
        client.extend(frame(kind::HEADERS, flag::END_HEADERS, 2 * number + 1, &[0xbe; 1_000]));
    }
    let lines = talk_cut(AppSettings::default(), &[(ToServer, &client)], usize::MAX);
    assert_eq!(values(&lines, "(event)"), ["compression_bomb"], "{}", lines.len());
    let told: usize = lines.iter().map(String::len).sum();
    assert!(told < 4 << 20, "{told}");
}

/// Frames of any type, of few streams.
fn any_frames() -> impl Strategy<Value = Vec<(bool, u8, u8, u32, Vec<u8>)>> {
    prop::collection::vec(
        (any::<bool>(), 0_u8..11, any::<u8>(), 0_u32..6, prop::collection::vec(any::<u8>(), 0..60)),
        0..30,
    )
}

/// Sound headers of few streams, that begin them, end them, or come over two frames, and bodies.
fn sound_frames() -> impl Strategy<Value = Vec<(bool, u8, u8, u32, Vec<u8>)>> {
    let headers = block(&[(":method", "POST"), (":path", "/a"), ("host", "a.example")]);
    let one = (any::<bool>(), 0..5_u8, any::<bool>(), 0_u32..6, prop::collection::vec(any::<u8>(), 0..60)).prop_map(
        move |(to_server, what, ends, stream, body)| {
            let end = if ends { flag::END } else { 0 };
            let (kind, flags, payload) = match what {
                0 | 1 => (kind::DATA, end, body),
                2 => (kind::PRIORITY, 0, vec![0; 5]),
                3 => (kind::WINDOW_UPDATE, 0, vec![0, 0, 0, 1]),
                _ => (kind::HEADERS, end | flag::END_HEADERS, headers.clone()),
            };
            (to_server, kind, flags, stream, payload)
        },
    );
    prop::collection::vec(one, 0..30)
}

proptest! {
    #[test]
    fn any_frames_are_read_without_harm_and_the_same_in_pieces(
        frames in prop_oneof![any_frames(), sound_frames()],
        damage in prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
        sizes in prop::collection::vec(1..200_usize, 1..20),
        in_turn: bool,
    ) {
        // In turn, as the frames stand; else all of the client and then all of the server.
        let mut said = vec![(ToServer, preface()), (ToClient, frame(kind::SETTINGS, 0, 0, b""))];
        for (to_server, kind, flags, stream, payload) in frames {
            said.push((if to_server { ToServer } else { ToClient }, frame(kind, flags, stream, &payload)));
        }
        if !in_turn {
            said.sort_by_key(|(way, _)| *way == ToClient);
            said = said.chunk_by(|one, other| one.0 == other.0).map(|all| (all[0].0, all.iter().flat_map(|(_, bytes)| bytes.clone()).collect())).collect();
        }
        if let Some((at, byte)) = damage {
            let client = &mut said[0].1;
            let at = at.index(client.len() - 24) + 24;
            client[at] = byte;
        }
        let said: Vec<_> = said.iter().map(|(way, bytes)| (*way, &bytes[..])).collect();
        let whole = told(&said);
        prop_assert_eq!(talk_pieces(AppSettings::default(), &said, &sizes), whole);
    }
}

const QUESTION: &[u8] = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";

#[test]
fn messages_of_dns_in_bodies_and_addresses_are_transactions_of_their_own() {
    let post = [(":method", "POST"), (":path", "/dns-query"), ("content-type", "application/dns-message")];
    let get = [(":method", "GET"), (":path", "/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB")];
    let answer: &[u8] = b"\0\0\x81\x80\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
    let client = [
        preface(),
        frame(kind::HEADERS, flag::END_HEADERS, 1, &block(&post)),
        frame(kind::DATA, flag::END, 1, QUESTION),
        frame(kind::HEADERS, flag::END | flag::END_HEADERS, 3, &block(&get)),
    ]
    .concat();
    let server = [
        frame(kind::SETTINGS, flag::END, 0, b""),
        frame(
            kind::HEADERS,
            flag::END_HEADERS,
            1,
            &block(&[(":status", "200"), ("content-type", "application/dns-message")]),
        ),
        frame(kind::DATA, flag::END, 1, answer),
    ]
    .concat();
    let lines = told(&[(ToServer, &client), (ToClient, &server)]);
    assert_eq!(values(&lines, "dns.query"), ["www.example.com"; 2]);
    assert_eq!(values(&lines, "dns.queries.rrname"), ["www.example.com"; 3]);
    assert!(lines.iter().any(|line| line.starts_with("dns ")) && lines.iter().any(|line| line.starts_with("http2 ")));
}

#[test]
fn what_is_not_said_to_be_dns_or_not_whole_is_not_read_as_dns() {
    let post = [(":method", "POST"), (":path", "/dns-query"), ("content-type", "text/plain")];
    let other = [(":method", "GET"), (":path", "/other?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB")];
    let cut = [(":method", "POST"), (":path", "/dns-query"), ("content-type", "application/dns-message")];
    let client = [
        preface(),
        frame(kind::HEADERS, flag::END_HEADERS, 1, &block(&post)),
        frame(kind::DATA, flag::END, 1, QUESTION),
        frame(kind::HEADERS, flag::END | flag::END_HEADERS, 3, &block(&other)),
        frame(kind::HEADERS, flag::END_HEADERS, 5, &block(&cut)),
        frame(kind::DATA, 0, 5, &QUESTION[..20]),
    ]
    .concat();
    let lines = told(&[(ToServer, &client)]);
    assert!(!lines.iter().any(|line| line.starts_with("dns ")), "{lines:?}");
}

/// Seconds that `client` takes, in one piece.
#[expect(clippy::disallowed_methods, reason = "measures time")]
fn seconds(client: &[u8]) -> f64 {
    let begin = std::time::Instant::now();
    talk_cut(AppSettings::default(), &[(ToServer, client)], usize::MAX);
    begin.elapsed().as_secs_f64()
}

/// Told by a reader: 45 kB took 20 seconds.
#[test]
fn what_is_wrong_again_with_each_frame_is_not_looked_for_among_all_headers() {
    let client = |headers: usize| {
        let block = [&b"\x82".repeat(headers)[..], &request()].concat();
        let wrong = frame(kind::PRIORITY, 0, 1, b"").repeat(5_000);
        [preface(), frame(kind::HEADERS, flag::END_HEADERS, 1, &block), wrong].concat()
    };
    let (few, many) = (client(10), client(15_000));
    assert_eq!(
        values(&talk_cut(AppSettings::default(), &[(ToServer, &few)], usize::MAX), "(event)"),
        ["invalid_frame_length"]
    );
    assert!(seconds(&many) < 5.0 * seconds(&few) + 3.0, "the frames cost more the more headers are in front of them");
}

#[test]
fn a_host_named_again_and_again_is_not_looked_for_among_all_headers() {
    // A method, then a host, each as often again by a byte.
    let client = |count: usize| {
        let block = [&b"\x82".repeat(count)[..], b"\x66\x01x", &b"\xbe".repeat(count)].concat();
        [preface(), frame(kind::HEADERS, flag::END_HEADERS, 1, &block)].concat()
    };
    let told = talk_cut(AppSettings::default(), &[(ToServer, &client(10))], usize::MAX);
    assert_eq!(values(&told, "http.host"), ["x"]);
    assert!(values(&told, "(event)").is_empty());
    assert!(seconds(&client(10_000)) < 30.0 * seconds(&client(1_000)) + 1.0);
}

fn get(stream: u32, path: &str) -> Vec<u8> {
    let block = block(&[(":method", "GET"), (":path", path)]);
    frame(kind::HEADERS, flag::END | flag::END_HEADERS, stream, &block)
}

fn answer(stream: u32, body: &[u8]) -> Vec<u8> {
    let head = frame(kind::HEADERS, flag::END_HEADERS, stream, &block(&[(":status", "200")]));
    [head, frame(kind::DATA, flag::END, stream, body)].concat()
}

#[test]
fn frames_that_may_not_begin_a_stream_hide_no_lower_one() {
    const HIGH: u32 = 0x7fff_ffff;
    for (kind, payload, is_wrong) in [
        (kind::PRIORITY, &[0, 0, 0, 0, 15][..], false),
        (kind::WINDOW_UPDATE, &[0, 0, 0, 1], true),
        (kind::RST_STREAM, &[0, 0, 0, 8], true),
        (kind::DATA, b"early", true),
        (kind::HEADERS, &block(&[(":status", "200")]), true),
    ] {
        let early = frame(kind, flag::END_HEADERS, HIGH, payload);
        let events: &[&str] = if is_wrong { &["invalid_frame_header"] } else { &[] };
        let of_server = told(&[
            (ToServer, &preface()),
            (ToClient, &[&frame(kind::SETTINGS, 0, 0, b"")[..], &early].concat()),
            (ToServer, &get(1, "/evil")),
            (ToClient, &answer(1, b"EVIL")),
        ]);
        assert_eq!(values(&of_server, "http.uri"), ["/evil"], "{kind}");
        assert!(of_server.iter().any(|line| line.ends_with(" EVIL")), "{kind} {of_server:#?}");
        assert_eq!(values(&of_server, "(event)"), events, "{kind}");
        // Of the client, headers begin the stream: what is below counts as over, as it does at the server.
        if kind != kind::HEADERS {
            let of_client = told(&[(ToServer, &[&preface()[..], &early, &get(1, "/evil")].concat())]);
            assert_eq!(values(&of_client, "http.uri"), ["/evil"], "{kind}");
            assert_eq!(values(&of_client, "(event)"), events, "{kind}");
        }
    }
}

#[test]
fn a_weight_in_front_of_a_request_is_told_with_it() {
    let weight = frame(kind::PRIORITY, 0, 3, &[0, 0, 0, 0, 15]);
    let lines = told(&[(ToServer, &[preface(), weight, get(3, "/a")].concat())]);
    for line in ["http2 1 > http2.priority 15", "http2 1 > http.uri /a"] {
        assert!(lines.contains(&line.to_owned()), "{line} {lines:#?}");
    }
    assert!(values(&lines, "(event)").is_empty());
}

#[test]
fn strays_of_the_server_push_out_no_stream_of_the_client() {
    let client = [preface(), get(1, "/a")].concat();
    let mut server = frame(kind::SETTINGS, flag::END, 0, b"");
    for number in 1..2 * u32::from(MOST_STREAMS) {
        server.extend(frame(kind::HEADERS, flag::END_HEADERS, 2 * number + 1, &block(&[(":status", "200")])));
    }
    server.extend(answer(1, b"EVIL"));
    let lines = talk_cut(AppSettings::default(), &[(ToServer, &client), (ToClient, &server)], usize::MAX);
    assert!(lines.iter().any(|line| line.starts_with("http2 1 < http.response_body") && line.ends_with("EVIL")));
}

#[test]
fn a_promise_that_may_not_be_ends_no_upload() {
    let head = frame(kind::HEADERS, flag::END_HEADERS, 1, &block(&[(":method", "POST"), (":path", "/up")]));
    let promise = |stream: u32| {
        let block = [&stream.to_be_bytes()[..], &block(&[(":method", "GET"), (":path", "/pushed")])].concat();
        frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &block)
    };
    for (promised, event) in [(1, "invalid_frame_header"), (3, "invalid_frame_header")] {
        let lines = told(&[
            (ToServer, &[&preface()[..], &head].concat()),
            (ToClient, &[&frame(kind::SETTINGS, flag::END, 0, b"")[..], &promise(promised)].concat()),
            (ToServer, &[frame(kind::DATA, flag::END, 1, b"EVIL"), get(3, "/next")].concat()),
        ]);
        assert!(lines.iter().any(|line| line.contains("http.request_body") && line.ends_with("EVIL")), "{lines:#?}");
        assert_eq!(values(&lines, "http.uri"), ["/up", "/next"]);
        assert_eq!(values(&lines, "(event)"), [event]);
    }
    let twice = [&frame(kind::SETTINGS, flag::END, 0, b"")[..], &promise(2), &promise(2)].concat();
    let lines = told(&[(ToServer, &[&preface()[..], &head].concat()), (ToClient, &twice)]);
    assert_eq!(values(&lines, "(event)"), ["stream_id_reuse"]);
}

#[test]
fn what_is_promised_or_answered_is_sound_though_the_other_end_was_not_heard() {
    // Alone, behind an upgrade, or when the client's bytes were lost.
    let server = [frame(kind::SETTINGS, 0, 0, b""), answer(1, b"one"), answer(3, b"three")].concat();
    let alone = told(&[(ToClient, &server)]);
    let lost = told(&[(ToServer, &preface()), (ToServer, b""), (ToClient, &server)]);
    for lines in [alone, lost] {
        assert_eq!(values(&lines, "http.stat_code"), ["200"; 2]);
        assert!(values(&lines, "(event)").is_empty(), "{lines:#?}");
    }
}

#[test]
fn a_hole_that_ends_with_its_frame_hides_nothing_behind_it() {
    let client = [preface(), get(1, "/a"), get(3, "/b")].concat();
    let settings = frame(kind::SETTINGS, flag::END, 0, b"");
    let head = frame(kind::HEADERS, flag::END_HEADERS, 1, &block(&[(":status", "200")]));
    let data = |flags: u8| [&[0, 0, 150, kind::DATA, flags, 0, 0, 0, 1][..], &[b'a'; 50]].concat();
    // A body whose last 100 bytes are lost; with 50 of padding among them; with nothing but padding.
    let padded = |padding: u8| {
        let mut bytes = data(flag::PADDED);
        bytes[9] = padding;
        bytes
    };
    for (front, total) in [(data(0), 154), (padded(50), 103), (padded(100), 53)] {
        let server = [&settings[..], &head, &front].concat();
        let behind = [frame(kind::DATA, flag::END, 1, b"more"), answer(3, b"EVIL")].concat();
        let lines = told(&[(ToServer, &client), (ToClient, &server), (ToClient, b""), (ToClient, &behind)]);
        let lengths: Vec<_> = lines.iter().filter(|line| line.contains("< (http.length)")).cloned().collect();
        assert_eq!(lengths, [format!("http2 1 < (http.length) {total}"), "http2 2 < (http.length) 4".to_owned()]);
        assert!(lines.iter().any(|line| line.ends_with(" EVIL")), "{lines:#?}");
    }
    // It ends the stream, and ends with a frame that nobody reads.
    let last = [&settings[..], &head, &data(flag::END)].concat();
    let other = [&settings[..], &answer(1, b"x"), &[0, 0, 100, 0x20, 0, 0, 0, 0, 0]].concat();
    for (server, total) in [(last, 150), (other, 1)] {
        let lines = told(&[(ToServer, &client), (ToClient, &server), (ToClient, b""), (ToClient, &answer(3, b"EVIL"))]);
        assert!(lines.contains(&format!("http2 1 < (http.length) {total}")), "{lines:#?}");
        assert!(lines.contains(&"http2 1 < level 5".to_owned()));
        assert!(lines.iter().any(|line| line.ends_with(" EVIL")), "{lines:#?}");
    }
    // One byte more, and where frames begin is not known.
    let server = [&settings[..], &head, &[0, 0, 149, kind::DATA, 0, 0, 0, 0, 1], &[b'a'; 50]].concat();
    let lines = told(&[(ToServer, &client), (ToClient, &server), (ToClient, b""), (ToClient, &answer(3, b"EVIL"))]);
    assert!(!lines.iter().any(|line| line.ends_with(" EVIL")));
}

#[test]
fn a_message_of_dns_is_read_though_trailers_over_two_frames_end_it() {
    let post = [(":method", "POST"), (":path", "/dns-query"), ("content-type", "application/dns-message")];
    let trailer = block(&[("x", "y")]);
    let client = [
        preface(),
        frame(kind::HEADERS, flag::END_HEADERS, 1, &block(&post)),
        frame(kind::DATA, 0, 1, QUESTION),
        frame(kind::HEADERS, flag::END, 1, &trailer[..2]),
        frame(kind::CONTINUATION, flag::END_HEADERS, 1, &trailer[2..]),
    ]
    .concat();
    assert_eq!(values(&told(&[(ToServer, &client)]), "dns.query"), ["www.example.com"]);
}

/// Of each stream its number, address, code and body.
fn streams_of(lines: &[String]) -> Vec<[String; 4]> {
    let mut all = std::collections::BTreeMap::<&str, [String; 4]>::new();
    for line in lines {
        let mut words = line.splitn(5, ' ');
        let (Some("http2"), Some(number), Some(_), Some(field)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let rest = words.next().unwrap_or_default();
        let place = ["(http2.stream_id)", "http.uri", "http.stat_code", "http.response_body"];
        if let Some(at) = place.iter().position(|name| *name == field) {
            all.entry(number).or_default()[at] = rest.rsplit(' ').next().unwrap_or_default().to_owned();
        }
    }
    let mut all: Vec<_> = all.into_values().filter(|stream| stream[0] != "0").collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However the ends take turns, and in whatever order the server answers.
    #[test]
    fn requests_and_responses_are_joined_in_any_order(
        mut order in Just((0..40_u32).map(|at| 2 * at + 1).collect::<Vec<_>>()).prop_shuffle(),
        turns in prop::collection::vec(any::<bool>(), 80),
        count in 1..40_usize,
    ) {
        order.retain(|id| (*id as usize) < 2 * count);
        let mut client = (0..count as u32).map(|at| get(2 * at + 1, &format!("/{at}"))).peekable();
        let mut server = order.iter().map(|id| answer(*id, format!("body{id}").as_bytes())).peekable();
        let mut said = vec![(ToServer, preface()), (ToClient, frame(kind::SETTINGS, flag::END, 0, b""))];
        for to_server in turns {
            said.extend(if to_server { client.next().map(|bytes| (ToServer, bytes)) } else { server.next().map(|bytes| (ToClient, bytes)) });
        }
        said.extend(client.map(|bytes| (ToServer, bytes)));
        said.extend(server.map(|bytes| (ToClient, bytes)));
        let said: Vec<_> = said.iter().map(|(way, bytes)| (*way, &bytes[..])).collect();
        let mut wanted: Vec<_> = (0..count).map(|at| [(2 * at + 1).to_string(), format!("/{at}"), "200".to_owned(), format!("body{}", 2 * at + 1)]).collect();
        wanted.sort();
        prop_assert_eq!(streams_of(&told(&said)), wanted);
    }
}
