//! Values of the typed model: networks, addresses of services, ports, sources of access policies, severities and actions.
//!
//! Read by serde from text that the schema has accepted. An address alone is a network of one (check 28); bits behind a prefix are put to zero.
//!
//! Source: `spec/ssr-idp.md` sections 1.1 and 4 (check 28).

use crate::tree::schema::types;
use serde::{Deserialize, Deserializer, de::Error};
use sluice_core::{Action, Severity};
use std::{fmt, net::IpAddr};

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Prefix {
    /// Its first address.
    pub address: IpAddr,
    /// Bits that are given.
    pub length: u8,
}

impl Prefix {
    /// The network of `length` bits that holds `address`; none if there are not so many.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let kept = match address {
            IpAddr::V4(address) => {
                let rest = 32_u32.checked_sub(length.into())?;
                let mask = u32::MAX.checked_shl(rest).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let rest = 128_u32.checked_sub(length.into())?;
                let mask = u128::MAX.checked_shl(rest).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        };
        Some(Self { address: kept, length })
    }

    /// The network a text names.
    pub fn parse(text: &str) -> Option<Self> {
        types::prefix(text).and_then(|(address, length)| Self::new(address, length))
    }

    /// Whether all of `other` lies in it.
    pub fn holds(self, other: Self) -> bool {
        self.length <= other.length
            && Self::new(other.address, self.length) == Some(self)
            && self.family() == other.family()
    }

    /// Whether an address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.holds(other) || other.holds(self)
    }

    /// Whether it is all of IPv4 or all of IPv6.
    pub const fn is_all(self) -> bool {
        self.length == 0
    }

    const fn family(self) -> bool {
        self.address.is_ipv4()
    }
}

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text} is no prefix"))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// What a service stands for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum ServiceAddress {
    /// A network.
    Network(Prefix),
    /// A host by name.
    Host(String),
}

impl From<String> for ServiceAddress {
    fn from(text: String) -> Self {
        Prefix::parse(&text).map_or(Self::Host(text), Self::Network)
    }
}

/// Ports, from the first to the last.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Ports {
    /// By number.
    Range(u16, u16),
    /// By name; what number that is, is looked up where it is used.
    Named(String),
}

impl From<String> for Ports {
    fn from(text: String) -> Self {
        types::ports(&text).map_or(Self::Named(text), |(low, high)| Self::Range(low, high))
    }
}

impl Ports {
    /// Whether all of `other` are in it. Names hold themselves.
    pub fn hold(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Range(low, high), Self::Range(from, to)) => low <= from && to <= high,
            (own, other) => own == other,
        }
    }
}

/// Whom an access policy is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Source {
    /// A tenant, and where it is named with one, a network of it.
    Tenant(String, Option<Prefix>),
    /// Anybody in a network.
    Network(Prefix),
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        let at = text.rsplit_once('@').and_then(|(tenant, network)| Some((tenant.to_owned(), Prefix::parse(network)?)));
        match (at, Prefix::parse(&text)) {
            (Some((tenant, network)), _) => Self::Tenant(tenant, Some(network)),
            (None, Some(network)) => Self::Network(network),
            (None, None) => Self::Tenant(text, None),
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::Tenant(String::new(), None)
    }
}

impl Source {
    /// The tenant it names: what stands before `/` is the tenant, what stands behind it a part of that.
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Tenant(name, _) => Some(name.split('/').next().unwrap_or(name)),
            Self::Network(_) => None,
        }
    }

    /// The network it names.
    pub const fn network(&self) -> Option<Prefix> {
        match self {
            Self::Tenant(_, network) => *network,
            Self::Network(network) => Some(*network),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(name, None) => f.write_str(name),
            Self::Tenant(name, Some(network)) => write!(f, "{name}@{network}"),
            Self::Network(network) => write!(f, "{network}"),
        }
    }
}

/// A severity by its word.
pub(super) fn severity<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Severity>, D::Error> {
    let word = String::deserialize(from)?;
    Severity::from_name(&word).map(Some).ok_or_else(|| D::Error::custom(format!("{word} is no severity")))
}

/// What an exception does: `alert`, `drop`, or `close-tcp-connection`, which tells both ends of TCP and drops all else.
pub(super) fn action<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Action>, D::Error> {
    match String::deserialize(from)?.as_str() {
        "alert" => Ok(Some(Action::Alert)),
        "drop" => Ok(Some(Action::Drop)),
        "close-tcp-connection" => Ok(Some(Action::RejectBoth)),
        other => Err(D::Error::custom(format!("{other} is no action"))),
    }
}

/// A day or a time, in seconds since 1970.
pub(super) fn date<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(from)?;
    types::date(&text).map(Some).ok_or_else(|| D::Error::custom(format!("{text} is no day")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).unwrap()
    }

    #[test]
    fn an_address_without_a_mask_is_a_network_of_one_and_bits_behind_a_prefix_are_nothing() {
        assert_eq!(prefix("10.0.0.1").to_string(), "10.0.0.1/32");
        assert_eq!(prefix("2001:db8::1").to_string(), "2001:db8::1/128");
        assert_eq!(prefix("10.1.2.3/8").to_string(), "10.0.0.0/8");
        assert_eq!(prefix("10.1.2.3/0").to_string(), "0.0.0.0/0");
        assert_eq!(prefix("2001:db8::1/0").to_string(), "::/0");
        assert_eq!(ServiceAddress::from("10.0.0.1".to_owned()), ServiceAddress::Network(prefix("10.0.0.1/32")));
        assert_eq!(ServiceAddress::from("a.example".to_owned()), ServiceAddress::Host("a.example".into()));
    }

    #[test]
    fn networks_hold_and_overlap_within_their_family() {
        for (a, b, holds, overlaps) in [
            ("10.0.0.0/8", "10.1.0.0/16", true, true),
            ("10.1.0.0/16", "10.0.0.0/8", false, true),
            ("10.0.0.0/9", "10.128.0.0/9", false, false),
            ("0.0.0.0/0", "::/0", false, false),
            ("::/0", "2001:db8::/32", true, true),
            ("2001:db8::/32", "2001:db9::/32", false, false),
        ] {
            assert_eq!(prefix(a).holds(prefix(b)), holds, "{a} {b}");
            assert_eq!(prefix(a).overlaps(prefix(b)), overlaps, "{a} {b}");
        }
    }

    #[test]
    fn a_source_is_a_tenant_a_tenant_at_a_network_or_a_network() {
        let source = |text: &str| Source::from(text.to_owned());
        assert_eq!(source("a").tenant(), Some("a"));
        assert_eq!(source("a/group").tenant(), Some("a"));
        assert_eq!(source("a@10.0.0.1/8"), Source::Tenant("a".into(), Some(prefix("10.0.0.0/8"))));
        assert_eq!((source("10.0.0.0/8").tenant(), source("10.0.0.0/8").network()), (None, Some(prefix("10.0.0.0/8"))));
        assert_eq!(source("a@10.0.0.1/8").to_string(), "a@10.0.0.0/8");
    }

    #[test]
    fn ports_hold_ports_within_them() {
        let ports = |text: &str| Ports::from(text.to_owned());
        assert!(ports("80-90").hold(&ports("85")) && !ports("85").hold(&ports("80-90")));
        assert!(ports("http").hold(&ports("http")) && !ports("http").hold(&ports("80")));
    }
}
