//! IOMMU and vfio: what handing a card to DPDK rests on.
//!
//! Sources: vfio.rst and kernel-parameters.rst of the Linux documentation.

use super::{
    finding::{Finding, Group},
    roots::{Roots, value_of},
};

const GROUP: Group = Group::Iommu;

pub fn examine(roots: &Roots) -> Vec<Finding> {
    let mut found = vec![groups(roots), vfio(roots)];
    if roots.sys("module/vfio/parameters/enable_unsafe_noiommu_mode").is_some_and(|value| value == "Y" || value == "1")
    {
        found.push(Finding::advice(
            GROUP,
            "unsafe-mode",
            "vfio works without an IOMMU",
            "a card, or who controls it, can then read and write all memory",
            "echo N > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
        ));
    }
    found
}

fn groups(roots: &Roots) -> Finding {
    let count = roots.sys_names("kernel/iommu_groups").len();
    if count > 0 {
        return Finding::ok(GROUP, "groups", format!("on, {count} groups"));
    }
    let vendor = roots.proc("cpuinfo").and_then(|text| value_of(&text, "vendor_id")).unwrap_or_default();
    let (firmware, arguments) = match vendor.as_str() {
        "GenuineIntel" => ("VT-d", "intel_iommu=on iommu=pt"),
        "AuthenticAMD" | "HygonGenuine" => ("AMD-Vi", "amd_iommu=on iommu=pt"),
        _ => ("the IOMMU", "iommu.passthrough=1"),
    };
    Finding::advice(
        GROUP,
        "groups",
        "off, or this machine has none",
        "without it vfio-pci needs its unsafe mode",
        format!("turn on {firmware} in the firmware (a virtual machine: in its host) and boot with {arguments}"),
    )
}

fn vfio(roots: &Roots) -> Finding {
    if roots.in_sys("bus/pci/drivers/vfio-pci") {
        return Finding::ok(GROUP, "vfio-pci", "loaded");
    }
    let why = "the driver that hands a card to DPDK";
    if roots.proc("modules").is_none() || roots.command_line().iter().any(|word| word == "nomodule") {
        let change = "a kernel with CONFIG_VFIO_PCI built in, or that loads modules";
        return Finding::advice(GROUP, "vfio-pci", "not there, and this kernel loads no modules", why, change);
    }
    Finding::advice(GROUP, "vfio-pci", "not loaded", why, "modprobe vfio-pci (hugepage-setup/apply --bind does it)")
}

#[cfg(test)]
mod tests {
    use super::examine;
    use crate::doctor::{Level, roots::tests::Tree};

    #[test]
    fn an_iommu_and_a_loaded_driver_are_well_and_their_absence_names_the_kernel_argument() {
        let tree = Tree::new("iommu")
            .with("sys/kernel/iommu_groups/0/type", "DMA")
            .with("sys/kernel/iommu_groups/1/type", "DMA")
            .with("sys/bus/pci/drivers/vfio-pci/new_id", "");
        let found = examine(&tree.roots);
        assert!(found.iter().all(|finding| finding.level == Level::Ok) && found.len() == 2, "{found:#?}");
        assert_eq!(found[0].found, "on, 2 groups");
        for (vendor, argument) in [("GenuineIntel", "intel_iommu=on"), ("AuthenticAMD", "amd_iommu=on")] {
            let tree =
                Tree::new(vendor).with("proc/cpuinfo", &format!("vendor_id : {vendor}")).with("proc/modules", "");
            let found = examine(&tree.roots);
            assert!(found[0].change.as_ref().unwrap().contains(argument), "{found:#?}");
            assert!(found[1].change.as_ref().unwrap().contains("modprobe vfio-pci"), "{found:#?}");
        }
    }

    #[test]
    fn the_unsafe_mode_and_a_kernel_without_modules_are_told() {
        let tree = Tree::new("unsafe")
            .with("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y")
            .with("proc/modules", "")
            .with("proc/cmdline", "quiet nomodule");
        let found = examine(&tree.roots);
        assert!(found[1].found.contains("loads no modules"));
        assert_eq!((found[2].name.as_str(), found[2].level), ("unsafe-mode", Level::Advice));
    }
}
