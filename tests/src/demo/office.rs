//! What goes on every day: names, pages, mail, remote shells, time, echoes. Nothing here may raise an alert.

use super::LENGTH_MS;
use crate::{
    cases::{payload, starter_network},
    traffic::{
        Capture, Clock, Host, Ping, Random, Record, Side, TcpSession, UdpExchange, Wire,
        link::{self, Tag},
    },
};

/// Hardware address of the router: hosts outside are seen behind it.
const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// Names people ask for.
const SITES: [&str; 8] = [
    "news.example",
    "maps.example",
    "bank.example",
    "wiki.example",
    "shop.example",
    "cdn.example",
    "crm.example",
    "sso.example",
];
/// Paths people ask for.
const PAGES: [&str; 6] =
    ["/", "/index.html", "/style.css", "/logo.svg", "/api/v1/items?page=2", "/search?q=branch+office"];

/// A host outside, behind the router.
pub fn outside(address: &str) -> Host {
    Host { mac: ROUTER, ..Host::at(address) }
}

/// The office: its generator and its capture.
struct Office {
    random: Random,
    capture: Capture,
    port: u16,
}

/// The traffic of the whole afternoon.
pub fn traffic() -> Capture {
    let mut office = Office { random: Random::new(0x0510_71ce), capture: Capture::default(), port: 49_152 };
    for visit in 0..205_u64 {
        let time = visit * LENGTH_MS / 205 + office.random.between(0, 2_500);
        match visit % 8 {
            0..=2 => office.page(time),
            7 => office.page_over_ipv6(time),
            _ => office.secure_page(time),
        }
    }
    for mail in 0..14 {
        office.mail(20_000 + mail * 41_000);
    }
    for shell in 0..5 {
        office.shell(30_000 + shell * 110_000);
    }
    for round in 0..20 {
        office.housekeeping(round * 29_000 + 1_500);
    }
    office.capture
}

impl Office {
    fn add(&mut self, records: Vec<Record>) {
        self.capture.add(records);
    }

    fn port(&mut self) -> u16 {
        self.port = if self.port >= 65_000 { 49_152 } else { self.port + 1 };
        self.port
    }

    /// A desk in the office, or in the guests' VLAN.
    fn desk(&mut self) -> (Host, Vec<Tag>) {
        let number = self.random.between(10, 34);
        match self.random.between(0, 5) {
            0 => (Host::at(&format!("10.20.40.{number}")), vec![Tag::vlan(40)]),
            floor => (Host::at(&format!("10.20.{floor}.{number}")), Vec::new()),
        }
    }

    fn session(&mut self, client: Host, tags: &[Tag], server: Host, port: u16, time: u64) -> TcpSession {
        let (client_isn, server_isn) = (self.random.next() as u32, self.random.next() as u32);
        let trip = self.random.between(800, 14_000);
        let wire = Wire::between(client, server).tagged(tags);
        let client_port = self.port();
        let session = TcpSession::new(wire, client_port, port).isns(client_isn, server_isn);
        session.half_trip_us(trip).starting(Clock::after_ms(time)).handshake()
    }

    /// A name asked for and answered.
    fn name(&mut self, client: Host, tags: &[Tag], site: &str, time: u64) {
        let resolver = Host::at("10.20.0.53");
        let (id, last) = (self.random.next() as u16, self.random.between(10, 250) as u8);
        let wire = Wire::between(client, resolver).tagged(tags);
        let exchange = UdpExchange::new(wire, self.port(), 53).starting(Clock::after_ms(time));
        let question = payload::dns_query(id, site, payload::A);
        let answer = payload::dns_answer(id, site, payload::A, &[198, 51, 100, last]);
        self.add(exchange.client(&question).server(&answer).records());
    }

    fn server(&mut self) -> Host {
        outside(&format!("198.51.100.{}", self.random.between(10, 250)))
    }

    fn page(&mut self, time: u64) {
        let (client, tags) = self.desk();
        let (site, page) = (self.random.pick(&SITES), self.random.pick(&PAGES));
        self.name(client, &tags, site, time);
        let server = self.server();
        let mut session = self.session(client, &tags, server, 80, time + 30);
        for _ in 0..self.random.between(1, 3) {
            let size = self.random.between(80, 700) as usize;
            let body = format!("<html><body>{}</body></html>\n", self.random.letters(size));
            session = session.client(&payload::get(page, site));
            session = session.server(&payload::response("200 OK", "text/html", body.as_bytes()));
            session = session.pause_ms(self.random.between(20, 900));
        }
        self.add(session.close(Side::Client).records());
    }

    /// A TLS connection: the hellos as they are, then records of random bytes.
    fn tls(&mut self, mut session: TcpSession, site: &str) -> Vec<Record> {
        session = session.client(&payload::client_hello(0x0303, site));
        let hello = [&[2, 0, 0, 70, 3, 3][..], &self.random.bytes(68)].concat();
        session = session.server(&payload::tls_record(22, 0x0303, &hello));
        let finished = self.random.bytes(40);
        session = session.client(&payload::tls_record(22, 0x0303, &finished));
        for _ in 0..self.random.between(1, 4) {
            let (asked, answered) = (self.random.between(40, 160) as usize, self.random.between(80, 500) as usize);
            let (asked, answered) = (self.random.bytes(asked), self.random.bytes(answered));
            session = session.client(&payload::tls_record(23, 0x0303, &asked));
            session = session.server(&payload::tls_record(23, 0x0303, &answered));
            session = session.pause_ms(self.random.between(10, 1_500));
        }
        let session = session.server(&payload::tls_record(21, 0x0303, &[1, 0]));
        session.close(Side::Server).records()
    }

    fn secure_page(&mut self, time: u64) {
        let (client, tags) = self.desk();
        let site = self.random.pick(&SITES);
        self.name(client, &tags, site, time);
        let server = self.server();
        let session = self.session(client, &tags, server, 443, time + 25);
        let records = self.tls(session, site);
        self.add(records);
    }

    fn page_over_ipv6(&mut self, time: u64) {
        let client = Host::at(&format!("2001:db8:20::{:x}", self.random.between(16, 64)));
        let server = outside(&format!("2001:db8:80::{:x}", self.random.between(1, 99)));
        let site = self.random.pick(&SITES);
        let session = self.session(client, &[], server, 443, time);
        let records = self.tls(session, site);
        self.add(records);
    }

    /// A letter handed to the mail server of the house.
    fn mail(&mut self, time: u64) {
        let (client, tags) = self.desk();
        let (who, size) = (self.random.letters(6), self.random.between(60, 500) as usize);
        let text = self.random.letters(size);
        let lines: [(&str, String); 6] = [
            ("220 mail.branch.example ESMTP\r\n", "EHLO desk.branch.example\r\n".into()),
            ("250-mail.branch.example\r\n250 SIZE 10240000\r\n", format!("MAIL FROM:<{who}@branch.example>\r\n")),
            ("250 ok\r\n", "RCPT TO:<orders@example.org>\r\n".into()),
            ("250 ok\r\n", "DATA\r\n".into()),
            ("354 go on\r\n", format!("Subject: order\r\n\r\n{text}\r\n.\r\n")),
            ("250 queued\r\n", "QUIT\r\n".into()),
        ];
        let mut session = self.session(client, &tags, Host::at("10.20.0.25"), 25, time);
        for (greeting, answer) in lines {
            session = session.server(greeting.as_bytes()).client(answer.as_bytes());
        }
        self.add(session.server(b"221 bye\r\n").close(Side::Server).records());
    }

    /// A remote shell: banners, then small records both ways.
    fn shell(&mut self, time: u64) {
        let (client, tags) = self.desk();
        let mut session = self.session(client, &tags, Host::at("10.20.0.22"), 22, time);
        session = session.server(b"SSH-2.0-OpenSSH_9.6\r\n").client(b"SSH-2.0-OpenSSH_9.7\r\n");
        for _ in 0..self.random.between(12, 22) {
            let (typed, shown) = (self.random.bytes(36), self.random.between(36, 180) as usize);
            let shown = self.random.bytes(shown);
            session = session.client(&typed).server(&shown).pause_ms(self.random.between(100, 2_500));
        }
        self.add(session.close(Side::Client).records());
    }

    /// Time, echoes, neighbours, the router's own advertisement, a device asked how it is.
    fn housekeeping(&mut self, time: u64) {
        let (client, tags) = self.desk();
        let clock = |offset: u64| Clock::after_ms(time + offset);
        let wire = |server: Host| Wire::between(client, server).tagged(&tags);
        let mut answer = payload::ntp_request();
        if let Some(first) = answer.first_mut() {
            *first = 0x24;
        }
        let ntp = UdpExchange::new(wire(outside("198.51.100.123")), 123, 123).starting(clock(0));
        self.capture.add(ntp.client(&payload::ntp_request()).server(&answer).records());
        let ping = Ping::new(wire(outside("198.51.100.1"))).starting(clock(200));
        self.capture.add(ping.echo(b"abcdefghijklmnopqrstuvwabcdefghi").records());
        let snmp = UdpExchange::new(Wire::of("10.20.0.40", "10.20.0.41"), 50_161, 161).starting(clock(400));
        self.capture.add(snmp.client(&payload::snmp_get(1, "branch7")).records());
        self.capture.add(starter_network::advertisement(time + 600, "fe80::1", 255));
        if let ([.., a, b], std::net::IpAddr::V4(address)) = (client.mac, client.ip) {
            let asked = link::arp(1, (client.mac, address.octets()), ([0; 6], [10, 20, 0, 1]));
            let frame = link::ethernet(client.mac, [0xff; 6], &tags, link::ARP, &asked);
            let micros = u64::from(a) * 10 + u64::from(b);
            self.capture.add([Record { time: clock(800).now() + micros * 1_000, bytes: link::padded(frame) }]);
        }
    }
}
