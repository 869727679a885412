//! Traffic that hangs together as badly as it can: many conversations of few hosts, in tunnels within tunnels, in fragments, with errors about each other.
//!
//! Used by `tests/workers.rs`: whatever the number of workers, they must tell the same of it. Made by a seed; nothing in it is meant to make sense.

use crate::traffic::{
    Capture, Ip, Link, Random, Record, Tunnel,
    clock::BEGIN,
    icmp, ip, link,
    tcp::{ACK, FIN, PSH, RST, SYN, Tcp},
    tunnel::Kind,
    udp,
};
use std::net::IpAddr;

/// What is sent: words that rules look for, and none.
const WORDS: [&[u8]; 5] = [
    b"GET /secret HTTP/1.1",
    b"attack",
    b"reject me",
    b"",
    b"nothing to see here, and a lot of it: more than a hundred bytes in one packet, which the rule on sizes asks for",
];

/// A conversation.
struct Talk {
    ends: [IpAddr; 2],
    ports: [u16; 2],
    tcp: bool,
    /// Next sequence number of either side.
    next: [u32; 2],
    /// Steps done: the first three are the handshake.
    step: u32,
    tunnels: Vec<Tunnel>,
    tag: Option<u16>,
}

/// A capture of about `records` records over `link`. Several of one `seed` hang together: the same hosts, ports and tunnels, going on in time.
pub fn capture(seed: u64, part: u64, link: Link, records: usize) -> Capture {
    let mut random = Random::new(seed.wrapping_mul(1_000).wrapping_add(part));
    // The same talks in each part.
    let mut same = Random::new(seed);
    let mut talks: Vec<Talk> = (0..60).map(|_| talk(&mut same)).collect();
    let mut capture = Capture::new(link);
    let mut time = BEGIN + part * 900_000_000_000;
    while capture.len() < records {
        // Mostly close together, now and then a pause in which flows end; at times a packet that is late.
        time += match random.between(0, 200) {
            0 => 70_000_000_000,
            1..10 => 1_100_000_000,
            10..80 => 40_000_000,
            _ => 300_000,
        };
        let late = if random.between(0, 20) == 0 { 2_000_000_000 } else { 0 };
        let which = random.between(0, talks.len() as u64) as usize;
        let Some(talk) = talks.get_mut(which) else { continue };
        for packet in talk.packets(&mut random) {
            let bytes = frame(link, talk.tag, &packet);
            capture.add([Record { time: time - late, bytes }]);
        }
    }
    capture
}

fn host(random: &mut Random, six: bool) -> IpAddr {
    let last = random.between(1, 9) as u8;
    if six { IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)]) } else { IpAddr::from([10, 0, 0, last]) }
}

fn talk(random: &mut Random) -> Talk {
    let six = random.between(0, 3) == 0;
    let tunnels = (0..random.between(0, 4))
        .map(|_| {
            let outer_six = random.between(0, 3) == 0;
            let kind = match random.between(0, 3) {
                0 => Kind::Vxlan(7),
                1 => Kind::Gre,
                _ => Kind::IpInIp,
            };
            Tunnel { kind, gateways: [host(random, outer_six), host(random, outer_six)] }
        })
        .collect();
    Talk {
        ends: [host(random, six), host(random, six)],
        ports: [random.between(40_000, 40_006) as u16, random.pick(&[25, 53, 80, 443, 8_080])],
        tcp: random.between(0, 3) > 0,
        next: [100, 5_000],
        step: 0,
        tunnels,
        tag: (random.between(0, 4) == 0).then_some(7),
    }
}

/// A packet around which the tunnels are to be laid, and who sends it.
struct Packet {
    ether_type: u16,
    bytes: Vec<u8>,
}

impl Talk {
    fn packets(&mut self, random: &mut Random) -> Vec<Packet> {
        self.step += 1;
        let back = if self.tcp && self.step <= 3 { self.step == 2 } else { random.between(0, 2) == 0 };
        let (from, to) = if back { (1, 0) } else { (0, 1) };
        let [src, dst] = [self.ends[from], self.ends[to]];
        let [src_port, dst_port] = [self.ports[from], self.ports[to]];
        let header = Ip { id: random.between(1, 5) as u32, ..Ip::between(src, dst) };
        let word = WORDS[random.between(0, WORDS.len() as u64) as usize];
        let inner = match random.between(0, 20) {
            // An error about a packet of the other way, by the host itself or by somebody between.
            0 | 1 => {
                let quoted = self.datagram_or_segment(to, from, b"quoted bytes");
                let protocol = if self.tcp { ip::TCP } else { ip::UDP };
                let quoted = Ip::between(dst, src).packet(protocol, &quoted);
                let kind = if src.is_ipv4() { 3 } else { 1 };
                let sender = if random.between(0, 2) == 0 { src } else { host(random, src.is_ipv6()) };
                let message = icmp::message(sender, dst, kind, 1, [0; 4], &quoted);
                vec![Ip { src: sender, ..header.clone() }.packet(icmp::protocol(src), &message)]
            }
            2 => {
                let kind = [[8, 0], [128, 129]][usize::from(src.is_ipv6())][from];
                vec![header.packet(icmp::protocol(src), &icmp::message(src, dst, kind, 0, icmp::echo(1, 1), word))]
            }
            3 | 4 => {
                let datagram = udp::datagram(src, dst, src_port, dst_port, &[word, &[b'.'; 60]].concat());
                let mut pieces = header.fragments(ip::UDP, &datagram, 32);
                if random.between(0, 2) == 0 {
                    pieces.reverse();
                }
                pieces
            }
            _ if !self.tcp => {
                vec![header.packet(ip::UDP, &udp::datagram(src, dst, src_port, dst_port, word))]
            }
            _ => vec![header.packet(ip::TCP, &self.segment(from, to, word, random))],
        };
        // A fragment may also be one of the tunnel's.
        let torn = random.between(0, 15) == 0;
        inner.into_iter().flat_map(|packet| self.wrapped(from, header.ether_type(), packet, torn)).collect()
    }

    fn datagram_or_segment(&self, from: usize, to: usize, payload: &[u8]) -> Vec<u8> {
        if self.tcp {
            let tcp =
                Tcp { seq: self.next[from], ack: self.next[to], ..Tcp::new(self.ports[from], self.ports[to], ACK) };
            tcp.bytes(self.ends[from], self.ends[to], payload)
        } else {
            udp::datagram(self.ends[from], self.ends[to], self.ports[from], self.ports[to], payload)
        }
    }

    fn segment(&mut self, from: usize, to: usize, word: &[u8], random: &mut Random) -> Vec<u8> {
        let (flags, payload) = match (self.step, random.between(0, 30)) {
            (1, _) => (SYN, &b""[..]),
            (2, _) => (SYN | ACK, &b""[..]),
            (3, _) => (ACK, &b""[..]),
            (_, 0) => (RST, &b""[..]),
            (_, 1 | 2) => (FIN | ACK, &b""[..]),
            // Begins anew, on the same ports.
            (_, 3) => {
                self.step = 1;
                self.next = [random.next() as u32, random.next() as u32];
                (SYN, &b""[..])
            }
            _ => (PSH | ACK, word),
        };
        let ack = if flags & ACK != 0 { self.next[to] } else { 0 };
        let tcp = Tcp { seq: self.next[from], ack, ..Tcp::new(self.ports[from], self.ports[to], flags) };
        let mut bytes = tcp.bytes(self.ends[from], self.ends[to], payload);
        let counts = u32::from(flags & (SYN | FIN) != 0);
        self.next[from] = self.next[from].wrapping_add(payload.len() as u32 + counts);
        if random.between(0, 40) == 0 {
            // A wrong checksum.
            bytes[16] ^= 0xff;
        }
        bytes
    }

    fn wrapped(&self, from: usize, mut ether_type: u16, packet: Vec<u8>, torn: bool) -> Vec<Packet> {
        let mut bytes = packet;
        for tunnel in &self.tunnels {
            let (outer, whole) = tunnel.wrap(from == 0, [[2; 6], [4; 6]], ether_type, &bytes);
            (ether_type, bytes) = (outer.ether_type(), whole);
        }
        match (torn, self.tunnels.last()) {
            (true, Some(tunnel)) if ether_type == link::IPV4 => {
                let [near, far] = if from == 0 { tunnel.gateways } else { [tunnel.gateways[1], tunnel.gateways[0]] };
                let protocol = bytes[9];
                let pieces = Ip { id: 9, ..Ip::between(near, far) }.fragments(protocol, &bytes[20..], 64);
                pieces.into_iter().map(|bytes| Packet { ether_type, bytes }).collect()
            }
            _ => vec![Packet { ether_type, bytes }],
        }
    }
}

fn frame(link: Link, tag: Option<u16>, packet: &Packet) -> Vec<u8> {
    let Packet { ether_type, bytes } = packet;
    match link {
        Link::Ethernet => {
            let tags: Vec<link::Tag> = tag.into_iter().map(link::Tag::vlan).collect();
            link::padded(link::ethernet([2; 6], [4; 6], &tags, *ether_type, bytes))
        }
        Link::Raw => bytes.clone(),
        Link::Null => link::null(*ether_type, bytes),
        Link::Cooked => link::cooked([2; 6], *ether_type, bytes),
    }
}
