//! Small pieces of HTTP's grammar: tokens, white space, numbers.
//!
//! Used by all of this folder. Nothing here keeps state.
//!
//! Source: RFC 9110 section 5.6, RFC 9112 section 2.2.

/// White space between words, as lenient readers take it.
#[inline]
pub const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

/// What is thrown away around a name or value: white space and NUL.
#[inline]
const fn is_dirt(byte: u8) -> bool {
    is_space(byte) || byte == 0
}

/// The characters of a token (RFC 9110 section 5.6.2), for each byte.
const TOKENS: [bool; 256] = tokens();

const fn tokens() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let character = byte as u8;
        let is_mark = matches!(
            character,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        #[expect(clippy::indexing_slicing, reason = "evaluated when compiled: `byte` is below 256")]
        {
            table[byte] = character.is_ascii_alphanumeric() || is_mark;
        }
        byte += 1;
    }
    table
}

/// A character of a token (RFC 9110 section 5.6.2).
#[inline]
pub fn is_token(byte: u8) -> bool {
    TOKENS.get(usize::from(byte)).copied().unwrap_or_default()
}

/// `bytes` without white space and NUL at both ends.
#[inline]
pub fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// `bytes` without white space and NUL in front.
#[inline]
pub fn trim_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_dirt(*byte)).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// `bytes` without white space and NUL behind.
#[inline]
pub fn trim_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !is_dirt(*byte)).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

/// `line` without its line end.
#[inline]
pub fn chomp(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether `bytes` hold nothing but white space and NUL.
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is_dirt(*byte))
}

/// `bytes` at the first `separator`, which is in neither.
#[inline]
pub fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Whether `bytes` begin with `word`, whatever the case of its letters.
#[inline]
pub fn starts_with(bytes: &[u8], word: &[u8]) -> bool {
    bytes.get(..word.len()).is_some_and(|front| front.eq_ignore_ascii_case(word))
}

/// Where `word` is in `bytes`, whatever the case of its letters; NUL in `bytes` does not count when `lenient`.
pub fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len().max(1)).position(|window| window.eq_ignore_ascii_case(word))
}

/// Whether `word` is in `bytes`, whatever the case of its letters and with NUL anywhere between them.
pub fn contains_word(bytes: &[u8], word: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        let mut letters = word.iter();
        let mut wanted = letters.next();
        for byte in rest {
            let Some(letter) = wanted else { break };
            if byte.eq_ignore_ascii_case(letter) {
                wanted = letters.next();
            } else if *byte != 0 {
                break;
            }
        }
        if wanted.is_none() {
            return true;
        }
        match rest.split_first() {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
}

/// The decimal number in front of `bytes`, and what stands behind it; none without a digit. What does not fit is the largest number there is.
pub fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    let (front, rest) = bytes.split_at_checked(digits).filter(|(front, _)| !front.is_empty())?;
    let value = front
        .iter()
        .fold(0_u64, |value, digit| value.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0'))));
    Some((value, rest))
}

/// The value of a hexadecimal digit.
pub const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{contains_word, number, trim};

    #[test]
    fn trimming_takes_white_space_and_nul_away() {
        assert_eq!(trim(b"\0 \t\x0b a b \r\0"), b"a b");
        assert_eq!(trim(b" \r"), b"");
    }

    #[test]
    fn words_are_found_with_nul_between_their_letters() {
        assert!(contains_word(b"x, chu\0nKed", b"chunked"));
        assert!(contains_word(b"cchunked", b"chunked"));
        assert!(!contains_word(b"chu nked", b"chunked"));
        assert!(!contains_word(b"chunke", b"chunked"));
    }

    #[test]
    fn numbers_end_at_what_is_no_digit_and_never_wrap() {
        assert_eq!(number(b"68 34"), Some((68, &b" 34"[..])));
        assert_eq!(number(b"99999999999999999999999").map(|(value, _)| value), Some(u64::MAX));
        assert_eq!(number(b"x"), None);
    }
}
