//! Conversations that ask for memory and never end: for the run that holds the whole process to its bound (`tests/memory.rs`).
//!
//! Each is a connection or flow of its own, of 10 to 90 KB, or fifty small ones, over IPv4 or IPv6 by its number, and begins half a millisecond after the one before and lasts for seconds, so that thousands are
//! open at the same time and none is closed. Seeded: the same size makes the same bytes.

use crate::{
    fuzz::{quic, seeds},
    traffic::{Clock, Ip, Random, Record, Side, TcpSession, UdpExchange, Wire, clock::BEGIN, ip, link, tcp},
};
use sluice_core::Direction;

/// Makes one conversation.
type Kind = fn(u32, &mut Random) -> Vec<Record>;

/// The kinds, each with the name it has in messages.
pub const KINDS: [(&str, Kind); 21] = [
    ("HTTP: fifty connections with half a request", half_requests),
    ("TCP: fifty handshakes that never end", half_open),
    ("HTTP: a header block that never ends", head),
    ("HTTP: one header that never ends", long_header),
    ("HTTP: chunks that never end", chunks),
    ("HTTP: a body of gzip that grows a thousandfold", bomb),
    ("HTTP: a form whose files never end", form),
    ("HTTP: an upload that never ends", upload),
    ("HTTP: requests that are never answered", pipelined),
    ("HTTP/2: a header block that never ends", continued),
    ("HTTP/2: a table of headers that grows, streams that never end", table),
    ("HTTP/2: data on streams that never end", data_frames),
    ("TLS: a hello that never ends", hello),
    ("TLS: certificates that never end", certificates),
    ("TLS: records of one byte", small_records),
    ("QUIC: CRYPTO frames with holes", crypto),
    ("DNS: questions that are never answered", questions),
    ("DNS: messages over TCP that never end", long_message),
    ("TCP: segments behind holes", holes),
    ("IP: fragments without their first", fragments),
    ("noise on ports of protocols", noise),
];

/// `bytes` of frames or a little more, of all kinds in turn, in order of time.
pub fn traffic(bytes: usize, seed: u64) -> Vec<Record> {
    let mut random = Random::new(seed);
    let mut records = Vec::new();
    let mut sum = 0;
    for number in 0.. {
        let Some((_, kind)) = KINDS.get(number as usize % KINDS.len()).filter(|_| sum < bytes) else { break };
        let made = kind(number, &mut random);
        sum += made.iter().map(|record| record.bytes.len()).sum::<usize>();
        records.extend(made);
    }
    records.sort_by_key(|record| record.time);
    records
}

/// `connections` of HTTP/1 and HTTP/2 in turn with so many requests each that are never answered, and behind them one of another client, for `/marked`.
pub fn open_requests(connections: u32, requests: u32) -> Vec<Record> {
    let mut records = Vec::new();
    for number in 0..connections {
        let mut said = Vec::new();
        if number % 2 == 0 {
            (0..requests).for_each(|_| said.extend_from_slice(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        } else {
            said = preface();
            (0..requests).for_each(|stream| said.extend(frame(HEADERS, END_HEADERS | 1, 2 * stream + 1, &request())));
        }
        records.extend(session(number, 80).client(&said).records());
    }
    let last = TcpSession::new(wire(connections), 50_000, 80).starting(Clock::after_ms(60_000)).handshake();
    let asked = last.client(b"GET /marked HTTP/1.1\r\nHost: b\r\n\r\n");
    records.extend(asked.server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").close(Side::Client).records());
    records
}

fn wire(number: u32) -> Wire {
    let [_, a, b, c] = number.to_be_bytes();
    match number % 2 {
        0 => Wire::of(&format!("10.{a}.{b}.{c}"), "192.0.2.80"),
        _ => Wire::of(&format!("2001:db8::{number:x}"), "2001:db8:ffff::80"),
    }
}

fn begins(number: u32) -> Clock {
    let mut clock = Clock::new();
    clock.advance_us(u64::from(number) * 500);
    clock
}

/// A connection whose ends have said hello.
fn session(number: u32, port: u16) -> TcpSession {
    let client_port = 1_024 + (number % 60_000) as u16;
    TcpSession::new(wire(number), client_port, port).starting(begins(number)).half_trip_us(80_000).handshake()
}

fn exchange(number: u32, port: u16) -> UdpExchange {
    UdpExchange::new(wire(number), 1_024 + (number % 60_000) as u16, port).starting(begins(number))
}

const ASK: &[u8] = b"GET /bait.exe?a=b HTTP/1.1\r\nHost: www.example.test\r\nUser-Agent: Mozilla/5.0\r\n\r\n";

/// Fifty of the client numbered `number`, each from a port of its own.
fn fifty(number: u32, make: impl Fn(TcpSession) -> TcpSession) -> Vec<Record> {
    let begun = |port| TcpSession::new(wire(number), port, 80).starting(begins(number)).half_trip_us(80_000);
    (2_000..2_050).flat_map(|port| make(begun(port)).records()).collect()
}

fn half_requests(number: u32, random: &mut Random) -> Vec<Record> {
    let begun = format!("GET /{} HTTP/1.1\r\nHost: {}", random.letters(100), random.letters(100));
    fifty(number, |session| session.handshake().client(begun.as_bytes()))
}

fn half_open(number: u32, _: &mut Random) -> Vec<Record> {
    fifty(number, |session| session.raw(Side::Client, tcp::SYN, b"").raw(Side::Server, tcp::SYN | tcp::ACK, b""))
}

fn head(number: u32, random: &mut Random) -> Vec<Record> {
    let mut block = String::from("POST /a/../b%2e%2e/c HTTP/1.1\r\nHost: example.test\r\n");
    for header in 0..random.between(150, 900) {
        block += &format!("X-{header}-{}: {}\r\n", random.letters(12), random.letters(60));
    }
    session(number, 80).client(block.as_bytes()).records()
}

fn long_header(number: u32, random: &mut Random) -> Vec<Record> {
    let folded = "a; b=c\r\n\t".repeat(random.between(1_000, 8_000) as usize);
    let session = session(number, 80).client(format!("GET / HTTP/1.1\r\nCookie: {folded}").as_bytes());
    session.server(format!("HTTP/1.1 200 OK\r\nSet-Cookie: {}", "x".repeat(20_000)).as_bytes()).records()
}

fn chunks(number: u32, random: &mut Random) -> Vec<Record> {
    let mut body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/html\r\n\r\n".to_vec();
    for _ in 0..random.between(1_000, 4_000) {
        body.extend_from_slice(format!("{:x};ext={}\r\na\r\n", 1, random.letters(4)).as_bytes());
    }
    body.extend_from_slice(b"ffffffff\r\n");
    body.extend_from_slice(&random.bytes(8_000));
    session(number, 80).client(ASK).server(&body).records()
}

/// Deflated zeros (RFC 1951 section 3.2.6: the fixed codes), 258 for each 13 bits, in a gzip member that never ends.
pub fn zeros(bytes: usize) -> Vec<u8> {
    let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    let (mut word, mut used) = (0_u32, 0);
    let mut put = |bits: u32, count: u32| {
        word |= bits << used;
        used += count;
        while used >= 8 {
            out.push(word as u8);
            word >>= 8;
            used -= 8;
        }
    };
    // A block that is not the last, a zero, then copies of 258 bytes from one byte before. Codes stand with their first bit first.
    put(0b010, 3);
    put(0b0000_1100, 8);
    for _ in 0..bytes / 258 {
        put(0b1010_0011, 8);
        put(0, 5);
    }
    out
}

fn bomb(number: u32, random: &mut Random) -> Vec<Record> {
    let zeros = zeros(random.between(2_000_000, 8_000_000) as usize);
    let layers = random.pick(&["gzip", "gzip, gzip", "deflate, gzip"]);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {layers}\r\nContent-Length: 1000000000\r\n\r\n");
    let session = session(number, 80).client(ASK).server(&[head.as_bytes(), &zeros].concat());
    session.records()
}

fn form(number: u32, random: &mut Random) -> Vec<Record> {
    let mut body = b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999999\r\n\r\n".to_vec();
    for _ in 0..random.between(50, 300) {
        let name = random.letters(30);
        let head = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=";
        body.extend_from_slice(format!("{head}\"{name}.exe\"\r\n\r\nMZ{name}{name}\r\n").as_bytes());
    }
    session(number, 80).client(&body).records()
}

fn upload(number: u32, random: &mut Random) -> Vec<Record> {
    let length = random.between(20_000, 60_000) as usize;
    let head = b"PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: 4294967296\r\n\r\n";
    session(number, 80).client(&[&head[..], &random.bytes(length)].concat()).records()
}

fn pipelined(number: u32, random: &mut Random) -> Vec<Record> {
    let count = random.between(100, 500);
    let asks: String =
        (0..count).map(|ask| format!("GET /{ask} HTTP/1.1\r\nHost: {}\r\n\r\n", random.letters(40))).collect();
    session(number, 80).client(asks.as_bytes()).records()
}

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (payload.len() as u32).to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// What a client of HTTP/2 begins with.
fn preface() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat()
}

/// A header that goes into the table (RFC 7541 section 6.2.1), its text as it is.
fn indexed(name: &str, value: &str) -> Vec<u8> {
    [&[0x40, name.len() as u8][..], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

/// `GET /` for a host nobody has.
fn request() -> Vec<u8> {
    [&[0x82, 0x84, 0x86, 0x41, 4][..], b"a.no"].concat()
}

fn continued(number: u32, random: &mut Random) -> Vec<Record> {
    let mut said = [preface(), frame(HEADERS, 0, 1, &request())].concat();
    for _ in 0..random.between(100, 600) {
        said.extend(frame(CONTINUATION, 0, 1, &indexed(&random.letters(20), &random.letters(60))));
    }
    session(number, 80).client(&said).records()
}

fn table(number: u32, random: &mut Random) -> Vec<Record> {
    let mut said = preface();
    for stream in 0..random.between(60, 200) {
        let grown: Vec<u8> = (0..3).flat_map(|_| indexed(&random.letters(30), &random.letters(90))).collect();
        said.extend(frame(HEADERS, END_HEADERS, 2 * stream as u32 + 1, &[request(), grown].concat()));
    }
    let wide = frame(4, 0, 0, &[0, 1, 0, 1, 0, 0]);
    session(number, 80).server(&wide).client(&said).records()
}

fn data_frames(number: u32, random: &mut Random) -> Vec<Record> {
    let mut said = preface();
    for stream in 0..40 {
        said.extend(frame(HEADERS, END_HEADERS, 2 * stream + 1, &request()));
        said.extend(frame(0, 0, 2 * stream + 1, &random.bytes(900)));
    }
    session(number, 80).client(&said).records()
}

/// A record of TLS.
fn record(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = (bytes.len() as u16).to_be_bytes();
    [&[kind, 3, 3, high, low][..], bytes].concat()
}

fn hello(number: u32, random: &mut Random) -> Vec<Record> {
    let length = random.between(20_000, 60_000) as usize;
    let message = [&[1, 0xff, 0xff, 0xff, 3, 3][..], &random.bytes(length)].concat();
    let said: Vec<u8> =
        message.chunks(random.between(200, 16_000) as usize).flat_map(|part| record(22, part)).collect();
    session(number, 443).client(&said).records()
}

fn certificates(number: u32, random: &mut Random) -> Vec<Record> {
    let length = random.between(20_000, 60_000) as usize;
    let front = [11, 0xff, 0xff, 0xfa, 0xff, 0xff, 0xf7, 0xff, 0xff, 0xf4, 0x30, 0x83, 0xff, 0xff, 0xe0];
    let chain = [&front[..], &random.bytes(length)].concat();
    let said: Vec<u8> = chain.chunks(random.between(100, 16_000) as usize).flat_map(|part| record(22, part)).collect();
    let session = session(number, 443).client(&record(22, &seeds::client_hello()));
    session.server(&[record(22, &seeds::server_hello(false)), said].concat()).records()
}

fn small_records(number: u32, random: &mut Random) -> Vec<Record> {
    let message = [seeds::client_hello(), random.bytes(2_000)].concat();
    let said: Vec<u8> = message.iter().flat_map(|byte| record(22, &[*byte])).collect();
    session(number, 443).client(&said).records()
}

fn crypto(number: u32, random: &mut Random) -> Vec<Record> {
    // Never its first byte, so that no message is ever whole.
    (0..random.between(4, 16))
        .fold(exchange(number, 443), |exchange, place| {
            let [high, low] = ((place * 1_500 + 1) as u16 | 0x4000).to_be_bytes();
            let frames = [&[6, high, low, 0x44, 0x00][..], &random.bytes(1_024), &[0; 100]].concat();
            let version = random.pick(&[0, 1]);
            exchange.client(&quic::sealed(version, Direction::ToServer, &frames))
        })
        .records()
}

fn questions(number: u32, random: &mut Random) -> Vec<Record> {
    (0..random.between(50, 200))
        .fold(exchange(number, 53), |exchange, id| {
            let label = random.letters(50);
            let message = [
                &[id as u8, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 50][..],
                label.as_bytes(),
                &[4],
                b"test",
                &[0, 0, 16, 0, 1],
            ];
            exchange.client(&message.concat())
        })
        .records()
}

fn long_message(number: u32, random: &mut Random) -> Vec<Record> {
    let label = [&[60][..], random.letters(60).as_bytes()].concat();
    let message = [&[0xff, 0xff, 0, 7, 1, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0][..], &label.repeat(500)].concat();
    session(number, 53).client(&message).records()
}

fn holes(number: u32, random: &mut Random) -> Vec<Record> {
    let port = random.pick(&[80, 443, 53, 4_444]);
    (0..random.between(10, 40))
        .fold(session(number, port), |session, place| {
            let data = random.bytes(1_000);
            session.aside(Side::Client, tcp::ACK, &data, |tcp| tcp.seq = tcp.seq.wrapping_add(1 + place as u32 * 1_500))
        })
        .records()
}

fn fragments(number: u32, random: &mut Random) -> Vec<Record> {
    let [src, dst] = wire(number).ends(Side::Client).map(|host| host.ip);
    let header = Ip { id: number, ..Ip::between(src, dst) };
    let pieces = header.fragments(ip::UDP, &random.bytes(20_000), 1_200);
    let record = |(place, piece): (u64, &Vec<u8>)| {
        let bytes = link::ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], &[], header.ether_type(), piece);
        Record { time: BEGIN + u64::from(number) * 500_000 + place * 100_000_000, bytes }
    };
    (0..).zip(&pieces).skip(1).map(record).collect()
}

fn noise(number: u32, random: &mut Random) -> Vec<Record> {
    let port = random.pick(&[80, 443, 53, 20_000, 502, 44_818]);
    let (first, second) = (random.bytes(9_000), random.bytes(9_000));
    session(number, port).client(&first).server(&second).records()
}

#[cfg(test)]
mod tests {
    use super::{KINDS, traffic};

    #[test]
    fn every_kind_is_there_and_the_same_size_makes_the_same_bytes() {
        let records = traffic(1_500_000, 1);
        assert!(records.iter().map(|record| record.bytes.len()).sum::<usize>() >= 1_500_000);
        assert!(records.is_sorted_by_key(|record| record.time));
        assert_eq!(records, traffic(1_500_000, 1));
        let mut random = crate::traffic::Random::new(3);
        for (number, (name, kind)) in (0..).zip(KINDS) {
            let bytes: usize = kind(number, &mut random).iter().map(|record| record.bytes.len()).sum();
            assert!((3_000..200_000).contains(&bytes), "{name}: {bytes}");
        }
    }
}
