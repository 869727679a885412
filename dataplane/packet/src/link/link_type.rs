//! Link types: what the first bytes of a frame are.
//!
//! Chosen per port (always Ethernet) or per capture by `worker` and `replay`, used by `decode`. Never guessed from bytes.
//!
//! Numbers: the registry of link-layer header types at tcpdump.org; the older numbers of raw IP differ by system.

use crate::input::Step;

/// What the first bytes of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum LinkType {
    /// Ethernet (1).
    #[default]
    Ethernet,
    /// BSD loopback (0): four bytes of address family in either byte order.
    Null,
    /// OpenBSD loopback (108): as `Null`, in network byte order.
    Loop,
    /// IP without a link header (12, 14, 101, 228, 229).
    Raw,
    /// Linux cooked capture, version 1 (113).
    LinuxCooked,
    /// Linux cooked capture, version 2 (276).
    LinuxCooked2,
    /// PPP, with or without address and control bytes (9, 50).
    Ppp,
    /// PPPoE session header and on (51).
    PppEther,
    /// Cisco HDLC (104).
    ChdlcHdlc,
}

impl LinkType {
    /// The link type of a capture file's number; `None` when no decoder exists.
    pub const fn from_pcap(dlt: i32) -> Option<Self> {
        Some(match dlt {
            0 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            51 => Self::PppEther,
            104 => Self::ChdlcHdlc,
            108 => Self::Loop,
            113 => Self::LinuxCooked,
            276 => Self::LinuxCooked2,
            _ => return None,
        })
    }

    /// The number a capture file written by us carries, the preferred one where there are several.
    pub const fn pcap_number(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Ppp => 9,
            Self::PppEther => 51,
            Self::Raw => 101,
            Self::ChdlcHdlc => 104,
            Self::Loop => 108,
            Self::LinuxCooked => 113,
            Self::LinuxCooked2 => 276,
        }
    }

    /// The name EVE uses in `packet_info.linktype_name`: that of the pcap library.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Ethernet => "EN10MB",
            Self::Ppp => "PPP",
            Self::PppEther => "PPP_ETHER",
            Self::Raw => "RAW",
            Self::ChdlcHdlc => "C_HDLC",
            Self::Loop => "LOOP",
            Self::LinuxCooked => "LINUX_SLL",
            Self::LinuxCooked2 => "LINUX_SLL2",
        }
    }

    /// Every link type.
    pub const ALL: &'static [Self] = &[
        Self::Ethernet,
        Self::Null,
        Self::Loop,
        Self::Raw,
        Self::LinuxCooked,
        Self::LinuxCooked2,
        Self::Ppp,
        Self::PppEther,
        Self::ChdlcHdlc,
    ];

    #[inline]
    pub(crate) const fn first_step(self) -> Step {
        match self {
            Self::Ethernet => Step::Ethernet,
            Self::Null | Self::Loop => Step::Null,
            Self::Raw => Step::RawIp,
            Self::LinuxCooked => Step::Cooked,
            Self::LinuxCooked2 => Step::Cooked2,
            Self::Ppp => Step::Ppp,
            Self::PppEther => Step::PppoeSession,
            Self::ChdlcHdlc => Step::Chdlc,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_link_type() {
        for &link in LinkType::ALL {
            assert_eq!(LinkType::from_pcap(i32::from(link.pcap_number())), Some(link));
        }
        assert_eq!(LinkType::from_pcap(105), None);
        assert_eq!(LinkType::from_pcap(-1), None);
    }
}
