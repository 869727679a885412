//! Which datagram a fragment belongs to.
//!
//! Addresses, identification, IPv4's protocol, VLANs, depth and kind of tunnel (RFC 791 section 3.2, RFC 8200 section 4.5). One direction only: the other end counts its own.
//! GAP(tenants): the numbers of VXLAN, GENEVE and GRE are no part of it, as with flows.

use crate::headers::Headers;
use sluice_core::HashKey;

/// The key of a datagram.
#[derive(Clone, Copy, Debug, Default, Eq)]
pub(crate) struct Key([u64; 6]);

impl PartialEq for Key {
    /// Without a call.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.0, other.0);
        (a ^ g) | (b ^ h) | (c ^ i) | (d ^ j) | (e ^ k) | (f ^ l) == 0
    }
}

impl Key {
    /// The key of the datagram that layer number `depth` is a fragment of.
    ///
    /// `way`: by which way it came, where a device has several: what comes by two ways makes no datagram.
    #[inline(always)]
    pub(crate) fn of(headers: &Headers, depth: u8, way: u8, vlan_tracking: bool) -> Self {
        let [source_high, source_low] = halves(&headers.src);
        let [target_high, target_low] = halves(&headers.dst);
        let [outer, inner, third] = if vlan_tracking { headers.vlan } else { [0; 3] };
        let vlan = if vlan_tracking { u64::from(headers.vlan_count) } else { 0 };
        // IPv6 numbers datagrams of two addresses, whatever is in them; IPv4 by protocol.
        let protocol = if headers.ip_version == 4 { headers.protocol } else { 0 };
        let words = u64::from(headers.fragment.id) << 32
            | u64::from(protocol) << 24
            | u64::from(headers.ip_version) << 20
            | u64::from(depth & 15) << 16
            | (headers.source as u64 & 0xff) << 8
            | vlan;
        let vlans = u64::from(outer) | u64::from(inner) << 16 | u64::from(third) << 32;
        let vlans = vlans | u64::from(way) << 56;
        Self([source_high, source_low, target_high, target_low, words, vlans])
    }

    #[inline]
    pub(crate) const fn hash(&self, secret: &HashKey) -> u64 {
        secret.hash6(&self.0)
    }
}

/// The source as one that is charged: an IPv4 address, or the network of 64 bits that one IPv6 host can choose addresses from.
pub(crate) fn source_of(headers: &Headers) -> [u64; 2] {
    let [high, _] = halves(&headers.src);
    [high, u64::from(headers.ip_version)]
}

fn halves(address: &[u8; 16]) -> [u64; 2] {
    let number = u128::from_be_bytes(*address);
    [(number >> 64) as u64, number as u64]
}

/// The hash of the datagram that layer number `depth` is a fragment of: the same for all its fragments, by whatever way they come.
pub fn owner_hash(headers: &Headers, depth: u8, vlan_tracking: bool, secret: &HashKey) -> u64 {
    Key::of(headers, depth, 0, vlan_tracking).hash(secret)
}
