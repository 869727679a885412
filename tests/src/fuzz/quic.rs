//! Target `quic`: datagrams, some as they are, some as what an Initial packet carries, sealed here with the keys that anybody can work out.
//!
//! The first byte chooses the version; then datagrams, each behind two bytes: direction and whether it is sealed, and its length. Nothing panics, memory stays within its bound and is given back.
//!
//! Sealing is written anew from RFC 9001 section 5, so that it also checks the parser's keys.

use super::tls::{applications, left};
use ring::{aead, hkdf};
use sluice_app::Input;
use sluice_core::{AppLink, Direction, Nanos};

/// The client's connection identifier.
const ID: [u8; 8] = *b"sluiceid";
/// Versions, each with its salt and the front of its labels.
const VERSIONS: [(u32, [u8; 20], &str); 2] = [
    (1, *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a", "quic"),
    (0x6b33_43cf, *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9", "quicv2"),
];

/// Runs one input.
pub fn run(input: &[u8]) {
    let Some((&choice, mut rest)) = input.split_first() else { return };
    let version = VERSIONS[usize::from(choice & 1)];
    let mut applications = applications();
    let mut link = AppLink::default();
    while let [head, length, behind @ ..] = rest {
        let length = (usize::from(*head & 0x0f) << 8 | usize::from(*length)).min(behind.len());
        let (bytes, behind) = behind.split_at(length);
        rest = behind;
        let direction = if head & 0x80 == 0 { Direction::ToServer } else { Direction::ToClient };
        let datagram = if head & 0x40 == 0 { bytes.to_vec() } else { seal(version, direction, bytes) };
        let ports = [443, 40_000];
        let input = Input { bytes: &datagram, direction, now: Nanos(0), ports, either: false, datagram: true };
        applications.feed(&mut link, &input);
    }
    left(&mut applications, &mut link);
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(secret: &hkdf::Prk, label: &str) -> [u8; N] {
    let label = format!("tls13 {label}");
    let (length, label_length) = ((N as u16).to_be_bytes(), [label.len() as u8]);
    let mut out = [0; N];
    secret.expand(&[&length, &label_length, label.as_bytes(), &[0]], Length(N)).unwrap().fill(&mut out).unwrap();
    out
}

/// An Initial packet of the version numbered `version` with these frames.
pub(crate) fn sealed(version: usize, direction: Direction, frames: &[u8]) -> Vec<u8> {
    seal(VERSIONS[version & 1], direction, frames)
}

/// An Initial packet with these frames, padded so that its mask can be made.
pub(super) fn seal((version, salt, labels): (u32, [u8; 20], &str), direction: Direction, frames: &[u8]) -> Vec<u8> {
    let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &salt).extract(&ID);
    let label = if direction == Direction::ToServer { "client in" } else { "server in" };
    let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &expand::<32>(&initial, label));
    let key: [u8; 16] = expand(&secret, &format!("{labels} key"));
    let iv: [u8; 12] = expand(&secret, &format!("{labels} iv"));
    let header_key: [u8; 16] = expand(&secret, &format!("{labels} hp"));
    let mut body = frames.to_vec();
    body.resize(body.len().max(20), 0);
    let id: &[u8] = if direction == Direction::ToServer { &ID } else { b"" };
    let first = if version == 1 { 0xc0 } else { 0xd0 };
    let length = ((body.len() as u32 + 1 + 16) | 0x8000_0000).to_be_bytes();
    // Its number is 0, in one byte.
    let header = [&[first][..], &version.to_be_bytes(), &[id.len() as u8], id, &[0, 0], &length, &[0]].concat();
    let sealing = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).unwrap());
    let nonce = aead::Nonce::assume_unique_for_key(iv);
    sealing.seal_in_place_append_tag(nonce, aead::Aad::from(&header[..]), &mut body).unwrap();
    let mut packet = [&header[..], &body].concat();
    let number_at = header.len() - 1;
    let mask = aead::quic::HeaderProtectionKey::new(&aead::quic::AES_128, &header_key)
        .unwrap()
        .new_mask(&packet[number_at + 4..number_at + 20])
        .unwrap();
    packet[0] ^= mask[0] & 0x0f;
    packet[number_at] ^= mask[1];
    packet
}

#[cfg(test)]
mod tests {
    use super::{ID, VERSIONS, applications, seal};
    use sluice_app::{Input, TransactionView};
    use sluice_core::{AppLink, Direction, Nanos};

    #[test]
    fn what_is_sealed_here_is_opened_by_the_parser() {
        for version in VERSIONS {
            // A hello with one cipher and no extensions.
            let hello = [&[1, 0, 0, 41, 3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
            let frames = [&[6, 0, hello.len() as u8][..], &hello].concat();
            let bytes = seal(version, Direction::ToServer, &frames);
            assert_eq!(bytes[6..14], ID);
            let mut applications = applications();
            let mut link = AppLink::default();
            let (direction, ports) = (Direction::ToServer, [443, 40_000]);
            let input = Input { bytes: &bytes, direction, now: Nanos(0), ports, either: false, datagram: true };
            applications.feed(&mut link, &input);
            let view = TransactionView::of(&applications.room, applications.first(link), direction).unwrap();
            assert!(view.pieces(sluice_app::Field::Ja3String).any(|text| text == b"771,4865,,,"));
        }
    }
}
