//! Conversations whole and in pieces, on the link, with damage, gaps and junk.

use crate::{
    AppSettings, Applications, Fields, Input,
    testing::{datagrams, talk},
};
use sluice_core::{
    AppLink, AppProtocol, AppState,
    Direction::{self, ToClient, ToServer},
    Nanos,
};

const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07Example\x03com\0\0\x01\0\x01";

fn response() -> Vec<u8> {
    let mut bytes = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\x01".to_vec();
    bytes.extend(b"\x03www\x07Example\x03com\0\0\x01\0\x01");
    bytes.extend(b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03cdn\xc0\x10");
    bytes.extend(b"\xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01");
    bytes.extend(b"\0\0\x29\x10\0\0\0\0\0\0\0");
    bytes
}

fn framed(messages: &[&[u8]]) -> Vec<u8> {
    messages.iter().flat_map(|message| [&(message.len() as u16).to_be_bytes()[..], message].concat()).collect()
}

fn without_raw(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().filter(|line| !line.contains("(message)") && !line.contains("frame:")).collect()
}

const ANSWERED: [&str; 20] = [
    "dns 0 > dns.opcode 0",
    "dns 0 > dns.rcode 0",
    "dns 0 > dns.queries.rrname www.Example.com",
    "dns 0 > dns.query www.Example.com",
    "dns 0 > dns.rrtype 1",
    "dns 0 > level 5",
    "dns 0 < level 5",
    "dns 1 > level 5",
    "dns 1 < dns.opcode 0",
    "dns 1 < dns.rcode 0",
    "dns 1 < dns.queries.rrname www.Example.com",
    "dns 1 < dns.rrtype 1",
    "dns 1 < dns.answers.rrname www.Example.com",
    "dns 1 < dns.rrtype 5",
    "dns 1 < dns.response.rrname www.Example.com",
    "dns 1 < dns.response.rrname cdn.Example.com",
    "dns 1 < dns.answers.rrname cdn.Example.com",
    "dns 1 < dns.response.rrname cdn.Example.com",
    "dns 1 < dns.additionals.rrname ",
    "dns 1 < dns.response.rrname ",
];

#[test]
fn a_question_and_its_answer_are_two_transactions_over_udp_and_tcp() {
    let response = response();
    let mut expected: Vec<_> = ANSWERED.iter().map(|line| (*line).to_owned()).collect();
    expected.push("dns 1 < level 5".to_owned());
    let told = datagrams(AppSettings::default(), [53, 40_000], &[(ToServer, QUERY), (ToClient, &response)]);
    assert_eq!(without_raw(told), expected);
    let (question, answer) = (framed(&[QUERY]), framed(&[&response]));
    assert_eq!(without_raw(talk(AppSettings::default(), &[(ToServer, &question), (ToClient, &answer)])), expected);
}

#[test]
fn many_messages_in_a_segment_are_told_one_by_one() {
    let lines = talk(AppSettings::default(), &[(ToServer, &framed(&[QUERY; 5]))]);
    assert_eq!(lines.iter().filter(|line| line.contains("dns.query ")).count(), 5);
    assert!(lines.contains(&"dns 4 > dns.query www.Example.com".to_owned()));
}

#[test]
fn what_is_wrong_is_told_by_its_name() {
    let told = |direction: Direction, bytes: &[u8]| -> Vec<String> {
        let lines = datagrams(AppSettings::default(), [53, 40_000], &[(ToServer, QUERY), (direction, bytes)]);
        lines.iter().filter_map(|line| line.split_once("(event) ").map(|(_, name)| name.to_owned())).collect()
    };
    let mut z_flag = QUERY.to_vec();
    z_flag[3] |= 0x40;
    assert_eq!(told(ToServer, &z_flag), ["z_flag_set"]);
    let mut opcode = QUERY.to_vec();
    opcode[2] |= 0x48;
    assert_eq!(told(ToServer, &opcode), ["invalid_opcode"]);
    assert_eq!(told(ToServer, &response()), ["not_request"]);
    assert_eq!(told(ToClient, QUERY), ["not_response"]);
    assert_eq!(told(ToServer, &QUERY[..QUERY.len() - 2]), ["malformed_data"]);
    assert_eq!(told(ToServer, b"\x01\x02\x03"), ["malformed_data"]);
    let response = response();
    assert_eq!(told(ToClient, &response[..response.len() - 1]), ["invalid_additionals"]);
    assert_eq!(told(ToClient, &response), [""; 0], "the silent twin");
}

#[test]
fn names_on_the_link_have_fields_of_their_own() {
    for (ports, name) in [([5353, 5353], "mdns"), ([5355, 40_000], "llmnr"), ([40_000, 5355], "llmnr")] {
        let told = datagrams(AppSettings::default(), ports, &[(ToServer, QUERY), (ToServer, &response())]);
        let told = without_raw(told);
        assert!(told.contains(&format!("{name} 0 > {name}.queries.rrname www.Example.com")), "{told:?}");
        assert!(told.contains(&format!("{name} 1 > {name}.response.rrname cdn.Example.com")), "{told:?}");
        assert!(!told.iter().any(|line| line.contains("(event)") || line.contains(" dns.")), "{told:?}");
    }
}

fn fed(settings: AppSettings, ports: [u16; 2], datagram: bool, said: &[(Direction, &[u8], u32)]) -> (AppLink, usize) {
    let mut applications = Applications::new(settings, 4);
    applications.set_wants(Fields::ALL);
    let mut link = AppLink::default();
    for &(direction, bytes, missing) in said {
        let input = Input { bytes, direction, now: Nanos(0), ports, either: false, datagram };
        if missing > 0 {
            applications.gap(&mut link, &input, missing);
        }
        applications.feed(&mut link, &input);
    }
    let mut count = 0;
    let mut at = applications.first(link);
    while at.is_some() {
        (count, at) = (count + 1, applications.next(at));
    }
    (link, count)
}

#[test]
fn behind_a_gap_messages_go_on_where_one_begins() {
    let query = framed(&[QUERY]);
    let settings = AppSettings::default();
    let (_, count) = fed(settings, [53, 4_000], false, &[(ToServer, &query, 0), (ToServer, &query, 34)]);
    assert_eq!(count, 2);
    let middle = &framed(&[QUERY, QUERY])[9..];
    let (_, count) = fed(settings, [53, 4_000], false, &[(ToServer, &query, 0), (ToServer, middle, 9)]);
    assert_eq!(count, 1, "what is no beginning is not read");
}

#[test]
fn junk_before_the_first_message_does_not_hide_the_others() {
    let settings = AppSettings::default();
    let said: &[(Direction, &[u8], u32)] = &[
        (ToServer, b"0@\x02\x01\x030\x0f\x02\x03\0\x91\xc8\x02\x02", 0),
        (ToClient, &response(), 0),
        (ToServer, QUERY, 0),
    ];
    assert_eq!(fed(settings, [53, 4_000], true, said).1, 2);
    // However much of it there is: a server throws away what it can't read. On other ports that is not looked at for ever.
    let said: &[(Direction, &[u8], u32)] = &[(ToServer, &[0; 20], 0), (ToServer, &[0; 20], 0), (ToServer, QUERY, 0)];
    for (port, told) in [(53, (AppState::Known(AppProtocol::Dns), 1)), (1_000, (AppState::None, 0))] {
        let (link, count) = fed(settings, [port, 4_000], true, said);
        assert_eq!((link.state, count), told);
    }
}

#[test]
fn each_transport_can_be_switched_off_and_has_ports_of_its_own() {
    let query = framed(&[QUERY]);
    for (udp, tcp) in [(true, false), (false, true), (false, false), (true, true)] {
        let mut settings = AppSettings::default();
        (settings.dns.udp, settings.dns.tcp) = (udp, tcp);
        let known = |datagram, bytes| {
            fed(settings, [53, 4_000], datagram, &[(ToServer, bytes, 0)]).0.state.protocol() == Some(AppProtocol::Dns)
        };
        assert_eq!((known(true, QUERY), known(false, &query)), (udp, tcp));
    }
    let mut settings = AppSettings::default();
    settings.dns.tcp_ports = Some(crate::protocol::Ports::of(&[1_053]));
    let odd = framed(&[b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01"]);
    assert!(fed(settings, [1_053, 4_000], false, &[(ToServer, &odd, 0)]).0.state.protocol().is_some());
    assert!(fed(settings, [53, 4_000], false, &[(ToServer, &odd, 0)]).0.state.protocol().is_none());
}

#[test]
fn an_answer_is_told_by_its_port_and_its_flag() {
    let settings = AppSettings::default();
    let response = response();
    for (ports, bytes, wanted) in [
        ([53, 4_000], &response[..], true),
        ([5_355, 4_000], &response, true),
        ([53, 4_000], QUERY, false),
        ([4_000, 53], &response, false),
        ([53, 53], &response, false),
        ([5_353, 4_000], &response, false),
        ([53, 4_000], &[0xff; 40], false),
    ] {
        assert_eq!(settings.is_dns_answer(ports, bytes, true), wanted, "{ports:?}");
        let framed = [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
        let of_stream = wanted && ports[0] == 53;
        assert_eq!(settings.is_dns_answer(ports, &framed, false), of_stream, "over TCP {ports:?}");
    }
}
