//! Fragments through the `sluice` binary: a flood of them, hostile ones for any number of workers, and between live ports.
//!
//! Plays the binary as `tests/golden.rs` does; skipped aloud where there is none.
#![cfg(test)]

use serde_json::Value;
use sluice_tests::{
    golden,
    traffic::{Capture, Ip, Random, Record, Tunnel, clock::BEGIN, ip, link, tunnel::Kind, udp},
};
use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    process::Command,
};

const RULE: &str = "drop udp any any -> any 9999 (msg:\"marked\"; content:\"EVIL-MARK\"; sid:1;)\n";

struct Setup {
    binary: PathBuf,
    folder: PathBuf,
}

fn setup(name: &str) -> Option<Setup> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fragments").join(name);
    let binary = golden::prepare(&folder).unwrap()?;
    fs::write(folder.join("test.rules"), RULE).unwrap();
    Some(Setup { binary, folder })
}

impl Setup {
    fn write(&self, name: &str, records: &[Record]) {
        fs::write(self.folder.join(name), Capture::of(records.to_vec()).to_bytes()).unwrap();
    }

    /// Replays `all.pcap`: the report, `eve.json` and `forwarded.pcapng`.
    fn replay(&self, name: &str, arguments: &[&str]) -> (Value, Vec<u8>, Vec<u8>) {
        let logs = self.folder.join(name);
        let mut command = Command::new(&self.binary);
        command.arg("replay").arg(self.folder.join("all.pcap")).arg("--rules").arg(self.folder.join("test.rules"));
        command.arg("--log-dir").arg(&logs).arg("--json").args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |name: &str| fs::read(logs.join(name)).unwrap_or_default();
        (serde_json::from_slice(&output.stdout).unwrap(), read("eve.json"), read("forwarded.pcapng"))
    }
}

fn address(six: bool, last: u16) -> IpAddr {
    match six {
        true => format!("2001:db8::{last:x}").parse().unwrap(),
        false => IpAddr::from([10, 1, (last >> 8) as u8, last as u8]),
    }
}

fn record(time: u64, ether_type: u16, packet: &[u8]) -> Record {
    let bytes = link::ethernet([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], &[], ether_type, packet);
    Record { time: BEGIN + time, bytes }
}

/// Datagram number `number` in fragments: marked when `evil`, in a tunnel or two by its number.
fn fragments(number: u16, evil: bool) -> Vec<Record> {
    let six = number % 2 == 1;
    let [src, dst] = [address(six, number), address(six, 0x0fff)];
    let data: &[u8] = if evil { b"12345EVIL-MARK and some more" } else { b"12345GOOD-MARK and some more" };
    let header = Ip { id: u32::from(number), ..Ip::between(src, dst) };
    let datagram = udp::datagram(src, dst, 40_000, 9_999, data);
    let mut packets = header.fragments(ip::UDP, &datagram, 16);
    let mut ether_type = header.ether_type();
    for (layer, kind) in [Kind::Gre, Kind::Vxlan(9)].into_iter().enumerate().take(usize::from(number) % 3) {
        let gateways = [1, 2].map(|end| address(false, 0x8000 + number * 4 + layer as u16 * 2 + end));
        let tunnel = Tunnel { kind, gateways };
        let wrapped = packets.iter().map(|packet| tunnel.wrap(true, [[2; 6], [4; 6]], ether_type, packet));
        // Now and then what is around a fragment is in fragments itself.
        let split = |(place, (outer, packet)): (u32, (Ip, Vec<u8>))| match number % 7 {
            6 => Ip { id: 1 + place, ..outer }.fragments(packet[9], &packet[20..], 32),
            _ => vec![packet],
        };
        packets = (0..).zip(wrapped).flat_map(split).collect();
        ether_type = link::IPV4;
    }
    if number % 5 == 4 {
        packets.reverse();
    }
    let time = u64::from(number) * 1_000_000;
    (0..).zip(&packets).map(|(place, packet)| record(time + place * 150_000_000, ether_type, packet)).collect()
}

fn mixed(count: u16) -> Vec<Record> {
    let mut records: Vec<Record> = (0..count).flat_map(|number| fragments(number, number % 4 < 2)).collect();
    records.sort_by_key(|record| record.time);
    records
}

/// Frames of those that are clean.
fn clean(count: u16) -> usize {
    (0..count).filter(|number| number % 4 >= 2).map(|number| fragments(number, false).len()).sum()
}

/// How many captured packets hold `words` in whatever part.
fn holding(capture: &[u8], words: &[u8]) -> usize {
    capture.windows(words.len()).filter(|window| *window == words).count()
}

#[test]
fn datagrams_in_fragments_and_tunnels_are_judged_and_forwarded_the_same_by_any_number_of_workers() {
    let Some(setup) = setup("mixed") else { return };
    let records = mixed(240);
    setup.write("all.pcap", &records);
    for mode in [&[][..], &["--inline"]] {
        let runs: Vec<_> = ["1", "2", "4"]
            .map(|workers| setup.replay(&format!("{}{workers}", mode.len()), &[mode, &["--workers", workers]].concat()))
            .into();
        let (report, eve, forwarded) = &runs[0];
        assert_eq!(report["events"]["alerts"], 120, "{report}");
        assert!(runs.iter().all(|(_, other, sent)| other == eve && sent == forwarded), "they differ");
        if !mode.is_empty() {
            assert_eq!(report["ledger"]["tx"], clean(240));
            assert_eq!(report["ledger"]["dropped"]["rules"], records.len() - clean(240));
            assert!(clean(240) > 120 * 3);
            assert_eq!((holding(forwarded, b"5EVI"), holding(forwarded, b"more")), (0, 120));
        }
    }
}

/// Fragments that mean nothing, of few datagrams, in whatever order: they overlap, end twice, lack a part, come twice.
fn hostile(seed: u64, count: usize) -> Vec<Record> {
    let mut random = Random::new(seed);
    let mut time = 0;
    (0..count)
        .map(|_| {
            time += random.between(0, 4) * random.between(0, 400_000_000);
            let six = random.between(0, 3) == 0;
            let [src, dst] = [address(six, random.between(1, 9) as u16), address(six, 0x0fff)];
            let header = Ip { id: random.between(1, 4) as u32, ..Ip::between(src, dst) };
            let units = random.between(1, 5) as usize;
            let odd = if random.between(0, 12) == 0 { 3 } else { 0 };
            let offset = 8 * random.between(0, 6) as usize;
            let more = random.between(0, 3) > 0;
            let word = [&b"EVIL-MARK EVIL-MARK EVIL-MARK EVIL-MARK "[..], b"GOOD-MARK and good and good and good and"];
            let mut data = word[random.between(0, 2) as usize][..units * 8 - odd].to_vec();
            if offset == 0 {
                // The header of a datagram of some length.
                let head = udp::datagram(src, dst, 40_000, 9_999, &vec![0; 8 * random.between(1, 5) as usize]);
                let length = data.len().min(8);
                data[..length].copy_from_slice(&head[..length]);
            }
            let mut packet = header.fragment(ip::UDP, &data, offset, more);
            let mut ether_type = header.ether_type();
            if random.between(0, 3) == 0 {
                let tunnel = Tunnel { kind: Kind::Gre, gateways: [address(false, 1), address(false, 2)] };
                packet = tunnel.wrap(true, [[2; 6], [4; 6]], ether_type, &packet).1;
                ether_type = link::IPV4;
                if random.between(0, 3) == 0 {
                    // The tunnel's packet in fragments of its own.
                    let outer =
                        Ip { id: random.between(1, 9) as u32, ..Ip::between(address(false, 1), address(false, 2)) };
                    let inside = packet.split_off(20);
                    packet = outer.fragment(ip::GRE, &inside[..inside.len() / 8 * 8], 0, true);
                }
            }
            record(time, ether_type, &packet)
        })
        .collect()
}

#[test]
fn hostile_fragments_are_told_and_forwarded_the_same_by_any_number_of_workers_and_closed_in_the_ledger() {
    let Some(setup) = setup("hostile") else { return };
    let rules = [RULE, "drop ip any any -> any any (msg:\"bits\"; fragbits:M; fragoffset:24; sid:2;)\n"];
    let more = "alert pkthdr any any -> any any (msg:\"overlap\"; decode-event:ipv4.frag_overlap; threshold:type both, track by_src, count 3, seconds 20; sid:3;)\n";
    fs::write(setup.folder.join("test.rules"), [&rules.concat(), more].concat()).unwrap();
    let small = ["--set", "detection.defrag.trackers=48", "--set", "events.eve.anomaly-decode=true"];
    let passes = ["--set", "detection.exceptions.defrag-memcap=pass-packet"];
    for seed in 1..4 {
        setup.write("all.pcap", &hostile(seed, 4_000));
        for (number, set) in [&[][..], &["--inline"], &[&["--inline"], &passes[..]].concat()].into_iter().enumerate() {
            let runs: Vec<_> = ["1", "2", "4"]
                .map(|workers| {
                    let arguments = [&small[..], set, &["--workers", workers]].concat();
                    setup.replay(&format!("{number}-{workers}"), &arguments)
                })
                .into();
            let (report, eve, forwarded) = &runs[0];
            assert!(
                runs.iter().all(|(_, other, sent)| other == eve && sent == forwarded),
                "seed {seed}, {set:?}: they differ"
            );
            let counter = |name: &str| report["counters"][name].as_u64().unwrap_or(0);
            let counts = ["defrag.ipv4.reassembled", "defrag.overlaps", "defrag.tracker_hard_reuse"].map(counter);
            assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
            assert_eq!(report["ledger"]["held"], 0, "{report}");
        }
    }
}

#[test]
fn real_datagrams_are_found_and_stopped_in_a_flood_of_fragments_that_fill_all_room() {
    let Some(setup) = setup("flood") else { return };
    let mut records: Vec<Record> = (0..40).flat_map(|number| fragments(number * 6, true)).collect();
    let mut random = Random::new(7);
    for number in 0..12_000_u64 {
        let from = IpAddr::from((random.between(0x0b00_0000, 0xdf00_0000) as u32).to_be_bytes());
        let header = Ip { id: random.between(0, 65_536) as u32, ..Ip::between(from, address(false, 0x0fff)) };
        records.push(record(number * 60_000, link::IPV4, &header.fragment(ip::UDP, &[b'x'; 32], 0, true)));
    }
    records.sort_by_key(|record| record.time);
    setup.write("all.pcap", &records);
    // Room for a fraction of a second.
    let room = ["--set", "detection.defrag.trackers=6000"];
    for (number, mode) in [&[][..], &["--inline"]].into_iter().enumerate() {
        let (report, ..) = setup.replay(&number.to_string(), &[&room, mode].concat());
        assert_eq!(report["events"]["alerts"], 40, "{report}");
        assert!(report["counters"]["defrag.max_trackers_reached"].as_u64().unwrap() > 5_000);
        if number == 1 {
            assert_eq!(report["ledger"]["dropped"]["rules"], 120);
            assert_eq!(report["ledger"]["tx"], 0);
        }
    }
}

#[test]
fn between_live_ports_fragments_find_their_worker_and_their_datagram_its_own() {
    let Some(setup) = setup("live") else { return };
    let records = mixed(120);
    setup.write("in.pcap", &records);
    setup.write("none.pcap", &[record(0, 0x88cc, &[0; 50])]);
    for workers in [1_usize, 2, 3] {
        let path = |name: &str| setup.folder.join(name).to_string_lossy().into_owned();
        let out = |side: &str| -> String {
            (0..workers).map(|queue| format!(",tx_pcap={}", path(&format!("{side}{workers}-{queue}.pcap")))).collect()
        };
        let devices = [
            format!("--vdev=net_pcap0,rx_pcap={}{}", path("in.pcap"), out("back")),
            format!("--vdev=net_pcap1,rx_pcap={}{}", path("none.pcap"), out("forth")),
        ];
        let mut command = Command::new(&setup.binary);
        command.arg("run").arg("--rules").arg(setup.folder.join("test.rules")).arg("--log-dir").arg(&setup.folder);
        command.args(["--json", "--set", "measure.stop-after-idle=1", "--set", &format!("system.workers={workers}")]);
        command.args(["--set", "system.ports.pair.lan.inside=net_pcap0"]);
        command.args(["--set", "system.ports.pair.lan.outside=net_pcap1", "--", "-m", "512"]);
        command.args(&devices);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["events"]["alerts"], 60, "{workers} workers: {report}");
        let sent: Vec<u8> = (0..workers)
            .flat_map(|queue| fs::read(setup.folder.join(format!("forth{workers}-{queue}.pcap"))).unwrap())
            .collect();
        assert_eq!((holding(&sent, b"5EVI"), holding(&sent, b"more")), (0, 60), "{workers} workers");
        assert_eq!(report["ledger"]["imbalance"], 0, "{report}");
        // And the one frame that came the other way.
        assert_eq!(report["ledger"]["tx"], clean(120) + 1, "{report}");
    }
}
