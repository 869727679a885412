//! The whole process stays within its memory, whatever it is sent.
//!
//! Plays the binary as `tests/golden.rs` does, over traffic that asks for memory and never ends (`sluice_tests::hostile`); skipped aloud where there is none. The
//! larger run is asked for: `SLUICE_HOSTILE_MB=100 cargo test -p sluice-tests --test memory`.
#![cfg(test)]

use serde_json::Value;
use sluice_tests::{
    golden, hostile,
    traffic::{Capture, Record},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const MIB: u64 = 1 << 20;

/// Megabytes of traffic when nobody asks for more.
const SMALL_MB: usize = 8;

/// Bounds that the run sets, of one worker (fragments: of all): far smaller than the defaults, so that they are reached.
const STREAMS: u64 = 8 * MIB;
const APPLICATIONS: u64 = 8 * MIB;
const DEFRAG: u64 = MIB;
const FLOWS: u64 = 8_192;
const TRANSACTIONS: u64 = 16_384;

/// Book-keeping beside the bytes: 156 bytes for each block of 512 of a stream; a fourth again for input that waits, and 9 bytes for each 64, of applications.
const STREAMS_WITH_BOOKS: u64 = STREAMS * (512 + 156) / 512;
const APPLICATIONS_WITH_BOOKS: u64 = APPLICATIONS * 5 / 4 * (64 + 9) / 64;
/// What one flow may take beside them: itself, its bounds, marks, SYNs, streams and conversation.
const FLOW: u64 = 2_048;
/// What one transaction may take beside its bytes, half a body included.
const TRANSACTION: u64 = 2_048;

/// Half-open connections, which no setting bounds: so many places, each with its age and its share of the index.
const HALF_OPEN: u64 = 262_144 * (64 + 24 + 16);

/// What the process has beside all that when traffic comes: event slots in use and the packet bytes in them, rooms for headers, decoders, transforms and the
/// like, pages of DPDK's pool, and what the allocator holds back.
const BESIDE: u64 = 32 * MIB;

/// Rules that look at what the traffic holds: every body, header, name and certificate.
const RULES: &str = r#"
alert http any any -> any any (msg:"uri"; http.uri; content:"bait.exe"; sid:1;)
alert http any any -> any any (msg:"header"; http.header; content:"x-never-there"; nocase; sid:2;)
alert http any any -> any any (msg:"headers"; http.request_header; content:"zzzz"; pcre:"/z{4}[a-z]+q/"; sid:3;)
alert http any any -> any any (msg:"body"; file.data; content:"|00 00 00 00 00 00 00 00|"; sid:4;)
alert http any any -> any any (msg:"form"; http.request_body; content:"MZ"; sid:5;)
alert http any any -> any any (msg:"cookie"; http.cookie; content:"b=c"; content:"never"; distance:0; sid:6;)
alert http any any -> any any (msg:"changed"; http.request_body; strip_whitespace; to_lowercase; content:"mznever"; sid:7;)
alert http2 any any -> any any (msg:"names"; http2.header_name; content:"never"; sid:8;)
alert tls any any -> any any (msg:"name"; tls.sni; content:"never.example"; sid:9;)
alert tls any any -> any any (msg:"certificates"; tls.certs; content:"never"; sid:10;)
alert quic any any -> any any (msg:"quic"; quic.sni; content:"never.example"; sid:11;)
alert dns any any -> any any (msg:"name asked for"; dns.query; content:".test"; threshold:type limit, track by_dst, seconds 1, count 1; sid:12;)
alert tcp any any -> any any (msg:"stream"; flow:established; content:"aaaa"; content:"never"; distance:0; sid:13;)
alert ip any any -> any any (msg:"any"; content:"ABCDEFG"; sid:14;)
"#;

struct Setup {
    binary: PathBuf,
    folder: PathBuf,
}

fn setup(name: &str) -> Option<Setup> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("memory").join(name);
    let binary = golden::prepare(&folder).unwrap()?;
    fs::write(folder.join("test.rules"), RULES).unwrap();
    Some(Setup { binary, folder })
}

impl Setup {
    fn write(&self, name: &str, records: Vec<Record>) {
        fs::write(self.folder.join(name), Capture::of(records).to_bytes()).unwrap();
    }

    /// Replays `capture`: the report, and the most memory the process had, bytes.
    fn replay(&self, capture: &str, workers: u64, inline: bool) -> (Value, u64) {
        let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../control/rules/starter/sluice-starter.rules");
        let mut command = Command::new(&self.binary);
        command.arg("replay").arg(self.folder.join(capture)).arg("--json");
        command.arg("--rules").arg(starter).arg("--rules").arg(self.folder.join("test.rules"));
        command.arg("--log-dir").arg(self.folder.join("logs")).args(["--workers", &workers.to_string()]);
        for setting in [
            format!("detection.stream.memory={STREAMS}"),
            format!("detection.applications.memory={APPLICATIONS}"),
            format!("detection.applications.transactions={TRANSACTIONS}"),
            format!("detection.defrag.memcap={DEFRAG}"),
            format!("detection.flow-capacity={FLOWS}"),
            "measure.forwarded=false".to_owned(),
        ] {
            command.args(["--set", &setting]);
        }
        if inline {
            command.arg("--inline");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let peak = report["peak_memory_bytes"].as_u64().unwrap();
        (report, peak)
    }
}

#[test]
fn hostile_conversations_of_every_kind_stay_in_the_memory_that_was_configured() {
    let Some(setup) = setup("bound") else { return };
    let megabytes = std::env::var("SLUICE_HOSTILE_MB").ok().map_or(SMALL_MB, |value| value.parse().unwrap());
    let records = hostile::traffic(megabytes * 1_000_000, 7);
    let sent = records.len() as u64;
    setup.write("all.pcap", records);
    setup.write("none.pcap", Vec::new());
    for (workers, inline) in [(1, false), (1, true), (2, false)] {
        // What rules, DPDK and the program take before a packet came.
        let (_, idle) = setup.replay("none.pcap", workers, inline);
        let (report, peak) = setup.replay("all.pcap", workers, inline);
        let each = STREAMS_WITH_BOOKS + APPLICATIONS_WITH_BOOKS + FLOWS * FLOW + TRANSACTIONS * TRANSACTION + HALF_OPEN;
        let bound = idle + workers * each + 2 * DEFRAG + BESIDE;
        let counters = &report["counters"];
        eprintln!(
            "{megabytes} MB, {sent} packets, {workers} workers, inline {inline}: idle {} MiB, peak {} MiB, bound {} MiB; {} flows, {} transactions, \
             {} without room, {} bytes of streams refused, {} fragments given up, {} alerts",
            idle / MIB,
            peak / MIB,
            bound / MIB,
            counters["flow.total"],
            counters["app.transactions"],
            counters["app.no_room"],
            counters["tcp.segment_memcap_drop"],
            counters["defrag.memcap"],
            counters["detect.alert"],
        );
        assert_eq!(report["ledger"]["rx"].as_u64(), Some(sent));
        // It was read, and judged: what is thrown away unread takes no memory.
        for protocol in ["http", "http2", "tls", "quic", "dns_udp"] {
            assert!(counters[format!("app_layer.flow.{protocol}")].as_u64() > Some(0), "{protocol}: {counters}");
        }
        let alerts = report["alerts"].as_array().unwrap();
        for sid in [1, 4, 5, 12] {
            assert!(alerts.iter().any(|alert| alert["sid"] == sid), "signature {sid} is not among {alerts:?}");
        }
        assert!(peak <= bound, "{peak} bytes of {bound}");
    }
}

/// Requests that are never answered, over connections of HTTP/1 and HTTP/2 in turn, far more than there are places for transactions; then one that is marked.
#[test]
fn who_leaves_requests_open_does_not_hide_the_requests_of_others() {
    let Some(setup) = setup("others") else { return };
    let folder = &setup.folder;
    let records = hostile::open_requests(40, 250);
    fs::write(folder.join("all.pcap"), Capture::of(records).to_bytes()).unwrap();
    fs::write(
        folder.join("test.rules"),
        r#"alert http any any -> any any (msg:"marked"; http.uri; content:"/marked"; sid:1;)"#,
    )
    .unwrap();
    for inline in [&[][..], &["--inline"]] {
        let mut command = Command::new(&setup.binary);
        command.arg("replay").arg(folder.join("all.pcap")).arg("--json").arg("--rules").arg(folder.join("test.rules"));
        command.arg("--log-dir").arg(folder.join("logs")).args(["--set", "detection.applications.transactions=2048"]);
        let output = command.args(inline).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["counters"]["app.no_room"].as_u64() > Some(0), "{inline:?}: there was room for all");
        assert_eq!(report["events"]["alerts"], 1, "{inline:?}");
    }
}
