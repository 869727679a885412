//! What a protocol decoder gets and gives: a run of bytes that knows its place in the frame, and the next step.
//!
//! Used by every file under `link/`, `network/`, `transport/` and `tunnel/`. Never reads past its run: an outer length
//! field shortens the run once, and nothing inside can see beyond it.

use crate::headers::PacketSource;

/// The bytes one decoder may look at, and their offset from the start of the frame.
///
/// Functions that stand apart from the usual way get both one by one, in registers: as a whole it would be laid down in memory on the way past the call, too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'f> {
    /// The bytes, shortened by every length field passed so far.
    pub bytes: &'f [u8],
    /// Offset of `bytes` from the start of the frame, in bytes.
    pub start: u32,
}

impl<'f> Input<'f> {
    /// A frame seen from its start. Bytes past `u32::MAX` are out of reach.
    pub fn new(frame: &'f [u8]) -> Self {
        Self { bytes: frame.get(..u32::MAX as usize).unwrap_or(frame), start: 0 }
    }

    /// Bytes left.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Offset of the first byte after this run.
    #[inline]
    pub fn end(&self) -> u32 {
        self.start.wrapping_add(self.bytes.len() as u32)
    }

    /// The first `N` bytes, which stay.
    #[inline]
    pub fn head<const N: usize>(&self) -> Option<&'f [u8; N]> {
        self.bytes.first_chunk()
    }

    /// The first `N` bytes and what follows them.
    #[inline]
    pub fn split<const N: usize>(self) -> Option<(&'f [u8; N], Self)> {
        let (head, bytes) = self.bytes.split_first_chunk()?;
        Some((head, Self { bytes, start: self.start.wrapping_add(N as u32) }))
    }

    /// What follows the first `count` bytes.
    #[inline]
    pub fn after(self, count: usize) -> Option<Self> {
        let bytes = self.bytes.get(count..)?;
        Some(Self { bytes, start: self.start.wrapping_add(count as u32) })
    }

    /// The first `count` bytes, or all when there are fewer.
    #[inline]
    pub fn clip(self, count: usize) -> Self {
        Self { bytes: self.bytes.get(..count).unwrap_or(self.bytes), start: self.start }
    }

    /// The byte at `at`.
    #[inline]
    pub fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }
}

/// A decoder that the walk can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    // Link layers.
    Ethernet,
    Vlan,
    Arp,
    Mpls,
    PppoeSession,
    PppoeDiscovery,
    Ppp,
    Chdlc,
    Null,
    Cooked,
    Cooked2,
    BackboneBridge,
    VnTag,
    ETag,
    Dce,
    Nsh,
    /// The ERSPAN header inside GRE, at the start of its own layer.
    Erspan,
    // Network layers. `RawIp` looks at the version first.
    RawIp,
    Ipv4,
    Ipv6,
}

/// What a decoder says after it has read its header.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next<'f> {
    /// The layer is complete, or `Headers::invalid` says why not.
    Done,
    /// Go on in the same layer.
    Step(Step, Input<'f>),
    /// Go on in a new layer.
    Tunnel(PacketSource, Step, Input<'f>),
}

/// Big-endian 16 bits.
#[inline]
pub(crate) const fn be16(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

/// The decoder of an EtherType, if there is one (IEEE 802 numbers, as IANA lists them).
#[inline]
pub(crate) const fn ether_type_step(ether_type: u16) -> Option<Step> {
    Some(match ether_type {
        0x0800 => Step::Ipv4,
        0x86dd => Step::Ipv6,
        0x8100 | 0x88a8 | 0x9100 => Step::Vlan,
        0x0806 => Step::Arp,
        0x6558 => Step::Ethernet,
        0x8847 | 0x8848 => Step::Mpls,
        0x8863 => Step::PppoeDiscovery,
        0x8864 => Step::PppoeSession,
        0x8903 => Step::Dce,
        0x8926 => Step::VnTag,
        0x893f => Step::ETag,
        0x88e7 => Step::BackboneBridge,
        0x894f => Step::Nsh,
        _ => return None,
    })
}
