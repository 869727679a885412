//! Strings in the code of HPACK.
//!
//! Used by [`super::hpack`]. The code is canonical, so the lengths of its words are all there is to know; the words themselves are worked out when this is compiled.
//!
//! Source: RFC 7541 section 5.2 and appendix B.

/// Bits of the word of each byte, and of the end of a string.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
];
/// The longest word, bits.
const LONGEST: usize = 30;
/// The end of a string: never written in full.
const END: u16 = 256;
/// Bits looked at together: most words are no longer.
const FAST: usize = 8;

struct Code {
    /// Symbols by length and number.
    order: [u16; 257],
    /// For each length: the first word behind those of that length, aligned to the longest one; the first word; the place of its symbol.
    limits: [u32; LONGEST + 1],
    firsts: [u32; LONGEST + 1],
    places: [u16; LONGEST + 1],
    /// For the next bits of the input: symbol and length of the word they begin with; length 0 when it is longer.
    fast: [(u8, u8); 1 << FAST],
}

static CODE: Code = code();

#[expect(clippy::indexing_slicing, reason = "evaluated when compiled: all numbers are in range there")]
const fn code() -> Code {
    let mut code = Code {
        order: [0; 257],
        limits: [0; LONGEST + 1],
        firsts: [0; LONGEST + 1],
        places: [0; LONGEST + 1],
        fast: [(0, 0); 1 << FAST],
    };
    let (mut word, mut place, mut length) = (0_u32, 0, 1);
    while length <= LONGEST {
        word <<= 1;
        code.firsts[length] = word;
        code.places[length] = place as u16;
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                code.order[place] = symbol as u16;
                if length <= FAST {
                    let mut rest = 0;
                    while rest < 1 << (FAST - length) {
                        code.fast[(word << (FAST - length)) as usize + rest] = (symbol as u8, length as u8);
                        rest += 1;
                    }
                }
                place += 1;
                word += 1;
            }
            symbol += 1;
        }
        code.limits[length] = word << (LONGEST - length);
        length += 1;
    }
    code
}

/// The string is none: a word that stands for its end, or padding that is no beginning of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadString;

/// Appends the string that `bytes` are to `out`, which is never longer than its capacity; what is beyond is left out.
///
/// # Errors
/// [`BadString`]; what came before is written.
///
/// # Cost
/// A look into a table for each byte that comes out, of rare ones a few more. No more than 8/5 of `bytes` come out.
pub fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), BadString> {
    let mut bits = 0_u64;
    let mut count = 0_usize;
    let mut rest = bytes.iter();
    loop {
        while count <= 32 {
            let Some(byte) = rest.next() else { break };
            bits = bits << 8 | u64::from(*byte);
            count += 8;
        }
        if count == 0 {
            return Ok(());
        }
        // The next bits, behind the last of them ones: those begin no word but the end's.
        let ahead = if count >= LONGEST {
            bits >> (count - LONGEST)
        } else {
            bits << (LONGEST - count) | ((1 << (LONGEST - count)) - 1)
        };
        let ahead = (ahead & ((1 << LONGEST) - 1)) as u32;
        let (symbol, length) = match CODE.fast.get((ahead >> (LONGEST - FAST)) as usize) {
            Some((symbol, length)) if *length > 0 => (u16::from(*symbol), usize::from(*length)),
            _ => slow(ahead).ok_or(BadString)?,
        };
        if length > count {
            // Padding: fewer than 8 ones.
            let ones = (1 << count) - 1;
            return if count < 8 && bits & ones == ones { Ok(()) } else { Err(BadString) };
        }
        if symbol == END {
            return Err(BadString);
        }
        count -= length;
        if out.len() < out.capacity() {
            out.push(symbol as u8);
        }
    }
}

/// Symbol and length of the word `ahead` begins with.
fn slow(ahead: u32) -> Option<(u16, usize)> {
    let length = (FAST + 1..=LONGEST).find(|&length| CODE.limits.get(length).is_some_and(|limit| ahead < *limit))?;
    let word = ahead >> (LONGEST - length);
    let place = word.checked_sub(*CODE.firsts.get(length)?)? as usize + usize::from(*CODE.places.get(length)?);
    Some((*CODE.order.get(place)?, length))
}

#[cfg(test)]
mod tests {
    use super::{BadString, LENGTHS, LONGEST, decode};
    use proptest::prelude::*;

    /// The words by the rule of RFC 7541: the next number for each symbol of a length, twice that for each bit more.
    fn words() -> Vec<(u32, u8)> {
        let mut order: Vec<usize> = (0..257).collect();
        order.sort_by_key(|&symbol| (LENGTHS[symbol], symbol));
        let mut words = vec![(0, 0); 257];
        let (mut word, mut last) = (0, 0);
        for symbol in order {
            word <<= LENGTHS[symbol] - last;
            last = LENGTHS[symbol];
            words[symbol] = (word, last);
            word += 1;
        }
        words
    }

    fn encode(bytes: &[u8]) -> Vec<u8> {
        let words = words();
        let mut bits = String::new();
        for byte in bytes {
            let (word, length) = words[usize::from(*byte)];
            bits.push_str(&format!("{word:0width$b}", width = usize::from(length)));
        }
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        bits.as_bytes()
            .chunks(8)
            .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
            .collect()
    }

    fn decoded(bytes: &[u8]) -> Result<Vec<u8>, BadString> {
        let mut out = Vec::with_capacity(1_000);
        decode(bytes, &mut out).map(|()| out)
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let examples: [(&[u8], &[u8]); 4] = [
            (b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", b"www.example.com"),
            (b"\xa8\xeb\x10\x64\x9c\xbf", b"no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f", b"custom-key"),
            (
                b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff",
                b"Mon, 21 Oct 2013 20:13:21 GMT",
            ),
        ];
        for (bytes, wanted) in examples {
            assert_eq!(decoded(bytes).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn a_written_end_and_padding_that_is_none_are_refused() {
        assert_eq!(words()[256], (0x3fff_ffff, LONGEST as u8));
        assert_eq!(decoded(&[0xff; 4]), Err(BadString), "the end in full");
        assert_eq!(decoded(&[0xff]), Err(BadString), "eight bits of padding");
        assert_eq!(decoded(&[0x1f]), Ok(b"a".to_vec()));
        assert_eq!(decoded(&[0x1e]), Err(BadString), "padding with a zero");
        assert_eq!(decoded(&[]), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decoded(&encode(&bytes)), Ok(bytes));
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), room in 0_usize..50) {
            let mut out = Vec::with_capacity(room);
            let capacity = out.capacity();
            let _ = decode(&bytes, &mut out);
            prop_assert!(out.capacity() == capacity);
        }
    }
}
