//! Runs a program over a buffer.
//!
//! Called by [`crate::inspect`] for each candidate. When a step that depends on the cursor fails, the step that set the cursor is tried at its next
//! position, as the reference engine does. Work is bounded by a budget of steps and one of bytes looked at: a rule that uses one up does not match,
//! and is counted.
//!
//! Source: the rule documentation of the reference engine for each keyword ("Payload Keywords").

use crate::{
    base64,
    contexts::Contexts,
    dataset::{Added, Dataset},
    entropy,
    program::{
        Comparison, Content, Encoding, Field, JumpBase, Number, Operation, Place, Program, SetOperation, Step,
        VARIABLES,
    },
    regex::RegexScratch,
    remarks::{Capture, CapturedFor, LONGEST, Remarks},
    rewrite::Rewrites,
    state::State,
    transform::Room,
};
use pcre2::bytes::Regex;

/// Steps one evaluation may take.
pub const STEP_BUDGET: u32 = 3_000;

/// Bytes one evaluation may look at: as many as all its steps find in a packet of 1,500 bytes, so that only larger buffers run out.
// GAP(regex): a regular expression is charged for the bytes it passed over, not for going back in them; each of its starts is bounded by
// the match limits.
pub const BYTE_BUDGET: usize = STEP_BUDGET as usize * 1_500;

/// Groups of one expression that are taken out.
pub const MOST_CAPTURES: usize = 8;

/// Bytes one `base64_decode` gives at most; more are cut.
pub const LONGEST_BASE64: usize = 65_536;

/// What keywords need that leave something behind or need room, beyond contents and numbers.
pub struct Bench<'a> {
    /// Data sets are asked and changed through it.
    pub state: &'a mut State,
    /// Room for decoded bytes: [`LONGEST_BASE64`], or none when no rule decodes.
    pub decoded: &'a mut Vec<u8>,
    /// What is to be written over.
    pub rewrites: &'a mut Rewrites,
    /// What is told of the packet.
    pub remarks: &'a mut Remarks,
    /// What the rule tells besides, should it match.
    pub contexts: &'a mut Contexts,
}

/// What a run uses and changes.
pub struct Machine<'a> {
    /// The regular expressions of the rule set.
    pub regexes: &'a [Regex],
    /// This worker's room for their matches.
    pub scratch: &'a mut RegexScratch,
    /// Variables read so far; shared by the programs of one signature.
    pub variables: [u64; VARIABLES],
    /// Steps left.
    pub budget: u32,
    /// Bytes left to look at; at 0 no steps are left either.
    pub bytes: usize,
    /// Regular expressions that ran into their match limit.
    pub regex_limits: u64,
    /// Values that found no room in their data set.
    pub datasets_full: u64,
    /// Without it, data sets are empty and nothing can be decoded.
    pub bench: Option<Bench<'a>>,
    /// One past the last byte that the program looked at and that made it match.
    pub reach: usize,
    /// The last failure was a content that stands nowhere from its window's start to the end of the buffer (or whose window does not move):
    /// later places for the contents before it can't help. Steps that may move the cursor back, or change variables, clear it.
    hopeless: bool,
}

/// What judging a signature took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Steps.
    pub steps: u32,
    /// Bytes looked at.
    pub bytes: usize,
}

impl<'a> Machine<'a> {
    /// What was used up of the budgets.
    pub fn spent(&self) -> Spent {
        Spent { steps: STEP_BUDGET.saturating_sub(self.budget), bytes: BYTE_BUDGET.saturating_sub(self.bytes) }
    }

    /// A machine for one signature.
    pub fn new(regexes: &'a [Regex], scratch: &'a mut RegexScratch) -> Self {
        Self {
            regexes,
            scratch,
            variables: [0; VARIABLES],
            budget: STEP_BUDGET,
            bytes: BYTE_BUDGET,
            regex_limits: 0,
            datasets_full: 0,
            bench: None,
            reach: 0,
            hopeless: false,
        }
    }

    /// Whether `program` matches `buffer`.
    pub fn run(&mut self, program: &Program, buffer: &[u8]) -> bool {
        self.hopeless = false;
        self.reach = 0;
        self.from(program, 0, buffer, 0)
    }

    /// The steps behind a step that looked at bytes up to `end`.
    fn reaching(&mut self, end: usize, behind: impl FnOnce(&mut Self) -> bool) -> bool {
        let before = self.reach;
        self.reach = before.max(end);
        let matches = behind(self);
        if !matches {
            self.reach = before;
        }
        matches
    }

    /// The steps behind a step of which another outcome could mean anything for them.
    fn behind(&mut self, program: &Program, place: usize, buffer: &[u8], cursor: usize) -> bool {
        let matches = self.from(program, place + 1, buffer, cursor);
        self.hopeless = false;
        matches
    }

    /// Takes `count` bytes off the budget; whether there were as many.
    fn charge(&mut self, count: usize) -> bool {
        self.bytes = self.bytes.saturating_sub(count);
        if self.bytes == 0 {
            self.budget = 0;
        }
        self.bytes > 0
    }

    /// The next place of `content` that begins at `start` or later and ends at `end` or earlier; none also when the budget runs out.
    fn next_place(&mut self, content: &Content, buffer: &[u8], start: usize, end: usize) -> Option<usize> {
        let length = content.pattern().len();
        if content.ends {
            let at = buffer.len().checked_sub(length)?;
            let found = at >= start && end == buffer.len() && content.find(buffer.get(at..)?).is_some();
            return (self.charge(length) && found).then_some(at);
        }
        let mut left = self.bytes;
        let found = content.find_within(buffer.get(start..end)?, &mut left);
        self.charge(self.bytes.saturating_sub(left)).then_some(start + found?)
    }

    fn number(&self, number: Number) -> i64 {
        match number {
            Number::Constant(value) => value,
            Number::Variable(place) => {
                self.variables.get(usize::from(place)).map_or(0, |&value| i64::try_from(value).unwrap_or(i64::MAX))
            }
        }
    }

    fn keep(&mut self, variable: u8, value: u64) {
        if let Some(place) = self.variables.get_mut(usize::from(variable)) {
            *place = value;
        }
    }

    fn from(&mut self, program: &Program, place: usize, buffer: &[u8], cursor: usize) -> bool {
        let Some((step, retry)) = program.step(place) else { return true };
        let Some(budget) = self.budget.checked_sub(1) else { return false };
        self.budget = budget;
        match step {
            Step::Content(content) => self.content(content, retry, program, place, buffer, cursor),
            Step::Regex { regex, negated, relative, captures } => {
                let base = if *relative { cursor } else { 0 };
                self.regex((*regex, captures), *negated, base, retry, program, place, buffer, cursor)
            }
            Step::IsDataAt { offset, relative, negated } => {
                let there = self.is_data_at(*offset, *relative, buffer, cursor);
                there != *negated && self.from(program, place + 1, buffer, cursor)
            }
            Step::Size(range) => range.matches(buffer.len() as u64) && self.from(program, place + 1, buffer, cursor),
            Step::ByteTest { field, comparison, negated, value } => {
                let Some((number, end)) = self.read_tested(field, buffer, cursor) else { return false };
                let wanted = self.number(*value) as u64;
                let matches = match comparison {
                    Comparison::Less => number < wanted,
                    Comparison::Greater => number > wanted,
                    Comparison::Equal => number == wanted,
                    Comparison::LessOrEqual => number <= wanted,
                    Comparison::GreaterOrEqual => number >= wanted,
                    Comparison::And => number & wanted != 0,
                    Comparison::Xor => number ^ wanted != 0,
                };
                matches != *negated && self.reaching(end, |machine| machine.from(program, place + 1, buffer, cursor))
            }
            Step::ByteJump { field, base, multiplier, align, post_offset } => {
                let Some((number, end)) = self.read(field, buffer, cursor) else { return false };
                let mut jump = i128::from(number) * i128::from(*multiplier);
                if *align {
                    jump = (jump + 3) / 4 * 4;
                }
                let start = match base {
                    JumpBase::Here => end,
                    JumpBase::Beginning => 0,
                    JumpBase::End => buffer.len(),
                };
                let target = start as i128 + jump + i128::from(self.number(*post_offset));
                // Before the buffer counts as its start; at or after its end is no match.
                match usize::try_from(target.max(0)) {
                    Ok(target) if target < buffer.len() => self.behind(program, place, buffer, target),
                    _ => false,
                }
            }
            Step::ByteExtract { field, variable, multiplier, align } => {
                let Some((number, end)) = self.read(field, buffer, cursor) else { return false };
                let mut value = number.wrapping_mul(u64::from(*multiplier));
                if let Some(over @ 1..) = value.checked_rem(u64::from(*align)) {
                    value = value.wrapping_add(u64::from(*align) - over);
                }
                self.keep(*variable, value);
                self.behind(program, place, buffer, end)
            }
            Step::ByteMath { field, operation, operand, variable } => {
                let Some((number, end)) = self.read(field, buffer, cursor) else { return false };
                let other = self.number(*operand) as u64;
                let result = match operation {
                    Operation::Add => Some(number.wrapping_add(other)),
                    Operation::Subtract => Some(number.wrapping_sub(other)),
                    Operation::Multiply => Some(number.wrapping_mul(other)),
                    Operation::Divide => number.checked_div(other),
                    Operation::ShiftLeft => Some(if other < 64 { number << other } else { 0 }),
                    Operation::ShiftRight => Some(if other < 64 { number >> other } else { 0 }),
                };
                let Some(result) = result else { return false };
                self.keep(*variable, result);
                self.behind(program, place, buffer, end)
            }
            Step::Entropy { offset, bytes, name, wanted } => {
                let part = buffer.get(*offset..).unwrap_or_default();
                let part = if *bytes == 0 { part } else { part.get(..*bytes).unwrap_or(part) };
                if part.is_empty() || !self.charge(part.len()) {
                    return false;
                }
                let value = entropy::of(part);
                if let Some(Bench { remarks, .. }) = &mut self.bench {
                    remarks.entropy(*name, value);
                }
                wanted.matches(value) && self.from(program, place + 1, buffer, cursor)
            }
            Step::Dataset { set, operation, context } => {
                let mark = self.told();
                let matches = self.charge(buffer.len().min(crate::dataset::LONGEST_VALUE))
                    && self.dataset(set, *operation, *context, buffer)
                    && self.from(program, place + 1, buffer, cursor);
                if !matches {
                    self.keep_told(mark);
                }
                matches
            }
            Step::Base64 { bytes, offset, relative, program: inner } => {
                let start = if *relative { cursor } else { 0 }.saturating_add(*offset);
                let text = buffer.get(start..).unwrap_or_default();
                let text = bytes.and_then(|most| text.get(..most)).unwrap_or(text);
                self.base64(text, inner) && self.behind(program, place, buffer, cursor)
            }
        }
    }

    /// Whether `operation` holds for `value`; a write happens here, so it stands last in its program.
    fn dataset(&mut self, set: &Dataset, operation: SetOperation, context: Option<u16>, value: &[u8]) -> bool {
        let Some(Bench { state, contexts, .. }) = &mut self.bench else { return operation == SetOperation::IsNotSet };
        match operation {
            SetOperation::IsSet => {
                let found = state.dataset_get(set, value);
                if let (Some(source), Some(record @ 1..)) = (context, found) {
                    contexts.add_record(source, record);
                }
                found.is_some()
            }
            SetOperation::IsNotSet => state.dataset_get(set, value).is_none(),
            SetOperation::Reputation(range) => {
                state.dataset_get(set, value).is_some_and(|found| range.matches(found as u16))
            }
            SetOperation::Set => {
                let added = state.dataset_add(set, value);
                self.datasets_full += u64::from(added == Added::Full);
                added == Added::New
            }
            SetOperation::Unset => state.dataset_remove(set, value),
        }
    }

    /// What the rule tells so far: for [`Machine::keep_told`].
    fn told(&self) -> (usize, usize) {
        self.bench.as_ref().map_or((0, 0), |bench| bench.contexts.mark())
    }

    /// What was looked at since `mark` did not match after all.
    fn keep_told(&mut self, mark: (usize, usize)) {
        if let Some(bench) = &mut self.bench {
            bench.contexts.keep(mark);
        }
    }

    /// Forgets what the rule tells: it is judged anew, on something else.
    pub(crate) fn tells_nothing(&mut self) {
        self.keep_told((0, 0));
    }

    /// Whether `text` can be decoded and `inner` holds for what comes out.
    fn base64(&mut self, text: &[u8], inner: &Program) -> bool {
        if !self.charge(text.len()) {
            return false;
        }
        let Some(Bench { decoded, .. }) = &mut self.bench else { return false };
        // Taken, not borrowed: the machine runs on. No other step touches it meanwhile, for `inner` decodes nothing.
        let mut bytes = std::mem::take(*decoded);
        let mut room = Room::new(&mut bytes);
        base64::decode(text, base64::Mode::Rfc4648, &mut room);
        let length = room.len();
        let holds = length > 0 && self.from(inner, 0, bytes.get(..length).unwrap_or_default(), 0);
        if let Some(Bench { decoded, .. }) = &mut self.bench {
            **decoded = bytes;
        }
        // What these bytes lack, those of another place may have.
        self.hopeless = false;
        holds
    }

    /// First and one-past-last byte of the window a content may stand in; none where there is no such window.
    fn window(&self, place: &Place, length: usize, cursor: usize) -> Option<(usize, usize)> {
        let (start, span) = match *place {
            Place::Absolute { offset, depth } => (self.number(offset), depth),
            Place::Relative { distance, within } => ((cursor as i64).saturating_add(self.number(distance)), within),
        };
        let end = match span {
            Some(span) => start.saturating_add(self.number(span)).clamp(0, length as i64) as usize,
            None => length,
        };
        let start = start.max(0) as usize;
        (start <= end).then_some((start, end))
    }

    fn content(
        &mut self,
        content: &Content,
        retry: bool,
        program: &Program,
        place: usize,
        buffer: &[u8],
        cursor: usize,
    ) -> bool {
        let window = self.window(&content.place, buffer.len(), cursor);
        if content.negated {
            let found = window.is_some_and(|(start, end)| self.next_place(content, buffer, start, end).is_some());
            return !found && self.budget > 0 && self.from(program, place + 1, buffer, cursor);
        }
        let Some((mut start, end)) = window else { return false };
        let mut found = false;
        while let Some(at) = self.next_place(content, buffer, start, end) {
            let end = at + content.pattern().len();
            if self.reaching(end, |machine| machine.from(program, place + 1, buffer, end)) {
                if let (Some(bytes), Some(bench)) = (&content.replace, &mut self.bench) {
                    bench.rewrites.note(at, bytes);
                }
                return true;
            }
            if !retry || self.hopeless || self.budget == 0 {
                return false;
            }
            found = true;
            start = at + 1;
        }
        // A window from the cursor to the end only shrinks when the contents before stand further back; one from the start stays.
        self.hopeless = !found && !matches!(content.place, Place::Relative { within: Some(_), .. });
        false
    }

    #[expect(clippy::too_many_arguments, reason = "one step's state, kept in registers instead of a struct")]
    fn regex(
        &mut self,
        (regex, captures): (u32, &[Capture]),
        negated: bool,
        base: usize,
        retry: bool,
        program: &Program,
        place: usize,
        buffer: &[u8],
        cursor: usize,
    ) -> bool {
        let Some(subject) = buffer.get(base..) else { return false };
        let mut start = 0;
        loop {
            let found = match self.scratch.find(self.regexes, regex, subject, start) {
                Ok(found) => found,
                Err(_) => {
                    self.regex_limits += 1;
                    return false;
                }
            };
            let end = found.map_or(subject.len(), |(_, last)| last);
            if !self.charge(end.saturating_sub(start)) {
                return false;
            }
            if negated {
                return found.is_none() && self.from(program, place + 1, buffer, cursor);
            }
            let Some((first, last)) = found else { return false };
            let end = base + last;
            // What stands behind it may use the expression again.
            let groups = self.groups(regex, captures);
            if self.reaching(end, |machine| machine.behind(program, place, buffer, end)) {
                self.note(captures, &groups, subject);
                return true;
            }
            if !retry || self.budget == 0 || first >= subject.len() {
                return false;
            }
            start = first + 1;
        }
    }

    /// Where the groups that `captures` names stand in what was matched last.
    fn groups(&self, regex: u32, captures: &[Capture]) -> [Option<(usize, usize)>; MOST_CAPTURES] {
        let mut groups = [None; MOST_CAPTURES];
        for (place, capture) in groups.iter_mut().zip(captures) {
            *place = self.scratch.group(regex, capture.group);
        }
        groups
    }

    /// Notes what groups captured of `subject`.
    fn note(&mut self, captures: &[Capture], groups: &[Option<(usize, usize)>], subject: &[u8]) {
        let Some(Bench { remarks, contexts, .. }) = &mut self.bench else { return };
        for (capture, place) in captures.iter().zip(groups) {
            if let Some(text) = place.and_then(|(from, to)| subject.get(from..to)) {
                match capture.to {
                    CapturedFor::All(kind, name) => remarks.note(kind, name, text),
                    CapturedFor::Alert(source) => contexts.add_bytes(source, text.get(..LONGEST).unwrap_or(text)),
                }
            }
        }
    }

    fn is_data_at(&self, offset: Number, relative: bool, buffer: &[u8], cursor: usize) -> bool {
        let offset = self.number(offset);
        if relative {
            (cursor as i64).saturating_add(offset) <= buffer.len() as i64
        } else {
            offset < buffer.len() as i64
        }
    }

    /// The number at `field` and the place after it; none where the buffer does not hold it.
    fn read(&self, field: &Field, buffer: &[u8], cursor: usize) -> Option<(u64, usize)> {
        let base = if field.relative { cursor as i64 } else { 0 };
        let start = usize::try_from(base.saturating_add(self.number(field.offset))).ok()?;
        let count = usize::try_from(self.number(field.bytes)).ok()?;
        let bytes = buffer.get(start..start.checked_add(count)?)?;
        let (number, used) = match field.encoding {
            Encoding::BigEndian => (bytes.iter().fold(0, |sum: u64, &byte| (sum << 8) | u64::from(byte)), count),
            Encoding::LittleEndian => {
                (bytes.iter().rev().fold(0, |sum: u64, &byte| (sum << 8) | u64::from(byte)), count)
            }
            Encoding::Text(_) if count == 0 => (0, 0),
            Encoding::Text(base) => text_number(bytes, base)?,
        };
        Some((masked(field, number), start + used))
    }

    /// The same for `byte_test`, whose `0` bytes of text are as many as there are digits: the length of the number is the traffic's.
    fn read_tested(&self, field: &Field, buffer: &[u8], cursor: usize) -> Option<(u64, usize)> {
        let Encoding::Text(base) = field.encoding else { return self.read(field, buffer, cursor) };
        if self.number(field.bytes) != 0 {
            return self.read(field, buffer, cursor);
        }
        let from = if field.relative { cursor as i64 } else { 0 };
        let start = usize::try_from(from.saturating_add(self.number(field.offset))).ok()?;
        let bytes = buffer.get(start..)?;
        let (number, used) = text_number(bytes.get(..LONGEST_NUMBER).unwrap_or(bytes), base)?;
        Some((masked(field, number), start + used))
    }
}

/// Bytes of text looked at for a number whose length nobody gives: 64 bits in octal, and as many blanks and zeros again.
const LONGEST_NUMBER: usize = 46;

/// The bits of `number` that `field` asks for.
fn masked(field: &Field, number: u64) -> u64 {
    let shift = if field.bitmask == 0 { 0 } else { field.bitmask.trailing_zeros() };
    (number & field.bitmask) >> shift
}

/// A number written in digits, as `strtoull` reads it: leading blanks, a sign, then as many digits as there are.
fn text_number(bytes: &[u8], base: u32) -> Option<(u64, usize)> {
    let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let mut rest = bytes.get(blanks..)?;
    let mut used = blanks;
    let mut negative = false;
    if let Some((&sign @ (b'+' | b'-'), tail)) = rest.split_first() {
        negative = sign == b'-';
        rest = tail;
        used += 1;
    }
    if base == 16
        && let Some((b"0x" | b"0X", tail)) = rest.split_at_checked(2)
        && tail.first().is_some_and(u8::is_ascii_hexdigit)
    {
        rest = tail;
        used += 2;
    }
    let mut value = 0_u64;
    let mut digits = 0;
    for &byte in rest {
        let Some(digit) = char::from(byte).to_digit(base) else { break };
        value = value.checked_mul(u64::from(base))?.checked_add(u64::from(digit))?;
        digits += 1;
    }
    if digits == 0 {
        return None;
    }
    Some((if negative { value.wrapping_neg() } else { value }, used + digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{buffer::Buffer, regex};
    use proptest::prelude::*;

    fn content(pattern: &str) -> Content {
        Content::new(pattern.as_bytes(), false)
    }

    fn relative(pattern: &str, distance: i64, within: Option<i64>) -> Step {
        let place = Place::Relative { distance: Number::Constant(distance), within: within.map(Number::Constant) };
        Step::Content(Content { place, ..content(pattern) })
    }

    fn field(bytes: i64, offset: i64, relative: bool) -> Field {
        Field {
            bytes: Number::Constant(bytes),
            offset: Number::Constant(offset),
            relative,
            encoding: Encoding::BigEndian,
            bitmask: u64::MAX,
        }
    }

    fn matches_with(regexes: &[&str], steps: Vec<Step>, buffer: &[u8]) -> bool {
        let regexes: Vec<Regex> =
            regexes.iter().map(|text| regex::compile(text.as_bytes(), regex::Flags::default()).unwrap()).collect();
        let mut scratch = RegexScratch::new(&regexes);
        Machine::new(&regexes, &mut scratch).run(&Program::new(Buffer::Payload, steps), buffer)
    }

    fn matches(steps: Vec<Step>, buffer: &[u8]) -> bool {
        matches_with(&[], steps, buffer)
    }

    #[test]
    fn a_relative_content_retries_the_one_before_it() {
        let steps = vec![Step::Content(content("ab")), relative("c", 0, Some(1))];
        assert!(matches(steps.clone(), b"ab-ab-abc"));
        assert!(!matches(steps, b"ab-ab-ab-c"));
    }

    #[test]
    fn depth_counts_from_offset_and_holds_the_whole_content() {
        let step = |offset, depth| {
            let place = Place::Absolute { offset: Number::Constant(offset), depth: Some(Number::Constant(depth)) };
            vec![Step::Content(Content { place, ..content("cd") })]
        };
        assert!(matches(step(2, 2), b"abcdef"));
        assert!(!matches(step(2, 1), b"abcdef"));
        assert!(!matches(step(0, 3), b"abcdef"));
        assert!(!matches(step(3, 9), b"abcdef"));
    }

    #[test]
    fn a_negative_distance_goes_back_but_not_before_the_buffer() {
        let steps = |distance| vec![Step::Content(content("cd")), relative("ab", distance, None)];
        assert!(matches(steps(-4), b"abcd"));
        assert!(matches(steps(-400), b"abcd"));
        assert!(!matches(steps(-3), b"abcd"));
    }

    #[test]
    fn negated_content_leaves_the_cursor_where_it_was() {
        let not = Step::Content(Content { negated: true, ..content("x") });
        assert!(matches(vec![Step::Content(content("a")), not.clone(), relative("b", 0, Some(1))], b"ab"));
        assert!(!matches(vec![Step::Content(content("a")), not, relative("b", 0, Some(1))], b"abx"));
    }

    #[test]
    fn endswith_looks_only_at_the_end() {
        let step = vec![Step::Content(Content { ends: true, ..content("ab") })];
        assert!(matches(step.clone(), b"abab"));
        assert!(!matches(step.clone(), b"abba"));
        assert!(!matches(step, b"b"));
    }

    #[test]
    fn case_is_ignored_only_when_asked() {
        let step = |nocase| vec![Step::Content(Content::new(b"HeLLo", nocase))];
        assert!(matches(step(true), b"..hEllO"));
        assert!(!matches(step(false), b"..hEllO"));
    }

    #[test]
    fn is_data_at_counts_from_the_cursor_or_the_start() {
        let data = |offset, relative, negated| Step::IsDataAt { offset: Number::Constant(offset), relative, negated };
        let after_b = |step| vec![Step::Content(content("b")), step];
        assert!(matches(after_b(data(1, true, true)), b"ab"));
        assert!(matches(after_b(data(1, true, false)), b"abc"));
        assert!(matches(vec![data(1, false, false)], b"ab"));
        assert!(!matches(vec![data(2, false, false)], b"ab"));
    }

    #[test]
    fn byte_test_reads_both_byte_orders_and_digits() {
        let test = |field, value| {
            vec![Step::ByteTest {
                field,
                comparison: Comparison::Equal,
                negated: false,
                value: Number::Constant(value),
            }]
        };
        assert!(matches(test(field(2, 1, false), 0x0203), &[1, 2, 3]));
        assert!(matches(test(Field { encoding: Encoding::LittleEndian, ..field(2, 1, false) }, 0x0302), &[1, 2, 3]));
        assert!(matches(test(Field { encoding: Encoding::Text(10), ..field(4, 0, false) }, 42), b" 42x"));
        assert!(matches(test(Field { encoding: Encoding::Text(16), ..field(4, 0, false) }, 0x1f), b"0x1f"));
        assert!(matches(test(Field { bitmask: 0xf0, ..field(1, 0, false) }, 0xa), &[0xab]));
        assert!(!matches(test(field(4, 0, false), 0), &[0, 0, 0]), "a number that is not all there never matches");
    }

    #[test]
    fn byte_test_of_no_bytes_of_text_reads_all_the_digits_there_are() {
        let test = |comparison, value| {
            vec![Step::ByteTest {
                field: Field { encoding: Encoding::Text(10), ..field(0, 0, false) },
                comparison,
                negated: false,
                value: Number::Constant(value),
            }]
        };
        assert!(matches(test(Comparison::Equal, 3), b"3"));
        assert!(matches(test(Comparison::Greater, 449), b"450, 450"));
        assert!(!matches(test(Comparison::Equal, 0), b"28"));
        assert!(matches(test(Comparison::Equal, 0), b"0"));
        assert!(!matches(test(Comparison::Equal, 0), b""), "no digits are no number");
        assert!(!matches(test(Comparison::Less, 8_192), b"none"));
        assert!(!matches(test(Comparison::Greater, 1), b"99999999999999999999999999"));
    }

    #[test]
    fn byte_jump_before_the_buffer_is_its_start_and_after_its_end_no_match() {
        let jump = |post_offset| {
            vec![
                Step::Content(content("cd")),
                Step::ByteJump {
                    field: field(0, 0, true),
                    base: JumpBase::Here,
                    multiplier: 1,
                    align: false,
                    post_offset: Number::Constant(post_offset),
                },
                relative("ab", 0, Some(2)),
            ]
        };
        assert!(matches(jump(-4), b"abcd"));
        assert!(matches(jump(-100), b"abcd"));
        assert!(!matches(jump(0), b"abcd"));
        assert!(matches(jump(2), b"cd..ab"));
    }

    #[test]
    fn a_number_read_from_the_traffic_can_bound_a_later_content() {
        let steps = |pattern| {
            let place = Place::Absolute { offset: Number::Constant(1), depth: Some(Number::Variable(0)) };
            vec![
                Step::ByteExtract { field: field(1, 0, false), variable: 0, multiplier: 1, align: 1 },
                Step::Content(Content { place, ..content(pattern) }),
            ]
        };
        assert!(matches(steps("ab"), b"\x02abc"));
        assert!(!matches(steps("bc"), b"\x02abc"));
    }

    #[test]
    fn division_by_zero_is_no_match() {
        let step = Step::ByteMath {
            field: field(1, 0, false),
            operation: Operation::Divide,
            operand: Number::Constant(0),
            variable: 0,
        };
        assert!(!matches(vec![step], b"a"));
    }

    #[test]
    fn a_relative_regex_is_anchored_at_the_cursor_and_retried() {
        let steps = vec![
            Step::Content(content("a")),
            Step::Regex { regex: 0, negated: false, relative: true, captures: Box::default() },
        ];
        assert!(matches_with(&["^b+c"], steps.clone(), b"ax abbc"));
        assert!(!matches_with(&["^b+c"], steps, b"a bbc"));
        let then = vec![
            Step::Regex { regex: 0, negated: false, relative: false, captures: Box::default() },
            relative("!", 0, Some(1)),
        ];
        assert!(matches_with(&["[0-9]"], then, b"1 2 3!"));
    }

    #[test]
    fn a_rule_that_would_run_for_ever_stops_at_its_budget() {
        let mut steps = vec![Step::Content(content("a"))];
        steps.extend((0..20).map(|_| relative("a", 0, None)));
        steps.push(relative("b", 0, Some(4_000)));
        let regexes = Vec::new();
        let mut scratch = RegexScratch::new(&regexes);
        let mut machine = Machine::new(&regexes, &mut scratch);
        assert!(!machine.run(&Program::new(Buffer::Payload, steps), &[b'a'; 4_000]));
        assert_eq!(machine.budget, 0);
    }

    #[test]
    fn a_content_that_is_nowhere_is_not_searched_again_from_each_place_of_the_one_before() {
        let regexes = Vec::new();
        let mut scratch = RegexScratch::new(&regexes);
        let steps = vec![
            Step::Content(content("/")),
            relative("/", 0, Some(9)),
            Step::IsDataAt { offset: Number::Constant(0), relative: true, negated: false },
            relative("nowhere", 0, None),
        ];
        let mut machine = Machine::new(&regexes, &mut scratch);
        assert!(!machine.run(&Program::new(Buffer::Payload, steps), &[b'/'; 60_000]));
        assert!(machine.budget > STEP_BUDGET - 10, "{} steps", STEP_BUDGET - machine.budget);
    }

    #[test]
    fn work_over_a_large_buffer_stays_under_the_bytes_and_a_rule_out_of_bytes_does_not_match() {
        const SIZE: usize = 60_000;
        // `a` everywhere and no `b`: what is asked behind each `a` is looked for to the end of its window, over and over.
        let buffer = [b'a'; SIZE];
        let nocase = |pattern: &str| Step::Content(Content { nocase: true, ..Content::new(pattern.as_bytes(), true) });
        let not = |pattern: &str| Step::Content(Content { negated: true, ..content(pattern) });
        let long = format!("{}b", "a".repeat(200));
        let regex = |negated, relative| Step::Regex { regex: 0, negated, relative, captures: Box::default() };
        let (far, first) = (Some(SIZE as i64), || Step::Content(content("a")));
        let worst: [Vec<Step>; 6] = [
            vec![first(), relative("b", 0, far)],
            vec![first(), relative("a", 0, None), relative(&long, 0, far)],
            vec![nocase(&long)],
            vec![nocase("A"), relative("b", -9, far), not("c")],
            vec![first(), regex(false, true)],
            vec![regex(false, false), relative("b", 0, far)],
        ];
        let regexes = ["a[^a]", "a"].map(|text| regex::compile(text.as_bytes(), regex::Flags::default()).unwrap());
        for (number, steps) in worst.into_iter().enumerate() {
            let regexes = if number == 5 { &regexes[1..] } else { &regexes[..1] };
            let mut scratch = RegexScratch::new(regexes);
            let mut machine = Machine::new(regexes, &mut scratch);
            assert!(!machine.run(&Program::new(Buffer::Payload, steps), &buffer), "number {number}");
            assert_eq!((machine.budget, machine.bytes), (0, 0), "number {number} was not the worst");
        }
        // A negated content that was not looked for to the end has not been proved absent.
        let regexes = Vec::new();
        let mut scratch = RegexScratch::new(&regexes);
        let mut machine = Machine::new(&regexes, &mut scratch);
        machine.bytes = SIZE;
        assert!(!machine.run(&Program::new(Buffer::Payload, vec![not("c")]), &buffer));
        // Many contents over the largest buffer are no trouble.
        let mut machine = Machine::new(&regexes, &mut scratch);
        let mut steps: Vec<Step> = (0..60).map(|n| not(&format!("word{n}"))).collect();
        steps.push(first());
        assert!(machine.run(&Program::new(Buffer::Payload, steps), &[b'a'; 65_535]));
    }

    /// A slow, obvious search: does some choice of places for all contents fit?
    fn slow(contents: &[(Vec<u8>, bool, i64, Option<i64>)], buffer: &[u8], cursor: i64) -> bool {
        let Some(((pattern, relative, skip, span), rest)) = contents.split_first() else { return true };
        let base = if *relative { cursor } else { 0 } + skip;
        (0..=buffer.len()).any(|at| {
            let end = at + pattern.len();
            at as i64 >= base
                && span.is_none_or(|span| end as i64 <= base + span)
                && buffer.get(at..end) == Some(pattern)
                && slow(rest, buffer, end as i64)
        })
    }

    proptest! {
        #[test]
        fn contents_agree_with_a_slow_search(
            buffer in prop::collection::vec(prop::sample::select(b"ab".to_vec()), 0..24),
            contents in prop::collection::vec(
                (prop::collection::vec(prop::sample::select(b"ab".to_vec()), 1..4), any::<bool>(), -4..5_i64, prop::option::of(1..8_i64)),
                1..5,
            ),
        ) {
            let contents: Vec<_> = contents
                .into_iter()
                .enumerate()
                .map(|(n, (pattern, relative, skip, span))| {
                    let relative = relative && n > 0;
                    (pattern, relative, if relative { skip } else { skip.max(0) }, span)
                })
                .collect();
            let steps = contents
                .iter()
                .map(|(pattern, is_relative, skip, span)| {
                    let (skip, span) = (Number::Constant(*skip), span.map(Number::Constant));
                    let place = if *is_relative {
                        Place::Relative { distance: skip, within: span }
                    } else {
                        Place::Absolute { offset: skip, depth: span }
                    };
                    Step::Content(Content { place, ..Content::new(pattern, false) })
                })
                .collect();
            prop_assert_eq!(matches(steps, &buffer), slow(&contents, &buffer, 0));
        }
    }
}
