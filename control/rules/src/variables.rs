//! Address and port variables, and the sets expressions stand for once variables are known.
//!
//! Called by `file` to check each header while loading, and by `compile` to get the sets. Nothing here is used
//! per packet: the sets are sorted ranges, to be put into whatever the engine looks up.
//!
//! Definition of a list: the union of its members without `!`, or everything when there are none, minus the union
//! of what the others negate. A set that is empty is an error, because the rule could never match.
use crate::diagnostic::Problem;
use crate::syntax::endpoint::{AddressExpr, PortExpr};
use crate::syntax::value::{Fault, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The variables of the settings, names without the dollar sign, values as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// `vars.address-groups`.
    pub address: BTreeMap<String, String>,
    /// `vars.port-groups`.
    pub port: BTreeMap<String, String>,
}

/// Sorted, disjoint, inclusive ranges that do not touch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ranges<T>(Box<[(T, T)]>);

/// A set of IP addresses. Never empty when it comes from [`Variables`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddressSet {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

/// A set of ports. Never empty when it comes from [`Variables`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortSet(Ranges<u16>);

/// Numbers a [`Ranges`] can hold.
pub trait Point: Copy + Ord {
    /// The least number.
    const FIRST: Self;
    /// The greatest number.
    const LAST: Self;
    /// The number after, if there is one.
    fn next(self) -> Option<Self>;
    /// The number before, if there is one.
    fn previous(self) -> Option<Self>;
}

macro_rules! point {
    ($($t:ty)*) => {$(
        impl Point for $t {
            const FIRST: Self = <$t>::MIN;
            const LAST: Self = <$t>::MAX;
            fn next(self) -> Option<Self> { self.checked_add(1) }
            fn previous(self) -> Option<Self> { self.checked_sub(1) }
        }
    )*};
}
point!(u16 u32 u128);

impl<T: Point> Ranges<T> {
    /// The set of nothing.
    pub fn nothing() -> Self {
        Self(Box::default())
    }

    /// The set of everything.
    pub fn everything() -> Self {
        Self(Box::new([(T::FIRST, T::LAST)]))
    }

    /// The set of these ranges, in any order, overlapping or not; a range that ends before it starts is left out.
    pub fn new(mut ranges: Vec<(T, T)>) -> Self {
        ranges.retain(|(low, high)| low <= high);
        ranges.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                // Touching ranges become one.
                Some(last) if last.1.next().is_none_or(|after| low <= after) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Self(merged.into())
    }

    /// The ranges, sorted, disjoint, not touching.
    pub fn as_slice(&self) -> &[(T, T)] {
        &self.0
    }

    /// Whether it is everything, in constant time.
    pub fn is_everything(&self) -> bool {
        matches!(*self.0, [(low, high)] if low == T::FIRST && high == T::LAST)
    }

    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds `point`; logarithmic.
    pub fn contains(&self, point: T) -> bool {
        let after = self.0.partition_point(|&(low, _)| low <= point);
        after.checked_sub(1).and_then(|i| self.0.get(i)).is_some_and(|&(_, high)| point <= high)
    }

    /// Everything not in it.
    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some(T::FIRST);
        for &(low, high) in &self.0 {
            if let (Some(start), Some(end)) = (from, low.previous())
                && start <= end
            {
                gaps.push((start, end));
            }
            from = high.next();
        }
        if let Some(start) = from {
            gaps.push((start, T::LAST));
        }
        Self(gaps.into())
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied().collect())
    }

    /// What is in this and not in `other`.
    pub fn minus(&self, other: &Self) -> Self {
        self.complement().union(other).complement()
    }
}

impl AddressSet {
    /// IPv4 ranges, in host order.
    pub fn v4(&self) -> &[(u32, u32)] {
        self.v4.as_slice()
    }

    /// IPv6 ranges.
    pub fn v6(&self) -> &[(u128, u128)] {
        self.v6.as_slice()
    }

    /// Whether every address of both families is in it, in constant time.
    pub fn is_everything(&self) -> bool {
        self.v4.is_everything() && self.v6.is_everything()
    }

    /// Whether it holds this IPv4 address.
    pub fn contains_v4(&self, address: u32) -> bool {
        self.v4.contains(address)
    }

    /// Whether it holds this IPv6 address.
    pub fn contains_v6(&self, address: u128) -> bool {
        self.v6.contains(address)
    }
}

impl PortSet {
    /// The ranges.
    pub fn ranges(&self) -> &[(u16, u16)] {
        self.0.as_slice()
    }

    /// Whether every port is in it, in constant time.
    pub fn is_everything(&self) -> bool {
        self.0.is_everything()
    }

    /// Whether it holds this port.
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(port)
    }
}

/// What an expression becomes while it is worked out; shared by addresses and ports.
trait Set: Clone {
    fn nothing() -> Self;
    fn everything() -> Self;
    fn union(&self, other: &Self) -> Self;
    fn complement(&self) -> Self;
    fn minus(&self, other: &Self) -> Self;
    fn is_empty(&self) -> bool;
    fn is_everything(&self) -> bool;
}

impl Set for AddressSet {
    fn nothing() -> Self {
        Self { v4: Ranges::nothing(), v6: Ranges::nothing() }
    }
    fn everything() -> Self {
        Self { v4: Ranges::everything(), v6: Ranges::everything() }
    }
    fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }
    fn complement(&self) -> Self {
        Self { v4: self.v4.complement(), v6: self.v6.complement() }
    }
    fn minus(&self, other: &Self) -> Self {
        Self { v4: self.v4.minus(&other.v4), v6: self.v6.minus(&other.v6) }
    }
    fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
    fn is_everything(&self) -> bool {
        Self::is_everything(self)
    }
}

impl Set for PortSet {
    fn nothing() -> Self {
        Self(Ranges::nothing())
    }
    fn everything() -> Self {
        Self(Ranges::everything())
    }
    fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0))
    }
    fn complement(&self) -> Self {
        Self(self.0.complement())
    }
    fn minus(&self, other: &Self) -> Self {
        Self(self.0.minus(&other.0))
    }
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    fn is_everything(&self) -> bool {
        Self::is_everything(self)
    }
}

/// Works out expressions and remembers the answers, since a rule set repeats a few expressions many times.
#[derive(Debug)]
pub struct Resolver<'v> {
    variables: &'v Variables,
    addresses: HashMap<AddressExpr, Result<Arc<AddressSet>, Problem>>,
    ports: HashMap<PortExpr, Result<Arc<PortSet>, Problem>>,
}

impl<'v> Resolver<'v> {
    /// A resolver over these variables.
    pub fn new(variables: &'v Variables) -> Self {
        Self { variables, addresses: HashMap::new(), ports: HashMap::new() }
    }

    /// The addresses an expression stands for.
    ///
    /// # Errors
    /// Unknown or recursive variable, text of a variable that is no expression, `!any`, nothing left.
    pub fn addresses(&mut self, expr: &AddressExpr) -> Result<Arc<AddressSet>, Problem> {
        if let Some(known) = self.addresses.get(expr) {
            return known.clone();
        }
        let set = self.variables.addresses(expr).map(Arc::new);
        self.addresses.insert(expr.clone(), set.clone());
        set
    }

    /// The ports an expression stands for; errors as for addresses.
    pub fn ports(&mut self, expr: &PortExpr) -> Result<Arc<PortSet>, Problem> {
        if let Some(known) = self.ports.get(expr) {
            return known.clone();
        }
        let set = self.variables.ports(expr).map(Arc::new);
        self.ports.insert(expr.clone(), set.clone());
        set
    }
}

impl Variables {
    /// The addresses an expression stands for. See [`Resolver::addresses`], which remembers.
    pub fn addresses(&self, expr: &AddressExpr) -> Result<AddressSet, Problem> {
        self.address_set(expr, &mut Vec::new())
    }

    /// The ports an expression stands for.
    pub fn ports(&self, expr: &PortExpr) -> Result<PortSet, Problem> {
        self.port_set(expr, &mut Vec::new())
    }

    fn address_set(&self, expr: &AddressExpr, trail: &mut Vec<Box<str>>) -> Result<AddressSet, Problem> {
        match expr {
            AddressExpr::Any => Ok(AddressSet::everything()),
            AddressExpr::V4(low, high) => {
                Ok(AddressSet { v4: Ranges::new(vec![(*low, *high)]), v6: Ranges::nothing() })
            }
            AddressExpr::V6(low, high) => {
                Ok(AddressSet { v4: Ranges::nothing(), v6: Ranges::new(vec![(*low, *high)]) })
            }
            AddressExpr::Variable(name) => {
                let text = definition(&self.address, name, trail)?;
                let expr = AddressExpr::parse(Value::new(text.as_bytes(), 0)).map_err(|f: Fault| f.problem)?;
                trail.push(name.clone());
                let set = self.address_set(&expr, trail);
                trail.pop();
                set
            }
            AddressExpr::Not(inner) => negated(&self.address_set(inner, trail)?),
            AddressExpr::List(members) => {
                let mut sums = Sums::default();
                for member in members {
                    match member {
                        AddressExpr::Not(inner) => sums.exclude(self.address_set(inner, trail)?)?,
                        other => sums.include(&self.address_set(other, trail)?),
                    }
                }
                sums.finish()
            }
        }
    }

    fn port_set(&self, expr: &PortExpr, trail: &mut Vec<Box<str>>) -> Result<PortSet, Problem> {
        match expr {
            PortExpr::Any => Ok(PortSet::everything()),
            PortExpr::Range(low, high) => Ok(PortSet(Ranges::new(vec![(*low, *high)]))),
            PortExpr::Variable(name) => {
                let text = definition(&self.port, name, trail)?;
                let expr = PortExpr::parse(Value::new(text.as_bytes(), 0)).map_err(|f: Fault| f.problem)?;
                trail.push(name.clone());
                let set = self.port_set(&expr, trail);
                trail.pop();
                set
            }
            PortExpr::Not(inner) => negated(&self.port_set(inner, trail)?),
            PortExpr::List(members) => {
                let mut sums = Sums::default();
                for member in members {
                    match member {
                        PortExpr::Not(inner) => sums.exclude(self.port_set(inner, trail)?)?,
                        other => sums.include(&self.port_set(other, trail)?),
                    }
                }
                sums.finish()
            }
        }
    }
}

fn definition<'m>(map: &'m BTreeMap<String, String>, name: &str, trail: &[Box<str>]) -> Result<&'m str, Problem> {
    if trail.iter().any(|seen| **seen == *name) {
        return Err(Problem::RecursiveVariable { name: name.into() });
    }
    map.get(name).map(String::as_str).ok_or_else(|| Problem::UnknownVariable { name: name.into() })
}

fn negated<S: Set>(set: &S) -> Result<S, Problem> {
    if set.is_everything() { Err(Problem::NegatedAny) } else { Ok(set.complement()) }
}

/// The two unions of a list.
struct Sums<S> {
    included: Option<S>,
    excluded: Option<S>,
}

impl<S> Default for Sums<S> {
    fn default() -> Self {
        Self { included: None, excluded: None }
    }
}

impl<S: Set> Sums<S> {
    fn include(&mut self, set: &S) {
        self.included = Some(self.included.as_ref().map_or_else(|| set.clone(), |sum| sum.union(set)));
    }

    fn exclude(&mut self, set: S) -> Result<(), Problem> {
        if set.is_everything() {
            return Err(Problem::NegatedAny);
        }
        self.excluded = Some(self.excluded.take().unwrap_or_else(S::nothing).union(&set));
        Ok(())
    }

    fn finish(self) -> Result<S, Problem> {
        let included = self.included.unwrap_or_else(S::everything);
        let set = self.excluded.map_or_else(|| included.clone(), |excluded| included.minus(&excluded));
        if set.is_empty() { Err(Problem::EmptySet) } else { Ok(set) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn variables() -> Variables {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        Variables {
            address: map(&[
                ("HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"),
                ("EXTERNAL_NET", "!$HOME_NET"),
                ("ALL", "any"),
                ("A", "$B"),
                ("B", "[1.1.1.1,$A]"),
            ]),
            port: map(&[("HTTP_PORTS", "80"), ("FILE_PORTS", "[$HTTP_PORTS,110,143]")]),
        }
    }

    fn addresses(text: &str) -> Result<AddressSet, Problem> {
        variables().addresses(&AddressExpr::parse(Value::new(text.as_bytes(), 0)).unwrap())
    }

    fn ports(text: &str) -> Result<PortSet, Problem> {
        variables().ports(&PortExpr::parse(Value::new(text.as_bytes(), 0)).unwrap())
    }

    #[test]
    fn only_negated_members_mean_everything_minus_them() {
        let set = addresses("[!192.168.0.0/16,!10.0.0.0/8]").unwrap();
        assert!(!set.contains_v4(0x0A00_0001) && set.contains_v4(0x0801_0101) && set.contains_v6(1));
        assert_eq!(addresses("![192.168.0.0/16,10.0.0.0/8]"), Ok(set));
    }

    #[test]
    fn a_negated_member_is_taken_from_the_others() {
        let set = addresses("[10.0.0.0/8,!10.10.10.10]").unwrap();
        assert_eq!(set.v4(), [(0x0A00_0000, 0x0A0A_0A09), (0x0A0A_0A0B, 0x0AFF_FFFF)]);
        assert!(set.v6().is_empty());
    }

    #[test]
    fn external_net_is_what_home_net_is_not() {
        let set = addresses("[!134.170.0.0/16,$EXTERNAL_NET]").unwrap();
        assert!(!set.contains_v4(0xC0A8_0001) && !set.contains_v4(0x86AA_0001) && set.contains_v4(0x0101_0101));
    }

    #[test]
    fn sets_of_nothing_and_broken_variables_are_refused() {
        assert_eq!(addresses("!any"), Err(Problem::NegatedAny));
        assert_eq!(addresses("!$ALL"), Err(Problem::NegatedAny));
        assert_eq!(addresses("[10.0.0.0/8,!10.0.0.0/7]"), Err(Problem::EmptySet));
        assert_eq!(addresses("$NONE"), Err(Problem::UnknownVariable { name: "NONE".into() }));
        assert!(matches!(addresses("$A"), Err(Problem::RecursiveVariable { .. })));
        assert_eq!(ports("[80,!$HTTP_PORTS]"), Err(Problem::EmptySet));
    }

    #[test]
    fn everything_is_known_as_such() {
        assert!(addresses("any").unwrap().is_everything());
        assert!(addresses("[0.0.0.0/1,128.0.0.0/1,::/0]").unwrap().is_everything());
        assert!(!addresses("0.0.0.0/0").unwrap().is_everything());
        assert!(ports("[:1023,1024:]").unwrap().is_everything());
        assert_eq!(ports("$FILE_PORTS").unwrap().ranges(), [(80, 80), (110, 110), (143, 143)]);
        assert_eq!(ports("[!$HTTP_PORTS,1024:]").unwrap().ranges(), [(1024, 65535)]);
    }

    fn ranges() -> impl Strategy<Value = Vec<(u16, u16)>> {
        prop::collection::vec((0u16..300, 0u16..40).prop_map(|(low, more)| (low, low + more)), 0..8)
    }

    proptest! {
        #[test]
        fn set_arithmetic_agrees_with_looking_at_each_port(a in ranges(), b in ranges()) {
            let (sa, sb) = (Ranges::new(a.clone()), Ranges::new(b.clone()));
            let naive = |r: &[(u16, u16)], p: u16| r.iter().any(|&(l, h)| l <= p && p <= h);
            for p in (0..400).chain([65535]) {
                prop_assert_eq!(sa.contains(p), naive(&a, p));
                prop_assert_eq!(sa.complement().contains(p), !naive(&a, p));
                prop_assert_eq!(sa.union(&sb).contains(p), naive(&a, p) || naive(&b, p));
                prop_assert_eq!(sa.minus(&sb).contains(p), naive(&a, p) && !naive(&b, p));
            }
            for pair in sa.as_slice().windows(2) {
                prop_assert!(pair[0].1 + 1 < pair[1].0);
            }
        }
    }
}
