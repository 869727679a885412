//! What an operator may choose about decoding.
//!
//! Filled by `control/config` once per configuration, read by `decode` for every frame. Never changes while in use.
//!
//! Defaults are those of Suricata's stock configuration (`decoder:` section of its user guide), with GTP-U, which it
//! does not open, on the port of 3GPP TS 29.281 section 4.4.2.

/// Up to four UDP ports, in one word of four lanes. Unused lanes hold 0, which is no port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PortList(u64);

impl PortList {
    /// Ports a list can hold.
    pub const CAPACITY: usize = 4;
    /// The list that matches nothing: the tunnel is off.
    pub const NONE: Self = Self(0);

    const LOWEST_BITS: u64 = 0x0001_0001_0001_0001;
    const HIGHEST_BITS: u64 = 0x8000_8000_8000_8000;

    /// A list of one port.
    pub const fn one(port: u16) -> Self {
        Self(port as u64)
    }

    /// A list of `ports`, zeros left out; `None` when there are more than [`Self::CAPACITY`].
    pub fn new(ports: &[u16]) -> Option<Self> {
        let mut list = 0;
        let mut count = 0usize;
        for &port in ports.iter().filter(|&&port| port != 0) {
            count = count.saturating_add(1);
            list = list << 16 | u64::from(port);
        }
        (count <= Self::CAPACITY).then_some(Self(list))
    }

    /// Whether `port` is listed. Port 0 never is. Cost: all lanes are compared at once.
    #[inline]
    pub const fn contains(&self, port: u16) -> bool {
        // A lane that equals `port` becomes 0, and subtracting 1 from the lowest such lane sets its highest bit.
        let lanes = self.0 ^ (port as u64).wrapping_mul(Self::LOWEST_BITS);
        port != 0 && lanes.wrapping_sub(Self::LOWEST_BITS) & !lanes & Self::HIGHEST_BITS != 0
    }

    /// The ports, last given first.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        let Self(list) = *self;
        [0, 16, 32, 48].into_iter().map(move |shift| (list >> shift) as u16).filter(|&port| port != 0)
    }
}

/// Where Teredo is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teredo {
    /// Nowhere.
    Off,
    /// In every UDP payload that looks like it.
    AnyPort,
    /// In UDP to or from these ports.
    Ports(PortList),
}

impl Teredo {
    /// Whether a datagram between these ports is looked at.
    #[inline]
    pub(crate) const fn wants(&self, src_port: u16, dst_port: u16) -> bool {
        match self {
            Self::Off => false,
            Self::AnyPort => true,
            Self::Ports(ports) => ports.contains(src_port) || ports.contains(dst_port),
        }
    }
}

/// Choices of the decoder. `Default` is Suricata's stock configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeConfig {
    /// UDP destination ports that carry VXLAN. Default 4789.
    pub vxlan_ports: PortList,
    /// UDP destination ports that carry GENEVE. Default 6081.
    pub geneve_ports: PortList,
    /// UDP destination ports that carry GTP-U. Default 2152.
    pub gtp_u_ports: PortList,
    /// Where Teredo is looked for. Default port 3544.
    pub teredo: Teredo,
    /// Whether GRE protocol 0x88be without a sequence number is ERSPAN type I. Default no.
    pub erspan_type_i: bool,
    /// Headers the walk reads in one frame, over all its layers, before it gives up. Default 16.
    pub max_layers: u8,
}

impl DecodeConfig {
    /// The default as a constant.
    pub const DEFAULT: Self = Self {
        vxlan_ports: PortList::one(4789),
        geneve_ports: PortList::one(6081),
        gtp_u_ports: PortList::one(2152),
        teredo: Teredo::Ports(PortList::one(3544)),
        erspan_type_i: false,
        max_layers: 16,
    };
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_zero_is_in_no_list() {
        assert!(!PortList::NONE.contains(0));
        assert!(!PortList::one(4789).contains(0));
    }

    #[test]
    fn a_list_takes_four_ports_and_refuses_five() {
        let list = PortList::new(&[1, 2, 0, 3, 4]).unwrap();
        assert_eq!(list.iter().collect::<Vec<_>>(), [4, 3, 2, 1]);
        assert!((1..=4).all(|port| list.contains(port)) && (5..=u16::MAX).all(|port| !list.contains(port)));
        assert_eq!(PortList::new(&[1, 2, 3, 4, 5]), None);
    }
}
