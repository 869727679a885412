//! Runs the `sluice` binary over a golden case and says what was not as the case has it.
//!
//! Called by `tests/golden.rs`. A case is a folder with `case.json`:
//!
//! ```text
//! { "about": "...",
//!   "rules": "case.rules",              a path from the folder; none: no rules
//!   "inline": false,                    for every run that does not say otherwise
//!   "runs": [ { "pcap": "hit.pcap",
//!               "expect": [ { "match": { "event_type": "alert", "vlan[0]": 110 }, "count": 1 } ],
//!               "max_alerts": 1,        alerts of any signature; absent: any number
//!               "inline": true,
//!               "set": [ "detection.checksums=off" ],
//!               "forwarded": { "packets": 3, "lacks": [ "word" ], "holds": [] } } ] }
//! ```
//!
//! A key of `match` is a path, its value what must be there, or `{"$exists": false}`; `count` defaults to 1. Each run
//! begins with an empty log folder; the exit status must be 0 and every line of `eve.json` must be JSON.

pub mod forwarded;
pub mod matcher;

use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// Seconds after which a run is taken to hang.
const PATIENCE_S: u32 = 60;

/// The `sluice` binary: what `SLUICE_BIN` names, else the newest of release and debug beside the running test. None when
/// there is neither; a `SLUICE_BIN` that is not there is returned all the same, so that running it fails aloud.
pub fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SLUICE_BIN") {
        return Some(named.into());
    }
    let test = std::env::current_exe().ok()?;
    // target/<profile>/deps/<test>
    let target = test.ancestors().nth(3)?;
    let built = ["release", "debug"].map(|profile| target.join(profile).join("sluice"));
    let age = |path: &PathBuf| fs::metadata(path).and_then(|facts| facts.modified()).ok();
    built.into_iter().filter(|path| age(path).is_some()).max_by_key(age)
}

/// The binary, and `folder` made anew for it: what an earlier run left there would be told from this one's by nothing. None, said aloud, where there is no binary.
///
/// # Errors
/// When the folder can't be made.
pub fn prepare(folder: &Path) -> io::Result<Option<PathBuf>> {
    let Some(binary) = binary() else {
        eprintln!("SKIPPED: no sluice binary; build sluice-cli or set SLUICE_BIN");
        return Ok(None);
    };
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(Some(binary))
}

/// Folders below `cases` that hold a case, by name.
///
/// # Errors
/// When the folder can't be read.
pub fn cases(cases: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(cases)? {
        let path = entry?.path();
        if path.join("case.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Runs every run of the case in `folder`, with log folders below `logs`. The answer is what was wrong; nothing: it holds.
pub fn run(binary: &Path, folder: &Path, logs: &Path) -> Vec<String> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let case = match fs::read(folder.join("case.json")).map(|bytes| serde_json::from_slice::<Value>(&bytes)) {
        Ok(Ok(case)) => case,
        Ok(Err(error)) => return vec![format!("{name}: case.json: {error}")],
        Err(error) => return vec![format!("{name}: case.json: {error}")],
    };
    let runs = case.get("runs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if runs.is_empty() {
        return vec![format!("{name}: has no runs")];
    }
    let mut wrong = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let log = logs.join(&name).join(number.to_string());
        let capture = run.get("pcap").and_then(Value::as_str).unwrap_or_default();
        let label = format!("{name} run {number} ({capture})");
        match play(binary, folder, &case, run, &log) {
            Ok(records) => wrong.extend(judge(run, &records, &log).into_iter().map(|line| format!("{label}: {line}"))),
            Err(line) => wrong.push(format!("{label}: {line}")),
        }
    }
    wrong
}

/// Runs the binary once; the answer is the records of `eve.json`.
fn play(binary: &Path, folder: &Path, case: &Value, run: &Value, log: &Path) -> Result<Vec<Value>, String> {
    let words = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let _ = fs::remove_dir_all(log);
    fs::create_dir_all(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let capture = words(run, "pcap").ok_or("names no pcap")?;
    let mut command = Command::new("timeout");
    command.arg(PATIENCE_S.to_string()).arg(binary).arg("replay").arg(folder.join(capture));
    if let Some(rules) = words(case, "rules") {
        command.arg("--rules").arg(folder.join(rules));
    }
    command.arg("--log-dir").arg(log);
    let inline = run.get("inline").or_else(|| case.get("inline")).and_then(Value::as_bool).unwrap_or(false);
    if inline {
        command.arg("--inline");
    }
    for setting in run.get("set").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        command.arg("--set").arg(setting);
    }
    let output = command.output().map_err(|error| format!("{}: {error}", binary.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let tail: Vec<&str> = said.lines().rev().take(5).collect();
        return Err(format!("{}: {}", output.status, tail.into_iter().rev().collect::<Vec<_>>().join(" / ")));
    }
    let eve = fs::read_to_string(log.join("eve.json")).map_err(|error| format!("eve.json: {error}"))?;
    let record = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| format!("eve.json line {}: {error}", number + 1))
    };
    eve.lines().enumerate().map(record).collect()
}

/// What of `run` does not hold of `records`.
fn judge(run: &Value, records: &[Value], log: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for expect in run.get("expect").and_then(Value::as_array).into_iter().flatten() {
        let Some(fields) = expect.get("match").and_then(Value::as_object) else {
            wrong.push(format!("expectation without match: {expect}"));
            continue;
        };
        let wanted = expect.get("count").and_then(Value::as_u64).unwrap_or(1);
        let found = records.iter().filter(|record| matcher::matches(record, fields)).count() as u64;
        if found != wanted {
            let fields = serde_json::to_string(fields).unwrap_or_default();
            wrong.push(format!("{found} records instead of {wanted} with {fields}"));
        }
    }
    if let Some(most) = run.get("max_alerts").and_then(Value::as_u64) {
        let alerts = |record: &&Value| record.get("event_type").is_some_and(|kind| kind == "alert");
        let sids: Vec<String> = records
            .iter()
            .filter(alerts)
            .map(|record| matcher::at(record, "alert.signature_id").map_or("?".to_owned(), Value::to_string))
            .collect();
        if sids.len() as u64 > most {
            wrong.push(format!("{} alerts instead of {most} at most: {}", sids.len(), sids.join(" ")));
        }
    }
    if let Some(wanted) = run.get("forwarded") {
        wrong.extend(forwarded::judge(wanted, &log.join("forwarded.pcapng")));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alert(sid: u64) -> Value {
        json!({ "event_type": "alert", "alert": { "signature_id": sid } })
    }

    #[test]
    fn a_run_is_wrong_when_a_record_is_missing_or_an_alert_too_many() {
        let run = json!({ "expect": [{ "match": { "alert.signature_id": 7 } }], "max_alerts": 1 });
        let log = Path::new("/nowhere");
        assert!(judge(&run, &[alert(7)], log).is_empty());
        assert_eq!(judge(&run, &[], log).len(), 1);
        assert_eq!(judge(&run, &[alert(7), alert(8)], log), ["2 alerts instead of 1 at most: 7 8"]);
    }

    #[test]
    fn a_case_that_runs_nothing_is_wrong() {
        let folder = std::env::temp_dir().join(format!("sluice-golden-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("case.json"), b"{ \"runs\": [] }").unwrap();
        let said = run(Path::new("/bin/true"), &folder, &folder);
        fs::remove_dir_all(&folder).unwrap();
        assert!(said.len() == 1 && said[0].ends_with("has no runs"), "{said:?}");
    }

    #[test]
    fn a_binary_that_fails_is_reported_with_its_last_words() {
        let folder = std::env::temp_dir().join(format!("sluice-golden-fails-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let case = json!({ "runs": [{ "pcap": "x.pcap" }] });
        fs::write(folder.join("case.json"), case.to_string()).unwrap();
        let said = run(Path::new("/bin/false"), &folder, &folder);
        fs::remove_dir_all(&folder).unwrap();
        assert!(said.len() == 1 && said[0].contains("exit status: 1"), "{said:?}");
    }
}
