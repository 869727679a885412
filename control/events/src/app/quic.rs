//! The `quic` object.
//!
//! Called by [`super`] with the fields of both directions, of which a hello fills one. Names are those of the reference engine's records; names of extensions those of IANA's registry, the one of application protocols in
//! short.

use super::tls::{self, Fields};
use crate::json::Json;
use sluice_app::{
    Field,
    quic::version::{VERSION_1, VERSION_2, draft, gquic},
    tls::hello::{Reader, extension},
};

/// Fills the object.
pub(super) fn object(json: &mut Json, request: Option<&[u8]>, response: Option<&[u8]>) {
    let [client, server] = [request, response].map(Fields::of);
    let both = || [client, server].into_iter();
    let number = both().find_map(|end| end.first(Field::QuicVersion)).and_then(|bytes| bytes.first_chunk());
    if let Some(bytes) = number {
        json.text("version", &version(u32::from_be_bytes(*bytes)));
    }
    for (name, field) in [("sni", Field::QuicSni), ("ua", Field::QuicUa)] {
        if let Some(bytes) = client.first(field) {
            json.bytes(name, bytes);
        }
    }
    if let Some((hash, string)) = client.first(Field::QuicCyuHash).zip(client.first(Field::QuicCyuString)) {
        json.list("cyu", [(hash, string)], |json, (hash, string)| {
            json.bytes("hash", hash);
            json.bytes("string", string);
        });
    }
    tls::fingerprints(json, client, server);
    if both().any(|end| end.first(Field::QuicExtension).is_some()) {
        json.list("extensions", both().flat_map(|end| end.all(Field::QuicExtension)), one_extension);
    }
}

/// An extension: its number, and of some what stands in it.
fn one_extension(json: &mut Json, bytes: &[u8]) {
    let mut reader = Reader::of(bytes);
    let Some(number) = reader.u16() else { return };
    if let Some(name) = extension_name(number) {
        json.text("name", name);
    }
    json.number("type", number);
    let mut values = Vec::new();
    let list = reader.list16().unwrap_or_default();
    let mut inner = Reader::of(list);
    match number {
        extension::SERVER_NAME => {
            while let Some(name) = inner.u8().and_then(|_| inner.list16()) {
                values.push(String::from_utf8_lossy(name));
            }
        }
        extension::ALPN => {
            while let Some(name) = inner.list8() {
                values.push(String::from_utf8_lossy(name));
            }
        }
        _ => {}
    }
    if !values.is_empty() {
        json.texts("values", values);
    }
}

/// A version's name.
fn version(number: u32) -> String {
    match number {
        VERSION_1 => "1".into(),
        VERSION_2 => "2".into(),
        other => match (gquic(other), draft(other)) {
            (Some(number), _) => format!("Q{number:03}"),
            (None, Some(number)) => format!("draft-{number}"),
            (None, None) => format!("0x{other:08x}"),
        },
    }
}

/// The name of an extension (IANA, "TLS ExtensionType Values").
const fn extension_name(number: u16) -> Option<&'static str> {
    Some(match number {
        0 => "server_name",
        1 => "max_fragment_length",
        2 => "client_certificate_url",
        3 => "trusted_ca_keys",
        4 => "truncated_hmac",
        5 => "status_request",
        6 => "user_mapping",
        7 => "client_authz",
        8 => "server_authz",
        9 => "cert_type",
        10 => "supported_groups",
        11 => "ec_point_formats",
        12 => "srp",
        13 => "signature_algorithms",
        14 => "use_srtp",
        15 => "heartbeat",
        16 => "alpn",
        17 => "status_request_v2",
        18 => "signed_certificate_timestamp",
        19 => "client_certificate_type",
        20 => "server_certificate_type",
        21 => "padding",
        22 => "encrypt_then_mac",
        23 => "extended_master_secret",
        24 => "token_binding",
        25 => "cached_info",
        27 => "compress_certificate",
        28 => "record_size_limit",
        34 => "delegated_credentials",
        35 => "session_ticket",
        41 => "pre_shared_key",
        42 => "early_data",
        43 => "supported_versions",
        44 => "cookie",
        45 => "psk_key_exchange_modes",
        47 => "certificate_authorities",
        48 => "oid_filters",
        49 => "post_handshake_auth",
        50 => "signature_algorithms_cert",
        51 => "key_share",
        54 => "connection_id",
        57 => "quic_transport_parameters",
        0xfe0d => "encrypted_client_hello",
        0xff01 => "renegotiation_info",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{object, version};
    use crate::json::Json;
    use sluice_app::{Field, log};

    #[test]
    fn versions_have_their_names() {
        for (number, name) in
            [(1, "1"), (0x6b33_43cf, "2"), (0x5130_3436, "Q046"), (0xff00_001d, "draft-29"), (5, "0x00000005")]
        {
            assert_eq!(version(number), name);
        }
    }

    #[test]
    fn extensions_tell_their_names_and_what_stands_in_some() {
        let mut log = Vec::new();
        let mut entry = |field, bytes: &[u8]| {
            log.extend(log::head(field, bytes.len()));
            log.extend(bytes);
        };
        entry(Field::QuicVersion, &[0, 0, 0, 1]);
        entry(Field::QuicSni, b"a.b");
        entry(Field::QuicExtension, b"\0\0\0\x06\0\0\x03a.b");
        entry(Field::QuicExtension, b"\0\x10\0\x03\x02h3");
        entry(Field::QuicExtension, b"\x12\x34");
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        object(&mut json, Some(&log), None);
        json.end();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"version":"1","sni":"a.b","extensions":[{"name":"server_name","type":0,"values":["a.b"]},{"name":"alpn","type":16,"values":["h3"]},{"type":4660}]}"#
        );
    }
}
