//! Host preparation: `hugepage-setup/{check,plan,apply,undo}` on made-up hosts, and once on this one.
//!
//! The made-up hosts are folders (`host/tree.rs`). Changing even those asks for root, as the scripts do; without root those tests are
//! skipped aloud. The last test reserves real hugepages, and gives them back whatever happens.
#![cfg(test)]

#[path = "host/tree.rs"]
mod tree;

use sluice_tests::golden;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};
use tree::Host;

const CARD: &str = "0000:03:00.0";
const OTHER: &str = "0000:04:00.0";

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    let root = output.stdout == b"0\n";
    if !root {
        eprintln!("SKIPPED: only root may change a host, and the scripts hold to that");
    }
    root
}

/// The shells to try: the system's, and others that are installed.
fn shells() -> Vec<Vec<&'static str>> {
    let there = |program: &str| Command::new(program).args(["-c", ":"]).output().is_ok_and(|out| out.status.success());
    let mut shells = vec![vec!["sh"]];
    shells.extend(["dash", "bash"].into_iter().filter(|shell| there(shell)).map(|shell| vec![shell]));
    if Command::new("busybox").args(["sh", "-c", ":"]).output().is_ok_and(|out| out.status.success()) {
        shells.push(vec!["busybox", "sh"]);
    }
    shells
}

#[track_caller]
fn says(words: &str, parts: &[&str]) {
    for part in parts {
        assert!(words.contains(part), "lacks {part:?}:\n{words}");
    }
}

/// A refusal names the card and the reason, and apply then changes nothing.
#[track_caller]
fn refuses(host: &Host, options: &[&str], parts: &[&str]) {
    let before = host.snapshot();
    let plan = host.run("plan", options);
    assert_eq!(plan.status, Some(1), "{}", plan.words);
    says(&plan.words, &["What it will not do"]);
    says(&plan.words, parts);
    let apply = host.run("apply", &[&["--yes"], options].concat());
    assert_eq!(apply.status, Some(1), "{}", apply.words);
    host.is_as(&before);
}

/// The plan holds the step that binds this card.
#[track_caller]
fn would_bind(host: &Host, options: &[&str], address: &str) {
    let plan = host.run("plan", options);
    assert_eq!(plan.status, Some(0), "{}", plan.words);
    says(&plan.words, &[&format!("give {address}"), "driver_override"]);
}

#[test]
fn plan_and_apply_without_yes_say_the_same_steps_and_change_nothing() {
    let host = Host::new("dry");
    host.card(CARD, "eth1", Some(7));
    let before = host.snapshot();
    let options = ["--memory", "512", "--bind", CARD, "--remove-stale"];
    let plan = host.run("plan", &options);
    let apply = host.run("apply", &options);
    assert_eq!((plan.status, apply.status), (Some(0), Some(0)), "{}\n{}", plan.words, apply.words);
    for answer in [&plan, &apply] {
        says(
            &answer.words,
            &[
                "echo 256 > ",
                "node1/hugepages/hugepages-2048kB/nr_hugepages",
                "mount -t hugetlbfs -o pagesize=2M",
                "modprobe vfio-pci",
                "give 0000:03:00.0 (eth1, driver ixgbe, 00:1b:21:00:00:01) to vfio-pci",
                "/driver/unbind",
                "/drivers_probe",
            ],
        );
    }
    says(&apply.words, &["Nothing was changed"]);
    says(&plan.words, &["isolcpus=2-3 nohz_full=2-3 rcu_nocbs=2-3 irqaffinity=0-1"]);
    assert!(host.run("undo", &["--yes"]).status == Some(0) || !is_root());
    host.is_as(&before);
}

#[test]
fn apply_then_undo_leaves_the_host_as_it_was_under_every_shell() {
    if !is_root() {
        return;
    }
    for (number, shell) in shells().iter().enumerate() {
        let host = Host::new(&format!("round-{number}")).with_shell(shell);
        host.card(CARD, "eth1", Some(7));
        host.card(OTHER, "eth2", Some(8));
        host.bind_pages(0, "nr_hugepages", 10);
        host.bind_pages(0, "free_hugepages", 10);
        host.write(&format!("sys/bus/pci/devices/{OTHER}/driver_override"), "ixgbe");
        let before = host.snapshot();
        let options = ["--yes", "--node", "0=512", "--node=1=1024", "--bind", CARD, "--bind=04:00.0"];
        let first = host.run("apply", &options);
        assert_eq!(first.status, Some(0), "{shell:?}: {}", first.words);
        assert_eq!((host.pages(0), host.pages(1)), ("256".into(), "512".into()));
        assert_eq!(host.driver(CARD).as_deref(), Some("vfio-pci"));
        assert_eq!(host.driver(OTHER).as_deref(), Some("vfio-pci"));
        let state = fs::read_to_string(host.path("run/sluice/host-state")).unwrap();
        let mount = host.path("dev/hugepages").display().to_string();
        for line in [
            "pages\t0\t2048\t10".to_owned(),
            "pages\t1\t2048\t0".to_owned(),
            format!("folder\t{mount}"),
            format!("mount\t{mount}\t2048"),
            "module\tvfio-pci".to_owned(),
            format!("driver\t{CARD}\tixgbe\t-"),
            format!("driver\t{OTHER}\tixgbe\tixgbe"),
        ] {
            assert!(state.lines().any(|found| found == line), "lacks {line:?}:\n{state}");
        }

        let middle = host.snapshot();
        let again = host.run("apply", &options);
        assert_eq!(again.status, Some(0), "{}", again.words);
        says(&again.words, &["Nothing to do"]);
        host.is_as(&middle);

        let dry = host.run("undo", &[]);
        says(&dry.words, &["Nothing was changed", "umount", "modprobe -r vfio-pci", "echo 10 >"]);
        host.is_as(&middle);
        let undone = host.run("undo", &["--yes"]);
        assert_eq!(undone.status, Some(0), "{shell:?}: {}", undone.words);
        host.is_as(&before);
        says(&host.run("undo", &["--yes"]).words, &["Nothing to take back"]);
    }
}

#[test]
fn a_second_apply_that_asks_for_more_is_undone_to_what_was_before_the_first() {
    if !is_root() {
        return;
    }
    let host = Host::new("twice");
    for pages in ["0=64", "0=128"] {
        assert_eq!(host.run("apply", &["--yes", "--node", pages]).status, Some(0));
    }
    assert_eq!(host.pages(0), "64");
    assert_eq!(host.run("undo", &["--yes"]).status, Some(0));
    assert_eq!(host.pages(0), "0");
}

#[test]
fn the_default_route_is_never_taken_by_ipv4_ipv6_or_through_what_stands_on_the_card() {
    let host = Host::new("route4");
    host.card(CARD, "eth1", Some(7));
    host.write("proc/net/route", "Iface Destination Gateway Flags RefCnt Use Metric Mask\neth1\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0");
    for more in [&[][..], &["--force-up"], &["--no-iommu", "--force-up"]] {
        refuses(&host, &[&["--bind", CARD], more].concat(), &["eth1 carries the default route", "00:1b:21:00:00:01"]);
    }

    let zeroes = "0".repeat(32);
    let host = Host::new("route6");
    host.card(CARD, "eth1", Some(7));
    host.write(
        "proc/net/ipv6_route",
        &format!(
            "{zeroes} 00 {zeroes} 00 fe800000000000000000000000000001 00000400 00000003 00000000 00000003     eth1"
        ),
    );
    refuses(&host, &["--bind", CARD, "--force-up"], &["eth1 carries the default route"]);

    let host = Host::new("route-stack");
    host.card(CARD, "eth1", Some(7));
    host.interface("bond0");
    host.interface("vlan5");
    host.stack("bond0", "eth1");
    host.stack("vlan5", "bond0");
    host.write("proc/net/route", "Iface Destination\nvlan5\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0");
    refuses(&host, &["--bind", CARD, "--force-up"], &["eth1 carries the default route"]);
    says(&host.run("check", &[]).words, &["NEVER TAKE"]);
}

/// Makes an interface one that is in use.
type Change<'a> = &'a dyn Fn(&Host);

#[test]
fn check_calls_a_candidate_only_what_plan_would_bind() {
    let host = Host::new("candidates");
    host.card(CARD, "eth1", Some(7));
    host.card(OTHER, "eth2", Some(8));
    says(&host.run("check", &[]).words, &["Could be a pair: eth1(0000:03:00.0,node:1) eth2(0000:04:00.0,node:1)"]);
    would_bind(&host, &["--bind", CARD, "--bind", OTHER], CARD);
    host.write("sys/class/net/eth2/flags", "0x1003");
    says(&host.run("check", &[]).words, &["in use", "candidates: 1"]);
    refuses(&host, &["--bind", OTHER], &["eth2 is up"]);
}

#[test]
fn interfaces_in_use_are_refused_unless_forced() {
    let zeroes = "0".repeat(32);
    let routes = format!("{zeroes} 00 {zeroes} 00 {zeroes} ffffffff 00000001 00000000 00200200       lo");
    let uses: [(&str, Change, &str); 4] = [
        ("up", &|host| host.write("sys/class/net/eth1/flags", "0x1003"), "eth1 is up"),
        (
            "address4",
            &|host| host.write("proc/net/route", "Iface Destination\neth1\t0000A8C0\t0\t1\t0\t0\t0\t00FFFFFF"),
            "eth1 has an address",
        ),
        (
            "address6",
            &|host| host.write("proc/net/if_inet6", &format!("{} 02 40 00 80 eth1", "fd".repeat(16))),
            "eth1 has an address",
        ),
        (
            "bridge",
            &|host| {
                host.interface("br0");
                host.stack("br0", "eth1");
            },
            "eth1 is part of br0",
        ),
    ];
    for (name, make, reason) in uses {
        let host = Host::new(name);
        host.card(CARD, "eth1", Some(7));
        host.write("proc/net/ipv6_route", &routes);
        would_bind(&host, &["--bind", CARD], CARD);
        make(&host);
        refuses(&host, &["--bind", CARD], &[reason, "--force-up"]);
        would_bind(&host, &["--bind", CARD, "--force-up"], CARD);
    }
}

#[test]
fn devices_that_are_no_network_cards_or_need_no_vfio_are_refused() {
    let host = Host::new("classes");
    host.device("0000:00:01.0", "virtio-pci", "0x010000", Some(1));
    host.device("0000:00:02.0", "pcieport", "0x060400", Some(2));
    host.device("0000:00:03.0", "nouveau", "0x030000", Some(3));
    host.device("0000:00:04.0", "mlx5_core", "0x020000", Some(4));
    host.card("0000:00:05.0", "eth5", Some(5));
    host.write("sys/bus/pci/devices/0000:00:05.0/sriov_numvfs", "4");
    for (address, reason) in [
        ("0000:00:01.0", "disk controller"),
        ("0000:00:02.0", "a bridge"),
        ("0000:00:03.0", "no network card"),
        ("0000:00:04.0", "kernel driver mlx5_core"),
        ("0000:00:05.0", "virtual functions"),
        ("0000:00:06.0", "no such PCI device"),
    ] {
        refuses(&host, &["--bind", address, "--force-up"], &[address, reason]);
    }
}

#[test]
fn without_an_iommu_a_card_is_bound_only_when_told_and_undo_ends_the_unsafe_mode() {
    let host = Host::new("no-iommu");
    host.card(CARD, "eth1", None);
    host.write("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N");
    refuses(&host, &["--bind", CARD], &["no IOMMU group", "--no-iommu"]);
    let plan = host.run("plan", &["--bind", CARD, "--no-iommu"]);
    says(&plan.words, &["WARNING", "enable_unsafe_noiommu_mode"]);
    if !is_root() {
        return;
    }
    let answer = host.run("apply", &["--yes", "--bind", CARD, "--no-iommu"]);
    assert_eq!(answer.status, Some(0), "{}", answer.words);
    assert_eq!(host.read("sys/module/vfio/parameters/enable_unsafe_noiommu_mode"), "Y");
    assert_eq!(host.driver(CARD).as_deref(), Some("vfio-pci"));
    let undone = host.run("undo", &["--yes"]);
    assert_eq!(undone.status, Some(0), "{}", undone.words);
    assert_eq!(host.read("sys/module/vfio/parameters/enable_unsafe_noiommu_mode"), "N");
    assert_eq!(host.driver(CARD).as_deref(), Some("ixgbe"));
}

#[test]
fn a_card_whose_iommu_group_the_host_uses_is_bound_only_with_all_of_the_group() {
    let host = Host::new("group");
    host.card(CARD, "eth1", Some(7));
    host.card(OTHER, "eth2", Some(7));
    host.device("0000:00:1c.0", "pcieport", "0x060400", Some(7));
    refuses(&host, &["--bind", CARD], &["IOMMU group 7 also holds 0000:04:00.0"]);
    would_bind(&host, &["--bind", CARD, "--bind", OTHER], OTHER);
    // When its companion can't be had, neither can the card.
    host.write("sys/class/net/eth2/flags", "0x1003");
    refuses(
        &host,
        &["--bind", CARD, "--bind", OTHER],
        &["eth2 is up", "shares IOMMU group 7 with 0000:04:00.0, which is refused"],
    );
    // A device without a driver does no harm.
    fs::remove_file(host.path(&format!("sys/bus/pci/devices/{OTHER}/driver"))).unwrap();
    would_bind(&host, &["--bind", CARD], CARD);
}

#[test]
fn a_kernel_without_vfio_pci_is_told_before_anything_is_changed() {
    let host = Host::new("no-module");
    host.card(CARD, "eth1", Some(7));
    fs::remove_file(host.path("modules/vfio-pci")).unwrap();
    refuses(&host, &["--bind", CARD], &["no vfio-pci module"]);
}

#[test]
fn fewer_pages_than_asked_for_are_told_with_numbers_and_the_words_for_the_boot_line() {
    if !is_root() {
        return;
    }
    let host = Host::new("fewer");
    host.bind_pages(1, "nr_hugepages", 5);
    host.bind_pages(1, "most", 40);
    host.write("proc/sys/vm/compact_memory", "0");
    let answer = host.run("apply", &["--yes", "--node", "1=512"]);
    assert_eq!(answer.status, Some(1), "{}", answer.words);
    says(
        &answer.words,
        &[
            "gave 35 of the 251 further pages of 2M; 40 are there, 256 were asked for",
            "hugepagesz=2M hugepages=1:256",
            "asking again",
        ],
    );
    assert_eq!((host.pages(1), host.read("proc/sys/vm/compact_memory")), ("40".into(), "1".into()));
    assert!(host.read("proc/self/mounts").contains("proc"), "the mount is made all the same");
    assert_eq!(host.run("undo", &["--yes"]).status, Some(0));
    assert_eq!(host.pages(1), "5");
}

#[test]
fn a_failure_in_the_middle_leaves_notes_from_which_undo_restores_everything() {
    if !is_root() {
        return;
    }
    let host = Host::new("middle");
    host.card(CARD, "eth1", Some(7));
    host.card(OTHER, "eth2", Some(8));
    host.write(&format!("sys/bus/pci/devices/{OTHER}/refuses-vfio-pci"), "");
    let before = host.snapshot();
    let answer = host.run("apply", &["--yes", "--memory", "64", "--bind", CARD, "--bind", OTHER]);
    assert_eq!(answer.status, Some(1), "{}", answer.words);
    says(&answer.words, &["vfio-pci did not take it", "undo --yes"]);
    assert_eq!((host.driver(CARD).as_deref(), host.driver(OTHER)), (Some("vfio-pci"), None));
    let undone = host.run("undo", &["--yes"]);
    assert_eq!(undone.status, Some(0), "{}", undone.words);
    host.is_as(&before);
}

#[test]
fn what_undo_cannot_take_back_stays_noted_with_the_reason() {
    if !is_root() {
        return;
    }
    let host = Host::new("stuck");
    host.card(CARD, "eth1", Some(7));
    assert_eq!(host.run("apply", &["--yes", "--node", "0=64", "--bind", CARD]).status, Some(0));
    host.bind_pages(0, "used", 20);
    host.write("dev/hugepages.busy", "");
    symlink("/dev/vfio/7", host.path("proc/77/fd/9")).unwrap();
    let answer = host.run("undo", &["--yes"]);
    assert_eq!(answer.status, Some(1), "{}", answer.words);
    says(&answer.words, &["a process uses the card", "target is busy", "still there: 20;", "still mounted"]);
    assert_eq!(host.driver(CARD).as_deref(), Some("vfio-pci"));

    fs::remove_file(host.path("proc/77/fd/9")).unwrap();
    fs::remove_file(host.path("dev/hugepages.busy")).unwrap();
    fs::remove_file(host.path("sys/devices/system/node/node0/hugepages/hugepages-2048kB/used")).unwrap();
    fs::remove_dir(host.path("sys/bus/pci/drivers/ixgbe")).unwrap();
    let answer = host.run("undo", &["--yes"]);
    assert_eq!(answer.status, Some(1), "{}", answer.words);
    says(&answer.words, &["the driver ixgbe is not loaded"]);
    fs::create_dir(host.path("sys/bus/pci/drivers/ixgbe")).unwrap();
    let answer = host.run("undo", &["--yes"]);
    assert_eq!(answer.status, Some(0), "{}", answer.words);
    assert_eq!((host.driver(CARD).as_deref(), host.pages(0).as_str()), (Some("ixgbe"), "0"));
    assert!(!host.path("run/sluice/host-state").exists());
}

#[test]
fn notes_that_apply_does_not_write_are_not_acted_upon() {
    if !is_root() {
        return;
    }
    let host = Host::new("hostile");
    let head = "# sluice host state, version 1: read by hugepage-setup/undo\n# boot first";
    let victim = host.path("victim").display().to_string();
    host.write("victim", "whole");
    host.write(
        "run/sluice/host-state",
        &format!("{head}\npages\t../../../victim\t2048\t1\npages\t0\t2048\t$(touch {victim})\nfolder\t/tmp/../etc\nmodule\text4\ndriver\t../x\tixgbe\t-\nrm\t{victim}"),
    );
    let before = host.snapshot();
    let answer = host.run("undo", &["--yes"]);
    assert_eq!(answer.status, Some(1), "{}", answer.words);
    says(&answer.words, &["6 of the changes could not be taken back"]);
    host.is_as(&before);

    // Nor a file that is not root's alone, or of another version.
    host.write("run/sluice/host-state", "# sluice host state, version 2");
    says(&host.run("undo", &["--yes"]).words, &["of another version"]);
    fs::rename(host.path("run/sluice/host-state"), host.path("elsewhere")).unwrap();
    symlink(host.path("elsewhere"), host.path("run/sluice/host-state")).unwrap();
    let answer = host.run("undo", &["--yes"]);
    assert_eq!(answer.status, Some(1));
    says(&answer.words, &["no plain file that root alone may write"]);
}

#[test]
fn one_apply_runs_at_a_time_and_the_lock_of_a_dead_one_is_taken_over() {
    if !is_root() {
        return;
    }
    let host = Host::new("lock");
    host.write("run/sluice/host-state.lock/pid", &std::process::id().to_string());
    for script in ["apply", "undo"] {
        let answer = host.run(script, &["--yes"]);
        assert_eq!(answer.status, Some(1), "{}", answer.words);
        says(&answer.words, &["another apply or undo is at work"]);
    }
    assert_eq!(host.pages(0), "0");
    // No process has a number this high.
    host.write("run/sluice/host-state.lock/pid", "999999999");
    let answer = host.run("apply", &["--yes", "--node", "0=64"]);
    assert_eq!((answer.status, host.pages(0).as_str()), (Some(0), "32"), "{}", answer.words);
    assert!(!host.path("run/sluice/host-state.lock").exists());
}

#[test]
fn notes_of_an_earlier_boot_are_dropped_and_not_acted_upon() {
    if !is_root() {
        return;
    }
    let host = Host::new("boot");
    assert_eq!(host.run("apply", &["--yes", "--node", "0=64"]).status, Some(0));
    // The restart: other pages, reserved on the kernel command line.
    host.write("proc/sys/kernel/random/boot_id", "second");
    host.write("proc/self/mounts", "proc /proc proc rw 0 0");
    host.bind_pages(0, "nr_hugepages", 16);
    let before = host.snapshot();
    let dry = host.run("undo", &[]);
    assert_eq!(dry.status, Some(0));
    says(&dry.words, &["earlier boot", "Nothing to take back"]);
    host.is_as(&before);
    assert_eq!(host.run("undo", &["--yes"]).status, Some(0));
    assert_eq!(host.pages(0), "16");
    assert!(!host.path("run/sluice").exists());
}

#[test]
fn pages_go_to_the_nodes_of_the_cards_and_are_spread_evenly_without_one() {
    let host = Host::new("nodes");
    let spread = host.run("plan", &["--pages", "15"]);
    says(
        &spread.words,
        &["pages of 2M on node 0: 0 now, 8 then", "pages of 2M on node 1: 0 now, 7 then", "hugepages=0:8,1:7"],
    );
    host.card(CARD, "eth1", Some(7));
    let near = host.run("plan", &["--pages", "15", "--bind", CARD]);
    says(&near.words, &["pages of 2M on node 1: 0 now, 15 then"]);
    assert!(!near.words.contains("on node 0"), "{}", near.words);
    let large = host.run("plan", &["--page-size", "1G", "--node", "1=1500"]);
    says(
        &large.words,
        &["pages of 1G on node 1: 0 now, 2 then (2048 MiB more)", "hugepages-1G", "default_hugepagesz=1G"],
    );
    host.bind_pages(0, "nr_hugepages", 600);
    let enough = host.run("plan", &["--node", "0=1024"]);
    says(&enough.words, &["node 0 has 600 pages of 2M", "never lowered"]);
    refuses(&host, &["--page-size", "512M"], &["this kernel has", "--page-size"]);
    refuses(&host, &["--node", "4=64"], &["there is no node 4"]);
    refuses(&host, &["--memory", "9000"], &["7800 MiB more in hugepages", "are available"]);
}

#[test]
fn a_mount_is_made_only_where_none_fits_and_never_over_files() {
    let host = Host::new("mounts");
    host.write(
        "proc/self/mounts",
        "none /mnt/my\\040huge hugetlbfs rw,relatime,pagesize=2M 0 0\nnone /mnt/large hugetlbfs rw,pagesize=1024M 0 0",
    );
    let there = host.run("plan", &["--pages", "4"]);
    says(&there.words, &["pages of 2M is mounted at /mnt/my huge"]);
    says(&host.run("plan", &["--page-size", "1G", "--pages", "1"]).words, &["pages of 1G is mounted at /mnt/large"]);
    let full = host.path("dev/full");
    host.write("dev/full/file", "of someone");
    refuses(&host, &["--pages", "4", "--mount", &full.display().to_string()], &["the folder is not empty"]);
    let deep = host.path("dev/no/such").display().to_string();
    refuses(&host, &["--pages", "4", "--mount", &deep], &["there is no folder"]);
}

#[test]
fn only_files_that_no_process_holds_are_stale_and_only_a_flag_removes_them() {
    if !is_root() {
        return;
    }
    let host = Host::new("stale");
    let mount = host.path("dev/hugepages").display().to_string();
    host.write("proc/self/mounts", &format!("none {mount} hugetlbfs rw,pagesize=2M 0 0"));
    for name in ["rtemap_0", "rtemap_1", "rtemap_10", "spdkmap_3", "libvirt"] {
        host.write(&format!("dev/hugepages/{name}"), "");
    }
    host.write("proc/77/maps", &format!("100200000-100400000 rw-s 00000000 00:2b 5 {mount}/rtemap_1"));
    symlink(format!("{mount}/spdkmap_3"), host.path("proc/77/fd/5")).unwrap();
    for (prefix, file) in [
        ("dead", "config"),
        ("alive", "config"),
        ("listens", "dpdk_telemetry.v2"),
        ("odd", "notes.txt"),
        ("fresh", "config"),
    ] {
        host.write(&format!("run/dpdk/{prefix}/{file}"), "");
        if prefix != "fresh" {
            let folder = fs::File::open(host.path(&format!("run/dpdk/{prefix}"))).unwrap();
            folder.set_modified(SystemTime::now() - Duration::from_secs(600)).unwrap();
        }
    }
    symlink("/var/run/dpdk/alive/config", host.path("proc/77/fd/6")).unwrap();
    host.write("proc/net/unix", "0: 2 0 10000 5 1 123 /var/run/dpdk/listens/dpdk_telemetry.v2");
    // DPDK's lock shows a process that /proc does not, one of another PID namespace.
    host.write("dev/hugepages/nsmap_4", "");
    let locked = fs::File::open(host.path("dev/hugepages/nsmap_4")).unwrap();
    if Command::new("flock").arg("--version").output().is_ok() {
        locked.lock_shared().unwrap();
    } else {
        eprintln!("SKIPPED: no flock program; locks are not looked at");
        symlink(format!("{mount}/nsmap_4"), host.path("proc/77/fd/7")).unwrap();
    }
    let before = host.snapshot();
    let check = host.run("check", &[]);
    let listed: Vec<&str> =
        check.words.lines().filter(|line| line.contains("map_") || line.contains("/run/dpdk/")).collect();
    let ends = ["rtemap_0", "rtemap_10", "dead", "odd"];
    assert_eq!(listed.len(), ends.len(), "{listed:?}");
    for (line, end) in listed.iter().zip(ends) {
        assert!(line.ends_with(end), "{listed:?}");
    }
    assert_eq!(host.run("apply", &["--yes", "--memory", "0"]).status, Some(0));
    host.is_as(&before);
    let answer = host.run("apply", &["--yes", "--remove-stale"]);
    assert_eq!(answer.status, Some(0), "{}", answer.words);
    drop(locked);
    for gone in ["dev/hugepages/rtemap_0", "dev/hugepages/rtemap_10", "run/dpdk/dead"] {
        assert!(!host.path(gone).exists(), "{gone}");
    }
    for kept in [
        "dev/hugepages/nsmap_4",
        "dev/hugepages/rtemap_1",
        "dev/hugepages/spdkmap_3",
        "dev/hugepages/libvirt",
        "run/dpdk/alive/config",
        "run/dpdk/listens",
        "run/dpdk/odd/notes.txt",
        "run/dpdk/fresh/config",
    ] {
        assert!(host.path(kept).exists(), "{kept}");
    }
}

#[test]
fn advice_names_what_is_wrong_and_the_command_and_stays_silent_when_all_is_well() {
    let host = Host::new("advice");
    host.card(CARD, "eth1", Some(7));
    host.write("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never");
    host.write("proc/77/comm", "irqbalance");
    for cpu in 0..4 {
        let folder = format!("sys/devices/system/cpu/cpu{cpu}");
        host.write(&format!("{folder}/cpufreq/scaling_governor"), if cpu == 2 { "powersave" } else { "performance" });
        host.write(&format!("{folder}/topology/thread_siblings_list"), if cpu < 2 { "0-1" } else { "2-3" });
    }
    let bad = host.run("plan", &["--bind", CARD, "--cores", "1-2"]).words;
    says(
        &bad,
        &[
            "isolcpus=1-2 nohz_full=1-2 rcu_nocbs=1-2 irqaffinity=0,3 default_hugepagesz=2M",
            "intel_iommu=on iommu=pt",
            "echo madvise >",
            "systemctl disable --now irqbalance",
            "governor is not performance on processors 2",
            "processor 0 shares a core with a worker",
            "processor 3 shares a core with a worker",
            "0000:03:00.0 is on node 1, workers' processors 1 are not",
        ],
    );
    host.write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
    host.write("proc/77/comm", "bash");
    host.write("sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "performance");
    host.write("proc/cmdline", "isolcpus=2-3 nohz_full=2-3 rcu_nocbs=2-3 irqaffinity=0-1 default_hugepagesz=2M hugepagesz=2M hugepages=1:512 intel_iommu=on iommu=pt");
    let good = host.run("plan", &["--bind", CARD, "--cores", "2-3"]).words;
    says(&good, &["has all that is advised", "does not run", "its workers are on node 1"]);
    for word in ["add at boot", "echo madvise", "systemctl", "powersave", "keep it idle"] {
        assert!(!good.contains(word), "{word}:\n{good}");
    }
}

#[test]
fn the_scripts_are_clean_for_shellcheck() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hugepage-setup");
    let scripts = ["check", "plan", "apply", "undo", "lib.sh", "steps.sh", "state.sh", "advice.sh"];
    match Command::new("shellcheck").args(["-x", "-P", ".."]).args(scripts).current_dir(folder).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(_) => eprintln!("SKIPPED: no shellcheck here (apt-get install shellcheck)"),
    }
}

#[test]
fn wrong_use_is_status_2_and_help_is_0() {
    let host = Host::new("use");
    let wrong: [(&str, &[&str]); 15] = [
        ("plan", &["--yes"]),
        ("plan", &["--bind", "eth0"]),
        ("plan", &["--bind", "0000:03:00.8"]),
        ("plan", &["--bind", "../../../etc"]),
        ("plan", &["--memory"]),
        ("plan", &["--memory", "-1"]),
        ("plan", &["--memory", "99999999999999999999"]),
        ("plan", &["--page-size", "2"]),
        ("plan", &["--node", "0"]),
        ("plan", &["--memory", "1", "--node", "0=1"]),
        ("plan", &["--mount", "relative"]),
        ("apply", &["--mount", "/tmp/a b"]),
        ("apply", &["--cores", "0-"]),
        ("undo", &["--no"]),
        ("check", &["--no"]),
    ];
    for (script, arguments) in wrong {
        let answer = host.run(script, arguments);
        assert_eq!(answer.status, Some(2), "{script} {arguments:?}: {}", answer.words);
    }
    for script in ["check", "plan", "apply", "undo"] {
        let answer = host.run(script, &["--help"]);
        assert_eq!(answer.status, Some(0), "{script}");
        says(&answer.words, &[&format!("hugepage-setup/{script}"), "xit status"]);
    }
}

/// The real host's count of pages of 2M, put back when this goes.
struct RealPages(String);

const REAL_COUNT: &str = "/proc/sys/vm/nr_hugepages";

impl Drop for RealPages {
    fn drop(&mut self) {
        if fs::read_to_string(REAL_COUNT).ok().as_ref() != Some(&self.0) {
            let _beyond_help = fs::write(REAL_COUNT, &self.0);
        }
    }
}

#[test]
fn on_this_host_pages_are_reserved_dpdk_uses_them_and_undo_gives_them_back() {
    if !is_root() {
        return;
    }
    let Some(binary) = golden::binary() else {
        eprintln!("SKIPPED: no sluice binary; build sluice-cli or set SLUICE_BIN");
        return;
    };
    // One such test at a time on this machine: two would each take the other's pages for what was before.
    let lock = fs::File::create(std::env::temp_dir().join("sluice-host-test.lock")).unwrap();
    lock.lock().unwrap();
    let Ok(before) = fs::read_to_string(REAL_COUNT) else {
        eprintln!("SKIPPED: this kernel has no hugepages");
        return;
    };
    let _back = RealPages(before.clone());
    let wanted: u64 = before.trim().parse::<u64>().unwrap() + 80;
    if fs::write(REAL_COUNT, wanted.to_string()).is_err()
        || fs::read_to_string(REAL_COUNT).unwrap().trim() != wanted.to_string()
    {
        eprintln!("SKIPPED: this kernel gives us no hugepages (a container, or memory in pieces)");
        return;
    }
    fs::write(REAL_COUNT, &before).unwrap();

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host").join("real");
    let _not_there = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    // A mount namespace of its own: no other process takes the pages meanwhile, and the mount ends with the script.
    let script = format!(
        "set -u\n\
         export SLUICE_HOST_RUN={folder}/run\n\
         {setup}/apply --yes --pages {wanted} --mount {folder}/huge || exit 11\n\
         grep -q '{folder}/huge hugetlbfs' /proc/self/mounts || exit 12\n\
         {setup}/apply --yes --pages {wanted} --mount {folder}/huge | grep 'Nothing to do' || exit 13\n\
         {binary} replay {capture} --log-dir {folder}/logs --json >{folder}/report.json; replay=$?\n\
         {setup}/undo --yes || exit 14\n\
         ! grep -q '{folder}/huge' /proc/self/mounts || exit 15\n\
         exit $replay\n",
        folder = folder.display(),
        setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hugepage-setup").canonicalize().unwrap().display(),
        binary = binary.display(),
        capture = demo_capture().display(),
    );
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output();
    let output = match output {
        Ok(output) if !String::from_utf8_lossy(&output.stderr).contains("unshare") => output,
        _ => {
            eprintln!("SKIPPED: no mount namespace of our own to be had");
            return;
        }
    };
    let words = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{words}");
    let report = fs::read_to_string(folder.join("report.json")).unwrap();
    assert!(report.contains("128 MiB in hugepages"), "{report}");
    assert_eq!(fs::read_to_string(REAL_COUNT).unwrap(), before);
    assert!(!folder.join("huge").exists() && !folder.join("run/sluice/host-state").exists());
}

fn demo_capture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/branch-office.pcap")
}
