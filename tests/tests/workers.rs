//! One, two and four workers tell the same, byte for byte; rules swapped in the middle change nothing.
//!
//! Plays every golden capture and the demo's in one run through the `sluice` binary, as `tests/golden.rs` does; skipped aloud where there is none.
#![cfg(test)]

use serde_json::Value;
use sluice_tests::golden;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Rules that look across flows: what these say depends on the order in which packets are judged.
const ACROSS_FLOWS: &str = r#"
alert tcp any any -> any any (msg:"limit"; flags:S; threshold:type limit, track by_src, count 2, seconds 60; sid:9000001;)
alert ip any any -> any any (msg:"both"; threshold:type both, track by_dst, count 5, seconds 30; sid:9000002;)
alert ip any any -> any any (msg:"set"; dsize:>100; xbits:set,seen,track ip_src,expire 60; noalert; sid:9000003;)
alert ip any any -> any any (msg:"isset"; xbits:isset,seen,track ip_dst; sid:9000004;)
alert udp any any -> any any (msg:"filter"; detection_filter:track by_src, count 3, seconds 10; sid:9000005;)
alert tcp any any -> any any (msg:"unique"; threshold:type threshold, track by_src, count 3, seconds 60, unique_on dst_port; sid:9000006;)
alert tcp any any -> any any (msg:"flow bit"; flags:S; flowbits:set,syn; noalert; sid:9000007;)
alert tcp any any -> any any (msg:"flow bit set"; flowbits:isset,syn; flags:F; sid:9000008;)
drop tcp any any -> any 443 (msg:"drop"; flags:S; sid:9000009;)
reject tcp any any -> any 25 (msg:"reject"; flags:S; sid:9000010;)
"#;

struct Setup {
    binary: PathBuf,
    folder: PathBuf,
    captures: Vec<PathBuf>,
}

fn setup(name: &str) -> Option<Setup> {
    let Some(binary) = golden::binary() else {
        eprintln!("SKIPPED: no sluice binary; build sluice-cli or set SLUICE_BIN");
        return None;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("workers").join(name);
    fs::create_dir_all(&folder).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut captures = vec![here.join("demo/branch-office.pcap")];
    for case in golden::cases(&here.join("golden/cases")).unwrap() {
        captures
            .extend(fs::read_dir(&case).unwrap().flatten().map(|entry| entry.path()).filter(|path| is_capture(path)));
    }
    captures.sort();
    assert!(captures.len() > 50);
    let starter = fs::read_to_string(here.join("../control/rules/starter/sluice-starter.rules")).unwrap();
    fs::write(folder.join("all.rules"), starter + ACROSS_FLOWS).unwrap();
    Some(Setup { binary, folder, captures })
}

fn is_capture(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "pcap" || end == "pcapng")
}

/// What one run wrote and reported.
struct Told {
    eve: Vec<u8>,
    forwarded: Vec<u8>,
    report: Value,
}

impl Setup {
    fn play(&self, name: &str, arguments: &[&str]) -> Told {
        let logs = self.folder.join(name);
        let output = Command::new(&self.binary)
            .arg("replay")
            .args(&self.captures)
            .arg("--rules")
            .arg(self.folder.join("all.rules"))
            .arg("--log-dir")
            .arg(&logs)
            .arg("--json")
            .args(["--set", "events.eve.anomaly-decode=true", "--set", "events.eve.payload=true"])
            .args(arguments)
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(report["ledger"]["imbalance"], 0, "{name}: {errors}");
        assert_eq!(report["leaked_buffers"], 0, "{name}");
        let read = |file: &str| fs::read(logs.join(file)).unwrap_or_default();
        Told { eve: read("eve.json"), forwarded: read("forwarded.pcapng"), report }
    }
}

/// The first line in which two logs differ, for the message.
fn first_difference(one: &[u8], other: &[u8]) -> String {
    let lines = |log: &[u8]| String::from_utf8_lossy(log).lines().map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (lines(one), lines(other));
    let place = one.iter().zip(&other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()));
    format!("line {}:\n{:?}\n{:?}", place + 1, one.get(place), other.get(place))
}

#[test]
fn one_two_and_four_workers_tell_and_forward_the_same_bytes_and_all_of_them_work() {
    let Some(setup) = setup("same") else { return };
    for mode in [&[][..], &["--inline"]] {
        let name = |workers: &str| format!("{}{workers}", if mode.is_empty() { "passive" } else { "inline" });
        let one = setup.play(&name("1"), &[mode, &["--workers", "1"]].concat());
        assert!(one.report["events"]["alerts"].as_u64().unwrap() > 100, "{}", one.report["events"]);
        for workers in ["2", "3", "4"] {
            let more = setup.play(&name(workers), &[mode, &["--workers", workers]].concat());
            assert!(one.eve == more.eve, "{workers} workers, {mode:?}: {}", first_difference(&one.eve, &more.eve));
            assert!(one.forwarded == more.forwarded, "{workers} workers forward something else");
            let worked = more.report["workers"].as_array().unwrap();
            assert_eq!(worked.len().to_string(), workers);
            assert!(worked.iter().all(|worker| worker["packets"].as_u64().unwrap() > 0), "{worked:?}");
        }
    }
}

#[test]
fn rules_swapped_in_the_middle_lose_no_packet_and_change_no_event() {
    let Some(setup) = setup("swaps") else { return };
    for workers in ["1", "3"] {
        let arguments = ["--inline", "--workers", workers];
        let still = setup.play(&format!("still{workers}"), &arguments);
        let swapped =
            setup.play(&format!("swapped{workers}"), &[&arguments[..], &["--set", "measure.swaps=12"]].concat());
        assert_eq!(swapped.report["swaps_ms"].as_array().unwrap().len(), 12);
        assert_eq!(still.report["ledger"], swapped.report["ledger"]);
        assert!(still.eve == swapped.eve, "{workers} workers: {}", first_difference(&still.eve, &swapped.eve));
        let took = swapped.report["workers"].as_array().unwrap();
        assert!(took.iter().all(|worker| worker["swaps"] == 12), "{took:?}");
    }
}
