//! What a signature asks of one buffer: a list of steps, judged in order.
//!
//! Built by `sluice-rules`, run by [`crate::run`]. Each step may look at the buffer, at the place where the step before it ended (the cursor)
//! and at numbers read earlier (variables).

use crate::{buffer::Buffer, dataset::Dataset, entropy, range::Range, remarks::Capture};
use memchr::memmem::Finder;
use sluice_core::Direction;
use std::sync::Arc;

/// Variables one signature can have (byte_extract, byte_math).
pub const VARIABLES: usize = 8;

/// A number written in the rule, or one read from the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// As written.
    Constant(i64),
    /// The variable of this number.
    Variable(u8),
}

/// Where a content may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Counted from the start of the buffer.
    Absolute {
        /// First byte that counts.
        offset: Number,
        /// Bytes from `offset` inside which the whole content must lie.
        depth: Option<Number>,
    },
    /// Counted from the cursor.
    Relative {
        /// Bytes to leave out (or go back).
        distance: Number,
        /// Bytes from there inside which the whole content must lie.
        within: Option<Number>,
    },
}

/// Bytes to find.
#[derive(Clone, Debug)]
pub struct Content {
    pub(crate) pattern: Box<[u8]>,
    pub(crate) finder: Finder<'static>,
    /// Capital and small ASCII letters are the same.
    pub nocase: bool,
    /// Must not be found.
    pub negated: bool,
    /// Must end where the buffer ends.
    pub ends: bool,
    /// Where it may stand.
    pub place: Place,
    /// Bytes to be put in its place, as many as it has.
    pub replace: Option<Box<[u8]>>,
}

impl Content {
    /// A content anywhere in the buffer.
    pub fn new(pattern: &[u8], nocase: bool) -> Self {
        let pattern: Box<[u8]> = if nocase { pattern.to_ascii_lowercase().into() } else { pattern.into() };
        Self {
            finder: Finder::new(&*pattern).into_owned(),
            pattern,
            nocase,
            negated: false,
            ends: false,
            place: Place::Absolute { offset: Number::Constant(0), depth: None },
            replace: None,
        }
    }

    /// The bytes; in small letters when `nocase`.
    pub fn pattern(&self) -> &[u8] {
        &self.pattern
    }

    /// First place of the content in `window`.
    ///
    /// # Cost
    /// Linear in `window` for ordinary bytes; a compare when the window is as long as the content.
    pub fn find(&self, window: &[u8]) -> Option<usize> {
        let mut unbounded = usize::MAX;
        self.find_within(window, &mut unbounded)
    }

    /// The same, and takes the bytes it looked at off `budget`. None as well when they are used up; it goes beyond by one window at most.
    pub(crate) fn find_within(&self, window: &[u8], budget: &mut usize) -> Option<usize> {
        let length = self.pattern.len();
        if window.len() < length {
            return None;
        }
        if !self.nocase {
            let found =
                if window.len() == length { (*window == *self.pattern).then_some(0) } else { self.finder.find(window) };
            *budget = budget.saturating_sub(found.map_or(window.len(), |at| at + length));
            return found;
        }
        let (&first, _) = self.pattern.split_first()?;
        let upper = first.to_ascii_uppercase();
        let last_start = window.len() - length;
        let mut start = 0;
        while start <= last_start && *budget > 0 {
            let Some(step) = memchr::memchr2(first, upper, window.get(start..=last_start)?) else {
                *budget = budget.saturating_sub(window.len() - start);
                return None;
            };
            // Each place where the first letter stands costs a compare, at worst of the whole pattern.
            *budget = budget.saturating_sub(step + length);
            let at = start + step;
            if window.get(at..at + length)?.eq_ignore_ascii_case(&self.pattern) {
                return Some(at);
            }
            start = at + 1;
        }
        None
    }
}

/// How a number is written in the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Binary, most significant byte first.
    BigEndian,
    /// Binary, least significant byte first.
    LittleEndian,
    /// Digits to this base.
    Text(u32),
}

/// A number to read from the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Bytes it takes: 1 to 8 in binary, up to 23 as text; 0 reads nothing and gives 0.
    pub bytes: Number,
    /// Where it stands, from the start of the buffer or from the cursor.
    pub offset: Number,
    /// Whether `offset` counts from the cursor.
    pub relative: bool,
    /// How it is written.
    pub encoding: Encoding,
    /// Kept bits, shifted down to the lowest of them; `u64::MAX` keeps all.
    pub bitmask: u64,
}

/// Comparison of `byte_test`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Less.
    Less,
    /// Greater.
    Greater,
    /// Equal.
    Equal,
    /// Less or equal.
    LessOrEqual,
    /// Greater or equal.
    GreaterOrEqual,
    /// Any bit in common.
    And,
    /// Any bit different.
    Xor,
}

/// Where `byte_jump` counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JumpBase {
    /// The end of the number read.
    Here,
    /// The start of the buffer.
    Beginning,
    /// The end of the buffer.
    End,
}

/// Operation of `byte_math`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Sum.
    Add,
    /// Difference.
    Subtract,
    /// Product.
    Multiply,
    /// Quotient; by zero: no match.
    Divide,
    /// Shift left.
    ShiftLeft,
    /// Shift right.
    ShiftRight,
}

/// What is asked of a data set, or done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOperation {
    /// The buffer is in it.
    IsSet,
    /// The buffer is not in it.
    IsNotSet,
    /// Puts the buffer in; holds when it was not in before.
    Set,
    /// Takes the buffer out; holds when it was in.
    Unset,
    /// The buffer is in it, with a reputation in this range.
    Reputation(Range<u16>),
}

impl SetOperation {
    /// Whether the set changes.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Set | Self::Unset)
    }
}

/// One step.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every step is a content: a box would cost a jump each")]
pub enum Step {
    /// Find bytes.
    Content(Content),
    /// Match a regular expression.
    Regex {
        /// Its number in the rule set.
        regex: u32,
        /// Must not match.
        negated: bool,
        /// Begins at the cursor.
        relative: bool,
        /// Where its groups go, when the rule matches.
        captures: Box<[Capture]>,
    },
    /// Is there a byte at this place?
    IsDataAt {
        /// The place.
        offset: Number,
        /// From the cursor.
        relative: bool,
        /// Must not be there.
        negated: bool,
    },
    /// The size of the buffer.
    Size(Range<u64>),
    /// Compare a number.
    ByteTest {
        /// The number.
        field: Field,
        /// How.
        comparison: Comparison,
        /// The other way round.
        negated: bool,
        /// With what.
        value: Number,
    },
    /// Move the cursor by a number.
    ByteJump {
        /// The number.
        field: Field,
        /// From where.
        base: JumpBase,
        /// Factor.
        multiplier: u32,
        /// Round up to a multiple of four.
        align: bool,
        /// Added at the end.
        post_offset: Number,
    },
    /// Keep a number.
    ByteExtract {
        /// The number.
        field: Field,
        /// Where to keep it.
        variable: u8,
        /// Factor.
        multiplier: u32,
        /// Round up to a multiple of this.
        align: u32,
    },
    /// Keep what an operation makes of a number.
    ByteMath {
        /// The number.
        field: Field,
        /// The operation.
        operation: Operation,
        /// The other operand.
        operand: Number,
        /// Where to keep the result.
        variable: u8,
    },
    /// Compare the entropy of a part.
    Entropy {
        /// First byte of the part.
        offset: usize,
        /// Its bytes; 0: all to the end.
        bytes: usize,
        /// The number of the buffer's name, for records.
        name: u16,
        /// What it is compared with.
        wanted: entropy::Wanted,
    },
    /// Look the buffer up in a data set, or change the set by it.
    Dataset {
        /// The set.
        set: Arc<Dataset>,
        /// What is done.
        operation: SetOperation,
        /// The source in the rule set under which the value's record is told, if it is.
        context: Option<u16>,
    },
    /// Decode a part and judge what comes out. Fails when nothing does.
    Base64 {
        /// Bytes of text decoded at most.
        bytes: Option<usize>,
        /// Bytes left out first, from the start or from the cursor.
        offset: usize,
        /// From the cursor.
        relative: bool,
        /// What is asked of the decoded bytes. Decodes nothing itself.
        program: Box<Program>,
    },
}

impl Step {
    /// Whether the step looks at the cursor.
    pub fn is_relative(&self) -> bool {
        match self {
            Self::Content(content) => matches!(content.place, Place::Relative { .. }),
            Self::Regex { relative, .. } | Self::IsDataAt { relative, .. } | Self::Base64 { relative, .. } => *relative,
            Self::ByteTest { field, .. }
            | Self::ByteJump { field, .. }
            | Self::ByteExtract { field, .. }
            | Self::ByteMath { field, .. } => field.relative,
            Self::Size(_) | Self::Entropy { .. } | Self::Dataset { .. } => false,
        }
    }

    /// Whether the step sets the cursor when it matches.
    pub fn moves_cursor(&self) -> bool {
        match self {
            Self::Content(content) => !content.negated,
            Self::Regex { negated, .. } => !negated,
            Self::ByteJump { .. } | Self::ByteExtract { .. } | Self::ByteMath { .. } => true,
            Self::IsDataAt { .. }
            | Self::Size(_)
            | Self::ByteTest { .. }
            | Self::Entropy { .. }
            | Self::Dataset { .. }
            | Self::Base64 { .. } => false,
        }
    }
}

/// What holds for a packet that does not have the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absence {
    /// It does not match.
    #[default]
    Fails,
    /// It matches, and no other does (`absent`).
    Wanted,
    /// It matches as well (`absent:or_else`).
    Allowed,
}

/// The steps over one buffer.
#[derive(Clone, Debug)]
pub struct Program {
    /// The buffer.
    pub buffer: Buffer,
    /// The number of its chain of transforms in the rule set, if it has any.
    pub derived: Option<u32>,
    /// What holds where there is no such buffer.
    pub absence: Absence,
    /// In a rule about both directions of a transaction: which one it looks at.
    pub side: Option<Direction>,
    steps: Box<[Step]>,
    /// For each step: whether another place for it could make a later step match.
    retries: Box<[bool]>,
}

impl Program {
    /// The program of `steps` over `buffer`.
    pub fn new(buffer: Buffer, steps: Vec<Step>) -> Self {
        let retries = (0..steps.len())
            .map(|place| {
                for later in steps.iter().skip(place + 1) {
                    if later.is_relative() {
                        return true;
                    }
                    if later.moves_cursor() {
                        return false;
                    }
                }
                false
            })
            .collect();
        let (derived, absence) = (None, Absence::default());
        Self { buffer, derived, absence, side: None, steps: steps.into_boxed_slice(), retries }
    }

    /// Whether a step changes a data set.
    pub fn writes(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Dataset { operation, .. } => operation.writes(),
            Step::Base64 { program, .. } => program.writes(),
            _ => false,
        })
    }

    /// Whether it matters where the buffer begins or ends. `regex_is` tells it of the expression with a number.
    pub fn is_anchored(&self, regex_is: impl Fn(u32) -> bool) -> bool {
        let from_start = Place::Absolute { offset: Number::Constant(0), depth: None };
        self.steps.iter().any(|step| match step {
            Step::Content(content) => {
                content.ends || (content.place != from_start && matches!(content.place, Place::Absolute { .. }))
            }
            Step::Regex { regex, relative, .. } => !relative && regex_is(*regex),
            Step::IsDataAt { relative, .. } => !relative,
            Step::Size(_) | Step::Dataset { .. } | Step::Entropy { .. } => true,
            Step::ByteTest { field, .. } | Step::ByteExtract { field, .. } | Step::ByteMath { field, .. } => {
                !field.relative
            }
            Step::ByteJump { field, base, .. } => !field.relative || *base != JumpBase::Here,
            Step::Base64 { relative, .. } => !relative,
        })
    }

    /// Whether it can hold for the beginning of a buffer and not for the whole: it has to wait for the end.
    pub fn needs_whole(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Content(content) => content.negated || content.ends,
            Step::Regex { negated, .. } | Step::IsDataAt { negated, .. } => *negated,
            Step::Size(_) | Step::Dataset { .. } | Step::Entropy { .. } => true,
            Step::ByteJump { base, .. } => *base == JumpBase::End,
            Step::ByteTest { .. } | Step::ByteExtract { .. } | Step::ByteMath { .. } | Step::Base64 { .. } => false,
        })
    }

    /// Whether bytes it finds are to be written over.
    pub fn replaces(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Content(content) if content.replace.is_some()))
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step at `place` and whether trying another position for it can help.
    #[inline]
    pub(crate) fn step(&self, place: usize) -> Option<(&Step, bool)> {
        Some((self.steps.get(place)?, *self.retries.get(place)?))
    }
}
