//! Address and port expressions of a rule header, before variables are known.
//!
//! Called by `header`, and by `variables` for the text a variable stands for.
//!
//! Source: the public rule documentation, "Rules Format: Source and destination, Ports".
use crate::diagnostic::Problem;
use crate::syntax::value::{Fault, Value};
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address expression. `!` applies to what follows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressExpr {
    /// `any`.
    Any,
    /// Inclusive range of IPv4 addresses; one address and networks too.
    V4(u32, u32),
    /// Inclusive range of IPv6 addresses.
    V6(u128, u128),
    /// `$NAME`, without the dollar sign.
    Variable(Box<str>),
    /// `!` and what follows.
    Not(Box<AddressExpr>),
    /// `[a,b,!c]`: the union of the members without `!`, or everything when there are none, minus the union of
    /// what the members with `!` negate.
    List(Box<[AddressExpr]>),
}

/// A port expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortExpr {
    /// `any`.
    Any,
    /// Inclusive range.
    Range(u16, u16),
    /// `$NAME`, without the dollar sign.
    Variable(Box<str>),
    /// `!` and what follows.
    Not(Box<PortExpr>),
    /// As for addresses.
    List(Box<[PortExpr]>),
}

/// Lists may stand in lists this deep; deeper text is refused rather than risking the stack.
const DEPTH: usize = 32;

impl AddressExpr {
    /// Reads an expression: `any`, addresses, `a/bits`, `a/netmask`, `a-b`, `$NAME`, lists, `!`.
    pub fn parse(text: Value<'_>) -> Result<Self, Fault> {
        Tree::parse(text, &|leaf| address(leaf)).map(Self::from_tree)
    }

    fn from_tree(tree: Tree<Self>) -> Self {
        match tree {
            Tree::Leaf(leaf) => leaf,
            Tree::Variable(name) => Self::Variable(name),
            Tree::Not(inner) => Self::Not(Box::new(Self::from_tree(*inner))),
            Tree::List(members) => Self::List(members.into_iter().map(Self::from_tree).collect()),
        }
    }
}

impl PortExpr {
    /// Reads an expression: `any`, numbers, `a:b`, `:b`, `a:`, `$NAME`, lists, `!`.
    pub fn parse(text: Value<'_>) -> Result<Self, Fault> {
        Tree::parse(text, &|leaf| port(leaf)).map(Self::from_tree)
    }

    fn from_tree(tree: Tree<Self>) -> Self {
        match tree {
            Tree::Leaf(leaf) => leaf,
            Tree::Variable(name) => Self::Variable(name),
            Tree::Not(inner) => Self::Not(Box::new(Self::from_tree(*inner))),
            Tree::List(members) => Self::List(members.into_iter().map(Self::from_tree).collect()),
        }
    }
}

/// The shape both expressions share.
enum Tree<L> {
    Leaf(L),
    Variable(Box<str>),
    Not(Box<Tree<L>>),
    List(Vec<Tree<L>>),
}

type Leaf<'l, L> = &'l dyn Fn(Value<'_>) -> Result<L, Fault>;

impl<L> Tree<L> {
    /// Also takes a list without brackets at the top, as the reference does.
    fn parse(text: Value<'_>, leaf: Leaf<'_, L>) -> Result<Self, Fault> {
        let members = members(text.trim())?;
        match members.as_slice() {
            [one] => Self::member(*one, leaf, 0),
            many => Self::list(many, leaf, 0),
        }
    }

    fn list(members: &[Value<'_>], leaf: Leaf<'_, L>, depth: usize) -> Result<Self, Fault> {
        let members: Result<Vec<_>, Fault> = members.iter().map(|&m| Self::member(m, leaf, depth + 1)).collect();
        Ok(Self::List(members?))
    }

    fn member(text: Value<'_>, leaf: Leaf<'_, L>, depth: usize) -> Result<Self, Fault> {
        if depth > DEPTH {
            return Err(text.fault(Problem::UnbalancedBrackets));
        }
        match text.bytes() {
            [] => Err(text.fault(Problem::EmptyMember)),
            [b'!', ..] => Ok(Self::Not(Box::new(Self::member(text.from(1).trim(), leaf, depth + 1)?))),
            [b'$', ..] => {
                let name = text.from(1);
                if name.bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
                    && !name.is_empty()
                {
                    Ok(Self::Variable(name.lossy()))
                } else {
                    Err(text.malformed("$NAME of letters, digits and underscores"))
                }
            }
            [b'[', .., b']'] => Self::list(&members(text.slice(1, text.len() - 1).trim())?, leaf, depth + 1),
            [b'[', ..] => Err(text.fault(Problem::UnbalancedBrackets)),
            _ => leaf(text).map(Self::Leaf),
        }
    }
}

/// Cuts at commas outside brackets.
fn members(text: Value<'_>) -> Result<Vec<Value<'_>>, Fault> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (i, &b) in text.bytes().iter().enumerate() {
        match b {
            b'[' => depth += 1,
            b']' if depth == 0 => return Err(text.fault(Problem::UnbalancedBrackets)),
            b']' => depth -= 1,
            b',' if depth == 0 => {
                found.push(text.slice(start, i).trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err(text.fault(Problem::UnbalancedBrackets));
    }
    found.push(text.from(start).trim());
    Ok(found)
}

fn address(text: Value<'_>) -> Result<AddressExpr, Fault> {
    if text.is("any") {
        return Ok(AddressExpr::Any);
    }
    if let Some((base, mask)) = text.split_once(b'/') {
        return network(base, mask);
    }
    if let Some((low, high)) = text.split_once(b'-') {
        return match (one_address(low)?, one_address(high)?) {
            (One::V4(a), One::V4(b)) if a <= b => Ok(AddressExpr::V4(a, b)),
            (One::V6(a), One::V6(b)) if a <= b => Ok(AddressExpr::V6(a, b)),
            (One::V4(_), One::V4(_)) | (One::V6(_), One::V6(_)) => Err(text.fault(Problem::RangeReversed)),
            _ => Err(text.fault(Problem::NotAnAddress)),
        };
    }
    Ok(match one_address(text)? {
        One::V4(a) => AddressExpr::V4(a, a),
        One::V6(a) => AddressExpr::V6(a, a),
    })
}

enum One {
    V4(u32),
    V6(u128),
}

fn one_address(text: Value<'_>) -> Result<One, Fault> {
    let text = text.trim();
    if let Ok(v4) = text.text().parse::<Ipv4Addr>() {
        return Ok(One::V4(v4.to_bits()));
    }
    text.text().parse::<Ipv6Addr>().map(|v6| One::V6(v6.to_bits())).map_err(|_| text.fault(Problem::NotAnAddress))
}

fn network(base: Value<'_>, mask: Value<'_>) -> Result<AddressExpr, Fault> {
    match one_address(base)? {
        One::V4(base) => {
            let mask = if let Ok(netmask) = mask.text().parse::<Ipv4Addr>() {
                let bits = netmask.to_bits();
                // Ones, then zeros: anything else is no netmask.
                if bits.leading_ones() + bits.trailing_zeros() < 32 {
                    return Err(mask.fault(Problem::NotANetmask));
                }
                bits
            } else {
                let bits = prefix_length(mask, 32)?;
                u32::MAX.checked_shl(32 - bits).unwrap_or(0)
            };
            Ok(AddressExpr::V4(base & mask, (base & mask) | !mask))
        }
        One::V6(base) => {
            let bits = prefix_length(mask, 128)?;
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Ok(AddressExpr::V6(base & mask, (base & mask) | !mask))
        }
    }
}

fn prefix_length(text: Value<'_>, most: u32) -> Result<u32, Fault> {
    text.int::<u32>().ok().filter(|&bits| bits <= most).ok_or_else(|| text.fault(Problem::NotANetmask))
}

fn port(text: Value<'_>) -> Result<PortExpr, Fault> {
    if text.is("any") {
        return Ok(PortExpr::Any);
    }
    let number = |part: Value<'_>| part.int::<u16>().map_err(|_| part.fault(Problem::NotAPort));
    let Some((low, high)) = text.split_once(b':') else {
        let one = number(text)?;
        return Ok(PortExpr::Range(one, one));
    };
    if low.is_empty() && high.is_empty() {
        return Err(text.fault(Problem::NotAPort));
    }
    let low = if low.is_empty() { 0 } else { number(low)? };
    let high = if high.is_empty() { u16::MAX } else { number(high)? };
    if low > high {
        return Err(text.fault(Problem::RangeReversed));
    }
    Ok(PortExpr::Range(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address_of(text: &str) -> Result<AddressExpr, Problem> {
        AddressExpr::parse(Value::new(text.as_bytes(), 0)).map_err(|f| f.problem)
    }

    fn ports_of(text: &str) -> Result<PortExpr, Problem> {
        PortExpr::parse(Value::new(text.as_bytes(), 0)).map_err(|f| f.problem)
    }

    #[test]
    fn a_netmask_and_a_prefix_length_mean_the_same() {
        assert_eq!(address_of("10.1.2.3/255.255.0.0"), address_of("10.1.0.0/16"));
        assert_eq!(address_of("0.0.0.0/0"), Ok(AddressExpr::V4(0, u32::MAX)));
        assert_eq!(address_of("10.0.0.0/255.0.255.0"), Err(Problem::NotANetmask));
        assert_eq!(address_of("10.0.0.0/33"), Err(Problem::NotANetmask));
        assert_eq!(address_of("::/129"), Err(Problem::NotANetmask));
    }

    #[test]
    fn ranges_and_negated_lists_nest() {
        let AddressExpr::List(members) = address_of("[10.0.0.1, 2001:db8::1-2001:db8::ff, ![1.1.1.1,$X]]").unwrap()
        else {
            panic!()
        };
        assert_eq!(members.len(), 3);
        assert!(matches!(&members[2], AddressExpr::Not(inner) if matches!(**inner, AddressExpr::List(_))));
        assert_eq!(address_of("10.0.0.9-10.0.0.1"), Err(Problem::RangeReversed));
        assert_eq!(address_of("[10.0.0.1,,2.2.2.2]"), Err(Problem::EmptyMember));
        assert_eq!(address_of("[10.0.0.1"), Err(Problem::UnbalancedBrackets));
        assert_eq!(address_of("300.0.0.1"), Err(Problem::NotAnAddress));
    }

    #[test]
    fn port_ranges_may_be_open_at_one_end() {
        assert_eq!(ports_of(":1024"), Ok(PortExpr::Range(0, 1024)));
        assert_eq!(ports_of("49152:"), Ok(PortExpr::Range(49152, u16::MAX)));
        assert_eq!(ports_of("80:22"), Err(Problem::RangeReversed));
        assert_eq!(ports_of(":"), Err(Problem::NotAPort));
        assert_eq!(ports_of("65536"), Err(Problem::NotAPort));
    }

    #[test]
    fn text_nested_too_deep_is_refused() {
        assert!(address_of(&format!("{}1.1.1.1{}", "[".repeat(5000), "]".repeat(5000))).is_err());
        assert!(address_of(&"!".repeat(100_000)).is_err());
    }
}
