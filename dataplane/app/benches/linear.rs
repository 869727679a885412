//! Whether twice the input takes twice the time, for every parser, whole, in pieces and byte by byte: `cargo bench -p sluice-app --bench linear [-- WORD]`, with a word: of inputs that have it in what is repeated.
//!
//! Hostile repetitions and honest ones, at two sizes. Prints what a byte costs and how the time grows, and ends with status 1 when it grows more than 2.3 times: a benchmark, not a test, because a
//! busy machine would fail it.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "measures time, and tells of it")]

use sluice_app::{AppProtocol, AppSettings, Applications, Fields, Input, TxRef};
use sluice_core::{AppLink, Direction, Nanos};
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

/// The most that twice the input may cost.
const MOST: f64 = 2.3;
/// Bytes of the smaller input: beyond what parsers keep of one head, so that both sizes are read the same way.
const SIZE: usize = 256 << 10;

/// What is repeated behind a front, in which direction, of which protocol.
struct Case {
    protocol: AppProtocol,
    direction: Direction,
    front: Vec<u8>,
    /// What is repeated for the first half, where it is not the word itself: what is put down early and looked for later.
    lead: Vec<u8>,
    word: Vec<u8>,
}

impl Case {
    /// The input of about so many bytes.
    fn input(&self, bytes: usize) -> Vec<u8> {
        let half = |word: &[u8]| word.repeat(bytes / 2 / word.len());
        let lead = if self.lead.is_empty() { &self.word } else { &self.lead };
        [&self.front[..], &half(lead), &half(&self.word)].concat()
    }
}

fn cases() -> Vec<Case> {
    use AppProtocol::{Dns, Http, Http2, Tls};
    use Direction::{ToClient, ToServer};
    let head = &b"HTTP/1.1 200 OK\r\n"[..];
    let chunked = &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..];
    let form = &b"POST / HTTP/1.1\r\nContent-Length: 9000000\r\nContent-Type: multipart/form-data; boundary=bbbbbbbb\r\n\r\n--bbbbbbbb\r\n\r\n"[..];
    let preface = &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..];
    let hello = &b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x00\x00\x02\x13\x01\x01\x00"[..];
    let query = &b"\x00\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01"[..];
    let list: [(AppProtocol, Direction, &[u8], &[u8]); 46] = [
        (Http, ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", b"body"),
        (Http, ToClient, head, b" "),
        (Http, ToClient, head, b"\r"),
        (Http, ToClient, head, b" \n"),
        (Http, ToClient, head, b"a"),
        (Http, ToClient, head, b"a:b\n"),
        (Http, ToClient, head, b"a: \r"),
        (Http, ToClient, head, b"\0"),
        (Http, ToClient, chunked, b"\r"),
        (Http, ToClient, chunked, b"1\r\na"),
        (Http, ToClient, chunked, b"0;"),
        (Http, ToClient, chunked, b"zz\nH\n"),
        (Http, ToClient, chunked, b"5;\r\n"),
        (Http, ToClient, b"HTTP/1.1 103 Early\r\n", b"a:b\n"),
        (Http, ToClient, b"HTTP/1.1 103 Early\r\n", b" \na"),
        (Http, ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"\0\n"),
        (Http, ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x\n"),
        (Http, ToClient, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"\n"),
        (Http, ToServer, b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"GET a\n"),
        (Http, ToServer, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"POST a\n"),
        (Http, ToServer, b"GET ", b"/"),
        (Http, ToServer, b"GET / HTTP/1.1\r\n", b"\t\n"),
        (Http, ToServer, form, b"\n"),
        (Http, ToServer, form, b"\r\n--bbbbbbbb "),
        (Http, ToServer, form, b"\r\n--bbbbbbbb\nX: y\nZ:"),
        (Http, ToServer, form, b"\r\n--bbbbbbb"),
        (Http, ToServer, form, b"\n--bbbbbbbb\n"),
        (Http, ToServer, form, b"\r\n--bbbbbbbb\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\nx"),
        (Http, ToServer, b"GET / HTTP/1.1\r\n", b"A\n"),
        (Http, ToServer, b"GET / HTTP/1.1\r\nA: b", b"\r\n a"),
        (Http, ToServer, b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n\r\n"),
        (Http, ToClient, head, b"\r\nHTTP/1.1 200\r\n\r\n"),
        (Http, ToClient, head, b"\r\nHTTP/1.1 100\r\n\r\n"),
        (Http2, ToServer, preface, b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"),
        (Http2, ToServer, preface, b"\0\0\x05\x01\x05\0\0\0\x01\x82\x86\x84\x41\x00"),
        (Http2, ToServer, preface, b"\0\0\x01\x09\0\0\0\0\x01\xff"),
        (Http2, ToServer, preface, b"\0\0\x04\0\0\0\0\0\x01body"),
        (Http2, ToServer, preface, b"\xff"),
        (Tls, ToServer, hello, b"\x16\x03\x03\0\x01\x0b"),
        (Tls, ToServer, hello, b"\x17\x03\x03\0\0"),
        (Tls, ToServer, hello, b"\x15\x03\x03\0\x02\x01\0"),
        (Tls, ToServer, hello, b"\x16\x03\x03\0\x04\0\0\0\0"),
        (Tls, ToServer, hello, b"\x17\x03\x03\x40\0"),
        (Dns, ToServer, query, query),
        (
            Dns,
            ToServer,
            query,
            b"\0\x1d\x12\x34\x01\0\0\x02\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01\x01a\xc0\x12\0\x01\0\x01\0\0\0",
        ),
        (Dns, ToServer, query, b"\0"),
    ];
    let case = |(protocol, direction, front, word): (_, _, &[u8], &[u8])| Case {
        protocol,
        direction,
        front: front.to_vec(),
        lead: Vec::new(),
        word: word.to_vec(),
    };
    let mut cases: Vec<Case> = list.into_iter().map(case).collect();
    cases.extend(cases_of_lookups(preface));
    cases
}

/// What makes a parser look for something among all that it put down, or among all that is open, with each few bytes.
fn cases_of_lookups(preface: &[u8]) -> [Case; 3] {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let header = |block: &[u8]| frame(1, 4, 1, block);
    // Of a type that is passed over: the fields of a transaction are bounded, so they must not come too fast.
    let filler = frame(0x0a, 0, 0, &[0; 100]);
    // A name that is kept in the table, and behind it the entry by its number.
    let host = header(b"\x66\x01x");
    let case = |lead: Vec<u8>, word: Vec<u8>| Case {
        protocol: AppProtocol::Http2,
        direction: Direction::ToServer,
        front: preface.to_vec(),
        lead,
        word,
    };
    let method = [header(b"\x82"), filler.clone()].concat();
    let wrong = frame(2, 0, 1, b"").repeat(8);
    let streams: Vec<u8> = (0..250_u32)
        .flat_map(|at| [&b"\0\0\x05\x01\x04"[..], &(2 * at + 1).to_be_bytes(), b"\x82\x86\x84\x41\0"].concat())
        .collect();
    let mut of_streams = case(Vec::new(), frame(8, 0, 1, &[0, 0, 0, 1]));
    of_streams.front.extend(streams);
    [case(method.clone(), wrong), case(method, [host, header(b"\xbe"), filler].concat()), of_streams]
}

/// The least time of several runs over `bytes`, in pieces of `size`.
fn time(case: &Case, bytes: &[u8], size: usize) -> Duration {
    let run = || {
        let mut settings = AppSettings::off();
        (settings.transactions, settings.memory) = (65_536, 64 << 20);
        if let Some(protocol) = settings.of_mut(case.protocol) {
            protocol.enabled = true;
        }
        let mut applications = Applications::new(settings, 1);
        applications.set_wants(Fields::ALL);
        let mut link = AppLink::default();
        let begin = Instant::now();
        for piece in bytes.chunks(size) {
            let input = Input {
                bytes: piece,
                direction: case.direction,
                now: Nanos(0),
                ports: [53, 40_000],
                either: false,
                datagram: false,
            };
            applications.feed(&mut link, &input);
            // As a worker does: what is complete goes.
            Direction::ALL.into_iter().for_each(|way| {
                applications.take_news(link, way);
            });
            let mut at = if applications.take_changed(link) { applications.first(link) } else { TxRef::default() };
            while at.is_some() {
                let next = applications.next(at);
                for way in Direction::ALL {
                    applications.judged(at, way);
                    while applications.untold_file(at, way, false, false).is_some() {}
                }
                applications.settle(link, at);
                at = next;
            }
        }
        begin.elapsed()
    };
    (0..5).map(|_| run()).min().unwrap_or_default()
}

fn main() -> ExitCode {
    let mut worst = 0.0_f64;
    println!("{:>6} {:>6} {:>9} {:>7}  repeated", "", "pieces", "ns/byte", "growth");
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let is_wanted = |case: &Case| case.word.escape_ascii().to_string().contains(&wanted);
    for case in cases().into_iter().filter(is_wanted) {
        for size in [1 << 20, 60_000, 1_460, 1] {
            let (small, large) = (case.input(SIZE), case.input(2 * SIZE));
            // Other work on the machine may disturb one try, not all.
            let tries = (0..3).map(|_| {
                let (one, two) = (time(&case, &small, size), time(&case, &large, size));
                (two.as_secs_f64() / one.as_secs_f64().max(1e-9), two)
            });
            let (growth, took) = tries.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or_default();
            let per_byte = took.as_secs_f64() * 1e9 / large.len() as f64;
            println!(
                "{:>6} {size:>6} {per_byte:>9.1} {growth:>7.2}  {} ... {}",
                case.protocol.name(),
                case.front.get(..case.front.len().min(16)).unwrap_or_default().escape_ascii(),
                case.word.get(..case.word.len().min(48)).unwrap_or_default().escape_ascii()
            );
            worst = worst.max(growth);
        }
    }
    println!("the worst growth is {worst:.2}, at most {MOST} is allowed");
    if worst > MOST { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
