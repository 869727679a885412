//! What this machine offers to EAL: processors we may use, free hugepages, a place for sockets, the user's rights.
//!
//! Called by `eal` before the start, and by `sluice doctor` ([`disk_room`], [`may_write`], [`mount_path`]). Reads /proc and /sys only, changes
//! nothing. What cannot be read counts as absent.
//!
//! Sources: proc(5), hugetlbpage.rst of the Linux documentation, `rte_eal_get_runtime_dir` of DPDK 22.11.

use std::env;
use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use dpdk_sys as sys;

/// Free hugepages of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FreeHugepages {
    /// Size of a page in KiB.
    pub(crate) page_kib: u64,
    /// Free and not reserved.
    pub(crate) free: u64,
}

/// Processors this process may run on and that are on line, in rising order; processor 0 when nothing can be read.
pub(crate) fn usable_cpus() -> Vec<u32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(parse_cpu_list);
    let online = fs::read_to_string("/sys/devices/system/cpu/online").ok().map(|text| parse_cpu_list(&text));
    let usable = match (allowed, online) {
        (Some(allowed), Some(online)) => allowed.into_iter().filter(|cpu| online.contains(cpu)).collect(),
        (Some(allowed), None) => allowed,
        (None, Some(online)) => online,
        (None, None) => Vec::new(),
    };
    if usable.is_empty() { vec![0] } else { usable }
}

/// Reads the kernel's list form, such as `0-3,8`. Parts that are not numbers are left out.
fn parse_cpu_list(text: &str) -> Vec<u32> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
            cpus.extend(first..=last);
        }
    }
    cpus
}

/// Free hugepages by size, largest pages first; sizes with none left out.
pub(crate) fn free_hugepages() -> Vec<FreeHugepages> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir("/sys/kernel/mm/hugepages") else { return found };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let size = name.to_str().and_then(|name| name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok());
        let Some(page_kib) = size else { continue };
        let count = |file: &str| {
            fs::read_to_string(entry.path().join(file))
                .ok()
                .and_then(|text| text.trim().parse::<u64>().ok())
                .unwrap_or(0)
        };
        // Reserved pages are free only for those who reserved them.
        let free = count("free_hugepages").saturating_sub(count("resv_hugepages"));
        if free > 0 {
            found.push(FreeHugepages { page_kib, free });
        }
    }
    found.sort_by_key(|pages| std::cmp::Reverse(pages.page_kib));
    found
}

/// First mounted hugetlbfs this user may write to.
pub(crate) fn writable_hugetlbfs() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, path, kind) = (fields.next()?, fields.next()?, fields.next()?);
        let path = mount_path(path);
        (kind == "hugetlbfs" && is_writable(&path)).then_some(path)
    })
}

/// A path as /proc/self/mounts writes it: blanks, tabs, line ends and backslashes are `\040` and the like there.
pub fn mount_path(escaped: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        let code = match (first, more) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { more.get(3..).unwrap_or_default() } else { more };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Where EAL will put its runtime files, by its own order of choice.
pub(crate) struct RuntimeBase {
    /// The directory under which EAL makes `dpdk/<prefix>`.
    pub(crate) path: PathBuf,
    /// It is ours to write and not the shared fallback.
    pub(crate) fit_for_sockets: bool,
}

/// Follows EAL: RUNTIME_DIRECTORY, then /var/run for root, then XDG_RUNTIME_DIR, then /tmp.
pub(crate) fn runtime_base() -> RuntimeBase {
    let given = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let (path, shared) = match given("RUNTIME_DIRECTORY") {
        Some(path) => (path, false),
        None if is_root() => (PathBuf::from("/var/run"), false),
        None => given("XDG_RUNTIME_DIR").map_or_else(|| (PathBuf::from("/tmp"), true), |path| (path, false)),
    };
    let fit_for_sockets = !shared && is_writable(&path);
    RuntimeBase { path, fit_for_sockets }
}

/// The effective user is root.
pub(crate) fn is_root() -> bool {
    // SAFETY: `shim_uid` is geteuid(2), which demands nothing and cannot fail.
    let uid = unsafe { sys::shim_uid() };
    uid == 0
}

/// The effective user may make files in the folder `path`. False also when it is not there.
pub fn may_write(path: &Path) -> bool {
    is_writable(path)
}

/// Room of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskRoom {
    /// All of it.
    pub total: u64,
    /// What any user may still take.
    pub available: u64,
}

/// Room of the file system that holds `path`; `None` when it cannot be told (no such path, or no right to reach it).
pub fn disk_room(path: &Path) -> Option<DiskRoom> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut room = DiskRoom { total: 0, available: 0 };
    // SAFETY: `shim_disk_room` is statvfs(3) and demands a NUL-terminated string and two places for numbers, all alive through
    // the call: `path` and the fields of `room` are.
    let answer = unsafe { sys::shim_disk_room(path.as_ptr(), &raw mut room.total, &raw mut room.available) };
    (answer == 0).then_some(room)
}

/// The effective user may make files in `path`.
fn is_writable(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: `shim_writable` is faccessat(2) and demands a NUL-terminated string that lives through the call: `path` does.
    let answer = unsafe { sys::shim_writable(path.as_ptr()) };
    answer == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_list_of_ranges_and_single_numbers_is_read() {
        assert_eq!(parse_cpu_list("\t0-2,5,8-9\n"), [0, 1, 2, 5, 8, 9]);
        assert_eq!(parse_cpu_list("3"), [3]);
        assert_eq!(parse_cpu_list(""), [] as [u32; 0]);
    }

    #[test]
    fn a_mount_path_is_read_as_the_kernel_escapes_it() {
        assert_eq!(mount_path("/mnt/my\\040huge"), Path::new("/mnt/my huge"));
        assert_eq!(mount_path("/a\\134\\011b"), Path::new("/a\\\tb"));
        assert_eq!(mount_path("/a\\9\\04"), Path::new("/a\\9\\04"));
    }

    #[test]
    fn a_file_system_has_no_more_room_than_it_is_large_and_a_missing_folder_has_none() {
        let room = disk_room(Path::new("/")).unwrap();
        assert!(room.total > 0 && room.available <= room.total, "{room:?}");
        assert_eq!(disk_room(Path::new("/nowhere/at/all")), None);
        assert!(may_write(&env::temp_dir()) && !may_write(Path::new("/nowhere/at/all")));
    }

    #[test]
    fn there_is_always_a_cpu_to_run_on() {
        assert!(!usable_cpus().is_empty());
    }
}
