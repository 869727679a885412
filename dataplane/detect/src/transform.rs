//! What is done to the bytes of a buffer before they are looked at.
//!
//! Chains are built by `sluice-rules` (see [`crate::ruleset::Derived`]) and applied through [`crate::derived`], once per packet and chain.
//! Each transform writes into room of a fixed size: what goes beyond is cut, and counted there. Allocates nothing; never fails: bytes that a
//! transform can do nothing with stay as they are, or become none where the documentation says so.
//!
//! Sources: the rule documentation of the reference engine ("Transformations"), RFC 1950, 1951 and 1952 for `zlib_deflate` and `gunzip`.

use crate::{base64, regex::RegexScratch};
use md5::Digest;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use pcre2::bytes::Regex;

/// One transform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transform {
    /// A dot is put in front.
    DotPrefix,
    /// White space goes.
    StripWhitespace,
    /// Each run of white space becomes one space.
    CompressWhitespace,
    /// Capital ASCII letters become small.
    ToLowercase,
    /// Small ASCII letters become capital.
    ToUppercase,
    /// The digest, 16 bytes.
    ToMd5,
    /// The digest, 20 bytes.
    ToSha1,
    /// The digest, 32 bytes.
    ToSha256,
    /// `%41` becomes `A`, `+` a space.
    UrlDecode,
    /// The part of each line before the first colon in small letters.
    HeaderLowercase,
    /// Lines that begin with a colon go.
    StripPseudoHeaders,
    /// Exclusive or with a key that repeats itself.
    Xor {
        /// First byte that is changed.
        offset: usize,
        /// The key.
        key: XorKey,
    },
    /// The first group of the regular expression of this number; without a match nothing changes.
    Pcre(u32),
    /// Base64; where nothing can be decoded nothing changes.
    FromBase64 {
        /// Bytes of text that are decoded at most.
        bytes: Option<usize>,
        /// First byte of the text.
        offset: usize,
        /// What else may stand in it.
        mode: base64::Mode,
    },
    /// gzip, unpacked as far as it is sound.
    Gunzip {
        /// Bytes unpacked at most.
        most: usize,
    },
    /// zlib, unpacked as far as it is sound.
    Inflate {
        /// Bytes unpacked at most.
        most: usize,
    },
    /// A part.
    Subslice {
        /// First byte; negative counts from the end.
        offset: i64,
        /// Bytes; negative leaves as many out at the end.
        count: Option<i64>,
        /// What lies outside is left out, instead of leaving nothing at all.
        truncate: bool,
    },
}

/// The key of `xor`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum XorKey {
    /// These bytes.
    Bytes(Box<[u8]>),
    /// Bytes of the buffer itself; where it is too short nothing changes.
    Extract {
        /// How many.
        length: usize,
        /// The first.
        offset: usize,
    },
}

/// Room for the outcome of a transform.
pub struct Room<'a> {
    bytes: &'a mut [u8],
    used: usize,
    cut: bool,
}

impl<'a> Room<'a> {
    /// Empty room.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, used: 0, cut: false }
    }

    /// Adds a byte, if there is room.
    pub fn push(&mut self, byte: u8) {
        match self.bytes.get_mut(self.used) {
            Some(place) => {
                *place = byte;
                self.used += 1;
            }
            None => self.cut = true,
        }
    }

    /// Adds bytes, as many as there is room for.
    pub fn extend(&mut self, bytes: &[u8]) {
        let fits = bytes.len().min(self.bytes.len() - self.used);
        if let (Some(to), Some(from)) = (self.bytes.get_mut(self.used..self.used + fits), bytes.get(..fits)) {
            to.copy_from_slice(from);
            self.used += fits;
        }
        self.cut |= fits < bytes.len();
    }

    /// Bytes in it.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether something did not fit.
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}

/// What transforms work with, beside their input and output: one worker's.
pub struct Tools<'a> {
    /// The regular expressions of the rule set.
    pub regexes: &'a [Regex],
    /// Room for their matches.
    pub matches: &'a mut RegexScratch,
    /// State of unpacking.
    pub unpacker: &'a mut DecompressorOxide,
}

impl Transform {
    /// Writes what becomes of `input` into `out`; false when nothing changes, and then `out` means nothing.
    ///
    /// # Cost
    /// Linear in `input` and in what is written, save for regular expressions, which have limits of their own.
    pub fn apply(&self, input: &[u8], out: &mut Room, tools: &mut Tools) -> bool {
        match self {
            Self::DotPrefix => {
                out.push(b'.');
                out.extend(input);
            }
            Self::StripWhitespace => input.iter().filter(|byte| !is_space(**byte)).for_each(|&byte| out.push(byte)),
            Self::CompressWhitespace => {
                let mut before = false;
                for &byte in input {
                    let space = is_space(byte);
                    if !(space && before) {
                        out.push(if space { b' ' } else { byte });
                    }
                    before = space;
                }
            }
            Self::ToLowercase => input.iter().for_each(|byte| out.push(byte.to_ascii_lowercase())),
            Self::ToUppercase => input.iter().for_each(|byte| out.push(byte.to_ascii_uppercase())),
            Self::ToMd5 => out.extend(&md5::Md5::digest(input)),
            Self::ToSha1 => out.extend(&sha1::Sha1::digest(input)),
            Self::ToSha256 => out.extend(&sha2::Sha256::digest(input)),
            Self::UrlDecode => url_decode(input, out),
            Self::HeaderLowercase => {
                let mut name = true;
                for &byte in input {
                    out.push(if name { byte.to_ascii_lowercase() } else { byte });
                    name = byte == b'\n' || (name && byte != b':');
                }
            }
            Self::StripPseudoHeaders => {
                let lines = input.split_inclusive(|&byte| byte == b'\n');
                lines.filter(|line| line.first() != Some(&b':')).for_each(|line| out.extend(line));
            }
            Self::Xor { offset, key } => {
                let key = match key {
                    XorKey::Bytes(bytes) => bytes,
                    XorKey::Extract { length, offset } => {
                        match offset.checked_add(*length).and_then(|end| input.get(*offset..end)) {
                            Some(key) => key,
                            None => return false,
                        }
                    }
                };
                let (head, tail) = input.split_at_checked(*offset).unwrap_or((input, &[]));
                out.extend(head);
                tail.iter().zip(key.iter().cycle()).for_each(|(byte, key)| out.push(byte ^ key));
            }
            Self::Pcre(number) => match tools.matches.first_group(tools.regexes, *number, input) {
                Some((start, end)) => out.extend(input.get(start..end).unwrap_or_default()),
                None => return false,
            },
            Self::FromBase64 { bytes, offset, mode } => {
                let text = input.get(*offset..).unwrap_or_default();
                let text = bytes.and_then(|most| text.get(..most)).unwrap_or(text);
                base64::decode(text, *mode, out);
                return !out.is_empty();
            }
            Self::Gunzip { most } => {
                if let Some(packed) = gzip_body(input) {
                    unpack(packed, 0, *most, out, tools.unpacker);
                }
            }
            Self::Inflate { most } => {
                unpack(input, inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER, *most, out, tools.unpacker);
            }
            Self::Subslice { offset, count, truncate } => out.extend(subslice(input, *offset, *count, *truncate)),
        }
        true
    }
}

/// What `isspace` takes for white space.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn url_decode(input: &[u8], out: &mut Room) {
    let nibble = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut rest = input;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, behind @ ..]) => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = behind;
                }
                _ => out.push(b'%'),
            },
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
    }
}

fn subslice(input: &[u8], offset: i64, count: Option<i64>, truncate: bool) -> &[u8] {
    let length = input.len() as i64;
    let first = if offset < 0 { length + offset } else { offset };
    let first = if truncate { first.max(0) } else { first };
    let last = match count {
        None => length,
        Some(count) if count < 0 => length + count,
        Some(count) => first.saturating_add(count),
    };
    let last = if truncate { last.min(length) } else { last };
    let range = usize::try_from(first).ok().zip(usize::try_from(last).ok());
    range.and_then(|(first, last)| input.get(first..last)).unwrap_or_default()
}

/// What lies behind the header of the first member of a gzip file (RFC 1952 section 2.3); none when it is not one.
fn gzip_body(input: &[u8]) -> Option<&[u8]> {
    let [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, rest @ ..] = input else { return None };
    let mut rest = rest;
    let without_text = |bytes: &[u8]| memchr::memchr(0, bytes).map(|end| end + 1);
    if flags & 4 != 0 {
        let [low, high, extra @ ..] = rest else { return None };
        rest = extra.get(usize::from(u16::from_le_bytes([*low, *high]))..)?;
    }
    // A name, then a comment.
    for flag in [8, 16] {
        if flags & flag != 0 {
            rest = rest.get(without_text(rest)?..)?;
        }
    }
    if flags & 2 != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

/// Unpacks as far as `packed` is sound and room lasts; `most` is the rule's own limit, which is no cut.
fn unpack(packed: &[u8], flags: u32, most: usize, out: &mut Room, unpacker: &mut DecompressorOxide) {
    unpacker.init();
    let flags = flags | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let room = out.bytes.len();
    let Some(space) = out.bytes.get_mut(..most.min(room)) else { return };
    let (status, _, written) = decompress(unpacker, packed, space, 0, flags);
    out.used = written;
    out.cut = most > room && status == miniz_oxide::inflate::TINFLStatus::HasMoreOutput;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regex;
    use proptest::{collection::vec, prelude::*, sample::select};

    fn within(transform: &Transform, input: &[u8], room: usize) -> (Option<Vec<u8>>, bool) {
        let regexes: Vec<Regex> = [r"user=(\w+)", r"^(a)?b"]
            .iter()
            .map(|text| regex::compile(text.as_bytes(), regex::Flags::default()).unwrap())
            .collect();
        let mut bytes = vec![0xee; room];
        let mut out = Room::new(&mut bytes);
        let mut matches = RegexScratch::new(&regexes);
        let mut unpacker = DecompressorOxide::new();
        let mut tools = Tools { regexes: &regexes, matches: &mut matches, unpacker: &mut unpacker };
        let changed = transform.apply(input, &mut out, &mut tools);
        let (length, cut) = (out.len(), out.is_cut());
        (changed.then(|| bytes[..length].to_vec()), cut)
    }

    /// What becomes of `input`; none when it stays as it was.
    fn apply(transform: &Transform, input: &[u8]) -> Option<Vec<u8>> {
        within(transform, input, 1 << 20).0
    }

    #[track_caller]
    fn becomes(transform: &Transform, input: &[u8], expected: &[u8]) {
        assert_eq!(apply(transform, input).as_deref(), Some(expected), "{transform:?}");
    }

    #[test]
    fn letters_and_blanks() {
        becomes(&Transform::DotPrefix, b"a.b", b".a.b");
        becomes(&Transform::DotPrefix, b"", b".");
        becomes(&Transform::StripWhitespace, b" a\t\r\n\x0b\x0cb c ", b"abc");
        becomes(&Transform::CompressWhitespace, b" \ta \r\n b\n", b" a b ");
        becomes(&Transform::ToLowercase, b"AbZ\xc4[", b"abz\xc4[");
        becomes(&Transform::ToUppercase, b"AbZ\xe4{", b"ABZ\xe4{");
        becomes(&Transform::UrlDecode, b"a%41+b%zz%4", b"aA b%zz%4");
        becomes(&Transform::UrlDecode, b"%00%ff%%41", b"\x00\xff%A");
        becomes(&Transform::HeaderLowercase, b"Host: A.B\r\nX-Y:Z\r\nBare", b"host: A.B\r\nx-y:Z\r\nbare");
        becomes(&Transform::StripPseudoHeaders, b":method: GET\r\nhost: a\r\n:path: /", b"host: a\r\n");
    }

    #[test]
    fn digests_are_raw_bytes() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let of = |transform, input: &[u8]| hex(&apply(&transform, input).unwrap());
        assert_eq!(of(Transform::ToMd5, b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(of(Transform::ToSha1, b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(of(Transform::ToSha256, b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(of(Transform::ToMd5, b""), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn xor_changes_what_lies_behind_its_offset() {
        let bytes = |offset, key: &[u8]| Transform::Xor { offset, key: XorKey::Bytes(key.into()) };
        becomes(&bytes(0, &[1, 2]), &[0, 0, 0], &[1, 2, 1]);
        becomes(&bytes(2, &[0xff]), &[0, 0, 0], &[0, 0, 0xff]);
        becomes(&bytes(9, &[0xff]), &[0, 0, 0], &[0, 0, 0]);
        let extract = |offset, from| Transform::Xor { offset, key: XorKey::Extract { length: 2, offset: from } };
        becomes(&extract(2, 0), &[1, 2, 0, 0, 0], &[1, 2, 1, 2, 1]);
        assert_eq!(apply(&extract(0, 4), &[1, 2, 3, 4, 5]), None, "the key is not whole");
        assert_eq!(apply(&extract(0, usize::MAX), &[1]), None);
    }

    #[test]
    fn the_first_group_is_taken_and_without_a_match_nothing_changes() {
        becomes(&Transform::Pcre(0), b"GET /?user=abc&x", b"abc");
        assert_eq!(apply(&Transform::Pcre(0), b"GET /"), None);
        assert_eq!(apply(&Transform::Pcre(1), b"b"), None, "the group took no part in the match");
        assert_eq!(apply(&Transform::Pcre(9), b"b"), None, "there is no such expression");
    }

    #[test]
    fn base64_begins_and_ends_where_asked() {
        let from = |bytes, offset| Transform::FromBase64 { bytes, offset, mode: base64::Mode::Rfc4648 };
        becomes(&from(None, 6), b"/?arg=dGhpc2lzYXRlc3QK", b"thisisatest\n");
        becomes(&from(Some(6), 6), b"/?arg=dGhpc2lzYXRlc3QK", b"this");
        becomes(&from(None, 10), b"/?arg=dGhpc2lzYXRlc3QK", b"sisatest\n");
        assert_eq!(apply(&from(None, 0), b"?/"), None, "nothing to decode");
        assert_eq!(apply(&from(None, 99), b"abc"), None);
    }

    /// zlib and gzip of stored blocks: what any packer may write.
    fn stored(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        let blocks: Vec<&[u8]> = bytes.chunks(0xffff).collect();
        for (place, block) in blocks.iter().enumerate() {
            let length = block.len() as u16;
            packed.push(u8::from(place + 1 == blocks.len()));
            packed.extend(length.to_le_bytes());
            packed.extend((!length).to_le_bytes());
            packed.extend(*block);
        }
        packed
    }

    fn gzip(bytes: &[u8], flags: u8, between: &[u8]) -> Vec<u8> {
        [&[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3][..], between, &stored(bytes), &[0; 8]].concat()
    }

    const GUNZIP: Transform = Transform::Gunzip { most: 1024 };

    #[test]
    fn gzip_is_unpacked_behind_all_parts_of_its_header() {
        becomes(&GUNZIP, &gzip(b"hello", 0, b""), b"hello");
        becomes(&GUNZIP, &gzip(b"hello", 8, b"name\0"), b"hello");
        becomes(&GUNZIP, &gzip(b"hello", 4 | 8 | 16 | 2, b"\x02\x00ab\x00comment\x00\x01\x02"), b"hello");
        becomes(&Transform::Gunzip { most: 3 }, &gzip(b"hello", 0, b""), b"hel");
    }

    #[test]
    fn what_is_no_gzip_becomes_nothing_and_what_is_torn_becomes_its_beginning() {
        for wrong in [
            &b""[..],
            b"\x1f\x8b",
            b"\x1f\x8b\x08\x04\0\0\0\0\0\0\xff\xff",
            b"plain text, rather long",
            &gzip(b"a", 8, b""),
        ] {
            assert!(apply(&GUNZIP, wrong).unwrap().len() < 2, "{wrong:?}");
        }
        let whole = gzip(&[b'x'; 600], 0, b"");
        becomes(&GUNZIP, &whole[..10 + 5 + 300], &[b'x'; 300]);
        becomes(
            &Transform::Inflate { most: 9 },
            &[&[0x78, 1][..], &stored(b"hello"), &[0x06, 0x2c, 0x02, 0x15]].concat(),
            b"hello",
        );
        becomes(&Transform::Inflate { most: 9 }, b"\x79\x01nonsense", b"");
    }

    /// A block of one repeated byte with fixed codes (RFC 1951 section 3.2.6): a thousand times larger than packed.
    fn bomb(copies: usize) -> Vec<u8> {
        let mut bits: Vec<u8> = vec![1, 1, 0];
        let code = |bits: &mut Vec<u8>, value: u32, width: u32| {
            bits.extend((0..width).rev().map(|bit| (value >> bit & 1) as u8));
        };
        code(&mut bits, 0x30 + u32::from(b'a'), 8);
        for _ in 0..copies {
            code(&mut bits, 0b1100_0101, 8); // length 258
            code(&mut bits, 0, 5); // distance 1
        }
        code(&mut bits, 0, 7);
        let bytes = bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | bit));
        [vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], bytes.collect(), vec![0; 8]].concat()
    }

    #[test]
    fn a_bomb_is_cut_at_the_limit_of_the_rule_or_of_the_room() {
        let bomb = bomb(20_000);
        assert!(bomb.len() < 40_000);
        assert_eq!(within(&Transform::Gunzip { most: 1024 }, &bomb, 1 << 20), (Some(vec![b'a'; 1024]), false));
        assert_eq!(within(&Transform::Gunzip { most: 16 << 20 }, &bomb, 4096), (Some(vec![b'a'; 4096]), true));
        assert_eq!(apply(&Transform::Gunzip { most: 16 << 20 }, &bomb).unwrap().len(), 1 << 20);
    }

    #[test]
    fn parts_count_from_either_end_and_outside_is_nothing_unless_truncated() {
        let part = |offset, count, truncate| {
            let transform = Transform::Subslice { offset, count, truncate };
            String::from_utf8(apply(&transform, b"curl/7.64.1").unwrap()).unwrap()
        };
        assert_eq!(part(-6, None, false), "7.64.1");
        assert_eq!(part(-10, Some(3), false), "url");
        assert_eq!(part(1, Some(-3), false), "url/7.6");
        assert_eq!(part(0, Some(13), false), "");
        assert_eq!(part(-20, None, false), "");
        assert_eq!(part(20, Some(2), false), "");
        assert_eq!(part(-20, None, true), "curl/7.64.1");
        assert_eq!(part(-20, Some(5), true), "curl/");
        assert_eq!(part(-15, Some(10), true), "curl/7.64.");
        assert_eq!(part(8, Some(99), true), "4.1");
        assert_eq!(part(0, Some(-99), false), "");
    }

    /// The same, with whole vectors and no room to run out of.
    fn reference(transform: &Transform, input: &[u8]) -> Vec<u8> {
        let text: Vec<char> = input.iter().map(|&byte| char::from(byte)).collect();
        let space = |c: &char| " \t\n\u{b}\u{c}\r".contains(*c);
        let out: Vec<char> = match transform {
            Transform::DotPrefix => std::iter::once('.').chain(text).collect(),
            Transform::StripWhitespace => text.into_iter().filter(|c| !space(c)).collect(),
            Transform::CompressWhitespace => {
                let mut out: Vec<char> = text.iter().map(|c| if space(c) { ' ' } else { *c }).collect();
                out.dedup_by(|a, b| *a == ' ' && *b == ' ');
                out
            }
            Transform::ToLowercase => text.iter().map(char::to_ascii_lowercase).collect(),
            Transform::ToUppercase => text.iter().map(char::to_ascii_uppercase).collect(),
            Transform::UrlDecode => {
                let (mut out, mut at) = (Vec::new(), 0);
                while at < input.len() {
                    let pair = input.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
                    let value = pair.filter(|p| p.chars().all(|c| c.is_ascii_hexdigit()));
                    match (input[at], value.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
                        (b'%', Some(value)) => {
                            out.push(char::from(value));
                            at += 3;
                            continue;
                        }
                        (b'+', _) => out.push(' '),
                        (other, _) => out.push(char::from(other)),
                    }
                    at += 1;
                }
                out
            }
            Transform::Subslice { offset, count, truncate } => {
                let length = input.len() as i64;
                let places: Vec<i64> = {
                    let first = if *offset < 0 { length + offset } else { *offset };
                    let first = if *truncate && first < 0 { 0 } else { first };
                    let last = match count {
                        None => length,
                        Some(count) if *count < 0 => length + count,
                        Some(count) => first + count,
                    };
                    (first..last).collect()
                };
                let inside = |place: &i64| (0..length).contains(place);
                if places.iter().all(inside) || *truncate {
                    places.iter().filter(|place| inside(place)).map(|place| text[*place as usize]).collect()
                } else {
                    Vec::new()
                }
            }
            _ => unreachable!("not compared"),
        };
        out.into_iter().map(|c| c as u8).collect()
    }

    proptest! {
        #[test]
        fn transforms_agree_with_the_slow_reference(
            input in vec(prop_oneof![select(&b" \t\r\n+%4aAfF:."[..]), any::<u8>()], 0..80),
            offset in -90_i64..90,
            count in proptest::option::of(-90_i64..90),
            truncate in any::<bool>(),
        ) {
            for transform in [
                Transform::DotPrefix, Transform::StripWhitespace, Transform::CompressWhitespace, Transform::ToLowercase,
                Transform::ToUppercase, Transform::UrlDecode, Transform::Subslice { offset, count, truncate },
            ] {
                prop_assert_eq!(apply(&transform, &input), Some(reference(&transform, &input)), "{:?}", transform);
            }
        }

        #[test]
        fn any_bytes_fit_any_room(input in vec(any::<u8>(), 0..300), gzip in any::<bool>(), room in 0_usize..64, number in 0_usize..20) {
            let input = if gzip { [&[0x1f, 0x8b, 8][..], &input].concat() } else { input };
            let all = [
                Transform::DotPrefix, Transform::StripWhitespace, Transform::CompressWhitespace, Transform::ToMd5, Transform::ToSha1,
                Transform::ToSha256, Transform::UrlDecode, Transform::HeaderLowercase, Transform::StripPseudoHeaders, Transform::Pcre(0),
                Transform::Xor { offset: number, key: XorKey::Extract { length: 3, offset: number } },
                Transform::FromBase64 { bytes: Some(number), offset: number, mode: base64::Mode::Rfc2045 },
                Transform::Gunzip { most: number }, Transform::Gunzip { most: 1 << 24 }, Transform::Inflate { most: 1 << 24 },
            ];
            for transform in &all {
                let (small, cut) = within(transform, &input, room);
                let (large, _) = within(transform, &input, 1 << 16);
                if let (Some(small), Some(large)) = (small, large) {
                    prop_assert!(small.len() <= room && large.starts_with(&small), "{:?}", transform);
                    let packed = matches!(transform, Transform::Gunzip { .. } | Transform::Inflate { .. });
                    prop_assert!(cut || small == large || packed);
                }
            }
        }
    }
}
