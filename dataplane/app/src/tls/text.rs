//! Text that is made on the packet path, in a place of fixed size: one of its own, or one that is lent.
//!
//! Used for names and fingerprints of TLS and QUIC. Never allocates: what finds no room is left out, and whoever reads it can ask.

/// At most `N` bytes of text in a place of its own.
pub type Text<const N: usize> = TextIn<[u8; N]>;

/// Text in the place `B`, as long as that at most.
#[derive(Clone, Copy, Debug)]
pub struct TextIn<B> {
    bytes: B,
    used: usize,
    cut: bool,
}

impl<const N: usize> Default for TextIn<[u8; N]> {
    fn default() -> Self {
        Self::over([0; N])
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> TextIn<B> {
    /// No text yet, in `place`.
    pub const fn over(place: B) -> Self {
        Self { bytes: place, used: 0, cut: false }
    }

    /// Appends `bytes`, as many as fit.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.as_mut().get_mut(self.used..).unwrap_or_default();
        let count = bytes.len().min(room.len());
        self.cut |= count < bytes.len();
        if let (Some(to), Some(from)) = (room.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
            self.used += count;
        }
    }

    /// Appends a number in decimal.
    pub fn decimal(&mut self, number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            if let Some(place) = digits.get_mut(at) {
                *place = b'0' + (rest % 10) as u8;
            }
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.push(digits.get(at..).unwrap_or_default());
    }

    /// Appends a byte as two digits out of `digits`.
    pub fn hex(&mut self, byte: u8, digits: &[u8; 16]) {
        let digit = |value: u8| digits.get(usize::from(value)).copied().unwrap_or(b'0');
        self.push(&[digit(byte >> 4), digit(byte & 15)]);
    }

    /// Appends bytes as digits out of `digits`, with colons between them.
    pub fn hex_colons(&mut self, bytes: &[u8], digits: &[u8; 16]) {
        for (place, &byte) in bytes.iter().enumerate() {
            if place > 0 {
                self.push(b":");
            }
            self.hex(byte, digits);
        }
    }

    /// The text.
    pub fn get(&self) -> &[u8] {
        self.bytes.as_ref().get(..self.used).unwrap_or_default()
    }

    /// Whether something found no room.
    pub const fn is_cut(&self) -> bool {
        self.cut
    }
}

/// Digits of lower case.
pub const LOWER: &[u8; 16] = b"0123456789abcdef";
/// Digits of upper case.
pub const UPPER: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::{LOWER, Text, UPPER};

    #[test]
    fn text_is_what_was_appended() {
        let mut text = Text::<64>::default();
        text.decimal(0);
        text.decimal(u64::MAX);
        text.push(b"-");
        text.hex_colons(&[0, 0xab, 0x1f], UPPER);
        text.hex(0xcd, LOWER);
        assert_eq!(text.get(), b"018446744073709551615-00:AB:1Fcd");
        assert!(!text.is_cut());
    }

    #[test]
    fn what_finds_no_room_is_left_out() {
        let mut text = Text::<4>::default();
        text.push(b"abc");
        text.push(b"def");
        assert_eq!((text.get(), text.is_cut()), (&b"abcd"[..], true));
    }
}
