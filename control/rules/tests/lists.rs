//! Keywords that ask lists outside of the rules: data sets, reputations, countries; and marks with several names. Each hit has a silent twin.
//!
//! Source: the public rule documentation of the reference engine, "Datasets", "IP Reputation Keyword", "IP Keywords: geoip".
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Family, File, Frame, Setup, hits, is_accepted};
use sluice_worker::ChecksumMode;

fn sends(engine: &mut Engine, payload: &[u8]) -> Vec<u32> {
    engine.feed(&Frame::new(Family::V6).udp(payload))
}

#[test]
fn a_value_of_the_file_is_in_the_set_and_another_is_not() {
    // "evil", "bad"
    let file = File::new("strings", "ZXZpbA==\n# comment\n\nYmFk\n");
    let mut engine = Engine::new(&format!(
        "alert udp any any -> any any (pkt_data; to_lowercase; dataset:isset,names,type string,load {0}; sid:1;)\n\
         alert udp any any -> any any (pkt_data; to_lowercase; dataset:isnotset,names; sid:2;)\n",
        file.path()
    ));
    assert_eq!(sends(&mut engine, b"EVIL"), [1]);
    assert_eq!(sends(&mut engine, b"bad"), [1]);
    assert_eq!(sends(&mut engine, b"evil "), [2]);
    assert_eq!(sends(&mut engine, b"good"), [2]);
}

#[test]
fn sets_hold_digests_and_addresses_of_either_family() {
    let md5 = File::new("md5", "900150983cd24fb0d6963f7d28e17f72\n");
    let sha = File::new("sha", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
    let v4 = File::new("v4", "10.0.0.1\n");
    let ip = File::new("ip", "::ffff:10.0.0.2\nfd00::2\n");
    let rules = format!(
        "alert udp any any -> any any (pkt_data; to_md5; dataset:isset,m,type md5,load {}; sid:1;)\n\
         alert udp any any -> any any (pkt_data; to_sha256; dataset:isset,s,type sha256,load {}; sid:2;)\n\
         alert udp any any -> any any (ip.src; dataset:isset,v4,type ipv4,load {}; sid:3;)\n\
         alert udp any any -> any any (ip.dst; dataset:isset,ip,type ip,load {}; sid:4;)\n",
        md5.path(),
        sha.path(),
        v4.path(),
        ip.path()
    );
    let said = |frame: &Frame, payload: &[u8]| Engine::new(&rules).feed(&frame.udp(payload));
    assert_eq!(said(&Frame::new(Family::V4), b"abc"), [1, 2, 3, 4]);
    assert_eq!(said(&Frame::new(Family::V6), b"abd"), [4]);
    assert_eq!(said(&Frame::new(Family::V6).back(), b"abd"), [0; 0]);
    assert_eq!(said(&Frame::new(Family::V4).back(), b"abc"), [1, 2]);
}

#[test]
fn a_value_is_put_in_once_and_found_by_the_rules_that_ask() {
    let mut engine = Engine::new(
        "alert udp any any -> any any (content:\"ab\"; pkt_data; strip_whitespace; dataset:set,seen,type string; sid:1;)\n\
         alert udp any any -> any any (pkt_data; strip_whitespace; dataset:isset,seen; sid:2;)\n\
         alert udp any any -> any any (content:\"ab\"; pkt_data; strip_whitespace; dataset:unset,seen; dsize:5; sid:3;)\n",
    );
    assert_eq!(sends(&mut engine, b"xx"), [0; 0], "what does not match puts nothing in");
    assert_eq!(sends(&mut engine, b"abc"), [1, 2]);
    assert_eq!(sends(&mut engine, b"ab c"), [2]);
    assert_eq!(sends(&mut engine, b"ab  c"), [2, 3]);
    assert_eq!(sends(&mut engine, b"ab c"), [1, 2]);
    // From another host over another family as well: a set is no flow's.
    assert_eq!(engine.feed(&Frame { source: 9, ..Frame::new(Family::V4) }.udp(b"abc")), [2]);
}

#[test]
fn a_set_that_is_full_takes_nothing_more_and_counts_it() {
    // Room for one value: a memcap that leaves none beyond the table gives one.
    let mut engine = Engine::new(
        "alert udp any any -> any any (pkt_data; to_md5; dataset:set,small,type md5,memcap 104064,hashsize 1; sid:1;)",
    );
    let said: usize = (0..1_500_u32).map(|number| sends(&mut engine, &number.to_be_bytes()).len()).sum();
    assert_eq!(said, 1_000);
    assert_eq!(engine.pipeline.counters.detect_dataset_full, 500);
    assert_eq!(sends(&mut engine, &3_u32.to_be_bytes()), [0; 0], "it is in already");
}

#[test]
fn a_packet_that_the_server_never_reads_puts_nothing_in() {
    let mut setup = Setup { ..harness::inline() };
    setup.settings.checksums = ChecksumMode::On;
    let rules = "alert tcp any any -> any any (dsize:>0; ip.src; dataset:set,seen,type ip; sid:1;)";
    let mut engine = Engine::with(rules, setup);
    let frame = Frame::new(Family::V4).tcp(b"wrong checksum");
    assert_eq!(engine.feed(&frame), [1]);
    assert_eq!(engine.feed(&frame), [1], "it was not kept");
}

#[test]
fn reputations_of_values_are_compared() {
    let file = File::new("rep", "YWJj,7\nZGVm,70\n");
    let mut engine = Engine::new(&format!(
        "alert udp any any -> any any (pkt_data; strip_whitespace; datarep:r,>,50,type string,load {0}; sid:1;)\n\
         alert udp any any -> any any (pkt_data; strip_whitespace; datarep:r,<,50; sid:2;)\n\
         alert udp any any -> any any (pkt_data; strip_whitespace; datarep:r,==,7; sid:3;)\n",
        file.path()
    ));
    assert_eq!(sends(&mut engine, b"abc"), [2, 3]);
    assert_eq!(sends(&mut engine, b"def"), [1]);
    assert_eq!(sends(&mut engine, b"ghi"), [0; 0]);
}

#[test]
fn json_sets_hold_their_values() {
    let json = File::new("json", r#"{"a":{"list":[{"ip":"10.0.0.1","why":"x"},{"ip":"10.0.0.7"}]}}"#);
    let rule = format!(
        "alert udp any any -> any any (ip.src; dataset:isset,j,type ipv4,load {},format json,array_key a.list,value_key ip,context_key c; sid:1;)",
        json.path()
    );
    assert!(hits(&rule, &Frame::new(Family::V4).udp(b"")) && !hits(&rule, &Frame::new(Family::V4).back().udp(b"")));
}

#[test]
fn sets_that_can_not_be_are_refused() {
    for options in [
        "pkt_data; to_md5; dataset:isset,nobody",
        "pkt_data; to_md5; dataset:isset,x,type md5,load /nonexistent/file",
        "pkt_data; to_md5; dataset:set,x,type md5,save ../outside",
        "dataset:isset,x,type md5",
    ] {
        assert!(!is_accepted(&format!("alert udp any any -> any any ({options}; sid:1;)")), "{options}");
    }
}

#[test]
fn reputations_of_addresses_are_compared_for_the_side_asked() {
    // Host 1 is Bad 50; all are Worse 7 but host 3.
    for (options, expected) in [
        ("src,Bad,>,49", [true, false]),
        ("src,Bad,>,50", [false, false]),
        ("dst,Bad,=,50", [false, true]),
        ("any,Bad,<,51", [true, true]),
        ("both,Bad,>,0", [false, false]),
        ("both,Worse,=,7", [true, true]),
        ("any,Worse,!=,7", [false, false]),
        ("src,Bad,isset", [true, false]),
        ("src,Bad,isnotset", [false, true]),
    ] {
        for family in BOTH {
            let frame = Frame::new(family);
            let rule = format!("alert ip any any -> any any (iprep:{options}; sid:1;)");
            let said = [&frame, &frame.back()].map(|frame| hits(&rule, &frame.udp(b"x")));
            assert_eq!(said, expected, "{options} {family:?}");
        }
    }
    let other = Frame { source: 3, destination: 200, ..Frame::new(Family::V4) };
    assert!(!hits("alert ip any any -> any any (iprep:src,Worse,isset; sid:1;)", &other.udp(b"")));
    assert!(!is_accepted("alert ip any any -> any any (iprep:src,Nobody,>,1; sid:1;)"));
}

#[test]
fn rules_on_lists_of_addresses_are_judged_once_per_flow_and_direction() {
    let mut engine = Engine::new("alert ip any any -> any any (iprep:any,Bad,>,1; geoip:any,FR; sid:1;)");
    let frame = Frame::new(Family::V4);
    let said = [frame.udp(b"a"), frame.udp(b"b"), frame.back().udp(b"c"), frame.back().udp(b"d")]
        .map(|frame| engine.feed(&frame).len());
    assert_eq!(said, [1, 0, 1, 0]);
}

#[test]
fn countries_of_addresses_are_compared_for_the_side_asked() {
    // Host 1 is in DE, host 2 in FR, others nowhere.
    for (options, expected) in [
        ("src,DE", [true, false]),
        ("dst,DE", [false, true]),
        ("any,FR", [true, true]),
        ("DE", [true, true]),
        ("both,DE", [false, false]),
        ("both,DE,FR", [true, true]),
        ("src,!DE", [false, true]),
        ("src,IT", [false, false]),
    ] {
        for family in BOTH {
            let frame = Frame::new(family);
            let rule = format!("alert ip any any -> any any (geoip:{options}; sid:1;)");
            let said = [&frame, &frame.back()].map(|frame| hits(&rule, &frame.udp(b"x")));
            assert_eq!(said, expected, "{options} {family:?}");
        }
    }
    let nowhere = Frame { source: 77, ..Frame::new(Family::V4) };
    for rule in ["src,DE", "src,!DE"] {
        assert!(!hits(&format!("alert ip any any -> any any (geoip:{rule}; sid:1;)"), &nowhere.udp(b"")), "{rule}");
    }
}

#[test]
fn one_of_several_host_bits_is_enough() {
    let mut engine = Engine::new(
        "alert udp any any -> any 80 (hostbits:set,b,src; sid:1;)\n\
         alert udp any any -> any 81 (hostbits:isset,a|b,src; sid:2;)\n\
         alert udp any any -> any 81 (hostbits:isset,a|c,src; sid:3;)\n\
         alert udp any any -> any 81 (hostbits:isnotset,a|b,src; sid:4;)\n",
    );
    let at = |port| Frame { ports: (9, port), ..Frame::new(Family::V6) }.udp(b"");
    assert_eq!(engine.feed(&at(81)), [4]);
    assert_eq!(engine.feed(&at(80)), [1]);
    assert_eq!(engine.feed(&at(81)), [2, 4]);
}

#[test]
fn bits_of_numbers_are_compared_under_a_mask() {
    for (options, frame, other) in [
        ("ttl:&0x0f=4", Frame { ttl: 0x34, ..Frame::new(Family::V4) }, Frame { ttl: 0x35, ..Frame::new(Family::V4) }),
        ("ttl:&0x0f!=4", Frame { ttl: 0x35, ..Frame::new(Family::V6) }, Frame { ttl: 0x34, ..Frame::new(Family::V6) }),
    ] {
        let rule = format!("alert ip any any -> any any ({options}; sid:1;)");
        assert!(hits(&rule, &frame.udp(b"")) && !hits(&rule, &other.udp(b"")), "{options}");
    }
    let mss = |mss: u16| {
        let [high, low] = mss.to_be_bytes();
        Frame { tcp_options: vec![2, 4, high, low], ..Frame::new(Family::V4) }.tcp(b"")
    };
    let rule = "alert tcp any any -> any any (tcp.mss:&0xF=4; sid:1;)";
    assert!(hits(rule, &mss(1444)) && !hits(rule, &mss(1460 + 1)));
}

#[test]
fn vlan_ids_are_counted_from_outside_and_from_inside() {
    let frame = |vlans: &[u16]| Frame { vlans: vlans.to_vec(), ..Frame::new(Family::V6) }.udp(b"");
    for (options, hit, silent) in [
        ("vlan.id:7,-1", frame(&[1, 7]), frame(&[7, 1])),
        ("vlan.id:7,-2", frame(&[7, 1]), frame(&[1, 7])),
        ("vlan.id:7,-2", frame(&[7, 1]), frame(&[7])),
        ("vlan.id:7,0", frame(&[7, 1]), frame(&[1, 7])),
        ("vlan.id:7,-1", frame(&[7]), frame(&[])),
    ] {
        let rule = format!("alert ip any any -> any any ({options}; sid:1;)");
        assert!(hits(&rule, &hit) && !hits(&rule, &silent), "{options}");
    }
}

#[test]
fn flow_integers_are_compared_with_and_counted_by_one_another() {
    let mut engine = Engine::new(
        "alert udp any any -> any any (content:\"up\"; flowint:n,+,1; sid:1;)\n\
         alert udp any any -> any any (content:\"keep\"; flowint:m,=,n; sid:2;)\n\
         alert udp any any -> any any (content:\"ask\"; flowint:n,>,m; sid:3;)\n\
         alert udp any any -> any any (content:\"add\"; flowint:m,+,n; sid:4;)\n\
         alert udp any any -> any any (content:\"take\"; flowint:m,-,n; sid:5;)\n\
         alert udp any any -> any any (content:\"ask\"; flowint:m,==,n; sid:6;)\n\
         alert udp any any -> any any (content:\"ask\"; flowint:n,<=,nobody; sid:7;)\n",
    );
    let mut ask = |before: &[&[u8]]| {
        before.iter().for_each(|payload| drop(sends(&mut engine, payload)));
        sends(&mut engine, b"ask")
    };
    assert_eq!(ask(&[b"up"]), [0; 0], "m was never set");
    assert_eq!(ask(&[b"keep"]), [6]);
    assert_eq!(ask(&[b"up"]), [3]);
    assert_eq!(ask(&[b"add"]), [0; 0], "1 + 2 is more than 2");
    assert_eq!(ask(&[b"take", b"take"]), [3], "down to 0 and no further");
}

#[test]
fn checksums_of_sctp_are_verified() {
    // INIT of RFC 9260 section 3.3.2 without parameters; ports 1 and 2.
    let mut packet =
        vec![0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1];
    // Bit by bit.
    let sum = !packet.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 })
    });
    let bad = packet.clone();
    packet[8..12].copy_from_slice(&sum.to_le_bytes());
    for family in BOTH {
        for (word, good) in [("valid", true), ("invalid", false)] {
            let rule = format!("alert sctp any any -> any any (sctp-csum:{word}; sid:1;)");
            let said = [&packet, &bad].map(|packet| hits(&rule, &Frame::new(family).ip(132, packet)));
            assert_eq!(said, [good, !good], "{word} {family:?}");
        }
    }
}
