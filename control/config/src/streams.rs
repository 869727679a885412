//! `detection.stream`: how TCP streams are put together.
//!
//! Read by [`crate::assign`]; the reference engine's names are aliases of ours.

use crate::settings::Settings;
use sluice_flow::stream::{OverlapPolicy, UrgentPolicy};
use sluice_packet::defrag::{Policy, Prefix};
use std::net::IpAddr;

/// Our paths.
pub(crate) const PATHS: &[&str] = &[
    "detection.stream.inline",
    "detection.stream.pick-up",
    "detection.stream.memory",
    "detection.stream.most",
    "detection.stream.depth",
    "detection.stream.window",
    "detection.stream.urgent",
    "detection.stream.targets.POLICY",
];

/// Dotted names of the reference engine that mean one of ours.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("stream.inline", "detection.stream.inline"),
    ("stream.reassembly.memcap", "detection.stream.memory"),
    ("stream.reassembly.depth", "detection.stream.depth"),
    ("stream.reassembly.urgent.policy", "detection.stream.urgent"),
    ("stream.reassembly.toserver-chunk-size", "detection.stream.window"),
    ("stream.reassembly.toclient-chunk-size", "detection.stream.window"),
];

/// A number of bytes: `2560`, `8kb`, `1mb`, `1gb`.
pub(crate) fn bytes(value: &str) -> Option<u64> {
    let value = value.to_ascii_lowercase();
    let digits = value.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let shift = match unit.trim() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// An address with or without prefix length.
fn prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(width), |bits| bits.parse().ok())?;
    (bits <= width).then_some((address, bits))
}

/// Sets `path`; none when it is not one of these. An error says what was wanted.
pub(crate) fn assign(settings: &mut Settings, path: &str, value: &str) -> Option<Result<(), &'static str>> {
    let streams = &mut settings.streams;
    let number = |low: u64, high: u64| bytes(value).filter(|bytes| (low..=high).contains(bytes));
    let done = match path {
        "detection.stream.inline" => match value {
            "auto" => {
                settings.stream_inline = None;
                Ok(())
            }
            "true" | "yes" | "on" => {
                settings.stream_inline = Some(true);
                Ok(())
            }
            "false" | "no" | "off" => {
                settings.stream_inline = Some(false);
                Ok(())
            }
            _ => Err("auto, true or false"),
        },
        "detection.stream.pick-up" => {
            value.parse().map(|seconds| settings.pick_up_s = seconds).map_err(|_| "seconds, 0 for none")
        }
        "detection.stream.memory" => {
            number(1 << 20, 1 << 38).map(|bytes| streams.memory = bytes as usize).ok_or("bytes, from 1mb to 256gb")
        }
        "detection.stream.most" => {
            number(1 << 16, 1 << 30).map(|bytes| streams.most = bytes as u32).ok_or("bytes, from 64kb to 1gb")
        }
        "detection.stream.depth" => {
            number(0, 1 << 30).map(|bytes| streams.depth = bytes as u32).ok_or("bytes, up to 1gb; 0 for all")
        }
        "detection.stream.window" => {
            number(64, 65_536).map(|bytes| streams.window = bytes as u32).ok_or("bytes, from 64 to 65536")
        }
        "detection.stream.urgent" => UrgentPolicy::from_name(value)
            .map(|policy| streams.urgent = policy)
            .ok_or("oob (out of band), inline, gap or drop"),
        _ => {
            let name =
                ["detection.stream.targets.", "host-os-policy."].iter().find_map(|known| path.strip_prefix(known))?;
            let policy = OverlapPolicy::from_name(name);
            let hosts = value.trim_matches(['[', ']']).split(',').map(|host| host.trim().trim_matches('"'));
            let hosts: Option<Vec<_>> = hosts.filter(|host| !host.is_empty()).map(prefix).collect();
            match (policy, hosts) {
                (Some(policy), Some(hosts)) => {
                    // The reference engine's name is about fragments too.
                    if let Some(fragments) = Policy::from_name(name).filter(|_| path.starts_with("host-os-policy.")) {
                        let networks = hosts.iter().filter_map(|(address, bits)| Prefix::of(*address, *bits));
                        networks.for_each(|network| settings.defrag.policies.add(network, fragments));
                    }
                    hosts.into_iter().for_each(|(address, bits)| settings.targets.add(address, bits, policy));
                    Ok(())
                }
                (None, _) => {
                    Err("a policy: bsd, windows, linux, old-linux, solaris, hpux11, vista, macos, first or last")
                }
                (_, None) => Err("addresses or prefixes, with commas"),
            }
        }
    };
    Some(done)
}

#[cfg(test)]
mod tests {
    use super::{Settings, bytes};
    use sluice_flow::stream::{OverlapPolicy, UrgentPolicy};

    #[test]
    fn sizes_have_units() {
        assert_eq!(
            ["2560", "8kb", "1 mb", "2GiB", "x", "5tb"].map(bytes),
            [Some(2_560), Some(8 << 10), Some(1 << 20), Some(2 << 30), None, None]
        );
    }

    #[test]
    fn streams_are_set_by_our_names_and_by_the_reference_engines() {
        let mut settings = Settings::default();
        settings.assign("stream.reassembly.depth=8kb").unwrap();
        settings.assign("detection.stream.window=4096").unwrap();
        settings.assign("host-os-policy.linux=10.0.0.0/8, 2001:db8::/32").unwrap();
        settings.assign("stream.inline=true").unwrap();
        settings.assign("stream.reassembly.urgent.policy=drop").unwrap();
        assert_eq!(settings.streams.urgent, UrgentPolicy::Drop);
        assert!(settings.assign("detection.stream.urgent=later").is_err());
        assert_eq!(
            (settings.streams.depth, settings.streams.window, settings.stream_inline),
            (8_192, 4_096, Some(true))
        );
        assert_eq!(settings.targets.of(4, &[10, 9, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), OverlapPolicy::Linux);
        for wrong in ["detection.stream.window=1gb", "host-os-policy.amiga=10.0.0.1", "host-os-policy.bsd=10.0.0.0/40"]
        {
            assert!(settings.assign(wrong).is_err(), "{wrong}");
        }
    }
}
