//! `byte_test`, `byte_jump`, `byte_extract`, `byte_math`: numbers read from the payload.
//!
//! Called through the keyword table. Names that `byte_extract` and `byte_math` fill are known to the builder from
//! there on, so that a later use of an unknown name is a fault.
//!
//! Source: the public rule documentation, "Payload Keywords".
use super::content::Operand;
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::{Fault, Value};

/// How the bytes become a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Most significant byte first.
    Big,
    /// Least significant byte first.
    Little,
    /// As the DCE/RPC header says.
    Dce,
    /// Digits of this base.
    Digits(Base),
}

/// Base of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Base 8.
    Octal,
    /// Base 10.
    Decimal,
    /// Base 16.
    Hexadecimal,
}

/// Where the number is and how it is read; shared by all four keywords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Number of bytes; 0 with digits means as many as there are, 0 in `byte_jump` reads nothing and jumps by 0.
    pub bytes: Operand,
    /// First byte, from the start of the buffer or the end of the last match.
    pub offset: Operand,
    /// Counted from the end of the last match.
    pub relative: bool,
    /// How it is read.
    pub encoding: Encoding,
    /// Only these bits count, shifted down by the mask's trailing zeros.
    pub bitmask: Option<u32>,
}

/// Comparison of `byte_test`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOperator {
    /// `=`, `==`.
    Equal,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `&`: they share a bit.
    And,
    /// `^`: exclusive or is not zero.
    Xor,
}

/// `byte_test`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteTest {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// The number.
    pub field: Field,
    /// `!` before the operator.
    pub negated: bool,
    /// The comparison.
    pub operator: ByteOperator,
    /// What it is compared with.
    pub value: Operand,
}

/// Where `byte_jump` counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JumpFrom {
    /// The end of the number.
    Here,
    /// `from_beginning`.
    Beginning,
    /// `from_end`.
    End,
}

/// `byte_jump`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteJump {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// The number.
    pub field: Field,
    /// Multiplied by this, 1 unless given.
    pub multiplier: u32,
    /// `align`: rounded up to a multiple of 4.
    pub align: bool,
    /// Where it counts from.
    pub from: JumpFrom,
    /// Added after the jump.
    pub post_offset: Operand,
}

/// `byte_extract`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteExtract {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// The number.
    pub field: Field,
    /// The variable it goes to.
    pub name: Box<str>,
    /// Multiplied by this, 1 unless given.
    pub multiplier: u16,
    /// Rounded up to a multiple of this: 2, 4 or not at all.
    pub align: Option<u8>,
}

/// Operation of `byte_math`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MathOperator {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`; the right value is not 0 when known.
    Divide,
    /// `<<`.
    ShiftLeft,
    /// `>>`.
    ShiftRight,
}

/// `byte_math`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteMath {
    /// Index into [`crate::Rule::buffers`].
    pub buffer: usize,
    /// The left value.
    pub field: Field,
    /// The operation.
    pub operator: MathOperator,
    /// The right value.
    pub right: Operand,
    /// The variable the result goes to.
    pub result: Box<str>,
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("byte_test", "payload", byte_test),
    plain("byte_jump", "payload", byte_jump),
    plain("byte_extract", "payload", byte_extract),
    plain("byte_math", "payload", byte_math),
];

const OFFSETS: (i64, i64) = (-65_535, 65_535);

/// Modifiers that say how a number is read, collected word by word.
#[derive(Default)]
struct Reading {
    relative: bool,
    endian: Option<Encoding>,
    string: bool,
    base: Option<Base>,
    bitmask: Option<u32>,
}

impl Reading {
    /// Takes a word if it is one of its own.
    fn take(&mut self, part: Value<'_>) -> Result<bool, Fault> {
        let (word, rest) = part.word();
        let mut endian = |encoding| {
            if self.endian.replace(encoding).is_some_and(|other| other != encoding) {
                return Err(part.fault(Problem::Conflict { with: "another byte order".into() }));
            }
            Ok(())
        };
        match word.text() {
            "relative" => self.relative = true,
            "big" => endian(Encoding::Big)?,
            "little" => endian(Encoding::Little)?,
            "dce" => endian(Encoding::Dce)?,
            "endian" if rest.is("big") => endian(Encoding::Big)?,
            "endian" if rest.is("little") => endian(Encoding::Little)?,
            "string" => {
                self.string = true;
                if !rest.is_empty() {
                    self.base = Some(base(rest)?);
                }
                return Ok(true);
            }
            "hex" | "dec" | "oct" => self.base = Some(base(word)?),
            "bitmask" => {
                let mask: u32 = rest.int()?;
                if mask == 0 {
                    return Err(rest.fault(Problem::OutOfRange { min: 1, max: i128::from(u32::MAX) }));
                }
                self.bitmask = Some(mask);
                return Ok(true);
            }
            _ => return Ok(false),
        }
        Ok(rest.is_empty() || word.is("endian"))
    }

    fn field(
        self,
        option: Use<'_>,
        bytes: Operand,
        offset: Operand,
        (least, most): (i64, i64),
    ) -> Result<Field, Fault> {
        let encoding = match (self.endian, self.string || self.base.is_some()) {
            (Some(Encoding::Dce), true) => {
                return Err(option.fault(Problem::Conflict { with: "dce and string".into() }));
            }
            (_, true) => Encoding::Digits(self.base.unwrap_or(Base::Decimal)),
            (Some(endian), false) => endian,
            (None, false) => Encoding::Big,
        };
        let most = if matches!(encoding, Encoding::Digits(_)) { 23 } else { most };
        // No bytes at all mean something only for digits, which end where they end.
        let least = if matches!(encoding, Encoding::Digits(_)) { 0 } else { least };
        if let Some(n) = bytes.known()
            && (n > most || n < least)
        {
            return Err(option.fault(Problem::OutOfRange { min: i128::from(least), max: i128::from(most) }));
        }
        Ok(Field { bytes, offset, relative: self.relative, encoding, bitmask: self.bitmask })
    }
}

fn base(word: Value<'_>) -> Result<Base, Fault> {
    match word.text() {
        "hex" => Ok(Base::Hexadecimal),
        "dec" => Ok(Base::Decimal),
        "oct" => Ok(Base::Octal),
        _ => Err(word.fault(Problem::UnknownWord { expected: "hex, dec or oct" })),
    }
}

fn byte_test(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "bytes, [!]operator, value, offset [, relative] [, big|little] [, string, hex|dec|oct] \
                        [, dce] [, bitmask mask]";
    let text = option.value(FORM)?;
    let parts = text.list();
    let [bytes, operator, value, offset, rest @ ..] = parts.as_slice() else {
        return Err(text.malformed(FORM));
    };
    let (negated, operator) = operator.negation();
    let operator = match operator.text() {
        // A lone `!` and `!=` mean "not equal".
        "=" | "==" => ByteOperator::Equal,
        "" if negated => ByteOperator::Equal,
        "<" => ByteOperator::Less,
        "<=" => ByteOperator::LessOrEqual,
        ">" => ByteOperator::Greater,
        ">=" => ByteOperator::GreaterOrEqual,
        "&" => ByteOperator::And,
        "^" => ByteOperator::Xor,
        _ => return Err(operator.fault(Problem::UnknownWord { expected: "=, <, <=, >, >=, & or ^, or ! and one" })),
    };
    let mut reading = Reading::default();
    for part in rest {
        if !reading.take(*part)? {
            return Err(part.fault(Problem::UnknownWord { expected: FORM }));
        }
    }
    let bytes = rule.operand(*bytes, (0, 23))?;
    let offset = rule.operand(*offset, OFFSETS)?;
    let value = rule.operand(*value, (-i64::from(u32::MAX), i64::MAX))?;
    let field = reading.field(option, bytes, offset, (1, 8))?;
    let buffer = rule.buffer_for(field.relative);
    rule.push(option, MatchKind::ByteTest(ByteTest { buffer, field, negated, operator, value }));
    Ok(())
}

fn byte_jump(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "bytes, offset [, relative] [, multiplier n] [, big|little] [, string, hex|dec|oct] [, align] \
                        [, from_beginning|from_end] [, post_offset n] [, dce] [, bitmask mask]";
    let text = option.value(FORM)?;
    let parts = text.list();
    let [bytes, offset, rest @ ..] = parts.as_slice() else {
        return Err(text.malformed(FORM));
    };
    let mut reading = Reading::default();
    let (mut multiplier, mut align, mut from, mut post_offset) = (1, false, JumpFrom::Here, Operand::Number(0));
    for part in rest {
        if reading.take(*part)? {
            continue;
        }
        let (word, argument) = part.word();
        match word.text() {
            "multiplier" => {
                multiplier = u32::try_from(argument.number(1, 65_535)?).unwrap_or(1);
            }
            "align" if argument.is_empty() => align = true,
            "from_beginning" | "from_end" => {
                let chosen = if word.is("from_end") { JumpFrom::End } else { JumpFrom::Beginning };
                if from != JumpFrom::Here && from != chosen {
                    return Err(part.fault(Problem::Conflict { with: "from_beginning and from_end".into() }));
                }
                from = chosen;
            }
            "post_offset" => post_offset = rule.operand(argument, OFFSETS)?,
            _ => return Err(part.fault(Problem::UnknownWord { expected: FORM })),
        }
    }
    let bytes = rule.operand(*bytes, (0, 23))?;
    let offset = rule.operand(*offset, OFFSETS)?;
    let field = reading.field(option, bytes, offset, (0, 8))?;
    let buffer = rule.buffer_for(field.relative);
    rule.push(option, MatchKind::ByteJump(ByteJump { buffer, field, multiplier, align, from, post_offset }));
    Ok(())
}

fn byte_extract(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "bytes, offset, name [, relative] [, multiplier n] [, big|little] [, string, hex|dec|oct] \
                        [, align 2|4] [, dce]";
    let text = option.value(FORM)?;
    let parts = text.list();
    let [bytes, offset, name, rest @ ..] = parts.as_slice() else {
        return Err(text.malformed(FORM));
    };
    let mut reading = Reading::default();
    let (mut multiplier, mut align) = (1, None);
    for part in rest {
        if reading.take(*part)? {
            continue;
        }
        let (word, argument) = part.word();
        match word.text() {
            "multiplier" => multiplier = u16::try_from(argument.number(1, 65_535)?).unwrap_or(1),
            "align" => match argument.text() {
                "2" => align = Some(2),
                "4" => align = Some(4),
                _ => return Err(argument.fault(Problem::UnknownWord { expected: "2 or 4" })),
            },
            _ => return Err(part.fault(Problem::UnknownWord { expected: FORM })),
        }
    }
    let bytes = Operand::Number(bytes.number(0, 23)?);
    let offset = Operand::Number(offset.number(OFFSETS.0, OFFSETS.1)?);
    let field = reading.field(option, bytes, offset, (1, 8))?;
    let buffer = rule.buffer_for(field.relative);
    let name = rule.define(*name)?;
    rule.push(option, MatchKind::ByteExtract(ByteExtract { buffer, field, name, multiplier, align }));
    Ok(())
}

fn byte_math(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "bytes n, offset n, oper +|-|*|/|<<|>>, rvalue n, result name [, relative] [, endian \
                        big|little] [, string hex|dec|oct] [, dce] [, bitmask mask]";
    let text = option.value(FORM)?;
    let mut reading = Reading::default();
    let (mut bytes, mut offset, mut operator, mut right, mut result) = (None, None, None, None, None);
    for part in text.list() {
        if reading.take(part)? {
            continue;
        }
        let (word, argument) = part.word();
        match word.text() {
            "bytes" => bytes = Some(rule.operand(argument, (0, 10))?),
            "offset" => offset = Some(argument.number(OFFSETS.0, OFFSETS.1).map(Operand::Number)?),
            "oper" => {
                operator = Some(match argument.text() {
                    "+" => MathOperator::Add,
                    "-" => MathOperator::Subtract,
                    "*" => MathOperator::Multiply,
                    "/" => MathOperator::Divide,
                    "<<" => MathOperator::ShiftLeft,
                    ">>" => MathOperator::ShiftRight,
                    _ => return Err(argument.fault(Problem::UnknownWord { expected: "+, -, *, /, << or >>" })),
                });
            }
            "rvalue" => right = Some((rule.operand(argument, (0, i64::from(u32::MAX)))?, argument)),
            "result" => result = Some(argument),
            _ => return Err(part.fault(Problem::UnknownWord { expected: FORM })),
        }
    }
    let (Some(bytes), Some(offset), Some(operator), Some((right, right_text)), Some(result)) =
        (bytes, offset, operator, right, result)
    else {
        return Err(text.malformed(FORM));
    };
    if operator == MathOperator::Divide && right.known() == Some(0) {
        return Err(right_text.fault(Problem::OutOfRange { min: 1, max: i128::from(u32::MAX) }));
    }
    if reading.endian == Some(Encoding::Dce) && reading.string {
        return Err(option.fault(Problem::Conflict { with: "dce and string".into() }));
    }
    let field = reading.field(option, bytes, offset, (1, 4))?;
    let buffer = rule.buffer_for(field.relative);
    let result = rule.define(result)?;
    rule.push(option, MatchKind::ByteMath(ByteMath { buffer, field, operator, right, result }));
    Ok(())
}
