//! The kernel: version, isolated processors, transparent hugepages.
//!
//! Sources: kernel-parameters.rst, no_hz.rst and transhuge.rst of the Linux documentation.

use super::{
    finding::{Finding, Group},
    roots::{Roots, cpu_list},
};

const GROUP: Group = Group::Kernel;

pub fn examine(roots: &Roots) -> Vec<Finding> {
    let mut found = vec![match roots.proc("sys/kernel/osrelease") {
        Some(version) => Finding::ok(GROUP, "version", version.trim()),
        None => Finding::unknown(GROUP, "version", "/proc/sys/kernel/osrelease"),
    }];
    found.push(isolation(roots));
    if let Some(mode) = roots.sys("kernel/mm/transparent_hugepage/enabled") {
        found.push(if mode.contains("[always]") {
            Finding::advice(
                GROUP,
                "transparent-hugepages",
                mode,
                "the kernel moves and joins pages behind the workers' back",
                "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
            )
        } else {
            Finding::ok(GROUP, "transparent-hugepages", mode)
        });
    }
    found
}

fn isolation(roots: &Roots) -> Finding {
    // An empty list reads as nothing, or as "(null)".
    let list = |file: &str| roots.sys(format!("devices/system/cpu/{file}")).filter(|text| !cpu_list(text).is_empty());
    let (isolated, quiet) = (list("isolated"), list("nohz_full"));
    let words = format!(
        "isolated: {}, without ticks: {}",
        isolated.as_deref().unwrap_or("none"),
        quiet.as_deref().unwrap_or("none")
    );
    if isolated.is_some() && quiet.is_some() {
        return Finding::ok(GROUP, "isolation", words);
    }
    Finding::advice(
        GROUP,
        "isolation",
        words,
        "other programs and the kernel's tick interrupt workers, and packets wait",
        "boot with the line that hugepage-setup/plan --cores LIST prints (isolcpus= nohz_full= rcu_nocbs= irqaffinity=)",
    )
}

#[cfg(test)]
mod tests {
    use super::examine;
    use crate::doctor::{Level, roots::tests::Tree};

    #[test]
    fn isolation_needs_both_lists_and_huge_pages_that_are_always_on_are_advised_against() {
        let tree = Tree::new("kernel")
            .with("proc/sys/kernel/osrelease", "6.1.0")
            .with("sys/devices/system/cpu/isolated", "2-3")
            .with("sys/devices/system/cpu/nohz_full", "  (null)")
            .with("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never");
        let found = examine(&tree.roots);
        let levels: Vec<Level> = found.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Ok, Level::Advice, Level::Advice], "{found:#?}");
        assert_eq!(found[1].found, "isolated: 2-3, without ticks: none");
        let tree = tree
            .with("sys/devices/system/cpu/nohz_full", "2-3")
            .with("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
        assert!(examine(&tree.roots).iter().all(|finding| finding.level == Level::Ok));
    }
}
