//! Properties of the whole decoder on any bytes.

use crate::{DecodeConfig, Decoded, Headers, LinkType, Teredo, checksum, decode};
use proptest::prelude::*;

fn any_link() -> impl Strategy<Value = LinkType> {
    proptest::sample::select(LinkType::ALL)
}

/// Everything a layer promises about its offsets.
pub fn check_layer(frame: &[u8], layer: &Headers) {
    let end = frame.len() as u64;
    let span = |offset: u32, len: u64| u64::from(offset) + len;
    assert!(u64::from(layer.frame_start) <= end);
    assert!(span(layer.payload_offset, u64::from(layer.payload_len)) <= end);
    assert!(layer.vlan_count <= 3);
    if layer.has_ethernet {
        assert_eq!(layer.ethernet(frame).len(), 14);
    }
    if layer.is_ip() {
        let ip_end = span(layer.ip_offset, u64::from(layer.ip_len));
        assert!(ip_end <= end);
        assert!(u32::from(layer.ip_header_len) <= layer.ip_len);
        assert!(layer.payload_offset >= layer.ip_offset);
        assert!(span(layer.payload_offset, u64::from(layer.payload_len)) <= ip_end);
        if layer.has_transport {
            assert_eq!(layer.l4_offset, layer.ip_offset + u32::from(layer.ip_header_len));
            assert_eq!(layer.payload_offset, layer.l4_offset + u32::from(layer.l4_header_len));
        }
    } else {
        assert!(!layer.has_transport);
    }
    checksum::ipv4_header(frame, layer);
    checksum::transport(frame, layer);
    crate::ip_options(frame, layer).count();
    crate::tcp_options(frame, layer).count();
    crate::extension_headers(frame, layer).count();
    crate::sctp_chunks(frame, layer).count();
    crate::arp(frame, layer);
    if let Some(embedded) = layer.embedded {
        assert!(u64::from(embedded.l4_offset) <= end);
        embedded.source(frame);
        embedded.destination(frame);
    }
}

/// Decodes into an answer that held another frame and checks every layer.
pub fn check_frame(frame: &[u8], link: LinkType, config: &DecodeConfig, out: &mut Decoded) {
    decode(frame, link, config, out);
    assert!(!out.layers().is_empty());
    for layer in out.layers() {
        check_layer(frame, layer);
    }
}

proptest! {
    #[test]
    fn any_bytes_with_any_link_type_keep_every_promise(
        frame in proptest::collection::vec(any::<u8>(), 0..300),
        link in any_link(),
    ) {
        check_frame(&frame, link, &DecodeConfig { teredo: Teredo::AnyPort, ..DecodeConfig::DEFAULT }, &mut Decoded::new());
    }
}
