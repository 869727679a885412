//! Ports: found by name, configured once, running until their last handle goes.
//!
//! Used by the control side. `configure` turns a `Port` into a `StartedPort` (to look at) and its queues (to work with). A port
//! is claimed by one `Port` at a time. With several receive queues and a device that can spread by hash, both directions of a
//! connection come to the same queue (a key that repeats 6d5a).
//!
//! Sources: DPDK 22.11 rte_ethdev.h; "Scalable TCP Session Monitoring with Symmetric Receive-side Scaling" (Woo, Park 2012)
//! for the key.

use std::ffi::{CStr, CString, c_int};
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::Arc;

use dpdk_sys as sys;

use crate::control;
use crate::eal::Eal;
use crate::mbuf;
use crate::mempool::Mempool;
use crate::queue::{RxQueue, TxQueue};

/// A port that is claimed but not configured. Dropping it gives the claim back.
#[derive(Debug)]
pub struct Port {
    claim: Claim,
}

/// A running port, to look at. Cloning gives another handle; it runs while any handle or queue is held, then it is stopped and
/// closed. A closed virtual device must be detached and attached again before its name works again.
#[derive(Clone, Debug)]
pub struct StartedPort {
    inner: Arc<PortInner>,
}

/// What a running port needs. Owned by its handles and queues together.
#[derive(Debug)]
pub(crate) struct PortInner {
    // Declared first, so dropped first: the port is closed, then the claim goes, then the pool.
    running: Running,
    _pool: Mempool,
}

/// Stops and closes the port, then gives the claim back.
#[derive(Debug)]
struct Running {
    claim: Claim,
}

/// The sole right to a port.
#[derive(Debug)]
struct Claim {
    id: u16,
    name: String,
}

/// How to set up a port.
#[derive(Clone, Debug)]
pub struct PortConfig {
    /// Receive queues, at least as many as workers read from it.
    pub rx_queues: u16,
    /// Transmit queues.
    pub tx_queues: u16,
    /// Descriptors of each receive queue; the driver may round.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue; the driver may round.
    pub tx_descriptors: u16,
    /// Largest layer 3 packet, in bytes. `None` leaves the driver's.
    pub mtu: Option<u16>,
    /// Take frames for any address, as a bump in the wire must.
    pub promiscuous: bool,
}

impl Default for PortConfig {
    fn default() -> Self {
        Self { rx_queues: 1, tx_queues: 1, rx_descriptors: 1024, tx_descriptors: 1024, mtu: None, promiscuous: true }
    }
}

/// What a device can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Most receive queues.
    pub rx_queues: u16,
    /// Most transmit queues.
    pub tx_queues: u16,
    /// Whether it spreads flows over its queues by addresses and ports, both directions of a flow to the same one.
    pub spreads: bool,
}

/// Counters of a port since it started, as its driver keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Packets received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets the device dropped because the queues were full.
    pub rx_missed: u64,
    /// Packets received wrong.
    pub rx_errors: u64,
    /// Packets dropped because the pool was empty.
    pub rx_no_mbuf: u64,
    /// Packets transmitted.
    pub tx_packets: u64,
    /// Bytes transmitted.
    pub tx_bytes: u64,
    /// Packets not transmitted.
    pub tx_errors: u64,
}

/// State of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// There is a link.
    pub up: bool,
    /// Megabits a second; `None` when not known.
    pub speed_mbps: Option<u32>,
    /// Both ways at once.
    pub full_duplex: bool,
}

/// What could not be done with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortError {
    /// DPDK has no port of that name: it was not attached, or was closed.
    NotFound {
        /// The name asked for.
        name: String,
    },
    /// Somebody holds the port already.
    InUse {
        /// The port.
        name: String,
    },
    /// More queues than the device has.
    TooManyQueues {
        /// The port.
        name: String,
        /// Receive queues asked for.
        rx_queues: u16,
        /// Receive queues there are.
        most_rx: u16,
        /// Transmit queues asked for.
        tx_queues: u16,
        /// Transmit queues there are.
        most_tx: u16,
    },
    /// DPDK said no.
    Refused {
        /// The port.
        name: String,
        /// What was tried.
        step: PortStep,
        /// DPDK's error number (errno(3)).
        errno: i32,
        /// What it logged meanwhile, when the port was being set up.
        log: String,
    },
}

/// A step that DPDK can refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortStep {
    /// Reading what the device can do.
    Info,
    /// Setting the numbers of queues and the offloads.
    Configure,
    /// Setting the MTU.
    Mtu,
    /// Rounding the descriptors.
    Descriptors,
    /// Setting up this receive queue.
    RxQueue(u16),
    /// Setting up this transmit queue.
    TxQueue(u16),
    /// Starting.
    Start,
    /// Taking frames for any address.
    Promiscuous,
    /// Reading counters, link or address.
    Read,
}

impl fmt::Display for PortError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { name } => {
                write!(out, "there is no port {name}; attach it first (again, if it was closed)")
            }
            Self::InUse { name } => write!(out, "port {name} is in use; drop its handles and queues first"),
            Self::TooManyQueues { name, rx_queues, most_rx, tx_queues, most_tx } => write!(
                out,
                "port {name} cannot have {rx_queues} receive and {tx_queues} transmit queues; it has {most_rx} and {most_tx}"
            ),
            Self::Refused { name, step, errno, log } => {
                let reason = std::io::Error::from_raw_os_error(*errno);
                write!(out, "port {name}: {step} was refused: {reason}")?;
                if log.is_empty() { Ok(()) } else { write!(out, "; DPDK said: {log}") }
            }
        }
    }
}

impl std::error::Error for PortError {}

impl fmt::Display for PortStep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Info => write!(out, "reading what the device can do"),
            Self::Configure => write!(out, "setting the numbers of queues and the offloads"),
            Self::Mtu => write!(out, "setting the MTU"),
            Self::Descriptors => write!(out, "rounding the descriptors"),
            Self::RxQueue(queue) => write!(out, "setting up receive queue {queue}"),
            Self::TxQueue(queue) => write!(out, "setting up transmit queue {queue}"),
            Self::Start => write!(out, "starting"),
            Self::Promiscuous => write!(out, "promiscuous mode"),
            Self::Read => write!(out, "reading counters, link or address"),
        }
    }
}

/// DPDK's number of the port, if there is one of that name.
pub(crate) fn id_of(name: &CStr) -> Option<u16> {
    let mut id = 0;
    // SAFETY: `rte_eth_dev_get_port_by_name` needs a NUL-terminated name and a place for a number.
    let result = unsafe { sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &mut id) };
    (result == 0).then_some(id)
}

impl Port {
    /// Claims the port of a device by its name, such as `net_pcap0` or `0000:3b:00.0`.
    ///
    /// # Errors
    /// `NotFound` or `InUse`.
    pub fn by_name(_eal: &Eal, name: &str) -> Result<Self, PortError> {
        let not_found = || PortError::NotFound { name: name.to_owned() };
        let text = CString::new(name).map_err(|_| not_found())?;
        let mut control = control::lock();
        let id = id_of(&text).ok_or_else(not_found)?;
        if control.claimed.contains(&id) {
            return Err(PortError::InUse { name: name.to_owned() });
        }
        control.claimed.push(id);
        Ok(Self { claim: Claim { id, name: name.to_owned() } })
    }

    /// DPDK's number of the port.
    pub fn id(&self) -> u16 {
        self.claim.id
    }

    /// Name of the driver, such as `net_pcap`.
    ///
    /// # Errors
    /// `Refused`: DPDK did not tell.
    pub fn driver(&self) -> Result<String, PortError> {
        self.claim.driver()
    }

    /// NUMA node of the device; `None` for a virtual one.
    pub fn socket(&self) -> Option<u32> {
        self.claim.socket()
    }

    /// What the device can do.
    ///
    /// # Errors
    /// `Refused`: DPDK did not tell.
    pub fn capabilities(&self) -> Result<Capabilities, PortError> {
        let info = self.claim.info()?;
        Ok(Capabilities {
            rx_queues: info.max_rx_queues,
            tx_queues: info.max_tx_queues,
            spreads: info.flow_type_rss_offloads & sys::ETH_RSS_TYPES != 0,
        })
    }

    /// Sets the port up and starts it. Received packets come from `pool`.
    ///
    /// Packets longer than the pool's data room come as chains where the driver can do that. The queues are given in the order
    /// of their numbers.
    ///
    /// # Errors
    /// See [`PortError`]. The port is then stopped, and its claim given back.
    pub fn configure(
        self,
        config: &PortConfig,
        pool: &Mempool,
    ) -> Result<(StartedPort, Vec<RxQueue>, Vec<TxQueue>), PortError> {
        let mut control = control::lock();
        let (result, said) = control.with_log(|| self.claim.set_up(config, pool));
        // Giving the claim back, as the error path does, takes the lock.
        drop(control);
        result.map_err(|error| match error {
            PortError::Refused { name, step, errno, .. } => PortError::Refused { name, step, errno, log: said },
            other => other,
        })?;
        let running = Running { claim: self.claim };
        let inner = Arc::new(PortInner { running, _pool: pool.clone() });
        let rx = (0..config.rx_queues).map(|id| RxQueue::new(Arc::clone(&inner), id)).collect();
        let tx = (0..config.tx_queues).map(|id| TxQueue::new(Arc::clone(&inner), id)).collect();
        Ok((StartedPort { inner }, rx, tx))
    }
}

impl Claim {
    /// A negative answer of DPDK's, as an error.
    fn check(&self, step: PortStep, result: c_int) -> Result<(), PortError> {
        if result >= 0 {
            return Ok(());
        }
        Err(PortError::Refused { name: self.name.clone(), step, errno: -result, log: String::new() })
    }

    fn info(&self) -> Result<sys::rte_eth_dev_info, PortError> {
        let mut info = MaybeUninit::<sys::rte_eth_dev_info>::zeroed();
        // SAFETY: `rte_eth_dev_info_get` needs a place for the answer, and checks the port.
        let result = unsafe { sys::rte_eth_dev_info_get(self.id, info.as_mut_ptr()) };
        self.check(PortStep::Info, result)?;
        // SAFETY: numbers and pointers, all of them valid as zero, which it was, or as DPDK has filled them in.
        Ok(unsafe { info.assume_init() })
    }

    fn driver(&self) -> Result<String, PortError> {
        let info = self.info()?;
        if info.driver_name.is_null() {
            return Ok(String::new());
        }
        // SAFETY: a driver's name is a NUL-terminated string that lives as long as the driver, which is never unloaded.
        let name = unsafe { CStr::from_ptr(info.driver_name) };
        Ok(name.to_string_lossy().into_owned())
    }

    fn socket(&self) -> Option<u32> {
        // SAFETY: `rte_eth_dev_socket_id` checks the port.
        let socket = unsafe { sys::rte_eth_dev_socket_id(self.id) };
        u32::try_from(socket).ok()
    }

    /// Configures and starts. The caller holds the control lock, and `self` is the only right to the port.
    fn set_up(&self, config: &PortConfig, pool: &Mempool) -> Result<(), PortError> {
        let info = self.info()?;
        if config.rx_queues > info.max_rx_queues || config.tx_queues > info.max_tx_queues {
            return Err(PortError::TooManyQueues {
                name: self.name.clone(),
                rx_queues: config.rx_queues,
                most_rx: info.max_rx_queues,
                tx_queues: config.tx_queues,
                most_tx: info.max_tx_queues,
            });
        }
        let mut key = symmetric_key(usize::from(info.hash_key_size));
        let wanted = settings(config, &info, &mut key);
        // SAFETY: `rte_eth_dev_configure` needs a stopped port nobody else works on (ours, not yet started), and settings
        // that live through the call: `wanted`, and `key`, to which it may point.
        let result = unsafe { sys::rte_eth_dev_configure(self.id, config.rx_queues, config.tx_queues, &wanted) };
        self.check(PortStep::Configure, result)?;
        if let Some(mtu) = config.mtu {
            // SAFETY: `rte_eth_dev_set_mtu` needs a configured port, ours to change.
            let result = unsafe { sys::rte_eth_dev_set_mtu(self.id, mtu) };
            self.check(PortStep::Mtu, result)?;
        }
        let (mut rx_descriptors, mut tx_descriptors) = (config.rx_descriptors, config.tx_descriptors);
        // SAFETY: `rte_eth_dev_adjust_nb_rx_tx_desc` needs places for two numbers.
        let result =
            unsafe { sys::rte_eth_dev_adjust_nb_rx_tx_desc(self.id, &mut rx_descriptors, &mut tx_descriptors) };
        self.check(PortStep::Descriptors, result)?;
        // -1 means "any node" to DPDK, as an unsigned number here.
        let socket = self.socket().unwrap_or(u32::MAX);
        for queue in 0..config.rx_queues {
            let null = std::ptr::null();
            // SAFETY: `rte_eth_rx_queue_setup` needs a configured, stopped port, a queue it has, and a pool that outlives the
            // queue: pools are never freed. Null asks for the driver's usual settings.
            let result =
                unsafe { sys::rte_eth_rx_queue_setup(self.id, queue, rx_descriptors, socket, null, pool.raw()) };
            self.check(PortStep::RxQueue(queue), result)?;
        }
        for queue in 0..config.tx_queues {
            let null = std::ptr::null();
            // SAFETY: `rte_eth_tx_queue_setup` needs a configured, stopped port and a queue it has; null as above.
            let result = unsafe { sys::rte_eth_tx_queue_setup(self.id, queue, tx_descriptors, socket, null) };
            self.check(PortStep::TxQueue(queue), result)?;
        }
        // SAFETY: `rte_eth_dev_start` needs a configured port with all its queues set up.
        let result = unsafe { sys::rte_eth_dev_start(self.id) };
        self.check(PortStep::Start, result)?;
        mbuf::find_timestamp_field();
        if !config.promiscuous {
            return Ok(());
        }
        self.promiscuous().inspect_err(|_| {
            // SAFETY: `rte_eth_dev_stop` needs a port nobody uses: its queues have not been given out.
            let _stopped = unsafe { sys::rte_eth_dev_stop(self.id) };
        })
    }

    fn promiscuous(&self) -> Result<(), PortError> {
        // SAFETY: `rte_eth_promiscuous_enable` needs a port, ours to change.
        let result = unsafe { sys::rte_eth_promiscuous_enable(self.id) };
        // Virtual devices take every frame and have no such switch.
        const NOT_SUPPORTED: c_int = -95;
        if result == NOT_SUPPORTED { Ok(()) } else { self.check(PortStep::Promiscuous, result) }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        control::lock().claimed.retain(|id| *id != self.id);
    }
}

/// A hash key by which both directions of a connection have the same hash.
fn symmetric_key(bytes: usize) -> Vec<u8> {
    let bytes = if bytes == 0 { 40 } else { bytes };
    [0x6d, 0x5a].into_iter().cycle().take(bytes).collect()
}

/// The device-wide settings; they may point to `key`.
fn settings(config: &PortConfig, info: &sys::rte_eth_dev_info, key: &mut [u8]) -> sys::rte_eth_conf {
    // SAFETY: rte_eth_conf is numbers, enumerations with a zero, unions of those and pointers: all zeroes is a value, and
    // DPDK's way to say "nothing asked for".
    let mut wanted = unsafe { MaybeUninit::<sys::rte_eth_conf>::zeroed().assume_init() };
    wanted.rxmode.offloads = info.rx_offload_capa & sys::ETH_RX_SCATTER;
    wanted.txmode.offloads = info.tx_offload_capa & sys::ETH_TX_MULTI_SEGS;
    let spread = info.flow_type_rss_offloads & sys::ETH_RSS_TYPES;
    if config.rx_queues > 1 && spread != 0 {
        wanted.rxmode.mq_mode = sys::ETH_MQ_RSS;
        wanted.rx_adv_conf.rss_conf.rss_hf = spread;
        wanted.rx_adv_conf.rss_conf.rss_key = key.as_mut_ptr();
        // A key has 40 or 52 bytes; the field is as wide as the header of this release says.
        wanted.rx_adv_conf.rss_conf.rss_key_len = key.len() as _;
    }
    wanted
}

impl StartedPort {
    /// DPDK's number of the port.
    pub fn id(&self) -> u16 {
        self.inner.id()
    }

    /// Name of the device.
    pub fn name(&self) -> &str {
        &self.claim().name
    }

    /// Name of the driver, such as `net_pcap`.
    ///
    /// # Errors
    /// `Refused`: DPDK did not tell.
    pub fn driver(&self) -> Result<String, PortError> {
        self.claim().driver()
    }

    /// NUMA node of the device; `None` for a virtual one.
    pub fn socket(&self) -> Option<u32> {
        self.claim().socket()
    }

    /// Counters since the start.
    ///
    /// # Errors
    /// `Refused`: the driver did not tell.
    pub fn stats(&self) -> Result<PortStats, PortError> {
        let mut stats = MaybeUninit::<sys::rte_eth_stats>::zeroed();
        // SAFETY: `rte_eth_stats_get` needs a place for the answer, and checks the port.
        let result = unsafe { sys::rte_eth_stats_get(self.id(), stats.as_mut_ptr()) };
        self.claim().check(PortStep::Read, result)?;
        // SAFETY: numbers only, all of them valid as zero, which they were, or as DPDK has filled them in.
        let stats = unsafe { stats.assume_init() };
        Ok(PortStats {
            rx_packets: stats.ipackets,
            rx_bytes: stats.ibytes,
            rx_missed: stats.imissed,
            rx_errors: stats.ierrors,
            rx_no_mbuf: stats.rx_nombuf,
            tx_packets: stats.opackets,
            tx_bytes: stats.obytes,
            tx_errors: stats.oerrors,
        })
    }

    /// Hardware address.
    ///
    /// # Errors
    /// `Refused`: the driver did not tell.
    pub fn mac(&self) -> Result<[u8; 6], PortError> {
        let mut mac = [0; 6];
        // SAFETY: `shim_mac` needs room for six bytes, and checks the port.
        let result = unsafe { sys::shim_mac(self.id(), mac.as_mut_ptr()) };
        self.claim().check(PortStep::Read, result)?;
        Ok(mac)
    }

    /// Largest layer 3 packet, in bytes.
    ///
    /// # Errors
    /// `Refused`: the driver did not tell.
    pub fn mtu(&self) -> Result<u16, PortError> {
        let mut mtu = 0;
        // SAFETY: `rte_eth_dev_get_mtu` needs a place for a number, and checks the port.
        let result = unsafe { sys::rte_eth_dev_get_mtu(self.id(), &mut mtu) };
        self.claim().check(PortStep::Read, result)?;
        Ok(mtu)
    }

    /// State of the wire, without waiting for it to settle.
    ///
    /// # Errors
    /// `Refused`: the driver did not tell.
    pub fn link(&self) -> Result<Link, PortError> {
        let mut link = MaybeUninit::<sys::shim_link>::zeroed();
        // SAFETY: `shim_link` needs a place for the answer; DPDK checks the port.
        let result = unsafe { sys::shim_link(self.id(), link.as_mut_ptr()) };
        self.claim().check(PortStep::Read, result)?;
        // SAFETY: numbers only, all of them valid as zero, which they were, or as the shim has filled them in.
        let link = unsafe { link.assume_init() };
        let speed_mbps = (link.speed_mbps != 0 && link.speed_mbps != u32::MAX).then_some(link.speed_mbps);
        Ok(Link { up: link.up != 0, speed_mbps, full_duplex: link.full_duplex != 0 })
    }

    fn claim(&self) -> &Claim {
        &self.inner.running.claim
    }
}

impl PortInner {
    #[inline]
    pub(crate) fn id(&self) -> u16 {
        self.running.claim.id
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _control = control::lock();
        // A port that does not stop or close cannot be helped here; the claim goes all the same.
        // SAFETY: `rte_eth_dev_stop` needs that nobody uses the queues: each of them held the `PortInner` that now drops.
        let _stopped = unsafe { sys::rte_eth_dev_stop(self.claim.id) };
        // SAFETY: `rte_eth_dev_close` needs a stopped port; the claim is still ours, so nobody else works on it.
        let _closed = unsafe { sys::rte_eth_dev_close(self.claim.id) };
    }
}
