//! Answers to a rejected packet: TCP resets and ICMP unreachable messages.
//!
//! Built by [`crate::pipeline`] inline, sent by [`crate::poll`] with the burst. Each pretends to come from the other end of the conversation, with the
//! numbers that a peer accepts. Link header and VLAN tags are those of the packet, addresses turned round where needed.
//!
//! Not answered: fragments, tunnelled packets, link types other than Ethernet and raw IP, and whatever RFC 1122 section 3.2.2 and RFC 4443 section 2.4
//! forbid an error about (errors, multicast, broadcast). Such packets are dropped in silence.
//!
//! Sources: RFC 9293 section 3.10.7.1 (numbers of a reset), RFC 5961 section 3.2 (a reset is accepted at exactly the next expected number),
//! RFC 1812 section 5.2.7.1 (communication administratively prohibited), RFC 4443 section 3.1.

use sluice_core::{Action, Nanos};
use sluice_flow::tcp;
use sluice_packet::{Headers, checksum};

/// Longest answer, bytes: link header, IPv6 and ICMPv6 header, and the beginning of the packet.
pub const LONGEST: usize = 640;
/// Bytes of the rejected packet quoted in an ICMP message (RFC 1812 section 4.3.2.3 allows up to 576 in all).
const QUOTED: usize = 512;
/// Hop limit of answers.
const HOPS: u8 = 64;

/// One frame to be sent.
#[derive(Clone, Copy)]
pub struct Answer {
    bytes: [u8; LONGEST],
    length: usize,
    /// Time of the packet that is answered.
    pub time: Nanos,
    /// Number of the record in its capture; 0 when live.
    pub record: u64,
    /// Whether it goes back where the packet came from.
    pub to_source: bool,
}

impl Answer {
    fn new((time, record): (Nanos, u64)) -> Self {
        Self { bytes: [0; LONGEST], length: 0, time, record, to_source: true }
    }

    /// The frame.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Appends as much of `more` as fits.
    fn put(&mut self, more: &[u8]) {
        let room = self.bytes.len() - self.length;
        let part = more.get(..room.min(more.len())).unwrap_or_default();
        if let Some(place) = self.bytes.get_mut(self.length..self.length + part.len()) {
            place.copy_from_slice(part);
            self.length += part.len();
        }
    }

    fn set16(&mut self, at: usize, value: u16) {
        if let Some(place) = self.bytes.get_mut(at..at + 2) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }
}

/// Which end an answer goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Source,
    Destination,
}

/// The answers `action` asks for, handed to `send` one by one.
pub fn answer(action: Action, frame: &[u8], headers: &Headers, about: (Nanos, u64), mut send: impl FnMut(&Answer)) {
    let ends: &[To] = match action {
        Action::RejectSource => &[To::Source],
        Action::RejectDestination => &[To::Destination],
        Action::RejectBoth => &[To::Source, To::Destination],
        Action::Pass | Action::Drop | Action::Alert => return,
    };
    if headers.fragment.is_fragment || !can_be_answered(headers) {
        return;
    }
    for &to in ends {
        let made = if headers.is_tcp() {
            // A reset is never answered by a reset.
            if headers.tcp.flags & tcp::RST != 0 { None } else { reset(to, frame, headers, about) }
        } else if to == To::Source {
            unreachable(frame, headers, about)
        } else {
            // There is no message that tells a receiver to stop listening.
            None
        };
        if let Some(mut answer) = made {
            answer.to_source = to == To::Source;
            send(&answer);
        }
    }
}

fn can_be_answered(headers: &Headers) -> bool {
    let [first, second, third, fourth, ..] = headers.dst;
    let to_many = match headers.ip_version {
        4 => first >= 224 || [first, second, third, fourth] == [255; 4],
        _ => first == 0xff,
    };
    let from_nobody = headers.src.iter().all(|&byte| byte == 0);
    let is_error = (headers.is_icmpv4() && !matches!(headers.icmp_type, 0 | 8 | 13..=18))
        || (headers.is_icmpv6() && headers.icmp_type < 128);
    headers.is_ip() && !to_many && !from_nobody && !is_error
}

/// The link header, addresses turned round for the source; none when it is one we can't write.
fn link(answer: &mut Answer, to: To, frame: &[u8], headers: &Headers) -> Option<()> {
    let start = headers.frame_start as usize;
    let header = frame.get(start..headers.ip_offset as usize)?;
    if !headers.has_ethernet {
        // Raw IP has none; every other kind is left alone.
        return header.is_empty().then_some(());
    }
    let (destination, rest) = header.split_at_checked(6)?;
    let (source, rest) = rest.split_at_checked(6)?;
    if header.len() != 14 + 4 * usize::from(headers.vlan_count) {
        return None;
    }
    let (first, second) = if to == To::Source { (source, destination) } else { (destination, source) };
    answer.put(first);
    answer.put(second);
    answer.put(rest);
    Some(())
}

/// The IP header of an answer whose payload is `length` bytes; where it begins.
fn ip(answer: &mut Answer, to: To, headers: &Headers, protocol: u8, length: u16) -> usize {
    let at = answer.length;
    let (from, towards) = if to == To::Source { (headers.dst, headers.src) } else { (headers.src, headers.dst) };
    if headers.ip_version == 4 {
        let [a, b, c, d, ..] = from;
        let [e, f, g, h, ..] = towards;
        let [high, low] = (20 + length).to_be_bytes();
        answer.put(&[0x45, 0, high, low, 0, 0, 0x40, 0, HOPS, protocol, 0, 0, a, b, c, d, e, f, g, h]);
        let sum = checksum::compute(answer.bytes.get(at..at + 20).unwrap_or_default());
        answer.set16(at + 10, sum);
    } else {
        let [high, low] = length.to_be_bytes();
        answer.put(&[0x60, 0, 0, 0, high, low, protocol, HOPS]);
        answer.put(&from);
        answer.put(&towards);
    }
    at
}

/// Sums the transport that begins at `at` and puts the sum at `place` in it.
fn sum(answer: &mut Answer, to: To, headers: &Headers, protocol: u8, at: usize, place: usize) {
    let (from, towards) = if to == To::Source { (headers.dst, headers.src) } else { (headers.src, headers.dst) };
    let packet = answer.bytes.get(at..answer.length).unwrap_or_default();
    let value = match (headers.ip_version, protocol) {
        (4, 1) => checksum::compute(packet),
        (4, _) => {
            let [a, b, c, d, ..] = from;
            let [e, f, g, h, ..] = towards;
            checksum::compute_v4([a, b, c, d], [e, f, g, h], protocol, packet)
        }
        _ => checksum::compute_v6(from, towards, protocol, packet),
    };
    answer.set16(at + place, value);
}

fn reset(to: To, frame: &[u8], headers: &Headers, about: (Nanos, u64)) -> Option<Answer> {
    let packet = &headers.tcp;
    let length =
        headers.payload_len + u32::from(packet.flags & tcp::SYN != 0) + u32::from(packet.flags & tcp::FIN != 0);
    let has_ack = packet.flags & tcp::ACK != 0;
    let (ports, seq, ack, flags) = match to {
        // To the sender, as if from its peer: at the number it said it expects; without one, acknowledging what it sent.
        To::Source => (
            (headers.dst_port, headers.src_port),
            if has_ack { packet.ack } else { 0 },
            packet.seq.wrapping_add(length),
            tcp::RST | tcp::ACK,
        ),
        // To the receiver, as if from the sender: at the number of the packet it does not get.
        To::Destination => (
            (headers.src_port, headers.dst_port),
            packet.seq,
            if has_ack { packet.ack } else { 0 },
            if has_ack { tcp::RST | tcp::ACK } else { tcp::RST },
        ),
    };
    let mut answer = Answer::new(about);
    link(&mut answer, to, frame, headers)?;
    ip(&mut answer, to, headers, 6, 20);
    let at = answer.length;
    answer.put(&ports.0.to_be_bytes());
    answer.put(&ports.1.to_be_bytes());
    answer.put(&seq.to_be_bytes());
    answer.put(&ack.to_be_bytes());
    answer.put(&[0x50, flags, 0, 0, 0, 0, 0, 0]);
    sum(&mut answer, to, headers, 6, at, 16);
    Some(answer)
}

fn unreachable(frame: &[u8], headers: &Headers, about: (Nanos, u64)) -> Option<Answer> {
    let packet = headers.ip_packet(frame);
    let quoted = packet.get(..QUOTED).unwrap_or(packet);
    let mut answer = Answer::new(about);
    link(&mut answer, To::Source, frame, headers)?;
    let length = 8 + quoted.len() as u16;
    // Communication administratively prohibited, of either version.
    let (protocol, kind, code) = if headers.ip_version == 4 { (1, 3, 13) } else { (58, 1, 1) };
    ip(&mut answer, To::Source, headers, protocol, length);
    let at = answer.length;
    answer.put(&[kind, code, 0, 0, 0, 0, 0, 0]);
    answer.put(quoted);
    sum(&mut answer, To::Source, headers, protocol, at, 2);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::{Action, Nanos, answer};
    use sluice_packet::{DecodeConfig, Decoded, Headers, LinkType, checksum};

    /// Ethernet and VLAN, IPv4 or IPv6, then `transport`.
    fn frame(version: u8, protocol: u8, transport: &[u8]) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 7];
        let length = transport.len() as u16;
        if version == 4 {
            bytes.extend([8, 0, 0x45, 0]);
            bytes.extend((20 + length).to_be_bytes());
            bytes.extend([0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        } else {
            bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            bytes.extend(length.to_be_bytes());
            bytes.extend([protocol, 64, 0x20, 1, 13, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            bytes.extend([0x20, 1, 13, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        }
        bytes.extend(transport);
        bytes
    }

    fn tcp(flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x9c, 0x40, 0, 80];
        bytes.extend(seq.to_be_bytes());
        bytes.extend(ack.to_be_bytes());
        bytes.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        bytes.extend(payload);
        bytes
    }

    fn decode(frame: &[u8]) -> Headers {
        let mut decoded = Decoded::new();
        sluice_packet::decode(frame, LinkType::Ethernet, &DecodeConfig::default(), &mut decoded);
        *decoded.outermost()
    }

    fn answers(action: Action, frame: &[u8]) -> Vec<(Vec<u8>, Headers)> {
        let mut made = Vec::new();
        answer(action, frame, &decode(frame), (Nanos(1), 1), |answer| made.push(answer.bytes().to_vec()));
        made.into_iter()
            .map(|bytes| {
                let headers = decode(&bytes);
                assert!(!headers.invalid && headers.vlans() == [7], "{headers:?}");
                assert_eq!(checksum::transport(&bytes, &headers), checksum::Checksum::Valid);
                (bytes, headers)
            })
            .collect()
    }

    #[test]
    fn both_ends_of_a_connection_get_a_reset_at_the_number_they_expect() {
        for version in [4, 6] {
            let data = frame(version, 6, &tcp(0x18, 1_000, 5_000, b"attack"));
            let made = answers(Action::RejectBoth, &data);
            assert_eq!(made.len(), 2);
            let (bytes, to_source) = &made[0];
            assert_eq!((to_source.src_port, to_source.dst_port), (80, 40_000));
            assert_eq!((to_source.tcp.seq, to_source.tcp.ack, to_source.tcp.flags), (5_000, 1_006, 0x14));
            assert_eq!(to_source.mac_addresses(bytes).unwrap(), ([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]));
            let (bytes, to_destination) = &made[1];
            assert_eq!((to_destination.src_port, to_destination.dst_port), (40_000, 80));
            assert_eq!((to_destination.tcp.seq, to_destination.tcp.flags), (1_000, 0x14));
            assert_eq!(to_destination.mac_addresses(bytes).unwrap(), ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]));
            assert_eq!((to_source.src, to_destination.src), (decode(&data).dst, decode(&data).src));
        }
    }

    #[test]
    fn a_syn_is_refused_as_a_closed_port_would() {
        let made = answers(Action::RejectSource, &frame(4, 6, &tcp(0x02, 77, 0, b"")));
        assert_eq!((made[0].1.tcp.seq, made[0].1.tcp.ack, made[0].1.tcp.flags), (0, 78, 0x14));
    }

    #[test]
    fn datagrams_are_answered_to_their_sender_with_the_packet_quoted() {
        for (version, kind, code) in [(4, 3, 13), (6, 1, 1)] {
            let mut udp = vec![0x30, 0x39, 0, 53, 0, 12, 0, 0];
            udp.extend(b"data");
            let data = frame(version, 17, &udp);
            let made = answers(Action::RejectBoth, &data);
            assert_eq!(made.len(), 1);
            let (bytes, headers) = &made[0];
            assert_eq!((headers.icmp_type, headers.icmp_code), (kind, code));
            let quoted = headers.embedded.expect("a quoted packet");
            assert_eq!((quoted.src_port, quoted.dst_port), (12_345, 53));
            assert_eq!(quoted.source(bytes), decode(&data).src);
        }
    }

    #[test]
    fn resets_errors_and_multicast_are_not_answered() {
        assert!(answers(Action::RejectBoth, &frame(4, 6, &tcp(0x04, 1, 0, b""))).is_empty());
        assert!(answers(Action::RejectSource, &frame(4, 1, &[3, 1, 0, 0, 0, 0, 0, 0])).is_empty());
        let mut multicast = frame(4, 17, &[0x30, 0x39, 0, 53, 0, 8, 0, 0]);
        multicast[34] = 224;
        assert!(answers(Action::RejectSource, &multicast).is_empty());
        assert!(answers(Action::Drop, &frame(4, 6, &tcp(0x18, 1, 1, b"x"))).is_empty());
    }
}
