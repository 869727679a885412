//! Public rule sets and the rule-load cases of the conformance collection, read from the folder `SLUICE_SHARED` names.
//!
//! Skipped aloud when the variable is unset: the corpora are not part of the repository.
use sluice_rules::config::{classification, reference, threshold};
use sluice_rules::{LoadOptions, Severity, load};
use std::path::{Path, PathBuf};

fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("SLUICE_SHARED").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED: SLUICE_SHARED is not set, so no corpus is read");
    }
    folder
}

fn folders(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = std::fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    found.retain(|p| p.is_dir());
    found.sort();
    Ok(found)
}

/// Folder, enabled rules read, disabled rules, rules refused. The reference refuses one rule of `snort-community`
/// too, for `within` in a content that an old-style modifier only later moves away from a `fast_pattern:only`
/// content; here the place it ends up in counts, so the rule is read.
const EXPECTED: [(&str, usize, usize, usize); 8] = [
    ("et-open-2021-supplement", 5111, 790, 0),
    ("et-open-2025", 14959, 10377, 0),
    ("et-open-2025-supplement", 4152, 0, 0),
    ("et-open-legacy-trojan", 4617, 154, 1),
    ("snort-community", 561, 3452, 0),
    ("sslbl", 7359, 0, 0),
    ("suricata-events", 435, 51, 0),
    ("trafficid", 34, 0, 0),
];

#[test]
fn the_public_corpora_are_read_as_the_reference_reads_them() {
    let Some(shared) = shared() else { return };
    for (name, rules, disabled, refused) in EXPECTED {
        let set = load(&[shared.join("rules").join(name)], &LoadOptions::default());
        let errors: Vec<_> =
            set.diagnostics.iter().filter(|d| d.severity == Severity::Error).map(ToString::to_string).collect();
        assert_eq!(
            (set.rules.len(), set.disabled.len(), set.refused),
            (rules, disabled, refused),
            "{name} {errors:#?}"
        );
        assert_eq!(errors.len(), refused, "{name} {errors:#?}");
        for rule in &set.rules {
            let text = rule.text.bytes();
            for option in &rule.options {
                assert!(option.name.of(text).iter().all(|b| !b.is_ascii_whitespace()) && option.name.end > 0);
            }
        }
    }
}

/// Refused by the reference for a setting, not for the rules.
const BY_SETTING: [&str; 2] = ["exception-policy-ids-midstream-enabled-bypass", "datasets-deny-save"];

#[test]
fn conformance_rules_are_refused_exactly_where_the_reference_refuses_them() {
    let Some(shared) = shared() else { return };
    let mut wrong = Vec::new();
    for case in folders(&shared.join("conformance").join("cases")).unwrap() {
        let description = std::fs::read(case.join("case.json")).unwrap();
        let description: serde_json::Value = serde_json::from_slice(&description).unwrap();
        let Some(rules) = description.get("rules").and_then(|r| r.as_str()) else { continue };
        let expected = description.get("exit").and_then(|e| e.as_str()) == Some("error");
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        if BY_SETTING.iter().any(|s| name.ends_with(s)) {
            continue;
        }
        let set = load(&[case.join(rules)], &LoadOptions::default());
        if set.has_errors() != expected {
            let found: Vec<_> = set.diagnostics.iter().map(ToString::to_string).collect();
            wrong.push(format!("{name}: should be refused: {expected}, found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_configuration_files_of_the_cases_are_read_without_findings() {
    let Some(shared) = shared() else { return };
    let conformance = shared.join("conformance");
    let read = |path: &Path| std::fs::read(path).unwrap();
    let file = conformance.join("etc/classification.config");
    let (found, wrong) = classification::parse(&file, &read(&file));
    assert!(found.len() > 30 && wrong.is_empty(), "{wrong:#?}");
    let file = conformance.join("etc/reference.config");
    let (found, wrong) = reference::parse(&file, &read(&file));
    assert!(found.len() > 5 && wrong.is_empty(), "{wrong:#?}");
    let mut lines = 0;
    for case in folders(&conformance.join("cases")).unwrap() {
        let file = case.join("threshold.config");
        if file.is_file() {
            let (found, wrong) = threshold::parse(&file, &read(&file));
            assert!(wrong.is_empty(), "{wrong:#?}");
            lines += found.len();
        }
    }
    assert!(lines > 0);
}
