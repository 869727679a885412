//! Numbers people know by name, in the spelling that readers of EVE expect.

use std::{borrow::Cow, net::Ipv4Addr};

/// Name of an IP protocol; three digits or more where there is none.
pub fn protocol(number: u8) -> Cow<'static, str> {
    Cow::Borrowed(match number {
        0 => "IPv6-HOPOPT",
        1 => "ICMP",
        2 => "IGMP",
        4 => "IP-in-IP",
        6 => "TCP",
        8 => "EGP",
        17 => "UDP",
        41 => "IPv6",
        43 => "IPv6-Route",
        44 => "IPv6-Frag",
        46 => "RSVP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "IPv6-ICMP",
        59 => "IPv6-NoNxt",
        60 => "IPv6-Opts",
        88 => "EIGRP",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        115 => "L2TP",
        132 => "SCTP",
        137 => "MPLS-in-IP",
        _ => return Cow::Owned(format!("{number:03}")),
    })
}

/// An address: IPv4 dotted, IPv6 in eight groups of four digits, as readers of EVE expect it.
pub fn address(ip_version: u8, address: &[u8; 16]) -> String {
    if ip_version == 4 {
        let [a, b, c, d, ..] = *address;
        return Ipv4Addr::new(a, b, c, d).to_string();
    }
    let mut text = String::with_capacity(39);
    for (place, byte) in address.iter().enumerate() {
        if place > 0 && place % 2 == 0 {
            text.push(':');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// Name of a capture link type.
pub fn link_type(number: u16) -> &'static str {
    match number {
        0 => "NULL",
        1 => "EN10MB",
        9 => "PPP",
        12 | 14 | 101 => "RAW",
        104 => "C_HDLC",
        108 => "LOOP",
        113 => "LINUX_SLL",
        228 => "IPv4",
        229 => "IPv6",
        276 => "LINUX_SLL2",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::{address, protocol};

    #[test]
    fn protocols_without_a_name_print_three_digits() {
        assert_eq!(protocol(6), "TCP");
        assert_eq!(protocol(253), "253");
        assert_eq!(protocol(99), "099");
    }

    #[test]
    fn ipv6_prints_every_digit() {
        let mut bytes = [0; 16];
        bytes[0] = 0xfe;
        bytes[1] = 0x80;
        bytes[15] = 1;
        assert_eq!(address(6, &bytes), "fe80:0000:0000:0000:0000:0000:0000:0001");
        assert_eq!(address(4, &[10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "10.1.2.3");
    }
}
