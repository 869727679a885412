//! Properties of the whole decoder: any bytes keep the promises of `Headers`, and generated packets, sound and damaged,
//! are read as the slow reference reads them.

use crate::build::{ethernet, ipv4_with_options, ipv6, tcp_with_options, udp, vlan};
use crate::reference::{self, Answer};
use crate::{
    DecodeConfig, DecodeEvent, Decoded, Headers, LinkType, Plain, PlainReader, PortList, Teredo, checksum, decode,
};
use proptest::collection::vec;
use proptest::prelude::*;
use sluice_core::{
    FlowKey, HashKey,
    key::{Endpoint, Lane},
};

/// Everything a layer promises about its offsets.
fn check_layer(frame: &[u8], layer: &Headers) {
    let end = frame.len() as u64;
    let span = |offset: u32, len: u64| u64::from(offset) + len;
    assert!(u64::from(layer.frame_start) <= end);
    assert!(span(layer.payload_offset, u64::from(layer.payload_len)) <= end);
    assert!(layer.vlan_count <= 3);
    if layer.has_ethernet {
        assert_eq!(layer.ethernet(frame).len(), 14);
        assert!(layer.ethernet_offset >= layer.frame_start);
    }
    if layer.is_ip() {
        let ip_end = span(layer.ip_offset, u64::from(layer.ip_len));
        assert!(ip_end <= end);
        assert!(layer.ip_offset >= layer.frame_start);
        assert!(u32::from(layer.ip_header_len) <= layer.ip_len);
        assert_eq!(layer.l4_offset, layer.ip_offset + u32::from(layer.ip_header_len));
        assert!(layer.payload_offset >= layer.l4_offset);
        assert!(span(layer.payload_offset, u64::from(layer.payload_len)) <= ip_end);
    }
    if layer.has_transport {
        assert!(layer.is_ip() && !layer.invalid);
        let header_len = if layer.is_icmpv4() { 8 } else { layer.l4_header_len };
        assert_eq!(layer.payload_offset, layer.l4_offset + u32::from(header_len));
        assert_eq!(layer.transport_header(frame).len(), usize::from(layer.l4_header_len));
        assert_eq!(layer.fragment.offset_bytes, 0);
    } else {
        assert_eq!((layer.src_port, layer.dst_port, layer.l4_header_len), (0, 0, 0));
    }
    if layer.invalid {
        assert!(!layer.events.is_empty());
    }
    checksum::ipv4_header(frame, layer);
    checksum::transport(frame, layer);
    crate::ip_options(frame, layer).count();
    crate::tcp_options(frame, layer).count();
    let extensions: usize = crate::extension_headers(frame, layer).map(|header| usize::from(header.len)).sum();
    if layer.ip_version == 6 {
        assert_eq!(extensions + 40, usize::from(layer.ip_header_len));
    }
    assert!(crate::sctp_chunks(frame, layer).count() <= usize::from(layer.sctp.chunk_count));
    crate::arp(frame, layer);
    if let Some(embedded) = layer.embedded {
        assert!(u64::from(embedded.l4_offset) <= end);
        embedded.source(frame);
        embedded.destination(frame);
    }
}

/// Every tunnel that can be on is on.
const OPEN: DecodeConfig = DecodeConfig { teredo: Teredo::AnyPort, erspan_type_i: true, ..DecodeConfig::DEFAULT };

fn check_frame(frame: &[u8], link: LinkType) {
    let mut out = Decoded::new();
    // Not a blank answer: one that held four layers of another frame.
    out.layers.fill(Headers { src_port: 9, has_transport: true, embedded: None, vlan_count: 3, ..Headers::EMPTY });
    decode(frame, link, &OPEN, &mut out);
    assert!(!out.layers().is_empty());
    for layer in out.layers() {
        check_layer(frame, layer);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_with_any_link_type_keep_every_promise(
        frame in vec(any::<u8>(), 0..300),
        link in proptest::sample::select(LinkType::ALL),
    ) {
        check_frame(&frame, link);
    }

    #[test]
    fn any_bytes_behind_any_known_number_keep_every_promise(
        bytes in vec(any::<u8>(), 0..200),
        ether_type in proptest::sample::select(&[
            0x0800u16, 0x86dd, 0x8100, 0x0806, 0x6558, 0x8847, 0x8863, 0x8864, 0x8903, 0x8926, 0x893f, 0x88e7, 0x894f,
        ][..]),
        protocol in proptest::sample::select(&[0u8, 1, 2, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 132, 135][..]),
        port in proptest::sample::select(&[53u16, 4789, 6081, 2152, 3544][..]),
    ) {
        check_frame(&ethernet(ether_type, &bytes), LinkType::Ethernet);
        check_frame(&ipv4_with_options(protocol, &[], &bytes), LinkType::Raw);
        check_frame(&ipv6(protocol, &bytes), LinkType::Raw);
        check_frame(&ipv6(17, &udp(40000, port, &bytes)), LinkType::Raw);
    }

    #[test]
    fn what_is_read_without_decoding_is_what_decoding_reads(
        packet in prop_oneof![3 => any_packet(), 2 => plain_packet()],
        open in any::<bool>(),
        vlan_tracking in any::<bool>(),
    ) {
        check_plain(&packet, if open { &OPEN } else { &DecodeConfig::DEFAULT }, vlan_tracking);
    }

    #[test]
    fn generated_packets_are_read_as_the_reference_reads_them(packet in any_packet()) {
        compare(&packet);
    }
}

/// A packet of up to four tags, either IP version, options or extension headers, either transport, padding, and damage.
fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let shape = (0u16..5, any::<bool>(), any::<bool>(), vec(any::<u8>(), 0..40), 0usize..20);
    let options = (vec(proptest::sample::select(&[0u8, 1][..]), 0..10), 0usize..4);
    let extensions = vec((proptest::sample::select(&[0u8, 43, 44, 51, 60, 135][..]), vec(any::<u8>(), 6)), 0..4);
    let damage = (vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), 0usize..200, any::<bool>());
    (shape, options, extensions, damage).prop_map(|(shape, options, extensions, damage)| {
        let (tags, version_6, with_tcp, payload, padding) = shape;
        let mut tcp_options = options.0.clone();
        tcp_options.resize(options.0.len().next_multiple_of(4), 1);
        let protocol = if with_tcp { 6 } else { 17 };
        let segment = if with_tcp { tcp_with_options(5, 6, 0x12, &tcp_options, &payload) } else { udp(5, 6, &payload) };
        let mut bytes = if version_6 {
            let (first, chain) = chain(&extensions, protocol);
            ipv6(first, &[chain, segment].concat())
        } else {
            // Options of no-operation only: the reference does not judge others.
            ipv4_with_options(protocol, &vec![1; options.1 * 4], &segment)
        };
        let mut ether_type = if version_6 { 0x86dd } else { 0x0800 };
        for tag in 0..tags {
            bytes = vlan(0x3001 + tag, ether_type, &bytes);
            ether_type = if tag % 2 == 0 { 0x8100 } else { 0x88a8 };
        }
        let mut frame = ethernet(ether_type, &bytes);
        frame.extend(std::iter::repeat_n(0xee, padding));
        for (at, value) in damage.0 {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        if damage.2 {
            frame.truncate(frame.len().saturating_sub(damage.1));
        }
        frame
    })
}

/// A plain packet, nearly always: one byte may differ, and it may be cut.
fn plain_packet() -> impl Strategy<Value = Vec<u8>> {
    let ports = prop::array::uniform2(proptest::sample::select(&[0u16, 1, 80, 2152, 3544, 4789, 6081, 65535][..]));
    let shape = (any::<bool>(), 0u16..3, any::<bool>(), any::<bool>(), ports, any::<u8>());
    let damage = (proptest::option::of((any::<prop::sample::Index>(), any::<u8>())), 0usize..30, any::<u8>());
    (shape, vec(any::<u8>(), 0..30), damage).prop_map(|(shape, payload, (damage, padding, cut))| {
        let (six, tags, with_tcp, timestamps, [from, to], flags) = shape;
        let options = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
        let segment = match (with_tcp, timestamps) {
            (true, true) => tcp_with_options(from, to, flags, &options, &payload),
            (true, false) => tcp_with_options(from, to, flags, &[], &payload),
            (false, _) => udp(from, to, &payload),
        };
        let protocol = if with_tcp { 6 } else { 17 };
        let mut bytes = if six { ipv6(protocol, &segment) } else { ipv4_with_options(protocol, &[], &segment) };
        let mut ether_type = if six { 0x86dd } else { 0x0800 };
        for tag in 0..tags {
            bytes = vlan(0xa000 + tag, ether_type, &bytes);
            ether_type = 0x8100;
        }
        let mut frame = ethernet(ether_type, &bytes);
        frame.extend(std::iter::repeat_n(0xee, padding));
        if let Some((at, value)) = damage {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        if cut < 40 {
            frame.truncate(frame.len() - usize::from(cut).min(frame.len()));
        }
        frame
    })
}

fn readers(config: &DecodeConfig, vlan_tracking: bool) -> PlainReader {
    PlainReader::new(config, vlan_tracking)
}

/// What is read without decoding is what the decoder reads, and all it would count.
fn check_plain(frame: &[u8], config: &DecodeConfig, vlan_tracking: bool) {
    let (reader, secret, mut plain) = (readers(config, vlan_tracking), HashKey::fixed(), Plain::NONE);
    if !reader.reads() || !reader.read(frame, &secret, &mut plain) {
        return;
    }
    let Plain { key, hash, swapped, traits: plain } = plain;
    assert_eq!(hash, key.hash(&secret));
    let mut out = Decoded::new();
    decode(frame, LinkType::Ethernet, config, &mut out);
    let [layer] = out.layers() else { panic!("{out:?}") };
    assert!(!layer.invalid && layer.has_transport && !layer.fragment.is_fragment && layer.events.is_empty());
    assert!(layer.has_ethernet && layer.frame_start == 0);
    assert_eq!(layer.seen.bits(), plain.kind().seen().bits());
    assert_eq!((layer.ip_version, layer.is_udp(), layer.is_tcp()), {
        (plain.kind().ip_version(), plain.kind().is_udp(), !plain.kind().is_udp())
    });
    assert_eq!(
        (layer.vlan_count > 0, layer.vlan_count),
        (plain.kind().is_tagged(), u8::from(plain.kind().is_tagged()))
    );
    assert_eq!(plain.tcp_flags(), if layer.is_tcp() { layer.tcp.flags } else { 0 });
    let source = Endpoint { address: layer.src, port: layer.src_port };
    let destination = Endpoint { address: layer.dst, port: layer.dst_port };
    let vlan = if vlan_tracking { [layer.vlan[0], 0] } else { [0, 0] };
    let lane = Lane { protocol: layer.protocol, ip_version: layer.ip_version, vlan, depth: 0 };
    assert_eq!((key, swapped), FlowKey::new(source, destination, lane));
}

fn chain(extensions: &[(u8, Vec<u8>)], protocol: u8) -> (u8, Vec<u8>) {
    let mut bytes = Vec::new();
    for (index, (kind, body)) in extensions.iter().enumerate() {
        bytes.push(extensions.get(index + 1).map_or(protocol, |(next, _)| *next));
        bytes.push(u8::from(*kind == 51));
        bytes.extend_from_slice(body);
        if *kind == 51 {
            bytes.extend_from_slice(&[0; 4]);
        }
    }
    (extensions.first().map_or(protocol, |(kind, _)| *kind), bytes)
}

fn compare(frame: &[u8]) {
    let mut out = Decoded::new();
    let closed = DecodeConfig {
        vxlan_ports: PortList::NONE,
        geneve_ports: PortList::NONE,
        gtp_u_ports: PortList::NONE,
        teredo: Teredo::Off,
        ..DecodeConfig::DEFAULT
    };
    decode(frame, LinkType::Ethernet, &closed, &mut out);
    let layer = out.outermost();
    check_layer(frame, layer);
    let expected = reference::decode(frame);
    // What the reference does not know: other link protocols, other transports, judging IPv4 options.
    let known_type = matches!(layer.ether_type, 0x0800 | 0x86dd | 0x8100 | 0x88a8 | 0x9100);
    let known_protocol = matches!(layer.protocol, 6 | 17) || layer.fragment.is_fragment;
    let bad_option = layer.events.iter().any(|event| event.name().starts_with("ipv4.opt_"));
    let too_small = layer.events.contains(DecodeEvent::EthernetPacketTooSmall);
    if !(known_type || too_small) || (layer.is_ip() && !known_protocol) || (bad_option && layer.invalid) {
        return;
    }
    assert_eq!(layer.invalid, expected.invalid, "{layer:?}\n{expected:?}");
    assert_eq!(layer.vlans(), expected.vlans);
    if !layer.invalid {
        assert_same(frame, layer, &expected);
    }
}

fn assert_same(frame: &[u8], layer: &Headers, expected: &Answer) {
    assert_eq!(layer.is_ip(), expected.ip.is_some());
    if let Some(ip) = &expected.ip {
        assert_eq!(layer.ip_version, ip.version);
        assert_eq!(layer.ip_offset as usize, ip.offset);
        assert_eq!(usize::from(layer.ip_header_len), ip.header_len);
        assert_eq!(layer.ip_len as usize, ip.len);
        assert_eq!((layer.protocol, layer.ttl, layer.tos), (ip.protocol, ip.ttl, ip.tos));
        let length = ip.source.len();
        assert_eq!((&layer.src[..length], &layer.dst[..length]), (&ip.source[..], &ip.destination[..]));
        assert!(layer.src[length..].iter().chain(&layer.dst[length..]).all(|&byte| byte == 0));
        let fragment = layer.fragment;
        let read = fragment.is_fragment.then_some((usize::from(fragment.offset_bytes), fragment.more));
        assert_eq!(read, ip.fragment);
    }
    let Some((offset, len)) = expected.payload else { return };
    assert_eq!(layer.payload(frame), &frame[offset..offset + len]);
    if !matches!(layer.protocol, 6 | 17) {
        return;
    }
    assert_eq!(layer.has_transport, expected.transport.is_some());
    if let Some(transport) = &expected.transport {
        assert_eq!(layer.l4_offset as usize, transport.offset);
        assert_eq!(usize::from(layer.l4_header_len), transport.header_len);
        assert_eq!(usize::from(layer.src_port), transport.src_port);
        assert_eq!(usize::from(layer.dst_port), transport.dst_port);
        assert_eq!(layer.tcp.flags, transport.flags);
    }
}
