//! Every golden case, played through the `sluice` binary.
//!
//! `SLUICE_BIN` names the binary; without it the newest of `target/{release,debug}/sluice` is taken, and where there is none
//! the test says so and is skipped. `SLUICE_CASE=word` plays only cases whose name has that word. Logs stay in
//! `target/tmp/golden/<case>/<run>/`.
#![cfg(test)]

use sluice_tests::golden;
use std::path::Path;

#[test]
fn every_golden_case_comes_out_as_it_says() {
    let Some(binary) = golden::binary() else {
        eprintln!("SKIPPED: no sluice binary; build sluice-cli or set SLUICE_BIN");
        return;
    };
    let only = std::env::var("SLUICE_CASE").unwrap_or_default();
    let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
    let mut wrong = Vec::new();
    for folder in golden::cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/cases")).unwrap() {
        if folder.to_string_lossy().contains(&only) {
            wrong.extend(golden::run(&binary, &folder, &logs));
        }
    }
    assert!(wrong.is_empty(), "{} with {}:\n{}", wrong.len(), binary.display(), wrong.join("\n"));
}

#[test]
fn every_case_folder_is_one_that_the_builder_makes_or_says_what_it_is_about() {
    for folder in golden::cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/cases")).unwrap() {
        let text = std::fs::read_to_string(folder.join("case.json")).unwrap();
        let case: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(case["about"].as_str().is_some_and(|about| about.ends_with('.')), "{}", folder.display());
    }
}
