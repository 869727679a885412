//! Captures through the real engine.
//!
//! Each capture becomes a `net_pcap` device, one after the other; one pinned worker polls it and runs the whole packet path; the control core (the
//! calling thread) drains events and forwarded packets meanwhile. State lives on from one capture to the next.

use crate::{
    capture::{self, CaptureError, CaptureFile},
    cores,
    forwarded::ForwardedWriter,
    rules::LoadedRules,
};
use crossbeam::queue::ArrayQueue;
use sluice_config::{Checksums, EveSettings, Settings, Stages};
use sluice_core::{Counters, ExceptionPolicy, HashKey, Ledger, ring, verdict::Mode};
use sluice_detect::Inspector;
use sluice_dpdk::{Eal, EalOptions, LcoreHandle, Mempool, Port, PortConfig, Telemetry};
use sluice_events::{
    EveOptions, Sinks,
    eve::RuleCounts,
    sink::{SinkError, Told},
};
use sluice_worker::{ChecksumMode, Copies, Egress, Forwarded, Outcome, Pipeline, Reporter, Source, Worker, settings};
use std::{
    fmt, fs, io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Packet buffers: enough for the longest chain of each packet of a burst, with room for those waiting to be written.
const PACKET_BUFFERS: u32 = 8_191;
/// Bytes of a packet buffer.
const BUFFER_BYTES: u16 = 2_048;
/// Memory for DPDK, MiB.
const MEMORY_MIB: u32 = 128;
/// Most packets waiting to be written to `forwarded.pcapng`.
const FORWARD_QUEUE: usize = 1_024;
/// Memory for copies of packets on their way with events, bytes.
const EVENT_BYTES: usize = 64 << 20;
/// How long the control core sleeps when there is nothing to do.
const IDLE: Duration = Duration::from_micros(50);

/// What to replay, and how.
pub struct Replay<'a> {
    /// The captures, in order.
    pub captures: &'a [PathBuf],
    /// Rules.
    pub rules: &'a LoadedRules,
    /// Settings.
    pub settings: &'a Settings,
    /// Folder for `eve.json`, `fast.log` and `forwarded.pcapng`; made when absent.
    pub log_dir: &'a Path,
    /// Judge as if between two ports.
    pub inline: bool,
    /// Called with records done and records in all, some times a second.
    pub progress: &'a mut dyn FnMut(u64, u64),
}

/// Why a replay did not happen or did not end well.
#[derive(Debug)]
pub enum ReplayError {
    /// A capture can't be replayed.
    Capture(CaptureError),
    /// DPDK refused; its words.
    Dpdk(String),
    /// A file can't be written.
    Output {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The worker panicked.
    WorkerPanicked,
    /// No room for the rule set's scratch space.
    Scratch(String),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capture(error) => write!(f, "{error}"),
            Self::Dpdk(reason) => write!(f, "DPDK: {reason}"),
            Self::Output { path, reason } => {
                write!(f, "{}: {reason}; check the folder, its permissions and the disk", path.display())
            }
            Self::WorkerPanicked => {
                write!(f, "the worker panicked; this is a defect of Sluice, please report it with the capture")
            }
            Self::Scratch(reason) => write!(f, "no scratch space for the rules: {reason}"),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<CaptureError> for ReplayError {
    fn from(error: CaptureError) -> Self {
        Self::Capture(error)
    }
}

impl From<SinkError> for ReplayError {
    fn from(error: SinkError) -> Self {
        Self::Output { path: error.path, reason: error.error.to_string() }
    }
}

/// What a replay did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The captures, as found before the run.
    pub captures: Vec<CaptureFile>,
    /// Where the packets went.
    pub ledger: Ledger,
    /// What was counted.
    pub counters: Counters,
    /// Bursts that held packets.
    pub bursts: u64,
    /// What was told.
    pub told: Told,
    /// Packets in `forwarded.pcapng`.
    pub forwarded: Option<u64>,
    /// Packet buffers not back in their pool when everything was let go.
    pub leaked_buffers: u32,
    /// DPDK's arguments as they were.
    pub eal_arguments: Vec<String>,
    /// Why they were chosen.
    pub eal_choices: Vec<String>,
    /// Alerts by rule number.
    pub alerts: Vec<(u32, u64)>,
    /// Dropped packets by rule number.
    pub drops: Vec<(u32, u64)>,
}

impl Report {
    /// Records that the captures hold and that were not delivered.
    pub fn missing_records(&self) -> u64 {
        let promised: u64 = self.captures.iter().map(|capture| capture.records).sum();
        promised.saturating_sub(self.ledger.rx)
    }

    /// Whether every packet is accounted for and was scanned, every record came and every buffer is back.
    pub fn is_sound(&self) -> bool {
        self.ledger.imbalance() == 0
            && self.missing_records() == 0
            && self.leaked_buffers == 0
            && self.counters.detect_scans_failed == 0
    }
}

/// Runs a replay to its end.
///
/// # Errors
/// [`ReplayError`]. Damage at the end of a capture is none: it is in the report.
pub fn run(replay: Replay) -> Result<Report, ReplayError> {
    let Replay { captures, rules, settings, log_dir, inline, progress } = replay;
    let captures: Vec<CaptureFile> = captures.iter().map(|path| capture::scan(path)).collect::<Result<_, _>>()?;
    let output = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| ReplayError::Output { path, reason: error.to_string() }
    };
    fs::create_dir_all(log_dir).map_err(output(log_dir))?;
    let mut sinks = Sinks::create(log_dir, eve_options(&settings.eve), Arc::clone(&rules.signatures))?;
    let forwarded_path = log_dir.join("forwarded.pcapng");
    let mut writer = match inline && settings.forwarded {
        true => Some(ForwardedWriter::create(&forwarded_path).map_err(output(&forwarded_path))?),
        false => None,
    };

    let plan = cores::plan(1);
    let eal = Eal::start(&EalOptions {
        main_cpu: Some(plan.control),
        worker_cpus: plan.workers,
        memory_mib: MEMORY_MIB,
        telemetry: Telemetry::Off,
        ..EalOptions::default()
    })
    .map_err(dpdk)?;
    let pool = Mempool::create(&eal, "packets", PACKET_BUFFERS, BUFFER_BYTES, None).map_err(dpdk)?;
    let longest = captures.iter().map(|capture| capture.longest).max().unwrap_or(0);
    let forward = Arc::new(ArrayQueue::new(forward_queue(longest)));
    let egress = match (inline, &writer) {
        (false, _) => Egress::Consume,
        (true, Some(_)) => Egress::Capture(Arc::clone(&forward)),
        (true, None) => null_port(&eal, &pool)?,
    };
    let slots = (EVENT_BYTES / longest.max(1_024)).clamp(64, 8_192);
    let (sender, receiver) = ring::event_ring(0, slots, longest, ring::WhenFull::Wait);
    let eve = eve_options(&settings.eve);
    let copies = Copies {
        alerts: eve.payload || eve.payload_printable || eve.packet || eve.ethernet,
        flows: eve.flows,
        drops: true,
        arp: eve.arp,
        anomalies: eve.anomalies,
    };
    let inspector = Inspector::new(&rules.ruleset, settings.packet_alert_max).map_err(ReplayError::Scratch)?;
    let pipeline = Pipeline::new(
        worker_settings(settings, inline, copies),
        Arc::clone(&rules.ruleset),
        inspector,
        HashKey::fixed(),
        Reporter::new(sender, copies),
    );
    let mut worker = Worker::new(pipeline, egress, pool.clone());

    let total: u64 = captures.iter().map(|capture| capture.records).sum();
    let mut done = 0;
    let mut tally = Tally::default();
    for file in &captures {
        if let Some(writer) = writer.as_mut() {
            writer.set_link(file.link_number);
        }
        let (name, source, _held) = attach(&eal, &pool, file)?;
        let lcore = eal.worker_lcores().into_iter().next().ok_or_else(|| dpdk("no worker lcore"))?;
        let handle: LcoreHandle<Worker> = lcore
            .launch(move || {
                worker.replay(source);
                worker
            })
            .map_err(dpdk)?;
        loop {
            // Finished is looked at first: what the worker sent before it finished is then still drained below.
            let finished = handle.is_finished();
            let busy = drain(&receiver, &mut sinks, &mut tally) | write_forwarded(&forward, writer.as_mut());
            if finished && !busy {
                break;
            }
            if !busy {
                std::thread::sleep(IDLE);
                progress(done, total);
            }
        }
        worker = handle.join().map_err(|_| ReplayError::WorkerPanicked)?;
        eal.detach_vdev(&name).map_err(dpdk)?;
        done += file.records;
        progress(done, total);
    }
    // Ending flows may fill the ring: it is drained meanwhile.
    let lcore = eal.worker_lcores().into_iter().next().ok_or_else(|| dpdk("no worker lcore"))?;
    let handle: LcoreHandle<Outcome> = lcore.launch(move || worker.finish()).map_err(dpdk)?;
    loop {
        let finished = handle.is_finished();
        if !drain(&receiver, &mut sinks, &mut tally) {
            if finished {
                break;
            }
            std::thread::sleep(IDLE);
        }
    }
    let outcome = handle.join().map_err(|_| ReplayError::WorkerPanicked)?;
    let forwarded = match writer {
        Some(writer) => Some(writer.finish().map_err(output(&forwarded_path))?),
        None => None,
    };
    let counts = RuleCounts {
        loaded: rules.accepted as u64,
        failed: rules.refused as u64,
        skipped: (rules.waiting_total() + rules.skipped) as u64,
    };
    let told = sinks.finish(outcome.now, &outcome.counters, &outcome.ledger.dropped, counts, inline)?;
    Ok(Report {
        captures,
        ledger: outcome.ledger,
        counters: outcome.counters,
        bursts: outcome.bursts,
        told,
        forwarded,
        leaked_buffers: pool.in_use(),
        eal_arguments: eal.arguments().to_vec(),
        eal_choices: eal.choices().to_vec(),
        alerts: tally.alerts.into_iter().collect(),
        drops: tally.drops.into_iter().collect(),
    })
}

/// Packets that may wait to be written when the longest record has `longest` bytes: half of the buffers stay free for the device, which drops
/// records when it finds none.
fn forward_queue(longest: usize) -> usize {
    let buffers_each = longest.div_ceil(usize::from(BUFFER_BYTES)).max(1);
    (PACKET_BUFFERS as usize / 2 / buffers_each).clamp(1, FORWARD_QUEUE)
}

fn dpdk(error: impl fmt::Display) -> ReplayError {
    ReplayError::Dpdk(error.to_string())
}

/// What was told, by rule.
#[derive(Default)]
struct Tally {
    alerts: std::collections::BTreeMap<u32, u64>,
    drops: std::collections::BTreeMap<u32, u64>,
}

fn drain(receiver: &ring::EventReceiver, sinks: &mut Sinks, tally: &mut Tally) -> bool {
    use sluice_core::event::EventBody;
    let mut any = false;
    while receiver.receive(|slot| {
        match &slot.body {
            EventBody::Alert { rule, .. } => *tally.alerts.entry(*rule).or_default() += 1,
            EventBody::Drop { rule: Some((rule, _)), .. } => *tally.drops.entry(*rule).or_default() += 1,
            _ => {}
        }
        sinks.event(slot);
    }) {
        any = true;
    }
    any
}

fn write_forwarded(queue: &ArrayQueue<Forwarded>, writer: Option<&mut ForwardedWriter>) -> bool {
    let Some(writer) = writer else { return false };
    let mut any = false;
    while let Some(packet) = queue.pop() {
        writer.packet(&packet);
        any = true;
    }
    any
}

/// A device that replays `file`, its queue, and the open file: the device is told the file by its descriptor, since DPDK's device arguments know no
/// way to write a comma.
fn attach(eal: &Eal, pool: &Mempool, file: &CaptureFile) -> Result<(String, Source, fs::File), ReplayError> {
    let unreadable = |error: io::Error| CaptureError::Unreadable { path: file.path.clone(), reason: error.to_string() };
    let held = fs::File::open(&file.path).map_err(unreadable)?;
    let name = eal.attach_vdev(&format!("net_pcap0,rx_pcap=/proc/self/fd/{}", held.as_raw_fd())).map_err(dpdk)?;
    let config = PortConfig { tx_queues: 0, promiscuous: false, ..PortConfig::default() };
    let (_port, mut rx, _) = Port::by_name(eal, &name).map_err(dpdk)?.configure(&config, pool).map_err(dpdk)?;
    let rx = rx.pop().ok_or_else(|| dpdk("the device gave no queue"))?;
    Ok((name, Source { rx, link: file.link, link_number: file.link_number, records: file.records }, held))
}

/// A device that takes packets and forgets them: for measuring without writing.
fn null_port(eal: &Eal, pool: &Mempool) -> Result<Egress, ReplayError> {
    let name = eal.attach_vdev("net_null0").map_err(dpdk)?;
    let config = PortConfig { promiscuous: false, ..PortConfig::default() };
    let (_port, _, mut tx) = Port::by_name(eal, &name).map_err(dpdk)?.configure(&config, pool).map_err(dpdk)?;
    tx.pop().map(Egress::Port).ok_or_else(|| dpdk("the null device gave no queue"))
}

fn worker_settings(settings: &Settings, inline: bool, copies: Copies) -> settings::Settings {
    settings::Settings {
        mode: if inline { Mode::Inline } else { Mode::Passive },
        checksums: match settings.checksums {
            Checksums::Off => ChecksumMode::Off,
            Checksums::On => ChecksumMode::On,
            Checksums::Auto => ChecksumMode::Auto,
        },
        midstream: settings.midstream,
        midstream_policy: midstream_policy(settings, inline),
        flow_capacity: settings.flow_capacity,
        vlan_tracking: settings.vlan_tracking,
        copies,
        stages: match settings.stages {
            Stages::Forward => settings::Stages::Forward,
            Stages::Lookup => settings::Stages::Lookup,
            Stages::Inspect => settings::Stages::Inspect,
        },
        ..settings::Settings::default()
    }
}

/// The policy in force for connections whose handshake was not seen. One for everything that does not fit a midstream pickup gives way to it.
fn midstream_policy(settings: &Settings, inline: bool) -> ExceptionPolicy {
    let mode = if inline { Mode::Inline } else { Mode::Passive };
    let chosen = settings.midstream_policy();
    let gives_way = settings.midstream && !chosen.fits_picking_up();
    if gives_way { ExceptionPolicy::Ignore } else { chosen.in_force(mode, settings.midstream) }
}

fn eve_options(settings: &EveSettings) -> EveOptions {
    let wanted = |kind: &str| settings.types.as_ref().is_none_or(|types| types.iter().any(|named| named == kind));
    EveOptions {
        alerts: wanted("alert"),
        drops: wanted("drop"),
        flows: wanted("flow"),
        stats: wanted("stats"),
        arp: wanted("arp"),
        anomalies: wanted("anomaly") && settings.anomaly_decode,
        payload: settings.payload,
        payload_printable: settings.payload_printable,
        packet: settings.packet,
        ethernet: settings.ethernet,
        community_id: settings.community_id.then_some(settings.community_id_seed),
        stats_zero: settings.stats_zero,
        ..EveOptions::default()
    }
}
