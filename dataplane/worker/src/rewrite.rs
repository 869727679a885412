//! Bytes that rules write over (`replace`), and the checksum that must follow them.
//!
//! Called by [`crate::pipeline`], which plans while it has the frame, and by [`crate::poll`], which carries out what was planned once nobody looks at
//! the frame any more. Inline only. Only the innermost layer is written over: what is around it carries packets, not content.
//!
//! The checksum is mended by the difference, so a wrong one stays wrong. The innermost one that covers the bytes takes the whole difference: those
//! around it cover it too, so for them nothing changes. UDP without a checksum goes on without. What can't be mended (later fragments, SCTP, GRE with a checksum) is not written
//! over.
//!
//! Sources: RFC 1624 equation 3, RFC 768, RFC 2784 section 2.1.

use sluice_detect::rewrite::Rewrites;
use sluice_packet::{Decoded, Headers, checksum};

/// What is to be done to a frame beside the bytes themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the payload begins in the frame.
    payload: usize,
    /// Where a checksum lies and what it becomes.
    checksum: Option<(usize, [u8; 2])>,
}

impl Plan {
    /// The plan for `rewrites` of the innermost layer; none when their checksum is out of reach.
    pub fn new(decoded: &Decoded, frame: &[u8], rewrites: &Rewrites) -> Option<Self> {
        let payload = decoded.innermost().payload_offset as usize;
        for headers in decoded.layers().iter().rev() {
            let at = match covered(headers, frame) {
                Covered::By(at) => at,
                Covered::ByNone => continue,
                Covered::OutOfReach => return None,
            };
            let old: [u8; 2] = frame.get(at..at + 2)?.try_into().ok()?;
            if headers.protocol == 17 && old == [0, 0] {
                continue;
            }
            let new = mended(u16::from_be_bytes(old), headers.l4_offset as usize, payload, frame, rewrites)?;
            let new = if headers.protocol == 17 { checksum::udp_field(new) } else { new };
            return Some(Self { payload, checksum: Some((at, new.to_be_bytes())) });
        }
        Some(Self { payload, checksum: None })
    }

    /// Writes through `write`, which is given offsets in the frame; whether all of it was written.
    pub fn carry_out(&self, rewrites: &Rewrites, mut write: impl FnMut(usize, &[u8]) -> bool) -> bool {
        let bytes = rewrites.iter().all(|(offset, bytes)| write(self.payload + offset, bytes));
        bytes && self.checksum.is_none_or(|(at, checksum)| write(at, &checksum))
    }
}

/// Which checksum covers the payload of a layer.
enum Covered {
    /// The one at this place.
    By(usize),
    ByNone,
    /// One that is elsewhere, or is no sum.
    OutOfReach,
}

fn covered(headers: &Headers, frame: &[u8]) -> Covered {
    let transport = headers.l4_offset as usize;
    if !headers.is_ip() {
        return Covered::ByNone;
    }
    if headers.fragment.is_fragment && headers.fragment.offset_bytes > 0 {
        return Covered::OutOfReach;
    }
    match headers.protocol {
        6 if headers.has_transport => Covered::By(transport + 16),
        17 if headers.has_transport => Covered::By(transport + 6),
        1 | 2 if headers.ip_version == 4 => Covered::By(transport + 2),
        58 if headers.ip_version == 6 => Covered::By(transport + 2),
        132 | 6 | 17 => Covered::OutOfReach,
        // The first bit says that there is a checksum.
        47 if frame.get(transport).is_some_and(|first| first & 0x80 != 0) => Covered::OutOfReach,
        _ => Covered::ByNone,
    }
}

/// `checksum`, which covers the frame from `start` on, after the rewrites. Of bytes written over twice the last count.
fn mended(checksum: u16, start: usize, payload: usize, frame: &[u8], rewrites: &Rewrites) -> Option<u16> {
    let mut checksum = checksum;
    for (number, (offset, bytes)) in rewrites.iter().enumerate() {
        for (place, &new) in (payload + offset..).zip(bytes) {
            let again =
                |(offset, bytes): (usize, &[u8])| (payload + offset..payload + offset + bytes.len()).contains(&place);
            if rewrites.iter().skip(number + 1).any(again) {
                continue;
            }
            let old = *frame.get(place)?;
            let word =
                |byte: u8| if (place - start).is_multiple_of(2) { u16::from(byte) << 8 } else { u16::from(byte) };
            checksum = checksum::update16(checksum, word(old), word(new));
        }
    }
    Some(checksum)
}

#[cfg(test)]
mod tests {
    use super::{Plan, Rewrites};
    use proptest::{collection::vec, prelude::*};
    use sluice_packet::{DecodeConfig, Decoded, LinkType, checksum, decode};

    fn ipv4(protocol: u8, fragment: u16, inner: &[u8]) -> Vec<u8> {
        let mut header = vec![0x45, 0];
        header.extend(((20 + inner.len()) as u16).to_be_bytes());
        header.extend([0, 7]);
        header.extend(fragment.to_be_bytes());
        header.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        let sum = checksum::compute(&header).to_be_bytes();
        header[10..12].copy_from_slice(&sum);
        [&header[..], inner].concat()
    }

    fn ipv6(protocol: u8, inner: &[u8]) -> Vec<u8> {
        let mut header = vec![0x60, 0, 0, 0];
        header.extend((inner.len() as u16).to_be_bytes());
        header.extend([protocol, 64]);
        header.extend([[0xfd; 16], [0xfe; 16]].concat());
        [&header[..], inner].concat()
    }

    /// A transport with its checksum, over IPv4 or IPv6.
    fn whole(version: u8, protocol: u8, mut segment: Vec<u8>) -> Vec<u8> {
        let at = match protocol {
            6 => 16,
            17 => 6,
            _ => 2,
        };
        let sum = match (version, protocol) {
            (4, 1) => checksum::compute(&segment),
            (4, _) => checksum::compute_v4([10, 0, 0, 1], [10, 0, 0, 2], protocol, &segment),
            _ => checksum::compute_v6([0xfd; 16], [0xfe; 16], protocol, &segment),
        };
        let sum = if protocol == 17 { checksum::udp_field(sum) } else { sum };
        segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        if version == 4 { ipv4(protocol, 0, &segment) } else { ipv6(protocol, &segment) }
    }

    fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
        let mut datagram =
            [[0x9c, 0x40], port.to_be_bytes(), (8 + payload.len() as u16).to_be_bytes(), [0; 2]].concat();
        datagram.extend(payload);
        datagram
    }

    fn tcp(payload: &[u8]) -> Vec<u8> {
        let mut segment = vec![0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0x10, 0, 0, 0, 0, 0];
        segment.extend(payload);
        segment
    }

    fn decoded(frame: &[u8]) -> Box<Decoded> {
        let mut decoded = Box::new(Decoded::new());
        decode(frame, LinkType::Raw, &DecodeConfig::default(), &mut decoded);
        decoded
    }

    /// The frame after rewriting; none when that is refused.
    fn rewritten(frame: &[u8], rewrites: &[(usize, &[u8])]) -> Option<Vec<u8>> {
        let mut list = Rewrites::default();
        rewrites.iter().for_each(|(offset, bytes)| list.note(*offset, bytes));
        let plan = Plan::new(&decoded(frame), frame, &list)?;
        let mut out = frame.to_vec();
        assert!(plan.carry_out(&list, |at, bytes| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            true
        }));
        Some(out)
    }

    #[test]
    fn all_checksums_are_right_after_rewriting_over_both_families() {
        for version in [4, 6] {
            let icmp = if version == 4 { 1 } else { 58 };
            let kind = if version == 4 { 8 } else { 128 };
            for (protocol, segment) in [
                (6, tcp(b"GET /index")),
                (17, udp(9, b"GET /index")),
                (icmp, [&[kind, 0, 0, 0, 0, 1, 0, 2][..], b"GET /index"].concat()),
            ] {
                let out = rewritten(&whole(version, protocol, segment), &[(0, b"PUT"), (5, b"xyz")]).unwrap();
                assert!(out.ends_with(b"PUT /xyzex"));
                let decoded = decoded(&out);
                assert_eq!(
                    checksum::transport(&out, decoded.innermost()),
                    checksum::Checksum::Valid,
                    "{version} {protocol}"
                );
            }
        }
    }

    #[test]
    fn udp_without_a_checksum_stays_without_and_the_tunnel_around_it_is_mended() {
        let bare = ipv4(17, 0, &udp(9, b"abcdef"));
        assert!(rewritten(&bare, &[(1, b"XY")]).unwrap()[26..].starts_with(&[0, 0]));
        // VXLAN: an Ethernet frame in UDP with a checksum.
        let inner = [&[8, 0, 0, 0, 0, 0, 5, 0][..], &[2; 12], &[8, 0], &bare].concat();
        let out = rewritten(&whole(4, 17, udp(4789, &inner)), &[(1, b"XY")]).unwrap();
        let decoded = decoded(&out);
        assert_eq!(decoded.layers().len(), 2);
        assert!(out.ends_with(b"aXYdef"));
        assert_eq!(checksum::transport(&out, &decoded.layers()[0]), checksum::Checksum::Valid);
    }

    #[test]
    fn a_tunnel_around_a_checksum_that_was_mended_stays_right() {
        let inner = [&[8, 0, 0, 0, 0, 0, 5, 0][..], &[2; 12], &[0x86, 0xdd], &whole(6, 6, tcp(b"abcdef"))].concat();
        let out = rewritten(&whole(4, 17, udp(4789, &inner)), &[(0, b"XYZ")]).unwrap();
        let decoded = decoded(&out);
        for layer in decoded.layers() {
            assert_eq!(checksum::transport(&out, layer), checksum::Checksum::Valid);
        }
    }

    #[test]
    fn a_wrong_checksum_stays_wrong() {
        let mut frame = whole(4, 6, tcp(b"abcdef"));
        frame[20 + 16] ^= 0x55;
        let out = rewritten(&frame, &[(0, b"XYZ")]).unwrap();
        assert_eq!(checksum::transport(&out, decoded(&out).innermost()), checksum::Checksum::Invalid);
    }

    #[test]
    fn what_can_not_be_mended_is_left_alone() {
        let later = ipv4(17, 3, b"abcdefgh");
        let sctp = ipv4(
            132,
            0,
            &[0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
        );
        for frame in [later, sctp] {
            assert_eq!(rewritten(&frame, &[(0, b"X")]), None);
        }
        assert!(rewritten(&ipv4(200, 0, b"unknown"), &[(0, b"X")]).unwrap().ends_with(b"Xnknown"));
    }

    proptest! {
        #[test]
        fn mending_agrees_with_computing_anew(
            payload in vec(any::<u8>(), 1..60),
            rewrites in vec((0..60_usize, vec(any::<u8>(), 1..9)), 1..5),
            version in prop_oneof![Just(4_u8), Just(6)],
            is_tcp in any::<bool>(),
        ) {
            let segment = |payload: &[u8]| if is_tcp { (6, tcp(payload)) } else { (17, udp(9, payload)) };
            let rewrites: Vec<(usize, &[u8])> =
                rewrites.iter().map(|(at, bytes)| (*at, &bytes[..])).filter(|(at, bytes)| at + bytes.len() <= payload.len()).collect();
            let mut after = payload.clone();
            rewrites.iter().for_each(|(at, bytes)| after[*at..at + bytes.len()].copy_from_slice(bytes));
            let (protocol, before) = segment(&payload);
            let (_, wanted) = segment(&after);
            let out = rewritten(&whole(version, protocol, before), &rewrites).unwrap();
            let wanted = whole(version, protocol, wanted);
            // 0 and 0xffff are the same sum; TCP may have either.
            let at = if version == 4 { 20 } else { 40 } + if is_tcp { 16 } else { 6 };
            let plain = |frame: &[u8]| { let mut f = frame.to_vec(); if f[at..at + 2] == [0xff, 0xff] { f[at..at + 2].fill(0); } f };
            prop_assert_eq!(plain(&out), plain(&wanted));
        }
    }
}
