//! What an operator may choose about decoding.
//!
//! Filled by `control/config` once per configuration, read by `decode` for every frame. Never changes while in use.
//!
//! Defaults are those of Suricata's stock configuration (`decoder:` section of its user guide), with GTP-U, which it
//! does not open, on the port of 3GPP TS 29.281 section 4.4.2.

/// Up to four UDP ports. Unused places hold 0, which is no port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PortList([u16; Self::CAPACITY]);

impl PortList {
    /// Ports a list can hold.
    pub const CAPACITY: usize = 4;
    /// The list that matches nothing: the tunnel is off.
    pub const NONE: Self = Self([0; Self::CAPACITY]);

    /// A list of one port.
    pub const fn one(port: u16) -> Self {
        Self([port, 0, 0, 0])
    }

    /// A list of `ports`, zeros left out; `None` when there are more than [`Self::CAPACITY`].
    pub fn new(ports: &[u16]) -> Option<Self> {
        let mut list = Self::NONE;
        let mut places = list.0.iter_mut();
        for &port in ports.iter().filter(|&&port| port != 0) {
            *places.next()? = port;
        }
        Some(list)
    }

    /// Whether `port` is listed. Port 0 never is.
    #[inline]
    pub const fn contains(&self, port: u16) -> bool {
        let [a, b, c, d] = self.0;
        port != 0 && (a == port || b == port || c == port || d == port)
    }

    /// The ports, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.into_iter().filter(|&port| port != 0)
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
        assert_eq!(list.iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(PortList::new(&[1, 2, 3, 4, 5]), None);
    }
}
