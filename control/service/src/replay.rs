//! Captures through the real engine.
//!
//! Each capture is read into packets of DPDK, one after the other, or becomes a `net_pcap` device; one pinned worker polls it and runs the whole packet path, or a reader polls it and
//! feeds several workers; the control core (the calling thread) drains events and forwarded packets meanwhile, and swaps rules when asked to. State lives
//! on from one capture to the next. What is told does not depend on the number of workers.

use crate::{
    capture::{self, CaptureError, CaptureFile},
    cores,
    drain::Drain,
    forwarded::ForwardedWriter,
    rules::{LoadedRules, RuleLoader},
    swaps::Swaps,
    team::{Team, TeamPlan, copies, eve_options, sinks, worker_settings},
};
use crossbeam::queue::ArrayQueue;
use sluice_config::{CaptureDevice, Settings};
use sluice_core::{
    Counters, HashKey, Ledger,
    order::{Order, Seat},
    ring,
};
use sluice_detect::cost::RuleCost;
use sluice_detect::ruleset::BuildError;
use sluice_dpdk::{BURST, Eal, EalOptions, LcoreHandle, Mempool, Port, PortConfig, RxQueue, Telemetry};
use sluice_events::{
    EveOptions, Sinks,
    eve::RuleCounts,
    sink::{SinkError, SpokenBy, Told},
};
use sluice_flow::Partitions;
use sluice_worker::{
    Datagrams, Egress, Feed, FileFeed, Handovers, Inboxes, Meter, Owners, Post, Reader, Serving, Source, Worker,
    frames::LONGEST_FRAME, reader::DATAGRAMS, settings,
};
use std::{
    fmt, fs, io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
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
/// Most workers of a replay.
pub const MOST_WORKERS: usize = 16;
/// Buffers that may lie unused in the cache of a core, out of reach for others: half as much again as its size, which is 32 for this pool.
const CACHED_BUFFERS: usize = 48;
/// How long the control core sleeps when there is nothing to do.
const IDLE: Duration = Duration::from_micros(50);

/// What to replay, and how.
pub struct Replay<'a> {
    /// The captures, in order.
    pub captures: &'a [PathBuf],
    /// Where the rules came from: gives the next rule sets when they are to be swapped.
    pub loader: &'a mut RuleLoader,
    /// Rules.
    pub rules: &'a LoadedRules,
    /// Settings.
    pub settings: &'a Settings,
    /// Workers, 1 to [`MOST_WORKERS`].
    pub workers: usize,
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
    /// A rule set that was to be swapped in could not be built.
    Rules(BuildError),
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
            Self::Rules(error) => write!(f, "{error}"),
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
    /// The most memory this process ever had resident, bytes; none where the system does not say.
    pub peak_memory: Option<u64>,
    /// DPDK's arguments as they were.
    pub eal_arguments: Vec<String>,
    /// Why they were chosen.
    pub eal_choices: Vec<String>,
    /// What was told, by signature.
    pub spoken: SpokenBy,
    /// What each worker did.
    pub workers: Vec<Meter>,
    /// What each rule cost all workers, by its number in the rule set that was in force at the end.
    pub costs: Vec<RuleCost>,
    /// For each swap of rules, how long it took from publishing until the last worker had exchanged them.
    pub swaps: Vec<Duration>,
}

/// What Linux says of the largest resident set of this process (`proc_pid_status(5)`, `VmHWM`).
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

impl Report {
    /// Records that the captures hold and that were not delivered.
    pub fn missing_records(&self) -> u64 {
        let promised: u64 = self.captures.iter().map(|capture| capture.records).sum();
        promised.saturating_sub(self.ledger.rx)
    }

    /// Whether every packet is accounted for and was looked at, every record came and every buffer is back.
    pub fn is_sound(&self) -> bool {
        self.counters.decoder_cut == 0
            && self.ledger.imbalance() == 0
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
    let Replay { captures, loader, rules, settings, workers, log_dir, inline, progress } = replay;
    let captures: Vec<CaptureFile> = captures.iter().map(|path| capture::scan(path)).collect::<Result<_, _>>()?;
    let output = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| ReplayError::Output { path, reason: error.to_string() }
    };
    fs::create_dir_all(log_dir).map_err(output(log_dir))?;
    let last_record = captures.iter().map(|capture| capture.records).sum();
    let mut sinks = sinks(log_dir, settings, EveOptions { last_record, ..eve_options(settings, inline) })?;
    sinks.add_signatures(rules.ruleset.generation, Arc::clone(&rules.signatures), &rules.names);
    let forwarded_path = log_dir.join("forwarded.pcapng");
    let writer = match inline && settings.forwarded {
        true => Some(ForwardedWriter::create(&forwarded_path).map_err(output(&forwarded_path))?),
        false => None,
    };

    let workers = workers.clamp(1, MOST_WORKERS);
    // Several workers are fed by a reader.
    let threads = if workers > 1 { workers + 1 } else { 1 };
    let plan = cores::plan(threads);
    let eal = Eal::start(&EalOptions {
        main_cpu: Some(plan.control),
        worker_cpus: plan.workers,
        memory_mib: MEMORY_MIB,
        telemetry: Telemetry::Off,
        ..EalOptions::default()
    })
    .map_err(dpdk)?;
    if !eal.stamp_packets() {
        return Err(dpdk("no room for the time in packets"));
    }
    let pool = Mempool::create(&eal, "packets", PACKET_BUFFERS, BUFFER_BYTES, None).map_err(dpdk)?;
    let longest = captures.iter().map(|capture| capture.longest).max().unwrap_or(0);
    let order = (workers > 1).then(|| Order::new(workers));
    let sent: Vec<_> = (0..workers).map(|_| Arc::new(ArrayQueue::new(forward_queue(longest, workers)))).collect();
    let egress = |worker: usize| match (inline, &writer, sent.get(worker)) {
        (true, Some(_), Some(queue)) => Ok(Egress::Capture(Arc::clone(queue))),
        (true, ..) => null_port(&eal, &pool, worker),
        (false, ..) => Ok(Egress::Consume),
    };
    let egress = (0..workers).map(egress).collect::<Result<Vec<_>, _>>()?;
    let copies = copies(settings);
    // What fragments make is longer than any record. Pages that no event fills are never touched.
    let event_bytes = longest.max(LONGEST_FRAME);
    let team = Team::new(TeamPlan {
        settings: worker_settings(settings, inline, copies),
        rules,
        most_alerts: settings.packet_alert_max,
        egress,
        pool: pool.clone(),
        hash: HashKey::fixed(),
        order: order.clone(),
        event_slots: (EVENT_BYTES / workers / event_bytes).clamp(64, 8_192),
        event_bytes,
        when_full: ring::WhenFull::Wait,
    })
    .map_err(ReplayError::Scratch)?;
    let gate = Arc::new(AtomicU64::new(u64::MAX));
    let total: u64 = captures.iter().map(|capture| capture.records).sum();
    let mut control = Control {
        drain: Drain::new(team.events, sent, order.clone()),
        sinks,
        writer,
        swaps: Swaps::new(settings.swaps, total, Arc::clone(&gate)),
        loader,
        posts: team.posts,
        most_alerts: settings.packet_alert_max,
        progress,
        total,
    };
    let stage = Stage { eal: &eal, pool: &pool, captures: &captures, gate: &gate, device: settings.capture_device };
    let (reader, meters) = match order {
        None => (None, vec![alone(&stage, team.workers, &mut control)?]),
        Some(order) => {
            let owners = Owners::new(
                HashKey::fixed(),
                Some(Partitions::for_capacity(settings.flow_capacity)),
                workers,
                settings.vlan_tracking,
            );
            let settings = worker_settings(settings, inline, copies);
            let (reader, meters) = together(&stage, team.workers, &mut control, &order, owners, settings, longest)
                // Whatever it was, nobody waits any more for what will not come.
                .inspect_err(|_| order.abandon())?;
            (Some(reader), meters)
        }
    };
    let Control { drain, mut sinks, mut writer, swaps, .. } = control;
    drain.finish(&mut sinks, writer.as_mut());
    let forwarded = match writer {
        Some(writer) => Some(writer.finish().map_err(output(&forwarded_path))?),
        None => None,
    };
    loader.write_datasets(log_dir).map_err(|(path, error)| ReplayError::Output { path, reason: error.to_string() })?;
    let mut sum = Meter::default();
    reader.iter().chain(&meters).for_each(|meter| sum.add(meter));
    let counts = RuleCounts {
        loaded: rules.accepted as u64,
        failed: rules.refused as u64,
        skipped: (rules.waiting_total() + rules.skipped) as u64,
    };
    let spoken = sinks.spoken().clone();
    let told = sinks.finish(sum.now, &sum.counters, &sum.ledger.dropped, counts, inline)?;
    Ok(Report {
        captures,
        ledger: sum.ledger,
        counters: sum.counters,
        bursts: sum.bursts,
        workers: meters,
        costs: sum.costs,
        swaps: swaps.retired,
        told,
        spoken,
        forwarded,
        leaked_buffers: pool.in_use(),
        peak_memory: peak_memory(),
        eal_arguments: eal.arguments().to_vec(),
        eal_choices: eal.choices().to_vec(),
    })
}

/// What both ways to replay need.
struct Stage<'a> {
    eal: &'a Eal,
    pool: &'a Mempool,
    captures: &'a [CaptureFile],
    gate: &'a Arc<AtomicU64>,
    device: CaptureDevice,
}

/// What the control core does while workers run.
struct Control<'a> {
    drain: Drain,
    sinks: Sinks,
    writer: Option<ForwardedWriter>,
    swaps: Swaps,
    loader: &'a mut RuleLoader,
    posts: Vec<Post>,
    most_alerts: usize,
    progress: &'a mut dyn FnMut(u64, u64),
    total: u64,
}

impl Control<'_> {
    /// Drains and publishes until `finished` says so.
    fn until(&mut self, done: u64, finished: impl Fn() -> bool) -> Result<(), ReplayError> {
        loop {
            // Asked first: what was sent before is then still drained below.
            let over = finished();
            let busy = self.drain.step(&mut self.sinks, self.writer.as_mut());
            self.swaps.step(self.loader, &mut self.sinks, &self.posts, self.most_alerts)?;
            if over && !busy {
                return Ok(());
            }
            if !busy {
                if self.drain.holds_nothing() {
                    self.swaps.all_written(&mut self.sinks);
                }
                std::thread::sleep(IDLE);
                (self.progress)(done, self.total);
            }
        }
    }
}

/// One worker polls the captures itself.
fn alone(stage: &Stage, workers: Vec<Worker>, control: &mut Control) -> Result<Meter, ReplayError> {
    let lcore = || stage.eal.worker_lcores().into_iter().next().ok_or_else(|| dpdk("no worker lcore"));
    let mut worker = workers.into_iter().next().ok_or_else(|| dpdk("no worker"))?;
    let mut done = 0;
    for file in stage.captures {
        let (source, device) = attach(stage, file)?;
        let replay = move || {
            worker.replay(source);
            worker
        };
        let handle = lcore()?.launch(replay).map_err(dpdk)?;
        control.until(done, || handle.is_finished())?;
        worker = handle.join().map_err(|_| ReplayError::WorkerPanicked)?;
        detach(stage, device)?;
        done += file.records;
        (control.progress)(done, control.total);
    }
    // Ending flows may fill the ring: it is drained meanwhile.
    let handle = lcore()?.launch(move || worker.finish()).map_err(dpdk)?;
    control.until(done, || handle.is_finished())?;
    handle.join().map_err(|_| ReplayError::WorkerPanicked)
}

/// A reader polls the captures and feeds several workers.
fn together(
    stage: &Stage,
    workers: Vec<Worker>,
    control: &mut Control,
    order: &Arc<Order>,
    owners: Owners,
    settings: settings::Settings,
    longest: usize,
) -> Result<(Meter, Vec<Meter>), ReplayError> {
    let inboxes = Inboxes::new(workers.len(), Arc::clone(order));
    let handovers = Handovers::new();
    let datagrams = Datagrams::new(DATAGRAMS, settings.mode == sluice_core::verdict::Mode::Inline);
    let mut handles: Vec<LcoreHandle<Meter>> = Vec::new();
    let lcores = stage.eal.worker_lcores();
    let buffers = longest.div_ceil(usize::from(BUFFER_BYTES)).max(1) * BURST + (workers.len() + 2) * CACHED_BUFFERS;
    let mut lcores = lcores.into_iter();
    let reader_lcore = lcores.next().ok_or_else(|| dpdk("no lcore for the reader"))?;
    for (number, mut worker) in workers.into_iter().enumerate() {
        let (seat, handovers) = (Seat::new(Arc::clone(order), number), Arc::clone(&handovers));
        let datagrams = Arc::clone(&datagrams);
        let inbox = inboxes.of(number).ok_or_else(|| dpdk("no inbox"))?;
        let attends = order.attend();
        let serve = move || {
            let _attends = attends;
            worker.serve(&Serving { inbox: &inbox, seat: &seat, handovers: &handovers, datagrams: &datagrams });
            let meter = worker.finish();
            seat.stand_at(u64::MAX);
            meter
        };
        let lcore = lcores.next().ok_or_else(|| dpdk("fewer lcores than workers"))?;
        handles.push(lcore.launch(serve).map_err(dpdk)?);
    }
    let buffers = u32::try_from(buffers).unwrap_or(u32::MAX).min(PACKET_BUFFERS);
    let mut reader = Reader::new(settings, owners, inboxes, handovers, datagrams, stage.pool.clone(), buffers);
    let mut lcore = Some(reader_lcore);
    let mut done = 0;
    let mut free_lcore = || match lcore.take() {
        Some(lcore) => Ok(lcore),
        None => stage.eal.worker_lcores().into_iter().next().ok_or_else(|| dpdk("no lcore for the reader")),
    };
    for file in stage.captures {
        let (source, device) = attach(stage, file)?;
        let attends = order.attend();
        let replay = move || {
            let _attends = attends;
            reader.replay(source);
            reader
        };
        let handle = free_lcore()?.launch(replay).map_err(dpdk)?;
        control.until(done, || handle.is_finished())?;
        reader = handle.join().map_err(|_| ReplayError::WorkerPanicked)?;
        detach(stage, device)?;
        done += file.records;
        (control.progress)(done, control.total);
    }
    // Not here: it waits for room in the inboxes, and their workers may wait for this core to take what they tell.
    let handle = free_lcore()?.launch(move || reader.finish()).map_err(dpdk)?;
    control.until(done, || handle.is_finished())?;
    let reader_meter = handle.join().map_err(|_| ReplayError::WorkerPanicked)?;
    control.until(done, || handles.iter().all(LcoreHandle::is_finished))?;
    let meters: Result<Vec<Meter>, _> = handles.into_iter().map(LcoreHandle::join).collect();
    meters.map(|meters| (reader_meter, meters)).map_err(|_| ReplayError::WorkerPanicked)
}

/// Packets that may wait to be written when the longest record has `longest` bytes: half of the buffers stay free for the device, which drops
/// records when it finds none.
fn forward_queue(longest: usize, workers: usize) -> usize {
    let buffers_each = longest.div_ceil(usize::from(BUFFER_BYTES)).max(1);
    (PACKET_BUFFERS as usize / 2 / buffers_each / workers).clamp(1, FORWARD_QUEUE)
}

fn dpdk(error: impl fmt::Display) -> ReplayError {
    ReplayError::Dpdk(error.to_string())
}

/// What gives the records of `file`, and what must be kept until they are all read.
fn attach(stage: &Stage, file: &CaptureFile) -> Result<(Source, Option<Device>), ReplayError> {
    let (feed, device) = match stage.device {
        CaptureDevice::File => {
            (Feed::File(Box::new(FileFeed::new(capture::open(&file.path)?, stage.pool.clone()))), None)
        }
        CaptureDevice::NetPcap => {
            let (queue, device) = net_pcap(stage, file)?;
            (Feed::Device(queue), Some(device))
        }
    };
    let gate = Arc::clone(stage.gate);
    let CaptureFile { link, link_number, records, .. } = *file;
    Ok((Source { feed, link, link_number, records, gate }, device))
}

/// A device of DPDK that reads a capture, and the open file.
struct Device {
    name: String,
    _held: fs::File,
}

/// A device that replays `file`, and its queue. It is told the file by its descriptor, since DPDK's device arguments know no way to write a comma.
fn net_pcap(stage: &Stage, file: &CaptureFile) -> Result<(RxQueue, Device), ReplayError> {
    let Stage { eal, pool, .. } = *stage;
    let unreadable = |error: io::Error| CaptureError::Unreadable { path: file.path.clone(), reason: error.to_string() };
    let held = fs::File::open(&file.path).map_err(unreadable)?;
    let name = eal.attach_vdev(&format!("net_pcap0,rx_pcap=/proc/self/fd/{}", held.as_raw_fd())).map_err(dpdk)?;
    let config = PortConfig { tx_queues: 0, promiscuous: false, ..PortConfig::default() };
    let (_port, mut rx, _) = Port::by_name(eal, &name).map_err(dpdk)?.configure(&config, pool).map_err(dpdk)?;
    let rx = rx.pop().ok_or_else(|| dpdk("the device gave no queue"))?;
    Ok((rx, Device { name, _held: held }))
}

/// Gives back what [`attach`] made.
fn detach(stage: &Stage, device: Option<Device>) -> Result<(), ReplayError> {
    device.map_or(Ok(()), |device| stage.eal.detach_vdev(&device.name).map_err(dpdk))
}

/// A device that takes packets and forgets them: for measuring without writing.
fn null_port(eal: &Eal, pool: &Mempool, worker: usize) -> Result<Egress, ReplayError> {
    let name = eal.attach_vdev(&format!("net_null{worker}")).map_err(dpdk)?;
    let config = PortConfig { promiscuous: false, ..PortConfig::default() };
    let (_port, _, mut tx) = Port::by_name(eal, &name).map_err(dpdk)?.configure(&config, pool).map_err(dpdk)?;
    tx.pop().map(Egress::Port).ok_or_else(|| dpdk("the null device gave no queue"))
}
