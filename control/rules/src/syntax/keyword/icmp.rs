//! Tests of the ICMP and IGMP headers: `itype`, `icode`, `icmp_id`, `icmp_seq`, `icmpv6.mtu`, `igmp.type`.
//!
//! Called through the keyword table. Source: the public rule documentation, "ICMP keywords", "IGMP keywords".
use super::{Keyword, Use, alias, plain};
use crate::syntax::builder::Builder;
use crate::syntax::comparison::Comparison;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::Fault;

/// One test of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpTest {
    /// `itype`.
    Type(Comparison<u8>),
    /// `icode`.
    Code(Comparison<u8>),
    /// `icmp_id`.
    Id(Comparison<u16>),
    /// `icmp_seq`.
    Sequence(Comparison<u16>),
    /// `icmpv6.mtu`.
    V6Mtu(Comparison<u32>),
    /// `igmp.type`.
    IgmpType(Comparison<u8>),
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("itype", "packet", icmp_type),
    plain("icode", "packet", code),
    plain("icmp_id", "packet", id),
    plain("icmp_seq", "packet", sequence),
    plain("icmpv6.mtu", "packet", mtu),
    plain("igmp.type", "packet", igmp_type),
    alias("icmpv6mtu", "icmpv6.mtu", "packet", mtu),
];

const NUMBER: &str = "a number, <n, >n or a<>b";

fn push(rule: &mut Builder<'_>, option: Use<'_>, test: IcmpTest) -> Result<(), Fault> {
    rule.push(option, MatchKind::Icmp(test));
    Ok(())
}

fn icmp_type(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = IcmpTest::Type(Comparison::parse(option.value(NUMBER)?.unquoted()?)?);
    push(rule, option, test)
}

fn code(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = IcmpTest::Code(Comparison::parse(option.value(NUMBER)?.unquoted()?)?);
    push(rule, option, test)
}

fn id(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = IcmpTest::Id(Comparison::parse(option.value(NUMBER)?.unquoted()?)?);
    push(rule, option, test)
}

fn sequence(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = IcmpTest::Sequence(Comparison::parse(option.value(NUMBER)?.unquoted()?)?);
    push(rule, option, test)
}

fn mtu(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = IcmpTest::V6Mtu(Comparison::parse(option.value(NUMBER)?)?);
    push(rule, option, test)
}

fn igmp_type(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = IcmpTest::IgmpType(Comparison::parse(option.value(NUMBER)?)?);
    push(rule, option, test)
}
