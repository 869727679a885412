//! The checks of one layer of a frame, in order: checksums, IP, TCP, what lies behind the packet.
//!
//! Called by `sluice-worker` for each layer it judges inline. Most packets are plain and need none of them but the checksums: [`look`] tells with a few
//! comparisons.

use super::{
    action::{Action, Switch, Switches},
    edits::Edits,
    ip, tcp,
};
use crate::{
    checksum::{self, Checksum},
    headers::{Headers, TcpFlags},
};

/// What the flow knows of the connection, in the direction of the packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether both ends agreed on timestamps; none: the handshake was not seen.
    pub timestamps: Option<bool>,
    /// The least window field that takes nothing back; none: not known.
    pub least_window: Option<u16>,
}

/// One layer of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The frame.
    pub frame: &'a [u8],
    /// The layer.
    pub headers: &'a Headers,
    /// Its number.
    pub layer: u8,
    /// Where what carries the layer ends: the end of the frame for the outermost, of the payload of the one around it for others.
    pub end: usize,
    /// Whether checksums count.
    pub verify: bool,
    /// Whether the TCP checksum is right, or there is none.
    pub tcp_sound: bool,
}

/// The flags but those of ECN.
const LOWER_FLAGS: u8 = 0x3f;
/// A bit for each set of flags that data come with.
const PLAIN_FLAGS: u64 = flag_sets(&[TcpFlags::ACK, TcpFlags::ACK | TcpFlags::FIN]);
/// The same for packets without data.
const PLAIN_WITHOUT_DATA: u64 = PLAIN_FLAGS
    | flag_sets(&[TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK, TcpFlags::RST, TcpFlags::RST | TcpFlags::ACK]);

/// A bit for each of `sets`, with PSH and without.
const fn flag_sets(sets: &[u8]) -> u64 {
    let (mut bits, mut rest) = (0, sets);
    while let [set, others @ ..] = rest {
        bits |= 1 << *set | 1 << (*set | TcpFlags::PSH);
        rest = others;
    }
    bits
}

/// Whether the checks of `ip` and `tcp` find nothing, as a few fields tell. It may say no of a packet in which they find nothing either.
#[inline(always)]
fn is_plain(look: &Look, switches: &Switches) -> bool {
    let Headers { tcp, .. } = look.headers;
    let headers = look.headers;
    if switches.looks_at_plain() || headers.ip_offset as usize + headers.ip_len as usize != look.end {
        return false;
    }
    let ip = match headers.ip_version {
        4 => headers.ip_header_len == 20 && !headers.fragment.reserved,
        _ => headers.ip_header_len == 40,
    };
    if headers.protocol != 6 {
        return ip;
    }
    // No options, or timestamps alone.
    let usual = tcp.options.length == 0 || (tcp.options.length == 12 && tcp.options.timestamps.is_some());
    let plain = if headers.payload_len == 0 { PLAIN_WITHOUT_DATA } else { PLAIN_FLAGS };
    ip && usual
        && plain >> (tcp.flags & LOWER_FLAGS) & 1 == 1
        && tcp.reserved & tcp::RESERVED == 0
        && tcp.urgent_pointer == 0
}

/// Looks at one layer: what is to be changed goes into `edits`; the answer is the action that stops the packet.
///
/// Cost: a few comparisons for a plain packet, and one pass over UDP, ICMP and IPv4 headers while checksums count.
#[inline(always)]
pub fn look(look: &Look, switches: &Switches, edits: &mut Edits) -> Option<Action> {
    if !look.headers.is_ip() || switches.is_off() {
        return None;
    }
    if look.verify
        && let Some(wrong) = wrong_checksum(look)
        && switches.wants(wrong)
    {
        return Some(wrong);
    }
    if is_plain(look, switches) { None } else { look_closely(look, switches, edits) }
}

/// Whether the checksum of an IPv4 header is right. Most have no options, and are ten words.
#[inline(always)]
fn is_ipv4_sum_right(frame: &[u8], headers: &Headers) -> bool {
    let plain = frame.get(headers.ip_offset as usize..).and_then(|bytes| bytes.first_chunk::<20>());
    let Some(header) = plain.filter(|_| headers.ip_header_len == 20) else {
        return checksum::ipv4_header(frame, headers) != Checksum::Invalid;
    };
    let (words, _) = header.as_chunks::<4>();
    let sum: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    // Whatever the order of bytes, a sum of all ones is a right one.
    sum != 0 && sum.is_multiple_of(0xffff)
}

/// Which checksum is wrong.
#[inline(always)]
fn wrong_checksum(look: &Look) -> Option<Action> {
    let Look { frame, headers, .. } = *look;
    if headers.ip_version == 4 && !is_ipv4_sum_right(frame, headers) {
        return Some(Action::IpChecksum);
    }
    let action = match headers.protocol {
        6 => return (!look.tcp_sound).then_some(Action::TcpChecksum),
        17 => Action::UdpChecksum,
        1 | 2 | 58 => Action::IcmpChecksum,
        _ => return None,
    };
    let absent = headers.is_udp() && matches!(headers.transport_header(frame), [_, _, _, _, _, _, 0, 0, ..]);
    (!absent && checksum::transport(frame, headers) == Checksum::Invalid).then_some(action)
}

/// Looks at a TCP packet of a connection, after [`look`]: what follows from what the connection is known to have agreed on.
///
/// Cost: a few comparisons, unless something was not agreed on.
#[inline]
pub fn look_in_connection(look: &Look, known: Known, switches: &Switches, edits: &mut Edits) -> Option<Action> {
    let tcp = &look.headers.tcp;
    let stamped = tcp.options.timestamps.is_some() && known.timestamps == Some(false);
    let withdrawn = known.least_window.is_some_and(|least| tcp.window < least);
    let whole = look.headers.is_tcp() && !look.headers.fragment.is_fragment;
    if !whole || !(stamped || withdrawn) || tcp.flags & TcpFlags::SYN != 0 {
        return None;
    }
    let mut say = Say { switches, edits, stop: None };
    tcp::look_in_connection(look, known, &mut say);
    say.stop
}

#[cold]
#[inline(never)]
pub(super) fn look_closely(look: &Look, switches: &Switches, edits: &mut Edits) -> Option<Action> {
    let mut say = Say { switches, edits, stop: None };
    ip::look(look, &mut say);
    if look.headers.is_tcp() && !look.headers.fragment.is_fragment {
        tcp::look(look, &mut say);
    }
    if !look.headers.invalid {
        ip::trailing(look, &mut say);
    }
    say.stop
}

/// What the checks say.
pub(super) struct Say<'a> {
    pub switches: &'a Switches,
    pub edits: &'a mut Edits,
    pub stop: Option<Action>,
}

impl Say<'_> {
    /// Something odd was found; whether it is to be put right.
    pub fn found(&mut self, action: Action) -> bool {
        match self.switches.of(action) {
            Switch::Off => false,
            Switch::On => true,
            Switch::Drop => {
                self.stop.get_or_insert(action);
                false
            }
        }
    }
}
