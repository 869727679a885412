//! `threshold.config`: thresholds, filters and suppression from outside the rules.
//!
//! Called by the service and the checker. Addresses keep their variables; `Variables` resolves them.
//!
//! Source: the public rule documentation, "Global-Thresholds".
use super::each_line;
use crate::diagnostic::{Diagnostic, Problem};
use crate::syntax::endpoint::AddressExpr;
use crate::syntax::header::Action;
use crate::syntax::keyword::threshold::{Threshold, Track, Words};
use crate::syntax::value::{Fault, Value};
use std::path::Path;

/// What a line is about; a number of 0 stands for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdLine {
    /// `gen_id`.
    pub gid: u32,
    /// `sig_id`.
    pub sid: u32,
    /// What.
    pub kind: ThresholdLineKind,
}

/// The kinds of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThresholdLineKind {
    /// `threshold` and `event_filter`: takes the place of the rule's own.
    Threshold(Threshold),
    /// `rate_filter`.
    RateFilter {
        /// What matches are counted by.
        track: Track,
        /// More than so many in the period.
        count: u32,
        /// Length of the period.
        seconds: u32,
        /// The action from then on.
        new_action: Action,
        /// For how long.
        timeout_s: u32,
    },
    /// `suppress`: matches are not reported.
    Suppress(Option<Suppression>),
}

/// Which matches are suppressed; without it, all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Which address is looked at.
    pub track: SuppressTrack,
    /// The addresses.
    pub address: AddressExpr,
}

/// Which address a suppression looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressTrack {
    /// `by_src`.
    Source,
    /// `by_dst`.
    Destination,
    /// `by_either`.
    Either,
}

/// Reads all lines.
pub fn parse(file: &Path, bytes: &[u8]) -> (Vec<ThresholdLine>, Vec<Diagnostic>) {
    each_line(file, bytes, line)
}

fn line(text: Value<'_>) -> Result<ThresholdLine, Fault> {
    const FORM: &str = "suppress, threshold, event_filter or rate_filter, then gen_id n, sig_id n, ...";
    let (verb, rest) = text.word();
    let mut fields = Fields::default();
    let mut words = Words::default();
    for part in parts(rest) {
        if !fields.take(part)? && !words.take(part)? {
            return Err(part.fault(Problem::UnknownWord { expected: FORM }));
        }
    }
    let missing = || text.fault(Problem::ValueMissing { expected: FORM });
    let (Some(gid), Some(sid)) = (fields.gid, fields.sid) else { return Err(missing()) };
    let kind = match verb.text() {
        "threshold" | "event_filter" => {
            words.track = Some(Track::parse(fields.track.ok_or_else(missing)?)?);
            ThresholdLineKind::Threshold(words.threshold(text)?)
        }
        "rate_filter" => {
            let (Some(track), Some(count), Some(seconds), Some(new_action), Some(timeout_s)) =
                (fields.track, words.count, words.seconds, fields.new_action, fields.timeout)
            else {
                return Err(missing());
            };
            ThresholdLineKind::RateFilter { track: Track::parse(track)?, count, seconds, new_action, timeout_s }
        }
        "suppress" => ThresholdLineKind::Suppress(match (fields.track, fields.address) {
            (None, None) => None,
            (Some(track), Some(address)) => Some(Suppression { track: suppress_track(track)?, address }),
            _ => return Err(missing()),
        }),
        _ => return Err(verb.fault(Problem::UnknownWord { expected: FORM })),
    };
    Ok(ThresholdLine { gid, sid, kind })
}

/// Cut at commas, but not inside the list after `ip`.
fn parts(text: Value<'_>) -> Vec<Value<'_>> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (i, &b) in text.bytes().iter().enumerate() {
        match b {
            b'[' => depth += 1,
            b']' => depth -= 1,
            b',' if depth <= 0 => {
                parts.push(text.slice(start, i).trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(text.from(start).trim());
    parts
}

/// The words only this file has.
#[derive(Default)]
struct Fields<'a> {
    gid: Option<u32>,
    sid: Option<u32>,
    track: Option<Value<'a>>,
    address: Option<AddressExpr>,
    new_action: Option<Action>,
    timeout: Option<u32>,
}

impl<'a> Fields<'a> {
    fn take(&mut self, part: Value<'a>) -> Result<bool, Fault> {
        let (word, argument) = part.word();
        match word.text() {
            "gen_id" => self.gid = Some(argument.int()?),
            "sig_id" => self.sid = Some(argument.int()?),
            "track" => self.track = Some(argument),
            "ip" => self.address = Some(AddressExpr::parse(argument)?),
            "timeout" => self.timeout = Some(argument.int()?),
            "new_action" => {
                let action = Action::from_name(argument.bytes()).filter(|a| *a != Action::Config);
                self.new_action = Some(action.ok_or_else(|| argument.fault(Problem::UnknownAction))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn suppress_track(word: Value<'_>) -> Result<SuppressTrack, Fault> {
    match word.text() {
        "by_src" => Ok(SuppressTrack::Source),
        "by_dst" => Ok(SuppressTrack::Destination),
        "by_either" => Ok(SuppressTrack::Either),
        _ => Err(word.fault(Problem::UnknownWord { expected: "by_src, by_dst or by_either" })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::keyword::threshold::ThresholdKind;

    #[test]
    fn each_kind_of_line_is_read() {
        let text = b"suppress gen_id 1, sig_id 2\n\
            suppress gen_id 1, sig_id 2, track by_either, ip [10.0.0.0/8,$X]\n\
            threshold gen_id 1, sig_id 0, type both, track by_flow, count 5, seconds 60\n\
            rate_filter gen_id 1, sig_id 3, track by_rule, count 1, seconds 60, new_action drop, timeout 1000\n";
        let (found, wrong) = parse(Path::new("t"), text);
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(found.len(), 4);
        assert_eq!(found[0].kind, ThresholdLineKind::Suppress(None));
        let ThresholdLineKind::Threshold(t) = &found[2].kind else { panic!() };
        assert_eq!((t.kind, t.track, t.count), (ThresholdKind::Both { seconds: 60 }, Track::Flow, 5));
        assert!(matches!(found[3].kind, ThresholdLineKind::RateFilter { new_action: Action::Drop, .. }));
    }

    #[test]
    fn wrong_lines_are_reported_with_their_place() {
        let (found, wrong) = parse(
            Path::new("t"),
            b"suppress gen_id 1\nlimit gen_id 1, sig_id 1\nsuppress gen_id 1, sig_id 1, track by_src\n",
        );
        assert!(found.is_empty());
        assert_eq!(wrong.iter().map(|d| d.line).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
