//! Contents, regular expressions and byte operations into programs.

use super::Refusal;
use crate::{
    diagnostic::{Problem, Span},
    syntax::{
        comparison::Comparison,
        keyword::{
            byte::{Base, ByteOperator, Encoding as SyntaxEncoding, Field as SyntaxField, JumpFrom, MathOperator},
            content::{Content as SyntaxContent, FastPattern as Chosen, Operand},
        },
        rule::{MatchKind, Rule as Syntax},
    },
};
use sluice_detect::{
    RulesetBuilder,
    buffer::Buffer,
    group::FastPattern,
    program::{
        Comparison as Compare, Content, Encoding, Field, JumpBase, Number, Operation, Place, Program, Step, VARIABLES,
    },
    range::Range,
    regex,
};

type Result<T> = std::result::Result<T, (Span, Refusal)>;

/// The programs of a rule, one per buffer in the order they are first looked at, and the literal for the prefilter.
pub(super) fn compile(rule: &Syntax, builder: &mut RulesetBuilder) -> Result<(Vec<Program>, Option<FastPattern>)> {
    let mut variables = Variables::default();
    let mut steps: Vec<(usize, Buffer, Vec<Step>)> = Vec::new();
    let mut best: Option<(Rank, FastPattern)> = None;
    for found in &rule.matches {
        let Some(index) = found.kind.buffer() else { continue };
        let needs = |feature| (found.span, Refusal::Needs(feature));
        let used = rule.buffers.get(index).ok_or_else(|| needs("buffers"))?;
        if !used.transforms.is_empty() {
            return Err((used.span, Refusal::Needs("transforms")));
        }
        let buffer = buffer_of(used.buffer.name).ok_or((used.span, Refusal::Needs(used.buffer.feature)))?;
        let step = match &found.kind {
            MatchKind::Content(content) => {
                if content.replace.is_some() {
                    return Err(needs("replace"));
                }
                if buffer == Buffer::Payload && !content.negated {
                    consider(&mut best, content);
                }
                Step::Content(self::content(content, &mut variables).map_err(|refusal| (found.span, refusal))?)
            }
            MatchKind::Pcre(pcre) => {
                if !pcre.captures.is_empty() {
                    return Err(needs("pcre captures"));
                }
                let flags = regex::Flags {
                    caseless: pcre.caseless,
                    multi_line: pcre.multi_line,
                    dot_matches_newline: pcre.dot_all,
                    extended: pcre.extended,
                    anchored: pcre.anchored,
                    dollar_end_only: pcre.dollar_end_only,
                    ungreedy: pcre.ungreedy,
                };
                let regex = builder.regex(&pcre.expression, flags).map_err(|error| {
                    let reason = match error {
                        regex::RegexError::Syntax(reason) => reason,
                        regex::RegexError::NotText => "not text".to_owned(),
                    };
                    (found.span, Refusal::Wrong(Problem::BadExpression { reason: reason.into() }))
                })?;
                Step::Regex { regex, negated: pcre.negated, relative: pcre.relative }
            }
            MatchKind::IsDataAt(data) => Step::IsDataAt {
                offset: variables.number(&data.position).map_err(|refusal| (found.span, refusal))?,
                relative: data.relative,
                negated: data.negated,
            },
            MatchKind::BufferSize(size) => Step::Size(range(size.size).ok_or_else(|| needs("bit comparisons"))?),
            MatchKind::ByteTest(test) => Step::ByteTest {
                field: variables.field(&test.field).map_err(|refusal| (found.span, refusal))?,
                comparison: match test.operator {
                    ByteOperator::Equal => Compare::Equal,
                    ByteOperator::Less => Compare::Less,
                    ByteOperator::LessOrEqual => Compare::LessOrEqual,
                    ByteOperator::Greater => Compare::Greater,
                    ByteOperator::GreaterOrEqual => Compare::GreaterOrEqual,
                    ByteOperator::And => Compare::And,
                    ByteOperator::Xor => Compare::Xor,
                },
                negated: test.negated,
                value: variables.number(&test.value).map_err(|refusal| (found.span, refusal))?,
            },
            MatchKind::ByteJump(jump) => Step::ByteJump {
                field: variables.field(&jump.field).map_err(|refusal| (found.span, refusal))?,
                base: match jump.from {
                    JumpFrom::Here => JumpBase::Here,
                    JumpFrom::Beginning => JumpBase::Beginning,
                    JumpFrom::End => JumpBase::End,
                },
                multiplier: jump.multiplier,
                align: jump.align,
                post_offset: variables.number(&jump.post_offset).map_err(|refusal| (found.span, refusal))?,
            },
            MatchKind::ByteExtract(extract) => Step::ByteExtract {
                field: variables.field(&extract.field).map_err(|refusal| (found.span, refusal))?,
                variable: variables.place(&extract.name).map_err(|refusal| (found.span, refusal))?,
                multiplier: u32::from(extract.multiplier),
                align: extract.align.map_or(1, u32::from),
            },
            MatchKind::ByteMath(math) => Step::ByteMath {
                field: variables.field(&math.field).map_err(|refusal| (found.span, refusal))?,
                operation: match math.operator {
                    MathOperator::Add => Operation::Add,
                    MathOperator::Subtract => Operation::Subtract,
                    MathOperator::Multiply => Operation::Multiply,
                    MathOperator::Divide => Operation::Divide,
                    MathOperator::ShiftLeft => Operation::ShiftLeft,
                    MathOperator::ShiftRight => Operation::ShiftRight,
                },
                operand: variables.number(&math.right).map_err(|refusal| (found.span, refusal))?,
                variable: variables.place(&math.result).map_err(|refusal| (found.span, refusal))?,
            },
            MatchKind::Base64Decode(_) => return Err(needs("base64")),
            MatchKind::Dataset(_) | MatchKind::Datarep(_) => return Err(needs("datasets")),
            MatchKind::Entropy(_) => return Err(needs("entropy")),
            MatchKind::Absent(_) => return Err(needs("absent")),
            _ => return Err(needs("buffers")),
        };
        match steps.iter_mut().find(|(other, _, _)| *other == index) {
            Some((_, _, list)) => list.push(step),
            None => steps.push((index, buffer, vec![step])),
        }
    }
    let programs = steps.into_iter().map(|(_, buffer, steps)| Program::new(buffer, steps)).collect();
    Ok((programs, best.map(|(_, pattern)| pattern)))
}

/// The engine's buffer of this name.
fn buffer_of(name: &str) -> Option<Buffer> {
    Some(match name {
        "payload" | "pkt_data" => Buffer::Payload,
        "ether.hdr" => Buffer::EthernetHeader,
        "ipv4.hdr" => Buffer::Ipv4Header,
        "ipv6.hdr" => Buffer::Ipv6Header,
        "tcp.hdr" => Buffer::TcpHeader,
        "udp.hdr" => Buffer::UdpHeader,
        "icmpv4.hdr" => Buffer::Icmpv4Header,
        "icmpv6.hdr" => Buffer::Icmpv6Header,
        "igmp.hdr" => Buffer::IgmpHeader,
        "sctp.hdr" => Buffer::SctpHeader,
        "sctp.chunk_data" => Buffer::SctpChunkData,
        "arp.hdr" => Buffer::ArpHeader,
        "ip.src" => Buffer::SourceAddress,
        "ip.dst" => Buffer::DestinationAddress,
        _ => return None,
    })
}

/// Takes `content` for the prefilter when it filters better than what was chosen so far: what the prefilter can use at all comes before the author's
/// choice, and that before length. Any content that must be there is a sound choice; the author's says which is rare.
fn consider(best: &mut Option<(Rank, FastPattern)>, content: &SyntaxContent) {
    let (chosen, bytes) = match content.fast_pattern {
        None => (false, &*content.pattern),
        Some(Chosen::Whole | Chosen::Only) => (true, &*content.pattern),
        Some(Chosen::Part { offset, length }) => {
            let (start, length) = (usize::from(offset), usize::from(length));
            (true, content.pattern.get(start..start + length).unwrap_or(&content.pattern))
        }
    };
    let bytes = if content.nocase { bytes.to_ascii_lowercase() } else { bytes.to_vec() };
    let pattern = FastPattern { bytes, nocase: content.nocase };
    let rank = (pattern.literal().is_some(), chosen, pattern.bytes.len());
    if best.as_ref().is_none_or(|(other, _)| rank > *other) {
        *best = Some((rank, pattern));
    }
}

/// Usable by the prefilter, chosen by the author, length.
type Rank = (bool, bool, usize);

fn content(content: &SyntaxContent, variables: &mut Variables) -> std::result::Result<Content, Refusal> {
    let mut compiled = Content::new(&content.pattern, content.nocase);
    compiled.negated = content.negated;
    compiled.ends = content.endswith;
    let mut optional =
        |operand: &Option<Operand>| operand.as_ref().map(|operand| variables.number(operand)).transpose();
    let zero = Number::Constant(0);
    compiled.place = if content.is_relative() {
        Place::Relative { distance: optional(&content.distance)?.unwrap_or(zero), within: optional(&content.within)? }
    } else if content.startswith {
        Place::Absolute { offset: zero, depth: Some(Number::Constant(content.pattern.len() as i64)) }
    } else {
        Place::Absolute { offset: optional(&content.offset)?.unwrap_or(zero), depth: optional(&content.depth)? }
    };
    Ok(compiled)
}

/// A comparison as a range; none for comparisons of bits.
pub(super) fn range<T>(comparison: Comparison<T>) -> Option<Range<T>>
where
    T: Copy + PartialOrd + Bounds,
{
    let never = Range { low: T::MOST, high: T::LEAST, negated: false };
    let between = |low: T, high: T| match (low.next(), high.previous()) {
        (Some(low), Some(high)) if low <= high => Range::between(low, high),
        _ => never,
    };
    Some(match comparison {
        Comparison::Equal(number) => Range::exactly(number),
        Comparison::NotEqual(number) => Range { negated: true, ..Range::exactly(number) },
        Comparison::Less(number) => number.previous().map_or(never, |high| Range::between(T::LEAST, high)),
        Comparison::LessOrEqual(number) => Range::between(T::LEAST, number),
        Comparison::Greater(number) => number.next().map_or(never, |low| Range::between(low, T::MOST)),
        Comparison::GreaterOrEqual(number) => Range::between(number, T::MOST),
        Comparison::Between(low, high) => between(low, high),
        Comparison::NotBetween(low, high) => Range { negated: true, ..between(low, high) },
        Comparison::Bits { .. } | Comparison::NotBits { .. } => return None,
    })
}

/// Numbers with ends.
pub(super) trait Bounds: Sized {
    /// The least.
    const LEAST: Self;
    /// The greatest.
    const MOST: Self;
    /// One more.
    fn next(self) -> Option<Self>;
    /// One less.
    fn previous(self) -> Option<Self>;
}

macro_rules! bounds {
    ($($number:ty),+) => {$(
        impl Bounds for $number {
            const LEAST: Self = Self::MIN;
            const MOST: Self = Self::MAX;
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    )+};
}

bounds!(u8, u16, u32, u64);

/// The variables of one rule.
#[derive(Default)]
struct Variables {
    names: Vec<Box<str>>,
}

impl Variables {
    fn place(&mut self, name: &str) -> std::result::Result<u8, Refusal> {
        if let Some(place) = self.names.iter().position(|other| &**other == name) {
            return Ok(place as u8);
        }
        if self.names.len() == VARIABLES {
            return Err(Refusal::Needs("more than eight variables in a rule"));
        }
        self.names.push(name.into());
        Ok(self.names.len() as u8 - 1)
    }

    fn number(&mut self, operand: &Operand) -> std::result::Result<Number, Refusal> {
        Ok(match operand {
            Operand::Number(number) => Number::Constant(*number),
            Operand::Variable(name) => Number::Variable(self.place(name)?),
        })
    }

    fn field(&mut self, field: &SyntaxField) -> std::result::Result<Field, Refusal> {
        Ok(Field {
            bytes: self.number(&field.bytes)?,
            offset: self.number(&field.offset)?,
            relative: field.relative,
            encoding: match field.encoding {
                SyntaxEncoding::Big => Encoding::BigEndian,
                SyntaxEncoding::Little => Encoding::LittleEndian,
                SyntaxEncoding::Digits(Base::Octal) => Encoding::Text(8),
                SyntaxEncoding::Digits(Base::Decimal) => Encoding::Text(10),
                SyntaxEncoding::Digits(Base::Hexadecimal) => Encoding::Text(16),
                SyntaxEncoding::Dce => return Err(Refusal::Needs("dcerpc")),
            },
            bitmask: field.bitmask.map_or(u64::MAX, u64::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Range, range};

    #[test]
    fn comparisons_become_ranges_and_impossible_ones_never_match() {
        assert_eq!(range(Comparison::Less(5_u8)), Some(Range::between(0, 4)));
        assert_eq!(range(Comparison::Between(3_u8, 7)), Some(Range::between(4, 6)));
        for impossible in [Comparison::Less(0_u8), Comparison::Greater(255), Comparison::Between(3, 4)] {
            let range = range(impossible).unwrap();
            assert!((0..=255).all(|number| !range.matches(number)), "{impossible:?}");
        }
        let outside = range(Comparison::NotBetween(3_u8, 7)).unwrap();
        assert!(outside.matches(3) && !outside.matches(4));
    }
}
