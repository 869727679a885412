//! Network layers: IPv4, IPv6 and its extension headers.

pub(crate) mod extension;
pub(crate) mod ipv4;
pub(crate) mod ipv4_options;
pub(crate) mod ipv6;
pub(crate) mod raw;
