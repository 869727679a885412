//! Fingerprints of hellos: JA3, JA3S and JA4.
//!
//! Used by [`super::parse`] and by QUIC, only when a rule or a record asks for them. Digests run over the whole text, whatever its length; the text itself is cut at [`MOST_JA3`].
//!
//! Sources: the published descriptions of JA3 and JA3S (Salesforce, BSD-3-Clause) and of JA4 (FoxIO, JA4 itself: BSD-3-Clause).

use super::{
    hello::{ClientHello, ServerHello, extension, is_grease, numbers},
    text::{LOWER, Text, TextIn},
};
use md5::{Digest, Md5};
use sha2::Sha256;

/// Bytes of the text of JA3, at most: usual ones have 100 to 300.
pub const MOST_JA3: usize = 4_096;
/// Ciphers and extensions that JA4 sorts, at most: usual hellos have 15 to 100.
const MOST_SORTED: usize = 1_024;

/// The text of JA3 or JA3S and its digest.
#[derive(Debug)]
pub struct Ja3<'a> {
    /// The text.
    pub text: TextIn<&'a mut [u8]>,
    digest: Md5,
    /// Bytes of the text that the digest ran over.
    digested: usize,
}

impl<'a> Ja3<'a> {
    fn begin(version: u16, place: &'a mut [u8]) -> Self {
        let place = place.get_mut(..MOST_JA3).unwrap_or_default();
        let mut ja3 = Self { text: TextIn::over(place), digest: Md5::new(), digested: 0 };
        ja3.number(b"", version);
        ja3
    }

    fn push(&mut self, bytes: &[u8]) {
        let before = self.text.get().len();
        self.text.push(bytes);
        let fits = self.text.get().len() - before;
        if fits < bytes.len() {
            self.digest_text();
            self.digest.update(bytes.get(fits..).unwrap_or_default());
        }
    }

    /// Lets the digest run over what it did not see of the text.
    fn digest_text(&mut self) {
        let text = self.text.get();
        self.digest.update(text.get(self.digested..).unwrap_or_default());
        self.digested = text.len();
    }

    /// Appends a number behind `mark`.
    fn number(&mut self, mark: &[u8], number: u16) {
        let mut part = Text::<8>::default();
        part.push(mark);
        part.decimal(number.into());
        self.push(part.get());
    }

    fn list(&mut self, list: impl Iterator<Item = u16>) {
        let mut mark = b",";
        for number in list {
            self.number(mark, number);
            mark = b"-";
        }
        // A list without numbers has its place all the same.
        if mark == b"," {
            self.push(mark);
        }
    }

    /// MD5 of the text, in hexadecimal.
    pub fn hash(mut self) -> Text<32> {
        self.digest_text();
        hex(&self.digest.finalize())
    }
}

/// Bytes in hexadecimal.
pub fn hex<const N: usize>(bytes: &[u8]) -> Text<N> {
    let mut text = Text::default();
    bytes.iter().for_each(|&byte| text.hex(byte, LOWER));
    text
}

/// JA3 of a client's hello: version, ciphers, extensions, groups and forms of points, without what means nothing. Its text is made in `place`, which has [`MOST_JA3`] bytes.
pub fn ja3<'a>(hello: &ClientHello, place: &'a mut [u8]) -> Ja3<'a> {
    let mut ja3 = Ja3::begin(hello.version, place);
    ja3.list(hello.ciphers());
    ja3.list(hello.extensions.map(|(number, _)| number).filter(|&number| !is_grease(number)));
    ja3.list(numbers(hello.groups()).filter(|&group| !is_grease(group)));
    ja3.list(hello.point_formats().iter().map(|&format| u16::from(format)));
    ja3
}

/// JA3S of a server's hello: version, cipher and extensions. Its text is made in `place`, which has [`MOST_JA3`] bytes.
pub fn ja3s<'a>(hello: &ServerHello, place: &'a mut [u8]) -> Ja3<'a> {
    let mut ja3 = Ja3::begin(hello.version, place);
    ja3.list(std::iter::once(hello.cipher));
    ja3.list(hello.extensions.map(|(number, _)| number).filter(|&number| !is_grease(number)));
    ja3
}

/// JA4 of a client's hello.
///
/// # Cost
/// Two sorts of at most 1024 numbers and two digests of their text.
pub fn ja4(hello: &ClientHello, over_quic: bool) -> Text<36> {
    let mut text = Text::<36>::default();
    text.push(if over_quic { b"q" } else { b"t" });
    text.push(match hello.highest() {
        0x0304 => b"13",
        0x0303 => b"12",
        0x0302 => b"11",
        0x0301 => b"10",
        0x0300 => b"s3",
        0x0002 => b"s2",
        _ => b"00",
    });
    text.push(if hello.extensions.get(extension::SERVER_NAME).is_some() { b"d" } else { b"i" });
    let extensions = || hello.extensions.map(|(number, _)| number).filter(|&number| !is_grease(number));
    two_digits(&mut text, hello.ciphers().count());
    two_digits(&mut text, extensions().count());
    match hello.alpn().next() {
        None | Some([]) => text.push(b"00"),
        Some(name) => {
            let (first, last) = (name.first().copied().unwrap_or(0), name.last().copied().unwrap_or(0));
            if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
                text.push(&[first, last]);
            } else {
                let digit = |value: u8| LOWER.get(usize::from(value)).copied().unwrap_or(b'0');
                text.push(&[digit(first >> 4), digit(last & 15)]);
            }
        }
    }
    text.push(b"_");
    let mut ciphers = Sorted::default();
    hello.ciphers().for_each(|cipher| ciphers.add(cipher));
    text.push(ciphers.hash(None).get());
    text.push(b"_");
    let mut others = Sorted::default();
    extensions()
        .filter(|&number| !matches!(number, extension::SERVER_NAME | extension::ALPN))
        .for_each(|number| others.add(number));
    text.push(others.hash(Some(hello.signatures())).get());
    text
}

fn two_digits(text: &mut Text<36>, count: usize) {
    let count = count.min(99) as u8;
    text.push(&[b'0' + count / 10, b'0' + count % 10]);
}

/// Numbers to be sorted.
struct Sorted {
    numbers: [u16; MOST_SORTED],
    count: usize,
}

impl Default for Sorted {
    fn default() -> Self {
        Self { numbers: [0; MOST_SORTED], count: 0 }
    }
}

impl Sorted {
    fn add(&mut self, number: u16) {
        if let Some(place) = self.numbers.get_mut(self.count) {
            *place = number;
            self.count += 1;
        }
    }

    /// The first 12 digits of SHA-256 of the numbers in order, and of `behind` as they stand. Where there are none behind, the line that would part them stands all the same, as in
    /// the reference engine; the description leaves it out.
    fn hash(&mut self, behind: Option<&[u8]>) -> Text<12> {
        let numbers_in_order = self.numbers.get_mut(..self.count).unwrap_or_default();
        numbers_in_order.sort_unstable();
        if numbers_in_order.is_empty() {
            let mut none = Text::default();
            none.push(b"000000000000");
            return none;
        }
        let mut digest = Sha256::new();
        for (place, number) in numbers_in_order.iter().enumerate() {
            digest.update(if place > 0 { &b","[..] } else { b"" });
            digest.update(hex::<4>(&number.to_be_bytes()).get());
        }
        if let Some(behind) = behind {
            digest.update(b"_");
            for (place, number) in numbers(behind).filter(|&number| !is_grease(number)).enumerate() {
                digest.update(if place > 0 { &b","[..] } else { b"" });
                digest.update(hex::<4>(&number.to_be_bytes()).get());
            }
        }
        hex(&digest.finalize())
    }
}
