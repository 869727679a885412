//! Frames that nobody meant well with, through every stage: nothing panics, passive never drops, everything is counted somewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at what they did not expect")]

mod harness;

use harness::{BOTH, Engine, Frame, Session, Setup};
use proptest::{collection::vec, prelude::*, sample::select};
use sluice_core::{Ledger, Nanos, Verdict, event::EventBody, verdict::Mode};
use sluice_packet::LinkType;
use sluice_worker::{ChecksumMode, Copies};

const LINKS: [LinkType; 9] = [
    LinkType::Null,
    LinkType::Ethernet,
    LinkType::Ppp,
    LinkType::PppEther,
    LinkType::Raw,
    LinkType::ChdlcHdlc,
    LinkType::Loop,
    LinkType::LinuxCooked,
    LinkType::LinuxCooked2,
];

/// A sound frame of some kind.
fn sound() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        vec(any::<u8>(), 0..64),
        select(vec![&b"abcd"[..], b"GET /?user=ab HTTP/1.1", b"aaaaaaaaaaaaaaaaaaaaaaaaab", b"\x02-abcd", b"efgh"])
            .prop_map(<[u8]>::to_vec),
    ];
    let header =
        (0..4_u8, 0..4_u8, select(&[80_u16, 81, 82, 53, 4789, 6081, 3544, 2152][..]), any::<u32>(), any::<u8>());
    let ip = (
        any::<u8>(),
        select(&[0_u16, 0x2000, 0x4000, 0x0003, 0x2001][..]),
        vec(any::<u8>(), 0..12),
        vec(any::<u8>(), 0..12),
    );
    let protocol = select(&[6_u8, 6, 6, 17, 17, 1, 2, 4, 41, 44, 0, 47, 50, 132, 58][..]);
    (0..2_usize, header, ip, protocol, payload, vec(any::<u16>(), 0..3), any::<bool>()).prop_map(
        |(
            family,
            (source, destination, port, seq, flags),
            (ttl, fragment, options, tcp_options),
            protocol,
            payload,
            vlans,
            quotes,
        )| {
            let frame = Frame {
                source,
                destination,
                ports: (port, 80),
                ttl,
                seq,
                flags,
                fragment,
                options,
                tcp_options,
                vlans,
                ..Frame::new(BOTH[family])
            };
            let inner = Frame { vlans: Vec::new(), ..frame.clone() };
            match protocol {
                6 => frame.tcp(&payload),
                17 => frame.udp(&payload),
                // An error that quotes a packet of the opposite way, or a message of any type.
                1 | 58 if quotes => {
                    frame.icmp(if family == 0 { 3 } else { 1 }, 0, [0; 4], &inner.back().udp(&payload)[14..])
                }
                1 | 58 => frame.icmp(flags, ttl, seq.to_be_bytes(), &payload),
                // Tunnels: a whole packet inside.
                4 | 41 => frame.ip(protocol, &inner.tcp(&payload)[14..]),
                47 => frame.ip(
                    47,
                    &[
                        &[0, 0, if family == 0 { 8 } else { 0x86 }, if family == 0 { 0 } else { 0xdd }][..],
                        &inner.udp(&payload)[14..],
                    ]
                    .concat(),
                ),
                other => frame.ip(other, &payload),
            }
        },
    )
}

/// Frames, with bytes changed, cut, or made up.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => sound(),
        2 => (sound(), vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)).prop_map(|(mut frame, changes)| {
            for (at, byte) in changes {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            frame
        }),
        1 => (sound(), any::<prop::sample::Index>()).prop_map(|(frame, at)| frame[..at.index(frame.len())].to_vec()),
        1 => vec(any::<u8>(), 0..120),
    ]
}

/// Feeds `frames` and holds the books against each other.
fn books(mode: Mode, link: LinkType, seconds: &[u16], frames: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let mut setup = Setup::default();
    setup.settings.mode = mode;
    setup.settings.link = link;
    setup.settings.tcp.midstream = seconds.len().is_multiple_of(2);
    setup.settings.checksums = ChecksumMode::Auto;
    setup.settings.flow_capacity = 24;
    setup.settings.half_open_capacity = 8;
    setup.settings.copies = Copies {
        alerts: true,
        flows: true,
        drops: true,
        arp: true,
        anomalies: true,
        stream_anomalies: true,
        applications: true,
        files: true,
        store: sluice_worker::FileStoring::All,
        headers: true,
        tagged: true,
        ethernet: true,
    };
    let mut engine = Engine::with(harness::BROAD, setup);
    let mut session = Session::new(BOTH[0]);
    let opening = if link == LinkType::Ethernet { session.handshake() } else { Vec::new() };
    let (mut ledger, mut now) = (Ledger::default(), 0_u64);
    let (mut alerts, mut drops, mut ended, mut bytes, mut tagged) = (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    let mut tell = |body: &EventBody| match body {
        EventBody::Alert { .. } => alerts += 1,
        EventBody::Drop { .. } => drops += 1,
        EventBody::Flow { .. } => ended += 1,
        EventBody::Tagged { .. } => tagged += 1,
        EventBody::Empty
        | EventBody::Arp { .. }
        | EventBody::Anomaly { .. }
        | EventBody::Application { .. }
        | EventBody::File { .. }
        | EventBody::FileBytes { .. } => {}
    };
    for (number, frame) in opening.iter().chain(frames).enumerate() {
        now += u64::from(seconds[number % seconds.len()]);
        ledger.rx += 1;
        bytes += frame.len() as u64;
        match engine.judge(now, frame) {
            Verdict::Drop(cause) => {
                prop_assert_eq!(mode, Mode::Inline, "passive never drops");
                ledger.drop_packet(cause);
            }
            Verdict::Pass if mode == Mode::Inline => ledger.tx += 1,
            Verdict::Pass => ledger.consumed += 1,
        }
        engine.pipeline.expire(Nanos::from_seconds(1_000_000 + now));
        engine.events(|body, _| tell(body));
    }
    let live = engine.pipeline.live_flows() as u64;
    engine.pipeline.finish();
    engine.events(|body, _| tell(body));
    let counters = engine.pipeline.counters;
    prop_assert_eq!(ledger.imbalance(), 0);
    prop_assert_eq!(counters.ips_accepted, ledger.tx + ledger.consumed);
    prop_assert_eq!(counters.ips_blocked, ledger.dropped_total());
    prop_assert_eq!(drops, ledger.dropped_total(), "each stopped frame is told of once");
    prop_assert_eq!(alerts, counters.detect_alert);
    prop_assert_eq!(tagged, counters.detect_tagged);
    prop_assert_eq!(ended, counters.flow_total, "each flow ends once");
    prop_assert!(live <= 24 + 8);
    prop_assert_eq!(engine.pipeline.live_flows(), 0);
    prop_assert_eq!(counters.events_lost_ring_full, 0);
    prop_assert_eq!(counters.decoder_bytes, bytes);
    prop_assert!(counters.decoder_pkts >= ledger.rx);
    prop_assert!(counters.decoder_ipv4 + counters.decoder_ipv6 <= counters.decoder_pkts);
    prop_assert!(counters.tcp_sessions <= counters.flow_tcp);
    prop_assert!(
        counters.flow_tcp + counters.flow_udp + counters.flow_icmpv4 + counters.flow_icmpv6 <= counters.flow_total
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_books_close_over_any_traffic(
        inline in any::<bool>(),
        link in prop_oneof![3 => Just(LinkType::Ethernet), 2 => select(&LINKS[..])],
        seconds in vec(select(&[0_u16, 0, 0, 1, 40, 2000]), 1..9),
        frames in vec(frame(), 1..120),
    ) {
        books(if inline { Mode::Inline } else { Mode::Passive }, link, &seconds, &frames)?;
    }
}
