//! Internet checksums: verification of what was decoded, computation for what we send, and incremental update.
//!
//! Verification is called by `worker` where the configuration asks for it and the card did not; computation and update by
//! whoever builds or rewrites a packet (RST, SYN cookie, `replace`, normalisation). SCTP has a CRC32c instead of a sum.
//!
//! Sources: RFC 1071, RFC 1624 (incremental update, equation 3), RFC 768, RFC 9293 section 3.1, RFC 8200 section 8.1,
//! RFC 4443 section 2.3, RFC 9260 appendix A (CRC32c).

use crate::headers::Headers;

/// What verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It is right.
    Valid,
    /// It is wrong.
    Invalid,
    /// The sender left it out: UDP over IPv4 with 0.
    NotPresent,
    /// There is none to verify: no such header, a fragment, a packet cut short, or a protocol not handled here.
    NotApplicable,
}

impl Checksum {
    const fn of(folded: u16) -> Self {
        if folded == 0 { Self::Valid } else { Self::Invalid }
    }
}

/// A running one's complement sum. Add pieces in order; every piece but the last must have an even length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// An empty sum.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds bytes as big-endian 16-bit words; an odd last byte is the high half of a word. Cost: one addition for every
    /// 8 bytes.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut sum = self.0;
        for word in words {
            let (added, carry) = sum.overflowing_add(u64::from_be_bytes(*word));
            sum = added.wrapping_add(u64::from(carry));
        }
        // Words of 16 bits count alike, wherever in the sum they are added.
        let (four, rest) = rest.split_first_chunk().map_or((0, rest), |(four, rest)| (u32::from_be_bytes(*four), rest));
        let last = match *rest {
            [] => 0,
            [a] => u32::from_be_bytes([0, 0, a, 0]),
            [a, b] => u32::from_be_bytes([0, 0, a, b]),
            [a, b, c, ..] => u32::from_be_bytes([a, b, c, 0]),
        };
        let (added, carry) = sum.overflowing_add(u64::from(four) + u64::from(last));
        Self(added.wrapping_add(u64::from(carry)))
    }

    /// Adds one 16-bit word.
    #[must_use]
    pub const fn word(self, word: u16) -> Self {
        let (added, carry) = self.0.overflowing_add(word as u64);
        Self(added.wrapping_add(carry as u64))
    }

    /// The checksum: the complement of the sum folded to 16 bits. Over data that hold their checksum it is 0.
    pub const fn finish(self) -> u16 {
        let sum = (self.0 >> 32).wrapping_add(self.0 & 0xffff_ffff);
        let sum = (sum >> 16).wrapping_add(sum & 0xffff);
        let sum = (sum >> 16).wrapping_add(sum & 0xffff);
        let sum = (sum >> 16).wrapping_add(sum & 0xffff);
        !(sum as u16)
    }
}

/// The checksum of an IPv4 header whose checksum field is 0, or of any run of bytes without pseudo header.
pub fn compute(bytes: &[u8]) -> u16 {
    Sum::new().bytes(bytes).finish()
}

/// The checksum of a transport packet whose checksum field is 0, over IPv4. UDP sends a result of 0 as `0xffff`: see
/// [`udp_field`].
pub fn compute_v4(src: [u8; 4], dst: [u8; 4], protocol: u8, packet: &[u8]) -> u16 {
    pseudo(&src, &dst, protocol, packet.len()).bytes(packet).finish()
}

/// The same over IPv6.
pub fn compute_v6(src: [u8; 16], dst: [u8; 16], protocol: u8, packet: &[u8]) -> u16 {
    pseudo(&src, &dst, protocol, packet.len()).bytes(packet).finish()
}

/// What UDP puts in the field for a computed checksum: 0 means "none", so 0 is sent as its twin.
pub const fn udp_field(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

/// The new checksum after one 16-bit word changed from `old` to `new` (RFC 1624 equation 3). A UDP field of 0 over IPv4
/// must be left 0 by the caller.
pub const fn update16(checksum: u16, old: u16, new: u16) -> u16 {
    Sum(0).word(!checksum).word(!old).word(new).finish()
}

/// The new checksum after an aligned 32-bit value, such as an address or a sequence number, changed.
pub const fn update32(checksum: u16, old: u32, new: u32) -> u16 {
    let checksum = update16(checksum, (old >> 16) as u16, (new >> 16) as u16);
    update16(checksum, old as u16, new as u16)
}

/// The new checksum after a run of bytes changed. `old` and `new` have the same length and begin at an even offset from
/// the start of the checksummed data.
pub fn update_bytes(checksum: u16, old: &[u8], new: &[u8]) -> u16 {
    // The complement of a sum is its negative: take the old bytes away, add the new ones.
    Sum::new().word(!checksum).word(Sum::new().bytes(old).finish()).bytes(new).finish()
}

/// Verifies the checksum of a layer's IPv4 header.
pub fn ipv4_header(frame: &[u8], headers: &Headers) -> Checksum {
    let header = headers.ip_header(frame);
    if headers.ip_version != 4 || header.len() < 20 {
        return Checksum::NotApplicable;
    }
    Checksum::of(compute(header))
}

/// Verifies the CRC32c of a layer's SCTP packet (RFC 9260 section 6.8). Cost: one table look-up per byte.
pub fn sctp(frame: &[u8], headers: &Headers) -> Checksum {
    let packet = headers.ip_payload(frame);
    let whole_length = (headers.ip_len as usize).saturating_sub(usize::from(headers.ip_header_len));
    let parts = (packet.get(..8), packet.get(8..12), packet.get(12..));
    let (Some(before), Some(&[a, b, c, d]), Some(behind)) = parts else { return Checksum::NotApplicable };
    if !headers.is_sctp() || headers.fragment.is_fragment || packet.len() != whole_length {
        return Checksum::NotApplicable;
    }
    let sum = [before, &[0; 4], behind].into_iter().fold(!0, crc32c);
    if !sum == u32::from_le_bytes([a, b, c, d]) { Checksum::Valid } else { Checksum::Invalid }
}

/// Carries a CRC32c on over `bytes`; begun with all bits set and complemented in the end.
fn crc32c(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, byte| {
        let place = usize::from((sum as u8) ^ byte);
        (sum >> 8) ^ CRC32C.get(place).copied().unwrap_or(0)
    })
}

/// What eight bits of the sum become, by these bits: the polynomial 0x1edc6f41, lowest bit first.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses a place that is not there")]
const CRC32C: [u32; 256] = {
    let mut table = [0; 256];
    let mut place = 0;
    while place < 256 {
        let mut sum = place as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[place] = sum;
        place += 1;
    }
    table
};

/// Verifies the checksum of a layer's TCP, UDP, ICMP, ICMPv6 or IGMP packet. Cost: one pass over it.
///
/// With an IPv6 routing header that still has hops to visit, the last destination is unknown here and the answer is
/// `NotApplicable` for the protocols that have a pseudo header.
pub fn transport(frame: &[u8], headers: &Headers) -> Checksum {
    let whole = headers.ip_payload(frame);
    let whole_length = (headers.ip_len as usize).saturating_sub(usize::from(headers.ip_header_len));
    if !headers.has_transport || headers.fragment.is_fragment || whole.len() != whole_length {
        return Checksum::NotApplicable;
    }
    let packet = match headers.protocol {
        // The UDP length may end before the IP payload does.
        17 => whole.get(..(headers.payload_len as usize).saturating_add(8)).unwrap_or(whole),
        _ => whole,
    };
    let plain = matches!((headers.protocol, headers.ip_version), (1 | 2, 4));
    if plain {
        return Checksum::of(compute(packet));
    }
    if headers.routed || !matches!((headers.protocol, headers.ip_version), (6 | 17, _) | (58, 6)) {
        return Checksum::NotApplicable;
    }
    if headers.protocol == 17 && matches!(packet, [_, _, _, _, _, _, 0, 0, ..]) {
        // Over IPv6 it may not be left out, save by tunnels (RFC 6936), which say so nowhere.
        return if headers.ip_version == 4 { Checksum::NotPresent } else { Checksum::Invalid };
    }
    Checksum::of(pseudo(&headers.src, &headers.dst, headers.protocol, packet.len()).bytes(packet).finish())
}

/// The pseudo header. Addresses of IPv4 in 16 bytes add the same as in four, since the rest is 0.
fn pseudo(src: &[u8], dst: &[u8], protocol: u8, length: usize) -> Sum {
    let length = length as u32;
    Sum::new().bytes(src).bytes(dst).word((length >> 16) as u16).word(length as u16).word(u16::from(protocol))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinkType;
    use crate::build::{decoded, ipv4, ipv6, raw, tcp, udp};
    use proptest::prelude::*;

    /// RFC 1071 word by word.
    fn slow(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    fn tcp_v4() -> Vec<u8> {
        let mut segment = tcp(1, 2, 2, b"odd");
        let checksum = compute_v4([10, 0, 0, 1], [10, 0, 0, 2], 6, &segment);
        segment[16..18].copy_from_slice(&checksum.to_be_bytes());
        let mut packet = ipv4(6, &segment);
        let checksum = compute(&packet[..20]);
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet
    }

    #[test]
    fn the_example_of_rfc_1071_sums_to_its_answer() {
        assert_eq!(compute(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn right_and_wrong_checksums_are_told_apart() {
        let mut packet = tcp_v4();
        let out = decoded(&packet, LinkType::Raw);
        assert_eq!(ipv4_header(&packet, out.innermost()), Checksum::Valid);
        assert_eq!(transport(&packet, out.innermost()), Checksum::Valid);
        packet[42] ^= 1;
        assert_eq!(transport(&packet, out.innermost()), Checksum::Invalid);
        packet[8] ^= 1;
        assert_eq!(ipv4_header(&packet, out.innermost()), Checksum::Invalid);
    }

    #[test]
    fn udp_without_a_checksum_is_allowed_over_ipv4_only() {
        let packet = ipv4(17, &udp(1, 2, b"x"));
        assert_eq!(transport(&packet, decoded(&packet, LinkType::Raw).innermost()), Checksum::NotPresent);
        let packet = ipv6(17, &udp(1, 2, b"x"));
        assert_eq!(transport(&packet, decoded(&packet, LinkType::Raw).innermost()), Checksum::Invalid);
    }

    #[test]
    fn udp_is_verified_up_to_its_own_length() {
        let mut datagram = udp(1, 2, b"x");
        let checksum = compute_v4([10, 0, 0, 1], [10, 0, 0, 2], 17, &datagram);
        datagram[6..8].copy_from_slice(&udp_field(checksum).to_be_bytes());
        datagram.extend_from_slice(b"surplus");
        let packet = ipv4(17, &datagram);
        assert_eq!(transport(&packet, decoded(&packet, LinkType::Raw).innermost()), Checksum::Valid);
    }

    #[test]
    fn icmpv6_has_a_pseudo_header_and_icmp_and_igmp_have_none() {
        let mut message = vec![128, 0, 0, 0, 0, 1, 0, 2, 9];
        let address = |last| {
            let mut bytes = [0u8; 16];
            bytes[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
            bytes[15] = last;
            bytes
        };
        let checksum = compute_v6(address(1), address(2), 58, &message);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        let packet = ipv6(58, &message);
        assert_eq!(transport(&packet, decoded(&packet, LinkType::Raw).innermost()), Checksum::Valid);
        for protocol in [1, 2] {
            let mut message = [0x16, 0, 0, 0, 1, 2, 3, 4];
            if protocol == 1 {
                message[0] = 8;
            }
            let checksum = compute(&message);
            message[2..4].copy_from_slice(&checksum.to_be_bytes());
            let packet = raw(protocol, &message);
            assert_eq!(transport(&packet, decoded(&packet, LinkType::Raw).innermost()), Checksum::Valid);
        }
    }

    #[test]
    fn fragments_and_other_protocols_have_nothing_to_verify() {
        let mut packet = tcp_v4();
        packet[6] = 0x20;
        assert_eq!(transport(&packet, decoded(&packet, LinkType::Raw).innermost()), Checksum::NotApplicable);
        let packet = raw(132, &[0; 12]);
        assert_eq!(transport(&packet, decoded(&packet, LinkType::Raw).innermost()), Checksum::NotApplicable);
        let packet = ipv6(17, &udp(1, 2, b"x"));
        assert_eq!(ipv4_header(&packet, decoded(&packet, LinkType::Raw).innermost()), Checksum::NotApplicable);
    }

    proptest! {
        #[test]
        fn the_fast_sum_is_the_slow_sum(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(compute(&bytes), slow(&bytes));
        }

        #[test]
        fn an_update_is_a_new_sum(
            mut bytes in proptest::collection::vec(any::<u8>(), 8..64),
            at in 0usize..100,
            new in any::<u32>(),
        ) {
            // One word that is not 0 keeps the two zeros of one's complement apart.
            bytes[0] = 1;
            let at = 2 + at % ((bytes.len() - 6) / 2 + 1) * 2;
            let before = compute(&bytes);
            let old: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
            bytes[at..at + 4].copy_from_slice(&new.to_be_bytes());
            let after = compute(&bytes);
            prop_assert_eq!(update32(before, u32::from_be_bytes(old), new), after);
            prop_assert_eq!(update_bytes(before, &old, &new.to_be_bytes()), after);
        }
    }

    #[test]
    fn crc32c_is_the_one_of_rfc_3720() {
        for (bytes, sum) in
            [(&[0_u8; 32][..], 0x8a91_36aa_u32), (&[0xff; 32], 0x62a8_ab43), (b"123456789", 0xe306_9283)]
        {
            assert_eq!(!super::crc32c(!0, bytes), sum);
        }
    }
}
