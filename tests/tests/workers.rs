//! One, two and four workers tell the same, byte for byte; rules swapped in the middle change nothing.
//!
//! Plays every golden capture and the demo's in one run through the `sluice` binary, as `tests/golden.rs` does; skipped aloud where there is none.
#![cfg(test)]

use serde_json::Value;
use sluice_core::HashKey;
use sluice_flow::Partitions;
use sluice_packet::{DecodeConfig, Decoded, LinkType, decode};
use sluice_tests::{
    golden, tangle,
    traffic::{Capture, Ip, Link, Record, clock::BEGIN, ip, link, udp},
};
use sluice_worker::Owners;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
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

/// Rules on what [`tangle`] sends.
const OF_WORDS: &str = r#"
alert tcp any any -> any any (msg:"request"; flow:established,to_server; content:"GET "; flowbits:set,got; sid:9000101;)
alert tcp any any -> any any (msg:"answer"; flow:established,to_client; flowbits:isset,got; sid:9000102;)
drop ip any any -> any any (msg:"drop"; content:"attack"; threshold:type limit, track by_src, count 5, seconds 30; sid:9000103;)
reject ip any any -> any any (msg:"reject"; content:"reject me"; sid:9000104;)
alert ip any any -> any any (msg:"fragment"; fragbits:M; threshold:type both, track by_both, count 2, seconds 9; sid:9000105;)
pass tcp any any -> any 8080 (msg:"pass"; flow:established; content:"nothing"; sid:9000106;)
alert ip any any -> any any (msg:"in a tunnel"; flow.pkts:either,>3; hostbits:isset,seen,src; sid:9000107;)
alert icmp any any -> any any (msg:"error"; itype:3; hostbits:set,seen,dst,expire 40; sid:9000108;)
"#;

/// A replay that takes longer has come to a standstill.
const LONGEST: Duration = Duration::from_secs(120);

struct Setup {
    binary: PathBuf,
    folder: PathBuf,
    captures: Vec<PathBuf>,
}

/// Our captures and rules.
fn setup(name: &str) -> Option<Setup> {
    let mut setup = bare(name)?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    setup.captures.push(here.join("demo/branch-office.pcap"));
    for case in golden::cases(&here.join("golden/cases")).unwrap() {
        let files = fs::read_dir(&case).unwrap().flatten().map(|entry| entry.path());
        setup.captures.extend(files.filter(|path| is_capture(path)));
    }
    setup.captures.sort();
    assert!(setup.captures.len() > 50);
    let starter = fs::read_to_string(here.join("../control/rules/starter/sluice-starter.rules")).unwrap();
    fs::write(setup.folder.join("all.rules"), starter + ACROSS_FLOWS).unwrap();
    Some(setup)
}

/// These captures, and rules for what is in them.
fn made(name: &str, captures: &[Capture]) -> Option<Setup> {
    let mut setup = bare(name)?;
    for (number, capture) in captures.iter().enumerate() {
        let path = setup.folder.join(format!("{number}.pcap"));
        fs::write(&path, capture.to_bytes()).unwrap();
        setup.captures.push(path);
    }
    fs::write(setup.folder.join("all.rules"), [ACROSS_FLOWS, OF_WORDS].concat()).unwrap();
    Some(setup)
}

/// Without captures and rules.
fn bare(name: &str) -> Option<Setup> {
    let Some(binary) = golden::binary() else {
        eprintln!("SKIPPED: no sluice binary; build sluice-cli or set SLUICE_BIN");
        return None;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("workers").join(name);
    fs::create_dir_all(&folder).unwrap();
    Some(Setup { binary, folder, captures: Vec::new() })
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
        fs::create_dir_all(&logs).unwrap();
        let file = |name: &str| fs::File::create(logs.join(name)).unwrap();
        let mut child = Command::new(&self.binary)
            .arg("replay")
            .args(&self.captures)
            .arg("--rules")
            .arg(self.folder.join("all.rules"))
            .arg("--log-dir")
            .arg(&logs)
            .arg("--json")
            .args(["--set", "events.eve.anomaly-decode=true", "--set", "events.eve.payload=true"])
            .args(arguments)
            .stdout(file("report.json"))
            .stderr(file("errors.txt"))
            .spawn()
            .unwrap();
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > LONGEST {
                child.kill().unwrap();
                panic!("{name}: the replay does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let report: Value = serde_json::from_slice(&fs::read(logs.join("report.json")).unwrap()).unwrap_or_default();
        let errors = fs::read_to_string(logs.join("errors.txt")).unwrap();
        assert_eq!(report["ledger"]["imbalance"], 0, "{name}: {errors}");
        assert_eq!(report["leaked_buffers"], 0, "{name}");
        let read = |file: &str| fs::read(logs.join(file)).unwrap_or_default();
        Told { eve: read("eve.json"), forwarded: read("forwarded.pcapng"), report }
    }
}

/// The first line in which two logs differ, for the message.
/// `eve` without the counts of work done: a swap looks at the windows of streams once more.
fn without_work(eve: &[u8]) -> Vec<u8> {
    let mut lines: Vec<String> = String::from_utf8_lossy(eve).lines().map(str::to_owned).collect();
    if let Some(last) = lines.last_mut() {
        let mut stats: Value = serde_json::from_str(last).unwrap();
        let detect = stats["stats"]["detect"].as_object_mut().unwrap();
        for name in ["scans", "stream_rescans", "evaluated"] {
            assert!(detect.remove(name).is_some());
        }
        *last = stats.to_string();
    }
    lines.join("\n").into_bytes()
}

fn first_difference(one: &[u8], other: &[u8]) -> String {
    let lines = |log: &[u8]| String::from_utf8_lossy(log).lines().map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (lines(one), lines(other));
    let place = one.iter().zip(&other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()));
    format!("line {}:\n{:?}\n{:?}", place + 1, one.get(place), other.get(place))
}

impl Setup {
    /// One worker and each of `others` tell and forward the same bytes, passive and inline; what they told in the last run.
    fn all_tell_the_same(&self, others: &[&str], more: &[&str]) -> Value {
        let mut last = Value::Null;
        for mode in [&[][..], &["--inline"]] {
            let name = |workers: &str| format!("{}{workers}", if mode.is_empty() { "passive" } else { "inline" });
            let one = self.play(&name("1"), &[mode, more, &["--workers", "1"]].concat());
            assert!(one.report["events"]["alerts"].as_u64().unwrap() > 100, "{}", one.report["events"]);
            for workers in others {
                let many = self.play(&name(workers), &[mode, more, &["--workers", workers]].concat());
                assert!(one.eve == many.eve, "{workers} workers, {mode:?}: {}", first_difference(&one.eve, &many.eve));
                assert!(one.forwarded == many.forwarded, "{workers} workers forward something else");
                let worked = many.report["workers"].as_array().unwrap();
                assert_eq!(worked.len().to_string(), **workers);
                assert!(worked.iter().all(|worker| worker["packets"].as_u64().unwrap() > 0), "{worked:?}");
            }
            last = one.report;
        }
        last
    }
}

#[test]
fn one_two_and_four_workers_tell_and_forward_the_same_bytes_and_all_of_them_work() {
    let Some(setup) = setup("same") else { return };
    setup.all_tell_the_same(&["2", "3", "4"], &[]);
}

#[test]
fn the_device_for_captures_and_the_files_themselves_tell_and_forward_the_same_bytes() {
    let Some(setup) = setup("device") else { return };
    for mode in [&[][..], &["--inline"]] {
        let play = |device: &str, workers: &str| {
            let set = format!("system.capture-device={device}");
            let name = format!("{device}{workers}{}", mode.len());
            setup.play(&name, &[mode, &["--workers", workers, "--set", &set]].concat())
        };
        for workers in ["1", "3"] {
            let (file, device) = (play("file", workers), play("net_pcap", workers));
            assert!(file.eve == device.eve, "{workers} {mode:?}: {}", first_difference(&file.eve, &device.eve));
            assert!(file.forwarded == device.forwarded, "{workers} workers: forwarded is something else");
            assert_eq!(file.report["ledger"], device.report["ledger"]);
        }
    }
}

#[test]
fn tunnels_in_tunnels_fragments_and_errors_are_told_the_same_by_any_number_of_workers() {
    let links = [Link::Ethernet, Link::Raw, Link::Cooked, Link::Ethernet, Link::Null];
    let captures: Vec<Capture> = (0..).zip(links).map(|(part, link)| tangle::capture(7, part, link, 1_500)).collect();
    let Some(setup) = made("tangle", &captures) else { return };
    let report = setup.all_tell_the_same(&["2", "3", "4", "8"], &["--set", "events.eve.community-id=true"]);
    assert!(report["ledger"]["generated"].as_u64().unwrap() > 0, "{}", report["ledger"]);
}

#[test]
fn a_full_flow_table_is_told_the_same_by_any_number_of_workers() {
    let mut capture = tangle::capture(11, 0, Link::Ethernet, 1_500);
    // More flows than there is room for, while the others go on.
    capture.add((0..3_000_u64).map(|number| Record {
        time: BEGIN + 1_000_000_000 + number * 7_000_000,
        bytes: datagram(1_000 + number as u16, b"attack"),
    }));
    let Some(setup) = made("full", &[capture]) else { return };
    let report = setup.all_tell_the_same(&["2", "4"], &["--set", "detection.flow-capacity=1024"]);
    assert!(report["counters"]["flow.evicted"].as_u64().unwrap() > 0, "{}", report["counters"]);
}

/// A UDP frame from this port.
fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let [src, dst] = ["10.0.0.1", "10.0.0.2"].map(|address| address.parse().unwrap());
    let packet = Ip::between(src, dst).packet(ip::UDP, &udp::datagram(src, dst, port, 9, payload));
    link::ethernet([2; 6], [4; 6], &[], link::IPV4, &packet)
}

/// A port whose datagrams are judged by `worker` of two.
fn port_of(worker: u16) -> u16 {
    let owners = Owners::new(HashKey::fixed(), Some(Partitions::for_capacity(262_144)), 2, true);
    let mut decoded = Decoded::new();
    let owner = |port: &u16| {
        let frame = datagram(*port, b"");
        decode(&frame, LinkType::Ethernet, &DecodeConfig::DEFAULT, &mut decoded);
        owners.of(&decoded, &frame).stretch(0).unwrap().owner
    };
    let mut owner = owner;
    (1_000..2_000).find(|port| owner(port) == worker).unwrap()
}

/// The control core once waited for room in the inbox of a worker that waited for the control core: behind the last record, with that inbox full and all its packets waiting for
/// one that the other worker took long to judge.
#[test]
fn a_replay_ends_when_one_worker_is_slow_and_the_other_has_much_to_forward() {
    let record = |number: u64, bytes: Vec<u8>| Record { time: BEGIN + number * 1_000, bytes };
    const LONG_TO_JUDGE: &str =
        r#"alert udp any any -> any 9 (content:"aaaa"; content:"aaaa"; distance:0; pcre:"/a.*a.*a.*[bc]/"; sid:1;)"#;
    // Among these is the number with which the inbox is full and the reader is done.
    for many in 316..336 {
        let mut capture = Capture::new(Link::Ethernet);
        // Large ones: few packets may then wait to be written.
        capture.add((0..1).map(|number| record(number, datagram(port_of(1), &[b'a'; 60_000]))));
        capture.add((0..many).map(|number| record(9 + number, datagram(port_of(0), b"small"))));
        let Some(setup) = made("end", &[capture]) else { return };
        fs::write(setup.folder.join("all.rules"), LONG_TO_JUDGE).unwrap();
        let told = setup.play("inline", &["--inline", "--workers", "2"]);
        assert_eq!(told.report["ledger"]["tx"], many + 1);
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
        let (one, other) = (without_work(&still.eve), without_work(&swapped.eve));
        assert!(one == other, "{workers} workers: {}", first_difference(&one, &other));
        let took = swapped.report["workers"].as_array().unwrap();
        assert!(took.iter().all(|worker| worker["swaps"] == 12), "{took:?}");
    }
}
