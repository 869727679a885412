//! The whole examination, concern by concern.

use super::{
    clock, disk, dpdk, finding::Finding, hyperscan, iommu, kernel, limits, memory, network, processor, roots::Roots,
    user,
};
use sluice_hyperscan::{Platform, UnsupportedCpu};
use std::path::{Path, PathBuf};

/// What the libraries say of themselves.
#[derive(Clone, Debug)]
pub struct Libraries {
    /// DPDK's version.
    pub dpdk: String,
    /// Where DPDK's drivers are; `None` when they are linked in.
    pub driver_folder: Option<PathBuf>,
    /// The pattern matcher's version.
    pub hyperscan: String,
    /// What it uses of this processor.
    pub platform: Result<Platform, UnsupportedCpu>,
}

impl Libraries {
    /// Those loaded with this process.
    pub fn loaded() -> Self {
        Self {
            dpdk: sluice_dpdk::version(),
            driver_folder: sluice_dpdk::driver_folder(),
            hyperscan: sluice_hyperscan::version(),
            platform: sluice_hyperscan::platform(),
        }
    }
}

/// Looks at everything. `log_dir` is where Sluice is to write; it need not be there yet.
///
/// Findings come group by group. None is a [`super::Level::Problem`] when a replay can work.
///
/// # Cost
/// Some hundred small files are read.
pub fn examine(roots: &Roots, libraries: &Libraries, log_dir: &Path) -> Vec<Finding> {
    [
        processor::examine(roots),
        memory::examine(roots),
        limits::examine(roots),
        iommu::examine(roots),
        network::examine(roots, libraries.driver_folder.as_deref()),
        dpdk::examine(&libraries.dpdk, libraries.driver_folder.as_deref()),
        hyperscan::examine(&libraries.hyperscan, libraries.platform),
        user::examine(roots),
        kernel::examine(roots),
        clock::examine(roots),
        disk::examine(log_dir),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::{Libraries, examine};
    use crate::doctor::{Group, Level, Roots, roots::tests::Tree};
    use std::collections::BTreeSet;

    #[test]
    fn this_machine_can_replay_and_every_group_and_id_comes_once() {
        let findings = examine(&Roots::default(), &Libraries::loaded(), &std::env::temp_dir());
        let problems: Vec<_> = findings.iter().filter(|finding| finding.level == Level::Problem).collect();
        assert!(problems.is_empty(), "{problems:#?}");
        let ids: BTreeSet<String> = findings.iter().map(super::Finding::id).collect();
        assert_eq!(ids.len(), findings.len(), "{ids:?}");
        assert!(findings.is_sorted_by_key(|finding| finding.group));
        let groups: BTreeSet<Group> = findings.iter().map(|finding| finding.group).collect();
        assert_eq!(groups.len(), 11);
    }

    #[test]
    fn a_machine_that_tells_nothing_gives_findings_that_say_so_and_no_problem() {
        let tree = Tree::new("nothing");
        let findings = examine(&tree.roots, &Libraries::loaded(), &std::env::temp_dir());
        assert!(findings.iter().all(|finding| finding.level != Level::Problem), "{findings:#?}");
        for id in
            ["processor.model", "memory.available", "limits.memlock", "kernel.version", "clock.source", "user.rights"]
        {
            let finding = findings.iter().find(|finding| finding.id() == id).unwrap();
            assert!(finding.found.starts_with("not known: "), "{finding:?}");
        }
    }

    #[test]
    fn what_is_not_ok_says_why() {
        let tree = Tree::new("why");
        for roots in [Roots::default(), tree.roots.clone()] {
            for finding in examine(&roots, &Libraries::loaded(), &std::env::temp_dir()) {
                assert_eq!(finding.level == Level::Ok, finding.why.is_empty(), "{finding:?}");
            }
        }
    }
}
