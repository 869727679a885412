//! The hellos of both ends: what stands in them, by name.
//!
//! Used by [`super::parse`] and by QUIC, whose handshake has the same messages. Borrows from the message, never copies; a list that is cut off ends where it is cut.
//!
//! Sources: RFC 8446 section 4.1 and 4.2, RFC 5246 section 7.4.1, RFC 6066 section 3 (server names), RFC 7301 (application protocols), RFC 8701 (GREASE); the drafts of
//! TLS 1.3 before the 22nd for the server's hello without session and compression.

use crate::pdu::u16_be;

/// Extensions by number, as far as they are looked into.
pub mod extension {
    /// Name of the server.
    pub const SERVER_NAME: u16 = 0;
    /// Elliptic curves, later groups.
    pub const GROUPS: u16 = 10;
    /// Forms of points.
    pub const POINT_FORMATS: u16 = 11;
    /// Signature algorithms.
    pub const SIGNATURES: u16 = 13;
    /// Application protocols.
    pub const ALPN: u16 = 16;
    /// A session to be taken up again.
    pub const PRE_SHARED_KEY: u16 = 41;
    /// Data follow before the server has answered.
    pub const EARLY_DATA: u16 = 42;
    /// Versions.
    pub const VERSIONS: u16 = 43;
    /// Parameters of QUIC's transport.
    pub const QUIC_PARAMETERS: u16 = 57;
    /// A hello in a hello, encrypted.
    pub const ECH: u16 = 0xfe0d;
}

/// Bytes of the random.
pub const RANDOM: usize = 32;
/// TLS 1.3, which stands in the hello itself only in drafts before the 16th.
const FINAL: u16 = 0x0304;
/// What those drafts are told as: they had no number of their own on the wire.
pub const OLDEST_DRAFTS: u16 = 0x7f01;
/// The random of a server's hello that asks for another hello of the client: SHA-256 of "HelloRetryRequest".
const RETRY: [u8; RANDOM] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over `bytes`.
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// Three bytes.
    pub fn u24(&mut self) -> Option<usize> {
        self.take(3)?.first_chunk().map(|&[a, b, c]| usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    }

    /// Bytes behind a length of one byte.
    pub fn list8(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let taken = ahead.u8().and_then(|length| ahead.take(length.into()))?;
        *self = ahead;
        Some(taken)
    }

    /// Bytes behind a length of two bytes.
    pub fn list16(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let taken = ahead.u16().and_then(|length| ahead.take(length.into()))?;
        *self = ahead;
        Some(taken)
    }

    /// Bytes behind a length of three bytes.
    pub fn list24(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let taken = ahead.u24().and_then(|length| ahead.take(length))?;
        *self = ahead;
        Some(taken)
    }
}

/// Numbers of 16 bits, most significant byte first; an odd byte at the end is left out.
pub fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone + '_ {
    bytes.chunks_exact(2).filter_map(|pair| u16_be(pair, 0))
}

/// Whether a number has no meaning: ends send some to see that others bear them.
pub const fn is_grease(number: u16) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

/// Extensions, by number.
#[derive(Clone, Copy, Debug)]
pub struct Extensions<'a>(Reader<'a>);

impl<'a> Extensions<'a> {
    /// The extensions in `bytes`, which are one behind the other.
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self(Reader::of(bytes))
    }

    /// The first of this number.
    pub fn get(&self, number: u16) -> Option<&'a [u8]> {
        let mut all = *self;
        all.find(|(found, _)| *found == number).map(|(_, bytes)| bytes)
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.u16()?, self.0.list16()?))
    }
}

/// A client's hello.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    /// The version in the message itself.
    pub version: u16,
    /// The random; of SSLv2 the challenge, which may be shorter.
    pub random: &'a [u8],
    /// The session to be taken up again.
    pub session: &'a [u8],
    /// Ciphers, two bytes each; of SSLv2 three.
    pub ciphers: &'a [u8],
    /// Its extensions.
    pub extensions: Extensions<'a>,
    /// It has the form of SSLv2.
    pub is_v2: bool,
}

impl<'a> ClientHello<'a> {
    /// The hello in a message's body. A hello without extensions is whole; none: its lengths don't fit.
    pub fn of(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::of(body);
        let version = reader.u16()?;
        let random = reader.take(RANDOM)?;
        let session = reader.list8()?;
        let ciphers = reader.list16()?;
        let _compressions = reader.list8()?;
        let extensions = if reader.rest().is_empty() { &[] } else { reader.list16()? };
        Some(Self { version, random, session, ciphers, extensions: Extensions::of(extensions), is_v2: false })
    }

    /// The hello of SSLv2, behind the byte that says what it is.
    pub fn of_v2(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::of(body);
        let version = reader.u16()?;
        let [ciphers, session, challenge] = [reader.u16()?, reader.u16()?, reader.u16()?];
        let ciphers = reader.take(ciphers.into())?;
        let session = reader.take(session.into())?;
        let random = reader.take(challenge.into())?;
        Some(Self { version, random, session, ciphers, extensions: Extensions::of(&[]), is_v2: true })
    }

    /// Ciphers without those that mean nothing. Of SSLv2 those that later versions have too.
    pub fn ciphers(&self) -> impl Iterator<Item = u16> + Clone + 'a {
        let size = if self.is_v2 { 3 } else { 2 };
        let number = move |cipher: &[u8]| match *cipher {
            [a, b] | [0, a, b] => Some(u16::from_be_bytes([a, b])),
            _ => None,
        };
        self.ciphers.chunks_exact(size).filter_map(number).filter(|&cipher| !is_grease(cipher))
    }

    /// The highest version it offers.
    pub fn highest(&self) -> u16 {
        // Numbers of drafts are higher than those of versions, and came before 1.3.
        let rank = |version: u16| if version >> 8 == 0x7f { 0x0303 } else { version };
        self.extensions
            .get(extension::VERSIONS)
            .and_then(|bytes| Reader::of(bytes).list8())
            .and_then(|list| {
                numbers(list).filter(|&version| !is_grease(version)).max_by_key(|&version| (rank(version), version))
            })
            .unwrap_or(self.version)
    }

    /// The application protocols it offers.
    pub fn alpn(&self) -> Alpn<'a> {
        Alpn::of(self.extensions)
    }

    /// The groups it offers.
    pub fn groups(&self) -> &'a [u8] {
        self.extensions.get(extension::GROUPS).and_then(|bytes| Reader::of(bytes).list16()).unwrap_or_default()
    }

    /// The forms of points it offers.
    pub fn point_formats(&self) -> &'a [u8] {
        self.extensions.get(extension::POINT_FORMATS).and_then(|bytes| Reader::of(bytes).list8()).unwrap_or_default()
    }

    /// The signature algorithms it offers.
    pub fn signatures(&self) -> &'a [u8] {
        self.extensions.get(extension::SIGNATURES).and_then(|bytes| Reader::of(bytes).list16()).unwrap_or_default()
    }

    /// What it says of the server's name.
    pub fn server_name(&self) -> ServerName<'a> {
        let mut told = ServerName { name: None, wrong: Wrong::default() };
        for (_, bytes) in self.extensions.filter(|(number, _)| *number == extension::SERVER_NAME) {
            if told.name.is_some() || told.wrong.kind || told.wrong.length {
                told.wrong.several = true;
                continue;
            }
            let Some(mut list) = Reader::of(bytes).list16().map(Reader::of) else {
                told.wrong.length = true;
                continue;
            };
            while let Some(kind) = list.u8() {
                let Some(name) = list.list16() else {
                    told.wrong.length = true;
                    break;
                };
                if kind != 0 {
                    told.wrong.kind = true;
                } else if name.is_empty() || name.len() > 255 {
                    told.wrong.length = true;
                } else if told.name.is_none() {
                    told.name = Some(name);
                } else {
                    told.wrong.several = true;
                }
            }
        }
        told
    }
}

/// What a hello says of the server's name.
#[derive(Clone, Copy, Debug)]
pub struct ServerName<'a> {
    /// The first name.
    pub name: Option<&'a [u8]>,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What is wrong with a server's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// It is not a host's name.
    pub kind: bool,
    /// A length that can't be.
    pub length: bool,
    /// There are several.
    pub several: bool,
}

/// Application protocols.
#[derive(Clone, Copy, Debug)]
pub struct Alpn<'a>(Reader<'a>);

impl<'a> Alpn<'a> {
    /// Those among the extensions.
    pub fn of(extensions: Extensions<'a>) -> Self {
        let list = extensions.get(extension::ALPN).and_then(|bytes| Reader::of(bytes).list16());
        Self(Reader::of(list.unwrap_or_default()))
    }
}

impl<'a> Iterator for Alpn<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        self.0.list8()
    }
}

/// A server's hello.
#[derive(Clone, Copy, Debug)]
pub struct ServerHello<'a> {
    /// The version in the message itself.
    pub version: u16,
    /// The random.
    pub random: &'a [u8],
    /// The session, perhaps the one the client wanted to take up again.
    pub session: &'a [u8],
    /// The cipher.
    pub cipher: u16,
    /// Its extensions.
    pub extensions: Extensions<'a>,
}

impl<'a> ServerHello<'a> {
    /// The hello in a message's body; none: its lengths don't fit.
    pub fn of(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::of(body);
        let version = reader.u16()?;
        let random = reader.take(RANDOM)?;
        // Drafts of 1.3 before the 22nd put their number or that of 1.3 here and left out session and compression.
        let is_draft = version >> 8 == 0x7f || version == FINAL;
        let session = if is_draft { &[] } else { reader.list8()? };
        let cipher = reader.u16()?;
        if !is_draft {
            reader.u8()?;
        }
        let extensions = if reader.rest().is_empty() { &[] } else { reader.list16()? };
        Some(Self { version, random, session, cipher, extensions: Extensions::of(extensions) })
    }

    /// The version it chose.
    pub fn chosen(&self) -> u16 {
        let chosen = self.extensions.get(extension::VERSIONS).and_then(|bytes| u16_be(bytes, 0));
        chosen.unwrap_or(if self.version == FINAL { OLDEST_DRAFTS } else { self.version })
    }

    /// Whether it only asks for another hello of the client.
    pub fn is_retry(&self) -> bool {
        self.random == RETRY
    }
}

/// Whether what follows the hellos in this version is encrypted: TLS 1.3 and its drafts.
pub const fn is_13(version: u16) -> bool {
    matches!(version, 0x0304) || matches!(version >> 8, 0x7f | 0xfb)
}
