//! Target `decode`: any bytes as a frame of any link type.
//!
//! First byte the link type, second byte the decoder's configuration, the rest the frame. Nothing panics, every offset lies in the frame, the answer depends on nothing but frame
//! and configuration, the owners of the layers are workers and their stretches cover all layers once; an answer to the frame is a sound packet.

use sluice_core::{Action, HashKey, Nanos};
use sluice_flow::Partitions;
use sluice_packet::{
    DecodeConfig, Decoded, Headers, LinkType, MAX_LAYERS, Plain, PlainReader, PortList, Teredo, arp, checksum, decode,
    extension_headers, ip_options, sctp_chunks, tcp_options,
};
use sluice_worker::{Owners, flows, reject};

/// Runs one input.
pub fn run(input: &[u8]) {
    let [link, config, frame @ ..] = input else { return };
    let link = LinkType::ALL[usize::from(*link) % LinkType::ALL.len()];
    let config = config_of(*config);
    let mut decoded = Decoded::new();
    decode(frame, link, &config, &mut decoded);
    let told = format!("{decoded:?}");
    let layers = decoded.layers().len();
    assert!((1..=MAX_LAYERS).contains(&layers));
    for layer in decoded.layers() {
        check_layer(frame, layer);
    }
    owners(&decoded, frame);
    answers(frame, decoded.outermost(), link);
    // Again, over what another frame left behind.
    decode(&[0x45; 80], LinkType::Raw, &config, &mut decoded);
    decode(frame, link, &config, &mut decoded);
    assert_eq!(told, format!("{decoded:?}"), "the answer depends on the frame before");
    if link == LinkType::Ethernet {
        let (reader, secret, mut plain) = (PlainReader::new(&config, true), HashKey::fixed(), Plain::NONE);
        if reader.reads() && reader.read(frame, &secret, &mut plain) {
            assert_eq!(layers, 1, "a glance took a frame of several layers");
            let keyed = flows::key_of(decoded.innermost(), 0, true, |key| key.hash(&secret));
            let keyed = keyed.map(|keyed| (keyed.key, keyed.hash, keyed.swapped));
            assert_eq!(Some((plain.key, plain.hash, plain.swapped)), keyed, "a glance and the decoder disagree");
        }
    }
}

fn config_of(byte: u8) -> DecodeConfig {
    let mut config = DecodeConfig::DEFAULT;
    config.teredo = match byte & 3 {
        0 => Teredo::Off,
        1 => Teredo::Ports(PortList::one(3544)),
        _ => Teredo::AnyPort,
    };
    config.erspan_type_i = byte & 4 != 0;
    if byte & 8 != 0 {
        config.vxlan_ports = PortList::NONE;
    }
    if byte & 16 != 0 {
        config.geneve_ports = PortList::NONE;
        config.gtp_u_ports = PortList::NONE;
    }
    config
}

fn check_layer(frame: &[u8], layer: &Headers) {
    let end = frame.len() as u64;
    let inside = |offset: u32, length: u64| assert!(u64::from(offset) + length <= end, "{layer:?}");
    inside(layer.frame_start, 0);
    inside(layer.payload_offset, u64::from(layer.payload_len));
    inside(layer.ip_offset, u64::from(layer.ip_len));
    assert_eq!(layer.payload(frame).len(), layer.payload_len as usize);
    assert_eq!(layer.transport_header(frame).len(), usize::from(layer.l4_header_len));
    assert!(layer.vlans().len() <= 3);
    // An iterator that does not move would go on for ever.
    let most = frame.len() + 1;
    for count in [
        ip_options(frame, layer).take(most + 1).count(),
        tcp_options(frame, layer).take(most + 1).count(),
        extension_headers(frame, layer).take(most + 1).count(),
        sctp_chunks(frame, layer).take(most + 1).count(),
    ] {
        assert!(count <= most);
    }
    arp(frame, layer);
    checksum::ipv4_header(frame, layer);
    checksum::transport(frame, layer);
    if let Some(quoted) = layer.embedded {
        quoted.source(frame);
        quoted.destination(frame);
    }
}

fn owners(decoded: &Decoded, frame: &[u8]) {
    // Live and as in replay.
    let partitions = Some(Partitions::for_capacity(4_096));
    for (workers, partitions) in [1, 3, 8].into_iter().flat_map(|workers| [(workers, None), (workers, partitions)]) {
        let owners = Owners::new(HashKey::fixed(), partitions, workers, true);
        let of = owners.of(decoded, frame);
        let (mut first, mut next) = (0, of.stretch(0));
        while let Some(stretch) = next {
            assert!(stretch.first == first && stretch.end > stretch.first, "{stretch:?}");
            assert!(usize::from(stretch.owner) < workers);
            first = stretch.end;
            next = of.stretch(first);
        }
        assert!(usize::from(first) >= decoded.layers().len());
    }
}

fn answers(frame: &[u8], outermost: &Headers, link: LinkType) {
    for action in [Action::RejectSource, Action::RejectDestination, Action::RejectBoth] {
        let mut sent = 0;
        reject::answer(action, frame, outermost, (Nanos(0), 1), |answer| {
            sent += 1;
            let mut decoded = Decoded::new();
            decode(answer.bytes(), link, &DecodeConfig::DEFAULT, &mut decoded);
            let told = decoded.outermost();
            assert!(!told.invalid && told.has_transport, "{:02x?}", answer.bytes());
            assert_eq!(told.ip_version, outermost.ip_version);
        });
        assert!(sent <= 2);
    }
}
