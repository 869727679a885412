//! Network cards: what drives them, where they hang, which carries the default route, and which DPDK driver could take them.
//!
//! What may be bound, and how, is `hugepage-setup/plan`'s to judge: here are the facts only.
//!
//! Sources: sysfs-class-net, proc(5); "Network Interface Controller Drivers" of DPDK 22.11.

use super::{
    finding::{Finding, Group},
    roots::Roots,
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const GROUP: Group = Group::Network;

/// Kernel driver, DPDK's library for the same cards, and whether DPDK works through the kernel driver, which then stays bound.
const DRIVERS: [(&str, &str, bool); 30] = [
    ("atlantic", "atlantic", false),
    ("bnx2x", "bnx2x", false),
    ("bnxt_en", "bnxt", false),
    ("cxgb4", "cxgbe", false),
    ("e1000", "e1000", false),
    ("e1000e", "e1000", false),
    ("ena", "ena", false),
    ("enic", "enic", false),
    ("fm10k", "fm10k", false),
    ("gve", "gve", false),
    ("hinic", "hinic", false),
    ("hns3", "hns3", false),
    ("i40e", "i40e", false),
    ("iavf", "iavf", false),
    ("ice", "ice", false),
    ("igb", "e1000", false),
    ("igbvf", "e1000", false),
    ("igc", "igc", false),
    ("ixgbe", "ixgbe", false),
    ("ixgbevf", "ixgbe", false),
    ("ionic", "ionic", false),
    ("mana", "mana", true),
    ("mlx4_core", "mlx4", true),
    ("mlx5_core", "mlx5", true),
    ("nfp", "nfp", false),
    ("qede", "qede", false),
    ("sfc", "sfc", false),
    ("txgbe", "txgbe", false),
    ("virtio-pci", "virtio", false),
    ("vmxnet3", "vmxnet3", false),
];

pub fn examine(roots: &Roots, drivers: Option<&Path>) -> Vec<Finding> {
    let taken = default_route(roots);
    let mut found = Vec::new();
    let mut candidates = 0;
    let mut cards = BTreeSet::new();
    for name in roots.sys_names("class/net") {
        let Some(address) = pci_address(roots, &name) else { continue };
        cards.insert(address.clone());
        let card = Card::read(roots, &name, &address);
        let (finding, candidate) = card.finding(taken.contains(&name), drivers);
        candidates += usize::from(candidate);
        found.push(finding);
    }
    for address in roots.sys_names("bus/pci/drivers/vfio-pci") {
        let class = roots.sys(format!("bus/pci/devices/{address}/class")).unwrap_or_default();
        if class.starts_with("0x02") && !cards.contains(&address) {
            candidates += 1;
            found.push(Finding::ok(GROUP, address.clone(), format!("{address}, bound to vfio-pci: DPDK's to use")));
        }
    }
    found.push(pair(roots, candidates));
    found
}

/// A card's interface and what is known of it.
struct Card {
    name: String,
    address: String,
    driver: Option<String>,
    words: String,
    up: bool,
}

impl Card {
    fn read(roots: &Roots, name: &str, address: &str) -> Self {
        let device = format!("bus/pci/devices/{address}");
        let driver = roots.sys_target(format!("{device}/driver"));
        let mut words = format!("{address}, {}", driver.as_deref().unwrap_or("no driver"));
        if let Some(mac) = roots.sys(format!("class/net/{name}/address")) {
            words.push_str(&format!(", {mac}"));
        }
        match roots.sys_number::<i32>(format!("{device}/numa_node")) {
            Some(node) if node >= 0 => words.push_str(&format!(", node {node}")),
            _ => {}
        }
        let state = roots.sys(format!("class/net/{name}/operstate")).unwrap_or_else(|| "unknown".to_owned());
        words.push_str(&format!(", link {state}"));
        match roots.sys_number::<i64>(format!("class/net/{name}/speed")) {
            Some(speed) if speed > 0 => words.push_str(&format!(", {speed} Mbit/s")),
            _ => {}
        }
        let flags = roots.sys(format!("class/net/{name}/flags")).unwrap_or_default();
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(1);
        Self { name: name.to_owned(), address: address.to_owned(), driver, words, up: flags & 1 == 1 }
    }

    /// The finding, and whether the card could be one of a pair.
    fn finding(self, default_route: bool, drivers: Option<&Path>) -> (Finding, bool) {
        let Self { name, address, driver, mut words, up } = self;
        if default_route {
            words.push_str("; carries the default route: left alone");
            return (Finding::ok(GROUP, name, words), false);
        }
        let known = driver.and_then(|driver| DRIVERS.iter().find(|(kernel, ..)| *kernel == driver));
        let Some((_, library, through_kernel)) = known else {
            words.push_str("; no DPDK driver known for it");
            return (Finding::ok(GROUP, name, words), false);
        };
        let there = drivers.is_none_or(|folder| super::dpdk::has_driver(folder, &format!("librte_net_{library}")));
        if !there {
            let change = format!("apt-get install librte-net-{library}23 (or your DPDK's package of drivers)");
            let words = format!("{words}; its driver net_{library} is not installed");
            return (Finding::advice(GROUP, name, words, "DPDK can't take the card without it", change), false);
        }
        words.push_str(&format!("; DPDK: net_{library}"));
        if *through_kernel {
            words.push_str(", through the kernel's driver");
            return (Finding::ok(GROUP, name, words), true);
        }
        let (why, change) = if up {
            (
                "up, so someone may use it",
                format!("when it is free: ip link set {name} down; hugepage-setup/plan --bind {address}"),
            )
        } else {
            (
                "free, and not yet DPDK's",
                format!("hugepage-setup/plan --bind {address}, then as root apply with the same and --yes"),
            )
        };
        (Finding::advice(GROUP, name, words, why, change), !up)
    }
}

fn pair(roots: &Roots, candidates: usize) -> Finding {
    let words = match candidates {
        1 => "1 card could be a port".to_owned(),
        count => format!("{count} cards could be ports"),
    };
    if candidates >= 2 {
        return Finding::ok(GROUP, "pair", words);
    }
    let kernel =
        if roots.in_sys("class/net") { "any interface works through the kernel, slower (net_af_packet)" } else { "" };
    Finding::advice(
        GROUP,
        "pair",
        words,
        "a pair of physical ports needs two",
        format!("add cards, or free one that is in use; {kernel}").trim_end_matches("; ").to_owned(),
    )
}

/// Interfaces of default routes, IPv4 and IPv6, and all that lies under them.
fn default_route(roots: &Roots) -> BTreeSet<String> {
    let mut above: Vec<String> = Vec::new();
    for line in roots.proc("net/route").unwrap_or_default().lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [name, "00000000", _, _, _, _, _, "00000000", ..] = fields.as_slice() {
            above.push((*name).to_owned());
        }
    }
    for line in roots.proc("net/ipv6_route").unwrap_or_default().lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Every kernel keeps an unreachable default on lo.
        if let [destination, "00", .., name] = fields.as_slice()
            && destination.bytes().all(|digit| digit == b'0')
            && *name != "lo"
        {
            above.push((*name).to_owned());
        }
    }
    let mut taken = BTreeSet::new();
    while let Some(name) = above.pop() {
        let below = roots.sys_names(format!("class/net/{name}"));
        if taken.insert(name) {
            above.extend(below.iter().filter_map(|entry| entry.strip_prefix("lower_")).map(str::to_owned));
        }
    }
    taken
}

/// The PCI device behind an interface: virtio and its like hang one level below it.
fn pci_address(roots: &Roots, interface: &str) -> Option<String> {
    let device: PathBuf = fs::canonicalize(roots.sys.join(format!("class/net/{interface}/device"))).ok()?;
    device
        .ancestors()
        .filter_map(|path| path.file_name()?.to_str())
        .find(|name| is_pci_address(name))
        .map(str::to_owned)
}

/// `domain:bus:device.function`, in hexadecimal.
fn is_pci_address(name: &str) -> bool {
    let hexadecimal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<&str> = name.split([':', '.']).collect();
    name.matches(':').count() == 2
        && matches!(parts.as_slice(), [domain, bus, device, function]
            if domain.len() >= 4 && bus.len() == 2 && device.len() == 2 && function.len() == 1)
        && parts.into_iter().all(hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::{examine, is_pci_address};
    use crate::doctor::{Finding, Level, roots::tests::Tree};

    fn card(tree: Tree, address: &str, name: &str, driver: &str, flags: &str) -> Tree {
        let device = format!("sys/bus/pci/devices/{address}");
        tree.with(&format!("{device}/class"), "0x020000")
            .with(&format!("{device}/numa_node"), "1")
            .link(&format!("{device}/driver"), &format!("../../drivers/{driver}"))
            .with(&format!("{device}/net/{name}/operstate"), "down")
            .with(&format!("{device}/net/{name}/flags"), flags)
            .with(&format!("{device}/net/{name}/address"), "00:1b:21:00:00:01")
            .link(&format!("{device}/net/{name}/device"), "../..")
            .link(&format!("sys/class/net/{name}"), &format!("{device}/net/{name}"))
    }

    fn one(findings: &[Finding], name: &str) -> Finding {
        findings.iter().find(|finding| finding.name == name).unwrap_or_else(|| panic!("{name}: {findings:#?}")).clone()
    }

    #[test]
    fn a_free_card_leads_to_the_plan_and_one_in_use_says_so() {
        let tree = card(Tree::new("cards"), "0000:03:00.0", "eth1", "ixgbe", "0x1002");
        let tree = card(tree, "0000:04:00.0", "eth2", "i40e", "0x1003");
        let found = examine(&tree.roots, None);
        let free = one(&found, "eth1");
        assert_eq!(free.found, "0000:03:00.0, ixgbe, 00:1b:21:00:00:01, node 1, link down; DPDK: net_ixgbe");
        assert!(free.change.unwrap().starts_with("hugepage-setup/plan --bind 0000:03:00.0"));
        assert!(one(&found, "eth2").change.unwrap().contains("ip link set eth2 down"));
        assert_eq!(one(&found, "pair").found, "1 card could be a port");
    }

    #[test]
    fn the_card_of_the_default_route_is_left_alone_through_bond_and_ipv6() {
        let zeroes = "0".repeat(32);
        let tree = card(Tree::new("route"), "0000:03:00.0", "eth1", "ixgbe", "0x1002")
            .with("sys/class/net/bond0/operstate", "up")
            .link("sys/class/net/bond0/lower_eth1", "sys/class/net/eth1")
            .with(
                "proc/net/ipv6_route",
                &format!("{zeroes} 00 {zeroes} 00 {zeroes} 00000400 00000003 00000000 00000003    bond0"),
            );
        let finding = one(&examine(&tree.roots, None), "eth1");
        assert_eq!((finding.level, finding.change), (Level::Ok, None));
        assert!(finding.found.contains("default route"));
        let route = "Iface Destination\neth1\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0";
        let tree = card(Tree::new("route4"), "0000:03:00.0", "eth1", "ixgbe", "0x1002").with("proc/net/route", route);
        assert!(one(&examine(&tree.roots, None), "eth1").found.contains("default route"));
    }

    #[test]
    fn a_card_whose_dpdk_driver_is_not_installed_names_the_package_and_bound_cards_count() {
        let tree = card(Tree::new("drivers"), "0000:03:00.0", "eth1", "ixgbe", "0x1002")
            .with("drivers/librte_net_i40e.so.23.0", "")
            .with("sys/bus/pci/devices/0000:05:00.0/class", "0x020000")
            .link("sys/bus/pci/drivers/vfio-pci/0000:05:00.0", "sys/bus/pci/devices/0000:05:00.0");
        let found = examine(&tree.roots, Some(&tree.root.join("drivers")));
        assert!(one(&found, "eth1").change.unwrap().contains("librte-net-ixgbe"));
        assert_eq!(one(&found, "0000:05:00.0").level, Level::Ok);
        assert_eq!(one(&found, "pair").found, "1 card could be a port");
    }

    #[test]
    fn pci_addresses_are_told_from_other_names() {
        for good in ["0000:03:00.0", "10000:e1:1f.7"] {
            assert!(is_pci_address(good), "{good}");
        }
        for bad in
            ["", "virtio2", "03:00.0", "0000:03:00", "0000:03:00:0", "pci0000:00", "0000:3:00.0", "0000:03:00.zz"]
        {
            assert!(!is_pci_address(bad), "{bad}");
        }
    }
}
