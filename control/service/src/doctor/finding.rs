//! One line of the examination.

/// How a finding bears on Sluice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Sluice works; live ports or speed would gain from a change.
    Advice,
    /// Not even a replay can work.
    Problem,
}

impl Level {
    /// The word in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Advice => "advice",
            Self::Problem => "problem",
        }
    }
}

/// What a finding is about, in the order they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Vendor, vector units, cores, siblings, clock rate.
    Processor,
    /// Memory, hugepages, their mounts.
    Memory,
    /// Resource limits of this process.
    Limits,
    /// IOMMU and vfio.
    Iommu,
    /// Network cards.
    Network,
    /// DPDK and its drivers.
    Dpdk,
    /// The pattern matcher.
    Hyperscan,
    /// User and capabilities.
    User,
    /// Version, isolation, transparent hugepages.
    Kernel,
    /// Clock source.
    Clock,
    /// The log folder.
    Disk,
    /// A replay that was tried.
    Replay,
}

impl Group {
    /// The word in JSON, and the beginning of each finding's `id`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Memory => "memory",
            Self::Limits => "limits",
            Self::Iommu => "iommu",
            Self::Network => "network",
            Self::Dpdk => "dpdk",
            Self::Hyperscan => "hyperscan",
            Self::User => "user",
            Self::Kernel => "kernel",
            Self::Clock => "clock",
            Self::Disk => "disk",
            Self::Replay => "replay",
        }
    }

    /// The heading in text.
    pub fn title(self) -> &'static str {
        match self {
            Self::Processor => "Processor",
            Self::Memory => "Memory and hugepages",
            Self::Limits => "Limits of this process",
            Self::Iommu => "IOMMU and vfio",
            Self::Network => "Network cards",
            Self::Dpdk => "DPDK",
            Self::Hyperscan => "Hyperscan",
            Self::User => "User",
            Self::Kernel => "Kernel",
            Self::Clock => "Clock",
            Self::Disk => "Disk",
            Self::Replay => "Replay",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub group: Group,
    /// Its name within the group, stable from release to release: `governor`, `eth0`.
    pub name: String,
    /// How it bears on Sluice.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// Why it matters, in a few words; empty when all is well.
    pub why: &'static str,
    /// The command, kernel argument or setting that changes it; `None` when there is nothing to change, or no command for it.
    pub change: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(group: Group, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { group, name: name.into(), level: Level::Ok, found: found.into(), why: "", change: None }
    }

    /// Works, and could be better.
    pub fn advice(
        group: Group,
        name: impl Into<String>,
        found: impl Into<String>,
        why: &'static str,
        change: impl Into<String>,
    ) -> Self {
        Self { level: Level::Advice, why, change: Some(change.into()), ..Self::ok(group, name, found) }
    }

    /// Keeps even a replay from working.
    pub fn problem(
        group: Group,
        name: impl Into<String>,
        found: impl Into<String>,
        why: &'static str,
        change: impl Into<String>,
    ) -> Self {
        Self { level: Level::Problem, ..Self::advice(group, name, found, why, change) }
    }

    /// What can't be read here: neither well nor ill.
    pub fn unknown(group: Group, name: impl Into<String>, file: &str) -> Self {
        Self {
            level: Level::Advice,
            why: "nothing can be said about it",
            ..Self::ok(group, name, format!("not known: {file} can't be read here"))
        }
    }

    /// Group and name, such as `kernel.isolation`.
    pub fn id(&self) -> String {
        format!("{}.{}", self.group.name(), self.name)
    }
}
