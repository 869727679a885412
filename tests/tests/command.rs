//! The command line's contract: exit statuses, and what a script may do to it.
//!
//! Runs the `sluice` binary as `tests/golden.rs` does; skipped aloud where there is none.
#![cfg(test)]

use sluice_tests::golden;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The binary, and a folder of the test's own.
fn setup(name: &str) -> Option<(PathBuf, PathBuf)> {
    let Some(binary) = golden::binary() else {
        eprintln!("SKIPPED: no sluice binary; build sluice-cli or set SLUICE_BIN");
        return None;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command").join(name);
    fs::create_dir_all(&folder).unwrap();
    Some((binary, folder))
}

fn status(binary: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(binary).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn exit_statuses_tell_sound_unsound_and_misuse_apart() {
    let Some((binary, folder)) = setup("statuses") else { return };
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    fs::write(path("good.rules"), "alert tcp any any -> any any (content:\"abc\"; sid:1;)\n").unwrap();
    fs::write(path("wrong.rules"), "alert tcp any any -> any any (contnt:\"abc\"; sid:1;)\n").unwrap();
    fs::write(path("waits.rules"), "alert http any any -> any any (http.uri; content:\"/x\"; sid:1;)\n").unwrap();
    fs::write(path("no-capture.pcap"), "not a capture").unwrap();
    fs::create_dir_all(path("empty")).unwrap();
    let logs = path("logs");
    for (expected, arguments) in [
        (0, vec!["check", "--strict", "--rules", &path("good.rules")]),
        (0, vec!["check", "--strict", "--rules", &path("waits.rules")]),
        (0, vec!["check", "--rules", &path("wrong.rules")]),
        (1, vec!["check", "--strict", "--rules", &path("wrong.rules")]),
        (2, vec!["check", "--rules", &path("absent.rules")]),
        (2, vec!["check", "--rules", &path("empty")]),
        (1, vec!["replay", &path("no-capture.pcap"), "--log-dir", &logs]),
        (2, vec!["replay", &path("absent.pcap"), "--log-dir", &logs]),
        (2, vec!["replay", &path("no-capture.pcap"), "--set", "detection.checksum=off"]),
        (2, vec!["replay"]),
        (2, vec!["nonsense"]),
        (2, vec![]),
        (0, vec!["--version"]),
        (0, vec!["doctor", "--log-dir", &logs]),
        (0, vec!["doctor", "--json", "--log-dir", &logs]),
        (1, vec!["doctor", "--log-dir", &path("good.rules/below")]),
        (2, vec!["doctor", "--nonsense"]),
    ] {
        let (found, words) = status(&binary, &arguments);
        assert_eq!(found, Some(expected), "{arguments:?}: {words}");
    }
}

#[test]
fn doctor_tells_json_with_stable_keys_and_its_self_test_finds_the_bundled_attacks() {
    let Some((binary, folder)) = setup("doctor") else { return };
    let output =
        Command::new(&binary).args(["doctor", "--json", "--self-test", "--log-dir"]).arg(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = findings.as_array().unwrap();
    for finding in findings {
        let keys: Vec<&String> = finding.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["change", "found", "group", "id", "level", "why"]);
        assert!(["ok", "advice", "problem"].contains(&finding["level"].as_str().unwrap()), "{finding}");
    }
    let of = |id: &str| findings.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    assert_eq!(of("replay.self-test")["level"], "ok");
    for id in
        ["processor.model", "memory.hugepages", "iommu.groups", "dpdk.version", "hyperscan.platform", "clock.source"]
    {
        of(id);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let Some((binary, folder)) = setup("reader") else { return };
    let rules = folder.join("many.rules");
    let lines: String =
        (1..2_000).map(|sid| format!("alert tcp any any -> any any (contnt:\"abc\"; sid:{sid};)\n")).collect();
    fs::write(&rules, lines).unwrap();
    let mut child = Command::new(binary)
        .args(["check", "--json", "--rules"])
        .arg(&rules)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!words.contains("panicked"), "{words}");
    assert_eq!(output.status.code(), Some(0));
}
