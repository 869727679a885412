//! The address a proxy names for whom it speaks: `X-Forwarded-For`, in alerts.
//!
//! Called by [`crate::eve`] with the fields of the request.
//!
//! Source: the reference engine's manual, "EVE JSON output", xff.

use crate::app::Fields;
use sluice_app::Field;
use std::net::IpAddr;

/// What is made of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xff {
    /// The address takes the place of the packet's, instead of standing beside it.
    pub overwrite: bool,
    /// The proxy is the server's: the address it names itself is the last one, not the first.
    pub reverse: bool,
}

impl Xff {
    /// The address in the request whose fields are `log`.
    pub fn address(self, log: Option<&[u8]>) -> Option<IpAddr> {
        let text = std::str::from_utf8(Fields::of(log).first(Field::HttpXff)?).ok()?;
        let mut words = text.split(',').map(str::trim);
        let word = if self.reverse { words.next_back() } else { words.next() }?;
        parse(word)
    }
}

/// An address, perhaps with a port behind it.
fn parse(word: &str) -> Option<IpAddr> {
    if let Some(inside) = word.strip_prefix('[') {
        return inside.split(']').next()?.parse().ok();
    }
    word.parse().ok().or_else(|| word.rsplit_once(':')?.0.parse().ok())
}

/// As events have addresses, and the version.
pub(crate) fn as_bytes(address: IpAddr) -> ([u8; 16], u8) {
    match address {
        IpAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes.iter_mut().zip(address.octets()).for_each(|(place, byte)| *place = byte);
            (bytes, 4)
        }
        IpAddr::V6(address) => (address.octets(), 6),
    }
}

#[cfg(test)]
mod tests {
    use super::Xff;
    use sluice_app::{Field, log};

    #[test]
    fn the_address_is_the_first_or_the_last_by_where_the_proxy_stands() {
        let found = |value: &[u8], reverse| {
            let entry = [&log::head(Field::HttpXff, value.len())[..], value].concat();
            Xff { overwrite: false, reverse }.address(Some(&entry)).map(|address| address.to_string())
        };
        assert_eq!(found(b"10.2.2.2, 10.3.3.3", false).as_deref(), Some("10.2.2.2"));
        assert_eq!(found(b"10.2.2.2, 10.3.3.3", true).as_deref(), Some("10.3.3.3"));
        assert_eq!(found(b"[2001:db8::1]:80", true).as_deref(), Some("2001:db8::1"));
        assert_eq!(found(b"10.2.2.2:1234", true).as_deref(), Some("10.2.2.2"));
        assert_eq!(found(b"unknown", false), None);
    }
}
