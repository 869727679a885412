//! Vendor, vector units, cores, siblings and clock rate.
//!
//! Sources: proc(5), cpufreq and SMT pages of the Linux documentation; Hyperscan 5.4 needs SSSE3, our DPDK build SSE4.2.

use super::{
    finding::{Finding, Group},
    roots::{Roots, as_list, cpu_list, value_of},
};

const GROUP: Group = Group::Processor;

pub fn examine(roots: &Roots) -> Vec<Finding> {
    let mut found = Vec::new();
    match roots.proc("cpuinfo") {
        Some(text) => {
            found.push(Finding::ok(GROUP, "model", model(&text)));
            found.push(vectors(&text));
        }
        None => found.push(Finding::unknown(GROUP, "model", "/proc/cpuinfo")),
    }
    found.push(cores(roots));
    found.extend(siblings(roots));
    found.push(governor(roots));
    found
}

fn model(cpuinfo: &str) -> String {
    let words = [value_of(cpuinfo, "vendor_id"), value_of(cpuinfo, "model name")];
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() { "of no name".to_owned() } else { words.join(", ") }
}

fn vectors(cpuinfo: &str) -> Finding {
    let Some(flags) = value_of(cpuinfo, "flags") else {
        // Other architectures call them Features; Vectorscan tells by itself whether they suffice.
        return Finding::ok(GROUP, "vectors", "not an x86 processor: see Hyperscan below");
    };
    let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
    let guest = if has("hypervisor") {
        "give the virtual machine the host's processor (libvirt: <cpu mode='host-passthrough'/>; QEMU: -cpu host)"
    } else {
        "use a newer processor"
    };
    let missing: Vec<&str> = ["ssse3", "sse4_2", "popcnt"].into_iter().filter(|flag| !has(flag)).collect();
    if !missing.is_empty() {
        let words = format!("without {}", missing.join(", "));
        return Finding::problem(GROUP, "vectors", words, "DPDK and Hyperscan do not start without them", guest);
    }
    if !has("avx2") {
        return Finding::advice(GROUP, "vectors", "SSE4.2, no AVX2", "Hyperscan scans at about half the speed", guest);
    }
    let names =
        [("avx2", "AVX2"), ("avx512bw", "AVX-512"), ("avx512_vbmi", "AVX-512 VBMI"), ("avx512vbmi", "AVX-512 VBMI")];
    let words: Vec<&str> = names.into_iter().filter(|(flag, _)| has(flag)).map(|(_, word)| word).collect();
    Finding::ok(GROUP, "vectors", words.join(", "))
}

fn cores(roots: &Roots) -> Finding {
    match roots.usable_cpus() {
        None => Finding::unknown(GROUP, "cores", "/sys/devices/system/cpu/online"),
        Some(cpus) if cpus.len() < 2 => Finding::advice(
            GROUP,
            "cores",
            format!("{} processor to be used ({})", cpus.len(), as_list(&cpus)),
            "the control core and the worker share it: fit for tests, not for speed",
            "give this process more processors (taskset -c, cpuset, or the virtual machine's size)",
        ),
        Some(cpus) => Finding::ok(GROUP, "cores", format!("{} processors to be used ({})", cpus.len(), as_list(&cpus))),
    }
}

/// Says which processors share a core, when any do.
fn siblings(roots: &Roots) -> Option<Finding> {
    let mut pairs: Vec<String> = Vec::new();
    for cpu in roots.usable_cpus()? {
        let list = roots.sys(format!("devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"))?;
        if cpu_list(&list).len() > 1 && !pairs.contains(&list) {
            pairs.push(list);
        }
    }
    let Some(pair) = pairs.first() else {
        return Some(Finding::ok(GROUP, "siblings", "each processor is a core of its own"));
    };
    let second = cpu_list(pair).last().copied().unwrap_or(0);
    Some(Finding::advice(
        GROUP,
        "siblings",
        format!("hyperthreads: {} processors in {} cores", cpu_list(&pairs.join(",")).len(), pairs.len()),
        "a worker whose sibling is busy runs at a little over half its speed",
        format!(
            "keep the siblings of workers idle: echo 0 > /sys/devices/system/cpu/cpu{second}/online (hugepage-setup/plan lists them)"
        ),
    ))
}

fn governor(roots: &Roots) -> Finding {
    let mut slow = Vec::new();
    let mut word = String::new();
    let mut any = false;
    for name in roots.sys_names("devices/system/cpu") {
        let Some(cpu) = name.strip_prefix("cpu").and_then(|number| number.parse::<u32>().ok()) else { continue };
        let Some(governor) = roots.sys(format!("devices/system/cpu/{name}/cpufreq/scaling_governor")) else { continue };
        any = true;
        if governor != "performance" {
            slow.push(cpu);
            word = governor;
        }
    }
    match (any, slow.is_empty()) {
        (false, _) => Finding::ok(GROUP, "governor", "the clock rate is not this kernel's to choose"),
        (true, true) => Finding::ok(GROUP, "governor", "performance"),
        (true, false) => Finding::advice(
            GROUP,
            "governor",
            format!("{word} on processors {}", as_list(&slow)),
            "the clock falls between bursts, and the next one waits for it",
            "for f in /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do echo performance > $f; done",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::examine;
    use crate::doctor::{Finding, Level, roots::tests::Tree};

    const FLAGS: &str = "ssse3 sse4_2 popcnt";

    fn tree(name: &str, flags: &str) -> Tree {
        Tree::new(name)
            .with(
                "proc/cpuinfo",
                &format!("processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon\nflags\t\t: fpu {flags}"),
            )
            .with("sys/devices/system/cpu/online", "0-3")
            .with("proc/self/status", "Cpus_allowed_list:\t0-3")
    }

    fn one(findings: &[Finding], name: &str) -> Finding {
        findings.iter().find(|finding| finding.name == name).unwrap().clone()
    }

    #[test]
    fn a_processor_without_the_vectors_that_dpdk_needs_is_a_problem_and_one_without_avx2_advice() {
        let level = |name: &str, flags: &str| one(&examine(&tree(name, flags).roots), "vectors");
        assert_eq!(level("old", "ssse3 popcnt").level, Level::Problem);
        assert_eq!(level("old", "ssse3 popcnt").found, "without sse4_2");
        assert_eq!(level("sse", FLAGS).level, Level::Advice);
        assert!(level("guest", &format!("{FLAGS} hypervisor")).change.unwrap().contains("host-passthrough"));
        let good = level("good", &format!("{FLAGS} avx2 avx512bw avx512_vbmi"));
        assert_eq!((good.level, good.found.as_str()), (Level::Ok, "AVX2, AVX-512, AVX-512 VBMI"));
    }

    #[test]
    fn a_slow_governor_names_its_processors_and_the_command() {
        let tree = tree("governor", FLAGS)
            .with("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance")
            .with("sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "powersave")
            .with("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "powersave");
        let finding = one(&examine(&tree.roots), "governor");
        assert_eq!((finding.level, finding.found.as_str()), (Level::Advice, "powersave on processors 2-3"));
        assert!(finding.change.unwrap().contains("echo performance >"));
        let tree =
            self::tree("steady", FLAGS).with("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance");
        assert_eq!(one(&examine(&tree.roots), "governor").level, Level::Ok);
    }

    #[test]
    fn siblings_are_counted_by_core_and_a_single_processor_is_told() {
        let mut pairs = tree("smt", FLAGS);
        for (cpu, list) in [(0, "0,2"), (1, "1,3"), (2, "0,2"), (3, "1,3")] {
            pairs = pairs.with(&format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"), list);
        }
        let finding = one(&examine(&pairs.roots), "siblings");
        assert_eq!((finding.level, finding.found.as_str()), (Level::Advice, "hyperthreads: 4 processors in 2 cores"));
        let single = tree("single", FLAGS).with("proc/self/status", "Cpus_allowed_list:\t2");
        assert_eq!(one(&examine(&single.roots), "cores").level, Level::Advice);
    }
}
