//! Target `config`: the files beside the rules, and settings.
//!
//! The first byte chooses, the rest is the file: `threshold.config`, `classification.config`, `reference.config`, reputation categories, reputation scores, a database of countries,
//! or one `PATH=VALUE` a line. Nothing panics, every finding has a place in the file, a refused setting changes nothing.

use super::rules;
use sluice_config::Settings;
use sluice_rules::{
    Diagnostic,
    compile::limits,
    config::{classification, countries, reference, reputation, threshold},
};
use std::path::Path;

/// Runs one input.
pub fn run(input: &[u8]) {
    let [kind, file @ ..] = input else { return };
    let path = Path::new("fuzz.config");
    match kind % 7 {
        0 => {
            let (lines, wrong) = threshold::parse(path, file);
            check(file, &wrong);
            for problem in limits::resolve(&lines, &rules::variables()).1 {
                assert!(!problem.to_string().is_empty());
            }
        }
        1 => check(file, &classification::parse(path, file).1),
        2 => check(file, &reference::parse(path, file).1),
        3 => check(file, &reputation::categories(path, file).1),
        4 => {
            let (scores, wrong) = reputation::scores(path, file);
            check(file, &wrong);
            reputation::build(Vec::new(), scores);
        }
        5 => {
            if let Err(why) = countries::read(file.to_vec()) {
                assert!(!why.is_empty());
            }
        }
        _ => settings(file),
    }
}

fn check(file: &[u8], wrong: &[Diagnostic]) {
    let lines: Vec<&[u8]> = file.split(|&byte| byte == b'\n').collect();
    for found in wrong {
        let line = (found.line as usize).checked_sub(1).and_then(|line| lines.get(line));
        assert!(line.is_some_and(|line| found.column as usize <= line.len() + 1), "{found}");
        assert!(!found.to_string().is_empty());
    }
}

fn settings(file: &[u8]) {
    let mut settings = Settings::default();
    for line in String::from_utf8_lossy(file).lines() {
        let before = format!("{settings:?}");
        if let Err(error) = settings.assign(line) {
            assert!(!error.to_string().is_empty());
            assert_eq!(before, format!("{settings:?}"), "{line} was refused and changed something");
        } else {
            let once = format!("{settings:?}");
            assert!(settings.assign(line).is_ok(), "{line}: taken once, refused the second time");
            assert_eq!(once, format!("{settings:?}"), "{line} adds up");
        }
    }
    settings.contradiction();
    settings.exceptions.in_force(sluice_core::verdict::Mode::Inline, settings.midstream);
}
