//! What this machine can do, and what to change: the facts behind `sluice doctor`.
//!
//! One file per concern, each a function from [`Roots`] (and [`Libraries`]) to [`Finding`]s. Called by `sluice-cli`. Reads only, needs no
//! root, starts no EAL: what changes a host is `hugepage-setup/`, to which the findings refer. What can't be read is said so.

mod clock;
mod disk;
mod dpdk;
mod examine;
mod finding;
mod hyperscan;
mod iommu;
mod kernel;
mod limits;
mod memory;
mod network;
mod processor;
mod roots;
mod user;

pub use examine::{Libraries, examine};
pub use finding::{Finding, Group, Level};
pub use roots::Roots;
