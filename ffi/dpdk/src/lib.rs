//! Safe, owned handles over DPDK: EAL, lcores, memory pools, packets, bursts, ports and their queues.
//!
//! Called by `sluice-worker` (queues, bursts, packets) and by the control core and the command line (EAL, pools, ports). Only
//! this crate calls `dpdk-sys`. A handle is the right to use a thing: a queue has one owner, a packet is freed once, a port
//! stops when its last handle goes. EAL itself is never taken down before the process ends, because a packet may be anywhere
//! until then; so packets, pools and queues need no lifetime.
//!
//! Not here yet: packet capture (rte_pdump), telemetry commands, secondary processes, flow rules, checksum offload.
//!
//! Sources: the programmer's guide and API reference of DPDK 22.11; behaviour of the virtual devices as our tests observe it.
#![allow(unsafe_code)]

mod burst;
mod control;
mod eal;
mod host;
mod hotplug;
mod lcore;
mod library;
mod mbuf;
mod mempool;
mod port;
mod queue;

pub use burst::{BURST, Burst, Drain};
pub use eal::{Eal, EalError, EalOptions, Hugepages, LogLevel, Telemetry};
pub use host::{DiskRoom, disk_room, may_write, mount_path};
pub use hotplug::HotplugError;
pub use lcore::{LaunchError, Lcore, LcoreHandle};
pub use library::{driver_folder, version};
pub use mbuf::{AppendError, Mbuf, MbufRef, OverwriteError, Segments, SharedData, TrimError};
pub use mempool::{Mempool, MempoolError, PoolEmpty};
pub use port::{Capabilities, Link, Port, PortConfig, PortError, PortStats, PortStep, StartedPort};
pub use queue::{RxQueue, TxQueue};
