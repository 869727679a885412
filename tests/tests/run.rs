//! `sluice run` between two device pairs: what goes in comes out, less what a rule stops, and rules are swapped on a silent line.
//!
//! The ports are DPDK's `net_pcap` (a capture in, a capture out) and `net_ring` (silent): no card and no rights needed. Plays the `sluice` binary as
//! `tests/golden.rs` does; skipped aloud where there is none.
#![cfg(test)]

use serde_json::Value;
use sluice_packet::{DecodeConfig, Decoded, LinkType, checksum, decode};
use sluice_tests::{
    golden,
    traffic::{Capture, Clock, Ping, Record, Side, TcpSession, Tunnel, UdpExchange, Wire, link, tunnel::Kind},
};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const INSIDE: &str = "10.1.0.10";
const OUTSIDE: &str = "198.51.100.20";

struct Setup {
    binary: PathBuf,
    folder: PathBuf,
}

fn setup(name: &str) -> Option<Setup> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("run").join(name);
    let binary = golden::prepare(&folder).unwrap()?;
    Some(Setup { binary, folder })
}

/// The packets of a classic capture, as written by `net_pcap`.
fn packets(path: &Path) -> Vec<Vec<u8>> {
    let file = fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    assert!(matches!(word(0), 0xa1b2_c3d4 | 0xa1b2_3c4d), "{}", path.display());
    let (mut at, mut found) = (24, Vec::new());
    while at < file.len() {
        let length = word(at + 8);
        found.push(file[at + 16..at + 16 + length].to_vec());
        at += 16 + length;
    }
    found
}

impl Setup {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, records: impl IntoIterator<Item = Record>) -> Vec<Vec<u8>> {
        let mut records: Vec<Record> = records.into_iter().collect();
        records.sort_by_key(|record| record.time);
        fs::write(self.path(name), Capture::of(records.clone()).to_bytes()).unwrap();
        records.into_iter().map(|record| record.bytes).collect()
    }

    fn command(&self, rules: &str, more: &[&str], eal: &[String]) -> Command {
        fs::write(self.path("test.rules"), rules).unwrap();
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("--rules").arg(self.path("test.rules")).arg("--log-dir").arg(&self.folder).arg("--json");
        command.args(["--set", "detection.checksums=off"]).args(more).arg("--").args(eal);
        command
    }

    /// Runs between two captures, `from_inside.pcap` and `from_outside.pcap`, until both are through.
    fn between(&self, rules: &str, workers: usize, more: &[&str]) -> Value {
        let device = |number: usize, reads: &str, writes: &str| {
            let path = |name: &str| self.path(name).to_string_lossy().into_owned();
            let tx: String =
                (0..workers).map(|queue| format!(",tx_pcap={}", path(&format!("{writes}{queue}.pcap")))).collect();
            format!("--vdev=net_pcap{number},rx_pcap={}{tx}", path(reads))
        };
        let workers_set = format!("system.workers={workers}");
        let pair =
            ["--set", "system.ports.pair.lan.inside=net_pcap0", "--set", "system.ports.pair.lan.outside=net_pcap1"];
        let end = ["--set", "measure.stop-after-idle=1", "--set", &workers_set];
        let devices = [device(0, "from_inside.pcap", "to_inside"), device(1, "from_outside.pcap", "to_outside")];
        let output = self.command(rules, &[&pair[..], &end, more].concat(), &devices).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What left by one side, over all queues.
    fn left(&self, side: &str, workers: usize) -> Vec<Vec<u8>> {
        (0..workers).flat_map(|queue| packets(&self.path(&format!("{side}{queue}.pcap")))).collect()
    }
}

fn sorted(mut packets: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    packets.sort();
    packets
}

/// What inside sends: good sessions, an attack, a ping, ARP, spanning tree, LLDP, an unknown ether type; IPv4 and IPv6.
fn from_inside() -> Vec<Record> {
    let one_way = |records: Vec<Record>| records;
    let good = TcpSession::new(Wire::of(INSIDE, OUTSIDE), 40_000, 80)
        .handshake()
        .client(b"GET /good")
        .server(b"fine")
        .close(Side::Client);
    let six = TcpSession::new(Wire::of("2001:db8::1", "2001:db8:f::2"), 40_001, 80)
        .handshake()
        .client(b"GET /six")
        .close(Side::Client);
    let attack = TcpSession::new(Wire::of(INSIDE, OUTSIDE), 40_002, 80)
        .handshake()
        .client(b"attack-marker")
        .server(b"secret")
        .close(Side::Client);
    let dns = UdpExchange::new(Wire::of(INSIDE, OUTSIDE), 5_353, 53).client(b"question").server(b"answer");
    let ping = Ping::new(Wire::of(INSIDE, OUTSIDE)).echo(b"are you there");
    let start = Clock::default().now();
    let frames = [
        link::padded(link::arp(1, ([2, 0, 0, 0, 0, 1], [10, 1, 0, 10]), ([0; 6], [10, 1, 0, 1]))),
        link::padded(link::ethernet(
            [2, 0, 0, 0, 0, 1],
            [1, 0x80, 0xc2, 0, 0, 0],
            &[],
            0x0027,
            &[0x42, 0x42, 3, 0, 0, 0, 0],
        )),
        link::padded(link::ethernet([2, 0, 0, 0, 0, 1], [1, 0x80, 0xc2, 0, 0, 0x0e], &[], 0x88cc, &[2, 7, 4, 1, 2, 3])),
        link::padded(link::ethernet([2, 0, 0, 0, 0, 1], [0xff; 6], &[], 0xabcd, b"whatever this is")),
    ];
    let other = frames.into_iter().map(|bytes| Record { time: start, bytes });
    [good.records(), six.records(), attack.records(), dns.records(), ping.records()]
        .into_iter()
        .flat_map(one_way)
        .chain(other)
        .collect()
}

#[test]
fn without_rules_exactly_what_came_in_goes_out_on_the_other_side() {
    for workers in [1, 2] {
        let Some(setup) = setup(&format!("exact{workers}")) else { return };
        let inside = setup.write("from_inside.pcap", from_inside());
        let back =
            UdpExchange::new(Wire::of("203.0.113.9", INSIDE), 7_000, 7_001).client(b"from outside").client(b"again");
        let outside = setup.write("from_outside.pcap", back.records());
        let report = setup.between("", workers, &[]);
        let (to_outside, to_inside) = (setup.left("to_outside", workers), setup.left("to_inside", workers));
        if workers == 1 {
            assert!(to_outside == inside && to_inside == outside, "the same packets in the same order");
        }
        assert!(sorted(to_outside) == sorted(inside.clone()) && sorted(to_inside) == sorted(outside.clone()));
        assert_eq!(report["ledger"]["imbalance"], 0);
        assert_eq!(report["ledger"]["tx"], inside.len() + outside.len());
        assert_eq!(report["leaked_buffers"], 0);
    }
}

#[test]
fn a_drop_rule_stops_its_flow_and_nothing_else_whatever_the_number_of_workers() {
    for workers in [1, 2] {
        let Some(setup) = setup(&format!("drop{workers}")) else { return };
        let inside = setup.write("from_inside.pcap", from_inside());
        setup.write("from_outside.pcap", []);
        let rules = "drop tcp any any -> any 80 (msg:\"attack\"; flow:established,to_server; content:\"attack-marker\"; sid:1;)\n";
        let report = setup.between(rules, workers, &[]);
        let out = setup.left("to_outside", workers);
        let holds = |packets: &[Vec<u8>], words: &str| {
            packets.iter().any(|packet| packet.windows(words.len()).any(|part| part == words.as_bytes()))
        };
        assert!(holds(&inside, "attack-marker") && holds(&inside, "secret"));
        assert!(!holds(&out, "attack-marker") && !holds(&out, "secret"));
        // Of the attack's packets the handshake went through before.
        let attack_port = 40_002_u16.to_be_bytes();
        let is_attack = |packet: &&Vec<u8>| {
            packet[12..14] == [8, 0] && (packet[34..36] == attack_port || packet[36..38] == attack_port)
        };
        assert_eq!(out.iter().filter(is_attack).count(), 3);
        let innocent =
            |packets: &[Vec<u8>]| sorted(packets.iter().filter(|packet| !is_attack(packet)).cloned().collect());
        assert!(innocent(&out) == innocent(&inside), "everything else is whole");
        assert_eq!(report["events"]["alerts"], 1);
        assert_eq!(report["ledger"]["imbalance"], 0);
    }
}

#[test]
fn a_rejected_connection_is_reset_on_both_sides_by_the_port_each_end_is_behind() {
    let Some(setup) = setup("reject") else { return };
    let inside = setup.write("from_inside.pcap", from_inside());
    setup.write("from_outside.pcap", []);
    let rules = "rejectboth tcp any any -> any 80 (msg:\"attack\"; flow:established,to_server; content:\"attack-marker\"; sid:1;)\n";
    let report = setup.between(rules, 1, &[]);
    assert_eq!(report["ledger"]["generated"], 2);
    let resets = |packets: &[Vec<u8>]| -> Vec<(u16, u16)> {
        let is_reset = |packet: &&Vec<u8>| packet[12..14] == [8, 0] && packet[23] == 6 && packet[47] & 4 != 0;
        let port = |packet: &[u8], at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        packets.iter().filter(is_reset).map(|packet| (port(packet, 34), port(packet, 36))).collect()
    };
    assert!(resets(&inside).is_empty());
    assert_eq!(resets(&setup.left("to_inside", 1)), [(80, 40_002)], "to the client, as from the server");
    assert_eq!(resets(&setup.left("to_outside", 1)), [(40_002, 80)], "to the server, as from the client");
}

#[test]
fn a_passive_port_is_listened_to_and_nothing_leaves() {
    let Some(setup) = setup("passive") else { return };
    let inside = setup.write("from_inside.pcap", from_inside());
    let devices = [format!("--vdev=net_pcap0,rx_pcap={}", setup.path("from_inside.pcap").display())];
    let arguments = [
        "--set",
        "system.ports.pair.tap.inside=net_pcap0",
        "--set",
        "system.ports.pair.tap.deployment=passive",
        "--set",
        "measure.stop-after-idle=1",
        "--set",
        "system.workers=1",
    ];
    let rules = "drop tcp any any -> any 80 (msg:\"attack\"; content:\"attack-marker\"; sid:1;)\n";
    let output = setup.command(rules, &arguments, &devices).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ledger"]["consumed"], inside.len());
    assert_eq!((&report["ledger"]["dropped"], &report["events"]["alerts"]), (&0.into(), &1.into()));
}

#[test]
fn ports_that_are_missing_or_have_too_few_queues_are_named_with_a_remedy() {
    let Some(setup) = setup("wrong") else { return };
    setup.write("from_inside.pcap", from_inside());
    let capture = setup.path("from_inside.pcap").to_string_lossy().into_owned();
    let out = setup.path("out.pcap").to_string_lossy().into_owned();
    let device = |number: usize| format!("--vdev=net_pcap{number},rx_pcap={capture},tx_pcap={out}{number}");
    let inside = ["--set", "system.ports.pair.lan.inside=net_pcap0"];
    let outside = ["--set", "system.ports.pair.lan.outside=net_pcap1"];
    for (arguments, devices, words) in [
        (vec![], vec![], "no ports; name a pair"),
        (inside.to_vec(), vec![device(0)], "pair lan: no outside port"),
        ([inside, outside].concat(), vec![device(0)], "net_pcap1"),
        (
            [&inside[..], &outside, &["--set", "system.workers=2"]].concat(),
            vec![device(0), device(1)],
            "set system.workers=1",
        ),
    ] {
        let output = setup.command("", &arguments, &devices).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(words), "{errors}");
    }
}

/// A run that is going on, and the lines it tells.
struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStderr>,
}

impl Running {
    fn wait_for(&mut self, words: &str) -> String {
        let begun = Instant::now();
        loop {
            let mut line = String::new();
            assert!(
                self.lines.read_line(&mut line).unwrap() > 0 && begun.elapsed() < Duration::from_secs(60),
                "no `{words}`"
            );
            if line.contains(words) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn on_a_silent_line_new_rules_are_in_force_on_every_worker_within_a_second_of_being_loaded() {
    let Some(setup) = setup("silent") else { return };
    let arguments = [
        "--set",
        "system.ports.pair.lan.inside=net_ring0",
        "--set",
        "system.ports.pair.lan.outside=net_ring1",
        "--set",
        "system.workers=2",
    ];
    let devices = ["--vdev=net_ring0".to_owned(), "--vdev=net_ring1".to_owned()];
    let one = "alert tcp any any -> any any (content:\"one\"; sid:1;)\n";
    let mut command = setup.command(one, &arguments, &devices);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap());
    let mut running = Running { child, lines };
    running.wait_for("2 workers");
    for generation in 2..5 {
        let rules: String = (1..=generation).map(|sid| one.replace("sid:1", &format!("sid:{sid}"))).collect();
        fs::write(setup.path("test.rules"), rules).unwrap();
        running.signal("HUP");
        let told = running.wait_for("in force on all workers");
        assert!(told.contains(&format!("generation {generation} with {generation} rules")), "{told}");
        let took: f64 = told.split("after ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(took < 1_000.0, "{told}");
    }
    // Rules that are gone, or all of them wrong, leave those in force where they are.
    fs::remove_file(setup.path("test.rules")).unwrap();
    running.signal("HUP");
    let told = running.wait_for("the rules in force stay");
    assert!(told.contains("test.rules"), "{told}");
    fs::write(setup.path("test.rules"), "").unwrap();
    running.signal("HUP");
    running.wait_for("no rule is left");
    // Rules that are wrong are left out and said; the others are in force.
    fs::write(setup.path("test.rules"), format!("{one}alert tcp any any -> any any (contnt:\"x\"; sid:2;)\n")).unwrap();
    running.signal("HUP");
    running.wait_for("1 rules are wrong in the language");
    running.wait_for("generation 7 with 1 rules");
    running.signal("TERM");
    let status = running.child.wait().unwrap();
    assert!(status.success(), "{status}");
    let mut report = String::new();
    std::io::Read::read_to_string(running.child.stdout.as_mut().unwrap(), &mut report).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["swaps_ms"].as_array().unwrap().len(), 4);
    assert!(report["workers"].as_array().unwrap().iter().all(|worker| worker["swaps"] == 4));
}

#[test]
fn between_ports_bytes_are_written_over_and_data_sets_are_kept() {
    for workers in [1, 2] {
        let Some(setup) = setup(&format!("replace-{workers}")) else { return };
        let wire = |last: u8| Wire::of(INSIDE, &format!("198.51.100.{last}"));
        let records = (1..9_u8).flat_map(|last| {
            UdpExchange::new(wire(last), 5_000, 5_001).client(b"a secret word").client(b"plain").records()
        });
        let sent = setup.write("from_inside.pcap", records);
        setup.write("from_outside.pcap", Vec::new());
        let rules = "alert udp any any -> any any (content:\"secret\"; replace:\"------\"; ip.dst; dataset:set,d,type ipv4,save d.lst; sid:1;)";
        setup.between(rules, workers, &[]);
        let left = setup.left("to_outside", workers);
        let with =
            |text: &[u8]| left.iter().filter(|packet| packet.windows(text.len()).any(|part| part == text)).count();
        assert_eq!((left.len(), with(b"a ------ word"), with(b"secret"), with(b"plain")), (sent.len(), 8, 0, 8));
        for packet in &left {
            let mut decoded = Decoded::new();
            decode(packet, LinkType::Ethernet, &DecodeConfig::default(), &mut decoded);
            assert_eq!(checksum::transport(packet, decoded.innermost()), checksum::Checksum::Valid);
        }
        let kept: String = (1..9).map(|last| format!("198.51.100.{last}\n")).collect();
        assert_eq!(fs::read_to_string(setup.path("d.lst")).unwrap(), kept);
    }
}

/// A packet whose layers belong to two workers is handed over once, and each layer is judged once.
#[test]
fn packets_in_tunnels_are_judged_once_a_layer_whatever_the_number_of_workers() {
    const FLOWS: u8 = 60;
    for workers in [1, 2] {
        let Some(setup) = setup(&format!("tunnels{workers}")) else { return };
        let records: Vec<Record> = (0..FLOWS)
            .flat_map(|number| {
                let gateways = [format!("192.0.2.{number}"), "198.51.100.9".to_owned()];
                let gateways = gateways.map(|address| address.parse().unwrap());
                let wire = Wire::of(INSIDE, OUTSIDE).through(Tunnel { kind: Kind::IpInIp, gateways });
                UdpExchange::new(wire, 30_000 + u16::from(number), 9).client(b"marker").client(b"marker").records()
            })
            .collect();
        let count = records.len();
        setup.write("from_inside.pcap", records);
        setup.write("from_outside.pcap", []);
        let rules = "alert udp any any -> any any (content:\"marker\"; sid:1;)\nalert ip any any -> any any (ip_proto:4; sid:2;)\n";
        let report = setup.between(rules, workers, &[]);
        assert_eq!(report["events"]["alerts"], 4 * u64::from(FLOWS), "{report}");
        assert_eq!(report["events"]["flows"], 2 * u64::from(FLOWS), "{report}");
        assert_eq!(setup.left("to_outside", workers).len(), count);
        assert_eq!(report["ledger"]["imbalance"], 0);
    }
}

/// A line that is cut over does not lose the connections that run on it, and they are judged; who wants no such thing says so.
#[test]
fn connections_of_before_the_start_are_picked_up_at_first_and_judged() {
    let middle = |port: u16, words: &[&[u8]]| {
        let session = TcpSession::new(Wire::of(INSIDE, OUTSIDE), port, 80).handshake();
        let session = words.iter().fold(session, |session, words| session.client(words));
        // Its handshake went by before we came.
        session.close(Side::Client).records().into_iter().skip(3).collect::<Vec<_>>()
    };
    let good = middle(40_010, &[b"GET /good", b" HTTP/1.0"]);
    let bad = middle(40_011, &[b"attack-", b"marker"]);
    let rules = "drop tcp any any -> any any (flow:established; content:\"attack-marker\"; sid:1;)\n";
    let of = |packets: &[Vec<u8>], port: u16| {
        let port = port.to_be_bytes();
        packets.iter().filter(|packet| packet[34..36] == port || packet[36..38] == port).count()
    };
    for (setting, passes) in [("detection.stream.pick-up=60", true), ("detection.stream.pick-up=0", false)] {
        let Some(setup) = setup(if passes { "pickup" } else { "nopickup" }) else { return };
        setup.write("from_inside.pcap", good.iter().chain(&bad).cloned());
        setup.write("from_outside.pcap", []);
        let report = setup.between(rules, 1, &["--set", setting]);
        let out = setup.left("to_outside", 1);
        assert_eq!(of(&out, 40_010), if passes { good.len() } else { 0 }, "{setting}");
        assert!(of(&out, 40_011) < bad.len());
        assert!(!out.iter().any(|packet| packet.windows(6).any(|part| part == b"marker")), "{setting}");
        assert_eq!(report["events"]["alerts"], u64::from(passes), "{setting}");
        assert_eq!(report["ledger"]["imbalance"], 0);
    }
}
