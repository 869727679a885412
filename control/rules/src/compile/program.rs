//! Contents, regular expressions and byte operations into programs.

use super::{
    Outside, Refusal, app,
    names::{Kind as NameKind, Names},
    transform,
};
use crate::{
    diagnostic::{Problem, Span},
    syntax::{
        comparison::Comparison,
        header::Direction as SyntaxDirection,
        keyword::{
            buffer_table::Sides,
            byte::{Base, ByteOperator, Encoding as SyntaxEncoding, Field as SyntaxField, JumpFrom, MathOperator},
            content::{Content as SyntaxContent, FastPattern as Chosen, Operand},
            dataset::DatasetOperation,
            pcre::{Capture as SyntaxCapture, Pcre},
            size::EntropyValue,
        },
        rule::{BufferUse, MatchKind, Rule as Syntax},
    },
};
use sluice_app::Field as AppField;
use sluice_core::{Direction, RemarkKind};
use sluice_detect::{
    RulesetBuilder,
    buffer::Buffer,
    contexts::ContextSource,
    dataset::Dataset,
    entropy::Wanted,
    literals::FastPattern,
    program::{
        Absence, Comparison as Compare, Content, Encoding, Field, JumpBase, Number, Operation, Place, Program,
        SetOperation, Step, VARIABLES,
    },
    range::Range,
    regex,
    remarks::{Capture, CapturedFor},
    run::MOST_CAPTURES,
};
use std::{ops::BitAnd, sync::Arc};

type Result<T> = std::result::Result<T, (Span, Refusal)>;

/// What a rule asks of buffers.
pub(super) struct Programs {
    /// One per buffer, in the order they are first looked at; those that change a data set last.
    pub(super) programs: Vec<Program>,
    /// The literal for the prefilter.
    pub(super) fast_pattern: Option<FastPattern>,
    /// Packets are written over: there is no stream to be judged.
    pub(super) replaces: bool,
}

/// The direction of a transaction in which `used` is looked for: the end that fills it, or the one it names.
pub(super) fn side_of(used: &BufferUse) -> Option<Direction> {
    match (used.buffer.sides, used.argument.as_deref()) {
        (Sides::ToServer, _) | (Sides::Both, Some("to_server")) => Some(Direction::ToServer),
        (Sides::ToClient, _) | (Sides::Both, Some("to_client")) => Some(Direction::ToClient),
        (Sides::Both, _) => None,
    }
}

/// Where the groups of an expression go: those the rule lists, in order, and those whose names say so. A name beyond all numbers is told by none.
fn captures(pcre: &Pcre, regex: u32, names: &mut Names, builder: &mut RulesetBuilder) -> Box<[Capture]> {
    let listed = (1..=u8::MAX).zip(pcre.captures.iter().cloned());
    let named = builder.named_groups(regex).filter_map(|(group, name)| {
        let (kind, name) = name.split_once('_')?;
        let name = name.to_owned().into();
        match kind {
            "flow" => Some((group, SyntaxCapture::Flow(name))),
            "pkt" => Some((group, SyntaxCapture::Packet(name))),
            "alert" => Some((group, SyntaxCapture::Alert(name))),
            _ => None,
        }
    });
    let all: Vec<_> = listed.chain(named).take(if pcre.negated { 0 } else { MOST_CAPTURES }).collect();
    let mut to = |capture: SyntaxCapture| {
        let mut text = |kind, name: &str| Some(CapturedFor::All(kind, names.number(NameKind::Text, name)?));
        match capture {
            SyntaxCapture::Flow(name) => text(RemarkKind::FlowText, &name),
            SyntaxCapture::Packet(name) => text(RemarkKind::PacketText, &name),
            SyntaxCapture::Alert(name) => {
                let source = ContextSource { key: name.to_string().into(), set: None };
                builder.context_source(source).map(CapturedFor::Alert)
            }
        }
    };
    all.into_iter().filter_map(|(group, capture)| Some(Capture { group, to: to(capture)? })).collect()
}

/// The steps over one buffer, while they are gathered.
struct Draft {
    side: Option<Direction>,
    index: usize,
    buffer: Buffer,
    derived: Option<u32>,
    absence: Absence,
    steps: Vec<Step>,
}

/// The programs of a rule.
pub(super) fn compile(
    rule: &Syntax,
    outside: &Outside,
    names: &mut Names,
    builder: &mut RulesetBuilder,
) -> Result<Programs> {
    let mut variables = Variables::default();
    let mut drafts: Vec<Draft> = Vec::new();
    let mut best: Option<(Rank, FastPattern, usize)> = None;
    let (mut decoded, mut decodes) = (Vec::new(), 0);
    let mut replaces = false;
    for found in &rule.matches {
        let Some(index) = found.kind.buffer() else { continue };
        let needs = |feature| (found.span, Refusal::Needs(feature));
        let wrong = |refusal| (found.span, refusal);
        let used = rule.buffers.get(index).ok_or_else(|| needs("buffers"))?;
        let in_base64 = used.buffer.name == "base64_data";
        if in_base64 && !used.transforms.is_empty() {
            return Err((used.span, Refusal::Needs("transforms of base64_data")));
        }
        // What base64_decode gives is judged where it stands; the buffer named here is never looked at.
        let of_message = app::buffer(used, rule.protocol).map(Buffer::App);
        let buffer = match of_message.or_else(|| buffer_of(used.buffer.name)) {
            _ if in_base64 => Buffer::Payload,
            Some(buffer) => buffer,
            None => return Err((used.span, Refusal::Needs(used.buffer.feature))),
        };
        let derived = match used.transforms.is_empty() {
            true => None,
            false => {
                let chain = transform::compile(&used.transforms, builder).map_err(|refusal| (used.span, refusal))?;
                Some(builder.derived(buffer, chain))
            }
        };
        let mut absence = Absence::Fails;
        let step = match &found.kind {
            MatchKind::Content(content) => {
                let of_one_case;
                let content = match buffer {
                    Buffer::App(field) if has_one_case(field) && derived.is_none() => {
                        of_one_case = SyntaxContent { nocase: true, ..content.clone() };
                        &of_one_case
                    }
                    _ => content,
                };
                if content.replace.is_some() && (buffer != Buffer::Payload || derived.is_some() || in_base64) {
                    return Err(needs("replace outside the payload"));
                }
                replaces |= content.replace.is_some();
                let of = match buffer {
                    Buffer::App(field) => Some(Some((field, derived))),
                    Buffer::Payload if derived.is_none() => Some(None),
                    _ => None,
                };
                if let Some(of) = of.filter(|_| !in_base64 && !content.negated) {
                    consider(&mut best, content, of, index);
                }
                Step::Content(self::content(content, &mut variables).map_err(|refusal| (found.span, refusal))?)
            }
            MatchKind::Pcre(pcre) => {
                let flags = regex::Flags {
                    caseless: pcre.caseless,
                    multi_line: pcre.multi_line,
                    dot_matches_newline: pcre.dot_all,
                    extended: pcre.extended,
                    anchored: pcre.anchored,
                    dollar_end_only: pcre.dollar_end_only,
                    ungreedy: pcre.ungreedy,
                };
                let regex = builder.regex(&pcre.expression, flags).map_err(|error| wrong(wrong_expression(error)))?;
                let captures = captures(pcre, regex, names, builder);
                Step::Regex { regex, negated: pcre.negated, relative: pcre.relative, captures }
            }
            MatchKind::IsDataAt(data) => Step::IsDataAt {
                offset: variables.number(&data.position).map_err(|refusal| (found.span, refusal))?,
                relative: data.relative,
                negated: data.negated,
            },
            MatchKind::BufferSize(size) => Step::Size(range(size.size)),
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
            MatchKind::Base64Decode(_) if in_base64 => return Err(needs("base64 within base64")),
            MatchKind::Base64Decode(decode) => {
                decodes += 1;
                if decodes > 1 {
                    return Err(needs("several base64_decode"));
                }
                Step::Base64 {
                    bytes: decode.bytes.map(|bytes| bytes as usize),
                    offset: decode.offset as usize,
                    relative: decode.relative,
                    program: Box::new(Program::new(Buffer::Payload, Vec::new())),
                }
            }
            MatchKind::Dataset(dataset) => {
                let set = self::dataset(&dataset.name, outside, names).map_err(wrong)?;
                let writes = matches!(dataset.operation, DatasetOperation::Set | DatasetOperation::Unset);
                if writes && set.has_records() {
                    let reason = "the set is read from JSON, which rules can't change";
                    return Err(wrong(Refusal::Wrong(Problem::DatasetRefused { reason })));
                }
                let source = dataset.context_key.as_ref().filter(|_| set.has_records());
                let source = source.map(|key| ContextSource { key: key.clone(), set: Some(Arc::clone(&set)) });
                let number =
                    source.map(|source| builder.context_source(source).ok_or_else(|| needs("more context keys")));
                Step::Dataset {
                    set,
                    context: number.transpose()?,
                    operation: match dataset.operation {
                        DatasetOperation::IsSet => SetOperation::IsSet,
                        DatasetOperation::IsNotSet => SetOperation::IsNotSet,
                        DatasetOperation::Set => SetOperation::Set,
                        DatasetOperation::Unset => SetOperation::Unset,
                    },
                }
            }
            MatchKind::Datarep(reputation) => Step::Dataset {
                set: dataset(&reputation.name, outside, names).map_err(wrong)?,
                operation: SetOperation::Reputation(range(reputation.value)),
                context: None,
            },
            MatchKind::Entropy(entropy) => Step::Entropy {
                offset: entropy.offset as usize,
                bytes: entropy.bytes as usize,
                // As the reference engine names it.
                name: names.number(NameKind::Text, &entropy_name(used.buffer.name)).unwrap_or(u16::MAX),
                wanted: entropy_range(entropy.value),
            },
            MatchKind::Absent(_) if in_base64 => return Err(needs("absent in base64_data")),
            MatchKind::Absent(absent) => {
                absence = if absent.or_else { Absence::Allowed } else { Absence::Wanted };
                Step::Size(Range::between(0, u64::MAX))
            }
            _ => return Err(needs("buffers")),
        };
        if in_base64 {
            decoded.push(step);
            continue;
        }
        let place = drafts.iter().position(|draft| draft.index == index).unwrap_or_else(|| {
            let side = side_of(used).filter(|_| rule.direction == SyntaxDirection::Transaction);
            drafts.push(Draft { side, index, buffer, derived, absence: Absence::Fails, steps: Vec::new() });
            drafts.len() - 1
        });
        if let Some(draft) = drafts.get_mut(place) {
            if ends_what_must_not_be_there(draft.steps.last_mut(), &step) {
                continue;
            }
            draft.steps.push(step);
            if absence != Absence::Fails {
                draft.absence = absence;
            }
        }
    }
    // A buffer that may be missing holds no rule back.
    let optional: Vec<usize> =
        drafts.iter().filter(|draft| draft.absence != Absence::Fails).map(|draft| draft.index).collect();
    let mut programs: Vec<Program> = drafts.into_iter().map(|draft| finished(draft, &mut decoded)).collect();
    // A set changes only for packets that match: the order of the others stays.
    programs.sort_by_key(Program::writes);
    let fast_pattern = best.filter(|(_, _, index)| !optional.contains(index)).map(|(_, pattern, _)| pattern);
    Ok(Programs { programs, fast_pattern, replaces })
}

/// Whether `step` is `isdataat:!1,relative` behind a content that must not be there: together they say that the buffer must not end with it, as
/// `endswith` does. Alone the second would ask where a content ends that is not there.
fn ends_what_must_not_be_there(before: Option<&mut Step>, step: &Step) -> bool {
    let Step::IsDataAt { offset: Number::Constant(1), relative: true, negated: true } = step else { return false };
    match before {
        Some(Step::Content(content)) if content.negated => {
            content.ends = true;
            true
        }
        _ => false,
    }
}

/// The program of a draft; `decoded` is what is asked of what its `base64_decode` gives, if it has one.
fn finished(draft: Draft, decoded: &mut Vec<Step>) -> Program {
    let writes = |step: &Step| matches!(step, Step::Dataset { operation, .. } if operation.writes());
    let Draft { side, buffer, derived, absence, mut steps, .. } = draft;
    for step in &mut steps {
        if let Step::Base64 { program, .. } = step {
            let mut inner = std::mem::take(decoded);
            inner.sort_by_key(writes);
            **program = Program::new(Buffer::Payload, inner);
        }
    }
    let inner_writes = |step: &Step| matches!(step, Step::Base64 { program, .. } if program.writes());
    if !steps.iter().any(inner_writes) {
        steps.sort_by_key(writes);
    }
    let mut program = Program::new(buffer, steps);
    (program.derived, program.absence, program.side) = (derived, absence, side);
    program
}

/// The set of this name.
fn dataset(name: &str, outside: &Outside, names: &Names) -> std::result::Result<Arc<Dataset>, Refusal> {
    if !outside.datasets.iter().any(|set| &*set.name == name) {
        return Err(Refusal::Wrong(Problem::DatasetRefused { reason: "no rule gives this set a type" }));
    }
    names.known_dataset(name).ok_or(Refusal::Needs("more room for data sets"))
}

/// What the entropy of a buffer is called in records.
fn entropy_name(buffer: &str) -> String {
    if buffer == "pkt_data" { "content".to_owned() } else { buffer.replace('.', "_") }
}

fn entropy_range(value: EntropyValue) -> Wanted {
    let (low, high, open, negated) = match value {
        EntropyValue::Equal(value) => (value, value, false, false),
        EntropyValue::NotEqual(value) => (value, value, false, true),
        EntropyValue::Less(value) => (value, f64::INFINITY, false, true),
        EntropyValue::LessOrEqual(value) => (f64::NEG_INFINITY, value, false, false),
        EntropyValue::Greater(value) => (f64::NEG_INFINITY, value, false, true),
        EntropyValue::GreaterOrEqual(value) => (value, f64::INFINITY, false, false),
        EntropyValue::Between(low, high) => (low, high, true, false),
        EntropyValue::NotBetween(low, high) => (low, high, true, true),
    };
    Wanted { low, high, open, negated }
}

/// Why an expression was refused, for the author of the rule.
pub(super) fn wrong_expression(error: regex::RegexError) -> Refusal {
    let reason = match error {
        regex::RegexError::Syntax(reason) => reason,
        regex::RegexError::NotText => "not text".to_owned(),
    };
    Refusal::Wrong(Problem::BadExpression { reason: reason.into() })
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

/// Whether what the field holds is written in one case always: a rule may write it in the other.
const fn has_one_case(field: AppField) -> bool {
    matches!(
        field,
        AppField::Ja3Hash
            | AppField::Ja3sHash
            | AppField::Ja4Hash
            | AppField::TlsCertFingerprint
            | AppField::TlsCertSerial
            | AppField::QuicCyuHash
    )
}

/// Takes `content` for the prefilter when it filters better than what was chosen so far: a field of a transaction comes before the payload, what the prefilter can use at all before the author's
/// choice, and that before rarity and length. Any content that must be there is a sound choice; the author's says which is rare. `of` is where it is looked for, `index` the buffer's number.
fn consider(
    best: &mut Option<(Rank, FastPattern, usize)>,
    content: &SyntaxContent,
    of: Option<(AppField, Option<u32>)>,
    index: usize,
) {
    let (chosen, bytes) = match content.fast_pattern {
        None => (false, &*content.pattern),
        Some(Chosen::Whole | Chosen::Only) => (true, &*content.pattern),
        Some(Chosen::Part { offset, length }) => {
            let (start, length) = (usize::from(offset), usize::from(length));
            (true, content.pattern.get(start..start + length).unwrap_or(&content.pattern))
        }
    };
    let bytes = if content.nocase { bytes.to_ascii_lowercase() } else { bytes.to_vec() };
    let pattern = FastPattern { bytes, nocase: content.nocase, of };
    let usable = match of {
        Some((field, _)) => pattern.literal_in(field).is_some(),
        None => pattern.literal().is_some(),
    };
    let rank = (of.is_some(), usable, chosen, rarity(&pattern.bytes), pattern.bytes.len());
    if best.as_ref().is_none_or(|(other, ..)| rank > *other) {
        *best = Some((rank, pattern, index));
    }
}

/// In a field, usable by the prefilter, chosen by the author, rarity, length.
type Rank = (bool, bool, bool, u32, usize);

/// How rarely these bytes are met by chance, roughly: each adds to it, zeros and blanks, and what was there before, next to nothing.
fn rarity(bytes: &[u8]) -> u32 {
    let mut seen = [false; 256];
    let of_byte = |byte: u8| match std::mem::replace(&mut seen[usize::from(byte.to_ascii_lowercase())], true) {
        true => 1,
        false => match byte {
            0 | b' ' | 0xff => 1,
            b'a'..=b'z' | b'A'..=b'Z' | b'0' | b'1' | b'/' | b'.' | b'=' | b'-' | b':' => 3,
            _ => 4,
        },
    };
    bytes.iter().copied().map(of_byte).sum()
}

fn content(content: &SyntaxContent, variables: &mut Variables) -> std::result::Result<Content, Refusal> {
    let mut compiled = Content::new(&content.pattern, content.nocase);
    compiled.negated = content.negated;
    compiled.ends = content.endswith;
    compiled.replace = content.replace.clone();
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

/// A comparison as a range.
pub(super) fn range<T>(comparison: Comparison<T>) -> Range<T>
where
    T: Copy + PartialOrd + BitAnd<Output = T> + Bounds,
{
    let never = Range::between(T::MOST, T::LEAST);
    let between = |low: T, high: T| match (low.next(), high.previous()) {
        (Some(low), Some(high)) if low <= high => Range::between(low, high),
        _ => never,
    };
    match comparison {
        Comparison::Equal(number) => Range::exactly(number),
        Comparison::NotEqual(number) => Range { negated: true, ..Range::exactly(number) },
        Comparison::Less(number) => number.previous().map_or(never, |high| Range::between(T::LEAST, high)),
        Comparison::LessOrEqual(number) => Range::between(T::LEAST, number),
        Comparison::Greater(number) => number.next().map_or(never, |low| Range::between(low, T::MOST)),
        Comparison::GreaterOrEqual(number) => Range::between(number, T::MOST),
        Comparison::Between(low, high) => between(low, high),
        Comparison::NotBetween(low, high) => Range { negated: true, ..between(low, high) },
        Comparison::Bits { mask, value } => Range { mask: Some(mask), ..Range::exactly(value) },
        Comparison::NotBits { mask, value } => Range { mask: Some(mask), negated: true, ..Range::exactly(value) },
    }
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
    /// The lowest bits of `number`.
    fn low_bits(number: u64) -> Self;
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
            fn low_bits(number: u64) -> Self {
                number as Self
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
        assert_eq!(range(Comparison::Less(5_u8)), Range::between(0, 4));
        assert_eq!(range(Comparison::Between(3_u8, 7)), Range::between(4, 6));
        for impossible in [Comparison::Less(0_u8), Comparison::Greater(255), Comparison::Between(3, 4)] {
            let range = range(impossible);
            assert!((0..=255).all(|number| !range.matches(number)), "{impossible:?}");
        }
        let outside = range(Comparison::NotBetween(3_u8, 7));
        assert!(outside.matches(3) && !outside.matches(4));
        let bits = range(Comparison::Bits { mask: 0x0f_u8, value: 4 });
        assert!(bits.matches(0x34) && !bits.matches(0x35));
        assert!(!range(Comparison::NotBits { mask: 0x0f_u8, value: 4 }).matches(0x34));
    }
}
