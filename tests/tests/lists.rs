//! Lists outside of the rules, through the `sluice` binary: data sets that are kept from one run to the next, reputations, countries.
//!
//! Skipped aloud where there is no binary.
#![cfg(test)]

use serde_json::Value;
use sluice_tests::{
    golden,
    traffic::{Capture, UdpExchange, Wire},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

struct Place {
    binary: PathBuf,
    folder: PathBuf,
}

fn place(name: &str) -> Option<Place> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lists").join(name);
    let binary = golden::prepare(&folder).unwrap()?;
    let place = Place { binary, folder };
    let six = UdpExchange::new(Wire::of("2001:db8:1::10", "2001:db8:2::20"), 5_000, 5_001).client(b"six");
    let four = UdpExchange::new(Wire::of("10.1.0.10", "10.2.0.20"), 5_000, 5_001).client(b"four").client(b"more");
    let records = [six.records(), four.records()].concat();
    fs::write(place.path("traffic.pcap"), Capture::of(records).to_bytes()).unwrap();
    Some(place)
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn replay(&self, log: &str, rules: &str, settings: &[String]) -> Output {
        fs::write(self.path("test.rules"), rules).unwrap();
        let mut command = Command::new(&self.binary);
        command
            .arg("replay")
            .arg(self.path("traffic.pcap"))
            .arg("--strict")
            .arg("--rules")
            .arg(self.path("test.rules"));
        command.arg("--log-dir").arg(self.path(log)).args(["--set", "detection.checksums=off"]);
        for setting in settings {
            command.arg("--set").arg(setting);
        }
        command.output().unwrap()
    }

    /// Signatures that spoke, sorted.
    fn said(&self, log: &str, rules: &str, settings: &[String]) -> Vec<u64> {
        let output = self.replay(log, rules, settings);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let eve = fs::read_to_string(self.path(log).join("eve.json")).unwrap();
        let records = eve.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut said: Vec<u64> = records.filter_map(|record| record["alert"]["signature_id"].as_u64()).collect();
        said.sort_unstable();
        said
    }
}

#[test]
fn a_set_is_written_at_the_end_and_read_at_the_beginning_of_the_next_run() {
    let Some(place) = place("kept") else { return };
    let rules = "alert udp any any -> any any (ip.src; dataset:set,seen,type ip,state kept/seen.lst; sid:1;)\n";
    assert_eq!(place.said("one", rules, &[]), [1, 1]);
    let file = fs::read_to_string(place.path("one/kept/seen.lst")).unwrap();
    assert_eq!(file, "2001:db8:1::10\n::ffff:10.1.0.10\n");
    let folder = format!("detection.datasets.folder={}", place.path("one").display());
    assert_eq!(place.said("two", rules, std::slice::from_ref(&folder)), [0; 0], "they are known");
    assert_eq!(fs::read_to_string(place.path("one/kept/seen.lst")).unwrap(), file);
    assert!(!place.path("two/kept").exists());
    let output = place.replay("three", rules, &[folder, "detection.datasets.allow-write=false".into()]);
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("test.rules:1:") && words.contains("may not write"), "{words}");
}

#[test]
fn workers_fill_a_set_alike() {
    let Some(place) = place("workers") else { return };
    let rules = "alert udp any any -> any any (ip.dst; dataset:set,seen,type ip,save seen.lst; sid:1;)\n";
    let mut outcomes = Vec::new();
    for workers in ["1", "2"] {
        fs::write(place.path("test.rules"), rules).unwrap();
        let log = place.path(&format!("log{workers}"));
        let output = Command::new(&place.binary)
            .args(["replay", "--workers", workers, "--set", "detection.checksums=off", "--rules"])
            .arg(place.path("test.rules"))
            .arg("--log-dir")
            .arg(&log)
            .arg(place.path("traffic.pcap"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let eve = fs::read_to_string(log.join("eve.json")).unwrap();
        let alerts: Vec<String> =
            eve.lines().filter(|line| line.contains("\"event_type\":\"alert\"")).map(str::to_owned).collect();
        outcomes.push((fs::read(log.join("seen.lst")).unwrap(), alerts));
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0].1.len(), 2);
}

#[test]
fn reputations_come_from_the_files_the_settings_name() {
    let Some(place) = place("reputations") else { return };
    fs::write(place.path("categories"), "1,Bad,bad hosts\n").unwrap();
    fs::write(place.path("four"), "10.1.0.0/16,1,90\n").unwrap();
    fs::write(place.path("six"), "2001:db8:1::10,1,20\n").unwrap();
    let rules = "alert ip any any -> any any (iprep:src,Bad,>,50; sid:1;)\nalert ip any any -> any any (iprep:src,Bad,<,50; sid:2;)\n";
    let file = |name: &str| place.path(name).display().to_string();
    let categories = format!("detection.iprep-categories={}", file("categories"));
    let files = format!("reputation-files={},{}", file("four"), file("six"));
    assert_eq!(place.said("both", rules, &[categories.clone(), files.clone()]), [1, 2]);
    let output = place.replay("none", rules, &[]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("detection.iprep-categories"), "{words}");
    fs::write(place.path("six"), "2001:db8:1::10,1,20\n10.0.0.300,1,7\n").unwrap();
    let output = place.replay("wrong", rules, &[categories, files]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("six:2:1"), "{words}");
}

#[test]
fn without_a_database_of_countries_a_rule_is_refused_with_the_remedy() {
    let Some(place) = place("countries") else { return };
    let rules = "alert ip any any -> any any (geoip:src,DE; sid:1;)\n";
    let output = place.replay("none", rules, &[]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("detection.geoip-database"), "{words}");
    fs::write(place.path("wrong.mmdb"), "no database").unwrap();
    let database = format!("detection.geoip-database={}", place.path("wrong.mmdb").display());
    let output = place.replay("wrong", rules, &[database]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("wrong.mmdb: error: not a database of countries"), "{words}");
}
