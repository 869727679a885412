//! What the normaliser can do, by name: what each does by default, and where it comes from.
//!
//! Chosen by `sluice-config` (`detection.normalise.NAME`), counted by `sluice-worker`, told by `sluice-events`.
//!
//! Sources: Handley, Paxson and Kreibich, "Network Intrusion Detection: Evasion, Traffic Normalization, and End-to-End Protocol Semantics" (2001), whose
//! items are numbered as in its tables ("HP ip 14" is the 14th about IP), and the RFCs named with each.

/// What is done about something odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Nothing.
    Off,
    /// It is put right; where nothing can be put right, the packet is stopped.
    On,
    /// The packet is stopped.
    Drop,
}

macro_rules! actions {
    ($($variant:ident $name:literal $default:ident $edits:literal $doc:literal,)*) => {
        /// One thing the normaliser can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Action { $(#[doc = $doc] $variant,)* }

        impl Action {
            /// Every action, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in settings and counters, such as `tcp-reserved`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The path of its setting.
            pub const fn setting(self) -> &'static str {
                match self { $(Self::$variant => concat!("detection.normalise.", $name),)* }
            }

            /// What it does unless told otherwise.
            pub const fn default_switch(self) -> Switch {
                match self { $(Self::$variant => Switch::$default,)* }
            }

            /// Whether it can put something right; else it can only stop the packet.
            pub const fn edits(self) -> bool {
                match self { $(Self::$variant => $edits,)* }
            }
        }
    };
}

actions! {
    IpChecksum "ip-checksum" Drop false "A wrong IPv4 header checksum, while checksums count (RFC 1122 section 3.2.1.2, HP ip 22).",
    TcpChecksum "tcp-checksum" Drop false "A wrong TCP checksum, while checksums count (RFC 9293 section 3.1, HP tcp 20).",
    UdpChecksum "udp-checksum" Drop false "A wrong UDP checksum, while checksums count; 0 is none, over IPv6 too (RFC 1122 section 4.1.3.4, RFC 6936).",
    IcmpChecksum "icmp-checksum" Drop false "A wrong ICMP, ICMPv6 or IGMP checksum, while checksums count (RFC 792, RFC 4443 section 2.3).",
    TrailingBytes "trailing-bytes" On true "Bytes behind the end of the IP packet: cut off, or zero where the frame may not be shorter (HP ip 7).",
    Martians "martians" Off false "Addresses that can't be on a wire: a source that is a group, loopback or class E, a destination that is loopback or class E (RFC 1122 section 3.2.1.3, HP ip 15 to 20).",
    Ipv4ReservedBit "ipv4-reserved-bit" On true "The reserved bit beside DF and MF: cleared (RFC 791 section 3.1, HP ip 14).",
    Ipv4DontFragment "ipv4-dont-fragment" Off true "DF: cleared, so that a narrow link behind us splits the packet and does not refuse it (HP ip 12). It breaks path MTU discovery.",
    Ipv4SourceRoute "ipv4-source-route" Drop true "Loose and strict source routes; on: made NOPs (RFC 7126 sections 4.3 and 4.4).",
    Ipv4Options "ipv4-options" Off true "All other IPv4 options: made NOPs (HP ip 23).",
    Ipv4OptionPadding "ipv4-option-padding" On true "What lies behind the end of the options: zero (RFC 791 section 3.1, HP ip 24).",
    MinTtl "min-ttl" Off true "A TTL or hop limit below `min-ttl`: raised to it (HP ip 21). Never for groups, ICMP, or UDP to the ports of traceroute.",
    Ipv6RoutingType0 "ipv6-routing-type-0" Drop false "Routing headers of type 0 (RFC 5095).",
    Ipv6DuplicateExtension "ipv6-duplicate-extension" Drop false "An extension header that may be there once and is there twice, or destination options three times (RFC 8200 section 4.1).",
    Ipv6ExtensionOrder "ipv6-extension-order" Drop false "Hop-by-hop options that are not the first extension header (RFC 8200 section 4.1).",
    Ipv6ExtensionCount "ipv6-extension-count" Drop false "More than 8 extension headers (RFC 9098 section 2: what is passed on is up to the network).",
    Ipv6Padding "ipv6-padding" On true "Data in the padding of options: zero (RFC 4942 section 2.1.9.5).",
    TcpFlags "tcp-flags" Drop false "SYN with FIN or RST, FIN without ACK, none of SYN, ACK and RST (RFC 9293 section 3.10.7, HP tcp 6, 7, 8, 12, 13).",
    TcpReserved "tcp-reserved" On true "The reserved bits but the one of accurate ECN: cleared (RFC 9293 section 3.1, RFC 9768, HP tcp 16).",
    TcpRstData "tcp-rst-data" On true "Data on a RST: cut off (HP tcp 9).",
    TcpSynData "tcp-syn-data" On true "Data on a SYN without a Fast Open option: cut off (RFC 7413 section 3, HP tcp 5).",
    TcpUrgentPointer "tcp-urgent-pointer" On true "An urgent pointer without URG: zero (RFC 9293 section 3.1, HP tcp 21).",
    TcpUrgentBeyond "tcp-urgent-beyond" Off true "An urgent pointer beyond the data: to their end (HP tcp 22). It may be honest: urgent data that come later (RFC 6093 section 2).",
    TcpUrgentWithoutAck "tcp-urgent-without-ack" Drop false "URG without ACK (HP tcp 23).",
    TcpUrgentWithoutData "tcp-urgent-without-data" Off true "URG without data: cleared, with its pointer.",
    TcpEcn "tcp-ecn" Off true "ECE and CWR: cleared, so that ECN is never agreed on (HP tcp 17, 18).",
    TcpSynOptions "tcp-syn-options" On true "MSS, window scale and SACK-permitted without SYN: made NOPs (RFC 9293 section 3.7.1, RFC 7323 section 2.2, RFC 2018 section 2, HP tcp 24, 26, 27).",
    TcpTimestamps "tcp-timestamps" On true "Timestamps that were not agreed on: made NOPs (RFC 7323 section 3.2, HP tcp 34). Only where the handshake was seen.",
    TcpBrokenOptions "tcp-broken-options" On true "Options of a wrong length and repeated ones: made NOPs, and nothing behind one that runs out of the header; a window scale above 14: 14 (RFC 9293 section 3.1, RFC 7323 section 2.3).",
    TcpUnknownOptions "tcp-unknown-options" Off true "Options but those of RFC 9293, RFC 7323, RFC 2018, RFC 2385, RFC 5925, RFC 7413 and RFC 8684: made NOPs (HP tcp 38).",
    TcpOptionPadding "tcp-option-padding" On true "What lies behind the end of the options: zero (RFC 9293 section 3.1).",
    TcpWindowWithdrawal "tcp-window-withdrawal" Off true "A window that takes back what was allowed before: as announced (RFC 9293 section 3.8.6, HP tcp 19). Receivers that are short of memory mean it.",
}

impl Action {
    /// The action of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }

    const fn bit(self) -> u64 {
        1 << (self as u8 & 63)
    }
}

/// A set of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionSet(u64);

impl ActionSet {
    /// None.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub const fn insert(&mut self, action: Action) {
        self.0 |= action.bit();
    }

    /// Whether it is there.
    pub const fn contains(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are there.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL.iter().copied().filter(move |action| self.contains(*action))
    }
}

/// What is done about what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    on: u64,
    drop: u64,
    min_ttl: u8,
}

impl Default for Switches {
    fn default() -> Self {
        let mut switches = Self { on: 0, drop: 0, min_ttl: 0 };
        Action::ALL.iter().for_each(|action| switches.set(*action, action.default_switch()));
        switches
    }
}

impl Switches {
    /// Nothing is done.
    pub const OFF: Self = Self { on: 0, drop: 0, min_ttl: 0 };

    /// Sets one. What can put nothing right stops the packet when it is on.
    pub const fn set(&mut self, action: Action, switch: Switch) {
        let bit = action.bit();
        self.on &= !bit;
        self.drop &= !bit;
        match switch {
            Switch::Off => {}
            Switch::On if action.edits() => self.on |= bit,
            Switch::On | Switch::Drop => self.drop |= bit,
        }
    }

    /// Sets the least TTL that packets leave with, which switches the action on; 0 switches it off.
    pub const fn set_min_ttl(&mut self, ttl: u8) {
        self.min_ttl = ttl;
        self.set(Action::MinTtl, if ttl == 0 { Switch::Off } else { Switch::On });
    }

    /// The least TTL that packets leave with.
    pub const fn min_ttl(&self) -> u8 {
        self.min_ttl
    }

    /// What is done about this.
    pub const fn of(&self, action: Action) -> Switch {
        if self.drop & action.bit() != 0 {
            Switch::Drop
        } else if self.on & action.bit() != 0 {
            Switch::On
        } else {
            Switch::Off
        }
    }

    /// Whether anything is done about this.
    #[inline(always)]
    pub const fn wants(&self, action: Action) -> bool {
        (self.on | self.drop) & action.bit() != 0
    }

    /// Whether everything is off.
    pub const fn is_off(&self) -> bool {
        self.on | self.drop == 0
    }

    /// Whether something is asked for that plain packets may need.
    pub(super) const fn looks_at_plain(&self) -> bool {
        let plain = Action::Ipv4DontFragment.bit()
            | Action::Martians.bit()
            | Action::MinTtl.bit()
            | Action::TcpEcn.bit()
            | Action::TcpUrgentBeyond.bit()
            | Action::TcpUrgentWithoutData.bit();
        (self.on | self.drop) & plain != 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, ActionSet, Switch, Switches};

    #[test]
    fn every_action_has_a_name_and_a_number_of_its_own() {
        assert!(Action::ALL.len() <= 64);
        for (number, action) in Action::ALL.iter().enumerate() {
            assert_eq!(*action as usize, number);
            assert_eq!(Action::from_name(action.name()), Some(*action));
            assert_eq!(Switches::default().of(*action), action.default_switch());
        }
    }

    #[test]
    fn what_can_put_nothing_right_drops_when_it_is_on() {
        let mut switches = Switches::OFF;
        assert!(switches.is_off());
        switches.set(Action::TcpFlags, Switch::On);
        switches.set(Action::TcpReserved, Switch::On);
        assert_eq!((switches.of(Action::TcpFlags), switches.of(Action::TcpReserved)), (Switch::Drop, Switch::On));
        switches.set(Action::TcpFlags, Switch::Off);
        assert!(!switches.wants(Action::TcpFlags));
        switches.set_min_ttl(9);
        assert_eq!((switches.of(Action::MinTtl), switches.min_ttl()), (Switch::On, 9));
        switches.set_min_ttl(0);
        assert!(!switches.wants(Action::MinTtl));
    }

    #[test]
    fn a_set_tells_what_was_put_into_it() {
        let mut set = ActionSet::NONE;
        set.insert(Action::TcpEcn);
        set.insert(Action::IpChecksum);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Action::IpChecksum, Action::TcpEcn]);
    }
}
