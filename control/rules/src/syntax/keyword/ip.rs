//! Tests of the packet and its IP header: `dsize`, `ttl`, `tos`, `id`, `ip_proto`, `ipopts`, `fragbits`,
//! `fragoffset`, `sameip`, `geoip`, checksums, VLAN.
//!
//! Called through the keyword table. Source: the public rule documentation, "Header Keywords", "VLAN Keywords".
use super::{Keyword, Use, alias, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::comparison::Comparison;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::Fault;

/// One test of the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IpTest {
    /// `dsize`: bytes of payload.
    PayloadSize(Comparison<u16>),
    /// `ttl`, hop limit.
    Ttl(Comparison<u8>),
    /// `tos`, without the two low bits being special.
    Tos(Comparison<u8>),
    /// `id` of IPv4.
    Id(Comparison<u16>),
    /// `ip_proto`.
    IpProto(Comparison<u8>),
    /// `ipopts`: this IPv4 option is there.
    Option(IpOption),
    /// `fragbits`.
    FragmentBits {
        /// How they are compared.
        mode: BitMode,
        /// Bits of the flags field: reserved 4, don't fragment 2, more fragments 1.
        bits: u8,
    },
    /// `fragoffset`, in units of 8 bytes.
    FragmentOffset(Comparison<u16>),
    /// `sameip`.
    SameAddress,
    /// `geoip`.
    Country {
        /// Which address.
        side: GeoSide,
        /// Two-letter codes, upper case.
        codes: Vec<[u8; 2]>,
        /// `!` before the codes.
        negated: bool,
    },
    /// `ipv4-csum` and its like.
    Checksum {
        /// Of which header.
        of: ChecksumOf,
        /// `valid`, or `invalid`.
        valid: bool,
    },
    /// `vlan.id`.
    VlanId {
        /// The identifier.
        id: Comparison<u16>,
        /// Which layer: from 0 outside, negative from inside; absent: any.
        layer: Option<i8>,
    },
    /// `vlan.layers`.
    VlanLayers(Comparison<u8>),
}

/// How flag bits are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitMode {
    /// Exactly these.
    Exactly,
    /// `+`.
    AtLeast,
    /// `*`.
    AnyOf,
    /// `!`.
    NoneOf,
}

/// An IPv4 option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpOption {
    /// Any option at all.
    Any,
    /// The option of this type.
    Type(u8),
}

/// Which address `geoip` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeoSide {
    /// Source.
    Source,
    /// Destination.
    Destination,
    /// One of them.
    Any,
    /// Both of them.
    Both,
}

/// Whose checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumOf {
    /// IPv4 header.
    Ipv4,
    /// TCP over IPv4.
    TcpV4,
    /// TCP over IPv6.
    TcpV6,
    /// UDP over IPv4.
    UdpV4,
    /// UDP over IPv6.
    UdpV6,
    /// ICMP.
    IcmpV4,
    /// ICMPv6.
    IcmpV6,
    /// IGMP.
    Igmp,
    /// SCTP.
    Sctp,
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("dsize", "packet", dsize),
    plain("ttl", "packet", ttl),
    plain("tos", "packet", tos),
    plain("id", "packet", id),
    plain("ip_proto", "packet", ip_proto),
    plain("ipopts", "packet", ipopts),
    plain("fragbits", "packet", fragbits),
    plain("fragoffset", "packet", fragoffset),
    plain("sameip", "packet", sameip),
    plain("geoip", "geoip", geoip),
    plain("vlan.id", "packet", vlan_id),
    plain("vlan.layers", "packet", vlan_layers),
    plain("ipv4-csum", "packet", checksum),
    plain("tcpv4-csum", "packet", checksum),
    plain("tcpv6-csum", "packet", checksum),
    plain("udpv4-csum", "packet", checksum),
    plain("udpv6-csum", "packet", checksum),
    plain("icmpv4-csum", "packet", checksum),
    plain("icmpv6-csum", "packet", checksum),
    plain("igmp-csum", "packet", checksum),
    plain("sctp-csum", "packet", checksum),
    alias("ip_ttl", "ttl", "packet", ttl),
];

const NUMBER: &str = "a number, <n, >n, !n or a<>b";

fn push(rule: &mut Builder<'_>, option: Use<'_>, test: IpTest) -> Result<(), Fault> {
    rule.push(option, MatchKind::Ip(test));
    Ok(())
}

fn dsize(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    rule.once(option)?;
    let test = IpTest::PayloadSize(Comparison::parse(option.value(NUMBER)?.unquoted()?)?);
    push(rule, option, test)
}

fn ttl(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = IpTest::Ttl(Comparison::parse(option.value(NUMBER)?)?);
    push(rule, option, test)
}

fn tos(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    // The notation `x1c` is as old as Snort.
    let value = option.value(NUMBER)?;
    let (negated, text) = value.negation();
    let test = match text.bytes() {
        [b'x' | b'X', digits @ ..] if !digits.is_empty() => {
            let n = u8::from_str_radix(text.from(1).text(), 16).map_err(|_| text.fault(Problem::NotANumber))?;
            if negated { Comparison::NotEqual(n) } else { Comparison::Equal(n) }
        }
        _ => Comparison::parse(value)?,
    };
    push(rule, option, IpTest::Tos(test))
}

fn id(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = IpTest::Id(Comparison::parse(option.value(NUMBER)?.unquoted()?)?);
    push(rule, option, test)
}

/// Names of IP protocols as systems list them (IANA's list and its usual aliases); the upper-case form of each
/// is an alias, and nothing between.
const PROTOCOLS: [(&str, u8); 44] = [
    ("ip", 0),
    ("hopopt", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("ggp", 3),
    ("ipencap", 4),
    ("ip-encap", 4),
    ("st", 5),
    ("tcp", 6),
    ("egp", 8),
    ("igp", 9),
    ("pup", 12),
    ("udp", 17),
    ("hmp", 20),
    ("xns-idp", 22),
    ("rdp", 27),
    ("iso-tp4", 29),
    ("dccp", 33),
    ("xtp", 36),
    ("ddp", 37),
    ("idpr-cmtp", 38),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("idrp", 45),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("skip", 57),
    ("ipv6-icmp", 58),
    ("icmp6", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("eigrp", 88),
    ("ospf", 89),
    ("ipip", 94),
    ("etherip", 97),
    ("encap", 98),
    ("pim", 103),
    ("ipcomp", 108),
    ("vrrp", 112),
    ("l2tp", 115),
    ("sctp", 132),
];

fn ip_proto(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let value = option.value("[!|<|>]number or name")?.unquoted()?;
    let (make, rest): (fn(u8) -> Comparison<u8>, _) = if let Some(rest) = value.strip("!") {
        (Comparison::NotEqual, rest)
    } else if let Some(rest) = value.strip("<") {
        (Comparison::Less, rest)
    } else if let Some(rest) = value.strip(">") {
        (Comparison::Greater, rest)
    } else {
        (Comparison::Equal, value)
    };
    let number = match rest.bytes().first() {
        Some(b'0'..=b'9' | b'-' | b'+') => rest.int::<u8>()?,
        _ => {
            let text = rest.text();
            let named = |name: &str| name == text || name.to_ascii_uppercase() == text;
            PROTOCOLS
                .iter()
                .find(|(name, _)| named(name))
                .map(|&(_, number)| number)
                .ok_or_else(|| rest.fault(Problem::UnknownWord { expected: "the name of an IP protocol" }))?
        }
    };
    push(rule, option, IpTest::IpProto(make(number)))
}

fn ipopts(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "rr, lsrr, eol, nop, ts, sec, esec, ssrr, satid, rtralt, qs, cipso or any";
    let value = option.value(FORM)?;
    let kind = match value.text() {
        "eol" => IpOption::Type(0),
        "nop" => IpOption::Type(1),
        "rr" => IpOption::Type(7),
        "qs" => IpOption::Type(25),
        "ts" => IpOption::Type(68),
        "sec" => IpOption::Type(130),
        "lsrr" => IpOption::Type(131),
        "esec" => IpOption::Type(133),
        "cipso" => IpOption::Type(134),
        "satid" => IpOption::Type(136),
        "ssrr" => IpOption::Type(137),
        "rtralt" => IpOption::Type(148),
        "any" => IpOption::Any,
        _ => return Err(value.fault(Problem::UnknownWord { expected: FORM })),
    };
    push(rule, option, IpTest::Option(kind))
}

fn fragbits(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "[+|*|!] and letters of MDR";
    let value = option.value(FORM)?;
    let (mode, letters) = match value.bytes() {
        [b'+', ..] => (BitMode::AtLeast, value.from(1)),
        [b'*', ..] => (BitMode::AnyOf, value.from(1)),
        [b'!', ..] => (BitMode::NoneOf, value.from(1)),
        [.., b'+'] => (BitMode::AtLeast, value.slice(0, value.len() - 1)),
        [.., b'*'] => (BitMode::AnyOf, value.slice(0, value.len() - 1)),
        [.., b'!'] => (BitMode::NoneOf, value.slice(0, value.len() - 1)),
        _ => (BitMode::Exactly, value),
    };
    let mut bits = 0;
    for b in letters.trim().bytes() {
        bits |= match b.to_ascii_uppercase() {
            b'M' => 1,
            b'D' => 2,
            b'R' => 4,
            _ => return Err(value.fault(Problem::UnknownWord { expected: FORM })),
        };
    }
    if bits == 0 {
        return Err(value.malformed(FORM));
    }
    push(rule, option, IpTest::FragmentBits { mode, bits })
}

fn fragoffset(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = IpTest::FragmentOffset(Comparison::parse(option.value(NUMBER)?)?);
    push(rule, option, test)
}

fn sameip(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    option.no_value()?;
    push(rule, option, IpTest::SameAddress)
}

fn geoip(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "[src|dst|any|both,][!]two-letter codes separated by commas";
    let value = option.value(FORM)?;
    let parts = value.list();
    let (side, parts) = match parts.split_first() {
        Some((first, rest)) => match first.text() {
            "src" => (GeoSide::Source, rest),
            "dst" => (GeoSide::Destination, rest),
            "any" => (GeoSide::Any, rest),
            "both" => (GeoSide::Both, rest),
            _ => (GeoSide::Any, parts.as_slice()),
        },
        None => return Err(value.malformed(FORM)),
    };
    let (mut codes, mut negated) = (Vec::new(), false);
    for (i, part) in parts.iter().enumerate() {
        let (not, code) = part.negation();
        negated |= not;
        // One `!` stands for all codes; one later in the list would not say which.
        if not && i > 0 && !negated {
            return Err(part.malformed(FORM));
        }
        match code.bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                codes.push([a.to_ascii_uppercase(), b.to_ascii_uppercase()]);
            }
            _ => return Err(code.malformed(FORM)),
        }
    }
    if codes.is_empty() {
        return Err(value.malformed(FORM));
    }
    push(rule, option, IpTest::Country { side, codes, negated })
}

fn checksum(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let of = match option.keyword.name {
        "ipv4-csum" => ChecksumOf::Ipv4,
        "tcpv4-csum" => ChecksumOf::TcpV4,
        "tcpv6-csum" => ChecksumOf::TcpV6,
        "udpv4-csum" => ChecksumOf::UdpV4,
        "udpv6-csum" => ChecksumOf::UdpV6,
        "icmpv4-csum" => ChecksumOf::IcmpV4,
        "icmpv6-csum" => ChecksumOf::IcmpV6,
        "igmp-csum" => ChecksumOf::Igmp,
        _ => ChecksumOf::Sctp,
    };
    let value = option.value("valid or invalid")?.unquoted()?;
    let valid = match value {
        v if v.is("valid") => true,
        v if v.is("invalid") => false,
        v => return Err(v.fault(Problem::UnknownWord { expected: "valid or invalid" })),
    };
    push(rule, option, IpTest::Checksum { of, valid })
}

fn vlan_id(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let value = option.value("a comparison, then [,layer]")?;
    let (id, layer) = match value.split_once(b',') {
        Some((id, layer)) => (id, Some(layer)),
        None => (value, None),
    };
    let layer = match layer {
        None => None,
        Some(word) if word.is("any") || word.is("all") => None,
        Some(number) => Some(i8::try_from(number.number(-3, 2)?).unwrap_or(0)),
    };
    let comparison = Comparison::<u16>::parse(id)?;
    let (low, high) = comparison.bounds();
    if low > 4094 || (high > 4095 && matches!(comparison, Comparison::Equal(_))) {
        return Err(id.fault(Problem::OutOfRange { min: 0, max: 4094 }));
    }
    push(rule, option, IpTest::VlanId { id: comparison, layer })
}

fn vlan_layers(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let value = option.value(NUMBER)?;
    let test = Comparison::parse(value)?;
    if let Comparison::Equal(n @ 4..) = test {
        let _ = n;
        return Err(value.fault(Problem::OutOfRange { min: 0, max: 3 }));
    }
    push(rule, option, IpTest::VlanLayers(test))
}
