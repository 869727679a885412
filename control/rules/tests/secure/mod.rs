//! What ends of TLS and QUIC say, by hand: one connection of TLS 1.2 with two certificates, one Initial packet.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "shared by several tests")]

fn record(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

fn list16(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let length = value.len();
    let head = if length < 128 { vec![tag, length as u8] } else { vec![tag, 0x82, (length >> 8) as u8, length as u8] };
    [head, value].concat()
}

fn name(parts: &[(u8, &[u8])]) -> Vec<u8> {
    let sets = parts
        .iter()
        .flat_map(|(kind, value)| der(0x31, &[&der(0x30, &[&der(6, &[&[0x55, 4, *kind]]), &der(0x0c, &[value])])]));
    der(0x30, &[&sets.collect::<Vec<u8>>()])
}

/// A certificate of SELKS by Stamus, valid from the end of 1969 to the end of 2049.
pub fn certificate() -> Vec<u8> {
    let algorithm = der(0x30, &[&der(6, &[&[0x2a, 3]])]);
    let dates = der(0x30, &[&der(0x17, &[b"691231000000Z"]), &der(0x18, &[b"20491231235959Z"])]);
    let names = der(0x30, &[&der(0x82, &[b"a.example"])]);
    let extension = der(0x30, &[&der(6, &[&[0x55, 0x1d, 0x11]]), &der(4, &[&names])]);
    let body = [
        &der(0xa0, &[&[2, 1, 2]])[..],
        &der(2, &[&[0, 0x97, 0xe6]]),
        &algorithm,
        &name(&[(6, b"FR"), (10, b"Stamus")]),
        &dates,
        &name(&[(6, b"FR"), (3, b"SELKS")]),
        &der(0x30, &[]),
        &der(0xa3, &[&der(0x30, &[&extension])]),
    ];
    der(0x30, &[&der(0x30, &body), &algorithm, &der(3, &[&[0]])])
}

/// Its fingerprint.
pub fn fingerprint() -> String {
    String::from_utf8(sluice_app::tls::x509::fingerprint(&certificate()).get().to_vec()).unwrap()
}

/// What is said, and whether the client says it.
pub fn connection() -> Vec<(bool, Vec<u8>)> {
    let name = [&[0, 0][..], &list16(&list16(&[&[0][..], &list16(b"a.example")].concat()))].concat();
    let offered = [&[0, 16][..], &list16(&list16(b"\x02h2\x08http/1.1"))].concat();
    let chosen = [&[0, 16][..], &list16(&list16(b"\x02h2"))].concat();
    let client =
        [&[3, 3][..], &[7; 32], &[0], &list16(&[0xc0, 0x2f, 0, 0x2f]), &[1, 0], &list16(&[name, offered].concat())];
    let server = [&[3, 3][..], &[9; 32], &[0, 0xc0, 0x2f, 0], &list16(&chosen)];
    let list24 = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[1..], bytes].concat();
    let certificate = certificate();
    let chain = list24(&[list24(&certificate), list24(&certificate)].concat());
    let flight = [message(2, &server.concat()), message(11, &chain), message(12, b"key"), message(14, b"")].concat();
    vec![
        (true, record(22, &message(1, &client.concat()))),
        (false, record(22, &flight)),
        (true, [record(22, &message(16, b"key")), record(20, &[1]), record(22, &[0xaa; 40])].concat()),
        (false, [record(20, &[1]), record(22, &[0xbb; 40])].concat()),
        (true, record(23, &[0xcc; 60])),
        (false, record(23, &[0xdd; 60])),
    ]
}

/// The client's packet in RFC 9001 appendix A.2.
pub fn quic_initial() -> Vec<u8> {
    let text: String = include_str!("../data/rfc9001-client-initial.hex").split_whitespace().collect();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
