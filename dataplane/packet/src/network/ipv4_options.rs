//! Checks on IPv4 options.
//!
//! Called by `ipv4` when the header is longer than 20 bytes. Only looks; the options are read again, where a rule wants
//! them, by `ip_options`.
//!
//! Sources: RFC 791 section 3.1, RFC 1108 (security), RFC 2113 (router alert), the CIPSO draft, IANA option numbers.
//! `opt_pad_required` is raised when the options do not fill a multiple of 8 bytes and a wrong length inside one option
//! lets the walk go on to the next, as Suricata's public test `bug-7414` shows.

use crate::event::DecodeEvent;
use crate::headers::Headers;
use crate::input::Input;

/// Walks the options of a header; `false` when one of them makes the packet invalid.
#[cold]
#[inline(never)]
pub(crate) fn check(layer: &mut Headers, header: Input<'_>) -> bool {
    let mut rest = header.bytes.get(20..).unwrap_or_default();
    if rest.len() & 7 != 0 {
        layer.events.insert(DecodeEvent::Ipv4OptionPadRequired);
    }
    let mut seen = 0u32;
    let mut sound = true;
    loop {
        let (kind, after_kind) = match rest {
            [] | [0, ..] => return sound,
            [1, after @ ..] => {
                rest = after;
                continue;
            }
            [kind, after @ ..] => (*kind, after),
        };
        let Some(&length) = after_kind.first() else {
            layer.events.insert(DecodeEvent::Ipv4OptionEolRequired);
            return sound;
        };
        let Some((option, after)) = rest.split_at_checked(usize::from(length)).filter(|_| length >= 2) else {
            layer.events.insert(DecodeEvent::Ipv4OptionInvalidLength);
            return false;
        };
        rest = after;
        let (bit, fault) = judge(kind, option);
        if let Some(event) = fault {
            layer.events.insert(event);
            sound &= matches!(event, DecodeEvent::Ipv4OptionUnknown | DecodeEvent::Ipv4OptionInvalid);
        }
        if bit != 0 && seen & bit != 0 {
            layer.events.insert(DecodeEvent::Ipv4OptionDuplicate);
        }
        seen |= bit;
    }
}

/// A bit of its own for each known kind, and what is wrong with this one.
fn judge(kind: u8, option: &[u8]) -> (u32, Option<DecodeEvent>) {
    let fixed = |length: usize| (option.len() != length).then_some(DecodeEvent::Ipv4OptionInvalidLength);
    let least = |length: usize| (option.len() < length).then_some(DecodeEvent::Ipv4OptionInvalidLength);
    match kind {
        7 => (1 << 0, route(option)),
        131 => (1 << 1, route(option)),
        137 => (1 << 2, route(option)),
        68 => (1 << 3, timestamp(option)),
        130 => (1 << 4, least(3)),
        133 => (1 << 5, least(3)),
        134 => (1 << 6, cipso(option)),
        136 => (1 << 7, fixed(4)),
        148 => (1 << 8, fixed(4)),
        25 => (1 << 9, fixed(8)),
        82 => (1 << 10, fixed(12)),
        // Classes 1 and 3 are reserved (RFC 791).
        _ if kind & 0x20 != 0 => (0, Some(DecodeEvent::Ipv4OptionInvalid)),
        _ => (0, Some(DecodeEvent::Ipv4OptionUnknown)),
    }
}

/// Record route and source routes: a pointer, then whole addresses.
fn route(option: &[u8]) -> Option<DecodeEvent> {
    let [_, length, pointer, ..] = option else {
        return Some(DecodeEvent::Ipv4OptionInvalidLength);
    };
    if length % 4 != 3 {
        Some(DecodeEvent::Ipv4OptionInvalidLength)
    } else if *pointer < 4 || pointer % 4 != 0 || *pointer > length.saturating_add(1) {
        Some(DecodeEvent::Ipv4OptionMalformed)
    } else {
        None
    }
}

/// Internet timestamp: pointer, overflow and flag, then times or pairs of address and time.
fn timestamp(option: &[u8]) -> Option<DecodeEvent> {
    let [_, length, pointer, flag, ..] = option else {
        return Some(DecodeEvent::Ipv4OptionInvalidLength);
    };
    let entry = match flag & 0x0f {
        0 => 4,
        1 | 3 => 8,
        _ => return Some(DecodeEvent::Ipv4OptionMalformed),
    };
    if length.wrapping_sub(4) % 4 != 0 {
        Some(DecodeEvent::Ipv4OptionInvalidLength)
    } else if *pointer < 5 || pointer.wrapping_sub(5) % entry != 0 || *pointer > length.saturating_add(1) {
        Some(DecodeEvent::Ipv4OptionMalformed)
    } else {
        None
    }
}

/// CIPSO: a domain of interpretation, then tags that must fill the option.
fn cipso(option: &[u8]) -> Option<DecodeEvent> {
    let Some(mut tags) = option.get(6..) else {
        return Some(DecodeEvent::Ipv4OptionInvalidLength);
    };
    while let Some(&kind) = tags.first() {
        let length = tags.get(1).copied().map_or(0, usize::from);
        let known = matches!(kind, 1 | 2 | 5 | 6 | 7);
        match tags.get(length..) {
            Some(after) if length >= 4 && known => tags = after,
            _ => return Some(DecodeEvent::Ipv4OptionMalformed),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::DecodeEvent::{self, *};
    use crate::LinkType;
    use crate::build::{decoded, ipv4_with_options, udp};

    fn options(options: &[u8]) -> (Vec<DecodeEvent>, bool) {
        let out = decoded(&ipv4_with_options(17, options, &udp(1, 2, b"x")), LinkType::Raw);
        let layer = out.innermost();
        assert_eq!(layer.has_transport, !layer.invalid);
        (layer.events.as_slice().to_vec(), layer.invalid)
    }

    #[test]
    fn sound_options_are_silent() {
        assert_eq!(options(&[148, 4, 0, 0, 0, 0, 0, 0]), (vec![], false));
        assert_eq!(options(&[7, 7, 4, 0, 0, 0, 0, 0]), (vec![], false));
        assert_eq!(options(&[68, 8, 5, 0, 0, 0, 0, 0]), (vec![], false));
        assert_eq!(options(&[1, 131, 7, 8, 1, 2, 3, 4]), (vec![], false));
    }

    #[test]
    fn padding_to_eight_bytes_is_asked_for() {
        assert_eq!(options(&[148, 4, 0, 0]), (vec![Ipv4OptionPadRequired], false));
    }

    #[test]
    fn a_bad_length_inside_an_option_lets_the_next_one_be_seen() {
        let bytes = [0x82, 2, 0xf1, 0x35, 0, 0, 0xde, 0xad, 0xbe, 0xef, 0xaa, 0];
        let all = vec![Ipv4OptionPadRequired, Ipv4OptionInvalidLength, Ipv4OptionInvalidLength];
        assert_eq!(options(&bytes), (all, true));
    }

    #[test]
    fn lengths_that_break_the_walk_are_invalid() {
        assert_eq!(options(&[148, 9, 0, 0, 0, 0, 0, 0]), (vec![Ipv4OptionInvalidLength], true));
        assert_eq!(options(&[148, 1, 0, 0, 0, 0, 0, 0]), (vec![Ipv4OptionInvalidLength], true));
        assert_eq!(options(&[1, 1, 1, 1, 1, 1, 1, 148]), (vec![Ipv4OptionEolRequired], false));
    }

    #[test]
    fn bad_pointers_are_malformed() {
        assert_eq!(options(&[7, 7, 3, 0, 0, 0, 0, 0]), (vec![Ipv4OptionMalformed], true));
        assert_eq!(options(&[68, 8, 4, 0, 0, 0, 0, 0]), (vec![Ipv4OptionMalformed], true));
        assert_eq!(options(&[68, 8, 5, 9, 0, 0, 0, 0]), (vec![Ipv4OptionMalformed], true));
        assert_eq!(options(&[134, 8, 0, 0, 0, 1, 1, 9]), (vec![Ipv4OptionMalformed], true));
    }

    #[test]
    fn unknown_reserved_and_repeated_options_do_not_end_decoding() {
        assert_eq!(options(&[90, 4, 0, 0, 0, 0, 0, 0]), (vec![Ipv4OptionUnknown], false));
        assert_eq!(options(&[0xf1, 4, 0, 0, 0, 0, 0, 0]), (vec![Ipv4OptionInvalid], false));
        assert_eq!(options(&[148, 4, 0, 0, 148, 4, 0, 0]), (vec![Ipv4OptionDuplicate], false));
    }
}
