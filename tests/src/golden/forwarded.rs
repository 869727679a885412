//! What an inline replay says it would have forwarded: `forwarded.pcapng`.
//!
//! Source: draft-ietf-opsawg-pcapng, sections 3 and 4.3. Either byte order; only enhanced packet blocks are read.

use serde_json::Value;
use sluice_packet::{
    DecodeConfig, Decoded, LinkType,
    checksum::{self, Checksum},
    decode,
};
use std::{fs, path::Path};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const ENHANCED_PACKET: u32 = 6;

fn word(bytes: &[u8], at: usize, little: bool) -> Option<u32> {
    let bytes: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
}

/// The packets of a pcapng file; none when it is not one.
pub fn packets(file: &[u8]) -> Option<Vec<&[u8]>> {
    let mut packets = Vec::new();
    let mut little = true;
    let mut at = 0;
    while at < file.len() {
        // The section header reads the same either way and tells the order of what follows.
        let kind = word(file, at, little)?;
        if kind == SECTION_HEADER {
            little = word(file, at + 8, true)? == 0x1a2b_3c4d;
        }
        let length = word(file, at + 4, little)? as usize;
        if length < 12 {
            return None;
        }
        let block = file.get(at..at.checked_add(length)?)?;
        if kind == ENHANCED_PACKET {
            let captured = word(block, 20, little)? as usize;
            packets.push(block.get(28..28_usize.checked_add(captured)?)?);
        }
        at += length;
    }
    Some(packets)
}

/// What of `wanted` (`packets`, `lacks`, `holds`, `checksums`) does not hold of the file.
pub fn judge(wanted: &Value, path: &Path) -> Vec<String> {
    let file = match fs::read(path) {
        Ok(file) => file,
        Err(error) => return vec![format!("forwarded.pcapng: {error}")],
    };
    let Some(packets) = packets(&file) else { return vec!["forwarded.pcapng: damaged".to_owned()] };
    let mut wrong = Vec::new();
    if let Some(count) = wanted.get("packets").and_then(Value::as_u64)
        && count != packets.len() as u64
    {
        wrong.push(format!("{} packets forwarded instead of {count}", packets.len()));
    }
    let texts = |key: &str| {
        let list = wanted.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let holds = |text: &str| packets.iter().any(|packet| find(packet, text.as_bytes()));
    wrong.extend(texts("lacks").iter().filter(|text| holds(text)).map(|text| format!("forwarded: {text}")));
    wrong.extend(texts("holds").iter().filter(|text| !holds(text)).map(|text| format!("not forwarded: {text}")));
    if wanted.get("checksums").and_then(Value::as_bool) == Some(true) {
        let bad = packets.iter().filter(|packet| !is_sound(packet)).count();
        wrong.extend((bad > 0).then(|| format!("{bad} packets forwarded with a wrong checksum")));
    }
    wrong
}

/// Whether no checksum in an Ethernet frame is wrong.
fn is_sound(packet: &[u8]) -> bool {
    let mut decoded = Decoded::new();
    decode(packet, LinkType::Ethernet, &DecodeConfig::default(), &mut decoded);
    let wrong = Checksum::Invalid;
    decoded
        .layers()
        .iter()
        .all(|layer| checksum::ipv4_header(packet, layer) != wrong && checksum::transport(packet, layer) != wrong)
}

fn find(packet: &[u8], text: &[u8]) -> bool {
    !text.is_empty() && packet.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::packets;

    fn block(kind: u32, body: &[u8], big: bool) -> Vec<u8> {
        let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let padded = body.len().next_multiple_of(4);
        let mut bytes = [word(kind), word(padded as u32 + 12)].concat();
        bytes.extend_from_slice(body);
        bytes.resize(8 + padded, 0);
        bytes.extend_from_slice(&word(padded as u32 + 12));
        bytes
    }

    #[test]
    fn packets_are_read_in_either_byte_order_and_other_blocks_skipped() {
        for big in [false, true] {
            let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
            let section = [&word(0x1a2b_3c4d)[..], &[0; 12]].concat();
            let packet = [&[0; 12][..], &word(3), &word(3), b"abc"].concat();
            let blocks = [block(0x0a0d_0d0a, &section, big), block(1, &[0; 8], big), block(6, &packet, big)];
            assert_eq!(packets(&blocks.concat()), Some(vec![&b"abc"[..]]));
        }
    }

    #[test]
    fn what_is_cut_short_is_damaged() {
        let file = block(6, &[0; 20], false);
        assert!(packets(&file).is_some());
        assert_eq!(packets(&file[..file.len() - 1]), None);
        assert_eq!(packets(&[6, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
