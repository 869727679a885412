//! State between rules: `flowbits`, `flowint`, `xbits`, `hostbits`.
//!
//! Called through the keyword table. Contradictions between two of them are found in `check`.
//!
//! Source: the public rule documentation, "Flow Keywords", "Xbits Keyword".
use super::flow::Side;
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::rule::{MatchKind, Report};
use crate::syntax::value::{Fault, Value};

/// What is done with a bit, or asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitOperation {
    /// `set`.
    Set,
    /// `unset`.
    Unset,
    /// `toggle`.
    Toggle,
    /// `isset`.
    IsSet,
    /// `isnotset`.
    IsNotSet,
}

impl BitOperation {
    /// Whether it is a condition rather than an effect.
    pub const fn is_condition(self) -> bool {
        matches!(self, Self::IsSet | Self::IsNotSet)
    }

    fn parse(word: Value<'_>) -> Result<Self, Fault> {
        match word.text() {
            "set" => Ok(Self::Set),
            "unset" => Ok(Self::Unset),
            "toggle" => Ok(Self::Toggle),
            "isset" => Ok(Self::IsSet),
            "isnotset" => Ok(Self::IsNotSet),
            _ => Err(word.fault(Problem::UnknownWord { expected: "set, unset, toggle, isset or isnotset" })),
        }
    }
}

/// `flowbits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowBits {
    /// What.
    pub operation: BitOperation,
    /// The bits; more than one only for conditions, of which one must hold.
    pub names: Vec<Box<str>>,
}

/// Whose bit an `xbits` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitOwner {
    /// `track ip_src`.
    Source,
    /// `track ip_dst`.
    Destination,
    /// `track ip_pair`.
    Pair,
    /// `track tx`: the transaction.
    Transaction,
}

/// `xbits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XBits {
    /// What.
    pub operation: BitOperation,
    /// The bit.
    pub name: Box<str>,
    /// Whose.
    pub owner: BitOwner,
    /// How long a set bit lasts, 30 seconds unless given.
    pub expire_s: u32,
}

/// `hostbits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostBits {
    /// What.
    pub operation: BitOperation,
    /// The bits; more than one only for conditions, of which one must hold.
    pub names: Vec<Box<str>>,
    /// Of the source, the destination, or both (absent).
    pub side: Option<Side>,
}

/// What `flowint` does or asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntOperation {
    /// `isset`.
    IsSet,
    /// `notset`, `isnotset`.
    IsNotSet,
    /// `=`.
    Assign(IntValue),
    /// `+`.
    Add(IntValue),
    /// `-`.
    Subtract(IntValue),
    /// `<`.
    Less(IntValue),
    /// `<=`.
    LessOrEqual(IntValue),
    /// `>`.
    Greater(IntValue),
    /// `>=`.
    GreaterOrEqual(IntValue),
    /// `==`.
    Equal(IntValue),
    /// `!=`.
    NotEqual(IntValue),
}

/// The right side of a `flowint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntValue {
    /// A number.
    Number(u32),
    /// Another variable of the flow.
    Variable(Box<str>),
}

/// `flowint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowInt {
    /// The variable.
    pub name: Box<str>,
    /// What.
    pub operation: IntOperation,
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("flowbits", "flowbits", flowbits),
    plain("flowint", "flowint", flowint),
    plain("xbits", "xbits", xbits),
    plain("hostbits", "hostbits", hostbits),
];

fn names(value: Value<'_>, operation: BitOperation) -> Result<Vec<Box<str>>, Fault> {
    let parts = value.split(b'|');
    if parts.len() > 1 && !operation.is_condition() {
        return Err(value.malformed("one name; only isset and isnotset take a|b"));
    }
    parts
        .into_iter()
        .map(|part| {
            let name = part.unquoted()?;
            if name.is_empty() || name.bytes().iter().any(|b| b.is_ascii_whitespace() || matches!(b, b',' | b'!')) {
                return Err(name.malformed("a name without spaces"));
            }
            Ok(name.lossy())
        })
        .collect()
}

fn flowbits(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "operation, name";
    let value = option.value(FORM)?.unquoted()?;
    let Some((operation, rest)) = value.split_once(b',') else {
        if value.is("noalert") {
            rule.set_report(option, Report::Never);
            return Ok(());
        }
        return Err(match BitOperation::parse(value) {
            Ok(_) => value.fault(Problem::ValueMissing { expected: FORM }),
            Err(fault) => fault,
        });
    };
    if operation.is("noalert") {
        return Err(rest.fault(Problem::ValueUnexpected));
    }
    let operation = BitOperation::parse(operation)?;
    let names = names(rest, operation)?;
    rule.push(option, MatchKind::FlowBits(FlowBits { operation, names }));
    Ok(())
}

fn xbits(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "operation, name, track ip_src|ip_dst|ip_pair [, expire seconds]";
    let value = option.value(FORM)?;
    let parts = value.list();
    let [operation, rest @ ..] = parts.as_slice() else { return Err(value.malformed(FORM)) };
    if operation.is("noalert") && rest.is_empty() {
        rule.set_report(option, Report::Never);
        return Ok(());
    }
    let operation = BitOperation::parse(*operation)?;
    let [name, rest @ ..] = rest else { return Err(value.malformed(FORM)) };
    if !name.is_name() {
        return Err(name.malformed("a name without spaces"));
    }
    let (mut owner, mut expire_s) = (None, 30);
    for part in rest {
        let (word, argument) = part.word();
        match (word.text(), argument.text()) {
            ("track", "ip_src") => owner = Some(BitOwner::Source),
            ("track", "ip_dst") => owner = Some(BitOwner::Destination),
            ("track", "ip_pair") => owner = Some(BitOwner::Pair),
            ("track", "tx") => owner = Some(BitOwner::Transaction),
            ("expire", _) => expire_s = u32::try_from(argument.number(1, i64::from(u32::MAX))?).unwrap_or(30),
            _ => return Err(part.fault(Problem::UnknownWord { expected: FORM })),
        }
    }
    let owner = owner.ok_or_else(|| value.malformed(FORM))?;
    rule.push(option, MatchKind::XBits(XBits { operation, name: name.lossy(), owner, expire_s }));
    Ok(())
}

fn hostbits(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "operation, name [, src|dst|both]";
    let value = option.value(FORM)?;
    let parts = value.list();
    let (operation, name, side) = match parts.as_slice() {
        [one] if one.is("noalert") => {
            rule.set_report(option, Report::Never);
            return Ok(());
        }
        [operation, name] => (*operation, *name, None),
        [operation, name, side] => (*operation, *name, Some(*side)),
        _ => return Err(value.malformed(FORM)),
    };
    let side = match side {
        None => None,
        Some(word) => match word.text() {
            "src" => Some(Side::ToServer),
            "dst" => Some(Side::ToClient),
            "both" => None,
            _ => return Err(word.fault(Problem::UnknownWord { expected: "src, dst or both" })),
        },
    };
    let operation = BitOperation::parse(operation)?;
    let names = names(name, operation)?;
    rule.push(option, MatchKind::HostBits(HostBits { operation, names, side }));
    Ok(())
}

fn flowint(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "name, operation [, number or name]";
    let value = option.value(FORM)?;
    let parts = value.list();
    let (name, operation, argument) = match parts.as_slice() {
        [name, operation] => (*name, *operation, None),
        [name, operation, argument] => (*name, *operation, Some(*argument)),
        _ => return Err(value.malformed(FORM)),
    };
    if !name.is_name() {
        return Err(name.malformed("a name of letters, digits, `_`, `.` and `-`"));
    }
    let operation = match operation.text() {
        // A value after these is accepted and means nothing, as in the reference.
        "isset" => IntOperation::IsSet,
        "notset" | "isnotset" => IntOperation::IsNotSet,
        other => {
            let argument = argument.ok_or_else(|| value.malformed(FORM))?;
            let right = match argument.bytes().first() {
                Some(b'0'..=b'9' | b'-') => IntValue::Number(argument.int()?),
                _ if argument.is_name() => IntValue::Variable(argument.lossy()),
                _ => return Err(argument.malformed("a number or the name of a flowint")),
            };
            match other {
                "=" => IntOperation::Assign(right),
                "+" => IntOperation::Add(right),
                "-" => IntOperation::Subtract(right),
                "<" => IntOperation::Less(right),
                "<=" => IntOperation::LessOrEqual(right),
                ">" => IntOperation::Greater(right),
                ">=" => IntOperation::GreaterOrEqual(right),
                "==" => IntOperation::Equal(right),
                "!=" => IntOperation::NotEqual(right),
                _ => {
                    return Err(operation
                        .fault(Problem::UnknownWord { expected: "isset, notset, =, +, -, <, <=, >, >=, == or !=" }));
                }
            }
        }
    };
    rule.push(option, MatchKind::FlowInt(FlowInt { name: name.lossy(), operation }));
    Ok(())
}
