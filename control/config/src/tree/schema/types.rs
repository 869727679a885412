//! Which values there are.
//!
//! [`Type::check`] is asked for every value of a text, so each mistake is told with its place. What is accepted stays as it was written; the typed model reads it again.
//!
//! Sources: `spec/ssr-idp.md` section 1.1, `spec/junos-ids-idp.md` sections 1.2 and 2.1, RFC 3339 for dates.

use crate::assign::edits;
use std::net::IpAddr;

/// What a value can be.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Any text.
    Text,
    /// A name of 1 to 63 bytes. Dots, spaces and slashes are allowed (check 29).
    Name,
    /// `true` or `false`.
    Bool,
    /// A number, from the first to the second. Where the third is set, `k`, `m` and `g` may stand behind it.
    Number(u64, u64, bool),
    /// One of these words.
    Word(&'static [&'static str]),
    /// An address or a network; an address alone is a network of one.
    Prefix,
    /// An address.
    Address,
    /// A prefix, or the name of a host.
    PrefixOrHost,
    /// A prefix, or one of Junos' words for many.
    JunosPrefix,
    /// A port, a range of ports, or the name of one.
    Ports,
    /// A day, or a time.
    Date,
    /// Whom an access policy is about: a tenant, a tenant at a network, or a network.
    Source,
}

/// Junos' words for many addresses.
const ANY: &[&str] = &["any-unicast", "any-ipv4", "any-ipv6"];

impl Type {
    /// What is wanted, in words behind "give".
    pub fn describe(&self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Name => "a name of 1 to 63 bytes".into(),
            Self::Bool => "true or false".into(),
            Self::Number(low, high, _) => format!("a number from {low} to {high}"),
            Self::Word(words) => match words {
                [one] => (*one).to_owned(),
                [most @ .., last] => format!("{} or {last}", most.join(", ")),
                [] => "nothing".into(),
            },
            Self::Prefix => "a prefix such as 10.20.0.0/16 or 2001:db8::/32".into(),
            Self::Address => "an address such as 10.20.0.1 or 2001:db8::1".into(),
            Self::PrefixOrHost => "a prefix such as 10.20.0.0/16 or 2001:db8::/32, or the name of a host".into(),
            Self::JunosPrefix => format!("a prefix such as 10.20.0.0/16, or {}", ANY.join(", ")),
            Self::Ports => "a port from 0 to 65535, a range such as 80-90, or the name of a port".into(),
            Self::Date => "a day such as 2027-03-01, or a time such as 2027-03-01T06:00:00Z".into(),
            Self::Source => "a tenant, tenant@prefix, or a prefix".into(),
        }
    }

    /// Whether `value` is one; if not and words are wanted, the nearest.
    ///
    /// # Errors
    /// The nearest word, if one is near.
    pub fn check(&self, value: &str) -> Result<(), Option<&'static str>> {
        let sound = match self {
            Self::Text => true,
            Self::Name => (1..=63).contains(&value.len()),
            Self::Bool => return word(&["true", "false"], value),
            Self::Number(low, high, scaled) => {
                number(value, *scaled).is_some_and(|number| (*low..=*high).contains(&number))
            }
            Self::Word(words) => return word(words, value),
            Self::Prefix => prefix(value).is_some(),
            Self::Address => value.parse::<IpAddr>().is_ok(),
            Self::PrefixOrHost => prefix(value).is_some() || host(value),
            Self::JunosPrefix => prefix(value).is_some() || ANY.contains(&value),
            Self::Ports => ports(value).is_some() || service_name(value),
            Self::Date => date(value).is_some(),
            Self::Source => source(value),
        };
        if sound { Ok(()) } else { Err(None) }
    }
}

fn word(words: &'static [&'static str], value: &str) -> Result<(), Option<&'static str>> {
    if words.contains(&value) { Ok(()) } else { Err(nearest(value, words.iter().copied())) }
}

/// The word most like `value`, if it is near enough to be a slip: a third of its letters, at most three.
pub fn nearest(value: &str, words: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if value.len() > 64 {
        return None;
    }
    let value = value.to_ascii_lowercase();
    let most = (value.len() / 3).clamp(1, 3);
    words
        // Among equals the one with the same first letter: that is seldom mistyped.
        .map(|word| (edits(&value, word), word.as_bytes().first() != value.as_bytes().first(), word))
        .filter(|&(distance, ..)| distance <= most)
        .min()
        .map(|(_, _, word)| word)
}

/// A number, with `k`, `m` or `g` behind it where that is allowed (thousands, as Junos counts).
pub fn number(value: &str, scaled: bool) -> Option<u64> {
    let (digits, times) = match value.as_bytes().last() {
        Some(b'k') if scaled => (value.get(..value.len() - 1)?, 1_000),
        Some(b'm') if scaled => (value.get(..value.len() - 1)?, 1_000_000),
        Some(b'g') if scaled => (value.get(..value.len() - 1)?, 1_000_000_000),
        _ => (value, 1),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse::<u64>().ok()?.checked_mul(times)).flatten()
}

/// Address and length of a prefix; an address alone has the length of all its bits.
pub fn prefix(value: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match value.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (value, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => most,
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => u8::try_from(number(text, false)?).ok()?,
        Some(_) => return None,
    };
    (length <= most).then_some((address, length))
}

/// First and last of a range of ports.
pub fn ports(value: &str) -> Option<(u16, u16)> {
    let port = |text: &str| number(text, false).and_then(|number| u16::try_from(number).ok());
    match value.split_once('-') {
        Some((low, high)) => {
            let (low, high) = (port(low)?, port(high)?);
            (low <= high).then_some((low, high))
        }
        None => port(value).map(|port| (port, port)),
    }
}

/// Whether it looks like the name of a port: a letter, then letters, digits and hyphens (RFC 6335 section 5.1).
fn service_name(value: &str) -> bool {
    value.len() <= 32
        && value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether it is the name of a host: labels of letters, digits and hyphens (RFC 1123 section 2.1), of which the last is no number; the first may be `*`.
fn host(value: &str) -> bool {
    let sound = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let name = value.strip_prefix("*.").unwrap_or(value);
    value.len() <= 253
        && name.split('.').all(sound)
        && name.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Seconds since 1970 at which the day begins, or of the time, in UTC.
pub fn date(value: &str) -> Option<u64> {
    let (day, time) = match value.split_once('T') {
        Some((day, time)) => (day, Some(time.strip_suffix('Z')?)),
        None => (value, None),
    };
    let part = |text: &str, digits: usize| {
        (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| number(text, false)).flatten()
    };
    let mut parts = day.split('-');
    let (year, month, day) = (part(parts.next()?, 4)?, part(parts.next()?, 2)?, part(parts.next()?, 2)?);
    if parts.next().is_some() || !(1970..=9999).contains(&year) {
        return None;
    }
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month.checked_sub(1)?).ok()?;
    if day == 0 || day > *lengths.get(before)? {
        return None;
    }
    let past = year - 1;
    // Days from 1970-01-01 to the first of the year: 365 each and one for each leap year between (477 before 1970).
    let leaps = past / 4 - past / 100 + past / 400 - 477;
    let days = (year - 1970) * 365 + leaps + lengths.iter().take(before).sum::<u64>() + day - 1;
    let seconds = match time {
        None => 0,
        Some(time) => {
            let mut parts = time.split(':');
            let (hour, minute, second) = (part(parts.next()?, 2)?, part(parts.next()?, 2)?, part(parts.next()?, 2)?);
            if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            hour * 3_600 + minute * 60 + second
        }
    };
    Some(days * 86_400 + seconds)
}

fn source(value: &str) -> bool {
    match value.rsplit_once('@') {
        Some((tenant, network)) => !tenant.is_empty() && prefix(network).is_some(),
        None => (1..=255).contains(&value.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_each_type_are_told_from_others() {
        let cases: &[(Type, &[&str], &[&str])] = &[
            (Type::Name, &["a", "a.b c/d\\e"], &["", &"x".repeat(64)]),
            (Type::Bool, &["true", "false"], &["yes", "TRUE", ""]),
            (Type::Number(0, 23, false), &["0", "23", "007"], &["24", "-1", "", "1k", "+1", "99999999999999999999"]),
            (Type::Number(0, 2_000, true), &["1k", "2k"], &["3k", "k", "1g"]),
            (
                Type::Prefix,
                &["0.0.0.0/0", "10.0.0.1", "::/0", "2001:db8::/32"],
                &["10.0.0.0/33", "10/8", "::/129", "a", "1.2.3.4/+8", "1.2.3.4/"],
            ),
            (Type::Address, &["10.0.0.1", "::1"], &["10.0.0.0/8", "x"]),
            (
                Type::PrefixOrHost,
                &["10.0.0.0/8", "www.example.com", "*.example.com", "host"],
                &["10.0.0.0/33", "1.2.3.400", "a..b", "-/", ""],
            ),
            (Type::JunosPrefix, &["any-ipv6", "::1"], &["any"]),
            (Type::Ports, &["80", "80-90", "http", "0", "65535"], &["90-80", "65536", "80-", "-1", ""]),
            (
                Type::Date,
                &["2027-03-01", "2028-02-29", "2027-03-01T06:00:00Z"],
                &["2027-02-29", "2027-13-01", "2027-3-1", "2027-03-01T24:00:00Z", "2027-03-01T06:00:00", "1969-01-01"],
            ),
            (Type::Source, &["corporate", "corporate@10.0.0.0/8", "10.0.0.0/8"], &["@10.0.0.0/8", "a@b", ""]),
        ];
        for (kind, good, bad) in cases {
            for value in *good {
                assert!(kind.check(value).is_ok(), "{kind:?} {value}");
            }
            for value in *bad {
                assert!(kind.check(value).is_err(), "{kind:?} {value}");
            }
            assert!(!kind.describe().is_empty());
        }
    }

    #[test]
    fn a_slip_in_a_word_names_the_nearest() {
        let modes = Type::Word(&["auto", "disabled", "spoke", "hub"]);
        assert_eq!(modes.check("hubb"), Err(Some("hub")));
        assert_eq!(modes.check("xyz"), Err(None));
        assert_eq!(modes.describe(), "auto, disabled, spoke or hub");
    }

    #[test]
    fn dates_are_seconds_since_1970() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2000-03-01", 951_868_800),
            ("2026-11-23T02:03:04Z", 1_795_399_384),
            ("2100-03-01", 4_107_542_400),
        ] {
            assert_eq!(date(text), Some(seconds), "{text}");
        }
    }
}
