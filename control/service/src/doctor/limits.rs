//! Resource limits of this process and of its control group.
//!
//! Sources: getrlimit(2), proc(5), cgroup-v2.rst (the group as it is seen from within; version 1 is not read); vfio counts what a card may reach against the locked memory of who is not root.

use super::{
    finding::{Finding, Group},
    roots::{Roots, size},
};

const GROUP: Group = Group::Limits;
/// Locked memory a card needs to reach, bytes: hugepages of a small appliance.
const MEMLOCK: u64 = 2 << 30;
/// Files: DPDK keeps one open for each hugepage, besides captures, logs and sockets.
const FILES: u64 = 4_096;

pub fn examine(roots: &Roots) -> Vec<Finding> {
    let Some(text) = roots.proc("self/limits") else {
        return vec![Finding::unknown(GROUP, "memlock", "/proc/self/limits")];
    };
    let mut found = vec![memlock(roots, &text), files(&text)];
    found.extend(group_memory(roots));
    found.extend(group_time(roots));
    found
}

/// The memory of this process's control group, when it is limited (a container, a systemd slice).
fn group_memory(roots: &Roots) -> Option<Finding> {
    let limit: u64 = roots.sys_number("fs/cgroup/memory.max")?;
    let words = format!("memory of the control group: {}", size(limit));
    if limit >> 20 < super::memory::NEEDED_MIB {
        let change = format!(
            "raise memory.max to {} MiB and more (docker: --memory, systemd: MemoryMax=)",
            super::memory::NEEDED_MIB
        );
        return Some(Finding::problem(
            GROUP,
            "group-memory",
            words,
            "the kernel ends the process that asks for more",
            change,
        ));
    }
    Some(Finding::ok(GROUP, "group-memory", words))
}

/// The processor time of this process's control group, when it is limited.
fn group_time(roots: &Roots) -> Option<Finding> {
    let text = roots.sys("fs/cgroup/cpu.max")?;
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    Some(Finding::advice(
        GROUP,
        "group-time",
        format!("{quota} of each {period} microseconds of processor time for the control group"),
        "a worker polls without pause: when the time is used up it stands still, and packets are lost",
        "give whole processors instead (docker: --cpuset-cpus without --cpus, systemd: AllowedCPUs= without CPUQuota=)",
    ))
}

/// The soft limit of a line; `u64::MAX` when there is none.
fn soft(text: &str, name: &str) -> Option<u64> {
    let word = text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?;
    if word == "unlimited" { Some(u64::MAX) } else { word.parse().ok() }
}

fn memlock(roots: &Roots, text: &str) -> Finding {
    let Some(limit) = soft(text, "Max locked memory") else {
        return Finding::unknown(GROUP, "memlock", "/proc/self/limits");
    };
    let words = if limit == u64::MAX { "unlimited".to_owned() } else { size(limit) };
    // CAP_IPC_LOCK, number 14, lifts the limit.
    if limit >= MEMLOCK || super::user::has_capability(roots, 14) {
        let lifted = if limit >= MEMLOCK { "" } else { ", lifted by CAP_IPC_LOCK" };
        return Finding::ok(GROUP, "memlock", format!("locked memory: {words}{lifted}"));
    }
    Finding::advice(
        GROUP,
        "memlock",
        format!("locked memory: {words}"),
        "a card bound to vfio-pci can't reach the packets otherwise",
        "ulimit -l unlimited; in a systemd unit LimitMEMLOCK=infinity",
    )
}

fn files(text: &str) -> Finding {
    match soft(text, "Max open files") {
        None => Finding::unknown(GROUP, "files", "/proc/self/limits"),
        Some(u64::MAX) => Finding::ok(GROUP, "files", "open files: unlimited"),
        Some(limit) if limit >= FILES => Finding::ok(GROUP, "files", format!("open files: {limit}")),
        Some(limit) => Finding::advice(
            GROUP,
            "files",
            format!("open files: {limit}"),
            "DPDK keeps a file open for each hugepage",
            "ulimit -n 65536; in a systemd unit LimitNOFILE=65536",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::examine;
    use crate::doctor::{Level, roots::tests::Tree};

    fn levels(name: &str, memlock: &str, files: &str, capabilities: &str) -> Vec<(Level, String)> {
        let tree = Tree::new(name)
            .with("proc/self/status", &format!("Uid:\t1000\t1000\t1000\t1000\nCapEff:\t{capabilities}"))
            .with(
                "proc/self/limits",
                &format!("Limit                     Soft Limit           Hard Limit           Units\nMax open files            {files}                4096                 files\nMax locked memory         {memlock}              unlimited            bytes"),
            );
        examine(&tree.roots).into_iter().map(|finding| (finding.level, finding.found)).collect()
    }

    #[test]
    fn low_limits_are_told_and_a_capability_lifts_that_on_locked_memory() {
        let none = "0000000000000000";
        assert_eq!(
            levels("low", "8388608", "1024", none),
            [(Level::Advice, "locked memory: 8 MiB".to_owned()), (Level::Advice, "open files: 1024".to_owned())]
        );
        assert_eq!(
            levels("high", "unlimited", "65536", none).into_iter().map(|(level, _)| level).collect::<Vec<_>>(),
            [Level::Ok, Level::Ok]
        );
        let (level, words) = levels("lifted", "8388608", "1024", "0000000000004000").swap_remove(0);
        assert_eq!((level, words.as_str()), (Level::Ok, "locked memory: 8 MiB, lifted by CAP_IPC_LOCK"));
    }

    #[test]
    fn a_control_group_too_small_is_a_problem_and_one_without_limits_says_nothing() {
        let look = |name: &str, memory: &str, time: &str| {
            let tree = Tree::new(name)
                .with("proc/self/limits", "Max open files            unlimited            unlimited            files")
                .with("sys/fs/cgroup/memory.max", memory)
                .with("sys/fs/cgroup/cpu.max", time);
            examine(&tree.roots).into_iter().skip(2).map(|finding| (finding.name, finding.level)).collect::<Vec<_>>()
        };
        assert_eq!(look("unlimited", "max", "max 100000"), []);
        assert_eq!(
            look("tight", "268435456", "50000 100000"),
            [("group-memory".to_owned(), Level::Problem), ("group-time".to_owned(), Level::Advice)]
        );
        assert_eq!(look("roomy", "4294967296", "max 100000"), [("group-memory".to_owned(), Level::Ok)]);
    }
}
