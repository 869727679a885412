//! Base64 as it stands in traffic: decoded into room that is given, never an error.
//!
//! Called by [`crate::transform`] (`from_base64`) and [`crate::run`] (`base64_decode`). Allocates nothing.
//!
//! Sources: RFC 4648 section 4, RFC 2045 section 6.8; the rule documentation of the reference engine ("Base64 keywords", "Transformations")
//! for what happens at a byte that is no digit.

use crate::transform::Room;

/// What a byte that is no digit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It is skipped.
    Rfc2045,
    /// The text ends before it.
    Rfc4648,
    /// Nothing is decoded; nor where the length is no multiple of four.
    Strict,
}

/// Decodes `text`. Digits that are left over at the end give the bytes they hold whole: two digits one, three two.
///
/// # Cost
/// Linear in `text`.
pub fn decode(text: &[u8], mode: Mode, out: &mut Room) {
    if mode == Mode::Strict && !is_strict(text) {
        return;
    }
    let (mut bits, mut held) = (0_u32, 0_u32);
    for &byte in text {
        let Some(six) = digit(byte) else {
            if mode == Mode::Rfc2045 && byte != b'=' {
                continue;
            }
            return;
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
}

/// Whether `text` is digits in fours, with padding at the end alone.
fn is_strict(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|&&byte| digit(byte).is_some()).count();
    let padding = text.get(digits..).unwrap_or_default();
    text.len().is_multiple_of(4) && padding.len() <= 2 && padding.iter().all(|&byte| byte == b'=')
}

fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Mode, decode};
    use crate::transform::Room;
    use proptest::{collection::vec, prelude::*};

    fn decoded(text: &[u8], mode: Mode) -> Vec<u8> {
        let mut bytes = [0; 256];
        let mut room = Room::new(&mut bytes);
        decode(text, mode, &mut room);
        let length = room.len();
        bytes[..length].to_vec()
    }

    #[test]
    fn a_byte_that_is_no_digit_is_skipped_or_ends_the_text_or_spoils_it() {
        let text = b"Zm 9v Ym Fy";
        assert_eq!(decoded(text, Mode::Rfc2045), b"foobar");
        assert_eq!(decoded(text, Mode::Rfc4648), b"f");
        assert_eq!(decoded(text, Mode::Strict), b"");
        assert_eq!(decoded(b"Zm9vYmFy", Mode::Strict), b"foobar");
    }

    #[test]
    fn digits_left_over_and_padding_give_what_they_hold() {
        for mode in [Mode::Rfc2045, Mode::Rfc4648] {
            assert_eq!(decoded(b"dGhpc2", mode), b"this");
            assert_eq!(decoded(b"Zg==", mode), b"f");
            assert_eq!(decoded(b"Z", mode), b"");
            assert_eq!(decoded(b"====", mode), b"");
            assert_eq!(decoded(b"", mode), b"");
        }
        assert_eq!(decoded(b"Zg==", Mode::Strict), b"f");
        for torn in [&b"Zg="[..], b"Zg", b"Z===", b"Zg==Zg==", b"\xff\xff\xff\xff"] {
            assert_eq!(decoded(torn, Mode::Strict), b"", "{torn:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let mut bytes = [0; 2];
        let mut room = Room::new(&mut bytes);
        decode(b"Zm9vYmFy", Mode::Rfc4648, &mut room);
        assert!(room.is_cut());
        assert_eq!(&bytes, b"fo");
    }

    /// Written the slow way: numbers of digits, eight bits at a time.
    fn encode(bytes: &[u8]) -> Vec<u8> {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
        let mut text: Vec<u8> = bits
            .chunks(6)
            .map(|six| DIGITS[six.iter().fold(0, |sum, &bit| sum * 2 + usize::from(bit)) << (6 - six.len())])
            .collect();
        text.resize(text.len().next_multiple_of(4), b'=');
        text
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(bytes in vec(any::<u8>(), 0..150)) {
            for mode in [Mode::Rfc2045, Mode::Rfc4648, Mode::Strict] {
                prop_assert_eq!(decoded(&encode(&bytes), mode), bytes.clone());
            }
        }

        #[test]
        fn any_bytes_are_taken(text in vec(any::<u8>(), 0..200)) {
            let plain: Vec<u8> = text.iter().copied().take_while(|&b| b != b'=').filter(|b| super::digit(*b).is_some()).collect();
            prop_assert_eq!(decoded(&text, Mode::Rfc2045), decoded(&plain, Mode::Rfc4648));
        }
    }
}
