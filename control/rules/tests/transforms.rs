//! What is made of a buffer before it is looked at: transforms, `base64_decode`, and `entropy` and `absent` over it. Each hit has a silent twin.
//!
//! Source: the public rule documentation of the reference engine, "Transformations", "Base64 keywords", "Payload Keywords".
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Family, Frame, Session, hits, is_accepted};

/// `options` in a UDP rule over payloads of both IP versions, and over an established TCP connection.
#[track_caller]
fn payloads(options: &str, hit: &[&[u8]], silent: &[&[u8]]) {
    let rule = |protocol: &str| format!("alert {protocol} any any -> any any ({options} sid:1;)");
    for (payload, expected) in hit.iter().map(|p| (p, true)).chain(silent.iter().map(|p| (p, false))) {
        for family in BOTH {
            assert_eq!(hits(&rule("udp"), &Frame::new(family).udp(payload)), expected, "{options} over {payload:02x?}");
        }
        if !payload.is_empty() {
            let (mut engine, mut session) = Session::opened(&rule("tcp"), Family::V4);
            let said = !engine.feed(&session.client_sends(payload)).is_empty();
            assert_eq!(said, expected, "{options} over {payload:02x?} in TCP");
        }
    }
}

#[test]
fn contents_look_at_what_transforms_leave() {
    payloads("pkt_data; dotprefix; content:\".evil\"; startswith;", &[b"evil.com"], &[b".evil", b"devil"]);
    payloads("pkt_data; strip_whitespace; content:\"abcd\";", &[b"a b\r\ncd", b"abcd"], &[b"a b-cd", b"  "]);
    payloads("pkt_data; compress_whitespace; content:\"a b\";", &[b"a \t\n b", b"a\tb"], &[b"ab"]);
    payloads("pkt_data; to_lowercase; content:\"abcd\";", &[b"aBCd"], &[b"aBC"]);
    payloads("pkt_data; to_uppercase; content:\"ABCD\";", &[b"aBCd"], &[b"aBC"]);
    payloads("pkt_data; url_decode; content:\"a/b c\";", &[b"a%2fb+c", b"a/b%20c"], &[b"a%2gb+c"]);
    payloads("pkt_data; header_lowercase; content:\"host: A\";", &[b"HOST: A"], &[b"HOST: a"]);
    payloads(
        "pkt_data; strip_pseudo_headers; content:\"host\"; startswith;",
        &[b":m: GET\nhost: a"],
        &[b"x: y\nhost: a"],
    );
}

#[test]
fn transforms_follow_one_another_and_a_plain_content_sees_the_plain_buffer() {
    let options = "content:\"%41\"; pkt_data; url_decode; strip_whitespace; to_lowercase; content:\"abc\"; bsize:3;";
    payloads(options, &[b"%41 B c"], &[b"A B c", b"%41 B cd"]);
    payloads("pkt_data; content:\"A\"; to_lowercase; content:\"a\"; startswith;", &[b"A"], &[b"a"]);
}

#[test]
fn digests_are_compared_as_raw_bytes() {
    payloads(
        "pkt_data; to_md5; content:\"|90 01 50 98 3c d2 4f b0 d6 96 3f 7d 28 e1 7f 72|\"; bsize:16;",
        &[b"abc"],
        &[b"abd", b"ABC"],
    );
    payloads("pkt_data; to_sha1; content:\"|a9 99 3e 36|\"; startswith; bsize:20;", &[b"abc"], &[b"abd"]);
    payloads("pkt_data; to_sha256; content:\"|ba 78 16 bf|\"; startswith; bsize:32;", &[b"abc"], &[b"abd"]);
}

#[test]
fn xor_uses_a_key_of_the_rule_or_of_the_buffer() {
    payloads("pkt_data; xor:\"20\"; content:\"ABC\";", &[b"abc"], &[b"ABC"]);
    payloads("pkt_data; xor:offset 1, \"20\"; content:\"aBC\";", &[b"abc"], &[b"ABC"]);
    payloads("pkt_data; xor:offset 1, extract 1 0; content:\"BC\";", &[b" bc"], &[b"!bc", b"xBC"]);
    payloads("pkt_data; xor:extract 1 200; content:\"abc\";", &[b"abc"], &[b"abd"]);
}

#[test]
fn an_expression_cuts_out_its_first_group() {
    payloads(
        "pkt_data; pcrexform:\"user=(\\w+)\"; content:\"ab\"; startswith; endswith;",
        &[b"x user=ab;"],
        &[b"user=abc", b"user"],
    );
    assert!(!is_accepted("alert udp any any -> any any (pkt_data; pcrexform:\"user=\"; content:\"ab\"; sid:1;)"));
}

#[test]
fn base64_is_decoded_as_strictly_as_asked() {
    let rule = |mode: &str| format!("pkt_data; from_base64:offset 2, mode {mode}; content:\"foobar\";");
    payloads(&rule("rfc2045"), &[b"x=Zm9vYmFy", b"x=Zm 9v Ym Fy"], &[b"x=Zm9vYmFz"]);
    payloads(&rule("rfc4648"), &[b"x=Zm9vYmFy", b"x=Zm9vYmFy!!"], &[b"x=Zm 9v Ym Fy"]);
    payloads(&rule("strict"), &[b"x=Zm9vYmFy"], &[b"x=Zm9vYmFy!!", b"x=Zm 9v Ym Fy"]);
    payloads("pkt_data; from_base64:bytes 4; content:\"foo\"; endswith;", &[b"Zm9vYmFy"], &[b"Zm9uYmFy"]);
}

/// gzip of a stored block.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u16).to_le_bytes();
    let not = (!(bytes.len() as u16)).to_le_bytes();
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1][..], &length, &not, bytes, &[0; 8]].concat()
}

#[test]
fn packed_bytes_are_unpacked_up_to_the_limit() {
    let (good, bad) = (gzip(b"This is evil"), gzip(b"This is good"));
    payloads("pkt_data; gunzip; content:\"evil\"; endswith;", &[&good], &[&bad, b"evil", &good[..12]]);
    payloads(
        "pkt_data; gunzip:max-size 8; content:\"This is \"; startswith; endswith;",
        &[&good, &bad],
        &[b"This is "],
    );
    payloads("pkt_data; gunzip:max-size 8; content:!\"evil\"; bsize:8;", &[&good], &[b"evil"]);
    let zlib = [&[0x78, 1][..], &good[10..good.len() - 8], &[0x1e, 0x4f, 0x04, 0x5b]].concat();
    payloads("pkt_data; zlib_deflate; content:\"evil\";", &[&zlib], &[b"evil", &zlib[1..]]);
}

#[test]
fn parts_of_a_buffer_may_be_empty_and_are_still_looked_at() {
    payloads("pkt_data; subslice:1,-1; content:\"bc\"; startswith; endswith;", &[b"abcd"], &[b"bcd", b"abc"]);
    payloads("pkt_data; subslice:-2; content:\"cd\"; startswith;", &[b"abcd", b"cd"], &[b"abc", b"d"]);
    payloads("pkt_data; subslice:9,2; bsize:0;", &[b"abcd"], &[b"abcdefghijk", b""]);
}

#[test]
fn headers_can_be_transformed_too() {
    for family in BOTH {
        let rule = "alert udp any any -> any any (udp.hdr; subslice:0,2; content:\"|9c 40|\"; bsize:2; sid:1;)";
        let frame = Frame::new(family);
        assert!(hits(rule, &frame.udp(b"")) && !hits(rule, &Frame { ports: (40_001, 80), ..frame.clone() }.udp(b"")));
        let rule =
            "alert tcp any any -> any any (tcp.hdr; xor:offset 0,\"ffff\"; content:\"|63 bf|\"; startswith; sid:1;)";
        assert!(hits(rule, &frame.tcp(b"")) && !hits(rule, &frame.back().tcp(b"")));
        let rule = "alert icmp any any -> any any (icmpv4.hdr; to_md5; bsize:16; sid:1;)";
        assert_eq!(hits(rule, &frame.ping(b"")), family == Family::V4);
    }
    let rule = "alert ip any any -> any any (ip.src; to_sha256; content:\"|aa|\"; sid:1;)";
    let said: Vec<bool> =
        (0..40).map(|source| hits(rule, &Frame { source, ..Frame::new(Family::V6) }.udp(b""))).collect();
    assert!(said.contains(&true) && said.contains(&false));
}

#[test]
fn base64_decode_gives_what_base64_data_looks_at() {
    let options = "content:\"key=\"; base64_decode:relative; base64_data; content:\"evil\";";
    // "an evil thing"
    payloads(
        options,
        &[b"key=YW4gZXZpbCB0aGluZw==", b"key=x key=YW4gZXZpbCB0aGluZw=="],
        &[b"YW4gZXZpbCB0aGluZw==", b"key=evil", b"key="],
    );
    let options = "base64_decode:bytes 8, offset 2; base64_data; content:\"an evi\"; startswith; endswith;";
    payloads(options, &[b"..YW4gZXZpbCB0aGluZw=="], &[b"YW4gZXZpbCB0aGluZw=="]);
    payloads("base64_decode; base64_data; content:!\"evil\";", &[b"YW4="], &[b"ZXZpbA==", b"!", b""]);
    payloads(
        "base64_decode; base64_data; content:\"ab\"; content:\"cd\"; distance:1; pcre:\"/e$/R\";",
        &[b"YWIgY2Rl"],
        &[b"YWJjZGU="],
    );
    payloads("base64_decode; base64_data; content:\"evil\"; pkt_data; content:\"==\";", &[b"ZXZpbA=="], &[b"ZXZpbA"]);
    payloads(
        "pkt_data; url_decode; content:\"k=\"; base64_decode:relative; base64_data; content:\"evil\";",
        &[b"k=ZXZ%70bA"],
        &[b"k=ZXZ%71bA"],
    );
}

#[test]
fn text_that_decodes_to_something_else_before_does_not_hide_what_follows() {
    let options = "content:\"key=\"; base64_decode:relative; base64_data; content:\"evil\";";
    // "aaaa", then "evil"
    payloads(
        options,
        &[b"key=YWFhYQ== key=ZXZpbA==", b"key=YWFhYQ==key=YQ==key=ZXZpbA=="],
        &[b"key=YWFhYQ== key=YWFhYQ=="],
    );
}

#[test]
fn a_second_decoder_in_a_rule_is_refused_by_name() {
    for options in [
        "base64_decode; base64_data; content:\"a\"; pkt_data; base64_decode:offset 1;",
        "base64_decode; base64_data; base64_decode; content:\"a\";",
        "base64_decode; base64_data; to_md5; content:\"a\";",
    ] {
        assert!(!is_accepted(&format!("alert udp any any -> any any ({options} sid:1;)")), "{options}");
    }
}

#[test]
fn entropy_is_compared_with_its_bounds() {
    payloads("entropy:value > 1.9;", &[b"abcd", b"aabbccdd"], &[b"abab", b"aaaa", b""]);
    payloads("entropy:value = 2;", &[b"abcd"], &[b"abcde"]);
    payloads("entropy:value 1-2;", &[b"abc"], &[b"abab", b"abcd"]);
    payloads("entropy:value !1-2;", &[b"abab", b"abcdefgh"], &[b"abc"]);
    payloads("entropy:offset 2, bytes 4, value <= 0;", &[b"abzzzzcd"], &[b"abzzzxcd", b"ab"]);
    payloads("entropy:value != 2;", &[b"abab"], &[b"abcd"]);
    payloads("pkt_data; strip_whitespace; entropy:value = 0;", &[b"a a\na"], &[b"a b"]);
}

#[test]
fn absent_asks_for_no_such_buffer() {
    let only = "alert ip any any -> any any (udp.hdr; absent; sid:1;)";
    let or_else = "alert ip any any -> any any (udp.hdr; absent:or_else; content:\"|00 50|\"; sid:1;)";
    for family in BOTH {
        let frame = Frame::new(family);
        assert!(hits(only, &frame.tcp(b"")) && !hits(only, &frame.udp(b"")));
        assert!(hits(or_else, &frame.tcp(b"")) && hits(or_else, &frame.udp(b"")));
        assert!(!hits(or_else, &Frame { ports: (40_000, 81), ..frame }.udp(b"")));
    }
}

#[test]
fn each_packet_is_transformed_anew_and_once_for_all_rules() {
    let mut engine = Engine::new(
        "alert udp any any -> any any (pkt_data; to_lowercase; content:\"abcd\"; sid:1;)\n\
         alert udp any any -> any any (pkt_data; to_lowercase; content:\"efgh\"; sid:2;)\n\
         alert udp any any -> any any (pkt_data; to_uppercase; content:\"ABCD\"; sid:3;)\n",
    );
    let frame = Frame::new(Family::V4);
    assert_eq!(engine.feed(&frame.udp(b"AbCd")), [1, 3]);
    assert_eq!(engine.feed(&frame.udp(b"eFgH")), [2]);
    assert_eq!(engine.feed(&frame.udp(b"nothing")), [0; 0]);
}

#[test]
fn hostile_buffers_are_cut_and_counted() {
    let rules = [
        "dotprefix",
        "strip_whitespace",
        "compress_whitespace",
        "url_decode",
        "to_md5",
        "header_lowercase",
        "strip_pseudo_headers",
        "gunzip:max-size 16777216",
        "zlib_deflate:max-size 16777216",
        "from_base64:mode rfc2045",
        "xor:extract 3 1",
        "subslice:1,-1",
        "pcrexform:\"(a+)+$\"",
    ]
    .iter()
    .enumerate()
    .map(|(number, transform)| {
        format!(
            "alert udp any any -> any any (pkt_data; {transform}; content:!\"nowhere\"; entropy:value >= 0; sid:{};)\n",
            number + 1
        )
    })
    .collect::<String>()
        + "alert udp any any -> any any (base64_decode; base64_data; content:!\"nowhere\"; sid:90;)\n";
    let mut engine = Engine::new(&rules);
    for family in BOTH {
        for byte in [0, b'a', b' ', b'%', b':', 0xff] {
            // The largest datagram of this family's builder.
            engine.feed(&Frame::new(family).udp(&vec![byte; 65_000]));
        }
        engine.feed(&Frame::new(family).udp(b""));
        engine.feed(&Frame::new(family).udp(b"\x1f\x8b\x08"));
    }
    assert_eq!(engine.pipeline.counters.decoder_pkts, 16);
    let counters = &engine.pipeline.counters;
    assert!(counters.detect_transform_again > 0 && counters.detect_alert > 100, "{counters:?}");
}
