//! Objects of packets that have no ports or more than ports: `sctp`, `igmp`, `rgmp`, `arp`.
//!
//! Called by `eve`. Sources: RFC 9260 section 3.2 (chunks), RFC 3376 section 7 (versions of IGMP), RFC 3488 (RGMP).

use crate::json::Json;
use sluice_packet::{Headers, sctp_chunks};
use std::net::Ipv4Addr;

/// Chunk types named in an SCTP object; the others are in its count.
const MOST_CHUNKS: usize = 64;

/// The all-RGMP-routers group, and the least of RGMP's types.
const RGMP_GROUP: [u8; 4] = [224, 0, 0, 25];
const RGMP_LEAST: u8 = 0xfc;

/// The `sctp` object.
pub fn sctp(json: &mut Json, frame: &[u8], headers: &Headers) {
    let fields = &headers.sctp;
    let holds = |kind: u8| fields.chunk_types >> kind & 1 == 1;
    json.nested("sctp", |json| {
        json.number("vtag", fields.verification_tag);
        json.number("chunk_cnt", fields.chunk_count);
        json.texts(
            "chunk_types",
            sctp_chunks(frame, headers).take(MOST_CHUNKS).map(|chunk| chunk_name(chunk.kind).unwrap_or("unknown")),
        );
        json.flag("has_init", holds(1));
        json.flag("has_init_ack", holds(2));
        json.flag("has_data", fields.data_chunk_count > 0);
        json.flag("has_abort", holds(6));
    });
}

fn chunk_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "data",
        1 => "init",
        2 => "init_ack",
        3 => "sack",
        4 => "heartbeat",
        5 => "heartbeat_ack",
        6 => "abort",
        7 => "shutdown",
        8 => "shutdown_ack",
        9 => "error",
        10 => "cookie_echo",
        11 => "cookie_ack",
        12 => "ecne",
        13 => "cwr",
        14 => "shutdown_complete",
        15 => "auth",
        64 => "i_data",
        128 => "asconf_ack",
        130 => "re_config",
        132 => "pad",
        192 => "forward_tsn",
        193 => "asconf",
        194 => "i_forward_tsn",
        _ => return None,
    })
}

/// The `igmp` object, or `rgmp` for what goes to its group.
pub fn igmp(json: &mut Json, frame: &[u8], headers: &Headers) {
    let message = headers.ip_payload(frame);
    let Some(&[kind, code, _, _, a, b, c, d]) = message.first_chunk::<8>() else { return };
    let group = format!("{a}.{b}.{c}.{d}");
    if kind >= RGMP_LEAST && headers.dst.starts_with(&RGMP_GROUP) {
        json.nested("rgmp", |json| {
            json.number("type", kind);
            json.text("group", &group);
        });
        return;
    }
    let version = match kind {
        0x11 if message.len() >= 12 => Some(3),
        0x11 if code == 0 => Some(1),
        0x11 | 0x16 | 0x17 => Some(2),
        0x12 => Some(1),
        0x22 => Some(3),
        _ => None,
    };
    json.nested("igmp", |json| {
        json.number("type", kind);
        if let Some(version) = version {
            json.number("version", version);
        }
        // A report of version 3 has its groups in records.
        if kind != 0x22 {
            json.text("group", &group);
        }
    });
}

/// The `arp` object.
pub fn arp(json: &mut Json, frame: &[u8], headers: &Headers) {
    let Some(arp) = sluice_packet::arp(frame, headers) else { return };
    let mac = |address: [u8; 6]| address.map(|byte| format!("{byte:02x}")).join(":");
    json.nested("arp", |json| {
        // The decoder takes no other hardware and protocol.
        json.text("hw_type", "ethernet");
        json.text("proto_type", "ipv4");
        json.text("opcode", opcode(arp.opcode));
        json.text("src_mac", &mac(arp.source_mac));
        json.text("src_ip", &Ipv4Addr::from(arp.source_ip).to_string());
        json.text("dest_mac", &mac(arp.destination_mac));
        json.text("dest_ip", &Ipv4Addr::from(arp.destination_ip).to_string());
    });
}

/// RFC 826, RFC 903, RFC 1931, RFC 2390.
const fn opcode(number: u16) -> &'static str {
    match number {
        1 => "request",
        2 => "reply",
        3 => "request_reverse",
        4 => "reply_reverse",
        5 => "drarp_request",
        6 => "drarp_reply",
        7 => "drarp_error",
        8 => "inarp_request",
        9 => "inarp_reply",
        10 => "arp_nak",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::{igmp, sctp};
    use crate::json::Json;
    use sluice_packet::{DecodeConfig, Decoded, LinkType};

    fn written(protocol: u8, destination: [u8; 4], payload: &[u8]) -> String {
        let mut frame = vec![0x45, 0, 0, 20 + payload.len() as u8, 0, 0, 0, 0, 1, protocol, 0, 0, 10, 0, 0, 1];
        frame.extend_from_slice(&destination);
        frame.extend_from_slice(payload);
        let mut decoded = Decoded::new();
        sluice_packet::decode(&frame, LinkType::Raw, &DecodeConfig::default(), &mut decoded);
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        match protocol {
            2 => igmp(&mut json, &frame, decoded.innermost()),
            _ => sctp(&mut json, &frame, decoded.innermost()),
        }
        json.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn sctp_names_its_chunks() {
        let text =
            written(132, [10, 0, 0, 2], &[0, 7, 0, 9, 0, 0, 0, 5, 0, 0, 0, 0, 10, 0, 0, 4, 0, 3, 0, 5, 1, 0, 0, 0]);
        assert!(
            text.contains(r#""vtag":5,"chunk_cnt":2,"chunk_types":["cookie_echo","data"],"has_init":false"#),
            "{text}"
        );
        assert!(text.contains(r#""has_data":true,"has_abort":false"#), "{text}");
    }

    #[test]
    fn igmp_versions_are_told_apart() {
        let version = |message: &[u8]| written(2, [224, 0, 0, 1], message);
        assert!(version(&[0x11, 0, 0, 0, 0, 0, 0, 0]).contains(r#""version":1"#));
        assert!(version(&[0x11, 100, 0, 0, 0, 0, 0, 0]).contains(r#""version":2"#));
        assert!(version(&[0x11, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).contains(r#""version":3"#));
        assert!(version(&[0x12, 0, 0, 0, 0, 0, 0, 0]).contains(r#""version":1"#));
        assert!(!version(&[0x13, 0, 0, 0, 0, 0, 0, 0]).contains("version"));
    }

    #[test]
    fn arp_is_written_and_what_is_no_arp_is_not() {
        let packet = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
        let written = |ether_type: [u8; 2]| {
            let frame = [&[0xff; 12][..], &ether_type, &packet].concat();
            let mut decoded = Decoded::new();
            sluice_packet::decode(&frame, LinkType::Ethernet, &DecodeConfig::default(), &mut decoded);
            let mut out = Vec::new();
            let mut json = Json::object(&mut out);
            super::arp(&mut json, &frame, decoded.innermost());
            json.end();
            String::from_utf8(out).unwrap()
        };
        assert!(written([8, 6]).contains(r#""opcode":"request","src_mac":"02:00:00:00:00:01","src_ip":"10.0.0.1""#));
        assert_eq!(written([8, 7]), "{}");
    }

    #[test]
    fn rgmp_is_told_by_its_group() {
        assert_eq!(
            written(2, [224, 0, 0, 25], &[0xff, 0, 0, 0, 0, 0, 0, 0]),
            r#"{"rgmp":{"type":255,"group":"0.0.0.0"}}"#
        );
        assert!(written(2, [224, 0, 0, 1], &[0xff, 0, 0, 0, 0, 0, 0, 0]).starts_with(r#"{"igmp""#));
    }
}
