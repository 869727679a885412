//! Each action with a silent twin, and properties over made-up frames: twice is once, right checksums stay right, lengths agree.

use super::{Action, Edits, Known, Look, Switch, Switches, Wire, look, look::look_closely, look_in_connection};
use crate::build::{decoded, ethernet, ipv4, ipv4_with_options, ipv6, tcp, tcp_with_options, udp, vlan};
use crate::checksum::{self, Checksum};
use crate::{DecodeEvent, Decoded, LinkType, TcpFlags};
use proptest::prelude::*;

const SYN: u8 = TcpFlags::SYN;
const ACK: u8 = TcpFlags::ACK;
const RST: u8 = TcpFlags::RST;
const FIN: u8 = TcpFlags::FIN;
const URG: u8 = TcpFlags::URG;
const PSH: u8 = TcpFlags::PSH;

/// Puts right checksums into all layers, innermost first.
fn summed(mut frame: Vec<u8>, link: LinkType) -> Vec<u8> {
    let layers: Vec<_> = decoded(&frame, link).layers().to_vec();
    for headers in layers.iter().rev().filter(|headers| headers.is_ip()) {
        let (ip, l4) = (headers.ip_offset as usize, headers.l4_offset as usize);
        let end = ip + headers.ip_len as usize;
        let at = match headers.protocol {
            6 => l4 + 16,
            17 => l4 + 6,
            1 | 58 => l4 + 2,
            _ => 0,
        };
        if at > 0 && headers.has_transport && !headers.fragment.is_fragment {
            frame[at..at + 2].fill(0);
            let segment = &frame[l4..end];
            let sum = match (headers.ip_version, headers.protocol) {
                (4, 1) => checksum::compute(segment),
                (4, protocol) => checksum::compute_v4(
                    headers.src[..4].try_into().unwrap(),
                    headers.dst[..4].try_into().unwrap(),
                    protocol,
                    segment,
                ),
                (_, protocol) => checksum::compute_v6(headers.src, headers.dst, protocol, segment),
            };
            let sum = if headers.protocol == 17 { checksum::udp_field(sum) } else { sum };
            frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        if headers.ip_version == 4 {
            frame[ip + 10..ip + 12].fill(0);
            let sum = checksum::compute(&frame[ip..ip + usize::from(headers.ip_header_len)]);
            frame[ip + 10..ip + 12].copy_from_slice(&sum.to_be_bytes());
        }
    }
    frame
}

/// What became of a frame: the bytes that leave and what was done, or what stopped it.
type Fate = Result<(Vec<u8>, Vec<Action>), Action>;

fn normalised_with(frame: &[u8], link: LinkType, switches: &Switches, known: Known) -> Fate {
    let decoded = decoded(frame, link);
    let mut edits = Edits::new();
    let mut end = frame.len();
    for (layer, headers) in (0..).zip(decoded.layers()) {
        let tcp_sound = !headers.is_tcp() || checksum::transport(frame, headers) != Checksum::Invalid;
        let view = Look { frame, headers, layer, end, verify: true, tcp_sound };
        let stop = look(&view, switches, &mut edits);
        if let Some(action) = stop.or_else(|| look_in_connection(&view, known, switches, &mut edits)) {
            return Err(action);
        }
        end = (headers.payload_offset + headers.payload_len) as usize;
    }
    let mut out = frame.to_vec();
    if !edits.is_empty() {
        edits.find_checksums(&decoded, frame);
        assert!(edits.carry_out(&mut out));
    }
    Ok((out, edits.actions().iter().collect()))
}

fn normalised(frame: &[u8], link: LinkType, switches: &Switches) -> Fate {
    normalised_with(frame, link, switches, Known::default())
}

fn only(action: Action, switch: Switch) -> Switches {
    let mut switches = Switches::OFF;
    switches.set(action, switch);
    switches
}

/// `frame` is changed by `action` alone into `wanted`, stopped by it when that is asked for, and left alone by all others.
#[track_caller]
fn edited(action: Action, frame: &[u8], known: Known, check: impl Fn(&[u8], &Decoded)) {
    let link = LinkType::Raw;
    let mut on = only(action, Switch::On);
    let mut drop = only(action, Switch::Drop);
    if action == Action::MinTtl {
        on.set_min_ttl(9);
        drop.set_min_ttl(9);
        drop.set(action, Switch::Drop);
    }
    let (out, done) = normalised_with(frame, link, &on, known).unwrap();
    assert_eq!(done, [action]);
    assert_ne!(out, frame);
    let after = decoded(&out, link);
    assert_valid(&out, &after, action.name());
    check(&out, &after);
    assert_eq!(normalised_with(&out, link, &on, known), Ok((out.clone(), vec![])), "twice is once");
    assert_eq!(normalised_with(frame, link, &drop, known), Err(action));
    assert_eq!(normalised_with(frame, link, &Switches::OFF, known), Ok((frame.to_vec(), vec![])));
}

#[track_caller]
fn stopped(action: Action, frame: &[u8], known: Known) {
    let link = LinkType::Raw;
    assert_eq!(normalised_with(frame, link, &only(action, Switch::Drop), known), Err(action));
    assert_eq!(normalised_with(frame, link, &Switches::OFF, known), Ok((frame.to_vec(), vec![])));
}

/// Nothing is done to `frame`, neither by default nor by `action`.
#[track_caller]
fn silent(action: Action, frame: &[u8], known: Known) {
    let mut switches = Switches::default();
    switches.set(action, Switch::On);
    if action == Action::MinTtl {
        switches.set_min_ttl(9);
    }
    let fate = normalised_with(frame, LinkType::Raw, &switches, known);
    assert_eq!(fate, Ok((frame.to_vec(), vec![])), "{}", action.name());
}

#[track_caller]
fn assert_valid(frame: &[u8], decoded: &Decoded, what: &str) {
    for headers in decoded.layers() {
        assert_ne!(checksum::transport(frame, headers), Checksum::Invalid, "{what}");
        assert_ne!(checksum::ipv4_header(frame, headers), Checksum::Invalid, "{what}");
    }
}

fn over(version: u8, protocol: u8, segment: &[u8]) -> Vec<u8> {
    summed(if version == 4 { ipv4(protocol, segment) } else { ipv6(protocol, segment) }, LinkType::Raw)
}

/// A TCP segment over both families, with `change` made to its header.
fn segments(flags: u8, options: &[u8], payload: &[u8], change: impl Fn(&mut [u8])) -> [Vec<u8>; 2] {
    let mut segment = tcp_with_options(40_000, 80, flags, options, payload);
    change(&mut segment);
    [4, 6].map(|version| over(version, 6, &segment))
}

const NONE: Known = Known { timestamps: None, least_window: None };

#[test]
fn plain_traffic_and_what_is_usual_leaves_as_it_came() {
    let stamps = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    let syn = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
    let sack = [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9];
    let fast_open = [2, 4, 5, 0xb4, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1];
    let experiment = [254, 12, 0xf9, 0x89, 1, 2, 3, 4, 5, 6, 7, 8];
    let mut frames = Vec::new();
    frames.extend(segments(ACK | PSH, &stamps, b"GET / HTTP/1.1\r\n", |_| ()));
    frames.extend(segments(SYN, &syn, b"", |_| ()));
    frames.extend(segments(SYN | ACK, &syn, b"", |_| ()));
    // ECN being agreed on, classic and accurate.
    frames.extend(segments(SYN | 0xc0, &syn, b"", |_| ()));
    frames.extend(segments(SYN | 0xc0, &syn, b"", |header| header[12] |= 1));
    frames.extend(segments(SYN, &fast_open, b"data", |_| ()));
    frames.extend(segments(SYN, &experiment, b"data", |_| ()));
    frames.extend(segments(SYN | ACK, &syn, b"data", |_| ()));
    frames.extend(segments(ACK, &sack, b"", |_| ()));
    // Telnet's urgent data, and the announcement of some that come later.
    frames.extend(segments(ACK | PSH | URG, &[], b"\xff\xf2", |header| header[19] = 2));
    frames.extend(segments(ACK | URG, &[], b"", |header| header[19] = 9));
    frames.extend(segments(RST, &[], b"", |_| ()));
    frames.extend(segments(RST | ACK, &[], b"", |_| ()));
    frames.extend(segments(FIN | ACK | PSH, &stamps, b"bye", |_| ()));
    frames.extend([4, 6].map(|version| over(version, 17, &udp(53, 53, b"query"))));
    frames.push(over(4, 17, &udp(53, 53, b"query")));
    frames.push(over(4, 1, &[8, 0, 0, 0, 0, 1, 0, 2]));
    frames.push(over(6, 58, &[128, 0, 0, 0, 0, 1, 0, 2]));
    // A zero checksum is none, over IPv6 in tunnels too.
    frames.push(
        summed(ipv4(17, &udp(1, 2, b"x")), LinkType::Raw)
            .iter()
            .enumerate()
            .map(|(at, byte)| if matches!(at, 26 | 27) { 0 } else { *byte })
            .collect(),
    );
    frames.push(ipv6(17, &udp(1, 2, b"x")));
    // Multicast listener reports: hop-by-hop options with a router alert.
    frames.push(summed(
        ipv6(0, &[&[58, 0, 5, 2, 0, 0, 1, 0][..], &[131, 0, 0, 0, 0, 0, 0, 0], &[0; 16]].concat()),
        LinkType::Raw,
    ));
    frames.push(summed(ipv4_with_options(2, &[148, 4, 0, 0], &[0x16, 0, 0xe9, 0xff, 0, 0, 0, 0]), LinkType::Raw));
    for frame in &frames {
        let all = Switches::default();
        assert_eq!(normalised(frame, LinkType::Raw, &all), Ok((frame.clone(), vec![])), "{frame:02x?}");
        let in_ethernet = ethernet(if frame[0] >> 4 == 4 { 0x800 } else { 0x86dd }, frame);
        assert_eq!(normalised(&in_ethernet, LinkType::Ethernet, &all), Ok((in_ethernet.clone(), vec![])));
    }
}

#[test]
fn wrong_checksums_stop_a_packet_while_checksums_count() {
    let frames = [
        (Action::TcpChecksum, 36, over(4, 6, &tcp(1, 2, ACK, b"abc"))),
        (Action::TcpChecksum, 56, over(6, 6, &tcp(1, 2, ACK, b"abc"))),
        (Action::UdpChecksum, 28, over(4, 17, &udp(1, 2, b"abc"))),
        (Action::UdpChecksum, 48, over(6, 17, &udp(1, 2, b"abc"))),
        (Action::IcmpChecksum, 25, over(4, 1, &[8, 0, 0, 0, 0, 1, 0, 2])),
        (Action::IcmpChecksum, 45, over(6, 58, &[128, 0, 0, 0, 0, 1, 0, 2])),
        (Action::IpChecksum, 8, over(4, 17, &udp(1, 2, b"abc"))),
    ];
    for (action, place, mut frame) in frames {
        silent(action, &frame, NONE);
        frame[place] ^= 1;
        stopped(action, &frame, NONE);
        assert_eq!(normalised(&frame, LinkType::Raw, &Switches::default()), Err(action));
        let decoded = decoded(&frame, LinkType::Raw);
        let headers = decoded.innermost();
        let view = Look { frame: &frame, headers, layer: 0, end: frame.len(), verify: false, tcp_sound: false };
        assert_eq!(look(&view, &Switches::default(), &mut Edits::new()), None, "checksums that do not count");
    }
}

#[test]
fn bytes_behind_the_packet_are_cut_off_or_become_zero() {
    let on = only(Action::TrailingBytes, Switch::On);
    for version in [4, 6] {
        let packet = over(version, 17, &udp(1, 2, b"abc"));
        let kind = if version == 4 { 0x800 } else { 0x86dd };
        for tags in 0..=2 {
            let inner = (0..tags).fold((kind, packet.clone()), |(kind, bytes), _| (0x8100, vlan(5, kind, &bytes)));
            let frame = ethernet(inner.0, &inner.1);
            let shortest = 60 + 4 * tags;
            let padded = |to: usize, byte: u8| {
                let mut out = frame.clone();
                out.resize(to.max(out.len()), byte);
                out
            };
            // Padding as it should be.
            assert_eq!(normalised(&padded(shortest, 0), LinkType::Ethernet, &on), Ok((padded(shortest, 0), vec![])));
            if frame.len() < shortest {
                let zeroed = Ok((padded(shortest, 0), vec![Action::TrailingBytes]));
                assert_eq!(normalised(&padded(shortest, 0xaa), LinkType::Ethernet, &on), zeroed);
            }
            let cut = Ok((padded(shortest, 0), vec![Action::TrailingBytes]));
            assert_eq!(normalised(&padded(shortest + 40, 0xaa), LinkType::Ethernet, &on), cut);
            let stopped = normalised(
                &padded(shortest + 40, 0xaa),
                LinkType::Ethernet,
                &only(Action::TrailingBytes, Switch::Drop),
            );
            assert_eq!(stopped, Err(Action::TrailingBytes));
        }
        let raw = [&packet[..], b"more"].concat();
        assert_eq!(normalised(&raw, LinkType::Raw, &on), Ok((packet.clone(), vec![Action::TrailingBytes])));
        // Between Ethernet and IP lies a header with a length: nothing is cut off below it.
        let (code, protocol) = (packet.len() as u16 + 8, if version == 4 { 0x21 } else { 0x57 });
        let session = [&[0x11, 0, 0, 1][..], &code.to_be_bytes(), &[0, protocol], &packet, &[7; 60]].concat();
        let frame = ethernet(0x8864, &session);
        let (out, done) = normalised(&frame, LinkType::Ethernet, &on).unwrap();
        assert_eq!((out.len(), done), (frame.len(), vec![Action::TrailingBytes]));
        assert!(out[frame.len() - 60..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn addresses_that_no_wire_carries_stop_a_packet() {
    let with = |version: u8, at: usize, bytes: &[u8]| {
        let mut frame = over(version, 17, &udp(1, 2, b"x"));
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        summed(frame, LinkType::Raw)
    };
    let loopback = 1_u128.to_be_bytes();
    for frame in [
        with(4, 12, &[127, 0, 0, 1]),
        with(4, 12, &[224, 0, 0, 1]),
        with(4, 12, &[255; 4]),
        with(4, 16, &[127, 1, 1, 1]),
        with(4, 16, &[241, 0, 0, 1]),
        with(6, 8, &[0xff]),
        with(6, 8, &loopback),
        with(6, 24, &loopback),
    ] {
        stopped(Action::Martians, &frame, NONE);
    }
    for frame in [
        with(4, 12, &[0; 4]),
        with(4, 16, &[255; 4]),
        with(4, 16, &[224, 0, 0, 9]),
        with(6, 24, &[0xff]),
        with(6, 8, &[0; 16]),
    ] {
        silent(Action::Martians, &frame, NONE);
    }
}

#[test]
fn bits_of_the_ipv4_header_are_cleared() {
    let with = |bits: u8| {
        let mut frame = ipv4(17, &udp(1, 2, b"x"));
        frame[6] = bits;
        summed(frame, LinkType::Raw)
    };
    edited(Action::Ipv4ReservedBit, &with(0x80), NONE, |out, _| assert_eq!(out[6], 0));
    edited(Action::Ipv4ReservedBit, &with(0xc0), NONE, |out, _| assert_eq!(out[6], 0x40));
    silent(Action::Ipv4ReservedBit, &with(0x40), NONE);
    edited(Action::Ipv4DontFragment, &with(0x40), NONE, |out, _| assert_eq!(out[6], 0));
    silent(Action::Ipv4DontFragment, &with(0), NONE);
    let mut both = only(Action::Ipv4DontFragment, Switch::On);
    both.set(Action::Ipv4ReservedBit, Switch::On);
    assert_eq!(normalised(&with(0xc0), LinkType::Raw, &both).unwrap().0, with(0));
}

#[test]
fn ipv4_options_are_made_nops_and_their_padding_zero() {
    let with = |options: &[u8]| summed(ipv4_with_options(17, options, &udp(1, 2, b"x")), LinkType::Raw);
    for kind in [131, 137] {
        let route = with(&[kind, 7, 4, 9, 9, 9, 9, 0]);
        edited(Action::Ipv4SourceRoute, &route, NONE, |out, _| assert_eq!(out[20..28], [1, 1, 1, 1, 1, 1, 1, 0]));
        assert_eq!(normalised(&route, LinkType::Raw, &Switches::default()), Err(Action::Ipv4SourceRoute));
    }
    silent(Action::Ipv4SourceRoute, &with(&[148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0]), NONE);
    edited(Action::Ipv4Options, &with(&[148, 4, 0, 0]), NONE, |out, _| assert_eq!(out[20..24], [1; 4]));
    silent(Action::Ipv4Options, &with(&[1, 1, 1, 0]), NONE);
    edited(Action::Ipv4OptionPadding, &with(&[1, 0, 7, 7]), NONE, |out, _| assert_eq!(out[20..24], [1, 0, 0, 0]));
    silent(Action::Ipv4OptionPadding, &with(&[1, 1, 0, 0]), NONE);
}

#[test]
fn a_low_ttl_is_raised_but_not_for_groups_icmp_and_traceroute() {
    let with = |version: u8, protocol: u8, segment: &[u8], ttl: u8, group: bool| {
        let mut frame = over(version, protocol, segment);
        frame[if version == 4 { 8 } else { 7 }] = ttl;
        if group {
            frame[if version == 4 { 16 } else { 24 }] = if version == 4 { 224 } else { 0xff };
        }
        summed(frame, LinkType::Raw)
    };
    for version in [4, 6] {
        let place = if version == 4 { 8 } else { 7 };
        for (protocol, segment) in [(6, tcp(1, 2, ACK, b"x")), (17, udp(1, 2, b"x"))] {
            edited(Action::MinTtl, &with(version, protocol, &segment, 3, false), NONE, |out, _| {
                assert_eq!(out[place], 9)
            });
            silent(Action::MinTtl, &with(version, protocol, &segment, 9, false), NONE);
            silent(Action::MinTtl, &with(version, protocol, &segment, 1, true), NONE);
        }
        silent(Action::MinTtl, &with(version, 17, &udp(1, 33_440, b"x"), 1, false), NONE);
        silent(Action::MinTtl, &with(version, 89, b"ospf", 1, false), NONE);
    }
    silent(Action::MinTtl, &with(4, 1, &[8, 0, 0, 0, 0, 1, 0, 2], 1, false), NONE);
    silent(Action::MinTtl, &with(6, 58, &[128, 0, 0, 0, 0, 1, 0, 2], 1, false), NONE);
}

#[test]
fn ipv6_extension_headers_that_must_not_be_stop_a_packet() {
    // Headers as (kind, six bytes), before UDP.
    let chain = |headers: &[(u8, [u8; 6])]| {
        let mut bytes = Vec::new();
        for (number, (_, body)) in headers.iter().enumerate() {
            bytes.extend([headers.get(number + 1).map_or(17, |(next, _)| *next), 0]);
            bytes.extend(body);
        }
        bytes.extend(udp(1, 2, b"x"));
        summed(ipv6(headers[0].0, &bytes), LinkType::Raw)
    };
    let (pad, alert, route0, route4) = ([1, 4, 0, 0, 0, 0], [5, 2, 0, 0, 1, 0], [0; 6], [4, 0, 0, 0, 0, 0]);
    stopped(Action::Ipv6RoutingType0, &chain(&[(43, route0)]), NONE);
    silent(Action::Ipv6RoutingType0, &chain(&[(43, route4)]), NONE);
    stopped(Action::Ipv6DuplicateExtension, &chain(&[(43, route4), (43, route4)]), NONE);
    stopped(Action::Ipv6DuplicateExtension, &chain(&[(0, alert), (0, alert)]), NONE);
    stopped(Action::Ipv6DuplicateExtension, &chain(&[(60, pad), (60, pad), (60, pad)]), NONE);
    silent(Action::Ipv6DuplicateExtension, &chain(&[(60, pad), (43, route4), (60, pad)]), NONE);
    stopped(Action::Ipv6ExtensionOrder, &chain(&[(60, pad), (0, alert)]), NONE);
    silent(Action::Ipv6ExtensionOrder, &chain(&[(0, alert), (60, pad)]), NONE);
    stopped(Action::Ipv6ExtensionCount, &chain(&[(135, [0; 6]); 9]), NONE);
    silent(Action::Ipv6ExtensionCount, &chain(&[(135, [0; 6]); 8]), NONE);
    edited(Action::Ipv6Padding, &chain(&[(60, [1, 4, 7, 0, 7, 7])]), NONE, |out, _| {
        assert_eq!(out[40..48], [17, 0, 1, 4, 0, 0, 0, 0]);
    });
    silent(Action::Ipv6Padding, &chain(&[(60, pad)]), NONE);
    silent(Action::Ipv6Padding, &chain(&[(60, [0, 0, 0, 0, 1, 0])]), NONE);
}

#[test]
fn flags_that_no_honest_end_sends_stop_a_packet() {
    for flags in 0..=0xff_u8 {
        let syn = flags & SYN != 0;
        let nonsense = (syn && flags & (FIN | RST) != 0)
            || flags & (SYN | ACK | RST) == 0
            || (flags & FIN != 0 && flags & ACK == 0);
        for frame in segments(flags, &[], b"", |_| ()) {
            if nonsense {
                stopped(Action::TcpFlags, &frame, NONE);
            } else {
                assert_eq!(
                    normalised(&frame, LinkType::Raw, &only(Action::TcpFlags, Switch::Drop)),
                    Ok((frame.clone(), vec![]))
                );
            }
            let lonely = flags & URG != 0 && flags & ACK == 0;
            let fate = normalised(&frame, LinkType::Raw, &only(Action::TcpUrgentWithoutAck, Switch::Drop));
            assert_eq!(fate.is_err(), lonely, "{flags:02x}");
        }
    }
}

#[test]
fn tcp_fields_that_ends_read_differently_are_put_right() {
    for frame in segments(ACK, &[], b"abc", |header| header[12] |= 0x0f) {
        edited(Action::TcpReserved, &frame, NONE, |_, after| assert_eq!(after.innermost().tcp.reserved, 1));
    }
    for frame in segments(ACK, &[], b"abc", |header| header[19] = 7) {
        edited(Action::TcpUrgentPointer, &frame, NONE, |_, after| assert_eq!(after.innermost().tcp.urgent_pointer, 0));
    }
    for frame in segments(ACK | URG, &[], b"abc", |header| header[19] = 7) {
        edited(Action::TcpUrgentBeyond, &frame, NONE, |_, after| assert_eq!(after.innermost().tcp.urgent_pointer, 3));
        silent(Action::TcpUrgentPointer, &frame, NONE);
        silent(Action::TcpUrgentWithoutData, &frame, NONE);
    }
    for frame in segments(ACK | URG, &[], b"", |header| header[19] = 7) {
        edited(Action::TcpUrgentWithoutData, &frame, NONE, |_, after| {
            let tcp = after.innermost().tcp;
            assert_eq!((tcp.flags, tcp.urgent_pointer), (ACK, 0));
        });
    }
    for frame in segments(ACK | URG, &[], b"abc", |header| header[19] = 3) {
        silent(Action::TcpUrgentBeyond, &frame, NONE);
    }
    for frame in segments(SYN | 0xc0, &[], b"", |_| ()) {
        edited(Action::TcpEcn, &frame, NONE, |_, after| assert_eq!(after.innermost().tcp.flags, SYN));
    }
    for frame in segments(ACK, &[], b"x", |_| ()) {
        silent(Action::TcpEcn, &frame, NONE);
        silent(Action::TcpReserved, &frame, NONE);
    }
    let known = Known { least_window: Some(500), ..NONE };
    for frame in segments(ACK, &[], b"x", |header| header[14..16].copy_from_slice(&[1, 0])) {
        edited(Action::TcpWindowWithdrawal, &frame, known, |_, after| assert_eq!(after.innermost().tcp.window, 500));
        silent(Action::TcpWindowWithdrawal, &frame, Known { least_window: Some(256), ..NONE });
        silent(Action::TcpWindowWithdrawal, &frame, NONE);
    }
}

#[test]
fn data_that_no_end_may_read_are_cut_off() {
    for (action, flags) in [(Action::TcpRstData, RST), (Action::TcpRstData, RST | ACK), (Action::TcpSynData, SYN)] {
        for frame in segments(flags, &[1, 1, 1, 1], b"odd", |_| ()) {
            edited(action, &frame, NONE, |out, after| {
                assert_eq!(out.len(), frame.len() - 3);
                assert_eq!((after.innermost().payload_len, after.innermost().invalid), (0, false));
            });
        }
    }
    for flags in [ACK, SYN | ACK, FIN | ACK] {
        for frame in segments(flags, &[], b"odd", |_| ()) {
            silent(Action::TcpSynData, &frame, NONE);
            silent(Action::TcpRstData, &frame, NONE);
        }
    }
    for frame in segments(SYN, &[34, 6, 1, 2, 3, 4, 1, 1], b"odd", |_| ()) {
        silent(Action::TcpSynData, &frame, NONE);
    }
    // A broken Fast Open option is none, nor is another experiment.
    for options in [[34, 5, 1, 2, 3, 1, 1, 1], [254, 4, 0xf9, 0x88, 1, 1, 1, 1]] {
        for frame in segments(SYN, &options, b"odd", |_| ()) {
            let (out, _) = normalised(&frame, LinkType::Raw, &only(Action::TcpSynData, Switch::On)).unwrap();
            assert_eq!(out.len(), frame.len() - 3);
        }
    }
    // In Ethernet the frame stays as long as it must be.
    let [v4, _] = segments(RST, &[], b"0123456789abcdef", |_| ());
    let (out, _) = normalised(&ethernet(0x800, &v4), LinkType::Ethernet, &Switches::default()).unwrap();
    assert_eq!((out.len(), decoded(&out, LinkType::Ethernet).innermost().ip_len), (60, 40));
    assert!(out[54..].iter().all(|byte| *byte == 0));
}

#[test]
fn tcp_options_leave_as_every_end_reads_them() {
    let nops = |from: usize, to: usize| {
        move |out: &[u8], after: &Decoded| {
            let at = after.innermost().l4_offset as usize + 20;
            assert!(out[at + from..at + to].iter().all(|byte| *byte == 1));
        }
    };
    for options in [&[2, 4, 5, 0xb4][..], &[1, 3, 3, 7], &[1, 1, 4, 2]] {
        for frame in segments(ACK, options, b"x", |_| ()) {
            edited(Action::TcpSynOptions, &frame, NONE, nops(0, 4));
        }
        for frame in segments(SYN, options, b"", |_| ()) {
            silent(Action::TcpSynOptions, &frame, NONE);
        }
    }
    let stamps = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    for frame in segments(ACK, &stamps, b"x", |_| ()) {
        edited(Action::TcpTimestamps, &frame, Known { timestamps: Some(false), ..NONE }, nops(0, 12));
        silent(Action::TcpTimestamps, &frame, Known { timestamps: Some(true), ..NONE });
        silent(Action::TcpTimestamps, &frame, NONE);
    }
    // Wrong lengths, and repetitions: the first counts.
    for (options, from) in [
        (&[2, 3, 5, 1][..], 0),
        (&[2, 4, 5, 0xb4, 2, 4, 0, 1], 4),
        (&[3, 3, 7, 3, 3, 14, 1, 1], 3),
        (&[3, 3, 7, 3, 3, 99, 1, 1], 3),
        (&[5, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1], 0),
        (&[8, 4, 0, 0], 0),
    ] {
        for frame in segments(SYN, options, b"", |_| ()) {
            edited(Action::TcpBrokenOptions, &frame, NONE, |out, after| {
                nops(from, options.len())(out, after);
                let events = &after.innermost().events;
                assert!(
                    !events.contains(DecodeEvent::TcpOptionInvalidLength)
                        && !events.contains(DecodeEvent::TcpOptionDuplicate)
                );
            });
        }
    }
    // What runs out of the header, or has no length: nothing from there on.
    for (options, from) in [(&[1, 1, 8, 10][..], 2), (&[1, 1, 1, 99], 3), (&[7, 0, 3, 3], 0), (&[7, 1, 3, 3], 0)] {
        for frame in segments(SYN, options, b"", |_| ()) {
            edited(Action::TcpBrokenOptions, &frame, NONE, |out, after| {
                let at = after.innermost().l4_offset as usize + 20;
                assert!(out[at + from..at + 4].iter().all(|byte| *byte == 0));
                assert!(after.innermost().events.is_empty());
            });
        }
    }
    for frame in segments(SYN, &[1, 3, 3, 15], b"", |_| ()) {
        edited(Action::TcpBrokenOptions, &frame, NONE, |_, after| {
            assert_eq!(after.innermost().tcp.options.window_scale, Some(14))
        });
    }
    for frame in segments(ACK, &[77, 4, 1, 2], b"x", |_| ()) {
        edited(Action::TcpUnknownOptions, &frame, NONE, nops(0, 4));
    }
    for frame in segments(ACK, &[30, 4, 1, 2], b"x", |_| ()) {
        silent(Action::TcpUnknownOptions, &frame, NONE);
    }
    for frame in segments(ACK, &[1, 0, 3, 3], b"x", |_| ()) {
        edited(Action::TcpOptionPadding, &frame, NONE, |out, after| {
            let at = after.innermost().l4_offset as usize + 20;
            assert_eq!(out[at..at + 4], [1, 0, 0, 0]);
        });
    }
    for frame in segments(ACK, &[1, 1, 0, 0], b"x", |_| ()) {
        silent(Action::TcpOptionPadding, &frame, NONE);
        silent(Action::TcpBrokenOptions, &frame, NONE);
    }
}

/// A packet in a tunnel: VXLAN with and without a checksum, IP in IP, GRE with and without a checksum.
fn tunnelled(kind: u8, version: u8, inner: &[u8]) -> Vec<u8> {
    let inner_version = inner[0] >> 4;
    let ether = if inner_version == 4 { 0x800_u16 } else { 0x86dd };
    let next = if inner_version == 4 { 4 } else { 41 };
    let outer = |protocol, segment: &[u8]| if version == 4 { ipv4(protocol, segment) } else { ipv6(protocol, segment) };
    match kind {
        0 => inner.to_vec(),
        1 | 2 => {
            let vxlan = [&[8, 0, 0, 0, 0, 0, 5, 0][..], &ethernet(ether, inner)].concat();
            let mut frame = outer(17, &udp(9, 4789, &vxlan));
            if kind == 1 {
                frame = summed(frame, LinkType::Raw);
            }
            frame
        }
        3 => outer(next, inner),
        _ => {
            let summed_flag = u8::from(kind == 5) << 7;
            let mut packet = vec![summed_flag, 0];
            packet.extend(ether.to_be_bytes());
            if kind == 5 {
                packet.extend([0; 4]);
            }
            packet.extend(inner);
            if kind == 5 {
                let sum = checksum::compute(&packet);
                packet[4..6].copy_from_slice(&sum.to_be_bytes());
            }
            outer(47, &packet)
        }
    }
}

/// The GRE checksum of the outermost layer, computed anew; 0 when it is right or there is none.
fn gre_fault(frame: &[u8], decoded: &Decoded) -> u16 {
    let headers = decoded.outermost();
    let packet = headers.ip_payload(frame);
    if headers.protocol == 47 && packet[0] & 0x80 != 0 { checksum::compute(packet) } else { 0 }
}

fn everything() -> Switches {
    let mut switches = Switches::OFF;
    Action::ALL.iter().filter(|action| action.edits()).for_each(|action| switches.set(*action, Switch::On));
    switches.set_min_ttl(20);
    switches
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// Right checksums stay right in all layers and around them, twice is once, lengths agree, and data that leave are those that came.
    #[test]
    fn what_leaves_is_sound_and_needs_nothing_more(
        version in prop_oneof![Just(4_u8), Just(6)], outer in prop_oneof![Just(4_u8), Just(6)], tunnel in 0..6_u8,
        flags in prop_oneof![3 => Just(ACK), 1 => Just(SYN), 1 => Just(RST), 2 => any::<u8>()],
        options in proptest::collection::vec(prop_oneof![0..9_u8, Just(34), any::<u8>()], 0..10),
        ip_options in proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(148), Just(4), any::<u8>()], 0..3),
        fields in any::<(u8, u8, u16, u16, u8)>(), payload in proptest::collection::vec(any::<u8>(), 0..70),
        trailing in proptest::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..20), is_tcp in any::<bool>(), all in any::<bool>(),
        known in (prop::option::of(any::<bool>()), prop::option::of(any::<u16>())),
    ) {
        let (reserved, ttl, window, pointer, bits) = fields;
        let options: Vec<u8> = options.iter().copied().cycle().take(options.len() * 4).collect();
        let segment = if is_tcp {
            let mut segment = tcp_with_options(1, 2, flags, &options, &payload);
            segment[12] |= reserved & 0x0f;
            segment[14..16].copy_from_slice(&window.to_be_bytes());
            segment[18..20].copy_from_slice(&pointer.to_be_bytes());
            segment
        } else {
            udp(1, 2, &payload)
        };
        let protocol = if is_tcp { 6 } else { 17 };
        let mut inner = if version == 4 {
            let ip_options: Vec<u8> = ip_options.iter().copied().cycle().take(ip_options.len() * 4).collect();
            ipv4_with_options(protocol, &ip_options, &segment)
        } else {
            ipv6(protocol, &segment)
        };
        if version == 4 {
            inner[6] = bits & 0xc0;
            inner[8] = ttl;
        } else {
            inner[7] = ttl;
        }
        let inner = summed(inner, LinkType::Raw);
        let packet = tunnelled(tunnel, outer, &inner);
        let mut frame = ethernet(if packet[0] >> 4 == 4 { 0x800 } else { 0x86dd }, &packet);
        // The outer IPv4 header of a tunnel whose inner packet is summed already.
        let outermost = *decoded(&frame, LinkType::Ethernet).outermost();
        if outermost.ip_version == 4 {
            let ip = 14..14 + usize::from(outermost.ip_header_len);
            frame[24..26].fill(0);
            let sum = checksum::compute(&frame[ip]);
            frame[24..26].copy_from_slice(&sum.to_be_bytes());
        }
        frame.extend(&trailing);
        let before = decoded(&frame, LinkType::Ethernet);
        prop_assume!(before.layers().iter().all(|headers| !headers.invalid));
        let known = Known { timestamps: known.0, least_window: known.1 };
        let switches = if all { everything() } else { Switches::default() };
        let Ok((out, done)) = normalised_with(&frame, LinkType::Ethernet, &switches, known) else { return Ok(()) };
        prop_assert_eq!(done.is_empty(), out == frame, "{:?}", done);
        let after = decoded(&out, LinkType::Ethernet);
        prop_assert_eq!(after.layers().len(), before.layers().len());
        prop_assert_eq!(gre_fault(&frame, &before) == 0, gre_fault(&out, &after) == 0);
        for (old, new) in before.layers().iter().zip(after.layers()) {
            let absent = checksum::transport(&frame, old) != Checksum::Invalid;
            prop_assert!(!absent || checksum::transport(&out, new) != Checksum::Invalid, "{:?} {:?}", done, new);
            prop_assert!(checksum::ipv4_header(&out, new) != Checksum::Invalid);
            prop_assert!(!new.invalid && (new.ip_offset + new.ip_len) as usize <= out.len());
            prop_assert_eq!((old.src, old.dst, old.src_port, old.dst_port), (new.src, new.dst, new.src_port, new.dst_port));
        }
        let [old, new] = [(before.innermost(), &frame), (after.innermost(), &out)].map(|(headers, frame)| headers.payload(frame));
        let cut = done.iter().any(|action| matches!(action, Action::TcpRstData | Action::TcpSynData));
        prop_assert_eq!(new, if cut { b"" } else { old });
        let events = &after.innermost().events;
        prop_assert!(!events.contains(DecodeEvent::TcpOptionInvalidLength) && !events.contains(DecodeEvent::TcpOptionDuplicate));
        prop_assert_eq!(normalised_with(&out, LinkType::Ethernet, &switches, known), Ok((out, vec![])));
    }

    /// What is taken for plain by a few fields is plain: the checks themselves find nothing.
    #[test]
    fn the_short_way_agrees_with_the_long_one(
        version in prop_oneof![Just(4_u8), Just(6)], flags in any::<u8>(), stamps in any::<bool>(), header in any::<(u8, u16, u16)>(),
        payload in proptest::collection::vec(any::<u8>(), 0..9), trailing in 0..3_usize, bits in any::<u8>(),
        zero in any::<bool>(),
    ) {
        let options: &[u8] = if stamps { &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2] } else { &[] };
        let mut segment = tcp_with_options(1, 2, flags, options, &payload);
        if !zero {
            segment[12] |= header.0 & 0x0f;
            segment[14..16].copy_from_slice(&header.1.to_be_bytes());
            segment[18..20].copy_from_slice(&header.2.to_be_bytes());
        }
        let mut frame = if version == 4 { ipv4(6, &segment) } else { ipv6(6, &segment) };
        if version == 4 {
            frame[6] = bits & 0xc0;
        }
        frame.extend(vec![0x55; trailing]);
        let decoded = decoded(&frame, LinkType::Raw);
        let view = Look { frame: &frame, headers: decoded.innermost(), layer: 0, end: frame.len(), verify: false, tcp_sound: true };
        let (mut short, mut long) = (Edits::new(), Edits::new());
        let switches = Switches::default();
        prop_assert_eq!(look(&view, &switches, &mut short), look_closely(&view, &switches, &mut long));
        prop_assert_eq!(short.actions(), long.actions());
    }

    /// Hostile frames: whatever is changed is changed once, stays whole, and is no less right than before.
    #[test]
    fn mutated_frames_are_put_right_once_and_never_made_wrong(
        version in prop_oneof![Just(4_u8), Just(6)], outer in prop_oneof![Just(4_u8), Just(6)], tunnel in 0..6_u8, all in any::<bool>(),
        options in prop::collection::vec(any::<u8>(), 0..10), payload in prop::collection::vec(any::<u8>(), 0..40),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), extension in any::<bool>(),
        tail in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        let options: Vec<u8> = options.iter().copied().cycle().take(options.len() * 4).collect();
        let segment = tcp_with_options(1, 2, ACK, &options, &payload);
        let inner = match (version, extension) {
            (4, _) => ipv4(6, &segment),
            (_, false) => ipv6(6, &segment),
            _ => ipv6(60, &[&[6, 0, 1, 4, 7, 7, 7, 7][..], &segment].concat()),
        };
        let packet = tunnelled(tunnel, outer, &summed(inner, LinkType::Raw));
        let mut frame = ethernet(if packet[0] >> 4 == 4 { 0x800 } else { 0x86dd }, &packet);
        frame.extend(&tail);
        for (place, byte) in mutations {
            let at = place.index(frame.len());
            frame[at] = byte;
        }
        let frame = summed(frame, LinkType::Ethernet);
        let switches = if all { everything() } else { Switches::default() };
        let before = decoded(&frame, LinkType::Ethernet);
        let mut edits = Edits::new();
        let mut end = frame.len();
        for (layer, headers) in (0..).zip(before.layers()) {
            let view = Look { frame: &frame, headers, layer, end, verify: false, tcp_sound: true };
            if look(&view, &switches, &mut edits).is_some() {
                return Ok(());
            }
            end = (headers.payload_offset + headers.payload_len) as usize;
        }
        let mut out = frame.clone();
        edits.find_checksums(&before, &frame);
        if !edits.carry_out(&mut out) {
            return Ok(());
        }
        let after = decoded(&out, LinkType::Ethernet);
        prop_assert_eq!(after.layers().len(), before.layers().len());
        for (old, new) in before.layers().iter().zip(after.layers()) {
            prop_assert_eq!((old.protocol, old.src, old.dst, old.invalid), (new.protocol, new.src, new.dst, new.invalid));
            let (was, is) = (checksum::transport(&frame, old), checksum::transport(&out, new));
            prop_assert!(was != Checksum::Valid || is == Checksum::Valid, "{:?} {:?}", edits.actions(), new);
            let (was, is) = (checksum::ipv4_header(&frame, old), checksum::ipv4_header(&out, new));
            prop_assert!(was != Checksum::Valid || is == Checksum::Valid, "{:?}", edits.actions());
        }
        let mut again = Edits::new();
        let mut end = out.len();
        for (layer, headers) in (0..).zip(after.layers()) {
            let view = Look { frame: &out, headers, layer, end, verify: false, tcp_sound: true };
            prop_assert_eq!(look(&view, &switches, &mut again), None);
            end = (headers.payload_offset + headers.payload_len) as usize;
        }
        prop_assert!(again.is_empty(), "{:?} then {:?}", edits.actions(), again.actions());
    }

    /// The short way to sum a header agrees with the long one.
    #[test]
    fn a_header_of_ten_words_sums_as_any_other(bytes in any::<[u8; 20]>(), right in any::<bool>(), flip in 0..160_usize) {
        let mut frame = ipv4(17, &udp(1, 2, b"x"));
        frame[12..20].copy_from_slice(&bytes[..8]);
        frame[4..6].copy_from_slice(&bytes[8..10]);
        frame = summed(frame, LinkType::Raw);
        if !right {
            frame[flip / 8] ^= 1 << (flip % 8);
        }
        let decoded = decoded(&frame, LinkType::Raw);
        let headers = decoded.innermost();
        let view = Look { frame: &frame, headers, layer: 0, end: frame.len(), verify: true, tcp_sound: true };
        let wanted = (checksum::ipv4_header(&frame, headers) == Checksum::Invalid).then_some(Action::IpChecksum);
        prop_assert_eq!(look(&view, &only(Action::IpChecksum, Switch::Drop), &mut Edits::new()), wanted);
    }

    /// The frame in memory that these tests change is one.
    #[test]
    fn a_frame_in_memory_reads_what_was_written(bytes in proptest::collection::vec(any::<u8>(), 1..40), at in 0..50_usize) {
        let mut frame = vec![0; 40];
        let fits = at + bytes.len() <= 40;
        prop_assert_eq!(frame.write(at, &bytes), fits);
        let mut out = vec![0; bytes.len()];
        prop_assert_eq!(frame.read(at, &mut out), fits);
        prop_assert!(!fits || out == bytes);
    }
}
