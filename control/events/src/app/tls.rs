//! The `tls` object.
//!
//! Called by [`super`] with the fields of both directions. Names and forms are those of the reference engine's records: certificates of the server stand in the object itself, those of the client in an object of their
//! own. Also gives QUIC its fingerprints.

use crate::{json::Json, time};
use base64::{Engine, engine::general_purpose::STANDARD};
use sluice_app::{
    Field, log,
    tls::hello::{OLDEST_DRAFTS, is_grease, numbers},
};

/// The fields of one direction.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Those in a log, if there is one.
    pub(crate) fn of(log: Option<&'a [u8]>) -> Self {
        Self(log.unwrap_or_default())
    }

    pub(crate) fn all(self, wanted: Field) -> impl Iterator<Item = &'a [u8]> {
        log::entries(self.0).filter(move |(field, _)| *field == wanted).map(|(_, bytes)| bytes)
    }

    pub(crate) fn first(self, wanted: Field) -> Option<&'a [u8]> {
        self.all(wanted).next()
    }

    fn number(self, wanted: Field) -> Option<u64> {
        self.first(wanted).map(log::number)
    }
}

/// Fills the object.
pub(super) fn object(json: &mut Json, request: Option<&[u8]>, response: Option<&[u8]>) {
    let [client, server] = [request, response].map(Fields::of);
    certificate(json, server);
    if server.first(Field::TlsResumed).is_some() {
        json.flag("session_resumed", true);
    }
    if let Some(name) = client.first(Field::TlsSni) {
        json.bytes("sni", name);
    }
    let chosen = server.number(Field::TlsVersion).or_else(|| client.number(Field::TlsVersion));
    json.text("version", &version(chosen.unwrap_or(0)));
    fingerprints(json, client, server);
    for (name, end) in [("client_alpns", client), ("server_alpns", server)] {
        if end.first(Field::TlsAlpn).is_some() {
            json.texts(name, end.all(Field::TlsAlpn).map(String::from_utf8_lossy));
        }
    }
    if client.first(Field::TlsCiphers).is_some() {
        json.nested("client_handshake", |json| handshake(json, client));
    }
    if server.first(Field::TlsExtensions).is_some() {
        json.nested("server_handshake", |json| handshake(json, server));
    }
    if client.first(Field::TlsCertFingerprint).is_some() {
        json.nested("client", |json| certificate(json, client));
    }
}

/// Appends the `frame` object of an alert about a record as it is; false: the transaction is no record.
pub(super) fn frame(json: &mut Json, request: Option<&[u8]>, response: Option<&[u8]>) -> bool {
    let ends = [("toserver", request), ("toclient", response)];
    let found = ends.into_iter().find_map(|(direction, log)| {
        let of = |(name, field)| Some((direction, name, Fields::of(log).first(field)?));
        [("pdu", Field::TlsPdu), ("hdr", Field::TlsHeader), ("data", Field::TlsData)].into_iter().find_map(of)
    });
    let Some((direction, name, bytes)) = found else { return false };
    json.nested("frame", |json| {
        json.text("type", name);
        json.text("direction", direction);
        json.number("length", bytes.len() as u64);
        json.flag("complete", true);
        json.base64("payload", bytes);
        json.bytes("payload_printable", &crate::eve::printable(bytes));
    });
    true
}

/// What stands in the first certificate of an end.
fn certificate(json: &mut Json, end: Fields) {
    for (name, field) in [
        ("subject", Field::TlsCertSubject),
        ("issuerdn", Field::TlsCertIssuer),
        ("serial", Field::TlsCertSerial),
        ("fingerprint", Field::TlsCertFingerprint),
    ] {
        if let Some(bytes) = end.first(field) {
            json.bytes(name, bytes);
        }
    }
    for (name, field) in [("notbefore", Field::TlsNotBefore), ("notafter", Field::TlsNotAfter)] {
        if let Some(seconds) = end.number(field) {
            json.text(name, &time::date(seconds as i64));
        }
    }
    if end.first(Field::TlsSubjectAltName).is_some() {
        json.texts("subjectaltname", end.all(Field::TlsSubjectAltName).map(String::from_utf8_lossy));
    }
    if let Some(first) = end.first(Field::TlsChain) {
        json.base64("certificate", first);
        json.texts("chain", end.all(Field::TlsChain).map(|bytes| STANDARD.encode(bytes)));
    }
}

/// JA3, JA3S and JA4 of the hellos.
pub(super) fn fingerprints(json: &mut Json, client: Fields, server: Fields) {
    for (name, end, hash, string) in
        [("ja3", client, Field::Ja3Hash, Field::Ja3String), ("ja3s", server, Field::Ja3sHash, Field::Ja3sString)]
    {
        if let Some((hash, string)) = end.first(hash).zip(end.first(string)) {
            json.nested(name, |json| {
                json.bytes("hash", hash);
                json.bytes("string", string);
            });
        }
    }
    if let Some(ja4) = client.first(Field::Ja4Hash) {
        json.bytes("ja4", ja4);
    }
}

/// What a hello is made of.
fn handshake(json: &mut Json, end: Fields) {
    let list = |field| numbers(end.first(field).unwrap_or_default()).filter(|&number| !is_grease(number));
    json.text("version", &version(end.number(Field::TlsHelloVersion).unwrap_or(0)));
    if end.first(Field::TlsCiphers).is_some() {
        json.numbers("ciphers", list(Field::TlsCiphers));
    }
    if let Some(cipher) = end.number(Field::TlsCipher) {
        json.number("cipher", cipher);
    }
    json.numbers("exts", list(Field::TlsExtensions));
    if end.first(Field::TlsSignatures).is_some() {
        json.numbers("sig_algs", list(Field::TlsSignatures));
    }
}

/// A version's name.
pub(super) fn version(number: u64) -> String {
    const OLDEST: u64 = OLDEST_DRAFTS as u64;
    match number {
        0x0002 => "SSLv2".into(),
        0x0300 => "SSLv3".into(),
        0x0301 => "TLSv1".into(),
        0x0302 => "TLS 1.1".into(),
        0x0303 => "TLS 1.2".into(),
        0x0304 => "TLS 1.3".into(),
        OLDEST => "TLS 1.3 draft-<16".into(),
        0x7f10..=0x7fff => format!("TLS 1.3 draft-{}", number & 0xff),
        0xfb1a => "TLS 1.3 draft-26-fb".into(),
        0 => "UNDETERMINED".into(),
        other => format!("0x{other:04x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{object, version};
    use crate::json::Json;
    use sluice_app::{Field, log};

    fn entry(log: &mut Vec<u8>, field: Field, bytes: &[u8]) {
        log.extend(log::head(field, bytes.len()));
        log.extend(bytes);
    }

    #[test]
    fn versions_have_their_names() {
        for (number, name) in [
            (0x0002, "SSLv2"),
            (0x0301, "TLSv1"),
            (0x0304, "TLS 1.3"),
            (0x7f01, "TLS 1.3 draft-<16"),
            (0x7f12, "TLS 1.3 draft-18"),
            (0, "UNDETERMINED"),
            (0x1234, "0x1234"),
        ] {
            assert_eq!(version(number), name);
        }
    }

    #[test]
    fn an_object_tells_of_both_ends() {
        let (mut client, mut server) = (Vec::new(), Vec::new());
        entry(&mut client, Field::TlsSni, b"a.example");
        entry(&mut client, Field::TlsAlpn, b"h2");
        entry(&mut client, Field::TlsAlpn, b"http/1.1");
        entry(&mut client, Field::Ja3String, b"771,1,,,");
        entry(&mut client, Field::Ja3Hash, b"00ff");
        entry(&mut server, Field::TlsVersion, &0x0303_u64.to_le_bytes());
        entry(&mut server, Field::TlsCertSubject, b"CN=a.example");
        entry(&mut server, Field::TlsNotBefore, &(-86_400_i64).to_le_bytes());
        entry(&mut server, Field::TlsSubjectAltName, b"a.example");
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        object(&mut json, Some(&client), Some(&server));
        json.end();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"subject":"CN=a.example","notbefore":"1969-12-31T00:00:00","subjectaltname":["a.example"],"sni":"a.example","version":"TLS 1.2","ja3":{"hash":"00ff","string":"771,1,,,"},"client_alpns":["h2","http/1.1"]}"#
        );
    }

    #[test]
    fn nothing_known_is_undetermined() {
        let mut out = Vec::new();
        let mut json = Json::object(&mut out);
        object(&mut json, None, None);
        json.end();
        assert_eq!(out, br#"{"version":"UNDETERMINED"}"#);
    }
}
