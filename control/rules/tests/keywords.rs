//! One test per keyword, by somebody who did not write the engine: each hit has a twin that must stay silent.
//!
//! Source: the public rule documentation of the reference engine.
#![allow(clippy::cloned_ref_to_slice_refs, reason = "lists of one read like the longer ones beside them")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{ACK, BOTH, Engine, FIN, Family, Frame, RST, SYN, Session, Setup, hits};

/// `options` in a UDP rule over payloads of both IP versions: which match.
#[track_caller]
fn udp(options: &str, hit: &[&[u8]], silent: &[&[u8]]) {
    let rule = format!("alert udp any any -> any any ({options} sid:1;)");
    for family in BOTH {
        for payload in hit {
            assert!(hits(&rule, &Frame::new(family).udp(payload)), "{options} over {payload:02x?}, {family:?}");
        }
        for payload in silent {
            assert!(!hits(&rule, &Frame::new(family).udp(payload)), "{options} over {payload:02x?}, {family:?}");
        }
    }
    // Both directions of an established TCP connection.
    let rule = format!("alert tcp any any -> any any ({options} sid:1;)");
    for (payload, expected) in hit.iter().map(|p| (p, true)).chain(silent.iter().map(|p| (p, false))) {
        if payload.is_empty() {
            continue;
        }
        let (mut engine, mut session) = Session::opened(&rule, Family::V4);
        assert_eq!(
            engine.feed(&session.client_sends(payload)).is_empty(),
            !expected,
            "{options} to server: {payload:02x?}"
        );
        assert_eq!(
            engine.feed(&session.server_sends(payload)).is_empty(),
            !expected,
            "{options} to client: {payload:02x?}"
        );
    }
}

/// A rule over frames: which match.
#[track_caller]
fn frames(rule: &str, hit: &[Vec<u8>], silent: &[Vec<u8>]) {
    for (number, frame) in hit.iter().enumerate() {
        assert!(hits(rule, frame), "{rule} is silent about frame {number}");
    }
    for (number, frame) in silent.iter().enumerate() {
        assert!(!hits(rule, frame), "{rule} speaks about frame {number}");
    }
}

fn v4() -> Frame {
    Frame::new(Family::V4)
}

fn v6() -> Frame {
    Frame::new(Family::V6)
}

#[test]
fn content_is_found_anywhere_and_only_as_written() {
    udp("content:\"abcd\";", &[b"abcd", b"xxabcdxx"], &[b"abc", b"ABCD", b"ab cd", b""]);
    udp("content:\"a|00 ff|b\";", &[b"\0a\x00\xffb"], &[b"a\x00\xfeb"]);
    udp("content:\"a\";", &[b"xa"], &[b"x"]);
    udp("content:\"a|3b 22 5c 3a|b\";", &[b"a;\"\\:b"], &[b"a;b"]);
}

#[test]
fn negated_content_must_be_absent() {
    udp("content:\"abcd\"; content:!\"efgh\";", &[b"abcd efg"], &[b"abcd efgh", b"efghabcd"]);
}

#[test]
fn nocase_ignores_case_of_letters_only() {
    udp("content:\"AbC@\"; nocase;", &[b"aBc@", b"ABC@"], &[b"ABC`", b"ab"]);
}

#[test]
fn offset_and_depth_bound_a_content() {
    udp("content:\"abcd\"; offset:2;", &[b"xxabcd", b"abcdabcd"], &[b"xabcd"]);
    udp("content:\"abcd\"; depth:4;", &[b"abcdx"], &[b"xabcd"]);
    udp("content:\"abcd\"; offset:1; depth:5;", &[b"xabcd", b"xxabcd"], &[b"abcd", b"xxxabcd"]);
    udp("content:\"xyzzy\"; content:!\"abcd\"; depth:4;", &[b"xabcd xyzzy"], &[b"abcd xyzzy"]);
}

#[test]
fn startswith_and_endswith_look_at_the_ends() {
    udp("content:\"abcd\"; startswith;", &[b"abcdx"], &[b"xabcd"]);
    udp("content:\"abcd\"; endswith;", &[b"xabcd", b"abcdabcd"], &[b"abcdx"]);
    udp("content:\"abcd\"; startswith; endswith;", &[b"abcd"], &[b"abcdabcd"]);
}

#[test]
fn distance_and_within_count_from_the_match_before() {
    udp("content:\"abcd\"; content:\"ef\"; distance:1;", &[b"abcd-ef", b"abcd--ef"], &[b"abcdef", b"ef-abcd"]);
    udp("content:\"abcd\"; content:\"ef\"; within:3;", &[b"abcdef", b"abcd-ef"], &[b"abcd--ef"]);
    udp("content:\"abcd\"; content:\"ef\"; distance:1; within:2;", &[b"abcd-ef"], &[b"abcdef", b"abcd--ef"]);
    udp("content:\"efgh\"; content:\"ab\"; distance:-6; within:2;", &[b"abefgh"], &[b"ab-efgh"]);
    udp("content:\"ab\"; content:\"cdef\"; distance:0; within:4;", &[b"ab ab abcdef"], &[b"ab ab ab cdef"]);
    udp("content:\"abcd\"; content:!\"ef\"; within:4;", &[b"abcd---ef", b"abcd"], &[b"abcd--ef", b"abcdef"]);
}

#[test]
fn fast_pattern_changes_nothing_but_speed() {
    udp("content:\"abcdef\"; content:\"xyz\"; fast_pattern;", &[b"xyz abcdef"], &[b"abcdef", b"xyz"]);
    udp("content:\"abcdef\"; fast_pattern:1,4;", &[b"abcdef"], &[b"abcdeg"]);
    udp("content:\"AbCdEf\"; nocase; fast_pattern:0,4;", &[b"aBcDeF"], &[b"abcdxx"]);
}

#[test]
fn pcre_matches_bytes_with_its_flags() {
    udp("pcre:\"/a.c/\";", &[b"xabc"], &[b"a\nc", b"ABC"]);
    udp("pcre:\"/a.c/si\";", &[b"A\nC"], &[b"ac"]);
    udp("pcre:\"/^b/m\";", &[b"a\nb"], &[b"ab"]);
    udp("pcre:\"/a b/x\";", &[b"ab"], &[b"a b"]);
    udp("pcre:\"/\\xff\\x00/\";", &[b"\xff\x00"], &[b"\xff\x01"]);
    udp("content:\"abcd\"; pcre:!\"/e+f/\";", &[b"abcd ee"], &[b"abcd eef"]);
}

#[test]
fn anchored_pcre_holds_at_the_start_also_when_it_is_tried_again() {
    udp("pcre:\"/b/A\";", &[b"bc"], &[b"abc"]);
    udp("pcre:\"/./A\"; content:\"c\"; within:1;", &[b"xc"], &[b"xbc"]);
}

#[test]
fn relative_pcre_begins_behind_the_match_before() {
    udp("content:\"abcd\"; pcre:\"/^[0-9]/R\";", &[b"abcd1", b"abcd abcd2"], &[b"1abcd", b"abcd 1"]);
    udp("pcre:\"/[0-9]/\"; content:\"!\"; within:1;", &[b"1 2 3!"], &[b"1 2 3 !"]);
    udp("content:\"abcd\"; pcre:\"/e/R\"; content:\"f\"; distance:0;", &[b"abcdef"], &[b"febabcde"]);
}

#[test]
fn isdataat_counts_from_start_or_match() {
    udp("isdataat:3;", &[b"abcd"], &[b"abc"]);
    udp("isdataat:!3;", &[b"abc"], &[b"abcd"]);
    udp("content:\"abcd\"; isdataat:2,relative;", &[b"abcdef"], &[b"abcde", b"abcd"]);
    udp("content:\"abcd\"; isdataat:!1,relative;", &[b"xabcd"], &[b"abcde"]);
}

#[test]
fn bsize_is_the_length_of_a_buffer() {
    frames("alert udp any any -> any any (udp.hdr; bsize:8; sid:1;)", &[v4().udp(b"x"), v6().udp(b"x")], &[]);
    frames("alert udp any any -> any any (udp.hdr; bsize:>8; sid:1;)", &[], &[v4().udp(b"x")]);
    frames("alert tcp any any -> any any (tcp.hdr; bsize:24; sid:1;)", &[with_mss().tcp(b"")], &[v4().tcp(b"")]);
}

fn with_mss() -> Frame {
    Frame { tcp_options: vec![2, 4, 0x05, 0xb4], flags: SYN, ..v4() }
}

#[test]
fn dsize_is_the_length_of_the_payload() {
    udp("dsize:4;", &[b"abcd"], &[b"abc", b"abcde", b""]);
    udp("dsize:!4;", &[b"abc", b""], &[b"abcd"]);
    udp("dsize:>4;", &[b"abcde"], &[b"abcd"]);
    udp("dsize:<4;", &[b"abc"], &[b"abcd"]);
    udp("dsize:2<>5;", &[b"abc", b"abcd"], &[b"ab", b"abcde"]);
    for family in BOTH {
        frames(
            "alert icmp any any -> any any (dsize:3; sid:1;)",
            &[Frame::new(family).ping(b"abc")],
            &[Frame::new(family).ping(b"ab")],
        );
    }
}

#[test]
fn byte_test_compares_numbers() {
    udp("byte_test:2,=,258,1;", &[&[0, 1, 2]], &[&[0, 2, 1], &[0, 1]]);
    udp("byte_test:2,=,258,1,little;", &[&[0, 2, 1]], &[&[0, 1, 2]]);
    udp("byte_test:1,>,5,0;", &[&[6]], &[&[5]]);
    udp("byte_test:1,<=,5,0;", &[&[5]], &[&[6]]);
    udp("byte_test:1,!=,5,0;", &[&[6]], &[&[5]]);
    udp("byte_test:1,&,0x80,0;", &[&[0x81]], &[&[0x7f]]);
    udp("byte_test:1,!&,0x80,0;", &[&[0x7f]], &[&[0x81]]);
    udp("byte_test:3,=,123,0,string,dec;", &[b"123"], &[b"124", b"abc"]);
    udp("byte_test:4,=,0x1f,0,string,hex;", &[b"001f"], &[b"002f"]);
    udp("content:\"abcd\"; byte_test:1,=,9,1,relative;", &[b"abcd\0\x09"], &[b"abcd\x09\0", b"abcd\0"]);
    udp("byte_test:1,=,0xa,0,bitmask 0xf0;", &[&[0xab]], &[&[0xba]]);
}

#[test]
fn byte_jump_moves_the_cursor() {
    udp("byte_jump:1,0; content:\"ab\"; within:2;", &[b"\x02--ab"], &[b"\x01--ab", b"\x09ab"]);
    udp("byte_jump:1,0,multiplier 2; content:\"ab\"; within:2;", &[b"\x01--ab"], &[b"\x01-ab-"]);
    udp("byte_jump:1,0,align; content:\"ab\"; within:2;", &[b"\x01----ab"], &[b"\x01-ab--"]);
    udp("byte_jump:1,0,from_beginning; content:\"ab\"; within:2;", &[b"\x02-ab"], &[b"\x02ab-"]);
    udp("byte_jump:1,0,from_beginning,post_offset 1; content:\"ab\"; within:2;", &[b"\x01-ab"], &[b"\x01ab-"]);
    udp("content:\"xxxx\"; byte_jump:1,0,relative; content:\"ab\"; within:2;", &[b"xxxx\x01-ab"], &[b"xxxx\x01ab"]);
    udp("byte_jump:1,0,from_end,post_offset -3; content:\"ab\"; within:2;", &[b"\0--abc"], &[b"\0--cab"]);
}

#[test]
fn byte_extract_gives_a_number_to_later_keywords() {
    udp("byte_extract:1,0,n; content:\"abcd\"; offset:n;", &[b"\x02-abcd"], &[b"\x03-abcd"]);
    udp("byte_extract:1,0,n; content:\"abcd\"; depth:n;", &[b"\x05abcd"], &[b"\x04abcd"]);
    udp("byte_extract:1,0,n; byte_test:1,=,n,1;", &[&[7, 7]], &[&[7, 8]]);
    udp("byte_extract:1,0,n; isdataat:n;", &[&[2, 0, 0]], &[&[3, 0, 0]]);
    udp("byte_extract:1,0,n,multiplier 2; byte_test:1,=,n,1;", &[&[2, 4]], &[&[2, 2]]);
    udp("byte_extract:1,0,n,align 4; byte_test:1,=,n,1;", &[&[5, 8]], &[&[5, 5]]);
    udp(
        "content:\"abcd\"; byte_extract:1,0,n,relative; content:\"e\"; distance:n; within:1;",
        &[b"abcd\x01-e"],
        &[b"abcd\x02-e"],
    );
}

#[test]
fn byte_extract_of_the_largest_number_rounds_without_harm() {
    udp("byte_extract:8,0,n,align 4; content:\"abcd\";", &[b"\xff\xff\xff\xff\xff\xff\xff\xffabcd"], &[]);
}

#[test]
fn byte_math_keeps_the_result() {
    for (operation, result) in [("+", 14_u8), ("-", 10), ("*", 24), ("/", 6), ("<<", 48), (">>", 3)] {
        let options = format!("byte_math:bytes 1, offset 0, oper {operation}, rvalue 2, result r; byte_test:1,=,r,1;");
        udp(&options, &[&[12, result]], &[&[12, result + 1]]);
    }
}

#[test]
fn tcp_flags_match_exactly_at_least_any_and_none() {
    let with = |flags| v4().tcp_with(flags);
    frames("alert tcp any any -> any any (flags:S; sid:1;)", &[with(SYN)], &[with(SYN | ACK), with(ACK)]);
    frames("alert tcp any any -> any any (flags:S+; sid:1;)", &[with(SYN | ACK)], &[with(ACK)]);
    frames("alert tcp any any -> any any (flags:*SF; sid:1;)", &[with(SYN), with(FIN | ACK)], &[with(ACK)]);
    frames("alert tcp any any -> any any (flags:!SF; sid:1;)", &[with(ACK)], &[with(SYN), with(FIN | SYN)]);
    frames("alert tcp any any -> any any (flags:0; sid:1;)", &[with(0)], &[with(ACK)]);
    frames("alert tcp any any -> any any (flags:S,CE; sid:1;)", &[with(SYN | 0xc0), with(SYN)], &[with(SYN | ACK)]);
    frames(
        "alert tcp any any -> any any (flags:S; sid:1;)",
        &[Frame { flags: SYN, ..v6() }.tcp(b"")],
        &[v6().udp(b"")],
    );
}

impl Frame {
    fn tcp_with(&self, flags: u8) -> Vec<u8> {
        Frame { flags, ..self.clone() }.tcp(b"")
    }
}

#[test]
fn tcp_numbers_match() {
    let frame = Frame { seq: 77, ack: 88, window: 99, ..v4() };
    for (keyword, right, wrong) in [("seq", 77, 78), ("ack", 88, 87), ("window", 99, 98)] {
        let rule = |number: i32| format!("alert tcp any any -> any any ({keyword}:{number}; sid:1;)");
        assert!(hits(&rule(right), &frame.tcp(b"")), "{keyword}");
        assert!(!hits(&rule(wrong), &frame.tcp(b"")), "{keyword}");
    }
    frames("alert tcp any any -> any any (tcp.mss:<1461; sid:1;)", &[with_mss().tcp(b"")], &[v4().tcp(b"")]);
}

#[test]
fn ip_header_fields_match() {
    let frame = Frame { ttl: 5, tos: 16, id: 321, ..v4() }.udp(b"x");
    let twin = v4().udp(b"x");
    for option in ["ttl:5;", "ttl:<6;", "ttl:4-6;", "tos:16;", "id:321;"] {
        frames(&format!("alert ip any any -> any any ({option} sid:1;)"), &[frame.clone()], &[twin.clone()]);
    }
    let frame = Frame { ttl: 5, ..v6() }.udp(b"x");
    frames("alert ip any any -> any any (ttl:5; sid:1;)", &[frame], &[v6().udp(b"x")]);
    frames("alert ip any any -> any any (id:0; sid:1;)", &[v4().udp(b"")], &[v6().udp(b"")]);
    frames("alert ip any any -> any any (ip_proto:6; sid:1;)", &[v4().tcp(b""), v6().tcp(b"")], &[v4().udp(b"")]);
    frames("alert ip any any -> any any (ip_proto:!6; sid:1;)", &[v4().udp(b"")], &[v4().tcp(b"")]);
    let same = Frame { source: 2, ..v4() };
    frames("alert ip any any -> any any (sameip; sid:1;)", &[same.udp(b"")], &[v4().udp(b"")]);
}

#[test]
fn ip_options_and_fragment_bits_match() {
    let record_route = Frame { options: vec![7, 7, 4, 0, 0, 0, 0], ..v4() }.udp(b"x");
    frames("alert ip any any -> any any (ipopts:rr; sid:1;)", &[record_route.clone()], &[v4().udp(b"x")]);
    frames(
        "alert ip any any -> any any (ipopts:any; sid:1;)",
        &[record_route.clone()],
        &[v4().udp(b"x"), v6().udp(b"x")],
    );
    frames("alert ip any any -> any any (ipopts:lsrr; sid:1;)", &[], &[record_route]);
    let bits = |fragment| Frame { fragment, ..v4() }.udp(b"12345678");
    frames("alert ip any any -> any any (fragbits:D; sid:1;)", &[bits(0x4000)], &[bits(0), bits(0x6000)]);
    frames("alert ip any any -> any any (fragbits:M+; sid:1;)", &[bits(0x2000), bits(0x6000)], &[bits(0x4000)]);
    frames("alert ip any any -> any any (fragbits:!D; sid:1;)", &[bits(0)], &[bits(0x4000)]);
    frames("alert ip any any -> any any (fragbits:*MD; sid:1;)", &[bits(0x2000), bits(0x4000)], &[bits(0)]);
    frames("alert ip any any -> any any (fragoffset:>3; sid:1;)", &[bits(4)], &[bits(3), bits(0)]);
}

#[test]
fn icmp_fields_match() {
    for family in BOTH {
        let (frame, kind) = (Frame::new(family), if family == Family::V4 { 8 } else { 128 });
        let ping = frame.ping(b"abc");
        let other = frame.icmp(kind + 1, 1, [0; 4], b"abc");
        let rule = |options: &str| format!("alert icmp any any -> any any ({options} sid:1;)");
        frames(&rule(&format!("itype:{kind};")), &[ping.clone()], &[other.clone(), frame.udp(b"")]);
        frames(&rule(&format!("itype:>{kind};")), &[other.clone()], &[ping.clone()]);
        frames(&rule("icode:0;"), &[ping.clone()], &[other.clone()]);
        frames(&rule("icmp_id:4660;"), &[ping.clone()], &[other.clone()]);
        frames(&rule("icmp_seq:9;"), &[ping.clone()], &[other]);
        frames(&rule("content:\"abc\";"), &[ping.clone()], &[frame.ping(b"ab")]);
    }
    frames(
        "alert icmpv6 any any -> any any (icmpv6.mtu:<1281; sid:1;)",
        &[v6().icmp(2, 0, [0, 0, 5, 0], &[0; 48])],
        &[v6().ping(b"")],
    );
}

#[test]
fn ports_match_in_lists_ranges_and_negated() {
    let to = |port| Frame { ports: (40_000, port), ..v4() };
    for (ports, hit, silent) in [
        ("80", vec![80], vec![81]),
        ("[80,8080]", vec![80, 8080], vec![81]),
        ("[80:90]", vec![80, 90], vec![79, 91]),
        ("!80", vec![81, 0], vec![80]),
        ("[1:1024,!80]", vec![79], vec![80, 1025]),
        ("1024:", vec![1024, 65535], vec![1023]),
        (":1023", vec![0, 1023], vec![1024]),
        ("$HTTP_PORTS", vec![8080], vec![81]),
    ] {
        // With and without the prefilter, and the other way round.
        for content in ["", "content:\"abcd\";", "content:\"ab\";"] {
            let there = format!("alert udp any any -> any {ports} ({content} sid:1;)");
            let back = format!("alert udp any {ports} -> any any ({content} sid:1;)");
            for (list, expected) in [(&hit, true), (&silent, false)] {
                for &port in list {
                    assert_eq!(hits(&there, &to(port).udp(b"abcd")), expected, "{there} {port}");
                    assert_eq!(hits(&back, &to(port).back().udp(b"abcd")), expected, "{back} {port}");
                }
            }
        }
    }
    assert!(!hits("alert ip any any -> any 80 (sid:1;)", &v4().ping(b"")), "ICMP has no ports");
}

#[test]
fn addresses_match_in_lists_and_negated() {
    for (list, hit) in [
        ("10.0.0.1", [true, false]),
        ("!10.0.0.1", [false, true]),
        ("[10.0.0.0/24,!10.0.0.2]", [true, false]),
        ("$HOME_NET", [true, false]),
        ("fd00::1", [false, true]),
        ("[10.0.0.1,fd00::1]", [true, true]),
        ("fd00::/64", [false, true]),
    ] {
        for content in ["", "content:\"abcd\";"] {
            let rule = format!("alert udp {list} any -> any any ({content} sid:1;)");
            assert_eq!(hits(&rule, &v4().udp(b"abcd")), hit[0], "{rule}");
            if list != "$HOME_NET" {
                assert_eq!(hits(&rule, &v6().udp(b"abcd")), hit[1], "{rule}");
            }
        }
    }
    assert!(!hits("alert udp $EXTERNAL_NET any -> any any (sid:1;)", &v4().udp(b"")));
}

#[test]
fn both_ways_means_both_ways() {
    for content in ["", "content:\"abcd\";"] {
        let one = format!("alert udp 10.0.0.1 any -> 10.0.0.2 80 ({content} sid:1;)");
        let two = format!("alert udp 10.0.0.1 any <> 10.0.0.2 80 ({content} sid:1;)");
        assert!(hits(&one, &v4().udp(b"abcd")) && hits(&two, &v4().udp(b"abcd")));
        assert!(!hits(&one, &v4().back().udp(b"abcd")) && hits(&two, &v4().back().udp(b"abcd")));
        let crossed = Frame { ports: (80, 40_000), ..v4() };
        assert!(!hits(&two, &crossed.udp(b"abcd")), "address and port of one end go together");
    }
}

#[test]
fn protocols_of_the_header_admit_their_packets_only() {
    let all = [v4().tcp(b""), v6().tcp(b""), v4().udp(b""), v6().udp(b""), v4().ping(b""), v6().ping(b"")];
    for (protocol, expected) in [
        ("ip", [true; 6]),
        ("tcp", [true, true, false, false, false, false]),
        ("udp", [false, false, true, true, false, false]),
        ("icmp", [false, false, false, false, true, true]),
        ("icmpv6", [false, false, false, false, false, true]),
        ("pkthdr", [true; 6]),
    ] {
        let rule = format!("alert {protocol} any any -> any any (sid:1;)");
        for (number, frame) in all.iter().enumerate() {
            assert_eq!(hits(&rule, frame), expected[number], "{protocol} {number}");
        }
    }
}

#[test]
fn flow_direction_and_state_follow_the_connection() {
    for family in BOTH {
        let rules = "alert tcp any any -> any any (flow:to_server,established; content:\"abcd\"; sid:1;)
            alert tcp any any -> any any (flow:to_client,established; content:\"abcd\"; sid:2;)
            alert tcp any any -> any any (flow:not_established; flags:S; sid:3;)
            alert tcp any any -> any any (flow:not_established; content:\"abcd\"; sid:4;)
            alert tcp any any -> any any (flow:stateless; content:\"abcd\"; sid:5;)
            alert tcp any any -> any any (flow:from_client; content:\"abcd\"; sid:6;)
            alert tcp any any -> any any (flow:from_server; content:\"abcd\"; sid:7;)";
        let (mut engine, mut session) = (Engine::new(rules), Session::new(family));
        assert_eq!(engine.all(&session.handshake()), [vec![3], vec![], vec![]]);
        assert_eq!(engine.feed(&session.client_sends(b"abcd")), [1, 5, 6]);
        assert_eq!(engine.feed(&session.server_sends(b"abcd")), [2, 5, 7]);
        // No handshake: the first packet's sender is the client, and nothing is established.
        let mut engine = Engine::new(rules);
        assert_eq!(engine.feed(&Frame::new(family).tcp(b"abcd")), [4, 5, 6]);
        // UDP: established once both ends have spoken.
        let mut engine = Engine::new(&rules.replace("tcp", "udp").replace("flags:S;", "dsize:0;"));
        let frame = Frame::new(family);
        assert_eq!(engine.feed(&frame.udp(b"abcd")), [4, 5, 6]);
        assert_eq!(engine.feed(&frame.back().udp(b"abcd")), [2, 5, 7]);
        assert_eq!(engine.feed(&frame.udp(b"abcd")), [1, 5, 6]);
    }
}

#[test]
fn a_reset_does_not_blind_rules_for_established_connections() {
    let rules = "alert tcp any any -> any any (flow:established; flags:R+; sid:1;)
        alert tcp any any -> any any (flow:established,to_server; content:\"abcd\"; sid:2;)";
    let (mut engine, mut session) = Session::opened(rules, Family::V4);
    // The number is far outside the window: the server ignores it and goes on reading.
    let forged = session.client_frame(|frame| (frame.flags, frame.seq) = (RST, frame.seq.wrapping_add(0x4000_0000)));
    assert_eq!(engine.feed(&forged), [1]);
    assert_eq!(engine.feed(&session.client_sends(b"abcd")), [2]);
    // A reset before the handshake was complete establishes nothing.
    let (mut engine, mut session) = (Engine::new(rules), Session::new(Family::V4));
    engine.feed(&session.syn());
    assert!(engine.feed(&session.server_frame(|frame| frame.flags = RST | ACK)).is_empty());
    assert!(engine.feed(&session.client_sends(b"abcd")).is_empty());
}

#[test]
fn stream_events_match_the_packet_that_has_them_and_no_other() {
    let rules = "alert tcp any any -> any any (stream-event:est_packet_out_of_window; sid:1;)
        alert tcp any any -> any any (stream-event:est_syn_resend_diff_seq; sid:2;)
        alert tcp any any -> any any (stream-event:3whs_synack_with_wrong_ack; sid:3;)
        alert tcp any any -> any any (stream-event:suspected_rst_inject; flow:to_server; sid:4;)
        alert tcp any any -> any any (stream-event:est_packet_out_of_window; content:\"abcd\"; sid:5;)
        alert tcp any any -> any any (stream-event:est_packet_out_of_window; content:\"other\"; sid:6;)";
    for family in BOTH {
        let (mut engine, mut session) = (Engine::new(rules), Session::new(family));
        assert!(engine.feed(&session.syn()).is_empty());
        assert_eq!(engine.feed(&session.server_frame(|frame| (frame.flags, frame.ack) = (SYN | ACK, 9))), [3]);
        assert!(engine.feed(&session.syn_ack()).is_empty());
        assert!(engine.feed(&session.ack()).is_empty());
        assert!(engine.feed(&session.client_sends(b"abcd")).is_empty());
        let far = session.client_frame(|frame| frame.seq = frame.seq.wrapping_add(0x1000_0000));
        assert_eq!(engine.feed(&far), [1]);
        let syn = session.client_frame(|frame| (frame.flags, frame.seq) = (SYN, frame.seq.wrapping_add(7)));
        assert_eq!(engine.feed(&syn), [2]);
        assert!(engine.feed(&session.client_frame(|frame| frame.flags = RST)).is_empty());
        assert_eq!(engine.feed(&session.client_sends(b"abcd")), [4]);
        assert!(engine.feed(&session.client_sends(b"abcd")).is_empty());
    }
}

#[test]
fn every_rule_about_stream_events_is_compiled_and_an_unknown_event_is_named() {
    for event in sluice_flow::StreamEvent::ALL {
        let mut engine = Engine::new(&format!("alert tcp any any -> any any (stream-event:{}; sid:1;)", event.name()));
        assert!(engine.feed(&v4().tcp(b"abcd")).is_empty());
    }
    let refused =
        std::panic::catch_unwind(|| Engine::new("alert tcp any any -> any any (stream-event:no_such; sid:1;)"));
    assert!(refused.is_err());
}

#[test]
fn tcp_pkt_and_tcp_stream_choose_their_unit() {
    let rules = "alert tcp-pkt any any -> any any (content:\"abcd\"; sid:1;)
        alert tcp-stream any any -> any any (content:\"abcd\"; sid:2;)
        alert tcp any any -> any any (flow:no_stream; content:\"abcd\"; sid:3;)
        alert tcp any any -> any any (flow:only_stream; content:\"abcd\"; sid:4;)";
    let mut engine = Engine::new(rules);
    assert_eq!(engine.feed(&v4().tcp(b"abcd")), [1, 3], "without a connection there is no stream");
    let (mut engine, mut session) = Session::opened(rules, Family::V6);
    assert_eq!(engine.feed(&session.client_sends(b"abcd")), [1, 2, 3, 4]);
}

#[test]
fn rules_of_addresses_alone_speak_once_per_flow_and_direction() {
    for (protocol, tcp) in [("ip", true), ("tcp", true), ("udp", false)] {
        let mut engine = Engine::new(&format!("alert {protocol} any any -> any any (sid:1;)"));
        let frame = |frame: &Frame| if tcp { frame.tcp(b"x") } else { frame.udp(b"x") };
        let (there, back) = (frame(&v4()), frame(&v4().back()));
        let said = engine.all(&[there.clone(), there.clone(), back.clone(), back, there]);
        assert_eq!(said, [vec![1], vec![], vec![1], vec![], vec![]], "{protocol}");
    }
    let mut engine = Engine::new("alert tcp any any -> any 80 (sid:1;)");
    assert_eq!(
        engine.all(&[v4().tcp(b""), v4().tcp(b"")]),
        [vec![1], vec![1]],
        "a rule with a port is judged per packet"
    );
}

/// An ICMP error about the first packet of `about`, from `source`.
fn icmp_error(about: &[u8], source: u8) -> Vec<u8> {
    Frame { source, destination: 1, ..v4() }.icmp(3, 1, [0; 4], &about[14..])
}

#[test]
fn an_icmp_error_does_not_use_up_or_decide_for_the_flow_it_quotes() {
    // The server's address is listed; a router's error about the flow comes before the server's answer.
    let mut engine = Engine::new("alert ip 10.0.0.2 any -> any any (sid:1;)");
    let there = v4().udp(b"x");
    assert!(engine.feed(&there).is_empty());
    assert!(engine.feed(&icmp_error(&there, 9)).is_empty());
    assert_eq!(engine.feed(&v4().back().udp(b"x")), [1]);
    // A forged error from a trusted address does not buy the flow free.
    let mut engine = Engine::new(
        "pass ip 10.0.0.9 any -> any any (sid:1;)\nalert udp any any -> any any (content:\"abcd\"; sid:2;)",
    );
    engine.feed(&there);
    engine.feed(&icmp_error(&there, 9));
    assert_eq!(engine.feed(&v4().udp(b"abcd")), [2]);
}

#[test]
fn flowbits_pass_from_rule_to_rule_within_a_flow() {
    let rules = "alert udp any any -> any any (content:\"abcd\"; flowbits:set,a; flowbits:noalert; sid:1;)
        alert udp any any -> any any (content:\"efgh\"; flowbits:isset,a; sid:2;)
        alert udp any any -> any any (content:\"efgh\"; flowbits:isnotset,a; sid:3;)
        alert udp any any -> any any (content:\"ijkl\"; flowbits:unset,a; sid:4;)
        alert udp any any -> any any (content:\"mnop\"; flowbits:toggle,a; sid:5;)
        alert udp any any -> any any (content:\"efgh\"; flowbits:isset,b|a; sid:6;)";
    for family in BOTH {
        let mut engine = Engine::new(rules);
        let frame = Frame::new(family);
        let other = Frame { source: 7, ..frame.clone() };
        let payloads: [&[u8]; 7] = [b"efgh", b"abcd", b"efgh", b"ijkl", b"efgh", b"mnop", b"efgh"];
        let said = engine.all(&payloads.map(|payload| frame.udp(payload)));
        assert_eq!(said, [vec![3], vec![], vec![2, 6], vec![4], vec![3], vec![5], vec![2, 6]]);
        assert_eq!(engine.feed(&other.udp(b"efgh")), [3], "another flow has its own bits");
        assert_eq!(engine.feed(&frame.back().udp(b"efgh")), [2, 6], "both directions share them");
    }
    let mut engine = Engine::new(rules);
    assert_eq!(engine.feed(&v4().udp(b"abcd efgh")), [2, 6], "setters are judged before readers");
}

#[test]
fn flowint_counts_within_a_flow() {
    let rules = "alert udp any any -> any any (content:\"abcd\"; flowint:n,notset; flowint:n,=,1; sid:1;)
        alert udp any any -> any any (content:\"efgh\"; flowint:n,isset; flowint:n,+,2; sid:2;)
        alert udp any any -> any any (content:\"ijkl\"; flowint:n,>,4; sid:3;)
        alert udp any any -> any any (content:\"ijkl\"; flowint:n,==,3; sid:4;)";
    let mut engine = Engine::new(rules);
    let payloads: [&[u8]; 7] = [b"efgh", b"ijkl", b"abcd", b"efgh", b"ijkl", b"efgh", b"ijkl"];
    let said = engine.all(&payloads.map(|payload| v4().udp(payload)));
    assert_eq!(said, [vec![], vec![], vec![1], vec![2], vec![4], vec![2], vec![3]]);
}

#[test]
fn a_rule_may_count_and_compare_in_one_go() {
    // The documentation's example: "more than five usernames".
    let mut engine =
        Engine::new("alert udp any any -> any any (content:\"abcd\"; flowint:n,+,1; flowint:n,>,2; sid:1;)");
    let said = engine.all(&vec![v4().udp(b"abcd"); 4]);
    assert_eq!(said, [vec![], vec![], vec![1], vec![1]]);
    assert!(
        Engine::new("alert udp any any -> any any (content:\"abcd\"; flowint:n,+,1; flowint:n,>,2; sid:1;)")
            .all(&[v4().udp(b"x"), v4().udp(b"x"), v4().udp(b"abcd")])
            .iter()
            .all(Vec::is_empty),
        "only matches count"
    );
}

#[test]
fn hostbits_and_xbits_hang_on_addresses() {
    let rules = "alert udp any any -> any any (content:\"abcd\"; hostbits:set,a,src; sid:1;)
        alert udp any any -> any any (content:\"efgh\"; hostbits:isset,a,src; sid:2;)
        alert udp any any -> any any (content:\"efgh\"; hostbits:isset,a,dst; sid:3;)
        alert udp any any -> any any (content:\"ijkl\"; xbits:set,x,track ip_pair,expire 10; sid:4;)
        alert udp any any -> any any (content:\"mnop\"; xbits:isset,x,track ip_pair; sid:5;)
        alert udp any any -> any any (content:\"mnop\"; xbits:isnotset,x,track ip_pair; sid:6;)";
    for family in BOTH {
        let mut engine = Engine::new(rules);
        let frame = Frame::new(family);
        let port = Frame { ports: (41_000, 90), ..frame.clone() };
        assert_eq!(engine.feed(&frame.udp(b"abcd")), [1]);
        assert_eq!(engine.feed(&port.udp(b"efgh")), [2], "another flow of the host");
        assert_eq!(engine.feed(&port.back().udp(b"efgh")), [3]);
        assert_eq!(engine.feed(&Frame { source: 5, ..frame.clone() }.udp(b"efgh")), Vec::<u32>::new());
        assert_eq!(engine.feed(&frame.udp(b"ijkl")), [4]);
        assert_eq!(engine.feed_at(5, &port.back().udp(b"mnop")), [5]);
        assert_eq!(engine.feed_at(5, &Frame { source: 5, ..frame.clone() }.udp(b"mnop")), [6]);
        assert_eq!(engine.feed_at(30, &port.udp(b"mnop")), [6], "expired");
    }
}

/// What a threshold says at each of these seconds about matches from source 1.
fn threshold(options: &str, seconds: &[u64]) -> Vec<usize> {
    let mut engine = Engine::new(&format!("alert udp any any -> any any (content:\"abcd\"; {options} sid:1;)"));
    seconds.iter().map(|&second| engine.feed_at(second, &v4().udp(b"abcd")).len()).collect()
}

#[test]
fn thresholds_limit_count_and_do_both() {
    assert_eq!(threshold("threshold:type limit, track by_src, count 2, seconds 60;", &[0, 1, 2, 61]), [1, 1, 0, 1]);
    assert_eq!(threshold("threshold:type threshold, track by_dst, count 2, seconds 60;", &[0, 1, 2, 3]), [0, 1, 0, 1]);
    assert_eq!(threshold("threshold:type both, track by_src, count 2, seconds 60;", &[0, 1, 2, 3]), [0, 1, 0, 0]);
    assert_eq!(threshold("detection_filter:track by_src, count 2, seconds 60;", &[0, 1, 2, 3, 90]), [0, 0, 1, 1, 0]);
}

#[test]
fn thresholds_keep_a_count_for_each_of_what_they_track() {
    let other_source = Frame { source: 7, ..v4() };
    let other_destination = Frame { destination: 7, ..v4() };
    let other_flow = Frame { ports: (41_000, 80), ..v4() };
    for (track, [source, destination, flow]) in [
        ("by_src", [1, 0, 0]),
        ("by_dst", [0, 1, 0]),
        ("by_both", [1, 1, 0]),
        ("by_rule", [0, 0, 0]),
        ("by_flow", [1, 1, 1]),
    ] {
        let rule = format!(
            "alert udp any any -> any any (content:\"abcd\"; threshold:type limit, track {track}, count 1, seconds 60; sid:1;)"
        );
        let mut engine = Engine::new(&rule);
        assert_eq!(engine.feed(&v4().udp(b"abcd")).len(), 1);
        assert_eq!(engine.feed(&v4().udp(b"abcd")).len(), 0);
        assert_eq!(engine.feed(&other_source.udp(b"abcd")).len(), source, "{track}");
        assert_eq!(engine.feed(&other_destination.udp(b"abcd")).len(), destination, "{track}");
        assert_eq!(engine.feed(&other_flow.udp(b"abcd")).len(), flow, "{track}");
    }
}

fn with_thresholds(rules: &str, thresholds: &'static str) -> Engine {
    Engine::with(rules, Setup { thresholds, ..Setup::default() })
}

const PLAIN: &str = "alert udp any any -> any any (content:\"abcd\"; sid:1;)";

#[test]
fn suppress_silences_a_signature_or_some_addresses() {
    let mut engine = with_thresholds(PLAIN, "suppress gen_id 1, sig_id 1");
    assert!(engine.feed(&v4().udp(b"abcd")).is_empty());
    let mut engine = with_thresholds(PLAIN, "suppress gen_id 0, sig_id 1");
    assert!(engine.feed(&v4().udp(b"abcd")).is_empty(), "0 stands for every generator");
    let mut engine = with_thresholds(PLAIN, "suppress gen_id 1, sig_id 2");
    assert_eq!(engine.feed(&v4().udp(b"abcd")), [1]);
    for (track, there, back) in [("by_src", true, false), ("by_dst", false, true), ("by_either", true, true)] {
        let line: &'static str =
            Box::leak(format!("suppress gen_id 1, sig_id 1, track {track}, ip 10.0.0.1").into_boxed_str());
        let mut engine = with_thresholds(PLAIN, line);
        assert_eq!(engine.feed(&v4().udp(b"abcd")).is_empty(), there, "{track}");
        assert_eq!(engine.feed(&v4().back().udp(b"abcd")).is_empty(), back, "{track}");
    }
}

#[test]
fn a_suppressed_drop_still_drops() {
    let rules = "drop udp any any -> any any (content:\"abcd\"; sid:1;)";
    let mut engine = Engine::with(rules, Setup { thresholds: "suppress gen_id 1, sig_id 1", ..harness::inline() });
    assert!(engine.feed(&v4().udp(b"abcd")).is_empty());
    assert!(engine.dropped().is_some());
}

#[test]
fn rate_filter_changes_the_action_for_a_while() {
    let setup = || Setup {
        thresholds: "rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 60, new_action drop, timeout 10",
        ..harness::inline()
    };
    let mut engine = Engine::with(PLAIN, setup());
    let drops: Vec<bool> = [0, 1, 5, 12]
        .into_iter()
        .map(|second| {
            assert_eq!(engine.feed_at(second, &v4().udp(b"abcd")), [1]);
            engine.dropped().is_some()
        })
        .collect();
    assert_eq!(drops, [false, true, true, false]);
}

#[test]
fn a_threshold_for_all_does_not_displace_one_for_a_signature() {
    let all = "threshold gen_id 1, sig_id 0, type limit, track by_src, count 1, seconds 60";
    let own = "alert udp any any -> any any (content:\"abcd\"; threshold:type limit, track by_src, count 3, seconds 60; sid:1;)";
    let count = |mut engine: Engine| (0..5).map(|_| engine.feed(&v4().udp(b"abcd")).len()).sum::<usize>();
    assert_eq!(count(with_thresholds(PLAIN, all)), 1);
    assert_eq!(count(with_thresholds(own, all)), 3, "the rule's own holds");
    let both = "threshold gen_id 1, sig_id 0, type limit, track by_src, count 1, seconds 60\nthreshold gen_id 1, sig_id 1, type limit, track by_src, count 2, seconds 60";
    assert_eq!(count(with_thresholds(own, both)), 2, "the line for the signature holds");
}

#[test]
fn noalert_is_silent_and_still_acts() {
    let mut engine = Engine::with("drop udp any any -> any any (content:\"abcd\"; noalert; sid:1;)", harness::inline());
    assert!(engine.feed(&v4().udp(b"abcd")).is_empty());
    assert!(engine.dropped().is_some());
    assert!(engine.feed(&v4().udp(b"abc")).is_empty() && engine.dropped().is_none());
}

#[test]
fn pass_goes_before_drop_and_alert() {
    let rules = "alert udp any any -> any any (content:\"abcd\"; sid:1;)
        drop udp any any -> any any (content:\"abcd\"; sid:2;)
        pass udp any any -> any 80 (content:\"abcd\"; sid:3;)";
    let mut engine = Engine::with(rules, harness::inline());
    assert!(engine.feed(&v4().udp(b"abcd")).is_empty() && engine.dropped().is_none());
    assert_eq!(engine.feed(&Frame { ports: (40_000, 81), ..v4() }.udp(b"abcd")), [2, 1]);
    assert!(engine.dropped().is_some());
}

#[test]
fn a_drop_by_a_stream_rule_holds_for_the_flow_and_passive_only_tells() {
    let rules = "drop tcp any any -> any any (flow:established; content:\"abcd\"; sid:1;)";
    for family in BOTH {
        let (mut engine, mut session) = (Engine::with(rules, harness::inline()), Session::new(family));
        engine.all(&session.handshake());
        assert_eq!(engine.feed(&session.client_sends(b"abcd")), [1]);
        assert_eq!(engine.dropped(), Some(sluice_core::Cause::Rules));
        assert!(engine.feed(&session.server_sends(b"x")).is_empty());
        assert_eq!(engine.dropped(), Some(sluice_core::Cause::FlowDrop));
        let (mut engine, mut session) = Session::opened(rules, family);
        assert_eq!(engine.feed(&session.client_sends(b"abcd")), [1]);
        assert_eq!(engine.dropped(), None);
    }
}

#[test]
fn more_alerts_than_the_limit_are_left_out_but_a_drop_among_them_acts() {
    let rules = "alert udp any any -> any any (content:\"abcd\"; priority:1; sid:1;)
        alert udp any any -> any any (content:\"abcd\"; priority:2; sid:2;)
        alert udp any any -> any any (content:\"abcd\"; priority:3; sid:3;)";
    let mut engine = Engine::with(rules, Setup { most_alerts: 2, ..Setup::default() });
    assert_eq!(engine.feed(&v4().udp(b"abcd")), [1, 2]);
    assert_eq!(engine.pipeline.counters.detect_alert_queue_overflow, 1);
    // A rate filter turns the last one into a drop.
    let rate = "rate_filter gen_id 1, sig_id 3, track by_src, count 1, seconds 60, new_action drop, timeout 10";
    let mut engine = Engine::with(rules, Setup { most_alerts: 2, thresholds: rate, ..harness::inline() });
    engine.feed(&v4().udp(b"abcd"));
    assert_eq!(engine.feed(&v4().udp(b"abcd")), [1, 2]);
    assert!(engine.dropped().is_some());
}

#[test]
fn stream_size_and_flow_counters_follow_the_flow() {
    let (mut engine, mut session) =
        Session::opened("alert tcp any any -> any any (stream_size:client,>,5; sid:1;)", Family::V4);
    assert!(engine.feed(&session.client_sends(b"12345")).is_empty());
    assert_eq!(engine.feed(&session.client_sends(b"6")), [1]);
    let mut engine = Engine::new("alert udp any any -> any any (flow.pkts:toserver,>1; sid:1;)");
    assert_eq!(engine.all(&vec![v4().udp(b"x"); 2]), [vec![], vec![1]]);
    let mut engine = Engine::new("alert udp any any -> any any (flow.age:>10; sid:1;)");
    assert!(engine.feed_at(0, &v4().udp(b"x")).is_empty() && engine.feed_at(10, &v4().udp(b"x")).is_empty());
    assert_eq!(engine.feed_at(11, &v4().udp(b"x")), [1]);
}

#[test]
fn header_buffers_and_vlans_match() {
    frames(
        "alert ip any any -> any any (ipv4.hdr; content:\"|0a 00 00 01|\"; offset:12; depth:4; sid:1;)",
        &[v4().udp(b"")],
        &[v4().back().udp(b""), v6().udp(b"")],
    );
    frames(
        "alert tcp any any -> any any (tcp.hdr; content:\"|02 04|\"; offset:20; depth:2; sid:1;)",
        &[with_mss().tcp(b"")],
        &[v4().tcp(b"")],
    );
    let tagged = Frame { vlans: vec![7], ..v6() }.udp(b"");
    frames(
        "alert ip any any -> any any (vlan.id:7; sid:1;)",
        &[tagged.clone()],
        &[v6().udp(b""), Frame { vlans: vec![8], ..v4() }.udp(b"")],
    );
    frames("alert ip any any -> any any (vlan.layers:1; sid:1;)", &[tagged], &[v6().udp(b"")]);
}

#[test]
fn a_flood_of_unanswered_flows_does_not_blind_the_rules_for_connections() {
    let mut setup = Setup::default();
    setup.settings.flow_capacity = 64;
    setup.settings.half_open_capacity = 64;
    let mut engine = Engine::with("alert tcp any any -> any any (flow:established; content:\"abcd\"; sid:1;)", setup);
    let flood = |port| Frame { source: 9, flags: SYN, ports: (port, 80), ..v4() }.tcp(b"");
    for port in 0..1_000 {
        engine.feed(&flood(port));
    }
    let mut session = Session::new(Family::V4);
    for (frame, port) in session.handshake().into_iter().zip(1_000..) {
        engine.feed(&frame);
        engine.feed(&flood(port));
    }
    for port in 2_000..3_000 {
        engine.feed(&flood(port));
    }
    assert_eq!(engine.feed(&session.client_sends(b"abcd")), [1]);
    assert!(engine.pipeline.counters.flow_half_open_evicted > 1_000);
    assert_eq!(engine.pipeline.counters.flow_evicted, 0);
}

/// An IPv4 TCP frame with its checksum.
fn sealed(mut frame: Vec<u8>) -> Vec<u8> {
    let length = (frame.len() - 34) as u16;
    let sum = [&frame[26..34], &[0, 6], &length.to_be_bytes(), &frame[34..]].concat();
    let sum = sluice_packet::checksum::compute(&sum).to_be_bytes();
    frame[50..52].copy_from_slice(&sum);
    frame
}

#[test]
fn a_pass_in_a_packet_the_server_never_reads_does_not_hold_for_the_flow() {
    let rules = "pass tcp any any -> any any (flow:established; content:\"token\"; sid:1;)
        alert tcp any any -> any any (flow:established; content:\"abcd\"; sid:2;)";
    for (forged, said) in [(true, vec![2]), (false, vec![])] {
        let mut setup = Setup::default();
        setup.settings.checksums = sluice_worker::ChecksumMode::On;
        let (mut engine, mut session) = (Engine::with(rules, setup), Session::new(Family::V4));
        for frame in session.handshake() {
            engine.feed(&sealed(frame));
        }
        let token = if forged { session.clone().client_sends(b"token") } else { session.client_sends(b"token") };
        engine.feed(&if forged { token } else { sealed(token) });
        assert_eq!(engine.feed(&sealed(session.client_sends(b"abcd"))), said);
    }
}

#[test]
fn wrong_checksums_late_in_the_traffic_do_not_switch_their_verification_off() {
    let mut setup = Setup::default();
    setup.settings.checksums = sluice_worker::ChecksumMode::Auto;
    let mut engine = Engine::with("alert tcp any any -> any any (flow:established; content:\"abcd\"; sid:1;)", setup);
    for _ in 0..1_100 {
        engine.feed(&v4().udp(b""));
    }
    let mut session = Session::new(Family::V4);
    for frame in session.handshake() {
        engine.feed(&sealed(frame));
    }
    for _ in 0..2_000 {
        engine.feed(&v4().tcp(b""));
    }
    assert_eq!(engine.pipeline.counters.tcp_invalid_checksum, 2_000);
    // The other way round: a capture from before the card filled them in.
    let mut setup = Setup::default();
    setup.settings.checksums = sluice_worker::ChecksumMode::Auto;
    let mut engine = Engine::with("alert ip any any -> any any (ttl:1; sid:1;)", setup);
    for _ in 0..2_000 {
        engine.feed(&v4().tcp(b""));
    }
    assert!(engine.pipeline.counters.tcp_invalid_checksum < 1_001);
}

#[test]
fn rules_about_the_payload_do_not_speak_about_packets_without_one() {
    for options in ["content:!\"abcd\";", "isdataat:!9;", "pcre:!\"/a/\";"] {
        let rule = format!("alert tcp any any -> any any ({options} sid:1;)");
        assert!(hits(&rule, &v4().tcp(b"x")), "{options}");
        assert!(!hits(&rule, &v4().tcp(b"")), "{options}");
    }
}

#[test]
fn a_drop_that_is_judged_before_a_pass_also_decides_for_the_flow() {
    use sluice_core::Action::{Alert, Drop, Pass, RejectSource};
    let rules = "pass tcp any any -> any any (flow:established; content:\"abcd\"; sid:1;)
        drop tcp any any -> any any (flow:established; content:\"abcd\"; sid:2;)";
    let action_order = sluice_rules::compile::ActionOrder([Drop, RejectSource, Pass, Alert]);
    let mut engine = Engine::with(rules, Setup { action_order, ..harness::inline() });
    let mut session = Session::new(Family::V4);
    engine.all(&session.handshake());
    assert_eq!(engine.feed(&session.client_sends(b"abcd")), [2]);
    assert_eq!(engine.dropped(), Some(sluice_core::Cause::Rules));
    engine.feed(&session.client_sends(b"x"));
    assert_eq!(engine.dropped(), Some(sluice_core::Cause::FlowDrop));
}

#[test]
fn a_pass_rule_that_is_told_to_alert_alerts_and_passes() {
    let rules = |option: &str| {
        format!(
            "pass udp any any -> any any (content:\"abcd\"; {option} sid:1;)\nalert udp any any -> any any (content:\"abcd\"; sid:2;)"
        )
    };
    assert_eq!(Engine::new(&rules("alert;")).feed(&v4().udp(b"abcd")), [1]);
    assert!(Engine::new(&rules("")).feed(&v4().udp(b"abcd")).is_empty());
}

#[test]
fn equal_expressions_are_compiled_once_and_those_of_refused_rules_not_kept() {
    let rules = "alert udp any any -> any any (pcre:\"/a+/i\"; sid:1;)
alert udp any any -> any any (pcre:\"/a+/\"; pcre:\"/b/\"; sid:2;)
alert udp any any -> any any (content:\"x\"; pcre:\"/a+/R\"; sid:3;)
alert udp any any -> any any (pcre:\"/refused/\"; pcre:\"/a+/\"; iprep:src,Nobody,>,1; sid:4;)
alert udp any any -> any any (pcre:\"/c/\"; sid:5;)";
    let (compiled, accepted) = harness::compiled(rules);
    assert_eq!((compiled.ruleset.regexes().len(), accepted), (4, 4));
}
