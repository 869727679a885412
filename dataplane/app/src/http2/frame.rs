//! Heads of frames, and the numbers in frames in words.
//!
//! Used by the parser, the compiler of rules and the encoder of records. Sources: RFC 9113 sections 4.1, 6 and 7; words as the rule documentation and records have them.

use crate::pdu::u8_at;

/// Bytes of a frame's head.
pub const HEAD: usize = 9;

/// Types of frames.
pub mod kind {
    /// Bytes of a body.
    pub const DATA: u8 = 0;
    /// A header block.
    pub const HEADERS: u8 = 1;
    /// Weight of a stream.
    pub const PRIORITY: u8 = 2;
    /// A stream ends here.
    pub const RST_STREAM: u8 = 3;
    /// Settings.
    pub const SETTINGS: u8 = 4;
    /// A request the server answers unasked.
    pub const PUSH_PROMISE: u8 = 5;
    /// A question whether the other end is there.
    pub const PING: u8 = 6;
    /// The conversation ends here.
    pub const GOAWAY: u8 = 7;
    /// So many more bytes may be sent.
    pub const WINDOW_UPDATE: u8 = 8;
    /// More of a header block.
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    /// Nothing more comes on the stream; of settings: they are acknowledged.
    pub const END: u8 = 0x01;
    /// The header block ends here.
    pub const END_HEADERS: u8 = 0x04;
    /// There is padding.
    pub const PADDED: u8 = 0x08;
    /// There is a weight.
    pub const PRIORITY: u8 = 0x20;
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes behind the head.
    pub length: u32,
    /// Type.
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// The stream; 0 for all of them.
    pub stream: u32,
}

impl Head {
    /// The head at the beginning of `bytes`.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let &[a, b, c, kind, flags, d, e, f, g] = bytes.first_chunk::<HEAD>()?;
        let length = u32::from_be_bytes([0, a, b, c]);
        Some(Self { length, kind, flags, stream: u32::from_be_bytes([d, e, f, g]) & 0x7fff_ffff })
    }

    /// Whether `flag` is set.
    pub const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The part of a frame without its padding: where it begins and how long it is; none when the padding is longer than the frame.
pub fn unpadded(head: Head, payload: &[u8]) -> Option<&[u8]> {
    if !head.has(flag::PADDED) {
        return Some(payload);
    }
    let padding = usize::from(u8_at(payload, 0)?);
    let end = payload.len().checked_sub(padding).filter(|end| *end >= 1)?;
    payload.get(1..end)
}

const KINDS: [&str; 10] = [
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RSTSTREAM",
    "SETTINGS",
    "PUSHPROMISE",
    "PING",
    "GOAWAY",
    "WINDOWUPDATE",
    "CONTINUATION",
];

const ERRORS: [&str; 14] = [
    "NOERROR",
    "PROTOCOLERROR",
    "INTERNALERROR",
    "FLOWCONTROLERROR",
    "SETTINGSTIMEOUT",
    "STREAMCLOSED",
    "FRAMESIZEERROR",
    "REFUSEDSTREAM",
    "CANCEL",
    "COMPRESSIONERROR",
    "CONNECTERROR",
    "ENHANCEYOURCALM",
    "INADEQUATESECURITY",
    "HTTP11REQUIRED",
];

/// From number 1 on; 8 and 9 as RFC 8441 and RFC 9218 have them.
const SETTINGS: [&str; 9] = [
    "SETTINGSHEADERTABLESIZE",
    "SETTINGSENABLEPUSH",
    "SETTINGSMAXCONCURRENTSTREAMS",
    "SETTINGSINITIALWINDOWSIZE",
    "SETTINGSMAXFRAMESIZE",
    "SETTINGSMAXHEADERLISTSIZE",
    "",
    "SETTINGSENABLECONNECTPROTOCOL",
    "SETTINGSNORFC7540PRIORITIES",
];

/// Whether `name`, perhaps with underscores, is `word`.
fn is_named(word: &str, name: &str) -> bool {
    !word.is_empty() && name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_uppercase()).eq(word.bytes())
}

fn number(words: &[&str], name: &str) -> Option<u32> {
    words.iter().position(|word| is_named(word, name)).map(|place| place as u32)
}

fn word(words: &'static [&'static str], number: u32) -> Option<&'static str> {
    words.get(number as usize).copied().filter(|word| !word.is_empty())
}

/// The type of frames of this name, such as `GOAWAY` or `WINDOW_UPDATE`.
pub fn kind_number(name: &str) -> Option<u32> {
    number(&KINDS, name)
}

/// The name of a type of frames.
pub fn kind_name(kind: u32) -> Option<&'static str> {
    word(&KINDS, kind)
}

/// The error of this name, such as `NO_ERROR` or `HTTP_1_1_REQUIRED`.
pub fn error_number(name: &str) -> Option<u32> {
    number(&ERRORS, name)
}

/// The name of an error.
pub fn error_name(error: u32) -> Option<&'static str> {
    word(&ERRORS, error)
}

/// The setting of this name, such as `SETTINGS_ENABLE_PUSH`.
pub fn setting_number(name: &str) -> Option<u32> {
    number(&SETTINGS, name).map(|place| place + 1)
}

/// The name of a setting.
pub fn setting_name(setting: u32) -> Option<&'static str> {
    word(&SETTINGS, setting.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::{Head, error_name, error_number, flag, kind_number, setting_name, setting_number, unpadded};

    #[test]
    fn heads_and_padding_are_read() {
        let head = Head::of(b"\0\x01\x02\x01\x2c\x80\0\0\x05rest").unwrap();
        assert_eq!(head, Head { length: 258, kind: 1, flags: 0x2c, stream: 5 });
        assert_eq!(Head::of(b"\0\0\0\0\0\0\0\0"), None);
        let padded = Head { flags: flag::PADDED, ..head };
        assert_eq!(unpadded(padded, b"\x02ab\0\0"), Some(&b"ab"[..]));
        assert_eq!(unpadded(padded, b"\x04ab\0\0"), Some(&b""[..]));
        assert_eq!(unpadded(padded, b"\x05ab\0\0"), None);
        assert_eq!(unpadded(padded, b""), None);
    }

    #[test]
    fn names_lead_to_their_numbers_with_and_without_underscores() {
        assert_eq!((kind_number("GOAWAY"), kind_number("window_update"), kind_number("X")), (Some(7), Some(8), None));
        assert_eq!((error_number("HTTP_1_1_REQUIRED"), error_number("HTTP11REQUIRED")), (Some(13), Some(13)));
        assert_eq!((setting_number("SETTINGS_ENABLE_PUSH"), setting_number("")), (Some(2), None));
        assert_eq!(
            (setting_name(4), setting_name(7), error_name(2)),
            (Some("SETTINGSINITIALWINDOWSIZE"), None, Some("INTERNALERROR"))
        );
    }
}
