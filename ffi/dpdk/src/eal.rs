//! The environment abstraction layer of DPDK: started once per process, with options chosen from what the machine offers.
//!
//! Called by the command line before anything else of this crate; all other constructors ask for `&Eal` as proof. Every choice
//! is told in words, so that the product can print why it runs as it does. Never takes EAL down: the kernel does, and only an
//! empty runtime directory would remain, which a handler at exit removes.
//!
//! Sources: DPDK 22.11 "EAL parameters" (Linux), `rte_eal_init`; `--no-huge` and `--in-memory` exclude each other there.

use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use dpdk_sys as sys;

use crate::{control, host, library, mbuf};

/// Proof that EAL runs in this process.
///
/// There is at most one. Its methods may be called from any thread; control calls take one lock of this crate in turn.
#[derive(Debug)]
pub struct Eal {
    arguments: Vec<String>,
    choices: Vec<String>,
    start_log: String,
}

/// Which memory to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hugepages {
    /// Hugepages when enough are free and a hugetlbfs mount is ours to write to; ordinary pages otherwise.
    #[default]
    WhereFree,
    /// Ordinary pages always: slower, no physical devices, works anywhere.
    Never,
}

/// Whether DPDK opens its telemetry socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telemetry {
    /// When there is a runtime directory of our own to write to (never the shared /tmp).
    #[default]
    WhereWritable,
    /// Not at all.
    Off,
}

/// How much DPDK itself logs. What it says during the start is kept in [`Eal::start_log`], later lines go to standard error
/// and to syslog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What went wrong. DPDK is silent otherwise.
    #[default]
    Error,
    /// And what looks wrong.
    Warning,
    /// And what is normal but worth a line.
    Notice,
    /// And what it does.
    Info,
    /// Everything.
    Debug,
}

impl LogLevel {
    /// DPDK's number of the level (rte_log.h).
    const fn number(self) -> u32 {
        match self {
            Self::Error => 4,
            Self::Warning => 5,
            Self::Notice => 6,
            Self::Info => 7,
            Self::Debug => 8,
        }
    }
}

/// What the caller decides about EAL. The default asks for one lcore, 256 MiB and no device.
#[derive(Clone, Debug)]
pub struct EalOptions {
    /// Name told to EAL as the program's.
    pub program: String,
    /// Processor of the main lcore: the thread that calls `start` is pinned to it. `None`: it may run on every usable one.
    pub main_cpu: Option<u32>,
    /// One worker lcore for each entry, pinned there. The same processor may come several times.
    pub worker_cpus: Vec<u32>,
    /// Memory for pools and rings, in MiB, taken at the start.
    pub memory_mib: u32,
    /// Which memory to use.
    pub hugepages: Hugepages,
    /// Whether to open DPDK's telemetry socket.
    pub telemetry: Telemetry,
    /// Name of this process among DPDK processes. `None`: `sluice-<process id>`.
    pub file_prefix: Option<String>,
    /// PCI addresses to use, such as `0000:3b:00.0`. Empty: the PCI bus is not touched.
    pub pci_devices: Vec<String>,
    /// Virtual devices to make, such as `net_pcap0,rx_pcap=a.pcap`. One that fails does not fail the start: there is no port
    /// of that name then, and [`Eal::start_log`] says why. [`Eal::attach_vdev`] tells each failure by itself.
    pub vdevs: Vec<String>,
    /// How much DPDK logs.
    pub log_level: LogLevel,
    /// Arguments for EAL as they stand, after ours; they may contradict them.
    pub raw_arguments: Vec<String>,
}

impl Default for EalOptions {
    fn default() -> Self {
        Self {
            program: "sluice".to_owned(),
            main_cpu: None,
            worker_cpus: Vec::new(),
            memory_mib: 256,
            hugepages: Hugepages::default(),
            telemetry: Telemetry::default(),
            file_prefix: None,
            pci_devices: Vec::new(),
            vdevs: Vec::new(),
            log_level: LogLevel::default(),
            raw_arguments: Vec::new(),
        }
    }
}

/// Why EAL did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EalError {
    /// `start` was called before in this process. DPDK cannot start twice, not even after a failure.
    AlreadyStarted,
    /// A processor we may not run on, or that does not exist.
    CpuNotUsable {
        /// The processor asked for.
        cpu: u32,
        /// Those that may be asked for.
        usable: Vec<u32>,
    },
    /// An argument holds a NUL byte.
    NulInArgument {
        /// The argument, with its NUL.
        argument: String,
    },
    /// DPDK said no.
    Refused {
        /// Its error number (errno(3)).
        errno: i32,
        /// The arguments it was given.
        arguments: Vec<String>,
        /// What it logged meanwhile.
        log: String,
    },
}

impl fmt::Display for EalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyStarted => write!(out, "DPDK was started before in this process; it can start once only"),
            Self::CpuNotUsable { cpu, usable } => {
                write!(out, "processor {cpu} is not one this process may run on; use one of {usable:?}")
            }
            Self::NulInArgument { argument } => {
                write!(out, "the DPDK argument {argument:?} holds a NUL byte; remove it")
            }
            Self::Refused { errno, arguments, log } => {
                let reason = std::io::Error::from_raw_os_error(*errno);
                write!(out, "DPDK did not start with `{}`: {reason}", arguments.join(" "))?;
                if log.is_empty() { Ok(()) } else { write!(out, "; it said: {log}") }
            }
        }
    }
}

impl std::error::Error for EalError {}

static STARTED: AtomicBool = AtomicBool::new(false);

impl Eal {
    /// Gives packets of our own making a place for the time, where [`Mbuf::stamp_us`](crate::Mbuf::stamp_us) notes it. False when DPDK has no room left for one.
    pub fn stamp_packets(&self) -> bool {
        let _control = control::lock();
        mbuf::register_timestamp_field()
    }

    /// Starts EAL with `options` and with what the machine offers.
    ///
    /// The calling thread becomes the main lcore and is pinned as `main_cpu` says; threads it starts later inherit that. With
    /// shared libraries DPDK opens every driver it finds, which is most of the cost.
    ///
    /// # Errors
    /// See [`EalError`]. After `Refused` the process cannot try again.
    ///
    /// # Cost
    /// 0.1 to 0.4 seconds, and `memory_mib` of memory.
    pub fn start(options: &EalOptions) -> Result<Self, EalError> {
        let plan = Plan::new(options)?;
        let mut owned = Vec::with_capacity(plan.arguments.len());
        for argument in &plan.arguments {
            let text =
                CString::new(argument.as_str()).map_err(|_| EalError::NulInArgument { argument: argument.clone() })?;
            owned.push(text);
        }
        // Relaxed is enough: the swap alone decides who starts, nothing is published through it.
        if STARTED.swap(true, Ordering::Relaxed) {
            return Err(EalError::AlreadyStarted);
        }
        // EAL may keep pointers into its arguments, and reorders the array: both live for ever, once per process.
        let mut pointers: Vec<*mut c_char> = owned.into_iter().map(CString::into_raw).collect();
        let count = pointers.len() as c_int;
        pointers.push(std::ptr::null_mut());
        let pointers = Vec::leak(pointers);

        let mut control = control::lock();
        let base = host::runtime_base().path.join("dpdk");
        let base_was_there = base.exists();
        // SAFETY: `shim_at_exit` is atexit(3) and needs a function that lives as long as the process and never unwinds:
        // `remove_runtime_directory` is one. Before the start, so that it runs after DPDK's handler, which unlinks its socket.
        let _no_room = unsafe { sys::shim_at_exit(Some(remove_runtime_directory)) };
        let ((result, errno), start_log) = control.with_log(|| {
            // SAFETY: `rte_eal_init` needs `count` NUL-terminated strings followed by NULL, alive for good, and to be called
            // once: the leaked vector holds that, and STARTED let one caller through.
            let result = unsafe { sys::rte_eal_init(count, pointers.as_mut_ptr()) };
            // SAFETY: `shim_errno` reads a variable of this thread.
            (result, unsafe { sys::shim_errno() })
        });
        tidy_runtime_directory(base, base_was_there);
        if result < 0 {
            return Err(EalError::Refused { errno, arguments: plan.arguments, log: start_log });
        }
        control.idle = worker_ids();
        drop(control);
        Ok(Self { arguments: plan.arguments, choices: plan.choices, start_log })
    }

    /// The argument line EAL was given, the program's name first.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Why it was chosen: a sentence for each decision.
    pub fn choices(&self) -> &[String] {
        &self.choices
    }

    /// What DPDK logged while it started, at the level asked for. Usually empty.
    pub fn start_log(&self) -> &str {
        &self.start_log
    }

    /// DPDK's own version string, such as `DPDK 22.11.11`.
    pub fn version(&self) -> String {
        library::version()
    }
}

/// The argument line and the reasons for it.
struct Plan {
    arguments: Vec<String>,
    choices: Vec<String>,
}

impl Plan {
    fn new(options: &EalOptions) -> Result<Self, EalError> {
        let mut plan = Self { arguments: vec![options.program.clone()], choices: Vec::new() };
        plan.choose_lcores(options)?;
        plan.choose_memory(options);
        plan.choose_devices(options);
        plan.choose_telemetry(options);
        let prefix = options.file_prefix.clone().unwrap_or_else(|| format!("sluice-{}", std::process::id()));
        plan.add(["--file-prefix", &prefix]);
        plan.add(["--log-level", &options.log_level.number().to_string()]);
        plan.arguments.extend(options.raw_arguments.iter().cloned());
        if !options.raw_arguments.is_empty() {
            plan.say(format!("arguments given as they stand: {}", options.raw_arguments.join(" ")));
        }
        Ok(plan)
    }

    fn add<const N: usize>(&mut self, arguments: [&str; N]) {
        self.arguments.extend(arguments.map(str::to_owned));
    }

    fn say(&mut self, choice: String) {
        self.choices.push(choice);
    }

    fn choose_lcores(&mut self, options: &EalOptions) -> Result<(), EalError> {
        let usable = host::usable_cpus();
        for cpu in options.main_cpu.iter().chain(&options.worker_cpus) {
            if !usable.contains(cpu) {
                return Err(EalError::CpuNotUsable { cpu: *cpu, usable });
            }
        }
        let list = |cpus: &[u32]| cpus.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let mut map = match options.main_cpu {
            Some(cpu) => format!("0@{cpu}"),
            None => format!("0@({})", list(&usable)),
        };
        for (index, cpu) in options.worker_cpus.iter().enumerate() {
            map.push_str(&format!(",{}@{cpu}", index + 1));
        }
        self.add(["--lcores", &map, "--main-lcore", "0"]);
        self.say(match options.main_cpu {
            Some(cpu) => format!("the main lcore runs on processor {cpu}"),
            None => format!("the main lcore may run on processors {}", list(&usable)),
        });
        match options.worker_cpus.as_slice() {
            [] => self.say("no worker lcore: everything runs on the main one".to_owned()),
            cpus => {
                self.say(format!("{} worker lcores, on processors {}", cpus.len(), list(cpus)));
                let mut taken: Vec<u32> = cpus.iter().chain(&options.main_cpu).copied().collect();
                taken.sort_unstable();
                taken.dedup();
                if taken.len() < cpus.len() + usize::from(options.main_cpu.is_some()) {
                    self.say(
                        "some lcores share a processor and wait for each other: fit for tests, not for speed"
                            .to_owned(),
                    );
                }
            }
        }
        Ok(())
    }

    fn choose_memory(&mut self, options: &EalOptions) {
        let memory = options.memory_mib;
        self.add(["-m", &memory.to_string()]);
        let pages = host::free_hugepages();
        let free_mib =
            pages.iter().map(|size| size.page_kib.saturating_mul(size.free) / 1024).fold(0, u64::saturating_add);
        let obstacle = if options.hugepages == Hugepages::Never {
            "as the caller asked".to_owned()
        } else if free_mib < u64::from(memory) {
            format!("because {free_mib} MiB of hugepages are free")
        } else if let Some(mount) = host::writable_hugetlbfs() {
            self.add(["--in-memory"]);
            let mount = mount.display();
            self.say(format!(
                "{memory} MiB in hugepages ({free_mib} MiB free, {mount} is ours to write); no file is left there"
            ));
            return;
        } else {
            format!("because no hugetlbfs mount is ours to write, though {free_mib} MiB of hugepages are free")
        };
        self.add(["--no-huge", "--no-shconf"]);
        self.say(format!("{memory} MiB in ordinary pages, {obstacle}: slower, and without physical devices"));
    }

    fn choose_devices(&mut self, options: &EalOptions) {
        if options.pci_devices.is_empty() {
            self.add(["--no-pci"]);
            self.say("the PCI bus is left alone: no device was asked for".to_owned());
        } else {
            for device in &options.pci_devices {
                self.add(["-a", device]);
            }
            self.say(format!("PCI devices: {}", options.pci_devices.join(" ")));
            if !host::is_root() {
                self.say("not root: PCI devices need vfio files that this user may open".to_owned());
            }
        }
        for device in &options.vdevs {
            self.add(["--vdev", device]);
        }
        if !options.vdevs.is_empty() {
            self.say(format!("virtual devices: {}", options.vdevs.join(" ")));
        }
    }

    fn choose_telemetry(&mut self, options: &EalOptions) {
        let base = host::runtime_base();
        let obstacle = if options.telemetry == Telemetry::Off {
            "as the caller asked".to_owned()
        } else if base.fit_for_sockets {
            self.say(format!("DPDK's telemetry socket is under {}/dpdk", base.path.display()));
            return;
        } else {
            "because this user has no runtime directory of its own".to_owned()
        };
        self.add(["--no-telemetry"]);
        self.say(format!("no DPDK telemetry socket, {obstacle}"));
    }
}

/// Identifiers of the worker lcores EAL made.
fn worker_ids() -> Vec<u32> {
    let mut ids = Vec::new();
    let mut id = u32::MAX;
    loop {
        // SAFETY: `rte_get_next_lcore` demands a started EAL (the caller did start it) and accepts any number: it begins
        // after it, skips the main lcore (1) and does not wrap around (0).
        id = unsafe { sys::rte_get_next_lcore(id, 1, 0) };
        if id >= sys::RTE_MAX_LCORE {
            return ids;
        }
        ids.push(id);
    }
}

/// The runtime directory EAL made for us, and its parent when that was not there before.
static RUNTIME_DIRECTORIES: OnceLock<(PathBuf, Option<PathBuf>)> = OnceLock::new();

/// Removes EAL's runtime directory now when it is empty (no telemetry), else when the process ends.
fn tidy_runtime_directory(base: PathBuf, base_was_there: bool) {
    // SAFETY: `rte_eal_get_runtime_dir` demands nothing; before EAL has read its arguments the answer is empty.
    let path = unsafe { sys::rte_eal_get_runtime_dir() };
    if path.is_null() {
        return;
    }
    // SAFETY: it gives a NUL-terminated string in static memory, written during the start only.
    let path = unsafe { CStr::from_ptr(path) };
    let Ok(path) = path.to_str() else { return };
    let _already_set = RUNTIME_DIRECTORIES.set((PathBuf::from(path), (!base_was_there).then_some(base)));
    remove_runtime_directory();
}

/// Removes the runtime directory if it is empty. Errors are of no use to anyone: it may be gone, or hold others' files.
extern "C" fn remove_runtime_directory() {
    if let Some((path, base)) = RUNTIME_DIRECTORIES.get() {
        let gone = fs::remove_dir(path);
        if let (Ok(()), Some(base)) = (gone, base) {
            let _in_use = fs::remove_dir(base);
        }
    }
}
