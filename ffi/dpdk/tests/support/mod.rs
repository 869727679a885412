//! What the integration tests share: one EAL for each test process, turns, and captures written by hand.
//!
//! EAL starts once per process, so each file of this folder is one EAL configuration. Its tests take turns by `turn`.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use sluice_dpdk::{
    Burst, Eal, EalOptions, Hugepages, Mbuf, Mempool, PortConfig, RxQueue, StartedPort, Telemetry, TxQueue,
};

static EAL: OnceLock<Eal> = OnceLock::new();
static TURN: Mutex<()> = Mutex::new(());

/// Waits for its turn and gives the process's EAL, which the first test starts.
pub fn turn(options: impl FnOnce() -> EalOptions) -> (&'static Eal, MutexGuard<'static, ()>) {
    let guard = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (EAL.get_or_init(|| Eal::start(&options()).expect("EAL starts without hugepages, root or a device")), guard)
}

/// Options for a test: ordinary pages, no socket, `workers` lcores on a processor we have.
pub fn options(workers: usize, vdevs: &[&str]) -> EalOptions {
    EalOptions {
        hugepages: Hugepages::Never,
        telemetry: Telemetry::Off,
        worker_cpus: vec![first_cpu(); workers],
        memory_mib: 128,
        vdevs: vdevs.iter().map(|device| (*device).to_owned()).collect(),
        ..EalOptions::default()
    }
}

/// A processor this process may run on.
pub fn first_cpu() -> u32 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is there");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("a list of processors");
    let digits: String = list.trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number first")
}

/// One queue each way.
pub fn start(eal: &Eal, name: &str, pool: &Mempool) -> (StartedPort, RxQueue, TxQueue) {
    let port = sluice_dpdk::Port::by_name(eal, name).expect("the device is there");
    let config = PortConfig { rx_descriptors: 256, tx_descriptors: 256, ..PortConfig::default() };
    let (port, mut rx, mut tx) = port.configure(&config, pool).expect("the device starts");
    (port, rx.remove(0), tx.remove(0))
}

/// Everything the queue has, until it says "none" 16 times in a row.
pub fn receive_all(queue: &mut RxQueue) -> Vec<Mbuf> {
    let (mut burst, mut packets, mut empty) = (Burst::new(), Vec::new(), 0);
    while empty < 16 {
        if queue.receive(&mut burst) == 0 {
            empty += 1;
        } else {
            empty = 0;
        }
        packets.extend(burst.drain());
    }
    packets
}

/// All bytes of a packet.
pub fn bytes_of(packet: &Mbuf) -> Vec<u8> {
    packet.segments().flatten().copied().collect()
}

/// `length` bytes that differ by place and by `seed`.
pub fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 + seed * 7 + index / 256) as u8).collect()
}

/// A capture file that goes with its handle.
pub struct Capture {
    path: PathBuf,
}

impl Capture {
    /// Writes a microsecond capture of Ethernet frames: record `n` is stamped 1,000 + n seconds and n microseconds.
    pub fn write(name: &str, records: &[Vec<u8>]) -> Self {
        Self::write_cut(name, records, 0)
    }

    /// The same, less the last `cut` bytes of the file.
    pub fn write_cut(name: &str, records: &[Vec<u8>], cut: usize) -> Self {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
            file.extend(word.to_ne_bytes());
        }
        for (index, record) in records.iter().enumerate() {
            let length = record.len() as u32;
            for word in [1_000 + index as u32, index as u32, length, length] {
                file.extend(word.to_ne_bytes());
            }
            file.extend(record);
        }
        file.truncate(file.len() - cut);
        let path = std::env::temp_dir().join(format!("sluice-dpdk-{}-{name}.pcap", std::process::id()));
        fs::write(&path, file).expect("the temporary folder takes a file");
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.path);
    }
}
