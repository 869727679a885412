//! Where facts are read: /proc and /sys, or folders of a test that stand for them.
//!
//! Every answer is optional: what can't be read is absent. Nothing is written.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The two trees that the examination reads.
#[derive(Clone, Debug)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/sys`.
    pub sys: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into() }
    }
}

impl Roots {
    /// A whole file below /proc.
    pub fn proc(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.proc.join(path)).ok()
    }

    /// A value below /sys, without the white space around it.
    pub fn sys(&self, path: impl AsRef<Path>) -> Option<String> {
        Some(fs::read_to_string(self.sys.join(path)).ok()?.trim().to_owned())
    }

    /// A number below /sys.
    pub fn sys_number<T: std::str::FromStr>(&self, path: impl AsRef<Path>) -> Option<T> {
        self.sys(path)?.parse().ok()
    }

    /// Whether something is there below /sys.
    pub fn in_sys(&self, path: impl AsRef<Path>) -> bool {
        self.sys.join(path).exists()
    }

    /// Names in a folder below /sys, sorted; numbers in names by value.
    pub fn sys_names(&self, path: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.sys.join(path)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let number = |name: &str| name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap_or(0);
        names.sort_by(|a, b| number(a).cmp(&number(b)).then_with(|| a.cmp(b)));
        names
    }

    /// The last part of where a link below /sys leads.
    pub fn sys_target(&self, path: impl AsRef<Path>) -> Option<String> {
        Some(fs::read_link(self.sys.join(path)).ok()?.file_name()?.to_string_lossy().into_owned())
    }

    /// The value of a line `key: value` in a file below /proc.
    pub fn proc_value(&self, path: &str, key: &str) -> Option<String> {
        value_of(&self.proc(path)?, key)
    }

    /// Words of the kernel command line.
    pub fn command_line(&self) -> Vec<String> {
        self.proc("cmdline").unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    /// Processors this process may use and that are on line.
    pub fn usable_cpus(&self) -> Option<Vec<u32>> {
        let online = cpu_list(&self.sys("devices/system/cpu/online")?);
        let allowed = self.proc_value("self/status", "Cpus_allowed_list").map(|list| cpu_list(&list));
        Some(online.into_iter().filter(|cpu| allowed.as_ref().is_none_or(|allowed| allowed.contains(cpu))).collect())
    }
}

/// The value of the first line `key: value`.
pub fn value_of(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

/// Reads the kernel's list form, such as `0-3,8`. Parts that are not numbers are left out; a range ends at 4,095.
pub fn cpu_list(text: &str) -> Vec<u32> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
            cpus.extend(first..=last.min(4_095));
        }
    }
    cpus
}

/// Numbers in the kernel's list form.
pub fn as_list(cpus: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for &cpu in cpus {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => parts.push((cpu, cpu)),
        }
    }
    let word = |&(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    parts.iter().map(word).collect::<Vec<_>>().join(",")
}

/// Bytes in words: `512 MiB`, `12.3 GiB`.
pub fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes >= 10_240 * MIB {
        format!("{:.1} GiB", bytes as f64 / (1024 * MIB) as f64)
    } else {
        format!("{} MiB", bytes / MIB)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Roots, as_list, cpu_list, size};
    use std::{fs, os::unix::fs::symlink, path::PathBuf};

    /// A tree of a test's own that stands for /proc and /sys.
    pub(in crate::doctor) struct Tree {
        pub(in crate::doctor) root: PathBuf,
        pub(in crate::doctor) roots: Roots,
    }

    impl Tree {
        pub(in crate::doctor) fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("sluice-doctor-{}-{name}", std::process::id()));
            let _not_there = fs::remove_dir_all(&root);
            for folder in ["proc", "sys"] {
                fs::create_dir_all(root.join(folder)).unwrap();
            }
            let roots = Roots { proc: root.join("proc"), sys: root.join("sys") };
            Self { root, roots }
        }

        pub(in crate::doctor) fn with(self, path: &str, text: &str) -> Self {
            let path = self.root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
            self
        }

        pub(in crate::doctor) fn link(self, path: &str, to: &str) -> Self {
            let path = self.root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let to = if to.starts_with("..") { PathBuf::from(to) } else { self.root.join(to) };
            symlink(to, path).unwrap();
            self
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.root);
        }
    }

    #[test]
    fn lists_of_processors_are_read_and_written_as_the_kernel_has_them() {
        assert_eq!(cpu_list("0-2,5,8-9\n"), [0, 1, 2, 5, 8, 9]);
        assert_eq!(cpu_list(""), [] as [u32; 0]);
        assert_eq!(cpu_list("0-4294967295").len(), 4_096);
        assert_eq!(as_list(&[0, 1, 2, 5, 8, 9]), "0-2,5,8-9");
        assert_eq!(as_list(&[]), "");
    }

    #[test]
    fn names_with_numbers_are_in_the_order_of_the_numbers() {
        let tree = Tree::new("names").with("sys/a/cpu10", "").with("sys/a/cpu9", "").with("sys/a/cpuidle", "");
        assert_eq!(tree.roots.sys_names("a"), ["cpuidle", "cpu9", "cpu10"]);
        assert!(tree.roots.sys_names("nowhere").is_empty());
    }

    #[test]
    fn sizes_are_told_in_the_larger_unit_from_ten_of_it() {
        assert_eq!(size(1 << 30), "1024 MiB");
        assert_eq!(size(25_000_000_000), "23.3 GiB");
    }
}
