//! A made-up host for the scripts of `hugepage-setup/`: /sys, /proc, /run and /dev in a folder, and programs that stand for the kernel.
//!
//! Used by `tests/host.rs` alone. Writing to a file of the made-up /sys does what the kernel would do: pages come and go, cards change
//! drivers. What it can't stand for is the timing and the moods of a real kernel.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

/// What a script said.
pub struct Answer {
    pub status: Option<i32>,
    /// Standard output and standard error, one after the other.
    pub words: String,
}

/// A made-up host: two nodes with pages of 2M and 1G, four processors, an IOMMU, and the cards that a test adds.
pub struct Host {
    root: PathBuf,
    shell: Vec<String>,
}

/// Stands for the kernel behind /sys: `write VALUE FILE`.
const KERNEL: &str = r#"#!/bin/sh
value=$1 file=$2
case $file in
*/nr_hugepages)
    folder=${file%/*}
    if [ -e "$folder/most" ] && [ "$value" -gt "$(cat "$folder/most")" ]; then value=$(cat "$folder/most"); fi
    if [ -e "$folder/used" ] && [ "$value" -lt "$(cat "$folder/used")" ]; then value=$(cat "$folder/used"); fi
    echo "$value" >"$file" && echo "$value" >"$folder/free_hugepages" ;;
*/driver_override) echo "${value:-(null)}" >"$file" ;;
*/driver/unbind) rm "${file%/unbind}" ;;
*/drivers_probe)
    device=${file%/drivers_probe}/devices/$value
    driver=$(cat "$device/driver_override")
    [ ! -e "$device/refuses-$driver" ] || exit 1
    ln -s "../../drivers/$driver" "$device/driver" ;;
*/bind)
    driver=${file%/bind}
    ln -s "../../drivers/${driver##*/}" "${driver%/drivers/*}/devices/$value/driver" ;;
*) echo "$value" >"$file" ;;
esac
"#;

impl Host {
    /// A host in a fresh folder of this name.
    pub fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host").join(name);
        let _not_there = fs::remove_dir_all(&root);
        let host = Self { root, shell: Vec::new() };
        for (path, text) in [
            ("sys/devices/system/cpu/online", "0-3"),
            ("sys/devices/system/node/node0/cpulist", "0-1"),
            ("sys/devices/system/node/node1/cpulist", "2-3"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
            ("proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\nHugepagesize:       2048 kB"),
            ("proc/self/mounts", "proc /proc proc rw 0 0"),
            ("proc/self/status", "Cpus_allowed_list:\t0-3"),
            ("proc/cmdline", "quiet"),
            ("proc/sys/kernel/random/boot_id", "first"),
            ("proc/cpuinfo", "vendor_id\t: GenuineIntel"),
            ("proc/net/route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT"),
            ("proc/net/ipv6_route", ""),
            ("proc/net/if_inet6", ""),
            ("proc/net/unix", ""),
            ("proc/77/maps", ""),
            ("proc/77/comm", "bash"),
            ("modules/vfio-pci", ""),
        ] {
            host.write(path, text);
        }
        for size in ["2048", "1048576"] {
            for place in
                ["devices/system/node/node0/hugepages", "devices/system/node/node1/hugepages", "kernel/mm/hugepages"]
            {
                for count in ["nr_hugepages", "free_hugepages"] {
                    host.write(&format!("sys/{place}/hugepages-{size}kB/{count}"), "0");
                }
            }
        }
        for folder in ["run", "dev", "proc/77/fd", "sys/bus/pci/devices", "sys/bus/pci/drivers", "sys/class/net"] {
            fs::create_dir_all(host.path(folder)).unwrap();
        }
        let mounts = host.path("proc/self/mounts").display().to_string();
        let sys = host.path("sys").display().to_string();
        let modules = host.path("modules").display().to_string();
        host.program("kernel", KERNEL);
        host.program(
            "mount",
            &format!("#!/bin/sh\nfor at; do :; done\necho \"none $at hugetlbfs rw,$4 0 0\" >>{mounts}\n"),
        );
        host.program(
            "umount",
            &format!("#!/bin/sh\n[ ! -e \"$1.busy\" ] || {{ echo \"umount: $1: target is busy.\" >&2; exit 32; }}\ngrep -v \" $1 \" {mounts} >{mounts}.new; cat {mounts}.new >{mounts}; rm {mounts}.new\n"),
        );
        host.program(
            "modprobe",
            &format!("#!/bin/sh\ncase $1 in\n-n) [ -e {modules}/$3 ] ;;\n-r) rm -r {sys}/bus/pci/drivers/$2 ;;\n*) mkdir -p {sys}/bus/pci/drivers/$1 ;;\nesac\n"),
        );
        host
    }

    /// The same host, its scripts run by this shell instead of `sh`.
    pub fn with_shell(mut self, shell: &[&str]) -> Self {
        self.shell = shell.iter().map(|&word| word.to_owned()).collect();
        self
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Writes a file and the folders above it.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }

    /// The first line of a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap().lines().next().unwrap_or_default().to_owned()
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Pages of 2M on a node.
    pub fn pages(&self, node: u32) -> String {
        self.read(&format!("sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages"))
    }

    /// A file beside the count of a node's pages of 2M: `most` and `used` bind the made-up kernel.
    pub fn bind_pages(&self, node: u32, file: &str, count: u32) {
        self.write(
            &format!("sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/{file}"),
            &count.to_string(),
        );
    }

    /// A PCI device with a driver, a class and an IOMMU group (none: no group).
    pub fn device(&self, address: &str, driver: &str, class: &str, group: Option<u32>) {
        let device = format!("sys/bus/pci/devices/{address}");
        self.write(&format!("{device}/class"), class);
        self.write(&format!("{device}/numa_node"), "1");
        self.write(&format!("{device}/local_cpulist"), "2-3");
        self.write(&format!("{device}/driver_override"), "(null)");
        fs::create_dir_all(self.path(&format!("sys/bus/pci/drivers/{driver}"))).unwrap();
        symlink(format!("../../drivers/{driver}"), self.path(&format!("{device}/driver"))).unwrap();
        if let Some(group) = group {
            let groups = format!("sys/kernel/iommu_groups/{group}/devices");
            fs::create_dir_all(self.path(&groups)).unwrap();
            symlink(self.path(&device), self.path(&format!("{groups}/{address}"))).unwrap();
            symlink(
                self.path(&format!("sys/kernel/iommu_groups/{group}")),
                self.path(&format!("{device}/iommu_group")),
            )
            .unwrap();
        }
    }

    /// A network card with one interface that is down and has no address.
    pub fn card(&self, address: &str, interface: &str, group: Option<u32>) {
        self.device(address, "ixgbe", "0x020000", group);
        self.interface(interface);
        symlink(
            self.path(&format!("sys/bus/pci/devices/{address}")),
            self.path(&format!("sys/class/net/{interface}/device")),
        )
        .unwrap();
    }

    /// An interface without hardware behind it.
    pub fn interface(&self, name: &str) {
        self.write(&format!("sys/class/net/{name}/operstate"), "down");
        self.write(&format!("sys/class/net/{name}/flags"), "0x1002");
        self.write(&format!("sys/class/net/{name}/address"), "00:1b:21:00:00:01");
    }

    /// `upper` stands on `lower`, as a bridge on its port.
    pub fn stack(&self, upper: &str, lower: &str) {
        let interface = |name: &str| self.path(&format!("sys/class/net/{name}"));
        symlink(interface(lower), interface(upper).join(format!("lower_{lower}"))).unwrap();
        symlink(interface(upper), interface(lower).join("master")).unwrap();
    }

    pub fn driver(&self, address: &str) -> Option<String> {
        let link = fs::read_link(self.path(&format!("sys/bus/pci/devices/{address}/driver"))).ok()?;
        Some(link.file_name()?.to_string_lossy().into_owned())
    }

    /// Runs `hugepage-setup/<script>` on this host.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Answer {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hugepage-setup").join(script);
        let mut command = match self.shell.split_first() {
            None => Command::new(&path),
            Some((shell, more)) => {
                let mut command = Command::new(shell);
                command.args(more).arg(&path);
                command
            }
        };
        let paths = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.args(arguments).env("PATH", paths).env("SLUICE_HOST_WRITE", self.path("bin/kernel"));
        for (name, folder) in [("SYS", "sys"), ("PROC", "proc"), ("RUN", "run"), ("DEV", "dev")] {
            command.env(format!("SLUICE_HOST_{name}"), self.path(folder));
        }
        let output = command.output().unwrap();
        let words = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Answer { status: output.status.code(), words }
    }

    /// Nothing differs from an earlier snapshot.
    #[track_caller]
    pub fn is_as(&self, before: &BTreeMap<PathBuf, String>) {
        let after = self.snapshot();
        let lost: Vec<_> = before.iter().filter(|(path, holds)| after.get(*path) != Some(holds)).collect();
        let new: Vec<_> = after.iter().filter(|(path, holds)| before.get(*path) != Some(holds)).collect();
        assert!(lost.is_empty() && new.is_empty(), "before: {lost:#?}\nnow: {new:#?}");
    }

    /// Every file and link below the host with what it holds.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let facts = fs::symlink_metadata(&path).unwrap();
                let holds = if facts.is_symlink() {
                    format!("-> {}", fs::read_link(&path).unwrap().display())
                } else if facts.is_dir() {
                    folders.push(path.clone());
                    "folder".to_owned()
                } else {
                    fs::read_to_string(&path).unwrap()
                };
                found.insert(path, holds);
            }
        }
        found
    }
}
