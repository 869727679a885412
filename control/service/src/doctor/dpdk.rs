//! DPDK: its version, its drivers, the virtual devices that Sluice uses.
//!
//! Only looks for the files of drivers: whether one starts is known when EAL starts. `sluice demo` tries it.

use super::finding::{Finding, Group};
use std::{fs, path::Path};

const GROUP: Group = Group::Dpdk;

/// What a replay can't do without: the device that reads captures, and the kind of memory pool it takes its packets from.
const NEEDED: [(&str, &str); 2] =
    [("librte_net_pcap", "librte-net-pcap23"), ("librte_mempool_ring", "librte-mempool-ring23")];
/// Virtual devices that stand for ports.
const VIRTUAL: [&str; 8] = ["af_packet", "af_xdp", "memif", "null", "pcap", "ring", "tap", "vhost"];

pub fn examine(version: &str, drivers: Option<&Path>) -> Vec<Finding> {
    let mut found = vec![Finding::ok(GROUP, "version", version)];
    let Some(folder) = drivers else {
        found.push(Finding::ok(GROUP, "drivers", "linked into the library"));
        return found;
    };
    found.push(installed(folder));
    found.push(virtual_devices(folder));
    found
}

/// Whether the folder has a library of this name, whatever its version.
pub fn has_driver(folder: &Path, name: &str) -> bool {
    let begins = format!("{name}.so");
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(|file| file.starts_with(&begins)))
    })
}

fn installed(folder: &Path) -> Finding {
    let missing: Vec<&(&str, &str)> = NEEDED.iter().filter(|(name, _)| !has_driver(folder, name)).collect();
    if missing.is_empty() {
        let cards = fs::read_dir(folder).map_or(0, |entries| {
            let named = |name: &str| name.starts_with("librte_net_") && name.ends_with(".so");
            entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(named)).count()
        });
        return Finding::ok(GROUP, "drivers", format!("{} ({cards} for network devices)", folder.display()));
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    Finding::problem(
        GROUP,
        "drivers",
        format!("{} lacks {}", folder.display(), names.join(" and ")),
        "a replay reads captures through them",
        format!("apt-get install {} (or libdpdk-dev, which brings all)", packages.join(" ")),
    )
}

fn virtual_devices(folder: &Path) -> Finding {
    let there = |name: &&&str| has_driver(folder, &format!("librte_net_{name}"));
    let found: Vec<&str> = VIRTUAL.iter().filter(there).copied().collect();
    if found.contains(&"af_packet") {
        return Finding::ok(GROUP, "virtual-devices", found.join(", "));
    }
    Finding::advice(
        GROUP,
        "virtual-devices",
        if found.is_empty() { "none".to_owned() } else { format!("{}; no af_packet", found.join(", ")) },
        "net_af_packet takes any interface of the kernel as a port",
        "apt-get install librte-net-af-packet23",
    )
}

#[cfg(test)]
mod tests {
    use super::{examine, has_driver};
    use crate::doctor::{Level, roots::tests::Tree};

    #[test]
    fn a_missing_capture_driver_is_a_problem_that_names_the_package() {
        let tree =
            Tree::new("dpdk").with("drivers/librte_mempool_ring.so.23.0", "").with("drivers/librte_net_pcapng.so", "");
        let folder = tree.root.join("drivers");
        assert!(!has_driver(&folder, "librte_net_pcap"), "only the whole name counts");
        let found = examine("DPDK 22.11.11", Some(&folder));
        assert_eq!((found[1].level, found[2].level), (Level::Problem, Level::Advice));
        assert!(found[1].change.as_ref().unwrap().contains("librte-net-pcap23 "), "{found:#?}");
        let tree = tree.with("drivers/librte_net_pcap.so.23.0", "").with("drivers/librte_net_af_packet.so", "");
        let found = examine("DPDK 22.11.11", Some(&tree.root.join("drivers")));
        assert!(found.iter().all(|finding| finding.level == Level::Ok), "{found:#?}");
        assert_eq!(found[2].found, "af_packet, pcap");
    }

    #[test]
    fn drivers_linked_in_need_no_folder_and_a_folder_that_is_gone_is_a_problem() {
        assert!(examine("DPDK 22.11.11", None).iter().all(|finding| finding.level == Level::Ok));
        let gone = examine("DPDK 22.11.11", Some(std::path::Path::new("/nowhere")));
        assert_eq!(gone[1].level, Level::Problem);
    }
}
