//! The golden cases: traffic, rules and what must come out, in one place each.
//!
//! - [`case`]: what a case is and the files it becomes
//! - [`payload`]: bytes of the protocols that the traffic speaks; `demo` uses them too
//! - [`starter_web`], [`starter_service`], [`starter_network`]: one case for each starter rule
//! - [`decode`], [`defrag`], [`capture`], [`detect`], [`action`], [`flow`], [`tcp`], [`app`]: what the engine itself promises
//! - [`compared`]: where it differed from the reference engine, and why ours is right or was mended
//!
//! `tests/golden/cases/` holds what [`all`] makes; a test compares the two byte by byte, `SLUICE_BLESS=1` writes them anew.

pub mod action;
pub mod app;
pub mod capture;
pub mod case;
pub mod compared;
pub mod decode;
pub mod defrag;
pub mod detect;
pub mod flow;
pub mod normalise;
pub mod payload;
pub mod starter_network;
pub mod starter_service;
pub mod starter_web;
pub mod tcp;

pub use case::{Case, Expect, Run};

use crate::demo::ALERTS;

/// Every case.
pub fn all() -> Vec<Case> {
    let areas = [
        starter_web::cases(),
        starter_service::cases(),
        starter_network::cases(),
        decode::cases(),
        defrag::cases(),
        capture::cases(),
        detect::cases(),
        action::cases(),
        normalise::cases(),
        flow::cases(),
        tcp::cases(),
        app::cases(),
        compared::cases(),
        vec![demo()],
    ];
    areas.into_iter().flatten().collect()
}

/// The demo capture: what must be found, and nothing else; inline, what is stopped.
fn demo() -> Case {
    const CAPTURE: &str = "../../../demo/branch-office";
    let sum = ALERTS.iter().map(|(_, count)| count).sum();
    let found = |inline| {
        let run = Run::over(CAPTURE, None).at_most(sum).inline(inline);
        ALERTS.iter().fold(run, |run, (sid, count)| run.and(Expect::alert(*sid).times(*count)))
    };
    let stopped = [9_000_001, 9_000_005, 9_000_009, 9_000_021, 9_000_022, 9_000_031].map(|sid| {
        let count = ALERTS.iter().find(|(known, _)| *known == sid).map_or(0, |(_, count)| *count);
        let drop = Expect::event("drop").with("drop.reason", "rules");
        drop.with("alert.signature_id", sid).times(count)
    });
    let inline = stopped.into_iter().fold(found(true), Run::and);
    let about = "Of an afternoon in a branch office the attacks are found, passive and inline, and nothing else.";
    Case::starter("demo-branch-office", about, vec![found(false), inline])
}

#[cfg(test)]
mod tests {
    use super::{all, case::STARTER};
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_say_their_area() {
        let cases = all();
        let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len());
        for name in names {
            assert!(
                name.contains('-') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
                "{name}"
            );
        }
    }

    #[test]
    fn every_starter_case_has_a_near_miss() {
        for case in all().iter().filter(|case| case.name.starts_with("starter-")) {
            let silent = |run: &super::Run| run.name.starts_with("quiet") && run.max_alerts == Some(0);
            assert!(case.runs.iter().any(silent), "{}", case.name);
        }
    }

    #[test]
    fn every_starter_rule_that_speaks_has_a_case() {
        let rules = STARTER.strip_prefix("../../../../").unwrap();
        let rules = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(rules);
        let rules = std::fs::read_to_string(rules).unwrap();
        let asked: BTreeSet<u64> = all().iter().flat_map(|case| &case.runs).flat_map(super::Run::sids).collect();
        for rule in rules.lines().filter(|line| line.contains("sid:")) {
            let sid: u64 = rule.split("sid:").nth(1).and_then(|rest| rest.split(';').next()).unwrap().parse().unwrap();
            let speaks = !rule.contains("noalert") && !rule.starts_with("pass");
            assert_eq!(asked.contains(&sid), speaks, "sid {sid}");
        }
    }
}
