//! What the state machine needs of one TCP packet, and arithmetic of sequence numbers.
//!
//! Filled by `sluice-worker` from decoded headers. Source: RFC 9293 section 3.1 and 3.4, RFC 7323, RFC 7413, RFC 2385, RFC 5925.

/// FIN.
pub const FIN: u8 = 0x01;
/// SYN.
pub const SYN: u8 = 0x02;
/// RST.
pub const RST: u8 = 0x04;
/// PSH.
pub const PSH: u8 = 0x08;
/// ACK.
pub const ACK: u8 = 0x10;
/// URG.
pub const URG: u8 = 0x20;

pub(crate) const SYN_ACK: u8 = SYN | ACK;

/// The timestamps option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// The sender's clock.
    pub value: u32,
    /// The receiver's clock as the sender saw it last.
    pub echo: u32,
}

/// What the state machine needs of one TCP packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpSegment {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags, the low eight.
    pub flags: u8,
    /// Bytes of payload.
    pub payload_len: u32,
    /// Window as sent, not scaled.
    pub window: u16,
    /// Urgent pointer; counts with [`URG`].
    pub urgent_pointer: u16,
    /// Timestamps option.
    pub timestamps: Option<Timestamps>,
    /// Window scale option: a shift, as sent.
    pub window_scale: Option<u8>,
    /// A Fast Open option.
    pub fast_open: bool,
    /// A TCP-MD5 or TCP-AO option.
    pub signed: bool,
}

impl TcpSegment {
    /// Number of the first byte of payload.
    #[inline(always)]
    pub fn payload_seq(&self) -> u32 {
        self.seq.wrapping_add(u32::from(self.flags & SYN != 0))
    }

    /// One past the last byte of payload, not counting a FIN.
    #[inline(always)]
    pub fn payload_end(&self) -> u32 {
        self.payload_seq().wrapping_add(self.payload_len)
    }

    /// Whether all of `flags` are set.
    #[inline(always)]
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// Whether `a` comes behind `b`: numbers wrap, and the shorter way round counts.
#[inline(always)]
pub(crate) const fn after(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) as i32 > 0
}

/// Whether `number` lies in `from..=to`.
#[inline(always)]
pub(crate) const fn within(number: u32, from: u32, to: u32) -> bool {
    number.wrapping_sub(from) <= to.wrapping_sub(from)
}

#[cfg(test)]
mod tests {
    use super::{after, within};

    #[test]
    fn numbers_compare_across_the_wrap() {
        assert!(after(1, 0) && after(0, u32::MAX) && !after(u32::MAX, 0) && !after(5, 5));
        assert!(within(2, u32::MAX, 3) && within(3, 3, 3) && !within(4, u32::MAX, 3) && !within(2, 3, 3));
    }
}
