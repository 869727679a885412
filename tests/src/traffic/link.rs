//! Link layers: Ethernet with tags, ARP, and captures without Ethernet.
//!
//! Sources: IEEE 802.3, IEEE 802.1Q, RFC 826, the pcap link type registry.

/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;
/// EtherType of a customer VLAN tag.
pub const VLAN: u16 = 0x8100;
/// EtherType of a service tag (802.1ad).
pub const SERVICE_VLAN: u16 = 0x88a8;

/// What each record of a capture begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Ethernet.
    #[default]
    Ethernet,
    /// The IP packet itself.
    Raw,
    /// BSD loopback: a 32-bit address family.
    Null,
    /// Linux cooked mode, version 1.
    Cooked,
}

impl Link {
    /// The number in the capture's header.
    pub const fn number(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Raw => 101,
            Self::Cooked => 113,
        }
    }
}

/// One VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// [`VLAN`] or [`SERVICE_VLAN`].
    pub ether_type: u16,
    /// VLAN id, 12 bits.
    pub id: u16,
    /// Priority, 3 bits.
    pub priority: u8,
}

impl Tag {
    /// A customer tag.
    pub const fn vlan(id: u16) -> Self {
        Self { ether_type: VLAN, id, priority: 0 }
    }

    /// A service tag.
    pub const fn service(id: u16) -> Self {
        Self { ether_type: SERVICE_VLAN, id, priority: 0 }
    }
}

/// An Ethernet frame with `tags`, outermost first. Not padded.
pub fn ethernet(src: [u8; 6], dst: [u8; 6], tags: &[Tag], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [dst, src].concat();
    for tag in tags {
        frame.extend_from_slice(&tag.ether_type.to_be_bytes());
        frame.extend_from_slice(&(u16::from(tag.priority) << 13 | tag.id & 0x0fff).to_be_bytes());
    }
    frame.extend_from_slice(&ether_type.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Pads a frame to the 60 bytes that a network card sends at least.
pub fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(frame.len().max(60), 0);
    frame
}

/// The payload of an ARP request (`operation` 1) or reply (2) for IPv4 over Ethernet.
pub fn arp(operation: u16, sender: ([u8; 6], [u8; 4]), target: ([u8; 6], [u8; 4])) -> Vec<u8> {
    let [high, low] = operation.to_be_bytes();
    let head = [0, 1, 8, 0, 6, 4, high, low];
    [&head[..], &sender.0, &sender.1, &target.0, &target.1].concat()
}

/// The 16 bytes before the packet in a Linux cooked capture, for a packet sent to us.
pub fn cooked(src: [u8; 6], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let head = [0, 0, 0, 1, 0, 6];
    [&head[..], &src, &[0, 0], &ether_type.to_be_bytes(), payload].concat()
}

/// A BSD loopback record, as a little-endian machine writes it.
pub fn null(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let family: u32 = if ether_type == IPV6 { 30 } else { 2 };
    [&family.to_le_bytes()[..], payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_stand_between_addresses_and_type() {
        let frame = ethernet([1; 6], [2; 6], &[Tag::service(100), Tag::vlan(7)], IPV4, b"x");
        assert_eq!(frame[12..], [0x88, 0xa8, 0, 100, 0x81, 0, 0, 7, 8, 0, b'x']);
        assert_eq!(padded(frame).len(), 60);
    }

    #[test]
    fn arp_is_28_bytes_and_decodes() {
        let request = arp(1, ([2; 6], [10, 0, 0, 1]), ([0; 6], [10, 0, 0, 2]));
        assert_eq!(request.len(), 28);
        let frame = ethernet([2; 6], [0xff; 6], &[], ARP, &request);
        let mut out = sluice_packet::Decoded::new();
        let config = sluice_packet::DecodeConfig::DEFAULT;
        sluice_packet::decode(&frame, sluice_packet::LinkType::Ethernet, &config, &mut out);
        assert!(!out.innermost().invalid && out.innermost().ether_type == ARP);
    }
}
