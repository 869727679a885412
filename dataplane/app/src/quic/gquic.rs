//! gQUIC: the client's hello, which is not encrypted up to Q046, and what stands in it.
//!
//! Used by [`super::parse`]. Source: the published "QUIC Wire Layout Specification" and "QUIC Crypto" (Google); CYU (Caleb Yu, Salesforce, BSD-3-Clause).

use crate::{
    pdu::{u16_le, u32_le},
    tls::text::Text,
};

/// Bytes of the check that stands before the frames of a packet that is not encrypted.
const CHECK: usize = 12;
/// Bytes of a message's head: name, count of tags, padding.
const HEAD: usize = 8;
/// Tags of a hello, at most (the limit of the reference implementation of gQUIC).
const MOST_TAGS: u16 = 128;

/// The message in `frames`, the frames of a packet; it begins with its name.
fn message(mut frames: &[u8]) -> Option<&[u8]> {
    loop {
        let (&kind, rest) = frames.split_first()?;
        match kind {
            // Padding, and a ping.
            0 | 7 => frames = rest,
            0x80.. => {
                let has_length = kind & 0x20 != 0;
                let offset_length = match kind >> 2 & 7 {
                    0 => 0,
                    length => usize::from(length) + 1,
                };
                let head = usize::from(kind & 3) + 1 + offset_length;
                let rest = rest.get(head..)?;
                return Some(if has_length { rest.get(2..)? } else { rest });
            }
            _ => return None,
        }
    }
}

/// The client's hello in a packet's body: behind the header there are a check and frames.
pub fn hello(body: &[u8]) -> Option<Hello<'_>> {
    // Lengths in the stream's head have an order of bytes that changed between versions; the message is known by its name.
    Hello::of(message(body.get(CHECK..)?)?)
}

/// A client's hello.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    count: u16,
    tags: &'a [u8],
    values: &'a [u8],
}

impl<'a> Hello<'a> {
    /// The hello in `bytes`.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"CHLO")?;
        let count = u16_le(rest, 0).filter(|&count| count <= MOST_TAGS)?;
        let (tags, values) = bytes.get(HEAD..)?.split_at_checked(usize::from(count) * 8)?;
        Some(Self { count, tags, values })
    }

    /// Its tags, each with its value as far as it is there.
    pub fn tags(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let Self { tags, values, .. } = *self;
        let mut from = 0;
        tags.chunks_exact(8).map(move |pair| {
            let (name, _) = pair.split_at(4);
            let to = u32_le(pair, 4).unwrap_or(0) as usize;
            let value = values.get(from..to.min(values.len())).unwrap_or_default();
            from = to.max(from);
            (name, value)
        })
    }

    /// The value of a tag.
    pub fn tag(&self, wanted: &[u8; 4]) -> Option<&'a [u8]> {
        self.tags().find(|(name, _)| name == wanted).map(|(_, value)| value)
    }

    /// `46,PAD-SNI-VER`: the version and the names of all tags.
    pub fn cyu(&self, version: u8) -> Text<1_024> {
        let mut text = Text::default();
        text.decimal(version.into());
        text.push(b",");
        for (place, (name, _)) in self.tags().enumerate() {
            if place > 0 {
                text.push(b"-");
            }
            name.iter().filter(|&&byte| byte != 0).for_each(|&byte| text.push(&[byte]));
        }
        text
    }

    /// Count of its tags.
    pub const fn count(&self) -> u16 {
        self.count
    }
}
