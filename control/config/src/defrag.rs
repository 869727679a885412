//! `detection.defrag`: one assignment.
//!
//! Called by `assign` for each path under that name.

use crate::settings::DefragSettings;
use sluice_packet::defrag::{Policies, Policy, Prefix};
use std::net::IpAddr;

const POLICY: &str = "policies with commas between, each alone or with a network: first, last, bsd, bsd-right, linux, windows or solaris, such as linux:10.0.0.0/8";

/// Sets `leaf`.
///
/// # Errors
/// What would fit; none when there is no such setting.
pub(crate) fn assign(settings: &mut DefragSettings, leaf: &str, value: &str) -> Result<(), Option<&'static str>> {
    match leaf {
        "memcap" => {
            settings.memcap = bytes(value)
                .filter(|bytes| (1 << 20..=1 << 40).contains(bytes))
                .ok_or(Some("a size from 1mb to 1tb, such as 32mb"))?;
        }
        "trackers" => {
            settings.trackers = number(value, 16, 16_777_215).ok_or(Some("a number from 16 to 16777215"))?;
        }
        "max-fragments" => {
            let most = number(value, 2, 8_192).ok_or(Some("a number from 2 to 8192"))?;
            settings.max_fragments = u16::try_from(most).unwrap_or(u16::MAX);
        }
        "timeout" => {
            settings.timeout_s = number(value, 1, 3_600).ok_or(Some("seconds, from 1 to 3600"))?;
        }
        "policy" => settings.policies = policies(value).ok_or(Some(POLICY))?,
        _ => return Err(None),
    }
    Ok(())
}

fn number(value: &str, least: u32, most: u32) -> Option<u32> {
    value.parse().ok().filter(|number| (least..=most).contains(number))
}

/// A size in bytes, or with kb, mb or gb behind it, each 1,024 of the one before.
pub(crate) fn bytes(value: &str) -> Option<usize> {
    let value = value.to_ascii_lowercase();
    let units =
        [("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30)];
    let (digits, unit) = units
        .iter()
        .find_map(|(word, unit)| value.strip_suffix(word).map(|digits| (digits, *unit)))
        .unwrap_or((&value, 1_usize));
    digits.trim().parse::<usize>().ok()?.checked_mul(unit)
}

fn policies(value: &str) -> Option<Policies> {
    let (mut list, mut other) = (Vec::new(), Policy::default());
    for item in value.split(',').map(str::trim) {
        match item.split_once(':') {
            Some((name, network)) => list.push((prefix(network)?, Policy::from_name(name.trim())?)),
            None => other = Policy::from_name(item)?,
        }
    }
    Some(Policies::new(list, other))
}

/// A network, or one host's address.
fn prefix(text: &str) -> Option<Prefix> {
    let (address, length) = match text.trim().split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
        None => (text.trim(), None),
    };
    let address: IpAddr = address.parse().ok()?;
    Prefix::of(address, length.unwrap_or(if address.is_ipv4() { 32 } else { 128 }))
}

#[cfg(test)]
mod tests {
    use crate::{SetError, Settings};
    use sluice_packet::defrag::{Policies, Policy};

    #[test]
    fn sizes_policies_and_times_are_taken_and_nonsense_is_refused_with_what_would_fit() {
        let mut settings = Settings::default();
        for good in [
            "detection.defrag.memcap=4mb",
            "defrag.trackers=1000",
            "detection.defrag.max-fragments=64",
            "defrag.timeout=30",
            "detection.defrag.policy=last, linux:10.0.0.0/8, windows : 10.1.0.0/16,solaris:fd00::/8",
        ] {
            settings.assign(good).unwrap_or_else(|error| panic!("{good}: {error}"));
        }
        let defrag = &settings.defrag;
        assert_eq!((defrag.memcap, defrag.trackers, defrag.max_fragments, defrag.timeout_s), (4 << 20, 1_000, 64, 30));
        let host = |address: [u8; 4]| {
            let mut wide = [0; 16];
            wide[..4].copy_from_slice(&address);
            wide
        };
        assert_eq!(defrag.policies.of(&host([10, 9, 0, 1]), 4), Policy::Linux);
        assert_eq!(defrag.policies.of(&host([10, 1, 0, 1]), 4), Policy::Windows);
        assert_eq!(defrag.policies.of(&host([11, 1, 0, 1]), 4), Policy::Last);
        assert_ne!(defrag.policies, Policies::default());
        // The reference engine has one setting for streams and fragments.
        settings.assign("host-os-policy.windows=[10.9.0.0/16, 192.0.2.1]").unwrap();
        settings.assign("host-os-policy.macos=192.0.2.0/24").unwrap();
        let policies = &settings.defrag.policies;
        assert_eq!(policies.of(&host([10, 9, 0, 1]), 4), Policy::Windows);
        assert_eq!(policies.of(&host([192, 0, 2, 1]), 4), Policy::Windows);
        assert_eq!(policies.of(&host([192, 0, 2, 2]), 4), Policy::First);
        for bad in [
            "memcap=lots",
            "memcap=1",
            "trackers=1",
            "max-fragments=9000",
            "timeout=0",
            "policy=beos",
            "policy=linux:10.0.0.0/40",
        ] {
            let refused = settings.assign(&format!("detection.defrag.{bad}"));
            assert!(matches!(refused, Err(SetError::BadValue { .. })), "{bad}: {refused:?}");
        }
        assert!(matches!(settings.assign("detection.defrag.polcy=bsd"), Err(SetError::UnknownPath { .. })));
    }
}
