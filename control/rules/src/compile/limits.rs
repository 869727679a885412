//! Lines of `threshold.config` into limits: addresses resolved, words of the language into those of the engine.

use super::{Limit, LimitKind, rule};
use crate::{
    config::threshold::{SuppressTrack, ThresholdLine, ThresholdLineKind},
    diagnostic::Problem,
    syntax::header::Action as SyntaxAction,
    variables::Variables,
};
use sluice_core::Action;
use sluice_detect::{
    address::AddressSet,
    check::Owner,
    threshold::{Kind, Suppression, Threshold},
};

/// The limits of `lines`, and what is wrong with those left out.
pub fn resolve(lines: &[ThresholdLine], variables: &Variables) -> (Vec<Limit>, Vec<Problem>) {
    let (mut limits, mut problems) = (Vec::new(), Vec::new());
    for line in lines {
        match kind(&line.kind, variables) {
            Ok(kind) => limits.push(Limit { gid: all_or(line.gid), sid: all_or(line.sid), kind }),
            Err(problem) => problems.push(problem),
        }
    }
    (limits, problems)
}

/// 0 stands for all.
fn all_or(number: u32) -> Option<u32> {
    (number != 0).then_some(number)
}

fn kind(kind: &ThresholdLineKind, variables: &Variables) -> Result<LimitKind, Problem> {
    Ok(match kind {
        ThresholdLineKind::Threshold(threshold) => LimitKind::Threshold(rule::threshold(threshold)),
        ThresholdLineKind::RateFilter { track, count, seconds, new_action, timeout_s } => {
            let action = match new_action {
                SyntaxAction::Alert | SyntaxAction::Config => Action::Alert,
                SyntaxAction::Pass => Action::Pass,
                SyntaxAction::Drop => Action::Drop,
                SyntaxAction::RejectSource => Action::RejectSource,
                SyntaxAction::RejectDestination => Action::RejectDestination,
                SyntaxAction::RejectBoth => Action::RejectBoth,
            };
            LimitKind::Threshold(Threshold {
                kind: Kind::Rate { action, timeout_s: *timeout_s },
                track: rule::track(*track),
                count: *count,
                seconds: *seconds,
                unique_on: None,
            })
        }
        ThresholdLineKind::Suppress(None) => LimitKind::Suppress(None),
        ThresholdLineKind::Suppress(Some(suppression)) => {
            let addresses = variables.addresses(&suppression.address)?;
            LimitKind::Suppress(Some(Suppression {
                owner: match suppression.track {
                    SuppressTrack::Source => Owner::Source,
                    SuppressTrack::Destination => Owner::Destination,
                    SuppressTrack::Either => Owner::Pair,
                },
                addresses: AddressSet::new(addresses.v4().to_vec(), addresses.v6().to_vec()),
            }))
        }
    })
}
