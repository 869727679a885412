//! Keys of QUIC's Initial packets, which anybody can work out, and taking the protection off.
//!
//! Used by [`super::parse`]. Nothing here allocates.
//!
//! Sources: RFC 9001 section 5 (version 1), RFC 9369 section 3.3 (version 2), the drafts of QUIC-TLS for their salts, the published sources of Chromium for that of Q050.

use super::version::{GQUIC_50, VERSION_1, VERSION_2, draft};
use ring::{
    aead::{self, quic::HeaderProtectionKey},
    hkdf,
};

/// Bytes of a secret.
const SECRET: usize = 32;
/// Bytes of a nonce.
const NONCE: usize = 12;
/// Bytes of the sample that a header's mask is made of.
const SAMPLE: usize = 16;

/// The salt of a version; none: its packets can't be read.
const fn salt(version: u32) -> Option<&'static [u8; 20]> {
    const V1: [u8; 20] = [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb,
        0x7f, 0x0a,
    ];
    const V2: [u8; 20] = [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd,
        0x2e, 0xd9,
    ];
    const DRAFT_29: [u8; 20] = [
        0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90,
        0xa8, 0x99,
    ];
    const DRAFT_23: [u8; 20] = [
        0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9,
        0xf5, 0x02,
    ];
    const DRAFT_21: [u8; 20] = [
        0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd, 0x7a, 0x02,
        0x64, 0x4a,
    ];
    const Q050: [u8; 20] = [
        0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94, 0x5c, 0xfc, 0xdb, 0xd3, 0xa7, 0xf0, 0xd3, 0xb5,
        0x6b, 0x45,
    ];
    Some(match (version, draft(version)) {
        (VERSION_1, _) | (_, Some(33..=34)) => &V1,
        (VERSION_2, _) => &V2,
        (GQUIC_50, _) => &Q050,
        (_, Some(29..=32)) => &DRAFT_29,
        (_, Some(23..=28)) => &DRAFT_23,
        (_, Some(21..=22)) => &DRAFT_21,
        _ => return None,
    })
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label of RFC 8446 section 7.1, with an empty context.
fn expand(secret: &hkdf::Prk, label: &[u8], out: &mut [u8]) -> Option<()> {
    const FRONT: &[u8] = b"tls13 ";
    let length = (out.len() as u16).to_be_bytes();
    let label_length = [(FRONT.len() + label.len()) as u8];
    secret.expand(&[&length, &label_length, FRONT, label, &[0]], Length(out.len())).ok()?.fill(out).ok()
}

/// The keys of one end.
pub struct Keys {
    packet: aead::LessSafeKey,
    header: HeaderProtectionKey,
    iv: [u8; NONCE],
}

impl Keys {
    /// Those of the Initial packets of the client or of the server, after the connection identifier the client chose for the server.
    ///
    /// # Cost
    /// Ten runs of SHA-256 and two AES key schedules.
    pub fn of(version: u32, connection: &[u8], is_client: bool) -> Option<Self> {
        let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, salt(version)?).extract(connection);
        let mut secret = [0; SECRET];
        expand(&initial, if is_client { b"client in" } else { b"server in" }, &mut secret)?;
        let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &secret);
        let labels: [&[u8]; 3] = if version == VERSION_2 {
            [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"]
        } else {
            [b"quic key", b"quic iv", b"quic hp"]
        };
        let [key_label, iv_label, header_label] = labels;
        let (mut key, mut iv, mut header) = ([0; 16], [0; NONCE], [0; 16]);
        expand(&secret, key_label, &mut key)?;
        expand(&secret, iv_label, &mut iv)?;
        expand(&secret, header_label, &mut header)?;
        Some(Self {
            packet: aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).ok()?),
            header: HeaderProtectionKey::new(&aead::quic::AES_128, &header).ok()?,
            iv,
        })
    }

    /// Takes the protection off `packet`, whose number stands at `number_at` and which ends where it ends; gives what it carries. Without success the packet is spoiled.
    ///
    /// # Cost
    /// AES-128-GCM over the packet.
    pub fn open<'a>(&self, packet: &'a mut [u8], number_at: usize) -> Option<&'a [u8]> {
        let sample: [u8; SAMPLE] = *packet.get(number_at + 4..)?.first_chunk()?;
        let [mask, number_mask @ ..] = self.header.new_mask(&sample).ok()?;
        let first = packet.first_mut()?;
        *first ^= mask & 0x0f;
        let number_length = usize::from(*first & 3) + 1;
        let mut number: u64 = 0;
        for (byte, mask) in packet.get_mut(number_at..number_at + number_length)?.iter_mut().zip(number_mask) {
            *byte ^= mask;
            number = number << 8 | u64::from(*byte);
        }
        let mut nonce = self.iv;
        nonce.iter_mut().skip(NONCE - 8).zip(number.to_be_bytes()).for_each(|(byte, part)| *byte ^= part);
        let (header, body) = packet.split_at_mut_checked(number_at + number_length)?;
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        self.packet.open_in_place(nonce, aead::Aad::from(header), body).ok().map(|plain| &*plain)
    }
}

#[cfg(test)]
impl Keys {
    /// Protects a packet: its header up to and with its number of four bytes, and what it carries.
    pub(super) fn seal(&self, header: &[u8], plain: &[u8]) -> Vec<u8> {
        let number_at = header.len() - 4;
        let mut nonce = self.iv;
        nonce.iter_mut().rev().zip(header.iter().rev().take(4)).for_each(|(byte, part)| *byte ^= part);
        let mut body = plain.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        self.packet.seal_in_place_append_tag(nonce, aead::Aad::from(header), &mut body).unwrap();
        let mut packet = [header, &body].concat();
        let mask = self.header.new_mask(&packet[number_at + 4..number_at + 4 + SAMPLE]).unwrap();
        packet[0] ^= mask[0] & 0x0f;
        (0..4).for_each(|at| packet[number_at + at] ^= mask[1 + at]);
        packet
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}
