//! Every capture of the shared conformance cases through the decoder, and the decoder events those cases expect.
//!
//! Needs `SLUICE_SHARED` (the folder that holds `conformance/`); says so and passes without it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use sluice_packet::{DecodeConfig, DecodeEvent, Decoded, LinkType, Protocol, decode};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Frames of a pcap file up to its end or its first damaged record, with the number of its link type.
fn pcap(bytes: &[u8]) -> Option<(i32, Vec<&[u8]>)> {
    let magic: [u8; 4] = bytes.get(..4)?.try_into().unwrap();
    let swapped = match u32::from_le_bytes(magic) {
        0xa1b2_c3d4 | 0xa1b2_3c4d => false,
        0xd4c3_b2a1 | 0x4d3c_b2a1 => true,
        _ => return None,
    };
    let word = |at: usize| -> Option<u32> {
        let word = bytes.get(at..at + 4)?.try_into().unwrap();
        Some(if swapped { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    };
    let link = (word(20)? & 0xffff) as i32;
    let mut frames = Vec::new();
    let mut at = 24;
    while let Some(length) = word(at + 8) {
        let Some(frame) = bytes.get(at + 16..at + 16 + length as usize) else { break };
        frames.push(frame);
        at += 16 + length as usize;
    }
    Some((link, frames))
}

/// Frames of a pcapng file of one section, all interfaces of one link type.
fn pcapng(bytes: &[u8]) -> Option<(i32, Vec<&[u8]>)> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().unwrap()) as usize);
    if word(0)? != 0x0a0d_0d0a || word(8)? != 0x1a2b_3c4d {
        return None;
    }
    let (mut link, mut frames, mut at) = (None, Vec::new(), 0);
    while let (Some(kind), Some(length)) = (word(at), word(at + 4)) {
        match kind {
            1 => link = link.or(word(at + 8).map(|word| (word & 0xffff) as i32)),
            6 => frames.extend(word(at + 20).and_then(|length| bytes.get(at + 28..at + 28 + length))),
            3 => frames.extend(bytes.get(at + 12..at + length - 4)),
            _ => {}
        }
        if length < 12 {
            break;
        }
        at += length;
    }
    Some((link?, frames))
}

fn conformance() -> Option<PathBuf> {
    match std::env::var_os("SLUICE_SHARED") {
        Some(shared) => Some(Path::new(&shared).join("conformance")),
        None => {
            println!("SKIPPED: SLUICE_SHARED is not set");
            None
        }
    }
}

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            captures(&path, found);
        } else if path.extension().is_some_and(|extension| ["pcap", "pcapng", "cap"].iter().any(|e| extension == *e)) {
            found.push(path);
        }
    }
}

fn for_each_frame(path: &Path, mut action: impl FnMut(&[u8], &Decoded)) -> bool {
    let bytes = std::fs::read(path).unwrap();
    let Some((link, frames)) = pcap(&bytes).or_else(|| pcapng(&bytes)) else { return false };
    let Some(link) = LinkType::from_pcap(link) else {
        println!("no decoder for link type {link} of {}", path.display());
        return false;
    };
    let mut out = Decoded::new();
    for frame in frames {
        decode(frame, link, &DecodeConfig::DEFAULT, &mut out);
        action(frame, &out);
    }
    true
}

#[test]
fn every_capture_of_the_conformance_cases_decodes_without_panic() {
    let Some(conformance) = conformance() else { return };
    let mut found = Vec::new();
    captures(&conformance, &mut found);
    let (mut files, mut frames, mut invalid, mut layers) = (0u64, 0u64, 0u64, 0u64);
    for path in &found {
        let read = for_each_frame(path, |frame, out| {
            frames += 1;
            layers += out.layers().len() as u64;
            invalid += u64::from(out.layers().iter().any(|layer| layer.invalid));
            for layer in out.layers() {
                assert!(layer.payload(frame).len() == layer.payload_len as usize);
                assert!(layer.ip_packet(frame).len() == layer.ip_len as usize);
            }
        });
        files += u64::from(read);
    }
    println!("{files} of {} captures, {frames} frames, {layers} layers, {invalid} frames invalid", found.len());
    assert!(frames > 0);
}

/// The first number after `key` in `text`.
fn number_after(text: &str, key: &str) -> Option<u64> {
    let after = text.split_once(key)?.1.trim_start_matches([':', ' ', '"']);
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Events that defragmentation raises.
const NOT_OURS: [&str; 3] = ["ipv6.frag_overlap", "ipv6.frag_pkt_too_large", "ipv4.frag_overlap"];

#[test]
fn decoder_events_of_the_conformance_cases_are_raised_as_often_as_expected() {
    let Some(conformance) = conformance() else { return };
    let mut wrong = Vec::new();
    let mut checked = BTreeSet::new();
    for entry in std::fs::read_dir(conformance.join("cases")).unwrap() {
        let folder = entry.unwrap().path();
        let (Ok(rules), Ok(case)) =
            (std::fs::read_to_string(folder.join("test.rules")), std::fs::read_to_string(folder.join("case.json")))
        else {
            continue;
        };
        let Some(name) = case.split_once("\"pcap\": \"").and_then(|(_, rest)| rest.split('"').next()) else { continue };
        for rule in rules.lines().filter(|rule| rule.starts_with("alert") || rule.starts_with("drop")) {
            let (Some((_, event)), Some(sid)) = (rule.split_once("decode-event:"), number_after(rule, "sid")) else {
                continue;
            };
            let event = event.split(';').next().unwrap().trim();
            if NOT_OURS.contains(&event) || event.contains("csum") {
                continue;
            }
            let event = DecodeEvent::from_name(event).unwrap_or_else(|| panic!("no event {event}"));
            for expectation in case.split("\"level\"").filter(|text| text.contains("\"alert\"")) {
                if number_after(expectation, "\"alert.signature_id\"") != Some(sid) {
                    continue;
                }
                let Some(expected) = number_after(expectation, "\"count\"") else { continue };
                let mut count = 0;
                for_each_frame(&folder.join(name), |_, out| {
                    count += u64::from(out.layers().iter().any(|layer| layer.events.contains(event)));
                });
                checked.insert(event.name());
                if count != expected {
                    wrong.push(format!("{}: {} {count}, expected {expected}", folder.display(), event.name()));
                }
            }
        }
    }
    println!("checked {checked:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn decoder_counters_of_the_conformance_cases_are_met() {
    let Some(conformance) = conformance() else { return };
    let (mut wrong, mut checked) = (Vec::new(), BTreeSet::new());
    for entry in std::fs::read_dir(conformance.join("cases")).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(case) = std::fs::read_to_string(folder.join("case.json")) else { continue };
        let Some(name) = case.split_once("\"pcap\": \"").and_then(|(_, rest)| rest.split('"').next()) else { continue };
        for counter in case.split("\"stats.decoder.").skip(1) {
            let key = counter.split('"').next().unwrap();
            let Some(expected) = number_after(counter, &format!("{key}\"")) else { continue };
            let protocol = Protocol::ALL.iter().copied().find(|protocol| protocol.name() == key);
            let event = key.strip_prefix("event.").and_then(DecodeEvent::from_name);
            let event = event.or((key == "too_many_layers").then_some(DecodeEvent::TooManyLayers));
            if protocol.is_none() && event.is_none() && key != "invalid" {
                continue;
            }
            let mut count = 0;
            for_each_frame(&folder.join(name), |_, out| {
                count += out.layers().iter().fold(0, |sum, layer| {
                    let counted = protocol.is_some_and(|protocol| layer.seen.contains(protocol))
                        || event.is_some_and(|event| layer.events.contains(event))
                        || (key == "invalid" && layer.invalid);
                    sum + u64::from(counted)
                });
            });
            checked.insert(key.to_owned());
            if count != expected {
                wrong.push(format!("{}: {key} {count}, expected {expected}", folder.display()));
            }
        }
    }
    println!("checked {checked:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
