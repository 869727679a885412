//! The clock source: what reading the time costs, and whether it runs evenly.
//!
//! Sources: timekeeping.rst of the Linux documentation (kvm), kernel-parameters.rst.

use super::{
    finding::{Finding, Group},
    roots::{Roots, value_of},
};

const GROUP: Group = Group::Clock;

pub fn examine(roots: &Roots) -> Vec<Finding> {
    let folder = "devices/system/clocksource/clocksource0";
    let Some(current) = roots.sys(format!("{folder}/current_clocksource")) else {
        return vec![Finding::unknown(GROUP, "source", "/sys/devices/system/clocksource")];
    };
    let flags = roots.proc("cpuinfo").and_then(|text| value_of(&text, "flags"));
    // Other architectures have one good source, and choose it.
    let Some(flags) = flags else { return vec![Finding::ok(GROUP, "source", current)] };
    let steady = ["constant_tsc", "nonstop_tsc"].iter().all(|flag| flags.split_whitespace().any(|word| word == *flag));
    if current == "tsc" {
        let words = if steady { "tsc, steady" } else { "tsc" };
        return vec![Finding::ok(GROUP, "source", words)];
    }
    let why = "reading the time is a call into the kernel or the host, once a burst";
    let others = roots.sys(format!("{folder}/available_clocksource")).unwrap_or_default();
    let change = if others.split_whitespace().any(|word| word == "tsc") {
        "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource; at boot: clocksource=tsc tsc=reliable"
    } else {
        "boot with tsc=reliable; in a virtual machine let the host offer an invariant TSC (QEMU: -cpu host,+invtsc)"
    };
    if current == "kvm-clock" || current == "hyperv_clocksource_tsc_page" {
        return vec![Finding::ok(GROUP, "source", format!("{current}: read without a call"))];
    }
    vec![Finding::advice(GROUP, "source", current, why, change)]
}

#[cfg(test)]
mod tests {
    use super::examine;
    use crate::doctor::{Level, roots::tests::Tree};

    #[test]
    fn a_slow_clock_is_told_with_the_way_to_the_fast_one() {
        let look = |name: &str, current: &str, available: &str| {
            let folder = "sys/devices/system/clocksource/clocksource0";
            let tree = Tree::new(name)
                .with("proc/cpuinfo", "flags : constant_tsc nonstop_tsc")
                .with(&format!("{folder}/current_clocksource"), current)
                .with(&format!("{folder}/available_clocksource"), available);
            examine(&tree.roots).swap_remove(0)
        };
        assert_eq!(look("tsc", "tsc", "tsc hpet").found, "tsc, steady");
        assert_eq!(look("kvm", "kvm-clock", "kvm-clock tsc").level, Level::Ok);
        let slow = look("hpet", "hpet", "tsc hpet");
        assert_eq!(slow.level, Level::Advice);
        assert!(slow.change.unwrap().starts_with("echo tsc >"));
        assert!(look("acpi", "acpi_pm", "acpi_pm").change.unwrap().contains("tsc=reliable"));
    }
}
