//! Target `flow`: a conversation of few hosts through the whole pipeline, with a small flow table.
//!
//! The first two bytes choose the settings; then operations, each of four bytes: what, between whom, how much time has passed, and a number. The table never holds more than its
//! capacity, each flow ends once, each stopped frame is told of once, passive mode never stops one, and the short way past flows that nobody looks at ([`sluice_worker::glance`])
//! says the same as the long one.

use super::rules;
use sluice_core::{
    Counters, HashKey, Ledger, Nanos, Verdict,
    event::EventBody,
    ring::{EventReceiver, WhenFull, event_ring},
    verdict::Mode,
};
use sluice_detect::{Inspector, Ruleset, state::State};
use sluice_flow::{Partitions, StreamSettings, TcpSettings};
use sluice_packet::{Decoded, LinkType, decode};
use sluice_worker::{
    ChecksumMode, Copies, Generation, Pipeline, Reporter, Settings, checksums::ChecksumJudge, glance::Glance,
    inbox::Job, pipeline::At,
};
use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use crate::traffic::{Ip, icmp, ip, tcp::Tcp, udp};

const CAPACITY: usize = 12;
const HALF_OPEN: usize = 4;
/// Operations of one input.
const MOST: usize = 512;
/// The time before the first operation, seconds.
const START: u64 = 1_000_000;

const RULES: &str = r#"
pass tcp any any -> any 82 (flow:established; content:"GET "; sid:1;)
drop tcp any any -> any 81 (flow:established; content:"user"; hostbits:set,h,src; sid:2;)
drop udp any any -> any 81 (content:"abcd"; sid:3;)
reject tcp any any -> any 83 (content:"user"; sid:4;)
alert tcp any any -> any any (flow:established,to_server; content:"GET "; flowbits:set,got; sid:5;)
alert tcp any any -> any any (flow:established,to_client; flowbits:isset,got; sid:6;)
alert udp any any -> any any (content:"abcd"; threshold:type limit, track by_src, count 3, seconds 60; sid:7;)
alert tcp any any -> any any (flags:S; detection_filter:track by_dst, count 5, seconds 60; sid:8;)
alert icmp any any -> any any (itype:3; xbits:set,x,track ip_src,expire 60; sid:9;)
alert ip any any -> any any (xbits:isset,x,track ip_dst; flow.pkts:either,>1; sid:10;)
alert ip any any -> any any (fragbits:M; sid:11;)
"#;

fn ruleset() -> Arc<Ruleset> {
    static RULESET: OnceLock<Arc<Ruleset>> = OnceLock::new();
    Arc::clone(RULESET.get_or_init(|| {
        let ruleset = rules::ruleset(RULES.as_bytes(), usize::MAX);
        assert_eq!(ruleset.rules().len(), RULES.trim().lines().count());
        Arc::new(ruleset)
    }))
}

/// Every parser, and little room.
fn applications() -> sluice_app::AppSettings {
    let mut settings = sluice_app::AppSettings::default();
    (settings.transactions, settings.memory) = (64, 1 << 20);
    settings
}

/// Runs one input.
pub fn run(input: &[u8]) {
    let [mode, more, operations @ ..] = input else { return };
    let settings = Settings {
        mode: if mode & 1 == 0 { Mode::Passive } else { Mode::Inline },
        tcp: TcpSettings {
            midstream: mode & 2 != 0,
            async_oneside: more & 2 != 0,
            inline: mode & 1 != 0,
            ..TcpSettings::default()
        },
        drop_invalid: more & 4 == 0,
        checksums: [ChecksumMode::Off, ChecksumMode::On, ChecksumMode::Auto][usize::from(mode >> 2) % 3],
        vlan_tracking: mode & 0x40 == 0,
        flow_capacity: CAPACITY,
        half_open_capacity: HALF_OPEN,
        streams: StreamSettings { memory: 1 << 20, at_once: mode & 0x80 != 0, lists: 64, ..StreamSettings::default() },
        partitions: Partitions::for_capacity(if more & 1 == 0 { 1 } else { CAPACITY }),
        copies: Copies {
            alerts: true,
            flows: true,
            drops: true,
            arp: true,
            anomalies: true,
            stream_anomalies: true,
            tagged: true,
            ethernet: true,
            applications: true,
            files: true,
            store: sluice_worker::FileStoring::ByRules,
            headers: true,
        },
        normalise: sluice_packet::normalise::Switches::default(),
        applications: applications(),
        ..Settings::default()
    };
    let (mut long, mut short) = (Side::new(&settings), Side::new(&settings));
    let mut now = START;
    for operation in operations.chunks_exact(4).take(MOST) {
        let &[what, who, time, number] = operation else { return };
        now += [0, 0, 0, 1, 20, 45, 200, 4_000][usize::from(time & 7)];
        let frame = frame(what, who, number);
        let one = long.judge(now, &frame, false);
        let other = short.judge(now, &frame, true);
        assert_eq!(one, other, "the short way and the long way, {operation:02x?} at {now}");
        assert!(long.pipeline.live_flows() <= CAPACITY + HALF_OPEN);
        assert_eq!(long.pipeline.live_flows(), short.pipeline.live_flows());
    }
    let [one, other] = [long.finish(), short.finish()];
    assert_eq!(one, other, "the short way counts something else");
}

struct Side {
    pipeline: Pipeline,
    events: EventReceiver,
    checksums: ChecksumJudge,
    decoded: Box<Decoded>,
    records: u64,
    mode: Mode,
    ledger: Ledger,
    alerts: u64,
    drops: u64,
    ended: u64,
}

impl Side {
    fn new(settings: &Settings) -> Self {
        let ruleset = ruleset();
        let inspector = Inspector::new(&ruleset, 15).expect("room to inspect");
        let (sender, events) = event_ring(0, 128, 64, WhenFull::Lose);
        let generation = Box::new(Generation { ruleset, inspector });
        let state = State::alone(HashKey::fixed());
        let reporter = Reporter::new(sender, settings.copies);
        Self {
            pipeline: Pipeline::new(settings.clone(), generation, state, HashKey::fixed(), reporter),
            events,
            checksums: ChecksumJudge::new(settings.checksums),
            decoded: Box::default(),
            records: 0,
            mode: settings.mode,
            ledger: Ledger::default(),
            alerts: 0,
            drops: 0,
            ended: 0,
        }
    }

    /// The verdict on one frame, by a glance if that is wanted and enough.
    fn judge(&mut self, seconds: u64, frame: &[u8], may_glance: bool) -> Verdict {
        self.records += 1;
        self.ledger.rx += 1;
        let now = Nanos::from_seconds(seconds);
        let mut glance = Glance::NONE;
        self.pipeline.glance(frame, &mut glance);
        self.pipeline.glance_at_flow(&mut glance);
        let next = self.checksums.next();
        let quick = if may_glance { self.pipeline.short_cut(&glance, || next, now) } else { None };
        let verdict = quick.unwrap_or_else(|| {
            let link = self.pipeline.settings().link;
            assert_eq!(link, LinkType::Ethernet);
            decode(frame, link, &self.pipeline.settings().decode, &mut self.decoded);
            let key = self.pipeline.prefetch(&self.decoded);
            let checksums = self.checksums.judge(&self.decoded, frame);
            let at = At { time: now, now, record: self.records };
            let job = Job::whole(at, checksums);
            self.pipeline.process(&self.decoded, key, frame, &job)
        });
        match verdict {
            Verdict::Drop(cause) => {
                assert_eq!(self.mode, Mode::Inline, "passive never drops");
                self.ledger.drop_packet(cause);
            }
            Verdict::Pass if self.mode == Mode::Inline => self.ledger.tx += 1,
            Verdict::Pass => self.ledger.consumed += 1,
        }
        self.pipeline.take_answers(u64::MAX, |_| ());
        self.pipeline.expire(now);
        self.read();
        verdict
    }

    fn read(&mut self) {
        let Self { events, alerts, drops, ended, .. } = self;
        while events.receive(|slot| match slot.body {
            EventBody::Alert { .. } => *alerts += 1,
            EventBody::Drop { .. } => *drops += 1,
            EventBody::Flow { .. } => *ended += 1,
            _ => {}
        }) {}
    }

    /// Ends everything and holds the books against each other.
    fn finish(mut self) -> Vec<(&'static str, u64)> {
        self.pipeline.finish();
        self.read();
        let counters = self.pipeline.counters;
        assert_eq!(self.pipeline.live_flows(), 0);
        assert_eq!(self.ledger.imbalance(), 0);
        assert_eq!(counters.events_lost_ring_full, 0);
        assert_eq!(counters.ips_accepted, self.ledger.tx + self.ledger.consumed);
        assert_eq!(counters.ips_blocked, self.ledger.dropped_total());
        assert_eq!(self.drops, self.ledger.dropped_total(), "each stopped frame is told of once");
        assert_eq!(self.alerts, counters.detect_alert);
        assert_eq!(self.ended, counters.flow_total, "each flow ends once");
        named(&counters)
    }
}

fn named(counters: &Counters) -> Vec<(&'static str, u64)> {
    Counters::NAMES.iter().copied().zip(counters.values()).collect()
}

/// Four hosts of each IP version.
fn host(number: u8) -> IpAddr {
    let last = 1 + (number & 3);
    if number & 4 == 0 { IpAddr::from([10, 0, 0, last]) } else { format!("fd00::{last}").parse().unwrap() }
}

/// The frame of one operation.
fn frame(what: u8, who: u8, number: u8) -> Vec<u8> {
    // Both of one version; the fourth bit turns them round.
    let pair = [host(who & 7), host(who & 4 | (who >> 3 & 3))];
    let ports = [40_000 + u16::from(number & 1), 80 + u16::from(who >> 6)];
    let back = who & 0x20 != 0;
    let ([src, dst], [from, to]) = if back { ([pair[1], pair[0]], [ports[1], ports[0]]) } else { (pair, ports) };
    let payload: &[u8] = [&b""[..], b"GET /?user=1", b"abcd", b"user abcd"][usize::from(number >> 1 & 3)];
    let version = if src.is_ipv4() { 4 } else { 6 };
    let segment = |flags: u8| {
        let (seq, ack) = if back { (5_000, 101) } else { (100, 5_001) };
        let offset = u32::from(number >> 3 & 7);
        let seq = if flags & 2 == 0 { seq + 1 + offset } else { seq + offset / 4 };
        let tcp = Tcp { seq, ack, ..Tcp::new(from, to, flags) };
        tcp.bytes(src, dst, if flags & 2 == 0 { payload } else { b"" })
    };
    let datagram = || udp::datagram(src, dst, from, to, payload);
    let header = Ip::between(src, dst);
    let icmp_number = if version == 4 { ip::ICMP } else { ip::ICMPV6 };
    let (mut packets, mut break_at) = (Vec::new(), None);
    match what & 15 {
        0 => packets.push(header.packet(ip::TCP, &segment(0x02))),
        1 => packets.push(header.packet(ip::TCP, &segment(0x12))),
        2 | 3 => packets.push(header.packet(ip::TCP, &segment(0x10))),
        4 | 5 => packets.push(header.packet(ip::TCP, &segment(0x18))),
        6 => packets.push(header.packet(ip::TCP, &segment(0x11))),
        7 => packets.push(header.packet(ip::TCP, &segment(0x04))),
        8 => packets.push(header.packet(ip::TCP, &segment(number))),
        9 | 10 => packets.push(header.packet(ip::UDP, &datagram())),
        11 => {
            let kind = if version == 4 { [8, 0] } else { [128, 129] }[usize::from(back)];
            packets.push(header.packet(icmp_number, &icmp::message(src, dst, kind, 0, icmp::echo(7, 1), payload)));
        }
        12 => {
            // An error about a packet of the other way.
            let quoted = Ip::between(dst, src).packet(ip::UDP, &udp::datagram(dst, src, to, from, b"quoted"));
            let kind = if version == 4 { 3 } else { 1 };
            packets.push(header.packet(icmp_number, &icmp::message(src, dst, kind, 1, [0; 4], &quoted)));
        }
        13 => packets.extend(header.fragments(ip::UDP, &udp::datagram(src, dst, from, to, &[b'x'; 64]), 32)),
        14 => packets
            .push(header.packet(if version == 4 { ip::IPIP } else { ip::IPV6 }, &header.packet(ip::UDP, &datagram()))),
        _ => {
            packets.push(header.packet(ip::TCP, &segment(0x18)));
            break_at = Some(14 + usize::from(number) % 40);
        }
    }
    let packet = packets.get(usize::from(number) % packets.len().max(1)).cloned().unwrap_or_default();
    let ether_type: u16 = if version == 4 { 0x0800 } else { 0x86dd };
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    if what & 0x10 != 0 {
        frame.extend([0x81, 0x00, 0, 7]);
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(packet);
    match break_at {
        Some(at) if what & 0x20 == 0 => frame.truncate(at),
        Some(at) => frame[at] ^= 0x55,
        None => {}
    }
    frame
}
