//! One line per alert, in the format grep habits know.
//!
//! `MM/DD/YYYY-HH:MM:SS.us  [**] [gid:sid:rev] msg [**] [Classification: x] [Priority: n] {PROTO} a:p -> b:p`, with `[Drop]` or `[wDrop]`
//! (would have dropped) before the message's marks.

use crate::{names, signature::Signature, time};
use sluice_core::{Action, event::PacketFacts};
use std::io::Write;

/// Appends one line for an alert to `out`.
pub fn line(out: &mut Vec<u8>, packet: &PacketFacts, signature: &Signature, action: Action, blocked: bool) {
    time::fast(out, packet.time);
    let mark = match (action.drops(), blocked) {
        (true, true) => "[Drop] ",
        (true, false) => "[wDrop] ",
        (false, _) => "",
    };
    let Signature { gid, sid, rev, message, category, priority, .. } = signature;
    let category = if category.is_empty() { "(null)" } else { category };
    let protocol = if packet.ip_version == 0 { "PROTO:---".into() } else { names::protocol(packet.protocol) };
    let end = |address: &[u8; 16], port: u16| match packet.ip_version {
        0 => String::from("-"),
        version => format!("{}:{port}", names::address(version, address)),
    };
    let icmp = packet.has_transport && matches!(packet.protocol, 1 | 58);
    let (from, to) = if icmp {
        (u16::from(packet.icmp_type), u16::from(packet.icmp_code))
    } else {
        (packet.src_port, packet.dst_port)
    };
    let (from, to) = (end(&packet.src, from), end(&packet.dst, to));
    // Writing to a vector can't fail.
    let _ = writeln!(
        out,
        "  {mark}[**] [{gid}:{sid}:{rev}] {message} [**] [Classification: {category}] [Priority: {priority}] {{{protocol}}} {from} -> {to}"
    );
}

#[cfg(test)]
mod tests {
    use super::{Action, PacketFacts, Signature, line};
    use sluice_core::Nanos;

    #[test]
    fn a_line_reads_as_grep_habits_expect() {
        let mut packet = PacketFacts {
            time: Nanos::from_micros(1_600_000_000_000_200),
            src_port: 80,
            dst_port: 54_186,
            protocol: 6,
            ip_version: 4,
            has_transport: true,
            ..PacketFacts::default()
        };
        packet.src[..4].copy_from_slice(&[82, 165, 177, 154]);
        packet.dst[..4].copy_from_slice(&[10, 16, 1, 11]);
        let signature = Signature {
            gid: 1,
            sid: 2_100_498,
            rev: 7,
            message: "id check".into(),
            category: "Potentially Bad Traffic".into(),
            priority: 2,
            ..Signature::default()
        };
        let mut out = Vec::new();
        line(&mut out, &packet, &signature, Action::Drop, true);
        let expected = "09/13/2020-12:26:40.000200  [Drop] [**] [1:2100498:7] id check [**] [Classification: Potentially Bad Traffic] \
                        [Priority: 2] {TCP} 82.165.177.154:80 -> 10.16.1.11:54186\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
