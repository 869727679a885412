//! The checks of TCP headers.
//!
//! Called by [`super::look`] for whole TCP packets. Sources: with each action in [`super::action`].

use super::{
    action::Action,
    look::{Known, Look, Say},
};
use crate::{
    headers::{Headers, TcpFlags},
    options::tcp_options,
};

/// The reserved bits but the one of accurate ECN (RFC 9768).
pub(super) const RESERVED: u8 = 0x0e;

/// RFC 7323 section 2.3.
const LARGEST_SHIFT: u8 = 14;

const FIN: u8 = TcpFlags::FIN;
const SYN: u8 = TcpFlags::SYN;
const RST: u8 = TcpFlags::RST;
const ACK: u8 = TcpFlags::ACK;
const URG: u8 = TcpFlags::URG;

/// Whether no honest end sends these flags.
pub(super) const fn is_nonsense(flags: u8) -> bool {
    let opens_and_ends = flags & SYN != 0 && flags & (FIN | RST) != 0;
    let nothing = flags & (SYN | ACK | RST) == 0;
    opens_and_ends || nothing || flags & (FIN | ACK) == FIN
}

pub(super) fn look(look: &Look, say: &mut Say) {
    let Look { frame, headers, .. } = *look;
    let tcp = &headers.tcp;
    let start = headers.l4_offset as usize;
    if is_nonsense(tcp.flags) {
        say.found(Action::TcpFlags);
    }
    if tcp.flags & (URG | ACK) == URG {
        say.found(Action::TcpUrgentWithoutAck);
    }
    if tcp.reserved & RESERVED != 0
        && say.found(Action::TcpReserved)
        && let Some(byte) = frame.get(start + 12)
    {
        say.edits.fill(Action::TcpReserved, start + 12, 1, byte & !RESERVED);
    }
    let data = data(look, say);
    flags_and_pointer(look, data, say);
    if tcp.options.length > 0 {
        options(look, say);
    }
}

/// What follows from what the connection agreed on. Not for SYNs, which do the agreeing.
pub(super) fn look_in_connection(look: &Look, known: Known, say: &mut Say) {
    let Look { frame, headers, .. } = *look;
    let tcp = &headers.tcp;
    let start = headers.l4_offset as usize;
    if let Some(least) = known.least_window.filter(|least| tcp.window < *least)
        && tcp.flags & RST == 0
        && say.found(Action::TcpWindowWithdrawal)
    {
        say.edits.word(Action::TcpWindowWithdrawal, start + 14, least);
    }
    if known.timestamps == Some(false) {
        let mut place = start + 20;
        for (kind, data) in tcp_options(frame, headers) {
            let length = if kind < 2 { 1 } else { data.len() + 2 };
            if kind == 8 && say.found(Action::TcpTimestamps) {
                say.edits.fill(Action::TcpTimestamps, place, length, 1);
            }
            place += length;
        }
    }
}

/// Cuts off data that no end may read; bytes of data left.
fn data(look: &Look, say: &mut Say) -> usize {
    let Look { headers, layer, .. } = *look;
    let data = headers.payload_len as usize;
    let flags = headers.tcp.flags;
    let action = match () {
        () if data == 0 => return 0,
        () if flags & RST != 0 => Action::TcpRstData,
        () if flags & (SYN | ACK) == SYN && !opens_fast(look) => Action::TcpSynData,
        () => return data,
    };
    if !say.found(action) {
        return data;
    }
    // The data become zero first, so that they count for nothing in any checksum, whether they are cut off or stay as padding.
    say.edits.fill(action, headers.payload_offset as usize, data, 0);
    let start = headers.ip_offset as usize;
    let length = (headers.ip_len as usize).saturating_sub(data);
    match headers.ip_version {
        4 => say.edits.word(action, start + 2, length as u16),
        _ => say.edits.word(action, start + 4, length.saturating_sub(40) as u16),
    }
    say.edits.shorter(action, layer, data);
    let keep = super::ip::shortest(look).max(headers.payload_offset as usize);
    if layer == 0 && keep < look.frame.len() {
        say.edits.trim_to(action, keep);
    }
    0
}

/// Whether a SYN carries a Fast Open option, in either of its forms (RFC 7413 section 4.1, RFC 6994).
fn opens_fast(look: &Look) -> bool {
    let experiment = |(kind, data): (u8, &[u8])| kind == 254 && data.starts_with(&[0xf9, 0x89]);
    look.headers.tcp.options.fast_open || tcp_options(look.frame, look.headers).any(experiment)
}

fn flags_and_pointer(look: &Look, data: usize, say: &mut Say) {
    let headers = look.headers;
    let (start, tcp) = (headers.l4_offset as usize, &headers.tcp);
    let (mut flags, mut pointer) = (tcp.flags, tcp.urgent_pointer);
    let mut why = None;
    if flags & URG != 0 && data == 0 && say.found(Action::TcpUrgentWithoutData) {
        (flags, pointer) = (flags & !URG, 0);
        why = Some(Action::TcpUrgentWithoutData);
    }
    if flags & (TcpFlags::ECE | TcpFlags::CWR) != 0 && say.found(Action::TcpEcn) {
        flags &= !(TcpFlags::ECE | TcpFlags::CWR);
        why = Some(Action::TcpEcn);
    }
    if let Some(action) = why.filter(|_| flags != tcp.flags) {
        say.edits.fill(action, start + 13, 1, flags);
    }
    if flags & URG == 0 && pointer != 0 && say.found(Action::TcpUrgentPointer) {
        pointer = 0;
        why = Some(Action::TcpUrgentPointer);
    }
    if flags & URG != 0 && usize::from(pointer) > data && say.found(Action::TcpUrgentBeyond) {
        pointer = data as u16;
        why = Some(Action::TcpUrgentBeyond);
    }
    if let Some(action) = why.filter(|_| pointer != tcp.urgent_pointer) {
        say.edits.word(action, start + 18, pointer);
    }
}

/// Options met: one bit for each kind that may be there once.
#[derive(Default)]
struct Met(u8);

impl Met {
    /// Whether an option of `kind` is there again.
    const fn again(&mut self, kind: u8) -> bool {
        let bit = match kind {
            2 => 1,
            3 => 2,
            4 => 4,
            8 => 8,
            5 => 16,
            // Either signature: both together are forbidden (RFC 5925 section 2.2).
            19 | 29 => 32,
            34 => 64,
            _ => return false,
        };
        let again = self.0 & bit != 0;
        self.0 |= bit;
        again
    }
}

fn options(look: &Look, say: &mut Say) {
    let Look { frame, headers, .. } = *look;
    let all = headers.transport_header(frame).get(20..).unwrap_or_default();
    let at = headers.l4_offset as usize + 20;
    let mut met = Met::default();
    let mut rest = all;
    loop {
        let place = at + all.len() - rest.len();
        let (kind, length) = match rest {
            [] => return,
            [0, padding @ ..] => {
                if padding.iter().any(|byte| *byte != 0) && say.found(Action::TcpOptionPadding) {
                    say.edits.fill(Action::TcpOptionPadding, place + 1, padding.len(), 0);
                }
                return;
            }
            [1, after @ ..] => {
                rest = after;
                continue;
            }
            [kind, length, ..] => (*kind, usize::from(*length)),
            // A kind without a length.
            [_] => (0, 0),
        };
        let Some((option, after)) = rest.split_at_checked(length).filter(|_| length >= 2) else {
            if say.found(Action::TcpBrokenOptions) {
                say.edits.fill(Action::TcpBrokenOptions, place, rest.len(), 0);
            }
            return;
        };
        rest = after;
        if let Some((action, remedy)) = unwanted(kind, option, look, &mut met)
            && say.found(action)
        {
            match remedy {
                Remedy::Nop => say.edits.fill(action, place, length, 1),
                Remedy::LargestShift => say.edits.fill(action, place + 2, 1, LARGEST_SHIFT),
            }
        }
    }
}

/// What makes an option one that may leave.
#[derive(Clone, Copy)]
enum Remedy {
    /// NOPs in its place.
    Nop,
    /// A window scale that is too large counts as the largest, and so it leaves.
    LargestShift,
}

/// Why an option may not leave as it is.
fn unwanted(kind: u8, option: &[u8], look: &Look, met: &mut Met) -> Option<(Action, Remedy)> {
    let Headers { tcp, .. } = look.headers;
    let syn = tcp.flags & SYN != 0;
    let fits = match (kind, option.len()) {
        (2, length) => length == 4,
        (3, length) => length == 3,
        (4, length) => length == 2,
        (5, length) => matches!(length, 2 | 10 | 18 | 26 | 34),
        (8, length) => length == 10,
        (19, length) => length == 18,
        (29, length) => length >= 4,
        (34, length) => length == 2 || (6..=18).contains(&length),
        _ => true,
    };
    let broken = Some((Action::TcpBrokenOptions, Remedy::Nop));
    match (kind, option) {
        _ if !fits => broken,
        (2..=4, _) if !syn => Some((Action::TcpSynOptions, Remedy::Nop)),
        // The first counts.
        _ if met.again(kind) => broken,
        (3, [_, _, shift]) if *shift > LARGEST_SHIFT => Some((Action::TcpBrokenOptions, Remedy::LargestShift)),
        (2..=5 | 8 | 19 | 29 | 30 | 34 | 253 | 254, _) => None,
        _ => Some((Action::TcpUnknownOptions, Remedy::Nop)),
    }
}
