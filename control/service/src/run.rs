//! Traffic between live ports.
//!
//! Attaches and pairs the ports, starts a worker for each queue, and then is the control core until it is told to stop: drains events, writes statistics,
//! loads and publishes new rules when asked (`SIGHUP`), watches that the workers live. Rules are loaded on a thread of their own, so that events flow
//! meanwhile.
//!
//! Not here yet: the three processes, the watchdog and the kernel bypass; a worker that panics ends the run.

use crate::{
    cores,
    drain::Drain,
    publish::{self, Published, Retired},
    replay::ReplayError,
    rules::{LoadedRules, RuleLoader},
    team::{Team, TeamPlan, copies, eve_options, pick_up, sinks, worker_settings},
};
use sluice_config::{Deployment, Pair, Settings};
use sluice_core::{HashKey, Nanos, hash::SECRET_WORDS, ring};
use sluice_detect::ruleset::BuildError;
use sluice_dpdk::{Eal, EalOptions, LcoreHandle, Mempool, Port, PortConfig, RxQueue, StartedPort, Telemetry, TxQueue};
use sluice_events::{
    Sinks,
    eve::RuleCounts,
    sink::{SpokenBy, Told},
};
use sluice_flow::Partitions;
use sluice_worker::{Egress, Lane, LaneMeter, Live, LiveClock, Meter, Owners, Post, Together};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

/// Packet buffers for each worker and port.
const BUFFERS_EACH: u32 = 8_192;
/// Bytes of a packet buffer.
const BUFFER_BYTES: u16 = 2_048;
/// Bytes of a packet that travel with an event.
const EVENT_BYTES: usize = 2_048;
/// Event records on their way from one worker.
const EVENT_SLOTS: usize = 8_192;
/// How long the control core sleeps when there is nothing to do.
const IDLE: Duration = Duration::from_millis(1);
/// How often statistics are written.
const STATS_EVERY: Duration = Duration::from_secs(8);

/// What to run.
pub struct Run<'a> {
    /// Where rules come from, now and when they are loaded again.
    pub loader: RuleLoader,
    /// The rules to begin with.
    pub rules: LoadedRules,
    /// Settings, with at least one pair of ports.
    pub settings: &'a Settings,
    /// The secret of the tables, from [`boot_key`].
    pub hash: HashKey,
    /// Folder for `eve.json` and `fast.log`; made when absent.
    pub log_dir: &'a Path,
    /// Arguments for EAL, as the operator gave them.
    pub eal_arguments: Vec<String>,
    /// Words of the operator and of the system.
    pub wishes: Arc<Wishes>,
    /// Told what happens, line by line.
    pub tell: &'a mut dyn FnMut(&str),
}

/// What somebody outside wants of a run. Set by signal handlers.
#[derive(Debug, Default)]
pub struct Wishes {
    /// Stop.
    pub stop: AtomicBool,
    /// Load the rules again.
    pub reload: AtomicBool,
}

/// What a run did.
#[derive(Debug)]
pub struct RunReport {
    /// The sum of all workers.
    pub sum: Meter,
    /// Each worker, and what went through its ports, in the order of `ports`.
    pub workers: Vec<(Meter, Vec<LaneMeter>)>,
    /// Names of the ports.
    pub ports: Vec<String>,
    /// What was told.
    pub told: Told,
    /// What was told, by signature.
    pub spoken: SpokenBy,
    /// For each reload, how long the workers took to exchange their rules.
    pub swaps: Vec<Duration>,
    /// Packet buffers not back in their pool when everything was let go.
    pub leaked_buffers: u32,
}

impl RunReport {
    /// Whether every packet is accounted for and was scanned, and every buffer is back.
    pub fn is_sound(&self) -> bool {
        self.sum.ledger.imbalance() == 0 && self.leaked_buffers == 0 && self.sum.counters.detect_scans_failed == 0
    }
}

/// A port, set up.
struct Ready {
    name: String,
    /// Place of the port its packets leave by.
    other: usize,
    inline: bool,
    spreads: bool,
    rx: Vec<RxQueue>,
    tx: Vec<TxQueue>,
    _port: StartedPort,
}

/// Runs until told to stop.
///
/// # Errors
/// [`ReplayError`]: a port that is not there or can't do what is asked, a file that can't be written, a worker that panicked.
pub fn run(run: Run) -> Result<RunReport, ReplayError> {
    let Run { loader, rules, settings, hash, log_dir, eal_arguments, wishes, tell } = run;
    let workers = usize::from(settings.workers.unwrap_or_else(cores::workers));
    let pairs: Vec<(&String, &Pair)> = settings.pairs.iter().collect();
    let inline = pairs.iter().any(|(_, pair)| pair.deployment == Deployment::Inline);
    let output = |error: std::io::Error| ReplayError::Output { path: log_dir.to_owned(), reason: error.to_string() };
    fs::create_dir_all(log_dir).map_err(output)?;
    let mut sinks = sinks(log_dir, settings, eve_options(settings, inline))?;
    sinks.add_signatures(rules.ruleset.generation, Arc::clone(&rules.signatures), &rules.names);

    let names = pairs.iter().flat_map(|(_, pair)| [&pair.inside, &pair.outside]).flatten();
    let ports = names.clone().count() as u32;
    let buffers = BUFFERS_EACH * ports.max(1) * workers as u32;
    let plan = cores::plan(workers);
    let eal = Eal::start(&EalOptions {
        main_cpu: Some(plan.control),
        worker_cpus: plan.workers.clone(),
        memory_mib: 64 + buffers / 1_024 * (u32::from(BUFFER_BYTES) + 512) / 1_024,
        pci_devices: names.filter(|name| is_pci(name)).cloned().collect(),
        telemetry: Telemetry::Off,
        raw_arguments: eal_arguments,
        ..EalOptions::default()
    })
    .map_err(dpdk)?;
    let pool = Mempool::create(&eal, "packets", buffers - 1, BUFFER_BYTES, None).map_err(dpdk)?;
    let mut ready = open(&eal, &pool, &pairs, workers)?;

    let copies = copies(settings);
    let mut of_worker = worker_settings(settings, inline, copies);
    // Each worker has its share of the room, undivided: there is no order to keep.
    of_worker.flow_capacity = of_worker.flow_capacity.div_ceil(workers);
    of_worker.half_open_capacity = of_worker.half_open_capacity.div_ceil(workers);
    of_worker.partitions = Partitions::ONE;
    of_worker.pick_up = pick_up(settings, inline);
    let team = Team::new(TeamPlan {
        settings: of_worker,
        rules: &rules,
        most_alerts: settings.packet_alert_max,
        // Ways out belong to the ports here.
        egress: (0..workers).map(|_| Egress::Consume).collect(),
        pool: pool.clone(),
        hash,
        order: None,
        event_slots: EVENT_SLOTS,
        event_bytes: EVENT_BYTES,
        when_full: ring::WhenFull::Lose,
    })
    .map_err(ReplayError::Scratch)?;
    let together = Together::new(workers, inline);
    let owners = Owners::new(hash, None, workers, settings.vlan_tracking);
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let clock = LiveClock::new(Instant::now(), Nanos(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)));
    let mut lives: Vec<Live> = (0..workers)
        .map(|worker| Live {
            lanes: lanes(&mut ready),
            owners,
            worker: worker as u16,
            together: Arc::clone(&together),
            clock,
        })
        .collect();
    lives.reverse();
    tell(&format!(
        "{} workers on processors {:?}, control on {}; ports {}",
        workers,
        plan.workers,
        plan.control,
        ready.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", ")
    ));
    let mut handles: Vec<LcoreHandle<(Meter, Vec<LaneMeter>)>> = Vec::new();
    let mut lcores = eal.worker_lcores().into_iter();
    for worker in team.workers {
        let (Some(live), Some(lcore)) = (lives.pop(), lcores.next()) else { break };
        handles.push(lcore.launch(move || worker.run(live)).map_err(dpdk)?);
    }

    let mut control = Control {
        drain: Drain::new(team.events, Vec::new(), None),
        sinks,
        posts: team.posts,
        reload: Reload::Ready(Box::new(loader)),
        counts: counts(&rules),
        settings,
        inline,
        swaps: Vec::new(),
        in_force: rules.ruleset.generation,
    };
    drop(rules);
    control.until_stopped(&handles, &together, &wishes, &clock, tell)?;
    together.stop();
    while !handles.iter().all(LcoreHandle::is_finished) {
        control.drain.step(&mut control.sinks, None);
        std::thread::sleep(IDLE);
    }
    let joined: Result<Vec<_>, _> = handles.into_iter().map(LcoreHandle::join).collect();
    let workers = joined.map_err(|_| ReplayError::WorkerPanicked)?;
    let Control { drain, mut sinks, counts, swaps, reload, .. } = control;
    drain.finish(&mut sinks, None);
    if let Some(loader) = reload.loader() {
        // GAP(datasets): a run that does not end by itself loses what its data sets have learnt.
        let unwritten = |(path, error): (PathBuf, io::Error)| ReplayError::Output { path, reason: error.to_string() };
        loader.write_datasets(log_dir).map_err(unwritten)?;
    }
    let mut sum = Meter::default();
    workers.iter().for_each(|(meter, _)| sum.add(meter));
    let spoken = sinks.spoken().clone();
    let told = sinks.finish(clock.now(), &sum.counters, &sum.ledger.dropped, counts, inline)?;
    let names = ready.iter().map(|port| port.name.clone()).collect();
    // The queues are gone with the workers; the last handles close the ports, which give their buffers back.
    drop(ready);
    Ok(RunReport { sum, workers, ports: names, told, spoken, swaps, leaked_buffers: pool.in_use() })
}

/// A secret of this run's own: nobody outside can aim flows at one bucket.
///
/// # Errors
/// When the system gives no random numbers.
pub fn boot_key() -> Result<HashKey, ReplayError> {
    let mut words = [0; SECRET_WORDS];
    for word in &mut words {
        *word = getrandom::u64().map_err(|error| dpdk(format!("no random numbers from the system: {error}")))?;
    }
    Ok(HashKey::new(words))
}

fn counts(rules: &LoadedRules) -> RuleCounts {
    RuleCounts {
        loaded: rules.accepted as u64,
        failed: rules.refused as u64,
        skipped: (rules.waiting_total() + rules.skipped) as u64,
    }
}

fn is_pci(name: &str) -> bool {
    let parts: Vec<&str> = name.split([':', '.']).collect();
    matches!(*parts, [_, _, _, _] | [_, _, _])
        && parts.iter().all(|part| u32::from_str_radix(part, 16).is_ok())
        && name.contains(':')
}

fn dpdk(error: impl std::fmt::Display) -> ReplayError {
    ReplayError::Dpdk(error.to_string())
}

/// Opens both ports of every pair, with a queue for each worker where the device has as many.
fn open(eal: &Eal, pool: &Mempool, pairs: &[(&String, &Pair)], workers: usize) -> Result<Vec<Ready>, ReplayError> {
    let mut ready: Vec<Ready> = Vec::new();
    for (pair_name, pair) in pairs {
        let inline = pair.deployment == Deployment::Inline;
        let names: Vec<&String> = [&pair.inside, &pair.outside].into_iter().flatten().collect();
        if names.is_empty() || (inline && names.len() < 2) {
            return Err(dpdk(format!(
                "pair {pair_name}: no {} port; set system.ports.pair.{pair_name}.inside and .outside, or deployment=passive for one port",
                if pair.inside.is_none() { "inside" } else { "outside" }
            )));
        }
        let first = ready.len();
        for (place, name) in names.iter().enumerate() {
            let other = if inline { first + 1 - place } else { first + place };
            ready.push(open_port(eal, pool, name, other, inline, workers)?);
        }
    }
    Ok(ready)
}

fn open_port(
    eal: &Eal,
    pool: &Mempool,
    name: &str,
    other: usize,
    inline: bool,
    workers: usize,
) -> Result<Ready, ReplayError> {
    let port = Port::by_name(eal, name).map_err(|error| {
        let log = eal.start_log();
        let said = if log.is_empty() { String::new() } else { format!("; DPDK said: {}", log.trim()) };
        dpdk(format!("{error}; name a device EAL knows, e.g. after `--`: --vdev {name},...{said}"))
    })?;
    let can = port.capabilities().map_err(dpdk)?;
    let rx_queues = can.rx_queues.min(workers as u16);
    if inline && usize::from(can.tx_queues) < workers {
        return Err(dpdk(format!(
            "{name} has {} transmit queues and {workers} workers need one each; set system.workers={} or give the device more queues",
            can.tx_queues,
            can.tx_queues.max(1)
        )));
    }
    let tx_queues = if inline { workers as u16 } else { 0 };
    let config = PortConfig { rx_queues, tx_queues, ..PortConfig::default() };
    let (started, rx, tx) = port.configure(&config, pool).map_err(dpdk)?;
    let spreads = workers == 1 || (can.spreads && usize::from(rx_queues) == workers);
    Ok(Ready { name: name.to_owned(), other, inline, spreads, rx, tx, _port: started })
}

/// One queue of each port, for the next worker.
fn lanes(ready: &mut [Ready]) -> Vec<Lane> {
    let lane = |port: &mut Ready| Lane {
        rx: if port.rx.is_empty() { None } else { Some(port.rx.remove(0)) },
        tx: if port.inline && !port.tx.is_empty() { Egress::Port(port.tx.remove(0)) } else { Egress::Consume },
        other: port.other,
        spreads: port.spreads,
        meter: LaneMeter::default(),
    };
    ready.iter_mut().map(lane).collect()
}

/// Where a reload stands.
enum Reload {
    Ready(Box<RuleLoader>),
    Loading(JoinHandle<(Box<RuleLoader>, Result<LoadedRules, BuildError>)>),
    Publishing(Box<RuleLoader>, Published),
    /// The loading thread is gone.
    Broken,
}

impl Reload {
    /// The loader, once a load under way is over; none when its thread panicked.
    fn loader(self) -> Option<Box<RuleLoader>> {
        match self {
            Self::Ready(loader) | Self::Publishing(loader, _) => Some(loader),
            Self::Loading(thread) => thread.join().ok().map(|(loader, _)| loader),
            Self::Broken => None,
        }
    }
}

/// What the control core does while workers run.
struct Control<'a> {
    drain: Drain,
    sinks: Sinks,
    posts: Vec<Post>,
    reload: Reload,
    counts: RuleCounts,
    settings: &'a Settings,
    inline: bool,
    swaps: Vec<Duration>,
    in_force: u32,
}

impl Control<'_> {
    fn until_stopped<T>(
        &mut self,
        handles: &[LcoreHandle<T>],
        together: &Together,
        wishes: &Wishes,
        clock: &LiveClock,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(), ReplayError> {
        let (mut stats_at, mut flushed) = (Instant::now(), Instant::now());
        let (mut received, mut idle_since) = (0, Instant::now());
        while !wishes.stop.load(Ordering::Acquire) {
            if handles.iter().any(LcoreHandle::is_finished) {
                return Ok(());
            }
            let busy = self.drain.step(&mut self.sinks, None);
            self.step_reload(wishes, tell);
            if flushed.elapsed() >= Duration::from_secs(1) {
                flushed = Instant::now();
                self.sinks.flush();
                let sum = together.sum();
                if sum.ledger.rx != received || busy {
                    (received, idle_since) = (sum.ledger.rx, Instant::now());
                }
                let limit = self.settings.stop_after_idle_s.map(|seconds| Duration::from_secs(u64::from(seconds)));
                if limit.is_some_and(|limit| idle_since.elapsed() >= limit) {
                    return Ok(());
                }
                if stats_at.elapsed() >= STATS_EVERY {
                    stats_at = Instant::now();
                    self.sinks.stats(clock.now(), &sum.counters, &sum.ledger.dropped, self.counts, self.inline);
                }
            }
            if !busy {
                if self.drain.holds_nothing() && matches!(self.reload, Reload::Ready(_)) {
                    self.sinks.forget_signatures_before(self.in_force);
                }
                std::thread::sleep(IDLE);
            }
        }
        Ok(())
    }

    /// Does a piece of a reload, if one is wished for or under way. Whatever fails leaves the running rules in force.
    fn step_reload(&mut self, wishes: &Wishes, tell: &mut dyn FnMut(&str)) {
        self.reload = match std::mem::replace(&mut self.reload, Reload::Broken) {
            Reload::Ready(mut loader) if wishes.reload.swap(false, Ordering::AcqRel) => {
                tell("loading rules again");
                Reload::Loading(std::thread::spawn(move || {
                    let loaded = loader.load();
                    (loader, loaded)
                }))
            }
            Reload::Loading(thread) if thread.is_finished() => match thread.join() {
                Ok((loader, Ok(rules))) => self.publish(loader, &rules, tell),
                Ok((loader, Err(error))) => {
                    tell(&format!("{error}; the rules in force stay"));
                    Reload::Ready(loader)
                }
                Err(_) => {
                    tell("loading rules panicked; the rules in force stay, and no others can be loaded in this run");
                    Reload::Broken
                }
            },
            Reload::Publishing(loader, published) => match published.quiesced(&self.posts) {
                Ok(retired) => {
                    self.retire(&retired, tell);
                    Reload::Ready(loader)
                }
                Err(published) => Reload::Publishing(loader, published),
            },
            other => other,
        };
    }

    fn publish(&mut self, loader: Box<RuleLoader>, rules: &LoadedRules, tell: &mut dyn FnMut(&str)) -> Reload {
        // A file that is gone, or not written yet, must not leave the line without rules.
        let unusable = match rules.first_unreadable() {
            Some(problem) => Some(problem),
            None if rules.accepted == 0 && self.counts.loaded > 0 => {
                Some("no rule is left; stop and start again to run without rules".to_owned())
            }
            None => None,
        };
        if let Some(reason) = unusable {
            tell(&format!("{reason}; the rules in force stay"));
            return Reload::Ready(loader);
        }
        if rules.has_errors() {
            tell(&format!("{} rules are wrong in the language and left out; see sluice check", rules.refused));
        }
        let staged = match publish::stage(rules, self.posts.len(), self.settings.packet_alert_max) {
            Ok(staged) => staged,
            Err(reason) => {
                tell(&format!("no scratch space for the rules: {reason}; the rules in force stay"));
                return Reload::Ready(loader);
            }
        };
        self.sinks.add_signatures(rules.ruleset.generation, Arc::clone(&rules.signatures), &rules.names);
        self.counts = counts(rules);
        Reload::Publishing(loader, staged.publish(&self.posts))
    }

    fn retire(&mut self, retired: &Retired, tell: &mut dyn FnMut(&str)) {
        self.swaps.push(retired.took);
        self.in_force = retired.number;
        tell(&format!(
            "generation {} with {} rules in force on all workers after {:.3} ms",
            retired.number,
            self.counts.loaded,
            retired.took.as_secs_f64() * 1e3
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::is_pci;

    #[test]
    fn addresses_on_the_pci_bus_are_told_from_names() {
        assert!(is_pci("0000:3b:00.0") && is_pci("3b:00.1"));
        assert!(!is_pci("net_pcap0") && !is_pci("net_tap0") && !is_pci("eth0.100"));
    }
}
