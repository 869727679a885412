//! Memory, hugepages of each node and size, and where they are mounted.
//!
//! Sources: hugetlbpage.rst and proc(5); what a start takes is `sluice_dpdk::EalOptions` of `replay`.

use super::{
    finding::{Finding, Group},
    roots::{Roots, size, value_of},
};
use std::path::Path;

const GROUP: Group = Group::Memory;
/// What a replay needs in all: DPDK's 128 MiB, the flow table, events on their way, a large rule set. MiB.
pub const NEEDED_MIB: u64 = 512;
/// What DPDK asks for, MiB: with as much in free hugepages it takes those.
const DPDK_MIB: u64 = 128;
const RESERVE: &str = "hugepage-setup/plan --memory 1024, then as root hugepage-setup/apply --memory 1024 --yes";

pub fn examine(roots: &Roots) -> Vec<Finding> {
    let mut found = vec![available(roots)];
    found.extend(hugepages(roots));
    found.push(mounts(roots));
    found
}

fn kib(text: &str, key: &str) -> Option<u64> {
    value_of(text, key)?.split_whitespace().next()?.parse().ok()
}

fn available(roots: &Roots) -> Finding {
    let facts = roots.proc("meminfo").and_then(|text| Some((kib(&text, "MemAvailable")?, kib(&text, "MemTotal")?)));
    let Some((available, total)) = facts else { return Finding::unknown(GROUP, "available", "/proc/meminfo") };
    let words = format!("{} of {} available", size(available << 10), size(total << 10));
    if available >> 10 < NEEDED_MIB {
        let change = format!("end other programs, or add memory: {NEEDED_MIB} MiB are needed");
        return Finding::problem(GROUP, "available", words, "the flow table and the rules do not fit", change);
    }
    Finding::ok(GROUP, "available", words)
}

/// A finding for each node and size that has pages, and one for all.
fn hugepages(roots: &Roots) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut free_mib = 0;
    let mut any = false;
    for folder in roots.sys_names("kernel/mm/hugepages") {
        let Some(page_kib) = page_kib(&folder) else { continue };
        any = true;
        let count = |file: &str| roots.sys_number(format!("kernel/mm/hugepages/{folder}/{file}")).unwrap_or(0_u64);
        free_mib += (count("free_hugepages").saturating_sub(count("resv_hugepages"))).saturating_mul(page_kib) / 1024;
    }
    for node in roots.sys_names("devices/system/node") {
        if node.strip_prefix("node").is_none_or(|number| number.parse::<u32>().is_err()) {
            continue;
        }
        for folder in roots.sys_names(format!("devices/system/node/{node}/hugepages")) {
            let Some(page_kib) = page_kib(&folder) else { continue };
            let count = |file: &str| {
                roots.sys_number(format!("devices/system/node/{node}/hugepages/{folder}/{file}")).unwrap_or(0_u64)
            };
            let (total, free) = (count("nr_hugepages"), count("free_hugepages"));
            if total > 0 {
                let name = format!("hugepages-{node}-{}", page_name(page_kib));
                let words = format!("{total} pages of {} on {node}, {free} free", page_name(page_kib));
                found.push(Finding::ok(GROUP, name, words));
            }
        }
    }
    let why = "DPDK takes ordinary pages: slower, and no physical card works with them";
    found.push(if !any {
        Finding::advice(GROUP, "hugepages", "this kernel has none", why, "a kernel with CONFIG_HUGETLBFS")
    } else if free_mib < DPDK_MIB {
        Finding::advice(GROUP, "hugepages", format!("{free_mib} MiB free"), why, RESERVE)
    } else {
        Finding::ok(GROUP, "hugepages", format!("{free_mib} MiB free"))
    });
    found
}

fn page_kib(folder: &str) -> Option<u64> {
    folder.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()
}

fn page_name(page_kib: u64) -> String {
    match page_kib {
        kib if kib % (1 << 20) == 0 => format!("{}G", kib >> 20),
        kib if kib % (1 << 10) == 0 => format!("{}M", kib >> 10),
        kib => format!("{kib}K"),
    }
}

fn mounts(roots: &Roots) -> Finding {
    let Some(text) = roots.proc("self/mounts") else {
        return Finding::unknown(GROUP, "hugetlbfs", "/proc/self/mounts");
    };
    let points: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (_, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
            (kind == "hugetlbfs").then(|| sluice_dpdk::mount_path(point).display().to_string())
        })
        .collect();
    let why = "hugepages are used only where this user may write to such a mount";
    match points.iter().find(|point| sluice_dpdk::may_write(Path::new(point))) {
        Some(point) => Finding::ok(GROUP, "hugetlbfs", format!("mounted at {point}, this user may write")),
        None if points.is_empty() => Finding::advice(GROUP, "hugetlbfs", "not mounted", why, RESERVE),
        None => Finding::advice(
            GROUP,
            "hugetlbfs",
            format!("mounted at {}, not this user's to write", points.join(", ")),
            why,
            format!("as root: chown USER {}", points.join(" ")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::examine;
    use crate::doctor::{Finding, Level, roots::tests::Tree};

    fn one(findings: &[Finding], name: &str) -> Finding {
        findings.iter().find(|finding| finding.name == name).unwrap_or_else(|| panic!("{name}: {findings:#?}")).clone()
    }

    fn pages(tree: Tree, place: &str, total: u64, free: u64, reserved: u64) -> Tree {
        tree.with(&format!("sys/{place}/nr_hugepages"), &total.to_string())
            .with(&format!("sys/{place}/free_hugepages"), &free.to_string())
            .with(&format!("sys/{place}/resv_hugepages"), &reserved.to_string())
    }

    #[test]
    fn too_little_memory_is_a_problem_with_the_figure_that_is_needed() {
        let tree = Tree::new("small").with("proc/meminfo", "MemTotal: 600000 kB\nMemAvailable:   300000 kB");
        let finding = one(&examine(&tree.roots), "available");
        assert_eq!((finding.level, finding.found.as_str()), (Level::Problem, "292 MiB of 585 MiB available"));
        assert!(finding.change.unwrap().contains("512 MiB"));
    }

    #[test]
    fn free_pages_count_without_reserved_ones_and_lead_to_the_plan_when_too_few() {
        let make = |name: &str, reserved| {
            let tree = pages(Tree::new(name), "kernel/mm/hugepages/hugepages-2048kB", 80, 80, reserved);
            let tree = pages(tree, "devices/system/node/node1/hugepages/hugepages-2048kB", 80, 80, 0);
            pages(tree, "devices/system/node/node0/hugepages/hugepages-1048576kB", 0, 0, 0)
        };
        let tree = make("enough", 0);
        let findings = examine(&tree.roots);
        assert_eq!(one(&findings, "hugepages").level, Level::Ok);
        assert_eq!(one(&findings, "hugepages-node1-2M").found, "80 pages of 2M on node1, 80 free");
        assert!(!findings.iter().any(|finding| finding.name.contains("node0")));
        let tree = make("reserved", 30);
        let finding = one(&examine(&tree.roots), "hugepages");
        assert_eq!((finding.level, finding.found.as_str()), (Level::Advice, "100 MiB free"));
        assert!(finding.change.unwrap().contains("hugepage-setup/plan"));
    }

    #[test]
    fn a_mount_counts_only_when_it_may_be_written() {
        let mount = |tree: &Tree, point: &str| {
            let line = format!("none {point} hugetlbfs rw 0 0\nproc /proc proc rw 0 0");
            std::fs::write(tree.roots.proc.join("self/mounts"), line).unwrap();
            one(&examine(&tree.roots), "hugetlbfs")
        };
        let tree = Tree::new("mount").with("proc/self/mounts", "proc /proc proc rw 0 0");
        assert_eq!(one(&examine(&tree.roots), "hugetlbfs").found, "not mounted");
        assert_eq!(mount(&tree, "/nowhere/huge").level, Level::Advice);
        assert_eq!(mount(&tree, &tree.root.display().to_string()).level, Level::Ok);
    }
}
