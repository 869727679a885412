//! `threshold` and `detection_filter`: how many matches make a report.
//!
//! Called through the keyword table, and by `config::threshold` for the same words in the threshold file.
//!
//! Source: the public rule documentation, "Thresholding Keywords".
use super::{Keyword, Use, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::{Fault, Value};

/// What matches are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// `by_src`.
    Source,
    /// `by_dst`.
    Destination,
    /// `by_both`: the pair.
    Pair,
    /// `by_rule`: all together.
    Rule,
    /// `by_flow`.
    Flow,
}

impl Track {
    pub(crate) fn parse(word: Value<'_>) -> Result<Self, Fault> {
        match word.text() {
            "by_src" => Ok(Self::Source),
            "by_dst" => Ok(Self::Destination),
            "by_both" => Ok(Self::Pair),
            "by_rule" => Ok(Self::Rule),
            "by_flow" => Ok(Self::Flow),
            _ => Err(word.fault(Problem::UnknownWord { expected: "by_src, by_dst, by_both, by_rule or by_flow" })),
        }
    }
}

/// Which matches are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ThresholdKind {
    /// `limit`: the first `count` in each period.
    Limit {
        /// Length of the period.
        seconds: u32,
    },
    /// `threshold`: each `count`-th in the period.
    Threshold {
        /// Length of the period.
        seconds: u32,
    },
    /// `both`: once per period, when `count` is reached.
    Both {
        /// Length of the period.
        seconds: u32,
    },
    /// `backoff`: the `count`-th, then each time the count has grown by the multiplier.
    Backoff {
        /// At least 2.
        multiplier: u32,
    },
}

/// Property that matches must differ in to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UniqueOn {
    /// Source port.
    SourcePort,
    /// Destination port.
    DestinationPort,
}

/// `threshold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Which matches are reported.
    pub kind: ThresholdKind,
    /// What they are counted by.
    pub track: Track,
    /// At least 1.
    pub count: u32,
    /// Count only matches that differ in this.
    pub unique_on: Option<UniqueOn>,
}

/// `detection_filter`: reported from match `count` + 1 in the period on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetectionFilter {
    /// What matches are counted by.
    pub track: Track,
    /// At least 1.
    pub count: u32,
    /// Length of the period.
    pub seconds: u32,
    /// Count only matches that differ in this.
    pub unique_on: Option<UniqueOn>,
}

pub(super) const KEYWORDS: &[Keyword] =
    &[plain("threshold", "threshold", threshold), plain("detection_filter", "threshold", detection_filter)];

/// The words of an option, each at most once.
#[derive(Default)]
pub(crate) struct Words<'a> {
    pub kind: Option<Value<'a>>,
    pub track: Option<Track>,
    pub count: Option<u32>,
    pub seconds: Option<u32>,
    pub multiplier: Option<u32>,
    pub unique_on: Option<UniqueOn>,
}

impl<'a> Words<'a> {
    /// Takes one `word argument` part; false when the word is not of this kind.
    pub(crate) fn take(&mut self, part: Value<'a>) -> Result<bool, Fault> {
        let (word, argument) = part.word();
        let positive = |text: Value<'_>| text.number(1, i64::from(u32::MAX)).map(|n| u32::try_from(n).unwrap_or(1));
        let repeated = match word.text() {
            "type" => self.kind.replace(argument).is_some(),
            "track" => self.track.replace(Track::parse(argument)?).is_some(),
            "count" => self.count.replace(positive(argument)?).is_some(),
            "seconds" => self.seconds.replace(positive(argument)?).is_some(),
            "multiplier" => {
                let factor = argument.number(2, i64::from(u32::MAX))?;
                self.multiplier.replace(u32::try_from(factor).unwrap_or(2)).is_some()
            }
            "unique_on" => {
                let on = match argument.text() {
                    "src_port" => UniqueOn::SourcePort,
                    "dst_port" => UniqueOn::DestinationPort,
                    _ => return Err(argument.fault(Problem::UnknownWord { expected: "src_port or dst_port" })),
                };
                self.unique_on.replace(on).is_some()
            }
            _ => return Ok(false),
        };
        if repeated {
            return Err(part.fault(Problem::Conflict { with: "an earlier word of the same option".into() }));
        }
        Ok(true)
    }

    /// The threshold they describe; `whole` is what a missing word is blamed on.
    pub(crate) fn threshold(self, whole: Value<'_>) -> Result<Threshold, Fault> {
        const FORM: &str =
            "type limit|threshold|both|backoff, track by_..., count n, seconds n (backoff: multiplier n)";
        let missing = || whole.fault(Problem::ValueMissing { expected: FORM });
        let kind = self.kind.ok_or_else(missing)?;
        let seconds = self.seconds.ok_or_else(missing);
        let kind = match kind.text() {
            "limit" => ThresholdKind::Limit { seconds: seconds? },
            "threshold" => ThresholdKind::Threshold { seconds: seconds? },
            "both" => ThresholdKind::Both { seconds: seconds? },
            "backoff" => ThresholdKind::Backoff { multiplier: self.multiplier.ok_or_else(missing)? },
            _ => return Err(kind.fault(Problem::UnknownWord { expected: "limit, threshold, both or backoff" })),
        };
        let (Some(track), Some(count)) = (self.track, self.count) else { return Err(missing()) };
        Ok(Threshold { kind, track, count, unique_on: self.unique_on })
    }
}

fn threshold(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "type limit|threshold|both|backoff, track by_..., count n, seconds n";
    rule.once(option)?;
    let value = option.value(FORM)?;
    let mut words = Words::default();
    let mut ignored = Vec::new();
    for part in value.list() {
        // The reference overlooks what follows the words it knows, so published rules hold such slips.
        let more = part.word().1.word().1;
        let known = part.slice(0, part.len() - more.len()).trim();
        if !words.take(known)? {
            ignored.push(part.fault(Problem::Ignored { by: "threshold" }));
        } else if !more.is_empty() {
            ignored.push(more.fault(Problem::Ignored { by: "threshold" }));
        }
    }
    let threshold = words.threshold(value)?;
    ignored.into_iter().for_each(|fault| rule.warn(fault));
    rule.push(option, MatchKind::Threshold(threshold));
    Ok(())
}

fn detection_filter(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    const FORM: &str = "track by_..., count n, seconds n [, unique_on src_port|dst_port]";
    rule.once(option)?;
    let value = option.value(FORM)?;
    let mut words = Words::default();
    for part in value.list() {
        if part.word().0.is("type") || part.word().0.is("multiplier") || !words.take(part)? {
            return Err(part.fault(Problem::UnknownWord { expected: FORM }));
        }
    }
    let (Some(track), Some(count), Some(seconds)) = (words.track, words.count, words.seconds) else {
        return Err(value.fault(Problem::ValueMissing { expected: FORM }));
    };
    let filter = DetectionFilter { track, count, seconds, unique_on: words.unique_on };
    rule.push(option, MatchKind::DetectionFilter(filter));
    Ok(())
}
